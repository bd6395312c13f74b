"""What a format does not hold of a VCF, and what was read otherwise than it stands: said once, and reported."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from ..addresses import as_given

logger = logging.getLogger(__name__)

# What ``CohortRows.counts`` counts, for people.
MEANINGS = {
    "absent_chunks": "chunks of calls that are not there and read as 0/0",
    "ambiguous": "records of which the FASTA holds both alleles, so that the second one is REF",
    "below_probability": "calls below --min-probability, which are missing",
    "dosages": "records with dosages, of which the hard calls are read",
    "not_in_fasta": "records of which the FASTA holds neither allele",
    "turned": "records turned, because the FASTA holds the first allele",
}


def merged(notes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The notes of several files, one a format: what any of them does not hold, their counts summed."""
    found: dict[str, dict[str, Any]] = {}
    for note in notes:
        known = found.setdefault(note["format"], {**note, "counts": {}})
        known["does_not_hold"] = list(dict.fromkeys([*known["does_not_hold"], *note["does_not_hold"]]))
        known["counts"] = dict(sorted((Counter(known["counts"]) + Counter(note["counts"])).items()))
    return list(found.values())


def counted(note: Mapping[str, Any]) -> list[str]:
    """What a note counts, for people."""
    return [f"{MEANINGS[kind]}: {count:,}" for kind, count in note["counts"].items()]


@lru_cache(maxsize=256)
def say_losses(path: str, format_name: str, loses: tuple[str, ...]) -> None:
    """Warn of what a file does not hold, once a process."""
    logger.warning("%s: a %s is read without: %s", path, format_name, ", ".join(loses))


@lru_cache(maxsize=256)
def say_no_phase(path: str, format_name: str, mode: str) -> None:
    """Warn that the haplotypes of a file are not told apart, once a process."""
    logger.warning(
        "%s: a %s has no phase: %s reads heterozygous calls as bcftools reads 0/1, REF first", path, format_name, mode
    )


def say_counts(path: object, notes: Iterable[Mapping[str, Any]], looked_at: str) -> None:
    """Warn of what was met that is read otherwise than it stands."""
    for note in notes:
        if note["counts"]:
            logger.warning("%s: of %s: %s", as_given(path), looked_at, "; ".join(counted(note)))
