"""Folds: as many splits as there are folds, in each of which others are held out, and everybody once.

Variformer's are 10 of donors (671, 83 and 84 of GTEx's 838), UKBioFormer's 5 (60, 20 and 20 %) or 10 (80, 10 and 10 %),
EPInformer's 12 of chromosomes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from ..errors import InputError
from ..genome.genes import Gene, stable_id
from .splits import Split, in_random_order, split_donors, with_chr


def donor_folds(samples: pa.Table, k: int = 10, *, seed: int = 0) -> list[Split]:
    """K splits of donors: each donor is in the test part of one.

    A cohort's donors are k groups whose sizes differ by one at most. Fold i has group i to test, of the next group
    floor(n / k) to look at while training, and all others to train on. The draw depends on names and the seed only.

    Args:
        samples: cohort, donor and is_cell_line, as in ``Expression.samples``; cell lines hold out a chromosome, in all
            folds the same.
        k: folds.
        seed: another seed, another draw.

    Raises:
        InputError: fewer than three folds; a cohort of fewer donors.
    """
    _check_number(k)
    whole = split_donors(samples, test=0.0)
    group_of: dict[str, int] = {}
    # Of the group that a fold looks at, those beyond floor(n / k) are trained on.
    beyond: set[str] = set()
    for cohort in sorted(whole.donors):
        # A person of two cohorts follows the first one, by name.
        names = in_random_order(set(whole.donors[cohort]) - set(group_of), seed, f"{cohort}|folds")
        if names and len(names) < k:
            raise InputError(f"{cohort} has {len(names)} donors for {k} folds", remedy="Ask for fewer folds.")
        for group, (first, last) in enumerate(_bounds(len(names), k)):
            group_of |= dict.fromkeys(names[first:last], group)
            beyond.update(names[first + len(names) // k : last])
    folds = []
    for fold in range(k):
        donors = {
            cohort: {donor: _part(group_of[donor], fold, k, donor in beyond) for donor in sorted(members)}
            for cohort, members in whole.donors.items()
        }
        folds.append(Split(donors, whole.chromosomes, seed))
        folds[-1].check()
    return folds


def gene_folds(split: Split, gene_ids: Iterable[str], k: int = 10, *, seed: int = 0) -> list[Split]:
    """K splits with the donors of one: each gene is in the test part of one, those of the next fold are looked at.

    Args:
        split: of the donors.
        gene_ids: that are used; all others are left out.
        k: folds.
        seed: another seed, another draw.

    Raises:
        InputError: fewer than three folds, or fewer genes than folds.
    """
    _check_number(k)
    names = in_random_order({stable_id(gene_id) for gene_id in gene_ids}, seed, "genes|folds")
    if len(names) < k:
        raise InputError(f"there are {len(names)} genes for {k} folds", remedy="Ask for fewer folds.")
    groups = [names[first:last] for first, last in _bounds(len(names), k)]
    return [
        split.with_genes({name: _part(group, fold, k) for group, members in enumerate(groups) for name in members})
        for fold in range(k)
    ]


def chromosome_folds(cohort: str, genes: Iterable[Gene], k: int = 12) -> list[Split]:
    """K splits of a cohort by chromosomes: each chromosome is in the test part of one, as EPInformer's are.

    Chromosomes are dealt out by their numbers of genes, the largest first, to the fold that has the fewest; those of
    the next fold are looked at while training.

    Args:
        cohort: whose values are split so.
        genes: the gene table's.
        k: folds.

    Raises:
        InputError: fewer than three folds, or fewer chromosomes than folds.
    """
    _check_number(k)
    sizes = Counter(with_chr(gene.chrom) for gene in genes)
    if len(sizes) < k:
        raise InputError(f"the genes lie on {len(sizes)} chromosomes, for {k} folds", remedy="Ask for fewer folds.")
    of_fold: Counter[int] = Counter(dict.fromkeys(range(k), 0))
    group_of: dict[str, int] = {}
    for chrom, n in sorted(sizes.items(), key=lambda each: (-each[1], each[0])):
        group = min(of_fold, key=lambda fold: (of_fold[fold], fold))
        group_of[chrom] = group
        of_fold[group] += n
    return [
        Split({}, {cohort: {chrom: _part(group, fold, k) for chrom, group in sorted(group_of.items())}})
        for fold in range(k)
    ]


def check_folds(folds: Sequence[Split]) -> None:
    """Refuse folds that test a donor, a gene or a chromosome twice.

    What is the same in all folds is no fold of it: donors' folds may all have the same genes to test.

    Raises:
        InputError: names the first that two folds share; or the folds are all the same.
    """
    tested = [_tested(split) for split in folds]
    kinds = [kind for kind in ("donor", "gene", "chromosome") if any(each[kind] != tested[0][kind] for each in tested)]
    if len(folds) > 1 and not kinds:
        raise InputError("the folds hold out the same", remedy="Make them with `donor_folds` or another of its kind.")
    for kind in kinds:
        fold_of: dict[str, int] = {}
        for number, each in enumerate(tested):
            for name in each[kind]:
                known = fold_of.setdefault(name, number)
                if known != number:
                    raise InputError(
                        f"the {kind} {name} is in the test part of the folds {known} and {number}",
                        remedy="Each is tested once: make the folds together.",
                    )


def save_folds(folds: Sequence[Split], folder: str | Path) -> list[Path]:
    """Write ``fold-0.json`` and so on, one split each; the folder is made.

    Raises:
        InputError: see :func:`check_folds`.
    """
    check_folds(folds)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"fold-{number}.json" for number in range(len(folds))]
    for split, path in zip(folds, paths, strict=True):
        split.save(path)
    return paths


def load_folds(folder: str | Path) -> list[Split]:
    """Read and check what :func:`save_folds` wrote.

    Raises:
        InputError: there is none, one cannot be read or leaks, or two share what they test.
    """
    paths = sorted(Path(folder).glob("fold-*.json"), key=lambda path: (len(path.name), path.name))
    if not paths:
        raise InputError("holds no folds", file=folder, remedy="Give a folder of fold-0.json, fold-1.json ...")
    folds = [Split.load(path) for path in paths]
    try:
        check_folds(folds)
    except InputError as error:
        raise InputError(error.problem, file=folder, remedy=error.remedy) from None
    return folds


def _tested(split: Split) -> dict[str, list[str]]:
    """What a split tests, sorted, by kind."""
    donors = {donor for members in split.donors.values() for donor, part in members.items() if part == "test"}
    genes = {gene for gene, part in split.genes.items() if part == "test"}
    chromosomes = {
        f"{chrom} of {cohort}"
        for cohort, parts in split.chromosomes.items()
        for chrom, part in parts.items()
        if part == "test"
    }
    return {"donor": sorted(donors), "gene": sorted(genes), "chromosome": sorted(chromosomes)}


def _part(group: int, fold: int, k: int, beyond: bool = False) -> str:
    if group == fold:
        return "test"
    return "validation" if group == (fold + 1) % k and not beyond else "train"


def _bounds(n: int, k: int) -> list[tuple[int, int]]:
    """First and last of k groups of n; the first n % k have one more."""
    sizes = [n // k + (group < n % k) for group in range(k)]
    ends = [sum(sizes[: group + 1]) for group in range(k)]
    return [(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _check_number(k: int) -> None:
    if k < 3:
        raise InputError(f"{k} folds leave nothing to train on", remedy="Ask for three or more.")
