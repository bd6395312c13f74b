"""A web server on this machine that sends parts of files, counts what it is asked for, and fails as it is told."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class WebServer:
    """What the server has and does; tests read and change it.

    Attributes:
        url: its address.
        files: by path, without the first slash.
        requests: path and the part of it that was asked for, in order.
        sent: bytes of bodies that went out.
        statuses: path -> statuses that its next answers have instead; the last one stays.
        breaks: path -> bytes that each of its next answers has before the line breaks.
        pages: paths that answer with a page to log in.
        has_ranges, has_times: it sends parts of files; it says when they were written.
        queries: path -> the query that is needed, as of a signed address.
        modified: seconds since 1970, of all files but those in ``modified_of``.
        silent: seconds before it answers.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, tuple[int, int] | None]] = field(default_factory=list)
    sent: int = 0
    statuses: dict[str, list[int]] = field(default_factory=dict)
    breaks: dict[str, list[int]] = field(default_factory=dict)
    pages: set[str] = field(default_factory=set)
    has_ranges: bool = True
    has_versions: bool = True
    queries: dict[str, str] = field(default_factory=dict)
    modified: float = 1_700_000_000.0
    modified_of: dict[str, float] = field(default_factory=dict)
    silent: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *paths: Path, folder: str = "") -> str:
        """Serve files with their indexes; the address of the first."""
        for path in paths:
            for file in (path, *(Path(f"{path}{suffix}") for suffix in (".tbi", ".csi", ".fai", ".gzi"))):
                if file.exists():
                    self.files[f"{folder}{file.name}"] = file.read_bytes()
        return f"{self.url}/{folder}{paths[0].name}"

    def forget(self) -> None:
        """Count anew."""
        self.requests, self.sent = [], 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else a body waits forty milliseconds for the head before it to be acknowledged.
    disable_nagle_algorithm = True
    server: "_Server"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        web = self.server.web
        parts = urlsplit(self.path)
        name = unquote(parts.path).lstrip("/")
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        part = (int(asked[1]), int(asked[2]) + 1) if asked else None
        with web.lock:
            web.requests.append((name, part))
            statuses = web.statuses.get(name, [])
            status = statuses[0] if statuses else 200
            if len(statuses) > 1:
                statuses.pop(0)
        time.sleep(web.silent)
        if name in web.pages:
            self._send(200, b"<html>Log in</html>", {"Content-Type": "text/html; charset=utf-8"})
        elif status != 200:
            self._send(status, b"no", {})
        elif parts.query != web.queries.get(name, parts.query):
            self._send(403, b"<Error>Request has expired</Error>", {"Content-Type": "application/xml"})
        elif name not in web.files:
            self._send(404, b"no such file", {})
        else:
            self._file(name, web.files[name], part)

    def _file(self, name: str, content: bytes, part: tuple[int, int] | None) -> None:
        web = self.server.web
        headers = {"Content-Type": "application/octet-stream"}
        if web.has_versions:
            headers["ETag"] = f'"{md5(content).hexdigest()}"'
            headers["Last-Modified"] = formatdate(web.modified_of.get(name, web.modified), usegmt=True)
        if part is None or not web.has_ranges:
            self._send(200, content, headers)
        elif part[0] >= len(content):
            self._send(416, b"", {**headers, "Content-Range": f"bytes */{len(content)}"})
        else:
            first, end = part[0], min(part[1], len(content))
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(content)}"
            with web.lock:
                after = web.breaks[name].pop(0) if web.breaks.get(name) and end - first > 1 else None
            self._send(206, content[first:end], headers, after)

    def _send(self, status: int, body: bytes, headers: dict[str, str], after: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with self.server.web.lock:
            self.server.web.sent += len(body if after is None else body[:after])
        self.wfile.write(body if after is None else body[:after])
        if after is not None:
            self.wfile.flush()
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, web: WebServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.web = web

    def handle_error(self, *arguments: object) -> None:
        """Clients that hang up are part of the tests."""


@contextmanager
def web_server() -> Iterator[WebServer]:
    """A running server, empty."""
    web = WebServer()
    server = _Server(web)
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
