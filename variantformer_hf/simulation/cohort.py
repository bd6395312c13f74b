"""A cohort as a lab has it, simulated, with the truth beside it: what a model must find, and how well one could.

Expression follows from motifs. A tissue's motif in a gene's elements, or in its window, raises or lowers the gene
there; a donor's variants make and break motifs. What is left is noise, of the size that a chosen heritability leaves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pysam

from ..genome.cres import CRE_CLASSES
from ..genome.interval import reverse_complement

LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
_BLOCK = 24_000
_GENE_LENGTH = 1_500
_ELEMENT_LENGTH = 120
_ELEMENTS_OF_A_GENE = 8
_ELEMENT_STEP = 400
_MOTIF_LENGTH = 9
# Haplotypes that all donors' are mosaics of, and bases between changes from one to another.
_FOUNDERS = 48
_SWITCH = 40_000
# Founders have one genealogy from one hotspot of recombination to the next: variants there are linked.
_HOTSPOT_STEP = 4_000
# Mutations younger than the founders' copies: one to three haplotypes have them.
_RECENT = 0.4
_VARIANT_STEP = 150
# Labels that say the opposite, as any assay's do.
_WRONG_LABELS = 0.03
HELD_OUT_CONTIG = "chr21"


@dataclass(frozen=True)
class SimulatedCohort:
    """Paths of what :func:`simulate_cohort` wrote.

    Attributes:
        fasta, vcf, genes, cres, expression: genome; one phased VCF of all donors; gene table; cCREs; tidy expression.
        activity: BEDs of ``activity_donors`` in each tissue, as ``{path, donor, tissue}``.
        truth: JSON: motifs, their effects by tissue, causal variants with effects, and h2.
        oracle: tidy table of the genetic part of each value.
        tissues, donors: names.
    """

    folder: Path
    fasta: Path
    vcf: Path
    genes: Path
    cres: Path
    expression: Path
    activity: tuple[Mapping[str, str], ...]
    truth: Path
    oracle: Path
    tissues: tuple[str, ...]
    donors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Variant:
    contig: str
    position: int
    ref: str
    alt: str
    carriers: np.ndarray  # (donors, 2) bool


def simulate_cohort(
    folder: str | Path,
    *,
    donors: int = 200,
    genes: int = 30,
    tissues: Sequence[str] = ("whole blood", "liver", "thyroid"),
    heritability: float = 0.5,
    activity_donors: int = 4,
    other_elements: int = 3_000,
    seed: int = 0,
) -> SimulatedCohort:
    """Write a cohort.

    Args:
        folder: where; made.
        donors, genes: how many.
        tissues: names that a model knows; each has a motif of its own, and all share one.
        heritability: of every gene in every tissue, among the donors.
        activity_donors: donors with BEDs of active elements.
        other_elements: elements away from genes, a tenth of them on chr21, which the encoder's training holds out.
        seed: of everything.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    motifs = _motifs(rng, len(tissues) + 1)
    effects = _motif_effects(rng, len(tissues))
    world = _World(rng, motifs, genes, other_elements)
    names = tuple(f"DONOR{number:04d}" for number in range(donors))
    variants, causal = _variants(rng, world, motifs, donors)
    paths = {name: folder / name for name in ("genome.fa", "genes.csv", "cres.bed", "truth.json")}
    _write_fasta(paths["genome.fa"], world.contigs)
    _write_tables(paths["genes.csv"], paths["cres.bed"], world)
    vcf = _write_vcf(folder / "cohort.vcf", world.contigs, variants, names)
    by_contig: dict[str, list[_Variant]] = {}
    for variant in variants:
        by_contig.setdefault(variant.contig, []).append(variant)
    counts = _motif_counts(world, by_contig, motifs, donors)
    expression, oracle = _expression(rng, world, counts, effects, tissues, names, heritability)
    expression.to_csv(folder / "expression.csv.gz", index=False, float_format="%.6g")
    oracle.to_parquet(folder / "oracle.parquet")
    activity = _write_activity(rng, folder, world, by_contig, motifs, tissues, names[:activity_donors])
    truth = {
        "motifs": motifs,
        "effects": {tissue: effects[:, place].tolist() for place, tissue in enumerate(tissues)},
        "heritability": heritability,
        "causal": [
            {**each, "effect": {tissue: float(each["change"] * effects[each["motif"], place])
                                for place, tissue in enumerate(tissues)}} for each in causal
        ],
    }  # fmt: skip
    paths["truth.json"].write_text(json.dumps(truth, indent=1))
    return SimulatedCohort(
        folder, paths["genome.fa"], vcf, paths["genes.csv"], paths["cres.bed"], folder / "expression.csv.gz",
        activity, paths["truth.json"], folder / "oracle.parquet", tuple(tissues), names,
    )  # fmt: skip


def _motifs(rng: np.random.Generator, n: int) -> list[str]:
    """Motifs that do not resemble each other, on either strand."""
    found: list[str] = []
    while len(found) < n:
        motif = _text(rng.integers(0, 4, _MOTIF_LENGTH))
        known = [each for other in found for each in (other, reverse_complement(other))]
        far = all(sum(a != b for a, b in zip(motif, other, strict=True)) >= 5 for other in known)
        if far and motif != reverse_complement(motif) and len(set(motif)) == 4:
            found.append(motif)
    return found


def _motif_effects(rng: np.random.Generator, n_tissues: int) -> np.ndarray:
    """(motifs, tissues) change of log1p TPM by one motif on both haplotypes."""
    effects = np.zeros((n_tissues + 1, n_tissues))
    effects[0] = 0.4  # the shared one
    for tissue in range(n_tissues):
        effects[tissue + 1, tissue] = 0.6 * (-1 if tissue % 2 else 1)
        effects[tissue + 1, (tissue + 1) % n_tissues] = 0.2 * rng.choice([-1, 1])
    return effects


@dataclass(frozen=True, slots=True)
class _Region:
    """An element, or a gene's window: which gene reads it (None = none), and motifs that stand in it."""

    contig: str
    start: int
    end: int
    gene: int | None
    motifs: tuple[tuple[int, int], ...]  # (motif, start)
    is_element: bool


class _World:
    """Contigs, genes and elements with motifs in them."""

    def __init__(self, rng: np.random.Generator, motifs: list[str], n_genes: int, other_elements: int) -> None:
        per_contig = -(-n_genes // 3)
        self.genes: list[tuple[str, int, int, str]] = []
        self.regions: list[_Region] = []
        arrays: dict[str, np.ndarray] = {}
        for number in range(n_genes):
            contig = f"chr{1 + number // per_contig}"
            if contig not in arrays:
                left = min(per_contig, n_genes - number)
                arrays[contig] = LETTERS[rng.integers(0, 4, _BLOCK * left)].copy()
            middle = (number % per_contig) * _BLOCK + _BLOCK // 2
            start, end = middle - _GENE_LENGTH // 2, middle + _GENE_LENGTH // 2
            self.genes.append((contig, start, end, "+-"[number % 2]))
            places = [middle + side * (2_000 + _ELEMENT_STEP * step)
                      for step in range(_ELEMENTS_OF_A_GENE // 2) for side in (-1, 1)]  # fmt: skip
            for place in sorted(places):
                self._plant(rng, arrays[contig], motifs, contig, place, place + _ELEMENT_LENGTH, number, True)
            self._plant(rng, arrays[contig], motifs, contig, start + 100, start + 500, number, False)
        for contig, count in (("chr4", other_elements - other_elements // 10), (HELD_OUT_CONTIG, other_elements // 10)):
            arrays[contig] = LETTERS[rng.integers(0, 4, _ELEMENT_STEP * (count + 2))].copy()
            for number in range(count):
                place = _ELEMENT_STEP * (number + 1)
                self._plant(rng, arrays[contig], motifs, contig, place, place + _ELEMENT_LENGTH, None, True)
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
        is_element: bool,
    ) -> None:
        """Put motifs into a region: about half of the regions have one."""
        found = []
        for place in range(start + 10, end - 30, 40):
            if rng.random() < 0.35:
                motif, at = int(rng.integers(len(motifs))), place + int(rng.integers(20))
                text = (
                    motifs[motif] if gene is None or self.genes[gene][3] == "+" else reverse_complement(motifs[motif])
                )
                bases[at : at + _MOTIF_LENGTH] = np.frombuffer(text.encode(), dtype=np.uint8)
                found.append((motif, at))
        self.regions.append(_Region(contig, start, end, gene, tuple(found), is_element))


def _variants(
    rng: np.random.Generator, world: _World, motifs: list[str], donors: int
) -> tuple[list[_Variant], list[dict[str, Any]]]:
    """Variants of all donors, sorted; those that break a motif of a gene, named."""
    variants: list[_Variant] = []
    causal: list[dict[str, Any]] = []
    of_contig: dict[str, set[int]] = {}
    for region in world.regions:
        for motif, at in region.motifs:
            # Genes' motifs are broken by common variants, some; others' seldom, for the encoder to see.
            if rng.random() < (0.6 if region.gene is not None else 0.3):
                place = at + int(rng.integers(2, _MOTIF_LENGTH - 2))
                of_contig.setdefault(region.contig, set()).add(place)
                if region.gene is not None:
                    causal.append({"contig": region.contig, "position": place + 1, "gene": region.gene,
                                   "motif": motif, "change": -1.0, "in_element": region.is_element})  # fmt: skip
    named = {(each["contig"], each["position"] - 1): each for each in causal}
    for contig, text in world.contigs.items():
        mosaic = _Mosaic(rng, len(text), donors)
        genealogies = [_Genealogy(rng, _FOUNDERS) for _ in range(1 + len(text) // _HOTSPOT_STEP)]
        places = set(of_contig.get(contig, set()))
        near = {place + shift for place in places for shift in range(-12, 13)}
        protected = {at + shift for region in world.regions if region.contig == contig
                     for _, at in region.motifs for shift in range(-2, _MOTIF_LENGTH + 2)}  # fmt: skip
        count = len(text) // _VARIANT_STEP
        for place in rng.integers(20, len(text) - 40, count).tolist():
            if place not in near and place not in protected:
                places.add(place)
        last = -10
        for place in sorted(places):
            key = (contig, place)
            if place - last < 8 and key not in named:
                continue
            common = place in of_contig.get(contig, set())
            if not common and rng.random() < _RECENT:
                carriers = np.zeros((donors, 2), dtype=bool)
                carriers.flat[rng.integers(0, 2 * donors, int(rng.integers(1, 4)))] = True
            else:
                carriers = mosaic.carriers(place, genealogies[place // _HOTSPOT_STEP].mutation(rng, common))
            if not carriers.any() or carriers.all():
                continue
            ref = text[place]
            alt = str(rng.choice([base for base in "ACGT" if base != ref]))
            if not common and rng.random() < 0.12:
                if rng.random() < 0.5:
                    alt = ref + _text(rng.integers(0, 4, int(rng.integers(1, 5))))
                else:
                    ref = text[place : place + int(rng.integers(2, 6))]
                    alt = ref[0]
            variants.append(_Variant(contig, place, ref, alt, carriers))
            last = place + len(ref) - 1
            if key in named:
                named[key] |= {"ref": ref, "alt": alt, "frequency": float(carriers.mean())}
    kept = [each for each in causal if "ref" in each]
    return variants, kept


class _Genealogy:
    """A coalescent tree of founders: who inherits a mutation on one of its branches."""

    def __init__(self, rng: np.random.Generator, founders: int) -> None:
        lineages = list(range(founders))
        clades = [1 << founder for founder in range(founders)]
        born = [0.0] * founders
        lengths: list[float] = [0.0] * founders
        time = 0.0
        while len(lineages) > 1:
            n = len(lineages)
            time += rng.exponential(2 / (n * (n - 1)))
            pair = [lineages.pop(int(rng.integers(len(lineages)))) for _ in range(2)]
            for child in pair:
                lengths[child] = time - born[child]
            lineages.append(len(clades))
            clades.append(clades[pair[0]] | clades[pair[1]])
            born.append(time)
            lengths.append(0.0)
        bits = [[clade >> founder & 1 for founder in range(founders)] for clade in clades[:-1]]
        self._clades = np.array(bits, dtype=bool)  # (branches, founders)
        self._lengths = np.array(lengths[:-1])

    def mutation(self, rng: np.random.Generator, common: bool) -> np.ndarray:
        """(founders,) who carries the ALT. Long branches get more; most lead to few founders, but ``common`` ones."""
        weights = self._lengths
        if common:
            sizes = self._clades.sum(axis=1)
            # Descending into the greater clade, sizes never jump over this range.
            weights = weights * ((sizes >= _FOUNDERS // 6) & (sizes <= _FOUNDERS // 2))
        return self._clades[rng.choice(len(weights), p=weights / weights.sum())]


class _Mosaic:
    """Which founder each haplotype is a copy of, along a contig."""

    def __init__(self, rng: np.random.Generator, length: int, donors: int) -> None:
        n = 1 + length // (_SWITCH // 4)
        self._bounds = np.sort(rng.integers(0, max(1, length), n))
        # At each bound a quarter of the haplotypes change: about one change in _SWITCH bases.
        self._founders = np.empty((n + 1, donors, 2), dtype=np.int64)
        self._founders[0] = rng.integers(0, _FOUNDERS, (donors, 2))
        for step in range(n):
            change = rng.random((donors, 2)) < 0.25
            self._founders[step + 1] = np.where(change, rng.integers(0, _FOUNDERS, (donors, 2)), self._founders[step])

    def carriers(self, place: int, founders: np.ndarray) -> np.ndarray:
        """(donors, 2) whether each haplotype carries what these founders do."""
        return founders[self._founders[int(np.searchsorted(self._bounds, place, side="right"))]]


def _motif_counts(
    world: _World, by_contig: Mapping[str, Sequence[_Variant]], motifs: list[str], donors: int
) -> np.ndarray:
    """(genes, donors, motifs) motifs that a gene's regions have, mean of the two haplotypes."""
    counts = np.zeros((len(world.genes), donors, len(motifs)))
    for region in world.regions:
        if region.gene is not None:
            strand = world.genes[region.gene][3]
            per_motif = _region_counts(region, world, by_contig, motifs, donors, strand)
            counts[region.gene] += per_motif
    return counts


def _region_counts(
    region: _Region,
    world: _World,
    by_contig: Mapping[str, Sequence[_Variant]],
    motifs: list[str],
    donors: int,
    strand: str,
) -> np.ndarray:
    """(donors, motifs) motifs in one region, mean of the two haplotypes; each distinct haplotype is read once."""
    inside = [
        v
        for v in by_contig.get(region.contig, ())
        if v.position < region.end and v.position + len(v.ref) > region.start
    ]
    text = world.contigs[region.contig]
    carried = np.stack([v.carriers for v in inside], axis=-1) if inside else np.zeros((donors, 2, 0), dtype=bool)
    known: dict[bytes, np.ndarray] = {}
    result = np.zeros((donors, len(motifs)))
    for donor in range(donors):
        for haplotype in range(2):
            key = carried[donor, haplotype].tobytes()
            if key not in known:
                sequence = _haplotype(
                    text, region, [v for v, has in zip(inside, carried[donor, haplotype], strict=True) if has]
                )
                if strand == "-":
                    sequence = reverse_complement(sequence)
                known[key] = np.array([sequence.count(motif) for motif in motifs], dtype=float)
            result[donor] += known[key] / 2
    return result


def _haplotype(text: str, region: _Region, variants: Sequence[_Variant]) -> str:
    pieces, cursor = [], region.start
    for variant in variants:
        if variant.position < cursor:
            continue
        pieces += [text[cursor : variant.position], variant.alt]
        cursor = variant.position + len(variant.ref)
    return "".join([*pieces, text[cursor : region.end]])


def _expression(
    rng: np.random.Generator,
    world: _World,
    counts: np.ndarray,
    effects: np.ndarray,
    tissues: Sequence[str],
    names: Sequence[str],
    heritability: float,
) -> tuple[Any, Any]:
    """Tidy expression, and the genetic part of each value."""
    import pandas as pd

    genetic = counts @ effects  # (genes, donors, tissues)
    base = rng.uniform(1.5, 3.0, (len(world.genes), 1, len(tissues)))
    genetic = base + genetic - genetic.mean(axis=1, keepdims=True)
    spread = genetic.std(axis=1, keepdims=True)
    noise = rng.normal(size=genetic.shape) * spread * np.sqrt((1 - heritability) / heritability)
    observed = np.maximum(genetic + noise, 0.01)
    gene, donor, tissue = np.meshgrid(*(range(size) for size in genetic.shape), indexing="ij")
    columns = {
        "donor": np.asarray(names, dtype=object)[donor.ravel()],
        "tissue": np.asarray(tissues, dtype=object)[tissue.ravel()],
        "gene_id": np.asarray([gene_id(number) for number in range(len(world.genes))], dtype=object)[gene.ravel()],
    }
    expression = pd.DataFrame({**columns, "tpm": np.expm1(observed).ravel()})
    oracle = pd.DataFrame({**columns, "log1p_tpm": genetic.ravel()})
    return expression, oracle


def gene_id(number: int) -> str:
    """Id of a simulated gene."""
    return f"ENSG{90_000_000_000 + number:011d}"


def _write_fasta(path: Path, contigs: Mapping[str, str]) -> None:
    with path.open("w") as file:
        for name, text in contigs.items():
            file.write(f">{name}\n")
            file.writelines(f"{text[at : at + 60]}\n" for at in range(0, len(text), 60))
    pysam.faidx(str(path))


def _write_tables(genes: Path, cres: Path, world: _World) -> None:
    lines = ["gene_id,gene_name,chromosome,start,end,strand,gene_type"]
    for number, (contig, start, end, strand) in enumerate(world.genes):
        lines.append(f"{gene_id(number)}.1,SIM{number},{contig},{start},{end},{strand},protein_coding")
    genes.write_text("\n".join(lines) + "\n")
    with cres.open("w") as file:
        for number, region in enumerate(each for each in world.regions if each.is_element):
            kind = CRE_CLASSES[number % len(CRE_CLASSES)]
            file.write(_bed_line(region, f"SIM{number:06d}", kind))


def _bed_line(region: _Region, name: str, kind: str) -> str:
    place = f"{region.contig}\t{region.start}\t{region.end}"
    return f"{place}\t{name}\t0\t.\t{region.start}\t{region.end}\t0,0,0\t{kind}\n"


def _write_vcf(path: Path, contigs: Mapping[str, str], variants: Sequence[_Variant], names: Sequence[str]) -> Path:
    lines = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines += [f"##contig=<ID={name},length={len(text)}>" for name, text in contigs.items()]
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]))
    with path.open("w") as file:
        file.write("\n".join(lines) + "\n")
        for variant in variants:
            calls = [f"{int(a)}|{int(b)}" for a, b in variant.carriers]
            fixed = (variant.contig, variant.position + 1, ".", variant.ref, variant.alt, ".", "PASS", ".", "GT")
            file.write("\t".join([*map(str, fixed), *calls]) + "\n")
    pysam.tabix_compress(str(path), f"{path}.gz", force=True)
    pysam.tabix_index(f"{path}.gz", preset="vcf", force=True)
    path.unlink()
    return Path(f"{path}.gz")


def _write_activity(
    rng: np.random.Generator,
    folder: Path,
    world: _World,
    by_contig: Mapping[str, Sequence[_Variant]],
    motifs: list[str],
    tissues: Sequence[str],
    names: Sequence[str],
) -> tuple[Mapping[str, str], ...]:
    """A BED per donor and tissue: an element is active where the tissue's motif, or the shared one, stands in it."""
    elements = [region for region in world.regions if region.is_element]
    active = np.zeros((len(names), len(tissues), len(elements)), dtype=bool)
    for number, region in enumerate(elements):
        strand = "+" if region.gene is None else world.genes[region.gene][3]
        some = {region.contig: [_of_first(v, len(names)) for v in by_contig.get(region.contig, ())
                                if v.position < region.end and v.position + len(v.ref) > region.start]}  # fmt: skip
        counts = _region_counts(region, world, some, motifs, len(names), strand)
        for tissue in range(len(tissues)):
            active[:, tissue, number] = (counts[:, 0] > 0) | (counts[:, tissue + 1] > 0)
    wrong = rng.random(active.shape) < _WRONG_LABELS
    files = []
    for donor, name in enumerate(names):
        for tissue, tissue_name in enumerate(tissues):
            path = folder / f"activity.{name}.{tissue_name.replace(' ', '_')}.bed"
            with path.open("w") as file:
                for number, region in enumerate(elements):
                    is_active = active[donor, tissue, number] ^ wrong[donor, tissue, number]
                    file.write(_bed_line(region, f"SIM{number:06d}", "dELS" if is_active else "Low-DNase"))
            files.append({"path": path.name, "donor": name, "tissue": tissue_name})
    return tuple(files)


def _of_first(variant: _Variant, donors: int) -> _Variant:
    return _Variant(variant.contig, variant.position, variant.ref, variant.alt, variant.carriers[:donors])


def _text(codes: np.ndarray) -> str:
    return LETTERS[codes].tobytes().decode()
