"""Reading variants from one file or from several, a chromosome each or a piece of one, as if they were one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..addresses import as_given
from ..errors import AssemblyError, ContigError, InputError, SampleError
from .appended_people import appended_to, check_found_apart
from .cohort_files import CohortFiles, Genotypes, GivenGenotypes, Piece
from .cohort_rows import CohortRows, Reading
from .cohort_source import CohortFile, cohort_source, whole_name
from .contigs import bare_name, identify_assembly
from .file_patterns import named_files
from .format_notes import merged
from .record_columns import Record, RecordColumns
from .sample_names import chosen_sample
from .variant_store import VariantStore, open_variants
from .variants import BEHIND_ANY_CONTIG, CallOfSet

_SHOWN = 3


class VariantFiles:
    """One sample of several files; reads as :class:`VariantFile` does. One file is open at a time.

    Args:
        files: looked over.
        sample: as for :class:`VariantFile`.
        all_samples: as there.
        needs_quality: GQ or DP will be asked for, which stores do not hold.
        reading: how genotypes are read that are no plain calls.

    Attributes:
        path: the files, for messages.
        samples, sample, contigs: as of :class:`VariantFile`.

    Raises:
        SampleError: the sample is not there, or none is named where there are several.
    """

    def __init__(
        self,
        files: CohortFiles,
        sample: str | None = None,
        *,
        all_samples: bool = False,
        needs_quality: bool = False,
        reading: Reading | None = None,
    ) -> None:
        self.path = files
        self.samples = files.samples
        first = files.samples[0] if files.samples else None
        self.sample = first if all_samples else chosen_sample(files, files.samples, sample)
        self.contigs = dict(files.contigs)
        self._all_samples, self._needs_quality, self._reading = all_samples, needs_quality, reading
        # Not closed when the next one is opened: its records may still be read by somebody, who keeps it open.
        self._file: CohortFile | None = None
        self._reader: CohortFile | VariantStore | None = None
        self._damage: list[str] = []
        # By file, what it does not hold and what was met in it, and where: a file may be opened again.
        self._formats: dict[Path, dict[str, Any]] = {}
        self._noted: dict[Path, dict[str, np.ndarray]] = {}

    @property
    def index_is_older(self) -> bool:
        """Whether a file was written after its index."""
        return bool(self.path.older_indexes)

    @property
    def indexed_contigs(self) -> list[str]:
        """Contigs that have records, in the order of the headers."""
        return [name for name in self.contigs if name in self.path.pieces]

    @property
    def damage(self) -> list[str]:
        """What was found damaged in the files' stores, a sentence each."""
        return [*self._damage, *_damage(self._reader)]

    @property
    def formats(self) -> list[dict[str, Any]]:
        """As of :func:`formats_of`, of the files read so far."""
        self._keep_format(self._file)
        self._keep_format(self._reader)
        return merged([*self.path.formats, *self._formats.values()])

    def has_records(self, chrom: str) -> bool:
        """Whether any file holds a record on a contig."""
        return chrom in self.path.pieces

    def columns(self, chrom: str, start: int, end: int, *, needs_quality: bool = False) -> Iterator[RecordColumns]:
        """As :meth:`VariantFile.columns`, from stores where there are any."""
        for piece in self._pieces(chrom, start, end):
            yield from self._read(piece.path).columns(chrom, start, end, needs_quality=needs_quality)

    def records(self, chrom: str, start: int, end: int) -> Iterator[Record]:
        """As :meth:`VariantFile.records`."""
        for piece in self._pieces(chrom, start, end):
            yield from self._opened(piece.path).records(chrom, start, end)

    def lines_within(self, chrom: str, start: int, end: int) -> Iterator[str]:
        """As :meth:`VariantFile.lines_within`; the order of the samples is that of each file."""
        for piece in self._pieces(chrom, start, end):
            yield from self._opened(piece.path).lines_within(chrom, start, end)

    def phase_sets(self, sample: str, chrom: str, start: int, end: int) -> Iterator[CallOfSet]:
        """As :meth:`VariantFile.phase_sets`."""
        for piece in self._pieces(chrom, start, end):
            yield from self._opened(piece.path).phase_sets(sample, chrom, start, end)

    def files_on(self, chrom: str) -> Iterator[CohortFile]:
        """The files with records on a contig, one after the other along it, open until the next one is asked for."""
        for piece in self.path.pieces.get(chrom, ()):
            yield self._opened(piece.path)

    def close(self) -> None:
        """Close what is open."""
        for file in (self._file, self._reader):
            if file is not None:
                file.close()

    def _pieces(self, chrom: str, start: int, end: int) -> Iterator[Piece]:
        return (piece for piece in self.path.pieces.get(chrom, ()) if piece.first < end and piece.end > start)

    def _opened(self, path: Path) -> CohortFile:
        if self._file is None or self._file.path != path:
            self._keep_format(self._file)
            self._file = None
            all_samples = self._all_samples or self.sample is None
            sample = None if all_samples else self.sample
            self._file = cohort_source(path, sample, all_samples=all_samples, reading=self._reading)
            self._count_on(self._file)
        return self._file

    def _read(self, path: Path) -> CohortFile | VariantStore:
        if self._reader is None or self._reader.path != path:
            self._damage += _damage(self._reader)
            self._keep_format(self._reader)
            self._reader = None
            self._reader = open_variants(path, self.sample, needs_quality=self._needs_quality, reading=self._reading)
            self._count_on(self._reader)
        return self._reader

    def _keep_format(self, file: CohortFile | VariantStore | None) -> None:
        if file is not None:
            for note in formats_of(file):
                self._formats[file.path] = note

    def _count_on(self, file: CohortFile | VariantStore) -> None:
        if isinstance(file, CohortRows):
            file.count_on(self._noted.setdefault(file.path, {}))


OpenedGenotypes = CohortFile | VariantStore | VariantFiles


def formats_of(file: OpenedGenotypes | None) -> list[dict[str, Any]]:
    """What each format that is no VCF does not hold, and what was met in it, see ``CohortRows.described``."""
    if isinstance(file, VariantFiles):
        return file.formats
    described = file.described if isinstance(file, (CohortRows, VariantStore)) else None
    return [] if described is None else [described]


def genotype_source(given: GivenGenotypes) -> Genotypes:
    """What is read: the one file that is meant, as it was given, or several, looked over.

    Args:
        given: see :func:`named_files`.

    Raises:
        InputError: see :func:`named_files` and :func:`look_over`.
    """
    if isinstance(given, CohortFiles):
        return given
    paths = [whole_name(path) for path in named_files(given)]
    return paths[0] if len(paths) == 1 else look_over(paths)


def open_genotypes(
    given: GivenGenotypes, sample: str | None, *, needs_quality: bool, reading: Reading | None = None
) -> OpenedGenotypes:
    """One sample's records, from stores where there are any; arguments as for :func:`open_variants`."""
    source = _with_person(genotype_source(given), sample)
    if isinstance(source, CohortFiles):
        return VariantFiles(source, sample, needs_quality=needs_quality, reading=reading)
    return open_variants(source, sample, needs_quality=needs_quality, reading=reading)


def open_files(
    given: GivenGenotypes, sample: str | None = None, *, reading: Reading | None = None
) -> CohortFile | VariantFiles:
    """The files themselves, of all samples or of one; arguments as for :func:`cohort_source`."""
    source = _with_person(genotype_source(given), sample)
    if isinstance(source, CohortFiles):
        return VariantFiles(source, sample, all_samples=sample is None, reading=reading)
    return cohort_source(source, sample, all_samples=sample is None, reading=reading)


def _with_person(source: Genotypes, sample: str | None) -> Genotypes:
    """The files in which a person is, if the person was appended to a source.

    Raises:
        SampleError: the source has the person by now too, or two were appended under one name.
    """
    path = paths_of(source)[0]
    found = [each for each in appended_to(path) if sample in each.samples]
    if sample is None or not found:
        return source
    alone = [replace(each, samples=(sample,)) for each in found]
    check_found_apart(path, source, _own_samples(source), alone[0])
    for other in alone[1:]:
        check_found_apart(path, alone[0].paths[0], alone[0].samples, other)
    return _looked_over(alone[0].paths)


def _own_samples(source: Genotypes) -> tuple[str, ...]:
    """Who is in the files themselves."""
    if isinstance(source, CohortFiles):
        return source.samples
    path = source if isinstance(source, Path) else Path(source)
    status = path.stat()
    return _samples_of(path, status.st_mtime_ns, status.st_size)


@lru_cache(8)
def _samples_of(path: Path, _modified: int, _size: int) -> tuple[str, ...]:
    file = cohort_source(path, all_samples=True)
    file.close()
    return file.samples


def sources_of(source: Genotypes, samples: Sequence[str]) -> list[tuple[Genotypes, list[str]]]:
    """Where people are read from: the source, and what was appended to it; each with those who are there."""
    people: dict[tuple[str, ...] | None, list[str]] = {}
    whose = {name: each.paths for each in appended_to(paths_of(source)[0]) for name in each.samples}
    for name in samples:
        people.setdefault(whose.get(name), []).append(name)
    return [(source if paths is None else _looked_over(paths), names) for paths, names in people.items()]


@lru_cache(8)
def _looked_over(paths: tuple[str, ...]) -> Genotypes:
    return genotype_source(paths)


def paths_of(source: Genotypes) -> tuple[Path, ...]:
    """The files of a source."""
    if isinstance(source, CohortFiles):
        return source.paths
    return (source if isinstance(source, Path) else Path(source),)


def look_over(paths: Sequence[Path]) -> CohortFiles:
    """Open each of several files once, and check that they go together.

    Raises:
        InputError: a file cannot be read; two have records of the same stretch of a contig.
        SampleError: two have other samples; their order may differ.
        AssemblyError: two are of other assemblies, or give a contig other lengths.
        ContigError: two spell a contig differently.
    """
    samples: dict[Path, tuple[str, ...]] = {}
    headers: dict[Path, dict[str, int | None]] = {}
    indexed: dict[Path, list[str]] = {}
    older, formats = [], []
    for path in paths:
        file = cohort_source(path, all_samples=True)
        try:
            samples[path], headers[path], indexed[path] = file.samples, file.contigs, file.indexed_contigs
            formats += [{**note, "counts": {}} for note in formats_of(file)]  # counted when they are read
            if file.index_is_older:
                older.append(path)
        finally:
            file.close()
    for path in paths[1:]:
        _check_samples(paths[0], samples[paths[0]], path, samples[path])
    contigs, given_by = _joined_headers(headers)
    holders: dict[str, list[Path]] = {}
    for path, names in indexed.items():
        for name in names:
            holders.setdefault(name, []).append(path)
    _check_spellings(headers, holders)
    pieces = {name: _pieces_of(name, files) for name, files in holders.items()}
    return CohortFiles(tuple(paths), samples[paths[0]], contigs, given_by, pieces, tuple(older), tuple(merged(formats)))


def _damage(reader: CohortFile | VariantStore | None) -> list[str]:
    return reader.damage if isinstance(reader, VariantStore) else []


def _check_samples(first: Path, wanted: tuple[str, ...], path: Path, found: tuple[str, ...]) -> None:
    if set(wanted) == set(found):
        return
    others = []
    for who, mine, theirs in (("only it has", found, wanted), (f"only {as_given(first)} has", wanted, found)):
        names = [name for name in mine if name not in set(theirs)]
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            others.append(f"{who} {', '.join(names[:_SHOWN])}{more}")
    raise SampleError(
        f"has other samples than {as_given(first)}: {'; '.join(others)}",
        file=path,
        remedy="Files that are read together hold the same people (bcftools view -S picks them), in any order.",
    )


def _joined_headers(
    headers: dict[Path, dict[str, int | None]],
) -> tuple[dict[str, int | None], dict[str, Path]]:
    """The contigs of all files, and which file's header gives each."""
    contigs: dict[str, int | None] = {}
    given_by: dict[str, Path] = {}
    assemblies: dict[str, Path] = {}
    for path, header in headers.items():
        for name, length in header.items():
            known = contigs.get(name)
            if None not in (known, length) and known != length:
                raise AssemblyError(
                    f"its header gives {name} {length} bases, that of {as_given(given_by[name])} {known}",
                    file=path,
                    remedy="Give files of one assembly, or lift them over.",
                )
            if name not in contigs or known is None:
                contigs[name], given_by[name] = length, path
        assembly = identify_assembly({name: length or 0 for name, length in header.items()})
        if assembly is not None:
            assemblies.setdefault(assembly, path)
    if len(assemblies) > 1:
        (one, first), (other, path), *_ = assemblies.items()
        raise AssemblyError(
            f"its contigs are of {other}, those of {as_given(first)} of {one}",
            file=path,
            remedy="Give files of one assembly, or lift them over.",
        )
    return contigs, given_by


def _check_spellings(headers: dict[Path, dict[str, int | None]], holders: dict[str, list[Path]]) -> None:
    """Refuse a contig with records that another file spells otherwise: its records would be looked for by one name."""
    spelled = {path: {contig_key(name): name for name in header} for path, header in headers.items()}
    for name, files in holders.items():
        for path, header in headers.items():
            other = spelled[path].get(contig_key(name))
            if other is not None and name not in header:
                raise ContigError(
                    f"calls {other} what {as_given(files[0])} calls {name}",
                    file=path,
                    remedy="Give the files one way of naming contigs: bcftools annotate --rename-chrs.",
                )


def contig_key(contig: str) -> str:
    """The same for all spellings of a contig."""
    bare = bare_name(contig)
    return "M" if bare == "MT" else bare


def _pieces_of(chrom: str, paths: Sequence[Path]) -> tuple[Piece, ...]:
    """The files with records on a contig, along it.

    Raises:
        InputError: one begins before the last record of another.
    """
    if len(paths) == 1:
        return (Piece(paths[0], -1, BEHIND_ANY_CONTIG),)
    firsts = sorted((_first_position(path, chrom), number) for number, path in enumerate(paths))
    pieces = []
    for place, (first, number) in enumerate(firsts):
        end = BEHIND_ANY_CONTIG
        if place + 1 < len(firsts):
            following, after = firsts[place + 1]
            end = _end_before(paths[number], chrom, following, paths[after])
        pieces.append(Piece(paths[number], first, end))
    return tuple(pieces)


def _first_position(path: Path, chrom: str) -> int:
    file = cohort_source(path, all_samples=True)
    try:
        if isinstance(file, CohortRows):
            return file.extent(chrom)[0]
        return file.parse(next(file.lines(chrom))).position
    finally:
        file.close()


def _end_before(path: Path, chrom: str, following: int, after: Path) -> int:
    """Where the records of a file end, all of which begin before the first one of another, at ``following``."""
    file = cohort_source(path, all_samples=True)
    try:
        if isinstance(file, CohortRows):
            _, last, end = file.extent(chrom)
            if last >= following:
                raise _shared(path, chrom, last, after)
            return end
        for line in file.lines_within(chrom, max(0, following), BEHIND_ANY_CONTIG):
            position = file.parse(line).position
            if position >= following:
                raise _shared(path, chrom, position, after)
        reach = 1
        while next(file.lines_within(chrom, max(0, following) + reach - 1, BEHIND_ANY_CONTIG), None) is not None:
            reach *= 2
        return max(0, following) + reach - 1
    finally:
        file.close()


def _shared(path: Path, chrom: str, position: int, after: Path) -> InputError:
    return InputError(
        f"has records of the same stretch of {chrom} as {as_given(after)}, where that begins",
        file=path,
        record=f"{chrom}:{position + 1}",
        remedy="Each record may be in one file only: leave one out, or join them (bcftools concat -a -D).",
    )
