"""Hyper-parameters of released checkpoints become configurations, or one clear error; nothing is guessed."""

from typing import Any

import pytest

from variantformer_hf.conversion.variantformer.hyperparameters import (
    encoder_config_from_released,
    expression_config_from_released,
)
from variantformer_hf.errors import CheckpointError
from variantformer_hf.modeling import VariantFormerEncoderConfig

ENCODER = {"embedding_dim": 16, "num_heads": 4, "num_layers": 2, "num_tissues": 3}
MODEL = {"emb_dim": 24, "num_heads": 6, "num_layers": 3, "token_dim": 16}


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("cross_entropy", ("cross_entropy", 2.0, None)),
        (["cross_entropy", 0], ("cross_entropy", 2.0, None)),
        (["focal", 1.5], ("focal", 1.5, None)),
        (["focal"], ("focal", 2.0, None)),
        (["weighted", [0.2, 0.8]], ("weighted_cross_entropy", 2.0, [0.2, 0.8])),
    ],
)
def test_losses_of_the_encoder(stored: Any, expected: tuple[Any, ...]) -> None:
    config = encoder_config_from_released(ENCODER | {"loss_fn": stored})
    assert (config.loss_function, config.focal_gamma, config.class_weights) == expected


@pytest.mark.parametrize(
    ("stored", "expected"), [("mse", "mse"), ("poisson_nll", "poisson_nll"), ("PoissonNLLLoss", "poisson_nll")]
)
def test_losses_of_the_expression_model(stored: str, expected: str) -> None:
    encoder = encoder_config_from_released(ENCODER)
    assert expression_config_from_released(MODEL | {"loss_fn": stored}, encoder, ["a"]).loss_function == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss_fn": ["hinge", 1]}, "loss_fn 'hinge'"),
        ({"loss_fn": ["cross_entropy", 0.1]}, "loss_fn"),
        ({"loss_fn": ["weighted", [0.1, 0.2, 0.7]]}, "class_weights has 3 values"),
        ({"seq_pool": "attention"}, "pooling='attention'"),
        ({"dilation": 2}, "dilation"),
    ],
    ids=str,
)
def test_encoders_that_no_model_here_is(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        encoder_config_from_released(ENCODER | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss_fn": "huber"}, "loss_fn 'huber'"),
        ({"token_dim": 32}, "width 32"),
        ({"concat_tissue_context_genes": True}, "concat_tissue_context_genes"),
        ({"gene_pooling": "attention"}, "gene_pooling='attention'"),
        ({"rotary": True}, "rotary"),
    ],
    ids=str,
)
def test_expression_models_that_no_model_here_is(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        expression_config_from_released(MODEL | changes, encoder_config_from_released(ENCODER), ["a"])


def test_one_encoder_config_serves_the_expression_model() -> None:
    encoder = encoder_config_from_released(ENCODER | {"seq_pool": "mean", "use_flash": True, "learning_rate": 1e-4})
    config = expression_config_from_released(MODEL | {"flash_attn_3": False}, encoder, ["a", None])
    assert isinstance(config.encoder_config, VariantFormerEncoderConfig)
    assert config.encoder_config.pooling == "mean"
    assert config.tissues == ["a", None]
