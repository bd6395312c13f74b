"""Does a sequence model help where dosages end? All the methods on one simulated cohort, in the field's columns.

Run: python -m benchmarks.quality.beats run --seed 1 --setting thin --output FOLDER [--small]
     python -m benchmarks.quality.beats table RESULTS.json ...

`simulate_cohort` writes 60 genes in three tissues, whose motifs are shared: what breaks a motif in one gene breaks it
in all. `thin` has 200 donors to train on and h2 = 0.15, `thick` 800 and 0.5, of one population; another, with drifted
frequencies and private variants, is trained on by nobody; 15 genes are shown to no model; some motifs of genes are
broken by variants so rare that an elastic net leaves them out. Then come commands of the package, printed as they are
run. r is over people who are held out, of a gene in a tissue; a gene's is the mean over its tissues, and intervals are
by bootstrap over genes. Of carriers of rare causal variants there are too few a gene: theirs is one r over all of them,
each value less the mean of its gene and tissue over all held-out people.

FOLDER keeps what is done, and the same command goes on with the rest; results.json in it is what `table` reads.
Options of both stages and of the fit were chosen on a cohort of seed 0: report others.
"""

import argparse
import contextlib
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pysam
import torch
import yaml

from benchmarks.quality.evaluate_demo import Step, timed_step
from benchmarks.quality.prior import DRAWS, mean_over_genes, rows_r, wide
from variantformer_hf import GeneTable
from variantformer_hf.cli import app
from variantformer_hf.data.splits import Split
from variantformer_hf.simulation.cohort import SimulatedCohort, simulate_cohort
from variantformer_hf.simulation.training_files import COHORT, GEOMETRY, prepare, write_configs
from variantformer_hf.simulation.writers import index_vcf

RESULTS, SIZE_FILE, PEOPLE_FILE, SECONDS_FILE = "results.json", "size.json", "people.json", "seconds.csv"
# What is predicted of whom: method -> folder of its model; its table lies beside.
METHODS = {
    "top SNP": "top-snp",
    "elastic net": "elastic-net",
    "forest": "forest",
    "VariantFormer": "model/last",
    "linearised": "weights",
    "fit (prior + cohort)": "fitted",
}
ORACLE, PLAIN, FIT, DEEP = "oracle", "elastic net", "fit (prior + cohort)", "VariantFormer"
SEEN, OTHER, UNSEEN, CARRIERS = "seen genes", "other population", "unseen genes", "carriers"
COLUMNS = (SEEN, OTHER, UNSEEN, CARRIERS)
# Minor alleles not more frequent than this are rare: those that an elastic net leaves out.
RARE = 0.01
# Least lower end of the interval of fit - elastic net; and how much better fit should be where data are thin.
NOT_WORSE = -0.005
THIN_GOALS = {SEEN: 0.10, OTHER: 0.20}
UNSEEN_GOAL = 0.2


@dataclass(frozen=True)
class Size:
    """How much is simulated, and how it is learned from.

    Attributes:
        train, heritability: donors to train on, and h2 of every gene and tissue among the first population.
        held_out, other: people who are tested, of the first population and of the second.
        watched: of those held out, whom the training's log has numbers of; nothing is chosen by them.
        panel: further people of the second, whose haplotypes alone are known.
        genes, unseen: genes, and those of them that no model is trained on.
        activity_donors, other_cres, rare_causal: see ``simulate_cohort``.
        encoder, expression: options of the two stages, over those of ``write_configs``.
        mosaics, test_mosaics: of ``linearize``.
        forest_folds: by which the forest is chosen.
        workers: processes that fit genes.
    """

    train: int
    heritability: float
    held_out: int = 100
    other: int = 100
    watched: int = 20
    panel: int = 50
    genes: int = 60
    unseen: int = 15
    activity_donors: int = 1
    other_cres: int = 16_000
    rare_causal: float = 0.5
    encoder: Mapping[str, Any] = field(default_factory=dict)
    expression: Mapping[str, Any] = field(default_factory=dict)
    mosaics: int = 40
    test_mosaics: int = 12
    forest_folds: int = 2
    workers: int = 2


_NO_DROPOUT = {"attention_dropout": 0.0, "hidden_dropout": 0.0}
ENCODER: dict[str, Any] = {
    "labels": "signal",
    "loop": {"epochs": 3, "optimizer": {"learning_rate": 2e-3}},
    "config": {
        "hidden_size": 32,
        "intermediate_size": 96,
        # As long as a cCRE, so that a motif weighs as much in a window of a gene as there.
        "token_length": 40,
        "cre_flank": 0,
        "pooling": "mean",
        "use_contrastive_loss": False,
        "loss_reduction": "mean",
        **_NO_DROPOUT,
    },
}
EXPRESSION: dict[str, Any] = {
    "n_tissues": None,
    "people_per_block": 16,
    "difference_weight": 0.9,
    "keep_inputs": 40_000,
    "loop": {"epochs": 4, "gradient_accumulation": 2, "optimizer": {"learning_rate": 1e-3}},
    "config": {
        "hidden_size": 48,
        "num_hidden_layers": 1,
        "intermediate_size": 96,
        # A head of each tissue: one for all took the motifs of one for those of all.
        "multi_head": True,
        "head_type": "linear",
        **_NO_DROPOUT,
    },
}
SETTINGS = {
    "thin": Size(train=200, heritability=0.15, encoder=ENCODER, expression=EXPRESSION),
    "thick": Size(
        train=800,
        heritability=0.5,
        encoder=ENCODER,
        expression={**EXPRESSION, "loop": {**EXPRESSION["loop"], "epochs": 2}},
    ),
}


def small(size: Size) -> Size:
    """The same in a minute, to see it work."""
    return replace(
        size,
        train=32,
        held_out=12,
        watched=4,
        other=12,
        panel=8,
        genes=4,
        unseen=1,
        activity_donors=1,
        other_cres=30,
        rare_causal=1.0,
        encoder=_over(size.encoder, {"loop": {"epochs": 1}}),
        expression=_over(size.expression, {"loop": {"epochs": 1}}),
        mosaics=20,
        test_mosaics=12,
        workers=1,
    )


def main() -> None:
    """Run one seed and setting, or make the table of several."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    of_run = commands.add_parser("run")
    of_run.add_argument("--seed", type=int, required=True)
    of_run.add_argument("--setting", choices=list(SETTINGS), required=True)
    of_run.add_argument("--output", type=Path, required=True)
    of_run.add_argument("--small", action="store_true", help="32 donors and 4 genes.")
    of_table = commands.add_parser("table")
    of_table.add_argument("results", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "run":
        size = SETTINGS[arguments.setting]
        found = run(arguments.output, arguments.seed, arguments.setting, small(size) if arguments.small else size)
        print(table([found]))
    else:
        print(table([json.loads(path.read_text()) for path in arguments.results]))


def run(folder: Path, seed: int, setting: str, size: Size) -> dict[str, Any]:
    """Do what is not done yet in a folder, and write its ``results.json``.

    Args:
        folder: made where it is not there.
        seed: of the cohort.
        setting: its name.
        size: as when the folder was begun.

    Returns:
        What is in ``results.json``, see :func:`results`.

    Raises:
        SystemExit: the folder was begun with another size or seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    begun, asked = folder / SIZE_FILE, {"seed": seed, "setting": setting, **asdict(size)}
    if begun.exists() and json.loads(begun.read_text()) != json.loads(json.dumps(asked)):
        raise SystemExit(f"{folder} was begun with {begun.read_text().strip()}: name another folder")
    begun.write_text(json.dumps(asked) + "\n")
    with contextlib.chdir(folder):
        if not Path("tested.txt").exists():
            timed_step("simulate", partial(simulate, Path(), seed, size))
        for step in steps(size):
            if Path(step.made).exists():
                print(f"{step.made} is there", flush=True)
                continue
            print(f"$ variantformer {step.command}", flush=True)
            timed_step(step.made, partial(app, shlex.split(step.command), standalone_mode=False))
        found = {"seed": seed, "setting": setting, **results(Path(), size)}
        Path(RESULTS).write_text(json.dumps(found) + "\n")
    return found


def steps(size: Size) -> list[Step]:
    """The commands, in their order, started in the folder."""
    people = "--fasta genome.fa --vcf cohort.vcf.gz"
    measured = "--genes genes.csv --expression expression --split split.json"
    workers = f"--workers {size.workers}" if size.workers > 1 else ""
    near = f"{people} {measured} --radius {GEOMETRY['cre_radius']} {workers}"
    mosaics = f"--train-people {size.mosaics} --test-people {size.test_mosaics} --min-maf 0 {workers}"
    made = {
        "top SNP": [f"baseline fit top-snp {near} --output top-snp"],
        PLAIN: [f"baseline fit elastic-net {near} --output elastic-net"],
        "forest": [f"baseline fit forest {near} --folds {size.forest_folds} --output forest"],
        DEEP: ["train encoder --config encoder.yaml", "train expression --config expression.yaml"],
        "linearised": [f"linearize model/last --fasta genome.fa --vcf panel.vcf.gz {mosaics} --output weights"],
        FIT: [f"fit --prior weights {near} --outer-folds 0 --output fitted"],
    }
    found = []
    for method, folder in METHODS.items():
        folders = ["encoder/last", folder] if method == DEEP else [folder]
        found += [Step(there, command) for there, command in zip(folders, made[method], strict=True)]
        table = _predictions(method)
        found.append(Step(table, f"predict {folder} {people} --samples-file tested.txt --output {table}"))
    return found


def simulate(folder: Path, seed: int, size: Size) -> SimulatedCohort:
    """Write a cohort, who and what of it is held out, a panel, and the options of the trainings; who is tested last."""
    cohort = simulate_cohort(
        folder,
        donors=size.train + size.held_out,
        genes=size.genes,
        heritability=size.heritability,
        activity_donors=size.activity_donors,
        other_cres=size.other_cres,
        seed=seed,
        populations=2,
        rare_causal=size.rare_causal,
        other_donors=size.panel + size.other,
    )
    first, second = cohort.populations
    train = set(np.random.default_rng([seed, 6]).permutation(first)[: size.train].tolist())
    held_out = [donor for donor in first if donor not in train]
    # Nobody else who is tested has a value that a training could see.
    known = train | set(held_out[: size.watched])
    values = pd.read_csv(cohort.expression)
    values[values["donor"].isin(known)].to_csv(folder / "values.csv.gz", index=False, float_format="%.6g")
    prepare(replace(cohort, expression=folder / "values.csv.gz"))
    genes = [gene.gene_id for gene in GeneTable.read(cohort.genes)]
    unseen = {genes[number * len(genes) // size.unseen] for number in range(size.unseen)}
    split = Split({COHORT: {donor: "train" if donor in train else "test" for donor in sorted(known)}})
    parts = {gene_id: "test" if gene_id in unseen else "train" for gene_id in genes}
    split.with_genes(parts).save(folder / "split.json")
    panel = [*(donor for donor in first if donor in train), *second[: size.panel]]
    write_part(cohort.vcf, panel, folder / "panel.vcf.gz")
    write_configs(cohort, encoder_epochs=1, epochs=1)
    for name, given in (("encoder", size.encoder), ("expression", size.expression)):
        path = folder / f"{name}.yaml"
        content = _over(yaml.safe_load(path.read_text()), given)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
    app(["ingest", str(cohort.vcf), "--overwrite"], standalone_mode=False)
    people = {"held_out": held_out, "others": second[size.panel :]}
    (folder / PEOPLE_FILE).write_text(json.dumps(people) + "\n")
    (folder / "tested.txt").write_text("\n".join([*held_out, *people["others"]]) + "\n")
    return cohort


def write_part(vcf: Path, samples: Sequence[str], path: Path) -> None:
    """Write some people of a VCF, with all its records, and an index."""
    with pysam.VariantFile(str(vcf)) as source:
        source.subset_samples(list(samples))
        with pysam.VariantFile(str(path), "wz", header=source.header) as copy:
            for record in source:
                copy.write(record)
    index_vcf(path)


def results(folder: Path, size: Size) -> dict[str, Any]:
    """What the tables of predictions come to.

    Args:
        folder: of the run.
        size: of the run.

    Returns:
        r: column -> method -> a gene's r, a number a gene (0 = the model says nothing of it, or the same of everybody);
        carriers: method -> moments of each gene with carriers (see :func:`moments`); ceiling: column -> sqrt(h2) of
        each gene among the people of the column; curve: held-out gene correlation by epoch; and what it took, on what.
    """
    split = Split.load(folder / "split.json")
    people = json.loads((folder / PEOPLE_FILE).read_text())
    held_out, others = people["held_out"], people["others"]
    tested = [*held_out, *others]
    measured = pd.read_csv(folder / "expression.csv.gz").assign(value=lambda values: np.log1p(values["tpm"]))
    observed = wide(measured, "value")[tested]
    oracle = wide(pd.read_parquet(folder / "oracle.parquet"), "log1p_tpm").loc[observed.index, tested]
    predicted = {ORACLE: oracle}
    for method in METHODS:
        frame = pd.read_parquet(folder / _predictions(method)).rename(columns={"sample": "donor"})
        predicted[method] = _of_all(wide(frame, "log1p_tpm"), observed)
    varies = oracle[held_out].std(axis=1) > 0
    is_seen = np.array([split.gene_part(gene_id) == "train" for gene_id in observed.index.get_level_values("gene_id")])
    cells = {SEEN: (is_seen, held_out), OTHER: (is_seen, others), UNSEEN: (~is_seen, held_out)}
    r: dict[str, dict[str, list[float]]] = {}
    ceiling: dict[str, list[float]] = {}
    for column, (rows, donors) in cells.items():
        kept = rows & varies.to_numpy() & (oracle[donors].std(axis=1) > 0).to_numpy()
        there = observed.loc[kept, donors]
        of_rows = {name: rows_r(there, values.loc[kept, donors]) for name, values in predicted.items()}
        r[column] = {name: of_genes(there, found) for name, found in of_rows.items()}
        genetic = oracle.loc[kept, donors].var(axis=1)
        noise = (there - oracle.loc[kept, donors]).var(axis=1)
        ceiling[column] = of_genes(there, np.sqrt(genetic / (genetic + noise)).to_numpy())
    carried = rare_carriers(
        folder / "cohort.vcf.gz", folder / "truth.json", GeneTable.read(folder / "genes.csv"), held_out
    )
    seen = {gene: people for gene, people in carried.items() if split.gene_part(gene) == "train"}
    pooled = {
        name: moments(observed.loc[varies, held_out], values.loc[varies, held_out], seen)
        for name, values in predicted.items()
    }
    weights, fits = (pd.read_parquet(folder / name / "fits.parquet") for name in ("weights", "fitted"))
    return {
        "size": asdict(size),
        "r": r,
        "ceiling": ceiling,
        "carriers": pooled,
        "n_carriers": sum(map(len, seen.values())),
        "curve": curve(folder / "model" / "log.jsonl"),
        "encoder": curve(folder / "encoder" / "log.jsonl")[-1:],
        "linearised_r2": float(weights["pred_perf_r2"].mean()),
        "pairs_share": float(weights["pairs_share"].mean()),
        "prior_share": float(fits["share_weights"].mean()),
        "plain_fits": int((fits["share_weights"] == 0).sum()),
        "steps": pd.read_csv(folder / SECONDS_FILE).to_dict("records"),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "load": list(os.getloadavg()),
    }


def _of_all(predicted: pd.DataFrame, observed: pd.DataFrame) -> pd.DataFrame:
    """Predictions in the order of what was measured; 0 for everybody where a model has no number of a gene.

    Raises:
        ValueError: there are numbers of some people alone.
    """
    found = predicted.reindex(index=observed.index, columns=observed.columns)
    missing = found.isna()
    if (missing.any(axis=1) & ~missing.all(axis=1)).any():
        raise ValueError("a gene is predicted of some people alone")
    return found.fillna(0.0)


def of_genes(rows: pd.DataFrame, values: np.ndarray) -> list[float]:
    """Numbers of (gene, tissue) rows -> the mean of each gene, in the order of their ids."""
    genes = np.asarray(rows.index.get_level_values("gene_id"))
    return [round(float(values[genes == gene].mean()), 5) for gene in np.unique(genes)]


def rare_carriers(vcf: Path, truth: Path, genes: GeneTable, people: Sequence[str]) -> dict[str, list[str]]:
    """Stable gene id -> who of some people carries a causal variant that is rare in the first population."""
    found: dict[str, set[str]] = {}
    with pysam.VariantFile(str(vcf)) as file:
        for each in json.loads(truth.read_text())["causal"]:
            if not 0 < min(each["frequency"], 1 - each["frequency"]) <= RARE:
                continue
            gene_id = genes.genes[each["gene"]].gene_id.split(".")[0]
            for record in file.fetch(each["contig"], each["position"] - 1, each["position"]):
                if (record.pos, record.ref, record.alts) == (each["position"], each["ref"], (each["alt"],)):
                    carriers = {person for person in people if any(record.samples[person]["GT"])}
                    found.setdefault(gene_id, set()).update(carriers)
    return {gene: sorted(carriers) for gene, carriers in sorted(found.items()) if carriers}


def moments(
    observed: pd.DataFrame, predicted: pd.DataFrame, carriers: Mapping[str, Sequence[str]]
) -> list[list[float]]:
    """Sums over some people of each gene, of which r of any choice of genes can be made.

    Args:
        observed, predicted: (gene, tissue) x people.
        carriers: gene -> those who count.

    Returns:
        A row a gene: n, and the sums of x, y, xx, yy and xy, where x is what was measured and y what was predicted,
        less the mean of all people of the gene and tissue.
    """
    x, y = (table.sub(table.mean(axis=1), axis=0) for table in (observed, predicted))
    found = []
    for gene, people in carriers.items():
        if gene not in x.index.get_level_values("gene_id"):
            continue
        one, other = (table.loc[gene][list(people)].to_numpy().ravel() for table in (x, y))
        sums = (len(one), one.sum(), other.sum(), (one * one).sum(), (other * other).sum(), (one * other).sum())
        found.append([float(f"{each:.8g}") for each in sums])
    return found


def pooled_r(sums: np.ndarray) -> np.ndarray:
    """(..., genes, 6) moments -> (...) r over all that they are of; 0 where either does not vary, or there is none."""
    n, x, y, xx, yy, xy = np.moveaxis(sums.sum(axis=-2), -1, 0)
    n = np.maximum(n, 1)
    size = np.sqrt(np.maximum(xx - x * x / n, 0) * np.maximum(yy - y * y / n, 0))
    return np.divide(xy - x * y / n, size, out=np.zeros_like(size), where=size > 1e-9)


def pooled_interval(sums: np.ndarray, less: np.ndarray | None = None) -> tuple[float, float, float]:
    """r of (genes, 6) moments, or its difference to that of others, and a 95 % interval by bootstrap over genes."""
    drawn = np.random.default_rng(0).integers(len(sums), size=(DRAWS, len(sums)))
    value, draws = pooled_r(sums), pooled_r(sums[drawn])
    if less is not None:
        value, draws = value - pooled_r(less), draws - pooled_r(less[drawn])
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(value), float(low), float(high)


def curve(log: Path) -> list[dict[str, float]]:
    """The evaluations of a training, an epoch each."""
    rows = map(json.loads, log.read_text().splitlines())
    return [
        {name: round(value, 4) for name, value in row.items() if name.startswith("held_out_") and value is not None}
        | {"training_loss": round(row["training_loss"], 4)}
        for row in rows
        if "training_loss" in row
    ]


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """Results of one or more seeds, a Markdown table a setting; genes of all seeds are drawn together.

    Args:
        found: each as ``results.json`` has it.
    """
    lines: list[str] = []
    for setting in dict.fromkeys(each["setting"] for each in found):
        some = [each for each in found if each["setting"] == setting]
        lines += [*_table_of_setting(setting, some), ""]
    return "\n".join(lines).rstrip()


def _table_of_setting(setting: str, some: Sequence[Mapping[str, Any]]) -> list[str]:
    size = some[0]["size"]
    seeds = ", ".join(str(each["seed"]) for each in some)
    first = f"{setting}: {size['train']} donors, h2 {size['heritability']}, seeds {seeds}"
    lines = [f"| {first} | {' | '.join(COLUMNS)} |", "|---" * (1 + len(COLUMNS)) + "|"]
    names = [*METHODS, ORACLE]
    lines += [f"| {name} | {' | '.join(_cell(some, column, name) for column in COLUMNS)} |" for name in names]
    ceilings = [
        "" if column == CARRIERS else f"{np.mean(np.concatenate([each['ceiling'][column] for each in some])):.3f}"
        for column in COLUMNS
    ]
    lines.append(f"| ceiling: sqrt(h2) | {' | '.join(ceilings)} |")
    for name in (FIT, DEEP):
        cells = [_cell(some, column, name, less=PLAIN) for column in COLUMNS]
        lines.append(f"| {name} - {PLAIN} | {' | '.join(cells)} |")
    return lines


def _cell(some: Sequence[Mapping[str, Any]], column: str, name: str, less: str | None = None) -> str:
    value, low, high = number(some, column, name, less)
    if less is None and value == low == high == 0:
        return "0"
    sign = "" if less is None else "+"
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def number(
    some: Sequence[Mapping[str, Any]], column: str, name: str, less: str | None = None
) -> tuple[float, float, float]:
    """Mean r over genes of a column, or its paired difference to another method's, and a 95 % interval over genes.

    Args:
        some: results, of one setting.
        column: of ``COLUMNS``.
        name: method.
        less: method that it is held against; None = none.
    """
    if column == CARRIERS:
        of = {
            key: np.concatenate([np.array(each["carriers"][key]).reshape(-1, 6) for each in some])
            for key in (name, less or name)
        }
        return pooled_interval(of[name], None if less is None else of[less])
    values = np.concatenate([each["r"][column][name] for each in some])
    if less is not None:
        values = values - np.concatenate([each["r"][column][less] for each in some])
    return mean_over_genes(values)


def goals(some: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was to be reached in a setting, and what was, a line each."""
    lines = []
    for column in (SEEN, OTHER, CARRIERS):
        value, low, high = number(some, column, FIT, PLAIN)
        lines.append(f"{column}: fit - elastic net {value:+.3f} [{low:+.3f}, {high:+.3f}]: {_said(low >= NOT_WORSE)}")
    if some[0]["setting"] == "thin":
        for column, goal in THIN_GOALS.items():
            gain = number(some, column, FIT)[0] / number(some, column, PLAIN)[0] - 1
            lines.append(f"{column}: fit {gain:+.1%} of the elastic net's r, goal {goal:+.0%}: {_said(gain >= goal)}")
    value, low, high = number(some, UNSEEN, DEEP)
    lines.append(
        f"{UNSEEN}: {DEEP} {value:.3f} [{low:.3f}, {high:.3f}], goal {UNSEEN_GOAL}: {_said(value >= UNSEEN_GOAL)}"
    )
    return lines


def _said(is_reached: bool) -> str:
    return "reached" if is_reached else "not reached"


def _predictions(method: str) -> str:
    return f"{METHODS[method].split('/')[0]}.parquet"


def _over(content: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Options with some of them replaced, and those within them."""
    found = dict(content)
    for name, value in given.items():
        old = found.get(name)
        found[name] = _over(old, value) if isinstance(value, Mapping) and isinstance(old, Mapping) else value
    return found


if __name__ == "__main__":
    main()
