"""``benchmarks.quality.beats``: its arithmetic on numbers made by hand, and a cut-down run from nothing to a table."""

import importlib
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from page_blocks import DOCS, blocks

from variantformer_hf import GeneTable
from variantformer_hf.genome.genes import Gene
from variantformer_hf.simulation.writers import GENOTYPES, contig_lines, write_genes, write_vcf

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def beats() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY))
        return importlib.import_module("benchmarks.quality.beats")


def result(beats: ModuleType, r: dict[str, list[float]], carriers: dict[str, list[list[float]]], **more: Any) -> Any:
    """What ``run`` writes of one seed, each column with the same r."""
    everything = dict.fromkeys([*beats.METHODS, beats.ORACLE], [0.0] * len(next(iter(r.values())))) | r
    nothing = [4.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    pooled = {name: [nothing] for name in (*beats.METHODS, beats.ORACLE)} | carriers
    columns = [column for column in beats.COLUMNS if column != beats.CARRIERS]
    return {
        "seed": 1,
        "setting": "thin",
        "size": {"train": 200, "heritability": 0.15},
        "r": dict.fromkeys(columns, everything),
        "ceiling": {column: [0.4, 0.6] for column in columns},
        "carriers": pooled,
        **more,
    }


def test_an_interval_is_of_means_of_genes_drawn_again(beats: ModuleType) -> None:
    assert beats.mean_over_genes(np.full(7, 0.25)) == (0.25, 0.25, 0.25)
    # Of two genes a draw has both, or either twice: a quarter of the draws each lie at the ends.
    assert beats.mean_over_genes(np.array([0.0, 1.0])) == (0.5, 0.0, 1.0)
    values = np.random.default_rng(1).normal(0.3, 0.1, 400)
    mean, low, high = beats.mean_over_genes(values)
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((mean - 1.96 * 0.005, mean + 1.96 * 0.005), abs=0.002)


def test_a_difference_is_paired_gene_by_gene(beats: ModuleType) -> None:
    plain = [0.1, 0.9, 0.4]
    found = [result(beats, {beats.PLAIN: plain, beats.FIT: [r + 0.02 for r in plain]}, {})]
    assert beats.number(found, beats.SEEN, beats.FIT, beats.PLAIN) == pytest.approx((0.02, 0.02, 0.02))
    mean, low, high = beats.number(found, beats.SEEN, beats.FIT)
    assert mean == pytest.approx(np.mean(plain) + 0.02)
    assert high - low > 0.3
    # Genes of two seeds are drawn together.
    both = [*found, result(beats, {beats.PLAIN: [0.0], beats.FIT: [0.1]}, {})]
    assert beats.number(both, beats.SEEN, beats.FIT, beats.PLAIN)[0] == pytest.approx((3 * 0.02 + 0.1) / 4)


def test_r_of_moments_is_that_of_all_carriers(beats: ModuleType) -> None:
    people = ["A", "B", "C", "D"]
    index = pd.MultiIndex.from_tuples([("G1", "liver"), ("G2", "liver"), ("G3", "liver")], names=["gene_id", "tissue"])
    observed = pd.DataFrame([[1, 2, 3, 6], [5, 5, 5, 9], [0, 1, 2, 3]], index, people, dtype=float)
    predicted = pd.DataFrame([[0, 0, 2, 2], [7, 7, 7, 7], [9, 9, 9, 9]], index, people, dtype=float)
    sums = np.array(beats.moments(observed, predicted, {"G1": ["A", "D"], "G2": ["D"], "unknown": ["A"]}))
    # G1 less its means 3 and 1: (-2, -1), (3, 1); G2 less 6 and 7: (3, 0).
    assert sums.tolist() == [[2, 1, 0, 13, 2, 5], [1, 3, 0, 9, 0, 0]]
    wanted = np.corrcoef([-2, 3, 3], [-1, 1, 0])[0, 1]
    assert float(beats.pooled_r(sums)) == pytest.approx(wanted)
    value, low, high = beats.pooled_interval(sums)
    assert value == pytest.approx(wanted)
    assert (low, high) == (0.0, pytest.approx(1.0))  # of G2 alone, which is one value; of G1 alone
    assert beats.pooled_interval(sums, sums) == (0.0, 0.0, 0.0)


def test_carriers_are_those_of_rare_causal_variants(beats: ModuleType, tmp_path: Path) -> None:
    people = ["A", "B", "C", "OTHER"]
    calls = {100: "0|1 0|0 0|0 0|0", 200: "1|1 0|1 0|0 0|0", 300: "0|0 0|0 1|0 1|0", 400: "0|0 0|1 0|0 0|0"}
    records = [f"chr1\t{place}\t.\tA\tC\t.\tPASS\t.\tGT\t{of.replace(' ', chr(9))}" for place, of in calls.items()]
    vcf = write_vcf(tmp_path / "a.vcf.gz", records, meta=[GENOTYPES, *contig_lines({"chr1": 1_000})], samples=people)
    genes = [Gene(f"ENSG0000000000{n}.1", f"N{n}", "chr1", 1 + 400 * n, 90 + 400 * n, "+", None) for n in (0, 1)]
    table = GeneTable.read(write_genes(tmp_path / "genes.csv", genes))
    causal = [
        {"contig": "chr1", "position": place, "ref": "A", "alt": "C", "gene": gene, "frequency": frequency}
        for place, gene, frequency in ((100, 0, 0.004), (200, 0, 0.4), (300, 1, 0.0), (400, 1, 0.995))
    ]
    (tmp_path / "truth.json").write_text(json.dumps({"causal": causal}))
    found = beats.rare_carriers(vcf, tmp_path / "truth.json", table, ["A", "B"])
    # 200 is common, 300 is private to others; of 400 the rarer allele is the reference's.
    assert found == {"ENSG00000000000": ["A"], "ENSG00000000001": ["B"]}
    assert beats.rare_carriers(vcf, tmp_path / "truth.json", table, ["C"]) == {}


def test_the_table_and_the_goals_say_what_the_numbers_are(beats: ModuleType) -> None:
    up, down = [[4.0, 0.0, 0.0, 4.0, 4.0, 4.0]], [[4.0, 0.0, 0.0, 4.0, 4.0, -2.0]]
    r = {beats.PLAIN: [0.2, 0.2], beats.FIT: [0.24, 0.24], beats.DEEP: [0.1, 0.2]}
    found = result(beats, r, {beats.PLAIN: down, beats.FIT: up})
    lines = beats.table([found, {**found, "seed": 2, "setting": "thick"}]).splitlines()
    assert (
        lines[0] == "| thin: 200 donors, h2 0.15, seeds 1 | seen genes | other population | unseen genes | carriers |"
    )
    assert "| forest | 0 | 0 | 0 | 0 |" in lines
    assert "| VariantFormer | 0.150 [0.100, 0.200] | 0.150 [0.100, 0.200] | 0.150 [0.100, 0.200] | 0 |" in lines
    three = " | ".join(["+0.040 [+0.040, +0.040]"] * 3)
    assert f"| fit (prior + cohort) - elastic net | {three} | +1.500 [+1.500, +1.500] |" in lines
    assert "| ceiling: sqrt(h2) | 0.500 | 0.500 | 0.500 |  |" in lines
    assert sum(line.startswith("| thick") for line in lines) == 1
    said = beats.goals([found])
    assert said[0] == "seen genes: fit - elastic net +0.040 [+0.040, +0.040]: reached"
    assert "seen genes: fit +20.0% of the elastic net's r, goal +10%: reached" in said
    assert said[-1] == "unseen genes: VariantFormer 0.150 [0.100, 0.200], goal 0.2: not reached"
    worse = result(beats, {**r, beats.FIT: [0.19, 0.2]}, {})
    assert beats.goals([worse])[0].endswith("-0.005 [-0.010, +0.000]: not reached")


def test_the_commands_of_the_page_go_from_nothing_to_a_table(
    beats: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a cohort that is cut down: its numbers mean nothing."""
    sizes = {"genes": 2, "other_cres": 12, "train": 32, "held_out": 8, "watched": 4, "other": 6, "panel": 6}
    tiny = replace(beats.small(beats.SETTINGS["thin"]), heritability=0.9, **sizes)
    monkeypatch.setitem(beats.SETTINGS, "thin", tiny)
    monkeypatch.chdir(tmp_path)
    (block,) = [each for each in blocks((DOCS / "beats.md").read_text()) if "benchmarks.quality.beats" in each.code]
    commands = [shlex.split(line)[3:] for line in block.code.splitlines()]
    assert [words[0] for words in commands] == ["run", "table"]
    for words in commands:
        monkeypatch.setattr(sys, "argv", ["beats", *words])
        beats.main()
    tables = capsys.readouterr().out.split("| thin: 32 donors")
    assert len(tables) == 3  # printed by the run, and again
    folder = tmp_path / commands[0][-1]
    found = json.loads((folder / "results.json").read_text())
    columns = (beats.SEEN, beats.OTHER, beats.UNSEEN)
    assert {column: len(of[beats.ORACLE]) for column, of in found["r"].items()} == dict.fromkeys(columns, 1)
    # Dosages say nothing of genes without values, and the truth says more than chance.
    assert all(found["r"][beats.UNSEEN][name] == [0.0] for name in ("top SNP", "elastic net", "forest"))
    assert min(found["r"][column][beats.ORACLE][0] for column in columns) > 0.5
    split = json.loads((folder / "split.json").read_text())
    assert sorted(split["donors"]["SIM"].values()).count("train") == 32
    assert not any(donor.startswith("OTHER") for donor in split["donors"]["SIM"])
    assert len(split["donors"]["SIM"]) == 32 + 4
    tested = set((folder / "tested.txt").read_text().split())
    with beats.pysam.VariantFile(str(folder / "panel.vcf.gz")) as panel:
        assert not tested & set(panel.header.samples)
    assert beats.table([found]).count("\n") == 11
    beats.run(folder, 1, "thin", tiny)
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{step.made} is there" for step in beats.steps(tiny)]
    with pytest.raises(SystemExit, match="was begun with"):
        beats.run(folder, 2, "thin", tiny)
