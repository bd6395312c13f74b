"""``variantformer magma``: its commands, what they refuse, and MAGMA itself beside them where it is installed."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import run
from test_applications_magma import simulated, write_raw

from variantformer_hf.applications.magma.gene_properties import read_gene_properties
from variantformer_hf.applications.magma.gene_statistics import read_gene_statistics
from variantformer_hf.applications.magma.regression import gene_property_test

# Prints what it was asked, and writes what MAGMA would, one of the names cut after 30 letters.
FAKE = """#!/bin/sh
while [ "$1" ]; do
  case "$1" in
    --out) out=$2;; --gene-covar) covar=$2;; --gene-results) raw=$2;; --model) model=$2;;
  esac
  shift 2
done
[ -r "$raw" ] || { echo "ERROR - reading gene results file: cannot open"; exit 1; }
awk 'NR == 2 {print NF}' "$covar" > "$FAKE_MAGMA_SAW"
echo "$model" >> "$FAKE_MAGMA_SAW"
cat > "$out.gsa.out" <<'END'
# MEAN_SAMPLE_SIZE = 90000
VARIABLE                          TYPE  NGENES     BETA  BETA_STD       SE        P FULL_NAME
brain_anterior_cingulate_cor...  COVAR     300  0.12346   0.02346  0.05432  0.01235 brain_anterior_cingulate_cortex_ba24
END
"""
NAMES = ["brain_anterior_cingulate_cortex_ba24", "liver"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("magma")
    statistics, _ = simulated()
    write_raw(statistics, folder / "gwas.genes.raw")
    values = np.random.default_rng(1).standard_normal((300, 2)) + statistics.z[:, None] * [0.3, 0]
    table = pd.DataFrame(values, columns=NAMES)
    table.insert(0, "GENE", statistics.genes)
    table.to_csv(folder / "scores.tsv", sep="\t", index=False)
    return folder


def written_by_test(files: Path, output: Path, *further: object) -> pd.DataFrame:
    asked = ["--gene-results", files / "gwas.genes.raw", "--gene-covar", files / "scores.tsv"]
    said = run("magma", "test", *asked, "-o", output, *further)
    assert said.returncode == 0, said.stderr
    assert "300 genes, 2 of 2 columns" in said.stderr
    return pd.read_csv(output, sep="\t")


def test_the_test_writes_its_table_and_counts(files: Path, tmp_path: Path) -> None:
    table = written_by_test(files, tmp_path / "t.tsv")
    found = gene_property_test(
        read_gene_statistics(files / "gwas.genes.raw"), read_gene_properties(files / "scores.tsv")
    )
    pd.testing.assert_frame_equal(table, found.table, rtol=1e-6)
    assert table["P"][0] < 1e-4 < table["P"][1]
    report = json.loads((tmp_path / "t.tsv.report.json").read_text())
    assert report["use"].startswith("Research use only.")
    assert report["counts"] == found.counts
    assert not report["truncate"]
    clipped = written_by_test(files, tmp_path / "c.tsv", "--truncate")
    as_magma = written_by_test(files, tmp_path / "m.tsv", "--as-magma")
    assert json.loads((tmp_path / "m.tsv.report.json").read_text())["counts"]["controls"][0] == "NSNPS"
    assert clipped["P"].tolist() != as_magma["P"].tolist()


def test_magma_is_run_beside_where_it_is_on_the_path(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "magma"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_MAGMA_SAW", str(tmp_path / "saw"))
    table = written_by_test(files, tmp_path / "t.tsv", "--with-magma")
    assert (tmp_path / "saw").read_text().split() == ["3", "direction-covar=greater"]
    assert table[["MAGMA_BETA", "MAGMA_BETA_STD", "MAGMA_SE", "MAGMA_P"]].loc[0].tolist() == [
        0.12346,
        0.02346,
        0.05432,
        0.01235,
    ]
    assert table["MAGMA_P"].isna().tolist() == [False, True]
    assert (tmp_path / "t.tsv.gsa.out").read_text().startswith("# MEAN_SAMPLE_SIZE")
    program.write_text("#!/bin/sh\necho 'ERROR - reading file: no such line'\nexit 3\n")
    asked = ["--gene-results", files / "gwas.genes.raw", "--gene-covar", files / "scores.tsv", "--with-magma"]
    said = run("magma", "test", *asked, "-o", tmp_path / "f.tsv")
    assert said.returncode == 1
    assert "MAGMA failed with exit code 3: ERROR - reading file: no such line" in said.stderr
    assert not [*tmp_path.glob("f.tsv*")]
    program.write_text('#!/bin/sh\nwhile [ "$1" != --out ]; do shift; done\necho "VARIABLE P" > "$2.gsa.out"\n')
    said = run("magma", "test", *asked, "-o", tmp_path / "f.tsv")
    assert "MAGMA's output has the columns VARIABLE P, and not BETA BETA_STD SE P" in said.stderr


@pytest.mark.skipif(shutil.which("magma") is None, reason="magma is not on the PATH, and on no package index")
def test_it_is_magma_to_printed_precision(files: Path, tmp_path: Path) -> None:
    table = written_by_test(files, tmp_path / "t.tsv", "--as-magma", "--with-magma")
    for name in ("BETA", "BETA_STD", "SE", "P"):
        np.testing.assert_allclose(table[name], table[f"MAGMA_{name}"], rtol=1e-4)


def test_what_cannot_be_tested_is_refused_and_nothing_is_written(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, scores = files / "gwas.genes.raw", files / "scores.tsv"
    monkeypatch.setenv("PATH", str(tmp_path))
    cut = tmp_path / "cut.genes.raw"
    cut.write_bytes(raw.read_bytes()[:-9])
    cases = [
        (cut, scores, [], "line 302: the line does not end: the file is cut off"),
        (raw, raw, [], "has"),
        (scores, scores, [], "line 1: gene GENE: has 3 fields, and a gene has 9 or more"),
        (raw, scores, ["--with-magma"], "there is no program magma on the PATH"),
        (tmp_path / "no.raw", scores, [], "no.raw: no such file"),
    ]
    for results, covar, further, text in cases:
        said = run(
            "magma", "test", "--gene-results", results, "--gene-covar", covar, "-o", tmp_path / "t.csv", *further
        )
        assert said.returncode == 1
        assert text in said.stderr
        assert said.stderr.startswith("error: ")
        assert not [*tmp_path.glob("t.csv*")]
