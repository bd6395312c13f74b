"""What effects common variants have: the scale on which one variant's effect is large or small."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, check_number
from ..genome.cohort_files import GivenGenotypes
from ..genome.cohort_rows import Reading
from ..genome.cohort_source import CohortFile
from ..genome.genes import Gene
from ..genome.interval import Interval
from ..genome.reference import ReferenceGenome
from ..genome.variant import Variant, VariantError, VariantNormalizer
from ..genome.variant_files import VariantFiles, open_files
from ..inference.query import RejectedQueryError, rejected_names
from ..zoo.gene_regions import RegionFinder
from ..zoo.statuses import check_finite
from .backgrounds import Background
from .effects import VariantScorer, check_backgrounds_used, score_variants
from .variant_genes import overlap, tss_distance

if TYPE_CHECKING:
    import pandas as pd

DISTANCE_CLASSES = ("<1kb", "1-10kb", "10-100kb", ">100kb")
_EDGES = (1_000, 10_000, 100_000)
# Fewer effects than these give no quantile.
LEAST_NULL = 20
_LONGEST_INDEL = 50
# Of a predictor's description, what effects and their null have in common.
_SHARED = ("precision", "companions")


def distance_class(distances: np.ndarray) -> np.ndarray:
    """``<1kb``, ``1-10kb``, ``10-100kb`` or ``>100kb`` of distances from the TSS in bases, either side."""
    classes = np.array(DISTANCE_CLASSES, dtype=object)
    found = classes[np.searchsorted(_EDGES, np.abs(np.nan_to_num(distances)), side="right")]
    found[np.isnan(distances)] = None
    return found


def build_null(
    scorer: VariantScorer,
    panel: GivenGenotypes,
    backgrounds: Sequence[Background],
    genes: Sequence[str],
    *,
    tissues: Sequence[str] | None = None,
    zygosity: Sequence[str] = ("het", "hom"),
    least_maf: float = 0.05,
    per_class: int = 50,
    seed: int = 0,
    allow_unused: bool = False,
    on_gene: Callable[[int, int], None] | None = None,
    records: Counter[str] | None = None,
) -> "pd.DataFrame":
    """Effects of common variants near genes, by their distance from the TSS.

    Args:
        scorer: the model.
        panel: a VCF or BCF of many people, or of sites with INFO ``AF``, indexed; one file or several, as for
            ``PersonalGenome``.
        backgrounds: the genomes to look in.
        genes: names.
        tissues, zygosity: as for ``VariantScorer.run``.
        least_maf: lowest minor allele frequency in the panel.
        per_class: most variants of a gene in a distance class; more are drawn from.
        seed: of the draw.
        allow_unused: go on where nothing of a background's file was used in any gene, instead of stopping.
        on_gene: called with (done, total).
        records: is added to: records of the panel in the regions of the genes, a gene's at a time, by what became of
            them: ``used``, ``not_drawn`` (more than per_class), ``rare``, ``outside`` of the windows and cCREs, and why
            others cannot be used.

    Returns:
        gene_id, tissue, background, zygosity, distance_class, variant, maf, effect.

    Raises:
        RejectedQueryError: a gene that the model does not have.
        InputError: no common variant lies in any of the genes' regions; a number out of its range.
    """
    import pandas as pd

    check_number("the lowest minor allele frequency", least_maf, 0, 0.5)
    check_number("the number of variants per class", per_class, 1)
    check_number("the seed", seed, 0)
    reference = backgrounds[0].genome.reference
    opened = scorer.open(reference)
    finder = opened.opened.finder
    found, rejected = scorer.model.gene_table.resolve(genes)
    if rejected:
        raise RejectedQueryError(rejected_names("gene", rejected))
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter() if records is None else records
    parts, genes_seen = [], []
    file = open_files(panel, reading=Reading(reference))
    try:
        for number, gene in enumerate(found):
            if on_gene is not None:
                on_gene(number, len(found))
            drawn = _drawn(gene, finder, file, reference, least_maf, per_class, rng, counts)
            if not drawn:
                continue
            table = score_variants(
                opened,
                list(drawn),
                backgrounds,
                genes=[gene.gene_id],
                tissues=tissues,
                zygosity=zygosity,
                allow_unused=True,
            ).table
            genes_seen.append(table.drop_duplicates(["gene_id", "background"]))
            check_finite(table["gene_name"], table["status"])
            table = table[table["status"] == "ok"]
            table = table.assign(
                distance_class=distance_class(table["tss_distance"].to_numpy()),
                maf=[drawn[Variant.parse(name)] for name in table["variant"]],
            )
            parts.append(table[list(NULL_COLUMNS)])
    finally:
        file.close()
    if on_gene is not None:
        on_gene(len(found), len(found))
    if not parts:
        raise InputError(
            f"has no variant with a frequency of {least_maf} or more in the regions of these genes",
            file=file.path,
            remedy="Give a panel of that genome with INFO AF, or with many samples; or lower --min-maf.",
        )
    check_backgrounds_used(pd.concat(genes_seen), backgrounds, allow_unused=allow_unused)
    return pd.concat(parts, ignore_index=True)


NULL_COLUMNS = ("gene_id", "tissue", "background", "zygosity", "distance_class", "variant", "maf", "effect")


def null_metadata(scorer: VariantScorer) -> dict[str, Any]:
    """What a null must share with the effects that are held against it."""
    described = scorer.model.description()
    return {"model_sha256": scorer.model.identity.sha256, **{name: described[name] for name in _SHARED}}


def read_null(path: str | Path, scorer: VariantScorer) -> "pd.DataFrame":
    """A null that ``variantformer null`` wrote for this model.

    Raises:
        InputError: it cannot be read, or is another model's.
    """
    from ..genome.table_files import read_parquet

    table = read_parquet(path, NULL_COLUMNS)
    found = json.loads((table.schema.metadata or {}).get(b"variantformer", b"{}"))
    wanted = null_metadata(scorer)
    if not isinstance(found, dict) or {name: found.get(name) for name in wanted} != wanted:
        raise InputError(
            "is the null of another model, precision, tokenizer or table",
            file=path,
            remedy="Make one for this: variantformer null.",
        )
    return table.to_pandas()


def add_quantiles(table: "pd.DataFrame", null: "pd.DataFrame") -> "pd.DataFrame":
    """The table with ``quantile`` and ``null_size``.

    Among the effects of common variants on the same gene in the same tissue, background, zygosity and distance class,
    the share that is smaller in size, with the effect's sign; ties count half. None where the null has under 20.
    """
    keys = ["gene_id", "tissue", "background", "zygosity", "distance_class"]
    sizes = {key: np.sort(np.abs(group.to_numpy())) for key, group in null.groupby(keys)["effect"]}
    classes = distance_class(table["tss_distance"].to_numpy())
    quantiles, counts = np.full(len(table), np.nan), np.zeros(len(table), dtype=np.int64)
    columns = [table[name] for name in keys[:-1]]
    for row, (effect, kind, *key) in enumerate(zip(table["effect"], classes, *columns, strict=True)):
        of_null = sizes.get((*key, kind))
        if of_null is None:
            continue
        counts[row] = len(of_null)
        if len(of_null) >= LEAST_NULL and not np.isnan(effect):
            below, upto = (np.searchsorted(of_null, abs(effect), side=side) for side in ("left", "right"))
            quantiles[row] = np.sign(effect) * (below + upto) / 2 / len(of_null)
    return table.assign(quantile=quantiles, null_size=counts)


def _drawn(
    gene: Gene,
    finder: RegionFinder,
    file: CohortFile | VariantFiles,
    reference: ReferenceGenome,
    least_maf: float,
    per_class: int,
    rng: np.random.Generator,
    counts: Counter[str],
) -> dict[Variant, float]:
    """Common variants of a gene, as many as are wanted of each class, and their minor allele frequencies."""
    regions = finder.find(gene)
    normalizer = VariantNormalizer(reference)
    by_class: dict[str, dict[Variant, float]] = {name: {} for name in DISTANCE_CLASSES}
    for variant, maf in _common(file, finder.reach(gene), least_maf, counts):
        try:
            normal = normalizer(variant)
        except VariantError as error:
            counts[error.kind] += 1
            continue
        if overlap(normal, regions).label == "none":
            counts["outside"] += 1
        else:
            kind = str(distance_class(np.array([float(tss_distance(normal, gene))]))[0])
            by_class[kind][normal] = maf
    drawn: dict[Variant, float] = {}
    for variants in by_class.values():
        names = list(variants)
        chosen = rng.permutation(len(names))[:per_class]
        drawn.update({names[index]: variants[names[index]] for index in sorted(chosen.tolist())})
        counts["not_drawn"] += len(names) - len(chosen)
    counts["used"] += len(drawn)
    return drawn


def _common(
    file: CohortFile | VariantFiles, reach: Interval, least_maf: float, counts: Counter[str]
) -> Iterator[tuple[Variant, float]]:
    """Short variants of a stretch whose rarer allele is common enough; multi-allelic sites are counted only."""
    chrom = _contig_in(file, reach.chrom)
    if chrom is None:
        return
    for line in file.lines_within(chrom, reach.start, reach.end):
        fields = line.split("\t")
        ref, alt = fields[3], fields[4]
        frequency = _frequency(fields)
        if "," in alt:
            counts["multi_allelic"] += 1
        elif not set(ref + alt) <= set("ACGTacgt"):
            counts["alleles"] += 1
        elif abs(len(ref) - len(alt)) > _LONGEST_INDEL:
            counts["long_indel"] += 1
        elif frequency is None:
            counts["no_frequency"] += 1
        elif min(frequency, 1 - frequency) < least_maf:
            counts["rare"] += 1
        else:
            yield Variant(reach.chrom, int(fields[1]), ref, alt), min(frequency, 1 - frequency)


def _contig_in(file: CohortFile | VariantFiles, chrom: str) -> str | None:
    from ..genome.contigs import map_contigs

    return map_contigs([chrom], file.contigs, wanted_file="the genes", available_file=file.path, announce=False).get(
        chrom
    )


def _frequency(fields: Sequence[str]) -> float | None:
    """Frequency of ALT: of the genotypes where there are any, else of INFO AF; None where it is no number of 0 to 1."""
    alleles = [allele for call in fields[9:] for allele in call.split(":", 1)[0].replace("|", "/").split("/")]
    called = [allele for allele in alleles if allele in ("0", "1")]
    if called:
        return called.count("1") / len(called)
    for entry in fields[7].split(";"):
        name, _, value = entry.partition("=")
        if name == "AF":
            try:
                frequency = float(value)
            except ValueError:
                return None
            return frequency if 0 <= frequency <= 1 else None
    return None
