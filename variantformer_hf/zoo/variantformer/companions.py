"""Hashes of what VariantFormer's tokenizer, geometry and tables hold, wherever they came from."""

import json

from ...genome.cres import CreTable
from ...genome.genes import GeneTable
from ...modeling import VariantFormerProcessor
from ..companions import table_digests, text_sha256


def companion_digests(
    processor: VariantFormerProcessor, gene_table: GeneTable | None = None, cre_table: CreTable | None = None
) -> dict[str, str]:
    """A part of what a run is.

    Returns:
        tokenizer, processor, and genes and cres where there are any -> SHA-256.
    """
    return {
        "tokenizer": text_sha256(processor.tokenizer.backend_tokenizer.to_str()),
        "processor": text_sha256(json.dumps(processor.to_dict(), sort_keys=True, default=str)),
        **table_digests(gene_table, cre_table),
    }
