"""Fetching the release: from an S3 service on this machine, from a mirror, and from local copies in both layouts."""

import functools
import hashlib
import http.server
import json
import logging
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from command_line import invoke
from moto.server import ThreadedMotoServer

from variantformer_hf.conversion import fetch as fetching
from variantformer_hf.conversion import released_files, verification
from variantformer_hf.conversion.fetch import fetch_released
from variantformer_hf.conversion.fetched import FetchedFile
from variantformer_hf.conversion.local_copy import copy_released
from variantformer_hf.conversion.released_files import (
    FILES,
    TISSUES,
    VOCABULARY,
    tissues_hash,
    vocabulary_hash,
)
from variantformer_hf.errors import InputError

PCG = ("model/v4_pcg/checkpoint.pth", "model/v4_pcg/tokenizer_checkpoint.pth", "model/v4_pcg/all_genes_gencodeV24.csv")
CRES = "model/common/ENCFF234XEZ.bed.gz"
MAPS = ["model/common/cres_all_genes_manifest.parquet", "model/common/cres_all_genes/ENSG01.1/gene_vocab.csv"]
LARGE = 12 * 2**20  # two parts of 8 MiB


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Address of an S3 service with a public bucket."""
    server = ThreadedMotoServer(port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://127.0.0.1:{port}" if host == "0.0.0.0" else f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 1}),
    )
    client.create_bucket(Bucket="czi-variantformer", ACL="public-read")
    for key in (*PCG, CRES, *MAPS, "model/v4_ag/all_genes_gencodeV24.csv", "data/HG00096.vcf.gz"):
        client.put_object(Bucket="czi-variantformer", Key=key, Body=content_of(key), ACL="public-read")
    upload = client.create_multipart_upload(Bucket="czi-variantformer", Key="model/v4_ag/checkpoint.pth")
    parts, whole = [], content_of("model/v4_ag/checkpoint.pth", LARGE)
    for number, first in enumerate(range(0, LARGE, 8 * 2**20), 1):
        part = client.upload_part(
            Bucket="czi-variantformer",
            Key="model/v4_ag/checkpoint.pth",
            UploadId=upload["UploadId"],
            PartNumber=number,
            Body=whole[first : first + 8 * 2**20],
        )
        parts.append({"ETag": part["ETag"], "PartNumber": number})
    client.complete_multipart_upload(
        Bucket="czi-variantformer",
        Key="model/v4_ag/checkpoint.pth",
        UploadId=upload["UploadId"],
        MultipartUpload={"Parts": parts},
    )
    yield address
    server.stop()


def content_of(key: str, size: int = 5_000) -> bytes:
    return random.Random(key).randbytes(size)


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A mirror of the code repository, with vocabularies that count as the released ones."""
    folder = tmp_path / "code"
    (folder / "vocabs").mkdir(parents=True)
    (folder / VOCABULARY).write_text(json.dumps({"model": {"vocab": {"A": 0}, "merges": []}}))
    (folder / TISSUES).write_text("liver: 0\n")
    monkeypatch.setattr(released_files, "_VOCABULARY_HASH", vocabulary_hash(folder / VOCABULARY))
    monkeypatch.setattr(released_files, "_TISSUES_HASH", tissues_hash(folder / TISSUES))
    return str(folder)


@pytest.fixture(autouse=True)
def no_instances_of_other_tests() -> Iterator[None]:
    from s3fs import S3FileSystem

    yield
    S3FileSystem.clear_instance_cache()


def fetch(output: Path, service: str, code: str, **options: object) -> dict[str, FetchedFile]:
    found = fetch_released(output, code=code, storage_options={"endpoint_url": service}, **options)
    return {file.key: file for file in found}


def test_what_was_asked_for_and_nothing_else(service: str, code: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    found = fetch(tmp_path / "out", service, code, on_bytes=lambda *step: seen.append(step))
    assert set(found) == {*PCG, CRES, VOCABULARY, TISSUES}
    for key in (*PCG, CRES):
        assert (tmp_path / "out" / key).read_bytes() == content_of(key)
        assert found[key].verified == "md5"
        assert found[key].sha256 == hashlib.sha256(content_of(key)).hexdigest()
    assert found[VOCABULARY].verified == found[TISSUES].verified == "content"
    total = sum(file.size for file in found.values())
    assert seen[-1] == (total, total)
    kept = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert kept == {*found, "fetched.json"}


def test_parts_and_folders(service: str, code: str, tmp_path: Path) -> None:
    found = fetch(tmp_path, service, code, what=["weights", "genes", "maps"], models=["ag"])
    assert found["model/v4_ag/checkpoint.pth"].verified == "md5 of parts"
    assert "model/v4_pcg/checkpoint.pth" not in found
    assert "model/v4_pcg/tokenizer_checkpoint.pth" in found  # the encoder of both
    assert [(tmp_path / key).read_bytes() for key in MAPS] == [content_of(key) for key in MAPS]


class Broken(Exception):
    pass


def test_a_fetch_goes_on_where_it_broke_off(
    service: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from s3fs import S3FileSystem

    read, asked = S3FileSystem._cat_file, []

    async def breaking(self: S3FileSystem, path: str, start: int = 0, **options: object) -> bytes:
        asked.append((path.rpartition("/")[2], start))
        if limit is not None and start >= limit:
            raise Broken
        return await read(self, path, start=start, **options)

    monkeypatch.setattr(S3FileSystem, "_cat_file", breaking)
    S3FileSystem.clear_instance_cache()
    limit: int | None = 5 * 2**20
    with pytest.raises(
        InputError, match=r"v4_ag/checkpoint.pth.*after 5,242,880 of 12,582,912 bytes.*goes on from there"
    ):
        fetch(tmp_path, service, code, what=["weights"], models=["ag"], workers=1, piece=2**20)
    assert not (tmp_path / "model/v4_ag/checkpoint.pth").exists()
    limit = None
    asked.clear()
    fetch(tmp_path, service, code, what=["weights"], models=["ag"], workers=1, piece=2**20)
    assert min(start for name, start in asked if name == "checkpoint.pth") == 5 * 2**20
    assert (tmp_path / "model/v4_ag/checkpoint.pth").read_bytes() == content_of("model/v4_ag/checkpoint.pth", LARGE)
    asked.clear()
    fetch(tmp_path, service, code, what=["weights"], models=["ag"])
    assert asked == []  # all there


def test_a_partial_file_of_another_version_is_begun_anew(service: str, code: str, tmp_path: Path) -> None:
    partial = tmp_path / PCG[2]
    partial.parent.mkdir(parents=True)
    partial.with_name(f".{partial.name}.partial").write_bytes(b"old")
    partial.with_name(f".{partial.name}.partial.json").write_text('{"size": 5000, "etag": "older"}')
    fetch(tmp_path, service, code, what=["genes"])
    assert partial.read_bytes() == content_of(PCG[2])


def test_wrong_bytes_are_refused(service: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs import S3FileSystem

    async def zeros(self: S3FileSystem, path: str, **options: object) -> bytes:
        return bytes(5_000)

    monkeypatch.setattr(S3FileSystem, "_cat_file", zeros)
    S3FileSystem.clear_instance_cache()
    with pytest.raises(InputError, match=r"genes.*is not what the source has: another MD5.*removed"):
        fetch(tmp_path, service, code, what=["genes"])
    assert [path.name for path in (tmp_path / "model/v4_pcg").iterdir()] == [".all_genes_gencodeV24.csv.partial.json"]


def test_vocabularies_over_http(service: str, code: str, tmp_path: Path) -> None:
    """As the code repository serves them: no ranges, no checksums."""
    handler = functools.partial(QuietHandler, directory=code)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        found = fetch(tmp_path / "out", service, f"http://127.0.0.1:{server.server_address[1]}", what=["weights"])
        server.shutdown()
    assert found[VOCABULARY].verified == found[TISSUES].verified == "content"
    assert (tmp_path / "out" / TISSUES).read_bytes() == (Path(code) / TISSUES).read_bytes()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def test_another_vocabulary_is_refused(service: str, code: str, tmp_path: Path) -> None:
    (Path(code) / TISSUES).write_text("liver: 1\n")
    with pytest.raises(InputError, match="not the vocabulary that the released weights were trained with"):
        fetch(tmp_path, service, code, what=["weights"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"what": ["weight"]}, "no group of files 'weight'.*weights, genes"),
        ({"what": []}, "no group of files is named"),
        ({"models": ["v4"]}, "no model 'v4'"),
        ({"what": ["frequencies"]}, r"has no data/1KG_af_hg38_tables/1KG_hg38_af_chr1\.tsv"),
        ({"what": ["risk"]}, "has nothing under alzheimer_disease"),
        ({"source": "s3://no-such-bucket"}, r"has no model/v4_pcg"),
        ({"source": "gopher://x"}, "not an address"),
    ],
)
def test_bad_questions(service: str, code: str, tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fetch(tmp_path / "out", service, code, **options)


def test_a_service_that_is_not_there(code: str, tmp_path: Path) -> None:
    """It is asked once; by default it is asked again for ten seconds."""
    once = {"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"max_attempts": 0}}}
    with pytest.raises(InputError, match="cannot be reached"):
        fetch_released(tmp_path, code=code, what=["genes"], storage_options=once)


def test_too_little_room(service: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100}))
    with pytest.raises(InputError, match=r"0\.0 GiB are free"):
        fetch(tmp_path, service, code)


def test_without_s3fs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    def missing(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(InputError, match=r"pip install 'variantformer-hf\[fetch\]'"):
        fetch_released(tmp_path)


def local_copy(folder: Path, *, old: bool) -> Path:
    """A copy of the release as its own downloader lays it out, or as the bucket does."""
    for file in FILES:
        if file.what in ("weights", "genes", "cres"):
            path = folder / (file.local_names[0] if old else file.key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content_of(file.key))
    return folder


@pytest.mark.parametrize("old", [True, False])
def test_from_a_local_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool) -> None:
    copy = local_copy(tmp_path / "copy", old=old)
    monkeypatch.setattr(released_files, "check_vocabularies", lambda *_: None)
    monkeypatch.setattr(verification, "check_vocabularies", lambda *_: None)
    legacy = (
        copy / ("reference_genomes/data" if old else "model/common/reference_genomes/data") / "hg38/genes/data/G.npz"
    )
    legacy.parent.mkdir(parents=True)
    legacy.write_bytes(b"npz")
    files = copy_released(copy, tmp_path / "out", what=["weights", "genes", "cres"], models=["pcg", "ag"])
    assert {file.key for file in files} == {file.key for file in FILES if file.what in ("weights", "genes", "cres")}
    for file in files:
        assert (tmp_path / "out" / file.key).read_bytes() == content_of(file.key)
    (found,) = copy_released(copy, tmp_path / "out", what=["populations"])
    assert found.key == "model/common/reference_genomes/data/hg38/genes/data/G.npz"
    (copy / ("v4_ag_epoch9_checkpoint.pth" if old else "model/v4_ag/checkpoint.pth")).unlink()
    with pytest.raises(InputError, match=r"lacks 1 of the files asked for: model/v4_ag/checkpoint\.pth"):
        copy_released(copy, tmp_path / "again", models=["ag"])


def test_the_vocabularies_beside_a_copy_are_found(tmp_path: Path, code: str) -> None:
    """In a checkout of the released code the copy is a folder beside `vocabs`."""
    copy = local_copy(Path(code) / "_artifacts", old=True)
    for name in ("bpe_vocabulary_500_using_huggingface.json", "tissue_vocab.yaml"):
        (copy / name).unlink()
    found = {file.key: file for file in copy_released(copy, tmp_path / "out", what=["weights"])}
    assert found[TISSUES].verified == "content"


def test_the_command(service: str, code: str, tmp_path: Path) -> None:
    arguments = ["fetch", "released", "-o", str(tmp_path / "out"), "--what", "genes,cres", "--models", "pcg, ag"]
    output = invoke(*arguments, "--endpoint-url", service, "--code-source", code)
    assert "3 files, 15,000 bytes; compared: 3 by md5" in output
    assert len(json.loads((tmp_path / "out/fetched.json").read_text())) == 3


def test_the_released_vocabularies_are_the_known_ones(shared: Path) -> None:
    released_files.check_vocabularies(
        shared / "vocabulary/bpe_vocabulary_500.json", shared / "vocabulary/tissue_vocab.yaml"
    )
