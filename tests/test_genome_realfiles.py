"""Real VCFs of public projects: every window as ``bcftools consensus`` has it, read one by one, together and stored."""

import gzip
import random
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import pysam
import pytest
from bcftools_process import ABORTED, consensus
from genome_files import write_fasta
from random_variants import BCFTOOLS_MODES

from variantformer_hf.errors import InputError
from variantformer_hf.genome import PersonalGenome, ReferenceGenome
from variantformer_hf.genome.variant_store import VariantStore, build_store

pytestmark = [pytest.mark.shared]

_FAR, _GAP, _LONGEST_SPAN = 2_000, 300, 5_000
MANIFEST = "MANIFEST.tsv"


@dataclass
class Small:
    """A real VCF whose gaps between records are closed up, so that its genome is small.

    Attributes:
        lines: of the file.
        samples: names.
        contigs: contig -> bases that hold the REF alleles, the first where they differ.
        starts: contig -> 0-based positions of its records.
    """

    lines: list[str]
    samples: list[str]
    contigs: dict[str, str] = field(default_factory=dict)
    starts: dict[str, list[int]] = field(default_factory=dict)


def content(path: Path) -> list[str]:
    data = path.read_bytes()
    text = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    return text.decode().splitlines()


def closed_up(lines: list[str], rng: random.Random) -> Small:
    header = [re.sub(r",length=\d+", "", line) for line in lines if line.startswith("#")]
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    small = Small(header, header[-1].split("\t")[9:])
    for chrom in dict.fromkeys(row[0] for row in rows):
        position = behind = 0
        shift = None
        bases: list[str] = []
        for row in sorted((row for row in rows if row[0] == chrom), key=lambda row: int(row[1])):
            start = int(row[1])
            if shift is None or start - position > _FAR:
                shift = start - behind - _GAP
            position = start
            row[1] = str(start - shift)
            row[7] = re.sub(r"(^|;)END=(\d+)", lambda end: f"{end[1]}END={int(end[2]) - shift}", row[7])
            behind = max(behind, start - shift + len(row[3]))
            need = min(behind + _LONGEST_SPAN, start - shift + len(row[3]) + _GAP)
            bases += [rng.choice("ACGT") for _ in range(need - len(bases))]
            small.starts.setdefault(chrom, []).append(start - shift - 1)
            small.lines.append("\t".join(row))
        written = [False] * len(bases)
        for row in (line.split("\t") for line in small.lines if line.startswith(f"{chrom}\t")):
            for place, letter in enumerate(row[3], start=int(row[1]) - 1):
                if place >= 0 and not written[place] and letter.upper() in "ACGTNRYSWKMBDHV":
                    bases[place], written[place] = letter, True
        small.contigs[chrom] = "".join(bases)
    return small


def windows(small: Small, rng: random.Random, count: int) -> list[tuple[str, int, int]]:
    found = []
    for _ in range(count):
        chrom = rng.choice(list(small.contigs))
        start = max(0, rng.choice(small.starts[chrom]) + rng.randint(-40, 25))
        end = min(len(small.contigs[chrom]), start + rng.choice([1, 5, 30, 120, 400]))
        if start < end:
            found.append((chrom, start, end))
    return found


def ours(person: PersonalGenome, window: tuple[str, int, int]) -> str | None:
    try:
        return person.sequence(*window)
    except InputError:
        return None


def compared(path: Path, folder: Path, count: int) -> dict[str, int]:
    """How many windows came out how; those read together and from a store are like those read one by one."""
    rng = random.Random(path.name)
    small = closed_up(content(path), rng)
    kinds: dict[str, int] = {}
    fasta = write_fasta(folder / "genome.fa", small.contigs, width=60)
    vcf = folder / "calls.vcf.gz"
    (folder / "calls.vcf").write_text("".join(f"{line}\n" for line in small.lines))
    pysam.tabix_compress(str(folder / "calls.vcf"), str(vcf), force=True)
    pysam.tabix_index(str(vcf), preset="vcf", force=True)
    asked = windows(small, rng, count)
    reference = ReferenceGenome(fasta)
    try:
        store = build_store(vcf, folder / "store") if small.samples else None
    except InputError:
        store, kinds["no store"] = None, 1
    for sample in small.samples[:2] or [None]:
        named = [] if sample is None else ["-s", sample]
        options = [
            ["-H", letter, *exclude, *named]
            for letter in BCFTOOLS_MODES.values()
            for exclude in (["-e", 'ALT~"<.*>"'], [])
        ]
        expected = consensus(vcf, asked, small.contigs, options)
        for number, row in enumerate(expected):
            mode, symbolic = list(BCFTOOLS_MODES)[number // 2], ("exclude_record", "apply")[number % 2]
            try:
                person = PersonalGenome(reference, vcf, sample, mode, symbolic=symbolic, refuse_gvcf=False)
            except InputError:
                kinds["file refused"] = kinds.get("file refused", 0) + len(asked)
                continue
            alone = [ours(person, window) for window in asked]
            read = [window for window, found in zip(asked, alone, strict=True) if found is not None]
            together = [found for found in alone if found is not None]
            try:
                assert person.sequences(read) == together
            except InputError:  # a record that cannot be read lies between the windows
                kinds["not together"] = 1
                continue
            if store is not None:
                person._variants = VariantStore(vcf, store, sample)
                assert person.sequences(read) == together
                assert [ours(person, window) for window in asked] == alone
            for window, theirs, found in zip(asked, row, alone, strict=True):
                kind = (
                    "aborted"
                    if theirs == ABORTED
                    else "equal"
                    if theirs == found
                    else "only theirs"
                    if found is None
                    else "only ours"
                    if theirs is None
                    else f"differ {symbolic}"
                )
                kinds[kind] = kinds.get(kind, 0) + 1
                if kind.startswith(("differ", "only")):
                    print(kind, path.name, window, mode, symbolic, sample, theirs, found)
    return kinds
