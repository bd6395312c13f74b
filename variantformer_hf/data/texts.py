"""Sequences of a Parquet file's column ``text``, had by row: they stay on disk, however many there are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import UNREADABLE, InputError, unreadable
from ..files import writing
from ..folder import cache_folder
from ..genome.local_files import whole
from ..genome.provenance import content_of

COLUMN = "text"
_OTHER_LETTERS = "[^ACGTacgt]"
_REMEDY = "`write_variant_windows` (variantformer_hf.data) makes such files."


class Texts:
    """The sequences, in upper case. It can be sent to worker processes: the file is opened there.

    Args:
        path: of the file.

    Attributes:
        path: as given.
        with_other_letters: how many hold letters beside A, C, G and T, which DNABERT-2's tokens do not have.

    Raises:
        InputError: there is no such file, it is damaged, has no column ``text`` of texts, no row, or a row without a
            letter.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = whole(path)
        self._rows: datasets.Dataset | None = None
        self.with_other_letters = self._n_rows = 0
        self._look()

    def __len__(self) -> int:
        return self._n_rows

    def take(self, rows: Sequence[int]) -> list[str]:
        """The sequences of some rows, in their order."""
        if self._rows is None:
            kept = cache_folder() / "texts"
            with writing(kept):  # uncompressed, so that a row is had without those around it
                self._rows = datasets.Dataset.from_parquet(str(self._file), columns=[COLUMN], cache_dir=str(kept))
        return [text.upper() for text in self._rows[list(rows)][COLUMN]]

    def content(self) -> dict[str, Any]:
        """What the sequences are, wherever the file lies."""
        return content_of(self.path)

    def _look(self) -> None:
        """See every row once."""
        try:
            with pq.ParquetFile(self._file) as file:
                names = file.schema_arrow.names
                if COLUMN not in names or not _is_text(file.schema_arrow.field(COLUMN).type):
                    problem = f"has no column {COLUMN} of texts; it has {', '.join(names)}"
                    raise InputError(problem, file=self.path, remedy=_REMEDY)
                for batch in file.iter_batches(columns=[COLUMN]):
                    self._see(batch.column(0))
        except UNREADABLE as error:
            raise unreadable(self.path, error, "Check the path.") from None
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError("is not a Parquet file, or is cut off or damaged", file=self.path) from error
        if not self._n_rows:
            raise InputError("has no row", file=self.path, remedy="Give a file with sequences.")

    def _see(self, texts: pa.Array) -> None:
        lengths = pc.fill_null(pc.utf8_length(texts), 0)
        first = pc.index(lengths, 0).as_py()
        if first >= 0:
            problem = f"has no letter in its column {COLUMN}"
            record = f"row {self._n_rows + first + 1:,}"
            raise InputError(problem, file=self.path, record=record, remedy="Leave the row out.")
        self._n_rows += len(texts)
        self.with_other_letters += pc.sum(pc.match_substring_regex(texts, _OTHER_LETTERS)).as_py() or 0

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_rows": None}


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
