"""The simulated cohort: its files are what they say, and its truth is what its expression follows from."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from scipy import stats

from variantformer_hf import CreTable, GeneTable, PersonalGenome, ReferenceGenome
from variantformer_hf.data import read_normalized, read_tidy
from variantformer_hf.data.activity import ActivityFile, read_activity
from variantformer_hf.genome.interval import reverse_complement
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.simulation.cohort import SimulatedCohort, simulate_cohort


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> SimulatedCohort:
    return simulate_cohort(tmp_path_factory.mktemp("sim"), donors=60, genes=5, other_cres=100, seed=3)


def test_files_are_as_a_lab_has_them(cohort: SimulatedCohort) -> None:
    genes, cres = GeneTable.read(cohort.genes), CreTable.read(cohort.cres)
    assert len(genes) == 5
    assert {gene.strand for gene in genes} == {"+", "-"}
    assert len(cres) == 5 * 8 + 100
    source = read_tidy(cohort.expression)
    assert len(source.samples) == 60 * 3
    files = [ActivityFile(cohort.folder / each["path"], each["donor"], each["tissue"]) for each in cohort.activity]
    assert len(files) == 4 * 3
    labels = read_activity(files, cres).table["label"].to_numpy()
    assert 0.1 < labels.mean() < 0.6
    with pysam.VariantFile(str(cohort.vcf)) as file:
        records = list(file)
        assert list(file.header.samples) == list(cohort.donors)
    assert all(call.phased for record in records[:50] for call in record.samples.values())
    kinds = [len(record.ref) != len(record.alts[0]) for record in records]
    assert 0.05 < np.mean(kinds) < 0.3
    counts = np.array([sum(sum(call["GT"]) for call in record.samples.values()) for record in records])
    assert np.mean(counts < 6) > 0.45  # under 5 %: half of the variants are rare


def test_haplotypes_are_mosaics_of_founders(cohort: SimulatedCohort) -> None:
    """Donors who share a founder share all its alleles: over a stretch some pairs of haplotypes are the same."""
    _, haplotypes = haplotypes_of(cohort, 12_000)
    assert haplotypes.shape[1] > 40
    assert 20 < len(np.unique(haplotypes, axis=0)) < 0.9 * len(haplotypes)


def test_neighbouring_variants_are_linked(cohort: SimulatedCohort) -> None:
    positions, haplotypes = haplotypes_of(cohort, 48_000)
    frequency = haplotypes.mean(axis=0)
    common = (frequency > 0.1) & (frequency < 0.9)
    squared = np.corrcoef(haplotypes[:, common].T) ** 2
    distance = np.abs(positions[common][:, None] - positions[common])
    near, far = squared[(distance > 0) & (distance < 2_000)].mean(), squared[distance > 12_000].mean()
    assert near > 0.15
    assert near > 3 * far


def haplotypes_of(cohort: SimulatedCohort, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the first variants of chr1, and (haplotypes, variants) who carries them."""
    with pysam.VariantFile(str(cohort.vcf)) as file:
        records = list(file.fetch("chr1", 0, end))
    calls = np.array([[call["GT"] for call in record.samples.values()] for record in records])
    return np.array([record.start for record in records]), calls.reshape(len(calls), -1).T


def test_the_truth_is_what_expression_follows_from(cohort: SimulatedCohort) -> None:
    truth = json.loads(cohort.truth.read_text())
    oracle = pd.read_parquet(cohort.oracle)
    observed = pd.read_csv(cohort.expression)
    both = oracle.assign(observed=np.log1p(observed["tpm"]))
    explained = [
        np.corrcoef(group["log1p_tpm"], group["observed"])[0, 1] ** 2
        for _, group in both.groupby(["gene_id", "tissue"])
        if group["log1p_tpm"].std() > 0
    ]
    assert np.mean(explained) == pytest.approx(0.5, abs=0.08)
    reference = ReferenceGenome(cohort.fasta)
    genes = GeneTable.read(cohort.genes).genes
    first_haplotype = GenotypeOptions(mode="haplotype1")
    people = [PersonalGenome(reference, cohort.vcf, donor, first_haplotype) for donor in cohort.donors[:12]]
    broken = 0
    for each in truth["causal"]:
        at = each["position"] - 1
        assert reference.sequence(each["contig"], at, at + 1) == each["ref"]
        motif, strand = truth["motifs"][each["motif"]], genes[each["gene"]].strand
        motif = reverse_complement(motif) if strand == "-" else motif
        window = each["contig"], at - 8, at + 9
        assert motif in reference.sequence(*window)
        broken += sum(motif not in person.sequence(*window) for person in people)
        for tissue, effect in each["effect"].items():
            assert effect == -truth["effects"][tissue][each["motif"]]
    assert broken > len(truth["causal"])


def test_the_same_seed_the_same_cohort(cohort: SimulatedCohort, tmp_path: Path) -> None:
    again = simulate_cohort(tmp_path, donors=60, genes=5, other_cres=100, seed=3)
    for name in ("fasta", "genes", "cres", "truth"):
        assert getattr(again, name).read_bytes() == getattr(cohort, name).read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(again.oracle), pd.read_parquet(cohort.oracle))
    other = simulate_cohort(tmp_path / "other", donors=60, genes=5, other_cres=100, seed=4)
    assert other.truth.read_bytes() != cohort.truth.read_bytes()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> SimulatedCohort:
    folder = tmp_path_factory.mktemp("two")
    return simulate_cohort(folder, donors=60, genes=5, other_cres=100, seed=3, populations=2, normalized=True)


def dosages_of(cohort: SimulatedCohort) -> tuple[list[tuple[str, int, str, str]], np.ndarray]:
    with pysam.VariantFile(str(cohort.vcf)) as file:
        records = [(each, [sum(call["GT"]) for call in each.samples.values()]) for each in file]
    return [(each.contig, each.pos, each.ref, each.alts[0]) for each, _ in records], np.array(
        [each for _, each in records]
    )


def test_a_second_population_changes_nothing_of_the_first(cohort: SimulatedCohort, two: SimulatedCohort) -> None:
    assert two.populations == (cohort.donors, tuple(f"OTHER{number:04d}" for number in range(60)))
    assert two.donors == two.populations[0] + two.populations[1]
    assert two.fasta.read_bytes() == cohort.fasta.read_bytes()
    names, dosages = dosages_of(two)
    known, of_first = dosages_of(cohort)
    rows = {name: row for row, name in enumerate(names)}
    np.testing.assert_array_equal(dosages[[rows[name] for name in known], :60], of_first)
    private = [row for name, row in rows.items() if name not in set(known)]
    assert len(private) > 0.1 * len(known)
    assert not dosages[private, :60].any()
    assert dosages[private, 60:].any(axis=1).all()


def test_frequencies_of_the_second_population_have_drifted(two: SimulatedCohort) -> None:
    _, dosages = dosages_of(two)
    first, second = dosages[:, :60].mean(axis=1) / 2, dosages[:, 60:].mean(axis=1) / 2
    common = (first > 0.1) & (first < 0.9)
    middle = (first + second)[common] / 2
    fst = np.mean((first - second)[common] ** 2 / 2) / np.mean(middle * (1 - middle))
    assert 0.03 < fst < 0.15
    causal = json.loads(two.truth.read_text())["causal"]
    private = [each for each in causal if each["frequency"] == 0]
    assert private
    assert all(each["frequency_of_second"] > 0 for each in private)


def test_expression_of_both_populations_follows_from_their_genomes(two: SimulatedCohort) -> None:
    truth = pd.read_parquet(two.oracle).merge(pd.read_csv(two.expression), on=["donor", "tissue", "gene_id"])
    truth["observed"] = np.log1p(truth["tpm"])
    truth["second"] = truth["donor"].str.startswith("OTHER")
    explained = {
        second: np.mean([np.corrcoef(group["log1p_tpm"], group["observed"])[0, 1] ** 2 for _, group in groups])
        for second, part in truth.groupby("second")
        for groups in [list(part[part["log1p_tpm"] > 0].groupby(["gene_id", "tissue"]))]
    }
    assert explained[False] == pytest.approx(0.5, abs=0.08)
    assert explained[True] > 0.2


def test_the_same_seed_the_same_two_populations(tmp_path: Path) -> None:
    made = [
        simulate_cohort(tmp_path / name, donors=8, genes=1, other_cres=10, populations=2, normalized=True)
        for name in ("first", "again")
    ]
    for name in ("truth.json", "expression.csv.gz", "cohort.vcf.gz", *(path.name for path in made[0].normalized)):
        first, again = ((each.folder / name).read_bytes() for each in made)
        if name.endswith("csv.gz"):  # holds when it was written
            first, again = gzip.decompress(first), gzip.decompress(again)
        assert first == again, name


def test_normalized_expression_is_read_as_gtexs_is(two: SimulatedCohort) -> None:
    assert [path.name.partition(".")[0] for path in two.normalized] == ["Whole_Blood", "Liver", "Thyroid"]
    source = read_normalized(two.normalized[1])
    assert [each.donor for each in source.samples] == list(two.donors)
    observed = (
        pd.read_csv(two.expression).query("tissue == 'liver'").pivot(index="gene_id", columns="donor", values="tpm")
    )
    for gene, values in source.values():
        ranks = observed.loc[gene.split(".")[0], list(two.donors)].rank().to_numpy()
        np.testing.assert_allclose(values, stats.norm.ppf(ranks / (len(ranks) + 1)), atol=1e-5)


def test_there_are_one_or_two_populations(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="populations=3 must be 1 or 2"):
        simulate_cohort(tmp_path, populations=3)


def test_rare_variants_break_motifs_of_genes(cohort: SimulatedCohort, tmp_path: Path) -> None:
    sizes = {"donors": 60, "genes": 5, "other_cres": 100, "seed": 3, "rare_causal": 0.5}
    rare = simulate_cohort(tmp_path, populations=2, other_donors=7, **sizes)  # type: ignore[arg-type]
    assert [len(members) for members in rare.populations] == [60, 7]
    assert rare.fasta.read_bytes() == cohort.fasta.read_bytes()
    before, after = (json.loads(each.truth.read_text())["causal"] for each in (cohort, rare))
    old = {(each["contig"], each["position"]) for each in before}
    new = [each for each in after if each["frequency"] > 0 and (each["contig"], each["position"]) not in old]
    assert len(new) > 5
    names, dosages = dosages_of(rare)
    rows = {name: row for row, name in enumerate(names)}
    bases = ReferenceGenome(rare.fasta)
    motifs = json.loads(rare.truth.read_text())["motifs"]
    strand = [gene.strand for gene in GeneTable.read(rare.genes).genes]
    for each in new:
        place = each["position"] - 1
        of_variant = dosages[rows[each["contig"], each["position"], each["ref"], each["alt"]]]
        assert each["frequency"] == pytest.approx(of_variant[:60].sum() / 120)
        assert each["frequency"] <= 0.05
        assert of_variant[:60].any() and not of_variant[60:].any()
        around = bases.sequence(each["contig"], place - 8, place + 9)
        around = around if strand[each["gene"]] == "+" else reverse_complement(around)
        assert motifs[each["motif"]] in around


def test_a_signal_is_how_many_motifs_there_are(cohort: SimulatedCohort) -> None:
    cres = CreTable.read(cohort.cres)
    files = [ActivityFile(cohort.folder / each["path"], each["donor"], each["tissue"]) for each in cohort.activity]
    signal, active = (
        read_activity(files, cres, labels=kind).table["label"].to_numpy() for kind in ("signal", "active")
    )
    assert np.median(signal[active == 0]) < 0.1 < 0.25 < np.median(signal[active == 1]) < 0.4
