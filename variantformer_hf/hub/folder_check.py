"""Whether a model folder is whole, before it leaves the machine."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from ..errors import InputError
from ..folder import CRES_FILE, GENES_FILE
from ..genome import CreTable, GeneTable
from ..modeling import VariantFormerForExpression, VariantFormerProcessor
from ..modeling.variantformer.custom_code_variantformer import (
    AUTO_MAPS,
    CODE_FOLDER,
    MODEL_FILES,
    PROCESSOR_AUTO_MAP,
    PROCESSOR_FILES,
    add_model_code,
    add_processor_code,
)
from ..zoo.companions import check_companions, companions_of, write_companions
from ..zoo.model_files import model_file
from ..zoo.variantformer.loading import load_activity_model, load_expression_model, load_processor
from .card import card_problems

CARD = "README.md"
_BELONGS = re.compile(
    r"README\.md|LICENSE(\.\w+)?|NOTICE|\.gitattributes|config\.json|processor_config\.json|tokenizer\.json"
    r"|tokenizer_config\.json|special_tokens_map\.json|genes\.parquet|cres\.parquet|model\.safetensors"
    r"|model-\d{5}-of-\d{5}\.safetensors|model\.safetensors\.index\.json|[a-z_]+_variantformer\.py"
)
_PICKLED = {".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"}
_SELF_TEST_BASES = 400


def check_folder(folder: str | Path) -> list[Path]:
    """Check all that a reader of the folder will rely on, and say which files belong to it.

    The weights are loaded strictly; tokenizer, tables, code and card are read as a reader would read them; and the
    model computes a prediction of random sequences twice: it must be finite and the same.

    Args:
        folder: the model folder.

    Returns:
        The files to publish, by name.

    Raises:
        InputError: the first thing that is wrong.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("is not a folder", file=folder, remedy="Name a model folder.")
    files = _files(folder)
    _check_code(folder)
    _check_card(folder)
    model_type = _read_config(folder, "config.json")["model_type"]
    check_companions(folder)
    processor = load_processor(folder)
    _check_tokenizer(folder, processor)
    if model_type == "variantformer":
        _check_tables(folder, processor)
        model: PreTrainedModel = load_expression_model(folder, dtype=torch.float32)
    else:
        model = load_activity_model(folder, dtype=torch.float32)
    _self_test(folder, model.eval(), processor)
    return files


def refresh_model_code(folder: str | Path) -> None:
    """Write the model code of this version of the package into a folder, and name it in the configs.

    Raises:
        InputError: the folder holds no model of this zoo.
    """
    folder = Path(folder)
    if _read_config(folder, "config.json").get("model_type") not in AUTO_MAPS:
        raise InputError("is not a model of this zoo", file=folder / "config.json")
    _read_config(folder, "processor_config.json")
    if companions_of(folder) is not None:
        check_companions(folder)
    add_model_code(folder)
    add_processor_code(folder)
    write_companions(folder)


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir())
    pickled = [path.name for path in found if path.suffix in _PICKLED]
    if pickled:
        raise InputError(
            f"holds files that can run code when they are read: {', '.join(pickled)}",
            file=folder,
            remedy="Publish safetensors only: remove them.",
        )
    strange = [path.name for path in found if path.is_dir() or path.is_symlink() or not _BELONGS.fullmatch(path.name)]
    if strange:
        raise InputError(
            f"holds what does not belong to a model: {', '.join(strange[:10])}",
            file=folder,
            remedy="Move it elsewhere: only what belongs to a model is published.",
        )
    return found


def _read_config(folder: Path, name: str) -> dict[str, Any]:
    path = model_file(folder, name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError("is not a JSON file", file=path) from error
    if not isinstance(content, dict):
        raise InputError("is not a table of settings", file=path)
    return content


def _check_code(folder: Path) -> None:
    remedy = "Write it anew with `variantformer publish --refresh-code`."
    config = _read_config(folder, "config.json")
    if config.get("model_type") not in AUTO_MAPS:
        raise InputError(f"is a model of the type {config.get('model_type')!r}, which is not of this zoo", file=folder)
    for name, wanted in (
        ("config.json", AUTO_MAPS[config["model_type"]]),
        ("processor_config.json", PROCESSOR_AUTO_MAP),
    ):
        if _read_config(folder, name).get("auto_map") != wanted:
            raise InputError(f"{name} does not name the model's code (auto_map)", file=folder, remedy=remedy)
    for name in sorted({*MODEL_FILES, *PROCESSOR_FILES}):
        if not (folder / name).is_file():
            raise InputError(f"lacks the model's code: {name}", file=folder, remedy=remedy)
        if (folder / name).read_bytes() != (CODE_FOLDER / name).read_bytes():
            raise InputError(f"{name} is not the code of this version of the package", file=folder, remedy=remedy)


def _check_card(folder: Path) -> None:
    path = folder / CARD
    if not path.is_file():
        raise InputError("there is no model card", file=path, remedy="Write one; model_cards/ has examples.")
    try:
        problems = card_problems(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", file=path) from error
    if problems:
        raise InputError(f"the model card is not ready: {'; '.join(problems)}", file=path, remedy="Complete the card.")


def _check_tokenizer(folder: Path, processor: VariantFormerProcessor) -> None:
    """The saved tokenizer alone must give what this package's class gives."""
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGTRYNacgt"), 200)) for _ in range(20)]
    saved = Tokenizer.from_file(str(model_file(folder, "tokenizer.json")))
    ours = processor.tokenizer.encode_sequences(sequences)
    for sequence, ids in zip(sequences, ours, strict=True):
        if saved.encode(sequence, add_special_tokens=False).ids != ids.tolist():
            raise InputError("tokenizer.json and DnaTokenizer give different tokens", file=folder)


def _check_tables(folder: Path, processor: VariantFormerProcessor) -> None:
    genes = GeneTable.read(model_file(folder, GENES_FILE))
    cres = CreTable.read(model_file(folder, CRES_FILE))
    if not len(genes) or not len(cres):
        raise InputError("has a table without a row", file=folder / (CRES_FILE if len(genes) else GENES_FILE))
    if not processor.cre_classes:
        raise InputError("names no class of cCREs", file=folder / "processor_config.json")


@torch.inference_mode()
def _self_test(folder: Path, model: PreTrainedModel, processor: VariantFormerProcessor) -> None:
    rng = np.random.default_rng(0)

    def bases() -> str:
        return "".join(rng.choice(list("ACGT"), _SELF_TEST_BASES))

    inputs = processor([bases() for _ in range(3)], [0, 0, 0], bases(), return_tensors="pt")
    if isinstance(model, VariantFormerForExpression):
        named = [index for index, name in enumerate(model.config.tissues or []) if name is not None]
        first, second = (model(**inputs, tissue_ids=torch.tensor([named])).logits for _ in range(2))
    else:
        ids = inputs["cre_input_ids"][0].unsqueeze(1).expand(-1, 2, -1)
        mask = inputs["cre_attention_mask"][0].unsqueeze(1).expand(-1, 2, -1)
        tissue_ids = torch.zeros(len(ids), dtype=torch.long)
        first, second = (
            model(input_ids=ids, attention_mask=mask, tissue_ids=tissue_ids, context_ids=tissue_ids).logits
            for _ in range(2)
        )
    if not bool(torch.isfinite(first).all()):
        raise InputError("fails its self-test: predictions of random sequences are not finite", file=folder)
    if not torch.allclose(first, second, atol=1e-5):
        raise InputError("fails its self-test: the same sequences give different predictions", file=folder)
