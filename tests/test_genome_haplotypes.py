"""The mode that reads both haplotypes: each as by itself, and one account of the records."""

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from genome_files import record, write_fasta, write_vcf
from hypothesis import given, settings
from hypothesis import strategies as st
from random_variants import random_bases

from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.genome import EditedGenome, GenotypeEdit, GenotypeOptions, Variant
from variantformer_hf.genome.consensus import OUTCOMES

GENOME = "ACGTTGCAAC" * 8
CALLS = ("0|1", "1|0", "1|1", "0|0", ".|.", "0/1", "./1", "1", "0|.")


def person(folder: Path, *lines: str, mode: str = "haplotypes", genome: str = GENOME) -> PersonalGenome:
    fasta = write_fasta(folder / "genome.fa", {"chr1": genome})
    vcf = write_vcf(folder / "p.vcf.gz", lines, contigs={"chr1": len(genome)})
    return PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(mode=mode))


def alone(genome: PersonalGenome, mode: str) -> PersonalGenome:
    return PersonalGenome(genome.reference, genome.path, options=replace(genome.options, mode=mode))


def random_lines(rng: random.Random, genome: str) -> list[str]:
    lines, position = [], rng.randint(1, 6)
    while position < len(genome) - 8:
        ref = genome[position - 1 : position - 1 + rng.choice([1, 1, 2, 4])]
        alt = rng.choice([ref[0], ref + "GG", "".join({"A": "C", "C": "A"}.get(each, "A") for each in ref)])
        if alt != ref:
            lines.append(record(position, ref, alt, rng.choice(CALLS)))
        position += rng.randint(1, 8)
    return lines


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=0))
def test_each_reading_is_the_haplotype_by_itself(seed: int) -> None:
    rng = random.Random(seed)
    genome = random_bases(rng, 80)
    with tempfile.TemporaryDirectory() as folder:
        both = person(Path(folder), *random_lines(rng, genome), genome=genome)
        starts, ends = np.array([0, 11, 40]), np.array([30, 60, 80])
        stretch = both.stretch("chr1", 0, 80)
        keys, outcomes = both.outcomes(stretch, starts, ends)
        said = []
        for mode, reading in zip(("haplotype1", "haplotype2"), both.readings(), strict=True):
            one = alone(both, mode)
            assert reading.sequences([("chr1", 0, 80), ("chr1", 11, 60)]) == one.sequences(
                [("chr1", 0, 80), ("chr1", 11, 60)]
            )
            its_keys, its_outcomes = one.outcomes(one.stretch("chr1", 0, 80), starts, ends)
            assert its_keys.tolist() == keys.tolist()
            said.append([OUTCOMES[code].value for code in its_outcomes])
        for first, second, code in zip(*said, outcomes.tolist(), strict=True):
            assert OUTCOMES[code].value in (first, second)
            assert (OUTCOMES[code].value == "applied") == ("applied" in (first, second))


def test_a_record_that_one_haplotype_has_and_the_other_cannot_is_said_once(tmp_path: Path) -> None:
    genome = person(
        tmp_path,
        record(3, "G", "T", "0|1"),
        record(11, "A", "C", ".|0"),
        record(21, "A", "C", "0|0"),
        record(31, "A", "C", "."),
    )
    _, outcomes = genome.outcomes(genome.stretch("chr1", 0, 80), np.array([0]), np.array([80]))
    assert [OUTCOMES[code].value for code in outcomes] == ["applied", "hom_ref", "hom_ref", "missing_genotype"]
    assert genome.calls_not_diploid == 0


def test_two_haplotypes_are_no_one_sequence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two sequences"):
        person(tmp_path).sequence("chr1", 0, 10)
    other = person(tmp_path, mode="iupac")
    assert other.readings() == (other,)


def test_an_edit_is_made_on_the_haplotypes_that_it_names(tmp_path: Path) -> None:
    genome = person(tmp_path, record(3, "G", "T", "0|1"))
    edit = Variant("chr1", 11, "A", "AGG")
    for name, has in (("het", (False, True)), ("haplotype1", (True, False)), ("hom", (True, True))):
        edited = EditedGenome(genome, [GenotypeEdit(edit, name)])
        texts = [each.sequence("chr1", 0, 40) for each in edited.readings()]
        assert [len(text) for text in texts] == [42 if each else 40 for each in has]
        assert [text[2] for text in texts] == ["G", "T"]
        with pytest.raises(ValueError, match="two sequences"):
            edited.sequence("chr1", 0, 40)


def test_a_conflict_on_either_haplotype_is_one(tmp_path: Path) -> None:
    genome = person(tmp_path, record(11, "ACG", "A", "0|1"))
    edit = Variant("chr1", 12, "C", "T")
    found = {
        name: EditedGenome(genome, [GenotypeEdit(edit, name)], on_conflict="keep").conflict
        for name in ("haplotype1", "haplotype2", "hom")
    }
    assert found == {"haplotype1": None, "haplotype2": "chr1:11:ACG:A", "hom": "chr1:11:ACG:A"}
