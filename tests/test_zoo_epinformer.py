"""EPInformer as a tenant of the zoo: what every model passes, elements in people, knock-outs, and its tables."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import run
from epinformer_case import (
    BASES,
    ELEMENTS,
    LENGTH,
    epinformer_case,
    gene_features,
    gene_model,
    gene_table,
    genome,
    plain,
    snv,
    write_elements,
)
from gene_model_tests import Case, GeneModelTests
from genome_files import record, write_fasta, write_vcf
from random_variants import random_bases
from safetensors.numpy import save_file
from transformers import AutoProcessor

from variantformer_hf import ExpressionPredictor, PersonalGenome, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.input_gradients import input_gradients
from variantformer_hf.analysis.knockout import knockout
from variantformer_hf.errors import InputError
from variantformer_hf.genome import GenotypeOptions
from variantformer_hf.genome.interval import Interval
from variantformer_hf.modeling import EPInformerProcessor
from variantformer_hf.modeling.epinformer import GENE_FEATURES
from variantformer_hf.zoo.epinformer.element_files import read_elements
from variantformer_hf.zoo.epinformer.element_table import ElementTable
from variantformer_hf.zoo.epinformer.folder import ELEMENTS as FOLDER
from variantformer_hf.zoo.epinformer.gene_features import GeneFeatures, read_gene_features
from variantformer_hf.zoo.epinformer.gene_model import EPInformerGeneModel
from variantformer_hf.zoo.families import load_gene_model

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def epinformer(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return epinformer_case(tmp_path_factory.mktemp("epinformer"))


class TestEPInformer(GeneModelTests):
    """What every model passes."""

    epochs = 30

    @pytest.fixture
    def case(self, epinformer: Case) -> Case:
        return epinformer


def small_genome(folder: Path, *lines: str, length: int = LENGTH, mode: str = "haplotypes") -> PersonalGenome:
    fasta = write_fasta(folder / "genome.fa", {"chr1": genome()[:length]}, width=60)
    vcf = write_vcf(folder / "p.vcf.gz", lines, contigs={"chr1": length})
    return PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(mode=mode))


# Elements in people


def test_elements_and_promoters_are_as_many_bases_around_their_middles(epinformer: Case) -> None:
    model = load_gene_model(epinformer.model, device="cpu")
    assert isinstance(model, EPInformerGeneModel)
    opened = model.open(ReferenceGenome(epinformer.fasta))
    regions = opened.finder.find(model.gene_table.get("PLUS"))
    assert tuple(regions.window) == ("chr1", 2_000 - BASES // 2, 2_000 + BASES // 2)
    # The nearest first: its middle, and half of the bases before it.
    assert regions.starts.tolist() == [2_610 - BASES // 2, 1_350 - BASES // 2, 3_450 - BASES // 2]
    assert (regions.ends - regions.starts == BASES).all()
    assert model.cre_names(regions) == ["chr1:2600-2620", "chr1:1200-1500", "chr1:3000-3900"]
    reach = opened.finder.reach(regions.gene)
    assert (reach.start, reach.end) == (regions.starts.min(), regions.ends.max())
    assert opened.finder.furthest >= max(regions.gene.start - reach.start, reach.end - regions.gene.end)


def test_an_insertion_moves_bases_of_one_element_of_one_haplotype_alone(tmp_path: Path) -> None:
    model = gene_model(tmp_path)
    text = genome()
    person = small_genome(tmp_path, record(2_650, text[2_649], text[2_649] + "ACGT", "0|1"))
    opened = model.open(person.reference)
    first, second = opened.read(person, opened.finder.find(model.gene_table.get("PLUS"))).readings  # type: ignore[attr-defined]
    same = [np.array_equal(one, other) for one, other in zip(first, second, strict=True)]
    assert same == [True, False, True, True]
    inserted = text[2_402:2_650] + "ACGT" + text[2_650 : 2_402 + BASES - 4]
    assert second[1].tobytes().decode() == inserted


def test_an_element_that_a_haplotype_has_lost_is_empty_there(tmp_path: Path) -> None:
    model = gene_model(tmp_path)
    text = genome()
    person = small_genome(tmp_path, record(2_595, text[2_594:2_640], text[2_594], "0|1"))
    opened, gene = model.open(person.reference), model.gene_table.get("PLUS")
    read = opened.read(person, opened.finder.find(gene))
    assert [reading[1] is None for reading in read.readings] == [False, True]  # type: ignore[attr-defined]
    states = opened.states(person, read.regions, [0, 1])
    assert states.has_cre(0) and states.has_cre(1)
    first, without = (each.values for each in states.predict([states.base, states.without_cre(0)]))
    assert not np.allclose(first, without)
    # The mean of a haplotype with the element and one without.
    halves = [
        opened.predict([opened.read(each, read.regions)], [0, 1])[0].values
        for each in (person.read_by(GenotypeOptions(mode=mode)) for mode in ("haplotype1", "haplotype2"))
    ]
    np.testing.assert_allclose(first, np.mean(halves, axis=0), atol=1e-6)


def test_a_gene_whose_promoter_is_deleted_or_leaves_the_contig_has_no_number(tmp_path: Path) -> None:
    model = gene_model(tmp_path)
    text = genome()
    person = small_genome(tmp_path, record(1_700, text[1_699:2_300], text[1_699], "0|1"))
    table = ExpressionPredictor(model).predict(tmp_path / "genome.fa", tmp_path / "p.vcf.gz", genes=["PLUS"])
    assert set(table["status"]) == {"gene_deleted"} and table["expression"].isna().all()
    assert person.sample
    near = write_fasta(tmp_path / "short.fa", {"chr1": text[:3_700]}, width=60)
    table = ExpressionPredictor(model).predict(near, genes=["MINUS"])
    assert set(table["status"]) == {"window_off_contig"}


def test_an_element_near_the_end_of_its_contig_is_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = gene_model(tmp_path)
    near = ReferenceGenome(write_fasta(tmp_path / "short.fa", {"chr1": genome()[:4_600]}, width=60))
    opened = model.open(near)
    assert "1 elements are not read" in caplog.text
    assert not len(opened.finder.find(model.gene_table.get("MINUS")).starts)


def test_what_reads_the_same_is_encoded_once(epinformer: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_gene_model(epinformer.model, device="cpu", precision="float32")
    counts: list[int] = []
    encode = model.network.encode
    monkeypatch.setattr(model.network, "encode", lambda dna: (counts.append(len(dna)), encode(dna))[1])
    person = PersonalGenome(
        ReferenceGenome(epinformer.fasta), epinformer.vcf, options=GenotypeOptions(mode=model.modes[0])
    )
    opened = model.open(person.reference)
    regions = opened.finder.find(model.gene_table.get("PLUS"))
    read = opened.read(person, regions)
    opened.predict([read, read], [0])
    distinct = {each.tobytes() for each in read.letters()}  # type: ignore[attr-defined]
    assert counts == [len(distinct)]
    opened.predict([read], [1])
    assert len(counts) == 1
    VariantScorer(model).score(epinformer.variants[:1], person, genes="PLUS", zygosity=["hom"])
    # The gene once; of each of the two states one element of each haplotype; and twice all, for the noise.
    assert sum(counts[1:]) <= 3 * len(read.letters()) + 4  # type: ignore[attr-defined]


# Knock-outs


def test_a_knock_out_is_the_gene_without_the_element(epinformer: Case) -> None:
    model = load_gene_model(epinformer.model, device="cpu", precision="float32")
    person = PersonalGenome(
        ReferenceGenome(epinformer.fasta), epinformer.vcf, options=GenotypeOptions(mode=model.modes[0])
    )
    table = knockout(VariantScorer(model), person, "PLUS", tissues=["K562"])
    assert list(table["cre_id"]) == ["chr1:2600-2620", "chr1:1200-1500", "chr1:3000-3900"]
    assert table["cre_class"].isna().all() and set(table["status"]) == {"ok"}
    opened = model.open(person.reference)
    read = opened.read(person, opened.finder.find(model.gene_table.get("PLUS")))
    batch = model.batch([read], np.array([[0]]))
    for index, found in enumerate(table["expression_without"]):
        dna = batch["dna"].clone()
        dna[:, 1 + index] = 0
        with torch.inference_mode():
            expected = model.network(**{**batch, "dna": dna}).logits[0, 0]
        assert found == pytest.approx(float(expected), abs=1e-6)
    assert (table["effect"].abs() > 1e-3).all() and not table["below_noise"].any()
    shuffled = knockout(VariantScorer(model), person, "PLUS", tissues=["K562"], how="shuffle", n_shuffles=2)
    assert (shuffled["effect"].abs() > 1e-3).all() and (shuffled["effect_sd"] > 0).all()


def test_an_enhancer_map_is_drawn_of_elements_and_of_none(epinformer: Case, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    words = ["knockout", epinformer.model, "--fasta", epinformer.fasta, "--gene", "PLUS", "--device", "cpu"]
    done = run(*words, "-o", tmp_path / "map.tsv", "--plot", tmp_path / "map.svg")
    assert done.returncode == 0, done.stderr
    assert ">element</text>" in (tmp_path / "map.svg").read_text()
    model = gene_model(tmp_path)
    of_other = [row for row in ELEMENTS if row[0] == "MINUS"]
    elements = read_elements(write_elements(tmp_path / "other.tsv", of_other), model.gene_table).table
    EPInformerGeneModel(model.network, model.gene_table, elements, gene_features()).save(tmp_path / "none")
    words[1] = tmp_path / "none"
    done = run(*words, "-o", tmp_path / "none.tsv", "--plot", tmp_path / "none.svg")
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "none.tsv").read_text().splitlines()) == 1
    assert ">element</text>" not in (tmp_path / "none.svg").read_text()


# Gradients


def test_gradients_are_finite_differences(tmp_path: Path) -> None:
    """Of shares that are moved a little, in float64, on both haplotypes of a person with indels; PLUS's first element
    begins in its promoter's last bases, where both are read."""
    model = gene_model(tmp_path)
    rows = [("PLUS", 2_300, 2_400, 350.0, 1.0, 1.0)]
    elements = read_elements(write_elements(tmp_path / "near.tsv", rows), model.gene_table).table
    model = EPInformerGeneModel(model.network, model.gene_table, elements, gene_features(), device="cpu")
    text = genome()
    lines = [
        record(*snv(2_150), "0|1"),
        record(2_160, text[2_159], text[2_159] + "ACG", "0|1"),
        record(2_170, text[2_169:2_172], text[2_169], "1|1"),
    ]
    person, stretch = small_genome(tmp_path, *lines), Interval("chr1", 2_135, 2_175)
    (found,) = input_gradients(VariantScorer(model), person, "PLUS", [stretch], tissues=["GM12878"])
    assert found.shares[2_149 - 2_135].tolist() in ([0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5])
    assert np.isnan(found.gradients[[2_170 - 2_135, 2_171 - 2_135]]).all()
    assert np.isfinite(found.gradients).all(axis=(1, 2)).sum() == 38
    assert np.nanmax(np.abs(found.gradients)) > 1e-2
    opened = model.open(person.reference)
    batch = model.batch([opened.read(person, opened.finder.find(model.gene_table.get("PLUS")))], np.array([[1]]))
    network, dna = model.network.double(), batch["dna"].double()
    rest = {name: each.double() if each.is_floating_point() else each for name, each in batch.items() if name != "dna"}
    assert dna.shape[:2] == (2, 2)
    step = 1e-4
    for position in (2_136, 2_143, 2_149, 2_158, 2_163, 2_169, 2_173):
        # Behind the promoter's middle, 2,000, and before the element's, 2,350, indels move bases.
        inserted, deleted = (3 if position >= 2_160 else 0), (2 if position >= 2_172 else 0)
        promoter = [BASES // 2 + position - 2_000 - deleted + moved for moved in (0, inserted)]
        element = [BASES // 2 + position - 2_350 + 2 - deleted - moved for moved in (0, 3 - inserted)]
        ends = []
        for sign in (1, -1):
            moved_dna = dna.clone()
            for place, of_haplotypes in enumerate((promoter, element)):
                for haplotype, at in enumerate(of_haplotypes):
                    if 0 <= at < BASES:
                        moved_dna[haplotype, place, at, 2] += sign * step
            with torch.inference_mode():
                ends.append(float(network(dna=moved_dna, **rest).logits[0, 0]))
        expected = (ends[0] - ends[1]) / (2 * step)
        assert found.gradients[position - 2_135, 2, 0] == pytest.approx(expected, rel=1e-2, abs=1e-5), position


# The table of elements


def test_elements_are_read_as_abc_has_them_and_what_is_left_out_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        *ELEMENTS,
        ("PLUS", 100, 200, 1_450.0, 0.7, 1.0),
        ("PLUS", 5_500, 5_600, -3_600.0, 0.1, 1.0),
        ("OTHER", 10, 20, 5.0, 1.0, 1.0),
        ("PLUS", 300, 400, 100_001.0, 1.0, 1.0),
    ]
    found = read_elements(write_elements(tmp_path / "abc.tsv", rows), gene_table(), most=4)
    assert found.left_out == {"gene not in the table": 1, "too far": 1, "more than the model reads": 1}
    assert ": 5 elements are read; not read are 1 (gene not in the table), 1 (too far)" in caplog.text
    plus = found.table.of(gene_table().get("PLUS"))
    # The nearest; of two as near the more active.
    assert found.table.start[plus].tolist() == [2_600, 1_200, 100, 3_000]
    features = found.table.features(plus[:1], ("distance", "contact", "activity"))
    np.testing.assert_allclose(features, [[0.61, np.log10(41), 2.5]], rtol=1e-6)
    found.table.save(tmp_path / "elements.parquet")
    assert ElementTable.read(tmp_path / "elements.parquet").table.equals(found.table.table)


def test_a_bed_goes_by_its_order_and_distances_are_counted_where_there_are_none(tmp_path: Path) -> None:
    bed = tmp_path / "elements.bed"
    bed.write_text("track name=x\nchr1\t4300\t4700\tENSG00000000002.7\n1\t1200\t1500\tPLUS\n")
    table = read_elements(bed, gene_table()).table
    # MINUS is read from right to left: what lies to the right is upstream.
    assert table.features(np.arange(2), ["distance"]).ravel().tolist() == pytest.approx([-0.65, -0.901])
    assert np.isnan(table.features(np.arange(2), ["activity", "contact"])).all()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("chr1\t1500\t1500\tPLUS\t5\t1\t1", "has no bases"),
        ("chr1\t-5\t1500\tPLUS\t5\t1\t1", "has no bases"),
        ("chr2\t1200\t1500\tPLUS\t5\t1\t1", "is on chr2, and its gene PLUS lies on chr1"),
        ("chr1\t1200\t1500\tPLUS\tfar\t1\t1", "its distance is 'far'"),
        ("chr1\t1200\t1500\tPLUS\t5\t-1\t1", "its activity is '-1'"),
        ("chr1\t1200\t1500\tPLUS\t5\t1\tNaN", "its contact is 'NaN'"),
        ("chr1\t1200\t1500\tPLUS\t5\t1", "has 6 columns, and the first line 7"),
        ("chr1\t10\t20\tPLUS\t5\t1\t1", "an element of PLUS a second time"),
    ],
)
def test_a_line_that_is_no_element_is_refused_by_its_number(tmp_path: Path, line: str, told: str) -> None:
    path = write_elements(tmp_path / "abc.tsv", [("PLUS", 10, 20, 5.0, 1.0, 1.0)])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=told) as error:
        read_elements(path, gene_table())
    assert error.value.record == "line 3"


def test_a_file_without_a_column_or_a_known_gene_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "abc.csv"
    path.write_text("gene_id,start,end\nPLUS,1,2\n")
    with pytest.raises(InputError, match="has no column chrom"):
        read_elements(path, gene_table())
    with pytest.raises(InputError, match=r"no element is of a gene of the table \(1 gene not in the table\)"):
        read_elements(write_elements(tmp_path / "abc.tsv", [("OTHER", 1, 2, 3.0, 1.0, 1.0)]), gene_table())


ROW = ("ENSG00000000001", "chr1", 1_200, 1_500, -650.0, 1.5, 20.0)


@pytest.mark.parametrize(
    ("changes", "config", "told"),
    [
        ({"gene_id": "ENSG9"}, {}, "elements of ENSG9, which is no gene of the model"),
        ({"chrom": "chr2"}, {}, "an element of ENSG00000000001 on chr2, and the gene lies on chr1"),
        ({"activity": float("nan")}, {}, "has no activity, which the model reads"),
        ({"distance": 100_001.0}, {}, "farther than 100,000 bases"),
        ({"end": 1_200}, {}, "has no base"),
        ({"contact": -1.0}, {}, "negative or infinite contact"),
        ({}, {"num_enhancers": 1}, "has 3 elements of ENSG00000000001, and the model reads 1"),
    ],
)
def test_elements_that_are_not_the_models_are_refused(
    tmp_path: Path, changes: dict[str, Any], config: dict[str, Any], told: str
) -> None:
    import pyarrow as pa

    names = ("gene_id", "chrom", "start", "end", "distance", "activity", "contact")
    row = {**dict(zip(names, ROW, strict=True)), **changes}
    model = gene_model(tmp_path)
    with pytest.raises(InputError, match=told):
        if config:
            gene_model(tmp_path, **config)
        EPInformerGeneModel(model.network, model.gene_table, ElementTable(pa.Table.from_pylist([row])), gene_features())


def test_contact_that_is_not_known_is_no_matter_where_it_is_not_read(tmp_path: Path) -> None:
    model = gene_model(tmp_path, num_element_features=1)
    bed = tmp_path / "elements.bed"
    bed.write_text("chr1\t4300\t4700\tMINUS\n")
    table = read_elements(bed, gene_table()).table
    assert EPInformerGeneModel(model.network, model.gene_table, table, gene_features(), device="cpu").elements is table


# Features and vectors of genes


def write_features(path: Path, **changes: str) -> Path:
    values = {gene.gene_id: [f"{0.1 * n}" for n in range(9)] for gene in gene_table()}
    lines = [["ENSID", *GENE_FEATURES[:-1], "PromoterActivity"], *([name, *each] for name, each in values.items())]
    text = "\n".join(",".join(line) for line in lines) + "\n"
    for old, new in changes.items():
        text = text.replace(old, new)
    path.write_text(text)
    return path


def test_features_are_read_by_their_names_and_saved(tmp_path: Path) -> None:
    found = read_gene_features(write_features(tmp_path / "features.csv"), gene_table(), GENE_FEATURES)
    np.testing.assert_allclose(found.values, np.tile(np.arange(9) * 0.1, (2, 1)), rtol=1e-6)
    found.save(tmp_path / "gene_features.parquet")
    again = GeneFeatures.read(tmp_path / "gene_features.parquet")
    assert (again.gene_ids, again.names, again.embedding_size) == (found.gene_ids, found.names, 0)
    assert np.array_equal(again.values, found.values)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"utr5_length": "other"}, "has no column utr5_length"),
        ({",0.4,": ","}, "has 9 columns, and the first line 10"),
        ({"0.4": "x"}, "its utr5_gc is 'x'"),
        ({"ENSG00000000002": "ENSG00000000001"}, "is ENSG00000000001 a second time"),
        ({"ENSG00000000002": "ENSG00000000009"}, "lacks 1 of the 2 genes"),
    ],
)
def test_features_that_cannot_be_are_refused(tmp_path: Path, changes: dict[str, str], told: str) -> None:
    path = write_features(tmp_path / "features.csv", **changes)
    with pytest.raises(InputError, match=told):
        read_gene_features(path, gene_table(), GENE_FEATURES)


def write_vectors(folder: Path, ids: list[str], width: int) -> Path:
    save_file({"embedding": np.arange(len(ids) * width, dtype=np.float32).reshape(-1, width)}, folder / "v.safetensors")
    (folder / "v.tsv").write_text("sample\tgene_id\n" + "".join(f"reference\t{each}\n" for each in ids))
    return folder / "v.safetensors"


def test_vectors_go_to_their_genes_and_travel_in_the_folder(tmp_path: Path) -> None:
    path = write_vectors(tmp_path, ["ENSG00000000002.3", "ENSG7", "ENSG00000000001"], 2)
    features = gene_features(0).with_embeddings(path)
    assert features.embeddings is not None and features.embeddings.tolist() == [[4, 5], [0, 1]]
    model = gene_model(tmp_path)
    EPInformerGeneModel(model.network, model.gene_table, model.elements, features).save(tmp_path / "model")
    again = load_gene_model(tmp_path / "model", device="cpu")
    assert np.array_equal(again.gene_features.embeddings, features.embeddings)  # type: ignore[attr-defined]


def test_vectors_of_another_width_are_refused_and_both_widths_named(tmp_path: Path) -> None:
    model = gene_model(tmp_path)
    path = write_vectors(tmp_path, [gene.gene_id for gene in gene_table()], 3)
    for features, told in (
        (gene_features(0).with_embeddings(path), "vectors have 3 numbers, and the model reads 2"),
        (gene_features(0), "vectors have 0 numbers, and the model reads 2"),
    ):
        with pytest.raises(InputError, match=told):
            EPInformerGeneModel(model.network, model.gene_table, model.elements, features)


def test_vectors_that_are_peoples_or_not_the_tables_are_refused(tmp_path: Path) -> None:
    features, ids = gene_features(0), [gene.gene_id for gene in gene_table()]
    with pytest.raises(InputError, match="two vectors of ENSG00000000001"):
        features.with_embeddings(write_vectors(tmp_path, [*ids, ids[0]], 2))
    with pytest.raises(InputError, match="has no vector of 1 of the 2 genes"):
        features.with_embeddings(write_vectors(tmp_path, ids[:1], 2))
    path = write_vectors(tmp_path, ids, 2)
    (tmp_path / "v.tsv").write_text("gene_id\nENSG00000000001\n")
    with pytest.raises(InputError, match="has 1 rows, and v"):
        features.with_embeddings(path)


def break_elements(folder: Path) -> None:
    ElementTable.read(folder / "elements.parquet")
    (folder / "elements.parquet").unlink()


def swap_features(folder: Path) -> None:
    rng = np.random.default_rng(7)
    GeneFeatures([gene.gene_id for gene in gene_table()], GENE_FEATURES, rng.normal(size=(2, 9))).save(
        folder / "gene_features.parquet"
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (break_elements, "is a network without elements.parquet"),
        (swap_features, "does not belong to the model"),
    ],
)
def test_a_folder_whose_tables_are_missing_or_anothers_is_refused(
    tmp_path: Path, change: Callable[[Path], None], told: str
) -> None:
    gene_model(tmp_path).save(tmp_path / "model")
    change(tmp_path / "model")
    with pytest.raises(InputError, match=told):
        load_gene_model(tmp_path / "model", device="cpu")


def test_a_network_without_tables_is_checked_by_itself(tmp_path: Path) -> None:
    network = gene_model(tmp_path).network
    network.save_pretrained(tmp_path / "alone")
    FOLDER.check(tmp_path / "alone", EPInformerGeneModel)
    with torch.no_grad():
        network.head.last.weight.fill_(3e38)
        network.head.last.bias.fill_(3e38)
        network.head.second.bias.fill_(3e38)
    network.save_pretrained(tmp_path / "broken")
    with pytest.raises(InputError, match="predictions of random sequences are not finite"):
        FOLDER.check(tmp_path / "broken", EPInformerGeneModel)


def test_regions_are_had_without_the_weights(epinformer: Case, tmp_path: Path) -> None:
    reference = ReferenceGenome(epinformer.fasta)
    genes, finder = EPInformerGeneModel.load_regions(epinformer.model, reference)
    whole = load_gene_model(epinformer.model, device="cpu").region_finder(reference)
    for gene in genes:
        first, second = finder.find(gene), whole.find(gene)
        assert first.intervals == second.intervals


def test_predictions_are_those_of_the_plain_way_on_random_people(tmp_path: Path) -> None:
    model = gene_model(tmp_path)
    rng = random.Random(3)
    text = genome()
    lines = []
    for position in range(1_100, 4_700, 60):
        ref = text[position - 1 : position - 1 + rng.choice([1, 1, 3])]
        alt = rng.choice([snv(position)[2] + ref[1:], ref[0], ref + random_bases(rng, rng.randint(1, 6))])
        if alt != ref:
            lines.append(record(position, ref, alt, rng.choice(["0|1", "1|0", "1|1"])))
    person = small_genome(tmp_path, *lines)
    opened = model.open(person.reference)
    for gene in ("PLUS", "MINUS"):
        found = opened.predict([opened.read(person, opened.finder.find(model.gene_table.get(gene)))], [0, 1])
        np.testing.assert_allclose(found[0].values, plain(model, person, gene, [0, 1]), atol=1e-5)


def test_the_processor_of_a_folder_makes_what_the_model_reads(epinformer: Case) -> None:
    model = load_gene_model(epinformer.model, device="cpu", precision="float32")
    processor = AutoProcessor.from_pretrained(epinformer.model)
    assert isinstance(model, EPInformerGeneModel) and isinstance(processor, EPInformerProcessor)
    person = PersonalGenome(ReferenceGenome(epinformer.fasta), epinformer.vcf, options=GenotypeOptions(mode="alt"))
    opened = model.open(person.reference)
    given = [opened.read(person, opened.finder.find(model.gene_table.get(name))) for name in epinformer.genes]
    expected = model.batch(given, np.zeros((2, 1), dtype=np.int64))
    sequences = [["" if each is None else bytes(each).decode() for each in gene.readings[0]] for gene in given]
    names = model.config.element_features
    features = [model.elements.features(gene.regions.cre_rows, names) for gene in given]
    of_genes = model.gene_features.values[[model.gene_features.row(gene.regions.gene.gene_id) for gene in given]]
    found = processor(sequences, features, of_genes, return_tensors="pt")
    for name in processor.model_input_names:
        torch.testing.assert_close(found[name], expected[name])
    alone = processor(sequences[1], features[1], of_genes[1])
    np.testing.assert_array_equal(alone["dna"][0], expected["dna"][1, : len(sequences[1])].numpy())
    length = processor.element_length
    for wrong, told in (
        ([["", "A" * length], np.zeros((1, len(names))), of_genes[0]], "a gene has a promoter"),
        ([["A" * length, "ACGT"], np.zeros((1, len(names))), of_genes[0]], "a sequence has 4 letters"),
        ([["A" * length], np.zeros((2, len(names))), of_genes[0]], "element_features have the shape"),
        ([["A" * length] * 99, np.zeros((98, len(names))), of_genes[0]], "are read at the most"),
    ):
        with pytest.raises(ValueError, match=told):
            processor(*wrong)
