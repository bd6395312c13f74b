"""Expression files of cohorts, as they are downloaded, as one tidy stream: sample, donor, cohort, tissue, gene_id, and
tpm or another value.

A reader gives a source: what is known of its samples at once, and its values gene by gene (or sample by sample) when
they are asked for, so that a matrix of any size is never held whole.
"""

from .encode import read_encode
from .gct import read_gct
from .h5ad import read_anndata
from .mage import read_mage
from .microarray import quantile_normalized, read_microarray
from .normalized import read_normalized
from .source import EXPRESSION_SCHEMA, ExpressionSource, Sample
from .tidy import read_tidy

__all__ = [
    "EXPRESSION_SCHEMA",
    "ExpressionSource",
    "Sample",
    "quantile_normalized",
    "read_anndata",
    "read_encode",
    "read_gct",
    "read_mage",
    "read_microarray",
    "read_normalized",
    "read_tidy",
]
