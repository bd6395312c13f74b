"""Genotypes of populations that drifted apart: a panel whose populations are known, and a cohort."""

from pathlib import Path

import numpy as np
from genome_files import record, write_vcf

POPULATIONS = ("AFR", "AMR", "EAS", "EUR", "SAS")


def drifted(sizes: list[int], n_variants: int, fst: float = 0.1, seed: int = 0) -> np.ndarray:
    """(people, variants) dosages of populations that drifted apart from one, one after the other (Balding, Nichols)."""
    rng = np.random.default_rng(seed)
    ancestral = rng.uniform(0.1, 0.9, n_variants)
    ratio = (1 - fst) / fst
    of_each = [rng.beta(ancestral * ratio, (1 - ancestral) * ratio) for _ in sizes]
    found = [rng.binomial(2, frequency, (size, n_variants)) for size, frequency in zip(sizes, of_each, strict=True)]
    return np.concatenate(found).astype(np.int8)


def written(path: Path, dosages: np.ndarray, alleles: list[tuple[str, str]], names: list[str], **more: str) -> Path:
    calls = {-1: "./.", 0: "0/0", 1: "0/1", 2: "1/1"}
    chrom = more.get("chrom", "chr1")
    lines = [
        record(
            1_000 * (place + 1), *alleles[place], *(calls[value] for value in dosages[:, place].tolist()), chrom=chrom
        )
        for place in range(dosages.shape[1])
    ]
    return write_vcf(path, lines, contigs={chrom: 50_000_000}, samples=names)


def write_case(folder: Path) -> None:
    """``panel.vcf.gz``, ten of each population, ``cohort.vcf.gz``, three more of each, and ``labels.tsv``.

    1,250 SNPs, contigs of two spellings.
    """
    whole = drifted([13] * 5, 1_250, seed=3)
    is_panel = np.tile(np.arange(13) < 10, 5)
    alleles = [("A", "G")] * 1_250
    panel = [f"{name}{number}" for name in POPULATIONS for number in range(10)]
    written(folder / "panel.vcf.gz", whole[is_panel], alleles, panel, chrom="1")
    cohort = whole[~is_panel].copy()
    cohort[:, :40] = 2 - cohort[:, :40]  # REF and ALT the other way round
    cohort[:5, 60] = -1
    of_cohort = [("G", "A")] * 40 + [("A", "T")] * 10 + alleles[50:]
    written(folder / "cohort.vcf.gz", cohort, of_cohort, [f"P{number}" for number in range(15)])
    rows = "".join(f"{name}\tx\t{name[:3]}\n" for name in panel)
    (folder / "labels.tsv").write_text(f"sample\tpop\tsuper_pop\n{rows}nobody\tx\tEUR\n")
