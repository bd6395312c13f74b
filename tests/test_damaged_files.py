"""A flipped bit in any file that `predict` reads: the same table, or an error of one line; never another number."""

import gc
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from genome_files import record, write_vcf
from small_model import SmallWorld, random_person_lines

from variantformer_hf import ExpressionPredictor
from variantformer_hf.errors import InputError
from variantformer_hf.genome.record_columns import Record
from variantformer_hf.genome.store_layout import default_store
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.genome.variants import VariantFile
from variantformer_hf.inference.precompute import precompute
from variantformer_hf.zoo.companions import write_companions

# Of a FASTA the index can be held against the file, and the file against nothing: a base is as good as another.
FILES = (
    "model/config.json",
    "model/model.safetensors",
    "model/tokenizer.json",
    "model/processor_config.json",
    "model/genes.parquet",
    "model/cres.parquet",
    "genome.fa.fai",
    "person.vcf.gz",
    "person.vcf.gz.tbi",
)


@pytest.fixture
def files(world: SmallWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all files of a run."""
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    world.save(tmp_path / "model")
    write_companions(tmp_path / "model")
    world.person(random_person_lines(random.Random(3), world.genome), "person").close()
    for name in ("genome.fa", "genome.fa.fai", "person.vcf.gz", "person.vcf.gz.tbi"):
        shutil.copy(world.folder / name, tmp_path / name)
    return tmp_path


def predicted(files: Path) -> pd.DataFrame | InputError:
    """The table of a run, or why there is none."""
    store = files / "elements" if (files / "elements").exists() else None
    try:
        predictor = ExpressionPredictor.from_pretrained(files / "model", device="cpu", store=store)
        return predictor.predict(files / "genome.fa", files / "person.vcf.gz", on_ref_mismatch="skip-record")
    except InputError as error:
        assert "\n" not in str(error)
        return error


def flips(path: Path, n: int) -> Iterator[int]:
    """A file with one bit flipped, n times at random; whole again afterwards."""
    content = path.read_bytes()
    for place in random.Random(path.name).sample(range(8 * len(content)), n):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        yield place
    path.write_bytes(content)


def check(files: Path, expected: pd.DataFrame, what: object) -> bool:
    """Whether a run gave a table, which is then the same."""
    found = predicted(files)
    if isinstance(found, InputError):
        return False
    keys = ["gene_id", "tissue", "status"]
    assert found[keys].equals(expected[keys]), what
    np.testing.assert_allclose(found["log1p_tpm"], expected["log1p_tpm"], atol=2e-5, rtol=0, err_msg=str(what))
    return True


def flip_all(files: Path, n: int) -> None:
    expected = predicted(files)
    assert isinstance(expected, pd.DataFrame)
    assert set(expected["status"]) == {"ok"}
    for name in FILES:
        tables = [check(files, expected, (name, place)) for place in flips(files / name, n)]
        assert not all(tables), f"{name}: damage is not noticed"


def flip_stores(files: Path, n: int) -> None:
    expected = predicted(files)
    assert isinstance(expected, pd.DataFrame)
    predictor = ExpressionPredictor.from_pretrained(files / "model", device="cpu", store=files / "elements")
    precompute(predictor.model, files / "genome.fa", files / "elements")
    build_store(files / "person.vcf.gz")
    predicted(files)  # which adds the person's elements
    for folder in (files / "elements", default_store(files / "person.vcf.gz")):
        for path in sorted(folder.iterdir()):
            content = path.read_bytes()
            for place in flips(path, n):
                assert check(files, expected, (path, place)) or path == files / "elements" / "store.json"
                path.write_bytes(content)


def test_a_flipped_bit_gives_the_same_table_or_an_error(files: Path) -> None:
    flip_all(files, 4)


def test_a_flipped_bit_in_a_store_gives_the_same_table(files: Path) -> None:
    flip_stores(files, 2)


@pytest.mark.parametrize("name", ["calls.vcf.gz", "calls.bcf"])
def test_a_flipped_bit_gives_the_same_records_or_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    rows = [record(10 + 7 * row, "A", "C", "0/1") for row in range(100)]
    path = write_vcf(tmp_path / name, rows, contigs={"chr1": 1_000})

    def records() -> list[Record]:
        with closing(VariantFile(path)) as file:
            return list(file.records("chr1", 0, 1_000))

    expected = records()
    refused = 0
    for damaged in sorted(tmp_path.iterdir()):
        for place in flips(damaged, 300):
            try:
                assert records() == expected, (damaged, place)
            except InputError:
                refused += 1
    assert refused > 300
    gc.collect()
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.slow
def test_many_flipped_bits(files: Path) -> None:
    flip_all(files, 60)
    flip_stores(files, 20)
