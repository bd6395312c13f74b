"""Attention weights against a measured signal such as DNase-seq (VariantFormer's paper, 6.4.1)."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...analysis.attention import GeneAttention, Pair
from ...analysis.student_interval import student_interval
from ...errors import ContigError, check_number
from ...genome.bigwig import BigWig
from ...genome.genes import Gene

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

# With fewer cCREs there is no rank correlation to speak of.
LEAST_CRES = 3
OK, FEW_CRES, NO_SIGNAL, NO_CONTIG, CONSTANT = "ok", "few_cres", "no_signal", "no_contig", "constant"
# Sums of products of ranks that differ by less are the same.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class PairCorrelations:
    """Rank correlation of a signal with the weights of each pair of layer and head.

    Attributes:
        spearman: (layers, heads) float64; NaN where all weights or all of the signal are alike.
        p_max: of the largest, by circular shifts of the signal; NaN where there is none.
        n_shifts: shifts that it was held against.
    """

    spearman: np.ndarray
    p_max: float
    n_shifts: int

    @property
    def best(self) -> Pair | None:
        """Layer and head of the largest correlation, the first of several; None where there is none."""
        if np.isnan(self.spearman).all():
            return None
        layer, head = np.unravel_index(np.nanargmax(self.spearman), self.spearman.shape)
        return Pair(int(layer), int(head))


def pair_correlations(
    weights: np.ndarray, signal: np.ndarray, *, n_shifts: int = 1_000, seed: int = 0
) -> PairCorrelations:
    """Spearman's correlation of a signal with each pair's weights, and how often chance does as well as the best.

    The best of hundreds of pairs is flattered. Turned along the cCREs the signal keeps its own runs, and loses its
    place: p is the share of turns, with that of none, in which the largest correlation of all pairs is no smaller.

    Args:
        weights: (layers, heads, n), in the order of the genome, or against it.
        signal: (n,), of the same cCREs; no number of both may be NaN.
        n_shifts: turns that are drawn without replacement; where there are no more, all n - 1 are taken.
        seed: of the draw.
    """
    from scipy.stats import rankdata

    def standardised(values: np.ndarray) -> np.ndarray:
        """Ranks (..., n) as deviations of length 1; NaN where all are alike."""
        ranks = rankdata(values, axis=-1)
        ranks -= ranks.mean(axis=-1, keepdims=True)
        length = np.sqrt((ranks**2).sum(axis=-1, keepdims=True))
        with np.errstate(invalid="ignore"):
            deviations: np.ndarray = ranks / np.where(length > 0, length, np.nan)
        return deviations

    n = len(signal)
    shifts = np.arange(1, n)
    if len(shifts) > n_shifts:
        shifts = np.random.default_rng(seed).choice(shifts, n_shifts, replace=False)
    places = (np.arange(n)[:, None] - np.concatenate([[0], shifts])) % n
    of_pairs = standardised(weights.reshape(-1, n)) @ standardised(signal)[places]  # (pairs, 1 + shifts)
    spearman = of_pairs[:, 0].reshape(weights.shape[:2])
    if np.isnan(spearman).all():
        return PairCorrelations(spearman, float("nan"), 0)
    largest = np.nanmax(of_pairs, axis=0)
    p_max = (1 + (largest[1:] >= largest[0] - _ROUNDING).sum()) / (1 + len(shifts)) if len(shifts) else float("nan")
    return PairCorrelations(spearman, float(p_max), len(shifts))


@dataclass(frozen=True)
class SignalComparison:
    """Attention against a signal, over genes.

    Attributes:
        table: a row a sample, gene and tissue: sample, gene_id, gene_name, tissue, layer, head and spearman of the best
            pair, p_max and n_shifts, n_cres that were compared, n_without_signal, n_absent (cCREs that the person
            lacks), n_constant (pairs without a correlation), status.
        layers: of each of them and each layer the best head: layer, head, spearman.
        pairs: of each of them and each pair: layer, head, spearman.
        histogram: a row a sample, tissue and layer: n_best (genes whose best pair is of it), n_genes, and mean_spearman
            of the layer's best heads over genes with ci_low and ci_high (95 %, Student's t).
    """

    table: "pd.DataFrame"
    layers: "pd.DataFrame"
    pairs: "pd.DataFrame"
    histogram: "pd.DataFrame"

    def summary(self) -> list[dict[str, Any]]:
        """Of each sample and tissue: genes by status, the best pairs' mean, least and largest Spearman, their layer."""
        found = []
        for (sample, tissue), group in self.table.groupby(["sample", "tissue"], sort=False):
            compared = group[group["status"] == OK]
            of_tissue: dict[str, Any] = {
                "sample": sample,
                "tissue": tissue,
                "status": dict(Counter(group["status"])),
                "cres_without_signal": int(group["n_without_signal"].sum()),
            }
            if len(compared):
                values, layers = compared["spearman"], compared["layer"].value_counts()
                of_tissue |= {
                    "mean_spearman": float(values.mean()),
                    "min_spearman": float(values.min()),
                    "max_spearman": float(values.max()),
                    "most_frequent_layer": int(layers.index[0]),
                    "genes_of_that_layer": int(layers.iloc[0]),
                }
            found.append(of_tissue)
        return found


@dataclass
class AgainstSignal:
    """Holds the attention of one gene after the other against a signal.

    A cCRE is compared by its mean signal without flanks; one without any signal is left out, and counted.

    Args:
        signal: the bigWig.
        n_shifts, seed: see :func:`pair_correlations`.

    Raises:
        InputError: a number out of its range.
    """

    signal: BigWig
    n_shifts: int = 1_000
    seed: int = 0
    _rows: list[dict[str, Any]] = field(default_factory=list, repr=False)
    _pairs: list[np.ndarray] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        check_number("the number of shifts", self.n_shifts, 1)
        check_number("the seed", self.seed, 0)

    def check_contigs(self, genes: Sequence[Gene], contig_of: Mapping[str, str]) -> None:
        """Refuse a signal that has none of the genes' contigs; where it lacks some, these are named in the log.

        Args:
            genes: the genes.
            contig_of: contig of the genes -> contig of the FASTA.

        Raises:
            ContigError: it has none of them.
        """
        of_genes = [contig_of[gene.chrom] for gene in genes]
        missing = Counter(contig for contig in of_genes if contig not in self.signal.contig_of)
        if missing and missing.total() == len(of_genes):
            raise ContigError(
                f"has no contig {' or '.join(list(missing)[:5])}, where the genes asked for are",
                file=self.signal.path,
                remedy="Give a bigWig with these chromosomes, or ask for other genes.",
            )
        if missing:
            logger.warning(
                "%s has no contig %s: %d gene(s) there are not compared (%s)",
                self.signal.path,
                ", ".join(missing),
                missing.total(),
                NO_CONTIG,
            )

    def add(self, found: GeneAttention) -> list[Pair | None]:
        """Compare one gene.

        Returns:
            Of each tissue the best pair; None where there is none.
        """
        regions = found.regions
        chrom, gene = regions.window.chrom, regions.gene
        signal = self.signal.means(chrom, *regions.cres_without_flanks())[found.cres]
        there = ~np.isnan(signal)
        best = []
        for place, tissue in enumerate(found.tissues):
            status = found.status if not found.is_known else OK
            if status == OK and there.sum() < LEAST_CRES:
                status = FEW_CRES if there.any() else NO_SIGNAL
                if chrom not in self.signal.contig_of:
                    status = NO_CONTIG
            shape = found.weights.shape[1:3]
            pairs = PairCorrelations(np.full(shape, np.nan), float("nan"), 0)
            if status == OK:
                weights = found.weights[place][:, :, there]
                pairs = pair_correlations(weights, signal[there], n_shifts=self.n_shifts, seed=self.seed)
                status = CONSTANT if np.isnan(pairs.spearman).all() else OK
            of_tissue = pairs.best
            self._rows.append(
                {
                    "sample": found.sample,
                    "gene_id": gene.gene_id,
                    "gene_name": gene.gene_name,
                    "tissue": tissue,
                    "layer": None if of_tissue is None else of_tissue.layer,
                    "head": None if of_tissue is None else of_tissue.head,
                    "spearman": np.nan if of_tissue is None else np.nanmax(pairs.spearman),
                    "p_max": pairs.p_max,
                    "n_shifts": pairs.n_shifts,
                    "n_cres": int(there.sum()) if found.is_known else 0,
                    "n_without_signal": int((~there).sum()),
                    "n_absent": found.n_absent,
                    "n_constant": int(np.isnan(pairs.spearman).sum()) if status in (OK, CONSTANT) else 0,
                    "status": status,
                }
            )
            self._pairs.append(pairs.spearman)
            best.append(of_tissue)
        return best

    def result(self) -> SignalComparison:
        """What was compared so far."""
        import pandas as pd

        table = pd.DataFrame(self._rows).astype({"layer": "Int64", "head": "Int64"})
        of_all = np.stack(self._pairs)  # (rows, layers, heads)
        n_rows, n_layers, n_heads = of_all.shape
        keys = table[["sample", "gene_id", "gene_name", "tissue"]]
        pairs = keys.loc[keys.index.repeat(n_layers * n_heads)].reset_index(drop=True)
        pairs["layer"] = np.tile(np.repeat(np.arange(n_layers), n_heads), n_rows)
        pairs["head"] = np.tile(np.arange(n_heads), n_rows * n_layers)
        pairs["spearman"] = of_all.ravel()
        ranked = np.where(np.isnan(of_all), -np.inf, of_all)
        layers = keys.loc[keys.index.repeat(n_layers)].reset_index(drop=True)
        layers["layer"] = np.tile(np.arange(n_layers), n_rows)
        layers["spearman"] = np.where(np.isinf(ranked.max(axis=2)), np.nan, ranked.max(axis=2)).ravel()
        layers["head"] = pd.array(ranked.argmax(axis=2).ravel(), dtype="Int64")
        layers.loc[layers["spearman"].isna(), "head"] = pd.NA
        layers = layers[[*keys.columns, "layer", "head", "spearman"]]
        return SignalComparison(table, layers, pairs, _histogram(table, layers))


def _histogram(table: "pd.DataFrame", layers: "pd.DataFrame") -> "pd.DataFrame":
    """Best layers over genes, of each sample and tissue."""
    import pandas as pd

    rows = []
    for (sample, tissue), group in table.groupby(["sample", "tissue"], sort=False):
        of_group = layers[(layers["sample"] == sample) & (layers["tissue"] == tissue)]
        for layer, of_layer in of_group.groupby("layer"):
            values = of_layer["spearman"].dropna().to_numpy(dtype=float)
            n_best = int((group["layer"] == layer).sum())
            rows.append((sample, tissue, layer, n_best, len(values), *student_interval(values)))
    columns = ["sample", "tissue", "layer", "n_best", "n_genes", "mean_spearman", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)
