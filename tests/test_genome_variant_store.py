"""The store of genotypes: every person reads as from the VCF, and a file that changed is not mistaken for it."""

import errno
import json
import logging
import os
import random
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import invoke
from genome_files import record, write_fasta, write_vcf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_variants import BCFTOOLS_MODES, CONTIG, random_genome, random_genotype, random_records
from xxhash import xxh3_64_hexdigest

from variantformer_hf.errors import InputError, SampleError
from variantformer_hf.genome import PersonalGenome, ReferenceGenome, VariantTally
from variantformer_hf.genome.checked_file import CheckedFile, CheckedWriter, DamagedFileError
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.person_records import PersonRecords
from variantformer_hf.genome.store_layout import StoreLimits, default_store, is_current, read_description
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.genome.variant_store import VariantStore, damage_in, open_variants
from variantformer_hf.genome.variants import VariantFile

SAMPLES = ("S1", "S2", "S3")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def cohort(rng: random.Random, genome: str) -> list[str]:
    """Records with three samples' calls, some with further values behind the genotype."""
    lines = []
    for line in random_records(rng, genome, rng.choice([3, 8, 30])):
        fields = line.split("\t")
        n_alts = fields[4].count(",") + 1
        calls = [rng.choice(["0/0", "0|0", "0/0:5", random_genotype(rng, n_alts)]) for _ in SAMPLES]
        if any(":" in call for call in calls):
            fields[8] = "GT:DP"
        fields[6] = rng.choice(["PASS", "PASS", ".", "q10"])
        lines.append("\t".join([*fields[:9], *calls]))
    return lines


def read(person: PersonalGenome, regions: list[tuple[str, int, int]]) -> Any:
    tally = VariantTally()
    try:
        return person.sequences(regions, tally), tally.to_dict()
    except InputError as error:
        return type(error), str(error).replace(str(person.path), "")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(st.integers(min_value=0))
def test_every_person_reads_as_from_the_file(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("cohort")
    genome = random_genome(rng, rng.randint(40, 300))
    reference = ReferenceGenome(write_fasta(folder / "genome.fa", {CONTIG: genome}))
    name = rng.choice(["calls.vcf.gz", "calls.bcf"])
    vcf = write_vcf(folder / name, cohort(rng, genome), contigs={CONTIG: len(genome)}, samples=SAMPLES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VARIANTFORMER_CACHE", str(folder / "cache"))
        limits = StoreLimits(records=rng.choice([5, 1 << 16]), text=rng.choice([1, 8 << 20]))
        options = GenotypeOptions(
            mode=rng.choice(list(BCFTOOLS_MODES)),
            pass_only=rng.random() < 0.3,
            snps_only=rng.random() < 0.2,
            symbolic=rng.choice(["exclude_record", "apply", "ignore_allele"]),
            on_ref_mismatch=rng.choice(["error", "skip-record"]),
        )
        starts = [rng.randrange(len(genome)) for _ in range(6)]
        regions = [(CONTIG, start, min(len(genome), start + rng.choice([1, 10, 200]))) for start in starts]
        expected = [read(PersonalGenome(reference, vcf, sample, options), regions) for sample in SAMPLES]
        build_store(vcf, limits=limits)
        for sample, wanted in zip(SAMPLES, expected, strict=True):
            person = PersonalGenome(reference, vcf, sample, options)
            assert isinstance(person.records, PersonRecords)
            assert person.records.is_ingested
            assert read(person, regions) == wanted


CALLS = [
    record(2, "C", "T", "0/1", "0/0"),
    record(5, "A", "AG", "0|0", "1|1", filters="q10"),
    record(9, "A", "T", "0", "./1"),
]


def small(tmp_path: Path, records: list[str] = CALLS, samples: tuple[str, ...] = ("A", "B")) -> Path:
    tmp_path.mkdir(exist_ok=True)
    return write_vcf(tmp_path / "calls.vcf.gz", records, contigs={"chr1": 20, "chr2": 10}, samples=samples)


def test_what_a_store_says_of_itself(tmp_path: Path, cache: Path) -> None:
    vcf = small(tmp_path)
    steps: list[tuple[int, int]] = []
    folder = build_store(vcf, on_contig=lambda *step: steps.append(step))
    assert folder == default_store(vcf)
    assert cache in folder.parents
    assert is_current(vcf, folder)
    assert steps[-1][0] == steps[-1][1]
    store = VariantStore(vcf, folder, "B")
    assert (store.samples, store.sample, store.path) == (("A", "B"), "B", vcf)
    assert store.contigs == VariantFile(vcf, "A").contigs
    assert not any(path.suffix in (".pkl", ".pickle") for path in folder.iterdir())
    (part,) = store.columns("chr1", 0, 20)
    assert [part.record(row).genotype for row in range(3)] == [(0, 0), (1, 1), (None, 1)]
    assert [part.record(row).filters for row in range(3)] == ["PASS", "q10", "PASS"]
    assert list(store.columns("chr1", 2, 4)) == list(store.columns("chr9", 0, 9)) == []
    with pytest.raises(ValueError, match="no GQ"):
        next(store.columns("chr1", 0, 9, needs_quality=True))
    with pytest.raises(SampleError, match="2 samples"):
        VariantStore(vcf, folder)
    with pytest.raises(SampleError, match="no sample 'C'"):
        VariantStore(vcf, folder, "C")


def test_a_file_that_changed_is_read_itself(tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    vcf = small(tmp_path)
    folder = build_store(vcf)
    assert isinstance(open_variants(vcf, "A", needs_quality=False), VariantStore)
    assert isinstance(open_variants(vcf, "A", needs_quality=True), VariantFile)
    small(tmp_path, CALLS[:2])
    os.utime(vcf, (1, 1))
    with caplog.at_level(logging.WARNING, logger="variantformer_hf"):
        assert isinstance(open_variants(vcf, "A", needs_quality=False), VariantFile)
    assert "has changed since" in caplog.text
    with pytest.raises(InputError, match="not a store of this file"):
        VariantStore(vcf, folder, "A")
    build_store(vcf)
    store = open_variants(vcf, "A", needs_quality=False)
    assert isinstance(store, VariantStore)
    assert sum(len(part) for part in store.columns("chr1", 0, 20)) == 2


def test_a_store_of_another_layout_is_not_used(tmp_path: Path, cache: Path) -> None:
    vcf = small(tmp_path)
    folder = build_store(vcf)
    assert is_current(vcf, folder)
    content = {**read_description(folder), "layout": 99}
    checksum = xxh3_64_hexdigest(json.dumps(content, sort_keys=True).encode())
    (folder / "store.json").write_text(json.dumps({**content, "checksum": checksum}))
    assert not is_current(vcf, folder)
    (folder / "store.json").write_text("{")
    assert not is_current(vcf, folder)


def stored(store: VariantStore) -> list[object]:
    """All that a store says of its records."""
    found = []
    for part in store.columns("chr1", 0, 20):
        arrays = [
            getattr(part, field.name).tolist()
            for field in fields(part)
            if field.name not in ("record", "text", "text_first")
        ]
        found.append([*arrays, *(part.record(row) for row in range(len(part)))])
    return found


@pytest.mark.parametrize("damage", ["missing", "empty", "short", "longer", "another"])
def test_a_damaged_contig_is_made_anew(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    vcf = small(tmp_path)
    folder = build_store(vcf)
    expected = stored(VariantStore(vcf, folder, "A"))
    path = next(folder.glob("*.calls"))
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "short":
        path.write_bytes(content[:40])
    elif damage == "longer":
        path.write_bytes(content + b"\0")
    else:
        other = build_store(small(tmp_path / "other", CALLS[:2]))
        path.write_bytes(next(other.glob("*.calls")).read_bytes())
    opened_before = VariantStore(vcf, folder, "A")
    with caplog.at_level(logging.WARNING, logger="variantformer_hf"):
        store = VariantStore(vcf, folder, "A")
        assert stored(store) == expected
    assert f"{path}: " in caplog.text
    assert "the contig chr1 is read anew" in caplog.text
    assert len(store.damage) == 1
    assert path.read_bytes() == content
    assert damage_in(folder) is None
    assert path.with_name(f"{path.name}.damaged").exists() == (damage != "missing")
    assert stored(opened_before) == expected
    assert not opened_before.damage
    assert not list(folder.parent.glob(".*"))


def test_a_store_of_small_blocks_is_mended_as_it_was_cut(tmp_path: Path, cache: Path) -> None:
    vcf = small(tmp_path)
    folder = build_store(vcf, limits=StoreLimits(text=1, records=1))
    expected = stored(VariantStore(vcf, folder, "A"))
    path = next(folder.glob("*.calls"))
    content = path.read_bytes()
    path.unlink()
    assert stored(VariantStore(vcf, folder, "A")) == expected
    assert path.read_bytes() == content


def test_a_flipped_bit_anywhere_in_a_store_changes_no_record(tmp_path: Path, cache: Path) -> None:
    vcf = small(tmp_path)
    folder = build_store(vcf)
    expected = stored(VariantStore(vcf, folder, "B"))
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for place in range(0, 8 * len(content), 61):
            flipped = bytearray(content)
            flipped[place // 8] ^= 1 << place % 8
            path.write_bytes(flipped)
            opened = open_variants(vcf, "B", needs_quality=False)
            is_store = isinstance(opened, VariantStore)
            assert is_store == (path.suffix != ".json")
            if isinstance(opened, VariantStore):
                assert stored(opened) == expected
                assert bool(opened.damage) == (path.read_bytes() == content)
            opened.close()
        path.write_bytes(content)


def test_in_a_large_file_the_piece_is_named(tmp_path: Path) -> None:
    values, others = np.arange(100_000, dtype=np.int32), np.arange(7, dtype=np.int64)
    with CheckedWriter(tmp_path / "a") as writer:
        begin, behind = writer.add(values), writer.add(others)
        checksum = writer.finish({"a": 1})
    assert writer.size == (tmp_path / "a").stat().st_size
    content = bytearray((tmp_path / "a").read_bytes())
    content[begin + 200_000] ^= 4
    (tmp_path / "a").write_bytes(content)
    file = CheckedFile(tmp_path / "a", checksum)
    assert file.index == {"a": 1}
    assert np.array_equal(file.array(begin, np.int32, 49_152), values[:49_152])
    assert np.array_equal(file.array(behind, np.int64, 7), others)
    assert np.array_equal(file.array(begin + 4 * 53_248, np.int32, 46_752), values[53_248:])
    assert len(file.array(begin + 280, np.int32, 0)) == 0
    with pytest.raises(DamagedFileError, match=r"a: bytes 196608 to 212991 of \d+: is a damaged"):
        file.array(begin + 160_000, np.int32, 20_000)
    with pytest.raises(DamagedFileError, match="bytes 196608"):
        file.check()
    with pytest.raises(DamagedFileError, match="checksums"):
        CheckedFile(tmp_path / "a", "0" * 16)


def test_damage_that_cannot_be_mended_has_the_file_read(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    vcf = small(tmp_path)
    folder = build_store(vcf)
    expected = stored(VariantStore(vcf, folder, "A"))
    path = next(folder.glob("*.calls"))
    path.write_bytes(path.read_bytes()[:-1] + b"\x77")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(CheckedWriter, "finish", full)
    with caplog.at_level(logging.WARNING, logger="variantformer_hf"):
        store = VariantStore(vcf, folder, "A")
        for _ in range(2):
            genotypes = [row[-3:] for row in stored(store)]
    assert [[record.genotype for record in row] for row in genotypes] == [
        [record.genotype for record in row[-3:]] for row in expected
    ]
    assert "cannot be mended" in caplog.text
    assert "variantformer ingest --overwrite" in caplog.text
    assert len(store.damage) == 2
    with pytest.raises(InputError, match="no room is left on the disk"):
        build_store(vcf)
    assert [each.name for each in folder.parent.iterdir()] == [folder.name]


def test_a_damaged_description_names_the_remedy_and_the_file_is_read(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vcf = small(tmp_path)
    path = build_store(vcf) / "store.json"
    content = path.read_bytes()
    for other in (content.replace(b'"A"', b'"C"'), content[:-1], b"", b"[]", b"7", b"\xff", b"{}"):
        path.write_bytes(other)
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="variantformer_hf"):
            assert isinstance(open_variants(vcf, "A", needs_quality=False), VariantFile)
        assert f"{path}: is damaged" in caplog.text
        assert "variantformer ingest --overwrite" in caplog.text
        assert not is_current(vcf, path.parent)
        with pytest.raises(InputError, match="is damaged"):
            VariantStore(vcf, path.parent, "A")


def test_ingest_looks_through_a_store_that_is_there(tmp_path: Path, cache: Path) -> None:
    vcf = small(tmp_path)
    folder = default_store(vcf)
    assert "the store is there" not in invoke("ingest", vcf)
    assert "there already, and whole" in invoke("ingest", vcf)
    path = next(folder.glob("*.calls"))
    content = path.read_bytes()
    path.write_bytes(b"\x77" + content[1:])
    damaged = invoke("ingest", vcf)
    assert f"{path}: bytes 0 to" in damaged
    assert "made anew" in damaged
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (record(5, "A", "T", "0/1", "x/1"), "the genotype 'x/1' in the sample B"),
        (record(5, "A", "T", "0/1", "0/70"), "the genotype '0/70' in the sample B"),
        (record(5, "A", "T", "0/1", "0/1:9"), "more values than FORMAT keys in the sample B"),
        (record(5, "A", "T", "0/1:5", "0/0:7", keys="GT:LEN"), "lengths of records by sample"),
    ],
)
def test_a_record_that_cannot_be_kept_is_named(tmp_path: Path, cache: Path, line: str, problem: str) -> None:
    vcf = small(tmp_path, [CALLS[0], line])
    with pytest.raises(InputError, match=problem) as error:
        build_store(vcf)
    assert "chr1:5" in str(error.value)
    assert not default_store(vcf).exists()
    assert not list((cache / "variants").iterdir())


def test_a_file_without_samples_has_no_store(tmp_path: Path, cache: Path) -> None:
    vcf = small(tmp_path, [record(5, "A", "T")], samples=())
    with pytest.raises(InputError, match="no samples"):
        build_store(vcf)


def test_two_that_ingest_at_once_leave_one_whole_store(tmp_path: Path, cache: Path) -> None:
    vcf = small(tmp_path)
    code = "import sys; from variantformer_hf.cli import main; sys.argv = ['variantformer', *sys.argv[1:]]; main()"
    command = [sys.executable, "-c", code, "ingest", str(vcf), "--overwrite"]
    running = [subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    assert is_current(vcf, default_store(vcf))
    assert [path.name for path in (cache / "variants").iterdir()] == [default_store(vcf).name]
