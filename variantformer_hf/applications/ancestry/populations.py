"""The population whose members are nearest (the paper's S1.5)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...genome.appending import people_in
from ...genome.cohort_files import GivenGenotypes
from ...genome.cohort_rows import Reading
from ...genome.reference import ReferenceGenome
from ...genome.sample_names import ALL_SAMPLES
from .components import GenotypeComponents
from .shared_genotypes import SharedGenotypes, VariantFilter, read_shared

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5


@dataclass(frozen=True, slots=True)
class AncestryOptions:
    """How ancestry is inferred.

    Attributes:
        components: principal components.
        neighbours: of a person, weighted by 1 / distance.
        joint: the components are of panel and people together, as S1.5.2 has it, and not of the panel alone (S1.5.5).
        variants: which are used.
        seed: of the SVD and the folds.
    """

    components: int = 20
    neighbours: int = 7
    joint: bool = False
    variants: VariantFilter = field(default_factory=VariantFilter)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Populations of people.

    Attributes:
        table: a row a person: donor, super_population, probability (share of the neighbours' weights), in_panel (the
            panel has somebody of this name), pc1, pc2 ...
        panel: a row a person of the panel with a label: donor, super_population, predicted (in the fold that left the
            person out), pc1, pc2 ...
        accuracy: of each fold of the panel, left out of the neighbours.
        report: counts of variants and people, shares of variance.
    """

    table: "pd.DataFrame"
    panel: "pd.DataFrame"
    accuracy: tuple[float, ...]
    report: dict[str, Any]

    def confusion(self) -> "pd.DataFrame":
        """A row a pair: super_population, predicted, people."""
        return self.panel.groupby(["super_population", "predicted"]).size().rename("people").reset_index()


def infer_ancestry(
    vcf: GivenGenotypes,
    panel: GivenGenotypes,
    populations: Mapping[str, str],
    *,
    samples: Sequence[str] = ALL_SAMPLES,
    reference: ReferenceGenome | None = None,
    reading: Reading | None = None,
    options: AncestryOptions = AncestryOptions(),
    on_chromosome: Callable[[int, int], None] = lambda done, total: None,
) -> Ancestry:
    """Infer the populations of people by their nearest members of a panel.

    Args:
        vcf: the people.
        panel: genotypes of people whose population is known.
        populations: person of the panel -> population; others of the panel are left out, and counted.
        samples: whose populations.
        reference, reading: see ``read_shared``.
        options: how.
        on_chromosome: see ``read_shared``.

    Raises:
        InputError: labels of nobody in the panel, of fewer than two populations, or of fewer people than folds in one;
            see ``read_shared``.
    """
    names = people_in(panel)
    labelled = [name for name in names if name in populations]
    check_populations([populations[name] for name in labelled], names, populations)
    shared = read_shared(
        vcf,
        panel,
        samples=samples,
        panel_samples=labelled,
        reference=reference,
        reading=reading,
        chosen=options.variants,
        on_chromosome=on_chromosome,
    )
    found = nearest_populations(shared, [populations[name] for name in shared.panel_samples], options)
    found.report["panel"] = {
        "people": len(labelled),
        "without_a_label": len(names) - len(labelled),
        "labels_of_nobody": len(populations) - len(labelled),
    }
    return found


def check_populations(labels: Sequence[str], names: Sequence[str], populations: Mapping[str, str]) -> None:
    """Refuse labels that nobody's population can be told by.

    Raises:
        InputError: of nobody in the panel, of one population, of fewer people than folds in one.
    """
    counts = Counter(labels)
    if not counts:
        raise InputError(
            f"none of the {len(populations):,} labels ({', '.join(list(populations)[:3])} ...) is of somebody in the "
            f"panel ({', '.join(names[:3])} ...)",
            remedy="Write the names as the panel has them.",
        )
    if len(counts) < 2:
        raise InputError(f"all of the panel are {labels[0]}", remedy="Give labels of two populations or more.")
    name, least = min(counts.items(), key=lambda item: item[1])
    if least < FOLDS:
        raise InputError(
            f"the population {name} has {least} people in the panel, fewer than the {FOLDS} folds of the check",
            remedy="Leave it out of the labels, or join it to another.",
        )


def nearest_populations(shared: SharedGenotypes, labels: Sequence[str], options: AncestryOptions) -> Ancestry:
    """Populations of people from genotypes in memory.

    Args:
        shared: of panel and people.
        labels: (panel people,) populations.
        options: how.
    """
    import pandas as pd
    from sklearn.model_selection import StratifiedKFold
    from sklearn.neighbors import KNeighborsClassifier

    fitted_on = np.concatenate([shared.panel, shared.people]) if options.joint else shared.panel
    components = GenotypeComponents.fitted(fitted_on, options.components, options.seed)
    of_panel, of_people = components.coordinates(shared.panel), components.coordinates(shared.people)
    known = np.asarray(labels, dtype=object)

    def classifier(places: np.ndarray, names: np.ndarray) -> KNeighborsClassifier:
        n_neighbours = min(options.neighbours, len(places))
        return KNeighborsClassifier(n_neighbours, weights="distance", algorithm="brute").fit(places, names.astype(str))

    predicted, accuracy = np.empty(len(known), dtype=object), []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=options.seed)
    for train, test in folds.split(of_panel, known.astype(str)):
        predicted[test] = classifier(of_panel[train], known[train]).predict(of_panel[test])
        accuracy.append(float((predicted[test] == known[test]).mean()))
    fitted = classifier(of_panel, known)
    shares = fitted.predict_proba(of_people)
    best = shares.argmax(axis=1)
    names = [f"pc{number + 1}" for number in range(of_panel.shape[1])]
    table = pd.DataFrame(
        {
            "donor": list(shared.samples),
            "super_population": fitted.classes_[best],
            "probability": shares[np.arange(len(best)), best],
            "in_panel": np.isin(shared.samples, shared.panel_samples),
        }
    )
    panel = pd.DataFrame({"donor": list(shared.panel_samples), "super_population": known, "predicted": predicted})
    report = {
        "variants": shared.counts,
        "components": components.name,
        "explained": components.explained.tolist(),
        "accuracy": {"mean": float(np.mean(accuracy)), "sd": float(np.std(accuracy)), "folds": accuracy},
        "people_in_panel": int(table["in_panel"].sum()),
    }
    return Ancestry(
        pd.concat([table, pd.DataFrame(of_people, columns=names)], axis=1),
        pd.concat([panel, pd.DataFrame(of_panel, columns=names)], axis=1),
        tuple(accuracy),
        report,
    )
