"""``variantformer linearize`` on a small VariantFormer: from the panel to a folder that other commands read."""

import json
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from command_line import run
from genome_files import record, write_vcf
from random_variants import random_bases
from small_model import LENGTH, SmallWorld

from variantformer_hf.analysis import VariantScorer
from variantformer_hf.applications.linearize.gene_weights import GeneLinearizer, GeneWeights
from variantformer_hf.data.expression_sources import ExpressionSource, Sample
from variantformer_hf.data.harmonization import harmonize
from variantformer_hf.errors import InputError
from variantformer_hf.genome import PersonalGenome
from variantformer_hf.genome.genes import Gene
from variantformer_hf.zoo.dosage.gene_model import LinearDosageGeneModel
from variantformer_hf.zoo.dosage.variants import GeneVariants
from variantformer_hf.zoo.gene_regions import covered
from variantformer_hf.zoo.outputs import TissueNames

GENES = ("--gene", "ENSG00000000001", "--gene", "ENSG00000000002")
SMALL = ("--train-people", "30", "--test-people", "16", "--min-maf", "0")


@pytest.fixture(scope="module")
def model(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.save(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture(scope="module")
def panel(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven phased people with SNPs, insertions and deletions; the last one's last record has no phase."""
    rng = random.Random(4)
    lines, position = [], 20
    while position < LENGTH - 20:
        ref = world.genome[position - 1 : position - 1 + rng.choice([1, 1, 1, 3])].upper()
        alt = rng.choice([random_bases(rng, len(ref)), ref + "GA", ref[0]])
        if alt != ref and set(ref) <= set("ACGT"):
            lines.append(record(position, ref, alt, *(rng.choice(["0|0", "0|1", "1|0", "1|1"]) for _ in range(11))))
        position += len(ref) + rng.randint(30, 160)
    names = [f"P{number}" for number in range(11)]
    return write_vcf(tmp_path_factory.mktemp("panel") / "panel.vcf.gz", lines, contigs={"chr1": LENGTH}, samples=names)


@pytest.fixture(scope="module")
def weights(world: SmallWorld, model: Path, panel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two genes in two tissues, linearized."""
    folder = tmp_path_factory.mktemp("weights") / "w"
    files = ["--fasta", world.reference.path, "--vcf", panel]
    done = run("linearize", model, *files, *GENES, "--tissue", "liver", "--tissue", "thyroid", *SMALL, "-o", folder)
    assert done.returncode == 0, done.stderr
    assert "genes_x_tissues: 4 fitted" in done.stderr and not folder.with_suffix(".parts").exists()
    return folder


def test_a_folder_of_weights_comes_out_and_is_read_by_other_commands(
    world: SmallWorld, model: Path, panel: Path, weights: Path, tmp_path: Path
) -> None:
    files = ["--fasta", world.reference.path, "--vcf", panel]
    fits = pd.read_parquet(weights / "fits.parquet")
    assert fits["tissue"].tolist() == ["liver", "thyroid"] * 2
    assert fits["pred_perf_r2"].between(0, 1).all() and (fits["pairs_share"] > 0).all()
    report = json.loads((weights / "report.json").read_text())
    assert report["variants"]["used"] == fits.groupby("gene_id")["n_read"].first().sum()
    variants = pd.read_parquet(weights / "variants.parquet")
    assert (variants["ref"].str.len() != variants["alt"].str.len()).sum() > 3

    linear = LinearDosageGeneModel.load(weights)
    scorer = VariantScorer.from_pretrained(model)
    genome = PersonalGenome(world.reference)
    for output, tissue in enumerate(("liver", "thyroid")):
        found = linear.effects(output)
        place = int(np.abs(found["effect"]).argmax())
        of_variant = variants.iloc[linear.variants.first[found["gene"][place]] + found["variant"][place]]
        name = f"{of_variant['chrom']}:{of_variant['pos']}:{of_variant['ref']}:{of_variant['alt']}"
        table = scorer.score([name], genome, genes=[str(of_variant["gene_id"])], tissues=[tissue])
        het, hom = table.set_index("zygosity")["effect"][["het", "hom"]]
        frequency = of_variant["mean_dosage"] / 2
        assert found["effect"][place] == pytest.approx((1 - frequency) * het + frequency * (hom - het), abs=1e-5)

    done = run("predict", weights, *files, "--all-samples", "-o", tmp_path / "linear.tsv")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "linear.tsv", sep="\t")
    assert len(table) == 11 * 4 and set(table["status"]) == {"ok"}
    # By hand: the intercept and the weights times what the panel's file says of one person.
    row = table[(table["sample"] == "P3") & (table["tissue"] == "liver")].iloc[0]
    number = linear.number_of[row["gene_id"]]
    of_tissue = linear.weights(0)
    of_gene = of_tissue["gene"] == number
    own = linear.variants.of(number)
    expected = float(linear.network.intercept.detach()[number, 0])
    dosages = dosage_of(panel, "P3", own, world.genome.upper())
    for variant, weight in zip(of_tissue["variant"][of_gene], of_tissue["weight"][of_gene], strict=True):
        expected += dosages[int(variant)] * float(weight)
    assert row["log1p_tpm"] == pytest.approx(expected, rel=1e-5)


def test_a_folder_of_weights_is_the_prior_of_a_fit(
    world: SmallWorld, panel: Path, weights: Path, tmp_path: Path
) -> None:
    """Of people whose expression is what the weights say of them: the prior is used, and the fit predicts it."""
    files = ["--fasta", world.reference.path, "--vcf", panel]
    done = run("predict", weights, *files, "--all-samples", "-o", tmp_path / "said.parquet")
    assert done.returncode == 0, done.stderr
    said = pd.read_parquet(tmp_path / "said.parquet")
    order = pd.MultiIndex.from_frame(said[["sample", "tissue"]].drop_duplicates())
    samples = tuple(Sample(f"{donor}|{tissue}", donor, tissue) for donor, tissue in order)
    rows = {
        gene: (rows.set_index(["sample", "tissue"])["tpm"].reindex(order).to_numpy(dtype=np.float32))
        for gene, rows in said.groupby("gene_id")
    }
    source = ExpressionSource(tmp_path / "x.tsv", "LAB", samples, lambda: iter(rows.items()), {})
    names = TissueNames(["liver", "thyroid"])
    harmonize([source], world.predictor.gene_table, names, tmp_path / "expression", least_nonzero=1)
    world.predictor.gene_table.save(tmp_path / "genes.parquet")
    fitting = ["--genes", tmp_path / "genes.parquet", "--expression", tmp_path / "expression"]
    fitting += ["--folds", "3", "--outer-folds", "0", "--strength", "5", "--radius", "3000", "--min-maf", "0"]
    done = run("fit", "--prior", weights, *files, *fitting, "-o", tmp_path / "fitted")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "fitted" / "report.json").read_text())
    assert report["prior"]["w"]["used"] == 2 * len(pd.read_parquet(weights / "variants.parquet"))
    found_of = report["variants_in_windows"]
    assert found_of["in_prior"] > 5 and found_of["no_snvs_in_prior"] > 5
    assert sum(report["fits"].values()) == 4 and not {"mean", "plain"} & set(report["fits"])
    done = run("predict", tmp_path / "fitted", *files, "--all-samples", "-o", tmp_path / "found.parquet")
    assert done.returncode == 0, done.stderr
    found = pd.read_parquet(tmp_path / "found.parquet").merge(said, on=["sample", "gene_id", "tissue"])
    assert len(found) == 44
    r = found.groupby(["gene_id", "tissue"])[["log1p_tpm_x", "log1p_tpm_y"]].corr().iloc[::2, 1]
    # Folds of four people each choose the penalties.
    assert (r > 0.5).all() and r.mean() > 0.75, r


def dosage_of(panel: Path, sample: str, own: GeneVariants, genome: str) -> list[int]:
    """Copies of each by pysam: the record with which the genome reads as with the variant."""

    def applied(position: int, ref: str, alt: str) -> str:
        return genome[:position] + alt + genome[position + len(ref) :]

    with pysam.VariantFile(str(panel)) as file:
        copies = {
            applied(each.start, str(each.ref), str((each.alts or ("",))[0])): sum(each.samples[sample]["GT"])
            for each in file
        }
    return [copies[applied(*each)] for each in zip(own.position.tolist(), own.ref, own.alt, strict=True)]


def test_a_run_that_was_cut_short_goes_on_and_gives_the_same(
    world: SmallWorld, model: Path, panel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second gene fails; the same command does that one alone, and another one is refused."""
    files = ["--fasta", world.reference.path, "--vcf", panel, "--tissue", "liver", *SMALL]
    whole = run("linearize", model, *files, *GENES, "-o", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    done: list[str] = []
    plain = GeneLinearizer.gene

    def failing(self: GeneLinearizer, gene: Gene) -> GeneWeights:
        if gene.gene_id.startswith("ENSG00000000002") and not done.count("failed"):
            done.append("failed")
            raise InputError("stopped here")
        done.append(gene.gene_id[:15])
        return plain(self, gene)

    monkeypatch.setattr(GeneLinearizer, "gene", failing)
    output = tmp_path / "w"
    failed = run("linearize", model, *files, *GENES, "-o", output)
    assert failed.returncode == 1 and "stopped here" in failed.stderr and (tmp_path / "w.parts").is_dir()
    other = run("linearize", model, *files, *GENES, "--seed", "1", "-o", output)
    assert other.returncode == 1 and "unfinished output of another run" in other.stderr
    again = run("linearize", model, *files, *GENES, "-o", output)
    assert again.returncode == 0, again.stderr
    assert done == ["ENSG00000000001", "failed", "ENSG00000000002"]
    for name in ("model.safetensors", "variants.parquet"):
        assert (output / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_gene_without_variants_is_predicted_as_the_reference_genome(
    world: SmallWorld, model: Path, panel: Path, tmp_path: Path
) -> None:
    """The panel's records in reach of the second gene are taken out."""
    starts, ends = covered([world.regions("ENSG00000000002")])
    with pysam.VariantFile(str(panel)) as file:
        lines = [str(each).rstrip() for each in file if each.stop <= starts.min() or each.start >= ends.max()]
    assert lines
    names = [f"P{number}" for number in range(11)]
    fewer = write_vcf(tmp_path / "fewer.vcf.gz", lines, contigs={"chr1": LENGTH}, samples=names)
    files = ["--fasta", world.reference.path, "--vcf", fewer]
    asked = [*GENES, "--tissue", "liver", "--method", "effects", *SMALL]
    done = run("linearize", model, *files, *asked, "-o", tmp_path / "w")
    assert done.returncode == 0, done.stderr
    fits = pd.read_parquet(tmp_path / "w" / "fits.parquet").set_index("gene_id")["status"]
    assert dict(fits) == {fits.index[0]: "fitted", fits.index[1]: "no_variants_in_window"}
    done = run("predict", tmp_path / "w", *files, "--sample", "P2", "-o", tmp_path / "linear.tsv")
    assert done.returncode == 0, done.stderr
    row = pd.read_csv(tmp_path / "linear.tsv", sep="\t").iloc[1]
    reference = world.predictor.predict(world.reference.path, genes=["ENSG00000000002"], tissues=["liver"])
    assert row["status"] == "no_variants_in_window"
    assert row["log1p_tpm"] == pytest.approx(float(reference["log1p_tpm"].iloc[0]), abs=1e-5)


def test_bad_input_is_a_line(world: SmallWorld, model: Path, panel: Path, tmp_path: Path) -> None:
    files = ["--fasta", world.reference.path, "--vcf", panel, "-o", tmp_path / "w"]
    people, others = tmp_path / "people.txt", tmp_path / "others.txt"
    people.write_text("".join(f"P{number}\n" for number in range(8)))
    others.write_text("P7\nP8\nP9\n")
    for arguments, message in (
        (["--people", people, "--test-people-file", others], "P7"),
        (["--test-people-file", others], "Give --people too"),
        (["--gene", "NONE"], "NONE"),
        (["--train-people", "3"], "--train-people is 3"),
    ):
        done = run("linearize", model, *files, *map(str, arguments))
        assert done.returncode != 0 and message in done.stderr, done.stderr
        assert len(done.stderr.strip().splitlines()) <= 2 and not (tmp_path / "w").exists()
