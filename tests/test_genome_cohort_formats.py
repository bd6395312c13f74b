"""PGEN, BED, BGEN and VCF-Zarr of the tools' own writers: the same people as in the VCF, in every mode."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cohort_formats import (
    BED,
    BGEN,
    PGEN,
    SAMPLES,
    ZARR,
    Carries,
    RandomCohort,
    bcf_by_bcftools,
    bed_by_bed_reader,
    bed_by_plink1,
    bed_by_plink2,
    bgen_by_bgen,
    bgen_by_plink2,
    pgen_by_pgenlib,
    pgen_by_plink2,
    random_cohort,
    zarr_by_bio2zarr,
)

from variantformer_hf.errors import InputError
from variantformer_hf.genome import PersonalGenome, ReferenceGenome, VariantTally
from variantformer_hf.genome.cohort_rows import Reading
from variantformer_hf.genome.options import SEQUENCE_MODES, GenotypeOptions
from variantformer_hf.genome.person_records import PersonRecords
from variantformer_hf.genome.variant_ingest import build_store

Writer = Callable[[RandomCohort, Path, random.Random], Path]
NO_STAR = Carries(star=False)
WRITERS: dict[str, tuple[Writer, Carries, str | None]] = {
    "pgenlib": (pgen_by_pgenlib, PGEN, None),
    "bed-reader": (bed_by_bed_reader, BED, None),
    "bgen": (bgen_by_bgen, BGEN, None),
    "bio2zarr": (zarr_by_bio2zarr, ZARR, None),
    "bcftools": (bcf_by_bcftools, ZARR, None),
    "plink2 --make-pgen": (pgen_by_plink2, PGEN, "plink2"),
    "plink2 --make-bed": (bed_by_plink2, BED, "plink2"),
    "plink1.9 --make-bed": (bed_by_plink1, BED, "plink1.9"),
    "plink2 --export bgen-1.2": (bgen_by_plink2, Carries(multi=False, filters=False, phase="none"), "plink2"),
}


def read(person: PersonalGenome, regions: list[tuple[str, int, int]]) -> Any:
    tally = VariantTally()
    try:
        return person.sequences(regions, tally), tally.to_dict()
    except InputError as error:
        return type(error), error.problem
    finally:
        person.close()


def compared(name: str, seed: int, folder: Path) -> int:
    """Sequences in every mode, each of somebody, from the format and from its store, against the VCF's; how many."""
    writer, carries, _ = WRITERS[name]
    rng = random.Random(f"{name} {seed}")
    cohort = random_cohort(rng, carries)
    reference = ReferenceGenome(cohort.fasta(folder))
    vcf = cohort.vcf(folder / "calls.vcf.gz")
    path = writer(cohort, folder, rng)
    regions = [(name, 0, len(bases)) for name, bases in cohort.genome.items()]
    for _ in range(6):
        chrom = rng.choice(list(cohort.genome))
        start = rng.randrange(len(cohort.genome[chrom]))
        regions.append((chrom, start, min(len(cohort.genome[chrom]), start + rng.choice([1, 5, 40]))))
    asked = []
    for mode in SEQUENCE_MODES:
        symbolic = rng.choice(["apply", "exclude_record"])
        asked.append((rng.choice(SAMPLES), GenotypeOptions(mode=mode, pass_only=rng.random() < 0.3, symbolic=symbolic)))
    wanted = [read(PersonalGenome(reference, vcf, sample, options), regions) for sample, options in asked]
    found = [read(PersonalGenome(reference, path, sample, options), regions) for sample, options in asked]
    assert found == wanted
    build_store(path, reading=Reading(reference))
    for (sample, options), expected in zip(asked, wanted, strict=True):
        person = PersonalGenome(reference, path, sample, options)
        assert isinstance(person.records, PersonRecords)
        assert person.records.is_ingested
        assert read(person, regions) == expected
    return sum(len(sequences) for sequences, counts in wanted if isinstance(counts, dict))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("seed", range(2))
def test_people_read_as_from_their_vcf(name: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = WRITERS[name][2]
    if tool is not None and shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    assert compared(name, seed, tmp_path) > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_people_of_300_cohorts_read_as_from_their_vcf(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = WRITERS[name][2]
    if tool is not None and shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    for seed in range(300):
        folder = tmp_path / str(seed)
        folder.mkdir()
        compared(name, seed, folder)
        shutil.rmtree(folder)
