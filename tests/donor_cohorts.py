"""Random cohorts of donors: SNPs, and all that stands between them in a VCF."""

import random

from cohort_formats import Call, RandomCohort, Site

from variantformer_hf.genome import Interval


def donors(rng: random.Random) -> RandomCohort:
    """A cohort of up to a dozen people; half of them have diploid calls of one digit alone."""
    genome = {name: "".join(rng.choice("ACGT") for _ in range(rng.randint(50, 300))) for name in ("chr1", "X")}
    people = tuple(f"D{number}" for number in range(rng.randint(1, 12)))
    is_plain, sites = rng.random() < 0.5, []
    for name, bases in genome.items():
        for position in sorted(rng.choices(range(len(bases)), k=rng.randint(0, 60))):
            ref = bases[position : position + rng.choice([1, 1, 1, 3])]
            alts: tuple[str, ...] = tuple(
                rng.choice([*"ACGT", *"ACGT", "*", ref + "A"]) for _ in range(rng.choice([1, 1, 1, 2]))
            )
            while ref in alts or len(set(alts)) < len(alts):
                alts = tuple(rng.choice([*"ACGT", "*"]) for _ in alts)
            info = "."
            if rng.random() < 0.05:
                ref, alts, info = bases[position], ("<DEL>",), f"END={min(len(bases), position + 20)}"
            calls = tuple(_call(rng, len(alts), is_plain=is_plain) for _ in people)
            sites.append(Site(name, position, ref, alts, rng.choice(["PASS", ".", "q10"]), calls, info))
    return RandomCohort(genome, sites, people)


def _call(rng: random.Random, n_alts: int, *, is_plain: bool) -> Call:
    alleles = [rng.choice([0, 0, None, *range(n_alts + 1)]) for _ in range(2)]
    ploidy = 2 if is_plain else rng.choice([1, 2, 2, 2])
    return Call(tuple(alleles[:ploidy]), rng.random() < 0.5)


def asked(rng: random.Random, cohort: RandomCohort) -> tuple[Interval, list[str]]:
    """A region, and people in any order."""
    chrom = rng.choice(list(cohort.genome))
    start = rng.choice([0, rng.randrange(len(cohort.genome[chrom]))])
    end = min(len(cohort.genome[chrom]), start + rng.choice([1, 10, 400]))
    return Interval(chrom, start, end), rng.sample(cohort.samples, rng.randint(1, len(cohort.samples)))
