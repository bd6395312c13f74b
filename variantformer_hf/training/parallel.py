"""How processes share the work: each with the whole model (DDP, by Accelerate), or each with a part (FSDP2, by torch).

Accelerate's own FSDP plugin falls back to DDP on a CPU without a word, so that nothing of it could be tested there;
``fully_shard`` of torch does what it says on any device.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_state_dict,
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from transformers import PreTrainedModel

from ..errors import InputError
from ..folder import as_new_file


class Parallel(Protocol):
    """What the loop needs of either way.

    Attributes:
        model: what is called with batches.
        optimizer: of it.
    """

    model: Any
    optimizer: Any

    def last_batch(self, is_last: bool) -> AbstractContextManager[Any]:
        """Around each batch of a step: gradients are exchanged at the last one."""
        ...

    def backward(self, loss: torch.Tensor) -> None:
        """Gradients of a loss."""
        ...

    def clip(self, limit: float) -> float:
        """Scale the gradient down to a norm; the norm before."""
        ...

    def whole_model(self) -> PreTrainedModel:
        """A model with all parameters, in every process."""
        ...

    def save(self, folder: Path) -> None:
        """Write parameters, optimizer and random numbers."""
        ...

    def load(self, folder: Path) -> None:
        """Read them."""
        ...


class Replicated:
    """Each process holds the whole model; gradients are averaged."""

    def __init__(self, accelerator: Accelerator, model: PreTrainedModel, optimizer: torch.optim.Optimizer) -> None:
        self._accelerator = accelerator
        self.model, self.optimizer = accelerator.prepare(model, optimizer)

    def last_batch(self, is_last: bool) -> AbstractContextManager[Any]:
        """See :class:`Parallel`."""
        context: AbstractContextManager[Any] = nullcontext() if is_last else self._accelerator.no_sync(self.model)
        return context

    def backward(self, loss: torch.Tensor) -> None:
        """See :class:`Parallel`."""
        self._accelerator.backward(loss)

    def clip(self, limit: float) -> float:
        """See :class:`Parallel`."""
        norm = self._accelerator.clip_grad_norm_(self.model.parameters(), limit)
        return float("nan") if norm is None else float(norm)

    def whole_model(self) -> PreTrainedModel:
        """See :class:`Parallel`."""
        model: PreTrainedModel = self._accelerator.unwrap_model(self.model)
        return model

    def save(self, folder: Path) -> None:
        """See :class:`Parallel`."""
        self._accelerator.save_state(str(folder))
        if self._accelerator.is_main_process:
            for weights in folder.glob("*.safetensors"):
                as_new_file(weights)

    def load(self, folder: Path) -> None:
        """See :class:`Parallel`."""
        self._accelerator.load_state(str(folder))


class Sharded:
    """Parameters, gradients and optimizer states are shared out among the processes, layer by layer.

    Layers are the modules that the model names in ``_no_split_modules``.

    A whole copy of the parameters is made for evaluation and for what is saved.
    """

    def __init__(
        self, accelerator: Accelerator, model: PreTrainedModel, make_optimizer: Any, *, bfloat16: bool
    ) -> None:
        if accelerator.num_processes < 2:
            raise InputError("parallel is fsdp, and there is one process", remedy="Start with torchrun, or choose ddp.")
        self._accelerator = accelerator
        device = accelerator.device
        self._whole = deepcopy(model).to(device).requires_grad_(False)
        mesh = init_device_mesh(device.type, (accelerator.num_processes,))
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16 if bfloat16 else None)
        self.model = model.to(device)
        layers = model._no_split_modules or ()
        # Those that a layer has in common with what is no part of it go with the whole model.
        uses = Counter(id(each) for _, each in model.named_parameters(remove_duplicate=False))
        for module in model.modules():
            own = Counter(id(each) for _, each in module.named_parameters(remove_duplicate=False))
            if type(module).__name__ in layers and all(uses[each] == count for each, count in own.items()):
                fully_shard(module, mesh=mesh, mp_policy=policy)
        fully_shard(model, mesh=mesh, mp_policy=policy)
        self.optimizer = make_optimizer(model.parameters())

    def last_batch(self, is_last: bool) -> AbstractContextManager[Any]:
        """See :class:`Parallel`."""
        self.model.set_requires_gradient_sync(is_last)
        return nullcontext()

    def backward(self, loss: torch.Tensor) -> None:
        """See :class:`Parallel`."""
        loss.backward()

    def clip(self, limit: float) -> float:
        """See :class:`Parallel`."""
        learning: Iterable[torch.nn.Parameter] = [each for each in self.model.parameters() if each.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(learning, limit)
        return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)

    def whole_model(self) -> PreTrainedModel:
        """See :class:`Parallel`."""
        self._whole.load_state_dict(get_model_state_dict(self.model, options=StateDictOptions(full_state_dict=True)))
        self._whole.eval()
        return self._whole

    def save(self, folder: Path) -> None:
        """See :class:`Parallel`."""
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        parameters, optimizer = get_state_dict(self.model, self.optimizer, options=options)
        folder.mkdir(parents=True, exist_ok=True)
        if self._accelerator.is_main_process:
            torch.save({"model": parameters, "optimizer": optimizer}, folder / "whole.pt")
        torch.save(_random_state(), folder / f"random-{self._accelerator.process_index}.pt")

    def load(self, folder: Path) -> None:
        """See :class:`Parallel`."""
        parts = torch.load(folder / "whole.pt", map_location="cpu", weights_only=True)
        set_state_dict(
            self.model,
            self.optimizer,
            model_state_dict=parts["model"],
            optim_state_dict=parts["optimizer"],
            options=StateDictOptions(full_state_dict=True),
        )
        state = torch.load(folder / f"random-{self._accelerator.process_index}.pt", weights_only=True)
        torch.set_rng_state(state["cpu"])
        if "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"])


def _random_state() -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state
