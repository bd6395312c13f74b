"""UKBioFormer's training: haplotypes embedded once, one gene learned by heart, each branch alone, runs cut short."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from accelerate.state import AcceleratorState
from command_line import run as command
from genome_files import record, write_fasta, write_vcf
from random_variants import random_bases
from safetensors.numpy import load_file
from training_runs import DRIVER, killed, log_of, run
from ukbioformer_case import TISSUES, TRUNKS, WIDTH, network, vectors_of, write_ukbiobert
from window_case import NO_DROPOUT, OTHER

from variantformer_hf import ExpressionPredictor, GeneTable, PersonalGenome, ReferenceGenome
from variantformer_hf.data import ExpressionSource, harmonize
from variantformer_hf.data.expression_sources import Sample
from variantformer_hf.data.splits import Split
from variantformer_hf.errors import InputError
from variantformer_hf.genome import GenotypeOptions
from variantformer_hf.modeling import EnformerConfig, EnformerForTracks, UkBioFormerConfig
from variantformer_hf.training import expression
from variantformer_hf.training.options import read_options
from variantformer_hf.training.stages import stage_named
from variantformer_hf.training.ukbioformer.options import UkBioFormerOptimizer, UkBioFormerOptions
from variantformer_hf.zoo.families import load_gene_model
from variantformer_hf.zoo.outputs import TissueNames
from variantformer_hf.zoo.ukbioformer.gene_model import UkBioFormerGeneModel
from variantformer_hf.zoo.ukbioformer.haplotype_vectors import HaplotypeVectors

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIGS = Path(__file__).resolve().parents[1] / "docs" / "configs"
LENGTH, TSS, TISSUE = 2_000, 1_000, TISSUES[0]
WINDOW, EMBEDDED = 256, 128
SIZES = {"input_length": WINDOW, "embedding_length": EMBEDDED}
DONORS = tuple(f"P{number:02d}" for number in range(12))
PARTS = {donor: "train" if n < 8 else "validation" for n, donor in enumerate(DONORS)}
# Places from 1 on one haplotype together: within the embedding's window, and within the DNA's alone.
NEAR, FAR = range(TSS - 50, TSS + 50, 5), range(TSS + EMBEDDED // 2 + 10, TSS + WINDOW // 2 - 8, 4)


@dataclass(frozen=True)
class Lab:
    """Files of a cohort, and the calls of each donor at a place near the TSS and at one that is far from it."""

    folder: Path
    model: Path
    ukbiobert: Path
    fasta: Path
    vcf: Path
    near: tuple[str, ...]
    far: tuple[str, ...]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Values are dosages at both places."""
    folder, rng = tmp_path_factory.mktemp("lab"), random.Random(0)
    genome = random_bases(rng, LENGTH)
    fasta = write_fasta(folder / "genome.fa", {"chr1": genome})
    near = tuple(("0|1", "1|0", "0|0", "1|1")[n % 4] for n in range(len(DONORS)))
    far = tuple(("0|1", "0|0", "1|1")[n % 3] for n in range(len(DONORS)))
    lines = []
    for places, calls in ((NEAR, near), (FAR, far)):
        lines += [record(place, genome[place - 1], OTHER[genome[place - 1]], *calls) for place in places]
    vcf = write_vcf(folder / "cohort.vcf.gz", lines, contigs={"chr1": LENGTH}, samples=DONORS)
    header = "gene_id,gene_name,chromosome,start,end,strand\n"
    rows = "".join(
        f"ENSG0000000000{n},{name},chr1,{TSS + 1 + n},{TSS + 300},+\n" for n, name in enumerate(["ONE", "TWO"])
    )
    (folder / "genes.csv").write_text(header + rows)
    genes = GeneTable.read(folder / "genes.csv")
    values = np.array([each.count("1") - other.count("1") for each, other in zip(near, far, strict=True)], float)
    samples = tuple(Sample(donor, donor, TISSUE) for donor in DONORS)
    tpm = {gene.gene_id: np.ones(len(DONORS), np.float32) for gene in genes}
    source = ExpressionSource(folder / "lab.tsv", "LAB", samples, lambda: iter(tpm.items()), {})
    found = harmonize([source], genes, TissueNames([TISSUE]), folder / "tpm", least_nonzero=1)
    found.with_values(folder / "z", values[np.asarray(found.sample)], "inverse_normal")
    Split({"LAB": PARTS}).with_genes({"ENSG00000000000": "train"}).save(folder / "split.json")
    ukbiobert = write_ukbiobert(folder / "ukbiobert")
    model = UkBioFormerGeneModel(network(tissues=[TISSUE], **SIZES), genes, vectors_of(ukbiobert), device="cpu")
    model.save(folder / "model")
    (folder / "driver.py").write_text(DRIVER)
    return Lab(folder, folder / "model", ukbiobert, fasta, vcf, near, far)


def config(lab: Lab, output: Path, **changes: Any) -> Path:
    loop = {"output": str(output), "epochs": 2, "batch_size": 4, "log_every": 1, **changes.pop("loop", {})}
    content = {
        "loop": loop,
        "fasta": str(lab.fasta),
        "vcfs": {"LAB": str(lab.vcf)},
        "expression": str(lab.folder / "z"),
        "split": str(lab.folder / "split.json"),
        "model": str(lab.model),
        **changes,
    }
    path = output.with_suffix(".yaml")
    path.write_text(yaml.safe_dump({name: value for name, value in content.items() if value is not None}))
    return path


def train(path: Path, **options: Any) -> dict[str, float]:
    AcceleratorState._reset_state(reset_partial_state=True)
    return expression.train_expression(read_options(path, UkBioFormerOptions), **options)


def test_defaults_are_those_of_the_public_code(lab: Lab, tmp_path: Path) -> None:
    assert stage_named("ukbioformer").options is UkBioFormerOptions
    path = config(lab, tmp_path / "run")
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**content, "loop": {"output": "run"}}))
    loop = read_options(path, UkBioFormerOptions).loop
    optimizer = loop.optimizer
    assert (loop.epochs, loop.batch_size, loop.monitor, loop.precision) == (100, 8, "loss", "float32")
    assert (optimizer.name, optimizer.learning_rate, optimizer.weight_decay) == ("adam", 5e-6, 0)
    assert (optimizer.schedule, optimizer.max_grad_norm) == ("constant", None)


def test_one_gene_is_learned_by_heart(lab: Lab, tmp_path: Path) -> None:
    """The folder of a run predicts the donors, names its gene and its UKBioBERT, and nothing of the data."""
    optimizer = {"learning_rate": 0.01}
    loop = {"epochs": 24, "batch_size": 8, "checkpoint_every": 1_000, "optimizer": optimizer}
    path = config(lab, tmp_path / "run", loop=loop)
    assert command("train", "ukbioformer", "--config", path, "--dry-run").returncode == 0
    train(path)
    model = load_gene_model(tmp_path / "run/last", device="cpu")
    table = ExpressionPredictor(model).predict(lab.fasta, lab.vcf, samples=list(DONORS[:8]), genes=["ONE"])
    wanted = [near.count("1") - far.count("1") for near, far in zip(lab.near[:8], lab.far[:8], strict=True)]
    assert np.corrcoef(table["expression"], wanted)[0, 1] > 0.95
    assert model.config.genes == ["ONE"]
    other = ExpressionPredictor(model).predict(lab.fasta, lab.vcf, samples=["P00"], genes=["ONE", "TWO"])
    assert dict(zip(other["gene_name"], other["status"], strict=True)) == {"ONE": "ok", "TWO": "unseen_gene"}
    assert model.config.embedding_sha256 == vectors_of(lab.ukbiobert).sha256
    for name in ("best", "last"):
        text = (tmp_path / "run" / name / "config.json").read_text()
        assert not any(each in text for each in (*DONORS, str(lab.fasta), str(lab.vcf)))
    rows = [row for row in log_of(tmp_path / "run") if "held_out_loss" in row]
    best = min(range(len(rows)), key=lambda place: rows[place]["held_out_loss"])
    assert [place for place, row in enumerate(rows) if row["is_best"]][-1] == best


def loss_after(lab: Lab, values: Callable[[str, str], float], steps: int) -> tuple[float, torch.Tensor, torch.Tensor]:
    """Loss of a new model that was trained on all donors at once, beside that of the mean, and what each branch gives.

    Args:
        lab: the files.
        values: call near the TSS and call far from it -> a donor's value.
        steps: of Adam.
    """
    model = load_gene_model(lab.model, device="cpu")
    reference = ReferenceGenome(lab.fasta)
    opened, options = model.open(reference), GenotypeOptions(mode="diploid")
    regions = opened.finder.find(model.gene_table.get("ONE"))
    people = [PersonalGenome(reference, lab.vcf, donor, options) for donor in DONORS]
    labels = np.array([[values(*calls)] for calls in zip(lab.near, lab.far, strict=True)], dtype=np.float32)
    batch = model.batch([opened.read(person, regions) for person in people], np.zeros((len(people), 1), int), labels)
    learner = model.network.train()
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.01)
    for _ in range(steps):
        learner(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.inference_mode():
        found = learner.eval()(**batch)
    return float(found.loss) / float(labels.var()), found.dna_logits, found.embedding_logits


def test_where_the_embedding_alone_has_the_signal_it_is_learned_by_that_branch(lab: Lab) -> None:
    """On which haplotype an allele is: the mean of both, which the DNA is, does not say so."""
    share, of_dna, of_embedding = loss_after(lab, lambda near, far: {"0|1": 1.0, "1|0": -1.0}.get(near, 0.0), steps=50)
    assert share < 0.1
    phased = [n for n in range(len(DONORS)) if (lab.near[n], lab.far[n]) in (("0|1", "0|0"), ("1|0", "0|0"))]
    assert len(phased) == 2 and float(of_dna[phased].std()) < 1e-5 and float(of_embedding[phased].std()) > 0.5


def test_where_the_dna_alone_has_the_signal_it_is_learned_by_that_branch(lab: Lab) -> None:
    """Variants beyond the embedding's window."""
    share, of_dna, of_embedding = loss_after(lab, lambda near, far: float(far.count("1")), steps=30)
    assert share < 0.1
    same = [n for n in range(len(DONORS)) if lab.near[n] == "0|0"]
    assert float(of_embedding[same].std()) < 1e-5 and float(of_dna[same].std()) > 0.5


@pytest.mark.parametrize("name", ["ukbioformer-paper", "ukbioformer-small"])
def test_the_configurations_of_the_docs_are_options(name: str) -> None:
    options = read_options(CONFIGS / f"{name}.yaml", UkBioFormerOptions)
    given = UkBioFormerConfig(**options.config)
    assert given.embedding_length <= given.input_length
    if name == "ukbioformer-paper":
        assert options.loop.optimizer == UkBioFormerOptimizer()
        assert (options.loop.epochs, options.loop.batch_size) == (100, 8)


def test_a_killed_run_takes_the_same_steps_and_embeds_no_haplotype_again(lab: Lab, tmp_path: Path) -> None:
    """With dropout and a BatchNorm that moves."""
    changes = {
        "model": None,
        "embedding_model": str(lab.ukbiobert),
        "genes": str(lab.folder / "genes.csv"),
        "tissues": [TISSUE],
        "config": {
            "backbone": "borzoi",
            "trunk": {**TRUNKS["borzoi"], "hidden_dropout": 0.1},
            "mlp_hidden": 6,
            **SIZES,
        },
    }
    loop = {"checkpoint_every": 1, "optimizer": {"learning_rate": 1e-3}}
    whole, cut = (config(lab, tmp_path / name, loop=loop, **changes) for name in ("whole", "cut"))
    train(whole)
    killed(run(lab.folder, "ukbioformer", cut, killed_at=3), tmp_path / "cut")
    (kept,) = (tmp_path / "cut/embeddings").iterdir()
    files = {path.name: path.read_bytes() for path in kept.iterdir()}
    assert sum(len(load_file(path)["keys"]) for path in kept.iterdir()) == 2  # what is far is outside of the window
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HaplotypeVectors, "_made", lambda *_: pytest.fail("a haplotype is embedded again"))
        train(cut)
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == files
    losses = [[row["loss"] for row in log_of(tmp_path / name) if "loss" in row] for name in ("whole", "cut")]
    assert losses[0] == losses[1] and len(losses[0]) == 4
    left, right = (load_file(tmp_path / name / "last/model.safetensors") for name in ("whole", "cut"))
    assert set(left) == set(right) and all(np.array_equal(left[name], right[name]) for name in left)
    moved = load_gene_model(tmp_path / "cut/last", device="cpu").network
    assert moved.config.embedding_size == 2 * WIDTH and moved.config.gate_seed == 0
    assert moved.gate.item() != torch.randn((), generator=torch.Generator().manual_seed(0)).item()


def test_a_new_model_begins_as_a_trunk(lab: Lab, tmp_path: Path) -> None:
    sizes = {**TRUNKS["enformer"], **NO_DROPOUT}
    trunk = EnformerForTracks(EnformerConfig(**sizes, num_hidden_layers=2, tracks={"human": 1})).eval()
    trunk.save_pretrained(tmp_path / "enformer")
    begun = {
        "model": None,
        "backbone": str(tmp_path / "enformer"),
        "embedding_model": str(lab.ukbiobert),
        "genes": str(lab.folder / "genes.csv"),
        "tissues": [TISSUE],
        "config": SIZES,
    }
    setup = stage_named("ukbioformer").set_up(read_options(config(lab, tmp_path / "run", **begun), UkBioFormerOptions))
    assert (setup.plan["pairs"], setup.plan["haplotypes_to_embed_at_most"]) == (8, 2 * len(DONORS))
    assert setup.model.trained_genes == {"ENSG00000000000"}
    assert setup.plan["parameters"] == setup.plan["parameters_that_learn"]
    learned = setup.recipe.network
    assert len(learned.trunk.layers) == 1
    assert torch.equal(learned.trunk.layers[0].up.weight, trunk.trunk.layers[0].up.weight)
    assert learned.config.embedding_sha256 == vectors_of(lab.ukbiobert).sha256


def test_donors_embeddings_come_from_a_file(lab: Lab, tmp_path: Path) -> None:
    words = ["embed", lab.ukbiobert, "--fasta", lab.fasta, "--vcf", lab.vcf, "--all-samples", "--window", EMBEDDED]
    output = tmp_path / "donors.safetensors"
    done = command(*words, "--gtf", lab.folder / "genes.csv", "--snps-only", "--device", "cpu", "-o", output)
    assert done.returncode == 0, done.stderr
    ways = {"file": {"embeddings": str(output)}, "ukbiobert": {}}
    for name, changes in ways.items():
        train(config(lab, tmp_path / name, **changes))
    first, second = ([row["loss"] for row in log_of(tmp_path / name) if "loss" in row] for name in ways)
    np.testing.assert_allclose(first, second, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"genes": "genes.csv"}, "genes is of a new model"),
        ({"model": None}, "a new UKBioFormer needs genes, tissues"),
        ({"model": None, "genes": "genes.csv", "tissues": [TISSUE]}, "needs embedding_model or embeddings"),
        ({"loop": {"parallel": "fsdp"}}, "cannot be shared out"),
        ({"expression": "tpm"}, "its values are log1p_tpm, and the model's are inverse_normal"),
        ({"embedding_model": "another"}, "is another one"),
        (
            {
                "model": None,
                "genes": "genes.csv",
                "tissues": [TISSUE],
                "embedding_model": "ukbiobert",
                "config": {"input_length": 1_000, "embedding_length": 600, "backbone": "borzoi"},
            },
            "not a multiple of 128",
        ),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_stops_a_run_before_it_begins(lab: Lab, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    if changes.get("embedding_model") == "another":
        write_ukbiobert(lab.folder / "another", seed=1)
    paths = ("genes", "expression", "embedding_model")
    changes = {name: str(lab.folder / each) if name in paths else each for name, each in changes.items()}
    with pytest.raises(InputError, match=told):
        train(config(lab, tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()
