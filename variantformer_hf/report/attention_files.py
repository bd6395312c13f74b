"""Attention over cCREs as a table, some rows at a time, and as a track of a genome browser."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.attention import GeneAttention, Pair
from .tracks import TrackRows, write_track

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def attention_table(found: Iterable[GeneAttention]) -> "pd.DataFrame":
    """Attention as one table, with the rows of :func:`attention_pieces`: for some genes, as all are in memory."""
    import pyarrow as pa

    return pa.concat_tables(attention_pieces(found)).to_pandas()


def attention_pieces(found: Iterable[GeneAttention]) -> Iterator["pa.Table"]:
    """Attention as tables of one schema, a gene and tissue each: a row a layer, head and cCRE, in this order.

    Columns: sample, gene_id, gene_name, tissue, cre_id, cre_class, chrom, start, end (0-based half-open, without
    flanks), layer, head (both from 0), weight (float32; over the cCREs they sum to 1) and status: the gene's, or
    ``no_element`` of a cCRE that the person lacks. Without a number the weight is NaN.
    """
    import pyarrow as pa

    def texts(values: Sequence[str | None], rows: np.ndarray) -> "pa.Array":
        """Some of the texts, each kept once."""
        return pa.array(values, pa.string()).dictionary_encode().take(pa.array(rows))

    for each in found:
        n_layers, n_heads = each.weights.shape[1:3]
        layer, head, cre = (axis.ravel() for axis in np.indices((n_layers, n_heads, len(each.cre_ids)), dtype=np.int32))
        first = np.zeros(len(cre), dtype=np.int32)
        starts, ends = each.regions.cres_without_flanks()
        columns = {
            "sample": texts([each.sample], first),
            "gene_id": texts([each.regions.gene.gene_id], first),
            "gene_name": texts([each.regions.gene.gene_name], first),
            "tissue": texts([""], first),
            "cre_id": texts(each.cre_ids, cre),
            "cre_class": texts(each.cre_classes, cre),
            "chrom": texts([each.regions.window.chrom], first),
            "start": starts.astype(np.int64)[cre],
            "end": ends.astype(np.int64)[cre],
            "layer": layer,
            "head": head,
        }
        status = texts(each.statuses(), cre)
        for place, tissue in enumerate(each.tissues):
            columns["tissue"] = texts([tissue], first)
            yield pa.table({**columns, "weight": each.of_tissue(place).ravel(), "status": status})
        del each  # not beside the next one's


def write_weight_track(found: GeneAttention, tissue: int, pair: Pair, path: Path, contigs: Mapping[str, int]) -> Path:
    """Write one tissue's weights by a layer and head, or a mean, as a track, .bedGraph or .bw.

    Args:
        found: of the gene.
        tissue: place among its tissues.
        pair: the layer and head.
        path: the file.
        contigs: lengths, for bigWig.

    Raises:
        InputError: another suffix; bigWig without pyBigWig.
    """
    starts, ends = found.regions.cres_without_flanks()
    rows = TrackRows(found.regions.window.chrom, starts, ends, found.of_pair(tissue, pair))
    name = f"{found.regions.gene.gene_name} {found.tissues[tissue]}"
    return write_track(rows, path, contigs, name=name, description=f"attention, {pair}, {found.sample}")
