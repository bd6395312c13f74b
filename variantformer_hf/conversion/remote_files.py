"""Files of the release at their sources, in a bucket or the code repository, with sizes and checksums."""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .released_files import FOLDERS, ReleasedFile

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at its source; ``in_code``: one of the vocabularies of the code repository."""

    key: str
    path: str
    size: int
    etag: str
    filesystem: "AbstractFileSystem"
    in_code: bool = False


def find_remotes(
    named: list[ReleasedFile], wanted: tuple[str, ...], source: str, code: str, options: dict[str, Any]
) -> list[RemoteFile]:
    """The files at their sources, with sizes."""
    needs_bucket = any(not file.in_code for file in named) or any(group in FOLDERS for group in wanted)
    bucket, root = _open_source(source, options) if needs_bucket else (None, "")
    found = []
    for file in named:
        if file.in_code:
            found.append(replace(_look_up(*_open_source(code, {}), file.key, code), in_code=True))
        else:
            assert bucket is not None
            found.append(_look_up(bucket, root, file.key, source))
    for group in wanted:
        for folder in FOLDERS.get(group, ()):
            assert bucket is not None
            found += _listed(bucket, root, folder, source)
    return found


def _open_source(address: str, options: dict[str, Any]) -> tuple["AbstractFileSystem", str]:
    import fsspec

    if address.startswith("s3://"):
        options = {"anon": True, **options}
    try:
        filesystem, root = fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        raise InputError(
            f"reading {address.partition('://')[0]}:// needs a library: {error}",
            remedy="Install it: pip install 'variantformer-hf[fetch]'.",
        ) from error
    except ValueError as error:
        raise InputError(f"is not an address: {error}", file=address) from error
    return filesystem, root.rstrip("/")


def _look_up(filesystem: "AbstractFileSystem", root: str, key: str, source: str) -> RemoteFile:
    path = f"{root}/{key}"
    try:
        return _remote(filesystem, key, path, filesystem.info(path))
    except FileNotFoundError as error:
        raise InputError(
            f"has no {key}", file=source, remedy="Check the address, or ask for less with --what."
        ) from error
    except Exception as error:
        raise _unreachable(source, error) from error


def _listed(filesystem: "AbstractFileSystem", root: str, folder: str, source: str) -> list[RemoteFile]:
    try:
        entries = filesystem.find(f"{root}/{folder}", detail=True)
    except Exception as error:
        raise _unreachable(source, error) from error
    if not entries:
        raise InputError(f"has nothing under {folder}", file=source, remedy="Check the address.")
    prefix = len(root) + 1
    return [_remote(filesystem, path[prefix:], path, info) for path, info in sorted(entries.items())]


def _remote(filesystem: "AbstractFileSystem", key: str, path: str, info: dict[str, Any]) -> RemoteFile:
    parts = PurePosixPath(key).parts
    if PurePosixPath(key).is_absolute() or ".." in parts or "\\" in key:
        raise InputError(f"lists a file outside its own folder: {key!r}")
    etag = str(info.get("ETag") or info.get("etag") or "").strip('"')
    size = info.get("size")
    if size is None:  # a server that does not say it before sending
        size = len(filesystem.cat_file(path))
    return RemoteFile(key, path, int(size), etag, filesystem)


def _unreachable(source: str, error: Exception) -> InputError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return InputError(f"cannot be reached ({reason})", file=source, remedy="Check the line, and start again.")
