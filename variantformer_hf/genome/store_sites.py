"""What the records of a store's block are: two bytes for where each is, one or two for what it is.

What a record is, REF, ALT, FILTER and the rest, is its kind; each kind stands once in a block.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .checked_file import CheckedFile, CheckedWriter
from .store_layout import HOM_REF, LONGER, PASSES, SITE

# Positions are counted from the first of so many records.
_ANCHORED = 16
_TAB = ord("\t")
# Columns of the table of kinds.
_KINDS: dict[str, type] = {
    "length": np.int32,
    "alleles": np.int64,
    "flags": np.uint8,
    "ref": np.uint8,
    "alt": np.uint8,
    "text_size": np.uint32,
}


@dataclass(frozen=True, slots=True)
class Sites:
    """Records of a block, R of them, of K kinds.

    Attributes:
        position, end, alleles, flags, ref, alt: (R,) as of ``CallBlock``.
        is_site, has_alt, passes: (R,) what the flags say.
        kind: (R,) which of the kinds.
        text_first: (K + 1,) where in ``text`` the text of each kind begins.
        text: REF, ALT and FILTER as of ``CallBlock``.
        letters_first: (R,) where in ``text`` REF and ALT stand of a record that is as long as REF; -1 = not there.
    """

    position: np.ndarray
    end: np.ndarray
    alleles: np.ndarray
    flags: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    is_site: np.ndarray
    has_alt: np.ndarray
    passes: np.ndarray
    kind: np.ndarray
    text_first: np.ndarray
    text: np.ndarray
    letters_first: np.ndarray

    def text_of(self, record: int) -> str:
        """REF, ALT and FILTER of a record, tabs between them."""
        first, last = self.text_first[self.kind[record] : int(self.kind[record]) + 2].tolist()
        text = self.text[first:last].tobytes().decode()
        return text or f"{chr(self.ref[record])}\t{chr(self.alt[record])}\tPASS"

    def texts(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``text_size`` and ``text`` as of ``CallBlock``, of the records that are ``wanted``, (R,) bool, alone."""
        kind = self.kind.astype(np.int64)
        size = np.where(wanted, np.diff(self.text_first)[kind], 0)
        starts = self.text_first[kind]
        places = np.arange(int(size.sum())) + np.repeat(starts - (np.cumsum(size) - size), size)
        return size, self.text[places]


def write_sites(file: CheckedWriter, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Write the records of a block.

    Args:
        file: to write to.
        arrays: position, end, alleles, flags, ref, alt, text_size and text, as of ``CallBlock``.

    Returns:
        What :func:`read_sites` has to know.
    """
    position, length = arrays["position"], arrays["end"] - arrays["position"]
    anchors = position[::_ANCHORED].astype(np.int32)
    offsets = position - np.repeat(anchors, _ANCHORED)[: len(position)]
    kind, table, text = _kinds(arrays, length)
    return {
        "records": len(position),
        "first": int(position[0]),
        "reach": int(arrays["end"].max()),
        "longest": int(length.max()),
        "anchors": file.add(anchors),
        "offset_bytes": (offset_bytes := 2 if int(offsets.max()) < 1 << 16 else 4),
        "offsets": file.add(offsets.astype(f"<u{offset_bytes}")),
        "kinds": len(table["length"]),
        "kind_bytes": (kind_bytes := 1 if len(table["length"]) <= 1 << 8 else 2),
        "kind": file.add(kind.astype(f"<u{kind_bytes}")),
        "table": {name: file.add(table[name].astype(dtype)) for name, dtype in _KINDS.items()},
        "text_size": len(text),
        "text": file.add(np.frombuffer(text, dtype=np.uint8)),
    }


def read_sites(file: CheckedFile, block: dict[str, Any]) -> Sites:
    """The records of a block.

    Raises:
        DamagedFileError: they are damaged.
    """
    n = block["records"]
    anchors = file.array(block["anchors"], np.int32, -(-n // _ANCHORED)).astype(np.int64)
    offsets = file.array(block["offsets"], f"<u{block['offset_bytes']}", n)
    position = np.repeat(anchors, _ANCHORED)[:n] + offsets
    kind = file.array(block["kind"], f"<u{block['kind_bytes']}", n)
    table = {name: file.array(block["table"][name], dtype, block["kinds"]) for name, dtype in _KINDS.items()}
    flags = table["flags"]
    columns: dict[str, np.ndarray] = {
        "position": position,
        "end": position + table["length"][kind],
        **{name: table[name][kind] for name in ("alleles", "flags", "ref", "alt")},
        **{
            name: ((flags & flag) > 0)[kind]
            for name, flag in (("is_site", SITE), ("has_alt", HOM_REF), ("passes", PASSES))
        },
    }
    for values in columns.values():
        values.flags.writeable = False  # all people's readers share them
    text = file.array(block["text"], np.uint8, block["text_size"])
    text_first = np.concatenate([[0], np.cumsum(table["text_size"], dtype=np.int64)])
    return Sites(**columns, kind=kind, text_first=text_first, text=text, letters_first=_letters(table, text)[kind])


def _letters(table: dict[str, np.ndarray], text: np.ndarray) -> np.ndarray:
    """Where REF and ALT of each kind stand, if records of it are as long as REF; else -1."""
    size = table["text_size"].astype(np.int64)
    first = np.cumsum(size) - size
    tabs = np.append(np.flatnonzero(text == _TAB), len(text))
    ref = tabs[np.minimum(np.searchsorted(tabs, first), len(tabs) - 1)] - first
    return np.where((size > 0) & (ref == table["length"]) & (table["flags"] & LONGER == 0), first, -1)


def _kinds(arrays: dict[str, np.ndarray], length: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray], bytes]:
    """Which kind each record is, the table of kinds, and their texts."""
    size, ref, alt = arrays["text_size"], arrays["ref"].astype(np.int64), arrays["alt"].astype(np.int64)
    letters = arrays["flags"].astype(np.int64) << 16 | ref << 8 | alt
    is_plain = (size == 0) & (length == 1) & (arrays["alleles"] == letters & 0xFFFF)
    kind = np.zeros(len(size), dtype=np.int64)
    plain, kind[is_plain] = np.unique(letters[is_plain], return_inverse=True)
    others: dict[tuple[Any, ...], int] = {}
    rows = np.flatnonzero(~is_plain)
    last = np.cumsum(size)
    texts = arrays["text"].tobytes()
    columns = (last - size, last, length, arrays["alleles"], arrays["flags"], arrays["ref"], arrays["alt"])
    kind[rows] = [
        others.setdefault((texts[first:end], *what), len(plain) + len(others))
        for first, end, *what in zip(*(column[rows].tolist() for column in columns), strict=True)
    ]
    text = [key[0] for key in others]
    columns_of_others = list(zip(*(key[1:] for key in others), strict=True)) or [()] * 5
    of_plain = (np.ones(len(plain), np.int64), plain & 0xFFFF, plain >> 16, plain >> 8 & 255, plain & 255)
    table = {
        name: np.concatenate([one, np.array(other, dtype=np.int64)])
        for name, one, other in zip(_KINDS, of_plain, columns_of_others, strict=False)
    }
    table["text_size"] = np.array([0] * len(plain) + [len(each) for each in text], dtype=np.int64)
    return kind, table, b"".join(text)
