"""Training on the expression of cohorts' donors: any model of the zoo, by its family's recipe."""

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..data.donors import DonorGenomes
from ..data.epochs import ALL
from ..data.examples import ExpressionExamples
from ..data.expression import Expression
from ..data.expression_pairs import ExpressionPairs, expression_pairs
from ..data.splits import Split, summary
from ..errors import InputError
from ..genome.options import GenotypeOptions
from ..run_key import run_key
from ..zoo.gene_model import GeneModel
from .loop import TRAINING_LOSS, TrainingLoop, held_out_number, run_time, seconds_a_batch, start
from .options import ExpressionOptions, check_writable, run_description
from .recipes import Recipe, recipe_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExpressionSetup:
    """Everything of a run, opened and checked.

    Attributes:
        recipe: how the model is trained, and the model as it begins.
        train: examples to learn from.
        held_out: part of the genes -> examples of held-out donors, of the parts that the recipe evaluates and that have
            values; empty where no donor is held out.
        held_out_part: ``validation``, or ``test`` where there is none; None where there is neither.
        best_by: what ``best`` is chosen by: donors of the test part choose nothing.
        plan: what the run will do, for people.
    """

    recipe: Recipe
    train: ExpressionExamples
    held_out: Mapping[str, ExpressionExamples]
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
    expression, split = Expression.load(options.expression), Split.load(options.split)
    if expression.scale != model.unit.name:
        raise InputError(
            f"its values are {expression.scale}, and the model's are {model.unit.name}",
            file=options.expression,
            remedy="Give values in the model's unit (see `Expression.with_values`), or another model.",
        )
    genomes = DonorGenomes(
        options.fasta,
        options.vcfs,
        GenotypeOptions(mode=model.modes[0], min_probability=options.min_probability),
        of_reference=options.reference_cohorts,
    )
    held_out_part = next((part for part in ("validation", "test") if part in split.parts), None)
    train = expression_pairs(expression, split, "train", model.gene_table, model.tissue_names)
    held_out = {
        genes: expression_pairs(expression, split, held_out_part, model.gene_table, model.tissue_names, gene_part=genes)
        for genes in recipe.evaluated_genes
        if held_out_part is not None and (genes == "train" or genes in split.genes.values())
    }

    def examples_of(pairs: ExpressionPairs) -> ExpressionExamples:
        seed, keep = options.loop.seed, recipe.keep_inputs
        return ExpressionExamples(pairs, genomes, model, n_tissues=options.n_tissues, seed=seed, keep=keep)

    examples = examples_of(train)
    evaluated = {genes: examples_of(pairs) for genes, pairs in held_out.items()}
    _check_genotypes(train, held_out.values(), genomes, examples)
    of_recipe = recipe.set_up(examples, evaluated)
    monitored = held_out_number(options.loop, recipe.numbers(evaluated))
    effective = options.loop.batch_size * options.loop.gradient_accumulation
    parameters = list(recipe.network.parameters())
    plan = {
        "parameters": sum(each.numel() for each in parameters),
        "parameters_that_learn": sum(each.numel() for each in parameters if each.requires_grad),
        "pairs": len(train),
        "values": len(train.value),
        **({"values_of_genes_without_part": train.n_without_gene_part} if split.genes else {}),
        "held_out_part": held_out_part,
        "held_out_pairs": sum(map(len, held_out.values())),
        "split": summary(split),
        "pairs_in_a_step_and_process": effective,
        "steps_in_an_epoch_of_one_process": math.ceil(recipe.n_examples(examples, 1) / effective),
        "epochs": options.loop.epochs,
        "best_by": monitored if held_out_part == "validation" else TRAINING_LOSS,
        **of_recipe,
    }
    return ExpressionSetup(recipe, examples, evaluated, held_out_part, plan["best_by"], plan)


def _check_genotypes(
    train: ExpressionPairs, held_out: Iterable[ExpressionPairs], genomes: DonorGenomes, examples: ExpressionExamples
) -> None:
    """Check that the donors of all parts have genotypes, on every chromosome where a gene of the run lies."""
    finder = examples.opened.finder
    genes = examples.opened.model.gene_table.genes
    pairs = [train, *held_out]
    used_genes = dict.fromkeys(gene for each in pairs for gene in np.unique(each.gene).tolist())
    contigs = dict.fromkeys(finder.reach(genes[gene]).chrom for gene in used_genes)
    for cohort in dict.fromkeys(train.cohorts):
        used = {
            each.donors[donor]
            for each in pairs
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
    recipe = setup.recipe
    examples = list(islice(recipe.epoch(setup.train, 0, ALL), options.loop.batch_size))
    seconds = seconds_a_batch(recipe.network, lambda: recipe.trial_batch(examples))
    return run_time(seconds, options.loop, recipe.n_examples(setup.train, 1))


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
            "" if not setup.held_out else ", and nothing by the test donors, whose numbers are only written down",
        )
    recipe.prepare([setup.train, *setup.held_out.values()], accelerator, on_donor)

    def evaluate(trained: Any) -> dict[str, float]:
        share = accelerator.process_index, accelerator.num_processes
        return recipe.evaluate(trained, setup.held_out, share, accelerator.device)

    loop = TrainingLoop(
        accelerator,
        recipe.network,
        options.loop,
        run_key(_description(setup)),
        examples=lambda epoch, share: recipe.epoch(setup.train, epoch, share),
        n_examples=recipe.n_examples(setup.train, accelerator.num_processes),
        collate=recipe.collate,
        loss=recipe.loss,
        evaluate=evaluate if setup.held_out else None,
        best_by=setup.best_by,
        save_model=recipe.save,
        weigh=recipe.weigh,
        before_step=recipe.before_step,
        after_step=recipe.after_step,
        on_step=on_step,
    )
    return loop.run()


def _description(setup: ExpressionSetup) -> dict[str, Any]:
    """All that the losses of a run depend on."""
    options = setup.recipe.options
    described = run_description(options)
    for name in ("element_store", "keep_inputs"):
        described.pop(name, None)
    data = Expression.load(options.expression).report
    companions = setup.model.companions()
    return {**described, "data": data, "split": Path(options.split).read_text(), "companions": companions}
