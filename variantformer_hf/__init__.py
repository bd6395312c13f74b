"""Gene expression predicted from a person's own genome.

The public names below are loaded on first use: ``import variantformer_hf`` loads neither torch nor transformers.
"""

from typing import TYPE_CHECKING

from .lazy_names import lazy_names
from .version import __version__

_MODULE_OF_NAME = {
    "ReferenceGenome": "variantformer_hf.genome",
    "PersonalGenome": "variantformer_hf.genome",
    "Variant": "variantformer_hf.genome",
    "GenotypeEdit": "variantformer_hf.genome",
    "EditedGenome": "variantformer_hf.genome",
    "GeneTable": "variantformer_hf.genome",
    "CreTable": "variantformer_hf.genome",
    "DnaTokenizer": "variantformer_hf.tokenization",
    "VariantFormerConfig": "variantformer_hf.modeling",
    "VariantFormerEncoder": "variantformer_hf.modeling",
    "VariantFormerForChromatinActivity": "variantformer_hf.modeling",
    "VariantFormerModel": "variantformer_hf.modeling",
    "VariantFormerForExpression": "variantformer_hf.modeling",
    "VariantFormerProcessor": "variantformer_hf.modeling",
    "ExpressionPredictor": "variantformer_hf.inference",
    "PredictionDataset": "variantformer_hf.inference",
    "EmbeddingStore": "variantformer_hf.inference",
}

__all__ = [  # noqa: RUF022 -- in the order in which data goes through them
    "ReferenceGenome",
    "PersonalGenome",
    "Variant",
    "GenotypeEdit",
    "EditedGenome",
    "GeneTable",
    "CreTable",
    "DnaTokenizer",
    "VariantFormerConfig",
    "VariantFormerEncoder",
    "VariantFormerForChromatinActivity",
    "VariantFormerModel",
    "VariantFormerForExpression",
    "VariantFormerProcessor",
    "ExpressionPredictor",
    "PredictionDataset",
    "EmbeddingStore",
    "__version__",
]

if TYPE_CHECKING:
    from variantformer_hf.genome import (
        CreTable,
        EditedGenome,
        GeneTable,
        GenotypeEdit,
        PersonalGenome,
        ReferenceGenome,
        Variant,
    )
    from variantformer_hf.inference import EmbeddingStore, ExpressionPredictor, PredictionDataset
    from variantformer_hf.modeling import (
        VariantFormerConfig,
        VariantFormerEncoder,
        VariantFormerForChromatinActivity,
        VariantFormerForExpression,
        VariantFormerModel,
        VariantFormerProcessor,
    )
    from variantformer_hf.tokenization import DnaTokenizer


__getattr__ = lazy_names(__name__, _MODULE_OF_NAME)


def __dir__() -> list[str]:
    return sorted(__all__)
