"""``variantformer train``: a stage of training, from a YAML file."""

import json
from pathlib import Path
from typing import Annotated

import typer

from .outputs import claim_folder
from .progress import progress
from .settings import quiet_libraries


def train(
    stage: Annotated[
        str,
        typer.Argument(
            help="encoder (stage 1), expression (stage 2, and any model of expression), or a model's own recipe: "
            "variformer, ukbiobert, epinformer, ukbioformer (docs/training.md)."
        ),
    ],
    config: Annotated[Path, typer.Option(help="Options, YAML; paths are relative to it.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Open and check everything, say what the run would do, and stop.")
    ] = False,
) -> None:
    """Train, or go on with, a run.

    Everything is checked before the first step. The output folder holds `best` and `last`, folders for from_pretrained,
    `log.jsonl`, and states that the run goes on from when it is started again with the same options.
    """
    import datasets

    from ..training.checkpoints import kept_of_run
    from ..training.options import read_options
    from ..training.stages import stage_named

    quiet_libraries()
    datasets.disable_progress_bars()
    way = stage_named(stage)
    options = read_options(config, way.options)
    if dry_run:
        setup = way.set_up(options)
        plan = {**setup.plan, "on_this_cpu": way.estimate(options, setup)}
        typer.echo(json.dumps(plan, indent=2, default=str))
        return
    output = options.loop.output
    claim_folder(output, kept=lambda: kept_of_run(output))
    with progress("training", "steps") as show:

        def on_step(done: int, total: int, loss: float, speed: float) -> None:
            show(done, total, f"loss {loss:.4f}, {speed:,.1f} examples/s")

        result = way.train(options, on_step=on_step)
    for name, value in result.items():
        typer.echo(f"held-out {name}: {value:.4f}", err=True)
