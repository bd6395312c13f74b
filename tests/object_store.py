"""An S3 service on this machine, as the environment of a process names it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        from s3fs import S3FileSystem

        S3FileSystem.clear_instance_cache()
