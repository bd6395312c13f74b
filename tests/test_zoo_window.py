"""Networks of windows as tenants of the zoo: what every model passes, and what is theirs."""

import json
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import run
from gene_model_tests import Case, GeneModelTests
from genome_files import record, write_fasta, write_vcf
from hypothesis import given, settings
from hypothesis import strategies as st
from random_variants import random_bases
from small_model import SmallWorld
from window_case import LENGTH, OTHER, TRACKS, gene_model, gene_table, plain, tiny_enformer, window_case

from variantformer_hf import ExpressionPredictor, PersonalGenome, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.input_gradients import input_gradients
from variantformer_hf.analysis.mutagenesis import mutagenesis
from variantformer_hf.errors import InputError
from variantformer_hf.genome import EditedGenome, GenotypeEdit, GenotypeOptions, Variant
from variantformer_hf.genome.interval import Interval
from variantformer_hf.zoo.enformer.gene_model import EnformerGeneModel
from variantformer_hf.zoo.enformer.zero_shot import zero_shot
from variantformer_hf.zoo.families import load_gene_model
from variantformer_hf.zoo.gene_model import GeneModel
from variantformer_hf.zoo.model_files import load_strictly
from variantformer_hf.zoo.window.track_model import TrackGeneModel
from variantformer_hf.zoo.window.tracks import Track

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def enformer(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return window_case(tmp_path_factory.mktemp("enformer"), "enformer")


@pytest.fixture(scope="module")
def borzoi(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return window_case(tmp_path_factory.mktemp("borzoi"), "borzoi")


@pytest.fixture(scope="module")
def zero(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Of a person with SNPs alone, some of them near each TSS."""
    case = window_case(tmp_path_factory.mktemp("zero_shot"), "enformer")
    found = load_gene_model(case.model, device="cpu", precision="float32")
    assert isinstance(found, EnformerGeneModel)
    zero_shot(found, case.tissues).save(case.model.with_name("zero"))
    bases = ReferenceGenome(case.fasta).sequence("chr1", 0, LENGTH)
    places = [*range(1_440, 1_560, 8), *range(3_240, 3_360, 8)]
    lines = [record(place, bases[place - 1], OTHER[bases[place - 1]], "1|1") for place in places]
    vcf = write_vcf(case.vcf.with_name("snps.vcf.gz"), lines, contigs={"chr1": LENGTH})
    variants = [place for place in (1_495, 1_530, 1_755) if place not in places]
    asked = tuple(f"chr1:{place}:{bases[place - 1]}>{OTHER[bases[place - 1]]}" for place in variants)
    return replace(case, model=case.model.with_name("zero"), vcf=vcf, variants=asked)


class TestEnformer(GeneModelTests):
    """What every model passes, Enformer: bins around the TSS."""

    epochs = 50

    @pytest.fixture
    def case(self, enformer: Case) -> Case:
        return enformer


class TestEnformerZeroShot(GeneModelTests):
    """What every model passes; people are read as diploid unless another mode is asked for."""

    epochs = 80

    @pytest.fixture
    def case(self, zero: Case) -> Case:
        return zero

    def test_the_folder_says_in_which_mode_people_are_read(self, gene_model: GeneModel) -> None:
        assert gene_model.modes[0] == "diploid"
        assert set(gene_model.modes) == set(EnformerGeneModel.modes)


class TestBorzoi(GeneModelTests):
    """What every model passes, Borzoi: bins of exons."""

    epochs = 30

    @pytest.fixture
    def case(self, borzoi: Case) -> Case:
        return borzoi


KINDS = ("enformer", "borzoi")


def small_genome(folder: Path, *lines: str, genome: str | None = None, mode: str = "haplotypes") -> PersonalGenome:
    """A person with records in the genes of ``window_case``."""
    text = genome or random_bases(random.Random(0), LENGTH)
    fasta = write_fasta(folder / "genome.fa", {"chr1": text}, width=60)
    vcf = write_vcf(folder / "p.vcf.gz", lines, contigs={"chr1": LENGTH})
    return PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(mode=mode))


def base(person: PersonalGenome, position: int, length: int = 1) -> str:
    """Bases from a position, from 1."""
    return person.reference.sequence("chr1", position - 1, position - 1 + length).upper()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(min_value=0))
def test_effects_are_those_of_two_whole_readings(kind: str, seed: int) -> None:
    effects_are_those_of_two_whole_readings(kind, seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(min_value=0))
def test_many_effects_are_those_of_two_whole_readings(kind: str, seed: int) -> None:
    effects_are_those_of_two_whole_readings(kind, seed)


def effects_are_those_of_two_whole_readings(kind: str, seed: int) -> None:
    """SNVs, MNVs, insertions and deletions, of any zygosity, beside what a person carries; in every mode."""
    rng = random.Random(seed)
    model, outputs = gene_model(kind), [0, 2]
    gene = rng.choice(["PLUS", "MINUS"])
    tss = model.gene_table.get(gene).tss
    with tempfile.TemporaryDirectory() as folder:
        text = random_bases(rng, LENGTH)

        def alleles(position: int) -> tuple[str, str]:
            ref = text[position - 1 : position - 1 + rng.choice([1, 1, 1, 2, 9])]
            alt = rng.choice([OTHER[ref[0]] + ref[1:], ref[0], ref + "ACGTTGCA"[: rng.randint(1, 8)]])
            return ref, alt if alt != ref else OTHER[ref[0]]

        # None straddles the TSS: an insertion with an exchange beside it, in one record, has two alignments there.
        places = sorted(rng.sample(range(tss - 472, tss + 480, 16), 12))
        carried = places[::2]
        lines = [record(place, *alleles(place), rng.choice(["0|1", "1|0", "1|1"])) for place in carried]
        mode = rng.choice(model.modes)
        person = small_genome(Path(folder), *lines, genome=text, mode=mode)
        asked = [Variant("chr1", place, *alleles(place)) for place in rng.sample(places, 4)]
        zygosity = ["het", "hom", "haplotype1"]
        table = VariantScorer(model).score(asked, person, genes=gene, tissues=["0", "2"], zygosity=zygosity)
        scored = table[table["status"] == "ok"]
        are_snvs = [len(each.ref) == len(each.alt) == 1 for each in map(Variant.parse, table["variant"])]
        if mode == "diploid":
            assert set(table["status"][np.logical_not(are_snvs)]) <= {"not_snp", "conflict"}
        assert len(scored) or not (mode != "diploid" or any(are_snvs))
        for (text_of, name), rows in scored.groupby(["variant", "zygosity"], sort=False):
            for genotype, end in (("absent", "ref"), (str(name), "alt")):
                edit = GenotypeEdit(Variant.parse(str(text_of)), genotype)
                edited = EditedGenome(person, [edit], on_conflict="keep")
                expected = plain(model, edited, gene, outputs)
                np.testing.assert_allclose(rows[f"track_{end}"], expected, atol=2e-5, err_msg=f"{text_of} {name}")


def counted(model: TrackGeneModel) -> list[int]:
    """How many windows go through the network, call by call, from now on."""
    sizes: list[int] = []
    model.network.register_forward_pre_hook(lambda _, __, given: sizes.append(len(given["dna"])), with_kwargs=True)
    return sizes


def test_only_sequences_that_are_new_go_through_the_network(tmp_path: Path) -> None:
    person = small_genome(tmp_path)
    person = small_genome(tmp_path, record(1_450, base(person, 1_450), OTHER[base(person, 1_450)], "0|1"))
    model = gene_model("enformer")
    opened = model.open(person.reference)
    states = opened.states(person, opened.finder.find(model.gene_table.get("PLUS")), [0])
    sizes = counted(model)
    states.predict([states.base])
    assert sum(sizes) == 2
    held = base(person, 1_520)
    for genotype, new in (("het", 1), ("hom", 2), ("haplotype1", 1)):
        sizes.clear()
        state = states.of(
            EditedGenome(states.person, [GenotypeEdit(Variant("chr1", 1_520, held, OTHER[held]), genotype)])
        )
        states.predict([states.base, state, state])
        assert sum(sizes) == new
    far = Variant("chr1", 4_000, base(person, 4_000), OTHER[base(person, 4_000)])
    sizes.clear()
    assert states.of(EditedGenome(states.person, [GenotypeEdit(far, "hom")])).windows == states.base.windows
    states.predict([states.base])
    assert sizes == []


def test_an_insertion_shifts_the_bins_of_exons_behind_it_and_none_of_the_tss(tmp_path: Path) -> None:
    """40 bases behind the first exon: the second, at 200 bases from the TSS, is two bins of 32 further on."""
    person = small_genome(tmp_path)
    held = base(person, 1_650)
    edit = GenotypeEdit(Variant("chr1", 1_650, held, held + "ACGT" * 10), "hom")
    edited = EditedGenome(person, [edit])
    model = gene_model("borzoi")
    opened = model.open(person.reference)
    regions = opened.finder.find(model.gene_table.get("PLUS"))
    before, after = (set(np.flatnonzero(opened.read(each, regions).windows[0].bins)) for each in (person, edited))
    # The TSS is at 512; exons are at 512 to 612, 712 to 802, and beyond the window; then 752 to 842.
    assert before == {16, 17, 18, 19, 22, 23, 24, 25}
    assert after == {16, 17, 18, 19, 23, 24, 25, 26}
    at_tss = gene_model("borzoi", read_out="tss:3").open(person.reference)
    for each in (person, edited):
        assert np.flatnonzero(at_tss.read(each, regions).windows[0].bins).tolist() == [15, 16, 17]
    # An insertion upstream moves neither: the window is cut at its far end.
    held = base(person, 1_400)
    upstream = EditedGenome(person, [GenotypeEdit(Variant("chr1", 1_400, held, held + "ACGT" * 10), "hom")])
    assert set(np.flatnonzero(opened.read(upstream, regions).windows[0].bins)) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_without_what_is_read_out(tmp_path: Path, kind: str) -> None:
    """On one haplotype, which is enough: there is no mean of one number. A few bases of a TSS are no gene."""
    person = small_genome(tmp_path)
    for length, call, status in ((900, "0|1", "gene_deleted"), (900, "1|1", "gene_deleted"), (30, "1|1", "ok")):
        ref = base(person, 1_300 if length > 30 else 1_490, length)
        line = record(1_300 if length > 30 else 1_490, ref, ref[0], call)
        carrier = small_genome(tmp_path, line)
        table = ExpressionPredictor(gene_model(kind)).predict(
            carrier.reference, str(carrier.path), genes=["PLUS"], tissues=["0"], mode="haplotypes"
        )
        assert table["status"].tolist() == [status]
        assert table["track"].isna().tolist() == [status != "ok"]
    effects = VariantScorer(gene_model(kind)).score(
        [f"chr1:1300:{base(person, 1_300, 900)}>{base(person, 1_300)}"], person.reference, genes="PLUS", tissues=["0"]
    )
    assert effects["status"].tolist() == ["gene_deleted"] * 2
    assert effects["track_alt"].isna().all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_beyond_the_contig_is_a_row_that_says_so(tmp_path: Path, kind: str) -> None:
    person = small_genome(tmp_path)
    person = small_genome(tmp_path, record(400, base(person, 400), OTHER[base(person, 400)], "0|1"))
    model = gene_model(kind)
    result = ExpressionPredictor(model).run(person.reference, str(person.path), tissues=["0"], allow_unused=True)
    found = result.table.set_index("gene_name")
    assert found["status"].to_dict() == {"PLUS": "no_variants", "MINUS": "no_variants", "EDGE": "window_off_contig"}
    assert found["track"].isna().to_dict() == {"PLUS": False, "MINUS": False, "EDGE": True}
    assert result.report["genes"]["status"]["window_off_contig"] == 1
    assert (result.report["settings"]["window"], result.report["unit"]) == (1_024, "track")
    held = base(person, 402)
    effects = VariantScorer(model).score([f"chr1:402:{held}>{OTHER[held]}"], person, genes="EDGE", tissues=["0"])
    assert effects["status"].tolist() == ["window_off_contig"] * 2
    assert effects["effect"].isna().all()


def test_indels_of_the_diploid_one_hot_are_left_out_and_counted(tmp_path: Path) -> None:
    person = small_genome(tmp_path)
    lines = [
        record(1_450, base(person, 1_450), OTHER[base(person, 1_450)], "0|1"),
        record(1_490, base(person, 1_490), base(person, 1_490) + "AC", "0|1"),
    ]
    carrier = small_genome(tmp_path, *lines)
    model = gene_model("enformer")
    options = GenotypeOptions(mode="iupac", snps_only=True)
    result = ExpressionPredictor(model).run(
        carrier.reference, str(carrier.path), genes=["PLUS"], tissues=["0"], options=options
    )
    (counts,) = result.report["samples"].values()
    assert counts["total"]["skipped"] == {"not_snp": 1}
    shares = PersonalGenome(carrier.reference, str(carrier.path), options=options)
    np.testing.assert_allclose(result.table["track"], plain(model, shares, "PLUS", [0]), atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_differences(tmp_path: Path, kind: str) -> None:
    """Of shares that are moved a little, in float64, on both haplotypes of a person with indels."""
    person = small_genome(tmp_path)
    lines = [
        record(1_500, base(person, 1_500), base(person, 1_500) + "ACG", "0|1"),
        record(1_506, base(person, 1_506), OTHER[base(person, 1_506)], "0|1"),
        record(1_510, base(person, 1_510, 3), base(person, 1_510), "1|1"),
    ]
    carrier = small_genome(tmp_path, *lines)
    model, outputs = gene_model(kind), ["0", "3"]
    stretch = Interval("chr1", 1_495, 1_515)
    (found,) = input_gradients(VariantScorer(model), carrier, "PLUS", [stretch], tissues=outputs)
    assert found.gradients.shape == (20, 4, 2)
    assert found.shares[10].tolist() in ([0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5])
    assert np.isnan(found.gradients[[15, 16]]).all()
    assert np.isnan(found.per_base()[[15, 16]]).all()
    opened = model.open(carrier.reference)
    regions = opened.finder.find(model.gene_table.get("PLUS"))
    batch = model.batch([opened.read(carrier, regions)], np.array([[0, 3]]))
    network = model.network.double()
    head = network.heads["human"]

    @torch.inference_mode()
    def values(dna: torch.Tensor) -> np.ndarray:
        tracks = torch.nn.functional.softplus(head(network.trunk(dna).last_hidden_state))[..., [0, 3]]
        return (tracks * batch["bins"][..., None]).sum(dim=1).mean(dim=0).numpy()

    # Where the stretch's bases are in each haplotype's window: the TSS is at 512, and the insertion before it.
    step, dna = 1e-5, batch["dna"].double()
    for place in (0, 3, 4, 5, 10, 14, 17, 19):
        position = 1_495 + place
        where = 512 + position - 1_500 - (2 if position > 1_510 else 0)
        for letter in (0, 2):
            ends = []
            for sign in (1, -1):
                moved = dna.clone()
                for haplotype, at in enumerate((where, where - 3 if position < 1_500 else where)):
                    moved[haplotype, at, letter] += sign * step
                ends.append(values(moved))
            expected = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(found.gradients[place, letter], expected, rtol=1e-3, atol=1e-6)


def test_gradients_by_the_command(borzoi: Case, tmp_path: Path) -> None:
    from safetensors import safe_open

    output, track = tmp_path / "gradients.safetensors", tmp_path / "gradients.bedGraph"
    words = ["mutagenesis", borzoi.model, "--fasta", borzoi.fasta, "--vcf", borzoi.vcf, "--gene", "PLUS"]
    words += ["--region", "chr1:1491-1510", "--tissue", "CNhs1", "-o", output, "--device", "cpu"]
    done = run(*words, "--mutation", "gradient", "--track", track)
    assert done.returncode == 0, done.stderr
    with safe_open(output, "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- not a dict
        header = json.loads(file.metadata()["variantformer"])
    assert arrays["0.gradients"].shape == arrays["0.input_x_gradient"].shape == (20, 4, 1)
    assert header["stretches"][0]["tissues"] == ["CAGE:liver"]
    rows = (tmp_path / "gradients.CAGE_liver.bedGraph").read_text().splitlines()
    assert "input x gradient" in rows[0]
    values = {int(row.split("\t")[1]): float(row.split("\t")[3]) for row in rows[1:]}
    total = arrays["0.input_x_gradient"][:, :, 0].sum(axis=1)
    assert {1_490 + place: pytest.approx(value, rel=1e-4) for place, value in enumerate(total)} == values
    for gradient in (["--gradient"], ["--mutation", "gradient"]):
        done = run(*words, *gradient, "--mutation", "deletions", "--overwrite")
        assert done.returncode == 1
        assert "mutates nothing, and deletions are asked for too" in done.stderr


def test_too_many_gradients_and_models_without_are_refused(world: SmallWorld, tmp_path: Path) -> None:
    person, stretch = PersonalGenome(world.reference), [Interval("chr1", 1_800, 1_810)]
    with pytest.raises(InputError, match="needs a model that gives gradients of bases, and 'variantformer' is none"):
        input_gradients(VariantScorer(world.predictor.model), person, "PLUS", stretch)
    tracks = [Track(n, f"CAGE:{n}", "CAGE", f"C{n}", f"CAGE:{n}") for n in range(101)]
    network = tiny_enformer(tracks={"human": 101})
    many = EnformerGeneModel(network, gene_table(), tracks, device="cpu")
    genome = PersonalGenome(small_genome(tmp_path).reference, options=GenotypeOptions(mode="haplotypes"))
    with pytest.raises(InputError, match="101 outputs are as many backward passes, more than 100"):
        input_gradients(VariantScorer(many), genome, "PLUS", [Interval("chr1", 1_495, 1_515)])


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        ("borzoi", {"window": 1_000}, "1,000 bases cannot be read: dna has 1000 bases, which is not a multiple of 128"),
        ("borzoi", {"read_out": "bins:3"}, "there is no read-out 'bins:3'"),
        ("enformer", {"read_out": "tss:9"}, "asks for 9 bins, a window of 1,024 bases has 8"),
        ("enformer", {"window": -5}, "dna has no base"),
        ("enformer", {"attention": "flash"}, "have no attention 'flash'"),
    ],
)
def test_windows_and_read_outs_that_there_are_not(
    request: pytest.FixtureRequest, kind: str, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        load_gene_model(request.getfixturevalue(kind).model, device="cpu", **options)


def test_exons_are_asked_of_a_model_that_has_them(tmp_path: Path) -> None:
    model = EnformerGeneModel(tiny_enformer(), gene_table(), TRACKS, device="cpu")
    model.save(tmp_path / "model")
    with pytest.raises(InputError, match=r"finds no exon of 3 genes in their windows \(first: ENSG00000000001\)"):
        load_gene_model(tmp_path / "model", device="cpu", read_out="exons")
    assert not (tmp_path / "model" / "exons.parquet").exists()


def test_another_family_has_no_read_out(world: SmallWorld, tmp_path: Path) -> None:
    model = world.save(tmp_path / "model")
    done = run("predict", model, "--fasta", world.reference.path, "--read-out", "tss:3", "--device", "cpu", "-o", "-")
    assert done.returncode != 0
    assert "models of the type 'variantformer' lack an option" in done.stderr


def test_a_gene_whose_window_is_off_its_contig_has_no_gradients_and_no_scan(tmp_path: Path) -> None:
    person = PersonalGenome(small_genome(tmp_path).reference, options=GenotypeOptions(mode="haplotypes"))
    scorer, stretch = VariantScorer(gene_model("enformer")), [Interval("chr1", 300, 304)]
    (found,) = input_gradients(scorer, person, "EDGE", stretch, tissues=["0"])
    assert found.status == "window_off_contig"
    assert np.isnan(found.gradients).all() and np.isnan(found.base).all()
    (scan,) = mutagenesis(scorer, person, "EDGE", stretch, tissues=["0"])
    assert (scan.status, np.isnan(scan.noise_floor).all()) == ("window_off_contig", True)
    assert scan.substitutions is not None and np.isnan(scan.substitutions).all()


def test_regions_are_known_without_the_weights(enformer: Case, gene_model_loads: list[str]) -> None:
    reference = ReferenceGenome(enformer.fasta)
    genes, finder = EnformerGeneModel.load_regions(enformer.model, reference)
    assert gene_model_loads == []
    expected = load_gene_model(enformer.model, device="cpu").region_finder(reference)
    for gene in genes:
        assert finder.find(gene).window == expected.find(gene).window


@pytest.fixture
def gene_model_loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Models whose weights are loaded."""
    loads: list[str] = []

    def noted(kind: Any, model: str | Path, **options: Any) -> Any:
        loads.append(str(model))
        return load_strictly(kind, model, **options)

    monkeypatch.setattr("variantformer_hf.zoo.window.gene_model.load_strictly", noted)
    return loads


def test_what_stands_in_for_a_gene_fits_into_a_batch_and_n_writes_its_share(tmp_path: Path) -> None:
    person = small_genome(tmp_path)
    for share in (0.0, 0.25):
        model = gene_model("borzoi", n_share=share)
        opened = model.open(person.reference)
        regions = [opened.finder.find(model.gene_table.get(name)) for name in ("PLUS", "EDGE")]
        inputs = [opened.read(person, regions[0]), opened.stand_in(regions[1])]
        batch = model.batch(inputs, np.array([[0], [2]]), np.array([[1.0], [np.nan]], dtype=np.float32))
        assert batch["gene"].tolist() == [0, 1]
        assert (batch["dna"][1] == share).all()
        assert batch["dna"][0].sum(dim=-1).eq(1).all()
        found = model.network(**batch, return_dict=True)
        assert float(found.loss.detach()) == pytest.approx(float((found.logits[0, 0].detach() - 1) ** 2))


def test_batchnorm_stays_float32(enformer: Case) -> None:
    model = load_gene_model(enformer.model, device="cpu", precision="bfloat16")
    types = {
        name.rpartition(".")[2]: each.dtype for name, each in model.network.state_dict().items() if "batch_norm" in name
    }
    assert set(types.values()) <= {torch.float32, torch.int64}
    assert model.network.dtype == torch.bfloat16
