"""Every analysis computes in full float32 and takes only log ratios that exist, whatever the process has set."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from genome_files import record
from random_variants import other_base
from small_model import SmallWorld

from variantformer_hf import GenotypeEdit, PersonalGenome, Variant
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.attention import cre_attentions
from variantformer_hf.analysis.counterfactual import counterfactual
from variantformer_hf.analysis.eqtl import eqtl_benchmark
from variantformer_hf.analysis.knockout import knockout
from variantformer_hf.analysis.mutagenesis import mutagenesis
from variantformer_hf.analysis.null_effects import build_null
from variantformer_hf.genome.interval import Interval
from variantformer_hf.zoo.exactness import exact_products

pytestmark = pytest.mark.usefixtures("one_thread")

AT = 1_800


def snp(world: SmallWorld) -> Variant:
    return Variant("chr1", AT + 1, world.genome[AT], other_base(world.genome[AT]))


def person(world: SmallWorld) -> PersonalGenome:
    variant = snp(world)
    return world.person([record(variant.pos, variant.ref, variant.alt, "0/1")], "exact")


def _effects(scorer: VariantScorer, world: SmallWorld, folder: Path) -> pd.DataFrame:
    return scorer.score([snp(world)], person(world), genes=["PLUS"], phase_shifts=1)


def _mutagenesis(scorer: VariantScorer, world: SmallWorld, folder: Path) -> None:
    mutagenesis(scorer, person(world), "PLUS", [Interval("chr1", AT, AT + 1)])


def _knockout(scorer: VariantScorer, world: SmallWorld, folder: Path) -> pd.DataFrame:
    return knockout(scorer, person(world), "PLUS")


def _shuffle(scorer: VariantScorer, world: SmallWorld, folder: Path) -> pd.DataFrame:
    return knockout(scorer, person(world), "PLUS", how="shuffle", n_shuffles=1)


def _counterfactual(scorer: VariantScorer, world: SmallWorld, folder: Path) -> pd.DataFrame:
    return counterfactual(scorer, [person(world)], [GenotypeEdit(snp(world), "absent")], ["PLUS"]).table


def _null(scorer: VariantScorer, world: SmallWorld, folder: Path) -> None:
    panel = world.person([record(snp(world).pos, snp(world).ref, snp(world).alt, "0/1")], "panel").path
    build_null(scorer, str(panel), world.reference, ["PLUS"])


def _eqtl(scorer: VariantScorer, world: SmallWorld, folder: Path) -> None:
    variant = snp(world)
    (folder / "eqtl.tsv").write_text(
        f"chrom\tpos\tref\talt\tgene_id\tbeta\nchr1\t{variant.pos}\t{variant.ref}\t{variant.alt}\tPLUS\t1\n"
    )
    eqtl_benchmark(scorer, folder / "eqtl.tsv", PersonalGenome(world.reference))


def _attention(scorer: VariantScorer, world: SmallWorld, folder: Path) -> None:
    assert len(list(cre_attentions(scorer, [person(world)], ["PLUS"]))) == 1


ANALYSES = [_effects, _mutagenesis, _knockout, _shuffle, _counterfactual, _null, _eqtl, _attention]


@pytest.fixture
def medium() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.usefixtures("medium")
@pytest.mark.parametrize("analysis", ANALYSES)
def test_products_are_exact_in_every_analysis(world: SmallWorld, tmp_path: Path, analysis: Callable) -> None:  # type: ignore[type-arg]
    met: list[str] = []

    def note(*_: object) -> None:
        met.append(torch.get_float32_matmul_precision())

    model = world.predictor.model.network
    hooks = [module.register_forward_pre_hook(note) for module in model.modules() if not list(module.children())]
    try:
        analysis(VariantScorer(world.predictor.model), world, tmp_path)
    finally:
        for hook in hooks:
            hook.remove()
    assert met
    assert set(met) == {"highest"}
    assert torch.get_float32_matmul_precision() == "medium"


def test_what_was_set_backend_by_backend_comes_back() -> None:
    matmul = getattr(torch.backends.cuda, "matmul", None)
    if not hasattr(matmul, "fp32_precision"):
        pytest.skip("this PyTorch has one switch for all backends")
    before = torch.get_float32_matmul_precision()
    try:
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        with exact_products():
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
            assert torch.backends.mkldnn.matmul.fp32_precision == "ieee"
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    finally:
        torch.set_float32_matmul_precision(before)


def test_convolutions_are_exact_too_and_as_they_were_afterwards() -> None:
    conv = getattr(torch.backends.cudnn, "conv", None)
    if not hasattr(conv, "fp32_precision"):
        pytest.skip("this PyTorch has one switch for all of cuDNN")
    before = torch.backends.cudnn.conv.fp32_precision
    try:
        torch.backends.cudnn.conv.fp32_precision = "tf32"
        with exact_products():
            assert torch.backends.cudnn.conv.fp32_precision == "ieee"
        assert torch.backends.cudnn.conv.fp32_precision == "tf32"
    finally:
        torch.backends.cudnn.conv.fp32_precision = before


@pytest.mark.parametrize("analysis", [_effects, _knockout, _counterfactual])
def test_a_fold_change_of_nothing_is_no_number(
    world: SmallWorld,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    analysis: Callable,  # type: ignore[type-arg]
) -> None:
    model = world.predictor.model.network
    for level in (0.0, -0.5):
        read_out = lambda embeddings, _, level=level: torch.full_like(embeddings[..., 0], level)  # noqa: E731
        monkeypatch.setattr(model, "read_out", read_out)
        table = analysis(VariantScorer(world.predictor.model), world, tmp_path)
        assert table["log2fc_tpm"].isna().all()
