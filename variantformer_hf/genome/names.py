"""Names that users type: what was not found, and what may have been meant."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

_SUGGESTIONS = 3
# Of so many unknown names in one list it is said what may have been meant: a look-up takes milliseconds, and a list of
# another table may have hundreds of thousands.
MOST_SUGGESTED = 5
# Names that are compared letter by letter; of more the ones that begin most alike.
_MOST_COMPARED = 1_000


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
    if len(begins_alike) > _MOST_COMPARED:
        begins_alike.sort(key=lambda other: _shared_start(other, wanted), reverse=True)
        del begins_alike[_MOST_COMPARED:]
    found = difflib.get_close_matches(wanted, begins_alike, n=_SUGGESTIONS, cutoff=0.7)
    return tuple(spelled[other] for other in found)


def _shared_start(left: str, right: str) -> int:
    """Letters from the start that two names share."""
    shared = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        shared += 1
    return shared
