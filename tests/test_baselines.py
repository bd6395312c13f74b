"""Baselines of dosages: fitted to the train donors of a made cohort, and read back as any model."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from baseline_lab import DONORS, PLANTED, POSITIONS, TEST, TISSUES, TRAIN, Lab, write_lab
from command_line import run
from genome_files import record, write_fasta, write_vcf

from variantformer_hf import ExpressionPredictor, PersonalGenome, ReferenceGenome
from variantformer_hf.errors import InputError
from variantformer_hf.genome import GenotypeOptions
from variantformer_hf.genome.dosages import MISSING
from variantformer_hf.genome.person_dosages import ABSENT, PlacedVariants, person_dosages
from variantformer_hf.training.dosage.fitting import fit_dosages
from variantformer_hf.work import Processes
from variantformer_hf.zoo.dosage.elastic_net import ElasticNetOptions, fit_elastic_net
from variantformer_hf.zoo.dosage.gene_fit import GeneData
from variantformer_hf.zoo.dosage.gene_model import DosageGeneModel
from variantformer_hf.zoo.dosage.recipes import KINDS, recipe_named
from variantformer_hf.zoo.dosage.variants import GeneVariants
from variantformer_hf.zoo.families import load_gene_model


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return write_lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def models(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder a kind."""
    folder = tmp_path_factory.mktemp("models")
    for kind in KINDS:
        fit(lab, kind, folder / kind)
    return {kind: folder / kind for kind in KINDS}


def fit(lab: Lab, kind: str, output: Path, **options: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {} if kind == "mean" else {"radius": 12_000}
    if kind == "forest":
        asked |= {"trees": (20,), "depths": (6,), "least_split": (2,)}
    recipe = recipe_named(kind, **{**asked, **options})
    return fit_dosages(recipe, lab.expression, lab.split, lab.inputs, output, parts=output.with_suffix(".parts"))


def table_of(lab: Lab, folder: Path, donors: tuple[str, ...] = TEST) -> pd.DataFrame:
    predictor = ExpressionPredictor.from_pretrained(folder, device="cpu")
    return predictor.predict(lab.inputs.fasta, lab.inputs.vcf, samples=list(donors))


def values_of(table: pd.DataFrame, gene: str, tissue: str) -> np.ndarray:
    return table.query("gene_name == @gene and tissue == @tissue")["log1p_tpm"].to_numpy(float)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mean"])
def test_a_planted_variant_is_found(lab: Lab, models: dict[str, Path], kind: str) -> None:
    table = table_of(lab, models[kind])
    for gene, (place, _) in PLANTED.items():
        truth = lab.dosage[len(TRAIN) :, place]
        found = values_of(table, gene, "liver")
        assert abs(np.corrcoef(truth, found)[0, 1]) > 0.9
    assert np.corrcoef(lab.dosage[len(TRAIN) :, PLANTED["UP"][0]], values_of(table, "UP", "lung"))[0, 1] < -0.9


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_fitted_says_so(lab: Lab, models: dict[str, Path], kind: str) -> None:
    """FAR has no SNV in reach: the mean of the train donors; DOWN has no value in the second tissue; HELD is no gene
    of the model."""
    table = table_of(lab, models[kind], TEST[:3])
    of_far = table.query("gene_name == 'FAR'")
    assert set(of_far["status"]) == {"no_variants" if kind == "mean" else "no_variants_in_window"}
    expression, number = lab.expression, lab.inputs.genes.genes.index(lab.inputs.genes.get("FAR"))
    samples = expression.samples.to_pandas()
    here = expression.gene == number
    chosen = samples.iloc[expression.sample[here]]
    for tissue in TISSUES:
        mean = expression.value[here][(chosen["donor"].isin(TRAIN) & (chosen["tissue"] == tissue)).to_numpy()].mean()
        np.testing.assert_allclose(values_of(of_far, "FAR", tissue), mean, rtol=1e-5)
    lacking = table.query("gene_name == 'DOWN' and tissue == 'lung'")
    assert set(lacking["status"]) == {"not_fitted"}
    assert lacking["log1p_tpm"].isna().all()
    assert set(table.query("gene_name == 'DOWN' and tissue == 'liver'")["status"]) <= {"ok", "no_variants"}
    assert "HELD" not in set(table["gene_name"])


def test_only_train_donors_are_learned_from(lab: Lab, models: dict[str, Path], tmp_path: Path) -> None:
    """Other genotypes of the test donors, and the fit is the same, bit by bit."""
    other = write_lab(tmp_path / "other", test_seed=1)
    assert (other.dosage[: len(TRAIN)] == lab.dosage[: len(TRAIN)]).all()
    assert (other.dosage != lab.dosage).any()
    for kind in ("top-snp", "elastic-net"):
        fit(other, kind, tmp_path / kind)
        for name in ("model.safetensors", "variants.parquet", "fits.parquet"):
            assert (tmp_path / kind / name).read_bytes() == (models[kind] / name).read_bytes()


def test_variants_and_their_means_are_those_of_the_train_donors(lab: Lab, models: dict[str, Path]) -> None:
    report = json.loads((models["top-snp"] / "report.json").read_text())
    # UP, DOWN: of 55 SNVs those within 12,000 bases, without the one that nobody carries.
    near = [(POSITIONS > 10_000 - 12_000) & (POSITIONS <= 24_000), (POSITIONS > 28_000) & (POSITIONS <= 55_000)]
    assert report["variants_in_windows"]["rare"] == 1
    assert report["variants_in_windows"]["read"] == sum(int(each.sum()) for each in near) - 1
    assert report["people"] == {"fitted": len(TRAIN), "without_genotypes": 0}
    assert report["genes"] == {"fitted": 3, "no_values_to_train_on": 1}
    assert report["genes_x_tissues"] == {"fitted": 3, "no_values": 1, "no_variants_in_window": 2}
    variants = pq.read_table(models["elastic-net"] / "variants.parquet").to_pandas()
    train = lab.dosage[: len(TRAIN)].astype(float)
    train[train < 0] = np.nan
    places = np.searchsorted(POSITIONS, variants["pos"])
    np.testing.assert_allclose(variants["mean_dosage"], np.nanmean(train, axis=0)[places], rtol=1e-6)


def test_the_elastic_net_is_that_of_scikit_learn(lab: Lab, models: dict[str, Path]) -> None:
    """Standardised dosages of the train donors, folds and penalties as documented; then on everybody."""
    from sklearn.linear_model import ElasticNetCV
    from sklearn.model_selection import KFold

    dosage = lab.dosage[:, (POSITIONS <= 24_000) & (np.arange(len(POSITIONS)) != 5)].astype(float)
    dosage[dosage < 0] = np.nan
    mean = np.nanmean(dosage[: len(TRAIN)], axis=0).astype(np.float32).astype(float)
    dosage = np.where(np.isnan(dosage), mean, dosage)
    train, test = dosage[: len(TRAIN)], dosage[len(TRAIN) :]
    expression, samples = lab.expression, lab.expression.samples.to_pandas()
    here = np.flatnonzero(expression.gene == 0)
    of = {(samples["donor"][expression.sample[row]], samples["tissue"][expression.sample[row]]): row for row in here}
    values = np.array([expression.value[of[donor, "liver"]] for donor in TRAIN], dtype=float)
    scale = train.std(axis=0)
    folds = KFold(10, shuffle=True, random_state=0)
    model = ElasticNetCV(l1_ratio=0.5, alphas=100, eps=0.01, cv=folds, max_iter=5_000)
    model.fit((train - train.mean(axis=0)) / scale, values)
    expected = model.predict((test - train.mean(axis=0)) / scale)
    found = values_of(table_of(lab, models["elastic-net"]), "UP", "liver")
    np.testing.assert_allclose(found, expected, atol=1e-4)
    fits = pq.read_table(models["elastic-net"] / "fits.parquet").to_pandas()
    row = fits.query("gene_name == 'UP' and tissue == 'liver'").iloc[0]
    assert row["alpha"] == pytest.approx(model.alpha_)
    assert row["n_variants"] == (model.coef_ != 0).sum()
    assert row["pred_perf_r2"] > 0.8


@pytest.mark.parametrize("h2", [0.0, 0.4])
def test_a_path_that_ends_early_chooses_the_same_penalty(h2: float) -> None:
    from sklearn.linear_model import ElasticNetCV

    rng = np.random.default_rng(3)
    features = rng.binomial(2, 0.4, (80, 150)).astype(float)
    values = rng.normal(size=80) + h2 * 3 * (features[:, 3] - features[:, 77])
    whole = ElasticNetCV(l1_ratio=0.5, alphas=100, eps=0.01, cv=5, max_iter=5_000).fit(features, values)
    for patience in (None, 10):
        found = fit_elastic_net(features, values, ElasticNetOptions(folds=5, patience=patience, seed=None))
        np.testing.assert_allclose(found.coef, whole.coef_, atol=1e-6)
        assert found.alpha == pytest.approx(whole.alpha_)
    constant = fit_elastic_net(features, np.ones(80))
    assert not constant.coef.any()
    np.testing.assert_allclose(constant.predict(features), 1)


def test_a_fit_that_was_cut_short_goes_on_gene_by_gene(lab: Lab, models: dict[str, Path], tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise Stopped

    recipe = recipe_named("top-snp", radius=12_000)
    given = (recipe, lab.expression, lab.split, lab.inputs, tmp_path / "model")
    parts = tmp_path / "model.parts"
    with pytest.raises(Stopped):
        fit_dosages(*given, parts=parts, on_gene=stop)
    assert len(list(parts.rglob("gene-*.safetensors"))) == 2
    assert not (tmp_path / "model").exists()
    with pytest.raises(InputError, match="fitted with other options"):
        fit_dosages(recipe_named("mean"), *given[1:], parts=parts)
    seen: list[int] = []
    fit_dosages(*given, parts=parts, on_gene=lambda done, _: seen.append(done))
    assert seen[0] == 2
    assert not parts.exists()
    for name in ("model.safetensors", "variants.parquet", "fits.parquet"):
        assert (tmp_path / "model" / name).read_bytes() == (models["top-snp"] / name).read_bytes()


@pytest.mark.slow
def test_several_processes_fit_the_same(lab: Lab, models: dict[str, Path], tmp_path: Path) -> None:
    recipe = recipe_named("top-snp", radius=12_000)
    fit_dosages(
        recipe,
        lab.expression,
        lab.split,
        lab.inputs,
        tmp_path / "model",
        parts=tmp_path / "parts",
        engine=Processes(2),
    )
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == (
        models["top-snp"] / "model.safetensors"
    ).read_bytes()


def test_what_is_missing_in_a_person_is_the_mean_of_the_train_donors(
    lab: Lab, models: dict[str, Path], tmp_path: Path
) -> None:
    model = load_gene_model(models["elastic-net"], device="cpu")
    assert isinstance(model, DosageGeneModel)
    donors = TEST[:4]
    predictor, asked = ExpressionPredictor(model), (lab.inputs.fasta, lab.inputs.vcf)
    report = predictor.run(*asked, samples=list(donors)).report
    written = predictor.write_dataset(tmp_path / "dataset", *asked, samples=list(donors)).sample_counts()
    of_dataset = written.groupby("sample").sum(numeric_only=True)
    of_genes = [np.searchsorted(POSITIONS, model.variants.of(number).position + 1) for number in range(3)]
    read = np.concatenate(of_genes)
    near = [(POSITIONS > 10_000 - 12_000) & (POSITIONS <= 24_000), (POSITIONS > 28_000) & (POSITIONS <= 55_000)]
    for donor in donors:
        own = lab.dosage[DONORS.index(donor)]
        new = [
            int((own[here] > 0).sum() - (own[of_gene] > 0).sum()) for here, of_gene in zip(near, of_genes, strict=False)
        ]
        expected = {"dosages": len(read), "dosages_missing": int((own[read] < 0).sum()), "dosages_absent": 0}
        said = report["samples"][donor]
        expected["new_snps"] = sum(new)
        assert {name: said[name] for name in expected} == expected
        assert of_dataset.loc[donor, list(expected)].to_dict() == expected


def test_a_variant_without_a_record_is_known_of_a_file_of_one_person_alone(
    lab: Lab, models: dict[str, Path], tmp_path: Path
) -> None:
    """The planted variant's record is not in the file: of several people nobody was asked, of one it is 0."""
    lines = [record(2_000, "A", "C", "0/1", "0/1")]
    contigs = {"chr1": 60_000, "chr2": 9_000}
    pair = write_vcf(tmp_path / "pair.vcf.gz", lines, contigs=contigs, samples=("P1", "P2"))
    alone = write_vcf(
        tmp_path / "alone.vcf.gz", [line.rpartition("\t")[0] for line in lines], contigs=contigs, samples=("P1",)
    )
    model = load_gene_model(models["top-snp"], device="cpu")
    assert isinstance(model, DosageGeneModel)
    ask: dict[str, Any] = {"genes": ["UP"], "tissues": ["liver"]}
    predictor = ExpressionPredictor(model)
    reference = predictor.predict(lab.inputs.fasta, **ask)["log1p_tpm"][0]
    of_one = predictor.predict(lab.inputs.fasta, alone, **ask)["log1p_tpm"][0]
    assert of_one == pytest.approx(reference, abs=1e-6)
    model.counts.clear()
    of_two = predictor.predict(lab.inputs.fasta, pair, samples=["P1"], **ask)["log1p_tpm"][0]
    assert model.counts["P1"]["absent"] == len(model.variants.of(0))
    weight, mean = model.weights(0), model.variants.of(0).mean  # type: ignore[attr-defined]
    here = weight["gene"] == 0
    expected = reference + float(weight["weight"][here] @ mean[weight["variant"][here]])
    assert of_two == pytest.approx(expected, abs=1e-5)


def test_effects_of_a_gene_that_was_fitted_in_one_tissue(lab: Lab, models: dict[str, Path]) -> None:
    """The planted variant's effect in the one, and no number, and why, in the other."""
    from variantformer_hf.analysis import VariantScorer

    scorer = VariantScorer.from_pretrained(models["top-snp"], device="cpu")
    variant = f"chr1:{POSITIONS[PLANTED['DOWN'][0]]}:A>C"
    table = scorer.score([variant], ReferenceGenome(lab.inputs.fasta), genes="DOWN", zygosity=["hom"])
    found = table.set_index("tissue")
    assert dict(found["status"]) == {"liver": "ok", "lung": "not_fitted"}
    assert found["effect"]["liver"] == pytest.approx(2 * 0.8, abs=0.1)
    assert np.isnan(found["effect"]["lung"])


def test_dosages_of_unusual_records(tmp_path: Path) -> None:
    """Each against what its line says."""
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": "A" * 200}, width=60)
    lines = [
        record(10, "A", "C", "0|1:9"),
        record(20, "A", "C", "./1:9"),
        record(30, "A", "C", "1:9"),
        record(40, "A", "C,G", "1/2:9"),
        record(50, "A", "C", "1/1:9", filters="q10"),
        record(60, "A", "C", "1/1:2"),
        record(70, "A", "G", "1/1:9"),
        record(80, "AA", "A", "1/1:9"),
        record(90, "a", "c", "1/1:9"),
        record(100, "A", "C", "0/0:9"),
    ]
    lines = [line.replace("\tGT\t", "\tGT:GQ\t") for line in lines]
    vcf = write_vcf(tmp_path / "person.vcf.gz", lines, contigs={"chr1": 200})
    position = np.array([9, 19, 29, 39, 39, 49, 59, 69, 79, 89, 99, 109])
    alt = np.array(list("CCCCGCCCCCCC"), dtype=object)
    ref = np.full(len(alt), "A", dtype=object)
    variants = PlacedVariants(ReferenceGenome(fasta), "chr1", position, ref, alt)

    def found(**options: Any) -> list[int]:
        person = PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(**options))
        return person_dosages(person, variants).tolist()

    usual = [1, MISSING, 1, 1, 1, 2, 2, ABSENT, ABSENT, 2, 0, ABSENT]
    assert found() == usual
    assert found(mode="diploid") == usual
    assert found(pass_only=True) == [*usual[:5], MISSING, *usual[6:]]
    assert found(min_gq=5) == [*usual[:6], MISSING, *usual[7:]]
    nothing = person_dosages(PersonalGenome(ReferenceGenome(fasta)), variants)
    assert nothing.tolist() == [0] * len(position)


def test_the_command_line(lab: Lab, models: dict[str, Path], tmp_path: Path) -> None:
    folder = lab.folder
    files = ["--fasta", folder / "genome.fa", "--vcf", folder / "cohort.vcf.gz"]
    fitted = ["--expression", folder / "expression", "--split", folder / "split.json", "--genes", folder / "genes.csv"]
    output = tmp_path / "model"
    done = run("baseline", "fit", "top-snp", *files, *fitted, "--radius", "12000", "-o", output)
    assert done.returncode == 0, done.stderr
    assert "genes: 3 fitted, 1 no_values_to_train_on" in done.stderr
    assert (output / "model.safetensors").read_bytes() == (models["top-snp"] / "model.safetensors").read_bytes()
    table = tmp_path / "table.tsv"
    split = ["--split", folder / "split.json"]
    done = run("baseline", "predict", "top-snp", output, *files, *split, "-o", table)
    assert done.returncode == 0, done.stderr
    expected = table_of(lab, models["top-snp"])
    found = pd.read_csv(table, sep="\t")
    np.testing.assert_allclose(found["log1p_tpm"], expected["log1p_tpm"], rtol=1e-5)
    report = json.loads((tmp_path / "table.tsv.report.json").read_text())
    assert set(report["samples"]) == set(TEST) and all(each["dosages"] > 0 for each in report["samples"].values())


def test_the_reference_baseline_is_what_its_model_says_of_the_reference(
    lab: Lab, models: dict[str, Path], tmp_path: Path
) -> None:
    given = ["--model", models["elastic-net"], "--fasta", lab.inputs.fasta, "-o", tmp_path / "reference"]
    done = run("baseline", "fit", "reference", *given)
    assert done.returncode == 0, done.stderr
    expected = ExpressionPredictor.from_pretrained(models["elastic-net"]).predict(lab.inputs.fasta)
    table = table_of(lab, tmp_path / "reference")
    for gene, tissue in (("UP", "liver"), ("UP", "lung"), ("FAR", "liver"), ("DOWN", "liver")):
        np.testing.assert_allclose(values_of(table, gene, tissue), values_of(expected, gene, tissue)[0], atol=1e-6)
    assert set(table.query("gene_name == 'DOWN' and tissue == 'lung'")["status"]) == {"not_fitted"}


def test_enformer_zero_shot_is_the_track_summed_over_three_bins_of_both_haplotypes_mean(tmp_path: Path) -> None:
    """And refuses a kind, a track and a model that are others."""
    from window_case import plain, window_case

    case = window_case(tmp_path, "enformer")
    made = ["--model", case.model, "--track", "3", "-o", tmp_path / "zero"]
    done = run("baseline", "fit", "enformer-zero-shot", *made)
    assert done.returncode == 0, done.stderr
    table = tmp_path / "table.csv"
    files = ["--fasta", case.fasta, "--vcf", case.vcf]
    done = run("baseline", "predict", "enformer-zero-shot", tmp_path / "zero", *files, "--gene", "PLUS", "-o", table)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(table)
    assert list(found["tissue"]) == ["CAGE:lung (CNhs3)"]
    person = PersonalGenome(ReferenceGenome(case.fasta), case.vcf, options=GenotypeOptions(mode="diploid"))
    expected = plain(load_gene_model(case.model, device="cpu"), person, "PLUS", [3])
    np.testing.assert_allclose(found["track"], expected, rtol=1e-5)
    for asked, said in (
        (["fit", "enformer-zero-shot", *made[:3], "7", "-o", tmp_path / "other"], "has no track '7'"),
        (["predict", "mean", tmp_path / "zero", *files, "-o", tmp_path / "t.csv"], "is of the kind 'enformer-zero"),
        (["predict", "enformer-zero-shot", case.model, *files, "-o", tmp_path / "t.csv"], "and no baseline"),
    ):
        done = run("baseline", *asked)
        assert done.returncode != 0
        assert said in done.stderr
    assert not (tmp_path / "other").exists()


BAD = {
    "no_such_kind": (["fit", "lasso"], "'lasso' is not one of"),
    "files_that_are_needed": (["fit", "mean", "--fasta", "{fasta}"], "needs --vcf, --expression, --split, --genes"),
    "an_option_of_another_kind": (["fit", "mean", "{files}", "--l1-ratio", "0.3"], "has no option --l1-ratio"),
    "a_radius_that_is_none": (["fit", "top-snp", "{files}", "--radius", "-4"], "--radius is -4"),
    "a_gene_that_is_none": (["fit", "top-snp", "{files}", "--gene", "NOPE"], "NOPE"),
    "a_gene_that_is_held_out": (["fit", "mean", "{files}", "--gene", "HELD"], "no gene has a value to train on"),
    "zero_shot_of_nothing": (["fit", "enformer-zero-shot"], "needs --model"),
    "a_fit_without_a_genome": (["fit", "mean", "--seed", "1"], "needs --fasta, --vcf"),
    "a_reference_by_workers": (["fit", "reference", "--model", "x", "--workers", "2"], "has no option --workers"),
    "a_reference_with_genotypes": (["fit", "reference", "{files}", "--model", "x"], "has no option --vcf"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(lab: Lab, tmp_path: Path, case: str) -> None:
    folder = lab.folder
    files = ["--fasta", folder / "genome.fa", "--vcf", folder / "cohort.vcf.gz", "--split", folder / "split.json"]
    files += ["--expression", folder / "expression", "--genes", folder / "genes.csv"]
    asked, said = BAD[case]
    arguments: list[object] = []
    for each in asked:
        arguments += files if each == "{files}" else [each.format(fasta=folder / "genome.fa")]
    done = run("baseline", *arguments, "-o", tmp_path / "out")
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_contig_that_the_genotypes_lack_is_counted(lab: Lab, tmp_path: Path) -> None:
    """Its genes are the mean, and the report says how many."""
    lines = [record(2_000, "A", "C", *(["0/0", "0/1", "1/1"][number % 3] for number in range(len(DONORS))))]
    vcf = write_vcf(tmp_path / "part.vcf.gz", lines, contigs={"chr1": 60_000}, samples=DONORS)
    inputs = replace(lab.inputs, vcf=vcf)
    given = (recipe_named("top-snp", radius=12_000), lab.expression, lab.split, inputs, tmp_path / "model")
    report = fit_dosages(*given, parts=tmp_path / "parts")
    assert report["variants_in_windows"] == {"contig_not_in_vcf": 1, "missing": 0, "rare": 0, "read": 1, "twice": 0}
    fits = pq.read_table(tmp_path / "model" / "fits.parquet").to_pandas().set_index(["gene_name", "tissue"])
    assert fits["status"]["FAR", "liver"] == "no_variants_in_window"
    assert fits["status"]["DOWN", "liver"] == "no_variants_in_window"
    assert fits["status"]["UP", "liver"] == "fitted"


def test_damaged_files_are_named(lab: Lab, models: dict[str, Path], tmp_path: Path) -> None:
    """A gene that is done, whose file was cut; a model's table of variants that is another's."""
    recipe = recipe_named("mean")
    given = (recipe, lab.expression, lab.split, lab.inputs, tmp_path / "model")

    def stop(done: int, total: int) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_dosages(*given, parts=tmp_path / "parts", on_gene=stop)
    cut = sorted(tmp_path.rglob("gene-*.safetensors"))[0]
    cut.write_bytes(cut.read_bytes()[:20])
    with pytest.raises(InputError, match=rf"{cut.name}.*is damaged.*Remove it"):
        fit_dosages(*given, parts=tmp_path / "parts")
    cut.unlink()
    fit_dosages(*given, parts=tmp_path / "parts")
    shutil.copytree(models["elastic-net"], tmp_path / "other")
    shutil.copy(models["mean"] / "variants.parquet", tmp_path / "other")
    with pytest.raises(InputError, match=r"variants.parquet: does not belong to the model"):
        load_gene_model(tmp_path / "other", device="cpu")


def test_a_donors_samples_of_one_tissue_count_as_their_mean() -> None:
    nothing = np.zeros((3, 0))
    person, output = np.array([2, 0, 2, 2]), np.array([0, 0, 0, 1])
    data = GeneData(GeneVariants.nothing(), nothing, person, output, np.array([1.0, 5.0, 2.0, 9.0]), 2)
    people, values = data.of_output(0)
    assert people.tolist() == [0, 2]
    assert values.tolist() == [5.0, 1.5]
    fitted = recipe_named("mean").fit(data)
    assert fitted.arrays["intercept"].tolist() == [3.25, 9.0]


def test_no_other_folder_is_replaced(lab: Lab, models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    command = ["baseline", "fit", "reference", "--model", "x", "--fasta", "y"]
    done = run(*command, "-o", tmp_path / "mine", "--overwrite")
    assert done.returncode != 0
    assert "none of this command's folders" in done.stderr
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "mine"
    shutil.copytree(models["top-snp"], tmp_path / "model")
    given = ["--model", models["elastic-net"], "--fasta", lab.inputs.fasta, "-o", tmp_path / "model", "--overwrite"]
    done = run("baseline", "fit", "reference", *given)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "model" / "config.json").read_text())["kind"] == "reference"


def test_a_file_a_chromosome_is_fitted_as_one_file_is(lab: Lab, models: dict[str, Path], tmp_path: Path) -> None:
    """As a pattern with {contig}, as a glob, and one by one; read so where people are predicted, too."""
    import pysam

    with pysam.VariantFile(str(lab.inputs.vcf)) as file:
        lines = [str(each).rstrip() for each in file]
    contigs = {"chr1": 60_000, "chr2": 9_000}
    for chrom in contigs:
        of_chrom = [line for line in lines if line.startswith(f"{chrom}\t")]
        write_vcf(tmp_path / f"cohort.{chrom}.vcf.gz", of_chrom, contigs=contigs, samples=DONORS)
    one_by_one = [str(tmp_path / f"cohort.{chrom}.vcf.gz") for chrom in contigs]
    options = ["--radius", "12000", "--expression", lab.folder / "expression", "--genes", lab.folder / "genes.csv"]
    split = ["--fasta", lab.inputs.fasta, "--split", lab.folder / "split.json"]
    for number, given in enumerate(([str(tmp_path / "cohort.{contig}.vcf.gz")], [f"{tmp_path}/*.gz"], one_by_one)):
        files = [part for each in given for part in ("--vcf", each)]
        output = tmp_path / f"model{number}"
        done = run("baseline", "fit", "top-snp", *files, *split, *options, "-o", output)
        assert done.returncode == 0, done.stderr
        assert (output / "model.safetensors").read_bytes() == (models["top-snp"] / "model.safetensors").read_bytes()
    table = tmp_path / "table.tsv"
    done = run("baseline", "predict", "top-snp", output, *files, *split, "-o", table)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(
        pd.read_csv(table, sep="\t")["log1p_tpm"], table_of(lab, models["top-snp"])["log1p_tpm"], rtol=1e-5
    )


def test_a_forest_is_fitted_to_log1p_tpm_whatever_the_folder_holds(
    lab: Lab, models: dict[str, Path], tmp_path: Path
) -> None:
    """TPM become log1p TPM; what is no TPM is refused."""
    values = np.expm1(lab.expression.value)
    of_tpm = replace(lab, expression=lab.expression.with_values(tmp_path / "tpm", values, "tpm"))
    report = fit(of_tpm, "forest", tmp_path / "forest")
    assert report["values"] == {"turned from tpm into log1p_tpm": len(lab.expression)}
    for gene in ("UP", "DOWN", "FAR"):
        found, expected = (table_of(lab, folder) for folder in (tmp_path / "forest", models["forest"]))
        np.testing.assert_allclose(values_of(found, gene, "liver"), values_of(expected, gene, "liver"), atol=1e-3)
    normal = replace(lab, expression=lab.expression.with_values(tmp_path / "z", values, "inverse_normal"))
    with pytest.raises(InputError, match="its values are inverse_normal, and a forest is fitted to log1p_tpm"):
        fit(normal, "forest", tmp_path / "other")


def test_names_with_suffixes_are_told_apart(lab: Lab, tmp_path: Path) -> None:
    samples = [f"{donor}-WGS" for donor in DONORS]
    lines = [record(2_000, "A", "C", *["0/1"] * len(samples))]
    vcf = write_vcf(tmp_path / "other.vcf.gz", lines, contigs={"chr1": 60_000, "chr2": 9_000}, samples=samples)

    with pytest.raises(InputError, match=r"D000, D001, D002, the file D000-WGS, D001-WGS, D002-WGS"):
        fit_dosages(
            recipe_named("mean"),
            lab.expression,
            lab.split,
            replace(lab.inputs, vcf=vcf),
            tmp_path / "out",
            parts=tmp_path / "parts",
        )
    assert not (tmp_path / "parts").exists()
