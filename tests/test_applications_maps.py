"""Maps of embeddings: coordinates, groups, nearest genes, drift, and what is known of points."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_store import made_store
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score

from variantformer_hf import EmbeddingStore, GeneTable
from variantformer_hf.applications.maps import points as points_module
from variantformer_hf.applications.maps.attributes import joined, read_attributes
from variantformer_hf.applications.maps.clusters import MOST_SILHOUETTES, leiden_clusters, silhouettes
from variantformer_hf.applications.maps.coordinates import nearest_points
from variantformer_hf.applications.maps.embedding_map import EmbeddingMap, MapOptions, embedding_map
from variantformer_hf.applications.maps.map_columns import colour_columns, point_columns
from variantformer_hf.applications.maps.pairs import drift, nearest_genes
from variantformer_hf.applications.maps.points import EmbeddingPoints, store_points
from variantformer_hf.errors import InputError
from variantformer_hf.zoo.units import LOG1P_TPM

WIDTH, GENES = 12, 30
PLAIN = MapOptions(umap=False)


def planted(n_people: int = 1, seed: int = 0) -> np.ndarray:
    """(people, 30 genes, 2 tissues, width): genes in three groups, tissues further apart than these."""
    rng = np.random.default_rng(seed)
    groups, tissues = 5 * np.eye(WIDTH)[:3], 20 * np.eye(WIDTH)[3:5]
    noise = rng.standard_normal((n_people, GENES, 2, WIDTH)) / 4
    return (noise + groups[np.arange(GENES) % 3][None, :, None] + tissues).astype(np.float32)


def points_of(vectors: np.ndarray, folder: Path, **asked: Any) -> EmbeddingPoints:
    return store_points(EmbeddingStore.open(made_store(folder, vectors)), **asked)


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> EmbeddingPoints:
    return points_of(planted(), tmp_path_factory.mktemp("maps") / "store")


@pytest.fixture(scope="module")
def mapped(points: EmbeddingPoints) -> EmbeddingMap:
    table = points.table.assign(group=[f"g{int(name[1:]) % 3}" for name in points.table["gene_name"]])
    return embedding_map(points, table, MapOptions(umap=False, labels="group"))


def score(found: EmbeddingMap, **wanted: str) -> float:
    rows = found.scores[np.all([found.scores[name] == value for name, value in wanted.items()], axis=0)]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


def test_planted_groups_are_the_clusters_of_each_tissue(mapped: EmbeddingMap) -> None:
    table = mapped.table
    for tissue, rows in table.groupby("tissue"):
        assert adjusted_rand_score(rows["group"], rows["tissue_cluster"]) == 1
        for measure in ("nmi", "ari"):
            assert score(mapped, map=str(tissue), of="group", group="all", measure=measure) == 1
        of_all = [score(mapped, map=str(tissue), group="all", measure=each) for each in ("silhouette", "nmi", "ari")]
        assert score(mapped, map=str(tissue), group="all", measure="mean") == pytest.approx(np.mean(of_all))
    # Of both tissues together each is a group of its own, whatever the genes.
    assert (table.groupby(["tissue", "group"])["cluster"].nunique() == 1).all()
    assert table.groupby("cluster")["tissue"].nunique().max() == 1


def test_tissues_as_labels_have_each_number_once(points: EmbeddingPoints, mapped: EmbeddingMap) -> None:
    found = embedding_map(points, points.table, MapOptions(umap=False, labels="tissue"))
    assert not found.scores.duplicated(["map", "of", "group", "measure"]).any()
    asked = {"map": "joint", "of": "tissue", "group": "all", "measure": "silhouette"}
    assert score(found, **asked) == score(mapped, **asked)


def test_clusters_are_numbered_by_size() -> None:
    sizes = [20, 30, 25]
    groups = np.repeat([0, 1, 2], sizes)
    places = np.random.default_rng(0).standard_normal((sum(sizes), 3)) + 100 * np.eye(3)[groups]
    found = leiden_clusters(nearest_points(places))
    assert found.tolist() == np.array([2, 0, 1])[groups].tolist()


def test_components_are_those_of_an_exact_pca(points: EmbeddingPoints, mapped: EmbeddingMap) -> None:
    exact = PCA(svd_solver="full").fit(points.vectors.astype(np.float64))
    found = mapped.table[mapped.names("pc")].to_numpy()
    assert found.shape == (len(points.table), WIDTH)
    np.testing.assert_allclose(found, exact.transform(points.vectors), atol=1e-3)
    assert mapped.maps["joint"]["explained_by_two"] == pytest.approx(
        exact.explained_variance_ratio_[:2].sum(), abs=1e-5
    )
    assert mapped.maps["joint"]["explained"] == pytest.approx(1)


def test_silhouettes_are_scikit_learns(mapped: EmbeddingMap) -> None:
    table = mapped.table
    by_tissue = silhouette_score(table[mapped.names("pc")], table["tissue"])
    assert score(mapped, map="joint", of="tissue", group="all") == pytest.approx(by_tissue, abs=1e-5)
    liver = table[table["tissue"] == "liver"]
    by_group = silhouette_score(liver[mapped.names("tissue_pc")], liver["group"])
    assert score(mapped, map="liver", of="group", group="all", measure="silhouette") == pytest.approx(
        by_group, abs=1e-5
    )
    rows = mapped.scores.query("map == 'joint' and of == 'tissue' and group != 'all'")
    assert dict(zip(rows["group"], rows["points"], strict=True)) == {"liver": GENES, "lung": GENES}


def test_silhouettes_of_many_points_are_those_of_a_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_SILHOUETTES == 10_000
    rng = np.random.default_rng(1)
    groups = np.repeat(["a", "b"], 200)
    places = rng.standard_normal((400, 3)) + 3 * (groups == "b")[:, None]
    whole = silhouettes(places, groups)
    monkeypatch.setattr("variantformer_hf.applications.maps.clusters.MOST_SILHOUETTES", 100)
    drawn, again, other = silhouettes(places, groups), silhouettes(places, groups), silhouettes(places, groups, seed=1)
    assert whole is not None and drawn is not None and other is not None
    assert sum(drawn.points.values()) == 100
    assert drawn == again and drawn != other
    assert drawn.mean == pytest.approx(whole.mean, abs=0.05)


def test_a_tissue_s_own_map_is_the_map_of_it_alone(
    points: EmbeddingPoints, mapped: EmbeddingMap, tmp_path: Path
) -> None:
    alone = points_of(planted(), tmp_path / "store", tissues=["lung"])
    found = embedding_map(alone, alone.table, PLAIN)
    assert not found.names("tissue_pc") and list(found.maps) == ["joint"]
    own = mapped.table.loc[mapped.table["tissue"] == "lung", mapped.names("tissue_pc")]
    np.testing.assert_array_equal(found.table[found.names("pc")], own)


def test_what_has_no_embedding_is_left_out_and_counted(tmp_path: Path) -> None:
    vectors = planted(2)
    vectors[0, 4] = vectors[1, 7] = vectors[1, 8] = np.nan
    status = np.full((2, GENES), "ok", dtype=object)
    status[0, 4], status[1, 7], status[1, 8] = "no_cres", "gene_deleted", "no_cres"
    store = EmbeddingStore.open(made_store(tmp_path / "store", vectors, status=status))
    found = store_points(store)
    assert found.left_out == {"no_cres": 4, "gene_deleted": 2}
    assert len(found.table) == len(found.vectors) == 2 * GENES * 2 - 6
    for row, vector in zip(found.table.itertuples(), found.vectors, strict=True):
        person, gene = int(row.sample[1:]) - 1, int(row.gene_name[1:]) - 1
        np.testing.assert_array_equal(vector, vectors[person, gene, ["liver", "lung"].index(row.tissue)])
    with pytest.raises(InputError, match=r"no point has an embedding \(2 gene_deleted\)"):
        store_points(store, samples=["P2"], genes=["G8"])


def test_too_many_points_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = EmbeddingStore.open(made_store(tmp_path / "store", planted()))
    monkeypatch.setattr(points_module, "MOST_BYTES", 1_000)
    with pytest.raises(
        InputError, match=r"1 samples x 30 genes x 2 tissues are 60 points.*--sample, --gene or --tissue"
    ):
        store_points(store)


def test_few_or_equal_points_make_no_map(tmp_path: Path) -> None:
    vectors = planted()
    vectors[0, :, 1] = vectors[0, 0, 1]
    found = points_of(vectors, tmp_path / "store")
    mapped = embedding_map(found, found.table, PLAIN)
    assert mapped.maps["lung"] == {"points": GENES, "no_map": "all points are the same"}
    assert mapped.table.groupby("tissue")["tissue_pc1"].count().to_dict() == {"liver": GENES, "lung": 0}
    few = points_of(planted(), tmp_path / "other", genes=["G1"])
    with pytest.raises(InputError, match="2 points make no map"):
        embedding_map(few, few.table, PLAIN)


def test_the_same_numbers_and_seed_give_the_same_map(points: EmbeddingPoints, mapped: EmbeddingMap) -> None:
    again = embedding_map(points, mapped.table[[*points.table, "group"]], MapOptions(False, "group"))
    pd.testing.assert_frame_equal(again.table, mapped.table)
    pd.testing.assert_frame_equal(again.scores, mapped.scores)


def test_nearest_genes_are_those_of_a_loop(tmp_path: Path) -> None:
    vectors = planted(2)
    vectors[1, 2, 0] = np.nan
    found = nearest_genes(points_of(vectors, tmp_path / "store"), 4)
    assert len(found) == 4 * (4 * GENES - 1)
    names = np.array([f"G{number + 1}" for number in range(GENES)])
    for person, gene, tissue in ((0, 3, 0), (1, 0, 0), (1, 29, 1)):
        own = vectors[person, :, tissue].astype(np.float64)
        away = np.linalg.norm(own - own[gene], axis=1)
        away[gene] = np.inf
        nearest = np.argsort(np.where(np.isnan(away), np.inf, away))[:4]
        rows = found.query(f"sample == 'P{person + 1}' and gene_name == 'G{gene + 1}'")
        rows = rows[rows["tissue"] == ["liver", "lung"][tissue]]
        assert list(rows["rank"]) == [1, 2, 3, 4]
        assert list(rows["neighbour_name"]) == list(names[nearest])
        np.testing.assert_allclose(rows["distance"], away[nearest], rtol=1e-6)
        norms = np.linalg.norm(own[nearest], axis=1) * np.linalg.norm(own[gene])
        np.testing.assert_allclose(rows["cosine_distance"], 1 - own[nearest] @ own[gene] / norms, atol=1e-12)


def test_of_fewer_genes_all_are_near_and_one_alone_has_none(tmp_path: Path) -> None:
    found = nearest_genes(points_of(planted(), tmp_path / "store", genes=["G1", "G2", "G3"]), 10)
    assert len(found) == 2 * 3 * 2
    with pytest.raises(InputError, match="has two genes"):
        nearest_genes(points_of(planted(), tmp_path / "other", genes=["G1"]), 10)


def test_a_person_does_not_drift_from_herself(points: EmbeddingPoints) -> None:
    found = drift(points, points)
    assert (found == 0).all(axis=None)


def test_drift_by_hand(tmp_path: Path) -> None:
    vectors = np.zeros((2, 4, 1, 2), dtype=np.float32)
    vectors[:, :, 0] = [[[3, 4], [1, 0], [0, 0], [1, 1]], [[0, 0], [0, 2], [0, 0], [np.nan, 1]]]
    store = EmbeddingStore.open(made_store(tmp_path / "store", vectors))
    one, other = (store_points(store, samples=[name]) for name in ("P1", "P2"))
    found = drift(one, other)
    np.testing.assert_allclose(found["drift_distance"], [5, np.sqrt(5), 0, np.nan])
    # Of a vector of zeros there is no angle.
    np.testing.assert_allclose(found["drift_cosine_distance"], [np.nan, 1, np.nan, np.nan])
    table, counts = point_columns(one, other=other)
    assert counts == {"points_without_drift": 1}
    assert list(table["drift_distance"].isna()) == [False, False, False, True]
    assert len(drift(other, one)) == 3


def test_drift_is_of_two_people_by_one_model(points: EmbeddingPoints, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="drift is of two people, and 2 are asked for"):
        drift(points, points_of(planted(2), tmp_path / "two"))
    for name, made in (("of", {"model": "another"}), ("in", {"precision": "bfloat16"})):
        other = store_points(EmbeddingStore.open(made_store(tmp_path / name, planted(), **made)))
        with pytest.raises(InputError, match=r"made in float32 and by .*cannot be compared"):
            drift(points, other)


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_is_joined_by_whatever_names_it_has(points: EmbeddingPoints, tmp_path: Path) -> None:
    path = written(
        tmp_path / "known.tsv",
        "gene_id\ttissue\tlabel\tscore",
        "ENSG00000000001\tLiver\ta\t1",
        "ENSG00000000002.9\tliver\tb\tNA",
        "ENSG00000000002.1\tUBERON:0008952\t\t2.5",
        "ENSG00000000002.1\tkidney\tc\t7",
        "ENSG00000000099\tliver\td\t7",
        "ENSG00000000099\tkidney\td\t7",
    )
    found, counts = joined(points.table, read_attributes(path), path)
    assert counts == {"rows": 6, "rows_of_no_point": 3, "points_without_a_row": 2 * GENES - 3}
    known = pd.concat([points.table[["gene_name", "tissue"]], found], axis=1).dropna(
        subset=["label", "score"], how="all"
    )
    assert next(known.itertuples(index=False, name=None)) == ("G1", "liver", "a", 1.0)
    assert known["label"].isna().tolist() == [False, False, True]
    assert known["score"].tolist()[2] == 2.5 and np.isnan(known["score"].tolist()[1])
    of_samples = written(tmp_path / "people.csv", "sample,group", "P1,01", "P2,x")
    found, counts = joined(points.table, read_attributes(of_samples), of_samples)
    assert set(found["group"]) == {"01"} and counts["points_without_a_row"] == 0
    parquet = tmp_path / "known.parquet"
    pd.DataFrame({"gene_name": ["G3"], "is_known": [True], "n": [4]}).to_parquet(parquet)
    found, _ = joined(points.table, read_attributes(parquet), parquet)
    assert found.dropna().to_numpy().tolist() == [["True", 4.0]] * 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["gene,label", "G1,a"], "has none of these columns; it has gene, label"),
        (["gene_id,gene_name", "G1,a"], "has nothing beside these columns"),
        (["gene_name,label", "G1,a", "G2"], "line 3: has 1 fields, and the first line 2"),
        (["gene_name,label,label", "G1,a,b"], "line 1: has two columns of one name"),
        (["gene_name,umap1", "G1,1"], "has a column umap1, which the map has itself"),
        (["gene_name,status", "G1,1"], "has a column status, which the points have too"),
        (["gene_name,label", "G1,a", "G2,b", "G1,b"], "row 3: is of G1, as row 1 is"),
        (["gene_name,tissue,label", "G1,lung,a", "G1,Lung,b"], "row 2: is of G1 and lung, as row 1 is"),
        (["gene_name,label", "X1,a", "X2,b"], "no row of any point: its gene_name are such as X1, X2; the points' G1"),
        (["sample,label"], "known.csv: has no row. Give"),
        ([""], "known.csv: has no row. Give"),
    ],
)
def test_tables_that_say_nothing_of_the_points(
    lines: list[str], said: str, points: EmbeddingPoints, tmp_path: Path
) -> None:
    path = written(tmp_path / "known.csv", *lines)
    with pytest.raises(InputError, match=said):
        joined(points.table, read_attributes(path), path)


def test_types_of_genes_whatever_their_version(points: EmbeddingPoints, tmp_path: Path) -> None:
    path = written(
        tmp_path / "genes.csv",
        "gene_id,gene_name,chromosome,start,end,strand,gene_type",
        "ENSG00000000001.7,G1,chr1,1,9,+,lincRNA",
        "ENSG00000000002,G2,chr1,1,9,+,",
    )
    table, counts = point_columns(points, genes=GeneTable.read(path))
    assert table["gene_type"].dropna().tolist() == ["lincRNA", "lincRNA"]
    assert counts == {"points_without_gene_type": 2 * GENES - 2}
    assert list(colour_columns(table, LOG1P_TPM, None, has_clusters=False)) == ["tissue", "gene_type", "log1p_tpm"]


def test_a_column_of_a_table_is_coloured_by_its_own_name(points: EmbeddingPoints) -> None:
    table = points.table.assign(expression=1.0)
    assert list(colour_columns(table, LOG1P_TPM, ["expression"], has_clusters=False)) == ["expression"]
    assert list(colour_columns(table, LOG1P_TPM, None, has_clusters=False)) == ["tissue", "log1p_tpm"]


def test_columns_that_are_not_there_are_named(points: EmbeddingPoints) -> None:
    for name, remedy in (("gene_type", "It needs --genes"), ("drift", "--drift-from"), ("cluster", "--labels")):
        with pytest.raises(InputError, match=f"have no column {name}; they have sample, gene_id.*{remedy}"):
            colour_columns(points.table, LOG1P_TPM, ["tissue", name], has_clusters=False)
    with pytest.raises(InputError, match="have no column kind"):
        embedding_map(points, points.table, MapOptions(umap=False, labels="kind"))


def test_labels_are_groups_of_points(points: EmbeddingPoints) -> None:
    for values in ("one", [f"{number}" for number in range(len(points.table))], None):
        with pytest.raises(InputError, match=r"the column group has [\d,]+ groups of [\d,]+ points"):
            embedding_map(points, points.table.assign(group=values), MapOptions(umap=False, labels="group"))
    half = points.table.assign(group=[["a", "b", None, None][number % 4] for number in range(len(points.table))])
    found = embedding_map(points, half, MapOptions(umap=False, labels="group"))
    assert set(found.scores.query("of == 'group' and measure == 'ari' and map == 'joint'")["points"]) == {30}
    assert found.table["cluster"].notna().all()


def test_clusters_say_which_package_they_need(points: EmbeddingPoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "igraph", None)
    labelled = points.table.assign(group=points.table["tissue"])
    with pytest.raises(InputError, match=r"igraph.*variantformer-hf\[igraph\]"):
        embedding_map(points, labelled, MapOptions(umap=False, labels="group"))
