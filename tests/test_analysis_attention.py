"""The tissue token's attention over cCREs: against the softmax written out, and against signals."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from command_line import run
from genome_files import record
from scipy import stats
from small_cohort import SmallCohort
from small_model import LENGTH, TISSUES, SmallWorld, random_person_lines, small_world

from variantformer_hf import PersonalGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.attention import GeneAttention, Pair, cre_attentions, parse_pair
from variantformer_hf.applications.attention.against_signal import AgainstSignal, pair_correlations
from variantformer_hf.errors import ContigError, InputError
from variantformer_hf.genome.bigwig import BigWig
from variantformer_hf.modeling.variantformer import attention_variantformer
from variantformer_hf.report.attention_files import attention_pieces, write_weight_track
from variantformer_hf.report.attention_plots import against_plot, attention_plot
from variantformer_hf.report.tables import write_table_pieces
from variantformer_hf.zoo.gene_regions import GeneSequences, gene_sequences

pytestmark = pytest.mark.usefixtures("one_thread")

PNG = b"\x89PNG"
CONTIGS = {"chr1": LENGTH, "chrX": 200}


@pytest.fixture(scope="module")
def person(world: SmallWorld) -> PersonalGenome:
    """Somebody who differs from the reference all over, and lacks a cCRE of both genes."""
    rng = random.Random(5)
    regions = world.regions("PLUS")
    index = next(index for index in range(len(regions.starts)) if regions.ends[index] - regions.starts[index] < 80)
    start, end = int(regions.starts[index]) - 3, int(regions.ends[index]) + 3
    lines = [
        line
        for line in random_person_lines(rng, world.genome)
        if not start - 10 <= int(line.split("\t")[1]) <= end + 10
    ]
    lines.append(record(start, world.genome[start - 1 : end], world.genome[start - 1], "1/1"))
    return world.person(sorted(lines, key=lambda line: int(line.split("\t")[1])), "attending")


@pytest.fixture(scope="module")
def found(scorer: VariantScorer, person: PersonalGenome) -> list[GeneAttention]:
    return list(cre_attentions(scorer, [person], ["PLUS", "MINUS"]))


@pytest.fixture(scope="module")
def plain(world: SmallWorld, scorer: VariantScorer) -> GeneAttention:
    """Of the reference genome."""
    return next(cre_attentions(scorer, [PersonalGenome(world.reference)], ["PLUS"]))


def softmax_of(world: SmallWorld, person: PersonalGenome, gene: str, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """(T, layers, heads, n): the first query's weights in the attention that is written out, of the plain way."""
    network, met = world.predictor.model.network, []
    layers = [layer.cross_attention for layer in network.model.gene_layers]
    eager = attention_variantformer.eager_attention_forward

    def noting(module: torch.nn.Module, *args: object, **options: object) -> tuple[torch.Tensor, torch.Tensor]:
        output, weights = eager(module, *args, **options)
        if module in layers:
            met.append(weights)
        return output, weights

    monkeypatch.setattr(attention_variantformer, "eager_attention_forward", noting)
    sequences = gene_sequences(world.regions(gene), person.sequences)
    kept = [index for index, text in enumerate(sequences.cre_sequences) if text]
    there = GeneSequences(
        [sequences.cre_sequences[index] for index in kept], sequences.cre_class_ids[kept], sequences.gene_sequence
    )
    before = network.config._attn_implementation
    network.set_attn_implementation("eager")
    try:
        world.predictor.model.predict_gene(there, range(len(TISSUES)))
    finally:
        network.set_attn_implementation(before)
    folded = torch.cat(met).numpy()  # (layers, heads, T * queries, n)
    return folded.reshape(*folded.shape[:2], len(TISSUES), -1, folded.shape[-1])[..., 0, :].transpose(2, 0, 1, 3)


@pytest.mark.parametrize("number", [0, 1])
def test_weights_are_the_softmax_of_the_attention_written_out(
    world: SmallWorld,
    person: PersonalGenome,
    found: list[GeneAttention],
    number: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    each = found[number]
    expected = softmax_of(world, person, each.regions.gene.gene_name, monkeypatch)
    assert each.tissues == TISSUES
    assert each.weights.shape == expected.shape
    np.testing.assert_allclose(each.weights, expected, atol=1e-5)
    np.testing.assert_allclose(each.weights.sum(axis=-1), 1, atol=1e-5)
    assert np.ptp(each.weights, axis=0).max() > 1e-3  # tissues attend differently


def test_all_tissues_go_through_the_network_once(
    world: SmallWorld, scorer: VariantScorer, person: PersonalGenome
) -> None:
    shapes = []
    layer = world.predictor.model.network.model.gene_layers[0]
    hook = layer.register_forward_pre_hook(lambda module, args: shapes.append(args[0].shape[0]))
    try:
        list(cre_attentions(scorer, [person], ["PLUS"]))
    finally:
        hook.remove()
    assert shapes == [len(TISSUES)]


def test_a_cre_that_the_person_lacks_has_no_weight(found: list[GeneAttention], plain: GeneAttention) -> None:
    each = found[0]
    statuses = each.statuses()
    absent = [index for index, status in enumerate(statuses) if status == "no_element"]
    assert absent and each.n_absent == len(absent)
    weights = each.of_tissue(1)
    assert np.isnan(weights[:, :, absent]).all()
    assert np.isnan(weights).sum() == weights[:, :, absent].size
    np.testing.assert_allclose(np.nansum(weights, axis=-1), 1, atol=1e-5)
    assert plain.n_absent == 0 and set(plain.statuses()) == {"ok"}


def test_where_memory_runs_out_tissues_go_one_after_the_other(
    world: SmallWorld, scorer: VariantScorer, plain: GeneAttention, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_streams = world.predictor.model.network.model.run_streams

    def of_one_tissue(*args: torch.Tensor, **options: object) -> object:
        if args[3].shape[1] > 1:
            raise torch.OutOfMemoryError("no room")
        return run_streams(*args, **options)

    monkeypatch.setattr(world.predictor.model.network.model, "run_streams", of_one_tissue)
    again = next(cre_attentions(scorer, [PersonalGenome(world.reference)], ["PLUS"]))
    np.testing.assert_allclose(again.weights, plain.weights, atol=1e-6)


def test_a_model_whose_windows_are_averaged_has_no_such_token(tmp_path: Path) -> None:
    world = small_world(tmp_path, gene_pooling="mean")
    with pytest.raises(InputError, match="no token of it attends to cCREs"):
        next(cre_attentions(VariantScorer(world.predictor.model), [PersonalGenome(world.reference)], ["PLUS"]))


def test_a_person_of_whom_nothing_is_used_stops_the_run_unless_allowed(
    world: SmallWorld, scorer: VariantScorer
) -> None:
    ref = world.genome[1_999]
    missing = world.person([record(2_000, ref, "A" if ref != "A" else "C", "./.")], "unused")
    with pytest.raises(InputError, match="nothing of it was used"):
        list(cre_attentions(scorer, [missing], ["PLUS"]))
    (each,) = cre_attentions(scorer, [missing], ["PLUS"], allow_unused=True)
    assert (each.status, each.is_known, each.n_absent) == ("all_skipped", False, 0)
    assert np.isnan(each.of_tissue(0)).all()
    assert set(each.statuses()) == {"all_skipped"}


def test_pairs_are_named_by_layer_and_head(plain: GeneAttention) -> None:
    weights = plain.of_tissue(2)
    for text, expected in (
        ("mean", weights.mean(axis=(0, 1))),
        ("1", weights[1].mean(axis=0)),
        ("2:5", weights[2, 5]),
    ):
        np.testing.assert_allclose(plain.of_pair(2, parse_pair(text, (3, 6))), expected, rtol=1e-6)
    for text, words in (("3", "no layer 3"), ("0:6", "no head 6"), ("1:2:3", "is no layer"), ("-1", "is no layer")):
        with pytest.raises(InputError, match=words):
            parse_pair(text, (3, 6))


def test_correlations_and_p_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    weights = rng.random((3, 4, 30))
    weights[1, 2] = 0.5  # all alike: no correlation
    weights[0, 0] = weights[0, 0].round(1)
    signal = rng.random(30).round(1)
    found = pair_correlations(weights, signal)
    with pytest.warns(stats.ConstantInputWarning):
        expected = [[stats.spearmanr(head, signal).statistic for head in layer] for layer in weights]
    np.testing.assert_allclose(found.spearman, expected, atol=1e-12)
    assert found.best == Pair(*np.unravel_index(np.nanargmax(expected), (3, 4)))
    heads = [head for layer in weights for head in layer if np.ptp(head)]
    largest = [max(stats.spearmanr(head, np.roll(signal, shift)).statistic for head in heads) for shift in range(30)]
    assert found.n_shifts == 29
    assert found.p_max == np.mean(np.array(largest) >= largest[0] - 1e-12)
    some = pair_correlations(weights, signal, n_shifts=10, seed=3)
    assert some.n_shifts == 10
    assert some.p_max in [number / 11 for number in range(1, 12)]
    assert pair_correlations(weights, signal, n_shifts=10, seed=3).p_max == some.p_max


def test_the_p_of_the_best_of_many_pairs_is_not_flattered_by_their_number() -> None:
    rng = np.random.default_rng(1)
    values = [pair_correlations(rng.random((5, 8, 40)), rng.random(40)).p_max for _ in range(300)]
    assert stats.kstest(values, "uniform").pvalue > 0.01


def write_bigwig(path: Path, rows: Sequence[tuple[int, int, float]], contigs: dict[str, int]) -> Path:
    pyBigWig = pytest.importorskip("pyBigWig")
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader(list(contigs.items()))
        if rows:
            starts, ends, values = map(list, zip(*sorted(rows), strict=True))
            chrom = next(iter(contigs))
            file.addEntries([chrom] * len(starts), starts, ends=ends, values=[float(value) for value in values])
    return path


def planted(found: GeneAttention, path: Path, contigs: dict[str, int], *, leave_out: int = 0) -> Path:
    """A bigWig that has a head's weights on the bases that lie in one cCRE alone, and more beside them."""
    values = owned(found, found.of_tissue(1)[2, 3], leave_out)
    there = np.flatnonzero(~np.isnan(values)).tolist()
    return write_bigwig(path, [*((at, at + 1, values[at]) for at in there), (LENGTH - 5, LENGTH, 9.0)], contigs)


def owned(found: GeneAttention, values: np.ndarray, leave_out: int = 0) -> np.ndarray:
    """(LENGTH,) the value of the one cCRE that each base lies in; NaN in none, in several, and in the first ones."""
    of_base, times = np.full(LENGTH, np.nan), np.zeros(LENGTH, dtype=int)
    starts, ends = found.regions.cres_without_flanks()
    for index, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        of_base[start:end] = values[index] if index >= leave_out else np.nan
        times[start:end] += 1
    of_base[times > 1] = np.nan
    return of_base


@pytest.mark.parametrize("name", ["chr1", "1"])
def test_a_signal_made_of_one_heads_weights_is_found(
    world: SmallWorld, plain: GeneAttention, tmp_path: Path, name: str
) -> None:
    path = planted(plain, tmp_path / "planted.bw", {name: LENGTH}, leave_out=2)
    against = AgainstSignal(BigWig(path, world.reference))
    assert against.add(plain)[1] == Pair(2, 3)
    result = against.result()
    row = result.table.iloc[1]
    alone = owned(plain, np.arange(len(plain.cre_ids), dtype=float), leave_out=2)
    n = len(np.unique(alone[~np.isnan(alone)]))
    assert n > len(plain.cre_ids) / 2
    assert (row["layer"], row["head"], row["status"]) == (2, 3, "ok")
    assert row["spearman"] == pytest.approx(1)
    assert (row["n_cres"], row["n_without_signal"], row["n_absent"]) == (n, len(plain.cre_ids) - n, 0)
    assert row["n_shifts"] == n - 1
    assert row["p_max"] == pytest.approx(1 / n)
    assert len(result.pairs) == 3 * 3 * 6
    of_row = result.pairs[result.pairs["tissue"] == TISSUES[1]].set_index(["layer", "head"])["spearman"]
    assert of_row[2, 3] == pytest.approx(1)
    layers = result.layers[result.layers["tissue"] == TISSUES[1]].set_index("layer")
    assert layers["head"][2] == 3
    for layer in range(3):
        assert layers["spearman"][layer] == of_row[layer].max()
        assert layers["head"][layer] == of_row[layer].idxmax()


def test_best_layers_over_genes_are_counted(world: SmallWorld, found: list[GeneAttention], tmp_path: Path) -> None:
    path = planted(found[0], tmp_path / "planted.bw", CONTIGS)
    against = AgainstSignal(BigWig(path, world.reference))
    for each in found:
        against.add(each)
    result = against.result()
    of_tissue = result.histogram[result.histogram["tissue"] == TISSUES[1]]
    best = result.table[result.table["tissue"] == TISSUES[1]]
    assert best["n_absent"].iloc[0] == found[0].n_absent > 0
    assert of_tissue["n_best"].tolist() == [(best["layer"] == layer).sum() for layer in range(3)]
    for _, row in of_tissue.iterrows():
        values = result.layers.query("tissue == @TISSUES[1] and layer == @row.layer")["spearman"]
        assert row["mean_spearman"] == pytest.approx(values.mean())
        low, high = stats.t.interval(0.95, 1, values.mean(), stats.sem(values))
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))
    (summary,) = [each for each in result.summary() if each["tissue"] == TISSUES[1]]
    assert summary["status"] == {"ok": 2}
    assert summary["max_spearman"] == pytest.approx(1)
    assert against_plot(result.histogram, "planted.bw", tmp_path / "h.png").read_bytes().startswith(PNG)


def test_what_cannot_be_compared_has_a_status_and_no_number(
    world: SmallWorld, plain: GeneAttention, scorer: VariantScorer, tmp_path: Path
) -> None:
    starts, ends = (each.tolist() for each in plain.regions.cres_without_flanks())
    two = [(starts[0], starts[0] + 1, 1.0), (ends[-1] - 1, ends[-1], 2.0)]
    alike = [(min(starts), max(ends), 2.0)]
    for rows, contigs, status in (
        (two, CONTIGS, "few_cres"),
        ([(LENGTH - 5, LENGTH, 1.0)], CONTIGS, "no_signal"),
        ([(10, 20, 1.0)], {"chrX": 200}, "no_contig"),
        (alike, CONTIGS, "constant"),
    ):
        path = write_bigwig(tmp_path / f"{status}.bw", rows, contigs)
        against = AgainstSignal(BigWig(path, world.reference))
        assert against.add(plain) == [None] * 3
        result = against.result()
        assert set(result.table["status"]) == {status}
        assert result.table[["layer", "spearman", "p_max"]].isna().all(axis=None)
        assert result.pairs["spearman"].isna().all()
        assert result.layers[["head", "spearman"]].isna().all(axis=None)
        assert not result.histogram["n_best"].any()
    genes = scorer.open(world.reference).query(["PLUS"], None).genes
    with pytest.raises(ContigError, match="has no contig chr1"):
        AgainstSignal(BigWig(tmp_path / "no_contig.bw", world.reference)).check_contigs(genes, {"chr1": "chr1"})


def test_what_is_no_bigwig_of_this_genome_is_refused(world: SmallWorld, tmp_path: Path) -> None:
    whole = write_bigwig(tmp_path / "w.bw", [(at, at + 1, at % 7) for at in range(0, 5_000, 2)], CONTIGS).read_bytes()
    files = {
        "text.bw": (b"chr1\t1\t2\t3\n" * 20, "is no bigWig"),
        "empty.bw": (b"", "is no bigWig"),
        "short.bw": (whole[: len(whole) // 2], "is cut short"),
        "head.bw": (whole[:20], "is cut short"),
        "tree.bw": (whole[:300], "is cut short"),
        "bigbed.bb": (bytes.fromhex("ebf28987") + whole[4:], "is a bigBed"),
    }
    for name, (content, words) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=words) as error:
            BigWig(tmp_path / name, world.reference)
        assert name in str(error.value)
    damaged = bytearray(whole)
    damaged[500:900] = bytes(400)
    (tmp_path / "damaged.bw").write_bytes(damaged)
    with pytest.raises(InputError, match=r"damaged.bw.*damaged"):
        BigWig(tmp_path / "damaged.bw", world.reference).values("chr1", 0, 5_000)
    with pytest.raises(InputError, match="no such file"):
        BigWig(tmp_path / "nowhere.bw", world.reference)
    other = write_bigwig(tmp_path / "other.bw", [], {"1": LENGTH + 1, "chrX": 200})
    with pytest.raises(ContigError, match=f"1 has {LENGTH + 1:,} bases, and chr1 of .* has {LENGTH:,}"):
        BigWig(other, world.reference)
    foreign = write_bigwig(tmp_path / "foreign.bw", [], {"scaffold_1": 10})
    with pytest.raises(ContigError, match="has scaffold_1, the FASTA chr1, chrX"):
        BigWig(foreign, world.reference)


def test_means_are_over_the_bases_that_have_a_signal(world: SmallWorld, tmp_path: Path) -> None:
    signal = BigWig(write_bigwig(tmp_path / "s.bw", [(10, 14, 2.0), (16, 18, 8.0)], CONTIGS), world.reference)
    means = signal.means("chr1", np.array([8, 12, 20, 14]), np.array([18, 17, 30, 16]))
    np.testing.assert_allclose(means, [(4 * 2 + 2 * 8) / 6, (2 * 2 + 8) / 3, np.nan, np.nan])
    assert np.isnan(signal.means("chrX", np.array([0]), np.array([100]))).all()


@pytest.mark.parametrize("suffix", [".parquet", ".tsv", ".csv.gz"])
def test_the_table_has_a_row_a_layer_head_and_cre(found: list[GeneAttention], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    rows = write_table_pieces(attention_pieces(iter(found)), path, {"model": "tiny"})
    table = pd.read_parquet(path) if suffix == ".parquet" else pd.read_csv(path, sep=None, engine="python")
    assert len(table) == rows == sum(3 * 3 * 6 * len(each.cre_ids) for each in found)
    of_minus = table[(table["gene_name"] == "MINUS") & (table["tissue"] == TISSUES[2])]
    for layer, head in ((0, 0), (2, 4)):
        part = of_minus[(of_minus["layer"] == layer) & (of_minus["head"] == head)]
        assert part["cre_id"].tolist() == found[1].cre_ids
        np.testing.assert_allclose(part["weight"], found[1].of_tissue(2)[layer, head], rtol=1e-6)
        assert part["start"].tolist() == [int(name.removeprefix("E")) for name in found[1].cre_ids]
        assert part["cre_class"].tolist() == found[1].cre_classes
        assert part["status"].tolist() == found[1].statuses()
    assert (of_minus["end"] > of_minus["start"]).all()
    assert set(table["sample"]) == {"S1"}


def test_a_track_and_a_figure_of_a_pair(
    world: SmallWorld, scorer: VariantScorer, plain: GeneAttention, tmp_path: Path
) -> None:
    path = write_weight_track(plain, 1, Pair(2, 3), tmp_path / "t.bedGraph", world.reference.contigs)
    lines = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    of_base = {int(start): float(value) for _, start, _, value in lines}
    starts, _ = plain.regions.cres_without_flanks()
    expected = plain.of_tissue(1)[2, 3]
    for start, weight in zip(starts.tolist(), expected.tolist(), strict=True):
        if start in of_base:  # begins in no other cCRE
            assert of_base[start] == pytest.approx(weight, rel=1e-5)
    assert len(of_base) > len(starts) / 2
    signal = BigWig(planted(plain, tmp_path / "s.bw", CONTIGS), world.reference)
    image = attention_plot(plain, 1, Pair(2, 3), scorer.model.gene_table, [signal], tmp_path / "a.png")
    assert image.read_bytes().startswith(PNG)
    text = attention_plot(plain, 1, Pair(), scorer.model.gene_table, [], tmp_path / "a.svg").read_text()
    assert "<svg" in text


def test_the_command_finds_a_head_by_the_track_that_it_wrote(demo: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyBigWig")
    asked = ["attention", demo / "model", "--fasta", demo / "genome.fa", "--gene", "DEMO2", "--tissue", "liver"]
    first = run(*asked, "-o", tmp_path / "a.parquet", "--pair", "1:4", "--track", tmp_path / "t.bw")
    assert first.returncode == 0, first.stderr
    track = tmp_path / "t.DEMO2.liver.bw"
    second = run(
        *[*asked, "--gene", "DEMO5", "--vcf", demo / "person.vcf.gz", "-o", tmp_path / "b.tsv", "--against", track],
        *["--pair", "best", "--plot", tmp_path / "b.png", "--against-plot", tmp_path / "c.png"],
        *["--track", tmp_path / "b.bedGraph"],
    )
    assert second.returncode == 0, second.stderr
    assert "1 ok, 1 no_contig" in second.stderr
    assert "1 tracks are not written" in second.stderr
    assert "has no contig chr2: 1 gene(s) there are not compared (no_contig)" in " ".join(second.stderr.split())
    best = pd.read_csv(tmp_path / "b.tsv.against.tsv", sep="\t")
    assert best["status"].tolist() == ["ok", "no_contig"]
    assert (best["layer"][0], best["head"][0]) == (1, 4)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        *("a.parquet", "a.parquet.report.json", "t.DEMO2.liver.bw", "b.tsv", "b.tsv.report.json", "b.png", "c.png"),
        *(f"b.tsv.against{part}.tsv" for part in ("", ".layers", ".pairs", ".histogram")),
        "b.DEMO2.liver.bedGraph",
    }


def test_of_several_people_and_genes_each_has_rows_and_a_track_of_its_own(cohort: SmallCohort, tmp_path: Path) -> None:
    world = cohort.world
    model = world.save(tmp_path / "model")
    (tmp_path / "genes.txt").write_text("MINUS\nPLUS\n")
    asked = [
        "attention",
        model,
        "--fasta",
        world.reference.path,
        "--vcf",
        cohort.vcf,
        "--sample",
        "D2",
        "--sample",
        "D1",
    ]
    asked += [
        "--genes-file",
        tmp_path / "genes.txt",
        "--tissue",
        "liver",
        "--track",
        tmp_path / "t.bedGraph",
        "--pair",
        1,
    ]
    done = run(*asked, "-o", tmp_path / "a.parquet")
    assert done.returncode == 0, done.stderr
    names = {f"t.{who}.{gene}.liver.bedGraph" for who in ("D1", "D2") for gene in ("PLUS", "MINUS")}
    assert {path.name for path in tmp_path.glob("t.*")} == names
    table = pd.read_parquet(tmp_path / "a.parquet")
    pairs = table[["sample", "gene_name"]].astype(str).drop_duplicates()
    assert pairs.to_numpy().tolist() == [["D2", "MINUS"], ["D2", "PLUS"], ["D1", "MINUS"], ["D1", "PLUS"]]
    of_layer = table[(table["sample"] == "D1") & (table["gene_name"] == "PLUS") & (table["layer"] == 1)]
    means = of_layer.groupby("start")["weight"].mean().dropna()
    lines = (tmp_path / "t.D1.PLUS.liver.bedGraph").read_text().splitlines()[1:]
    track = {int(line.split("\t")[1]): float(line.split("\t")[3]) for line in lines}
    first = min(means.index)
    assert track[first] == pytest.approx(means[first], rel=1e-4)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--gene", "NOBODY"], "gene 'NOBODY': no gene of the table has this name. Correct them.\n"),
        ([], "no gene is named"),
        (["--gene", "DEMO1", "--pair", "best"], "the best pair is that of --against"),
        (["--gene", "DEMO1", "--pair", "9:0"], "the model has no layer 9"),
        (["--gene", "DEMO1", "--against", "text.bw"], "is no bigWig"),
        (["--gene", "DEMO1", "--against-plot", "a.png"], "--against-plot needs --against"),
        (["--gene", "DEMO1", "--against", "text.bw", "--plot", "a.png", "--against-plot", "a.png"], "two figures"),
        (["--gene", "DEMO1", "--signal", "text.bw"], "--signal is drawn in --plot"),
        (["--gene", "DEMO1", "--track", "a.wig"], "is no track"),
        (["--gene", "DEMO1", "--plot", "a.txt"], "is no image"),
        (["--gene", "DEMO1", "--sample", "person"], "without a VCF"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_nothing_is_left(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.bw").write_text("chr1\t0\t10\t1\n")
    done = run("attention", demo / "model", "--fasta", demo / "genome.fa", "-o", "out.parquet", *more)
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["text.bw"]
