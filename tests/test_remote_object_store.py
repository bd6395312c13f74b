"""Object stores: cohorts are read from them and datasets written to them as on a disk."""

import json
import pickle
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from cohort_formats import SAMPLES, ZARR, random_cohort, zarr_by_bio2zarr
from command_line import invoke, run
from fsspec.implementations.memory import MemoryFileSystem
from object_store import BUCKET, ObjectStore, clear_clients, failing_proxy, object_store
from s3fs import S3FileSystem
from small_cohort import DONORS, SmallCohort
from small_model import SmallWorld
from split_files import split_vcf
from window_case import gene_model

from variantformer_hf import ExpressionPredictor, PredictionDataset
from variantformer_hf.errors import InputError, OutputError
from variantformer_hf.genome import PersonalGenome, ReferenceGenome
from variantformer_hf.genome.cohort_source import cohort_source
from variantformer_hf.genome.file_patterns import named_files as named_genotypes
from variantformer_hf.genome.provenance import fingerprint
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.genome.variants import VariantFile
from variantformer_hf.inference.predicted import PredictedUnit
from variantformer_hf.inference.run import PredictionRun
from variantformer_hf.inference.run_contents import Layout
from variantformer_hf.inference.run_limits import RunLimits
from variantformer_hf.inference.run_plan import PeopleGenes
from variantformer_hf.named_files import named_files
from variantformer_hf.remote import mirror, mirrored_folder, sources
from variantformer_hf.remote.fsspec_source import FsspecSource
from variantformer_hf.remote.object_files import ObjectFiles
from variantformer_hf.remote.object_store import _S3_OPTIONS, as_input_error, filesystem_of
from variantformer_hf.remote.sources import forbidden
from variantformer_hf.remote.staged import is_there, put, staged


@pytest.fixture(scope="module")
def service() -> Iterator[ObjectStore]:
    with pytest.MonkeyPatch.context() as patch, object_store(patch) as store:
        yield store


@pytest.fixture
def store(service: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ObjectStore:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "WAIT_SECONDS", 0.01)
    mirror._looked_at.clear()
    mirror._mirrors.clear()
    mirrored_folder._looked_at.clear()
    return service


def test_a_cohort_in_a_bucket_is_read_as_on_a_disk(store: ObjectStore, cohort: SmallCohort, tmp_path: Path) -> None:
    split = split_vcf(cohort.vcf, tmp_path, random.Random(1), suffix=".vcf.gz")
    store.add(*split, folder="split/")
    found = named_genotypes(f"s3://{BUCKET}/split/cohort.{{contig}}.vcf.gz")
    assert [path.name for path in found] == [path.name for path in split]
    assert found == named_genotypes(f"s3://{BUCKET}/split/*.vcf.gz")
    for here, there in zip(split, found, strict=True):
        chrom = VariantFile(here, all_samples=True).indexed_contigs[0]
        lines = list(VariantFile(there, all_samples=True).lines(chrom))
        assert lines and lines == list(VariantFile(here, all_samples=True).lines(chrom))
    with pytest.raises(InputError, match="matches no file"):
        named_genotypes(f"s3://{BUCKET}/split/nobody.*.vcf.gz")


def test_a_dataset_in_a_bucket_is_that_on_a_disk_and_is_gone_on_with(
    store: ObjectStore, world: SmallWorld, cohort: SmallCohort, tmp_path: Path
) -> None:
    model = world.save(tmp_path / "model")
    fasta, vcf = store.add(Path(world.reference.path)), store.add(cohort.vcf)
    asked = ["--fasta", fasta, "--vcf", vcf, "--all-samples"]
    place = f"s3://{BUCKET}/runs/first"
    invoke("predict", model, *asked, "-o", f"{place}/")
    invoke("predict", model, *asked, "-o", f"{tmp_path / 'run'}/")
    for dataset, name in ((place, "there.csv"), (tmp_path / "run", "here.csv")):
        invoke("export", dataset, "--gene", "PLUS", "-o", tmp_path / name)
    assert (tmp_path / "there.csv").read_text() == (tmp_path / "here.csv").read_text()
    here = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    there = {key.removeprefix("runs/first/") for key in store.keys("runs/first/")}
    assert there == here - {".lock"}
    report = json.loads(store.client.get_object(Bucket=BUCKET, Key="runs/first/_report.json")["Body"].read())
    assert report["inputs"]["vcf"]["path"] == vcf
    parts = [key for key in store.keys("runs/first/") if key.endswith(".parquet")]
    rows = pyarrow.dataset.dataset([f"{BUCKET}/{key}" for key in parts], filesystem=filesystem_of(place)[0])
    assert rows.count_rows() == pyarrow.dataset.dataset(tmp_path / "run", exclude_invalid_files=True).count_rows() > 0
    store.client.delete_object(Bucket=BUCKET, Key=parts[0])
    store.client.delete_object(Bucket=BUCKET, Key="runs/first/_manifest.json")
    with pytest.raises(InputError, match="is not finished"):
        invoke("export", place, "-o", tmp_path / "no.csv")
    invoke("predict", model, *asked, "-o", f"{place}/")
    assert sorted(store.keys("runs/first/")) == sorted(f"runs/first/{name}" for name in there)
    with pytest.raises(InputError, match="holds the output of another run"):
        invoke("predict", model, *asked, "--mode", "alt", "-o", f"{place}/")


@pytest.mark.parametrize("layout", ["parquet", pytest.param("zarr", marks=pytest.mark.slow)])
def test_of_two_runs_at_once_the_files_that_came_first_stay_and_the_dataset_is_whole(
    store: ObjectStore, world: SmallWorld, cohort: SmallCohort, monkeypatch: pytest.MonkeyPatch, layout: Layout
) -> None:
    """Another machine, whose numbers differ in their last digits, begins and ends between two files of a unit."""
    place, columns = f"s3://{BUCKET}/at-once-{layout}", ["sample", "gene_id", "tissue"]
    values, noise, n_notes = {}, [0.0], [0]
    predict, put_once = PredictionRun.predict, ObjectFiles.put_once

    def noisy(of_run: PredictionRun, unit: PeopleGenes) -> PredictedUnit:
        done = predict(of_run, unit)
        np.add(done.predictions.values, noise[0], out=done.predictions.values)
        return done

    def write() -> pd.DataFrame:
        predictor = ExpressionPredictor(world.predictor.model, limits=RunLimits(unit_genes=2, people=2))
        people = list(DONORS[:4])
        dataset = predictor.write_dataset(place, world.reference.path, cohort.vcf, samples=people, layout=layout)
        return dataset.to_pandas()

    def watched(files: ObjectFiles, name: str, content: bytes) -> bytes:
        if name.startswith("_units/"):
            n_notes[0] += 1
            if n_notes[0] == 2:
                noise[0] = 1e-3
                values["other"] = write()
                assert n_notes[0] > 2
                noise[0] = 0.0
        return put_once(files, name, content)

    monkeypatch.setattr(PredictionRun, "predict", noisy)
    monkeypatch.setattr(ObjectFiles, "put_once", watched)
    values["first"] = write()
    pd.testing.assert_frame_equal(values["first"], values["other"])
    alone = world.predictor.run(world.reference.path, cohort.vcf, samples=list(DONORS[:4])).table
    both = alone.merge(values["first"], on=columns, suffixes=("", "_at_once"))
    noisy_rows = np.isclose(both["log1p_tpm_at_once"] - both["log1p_tpm"], 1e-3, atol=1e-5)
    assert len(both) == len(alone) and 0 < noisy_rows.sum() < len(both)
    np.testing.assert_allclose(both["log1p_tpm_at_once"] - 1e-3 * noisy_rows, both["log1p_tpm"], atol=1e-5)
    n_before = n_notes[0]
    pd.testing.assert_frame_equal(write(), values["first"])  # every file is the one that its notes name
    assert n_notes[0] == n_before


def test_two_runs_that_begin_at_once_are_cut_alike_or_refused(
    store: ObjectStore, world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_once = ObjectFiles.put_once
    others: list[Callable[[], object]] = []

    def watched(files: ObjectFiles, name: str, content: bytes) -> bytes:
        if others:
            others.pop()()
        return put_once(files, name, content)

    monkeypatch.setattr(ObjectFiles, "put_once", watched)

    def write(unit_genes: int, place: str, **options: Any) -> PredictionDataset:
        predictor = ExpressionPredictor(world.predictor.model, limits=RunLimits(unit_genes=unit_genes))
        return predictor.write_dataset(f"s3://{BUCKET}/{place}", world.reference.path, **options)

    others.append(lambda: write(1, "begun"))
    assert len(write(2, "begun").to_pandas()) == 6
    assert len(store.keys("begun/_units/")) == 2
    others.append(lambda: write(1, "refused", genes=["PLUS"]))
    with pytest.raises(InputError, match="another run began here in this moment"):
        write(1, "refused")


@pytest.mark.slow
def test_a_folder_of_zarr_in_a_bucket_reads_as_on_a_disk_and_is_fetched_once(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random("zarr")
    cohort = random_cohort(rng, ZARR)
    reference = ReferenceGenome(cohort.fasta(tmp_path))
    (tmp_path / "set").mkdir()
    path = zarr_by_bio2zarr(cohort, tmp_path / "set", rng)
    if path.is_file():
        shutil.unpack_archive(path, tmp_path / "unpacked", "zip")
        path = tmp_path / "unpacked"
    for file in (each for each in path.rglob("*") if each.is_file()):
        key = f"zarr/calls.vcz/{file.relative_to(path).as_posix()}"
        store.client.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
    address = f"s3://{BUCKET}/zarr/calls.vcz"
    regions = [(name, 0, length) for name, length in reference.contigs.items()]

    def sequences(source: Path | str) -> list[object]:
        return [PersonalGenome(reference, source, sample).sequences(regions) for sample in SAMPLES[:2]]

    with pytest.raises(InputError, match="/zarr: is a folder, not a file, and no VCF-Zarr"):
        cohort_source(f"s3://{BUCKET}/zarr", all_samples=True)
    read = FsspecSource.read
    monkeypatch.setattr(FsspecSource, "read", lambda *_: (_ for _ in ()).throw(forbidden(address, "403")))
    with pytest.raises(InputError, match=f"{address}: no permission"):
        cohort_source(address, all_samples=True)
    n_read: list[int] = []

    def counted(source: FsspecSource, start: int, end: int, stamp: sources.Stamp) -> bytes:
        n_read.append(end)
        if len(n_read) == 5:
            raise InputError("cannot be read: the line broke off (4 attempts)", file=address)
        return read(source, start, end, stamp)

    monkeypatch.setattr(FsspecSource, "read", counted)
    with pytest.raises(InputError, match="the line broke off"):
        cohort_source(address, all_samples=True)
    wanted = sequences(path)
    assert sequences(address) == wanted
    assert fingerprint(named_genotypes(address)[0])["path"] == address
    build_store(named_genotypes(address)[0])
    assert sequences(address) == wanted
    mirrored_folder._looked_at.clear()
    n_read.clear()
    assert sequences(f"{address}/") == wanted and not n_read
    mirrored_folder._looked_at.clear()
    damaged = named_genotypes(address)[0] / "call_genotype" / "zarr.json"
    damaged = damaged if damaged.is_file() else damaged.with_name(".zarray")
    damaged.write_bytes(b"damaged")
    mirrored_folder._looked_at.clear()
    assert sequences(address) == wanted and len(n_read) == 1


def test_what_is_put_into_a_bucket_is_found_by_its_name_until_it_is_removed(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = pickle.loads(pickle.dumps(named_files(f"s3://{BUCKET}/named/new/")))
    assert str(files) == f"s3://{BUCKET}/named/new"
    assert list(files.names()) == []
    assert not files.has("a/b.txt")
    with pytest.raises(FileNotFoundError):
        files.read("a/b.txt")
    files.put("a/b.txt", b"one")
    files.put("a/b.txt", b"two")
    files.put("c", b"")
    assert files.put_once("once", b"first") == b"first"
    assert files.put_once("once", b"second") == files.read("once") == b"first"
    monkeypatch.setattr(ObjectFiles, "has", lambda *_: False)  # it came behind the question
    assert files.put_once("once", b"third") == b"first"
    monkeypatch.undo()
    files.remove("once")
    store.client.put_object(Bucket=BUCKET, Key="named/newer", Body=b"of another")
    assert files.read("a/b.txt") == b"two"
    assert sorted(files.names()) == ["a/b.txt", "c"]
    assert list(files.names("a")) == ["a/b.txt"]
    assert files.has("a/b.txt") and files.has("c")
    assert not files.has("a")
    for _ in range(2):
        files.remove("c")
    files.remove_partial()
    assert list(files.names()) == ["a/b.txt"]


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def made_here(tmp_path: Path) -> list[str]:
    """What lies where files of a bucket are made."""
    return sorted(path.name for path in (tmp_path / "cache" / "outputs").rglob("*"))


def test_single_files_of_every_command_are_put_into_a_bucket_whole(
    store: ObjectStore, world: SmallWorld, cohort: SmallCohort, tmp_path: Path
) -> None:
    """The same files as on a disk, with those beside them; nothing stays on this machine."""
    model, fasta = world.save(tmp_path / "model"), world.reference.path
    base = world.genome[1_899]
    (tmp_path / "variants.txt").write_text(f"chr1:1900:{base}>{'A' if base != 'A' else 'C'}\nchr1:1:N>A\n")
    invoke("predict", model, "--fasta", fasta, "-o", f"{tmp_path / 'run'}/")
    genome = (model, "--fasta", fasta)
    commands = [
        ("predict", *genome, "--gene", "PLUS", "-o", "{}/p.csv", "--embeddings", "{}/more/p.safetensors"),
        ("predict", *genome, "--format", "predixcan", "--gene", "PLUS", "-o", "{}/x.txt"),
        ("export", tmp_path / "run", "--gene", "PLUS", "-o", "{}/e.parquet"),
        ("effects", *genome, "--variants", tmp_path / "variants.txt", "--format", "vcf", "-o", "{}/v.vcf.gz"),
        ("mutagenesis", *genome, "--gene", "PLUS", "--region", "chr1:1901-1906", "--track", "{}/t.bedGraph",
         "-o", "{}/m.safetensors"),
        ("embed", tmp_path / "enformer", "--fasta", fasta, "--gene", "PLUS", "-o", "{}/z.safetensors"),
    ]  # fmt: skip
    gene_model("enformer").save(tmp_path / "enformer")
    place = f"s3://{BUCKET}/single"
    for number, (name, *words) in enumerate(commands):
        here = tmp_path / f"here-{number}"
        (here / "more").mkdir(parents=True)
        invoke(name, *(str(word).format(here) for word in words))
        said = invoke(name, *(str(word).format(f"{place}-{number}") for word in words))
        keys = store.keys(f"single-{number}/")
        there = {key.rpartition("/")[2]: store.client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}
        wanted = files_below(here)
        assert there.keys() == wanted.keys() and len(there) > (name != "export")
        assert {key for key in there if there[key] != wanted[key]} <= {"p.csv.report.json", "v.vcf.gz.report.json"}
        assert all(f"s3://{BUCKET}/{key}" in said for key in keys)
        assert made_here(tmp_path) == []
    with pytest.raises(InputError, match=f"^{place}-2/e.parquet: already exists. Name another output, or give --over"):
        invoke("export", tmp_path / "run", "-o", f"{place}-2/e.parquet")
    store.client.put_object(Bucket=BUCKET, Key="single-0/p.csv.rejected.tsv", Body=b"of the earlier run")
    invoke("predict", *genome, "--gene", "MINUS", "-o", f"{place}-0/p.csv", "--overwrite")
    assert sorted(store.keys("single-0/p.")) == ["single-0/p.csv", "single-0/p.csv.report.json"]


@pytest.mark.parametrize(
    ("said", "is_denied"),
    [
        ("An error occurred (403) when calling the HeadObject operation: Forbidden", True),
        ("Anonymous caller does not have storage.objects.get access, 401", True),
        (
            'Connection was closed before a valid response from endpoint URL: "http://127.0.0.1:40313/b/Forbidden.csv"',
            False,
        ),
        ("Could not connect to s3://cohort-403/401/p.csv", False),
    ],
)
def test_numbers_and_words_of_an_address_are_no_refusal(said: str, is_denied: bool) -> None:
    assert isinstance(as_input_error("s3://b/p.csv", OSError(said)), InputError) == is_denied


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("refuses", r"no permission to write here \(.*\)\. Check the credentials"),
        pytest.param(
            "breaks off",
            r"cannot be written: .*4 attempts\)\. Check the address and the line, and start the same command",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_file_that_a_bucket_does_not_take_is_kept_and_the_same_command_puts_it_there(
    store: ObjectStore, world: SmallWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, words: str
) -> None:
    """The service itself fails, at the second file: the table, which is put last."""
    model, fasta = world.save(tmp_path / "model"), world.reference.path
    asked = ("predict", model, "--fasta", fasta, "--gene", "PLUS", "-o")
    place = f"s3://{BUCKET}/failing-{how[0]}/p.csv"
    with failing_proxy(store.endpoint, how, f"failing-{how[0]}/p.csv") as endpoint, monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setattr(S3FileSystem, "retries", 1)
        patch.setitem(_S3_OPTIONS["config_kwargs"], "retries", {"max_attempts": 1})
        clear_clients()
        done = run(*asked, place)
    clear_clients()
    assert done.returncode == 1 and "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    found = re.search(rf"^error: {place}: {words}.* Whole on this machine: (\S+/p\.csv)\. (\S+) keeps what", last)
    assert found is not None, last
    invoke(*asked, tmp_path / "here.csv")
    assert Path(found[1]).read_bytes() == (tmp_path / "here.csv").read_bytes()
    assert Path(found[2]).is_dir() and Path(found[2]).name == "p.csv.parts"
    assert store.keys(place.partition(f"{BUCKET}/")[2]) == [f"failing-{how[0]}/p.csv.report.json"]
    assert run("predict", tmp_path / "no-model", *asked[2:], place).returncode == 1
    assert Path(found[1]).is_file()
    assert place in invoke(*asked, place)
    assert len(store.keys(place.partition(f"{BUCKET}/")[2])) == 2
    assert made_here(tmp_path) == []


def test_an_address_that_may_not_be_written_is_refused_before_anything_is_computed(
    store: ObjectStore, world: SmallWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing_proxy(store.endpoint, "refuses", "") as endpoint, monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        clear_clients()
        done = run("predict", tmp_path, "--fasta", world.reference.path, "-o", f"s3://{BUCKET}/p.csv")
    clear_clients()
    assert done.returncode == 1 and f"s3://{BUCKET}/.partial-p.csv: no permission to write here" in done.stderr
    assert made_here(tmp_path) == []


def test_a_file_in_a_bucket_that_is_replaced_while_it_is_read_is_noticed(
    store: ObjectStore, cohort: SmallCohort
) -> None:
    path = mirror.mirrored(store.add(cohort.vcf, folder="replaced/"))
    store.client.put_object(Bucket=BUCKET, Key=f"replaced/{cohort.vcf.name}", Body=b"x" * cohort.vcf.stat().st_size)
    with pytest.raises(InputError, match="was changed while it was read"):
        path.fetch()
    assert set(path.read_bytes()) == {0}


def test_what_is_wrong_with_a_bucket_is_one_line(
    store: ObjectStore, world: SmallWorld, cohort: SmallCohort, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vcf = store.add(cohort.vcf)
    with pytest.raises(InputError, match=f"s3://{BUCKET}/nobody.vcf.gz: no such file"):
        VariantFile(f"s3://{BUCKET}/nobody.vcf.gz")
    with pytest.raises(InputError, match="no such file"):
        VariantFile("s3://no-such-bucket/a.vcf.gz")
    with pytest.raises(OutputError, match="there is no such bucket"):
        named_files("s3://no-such-bucket/run").put("a", b"a")
    store.add(cohort.vcf, folder="folder/")
    with pytest.raises(InputError, match="is a folder, not a file"):
        VariantFile(f"s3://{BUCKET}/folder")
    store.client.put_object(Bucket=BUCKET, Key="lonely.vcf.gz", Body=cohort.vcf.read_bytes())
    with pytest.raises(InputError, match=r"s3://cohorts/lonely.vcf.gz: has no index"):
        VariantFile(f"s3://{BUCKET}/lonely.vcf.gz")
    for output, words in (
        ("s3://no-such-bucket/table.csv", "s3://no-such-bucket: there is no such bucket. Make it first"),
        (f"s3://{BUCKET}/table.doc", f"s3://{BUCKET}/table.doc: the format tidy is not written to such a file"),
        (f"s3://{BUCKET}", f"s3://{BUCKET}: names no file"),
        ("https://example.org/table.csv", "is an address of the web, where nothing is written"),
        ("https://example.org/run/", "is an address of the web, where nothing is written"),
        ("ftp://example.org/run/", "are not read, nor written"),
    ):
        done = run("predict", tmp_path, "--fasta", world.reference.path, "--vcf", vcf, "-o", output)
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
    monkeypatch.chdir(tmp_path)
    for command in (
        ("demo", "--output", f"s3://{BUCKET}/demo"),
        ("precompute", tmp_path, "--fasta", world.reference.path, "--output", f"s3://{BUCKET}/store"),
    ):
        done = run(*command)
        assert done.returncode == 1 and f"s3://{BUCKET}/" in done.stderr and "written on this machine" in done.stderr
    assert not any(path.name.startswith("s3") for path in tmp_path.iterdir())


class Saying:
    """A library of an object store that says one thing to all that it is asked."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Callable[..., None]:
        def say(*args: object, **options: object) -> None:
            raise self._error

        return say


@pytest.mark.parametrize(
    ("error", "reading", "writing"),
    [
        (
            PermissionError("Access Denied\nmore"),
            r"no permission to read it \(Access Denied more\).*~/.aws",
            "no permission to write here",
        ),
        (NoCredentialsError(), "no credentials were found.*FSSPEC_S3_ANON", "no permission to write here"),
        (
            OSError(5, "Please reduce your request rate"),
            r"cannot be read.*4 attempts",
            r"cannot be written.*4 attempts",
        ),
        (EndpointConnectionError(endpoint_url="x"), r"cannot be read.*4 attempts", r"cannot be written.*4 attempts"),
        (RuntimeError("what\never"), r"cannot be read \(RuntimeError: what ever\)", "cannot be written"),
        (ImportError("Install s3fs", name="s3fs"), r"need a library \(s3fs\).*\[remote\]", r"\[remote\]"),
    ],
)
def test_what_a_library_says_is_one_line(
    error: Exception, reading: str, writing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "WAIT_SECONDS", 0.001)

    def filesystem(scheme: str, **options: object) -> Saying:
        if isinstance(error, ImportError):
            raise error
        return Saying(error)

    monkeypatch.setattr("fsspec.filesystem", filesystem)
    with pytest.raises(InputError, match=reading) as read:
        VariantFile("s3://bucket/calls.vcf.gz")
    with pytest.raises(OutputError, match=writing) as written:
        named_files("s3://bucket/run").put("a", b"a")
    for each in (read, written):
        assert "\n" not in str(each.value) and "s3://bucket" in str(each.value)


def test_google_cloud_storage_is_read_and_written_by_its_library(
    cohort: SmallCohort, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """There is no such service here: fsspec's files in memory answer in the place of gcsfs."""
    memory = MemoryFileSystem()
    asked = []
    monkeypatch.setattr("fsspec.filesystem", lambda scheme, **options: asked.append(scheme) or memory)
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    files = named_files("gs://bucket/run/")
    for path in (cohort.vcf, Path(f"{cohort.vcf}.tbi")):
        files.put(path.name, path.read_bytes())
    assert sorted(files.names()) == [cohort.vcf.name, f"{cohort.vcf.name}.tbi"]
    there = VariantFile(f"gcs://bucket/run/{cohort.vcf.name}", all_samples=True)
    assert list(there.lines("chr1")) == list(VariantFile(cohort.vcf, all_samples=True).lines("chr1"))
    files.remove(cohort.vcf.name)
    assert not files.has(cohort.vcf.name)
    assert files.put_once("once", b"first") == files.put_once("once", b"second") == b"first"
    path = staged("gs://bucket/run/table.csv")
    assert path.address == "gs://bucket/run/table.csv" and not is_there(path)
    path.parent.mkdir(parents=True)
    path.write_text("whole")
    put(path)
    assert is_there(path) and files.read("table.csv") == b"whole"
    assert set(asked) == {"gs"}
