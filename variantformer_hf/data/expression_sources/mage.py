"""MAGE: pseudo-counts of lymphoblastoid lines."""

from pathlib import Path

import numpy as np

from ...errors import InputError
from .source import ExpressionSource, Sample
from .text_tables import read_matrix


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
    table = read_matrix(counts)
    size = read_matrix(lengths)
    unknown = [gene for gene in table.index if gene not in size.index]
    if unknown:
        raise InputError(
            f"has no length of {len(unknown)} genes",
            file=lengths,
            record=str(unknown[0]),
            remedy="Give the lengths that belong to these counts.",
        )
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
