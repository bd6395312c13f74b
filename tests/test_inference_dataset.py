"""Runs whose result never meets in one memory: the same numbers and counts, however they are cut, killed or damaged."""

import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars
import pyarrow.dataset
import pytest
from genome_files import record, write_vcf
from toy_cohort import TISSUES, ToyCohort, toy_cohort
from toy_model import TOY

from variantformer_hf import ExpressionPredictor, PredictionDataset, ReferenceGenome
from variantformer_hf.errors import InputError, OutputError
from variantformer_hf.inference import RejectedQueryError
from variantformer_hf.inference.run import PredictionRun
from variantformer_hf.inference.run_limits import RunLimits
from variantformer_hf.zoo import families
from variantformer_hf.zoo.estimate import RunEstimate

KEYS = ["sample", "gene_id", "tissue"]


@pytest.fixture(scope="module", autouse=True)
def family() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "_FAMILIES", dict(families._FAMILIES))
        families.register_family(TOY)
        yield


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> ToyCohort:
    return toy_cohort(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def whole(cohort: ToyCohort) -> Any:
    return predictor(cohort).run(cohort.fasta, cohort.vcf, samples=cohort.samples)


def predictor(cohort: ToyCohort, **limits: Any) -> ExpressionPredictor:
    return ExpressionPredictor(cohort.model, limits=RunLimits(**limits))


def write(cohort: ToyCohort, folder: Path, limits: dict[str, Any] | None = None, **options: Any) -> PredictionDataset:
    limits = {"unit_genes": 6, **(limits or {})}
    options = {"samples": cohort.samples, **options}
    return predictor(cohort, **limits).write_dataset(folder, cohort.fasta, cohort.vcf, **options)


def same(found: pd.DataFrame, expected: pd.DataFrame, atol: float = 1e-5) -> None:
    values = [name for name in ("log1p_tpm", "tpm", "expression") if name in expected]
    pd.testing.assert_frame_equal(found.drop(columns=values), expected.drop(columns=values))
    for name in values:
        assert found[name].dtype == expected[name].dtype
        np.testing.assert_allclose(found[name], expected[name], atol=atol, rtol=atol)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("chr*/*.parquet"))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("layout", ["parquet", "zarr"])
def test_rows_and_counts_are_those_of_one_table_however_the_run_is_cut(layout: str, seed: int, tmp_path: Path) -> None:
    """Deletions of 300 bases reach over windows of 200, so that many records are read by several units."""
    rng = random.Random(seed)
    cohort = toy_cohort(tmp_path / "toy", seed=seed, people=rng.randint(1, 5), unit=rng.choice(["log1p_tpm", "other"]))
    expected = predictor(cohort).run(cohort.fasta, cohort.vcf, samples=cohort.samples)
    limits = {"unit_genes": rng.choice([1, 3, 7, 40]), "people": rng.choice([1, 2, 8]), "genes": rng.randint(1, 9)}
    found = write(cohort, tmp_path / "out", limits, layout=layout)
    same(found.to_pandas(), expected.table)
    pd.testing.assert_frame_equal(found.part().gene_table(), expected.genes)
    assert len(found) == len(expected.table)
    assert found.report["genes"] == expected.report["genes"]
    (tmp_path / "out/_samples/Thumbs").write_text("of a file browser")
    counts = found.sample_counts().set_index(["sample", "contig"])
    assert not counts.index.duplicated().any()
    n_records = 0
    for sample, of_sample in expected.report["samples"].items():
        for chrom, of_contig in of_sample["contigs"].items():
            row = counts.loc[(sample, chrom)]
            skipped = of_contig.pop("skipped")
            assert {name: row[name] for name in of_contig} == of_contig
            assert {name: row[f"skipped_{name}"] for name in skipped} == skipped
            assert row.filter(like="skipped_").sum() == sum(skipped.values())
            n_records += of_contig["records_read"]
        assert counts.loc[sample]["calls_not_diploid"].sum() == of_sample["calls_not_diploid"]
        by_status = counts.loc[sample].filter(like="genes_").sum()
        assert {name: by_status[f"genes_{name}"] for name in of_sample["genes_by_status"]} == of_sample[
            "genes_by_status"
        ]
    assert found.report["samples"]["total"]["records_read"] == n_records > 50
    assert sum(sample["calls_not_diploid"] for sample in expected.report["samples"].values()) > 0


def test_tools_read_a_dataset_as_it_lies(cohort: ToyCohort, whole: Any, tmp_path: Path) -> None:
    write(cohort, tmp_path / "out")
    assert len(rows_of(tmp_path / "out")) > 5
    columns = list(whole.table.columns)
    frames = [
        pyarrow.dataset.dataset(tmp_path / "out").to_table().to_pandas(),
        pd.read_parquet(tmp_path / "out"),
        polars.scan_parquet(f"{tmp_path}/out/**/*.parquet").collect().to_pandas(),
        duckdb.sql(f"SELECT * FROM '{tmp_path}/out/**/*.parquet'").df(),
    ]
    expected = whole.table.sort_values(KEYS, ignore_index=True)
    for frame in frames:
        assert list(frame.columns) == columns
        assert [frame[name].dtype for name in ("log1p_tpm", "tpm")] == [np.float32] * 2
        found = frame.astype({name: object for name in columns if name not in ("log1p_tpm", "tpm")})
        found = found.sort_values(KEYS, ignore_index=True).astype({"reason": "string"})
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, atol=1e-5, rtol=1e-5)
    query = f"SELECT avg(tpm) AS mean FROM '{tmp_path}/out/**/*.parquet' WHERE tissue = 'liver' AND sample = 'P1'"
    liver = expected[(expected["tissue"] == "liver") & (expected["sample"] == "P1")]
    assert duckdb.sql(query).fetchall()[0][0] == pytest.approx(liver["tpm"].mean(), rel=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_xarray_opens_an_array_with_its_coordinates(cohort: ToyCohort, whole: Any, tmp_path: Path, dtype: str) -> None:
    xarray = pytest.importorskip("xarray")
    write(cohort, tmp_path / "out", layout="zarr", dtype=dtype)
    array = xarray.open_zarr(tmp_path / "out")
    assert dict(array.sizes) == {"sample": 5, "gene": 14, "tissue": 3}
    assert array["log1p_tpm"].dtype == dtype
    assert set(array.coords) == {"sample", "gene", "tissue", "gene_name", "chrom"}
    meaning = dict(zip(array.status.flag_values, array.status.flag_meanings.split(), strict=True))
    table = whole.table.set_index(KEYS)
    for sample in cohort.samples:
        for gene in array["gene"].values:
            here = array.sel(sample=sample, gene=gene)
            expected = table.loc[(sample, gene)].loc[list(TISSUES)]
            np.testing.assert_allclose(here["log1p_tpm"], expected["log1p_tpm"], rtol=2e-3)
            assert str(here["gene_name"].values) == expected["gene_name"].iloc[0]
            assert meaning[int(here["status"])] == expected["status"].iloc[0]
    assert list(array["chrom"].values) == sorted(array["chrom"].values)
    same(PredictionDataset(tmp_path / "out").to_pandas(), whole.table, 2e-3)


def test_a_number_too_large_for_float16_is_refused(cohort: ToyCohort, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no float16"):
        write(cohort, tmp_path / "rows", dtype="float16")
    large = toy_cohort(tmp_path / "toy", unit="other")
    large.model.network.weight.data.mul_(1e6)
    with pytest.raises(InputError, match=r"beyond 65,504, the largest of float16.*--dtype float32"):
        write(large, tmp_path / "out", layout="zarr", dtype="float16")


def test_a_part_is_what_was_asked_for_in_the_order_asked(cohort: ToyCohort, whole: Any, tmp_path: Path) -> None:
    found = write(cohort, tmp_path / "out")
    asked: dict[str, Any] = {"genes": ["toy7", "ENSG00000000002"], "samples": ["P3", "P0"], "tissues": ["Lung"]}
    direct = predictor(cohort).run(cohort.fasta, cohort.vcf, **asked)
    same(found.to_pandas(**asked), direct.table)
    pd.testing.assert_frame_equal(found.part(**asked).gene_table(), direct.genes)
    assert found.samples == list(cohort.samples)
    assert [gene.gene_name for gene in found.genes][:2] == ["TOY0", "TOY1"]
    with pytest.raises(RejectedQueryError, match=r"2 of the names asked for .*'TOY77'.*'liverr': .*mean liver"):
        found.to_pandas(genes=["TOY77", "TOY1"], tissues=["liverr"])
    with pytest.raises(InputError, match="has no sample 'Nobody'"):
        found.to_pandas(samples=["Nobody"])
    with pytest.raises(InputError, match=r"210 rows, which as tidy take about .* GB of memory.*Ask for fewer genes"):
        found.part(limits=RunLimits(table_memory=10_000))
    assert len(found.part(limits=RunLimits(table_memory=60_000)).table()) == 210
    with pytest.raises(InputError, match="210 rows, which as h5ad take about"):
        found.part(limits=RunLimits(table_memory=60_000), layout="h5ad")


def test_a_table_that_memory_does_not_hold_is_refused_before_anything_is_computed(
    cohort: ToyCohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PredictionRun, "predict", None)
    with pytest.raises(InputError, match=r"5 people x 14 genes x 3 tissues has 210 rows.*write a dataset.*-o FOLDER/"):
        predictor(cohort, table_memory=10_000).run(cohort.fasta, cohort.vcf, samples=cohort.samples)
    with pytest.raises(InputError, match="210 rows, which as h5ad take about"):
        predictor(cohort, table_memory=60_000).run(cohort.fasta, cohort.vcf, samples=cohort.samples, layout="h5ad")


class Stopped(Exception):
    pass


def counting(monkeypatch: pytest.MonkeyPatch, stop_after: int | None = None) -> list[str]:
    """Units that are predicted from now on."""
    names: list[str] = []
    predict = PredictionRun.predict

    def counted(run: PredictionRun, unit: Any) -> Any:
        if len(names) == stop_after:
            raise Stopped
        names.append(str(unit.people) + str(unit.genes))
        return predict(run, unit)

    monkeypatch.setattr(PredictionRun, "predict", counted)
    return names


@pytest.mark.parametrize("layout", ["parquet", "zarr"])
def test_a_dataset_that_was_cut_short_goes_on_in_the_units_in_which_it_was_begun(
    cohort: ToyCohort, tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cohort, tmp_path / "undisturbed", layout=layout)
    with monkeypatch.context() as patched:
        first = counting(patched, stop_after=4)
        with pytest.raises(Stopped):
            write(cohort, tmp_path / "out", layout=layout)
    with pytest.raises(InputError, match=r"is not finished.*Start the command that writes it again"):
        PredictionDataset(tmp_path / "out")
    with monkeypatch.context() as patched:
        second = counting(patched)
        steps: list[tuple[int, int]] = []
        options: dict[str, Any] = {"layout": layout, "on_gene": lambda *step: steps.append(step)}
        write(cohort, tmp_path / "out", {"unit_genes": 50, "people": 1}, **options)
        assert not set(first) & set(second)
        assert steps[0][0] > 0
        assert steps[-1] == (70, 70)
        n_units = len(list((tmp_path / "out" / "_units").iterdir()))
        assert len(first) + len(second) == n_units > 10
        write(cohort, tmp_path / "out", layout=layout)
        assert len(first) + len(second) == n_units  # there was nothing left to do
    assert files_of(tmp_path / "out") == files_of(tmp_path / "undisturbed")


@pytest.mark.parametrize(
    ("layout", "how"),
    [
        ("parquet", "gone"),
        ("parquet", "cut"),
        ("parquet", "flipped"),
        ("parquet", "notes gone"),
        ("parquet", "notes damaged"),
        ("zarr", "gone"),
        ("zarr", "flipped"),
    ],
)
def test_a_part_that_is_gone_or_damaged_is_made_anew_and_no_other(
    cohort: ToyCohort,
    tmp_path: Path,
    layout: str,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    out = tmp_path / "out"
    dataset = write(cohort, out, layout=layout)
    before = files_of(out)
    pattern = "_units/*" if how.startswith("notes") else "log1p_tpm/[0-9]*" if layout == "zarr" else "chr*/*.parquet"
    path = sorted(out.glob(pattern))[2]
    content = path.read_bytes()
    if how.endswith("gone"):
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[:-7])
    else:
        path.write_bytes(content[:30] + bytes([content[30] ^ 1]) + content[31:])
    with pytest.raises(InputError, match=r"(damaged, or gone|are damaged or gone).*Start the command"):
        dataset.to_pandas()
    with monkeypatch.context() as patched:
        done = counting(patched)
        write(cohort, out, layout=layout)
        assert len(done) == 1
    assert path.name in caplog.text or how == "notes gone"
    assert files_of(out) == before


@pytest.mark.parametrize("content", [None, b"{", b'{"key": "another"}', b"[]"])
def test_a_half_deleted_manifest_is_made_anew(
    cohort: ToyCohort, tmp_path: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cohort, tmp_path / "out")
    before = files_of(tmp_path / "out")
    manifest = tmp_path / "out" / "_manifest.json"
    manifest.unlink()
    if content is not None:
        manifest.write_bytes(content)
    with pytest.raises(InputError, match=r"_manifest\.json.*Start the command that writes it again"):
        PredictionDataset(tmp_path / "out")
    done = counting(monkeypatch)
    write(cohort, tmp_path / "out")
    assert done == []
    assert files_of(tmp_path / "out") == before
    listed = json.loads(before["_manifest.json"])
    assert listed["units"] == len(listed["listed"])
    assert sum(file["rows"] for unit in listed["listed"] for file in unit["files"]) == listed["rows"] == 5 * 14 * 3
    assert {file["name"] for unit in listed["listed"] for file in unit["files"]} == {
        str(path.relative_to(tmp_path / "out")) for path in rows_of(tmp_path / "out")
    }


def test_the_folder_of_another_run_is_refused_and_replaced_when_told_so(
    cohort: ToyCohort, whole: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write(cohort, out, tissues=["liver"], samples=["P1"])
    kept = files_of(out)
    said: list[RunEstimate] = []
    with pytest.raises(InputError, match=r"another run \(it differs in: samples, tissues\).*--overwrite"):
        write(cohort, out, on_plan=said.append)
    with pytest.raises(InputError, match="another run"):
        predictor(cohort).run(cohort.fasta, cohort.vcf, samples=["P2"], parts=out, on_plan=said.append)
    assert said == []  # nothing is estimated of what is not done
    with pytest.raises(InputError, match=r"another run \(it differs in: layout\)"):
        write(cohort, out, tissues=["liver"], samples=["P1"], layout="zarr")
    assert files_of(out) == kept
    for layout in ("zarr", "parquet", "zarr"):
        same(write(cohort, out, overwrite=True, layout=layout).to_pandas(), whole.table)
        assert bool(rows_of(out)) == (layout == "parquet")
        assert (out / ".zgroup").exists() == (layout == "zarr")
    (out / "_run.json").write_bytes(b"{}")
    with pytest.raises(InputError, match="holds the output of another run"):
        write(cohort, out)
    with pytest.raises(InputError, match=r"_run\.json is damaged"):
        PredictionDataset(out)
    same(write(cohort, out, overwrite=True).to_pandas(), whole.table)


def test_a_run_of_which_nothing_is_done_stands_in_nobodys_way(
    cohort: ToyCohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for layout in ("zarr", "parquet"):
        with monkeypatch.context() as patched:
            counting(patched, stop_after=0)
            with pytest.raises(Stopped):
                write(cohort, tmp_path / "out", layout=layout, tissues=["lung"])
    write(cohort, tmp_path / "out")


@pytest.mark.parametrize("overwrite", [False, True])
def test_files_that_no_run_wrote_are_never_removed(cohort: ToyCohort, tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "out" / "thesis").mkdir(parents=True)
    (tmp_path / "out" / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(InputError, match=r"holds files, and is no folder of predictions \(thesis/chapter\.txt\)"):
        write(cohort, tmp_path / "out", overwrite=overwrite)
    assert (tmp_path / "out" / "thesis" / "chapter.txt").read_text() == "years of work"
    with pytest.raises(InputError, match=r"is no folder of predictions: it has no _run\.json"):
        PredictionDataset(tmp_path / "out")


def test_rows_of_something_else_are_not_left_among_those_of_a_dataset(cohort: ToyCohort, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(cohort, out)
    extra = out / "chr1" / "copy.parquet"
    extra.write_bytes(rows_of(out)[0].read_bytes())
    with pytest.raises(InputError, match=r"chr1/copy\.parquet: is no file of this run.*Move it out"):
        write(cohort, out)
    extra.unlink()
    write(cohort, out)


def test_a_full_disk_keeps_what_is_done(cohort: ToyCohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(cohort, tmp_path / "undisturbed")
    written = [0]
    write_bytes = Path.write_bytes

    def fails(path: Path, content: bytes) -> int:
        written[0] += len(content)
        if written[0] > 30_000:
            write_bytes(path, content[: len(content) // 2])
            raise OSError(28, "No space left on device", str(path))
        return write_bytes(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", fails)
        with pytest.raises(OutputError, match=r"out: no room is left on the disk\. Make room"):
            write(cohort, tmp_path / "out")
    kept = files_of(tmp_path / "out")
    assert len([name for name in kept if name.startswith("_units/")]) >= 1
    assert not [name for name in kept if "partial" in name]
    write(cohort, tmp_path / "out")
    assert files_of(tmp_path / "out") == files_of(tmp_path / "undisturbed")


def test_a_person_of_whom_nothing_is_used_stops_the_end_and_not_what_is_done(
    cohort: ToyCohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = ReferenceGenome(cohort.fasta)
    lines = []
    for chrom in ("chr1", "chr2"):
        for position in range(1, 2_500, 40):
            ref = reference.sequence(chrom, position - 1, position)
            lines.append(record(position, ref, "C" if ref == "A" else "A", "0/1", "./.", chrom=chrom))
    vcf = write_vcf(tmp_path / "few.vcf.gz", lines, contigs=dict.fromkeys(("chr1", "chr2"), 2_500), samples=["S", "T"])
    model, asked = predictor(cohort, unit_genes=6), {"samples": ["S", "T"]}
    with pytest.raises(InputError, match="sample T: nothing of it was used in any gene asked for: 14 all_skipped"):
        model.write_dataset(tmp_path / "out", cohort.fasta, vcf, **asked)
    done = counting(monkeypatch)
    found = model.write_dataset(tmp_path / "out", cohort.fasta, vcf, **asked, allow_unused=True)
    assert done == []
    assert set(found.to_pandas(samples=["T"])["status"]) == {"all_skipped"}
    assert found.to_pandas(samples=["T"])["log1p_tpm"].isna().all()


def test_the_peak_of_memory_does_not_grow_with_the_run(tmp_path: Path) -> None:
    """Twice as many people again; names and the list of units are all that grows."""
    cohort = toy_cohort(tmp_path / "toy", people=24, genes=6)
    peaks = {}
    for people in (12, 24):
        model = predictor(cohort, unit_genes=64, people=6)
        tracemalloc.start()
        model.write_dataset(tmp_path / f"out{people}", cohort.fasta, cohort.vcf, samples=cohort.samples[:people])
        peaks[people] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[24] < 1.1 * peaks[12], peaks
