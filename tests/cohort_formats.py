"""Random cohorts as text, and written by the tools' own writers in every format that is read."""

import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from genome_files import write_fasta, write_vcf

SAMPLES = ("S1", "S2", "S3", "S4")


@dataclass(frozen=True)
class Call:
    """Alleles (None = missing) and whether their order is known."""

    alleles: tuple[int | None, ...]
    phased: bool

    def __str__(self) -> str:
        return ("|" if self.phased else "/").join("." if each is None else str(each) for each in self.alleles)


@dataclass(frozen=True)
class Site:
    """A record; ``position`` is 0-based."""

    chrom: str
    position: int
    ref: str
    alts: tuple[str, ...]
    filters: str
    calls: tuple[Call, ...]
    info: str = "."


@dataclass(frozen=True)
class Carries:
    """What a format can carry."""

    multi: bool = True
    star: bool = True
    symbolic: bool = False
    filters: bool = True
    phase: str = "call"  # none, record or call
    half_missing: bool = False
    haploid: bool = False


PGEN = Carries()
BED = Carries(multi=False, filters=False, phase="none")
BGEN = Carries(filters=False, phase="record", haploid=True)
ZARR = Carries(symbolic=True, half_missing=True, haploid=True)


@dataclass(frozen=True)
class RandomCohort:
    """Genomes and records."""

    genome: dict[str, str]
    sites: list[Site]
    samples: tuple[str, ...] = SAMPLES

    def fasta(self, folder: Path) -> Path:
        return write_fasta(folder / "genome.fa", self.genome)

    def vcf(self, path: Path, *, index: str = "csi") -> Path:
        lines = [
            "\t".join(
                [
                    site.chrom,
                    str(site.position + 1),
                    ".",
                    site.ref,
                    ",".join(site.alts),
                    ".",
                    site.filters,
                    site.info,
                    "GT",
                    *map(str, site.calls),
                ]
            )
            for site in self.sites
        ]
        contigs = {name: len(bases) for name, bases in self.genome.items()}
        return write_vcf(path, lines, contigs=contigs, samples=self.samples, index=index)


def random_cohort(rng: random.Random, carries: Carries) -> RandomCohort:
    """A cohort of what a format carries, REF as in the FASTA, positions that repeat, records that overlap."""
    names = rng.choice([["chr1", "chr2", "chrX"], ["1", "2", "X"]])
    genome = {name: "".join(rng.choice("ACGT") for _ in range(rng.randint(60, 240))) for name in names}
    sites: list[Site] = []
    for name in rng.sample(names, rng.choice([2, 3])):  # one contig may be without records
        position = rng.randint(0, 5)
        while position < len(genome[name]):
            sites.append(_site(rng, genome[name], name, position, carries))
            position += rng.choice([0, 0, 1, 2, 3, 5, 9, 20])
    sites.sort(key=lambda site: (names.index(site.chrom), site.position))
    if all(not any(call.alleles[0] for call in site.calls) for site in sites):
        return random_cohort(rng, carries)
    return RandomCohort(genome, sites)


def _site(rng: random.Random, bases: str, chrom: str, position: int, carries: Carries) -> Site:
    ref = bases[position : position + rng.choice([1, 1, 1, 1, 2, 4])]
    alts: list[str] = []
    info = "."
    if carries.symbolic and rng.random() < 0.08:
        alts, info, ref = ["<DEL>"], f"END={min(len(bases), position + rng.randint(1, 12))}", ref[0]
    while not alts or (carries.multi and rng.random() < 0.25):
        alt = _alt(rng, ref, carries)
        if alt not in (ref, *alts):
            alts.append(alt)
        elif alts:
            break
    phased_record = rng.random() < 0.5
    calls = tuple(_call(rng, len(alts), carries, phased_record, chrom, sample) for sample in range(len(SAMPLES)))
    filters = rng.choice(["PASS", "PASS", ".", "q10"]) if carries.filters else "."
    return Site(chrom, position, ref, tuple(alts), filters, calls, info)


def _alt(rng: random.Random, ref: str, carries: Carries) -> str:
    kind = rng.random()
    if carries.star and kind < 0.05:
        return "*"
    if kind < 0.6:
        return "".join(rng.choice("ACGT") for _ in ref)
    if kind < 0.8:
        return ref + "".join(rng.choice("ACGT") for _ in range(rng.randint(1, 4)))
    return ref[: max(1, len(ref) - rng.randint(1, 3))]


def _call(rng: random.Random, n_alts: int, carries: Carries, phased_record: bool, chrom: str, sample: int) -> Call:
    alleles: list[int | None] = [rng.choice([0, 0, *range(n_alts + 1)]) for _ in range(2)]
    phased = {"none": False, "record": phased_record, "call": rng.random() < 0.5}[carries.phase]
    if rng.random() < 0.08:
        alleles = [None, None]
    elif carries.half_missing and rng.random() < 0.06:
        alleles[rng.randrange(2)] = None
    if carries.haploid and chrom.endswith("X") and sample % 2:
        return Call((alleles[0],), phased)
    known = [allele for allele in alleles if allele is not None]
    if not phased and len(known) == 2 and not carries.half_missing:
        alleles = sorted(known)
    return Call(tuple(alleles), phased)


# -- Writers -----------------------------------------------------------------------------------------------------------


def _plink_name(rng: random.Random, chrom: str) -> str:
    """A contig as PLINK may call it: with or without ``chr``, X as 23."""
    bare = chrom.removeprefix("chr")
    return rng.choice([chrom, bare, "23" if bare == "X" else bare])


def _names(rng: random.Random, cohort: RandomCohort) -> dict[str, str]:
    return {name: _plink_name(rng, name) for name in cohort.genome}


def pgen_by_pgenlib(cohort: RandomCohort, folder: Path, rng: random.Random) -> Path:
    """A PGEN written by pgenlib, its .pvar as text, plain or packed."""
    import pgenlib
    import pyarrow as pa

    path, names = folder / "lib.pgen", _names(rng, cohort)
    has_filters = any(site.filters != "." for site in cohort.sites)
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", *(["QUAL", "FILTER"] if has_filters else [])]
    lines = ["##fileformat=PVARv1.0", "\t".join(columns)]
    for site in cohort.sites:
        fields = [names[site.chrom], str(site.position + 1), ".", site.ref, ",".join(site.alts)]
        lines.append("\t".join([*fields, *([".", site.filters] if has_filters else [])]))
    text = "".join(f"{line}\n" for line in lines).encode()
    if rng.random() < 0.5:
        path.with_suffix(".pvar").write_bytes(text)
    else:
        with pa.CompressedOutputStream(str(path.with_suffix(".pvar.zst")), "zstd") as out:
            out.write(text)
    people = "".join(f"{name}\n" for name in cohort.samples)
    path.with_suffix(".psam").write_text(f"#IID\n{people}")
    most = max(len(site.alts) + 1 for site in cohort.sites)
    with pgenlib.PgenWriter(
        str(path).encode(),
        len(cohort.samples),
        len(cohort.sites),
        False,
        allele_ct_limit=most,
        hardcall_phase_present=True,
    ) as writer:
        for site in cohort.sites:
            alleles = [-9 if each is None else each for call in site.calls for each in call.alleles]
            phased = np.array([call.phased for call in site.calls])
            writer.append_partially_phased(np.array(alleles, dtype=np.int32), phased, len(site.alts) + 1)
    return path


def run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def pgen_by_plink2(cohort: RandomCohort, folder: Path, rng: random.Random) -> Path:
    """A PGEN that plink2 made of the VCF."""
    vcf = cohort.vcf(folder / "for_plink2.vcf.gz")
    packed = ["vzs"] if rng.random() < 0.5 else []
    run("plink2", "--vcf", vcf, "--allow-extra-chr", "--make-pgen", *packed, "--threads", 1, "--out", folder / "plink2")
    return folder / "plink2.pgen"


def bed_by_bed_reader(cohort: RandomCohort, folder: Path, rng: random.Random) -> Path:
    """A BED written by bed-reader, some alleles exchanged where the FASTA says which is REF."""
    from bed_reader import to_bed

    path, names = folder / "lib.bed", _names(rng, cohort)
    values = np.full((len(cohort.samples), len(cohort.sites)), -127, dtype=np.int8)
    first, second = [], []
    for column, site in enumerate(cohort.sites):
        alt = site.alts[0]
        fits = cohort.genome[site.chrom].startswith(alt, site.position)
        turned = not fits and rng.random() < 0.4
        for row, call in enumerate(site.calls):
            if None not in call.alleles:
                count = sum(each or 0 for each in call.alleles)
                values[row, column] = 2 - count if turned else count
        first.append(site.ref if turned else alt)
        second.append(alt if turned else site.ref)
    to_bed(
        path,
        values,
        properties={
            "iid": list(cohort.samples),
            "sid": [f"v{number}" for number in range(len(cohort.sites))],
            "chromosome": [names[site.chrom] for site in cohort.sites],
            "bp_position": [site.position + 1 for site in cohort.sites],
            "allele_1": first,
            "allele_2": second,
        },
    )
    return path


def bed_by_plink2(cohort: RandomCohort, folder: Path, rng: random.Random) -> Path:
    """A BED that plink2 made of the VCF."""
    vcf = cohort.vcf(folder / "for_plink2.vcf.gz")
    run("plink2", "--vcf", vcf, "--allow-extra-chr", "--make-bed", "--threads", 1, "--out", folder / "plink2")
    return folder / "plink2.bed"


def bed_by_plink1(cohort: RandomCohort, folder: Path, rng: random.Random) -> Path:
    """A BED that plink1.9 made of the VCF; where the FASTA says which allele is REF, the rarer one may be the first."""
    is_sure = all(not cohort.genome[site.chrom].startswith(site.alts[0], site.position) for site in cohort.sites)
    vcf = cohort.vcf(folder / "for_plink1.vcf.gz")
    kept = [] if is_sure else ["--keep-allele-order"]
    run("plink1.9", "--vcf", vcf, "--double-id", "--allow-extra-chr", *kept, "--make-bed", "--out", folder / "plink1")
    return folder / "plink1.bed"


def bgen_by_bgen(cohort: RandomCohort, folder: Path, rng: random.Random) -> Path:
    """A BGEN written by the package bgen, with its index."""
    from bgen import BgenWriter

    path, names = folder / "lib.bgen", _names(rng, cohort)
    bits = rng.choice([1, 8, 16])
    with BgenWriter(path, len(cohort.samples), samples=cohort.samples, compression=rng.choice(["zlib", "zstd"])) as out:
        for number, site in enumerate(cohort.sites):
            n, phased = len(site.alts) + 1, site.calls[0].phased
            ploidy = np.array([len(call.alleles) for call in site.calls], dtype=np.uint8)
            rows = [_phased_row(call, n) if phased else _unphased_row(call, n) for call in site.calls]
            widest = max(map(len, rows))
            values = np.array([row + [np.nan] * (widest - len(row)) for row in rows])
            out.add_variant(
                f"v{number}",
                ".",
                names[site.chrom],
                site.position + 1,
                [site.ref, *site.alts],
                values,
                ploidy=ploidy if len(set(ploidy.tolist())) > 1 else int(ploidy[0]),
                phased=phased,
                bit_depth=bits,
            )
    return path


def _phased_row(call: Call, n: int) -> list[float]:
    if None in call.alleles:
        return [np.nan] * (n * len(call.alleles))
    return [float(each == allele) for each in call.alleles for allele in range(n)]


def _unphased_row(call: Call, n: int) -> list[float]:
    if len(call.alleles) == 1:
        genotypes: Sequence[tuple[int, ...]] = [(allele,) for allele in range(n)]
    else:
        genotypes = [(one, two) for two in range(n) for one in range(two + 1)]
    if None in call.alleles:
        return [np.nan] * len(genotypes)
    return [float(genotype == call.alleles) for genotype in genotypes]


def bgen_by_plink2(cohort: RandomCohort, folder: Path, rng: random.Random) -> Path:
    """A BGEN that plink2 made of the VCF, indexed by the package bgen's writer of indexes."""
    vcf = cohort.vcf(folder / "for_plink2.vcf.gz")
    run(
        *("plink2", "--vcf", vcf, "--allow-extra-chr", "--export", "bgen-1.2", "bits=8", "ref-first", "--threads", 1),
        *("--out", folder / "plink2"),
    )
    index_bgen(folder / "plink2.bgen")
    return folder / "plink2.bgen"


def index_bgen(path: Path) -> None:
    """The index that bgenix makes."""
    import sqlite3

    from bgen import BgenReader

    Path(f"{path}.bgi").unlink(missing_ok=True)
    connection = sqlite3.connect(f"{path}.bgi")
    connection.execute(
        "CREATE TABLE Variant (chromosome TEXT NOT NULL, position INT NOT NULL, rsid TEXT NOT NULL, "
        "number_of_alleles INT NOT NULL, allele1 TEXT NOT NULL, allele2 TEXT NULL, file_start_position INT NOT NULL, "
        "size_in_bytes INT NOT NULL)"
    )
    with BgenReader(path, delay_parsing=True) as reader:
        for variant in reader:
            row = (variant.chrom, variant.pos, variant.rsid, len(variant.alleles), *variant.alleles[:2])
            size = variant.next_variant_offset - variant.fileoffset
            connection.execute("INSERT INTO Variant VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, variant.fileoffset, size))
    connection.commit()
    connection.close()


def zarr_by_bio2zarr(cohort: RandomCohort, folder: Path, rng: random.Random) -> Path:
    """A VCF-Zarr that bio2zarr made of the VCF, in small chunks; a folder, or a zip of one."""
    import shutil

    from bio2zarr import vcf as vcf2zarr

    vcf = cohort.vcf(folder / "for_zarr.vcf.gz")
    path = folder / "lib.vcz"
    vcf2zarr.convert(
        [vcf],
        path,
        variants_chunk_size=rng.choice([7, 1000]),
        samples_chunk_size=rng.choice([2, 1000]),
        zarr_format=rng.choice([2, 3]),
    )
    if rng.random() < 0.3:
        return Path(shutil.make_archive(str(path), "zip", path))
    return path


def bcf_by_bcftools(cohort: RandomCohort, folder: Path, rng: random.Random) -> Path:
    """A BCF that the bcftools inside pysam made of the VCF."""
    from pysam import bcftools

    vcf = cohort.vcf(folder / "for_bcftools.vcf.gz")
    path = folder / "bcftools.bcf"
    bcftools.view("-Ob", "-o", str(path), str(vcf), catch_stdout=False)
    bcftools.index(str(path), catch_stdout=False)
    return path
