"""Weights of variants for genes' expression, gene by gene and tissue by tissue, wherever they come from."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...genome.variant import Variant, VariantError, VariantNormalizer

if TYPE_CHECKING:
    from ...zoo.dosage.gene_model import LinearDosageGeneModel

# What is known of a gene's weights in a tissue, by the names of PrediXcan's output.
SAID = ("pred_perf_r2", "pred_perf_pval", "pred_perf_qval", "phi")
# Share of the variants that the FASTA may not hold before the weights are of another assembly.
_MOST_REJECTED = 0.1
# What is written behind a variant's name, by the assembly.
_BUILDS = {"GRCh38": "_b38", "GRCh37": "_b37"}


@dataclass(frozen=True, slots=True, eq=False)
class WeightedGene:
    """A gene in one tissue: what PrediXcan calls a model.

    Attributes:
        tissue, gene_id, gene_name: which; the tissue as its source calls it.
        variant: (n,) int64, numbers of its variants among those of :class:`AssociationWeights`, each once.
        weight: (n,) float64, of a copy of ALT.
        mean: (n,) float64, copies of ALT that a person of the fit carried on average; NaN = not known.
        constant: what is added to the weighted sum; 0 of PrediXcan's models, which have none.
        said: of ``SAID`` what is known.
    """

    tissue: str
    gene_id: str
    gene_name: str
    variant: np.ndarray
    weight: np.ndarray
    mean: np.ndarray
    constant: float = 0.0
    said: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class AssociationWeights:
    """Weights of genes in tissues.

    Attributes:
        name: of their source.
        assembly: ``GRCh38`` or ``GRCh37``; None = not known.
        variants: from the allele without weight to the one with it; without contig where the source says no place.
        ids: (variants,) as the source calls them.
        turned: (variants,) bool, whose weight the source gives for what is REF, see :func:`in_one_spelling`.
        genes: those with a weight, tissue by tissue.
        counts: what became of the source's variants and genes.
    """

    name: str
    assembly: str | None
    variants: tuple[Variant, ...]
    ids: tuple[str, ...]
    turned: np.ndarray
    genes: tuple[WeightedGene, ...]
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def tissues(self) -> list[str]:
        """In their order."""
        return list(dict.fromkeys(gene.tissue for gene in self.genes))

    @property
    def has_places(self) -> bool:
        """Whether the source says where every variant is."""
        return all(each.chrom for each in self.variants)

    def digest(self) -> str:
        """SHA-256 of their content."""
        content = hashlib.sha256("\n".join(map(str, self.variants)).encode())
        for gene in self.genes:
            content.update(f"\n{gene.tissue}\t{gene.gene_id}\t{gene.constant!r}\t".encode())
            for array in (gene.variant, gene.weight, gene.mean):
                content.update(np.ascontiguousarray(array).tobytes())
        return content.hexdigest()

    def of_tissue(self, tissue: str) -> list[WeightedGene]:
        """The genes of a tissue."""
        return [gene for gene in self.genes if gene.tissue == tissue]

    def chosen(self, genes: Sequence[str] = (), tissues: Sequence[str] = ()) -> "AssociationWeights":
        """The weights of some genes, by id or name, and tissues; nothing named = all.

        Raises:
            InputError: a name that has no weights.
        """
        known_genes = {name for gene in self.genes for name in (gene.gene_id, gene.gene_name)}
        for asked, known, what in ((genes, known_genes, "gene"), (tissues, set(self.tissues), "tissue")):
            unknown = next((name for name in asked if name not in known), None)
            if unknown is not None:
                raise InputError(
                    f"has no weights of the {what} {unknown!r}",
                    file=self.name,
                    remedy=f"It has those of {', '.join(sorted(known)[:3])}, ...",
                )
        kept = [
            gene
            for gene in self.genes
            if (not genes or gene.gene_id in genes or gene.gene_name in genes)
            and (not tissues or gene.tissue in tissues)
        ]
        return _of_use(replace(self, genes=tuple(kept)))


def weights_of_model(model: "LinearDosageGeneModel") -> AssociationWeights:
    """The weights of a model of dosages; genes without a weight in any tissue are counted.

    Raises:
        InputError: there is no weight at all.
    """
    of_all, first = model.variants.all, model.variants.first
    gene_of = np.repeat(np.arange(len(first) - 1), np.diff(first))
    chroms = [gene.chrom for gene in model.gene_table]
    places = zip(gene_of.tolist(), of_all.position.tolist(), of_all.ref.tolist(), of_all.alt.tolist(), strict=True)
    number_of: dict[Variant, int] = {}
    numbers = np.array(
        [
            number_of.setdefault(Variant(chroms[gene], position + 1, ref, alt), len(number_of))
            for gene, position, ref, alt in places
        ],
        dtype=np.int64,
    )
    said = _said(model)
    genes: list[WeightedGene] = []
    intercept = model.network.intercept.detach().float().cpu().numpy()
    for tissue in model.tissue_names.named:
        found = model.weights(tissue.id)
        ends = np.flatnonzero(np.diff(found["gene"])) + 1 if len(found["gene"]) else np.zeros(0, np.int64)
        for rows in np.split(np.arange(len(found["gene"])), ends):
            if not len(rows):
                continue
            gene = int(found["gene"][rows[0]])
            place = first[gene] + found["variant"][rows]
            genes.append(
                WeightedGene(
                    tissue.name,
                    model.gene_table.genes[gene].gene_id,
                    model.gene_table.genes[gene].gene_name,
                    numbers[place],
                    found["weight"][rows].astype(np.float64),
                    of_all.mean[place].astype(np.float64),
                    float(intercept[gene, tissue.id]),
                    said.get((model.gene_table.genes[gene].gene_id, tissue.name), {}),
                )
            )
    if not genes:
        raise InputError("has no weight in any tissue", file=model.identity.name, remedy="Fit it to more people.")
    variants = tuple(number_of)
    with_weights = len({gene.gene_id for gene in genes})
    return _of_use(
        AssociationWeights(
            model.identity.name,
            model.assembly,
            variants,
            tuple(variant_name(each, model.assembly) for each in variants),
            np.zeros(len(variants), dtype=bool),
            tuple(genes),
            {"genes_without_weights": len(model.gene_table) - with_weights},
        )
    )


def _of_use(weights: AssociationWeights) -> AssociationWeights:
    """The same without variants that no gene has a weight of."""
    used = np.unique(np.concatenate([np.zeros(0, np.int64), *(gene.variant for gene in weights.genes)]))
    number = np.full(len(weights.variants), -1, dtype=np.int64)
    number[used] = np.arange(len(used))
    return replace(
        weights,
        variants=tuple(weights.variants[each] for each in used.tolist()),
        ids=tuple(weights.ids[each] for each in used.tolist()),
        turned=weights.turned[used],
        genes=tuple(replace(gene, variant=number[gene.variant]) for gene in weights.genes),
    )


def _said(model: "LinearDosageGeneModel") -> dict[tuple[str, str], dict[str, float]]:
    """(gene id, tissue) -> what the table of fits says of it."""
    table = model.fits
    columns = [name for name in SAID if name in table.column_names]
    if "tissue" not in table.column_names:
        return {}
    keys = zip(table["gene_id"].to_pylist(), table["tissue"].to_pylist(), strict=True)
    rows = zip(*(table[name].to_pylist() for name in columns), strict=True) if columns else iter([()] * len(table))
    return {
        key: {name: float(value) for name, value in zip(columns, row, strict=True) if value is not None}
        for key, row in zip(keys, rows, strict=True)
    }


def variant_name(variant: Variant, assembly: str | None) -> str:
    """A variant as GTEx writes it: ``chr1_12345_A_G_b38``."""
    build = _BUILDS.get(assembly or "", "")
    return f"{variant.chrom}_{variant.pos}_{variant.ref}_{variant.alt}{build}"


def in_one_spelling(weights: AssociationWeights, normalizer: VariantNormalizer) -> AssociationWeights:
    """The same weights, of variants from what the FASTA holds to what it does not, in their one spelling.

    A weight of what is REF becomes one of ALT: w copies of REF are 2 w less w copies of ALT, so that every sum stays
    what it was. Variants that the FASTA does not hold go, and are counted by kind (``rejected_KIND``), as are those
    ``turned``.

    Raises:
        InputError: the weights do not say where their variants are; the FASTA does not hold more than a tenth of them.
    """
    if not weights.has_places:
        raise InputError(
            "names its variants by ids that are no places (rsid)",
            file=weights.name,
            remedy="Give weights whose column varID has such names as chr1_12345_A_G_b38.",
        )
    number_of: dict[Variant, int] = {}
    new = np.full(len(weights.variants), -1, dtype=np.int64)
    turned, ids = list[bool](), list[str]()
    is_turned = np.zeros(len(weights.variants), dtype=bool)
    counts, first = Counter[str](), ""
    for number in range(len(weights.variants)):
        given = weights.variants[number]
        try:
            normal, is_turned[number] = _normal(given, normalizer)
        except VariantError as error:
            counts[f"rejected_{error.kind}"] += 1
            first = first or str(error)
            continue
        new[number] = number_of.setdefault(normal, len(number_of))
        if new[number] == len(turned):
            turned.append(bool(is_turned[number]))
            ids.append(weights.ids[number])
    n_rejected = counts.total()
    if n_rejected > _MOST_REJECTED * len(weights.variants):
        raise InputError(
            f"has {len(weights.variants):,} variants, of which the FASTA does not hold {n_rejected:,}: the weights are "
            f"of another assembly, or of other alleles (the first: {first.rstrip('.')})",
            file=weights.name,
            remedy="Give the FASTA of their assembly.",
        )
    genes = [gene for each in weights.genes if (gene := _moved(each, new, is_turned)) is not None]
    counts["turned"] = int(is_turned.sum())
    counts["genes_without_variants"] = len(weights.genes) - len(genes)
    return replace(
        weights,
        variants=tuple(number_of),
        ids=tuple(ids),
        turned=np.array(turned, dtype=bool),
        genes=tuple(genes),
        counts={**weights.counts, **counts},
    )


def _normal(variant: Variant, normalizer: VariantNormalizer) -> tuple[Variant, bool]:
    """A variant's one spelling, and whether it is that of the variant the other way round.

    Raises:
        VariantError: neither way is held by the FASTA.
    """
    try:
        return normalizer(variant), False
    except VariantError as error:
        if error.kind != "ref_mismatch":
            raise
        try:
            return normalizer(Variant(variant.chrom, variant.pos, variant.alt, variant.ref)), True
        except VariantError:
            raise error from None


def _moved(gene: WeightedGene, new: np.ndarray, is_turned: np.ndarray) -> WeightedGene | None:
    """A gene by the new numbers of variants; None = none is left."""
    kept = np.flatnonzero(new[gene.variant] >= 0)
    if not len(kept):
        return None
    turned = is_turned[gene.variant[kept]]
    weight = np.where(turned, -gene.weight[kept], gene.weight[kept])
    mean = np.where(turned, 2 - gene.mean[kept], gene.mean[kept])
    constant = gene.constant + 2 * float(gene.weight[kept][turned].sum())
    # Two spellings of one variant count as one.
    variant, first, place = np.unique(new[gene.variant[kept]], return_index=True, return_inverse=True)
    order = np.argsort(first)
    summed = np.bincount(place, weight, minlength=len(variant))
    return replace(gene, variant=variant[order], weight=summed[order], mean=mean[first[order]], constant=constant)


@dataclass(frozen=True, slots=True)
class GeneGroup:
    """Neighbouring genes, in all their tissues, that are read together.

    Attributes:
        chrom: the contig.
        genes: places of their weights among those of ``AssociationWeights``.
        variants: their variants, numbers in order of position.
    """

    chrom: str
    genes: tuple[int, ...]
    variants: tuple[int, ...]


def neighbouring(weights: AssociationWeights, *, most_genes: int, most_variants: int) -> Iterator[GeneGroup]:
    """The genes in groups, contig by contig, in order of position; all tissues of a gene are in one.

    Args:
        weights: that say where their variants are.
        most_genes: genes x tissues of a group, at the most, but for one gene in all its tissues.
        most_variants: variants of a group, likewise.
    """
    of_gene: dict[str, list[int]] = {}
    for place, gene in enumerate(weights.genes):
        of_gene.setdefault(gene.gene_id, []).append(place)
    rows: list[tuple[str, int, list[int], set[int]]] = []
    for places in of_gene.values():
        numbers = {number for place in places for number in weights.genes[place].variant.tolist()}
        first = min(weights.variants[number] for number in numbers)
        rows.append((first.chrom, first.pos, places, numbers))
    chrom, genes, variants = "", list[int](), set[int]()
    for contig, _, places, numbers in sorted(rows, key=lambda row: row[:2]):
        is_full = len(genes) + len(places) > most_genes or len(variants | numbers) > most_variants
        if genes and (contig != chrom or is_full):
            yield _group(weights, chrom, genes, variants)
            genes, variants = [], set()
        chrom, genes, variants = contig, genes + places, variants | numbers
    if genes:
        yield _group(weights, chrom, genes, variants)


def _group(weights: AssociationWeights, chrom: str, genes: list[int], variants: set[int]) -> GeneGroup:
    return GeneGroup(chrom, tuple(genes), tuple(sorted(variants, key=lambda number: weights.variants[number])))
