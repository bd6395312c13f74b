"""Contig names and lengths of two files, and the assemblies they belong to."""

import logging
from collections.abc import Iterable, Mapping
from os import PathLike

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


def identify_assembly(contigs: Mapping[str, int]) -> str | None:
    """Human assembly whose autosomes have these lengths: GRCh37, GRCh38 or T2T-CHM13v2.0; None for any other genome.

    One autosome suffices: no two assemblies share a length.
    """
    for chrom, length in contigs.items():
        number = chrom.removeprefix("chr")
        if number.isdecimal() and 1 <= int(number) <= 22:
            for assembly, lengths in _AUTOSOME_LENGTHS.items():
                if lengths[int(number) - 1] == length:
                    return assembly
    return None


def map_contigs(
    wanted: Iterable[str],
    available: Iterable[str],
    *,
    wanted_file: str | PathLike[str],
    available_file: str | PathLike[str],
    announce: bool = True,
) -> dict[str, str]:
    """Name of each wanted contig in another file: the same name, else with or without ``chr`` (and M for MT).

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
                f"{' and '.join(sorted(names))} would both be {found} in {available_file}",
                file=wanted_file,
                remedy="Keep one of the two spellings in the file.",
            )
    if renamed and announce:
        first = sorted(renamed)[0]
        logger.warning(
            "%s: contig names differ from those of %s; %s is taken as %s (%d contigs so)",
            wanted_file,
            available_file,
            first,
            mapped[first],
            len(renamed),
        )
    return mapped


def _spellings(name: str) -> list[str]:
    bare = name.removeprefix("chr")
    spellings = [name, bare if name.startswith("chr") else f"chr{name}"]
    if bare in ("M", "MT"):
        spellings += ["chrM", "MT", "M", "chrMT"]
    return spellings
