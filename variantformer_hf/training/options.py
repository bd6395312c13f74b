"""What a training run is asked to do: a YAML file, read strictly."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

from ..addresses import is_address
from ..errors import InputError
from ..genome.file_patterns import named_files
from ..remote.mirror import mirrored
from ..version import __version__
from ..yaml_file import read_yaml

Options = TypeVar("Options")

# Of the loop: another number where the same options and data give other steps than before.
_RULES = 2
# What is kept, shown and where; and how far a run goes, which a later one may change.
_OF_KEEPING = ("output", "checkpoint_every", "log_every", "keep_checkpoints", "trackers", "max_steps", "patience")
# Options that earlier versions did not have, and what they did: no other run.
_SINCE: Mapping[str, Any] = {
    "min_probability": 0.9,
    "reference_cohorts": [],
    "labels": "active",
    "difference_weight": 0.0,
    "people_per_block": None,
}
_SINCE_OF_LOOP = {"monitor": "loss", "monitor_mode": "min"}


@dataclass(frozen=True)
class OptimizerOptions:
    """How parameters are moved; the defaults are the paper's for expression.

    Attributes:
        name: ``adamw`` or ``adam`` (whose weight decay is an L2 penalty).
        learning_rate, weight_decay: as usual.
        schedule: ``cosine`` (linear warm-up, then a half cosine down to ``min_learning_rate`` at the last step),
            ``linear`` (the same warm-up, then a straight line that would reach ``min_learning_rate`` one step behind
            the last), ``plateau`` (times ``plateau_factor`` after ``plateau_patience`` evaluations without a better
            one) or ``constant``.
        warmup: share of all steps.
        min_learning_rate: the schedule's floor.
        plateau_patience, plateau_factor: of ``plateau``.
        max_grad_norm: gradients are scaled down to it; None = not.
    """

    name: str = "adamw"
    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    schedule: str = "cosine"
    warmup: float = 0.01
    min_learning_rate: float = 1e-5
    plateau_patience: int = 2
    plateau_factor: float = 0.1
    max_grad_norm: float | None = 1.0


@dataclass(frozen=True)
class LoopOptions:
    """How long, how much at a time, and what is kept.

    Attributes:
        output: folder of the run.
        epochs: how many.
        max_steps: stop after so many optimizer steps; None = after the epochs.
        batch_size: examples of one process at a time (for expression: pairs of a gene and a donor).
        gradient_accumulation: batches of one step. The effective batch is batch_size x gradient_accumulation x
            processes; each of its labels weighs the same, and an epoch's last step takes what is left.
        seed: of the order, of drawn tissues, of dropout.
        precision: ``float32`` or ``bfloat16`` (mixed: weights stay in float32).
        gradient_checkpointing: less memory, more time.
        checkpoint_every: steps between states that a run goes on from; there is one at the end of each epoch too.
        log_every: steps between lines of ``log.jsonl``.
        keep_checkpoints: how many states are kept.
        trackers: names that Accelerate knows, such as ``tensorboard``.
        monitor: the held-out number that ``best`` is chosen by, and a ``plateau`` schedule looks at.
        monitor_mode: which is better of it: ``min`` or ``max``.
        patience: stop after so many evaluations in a row of which none is better than the best; None = after the
            epochs.
        parallel: ``ddp`` (each process holds the model) or ``fsdp`` (parameters and optimizer are shared out).
        optimizer: see there.
    """

    output: Path
    epochs: int = 1
    max_steps: int | None = None
    batch_size: int = 2
    gradient_accumulation: int = 1
    seed: int = 0
    precision: str = "float32"
    gradient_checkpointing: bool = False
    checkpoint_every: int = 500
    log_every: int = 10
    keep_checkpoints: int = 2
    trackers: tuple[str, ...] = ()
    monitor: str = "loss"
    monitor_mode: str = "min"
    patience: int | None = None
    parallel: str = "ddp"
    optimizer: OptimizerOptions = field(default_factory=OptimizerOptions)

    def check(self, file: str | Path | None = None) -> None:
        """Refuse what cannot be meant.

        Raises:
            InputError: it names the option.
        """
        counts = ("epochs", "batch_size", "gradient_accumulation", "checkpoint_every", "log_every", "keep_checkpoints")
        positive = {name: getattr(self, name) for name in counts}
        for name, value in {**positive, "patience": self.patience}.items():
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}", file=file, remedy="It must be 1 or more.")
        choices = {
            "precision": (self.precision, ("float32", "bfloat16")),
            "parallel": (self.parallel, ("ddp", "fsdp")),
            "monitor_mode": (self.monitor_mode, ("min", "max")),
            "optimizer.name": (self.optimizer.name, ("adam", "adamw")),
            "optimizer.schedule": (self.optimizer.schedule, ("cosine", "linear", "plateau", "constant")),
        }
        for name, (chosen, allowed) in choices.items():
            if chosen not in allowed:
                raise InputError(f"{name} is {chosen!r}", file=file, remedy=f"Choose one of {', '.join(allowed)}.")


ActivityEntry = Mapping[str, str]
# A file or a pattern, or a list of them.
GivenFiles = Path | tuple[Path, ...]


@dataclass(frozen=True)
class EncoderOptions:
    """A stage-1 run: cCREs' activity.

    Attributes:
        loop: see there.
        fasta: the reference genome.
        vcfs: donor -> VCF, or the VCF of all donors under the name ``*``; for a file there may be a list or a pattern,
            see ``PersonalGenome``.
        cres: the cCRE table.
        activity: files of one donor and tissue each: ``{path:, donor:, tissue:}``.
        tokenizer: folder or file of the DNA tokenizer; None = trained on the cCREs.
        model: folder of a stage-1 model to go on from; None = a new one.
        config: fields of ``VariantFormerEncoderConfig`` for a new one.
        labels: ``active``: a cCRE is active or not, by its class; ``signal``: the score of each file, from 0 to 1,000,
            by squared error, so that one allele of two counts half.
        held_out: chromosomes to evaluate on.
        vocab_size: of a new tokenizer.
        min_probability: of a BGEN, see ``GenotypeOptions``.
        force_companions: go on where tokenizer or lengths of ``model`` are another model's.
    """

    loop: LoopOptions
    fasta: Path
    vcfs: Mapping[str, GivenFiles]
    cres: Path
    activity: tuple[ActivityEntry, ...]
    tokenizer: Path | None = None
    model: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    labels: str = "active"
    held_out: tuple[str, ...] = ("chr21",)
    vocab_size: int = 500
    min_probability: float = 0.9
    force_companions: bool = False


@dataclass(frozen=True)
class ExpressionOptions:
    """A run on expression: stage 2 of VariantFormer, and training of every other model of the zoo.

    Attributes:
        model_type: of the models whose stage has these options; None = any.
        loop: see there.
        fasta: the reference genome.
        vcfs: cohort -> the VCF of all its donors, or several files: a list or a pattern, see ``PersonalGenome``.
        expression: folder that ``harmonize`` made.
        split: file of a :class:`Split`.
        model: folder of a model to go on from; None = a new one, for recipes that make one.
        encoder: folder of the stage-1 model that a new one begins with; also gives tokenizer and lengths.
        config: fields of the config of a new one.
        genes, cres: tables for a new one.
        tissues: names for a new one, in the order of the model's ids.
        n_tissues: values drawn of each pair; None = all outputs of the model, in its order.
        new_tissues: tissues that ``model`` does not have -> the tissue that each begins as.
        freeze: what does not learn: ``none``, or what else the model's recipe has; None = the recipe's first choice.
            VariantFormer's: ``encoder`` (the cCRE encoder, as in the paper), ``none``, ``all_but_tissues`` (only the
            registry's rows of tissues learn), ``all_but_new_tissues`` (only the rows of ``new_tissues``).
        evaluate_pairs: at most so many pairs of the held-out part are predicted at the end of each epoch; None = all.
        people_per_block: examples of an epoch come in blocks of so many donors of one gene, as many as ``batch_size``
            divides; None = in any order. VariantFormer's recipe and Variformer's have it.
        difference_weight: share of the loss that is of the differences between two donors of a gene in a batch, from
            0 to 1, see ``pairwise_difference_loss``; the rest is the model's own. VariantFormer's recipe has it; it
            needs ``people_per_block``.
        keep_inputs: examples that stay in memory once they were read, of those to train on and of those held out so
            many each.
        element_store: folder for vectors of the frozen encoder; None = memory only.
        min_probability: of a BGEN, see ``GenotypeOptions``.
        reference_cohorts: cohorts, such as cell lines, that are read as the reference genome and have no VCF.
        force_companions: go on where tokenizer, lengths or tables of ``model`` or ``encoder`` are another model's.
    """

    model_type: ClassVar[str | None] = None

    loop: LoopOptions
    fasta: Path
    vcfs: Mapping[str, GivenFiles]
    expression: Path
    split: Path
    model: Path | None = None
    encoder: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    genes: Path | None = None
    cres: Path | None = None
    tissues: tuple[str, ...] = ()
    n_tissues: int | None = 2
    new_tissues: Mapping[str, str] = field(default_factory=dict)
    freeze: str | None = None
    evaluate_pairs: int | None = 2_000
    people_per_block: int | None = None
    difference_weight: float = 0.0
    keep_inputs: int = 0
    element_store: Path | None = None
    min_probability: float = 0.9
    reference_cohorts: tuple[str, ...] = ()
    force_companions: bool = False


def read_options(path: str | Path, kind: type[Options]) -> Options:
    """Read options from YAML; paths are relative to the file's folder.

    Raises:
        InputError: the file cannot be read; a key that there is none of, one that is missing, a value of another kind.
    """
    path = Path(path)
    content = read_yaml(path)
    if not isinstance(content, Mapping):
        raise InputError("holds no options", file=path, remedy="Write them as KEY: VALUE.")
    options = _made(kind, content, path, "")
    loop = getattr(options, "loop", None)
    if isinstance(loop, LoopOptions):
        loop.check(path)
    return options


def check_writable(folder: Path) -> None:
    """Refuse a folder that a run could not write into, or make.

    Raises:
        InputError: it is a file, lies below one, or there is no permission.
    """
    nearest = next(each for each in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(each))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        problem = "you have no permission to write into it" if nearest.is_dir() else "is no folder"
        where = "" if nearest == folder.absolute() else f", and {folder} would lie there"
        raise InputError(f"{problem}{where}", file=nearest, remedy="Name another folder.")


def run_description(options: Any) -> dict[str, Any]:
    """All options that the losses of a run depend on, and the version that makes them."""
    plain: dict[str, Any] = as_plain(options)
    for name in _OF_KEEPING:
        plain["loop"].pop(name)
    for place, since in ((plain, _SINCE), (plain["loop"], _SINCE_OF_LOOP)):
        for name, default in since.items():
            if name in place and place[name] == default:
                del place[name]
    return {**plain, "version": __version__, "rules": _RULES}


def as_plain(options: Any) -> Any:
    """Options as they go into JSON and YAML."""
    if dataclasses.is_dataclass(options) and not isinstance(options, type):
        return {each.name: as_plain(getattr(options, each.name)) for each in dataclasses.fields(options)}
    if isinstance(options, Mapping):
        return {str(key): as_plain(value) for key, value in options.items()}
    if isinstance(options, (tuple, list)):
        return [as_plain(value) for value in options]
    return str(options) if isinstance(options, Path) else options


def _made(kind: Any, content: Mapping[str, Any], file: Path, where: str) -> Any:
    hints = get_type_hints(kind)
    known = {each.name: each for each in dataclasses.fields(kind)}
    unknown = [name for name in content if name not in known]
    if unknown:
        raise InputError(f"there is no option {where}{unknown[0]}", file=file, remedy=f"Choose of {', '.join(known)}.")
    values = {name: _value(hints[name], value, file, f"{where}{name}") for name, value in content.items()}
    missing = [
        each.name
        for each in known.values()
        if each.name not in values
        and each.default is dataclasses.MISSING
        and each.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise InputError(f"lacks the option {where}{missing[0]}", file=file, remedy="Add it.")
    return kind(**values)


def _value(hint: Any, value: Any, file: Path, name: str) -> Any:
    """A value as its option wants it."""
    if value is None and type(None) in get_args(hint):
        return None
    if type(None) in get_args(hint):
        hint = next(each for each in get_args(hint) if each is not type(None))
    if hint == GivenFiles and isinstance(value, str) and is_address(value):
        return named_files(value)
    if hint == GivenFiles:
        hint = tuple[Path, ...] if isinstance(value, list) else Path
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise _wrong(file, name, value, "options of its own")
        return _made(hint, value, file, f"{name}.")
    if hint is Path:
        if not isinstance(value, str):
            raise _wrong(file, name, value, "a path")
        if is_address(value):
            return mirrored(value)
        return (file.parent / value).resolve()
    if hint is ActivityEntry and isinstance(value, Mapping) and isinstance(value.get("path"), str):
        value = {**value, "path": str((file.parent / value["path"]).resolve())}
    origin, inner = get_origin(hint), get_args(hint)
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(file, name, value, "a list")
        return tuple(_value(inner[0], each, file, f"{name}[{at}]") for at, each in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(file, name, value, "names and values")
        return {str(key): _value(inner[1], each, file, f"{name}.{key}") for key, each in value.items()}
    if hint is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return float(value)  # YAML takes 1e-4 for text
        except ValueError:
            raise _wrong(file, name, value, "a number") from None
    if hint is not Any and (not isinstance(value, hint) or (hint is int and isinstance(value, bool))):
        raise _wrong(
            file, name, value, {int: "a whole number", str: "text", bool: "true or false"}.get(hint, "a number")
        )
    return value


def _wrong(file: Path, name: str, value: Any, wanted: str) -> InputError:
    return InputError(f"{name} is {value!r}", file=file, remedy=f"It must be {wanted}.")
