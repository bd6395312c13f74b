"""How far a record spans, by the keys that say so in the files that there are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .consensus import is_reference_block

# ALTs whose SVLEN htslib counts, subtypes (<DEL:ME>) included.
_HAS_LENGTH = re.compile("<(DEL|DUP|CNV|INV)[>:]")
_DEFINITION = re.compile(r"##(INFO|FORMAT)=<(.*)>")
_QUOTED = re.compile(r'"(\\.|[^"\\])*"')


@dataclass(frozen=True, slots=True)
class SpanKeys:
    """Which keys say how far a record spans, as htslib 1.24 has it: those that the header declares as Integer.

    Attributes:
        end, svlen: of INFO.
        length: LEN of FORMAT.
    """

    end: bool = False
    svlen: bool = False
    length: bool = False

    @classmethod
    def declared(cls, header: Sequence[str]) -> "SpanKeys":
        """From the lines of a header; of a key that is declared twice the first declaration counts."""
        types: dict[tuple[str, str], str] = {}
        for line in header:
            found = _DEFINITION.match(line)
            if found:
                fields = dict(field.partition("=")[::2] for field in _QUOTED.sub("", found[2]).split(","))
                types.setdefault((found[1], fields.get("ID", "")), fields.get("Type", ""))
        keys = (("INFO", "END"), ("INFO", "SVLEN"), ("FORMAT", "LEN"))
        return cls(*(types.get(key) == "Integer" for key in keys))

    def spanned(self, position: int, alleles: Sequence[str], info: str, reference_block: str | None) -> tuple[int, int]:
        """Bases that a record spans, and how many of the last ones no region finds it by (0 or 1).

        It is 1 where SVLEN alone says how long the record is: by the index of a VCF it ends a base earlier, so that
        ``bcftools`` leaves it out of a region that begins with its last base.

        Args:
            position: 0-based.
            alleles: REF, then the ALTs.
            info: the INFO column.
            reference_block: LEN of the sample, or None.
        """
        length, deleted = len(alleles[0]), 0
        if self.end and "END=" in info:
            end = _value(info, "END").partition(",")[0]
            if end.isdecimal():
                length = max(length, int(end) - position)
        if self.svlen and "SVLEN=" in info:
            for alt, size in zip(alleles[1:], _value(info, "SVLEN").split(","), strict=False):
                if _HAS_LENGTH.match(alt) and size.removeprefix("-").isdecimal():
                    deleted = max(deleted, abs(int(size)))
        is_block = self.length and any(is_reference_block(alt) for alt in alleles[1:])
        if is_block and reference_block is not None and reference_block.isdecimal():
            length = max(length, int(reference_block))
        return max(length, deleted + 1 if deleted else 0), int(deleted >= length)


def _value(info: str, key: str) -> str:
    """The first value of a key of INFO; "" without one."""
    found = re.search(rf"(?:^|;){key}=([^;]*)", info)
    return found[1] if found else ""
