"""Writing a model folder: streamed shards, and nothing at the final name until all of it is there."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file

from ..errors import InputError
from ..files import writing
from ..folder import as_new_file


@contextmanager
def new_folder(output: str | Path) -> Iterator[Path]:
    """A folder to write into, renamed to ``output`` when the block ends well and removed when it fails.

    Raises:
        InputError: ``output`` exists and is not an empty folder.
        OutputError: it cannot be written.
    """
    output = Path(output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError("already exists", file=output, remedy="Name a new folder, or remove this one first.")
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with writing(output):
            partial.mkdir(parents=True)
            yield partial
            if output.exists():
                output.rmdir()
            partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_weights(
    folder: Path,
    expected: Mapping[str, torch.Tensor],
    open_tensors: Callable[[], Mapping[str, torch.Tensor]],
    max_shard_size: int | str,
) -> list[Path]:
    """Write safetensors shards (and their index when there are several), one shard in memory at a time.

    Args:
        folder: where to write.
        expected: name -> tensor on the meta device, with the shape and dtype to write.
        open_tensors: opens name -> tensor anew; called once a shard, so that the pages a memory-mapped source has
            read for one shard are given back before the next.
        max_shard_size: bytes, or text such as ``"1GB"``.

    Returns:
        The shard files, in order.
    """
    split = split_torch_state_dict_into_shards(dict(expected), max_shard_size=max_shard_size)
    for file_name, names in split.filename_to_tensors.items():
        source = open_tensors()
        shard = {name: source[name].to(expected[name].dtype).contiguous() for name in names}
        save_file(shard, folder / file_name, metadata={"format": "pt"})
        as_new_file(folder / file_name)
        del source, shard
    if split.is_sharded:
        index = {"metadata": split.metadata, "weight_map": split.tensor_to_filename}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    return [folder / name for name in split.filename_to_tensors]
