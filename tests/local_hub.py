"""A Hub on this machine: the routes that huggingface-hub uses to read, upload, tag and propose, kept in memory.

Files that are large on the real Hub (weights, Parquet) go the way of LFS here too, with SHA-256 as their ETag. Faults
are set by path: a connection that breaks off, bytes that are not those of the hash, a repository that needs a token.
"""

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, unquote, urlsplit

from forked_processes import Forked

TOKEN = "hf_local"
LARGE = (".safetensors", ".parquet")
# The client reads the environment when it is imported, which was before the process was forked.
_CLIENT_OF_THIS_HUB = """
import importlib
from huggingface_hub import constants
importlib.reload(constants)
"""


@dataclass
class Repository:
    """Commits by SHA, and what points at them."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        names = "".join(f"{name}{hashlib.sha1(content).hexdigest()}" for name, content in sorted(files.items()))
        sha = hashlib.sha1(f"{names}{len(self.commits)}".encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.refs[ref] = sha
        return sha

    def at(self, revision: str) -> str | None:
        """SHA of a branch, tag, pull request or commit."""
        named = {**self.refs, **self.tags}
        return named.get(revision) or (revision if revision in self.commits else None)


@dataclass
class LocalHub:
    """The state of the server; tests read and change it.

    Attributes:
        repositories: by id.
        uploads: large files by SHA-256, whether or not a commit names them.
        requests: "METHOD path", in order, with the first byte that was asked for where it is not 0.
        breaks: "user/name/path" -> bytes that each of the next downloads of it gets before the line breaks.
        corrupt: "user/name/path" of files whose bytes are wrong at the right length.
        refuse_uploads_after: large uploads that are still accepted; None = all.
        card_errors: what the Hub's check of cards answers.
    """

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    breaks: dict[str, list[int]] = field(default_factory=dict)
    corrupt: set[str] = field(default_factory=set)
    refuse_uploads_after: int | None = None
    card_errors: list[str] = field(default_factory=list)

    def add(self, name: str, files: dict[str, bytes]) -> Repository:
        repository = self.repositories.setdefault(name, Repository())
        repository.commit(files)
        return repository

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """Environment of a process that has this Hub and a cache of its own."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
        return {
            **inherited,
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "OMP_NUM_THREADS": "1",
            **more,
        }

    def run(self, home: Path, code: str, *arguments: object, **environment: str) -> Forked:
        """Run code in a process that has this Hub, to its end."""
        home.mkdir(parents=True, exist_ok=True)
        script = home / "asked.py"
        script.write_text(_CLIENT_OF_THIS_HUB + code)
        with mock.patch.dict(os.environ, self.environment(home, **environment), clear=True):
            process = Forked([script, *arguments], home / "said")
        process.wait(300)
        return process

    def python(self, home: Path, code: str, *arguments: object, **environment: str) -> Any:
        """Run code in a process that has this Hub; the JSON in the last line that it prints."""
        done = self.run(home, code, *arguments, **environment)
        assert done.code == 0, done.said[-3_000:]
        return json.loads(done.said.splitlines()[-1])


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _is_large(path: str) -> bool:
    return path.endswith(LARGE)


def _entry(path: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": blob_id(content)}
    if _is_large(path):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return entry


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else a body waits forty milliseconds for the head before it to be acknowledged.
    disable_nagle_algorithm = True
    server: "_Server"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET

    def _answer(self) -> None:
        hub = self.server.hub
        parts = urlsplit(self.path)
        path, self.query = unquote(parts.path), parse_qs(parts.query)
        self.content = self._body()
        asked = re.fullmatch(r"bytes=([1-9]\d*)-", self.headers.get("Range") or "")
        hub.requests.append(f"{self.command} {path}" + (f" from {asked[1]}" if asked else ""))
        for pattern, name in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match:
                self._route(getattr(self, name), match.groupdict())
                return
        self._json(404, {"error": f"no route {path}"})

    def _route(self, handler: Callable[..., None], groups: dict[str, str]) -> None:
        """Call a handler with the repository, and the commit that must be there, unless these are refused."""
        if "repository" not in groups:
            handler(**groups)
            return
        found = self._repository(groups["repository"])
        if found is None:
            return
        if handler in (self.info, self.tree, self.resolve):
            revision = groups.pop("revision", "main")
            sha = found.at(revision)
            if sha is None:
                self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
                return
            groups["sha"] = sha
        handler(found, **groups)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().strip() or b"0", 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _json(self, status: int, content: object, **headers: str) -> None:
        body = json.dumps(content).encode()
        self._send(status, body, {"Content-Type": "application/json", **headers})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _error(self, status: int, code: str, message: str) -> None:
        self._json(status, {"error": message}, **{"X-Error-Code": code, "X-Error-Message": message})

    def _is_known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _repository(self, repository: str) -> Repository | None:
        """The repository, or None when the refusal has been sent."""
        found = self.server.hub.repositories.get(repository)
        if found is None or (found.private and not self._is_known()):
            # The real Hub does not tell strangers which private repositories there are.
            self._error(404 if self._is_known() else 401, "RepoNotFound", "Repository not found")
            return None
        if found.gated and not self._is_known():
            self._error(401, "GatedRepo", "Access to this model is restricted")
            return None
        return found

    def whoami(self) -> None:
        if not self._is_known():
            self._json(401, {"error": "Invalid credentials"})
            return
        role = {"accessToken": {"role": "write", "displayName": "local"}, "type": "access_token"}
        self._json(200, {"type": "user", "name": "me", "orgs": [], "auth": role})

    def create(self) -> None:
        if not self._is_known():
            self._json(401, {"error": "Invalid credentials"})
            return
        asked = json.loads(self.content)
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        if name in self.server.hub.repositories:
            self._json(409, {"error": "You already created this model repo", "url": f"{self.server.hub.url}/{name}"})
            return
        repository = self.server.hub.add(name, {".gitattributes": b""})
        repository.private = bool(asked.get("private")) or asked.get("visibility") == "private"
        self._json(200, {"url": f"{self.server.hub.url}/{name}", "name": name, "id": name})

    def check_card(self) -> None:
        errors = [{"message": message} for message in self.server.hub.card_errors]
        if errors:
            self._send(400, json.dumps({"errors": errors, "warnings": []}).encode(), {})
        else:
            self._json(200, {"errors": [], "warnings": []})

    def info(self, found: Repository, repository: str, sha: str) -> None:
        siblings = [{"rfilename": path} for path in found.commits[sha]]
        content = {"id": repository, "modelId": repository, "sha": sha, "private": found.private, "tags": []}
        self._json(200, {**content, "downloads": 0, "likes": 0, "siblings": siblings})

    def tree(self, found: Repository, repository: str, sha: str) -> None:
        self._json(200, [_entry(path, content) for path, content in found.commits[sha].items()])

    def paths(self, found: Repository, repository: str, revision: str) -> None:
        asked = (
            json.loads(self.content)["paths"]
            if self.content.startswith(b"{")
            else parse_qs(self.content.decode())["paths"]
        )
        files = found.commits[found.at(revision) or ""]
        self._json(200, [_entry(path, files[path]) for path in asked if path in files])

    def references(self, found: Repository, repository: str) -> None:

        def listed(names: dict[str, str], kind: str) -> list[dict[str, str]]:
            return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha} for name, sha in names.items()]

        branches = {name: sha for name, sha in found.refs.items() if not name.startswith("refs/")}
        self._json(200, {"branches": listed(branches, "heads"), "tags": listed(found.tags, "tags"), "converts": []})

    def tag(self, found: Repository, repository: str, revision: str) -> None:
        name = json.loads(self.content)["tag"]
        if name in found.tags:
            self._json(409, {"error": f"Tag reference exists already: {name}"})
        else:
            found.tags[name] = found.at(revision) or ""
            self._json(200, {})

    def preupload(self, found: Repository, repository: str, revision: str) -> None:
        files = found.commits.get(found.at(revision) or "", {})
        answers = []
        for asked in json.loads(self.content)["files"]:
            path = asked["path"]
            known = blob_id(files[path]) if path in files else None
            mode = "lfs" if _is_large(path) else "regular"
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": known})
        self._json(200, {"files": answers})

    def batch(self, found: Repository, repository: str) -> None:
        objects = []
        for asked in json.loads(self.content)["objects"]:
            entry = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.server.hub.uploads:
                entry["actions"] = {"upload": {"href": f"{self.server.hub.url}/upload/{asked['oid']}"}}
            objects.append(entry)
        self._json(200, {"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        hub = self.server.hub
        if hub.refuse_uploads_after is not None and len(hub.uploads) >= hub.refuse_uploads_after:
            self._json(400, {"error": "the line was cut"})
        elif hashlib.sha256(self.content).hexdigest() != oid:
            self._json(400, {"error": "another hash than announced"})
        else:
            hub.uploads[oid] = self.content
            self._json(200, {})

    def commit(self, found: Repository, repository: str, revision: str) -> None:
        hub = self.server.hub
        files = dict(found.commits.get(found.at(revision) or "", {}))
        for line in self.content.splitlines():
            step = json.loads(line)
            value = step["value"]
            if step["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif step["key"] == "lfsFile":
                files[value["path"]] = hub.uploads[value["oid"]]
            elif step["key"] == "deletedFile":
                files.pop(value["path"], None)
        answer = {"success": True}
        ref = revision
        if self.query.get("create_pr") == ["1"]:
            number = 1 + sum(name.startswith("refs/pr/") for name in found.refs)
            ref = f"refs/pr/{number}"
            answer["pullRequestUrl"] = f"{hub.url}/{repository}/discussions/{number}"
        sha = found.commit(files, ref)
        self._json(200, {**answer, "commitUrl": f"{hub.url}/{repository}/commit/{sha}", "commitOid": sha})

    def resolve(self, found: Repository, repository: str, sha: str, path: str) -> None:
        hub = self.server.hub
        content = found.commits[sha].get(path)
        if content is None:
            body = json.dumps({"error": "Entry not found"}).encode()
            self._send(404, body, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha})
            return
        etag = hashlib.sha256(content).hexdigest() if _is_large(path) else blob_id(content)
        full_name = f"{repository}/{path}"
        if full_name in hub.corrupt:
            content = bytes(byte ^ 1 for byte in content)
        headers = {"X-Repo-Commit": sha, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        first, asked = 0, re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if asked:
            first = int(asked[1])
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        status = 206 if asked else 200
        if self.command == "GET" and hub.breaks.get(full_name):
            self._break_off(status, content[first:], headers, hub.breaks[full_name].pop(0))
        else:
            self._send(status, content[first:], headers)

    def _break_off(self, status: int, content: bytes, headers: dict[str, str], after: int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:after])
        self.wfile.flush()
        self.close_connection = True


_ID = r"(?P<repository>[^/]+/[^/]+)"
_ROUTES = [
    (r"/api/whoami-v2", "whoami"),
    (r"/api/repos/create", "create"),
    (r"/api/validate-yaml", "check_card"),
    (rf"/api/models/{_ID}", "info"),
    (rf"/api/models/{_ID}/revision/(?P<revision>.+)", "info"),
    (rf"/api/models/{_ID}/tree/(?P<revision>[^/]+)", "tree"),
    (rf"/api/models/{_ID}/paths-info/(?P<revision>.+)", "paths"),
    (rf"/api/models/{_ID}/refs", "references"),
    (rf"/api/models/{_ID}/tag/(?P<revision>.+)", "tag"),
    (rf"/api/models/{_ID}/preupload/(?P<revision>.+)", "preupload"),
    (rf"/api/models/{_ID}/commit/(?P<revision>.+)", "commit"),
    (rf"/{_ID}\.git/info/lfs/objects/batch", "batch"),
    (r"/upload/(?P<oid>[0-9a-f]{64})", "upload"),
    (rf"/{_ID}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "resolve"),
]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: LocalHub, handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.hub = hub

    def handle_error(self, *arguments: object) -> None:
        """Clients that hang up are part of the tests."""


@contextmanager
def local_hub() -> Iterator[LocalHub]:
    """A running Hub, empty."""
    hub = LocalHub()
    server = _Server(hub, _Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
