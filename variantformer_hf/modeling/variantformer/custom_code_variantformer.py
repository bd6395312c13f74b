"""The code of the models inside a model folder, for readers who have transformers and torch and not this package.

What transformers calls custom code: the files below, flat, and ``auto_map`` in the configs, which say which class of
which file an Auto class loads under ``trust_remote_code=True``. This package never loads code from a model folder.
"""

import json
import shutil
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

CODE_FOLDER = Path(__file__).resolve().parent
MODEL_FILES = (
    "attention_variantformer.py",
    "chromatin_activity_variantformer.py",
    "configuration_variantformer.py",
    "custom_code_variantformer.py",
    "encoder_variantformer.py",
    "layers_variantformer.py",
    "modeling_variantformer.py",
    "pretrained_variantformer.py",
    "streams_variantformer.py",
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
    _add(Path(folder), "config.json", lambda config: AUTO_MAPS[config["model_type"]], MODEL_FILES)


def add_processor_code(folder: str | PathLike[str]) -> None:
    """Put the processor's code beside a processor_config.json, and name it there.

    Args:
        folder: holds the processor_config.json.
    """
    _add(Path(folder), "processor_config.json", lambda _: PROCESSOR_AUTO_MAP, PROCESSOR_FILES)


def _add(folder: Path, name: str, auto_map: Callable[[dict[str, Any]], dict[str, str]], code: tuple[str, ...]) -> None:
    """Name the code in a config, and copy it; nothing where this is custom code itself and not all of it is here."""
    if not all((CODE_FOLDER / file).is_file() for file in code):
        return
    path = folder / name
    config = json.loads(path.read_text(encoding="utf-8"))
    config["auto_map"] = auto_map(config)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if folder.resolve() != CODE_FOLDER:
        for file in code:
            shutil.copyfile(CODE_FOLDER / file, folder / file)
