"""How a model is trained on expression: what it begins as, what learns, what surrounds a step.

The plain recipe fits any model of the zoo. A family that needs more has a subclass, named in ``zoo.families``.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar

import datasets
import numpy as np
import torch
from accelerate import Accelerator
from transformers import PreTrainedConfig, PreTrainedModel

from ..data.collators import ExpressionCollator
from ..data.epochs import Share
from ..data.examples import ExpressionExamples, expression_dataset
from ..errors import InputError
from ..zoo.families import load_gene_model, recipe_class
from ..zoo.gene_model import GeneModel
from .held_out import NUMBERS, held_out_scores
from .loop import label_count, own_loss
from .options import ExpressionOptions

# Options that some recipes take, and the plain one does not.
_OF_SOME_RECIPES = (
    "encoder",
    "config",
    "genes",
    "cres",
    "tissues",
    "new_tissues",
    "element_store",
    "people_per_block",
    "difference_weight",
)
_OF_A_NEW_MODEL = ("encoder", "genes", "cres", "tissues")


class Recipe:
    """A model goes on from its folder, and all of it learns.

    Args:
        options: of the run.

    Attributes:
        options_class: of the options of its stage. A run with plainer ones, as of ``train expression``, has the plain
            recipe.
        takes: options of a run that it takes beside those of every model.
        evaluated_genes: parts of the genes in which held-out donors are predicted.
        freezes: choices of what does not learn, the one first that is meant where the run names none.
        options: with the choice of ``freeze``.
        model: as it begins, in float32 on the CPU.

    Raises:
        InputError: an option that the recipe does not take; the model cannot be loaded.
    """

    options_class: ClassVar[type[ExpressionOptions]] = ExpressionOptions
    takes: ClassVar[tuple[str, ...]] = ()
    evaluated_genes: ClassVar[tuple[str, ...]] = ("train",)
    freezes: ClassVar[tuple[str, ...]] = ("none",)

    def __init__(self, options: ExpressionOptions) -> None:
        self.options = self._checked(options)
        self.model = self.begin()

    def begin(self) -> GeneModel:
        """The model that the run begins with, and what learns of it."""
        assert self.options.model is not None
        force = self.options.force_companions
        return load_gene_model(self.options.model, device="cpu", precision="float32", force_companions=force)

    @property
    def network(self) -> PreTrainedModel:
        """What learns."""
        network: PreTrainedModel = self.model.network
        return network

    @property
    def keep_inputs(self) -> int:
        """Inputs of each part that are kept in memory between epochs."""
        return self.options.keep_inputs

    def set_up(self, train: ExpressionExamples, held_out: Mapping[str, ExpressionExamples]) -> dict[str, Any]:
        """Look at the run's examples, before anything is computed; genes to train on are named in the model.

        Args:
            train: to learn from.
            held_out: part of the genes -> examples of held-out donors.

        Returns:
            What the run's plan says beside that of every run.

        Raises:
            InputError: it cannot be trained on these.
        """
        name_trained_genes(self.model, [train.pairs.genes[gene] for gene in np.unique(train.pairs.gene).tolist()])
        return {}

    def n_examples(self, train: ExpressionExamples, processes: int) -> int:
        """Examples of an epoch, over all processes."""
        return len(train.pairs)

    def epoch(self, train: ExpressionExamples, epoch: int, share: Share) -> datasets.IterableDataset:
        """A process's examples of an epoch, in order; as many as any other's, or one more or less."""
        return expression_dataset(train, epoch=epoch, seed=self.options.loop.seed, share=share)

    def weigh(self, batch: dict[str, torch.Tensor]) -> int:
        """What a batch's loss weighs beside the others of its step: by default each label weighs the same."""
        return label_count(batch)

    def numbers(self, held_out: Mapping[str, ExpressionExamples]) -> Sequence[str]:
        """Names of what :meth:`evaluate` gives that ``best`` may be chosen by."""
        return NUMBERS

    def evaluate(
        self,
        network: PreTrainedModel,
        held_out: Mapping[str, ExpressionExamples],
        share: Share,
        device: torch.device | str,
    ) -> dict[str, float]:
        """Numbers of held-out donors.

        Args:
            network: in evaluation mode.
            held_out: part of the genes -> examples.
            share: (number, of): which of several processes this is; all get the whole result.
            device: of the network.
        """
        most = self.options.evaluate_pairs
        return held_out_scores(network, held_out["train"], self.collate, most, share=share, device=device)

    def collate(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Examples -> a batch."""
        return ExpressionCollator(self.model)(examples)

    def loss(self, network: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """What is made small, (): by default the network's own loss of a batch."""
        return own_loss(network, batch)

    def trial_batch(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch that costs what one of the run does, before :meth:`prepare`."""
        return self.collate(examples)

    def prepare(
        self,
        parts: Sequence[ExpressionExamples],
        accelerator: Accelerator,
        on_donor: Callable[[int, int], None] | None = None,
    ) -> None:
        """What is done once, before the first step.

        Args:
            parts: all examples of the run.
            accelerator: of the run.
            on_donor: called with (done, total).
        """

    def before_step(self, network: PreTrainedModel) -> None:
        """Called after the network was set to training."""

    def after_step(self, network: PreTrainedModel) -> None:
        """Called after parameters moved."""

    def save(self, network: PreTrainedModel, folder: Path) -> None:
        """Write a folder for ``from_pretrained``: the model with this network; nothing of the training data."""
        trained = copy(self.model)
        trained.network = network
        trained.save(folder)

    def _checked(self, options: ExpressionOptions) -> ExpressionOptions:
        plain = {each.name: each for each in dataclasses.fields(options)}
        for name in _OF_SOME_RECIPES:
            value, default = getattr(options, name), plain[name].default
            if name not in self.takes and value and value != default:
                raise InputError(
                    f"{name} is no option for a model of its type", file=options.model, remedy=f"Leave {name} out."
                )
        chosen = options.freeze or self.freezes[0]
        if chosen not in self.freezes:
            raise InputError(
                f"freeze is {chosen!r}",
                file=options.model,
                remedy=f"Choose one of {', '.join(self.freezes)}: a model of its type has no other.",
            )
        return dataclasses.replace(options, freeze=chosen)


def name_trained_genes(model: GeneModel, gene_ids: Sequence[str]) -> None:
    """Add genes to those that a model was trained on, where its config has such a field (``genes``).

    They go by their names; one whose name is another's too, by its id.
    """
    config = model.network.config
    if not hasattr(config, "genes"):
        return
    count = Counter(gene.gene_name for gene in model.gene_table)
    name_of = {gene.gene_id: gene.gene_name for gene in model.gene_table}
    names = [name_of[each] if count[name_of[each]] == 1 else each for each in gene_ids]
    config.genes = list(dict.fromkeys([*(config.genes or ()), *names]))
    model.trained_genes = (model.trained_genes or frozenset()) | frozenset(gene_ids)


def recipe_of(options: ExpressionOptions) -> Recipe:
    """The recipe of the model that a run goes on from, or of the encoder that a new model begins with; of the family
    that the options are made for, where it is neither.

    Raises:
        InputError: there is neither; there is no such model, or one of another family; what the recipe refuses.
    """
    begins_with = options.model or options.encoder
    if begins_with is None and options.model_type is None:
        check_new_model(options)
    kind = recipe_class(begins_with, options.model_type) or Recipe
    recipe: Recipe = (kind if isinstance(options, kind.options_class) else Recipe)(options)
    return recipe


def check_new_model(options: ExpressionOptions, names: Sequence[str] = _OF_A_NEW_MODEL, *, kind: str = "model") -> None:
    """Check that a run names all that a new model is made of.

    Args:
        options: of the run.
        names: what is needed.
        kind: what the model is called.

    Raises:
        InputError: it does not.
    """
    missing = [name for name in names if not getattr(options, name)]
    if missing:
        raise InputError(f"a new {kind} needs {', '.join(missing)}", remedy="Give them, or a model to go on from.")


def check_goes_on(options: ExpressionOptions, names: Sequence[str]) -> None:
    """Check that a run that goes on from a model names nothing of what a new one is made of.

    Args:
        options: of the run.
        names: what a new one is made of.

    Raises:
        InputError: it does.
    """
    given = [name for name in names if getattr(options, name)]
    if given:
        raise InputError(f"{given[0]} is of a new model", file=options.model, remedy=f"Leave out {given[0]} or model.")


def check_config(kind: type[PreTrainedConfig], given: Mapping[str, Any]) -> None:
    """Check that all that is given for the config of a new model are its own fields.

    Raises:
        InputError: one is none.
    """
    known = [each.name for each in dataclasses.fields(kind)]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InputError(f"there is no option config.{unknown[0]}", remedy=f"Choose of {', '.join(known)}.")
