"""What is known of one gene's variants before its people are looked at: priors and annotations beside its dosages."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...data.splits import Split
from ...errors import ContigError, InputError
from ...genome.appending import people_in
from ...genome.cohort_files import GivenGenotypes
from ...genome.cohort_rows import Reading
from ...genome.cres import CreTable
from ...genome.dosages import DosageFile
from ...genome.genes import Gene
from ...genome.interval import Interval
from ...genome.reference import ReferenceGenome
from ...genome.sample_names import chosen_samples, read_sample_names
from ...genome.variant import Variant, VariantError, VariantNormalizer
from ...genome.variant_files import genotype_source
from ...zoo.dosage.gene_fit import GenePrior, VariantFilter, imputed
from ...zoo.dosage.variants import GeneVariants
from ...zoo.dosage.windows import dosage_window
from .priors import ALL_OUTPUTS, SavedPrior

if TYPE_CHECKING:
    import pandas as pd

# Where a variant is looked for among those that are fitted, and among the others.
_Columns = Mapping[tuple[int, str, str], int]


@dataclass(frozen=True)
class PriorInputs:
    """What a fit is told beforehand.

    Attributes:
        paths: priors, see ``read_priors``.
        cres: cCREs, in which a variant is likelier to act; None = not looked at.
        distance: bases from the gene's start at which a variant is e times less likely to act; None = not looked at.
        panel: genotypes of the population that will be predicted; None = that of the fit.
        panel_people: who of them.
    """

    paths: tuple[Path, ...]
    cres: Path | None = None
    distance: float | None = None
    panel: GivenGenotypes | None = None
    panel_people: tuple[str, ...] = ()


def panel_people(panel: GivenGenotypes, listed: Path | None, split: Split) -> tuple[str, ...]:
    """Who of a panel is looked at.

    Args:
        panel: its genotypes.
        listed: names, one a line; None = everybody.
        split: who is held out.

    Raises:
        InputError: somebody is not there, is held out, or nobody is left.
    """
    there = people_in(panel)
    wanted = list(there) if listed is None else read_sample_names(listed)
    wanted = chosen_samples(genotype_source(panel), there, wanted)
    held_out = {donor for donors in split.donors.values() for donor, part in donors.items() if part != "train"}
    both = [name for name in wanted if name in held_out]
    if both:
        raise InputError(
            f"{len(both)} of its people are held out by the split ({', '.join(both[:3])}), and not to be read",
            file=genotype_source(panel),
            remedy="Name the others: --target-samples.",
        )
    return tuple(wanted)


class GenePriors:
    """Reads what is known of genes.

    Args:
        inputs: as of the fit.
        names: of the priors.
        saved: the files of :meth:`Prior.save`, as many.
        n_outputs: tissues.
        reference: the FASTA.
        min_probability: see ``DosageInputs``.
    """

    def __init__(
        self,
        inputs: PriorInputs,
        names: Sequence[str],
        saved: Sequence[Path],
        n_outputs: int,
        reference: ReferenceGenome,
        min_probability: float,
    ) -> None:
        self._inputs, self._names, self._n_outputs, self._reference = inputs, tuple(names), n_outputs, reference
        self._saved = [SavedPrior(path) for path in saved]
        self._normalizer = VariantNormalizer(reference)
        self._cres = None if inputs.cres is None else CreTable.read(inputs.cres)
        self._panel = None
        if inputs.panel is not None:
            reading = Reading(reference, min_probability)
            self._panel = DosageFile(inputs.panel, inputs.panel_people, reference=reference, reading=reading)

    def of_gene(
        self,
        number: int,
        gene: Gene,
        window: Interval,
        common: GeneVariants,
        rare: tuple[GeneVariants, np.ndarray],
        known: set[tuple[int, str, str]],
        others: Callable[[Sequence[Variant]], tuple[GeneVariants, np.ndarray]],
    ) -> tuple[GenePrior, GeneVariants, dict[str, int]]:
        """What is known of a gene.

        Args:
            number: of the gene in the table of genes.
            gene, window: itself, and where its variants are.
            common: that it is fitted to.
            rare: variants that are too rare for that, and (n, R) dosages of the people of the fit.
            known: all SNVs of the window that the genotypes have.
            others: insertions, deletions and other exchanges, in their one spelling -> those that the genotypes have,
                with dosages of the people of the fit.

        Returns:
            It; the variants that are fitted, with the panel's means where there is a panel; and how many variants the
            priors know of the fitted ones (with an effect, and with none but 0), of the rare ones and of those that are
            no SNVs, how many the genotypes lack, and how many have another REF than the FASTA.
        """
        counts = Counter[str]()
        tables = [saved.of_gene(number) for saved in self._saved]
        tables = [None if table is None else self._spelt(_within(table, window), window, counts) for table in tables]
        names = {name for table in tables if table is not None for name in _names(table)}
        wanted = [
            Variant(window.chrom, start + 1, ref, alt) for start, ref, alt in sorted(names) if _is_other(ref, alt)
        ]
        no_snvs = others(wanted)
        absent = self._absent(names - known - set(no_snvs[0].names), window, counts)
        beside, other_dosage = _beside(rare, no_snvs, absent, names)
        column_of, other_of = ({name: n for n, name in enumerate(each.names)} for each in (common, beside))
        shape = len(tables), self._n_outputs
        effect, weight = (np.zeros((*shape, len(common))) for _ in range(2))
        other_weight = np.zeros((*shape, len(beside)))
        for place, table in enumerate(tables):
            if table is not None:
                _fill(effect[place], table, column_of, "effect")
                _fill(weight[place], table, column_of, "weight")
                _fill(other_weight[place], table, other_of, "weight")
        counts["in_prior"] = int((effect != 0).any(axis=(0, 1)).sum())
        counts["no_effect_in_prior"] = sum(name in names for name in column_of) - counts["in_prior"]
        counts["no_snvs_in_prior"] = len(no_snvs[0])
        counts["rare_in_prior"] = len(beside) - len(absent) - len(no_snvs[0])
        annotations, annotation = self._annotated(gene, common)
        common, panel = self._of_panel(window, common)
        found = GenePrior(
            self._names, effect, weight, annotations, annotation, beside, other_dosage, other_weight, panel
        )
        return found, common, dict(counts)

    def _spelt(self, table: "pd.DataFrame", window: Interval, counts: Counter[str]) -> "pd.DataFrame":
        """A prior's variants of a gene, those that are no SNVs in their one spelling; what the FASTA lacks goes."""
        names = _names(table)
        wrong, found = dict[int, tuple[int, str, str]](), dict[int, Variant]()
        for row, (start, ref, alt) in enumerate(names):
            if _is_other(ref, alt):
                try:
                    found[row] = self._normalizer(Variant(window.chrom, start + 1, ref, alt))
                except VariantError:
                    wrong[row] = names[row]
        if not wrong and not found:
            return table
        table = table.reset_index(drop=True)
        for row, each in found.items():
            table.loc[row, ["position", "ref", "alt"]] = each.start, each.ref, each.alt
        table = table.drop(index=list(wrong))
        is_twice = table.duplicated(["output", "position", "ref", "alt"])
        counts["prior_ref_differs"] += len(set(wrong.values()))
        counts["prior_spelt_twice"] += int(is_twice.sum())
        return table[~is_twice]

    def _absent(
        self, names: set[tuple[int, str, str]], window: Interval, counts: Counter[str]
    ) -> list[tuple[int, str, str]]:
        """Of variants that the genotypes lack those whose REF the FASTA has."""
        bases = self._reference.sequence(window.chrom, window.start, window.end).upper()
        found = sorted(name for name in names if _is_other(*name[1:]) or bases[name[0] - window.start] == name[1])
        counts["in_prior_alone"] = len(found)
        counts["prior_ref_differs"] += len(names) - len(found)
        return found

    def _annotated(self, gene: Gene, common: GeneVariants) -> tuple[tuple[str, ...], np.ndarray]:
        """What else speaks for variants: lying near the gene's start, lying in a cCRE."""
        found: dict[str, np.ndarray] = {}
        if self._inputs.distance is not None:
            start, _ = dosage_window("start", 0)(gene, self._reference.contigs[gene.chrom])
            found["distance"] = np.exp(-np.abs(common.position - start) / self._inputs.distance)
        if self._cres is not None:
            found["cres"] = _in_cres(self._cres, gene.chrom, common.position).astype(float)
        return tuple(found), np.array([*found.values()]).reshape(len(found), len(common))

    def _of_panel(self, window: Interval, common: GeneVariants) -> tuple[GeneVariants, np.ndarray | None]:
        """Dosages of the panel's people, 0 of variants that it lacks; and the variants with its means."""
        if self._panel is None:
            return common, None
        panel = np.zeros((len(self._inputs.panel_people), len(common)))
        try:
            variants, values, _ = imputed(self._panel.read(window), VariantFilter(min_maf=-1.0, max_missing=0.999))
        except ContigError:
            variants, values = GeneVariants.nothing(), np.zeros((len(panel), 0))
        place = {name: column for column, name in enumerate(variants.names)}
        for column, name in enumerate(common.names):
            if name in place:
                panel[:, column] = values[:, place[name]]
        means = panel.mean(axis=0).astype(np.float32)
        return GeneVariants(common.position, common.ref, common.alt, means), panel

    def close(self) -> None:
        """Close what is open."""
        for saved in self._saved:
            saved.close()
        if self._panel is not None:
            self._panel.close()


def _within(table: "pd.DataFrame", window: Interval) -> "pd.DataFrame":
    return table[((table["position"] >= window.start) & (table["position"] < window.end)).to_numpy()]


def _names(table: "pd.DataFrame") -> list[tuple[int, str, str]]:
    return list(zip(table["position"].tolist(), table["ref"], table["alt"], strict=True))


def _is_other(ref: str, alt: str) -> bool:
    """Whether it is no SNV."""
    return len(ref) > 1 or len(alt) > 1


def _beside(
    rare: tuple[GeneVariants, np.ndarray],
    no_snvs: tuple[GeneVariants, np.ndarray],
    absent: list[tuple[int, str, str]],
    wanted: set[tuple[int, str, str]],
) -> tuple[GeneVariants, np.ndarray]:
    """What enters through priors alone, with dosages: rare variants that a prior knows, those that are no SNVs, and
    those that the genotypes lack, which nobody carries."""
    chosen = np.array([number for number, name in enumerate(rare[0].names) if name in wanted], dtype=np.int64)
    positions, refs, alts = zip(*absent, strict=True) if absent else ((), (), ())
    nobodys = GeneVariants(
        np.array(positions, dtype=np.int64),
        np.array(refs, dtype=object),
        np.array(alts, dtype=object),
        np.zeros(len(absent), dtype=np.float32),
    )
    parts = (rare[0].chosen(chosen), no_snvs[0], nobodys)
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in GeneVariants.__slots__)
    dosage = rare[1][:, chosen]
    return GeneVariants(*columns), np.concatenate([dosage, no_snvs[1], np.zeros((len(dosage), len(absent)))], axis=1)


def _fill(found: np.ndarray, table: "pd.DataFrame", column_of: _Columns, what: str) -> None:
    """Set a column of (T, V) values of the variants that are there."""
    column = np.array([column_of.get(name, -1) for name in _names(table)], dtype=np.int64)
    output, value = table["output"].to_numpy(), table[what].to_numpy()
    here = column >= 0
    of_all = here & (output == ALL_OUTPUTS)
    found[:, column[of_all]] = value[of_all]
    of_one = here & (output != ALL_OUTPUTS)
    found[output[of_one], column[of_one]] = value[of_one]


def _in_cres(cres: CreTable, chrom: str, position: np.ndarray) -> np.ndarray:
    """(V,) bool: whether a base lies in one."""
    if not len(position):
        return np.zeros(0, dtype=bool)
    found = cres.overlapping(chrom, int(position[0]), int(position[-1]) + 1)
    begun = np.searchsorted(np.sort(found.start), position, side="right")
    ended = np.searchsorted(np.sort(found.end), position, side="right")
    return np.asarray(begun > ended)
