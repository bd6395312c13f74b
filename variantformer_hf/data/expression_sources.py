"""Expression files of cohorts, as they are downloaded, as one tidy stream: sample, donor, cohort, tissue, gene_id, tpm.

A reader gives a source: what is known of its samples at once, and its values gene by gene (or sample by sample) when
they are asked for, so that a matrix of any size is never held whole.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..genome.table_files import read_parquet, text_lines

if TYPE_CHECKING:
    import pandas as pd

EXPRESSION_SCHEMA = pa.schema(
    [
        ("sample", pa.string()),
        ("donor", pa.string()),
        ("cohort", pa.string()),
        ("tissue", pa.string()),
        ("gene_id", pa.string()),
        ("tpm", pa.float32()),
    ]
)
# GTEx names samples GTEX-DONOR-SITE-...: the donor is the first two parts.
_GTEX_DONOR_PARTS = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured sample.

    Attributes:
        sample, donor, tissue: names; the donor's is that in the VCF.
        rin: RNA integrity number; None = not given.
    """

    sample: str
    donor: str
    tissue: str
    rin: float | None = None


@dataclass(frozen=True)
class ExpressionSource:
    """One cohort's expression.

    Attributes:
        path: the file.
        cohort: its name.
        samples: in the file's order.
        values: gives (gene id or symbol, (samples,) float32 TPM) pairs; NaN = not measured. May be called again.
        left_out: samples of the file that are not in ``samples``, by reason.
        is_cell_line: whether the samples are cell lines, which quality thresholds of tissues leave alone.
        gene_names: ``gene_id`` or ``symbol``.
    """

    path: Path
    cohort: str
    samples: tuple[Sample, ...]
    values: Callable[[], Iterator[tuple[str, np.ndarray]]]
    left_out: Mapping[str, int]
    is_cell_line: bool = False
    gene_names: str = "gene_id"

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The source in the tidy schema, a batch a gene, values that were not measured left out."""
        columns = {
            "sample": np.array([each.sample for each in self.samples], dtype=object),
            "donor": np.array([each.donor for each in self.samples], dtype=object),
            "cohort": np.full(len(self.samples), self.cohort, dtype=object),
            "tissue": np.array([each.tissue for each in self.samples], dtype=object),
        }
        for gene, values in self.values():
            there = ~np.isnan(values)
            arrays = [pa.array(column[there], pa.string()) for column in columns.values()]
            arrays += [pa.array([gene] * int(there.sum()), pa.string()), pa.array(values[there], pa.float32())]
            yield pa.RecordBatch.from_arrays(arrays, schema=EXPRESSION_SCHEMA)


def read_gct(
    path: str | Path,
    attributes: str | Path | None = None,
    *,
    cohort: str = "GTEx",
    least_rin: float | None = 6.0,
    donor: str | None = None,
    tissue: str | None = None,
) -> ExpressionSource:
    """A GCT of gene TPM: GTEx's of all samples or of one tissue with the attributes, or RNA-SeQC's of one sample.

    Args:
        path: .gct or .gct.gz: two lines, then Name, Description and a column per sample; a column ``id`` before Name,
            as GTEx v8 has it in the files of one tissue, is passed over.
        attributes: TSV with SAMPID, SMTSD (the tissue) and SMRIN; None = the file has one sample, of ``donor`` and
            ``tissue``, which is called as the file is.
        cohort: name of the cohort.
        least_rin: samples need a greater RIN; those without one are left out. None = all. Without attributes there is
            none to ask for.
        donor, tissue: of a file without attributes.

    Raises:
        InputError: a file is damaged or lacks a column; a sample is there twice, or has no attributes.
    """
    path = Path(path)
    n_names, header = _gct_header(path)
    _check_once(header, path)
    if attributes is None:
        if len(header) != 1 or donor is None or tissue is None:
            raise InputError(
                f"has {len(header)} samples, and nothing says whose", file=path,
                remedy="Give the sample attributes, or the donor and the tissue of a file of one sample.",
            )  # fmt: skip
        samples, least_rin = [Sample(path.name.partition(".")[0], donor, tissue)], None
    else:
        known = _gtex_attributes(attributes)
        missing = [name for name in header if name not in known]
        if missing:
            raise InputError(
                f"{len(missing)} of {len(header)} samples are not in the attributes", file=path, record=missing[0],
                remedy=f"Give the attributes of the same release; {attributes} does not have them.",
            )  # fmt: skip
        samples = [known[name] for name in header]
    kept, left_out = _with_rin(samples, least_rin)
    columns = np.array(kept, dtype=np.int64)

    def values() -> Iterator[tuple[str, np.ndarray]]:
        for number, line in enumerate(text_lines(path), start=1):
            if number <= 3 or not line:
                continue
            fields = line.split("\t", n_names)
            name = fields[n_names - 2] if len(fields) > n_names - 2 else ""
            texts = fields[n_names].split("\t") if len(fields) > n_names else []
            if len(texts) != len(header):
                raise _broken_row(path, number, name, len(texts), len(header))
            try:
                row = np.array(texts, dtype=np.float32)
            except ValueError as error:
                raise InputError(
                    f"has a value that is no number ({error})", file=path, record=f"line {number} ({name})",
                    remedy="Give TPM; a value that was not measured as NaN.",
                ) from None  # fmt: skip
            yield name, row[columns]

    return ExpressionSource(path, cohort, tuple(samples[index] for index in kept), values, left_out)


def read_mage(
    counts: str | Path, lengths: str | Path, *, cohort: str = "MAGE", tissue: str = "lcl"
) -> ExpressionSource:
    """MAGE: pseudo-counts of lymphoblastoid lines, and effective lengths.

    TPM of gene g is (c_g / l_g) / sum(c / l) * 1e6, sample by sample.

    Args:
        counts: TSV, genes in rows, a column per sample.
        lengths: TSV of the same shape, effective lengths in bases; or two columns, gene and length.
        cohort, tissue: names.

    Raises:
        InputError: a file is damaged; genes or samples differ; a length that is not positive.
    """
    counts, lengths = Path(counts), Path(lengths)
    table = _matrix(counts)
    size = _matrix(lengths)
    unknown = [gene for gene in table.index if gene not in size.index]
    if unknown:
        raise InputError(
            f"has no length of {len(unknown)} genes", file=lengths, record=str(unknown[0]),
            remedy="Give the lengths that belong to these counts.",
        )  # fmt: skip
    size = size.loc[table.index]
    if size.shape[1] == 1:
        length = np.repeat(size.to_numpy(np.float64), table.shape[1], axis=1)
    else:
        absent = [name for name in table.columns if name not in size.columns]
        if absent:
            raise InputError("has no lengths of a sample", file=lengths, record=str(absent[0]))
        length = size[table.columns].to_numpy(np.float64)
    if not (length > 0).all():
        bad = str(table.index[np.flatnonzero(~(length > 0).all(axis=1))[0]])
        raise InputError("has a length that is not positive", file=lengths, record=bad, remedy="Correct it.")
    rate = table.to_numpy(np.float64) / length
    total = rate.sum(axis=0)
    if not (total > 0).all():
        empty = str(table.columns[np.flatnonzero(~(total > 0))[0]])
        raise InputError("has a sample without any count", file=counts, record=empty, remedy="Leave it out.")
    tpm = (rate / total * 1e6).astype(np.float32)
    samples = tuple(Sample(str(name), str(name), tissue) for name in table.columns)
    names = [str(name) for name in table.index]
    return ExpressionSource(counts, cohort, samples, lambda: iter(zip(names, tpm, strict=True)), {})


def read_encode(
    path: str | Path, *, donor: str, tissue: str, sample: str | None = None, cohort: str = "ENCODE"
) -> ExpressionSource:
    """ENCODE: gene quantification of one cell line, TSV with gene_id and TPM.

    Raises:
        InputError: the file is damaged or lacks a column.
    """
    path = Path(path)
    table = _tsv(path, ("gene_id", "TPM"))
    # Spike-ins and tRNAs of the file have no Ensembl id.
    table = table[table["gene_id"].str.startswith("ENSG")]
    values = _numbers(table["TPM"], path, "TPM")
    names = table["gene_id"].tolist()
    only = Sample(sample or path.name.partition(".")[0], donor, tissue)
    return ExpressionSource(
        path, cohort, (only,), lambda: iter(zip(names, values[:, None], strict=True)), {}, is_cell_line=True
    )


def read_microarray(
    path: str | Path,
    probes: str | Path,
    *,
    cohort: str,
    tissue: str,
    rin: Mapping[str, float] | None = None,
    least_rin: float | None = 6.0,
) -> ExpressionSource:
    """A microarray matrix: probes in rows, a column per sample; the result is on the array's scale, not TPM.

    A probe that names several genes counts for each. Probes whose median is under that of all values are left out. Of a
    gene's probes the median is taken; then samples are quantile-normalised. Its log1p, which every source gets, is the
    logarithm of the paper's recipe.

    Args:
        path: TSV or CSV.
        probes: table of probe and gene symbols (or ids), in the first two columns; several are separated by ``;``,
            ``|`` or ``/``.
        cohort, tissue: names.
        rin: sample -> RIN; None = not known, and not asked for.
        least_rin: as in :func:`read_gct`.

    Raises:
        InputError: a file is damaged; no probe has a gene.
    """
    path = Path(path)
    matrix = _matrix(path)
    everyone = [Sample(str(name), str(name), tissue, None if rin is None else rin.get(str(name)))
                for name in matrix.columns]  # fmt: skip
    kept, left_out = _with_rin(everyone, None if rin is None else least_rin)
    values = matrix.to_numpy(np.float64)[:, kept]
    rows_of: dict[str, list[int]] = {}
    places = {str(name): row for row, name in enumerate(matrix.index)}
    bright = np.nanmedian(values, axis=1) >= np.nanmedian(values)
    for probe, names in _probe_genes(probes):
        row = places.get(probe)
        if row is not None and bright[row]:
            for name in names:
                rows_of.setdefault(name, []).append(row)
    if not rows_of:
        raise InputError("names no gene of a probe that is bright enough", file=probes, remedy="Check its columns.")
    genes = list(rows_of)
    medians = np.stack([np.nanmedian(values[rows], axis=0) for rows in rows_of.values()])
    normal = quantile_normalized(medians).astype(np.float32)
    samples = tuple(everyone[index] for index in kept)
    return ExpressionSource(
        path, cohort, samples, lambda: iter(zip(genes, normal, strict=True)), left_out, gene_names="symbol"
    )


def quantile_normalized(values: np.ndarray) -> np.ndarray:
    """(genes, samples) with one distribution in all samples, the mean of the sorted columns; ties get their mean."""
    from scipy import stats

    target = np.sort(values, axis=0).mean(axis=1)
    ranks = np.apply_along_axis(stats.rankdata, 0, values) - 1
    low, high = np.floor(ranks).astype(int), np.ceil(ranks).astype(int)
    return (target[low] + target[high]) / 2


def read_tidy(path: str | Path, *, cohort: str | None = None) -> ExpressionSource:
    """A tidy CSV, TSV or Parquet: donor, tissue, gene_id, tpm; maybe sample and cohort.

    Without ``sample`` a sample is a donor's tissue.

    Raises:
        InputError: a column is missing; a value is no number; a sample has a gene twice.
    """
    path = Path(path)
    needed = ("donor", "tissue", "gene_id", "tpm")
    table = read_parquet(path, needed).to_pandas() if path.suffix == ".parquet" else _tsv(path, needed)
    if "sample" not in table.columns:
        table = table.assign(sample=table["donor"].astype(str) + "|" + table["tissue"].astype(str))
    table = table.assign(tpm=_numbers(table["tpm"], path, "tpm"))
    twice = table.duplicated(["sample", "gene_id"])
    if twice.any():
        first = table[twice].iloc[0]
        raise InputError(
            "has a gene twice in a sample", file=path, record=f"{first['sample']}, {first['gene_id']}",
            remedy="Keep one row of each.",
        )  # fmt: skip
    names = table.drop_duplicates("sample")
    several = table.groupby("sample")[["donor", "tissue"]].nunique().max(axis=1)
    if (several > 1).any():
        raise InputError(
            "has a sample of several donors or tissues", file=path, record=str(several.idxmax()),
            remedy="Give each its own name.",
        )  # fmt: skip
    samples = tuple(Sample(str(row.sample), str(row.donor), str(row.tissue)) for row in names.itertuples())
    place = {sample.sample: index for index, sample in enumerate(samples)}
    columns = table["sample"].astype(str).map(place).to_numpy()
    found = table["tpm"].to_numpy(np.float32)
    groups = table.groupby("gene_id", sort=False).indices

    def values() -> Iterator[tuple[str, np.ndarray]]:
        for gene, rows in groups.items():
            row = np.full(len(samples), np.nan, dtype=np.float32)
            row[columns[rows]] = found[rows]
            yield str(gene), row

    named = str(table["cohort"].iloc[0]) if "cohort" in table.columns and len(table) else path.name.partition(".")[0]
    return ExpressionSource(path, cohort or named, samples, values, {})


def read_anndata(path: str | Path, *, cohort: str | None = None, layer: str | None = None) -> ExpressionSource:
    """AnnData: observations are samples (obs: donor, tissue; maybe rin), variables genes, X (or a layer) TPM.

    Raises:
        InputError: the file cannot be read or lacks a column; anndata is not installed.
    """
    path = Path(path)
    try:
        import anndata
    except ImportError as error:
        raise InputError(
            "reading h5ad needs the package anndata",
            file=path,
            remedy="Install it: pip install 'variantformer-hf[h5ad]'.",
        ) from error
    try:
        data = anndata.read_h5ad(path, backed="r")
    except (OSError, KeyError) as error:
        raise InputError("cannot be read as h5ad", file=path) from error
    missing = [name for name in ("donor", "tissue") if name not in data.obs.columns]
    if missing:
        raise InputError(f"its obs has no column {', '.join(missing)}", file=path, remedy="Add it.")
    if layer is not None and layer not in data.layers:
        raise InputError(f"has no layer {layer}", file=path, remedy=f"It has {', '.join(data.layers) or 'none'}.")
    samples = tuple(
        Sample(str(name), str(row["donor"]), str(row["tissue"]), float(row["rin"]) if "rin" in row else None)
        for name, row in data.obs.iterrows()
    )
    _check_once([each.sample for each in samples], path)

    def values() -> Iterator[tuple[str, np.ndarray]]:
        matrix = data.X if layer is None else data.layers[layer]
        for first in range(0, data.n_vars, _GENES_AT_ONCE):
            part = matrix[:, first : first + _GENES_AT_ONCE]
            dense = np.asarray(part.todense() if hasattr(part, "todense") else part, dtype=np.float32)
            for column in range(dense.shape[1]):
                yield str(data.var_names[first + column]), dense[:, column]

    return ExpressionSource(path, cohort or path.stem, samples, values, {})


# Genes of an h5ad that are read at a time.
_GENES_AT_ONCE = 256


def _gtex_attributes(path: str | Path) -> dict[str, Sample]:
    table = _tsv(Path(path), ("SAMPID", "SMTSD", "SMRIN"))
    found: dict[str, Sample] = {}
    for name, tissue, rin in zip(table["SAMPID"], table["SMTSD"], table["SMRIN"], strict=True):
        donor = "-".join(str(name).split("-")[:_GTEX_DONOR_PARTS])
        known = None if rin in ("", "NA", None) or rin != rin else float(rin)  # noqa: PLR0124 -- NaN
        found[str(name)] = Sample(str(name), donor, str(tissue), known)
    return found


def _gct_header(path: Path) -> tuple[int, list[str]]:
    """How many columns of names stand before the samples', and the samples."""
    lines = text_lines(path)
    first, _, header = (next(lines, "") for _ in range(3))
    names = header.split("\t")
    before = 3 if names[0].lower() == "id" else 2
    if not first.startswith("#1.") or names[before - 2 : before] != ["Name", "Description"]:
        raise InputError("is no GCT", file=path, remedy="Give gene TPM as GTEx has it: #1.2, then sizes, then Name ...")
    return before, names[before:]


def _with_rin(samples: Sequence[Sample], least: float | None) -> tuple[list[int], dict[str, int]]:
    """Indices of the samples whose RNA is good enough, and how many are not."""
    if least is None:
        return list(range(len(samples))), {}
    kept = [index for index, each in enumerate(samples) if each.rin is not None and each.rin > least]
    unknown = sum(each.rin is None for each in samples)
    left_out = {f"RIN not above {least:g}": len(samples) - len(kept) - unknown, "RIN not given": unknown}
    return kept, {reason: count for reason, count in left_out.items() if count}


def _check_once(names: Iterable[str], path: Path) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError("has a sample twice", file=path, record=name, remedy="Keep one of them.")
        seen.add(name)


def _probe_genes(path: str | Path) -> Iterator[tuple[str, list[str]]]:
    lines = list(text_lines(path))
    delimiter = "\t" if lines and "\t" in lines[0] else ","
    for row in list(csv.reader(lines, delimiter=delimiter))[1:]:
        if len(row) >= 2:
            text = row[1].replace("|", ";").replace("/", ";")
            yield row[0].strip(), [name.strip() for name in text.split(";") if name.strip()]


def _matrix(path: Path) -> "pd.DataFrame":
    """A table of numbers, names in the first column and the header.

    Raises:
        InputError: it is none; a row or a column is there twice.
    """
    import pandas as pd

    lines = text_lines(path)
    header = next(lines, "")
    delimiter = "\t" if "\t" in header else ","
    try:
        table = pd.read_csv(path, sep=delimiter, index_col=0, comment="#")
        table = table.astype(np.float64)
    except (ValueError, pd.errors.ParserError, EOFError, OSError) as error:
        raise InputError("is no table of numbers with names in its first column", file=path) from error
    table.index, table.columns = table.index.astype(str), table.columns.astype(str)
    _check_once(table.columns, path)
    if table.index.has_duplicates:
        twice = str(table.index[table.index.duplicated()][0])
        raise InputError("has a row twice", file=path, record=twice, remedy="Keep one of them.")
    return table


def _tsv(path: Path, columns: Sequence[str]) -> "pd.DataFrame":
    """A table as text, with the named columns.

    Raises:
        InputError: it cannot be read, or lacks one.
    """
    import pandas as pd

    lines = text_lines(path)
    header = next(lines, "")
    delimiter = "\t" if "\t" in header else ","
    try:
        table = pd.read_csv(path, sep=delimiter, dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError, EOFError, OSError) as error:
        raise InputError("cannot be read as a table", file=path) from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(
            f"has no column {', '.join(missing)}; it has {', '.join(map(str, table.columns[:10]))}", file=path,
            remedy=f"Give a table with {', '.join(columns)}.",
        )  # fmt: skip
    return table


def _numbers(column: Any, path: Path, name: str) -> np.ndarray:
    import pandas as pd

    text = column.astype(str)
    values = pd.to_numeric(text, errors="coerce").to_numpy(np.float32)
    bad = np.isnan(values) & ~text.str.lower().isin(["", "nan", "na", "none", "<na>"]).to_numpy()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(f"{name} is {text.iloc[row]!r}, no number", file=path, record=f"row {row + 2}")
    if (values < 0).any():
        row = int(np.flatnonzero(values < 0)[0])
        raise InputError(f"{name} is negative", file=path, record=f"row {row + 2}", remedy="Give TPM, not logarithms.")
    return values


def _broken_row(path: Path, number: int, name: str, found: int, wanted: int) -> InputError:
    return InputError(
        f"has {found} values where the header has {wanted} samples", file=path, record=f"line {number} ({name})",
        remedy="Download it again.",
    )  # fmt: skip
