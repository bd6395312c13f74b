"""A local copy of the release, brought into the bucket's layout."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..errors import InputError
from ..genome.provenance import file_sha256
from .fetch_progress import Progress
from .fetched import RECORD, FetchedFile, FetchRecord
from .released_files import FOLDERS, files_of, find_file
from .verification import check_code_file


def copy_released(
    copy: str | Path,
    output: str | Path,
    *,
    what: Iterable[str] = ("weights", "genes", "cres"),
    models: Iterable[str] = ("pcg",),
    on_bytes: Callable[[int, int], None] | None = None,
) -> list[FetchedFile]:
    """Bring a local copy of the release, in the released downloader's layout or the bucket's, into the bucket's layout.

    Files are linked where the disk is the same, else copied; the hash of a copy is compared.

    Args:
        copy: the local copy.
        output, what, models, on_bytes: as for :func:`fetch_released`.

    Raises:
        InputError: files that were asked for are not there, all of them named.
    """
    copy, output, wanted = Path(copy), Path(output), tuple(what)
    if not copy.is_dir():
        raise InputError("is not a folder", file=copy)
    pairs, missing = [], []
    for file in files_of(wanted, models):
        found = find_file(copy, file)
        if found is None:
            missing.append(file.key)
        else:
            pairs.append((file.key, found, file.in_code))
    for group in (group for group in wanted if group in FOLDERS):
        inside = [(key, path, False) for key, path in _in_copy(copy, group)]
        pairs += inside
        if not inside:
            missing += [f"{folder} ({group})" for folder in FOLDERS[group]]
    if missing:
        shown = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        raise InputError(
            f"lacks {len(missing)} of the files asked for: {shown}",
            file=copy,
            remedy="Ask for less with --what and --models, or fetch them.",
        )
    output.mkdir(parents=True, exist_ok=True)
    record = FetchRecord(output / RECORD)
    progress = Progress(sum(path.stat().st_size for _, path, _ in pairs), on_bytes)
    done = []
    for key, path, in_code in pairs:
        digest = _place(path, output / key)
        if in_code:
            check_code_file(output / key, key)
        done.append(FetchedFile(key, path.stat().st_size, "", digest, "content" if in_code else "sha256"))
        record.add(done[-1])
        progress.add(path.stat().st_size)
    record.flush()
    return done


def _in_copy(copy: Path, group: str) -> Iterator[tuple[str, Path]]:
    """Files of a group of folders: under their keys, or as the released code laid them out before."""
    for key in FOLDERS[group]:
        for root in (copy / key, copy / key.removeprefix("model/common/")):
            if root.is_file():
                yield key, root
                break
            if root.is_dir():
                for path in sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"):
                    yield f"{key}/{path.relative_to(root).as_posix()}", path
                break


def _place(path: Path, target: Path) -> str:
    """Link or copy a file; its SHA-256."""
    digest = file_sha256(path)
    if target.is_file() and file_sha256(target) == digest:
        return digest
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(path.resolve(), partial)
    except OSError:
        shutil.copyfile(path, partial)
        if file_sha256(partial) != digest:
            partial.unlink()
            raise InputError("was not copied as it is", file=path, remedy="Start again.") from None
    partial.replace(target)
    return digest
