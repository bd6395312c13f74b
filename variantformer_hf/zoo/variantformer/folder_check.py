"""Whether a VariantFormer folder, of either stage, gives what its reader will rely on."""

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from ...errors import InputError
from ...folder import CRES_FILE, GENES_FILE
from ...genome.cres import CreTable
from ...genome.genes import GeneTable
from ...modeling import VariantFormerProcessor
from ..model_files import model_file
from ..model_folder import check_twice
from .loading import load_activity_model, load_expression_model, load_processor

_SELF_TEST_BASES = 400


def check_expression_folder(folder: Path) -> None:
    """Check tokenizer, tables and weights of a model of expression.

    Raises:
        InputError: the first thing that is wrong.
    """
    processor = load_processor(folder)
    _check_tokenizer(folder, processor)
    genes = GeneTable.read(model_file(folder, GENES_FILE))
    cres = CreTable.read(model_file(folder, CRES_FILE))
    if not len(genes) or not len(cres):
        raise InputError("has a table without a row", file=folder / (CRES_FILE if len(genes) else GENES_FILE))
    if not processor.cre_classes:
        raise InputError("names no class of cCREs", file=folder / "processor_config.json")
    model = load_expression_model(folder, dtype=torch.float32).eval()
    named = [index for index, name in enumerate(model.config.tissues or []) if name is not None]
    inputs = _random_inputs(processor)
    check_twice(folder, lambda: model(**inputs, tissue_ids=torch.tensor([named])).logits)


def check_encoder_folder(folder: Path) -> None:
    """Check tokenizer and weights of a stage-1 model; errors as for :func:`check_expression_folder`."""
    processor = load_processor(folder)
    _check_tokenizer(folder, processor)
    model = load_activity_model(folder, dtype=torch.float32).eval()
    inputs = _random_inputs(processor)
    ids = inputs["cre_input_ids"][0].unsqueeze(1).expand(-1, 2, -1)
    mask = inputs["cre_attention_mask"][0].unsqueeze(1).expand(-1, 2, -1)
    first = torch.zeros(len(ids), dtype=torch.long)
    check_twice(folder, lambda: model(input_ids=ids, attention_mask=mask, tissue_ids=first, context_ids=first).logits)


def _check_tokenizer(folder: Path, processor: VariantFormerProcessor) -> None:
    """The saved tokenizer alone must give what this package's class gives."""
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGTRYNacgt"), 200)) for _ in range(20)]
    saved = Tokenizer.from_file(str(model_file(folder, "tokenizer.json")))
    ours = processor.tokenizer.encode_sequences(sequences)
    for sequence, ids in zip(sequences, ours, strict=True):
        if saved.encode(sequence, add_special_tokens=False).ids != ids.tolist():
            raise InputError("tokenizer.json and DnaTokenizer give different tokens", file=folder)


def _random_inputs(processor: VariantFormerProcessor) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)

    def bases() -> str:
        return "".join(rng.choice(list("ACGT"), _SELF_TEST_BASES))

    return dict(processor([bases() for _ in range(3)], [0, 0, 0], bases(), return_tensors="pt"))
