"""Random genomes and VCFs that visit the odd corners, and the bcftools inside pysam as the judge."""

import random
from collections.abc import Sequence
from pathlib import Path

import pysam
from pysam import bcftools

from variantformer_hf.genome.consensus import Edit, chosen_edit
from variantformer_hf.genome.record_columns import Record
from variantformer_hf.simulation.writers import GENOTYPES, contig_lines, write_fasta, write_vcf

BCFTOOLS_MODES = {"iupac": "I", "alt": "A", "ref": "R", "haplotype1": "1", "haplotype2": "2"}
CONTIG = "c"
META = [
    '##INFO=<ID=END,Number=1,Type=Integer,Description="End">',
    '##ALT=<ID=DEL,Description="Deletion">',
    GENOTYPES,
]


def random_bases(rng: random.Random, length: int, letters: str = "ACGT") -> str:
    return "".join(rng.choice(letters) for _ in range(length))


def random_genome(rng: random.Random, length: int) -> str:
    """Bases in runs of upper and lower case, with few letters so that alleles often share ends."""
    letters = rng.choice(["ACGT", "ACGT", "AC", "ACGTN"])
    genome = ""
    while len(genome) < length:
        run = random_bases(rng, rng.randint(3, 40), letters)
        genome += run.lower() if rng.random() < 0.3 else run
    return genome[:length]


def other_base(base: str) -> str:
    """A base that is not this one."""
    return "C" if base == "A" else "A"


def random_alt(rng: random.Random, ref: str) -> str:
    kind = rng.random()
    if kind < 0.35:
        return random_bases(rng, len(ref))
    if kind < 0.55:
        return ref + random_bases(rng, rng.randint(1, 5))
    if kind < 0.75:
        return ref[: max(1, len(ref) - rng.randint(1, 4))]
    if kind < 0.9:
        return random_bases(rng, rng.randint(1, 6))
    return rng.choice(["*", ref[0].lower(), random_bases(rng, len(ref), "RYSWKM")])


def random_genotype(rng: random.Random, n_alts: int) -> str:
    ploidy = rng.choice([1, 2, 2, 2, 2, 2, 2, 3])
    alleles = [rng.choice([".", *map(str, range(n_alts + 1)), "1", "1"]) for _ in range(ploidy)]
    return rng.choice("/|").join(alleles)


def random_records(rng: random.Random, genome: str, spacing: int) -> list[str]:
    """Lines of a VCF, sorted; records overlap, repeat a position, and end beyond each other."""
    lines = []
    position = rng.randint(0, spacing)
    while position < len(genome):
        ref = genome[position : position + rng.choice([1, 1, 1, 2, 3, 5, 9])].upper()
        if rng.random() < 0.04:
            end = min(len(genome), position + rng.randint(1, 12))
            alts, info = ["<DEL>"], f"END={end}"
            ref = ref[0]
        else:
            alts, info = [random_alt(rng, ref) for _ in range(rng.choice([1, 1, 1, 2, 3]))], "."
            alts = list(dict.fromkeys(alts))
        if rng.random() < 0.05:
            ref = ref.lower()
        genotype = random_genotype(rng, len(alts))
        lines.append(f"{CONTIG}\t{position + 1}\t.\t{ref}\t{','.join(alts)}\t.\tPASS\t{info}\tGT\t{genotype}")
        position += rng.choice([0, 0, 1, 1, 2, *range(1, 2 * spacing)])
    return lines


def write_case(folder: Path, genome: str, records: Sequence[str]) -> tuple[Path, Path]:
    """Write and index genome.fa and sample.vcf.gz."""
    fasta = write_fasta(folder / "genome.fa", {CONTIG: genome})
    meta = [*META, *contig_lines({CONTIG: len(genome)})]
    return fasta, write_vcf(folder / "sample.vcf.gz", records, meta=meta, samples=["S1"])


def bcftools_sequences(
    folder: Path, genome: str, vcf: Path, regions: Sequence[tuple[int, int]], mode: str, *, exclude_symbolic: bool
) -> list[str | None]:
    """What bcftools makes of regions (0-based half-open); None = it stopped with an error."""
    if not regions:
        return []
    target = folder / "regions.fa"
    target.write_text("".join(f">{CONTIG}:{start + 1}-{end}\n{genome[start:end]}\n" for start, end in regions))
    expression = ["-e", 'ALT~"<.*>"'] if exclude_symbolic else []
    try:
        output = bcftools.consensus("-f", str(target), "-H", BCFTOOLS_MODES[mode], *expression, str(vcf))
    except pysam.SamtoolsError:
        if len(regions) == 1:
            return [None]
        # One region's error ends the whole call: ask for each by itself.
        return [
            bcftools_sequences(folder, genome, vcf, [region], mode, exclude_symbolic=exclude_symbolic)[0]
            for region in regions
        ]
    return ["".join(entry.split("\n")[1:]) for entry in output.split(f">{CONTIG}:")[1:]]


def bcftools_is_defined(records: Sequence[Record], start: int, end: int, mode: str) -> bool:
    """Whether bcftools stays inside its buffer; it does not where an unanchored ALT ends before the region."""
    for record in records:
        if record.position < start < record.position + record.length and record.position < end:
            edit = chosen_edit(record.position, record.alleles, record.length, record.genotype, mode)
            if isinstance(edit, Edit) and len(edit.alt) <= start - record.position and not edit.keeps_anchor:
                return False
    return True
