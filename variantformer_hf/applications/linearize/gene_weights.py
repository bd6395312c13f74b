"""One gene linearised: its variants, their effects, people predicted by the model, and weights held against them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...analysis.driver_selection import correlation, explained, is_constant, one_sided_p
from ...analysis.genome_scorer import GenomeScorer
from ...errors import ContigError
from ...genome.cohort_files import Genotypes
from ...genome.genes import Gene
from ...genome.panel_haplotypes import MadePeople, PanelHaplotypes, read_haplotypes
from ...genome.personal import PersonalGenome
from ...genome.sample_names import ALL_SAMPLES
from ...genome.variant import VariantNormalizer
from ...zoo.exactness import exact_products
from ...zoo.gene_regions import GeneRegions
from ...zoo.statuses import NO_VARIANTS_IN_WINDOW
from .gene_people import GenePeople, gene_people
from .linear_fit import LinearFit, fit_from_effects
from .mosaics import pairs_share
from .panel_variants import PanelVariants, panel_variants
from .request import LinearizeRequest
from .single_effects import single_effects

# Of a gene and output, beside those of ``gene_people``.
FITTED, NO_CONTIG, CONSTANT, NOT_PREDICTED = "fitted", "contig_not_in_panel", "constant_predictions", "not_predicted"
_PEOPLE_AT_ONCE = 32


@dataclass(frozen=True, slots=True, eq=False)
class GeneWeights:
    """A linearised gene, of T outputs.

    Attributes:
        position, ref, alt, mean: (V,) its variants, 0-based, and the copies of ALT that people of the panel carry.
        weight: (T, V) float32, of a copy of ALT.
        effect: (T, V) float32, what the model says of a copy of ALT by itself; NaN where it says nothing.
        intercept: (T,) float64.
        is_there: (T,) bool, whether an output has a prediction.
        rows: of each output: ``output``, ``status`` and what is known of its weights, see docs/weights.md.
        variants: what became of the panel's records and ALTs -> how many.
    """

    position: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    mean: np.ndarray
    weight: np.ndarray
    effect: np.ndarray
    intercept: np.ndarray
    is_there: np.ndarray
    rows: list[dict[str, Any]]
    variants: dict[str, int]


class GeneLinearizer:
    """Linearises genes.

    Args:
        scorer: the model, in float32.
        panel: whose haplotypes.
        request: what is asked.
        outputs: ids of T outputs.
    """

    def __init__(self, scorer: GenomeScorer, panel: Genotypes, request: LinearizeRequest, outputs: list[int]) -> None:
        self._scorer, self._panel, self._request, self._outputs = scorer, panel, request, outputs
        self._options = request.options(scorer.model.modes[0])
        self._reference = scorer.opened.reference
        self._genome = PersonalGenome(self._reference, options=self._options)
        self._normalizer = VariantNormalizer(self._reference)

    def gene(self, gene: Gene) -> GeneWeights:
        """Linearise a gene.

        Raises:
            InputError: anything wrong with the panel's records.
        """
        regions = self._scorer.opened.finder.find(gene)
        try:
            panel = self._read(gene)
        except ContigError:
            return self._without(NO_CONTIG, {})
        people = gene_people(panel, self._request)
        of_panel = {
            **panel.left_out,
            "missing_alleles": int(panel.missing.sum()),
            "unphased_calls": int(panel.unphased.sum()),
            "calls_not_diploid": int(panel.not_diploid.sum()),
        }
        if people.status and self._request.method == "fit" and len(panel.position):
            return self._without(people.status, of_panel)
        found = panel_variants(panel, regions, self._normalizer, self._request.min_maf)
        effect, reference, not_scored = single_effects(self._scorer, self._genome, regions, self._outputs, found)
        is_scored = ~np.isnan(effect).all(axis=0)
        variants, effect = found.chosen(is_scored, not_scored), effect[:, is_scored]
        counts = {"used": len(variants.variants), **variants.left_out, **of_panel}
        if not len(variants.variants):
            return self._without(NO_VARIANTS_IN_WINDOW, counts, reference)
        predict = _Predictions(self._scorer, self._genome, panel, regions, self._outputs)
        fits, rows = self._fitted(predict, people, variants, effect, reference)
        return GeneWeights(
            np.array([each.start for each in variants.variants], dtype=np.int64),
            np.array([each.ref for each in variants.variants], dtype=object),
            np.array([each.alt for each in variants.variants], dtype=object),
            (2 * variants.frequency).astype(np.float32),
            np.stack([each.weight for each in fits]).astype(np.float32),
            effect.astype(np.float32),
            np.array([each.intercept for each in fits]),
            np.array([row["status"] != NOT_PREDICTED for row in rows]),
            rows,
            counts,
        )

    def _read(self, gene: Gene) -> PanelHaplotypes:
        request = self._request
        samples = ALL_SAMPLES if request.people is None else [*request.people.train, *request.people.test]
        return read_haplotypes(
            self._panel,
            self._scorer.opened.finder.reach(gene),
            samples,
            reference=self._reference,
            pass_only=request.pass_only,
            min_probability=request.min_probability,
        )

    def _without(self, status: str, counts: dict[str, int], intercept: np.ndarray | None = None) -> GeneWeights:
        """A gene without variants; with an intercept it is predicted."""
        nothing = np.zeros((len(self._outputs), 0), dtype=np.float32)
        values = np.full(len(self._outputs), np.nan) if intercept is None else intercept
        is_there = ~np.isnan(values)
        texts = np.zeros(0, dtype=object)
        rows: list[dict[str, Any]] = [
            {"output": output, "status": status if there or intercept is None else NOT_PREDICTED, "n_variants": 0}
            for output, there in enumerate(is_there.tolist())
        ]
        return GeneWeights(
            position=np.zeros(0, dtype=np.int64),
            ref=texts,
            alt=texts,
            mean=np.zeros(0, dtype=np.float32),
            weight=nothing,
            effect=nothing,
            intercept=np.nan_to_num(values),
            is_there=is_there,
            rows=rows,
            variants=counts,
        )

    def _fitted(
        self,
        predict: "_Predictions",
        people: GenePeople,
        variants: PanelVariants,
        effect: np.ndarray,
        reference: np.ndarray,
    ) -> tuple[list[LinearFit], list[dict[str, Any]]]:
        """Weights of each output, and what is known of them."""
        is_fit = self._request.method == "fit"
        test = predict(people.test)
        predicted = _Predicted(
            train=predict(people.train) if is_fit else test[:0],
            test=test,
            fours=test if people.fours_are_test else predict(people.fours),
            fold=people.fold,
            dosage=variants.dosage(people.train),
            test_dosage=variants.dosage(people.test),
        )
        fits, rows = [], []
        for output in range(len(self._outputs)):
            fit, said = self._of_output(output, predicted, effect[output], float(reference[output]))
            if people.status:
                said["note"] = f"no people to test on: {people.status}"
            counts = {"n_people": len(predicted.train), "n_test": len(test), "n_variants": int((fit.weight != 0).sum())}
            fits.append(fit)
            rows.append({"output": output, **said, **counts})
        return fits, rows

    def _of_output(
        self, output: int, predicted: "_Predicted", effect: np.ndarray, reference: float
    ) -> tuple[LinearFit, dict[str, Any]]:
        train, test, fours = (each[:, output] for each in (predicted.train, predicted.test, predicted.fours))
        known, of_people = np.nan_to_num(effect), train if len(train) else test
        if np.isnan([reference, *train, *test, *fours]).any():
            return LinearFit(np.zeros(len(known)), 0.0), {"status": NOT_PREDICTED}
        if is_constant(of_people) if len(of_people) else not known.any():
            level = float(of_people.mean()) if len(of_people) else reference
            return LinearFit(np.zeros(len(known)), level), {"status": CONSTANT}
        fit = LinearFit(known, reference)
        if self._request.method == "fit":
            fit = fit_from_effects(predicted.dosage, train, known, predicted.fold, self._request.fit)
        return fit, {"status": FITTED, **_held_against(fit, predicted.test_dosage, test, fours), **fit.said}


@dataclass(frozen=True, slots=True, eq=False)
class _Predicted:
    """Predictions of people, (n, T) each, the folds of the first, and their dosages, (n, V)."""

    train: np.ndarray
    test: np.ndarray
    fours: np.ndarray
    fold: np.ndarray
    dosage: np.ndarray
    test_dosage: np.ndarray


def _held_against(fit: LinearFit, dosage: np.ndarray, test: np.ndarray, fours: np.ndarray) -> dict[str, Any]:
    """What is known of weights: how far they follow the model over people that they were not fitted to."""
    predicted = fit.intercept + dosage @ fit.weight
    said: dict[str, Any] = {"weight_sd": float(fit.weight.std())}
    if len(test) > 2 and not is_constant(test):
        r = correlation(predicted, test)
        said |= {
            "pred_perf_r2": float(np.nan_to_num(max(0.0, r)) ** 2),
            "pred_perf_pval": float(np.nan_to_num(one_sided_p(np.array([r]), len(test))[0], nan=1.0)),
            "explained": explained(predicted, test),
            "linear_sd": float(predicted.std()),
            "deep_sd": float(test.std()),
        }
    pairs = pairs_share(fours)
    return {**said, "pairs_share": pairs.share, "pairs_share_se": pairs.standard_error}


class _Predictions:
    """Predicts people of a gene by their alleles, (n, 2, R) -> (n, T) float64."""

    def __init__(
        self,
        scorer: GenomeScorer,
        genome: PersonalGenome,
        panel: PanelHaplotypes,
        regions: GeneRegions,
        outputs: list[int],
    ) -> None:
        self._opened, self._genome, self._regions, self._outputs = scorer.opened, genome, regions, outputs
        self._made = MadePeople(panel)

    @exact_products()
    def __call__(self, alleles: np.ndarray) -> np.ndarray:
        values = np.full((len(alleles), len(self._outputs)), np.nan)
        for first in range(0, len(alleles), _PEOPLE_AT_ONCE):
            part = range(first, min(first + _PEOPLE_AT_ONCE, len(alleles)))
            inputs = [self._opened.read(self._person(number, *alleles[number]), self._regions) for number in part]
            for number, output in zip(part, self._opened.predict(inputs, self._outputs), strict=True):
                values[number] = output.values
        return values

    def _person(self, number: int, one: np.ndarray, other: np.ndarray) -> PersonalGenome:
        name = f"made{number}"
        records = self._made.records(name, one, other)
        return PersonalGenome(self._genome.reference, records, name, self._genome.options)
