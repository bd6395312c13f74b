"""Tracks of a genome browser: bedGraph and bigWig."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import whole_file


@dataclass(frozen=True)
class TrackRows:
    """Values along one contig, in any order; rows may overlap.

    Attributes:
        chrom: the contig.
        starts, ends: (n,) int64, 0-based half-open.
        values: (n,) float; where NaN there is none.
    """

    chrom: str
    starts: np.ndarray
    ends: np.ndarray
    values: np.ndarray

    def without_overlaps(self) -> "TrackRows":
        """The rows by their starts, without those that are NaN; of two on a base the one that begins first has it.

        Of those that begin together it is the one that was given first.
        """
        order = np.argsort(self.starts, kind="stable")
        order = order[~np.isnan(self.values[order])]
        ends, values = self.ends[order], self.values[order]
        reached = np.maximum.accumulate(np.concatenate([[0], ends[:-1]]))[: len(ends)]
        starts = np.maximum(self.starts[order], reached)
        kept = starts < ends
        return TrackRows(self.chrom, starts[kept], ends[kept], values[kept])


def check_track(path: Path) -> None:
    """Refuse a track that cannot be written, before anything is computed.

    Raises:
        InputError: a suffix other than .bedGraph and .bw; bigWig without pyBigWig.
    """
    if path.suffix not in (".bedGraph", ".bw"):
        raise InputError("is no track", file=path, remedy="End the name in .bedGraph or .bw.")
    if path.suffix == ".bw":
        _bigwig_module()


def track_paths(path: Path, names: Sequence[Sequence[str]]) -> list[Path]:
    """A file for each entry, whose names are put before the suffix of ``path``: ``PATH.GENE.TISSUE.bw``.

    What is no letter or digit in a name becomes ``_``; what is alike then is numbered.
    """
    plain = [".".join("".join(char if char.isalnum() else "_" for char in name) for name in entry) for entry in names]
    met: Counter[str] = Counter()
    found = []
    for name in plain:
        met[name] += 1
        found.append(path.with_name(f"{path.stem}.{name}{f'_{met[name]}' if met[name] > 1 else ''}{path.suffix}"))
    return found


def write_track(rows: TrackRows, path: Path, contigs: Mapping[str, int], *, name: str, description: str) -> Path:
    """Write a track, .bedGraph or .bw.

    Args:
        rows: of one contig; where they overlap, see ``TrackRows.without_overlaps``.
        path: the file.
        contigs: lengths, for bigWig.
        name, description: shown by a browser, of a bedGraph.

    Raises:
        InputError: as for :func:`check_track`.
    """
    check_track(path)
    rows = rows.without_overlaps()
    with whole_file(path) as partial:
        if path.suffix == ".bw":
            _write_bigwig(rows, partial, contigs)
        else:
            columns = zip(rows.starts.tolist(), rows.ends.tolist(), rows.values.tolist(), strict=True)
            lines = [f"{rows.chrom}\t{start}\t{end}\t{value:.6g}\n" for start, end, value in columns]
            partial.write_text(f'track type=bedGraph name="{name}" description="{description}"\n' + "".join(lines))
    return path


def _bigwig_module() -> Any:
    try:
        import pyBigWig
    except ImportError as error:
        raise InputError(
            "bigWig needs the package pyBigWig",
            remedy="Install it: pip install 'variantformer-hf[tracks]', or write .bedGraph.",
        ) from error
    return pyBigWig


def _write_bigwig(rows: TrackRows, path: Path, contigs: Mapping[str, int]) -> None:
    file = _bigwig_module().open(str(path), "w")
    try:
        file.addHeader([(rows.chrom, contigs[rows.chrom])])
        if len(rows.starts):
            chroms = [rows.chrom] * len(rows.starts)
            values = rows.values.astype(float).tolist()
            file.addEntries(chroms, rows.starts.tolist(), ends=rows.ends.tolist(), values=values)
    finally:
        file.close()
