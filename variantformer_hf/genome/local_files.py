"""Files that are read by region lie on a disk: what else is given in their place is told by its kind."""

import re
import stat
from os import PathLike
from pathlib import Path

from ..errors import UNREADABLE, InputError, unreadable

# A path object has lost one of the two slashes of an address.
_ADDRESS = re.compile(r"(?i)(https?|ftps?|s3|gs|gcs|az|abfs|hf|file|drs):/+")
_STREAMS = ("/dev/", "/proc/")


def is_address(text: str) -> bool:
    """Whether a text is the address of a file elsewhere."""
    return _ADDRESS.match(text) is not None


def local_file(path: str | PathLike[str], kind: str) -> Path:
    """The path of a file that can be read and read again.

    Args:
        path: as the user gave it.
        kind: what is wanted, for messages: ``FASTA``, ``VCF or BCF``.

    Raises:
        InputError: it is an address, a stream, a folder, is not there, or may not be read.
    """
    text, found = str(path), Path(path)
    if is_address(text):
        raise InputError(
            "is an address, and only local files are read",
            file=_ADDRESS.sub(r"\1://", text, count=1),
            remedy="Download it, and its index beside it.",
        )
    if text == "-" or text.startswith(_STREAMS):
        raise _stream(text, kind)
    try:
        mode = found.stat().st_mode
        if stat.S_ISREG(mode):  # a stream would be waited for
            with found.open("rb"):
                return found
    except UNREADABLE as error:
        raise unreadable(found, error, "Check the path.") from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=found, remedy="Check the path.") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"is a folder, not a {kind}", file=found, remedy="Name the file in it.")
    raise _stream(text, kind)


def _stream(text: str, kind: str) -> InputError:
    return InputError(
        f"is a stream, and a {kind} is read by region, again and again",
        file=text,
        remedy="Write it to a file (compressed with bgzip) and index that.",
    )
