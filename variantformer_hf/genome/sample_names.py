"""Names of the samples of a file of variants, and those that are meant."""

import logging
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, SampleError
from .table_files import kind_of_file, text_lines

logger = logging.getLogger(__name__)

# Columns before the samples'.
FIXED_COLUMNS = 9
# In the place of a list of names: everybody. A sample of this name is meant by a list that holds it.
ALL_SAMPLES = "all"
_SHOWN = 3
_GTEX_DONOR_PARTS = 2


def read_sample_names(path: str | Path) -> list[str]:
    """Names of samples in the order of a file, one a line; blank lines and those that begin with # are left out.

    Blanks around a name are taken off; those within it stay, for a name of a VCF may have them.

    Args:
        path: text, compressed (.gz) or not, with line ends of any system.

    Raises:
        InputError: no such file, no text, several columns, or no name in it.
    """
    remedy = "Write one name a line, as they stand in the #CHROM line of the VCF (bcftools query -l calls.vcf.gz)."
    if kind_of_file(path) != "text":
        raise InputError("is no list of samples", file=path, remedy=remedy)
    names = []
    for number, line in enumerate(text_lines(path), start=1):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        if "\t" in name:
            raise InputError(
                "has several columns", file=path, record=f"line {number}", remedy=f"{remedy[:-1]}: cut -f1."
            )
        names.append(name)
    if not names:
        raise InputError("names no sample", file=path, remedy=remedy)
    return names


def chosen_samples(path: object, samples: Sequence[str], asked: Sequence[str]) -> list[str]:
    """The samples that are meant by names, each once, in the order in which they were asked for.

    Args:
        path: of the file of variants, for messages.
        samples: its samples.
        asked: names, or ``"all"`` (:data:`ALL_SAMPLES`) for everybody, in the file's order. What is named more than
            once is counted in a warning.

    Raises:
        SampleError: names that are not there: the first three, and how many; there is nobody.
        ValueError: one name where a list is expected.
    """
    if isinstance(asked, str):
        if asked != ALL_SAMPLES:
            raise ValueError(f"samples is a list of names, or {ALL_SAMPLES!r}: [{asked!r}]")
        if not samples:
            raise SampleError("has no samples", file=path, remedy="Leave out --all-samples.")
        return list(samples)
    there = set(samples)
    wanted = list(dict.fromkeys(asked))
    unknown = [name for name in wanted if name not in there]
    if unknown:
        shown = ", ".join(map(repr, unknown[:_SHOWN]))
        if len(wanted) == 1:
            problem = f"has no sample {shown}"
        elif len(unknown) <= _SHOWN:
            problem = f"has no sample {shown} ({len(unknown)} of the {len(wanted)} asked for)"
        else:
            problem = f"lacks {len(unknown)} of the {len(wanted)} samples asked for: {shown}, ..."
        found = f"it has {shown_samples(samples)}" if samples else "it has no samples"
        raise SampleError(f"{problem}; {found}", file=path, remedy="Name its samples, as they stand in it.")
    if len(wanted) < len(asked):
        logger.warning(
            "%d of %d names of samples are named before: each is read once", len(asked) - len(wanted), len(asked)
        )
    return wanted


def gtex_donor(sample: str) -> str:
    """The donor of one of GTEx's samples, which are called ``GTEX-DONOR-SITE-...``."""
    return "-".join(sample.split("-")[:_GTEX_DONOR_PARTS])


def check_names(path: Path, samples: Sequence[str]) -> None:
    """Check that each name says which column is meant.

    Raises:
        SampleError: two are the same, or one is empty.
    """
    if len(set(samples)) < len(samples):
        twice = next(name for name in samples if samples.count(name) > 1)
        raise SampleError(
            f"has two samples of the name {twice!r}",
            file=path,
            remedy="Name them apart (bcftools reheader -s names.txt), whichever of its samples is wanted.",
        )
    if "" in samples:
        raise SampleError(
            f"names no sample in column {FIXED_COLUMNS + samples.index('') + 1} of its #CHROM line",
            file=path,
            remedy="Write a name there, or take the tab away if the column is none.",
        )


def chosen_sample(path: object, samples: Sequence[str], asked: str | None) -> str | None:
    """The sample to read: the asked one, or the only one; None where there are none.

    Raises:
        SampleError: it is not there, or none is named where there are several.
    """
    shown = shown_samples(samples)
    if asked is None:
        if len(samples) > 1:
            raise SampleError(
                f"has {len(samples)} samples ({shown}), and none was named", file=path, remedy="Name one with --sample."
            )
        return samples[0] if samples else None
    if asked not in samples:
        found = f"it has {shown}" if samples else "it has no samples"
        raise SampleError(f"has no sample {asked!r}: {found}", file=path, remedy="Name one of its samples.")
    return asked


def shown_samples(samples: Sequence[str]) -> str:
    """The first names of a file for a message; those that end in spaces in quotes."""
    names = [name if name == name.strip() else repr(name) for name in samples[:5]]
    return ", ".join(names) + (", ..." if len(samples) > 5 else "")
