"""Configuration of models that read a vector of a person's gene, which another network makes."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from ..enformer.configuration_enformer import check_sizes
from ..variantformer.configuration_variantformer import refuse_misspelled


@strict
class EmbeddingConfig(PreTrainedConfig):
    """What all models of vectors have.

    Attributes:
        kind: by which recipe it was fitted, such as ``heads``.
        tissues: names of the outputs.
        genes: names or ids of the genes that it was trained on; None = not known.
        embedding_size: numbers of a vector.
        embedding_window: bases around the gene's TSS that they are of.
        embedding_mode, embedding_pool, embedding_chunk_bases: which vectors they are, as the options of
            ``variantformer embed``; None = not known, and only a file of them can be read.
        embedding_snps_only: of genomes of SNPs alone.
        embedding_model: folder, by its path from the model's, or Hub id of the network that makes them; None = not
            known.
        embedding_sha256: of that network's weights; None = not known.
        recipe: the options that it was fitted with.
        unit: of the outputs.
        assembly: of the genome that it was fitted on; None = any.
    """

    kind: str = "heads"
    tissues: list[str] | None = None
    genes: list[str] | None = None
    embedding_size: int = 3_072
    embedding_mode: str | None = "mean"
    embedding_pool: str | None = "mean"
    embedding_window: int = 196_608
    embedding_chunk_bases: int | None = None
    embedding_snps_only: bool = False
    embedding_model: str | None = None
    embedding_sha256: str | None = None
    recipe: dict[str, Any] | None = None
    unit: str = "log1p_tpm"
    assembly: str | None = "GRCh38"

    def __post_init__(self, **kwargs: Any) -> None:
        refuse_misspelled(self, kwargs)
        self.validate_architecture()
        super().__post_init__(**kwargs)

    @property
    def n_outputs(self) -> int:
        """Numbers that are predicted of a gene."""
        return len(self.tissues or (None,))

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        check_sizes(self, ("embedding_size", "embedding_window"), ())
        if self.tissues is not None and len(set(self.tissues)) < max(1, len(self.tissues)):
            raise ValueError("tissues must name at least one output, and none twice")


@strict
class EmbeddingHeadsConfig(EmbeddingConfig):
    """Configuration of :class:`EmbeddingHeadsForExpression` (VariantFormer, S1.2, which names no width).

    Attributes:
        hidden_size: of the linear map that all outputs share.
        head_sizes: of the two hidden layers of each output's head.
        hidden_dropout: behind each of them.
        layer_norm_eps: of their norms.
        kind, tissues, genes, recipe, unit, assembly, embedding_*: see :class:`EmbeddingConfig`.
    """

    model_type = "embedding_heads"

    hidden_size: int = 512
    head_sizes: list[int] | None = None
    hidden_dropout: float | int = 0.1
    layer_norm_eps: float = 1e-5

    def __post_init__(self, **kwargs: Any) -> None:
        if self.head_sizes is None:
            self.head_sizes = [512, 256]
        super().__post_init__(**kwargs)

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        super().validate_architecture()
        check_sizes(self, ("hidden_size",), ("hidden_dropout",))
        sizes = self.head_sizes or []
        if len(sizes) != 2 or min(sizes) < 1:
            raise ValueError(f"head_sizes={sizes} must be two numbers of at least 1")


@strict
class EmbeddingNetConfig(EmbeddingConfig):
    """Configuration of :class:`EmbeddingNetForExpression`.

    Attributes:
        n_genes: genes that it was fitted to.
        n_weights: weights other than 0, of all genes and outputs.
        kind, tissues, genes, recipe, unit, assembly, embedding_*: see :class:`EmbeddingConfig`.
    """

    model_type = "embedding_net"

    kind: str = "embedding-net"
    n_genes: int = 1
    n_weights: int = 0

    def validate_architecture(self) -> None:
        """Refuse values that the model does not implement."""
        super().validate_architecture()
        check_sizes(self, ("n_genes",), ())
