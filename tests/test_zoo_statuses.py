"""Statuses: a gene in which nothing of a person's file was used is never given as the person's."""

import json
import logging
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from genome_files import record, write_fasta, write_vcf
from random_variants import other_base, random_bases
from small_model import LENGTH, SmallWorld, small_world

from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.counterfactual import counterfactual
from variantformer_hf.analysis.knockout import knockout
from variantformer_hf.analysis.mutagenesis import mutagenesis
from variantformer_hf.errors import InputError
from variantformer_hf.genome.genotype_edits import GenotypeEdit
from variantformer_hf.genome.interval import Interval
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.variant import Variant
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.inference.predictor import PredictionResult
from variantformer_hf.report.tables import wide_table, write_predictions
from variantformer_hf.zoo.statuses import RecordUse, check_finite, check_used, record_use

CONTIGS = {"chr1": LENGTH, "chrX": 200}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    return small_world(tmp_path_factory.mktemp("statuses"))


def snps(
    world: SmallWorld, call: str, *, keys: str = "GT", filters: str = "PASS", only: str | None = None
) -> list[str]:
    """An SNP every 20 bases, all with one call."""
    bases = world.genome
    return [
        record(place + 1, bases[place], only or other_base(bases[place]), call, keys=keys, filters=filters)
        for place in range(0, LENGTH - 10, 20)
    ]


def run(
    world: SmallWorld, vcf: Path, *, allow_unused: bool = True, parts: Path | None = None, **options: Any
) -> PredictionResult:
    return world.predictor.run(
        world.reference,
        vcf,
        allow_unused=allow_unused,
        parts=parts,
        options=GenotypeOptions(**options),
    )


def on_x(world: SmallWorld) -> str:
    base = world.reference.sequence("chrX", 9, 10)
    return record(10, base, other_base(base), "1/1", chrom="chrX")


@pytest.mark.parametrize("name", ["x.vcf.gz", "x.bcf", "stored.vcf.gz"])
@pytest.mark.parametrize("contigs", [CONTIGS, {"chrX": 200}])
def test_genes_on_a_chromosome_without_a_record_are_not_in_the_vcf(
    world: SmallWorld, tmp_path: Path, name: str, contigs: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    vcf = write_vcf(tmp_path / name, [on_x(world)], contigs=contigs, index="csi" if name.endswith("bcf") else "tbi")
    if name.startswith("stored"):
        build_store(vcf)
    with pytest.raises(InputError, match=r"no record on any of the chromosomes asked for.*--allow-unused"):
        run(world, vcf, allow_unused=False)
    with caplog.at_level(logging.WARNING):
        result = run(world, vcf)
    assert f"{vcf} has no record on chr1: 2 genes there are not predicted (not_in_vcf)" in caplog.text
    assert set(result.table["status"]) == {"not_in_vcf"}
    assert result.table["log1p_tpm"].isna().all()
    assert result.report["genes"]["status"] == {"not_in_vcf": 2}
    assert result.report["samples"]["S1"]["genes_by_status"] == {"not_in_vcf": 2}


UNUSABLE: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("./.", "GT", "PASS", {}, "missing_genotype"),
    ("0.9", "DS", "PASS", {}, "missing_genotype"),
    ("1/1", "GT", "q10", {"pass_only": True}, "filter_not_pass"),
    ("0/0", "GT", "q10", {"pass_only": True}, "filter_not_pass"),
    ("1/1", "GT", "PASS", {"min_gq": 20}, "low_gq"),
    ("0/0:3", "GT:GQ", "PASS", {"min_gq": 20}, "low_gq"),
    ("1/1:.", "GT:DP", "PASS", {"min_dp": 5}, "low_dp"),
    ("1", "GT", "PASS", {"mode": "haplotype2"}, "haploid_second_haplotype"),
]


@pytest.mark.parametrize(("call", "keys", "filters", "options", "reason"), UNUSABLE)
def test_a_person_of_whom_no_record_can_be_used_stops_the_run(
    world: SmallWorld, tmp_path: Path, call: str, keys: str, filters: str, options: dict[str, Any], reason: str
) -> None:
    vcf = write_vcf(tmp_path / "p.vcf.gz", snps(world, call, keys=keys, filters=filters), contigs=CONTIGS)
    with pytest.raises(InputError, match=rf"p.vcf.gz: sample S1: nothing of it was used.*2 all_skipped \({reason}\)"):
        run(world, vcf, allow_unused=False, parts=tmp_path / "parts", **options)
    result = run(world, vcf, parts=tmp_path / "parts", **options)  # goes on from the parts of the run that stopped
    assert set(result.table["status"]) == {"all_skipped"}
    assert set(result.table["reason"]) == {reason}
    assert result.table[["log1p_tpm", "tpm"]].isna().all(axis=None)
    assert set(result.genes["reason"]) == {reason}
    assert result.report["samples"]["S1"]["genes_by_reason"] == {reason: 2}


def test_the_reason_is_on_the_row_of_every_layout(world: SmallWorld, tmp_path: Path) -> None:
    lines = snps(world, "./.")
    result = run(world, write_vcf(tmp_path / "p.vcf.gz", lines, contigs=CONTIGS))
    for table in (result.table, wide_table(result.table)):
        assert set(table["status"]) == {"all_skipped"}
        assert set(table["reason"]) == {"missing_genotype"}
    write_predictions(result.table, result.genes, tmp_path / "out.csv", "tidy", {})
    assert (tmp_path / "out.csv").read_text().splitlines()[1].endswith(",NA,NA,all_skipped,missing_genotype")
    write_predictions(result.table, result.genes, tmp_path / "out.h5ad", "h5ad", {})
    anndata = pytest.importorskip("anndata")
    kept = json.loads(anndata.read_h5ad(tmp_path / "out.h5ad").uns["without_a_number"])
    assert set(kept["S1"].values()) == {"all_skipped: missing_genotype"}
    # With a record that is used there is no reason, and the column keeps its type.
    result = run(world, write_vcf(tmp_path / "q.vcf.gz", snps(world, "0/1"), contigs=CONTIGS))
    assert set(result.table["status"]) == {"ok"}
    write_predictions(result.table, result.genes, tmp_path / "out.parquet", "tidy", {})
    read = pd.read_parquet(tmp_path / "out.parquet")
    assert read["reason"].isna().all()
    assert read["reason"].dtype == "string"


def test_one_gene_of_a_person_may_be_skipped(world: SmallWorld, tmp_path: Path) -> None:
    """Records of the first gene's own surroundings are filtered, those behind are not."""
    lines = [line for line in snps(world, "1/1") if int(line.split("\t")[1]) > 4_750]
    lines = [line for line in snps(world, "1/1", filters="q10") if int(line.split("\t")[1]) <= 4_750] + lines
    vcf = write_vcf(tmp_path / "p.vcf.gz", lines, contigs=CONTIGS)
    result = run(world, vcf, allow_unused=False, pass_only=True)
    assert dict(zip(result.genes["gene_name"], result.genes["status"], strict=True)) == {
        "PLUS": "all_skipped",
        "MINUS": "ok",
    }
    assert result.genes["reason"].fillna("").tolist() == ["filter_not_pass", ""]


def test_what_is_read_as_reference_is_a_number_and_what_snps_only_leaves_out_says_so(
    world: SmallWorld, tmp_path: Path
) -> None:
    known = write_vcf(tmp_path / "known.vcf.gz", snps(world, "0/0"), contigs=CONTIGS)
    result = run(world, known, allow_unused=False)
    assert set(result.table["status"]) == {"no_variants"}
    assert result.table["reason"].isna().all()
    reference = world.predictor.predict(world.reference)
    np.testing.assert_allclose(result.table["log1p_tpm"], reference["log1p_tpm"], atol=2e-5)
    indels = [
        record(place + 1, world.genome[place], world.genome[place] + "GATTACA", "1/1") for place in range(0, LENGTH, 20)
    ]
    vcf = write_vcf(tmp_path / "indels.vcf.gz", indels, contigs=CONTIGS)
    with pytest.raises(InputError, match=r"nothing of it was used.*no_variants \(not_snp\)"):
        run(world, vcf, allow_unused=False, snps_only=True)
    result = run(world, vcf, snps_only=True)
    assert set(result.table["reason"]) == {"not_snp"}
    np.testing.assert_allclose(result.table["log1p_tpm"], reference["log1p_tpm"], atol=2e-5)


READ = [("0/0:30:30", "."), ("0/1:30:30", None), ("1/1:30:30", None), ("0/0:30:30", None)]
NOT_READ = [
    ("./.:30:30", None),
    (".:30:30", "."),
    ("0/1:3:30", None),
    ("0/0:3:30", "."),
    ("0/0:.:30", None),
    ("1/1:30:2", None),
    ("0/1:30:30", "<DEL>"),
    ("./.:.:.", "."),
]


@pytest.mark.parametrize("seed", range(60))
def test_a_gene_is_known_exactly_where_one_of_its_records_is(tmp_path: Path, seed: int) -> None:
    """Random mixtures of records that can and cannot be used, against the rule written out by hand."""
    rng = random.Random(seed)
    genome = random_bases(rng, 400)
    reference = ReferenceGenome(write_fasta(tmp_path / "g.fa", {"chr1": genome, "chr2": random_bases(rng, 50)}))
    places = sorted(rng.sample(range(5, 380, 4), rng.randint(1, 6)))
    share = rng.choice([0.0, 0.0, 0.3])
    lines, kinds = [], []
    for place in places:
        is_read = rng.random() < share
        call, alt = rng.choice(READ if is_read else NOT_READ)
        lines.append(record(place + 1, genome[place], alt or other_base(genome[place]), call, keys="GT:GQ:DP"))
        kinds.append(is_read)
    vcf = write_vcf(tmp_path / "p.vcf.gz", lines, contigs={"chr1": 400, "chr2": 50})
    person = PersonalGenome(reference, vcf, options=GenotypeOptions(min_gq=20, min_dp=5))
    starts, ends = np.array([0, 210]), np.array([200, 400])
    inside = [kind for place, kind in zip(places, kinds, strict=True) if place < 200 or place >= 210]
    _, outcomes = person.outcomes(person.stretch("chr1", 0, 400), starts, ends)
    found = record_use(person, "chr1", outcomes)
    if not inside or any(inside):
        assert found.status in ("ok", "no_variants")
        assert not found.reason
    else:
        assert found.status == "all_skipped"
        assert found.reason
    assert record_use(person, "chr2", outcomes[:0]) == RecordUse("not_in_vcf")
    assert record_use(PersonalGenome(reference), "chr2", outcomes[:0]) == RecordUse("ok")


def test_a_person_is_used_if_one_gene_is() -> None:
    skipped = ("all_skipped", "low_gq")
    check_used("S", [skipped, ("no_variants", "")], "f", allow_unused=False)
    check_used("S", [], "f", allow_unused=False)
    with pytest.raises(InputError, match=r"f: sample S: nothing.*2 all_skipped \(low_gq\), 1 not_in_vcf"):
        check_used("S", [skipped, ("not_in_vcf", ""), skipped], "f", allow_unused=False)


@pytest.mark.parametrize("value", [np.nan, np.inf, 200.0])
def test_numbers_that_are_none_have_a_status_of_their_own(tmp_path: Path, value: float) -> None:
    world = small_world(tmp_path)
    vcf = write_vcf(tmp_path / "p.vcf.gz", snps(world, "0/1"), contigs=CONTIGS)
    for parameter in world.predictor.model.network.head.parameters():
        with torch.no_grad():
            parameter.fill_(value)
    result = run(world, vcf)
    assert set(result.table["status"]) == {"not_finite"}
    assert result.table[["log1p_tpm", "tpm"]].isna().all(axis=None)
    with pytest.raises(InputError, match=r"NaN or infinite values for 2 genes: PLUS, MINUS\."):
        check_finite(result.genes["gene_name"], result.genes["status"])


def test_many_people_are_told_apart(world: SmallWorld, tmp_path: Path) -> None:
    lines: Sequence[str] = [f"{line}\t./." for line in snps(world, "0/1")]
    vcf = write_vcf(tmp_path / "p.vcf.gz", lines, contigs=CONTIGS, samples=["S1", "S2"])
    with pytest.raises(InputError, match="sample S2: nothing of it was used"):
        world.predictor.run(world.reference, vcf, samples=["S1", "S2"])
    result = world.predictor.run(world.reference, vcf, samples=["S1", "S2"], allow_unused=True)
    assert result.table.groupby("sample")["status"].unique().map(list).to_dict() == {
        "S1": ["ok"],
        "S2": ["all_skipped"],
    }
    assert result.report["genes"]["status"] == {"ok": 2, "all_skipped": 2}


def analyses(world: SmallWorld, person: PersonalGenome, **options: Any) -> dict[str, pd.DataFrame]:
    """Every analysis of one gene in a person's genome, as tables with a status."""
    scorer = VariantScorer(world.predictor.model)
    base = world.genome[1_999]
    variant = f"chr1:2000:{base}>{other_base(base)}"
    edits = [GenotypeEdit(Variant.parse(variant), "hom")]
    mutated = mutagenesis(scorer, person, "PLUS", [Interval("chr1", 2_000, 2_003)], **options)
    return {
        "effects": scorer.score([variant], person, genes=["PLUS"], **options),
        "knockout": knockout(scorer, person, "PLUS", **options),
        "counterfactual": counterfactual(scorer, [person], edits, ["PLUS"], **options).table,
        "mutagenesis": pd.DataFrame(
            {
                "status": [each.status for each in mutated],
                "effect": [float(np.nansum(each.per_base())) for each in mutated],
            }
        ),
    }


@pytest.mark.parametrize("what", ["not_in_vcf", "all_skipped"])
def test_every_analysis_in_a_persons_genome_has_the_same_rule(world: SmallWorld, tmp_path: Path, what: str) -> None:
    lines = [on_x(world)] if what == "not_in_vcf" else snps(world, "./.")
    person = PersonalGenome(world.reference, write_vcf(tmp_path / "p.vcf.gz", lines, contigs=CONTIGS))
    with pytest.raises(InputError, match=f"nothing of it was used.*{what}"):
        analyses(world, person)
    for name, table in analyses(world, person, allow_unused=True).items():
        assert set(table["status"]) == {what}, name
        if name == "mutagenesis":
            assert (table["effect"] == 0).all()
        else:
            assert table["effect"].isna().all(), name
        if what == "all_skipped" and "reason" in table:
            assert set(table["reason"]) == {"missing_genotype"}, name
    scorer = VariantScorer(world.predictor.model)
    base = world.genome[1_999]
    edit = GenotypeEdit(Variant("chr1", 2_000, base, other_base(base)), "hom")
    with pytest.raises(InputError, match="nothing of it was used"):
        knockout(scorer, person, "PLUS")
    with pytest.raises(InputError, match="nothing of it was used"):
        counterfactual(scorer, [person], [edit], ["PLUS"])
    with pytest.raises(InputError, match="nothing of it was used"):
        mutagenesis(scorer, person, "PLUS", [Interval("chr1", 2_000, 2_003)])


def test_every_analysis_tells_numbers_that_are_none(tmp_path: Path) -> None:
    world = small_world(tmp_path)
    person = PersonalGenome(world.reference, write_vcf(tmp_path / "p.vcf.gz", snps(world, "0/1"), contigs=CONTIGS))
    for name, table in analyses(world, person).items():
        assert set(table["status"]) <= {"ok", "no_element", "conflict"}, name
    with torch.no_grad():
        next(world.predictor.model.network.head.parameters()).fill_(np.nan)
    for name, table in analyses(world, person).items():
        assert "not_finite" in set(table["status"]) or name == "effects", name
        if name != "mutagenesis":
            assert table["effect"].isna().all(), name
