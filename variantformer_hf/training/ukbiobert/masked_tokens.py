"""UKBioBERT learns to tell masked tokens of DNA, from DNABERT-2's weights on or from nothing."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from ...data.epochs import ALL, Share
from ...data.texts import Texts
from ...errors import UNREADABLE, InputError, check_number, unreadable
from ...genome.provenance import file_sha256
from ...modeling import UkBioBertConfig, UkBioBertForMaskedLM
from ...run_key import run_key
from ...zoo.companions import check_companions, companions_of, write_companions
from ...zoo.model_files import load_strictly, model_file
from ...zoo.ukbiobert.tokenizer import load_tokenizer
from ..loop import Batch, TrainingLoop, gathered_scores, held_out_number, run_time, seconds_a_batch, start
from ..options import check_writable, run_description
from ..stages import Stage
from .masked_texts import NO_LABEL, MaskedCollator, MaskedTexts, masked_dataset
from .options import MaskedTokensOptions

logger = logging.getLogger(__name__)

# Of :func:`masked_scores`, those that may choose ``best``.
NUMBERS = ("loss", "perplexity", "accuracy", "mask_accuracy")
_SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")


@dataclass(frozen=True)
class MaskedTokensSetup:
    """Everything of a run, opened and checked.

    Attributes:
        model: as it begins.
        tokenizer: of it.
        train, test: examples; those of ``test`` are masked alike in every run.
        plan: what the run will do, for people.
    """

    model: UkBioBertForMaskedLM
    tokenizer: Any
    train: MaskedTexts
    test: MaskedTexts
    plan: dict[str, Any]


def set_up(options: MaskedTokensOptions) -> MaskedTokensSetup:
    """Open and check everything that a run needs, without training.

    Raises:
        InputError: anything that would stop the run later; ``train`` and ``test`` are the same sequences.
    """
    check_writable(options.loop.output)
    best_by = held_out_number(options.loop, NUMBERS)
    check_number("masked_share", options.masked_share, 0.01, 0.99)
    check_number("evaluate_texts", options.evaluate_texts, 1)
    model, tokenizer = _begin(options)
    train, test = Texts(options.train), Texts(options.test)
    if options.train.samefile(options.test) or file_sha256(options.train) == file_sha256(options.test):
        raise InputError(
            "train and test are the same sequences", file=options.test, remedy="Hold out sequences for `test`."
        )
    for each in (train, test):
        if each.with_other_letters:
            logger.warning(
                "%s: %d of %d sequences hold letters beside A, C, G and T, which are read as %s",
                each.path,
                each.with_other_letters,
                len(each),
                tokenizer.unk_token,
            )
    in_step = options.loop.batch_size * options.loop.gradient_accumulation
    plan = {
        "parameters": sum(each.numel() for each in model.parameters()),
        "tokens": len(tokenizer),
        "texts": len(train),
        "test_texts": len(test),
        "test_texts_looked_at": min(len(test), options.evaluate_texts),
        "texts_with_other_letters": train.with_other_letters,
        "test_texts_with_other_letters": test.with_other_letters,
        "steps_in_an_epoch_of_one_process": math.ceil(len(train) / in_step),
        "epochs": options.loop.epochs,
        "best_by": best_by,
    }
    share = options.masked_share
    return MaskedTokensSetup(
        model,
        tokenizer,
        MaskedTexts(train, tokenizer, share=share, seed=options.loop.seed),
        MaskedTexts(test, tokenizer, share=share, seed=None),
        plan,
    )


def estimate(options: MaskedTokensOptions, setup: MaskedTokensSetup) -> dict[str, float]:
    """How long a run would take on this machine's CPU, from one batch: seconds_a_step, hours."""
    collate = MaskedCollator(setup.tokenizer.pad_token_id)
    dataset = masked_dataset(setup.train, seed=options.loop.seed)
    seconds = seconds_a_batch(setup.model, lambda: collate(list(islice(dataset, options.loop.batch_size))))
    return run_time(seconds, options.loop, len(setup.train.texts))


def train_masked_tokens(
    options: MaskedTokensOptions, *, on_step: Callable[[int, int, float, float], None] | None = None
) -> dict[str, float]:
    """Train, or go on with, a run; folders as of ``train_expression``.

    Returns:
        The last evaluation, see :func:`masked_scores`.

    Raises:
        InputError: see :func:`set_up` and ``TrainingLoop``.
    """
    setup = set_up(options)
    accelerator = start(options.loop)
    collate = MaskedCollator(setup.tokenizer.pad_token_id)

    def evaluate(trained: Any) -> dict[str, float]:
        share = accelerator.process_index, accelerator.num_processes
        return masked_scores(
            trained,
            setup.test,
            collate,
            options.loop.batch_size,
            options.evaluate_texts,
            share=share,
            device=accelerator.device,
        )

    loop = TrainingLoop(
        accelerator,
        setup.model,
        options.loop,
        run_key(_description(options, setup)),
        examples=lambda epoch, share: masked_dataset(setup.train, epoch=epoch, seed=options.loop.seed, share=share),
        n_examples=len(setup.train.texts),
        collate=collate,
        evaluate=evaluate,
        best_by=setup.plan["best_by"],
        save_model=lambda trained, folder: _save(trained, setup.tokenizer, folder),
        weigh=masked_count,
        on_step=on_step,
    )
    return loop.run()


def masked_count(batch: Batch) -> int:
    """Masked tokens of a batch: each of a step weighs the same."""
    return int((batch["labels"] != NO_LABEL).sum())


def masked_scores(
    model: UkBioBertForMaskedLM,
    examples: MaskedTexts,
    collate: MaskedCollator,
    batch_size: int,
    most: int,
    *,
    share: Share = ALL,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """How well masked tokens are told.

    Args:
        model: in evaluation mode.
        examples: masked alike each time.
        collate, batch_size: of batches.
        most: sequences that are looked at; the same ones each time.
        share: (number, of): which of several processes this is; all get the whole result.
        device: of the model.

    Returns:
        loss (mean cross-entropy over masked tokens, in nats), perplexity, accuracy, mask_accuracy (where [MASK] stands:
        half of the others are told by saying what stands there), constant_accuracy (of always saying the token that is
        masked most often in these sequences) and how many masked tokens.
    """
    chosen = np.random.default_rng(0).permutation(len(examples.texts))[:most][share[0] :: share[1]]
    mask = examples.mask_token_id
    total, correct = 0.0, np.zeros(3, dtype=np.int64)
    counts = np.zeros(model.config.vocab_size, dtype=np.int64)
    for first in range(0, len(chosen), batch_size):
        rows = chosen[first : first + batch_size].tolist()
        made = examples({"epoch": [0] * len(rows), "row": rows})
        examples_of_batch = [dict(zip(made, each, strict=True)) for each in zip(*made.values(), strict=True)]
        batch = {name: tensor.to(device) for name, tensor in collate(examples_of_batch).items()}
        labels = batch.pop("labels")
        with torch.inference_mode():
            logits = model(**batch, return_dict=True).logits
        is_masked = labels != NO_LABEL
        logits, labels, is_hidden = logits[is_masked].float(), labels[is_masked], batch["input_ids"][is_masked] == mask
        total += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))
        is_right = logits.argmax(-1) == labels
        correct += [int(each.sum()) for each in (is_right, is_right & is_hidden, is_hidden)]
        counts += np.bincount(labels.cpu().numpy(), minlength=len(counts))
    of_processes, total, count = gathered_scores([(correct, counts)], total, int(counts.sum()), share[1])
    right, right_of_mask, hidden = np.sum([row[0] for row in of_processes], axis=0).tolist()
    most_often = int(np.sum([row[1] for row in of_processes], axis=0).max())
    loss = total / count if count else math.nan
    return {
        "loss": loss,
        "perplexity": math.exp(min(loss, 700.0)),
        "accuracy": _share(right, count),
        "mask_accuracy": _share(right_of_mask, hidden),
        "constant_accuracy": _share(most_often, count),
        "masked": float(count),
    }


def _share(some: int, of: int) -> float:
    return some / of if of else math.nan


def _begin(options: MaskedTokensOptions) -> tuple[UkBioBertForMaskedLM, Any]:
    """The model as it begins, in float32 on the CPU, and its tokenizer."""
    if options.model is not None:
        for name in ("tokenizer", "config"):
            if getattr(options, name):
                raise InputError(f"{name} is of a new model", file=options.model, remedy=f"Leave {name} or model out.")
        check_companions(options.model, force=options.force_companions)
        model = load_strictly(UkBioBertForMaskedLM, options.model, dtype=torch.float32)
        tokenizer = _checked(load_tokenizer(options.model), options.model, model.config.vocab_size)
        return model, tokenizer
    if options.tokenizer is None:
        raise InputError("a new model needs a tokenizer", remedy="Give `tokenizer`, or a `model` to go on from.")
    tokenizer = _tokenizer(options.tokenizer)
    try:
        config = UkBioBertConfig(
            **{"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, **options.config}
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"the config does not fit: {error}", remedy="Correct `config`.") from error
    _checked(tokenizer, options.tokenizer, config.vocab_size)
    torch.manual_seed(options.loop.seed)
    return UkBioBertForMaskedLM(config), tokenizer


def _tokenizer(path: Path) -> Any:
    """A saved tokenizer: its folder, or a tokenizer.json."""
    if path.is_dir():
        model_file(path, "tokenizer.json")
        return load_tokenizer(path)
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except UNREADABLE as error:
        raise unreadable(path, error, "Check the path.") from None
    except Exception as error:  # the library's own are of no narrower kind
        raise InputError("is not a tokenizer.json", file=path, remedy="Name another.") from error
    missing = [token for token in _SPECIAL if tokenizer.token_to_id(token) is None]
    if missing:
        raise InputError(f"has no token {missing[0]}", file=path, remedy="Name another.")
    special = {f"{token.strip('[]').lower()}_token": token for token in _SPECIAL}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def _checked(tokenizer: Any, file: Path, vocab_size: int) -> Any:
    """A tokenizer that can be learned with.

    Raises:
        InputError: it lacks a special token, or has more tokens than the model.
    """
    missing = [name for name in ("unk_token", "pad_token", "mask_token") if getattr(tokenizer, name) is None]
    if missing:
        raise InputError(f"its tokenizer has no {missing[0]}", file=file, remedy="Name another.")
    if len(tokenizer) > vocab_size:
        raise InputError(
            f"its tokenizer has {len(tokenizer)} tokens, and the model {vocab_size}",
            file=file,
            remedy="Leave vocab_size out of `config`, or name another tokenizer.",
        )
    return tokenizer


def _save(model: UkBioBertForMaskedLM, tokenizer: Any, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_companions(folder)


def _description(options: MaskedTokensOptions, setup: MaskedTokensSetup) -> dict[str, Any]:
    """All that the losses of a run depend on."""
    return {
        **run_description(options),
        "data": {"train": setup.train.texts.content(), "test": setup.test.texts.content()},
        "companions": {} if options.model is None else companions_of(options.model),
        "tokenizer": setup.tokenizer.backend_tokenizer.to_str(),
    }


STAGE = Stage(MaskedTokensOptions, set_up, estimate, train_masked_tokens)
