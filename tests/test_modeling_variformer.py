"""Variformer's network and loss, by their definitions."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel
from window_case import NO_DROPOUT, tiny_enformer

from variantformer_hf.modeling import VariformerConfig, VariformerForExpression
from variantformer_hf.modeling.enformer.trunk_enformer import BatchNorm, centre
from variantformer_hf.modeling.variformer import pairwise_difference_loss

pytestmark = pytest.mark.usefixtures("one_thread")

SIZES = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 1, "key_size": 4, "channel_multiple": 2}
BASES = 1_280
FULL = {"trunk": 229_845_504, "head": 3_073, "heads": 21_375_788}


def tiny(**changes: Any) -> VariformerForExpression:
    torch.manual_seed(0)
    fields = {**SIZES, **NO_DROPOUT, "sequence_length": BASES, "tissues": ["blood", "cortex"], "initializer_range": 0.2}
    return VariformerForExpression(VariformerConfig(**{**fields, **changes})).eval()


def people(count: int, length: int = BASES, seed: int = 0) -> torch.Tensor:
    """(B, L, 4): every base of one or, at heterozygous sites, two letters."""
    letters = torch.randint(4, (2, count, length), generator=torch.Generator().manual_seed(seed))
    return F.one_hot(letters, 4).float().mean(dim=0)


def plain_loss(
    predictions: torch.Tensor, labels: torch.Tensor, gene: list[int], output: list[list[int]], alpha: float
) -> float:
    """By the definition, pair by pair."""
    squares, pairs = [], []
    count, width = labels.shape
    for i in range(count):
        for a in range(width):
            if labels[i, a].isnan():
                continue
            squares.append((predictions[i, a] - labels[i, a]) ** 2)
            for j in range(i, count):
                for b in range(width):
                    is_later = (j, b) > (i, a)
                    if is_later and gene[i] == gene[j] and output[i][a] == output[j][b] and not labels[j, b].isnan():
                        away = (predictions[i, a] - predictions[j, b]) - (labels[i, a] - labels[j, b])
                        pairs.append(away**2)
    mean_square = sum(squares) / max(1, len(squares))
    return float(alpha * mean_square + (1 - alpha) * sum(pairs) / max(1, len(pairs)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(min_value=0), people=st.integers(1, 9), width=st.integers(1, 3), genes=st.integers(1, 4))
def test_the_loss_is_its_definition_pair_by_pair(seed: int, people: int, width: int, genes: int) -> None:
    generator = torch.Generator().manual_seed(seed % 2**63)
    predictions, labels = (torch.randn(people, width, generator=generator, dtype=torch.float64) for _ in range(2))
    labels[torch.rand(people, width, generator=generator) < 0.25] = torch.nan
    gene = torch.randint(genes, (people,), generator=generator) * 1000 - 7
    alpha = float(torch.rand((), generator=generator))
    columns = torch.arange(width).expand(people, width)
    permuted = torch.stack([torch.randperm(5, generator=generator)[:width] for _ in range(people)])
    for index, outputs in ((None, None), (gene, None), (gene, permuted)):
        found = pairwise_difference_loss(predictions, labels, index, outputs, alpha=alpha)
        of_gene = [0] * people if index is None else index.tolist()
        expected = plain_loss(predictions, labels, of_gene, (columns if outputs is None else outputs).tolist(), alpha)
        assert float(found) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_what_there_is_nothing_of_costs_nothing_and_moves_nothing() -> None:
    predictions = torch.tensor([[2.0], [5.0]], requires_grad=True)
    nothing = pairwise_difference_loss(predictions, torch.full((2, 1), torch.nan))
    nothing.backward()
    assert (float(nothing.detach()), predictions.grad.tolist()) == (0, [[0], [0]])
    one = pairwise_difference_loss(predictions, torch.tensor([[1.0], [torch.nan]]))
    assert float(one.detach()) == 0.5  # alpha times 1, and no pair
    (gradient,) = torch.autograd.grad(one, predictions)
    assert gradient.tolist() == [[1.0], [0.0]]


def test_a_constant_prediction_of_z_scores_costs_one_and_a_half() -> None:
    labels = torch.randn(4_000, 1, generator=torch.Generator().manual_seed(0))
    assert float(pairwise_difference_loss(torch.zeros(4_000, 1), labels)) == pytest.approx(1.5, abs=0.1)


def test_small_differences_between_people_are_not_rounded_away() -> None:
    """Around 0.9 numbers of 16 bits are 0.004 apart: in autocast too all is computed in float32."""
    labels = torch.tensor([[0.9], [0.9005], [0.9011]])
    predictions = labels + torch.tensor([[0.0002], [-0.0001], [0.0001]])
    with torch.autocast("cpu", torch.bfloat16):
        found = pairwise_difference_loss(predictions, labels, alpha=0.0)
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx((0.0003**2 + 0.0001**2 + 0.0002**2) / 3, rel=1e-2)


@pytest.mark.parametrize("keep", [True, False])
def test_full_size_has_the_parameters_of_the_paper(keep: bool) -> None:
    with torch.device("meta"):
        network = VariformerForExpression(VariformerConfig(keep_reference_heads=keep))
    counts = {name: sum(each.numel() for each in part.parameters()) for name, part in network.named_children()}
    assert counts == {name: count for name, count in FULL.items() if keep or name != "heads"}
    assert sum(counts.values()) == (251_224_365 if keep else 229_848_577)
    norms = [each for each in network.modules() if isinstance(each, BatchNorm)]
    assert len(norms) == 14
    assert sum(each.numel() for norm in norms for each in norm.parameters()) == 29_696


def test_a_gene_is_read_from_the_bin_of_its_tss() -> None:
    network, dna = tiny(), people(2)
    states = network.trunk(dna).last_hidden_state
    found = network(dna)
    assert torch.equal(found.pooler_output, states[:, 5])
    assert torch.allclose(found.logits, F.linear(states[:, 5], network.head.weight, network.head.bias), atol=1e-6)
    bins = torch.arange(196_608 // 128)
    assert bins[len(bins) // 2] == centre(bins[None, :, None], 896)[0, 448]
    assert 49_152 // 2 // 128 == (49_152 // 128) // 2 == 192


def test_attention_weighs_the_ten_bins_in_the_middle() -> None:
    network, dna = tiny(readout="attention", sequence_length=1_536), people(2, 1_536)
    network.bin_weight.weight.data *= 100
    states = network.trunk(dna).last_hidden_state[:, 1:11]
    weights = F.linear(states, network.bin_weight.weight, network.bin_weight.bias)[..., 0].softmax(dim=1)
    assert weights.std() > 1e-3
    expected = torch.einsum("bn,bnd->bd", weights, states)
    assert torch.allclose(network(dna).pooler_output, expected, atol=1e-6)
    with pytest.raises(ValueError, match="1,024 bases are 8 bins, and the readout attention reads 10"):
        network(people(2, 1_024))


def test_outputs_are_chosen_and_the_loss_is_of_those() -> None:
    network, dna = tiny(), people(4)
    labels = torch.tensor([[0.3], [-1.0], [torch.nan], [0.7]])
    outputs, gene = torch.tensor([[1], [0], [1], [1]]), torch.tensor([3, 3, 5, 3])
    found = network(dna, labels, gene, outputs=outputs)
    assert torch.equal(found.logits, network(dna).logits.gather(1, outputs))
    expected = plain_loss(found.logits.detach(), labels, gene.tolist(), outputs.tolist(), 0.5)
    assert float(found.loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert float(network(dna, labels, outputs=outputs).loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert network(dna).loss is None


def test_all_learns_but_batchnorm_and_the_reference_heads() -> None:
    network = tiny(keep_reference_heads=True, tracks={"human": 3, "mouse": 2}).train()
    before = {name: each.clone() for name, each in network.state_dict().items()}
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    network(people(3), torch.randn(3, 2, generator=torch.Generator().manual_seed(1))).loss.backward()
    optimizer.step()
    unmoved = {name for name, each in network.state_dict().items() if torch.equal(each, before[name])}
    assert unmoved == {name for name in before if "batch_norm" in name or name.startswith("heads.")}
    assert any("batch_norm.running_mean" in name for name in unmoved)
    assert not any(each.requires_grad for name, each in network.named_parameters() if name in unmoved)


@pytest.mark.parametrize("changes", [{}, {"readout": "attention"}, {"keep_reference_heads": True}])
def test_save_and_load(tmp_path: Path, changes: dict[str, Any]) -> None:
    network, dna = (
        tiny(genes=["PLUS"], **({"tracks": {"human": 3}} if "keep_reference_heads" in changes else {}), **changes),
        people(2),
    )
    network.save_pretrained(tmp_path)
    config, again = AutoConfig.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)
    assert isinstance(config, VariformerConfig) and isinstance(again, VariformerForExpression)
    assert (config.genes, config.tissues, config.sequence_length) == (["PLUS"], ["blood", "cortex"], BASES)
    assert torch.equal(again(dna).logits, network(dna).logits)
    assert again.state_dict().keys() == network.state_dict().keys()


def test_a_trunk_of_16_bits_has_a_head_and_a_loss_in_float32(tmp_path: Path) -> None:
    network, dna, labels = tiny(readout="attention"), people(3), torch.randn(3, 2)
    network.save_pretrained(tmp_path)
    exact = network(dna).logits
    for rounded in (AutoModel.from_pretrained(tmp_path, dtype=torch.bfloat16), tiny(readout="attention").bfloat16()):
        assert rounded.dtype == rounded.trunk.layers[0].up.weight.dtype == torch.bfloat16
        for part in ("head", "bin_weight"):
            assert torch.equal(getattr(rounded, part).weight, getattr(network, part).weight)
        found = rounded(dna, labels)
        assert found.logits.dtype == found.loss.dtype == torch.float32
        torch.testing.assert_close(found.logits, exact, rtol=0.05, atol=0.05)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(dna, labels)
    assert found.logits.dtype == found.loss.dtype == torch.float32


def test_gradient_checkpointing_changes_nothing() -> None:
    gradients = []
    for checkpointed in (False, True):
        network = tiny().train()
        if checkpointed:
            (getattr(network, "activation_checkpointing_enable", None) or network.gradient_checkpointing_enable)()
        network(people(2), torch.ones(2, 2)).loss.backward()
        gradients.append({name: each.grad for name, each in network.named_parameters() if each.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, each in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], each, rtol=1e-4, atol=1e-6)


def test_a_model_begins_with_an_enformers_trunk(tmp_path: Path) -> None:
    enformer = tiny_enformer(gamma_norm="position", num_hidden_layers=2, hidden_dropout=0.3)
    enformer.save_pretrained(tmp_path)
    network = VariformerForExpression.from_enformer(tmp_path, tissues=["blood"], sequence_length=BASES)
    config = network.config
    assert (config.sequence_length, config.tissues, config.gamma_norm) == (BASES, ["blood"], "feature")
    assert (config.hidden_dropout, config.freeze_batchnorm, config.num_hidden_layers) == (0.3, True, 2)
    assert "heads.human.weight" not in network.state_dict()
    for name, each in enformer.trunk.state_dict().items():
        assert torch.equal(network.trunk.state_dict()[name], each), name
    kept = VariformerForExpression.from_enformer(
        tmp_path, keep_reference_heads=True, sequence_length=BASES, gamma_norm="position"
    )
    assert torch.equal(kept.heads["human"].weight, enformer.heads["human"].weight)
    dna = people(1)
    assert torch.equal(kept.trunk(dna).last_hidden_state, enformer.trunk(dna).last_hidden_state)
    assert not torch.allclose(network.trunk(dna).last_hidden_state, enformer.trunk(dna).last_hidden_state, atol=1e-3)
    network.save_pretrained(tmp_path / "variformer")
    with pytest.raises(ValueError, match="is a 'variformer', and an 'enformer_trunk' is expected"):
        VariformerForExpression.from_enformer(tmp_path / "variformer")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"readout": "mean"}, "readout='mean' is not known"),
        ({"loss_alpha": 1.5}, "loss_alpha=1.5 must be from 0 to 1"),
        ({"tissues": []}, "tissues=[] must name at least one, or be None"),
        ({"genes": ["A", "A"]}, "genes names a gene twice"),
        ({"sequence_length": 0}, "dna has no base"),
        ({"n_share": 2}, "n_share=2 must be from 0 to 1"),
        ({"sequence_length": 1_000, "readout": "attention"}, "1,000 bases are 8 bins"),
        ({"tisues": ["blood"]}, "tisues"),
    ],
)
def test_values_that_the_model_does_not_have_are_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        VariformerConfig(**fields)
