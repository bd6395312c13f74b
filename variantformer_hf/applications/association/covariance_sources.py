"""Covariances of genes' variants as :mod:`.summary` asks for them: of a panel's genotypes, or of PrediXcan's files."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...genome.cohort_files import GivenGenotypes
from ...genome.cohort_rows import Reading
from ...genome.reference import ReferenceGenome
from ...genome.sample_names import ALL_SAMPLES
from ...genome.variant_dosages import VariantDosages
from .covariance_file import known_pairs, read_covariances
from .panel_covariance import EVERYBODY, panel_covariances, people_of_populations
from .summary import CovarianceOf
from .weights import AssociationWeights, WeightedGene


@contextmanager
def opened_panel(
    vcf: GivenGenotypes, reference: ReferenceGenome, min_probability: float, labels: Mapping[str, str] | None = None
) -> Iterator[tuple[VariantDosages, dict[str, np.ndarray]]]:
    """A panel's file, and population -> indices of its people.

    Args:
        vcf, reference: of the panel.
        min_probability: see ``Reading``.
        labels: person -> population; None = everybody is one.

    Raises:
        InputError: it cannot be read; see ``people_of_populations``.
    """
    with VariantDosages(vcf, ALL_SAMPLES, reference, Reading(reference, min_probability)) as panel:
        people = tuple(panel.samples)
        everybody = {EVERYBODY: np.arange(len(people))}
        yield panel, everybody if labels is None else people_of_populations(people, labels)


def of_panel(
    weights: AssociationWeights,
    vcf: GivenGenotypes,
    reference: ReferenceGenome,
    min_probability: float,
    counts: Counter[str],
) -> CovarianceOf:
    """Covariances over the people of a panel.

    Raises:
        InputError: see ``panel_covariances``.
    """
    with opened_panel(vcf, reference, min_probability) as (panel, groups):
        counts["people"] = len(panel.samples)
        found = {each.gene_id: each for each in panel_covariances(weights, panel, groups, counts)}

    def covariance(gene: WeightedGene) -> tuple[np.ndarray, np.ndarray]:
        own = found[gene.gene_id]
        place = own.of(gene.variant)
        return own.variant[place], own.value[EVERYBODY][np.ix_(place, place)]

    return covariance


def of_files(weights: AssociationWeights, path: Path, stems: Mapping[str, str], counts: Counter[str]) -> CovarianceOf:
    """Covariances of PrediXcan's files, by the ids of the weights; of alleles that were turned they are turned too.

    Args:
        weights: of one or several tissues.
        path: the file of the one tissue, or the folder with ``TISSUE.txt.gz`` of each.
        stems: tissue -> name of its file.
        counts: added to.

    Raises:
        InputError: a file is not there, or cannot be read; it has none of the weights' variants.
    """
    if not path.exists():
        remedy = "Make it: `associate export --format predixcan --vcf PANEL`."
        raise InputError("no such file", file=path, remedy=remedy)
    if not path.is_dir() and len(stems) > 1:
        raise InputError(
            f"is one file, and the weights are of {len(stems)} tissues",
            file=path,
            remedy="Give the folder with a file a tissue, TISSUE.txt.gz, or ask for one --tissue.",
        )
    files = {tissue: path / f"{stem}.txt.gz" if path.is_dir() else path for tissue, stem in stems.items()}
    number_of = {name: number for number, name in enumerate(weights.ids)}
    found: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    for tissue, file in files.items():
        of_gene = {gene.gene_id: gene for gene in weights.of_tissue(tissue)}
        for gene_id, ids, matrix in read_covariances(file):
            if gene_id not in of_gene:
                counts["genes_without_weights"] += 1
                continue
            own = set(of_gene[gene_id].variant.tolist())
            kept = [place for place, name in enumerate(ids) if number_of.get(name) in own]
            counts["variants_without_weights"] += len(ids) - len(kept)
            value = matrix[np.ix_(kept, kept)]
            known_pairs([ids[place] for place in kept], value, file, gene_id)
            number = np.array([number_of[ids[place]] for place in kept], dtype=np.int64)
            sign = np.where(weights.turned[number], -1.0, 1.0)
            found[tissue, gene_id] = number, value * sign[:, None] * sign
            counts["genes"] += 1
        if not any(len(found.get((tissue, gene_id), ((),))[0]) for gene_id in of_gene):
            raise InputError(
                f"has none of the variants of the weights of {tissue}, such as {weights.ids[0]}",
                file=file,
                remedy="Give the covariances that were made for these weights, by the same ids.",
            )

    def covariance(gene: WeightedGene) -> tuple[np.ndarray, np.ndarray]:
        nothing = np.zeros(0, dtype=np.int64), np.zeros((0, 0))
        return found.get((gene.tissue, gene.gene_id), nothing)

    return covariance
