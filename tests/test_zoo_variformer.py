"""Variformer as a tenant of the zoo: what every model passes, and what is its own."""

import logging
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import run
from gene_model_tests import Case, GeneModelTests
from genome_files import record, write_fasta, write_vcf
from hypothesis import given, settings
from hypothesis import strategies as st
from random_variants import random_bases
from transformers import AutoProcessor
from window_case import LENGTH, OTHER, WINDOW, gene_table, plain_variformer, variformer, window_case

from variantformer_hf import ExpressionPredictor, PersonalGenome, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.counterfactual import counterfactual
from variantformer_hf.analysis.input_gradients import input_gradients
from variantformer_hf.analysis.mutagenesis import mutagenesis
from variantformer_hf.errors import InputError
from variantformer_hf.genome import EditedGenome, GenotypeEdit, GenotypeOptions, Variant
from variantformer_hf.genome.interval import Interval
from variantformer_hf.modeling import VariformerProcessor
from variantformer_hf.zoo.diploid_dna import diploid_one_hot
from variantformer_hf.zoo.families import load_gene_model
from variantformer_hf.zoo.variformer.gene_model import VariformerGeneModel

pytestmark = pytest.mark.usefixtures("one_thread")

DIPLOID = GenotypeOptions(mode="diploid")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return window_case(tmp_path_factory.mktemp("variformer"), "variformer")


class TestVariformer(GeneModelTests):
    """What every model passes."""

    epochs = 55

    @pytest.fixture
    def case(self, written: Case) -> Case:
        return written


class Genome:
    """A random genome, and people who carry records of it."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder, self.text = folder, random_bases(random.Random(seed), LENGTH)
        self.reference = ReferenceGenome(write_fasta(folder / "genome.fa", {"chr1": self.text}, width=60))
        self.n_people = 0

    def snv(self, position: int) -> tuple[int, str, str]:
        return position, self.text[position - 1], OTHER[self.text[position - 1]]

    def variant(self, position: int) -> str:
        place, ref, alt = self.snv(position)
        return f"chr1:{place}:{ref}>{alt}"

    def person(self, *records: tuple[tuple[int, str, str], str], options: GenotypeOptions = DIPLOID) -> PersonalGenome:
        self.n_people += 1
        path = self.folder / f"person{self.n_people}.vcf.gz"
        vcf = write_vcf(path, [record(*each, call) for each, call in records], contigs={"chr1": LENGTH})
        return PersonalGenome(self.reference, vcf, options=options)


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    return Genome(tmp_path)


def dna_of(model: VariformerGeneModel, person: PersonalGenome, gene: str = "PLUS") -> np.ndarray:
    """(B, L, 4), what the network is given of a person's gene."""
    opened = model.open(person.reference)
    given = opened.read(person, opened.finder.find(model.gene_table.get(gene)))
    return model.batch([given], np.array([[0]]))["dna"].numpy()


def counted(model: VariformerGeneModel) -> list[int]:
    """How many windows go through the network, call by call, from now on."""
    sizes: list[int] = []
    model.network.register_forward_pre_hook(lambda _, __, given: sizes.append(len(given["dna"])), with_kwargs=True)
    return sizes


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(min_value=0))
def test_the_input_is_the_mean_of_both_haplotypes_with_snps_alone(seed: int) -> None:
    """Of phased and unphased, missing, haploid and multi-allelic calls, with indels between; N is a quarter."""
    rng = random.Random(seed)
    model, gene = variformer(), rng.choice(["PLUS", "MINUS"])
    tss = model.gene_table.get(gene).tss
    with tempfile.TemporaryDirectory() as folder:
        text = list(random_bases(rng, LENGTH))
        text[tss + 5 : tss + 8] = "NNN"
        fasta = write_fasta(Path(folder) / "genome.fa", {"chr1": "".join(text)}, width=60)
        lines = []
        for place in sorted(rng.sample(range(tss - 520, tss + 520), 30)):
            ref = text[place - 1]
            if ref == "N":
                continue
            alts = [OTHER[ref], *(base for base in "ACGT" if base not in (ref, OTHER[ref]))]
            alt = rng.choice([alts[0], alts[0], ",".join(alts[:2]), ref + "AC"])
            call = rng.choice(["0|1", "1|0", "0/1", "1/1", "./1", "./.", "1", *(["1|2"] if "," in alt else [])])
            lines.append(record(place, ref, alt, call))
        vcf = write_vcf(Path(folder) / "person.vcf.gz", lines, contigs={"chr1": LENGTH})
        person = PersonalGenome(ReferenceGenome(fasta), vcf, options=DIPLOID)
        window = Interval("chr1", tss - WINDOW // 2, tss + WINDOW // 2)
        (found,) = dna_of(model, person, gene)
        np.testing.assert_array_equal(found, diploid_one_hot(person, window, n=0.25))
        assert (found[WINDOW // 2 + 5 : WINDOW // 2 + 8] == 0.25).all()
        # The processor reads a person whatever the options say.
        processor = VariformerProcessor(WINDOW)
        asked = model.gene_table.get(gene), ("1", tss)
        for options in (DIPLOID, GenotypeOptions(mode="alt")):
            anyhow = PersonalGenome(person.reference, vcf, options=options)
            for each in asked:
                np.testing.assert_array_equal(processor(anyhow, each)["dna"][0], found)


def test_one_forward_pass_a_person_and_the_order_of_haplotypes_does_not_matter(genome: Genome) -> None:
    model, calls = variformer(), [(genome.snv(1_450), "0|1"), (genome.snv(1_490), "1|0"), (genome.snv(1_600), "0|1")]
    swapped = [(snv, call[::-1]) for snv, call in calls]
    unphased = [(snv, "0/1") for snv, _ in calls]
    sizes = counted(model)
    tables = [
        ExpressionPredictor(model).predict(genome.reference, str(genome.person(*each).path), genes=["PLUS"])
        for each in (calls, swapped, unphased)
    ]
    assert sizes == [1, 1, 1]
    for table in tables[1:]:
        np.testing.assert_array_equal(table["expression"], tables[0]["expression"])


def test_genotypes_without_phase_are_read_without_a_word(
    genome: Genome, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    person = genome.person((genome.snv(1_450), "0/1"))
    with caplog.at_level(logging.WARNING):
        ExpressionPredictor(variformer()).predict(genome.reference, str(person.path), genes=["PLUS"])
    assert caplog.messages == []


def test_indels_are_left_out_and_counted_whatever_is_asked_for(genome: Genome) -> None:
    carried = [(genome.snv(1_450), "0|1"), ((1_490, genome.text[1_489], genome.text[1_489] + "AC"), "1|1")]
    person = genome.person(*carried)
    model = variformer()
    for options in (None, GenotypeOptions(mode="diploid", snps_only=False)):
        result = ExpressionPredictor(model).run(
            genome.reference, str(person.path), genes=["PLUS"], tissues=["blood"], options=options
        )
        (counts,) = result.report["samples"].values()
        assert counts["total"]["skipped"] == {"not_snp": 1}
        expected = plain_variformer(model, genome.person(carried[0]), "PLUS", [0])
        np.testing.assert_allclose(result.table["expression"], expected, atol=2e-5)


def test_a_minus_gene_is_read_forward(genome: Genome) -> None:
    tss = gene_table().get("MINUS").tss
    (found,) = dna_of(variformer(), PersonalGenome(genome.reference, options=DIPLOID), "MINUS")
    read = "".join("ACGT"[base] for base in found.argmax(axis=1))
    assert read == genome.text[tss - WINDOW // 2 : tss + WINDOW // 2]
    assert tss == 3_299


def test_only_inputs_that_are_new_go_through_the_network(genome: Genome) -> None:
    """The key of a value is the whole input: the same letters on other haplotypes are not predicted again."""
    model = variformer()
    person = genome.person((genome.snv(1_450), "0|1"))
    opened = model.open(person.reference)
    states = opened.states(person, opened.finder.find(model.gene_table.get("PLUS")), [0])
    sizes = counted(model)

    def state(position: int, genotype: str) -> Any:
        return states.of(EditedGenome(states.person, [GenotypeEdit(Variant.parse(genome.variant(position)), genotype)]))

    states.predict([states.base])
    assert sizes == [1]
    sizes.clear()
    asked = [state(1_520, name) for name in ("haplotype1", "haplotype2", "het", "hom")]
    found = states.predict([states.base, *asked, state(1_450, "haplotype1"), state(4_000, "hom")])
    assert sizes == [2]
    values = [float(each.values[0]) for each in found]
    assert values[1] == values[2] == values[3] != values[4]
    assert values[0] == values[5] == values[6]
    assert values[1] != values[0]


def test_a_heterozygous_effect_is_of_the_mean_input_not_the_mean_of_values(genome: Genome) -> None:
    model = variformer()
    person = PersonalGenome(genome.reference, options=DIPLOID)
    table = VariantScorer(model).score([genome.variant(1_495)], person, genes="PLUS", tissues=["blood"])
    found = table.set_index("zygosity")["expression_alt"]
    variant = Variant.parse(genome.variant(1_495))
    for name in ("het", "hom"):
        edited = EditedGenome(person, [GenotypeEdit(variant, name)])
        np.testing.assert_allclose(found[name], plain_variformer(model, edited, "PLUS", [0]), atol=2e-5)
    assert abs(found["het"] - (found["hom"] + table["expression_ref"].iloc[0]) / 2) > 1e-5


def test_a_variant_that_is_no_snv_has_a_status_and_no_number(genome: Genome) -> None:
    model, text = variformer(), genome.text
    insertion = f"chr1:1495:{text[1_494]}>{text[1_494]}ACG"
    deletion = f"chr1:1510:{text[1_509:1_514]}>{text[1_509]}"
    exchange = f"chr1:1530:{text[1_529:1_531]}>{OTHER[text[1_529]]}{OTHER[text[1_530]]}"
    carrier = genome.person((genome.snv(1_450), "0|1"), ((1_495, text[1_494], text[1_494] + "ACG"), "0|1"))
    others = [insertion, deletion, exchange]
    for person in (PersonalGenome(genome.reference, options=DIPLOID), carrier):
        table = VariantScorer(model).score([*others, genome.variant(1_550)], person, genes="PLUS", tissues=["blood"])
        assert table["status"].tolist() == ["not_snp"] * 6 + ["ok"] * 2
        assert table["expression_alt"].isna().tolist() == table["effect"].isna().tolist() == [True] * 6 + [False] * 2
        assert table["expression_ref"].notna().all()
        found = counterfactual(
            VariantScorer(model), [person], [GenotypeEdit(Variant.parse(deletion), "hom")], ["PLUS"], tissues=["blood"]
        )
        assert found.table["status"].tolist() == ["not_snp"]
        assert found.table["expression_edited"].isna().all() and found.table["effect"].isna().all()
        edited = EditedGenome(person, [GenotypeEdit(Variant.parse(exchange), "hom")])
        opened = model.open(genome.reference)
        read = opened.read(edited, opened.finder.find(model.gene_table.get("PLUS")))
        assert (read.ending, read.windows) == ("not_snp", ())
        with pytest.raises(InputError, match="deletions and shuffles are no SNVs, and the mode diploid reads SNPs"):
            mutagenesis(
                VariantScorer(model),
                person,
                "PLUS",
                [Interval("chr1", 1_495, 1_499)],
                mutations=("substitutions", "deletions", "shuffles"),
            )
    # Read as one sequence it is scored.
    alone = PersonalGenome(genome.reference, options=GenotypeOptions(mode="haplotype1"))
    table = VariantScorer(model).score(others, alone, genes="PLUS", tissues=["blood"])
    assert set(table["status"]) == {"ok"}


def test_gradients_are_finite_differences(genome: Genome) -> None:
    """Of shares of the mean of both haplotypes, in float64."""
    carrier = genome.person((genome.snv(1_506), "0|1"), (genome.snv(1_510), "1|1"))
    model = variformer()
    stretch = Interval("chr1", 1_500, 1_512)
    (found,) = input_gradients(VariantScorer(model), carrier, "PLUS", [stretch], tissues=["blood", "skin"])
    window = Interval("chr1", 1_500 - WINDOW // 2, 1_500 + WINDOW // 2)
    whole = diploid_one_hot(carrier, window)
    np.testing.assert_array_equal(found.shares, whole[WINDOW // 2 : WINDOW // 2 + 12])
    network, dna, step = model.network.double(), torch.from_numpy(whole).double()[None], 1e-5
    for place in (0, 5, 9, 11):
        for letter in range(4):
            ends = []
            for sign in (1, -1):
                moved = dna.clone()
                moved[0, WINDOW // 2 + place, letter] += sign * step
                with torch.inference_mode():
                    ends.append(network(moved).logits[0, [0, 2]].numpy())
            expected = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(found.gradients[place, letter], expected, rtol=1e-3, atol=1e-6)


def test_genes_that_it_was_not_trained_on_are_predicted_and_said_to_be_such(
    genome: Genome, caplog: pytest.LogCaptureFixture
) -> None:
    person = genome.person((genome.snv(1_450), "0|1"), (genome.snv(3_290), "0|1"))
    plain, seen = variformer(), variformer(genes=["PLUS", "ENSG00000000003"])
    expected = ExpressionPredictor(plain).predict(genome.reference, str(person.path))
    assert set(expected["status"]) == {"ok", "window_off_contig"}
    with caplog.at_level(logging.WARNING):
        result = ExpressionPredictor(seen).run(genome.reference, str(person.path))
    assert [text for text in caplog.messages if "was not trained on MINUS" in text] == caplog.messages
    assert len(caplog.messages) == 1
    found = result.table
    np.testing.assert_array_equal(found["expression"], expected["expression"])
    of_gene = found.drop_duplicates("gene_name").set_index("gene_name")["status"].to_dict()
    assert of_gene == {"PLUS": "ok", "MINUS": "unseen_gene", "EDGE": "window_off_contig"}
    assert result.report["genes"]["status"] == {"ok": 1, "unseen_gene": 1, "window_off_contig": 1}
    for gene, status in (("PLUS", "ok"), ("MINUS", "unseen_gene")):
        position = gene_table().get(gene).tss - 4
        table = VariantScorer(seen).score([genome.variant(position)], person, genes=gene, tissues=["blood"])
        assert set(table["status"]) == {status} and table["effect"].notna().all()
        edits = [GenotypeEdit(Variant.parse(genome.variant(position)), "hom")]
        edited = counterfactual(VariantScorer(seen), [person], edits, [gene], tissues=["blood"]).table
        assert set(edited["status"]) == {status} and edited["effect"].notna().all()


def test_a_window_beyond_the_contig_is_counted(genome: Genome) -> None:
    table = ExpressionPredictor(variformer()).predict(genome.reference, genes=["EDGE"], tissues=["blood"])
    assert table["status"].tolist() == ["window_off_contig"] and table["expression"].isna().all()


def test_a_batch_with_labels_says_which_rows_are_of_one_gene(genome: Genome) -> None:
    model = variformer()
    people = [genome.person((genome.snv(1_450 + n), "0|1"), (genome.snv(3_250 + n), "1|1")) for n in range(2)]
    opened = model.open(genome.reference)
    inputs = [
        opened.read(person, opened.finder.find(model.gene_table.get(gene)))
        for gene in ("MINUS", "PLUS")
        for person in people
    ]
    labels = np.array([[0.5], [np.nan], [1.0], [-1.0]], dtype=np.float32)
    batch = model.batch(inputs, np.array([[2], [2], [0], [0]]), labels)
    assert batch["gene_index"].tolist() == [0, 0, 1, 1]
    assert batch.keys() == {"dna", "outputs", "labels", "gene_index"}
    found = model.network(**batch, return_dict=True)
    y = found.logits[:, 0].detach().double().numpy()
    expected = 0.5 * ((y[0] - 0.5) ** 2 + (y[2] - 1) ** 2 + (y[3] + 1) ** 2) / 3 + 0.5 * ((y[2] - y[3]) - 2) ** 2
    assert float(found.loss.detach()) == pytest.approx(expected, rel=1e-4)


def test_the_processor_of_a_folder_reads_what_the_model_reads(written: Case) -> None:
    model = load_gene_model(written.model, device="cpu", precision="float32")
    assert isinstance(model, VariformerGeneModel)
    processor = AutoProcessor.from_pretrained(written.model)
    assert isinstance(processor, VariformerProcessor) and processor.sequence_length == WINDOW
    person = PersonalGenome(ReferenceGenome(written.fasta), written.vcf)
    gene = model.gene_table.get("PLUS")
    inputs = processor([person, person], gene, return_tensors="pt")
    assert inputs["dna"].shape == (2, WINDOW, 4)
    expected = ExpressionPredictor(model).predict(written.fasta, written.vcf, genes=["PLUS"])["expression"]
    with torch.inference_mode():
        np.testing.assert_allclose(model.network(**inputs).logits[0].numpy(), expected, atol=1e-6)
    tss = gene.tss
    read = [each.sequence("chr1", tss - 512, tss + 512) for each in person.read_by(DIPLOID).readings()]
    for ready in (read, [read], [read[::-1]]):
        np.testing.assert_array_equal(processor(haplotypes=ready)["dna"], inputs["dna"][:1])


def test_what_the_processor_does_not_read_is_refused(genome: Genome) -> None:
    processor, person = VariformerProcessor(WINDOW), PersonalGenome(genome.reference)
    for arguments, problem in (
        ({}, "give person=PersonalGenome"),
        ({"person": person, "gene": "PLUS"}, r"GeneTable.read\('genes.parquet'\)"),
        ({"person": "person.vcf.gz", "gene": ("chr1", 2_000)}, "give person=PersonalGenome"),
        ({"person": person, "gene": ("chr1", 300)}, r"the window chr1:-211-812 leaves its contig of 5,000 bases"),
        ({"person": person, "gene": ("chr2", 2_000)}, "has no contig chr2"),
        ({"haplotypes": ["ACGT", "ACGT"]}, r"two haplotypes of 1,024 letters are read, and these have \[4, 4\]"),
        ({"person": person, "haplotypes": ["A", "C"]}, "in the place of person and gene"),
    ):
        with pytest.raises(ValueError, match=problem):
            processor(**arguments)
    for fields in ({"sequence_length": 0}, {"n_share": 2.0}):
        with pytest.raises(ValueError, match=next(iter(fields))):
            VariformerProcessor(**fields)


def test_modes_and_folders_that_it_does_not_have(written: Case, tmp_path: Path) -> None:
    done = run("predict", written.model, "--fasta", written.fasta, "--mode", "haplotypes", "-o", tmp_path / "o.tsv")
    assert done.returncode != 0
    assert "does not read genotypes as 'haplotypes'" in done.stderr and "--mode diploid" in done.stderr
    variformer().network.save_pretrained(tmp_path / "bare")
    with pytest.raises(InputError, match=r"is a network without genes\.parquet: it predicts no genes"):
        load_gene_model(tmp_path / "bare", device="cpu")


def test_a_folder_without_genes_can_be_published_too(tmp_path: Path) -> None:
    from importlib import resources

    variformer().network.save_pretrained(tmp_path)
    card = resources.files("variantformer_hf") / "model_cards" / "variantformer-pcg.md"
    (tmp_path / "README.md").write_text(card.read_text(encoding="utf-8"))
    done = run("publish", tmp_path, "me/model", "--dry-run")
    assert done.returncode == 0, done.stderr
