"""The predictor on the synthetic genome: what is predicted, what is refused, and what the report says."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from genome_files import record, write_vcf
from random_variants import other_base

from variantformer_hf import ExpressionPredictor, GeneTable, ReferenceGenome
from variantformer_hf.errors import AssemblyError, InputError, ReferenceMismatchError, SampleError
from variantformer_hf.genome.interval import reverse_complement
from variantformer_hf.genome.intervals import merged
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.inference import RejectedQueryError
from variantformer_hf.inference.people import open_people
from variantformer_hf.inference.windows import model_windows
from variantformer_hf.simulation.genome import write_simulation
from variantformer_hf.simulation.model import write_demo_model
from variantformer_hf.zoo.assembly import check_assembly
from variantformer_hf.zoo.device import choose_device, choose_dtype
from variantformer_hf.zoo.gene_regions import gene_sequences
from variantformer_hf.zoo.variantformer.regions import region_finder

COLUMNS = ["sample", "gene_id", "gene_name", "tissue", "log1p_tpm", "tpm", "status", "reason"]


@dataclass(frozen=True)
class Files:
    folder: Path
    fasta: Path
    vcf: Path
    model: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("synthetic")
    written = write_simulation(folder)
    genes = written.genes.read_text()
    written.genes.write_text(genes + "ENSG00000000099.1,ONX,chrX,100,900,+,protein_coding\n")
    return Files(folder, written.fasta, written.vcf, write_demo_model(written, folder / "model"))


@pytest.fixture(scope="module")
def predictor(files: Files) -> ExpressionPredictor:
    return ExpressionPredictor.from_pretrained(files.model, device="cpu")


def write_people(
    path: Path, records: Sequence[tuple[str, int, str, str, str]], samples: Sequence[str] = ("S1",)
) -> Path:
    """Records (chrom, 1-based position, REF, ALT, genotypes joined by tabs), bgzipped and indexed."""
    lines = [record(p, r, a, *g.split("\t"), chrom=c) for c, p, r, a, g in sorted(records)]
    return write_vcf(path, lines, contigs={"chr1": 400_000, "chr2": 250_000}, samples=samples)


def base_at(files: Files, chrom: str, position: int, length: int = 1) -> str:
    return ReferenceGenome(files.fasta).sequence(chrom, position - 1, position - 1 + length).upper()


def test_rows_are_in_the_asked_order(files: Files, predictor: ExpressionPredictor) -> None:
    table = predictor.predict(files.fasta, files.vcf, genes=["DEMO5", "DEMO2"], tissues=["Liver", "whole blood"])
    assert list(table.columns) == COLUMNS
    assert list(zip(table["gene_name"], table["tissue"], strict=True)) == [
        ("DEMO5", "liver"),
        ("DEMO5", "whole blood"),
        ("DEMO2", "liver"),
        ("DEMO2", "whole blood"),
    ]
    assert set(table["sample"]) == {"person"}
    assert table["log1p_tpm"].dtype == np.float32


def test_a_row_does_not_depend_on_what_else_is_asked(files: Files, predictor: ExpressionPredictor) -> None:
    everything = predictor.run(files.fasta, files.vcf, with_embeddings=True)
    one = predictor.run(files.fasta, files.vcf, genes=["DEMO3"], tissues=["liver"], with_embeddings=True)
    row = ((everything.table["gene_name"] == "DEMO3") & (everything.table["tissue"] == "liver")).to_numpy()
    np.testing.assert_allclose(everything.table.loc[row, "log1p_tpm"], one.table["log1p_tpm"], atol=2e-6)
    assert everything.embeddings is not None
    assert one.embeddings is not None
    assert everything.embeddings.shape == (len(everything.table), predictor.model.network.config.hidden_size)
    np.testing.assert_allclose(everything.embeddings[row], one.embeddings, atol=2e-5)


def test_all_genes_leave_out_sex_chromosomes_and_say_so(
    files: Files, predictor: ExpressionPredictor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="variantformer_hf"):
        result = predictor.run(files.fasta)
    assert result.table["gene_id"].nunique() == 6
    ((reason, count),) = result.report["genes"]["left_out"].items()
    assert "autosomes" in reason
    assert count == 1
    assert "1 of the model's genes are left out" in caplog.text
    assert result.rejected == ()


def test_a_gene_on_a_sex_chromosome_is_rejected_by_name(files: Files, predictor: ExpressionPredictor) -> None:
    with pytest.raises(RejectedQueryError, match="autosomes") as caught:
        predictor.predict(files.fasta, genes=["ONX", "DEMO1"])
    assert [(entry.kind, entry.name) for entry in caught.value.rejected] == [("gene", "ENSG00000000099.1")]
    result = predictor.run(files.fasta, genes=["ONX", "DEMO1", "DEMO99"], tissues=["livre", "liver"], skip_invalid=True)
    assert {entry.name for entry in result.rejected} == {"ENSG00000000099.1", "DEMO99", "livre"}
    assert set(result.table["gene_name"]) == {"DEMO1"}
    assert len(result.report["rejected"]) == 3


def test_several_samples_of_one_file(files: Files, predictor: ExpressionPredictor, tmp_path: Path) -> None:
    gene = predictor.gene_table.get("DEMO1")
    ref = base_at(files, "chr1", gene.start + 50)
    vcf = write_people(
        tmp_path / "two.vcf.gz",
        [("chr1", gene.start + 50, ref, other_base(ref), "1|1\t0|0")],
        samples=("carrier", "not"),
    )
    with pytest.raises(SampleError, match="carrier, not"):
        predictor.predict(files.fasta, vcf, genes=["DEMO1"])
    result = predictor.run(files.fasta, vcf, samples=["not", "carrier"], genes=["DEMO1"], tissues=["liver"])
    assert list(result.table["sample"]) == ["not", "carrier"]
    assert list(result.table["status"]) == ["no_variants", "ok"]
    reference = predictor.predict(files.fasta, genes=["DEMO1"], tissues=["liver"])
    # Two people in one batch against one: sums of other shapes, which differ in their last digits.
    differences = np.abs(result.table["log1p_tpm"].to_numpy() - reference["log1p_tpm"][0])
    assert differences[0] < 2e-6
    assert differences[1] > 2e-5
    assert result.report["samples"]["carrier"]["total"]["applied"] == 1
    assert result.report["samples"]["not"]["total"]["skipped"] == {"hom_ref": 1}
    assert list(result.genes["records_applied"]) == [0, 1]
    everybody = predictor.run(files.fasta, vcf, samples="all", genes=["DEMO1"], tissues=["liver"])
    assert list(everybody.table["sample"]) == ["carrier", "not"]


def test_a_deleted_gene_and_a_gene_without_elements_are_nan(
    files: Files, predictor: ExpressionPredictor, tmp_path: Path
) -> None:
    reference = ReferenceGenome(files.fasta)
    regions = predictor.model.region_finder(reference)
    window = regions.find(predictor.gene_table.get("DEMO1")).window
    start, length = window.start - 10, window.end - window.start + 10
    ref = base_at(files, "chr1", start + 1, length)
    vcf = write_people(tmp_path / "deleted.vcf.gz", [("chr1", start + 1, ref, ref[0], "1|1")])
    table = predictor.predict(files.fasta, vcf, genes=["DEMO1", "DEMO2"], tissues=["liver"])
    assert list(table["status"]) == ["gene_deleted", "ok"]
    assert table["log1p_tpm"].isna().tolist() == [True, False]


def test_a_vcf_of_another_genome_stops_before_anything_is_computed(
    files: Files, predictor: ExpressionPredictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor.model.network, "forward", lambda *_: pytest.fail("computed"))
    rng = np.random.default_rng(0)
    records = []
    for position in range(1_000, 300_000, 1_000):
        ref = str(rng.choice(list("ACGT")))
        records.append(("chr1", position, ref, other_base(ref), "0|1"))
    vcf = write_people(tmp_path / "wrong.vcf.gz", records)
    with pytest.raises(ReferenceMismatchError, match=r"wrong\.vcf\.gz.*only \d+ of \d+ records.*another assembly"):
        predictor.predict(files.fasta, vcf, genes=["DEMO1"])


def test_one_wrong_record_is_named_or_skipped(files: Files, predictor: ExpressionPredictor, tmp_path: Path) -> None:
    gene = predictor.gene_table.get("DEMO1")
    records = []
    for position in range(gene.start + 10, gene.start + 600, 10):
        ref = base_at(files, "chr1", position)
        records.append(("chr1", position, ref, other_base(ref), "0|1"))
    chrom, position, ref, *_ = records[7]
    wrong = other_base(ref)
    records[7] = (chrom, position, wrong, "T" if wrong != "T" else "G", "0|1")
    vcf = write_people(tmp_path / "one.vcf.gz", records)
    with pytest.raises(ReferenceMismatchError, match=rf"one\.vcf\.gz: chr1:{position}: REF is {wrong}"):
        predictor.predict(files.fasta, vcf, genes=["DEMO1"])
    options = GenotypeOptions(on_ref_mismatch="skip-record")
    result = predictor.run(files.fasta, vcf, genes=["DEMO1"], options=options)
    counts = result.report["samples"]["S1"]["total"]
    assert counts["skipped"] == {"ref_mismatch": 1}
    assert counts["applied"] == len(records) - 1
    assert counts["ref_checked"] == len(records)


def test_a_vcf_without_records_on_the_asked_chromosomes_stops(
    files: Files, predictor: ExpressionPredictor, tmp_path: Path
) -> None:
    ref = base_at(files, "chr2", 5_000)
    vcf = write_people(tmp_path / "chr2.vcf.gz", [("chr2", 5_000, ref, other_base(ref), "0|1")])
    with pytest.raises(InputError, match=r"no record on any of the chromosomes asked for \(chr1\)"):
        predictor.predict(files.fasta, vcf, genes=["DEMO1"])
    assert len(predictor.predict(files.fasta, vcf, genes=["DEMO1", "DEMO4"], tissues=["liver"])) == 2


def test_an_index_older_than_the_vcf_is_said_once(
    files: Files, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vcf = write_people(tmp_path / "two.vcf.gz", [("chr1", 5, base_at(files, "chr1", 5), "*", "0|0\t0|0")], ("A", "B"))
    os.utime(f"{vcf}.tbi", (0, 0))
    with caplog.at_level(logging.WARNING, logger="variantformer_hf"):
        open_people(ReferenceGenome(files.fasta), vcf, ["A", "B"], GenotypeOptions())
    assert caplog.text.count("index is older") == 1


def test_samples_without_a_vcf(files: Files, predictor: ExpressionPredictor) -> None:
    with pytest.raises(InputError, match="without a VCF"):
        predictor.predict(files.fasta, samples=["S1"])


def test_bfloat16_is_near_float32(files: Files) -> None:
    exact = ExpressionPredictor.from_pretrained(files.model, device="cpu", precision="float32")
    rounded = ExpressionPredictor.from_pretrained(files.model, device="cpu", precision="bfloat16")
    genes = ["DEMO1", "DEMO2"]
    before, after = (each.predict(files.fasta, genes=genes)["log1p_tpm"] for each in (exact, rounded))
    difference = before - after
    assert 0 < difference.abs().max() < 0.02


def test_assemblies() -> None:
    class Fasta:
        path = Path("genome.fa")
        contigs: dict[str, int]

    fasta = Fasta()
    for length, assembly in ((249_250_621, "GRCh37"), (248_387_328, "T2T")):
        fasta.contigs = {"chr1": length}
        with pytest.raises(AssemblyError, match=assembly):
            check_assembly(fasta, "GRCh38")  # type: ignore[arg-type]
    for length in (248_956_422, 1_000):
        fasta.contigs = {"1": length}
        check_assembly(fasta, "GRCh38")  # type: ignore[arg-type]


def test_devices_and_precisions() -> None:
    assert choose_dtype("auto", torch.device("cpu")) == torch.float32
    assert choose_dtype("auto", torch.device("cuda")) == torch.bfloat16
    assert choose_device("cpu") == torch.device("cpu")
    for bad in (lambda: choose_device("tpu"), lambda: choose_dtype("float16", torch.device("cpu"))):
        with pytest.raises(InputError, match="Choose"):
            bad()


def test_windows_of_a_model_cover_every_region(files: Files, predictor: ExpressionPredictor) -> None:
    windows = model_windows(files.model, files.fasta)
    assert windows == merged(windows)
    reference = ReferenceGenome(files.fasta)
    finder = predictor.model.region_finder(reference)
    for gene in predictor.gene_table:
        if gene.chrom in finder.contig_of:
            for interval in finder.find(gene).intervals:
                assert any(
                    w.chrom == interval.chrom and w.start <= interval.start and interval.end <= w.end for w in windows
                )


@pytest.mark.parametrize("strand", ["+", "-"])
def test_inputs_of_a_gene_longer_than_its_window(
    files: Files, predictor: ExpressionPredictor, tmp_path: Path, strand: str
) -> None:
    """A 350 kb gene: the window by hand from the FASTA, its tokens by the plain tokenizer, 200 x 200 of them."""
    start, end = 20_000, 370_000
    table = f"gene_id,gene_name,chromosome,start,end,strand\nENSG00000000077.1,LONG,chr1,{start},{end},{strand}\n"
    (tmp_path / "genes.csv").write_text(table)
    genes = GeneTable.read(tmp_path / "genes.csv")
    reference = ReferenceGenome(files.fasta)
    finder = region_finder(genes, predictor.model.cre_table, predictor.model.processor, reference)
    regions = finder.find(genes.get("LONG"))
    sequences = gene_sequences(
        regions, lambda intervals: [reference.sequence(i.chrom, i.start, i.end) for i in intervals]
    )
    contig = "".join(line for line in files.fasta.read_text().split(">chr2")[0].splitlines() if line[0] != ">")
    window = contig[19_000:319_000] if strand == "+" else reverse_complement(contig[70_000:371_000])
    assert sequences.gene_sequence == window
    inputs = predictor.model.gene_inputs(sequences)
    plain = predictor.model.processor.tokenizer(window.upper(), add_special_tokens=False)["input_ids"]
    assert len(plain) > 40_000
    assert inputs["gene_input_ids"].shape == (1, 200, 200)
    assert inputs["gene_input_ids"].flatten().tolist() == plain[:40_000]
    assert inputs["gene_attention_mask"].all()


def test_the_predictor_is_what_the_model_says(files: Files, predictor: ExpressionPredictor) -> None:
    """The whole way by hand for one gene: regions, sequences, inputs, model."""
    reference = ReferenceGenome(files.fasta)
    finder = predictor.model.region_finder(reference)
    regions = finder.find(predictor.gene_table.get("DEMO2"))
    sequences = [reference.sequence(i.chrom, i.start, i.end) for i in regions.intervals]
    assert regions.gene.strand == "+"
    inputs = predictor.model.processor(
        sequences[:-1], regions.cre_class_ids.tolist(), sequences[-1], return_tensors="pt"
    )
    with torch.no_grad():
        expected = predictor.model.network(**inputs, tissue_ids=torch.tensor([[0, 1, 2, 3]])).logits[0]
    found = predictor.predict(files.fasta, genes=["DEMO2"])["log1p_tpm"]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    assert isinstance(found, pd.Series)
