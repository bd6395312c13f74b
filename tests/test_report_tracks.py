"""Tracks: every base once, whatever overlaps."""

from pathlib import Path

import numpy as np
import pytest

from variantformer_hf.errors import InputError
from variantformer_hf.report.tracks import TrackRows, check_track, track_paths, write_track

CONTIGS = {"chr1": 100}


def rows(*rows: tuple[int, int, float]) -> TrackRows:
    starts, ends, values = (np.array(each) for each in zip(*rows, strict=True))
    return TrackRows("chr1", starts, ends, values.astype(float))


def test_a_base_has_the_value_of_the_row_that_begins_first(tmp_path: Path) -> None:
    given = rows((30, 40, 5), (0, 10, 1), (2, 4, 9), (5, 20, 2), (30, 50, 6), (60, 70, np.nan), (65, 80, 7))
    expected = np.full(100, np.nan)
    for start, end, value in [(0, 10, 1), (10, 20, 2), (30, 40, 5), (40, 50, 6), (65, 80, 7)]:
        expected[start:end] = value
    path = write_track(given, tmp_path / "t.bedGraph", CONTIGS, name="n", description="d")
    header, *lines = path.read_text().splitlines()
    assert header == 'track type=bedGraph name="n" description="d"'
    found = np.full(100, np.nan)
    for line in lines:
        chrom, start, end, value = line.split("\t")
        assert chrom == "chr1"
        assert np.isnan(found[int(start) : int(end)]).all()
        found[int(start) : int(end)] = float(value)
    np.testing.assert_array_equal(found, expected)

    pyBigWig = pytest.importorskip("pyBigWig")
    path = write_track(given, tmp_path / "t.bw", CONTIGS, name="n", description="d")
    with pyBigWig.open(str(path)) as file:
        np.testing.assert_array_equal(file.values("chr1", 0, 100), expected)


def test_a_track_without_any_value_is_a_file_without_rows(tmp_path: Path) -> None:
    pyBigWig = pytest.importorskip("pyBigWig")
    path = write_track(rows((0, 5, np.nan)), tmp_path / "t.bw", CONTIGS, name="n", description="d")
    with pyBigWig.open(str(path)) as file:
        assert np.isnan(file.values("chr1", 0, 100)).all()


def test_names_that_look_alike_in_a_file_name_have_files_of_their_own() -> None:
    found = track_paths(Path("t.bw"), [["A.1", "brain - cortex"], ["A.1", "brain / cortex"], ["liver"]])
    assert [path.name for path in found] == ["t.A_1.brain___cortex.bw", "t.A_1.brain___cortex_2.bw", "t.liver.bw"]


def test_another_suffix_is_no_track() -> None:
    with pytest.raises(InputError, match="is no track"):
        check_track(Path("t.wig"))
