"""Addresses of files elsewhere: what counts as one, and what of it may be shown and kept."""

import hashlib
import re
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

_ADDRESS = re.compile(r"(?i)(https?|ftps?|s3a?|gs|gcs|az|abfss?|hf|file|drs|gsiftp|oss):/+")
_SCHEME = re.compile(r"(?i)([a-z][a-z0-9+.-]*)://")
_WEB = ("http", "https")
# Parameters of a query that say who asks and until when, not what: of S3, Google, Azure and CloudFront.
_SIGNATURE = re.compile(
    r"(?i)(x-(amz|goog)-.*|awsaccesskeyid|googleaccessid|signature|expires|policy|key-pair-id|.*token.*"
    r"|.*(secret|password|credential).*|api_?key|sig|se|st|sp|sv|sr|spr|sks|skt|ske|skoid|sktid|skv|ss|srt)"
)
# As htslib has it: the index of a file whose index has an address of its own.
INDEX_MARK = "##idx##"


def is_address(text: str) -> bool:
    """Whether a text is the address of a file elsewhere; one that went through a path has lost a slash, and is one."""
    return _ADDRESS.match(text) is not None


def is_whole_address(text: str) -> bool:
    """Whether an address has both its slashes."""
    return _SCHEME.match(text) is not None


def scheme_of(address: str) -> str:
    """``https``, ``s3``, ..."""
    found = _SCHEME.match(address)
    return found[1].lower() if found else ""


def is_web(address: str) -> bool:
    """Whether a web server is asked, and not a library of an object store."""
    return scheme_of(address) in _WEB


def shown(address: str) -> str:
    """An address for people, reports and what is kept: without user, password, query and fragment."""
    if not is_web(address):
        return address.partition(INDEX_MARK)[0]
    parts = urlsplit(address)
    return urlunsplit((parts.scheme.lower(), parts.netloc.rpartition("@")[2], parts.path, "", ""))


def as_given(file: object) -> str:
    """What to call a file in a message: a mirror by its file's address, an address as of :func:`shown`."""
    text = str(getattr(file, "address", file))
    if not is_address(text):
        return text
    return shown(text if is_whole_address(text) else text.replace(":/", "://", 1))


def has_secrets(address: str) -> bool:
    """Whether more is needed to read a file than what may be shown of its address."""
    return shown(address) != address


def name_of(address: str) -> str:
    """The file's name, as the last part of the address; safe on this machine."""
    path = urlsplit(address).path if is_web(address) else address.partition(INDEX_MARK)[0]
    name = unquote(path.rstrip("/").rpartition("/")[2])
    return re.sub(r"[^\w.+=@{}-]", "_", name)[-100:] or "file"


def key_of(address: str) -> str:
    """What tells a file's address from others, however it is signed."""
    kept = ""
    if is_web(address):
        query = parse_qsl(urlsplit(address).query, keep_blank_values=True)
        kept = urlencode([(name, value) for name, value in query if not _SIGNATURE.fullmatch(name)])
    return hashlib.sha256(f"{shown(address)}?{kept}".encode()).hexdigest()[:24]


def beside(address: str, suffix: str) -> str:
    """The address of the file beside, whose name has a suffix more; a query stays behind the path."""
    file, mark, index = address.partition(INDEX_MARK)
    if mark:
        return index
    if not is_web(file):
        return f"{file}{suffix}"
    parts = urlsplit(file)
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path}{suffix}", parts.query, ""))


def with_suffix(address: str, suffix: str) -> str:
    """The address of the file beside, whose name has another last suffix, as of ``Path.with_suffix``."""
    file = without_index(address)
    parts = urlsplit(file)
    path = parts.path if is_web(file) else file
    folder, slash, name = path.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    path = f"{folder}{slash}{stem if dot and stem else name}{suffix}"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")) if is_web(file) else path


def without_index(address: str) -> str:
    """The address of the file itself, of one that names its index too."""
    return address.partition(INDEX_MARK)[0]
