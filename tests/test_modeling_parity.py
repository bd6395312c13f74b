"""Outputs, losses and gradients of the released implementation, in float32 on the CPU."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from variantformer_hf.conversion.variantformer.hyperparameters import (
    encoder_config_from_released,
    expression_config_from_released,
)
from variantformer_hf.conversion.variantformer.lightning import read_lightning_checkpoint
from variantformer_hf.conversion.variantformer.names import encoder_parameter_name, expression_parameter_name
from variantformer_hf.modeling import VariantFormerForChromatinActivity, VariantFormerForExpression

pytestmark = pytest.mark.shared
TOLERANCE = {"atol": 2e-5, "rtol": 0}


def expression_model(parity: Path, attention: str) -> VariantFormerForExpression:
    encoder = read_lightning_checkpoint(parity / "full/pretrained_tokenizers_checkpoint.pth")
    checkpoint = read_lightning_checkpoint(parity / "full/v4_tiny_checkpoint.pth")
    config = expression_config_from_released(
        checkpoint.hyper_parameters, encoder_config_from_released(encoder.hyper_parameters), [None] * 63
    )
    model = VariantFormerForExpression(config).eval()
    state = {expression_parameter_name(name): tensor for name, tensor in checkpoint.state_dict.items()}
    state.pop(None)
    model.load_state_dict(state)
    model.set_attn_implementation(attention)
    return model


def full_case(case: dict[str, torch.Tensor], sample: int) -> dict[str, torch.Tensor]:
    return {
        "cre_input_ids": case[f"cre_ids.{sample}"][None],
        "cre_attention_mask": ~case[f"cre_padding.{sample}"][None],
        "cre_class_ids": case[f"cre_class.{sample}"][None],
        "gene_input_ids": case[f"gene_ids.{sample}"][None],
        "gene_attention_mask": ~case[f"gene_padding.{sample}"][None],
        "tissue_ids": case[f"tissue.{sample}"][None],
        "cre_positions": case["cre_token_position"][sample][None],
        "gene_positions": case["gene_token_position"][sample][None],
    }


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_encoder(parity: Path, attention: str) -> None:
    checkpoint = read_lightning_checkpoint(parity / "encoder/pretrained_tokenizers_checkpoint.pth")
    model = VariantFormerForChromatinActivity(encoder_config_from_released(checkpoint.hyper_parameters)).eval()
    model.load_state_dict({encoder_parameter_name(name): tensor for name, tensor in checkpoint.state_dict.items()})
    model.set_attn_implementation(attention)
    case = load_file(parity / "encoder/encoder_case.safetensors")
    output = model(case["input_ids"], ~case["padding_mask"], case["tissue"], labels=case["label"])
    for found, name in (
        (output.logits, "logits"),
        (output.embeddings, "embedding"),
        (output.loss, "loss"),
        (output.loss, "log.train_loss"),
        (output.contrastive_loss, "log.logit_loss"),
        (output.contrastive_weight, "log.fraction"),
    ):
        torch.testing.assert_close(found, case[name], **TOLERANCE, msg=lambda text, name=name: f"{name}: {text}")
    output.loss.backward()
    gradients = {name.removeprefix("grad."): value for name, value in case.items() if name.startswith("grad.")}
    parameters = dict(model.named_parameters())
    assert gradients
    for name, gradient in gradients.items():
        torch.testing.assert_close(parameters[encoder_parameter_name(name)].grad, gradient, **TOLERANCE)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_expression_model(parity: Path, attention: str) -> None:
    model = expression_model(parity, attention)
    case = load_file(parity / "full/full_case.safetensors")
    outputs = [model(**full_case(case, sample)) for sample in range(3)]
    predicted = torch.cat([output.logits[0] for output in outputs])
    torch.testing.assert_close(predicted, case["pred"][:, 0], **TOLERANCE)
    torch.testing.assert_close(torch.cat([output.embeddings[0] for output in outputs]), case["embedding"], **TOLERANCE)
    of_genes = torch.cat([output.gene_token_embeddings[0, :, 0] for output in outputs])
    torch.testing.assert_close(of_genes, case["gene_token_embedding"], **TOLERANCE)
    of_cres = torch.cat([o.cre_token_embeddings[0].expand(o.logits.shape[1], -1) for o in outputs])
    torch.testing.assert_close(of_cres, case["cre_token_embedding"], **TOLERANCE)

    loss = model.loss(predicted, case["target"][:, 0])
    torch.testing.assert_close(loss, case["poisson_nll"], **TOLERANCE)
    loss.backward()
    gradients = {name.removeprefix("grad."): value for name, value in case.items() if name.startswith("grad.")}
    parameters = dict(model.named_parameters())
    assert gradients
    for name, gradient in gradients.items():
        torch.testing.assert_close(parameters[expression_parameter_name(name)].grad, gradient, **TOLERANCE)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_bfloat16_is_near(parity: Path, attention: str) -> None:
    model = expression_model(parity, attention).to(torch.bfloat16)
    case = load_file(parity / "full/full_case.safetensors")
    with torch.no_grad():
        predicted = torch.cat([model(**full_case(case, sample)).logits[0] for sample in range(3)])
    assert (predicted - case["pred"][:, 0]).abs().max() < 0.02
