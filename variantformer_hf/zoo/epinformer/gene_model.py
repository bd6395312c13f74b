"""EPInformer as the zoo asks it: a gene's expression from a person's promoter and elements."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch

from ...errors import InputError
from ...folder import ELEMENTS_FILE, GENE_FEATURES_FILE, GENES_FILE
from ...genome.genes import GeneTable
from ...genome.options import HAPLOTYPES
from ...genome.reference import ReferenceGenome
from ...modeling import EPInformerConfig, EPInformerModel, EPInformerProcessor
from ...tokenization.one_hot import one_hot
from ..abilities import Abilities
from ..companions import arrow_sha256, check_companions, table_digests, write_companions
from ..device import choose_device, choose_dtype
from ..gene_input import GeneInput
from ..gene_model import GeneModel
from ..gene_regions import GeneRegions, RegionFinder
from ..model_files import ModelIdentity, has_model_file, load_strictly, model_file, model_identity
from .element_input import ElementInput
from .element_regions import ElementRegionFinder
from .element_table import ElementTable
from .gene_features import GeneFeatures
from .opened_model import EPInformerOpened

TABLES = (GENES_FILE, ELEMENTS_FILE, GENE_FEATURES_FILE)


class EPInformerGeneModel(GeneModel):
    """EPInformer with its genes, their elements, and what is known of both; see :class:`GeneModel`.

    Elements are ABC's candidates of one cell line, and stand where other models have cCREs: a knock-out takes them away
    one by one. A person is read as two haplotypes, each by itself, insertions and deletions with them, and the two
    numbers are averaged.

    Args:
        network: the model.
        gene_table: the genes it knows.
        elements: of the genes.
        gene_features: of all genes.
        identity, device, precision: as for :class:`GeneModel`.

    Raises:
        InputError: elements or features that are not those of these genes, or of this network.
    """

    model_type: ClassVar[str] = "epinformer"
    abilities: ClassVar[Abilities] = Abilities(cres=True, gradients=True)
    modes: tuple[str, ...] = (HAPLOTYPES, "haplotype1", "haplotype2", "alt", "ref", "iupac")

    def __init__(
        self,
        network: EPInformerModel,
        gene_table: GeneTable,
        elements: ElementTable,
        gene_features: GeneFeatures,
        *,
        identity: ModelIdentity | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        super().__init__(network, gene_table, identity=identity, device=device, precision=precision)
        config = network.config
        elements.check(gene_table, config, ELEMENTS_FILE)
        gene_features.check(gene_table, config.gene_features or (), config.embedding_size)
        self.elements, self.gene_features = elements, gene_features

    @classmethod
    def load(  # type: ignore[override]
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        force_companions: bool = False,
    ) -> "EPInformerGeneModel":
        """Load a model folder, or a repository of the Hub, with the tables that travel in it.

        Args:
            model: folder or Hub id.
            revision: branch, tag or commit of a Hub repository.
            device, precision: as for the class.
            force_companions: go on where a table of the folder is another model's, instead of stopping.

        Raises:
            InputError: a file of the model is missing, cannot be read, or is another model's; as for the class.
        """
        _refuse_without_tables(model, revision)
        check_companions(model, revision=revision, force=force_companions)
        network = load_strictly(
            EPInformerModel, model, dtype=choose_dtype(precision, choose_device(device)), revision=revision
        )
        genes, elements, features = (model_file(model, name, revision=revision) for name in TABLES)
        return cls(
            network,
            GeneTable.read(genes),
            ElementTable.read(elements),
            GeneFeatures.read(features),
            identity=model_identity(model, revision=revision),
            device=device,
            precision=precision,
        )

    @classmethod
    def load_regions(
        cls, model: str | Path, reference: ReferenceGenome, *, force_companions: bool = False
    ) -> tuple[GeneTable, RegionFinder]:
        """From the tables and the config alone, see :class:`GeneModel`."""
        _refuse_without_tables(model, None)
        check_companions(model, force=force_companions)
        config = EPInformerConfig.from_pretrained(model)
        genes = GeneTable.read(model_file(model, GENES_FILE))
        elements = ElementTable.read(model_file(model, ELEMENTS_FILE))
        return genes, ElementRegionFinder(genes, reference, elements, config.element_length)

    def save(self, folder: str | Path) -> None:
        """Write a folder for :meth:`load`."""
        folder = Path(folder)
        self.network.save_pretrained(folder)
        self.gene_table.save(folder / GENES_FILE)
        self.elements.save(folder / ELEMENTS_FILE)
        self.gene_features.save(folder / GENE_FEATURES_FILE)
        save_processor(folder, self.network.config)
        write_companions(folder, TABLES)

    def region_finder(self, reference: ReferenceGenome) -> RegionFinder:
        """Promoters and elements of genes in a FASTA."""
        return ElementRegionFinder(self.gene_table, reference, self.elements, self.config.element_length)

    def open(self, reference: ReferenceGenome) -> EPInformerOpened:
        """The model for one reference genome, see :class:`GeneModel`."""
        return EPInformerOpened(self, reference)

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """A batch of B genes and their R readings.

        Returns:
            dna (R, 1 + N, L, 4) float32, N of the gene with the most elements; element_features (R, 1 + N, F);
            gene_features (R, G); embeddings (R, E) where the model reads any; gene (R,), the row that each reading is
            of; outputs (B, T), and labels (B, T) where there are any.
        """
        batch = self.batch_without_dna(inputs, outputs)
        readings = [reading for given in inputs for reading in cast(ElementInput, given).readings]
        dna = np.zeros((*batch["element_features"].shape[:2], self.config.element_length, 4), dtype=np.float32)
        for row, reading in enumerate(readings):
            for place, letters in enumerate(reading):
                if letters is not None:
                    dna[row, place] = self.one_hot(letters)
        batch["dna"] = torch.from_numpy(dna)
        if labels is not None:
            batch["labels"] = torch.from_numpy(np.asarray(labels, dtype=np.float32))
        return batch

    def batch_without_dna(self, inputs: Sequence[GeneInput], outputs: np.ndarray) -> dict[str, torch.Tensor]:
        """The same but for ``dna`` and ``labels``."""
        rows = [(row, cast(ElementInput, given)) for row, given in enumerate(inputs)]
        readings = [(row, given.regions) for row, given in rows for _ in given.readings]
        names = self.config.element_features
        most = max((len(regions.cre_rows) for _, regions in readings), default=0)
        features = np.zeros((len(readings), 1 + most, len(names)), dtype=np.float32)
        for place, (_, regions) in enumerate(readings):
            features[place, 1 : 1 + len(regions.cre_rows)] = self.elements.features(regions.cre_rows, names)
        known = [self.gene_features.row(regions.gene.gene_id) for _, regions in readings]
        batch = {
            "element_features": torch.from_numpy(features),
            "gene_features": torch.from_numpy(self.gene_features.values[known]),
            "gene": torch.tensor([row for row, _ in readings]),
            "outputs": torch.from_numpy(np.asarray(outputs, dtype=np.int64)),
        }
        if self.gene_features.embeddings is not None:
            batch["embeddings"] = torch.from_numpy(self.gene_features.embeddings[known])
        return batch

    def one_hot(self, letters: np.ndarray) -> np.ndarray:
        """(L,) letters -> (L, 4) float32: N is 0, an ambiguity letter the shares of its bases."""
        return one_hot(letters, n=0.0, iupac=True)

    def cre_names(self, regions: GeneRegions) -> list[str]:
        """Elements by their places, see :meth:`ElementTable.names`."""
        return self.elements.names(regions.cre_rows)

    def companions(self) -> dict[str, str]:
        """Hashes of genes, elements and features."""
        tables: dict[str, Any] = {"elements": self.elements.table, "gene_features": self.gene_features.table}
        return {**table_digests(self.gene_table), **{name: arrow_sha256(table) for name, table in tables.items()}}


def save_processor(folder: Path, config: EPInformerConfig) -> None:
    """Write the processor of a network into its folder."""
    sizes = config.element_length, config.num_enhancers, config.num_element_features
    EPInformerProcessor(*sizes).save_pretrained(folder)


def _refuse_without_tables(model: str | Path, revision: str | None) -> None:
    """Say of a folder that holds a network alone what it lacks, before its weights are read."""
    for name in TABLES:
        if not has_model_file(model, name, revision=revision):
            raise InputError(
                f"is a network without {name}: it predicts no genes",
                file=model,
                remedy="Write it with its genes, elements and features (see docs/epinformer.md).",
            )
