"""The loop of both stages: steps, states to go on from, evaluation, the best model.

A state holds everything that the next step depends on: parameters, optimizer, random numbers, and how far each process
is in the epoch's examples. A run that is killed at any point and started again takes the same steps, to the last digit.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object, set_seed
from transformers import PreTrainedModel

from ..data.epochs import Share
from ..errors import InputError
from ..files import whole_file, writing
from ..whole_folders import replace_folder, restore_folder
from .checkpoints import STATES, Checkpoints
from .options import LoopOptions
from .parallel import Parallel, Replicated, Sharded
from .schedules import LearningRate, make_optimizer

logger = logging.getLogger(__name__)

LOG = "log.jsonl"
# What ``best`` is chosen by where no donors may choose it.
TRAINING_LOSS = "training loss"
Batch = dict[str, torch.Tensor]


def start(options: LoopOptions) -> Accelerator:
    """Begin a run: its folder, its processes, its random numbers."""
    options.output.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator(
        mixed_precision="bf16" if options.precision == "bfloat16" else "no",
        log_with=list(options.trackers) or None,
        project_dir=str(options.output),
    )
    set_seed(options.seed, device_specific=True)
    return accelerator


def seconds_a_batch(model: PreTrainedModel, make_batch: Callable[[], Batch]) -> float:
    """How long a batch takes here, made, forward and backward: the second of two; the model is left as it was."""
    model.train()
    seconds = 0.0
    for _ in range(2):
        started = time.perf_counter()
        model(**make_batch(), return_dict=True).loss.backward()
        seconds = time.perf_counter() - started
    model.zero_grad()
    return seconds


def run_time(seconds: float, options: LoopOptions, n_examples: int) -> dict[str, float]:
    """Seconds of a step and hours of a run of one process, from the seconds of a batch."""
    step = seconds * options.gradient_accumulation
    steps = math.ceil(n_examples / (options.batch_size * options.gradient_accumulation)) * options.epochs
    return {"seconds_a_step": step, "hours": min(steps, options.max_steps or steps) * step / 3_600}


def gathered_scores(
    rows: list[tuple[Any, ...]], total: float, count: int, n_processes: int
) -> tuple[list[Any], float, int]:
    """Scored rows, summed loss and count of this process -> those of all, in each of them."""
    mine = [(rows, total, count)]
    parts = gather_object(mine) if n_processes > 1 else mine
    return [row for part in parts for row in part[0]], sum(part[1] for part in parts), sum(part[2] for part in parts)


def held_out_number(options: LoopOptions, numbers: Sequence[str]) -> str:
    """What ``best`` is chosen by, of the numbers of an evaluation.

    Raises:
        InputError: there is none of that name.
    """
    if options.monitor not in numbers:
        raise InputError(
            f"there is no held-out number {options.monitor!r} to monitor",
            remedy=f"Choose one of {', '.join(numbers)}.",
        )
    return f"held-out {options.monitor}"


def label_count(batch: Batch) -> int:
    """How many labels a batch has."""
    return int((~batch["labels"].isnan()).sum())


def own_loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """The model's loss of a batch, ()."""
    loss: torch.Tensor = model(**batch, return_dict=True).loss
    return loss


class TrainingLoop:
    """Trains a model.

    Args:
        accelerator: from :func:`start`.
        model: in float32.
        options: see there.
        options_hash: of all that the run's numbers depend on.
        examples: (epoch, (process, of)) -> that process's examples: those at process, process + of, ... of the order.
        n_examples: of an epoch, over all processes; the last step takes what is left.
        collate: examples -> a batch of the model.
        evaluate: model -> held-out numbers, the same in every process; None = none.
        best_by: what ``best``, patience and a schedule that looks at evaluations go by: the evaluation's number that
            the options monitor (:func:`held_out_number`), or the mean loss of the epoch's steps (``TRAINING_LOSS``),
            where the evaluation is only written down.
        save_model: (model's state, folder) -> writes a ``from_pretrained`` folder.
        loss: (model, batch) -> what is made small, (); by default the model's own.
        loss_is_sum: the model's loss of a batch is a sum over its labels, not their mean.
        weigh: batch -> what its loss weighs beside the others of its step, from 0.
        before_step: called with the model after it was set to training; to set frozen parts to evaluation.
        after_step: called with the model after its parameters moved; to put back what may not.
        on_step: called with (done, total, loss, examples a second).
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: PreTrainedModel,
        options: LoopOptions,
        options_hash: str,
        *,
        examples: Callable[[int, Share], datasets.IterableDataset],
        n_examples: int,
        collate: Callable[[Sequence[Any]], Batch],
        evaluate: Callable[[PreTrainedModel], dict[str, float]] | None,
        best_by: str,
        save_model: Callable[[PreTrainedModel, Path], None],
        loss: Callable[[torch.nn.Module, Batch], torch.Tensor] = own_loss,
        loss_is_sum: bool = False,
        weigh: Callable[[Batch], int] = label_count,
        before_step: Callable[[PreTrainedModel], None] | None = None,
        after_step: Callable[[PreTrainedModel], None] | None = None,
        on_step: Callable[[int, int, float, float], None] | None = None,
    ) -> None:
        self.options = options
        self._examples, self._collate, self._evaluate = examples, collate, evaluate
        self._save_model, self._on_step, self._loss = save_model, on_step, loss
        self._before_step, self._after_step = before_step, after_step
        self._n_examples, self._loss_is_sum, self._weigh, self._best_by = n_examples, loss_is_sum, weigh, best_by
        # Of what best is chosen by: lower is better of it times this.
        self._sign = -1.0 if best_by != TRAINING_LOSS and options.monitor_mode == "max" else 1.0
        self.accelerator = accelerator
        if options.gradient_checkpointing:
            model.gradient_checkpointing_enable()
        if n_examples < accelerator.num_processes:
            raise InputError(
                f"an epoch has {n_examples} examples, and there are {accelerator.num_processes} processes",
                remedy="Start fewer processes, or give more data.",
            )
        self._per_step = options.batch_size * options.gradient_accumulation * accelerator.num_processes
        self.steps_per_epoch = math.ceil(n_examples / self._per_step)
        self.total_steps = self.steps_per_epoch * options.epochs
        if options.max_steps is not None:
            self.total_steps = min(self.total_steps, options.max_steps)
        self._plain_model = model
        self._parallel = self._shared_out(model)
        self._rate = LearningRate(self._parallel.optimizer, options.optimizer, self.total_steps)
        self._checkpoints = Checkpoints(options.output / STATES, options_hash, options.keep_checkpoints)
        self.step = 0
        self._best, self._waited = self._sign * math.inf, 0
        self._epoch_loss, self._epoch_steps = 0.0, 0

    def run(self) -> dict[str, float]:
        """Train to the end; from the last state where there is one.

        Returns:
            The last evaluation; empty where nothing was left to do.

        Raises:
            InputError: the folder's state is of another run; a loss that is no number.
        """
        if self.options.trackers:
            self.accelerator.init_trackers("variantformer")
        resumed = self._resume()
        result: dict[str, float] = {}
        for epoch in range(self.step // self.steps_per_epoch, self.options.epochs):
            if self.step >= self.total_steps or self._is_out_of_patience():
                break
            result = self._epoch(epoch, resumed)
            resumed = None
        if not math.isfinite(self._best):
            logger.warning("no evaluation gave a number for the %s: there is no best", self._best_by)
        self._export("last")
        self.accelerator.end_training()
        return result

    @property
    def _share(self) -> Share:
        return self.accelerator.process_index, self.accelerator.num_processes

    def _shared_out(self, model: PreTrainedModel) -> Parallel:
        options = self.options

        def optimizer_of(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
            return make_optimizer(parameters, options.optimizer)

        if options.parallel == "fsdp":
            return Sharded(self.accelerator, model, optimizer_of, bfloat16=options.precision == "bfloat16")
        return Replicated(self.accelerator, model, optimizer_of(model.parameters()))

    def _resume(self) -> dict[str, Any] | None:
        """Load the last state; what each process needs to go on in its epoch."""
        if self.accelerator.is_main_process:
            restore_folder(self.options.output / "best")
        found = self._checkpoints.latest()
        self.accelerator.wait_for_everyone()
        if found is None:
            self._trim_log()
            return None
        folder, progress = found
        if progress["processes"] != self.accelerator.num_processes:
            raise InputError(
                f"is of {progress['processes']} processes, and this run has {self.accelerator.num_processes}",
                file=folder,
                remedy="Go on with as many.",
            )
        self._parallel.load(folder / "state")
        self.step, self._best = progress["step"], progress["best"]
        self._waited = progress.get("waited", 0)
        self._epoch_loss, self._epoch_steps = progress["epoch_loss"], progress["epoch_steps"]
        self._rate.load(progress["rate"])
        logger.info("going on from step %d", self.step)
        place = json.loads((folder / f"examples-{self.accelerator.process_index}.json").read_text())
        self._trim_log()
        return place if place["epoch"] == self.step // self.steps_per_epoch and place["state"] is not None else None

    def _epoch(self, epoch: int, resumed: dict[str, Any] | None) -> dict[str, float]:
        dataset = self._examples(epoch, self._share)
        if self.step == epoch * self.steps_per_epoch:
            self._epoch_loss, self._epoch_steps = 0.0, 0
        if resumed is not None:
            dataset.load_state_dict(resumed["state"])
        examples = iter(dataset)
        last = min((epoch + 1) * self.steps_per_epoch, self.total_steps)
        started, since = time.monotonic(), self._examples_before(self.step - epoch * self.steps_per_epoch)
        while self.step < last:
            loss, norm = self._one_step(self._batches(examples, epoch))
            self.step += 1
            self._epoch_loss, self._epoch_steps = self._epoch_loss + loss, self._epoch_steps + 1
            done = self._examples_before(self.step - epoch * self.steps_per_epoch) - since
            self._log(epoch, loss, norm, done / max(1e-9, time.monotonic() - started))
            if self.step % self.options.checkpoint_every == 0 and self.step < last:
                self._save_state(epoch, dataset.state_dict())
        result = self._evaluated(epoch)
        if self.step == (epoch + 1) * self.steps_per_epoch:
            self._save_state(epoch + 1, None)
        else:
            self._save_state(epoch, dataset.state_dict())
        return result

    def _examples_before(self, step: int) -> int:
        """Examples that all processes take in an epoch before its step of this number."""
        return min(step * self._per_step, self._n_examples)

    def _batches(self, examples: Iterator[Any], epoch: int) -> list[tuple[Batch, int]]:
        """A step's batches of this process, as many as any other has, and what each weighs.

        One whose examples have ended takes part with an example that weighs nothing: gradients are exchanged by
        all processes, or by none.
        """
        step = self.step - epoch * self.steps_per_epoch
        in_step = self._examples_before(step + 1) - self._examples_before(step)
        of_the_first = math.ceil(in_step / self.accelerator.num_processes)
        batches = []
        for _ in range(math.ceil(of_the_first / self.options.batch_size)):
            found = list(islice(examples, self.options.batch_size))
            batch = self._collate(found or [next(iter(self._examples(epoch, self._share)))])
            batches.append((batch, self._weigh(batch) if found else 0))
        return batches

    def _one_step(self, batches: Sequence[tuple[Batch, int]]) -> tuple[float, float]:
        """One optimizer step: mean loss of all processes and batches, as they weigh; norm of the gradient before it is
        scaled.

        By default each label weighs the same, in whichever batch of whichever process it is. A loss that is a sum keeps
        the size that it has for one batch.
        """
        model, parallel = self._parallel.model, self._parallel
        model.train()
        if self._before_step is not None:
            self._before_step(self._plain_model)
        self._rate.set(self.step)
        device, processes = self.accelerator.device, self.accelerator.num_processes
        mine = torch.tensor(sum(weight for _, weight in batches), device=device)
        of_step = max(1, int(self.accelerator.reduce(mine, "sum")))
        total = torch.zeros((), device=device)
        for number, (batch, own) in enumerate(batches):
            weight = (self.options.batch_size * (own > 0) if self._loss_is_sum else own) / of_step
            on_device = {name: tensor.to(device) for name, tensor in batch.items()}
            with parallel.last_batch(number + 1 == len(batches)):
                # Processes' gradients are averaged.
                loss = self._loss(model, on_device) * (weight * processes)
                parallel.backward(loss)
            total += loss.detach().float()
        limit = self.options.optimizer.max_grad_norm
        norm = parallel.clip(limit if limit is not None else math.inf)
        parallel.optimizer.step()
        parallel.optimizer.zero_grad()
        if self._after_step is not None:
            self._after_step(self._plain_model)
        mean = float(self.accelerator.reduce(total, "mean"))
        if not math.isfinite(mean):
            raise InputError(
                f"the loss of step {self.step} is {mean}",
                file=self.options.output,
                remedy="Lower the learning rate, or look at the labels of the data.",
            )
        return mean, norm

    def _evaluated(self, epoch: int) -> dict[str, float]:
        """Evaluate, keep the model where it is the best so far, and say in the log by what it is chosen."""
        result: dict[str, float] = {}
        if self._evaluate is not None:
            model = self._parallel.whole_model()
            model.eval()
            with torch.no_grad():
                result = self._evaluate(model)
        training_loss = self._epoch_loss / max(1, self._epoch_steps)
        value = training_loss if self._best_by == TRAINING_LOSS else result[self.options.monitor]
        row = {"training_loss": training_loss, **{f"held_out_{name}": number for name, number in result.items()}}
        is_best = self._sign * value < self._sign * self._best
        self._waited = 0 if is_best else self._waited + 1
        self._write({"step": self.step, "epoch": epoch, **row, "best_by": self._best_by, "is_best": is_best})
        if self.options.trackers:
            self.accelerator.log(row, step=self.step)
        self._rate.after_evaluation(self._sign * value)
        if is_best:
            self._best = value
            self._export("best")
        if self._is_out_of_patience():
            logger.info("the %s has not been better for %d evaluations: stopping", self._best_by, self._waited)
        return result

    def _is_out_of_patience(self) -> bool:
        return self.options.patience is not None and self._waited >= self.options.patience

    def _export(self, name: str) -> None:
        """Write the model as a folder for ``from_pretrained``."""
        model = self._parallel.whole_model()
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            replace_folder(self.options.output / name, lambda folder: self._save_model(model, folder))
        self.accelerator.wait_for_everyone()

    def _save_state(self, epoch: int, examples: dict[str, Any] | None) -> None:
        with self._checkpoints.being_written(self.step) as partial:
            if self.accelerator.is_main_process:
                partial.mkdir(parents=True, exist_ok=True)
            self.accelerator.wait_for_everyone()
            self._parallel.save(partial / "state")
            place = {"epoch": epoch, "state": examples}
            (partial / f"examples-{self.accelerator.process_index}.json").write_text(json.dumps(place))
            self.accelerator.wait_for_everyone()
            if self.accelerator.is_main_process:
                progress = {
                    "best": self._best,
                    "best_by": self._best_by,
                    "waited": self._waited,
                    "epoch_loss": self._epoch_loss,
                    "epoch_steps": self._epoch_steps,
                    "rate": self._rate.state(),
                    "processes": self.accelerator.num_processes,
                }
                self._checkpoints.finish(self.step, progress)
            self.accelerator.wait_for_everyone()

    def _log(self, epoch: int, loss: float, norm: float, speed: float) -> None:
        if self._on_step is not None:
            self._on_step(self.step, self.total_steps, loss, speed)
        if self.step % self.options.log_every and self.step != self.total_steps:
            return
        rate = self._rate.at(self.step - 1)
        row = {"step": self.step, "epoch": epoch, "loss": loss, "gradient_norm": norm, "learning_rate": rate}
        self._write(row)
        if self.options.trackers:
            self.accelerator.log({**row, "examples_per_second": speed}, step=self.step)

    def _write(self, row: dict[str, Any]) -> None:
        if self.accelerator.is_main_process:
            path = self.options.output / LOG
            with writing(path), path.open("a") as file:
                file.write(json.dumps({name: _known(value) for name, value in row.items()}) + "\n")

    def _trim_log(self) -> None:
        """Forget lines of steps that are taken again."""
        path = self.options.output / LOG
        if self.accelerator.is_main_process and path.exists():
            rows = []
            for line in path.read_text().splitlines():
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    continue  # the last line of a run that was killed
            kept = [row for row in rows if row["step"] <= self.step]
            with whole_file(path) as partial:
                partial.write_text("".join(json.dumps(row) + "\n" for row in kept))
        self.accelerator.wait_for_everyone()


def _known(value: Any) -> Any:
    """A number as JSON has it: none for what is no number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
