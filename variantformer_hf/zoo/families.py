"""Which model a folder holds: the only place that lists the families of the zoo."""

import importlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from .gene_model import GeneModel
from .model_files import model_file, pinned_revision


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of models.

    Attributes:
        model_type: as in config.json.
        gene_model: ``module:Class`` of its :class:`GeneModel`, or the class; None = it predicts no genes.
        folder: ``module:object`` of the rules of its folders (see :class:`ModelFolder`), or the object.
        extra: extra of this package that it needs, and a module that comes with it; None = none.
    """

    model_type: str
    gene_model: str | type[GeneModel] | None
    folder: Any = None
    extra: tuple[str, str] | None = None


_FAMILIES = {
    family.model_type: family
    for family in (
        Family(
            "variantformer",
            "variantformer_hf.zoo.variantformer.gene_model:VariantFormerGeneModel",
            "variantformer_hf.zoo.variantformer.folder:EXPRESSION",
        ),
        Family("variantformer_encoder", None, "variantformer_hf.zoo.variantformer.folder:ENCODER"),
    )
}
# Folders of other libraries that a converter of this package reads, and the command that does it.
_FOREIGN = {
    "enformer": "variantformer convert FOLDER --kind enformer -o MODEL",
    "borzoi": "variantformer convert FOLDER --kind borzoi -o MODEL",
}


def register_family(family: Family) -> None:
    """Add a family, or replace the one of the same model type, for this process."""
    _FAMILIES[family.model_type] = family


def model_types() -> list[str]:
    """Model types that this package knows."""
    return list(_FAMILIES)


def family_of(model: str | Path, *, revision: str | None = None) -> Family:
    """The family of a folder or a repository of the Hub, by the ``model_type`` of its config.json.

    Raises:
        InputError: there is no such model; config.json is damaged, or names a type that is not of this zoo; the extra
            that the family needs is not installed.
    """
    path = model_file(model, "config.json", revision=revision)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("it is another kind of JSON")
    except (OSError, ValueError) as error:
        raise InputError(f"the model cannot be loaded: its config is damaged ({error})", file=path) from error
    model_type = config.get("model_type")
    family = _FAMILIES.get(str(model_type))
    if family is None:
        remedy = f"Give a model of the types {', '.join(_FAMILIES)}."
        if model_type in _FOREIGN:
            remedy = f"It is another library's folder: convert it first, with `{_FOREIGN[str(model_type)]}`."
        raise InputError(f"is a model of the type {model_type!r}, which is not of this zoo", file=model, remedy=remedy)
    if family.extra is not None and importlib.util.find_spec(family.extra[1]) is None:
        raise InputError(
            f"models of the type {model_type!r} need the package {family.extra[1]}",
            file=model,
            remedy=f"Install it: pip install 'variantformer-hf[{family.extra[0]}]'.",
        )
    return family


def load_gene_model(model: str | Path, *, revision: str | None = None, **options: Any) -> GeneModel:
    """Load any model that predicts genes, by the ``model_type`` of its config.json.

    Args:
        model: folder or Hub id.
        revision: branch, tag or commit of a Hub repository.
        **options: of the family's ``GeneModel.load``.

    Raises:
        InputError: as for :func:`family_of`, or the model predicts no genes; as for ``GeneModel.load``.
    """
    revision = pinned_revision(model, revision)
    found = gene_model_class(family_of(model, revision=revision), model)
    return found.load(model, revision=revision, **options)


def gene_model_class(family: Family, model: str | Path) -> type[GeneModel]:
    """The class of a family's models.

    Raises:
        InputError: they predict no genes.
    """
    if family.gene_model is None:
        raise InputError(
            f"is a model of the type {family.model_type!r}, which predicts no expression of genes",
            file=model,
            remedy=f"Give one of {', '.join(each.model_type for each in _FAMILIES.values() if each.gene_model)}.",
        )
    loaded: type[GeneModel] = _object(family.gene_model)
    return loaded


def _object(named: Any) -> Any:
    """An object, or the one that ``module:name`` names."""
    if not isinstance(named, str):
        return named
    module, _, name = named.partition(":")
    return getattr(importlib.import_module(module), name)
