"""Real VCFs of public projects: every window as ``bcftools consensus`` has it, read one by one, together and stored."""

import gzip
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from bcftools_process import ABORTED, consensus
from genome_files import write_fasta, write_indexed
from random_variants import BCFTOOLS_MODES

from variantformer_hf.errors import InputError
from variantformer_hf.genome import PersonalGenome, ReferenceGenome
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.person_records import PersonRecords
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.genome.variant_store import VariantStore
from variantformer_hf.genome.variants import VariantFile

pytestmark = [pytest.mark.shared]

_FAR, _GAP, _LONGEST_SPAN = 2_000, 300, 5_000
# What may come of a file's windows beside the same as from bcftools ("aborted" where bcftools does), and why.
ON_PURPOSE = {
    "hla.vcf.gz": ({"differ"}, "a contig's name with colons is read whole, bcftools cuts it and changes nothing"),
    "weird-chr-names.vcf": (
        {"differ", "only ours"},
        "the same; of 1:1 and 1:1-1 it leaves 1, applies the records of that contig, and stops at their REF",
    ),
    "vcfeval_small_in_calls.vcf": ({"differ", "only theirs"}, "bcftools writes the dashes of an ALT G--"),
    "PyVCF__vcf__test__samtools.vcf": ({"differ"}, "the sample is called -, which bcftools takes for none"),
    "norm.symbolic.3.vcf": ({"only theirs"}, "a carried <DUP> is refused, bcftools skips it behind an insertion"),
    "trioDup.vcf": ({"file refused", "no store"}, "a sample without a name"),
    "test_variant_drop.vcf": ({"only ours", "no store"}, "only the last sample's padded genotypes are malformed"),
    "vcf_file.vcf": ({"not together", "no store"}, "a genotype 0/300"),
    "no_GENO_row.vcf": ({"not together", "no store"}, "a row that ends in a tab"),
    "strelka.vcf": ({"not together", "no store"}, "rows that end in a tab"),
    "bad_nsample.gvcf": ({"not together", "no store"}, "a row that ends in a tab"),
    "faulty_gt.vcf": ({"not together"}, "a genotype names a missing allele"),
    "test63.vcf": ({"not together"}, "a genotype names a missing allele"),
}
FILES = ("*.vcf", "*.vcf.gz", "*.gvcf")


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


def moved_end(info: str, shift: int) -> str:
    return re.sub(r"(^|;)END=(\d+)", lambda end: f"{end[1]}END={int(end[2]) - shift}", info)


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
            row[7] = moved_end(row[7], shift)
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


def compared(path: Path, folder: Path, *, n_windows: int, modes: Sequence[str]) -> dict[str, list[str]]:
    """Windows by what came of them; those read together and from a store are like those read one by one."""
    rng = random.Random(path.name)
    small = closed_up(content(path), rng)
    vcf, kinds = folder / "calls.vcf.gz", defaultdict[str, list[str]](list)
    write_indexed(vcf, "".join(f"{line}\n" for line in small.lines))
    reference = ReferenceGenome(write_fasta(folder / "genome.fa", small.contigs, width=60))
    asked = windows(small, rng, n_windows)
    store = None
    try:
        store = build_store(vcf, folder / "store") if small.samples else None
    except InputError as error:
        kinds["no store"].append(str(error))
    choices = [(mode, symbolic) for mode in modes for symbolic in ("exclude_record", "apply")]
    for sample in small.samples[:2] or [None]:
        named = [] if sample is None else ["-s", sample]
        options = [
            ["-H", BCFTOOLS_MODES[mode], *(["-e", 'ALT~"<.*>"'] if symbolic == "exclude_record" else []), *named]
            for mode, symbolic in choices
        ]
        for (mode, symbolic), row in zip(choices, consensus(vcf, asked, small.contigs, options), strict=True):
            try:
                how = GenotypeOptions(mode=mode, symbolic=symbolic)
                person = PersonalGenome(reference, vcf, sample, how, refuse_gvcf=False)
            except InputError as error:
                kinds["file refused"].append(str(error))
                continue
            alone = [ours(person, window) for window in asked]
            for window, theirs, found in zip(asked, row, alone, strict=True):
                kinds[kind_of(theirs, found)].append(f"{window} {mode} {symbolic} {sample}: {theirs} {found}")
            read = [window for window, found in zip(asked, alone, strict=True) if found is not None]
            together = [found for found in alone if found is not None]
            try:
                assert person.sequences(read) == together
            except InputError as error:  # a record that cannot be read lies between the windows
                kinds["not together"].append(str(error))
            if store is not None:
                stored = PersonRecords(reference, VariantStore(vcf, store, sample))
                ingested = PersonalGenome(reference, stored, sample, how, refuse_gvcf=False)
                assert [ours(ingested, window) for window in asked] == alone
    return kinds


def kind_of(theirs: str | None, found: str | None) -> str:
    if theirs in (ABORTED, found):
        return "equal" if theirs == found else "aborted"
    if theirs is None or found is None:
        return "only ours" if theirs is None else "only theirs"
    return "differ"


def check(path: Path, folder: Path, *, n_windows: int, modes: Sequence[str]) -> None:
    kinds = compared(path, folder, n_windows=n_windows, modes=modes)
    allowed = next((found for name, (found, _) in ON_PURPOSE.items() if path.name.endswith(name)), set())
    assert {kind: found[:3] for kind, found in kinds.items() if kind not in {"equal", "aborted", *allowed}} == {}
    assert kinds["equal"] or "file refused" in allowed


def real_files(shared: Path) -> list[Path]:
    found = sorted(path for pattern in FILES for path in (shared / "realfiles").glob(pattern))
    assert len(found) > 50
    return found


def test_windows_of_real_files_equal_bcftools(shared: Path, tmp_path: Path) -> None:
    """Every other file; all of them, in all modes, when asked."""
    for number, path in enumerate(real_files(shared)[::2]):
        (tmp_path / str(number)).mkdir()
        mode = list(BCFTOOLS_MODES)[number % len(BCFTOOLS_MODES)]
        check(path, tmp_path / str(number), n_windows=3, modes=[mode])


@pytest.mark.slow
def test_many_windows_of_real_files_equal_bcftools_in_every_mode(shared: Path, tmp_path: Path) -> None:
    for number, path in enumerate(real_files(shared)):
        (tmp_path / str(number)).mkdir()
        check(path, tmp_path / str(number), n_windows=40, modes=list(BCFTOOLS_MODES))


def test_a_real_bcf_that_is_not_compressed_is_refused_with_the_remedy(shared: Path) -> None:
    path = next((shared / "realfiles").glob("*Uncompressed.bcf"))
    with pytest.raises(InputError, match=r"is a BCF that is not compressed.*bcftools view -Ob"):
        VariantFile(path)
