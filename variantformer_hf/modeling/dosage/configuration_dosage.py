"""Configuration of models that read how many copies of variants a person carries."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from ..variantformer.configuration_variantformer import check_choices, refuse_misspelled

# Around what a gene's variants are looked for: the gene, or the base at which it starts (of '-', ends).
ANCHORS = ("gene", "start")


@strict
class DosageConfig(PreTrainedConfig):
    """What all models of dosages have.

    Attributes:
        kind: by which recipe it was fitted, such as ``elastic-net``.
        tissues: names of the outputs.
        n_genes: genes that it was fitted to.
        radius: bases on both sides of the anchor in which variants are read.
        anchor: ``gene``, or ``start``: the base at which the gene starts, of a gene on '-' its last one.
        recipe: the options that it was fitted with.
        unit: of the outputs.
        assembly: of the genome that the variants lie on; None = any.
    """

    kind: str = "elastic-net"
    tissues: list[str] | None = None
    n_genes: int = 1
    radius: int = 1_000_000
    anchor: str = "gene"
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
        check_choices(self, {"anchor": ANCHORS})
        if self.n_genes < 1 or self.radius < 0:
            raise ValueError(f"n_genes={self.n_genes} must be at least 1, and radius={self.radius} at least 0")
        if self.tissues is not None and len(set(self.tissues)) < max(1, len(self.tissues)):
            raise ValueError("tissues must name at least one output, and none twice")


@strict
class LinearDosageConfig(DosageConfig):
    """Configuration of :class:`LinearDosageForExpression`.

    Attributes:
        n_weights: weights of all genes and outputs, other than 0 or with an effect.
        has_effects: whether beside each weight stands what a sequence model says of the variant by itself.
        kind, tissues, n_genes, radius, anchor, recipe, unit, assembly: see :class:`DosageConfig`.
    """

    model_type = "dosage_linear"

    n_weights: int = 0
    has_effects: bool = False


@strict
class ForestDosageConfig(DosageConfig):
    """Configuration of :class:`ForestDosageForExpression`.

    Attributes:
        n_nodes, n_trees: of all genes.
        kind, tissues, n_genes, radius, anchor, recipe, unit, assembly: see :class:`DosageConfig`.
    """

    model_type = "dosage_forest"

    n_nodes: int = 0
    n_trees: int = 0
