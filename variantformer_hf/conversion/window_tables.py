"""Tracks, genes and exons for the folder of a network of windows: with them it predicts people's genes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..genome.exons import ExonTable
from ..genome.genes import GeneTable
from ..zoo.window.track_model import write_tables
from ..zoo.window.tracks import Track, read_targets, targets_rows
from .planned import ConversionRequest

FILES, OPTIONS = ("targets", "genes"), ("head",)
_HUMAN = "human"
_FEATURES = ("gtf", "gff", "gff3")


@dataclass(frozen=True, slots=True)
class WindowTables:
    """What a conversion was given beside the weights.

    Attributes:
        targets: names of the tracks; None = none were given, and nothing is written.
        genes: the genes, with their exons where it is a GTF or GFF3.
        head: whose tracks they are; None = ``human``, or the only one.
    """

    targets: Path | None
    genes: Path | None
    head: str | None

    @classmethod
    def of(cls, request: ConversionRequest) -> "WindowTables":
        """Those of a request.

        Raises:
            InputError: one of the two without the other.
        """
        targets, genes = (request.files.get(name) for name in FILES)
        if (targets is None) != (genes is None):
            raise InputError(
                "tracks and genes are needed together for predictions of genes, and one of them is given",
                remedy="Give --targets FILE and --genes FILE.gtf, or neither.",
            )
        head = request.options.get("head")
        if head is not None and targets is None:
            raise InputError("--head says whose tracks --targets names, which is not given", remedy="Leave it out.")
        return cls(targets, genes, head)

    def settle(self, config: Any) -> None:
        """Write into a config whose tracks are predicted, and for which assembly.

        Raises:
            InputError: the network has no such head.
        """
        if self.targets is None:
            return
        tracks = config.tracks or {}
        head = self.head or (_HUMAN if _HUMAN in tracks or len(tracks) != 1 else next(iter(tracks)))
        if head not in tracks:
            raise InputError(
                f"names tracks of the head {head!r}, and the model has {', '.join(tracks) or 'none'}",
                file=self.targets,
                remedy="Name the head by --head." if tracks else "Give a checkpoint with heads.",
            )
        rows = targets_rows(self.targets)
        others = [name for name, count in tracks.items() if count == rows and name != head]
        if others and tracks[head] != rows:
            raise InputError(
                f"names {rows:,} tracks, as many as the head {others[0]!r} has; {head!r} has {tracks[head]:,}",
                file=self.targets,
                remedy=f"Give --head {others[0]}, or the targets file of {head!r}.",
            )
        config.gene_head = head
        config.assembly = "GRCh38" if head == _HUMAN else None

    def write(self, folder: Path, config: Any) -> list[str]:
        """Write them into a folder whose weights and config are there, with their hashes.

        Returns:
            Facts for the folder's card; none where nothing was given.

        Raises:
            InputError: a file cannot be read; exons are what a gene's value is read from, and there are none.
        """
        if self.targets is None or self.genes is None:
            return []
        tracks: list[Track] = read_targets(self.targets, config.tracks[config.gene_head])
        genes, exons = GeneTable.read(self.genes), None
        if self.genes.name.lower().removesuffix(".gz").endswith(tuple(f".{each}" for each in _FEATURES)):
            exons = ExonTable.read_features(self.genes, genes)
        elif config.read_out == "exons":
            raise InputError(
                "has no exons, over which the values of a gene are added up",
                file=self.genes,
                remedy="Give a GTF or GFF3.",
            )
        write_tables(folder, genes, tracks, exons)
        return [
            f"Tracks: {len(tracks):,} of the head `{config.gene_head}`, named by `{self.targets.name}`",
            f"Genes: {len(genes):,} of `{self.genes.name}`{'' if exons is None else ', with exons'}",
            f"A gene's value: a track's sum over `{config.read_out}` of {config.input_length:,} bases around its TSS",
        ]
