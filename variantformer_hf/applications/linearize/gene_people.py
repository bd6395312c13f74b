"""Whom a gene is fitted to and tested on: mosaics of the panel's haplotypes, or people of the panel itself."""

from dataclasses import dataclass

import numpy as np

from ...genome.panel_haplotypes import PanelHaplotypes
from .linear_fit import FOLDS
from .mosaics import alleles_of, block_of_records, draw_fours, draw_mosaics
from .request import LinearizeRequest

UNPHASED, NOT_DIPLOID, FEW_PEOPLE = "unphased", "not_diploid", "few_people"
_LEAST_TRAIN, _LEAST_TEST = 4, 2


@dataclass(frozen=True, slots=True, eq=False)
class GenePeople:
    """People of a gene, by their alleles.

    Attributes:
        train: (n, 2, R) int8 of people to fit to.
        fold: (n,) int64, which fold each of them is in; folds of mosaics have no haplotype of the panel in common.
        test: (m, 2, R) of people to test on, none of whose haplotypes is fitted to.
        fours: (4 x fours, 2, R) of mosaics of the latter's haplotypes, see ``mosaics.draw_fours``; none where the phase
            is not known.
        fours_are_test: whether those are the people to test on.
        status: why there are none; "" where there are.
    """

    train: np.ndarray
    fold: np.ndarray
    test: np.ndarray
    fours: np.ndarray
    fours_are_test: bool
    status: str = ""


def gene_people(panel: PanelHaplotypes, request: LinearizeRequest) -> GenePeople:
    """The people of a gene.

    Mosaics to fit to are made of the haplotypes of two thirds of the panel's people, those to test on of the others.
    People with a heterozygous call without phase, or a call of another ploidy, in the gene's reach give no haplotypes.
    People of the panel itself need no phase, but then there are no fours.

    Args:
        panel: of the gene's reach.
        request: the proportions, and the seed: the same for all genes, so that a person is in one part throughout.
    """
    rng = np.random.default_rng(request.seed)
    number = {name: place for place, name in enumerate(panel.samples)}
    if request.people is None:
        deal = rng.permutation(len(panel.samples))
        first = round(len(deal) * request.n_test / (request.n_train + request.n_test))
        test, train = deal[:first], deal[first:]
        usable = panel.is_usable
    else:
        train, test = (
            np.array([number[name] for name in names], dtype=np.int64)
            for names in (request.people.train, request.people.test)
        )
        usable = panel.not_diploid == 0
    train, test = train[usable[train]], test[usable[test]]
    if len(train) < _LEAST_TRAIN or len(test) < _LEAST_TEST:
        nobody = panel.calls[:0]
        return GenePeople(nobody, np.zeros(0, dtype=np.int64), nobody, nobody, False, _why_few(panel))
    block = block_of_records(panel.position, request.block)
    if request.people is None:
        fours = _fours(rng, panel, test, block, request)
        fold = np.arange(request.n_train) % min(FOLDS, len(train) // 2)
        return GenePeople(_mosaics(rng, panel, train, block, fold), fold, fours, fours, True)
    fours = panel.calls[:0]
    if panel.is_usable[test].sum() >= 2:
        fours = _fours(rng, panel, test[panel.is_usable[test]], block, request)
    fold = rng.permutation(len(train)) % FOLDS
    return GenePeople(np.maximum(panel.calls[train], 0), fold, np.maximum(panel.calls[test], 0), fours, False)


def _haplotypes(panel: PanelHaplotypes, people: np.ndarray) -> np.ndarray:
    return panel.calls[people].reshape(2 * len(people), -1)


def _mosaics(
    rng: np.random.Generator, panel: PanelHaplotypes, people: np.ndarray, block: np.ndarray, fold: np.ndarray
) -> np.ndarray:
    """Mosaics, each of the haplotypes of its fold's share of people: as new to the other folds as those to test on."""
    blocks, n_folds = int(block.max(initial=0)) + 1, int(fold.max()) + 1
    found = np.empty((len(fold), 2, len(block)), dtype=np.int8)
    for number in range(n_folds):
        haplotypes = _haplotypes(panel, people[number::n_folds])
        source = draw_mosaics(rng, int((fold == number).sum()), len(haplotypes), blocks)
        found[fold == number] = alleles_of(haplotypes, source, block)
    return found


def _fours(
    rng: np.random.Generator,
    panel: PanelHaplotypes,
    people: np.ndarray,
    block: np.ndarray,
    request: LinearizeRequest,
) -> np.ndarray:
    source = draw_fours(rng, request.n_test // 4, 2 * len(people), int(block.max(initial=0)) + 1)
    return alleles_of(_haplotypes(panel, people), source, block)


def _why_few(panel: PanelHaplotypes) -> str:
    """Why too few people can be used: what keeps most of them out."""
    unphased, other = (panel.unphased > 0).sum(), (panel.not_diploid > 0).sum()
    if not unphased + other:
        return FEW_PEOPLE
    return UNPHASED if unphased >= other else NOT_DIPLOID
