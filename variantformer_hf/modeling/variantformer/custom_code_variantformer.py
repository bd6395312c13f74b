"""The code of the models inside a model folder, for readers who have transformers and torch and not this package.

What transformers calls custom code: the files below, flat, and ``auto_map`` in the configs, which say which class of
which file an Auto class loads under ``trust_remote_code=True``. This package never loads code from a model folder.
"""

import json
import shutil
from os import PathLike
from pathlib import Path

MODEL_FILES = (
    "attention_variantformer.py",
    "configuration_variantformer.py",
    "custom_code_variantformer.py",
    "modeling_variantformer.py",
)
PROCESSOR_FILES = ("configuration_variantformer.py", "custom_code_variantformer.py", "processing_variantformer.py")
PROCESSOR_AUTO_MAP = {"AutoProcessor": "processing_variantformer.VariantFormerProcessor"}
AUTO_MAPS = {
    "variantformer": {
        "AutoConfig": "configuration_variantformer.VariantFormerConfig",
        "AutoModel": "modeling_variantformer.VariantFormerForExpression",
    },
    "variantformer_encoder": {
        "AutoConfig": "configuration_variantformer.VariantFormerEncoderConfig",
        "AutoModel": "modeling_variantformer.VariantFormerEncoder",
        "AutoModelForSequenceClassification": "modeling_variantformer.VariantFormerForChromatinActivity",
    },
}


def add_model_code(folder: str | PathLike[str]) -> None:
    """Put the model's code beside a config.json, and name it there.

    Args:
        folder: holds the config.json of one of these models.
    """
    if not _all_here(MODEL_FILES):
        return
    path = Path(folder) / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["auto_map"] = AUTO_MAPS[config["model_type"]]
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    _copy(MODEL_FILES, Path(folder))


def add_processor_code(folder: str | PathLike[str]) -> None:
    """Put the processor's code beside a processor_config.json, and name it there.

    Args:
        folder: holds the processor_config.json.
    """
    if not _all_here(PROCESSOR_FILES):
        return
    path = Path(folder) / "processor_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["auto_map"] = PROCESSOR_AUTO_MAP
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    _copy(PROCESSOR_FILES, Path(folder))


def _all_here(names: tuple[str, ...]) -> bool:
    """Whether the files are beside this one: where this is custom code itself, only those in use are."""
    return all((Path(__file__).parent / name).is_file() for name in names)


def _copy(names: tuple[str, ...], folder: Path) -> None:
    here = Path(__file__).resolve().parent
    for name in names:
        if here != folder.resolve():
            shutil.copyfile(here / name, folder / name)
