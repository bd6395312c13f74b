"""Files elsewhere that are read as a whole: genotypes in formats that are no VCF, and what belongs to them."""

import logging
from collections.abc import Sequence
from pathlib import Path

from ..remote.mirror import MirroredFile

logger = logging.getLogger(__name__)

_fetched: set[str] = set()


def fetch_set(file: MirroredFile, beside: Sequence[Sequence[str]], index: Sequence[str] = ()) -> None:
    """Have all of a file in its mirror, and the files that belong to it beside; asked for once in a process.

    Args:
        file: the one that is named.
        beside: suffixes that other files have instead of its own, of each the first that is there; the reader says
            which it cannot do without.
        index: suffixes behind its name, of its index.

    Raises:
        InputError: one of them cannot be had.
    """
    if str(file) in _fetched:
        file.fetch()
        return
    groups = [*((suffixes, False) for suffixes in beside), *([(index, True)] if index else [])]
    found = [(suffixes, behind, file.companion(suffixes, behind=behind)) for suffixes, behind in groups]
    others = [companion[1] for _, _, companion in found if companion is not None]
    lacking = sum(each.lacks() for each in (file, *others))
    if lacking:
        logger.warning(
            "%s is read as a whole: %s, %.1f MB, %s fetched once, into %s",
            file.address,
            " and ".join(("it", *(other.name for other in others))),
            lacking / 1e6,
            "are" if others else "is",
            file.parent.parent,
        )
    for each in (*others, file):
        each.fetch()
    for suffixes, behind, companion in found:
        for suffix in suffixes:
            link = Path(f"{file}{suffix}") if behind else Path(file).with_suffix(suffix)
            if companion is not None and companion[0] == suffix:
                file.put_beside(link, companion[1])
            else:
                link.unlink(missing_ok=True)  # of another time, when it was there
    _fetched.add(str(file))
