"""Variants: their spellings, and their one spelling."""

import random
from pathlib import Path

import pytest
from genome_files import write_fasta
from hypothesis import given, settings
from hypothesis import strategies as st

from variantformer_hf import ReferenceGenome, Variant
from variantformer_hf.genome.variant import VariantError, VariantNormalizer

GENOME = "GATTACACACACATTTTGNNNNCAGTCC"


@pytest.fixture(scope="module")
def normalizer(tmp_path_factory: pytest.TempPathFactory) -> VariantNormalizer:
    fasta = write_fasta(tmp_path_factory.mktemp("genome") / "genome.fa", {"chr1": GENOME, "chrX": "ACGT" * 5})
    return VariantNormalizer(ReferenceGenome(fasta))


@pytest.mark.parametrize(
    "text",
    ["chr19:44908684:T>C", "chr19_44908684_T_C_b38", "19_44908684_T_C", "19:44908684:T:C", "19-44908684-T-C"],
)
def test_five_spellings(text: str) -> None:
    found = Variant.parse(text)
    assert (found.chrom.removeprefix("chr"), found.pos, found.ref, found.alt) == ("19", 44908684, "T", "C")
    assert (found.start, found.end, found.is_snp) == (44908683, 44908684, True)


@pytest.mark.parametrize("text", ["rs429358", "chr1:x:A>G", "chr1:5", "", "chr1:5:A>", "chr1_5_A_G_b37"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(VariantError):
        Variant.parse(text)


@pytest.mark.parametrize(
    ("given_variant", "normal"),
    [
        (("chr1", 1, "G", "T"), ("chr1", 1, "G", "T")),
        (("1", 1, "g", "t"), ("chr1", 1, "G", "T")),  # contig style and case of the file
        (("chr1", 12, "CA", "C"), ("chr1", 12, "CA", "C")),  # one base of a repeat of two cannot move
        (("chr1", 11, "ACA", "A"), ("chr1", 4, "TAC", "T")),  # the whole unit can
        (("chr1", 18, "G", "TG"), ("chr1", 13, "A", "AT")),
        (("chr1", 2, "ATT", "GTC"), ("chr1", 2, "ATT", "GTC")),  # an MNV keeps what is between
        (("chr1", 1, "GAT", "GAC"), ("chr1", 3, "T", "C")),
        (("chr1", 1, "GA", "A"), ("chr1", 1, "GA", "A")),  # nothing stands before a contig's first base
    ],
)
def test_known_spellings(normalizer: VariantNormalizer, given_variant: tuple, normal: tuple) -> None:
    assert normalizer(Variant(*given_variant)) == Variant(*normal)


def apply(genome: str, variant: Variant) -> str:
    assert genome[variant.start : variant.end] == variant.ref
    return genome[: variant.start] + variant.alt + genome[variant.end :]


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0))
def test_one_spelling_of_each_alternative_genome(seed: int) -> None:
    """Variants that make the same genome have the same normal spelling, and that spelling makes it too."""
    import tempfile

    rng = random.Random(seed)
    genome = "".join(rng.choice("AC") for _ in range(14))
    with tempfile.TemporaryDirectory() as folder:
        normalize = VariantNormalizer(ReferenceGenome(write_fasta(Path(folder) / "genome.fa", {"c": genome})))
        by_genome: dict[str, set[Variant]] = {}
        for _ in range(60):
            start = rng.randrange(len(genome))
            ref = genome[start : start + rng.randint(1, 4)]
            kind = rng.random()
            if kind < 0.4:
                alt = ref[: rng.randint(1, len(ref))]
            elif kind < 0.8:
                alt = ref[:1] + "".join(rng.choice("AC") for _ in range(rng.randint(1, 3))) + ref[1:]
            else:
                alt = "".join(rng.choice("AC") for _ in ref)
            if alt == ref:
                continue
            variant = Variant("c", start + 1, ref, alt)
            normal = normalize(variant)
            assert apply(genome, normal) == apply(genome, variant)
            assert normalize(normal) == normal
            assert normal.start <= variant.end <= normalize.spellings_end(normal) + len(ref)
            by_genome.setdefault(apply(genome, variant), set()).add(normal)
    for spellings in by_genome.values():
        simple = {each for each in spellings if min(len(each.ref), len(each.alt)) == 1}
        assert len(simple) <= 1


@pytest.mark.parametrize(
    ("variant", "problem"),
    [
        (("chr1", 1, "A", "T"), "the FASTA holds G"),
        (("chr1", 19, "A", "T"), "an assembly gap"),
        (("chr1", 19, "N", "T"), "assembly gap"),
        (("chr1", 1, "G", "G"), "the same"),
        (("chr1", 1, "G", "*"), "symbolic"),
        (("chr1", 1, "G", "<DEL>"), "symbolic"),
        (("chr1", 1, "G", "."), "symbolic"),
        (("chr1", 1, "G", "A,T"), "more than A, C, G, T"),
        (("chr1", 1, "R", "A"), "more than A, C, G, T"),
        (("chr7", 1, "G", "A"), "no contig"),
        (("chr1", 29, "G", "A"), "outside"),
        (("chr1", 0, "G", "A"), "outside"),
        (("chr1", 27, "CCA", "A"), "outside"),
    ],
)
def test_refused_variants_say_why(normalizer: VariantNormalizer, variant: tuple, problem: str) -> None:
    with pytest.raises(VariantError, match=problem.replace("*", r"\*")) as caught:
        normalizer(Variant(*variant))
    assert caught.value.remedy


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0))
def test_beside_gaps_and_contig_ends_a_spelling_is_the_only_one_or_there_is_none(seed: int) -> None:
    import tempfile

    rng = random.Random(seed)
    genome = "".join(rng.choice(["A", "C", "a", "c", "NNN", "R"]) for _ in range(12))
    with tempfile.TemporaryDirectory() as folder:
        reference = ReferenceGenome(write_fasta(Path(folder) / "genome.fa", {"c": genome}))
        normalize = VariantNormalizer(reference)
        for _ in range(60):
            start = rng.randrange(len(genome))
            ref = genome[start : start + rng.randint(1, 3)].upper()
            alt = rng.choice([ref[:1] + rng.choice(["A", "C", "CA"]) + ref[1:], ref[:1], rng.choice("ACN") * len(ref)])
            try:
                normal = normalize(Variant("c", start + 1, ref, alt))
            except VariantError:
                continue
            assert normalize(normal) == normal
            assert set(normal.ref + normal.alt) <= set("ACGT")
            assert apply(genome.upper(), normal) == genome.upper()[:start] + alt + genome.upper()[start + len(ref) :]


def test_an_insertion_whose_first_place_is_a_gap_is_refused(normalizer: VariantNormalizer) -> None:
    # After NNNN stands CAG: a C more may stand before the first of them, on the last N.
    with pytest.raises(VariantError, match=r"left-aligned it is N>NC at chr1:22"):
        normalizer(Variant("chr1", 23, "C", "CC"))
    assert normalizer(Variant("chr1", 23, "C", "CT")) == Variant("chr1", 23, "C", "CT")
