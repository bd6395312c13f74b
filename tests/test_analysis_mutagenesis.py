"""In-silico mutagenesis and knock-outs: each number against a whole prediction."""

import json
from pathlib import Path

import numpy as np
import pytest
from genome_files import record
from safetensors import safe_open
from small_model import TISSUES, SmallWorld

from variantformer_hf import EditedGenome, GenotypeEdit, PersonalGenome, Variant
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.gene_scorer import GeneScorer
from variantformer_hf.analysis.knockout import knockout
from variantformer_hf.analysis.mutagenesis import BASES, Mutagenesis, cre_intervals, mutagenesis
from variantformer_hf.errors import InputError
from variantformer_hf.genome.interval import Interval, reverse_complement
from variantformer_hf.inference.query import RejectedQueryError
from variantformer_hf.report.mutagenesis_files import write_mutagenesis, write_tracks
from variantformer_hf.report.plots import check_plot, knockout_plot, mutagenesis_plot
from variantformer_hf.zoo.gene_regions import GeneSequences, gene_sequences

pytestmark = pytest.mark.usefixtures("one_thread")

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def stretch(world: SmallWorld) -> Interval:
    """Twelve bases of a cCRE of PLUS."""
    start = int(world.regions("PLUS").starts[2]) + 12
    return Interval("chr1", start, start + 12)


@pytest.fixture(scope="module")
def person(world: SmallWorld, stretch: Interval) -> PersonalGenome:
    """Carries a SNP at the third base of the stretch."""
    at = stretch.start + 2
    alt = "A" if world.genome[at] != "A" else "C"
    return world.person([record(at + 1, world.genome[at], alt, "1/1")], "mutated")


@pytest.fixture(scope="module")
def found(scorer: VariantScorer, person: PersonalGenome, stretch: Interval) -> Mutagenesis:
    kinds = ["substitutions", "deletions", "shuffles"]
    return mutagenesis(scorer, person, "PLUS", [stretch], mutations=kinds, shuffle_window=5, n_shuffles=2)[0]


def test_every_number_is_the_difference_of_two_predictions(
    world: SmallWorld, person: PersonalGenome, stretch: Interval, found: Mutagenesis
) -> None:
    assert found.reference == world.genome[stretch.start : stretch.end]
    assert found.tissues == tuple(TISSUES)
    assert found.substitutions.shape == (12, 4, 3)
    assert found.deletions.shape == (12, 3)
    assert found.shuffles.shape == (3, 3)
    base = world.prediction(person, "PLUS")
    np.testing.assert_allclose(found.base, base, atol=2e-5)
    for place, held in enumerate(found.reference):
        for number, letter in enumerate(BASES):
            effect = found.substitutions[place, number]
            variant = Variant("chr1", stretch.start + place + 1, held, letter)
            if letter == held:
                assert (effect == 0).all()
            elif place == 2:
                # The person's own variant: the effect is against the base without it; other letters collide with it.
                carried = world.prediction(person, "PLUS") - world.prediction(PersonalGenome(world.reference), "PLUS")
                if np.isnan(effect).any():
                    assert np.isnan(effect).all()
                else:
                    np.testing.assert_allclose(effect, carried, atol=2e-5)
            else:
                after = world.prediction(EditedGenome(person, [GenotypeEdit(variant, "hom")]), "PLUS")
                np.testing.assert_allclose(effect, after - base, atol=2e-5)
        if place != 2:
            anchor = world.genome[stretch.start + place - 1]
            deletion = Variant("chr1", stretch.start + place, anchor + held, anchor)
            edited = EditedGenome(person, [GenotypeEdit(deletion, "hom")], on_conflict="keep")
            if not np.isnan(found.deletions[place]).any():
                after = world.prediction(edited, "PLUS")
                np.testing.assert_allclose(found.deletions[place], after - base, atol=2e-5)
    assert np.isnan(found.substitutions[2]).all(axis=-1).sum() == 2
    assert np.isnan(found.shuffles[0]).all()  # the window with the person's SNP
    assert np.isfinite(found.shuffles[1:]).all()
    assert (found.shuffles[1] != 0).any()
    assert found.conflicts >= 2


def test_per_base_and_importance_by_hand(stretch: Interval) -> None:
    effects = np.array([[[0.0], [1.0], [-3.0], [2.0]], [[0.5], [np.nan], [0.0], [-0.25]], [[np.nan]] * 4])
    by_hand = Mutagenesis(
        stretch, "G", ("t",), "AGN", effects.astype(np.float32), None, None, 10, np.zeros(1), np.zeros(1), 0
    )
    np.testing.assert_allclose(by_hand.per_base()[:2, 0], [-3.0, 0.5])
    assert np.isnan(by_hand.per_base()[2, 0])
    np.testing.assert_allclose(by_hand.importance()[:, 0], [0.0, -0.125, 0.0])


def test_a_scan_that_was_cut_short_goes_on(
    scorer: VariantScorer,
    person: PersonalGenome,
    stretch: Interval,
    found: Mutagenesis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scorer = VariantScorer(scorer.model, variants_at_once=8)

    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        assert total == 36
        if done >= 16:
            raise Stopped

    parts = tmp_path / "parts"
    with pytest.raises(Stopped):
        mutagenesis(scorer, person, "PLUS", [stretch], on_mutation=stop, parts=parts)
    assert len(list(parts.glob("batch-*.parquet"))) == 2
    scored: list[int] = []
    original = GeneScorer.score

    def counting(self, variants, zygosity, **options):  # type: ignore[no-untyped-def]
        scored.append(len(variants))
        return original(self, variants, zygosity, **options)

    monkeypatch.setattr("variantformer_hf.analysis.gene_scorer.GeneScorer.score", counting)
    again = mutagenesis(scorer, person, "PLUS", [stretch], parts=parts)[0]
    assert sum(scored) == 36 - 16
    np.testing.assert_allclose(again.substitutions, found.substitutions, atol=1e-6)
    with pytest.raises(InputError, match="another run"):
        mutagenesis(scorer, person, "PLUS", [stretch], tissues=["liver"], parts=parts)
    again.remove_parts()
    assert not parts.exists()


def test_files(world: SmallWorld, found: Mutagenesis, tmp_path: Path) -> None:
    path = write_mutagenesis([found], tmp_path / "out.safetensors", {"model": "tiny"})
    with safe_open(path, "np") as file:
        assert set(file.keys()) == {
            f"0.{name}" for name in ("substitutions", "deletions", "shuffles", "log1p_tpm", "noise_floor")
        }
        np.testing.assert_array_equal(file.get_tensor("0.substitutions"), found.substitutions)
        header = json.loads(file.metadata()["variantformer"])
    assert header["model"] == "tiny"
    kept = header["stretches"][0]
    assert (kept["chrom"], kept["start"], kept["end"]) == ("chr1", found.interval.start, found.interval.end)
    assert (kept["bases"], kept["tissues"], kept["reference"]) == ("ACGT", TISSUES, found.reference)

    values = found.per_base()[:, 0]
    tracks = write_tracks([found], tmp_path / "t.bedGraph", world.reference.contigs)
    assert [track.name for track in tracks] == ["t.whole_blood.bedGraph", "t.liver.bedGraph", "t.thyroid.bedGraph"]
    lines = [line.split("\t") for line in tracks[0].read_text().splitlines()[1:]]
    assert [int(line[1]) for line in lines] == list(range(found.interval.start, found.interval.end))
    np.testing.assert_allclose([float(line[3]) for line in lines], values, rtol=1e-5)

    pyBigWig = pytest.importorskip("pyBigWig")
    tracks = write_tracks([found], tmp_path / "t.bw", world.reference.contigs)
    with pyBigWig.open(str(tracks[0])) as file:
        assert file.chroms() == {"chr1": world.reference.contigs["chr1"]}
        np.testing.assert_allclose(file.values("chr1", found.interval.start, found.interval.end), values, rtol=1e-6)
    with pytest.raises(InputError, match="no track"):
        write_tracks([found], tmp_path / "t.txt", world.reference.contigs)


def test_plots(scorer: VariantScorer, person: PersonalGenome, found: Mutagenesis, tmp_path: Path) -> None:
    pytest.importorskip("logomaker")
    assert mutagenesis_plot(found, "liver", tmp_path / "m.png").read_bytes().startswith(PNG)
    table = knockout(scorer, person, "PLUS", tissues=["liver"])
    assert knockout_plot(table, "liver", tmp_path / "k.png").read_bytes().startswith(PNG)
    check_plot(tmp_path / "m.png", logo=True)
    with pytest.raises(InputError, match="no image"):
        check_plot(tmp_path / "m.txt")


def test_bad_requests(world: SmallWorld, scorer: VariantScorer, person: PersonalGenome, stretch: Interval) -> None:
    with pytest.raises(InputError, match="in no cCRE"):
        mutagenesis(scorer, person, "PLUS", [Interval("chr1", 5_990, 5_995)])
    with pytest.raises(InputError, match="no mutation 'inversions'"):
        mutagenesis(scorer, person, "PLUS", [stretch], mutations=["inversions"])
    with pytest.raises(InputError, match="more than 100,000"):
        mutagenesis(scorer, person, "PLUS", [Interval("chr1", 0, 200_000)])
    with pytest.raises(RejectedQueryError):
        mutagenesis(scorer, person, "NOBODY", [stretch])
    with pytest.raises(InputError, match="no cCRE of PLUS"):
        cre_intervals(scorer, person, "PLUS", ["E1"])
    with pytest.raises(InputError, match="no knock-out 'invert'"):
        knockout(scorer, person, "PLUS", how="invert")


def test_cres_by_name(world: SmallWorld, scorer: VariantScorer, person: PersonalGenome) -> None:
    regions = world.regions("PLUS")
    name = scorer.model.cre_names(regions)[1]
    interval = cre_intervals(scorer, person, "PLUS", [name])[0]
    assert interval == Interval("chr1", int(regions.starts[1]) + 10, int(regions.ends[1]) - 10)
    assert name == f"E{interval.start}"


@pytest.mark.parametrize("gene", ["PLUS", "MINUS"])
def test_a_dropped_cre_is_a_prediction_without_it(
    world: SmallWorld, scorer: VariantScorer, person: PersonalGenome, gene: str
) -> None:
    table = knockout(scorer, person, gene)
    regions, base = world.regions(gene), world.prediction(person, gene)
    assert len(table) == len(regions.starts) * len(TISSUES)
    for index in range(len(regions.starts)):
        rows = table.iloc[index * len(TISSUES) : (index + 1) * len(TISSUES)]
        assert rows["start"].iloc[0] == regions.starts[index] + 10
        after = world.prediction(person, gene, without=index)
        np.testing.assert_allclose(rows["effect"], after - base, atol=2e-5)
        np.testing.assert_allclose(rows["log1p_tpm_without"], after, atol=2e-5)
    middle = (table["start"] + table["end"]) // 2
    expected = middle - 1800 if gene == "PLUS" else 3599 - middle
    assert (table["tss_distance"] == expected).all()
    assert set(table.loc[table["in_window"], "cre_id"]) == {
        name
        for name, start, end in zip(scorer.model.cre_names(regions), regions.starts, regions.ends, strict=True)
        if start < regions.window.end and end > regions.window.start
    }


def test_a_shuffled_cre_has_the_same_bases(world: SmallWorld, scorer: VariantScorer, person: PersonalGenome) -> None:
    table = knockout(scorer, person, "MINUS", how="shuffle", n_shuffles=2, seed=3)
    again = knockout(scorer, person, "MINUS", how="shuffle", n_shuffles=2, seed=3)
    np.testing.assert_array_equal(table["effect"], again["effect"])
    assert (table["effect_sd"] > 0).any()
    regions = world.regions("MINUS")
    found = gene_sequences(regions, person.sequences)
    rng = np.random.default_rng(3)
    base, effects = world.prediction(person, "MINUS"), []
    letters = np.array(list(reverse_complement(person.sequence("chr1", int(regions.starts[0]), int(regions.ends[0])))))
    for _ in range(2):
        shuffled = "".join(letters[rng.permutation(len(letters))])
        sequences = GeneSequences([shuffled, *found.cre_sequences[1:]], found.cre_class_ids, found.gene_sequence)
        effects.append(world.predictor.model.predict_gene(sequences, range(len(TISSUES)))[0] - base)
    np.testing.assert_allclose(table["effect"][: len(TISSUES)], np.mean(effects, axis=0), atol=2e-5)
    np.testing.assert_allclose(table["effect_sd"][: len(TISSUES)], np.std(effects, axis=0, ddof=1), atol=2e-5)
