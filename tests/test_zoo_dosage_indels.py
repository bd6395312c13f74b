"""Models of dosages that hold insertions and deletions, and effects beside their weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from genome_files import record, write_fasta, write_vcf

from variantformer_hf.analysis import VariantScorer
from variantformer_hf.errors import InputError
from variantformer_hf.genome import PersonalGenome, ReferenceGenome
from variantformer_hf.genome.dosages import MISSING
from variantformer_hf.genome.genes import Gene
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.person_dosages import ABSENT, PlacedVariants, person_dosages
from variantformer_hf.inference.predictor import ExpressionPredictor
from variantformer_hf.zoo.dosage.fitted_model import fitted_model
from variantformer_hf.zoo.dosage.gene_fit import GeneFit
from variantformer_hf.zoo.dosage.gene_model import LinearDosageGeneModel
from variantformer_hf.zoo.dosage.recipes import recipe_named
from variantformer_hf.zoo.dosage.variants import GeneVariants
from variantformer_hf.zoo.gene_fits import FITTED

# From 1: a run of A at 11 to 16, CT three times at 41 to 46.
SEQUENCE = "CGTGCATGCG" + "AAAAAA" + "CGTGCATGCGTCGATCGGTCGATG" + "CTCTCT" + "GCATGCATGGCATTGCAAGCTTGGCAGCTTAG" * 4
# A deletion of one A, an insertion of CT, an SNV, a deletion of TTGG, an exchange of two bases.
VARIANTS = [(9, "GA", "G"), (39, "G", "GCT"), (60, "G", "A"), (65, "CTTGG", "C"), (80, "AT", "CC")]


def placed(reference: ReferenceGenome) -> PlacedVariants:
    position, ref, alt = zip(*VARIANTS, strict=True)
    for start, letters, _ in VARIANTS:
        assert reference.sequence("chr1", start, start + len(letters)) == letters
    return PlacedVariants(
        reference, "chr1", np.array(position), np.array(ref, dtype=object), np.array(alt, dtype=object)
    )


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> ReferenceGenome:
    return ReferenceGenome(write_fasta(tmp_path_factory.mktemp("genome") / "genome.fa", {"chr1": SEQUENCE}, width=60))


def person(reference: ReferenceGenome, folder: Path, lines: Sequence[str], **options: object) -> PersonalGenome:
    path = write_vcf(folder / "person.vcf.gz", list(lines), contigs={"chr1": len(SEQUENCE)})
    return PersonalGenome(reference, path, options=GenotypeOptions(mode="diploid", **options))


def test_copies_are_found_however_a_variant_is_spelt(reference: ReferenceGenome, tmp_path: Path) -> None:
    """Each as a caller may write it: exactly; shifted to the right; padded; among several ALTs; in one line."""
    for number, (lines, expected) in enumerate(
        (
            ([record(10, "GA", "G", "0|1")], [1, ABSENT, ABSENT, ABSENT, ABSENT]),
            ([record(15, "AA", "A", "1|1")], [2, ABSENT, ABSENT, ABSENT, ABSENT]),
            ([record(10, "GAA", "GA", "1|0")], [1, ABSENT, ABSENT, ABSENT, ABSENT]),
            ([record(46, "T", "TCT", "0|1")], [ABSENT, 1, ABSENT, ABSENT, ABSENT]),
            ([record(40, "G", "GCT,GCTCT", "1|2")], [ABSENT, 1, ABSENT, ABSENT, ABSENT]),
            ([record(61, "GC", "AC,G", "1|1")], [ABSENT, ABSENT, 2, ABSENT, ABSENT]),
            ([record(66, "CTTGG", "C", ".|1"), record(81, "AT", "CC", "1|0")], [ABSENT] * 3 + [MISSING, 1]),
            ([record(12, "AA", "AG", "1|1"), record(66, "CTTGG", "C", "0|0")], [ABSENT] * 3 + [0, ABSENT]),
            ([record(10, "GAA", "G", "1|1")], [ABSENT] * 5),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert person_dosages(person(reference, folder, lines), placed(reference)).tolist() == expected, lines


def test_options_leave_indels_out_as_they_do_snvs(reference: ReferenceGenome, tmp_path: Path) -> None:
    lines = [record(10, "GA", "G", "0|1", filters="q10"), record(66, "CTTGG", "C", "1|1")]
    found = person_dosages(person(reference, tmp_path, lines, pass_only=True), placed(reference))
    assert found.tolist() == [MISSING, ABSENT, ABSENT, 2, ABSENT]


@pytest.fixture
def model() -> LinearDosageGeneModel:
    """One gene, two outputs; the second variant has an effect alone, the last ones a weight alone."""
    position, ref, alt = zip(*VARIANTS, strict=True)
    variants = GeneVariants(
        np.array(position),
        np.array(ref, dtype=object),
        np.array(alt, dtype=object),
        np.full(5, 0.5, dtype=np.float32),
    )
    arrays = {
        "weight": np.array([[0.5, 0, -1, 2, 0.25], [0, 0, 0, 0, 4]], dtype=np.float32),
        "effect": np.array([[0.4, 0.1, -0.9, 2.1, np.nan], [0, np.nan, 0.3, np.nan, np.nan]], dtype=np.float32),
        "intercept": np.array([1.0, 2.0]),
        "fitted": np.array([True, True]),
    }
    rows = [{"output": output, "status": FITTED, "n_people": 10} for output in (0, 1)]
    gene = Gene("ENSG1", "ONE", "chr1", 50, 100, "+")
    fit = GeneFit(variants, arrays, rows, 5)
    recipe = recipe_named("elastic-net", radius=60)
    made = fitted_model(recipe, [gene], [fit], tissues=["liver", "lung"], unit="log1p_tpm", assembly=None)
    assert isinstance(made, LinearDosageGeneModel)
    return made


def test_a_folder_keeps_alleles_and_effects(model: LinearDosageGeneModel, tmp_path: Path) -> None:
    model.save(tmp_path / "weights")
    loaded = LinearDosageGeneModel.load(tmp_path / "weights")
    assert loaded.companions() == model.companions()
    assert loaded.variants.of(0).ref.tolist() == [ref for _, ref, _ in VARIANTS]
    found = loaded.weights(0)
    assert found["variant"].tolist() == [0, 2, 3, 4]
    np.testing.assert_array_equal(found["weight"], np.float32([0.5, -1, 2, 0.25]))
    np.testing.assert_array_equal(found["effect"], np.float32([0.4, -0.9, 2.1, np.nan]))
    effects = loaded.effects(1)
    assert effects["variant"].tolist() == [0, 2]
    np.testing.assert_array_equal(effects["effect"], np.float32([0, 0.3]))


def test_people_and_effects_are_predicted_with_indels(
    model: LinearDosageGeneModel, reference: ReferenceGenome, tmp_path: Path
) -> None:
    """1 + 0.5 + 2 x 2, and an edit of the deletion in the run of A, spelt at its end."""
    model.save(tmp_path / "weights")
    lines = [record(10, "GA", "G", "0|1"), record(66, "CTTGG", "C", "1|1")]
    path = write_vcf(tmp_path / "person.vcf.gz", lines, contigs={"chr1": len(SEQUENCE)})
    predictor = ExpressionPredictor.from_pretrained(tmp_path / "weights")
    table = predictor.predict(reference.path, path)
    np.testing.assert_allclose(table["log1p_tpm"], [1 + 0.5 + 4, 2], atol=1e-6)
    genome = PersonalGenome(reference, path, options=GenotypeOptions(mode="diploid"))
    scorer = VariantScorer.from_pretrained(tmp_path / "weights")
    scored = scorer.score(["chr1:15:AA:A", "chr1:61:G:A"], genome, genes=["ONE"], tissues=["liver"])
    np.testing.assert_allclose(scored["effect"], [0.5, 1.0, -1, -2], atol=1e-6)
    assert scored["status"].tolist() == ["ok"] * 4


def test_alleles_that_are_no_bases_are_refused(model: LinearDosageGeneModel, tmp_path: Path) -> None:
    model.variants.all.alt[0] = "<DEL>"
    with pytest.raises(InputError, match="not made of bases"):
        model.save(tmp_path / "weights")
        LinearDosageGeneModel.load(tmp_path / "weights")


def test_variants_twice_or_out_of_order_are_no_places(reference: ReferenceGenome) -> None:
    texts = np.array(["A", "A"], dtype=object)
    for position in ([5, 5], [6, 5]):
        with pytest.raises(ValueError, match="not in order"):
            PlacedVariants(reference, "chr1", np.array(position), texts, texts)
