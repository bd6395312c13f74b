"""The estimate of operations: what torch counts, and the table that the design rests on."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from variantformer_hf.modeling import VariantFormerConfig, VariantFormerEncoderConfig, VariantFormerForExpression
from variantformer_hf.zoo.variantformer.flops import estimate_flops, estimate_released_flops, flops_table

ENCODER = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
EXPRESSION = {"hidden_size": 96, "num_hidden_layers": 3, "num_attention_heads": 6, "intermediate_size": 160}


def counted(
    config: VariantFormerConfig, n_cres: int, cre_tokens: int, n_windows: int, n_tissues: int, **given: Any
) -> int:
    """What torch counts in a forward pass."""
    model = VariantFormerForExpression(config).eval().requires_grad_(False)
    model.set_attn_implementation("eager")
    length = config.encoder_config.token_length  # type: ignore[union-attr]
    inputs = {
        "cre_input_ids": torch.randint(4, 50, (1, n_cres, cre_tokens)),
        "cre_attention_mask": torch.ones(1, n_cres, cre_tokens, dtype=torch.long),
        "gene_input_ids": torch.randint(4, 50, (1, n_windows, length)),
        "gene_attention_mask": torch.ones(1, n_windows, length, dtype=torch.long),
    }
    if given:
        del inputs["cre_input_ids"], inputs["cre_attention_mask"]
    classes = torch.arange(n_cres)[None] % 9
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(**inputs, **given, cre_class_ids=classes, tissue_ids=torch.arange(n_tissues)[None])
    return int(counter.get_total_flops())


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({}, (40, 30, 10, 4)),
        ({}, (9, 50, 3, 1)),
        ({}, (120, 10, 2, 5)),
        ({"use_context": False}, (40, 30, 10, 4)),
        ({"only_cross_attention": True}, (40, 30, 10, 4)),
        ({"gene_pooling": "start_token"}, (40, 30, 10, 4)),
        ({"gene_pooling": "mean", "head_type": "linear"}, (40, 30, 10, 4)),
        ({"add_context_to_cres": True}, (40, 30, 10, 4)),
        ({"use_bigger_head": False, "hidden_size": 64, "num_attention_heads": 4}, (20, 50, 30, 2)),
    ],
)
def test_torch_counts_the_same(changes: dict[str, Any], sizes: tuple[int, int, int, int]) -> None:
    config = VariantFormerConfig(
        encoder_config=VariantFormerEncoderConfig(vocab_size=50, token_length=50, **ENCODER),
        tissues=list("abcdef"),
        **{**EXPRESSION, **changes},
    )
    n_cres, cre_tokens, n_windows, n_tissues = sizes
    given = {"cre_tokens": cre_tokens, "n_windows": n_windows, "n_tissues": n_tissues}
    estimate = estimate_flops(config, n_cres, **given)
    assert counted(config, *sizes) == pytest.approx(estimate.total, rel=0.1)
    width = config.encoder_config.hidden_size  # type: ignore[union-attr]
    stored = estimate_flops(config, n_cres, encoded_cres=0, **given)
    assert stored.element_encoder == 0
    assert counted(config, *sizes, cre_embeds=torch.zeros(1, n_cres, width)) == pytest.approx(stored.total, rel=0.1)


@pytest.mark.slow
def test_torch_counts_the_same_at_full_width() -> None:
    encoder = VariantFormerEncoderConfig(vocab_size=50, num_hidden_layers=1)
    config = VariantFormerConfig(encoder_config=encoder, num_hidden_layers=2)
    estimate = estimate_flops(config, 150, cre_tokens=90, n_windows=20, n_tissues=2)
    assert counted(config, 150, 90, 20, 2) == pytest.approx(estimate.total, rel=0.1)


def test_the_table_that_the_design_rests_on() -> None:
    rows = {name: [value / 1e12 for value in values] for name, *values in flops_table(VariantFormerConfig())}
    assert rows["element_encoder"] == pytest.approx([19.0, 9.2, 0.19], abs=0.06)
    assert rows["gene_encoder"] == pytest.approx([2.7, 2.7, 2.7], abs=0.05)
    assert rows["cre_stream"] == pytest.approx([2.2 * 62, 1.6, 1.6], rel=0.03)
    assert rows["cre_keys_values"] == pytest.approx([0.33 * 62, 0.33, 0.33], rel=0.02)
    assert rows["gene_stream"] == pytest.approx([0.24 * 62] * 3, rel=0.02)
    assert rows["total"] == pytest.approx([191, 29, 20], rel=0.03)
    one = estimate_released_flops(VariantFormerConfig(), 1_400, n_tissues=1)
    assert (one.cre_stream + one.cre_keys_values + one.gene_stream) / 1e12 == pytest.approx(2.2 + 0.33 + 0.24, rel=0.02)
