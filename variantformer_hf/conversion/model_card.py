"""The README.md of a converted model folder: what the converter knows, and what a reader must know."""

from typing import TYPE_CHECKING, Any

from huggingface_hub import ModelCardData

if TYPE_CHECKING:
    from .variantformer import ConversionSummary

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
    summary: "ConversionSummary", config: Any, *, n_genes: int | None = None, n_cres: int | None = None
) -> str:
    """Text of the card: YAML metadata, what was converted, how to use it, limits.

    Args:
        summary: what the conversion wrote.
        config: the model's config.
        n_genes, n_cres: sizes of the tables in the folder, for expression models.
    """
    metadata = ModelCardData(
        library_name="transformers",
        tags=["biology", "genomics", "gene-expression", "personal-genome", config.model_type],
    )
    facts = [
        f"- Class: `{summary.architecture}`",
        f"- Parameters: {summary.n_parameters:,} ({str(config.dtype).removeprefix('torch.')})",
        f"- Layers: {config.num_hidden_layers}; width: {config.hidden_size}; heads: {config.num_attention_heads}",
    ]
    if n_genes is not None:
        facts.append(
            f"- Tissues: {sum(name is not None for name in config.tissues)}; genes: {n_genes:,}; cCREs: {n_cres:,}"
        )
    facts += [f"- Left out of the checkpoint: {reason} ({count})" for reason, count in sorted(summary.dropped.items())]
    body = [
        f"# {summary.output.name}",
        "Converted from a released VariantFormer checkpoint by `variantformer convert`.",
        "\n".join(facts),
    ]
    if n_genes is not None:
        body.append(_USE.format(folder=summary.output.name))
    return f"---\n{metadata.to_yaml()}\n---\n\n" + "\n\n".join(body).rstrip() + "\n"
