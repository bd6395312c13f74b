"""Several cohorts' expression as one table of training values: the model's genes and tissues, log1p TPM.

Two passes, neither of which holds a matrix: the first maps genes and tissues and counts, the second filters by what was
counted. Every value that is not kept is counted, with the reason.
"""

import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError, unreadable
from ..genome.genes import GeneTable
from ..zoo.outputs import TissueNames
from .expression_sources import ExpressionSource

logger = logging.getLogger(__name__)

VALUES_SCHEMA = pa.schema(
    [
        ("sample", pa.int32()),
        ("gene", pa.int32()),
        ("log1p_tpm", pa.float32()),
    ]
)
LEAST_NONZERO = 20
NONCODING_PERCENTILE = 10.0
_CODING = "protein_coding"
_ROWS_IN_A_GROUP = 1 << 20


@dataclass(frozen=True)
class Expression:
    """Training values of several cohorts; those of a large one stay on disk.

    Attributes:
        samples: sample, donor, cohort, tissue (the model's name), is_cell_line, a row each.
        genes: ids of the gene table's genes, in its order.
        sample, gene: (N,) int32, of each value: row of ``samples``, place in ``genes``.
        log1p_tpm: (N,) float32, greater than 0.
        report: what was read and dropped, by cohort and reason.
    """

    samples: pa.Table
    genes: tuple[str, ...]
    sample: np.ndarray
    gene: np.ndarray
    log1p_tpm: np.ndarray
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def donors(self) -> list[str]:
        """Names of the donors, each once, in the order of the samples."""
        return list(dict.fromkeys(self.samples["donor"].to_pylist()))

    def __len__(self) -> int:
        return len(self.log1p_tpm)

    @classmethod
    def load(cls, folder: str | Path) -> "Expression":
        """What :func:`harmonize` wrote; the values stay on disk.

        Raises:
            InputError: the folder is not one, or was not finished.
        """
        folder = Path(folder)
        try:
            content = json.loads((folder / _CONTENT).read_text())
            samples = pq.read_table(folder / "samples.parquet")
            columns = {
                name: np.memmap(folder / f"{name}.bin", dtype, "r", shape=(content["report"]["values"],))
                for name, dtype in _COLUMNS.items()
            }
        except PermissionError as error:
            raise unreadable(folder, error) from None
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                "is no prepared expression, or was not finished", file=folder, remedy="Prepare it again."
            ) from error
        return cls(samples, tuple(content["genes"]), report=content["report"], **columns)


_CONTENT = "expression.json"
_COLUMNS = {"sample": np.int32, "gene": np.int32, "log1p_tpm": np.float32}


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
    mean over those that measured it, on the scale that is stored, log1p TPM, zeros among them.

    Then, in this order: genes that the table does not have (stable Ensembl id, version ignored), genes that a source
    has twice (all but the first), zeros, genes with fewer than ``least_nonzero`` values above 0 in all sources
    together, and of non-coding genes the values under the percentile of their tissue's values above 0 (of non-coding
    genes; cell lines are left alone).

    Args:
        sources: the cohorts.
        gene_table: the model's genes.
        tissues: the model's tissues.
        output: folder for the result; made, and may not hold another.
        least_nonzero, noncoding_percentile: see above.

    Raises:
        InputError: a tissue that the model does not have, a sample in two sources, nothing is left; a taken folder.
    """
    output = Path(output)
    if (output / _CONTENT).exists():
        raise InputError("already holds prepared expression", file=output, remedy="Name another folder.")
    output.mkdir(parents=True, exist_ok=True)
    tissue_of = _tissues(sources, tissues)
    _check_samples(sources)
    replicates = _Replicates(_samples_kept(sources, tissue_of))
    finder = _GeneFinder(gene_table)
    coding = np.array([gene.gene_type in (None, _CODING) for gene in gene_table.genes])
    counts = np.zeros(len(gene_table), dtype=np.int64)
    report: dict[str, Any] = {"cohorts": {}}
    first_sample = np.cumsum([0, *(len(source.samples) for source in sources)])
    with tempfile.TemporaryDirectory(prefix="variantformer-") as name:
        folder = Path(name)
        noncoding = _TissueValues(folder)

        def taken(number: int, measured: Iterator[_Mapped], dropped: Counter[str], file: Path) -> None:
            """Count values above 0 and write them for the second pass."""
            first, source = int(first_sample[number]), sources[number]
            names = [tissue_of[source.cohort, each.tissue] for each in source.samples]
            with pq.ParquetWriter(file, VALUES_SCHEMA, compression="zstd") as writer:
                for of_gene in measured:
                    batch = of_gene.chosen(of_gene.values > 0)
                    dropped["zero"] += len(of_gene.values) - len(batch.values)
                    counts[batch.gene] += len(batch.values)
                    if not coding[batch.gene] and not source.is_cell_line:
                        noncoding.add([names[at] for at in batch.samples - first], batch.values)
                    writer.write_table(batch.table())

        dropped_of: list[Counter[str]] = [Counter() for _ in sources]
        for number, source in enumerate(sources):
            measured = _mapped(source, finder, int(first_sample[number]), dropped_of[number])
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
                "%d samples are replicates of others, of one donor and tissue: the mean of their log1p TPM is taken",
                replicates.n_fewer_samples,
            )
        thresholds = noncoding.percentiles(noncoding_percentile)
        n_values = _filtered(
            sources,
            folder,
            output,
            counts,
            least_nonzero,
            coding,
            thresholds,
            tissue_of,
            first_sample,
            replicates,
            report,
        )
    if not n_values:
        raise InputError(
            "no value is left to train on", file=sources[0].path if sources else None,
            remedy=f"See what was dropped: {report['cohorts']}.",
        )  # fmt: skip
    report |= {
        "values": n_values,
        "genes_with_few_values": int(((counts > 0) & (counts < least_nonzero)).sum()),
        "noncoding_thresholds": {name: float(value) for name, value in thresholds.items()},
    }
    samples = _sample_table(sources, tissue_of).filter(pa.array(replicates.is_kept))
    pq.write_table(samples, output / "samples.parquet")
    content = {"genes": [gene.gene_id for gene in gene_table.genes], "report": report}
    partial = output / f".{_CONTENT}.partial"
    partial.write_text(json.dumps(content, indent=2))
    partial.replace(output / _CONTENT)
    return Expression.load(output)


def _filtered(
    sources: Sequence[ExpressionSource],
    folder: Path,
    output: Path,
    counts: np.ndarray,
    least_nonzero: int,
    coding: np.ndarray,
    thresholds: Mapping[str, float],
    tissue_of: Mapping[tuple[str, str], str],
    first_sample: np.ndarray,
    replicates: "_Replicates",
    report: dict[str, Any],
) -> int:
    """The second pass: values that are kept go to files; how many there are."""
    n_values, kept_of_gene = 0, np.zeros(len(counts), dtype=np.int64)
    with ExitStack() as stack:
        files = {name: stack.enter_context((output / f"{name}.bin").open("wb")) for name in _COLUMNS}
        for number, source in enumerate(sources):
            floor = np.array(
                [0.0 if source.is_cell_line else thresholds.get(tissue_of[source.cohort, each.tissue], 0.0)
                 for each in source.samples], dtype=np.float32,
            )  # fmt: skip
            entry = report["cohorts"][_name(sources, source)]
            dropped, before = Counter(entry["values_dropped"]), n_values
            files_of = [folder / f"{number}.parquet", folder / f"{number}.replicates.parquet"]
            for batch in chain.from_iterable(pq.ParquetFile(file).iter_batches(_ROWS_IN_A_GROUP) for file in files_of):
                sample, gene = batch["sample"].to_numpy(), batch["gene"].to_numpy()
                values = batch["log1p_tpm"].to_numpy()
                few = counts[gene] < least_nonzero
                low = ~few & ~coding[gene] & (values < np.log1p(floor[sample - first_sample[number]]))
                keep = ~(few | low)
                dropped["gene with few values"] += int(few.sum())
                dropped["non-coding, low for its tissue"] += int(low.sum())
                for name, column in zip(files, (replicates.row_of[sample], gene, values), strict=True):
                    column[keep].astype(_COLUMNS[name]).tofile(files[name])
                kept_of_gene += np.bincount(gene[keep], minlength=len(counts))
                n_values += int(keep.sum())
            entry["values_dropped"] = {name: count for name, count in dropped.items() if count}
            entry["values"] = n_values - before
    report["genes"] = int((kept_of_gene > 0).sum())
    return n_values


@dataclass(frozen=True, slots=True)
class _Mapped:
    """Values of one gene: its row in the table, samples (numbered over all sources), TPM."""

    gene: int
    samples: np.ndarray
    values: np.ndarray

    def chosen(self, which: np.ndarray) -> "_Mapped":
        return _Mapped(self.gene, self.samples[which], self.values[which])

    def table(self) -> pa.Table:
        return pa.table(
            {
                "sample": self.samples.astype(np.int32),
                "gene": np.full(len(self.samples), self.gene, dtype=np.int32),
                "log1p_tpm": np.log1p(self.values),
            },
            schema=VALUES_SCHEMA,
        )


def _mapped(source: ExpressionSource, finder: "_GeneFinder", first: int, dropped: Counter[str]) -> Iterator[_Mapped]:
    seen: set[int] = set()
    for name, values in source.values():
        gene = finder.find(name, source.gene_names)
        if gene is None:
            dropped["gene not in the table"] += int((~np.isnan(values)).sum())
            continue
        if gene in seen:
            dropped["gene twice in the file"] += int((~np.isnan(values)).sum())
            continue
        seen.add(gene)
        if (values < 0).any() or np.isinf(values).any():
            problem = "has an infinite value" if np.isinf(values).any() else "has a negative value"
            raise InputError(problem, file=source.path, record=name, remedy="Give TPM, not logarithms.")
        there = ~np.isnan(values)
        dropped["not measured"] += int((~there).sum())
        yield _Mapped(gene, np.flatnonzero(there) + first, values[there].astype(np.float32))


class _Replicates:
    """Samples of one donor and tissue: their values are held back until all files are read, and averaged.

    Args:
        kept_as: (S,) of each sample, numbered over all sources, the one that it becomes: itself, where it is the only
            one or the first of its donor and tissue.
    """

    def __init__(self, kept_as: np.ndarray) -> None:
        self._kept_as = kept_as
        self._is_replicated = np.bincount(kept_as, minlength=len(kept_as))[kept_as] > 1
        self._held: dict[int, list[_Mapped]] = {}
        self.is_kept: np.ndarray = kept_as == np.arange(len(kept_as))
        self.row_of: np.ndarray = np.cumsum(self.is_kept) - 1
        self.n_fewer_samples = int((~self.is_kept).sum())

    def held_back(self, batch: _Mapped) -> _Mapped:
        """What of a gene's values is of samples without replicates; the others are kept here."""
        replicated = self._is_replicated[batch.samples]
        if replicated.any():
            self._held.setdefault(batch.gene, []).append(batch.chosen(replicated))
        return batch.chosen(~replicated)

    def averaged(self, first: int, last: int) -> Iterator[_Mapped]:
        """Gene by gene the means of samples that become one of ``first`` to ``last``."""
        for gene in sorted(self._held):
            samples = self._kept_as[np.concatenate([batch.samples for batch in self._held[gene]])]
            values = np.log1p(np.concatenate([batch.values for batch in self._held[gene]]).astype(np.float64))
            found, place, n = np.unique(samples, return_inverse=True, return_counts=True)
            means = np.expm1(np.bincount(place, weights=values) / n).astype(np.float32)
            yield _Mapped(gene, found, means).chosen((found >= first) & (found < last))

    def summary(self, first: int, last: int) -> tuple[int, int, int]:
        """Replicates that become samples of ``first`` to ``last``, how many these are, and how many fewer values."""
        mine = self._is_replicated & (self._kept_as >= first) & (self._kept_as < last)
        values = [batch.samples[mine[batch.samples]] for batches in self._held.values() for batch in batches]
        n_values = sum(map(len, values))
        n_means = sum(len(batch.samples) for batch in self.averaged(first, last))
        return int(mine.sum()), int((mine & self.is_kept).sum()), n_values - n_means


def _samples_kept(sources: Sequence[ExpressionSource], tissue_of: Mapping[tuple[str, str], str]) -> np.ndarray:
    """(S,) of each sample, numbered over all sources, the first one of its cohort, donor and tissue."""
    first: dict[tuple[str, str, str], int] = {}
    keys = [(source.cohort, each.donor, tissue_of[source.cohort, each.tissue])
            for source in sources for each in source.samples]  # fmt: skip
    return np.array([first.setdefault(key, number) for number, key in enumerate(keys)], dtype=np.int64)


class _GeneFinder:
    """Rows of the gene table by stable id or symbol."""

    def __init__(self, table: GeneTable) -> None:
        self._of_id = {gene.gene_id.split(".")[0]: row for row, gene in enumerate(table.genes)}
        names = Counter(gene.gene_name for gene in table.genes)
        # A symbol of several genes is none's.
        self._of_name = {gene.gene_name: row for row, gene in enumerate(table.genes) if names[gene.gene_name] == 1}

    def find(self, name: str, kind: str) -> int | None:
        """Row of a gene; None = the table does not have it."""
        found = self._of_id.get(name.split(".", maxsplit=1)[0])
        return self._of_name.get(name) if found is None and kind == "symbol" else found


class _TissueValues:
    """Values of tissues on disk, for exact percentiles of more than memory holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: dict[str, Path] = {}

    def add(self, tissues: Sequence[str], values: np.ndarray) -> None:
        """Keep values of samples of some tissues."""
        names = np.asarray(tissues, dtype=object)
        for name in dict.fromkeys(tissues):
            path = self._paths.setdefault(name, self._folder / f"tissue-{len(self._paths)}.f32")
            with path.open("ab") as file:
                values[names == name].astype(np.float32).tofile(file)

    def percentiles(self, percentile: float) -> dict[str, float]:
        """The percentile of each tissue's values."""
        return {
            name: float(np.percentile(np.fromfile(path, dtype=np.float32), percentile))
            for name, path in self._paths.items()
        }


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
                    f"has the tissue {name!r}, which the model does not have", file=source.path,
                    remedy=f"Rename it, leave its samples out, or add it to the model (add_tissue).{near}",
                )  # fmt: skip
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
                    f"has a sample that {seen[key]} has too", file=source.path, record=each.sample,
                    remedy="Give each file once, or its cohort another name.",
                )  # fmt: skip
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
