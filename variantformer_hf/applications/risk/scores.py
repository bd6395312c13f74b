"""Stored forests on donors whose labels are known: AUPRC, AUROC, nested bootstrap and calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...evaluation.calibration import calibration
from ...evaluation.ranking_scores import nested_bootstrap, ranking_scores
from ...genome.names import Rejected
from ...inference.query import RejectedName, RejectedQueryError, rejected_names
from ...zoo.outputs import TissueNames
from .features import GENOTYPES, Features
from .forest_folder import RiskForests
from .made_for import Embeddings, flags_of

if TYPE_CHECKING:
    import pandas as pd

REPLICATES = 2_000
# Of a unit that has no score.
MISSING, ONE_CLASS, NO_GENE = "no_features", "one_class", "not_in_features"


@dataclass(frozen=True, slots=True)
class UnitScores:
    """How forests tell cases of some donors from controls.

    Attributes:
        table: a row a unit: gene_id, gene_name, tissue, n, n_cases, auprc, auroc, brier, status; and of genotypes how
            many SNPs are absent and how many genotypes missing.
        summary: auprc and auroc, means over units with 95 % intervals of the nested bootstrap; calibration of all
            units' predictions together and of each unit; what was left out.
    """

    table: "pd.DataFrame"
    summary: Mapping[str, Any]


def score_units(
    forests: RiskForests,
    features: Features,
    labels: Mapping[str, int],
    units: Sequence[tuple[str, str | None]],
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> UnitScores:
    """Score units of a folder on donors.

    Args:
        forests: the folder.
        features: of the donors; those that have no label, and labels of nobody there, are not read.
        labels: donor -> 1 (case) or 0 (control).
        units: gene ids and tissues.
        replicates: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        InputError: nobody of the features has a label, or one class alone; no unit can be scored; another model,
            width or kind of features than the forests'.
    """
    import pandas as pd

    flags = _flags(forests, features)
    donors = labelled(features, labels, "to score")
    truth = np.array([labels[features.donors[donor]] for donor in donors])
    found, rows, each = [], [], []
    for gene_id, tissue in units:
        values, row = _probabilities(forests, features, gene_id, tissue, donors)
        known = ~np.isnan(values)
        own, scored = truth[known], values[known]
        row |= {"n": len(own), "n_cases": int(own.sum())}
        if row["status"] == "ok" and len(set(own.tolist())) < 2:
            row["status"] = ONE_CLASS if len(own) else MISSING
        if row["status"] == "ok":
            auroc, auprc = (float(score[0]) for score in ranking_scores(own, scored))
            reliability = calibration(own, scored)
            row |= {"auprc": auprc, "auroc": auroc, "brier": reliability["brier"]}
            found.append((own, scored))
            each.append({"gene_id": gene_id, "tissue": tissue, **reliability})
        rows.append(row)
    columns = ["gene_id", "gene_name", "tissue", "n", "n_cases", "auprc", "auroc", "brier", "status"]
    table = pd.DataFrame(rows).reindex(columns=columns + (["absent", "missing"] if features.kind == GENOTYPES else []))
    if not found:
        raise InputError(
            f"none of {len(rows)} units can be scored: {', '.join(sorted(set(table['status'])))}",
            file=features.place,
            remedy="Give features of the genes and tissues that the forests are of.",
        )
    summary = {
        **nested_bootstrap(found, replicates=replicates, seed=seed).as_dict(),
        "flags": list(flags),
        "donors": len(donors),
        "cases": int(truth.sum()),
        "labels_of_nobody": len(labels) - len(donors),
        "units_by_status": {str(name): int(count) for name, count in table["status"].value_counts().items()},
        "calibration": calibration(*(np.concatenate(parts) for parts in zip(*found, strict=True))),
        "calibration_of_units": each,
    }
    return UnitScores(table, summary)


def evaluate_forests(
    forests: RiskForests,
    features: Features,
    labels: Mapping[str, int],
    *,
    genes: Sequence[str] | None = None,
    tissues: Sequence[str] | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> UnitScores:
    """Score stored forests on donors whom they were not trained on.

    Args:
        forests: the folder.
        features: of the donors.
        labels: donor -> 1 (case) or 0 (control).
        genes: symbols or Ensembl ids; None = those of the kept units where no tissue is named either, else all.
        tissues: None = all.
        replicates, seed: of the bootstrap.

    Raises:
        RejectedQueryError: genes or tissues that forests or features do not have.
        InputError: some of the donors were trained on; as for :func:`score_units`.
    """
    known = forests.trained_on() & set(features.donors) & set(labels)
    if known:
        raise InputError(
            f"{len(known)} of the {len(labels)} labelled donors were trained on: {', '.join(sorted(known)[:3])}",
            file=forests.folder,
            remedy="Evaluate on other donors: their scores would be flattered.",
        )
    return score_units(
        forests, features, labels, _units(forests, features, genes, tissues), replicates=replicates, seed=seed
    )


def _units(
    forests: RiskForests, features: Features, genes: Sequence[str] | None, tissues: Sequence[str] | None
) -> list[tuple[str, str | None]]:
    """Stored units that are asked for."""
    if genes is None and tissues is None and not forests.is_released:
        kept = forests.units[forests.units["kept"]].sort_values("rank")
        of_kept = kept["tissue"].tolist() if forests.description.tissues else [None] * len(kept)
        return list(zip(kept["gene_id"].tolist(), of_kept, strict=True))
    rejected: list[RejectedName] = []
    gene_ids = [gene_id for gene_id in forests.gene_ids if features.genes.resolve([gene_id])[0]]
    if genes is not None:
        found, unknown = features.genes.resolve(genes)
        rejected += rejected_names("gene", unknown)
        gene_ids = [gene.gene_id for gene in found]
        none = [gene.gene_name for gene in found if forests.file_of(gene.gene_id) is None]
        rejected += rejected_names("gene", [Rejected(name, "has no forest") for name in none])
    wanted: set[str | None] | None = None
    if tissues is not None:
        named, others = TissueNames(list(forests.description.tissues)).resolve(tissues)
        rejected += rejected_names("tissue", others)
        wanted = {tissue.name for tissue in named}
    if rejected:
        raise RejectedQueryError(rejected, f"The forests of {forests.folder} hold others.")
    units = [(gene_id, tissue) for gene_id in gene_ids for tissue in forests.tissues_of(gene_id)]
    return [(gene_id, tissue) for gene_id, tissue in units if wanted is None or tissue in wanted]


def labelled(features: Features, labels: Mapping[str, int], what: str) -> list[int]:
    """Places of the donors who have a label.

    Args:
        features: of donors.
        labels: donor -> 1 or 0.
        what: whose these are, for messages.

    Raises:
        InputError: nobody has, or all have the same.
    """
    donors = [place for place, name in enumerate(features.donors) if name in labels]
    cases = sum(labels[features.donors[place]] for place in donors)
    if not 0 < cases < len(donors):
        raise InputError(
            f"{len(donors)} of its {len(features.donors):,} donors have one of the {len(labels):,} labels {what}: "
            f"{cases} cases, {len(donors) - cases} controls",
            file=features.place,
            remedy="Give labels of cases and controls, with the donors' names as they stand there.",
        )
    return donors


def _flags(forests: RiskForests, features: Features) -> tuple[str, ...]:
    """What is to be said of the answers, see ``flags_of``.

    Raises:
        InputError: features of another kind, width, model or tissues than the forests'; both are named.
    """
    own = forests.description
    if features.kind != own.features:
        raise InputError(
            f"has {features.kind}, and the forests of {forests.folder} read {own.features}",
            file=features.place,
            remedy="Give what they were trained on.",
        )
    both = set(features.tissues) & set(own.tissues)
    if not both and (features.tissues or own.tissues):
        theirs, ours = (", ".join(map(str, each[:5])) or "no tissues" for each in (features.tissues, own.tissues))
        raise InputError(
            f"is of {theirs}, and the forests of {forests.folder} of {ours}",
            file=features.place,
            remedy="Give features of the tissues that the forests were trained on.",
        )
    if features.model is None:
        return ()
    return flags_of(
        forests,
        Embeddings(features.place, features.model, features.precision or "", features.width, features.tissues),
    )


def _probabilities(
    forests: RiskForests, features: Features, gene_id: str, tissue: str | None, donors: Sequence[int]
) -> tuple[np.ndarray, dict[str, Any]]:
    """(donors,) of label 1, NaN where a donor has no features; and the row's beginning."""
    genes, _ = features.genes.resolve([gene_id])
    row: dict[str, Any] = {"gene_id": gene_id, "gene_name": gene_id, "tissue": tissue, "status": "ok"}
    nobody = np.full(len(donors), np.nan)
    if not genes or (tissue is not None and tissue not in features.tissues):
        return nobody, row | {"status": NO_GENE}
    row["gene_name"] = genes[0].gene_name
    like = forests.snps(gene_id)
    place = 0 if tissue is None else list(features.tissues).index(tissue)
    found = features.read(genes[0], place, donors, like)
    known = ~np.isnan(found.values).any(axis=1)
    of_gene = forests.of_gene(gene_id)
    if of_gene is None or tissue not in of_gene.tissues:
        raise InputError("has no forest of this unit", file=forests.folder, record=f"{gene_id}, {tissue}")
    if of_gene.n_features != found.values.shape[1]:
        raise InputError(
            f"takes {of_gene.n_features} numbers, and the features have {found.values.shape[1]}",
            file=forests.folder,
            record=gene_id,
            remedy="Give features of the model that the forests were trained on.",
        )
    nobody[known] = of_gene.predict([tissue], found.values[known][None])[0]
    return nobody, row | (dict(found.counts) if features.kind == GENOTYPES else {})
