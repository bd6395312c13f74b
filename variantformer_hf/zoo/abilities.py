"""What only some models can do; a command asks for it first."""

from dataclasses import dataclass, fields

from ..errors import InputError


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a model can do beyond predictions of genes.

    Attributes:
        cres: it reads cCREs one by one, so that one can be taken away or shuffled.
        cre_attention: it says how much each prediction's token attends to each cCRE.
        embeddings: it gives a vector for each prediction.
        changed_embeddings: it also gives vectors of the cCRE and the window that a variant changes.
        phase_shifts: its sequences can begin some bases later, which moves its tokens.
        store: vectors of the reference's cCREs can be kept on disk.
        gradients: how its predictions change with each base can be had by a backward pass.
        window: it reads one window of DNA base by base, in which each SNP can be placed by itself.
    """

    cres: bool = False
    cre_attention: bool = False
    embeddings: bool = False
    changed_embeddings: bool = False
    phase_shifts: bool = False
    store: bool = False
    gradients: bool = False
    window: bool = False


_WHAT = {
    "cres": "reads cCREs one by one",
    "cre_attention": "attends to cCREs",
    "embeddings": "gives embeddings",
    "changed_embeddings": "gives embeddings of what a variant changes",
    "phase_shifts": "reads tokens whose phase can be shifted",
    "store": "keeps vectors of cCREs on disk",
    "gradients": "gives gradients of bases",
    "window": "reads a window of DNA base by base",
}
assert set(_WHAT) == {each.name for each in fields(Abilities)}


def require(model_type: str, abilities: Abilities, ability: str, asked: str) -> None:
    """Refuse what a model cannot do.

    Args:
        model_type: of the model.
        abilities: the model's.
        ability: name of one.
        asked: what needs it, for people: ``knockout``, ``--store``.

    Raises:
        InputError: the model does not have it.
    """
    if not getattr(abilities, ability):
        raise InputError(
            f"{asked} needs a model that {_WHAT[ability]}, and {model_type!r} is none",
            remedy="Leave it out, or use another model.",
        )
