"""A cohort as a lab has it, simulated, with the truth beside it: what a model must find, and how well one could.

Expression follows from motifs. A tissue's motif in a gene's cCREs, or in its window, raises or lowers the gene
there; a donor's variants make and break motifs. What is left is noise, of the size that a chosen heritability leaves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.activity import HIGHEST_SCORE
from ..genome.cres import CRE_CLASSES
from ..genome.genes import Gene
from .cohort_variants import CohortVariant, simulate_variants, variants_within
from .motif_counts import motif_counts, region_counts
from .motifs import MotifWorld, Region, motif_effects, random_motifs
from .normalized import write_normalized
from .rare_causal import with_rare_causal
from .second_population import with_second_population
from .writers import GENOTYPES, contig_lines, cre_line, write_fasta, write_genes, write_vcf

# Labels that say the opposite, as any assay's do.
_WRONG_LABELS = 0.03
# Score of a cCRE in which one motif is on both haplotypes, of 1,000; and the noise of a signal, in motifs.
_SIGNAL, _SIGNAL_NOISE = 300, 0.15
# By 2 x the first haplotype's allele + the second's.
_CALLS = np.array(["0|0", "0|1", "1|0", "1|1"], dtype=object)


@dataclass(frozen=True)
class SimulatedCohort:
    """Paths of what :func:`simulate_cohort` wrote.

    Attributes:
        fasta, vcf, genes, cres, expression: genome; one phased VCF of all donors; gene table; cCREs; tidy expression.
        activity: BEDs of ``activity_donors`` in each tissue, as ``{path, donor, tissue}``.
        truth: JSON: motifs, their effects by tissue, causal variants with effects, and h2.
        oracle: tidy table of the genetic part of each value.
        tissues, donors: names.
        populations: the donors of each; the second, where there is one, is called OTHER0000 and so on.
        normalized: expression again, inverse-normal over all donors, a BED a tissue; empty where it was not asked for.
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
    populations: tuple[tuple[str, ...], ...]
    normalized: tuple[Path, ...] = ()


def simulate_cohort(
    folder: str | Path,
    *,
    donors: int = 200,
    genes: int = 30,
    tissues: Sequence[str] = ("whole blood", "liver", "thyroid"),
    heritability: float = 0.5,
    activity_donors: int = 4,
    other_cres: int = 3_000,
    seed: int = 0,
    populations: int = 1,
    normalized: bool = False,
    rare_causal: float = 0.0,
    other_donors: int | None = None,
) -> SimulatedCohort:
    """Write a cohort.

    Args:
        folder: where; made.
        donors: how many, of each population, but for ``other_donors``.
        genes: how many.
        tissues: names that a model knows; each has a motif of its own, and all share one.
        heritability: of every gene in every tissue, among the donors of the first population.
        activity_donors: donors with BEDs of active cCREs.
        other_cres: cCREs away from genes, a tenth of them on chr21, which the encoder's training holds out.
        seed: of everything.
        populations: 1, or 2: the second has drifted frequencies, another linkage and private variants; what is noise is
            of the same size in both. Genomes of the first are the same with and without it.
        normalized: whether expression is also written inverse-normal, as ``read_normalized`` reads it.
        rare_causal: share of genes' motifs, of those that no other variant breaks, that a rare variant of the first
            population breaks, see ``with_rare_causal``.
        other_donors: of the second population; None = as many as of the first.

    Raises:
        ValueError: neither one nor two populations.
    """
    if populations not in (1, 2):
        raise ValueError(f"populations={populations} must be 1 or 2")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    motifs = random_motifs(rng, len(tissues) + 1)
    effects = motif_effects(rng, len(tissues))
    world = MotifWorld(rng, motifs, genes, other_cres)
    names = tuple(f"DONOR{number:04d}" for number in range(donors))
    variants, causal = simulate_variants(rng, world, motifs, donors)
    if rare_causal:
        variants, causal = with_rare_causal(np.random.default_rng([seed, 5]), world, variants, causal, rare_causal)
    members: tuple[tuple[str, ...], ...] = (names,)
    if populations == 2:
        others = donors if other_donors is None else other_donors
        variants, causal = with_second_population(np.random.default_rng([seed, 2]), world, variants, causal, others)
        members = (names, tuple(f"OTHER{number:04d}" for number in range(others)))
    first, names = names, tuple(name for group in members for name in group)
    paths = {name: folder / name for name in ("genome.fa", "genes.csv", "cres.bed", "truth.json")}
    write_fasta(paths["genome.fa"], world.contigs)
    _write_tables(paths["genes.csv"], paths["cres.bed"], world)
    lengths = {name: len(bases) for name, bases in world.contigs.items()}
    vcf = folder / "cohort.vcf.gz"
    write_vcf(vcf, map(_vcf_line, variants), meta=[GENOTYPES, *contig_lines(lengths)], samples=names)
    by_contig: dict[str, list[CohortVariant]] = {}
    for variant in variants:
        by_contig.setdefault(variant.contig, []).append(variant)
    counts = motif_counts(world, by_contig, motifs, len(names))
    expression, oracle = _expression(rng, world, counts, effects, tissues, names, heritability, len(first))
    expression.to_csv(folder / "expression.csv.gz", index=False, float_format="%.6g")
    oracle.to_parquet(folder / "oracle.parquet")
    rngs = rng, np.random.default_rng([seed, 4])
    activity = _write_activity(rngs, folder, world, by_contig, motifs, tissues, first[:activity_donors])
    truth = {
        "motifs": motifs,
        "effects": {tissue: effects[:, place].tolist() for place, tissue in enumerate(tissues)},
        "heritability": heritability,
        "causal": [
            {
                **each,
                "effect": {
                    tissue: float(each["change"] * effects[each["motif"], place])
                    for place, tissue in enumerate(tissues)
                },
            }
            for each in causal
        ],
    }
    paths["truth.json"].write_text(json.dumps(truth, indent=1))
    return SimulatedCohort(
        folder=folder,
        fasta=paths["genome.fa"],
        vcf=vcf,
        genes=paths["genes.csv"],
        cres=paths["cres.bed"],
        expression=folder / "expression.csv.gz",
        activity=activity,
        truth=paths["truth.json"],
        oracle=folder / "oracle.parquet",
        tissues=tuple(tissues),
        donors=names,
        populations=members,
        normalized=write_normalized(folder, expression, _genes(world), names) if normalized else (),
    )


def _expression(
    rng: np.random.Generator,
    world: MotifWorld,
    counts: np.ndarray,
    effects: np.ndarray,
    tissues: Sequence[str],
    names: Sequence[str],
    heritability: float,
    n_first: int,
) -> tuple[Any, Any]:
    """Tidy expression, and the genetic part of each value; levels and noise are those of the first donors."""
    import pandas as pd

    genetic = counts @ effects  # (genes, donors, tissues)
    base = rng.uniform(1.5, 3.0, (len(world.genes), 1, len(tissues)))
    genetic = base + genetic - genetic[:, :n_first].mean(axis=1, keepdims=True)
    spread = genetic[:, :n_first].std(axis=1, keepdims=True)
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


def _write_tables(genes: Path, cres: Path, world: MotifWorld) -> None:
    write_genes(genes, _genes(world))
    regions = enumerate(each for each in world.regions if each.is_cre)
    cres.write_text(
        "".join(_bed_line(region, number, CRE_CLASSES[number % len(CRE_CLASSES)]) for number, region in regions)
    )


def _genes(world: MotifWorld) -> list[Gene]:
    return [
        Gene(f"{gene_id(number)}.1", f"SIM{number}", contig, start, end, strand, "protein_coding")
        for number, (contig, start, end, strand) in enumerate(world.genes)
    ]


def _vcf_line(variant: CohortVariant) -> str:
    calls = "\t".join(_CALLS[variant.carriers @ (2, 1)].tolist())
    return f"{variant.contig}\t{variant.position + 1}\t.\t{variant.ref}\t{variant.alt}\t.\tPASS\t.\tGT\t{calls}"


def _bed_line(region: Region, number: int, kind: str, score: int = 0) -> str:
    return cre_line(region.contig, region.start, region.end, f"SIM{number:06d}", kind, score)


def _write_activity(
    rngs: tuple[np.random.Generator, np.random.Generator],
    folder: Path,
    world: MotifWorld,
    by_contig: Mapping[str, Sequence[CohortVariant]],
    motifs: list[str],
    tissues: Sequence[str],
    names: Sequence[str],
) -> tuple[Mapping[str, str], ...]:
    """A BED per donor and tissue: a cCRE is active where the tissue's motif, or the shared one, stands in it.

    The score is its signal: how many there are, mean of the two haplotypes, and noise.

    Args:
        rngs: of the labels, and of the signals.
    """
    rng, signal_rng = rngs
    regions = [region for region in world.regions if region.is_cre]
    active = np.zeros((len(names), len(tissues), len(regions)), dtype=bool)
    signal = np.zeros(active.shape)
    for number, region in enumerate(regions):
        strand = "+" if region.gene is None else world.genes[region.gene][3]
        some = {
            region.contig: [
                _of_first(variant, len(names))
                for variant in variants_within(by_contig.get(region.contig, ()), region.start, region.end)
            ]
        }
        counts = region_counts(region, world, some, motifs, len(names), strand)
        for tissue in range(len(tissues)):
            active[:, tissue, number] = (counts[:, 0] > 0) | (counts[:, tissue + 1] > 0)
            signal[:, tissue, number] = counts[:, 0] + counts[:, tissue + 1]
    wrong = rng.random(active.shape) < _WRONG_LABELS
    signal += _SIGNAL_NOISE * signal_rng.normal(size=signal.shape)
    score = np.clip(np.rint(_SIGNAL * signal), 0, HIGHEST_SCORE).astype(int)
    files = []
    for donor, name in enumerate(names):
        for tissue, tissue_name in enumerate(tissues):
            path = folder / f"activity.{name}.{tissue_name.replace(' ', '_')}.bed"
            with path.open("w") as file:
                for number, region in enumerate(regions):
                    is_active = active[donor, tissue, number] ^ wrong[donor, tissue, number]
                    file.write(
                        _bed_line(region, number, "dELS" if is_active else "Low-DNase", score[donor, tissue, number])
                    )
            files.append({"path": path.name, "donor": name, "tissue": tissue_name})
    return tuple(files)


def _of_first(variant: CohortVariant, donors: int) -> CohortVariant:
    return CohortVariant(variant.contig, variant.position, variant.ref, variant.alt, variant.carriers[:donors])
