"""Contig names and lengths of two files, and the assemblies they belong to."""

import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache
from os import PathLike

from ..addresses import as_given
from ..errors import ContigError

logger = logging.getLogger(__name__)

# Lengths of chromosomes 1 to 22, as published with each assembly.
_AUTOSOME_LENGTHS = {
    "GRCh37": (
        249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022, 141213431, 135534747,
        135006516, 133851895, 115169878, 107349540, 102531392, 90354753, 81195210, 78077248, 59128983, 63025520,
        48129895, 51304566,
    ),
    "GRCh38": (
        248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636, 138394717, 133797422,
        135086622, 133275309, 114364328, 107043718, 101991189, 90338345, 83257441, 80373285, 58617616, 64444167,
        46709983, 50818468,
    ),
    "T2T-CHM13v2.0": (
        248387328, 242696752, 201105948, 193574945, 182045439, 172126628, 160567428, 146259331, 150617247, 134758134,
        135127769, 133324548, 113566686, 101161492, 99753195, 96330374, 84276897, 80542538, 61707364, 66210255,
        45090682, 51324926,
    ),
}  # fmt: skip
# Versions of RefSeq's accessions NC_000001 to NC_000024 (22 autosomes, X, Y) in GRCh38; GRCh37 has the one before.
_REFSEQ_VERSIONS = (11, 12, 12, 12, 10, 12, 14, 11, 12, 11, 10, 12, 11, 9, 10, 10, 11, 10, 10, 11, 9, 11, 11, 10)
_CHROMOSOMES = (*map(str, range(1, 23)), "X", "Y")
_REFSEQ = {
    f"NC_{number:06d}.{version}": chrom
    for number, (version, chrom) in enumerate(zip(_REFSEQ_VERSIONS, _CHROMOSOMES, strict=True), start=1)
} | {"NC_012920.1": "M"}
_ACCESSION = {chrom: accession for accession, chrom in _REFSEQ.items()}
_REFSEQ_OF_OTHERS = {
    f"NC_{number:06d}.{version - 1}": "GRCh37" for number, version in enumerate(_REFSEQ_VERSIONS, start=1)
} | {f"NC_{60924 + number:06d}.1": "T2T-CHM13v2.0" for number in range(1, len(_CHROMOSOMES) + 1)}


def identify_assembly(contigs: Mapping[str, int]) -> str | None:
    """Human assembly whose autosomes have these lengths: GRCh37, GRCh38 or T2T-CHM13v2.0; None for any other genome.

    One autosome suffices: no two assemblies share a length, nor an accession of RefSeq.
    """
    for chrom, length in contigs.items():
        if chrom in _REFSEQ_OF_OTHERS:
            return _REFSEQ_OF_OTHERS[chrom]
        number = bare_name(chrom)
        if chrom.startswith("NC_") and number in _CHROMOSOMES:
            return "GRCh38"
        if number.isdecimal() and 1 <= int(number) <= 22:
            for assembly, lengths in _AUTOSOME_LENGTHS.items():
                if lengths[int(number) - 1] == length:
                    return assembly
    return None


def bare_name(contig: str) -> str:
    """A contig's name without ``chr``; of a RefSeq accession of GRCh38 the chromosome's."""
    return _REFSEQ.get(contig, contig.removeprefix("chr"))


def is_autosome(contig: str) -> bool:
    """Whether a contig is one of the human chromosomes 1 to 22, by its name."""
    return bare_name(contig) in _CHROMOSOMES[:22]


def map_contigs(
    wanted: Iterable[str],
    available: Iterable[str],
    *,
    wanted_file: str | PathLike[str],
    available_file: object,
    announce: bool = True,
) -> dict[str, str]:
    """Name of each wanted contig in another file: the same name, else with or without ``chr`` (and M for MT), or as a
    RefSeq accession of GRCh38 (``NC_000001.11``).

    Args:
        wanted: names in one file.
        available: names in the other.
        wanted_file, available_file: the files, for messages.
        announce: log one warning where names differ.

    Returns:
        wanted -> available; contigs that the other file does not have are absent.

    Raises:
        ContigError: two wanted names would go to the same contig.
    """
    there = set(available)
    mapped: dict[str, str] = {}
    renamed: list[str] = []
    for name in wanted:
        found = next((spelling for spelling in _spellings(name) if spelling in there), None)
        if found is not None:
            mapped[name] = found
            if found != name:
                renamed.append(name)
    origins: dict[str, list[str]] = {}
    for name, found in mapped.items():
        origins.setdefault(found, []).append(name)
    for found, names in origins.items():
        if len(names) > 1:
            raise ContigError(
                f"{' and '.join(sorted(names))} would both be {found} in {as_given(available_file)}",
                file=wanted_file,
                remedy="Keep one of the two spellings in the file.",
            )
    if renamed and announce:
        first = sorted(renamed)[0]
        _announce(as_given(wanted_file), as_given(available_file), first, mapped[first], len(renamed))
    return mapped


@lru_cache(maxsize=1024)
def _announce(wanted_file: str, available_file: str, name: str, found: str, count: int) -> None:
    """Say once in a process, however often the files are opened, that names differ."""
    logger.warning(
        "%s: contig names differ from those of %s; %s is taken as %s (%d contigs so)",
        wanted_file,
        available_file,
        name,
        found,
        count,
    )


def _spellings(name: str) -> list[str]:
    bare = bare_name(name)
    spellings = [name, bare, f"chr{bare}"]
    if bare in ("M", "MT"):
        spellings += ["chrM", "MT", "M", "chrMT"]
    accession = _ACCESSION.get("M" if bare == "MT" else bare)
    return spellings if accession is None else [*spellings, accession]
