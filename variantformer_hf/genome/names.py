"""Names that users type: what was not found, and what may have been meant."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class Rejected:
    """A name that nothing, or more than one thing, is called.

    Attributes:
        name: as it was given.
        reason: why it was rejected.
        suggestions: names that exist and may have been meant, the most likely first.
    """

    name: str
    reason: str
    suggestions: tuple[str, ...] = ()


def similar_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Up to three of the known names that a mistyped one may stand for; case does not count.

    Only names of about the same length are compared, so that one look-up among 60,000 names takes milliseconds.
    """
    wanted = name.casefold()
    spelled = {other.casefold(): other for other in known if abs(len(other) - len(name)) <= 2}
    begins_alike = [other for other in spelled if other[:1] == wanted[:1]]
    found = difflib.get_close_matches(wanted, begins_alike, n=_SUGGESTIONS, cutoff=0.7)
    return tuple(spelled[other] for other in found)
