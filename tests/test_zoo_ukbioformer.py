"""UKBioFormer and UKBioZoi as tenants of the zoo: what every model passes, and where embeddings come from."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from command_line import run
from gene_model_tests import Case, GeneModelTests, asked
from safetensors.numpy import load_file, save_file
from transformers import AutoProcessor
from ukbioformer_case import EMBEDDED, WIDTH, gene_model, network, plain, ukbioformer_case, write_ukbiobert
from window_case import OTHER, WINDOW, gene_table

from variantformer_hf import ExpressionPredictor, PersonalGenome, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.errors import InputError
from variantformer_hf.genome import EditedGenome, GenotypeEdit, GenotypeOptions, Variant
from variantformer_hf.genome.interval import Interval
from variantformer_hf.modeling import UkBioFormerProcessor
from variantformer_hf.zoo.families import load_gene_model
from variantformer_hf.zoo.model_files import model_identity
from variantformer_hf.zoo.ukbioformer.folder import EXPRESSION
from variantformer_hf.zoo.ukbioformer.gene_model import UkBioFormerGeneModel
from variantformer_hf.zoo.ukbioformer.haplotype_vectors import HaplotypeVectors, load_haplotype_vectors

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A UKBioZoi, which is the smaller of the two."""
    return ukbioformer_case(tmp_path_factory.mktemp("ukbiozoi"), "borzoi")


class TestUkBioZoi(GeneModelTests):
    """What every model passes."""

    epochs = 40

    @pytest.fixture
    def case(self, small: Case) -> Case:
        return small


def diploid(case: Case) -> PersonalGenome:
    return PersonalGenome(ReferenceGenome(case.fasta), case.vcf, options=GenotypeOptions(mode="diploid"))


def ukbiobert(case: Case) -> Path:
    return case.model.parent / "ukbiobert"


def vectors(case: Case) -> HaplotypeVectors:
    folder = ukbiobert(case)
    return load_haplotype_vectors("model", None, model_identity(folder).sha256, asked=folder)


def test_ukbioformer_is_the_same_on_an_enformer(small: Case, tmp_path: Path) -> None:
    model, person = gene_model(ukbiobert(small), "enformer"), diploid(small)
    model.save(tmp_path / "ukbioformer")
    again = load_gene_model(tmp_path / "ukbioformer", device="cpu", embedding_model=ukbiobert(small))
    assert again.config.backbone == "enformer"
    table = ExpressionPredictor(again).predict(small.fasta, small.vcf, genes=["PLUS", "MINUS"])
    expected = np.concatenate([plain(model, person, gene, [0, 1]) for gene in ("PLUS", "MINUS")])
    np.testing.assert_allclose(table["expression"], expected, atol=2e-5)
    scored = VariantScorer(again).score(small.variants[:1], person, genes="PLUS", zygosity=["hom"])
    edited = EditedGenome(person, [GenotypeEdit(Variant.parse(small.variants[0]), "hom")])
    np.testing.assert_allclose(scored["expression_alt"], plain(model, edited, "PLUS", [0, 1]), atol=2e-5)


def test_lengths_that_a_borzoi_does_not_read_are_refused(small: Case) -> None:
    with pytest.raises(InputError, match=r"window of 1,000 bases cannot be read.*multiple of 128"):
        load_gene_model(small.model, device="cpu", window=1_000)


# Embeddings


def test_a_haplotype_goes_through_ukbiobert_once_whoever_has_it(small: Case) -> None:
    model = gene_model(ukbiobert(small))
    source, person = model.embeddings, diploid(small)
    assert isinstance(source, HaplotypeVectors)
    opened = model.open(person.reference)
    regions = opened.finder.find(model.gene_table.get("PLUS"))
    given = opened.read(person, regions)
    (window,) = given.windows
    opened.predict([given, given], [0])
    assert source.made == 2
    reference = opened.read(PersonalGenome(person.reference, options=person.options), regions)
    opened.predict([reference, given], [0])
    assert source.made == 3  # both haplotypes of the reference are one
    first = WINDOW // 2 - EMBEDDED // 2
    inner = [row[first : first + EMBEDDED] for row in window.letters]
    lower = [np.frombuffer(each.tobytes().lower(), dtype=np.uint8) for each in inner]
    assert np.array_equal(source.of(lower), source.of(inner)) and source.made == 3
    embedding = model.batch([given], np.array([[0]]))["variant_embedding"][0].numpy()
    assert np.array_equal(embedding, source.of(inner).reshape(-1)) and embedding.shape == (2 * WIDTH,)


def test_an_edit_changes_the_embedding_of_the_haplotype_that_it_is_on(small: Case) -> None:
    """Which one matters, though the DNA is the mean of both."""
    model, person = gene_model(ukbiobert(small)), diploid(small)
    opened = model.open(person.reference)
    regions = opened.finder.find(model.gene_table.get("PLUS"))
    held = person.reference.sequence("chr1", 1_519, 1_520).upper()
    variant = Variant("chr1", 1_520, held, OTHER[held])
    found = {}
    for genotype in ("absent", "haplotype1", "haplotype2", "hom"):
        state = opened.read(EditedGenome(person, [GenotypeEdit(variant, genotype)]), regions)
        found[genotype] = model.batch([state], np.array([[0]]))
    halves = {name: np.split(each["variant_embedding"][0].numpy(), 2) for name, each in found.items()}
    absent, hom = halves["absent"], halves["hom"]
    assert not np.allclose(absent[0], hom[0], atol=1e-6) and not np.allclose(absent[1], hom[1], atol=1e-6)
    assert np.array_equal(np.stack(halves["haplotype1"]), np.stack([hom[0], absent[1]]))
    assert np.array_equal(np.stack(halves["haplotype2"]), np.stack([absent[0], hom[1]]))
    assert torch.equal(found["haplotype1"]["sequence"], found["haplotype2"]["sequence"])
    states = opened.states(person, regions, [0])
    first, second = (
        states.of(EditedGenome(states.person, [GenotypeEdit(variant, name)])) for name in ("haplotype1", "haplotype2")
    )
    values = [each.values[0] for each in states.predict([first, second])]
    assert values[0] != values[1]


def test_vectors_are_kept_in_a_folder_and_a_damaged_file_is_made_again(
    small: Case, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    haplotypes = list(rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), (5, 200)))
    first = vectors(small)
    first.keep_in(tmp_path)
    expected = first.of(haplotypes[:3])
    expected = np.concatenate([expected, first.of(haplotypes[3:])])
    (folder,) = tmp_path.iterdir()
    files = sorted(folder.iterdir())
    assert len(files) == 2 and first.made == 5
    second = vectors(small)
    second.keep_in(tmp_path)
    assert np.array_equal(second.of(haplotypes), expected) and second.made == 0
    files[0].write_bytes(files[0].read_bytes()[:-8])
    third = vectors(small)
    third.keep_in(tmp_path)
    assert "is damaged" in caplog.text
    assert np.array_equal(third.of(haplotypes), expected) and third.made in (2, 3)
    assert np.array_equal(third.of([np.full(200, ord("N"), dtype=np.uint8)]), np.zeros((1, WIDTH)))


def test_gradients_are_those_of_the_dna_with_the_embedding_as_it_is(small: Case) -> None:
    model, person = gene_model(ukbiobert(small)), diploid(small)
    model.network.double()
    opened = model.open(person.reference)
    regions = opened.finder.find(model.gene_table.get("PLUS"))
    states = opened.states(person, regions, [0, 1])
    interval = Interval("chr1", 1_515, 1_519)
    found, shares = states.gradients(interval)
    batch = model.batch([opened.read(person, regions)], np.array([[0, 1]]))
    first = interval.start - (model.gene_table.get("PLUS").tss - WINDOW // 2)
    np.testing.assert_array_equal(shares, batch["sequence"][0, first : first + 4])
    for place in range(4):
        for base in range(4):
            moved = []
            for step in (1e-4, -1e-4):
                dna = batch["sequence"].double()
                dna[0, first + place, base] += step
                with torch.inference_mode():
                    moved.append(model.network(**{**batch, "sequence": dna}).logits[0].numpy())
            expected = (moved[0] - moved[1]) / 2e-4
            np.testing.assert_allclose(found[place, base], expected, atol=1e-5, rtol=1e-3)
    assert np.abs(found).max() > 1e-4


# Its UKBioBERT


def test_without_its_ukbiobert_or_with_another_it_is_refused(small: Case, tmp_path: Path) -> None:
    sha256 = model_identity(ukbiobert(small)).sha256[:16]
    alone = Path(shutil.copytree(small.model, tmp_path / "alone"))
    output = tmp_path / "out.tsv"
    predict = asked("predict", alone, fasta=small.fasta, vcf=small.vcf, gene="PLUS", output=output)
    missing = run(*predict)
    other = write_ukbiobert(tmp_path / "other", seed=1)
    another = run(*predict, "--embedding-model", other)
    for done, named in ((missing, "../ukbiobert"), (another, str(other))):
        assert done.returncode != 0 and "Traceback" not in done.stderr
        for part in (str(alone), named, sha256, "--embedding-model"):
            assert part in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert model_identity(other).sha256[:16] in another.stderr
    no_bert = run(*predict, "--embedding-model", small.model)
    assert no_bert.returncode != 0 and "ukbioformer" in no_bert.stderr and "--embedding-model" in no_bert.stderr
    found = run(*predict, "--embedding-model", ukbiobert(small))
    assert found.returncode == 0, found.stderr
    report = json.loads((tmp_path / "out.tsv.report.json").read_text())
    assert report["settings"]["embedding_window"] == EMBEDDED
    expected = plain(gene_model(ukbiobert(small)), diploid(small), "PLUS", [0, 1])
    np.testing.assert_allclose(pd.read_csv(output, sep="\t")["expression"], expected, atol=2e-5)


def test_widths_and_windows_that_do_not_fit_are_refused_with_both_numbers(small: Case) -> None:
    narrow = network(embedding_size=WIDTH)
    with pytest.raises(InputError, match=rf"embeddings of {WIDTH} numbers, and two vectors .* are {2 * WIDTH}"):
        UkBioFormerGeneModel(narrow, gene_table(), vectors(small), device="cpu")
    with pytest.raises(InputError, match=f"a window of 512 bases is shorter than the embedding's, {EMBEDDED}"):
        load_gene_model(small.model, device="cpu", window=512)


def test_a_folder_without_an_id_is_refused_and_one_without_a_hash_says_so(
    small: Case, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = UkBioFormerGeneModel(network(), gene_table(), device="cpu")
    model.save(tmp_path / "model")
    with pytest.raises(InputError, match=r"not named \(SHA-256 not known\).*--embedding-model"):
        load_gene_model(tmp_path / "model", device="cpu")
    load_gene_model(tmp_path / "model", device="cpu", embedding_model=ukbiobert(small))
    assert "does not say with which UKBioBERT it was trained" in caplog.text
    with pytest.raises(InputError, match="has no UKBioBERT"):
        ExpressionPredictor(model).predict(small.fasta, small.vcf, genes=["PLUS"])


def test_a_folder_that_names_a_folder_says_so_before_it_is_published(
    small: Case, caplog: pytest.LogCaptureFixture
) -> None:
    EXPRESSION.check(small.model, UkBioFormerGeneModel)
    assert "its UKBioBERT is ../ukbiobert to it, by which readers will not find it" in caplog.text


# Embeddings of a file


@pytest.fixture(scope="module")
def embedded(small: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("embedded") / "people.safetensors"
    words = asked("embed", ukbiobert(small), fasta=small.fasta, vcf=small.vcf, window=EMBEDDED)
    genes = small.model / "genes.parquet"
    done = run(*words, "--snps-only", "--gene", "PLUS", "--gene", "MINUS", "--gtf", genes, "-o", output)
    assert done.returncode == 0, done.stderr
    return output


def test_embeddings_of_a_file_predict_as_those_that_are_made(small: Case, embedded: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copytree(small.model, tmp_path / "alone"))  # no UKBioBERT is there
    words = asked("predict", alone, fasta=small.fasta, vcf=small.vcf, embedding=embedded)
    done = run(*words, "--gene", "PLUS", "--gene", "MINUS", "-o", tmp_path / "out.tsv")
    assert done.returncode == 0, done.stderr
    model = gene_model(ukbiobert(small))
    expected = np.concatenate([plain(model, diploid(small), gene, [0, 1]) for gene in ("PLUS", "MINUS")])
    np.testing.assert_allclose(pd.read_csv(tmp_path / "out.tsv", sep="\t")["expression"], expected, atol=2e-5)
    loaded = load_gene_model(alone, device="cpu", variant_embeddings=embedded)
    with pytest.raises(InputError, match=r"none of edited genomes.*--embedding-model"):
        VariantScorer(loaded).score(small.variants[:1], diploid(small), genes="PLUS")
    with pytest.raises(InputError, match="reference, ENSG00000000001: has no embedding of it"):
        ExpressionPredictor(loaded).predict(small.fasta, genes=["PLUS"])


def test_a_plan_counts_the_embeddings_that_are_to_be_made(small: Case, embedded: Path, tmp_path: Path) -> None:
    words = asked("predict", small.model, fasta=small.fasta, vcf=small.vcf, gene="PLUS", output=tmp_path / "out.tsv")
    made, read = (run(*words, "--plan", *more) for more in ((), ("--embedding", embedded)))
    flops = []
    for done in (made, read):
        assert done.returncode == 0, done.stderr
        said = done.stdout + done.stderr
        assert "1 genes x 1 people" in said
        flops.append(float(re.search(r"([\d.e-]+) TFLOP", said)[1]))
    assert flops[0] > 1.1 * flops[1]


@contextmanager
def changed(embedded: Path, folder: Path) -> Iterator[tuple[Path, dict[str, np.ndarray]]]:
    """Copies of the two files: the tensor's, without what it says of itself, is written when the block ends."""
    path = folder / "changed.safetensors"
    shutil.copy(embedded.with_suffix(".tsv"), path.with_suffix(".tsv"))
    arrays = load_file(embedded)
    yield path, arrays
    save_file(arrays, path)


def test_embeddings_of_another_width_order_or_model_are_refused(small: Case, embedded: Path, tmp_path: Path) -> None:
    def refused(path: Path, model: Path = small.model) -> str:
        with pytest.raises(InputError) as error:
            load_gene_model(model, device="cpu", variant_embeddings=path)
        return str(error.value)

    with changed(embedded, tmp_path) as (path, arrays):
        arrays["embedding"] = arrays["embedding"][:, :5].copy()
    assert f"embeddings of 5 numbers, and the model reads {2 * WIDTH}" in refused(path)
    with changed(embedded, tmp_path) as (path, arrays):
        arrays["embedding"] = np.concatenate([arrays["embedding"]] * 2)
    assert "has 4 rows, and changed.tsv beside it 2" in refused(path)
    with changed(embedded, tmp_path) as (path, arrays):
        pass
    load_gene_model(small.model, device="cpu", variant_embeddings=path)
    table = path.with_suffix(".tsv")
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], lines[1], lines[1]]) + "\n")
    assert "is there twice" in refused(path)
    copy = Path(shutil.copy(embedded, tmp_path / "order.safetensors"))
    copy.with_suffix(".tsv").write_text("\n".join([lines[0], lines[2], lines[1]]) + "\n")
    assert "the people may be in another order" in refused(copy)
    network(embedding_length=600).save_pretrained(tmp_path / "shorter")
    shutil.copy(small.model / "genes.parquet", tmp_path / "shorter")
    assert "embeddings of the window 640, and the model reads those of 600" in refused(embedded, tmp_path / "shorter")


def test_the_processor_of_a_folder_makes_the_dna_that_the_model_reads(small: Case) -> None:
    model = load_gene_model(small.model, device="cpu", precision="float32")
    processor, person = AutoProcessor.from_pretrained(small.model), diploid(small)
    assert isinstance(processor, UkBioFormerProcessor)
    gene = model.gene_table.get("PLUS")
    found = processor(person, gene, return_tensors="pt")
    opened = model.open(ReferenceGenome(small.fasta))
    expected = model.batch([opened.read(person, opened.finder.find(gene))], np.array([[0]]))["sequence"]
    torch.testing.assert_close(found["sequence"], expected)
    assert list(found) == processor.model_input_names
