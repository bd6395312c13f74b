"""What a run on masked tokens is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..options import LoopOptions, OptimizerOptions


@dataclass(frozen=True)
class MaskedTokensOptimizer(OptimizerOptions):
    """The paper's: the rate falls in a line to nothing, without a warm-up."""

    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    schedule: str = "linear"
    warmup: float = 0.0
    min_learning_rate: float = 0.0


@dataclass(frozen=True)
class MaskedTokensLoop(LoopOptions):
    """The paper's, where a batch is of sequences."""

    batch_size: int = 256
    checkpoint_every: int = 1_000
    optimizer: MaskedTokensOptimizer = field(default_factory=MaskedTokensOptimizer)


@dataclass(frozen=True)
class MaskedTokensOptions:
    """A run of UKBioBERT on masked tokens.

    Attributes:
        loop: see there.
        train, test: Parquet files with a column ``text``, as ``write_variant_windows`` makes them; the model is
            evaluated on ``test`` at the end of each epoch, by which ``best`` is chosen.
        model: folder to go on from, such as a converted DNABERT-2; None = a new one.
        tokenizer: of a new one: a folder, or a tokenizer.json with DNABERT-2's special tokens.
        config: fields of ``UkBioBertConfig`` for a new one.
        masked_share: of the tokens, those that are to be predicted.
        evaluate_texts: at most so many sequences of ``test`` are looked at, the same ones each time.
        force_companions: go on where the tokenizer of ``model`` is another model's.
    """

    loop: MaskedTokensLoop
    train: Path
    test: Path
    model: Path | None = None
    tokenizer: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    masked_share: float = 0.15
    evaluate_texts: int = 20_000
    force_companions: bool = False
