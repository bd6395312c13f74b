"""Expression values grouped as stage 2 reads them: a gene of a donor, and its values in some tissues."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..genome.genes import GeneTable
from ..zoo.outputs import TissueNames
from .expression import Expression
from .splits import PARTS, Split


@dataclass(frozen=True)
class ExpressionPairs:
    """P pairs of a gene and a donor with V values in all.

    Attributes:
        donors: names; cohorts: the cohort of each.
        genes: ids.
        donor, gene: (P,) int32, indices into these.
        first: (P + 1,) int64, values of pair p are ``first[p]`` to ``first[p + 1]``.
        tissue: (V,) int32, the model's tissue ids.
        value: (V,) float32, on the expression's scale.
        tissue_weights: tissue id -> 1 / n, n being the tissue's samples in this part.
        n_without_gene_part: values of the donors' part that are in no part of genes, as the split leaves their genes
            out.
    """

    donors: tuple[str, ...]
    cohorts: tuple[str, ...]
    genes: tuple[str, ...]
    donor: np.ndarray
    gene: np.ndarray
    first: np.ndarray
    tissue: np.ndarray
    value: np.ndarray
    tissue_weights: Mapping[int, float]
    n_without_gene_part: int = 0

    def __len__(self) -> int:
        return len(self.donor)

    def values(self, pair: int) -> tuple[np.ndarray, np.ndarray]:
        """Tissue ids and values of a pair."""
        rows = slice(int(self.first[pair]), int(self.first[pair + 1]))
        return self.tissue[rows], self.value[rows]

    def in_tissues(self, pair: int, wanted: np.ndarray) -> np.ndarray:
        """(T,) float32, values of a pair in tissues of these ids; NaN where it has none."""
        tissues, values = self.values(pair)
        of_tissue = dict(zip(tissues.tolist(), values.tolist(), strict=True))
        return np.array([of_tissue.get(tissue, np.nan) for tissue in wanted.tolist()], dtype=np.float32)

    def chosen(self, which: np.ndarray) -> "ExpressionPairs":
        """Some of the pairs, by number, with all their values."""
        counts = np.diff(self.first)[which]
        first = np.concatenate([[0], np.cumsum(counts)])
        value = np.repeat(self.first[:-1][which] - first[:-1], counts) + np.arange(first[-1])
        return replace(
            self,
            donor=self.donor[which],
            gene=self.gene[which],
            first=first,
            tissue=self.tissue[value],
            value=self.value[value],
        )

    def in_outputs(self, number_of: np.ndarray) -> "ExpressionPairs":
        """The same pairs with other tissue ids.

        Args:
            number_of: (tissues,) new id of each; -1 = its values are left out, and pairs that have no other.
        """
        tissue = number_of[self.tissue]
        pair = np.repeat(np.arange(len(self)), np.diff(self.first))[tissue >= 0]
        there, counts = np.unique(pair, return_counts=True)
        weights = {int(number_of[each]): weight for each, weight in self.tissue_weights.items() if number_of[each] >= 0}
        return replace(
            self,
            donor=self.donor[there],
            gene=self.gene[there],
            first=np.concatenate([[0], np.cumsum(counts)]),
            tissue=tissue[tissue >= 0],
            value=self.value[tissue >= 0],
            tissue_weights=weights,
        )

    def drawn(self, pair: int, n_tissues: int, seed: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Tissue ids and labels of ``n_tissues`` values of a pair, drawn with weights 1 / n of the tissue.

        Without putting back; where there are fewer the rest is tissue 0 with the label NaN. The draw depends on the
        seed and the pair's names only, not on the place in the table.
        """
        tissues, values = self.values(pair)
        chosen = np.arange(len(tissues))
        if len(tissues) > n_tissues:
            weights = np.array([self.tissue_weights[tissue] for tissue in tissues.tolist()])
            rng = np.random.default_rng([*seed, int(self.donor[pair]), int(self.gene[pair])])
            chosen = rng.choice(len(tissues), size=n_tissues, replace=False, p=weights / weights.sum())
        missing = n_tissues - len(chosen)
        return (
            np.concatenate([tissues[chosen], np.zeros(missing, tissues.dtype)]).astype(np.int64),
            np.concatenate([values[chosen], np.full(missing, np.nan, values.dtype)]).astype(np.float32),
        )


def expression_pairs(
    expression: Expression,
    split: Split,
    part: str,
    gene_table: GeneTable,
    tissues: TissueNames,
    *,
    gene_part: str = "train",
) -> ExpressionPairs:
    """Pairs of one part of a split's donors and one of its genes.

    Args:
        expression: the values.
        split: who, and which genes, are held out; without parts of genes, all are of ``train``.
        part: of the donors: ``train``, ``validation`` or ``test``.
        gene_table: the model's genes; the same as the values were made for.
        tissues: the model's tissues.
        gene_part: of the genes.

    Raises:
        InputError: the part has no value; the genes or tissues are others; a donor that the split does not know.
    """
    ids = [gene.gene_id for gene in gene_table.genes]
    if list(expression.genes) != ids:
        raise InputError(
            "the expression was prepared for another gene table", remedy="Prepare it again for this model."
        )
    samples = expression.samples
    names = samples["tissue"].to_pylist()
    known = {tissue.name: tissue.id for tissue in tissues.named}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise InputError(
            f"the expression has the tissue {unknown[0]!r}, which the model does not have",
            remedy="Add it to the model (add_tissue), or prepare the expression for this model.",
        )
    cohorts, donors = samples["cohort"].to_pylist(), samples["donor"].to_pylist()
    people = list(dict.fromkeys(zip(cohorts, donors, strict=True)))
    person_of = {person: place for place, person in enumerate(people)}
    person = np.array([person_of[each] for each in zip(cohorts, donors, strict=True)], dtype=np.int32)
    tissue_id = np.array([known[name] for name in names], dtype=np.int32)
    sample, gene = np.asarray(expression.sample), np.asarray(expression.gene)
    of_gene = gene_parts(split, gene_table)
    kept = np.flatnonzero(value_parts(expression, split, gene_table) == PARTS.index(part))
    n_without = int((of_gene[gene[kept]] < 0).sum())
    kept = kept[of_gene[gene[kept]] == PARTS.index(gene_part)]
    if not len(kept):
        of = f" of genes of the part {gene_part}" if split.genes else ""
        raise InputError(f"the part {part} has no value{of}", remedy="Hold out more, or other donors or genes.")
    sample, gene = sample[kept], gene[kept]
    order = np.lexsort((tissue_id[sample], gene, person[sample]))
    sample, gene, kept = sample[order], gene[order], kept[order]
    key = person[sample].astype(np.int64) * len(ids) + gene
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    used, counts = np.unique(tissue_id[np.unique(sample)], return_counts=True)
    return ExpressionPairs(
        donors=tuple(donor for _, donor in people),
        cohorts=tuple(cohort for cohort, _ in people),
        genes=tuple(ids),
        donor=person[sample[starts]],
        gene=gene[starts],
        first=np.append(starts, len(sample)),
        tissue=tissue_id[sample],
        value=np.asarray(expression.value)[kept],
        tissue_weights={int(tissue): 1 / int(count) for tissue, count in zip(used, counts, strict=True)},
        n_without_gene_part=n_without,
    )


def value_parts(expression: Expression, split: Split, gene_table: GeneTable) -> np.ndarray:
    """(N,) int8, place in ``PARTS`` of each value's donor (or chromosome); that of its gene: :func:`gene_parts`.

    Raises:
        InputError: a donor that the split does not know.
    """
    people = list(zip(expression.samples["cohort"].to_pylist(), expression.samples["donor"].to_pylist(), strict=True))
    sample, gene = np.asarray(expression.sample), np.asarray(expression.gene)
    of_sample = np.zeros(len(people), dtype=np.int8)
    by_chrom: dict[str, list[int]] = {}
    for place, (cohort, donor) in enumerate(people):
        if cohort in split.chromosomes:
            by_chrom.setdefault(cohort, []).append(place)
        else:
            of_sample[place] = PARTS.index(split.part(cohort, donor, ""))
    found = of_sample[sample]
    for cohort, places in by_chrom.items():
        of_gene = np.array([PARTS.index(split.part(cohort, "", each.chrom)) for each in gene_table.genes], np.int8)
        rows = np.isin(sample, places)
        found[rows] = of_gene[gene[rows]]
    return found


def gene_parts(split: Split, gene_table: GeneTable) -> np.ndarray:
    """(genes,) int8, place in ``PARTS`` of each gene; -1 = the split leaves it out."""
    parts = [split.gene_part(gene.gene_id) for gene in gene_table.genes]
    return np.array([-1 if part is None else PARTS.index(part) for part in parts], dtype=np.int8)
