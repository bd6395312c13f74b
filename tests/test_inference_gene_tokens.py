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
from variantformer_hf.genome.genes import Gene
from variantformer_hf.genome.interval import Interval
from variantformer_hf.inference import gene_tokens as module
from variantformer_hf.inference.gene_regions import GeneRegions, gene_sequences
from variantformer_hf.inference.gene_tokens import ReferenceTokens, gene_tokens, model_inputs

LENGTH = 12


def processor() -> VariantFormerProcessor:
    rng = random.Random(5)
    texts = [random_bases(rng, 200), *(random_bases(rng, 3) * 30 for _ in range(20)), "AC" * 60]
    return VariantFormerProcessor(DnaTokenizer.train(texts, vocab_size=90), token_length=LENGTH, max_gene_windows=6)


PROCESSOR = processor()


def random_regions(rng: random.Random, length: int, strand: str) -> GeneRegions:
    n = rng.randint(1, 8)
    starts = sorted(rng.sample(range(length - 1), n))
    ends = [rng.randint(start + 1, min(length, start + rng.choice([5, 40, 150]))) for start in starts]
    window = sorted(rng.sample(range(length + 1), 2))
    step = -1 if strand == "-" else 1
    return GeneRegions(
        gene=Gene("ENSG1", "G", CONTIG, window[0], window[1], strand),
        window=Interval(CONTIG, *window),
        starts=np.array(starts)[::step],
        ends=np.array(ends)[::step],
        cre_class_ids=np.array([rng.randrange(9) for _ in starts], dtype=np.int8)[::step],
        cre_rows=np.arange(n)[::step],
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0), st.booleans())
def test_edited_tokens_equal_those_of_the_sequences(seed: int, compiled: bool) -> None:
    rng = random.Random(seed)
    genome = random_genome(rng, rng.randint(60, 500))
    table = PROCESSOR.tokenizer.merge_table
    before = table.is_compiled
    table.__dict__["is_compiled"] = before and compiled
    try:
        with tempfile.TemporaryDirectory() as name:
            fasta, vcf = write_case(Path(name), genome, random_records(rng, genome, rng.choice([3, 10, 40])))
            mode = rng.choice(["iupac", "alt", "haplotype1"])
            person = PersonalGenome(ReferenceGenome(fasta), vcf, mode=mode, on_ref_mismatch="skip-record")
            stretch = person.stretch(CONTIG, 0, len(genome))
            reference = ReferenceTokens(PROCESSOR.tokenizer, 10)
            # The second gene meets elements and records that are there already.
            for strand in rng.choices("+-", k=2):
                check_gene(
                    random_regions(rng, len(genome), strand), person, stretch, ReferenceTokens(PROCESSOR.tokenizer, 10)
                )
                check_gene(random_regions(rng, len(genome), strand), person, stretch, reference)
                reference = ReferenceTokens(PROCESSOR.tokenizer, 10)
    finally:
        table.__dict__["is_compiled"] = before


def check_gene(regions: GeneRegions, person: PersonalGenome, stretch: object, reference: ReferenceTokens) -> None:
    try:
        found = gene_tokens(regions, person, stretch, reference, PROCESSOR.tokenizer)  # type: ignore[arg-type]
    except InputError:
        return
    sequences = gene_sequences(regions, person.sequences)
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
    regions = GeneRegions(
        Gene("ENSG1", "G", CONTIG, 0, 100, "+"), Interval(CONTIG, 0, 100), np.array([5, 200]), np.array([60, 300]),
        np.array([0, 1], dtype=np.int8), np.array([0, 2]),
    )  # fmt: skip
    first = gene_tokens(regions, person, stretch, reference, PROCESSOR.tokenizer)
    monkeypatch.setattr(module, "_encoded", lambda *_: pytest.fail("encoded again"))
    again = gene_tokens(regions, person, stretch, reference, PROCESSOR.tokenizer)
    assert np.array_equal(first.elements.ragged().values, again.elements.ragged().values)
    assert not again.differs.any()


def test_more_tokens_than_are_kept_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_TOKENS", 10)
    monkeypatch.setattr(module, "_MOST_WINDOWS", 1)
    rng = random.Random(1)
    genome = random_bases(rng, 600)
    fasta, vcf = write_case(tmp_path, genome, random_records(rng, genome, 40))
    person = PersonalGenome(ReferenceGenome(fasta), vcf, on_ref_mismatch="skip-record")
    stretch = person.stretch(CONTIG, 0, len(genome))
    reference = ReferenceTokens(PROCESSOR.tokenizer, 10)
    for seed in range(6):
        check_gene(random_regions(random.Random(seed), len(genome), "+-"[seed % 2]), person, stretch, reference)
        reference._first[:] = -1  # the next gene's rows mean other elements
