"""S-PrediXcan: association of genes' predicted expression with a trait, from a GWAS's statistics alone.

z of a gene is sum(w_i sigma_i z_i) / sigma_g over its variants, sigma_g^2 = w' S w, with S the covariance of dosages in
a panel and sigma_i^2 its diagonal (Barbeira et al., Nature Communications 2018, equation 6).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .gwas import GwasStatistics
from .weights import AssociationWeights, WeightedGene

if TYPE_CHECKING:
    import pandas as pd

OK = "ok"
# Why a gene has no number.
NO_GWAS, NO_COVARIANCE = "no_variants_in_gwas", "no_variants_in_covariance"
NO_VARIANCE, NOT_POSITIVE = "no_variance", "covariance_not_positive_definite"
# An eigenvalue below zero by more than this share of the largest is no error of rounding.
_ROUNDING = 1e-5
_COLUMNS = (
    *("gene", "gene_name", "tissue", "zscore", "effect_size", "pvalue", "var_g", "pred_perf_r2", "pred_perf_pval"),
    *("pred_perf_qval", "n_snps_used", "n_snps_in_cov", "n_snps_in_model", "best_gwas_p", "largest_weight", "status"),
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the variance of z is inflated by in a polygenic trait (Liang et al. 2026): 1 + n h2 phi.

    Attributes:
        n: people of the GWAS.
        h2: heritability of the trait.
    """

    n: float
    h2: float


# A gene -> its variants of which the covariance is known, (k,) numbers, and it, (k, k).
CovarianceOf = Callable[[WeightedGene], tuple[np.ndarray, np.ndarray]]


def summary_association(
    weights: AssociationWeights,
    gwas: GwasStatistics,
    covariance: CovarianceOf,
    *,
    repairs: bool = False,
    calibration: Calibration | None = None,
) -> "pd.DataFrame":
    """Associate every gene and tissue of weights with a trait.

    Args:
        weights: of genes.
        gwas: statistics of the weights' variants, of the allele with the weight.
        covariance: of the same alleles.
        repairs: a covariance that is not positive definite is repaired: its eigenvalues below 0 become 0, and
            ``n_eigenvalues_repaired`` says how many; else such a gene has no number.
        calibration: z is divided by the root of 1 + n h2 phi, where a gene has phi; what it was is in
            ``uncalibrated_zscore`` and ``uncalibrated_pvalue``.

    Returns:
        A row a gene and tissue, by p: the columns of S-PrediXcan's output, tissue and status.
    """
    import pandas as pd

    rows = [_row(gene, gwas, covariance, repairs=repairs) for gene in weights.genes]
    table = pd.DataFrame(rows, columns=[*_COLUMNS, *(["n_eigenvalues_repaired"] if repairs else [])])
    if calibration is not None:
        phi = np.array([gene.said.get("phi", np.nan) for gene in weights.genes])
        table = _calibrated(table, phi, calibration)
    return table.sort_values(["pvalue", "tissue", "gene"], na_position="last", kind="stable").reset_index(drop=True)


def _row(gene: WeightedGene, gwas: GwasStatistics, covariance: CovarianceOf, *, repairs: bool) -> Mapping[str, Any]:
    from scipy.stats import norm

    row: dict[str, Any] = {"gene": gene.gene_id, "gene_name": gene.gene_name, "tissue": gene.tissue}
    row |= {name: gene.said.get(name, np.nan) for name in ("pred_perf_r2", "pred_perf_pval", "pred_perf_qval")}
    row |= {"n_snps_in_model": len(gene.variant), "n_snps_used": 0, "n_eigenvalues_repaired": 0}
    known, matrix = covariance(gene)
    row["n_snps_in_cov"] = len(known)
    has_z = np.isfinite(gwas.z[known])
    used, matrix = known[has_z], matrix[np.ix_(has_z, has_z)]
    if not len(used):
        row["status"] = NO_GWAS if len(known) else NO_COVARIANCE
        return row
    weight_of = dict(zip(gene.variant.tolist(), gene.weight.tolist(), strict=True))
    weight = np.array([weight_of[number] for number in used.tolist()])
    z, beta = gwas.z[used], gwas.beta[used]
    row |= {"n_snps_used": len(used), "best_gwas_p": float(2 * norm.sf(np.abs(z).max()))}
    row["largest_weight"] = float(np.abs(weight).max())
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < -_ROUNDING * max(values[-1], 0) or (np.diag(matrix) < 0).any():
        if not repairs:
            row["status"] = NOT_POSITIVE
            return row
        row["n_eigenvalues_repaired"] = int((values < 0).sum())
        matrix = (vectors * np.maximum(values, 0)) @ vectors.T
    variance = float(weight @ matrix @ weight)
    row["var_g"] = variance
    if not variance > 0:
        row["status"] = NO_VARIANCE
        return row
    sigma = np.sqrt(np.maximum(np.diag(matrix), 0))
    score = float((weight * sigma * z).sum() / np.sqrt(variance))
    effect = float((weight * beta * sigma**2).sum() / variance)  # NaN where a beta is not known
    return row | {"zscore": score, "effect_size": effect, "pvalue": float(2 * norm.sf(abs(score))), "status": OK}


def _calibrated(table: "pd.DataFrame", phi: np.ndarray, calibration: Calibration) -> "pd.DataFrame":
    from scipy.stats import norm

    inflation = 1 + np.maximum(phi, 0) * calibration.n * calibration.h2
    calibrated = table["zscore"].to_numpy(dtype=float) / np.sqrt(inflation)
    return table.assign(
        phi=phi,
        uncalibrated_zscore=table["zscore"],
        uncalibrated_pvalue=table["pvalue"],
        zscore=calibrated,
        pvalue=2 * norm.sf(np.abs(calibrated)),
    )
