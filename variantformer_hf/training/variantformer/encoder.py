"""Stage 1: an encoder that tells active cCREs from others, and one donor's cCRE from another's."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from ...data.activity import LABELS, Activity, ActivityFile, Labels, read_activity
from ...data.donors import DonorGenomes
from ...data.epochs import ALL, Share
from ...errors import InputError
from ...evaluation.classification import activity_scores
from ...evaluation.correlations import row_correlations
from ...genome.contigs import map_contigs
from ...genome.cres import CreTable
from ...genome.options import GenotypeOptions
from ...genome.provenance import content_of
from ...modeling import (
    VariantFormerEncoderConfig,
    VariantFormerForChromatinActivity,
    VariantFormerProcessor,
)
from ...run_key import run_key
from ...tokenization import DnaTokenizer
from ...zoo.companions import check_companions, write_companions
from ...zoo.model_files import model_file
from ...zoo.variantformer.companions import companion_digests
from ...zoo.variantformer.loading import load_activity_model, load_processor
from ..loop import TrainingLoop, gathered_scores, held_out_number, run_time, seconds_a_batch, start
from ..options import EncoderOptions, check_writable, run_description
from .activity_examples import ActivityCollator, ActivityExamples, activity_dataset, activity_rows
from .geometry import without_geometry

logger = logging.getLogger(__name__)

COHORT = "activity"
ALL_DONORS = "*"
# Of :func:`held_out_scores`, those that may choose ``best``: of classes, and of signals.
NUMBERS = ("loss", "f1", "auroc", "auprc")
SIGNAL_NUMBERS = ("loss", "r")
# cCREs that a new tokenizer is trained on.
_TOKENIZER_CRES = 200_000


@dataclass(frozen=True)
class EncoderSetup:
    """Everything of a run, opened and checked.

    Attributes:
        model: as it begins.
        processor: its tokenizer and lengths.
        activity: the labels.
        train, held_out: examples.
        plan: what the run will do, for people.
    """

    model: VariantFormerForChromatinActivity
    processor: VariantFormerProcessor
    activity: Activity
    train: ActivityExamples
    held_out: ActivityExamples
    plan: dict[str, Any]


def set_up(options: EncoderOptions) -> EncoderSetup:
    """Open and check everything that a run needs, without training.

    Raises:
        InputError: anything that would stop the run later.
    """
    check_writable(options.loop.output)
    labels = _labels(options)
    of_signals = labels == "signal"
    best_by = held_out_number(options.loop, SIGNAL_NUMBERS if of_signals else NUMBERS)
    cres = CreTable.read(options.cres)
    files = tuple(_activity_file(number, entry) for number, entry in enumerate(options.activity))
    activity = read_activity(files, cres, labels=labels)
    donors = sorted({each.donor for each in files})
    several = options.vcfs[ALL_DONORS] if set(options.vcfs) == {ALL_DONORS} else dict(options.vcfs)
    genomes = DonorGenomes(options.fasta, {COHORT: several}, GenotypeOptions(min_probability=options.min_probability))
    genomes.check(COHORT, donors)
    model, processor = _model(options, genomes, cres, activity)
    if (model.config.loss_function == "mse") != of_signals:
        raise InputError(
            f"labels is {labels!r}, and the model's loss {model.config.loss_function!r}",
            file=options.model,
            remedy="Choose `labels: signal` with the loss mse, and `labels: active` with the others.",
        )
    try:
        parts = [activity_rows(activity, cres, options.held_out, cohort=COHORT, inside=each) for each in (False, True)]
    except ValueError as error:
        raise InputError(str(error), file=options.cres, remedy="Hold out chromosomes that have labels.") from error
    train, held_out = _known([ActivityExamples(rows, genomes, cres, processor) for rows in parts], genomes)
    plan = {
        "parameters": sum(each.numel() for each in model.parameters()),
        "labels": len(train.rows),
        ("mean_signal" if of_signals else "active"): float(train.rows.label.mean()),
        "held_out_labels": len(held_out.rows),
        "labels_not_used": sum(map(len, parts)) - len(train.rows) - len(held_out.rows),
        "donors": donors,
        "tissues": list(activity.tissues),
        "epochs": options.loop.epochs,
        "best_by": best_by,
        "files": dict(activity.report),
    }
    return EncoderSetup(model, processor, activity, train, held_out, plan)


def estimate(options: EncoderOptions, setup: EncoderSetup) -> dict[str, float]:
    """How long a run would take on this machine's CPU, from one batch: seconds_a_step, hours."""
    collate = ActivityCollator(setup.processor, with_context=setup.model.config.use_context)
    dataset = activity_dataset(setup.train, seed=options.loop.seed)
    seconds = seconds_a_batch(setup.model, lambda: collate(list(islice(dataset, options.loop.batch_size))))
    return run_time(seconds, options.loop, len(setup.train.rows))


def train_encoder(
    options: EncoderOptions, *, on_step: Callable[[int, int, float, float], None] | None = None
) -> dict[str, float]:
    """Train, or go on with, a stage-1 run; folders as of ``train_expression``.

    Returns:
        The last evaluation on the held-out chromosomes.

    Raises:
        InputError: see :func:`set_up` and ``TrainingLoop``.
    """
    setup = set_up(options)
    accelerator = start(options.loop)
    collate = ActivityCollator(setup.processor, with_context=setup.model.config.use_context)

    def evaluate(trained: Any) -> dict[str, float]:
        share = accelerator.process_index, accelerator.num_processes
        return held_out_scores(
            trained, setup.held_out, collate, options.loop.batch_size, share=share, device=accelerator.device
        )

    loop = TrainingLoop(
        accelerator,
        setup.model,
        options.loop,
        run_key(_description(options, setup)),
        examples=lambda epoch, share: activity_dataset(setup.train, epoch=epoch, seed=options.loop.seed, share=share),
        n_examples=len(setup.train.rows),
        collate=collate,
        evaluate=evaluate,
        best_by=setup.plan["best_by"],
        save_model=lambda trained, folder: _save(trained, setup, folder),
        loss_is_sum=setup.model.config.loss_reduction == "sum",
        on_step=on_step,
    )
    return loop.run()


def held_out_scores(
    model: VariantFormerForChromatinActivity,
    examples: ActivityExamples,
    collate: ActivityCollator,
    batch_size: int,
    *,
    share: Share = ALL,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Loss, and F1, AUROC and AUPRC as means over tissues, or of signals Pearson's r; arguments as for stage 2.

    Returns:
        loss (cross-entropy, or squared error of signals), f1, auroc, auprc, and ``TISSUE.auroc`` of each tissue; of
        signals loss, r, and ``TISSUE.r``.
    """
    of_signals = model.config.loss_function == "mse"
    dataset = activity_dataset(examples, shuffle=False, shards=1, share=share)
    kept: list[dict[str, Any]] = []
    found: list[tuple[int, float, float]] = []
    total, count = 0.0, 0

    def score() -> None:
        nonlocal total, count
        batch = {name: tensor.to(device) for name, tensor in collate(kept).items()}
        labels = batch.pop("labels")
        with torch.inference_mode():
            logits = model(**batch, return_dict=True).logits.float()
        if of_signals:
            total += float(torch.nn.functional.mse_loss(logits[:, 0], labels, reduction="sum"))
        else:
            total += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))
        count += len(labels)
        predicted = logits[:, 0] if of_signals else logits.softmax(-1)[:, 1]
        tissues = batch["tissue_ids"].tolist()
        found.extend(zip(tissues, labels.tolist(), predicted.cpu().tolist(), strict=True))
        kept.clear()

    for example in dataset:
        kept.append(example)
        if len(kept) == batch_size:
            score()
    if kept:
        score()
    rows, total, count = gathered_scores(found, total, count, share[1])
    names = [examples.rows.tissues[tissue] for tissue, _, _ in rows]
    loss = {"loss": total / count if count else math.nan}
    if of_signals:
        return loss | _signal_scores(rows, examples.rows.tissues)
    scores = activity_scores(np.array([row[1] for row in rows]), np.array([row[2] for row in rows]), names)
    result = {**loss, **scores["mean"]}
    return result | {f"{name}.auroc": entry["auroc"] for name, entry in scores.items() if name != "mean"}


def _signal_scores(rows: Sequence[tuple[int, float, float]], tissues: Sequence[str]) -> dict[str, float]:
    """r of each tissue over (tissue, signal, predicted) rows, 0 of constant predictions; and their mean."""
    values = np.array(rows, dtype=float)
    found = {}
    for tissue in np.unique(values[:, 0]).astype(int).tolist():
        signal, predicted = values[values[:, 0] == tissue, 1:].T
        r = row_correlations(signal[None], predicted[None]).pearson[0]
        found[f"{tissues[tissue]}.r"] = 0.0 if np.isnan(r) else float(r)
    return {"r": float(np.mean(list(found.values()))), **found}


def _known(parts: Sequence[ActivityExamples], genomes: DonorGenomes) -> list[ActivityExamples]:
    """The examples of which the donor's sequence is known; the others are counted.

    Raises:
        InputError: a donor's file lacks a chromosome, nothing of a donor can be used, or a part has nothing left.
    """
    for each in parts:
        genomes.check_contigs(COHORT, each.contigs(), "cCREs")
    uses = {key: use for each in parts for key, use in each.record_uses().items()}
    for donor in dict.fromkeys(donor for donor, _ in uses):
        of_donor = {chrom: use for (name, chrom), use in uses.items() if name == donor}
        unknown = {chrom: use for chrom, use in of_donor.items() if not use.is_known}
        if not unknown:
            continue
        found = ", ".join(f"{chrom} {use.status} ({use.reason})" for chrom, use in unknown.items())
        path = genomes.genome(COHORT, donor).path
        if len(unknown) == len(of_donor):
            raise InputError(
                f"nothing of it can be used in any cCRE: {found}",
                file=path,
                record=f"donor {donor}",
                remedy="Look at the genotypes with `variantformer doctor`, or leave the donor out.",
            )
        logger.warning("%s: the cCREs of %s there are not used: %s", path, donor, found)
    known = [each.of_known(uses) for each in parts]
    for all_rows, left, name in zip(parts, known, ("train on", "hold out"), strict=True):
        if not len(left.rows):
            raise InputError(
                f"none of the {len(all_rows.rows)} labels to {name} can be used",
                remedy="Look at the genotypes with `variantformer doctor`.",
            )
        if len(left.rows) < len(all_rows.rows):
            count = len(all_rows.rows) - len(left.rows)
            logger.warning("%d of the %d labels to %s are not used", count, len(all_rows.rows), name)
    return known


def _labels(options: EncoderOptions) -> Labels:
    if options.labels not in LABELS:
        raise InputError(f"labels is {options.labels!r}", remedy=f"Choose one of {', '.join(LABELS)}.")
    return cast(Labels, options.labels)


def _activity_file(number: int, entry: Any) -> ActivityFile:
    missing = [name for name in ("path", "donor", "tissue") if name not in entry]
    if missing:
        raise InputError(f"activity[{number}] has no {missing[0]}", remedy="Give path, donor and tissue of each file.")
    return ActivityFile(Path(entry["path"]), str(entry["donor"]), str(entry["tissue"]))


def _model(
    options: EncoderOptions, genomes: DonorGenomes, cres: CreTable, activity: Activity
) -> tuple[VariantFormerForChromatinActivity, VariantFormerProcessor]:
    if options.model is not None:
        check_companions(options.model, force=options.force_companions)
        model = load_activity_model(options.model, dtype=torch.float32)
        if model.config.num_tissues != len(activity.tissues):
            raise InputError(
                f"has {model.config.num_tissues} tissues, and the files have {len(activity.tissues)}",
                file=options.model,
                remedy="Give files of the tissues that the model was trained on.",
            )
        return model, load_processor(options.model)
    given, geometry = without_geometry(options.config)
    of_labels = {"loss_function": "mse", "num_classes": 1} if options.labels == "signal" else {}
    tokenizer = _tokenizer(options, genomes, cres, int(geometry.get("cre_flank", 50)))
    try:
        config = VariantFormerEncoderConfig(
            **{"vocab_size": len(tokenizer), "num_tissues": len(activity.tissues), **of_labels, **given}
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"the config does not fit: {error}", remedy="Correct `config`.") from error
    torch.manual_seed(options.loop.seed)
    processor = VariantFormerProcessor(tokenizer, token_length=config.token_length, **geometry)
    return VariantFormerForChromatinActivity(config), processor


def _tokenizer(options: EncoderOptions, genomes: DonorGenomes, cres: CreTable, flank: int) -> DnaTokenizer:
    if options.tokenizer is not None:
        return _read_tokenizer(options.tokenizer)
    reference = genomes.reference
    contig_of = map_contigs(cres.contigs, reference.contigs, wanted_file=options.cres, available_file=reference.path)
    table = cres.table
    places = np.linspace(0, len(cres) - 1, min(len(cres), _TOKENIZER_CRES)).astype(int)
    chroms, starts, ends = (table[name].take(places).to_pylist() for name in ("chrom", "start", "end"))
    sequences = [
        reference.sequence(contig_of[chrom], max(0, start - flank), end + flank)
        for chrom, start, end in zip(chroms, starts, ends, strict=True)
        if chrom in contig_of
    ]
    return DnaTokenizer.train(sequences, vocab_size=options.vocab_size)


def _read_tokenizer(path: Path) -> DnaTokenizer:
    """A saved tokenizer (its folder, or the tokenizer.json in it), or a released vocabulary."""
    folder = path if path.is_dir() else path.parent
    if not path.is_dir() and not (path.name == "tokenizer.json" and (folder / "tokenizer_config.json").is_file()):
        return DnaTokenizer.from_vocabulary(path)
    model_file(folder, "tokenizer.json")
    try:
        tokenizer: DnaTokenizer = DnaTokenizer.from_pretrained(folder)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError("its tokenizer cannot be loaded", file=folder, remedy="Name another.") from error
    return tokenizer


def _save(model: VariantFormerForChromatinActivity, setup: EncoderSetup, folder: Path) -> None:
    model.save_pretrained(folder)
    setup.processor.save_pretrained(folder)
    write_companions(folder)


def _description(options: EncoderOptions, setup: EncoderSetup) -> dict[str, Any]:
    """All that the losses of a run depend on."""
    return {
        **run_description(options),
        "data": setup.activity.report,
        "cres": content_of(options.cres),
        "companions": companion_digests(setup.processor),
    }
