"""What a Variformer's folder holds, and what is checked of it before it is published."""

from typing import TYPE_CHECKING, ClassVar

from ...folder import GENES_FILE
from ..window.folder import WindowFolder

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class VariformerFolder(WindowFolder):
    """Rules of Variformer's folders."""

    files: ClassVar[tuple[str, ...]] = (GENES_FILE, "processor_config.json")
    companions: ClassVar[tuple[str, ...]] = (GENES_FILE,)

    def architecture(self) -> "type[PreTrainedModel]":
        """The class that is loaded."""
        from ...modeling import VariformerForExpression

        return VariformerForExpression

    def numbers(self, network: "PreTrainedModel", dna: "torch.Tensor") -> "torch.Tensor":
        """Predictions."""
        found: torch.Tensor = network(dna).logits
        return found


EXPRESSION = VariformerFolder()
