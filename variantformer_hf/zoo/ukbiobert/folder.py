"""What a UKBioBERT's folder holds, and what is checked of it before it is published."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..model_folder import ModelFolder, check_twice

if TYPE_CHECKING:
    from ..gene_model import GeneModel


class TokenFolder(ModelFolder):
    """Rules of the folders: config, weights and tokenizer."""

    files: ClassVar[tuple[str, ...]] = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
    companions: ClassVar[tuple[str, ...]] = ("tokenizer.json",)

    def check(self, folder: Path, kind: "type[GeneModel] | None") -> None:
        """Load it in float32 and encode random DNA twice, see :class:`ModelFolder`."""
        import numpy as np
        import torch
        from transformers import AutoTokenizer

        from ...modeling import UkBioBertForMaskedLM
        from ..model_files import load_strictly

        model = load_strictly(UkBioBertForMaskedLM, folder, dtype=torch.float32).eval()
        bases = "".join(np.random.default_rng(0).choice(list("ACGT"), 512))
        inputs = AutoTokenizer.from_pretrained(folder)(bases, return_tensors="pt")
        check_twice(folder, lambda: model(inputs["input_ids"], inputs["attention_mask"]).logits)


TOKENS = TokenFolder()
