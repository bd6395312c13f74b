"""Models of how many copies of variants a person carries, as the zoo asks them."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import PreTrainedModel

from ...errors import InputError
from ...files import whole_file
from ...folder import FITS_FILE, GENES_FILE, VARIANTS_FILE
from ...genome.genes import GeneTable
from ...genome.options import DIPLOID
from ...genome.reference import ReferenceGenome
from ...modeling import ForestDosageForExpression, LinearDosageForExpression
from ..companions import check_companions, write_companions
from ..gene_input import GeneInput
from ..gene_model import GeneModel
from ..gene_regions import RegionFinder
from ..model_files import ModelIdentity, load_strictly, model_file, model_identity
from .dosage_input import DosageInput
from .opened_model import DosageOpened
from .variants import ModelVariants
from .windows import dosage_window

TABLES = (GENES_FILE, VARIANTS_FILE, FITS_FILE)


class DosageGeneModel(GeneModel):
    """A network of dosages, with its genes and their variants; see :class:`GeneModel`.

    Args:
        network: the model.
        gene_table: the genes that it was fitted to, in the order of their numbers.
        variants: of each gene.
        fits: what became of each gene and output, see ``training.dosage``; None = not known.
        identity, device, precision: as for :class:`GeneModel`; ``auto`` is float32 everywhere.

    Attributes:
        number_of: gene id -> number.
        counts: sample -> dosages that were read in this process, and those of them that are the mean of the fit, as
            the genotype was ``missing`` or the file has no record of the variant (``absent``).
    """

    modes: tuple[str, ...] = (DIPLOID,)
    genes_at_once: int = 64

    def __init__(
        self,
        network: PreTrainedModel,
        gene_table: GeneTable,
        variants: ModelVariants,
        fits: pa.Table | None = None,
        *,
        identity: ModelIdentity | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        precision = "float32" if precision == "auto" else precision
        super().__init__(network, gene_table, identity=identity, device=device, precision=precision)
        config: Any = network.config
        if not config.n_genes == len(gene_table) == len(variants.first) - 1:
            raise InputError(
                f"the network has {config.n_genes} genes, its tables {len(gene_table)} and {len(variants.first) - 1}",
                file=self.identity.name,
                remedy="Fit the model again.",
            )
        self.variants = variants
        self.fits = fits if fits is not None else pa.table({"gene_id": pa.array([], pa.string())})
        self.counts: dict[str, Counter[str]] = {}
        self.number_of = {gene.gene_id: number for number, gene in enumerate(gene_table)}

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
        force_companions: bool = False,
    ) -> "DosageGeneModel":
        """Load a model folder, or a repository of the Hub; arguments and errors as of any family."""
        check_companions(model, revision=revision, force=force_companions)
        network = load_strictly(cls.architecture(), model, dtype=torch.float32, revision=revision)
        genes = GeneTable.read(model_file(model, GENES_FILE, revision=revision))
        variants = ModelVariants.read(model_file(model, VARIANTS_FILE, revision=revision), genes)
        fits = pq.read_table(model_file(model, FITS_FILE, revision=revision))
        identity = model_identity(model, revision=revision)
        return cls(network, genes, variants, fits, identity=identity, device=device, precision=precision)

    def save(self, folder: str | Path) -> None:
        """Write a folder for :meth:`load`."""
        folder = Path(folder)
        self.network.save_pretrained(folder)
        self.gene_table.save(folder / GENES_FILE)
        self.variants.save(folder / VARIANTS_FILE, self.gene_table)
        with whole_file(folder / FITS_FILE) as partial:
            pq.write_table(self.fits, partial)
        write_companions(folder, TABLES)

    def region_finder(self, reference: ReferenceGenome) -> RegionFinder:
        """Where the variants of genes were looked for, as far as their contigs have it."""
        return RegionFinder(self.gene_table, reference, dosage_window(self.config.anchor, self.config.radius))

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """A batch of B genes.

        Returns:
            dosage (B, V) float32; gene (B,), outputs (B, T) int64, and labels (B, T) where there are any.
        """
        read = [cast(DosageInput, each) for each in inputs]
        dosage = np.zeros((len(read), max(1, *(len(each.dosage) for each in read))), dtype=np.float32)
        for row, each in zip(dosage, read, strict=True):
            row[: len(each.dosage)] = each.dosage
        batch = {
            "dosage": torch.from_numpy(dosage),
            "gene": torch.tensor([each.gene for each in read]),
            "outputs": torch.from_numpy(np.asarray(outputs, dtype=np.int64)),
        }
        if labels is not None:
            batch["labels"] = torch.from_numpy(np.asarray(labels, dtype=np.float32))
        return batch

    def open(self, reference: ReferenceGenome) -> DosageOpened:
        """The model for one reference genome, see :class:`GeneModel`."""
        return DosageOpened(self, reference)

    def companions(self) -> dict[str, str]:
        """As of any model, and of the variants."""
        return {**super().companions(), "variants": self.variants.digest()}

    def settings(self) -> dict[str, Any]:
        """The kind of baseline."""
        return {"kind": self.config.kind}


class LinearDosageGeneModel(DosageGeneModel):
    """A weighted sum of dosages for each gene and output: ``mean``, ``reference``, ``top-snp``, ``elastic-net``, and
    what ``linearize`` makes of a sequence model."""

    model_type: ClassVar[str] = "dosage_linear"

    @classmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the network."""
        return LinearDosageForExpression

    def weights(self, output: int) -> dict[str, np.ndarray]:
        """The weights of one output, other than 0: gene and variant, (n,) int64, by number in the model and in the
        gene's ``variants``, and weight, (n,) float32, of a copy of ALT; ``effect`` beside it, as of :meth:`effects`,
        NaN where it is not known."""
        found = self._beside_weights(output)
        is_weight = found["weight"] != 0
        return {name: array[is_weight] for name, array in found.items()}

    def effects(self, output: int) -> dict[str, np.ndarray]:
        """What a sequence model says of variants by themselves in one output, where it is known, weight or not: gene
        and variant as of :meth:`weights`, and effect, (n,) float32, of a copy of ALT, in the unit of the model."""
        found = self._beside_weights(output)
        is_known = ~np.isnan(found["effect"])
        return {name: found[name][is_known] for name in ("gene", "variant", "effect")}

    def _beside_weights(self, output: int) -> dict[str, np.ndarray]:
        first, step = self.network.first.cpu().numpy(), self.config.n_outputs
        begin, end = first[:-1][output::step], first[1:][output::step]
        which = np.concatenate([np.zeros(0, np.int64), *map(np.arange, begin, end)])
        weight = self.network.weight.detach().float().cpu().numpy()[which]
        gene = np.repeat(np.arange(len(begin)), end - begin)
        effect = np.full(len(weight), np.nan, dtype=np.float32)
        if self.config.has_effects:
            network = self.network
            effects = network.effect.float().masked_fill(~network.is_scored, torch.nan)
            effect = effects.cpu().numpy()[which]
        variant = self.network.variant.cpu().numpy()[which]
        return {"gene": gene, "variant": variant, "weight": weight, "effect": effect}


class ForestDosageGeneModel(DosageGeneModel):
    """Random forests of genes: ``forest``."""

    model_type: ClassVar[str] = "dosage_forest"

    @classmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the network."""
        return ForestDosageForExpression
