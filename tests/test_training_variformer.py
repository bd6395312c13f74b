"""Variformer's training: blocks of a gene, the paper's defaults, one gene learned by heart, runs that are killed."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from accelerate.state import AcceleratorState
from genome_files import record, write_fasta, write_vcf
from random_variants import random_bases
from training_runs import DRIVER, finished, killed, log_of, run
from window_case import NO_DROPOUT, tiny_enformer

from variantformer_hf import ExpressionPredictor, GeneTable, PersonalGenome
from variantformer_hf.data import ExpressionSource, harmonize
from variantformer_hf.data.expression import Expression
from variantformer_hf.data.expression_sources import Sample
from variantformer_hf.data.splits import Split
from variantformer_hf.errors import InputError
from variantformer_hf.modeling import VariformerConfig, VariformerForExpression
from variantformer_hf.training import expression
from variantformer_hf.training.options import ExpressionOptions, read_options
from variantformer_hf.training.stages import stage_named
from variantformer_hf.training.variformer.options import VariformerLoop, VariformerOptions
from variantformer_hf.training.variformer.recipe import VariformerRecipe
from variantformer_hf.zoo.gene_input import GeneInput
from variantformer_hf.zoo.gene_regions import GeneRegions
from variantformer_hf.zoo.outputs import TissueNames
from variantformer_hf.zoo.variformer.gene_model import VariformerGeneModel
from variantformer_hf.zoo.window.opened_model import WindowOpened

pytestmark = pytest.mark.usefixtures("one_thread")

WINDOW, LENGTH = 256, 4_000
DONORS = tuple(f"P{number:02d}" for number in range(22))
# 12 donors to train on, 6 to validate, 4 to test.
PARTS = {donor: "train" if n < 12 else "validation" if n < 18 else "test" for n, donor in enumerate(DONORS)}
TSS = {"ONE": 500, "TWO": 1_500, "THREE": 2_500, "FOUR": 3_500}
TISSUE = "whole blood"


@dataclass(frozen=True)
class Lab:
    """Files of a cohort whose expression is the sum of SNPs near a gene's TSS."""

    folder: Path
    model: Path
    fasta: Path
    vcf: Path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("variformer")
    rng = random.Random(0)
    genome = random_bases(rng, LENGTH)
    fasta = write_fasta(folder / "genome.fa", {"chr1": genome})
    lines, dosages = [], {name: np.zeros(len(DONORS)) for name in TSS}
    for name, tss in TSS.items():
        for position in range(tss - 60, tss + 60, 20):
            ref = genome[position - 1]
            calls = [rng.choice(["0/0", "0/1", "1/1"]) for _ in DONORS]
            lines.append(record(position, ref, "ACGT"[("ACGT".index(ref) + 1) % 4], *calls))
            dosages[name] += rng.choice([-1, 1]) * np.array([call.count("1") for call in calls])
    vcf = write_vcf(folder / "cohort.vcf.gz", lines, contigs={"chr1": LENGTH}, samples=DONORS)
    (folder / "genes.csv").write_text(
        "gene_id,gene_name,chromosome,start,end,strand\n"
        + "".join(
            f"ENSG0000000000{n},{name},chr1,{tss + 1},{tss + 200},+\n" for n, (name, tss) in enumerate(TSS.items())
        )
    )
    genes = GeneTable.read(folder / "genes.csv")
    values = {name: (each - each.mean()) / each.std() for name, each in dosages.items()}
    write_expression(folder, genes, values)
    model = folder / "model"
    VariformerGeneModel(tiny_variformer(), genes, device="cpu").save(model)
    return Lab(folder, model, fasta, vcf)


def write_expression(folder: Path, genes: GeneTable, values: dict[str, np.ndarray]) -> None:
    """Values of all donors, but THREE's of all but ten who are to train on; FOUR is a gene to test on."""
    samples = tuple(Sample(donor, donor, TISSUE) for donor in DONORS)
    rows = {genes.get(name).gene_id: np.exp(each).astype(np.float32) for name, each in values.items()}
    rows[genes.get("THREE").gene_id][10:] = 0
    source = ExpressionSource(folder / "lab.tsv", "LAB", samples, lambda: iter(rows.items()), {})
    found = harmonize([source], genes, TissueNames([TISSUE]), folder / "tpm", least_nonzero=1)
    names = [next(name for name in TSS if genes.get(name).gene_id == found.genes[gene]) for gene in found.gene]
    wanted = [values[name][int(sample)] for name, sample in zip(names, found.sample, strict=True)]
    found.with_values(folder / "z", np.array(wanted), "inverse_normal")
    parts = {genes.get(name).gene_id: "test" if name == "FOUR" else "train" for name in TSS}
    Split({"LAB": PARTS}).with_genes(parts).save(folder / "split.json")


def tiny_variformer(**changes: Any) -> VariformerForExpression:
    torch.manual_seed(0)
    return VariformerForExpression(VariformerConfig(**{**sizes(), "tissues": [TISSUE], **changes})).eval()


def sizes() -> dict[str, Any]:
    return {
        **NO_DROPOUT,
        "hidden_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "key_size": 4,
        "channel_multiple": 2,
        "sequence_length": WINDOW,
        "initializer_range": 0.2,
    }


def config(lab: Lab, output: Path, **changes: Any) -> Path:
    loop = {
        "output": str(output),
        "epochs": 3,
        "batch_size": 2,
        "gradient_accumulation": 2,
        "checkpoint_every": 1,
        "log_every": 1,
        "precision": "float32",
        **changes.pop("loop", {}),
    }
    content = {
        "loop": loop,
        "fasta": str(lab.fasta),
        "vcfs": {"LAB": str(lab.vcf)},
        "expression": str(lab.folder / "z"),
        "split": str(lab.folder / "split.json"),
        "model": str(lab.model),
        "people_per_block": 4,
        **changes,
    }
    path = output.with_suffix(".yaml")
    path.write_text(yaml.safe_dump({name: value for name, value in content.items() if value is not None}))
    return path


def train(path: Path, **options: Any) -> dict[str, float]:
    AcceleratorState._reset_state(reset_partial_state=True)
    return expression.train_expression(read_options(path, VariformerOptions), **options)


def test_defaults_are_the_papers(lab: Lab, tmp_path: Path) -> None:
    assert stage_named("variformer").options is VariformerOptions
    path = config(lab, tmp_path / "run", people_per_block=None)
    content = yaml.safe_load(path.read_text())
    content["loop"] = {"output": "run", "optimizer": {"weight_decay": 0.01}}
    path.write_text(yaml.safe_dump(content))
    options = read_options(path, VariformerOptions)
    loop, optimizer = options.loop, options.loop.optimizer
    assert (options.people_per_block, loop.batch_size, loop.gradient_accumulation, loop.epochs) == (128, 32, 4, 150)
    assert (loop.monitor, loop.monitor_mode, loop.patience) == ("train_genes.r2", "max", 20)
    assert (optimizer.name, optimizer.learning_rate, optimizer.schedule) == ("adamw", 5e-6, "constant")
    assert (optimizer.weight_decay, optimizer.max_grad_norm) == (0.01, 0.05)
    assert VariformerConfig().loss_alpha == 0.5
    with pytest.raises(InputError, match="none of the 3 genes has 128 donors to train on, the most have 12"):
        expression.set_up(options)


def test_what_a_run_will_do(lab: Lab, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    setup = expression.set_up(
        read_options(
            config(lab, tmp_path / "run", people_per_block=12, loop={"batch_size": 4, "gradient_accumulation": 3}),
            VariformerOptions,
        )
    )
    assert "1 of 3 genes have fewer than 12 donors and are left out" in caplog.text
    assert setup.plan["genes"] == 2
    assert setup.plan["genes_with_too_few_donors"] == 1
    assert setup.plan["steps_in_an_epoch_of_one_process"] == 2
    assert setup.plan["best_by"] == "held-out train_genes.r2"
    assert set(setup.held_out) == {"train", "test"}
    assert setup.model.network.config.genes == ["ONE", "TWO"]
    recipe = setup.recipe
    examples = list(recipe.epoch(setup.train, 0, (0, 1)))
    for first in range(0, len(examples), 4):
        batch = recipe.collate(examples[first : first + 4])
        assert batch["gene_index"].tolist() == [0] * 4
        assert recipe.weigh(batch) == 1
    mixed = recipe.collate([examples[0], examples[12], examples[1]])
    assert mixed["gene_index"][0] == mixed["gene_index"][2] != mixed["gene_index"][1]
    assert recipe.weigh({"labels": torch.full((4, 1), torch.nan)}) == 0


@pytest.mark.parametrize(("keep", "reads"), [(0, 68), (34, 34), (10_000, 34)])
def test_what_was_read_is_kept(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: int, reads: int
) -> None:
    """Of 34 donors' genes; what is read is the same."""
    asked: list[str] = []
    original = WindowOpened.read

    def read(self: WindowOpened, person: PersonalGenome, regions: GeneRegions) -> GeneInput:
        asked.append(regions.gene.gene_name)
        return original(self, person, regions)

    monkeypatch.setattr(WindowOpened, "read", read)
    path = config(lab, tmp_path / "run", keep_inputs=keep, people_per_block=2)
    setup = expression.set_up(read_options(path, VariformerOptions))
    batches = [setup.recipe.collate(list(setup.recipe.epoch(setup.train, 0, (0, 1)))) for _ in range(2)]
    assert len(asked) == reads
    assert torch.equal(batches[0]["dna"], batches[1]["dna"])


@pytest.mark.slow
def test_one_gene_is_learned_by_heart(lab: Lab, tmp_path: Path) -> None:
    """The people who are trained on are told apart, and others by what was learned of them."""
    optimizer = {"learning_rate": "1e-3", "max_grad_norm": 1.0, "schedule": "linear", "min_learning_rate": 0.0}
    loop = {"epochs": 25, "batch_size": 4, "gradient_accumulation": 1, "checkpoint_every": 100, "optimizer": optimizer}
    train(config(lab, tmp_path / "run", loop=loop, split=one_gene(lab, tmp_path)))
    losses = [row["loss"] for row in log_of(tmp_path / "run") if "loss" in row]
    held_out = [row["held_out_train_genes.pearson"] for row in log_of(tmp_path / "run") if "is_best" in row]
    # A constant prediction of z-scores costs about 1.5.
    assert np.mean(losses[-6:]) < 0.15
    assert held_out[-1] > 0.85
    assert yaml.safe_load((tmp_path / "run/last/config.json").read_text())["genes"] == ["ONE"]


def test_a_killed_run_takes_the_same_steps(lab: Lab, tmp_path: Path) -> None:
    """Killed in the middle of a block, with patience on its way; twice."""
    loop = {"epochs": 3, "batch_size": 4, "patience": 2, "optimizer": {"learning_rate": "1e-3"}}
    changes = {"loop": loop, "people_per_block": 12, "evaluate_pairs": 8}
    train(config(lab, tmp_path / "whole", **changes))

    def kill_at(last: int) -> Any:
        def on_step(done: int, *_: object) -> None:
            if done == last:
                raise Killed

        return on_step

    path = config(lab, tmp_path / "cut", **changes)
    for step in (2, 7):
        with pytest.raises(Killed):
            train(path, on_step=kill_at(step))
    train(path)
    assert log_of(tmp_path / "cut") == log_of(tmp_path / "whole")
    for name in ("best", "last"):
        left, right = ((tmp_path / run / name / "model.safetensors").read_bytes() for run in ("whole", "cut"))
        assert left == right


@pytest.mark.slow
def test_two_processes_take_a_block_each(lab: Lab, tmp_path: Path) -> None:
    """The steps of one process that takes two blocks at once; killed and gone on with too."""
    (lab.folder / "driver.py").write_text(DRIVER)
    loop = {"batch_size": 4, "gradient_accumulation": 3, "optimizer": {"learning_rate": "1e-3"}}
    finished(run(lab.folder, "variformer", config(lab, tmp_path / "two", people_per_block=12, loop=loop), processes=2))
    train(config(lab, tmp_path / "one", people_per_block=12, loop={**loop, "gradient_accumulation": 6}))
    losses = {name: [row["loss"] for row in log_of(tmp_path / name) if "loss" in row] for name in ("one", "two")}
    assert len(losses["one"]) == 3
    np.testing.assert_allclose(losses["two"], losses["one"], rtol=1e-4)
    one, two = ([row for row in log_of(tmp_path / name) if "is_best" in row] for name in ("one", "two"))
    for name in ("train_genes.r2", "test_genes.pearson", "train_genes.loss", "train_genes.values"):
        assert [row[f"held_out_{name}"] for row in two] == pytest.approx(
            [row[f"held_out_{name}"] for row in one], rel=1e-3
        )
    path = config(lab, tmp_path / "cut", people_per_block=12, loop=loop)
    killed(run(lab.folder, "variformer", path, processes=2, killed_at=2), tmp_path / "cut")
    finished(run(lab.folder, "variformer", path, processes=2))
    assert log_of(tmp_path / "cut") == log_of(tmp_path / "two")


class Killed(Exception):
    """What ends a run in the middle."""


def test_which_genes_are_evaluated_changes_no_step(lab: Lab, tmp_path: Path) -> None:
    split = Split.load(lab.folder / "split.json")
    Split(split.donors).with_genes({gene: part for gene, part in split.genes.items() if part == "train"}).save(
        tmp_path / "fewer.json"
    )
    logs = {}
    for name, given in (("more", str(lab.folder / "split.json")), ("fewer", str(tmp_path / "fewer.json"))):
        train(
            config(lab, tmp_path / name, split=given, loop={"epochs": 1}, evaluate_pairs=1 if name == "fewer" else None)
        )
        logs[name] = log_of(tmp_path / name)
    steps = {name: [row["loss"] for row in rows if "loss" in row] for name, rows in logs.items()}
    assert steps["more"] == steps["fewer"]
    assert len(steps["more"]) == 8  # 12 + 12 + 10 donors in blocks of 4
    more, fewer = (next(row for row in rows if "is_best" in row) for rows in logs.values())
    assert more["held_out_test_genes.genes"] == 1
    assert "held_out_test_genes.r2" not in fewer
    assert (more["held_out_train_genes.genes"], fewer["held_out_train_genes.genes"]) == (2, 1)


def test_numbers_over_donors_are_those_of_the_predictions(lab: Lab, tmp_path: Path) -> None:
    """Of validation donors alone, gene by gene, whatever the batches."""
    train(config(lab, tmp_path / "run", loop={"epochs": 1, "batch_size": 4, "gradient_accumulation": 1}))
    row = next(row for row in log_of(tmp_path / "run") if "is_best" in row)
    donors = [donor for donor, part in PARTS.items() if part == "validation"]
    predictor = ExpressionPredictor.from_pretrained(tmp_path / "run/last", device="cpu")
    table = predictor.predict(lab.fasta, lab.vcf, samples=donors, mode="diploid").set_index(["gene_name", "sample"])
    measured = Expression.load(lab.folder / "z")
    value = {
        (measured.genes[gene], DONORS[sample]): each
        for gene, sample, each in zip(measured.gene, measured.sample, measured.value, strict=True)
    }
    found: dict[str, list[tuple[float, float]]] = {"train": [], "test": []}
    for number, name in enumerate(TSS):
        if name == "THREE":
            continue
        y = np.array([table.loc[(name, donor), "expression"] for donor in donors])
        t = np.array([value[f"ENSG0000000000{number}", donor] for donor in donors])
        r2 = 1 - ((y - t) ** 2).sum() / ((t - t.mean()) ** 2).sum()
        found["test" if name == "FOUR" else "train"].append((np.corrcoef(y, t)[0, 1], r2))
    for part, each in found.items():
        means = [row[f"held_out_{part}_genes.{name}"] for name in ("pearson", "r2")]
        np.testing.assert_allclose(np.mean(each, axis=0), means, atol=1e-4)


def test_a_model_that_begins_as_an_enformer_or_as_nothing(lab: Lab, tmp_path: Path) -> None:
    enformer = tiny_enformer(hidden_size=24)
    enformer.save_pretrained(tmp_path / "enformer")
    new = {"model": None, "genes": str(lab.folder / "genes.csv"), "tissues": [TISSUE]}
    loop = {"epochs": 1, "max_steps": 1}
    fields = {"sequence_length": WINDOW, "loss_alpha": 1.0}
    path = config(lab, tmp_path / "a", loop=loop, **new, enformer=str(tmp_path / "enformer"), config=fields)
    setup = expression.set_up(read_options(path, VariformerOptions))
    for name, tensor in setup.model.network.trunk.state_dict().items():
        assert torch.equal(tensor, enformer.trunk.state_dict()[name]), name
    assert setup.model.network.config.loss_alpha == 1.0
    train(path)
    train(config(lab, tmp_path / "b", loop=loop, **new, config=sizes()))
    for name in ("a", "b"):
        again = VariformerGeneModel.load(tmp_path / name / "last", device="cpu")
        assert again.network.config.genes == ["ONE", "TWO", "THREE"]
        assert again.tissue_names.named[0].name == TISSUE
    # A model that goes on has seen the genes of both runs.
    on = config(lab, tmp_path / "c", model=str(tmp_path / "b/last"), split=one_gene(lab, tmp_path), freeze="trunk")
    setup = expression.set_up(read_options(on, VariformerOptions))
    assert setup.model.network.config.genes == ["ONE", "TWO", "THREE"]
    assert setup.plan["parameters_that_learn"] == 2 * 24 + 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"people_per_block": 13}, r"people_per_block is 13. It must be a multiple of batch_size, which is 2"),
        ({"people_per_block": 14}, r"none of the 3 genes has 14 donors to train on, the most have 12"),
        ({"expression": "tpm"}, "its values are log1p_tpm, and the model's are inverse_normal"),
        (
            {"loop": {"monitor": "loss"}},
            r"no held-out number 'loss' .* Choose one of train_genes.loss, train_genes.pearson",
        ),
        ({"n_tissues": 1}, "n_tissues is 1"),
        ({"config": {"loss_alpha": 1.0}}, "config is of a new model"),
        ({"encoder": "model"}, "encoder is no option for a model of its type"),
        ({"model": None}, "a new Variformer needs genes, tissues"),
        (
            {"model": None, "genes": "genes.csv", "tissues": ["liver"], "config": {"window": 8}},
            "no option config.window",
        ),
        ({"model": None, "genes": "genes.csv", "tissues": ["liver"], "config": {"readout": "all"}}, "readout='all'"),
        (
            {"model": None, "genes": "genes.csv", "tissues": ["liver"], "enformer": "model"},
            "'enformer_trunk' is expected",
        ),
        ({"model": None, "genes": "genes.csv", "tissues": ["liver"], "enformer": "none"}, "no Variformer can be made"),
    ],
)
def test_what_cannot_be_meant_is_one_line(lab: Lab, tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    given = {
        name: str(lab.folder / value) if name in ("expression", "genes", "enformer", "encoder") else value
        for name, value in changes.items()
    }
    with pytest.raises(InputError, match=problem) as caught:
        train(config(lab, tmp_path / "run", **given))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_two_held_out_donors_have_no_correlation(lab: Lab, tmp_path: Path) -> None:
    split = Split.load(lab.folder / "split.json")
    few = {donor: "validation" if donor in DONORS[16:18] else "train" for donor in DONORS}
    Split({"LAB": few}, genes=split.genes).save(tmp_path / "few.json")
    with pytest.raises(InputError, match="no gene to train on has 3 held-out donors, the most have 2"):
        train(config(lab, tmp_path / "run", split=str(tmp_path / "few.json")))


def test_train_expression_has_the_plain_recipe(lab: Lab, tmp_path: Path) -> None:
    path = config(lab, tmp_path / "run", people_per_block=None)
    setup = expression.set_up(read_options(path, ExpressionOptions))
    assert not isinstance(setup.recipe, VariformerRecipe)
    assert setup.plan["best_by"] == "held-out loss"
    assert setup.model.network.config.genes == ["ONE", "TWO", "THREE"]


def one_gene(lab: Lab, folder: Path) -> str:
    """A split of the gene ONE alone."""
    split = Split.load(lab.folder / "split.json")
    Split(split.donors).with_genes({"ENSG00000000000": "train"}).save(folder / "one.json")
    return str(folder / "one.json")


@pytest.mark.parametrize("name", ["variformer-paper.yaml", "variformer-small.yaml"])
def test_the_configurations_of_the_docs_are_options(name: str, tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[1] / "docs" / "configs"
    options = read_options(folder / name, VariformerOptions)
    VariformerConfig(**options.config, tissues=list(options.tissues))
    assert options.people_per_block % options.loop.batch_size == 0
    if name == "variformer-paper.yaml":
        assert options.loop == VariformerLoop(options.loop.output)
