"""The tests' own editor: a variant put into a sequence that bcftools wrote, by bcftools' own alignment of it.

It knows nothing of records: it looks up where the bases that a variant changes are in the person's sequence, and writes
there. Where they are not there as the reference has them, there is no one answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pysam
from pysam import bcftools
from random_variants import BCFTOOLS_MODES, CONTIG

from variantformer_hf import Variant

_CODES = {
    frozenset(bases): code
    for code, bases in {
        "A": "A",
        "C": "C",
        "G": "G",
        "T": "T",
        "M": "AC",
        "R": "AG",
        "W": "AT",
        "S": "CG",
        "Y": "CT",
        "K": "GT",
    }.items()
}


@dataclass(frozen=True)
class Aligned:
    """One region of a person: its bases, upper case, and where each reference base of it went (-1 = nowhere)."""

    start: int
    reference: str
    text: str
    place: Sequence[int]


def aligned_regions(
    folder: Path, genome: str, vcf: Path, regions: Sequence[tuple[int, int]], mode: str, contig: str = CONTIG
) -> list[Aligned | None]:
    """Regions (0-based half-open), each by itself, as bcftools writes them; None = it stopped with an error."""
    target, chain = folder / "regions.fa", folder / "regions.chain"
    found: list[Aligned | None] = []
    target.write_text("".join(f">{contig}:{start + 1}-{end}\n{genome[start:end]}\n" for start, end in regions))
    try:
        output = bcftools.consensus("-f", str(target), "-H", BCFTOOLS_MODES[mode], "-c", str(chain), str(vcf))
    except pysam.SamtoolsError:
        if len(regions) == 1:
            return [None]
        return [aligned_regions(folder, genome, vcf, [region], mode, contig)[0] for region in regions]
    texts = ["".join(entry.split("\n")[1:]).upper() for entry in output.split(f">{contig}:")[1:]]
    chains = chain.read_text().split("chain ")[1:]
    for (start, end), text, entry in zip(regions, texts, chains, strict=True):
        blocks = [[*map(int, line.split()), 0, 0][:3] for line in entry.strip().split("\n")[1:]]
        place: list[int] = []
        shift = 0
        for size, gone, come in blocks:
            place += [*range(len(place) + shift, len(place) + shift + size), *[-1] * gone]
            shift += come - gone
        # bcftools loses count of records that regions cut.
        is_whole = min(min(block) for block in blocks) >= 0 and len(place) == end - start == len(text) - shift
        found.append(Aligned(start, genome[start:end].upper(), text, place if is_whole else [-1] * (end - start)))
    return found


def written_allele(variant: Variant, zygosity: str, mode: str) -> str:
    """What stands for a variant's REF in a genome of that zygosity, read in a mode."""
    ref, alt = variant.ref, variant.alt
    if zygosity == "hom":
        return alt
    on_first = zygosity == "haplotype1"
    if mode.startswith("haplotype"):
        return alt if on_first == (mode == "haplotype1") else ref
    if mode == "ref":
        return ref
    if mode == "alt":
        return alt
    merged = [_CODES[frozenset({ref[at], base})] if at < len(ref) else base for at, base in enumerate(alt)]
    return "".join(merged)


def with_variant(person: Aligned, variant: Variant, written: str) -> str | None:
    """The region's bases with an allele written for the variant's REF; None = there is no one answer."""
    end = person.start + len(person.reference)
    text = person.text
    if len(written) == len(variant.ref):
        for at, (before, after) in enumerate(zip(variant.ref, written, strict=True), start=variant.start):
            if before != after and person.start <= at < end:
                place = person.place[at - person.start]
                if place < 0 or person.text[place] != before:
                    return None
                text = f"{text[:place]}{after}{text[place + 1 :]}"
        return text
    head = int(written[0] == variant.ref[0])
    first, last, inserted = variant.start + head, variant.end, written[head:]
    if inserted and not (person.start <= variant.start and last <= end):
        return text if variant.start >= end or last <= person.start else None
    gone = [person.place[at - person.start] for at in range(max(first, person.start), min(last, end))]
    if gone:
        held = person.reference[max(first - person.start, 0) : min(last, end) - person.start]
        if gone != list(range(gone[0], gone[0] + len(gone))) or gone[0] < 0:
            return None
        if person.text[gone[0] : gone[-1] + 1] != held:
            return None
        return text[: gone[0]] + inserted + text[gone[-1] + 1 :]
    if not inserted or variant.start < person.start:
        return text
    before = person.place[first - 1 - person.start]
    after = len(text) if first == end else person.place[first - person.start]
    return None if before < 0 or after != before + 1 else text[:after] + inserted + text[after:]
