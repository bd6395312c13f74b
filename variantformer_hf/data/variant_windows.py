"""Sequences around variants for training on masked tokens: a window a variant, with its ALT, as UKBioBERT's were made.

The variant is the only change of its window: neighbours are not in it. Positions are 0-based and half-open inside.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import AssemblyError, InputError, check_number
from ..files import check_new, whole_file, writing
from ..genome.contigs import bare_name
from ..genome.interval import Interval
from ..genome.intervals import SortedIntervals, merged
from ..genome.reference import ReferenceGenome
from ..genome.variant import Variant, VariantNormalizer
from ..genome.variant_rows import rows_of_file

_CHROMOSOMES = frozenset([*map(str, range(1, 23)), "X", "Y"])
_BASES = frozenset("ACGT")
LEAST_AGREEMENT = 0.95
_ROWS_AT_ONCE = 10_000
_SCHEMA = pa.schema(
    [("text", pa.string()), ("chrom", pa.string()), ("pos", pa.int64()), ("ref", pa.string()), ("alt", pa.string())]
)


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """How windows are made and divided.

    Attributes:
        length: bases; a variant's first REF base is at index length // 2 - 1, which is 255 of 512.
        as_released: write ALT over as many bases of the reference, as the public code does: right for equal lengths,
            while an insertion covers what follows and a deletion leaves the reference. Else the altered sequence.
        reference_share: share of the rows that are windows of the reference, at the places of variants; below 1.
        test_chromosomes: whole chromosomes that are held out; none = by position.
        test_share: by position, the last share of the bases of all chromosomes is held out.
        seed: of the draw of reference windows.
    """

    length: int = 512
    as_released: bool = False
    reference_share: float = 0.0
    test_chromosomes: tuple[str, ...] = ()
    test_share: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        check_number("length", self.length, 2)
        check_number("reference_share", self.reference_share, 0, 0.99)
        check_number("test_share", self.test_share, 0, 1)


@dataclass
class WindowReport:
    """What became of the variants.

    Attributes:
        written: file -> rows.
        left_out: reason -> variants.
    """

    written: dict[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def write_variant_windows(
    variants: str | Path | Iterable[Variant],
    reference: ReferenceGenome,
    output: str | Path,
    *,
    blacklist: Iterable[Interval] = (),
    options: WindowOptions | None = None,
    overwrite: bool = False,
) -> WindowReport:
    """Write ``train.parquet`` and ``test.parquet`` (text, chrom, pos, ref, alt; windows of the reference without alt).

    Left out and counted are variants that are no sequence of A, C, G and T (``no_sequence``), that are not on
    chromosomes 1 to 22, X or Y (``other_contig``), in the blacklist (``blacklisted``), whose REF the FASTA does not
    hold (``ref_mismatch``), whose window leaves the chromosome (``window_off_contig``) or lies on both sides of the
    place where the test part begins (``on_the_split``).

    Args:
        variants: any file of variants that ``effects`` reads, or variants.
        reference: the FASTA.
        output: a folder.
        blacklist: by the FASTA's names; no REF base may be in it.
        options: how windows are made; None = as by default.
        overwrite: replace what is there.

    Raises:
        AssemblyError: fewer than 95 % of the REF alleles are what the FASTA holds.
        InputError: the variants cannot be read, a chromosome that is held out is not in the FASTA, or the files exist.
    """
    options = options or WindowOptions()
    maker = _WindowMaker(reference, options, blacklist)
    output = Path(output)
    files = {part: output / f"{part}.parquet" for part in ("train", "test")}
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    check_new(list(files.values()), overwrite=overwrite)
    with ExitStack() as stack:
        parts = {part: _Part(stack.enter_context(whole_file(path))) for part, path in files.items()}
        for window in maker.windows(_variants(variants, maker.report)):
            parts[maker.part(window)].add(window)
        for part in parts.values():
            part.close()
        maker.check_agreement(variants if isinstance(variants, str | Path) else None)
    maker.report.written = {f"{name}.parquet": part.rows for name, part in parts.items()}
    return maker.report


@dataclass(frozen=True, slots=True)
class Window:
    """A sequence, and which variant is in it; ``alt`` None = that of the reference."""

    text: str
    start: int
    variant: Variant
    alt: str | None


class _WindowMaker:
    def __init__(self, reference: ReferenceGenome, options: WindowOptions, blacklist: Iterable[Interval]) -> None:
        self.report = WindowReport()
        self._reference, self._options = reference, options
        self._normalizer = VariantNormalizer(reference)
        self._contigs = {name: size for name, size in reference.contigs.items() if bare_name(name) in _CHROMOSOMES}
        self._blacklist = _by_contig(blacklist)
        self._compared = self._agreed = 0
        names = {bare_name(name): name for name in self._contigs}
        missing = [name for name in options.test_chromosomes if bare_name(name) not in names]
        if missing:
            raise InputError(f"has no chromosome {missing[0]} to hold out", file=reference.path)
        self._held_out = {names[bare_name(name)] for name in options.test_chromosomes}
        self._first_test = self._first_bases_of_test()

    def windows(self, variants: Iterable[Variant]) -> Iterator[Window]:
        """Of each variant that can be used, and sometimes one of the reference before it."""
        # Of n variant rows as many of the reference that they are the share of all.
        share = self._options.reference_share / (1 - self._options.reference_share)
        for given in variants:
            variant, reason = self._usable(given)
            if reason is not None or variant is None:
                self.report.left_out[reason or "no_sequence"] += 1
                continue
            start = variant.start - (self._options.length // 2 - 1)
            # Of a share of a half or more several copies would be needed: one for each whole, and one by draw.
            whole, rest = divmod(share, 1)
            drawn = zlib.crc32(f"{variant}:{self._options.seed}".encode()) / 2**32
            for _ in range(int(whole) + (drawn < rest)):
                yield Window(self._bases(variant.chrom, start), start, variant, None)
            yield Window(self._altered(variant, start), start, variant, variant.alt)

    def part(self, window: Window) -> str:
        """``train`` or ``test``."""
        chrom = window.variant.chrom
        if self._options.test_chromosomes:
            return "test" if chrom in self._held_out else "train"
        return "test" if window.start >= self._first_test[chrom] else "train"

    def check_agreement(self, file: str | Path | None) -> None:
        """Refuse variants of another assembly."""
        if self._compared and self._agreed < LEAST_AGREEMENT * self._compared:
            raise AssemblyError(
                f"only {self._agreed:,} of {self._compared:,} REF alleles are what {self._reference.path} holds",
                file=file,
                remedy="Give the FASTA of the variants' assembly.",
            )

    def _usable(self, given: Variant) -> tuple[Variant | None, str | None]:
        if not given.ref or not given.alt or not _BASES.issuperset(given.ref + given.alt) or given.ref == given.alt:
            return None, "no_sequence"
        try:
            chrom = self._normalizer.contig(given.chrom)
        except InputError:
            return None, "other_contig"
        if chrom not in self._contigs:
            return None, "other_contig"
        variant = Variant(chrom, given.pos, given.ref, given.alt)
        self._compared += 1
        if variant.start < 0 or not self._normalizer.holds(chrom, variant.start, variant.ref):
            return None, "ref_mismatch"
        self._agreed += 1
        if chrom in self._blacklist and len(self._blacklist[chrom].overlapping(variant.start, variant.end)):
            return None, "blacklisted"
        start = variant.start - (self._options.length // 2 - 1)
        longest = start + self._options.length + max(0, len(variant.ref) - len(variant.alt))
        if start < 0 or longest > self._contigs[chrom]:
            return None, "window_off_contig"
        if not self._options.test_chromosomes and start < self._first_test[chrom] < longest:
            return None, "on_the_split"
        return variant, None

    def _altered(self, variant: Variant, start: int) -> str:
        length, before = self._options.length, variant.start - start
        if self._options.as_released:
            text = self._bases(variant.chrom, start)
            return (text[:before] + variant.alt + text[before + len(variant.alt) :])[:length]
        left = self._reference.sequence(variant.chrom, start, variant.start)
        more = max(0, length - before - len(variant.alt))
        right = self._reference.sequence(variant.chrom, variant.end, variant.end + more)
        return (left + variant.alt + right)[:length].upper()

    def _bases(self, chrom: str, start: int) -> str:
        return self._reference.sequence(chrom, start, start + self._options.length).upper()

    def _first_bases_of_test(self) -> dict[str, int]:
        """Where on each chromosome the last share of all bases begins, chromosomes in the order of the FASTA."""
        first = (1 - self._options.test_share) * sum(self._contigs.values())
        found, before = {}, 0
        for name, size in self._contigs.items():
            found[name] = int(np.clip(round(first - before), 0, size))
            before += size
        return found


class _Part:
    """A Parquet file that is written some rows at a time."""

    def __init__(self, path: Path) -> None:
        self.rows = 0
        self._writer = pq.ParquetWriter(path, _SCHEMA, compression="zstd")
        self._held: list[dict[str, object]] = []

    def add(self, window: Window) -> None:
        """Hold a row, and write all when there are enough."""
        variant = window.variant
        row = {"text": window.text, "chrom": variant.chrom, "pos": variant.pos, "ref": variant.ref, "alt": window.alt}
        self._held.append(row)
        self.rows += 1
        if len(self._held) >= _ROWS_AT_ONCE:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_pylist(self._held, schema=_SCHEMA))
            self._held = []


def _variants(variants: str | Path | Iterable[Variant], report: WindowReport) -> Iterator[Variant]:
    """Variants whose REF is known; other rows of a file are counted."""
    if not isinstance(variants, str | Path):
        yield from variants
        return
    for row in rows_of_file(Path(variants)):
        if isinstance(row.name, Variant) and row.order == "fixed":
            yield row.name
        else:
            report.left_out["no_sequence"] += 1


def _by_contig(intervals: Iterable[Interval]) -> dict[str, SortedIntervals]:
    found: dict[str, list[Interval]] = {}
    for interval in merged(intervals):
        found.setdefault(interval.chrom, []).append(interval)
    return {
        chrom: SortedIntervals(np.array([each.start for each in those]), np.array([each.end for each in those]))
        for chrom, those in found.items()
    }
