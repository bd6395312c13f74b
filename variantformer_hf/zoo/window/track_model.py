"""Networks that predict tracks of a window's bins, of which genes' values are read out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from transformers import PreTrainedModel

from ...errors import InputError
from ...folder import EXONS_FILE, GENES_FILE, TRACKS_FILE
from ...genome.exons import ExonTable
from ...genome.genes import GeneTable
from ..companions import arrow_sha256, table_digests, write_companions
from ..gene_input import GeneInput
from ..model_files import ModelIdentity, has_model_file, model_file, model_identity
from .gene_model import WindowGeneModel
from .read_out import ReadOut
from .tracks import Track, read_tracks, track_names, track_table, write_tracks
from .window_input import WindowInput

COMPANIONS = (GENES_FILE, TRACKS_FILE, EXONS_FILE)


class TrackGeneModel(WindowGeneModel):
    """A network with heads of tracks, its tracks, genes and their exons; see :class:`WindowGeneModel`.

    Its config is a ``TrackSettings``; its ``forward`` also takes ``bins``.

    Args:
        network: the model.
        gene_table: the genes it knows.
        tracks: what it predicts, of the head ``config.gene_head``.
        exons: of the genes; None = none are known.
        identity, device, precision, window: as for :class:`WindowGeneModel`.
        read_out: see :class:`ReadOut`; None = the config's.

    Raises:
        InputError: as for :class:`WindowGeneModel`; there is no such read-out, or no exon that it asks for.
    """

    tables: ClassVar[tuple[str, ...]] = (GENES_FILE, TRACKS_FILE)
    remedy: ClassVar[str] = "Convert it again with --targets FILE (names of its tracks) and --genes FILE.gtf."

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
        config: Any = network.config
        super().__init__(
            network,
            gene_table,
            identity=identity,
            device=device,
            precision=precision,
            window=window,
            read_out=ReadOut.parse(read_out or config.read_out),
            exons=exons,
        )
        self.tracks, self.exons = tuple(tracks), self.form.exons
        self.tissue_names = track_names(tracks)
        if self.form.read_out.kind == "exons":
            self._check_exons()

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
    ) -> "TrackGeneModel":
        """Load a model folder, or a repository of the Hub, with the tables that travel in it.

        Args:
            model, revision, device, precision, window, attention, force_companions: see :meth:`WindowGeneModel.load`.
            read_out: as for the class.

        Raises:
            InputError: a file of the model is missing, cannot be read, or is another model's; as for the class.
        """
        network = cls.load_network(model, revision, device, precision, attention, force_companions)
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

    def save_tables(self, folder: Path) -> None:
        """Write what travels with the weights into their folder, and the hashes of all."""
        write_tables(folder, self.gene_table, self.tracks, self.exons)

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """As of :meth:`WindowGeneModel.batch`, and bins (W, bins) bool, what is read of each window."""
        bins = [each.bins for given in inputs for each in cast(WindowInput, given).windows]
        return {**super().batch(inputs, outputs, labels), "bins": torch.from_numpy(np.stack(bins))}

    def settings(self) -> dict[str, Any]:
        """The window and what is read of it."""
        return {**super().settings(), "read_out": str(self.form.read_out)}

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


def write_tables(folder: Path, genes: GeneTable, tracks: Sequence[Track], exons: ExonTable | None) -> None:
    """Write what travels with a network of tracks into its folder, and the hashes of all into its config."""
    genes.save(folder / GENES_FILE)
    write_tracks(tracks, folder / TRACKS_FILE)
    if exons is not None and exons.table.num_rows:
        exons.save(folder / EXONS_FILE)
    write_companions(folder, COMPANIONS)
