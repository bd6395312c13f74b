"""The released sequences of five populations' genomes and the reference -> Parquet, which anything reads."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..genome.table_files import write_parquet_pieces
from .restricted_pickle import read_npz, read_pickled_data

if TYPE_CHECKING:
    import pyarrow as pa

_GENE_FILE = re.compile(r"(?P<gene>[^_/]+)_(?P<sample>[^/]+)\.npz")
_CRE_FILE = re.compile(r"(?P<sample>[^/]+)_(?P<chrom>[^_/]+)\.pkl(\.gz)?")
_FILES_A_PART = 500


def convert_population_genomes(
    folder: str | Path, output: str | Path, *, on_file: Callable[[int, int], None] | None = None
) -> dict[str, int]:
    """Write ``genes.parquet`` and ``cres.parquet`` of the released reference and population genomes.

    ``genes.parquet``: population, sample, gene_id, strand, forward, reverse_complement (sequences of the gene's
    window).
    ``cres.parquet``: population, sample, chrom, start, end (0-based half-open, 50 bases added on both sides), class,
    forward, reverse_complement, forward_ids and reverse_complement_ids (tokens).

    Args:
        folder: the released folder, ``model/common/reference_genomes``; either part may be missing.
        output: a folder for the two files.
        on_file: called with (done, total).

    Returns:
        Rows of each file that was written.

    Raises:
        InputError: no file is there, or one is not what the release has. Pickles are read as data: see
            ``restricted_pickle``.
    """
    folder, output = Path(folder), Path(output)
    genes = [path for path in sorted(folder.rglob("*.npz")) if _GENE_FILE.fullmatch(path.name)]
    cres = [path for path in sorted(folder.rglob("*.pkl*")) if _CRE_FILE.fullmatch(path.name)]
    if not genes and not cres:
        raise InputError("holds neither GENE_SAMPLE.npz nor SAMPLE_CONTIG.pkl.gz", file=folder)
    output.mkdir(parents=True, exist_ok=True)
    total, done, rows = len(genes) + len(cres), 0, {}
    for name, files, read in (("genes.parquet", genes, _gene_rows), ("cres.parquet", cres, _cre_rows)):
        if not files:
            continue

        def tables(files: list[Path] = files, read: Callable[[Path], "pa.Table"] = read) -> Iterator["pa.Table"]:
            nonlocal done
            for path in files:
                yield read(path)
                done += 1
                if on_file is not None:
                    on_file(done, total)

        rows[name] = write_parquet_pieces(output / name, tables(), pieces_a_group=_FILES_A_PART)
    return rows


def _gene_rows(path: Path) -> "pa.Table":
    import pyarrow as pa

    match = _GENE_FILE.fullmatch(path.name)
    assert match is not None
    arrays = read_npz(path)
    for name in ("sequence", "strand"):
        if name not in arrays or not arrays[name].size:
            raise InputError(f"has no array {name!r}", file=path, remedy="Give the released files.")
    forward, reverse = _two_sequences(_flat(arrays["sequence"]), path)
    return pa.table(
        {
            "population": [_population(path)],
            "sample": [match["sample"]],
            "gene_id": [match["gene"]],
            "strand": [_flat(arrays["strand"])],
            "forward": pa.array([forward], pa.large_string()),
            "reverse_complement": pa.array([reverse], pa.large_string()),
        }
    )


def _cre_rows(path: Path) -> "pa.Table":
    import pandas as pd
    import pyarrow as pa

    match = _CRE_FILE.fullmatch(path.name)
    assert match is not None
    frame = read_pickled_data(path)
    sample = match["sample"]
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"holds a {type(frame).__name__}, not a table", file=path)
    needed = ("chrom", "start", "end", "cCRE", f"{sample}_sequence", f"{sample}_encoded_seq")
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError(f"has no column {', '.join(missing)}", file=path, remedy="Give the released files.")
    sequences = [_two_sequences(str(text), path) for text in frame[f"{sample}_sequence"]]
    ids = [_two_lists(value, path) for value in frame[f"{sample}_encoded_seq"]]
    lists = pa.list_(pa.int32())
    return pa.table(
        {
            "population": [_population(path)] * len(frame),
            "sample": [sample] * len(frame),
            "chrom": [str(name) for name in frame["chrom"]],
            "start": pa.array(frame["start"].to_numpy(dtype=np.int64)),
            "end": pa.array(frame["end"].to_numpy(dtype=np.int64)),
            "class": [str(name) for name in frame["cCRE"]],
            "forward": pa.array([pair[0] for pair in sequences], pa.large_string()),
            "reverse_complement": pa.array([pair[1] for pair in sequences], pa.large_string()),
            "forward_ids": pa.array([pair[0] for pair in ids], lists),
            "reverse_complement_ids": pa.array([pair[1] for pair in ids], lists),
        }
    )


def _flat(array: np.ndarray) -> str:
    """The text of an array that holds one, or pieces of one."""
    return ",".join(str(value) for value in array.ravel().tolist())


def _two_sequences(text: str, path: Path) -> tuple[str, str]:
    parts = text.split(",")
    if len(parts) != 2 or len(parts[0]) != len(parts[1]):
        raise InputError("has sequences that are not a strand and its complement", file=path, record=text[:40])
    return parts[0], parts[1]


def _two_lists(value: Any, path: Path) -> tuple[list[int], list[int]]:
    pair = [np.asarray(each, dtype=np.int32).tolist() for each in value]
    if len(pair) != 2:
        raise InputError(f"has tokens of {len(pair)} strands, not 2", file=path)
    return pair[0], pair[1]


def _population(path: Path) -> str:
    """``eur`` of ``data/eur/genes/data/...``: the folder two or three levels up, as released."""
    names = [name for name in path.parts[:-1] if name not in ("genes", "cres", "data", "data_split")]
    return names[-1].lower() if names else ""
