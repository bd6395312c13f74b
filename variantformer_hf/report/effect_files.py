"""Scored variants in the layouts that users' next tools read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pysam

from ..errors import InputError
from ..files import STDOUT, whole_file
from ..genome.variant import Variant
from ..genome.variant_rows import is_whole_vcf
from ..zoo.units import VALUE_COLUMNS
from .edited_vcf import whole_indexed_vcf
from .tables import annotated_data_module, write_table

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("tidy", "h5ad", "vcf")
INFO_KEY = "VFE"
# fmt: off
INFO_FIELDS = (
    "ALLELE", "GENE", "TISSUE", "BACKGROUND", "SAMPLE", "ZYGOSITY", "OVERLAP", "EFFECT", "LOG2FC", "STATUS", "FLAGS"
)
# fmt: on
_SUFFIXES = {"tidy": (".parquet", ".tsv", ".tsv.gz", ".csv", ".csv.gz"), "h5ad": (".h5ad",), "vcf": (".vcf.gz",)}
_OF_TISSUE = (
    *(f"{column}_{side}" for column in VALUE_COLUMNS for side in ("ref", "alt")),
    "log2fc_tpm",
    "released_score",
    "noise_floor",
    "quantile",
    "null_size",
    "effect_sd_phase",
    "effect_second_model",
    "effect_sd_models",
)
# What an INFO value may not hold.
_ESCAPES = str.maketrans({" ": "_", "|": "&", ",": "&", ";": "&", "=": "-", "\t": "_"})


def check_effect_format(path: Path, layout: str) -> None:
    """Refuse a layout and a suffix that do not go together.

    Raises:
        InputError: unknown layout, or a suffix that it cannot be written to; h5ad without anndata. A table may go to
            ``-``, stdout.
    """
    if layout not in FORMATS:
        raise InputError(f"there is no format {layout!r}", remedy=f"Choose one of {', '.join(FORMATS)}.")
    if path == STDOUT and layout == "tidy":
        return
    if not path.name.endswith(_SUFFIXES[layout]):
        raise InputError(
            f"the format {layout} is not written to such a file",
            file=path,
            remedy=f"End the name in {' or '.join(_SUFFIXES[layout])}.",
        )
    if layout == "h5ad":
        annotated_data_module()


def write_effects(
    table: "pd.DataFrame", path: Path, layout: str, metadata: Mapping[str, Any], *, variants: Path | None = None
) -> list[Path]:
    """Write scored variants.

    Args:
        table: of ``EffectResult``.
        path: the output.
        layout: ``tidy`` (as ``table``); ``h5ad`` (AnnData: observations = variant, gene, background and zygosity,
            variables = tissues, X = effect, further values as layers); ``vcf`` (the records of ``variants``, or of the
            table where that is no VCF, with one INFO key).
        metadata: stored in the file where its type has a place for it.
        variants: the file that the variants came from.

    Returns:
        The files written.
    """
    if layout == "tidy":
        return [write_table(table, path, metadata)]
    if layout == "h5ad":
        with whole_file(path) as partial:
            _annotated_data(table, metadata).write_h5ad(partial)
        return [path]
    return _write_vcf(table, path, variants)


def _annotated_data(table: "pd.DataFrame", metadata: Mapping[str, Any]) -> Any:
    import pandas as pd

    scored = table[table["gene_id"].notna()]
    layers = [name for name in _OF_TISSUE if name in scored.columns]
    keys = [name for name in scored.columns if name not in (*layers, "tissue", "effect", "flags")]
    texts = scored[keys].astype(object).where(scored[keys].notna(), "")
    number = texts.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    tissues = list(dict.fromkeys(scored["tissue"]))
    column = scored["tissue"].map({name: place for place, name in enumerate(tissues)}).to_numpy()
    n_rows = int(number.max(initial=-1)) + 1

    def matrix(name: str) -> np.ndarray:
        values = np.full((n_rows, len(tissues)), np.nan, dtype=np.float32)
        values[number, column] = scored[name].to_numpy()
        return values

    first = np.unique(number, return_index=True)[1]
    observations = scored.iloc[first][keys].reset_index(drop=True)
    for name in observations.select_dtypes(exclude="number"):
        observations[name] = observations[name].astype(object).fillna("").map(str)
    observations.index = pd.Index([str(row) for row in range(n_rows)])
    data = annotated_data_module().AnnData(
        X=matrix("effect"),
        obs=observations,
        var=pd.DataFrame(index=pd.Index(tissues, name="tissue")),
        layers={name: matrix(name) for name in layers},
    )
    data.uns["variantformer"] = json.dumps(metadata)
    return data


def _write_vcf(table: "pd.DataFrame", path: Path, variants: Path | None) -> list[Path]:
    by_variant: dict[tuple[str, int, str, str], list[str]] = {}
    scored = table[table["gene_id"].notna()]
    for row in scored.to_dict("records"):
        key = str(row["chrom"]), int(row["pos"]), str(row["ref"]), str(row["alt"])
        by_variant.setdefault(key, []).append(_info_value(row))
    with whole_indexed_vcf(path) as partial:
        if variants is not None and is_whole_vcf(variants):
            _annotate(variants, partial, by_variant)
        else:
            _write_sites(partial, by_variant)
    return [path, path.with_name(f"{path.name}.tbi")]


def _info_value(row: Mapping[Any, Any]) -> str:
    values = [
        *(row[name] for name in ("alt", "gene_name", "tissue", "background", "sample", "zygosity", "overlap")),
        _number(row["effect"]),
        _number(row.get("log2fc_tpm", np.nan)),
        row["status"],
        str(row["flags"] or "").replace(";", "&"),
    ]
    return "|".join(str(value).translate(_ESCAPES) for value in values)


def _number(value: float) -> str:
    return "." if np.isnan(value) else f"{value:.6g}"


def _info_line() -> str:
    text = f"Effects on expression, an entry per gene, tissue, background and zygosity: {'|'.join(INFO_FIELDS)}"
    return f'##INFO=<ID={INFO_KEY},Number=.,Type=String,Description="{text}">'


def _annotate(variants: Path, output: Path, by_variant: Mapping[tuple[str, int, str, str], list[str]]) -> None:
    with pysam.VariantFile(str(variants)) as source:
        header = source.header.copy()
        header.add_line(_info_line())
        with pysam.VariantFile(str(output), "wz", header=header) as target:
            for record in source:
                keys = [(record.chrom, record.pos, record.ref or "", alt) for alt in record.alts or ()]
                found = [entry for key in keys for entry in by_variant.get(key, [])]
                record.translate(header)
                if found:
                    record.info[INFO_KEY] = tuple(found)
                target.write(record)


def _write_sites(output: Path, by_variant: Mapping[tuple[str, int, str, str], list[str]]) -> None:
    contigs = dict.fromkeys(chrom for chrom, *_ in by_variant)
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={name}>" for name in contigs), _info_line()]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    places = {name: place for place, name in enumerate(contigs)}
    order = sorted(by_variant, key=lambda key: (places[key[0]], key[1:]))
    for chrom, position, ref, alt in order:
        variant = Variant(chrom, position, ref, alt)
        entries = ",".join(by_variant[chrom, position, ref, alt])
        lines.append(f"{chrom}\t{position}\t{variant}\t{ref}\t{alt}\t.\t.\t{INFO_KEY}={entries}")
    with pysam.BGZFile(str(output), "wb") as file:
        file.write(("\n".join(lines) + "\n").encode())


def write_effect_embeddings(embeddings: Mapping[str, np.ndarray], path: Path, metadata: Mapping[str, Any]) -> Path:
    """Write embeddings as safetensors: a tensor (rows, width) a name, in the table's row order."""
    from safetensors.numpy import save_file

    with whole_file(path) as partial:
        save_file(dict(embeddings), partial, metadata={"variantformer": json.dumps(metadata)})
    return path
