"""Scored variants as rows of a table, in the order in which they were asked for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from ..genome.genes import Gene
from ..genome.variant_table import VariantRow
from ..zoo.abilities import Abilities
from ..zoo.gene_regions import GeneRegions
from ..zoo.statuses import status_of_numbers
from ..zoo.units import VALUE_COLUMNS, Unit
from .backgrounds import Background
from .effect_request import AskedRow, EffectRequest
from .fold_change import log2_fold_change, log2_ratio
from .variant_genes import tss_distance
from .variant_states import ScoredVariant, with_flag

if TYPE_CHECKING:
    import pandas as pd

EMBEDDINGS = ("gene_ref", "gene_alt", "cre_ref", "cre_alt", "window_ref", "window_alt")
_KEPT_ANNOTATIONS = ("consequence", "label")
# Added to both log1p values by the released score, so that a ratio of zeros is none.
_RELEASED_PSEUDOCOUNT = 1e-10
# fmt: off
_BEFORE_VALUES = (
    "chrom", "pos", "ref", "alt", "variant", "gene_id", "gene_name", "tissue", "background", "sample", "zygosity",
    "observed",
)
_AFTER_VALUES = (
    "overlap", "cre_ids", "gene_window", "tss_distance", "status", "reason", "conflict", "flags", "noise_floor",
    *_KEPT_ANNOTATIONS,
)
_FLOATS = {
    **{f"{column}_{side}": np.float32 for column in VALUE_COLUMNS for side in ("ref", "alt")},
    "effect": np.float32, "noise_floor": np.float32,
    "effect_sd_phase": np.float32, "log2fc_tpm": np.float64, "released_score": np.float64,
    "gene_window": np.float64, "tss_distance": np.float64,
}
# fmt: on
# What the rows are sorted by: row given, gene, background, zygosity, tissue.
_ORDER = ("_row", "_gene", "_background", "_zygosity", "_tissue")


def columns_of(unit: Unit) -> tuple[str, ...]:
    """Columns of the table of a model in a unit: of log1p TPM also what is computed of TPM."""
    of_tpm = ("log2fc_tpm", "released_score") if unit.is_log1p_tpm else ()
    return (*_BEFORE_VALUES, f"{unit.column}_ref", f"{unit.column}_alt", "effect", *of_tpm, *_AFTER_VALUES)


def embedding_names(abilities: Abilities) -> tuple[str, ...]:
    """Which embeddings a model gives of a variant."""
    return EMBEDDINGS if abilities.changed_embeddings else EMBEDDINGS[:2]


def row_blocks(
    work: EffectRequest,
    background: Background,
    order: tuple[int, int, int],
    regions: GeneRegions,
    row: AskedRow,
    effect: ScoredVariant,
    noise: np.ndarray,
    baseline: np.ndarray | None,
    spread: np.ndarray,
    cre_names: str,
) -> Iterator[dict[str, Any]]:
    """Columns of one row's block: its zygosities, each in its tissues."""
    tissues = work.tissues_of(row)
    for z, zygosity in enumerate(work.zygosity):
        ref, alt = effect.ref[tissues], effect.alt[z][tissues]
        change = alt - ref
        known = with_flag(effect.flags[z], "turned") if row.row.turned else effect.flags[z]
        flags = [
            with_flag(known, "below_noise") if abs(value) <= floor else known
            for value, floor in zip(change.tolist(), noise[tissues].tolist(), strict=True)
        ]
        block = {
            "_row": order[0],
            "_gene": order[1],
            "_background": order[2],
            "_zygosity": z,
            "_tissue": tissues,
            **_given(row.row),
            "gene_id": regions.gene.gene_id,
            "gene_name": regions.gene.gene_name,
            "tissue": np.array(work.tissue_names, dtype=object)[tissues],
            "background": background.name,
            "sample": background.sample,
            "zygosity": zygosity,
            "observed": effect.observed,
            f"{work.unit.column}_ref": ref,
            f"{work.unit.column}_alt": alt,
            "effect": change,
            "overlap": effect.overlap.label,
            "cre_ids": cre_names,
            "gene_window": effect.gene_window,
            "tss_distance": float(tss_distance(row.variant, regions.gene))
            if row.variant.chrom == regions.window.chrom
            else np.nan,
            "status": status_of_numbers(effect.status, ref),
            "reason": effect.reason or None,
            "conflict": effect.conflict,
            "flags": np.array(flags, dtype=object),
            "noise_floor": noise[tissues],
        }
        if work.unit.is_log1p_tpm:
            block["log2fc_tpm"] = log2_fold_change(alt, ref)
            if zygosity == "hom" and baseline is not None:
                block["released_score"] = _released(alt, baseline[tissues])
        if work.phase_shifts:
            block["effect_sd_phase"] = spread[z][tissues]
        if work.embeddings:
            block["_embeddings"] = _embeddings_of(effect, z, tissues)
        yield block


def _embeddings_of(effect: ScoredVariant, z: int, tissues: np.ndarray) -> dict[str, np.ndarray | None]:
    """What is kept of a block's outputs, by name, (tissues, width) each; None = nothing was predicted."""
    found: dict[str, np.ndarray | None] = dict.fromkeys(EMBEDDINGS)
    if effect.outputs:
        for side, output in (("ref", effect.outputs[0]), ("alt", effect.outputs[z + 1])):
            if output.embeddings is not None:
                found[f"gene_{side}"] = output.embeddings[tissues]
                found.update({f"{name}_{side}": vectors[tissues] for name, vectors in output.changed.items()})
    return found


def _given(row: VariantRow) -> dict[str, Any]:
    given, normal = row.given, row.variant
    kept = {name: row.annotations[name] for name in _KEPT_ANNOTATIONS if name in row.annotations}
    return {
        "chrom": given.chrom,
        "pos": given.pos,
        "ref": given.ref,
        "alt": given.alt,
        "variant": str(normal),
        **kept,
    }


def blocks_without_gene(
    work: EffectRequest, pairs: Mapping[Gene, Sequence[int]], backgrounds: Sequence[Background]
) -> Iterator[dict[str, Any]]:
    """One row for each variant without any gene."""
    scored = {index for members in pairs.values() for index in members}
    for index, row in enumerate(work.rows):
        if index not in scored:
            for place, background in enumerate(backgrounds):
                yield {
                    "_row": index,
                    "_gene": 0,
                    "_background": place,
                    "_zygosity": 0,
                    "_tissue": np.zeros(1, dtype=int),
                    **_given(row.row),
                    "background": background.name,
                    "sample": background.sample,
                    "overlap": "none",
                    "status": "no_gene",
                    "conflict": "",
                    "flags": "turned" if row.row.turned else "",
                }


def gene_block(blocks: Iterable[dict[str, Any]], work: EffectRequest) -> pa.Table:
    """Columns of a gene's rows, with those that give the order and, where asked for, the embeddings."""
    blocks = list(blocks)
    sizes = [len(block["_tissue"]) for block in blocks]
    names = [*_ORDER, *columns_of(work.unit), *_optional(work)]
    columns: dict[str, Any] = {name: pa.array(_column(name, blocks, sizes), _type_of(name)) for name in names}
    if work.embeddings:
        found = [block.get("_embeddings", {}) for block in blocks]
        for name in work.embeddings:
            rows = [
                row
                for each, size in zip(found, sizes, strict=True)
                for row in (each.get(name) if each.get(name) is not None else [None] * size)
            ]
            columns[name] = pa.array(rows, pa.list_(pa.float32()))
    return pa.table(columns)


def joined_table(blocks: Sequence[pa.Table], work: EffectRequest) -> tuple["pd.DataFrame", dict[str, np.ndarray]]:
    """The table in the order of the rows given, and embeddings in the same order."""
    table = pa.concat_tables(blocks)
    order = pa.compute.sort_indices(table, [(name, "ascending") for name in ("_row", "_gene", *_ORDER[2:])])
    table = table.take(order)
    embeddings = {name: _stacked(table[name]) for name in work.embeddings}
    frame = table.select([*columns_of(work.unit), *_optional(work)]).to_pandas()
    unused = [name for name in (*_KEPT_ANNOTATIONS,) if frame[name].isna().all()]
    return frame.drop(columns=unused), embeddings


def _stacked(column: pa.ChunkedArray) -> np.ndarray:
    """A column of vectors as rows, (n, width) float32; NaN where there is none."""
    lengths = pa.compute.fill_null(pa.compute.list_value_length(column), 0).to_numpy()
    width = int(lengths.max(initial=0))
    rows = np.full((len(column), width), np.nan, dtype=np.float32)
    if width:
        rows[lengths > 0] = pa.compute.list_flatten(column).to_numpy().reshape(-1, width)
    return rows


def _optional(work: EffectRequest) -> list[str]:
    return ["effect_sd_phase"] if work.phase_shifts else []


def _type_of(name: str) -> pa.DataType:
    if name in _FLOATS:
        return pa.from_numpy_dtype(_FLOATS[name])
    return pa.int64() if name in _ORDER or name == "pos" else pa.string()


def _column(name: str, parts: Sequence[dict[str, Any]], sizes: Sequence[int]) -> np.ndarray:
    missing: Any = np.nan if name in _FLOATS else None
    dtype = _FLOATS.get(name, np.int64 if name.startswith("_") or name == "pos" else object)
    columns = [np.zeros(0, dtype=dtype)]
    for part, size in zip(parts, sizes, strict=True):
        columns.append(np.broadcast_to(np.asarray(part.get(name, missing), dtype=dtype), (size,)))
    return np.concatenate(columns)


def _released(alt: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """The released definition: log2 of the ratio of log1p values, the alternative here against the reference genome."""
    return log2_ratio(alt.astype(float) + _RELEASED_PSEUDOCOUNT, baseline.astype(float) + _RELEASED_PSEUDOCOUNT)
