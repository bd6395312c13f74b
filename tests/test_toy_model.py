"""The zoo's second tenant: whatever is asked of it has an answer that is written out here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from gene_model_tests import Case, GeneModelTests
from genome_files import record, write_vcf
from toy_case import GENES, TISSUES, answer, oriented, toy_case, window_of
from toy_model import TOY, ToyConfig, ToyForExpression, ToyGeneModel

from variantformer_hf import ExpressionPredictor, PersonalGenome, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.errors import InputError
from variantformer_hf.zoo import families
from variantformer_hf.zoo.gene_model import GeneModel


@pytest.fixture(scope="module", autouse=True)
def family() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "_FAMILIES", dict(families._FAMILIES))
        families.register_family(TOY)
        yield


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return toy_case(tmp_path_factory.mktemp("toy"))


class TestToy(GeneModelTests):
    """What every model passes."""

    epochs = 90


@pytest.fixture(scope="module")
def model(case: Case) -> GeneModel:
    return families.load_gene_model(case.model, device="cpu")


def change(gene: str, position: int, base: str, sequence: str, output: int) -> float:
    """What a base at a position (from 1, forward) does to a window's sequence, by the definition."""
    start, end = window_of(gene)
    forward = oriented(sequence, gene)
    edited = forward[: position - 1 - start] + base + forward[position - start :]
    assert start < position <= end
    return answer(oriented(edited, gene), output) - answer(sequence, output)


def reference_window(case: Case, gene: str) -> str:
    sequence = ReferenceGenome(case.fasta).sequence("chr1", *window_of(gene)).upper()
    return oriented(sequence, gene)


def test_the_model_is_short() -> None:
    path = Path(__file__).with_name("toy_model.py")
    assert len(path.read_text().splitlines()) <= 100


@pytest.mark.parametrize("gene", GENES)
def test_predictions_of_the_reference(case: Case, model: GeneModel, gene: str) -> None:
    table = ExpressionPredictor(model).predict(case.fasta, genes=[gene])
    sequence = reference_window(case, gene)
    assert len(sequence) == 20
    np.testing.assert_allclose(table["expression"], [answer(sequence, output) for output in (0, 1)], atol=1e-5)
    assert list(table.columns) == ["sample", "gene_id", "gene_name", "tissue", "expression", "status", "reason"]


def test_haplotypes_and_codes(case: Case, model: GeneModel) -> None:
    """The person has 0|1 at base 495, in the window of PLUS: the code reads as half of both haplotypes."""
    predictor = ExpressionPredictor(model)
    values = {
        mode: predictor.predict(case.fasta, case.vcf, genes=["PLUS"], tissues=["lung"], mode=mode)["expression"][0]
        for mode in model.modes
    }
    reference = reference_window(case, "PLUS")
    alt = {"A": "C", "C": "A", "G": "T", "T": "G"}[reference[494 - 490]]
    assert values["haplotype1"] == pytest.approx(answer(reference, 1), abs=1e-5)
    effect = change("PLUS", 495, alt, reference, 1)
    assert abs(effect) > 0.1
    assert values["haplotype2"] - values["haplotype1"] == pytest.approx(effect, abs=1e-5)
    assert values["iupac"] == pytest.approx((values["haplotype1"] + values["haplotype2"]) / 2, abs=1e-5)


@pytest.mark.parametrize("gene", GENES)
def test_every_variant_of_the_window_has_the_effect_of_its_weights(case: Case, model: GeneModel, gene: str) -> None:
    sequence, start = reference_window(case, gene), window_of(gene)[0]
    forward = oriented(sequence, gene)
    variants = [
        f"chr1:{start + place + 1}:{held}>{base}"
        for place, held in enumerate(forward)
        for base in "ACGT"
        if base != held
    ]
    assert len(variants) == 60
    table = VariantScorer(model).score(variants, ReferenceGenome(case.fasta), genes=gene)
    assert len(table) == 60 * 2 * 2
    for row in table.itertuples():
        expected = change(gene, row.pos, row.alt, sequence, ("liver", "lung").index(row.tissue))
        share = 0.5 if row.zygosity == "het" else 1
        assert row.effect == pytest.approx(share * expected, abs=1e-5)
        assert row.expression_alt - row.expression_ref == pytest.approx(row.effect, abs=1e-6)
    assert "log2fc_tpm" not in table.columns
    assert "released_score" not in table.columns


def test_an_indel_moves_what_stands_behind_it(case: Case, model: GeneModel) -> None:
    """A base that is lost at place 4 of the window: all behind it move up, and nothing stands at the last place."""
    sequence, start = reference_window(case, "PLUS"), window_of("PLUS")[0]
    ref = sequence[3:5]
    table = VariantScorer(model).score(
        [f"chr1:{start + 4}:{ref}>{ref[0]}"], ReferenceGenome(case.fasta), genes="PLUS", zygosity=["hom"]
    )
    without = sequence[:4] + sequence[5:]
    expected = [answer(without, output) - answer(sequence, output) for output in (0, 1)]
    np.testing.assert_allclose(table["effect"], expected, atol=1e-5)


def test_effects_beside_the_persons_own_variant(case: Case, model: GeneModel) -> None:
    """Weights add up, so that an effect is the same whatever else the person carries."""
    person = PersonalGenome(ReferenceGenome(case.fasta), case.vcf)
    scorer = VariantScorer(model)
    mine, plain = (scorer.score(case.variants, genome, genes="PLUS") for genome in (person, person.reference))
    np.testing.assert_allclose(mine["effect"], plain["effect"], atol=1e-5)
    assert (mine["expression_ref"] - plain["expression_ref"]).abs().min() > 0.05


def test_mutagenesis_is_the_matrix_of_weights(case: Case, model: GeneModel) -> None:
    from variantformer_hf.analysis.mutagenesis import mutagenesis
    from variantformer_hf.genome.interval import Interval

    start, end = window_of("MINUS")
    sequence = reference_window(case, "MINUS")
    person = PersonalGenome(ReferenceGenome(case.fasta))
    (found,) = mutagenesis(VariantScorer(model), person, "MINUS", [Interval("chr1", start, end)])
    assert found.substitutions is not None
    for place in range(20):
        for number, base in enumerate("ACGT"):
            for output in (0, 1):
                expected = change("MINUS", start + place + 1, base, sequence, output)
                assert found.substitutions[place, number, output] == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(found.base, [answer(sequence, output) for output in (0, 1)], atol=1e-5)


def test_counterfactual(case: Case, model: GeneModel) -> None:
    """The carrier's variant taken away: on one haplotype, so that half of its weights go."""
    from variantformer_hf.analysis.counterfactual import counterfactual
    from variantformer_hf.genome import GenotypeEdit, Variant

    reference = reference_window(case, "PLUS")
    held = reference[4]
    alt = {"A": "C", "C": "A", "G": "T", "T": "G"}[held]
    person = PersonalGenome(ReferenceGenome(case.fasta), case.vcf)
    edit = GenotypeEdit(Variant("chr1", 495, held, alt), "absent")
    found = counterfactual(VariantScorer(model), [person], [edit], ["PLUS"])
    expected = [-change("PLUS", 495, alt, reference, output) / 2 for output in (0, 1)]
    np.testing.assert_allclose(found.table["effect"], expected, atol=1e-5)
    np.testing.assert_allclose(found.table["expression_edited"], [answer(reference, n) for n in (0, 1)], atol=1e-5)
    assert found.table["embedding_shift"].isna().all()


def test_a_toy_of_log1p_tpm_has_the_documented_columns(tmp_path: Path) -> None:
    case = toy_case(tmp_path, unit="log1p_tpm")
    model = families.load_gene_model(case.model, device="cpu")
    table = ExpressionPredictor(model).predict(case.fasta, genes=["PLUS"])
    assert isinstance(model, ToyGeneModel)
    np.testing.assert_allclose(table["tpm"], np.expm1(table["log1p_tpm"]), rtol=1e-6)
    effects = VariantScorer(model).score(case.variants, ReferenceGenome(case.fasta), genes="PLUS", zygosity=["hom"])
    after, before = np.expm1(effects["log1p_tpm_alt"].astype(float)), np.expm1(effects["log1p_tpm_ref"].astype(float))
    known = (after > 0) & (before > 0)
    np.testing.assert_allclose(effects["log2fc_tpm"][known], np.log2(after / before)[known], atol=1e-4)


def test_the_table_of_a_z_score_is_finite_where_no_tpm_would_be(case: Case, model: GeneModel) -> None:
    """A value below 0 is no TPM, and a prediction like any other."""
    table = pd.concat(
        [ExpressionPredictor(model).predict(case.fasta, genes=[gene]) for gene in GENES], ignore_index=True
    )
    assert set(table["status"]) == {"ok"}
    assert np.isfinite(table["expression"]).all()


def with_config(model: GeneModel, kind: type[ToyGeneModel] = ToyGeneModel, **changes: Any) -> ToyGeneModel:
    """The toy as a class of models has it, its config changed; nothing of it is on disk."""
    network = ToyForExpression(ToyConfig(window=20, tissues=list(TISSUES), unit="inverse_normal"))
    network.load_state_dict(model.network.state_dict())
    for name, value in changes.items():
        setattr(network.config, name, value)
    return kind(network, model.gene_table, device="cpu")


def test_a_model_that_reads_haplotypes_only(case: Case, model: GeneModel) -> None:
    """Nobody needs to name its mode for a reference genome."""

    class OfHaplotypes(ToyGeneModel):
        modes: tuple[str, ...] = ("haplotype1", "haplotype2")

    reference, scorer = ReferenceGenome(case.fasta), VariantScorer(with_config(model, OfHaplotypes))
    expected = VariantScorer(model).score(case.variants, reference, genes="PLUS", zygosity=["hom"])
    found = scorer.score(case.variants, reference, genes="PLUS", zygosity=["hom"])
    pd.testing.assert_frame_equal(found, expected)
    one = scorer.score(case.variants, reference, genes="PLUS", zygosity=["haplotype1"])
    other = scorer.score(case.variants, reference, genes="PLUS", zygosity=["haplotype2"])
    np.testing.assert_array_equal(one["effect"], expected["effect"])
    assert (other["effect"] == 0).all()


@pytest.mark.parametrize("unit", [None, "", 3])
def test_a_model_says_its_unit(model: GeneModel, unit: object) -> None:
    with pytest.raises(InputError, match="of the type 'toy' does not say in what unit it predicts"):
        with_config(model, unit=unit)


@pytest.mark.parametrize("tissues", [None, [], [None, None]])
def test_a_model_names_what_it_is_asked_for(case: Case, model: GeneModel, tissues: object) -> None:
    nameless, reference = with_config(model, tissues=tissues), ReferenceGenome(case.fasta)
    with pytest.raises(InputError, match="the model names none of its outputs"):
        ExpressionPredictor(nameless).predict(case.fasta)
    with pytest.raises(InputError, match="the model names none of its outputs"):
        VariantScorer(nameless).score(case.variants, reference, genes="PLUS")


def test_a_chromosome_that_the_model_was_not_made_for(case: Case, model: GeneModel) -> None:
    """Its genes are left out by predictions and effects alike, whether they are named or found."""
    other, reference = with_config(model, chromosomes=["2"]), ReferenceGenome(case.fasta)
    with pytest.raises(InputError, match="no gene is left to predict"):
        ExpressionPredictor(other).predict(case.fasta)
    for genes in ("overlapping", "PLUS"):
        with pytest.raises(InputError, match="it was trained on the chromosomes 2"):
            VariantScorer(other).score(case.variants, reference, genes=genes)


def test_where_memory_ran_out_the_next_batch_is_smaller(case: Case, model: GeneModel) -> None:
    small = with_config(model)
    opened = small.open(ReferenceGenome(case.fasta))
    person = PersonalGenome(opened.reference)
    inputs = [opened.read(person, opened.finder.find(gene)) for gene in small.gene_table] * 8
    expected = opened.predict(inputs, [0, 1])
    sizes, forward = [], small.network.forward

    def of_little_memory(bases: torch.Tensor, outputs: torch.Tensor, **options: Any) -> Any:
        sizes.append(len(bases))
        if len(bases) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(bases, outputs, **options)

    small.network.forward = of_little_memory
    for found, wanted in zip(opened.predict(inputs, [0, 1]), expected, strict=True):
        np.testing.assert_array_equal(found.values, wanted.values)
    assert sizes == [8, 4, 2, 2, 4, 2, 2, 4, 2, 2, 2, 2]


def test_a_gene_that_is_not_known_has_no_effect_anywhere_and_not_zero(
    case: Case, model: GeneModel, tmp_path: Path
) -> None:
    from variantformer_hf.analysis.mutagenesis import mutagenesis
    from variantformer_hf.genome.interval import Interval

    held = reference_window(case, "PLUS")[4]
    unknown = record(495, held, {"A": "C", "C": "A", "G": "T", "T": "G"}[held], "./.")
    vcf = write_vcf(tmp_path / "unknown.vcf.gz", [unknown], contigs={"chr1": 2_000})
    person = PersonalGenome(ReferenceGenome(case.fasta), vcf)
    stretch = Interval("chr1", 494, 497)
    (found,) = mutagenesis(VariantScorer(model), person, "PLUS", [stretch], allow_unused=True)
    assert found.status == "all_skipped"
    assert found.substitutions is not None
    assert np.isnan(found.substitutions).all()


def test_a_scorer_keeps_a_genome_until_its_file_is_another(case: Case, model: GeneModel, tmp_path: Path) -> None:
    fasta = tmp_path / "genome.fa"
    fasta.write_bytes(case.fasta.read_bytes())
    scorer = VariantScorer(model)
    first = scorer.open(ReferenceGenome(fasta))
    assert scorer.open(ReferenceGenome(fasta)) is first
    lines = fasta.read_text().splitlines()
    fasta.write_text("\n".join([lines[0], *(line[::-1] for line in lines[1:])]) + "\n")
    assert scorer.open(ReferenceGenome(fasta)) is not first
