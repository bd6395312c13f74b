"""Names of a DNABERT-2's tensors, as its authors' code saves them, and here."""

import re

# The word embedding, and its second name.
WORDS, DECODER = "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"
_EMBEDDINGS = {"word_embeddings": "word", "token_type_embeddings": "token_type", "LayerNorm": "norm"}
_LAYER = {
    "attention.self.Wqkv": "attention.qkv",
    "attention.output.dense": "attention.out",
    "attention.output.LayerNorm": "attention_norm",
    "mlp.gated_layers": "feed_forward.up",
    "mlp.wo": "feed_forward.down",
    "mlp.layernorm": "feed_forward_norm",
}
_HEAD = {"transform.dense": "dense", "transform.LayerNorm": "norm", "decoder": "decoder"}


def parameter_name(published: str) -> str:
    """Name in UkBioBertForMaskedLM of a tensor of DNABERT-2.

    Raises:
        KeyError: not a tensor of that layout.
    """
    stem, _, tensor = published.rpartition(".")
    if tensor not in ("weight", "bias"):
        raise KeyError(published)
    embedding = re.fullmatch(r"bert\.embeddings\.(\w+)", stem)
    if embedding:
        return f"model.embeddings.{_EMBEDDINGS[embedding[1]]}.{tensor}"
    layer = re.fullmatch(r"bert\.encoder\.layer\.(\d+)\.(.+)", stem)
    if layer:
        return f"model.layers.{layer[1]}.{_LAYER[layer[2]]}.{tensor}"
    head = re.fullmatch(r"cls\.predictions\.(.+)", stem)
    if head:
        return f"head.{_HEAD[head[1]]}.{tensor}"
    raise KeyError(published)
