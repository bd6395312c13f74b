"""MAGMA's gene-property analysis: are genes with a higher property more associated with a disease?

Z = b0 + b x + X g + e, e ~ N(0, s2 R), over genes (VariantFormer, 6.2.1; de Leeuw et al. 2015), one-sided for b > 0. R
has the correlations of neighbouring genes, block by block. A block's root is computed once, for all properties.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...errors import InputError
from .gene_properties import GeneProperties
from .gene_statistics import GeneStatistics

if TYPE_CHECKING:
    import pandas as pd

FEWEST_GENES = 100
# --truncate: Z scores from -3 to SDs above their mean, others to SDs around theirs.
_LOWEST_Z, _HIGHEST_Z, _FURTHEST = -3.0, 6.0, 5.0
# A gene's variance given those before it; with less, a matrix of correlations of six digits may have no root.
_LEAST_VARIANCE = 1e-5
# Of such a matrix, or as MAGMA does of all, only components with larger eigenvalues are kept.
_LEAST_EIGENVALUE = 0.1
# As MAGMA does: correlations to a power, and controls' components with smaller eigenvalues left out.
_POWER, _LEAST_CONTROL = 1.1, 1e-5
_COLLINEAR = 1e-10


@dataclass(frozen=True, slots=True)
class GenePropertyTest:
    """What the test found.

    Attributes:
        table: a row a property: VARIABLE, TYPE, NGENES, BETA, BETA_STD, SE, P as in MAGMA's output, P_BONFERRONI and
            ``status`` (``ok``, ``constant``, ``collinear``: with the controls; these two have no numbers).
        tested: (K,) numbers of the genes tested, in the order of the ``.genes.raw``.
        rows: (K,) their rows of the properties.
        counts: of genes, blocks, controls and clipped values.
    """

    table: "pd.DataFrame"
    tested: np.ndarray
    rows: np.ndarray
    counts: dict[str, Any]


def gene_property_test(
    statistics: GeneStatistics, properties: GeneProperties, *, truncate: bool = False, as_magma: bool = False
) -> GenePropertyTest:
    """Generalised least squares of the genes' Z scores on each property, beside gene size, density and the like.

    Controls: NPARAM, NPARAM / NSNPS, 1 / MAC and N, and their logarithms; what does not vary is left out. BETA is per
    unit of the property, BETA_STD per SD; P is of Student's t with genes - parameters degrees of freedom.

    A block of R that is not positive definite to the six digits of the file loses its components with eigenvalues up to
    0.1, and the degrees of freedom with them; ``counts`` says of how many blocks.

    Args:
        statistics: of the GWAS.
        properties: of genes; those that the GWAS has not, and those with a missing number, are counted and left out.
        truncate: clip Z scores below -3 and above their mean + 6 SD, and properties and controls at 5 SD.
        as_magma: as MAGMA's own source (of 2014 to 2020) does it: clipped as by ``truncate``; controls NSNPS, NPARAM,
            1 / MAC and N; correlations to the power 1.1; of all blocks components with eigenvalues up to 0.1 are left
            out; controls are regressed out of Z alone, before, and take no degree of freedom.

    Raises:
        InputError: fewer than 100 genes are in both; more parameters than genes.
    """
    import pandas as pd

    tested, rows, counts = _matched(statistics, properties)
    z, values = statistics.z[tested], properties.values[rows]
    names, controls = _controls(statistics, tested, as_magma)
    if truncate or as_magma:
        clipped_z = np.clip(z, _LOWEST_Z, z.mean() + _HIGHEST_Z * z.std(ddof=1))
        clipped, controls = _clipped(values), _clipped(controls)
        counts |= {"clipped_z": int((clipped_z != z).sum()), "clipped_values": int((clipped != values).sum())}
        z, values = clipped_z, clipped
    varies = np.ptp(controls, axis=0) > 0
    counts |= {
        "controls": [name for name, kept in zip(names, varies, strict=True) if kept],
        "controls_that_do_not_vary": [name for name, kept in zip(names, varies, strict=True) if not kept],
    }
    roots = _Roots(as_magma)
    columns = np.hstack([z[:, None], np.ones((len(z), 1)), _standardised(controls[:, varies]), _standardised(values)])
    independent = np.concatenate([*roots.of(statistics, tested, columns)])
    fit = _fit(independent, 1 + int(varies.sum()), as_magma)
    if fit is None:
        raise InputError(
            f"{len(tested)} genes with {len(independent)} components are too few for the controls",
            file=statistics.path,
            remedy="Give more genes.",
        )
    spread = values.std(axis=0, ddof=1)
    status = np.where(np.ptp(values, axis=0) == 0, "constant", np.where(fit.collinear, "collinear", "ok"))
    usable = status == "ok"
    counts |= roots.counts() | {"degrees_of_freedom": fit.freedom, "properties_tested": int(usable.sum())}
    numbers = {
        "BETA": fit.beta / spread,
        "BETA_STD": fit.beta,
        "SE": fit.error / spread,
        "P": fit.p,
        "P_BONFERRONI": np.minimum(1, fit.p * usable.sum()),
    }
    table = pd.DataFrame(
        {
            "VARIABLE": properties.names,
            "TYPE": "COVAR",
            "NGENES": len(tested),
            **{name: np.where(usable, column, np.nan) for name, column in numbers.items()},
            "status": status,
        }
    )
    return GenePropertyTest(table, tested, rows, counts)


class _Fit(NamedTuple):
    """Of each property: its coefficient, standard error, one-sided p, and whether the controls explain it."""

    beta: np.ndarray
    error: np.ndarray
    p: np.ndarray
    collinear: np.ndarray
    freedom: int


def _fit(independent: np.ndarray, n_fixed: int, as_magma: bool) -> _Fit | None:
    """Least squares of the first column on each of the last ones, beside the intercept and controls between them.

    None where there are no degrees of freedom.
    """
    from scipy import stats

    outcome, fixed, properties = independent[:, 0], independent[:, 1 : 1 + n_fixed], independent[:, 1 + n_fixed :]
    basis = _basis(fixed, _LEAST_CONTROL if as_magma else _COLLINEAR)
    beside = _basis(fixed[:, :1], 0) if as_magma else basis
    freedom = len(independent) - beside.shape[1] - 1
    if freedom < 1:
        return None
    outcome = outcome - basis @ (basis.T @ outcome)
    left = properties - beside @ (beside.T @ properties)
    squares = (left**2).sum(axis=0)
    collinear = squares <= _COLLINEAR * (properties**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = left.T @ outcome / squares
        error = np.sqrt(np.maximum(outcome @ outcome - beta**2 * squares, 0) / freedom / squares)
        return _Fit(beta, error, stats.t.sf(beta / error, freedom), collinear, freedom)


def _matched(statistics: GeneStatistics, properties: GeneProperties) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Genes of the GWAS that are tested, their rows of the properties, and counts."""
    row_of = {gene: row for row, gene in enumerate(properties.genes)}
    pairs = [(place, row_of[gene]) for place, gene in enumerate(statistics.genes) if gene in row_of]
    if len(pairs) < FEWEST_GENES:
        known = set(statistics.genes)
        row = next((row for gene, row in row_of.items() if gene not in known), 0)
        raise InputError(
            f"{len(pairs)} of its {len(properties.genes):,} genes are among the {len(statistics.genes):,} of "
            f"{statistics.path}, which begins with {statistics.genes[0]}; at least {FEWEST_GENES} must be",
            file=properties.path,
            record=f"line {properties.lines[row]}: gene {properties.genes[row]}",
            remedy="Give both the same kind of ids (magma scores --gene-map).",
        )
    tested, rows = np.array(pairs).T
    is_there = np.isfinite(properties.values[rows])
    complete = is_there.all(axis=1)
    if complete.sum() < FEWEST_GENES:
        worst = int(is_there.sum(axis=0).argmin())
        raise InputError(
            f"{complete.sum()} of {len(rows):,} genes have a number in all columns; at least {FEWEST_GENES} must",
            file=properties.path,
            record=f"column {properties.names[worst]}: {is_there[:, worst].sum():,} numbers",
            remedy="Leave out columns with many missing numbers.",
        )
    counts = {
        "genes_of_the_gwas": len(statistics.genes),
        "genes_with_properties": len(properties.genes),
        "genes_in_both": len(rows),
        "genes_with_a_missing_number": int((~complete).sum()),
        "genes_tested": int(complete.sum()),
    }
    return tested[complete], rows[complete], counts


def _controls(statistics: GeneStatistics, tested: np.ndarray, as_magma: bool) -> tuple[list[str], np.ndarray]:
    """Names and (K, C) of what is controlled for."""
    snps, parameters = statistics.n_snps[tested], statistics.n_parameters[tested]
    plain = {"NSNPS": snps, "NPARAM": parameters}
    if not as_magma:
        plain = {"NPARAM": parameters, "NPARAM/NSNPS": parameters / snps}
    if statistics.mac is not None:
        plain["1/MAC"] = 1 / statistics.mac[tested]
    if statistics.n_samples is not None:
        plain["N"] = statistics.n_samples[tested]
    columns = [*plain.values(), *map(np.log, plain.values())]
    return [*plain, *(f"log({name})" for name in plain)], np.stack(columns, axis=1)


def _clipped(columns: np.ndarray) -> np.ndarray:
    """Columns without what is further than 5 SD from their means."""
    mean, furthest = columns.mean(axis=0), _FURTHEST * columns.std(axis=0, ddof=1)
    return np.clip(columns, mean - furthest, mean + furthest)


def _standardised(columns: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and SD 1; of one that does not vary, of 0."""
    spread = columns.std(axis=0, ddof=1)
    return (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)


def _basis(columns: np.ndarray, least: float) -> np.ndarray:
    """An orthonormal basis of some columns, without components of less than a share of their mean square."""
    vectors, values, _ = np.linalg.svd(columns, full_matrices=False)
    return vectors[:, values**2 > least * (values**2).mean()]


class _Roots:
    """Columns of genes made independent by the root of the inverse of R."""

    def __init__(self, as_magma: bool) -> None:
        self._as_magma = as_magma
        self._blocks = self._largest = self._repaired = self._left_out = 0

    def of(self, statistics: GeneStatistics, tested: np.ndarray, columns: np.ndarray) -> Iterator[np.ndarray]:
        """(K, C) columns, block by block; of a block without some of its components fewer rows than genes."""
        start = 0
        for block in statistics.blocks(tested):
            stop = start + len(block)
            yield self._independent(block, columns[start:stop])
            self._blocks, self._largest = self._blocks + 1, max(self._largest, len(block))
            start = stop

    def counts(self) -> dict[str, int]:
        """Of blocks."""
        return {
            "blocks": self._blocks,
            "largest_block": self._largest,
            "blocks_not_positive_definite": self._repaired,
            "components_left_out": self._left_out,
        }

    def _independent(self, block: np.ndarray, columns: np.ndarray) -> np.ndarray:
        from scipy import linalg

        if not self._as_magma:
            if len(block) == 1:
                return columns
            root, failed = linalg.lapack.dpotrf(block, lower=True)
            if not failed and (root.diagonal() ** 2).min() >= _LEAST_VARIANCE:
                return np.asarray(linalg.solve_triangular(root, columns, lower=True))
            self._repaired += 1
        else:
            block = np.sign(block) * np.abs(block) ** _POWER
        values, vectors = linalg.eigh(block)
        kept = values > _LEAST_EIGENVALUE
        self._left_out += int((~kept).sum())
        return np.asarray(vectors[:, kept].T @ columns / np.sqrt(values[kept])[:, None])
