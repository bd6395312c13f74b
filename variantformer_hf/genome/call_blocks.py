"""Records of a cohort's file with the calls of all, some at a time, whatever the format: what a store is made of."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from .variants import BEHIND_ANY_CONTIG


@dataclass(frozen=True, slots=True)
class CallBlock:
    """Some records of a contig, in file order (n of them), and all calls that are not 0/0 (c of them).

    Attributes:
        position, end: (n,) int64, 0-based half-open stretch by which regions find the record.
        alleles: (n,) int64, a number for REF and ALT, see ``record_columns.alleles_digest``.
        flags: (n,) uint8, of ``store_layout``: SITE, HOM_REF, PASSES, LONGER.
        ref, alt: (n,) uint8, first letters of REF and ALT.
        text_size: (n,) int64, how much of ``text`` is each record's; 0 for sites that pass, which their letters say.
        text: (m,) uint8, REF, ALT and FILTER of the others, tabs between them, one record behind the other.
        call_record: (c,) int64, index of the record in this block, ascending.
        call_sample: (c,) int64, index of the sample in the file, ascending within a record.
        call_genotype: (c,) int64, index into ``genotypes``.
        genotypes: the different genotypes of the block, as a VCF writes them: ``0|1``, ``./.``, ``1``.
    """

    position: np.ndarray
    end: np.ndarray
    alleles: np.ndarray
    flags: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    text_size: np.ndarray
    text: np.ndarray
    call_record: np.ndarray
    call_sample: np.ndarray
    call_genotype: np.ndarray
    genotypes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.position)

    def of_samples(self, numbers: np.ndarray) -> "CallBlock":
        """The same records with the calls of some samples.

        Args:
            numbers: (samples,) int64, what each of the file is among those that are kept, ascending; -1 = it is not.
        """
        sample = numbers[self.call_sample]
        kept = sample >= 0
        return replace(
            self,
            call_record=self.call_record[kept],
            call_sample=sample[kept],
            call_genotype=self.call_genotype[kept],
        )


class SomeCalls(NamedTuple):
    """Calls that are not 0/0, c of them.

    Attributes:
        record: (c,) indices of their records.
        person: (c,) whose they are; or one number, where all are of one person, and of each record once.
        genotype: (c,) which genotypes.
    """

    record: np.ndarray
    person: np.ndarray | int
    genotype: np.ndarray


@dataclass(frozen=True, slots=True)
class RegionCalls:
    """Some records of a contig (n of them), which of them are in a region, and the calls of some people there.

    Attributes:
        position, end, flags, ref, alt: (n,) as of :class:`CallBlock`.
        inside: (n,) which are in the region.
        text_size, text: (n,), (m,) as of ``CallBlock``; of records that are outside there may be none.
        genotypes: what the calls are, as of ``CallBlock``.
        calls: the calls, a few at a time; of records that are outside too. To be read once.
    """

    position: np.ndarray
    end: np.ndarray
    flags: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    inside: np.ndarray
    text_size: np.ndarray
    text: np.ndarray
    genotypes: tuple[str, ...]
    calls: Iterable[SomeCalls]

    @classmethod
    def of_block(cls, block: CallBlock, start: int, end: int, places: np.ndarray) -> "RegionCalls":
        """The records of a block, with a region [start, end); those at position 0 of a file are in none.

        Args:
            block, start, end: what is read.
            places: which person each sample of the block is.
        """
        return cls(
            block.position,
            block.end,
            block.flags,
            block.ref,
            block.alt,
            (block.position >= 0) & (block.position < end) & (block.end > start),
            block.text_size,
            block.text,
            block.genotypes,
            [SomeCalls(block.call_record, places[block.call_sample], block.call_genotype)],
        )


class CallSource(Protocol):
    """An opened file of genotypes of any format, read for all of its samples."""

    @property
    def path(self) -> Path:
        """Of the file."""
        ...

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of all samples."""
        ...

    @property
    def contigs(self) -> Mapping[str, int | None]:
        """Name -> length from the header; None where it does not say."""
        ...

    @property
    def indexed_contigs(self) -> list[str]:
        """Contigs that have records, in the order of the file."""
        ...

    @property
    def index_is_older(self) -> bool:
        """Whether the file was written after its index, which may then miss records."""
        ...

    def blocks(
        self, contig: str, start: int = -1, end: int = BEHIND_ANY_CONTIG, samples: np.ndarray | None = None
    ) -> Iterator[CallBlock]:
        """All records of a contig, ascending by position, or at least those that overlap [start, end).

        Args:
            contig, start, end: 0-based half-open, by the file's names.
            samples: whose calls, ascending indices, by which they are then numbered; None = everybody's.

        Raises:
            InputError: a record is malformed, or is one that a store cannot hold; the message names it.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...
