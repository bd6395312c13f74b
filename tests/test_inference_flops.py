"""The arithmetic of a prediction: against torch's counter, and against the table that the design rests on."""

from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from variantformer_hf.inference.flops import (
    FlopTable,
    estimate_flops,
    estimate_released_flops,
    flops_table,
)
from variantformer_hf.modeling import VariantFormerConfig, VariantFormerEncoderConfig, VariantFormerForExpression
from variantformer_hf.modeling.variantformer.modeling_variantformer import VariantFormerEncoder, VariantFormerModel

MID = Path(__file__).parents[1] / "benchmarks" / "configs" / "mid.json"
FULL = {"n_cres": 1_400, "n_windows": 200, "n_tissues": 62}


def small_config(encoder: dict | None = None, **changes) -> VariantFormerConfig:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    own = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
    return VariantFormerConfig(
        encoder_config=VariantFormerEncoderConfig(**(sizes | {"token_length": 40} | (encoder or {}))),
        **(own | {"tissues": [f"t{index}" for index in range(8)]} | changes),
    )


def counted(work) -> float:
    """Operations that torch counts."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        work()
    return counter.get_total_flops()


def tokens(n_sequences: int, length: int, total: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(1, n, total) ids and masks of sequences of one length, padded."""
    mask = torch.zeros(1, n_sequences, total, dtype=torch.long)
    mask[..., :length] = 1
    return torch.randint(18, 500, (1, n_sequences, total)) * mask, mask


@pytest.mark.parametrize("n_tissues", [1, 8])
@pytest.mark.parametrize(("n_cres", "cre_tokens", "n_windows", "window_tokens"), [(30, 11, 7, 40), (12, 40, 25, 23)])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"use_context": False},
        {"only_cross_attention": True},
        {"gene_pooling": "start_token"},
        {"gene_pooling": "mean", "head_type": "linear"},
        {"add_context_to_cres": True, "use_bigger_head": False},
        {"multi_head": True, "cre_classes": ["PLS", "dELS"]},
        {"hidden_size": 32, "intermediate_size": 128, "encoder": {"pooling": "mean"}},
    ],
    ids=str,
)
def test_torch_counts_the_same(changes, n_cres, cre_tokens, n_windows, window_tokens, n_tissues):
    """The whole model on tokens, padding around them."""
    config = small_config(**changes)
    # Eager attention is made of plain matrix products, which are counted on every device.
    model = VariantFormerForExpression._from_config(config, attn_implementation="eager").eval()
    cre_ids, cre_mask = tokens(n_cres, cre_tokens, 40)
    gene_ids, gene_mask = tokens(n_windows, window_tokens, 40)
    found = counted(
        lambda: model(
            cre_input_ids=cre_ids,
            cre_attention_mask=cre_mask,
            cre_class_ids=torch.randint(0, len(config.cre_classes), (1, n_cres)),
            gene_input_ids=gene_ids,
            gene_attention_mask=gene_mask,
            tissue_ids=torch.arange(n_tissues)[None],
        )
    )
    estimate = estimate_flops(
        config,
        n_cres,
        cre_tokens=cre_tokens,
        n_windows=n_windows,
        window_tokens=window_tokens,
        n_tissues=n_tissues,
    )
    assert estimate.total == pytest.approx(found, rel=0.1)


def test_the_released_streams_are_counted_by_torch_too():
    """In training, with a key per element, and one tissue at a time, our layers do what the released ones do."""
    config = small_config(attention_dropout=0.5)
    with torch.device("meta"):
        model = VariantFormerModel._from_config(config, attn_implementation="eager").train()
        cres, windows = torch.empty(1, 300, 48), torch.empty(1, 20, 48)
        classes, tissue = torch.zeros(1, 300, dtype=torch.long), torch.zeros(1, 1, dtype=torch.long)
        found = 5 * counted(lambda: model.run_streams(cres, windows, classes, tissue))
    released = estimate_released_flops(config, 300, n_windows=20, n_tissues=5)
    streams = released.cre_stream + released.cre_keys_values + released.gene_stream
    assert streams == pytest.approx(found, rel=0.1)


@pytest.mark.parametrize("n_tissues", [1, 62])
def test_torch_counts_the_same_in_the_full_size_streams(n_tissues):
    """Without weights or numbers: on the meta device."""
    config = VariantFormerConfig()
    with torch.device("meta"):
        model = VariantFormerModel._from_config(config, attn_implementation="eager").eval()
        cres, windows = torch.empty(1, 1_400, 1_536), torch.empty(1, 200, 1_536)
        classes, tissues = torch.zeros(1, 1_400, dtype=torch.long), torch.zeros(1, n_tissues, dtype=torch.long)
        found = counted(lambda: model.run_streams(cres, windows, classes, tissues))
    estimate = estimate_flops(config, 1_400, n_tissues=n_tissues)
    assert estimate.cre_stream + estimate.cre_keys_values + estimate.gene_stream == pytest.approx(found, rel=0.02)


@pytest.mark.parametrize("length", [100, 200])
def test_torch_counts_the_same_in_the_full_size_encoder(length):
    config = VariantFormerConfig()
    encoder = VariantFormerEncoder._from_config(config.encoder_config, attn_implementation="eager").eval()
    ids, mask = tokens(2, length, 200)
    found = counted(lambda: encoder(ids[0], mask[0]))
    assert estimate_flops(config, 2, cre_tokens=length).element_encoder == pytest.approx(found, rel=0.02)
    assert estimate_flops(config, 9, n_windows=2, window_tokens=length).gene_encoder == pytest.approx(found, rel=0.02)


def test_the_table_of_the_design_is_reproduced():
    """One gene of the released model, TFLOP, to the digits that the design states."""
    rows = {row.part: row for row in flops_table(VariantFormerConfig())}
    assert list(rows) == [
        "element encoder",
        "gene encoder",
        "cre stream",
        "cre keys values",
        "gene stream",
        "head",
        "total",
    ]

    def tera(part: str, digits: int) -> tuple[float, float, float]:
        row = rows[part]
        return tuple(round(value / 1e12, digits) for value in (row.released, row.without_store, row.with_store))

    assert tera("element encoder", 0)[0] == 19
    assert tera("element encoder", 1)[1:] == (pytest.approx(9.2, abs=0.051), 0.2)
    assert tera("gene encoder", 1) == (2.7, 2.7, 2.7)
    assert round(rows["cre stream"].released / 62e12, 1) == 2.2
    assert tera("cre stream", 1)[1:] == (1.6, 1.6)
    assert round(rows["cre keys values"].released / 62e12, 2) == 0.33
    assert tera("cre keys values", 2)[1:] == (0.33, 0.33)
    assert round(rows["gene stream"].released / 62e12, 2) == 0.24
    assert tera("gene stream", 0) == (15, 15, 15)
    assert tera("total", 0) == (191, 29, 20)


@pytest.mark.parametrize("config", [VariantFormerConfig(), small_config()], ids=["full", "small"])
def test_a_total_is_the_sum_of_its_parts(config):
    table = estimate_flops(config, 50)
    assert table.total == sum(getattr(table, field.name) for field in fields(FlopTable))
    assert all(getattr(table, field.name) > 0 for field in fields(FlopTable))


def test_a_store_saves_only_what_is_encoded():
    config = VariantFormerConfig()
    cold, warm = estimate_flops(config, 1_000), estimate_flops(config, 1_000, encoded_cres=10)
    assert warm.element_encoder == pytest.approx(cold.element_encoder / 100)
    assert cold.total - warm.total == pytest.approx(cold.element_encoder - warm.element_encoder)
    assert estimate_flops(config, 1_000, encoded_cres=0).element_encoder == 0


def test_the_mid_size_config_of_the_benchmark_keeps_the_released_proportions():
    full, mid = VariantFormerConfig(), VariantFormerConfig.from_json_file(MID)
    assert (mid.num_hidden_layers, mid.hidden_size, mid.num_attention_heads, mid.num_tissues) == (12, 768, 12, 62)
    encoder = mid.encoder_config
    assert (encoder.num_hidden_layers, encoder.hidden_size, encoder.token_length) == (6, 256, 200)
    assert mid.intermediate_size / mid.hidden_size == full.intermediate_size / full.hidden_size
    assert (
        encoder.intermediate_size / encoder.hidden_size
        == full.encoder_config.intermediate_size / full.encoder_config.hidden_size
    )
