"""What all VariantFormer models can do: first weights, saving with code and hashes, compiling layer by layer."""

from os import PathLike
from pathlib import Path
from stat import S_IMODE
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init

from .configuration_variantformer import record_written
from .layers_variantformer import VariantFormerLayer


class VariantFormerPreTrainedModel(PreTrainedModel):
    """Weights' initialisation, and what the models can do."""

    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["VariantFormerLayer"]
    _supports_sdpa = True
    _supports_flash_attn = False
    _supports_flex_attn = False

    def save_pretrained(self, save_directory: str | PathLike[str], **options: Any) -> None:
        """Write config, code and weights into a folder; options as of ``PreTrainedModel``.

        Weights get the mode of the config beside them: safetensors writes for the file's owner alone.
        """
        super().save_pretrained(save_directory, **options)
        folder = Path(save_directory)
        for weights in folder.glob("model*.safetensors"):
            weights.chmod(S_IMODE((folder / "config.json").stat().st_mode))
        if (folder / "config.json").is_file():  # which one process of several writes
            record_written(folder)

    def compile_layers(self, **options: Any) -> None:
        """Compile every layer in place with ``torch.compile``; the first batches are slow, and shapes may change after.

        Args:
            **options: of ``torch.compile``, e.g. ``backend``, ``mode``.
        """
        for module in self.modules():
            if isinstance(module, VariantFormerLayer):
                module.compile(**{"dynamic": True, **options})

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        std = self.config.initializer_range
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, mean=0.0, std=std)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, mean=0.0, std=std)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
