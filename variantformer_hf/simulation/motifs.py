"""Genes and cCREs with motifs in them: what a made cohort's expression follows from."""

from dataclasses import dataclass

import numpy as np

from ..genome.interval import reverse_complement

HELD_OUT_CONTIG = "chr21"
MOTIF_LENGTH = 9
_LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
_BLOCK = 24_000
_GENE_LENGTH = 1_500
_CRE_LENGTH = 120
_CRES_OF_A_GENE = 8
_CRE_STEP = 400


def random_motifs(rng: np.random.Generator, n: int) -> list[str]:
    """Motifs that do not resemble each other, on either strand."""
    found: list[str] = []
    while len(found) < n:
        motif = letters_of(rng.integers(0, 4, MOTIF_LENGTH))
        known = [each for other in found for each in (other, reverse_complement(other))]
        far = all(sum(a != b for a, b in zip(motif, other, strict=True)) >= 5 for other in known)
        if far and motif != reverse_complement(motif) and len(set(motif)) == 4:
            found.append(motif)
    return found


def motif_effects(rng: np.random.Generator, n_tissues: int) -> np.ndarray:
    """(motifs, tissues) change of log1p TPM by one motif on both haplotypes."""
    effects = np.zeros((n_tissues + 1, n_tissues))
    effects[0] = 0.4  # the shared one
    for tissue in range(n_tissues):
        effects[tissue + 1, tissue] = 0.6 * (-1 if tissue % 2 else 1)
        effects[tissue + 1, (tissue + 1) % n_tissues] = 0.2 * rng.choice([-1, 1])
    return effects


@dataclass(frozen=True, slots=True)
class Region:
    """A cCRE, or a gene's window: which gene reads it (None = none), and motifs that stand in it."""

    contig: str
    start: int
    end: int
    gene: int | None
    motifs: tuple[tuple[int, int], ...]  # (motif, start)
    is_cre: bool


class MotifWorld:
    """Contigs, genes and cCREs with motifs in them."""

    def __init__(self, rng: np.random.Generator, motifs: list[str], n_genes: int, other_cres: int) -> None:
        per_contig = -(-n_genes // 3)
        self.genes: list[tuple[str, int, int, str]] = []
        self.regions: list[Region] = []
        arrays: dict[str, np.ndarray] = {}
        for number in range(n_genes):
            contig = f"chr{1 + number // per_contig}"
            if contig not in arrays:
                left = min(per_contig, n_genes - number)
                arrays[contig] = _LETTERS[rng.integers(0, 4, _BLOCK * left)].copy()
            middle = (number % per_contig) * _BLOCK + _BLOCK // 2
            start, end = middle - _GENE_LENGTH // 2, middle + _GENE_LENGTH // 2
            self.genes.append((contig, start, end, "+-"[number % 2]))
            places = [
                middle + side * (2_000 + _CRE_STEP * step) for step in range(_CRES_OF_A_GENE // 2) for side in (-1, 1)
            ]
            for place in sorted(places):
                self._plant(rng, arrays[contig], motifs, contig, place, place + _CRE_LENGTH, number, True)
            self._plant(rng, arrays[contig], motifs, contig, start + 100, start + 500, number, False)
        for contig, count in (("chr4", other_cres - other_cres // 10), (HELD_OUT_CONTIG, other_cres // 10)):
            arrays[contig] = _LETTERS[rng.integers(0, 4, _CRE_STEP * (count + 2))].copy()
            for number in range(count):
                place = _CRE_STEP * (number + 1)
                self._plant(rng, arrays[contig], motifs, contig, place, place + _CRE_LENGTH, None, True)
        self.contigs = {name: array.tobytes().decode() for name, array in arrays.items()}

    def _plant(
        self,
        rng: np.random.Generator,
        bases: np.ndarray,
        motifs: list[str],
        contig: str,
        start: int,
        end: int,
        gene: int | None,
        is_cre: bool,
    ) -> None:
        """Put motifs into a region: about half of the regions have one."""
        found = []
        for place in range(start + 10, end - 30, 40):
            if rng.random() < 0.35:
                motif, at = int(rng.integers(len(motifs))), place + int(rng.integers(20))
                text = (
                    motifs[motif] if gene is None or self.genes[gene][3] == "+" else reverse_complement(motifs[motif])
                )
                bases[at : at + MOTIF_LENGTH] = np.frombuffer(text.encode(), dtype=np.uint8)
                found.append((motif, at))
        self.regions.append(Region(contig, start, end, gene, tuple(found), is_cre))


def letters_of(codes: np.ndarray) -> str:
    return _LETTERS[codes].tobytes().decode()
