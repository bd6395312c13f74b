"""DNABERT-2, and what was trained on from it -> folders for ``UkBioBertForMaskedLM``, with the tokenizer."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from ...errors import UNREADABLE, CheckpointError, InputError, unreadable
from ...modeling import UkBioBertConfig, UkBioBertForMaskedLM
from ...zoo.companions import write_companions
from ..model_cards import card_of_copy
from ..model_folder import new_folder
from ..planned import ConversionRequest, PlannedConversion
from ..published_config import config_of, read_published_config
from ..published_model import write_published
from ..published_request import PublishedFiles, published_files
from ..published_tensors import PublishedTensors
from ..summary import ConversionSummary
from .names import DECODER, WORDS, parameter_name

_TOKENIZER = "tokenizer.json"
_SPECIAL = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "[MASK]": 4}
_SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


def planned_conversions(request: ConversionRequest) -> list[PlannedConversion]:
    """Plan the conversion of weights, config and tokenizer.

    Raises:
        InputError: files are missing, or named in vain.
    """
    request.check_used("dnabert2", ("checkpoint", "config", "vocabulary"))
    files = published_files(request, "dnabert2")
    vocabulary = request.files.get("vocabulary") or (request.source or files.checkpoint.parent) / _TOKENIZER
    return [PlannedConversion(files.output, partial(_convert, files, vocabulary))]


def _convert(files: PublishedFiles, vocabulary: Path, dtype: torch.dtype | None) -> ConversionSummary:
    assert files.config is not None
    given = read_published_config(files.config, _SIZES)
    settings: dict[str, Any] = {
        **{name: given[name] for name in _SIZES},
        "hidden_dropout": given.get("hidden_dropout_prob", 0.1),
        "attention_dropout": given.get("attention_probs_dropout_prob", 0.0),
        "layer_norm_eps": given.get("layer_norm_eps", 1e-12),
        "type_vocab_size": given.get("type_vocab_size", 2),
        "initializer_range": given.get("initializer_range", 0.02),
    }
    config = config_of(UkBioBertConfig, settings, files.config)
    tokenizer = _tokenizer(vocabulary, config.vocab_size)
    source = PublishedTensors.read(files.checkpoint).below(WORDS, ("", "model."))
    copies = {DECODER: WORDS} if DECODER in source.tensors else {}
    source = source.without_copies(copies, "the decoder's weights, which are the word embedding's")
    with new_folder(files.output) as folder:
        summary = write_published(folder, files.output, UkBioBertForMaskedLM, config, source, parameter_name, dtype)
        tokenizer.save_pretrained(folder)
        write_companions(folder)
        facts = [f"Layers: {config.num_hidden_layers}; width: {config.hidden_size}; tokens: {config.vocab_size:,}"]
        (folder / "README.md").write_text(card_of_copy("ukbiobert", summary, facts), encoding="utf-8")
    return summary


def _tokenizer(path: Path, vocab_size: int) -> PreTrainedTokenizerFast:
    """DNABERT-2's tokenizer.

    Raises:
        InputError: the file cannot be read.
        CheckpointError: it has another number of tokens, or other special ones.
    """
    remedy = "Give DNABERT-2's tokenizer.json by --vocabulary, or beside the weights."
    try:
        text = path.read_text(encoding="utf-8")
    except UNREADABLE as error:
        raise unreadable(path, error, remedy) from None
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:
        raise InputError("is not a tokenizer.json", file=path, remedy=remedy) from error
    if tokenizer.get_vocab_size() != vocab_size:
        raise CheckpointError(
            f"has {tokenizer.get_vocab_size()} tokens, the config says {vocab_size}", file=path, remedy=remedy
        )
    for token, number in _SPECIAL.items():
        if tokenizer.token_to_id(token) != number:
            raise CheckpointError(
                f"{token} is token {tokenizer.token_to_id(token)}, of DNABERT-2 it is {number}",
                file=path,
                remedy=remedy,
            )
    special = {f"{token.strip('[]').lower()}_token": token for token in _SPECIAL}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
