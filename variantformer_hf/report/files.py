"""Output files: written under a temporary name, renamed when they are whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError
from ..folder import as_new_file


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, renamed to it when the block ends well and removed when it fails.

    The temporary name ends as ``path`` does, because some writers go by the suffix.
    """
    path = Path(path)
    partial = path.with_name(f".partial-{path.name}")
    try:
        yield partial
        as_new_file(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def check_new(paths: list[Path], *, overwrite: bool) -> None:
    """Refuse to write over files that exist, unless told to, before anything is computed.

    Raises:
        InputError: one exists, or its folder does not.
    """
    for path in paths:
        if not path.parent.is_dir():
            raise InputError("no such folder", file=path.parent, remedy="Make it first.")
        if path.exists() and not overwrite:
            raise InputError("already exists", file=path, remedy="Name another output, or give --overwrite.")
