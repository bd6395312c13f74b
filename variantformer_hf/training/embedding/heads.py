"""Heads of tissues are fitted to vectors of people's genes, on the project's training loop (VariantFormer, S1.2).

First to protein-coding genes, then on to all of them: two runs of the loop, the second of which begins as the first
ended.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from transformers import PreTrainedModel

from ...data.examples import expression_dataset
from ...data.expression import Expression
from ...data.expression_pairs import ExpressionPairs, expression_pairs
from ...data.splits import Split
from ...modeling import EmbeddingHeadsConfig, EmbeddingHeadsForExpression
from ...run_key import run_key
from ...version import __version__
from ...whole_folders import replace_folder
from ...zoo.companions import table_digests
from ...zoo.embedding.gene_model import EmbeddingHeadsGeneModel
from ...zoo.embedding_table import EmbeddingTable
from ...zoo.model_files import load_strictly
from ...zoo.outputs import TissueNames
from ..held_out import held_out_scores
from ..loop import TRAINING_LOSS, TrainingLoop, start
from ..recipes import name_trained_genes
from .embedded_pairs import (
    EmbeddedExamples,
    EmbeddedPairs,
    EmbeddingInputs,
    collate,
    tissue_names,
    train_pairs,
)
from .options import HeadsOptions

HEADS = "heads"
_CODING = "protein_coding"
_HELD_OUT = "held-out loss"
OnStep = Callable[[int, int, float, float], None]


@dataclass(frozen=True)
class _Phase:
    """A run of the loop.

    Attributes:
        name: of its folder.
        epochs: how many.
        train: pairs to learn from.
        held_out: pairs of held-out donors; None = there are none.
        best_by: what ``best`` is chosen by.
    """

    name: str
    epochs: int
    train: EmbeddedPairs
    held_out: EmbeddedPairs | None
    best_by: str

    @property
    def chosen(self) -> str:
        """Which of the loop's models stands at its end: donors of the test part choose nothing."""
        return "best" if self.best_by == _HELD_OUT else "last"


def fit_heads(
    options: HeadsOptions,
    expression: Expression,
    split: Split,
    inputs: EmbeddingInputs,
    folder: str | Path,
    *,
    parts: str | Path,
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Fit heads to the people, and the genes, of the part ``train``.

    Where the split has a part ``validation``, the epoch with the least loss over its donors is kept, else the last.

    Args:
        options: see there.
        expression: values.
        split: who is held out.
        inputs: vectors and genes.
        folder: of the model; made.
        parts: folder of the loops' states; the same call goes on from it, and removes it at the end.
        on_step: called with (done, total, loss, examples a second).

    Returns:
        The report, which the folder holds too: people, genes and values that were used, and the rest by reason.

    Raises:
        InputError: nobody to train on has a vector; a file cannot be read; ``parts`` is of another run.
    """
    folder, work = Path(folder), Path(parts).absolute()
    coding = _coding(inputs)
    if coding and not options.more_epochs:
        inputs, coding = replace(inputs, only=frozenset(inputs.genes.genes[each].gene_id for each in coding)), []
    train = train_pairs(expression, split, inputs)
    held_out_part = next((part for part in ("validation", "test") if part in split.parts), None)
    held_out = None
    if held_out_part is not None:
        names = TissueNames(tissue_names(expression))
        held_out = expression_pairs(expression, split, held_out_part, inputs.genes, names)
        held_out = held_out.in_outputs(train.number_of)
    best_by = _HELD_OUT if held_out_part == "validation" else TRAINING_LOSS
    phases = _phases(options, inputs, train.embedded, held_out, best_by, coding)
    fields = inputs.config_fields(folder.absolute())
    described = {
        "version": __version__,
        "options": asdict(options),
        "vectors": inputs.table.sha256,
        "fields": fields,
        "genes": table_digests(inputs.genes),
        "tissues": train.tissues,
        "phases": [
            [each.epochs, each.train.digest(), each.held_out.digest() if each.held_out else None] for each in phases
        ],
        "best_by": best_by,
    }
    key = run_key(described)
    model = _new_model(options, inputs, train.tissues, fields, expression.scale, phases)
    results: dict[str, Any] = {}
    for phase in phases:
        results[phase.name] = _run(phase, options, inputs, model, work / phase.name, key, on_step)
        chosen = work / phase.name / phase.chosen
        model.network = load_strictly(EmbeddingHeadsForExpression, chosen, dtype=torch.float32)
    model.network.config.embedding_model = fields["embedding_model"]
    report = {
        "kind": HEADS,
        "version": __version__,
        **train.counts(),
        "phases": {
            each.name: {
                "epochs": each.epochs,
                "pairs": len(each.train.pairs),
                "kept": each.chosen,
                **results[each.name],
            }
            for each in phases
        },
        "held_out_part": held_out_part,
        "recipe": asdict(options),
    }

    def write(partial: Path) -> None:
        model.save(partial)
        (partial / "report.json").write_text(json.dumps(report, indent=2) + "\n")

    replace_folder(folder, write)
    shutil.rmtree(work, ignore_errors=True)
    return report


def _coding(inputs: EmbeddingInputs) -> list[int]:
    """Places of the protein-coding genes among those that are asked for; [] where there are no others, or no types."""
    asked = [each for each in inputs.genes if inputs.only is None or each.gene_id in inputs.only]
    if len({gene.gene_type == _CODING for gene in asked}) < 2 or any(gene.gene_type is None for gene in asked):
        return []
    number_of = {gene.gene_id: number for number, gene in enumerate(inputs.genes)}
    return [number_of[gene.gene_id] for gene in asked if gene.gene_type == _CODING]


def _phases(
    options: HeadsOptions,
    inputs: EmbeddingInputs,
    train: EmbeddedPairs,
    held_out: ExpressionPairs | None,
    best_by: str,
    coding: Sequence[int],
) -> list[_Phase]:
    """What is trained in turn; see ``HeadsOptions``."""
    used = set(train.pairs.gene.tolist())
    wanted: list[tuple[str, int, Sequence[int] | None]] = [("genes", options.epochs or options.more_epochs, None)]
    if used & set(coding) and used - set(coding):
        wanted = [("coding", options.epochs, coding), ("all", options.more_epochs, None)]
    phases = []
    for name, epochs, genes in wanted:
        if not epochs:
            continue
        there = None if held_out is None else EmbeddedPairs.of(held_out, inputs.table, genes)
        of_train = train if genes is None else train.of_genes(genes)
        if there is not None and not len(there.pairs):
            there = None
        by = best_by if there is not None else TRAINING_LOSS
        phases.append(_Phase(name, epochs, of_train, there, by))
    return phases


def _new_model(
    options: HeadsOptions,
    inputs: EmbeddingInputs,
    tissues: Sequence[str],
    fields: dict[str, Any],
    unit: str,
    phases: Sequence[_Phase],
) -> EmbeddingHeadsGeneModel:
    """Heads as they begin: drawn weights, the spread of the vectors to train on, and the mean of each tissue's values.

    The last is ours: the paper does not say how its heads begin.
    """
    torch.manual_seed(options.seed)
    shared, *head_sizes = options.hidden
    config = EmbeddingHeadsConfig(
        kind=HEADS,
        tissues=list(tissues),
        genes=[],
        hidden_size=shared,
        head_sizes=head_sizes,
        hidden_dropout=options.dropout,
        recipe=asdict(options),
        unit=unit,
        **{**fields, "embedding_model": None},
    )
    network = EmbeddingHeadsForExpression(config)
    first = phases[0].train
    network.center[:], network.scale[:] = _spread(inputs.table, first.row)
    sums = np.bincount(first.pairs.tissue, first.pairs.value, minlength=len(tissues))
    counts = np.bincount(first.pairs.tissue, minlength=len(tissues))
    means = sums / np.maximum(counts, 1)
    with torch.no_grad():
        network.linear3.bias[:, 0] = torch.from_numpy(np.where(counts > 0, means, means[counts > 0].mean()))
    fits = _fits(phases[-1].train.pairs, tissues)
    return EmbeddingHeadsGeneModel(network, inputs.genes, fits=fits, device="cpu", precision="float32")


def _fits(pairs: ExpressionPairs, tissues: Sequence[str]) -> pa.Table:
    """A row a tissue: its people, genes and values to train on."""
    pair = np.repeat(np.arange(len(pairs)), np.diff(pairs.first))
    of_tissue = [pair[pairs.tissue == number] for number in range(len(tissues))]
    return pa.table(
        {
            "tissue": list(tissues),
            "n_people": [len(np.unique(pairs.donor[here])) for here in of_tissue],
            "n_genes": [len(np.unique(pairs.gene[here])) for here in of_tissue],
            "n_values": [len(here) for here in of_tissue],
        }
    )


def _spread(table: EmbeddingTable, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each number of some vectors; 1 where all are the same."""
    total, squares = np.zeros(table.width), np.zeros(table.width)
    shift = table.vector(int(rows[0])).astype(np.float64)
    for vector in table.vectors(np.sort(rows)):
        away = vector - shift
        total += away
        squares += away * away
    mean = total / len(rows)
    deviation = np.sqrt(np.maximum(squares / len(rows) - mean * mean, 0))
    scale = np.where(deviation > 1e-6 * np.maximum(1e-6, np.abs(shift)), deviation, 1.0)
    return torch.from_numpy(mean + shift).float(), torch.from_numpy(scale).float()


def _run(
    phase: _Phase,
    options: HeadsOptions,
    inputs: EmbeddingInputs,
    model: EmbeddingHeadsGeneModel,
    output: Path,
    key: str,
    on_step: OnStep | None,
) -> dict[str, float]:
    """Train for a phase, or go on with it; the last numbers of held-out donors."""
    gene_ids = [phase.train.pairs.genes[gene] for gene in np.unique(phase.train.pairs.gene).tolist()]
    name_trained_genes(model, gene_ids)
    loop_options = options.loop(output, phase.epochs)
    accelerator = start(loop_options)
    examples = EmbeddedExamples(phase.train, inputs.table, n_tissues=options.n_tissues, seed=options.seed)
    held_out = None
    if phase.held_out is not None:
        held_out = EmbeddedExamples(phase.held_out, inputs.table, n_tissues=options.n_tissues, seed=options.seed)

    def evaluate(trained: PreTrainedModel) -> dict[str, float]:
        assert held_out is not None
        share = accelerator.process_index, accelerator.num_processes
        most, device = options.evaluate_pairs, accelerator.device
        return held_out_scores(trained, held_out, collate, most, share=share, device=device)

    def save(trained: PreTrainedModel, folder: Path) -> None:
        made = copy(model)
        made.network = trained
        made.save(folder)

    loop = TrainingLoop(
        accelerator,
        model.network,
        loop_options,
        key,
        examples=lambda epoch, share: expression_dataset(examples, epoch=epoch, seed=options.seed, share=share),
        n_examples=len(phase.train.pairs),
        collate=collate,
        evaluate=None if held_out is None else evaluate,
        best_by=phase.best_by,
        save_model=save,
        on_step=on_step,
    )
    return loop.run()
