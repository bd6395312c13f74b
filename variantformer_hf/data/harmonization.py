"""Several cohorts' expression as one table of training values: the model's genes and tissues, on one scale.

Two passes, neither of which holds a matrix: the first maps genes and tissues and counts, the second filters by what was
counted. Every value that is not kept is counted, with the reason.
"""

import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError
from ..genome.genes import GeneTable
from ..zoo.outputs import TissueNames
from ..zoo.units import LOG1P_TPM, unit_named
from .expression import COLUMNS, CONTENT, Expression
from .expression_sources import ExpressionSource
from .gene_values import VALUES_SCHEMA, GeneFinder, GeneValues, TissueValues, map_genes
from .replicates import Replicates, samples_kept

logger = logging.getLogger(__name__)

LEAST_NONZERO = 20
NONCODING_PERCENTILE = 10.0
_CODING = "protein_coding"
_ROWS_IN_A_GROUP = 1 << 20


def harmonize(
    sources: Sequence[ExpressionSource],
    gene_table: GeneTable,
    tissues: TissueNames,
    output: str | Path,
    *,
    least_nonzero: int = LEAST_NONZERO,
    noncoding_percentile: float = NONCODING_PERCENTILE,
) -> Expression:
    """Bring sources to the model's genes and tissues, and drop what is not trained on.

    Replicates, samples of one donor and tissue of a cohort, become one sample, called as the first: of each gene the
    mean over those that measured it, on the scale that is stored, zeros among them.

    Then, in this order: genes that the table does not have (stable Ensembl id, version ignored), genes that a source
    has twice (all but the first); and of TPM zeros, genes with fewer than ``least_nonzero`` values above 0 in all
    sources together, and of non-coding genes the values under the percentile of their tissue's values above 0 (of
    non-coding genes; cell lines are left alone). TPM is stored as log1p TPM; values of another scale, such as z-scores,
    are stored as they are, and none is left out for its size.

    Args:
        sources: the cohorts, all of one scale.
        gene_table: the model's genes.
        tissues: the model's tissues.
        output: folder for the result; made, and may not hold another.
        least_nonzero, noncoding_percentile: see above.

    Raises:
        InputError: sources of two scales, a tissue that the model does not have, a sample in two sources, nothing is
            left; a taken folder.
    """
    scale, is_tpm = _scale(sources)
    fewest = least_nonzero if is_tpm else 0
    output = Path(output)
    if (output / CONTENT).exists():
        raise InputError("already holds prepared expression", file=output, remedy="Name another folder.")
    output.mkdir(parents=True, exist_ok=True)
    tissue_of = _tissues(sources, tissues)
    _check_samples(sources)
    replicates = Replicates(samples_kept(sources, tissue_of), is_tpm)
    finder = GeneFinder(gene_table)
    coding = np.array([gene.gene_type in (None, _CODING) for gene in gene_table.genes])
    counts = np.zeros(len(gene_table), dtype=np.int64)
    report: dict[str, Any] = {"cohorts": {}}
    first_sample = np.cumsum([0, *(len(source.samples) for source in sources)])
    with tempfile.TemporaryDirectory(prefix="variantformer-") as name:
        folder = Path(name)
        noncoding = TissueValues(folder)

        def taken(number: int, measured: Iterator[GeneValues], dropped: Counter[str], file: Path) -> None:
            """Count values, of TPM those above 0, and write them for the second pass."""
            first, source = int(first_sample[number]), sources[number]
            names = [tissue_of[source.cohort, each.tissue] for each in source.samples]
            with pq.ParquetWriter(file, VALUES_SCHEMA, compression="zstd") as writer:
                for of_gene in measured:
                    batch = of_gene.chosen(of_gene.values > 0) if is_tpm else of_gene
                    dropped["zero"] += len(of_gene.values) - len(batch.values)
                    counts[batch.gene] += len(batch.values)
                    if is_tpm and not coding[batch.gene] and not source.is_cell_line:
                        noncoding.add([names[at] for at in batch.samples - first], batch.values)
                    writer.write_table(batch.table(is_tpm))

        dropped_of: list[Counter[str]] = [Counter() for _ in sources]
        for number, source in enumerate(sources):
            measured = map_genes(source, finder, int(first_sample[number]), dropped_of[number])
            taken(number, map(replicates.held_back, measured), dropped_of[number], folder / f"{number}.parquet")
        for number, source in enumerate(sources):
            dropped, bounds = dropped_of[number], (int(first_sample[number]), int(first_sample[number + 1]))
            n_samples, n_averaged, n_fewer = replicates.summary(*bounds)
            dropped["averaged with a replicate"] += n_fewer
            taken(number, replicates.averaged(*bounds), dropped, folder / f"{number}.replicates.parquet")
            report["cohorts"][_name(sources, source)] = {
                "file": source.path.name,
                "samples": len(source.samples),
                "samples_left_out": dict(source.left_out),
                "replicates": {"samples": n_samples, "become": n_averaged},
                "values_dropped": dict(dropped),
            }
        if replicates.n_fewer_samples:
            logger.warning(
                "%d samples are replicates of others, of one donor and tissue: the mean of their %s is taken",
                replicates.n_fewer_samples,
                unit_named(scale).label,
            )
        thresholds = noncoding.percentiles(noncoding_percentile)
        n_values = _filtered(
            sources,
            folder,
            output,
            counts,
            fewest,
            coding,
            thresholds,
            tissue_of,
            first_sample,
            replicates,
            report,
        )
    if not n_values:
        raise InputError(
            "no value is left to train on",
            file=sources[0].path if sources else None,
            remedy=f"See what was dropped: {report['cohorts']}.",
        )
    report |= {
        "values": n_values,
        "genes_with_few_values": int(((counts > 0) & (counts < fewest)).sum()),
        "noncoding_thresholds": {name: float(value) for name, value in thresholds.items()},
    }
    samples = _sample_table(sources, tissue_of).filter(pa.array(replicates.is_kept))
    pq.write_table(samples, output / "samples.parquet")
    content = {"genes": [gene.gene_id for gene in gene_table.genes], "scale": scale, "report": report}
    partial = output / f".{CONTENT}.partial"
    partial.write_text(json.dumps(content, indent=2))
    partial.replace(output / CONTENT)
    return Expression.load(output)


def _filtered(
    sources: Sequence[ExpressionSource],
    folder: Path,
    output: Path,
    counts: np.ndarray,
    fewest: int,
    coding: np.ndarray,
    thresholds: Mapping[str, float],
    tissue_of: Mapping[tuple[str, str], str],
    first_sample: np.ndarray,
    replicates: Replicates,
    report: dict[str, Any],
) -> int:
    """The second pass: values that are kept go to files; how many there are."""
    n_values, kept_of_gene = 0, np.zeros(len(counts), dtype=np.int64)
    with ExitStack() as stack:
        files = {name: stack.enter_context((output / f"{name}.bin").open("wb")) for name in COLUMNS}
        for number, source in enumerate(sources):
            floor = np.array(
                [
                    0.0 if source.is_cell_line else thresholds.get(tissue_of[source.cohort, each.tissue], 0.0)
                    for each in source.samples
                ],
                dtype=np.float32,
            )
            entry = report["cohorts"][_name(sources, source)]
            dropped, before = Counter(entry["values_dropped"]), n_values
            files_of = [folder / f"{number}.parquet", folder / f"{number}.replicates.parquet"]
            for batch in chain.from_iterable(pq.ParquetFile(file).iter_batches(_ROWS_IN_A_GROUP) for file in files_of):
                sample, gene = batch["sample"].to_numpy(), batch["gene"].to_numpy()
                values = batch["value"].to_numpy()
                few = counts[gene] < fewest
                low = np.zeros_like(few)
                if thresholds:  # which only TPM has
                    low = ~few & ~coding[gene] & (values < np.log1p(floor[sample - first_sample[number]]))
                keep = ~(few | low)
                dropped["gene with few values"] += int(few.sum())
                dropped["non-coding, low for its tissue"] += int(low.sum())
                for name, column in zip(files, (replicates.row_of[sample], gene, values), strict=True):
                    column[keep].astype(COLUMNS[name]).tofile(files[name])
                kept_of_gene += np.bincount(gene[keep], minlength=len(counts))
                n_values += int(keep.sum())
            entry["values_dropped"] = {name: count for name, count in dropped.items() if count}
            entry["values"] = n_values - before
    report["genes"] = int((kept_of_gene > 0).sum())
    return n_values


def _scale(sources: Sequence[ExpressionSource]) -> tuple[str, bool]:
    """The scale of all sources, and whether their values are TPM.

    Raises:
        InputError: they have two.
    """
    for source in sources:
        if source.scale != sources[0].scale:
            raise InputError(
                f"its values are {source.scale}, and those of {sources[0].path} are {sources[0].scale}",
                file=source.path,
                remedy="Prepare each scale by itself.",
            )
    return (sources[0].scale, sources[0].is_tpm) if sources else (LOG1P_TPM.name, True)


def _tissues(sources: Sequence[ExpressionSource], known: TissueNames) -> dict[tuple[str, str], str]:
    """(cohort, tissue as the file has it) -> the model's name.

    Raises:
        InputError: the model does not have one.
    """
    found: dict[tuple[str, str], str] = {}
    for source in sources:
        for name in dict.fromkeys(each.tissue for each in source.samples):
            tissues, rejected = known.resolve([name])
            if rejected:
                entry = rejected[0]
                near = f" It has {', '.join(entry.suggestions[:3])}." if entry.suggestions else ""
                raise InputError(
                    f"has the tissue {name!r}, which the model does not have",
                    file=source.path,
                    remedy=f"Rename it, leave its samples out, or add it to the model (add_tissue).{near}",
                )
            found[source.cohort, name] = tissues[0].name
    return found


def _name(sources: Sequence[ExpressionSource], source: ExpressionSource) -> str:
    """A source's name in the report: its cohort, and the file where the cohort has several."""
    several = sum(each.cohort == source.cohort for each in sources) > 1
    return f"{source.cohort} ({source.path.name})" if several else source.cohort


def _check_samples(sources: Sequence[ExpressionSource]) -> None:
    seen: dict[tuple[str, str], Path] = {}
    for source in sources:
        for each in source.samples:
            key = source.cohort, each.sample
            if key in seen:
                raise InputError(
                    f"has a sample that {seen[key]} has too",
                    file=source.path,
                    record=each.sample,
                    remedy="Give each file once, or its cohort another name.",
                )
            seen[key] = source.path


def _sample_table(sources: Sequence[ExpressionSource], tissue_of: Mapping[tuple[str, str], str]) -> pa.Table:
    rows = [
        {
            "sample": each.sample,
            "donor": each.donor,
            "cohort": source.cohort,
            "tissue": tissue_of[source.cohort, each.tissue],
            "is_cell_line": source.is_cell_line,
        }
        for source in sources
        for each in source.samples
    ]
    return pa.Table.from_pylist(rows)
