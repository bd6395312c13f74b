import gzip
import random
from pathlib import Path

import pyarrow as pa
import pysam
import pytest

from variantformer_hf.errors import InputError
from variantformer_hf.genome.cres import CRE_CLASSES, CreTable


def bed_line(chrom: str, start: object, end: object, name: str = "EH38D1", kind: str = "PLS") -> str:
    return f"{chrom}\t{start}\t{end}\t{name}\t0\t.\t{start}\t{end}\t255,0,0\t{kind}\n"


LINES = [
    bed_line("chr2", 50, 60, "E0", "dELS"),
    bed_line("chr1", 100, 200, "E1", "PLS"),
    bed_line("chr1", 10, 9_000, "E2", "CTCF-only,CTCF-bound"),
    bed_line("chr1", 100, 150, "E3", "pELS,CTCF-bound"),
    bed_line("chr1", 300, 310, "E4", "DNase-H3K4me3"),
    bed_line("chr1", 100, 200, "E5", "pELS"),
]


def read(tmp_path: Path, *lines: str) -> CreTable:
    path = tmp_path / "cres.bed"
    path.write_text("".join(lines))
    return CreTable.read(path)


def test_genomic_order_class_ids_and_half_open_ends(tmp_path: Path) -> None:
    table = read(tmp_path, *LINES)
    assert len(table) == 6
    assert table.contigs == ("chr2", "chr1")
    everything = table.overlapping("chr1", 0, 10_000)
    assert everything.names == ["E2", "E3", "E1", "E5", "E4"]
    assert everything.start.tolist() == [10, 100, 100, 100, 300]
    assert everything.end.tolist() == [9_000, 150, 200, 200, 310]
    assert everything.class_id.tolist() == [0, 8, 3, 7, 1]
    assert everything.classes[0] == "CTCF-only,CTCF-bound"
    assert len(everything) == 5
    assert table.overlapping("chr1", 150, 300).names == ["E2", "E1", "E5"]
    assert table.overlapping("chr1", 200, 301).names == ["E2", "E4"]
    assert table.overlapping("chr1", 310, 320).names == ["E2"]
    assert table.overlapping("chr2", 0, 51).names == ["E0"]


def test_a_contig_without_elements_has_none(tmp_path: Path) -> None:
    found = read(tmp_path, *LINES).overlapping("chr9", 0, 1_000)
    assert (len(found), found.names, found.start.tolist(), found.class_id.tolist()) == (0, [], [], [])


@pytest.mark.parametrize("kind", [0, *range(1, 9)])
def test_each_class_has_its_released_id(tmp_path: Path, kind: int) -> None:
    table = read(tmp_path, bed_line("chr1", 1, 2, kind=CRE_CLASSES[kind]))
    assert table.overlapping("chr1", 0, 5).class_id.tolist() == [kind]


def test_compressed_commented_and_headed_files_are_equal(tmp_path: Path) -> None:
    plain = read(tmp_path, *LINES).table
    text = "".join(LINES)
    odd = (
        "track name=cCREs\n#chrom\tstart\tend\nchrom\tchromStart\tchromEnd\tname\tscore\tstrand\tthickStart\t"
        "thickEnd\titemRgb\tclass\n" + LINES[0] + "# between\n\n" + "".join(LINES[1:]).replace("\n", "\r\n")
    )
    (tmp_path / "a.bed").write_bytes(odd.encode())
    (tmp_path / "b.bed.gz").write_bytes(gzip.compress(text.encode()))
    with pysam.BGZFile(str(tmp_path / "c.bed.gz"), "w") as file:
        file.write(text.encode())
    for name in ("a.bed", "b.bed.gz", "c.bed.gz"):
        assert CreTable.read(tmp_path / name).table.equals(plain), name


def as_screen(line: str) -> str:
    """An element in the six columns of SCREEN's own files."""
    chrom, start, end, name, *_, kind = line.rstrip("\n").split("\t")
    return f"{chrom}\t{start}\t{end}\tEH38D9\t{name}\t{kind}\n"


@pytest.mark.parametrize("more", [1, 4, 5])
def test_beds_of_six_eleven_fourteen_and_fifteen_columns_are_equal(tmp_path: Path, more: int) -> None:
    wanted = read(tmp_path, *LINES).table
    behind = "\t".join(["PLS", "3.5", "prom", "E1", "promoter-like, close to a gene"][:more])
    assert read(tmp_path, *(f"{line.rstrip()}\t{behind}\n" for line in LINES)).table.equals(wanted)
    assert read(tmp_path, "#chrom\tstart\n", *map(as_screen, LINES)).table.equals(wanted)


@pytest.mark.parametrize("columns", [6, 10, 11, 15])
@pytest.mark.parametrize("kind", ["CA-CTCF", "CA-H3K4me3", "CA-TF", "CA", "TF", "CA,CTCF-bound"])
def test_classes_of_version_4_say_that_version_3_is_needed(tmp_path: Path, columns: int, kind: str) -> None:
    bad = bed_line("chr1", 400, 500, "E9", kind)
    lines = [*LINES, bad, bad]
    if columns == 6:
        lines = [as_screen(line) for line in lines]
    else:
        lines = [line.rstrip() + "\tx" * (columns - 10) + "\n" for line in lines]
    with pytest.raises(InputError, match=r"cres\.bed: line 7: .*version 4 of the ENCODE registry.*version 3.*V3"):
        read(tmp_path, *lines)


def test_lines_of_another_number_of_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 7: has 10 tab-separated columns instead of 6"):
        read(tmp_path, *map(as_screen, LINES), bed_line("chr1", 5, 9))
    with pytest.raises(InputError, match="line 2: has 10 tab-separated columns instead of 11"):
        read(tmp_path, LINES[0].rstrip() + "\tx\n", LINES[1])
    with pytest.raises(InputError, match=r"line 1: unknown cCRE class '\+'"):
        read(tmp_path, "chr1\t1\t5\tgene\t0\t+\n")  # a BED of six columns that is none of elements


def test_parquet_round_trip_keeps_every_row_in_place(tmp_path: Path) -> None:
    shuffled = LINES * 50
    random.Random(0).shuffle(shuffled)
    table = read(tmp_path, *shuffled)
    table.save(tmp_path / "cres.parquet")
    loaded = CreTable.read(tmp_path / "cres.parquet")
    assert loaded.table.equals(table.table)
    assert loaded.contigs == table.contigs
    assert loaded.overlapping("chr1", 0, 160).names == table.overlapping("chr1", 0, 160).names


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (bed_line("chr1", 5, 9, kind="enhancer"), "unknown cCRE class 'enhancer'; known: CTCF-only,CTCF-bound; "),
        (bed_line("chr1", 5, 5), "start 5 is not before end 5"),
        (bed_line("chr1", 9, 5), "start 9 is not before end 5"),
        (bed_line("chr1", -1, 5), "'-1'"),
        (bed_line("chr1", "x", 5), "'x'"),
        (bed_line("chr1", "", 5), "''"),
        ("chr1\t5\t9\tname\n", "4 tab-separated columns instead of 10"),
        (bed_line("chr1", 5, 9).replace("\t", " "), "1 tab-separated columns instead of 10"),
        ("chr1\t5", "2 tab-separated columns instead of 10"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "# comment\n", *LINES, line)
    assert problem in str(caught.value)
    assert caught.value.file == str(tmp_path / "cres.bed")
    assert caught.value.record == "line 8"
    assert caught.value.remedy


def test_a_file_without_elements_is_refused(tmp_path: Path) -> None:
    for lines in ([], ["# only a comment\n"]):
        with pytest.raises(InputError, match="no cCRE"):
            read(tmp_path, *lines)


def test_tables_of_another_kind_are_refused(tmp_path: Path) -> None:
    columns = {"chrom": ["chr1"], "start": [1], "end": [2], "name": ["E"], "class": ["PLS"]}
    assert len(CreTable(pa.table(columns))) == 1
    for changes, problem in (
        ({"class": ["promoter"]}, "promoter"),
        ({"start": ["one"]}, "another kind"),
        ({"name": pa.array([None], pa.string())}, "empty field"),
        ({"end": [1]}, "chr1:1-1"),
    ):
        with pytest.raises(InputError, match=problem):
            CreTable(pa.table(columns | changes), file="cres.parquet")


@pytest.mark.shared
def test_elements_of_the_parity_genome(parity: Path) -> None:
    path = parity / "genome" / "cres.bed"
    table = CreTable.read(path)
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    assert len(table) == len(rows)
    for start, end in ((0, 10**9), (60_000, 70_000)):
        found = table.overlapping("chr1", start, end)
        wanted = [row for row in rows if row[0] == "chr1" and int(row[1]) < end and int(row[2]) > start]
        assert found.names == [row[3] for row in wanted]
        assert found.classes == [row[9] for row in wanted]
