"""Training on the expression of cohorts' donors: any model of the zoo, by its family's recipe."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from ..data.donors import DonorGenomes
from ..data.epochs import ALL, Share
from ..data.examples import ExpressionExamples, expression_dataset
from ..data.expression import Expression
from ..data.expression_pairs import ExpressionPairs, expression_pairs
from ..data.splits import Split, summary
from ..errors import InputError
from ..evaluation.correlations import as_matrix, gene_correlation, subject_correlation
from ..genome.options import GenotypeOptions
from ..run_key import run_key
from ..zoo.gene_model import GeneModel
from .loop import TRAINING_LOSS, TrainingLoop, gathered_scores, held_out_number, run_time, seconds_a_batch, start
from .options import ExpressionOptions, check_writable, run_description
from .recipes import Recipe, recipe_of

logger = logging.getLogger(__name__)

# What :func:`held_out_scores` gives that may choose ``best``.
NUMBERS = ("loss", "gene_correlation", "subject_correlation")


@dataclass(frozen=True)
class ExpressionSetup:
    """Everything of a run, opened and checked.

    Attributes:
        recipe: how the model is trained, and the model as it begins.
        train, held_out: examples; held_out is None where the split has no such part.
        held_out_part: ``validation``, or ``test`` where there is none; None where there is neither.
        best_by: what ``best`` is chosen by: donors of the test part choose nothing.
        plan: what the run will do, for people.
    """

    recipe: Recipe
    train: ExpressionExamples
    held_out: ExpressionExamples | None
    held_out_part: str | None
    best_by: str
    plan: dict[str, Any]

    @property
    def model(self) -> GeneModel:
        """The model as it begins."""
        return self.recipe.model


def set_up(options: ExpressionOptions) -> ExpressionSetup:
    """Open and check everything that a run needs, without training.

    Raises:
        InputError: anything that would stop the run later: an option, a file, a donor without genotypes, a tissue, gene
            table or unit that does not fit, an empty part, a number to monitor that there is none of.
    """
    check_writable(options.loop.output)
    recipe = recipe_of(options)
    model = recipe.model
    monitored = held_out_number(options.loop, NUMBERS)
    expression, split = Expression.load(options.expression), Split.load(options.split)
    if expression.scale != model.unit.name:
        raise InputError(
            f"its values are {expression.scale}, and the model's are {model.unit.name}",
            file=options.expression,
            remedy="Give values in the model's unit (see `Expression.with_values`), or another model.",
        )
    genomes = DonorGenomes(
        options.fasta, options.vcfs, GenotypeOptions(mode=model.modes[0], min_probability=options.min_probability)
    )
    held_out_part = next(
        (part for part in ("validation", "test") if any(part in donors.values() for donors in split.donors.values())),
        None,
    )
    pairs = {
        name: expression_pairs(expression, split, part, model.gene_table, model.tissue_names)
        for name, part in (("train", "train"), ("held_out", held_out_part))
        if part is not None
    }
    parts = {
        name: ExpressionExamples(each, genomes, model, n_tissues=options.n_tissues, seed=options.loop.seed)
        for name, each in pairs.items()
    }
    _check_genotypes(pairs, genomes, parts["train"])
    train, held_out = pairs["train"], pairs.get("held_out")
    effective = options.loop.batch_size * options.loop.gradient_accumulation
    parameters = list(recipe.network.parameters())
    plan = {
        "parameters": sum(each.numel() for each in parameters),
        "parameters_that_learn": sum(each.numel() for each in parameters if each.requires_grad),
        "pairs": len(train),
        "values": len(train.value),
        "held_out_part": held_out_part,
        "held_out_pairs": 0 if held_out is None else len(held_out),
        "split": summary(split),
        "pairs_in_a_step_and_process": effective,
        "steps_in_an_epoch_of_one_process": math.ceil(len(train) / effective),
        "epochs": options.loop.epochs,
        "best_by": monitored if held_out_part == "validation" else TRAINING_LOSS,
    }
    return ExpressionSetup(recipe, parts["train"], parts.get("held_out"), held_out_part, plan["best_by"], plan)


def _check_genotypes(pairs: dict[str, ExpressionPairs], genomes: DonorGenomes, examples: ExpressionExamples) -> None:
    """Check that the donors of all parts have genotypes, on every chromosome where a gene to train on lies."""
    train, finder = pairs["train"], examples.opened.finder
    genes = examples.opened.model.gene_table.genes
    contigs = dict.fromkeys(finder.reach(genes[gene]).chrom for gene in np.unique(train.gene).tolist())
    for cohort in dict.fromkeys(train.cohorts):
        used = {
            each.donors[donor]
            for each in pairs.values()
            for donor in np.unique(each.donor).tolist()
            if each.cohorts[donor] == cohort
        }
        genomes.check(cohort, sorted(used))
        genomes.check_contigs(cohort, {donor: list(contigs) for donor in sorted(used)}, "genes")


def estimate(options: ExpressionOptions, setup: ExpressionSetup) -> dict[str, float]:
    """How long a run would take on this machine's CPU, from one batch; what comes before the first step not counted.

    Returns:
        seconds_a_step, hours.
    """
    pairs = range(min(options.loop.batch_size, len(setup.train.pairs)))
    seconds = seconds_a_batch(
        setup.recipe.network,
        lambda: setup.recipe.trial_batch([setup.train({"epoch": 0, "pair": pair}) for pair in pairs]),
    )
    return run_time(seconds, options.loop, len(setup.train.pairs))


def train_expression(
    options: ExpressionOptions,
    *,
    on_step: Callable[[int, int, float, float], None] | None = None,
    on_donor: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Train a model on expression, or go on with a run.

    ``output/best`` and ``output/last`` are folders for ``from_pretrained``; ``output/log.jsonl`` has the losses.

    Args:
        options: see there.
        on_step: called with (done, total, loss, examples a second).
        on_donor: called with (done, total) while a recipe prepares donors before the first step.

    Returns:
        The last evaluation on held-out donors; empty where there are none.

    Raises:
        InputError: see :func:`set_up` and ``TrainingLoop``.
    """
    setup = set_up(options)
    recipe = setup.recipe
    accelerator = start(options.loop)
    if setup.best_by == TRAINING_LOSS and accelerator.is_main_process:
        logger.warning(
            "the split has no validation part: best is chosen by the training loss%s",
            "" if setup.held_out is None else ", and nothing by the test donors, whose numbers are only written down",
        )
    recipe.prepare([each for each in (setup.train, setup.held_out) if each is not None], accelerator, on_donor)

    def evaluate(trained: Any) -> dict[str, float]:
        assert setup.held_out is not None
        share = accelerator.process_index, accelerator.num_processes
        return held_out_scores(
            trained, setup.held_out, recipe, options.evaluate_pairs, share=share, device=accelerator.device
        )

    loop = TrainingLoop(
        accelerator,
        recipe.network,
        options.loop,
        run_key(_description(setup)),
        examples=lambda epoch, share: expression_dataset(setup.train, epoch=epoch, seed=options.loop.seed, share=share),
        n_examples=len(setup.train.pairs),
        collate=recipe.collate,
        evaluate=None if setup.held_out is None else evaluate,
        best_by=setup.best_by,
        save_model=recipe.save,
        before_step=recipe.before_step,
        after_step=recipe.after_step,
        on_step=on_step,
    )
    return loop.run()


def held_out_scores(
    network: PreTrainedModel,
    examples: ExpressionExamples,
    recipe: Recipe,
    most: int,
    *,
    share: Share = ALL,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Loss and correlations on held-out pairs, all tissues of each.

    Args:
        network: in evaluation mode.
        examples: of the held-out part.
        recipe: makes batches of examples.
        most: pairs that are predicted; the same ones each time.
        share: (number, of): which of several processes this is; all get the whole result.
        device: of the network.

    Returns:
        loss (mean over values), gene_correlation (within each tissue, over donors; constant predictions count as 0),
        subject_correlation (over genes), and how many values.
    """
    pairs = examples.pairs
    chosen = np.random.default_rng(0).permutation(len(pairs))[:most]
    rows: list[tuple[str, str, float, float]] = []
    total, count = 0.0, 0
    for pair in chosen[share[0] :: share[1]].tolist():
        gene = examples.gene(pair)
        if gene is None:
            continue
        outputs, labels = pairs.values(pair)
        batch = recipe.collate([{"gene": gene, "outputs": outputs, "labels": labels}])
        with torch.inference_mode():
            output = network(**{name: tensor.to(device) for name, tensor in batch.items()}, return_dict=True)
        predicted = output.logits[0].float().cpu().numpy()
        total += float(output.loss) * len(labels)
        count += len(labels)
        gene_id, donor = pairs.genes[pairs.gene[pair]], pairs.donors[pairs.donor[pair]]
        rows += [
            (f"{gene_id}|{tissue}", donor, float(observed), float(value))
            for tissue, observed, value in zip(outputs.tolist(), labels.tolist(), predicted.tolist(), strict=True)
        ]
    rows, total, count = gathered_scores(rows, total, count, share[1])
    if not count:
        return {"loss": math.nan, "gene_correlation": math.nan, "subject_correlation": math.nan, "values": 0.0}
    names, donors = [row[0] for row in rows], [row[1] for row in rows]
    observed, *_ = as_matrix(names, donors, [row[2] for row in rows])
    predicted, *_ = as_matrix(names, donors, [row[3] for row in rows])
    return {
        "loss": total / count,
        "gene_correlation": gene_correlation(observed, predicted).summary(constant_as_zero=True)["spearman"],
        "subject_correlation": subject_correlation(observed, predicted).summary()["spearman"],
        "values": float(count),
    }


def _description(setup: ExpressionSetup) -> dict[str, Any]:
    """All that the losses of a run depend on."""
    options = setup.recipe.options
    described = run_description(options)
    described.pop("element_store")
    data = Expression.load(options.expression).report
    companions = setup.model.companions()
    return {**described, "data": data, "split": Path(options.split).read_text(), "companions": companions}
