"""Who, and what, is held out: the papers' splits and a lab's own, kept as a file and checked for leakage.

A value is of a donor and of a gene, and each has a part of its own: {train, validation, test} donors by {train,
validation, test} genes. A split that names no genes has them all to train on. Folds are in ``folds``.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import UNREADABLE, InputError, unreadable
from ..genome.genes import stable_id

PARTS = ("train", "validation", "test")
# Chromosomes that the papers hold out: of cell lines' expression, and of cCREs' activity.
CELL_LINE_CHROMOSOME, ENCODER_CHROMOSOME = "chr19", "chr21"


@dataclass(frozen=True)
class Split:
    """What belongs to which part.

    Attributes:
        donors: cohort -> donor -> ``train``, ``validation`` or ``test``; a cohort may be held out whole.
        chromosomes: cohort -> chromosome -> part, for cohorts that are split by chromosomes, not donors.
        seed: of the draw.
        genes: stable id -> part, of all genes that are used; empty = all genes, to train on.
    """

    donors: Mapping[str, Mapping[str, str]]
    chromosomes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    seed: int = 0
    genes: Mapping[str, str] = field(default_factory=dict)

    def gene_part(self, gene_id: str) -> str | None:
        """The part of a gene, whatever the version of its id; None = the split leaves it out."""
        return self.genes.get(stable_id(gene_id)) if self.genes else "train"

    def with_genes(self, parts: Mapping[str, str]) -> "Split":
        """The same donors, with the parts of genes.

        Args:
            parts: gene id -> ``train``, ``validation`` or ``test``; versions of ids do not count.

        Raises:
            InputError: an unknown part, a gene in two parts, no gene to train on.
        """
        genes: dict[str, str] = {}
        for gene_id, part in parts.items():
            known = genes.setdefault(stable_id(gene_id), part)
            if known != part:
                raise InputError(
                    f"{gene_id} is in {known} and in {part}", remedy="A gene belongs to one part, whatever its version."
                )
        split = replace(self, genes=dict(sorted(genes.items())))
        split.check()
        return split

    def part(self, cohort: str, donor: str, chrom: str) -> str:
        """The part of one donor's values on a chromosome; that of the gene, :meth:`gene_part`, comes beside it.

        Raises:
            InputError: the split does not know the cohort or the donor.
        """
        if cohort in self.chromosomes:
            return self.chromosomes[cohort].get(with_chr(chrom), "train")
        found = self.donors.get(cohort, {}).get(donor)
        if found is None:
            raise InputError(
                f"the split does not know {donor} of {cohort}", remedy="Make the split anew for these cohorts."
            )
        return found

    @property
    def parts(self) -> set[str]:
        """The parts that donors are in; of a split without donors, those of its chromosomes."""
        of_donors = list(self.donors.values())
        return {part for parts in of_donors or self.chromosomes.values() for part in parts.values()}

    def check(self) -> None:
        """Refuse what would leak.

        Raises:
            InputError: a donor of two cohorts in different parts; an unknown part; a part without anything.
        """
        place: dict[str, tuple[str, str]] = {}
        for cohort, donors in self.donors.items():
            for donor, part in donors.items():
                if part not in PARTS:
                    raise InputError(f"there is no part {part!r}", record=donor, remedy=f"Use {', '.join(PARTS)}.")
                known = place.setdefault(donor, (cohort, part))
                if known[1] != part:
                    raise InputError(
                        f"{donor} is in {known[1]} of {known[0]} and in {part} of {cohort}",
                        remedy="A person belongs to one part in all cohorts.",
                    )
        used = {part for donors in self.donors.values() for part in donors.values()}
        if self.donors and "train" not in used:
            raise InputError("no donor is left to train on", remedy="Hold out fewer.")
        for gene_id, part in self.genes.items():
            if part not in PARTS:
                raise InputError(f"there is no part {part!r}", record=gene_id, remedy=f"Use {', '.join(PARTS)}.")
        if self.genes and "train" not in self.genes.values():
            raise InputError("no gene is left to train on", remedy="Hold out fewer.")

    def save(self, path: str | Path) -> None:
        """Write the split as JSON."""
        path = Path(path)
        partial = path.with_name(f".{path.name}.partial")
        content = asdict(self)
        if not self.genes:
            # As such a split was always written: a run is told by its text.
            del content["genes"]
        partial.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
        partial.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> "Split":
        """Read and check a split.

        Raises:
            InputError: it cannot be read, or leaks.
        """
        try:
            content = json.loads(Path(path).read_text())
            split = cls(content["donors"], content.get("chromosomes", {}), int(content.get("seed", 0)))
            genes = dict(content.get("genes", {}))
        except UNREADABLE as error:
            raise unreadable(path, error) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("is no split", file=path, remedy="Make one with `split_donors`.") from error
        try:
            split.check()
            return split.with_genes(genes) if genes else split
        except InputError as error:
            raise InputError(error.problem, file=path, record=error.record, remedy=error.remedy) from None


def split_donors(
    samples: pa.Table,
    *,
    test: float = 0.10,
    validation: float = 0.0,
    strata: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Split:
    """Draw donors to hold out, cohort by cohort; cell lines hold out a chromosome instead.

    The draw depends on a donor's name and the seed only within its stratum, so that it is the same on every machine and
    whatever the order of the files.

    Args:
        samples: cohort, donor and is_cell_line, as in ``Expression.samples``.
        test, validation: share of each cohort's donors, of each stratum where there are strata; rounded, but at least
            one where the share is not 0 and the stratum has three donors or more.
        strata: donor -> stratum, such as the super-population (the paper stratifies MAGE); donors that it does not
            name are a stratum of their own.
        seed: another seed, another draw.

    Raises:
        InputError: shares that leave nothing to train on.
    """
    if not 0 <= test < 1 or not 0 <= validation < 1 or test + validation >= 1:
        raise InputError("the held-out shares leave nothing to train on", remedy="Hold out less.")
    rows = zip(
        samples["cohort"].to_pylist(), samples["donor"].to_pylist(), samples["is_cell_line"].to_pylist(), strict=True
    )
    members: dict[str, set[str]] = {}
    chromosomes: dict[str, dict[str, str]] = {}
    for cohort, donor, is_cell_line in rows:
        if is_cell_line:
            chromosomes[cohort] = {CELL_LINE_CHROMOSOME: "test"}
        else:
            members.setdefault(cohort, set()).add(donor)
    # A person of two cohorts follows the first one that draws, by name.
    drawn: dict[str, str] = {}
    donors: dict[str, dict[str, str]] = {}
    for cohort in sorted(members):
        groups: dict[str, list[str]] = {}
        for donor in sorted(members[cohort]):
            groups.setdefault((strata or {}).get(donor, ""), []).append(donor)
        parts: dict[str, str] = {}
        for name, group in sorted(groups.items()):
            order = in_random_order(group, seed, f"{cohort}|{name}")
            n_test, n_validation = (_held_out(share, len(group)) for share in (test, validation))
            for place, donor in enumerate(order):
                part = "test" if place < n_test else "validation" if place < n_test + n_validation else "train"
                parts[donor] = drawn.setdefault(donor, part)
        donors[cohort] = dict(sorted(parts.items()))
    split = Split(donors, chromosomes, seed)
    split.check()
    return split


def split_genes(
    split: Split, gene_ids: Iterable[str], *, test: float = 0.20, validation: float = 0.20, seed: int = 0
) -> Split:
    """Draw genes to hold out, beside a split's donors; the draw depends on the ids and the seed only.

    Args:
        split: of the donors.
        gene_ids: that are used; all others are left out.
        test, validation: share of the genes; rounded, but at least one where the share is not 0.
        seed: another seed, another draw.

    Raises:
        InputError: shares that leave nothing to train on.
    """
    order = in_random_order({stable_id(gene_id) for gene_id in gene_ids}, seed, "genes")
    n_test, n_validation = (_held_out(share, len(order)) for share in (test, validation))
    parts = ["test"] * n_test + ["validation"] * n_validation
    parts += ["train"] * (len(order) - len(parts))
    return split.with_genes(dict(zip(order, parts, strict=False)))


def in_random_order(names: Iterable[str], seed: int, of: str) -> list[str]:
    """Names in an order that depends on them, on the seed and on what they are of, not on how they come."""
    ordered = sorted(names)
    rng = np.random.default_rng([seed, zlib.crc32(of.encode())])
    return [ordered[index] for index in rng.permutation(len(ordered))]


def split_cres(cohort: str, *, test: Sequence[str] = (ENCODER_CHROMOSOME,), validation: Sequence[str] = ()) -> Split:
    """Hold out chromosomes of cCREs' activity, as the encoder's pre-training does."""
    chromosomes = {
        **dict.fromkeys(map(with_chr, validation), "validation"),
        **dict.fromkeys(map(with_chr, test), "test"),
    }
    return Split({}, {cohort: chromosomes})


def check_donors(split: Split, cohort: str, available: Iterable[str], *, file: str | Path) -> None:
    """Check that a file of genotypes has every donor of a cohort.

    Raises:
        InputError: some are missing.
    """
    there = set(available)
    missing = [donor for donor in split.donors.get(cohort, {}) if donor not in there]
    if missing:
        raise InputError(
            f"lacks {len(missing)} of the {len(split.donors[cohort])} donors of {cohort}",
            file=file,
            record=", ".join(missing[:3]),
            remedy="Leave them out of the expression, or give the file that has them.",
        )


def summary(split: Split) -> dict[str, Any]:
    """How many donors each part has, by cohort, which chromosomes are held out, and how many genes, where genes are."""
    counts = {cohort: _counts(donors) for cohort, donors in split.donors.items()}
    found = {"donors": counts, "chromosomes": {cohort: dict(each) for cohort, each in split.chromosomes.items()}}
    return found | ({"genes": _counts(split.genes)} if split.genes else {})


def _counts(parts: Mapping[str, str]) -> dict[str, int]:
    return {part: sum(each == part for each in parts.values()) for part in PARTS}


def _held_out(share: float, n: int) -> int:
    if share == 0 or n < 3:
        return 0
    return max(1, round(share * n))


def with_chr(chrom: str) -> str:
    """A chromosome as splits name it."""
    return chrom if chrom.startswith("chr") else f"chr{chrom}"
