"""Stage 2: expression of cohorts' donors, on top of the encoders."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..data.collators import ExpressionCollator
from ..data.donors import DonorGenomes
from ..data.examples import ALL, ExpressionExamples, Share, expression_dataset
from ..data.expression import Expression
from ..data.expression_pairs import ExpressionPairs, expression_pairs
from ..data.splits import Split, summary
from ..errors import InputError
from ..evaluation.correlations import as_matrix, gene_correlation, subject_correlation
from ..folder import CRES_FILE, GENES_FILE
from ..genome.cres import CRE_CLASSES, CreTable
from ..genome.genes import GeneTable
from ..inference.parts import run_key
from ..modeling import (
    VariantFormerConfig,
    VariantFormerForExpression,
    VariantFormerProcessor,
)
from ..zoo.companions import check_companions, write_companions
from ..zoo.model_files import model_file
from ..zoo.outputs import TissueNames
from ..zoo.variantformer.companions import companion_digests
from ..zoo.variantformer.loading import load_encoder, load_expression_model, load_processor
from ..zoo.variantformer.regions import region_finder
from .frozen_elements import FrozenElements
from .loop import HELD_OUT_LOSS, TRAINING_LOSS, TrainingLoop, gathered_scores, run_time, seconds_a_batch, start
from .options import ExpressionOptions, check_writable, run_description, without_geometry

logger = logging.getLogger(__name__)

FREEZES = ("encoder", "none", "all_but_tissues", "all_but_new_tissues")


@dataclass(frozen=True)
class ExpressionSetup:
    """Everything of a run, opened and checked.

    Attributes:
        model: as it begins.
        processor, gene_table, cre_table: the model's.
        train, held_out: examples; held_out is None where the split has no such part.
        held_out_part: ``validation``, or ``test`` where there is none; None where there is neither.
        plan: what the run will do, for people.
    """

    model: VariantFormerForExpression
    processor: VariantFormerProcessor
    gene_table: GeneTable
    cre_table: CreTable
    train: ExpressionExamples
    held_out: ExpressionExamples | None
    held_out_part: str | None
    plan: dict[str, Any]

    @property
    def best_by(self) -> str:
        """What ``best`` is chosen by: donors of the test part choose nothing."""
        return HELD_OUT_LOSS if self.held_out_part == "validation" else TRAINING_LOSS


def set_up(options: ExpressionOptions) -> ExpressionSetup:
    """Open and check everything that a run needs, without training.

    Raises:
        InputError: anything that would stop the run later: a file, a donor without genotypes, a tissue or gene table
            that does not fit, an empty part.
    """
    if options.freeze not in FREEZES:
        raise InputError(f"freeze is {options.freeze!r}", remedy=f"Choose one of {', '.join(FREEZES)}.")
    for folder in (options.loop.output, options.element_store):
        if folder is not None:
            check_writable(folder)
    model, processor, gene_table, cre_table = _model(options)
    for name, source in options.new_tissues.items():
        try:
            model.add_tissue(name, init_from=source)
        except ValueError as error:
            raise InputError(str(error), file=options.model, remedy="Correct `new_tissues`.") from error
    if options.freeze == "all_but_new_tissues" and not options.new_tissues:
        raise InputError("freeze is 'all_but_new_tissues', and there are none", remedy="Name them in `new_tissues`.")
    if options.freeze == "all_but_new_tissues" and options.loop.parallel == "fsdp":
        raise InputError("one row of the registry cannot be shared out", remedy="Choose ddp: there is little to share.")
    freeze(model, options.freeze)
    tissues = TissueNames(model.config.tissues or ())
    expression, split = Expression.load(options.expression), Split.load(options.split)
    genomes = DonorGenomes(options.fasta, options.vcfs)
    parts: dict[str, ExpressionPairs] = {"train": expression_pairs(expression, split, "train", gene_table, tissues)}
    held_out_part = next(
        (part for part in ("validation", "test") if any(part in donors.values() for donors in split.donors.values())),
        None,
    )
    if held_out_part is not None:
        parts["held_out"] = expression_pairs(expression, split, held_out_part, gene_table, tissues)
    finder = region_finder(gene_table, cre_table, processor, genomes.reference)
    contigs = dict.fromkeys(
        finder.reach(gene_table.genes[gene]).chrom for gene in np.unique(parts["train"].gene).tolist()
    )
    for cohort in dict.fromkeys(parts["train"].cohorts):
        used = {pairs.donors[donor] for pairs in parts.values() for donor in np.unique(pairs.donor).tolist()
                if pairs.cohorts[donor] == cohort}  # fmt: skip
        genomes.check(cohort, sorted(used))
        genomes.check_contigs(cohort, {donor: list(contigs) for donor in sorted(used)}, "genes")
    made = {
        name: ExpressionExamples(
            pairs, genomes, gene_table, cre_table, processor, n_tissues=options.n_tissues, seed=options.loop.seed
        )
        for name, pairs in parts.items()
    }
    learning = sum(each.numel() for each in model.parameters() if each.requires_grad)
    pairs = parts["train"]
    effective = options.loop.batch_size * options.loop.gradient_accumulation
    plan = {
        "parameters": sum(each.numel() for each in model.parameters()),
        "parameters_that_learn": learning,
        "pairs": len(pairs),
        "values": len(pairs.log1p_tpm),
        "held_out_part": held_out_part,
        "held_out_pairs": len(parts["held_out"]) if "held_out" in parts else 0,
        "split": summary(split),
        "pairs_in_a_step_and_process": effective,
        "steps_in_an_epoch_of_one_process": math.ceil(len(pairs) / effective),
        "epochs": options.loop.epochs,
    }
    setup = ExpressionSetup(
        model, processor, gene_table, cre_table, made["train"], made.get("held_out"), held_out_part, plan
    )
    plan["best_by"] = setup.best_by
    return setup


def estimate(options: ExpressionOptions, setup: ExpressionSetup) -> dict[str, float]:
    """How long a run would take on this machine's CPU, from one batch; the elements' encoding is not counted.

    Returns:
        seconds_a_step, hours.
    """
    vectors = None
    if options.freeze != "none":
        width = setup.model.model.cre_encoder.config.hidden_size

        def vectors(elements: Sequence[np.ndarray]) -> np.ndarray:
            return np.zeros((len(elements), width), dtype=np.float32)

    collate = ExpressionCollator(setup.processor, vectors)
    pairs = range(min(options.loop.batch_size, len(setup.train.pairs)))
    seconds = seconds_a_batch(setup.model, lambda: collate([setup.train({"epoch": 0, "pair": pair}) for pair in pairs]))
    return run_time(seconds, options.loop, len(setup.train.pairs))


def train_expression(
    options: ExpressionOptions,
    *,
    on_step: Callable[[int, int, float, float], None] | None = None,
    on_donor: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Train, or go on with, a stage-2 run.

    ``output/best`` and ``output/last`` are folders for ``from_pretrained``; ``output/log.jsonl`` has the losses.

    Args:
        options: see there.
        on_step: called with (done, total, loss, examples a second).
        on_donor: called with (done, total) while elements are encoded before the first step.

    Returns:
        The last evaluation on held-out donors; empty where there are none.

    Raises:
        InputError: see :func:`set_up` and ``TrainingLoop``.
    """
    setup = set_up(options)
    model = setup.model
    accelerator = start(options.loop)
    if setup.best_by == TRAINING_LOSS and accelerator.is_main_process:
        logger.warning(
            "the split has no validation part: best is chosen by the training loss%s",
            "" if setup.held_out is None else ", and nothing by the test donors, whose numbers are only written down",
        )
    vectors = None
    if options.freeze != "none":
        folder = options.element_store or options.loop.output / "elements"
        held_out = [] if setup.held_out is None else [setup.held_out]
        with accelerator.main_process_first():
            vectors = FrozenElements(model.to(accelerator.device), setup.processor, folder, "float32")
            if accelerator.is_main_process:
                count = vectors.encode([setup.train, *held_out], on_donor)
                logger.info("%d elements were encoded", count)
                for examples in (setup.train, *held_out):
                    _check_used(examples)
        vectors.refresh()
    collate = ExpressionCollator(setup.processor, vectors)

    def frozen_in_evaluation(trained: Any) -> None:
        if options.freeze != "none":
            trained.model.cre_encoder.eval()

    registry = model.model.tissue_embedding
    old_rows = None
    if options.freeze == "all_but_new_tissues" and registry is not None:
        old_rows = registry.weight.detach()[: -len(options.new_tissues)].clone()

    def old_rows_put_back(trained: Any) -> None:
        # Weight decay moves them, though their gradient is 0.
        if old_rows is not None:
            with torch.no_grad():
                trained.model.tissue_embedding.weight[: len(old_rows)] = old_rows.to(accelerator.device)

    def evaluate(trained: Any) -> dict[str, float]:
        assert setup.held_out is not None
        share = accelerator.process_index, accelerator.num_processes
        return held_out_scores(
            trained, setup.held_out, collate, options.evaluate_pairs, share=share, device=accelerator.device
        )

    loop = TrainingLoop(
        accelerator,
        model,
        options.loop,
        run_key(_description(options, setup)),
        examples=lambda epoch, share: expression_dataset(setup.train, epoch=epoch, seed=options.loop.seed, share=share),
        n_examples=len(setup.train.pairs),
        collate=collate,
        evaluate=None if setup.held_out is None else evaluate,
        best_by=setup.best_by,
        save_model=lambda trained, folder: save_model(trained, setup, folder),
        before_step=frozen_in_evaluation,
        after_step=old_rows_put_back,
        on_step=on_step,
    )
    return loop.run()


def _check_used(examples: ExpressionExamples) -> None:
    """Say how many pairs are not used, and why, once all have been asked for.

    Raises:
        InputError: nothing of a donor is.
    """
    if not examples.unused:
        return
    of_donor = Counter((cohort, donor) for cohort, donor, _ in examples.unused)
    pairs = examples.pairs
    for donor, count in zip(*np.unique(pairs.donor, return_counts=True), strict=True):
        key = pairs.cohorts[donor], pairs.donors[donor]
        if of_donor[key] == count:
            reasons = sorted({reason for (*found, _), reason in examples.unused.items() if tuple(found) == key})
            raise InputError(
                f"none of the {count} genes of {key[1]} ({key[0]}) can be used ({', '.join(reasons)})",
                remedy="Look at the genotypes with `variantformer doctor`, or leave the donor out.",
            )
    counts = Counter(examples.unused.values())
    logger.warning(
        "%d of %d pairs are not used: %s", len(examples.unused), len(pairs),
        ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())),
    )  # fmt: skip


def held_out_scores(
    model: VariantFormerForExpression,
    examples: ExpressionExamples,
    collate: ExpressionCollator,
    most: int,
    *,
    share: Share = ALL,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Loss and correlations on held-out pairs, all tissues of each.

    Args:
        model: in evaluation mode.
        examples: of the held-out part.
        collate: examples -> batch.
        most: pairs that are predicted; the same ones each time.
        share: (number, of): which of several processes this is; all get the whole result.
        device: of the model.

    Returns:
        loss (mean over values), gene_correlation (within each tissue, over donors; constant predictions count as 0),
        subject_correlation (over genes), and how many values.
    """
    pairs = examples.pairs
    chosen = np.random.default_rng(0).permutation(len(pairs))[:most]
    rows: list[tuple[str, str, float, float]] = []
    total, count = 0.0, 0
    for pair in chosen[share[0] :: share[1]].tolist():
        tissues, labels = pairs.values(pair)
        example = examples({"epoch": 0, "pair": pair})
        if np.isnan(example["labels"]).all():
            continue  # the donor lacks the gene
        example |= {"tissue_ids": tissues.astype(np.int64), "labels": labels.astype(np.float32)}
        batch = {name: tensor.to(device) for name, tensor in collate([example]).items()}
        with torch.inference_mode():
            output = model(**batch, return_dict=True)
        predicted = output.logits[0].float().cpu().numpy()
        total += float(output.loss) * len(labels)
        count += len(labels)
        gene, donor = pairs.genes[pairs.gene[pair]], pairs.donors[pairs.donor[pair]]
        rows += [
            (f"{gene}|{tissue}", donor, float(observed), float(value))
            for tissue, observed, value in zip(tissues.tolist(), labels.tolist(), predicted.tolist(), strict=True)
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


def freeze(model: VariantFormerForExpression, what: str) -> None:
    """Choose what learns.

    Args:
        model: the model.
        what: ``encoder``: all but the element encoder; ``none``: everything; ``all_but_tissues`` and
            ``all_but_new_tissues``: only the registry, of which the loop puts back the old rows.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(what in ("none", "encoder"))
    if what not in ("none", "encoder"):
        if model.model.tissue_embedding is None:
            raise InputError("this model has no registry of tissues", remedy="Choose another freeze.")
        model.model.tissue_embedding.requires_grad_(True)
    if what != "none":
        model.model.cre_encoder.requires_grad_(False)


def save_model(model: VariantFormerForExpression, setup: ExpressionSetup, folder: Path) -> None:
    """Write a folder for ``from_pretrained``: weights, tokenizer, geometry, tables; nothing of the training data."""
    model.save_pretrained(folder)
    setup.processor.save_pretrained(folder)
    setup.gene_table.save(folder / GENES_FILE)
    setup.cre_table.save(folder / CRES_FILE)
    write_companions(folder)


def _model(
    options: ExpressionOptions,
) -> tuple[VariantFormerForExpression, VariantFormerProcessor, GeneTable, CreTable]:
    """The model that the run begins with, and what travels with it."""
    if options.model is not None:
        check_companions(options.model, force=options.force_companions)
        model = load_expression_model(options.model, dtype=torch.float32)
        tables = (
            GeneTable.read(model_file(options.model, GENES_FILE)),
            CreTable.read(model_file(options.model, CRES_FILE)),
        )
        return model, load_processor(options.model), *tables
    missing = [name for name in ("encoder", "genes", "cres", "tissues") if not getattr(options, name)]
    if missing:
        raise InputError(f"a new model needs {', '.join(missing)}", remedy="Give them, or a model to go on from.")
    assert options.encoder is not None
    assert options.genes is not None
    assert options.cres is not None
    check_companions(options.encoder, force=options.force_companions)
    encoder = load_encoder(options.encoder, dtype=torch.float32)
    encoder.config.companions = None  # those of the new model are written with it
    given, geometry = without_geometry(options.config)
    processor = load_processor(options.encoder)
    for name, value in geometry.items():
        setattr(processor, name, value)
    try:
        config = VariantFormerConfig(
            encoder_config=encoder.config, tissues=list(options.tissues), cre_classes=list(CRE_CLASSES), **given
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"the config does not fit: {error}", remedy="Correct `config`.") from error
    torch.manual_seed(options.loop.seed)
    model = VariantFormerForExpression(config)
    # Both encoders begin as the pre-trained one.
    model.model.cre_encoder.load_state_dict(encoder.state_dict())
    model.model.gene_encoder.load_state_dict(encoder.state_dict())
    return model, processor, GeneTable.read(options.genes), CreTable.read(options.cres)


def _description(options: ExpressionOptions, setup: ExpressionSetup) -> dict[str, Any]:
    """All that the losses of a run depend on."""
    described = run_description(options)
    described.pop("element_store")
    data = Expression.load(options.expression).report
    companions = companion_digests(setup.processor, setup.gene_table, setup.cre_table)
    return {**described, "data": data, "split": Path(options.split).read_text(), "companions": companions}
