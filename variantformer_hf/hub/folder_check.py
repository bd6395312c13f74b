"""Whether a model folder is whole, before it leaves the machine."""

from pathlib import Path

from ..errors import InputError
from ..zoo.companions import check_companions
from ..zoo.families import family_of, folder_rules, gene_model_class
from ..zoo.model_folder import CARD, ModelFolder, read_config
from .card import card_problems

_PICKLED = {".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"}


def check_folder(folder: str | Path) -> list[Path]:
    """Check all that a reader of the folder will rely on, and say which files belong to it.

    The weights are loaded strictly; what travels with them, code and card are read as a reader would read them; and the
    model computes a prediction of random sequences twice: it must be finite and the same. What else is checked each
    family says.

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
    read_config(folder, "config.json")
    family = family_of(folder)
    rules = folder_rules(family)
    files = _files(folder, rules)
    rules.check_code(folder)
    _check_card(folder)
    check_companions(folder)
    rules.check(folder, None if family.gene_model is None else gene_model_class(family, folder))
    return files


def refresh_model_code(folder: str | Path) -> None:
    """Write the model code of this version of the package into a folder, and name it in the configs.

    Raises:
        InputError: the folder holds no model of this zoo, or one whose code does not travel with it.
    """
    folder = Path(folder)
    read_config(folder, "config.json")
    folder_rules(family_of(folder)).refresh_code(folder)


def _files(folder: Path, rules: ModelFolder) -> list[Path]:
    found = sorted(folder.iterdir())
    pickled = [path.name for path in found if path.suffix in _PICKLED]
    if pickled:
        raise InputError(
            f"holds files that can run code when they are read: {', '.join(pickled)}",
            file=folder,
            remedy="Publish safetensors only: remove them.",
        )
    strange = [path.name for path in found if path.is_dir() or path.is_symlink() or not rules.holds(path.name)]
    if strange:
        raise InputError(
            f"holds what does not belong to a model: {', '.join(strange[:10])}",
            file=folder,
            remedy="Move it elsewhere: only what belongs to a model is published.",
        )
    return found


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
