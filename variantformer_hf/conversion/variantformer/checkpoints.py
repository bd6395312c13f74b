"""Released VariantFormer checkpoints -> model folders that ``from_pretrained`` reads."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import safe_open
from transformers import PreTrainedModel

from ...errors import UNREADABLE, CheckpointError, InputError, unreadable
from ...folder import CRES_FILE, GENES_FILE
from ...genome import CRE_CLASSES, CreTable, GeneTable
from ...genome.provenance import file_sha256
from ...modeling import (
    VariantFormerForChromatinActivity,
    VariantFormerForExpression,
    VariantFormerProcessor,
)
from ...tokenization import DnaTokenizer
from ...zoo.companions import write_companions
from ..model_folder import new_folder, write_weights
from ..summary import ConversionSummary
from .hyperparameters import encoder_config_from_released, expression_config_from_released
from .lightning import LightningCheckpoint, read_lightning_checkpoint
from .model_card import model_card
from .names import encoder_parameter_name, expression_parameter_name

_WEIGHT_TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def convert_expression_model(
    *,
    checkpoint: str | Path,
    encoder_checkpoint: str | Path,
    vocabulary: str | Path,
    tissues: str | Path,
    genes: str | Path,
    cres: str | Path,
    output: str | Path,
    dtype: torch.dtype | None = None,
    max_shard_size: int | str = "500MB",
) -> ConversionSummary:
    """Convert a released expression checkpoint to a folder for :class:`VariantFormerForExpression`.

    Args:
        checkpoint: Lightning file with both encoders, the modulators and the head (``v4_*.pth``).
        encoder_checkpoint: Lightning file of the sequence encoder; only its hyper-parameters are read, because the
            expression checkpoint holds the weights of both encoders.
        vocabulary: the released tokenizer's JSON.
        tissues: YAML, tissue name -> id.
        genes: gene table (CSV as released, GTF, GFF3 or Parquet).
        cres: cCRE BED as the ENCODE registry or SCREEN has it (.gz too), or Parquet.
        output: a new folder.
        dtype: type of the written weights; default: as in the checkpoint, whose tensors must then have one.
        max_shard_size: upper size of one weight file, which is what the conversion holds in memory at a time.

    Raises:
        CheckpointError: a file is corrupt or foreign, a tensor is missing, unknown, of another shape or type, or holds
            a number that is not finite.
        InputError: a table is wrong, or ``output`` is not empty.
    """
    encoder_config = encoder_config_from_released(read_lightning_checkpoint(encoder_checkpoint).hyper_parameters)
    source = read_lightning_checkpoint(checkpoint)
    n_tissues = int(source.hyper_parameters.get("num_tissues", 0))
    config = expression_config_from_released(
        source.hyper_parameters, encoder_config, read_tissue_vocabulary(tissues, n_tissues)
    )
    config.cre_classes = list(CRE_CLASSES)
    tokenizer = DnaTokenizer.from_vocabulary(vocabulary)
    _check_vocabulary_size(len(tokenizer), encoder_config.vocab_size, vocabulary)
    gene_table, cre_table = GeneTable.read(genes), CreTable.read(cres)
    with new_folder(output) as folder:
        summary = _write_model(
            folder,
            output,
            VariantFormerForExpression,
            config,
            source,
            rename=expression_parameter_name,
            dtype=dtype,
            max_shard_size=max_shard_size,
        )
        VariantFormerProcessor(tokenizer, token_length=encoder_config.token_length).save_pretrained(folder)
        gene_table.save(folder / GENES_FILE)
        cre_table.save(folder / CRES_FILE)
        write_companions(folder)
        card = model_card(summary, config, n_genes=len(gene_table), n_cres=len(cre_table))
        (folder / "README.md").write_text(card)
    return summary


def convert_encoder(
    *,
    encoder_checkpoint: str | Path,
    vocabulary: str | Path,
    output: str | Path,
    dtype: torch.dtype | None = None,
    max_shard_size: int | str = "500MB",
) -> ConversionSummary:
    """Convert a released encoder file to a folder for :class:`VariantFormerForChromatinActivity`.

    Arguments and errors as for :func:`convert_expression_model`.
    """
    source = read_lightning_checkpoint(encoder_checkpoint)
    config = encoder_config_from_released(source.hyper_parameters)
    tokenizer = DnaTokenizer.from_vocabulary(vocabulary)
    _check_vocabulary_size(len(tokenizer), config.vocab_size, vocabulary)
    with new_folder(output) as folder:
        summary = _write_model(
            folder,
            output,
            VariantFormerForChromatinActivity,
            config,
            source,
            rename=encoder_parameter_name,
            dtype=dtype,
            max_shard_size=max_shard_size,
        )
        VariantFormerProcessor(tokenizer, token_length=config.token_length).save_pretrained(folder)
        write_companions(folder)
        (folder / "README.md").write_text(model_card(summary, config))
    return summary


def read_tissue_vocabulary(path: str | Path, n_tissues: int) -> list[str | None]:
    """Read ``name: id`` lines (YAML) into a list whose index is the id; an id that no name has is None.

    Raises:
        InputError: no YAML table, an id out of range or given twice.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text())
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError("is not a YAML file", file=path) from error
    if not isinstance(content, dict) or not content:
        raise InputError("is not a table of tissue name: id", file=path)
    names: list[str | None] = [None] * n_tissues
    for name, number in content.items():
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < n_tissues:
            raise InputError(
                f"id {number!r} is not a whole number from 0 to {n_tissues - 1}",
                file=path,
                record=str(name),
                remedy="Give the tissue vocabulary that belongs to this checkpoint.",
            )
        if names[number] is not None:
            raise InputError(f"id {number} is also that of {names[number]!r}", file=path, record=str(name))
        names[number] = str(name)
    return names


def _write_model(
    folder: Path,
    output: str | Path,
    architecture: type[PreTrainedModel],
    config: Any,
    source: LightningCheckpoint,
    *,
    rename: Callable[[str], str | None],
    dtype: torch.dtype | None,
    max_shard_size: int | str,
) -> ConversionSummary:
    released_names, dropped = _plan_names(source, rename)
    with torch.device("meta"):
        model = architecture(config)
    _check_complete(source, released_names, model.state_dict())
    saved = _one_type(source, released_names.values(), mixed_allowed=dtype is not None)
    dtype = dtype or saved
    expected = model.to(dtype).state_dict()
    path = source.path
    shards = write_weights(folder, expected, lambda: _opened(path, released_names), max_shard_size)
    n_equal = _compare_with_source(shards, dtype, lambda: _opened(path, released_names), path)
    config.architectures = [architecture.__name__]
    config.dtype = dtype
    config.save_pretrained(folder)
    return ConversionSummary(
        output=Path(output),
        architecture=architecture.__name__,
        n_parameters=sum(tensor.numel() for tensor in expected.values()),
        dropped=dict(dropped),
        files=[shard.name for shard in shards],
        sha256={shard.name: file_sha256(shard) for shard in shards},
        source_sha256={path.name: file_sha256(path)},
        parity=f"read back, all {n_equal} tensors equal those of the checkpoint in {_type_name(dtype)}",
    )


def _one_type(source: LightningCheckpoint, released_names: Iterable[str], *, mixed_allowed: bool) -> torch.dtype:
    """The type of the tensors that become weights; of the first one where several are allowed.

    Raises:
        CheckpointError: one is of a type that weights do not have, or they have several types.
    """
    types = {name: source.state_dict[name].dtype for name in released_names}
    for name, found in types.items():
        if found not in _WEIGHT_TYPES:
            raise CheckpointError(
                f"{name} is of {_type_name(found)}; weights are of {', '.join(map(_type_name, _WEIGHT_TYPES))}",
                file=source.path,
                remedy="Only the released VariantFormer layouts can be converted.",
            )
    first, wanted = next(iter(types.items()))
    other = next((name for name, found in types.items() if found != wanted), None)
    if other is not None and not mixed_allowed:
        raise CheckpointError(
            f"{first} is of {_type_name(wanted)} and {other} of {_type_name(types[other])}",
            file=source.path,
            remedy="Choose the type that all are written in, such as --dtype float32.",
        )
    return wanted


def _compare_with_source(
    shards: list[Path],
    dtype: torch.dtype,
    open_source: Callable[[], Mapping[str, torch.Tensor]],
    path: Path,
) -> int:
    """Read the written weights back and hold each to the checkpoint's, type first; how many there are.

    Raises:
        CheckpointError: one differs, or holds a number that is not finite.
    """
    count = 0
    for shard in shards:
        source = open_source()
        with safe_open(shard, framework="pt") as written:
            for name in written.keys():  # noqa: SIM118 -- not a dict
                found, wanted = written.get_tensor(name), source[name]
                if not wanted.isfinite().all():
                    raise CheckpointError(
                        f"{name} holds a number that is not finite",
                        file=path,
                        remedy="Fetch the checkpoint again; its weights are broken.",
                    )
                if wanted.dtype != dtype:
                    wanted = wanted.to(dtype)  # asked for by name
                if found.dtype != wanted.dtype or not torch.equal(found, wanted):
                    raise CheckpointError(f"{name} was not written as it is in the checkpoint", file=path)
                if not found.isfinite().all():
                    raise CheckpointError(
                        f"{name} holds a number that {_type_name(dtype)} does not have",
                        file=path,
                        remedy="Choose another --dtype.",
                    )
                count += 1
    return count


def _type_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _plan_names(
    source: LightningCheckpoint, rename: Callable[[str], str | None]
) -> tuple[dict[str, str], Counter[str]]:
    """Our name -> released name, and how many tensors are left out by name."""
    names: dict[str, str] = {}
    dropped: Counter[str] = Counter()
    for released in source.state_dict:
        try:
            ours = rename(released)
        except KeyError:
            raise CheckpointError(
                f"holds a tensor that this architecture does not have: {released}",
                file=source.path,
                remedy="Only the released VariantFormer layouts can be converted.",
            ) from None
        if ours is None:
            dropped["tissue classifiers of the encoders" if "tissue_classifiers" in released else "ALiBi buffers"] += 1
        else:
            names[ours] = released
    dropped.update({f"{entry} of the training run": 1 for entry in source.training_state})
    return names, dropped


def _check_complete(
    source: LightningCheckpoint, released_names: Mapping[str, str], expected: Mapping[str, torch.Tensor]
) -> None:
    missing = [name for name in expected if name not in released_names]
    surplus = [released for ours, released in released_names.items() if ours not in expected]
    if missing or surplus:
        parts = [
            f"{len(names)} tensors {what} (first: {names[0]})"
            for names, what in ((missing, "are missing"), (surplus, "have no place in the model"))
            if names
        ]
        raise CheckpointError(
            " and ".join(parts),
            file=source.path,
            remedy="The hyper-parameters describe other weights: is the encoder file the one of this checkpoint?",
        )
    for ours, released in released_names.items():
        found, wanted = tuple(source.state_dict[released].shape), tuple(expected[ours].shape)
        if found != wanted:
            raise CheckpointError(f"{released} has shape {found}, the hyper-parameters say {wanted}", file=source.path)


def _opened(path: Path, released_names: Mapping[str, str]) -> dict[str, torch.Tensor]:
    state = read_lightning_checkpoint(path).state_dict
    return {ours: state[released] for ours, released in released_names.items()}


def _check_vocabulary_size(found: int, wanted: int, vocabulary: str | Path) -> None:
    if found != wanted:
        raise CheckpointError(
            f"has {found} tokens, the encoder was trained with {wanted}",
            file=vocabulary,
            remedy="Give the vocabulary that was released with this checkpoint.",
        )
