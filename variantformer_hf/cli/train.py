"""``variantformer train``: both stages, from a YAML file."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .progress import progress


def train(
    stage: Annotated[Literal["encoder", "expression"], typer.Argument(help="Stage 1 or stage 2.")],
    config: Annotated[Path, typer.Option(help="Options, YAML; paths are relative to it.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Open and check everything, say what the run would do, and stop.")
    ] = False,
) -> None:
    """Train, or go on with, a run.

    Everything is checked before the first step. The output folder holds `best` and `last`, folders for from_pretrained,
    `log.jsonl`, and states that the run goes on from when it is started again with the same options.
    """
    import pysam
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    pysam.set_verbosity(0)
    plan, run = _stage(stage, config)
    if dry_run:
        typer.echo(json.dumps(plan(), indent=2, default=str))
        return
    result = run()
    for name, value in result.items():
        typer.echo(f"held-out {name}: {value:.4f}", err=True)


def _stage(stage: str, config: Path) -> tuple[Any, Any]:
    """Functions that say what a run would do, and that run it."""
    if stage == "encoder":
        from ..training import encoder
        from ..training.options import EncoderOptions, read_options

        wanted = read_options(config, EncoderOptions)

        def plan_of_encoder() -> dict[str, Any]:
            setup = encoder.set_up(wanted)
            return {**setup.plan, "on_this_cpu": encoder.estimate(wanted, setup)}

        return plan_of_encoder, lambda: _with_progress(lambda on_step: encoder.train_encoder(wanted, on_step=on_step))
    from ..training import expression
    from ..training.options import ExpressionOptions, read_options

    asked = read_options(config, ExpressionOptions)

    def plan_of_expression() -> dict[str, Any]:
        setup = expression.set_up(asked)
        return {**setup.plan, "on_this_cpu": expression.estimate(asked, setup)}

    return plan_of_expression, lambda: _with_progress(
        lambda on_step: expression.train_expression(asked, on_step=on_step)
    )


def _with_progress(run: Any) -> dict[str, float]:
    with progress("training", "steps") as show:

        def on_step(done: int, total: int, loss: float, speed: float) -> None:
            show(done, total, f"loss {loss:.4f}, {speed:,.1f} examples/s")

        found: dict[str, float] = run(on_step)
    return found
