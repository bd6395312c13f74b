"""The calls of a store's block, by person: those that few people carry as a list, the others two bits a person.

A person's list is made of record numbers in ascending order (Elias and Fano's code): the lowest byte stands by itself,
as many bits above it as save the most do so too, and the rest is one bit a call and one bit for each group of records
that share it. Beside the list the genotypes stand in as few bits as tell the usual ones apart; the others are said in
full. Genotypes are numbers into the contig's list, of which 0 is 0/0: what neither list nor the two bits say otherwise.
"""

from typing import Any

import numpy as np

from .bit_packing import bytes_with, n_bytes, packed, unpacked
from .checked_file import CheckedFile, CheckedWriter

# Values of two bits.
_DENSE = 4
# Bits above the lowest byte of a record's number that may stand by themselves.
_MIDDLE_BITS = (0, 1, 2, 4, 8)
_OTHER_BYTES = 6
_CELLS_AT_ONCE = 1 << 23
MOST_RECORDS = 1 << 16
MOST_GENOTYPES = 1 << 16


class BlockCalls:
    """Calls of a block that is being made.

    Args:
        n_samples: people.
        usual: up to three genotypes that two bits can say, beside 0/0.

    Attributes:
        dense_size: bytes that the two bits take.
        n_listed: calls in lists.
    """

    def __init__(self, n_samples: int, usual: np.ndarray) -> None:
        self._n_samples = n_samples
        self._usual = usual
        self._value = np.zeros(MOST_GENOTYPES, dtype=np.uint8)
        self._value[usual] = 1 + np.arange(len(usual), dtype=np.uint8)
        self._is_dense: list[np.ndarray] = []
        self._dense: list[np.ndarray] = []
        self._listed: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.dense_size = self.n_listed = 0

    def add(self, n_records: int, record: np.ndarray, sample: np.ndarray, genotype: np.ndarray) -> None:
        """Put some records' calls behind those that are there.

        Args:
            n_records: how many, with and without calls.
            record, sample, genotype: (c,) of each call: which of these records, of whom, what.
        """
        value = self._value[genotype]
        # A call in a list takes about 12 bits.
        is_dense = 6 * np.bincount(record[value > 0], minlength=n_records) > self._n_samples
        in_bits = is_dense[record] & (value > 0)
        row = np.cumsum(is_dense) - 1
        cells = np.zeros((int(is_dense.sum()), self._n_samples), dtype=np.uint8)
        cells[row[record[in_bits]], sample[in_bits]] = value[in_bits]
        self._dense.append(packed(cells, 2))
        before = sum(map(len, self._is_dense))
        self._is_dense.append(is_dense)
        of_person = np.uint16 if self._n_samples <= 1 << 16 else np.uint32  # the narrower one is sorted faster
        listed = ((record[~in_bits] + before).astype(np.uint16), sample[~in_bits].astype(of_person))
        self._listed.append((*listed, genotype[~in_bits].astype(np.uint16)))
        self.dense_size += self._dense[-1].size
        self.n_listed += len(listed[0])

    def write(self, file: CheckedWriter) -> dict[str, Any]:
        """Write them; what a :class:`StoredCalls` has to know."""
        is_dense = np.concatenate(self._is_dense)
        said: dict[str, Any] = {"dense": int(is_dense.sum()), "listed": self.n_listed}
        if said["dense"]:
            said |= {"usual": [0, *self._usual.tolist()], "is_dense": file.add(packed(is_dense.view(np.uint8), 1))}
            said["rows"] = self._write_rows(file)
        if self.n_listed:
            said |= self._write_lists(file, len(is_dense))
        return said

    def _write_rows(self, file: CheckedWriter) -> int:
        """Two bits a record, person by person; where they begin."""
        cells = np.concatenate(self._dense)
        self._dense = []
        begin = -1
        people = max(4, _CELLS_AT_ONCE // len(cells) // 4 * 4)
        for first in range(0, self._n_samples, people):
            some = unpacked(cells[:, first // 4 : (first + people) // 4], 2)
            some = np.ascontiguousarray(some.T[: self._n_samples - first])
            written = file.add(packed(some, 2).reshape(-1), aligned=begin < 0)
            begin = written if begin < 0 else begin
        return begin

    def _write_lists(self, file: CheckedWriter, n_records: int) -> dict[str, Any]:
        record, sample, genotype = (np.concatenate(parts) for parts in zip(*self._listed, strict=True))
        self._listed = []
        order = np.argsort(sample, kind="stable")
        record, genotype = record[order], genotype[order]
        per_person = np.bincount(sample, minlength=self._n_samples)
        n_groups = {width: -(-n_records >> 8 + width) for width in _MIDDLE_BITS}
        n_bits = {width: len(record) + n * self._n_samples if n > 1 else 0 for width, n in n_groups.items()}
        width = min(_MIDDLE_BITS, key=lambda width: n_bytes(len(record), width) + n_bits[width] // 8)
        said: dict[str, Any] = {
            "first": file.add(np.concatenate([[0], np.cumsum(per_person)]).astype(np.uint32)),
            "low": file.add(record.astype(np.uint8)),
            "middle_bits": width,
            "groups": n_groups[width],
        }
        if width:
            said["middle"] = file.add(packed((record >> 8 & (1 << width) - 1).astype(np.uint8), width))
        if n_groups[width] > 1:
            person = np.repeat(np.arange(self._n_samples), per_person)
            bits = np.zeros(n_bits[width], dtype=np.uint8)
            bits[np.arange(len(record)) + person * n_groups[width] + (record >> 8 + width)] = 1
            said["bits"] = file.add(packed(bits, 1))
        return said | _write_genotypes(file, genotype)


def _write_genotypes(file: CheckedWriter, genotype: np.ndarray) -> dict[str, Any]:
    kinds, counts = np.unique(genotype, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    kinds, counts = kinds[order], counts[order]
    sizes = {}
    for width in (1, 2, 4, 8):
        n_usual = len(kinds) if len(kinds) <= 1 << width else (1 << width) - 1
        sizes[n_bytes(len(genotype), width) + _OTHER_BYTES * int(counts[n_usual:].sum()), width] = n_usual
    size, width = min(sizes)
    usual = kinds[: sizes[size, width]]
    value = np.full(MOST_GENOTYPES, len(usual), dtype=np.int64)
    value[usual] = np.arange(len(usual))
    of_calls = value[genotype].astype(np.uint8)
    others = np.flatnonzero(of_calls == len(usual))
    said: dict[str, Any] = {"width": width, "genotypes": usual.tolist(), "others": len(others)}
    said["values"] = file.add(packed(of_calls, width))
    if len(others):
        said["other_calls"] = file.add(others.astype(np.uint32))
        said["other_genotypes"] = file.add(genotype[others])
    return said


class StoredCalls:
    """The calls of a block, read.

    Args:
        file: they stand in.
        n_records: of the block.
        said: what was written, as :meth:`BlockCalls.write` gave it.

    Raises:
        DamagedFileError: which records' calls stand in two bits is damaged.
    """

    def __init__(self, file: CheckedFile, n_records: int, said: dict[str, Any]) -> None:
        self._file, self._n_records, self._said = file, n_records, said
        self._dense_records = np.zeros(0, dtype=np.int64)
        if said["dense"]:
            bits = file.array(said["is_dense"], np.uint8, n_bytes(n_records, 1))
            self._dense_records = np.flatnonzero(unpacked(bits, 1))
            self._usual = np.array([*said["usual"], *[0] * _DENSE][:_DENSE], dtype=np.uint16)

    def of_person(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """One person's calls that are not 0/0.

        Args:
            number: of the person among the samples.

        Returns:
            (c,) numbers of the records, (c,) genotypes; in no order, but each record once.

        Raises:
            DamagedFileError: they are damaged.
        """
        records, genotypes = [], []
        if self._said["dense"]:
            size = n_bytes(self._said["dense"], 2)
            row = self._file.array(self._said["rows"] + number * size, np.uint8, size)
            value = unpacked(row, 2)[: self._said["dense"]]
            carried = np.flatnonzero(value)
            records.append(self._dense_records[carried])
            genotypes.append(self._usual[value[carried]])
        if self._said["listed"]:
            first, last = self._file.array(self._said["first"] + 4 * number, np.uint32, 2).tolist()
            if last > first:
                records.append(self._listed(number, first, last))
                genotypes.append(self._genotypes(first, last))
        if not records:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint16)
        return np.concatenate(records), np.concatenate(genotypes)

    def _listed(self, number: int, first: int, last: int) -> np.ndarray:
        n, said = last - first, self._said
        records = self._file.array(said["low"] + first, np.uint8, n).astype(np.int64)
        if said["middle_bits"]:
            records += self._numbers(said["middle"], said["middle_bits"], first, last).astype(np.int64) << 8
        if said["groups"] > 1:
            begin = first + number * said["groups"]
            bits = self._numbers(said["bits"], 1, begin, begin + n + said["groups"])
            records += (np.flatnonzero(bits) - np.arange(n)) << 8 + said["middle_bits"]
        return records

    def _genotypes(self, first: int, last: int) -> np.ndarray:
        said = self._said
        value = self._numbers(said["values"], said["width"], first, last)
        genotypes = np.array([*said["genotypes"], 0], dtype=np.uint16)[value]
        if said["others"]:
            others = self._file.array(said["other_calls"], np.uint32, said["others"])
            low, high = np.searchsorted(others, [first, last]).tolist()
            in_full = self._file.array(said["other_genotypes"] + 2 * low, np.uint16, high - low)
            genotypes[others[low:high].astype(np.int64) - first] = in_full
        return genotypes

    def _numbers(self, place: int, width: int, first: int, last: int) -> np.ndarray:
        """Numbers [first, last) of a packed array of the file."""
        begin, size, skipped = bytes_with(first, last, width)
        return unpacked(self._file.array(place + begin, np.uint8, size), width)[skipped : skipped + last - first]
