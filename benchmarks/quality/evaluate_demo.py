"""What `variantformer evaluate predictions` compares, all of it from nothing and side by side: `make evaluate-demo`.

Run: python -m benchmarks.quality.evaluate_demo FOLDER [--small]

`simulate_cohort` writes what a lab would have, with known effects of motifs on expression (h2 = 0.5). A fifth of the
donors is held out from everything, another tenth is looked at while training, and some genes are shown to no model.
Then come commands of the package, printed as they are run: whoever has a cohort of their own copies them. Trained are
VariantFormer, both stages, as `learns.py` trains it; a small Variformer; heads on the vectors of its trunk, which is
frozen; and, gene by gene, an elastic net and a forest on the variants within the reach of VariantFormer. Beside them
stand the same VariantFormer fed the reference genome, and the oracle, the true genetic part.

FOLDER keeps what is done: the same command goes on with the rest. `--small` is a cohort of a minute, to see it work.
"""

import argparse
import contextlib
import json
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmarks.quality.zoo import VARIFORMER, table_text
from benchmarks.quality.zoo_lab import WINDOW
from benchmarks.timing import Timer, cpu_clock
from variantformer_hf import GeneTable
from variantformer_hf.cli import app
from variantformer_hf.data.splits import Split
from variantformer_hf.modeling import EnformerConfig, EnformerModel, VariformerForExpression
from variantformer_hf.modeling.enformer.configuration_enformer import EnformerTrunkConfig
from variantformer_hf.simulation.cohort import SimulatedCohort, simulate_cohort
from variantformer_hf.simulation.training_files import COHORT, GEOMETRY, prepare, write_configs
from variantformer_hf.whole_folders import replace_folder
from variantformer_hf.zoo.companions import write_companions

ORACLE = "oracle"
# Name in the report -> table.
PREDICTIONS = {
    "elastic net": "elastic-net.parquet",
    "forest": "forest.parquet",
    "VariantFormer": "VariantFormer.parquet",
    "VariantFormer, reference genome": "reference.parquet",
    "Variformer": "Variformer.parquet",
    "heads": "heads.parquet",
    ORACLE: "oracle.parquet",
}
SIZE_FILE, SECONDS_FILE, TABLE_FILE = "size.json", "seconds.csv", "table.md"
# What a trunk is made of.
_TRUNK_FIELDS = tuple(EnformerTrunkConfig.__annotations__)
_PEOPLE, _TEST_DONORS, _TRUNK = "people.tsv", "test_donors.txt", "trunk"


@dataclass(frozen=True)
class Size:
    """How much is simulated, and for how long it is learned from.

    Attributes:
        donors, genes, activity_donors, other_cres: of the cohort, see ``simulate_cohort``.
        unseen: of the genes, that no model is trained on.
        encoder_epochs, epochs: of VariantFormer's stages.
        variformer_epochs: of the Variformer.
        heads_epochs: of the heads, and as many again, as all genes are protein-coding.
        forest_folds: by which the forest is chosen.
        fewest_donors: of a gene and tissue that are evaluated.
    """

    donors: int = 160
    genes: int = 20
    unseen: int = 5
    activity_donors: int = 4
    other_cres: int = 1_500
    encoder_epochs: int = 4
    epochs: int = 10
    variformer_epochs: int = 5
    heads_epochs: int = 10
    forest_folds: int = 3
    fewest_donors: int = 10


SMALL = Size(
    donors=40,
    genes=5,
    unseen=2,
    activity_donors=1,
    other_cres=40,
    encoder_epochs=1,
    epochs=1,
    variformer_epochs=1,
    heads_epochs=1,
    forest_folds=2,
    fewest_donors=8,
)


@dataclass(frozen=True)
class Step:
    """A command of the package.

    Attributes:
        made: the file or folder that is there once it is done.
        command: its words behind ``variantformer``.
    """

    made: str
    command: str


def main() -> None:
    """Do what is not done yet; print the table, and what all of it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--small", action="store_true", help="40 donors and 5 genes.")
    arguments = parser.parse_args()
    evaluate_demo(arguments.folder, SMALL if arguments.small else Size())
    print((arguments.folder / TABLE_FILE).read_text(), end="")
    took = pd.read_csv(arguments.folder / SECONDS_FILE)
    print(f"{took['seconds'].sum() / 60:.1f} minutes, {took['CPU seconds'].sum() / 60:.1f} of CPU")
    print(arguments.folder / "report" / "report.html")


def evaluate_demo(folder: Path, size: Size) -> pd.DataFrame:
    """Do what is not done yet in a folder, and write its ``table.md``.

    Args:
        folder: made where it is not there.
        size: as when the folder was begun.

    Returns:
        See :func:`numbers`.

    Raises:
        SystemExit: the folder was begun with another size, or is none.
    """
    if folder.exists() and not folder.is_dir():
        raise SystemExit(f"{folder} is a file: name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    begun = folder / SIZE_FILE
    if begun.exists() and json.loads(begun.read_text()) != asdict(size):
        raise SystemExit(f"{folder} was begun with other sizes, {begun.read_text().strip()}: name another folder")
    begun.write_text(json.dumps(asdict(size)) + "\n")
    with contextlib.chdir(folder):
        if not Path(_TEST_DONORS).exists():
            timed_step("simulate", lambda: simulate(Path(), size))
        for step in steps(size):
            if Path(step.made).exists():
                print(f"{step.made} is there", flush=True)
                continue
            if step.command.startswith(f"embed {_TRUNK} ") and not Path(_TRUNK).exists():
                write_trunk(Path("variformer/best"), Path(_TRUNK))
            print(f"$ variantformer {step.command}", flush=True)
            timed_step(step.made, partial(app, shlex.split(step.command), standalone_mode=False))
        table = numbers(Path("report"))
        rows = {str(model): row.dropna().to_dict() for model, row in table.iterrows()}
        Path(TABLE_FILE).write_text(table_text(rows) + "\n")
    return table


def steps(size: Size) -> list[Step]:
    """The commands, in their order, started in the folder."""
    people = "--fasta genome.fa --vcf cohort.vcf.gz"
    measured = "--genes genes.csv --expression expression --split split.json"
    near = f"{people} {measured} --radius {GEOMETRY['cre_radius']}"
    tested, held_out = f"{people} --samples-file {_TEST_DONORS}", f"{people} --split split.json"
    vectors = "--embedding vectors.safetensors"
    around = f"{people} --all-samples --gtf genes.csv --window {WINDOW} --pool centre:1"
    of_heads = f"--epochs {size.heads_epochs} --more-epochs {size.heads_epochs} --learning-rate 1e-3"
    files = " ".join(shlex.join(["--predictions", f"{name}={file}"]) for name, file in PREDICTIONS.items())
    return [
        Step("encoder/last", "train encoder --config encoder.yaml"),
        Step("model/last", "train expression --config expression.yaml"),
        Step("VariantFormer.parquet", f"predict model/last {tested} --output VariantFormer.parquet"),
        Step("reference", "baseline fit reference --model model/last --fasta genome.fa --output reference"),
        Step("reference.parquet", f"baseline predict reference reference {held_out} --output reference.parquet"),
        Step("elastic-net", f"baseline fit elastic-net {near} --output elastic-net"),
        Step(
            "elastic-net.parquet", f"baseline predict elastic-net elastic-net {held_out} --output elastic-net.parquet"
        ),
        Step("forest", f"baseline fit forest {near} --folds {size.forest_folds} --output forest"),
        Step("forest.parquet", f"baseline predict forest forest {held_out} --output forest.parquet"),
        Step("variformer/best", "train variformer --config variformer.yaml"),
        Step("Variformer.parquet", f"predict variformer/best {tested} --output Variformer.parquet"),
        Step("vectors.safetensors", f"embed {_TRUNK} {around} --output vectors.safetensors"),
        Step("heads", f"baseline fit heads {vectors} --embedding-model {_TRUNK} {measured} {of_heads} --output heads"),
        Step("heads.parquet", f"baseline predict heads heads {held_out} {vectors} --output heads.parquet"),
        Step(
            "report",
            f"evaluate predictions {files} {measured} --samples {_PEOPLE} --columns --fewest-donors "
            f"{size.fewest_donors} --no-map --output report",
        ),
    ]


def simulate(folder: Path, size: Size) -> SimulatedCohort:
    """Write a cohort, who and what of it is held out, and the options of all trainings; the test donors' names last."""
    sizes = {name: getattr(size, name) for name in ("donors", "genes", "activity_donors", "other_cres")}
    cohort = simulate_cohort(folder, **sizes, seed=1)
    prepare(cohort)
    split = Split.load(folder / "split.json")
    genes = [gene.gene_id for gene in GeneTable.read(cohort.genes)]
    # Evenly spread, so that all contigs are in both parts.
    unseen = {genes[place * len(genes) // size.unseen] for place in range(size.unseen)}
    split = split.with_genes({gene_id: "test" if gene_id in unseen else "train" for gene_id in genes})
    split.save(folder / "split.json")
    write_configs(cohort, encoder_epochs=size.encoder_epochs, epochs=size.epochs)
    (folder / "variformer.yaml").write_text(yaml.safe_dump(_variformer(cohort, size), sort_keys=False))
    people = pd.DataFrame({"donor": list(cohort.donors), "super_population": COHORT})
    people.to_csv(folder / _PEOPLE, sep="\t", index=False)
    donors = [donor for donor, part in split.donors[COHORT].items() if part == "test"]
    (folder / _TEST_DONORS).write_text("\n".join(donors) + "\n")
    return cohort


def _variformer(cohort: SimulatedCohort, size: Size) -> dict[str, Any]:
    """Options of a Variformer of all genes and tissues, on the scale of the expression."""
    return {
        "loop": {
            "output": "variformer",
            "epochs": size.variformer_epochs,
            "batch_size": 28,
            "gradient_accumulation": 1,
            "precision": "float32",
            "checkpoint_every": 100_000,
            "optimizer": {"learning_rate": 1e-3, "schedule": "cosine", "warmup": 0.02, "max_grad_norm": 1.0},
        },
        "fasta": cohort.fasta.name,
        "vcfs": {COHORT: cohort.vcf.name},
        "expression": "expression",
        "split": "split.json",
        "genes": cohort.genes.name,
        "tissues": list(cohort.tissues),
        "people_per_block": 28,
        "config": {**VARIFORMER, "sequence_length": WINDOW, "assembly": None, "unit": "log1p_tpm"},
    }


def write_trunk(variformer: Path, folder: Path) -> None:
    """Write the trunk of a Variformer as an Enformer's folder, of which `embed` makes vectors."""
    network = VariformerForExpression.from_pretrained(variformer)
    trunk = EnformerModel(EnformerConfig(**{name: getattr(network.config, name) for name in _TRUNK_FIELDS}))
    trunk.load_state_dict(network.trunk.state_dict())

    def write(partial: Path) -> None:
        trunk.eval().save_pretrained(partial)
        write_companions(partial)

    replace_folder(folder, write)


def timed_step(what: str, work: Callable[[], object]) -> None:
    """Do a step, say how long it took, and keep that; of one that was cut short, since it was last started.

    Args:
        what: the step's name, by which ``seconds.csv`` in the working folder has it.
        work: the step.
    """
    with Timer() as took, Timer(cpu_clock) as of_cpu:
        work()
    print(f"{what}: {took.seconds:.1f} s, {of_cpu.seconds:.1f} s of CPU", flush=True)
    path = Path(SECONDS_FILE)
    known = path.read_text() if path.exists() else "step,seconds,CPU seconds\n"
    path.write_text(f"{known}{what},{took.seconds:.1f},{of_cpu.seconds:.1f}\n")


def numbers(report: Path) -> pd.DataFrame:
    """What an evaluation comes to, a row a model.

    Args:
        report: its folder.

    Returns:
        Of the donors who are held out, on the genes that were trained on: r and R2 within a tissue, means over genes
        and tissues (r of a constant prediction is 0); gene correlation, mean over genes; subject correlation, mean over
        samples. On the genes that no model was trained on: r within a tissue, NaN where a model says nothing of them,
        or the same of everybody.
    """
    seen = {"tissue": "all", "gene_part": "train", "donor_part": "test"}
    r = _column(report / "within_tissue_summary.csv", "mean_constant_as_zero", **seen)
    columns = {
        "r within a tissue": r,
        "of the oracle's": r / r[ORACLE],
        "R2 within a tissue": _column(report / "within_tissue_summary.csv", "mean_r2", **seen),
        "gene correlation": _column(report / "gene_correlation_summary.csv", "mean", by="all", gene_part="train"),
        "subject correlation": _column(report / "subject_correlation_summary.csv", "mean", by="all"),
        "r, unseen genes": _column(report / "columns.csv", "r", column="unseen genes", genes="all", tissue="all"),
    }
    return pd.DataFrame(columns).loc[list(PREDICTIONS)]


def _column(path: Path, number: str, /, **kept: str) -> pd.Series:
    """Model -> a number of a table."""
    frame = pd.read_csv(path)
    for name, value in kept.items():
        frame = frame[frame[name] == value]
    return frame.set_index("model")[number]


if __name__ == "__main__":
    main()
