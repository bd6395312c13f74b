"""Tokens made by editing those of the reference are those of the person's sequences."""

import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_variants import CONTIG, random_bases, random_genome, random_records, write_case

from variantformer_hf import DnaTokenizer, PersonalGenome, ReferenceGenome, VariantFormerProcessor
from variantformer_hf.errors import InputError
from variantformer_hf.genome import VariantTally
from variantformer_hf.genome.consensus import OUTCOME_CODE, Outcome
from variantformer_hf.genome.genes import Gene
from variantformer_hf.genome.interval import Interval
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.zoo.gene_regions import GeneRegions, gene_sequences
from variantformer_hf.zoo.variantformer.gene_tokens import GeneTokens, model_inputs
from variantformer_hf.zoo.variantformer.personal_tokens import PersonalTokens
from variantformer_hf.zoo.variantformer.reference_tokens import ReferenceTokens

LENGTH = 12
APPLIED = OUTCOME_CODE[Outcome.APPLIED]


def processor() -> VariantFormerProcessor:
    rng = random.Random(5)
    texts = [random_bases(rng, 200), *(random_bases(rng, 3) * 30 for _ in range(20)), "AC" * 60]
    return VariantFormerProcessor(DnaTokenizer.train(texts, vocab_size=90), token_length=LENGTH, max_gene_windows=6)


PROCESSOR = processor()


def random_genes(rng: random.Random, length: int) -> list[GeneRegions]:
    """Genes on both strands that share elements."""
    n = rng.randint(1, 12)
    starts = sorted(rng.sample(range(length - 1), n))
    ends = [rng.randint(start + 1, min(length, start + rng.choice([5, 40, 150]))) for start in starts]
    classes = np.array([rng.randrange(9) for _ in starts], dtype=np.int8)
    genes = []
    for number in range(rng.randint(1, 5)):
        strand = rng.choice("+-")
        first, last = sorted(rng.sample(range(n + 1), 2))
        part = slice(first, last) if strand == "+" else slice(last - 1, first - 1 if first else None, -1)
        window = sorted(rng.sample(range(length + 1), 2))
        genes.append(
            GeneRegions(
                gene=Gene(f"ENSG{number}", "G", CONTIG, window[0], window[1], strand),
                window=Interval(CONTIG, *window),
                starts=np.array(starts)[part],
                ends=np.array(ends)[part],
                cre_class_ids=classes[part],
                cre_rows=np.arange(n)[part],
            )
        )
    return genes


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0), st.booleans())
def test_edited_tokens_equal_those_of_the_sequences(seed: int, compiled: bool) -> None:
    edited_tokens_equal_those_of_the_sequences(seed, compiled=compiled)


@pytest.mark.slow
@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0), st.booleans())
def test_many_edited_tokens_equal_those_of_the_sequences(seed: int, compiled: bool) -> None:
    edited_tokens_equal_those_of_the_sequences(seed, compiled=compiled)


def edited_tokens_equal_those_of_the_sequences(seed: int, *, compiled: bool) -> None:
    rng = random.Random(seed)
    genome = random_genome(rng, rng.randint(60, 500))
    table = PROCESSOR.tokenizer.merge_table
    before = table.is_compiled
    table.__dict__["is_compiled"] = before and compiled
    try:
        with tempfile.TemporaryDirectory() as name:
            fasta, vcf = write_case(Path(name), genome, random_records(rng, genome, rng.choice([3, 10, 40])))
            mode = rng.choice(["iupac", "alt", "haplotype1"])
            person = PersonalGenome(
                ReferenceGenome(fasta), vcf, options=GenotypeOptions(mode=mode, on_ref_mismatch="skip-record")
            )
            stretch = person.stretch(CONTIG, 0, len(genome))
            genes = random_genes(rng, len(genome))
            reference = ReferenceTokens(PROCESSOR.tokenizer, 12)
            tokens = PersonalTokens(person, stretch, genes, reference, PROCESSOR.tokenizer)
            try:
                found = [tokens.gene(regions) for regions in genes]
            except InputError:  # an allele that the record lacks, or that cannot be applied
                return
            for regions, of_gene in zip(genes, found, strict=True):
                check_gene(regions, of_gene, person)
    finally:
        table.__dict__["is_compiled"] = before


def check_gene(regions: GeneRegions, found: GeneTokens, person: PersonalGenome) -> None:
    tally = VariantTally()
    sequences = gene_sequences(regions, lambda intervals: person.sequences(intervals, tally))
    counts = tally.contig(CONTIG)
    assert (len(found.keys), int((found.outcomes == APPLIED).sum())) == (counts.in_windows, counts.applied)
    if not sequences.gene_sequence:
        assert found.window is None
        return
    expected = PROCESSOR(
        cre_sequences=sequences.cre_sequences,
        cre_classes=sequences.cre_class_ids.tolist(),
        gene_sequence=sequences.gene_sequence,
        return_tensors="np",
    )
    inputs = model_inputs(found, PROCESSOR)
    for name, array in inputs.items():
        assert np.array_equal(array, expected[name]), name
    plain = gene_sequences(regions, PersonalGenome(person.reference).sequences)
    differs = [sequences.cre_sequences[i] != plain.cre_sequences[i] for i in found.indices.tolist()]
    assert all(known or not other for known, other in zip(found.differs.tolist(), differs, strict=True))


def test_elements_are_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genome = random_bases(random.Random(0), 400)
    fasta, _ = write_case(tmp_path, genome, [])
    person = PersonalGenome(ReferenceGenome(fasta))
    stretch = person.stretch(CONTIG, 0, len(genome))
    reference = ReferenceTokens(PROCESSOR.tokenizer, 3)
    genes = [
        GeneRegions(
            Gene("ENSG1", "G", CONTIG, 0, 100, "+"),
            Interval(CONTIG, 0, 100),
            np.array([5, 200]),
            np.array([60, 300]),
            np.array([0, 1], dtype=np.int8),
            np.array([0, 2]),
        )
    ]
    first = PersonalTokens(person, stretch, genes, reference, PROCESSOR.tokenizer).gene(genes[0])
    monkeypatch.setattr(type(PROCESSOR.tokenizer), "encode_slices", lambda *_: pytest.fail("encoded again"))
    again = PersonalTokens(person, stretch, genes, reference, PROCESSOR.tokenizer).gene(genes[0])
    assert np.array_equal(first.elements.ragged().values, again.elements.ragged().values)
    assert not again.differs.any()


def test_a_persons_element_is_edited_once_for_all_genes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    genome = random_bases(rng, 800)
    fasta, vcf = write_case(tmp_path, genome, random_records(rng, genome, 30))
    person = PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(on_ref_mismatch="skip-record"))
    genes = [each for each in random_genes(random.Random(8), 800) if each.gene.strand == "+"] * 3
    tokens = PersonalTokens(
        person, person.stretch(CONTIG, 0, 800), genes, ReferenceTokens(PROCESSOR.tokenizer, 12), PROCESSOR.tokenizer
    )
    first = [tokens.gene(regions) for regions in genes]
    monkeypatch.setattr(tokens, "_edited_elements", lambda **_: pytest.fail("edited again"))
    for regions, before in zip(genes, first, strict=True):
        check_gene(regions, tokens.gene(regions), person)
        assert np.array_equal(before.elements.ragged().values, tokens.gene(regions).elements.ragged().values)


def test_more_tokens_than_are_kept_are_made_anew(tmp_path: Path) -> None:
    rng = random.Random(1)
    genome = random_bases(rng, 600)
    fasta, vcf = write_case(tmp_path, genome, random_records(rng, genome, 40))
    person = PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(on_ref_mismatch="skip-record"))
    stretch = person.stretch(CONTIG, 0, len(genome))
    reference = ReferenceTokens(PROCESSOR.tokenizer, 12, most_tokens=10, most_windows=1)
    genes = random_genes(random.Random(4), len(genome))
    for _ in range(2):
        found = [PersonalTokens(person, stretch, [each], reference, PROCESSOR.tokenizer).gene(each) for each in genes]
        for regions, of_gene in zip(genes, found, strict=True):
            check_gene(regions, of_gene, person)
