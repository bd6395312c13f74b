"""Bases of a FASTA, and what is said of files that are none."""

import gzip
import os
import pickle
import random
import time
from pathlib import Path

import pysam
import pytest
from genome_files import write_fasta
from random_variants import random_bases

from variantformer_hf.errors import ContigError, InputError, MissingIndexError
from variantformer_hf.genome.reference import ReferenceGenome

CONTIGS = {"chr1": "ACGTacgtNNACGTA", "chr2": "GGGGCCCC", "HLA:01": "TTTTT"}


def compressed(fasta: Path, name: str = "genome.fa.gz") -> Path:
    path = fasta.with_name(name)
    pysam.tabix_compress(str(fasta), str(path), force=True)
    return path


def older_index(fasta: Path) -> None:
    ago = time.time() - 3_600
    for suffix in (".fai", ".gzi"):
        if Path(f"{fasta}{suffix}").exists():
            os.utime(f"{fasta}{suffix}", (ago, ago))


@pytest.mark.parametrize("kind", ["plain", "bgzip", "bgzip by another name"])
def test_bases_of_a_file_without_an_index(tmp_path: Path, kind: str) -> None:
    path = write_fasta(tmp_path / "genome.fa", CONTIGS)
    if kind != "plain":
        path = compressed(path, "genome.fa.gz" if kind == "bgzip" else "packed.fa")
    with ReferenceGenome(path) as genome:
        assert genome.path == path
        assert list(genome.contigs.items()) == [("chr1", 15), ("chr2", 8), ("HLA:01", 5)]
        assert genome.sequence("chr1", 2, 12) == "GTacgtNNAC"
        assert genome.sequence("HLA:01", 0, 5) == "TTTTT"
    left = {file.name.removeprefix(path.name) for file in tmp_path.glob(f"{path.name}.*")}
    assert left == ({".fai"} if kind == "plain" else {".fai", ".gzi"})


def test_ends_of_a_contig(tmp_path: Path) -> None:
    genome = ReferenceGenome(write_fasta(tmp_path / "genome.fa", CONTIGS))
    assert genome.sequence("chr1", 12, 99) == "GTA"
    assert genome.sequence("chr1", 15, 20) == genome.sequence("chr1", 99, 100) == genome.sequence("chr1", 3, 3) == ""
    for start, end in [(-1, 5), (5, 4)]:
        with pytest.raises(ValueError, match="not an interval"):
            genome.sequence("chr1", start, end)


def test_an_unknown_contig_is_answered_with_close_names(tmp_path: Path) -> None:
    genome = ReferenceGenome(write_fasta(tmp_path / "genome.fa", CONTIGS))
    with pytest.raises(ContigError, match=r"genome\.fa: there is no contig 'chr3'.*chr[12], chr[12]"):
        genome.sequence("chr3", 0, 5)
    with pytest.raises(ContigError, match=r"It has chr1, chr2, HLA:01"):
        genome.sequence("zzzz", 0, 5)


def test_a_pickled_genome_opens_its_file_again(tmp_path: Path) -> None:
    genome = ReferenceGenome(write_fasta(tmp_path / "genome.fa", CONTIGS))
    copy = pickle.loads(pickle.dumps(genome))
    genome.close()
    assert copy.sequence("chr2", 0, 8) == "GGGGCCCC"


def test_a_read_only_folder_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_fasta(tmp_path / "genome.fa", CONTIGS)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(MissingIndexError, match=r"not writable.*samtools faidx .*genome\.fa"):
        ReferenceGenome(path)
    assert list(tmp_path.iterdir()) == [path]


def test_an_index_is_used_in_a_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_fasta(tmp_path / "genome.fa", CONTIGS)
    pysam.faidx(str(path))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert ReferenceGenome(path).sequence("chr2", 3, 5) == "GC"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b">chr1\nACGT\n"), "gzip, which cannot be read by region.*bgzip"),
        (b"##fileformat=VCFv4.2\n", "is not a FASTA"),
        (b"", "is not a FASTA"),
        (b">chr1\nACGT\nAC\nACGT\n", "not a well-formed FASTA"),
    ],
)
def test_a_file_that_is_no_fasta(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"genome\.fa\.gz: .*{message}"):
        ReferenceGenome(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_or_folder_that_cannot_be_read(tmp_path: Path) -> None:
    for path, problem in ((tmp_path / "nothing.fa", "no such file"), (tmp_path, "is a folder, not a FASTA")):
        with pytest.raises(InputError, match=problem):
            ReferenceGenome(path)


@pytest.mark.parametrize("pack", [False, True])
def test_a_file_cut_short_behind_a_good_index(tmp_path: Path, pack: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    contigs = {"chr1": "ACGTTGCA" * 12_500, "chr2": "GATTACAC" * 12_500}
    path = write_fasta(tmp_path / "genome.fa", contigs, width=60)
    path = compressed(path) if pack else path
    ReferenceGenome(path).close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    for suffix in (".fai", ".gzi"):
        if Path(f"{path}{suffix}").exists():
            os.utime(f"{path}{suffix}")
    with pytest.raises(MissingIndexError, match="does not fit its index: one of the two is damaged or cut short"):
        ReferenceGenome(path)
    monkeypatch.setattr("variantformer_hf.genome.reference._index_fits", lambda *_, **__: True)  # cut short later
    genome = ReferenceGenome(path)
    for start, end in [(0, 100_000), (99_000, 99_010)]:
        with pytest.raises(InputError, match=rf"chr2:{start + 1}-{end}: the file does not hold what its index says"):
            genome.sequence("chr2", start, end)


@pytest.mark.parametrize(
    "changed",
    [
        {"chr1": "ACGTACGTACGTACGT", "chr2": "GGGGCCCC"},
        {"chr1": "ACGTacgtNNACGTA"},
        {"chr7": "ACGTacgtNNACGTA", "chr2": "GGGGCCCC", "HLA:01": "TTTTT"},
        CONTIGS | {"HLA:01": "TTTTTTTTTT"},
    ],
)
def test_an_index_of_the_file_before_it_was_changed(tmp_path: Path, changed: dict[str, str]) -> None:
    path = write_fasta(tmp_path / "genome.fa", CONTIGS)
    ReferenceGenome(path).close()
    write_fasta(path, changed)
    older_index(path)
    with pytest.raises(MissingIndexError, match=r"does not fit its index.*rm .*genome\.fa\.fai &&"):
        ReferenceGenome(path)


@pytest.mark.parametrize("index", ["no index\n", "chr1\t15\n", "\xff\x00\n"])
def test_an_index_that_is_none(tmp_path: Path, index: str) -> None:
    path = write_fasta(tmp_path / "genome.fa", CONTIGS)
    Path(f"{path}.fai").write_text(index)
    with pytest.raises(MissingIndexError, match="does not fit"):
        ReferenceGenome(path)


def test_an_index_copied_before_its_file_is_good(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, width in [("a.fa", 10), ("b.fa", 5), ("c.fa", 15)]:
        path = write_fasta(tmp_path / name, CONTIGS, width=width)
        ReferenceGenome(path).close()
        older_index(path)
        assert ReferenceGenome(path).sequence("chr2", 0, 8) == "GGGGCCCC"
    assert caplog.records == []


def test_an_index_older_than_a_compressed_file_is_good_where_it_fits(tmp_path: Path) -> None:
    path = compressed(write_fasta(tmp_path / "genome.fa", CONTIGS))
    ReferenceGenome(path).close()
    older_index(path)
    assert ReferenceGenome(path).sequence("chr2", 0, 8) == "GGGGCCCC"
    compressed(write_fasta(tmp_path / "genome.fa", CONTIGS | {"chr1": "ACGTacgtNNACGTAA"}))
    with pytest.raises(MissingIndexError, match=r"rm .*fai .*gzi &&"):
        ReferenceGenome(path)


@pytest.mark.parametrize("pack", [False, True])
def test_a_flipped_bit_in_an_index_changes_no_base(tmp_path: Path, pack: bool) -> None:
    rng = random.Random(0)
    contigs = {name: random_bases(rng, 70_000) for name in ("chr1", "chr2")} | {"chrX": random_bases(rng, 50)}
    path = write_fasta(tmp_path / "genome.fa", contigs, width=60)
    path = compressed(path) if pack else path
    ReferenceGenome(path).close()
    for suffix in (".fai", ".gzi") if pack else (".fai",):
        index = Path(f"{path}{suffix}")
        content = index.read_bytes()
        refused = 0
        for place in range(8 * len(content)):
            flipped = bytearray(content)
            flipped[place // 8] ^= 1 << place % 8
            index.write_bytes(flipped)
            try:
                genome = ReferenceGenome(path)
            except InputError:
                refused += 1
                continue
            for name, bases in contigs.items():
                assert genome.sequence(name, 0, 10**6) == bases
                assert genome.array(name, 40, 10**6).tobytes().decode() == bases[40:]
            genome.close()
        assert refused > 8 * len(content) * 0.9
        index.write_bytes(content)


def test_contigs_in_any_order_of_the_index_and_without_bases_are_read(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_bytes(b">one with words\r\nACGT\r\nAC\r\n>empty\r\n>two\r\n\r\n>three\r\nGATTACA")
    ReferenceGenome(path).close()
    index = Path(f"{path}.fai")
    lines = index.read_text().splitlines()
    index.write_text("\n".join([lines[-1], *lines[:-2]]) + "\n")
    genome = ReferenceGenome(path)
    assert list(genome.contigs) == ["three", "one"]
    assert genome.sequence("one", 0, 9) == "ACGTAC"
    assert genome.sequence("three", 1, 9) == "ATTACA"
