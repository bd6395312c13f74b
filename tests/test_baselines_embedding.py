"""Baselines of vectors: fitted to the train donors of a made cohort, and read back as any model."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from baseline_lab import DONORS, PLANTED, TEST, TRAIN, Lab, write_lab
from command_line import run
from safetensors.numpy import load_file, save_file

from variantformer_hf import ExpressionPredictor
from variantformer_hf.data.splits import Split
from variantformer_hf.errors import InputError
from variantformer_hf.genome import GeneTable
from variantformer_hf.training.embedding.embedded_pairs import EmbeddingInputs
from variantformer_hf.training.embedding.heads import fit_heads
from variantformer_hf.training.embedding.nets import fit_nets
from variantformer_hf.training.embedding.options import HeadsOptions
from variantformer_hf.work import Processes
from variantformer_hf.zoo.embedding.net_recipe import NetRecipe
from variantformer_hf.zoo.embedding_table import EmbeddingTable
from variantformer_hf.zoo.families import load_gene_model

pytestmark = pytest.mark.usefixtures("one_thread")

WIDTH = 24
QUICK = {"hidden": (32, 32, 16), "epochs": 12, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return write_lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def vectors(lab: Lab) -> Path:
    return write_vectors(lab, lab.folder / "vectors.safetensors")


def write_vectors(lab: Lab, path: Path, *, donors: tuple[str, ...] = DONORS, **described: Any) -> Path:
    """Of each donor and gene: what kind of gene it is, and its planted dosage, each along a line of its own, and noise.

    The last donor to be trained on has none of UP.
    """
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(8, WIDTH))
    vectors, rows = [], ["sample\tgene_id\tstatus"]
    for number, donor in enumerate(DONORS):
        for place, gene in enumerate(lab.inputs.genes):
            noise = rng.normal(0, 0.05, WIDTH)
            if donor not in donors:
                continue
            dosage = lab.dosage[number, PLANTED[gene.gene_name][0]] if gene.gene_name in PLANTED else 0
            is_lacking = donor == TRAIN[-1] and gene.gene_name == "UP"
            vectors.append(3 * directions[place] + dosage * directions[place + 4] + noise)
            rows.append(f"{donor}\t{gene.gene_id}\t{'gene_deleted' if is_lacking else 'ok'}")
    metadata = {"variantformer": json.dumps(described)} if described else None
    save_file({"embedding": np.array(vectors, dtype=np.float32)}, path, metadata)
    path.with_suffix(".tsv").write_text("\n".join(rows) + "\n")
    return path


def inputs_of(lab: Lab, vectors: Path, **changes: Any) -> EmbeddingInputs:
    return replace(EmbeddingInputs(EmbeddingTable(vectors, "Make it."), lab.inputs.genes), **changes)


def table_of(lab: Lab, model: Path, vectors: Path, donors: tuple[str, ...] = TEST) -> pd.DataFrame:
    predictor = ExpressionPredictor.from_pretrained(model, device="cpu", variant_embeddings=vectors)
    return predictor.predict(lab.inputs.fasta, lab.inputs.vcf, samples=list(donors))


def values_of(table: pd.DataFrame, gene: str, tissue: str) -> np.ndarray:
    return table.query("gene_name == @gene and tissue == @tissue")["log1p_tpm"].to_numpy(float)


@pytest.fixture(scope="module")
def heads(lab: Lab, vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    given = (HeadsOptions(**QUICK), lab.expression, lab.split, inputs_of(lab, vectors), folder / "heads")
    fit_heads(*given, parts=folder / "parts")
    return folder / "heads"


def test_heads_find_a_planted_variant(lab: Lab, vectors: Path, heads: Path) -> None:
    table = table_of(lab, heads, vectors)
    for gene, (place, _) in PLANTED.items():
        truth = lab.dosage[len(TRAIN) :, place]
        assert abs(np.corrcoef(truth, values_of(table, gene, "liver"))[0, 1]) > 0.9
    assert np.corrcoef(lab.dosage[len(TRAIN) :, PLANTED["UP"][0]], values_of(table, "UP", "lung"))[0, 1] < -0.9
    assert set(table["status"]) <= {"ok", "no_variants", "unseen_gene"}
    assert set(table.query("gene_name == 'HELD'")["status"]) <= {"unseen_gene"}


@pytest.mark.slow
def test_heads_learn_64_pairs_by_heart(lab: Lab, tmp_path: Path) -> None:
    """Numbers that have nothing to do with the vectors: what is predicted of the pairs is what was given."""
    rng, few = np.random.default_rng(0), DONORS[:32]
    values = rng.normal(0, 1, len(lab.expression)).astype(np.float32)
    expression = lab.expression.with_values(tmp_path / "values", values, "inverse_normal")
    kept = {gene.gene_id: "train" if gene.gene_name in ("UP", "FAR") else "test" for gene in lab.inputs.genes}
    split = Split({"LAB": {donor: "train" if donor in few else "test" for donor in DONORS}}).with_genes(kept)
    vectors = tmp_path / "vectors.safetensors"
    rows = [f"{donor}\t{gene.gene_id}" for donor in few for gene in lab.inputs.genes]
    save_file({"embedding": rng.normal(0, 1, (len(rows), 64)).astype(np.float32)}, vectors)
    vectors.with_suffix(".tsv").write_text("\n".join(["sample\tgene_id", *rows]) + "\n")
    options = HeadsOptions(hidden=(64, 64, 32), dropout=0.0, epochs=25, batch_size=4, learning_rate=3e-3)
    report = fit_heads(
        options, expression, split, inputs_of(lab, vectors), tmp_path / "heads", parts=tmp_path / "parts"
    )
    assert report["genes_x_people"]["fitted"] == 64
    table = table_of(lab, tmp_path / "heads", vectors, few)
    samples, genes = expression.samples.to_pandas(), lab.inputs.genes.genes
    given = samples.iloc[expression.sample].reset_index(drop=True)
    given["gene_id"], given["value"] = [genes[place].gene_id for place in expression.gene], values
    both = table.merge(given, left_on=["sample", "gene_id", "tissue"], right_on=["donor", "gene_id", "tissue"])
    both = both[both["gene_name"].isin(["UP", "FAR"])]
    assert len(both) == 128
    assert (both["expression"] - both["value"]).abs().mean() < 0.1


def test_vectors_that_are_not_there_have_a_status_and_are_counted(
    lab: Lab, vectors: Path, heads: Path, tmp_path: Path
) -> None:
    """Of the fit; and of people who are predicted, where a vector that is no number counts as none."""
    report = json.loads((heads / "report.json").read_text())
    assert report["people"] == {"fitted": len(TRAIN), "without_embedding": 0}
    assert report["genes_x_people"]["without_embedding"] == 1
    assert report["genes"] == {"fitted": 3, "not_fitted": 1}
    few = write_vectors(lab, tmp_path / "few.safetensors", donors=TEST[:2])
    arrays = load_file(few)
    arrays["embedding"][1, 3] = np.nan
    save_file(arrays, few)
    table = table_of(lab, heads, few, TEST[:3])
    status = table.groupby(["sample", "gene_name"])["status"].first()
    assert status[TEST[0], "DOWN"] == "no_embedding" and status[TEST[1], "DOWN"] != "no_embedding"
    assert set(status[TEST[2]]) == {"no_embedding"}
    assert table.query("status == 'no_embedding'")["log1p_tpm"].isna().all()
    assert table.query("status != 'no_embedding'")["log1p_tpm"].notna().all()
    whole = table_of(lab, heads, vectors, TEST[:2]).query("gene_name == 'UP'")
    np.testing.assert_allclose(
        table.query("gene_name == 'UP' and sample != @TEST[2]")["log1p_tpm"], whole["log1p_tpm"], atol=0.2
    )


@pytest.mark.slow
def test_what_the_fit_reads_of_people_who_are_held_out_is_nothing(
    lab: Lab, vectors: Path, heads: Path, tmp_path: Path
) -> None:
    """Vectors of the train donors alone give the same weights, bit by bit."""
    alone = write_vectors(lab, tmp_path / "train.safetensors", donors=TRAIN)
    whole = load_file(vectors)["embedding"]
    arrays = load_file(alone)
    arrays["embedding"] = whole[: len(arrays["embedding"])].copy()
    save_file(arrays, alone)
    given = (HeadsOptions(**QUICK), lab.expression, lab.split, inputs_of(lab, alone), tmp_path / "heads")
    fit_heads(*given, parts=tmp_path / "parts")
    for name, tensor in load_file(tmp_path / "heads" / "model.safetensors").items():
        np.testing.assert_array_equal(tensor, load_file(heads / "model.safetensors")[name])


@pytest.fixture(scope="module")
def net(lab: Lab, vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("net")
    given = (NetRecipe(), lab.expression, lab.split, inputs_of(lab, vectors), folder / "net")
    fit_nets(*given, parts=folder / "parts")
    return folder / "net"


def test_elastic_nets_find_a_planted_variant_and_say_what_they_could_not_fit(
    lab: Lab, vectors: Path, net: Path
) -> None:
    table = table_of(lab, net, vectors)
    for gene, (place, _) in PLANTED.items():
        truth = lab.dosage[len(TRAIN) :, place]
        assert abs(np.corrcoef(truth, values_of(table, gene, "liver"))[0, 1]) > 0.9
    lacking = table.query("gene_name == 'DOWN' and tissue == 'lung'")
    assert set(lacking["status"]) == {"not_fitted"} and lacking["log1p_tpm"].isna().all()
    assert "HELD" not in set(table["gene_name"])
    fits = pq.read_table(net / "fits.parquet").to_pandas().set_index(["gene_name", "tissue"])
    assert fits["status"]["DOWN", "lung"] == "no_values" and fits["n_people"]["UP", "liver"] == len(TRAIN) - 1
    assert fits["cv_r2"]["UP", "liver"] > 0.9


def test_the_nets_are_those_of_scikit_learn(lab: Lab, vectors: Path, net: Path) -> None:
    """ElasticNetCV on the numbers as they are, five folds drawn by 2024."""
    from sklearn.linear_model import ElasticNetCV
    from sklearn.model_selection import KFold

    table = EmbeddingTable(vectors, "Make it.")
    gene = lab.inputs.genes.get("UP")
    rows = table.rows([(donor, gene.gene_id) for donor in DONORS])
    numbers = np.stack([table.vector(row) if row >= 0 else np.zeros(WIDTH) for row in rows.tolist()])
    samples, expression = lab.expression.samples.to_pandas(), lab.expression
    here = np.flatnonzero(expression.gene == 0)
    whose = samples.iloc[expression.sample[here]]
    value_of = dict(zip(zip(whose["donor"], whose["tissue"], strict=True), expression.value[here], strict=True))
    train = list(TRAIN[:-1])
    values = np.array([value_of[donor, "liver"] for donor in train], dtype=float)
    folds = KFold(5, shuffle=True, random_state=2024)
    theirs = ElasticNetCV(cv=folds, random_state=0, max_iter=2_000).fit(numbers[: len(train)].astype(float), values)
    found = values_of(table_of(lab, net, vectors), "UP", "liver")
    np.testing.assert_allclose(found, theirs.predict(numbers[len(TRAIN) :].astype(float)), atol=1e-5)


def test_a_fit_of_nets_goes_on_where_it_was(lab: Lab, vectors: Path, net: Path, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise Stopped

    given = (NetRecipe(), lab.expression, lab.split, inputs_of(lab, vectors), tmp_path / "net")
    with pytest.raises(Stopped):
        fit_nets(*given, parts=tmp_path / "parts", on_gene=stop)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("gene-*.safetensors")}
    assert kept
    with pytest.raises(InputError, match="fitted with other options"):
        fit_nets(NetRecipe(folds=4), *given[1:], parts=tmp_path / "parts")
    seen: list[int] = []
    fit_nets(*given, parts=tmp_path / "parts", on_gene=lambda done, _: seen.append(done))
    assert seen[0] >= len(kept)
    assert not (tmp_path / "parts").exists()
    for name in ("model.safetensors", "fits.parquet"):
        assert (tmp_path / "net" / name).read_bytes() == (net / name).read_bytes()


@pytest.mark.slow
def test_workers_fit_the_same_nets(lab: Lab, vectors: Path, net: Path, tmp_path: Path) -> None:
    given = (NetRecipe(), lab.expression, lab.split, inputs_of(lab, vectors), tmp_path / "net")
    fit_nets(*given, parts=tmp_path / "parts", engine=Processes(2))
    assert (tmp_path / "net" / "model.safetensors").read_bytes() == (net / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_heads_that_were_cut_short_go_on_with_the_same_steps(
    lab: Lab, vectors: Path, heads: Path, tmp_path: Path
) -> None:
    """And other options are refused."""

    class Stopped(Exception):
        pass

    def stop(done: int, total: int, loss: float, speed: float) -> None:
        if done == total // 2:
            raise Stopped

    given = (HeadsOptions(**QUICK), lab.expression, lab.split, inputs_of(lab, vectors), tmp_path / "heads")
    with pytest.raises(Stopped):
        fit_heads(*given, parts=tmp_path / "parts", on_step=stop)
    with pytest.raises(InputError, match="is of a run with other options"):
        fit_heads(HeadsOptions(**QUICK, seed=1), *given[1:], parts=tmp_path / "parts")
    seen: list[int] = []
    fit_heads(*given, parts=tmp_path / "parts", on_step=lambda done, *_: seen.append(done))
    assert 1 < seen[0] <= seen[-1] // 2
    assert not (tmp_path / "parts").exists()
    again, whole = (load_file(folder / "model.safetensors") for folder in (tmp_path / "heads", heads))
    for name, tensor in whole.items():
        np.testing.assert_array_equal(again[name], tensor)


def test_protein_coding_genes_come_first_and_all_genes_then(lab: Lab, vectors: Path, tmp_path: Path) -> None:
    """15 and 10 epochs in the paper; none of the second, and nothing else is read."""
    types = {"UP": "protein_coding", "DOWN": "lincRNA", "FAR": "protein_coding", "HELD": "protein_coding"}
    genes = GeneTable(replace(gene, gene_type=types[gene.gene_name]) for gene in lab.inputs.genes)
    inputs = inputs_of(lab, vectors, genes=genes)
    few = {"hidden": (8, 8, 8), "learning_rate": 1e-3}
    given = (lab.expression, lab.split, inputs, tmp_path / "heads")
    report = fit_heads(HeadsOptions(**few, epochs=2, more_epochs=1), *given, parts=tmp_path / "parts")
    phases = {name: (each["epochs"], each["pairs"]) for name, each in report["phases"].items()}
    assert phases == {"coding": (2, 2 * len(TRAIN) - 1), "all": (1, 3 * len(TRAIN) - 1)}
    config = json.loads((tmp_path / "heads" / "config.json").read_text())
    assert sorted(config["genes"]) == ["DOWN", "FAR", "UP"]
    report = fit_heads(HeadsOptions(**few, epochs=1, more_epochs=0), *given, parts=tmp_path / "parts")
    assert [*report["phases"]] == ["genes"] and report["phases"]["genes"]["pairs"] == 2 * len(TRAIN) - 1
    assert sorted(json.loads((tmp_path / "heads" / "config.json").read_text())["genes"]) == ["FAR", "UP"]


BAD = {
    "vectors_that_are_needed": (["fit", "heads", "{measured}"], "needs --embedding"),
    "genotypes": (["fit", "heads", "{measured}", "{vectors}", "--vcf", "x.vcf"], "has no option --vcf"),
    "workers_of_heads": (["fit", "heads", "{measured}", "{vectors}", "--workers", "2"], "has no option --workers"),
    "epochs_of_a_net": (["fit", "embedding-net", "{measured}", "{vectors}", "--epochs", "2"], "has no option --epochs"),
    "no_epoch": (["fit", "heads", "{measured}", "{vectors}", "--epochs", "0", "--more-epochs", "0"], "are both 0"),
    "two_widths": (["fit", "heads", "{measured}", "{vectors}", "--hidden", "8", "--hidden", "8"], "Give three widths"),
    "one_fold": (["fit", "embedding-net", "{measured}", "{vectors}", "--folds", "1"], "--folds is 1"),
    "vectors_of_a_mean": (["fit", "mean", "{measured}", "{vectors}"], "has no option --embedding"),
    "another_network": (
        ["fit", "heads", "{measured}", "{vectors}", "--embedding-model", "{model}"],
        "is another one",
    ),
    "people_by_other_names": (["fit", "heads", "{measured}", "--embedding", "{others}"], "has the people X000, X001"),
    "a_table_that_is_none": (["fit", "embedding-net", "{measured}", "--embedding", "{text}"], "holds no tensor"),
    "both_sources": (
        ["predict", "heads", "{model}", "--fasta", "{fasta}", "{vectors}", "--embedding-model", "{model}"],
        "both --embedding and --embedding-model are given",
    ),
    "no_source": (["predict", "heads", "{model}", "--fasta", "{fasta}"], "reads vectors of people's genes by another"),
    "another_kind": (["predict", "embedding-net", "{model}", "--fasta", "{fasta}", "{own}"], "is of the kind 'heads'"),
}


@pytest.fixture(scope="module")
def given_files(
    lab: Lab, vectors: Path, heads: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[object]]:
    """What the bad commands name."""
    folder = tmp_path_factory.mktemp("given")
    described = {"model": {"sha256": "0" * 64}, "embedding": {"mode": "mean", "pool": "mean", "window": 512}}
    whole = write_vectors(lab, folder / "whole.safetensors", **described)
    others = write_vectors(lab, folder / "others.safetensors")
    others.with_suffix(".tsv").write_text(others.with_suffix(".tsv").read_text().replace("\nD", "\nX"))
    (folder / "text.safetensors").write_text("sample\tgene\n")
    measured = ["--expression", lab.folder / "expression", "--split", lab.folder / "split.json"]
    return {
        "{measured}": [*measured, "--genes", lab.folder / "genes.csv"],
        "{vectors}": ["--embedding", whole],
        "{own}": ["--embedding", vectors],
        "{others}": [others],
        "{text}": [folder / "text.safetensors"],
        "{model}": [heads],
        "{fasta}": [lab.inputs.fasta],
    }


@pytest.mark.parametrize("case", BAD)
def test_bad_input(given_files: dict[str, list[object]], tmp_path: Path, case: str) -> None:
    asked, said = BAD[case]
    arguments = [part for each in asked for part in given_files.get(each, [each])]
    done = run("baseline", *arguments, "-o", tmp_path / "out.csv")
    assert done.returncode != 0
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_vectors_of_another_kind_are_refused_where_the_file_says_so(
    lab: Lab, given_files: dict[str, list[object]], tmp_path: Path
) -> None:
    """Of another width, window, pool, network, or of SNPs alone."""
    whole = Path(str(given_files["{vectors}"][1]))
    given = (NetRecipe(), lab.expression, lab.split, inputs_of(lab, whole, only=frozenset({"ENSG00000000003"})))
    fit_nets(*given, tmp_path / "net", parts=tmp_path / "parts")
    said = {"model": {"sha256": "0" * 64}, "embedding": {"mode": "mean", "pool": "mean", "window": 512}}
    assert len(table_of(lab, tmp_path / "net", write_vectors(lab, tmp_path / "same.safetensors", **said))) > 0
    for changes, problem in (
        ({"embedding": {"window": 640}}, "vectors of the window 640, and the model reads those of 512"),
        ({"embedding": {"pool": "cls"}}, "vectors of the pool cls"),
        ({"model": {"sha256": "1" * 64}}, "vectors by the network of the SHA-256 1111"),
        ({"settings": {"snps_only": True}}, "vectors of genomes with SNPs alone"),
    ):
        other = write_vectors(lab, tmp_path / "other.safetensors", **{**said, **changes})
        with pytest.raises(InputError, match=problem):
            load_gene_model(tmp_path / "net", device="cpu", variant_embeddings=other)
    save_file({"embedding": np.zeros((1, 5), dtype=np.float32)}, tmp_path / "narrow.safetensors")
    (tmp_path / "narrow.tsv").write_text("sample\tgene_id\nA\tG\n")
    with pytest.raises(InputError, match="vectors of 5 numbers, and the model reads those of 24"):
        load_gene_model(tmp_path / "net", device="cpu", variant_embeddings=tmp_path / "narrow.safetensors")


def test_the_commands_fit_and_predict(lab: Lab, vectors: Path, net: Path, tmp_path: Path) -> None:
    folder, output = lab.folder, tmp_path / "net"
    split = ["--split", folder / "split.json"]
    measured = ["--expression", folder / "expression", *split, "--genes", folder / "genes.csv"]
    done = run("baseline", "fit", "embedding-net", "--embedding", vectors, *measured, "-o", output)
    assert done.returncode == 0, done.stderr
    assert "genes_x_people: 269 fitted, 1 without_embedding" in done.stderr
    assert (output / "model.safetensors").read_bytes() == (net / "model.safetensors").read_bytes()
    files = ["--fasta", lab.inputs.fasta, "--vcf", lab.inputs.vcf, "--embedding", vectors]
    table = tmp_path / "table.tsv"
    done = run("baseline", "predict", "embedding-net", output, *files, *split, "-o", table)
    assert done.returncode == 0, done.stderr
    expected = table_of(lab, net, vectors)
    np.testing.assert_allclose(pd.read_csv(table, sep="\t")["log1p_tpm"], expected["log1p_tpm"], rtol=1e-5)
