"""The README.md of a converted model folder: the model's card, and what the converter knows of this copy."""

from importlib import resources
from typing import Any

from huggingface_hub import ModelCardData

from ..summary import ConversionSummary

_MARK = "<!-- this copy -->"
# Without the classifiers of the encoders, which an expression model does not use.
_RELEASED_PARAMETERS = 1_227_283_859
_CARD_OF_GENES = {18_439: "variantformer-pcg", 51_061: "variantformer-ag"}
_RELEASED_ENCODER_PARAMETERS = 31_826_153
_USE = """## Use

```python
from variantformer_hf import ExpressionPredictor

predictor = ExpressionPredictor.from_pretrained("{folder}")
table = predictor.predict(fasta="GRCh38.fa", vcf="person.vcf.gz", genes=["APOE"], tissues=["whole blood"])
```

Outputs are log1p(TPM) and TPM; the tissue `blood` is on the scale of a microarray.

## Limits

- GRCh38 autosomes. A gene's first 40,000 tokens (about 150 kb) and the cCREs within 1 Mb are seen, nothing else.
- Research use only: predictions are not evidence for a clinical decision.
- In the default mode a heterozygous insertion or deletion is read as homozygous, as in the released pipeline.
"""


def model_card(
    summary: ConversionSummary, config: Any, *, n_genes: int | None = None, n_cres: int | None = None
) -> str:
    """Text of the card.

    A released model gets its card of the zoo with a section about this copy; any other a short one, which says what was
    converted and has to be completed before it is published.

    Args:
        summary: what the conversion wrote.
        config: the model's config.
        n_genes, n_cres: sizes of the tables in the folder, for expression models.
    """
    facts = _facts(summary, config, n_genes, n_cres)
    name = released_card(summary.n_parameters, n_genes)
    if name is not None:
        card = resources.files("variantformer_hf").joinpath("model_cards", f"{name}.md").read_text(encoding="utf-8")
        return card.replace(_MARK, f"## This copy\n\n{facts}")
    metadata = ModelCardData(
        library_name="transformers",
        tags=["biology", "genomics", "gene-expression", "personal-genome", config.model_type],
    )
    body = [
        f"# {summary.output.name}",
        "Converted from a released VariantFormer checkpoint by `variantformer convert`.",
        facts,
    ]
    if n_genes is not None:
        body.append(_USE.format(folder=summary.output.name))
    return f"---\n{metadata.to_yaml()}\n---\n\n" + "\n\n".join(body).rstrip() + "\n"


def released_card(n_parameters: int, n_genes: int | None) -> str | None:
    """Name of the card of a released model, told by its size and its genes; None for any other model."""
    if n_parameters == _RELEASED_PARAMETERS and n_genes is not None:
        return _CARD_OF_GENES.get(n_genes)
    return "variantformer-encoder" if n_genes is None and n_parameters == _RELEASED_ENCODER_PARAMETERS else None


def _facts(summary: ConversionSummary, config: Any, n_genes: int | None, n_cres: int | None) -> str:
    facts = [
        "Written by `variantformer convert`.",
        "",
        f"- Class: `{summary.architecture}`",
        f"- Parameters: {summary.n_parameters:,} ({str(config.dtype).removeprefix('torch.')})",
        f"- Layers: {config.num_hidden_layers}; width: {config.hidden_size}; heads: {config.num_attention_heads}",
    ]
    if n_genes is not None:
        facts.append(
            f"- Tissues: {sum(name is not None for name in config.tissues)}; genes: {n_genes:,}; cCREs: {n_cres:,}"
        )
    facts += [f"- Left out of the checkpoint: {reason} ({count})" for reason, count in sorted(summary.dropped.items())]
    facts += [f"- SHA-256 of `{name}`: `{digest}`" for name, digest in summary.sha256.items()]
    facts += [f"- SHA-256 of the released `{name}`: `{digest}`" for name, digest in summary.source_sha256.items()]
    facts.append(f"- Parity: {summary.parity}")
    return "\n".join(facts)
