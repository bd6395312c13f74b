"""An S3 service on this machine, as the environment of a process names it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

BUCKET = "cohorts"


@dataclass(frozen=True)
class ObjectStore:
    """The service, with one bucket."""

    endpoint: str
    client: Any

    def add(self, *paths: Path, folder: str = "") -> str:
        """Put files there with their indexes; the address of the first."""
        for path in paths:
            for file in (path, *(Path(f"{path}{suffix}") for suffix in (".tbi", ".csi", ".fai", ".gzi"))):
                if file.exists():
                    self.client.put_object(Bucket=BUCKET, Key=f"{folder}{file.name}", Body=file.read_bytes())
        return f"s3://{BUCKET}/{folder}{paths[0].name}"

    def keys(self, prefix: str = "") -> list[str]:
        """What lies there."""
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for entry in found.get("Contents", ())]


@contextmanager
def object_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A running service, which the libraries find by the environment, with credentials."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=endpoint, config=Config(retries={"max_attempts": 1}))
    client.create_bucket(Bucket=BUCKET)
    try:
        yield ObjectStore(endpoint, client)
    finally:
        server.stop()
        clear_clients()


def clear_clients() -> None:
    """Have the libraries read the environment again."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()


@contextmanager
def failing_proxy(endpoint: str, how: Literal["refuses", "breaks off"], key: str) -> Iterator[str]:
    """A service before the service, which does not take objects whose key ends so; its endpoint.

    Args:
        endpoint: of the service.
        how: it answers 403, or closes the line.
        key: what the keys end in; "" = all.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.command == "PUT" and self.path.partition("?")[0].endswith(key):
                if how == "breaks off":
                    self.close_connection = True
                    return
                status, headers, found = 403, [], b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"
            else:
                there = HTTPConnection(endpoint.partition("://")[2])
                there.request(self.command, self.path, body, dict(self.headers))
                response = there.getresponse()
                status, headers, found = response.status, response.getheaders(), response.read()
                there.close()
            self.send_response(status)
            length = len(found)
            for name, value in headers:
                if name.lower() == "content-length":
                    length = int(value)
                elif name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(found)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
