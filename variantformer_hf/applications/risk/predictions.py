"""What forests say of people's embeddings: a probability a person, gene and tissue."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...genome.genes import Gene, GeneTable, stable_id
from ...genome.names import Rejected
from ...genome.sample_names import chosen_samples
from ...inference.embedding_store import EmbeddingStore
from ...inference.prediction import check_table_memory
from ...inference.predictor import ExpressionPredictor
from ...inference.query import RejectedQueryError, rejected_names
from ...inference.run_limits import RunLimits
from ...zoo.statuses import NO_VARIANTS, NOT_FINITE, WITH_NUMBER
from .forest_folder import RiskForests
from .made_for import TRAINED_ON, Embeddings, common_tissues, flags_of, named_tissues
from .odds import AT_BOUND, is_at_bound, log_odds

if TYPE_CHECKING:
    import pandas as pd

# Units whose calibration a report has at the most.
_CALIBRATIONS = 1_000


def facts_of(forests: RiskForests) -> Callable[[str, Sequence[str]], np.ndarray]:
    """Gene id and T tissues -> (T, 3): base rate, cross-validated AUROC, donors trained on; NaN where not known."""
    not_known = (forests.description.base_rate, np.nan, np.nan)
    if forests.is_released:
        return lambda _, tissues: np.tile(not_known, (len(tissues), 1))
    table = forests.units
    numbers = table[["base_rate", "cv_auroc", "n_train"]].astype(float).to_numpy().tolist()
    units = zip(map(stable_id, table["gene_id"]), table["tissue"], strict=True)
    known = dict(zip(units, numbers, strict=True))
    return lambda gene_id, tissues: np.array([known.get((stable_id(gene_id), each), not_known) for each in tissues])


@dataclass(frozen=True)
class RiskPredictions:
    """What forests say of people.

    Attributes:
        table: one row per sample, gene and tissue.
        report: counts, for JSON.
    """

    table: "pd.DataFrame"
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AskedUnits:
    """What forests are asked about.

    Attributes:
        genes: that have forests and embeddings.
        tissues_of: gene id -> tissues in which it has a forest.
        tissues: those that are asked about.
        flags: of each answer, see ``flags_of``.
    """

    genes: Sequence[Gene]
    tissues_of: Mapping[str, Sequence[str]]
    tissues: Sequence[str]
    flags: Sequence[str]

    @classmethod
    def of(
        cls,
        forests: RiskForests,
        embeddings: Embeddings,
        table: GeneTable,
        genes: Sequence[str] | None,
        tissues: Sequence[str] | None,
    ) -> "AskedUnits":
        """Look up names, and check that forests and embeddings go together.

        Args:
            forests: the forests.
            embeddings: of which they are asked.
            table: of the embeddings' genes.
            genes, tissues: names, see :func:`predict_risk`.

        Raises:
            RejectedQueryError: a gene or tissue that is asked for is not there, or has no forest.
            InputError: see ``flags_of`` and ``common_tissues``; no gene has a forest.
        """
        flags = flags_of(forests, embeddings)
        asked, unknown = (list(table), []) if genes is None else table.resolve(genes)
        found = [gene for gene in asked if forests.file_of(gene.gene_id) is not None]
        if genes is not None:
            lacking = [gene.gene_name for gene in asked if forests.file_of(gene.gene_id) is None]
            unknown += [Rejected(name, "has no forest") for name in lacking]
            if unknown:
                raise RejectedQueryError(rejected_names("gene", unknown), f"The forests are those of {forests.folder}.")
        if not found:
            raise InputError(
                f"none of the {len(forests.gene_ids):,} genes of the forests is among the {len(table):,} of the "
                "embeddings",
                file=forests.folder,
                record=str(embeddings.where),
                remedy="Make embeddings of genes that have forests.",
            )
        tissues_of = {gene.gene_id: named_tissues(forests, gene.gene_id) for gene in found}
        return cls(found, tissues_of, common_tissues(forests, embeddings, tissues_of, tissues), flags)


def embeddings_for(
    forests: RiskForests,
    predictor: ExpressionPredictor,
    parts: str | Path,
    *given: Any,
    genes: Sequence[str] | None = None,
    tissues: Sequence[str] | None = None,
    **request: Any,
) -> EmbeddingStore:
    """Make a store of the embeddings that forests are asked about.

    Args:
        forests: the forests.
        predictor: the model.
        parts: the folder of the store; the same call goes on where it was cut short.
        given: FASTA and VCF, see :meth:`ExpressionPredictor.write_dataset`.
        genes, tissues: names, as for :func:`predict_risk`.
        **request: other options of ``write_dataset``.

    Raises:
        RejectedQueryError, InputError, OutputError: see ``AskedUnits.of`` and ``write_dataset``.
    """
    model = predictor.model
    asked = AskedUnits.of(forests, Embeddings.of_model(model), model.gene_table, genes, tissues)
    predictor.write_dataset(
        parts,
        *given,
        layout="embeddings",
        genes=[gene.gene_id for gene in asked.genes],
        tissues=asked.tissues,
        skip_invalid=genes is None,
        **request,
    )
    return EmbeddingStore.open(parts)


def predict_risk(
    forests: RiskForests,
    store: EmbeddingStore,
    *,
    genes: Sequence[str] | None = None,
    tissues: Sequence[str] | None = None,
    samples: Sequence[str] | None = None,
    limits: RunLimits | None = None,
    on_gene: Callable[[int, int], None] | None = None,
) -> RiskPredictions:
    """Ask forests about the people of a store: a classifier's score in a case-control sample, not a person's risk.

    Args:
        forests: the forests.
        store: the embeddings.
        genes: symbols or Ensembl ids; None = all genes of the store that have forests.
        tissues: names; None = all of these forests', of the released ones those that the store has.
        samples: names; None = all.
        limits: of memory; None = :class:`RunLimits` as it is.
        on_gene: called with (done, total) genes.

    Returns:
        ``table``: sample, gene_id, gene_name, tissue, probability, base_rate (share of cases in training), cv_auroc
        (cross-validated), n_train, log_odds_over_base (natural logarithm; of a probability of 0 or 1 see
        :func:`~variantformer_hf.applications.risk.odds.log_odds`), status and reason (as of predictions), flags
        (``other_model``, ``other_precision``, ``trained_on``, ``at_bound``; joined by ``;``).
        Without a prediction, NaN.

    Raises:
        RejectedQueryError: an unknown gene or tissue, or one without a forest.
        SampleError: an unknown sample.
        InputError: forests and embeddings do not go together, both are named; a file is damaged.
    """
    asked = AskedUnits.of(forests, Embeddings.of_store(store), store.genes, genes, tissues)
    names = list(store.samples) if samples is None else chosen_samples(store.place, store.samples, samples)
    check_table_memory(
        len(names),
        len(asked.genes),
        len(asked.tissues),
        (limits or RunLimits()).table_memory,
        "Ask for fewer genes, tissues or samples at a time.",
    )
    person_of = {name: place for place, name in enumerate(store.samples)}
    column_of = {name: place for place, name in enumerate(store.tissues)}
    people = [person_of[name] for name in names]
    facts = facts_of(forests)
    blocks = []
    for number, gene in enumerate(asked.genes):
        if on_gene is not None:
            on_gene(number, len(asked.genes))
        here = [tissue for tissue in asked.tissues if tissue in asked.tissues_of[gene.gene_id]]
        if here:
            vectors = store[gene.gene_id][np.ix_(people, [column_of[tissue] for tissue in here])].swapaxes(0, 1)
            status, reason = (each[people] for each in store.endings(gene.gene_id))
            found = scored(forests, gene.gene_id, here, vectors, status)
            blocks.append(_Block(gene, here, facts(gene.gene_id, here), found, reason))
    if on_gene is not None:
        on_gene(len(asked.genes), len(asked.genes))
    table = _table(names, blocks, asked.flags, forests.trained_on())
    n_forests = sum(len(block.tissues) for block in blocks)
    report = {
        "rows": len(table),
        "genes": {"of_forests": len(forests.gene_ids), "asked": len(asked.genes), "predicted": len(blocks)},
        "forests_asked": {"wanted": len(asked.genes) * len(asked.tissues), "there": n_forests},
        "status": {name: int(count) for name, count in table["status"].value_counts().items()},
        "flags": dict(Counter(flag for flags in table["flags"] for flag in flags.split(";") if flag)),
        "calibration": _calibration(
            forests, [(block.gene.gene_id, tissue) for block in blocks for tissue in block.tissues]
        ),
    }
    return RiskPredictions(table, report)


def _calibration(forests: RiskForests, units: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
    """Of cross-validated predictions of the donors trained on: each unit's, the best ranks first, and not too many."""
    if forests.is_released:
        return None
    table = forests.units.sort_values("rank")
    place_of = {
        unit: place for place, unit in enumerate(zip(map(stable_id, table["gene_id"]), table["tissue"], strict=True))
    }
    ranked = sorted(units, key=lambda unit: place_of.get((stable_id(unit[0]), unit[1]), len(place_of)))
    found = []
    for gene_id, tissue in ranked[:_CALIBRATIONS]:
        known = forests.calibration(gene_id, tissue)
        if known is not None:
            found.append({"gene_id": gene_id, "tissue": tissue, **known})
    return {"of": "cross-validated predictions of the donors trained on", "asked": len(units), "units": found}


@dataclass(frozen=True, slots=True)
class ScoredGene:
    """What a gene's forests say, (T, n) each, of T tissues and n rows."""

    probability: np.ndarray
    log_odds: np.ndarray
    status: np.ndarray
    is_at_bound: np.ndarray


def scored(
    forests: RiskForests, gene_id: str, tissues: Sequence[str], vectors: np.ndarray, status: np.ndarray
) -> ScoredGene:
    """Ask a gene's forests.

    Args:
        forests: the folder.
        gene_id: of a gene that has forests.
        tissues: T of theirs.
        vectors: (T, n, width) embeddings.
        status: (n,) or (T, n) as of predictions; where it is one without a number, none is given.

    Raises:
        InputError: the file of the gene is damaged, or takes other vectors.
    """
    of_gene = forests.of_gene(gene_id)
    assert of_gene is not None
    has_number = np.isin(status.astype(str), (*WITH_NUMBER, NO_VARIANTS))
    is_finite = np.isfinite(vectors).all(axis=2)
    known = has_number & is_finite
    try:
        found = of_gene.predict(tissues, vectors if known.all() else np.where(known[..., None], vectors, 0))
    except ValueError as error:
        raise InputError(f"is damaged: {error}", file=forests.file_of(gene_id), record=gene_id) from error
    probability = np.where(known, found, np.nan)
    trees = dict(zip(of_gene.tissues, np.diff(of_gene.first), strict=True))
    n_trees = np.array([trees[tissue] for tissue in tissues])[:, None]
    endings = np.where(has_number & ~is_finite, NOT_FINITE, status.astype(str))
    return ScoredGene(probability, log_odds(probability, n_trees), endings, is_at_bound(probability))


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows of a gene: facts (T, 3) of its units, what its forests say of n people, and (n,) reasons."""

    gene: Gene
    tissues: Sequence[str]
    facts: np.ndarray
    found: ScoredGene
    reason: np.ndarray


def flags_of_rows(
    samples: np.ndarray, at_bound: np.ndarray, flags: Sequence[str], trained_on: Collection[str]
) -> np.ndarray:
    """Flags of each row, joined by ``;``.

    Args:
        samples: (rows,) names.
        at_bound: (rows,) bool, see ``odds.is_at_bound``.
        flags: of all rows, see ``flags_of``.
        trained_on: donors of whom a forest has seen the answer.
    """
    of_all = np.array([";".join(flags)] * len(samples), dtype=object)
    is_known = np.isin(samples.astype(str), list(trained_on))
    for name, rows in ((TRAINED_ON, is_known), (AT_BOUND, at_bound)):
        of_all[rows] = [f"{each};{name}".lstrip(";") for each in of_all[rows]]
    return of_all


def _table(
    samples: Sequence[str], blocks: Sequence[_Block], flags: Sequence[str], trained_on: Collection[str]
) -> "pd.DataFrame":
    """Rows of people, of each its genes, of each its tissues."""
    import pandas as pd

    n = len(samples)
    units = [(block.gene, tissue) for block in blocks for tissue in block.tissues]

    def of_unit(values: Sequence[Any]) -> np.ndarray:
        return np.tile(np.array(values, dtype=object), n)

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(block.found, name) for block in blocks]).T.ravel()

    base_rate, cv_auroc, n_train = np.tile(np.concatenate([block.facts for block in blocks]).T, n)
    reason = np.concatenate([np.repeat(block.reason[None], len(block.tissues), axis=0) for block in blocks]).T.ravel()
    sample = np.repeat(np.array(samples, dtype=object), len(units))
    return pd.DataFrame(
        {
            "sample": sample,
            "gene_id": of_unit([gene.gene_id for gene, _ in units]),
            "gene_name": of_unit([gene.gene_name for gene, _ in units]),
            "tissue": of_unit([tissue for _, tissue in units]),
            "probability": joined("probability"),
            "base_rate": base_rate,
            "cv_auroc": cv_auroc,
            "n_train": n_train,
            "log_odds_over_base": joined("log_odds") - log_odds(base_rate, 1),
            "status": joined("status").astype(object),
            "reason": [each or None for each in reason],
            "flags": flags_of_rows(sample, joined("is_at_bound"), flags, trained_on),
        }
    ).astype({"n_train": "Int64", "reason": "string"})
