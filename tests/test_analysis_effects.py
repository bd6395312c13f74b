"""Effects of variants: each equal to the difference of two whole predictions, and what is said of odd ones."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from genome_files import record, write_fasta
from random_variants import other_base, random_bases
from small_model import TISSUES, SmallWorld, random_person_lines, small_world

from variantformer_hf import EditedGenome, GenotypeEdit, PersonalGenome, ReferenceGenome, Variant
from variantformer_hf.analysis import VariantScorer, open_backgrounds
from variantformer_hf.analysis.effect_table import EMBEDDINGS, columns_of
from variantformer_hf.analysis.variant_genes import tss_distance
from variantformer_hf.errors import InputError
from variantformer_hf.genome.genes import Gene
from variantformer_hf.genome.variant import VariantError, VariantNormalizer
from variantformer_hf.inference.query import RejectedQueryError
from variantformer_hf.zoo.gene_regions import GeneSequences, gene_sequences
from variantformer_hf.zoo.units import LOG1P_TPM

pytestmark = pytest.mark.usefixtures("one_thread")


def random_variant(rng: random.Random, genome: str) -> Variant:
    position = rng.randrange(300, 5_500) if rng.random() < 0.7 else rng.randrange(1_900, 2_600)
    ref = genome[position : position + rng.choice([1, 1, 1, 2, 4, 40])]
    kind = rng.random()
    if kind < 0.5:
        alt = random_bases(rng, len(ref))
    elif kind < 0.75:
        alt = ref[0]
    else:
        alt = ref + random_bases(rng, rng.choice([1, 2, 7, 60]))
    return Variant("chr1", position + 1, ref, alt)


@pytest.mark.parametrize(
    ("seed", "mode"),
    [
        pytest.param(seed, mode, marks=[] if seed == 0 and mode in ("iupac", "haplotype2") else pytest.mark.slow)
        for seed in range(8)
        for mode in ("iupac", "haplotype1", "haplotype2", "alt")
    ],
)
def test_scores_equal_the_difference_of_two_predictions(
    world: SmallWorld, scorer: VariantScorer, seed: int, mode: str
) -> None:
    """Runs of some twenty variants, each in both genes and both zygosities."""
    rng = random.Random(1_000 * seed + len(mode))
    lines = random_person_lines(rng, world.genome)
    person = world.person(lines, f"{mode}{seed}", mode=mode)
    normalizer = VariantNormalizer(world.reference)
    variants = [random_variant(rng, world.genome) for _ in range(16)]
    for line in rng.sample(lines, 6):  # the person's own, too
        fields = line.split("\t")
        variants.append(Variant("chr1", int(fields[1]), fields[3], fields[4]))
    wanted = {}
    for variant in variants:
        try:
            wanted.setdefault(normalizer(variant), variant)
        except VariantError:
            continue
    table = scorer.score(list(wanted.values()), person, genes=["PLUS", "MINUS"])
    assert set(table["tissue"]) == set(TISSUES)
    compared, absent = 0, {}
    for (name, gene, zygosity), rows in table.groupby(["variant", "gene_name", "zygosity"]):
        variant = Variant.parse(name)
        if rows["status"].iloc[0] == "conflict":
            assert rows["effect"].isna().all()
            assert rows["conflict"].str.startswith("chr1:").all()
            continue
        if (name, gene) not in absent:
            absent[name, gene] = world.prediction(EditedGenome(person, [GenotypeEdit(variant, "absent")]), gene)
        before = absent[name, gene]
        after = world.prediction(EditedGenome(person, [GenotypeEdit(variant, zygosity)]), gene)
        np.testing.assert_allclose(rows["log1p_tpm_ref"], before, atol=2e-5, rtol=0)
        np.testing.assert_allclose(rows["log1p_tpm_alt"], after, atol=2e-5, rtol=0)
        np.testing.assert_allclose(rows["effect"], after - before, atol=2e-5, rtol=0)
        ratio = np.log2(np.expm1(after.astype(float)) / np.expm1(before.astype(float)))
        np.testing.assert_allclose(rows["log2fc_tpm"], ratio, atol=2e-4)
        compared += 1
    assert compared >= 40
    assert (table["effect"].abs() > 1e-4).sum() > 20  # the model does see them


def test_elements_that_know_the_tissue_take_the_long_way(tmp_path: Path) -> None:
    world = small_world(tmp_path, add_context_to_cres=True)
    person = world.person(random_person_lines(random.Random(5), world.genome))
    snp = world.genome[2_450]
    table = VariantScorer(world.predictor.model).score(
        [Variant("chr1", 2_451, snp, "A" if snp != "A" else "C")], person, zygosity=["hom"], genes=["PLUS"]
    )
    edit = GenotypeEdit(Variant.parse(table["variant"][0]), "hom")
    after = world.prediction(EditedGenome(person, [edit], on_conflict="keep"), "PLUS")
    if table["status"][0] == "ok":
        np.testing.assert_allclose(table["log1p_tpm_alt"], after, atol=2e-5, rtol=0)


def test_the_same_haplotype_scores_the_same_however_it_is_written(world: SmallWorld, scorer: VariantScorer) -> None:
    genome = world.genome
    person = world.person(random_person_lines(random.Random(8), genome), "spellings")
    groups = []
    # A unit of the repeat CACACA..., deleted: before, in the midst, at the end, and with bases that do not change.
    deletions = [(1_999, 3, 1), (2_003, 3, 1), (2_007, 3, 1), (1_996, 6, 4), (2_005, 5, 3)]
    groups.append([Variant("chr1", at + 1, genome[at : at + n], genome[at : at + keep]) for at, n, keep in deletions])
    # Two more T in TTTTTTTT.
    insertions = [(2_499, 1), (2_500, 1), (2_503, 2), (2_507, 1)]
    groups.append([Variant("chr1", at + 1, genome[at : at + n], genome[at : at + n] + "TT") for at, n in insertions])
    # A SNP with and without its neighbours.
    ref, alt = genome[2_700], "A" if genome[2_700] != "A" else "G"
    padded = Variant("chr1", 2_699, genome[2_698:2_704], genome[2_698:2_700] + alt + genome[2_701:2_704])
    groups.append([Variant("chr1", 2_701, ref, alt), padded])
    for group in groups:
        table = scorer.score(group, person, genes=["PLUS", "MINUS"])
        assert table["variant"].nunique() == 1
        assert len(table) == len(group) * 2 * 2 * len(TISSUES)
        keys = ["gene_id", "zygosity", "tissue"]
        assert (table.groupby(keys)["effect"].nunique(dropna=False) == 1).all()
        assert table["status"].isin(["ok", "conflict"]).all()
        assert table.groupby(["pos", "ref", "alt"]).ngroups == len(group)  # as given


def one(world: SmallWorld, at: int, length: int = 1, alt: str | None = None) -> Variant:
    ref = world.genome[at : at + length]
    return Variant("chr1", at + 1, ref, alt or ("A" if ref[0] != "A" else "C") + ref[1:])


@pytest.mark.parametrize(("strand", "distance"), [("+", -10), ("-", 10)])
def test_the_distance_is_from_the_tss_that_the_table_names(strand: str, distance: int) -> None:
    gene = Gene("G", "G", "chr1", 100, 200, strand, None, 150)
    assert tss_distance(Variant("chr1", 141, "A", "C"), gene) == distance
    assert tss_distance(Variant("chr1", 141, "A", "C"), replace(gene, given_tss=None)) == {"+": 40, "-": 59}[strand]


def test_columns_and_what_they_say(world: SmallWorld, scorer: VariantScorer) -> None:
    regions = world.regions("PLUS")
    at = int(regions.starts[0]) + 15
    variant = one(world, at)
    table = scorer.score([variant], PersonalGenome(world.reference))
    assert table.columns.tolist() == [name for name in columns_of(LOG1P_TPM) if name in table.columns]
    of_gene = table[table["gene_name"] == "PLUS"]
    assert of_gene["tissue"].tolist() == TISSUES * 2
    assert of_gene["zygosity"].tolist() == ["het"] * 3 + ["hom"] * 3
    first = of_gene.iloc[0]
    assert (first["background"], first["sample"], first["observed"]) == ("reference", "reference", "0/0")
    assert first["overlap"] == "cre"
    starts = {f"E{start + 10}" for start in regions.starts.tolist() if start <= at}
    assert set(first["cre_ids"].split(";")) <= starts
    assert np.isnan(first["gene_window"])
    assert first["tss_distance"] == at - 1800
    minus = table[table["gene_name"] == "MINUS"]
    assert (minus["tss_distance"] == 3600 - 1 - at).all()
    np.testing.assert_allclose(table["effect"], table["log1p_tpm_alt"] - table["log1p_tpm_ref"])
    hom = of_gene[of_gene["zygosity"] == "hom"]
    wanted = np.log2((hom["log1p_tpm_alt"].astype(float) + 1e-10) / (hom["log1p_tpm_ref"].astype(float) + 1e-10))
    np.testing.assert_allclose(hom["released_score"], wanted, rtol=1e-6)
    assert of_gene[of_gene["zygosity"] == "het"]["released_score"].isna().all()
    assert (table["noise_floor"] >= 0).all()
    assert (table["noise_floor"] < 1e-5).all()


def test_the_released_score_divides_by_the_reference_genome(world: SmallWorld, scorer: VariantScorer) -> None:
    person = world.person(random_person_lines(random.Random(3), world.genome), "released")
    variant = one(world, 2_900)
    table = scorer.score([variant], person, genes=["PLUS"], zygosity=["hom"])
    plain = world.prediction(PersonalGenome(world.reference), "PLUS").astype(float)
    np.testing.assert_allclose(
        table["released_score"], np.log2((table["log1p_tpm_alt"].astype(float) + 1e-10) / (plain + 1e-10)), atol=1e-4
    )


def test_flags(world: SmallWorld, scorer: VariantScorer) -> None:
    genome = PersonalGenome(world.reference)

    def flags(variant: Variant, gene: str, zygosity: str = "hom") -> set[str]:
        table = scorer.score([variant], genome, genes=[gene], zygosity=[zygosity])
        return {flag for row in table["flags"] for flag in row.split(";") if flag}

    # The window of PLUS is [1750, 2950): some 800 tokens of bases, of which 288 are seen.
    assert "beyond_seen_tokens" in flags(one(world, 2_940), "PLUS")
    far_behind = scorer.score([one(world, 2_940)], genome, genes=["PLUS"], zygosity=["hom"])
    unseen = far_behind[far_behind["overlap"] == "gene"]
    assert unseen["flags"].str.contains("below_noise").all()
    assert (unseen["effect"] == 0).all()
    assert "token_shift" in flags(one(world, 1_760, alt="ACGTACGTTGCATTGACCAGT"), "PLUS")
    assert "het_equals_hom" in flags(one(world, 1_760, alt=world.genome[1_760] + "GG"), "PLUS", "het")
    assert "het_equals_hom" not in flags(one(world, 1_760, alt=world.genome[1_760] + "GG"), "PLUS", "hom")
    assert "het_equals_hom" not in flags(one(world, 1_760), "PLUS", "het")
    crossing = Variant("chr1", 1_746, world.genome[1_745:1_760], world.genome[1_745])
    assert "crosses_edge" in flags(crossing, "PLUS")
    assert "crosses_edge" not in flags(one(world, 1_760), "PLUS")


def test_an_indel_reads_alike_het_and_hom_but_not_on_one_haplotype(world: SmallWorld, scorer: VariantScorer) -> None:
    variant = one(world, 1_760, alt=world.genome[1_760] + "GG")
    lines = [record(100, world.genome[99], "A" if world.genome[99] != "A" else "C", "1|0")]
    table = scorer.score([variant], world.person(lines, "iupac"), genes=["PLUS"])
    by_zygosity = table.groupby("zygosity")["effect"].apply(list)
    assert by_zygosity["het"] == by_zygosity["hom"]
    first = world.person(lines, "first", mode="haplotype1")
    table = scorer.score([variant], first, genes=["PLUS"], zygosity=["haplotype1", "haplotype2"])
    by_zygosity = table.groupby("zygosity")["effect"].apply(lambda values: np.abs(values).max())
    assert by_zygosity["haplotype1"] > 0
    assert by_zygosity["haplotype2"] == 0


def test_the_observed_genotype_and_conflicts(world: SmallWorld, scorer: VariantScorer) -> None:
    at = 1_800
    ref = world.genome[at]
    first, second = [base for base in "ACGT" if base != ref][:2]
    person = world.person([record(at + 1, ref, f"{first}", "0|1"), record(2_001, "CA", "C", "1/1")], "observed")
    wanted = [
        Variant("chr1", at + 1, ref, first),
        Variant("chr1", at + 1, ref, second),
        Variant("chr1", at + 2, world.genome[at + 1], "A" if world.genome[at + 1] != "A" else "C"),
    ]
    table = scorer.score(wanted, person, genes=["PLUS"], zygosity=["hom"]).drop_duplicates("variant")
    assert table["observed"].tolist() == ["0|1", "0/0", "0/0"]
    assert table["status"].tolist() == ["ok", "conflict", "ok"]
    assert table["conflict"].tolist()[1] == f"chr1:{at + 1}:{ref}:{first}"
    assert np.isnan(table["effect"].iloc[1])
    assert table["effect"].iloc[0] != 0


def test_rows_name_their_own_genes_and_tissues(world: SmallWorld, scorer: VariantScorer, tmp_path: Path) -> None:
    path = tmp_path / "variants.csv"
    ref = world.genome[1_800]
    alt = "A" if ref != "A" else "C"
    path.write_text(
        "chrom,pos,ref,alt,gene_id,tissue,label\n"
        f"chr1,1801,{ref},{alt},ENSG00000000002,thyroid,5\n"
        f"chr1,1801,{ref},{alt},PLUS,Whole_Blood;liver,\n"
        f"chr1,1801,{ref},{alt},NOBODY,liver,\n"
        f"chr1,1801,{ref},{alt},PLUS,moon,\n"
    )
    result = scorer.run(path, PersonalGenome(world.reference), zygosity=["hom"])
    pairs = list(zip(result.table["gene_name"], result.table["tissue"], strict=True))
    assert pairs == [("MINUS", "thyroid"), ("PLUS", "whole blood"), ("PLUS", "liver")]
    assert result.table["label"].tolist() == ["5", None, None]
    assert [each.row for each in result.rejected] == [4, 5]
    assert "NOBODY" in result.rejected[0].reason
    assert "moon" in result.rejected[1].reason


def test_odd_variants_have_a_clear_outcome(world: SmallWorld, scorer: VariantScorer) -> None:
    genome = PersonalGenome(world.reference)
    ref = world.genome[1_800]
    wrong = "A" if ref != "A" else "C"
    long = Variant("chr1", 1_801, ref, ref + random_bases(random.Random(0), 10_000))
    far = one(world, 5)
    result = scorer.run(
        [
            Variant("chr1", 1_801, wrong, "T"),  # wrong REF
            Variant("chr9", 1, "A", "T"),  # a contig that the FASTA does not have
            Variant("chrX", 1, world.reference.sequence("chrX", 0, 1), "N"),  # no base
            Variant("chrX", 1, world.reference.sequence("chrX", 0, 1), "ACGT"),  # a sex chromosome
            Variant("chr1", 1_801, ref, "*"),
            Variant("chr1", 1_801, ref, "<DEL>"),
            long,
            long,  # again
            far,  # no gene in reach
        ],
        genome,
        zygosity=["hom"],
        tissues=["liver"],
    )
    assert [each.row for each in result.rejected] == [1, 2, 3, 4, 5, 6, 8]
    assert "autosomes" in result.rejected[3].reason
    table = result.table
    assert set(table[table["pos"] == 1_801]["status"]) == {"ok"}
    assert np.isfinite(table[table["pos"] == 1_801]["effect"]).all()
    nowhere = table[table["pos"] == 6]
    assert nowhere["status"].tolist() == ["no_gene"]
    assert nowhere["gene_id"].isna().all()
    asked = scorer.score([far], genome, genes=["PLUS"], zygosity=["hom"], tissues=["liver"])
    assert asked["status"].tolist() == ["no_overlap"]
    assert asked["effect"].tolist() == [0.0]


def test_a_variant_within_the_bases_that_a_record_does_not_change_has_its_own_effect(
    world: SmallWorld, scorer: VariantScorer
) -> None:
    at = 1_800
    ref = world.genome[at : at + 3]
    changed = other_base(ref[0]) + ref[1:]
    person = world.person([record(at + 1, ref, f"{ref[0]},{changed}", "0/2")], "beside")
    table = scorer.score([one(world, at + 2)], person, genes=["PLUS"], zygosity=["hom"])
    assert set(table["status"]) == {"ok"}
    # The same written by hand: a SNP, and the variant behind it.
    snp = record(at + 1, ref[0], changed[0], "0/1")
    added = record(at + 3, ref[2], one(world, at + 2).alt, "1/1")
    before, after = (
        world.prediction(world.person(lines, f"hand{len(lines)}"), "PLUS") for lines in ([snp], [snp, added])
    )
    np.testing.assert_allclose(table["effect"], after - before, atol=2e-5)
    assert (table["effect"].abs() > 1e-4).all()
    # A deletion behind the base that an insertion of the person stands behind, too.
    inserted = world.person([record(at + 1, ref[0], f"{ref[0]}CA", "0/1")], "inserted")
    table = scorer.score([Variant("chr1", at + 1, ref, ref[0])], inserted, genes=["PLUS"], zygosity=["hom"])
    assert set(table["status"]) == {"conflict"}
    assert set(table["conflict"]) == {f"chr1:{at + 1}:{ref[0]}:{ref[0]}CA"}
    assert table["effect"].isna().all()


def test_a_row_beside_a_gap_does_not_end_the_run(world: SmallWorld, scorer: VariantScorer, tmp_path: Path) -> None:
    genome = world.genome[:1_800] + "NNNNCAG" + world.genome[1_807:]
    contigs = {"chr1": genome, "chrX": world.reference.sequence("chrX", 0, 200)}
    reference = ReferenceGenome(write_fasta(tmp_path / "gap.fa", contigs, width=60))
    given = [Variant("chr1", 1_805, "C", alt) for alt in ("CC", "CT", "T")]
    result = scorer.run(given, reference, genes=["PLUS"], zygosity=["hom"], tissues=["liver"])
    assert [(each.row, each.reason[:12]) for each in result.rejected] == [(1, "left-aligned")]
    assert result.table["status"].tolist() == ["ok", "ok"]


def test_a_gene_that_is_deleted_has_no_score(world: SmallWorld, scorer: VariantScorer) -> None:
    variant = Variant("chr1", 1_741, world.genome[1_740:2_960], world.genome[1_740])
    table = scorer.score([variant], PersonalGenome(world.reference), genes=["PLUS"], zygosity=["hom"])
    assert set(table["status"]) == {"gene_deleted"}
    assert table["effect"].isna().all()
    assert table["log1p_tpm_ref"].notna().all()


def test_phases_of_the_tokens(world: SmallWorld, scorer: VariantScorer) -> None:
    predictor, plain = world.predictor, PersonalGenome(world.reference)
    regions = {name: world.regions(name) for name in ("PLUS", "MINUS")}
    shared = sorted(set(regions["PLUS"].starts.tolist()) & set(regions["MINUS"].starts.tolist()))
    variant = one(world, shared[0] + 15)
    table = scorer.score([variant], plain, zygosity=["hom"], phase_shifts=2)
    assert table["gene_name"].nunique() == 2
    assert (table["effect_sd_phase"] > 0).all()
    edited = EditedGenome(plain, [GenotypeEdit(variant, "hom")])
    for name, rows in table.groupby("gene_name"):
        effects = []
        for shift in range(3):
            values = []
            for person in (plain, edited):
                sequences = gene_sequences(regions[name], person.sequences)
                cut = GeneSequences(
                    [each[shift:] for each in sequences.cre_sequences],
                    sequences.cre_class_ids,
                    sequences.gene_sequence[shift:],
                )
                values.append(predictor.model.predict_gene(cut, range(len(TISSUES)))[0])
            effects.append(values[1] - values[0])
        np.testing.assert_allclose(rows["effect_sd_phase"], np.std(effects, axis=0, ddof=1), atol=2e-5)


def test_backgrounds(world: SmallWorld, scorer: VariantScorer) -> None:
    lines = random_person_lines(random.Random(11), world.genome)
    world.person(lines, "eur")
    world.person(lines[::2], "afr")
    path = world.folder / "populations.yaml"
    path.write_text("EUR: {vcf: eur.vcf.gz}\nAFR: {vcf: afr.vcf.gz, sample: S1, snps_only: true}\n")
    populations = open_backgrounds(world.reference, path)
    table = scorer.score([one(world, 2_930)], populations, genes=["PLUS"], zygosity=["hom"], tissues=["liver"])
    assert table["background"].tolist() == ["EUR", "AFR"]
    assert table["sample"].tolist() == ["S1", "S1"]
    snps = open_backgrounds(world.reference, "person-snps", vcf=world.folder / "afr.vcf.gz")
    alone = scorer.score([one(world, 2_930)], snps, genes=["PLUS"], zygosity=["hom"], tissues=["liver"])
    assert alone["effect"].tolist() == table["effect"].tolist()[1:]
    assert alone["background"].tolist() == ["person-snps"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "names no population"),
        ("EUR: x.vcf.gz\n", "needs `vcf`"),
        ("EUR: {vcf: x.vcf.gz, ploidy: 2}\n", "needs `vcf`"),
        ("{", "cannot be read as YAML"),
        ("EUR: {vcf: none.vcf.gz}\n", r"none\.vcf\.gz"),
    ],
)
def test_bad_population_files(world: SmallWorld, tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "populations.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=problem):
        open_backgrounds(world.reference, path)


def test_bad_requests(world: SmallWorld, scorer: VariantScorer) -> None:
    genome = PersonalGenome(world.reference)
    with pytest.raises(InputError, match="no zygosity homo"):
        scorer.score([one(world, 1_800)], genome, zygosity=["homo"])
    with pytest.raises(RejectedQueryError, match="NOBODY"):
        scorer.score([one(world, 1_800)], genome, genes=["NOBODY"])
    with pytest.raises(InputError, match="no variant can be scored"):
        scorer.score(["chr1:1801:Q>T"], genome)
    with pytest.raises(InputError, match="no background 'people'"):
        open_backgrounds(world.reference, "people")
    with pytest.raises(InputError, match="needs a VCF"):
        open_backgrounds(world.reference, "person")
    with pytest.raises(InputError, match=r"afr\.vcf\.gz: the background reference uses no VCF"):
        open_backgrounds(world.reference, "reference", vcf=world.folder / "afr.vcf.gz")
    with pytest.raises(InputError, match="the background reference uses no sample"):
        open_backgrounds(world.reference, "reference", sample="S1")


def test_states_that_read_the_same_are_computed_once(
    world: SmallWorld, scorer: VariantScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cCRE stream runs once for gene-only variants, however many; a changed element runs it again."""
    runs: list[int] = []
    layer = world.predictor.model.network.model.cre_layers[0]
    handle = layer.register_forward_hook(lambda module, args, output: runs.append(len(output)))
    genome = PersonalGenome(world.reference)
    regions = world.regions("PLUS")
    free = [at for at in range(1_760, 2_400) if not ((regions.starts <= at) & (regions.ends > at)).any()]
    try:
        scorer.score([one(world, free[0])], genome, genes=["PLUS"])
        few = len(runs)
        runs.clear()
        scorer.score([one(world, at) for at in free[:40]], genome, genes=["PLUS"])
        assert len(runs) == few
        runs.clear()
        scorer.score([one(world, int(regions.starts[0]) + 12)], genome, genes=["PLUS"], zygosity=["hom"])
        assert len(runs) == few + 1
    finally:
        handle.remove()


def test_a_run_that_was_cut_short_goes_on(world: SmallWorld, scorer: VariantScorer, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        assert total == 2
        if done == 1:
            raise Stopped

    wanted = [one(world, 1_800), one(world, 2_930), one(world, 3_500)]
    genome = PersonalGenome(world.reference)
    whole = scorer.run(wanted, genome, genes=["PLUS", "MINUS"], with_embeddings=True)
    parts = tmp_path / "parts"
    with pytest.raises(Stopped):
        scorer.run(wanted, genome, genes=["PLUS", "MINUS"], with_embeddings=True, on_gene=stop, parts=parts)
    kept = list(parts.glob("gene-*.parquet"))
    assert len(kept) == 1
    again = scorer.run(wanted, genome, genes=["PLUS", "MINUS"], with_embeddings=True, parts=parts)
    assert kept[0] in list(parts.glob("gene-*.parquet"))
    pd.testing.assert_frame_equal(again.table, whole.table, atol=1e-6)
    assert set(again.embeddings) == set(EMBEDDINGS)
    for name, vectors in again.embeddings.items():
        assert vectors.shape == (len(whole.table), 24)
        np.testing.assert_allclose(vectors, whole.embeddings[name], atol=1e-5)
    with pytest.raises(InputError, match="another run"):
        scorer.run(wanted[:2], genome, genes=["PLUS", "MINUS"], with_embeddings=True, parts=parts)
    again.remove_parts()
    assert not parts.exists()


def test_a_scorer_of_one_genome_is_right_on_another(world: SmallWorld, scorer: VariantScorer, tmp_path: Path) -> None:
    genome = "".join({"A": "C", "C": "A", "G": "T", "T": "G"}[base] for base in world.genome)
    other = ReferenceGenome(write_fasta(tmp_path / "other.fa", {"chr1": genome, "chrX": "ACGT" * 50}, width=60))
    for reference in (world.reference, other, world.reference):
        ref = reference.sequence("chr1", 1_800, 1_801)
        variant = Variant("chr1", 1_801, ref, "A" if ref != "A" else "C")
        table = scorer.score([variant], reference, genes=["PLUS"], zygosity=["hom"])
        alone = VariantScorer(world.predictor.model).score([variant], reference, genes=["PLUS"], zygosity=["hom"])
        np.testing.assert_allclose(table["log1p_tpm_ref"], alone["log1p_tpm_ref"], atol=1e-6)
