"""The models' arithmetic written out a second time, one gene and one tissue at a time, without masks or batches.

Only for tests: slow, plain, and written from the description of the released checkpoints, not from the package's code.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch

Weights = Mapping[str, torch.Tensor]


def linear(x: torch.Tensor, w: Weights, name: str) -> torch.Tensor:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def layer_norm(x: torch.Tensor, w: Weights, name: str) -> torch.Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def gelu(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def slopes(n_heads: int) -> list[float]:
    if n_heads & (n_heads - 1) == 0:
        return [2 ** (-8 * (i + 1) / n_heads) for i in range(n_heads)]
    below = 2 ** int(math.log2(n_heads))
    return slopes(below) + slopes(2 * below)[::2][: n_heads - below]


def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, n_heads: int, alibi: str | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(Q, D), (K, D), (K, D) -> (Q, D) and weights (heads, Q, K); ``alibi``: None, "self" or "cross"."""
    size = q.shape[1] // n_heads
    outputs, all_weights = [], []
    for head in range(n_heads):
        part = slice(head * size, (head + 1) * size)
        scores = q[:, part] @ k[:, part].T / math.sqrt(size)
        if alibi:
            shift = len(k) - len(q) if alibi == "cross" else 0
            for i in range(len(q)):
                for j in range(len(k)):
                    scores[i, j] = scores[i, j] - slopes(n_heads)[head] * abs(i + shift - j)
        weights = torch.exp(scores - scores.max(-1, keepdim=True).values)
        weights = weights / weights.sum(-1, keepdim=True)
        outputs.append(weights @ v[:, part])
        all_weights.append(weights)
    return torch.cat(outputs, 1), torch.stack(all_weights)


def layer(
    x: torch.Tensor,
    w: Weights,
    n_heads: int,
    *,
    context: torch.Tensor | None = None,
    self_attention: bool = True,
    alibi: bool = True,
    cross_alibi: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """One layer; also the weights of its cross-attention."""
    attended, weights = x, None
    if self_attention:
        q, k, v = linear(layer_norm(attended, w, "attention_norm"), w, "attention.qkv").chunk(3, dim=-1)
        attended = attended + linear(attention(q, k, v, n_heads, "self" if alibi else None)[0], w, "attention.out")
    if context is not None:
        q = linear(layer_norm(attended, w, "cross_attention_norm"), w, "cross_attention.query")
        k, v = linear(context, w, "cross_attention.key_value").chunk(2, dim=-1)
        output, weights = attention(q, k, v, n_heads, "cross" if cross_alibi and alibi else None)
        attended = attended + linear(output, w, "cross_attention.out")
    value, gate = linear(layer_norm(attended, w, "feed_forward_norm"), w, "feed_forward.up").chunk(2, dim=-1)
    return x + linear(value * gelu(gate), w, "feed_forward.down"), weights


def part(w: Weights, prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in w.items() if name.startswith(prefix)}


def encode(ids: torch.Tensor, w: Weights, config: Any, context_id: int | None = None) -> torch.Tensor:
    """Token ids of one sequence without padding -> its vector."""
    x = w["token_embedding.weight"][ids]
    if config.positional_encoding == "sinusoidal":
        width = x.shape[1]
        for position in range(len(x)):
            for column in range(width):
                angle = position / 10_000 ** ((column - column % 2) / width)
                x[position, column] += math.sin(angle) if column % 2 == 0 else math.cos(angle)
    context = None if context_id is None else w["context_embedding.weight"][context_id][None]
    for index in range(config.num_hidden_layers):
        alibi = config.positional_encoding == "alibi"
        x, _ = layer(x, part(w, f"layers.{index}."), config.num_attention_heads, context=context, alibi=alibi)
    if config.pooling == "mean":
        return x.mean(0)
    if config.pooling == "max":
        return x.max(0).values
    return (x * w["pooling.weight"][0, : len(x), None]).sum(0) + w["pooling.bias"]


def predict(
    cres: list[torch.Tensor], classes: list[int], windows: list[torch.Tensor], tissue: int, w: Weights, config: Any
) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """log1p TPM, embedding, and the tissue token's attention over the cCREs layer by layer."""
    c = config
    m = part(w, "model.")

    def project(vectors: torch.Tensor, name: str) -> torch.Tensor:
        return linear(vectors, m, name) if f"{name}.weight" in m else vectors

    encoder = c.encoder_config
    x = project(torch.stack([encode(ids, part(m, "cre_encoder."), encoder) for ids in cres]), "cre_projection")
    g = project(torch.stack([encode(ids, part(m, "gene_encoder."), encoder) for ids in windows]), "gene_projection")
    if c.add_context_to_cres:
        x = x + m["tissue_embedding.weight"][tissue]
    if c.gene_pooling == "multi_registry":
        g = torch.cat([m["tissue_embedding.weight"][tissue][None], g])
    elif c.gene_pooling == "start_token":
        g = torch.cat([m["start_embedding.weight"], g])
    annotations = m["cre_class_embedding.weight"][classes] if c.use_context else None
    n_heads, g0, attentions = c.num_attention_heads, g, []
    for index in range(c.num_hidden_layers):
        if index:
            x, _ = layer(
                x,
                part(m, f"cre_layers.{index - 1}."),
                n_heads,
                context=annotations,
                self_attention=not (c.only_cross_attention and c.use_context),
                alibi=c.use_alibi,
            )
        g, weights = layer(
            g,
            part(m, f"gene_layers.{index}."),
            n_heads,
            context=x,
            self_attention=not c.only_cross_attention,
            alibi=c.use_alibi,
            cross_alibi=c.cross_alibi,
        )
        assert weights is not None
        attentions.append(weights[:, 0])
        if c.use_res:
            g = g + g0
    pooled = {"max": g.max(0).values, "mean": g.mean(0)}.get(c.gene_pooling, g[0])
    h = part(w, f"head.{tissue}.layers." if c.multi_head else "head.layers.")
    if c.head_type == "linear":
        out = linear(pooled, h, "0")
    elif c.use_bigger_head:
        out = linear(gelu(linear(gelu(layer_norm(linear(pooled, h, "0"), h, "1")), h, "4")), h, "6")
    else:
        out = linear(gelu(linear(pooled, h, "0")), h, "2")
    if c.loss_function == "poisson_nll":
        out = torch.log1p(torch.exp(out))
    return out[0], pooled, attentions
