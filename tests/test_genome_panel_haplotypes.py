"""Haplotypes of a panel, read by record, and people made of them."""

import random
from pathlib import Path

import numpy as np
import pytest
from genome_files import record, write_fasta, write_vcf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_variants import random_bases

from variantformer_hf.errors import ContigError, InputError
from variantformer_hf.genome import PersonalGenome, ReferenceGenome
from variantformer_hf.genome.interval import Interval
from variantformer_hf.genome.options import MODES, GenotypeOptions
from variantformer_hf.genome.panel_haplotypes import MadePeople, read_haplotypes

LENGTH = 400


def test_records_and_calls_are_those_of_the_file(tmp_path: Path) -> None:
    reference = ReferenceGenome(write_fasta(tmp_path / "genome.fa", {"chr1": "A" * LENGTH}, width=60))
    lines = [
        record(10, "A", "C", "0|1", "1|1", "0/1"),
        record(20, "A", "G,AT", "1|2", "0|0", "2/2"),
        record(30, "AA", "A", ".|1", "./.", "0|0"),
        record(40, "A", "<DEL>", "0|1", "0|0", "0|0", info="END=50"),
        record(60, "A", "T", "1", "0|1", "0|0"),
        record(70, "A", "T", "0|1", "0|1", "1|0", filters="q10"),
        record(80, "A", ".", "0|0", "0|0", "0|0"),
    ]
    vcf = write_vcf(tmp_path / "panel.vcf.gz", lines, contigs={"chr1": LENGTH}, samples=("S1", "S2", "S3"))
    found = read_haplotypes(vcf, Interval("chr1", 0, LENGTH), reference=reference)
    assert found.samples == ("S1", "S2", "S3")
    assert found.position.tolist() == [9, 19, 29, 59, 69]
    assert found.alleles == (("A", "C"), ("A", "G", "AT"), ("AA", "A"), ("A", "T"), ("A", "T"))
    assert found.calls[0].tolist() == [[0, 1, -1, 1, 0], [1, 2, 1, -1, 1]]
    assert found.calls[1].tolist() == [[1, 0, -1, 0, 0], [1, 0, -1, 1, 1]]
    assert found.calls[2].tolist() == [[0, 2, 0, 0, 1], [1, 2, 0, 0, 0]]
    assert found.missing.tolist() == [1, 2, 0]
    assert found.unphased.tolist() == [0, 0, 1]
    assert found.not_diploid.tolist() == [1, 0, 0]
    assert found.is_usable.tolist() == [False, True, False]
    assert found.left_out == {"no_alt": 1, "symbolic_allele": 1}
    only = read_haplotypes(vcf, Interval("chr1", 5, 75), ["S3", "S1"], reference=reference, pass_only=True)
    assert only.samples == ("S3", "S1") and only.position.tolist() == [9, 19, 29, 59]
    assert only.calls[1].tolist() == found.calls[0][:, :4].tolist()
    assert only.left_out == {"filter_not_pass": 1, "symbolic_allele": 1}


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    reference = ReferenceGenome(
        write_fasta(tmp_path / "genome.fa", {"chr1": "A" * LENGTH, "chr2": "A" * LENGTH}, width=60)
    )
    vcf = write_vcf(tmp_path / "panel.vcf.gz", [record(10, "A", "C", "0|2")], contigs={"chr1": LENGTH})
    with pytest.raises(InputError, match="chr1:10: has a call of an allele that the record does not have"):
        read_haplotypes(vcf, Interval("chr1", 0, LENGTH), reference=reference)
    with pytest.raises(ContigError, match="has no contig chr2"):
        read_haplotypes(vcf, Interval("chr2", 0, LENGTH), reference=reference)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_a_person_made_of_their_own_haplotypes_reads_as_the_file_does(seed: int, tmp_path_factory: object) -> None:
    """Insertions, deletions, several ALTs, records that overlap; in every mode of one sequence."""
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("made")  # type: ignore[attr-defined]
    genome = random_bases(rng, LENGTH)
    reference = ReferenceGenome(write_fasta(folder / "genome.fa", {"chr1": genome}, width=60))
    lines, position = [], 5
    while position < LENGTH - 20:
        ref = genome[position - 1 : position - 1 + rng.choice([1, 1, 1, 2, 4])]
        alts = list(dict.fromkeys([random_bases(rng, len(ref)), ref + "GA", ref[0]]))
        alts = [alt for alt in alts if alt != ref][: rng.choice([1, 1, 2])]
        calls = [f"{rng.randint(0, len(alts))}|{rng.randint(0, len(alts))}" for _ in range(3)]
        lines.append(record(position, ref, ",".join(alts), *calls))
        position += rng.randint(1, 25)
    vcf = write_vcf(folder / "panel.vcf.gz", lines, contigs={"chr1": LENGTH}, samples=("S1", "S2", "S3"))
    panel = read_haplotypes(vcf, Interval("chr1", 0, LENGTH), reference=reference)
    made = MadePeople(panel)
    for number, sample in enumerate(panel.samples):
        for mode in MODES[:5]:
            options = GenotypeOptions(mode=mode)
            own = PersonalGenome(reference, vcf, sample, options)
            person = PersonalGenome(reference, made.records("made", *panel.calls[number]), "made", options)
            asked = [("chr1", 0, LENGTH), ("chr1", 100, 180)]
            assert person.sequences(asked) == own.sequences(asked)


def test_nobody_is_outside_of_the_stretch(tmp_path: Path) -> None:
    reference = ReferenceGenome(write_fasta(tmp_path / "genome.fa", {"chr1": "A" * LENGTH}, width=60))
    vcf = write_vcf(tmp_path / "panel.vcf.gz", [record(10, "A", "C", "0|1")], contigs={"chr1": LENGTH})
    panel = read_haplotypes(vcf, Interval("chr1", 0, 100), reference=reference)
    records = MadePeople(panel).records("made", np.array([1], np.int8), np.array([0], np.int8))
    assert records.has_contig("chr1") and not records.has_contig("chr2")
    assert list(records.columns("chr2", 0, 100)) == [] and list(records.columns("chr1", 20, 100)) == []
    assert records.file_contig("chr1") == "chr1" and records.sample == "made"
