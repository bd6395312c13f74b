"""Forests of all units of some features: each cross-validated and fitted, ranked, and the best ones scored.

VariantFormer, 3.3.2 and 6.2.2. Labels of donors held out are first looked at when forests and ranking are written.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ContigError, InputError
from ...evaluation.calibration import calibration
from ...files import whole_file
from ...genome.genes import Gene
from ...inference.query import RejectedQueryError, rejected_names
from ...run_key import run_key
from ...version import __version__
from ...work.in_process import InProcess
from ...work.processes import Processes
from ...work.units import Unit, check_all_done, run_units, unit_of
from ...zoo.outputs import TissueNames
from .features import Features, UnitFeatures
from .forest_folder import (
    DONORS_FILE,
    HELD_OUT,
    RESEARCH_USE,
    TRAIN,
    UNIT_COLUMNS,
    UNITS_FILE,
    ForestsDescription,
    RiskForests,
    SnpFeatures,
    gene_file,
    write_description,
    write_forests,
)
from .forest_grid import Grid, best_of, cross_validate, fit_forest
from .forest_parts import HELD_OUT_FILE, SUMMARY_FILE, ForestParts
from .scores import REPLICATES, UnitScores, labelled, score_units

if TYPE_CHECKING:
    import pandas as pd

# Statuses of units.
OK, NO_FEATURES, CONSTANT, NOT_IN_VCF = "ok", "no_features", "constant_features", "not_in_vcf"
TOP = 10


@dataclass(frozen=True)
class TrainingRequest:
    """What is trained.

    Attributes:
        labels: donor -> 1 (case) or 0 (control).
        held_out: donors who are not trained on, and on whom the best units are scored.
        phenotype: what label 1 means.
        grid: of the forests.
        top: units that are kept.
        only_kept: forests of the kept units alone are stored; else those of all.
        genes: symbols or Ensembl ids; None = all.
        tissues: None = all.
        replicates: of the bootstrap.
        workers: processes, each of which does a unit at a time; threads where there is one unit.
    """

    labels: Mapping[str, int]
    held_out: Collection[str] = ()
    phenotype: str = "case"
    grid: Grid = field(default_factory=Grid)
    top: int = TOP
    only_kept: bool = False
    genes: Sequence[str] | None = None
    tissues: Sequence[str] | None = None
    replicates: int = REPLICATES
    workers: int = 1


@dataclass(frozen=True, slots=True)
class TrainedForests:
    """What :func:`train_forests` has written.

    Attributes:
        forests: the folder.
        summary: as ``summary.json`` has it.
        files: beside those of the genes.
    """

    forests: RiskForests
    summary: Mapping[str, Any]
    files: Sequence[Path]


@dataclass(frozen=True, slots=True)
class _Cohort:
    """Who is trained on: places in the features, and labels; and the labels of those held out."""

    train: Sequence[int]
    labels: np.ndarray
    held_out: Mapping[str, int]


@dataclass(frozen=True)
class ForestJob:
    """What every process of a training gets ready: features, and who is trained on."""

    features: Features
    parts: ForestParts
    train: Sequence[int]
    labels: np.ndarray
    grid: Grid
    threads: int

    def open(self) -> "ForestWorker":
        """Get ready."""
        return ForestWorker(self)


class ForestWorker:
    """Trains units."""

    def __init__(self, job: ForestJob) -> None:
        self._job = job

    def do(self, unit: Unit) -> None:
        """Cross-validate the grid of a unit, fit its best forest on all donors, and write both.

        Raises:
            InputError: features cannot be read.
            OutputError: it cannot be written.
        """
        job, (gene, tissue) = self._job, unit.content
        try:
            found = job.features.read(gene, tissue, job.train)
        except ContigError:
            job.parts.write(unit, {"gene_id": gene.gene_id, "tissue": tissue, "status": NOT_IN_VCF, "counts": {}}, None)
            return
        row: dict[str, Any] = {"gene_id": gene.gene_id, "tissue": tissue, "status": _status(found)}
        row |= {"counts": dict(found.counts), "snps": None if found.snps is None else asdict(found.snps)}
        if row["status"] != OK:
            job.parts.write(unit, row, None)
            return
        best = best_of(cross_validate(found.values, job.labels, job.grid, threads=job.threads), job.grid.rank_by)
        forest = fit_forest(
            found.values, job.labels, trees=best.trees, depth=best.depth, seed=job.grid.seed, threads=job.threads
        )
        row |= {"cv_auroc": best.auroc, "cv_auprc": best.auprc, "n_trees": best.trees, "max_depth": best.depth}
        job.parts.write(unit, row | {"calibration": calibration(job.labels, best.probabilities)}, forest)

    def close(self) -> None:
        """Nothing is held."""


def train_forests(
    features: Features,
    folder: str | Path,
    request: TrainingRequest,
    *,
    overwrite: bool = False,
    on_unit: Callable[[int, int], None] | None = None,
) -> TrainedForests:
    """Train, rank and score the forests of all units; a run that was cut short goes on unit by unit.

    Args:
        features: of the donors.
        folder: made, or gone on with.
        request: what is trained.
        overwrite: forests that are in the folder are replaced.
        on_unit: called with (done, total).

    Raises:
        RejectedQueryError: genes or tissues that the features do not have.
        InputError: labels and donors held out that do not fit; the folder holds something else; no unit is left.
        OutputError: it cannot be written.
    """
    folder = Path(folder)
    cohort = _cohort(features, request)
    grid = replace(request.grid, folds=request.grid.folds_for(cohort.labels))
    genes, tissues = _asked(features, request)
    described = {
        "version": __version__,
        "features": dict(features.key),
        "train": [[features.donors[place] for place in cohort.train], cohort.labels.tolist()],
        "grid": asdict(grid),
        "genes": [gene.gene_id for gene in genes],
        "tissues": list(tissues),
    }
    parts = ForestParts.begin(folder, run_key(described), overwrite=overwrite)
    units = [unit_of("unit", (gene, tissue), [gene.gene_id, tissue]) for gene in genes for tissue in _numbers(tissues)]
    several = request.workers > 1 and len(units) > 1
    job = ForestJob(features, parts, cohort.train, cohort.labels, grid, 1 if several else request.workers)
    engine = Processes(request.workers) if several else InProcess()
    check_all_done(run_units(job, units, is_done=parts.is_done, engine=engine, on_unit=on_unit), len(units))

    rows = parts.rows(units)
    table = _ranked(rows, features, request, cohort)
    stored = table["kept"] if request.only_kept else table["status"] == OK
    _write_genes(folder, parts, units, rows, stored.to_numpy())
    files = [_write_tsv(table, folder / UNITS_FILE), _write_tsv(_donors(features, cohort), folder / DONORS_FILE)]
    files.append(write_description(folder, _description(features, request, grid, cohort)))
    forests = RiskForests.open(folder)
    scores = None
    if cohort.held_out:
        kept = table[table["kept"]].sort_values("rank")
        tissues_of = kept["tissue"].tolist() if features.tissues else [None] * len(kept)
        asked = list(zip(kept["gene_id"].tolist(), tissues_of, strict=True))
        scores = score_units(forests, features, cohort.held_out, asked, replicates=request.replicates, seed=grid.seed)
        files.append(_write_tsv(scores.table, folder / HELD_OUT_FILE))
    summary = _summary(features, request, grid, cohort, table, rows, scores)
    files.append(folder / SUMMARY_FILE)
    with whole_file(files[-1]) as partial:
        partial.write_text(json.dumps(summary, indent=2) + "\n")
    parts.remove()
    return TrainedForests(forests, summary, files)


def _cohort(features: Features, request: TrainingRequest) -> _Cohort:
    """Who is trained on and who is held out.

    Raises:
        InputError: somebody is held out who has no label; nobody is left on one side, or one class alone.
    """
    held_out = set(request.held_out)
    unknown = sorted(held_out - set(request.labels))
    if unknown:
        raise InputError(
            f"{len(unknown)} of the {len(held_out)} donors held out have no label: {', '.join(unknown[:3])}",
            remedy="Give their labels, or leave them out.",
        )
    rest = {name: label for name, label in request.labels.items() if name not in held_out}
    train = labelled(features, rest, "to train on")
    own = {name: request.labels[name] for name in features.donors if name in held_out}
    if held_out:
        labelled(features, {name: request.labels[name] for name in held_out}, "held out")
    return _Cohort(train, np.array([rest[features.donors[place]] for place in train]), own)


def _asked(features: Features, request: TrainingRequest) -> tuple[Sequence[Gene], Sequence[int]]:
    """Genes, and places of tissues; () = genes alone."""
    genes, places, rejected = features.genes.genes, list(range(len(features.tissues))), []
    if request.genes is not None:
        genes, unknown = features.genes.resolve(request.genes)
        rejected += rejected_names("gene", unknown)
    if request.tissues is not None:
        named, others = TissueNames(list(features.tissues)).resolve(request.tissues)
        rejected += rejected_names("tissue", others)
        places = [tissue.id for tissue in named]
    if rejected:
        raise RejectedQueryError(rejected, f"{features.place} holds others.")
    return genes, places


def _numbers(tissues: Sequence[int]) -> Sequence[int]:
    """Numbers of the units of a gene: those of its tissues, 0 of a gene alone."""
    return tissues or (0,)


def _status(found: UnitFeatures) -> str:
    if np.isnan(found.values).any() or not found.values.shape[1]:
        return NO_FEATURES
    return CONSTANT if (found.values == found.values[0]).all() else OK


def _ranked(
    rows: Sequence[Mapping[str, Any]], features: Features, request: TrainingRequest, cohort: _Cohort
) -> "pd.DataFrame":
    """The table of units, ranked by what was cross-validated.

    Raises:
        InputError: no unit is left.
    """
    import pandas as pd

    table = pd.DataFrame(list(rows)).reindex(columns=list(UNIT_COLUMNS))
    if not (table["status"] == OK).any():
        counts = ", ".join(f"{count} {status}" for status, count in table["status"].value_counts().items())
        raise InputError(
            f"no unit is left to train: {counts}",
            file=features.place,
            remedy="Give features of genes that differ between donors, and that all donors have.",
        )
    names = {gene.gene_id: gene.gene_name for gene in features.genes}
    by = [f"cv_{request.grid.rank_by}", "cv_auroc" if request.grid.rank_by == "auprc" else "cv_auprc"]
    order = table[table["status"] == OK].sort_values(by, ascending=False, kind="stable").index
    rank = pd.Series(np.arange(1, len(order) + 1), index=order, dtype="Int64").reindex(table.index)
    tissues = [features.tissues[place] for place in table["tissue"]] if features.tissues else None
    return table.assign(
        gene_name=[names[gene_id] for gene_id in table["gene_id"]],
        tissue=tissues,
        rank=rank,
        kept=(rank <= request.top).fillna(False).astype(bool),
        n_train=len(cohort.labels),
        base_rate=float(cohort.labels.mean()),
    ).astype({"n_trees": "Int64", "max_depth": "Int64"})


def _write_genes(
    folder: Path, parts: ForestParts, units: Sequence[Unit], rows: Sequence[Mapping[str, Any]], stored: np.ndarray
) -> None:
    """A file a gene of the units that are stored; of an end that was cut short nothing stays."""
    for path in folder.glob("*.safetensors"):
        path.unlink()
    of_gene: dict[str, list[int]] = {}
    for place in np.flatnonzero(stored).tolist():
        of_gene.setdefault(rows[place]["gene_id"], []).append(place)
    for gene_id, places in of_gene.items():
        snps = rows[places[0]]["snps"]
        write_forests(
            folder / gene_file(gene_id),
            {rows[place]["tissue"]: parts.forest(units[place]) for place in places},
            None if snps is None else SnpFeatures(**snps),
            {rows[place]["tissue"]: rows[place]["calibration"] for place in places},
        )


def _donors(features: Features, cohort: _Cohort) -> "pd.DataFrame":
    import pandas as pd

    train = [(features.donors[place], TRAIN) for place in cohort.train]
    return pd.DataFrame([*train, *((name, HELD_OUT) for name in cohort.held_out)], columns=["donor", "part"])


def _description(features: Features, request: TrainingRequest, grid: Grid, cohort: _Cohort) -> ForestsDescription:
    return ForestsDescription(
        phenotype=request.phenotype,
        features=features.kind,
        model=None if features.model is None else dict(features.model),
        precision=features.precision,
        width=features.width,
        tissues=list(features.tissues),
        base_rate=float(cohort.labels.mean()),
        n_train=len(cohort.labels),
        n_cases=int(cohort.labels.sum()),
        trees=sorted(set(grid.trees)),
        depths=sorted(set(grid.depths)),
        folds=grid.folds,
        seed=grid.seed,
        rank_by=grid.rank_by,
        top=request.top,
        version=__version__,
    )


def _summary(
    features: Features,
    request: TrainingRequest,
    grid: Grid,
    cohort: _Cohort,
    table: "pd.DataFrame",
    rows: Sequence[Mapping[str, Any]],
    scores: UnitScores | None,
) -> dict[str, Any]:
    kept = table[table["kept"]]
    counts: dict[str, int] = {}
    for row in rows:
        for name, count in row["counts"].items():
            counts[name] = counts.get(name, 0) + count
    there = set(features.donors)
    return {
        "phenotype": request.phenotype,
        "research_use": RESEARCH_USE,
        "donors": {
            "train": len(cohort.labels),
            "cases": int(cohort.labels.sum()),
            "held_out": len(cohort.held_out),
            "held_out_cases": sum(cohort.held_out.values()),
            "labels_of_nobody": sum(name not in there for name in request.labels),
            "without_a_label": sum(name not in request.labels for name in features.donors),
        },
        "folds": {"asked": request.grid.folds, "used": grid.folds},
        "units": {
            "total": len(table),
            "by_status": {str(name): int(count) for name, count in table["status"].value_counts().items()},
            "kept": len(kept),
        },
        "genotypes": counts or None,
        "cross_validated": {name: float(kept[f"cv_{name}"].mean()) for name in ("auprc", "auroc")},
        "held_out": None if scores is None else dict(scores.summary),
    }


def _write_tsv(table: "pd.DataFrame", path: Path) -> Path:
    with whole_file(path) as partial:
        table.to_csv(partial, sep="\t", index=False, na_rep="NA")
    return path
