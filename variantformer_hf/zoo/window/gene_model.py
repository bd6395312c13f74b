"""Networks that read one window of one-hot DNA around a gene's TSS, as the zoo asks them."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from transformers import PreTrainedModel

from ...errors import InputError
from ...folder import EXONS_FILE, GENES_FILE, TRACKS_FILE
from ...genome.exons import ExonTable
from ...genome.genes import Gene, GeneTable
from ...genome.options import HAPLOTYPES
from ...genome.reference import ReferenceGenome
from ...tokenization.one_hot import one_hot
from ..abilities import Abilities
from ..companions import arrow_sha256, check_companions, table_digests, write_companions
from ..device import choose_device, choose_dtype
from ..gene_input import GeneInput
from ..gene_model import GeneModel
from ..gene_regions import RegionFinder
from ..model_files import ModelIdentity, has_model_file, load_strictly, model_file, model_identity
from .opened_model import WindowOpened
from .read_out import ReadOut
from .tracks import Track, read_tracks, track_names, track_table, write_tracks
from .window_input import BASES_AT_ONCE, WindowForm, WindowInput, check_length

ATTENTIONS = ("auto", "sdpa", "eager")
COMPANIONS = (GENES_FILE, TRACKS_FILE, EXONS_FILE)


class WindowGeneModel(GeneModel):
    """A network that reads windows, with its tracks, genes and their exons; see :class:`GeneModel`.

    Its config is a ``WindowSettings``; its ``forward`` takes ``dna``, ``gene``, ``bins``, ``outputs`` and ``labels`` as
    :meth:`batch` gives them, and returns ``logits`` and ``loss``.

    Args:
        network: the model.
        gene_table: the genes it knows.
        tracks: what it predicts, of the head ``config.gene_head``.
        exons: of the genes; None = none are known.
        identity, device, precision: as for :class:`GeneModel`.
        read_out: see :class:`ReadOut`; None = the config's.
        window: bases that are read; None = the config's ``input_length``.

    Raises:
        InputError: the network does not read such a window; there is no such read-out, or more bins or exons are asked
            for than there are.
    """

    abilities: ClassVar[Abilities] = Abilities(gradients=True)
    modes: ClassVar[tuple[str, ...]] = (HAPLOTYPES, "haplotype1", "haplotype2", "alt", "ref", "iupac")

    def __init__(
        self,
        network: PreTrainedModel,
        gene_table: GeneTable,
        tracks: Sequence[Track],
        exons: ExonTable | None = None,
        *,
        identity: ModelIdentity | None = None,
        device: str = "auto",
        precision: str = "auto",
        read_out: str | None = None,
        window: int | None = None,
    ) -> None:
        super().__init__(network, gene_table, identity=identity, device=device, precision=precision)
        config: Any = network.config
        self.tracks, self.exons = tuple(tracks), exons or ExonTable({})
        self.tissue_names = track_names(tracks)
        length = window or config.input_length
        check_length(config, length, self.identity.name)
        self.form = WindowForm(length, config.bin_size, ReadOut.parse(read_out or config.read_out))
        self.form.read_out.check(length, config.bin_size)
        self.genes_at_once = max(1, min(self.genes_at_once, BASES_AT_ONCE // length))
        if self.form.read_out.kind == "exons":
            self._check_exons()

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
        read_out: str | None = None,
        window: int | None = None,
        attention: str = "auto",
        force_companions: bool = False,
    ) -> "WindowGeneModel":
        """Load a model folder, or a repository of the Hub, with the tables that travel in it.

        Args:
            model: folder or Hub id.
            revision: branch, tag or commit of a Hub repository.
            device, precision, read_out, window: as for the class.
            attention: ``sdpa`` or ``eager``; ``auto`` = sdpa.
            force_companions: go on where a table of the folder is another model's, instead of stopping.

        Raises:
            InputError: a file of the model is missing, cannot be read, or is another model's; as for the class.
        """
        if attention not in ATTENTIONS:
            raise InputError(
                f"models of the type {cls.model_type!r} have no attention {attention!r}",
                remedy=f"Choose one of {', '.join(ATTENTIONS)}.",
            )
        _refuse_without_tables(model, revision)
        check_companions(model, revision=revision, force=force_companions)
        network = load_strictly(
            cls.architecture(),
            model,
            dtype=choose_dtype(precision, choose_device(device)),
            revision=revision,
            attn_implementation="sdpa" if attention == "auto" else attention,
        )
        genes, tracks, exons = cls._tables(model, network.config, revision)
        identity = model_identity(model, revision=revision)
        return cls(
            network,
            genes,
            tracks,
            exons,
            identity=identity,
            device=device,
            precision=precision,
            read_out=read_out,
            window=window,
        )

    @staticmethod
    def _tables(
        model: str | Path, config: Any, revision: str | None
    ) -> tuple[GeneTable, list[Track], ExonTable | None]:
        genes = GeneTable.read(model_file(model, GENES_FILE, revision=revision))
        n_tracks = (config.tracks or {}).get(config.gene_head, 0)
        tracks = read_tracks(model_file(model, TRACKS_FILE, revision=revision), n_tracks)
        if not has_model_file(model, EXONS_FILE, revision=revision):
            return genes, tracks, None
        return genes, tracks, ExonTable.read(model_file(model, EXONS_FILE, revision=revision))

    @classmethod
    def load_regions(
        cls, model: str | Path, reference: ReferenceGenome, *, force_companions: bool = False
    ) -> tuple[GeneTable, RegionFinder]:
        """From the table and the config alone, see :class:`GeneModel`."""
        _refuse_without_tables(model, None)
        check_companions(model, force=force_companions)
        config = cls.architecture().config_class.from_pretrained(model)
        genes = GeneTable.read(model_file(model, GENES_FILE))
        return genes, _region_finder(genes, reference, config.input_length)

    def save(self, folder: str | Path) -> None:
        """Write a folder for :meth:`load`."""
        folder = Path(folder)
        self.network.save_pretrained(folder)
        self.save_tables(folder)

    def save_tables(self, folder: Path) -> None:
        """Write what travels with the weights into their folder, and the hashes of all."""
        write_tables(folder, self.gene_table, self.tracks, self.exons)

    def region_finder(self, reference: ReferenceGenome) -> RegionFinder:
        """Windows around the TSS of genes, as far as their contigs have them."""
        return _region_finder(self.gene_table, reference, self.form.length)

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """A batch of B genes and their W windows.

        Returns:
            dna (W, L, 4) float32; gene (W,), the row that each window is of; bins (W, bins) bool, what is read of each;
            outputs (B, T), and labels (B, T) where there are any.
        """
        windows = [(row, each) for row, given in enumerate(inputs) for each in cast(WindowInput, given).windows]
        letters = np.stack([each.letters for _, each in windows])
        batch = {
            "dna": torch.from_numpy(one_hot(letters, n=float(self.config.n_share), iupac=True)),
            "gene": torch.tensor([row for row, _ in windows]),
            "bins": torch.from_numpy(np.stack([each.bins for _, each in windows])),
            "outputs": torch.from_numpy(np.asarray(outputs, dtype=np.int64)),
        }
        if labels is not None:
            batch["labels"] = torch.from_numpy(np.asarray(labels, dtype=np.float32))
        return batch

    def open(self, reference: ReferenceGenome) -> WindowOpened:
        """The model for one reference genome, see :class:`GeneModel`."""
        return WindowOpened(self, reference)

    def settings(self) -> dict[str, Any]:
        """The window and what is read of it."""
        return {"window": self.form.length, "read_out": str(self.form.read_out)}

    def companions(self) -> dict[str, str]:
        """Hashes of genes, tracks and exons."""
        tables = {"tracks": track_table(self.tracks), "exons": self.exons.table}
        return {**table_digests(self.gene_table), **{name: arrow_sha256(table) for name, table in tables.items()}}

    def _check_exons(self) -> None:
        """Refuse genes that the read-out finds nothing of, before any is predicted."""
        half, length = self.form.length // 2, self.form.length
        without = []
        for gene in self.gene_table:
            places = self.exons.of(gene) - (gene.tss - half)
            if not ((places[:, 0] < length) & (places[:, 1] > 0)).any():
                without.append(gene.gene_id)
        if without:
            raise InputError(
                f"the read-out exons finds no exon of {len(without):,} genes in their windows (first: {without[0]})",
                file=self.identity.name,
                remedy="Convert the model with a GTF (--genes FILE.gtf), or choose another, such as --read-out tss:3.",
            )


def _refuse_without_tables(model: str | Path, revision: str | None) -> None:
    """Say of a folder that holds a network alone what it lacks, before its weights are read."""
    for name in (GENES_FILE, TRACKS_FILE):
        if not has_model_file(model, name, revision=revision):
            raise InputError(
                f"is a network without {name}: it predicts no genes",
                file=model,
                remedy="Convert it again with --targets FILE (names of its tracks) and --genes FILE.gtf.",
            )


def _region_finder(genes: GeneTable, reference: ReferenceGenome, length: int) -> RegionFinder:
    """Windows around the TSS of genes, as far as their contigs have them."""

    def on_contig(gene: Gene, contig_length: int) -> tuple[int, int]:
        start = gene.tss - length // 2
        return max(0, start), min(contig_length, start + length)

    return RegionFinder(genes, reference, on_contig)


def write_tables(folder: Path, genes: GeneTable, tracks: Sequence[Track], exons: ExonTable | None) -> None:
    """Write what travels with a network of windows into its folder, and the hashes of all into its config."""
    genes.save(folder / GENES_FILE)
    write_tracks(tracks, folder / TRACKS_FILE)
    if exons is not None and exons.table.num_rows:
        exons.save(folder / EXONS_FILE)
    write_companions(folder, COMPANIONS)
