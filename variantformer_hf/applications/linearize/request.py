"""What is asked of a linearisation."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ...errors import InputError, check_number
from ...genome.options import GenotypeOptions
from .linear_fit import FITS, Fit

Method = Literal["fit", "effects"]
METHODS: tuple[str, ...] = get_args(Method)


@dataclass(frozen=True, slots=True)
class ChosenPeople:
    """People of the panel itself, in the place of mosaics.

    Attributes:
        train, test: names.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinearizeRequest:
    """What is asked of a linearisation.

    Attributes:
        genes: names; None = all of the model.
        tissues: names of outputs; None = all.
        method: ``fit``, or ``effects``: the effects of single variants are the weights, and nothing is fitted.
        fit: see ``linear_fit``.
        n_train, n_test: mosaics to fit to, and others to hold the weights against; the latter in fours.
        people: people of the panel instead; None = mosaics.
        min_maf: least frequency of a variant's rarer allele; 0 = all that are carried.
        block: bases of a mosaic's blocks.
        seed: of all that is drawn.
        pass_only, min_probability, on_ref_mismatch: see ``GenotypeOptions``.

    Raises:
        InputError: a choice that does not exist, a number out of bounds.
    """

    genes: Sequence[str] | None = None
    tissues: Sequence[str] | None = None
    method: Method = "fit"
    fit: Fit = "ridge"
    n_train: int = 200
    n_test: int = 100
    people: ChosenPeople | None = None
    min_maf: float = 0.01
    block: int = 10_000
    seed: int = 0
    pass_only: bool = False
    min_probability: float = 0.9
    on_ref_mismatch: str = "error"

    def __post_init__(self) -> None:
        for name, value, choices in (("method", self.method, METHODS), ("fit", self.fit, FITS)):
            if value not in choices:
                raise InputError(f"there is no {name} {value!r}", remedy=f"Choose one of {', '.join(choices)}.")
        check_number("--train-people", self.n_train, 20)
        check_number("--test-people", self.n_test, 12)
        check_number("--min-maf", self.min_maf, 0, 0.5)
        check_number("--block", self.block, 1)
        check_number("--seed", self.seed, 0)

    def options(self, mode: str) -> GenotypeOptions:
        """How the panel's records become sequence."""
        return GenotypeOptions(
            mode=mode,
            pass_only=self.pass_only,
            min_probability=self.min_probability,
            on_ref_mismatch=self.on_ref_mismatch,
        )

    def described(self) -> dict[str, Any]:
        """All of it that a gene's weights depend on, for JSON."""
        return {name: value for name, value in asdict(self).items() if name not in ("genes", "tissues")}


def split_people(names: Sequence[str], n_train: int, n_test: int, seed: int) -> ChosenPeople:
    """People of the panel, dealt out to be fitted to and to be tested on, in the proportion asked for.

    Args:
        names: at least 10, each once.
        n_train, n_test: the proportion.
        seed: of the deal.

    Raises:
        InputError: there are fewer, or one is named twice.
    """
    import numpy as np

    check_people(names)
    order = np.random.default_rng(seed).permutation(len(names)).tolist()
    first = round(len(names) * n_test / (n_train + n_test))
    return ChosenPeople(
        tuple(names[place] for place in sorted(order[first:])), tuple(names[place] for place in sorted(order[:first]))
    )


def checked_people(train: Sequence[str], test: Sequence[str]) -> ChosenPeople:
    """People to fit to, and others to test on, as they are named.

    Raises:
        InputError: somebody is among both, or is named twice; there are too few.
    """
    both = sorted(set(train) & set(test))
    if both:
        raise InputError(
            f"{len(both)} people are fitted to and tested on: {', '.join(both[:3])}",
            remedy="Name each in one of --people and --test-people-file alone.",
        )
    check_people([*train, *test])
    return ChosenPeople(tuple(train), tuple(test))


def check_people(names: Sequence[str]) -> None:
    """Refuse people who are too few to fit to and test on, or are named twice.

    Raises:
        InputError: they are.
    """
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise InputError(f"{twice[0]} is named twice", remedy="Name everybody once.")
    if len(names) < LEAST_PEOPLE:
        raise InputError(
            f"{len(names)} people are too few to fit to and to test on",
            remedy=f"Name {LEAST_PEOPLE} or more, or leave it to mosaics of the panel's haplotypes.",
        )


LEAST_PEOPLE = 10
