"""Genotypes elsewhere in formats that are no VCF are fetched once, as a whole, and read as on a disk."""

import logging
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cohort_formats import (
    BED,
    BGEN,
    PGEN,
    SAMPLES,
    ZARR,
    bed_by_bed_reader,
    bgen_by_bgen,
    pgen_by_pgenlib,
    random_cohort,
    zarr_by_bio2zarr,
)
from web_server import WebServer, web_server

from variantformer_hf.errors import InputError
from variantformer_hf.genome import PersonalGenome, ReferenceGenome, whole_files
from variantformer_hf.genome.cohort_rows import Reading
from variantformer_hf.genome.cohort_source import cohort_source
from variantformer_hf.genome.format_notes import say_losses
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.remote import mirror, sources

WRITERS = {"pgen": (pgen_by_pgenlib, PGEN), "bed": (bed_by_bed_reader, BED), "bgen": (bgen_by_bgen, BGEN)}


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WebServer]:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "WAIT_SECONDS", 0.01)
    forget()
    with web_server() as web:
        yield web


def forget() -> None:
    """Be as another process, which knows the folder alone."""
    mirror._looked_at.clear()
    mirror._mirrors.clear()
    whole_files._fetched.clear()


def sequences(reference: ReferenceGenome, path: Path | str) -> list[object]:
    found: list[object] = []
    for sample in SAMPLES:
        for mode in ("haplotype1", "haplotype2", "iupac"):
            person = PersonalGenome(reference, path, sample, GenotypeOptions(mode=mode))
            found += [person.sequences([(name, 0, length)]) for name, length in reference.contigs.items()]
            person.close()
    return found


def written(name: str, folder: Path) -> tuple[ReferenceGenome, Path, list[Path]]:
    """A cohort in a format: its genome, the file that is named, and all files of the set."""
    writer, carries = WRITERS[name]
    rng = random.Random(name)
    (folder / "set").mkdir()
    cohort = random_cohort(rng, carries)
    reference = ReferenceGenome(cohort.fasta(folder))
    path = writer(cohort, folder / "set", rng)
    return reference, path, [file for file in path.parent.iterdir() if file.is_file()]


@pytest.mark.parametrize("name", WRITERS)
def test_a_set_elsewhere_reads_as_on_a_disk_and_is_fetched_once(
    name: str, web: WebServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reference, path, files = written(name, tmp_path)
    web.add(*files)
    address = f"{web.url}/{path.name}"
    wanted = sequences(reference, path)
    say_losses.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert sequences(reference, address) == wanted
    said = [each.getMessage() for each in caplog.records if "is read as a whole" in each.getMessage()]
    assert len(said) == 1 and address in said[0] and "MB" in said[0]
    kept = str(tmp_path / "cache")
    assert not [each.getMessage() for each in caplog.records if kept in each.getMessage().replace(said[0], "")]
    assert any(each.getMessage().startswith(f"{address}: a ") for each in caplog.records)
    forget()
    web.forget()
    assert sequences(reference, address) == wanted
    assert web.requests and all(part == (0, 1) for _, part in web.requests)
    build_store(mirror.mirrored(address), reading=Reading(reference))
    assert sequences(reference, address) == wanted


@pytest.mark.parametrize("name", WRITERS)
def test_an_answer_that_breaks_off_is_gone_on_with_or_said(name: str, web: WebServer, tmp_path: Path) -> None:
    reference, path, files = written(name, tmp_path)
    web.add(*files)
    web.breaks[path.name] = [7]
    assert sequences(reference, f"{web.url}/{path.name}") == sequences(reference, path)
    assert not web.breaks[path.name]
    shutil.rmtree(tmp_path / "cache")
    forget()
    web.breaks[path.name] = [7] * 99
    with pytest.raises(InputError, match=rf"{path.name}: .*the line broke off \(4 attempts\)"):
        cohort_source(f"{web.url}/{path.name}", all_samples=True)


@pytest.mark.parametrize(
    ("name", "suffix", "missing"),
    [
        ("pgen", ".psam", "has no .psam beside it; .*Put .*psam into the same folder"),
        ("pgen", ".pvar", "has no .pvar or .pvar.zst beside it"),
        ("bed", ".bim", "has no .bim beside it"),
        ("bed", ".fam", "has no .fam beside it"),
        ("bgen", ".bgen.bgi", r"has no index \(.bgi\)"),
    ],
)
def test_a_part_that_cannot_be_had_is_one_line(
    name: str, suffix: str, missing: str, web: WebServer, tmp_path: Path
) -> None:
    _, path, files = written(name, tmp_path)
    web.add(*files)
    parts = [each for each in web.files if each.startswith(path.with_suffix(suffix).name)]
    assert len(parts) == 1
    address = f"{web.url}/{path.name}?Signature=SECRET"
    web.statuses[parts[0]] = [403]
    with pytest.raises(InputError, match=rf"{parts[0]}: no permission to read it \(403") as refused:
        cohort_source(address, all_samples=True)
    del web.statuses[parts[0]], web.files[parts[0]]
    forget()
    with pytest.raises(InputError, match=missing.partition(";")[0]) as absent:
        cohort_source(address, all_samples=True)
    for error in (refused, absent):
        assert "SECRET" not in str(error.value) and "\n" not in str(error.value)
        assert f"{web.url}/" in str(error.value)


@pytest.mark.parametrize(("name", "suffix"), [("pgen", ".psam"), ("bed", ".bim"), ("bgen", ".bgen.bgi")])
def test_a_part_that_is_damaged_is_called_by_its_address(
    name: str, suffix: str, web: WebServer, tmp_path: Path
) -> None:
    _, path, files = written(name, tmp_path)
    part = path.with_suffix(suffix)
    part.write_bytes(part.read_bytes()[:-1] if suffix != ".bgen.bgi" else b"nothing of SQLite")
    web.add(*files)
    with pytest.raises(InputError) as error:
        cohort_source(f"{web.url}/{path.name}?Signature=SECRET", all_samples=True)
    assert str(error.value).startswith(f"{web.url}/{part.name}: ") and error.value.remedy
    assert "SECRET" not in str(error.value)


def test_a_zip_of_zarr_reads_as_on_a_disk_and_a_folder_on_a_web_server_is_refused(
    web: WebServer, tmp_path: Path
) -> None:
    rng = random.Random("zip")
    cohort = random_cohort(rng, ZARR)
    reference = ReferenceGenome(cohort.fasta(tmp_path))
    (tmp_path / "set").mkdir()
    path = zarr_by_bio2zarr(cohort, tmp_path / "set", rng)
    packed = path if path.is_file() else Path(shutil.make_archive(str(tmp_path / "calls.vcz"), "zip", path))
    assert sequences(reference, web.add(packed)) == sequences(reference, packed)
    with pytest.raises(InputError, match=r"there.vcz: is no file, and .*Give the address of a .zip"):
        cohort_source(f"{web.url}/there.vcz", all_samples=True)
