"""A run's predictions in the layouts that users' next tools read."""

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import STDOUT, whole_file
from ..genome.table_files import write_parquet_pieces
from ..zoo.units import LOG1P_TPM, Unit

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FORMATS = ("tidy", "wide", "h5ad", "predixcan")
_TABLE_SUFFIXES = (".parquet", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
# How tables are written as text.
_TEXT: dict[str, Any] = {"index": False, "na_rep": "NA", "float_format": "%.7g"}


def check_format(path: Path, layout: str) -> None:
    """Refuse a layout and a suffix that do not go together.

    Raises:
        InputError: unknown layout, or a suffix that it cannot be written to; h5ad without anndata. A table may go to
            ``-``, stdout.
    """
    if layout not in FORMATS:
        raise InputError(f"there is no format {layout!r}", remedy=f"Choose one of {', '.join(FORMATS)}.")
    allowed = {"h5ad": (".h5ad",), "predixcan": (".txt", ".txt.gz")}.get(layout, _TABLE_SUFFIXES)
    if path == STDOUT and layout in ("tidy", "wide"):
        return
    if not path.name.endswith(allowed):
        raise InputError(
            f"the format {layout} is not written to such a file",
            file=path,
            remedy=f"End the name in {' or '.join(allowed)}.",
        )
    if layout == "h5ad":
        annotated_data_module()


def output_paths(path: Path, layout: str, tissues: list[str]) -> list[Path]:
    """The files that :func:`write_predictions` writes for ``path``."""
    if layout != "predixcan":
        return [path]
    pairs = [_predixcan_paths(path, tissue, alone=len(tissues) == 1) for tissue in tissues]
    return [file for pair in pairs for file in pair]


def write_predictions(
    table: "pd.DataFrame",
    genes: "pd.DataFrame",
    path: Path,
    layout: str,
    metadata: Mapping[str, Any],
    unit: Unit = LOG1P_TPM,
) -> list[Path]:
    """Write predictions in one of the layouts.

    Args:
        table: tidy predictions: sample, gene_id, gene_name, tissue, the unit's column (log1p_tpm, and tpm), status,
            reason.
        genes: per sample and gene: records_in_windows, records_applied.
        path: the output; its suffix chooses the file type.
        layout: ``tidy`` (as ``table``); ``wide`` (a row per sample and gene, a column of predictions per tissue);
            ``h5ad`` (AnnData: observations = sample x tissue, variables = genes, X = predictions, of log1p TPM a layer
            tpm); ``predixcan`` (per tissue the two tables of PrediXcan's prediction step: expression with FID and IID,
            and the summary of genes).
        metadata: stored in the file where its type has a place for it (Parquet, h5ad).
        unit: of the predictions.

    Returns:
        The files written.
    """
    if layout == "tidy":
        return [write_table(table, path, metadata)]
    if layout == "wide":
        return [write_table(wide_table(table, unit), path, metadata)]
    if layout == "h5ad":
        with whole_file(path) as partial:
            _annotated_data(table, metadata, unit).write_h5ad(partial)
        return [path]
    return _write_predixcan(table, genes, path, unit)


def write_table(table: "pd.DataFrame", path: Path, metadata: Mapping[str, Any]) -> Path:
    """Write a table as Parquet (metadata under the schema key ``variantformer``), CSV or TSV, by suffix."""
    with whole_file(path) as partial:
        if path.name.endswith(".parquet"):
            import pyarrow as pa
            import pyarrow.parquet as pq

            arrow = pa.Table.from_pandas(table, preserve_index=False)
            kept = {**(arrow.schema.metadata or {}), b"variantformer": json.dumps(metadata).encode()}
            pq.write_table(arrow.replace_schema_metadata(kept), partial)
        else:
            table.to_csv(partial, sep=_separator(path), **_TEXT)
    return path


def _separator(path: Path) -> str:
    return "," if ".csv" in path.suffixes else "\t"


def write_table_pieces(pieces: Iterable["pa.Table"], path: Path, metadata: Mapping[str, Any]) -> int:
    """Write a table that no memory holds, some rows at a time; suffixes and metadata as of :func:`write_table`.

    Args:
        pieces: at least one, of one schema.
        path: the output; a Parquet file has a row group a piece.
        metadata: of the Parquet file.

    Returns:
        The rows written.
    """
    if path.name.endswith(".parquet"):
        described = {b"variantformer": json.dumps(metadata).encode()}
        return write_parquet_pieces(path, (piece.replace_schema_metadata(described) for piece in pieces))
    rows, separator = 0, _separator(path)
    opened = gzip.open if path.suffix == ".gz" else open
    with whole_file(path) as partial, opened(partial, "wt", newline="", encoding="utf-8") as file:
        for number, piece in enumerate(pieces):
            piece.to_pandas().to_csv(file, sep=separator, header=number == 0, **_TEXT)
            rows += len(piece)
    return rows


def wide_table(table: "pd.DataFrame", unit: Unit = LOG1P_TPM) -> "pd.DataFrame":
    """A row per sample and gene, a column of predictions per tissue; rows and columns keep the order of ``table``."""
    import pandas as pd

    keys = ["sample", "gene_id"]
    genes = table[[*keys, "gene_name", "status", "reason"]].drop_duplicates(keys).reset_index(drop=True)
    wide = table.pivot(index=keys, columns="tissue", values=unit.column)
    wide = wide.reindex(index=pd.MultiIndex.from_frame(genes[keys]), columns=table["tissue"].unique())
    return pd.concat([genes, wide.reset_index(drop=True).rename_axis(columns=None)], axis=1)


def write_embeddings(embeddings: Any, path: Path, metadata: Mapping[str, Any]) -> Path:
    """Write (rows, width) embeddings as safetensors: one tensor ``embedding`` in the table's row order."""
    from safetensors.numpy import save_file

    with whole_file(path) as partial:
        save_file({"embedding": embeddings}, partial, metadata={"variantformer": json.dumps(metadata)})
    return path


def write_json(content: Mapping[str, Any], path: Path) -> Path:
    """Write a dictionary as indented JSON."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")
    return path


def _annotated_data(table: "pd.DataFrame", metadata: Mapping[str, Any], unit: Unit) -> Any:
    import pandas as pd

    # AnnData writes plain text columns only, and pandas 3 makes Arrow ones.
    genes = table[["gene_id", "gene_name"]].drop_duplicates().astype(object)
    genes = genes.set_index(pd.Index(genes.pop("gene_id"), dtype=object))
    observations = table[["sample", "tissue"]].drop_duplicates().astype(object)
    names = observations["sample"] + "|" + observations["tissue"]
    observations.index = pd.Index(list(names), name="observation", dtype=object)
    table = table.assign(observation=table["sample"] + "|" + table["tissue"])
    matrices = {
        value: table.pivot(index="observation", columns="gene_id", values=value)
        .reindex(index=observations.index, columns=genes.index)
        .to_numpy(dtype="float32")
        for value in unit.columns()
    }
    return annotated_data_module().AnnData(
        X=matrices.pop(unit.column),
        obs=observations,
        var=genes,
        layers=matrices,
        uns={"variantformer": json.dumps(metadata), "without_a_number": json.dumps(_without_a_number(table, unit))},
    )


def _without_a_number(table: "pd.DataFrame", unit: Unit) -> dict[str, dict[str, str]]:
    """Sample -> gene -> status, and the reason where there is one, of genes whose values are NaN."""
    missing = table[table[unit.column].isna()].drop_duplicates(["sample", "gene_id"])
    found: dict[str, dict[str, str]] = {}
    reasons = missing["reason"].fillna("")
    for sample, gene, status, reason in zip(
        missing["sample"], missing["gene_id"], missing["status"], reasons, strict=True
    ):
        found.setdefault(sample, {})[gene] = f"{status}: {reason}" if reason else status
    return found


def _write_predixcan(table: "pd.DataFrame", genes: "pd.DataFrame", path: Path, unit: Unit) -> list[Path]:
    tissues = list(table["tissue"].unique())
    written = []
    for tissue in tissues:
        expression_path, summary_path = _predixcan_paths(path, tissue, alone=len(tissues) == 1)
        of_tissue = table[table["tissue"] == tissue]
        samples, gene_ids = list(of_tissue["sample"].unique()), list(of_tissue["gene_id"].unique())
        expression = of_tissue.pivot(index="sample", columns="gene_id", values=unit.column).loc[samples, gene_ids]
        expression.insert(0, "FID", samples)
        expression.insert(1, "IID", samples)
        written.append(write_table(expression, expression_path, {}))
        summary = genes.groupby("gene_id", sort=False).agg(
            gene_name=("gene_name", "first"),
            n_snps_in_model=("records_in_windows", "max"),
            n_snps_used=("records_applied", "max"),
        )
        summary = summary.rename_axis("gene").reset_index().assign(pred_perf_r2="NA", pred_perf_pval="NA")
        written.append(write_table(summary, summary_path, {}))
    return written


def _predixcan_paths(path: Path, tissue: str, *, alone: bool) -> tuple[Path, Path]:
    suffix = ".txt.gz" if path.name.endswith(".txt.gz") else ".txt"
    stem = path.name.removesuffix(suffix)
    if not alone:
        stem = f"{stem}.{re.sub(r'[^A-Za-z0-9]+', '_', tissue).strip('_')}"
    return path.with_name(f"{stem}{suffix}"), path.with_name(f"{stem}.summary{suffix}")


def annotated_data_module() -> Any:
    """The module anndata.

    Raises:
        InputError: it is not installed.
    """
    try:
        import anndata
    except ImportError as error:
        raise InputError(
            "the format h5ad needs the package anndata", remedy="Install it: pip install 'variantformer-hf[h5ad]'."
        ) from error
    return anndata
