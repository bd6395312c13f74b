"""Which model a folder holds: the only place that lists the families of the zoo."""

import importlib
import importlib.util
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import InputError
from .embedder import Embedder
from .gene_model import GeneModel, LoadedFrom
from .model_files import model_file, pinned_revision
from .model_folder import ModelFolder


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of models.

    Attributes:
        model_type: as in config.json.
        gene_model: ``module:Class`` of its :class:`GeneModel`, or the class; None = it predicts no genes.
        folder: ``module:object`` of the rules of its folders (see :class:`ModelFolder`), or the object; None = the
            plain ones.
        embedder: ``module:Class`` of how vectors are had of it (see ``zoo.embedder``), or the class; None = none are.
        recipe: ``module:Class`` of how it is trained on expression (see ``training.recipes.Recipe``), or the class;
            None = as any model.
        encoder_training: module that trains it by itself, as an encoder (``set_up``, ``estimate``, ``train_encoder``);
            None = there is none.
        stages: stage of ``variantformer train`` -> ``module:object`` of how it is trained (see ``training.stages``), or
            the object.
        extra: extra of this package that it needs, and a package that comes with it; None = none.
        converters: kind of files for ``convert --kind`` -> ``module:function`` that plans their conversion (see
            ``conversion.planned``), or the function.
    """

    model_type: str
    gene_model: str | type[GeneModel] | None
    folder: str | ModelFolder | None = None
    embedder: str | type[Embedder] | None = None
    recipe: Any = None
    encoder_training: str | None = None
    stages: Mapping[str, Any] = field(default_factory=dict)
    extra: tuple[str, str] | None = None
    converters: Mapping[str, Any] = field(default_factory=dict)


_FAMILIES = {
    family.model_type: family
    for family in (
        Family(
            "variantformer",
            "variantformer_hf.zoo.variantformer.gene_model:VariantFormerGeneModel",
            "variantformer_hf.zoo.variantformer.folder:EXPRESSION",
            recipe="variantformer_hf.training.variantformer.recipe:VariantFormerRecipe",
            converters={
                "variantformer": "variantformer_hf.conversion.variantformer.released_request:planned_conversions"
            },
        ),
        Family(
            "variantformer_encoder",
            None,
            "variantformer_hf.zoo.variantformer.folder:ENCODER",
            recipe="variantformer_hf.training.variantformer.recipe:VariantFormerRecipe",
            encoder_training="variantformer_hf.training.variantformer.encoder",
        ),
        Family(
            "enformer_trunk",
            "variantformer_hf.zoo.enformer.gene_model:EnformerGeneModel",
            "variantformer_hf.zoo.enformer.folder:TRACKS",
            embedder="variantformer_hf.zoo.enformer.embedder:EnformerEmbedder",
            converters={
                "enformer": "variantformer_hf.conversion.enformer.conversion:planned_conversions",
                "grelu-enformer": "variantformer_hf.conversion.enformer.conversion:planned_grelu_conversions",
            },
        ),
        Family(
            "borzoi_trunk",
            "variantformer_hf.zoo.borzoi.gene_model:BorzoiGeneModel",
            "variantformer_hf.zoo.borzoi.folder:TRACKS",
            embedder="variantformer_hf.zoo.borzoi.embedder:BorzoiEmbedder",
            converters={
                "borzoi": "variantformer_hf.conversion.borzoi.conversion:planned_conversions",
                "grelu-borzoi": "variantformer_hf.conversion.borzoi.conversion:planned_grelu_conversions",
            },
        ),
        Family(
            "variformer",
            "variantformer_hf.zoo.variformer.gene_model:VariformerGeneModel",
            "variantformer_hf.zoo.variformer.folder:EXPRESSION",
            recipe="variantformer_hf.training.variformer.recipe:VariformerRecipe",
            stages={"variformer": "variantformer_hf.training.variformer.recipe:STAGE"},
            converters={"variformer": "variantformer_hf.conversion.variformer.conversion:planned_conversions"},
        ),
        Family(
            "ukbiobert",
            None,
            "variantformer_hf.zoo.ukbiobert.folder:TOKENS",
            embedder="variantformer_hf.zoo.ukbiobert.embedder:UkBioBertEmbedder",
            stages={"ukbiobert": "variantformer_hf.training.ukbiobert.masked_tokens:STAGE"},
            converters={"dnabert2": "variantformer_hf.conversion.dnabert2.conversion:planned_conversions"},
        ),
        Family(
            "epinformer",
            "variantformer_hf.zoo.epinformer.gene_model:EPInformerGeneModel",
            "variantformer_hf.zoo.epinformer.folder:ELEMENTS",
            recipe="variantformer_hf.training.epinformer.recipe:EPInformerRecipe",
            stages={"epinformer": "variantformer_hf.training.epinformer.recipe:STAGE"},
            converters={"epinformer": "variantformer_hf.conversion.epinformer.conversion:planned_conversions"},
        ),
        Family(
            "ukbioformer",
            "variantformer_hf.zoo.ukbioformer.gene_model:UkBioFormerGeneModel",
            "variantformer_hf.zoo.ukbioformer.folder:EXPRESSION",
            recipe="variantformer_hf.training.ukbioformer.recipe:UkBioFormerRecipe",
            stages={"ukbioformer": "variantformer_hf.training.ukbioformer.recipe:STAGE"},
            converters={"ukbioformer": "variantformer_hf.conversion.ukbioformer.conversion:planned_conversions"},
        ),
        Family(
            "dosage_linear",
            "variantformer_hf.zoo.dosage.gene_model:LinearDosageGeneModel",
            "variantformer_hf.zoo.dosage.folder:DOSAGES",
        ),
        Family(
            "dosage_forest",
            "variantformer_hf.zoo.dosage.gene_model:ForestDosageGeneModel",
            "variantformer_hf.zoo.dosage.folder:DOSAGES",
        ),
        Family(
            "embedding_heads",
            "variantformer_hf.zoo.embedding.gene_model:EmbeddingHeadsGeneModel",
            "variantformer_hf.zoo.embedding.folder:VECTORS",
        ),
        Family(
            "embedding_net",
            "variantformer_hf.zoo.embedding.gene_model:EmbeddingNetGeneModel",
            "variantformer_hf.zoo.embedding.folder:VECTORS",
        ),
    )
}
# Model types of other libraries' folders, which are kinds for `convert --kind`.
_FOREIGN = ("enformer", "borzoi")
_DEFAULT_KIND = "variantformer"


def register_family(family: Family) -> None:
    """Add a family, or replace the one of the same model type, for this process."""
    _FAMILIES[family.model_type] = family


def family_of(model: str | Path, *, revision: str | None = None) -> Family:
    """The family of a folder or a repository of the Hub, by the ``model_type`` of its config.json.

    Raises:
        InputError: there is no such model; config.json is damaged, or names a type that is not of this zoo; the extra
            that the family needs is not installed; the folder also holds files of another family.
    """
    model_type = read_config(model, revision=revision).get("model_type")
    family = _FAMILIES.get(str(model_type))
    if family is None:
        remedy = f"Give a model of the types {', '.join(_FAMILIES)}."
        if model_type in _FOREIGN:
            command = f"`variantformer convert {model} --kind {model_type} -o MODEL`"
            remedy = f"It is another library's folder, which {command} converts."
        raise InputError(f"is a model of the type {model_type!r}, which is not of this zoo", file=model, remedy=remedy)
    if family.extra is not None and importlib.util.find_spec(family.extra[1]) is None:
        raise InputError(
            f"models of the type {model_type!r} need the package {family.extra[1]}",
            file=model,
            remedy=f"Install it: pip install 'variantformer-hf[{family.extra[0]}]'.",
        )
    _refuse_two_families(model, family)
    return family


def read_config(model: str | Path, *, revision: str | None = None) -> dict[str, Any]:
    """A model's config.json.

    Raises:
        InputError: there is no such model, or the file is damaged.
    """
    path = model_file(model, "config.json", revision=revision)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("it is another kind of JSON")
    except (OSError, ValueError) as error:
        raise InputError(f"the model cannot be loaded: its config is damaged ({error})", file=path) from error
    return config


def _refuse_two_families(model: str | Path, family: Family) -> None:
    """Of a folder: a Hub repository's files are not listed for this."""
    if not Path(model).is_dir():
        return
    rules = folder_rules(family)
    strange = sorted(path.name for path in Path(model).iterdir() if not rules.holds(path.name))
    if not strange:
        return
    for other in _FAMILIES.values():
        theirs = folder_rules(other)
        found = [name for name in strange if theirs.holds(name)]
        if found:
            raise InputError(
                f"holds files of two families: config.json is of {family.model_type!r}, {', '.join(found[:10])} of "
                f"{other.model_type!r}",
                file=model,
                remedy="Keep each model in a folder of its own.",
            )


def folder_rules(family: Family) -> ModelFolder:
    """What a family's folders hold, and what is checked of them."""
    rules: ModelFolder = _object(family.folder) or ModelFolder()
    return rules


def converter_of(kind: str | None) -> Any:
    """The function that plans the conversion of files of a kind; None = released checkpoints; ``conversion.planned``.

    Raises:
        InputError: there is none.
    """
    known = _converters()
    kind = _DEFAULT_KIND if kind is None else kind
    if kind not in known:
        raise InputError(f"there is no kind {kind!r} of files to convert", remedy=f"The kinds are {', '.join(known)}.")
    return _object(known[kind])


def _converters() -> dict[str, Any]:
    return {kind: converter for family in _FAMILIES.values() for kind, converter in family.converters.items()}


def load_gene_model(model: str | Path, *, revision: str | None = None, **options: Any) -> GeneModel:
    """Load any model that predicts genes, by the ``model_type`` of its config.json.

    Args:
        model: folder or Hub id.
        revision: branch, tag or commit of a Hub repository.
        **options: of the family's ``GeneModel.load``; None, False and ``auto`` ask for nothing.

    Raises:
        InputError: as for :func:`family_of`, or the model predicts no genes; an option that the family does not have;
            as for ``GeneModel.load``.
    """
    revision = pinned_revision(model, revision)
    found = gene_model_class(family_of(model, revision=revision), model)
    known = known_options(found, model, options)
    loaded = found.load(model, revision=revision, **known)
    loaded.loaded_from = LoadedFrom(model, revision, known)
    return loaded


def known_options(kind: type[GeneModel] | type[Embedder], model: str | Path, options: dict[str, Any]) -> dict[str, Any]:
    """Options that a family has; of others those that ask for nothing are left out.

    Args:
        kind: the class of the family's models.
        model: folder or Hub id, for the message.
        options: name -> value; None, False and ``auto`` ask for nothing.

    Raises:
        InputError: another one asks for something.
    """
    parameters = inspect.signature(kind.load).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return {name: value for name, value in options.items() if value is not None or name in parameters}
    for name, value in options.items():
        if name not in parameters and value not in (None, False, "auto"):
            has = [each for each in parameters if each not in ("model", "revision")]
            raise InputError(
                f"models of the type {kind.model_type!r} have no option {name}",
                file=model,
                remedy=f"Leave it out; they have {', '.join(has)}.",
            )
    return {name: value for name, value in options.items() if name in parameters}


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


def embedder_class(family: Family, model: str | Path) -> type[Embedder]:
    """How vectors are had of a family's models.

    Raises:
        InputError: there are none.
    """
    if family.embedder is None:
        raise InputError(
            f"is a model of the type {family.model_type!r}, of which `embed` makes no vectors",
            file=model,
            remedy=f"Give one of {', '.join(each.model_type for each in _FAMILIES.values() if each.embedder)}.",
        )
    loaded: type[Embedder] = _object(family.embedder)
    return loaded


def recipe_class(model: str | Path | None, model_type: str | None = None) -> Any:
    """How a model, or one that begins with an encoder, is trained on expression; None = as any model.

    Args:
        model: folder or Hub id of the model or the encoder; None = a new one of ``model_type``.
        model_type: what it has to be; None = anything.

    Raises:
        InputError: as for :func:`family_of`, or the model is of another type.
    """
    if model is None:
        return _object(_FAMILIES[str(model_type)].recipe)
    family = family_of(model)
    if model_type is not None and family.model_type != model_type:
        raise InputError(
            f"is a model of the type {family.model_type!r}, and {model_type!r} is trained here",
            file=model,
            remedy=f"Give one of that type, or use `variantformer train {next(iter(family.stages), 'expression')}`.",
        )
    return _object(family.recipe)


def family_stages() -> dict[str, Callable[[], Any]]:
    """Stages of ``variantformer train`` that are a family's own: name -> gives how it is trained."""
    return {name: partial(_object, named) for family in _FAMILIES.values() for name, named in family.stages.items()}


def encoder_training(model: str | Path | None) -> Any:
    """The module that trains an encoder.

    Args:
        model: the encoder to go on from; None = a new one, of the first family that has any.

    Raises:
        InputError: as for :func:`family_of`, or the model's family trains no encoder.
    """
    families = list(_FAMILIES.values()) if model is None else [family_of(model)]
    named = next((family.encoder_training for family in families if family.encoder_training), None)
    if named is None:
        raise InputError(
            f"is a model of the type {families[0].model_type!r}, which is no encoder that is trained by itself",
            file=model,
            remedy="Give an encoder's folder, or train it with `variantformer train expression`.",
        )
    return importlib.import_module(named)


def _object(named: Any) -> Any:
    """An object, or the one that ``module:name`` names."""
    if not isinstance(named, str):
        return named
    module, _, name = named.partition(":")
    return getattr(importlib.import_module(module), name)
