"""Allele-specific expression: ratios by hand, what is not known has no number, and counts are held against ratios."""

import json
import pickle
import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from command_line import run
from genome_files import META, record, write_vcf
from scipy import stats
from small_model import LENGTH as WORLD_LENGTH
from small_model import SmallWorld, random_person_lines
from toy_case import LENGTH, answer, oriented, toy_case, window_of
from toy_model import TOY, ToyForExpression, ToyGeneModel
from window_case import LENGTH as WINDOWS_LENGTH
from window_case import window_case

from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.applications.ase.agreement import agreement
from variantformer_hf.applications.ase.ase_job import AseJob
from variantformer_hf.applications.ase.haplotype_pair import why_not_known
from variantformer_hf.applications.ase.ratios import AseRequest, HaplotypeRatios, haplotype_ratios
from variantformer_hf.errors import InputError
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.phase import Phase, PhaseSets
from variantformer_hf.genome.record_columns import Record
from variantformer_hf.genome.variant_files import genotype_source
from variantformer_hf.inference.parts import Parts
from variantformer_hf.inference.run_limits import RunLimits
from variantformer_hf.simulation import writers
from variantformer_hf.work import unit_of
from variantformer_hf.zoo import families
from variantformer_hf.zoo.families import Family, load_gene_model

pytestmark = pytest.mark.usefixtures("one_thread")

OTHER = {"A": "C", "C": "A", "G": "T", "T": "G"}
PS = '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">'


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(families._FAMILIES, TOY.model_type, TOY)
    yield


class Lab:
    """A toy model, whose predictions are sums of weights, and people made for it."""

    def __init__(self, folder: Path, unit: str = "log1p_tpm") -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.case = folder, toy_case(folder, unit)
        self.reference = ReferenceGenome(self.case.fasta)

    def snv(self, position: int, *calls: str, keys: str = "GT", filters: str = "PASS") -> str:
        """A SNV at a position from 1."""
        ref = self.reference.sequence("chr1", position - 1, position).upper()
        return record(position, ref, OTHER[ref], *calls, keys=keys, filters=filters)

    def vcf(self, name: str, lines: Sequence[str], samples: Sequence[str] = ("S1",)) -> Path:
        return write_vcf(self.folder / f"{name}.vcf.gz", lines, contigs={"chr1": LENGTH}, samples=samples)

    def found(self, vcf: Path | Sequence[Path], request: AseRequest | None = None, **options: Any) -> HaplotypeRatios:
        scorer = VariantScorer(load_gene_model(self.case.model, device="cpu", precision="float32"))
        request = request or AseRequest(genes=["PLUS"], samples="all")
        return haplotype_ratios(scorer, self.reference, [*vcf] if isinstance(vcf, list) else vcf, request, **options)

    def by_hand(self, gene: str, carried: Sequence[int]) -> np.ndarray:
        """log1p TPM of both outputs of a haplotype that carries the SNVs at some positions."""
        start, end = window_of(gene)
        bases = list(self.reference.sequence("chr1", start, end).upper())
        for position in carried:
            bases[position - 1 - start] = OTHER[bases[position - 1 - start]]
        sequence = oriented("".join(bases), gene)
        return np.array([answer(sequence, output) for output in (0, 1)])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(families._FAMILIES, TOY.model_type, TOY)
        return Lab(tmp_path_factory.mktemp("ase"))


def log2_of_tpm(log1p_tpm: np.ndarray) -> np.ndarray:
    return np.log2(np.expm1(log1p_tpm))


# Ratios ---------------------------------------------------------------------------------------------------------------


def test_ratios_shares_and_counts_by_hand(lab: Lab) -> None:
    lines = [lab.snv(493, "1|1"), lab.snv(495, "1|0"), lab.snv(498, "0|1"), lab.snv(507, "0|1"), lab.snv(1_395, "0|1")]
    table = lab.found(lab.vcf("hand", lines), AseRequest(genes=["PLUS", "MINUS"])).table
    assert table["gene_name"].tolist() == ["PLUS", "PLUS", "MINUS", "MINUS"]
    assert table["tissue"].tolist() == ["liver", "lung"] * 2
    for gene, on_each in (("PLUS", ([493, 495], [493, 498, 507])), ("MINUS", ([], [1_395]))):
        rows = table[table["gene_name"] == gene]
        first, second = (lab.by_hand(gene, carried) for carried in on_each)
        assert rows["log1p_tpm_haplotype1"].to_numpy() == pytest.approx(first, rel=1e-6)
        assert rows["log1p_tpm_haplotype2"].to_numpy() == pytest.approx(second, rel=1e-6)
        assert rows["log2_ratio"].to_numpy() == pytest.approx(log2_of_tpm(first) - log2_of_tpm(second), abs=1e-5)
        share = np.expm1(first) / (np.expm1(first) + np.expm1(second))
        assert rows["share_haplotype1"].to_numpy() == pytest.approx(share, rel=1e-5)
    assert table["heterozygous"].tolist() == [3, 3, 1, 1] and table["phase_sets"].tolist() == [1] * 4
    assert not table[["unphased", "not_diploid", "half_missing", "missing", "left_out"]].to_numpy().any()
    assert set(table["status"]) == {"ok"} and table["reason"].isna().all()


def test_a_homozygous_person_gives_exactly_0_and_a_half(lab: Lab) -> None:
    vcf = lab.vcf("hom", [lab.snv(493, "1|1"), lab.snv(495, "1/1"), lab.snv(700, "0/1")])
    found = lab.found(vcf, AseRequest(genes=["PLUS"], drivers=True))
    table = found.table
    assert found.drivers is not None and found.drivers.empty and "contribution" in found.drivers
    assert table["log2_ratio"].tolist() == [0, 0] and table["share_haplotype1"].tolist() == [0.5, 0.5]
    assert table["log1p_tpm_haplotype1"].to_numpy() == pytest.approx(lab.by_hand("PLUS", [493, 495]), rel=1e-6)
    assert set(table["status"]) == {"ok"} and set(table["heterozygous"]) == {0}
    elsewhere = lab.found(lab.vcf("elsewhere", [lab.snv(700, "0|1")])).table
    assert set(elsewhere["status"]) == {"no_variants"} and elsewhere["log2_ratio"].tolist() == [0, 0]


def swapped(line: str) -> str:
    return re.sub(r"(\d)\|(\d)$", r"\2|\1", line)


def test_a_person_with_haplotypes_swapped_gives_exactly_the_negative(world: SmallWorld) -> None:
    """By VariantFormer, each in a model that knows nothing yet; and what it gives is each haplotype by itself."""
    rng = random.Random(3)
    lines = [line.replace("/", "|") for line in random_person_lines(rng, world.genome, 150)]
    paths = [
        write_vcf(world.folder / f"{name}.vcf.gz", each, contigs={"chr1": WORLD_LENGTH, "chrX": 200})
        for name, each in (("phased", lines), ("swapped", [swapped(line) for line in lines]))
    ]
    request = AseRequest(genes=["PLUS", "MINUS"], drivers=True)
    first, second = (
        haplotype_ratios(VariantScorer(world.predictor.model), world.reference, path, request) for path in paths
    )
    ratio = first.table["log2_ratio"].to_numpy()
    assert (np.abs(ratio) > 1e-3).any() and (ratio == -second.table["log2_ratio"].to_numpy()).all()
    assert (first.table["log1p_tpm_haplotype1"] == second.table["log1p_tpm_haplotype2"]).all()
    person = PersonalGenome(world.reference, paths[0], options=GenotypeOptions(mode="haplotype2"))
    rows = first.table[first.table["gene_name"] == "MINUS"]
    np.testing.assert_allclose(rows["log1p_tpm_haplotype2"], world.prediction(person, "MINUS"), atol=2e-5)
    keys = ["gene_id", "tissue", "pos", "alt"]
    both = [each.drivers.sort_values(keys, kind="stable") for each in (first, second) if each.drivers is not None]
    np.testing.assert_allclose(both[0]["contribution"], -both[1]["contribution"].to_numpy(), atol=1e-4)


def test_a_model_of_another_unit_gives_a_difference_and_no_ratio(tmp_path: Path) -> None:
    other = Lab(tmp_path / "z", "inverse_normal")
    vcf = other.vcf("hand", [other.snv(495, "1|0"), other.snv(498, "0|1")])
    found = other.found(vcf, AseRequest(genes=["PLUS"], drivers=True))
    wanted = other.by_hand("PLUS", [495]) - other.by_hand("PLUS", [498])
    assert found.table["difference"].to_numpy() == pytest.approx(wanted, abs=1e-5)
    assert not {"log2_ratio", "share_haplotype1", "log1p_tpm_haplotype1"} & set(found.table.columns)
    assert found.drivers is not None
    assert found.drivers.groupby("tissue", observed=True)["contribution"].sum().to_numpy() == pytest.approx(
        wanted, abs=1e-5
    )


def test_a_haplotype_without_a_positive_tpm_has_no_ratio(tmp_path: Path) -> None:
    negative = Lab(tmp_path / "negative")
    network = ToyForExpression.from_pretrained(negative.case.model)
    with torch.no_grad():
        network.weight[0] = -1
    model = load_gene_model(negative.case.model, device="cpu")
    ToyGeneModel(network, model.gene_table, device="cpu").save(negative.case.model)
    table = negative.found(negative.vcf("hand", [negative.snv(495, "1|0")])).table
    assert table["status"].tolist() == ["not_positive", "ok"]
    assert table["log2_ratio"].isna().tolist() == [True, False] == table["share_haplotype1"].isna().tolist()


# Phase ----------------------------------------------------------------------------------------------------------------

Lines = Callable[[Lab], list[str]]
CASES: dict[str, tuple[Lines, str, dict[str, int]]] = {
    "one record unphased": (lambda lab: [lab.snv(495, "1|0"), lab.snv(498, "0/1")], "unphased", {"unphased": 1}),
    "alone and unphased": (lambda lab: [lab.snv(495, "0/1")], "unphased", {"unphased": 1, "heterozygous": 1}),
    "unphased elsewhere": (lambda lab: [lab.snv(495, "1|0"), lab.snv(700, "0/1")], "ok", {"unphased": 0}),
    "unphased and homozygous": (lambda lab: [lab.snv(495, "1|0"), lab.snv(498, "1/1")], "ok", {"heterozygous": 1}),
    "two phase sets": (
        lambda lab: [lab.snv(495, "1|0:495", keys="GT:PS"), lab.snv(498, "0|1:498", keys="GT:PS")],
        "phase_sets",
        {"phase_sets": 2, "unphased": 0},
    ),
    "one phase set": (
        lambda lab: [lab.snv(495, "1|0:9:495", keys="GT:DP:PS"), lab.snv(498, "0|1:495", keys="GT:PS")],
        "ok",
        {"phase_sets": 1},
    ),
    "a set and none": (
        lambda lab: [lab.snv(495, "1|0:495", keys="GT:PS"), lab.snv(498, "0|1:.", keys="GT:PS")],
        "phase_sets",
        {"phase_sets": 2},
    ),
    "a set and no key": (
        lambda lab: [lab.snv(495, "1|0:495", keys="GT:PS"), lab.snv(498, "0|1")],
        "phase_sets",
        {"phase_sets": 2},
    ),
    "another set of a homozygous call": (
        lambda lab: [lab.snv(495, "1|0:495", keys="GT:PS"), lab.snv(498, "1|1:498", keys="GT:PS")],
        "ok",
        {"phase_sets": 1},
    ),
    "no set at all": (lambda lab: [lab.snv(495, "1|0"), lab.snv(498, "0|1")], "ok", {"phase_sets": 1}),
    "half missing": (lambda lab: [lab.snv(495, "1|0"), lab.snv(498, "0|.")], "half_missing", {"half_missing": 1}),
    "missing": (lambda lab: [lab.snv(495, "1|0"), lab.snv(498, "./.")], "ok", {"missing": 1, "heterozygous": 1}),
    "all missing": (lambda lab: [lab.snv(495, "./."), lab.snv(498, "./.")], "all_skipped", {"missing": 2}),
    "haploid": (lambda lab: [lab.snv(495, "1|0"), lab.snv(498, "1")], "not_diploid", {"not_diploid": 1}),
    "haploid REF": (lambda lab: [lab.snv(495, "1|0"), lab.snv(498, "0")], "not_diploid", {"not_diploid": 1}),
    "triploid": (lambda lab: [lab.snv(498, "0|1|1")], "not_diploid", {"not_diploid": 1}),
}


@pytest.mark.parametrize("name", list(CASES))
def test_what_is_not_known_has_a_status_a_count_and_no_number(lab: Lab, name: str) -> None:
    lines, status, counts = CASES[name]
    request = AseRequest(genes=["PLUS"], allow_unused=True)
    table = lab.found(lab.vcf(name.replace(" ", "-"), lines(lab)), request).table
    assert table["status"].tolist() == [status] * 2
    assert {key: int(table[key].iloc[0]) for key in counts} == counts
    numbers = table[["log1p_tpm_haplotype1", "log1p_tpm_haplotype2", "log2_ratio", "share_haplotype1"]]
    assert numbers.notna().to_numpy().all() if status == "ok" else numbers.isna().to_numpy().all()


def test_records_that_an_option_leaves_out_need_no_phase(lab: Lab) -> None:
    ref = lab.reference.sequence("chr1", 497, 498).upper()
    lines = [lab.snv(495, "1|0"), record(498, ref, f"{ref}AC", "0/1"), lab.snv(507, "0/1", filters="q10")]
    lines.insert(2, record(501, lab.reference.sequence("chr1", 500, 501).upper(), "<DEL>", "0/1"))
    vcf = lab.vcf("left-out", lines)
    plain, strict = (
        lab.found(vcf, AseRequest(genes=["PLUS"], options=GenotypeOptions(**options))).table
        for options in ({}, {"snps_only": True, "pass_only": True})
    )
    assert plain[["status", "unphased", "left_out"]].iloc[0].tolist() == ["unphased", 2, 1]
    assert strict[["status", "unphased", "left_out"]].iloc[0].tolist() == ["ok", 0, 3]
    wanted = log2_of_tpm(lab.by_hand("PLUS", [495])) - log2_of_tpm(lab.by_hand("PLUS", []))
    assert strict["log2_ratio"].to_numpy() == pytest.approx(wanted, abs=1e-5)


def test_one_copy_of_x_is_not_taken_for_two() -> None:
    """Where a file gives a man's X as homozygous nothing tells it from a woman's."""
    different = Record(0, ("A", "C"), 1, (0, 1), True, "PASS", None, None)
    assert why_not_known(Phase(), "chr1") == "" == why_not_known(Phase((different,), sets=frozenset({""})), "chrX")
    for contig in ("chrX", "X", "chrY", "chrM", "NC_000023.11"):
        assert why_not_known(Phase(), contig) == "copies_unknown"


def with_sets(lab: Lab) -> list[str]:
    """Two people: of S1 both SNVs are of one set, of S2 not."""
    calls = [("1|0:5", "0|1:7"), ("0|1:5", "1|0:8")]
    return [lab.snv(at, *each, keys="GT:PS") for at, each in zip((495, 498), calls, strict=True)]


@pytest.mark.parametrize("how", ["declared", "not declared", "bcf", "stored", "split", "zarr"])
def test_phase_sets_are_read_of_every_file_that_has_them(lab: Lab, tmp_path: Path, how: str) -> None:
    people, lines = ("S1", "S2"), with_sets(lab)
    meta = [*META.splitlines(), PS, *writers.contig_lines({"chr1": LENGTH})]

    def written(name: str, part: Sequence[str], index: str = "tbi") -> Path:
        return writers.write_vcf(tmp_path / name, part, meta=meta, samples=people, index=index)

    vcf: Path | list[Path] = written("sets.vcf.gz", lines)
    if how == "not declared":
        vcf = lab.vcf("undeclared", lines, people)
    elif how == "bcf":
        vcf = written("sets.bcf", lines, "csi")
    elif how == "stored":
        assert run("ingest", vcf).returncode == 0
    elif how == "split":
        vcf = [written(f"{place}.vcf.gz", [each]) for place, each in enumerate(lines)]
    elif how == "zarr":
        vcf = zarr_of(lab, tmp_path / "sets.zarr")
    table = lab.found(vcf).table.drop_duplicates("sample")
    assert table["sample"].tolist() == ["S1", "S2"]
    assert table["status"].tolist() == ["ok", "phase_sets"] and table["phase_sets"].tolist() == [1, 2]


def zarr_of(lab: Lab, path: Path) -> Path:
    """The people of :func:`with_sets` as VCF-Zarr, by its specification."""
    import zarr

    bases = [lab.reference.sequence("chr1", at - 1, at).upper() for at in (495, 498)]
    group = zarr.create_group(path, zarr_format=2)
    arrays = {
        "sample_id": np.array(["S1", "S2"], dtype="<U2"),
        "contig_id": np.array(["chr1"], dtype="<U4"),
        "contig_length": np.array([LENGTH]),
        "variant_contig": np.zeros(2, np.int8),
        "variant_position": np.array([495, 498], np.int32),
        "variant_allele": np.array([[base, OTHER[base]] for base in bases], dtype="<U1"),
        "call_genotype": np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]], np.int8),
        "call_genotype_phased": np.ones((2, 2), bool),
        "call_PS": np.array([[5, 7], [5, 8]], np.int32),
    }
    for name, values in arrays.items():
        group.create_array(name, data=values)
    return path


def test_a_plink_bed_has_no_phase_and_an_open_job_travels(lab: Lab, tmp_path: Path) -> None:
    from bed_reader import to_bed

    bases = [lab.reference.sequence("chr1", at - 1, at).upper() for at in (495, 498)]
    properties = {
        **{"iid": ["S1", "S2"], "chromosome": ["1", "1"], "bp_position": [495, 498], "sid": ["a", "b"]},
        **{"allele_1": [OTHER[base] for base in bases], "allele_2": bases},
    }
    to_bed(tmp_path / "calls.bed", np.array([[1, 2], [2, 2]], np.int8), properties)
    table = lab.found(tmp_path / "calls.bed").table.drop_duplicates("sample")
    assert table["status"].tolist() == ["unphased", "ok"] and table["unphased"].tolist() == [1, 0]
    scorer = VariantScorer(load_gene_model(lab.case.model, device="cpu", precision="float32")).open(lab.reference)
    parts = Parts(tmp_path / "parts", {})
    job = AseJob(scorer, lab.case.vcf, ("S1",), GenotypeOptions(mode="haplotype1"), (0, 1), False, parts)
    gene = scorer.model.gene_table.get("PLUS")
    pickle.loads(pickle.dumps(job)).open().do(unit := unit_of("gene", (0, gene, (0, 1)), "PLUS"))
    assert parts.read_one(unit.name)["heterozygous"].to_pylist() == [1, 1]


def test_lines_of_a_cohort_without_phase_sets_are_read_for_one_person_alone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    vcf = lab.vcf("plain", [lab.snv(495, "1|0", "0|1"), lab.snv(498, "1|0", "1|0")], ("S1", "S2"))
    sets = PhaseSets(genotype_source(vcf), ["S1", "S2"])
    file = next(iter(sets._files.values()))
    read: list[str] = []
    phase_sets = file.phase_sets
    monkeypatch.setattr(file, "phase_sets", lambda sample, *where: read.append(sample) or phase_sets(sample, *where))
    assert [sets.of(sample, "chr1", 480, 520) for sample in ("S1", "S2", "S1")] == [[], [], []]
    assert read == ["S1"]
    sets.close()


def test_what_is_read_on_beyond_a_window_needs_phase_too(tmp_path: Path) -> None:
    """A haplotype with a deletion is read on beyond the window of 1,024 bases, of which the last is at 2,012."""
    case = window_case(tmp_path, "enformer")
    reference = ReferenceGenome(case.fasta)
    bases = reference.sequence("chr1", 0, WINDOWS_LENGTH).upper()
    deletion = record(1_800, bases[1_799:1_806], bases[1_799], "1|0")
    beyond = [record(at, bases[at - 1], OTHER[bases[at - 1]], "0/1") for at in (2_015, 2_025)]
    scorer = VariantScorer(load_gene_model(case.model, device="cpu"))
    found = []
    for name, lines in (("both", [deletion, *beyond]), ("far", [deletion, beyond[1]]), ("near", beyond)):
        vcf = write_vcf(tmp_path / f"{name}.vcf.gz", lines, contigs={"chr1": WINDOWS_LENGTH})
        request = AseRequest(genes=["PLUS"], tissues=[case.tissues[0]], allow_unused=True)
        (row,) = haplotype_ratios(scorer, reference, vcf, request).table.to_dict("records")
        found.append((row["status"], row["heterozygous"], row["unphased"]))
    assert found == [("unphased", 2, 1), ("ok", 1, 0), ("no_variants", 0, 0)]


# Records that drive a ratio -------------------------------------------------------------------------------------------


def test_contributions_of_records_by_hand(lab: Lab) -> None:
    """Each record is taken from the haplotype that carries it, with the rest of that haplotype as it is."""
    ref = lab.reference.sequence("chr1", 492, 493).upper()
    first, second = (base for base in "ACGT" if base != ref and base != OTHER[ref])
    lines = [
        record(493, ref, f"{first},{second}", "1|2"),
        *(lab.snv(at, call) for at, call in ((495, "1|0"), (498, "0|1"), (501, "1|1"), (507, "0|1"))),
    ]
    found = lab.found(lab.vcf("drivers", lines), AseRequest(genes=["PLUS"], tissues=["liver"], drivers=True))
    table, ratio = found.drivers, found.table["log2_ratio"].iloc[0]
    assert table is not None
    assert table["contribution"].abs().is_monotonic_decreasing and set(table["status"]) == {"ok"}
    rows = table.set_index(["pos", "alt"])
    carried = {"1": ({493: first}, [495, 501]), "2": ({493: second}, [498, 501, 507])}
    wanted = {}
    for haplotype, (special, others) in carried.items():
        sign = 1 if haplotype == "1" else -1

        def value(positions: Sequence[int], special: dict[int, str]) -> float:
            start, end = window_of("PLUS")
            bases = list(lab.reference.sequence("chr1", start, end).upper())
            for at in positions:
                bases[at - 1 - start] = OTHER[bases[at - 1 - start]]
            for at, base in special.items():
                bases[at - 1 - start] = base
            return float(log2_of_tpm(np.array(answer("".join(bases), 0))))

        whole = value(others, special)
        wanted[493, special[493]] = int(haplotype), sign * (whole - value(others, {}))
        for at in set(others) - {501}:
            alt = OTHER[lab.reference.sequence("chr1", at - 1, at).upper()]
            left = [each for each in others if each != at]
            wanted[at, alt] = int(haplotype), sign * (whole - value(left, special))
    assert set(rows.index) == set(wanted)  # not the homozygous one
    for key, (haplotype, contribution) in wanted.items():
        assert rows.loc[key, "haplotype"] == haplotype
        assert rows.loc[key, "contribution"] == pytest.approx(contribution, abs=2e-5)
    assert rows.loc[(493, second), "genotype"] == "1|2" and rows.loc[(493, second), "overlap"] == "gene"
    assert ratio == pytest.approx(sum(each for _, each in wanted.values()), abs=0.2)


def test_an_allele_that_is_no_bases_is_not_scored_and_named(lab: Lab) -> None:
    bases = lab.reference.sequence("chr1", 494, 498).upper()
    lines = [record(495, bases, bases[0], "1|0"), record(497, bases[2], "*", "1|0"), lab.snv(507, "0|1")]
    found = lab.found(lab.vcf("star", lines), AseRequest(genes=["PLUS"], tissues=["liver"], drivers=True))
    assert found.drivers is not None
    star = found.drivers.set_index("alt").loc["*"]
    assert star["status"] == "not_scored" and np.isnan(star["contribution"])
    assert found.drivers["alt"].iloc[-1] == "*"


# Counts ---------------------------------------------------------------------------------------------------------------


class Many:
    """A toy with a gene every 40 bases, and people with a SNV in each window."""

    n_genes = 24

    def __init__(self, folder: Path) -> None:
        self.lab = Lab(folder)
        lines = ["gene_id,gene_name,chromosome,start,end,strand"]
        lines += [f"ENSG1000000{n:04d}.3,G{n},chr1,{101 + 40 * n},{120 + 40 * n},+" for n in range(self.n_genes)]
        genes = folder / "many.csv"
        genes.write_text("\n".join(lines) + "\n")
        network = ToyForExpression.from_pretrained(self.lab.case.model)
        from variantformer_hf import GeneTable

        ToyGeneModel(network, GeneTable.read(genes), device="cpu").save(self.lab.case.model)
        rng = random.Random(1)
        places = [(101 + 40 * n + shift) for n in range(self.n_genes) for shift in (-6, 5)]
        calls = [tuple(rng.choice(["0|1", "1|0"]) for _ in range(2)) for _ in places]
        lines = [self.lab.snv(place, *each) for place, each in zip(places, calls, strict=True)]
        self.vcf = self.lab.vcf("many", lines, ("GTEX-A", "GTEX-B"))
        self.table = self.lab.found(self.vcf, AseRequest(samples="all")).table
        # Reads follow the ratios, but for a turned gene in five, and one with too few reads.
        self.reads: dict[tuple[str, str, str], tuple[int, int]] = {}
        for row in self.table.itertuples():
            n = int(row.gene_name[1:])
            total = 6 if n == 3 else 200
            share = row.share_haplotype1 if n % 5 else 1 - row.share_haplotype1
            first = round(total * share)
            self.reads[row.sample, row.gene_id, row.tissue] = first, total - first

    def found(self, counts: Sequence[Path], *words: object, **options: object) -> tuple[Any, pd.DataFrame]:
        output = self.lab.folder / "out.tsv"
        given = [word for path in counts for word in ("--counts", path)]
        files = ["--fasta", self.lab.case.fasta, "--vcf", self.vcf, "-o", output]
        done = run("ase", self.lab.case.model, *files, *given, *words, "--device", "cpu", "--overwrite")
        if done.returncode:
            return done, pd.DataFrame()
        return done, pd.read_csv(f"{output}.agreement.tsv", sep="\t").set_index("tissue")

    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.lab.folder / "out.tsv.report.json").read_text())["counts"])

    def gene_rows(self, sample: str, tissue: str) -> Iterator[tuple[int, str, tuple[int, int]]]:
        """Number, id and reads of each gene."""
        for (name, gene, of), reads in self.reads.items():
            if (name, of) == (sample, tissue):
                yield int(gene[-6:-2]), gene, reads


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Many:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(families._FAMILIES, TOY.model_type, TOY)
        return Many(tmp_path_factory.mktemp("counts"))


def gene_ae(many: Many, path: Path, sample: str = "GTEX-A", tissue: str = "liver", bam: str = "a") -> Path:
    """What phaser_gene_ae.py writes of a BAM."""
    head = ["contig", "start", "stop", "name", "aCount", "bCount", "totalCount", "log2_aFC", "n_variants", "variants"]
    lines = ["\t".join([*head, "gw_phased", "bam"])]
    for number, gene, (first, second) in many.gene_rows(sample, tissue):
        fields = ["chr1", 100, 120, gene, first, second, first + second, 0.1, 1, "chr1_1_A_C", int(number != 7), bam]
        lines.append("\t".join(map(str, fields)))
    lines.append("\t".join(["chr2", "1", "2", "ENSG00000099999.1", "9", "9", "18", "0", "1", "v", "1", bam]))
    path.write_text("\n".join(lines) + "\n")
    return path


def haplotypic_counts(many: Many, path: Path) -> Path:
    """What phASER writes of the same reads: a block a gene, every second one turned, one unsure."""
    head = ["contig", "start", "stop", "variants", "variantCount", "variantsBlacklisted", "variantCountBlacklisted"]
    head += ["haplotypeA", "haplotypeB", "aCount", "bCount", "totalCount", "blockGWPhase", "gwStat", "max_haplo_maf"]
    lines = ["\t".join([*head, "bam", "aReads", "bReads"])]
    for number, _, reads in many.gene_rows("GTEX-A", "liver"):
        at = 101 + 40 * number
        a, b = reads if number % 2 else reversed(reads)
        phase, sure = ("0|1" if number % 2 else "1|0"), ("0.5" if number == 7 else "1.0")
        # The second variant sees the second half of the reads of the first again; a third lies in no gene.
        names = [f"chr1_{at + shift}_A_C" for shift in (2, 6, 30)]
        of_each = [
            ";".join([",".join(map(str, range(n))), ",".join(map(str, range(n // 2, n))), str(n + 5)]) for n in (a, b)
        ]
        fields = ["1", at, at + 30, ",".join(names), 3, "", 0, "A,A,A", "C,C,C", a + 1, b + 1, a + b + 2, phase, sure]
        lines.append("\t".join(map(str, [*fields, 0.1, "a", *of_each])))
        # A block of one variant has no reads by name.
        single = ["1", at + 3, at + 3, f"chr1_{at + 3}_G_T", 1, "", 0, "G", "T", 0, 0, 0, "0/1", "nan", 0, "a", "", ""]
        lines.append("\t".join(map(str, single)))
    path.write_text("\n".join(lines) + "\n")
    return path


def matrix(many: Many, path: Path) -> Path:
    """GTEx's matrix: of each donor a sample of liver and one of a tissue that the model lacks."""
    columns = {
        f"GTEX-{donor}-0226-SM-{part}": (f"GTEX-{donor}", tissue)
        for donor in "AB"
        for part, tissue in (("1", "liver"), ("2", "spleen"))
    }
    lines = ["\t".join(["contig", "start", "stop", "name", *columns])]
    for number in range(many.n_genes):
        gene = f"ENSG1000000{number:04d}"
        cells = []
        for sample, tissue in columns.values():
            reads = many.reads.get((sample, f"{gene}.3", tissue), (5, 5))
            cells.append("0|0" if number == 7 else "|".join(map(str, reads)))
        lines.append("\t".join(["chr1", "100", "120", f"{gene}.7", *cells]))
    lines.append("\t".join(["chrY", "1", "2", "ENSG10000000000.7_PAR_Y", *["0|0"] * 4]))
    path.write_text("\n".join(lines) + "\n")
    attributes = path.with_name("attributes.txt")
    rows = [f"{name}\t{'Liver' if tissue == 'liver' else 'Spleen'}" for name, (_, tissue) in columns.items()]
    attributes.write_text("\n".join(["SAMPID\tSMTSD", *rows]) + "\n")
    return path


def wanted_of(many: Many, pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Spearman and signs by scipy, of people and tissues, with genes that have reads enough and follow the phase."""
    ratio = many.table.set_index(["sample", "gene_id", "tissue"])["log2_ratio"]
    left, right = [], []
    for (sample, gene, tissue), (first, second) in many.reads.items():
        number = int(gene[-6:-2])
        if (sample, tissue) in pairs and number not in (3, 7):
            left.append(ratio[sample, gene, tissue])
            right.append(np.log2((first + 1) / (second + 1)))
    predicted, observed = np.array(left), np.array(right)
    signed = (predicted != 0) & (observed != 0)
    same = int((np.sign(predicted[signed]) == np.sign(observed[signed])).sum())
    low, high = stats.beta.ppf([0.025, 0.975], [same, same + 1], [signed.sum() - same + 1, signed.sum() - same])
    return {
        "n": len(predicted),
        "spearman": stats.spearmanr(predicted, observed).statistic,
        "n_signs": signed.sum(),
        "same_sign": same,
        "ci_low": low,
        "ci_high": high,
    }


@pytest.mark.parametrize("layout", ["gene_ae", "haplotypic_counts"])
def test_tables_of_phaser_are_held_against_ratios(many: Many, tmp_path: Path, layout: str) -> None:
    write = gene_ae if layout == "gene_ae" else haplotypic_counts
    path = write(many, tmp_path / f"{layout}.txt")
    done, found = many.found([path], "--sample", "GTEX-A", "--tissue", "liver")
    assert done.returncode == 0, done.stderr
    wanted = wanted_of(many, [("GTEX-A", "liver")])
    assert found.loc["all", list(wanted)].to_numpy() == pytest.approx(list(wanted.values()))
    assert found.loc["liver"].equals(found.loc["all"]) and wanted["n"] == 22
    assert "22 ratios beside counts: Spearman" in done.stderr
    counts = many.report()
    assert counts["left_out"] == {"not_gw_phased": 1} and counts["compared"] == 22 and counts["too_few_reads"] == 1
    table = pd.read_csv(many.lab.folder / "out.tsv", sep="\t").set_index("gene_name")
    first, second = many.reads["GTEX-A", "ENSG10000000005.3", "liver"]
    assert table.loc["G5", ["reads_haplotype1", "reads_haplotype2"]].tolist() == [first, second]
    assert table.loc["G5", "observed_log2_ratio"] == pytest.approx(np.log2((first + 1) / (second + 1)))
    assert table.loc[["G3", "G7"], "observed_log2_ratio"].isna().all() and np.isnan(table.loc["G7", "reads_haplotype1"])


def test_the_matrix_of_gtex_is_read_by_its_sample_attributes(many: Many, tmp_path: Path) -> None:
    path = matrix(many, tmp_path / "phASER_WASP_GTEx_v8_matrix.gw_phased.txt")
    done, found = many.found([path], "--all-samples", "--counts-samples", tmp_path / "attributes.txt")
    assert done.returncode == 0, done.stderr
    wanted = wanted_of(many, [("GTEX-A", "liver"), ("GTEX-B", "liver")])
    assert found.loc["liver", list(wanted)].to_numpy() == pytest.approx(list(wanted.values()))
    assert found.loc["lung", "n"] == 0 and np.isnan(found.loc["lung", "spearman"])


def test_a_table_says_whose_the_bams_of_several_files_are(many: Many, tmp_path: Path) -> None:
    asked = [("GTEX-A", "liver", "a"), ("GTEX-A", "lung", "b"), ("GTEX-B", "liver", "c")]
    paths = [gene_ae(many, tmp_path / f"{bam}.txt", sample, tissue, bam) for sample, tissue, bam in asked]
    whose = tmp_path / "whose.csv"
    whose.write_text("id,sample,tissue\n" + "".join(f"{bam},{sample},{tissue}\n" for sample, tissue, bam in asked))
    done, found = many.found(paths, "--all-samples", "--counts-samples", whose)
    assert done.returncode == 0, done.stderr
    wanted = wanted_of(many, [(sample, tissue) for sample, tissue, _ in asked])
    assert found.loc["all", list(wanted)].to_numpy() == pytest.approx(list(wanted.values()))
    assert found.loc[["liver", "lung"], "n"].tolist() == [44, 22]
    whose.write_text("id,sample,tissue\na,GTEX-A,liver\na,GTEX-B,liver\n")
    done, _ = many.found(paths, "--all-samples", "--counts-samples", whose)
    assert done.returncode == 1 and "whose.csv: line 3: a stands in line 2 too. Keep one of them." in done.stderr


def test_signs_and_ranks_by_hand() -> None:
    predicted, observed = np.array([1.0, -1, 0.5, 0, np.nan, 2]), np.array([2.0, 1, 0.5, 1, 1, 0])
    row = agreement(["a"] * 6, predicted, observed).iloc[0]
    assert row[["n", "n_signs", "same_sign"]].tolist() == [5, 3, 2] and row["sign_agreement"] == pytest.approx(2 / 3)
    # Clopper and Pearson's of 2 in 3, as it stands in tables.
    assert row[["ci_low", "ci_high"]].tolist() == pytest.approx([0.0943, 0.9916], abs=1e-4)
    assert row["sign_p"] == pytest.approx(1)
    few = agreement(["a"] * 2, predicted[:2], observed[:2]).iloc[0]
    assert np.isnan(few["spearman"]) and few["n"] == 2


# Bad input, and runs that are cut short -------------------------------------------------------------------------------


def cut(path: Path) -> Path:
    path.write_text(path.read_text().rsplit("\t", 1)[0])
    return path


def changed(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def twice(path: Path) -> Path:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1], ""]))
    return path


ONE = ("--sample", "GTEX-A", "--tissue", "liver")
BAD_COUNTS: dict[str, tuple[Callable[[Many, Path], Path], Sequence[str], str]] = {
    "no phaser": (
        lambda many, folder: changed(gene_ae(many, folder / "a.txt"), "gw_phased", "phased"),
        ONE,
        "a.txt: is none of phASER's tables of haplotypes: it has the columns contig, start, stop, name,",
    ),
    "cut short": (lambda many, folder: cut(gene_ae(many, folder / "a.txt")), ONE, "a.txt: line 26: has 11 fields, and"),
    "no count": (
        lambda many, folder: changed(gene_ae(many, folder / "a.txt"), "10000000000.3\t", "10000000000.3\t-"),
        ONE,
        "a.txt: line 2: the count is '-",
    ),
    "twice": (
        lambda many, folder: twice(gene_ae(many, folder / "a.txt")),
        ONE,
        "a.txt: line 27: counts ENSG10000000000.3 of GTEX-A, liver, a second time.",
    ),
    "whose": (
        lambda many, folder: gene_ae(many, folder / "a.txt"),
        ("--sample", "GTEX-A"),
        "a.txt: does not say whose a is: 1 people and 2 tissues are asked for. Give a table with id, sample and tissue",
    ),
    "not phased as the VCF": (
        lambda many, folder: matrix(many, folder / "phASER_WASP_GTEx_v8_matrix.txt"),
        ONE,
        "is a matrix whose name does not say that its haplotypes follow the phased VCF (gw_phased).",
    ),
    "other genes": (
        lambda many, folder: changed(gene_ae(many, folder / "a.txt"), "ENSG1", "ENSG2"),
        ONE,
        "has no count of a person, gene and tissue asked for: it has a of the genes ENSG20000000000.3,",
    ),
    "variants without a place": (
        lambda many, folder: changed(haplotypic_counts(many, folder / "a.txt"), "chr1_103_A_C", "rs17"),
        ONE,
        "a.txt: line 2: the variant 'rs17' is no contig_position_ref_alt.",
    ),
    "empty": (lambda many, folder: (folder / "a.txt", (folder / "a.txt").write_text(""))[0], ONE, "a.txt: is none of"),
    "a folder": (lambda many, folder: folder, ONE, "is a folder, not a file."),
}


@pytest.mark.parametrize("name", list(BAD_COUNTS))
def test_counts_that_cannot_be_used_are_one_line_and_nothing_is_written(many: Many, tmp_path: Path, name: str) -> None:
    make, words, told = BAD_COUNTS[name]
    output = many.lab.folder / "out.tsv"
    for path in many.lab.folder.glob("out.tsv*"):
        path.unlink()
    done, _ = many.found([make(many, tmp_path)], *words)
    assert done.returncode == 1 and told in " ".join(done.stderr.split()), done.stderr
    assert len([line for line in done.stderr.splitlines() if line.strip()]) == 1
    assert not output.exists() and not list(many.lab.folder.glob("out.tsv*"))


class IupacToy(ToyGeneModel):
    modes: tuple[str, ...] = ("iupac",)


def test_a_model_that_reads_no_haplotype_alone_is_refused_in_one_line(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(families._FAMILIES, TOY.model_type, Family("toy", IupacToy))
    files = ["--fasta", lab.case.fasta, "--vcf", lab.case.vcf, "-o", tmp_path / "x.tsv"]
    done = run("ase", lab.case.model, *files)
    assert done.returncode == 1 and not list(tmp_path.iterdir())
    assert done.stderr.strip() == (
        "error: a model of the type 'toy' does not read one haplotype alone (it reads iupac). Allele-specific "
        "expression needs another model."
    )


def test_people_that_have_no_haplotypes_or_nothing_of_use_are_refused(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no samples, and so no haplotypes"):
        lab.found(lab.case.panel, AseRequest(genes=["PLUS"]))
    missing = lab.vcf("nothing", [lab.snv(495, "./.")])
    with pytest.raises(InputError, match="nothing of it was used in any gene asked for: 1 all_skipped"):
        lab.found(missing, AseRequest(genes=["PLUS"]))
    with pytest.raises(InputError, match="2 people x 1 genes x 2 tissues has 4 rows"):
        two = lab.vcf("two", [lab.snv(495, "1|0", "0|1")], ("S1", "S2"))
        lab.found(two, limits=RunLimits(table_memory=100))
    done = run(
        "ase", lab.case.model, "--fasta", lab.case.fasta, "--vcf", missing, "-o", tmp_path / "x.tsv", "--gene", "NOGENE"
    )
    assert done.returncode == 3 and "gene 'NOGENE': no gene of the table has this name" in done.stderr
    done = run(
        "ase",
        lab.case.model,
        "--fasta",
        lab.case.fasta,
        "--vcf",
        missing,
        "-o",
        tmp_path / "x.tsv",
        "--counts-samples",
        lab.case.fasta,
    )
    assert done.returncode == 1 and "--counts-samples is of counts, and none are given" in done.stderr
    assert not list(tmp_path.iterdir())


def test_genes_that_are_done_are_not_done_again(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [lab.snv(at, "1|0", "0|1", "1|1") for at in (495, 498, 1_395)]
    vcf, people = lab.vcf("resumed", lines, ("S1", "S2", "S3")), ["S3", "S1", "S2"]
    request = AseRequest(genes=["MINUS", "PLUS"], samples=people, drivers=True)
    parts = tmp_path / "parts"
    forward, asked = ToyForExpression.forward, []

    def counted(network: ToyForExpression, bases: torch.Tensor, *others: Any, **named: Any) -> Any:
        asked.append(len(bases))
        if len(asked) == stop_at:
            raise KeyboardInterrupt
        return forward(network, bases, *others, **named)

    monkeypatch.setattr(ToyForExpression, "forward", counted)
    stop_at = 0
    whole = lab.found(vcf, request)
    needed, stop_at = len(asked), len(asked) + len(asked) - 2
    with pytest.raises(KeyboardInterrupt):
        lab.found(vcf, request, parts=parts)
    asked.clear()
    stop_at = 0
    again = lab.found(vcf, request, parts=parts)
    assert 0 < len(asked) < needed
    pd.testing.assert_frame_equal(again.table, whole.table)
    assert again.drivers is not None and whole.drivers is not None
    pd.testing.assert_frame_equal(again.drivers, whole.drivers)
    assert again.table["sample"].astype(str).drop_duplicates().tolist() == people
    assert again.table["gene_name"].iloc[0] == "MINUS"
    with pytest.raises(InputError, match="holds the unfinished output of another run"):
        lab.found(vcf, AseRequest(genes=["PLUS"], samples=people), parts=parts)
    again.remove_parts()
    assert not parts.exists()
