"""Several files of variants: they read as the one whole file, and files that do not go together are refused."""

import json
import logging
import os
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
import yaml
from command_line import run
from genome_files import record, write_fasta, write_vcf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_variants import BCFTOOLS_MODES, random_genome, random_genotype, random_records
from small_cohort import DONORS, SmallCohort
from small_model import LENGTH, SmallWorld
from split_files import split_vcf

from variantformer_hf.analysis.backgrounds import open_backgrounds
from variantformer_hf.cli import app
from variantformer_hf.data.donors import DonorGenomes
from variantformer_hf.data.splits import split_donors
from variantformer_hf.errors import AssemblyError, ContigError, InputError, SampleError
from variantformer_hf.genome import PersonalGenome, ReferenceGenome, VariantTally
from variantformer_hf.genome.cohort_files import CohortFiles
from variantformer_hf.genome.doctor import diagnose, reference_agreement
from variantformer_hf.genome.file_patterns import named_files
from variantformer_hf.genome.interval import Interval
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.person_records import PersonRecords
from variantformer_hf.genome.provenance import content_of
from variantformer_hf.genome.store_layout import default_store
from variantformer_hf.genome.variant_files import VariantFiles, genotype_source, look_over
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.genome.variant_store import VariantStore
from variantformer_hf.genome.variants import VariantFile
from variantformer_hf.zoo.companions import write_companions

pytestmark = pytest.mark.usefixtures("one_thread")

SAMPLES = ("S1", "S2", "S3")
SMALL = {"chr1": LENGTH, "chrX": 200}


# -- They read as the one whole file ----------------------------------------------------------------------------------


def random_cohort(rng: random.Random, genome: str, chrom: str) -> list[str]:
    """Records with three samples' calls; some span what follows them."""
    lines = []
    for line in random_records(rng, genome, rng.choice([3, 8, 30])):
        fields = line.split("\t")
        if fields[4] == "<DEL>":
            fields[7] = f"END={min(len(genome), int(fields[1]) + rng.choice([1, 12, 150]))}"
        calls = [rng.choice(["0/0", "0|0", "0/0:5", random_genotype(rng, fields[4].count(",") + 1)]) for _ in SAMPLES]
        fields[8] = "GT:DP" if any(":" in call for call in calls) else "GT"
        fields[6] = rng.choice(["PASS", "PASS", ".", "q10"])
        lines.append("\t".join([chrom, *fields[1:9], *calls]))
    return lines


def read(person: PersonalGenome, regions: list[tuple[str, int, int]], paths: list[Path]) -> Any:
    """Sequences and tallies, or the error, without the name of the file."""
    tally = VariantTally()
    try:
        return person.sequences(regions, tally), tally.to_dict(), person.calls_not_diploid
    except InputError as error:
        assert error.file in map(str, paths)
        return type(error), str(error).replace(error.file, "")


RANDOM = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}


@settings(max_examples=5, **RANDOM)
@given(st.integers(min_value=0))
def test_every_person_reads_as_from_the_whole_file(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    reads_as_from_the_whole_file(tmp_path_factory, seed)


@pytest.mark.slow
@settings(max_examples=300, **RANDOM)
@given(st.integers(min_value=0))
def test_many_people_read_as_from_the_whole_file(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    reads_as_from_the_whole_file(tmp_path_factory, seed)


def reads_as_from_the_whole_file(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("cohort")
    genomes = {name: random_genome(rng, rng.randint(40, 300)) for name in ("chr1", "chr2", "chr3")}
    lengths: dict[str, int | None] = {name: len(genome) for name, genome in genomes.items()}
    reference = ReferenceGenome(write_fasta(folder / "genome.fa", genomes))
    lines = [line for name in ("chr1", "chr2") for line in random_cohort(rng, genomes[name], name)]
    whole = write_vcf(folder / "whole.vcf.gz", lines, contigs=lengths, samples=SAMPLES)
    (folder / "split").mkdir()
    split = split_vcf(whole, folder / "split", rng, pieces=rng.choice([1, 1, 2, 4]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VARIANTFORMER_CACHE", str(folder / "cache"))
        files = genotype_source(split)
        for mode in BCFTOOLS_MODES:
            options = GenotypeOptions(
                mode=mode,
                pass_only=rng.random() < 0.3,
                snps_only=rng.random() < 0.2,
                min_dp=rng.choice([None, None, None, 3]),
                symbolic=rng.choice(["exclude_record", "apply", "ignore_allele"]),
                on_ref_mismatch=rng.choice(["error", "skip-record"]),
            )
            regions = []
            for _ in range(6):
                name = rng.choice(list(genomes))
                start = rng.randrange(len(genomes[name]))
                regions.append((name, start, min(len(genomes[name]), start + rng.choice([1, 10, 200]))))
            people = {sample: PersonalGenome(reference, whole, sample, options) for sample in SAMPLES}
            expected = {sample: read(person, regions, [whole]) for sample, person in people.items()}
            for is_stored in (False, True):
                for path in split if is_stored else []:
                    build_store(path)
                for sample, wanted in expected.items():
                    person = PersonalGenome(reference, files, sample, options)
                    assert read(person, regions, split) == wanted
                    assert [person.has_contig(name) for name in genomes] == [
                        people[sample].has_contig(name) for name in genomes
                    ]
            for path in split:
                default_store(path).rename(folder / f"used.{rng.random()}")
    whole_contigs = [Interval(name, 0, len(genome)) for name, genome in genomes.items()]
    for limit in (1, 30, 2_000):
        assert reference_agreement(reference, split, whole_contigs, limit) == reference_agreement(
            reference, whole, whole_contigs, limit
        )


def test_a_store_of_each_file_is_read_where_it_is_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    one = write_vcf(tmp_path / "c.chr1.vcf.gz", [record(5, "A", "C", "0/1")], contigs={"chr1": 20})
    two = write_vcf(tmp_path / "c.chr2.vcf.gz", [record(5, "A", "C", "0/1", chrom="chr2")], contigs={"chr2": 20})
    build_store(one)
    files = VariantFiles(look_over([one, two]))
    assert isinstance(files._read(one), VariantStore)
    assert isinstance(files._read(two), VariantFile)
    assert isinstance(VariantFiles(look_over([one, two]), needs_quality=True)._read(one), VariantFile)
    column = next(default_store(one).glob("*.calls"))
    column.write_bytes(column.read_bytes()[:-1] + b"\xff")
    assert [len(part) for chrom in ("chr1", "chr2") for part in files.columns(chrom, 0, 20)] == [1, 1]
    assert "chr1" in files.damage[0]  # of a store that is no longer open
    files.close()


# -- In every command and interface ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = world.save(tmp_path_factory.mktemp("saved") / "model")
    write_companions(folder)
    return folder


@pytest.fixture(scope="module", params=[1, 3], ids=["by chromosome", "by piece"])
def split(cohort: SmallCohort, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The small cohort in several files."""
    return split_vcf(cohort.vcf, tmp_path_factory.mktemp("split"), random.Random(3), pieces=request.param)


def without_files(report: dict[str, Any]) -> dict[str, Any]:
    """A report, but for what it says of the files of variants."""
    if "inputs" in report:
        report = {**report, "inputs": {"fasta": report["inputs"]["fasta"]}}
    if "backgrounds" in report:
        report = {**report, "backgrounds": [{**each, "vcf": None} for each in report["backgrounds"]]}
    return report


def test_a_run_of_several_files_is_the_run_of_the_whole(
    world: SmallWorld, cohort: SmallCohort, split: list[Path], tmp_path: Path
) -> None:
    fasta, predictor = world.reference.path, world.predictor
    for mode in ("iupac", "haplotype2"):
        asked: dict[str, Any] = {"samples": DONORS[:3], "options": GenotypeOptions(mode=mode)}
        whole = predictor.run(fasta, cohort.vcf, **asked)
        several = predictor.run(fasta, list(split), parts=tmp_path / f"parts.{mode}", **asked)
        pd.testing.assert_frame_equal(several.table, whole.table)
        pd.testing.assert_frame_equal(several.genes, whole.genes)
        assert without_files(several.report) == without_files(whole.report)
        assert [each["path"] for each in several.report["inputs"]["vcf"]] == [str(path) for path in named_files(split)]
    again = predictor.run(fasta, list(reversed(split)), parts=tmp_path / "parts.iupac", samples=DONORS[:3])
    pd.testing.assert_frame_equal(again.table, predictor.predict(fasta, cohort.vcf, samples=DONORS[:3]))
    with pytest.raises(InputError, match="another run"):
        predictor.run(fasta, cohort.vcf, parts=tmp_path / "parts.iupac", samples=DONORS[:3])


def test_one_file_is_what_it_was(world: SmallWorld, cohort: SmallCohort) -> None:
    for given_ in (cohort.vcf, str(cohort.vcf), [cohort.vcf], str(cohort.vcf).replace("cohort.", "co*t.")):
        person = PersonalGenome(world.reference, given_, "D1")
        assert person.path == cohort.vcf
        assert person.description()["vcf"] == content_of(cohort.vcf)
        report = world.predictor.run(world.reference.path, given_, samples=["D1"], genes=["PLUS"]).report
        assert report["inputs"]["vcf"]["path"] == str(cohort.vcf)


def test_a_person_of_several_files_can_be_sent_to_a_process(world: SmallWorld, split: list[Path]) -> None:
    person = PersonalGenome(world.reference, split, "D1")
    copy = pickle.loads(pickle.dumps(person))
    assert isinstance(copy.path, CohortFiles)
    assert copy.description() == person.description()
    assert copy.sequence("chr1", 0, LENGTH) == person.sequence("chr1", 0, LENGTH)


def commands(model: Path, world: SmallWorld, folder: Path, vcf: list[object]) -> dict[str, list[object]]:
    """A command line of every command that takes --vcf, writing to folder/out*."""
    ref = world.genome[1_999]
    alt = "A" if ref != "A" else "C"
    name = f"chr1:2000:{ref}>{alt}"
    edits = folder / "edits.txt"
    edits.write_text(f"{name}\n")
    table = folder / "eqtl.tsv"
    table.write_text(f"chromosome\tposition\tref\talt\tgene_id\tbeta\nchr1\t2000\t{ref}\t{alt}\tENSG00000000001\t0.1\n")
    fasta = ["--fasta", world.reference.path]
    person = [*fasta, *vcf, "--sample", "D1"]
    gene = ["--gene", "PLUS"]
    panel = ["--panel" if each == "--vcf" else each for each in vcf]
    return {
        "predict": ["predict", model, *person, "-o", folder / "out.csv"],
        "effects": ["effects", model, *person, "--variants", edits, "-o", folder / "out.csv"],
        "mutagenesis": [
            "mutagenesis", model, *person, *gene, "--region", "chr1:2000-2003", "-o", folder / "out.safetensors"
        ],
        "knockout": ["knockout", model, *person, *gene, "-o", folder / "out.csv"],
        "attention": ["attention", model, *person, *gene, "-o", folder / "out.csv"],
        "eqtl": ["eqtl", model, *person, "--table", table, "-o", folder / "out.csv"],
        "null": ["null", model, *person, *gene, *panel, "--min-maf", "0.3", "-o", folder / "out.parquet"],
        "counterfactual": ["counterfactual", model, *fasta, *vcf, *gene, "--edits", edits, "-o", folder / "out.csv"],
        "edit": ["edit", *person, "--edits", edits, "-o", folder / "out.vcf.gz"],
    }  # fmt: skip


def outputs(folder: Path) -> dict[str, Any]:
    """What a command wrote, as values that may be compared."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("out*")):
        if path.name.endswith("report.json"):
            found[path.name] = without_files(json.loads(path.read_text()))
        elif path.suffix == ".csv":
            found[path.name] = pd.read_csv(path).to_csv()
        elif path.suffix == ".parquet":
            found[path.name] = pd.read_parquet(path).to_csv()
        elif path.name.endswith(".vcf.gz"):
            file = VariantFile(path)
            found[path.name] = {name: list(file.lines(name)) for name in sorted(file.indexed_contigs)}
        elif path.suffix != ".tbi":
            found[path.name] = path.read_bytes()
    return found


@pytest.mark.parametrize(
    "command", ["predict", "effects", "mutagenesis", "knockout", "attention", "eqtl", "null", "counterfactual", "edit"]
)
def test_every_command_reads_all_files_of_a_repeated_option(
    command: str, world: SmallWorld, cohort: SmallCohort, model: Path, split: list[Path], tmp_path: Path
) -> None:
    ways = {"whole": [cohort.vcf], "several": split, "pattern": [split[0].parent / "cohort.*"]}
    written = {}
    for way, files in ways.items():
        folder = tmp_path / way
        folder.mkdir()
        options = [word for path in files for word in ("--vcf", path)]
        finished = run(*commands(model, world, folder, options)[command])
        assert finished.returncode == 0, finished.stderr
        written[way] = outputs(folder)
        assert written[way]
    assert written["several"] == written["pattern"]
    assert written["several"] == written["whole"]


def test_no_command_takes_the_last_of_several_in_silence() -> None:
    options = [
        (command.name, option)
        for command in typer.main.get_command(app).commands.values()  # type: ignore[attr-defined]
        for option in command.params
        if {"--vcf", "--panel"} & set(option.opts) or (command.name == "ingest" and option.name == "vcf")
    ]
    assert {name for name, _ in options} == {
        *(
            "predict",
            "effects",
            "mutagenesis",
            "knockout",
            "eqtl",
            "null",
            "counterfactual",
            "edit",
            "doctor",
            "ingest",
        ),
        "ancestry",
        "ase",
        "attention",
        "drivers",
        "embed",
        "fit",
        "heritability",
        "linearize",
    }
    assert all(option.multiple or option.nargs == -1 for _, option in options)


def test_doctor_looks_at_all_files(world: SmallWorld, cohort: SmallCohort, split: list[Path]) -> None:
    whole = diagnose(world.reference.path, cohort.vcf, sample="D1")
    several = diagnose(world.reference.path, split, sample="D1")
    assert [finding for finding in several if finding.check not in ("VCF", "samples")] == [
        finding for finding in whole if finding.check not in ("VCF", "samples")
    ]
    finished = run("doctor", "--fasta", world.reference.path, *(word for path in split for word in ("--vcf", path)))
    assert f"and {len(split) - 1} more" in finished.stdout.replace("\n", " ")
    (problem,) = (
        finding
        for finding in diagnose(world.reference.path, [*split, split[0].parent / "none.vcf.gz"])
        if finding.level == "problem" and finding.check == "VCF"
    )
    assert "none.vcf.gz" in problem.message


def test_ingest_makes_a_store_of_each_file(
    world: SmallWorld, cohort: SmallCohort, split: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    wanted = world.predictor.run(world.reference.path, cohort.vcf, samples=["D2"])
    for given_ in (split, [split[0].parent / "cohort.*"]):
        finished = run("ingest", *given_)
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout.split() == [str(default_store(path)) for path in named_files(split)]
    assert finished.stderr.count("there already") == len(split)
    found = world.predictor.run(world.reference.path, split, samples=["D2"])
    pd.testing.assert_frame_equal(found.table, wanted.table)
    assert without_files(found.report) == without_files(wanted.report)


def test_training_reads_a_list_or_a_pattern(
    world: SmallWorld, cohort: SmallCohort, model: Path, split: list[Path], tmp_path: Path
) -> None:
    for entry in ([str(path) for path in split], str(split[0].parent / "cohort.*")):
        genomes = DonorGenomes(world.reference.path, {"LAB": entry})
        genomes.check("LAB", DONORS)
        genomes.check_contigs("LAB", {"D0": ["chr1", "chrX"], "D1": ["chr1"]}, "genes")
        for donor in DONORS:
            ours, theirs = (each.genome("LAB", donor).sequence("chr1", 0, LENGTH) for each in (genomes, cohort.genomes))
            assert ours == theirs
        assert pickle.loads(pickle.dumps(genomes)).genome("LAB", "D3").sequence("chr1", 0, 900)
        split_donors(cohort.expression.samples, test=0.25).save(tmp_path / "split.json")
        content = {
            "loop": {"output": "run"},
            "fasta": str(world.reference.path),
            "vcfs": {"LAB": entry},
            "expression": str(cohort.vcf.parent / "expression"),
            "split": "split.json",
            "model": str(model),
        }
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
        finished = run("train", "expression", "--config", tmp_path / "config.yaml", "--dry-run")
        assert finished.returncode == 0, finished.stderr
    with pytest.raises(InputError, match=r"and \d more: donor D0: has no record on chr2"):
        genomes.check_contigs("LAB", {"D0": ["chr2"]}, "genes")


def test_a_population_may_be_of_several_files(
    world: SmallWorld, cohort: SmallCohort, split: list[Path], tmp_path: Path
) -> None:
    path = tmp_path / "populations.yaml"
    path.write_text(yaml.safe_dump({"EUR": {"vcf": [str(each) for each in split], "sample": "D1"}}))
    (background,) = open_backgrounds(world.reference, path)
    whole = PersonalGenome(world.reference, cohort.vcf, "D1")
    assert background.genome.sequence("chr1", 0, LENGTH) == whole.sequence("chr1", 0, LENGTH)


def test_what_no_file_covers_is_not_in_vcf(world: SmallWorld, tmp_path: Path) -> None:
    """Files of chromosomes without a gene, headed by all."""
    one = write_vcf(tmp_path / "c.chrX.vcf.gz", [record(5, "A", "C", "0/1", chrom="chrX")], contigs=SMALL)
    two = write_vcf(tmp_path / "c.chrY.vcf.gz", [record(5, "A", "C", "0/1", chrom="chrY")], contigs={"chrY": 90})
    table = world.predictor.predict(world.reference.path, [one, two], allow_unused=True, on_ref_mismatch="skip-record")
    assert set(table["status"]) == {"not_in_vcf"}
    assert np.isnan(table["log1p_tpm"]).all()


def test_a_message_names_the_file_that_the_record_is_in(world: SmallWorld, tmp_path: Path) -> None:
    ref = world.genome[1_999]
    other = "A" if ref != "A" else "C"
    good = record(100, world.genome[99], "A" if world.genome[99] != "A" else "C", "0/1")
    one = write_vcf(tmp_path / "c.1.vcf.gz", [good], contigs=SMALL)
    two = write_vcf(tmp_path / "c.2.vcf.gz", [record(2_000, other, ref, "0/1")], contigs=SMALL)
    person = PersonalGenome(world.reference, [one, two])
    assert str(person.path) == f"{one} and 1 more"
    with pytest.raises(InputError, match=r"c\.2\.vcf\.gz: chr1:2000: REF is"):
        person.sequence("chr1", 0, LENGTH)


# -- Which files are meant ---------------------------------------------------------------------------------------------


def test_globs_and_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [
        "c.chr1.vcf.gz",
        "c.chr2.vcf.gz",
        "c.chr10.vcf.gz",
        "c.chr1.old.vcf.gz",
        "c.NC_000001.11.vcf.gz",
        "c[1].bcf",
    ]
    for name in names:
        for each in (name, f"{name}.tbi"):
            Path(each).touch()

    def found(*given_: str) -> list[str]:
        return [path.name for path in named_files(given_)]

    assert found("c.{contig}.vcf.gz") == ["c.NC_000001.11.vcf.gz", "c.chr1.vcf.gz", "c.chr2.vcf.gz", "c.chr10.vcf.gz"]
    assert found("c.chr?.vcf.gz", str(tmp_path / "c.chr10.vcf.gz"))[-2:] == ["c.chr1.vcf.gz", "c.chr2.vcf.gz"]
    assert found("c.chr1*") == ["c.chr1.old.vcf.gz", "c.chr1.vcf.gz", "c.chr10.vcf.gz"]
    assert found("c[1].bcf") == ["c[1].bcf"]
    Path("chr3").mkdir()
    Path("chr3/c.chr3.vcf.gz").touch()
    Path("chr3/c.chr4.vcf.gz").touch()
    assert named_files("{contig}/c.{contig}.vcf.gz") == (Path("chr3/c.chr3.vcf.gz"),)
    for missing in ("d.{contig}.vcf.gz", "d*.vcf.gz"):
        with pytest.raises(InputError, match="matches no file"):
            named_files(missing)
    with pytest.raises(InputError, match="given twice"):
        named_files(["c.chr1.vcf.gz", "c.chr?.vcf.gz"])
    with pytest.raises(InputError, match=r"given twice, once as c\.chr1"):
        named_files(["c.chr1.vcf.gz", tmp_path / "c.chr1.vcf.gz"])
    with pytest.raises(InputError, match="no file of variants"):
        named_files([])


# -- Files that do not go together -------------------------------------------------------------------------------------


def written(folder: Path, name: str, *positions: int, chrom: str = "chr1", **options: Any) -> Path:
    lines = [record(position, "A", "C", *["0/1"] * 8, chrom=chrom) for position in positions]
    samples = options.pop("samples", [f"S{number}" for number in range(8)])
    lines = ["\t".join(line.split("\t")[: 9 + len(samples)]) for line in lines]
    contigs = options.pop("contigs", {"chr1": 1_000, "chr2": 500})
    return write_vcf(folder / name, lines, contigs=contigs, samples=samples, **options)


def test_records_of_one_stretch_in_two_files_are_refused(tmp_path: Path) -> None:
    one = written(tmp_path, "one.vcf.gz", 10, 200)
    for name, positions in (("two.vcf.gz", (150, 300)), ("three.bcf", (10,)), ("four.vcf.gz", (200,))):
        other = written(tmp_path, name, *positions)
        with pytest.raises(InputError, match="same stretch of chr1") as caught:
            look_over([one, other])
        assert str(one) in str(caught.value)
        assert str(other) in str(caught.value)
    after = written(tmp_path, "after.vcf.gz", 201, 300)
    before = written(tmp_path, "before.vcf.gz", 5, 9)
    pieces = look_over([after, one, before]).pieces["chr1"]
    assert [(piece.path, piece.first, piece.end) for piece in pieces[:2]] == [(before, 4, 9), (one, 9, 200)]
    assert pieces[2].path == after


def test_a_record_that_spans_into_the_next_file_is_found_there(tmp_path: Path) -> None:
    contigs: dict[str, int | None] = {"chr1": 100_000}
    long = write_vcf(tmp_path / "a.vcf.gz", [record(10, "A", "<DEL>", "0/1", info="END=70000")], contigs=contigs)
    next_ = write_vcf(tmp_path / "b.vcf.gz", [record(500, "A", "C", "0/1")], contigs=contigs)
    files = VariantFiles(look_over([long, next_]))
    assert [each.position for each in files.records("chr1", 69_000, 70_000)] == [9]
    assert not list(files.records("chr1", 90_000, 100_000))
    assert 70_000 <= files.path.pieces["chr1"][0].end < 140_000


def test_samples_are_matched_by_name_or_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = written(tmp_path, "one.vcf.gz", 10)
    order = [f"S{number}" for number in (3, 1, 2, 0, 7, 6, 5, 4)]
    with caplog.at_level(logging.WARNING):
        assert look_over([one, written(tmp_path, "two.vcf.gz", 20, samples=order)]).samples[0] == "S0"
    assert not caplog.records
    others = written(tmp_path, "three.vcf.gz", 30, samples=["S0", "S1", "S2", "A", "B", "C", "D", "E"])
    with pytest.raises(SampleError) as caught:
        look_over([one, others])
    assert str(caught.value).startswith(
        f"{others}: has other samples than {one}: only it has A, B, C and 2 more; only {one} has S3, S4, S5 and 2 more."
    )
    with pytest.raises(SampleError, match=r": only .*one\.vcf\.gz has S0, S1, S2 and 5 more"):
        look_over([one, written(tmp_path, "four.vcf.gz", 30, samples=[])])
    with pytest.raises(SampleError, match=r"one\.vcf\.gz and 1 more: has no sample 'Z'"):
        VariantFiles(look_over([one, tmp_path / "two.vcf.gz"]), "Z")


def test_files_without_samples_are_read_together(tmp_path: Path) -> None:
    reference = ReferenceGenome(write_fasta(tmp_path / "g.fa", {"chr1": "A" * 1_000, "chr2": "A" * 500}))
    one = written(tmp_path, "sites.chr1.vcf.gz", 10, samples=[])
    two = written(tmp_path, "sites.chr2.vcf.gz", 10, chrom="chr2", samples=[])
    person = PersonalGenome(reference, [one, two])
    assert isinstance(person.records, PersonRecords)
    assert person.sample == "sites"
    assert person.sequence("chr1", 8, 11) == person.sequence("chr2", 8, 11) == "ACA"


def test_mixed_assemblies_and_names_are_refused(tmp_path: Path) -> None:
    one = written(tmp_path, "one.vcf.gz", 10)
    with pytest.raises(AssemblyError, match=r"two\.vcf\.gz: its header gives chr1 999 bases.*one\.vcf\.gz 1000"):
        look_over([one, written(tmp_path, "two.vcf.gz", 10, chrom="chr2", contigs={"chr1": 999, "chr2": 500})])
    old = written(tmp_path, "old.vcf.gz", 10, contigs={"chr1": 249_250_621})
    new = written(tmp_path, "new.vcf.gz", 10, chrom="chr2", contigs={"chr2": 242_193_529})
    with pytest.raises(
        AssemblyError, match=r"new\.vcf\.gz: its contigs are of GRCh38, those of .*old\.vcf\.gz of GRCh37"
    ):
        look_over([old, new])
    bare = written(tmp_path, "bare.vcf.gz", 10, chrom="1", contigs={"1": 1_000})
    with pytest.raises(ContigError, match=r"bare\.vcf\.gz: calls 1 what .*one\.vcf\.gz calls chr1"):
        look_over([one, bare])
    reference = ReferenceGenome(write_fasta(tmp_path / "g.fa", {"chr1": "A" * 1_000, "chr2": "A" * 501}))
    two = written(tmp_path, "second.vcf.gz", 10, chrom="chr2", contigs={"chr2": 500})
    first = written(tmp_path, "first.vcf.gz", 10, contigs={"chr1": 1_000})
    with pytest.raises(AssemblyError, match=r"second\.vcf\.gz: its header gives chr2 500"):
        PersonalGenome(reference, [first, two], "S1")


def test_one_older_index_is_said(tmp_path: Path) -> None:
    one, two = written(tmp_path, "one.vcf.gz", 10), written(tmp_path, "two.vcf.gz", 10, chrom="chr2")
    assert not VariantFiles(look_over([one, two]), "S1").index_is_older
    for index in tmp_path.glob("two.*.tbi"):
        os.utime(index, (1, 1))
    files = look_over([one, two])
    assert VariantFiles(files, "S1").index_is_older
    assert files.older_indexes == (two,)
