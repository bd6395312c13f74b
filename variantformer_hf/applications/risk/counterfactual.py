"""Log odds ratios of a disease by forests: carriers of variants as they are, and as they would be without."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...analysis.counterfactual import counterfactual
from ...analysis.effects import VariantScorer
from ...analysis.student_interval import student_interval
from ...errors import InputError
from ...genome.genotype_edits import GenotypeEdit
from ...genome.personal import PersonalGenome
from .forest_folder import RiskForests
from .made_for import Embeddings
from .predictions import AskedUnits, facts_of, flags_of_rows, scored

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RiskCounterfactuals:
    """What forests say of carriers, with and without the edits.

    Attributes:
        table: one row per carrier, gene and tissue.
        summary: one row per gene, with two intervals.
        left_out: sample, or sample and gene -> why it was not edited.
        report: counts, for JSON.
    """

    table: "pd.DataFrame"
    summary: "pd.DataFrame"
    left_out: dict[str, str]
    report: dict[str, Any]


def risk_counterfactual(
    forests: RiskForests,
    scorer: VariantScorer,
    people: Sequence[PersonalGenome],
    edits: Sequence[GenotypeEdit],
    genes: Sequence[str],
    *,
    tissues: Sequence[str] | None = None,
    allow_unused: bool = False,
    on_person: Callable[[int, int], None] | None = None,
) -> RiskCounterfactuals:
    """Set genotypes in every person whose genome that changes, and ask forests about both embeddings.

    VariantFormer, 6.3.2: a carrier's log odds ratio is the mean over tissues of ln(odds observed / odds edited)
    (eq. 40); above 0, what is edited away raises the score.

    Args:
        forests: the forests.
        scorer, people, edits, allow_unused, on_person: as for :func:`~variantformer_hf.analysis.counterfactual`.
        genes: names, each with forests.
        tissues: names; None = all in which each of the genes has a forest.

    Returns:
        ``table``: sample, observed (genotypes), gene_id, gene_name, tissue, probability_observed, probability_edited,
        log_odds_ratio (natural logarithm, observed over edited), base_rate, cv_auroc, n_train, status, reason, flags as
        of ``predict_risk``. ``summary``: gene_id, gene_name, n_carriers, n_tissues, log_odds_ratio, then the 95 %
        intervals ci_low_carriers, ci_high_carriers (of the carriers' means, by their standard error, Student's t) and
        ci_low_tissues, ci_high_tissues (of the tissues' means); no interval of one.

    Raises:
        RejectedQueryError: an unknown gene or tissue, or one without a forest.
        InputError: as for ``counterfactual`` and ``flags_of``; a gene lacks a forest in a tissue.
    """
    model = scorer.model
    asked = AskedUnits.of(forests, Embeddings.of_model(model), model.gene_table, genes, tissues)
    wanted = _in_all_genes(asked, forests, is_asked=tissues is not None)
    found = counterfactual(
        scorer,
        people,
        edits,
        [gene.gene_id for gene in asked.genes],
        tissues=wanted,
        with_embeddings=True,
        allow_unused=allow_unused,
        on_person=on_person,
    )
    table = _with_odds(forests, asked, found.table, found.embeddings, wanted)
    report = {
        "rows": len(table),
        "people": {"given": len(people), "changed": table["sample"].nunique(), "left_out": found.left_out},
        "tissues": wanted,
        "status": {name: int(count) for name, count in table["status"].value_counts().items()},
        "flags": dict(Counter(flag for flags in table["flags"] for flag in flags.split(";") if flag)),
        "probabilities_of_0_or_1": int(table[["probability_observed", "probability_edited"]].isin([0, 1]).sum().sum()),
    }
    return RiskCounterfactuals(table, _summary(table), dict(found.left_out), report)


def _in_all_genes(asked: AskedUnits, forests: RiskForests, *, is_asked: bool) -> list[str]:
    """Tissues in which each gene has a forest.

    Raises:
        InputError: there is none; one that is asked for has not in each.
    """
    for gene in asked.genes:
        lacking = [tissue for tissue in asked.tissues if tissue not in asked.tissues_of[gene.gene_id]]
        if lacking and is_asked:
            raise InputError(
                f"it has no forest in {', '.join(lacking)}",
                file=forests.folder,
                record=gene.gene_name,
                remedy=f"It has some in {', '.join(asked.tissues_of[gene.gene_id][:5])}: name them with --tissue.",
            )
    common = [each for each in asked.tissues if all(each in found for found in asked.tissues_of.values())]
    if not common:
        raise InputError(
            "the genes have no tissue in common in which each has a forest",
            file=forests.folder,
            remedy="Ask for one gene at a time.",
        )
    return common


def _with_odds(
    forests: RiskForests,
    asked: AskedUnits,
    carriers: "pd.DataFrame",
    embeddings: Any,
    tissues: Sequence[str],
) -> "pd.DataFrame":
    """The table, of that of ``counterfactual`` and its embeddings: rows of a carrier and gene, a tissue each."""
    facts = facts_of(forests)
    n_rows = len(carriers)
    observed, edited, ratio = (np.full(n_rows, np.nan) for _ in range(3))
    about, at_bound = np.empty((n_rows, 3)), np.zeros(n_rows, dtype=bool)
    status = carriers["status"].to_numpy(dtype=object, copy=True)
    for gene_id in carriers["gene_id"].unique():
        rows = np.flatnonzero(carriers["gene_id"] == gene_id).reshape(-1, len(tissues)).T  # (T, carriers)
        before, after = (
            scored(forests, gene_id, tissues, embeddings[name][rows], status[rows]) for name in ("observed", "edited")
        )
        observed[rows], edited[rows] = before.probability, after.probability
        ratio[rows] = before.log_odds - after.log_odds
        at_bound[rows] = before.is_at_bound | after.is_at_bound
        about[rows] = facts(gene_id, tissues)[:, None]
        status[rows] = np.where(before.status == status[rows], after.status, before.status)
    flags = flags_of_rows(carriers["sample"].to_numpy(dtype=object), at_bound, asked.flags, forests.trained_on())
    names = ["sample", "observed", "gene_id", "gene_name", "tissue"]
    return (
        carriers[names]
        .assign(
            probability_observed=observed,
            probability_edited=edited,
            log_odds_ratio=ratio,
            base_rate=about[:, 0],
            cv_auroc=about[:, 1],
            n_train=about[:, 2],
            status=status,
            reason=carriers["reason"],
            flags=flags,
        )
        .astype({"n_train": "Int64"})
    )


def _summary(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for (gene_id, gene_name), group in table.groupby(["gene_id", "gene_name"], sort=False):
        ratios = group.pivot(index="sample", columns="tissue", values="log_odds_ratio").dropna()
        mean, *carriers = student_interval(ratios.mean(axis=1).to_numpy())
        _, *tissues = student_interval(ratios.mean(axis=0).dropna().to_numpy())
        rows.append((gene_id, gene_name, *ratios.shape, mean, *carriers, *tissues))
    columns = ["gene_id", "gene_name", "n_carriers", "n_tissues", "log_odds_ratio"]
    columns += [f"ci_{end}_{over}" for over in ("carriers", "tissues") for end in ("low", "high")]
    return pd.DataFrame(rows, columns=columns)
