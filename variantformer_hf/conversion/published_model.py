"""A published checkpoint of another library -> a model folder: every tensor by name, or a refusal that names one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import PreTrainedModel

from ..errors import CheckpointError
from ..genome.provenance import file_sha256
from .model_folder import write_weights
from .published_tensors import PublishedTensors, unknown_tensor
from .summary import ConversionSummary

_SHARD = "1GB"
_WEIGHT_TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def write_published(
    folder: Path,
    output: Path,
    architecture: type[PreTrainedModel],
    config: Any,
    source: PublishedTensors,
    rename: Callable[[str], str],
    dtype: torch.dtype | None,
) -> ConversionSummary:
    """Write weights and config into a folder, and read them back.

    Args:
        folder: to write into.
        output: where it will stand.
        architecture: class of the model.
        config: of the model.
        source: the checkpoint's tensors.
        rename: published name -> ours; KeyError where there is none.
        dtype: of the written weights; None = as they are.

    Raises:
        CheckpointError: a tensor is unknown, missing, of another shape or type, or not finite.
    """
    with torch.device("meta"):
        model = architecture(config)
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    expected = {name: tensor for name, tensor in model.state_dict().items() if name not in tied}
    published = _by_our_names(source, rename, expected)
    config.dtype = dtype or _one_type(source, [published[name] for name in expected])
    config.architectures = [architecture.__name__]
    exact = set(getattr(architecture, "_keep_in_fp32_modules_strict", None) or ())
    kept = {name: tensor.to(_written_type(name, tensor, config.dtype, exact)) for name, tensor in expected.items()}
    named = {name: source.tensors[published[name]].reshape(tensor.shape) for name, tensor in kept.items()}
    shards = write_weights(folder, kept, lambda: named, _SHARD)
    _read_back(shards, named, published, source.path)
    config.save_pretrained(folder)
    return ConversionSummary(
        output=output,
        architecture=architecture.__name__,
        n_parameters=sum(tensor.numel() for tensor in kept.values()),
        dropped=dict(source.dropped),
        files=[shard.name for shard in shards],
        sha256={shard.name: file_sha256(shard) for shard in shards},
        source_sha256={source.path.name: file_sha256(source.path)},
        parity=f"read back, all {len(kept)} tensors equal those of the checkpoint",
    )


def _by_our_names(
    source: PublishedTensors, rename: Callable[[str], str], expected: Mapping[str, torch.Tensor]
) -> dict[str, str]:
    """Our name -> published name, of every tensor and no other."""
    names: dict[str, str] = {}
    for published, tensor in source.tensors.items():
        try:
            ours = rename(published)
            wanted = tuple(expected[ours].shape)
        except KeyError:
            raise unknown_tensor(published, source.path) from None
        if ours in names:
            raise CheckpointError(
                f"{published} and {names[ours]} are two names of one tensor",
                file=source.path,
                remedy="Remove one of the two.",
            )
        _check_type(published, tensor, expected[ours], source.path)
        found = tuple(tensor.shape)
        if _without_ones(found) != _without_ones(wanted):
            raise CheckpointError(
                f"{published} has the shape {found}, by the config it is {wanted}",
                file=source.path,
                remedy="Give the config that belongs to these weights.",
            )
        names[ours] = published
    missing = [name for name in expected if name not in names]
    if missing:
        raise CheckpointError(
            f"{len(missing)} tensors are missing (first: {missing[0]})",
            file=source.path,
            remedy="The file is not whole, or its config describes another model.",
        )
    return names


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without axes of one, which a convolution over one base and a linear map differ by."""
    return tuple(size for size in shape if size != 1)


def _check_type(published: str, tensor: torch.Tensor, expected: torch.Tensor, path: Path) -> None:
    """Refuse numbers of a kind that the model's are not.

    Raises:
        CheckpointError: integers, or complex numbers, for weights; a fraction for a count; weights of 8 bits.
    """
    is_weight, found = expected.is_floating_point(), tensor.dtype
    if is_weight != tensor.is_floating_point() or found.is_complex or (is_weight and found not in _WEIGHT_TYPES):
        wanted = "float32, bfloat16 or float16" if is_weight else _named(expected.dtype)
        raise CheckpointError(
            f"{published} is of {_named(found)}, {wanted} is expected",
            file=path,
            remedy="Convert the checkpoint with the weights as they were trained.",
        )


def _one_type(source: PublishedTensors, names: list[str]) -> torch.dtype:
    """The type of all weights that have a fraction."""
    types = {name: source.tensors[name].dtype for name in names if source.tensors[name].is_floating_point()}
    first, wanted = next(iter(types.items()))
    for name, found in types.items():
        if found != wanted:
            raise CheckpointError(
                f"{first} is of {_named(wanted)} and {name} of {_named(found)}",
                file=source.path,
                remedy="Choose the type that all are written in, such as --dtype float32.",
            )
    return wanted


def _written_type(name: str, tensor: torch.Tensor, dtype: torch.dtype, exact: set[str]) -> torch.dtype:
    """The type of a tensor's numbers; parts that are loaded in float32 whatever the others are stay exact."""
    if not tensor.is_floating_point():
        return tensor.dtype
    return torch.float32 if exact & set(name.split(".")) else dtype


def _read_back(shards: list[Path], named: Mapping[str, torch.Tensor], published: Mapping[str, str], path: Path) -> None:
    for shard in shards:
        with safe_open(shard, framework="pt") as written:
            for name in written.keys():  # noqa: SIM118 -- not a dict
                found = written.get_tensor(name)
                if not named[name].isfinite().all():
                    raise CheckpointError(
                        f"{published[name]} holds a number that is not finite",
                        file=path,
                        remedy="Fetch the checkpoint again; its weights are broken.",
                    )
                if not found.isfinite().all():
                    raise CheckpointError(
                        f"{published[name]} holds a number that {_named(found.dtype)} does not have",
                        file=path,
                        remedy="Choose another --dtype.",
                    )
                if not torch.equal(found, named[name].to(found.dtype)):
                    raise CheckpointError(f"{published[name]} was not written as it is", file=path)


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
