"""Networks that read one window of one-hot DNA around a gene's TSS, as the zoo asks them."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from transformers import PreTrainedModel

from ...errors import InputError
from ...folder import GENES_FILE
from ...genome.exons import ExonTable
from ...genome.genes import GeneTable
from ...genome.options import DIPLOID, HAPLOTYPES
from ...genome.reference import ReferenceGenome
from ..abilities import Abilities
from ..companions import check_companions, write_companions
from ..device import choose_device, choose_dtype
from ..gene_input import GeneInput
from ..gene_model import GeneModel
from ..gene_regions import RegionFinder, finder_around_tss
from ..model_files import ModelIdentity, has_model_file, load_strictly, model_file, model_identity
from .opened_model import WindowOpened
from .read_out import ReadOut
from .window_input import BASES_AT_ONCE, WindowForm, WindowInput, check_length

ATTENTIONS = ("auto", "sdpa", "eager")
# What must be left of the gene of a person whose network reads the bins by itself.
AT_TSS = ReadOut("tss", 1)


class WindowGeneModel(GeneModel):
    """A network that reads windows, with its genes; see :class:`GeneModel`.

    Its config is a ``WindowSettings``; its ``forward`` takes ``dna``, ``gene``, ``outputs`` and ``labels`` as
    :meth:`batch` gives them, and returns ``logits`` and ``loss``.

    Args:
        network: the model.
        gene_table: the genes it knows.
        identity, device, precision: as for :class:`GeneModel`.
        window: bases that are read; None = the config's ``input_length``.
        read_out: which bins a gene's value is read from, as far as a person has them.
        exons: of the genes, for the read-out of that name; None = none are known.

    Raises:
        InputError: the network does not read such a window, or it has fewer bins than are asked for.

    Attributes:
        tables: files that a folder must have beside the weights, the genes first.
        remedy: what to do about a folder without.
    """

    abilities: ClassVar[Abilities] = Abilities(gradients=True, window=True)
    modes: tuple[str, ...] = (HAPLOTYPES, DIPLOID, "haplotype1", "haplotype2", "alt", "ref", "iupac")
    tables: ClassVar[tuple[str, ...]] = (GENES_FILE,)
    remedy: ClassVar[str] = "Write it with its table of genes: the gene model's `save`, or `convert --genes FILE`."

    def __init__(
        self,
        network: PreTrainedModel,
        gene_table: GeneTable,
        *,
        identity: ModelIdentity | None = None,
        device: str = "auto",
        precision: str = "auto",
        window: int | None = None,
        read_out: ReadOut = AT_TSS,
        exons: ExonTable | None = None,
    ) -> None:
        super().__init__(network, gene_table, identity=identity, device=device, precision=precision)
        config: Any = network.config
        length = window or config.input_length
        check_length(config, length, self.identity.name)
        self.form = WindowForm(length, config.bin_size, read_out, exons or ExonTable({}))
        self.form.read_out.check(length, config.bin_size)
        self.genes_at_once = max(1, min(self.genes_at_once, BASES_AT_ONCE // length))

    @classmethod
    @abstractmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the network."""

    @classmethod
    def load(  # type: ignore[override]
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        window: int | None = None,
        attention: str = "auto",
        force_companions: bool = False,
    ) -> "WindowGeneModel":
        """Load a model folder, or a repository of the Hub, with the tables that travel in it.

        Args:
            model: folder or Hub id.
            revision: branch, tag or commit of a Hub repository.
            device, precision, window: as for the class.
            attention: ``sdpa`` or ``eager``; ``auto`` = sdpa.
            force_companions: go on where a table of the folder is another model's, instead of stopping.

        Raises:
            InputError: a file of the model is missing, cannot be read, or is another model's; as for the class.
        """
        network = cls.load_network(model, revision, device, precision, attention, force_companions)
        genes = GeneTable.read(model_file(model, GENES_FILE, revision=revision))
        identity = model_identity(model, revision=revision)
        return cls(network, genes, identity=identity, device=device, precision=precision, window=window)

    @classmethod
    def load_network(
        cls,
        model: str | Path,
        revision: str | None,
        device: str,
        precision: str,
        attention: str,
        force_companions: bool,
    ) -> PreTrainedModel:
        """The network of a folder whose tables are there and belong to it; arguments and errors as of :meth:`load`."""
        if attention not in ATTENTIONS:
            raise InputError(
                f"models of the type {cls.model_type!r} have no attention {attention!r}",
                remedy=f"Choose one of {', '.join(ATTENTIONS)}.",
            )
        cls._refuse_without_tables(model, revision)
        check_companions(model, revision=revision, force=force_companions)
        return load_strictly(
            cls.architecture(),
            model,
            dtype=choose_dtype(precision, choose_device(device)),
            revision=revision,
            attn_implementation="sdpa" if attention == "auto" else attention,
        )

    @classmethod
    def load_regions(
        cls, model: str | Path, reference: ReferenceGenome, *, force_companions: bool = False
    ) -> tuple[GeneTable, RegionFinder]:
        """From the table and the config alone, see :class:`GeneModel`."""
        cls._refuse_without_tables(model, None)
        check_companions(model, force=force_companions)
        config: Any = cls.architecture().config_class.from_pretrained(model)
        genes = GeneTable.read(model_file(model, GENES_FILE))
        return genes, finder_around_tss(genes, reference, config.input_length)

    @classmethod
    def _refuse_without_tables(cls, model: str | Path, revision: str | None) -> None:
        """Say of a folder that holds a network alone what it lacks, before its weights are read."""
        for name in cls.tables:
            if not has_model_file(model, name, revision=revision):
                problem = f"is a network without {name}: it predicts no genes"
                raise InputError(problem, file=model, remedy=cls.remedy)

    def save(self, folder: str | Path) -> None:
        """Write a folder for :meth:`load`."""
        folder = Path(folder)
        self.network.save_pretrained(folder)
        self.save_tables(folder)

    def save_tables(self, folder: Path) -> None:
        """Write what travels with the weights into their folder, and the hashes of all."""
        self.gene_table.save(folder / GENES_FILE)
        write_companions(folder, self.tables)

    def region_finder(self, reference: ReferenceGenome) -> RegionFinder:
        """Windows around the TSS of genes, as far as their contigs have them."""
        return finder_around_tss(self.gene_table, reference, self.form.length)

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """A batch of B genes and their W windows.

        Returns:
            dna (W, L, 4) float32; gene (W,), the row that each window is of; outputs (B, T), and labels (B, T) where
            there are any.
        """
        windows = [(row, each) for row, given in enumerate(inputs) for each in cast(WindowInput, given).windows]
        dna = np.empty((len(windows), windows[0][1].letters.shape[-1], 4), dtype=np.float32)
        for place, (_, each) in zip(dna, windows, strict=True):
            place[:] = each.one_hot(float(self.config.n_share))
        batch = {
            "dna": torch.from_numpy(dna),
            "gene": torch.tensor([row for row, _ in windows]),
            "outputs": torch.from_numpy(np.asarray(outputs, dtype=np.int64)),
        }
        if labels is not None:
            batch["labels"] = torch.from_numpy(np.asarray(labels, dtype=np.float32))
        return batch

    def open(self, reference: ReferenceGenome) -> WindowOpened:
        """The model for one reference genome, see :class:`GeneModel`."""
        return WindowOpened(self, reference)

    def settings(self) -> dict[str, Any]:
        """The window."""
        return {"window": self.form.length}


class DiploidGeneModel(WindowGeneModel):
    """A network that reads a person as one window, the mean of both haplotypes' one-hot DNA with SNPs alone.

    One forward pass a person: its ``forward`` takes no ``gene``, as each gene has one window. Genotypes need no phase.
    In the other modes it reads one sequence, insertions and deletions and all, as it was not trained.
    """

    modes: tuple[str, ...] = (DIPLOID, "haplotype1", "haplotype2", "alt", "ref", "iupac")

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """A batch of B genes: dna (B, L, 4), and outputs and labels as of :meth:`WindowGeneModel.batch`."""
        batch = super().batch(inputs, outputs, labels)
        gene = batch.pop("gene")
        if len(gene) != len(inputs):
            raise ValueError(f"{len(inputs)} genes have {len(gene)} windows, and one each is read")
        return batch
