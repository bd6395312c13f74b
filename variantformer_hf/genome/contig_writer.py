"""One contig of a store, written: its blocks of records one behind the other in a file, and an index of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .call_blocks import CallBlock
from .checked_file import CheckedWriter
from .store_calls import MOST_GENOTYPES, BlockCalls
from .store_layout import StoreLimits
from .store_sites import write_sites

_SITES = ("position", "end", "alleles", "flags", "ref", "alt")
_CELLS_AT_ONCE = 1 << 23
_MOST_POSITION = (1 << 31) - 1
# What two bits say, beside 0/0.
_USUAL = 3


class ContigWriter:
    """Writes one contig.

    Args:
        file: to write to.
        source: the file that is read, for messages.
        contig: by its name there.
        n_samples: people.
        limits: how large a block may be.
    """

    def __init__(self, file: CheckedWriter, source: Path, contig: str, n_samples: int, limits: StoreLimits) -> None:
        self._file, self._source, self._contig = file, source, contig
        self._n_samples, self._limits = n_samples, limits
        self._genotypes: dict[str, int] = {"0/0": 0}
        self._seen = np.zeros(MOST_GENOTYPES, dtype=np.int64)
        self._sites: dict[str, list[np.ndarray]] = {}
        self._calls: BlockCalls | None = None
        self._n_records = 0
        self._last = -1
        self._blocks: list[dict[str, Any]] = []
        self.records = 0

    def add(self, block: CallBlock) -> None:
        """Put records behind those that are there.

        Raises:
            InputError: they begin before those, or have more different genotypes than a store holds.
        """
        if not len(block):
            return
        steps = np.diff(block.position, prepend=self._last)
        if steps.min() < 0 or int(block.end.max()) > _MOST_POSITION:
            row = int(np.argmax((steps < 0) | (block.end > _MOST_POSITION)))
            raise InputError(
                "stands behind a record that begins after it, or ends behind any contig",
                file=self._source,
                record=f"{self._contig}:{int(block.position[row]) + 1}",
                remedy="Sort the file's records by position, and index it anew.",
            )
        self._last = int(block.position[-1])
        code = np.array([self._code(text) for text in block.genotypes] or [0], dtype=np.int64)
        text_first = np.concatenate([[0], np.cumsum(block.text_size)])
        at_once = max(1, _CELLS_AT_ONCE // self._n_samples)
        first = 0
        while first < len(block):
            last = min(len(block), first + at_once, first + self._limits.records - self._n_records)
            begin, end = np.searchsorted(block.call_record, [first, last])
            self._add_calls(
                last - first,
                block.call_record[begin:end] - first,
                block.call_sample[begin:end],
                code[block.call_genotype[begin:end]],
            )
            for name in (*_SITES, "text_size"):
                self._sites.setdefault(name, []).append(getattr(block, name)[first:last])
            self._sites.setdefault("text", []).append(block.text[text_first[first] : text_first[last]])
            self._n_records += last - first
            if self._is_full():
                self._write_block()
            first = last

    def finish(self, counts: Mapping[str, int]) -> str:
        """Write what is left and the index.

        Args:
            counts: what was met in the source that is read otherwise than it stands, and how often.

        Returns:
            The file's checksum.
        """
        if self._n_records:
            self._write_block()
        index = {"contig": self._contig, "records": self.records, "people": self._n_samples, "counts": counts}
        return self._file.finish({**index, "genotypes": list(self._genotypes), "blocks": self._blocks})

    def _add_calls(self, n_records: int, record: np.ndarray, sample: np.ndarray, genotype: np.ndarray) -> None:
        counts = np.bincount(genotype, minlength=MOST_GENOTYPES)
        if self._calls is None:
            # What was usual a while ago counts less: chromosomes X and Y change in the middle.
            self._seen = self._seen // 2 + counts
            usual = np.argsort(-self._seen, kind="stable")[:_USUAL]
            self._calls = BlockCalls(self._n_samples, np.sort(usual[self._seen[usual] > 0]))
        else:
            self._seen += counts
        self._calls.add(n_records, record, sample, genotype)

    def _is_full(self) -> bool:
        assert self._calls is not None
        return (
            self._n_records >= self._limits.records
            or self._calls.n_listed >= self._limits.calls
            or self._calls.dense_size >= self._limits.dense
        )

    def _write_block(self) -> None:
        assert self._calls is not None
        sites = {name: np.concatenate(parts) for name, parts in self._sites.items()}
        self._blocks.append({**write_sites(self._file, sites), "calls": self._calls.write(self._file)})
        self.records += self._n_records
        self._sites, self._calls, self._n_records = {}, None, 0

    def _code(self, text: str) -> int:
        code = self._genotypes.setdefault(text, len(self._genotypes))
        if code >= MOST_GENOTYPES:
            raise InputError(
                "has more different genotypes than a store holds", file=self._source, remedy="Use the file itself."
            )
        return code
