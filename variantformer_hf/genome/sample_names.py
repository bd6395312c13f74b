"""Names of the samples of a file of variants, and the one that is meant."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import SampleError

# Columns before the samples'.
FIXED_COLUMNS = 9


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
