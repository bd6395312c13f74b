"""What effects common variants have: the scale on which one variant's effect is large or small."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..errors import InputError, check_number
from ..genome.cohort_files import Genotypes, GivenGenotypes, contents_of
from ..genome.cohort_rows import Reading
from ..genome.personal import PersonalGenome
from ..genome.provenance import content_of
from ..genome.reference import ReferenceGenome
from ..genome.variant import Variant
from ..genome.variant_files import open_files
from ..inference.parts import Parts, PartsInMemory, open_parts
from ..inference.query import RejectedQueryError, rejected_names
from ..work import InProcess, Unit, check_all_done, run_units, unit_of
from ..work.units import Engine
from ..zoo.statuses import WITH_NUMBER, check_finite
from .backgrounds import Background
from .common_variants import distance_class, drawn_variants
from .effects import VariantScorer, backgrounds_of, check_backgrounds_used, score_variants
from .genome_scorer import GenomeScorer

if TYPE_CHECKING:
    import pandas as pd

# Fewer effects than these give no quantile.
LEAST_NULL = 20
# Of a predictor's description, what effects and their null have in common.
_SHARED = ("precision", "companions")


def build_null(
    scorer: VariantScorer,
    panel: GivenGenotypes,
    backgrounds: "PersonalGenome | ReferenceGenome | Sequence[Background]",
    genes: Sequence[str],
    *,
    tissues: Sequence[str] | None = None,
    zygosity: Sequence[str] = ("het", "hom"),
    least_maf: float = 0.05,
    per_class: int = 50,
    min_probability: float = 0.9,
    seed: int = 0,
    allow_unused: bool = False,
    on_gene: Callable[[int, int], None] | None = None,
    records: Counter[str] | None = None,
    parts: str | Path | None = None,
    overwrite_parts: bool = False,
    engine: Engine | None = None,
) -> "pd.DataFrame":
    """Effects of common variants near genes, by their distance from the TSS.

    Args:
        scorer: the model.
        panel: a VCF or BCF of many people, or of sites with INFO ``AF``, indexed; one file or several, as for
            ``PersonalGenome``.
        backgrounds: the genome to look in, or several backgrounds.
        genes: names.
        tissues, zygosity: as for ``VariantScorer.run``.
        least_maf: lowest minor allele frequency in the panel.
        per_class: most variants of a gene in a distance class; more are drawn from.
        seed: of the draw; what is drawn of a gene does not depend on the others.
        allow_unused: go on where nothing of a background's file was used in any gene, instead of stopping.
        on_gene: called with (done, total).
        records: is added to: records of the panel in the regions of the genes, a gene's at a time, by what became of
            them: ``used``, ``not_drawn`` (more than per_class), ``rare``, ``outside`` of the windows and cCREs, and why
            others cannot be used.
        parts: folder for genes that are done while the run goes on; the same run started again goes on with the rest.
            It stays until ``remove_parts``; None = memory only.
        overwrite_parts: remove the parts of another run instead of refusing them.
        engine: where genes are scored, a gene a unit; None = one after the other in this process.

    Returns:
        gene_id, tissue, background, zygosity, distance_class, variant, maf, effect.

    Raises:
        RejectedQueryError: a gene that the model does not have.
        InputError: no common variant lies in any of the genes' regions; a number out of its range; genes could not be
            scored, while the others were, and are kept.
    """
    import pandas as pd

    check_number("the lowest minor allele frequency", least_maf, 0, 0.5)
    check_number("the number of variants per class", per_class, 1)
    check_number("the seed", seed, 0)
    backgrounds = backgrounds_of(backgrounds, scorer.model.modes[0])
    opened = scorer.open(backgrounds[0].genome.reference)
    found, rejected = scorer.model.gene_table.resolve(genes)
    if rejected:
        raise RejectedQueryError(rejected_names("gene", rejected))
    counts: Counter[str] = Counter() if records is None else records
    file = open_files(panel, reading=Reading(opened.opened.reference, min_probability))
    file.close()
    request = NullRequest(tissues, tuple(zygosity), least_maf, per_class, seed, min_probability)
    folder = open_parts(parts, _description(opened, file.path, backgrounds, request), overwrite=overwrite_parts)
    units = [unit_of("gene", gene, gene.gene_id) for gene in dict.fromkeys(found)]
    job = NullJob(opened, panel, tuple(backgrounds), request, folder)
    engine = engine or InProcess()
    failed = run_units(job, units, is_done=lambda unit: folder.holds(unit.name), engine=engine, on_unit=on_gene)
    check_all_done(failed, len(units))
    tables = [folder.read_one(unit.name) for unit in units]
    told = [json.loads(table.schema.metadata[_TOLD]) for table in tables]
    for of_gene in told:
        counts.update(of_gene["records"])
    if not any(each["records"].get("used") for each in told):
        raise InputError(
            f"has no variant with a frequency of {least_maf} or more in the regions of these genes",
            file=file.path,
            remedy="Give a panel of that genome with INFO AF, or with many samples; or lower --min-maf.",
        )
    endings = pd.DataFrame([row for each in told for row in each["endings"]], columns=list(_ENDINGS))
    check_backgrounds_used(endings, backgrounds, allow_unused=allow_unused)
    return pa.concat_tables(tables).replace_schema_metadata().to_pandas()


@dataclass(frozen=True, slots=True)
class NullRequest:
    """What is scored of each gene; attributes as of :func:`build_null`."""

    tissues: Sequence[str] | None
    zygosity: tuple[str, ...]
    least_maf: float
    per_class: int
    seed: int
    min_probability: float


@dataclass(frozen=True)
class NullJob:
    """A null as a job; a unit is a gene.

    Attributes:
        scorer, panel, backgrounds, request: see :func:`build_null`.
        parts: where the genes' rows are written.
    """

    scorer: GenomeScorer
    panel: GivenGenotypes
    backgrounds: tuple[Background, ...]
    request: NullRequest
    parts: Parts | PartsInMemory

    def open(self) -> "NullWorker":
        """Open the panel."""
        return NullWorker(self)


class NullWorker:
    """Scores the common variants near a gene at a time."""

    def __init__(self, job: NullJob) -> None:
        self._job = job
        self._file = open_files(job.panel, reading=Reading(job.scorer.opened.reference, job.request.min_probability))

    def do(self, unit: Unit) -> None:
        """Score those of a gene, and write them, with what became of the panel's records and of the gene."""
        job, gene, asked = self._job, unit.content, self._job.request
        opened, counts = job.scorer.opened, Counter[str]()
        rng = np.random.default_rng([asked.seed, *gene.gene_id.encode()])
        drawn = drawn_variants(
            gene, opened.finder, self._file, opened.reference, asked.least_maf, asked.per_class, rng, counts
        )
        rows, endings = _NO_ROWS.to_pandas(), []
        if drawn:
            table = score_variants(
                job.scorer,
                list(drawn),
                job.backgrounds,
                genes=[gene.gene_id],
                tissues=asked.tissues,
                zygosity=asked.zygosity,
                allow_unused=True,
            ).table
            endings = table.drop_duplicates(["gene_id", "background"])[list(_ENDINGS)].fillna("").to_numpy().tolist()
            check_finite(table["gene_name"], table["status"])
            table = table[table["status"].isin(WITH_NUMBER)]
            rows = table.assign(
                distance_class=distance_class(table["tss_distance"].to_numpy()),
                maf=[drawn[Variant.parse(name)] for name in table["variant"]],
            )
        told = {"records": counts, "endings": endings}
        part = pa.Table.from_pandas(rows[list(NULL_COLUMNS)], _NO_ROWS.schema, preserve_index=False)
        job.parts.write_part(unit.name, part.replace_schema_metadata({_TOLD: json.dumps(told)}))

    def close(self) -> None:
        """Close the panel."""
        self._file.close()


def _description(
    scorer: GenomeScorer, panel: Genotypes, backgrounds: Sequence[Background], request: NullRequest
) -> dict[str, Any]:
    """All that the effects of a run depend on."""
    return {
        **scorer.model.description(),
        "fasta": content_of(scorer.opened.reference.path),
        "panel": contents_of(panel),
        "backgrounds": [each.description() for each in backgrounds],
        **asdict(request),
    }


NULL_COLUMNS = ("gene_id", "tissue", "background", "zygosity", "distance_class", "variant", "maf", "effect")
_NO_ROWS = pa.table(
    {
        name: pa.array([], pa.float64() if name == "maf" else pa.float32() if name == "effect" else pa.string())
        for name in NULL_COLUMNS
    }
)
# Columns of what became of a gene in a background; metadata of a part that holds them and counts of records.
_ENDINGS = ("gene_id", "background", "status", "reason")
_TOLD = b"told"


def null_metadata(scorer: VariantScorer) -> dict[str, Any]:
    """What a null must share with the effects that are held against it."""
    described = scorer.model.description()
    shared = {name: described[name] for name in (*_SHARED, *scorer.model.settings())}
    return {"model_sha256": scorer.model.identity.sha256, **shared}


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
