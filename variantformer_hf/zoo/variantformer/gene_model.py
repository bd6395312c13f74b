"""VariantFormer as the zoo asks it."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch

from ...errors import InputError
from ...folder import CRES_FILE, GENES_FILE, cache_folder
from ...genome.cres import CreTable
from ...genome.genes import Gene, GeneTable
from ...genome.personal import PersonalGenome
from ...genome.reference import ReferenceGenome
from ...modeling import (
    VariantFormerEncoderConfig,
    VariantFormerForExpression,
    VariantFormerProcessor,
    choose_attention,
)
from ...modeling.variantformer.processing_variantformer import stack_padded, token_rows
from ...work.units import Engine
from ..abilities import Abilities
from ..companions import check_companions, write_companions
from ..device import choose_device, choose_dtype
from ..gene_input import GeneInput
from ..gene_model import StoringGeneModel, gene_named
from ..gene_regions import GeneRegions, GeneSequences, RegionFinder, gene_sequences
from ..model_files import ModelIdentity, model_file, model_identity, pinned_revision
from ..stored import Precomputed
from .companions import companion_digests
from .element_store import ElementStore, encoder_identity
from .loading import load_expression_model, load_processor
from .opened_model import VariantFormerOpened
from .precompute import precompute
from .regions import region_finder
from .token_input import TokenInput
from .token_rows import window_rows

logger = logging.getLogger(__name__)

ATTENTIONS = {"flash": "variantformer_varlen", "flex": "variantformer_flex", "sdpa": "sdpa", "eager": "eager"}
# Tokens of cCREs -> their vectors, (n, E) float32.
ElementVectors = Callable[[Sequence[np.ndarray]], np.ndarray]


class VariantFormerGeneModel(StoringGeneModel):
    """VariantFormer with its tokenizer, genes and cCREs; see :class:`GeneModel`.

    Args:
        network: the model.
        processor: sequences -> model inputs.
        gene_table: the genes it knows.
        cre_table: the cCREs it looks at.
        identity, device: as for :class:`GeneModel`.
        precision: ``auto`` (bfloat16 on cuda, else float32), ``float32``, ``bfloat16`` (the residual stream stays in
            float32) or ``released`` (bfloat16 throughout, as the published numbers were made).
        store: vectors of cCREs on disk, see :meth:`cre_store`; None = none.
    """

    model_type: ClassVar[str] = "variantformer"
    precisions: ClassVar[tuple[str, ...]] = ("float32", "bfloat16", "released")
    abilities: ClassVar[Abilities] = Abilities(
        cres=True, cre_attention=True, embeddings=True, changed_embeddings=True, phase_shifts=True, store=True
    )

    def __init__(
        self,
        network: VariantFormerForExpression,
        processor: VariantFormerProcessor,
        gene_table: GeneTable,
        cre_table: CreTable,
        *,
        identity: ModelIdentity | None = None,
        device: str = "auto",
        precision: str = "auto",
        store: ElementStore | None = None,
    ) -> None:
        super().__init__(network, gene_table, identity=identity, device=device, precision=precision)
        if precision == "released":
            _round_residuals(self.network)
        self.processor, self.cre_table, self.store = processor, cre_table, store
        self.embedding_width = network.config.hidden_size
        # cCREs' vectors where the cCRE encoder is frozen; None = their tokens go into a batch.
        self.element_vectors: ElementVectors | None = None

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        store: str | Path | None = "auto",
        attention: str = "auto",
        compile_layers: bool = False,
        force_companions: bool = False,
        **model_options: Any,
    ) -> "VariantFormerGeneModel":
        """Load a model folder, or a repository of the Hub, with the tables that travel in it.

        Args:
            model: folder or Hub id.
            revision: branch, tag or commit of a Hub repository.
            device, precision: as for the class.
            store: folder of cCREs' vectors that ``precompute`` made or that is to be begun; ``auto`` = the one that
                ``variantformer precompute`` made for this model, where there is one; None = none.
            attention: ``auto`` (flash-attn where it is installed and can be used, else sdpa; the log says why),
                ``flash``, ``flex``, ``sdpa`` or ``eager``.
            compile_layers: compile the model's layers with ``torch.compile``; pays off on long runs only.
            force_companions: go on where tokenizer, geometry or tables are another model's, instead of stopping.
            **model_options: passed to ``VariantFormerForExpression.from_pretrained``.

        Raises:
            InputError: a file of the model is missing, cannot be read, or is another model's (see
                ``check_companions``).
        """
        revision = pinned_revision(model, revision)
        check_companions(model, revision=revision, force=force_companions)
        genes = GeneTable.read(model_file(model, GENES_FILE, revision=revision))
        cres = CreTable.read(model_file(model, CRES_FILE, revision=revision))
        dtype = choose_dtype(precision, choose_device(device))
        model_options.setdefault("attn_implementation", _attention(attention, choose_device(device), dtype))
        loaded = cls(
            load_expression_model(model, dtype=dtype, revision=revision, **model_options),
            load_processor(model, revision=revision),
            genes,
            cres,
            identity=model_identity(model, revision=revision),
            device=device,
            precision=precision,
        )
        if compile_layers:
            loaded.network.compile_layers()
        if store is not None and (store != "auto" or loaded.default_store().is_dir()):
            loaded.store = loaded.cre_store(None if store == "auto" else store)
        return loaded

    @classmethod
    def load_regions(
        cls, model: str | Path, reference: ReferenceGenome, *, force_companions: bool = False
    ) -> tuple[GeneTable, RegionFinder]:
        """From the tables alone, see :class:`GeneModel`."""
        check_companions(model, force=force_companions)
        genes = GeneTable.read(model_file(model, GENES_FILE))
        cres = CreTable.read(model_file(model, CRES_FILE))
        return genes, region_finder(genes, cres, load_processor(model), reference)

    def save(self, folder: str | Path) -> None:
        """Write a folder for :meth:`load`."""
        folder = Path(folder)
        self.network.save_pretrained(folder)
        self.save_companions(folder)

    def save_companions(self, folder: Path) -> None:
        """Write what travels with the weights into their folder, and the hashes of all."""
        self.processor.save_pretrained(folder)
        self.gene_table.save(folder / GENES_FILE)
        self.cre_table.save(folder / CRES_FILE)
        write_companions(folder)

    def region_finder(self, reference: ReferenceGenome) -> RegionFinder:
        """Windows of genes, and the cCREs around."""
        return region_finder(self.gene_table, self.cre_table, self.processor, reference)

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """A batch of B genes: the longest one's N cCREs and M windows, T tissues.

        Returns:
            cre_input_ids and cre_attention_mask (B, N, L), or cre_embeds (B, N, E) where ``element_vectors`` is set;
            cre_class_ids, cre_mask (B, N); gene_input_ids, gene_attention_mask (B, M, L); gene_mask (B, M);
            tissue_ids (B, T), and labels (B, T) where there are any.
        """
        genes = [cast(TokenInput, each).tokens for each in inputs]
        length = self.processor.token_length
        elements = [[each.elements[row][:length] for row in range(len(each.elements))] for each in genes]
        windows = []
        for each in genes:
            assert each.window is not None
            rows = window_rows(each.window, self.processor)
            windows.append([rows[row] for row in range(len(rows))])
        batch = {
            "cre_class_ids": torch.from_numpy(stack_padded([each.class_ids for each in genes], 0)),
            "cre_mask": _presence([len(each) for each in elements]),
            "gene_mask": _presence([len(each) for each in windows]),
            "tissue_ids": torch.from_numpy(np.asarray(outputs, dtype=np.int64)),
        }
        batch["gene_input_ids"], batch["gene_attention_mask"] = self._rows(windows)
        if self.element_vectors is None:
            batch["cre_input_ids"], batch["cre_attention_mask"] = self._rows(elements)
        else:
            batch["cre_embeds"] = torch.from_numpy(stack_padded([self.element_vectors(each) for each in elements], 0))
        if labels is not None:
            batch["labels"] = torch.from_numpy(np.asarray(labels, dtype=np.float32))
        return batch

    def open(self, reference: ReferenceGenome) -> "VariantFormerOpened":
        """The model for one reference genome, see :class:`GeneModel`."""
        return VariantFormerOpened(self, reference)

    def cre_names(self, regions: GeneRegions) -> list[str]:
        """Accessions of a gene's cCREs, in the model's order."""
        names: list[str] = self.cre_table.table["name"].take(regions.cre_rows).to_pylist()
        return names

    def companions(self) -> dict[str, str]:
        """Hashes of tokenizer, processor and tables."""
        return companion_digests(self.processor, self.gene_table, self.cre_table)

    def without_network(self) -> "VariantFormerGeneModel":
        """For reading and batching only, see :class:`GeneModel`."""
        light = cast(VariantFormerGeneModel, super().without_network())
        light.store = None
        return light

    def sequences(self, person: PersonalGenome, gene: str) -> GeneSequences:
        """One person's sequences of a gene, ready for :meth:`gene_inputs`.

        Args:
            person: the genome.
            gene: symbol or Ensembl id, version optional.

        Raises:
            InputError: the model has no such gene, or the genome's FASTA lacks its contig.
        """
        return gene_sequences(self.region_finder(person.reference).find(gene_named(self, gene)), person.sequences)

    def gene_inputs(self, sequences: GeneSequences) -> Any:
        """The network's inputs (a batch of one gene) from one person's sequences."""
        return self.processor(
            cre_sequences=sequences.cre_sequences,
            cre_classes=sequences.cre_class_ids.tolist(),
            gene_sequence=sequences.gene_sequence,
            return_tensors="pt",
        )

    def ready_batch(self, sequences: Any, outputs: Sequence[int]) -> dict[str, torch.Tensor]:
        """A batch of one gene from a dict of its sequences, see :class:`GeneModel`."""
        wanted = {"cre_sequences", "cre_classes", "gene_sequence"}
        if not isinstance(sequences, dict) or sequences.keys() != wanted:
            raise InputError(f"sequences are given as a dict of {', '.join(sorted(wanted))}")
        return {**self.processor(**sequences, return_tensors="pt"), "tissue_ids": torch.tensor([list(outputs)])}

    @torch.inference_mode()
    def predict_gene(self, sequences: GeneSequences, tissue_ids: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """One person's prediction of one gene, by the way without a shortcut.

        Returns:
            log1p TPM, (T,) float32; embeddings, (T, width) float32.
        """
        inputs = self.gene_inputs(sequences).to(self.device)
        ids = torch.tensor([list(tissue_ids)], device=self.device)
        output = self.network(**inputs, tissue_ids=ids)
        return output.logits[0].float().cpu().numpy(), output.embeddings[0].float().cpu().numpy()

    def default_store(self) -> Path:
        """Where ``variantformer precompute`` keeps the vectors of this model's cCREs in this precision."""
        return cache_folder() / "elements" / self._encoder_identity()

    def cre_store(self, folder: str | Path | None = None) -> ElementStore:
        """The store of this model's cCREs in this precision.

        Args:
            folder: where it is or will be; None = :meth:`default_store`.

        Raises:
            InputError: the folder belongs to another model, or the model was not loaded from files, so that nothing
                says which model it is.
        """
        if not self.identity.sha256:
            raise InputError(
                "a store needs a model that was loaded from its files", remedy="Save the model, and load it from there."
            )
        return ElementStore(folder or self.default_store(), self._encoder_identity(), self._encoder.hidden_size)

    def store_folder(self, folder: str | Path | None = None) -> Path:
        """Where its vectors are or will be, see :class:`StoringGeneModel`."""
        return self.cre_store(folder).folder

    def precompute(
        self,
        reference: ReferenceGenome,
        folder: str | Path | None = None,
        *,
        genes: list[Gene] | None = None,
        share: tuple[int, int] = (0, 1),
        wait: Callable[[], None] = lambda: None,
        on_cres: Callable[[int, int], None] | None = None,
        engine: Engine | None = None,
    ) -> Precomputed:
        """Encode the reference's cCREs into a store, see :class:`StoringGeneModel`."""
        store = self.cre_store(folder)
        opened = VariantFormerOpened(self, reference)
        return precompute(opened, store, genes=genes, share=share, wait=wait, on_cres=on_cres, engine=engine)

    @property
    def _encoder(self) -> VariantFormerEncoderConfig:
        return cast(VariantFormerEncoderConfig, self.network.config.encoder_config)

    def _encoder_identity(self) -> str:
        return encoder_identity(self.identity.sha256, self._encoder, self.precision)

    def _rows(self, genes: Sequence[Sequence[np.ndarray]]) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, R, L) ids and attention mask of rows of tokens."""
        length, pad = self.processor.token_length, self.processor.tokenizer.pad_token_id
        ids, masks = zip(*(token_rows(rows, length, pad) for rows in genes), strict=True)
        return torch.from_numpy(stack_padded(ids, pad)), torch.from_numpy(stack_padded(masks, 0))


def _presence(counts: Sequence[int]) -> torch.Tensor:
    return torch.arange(max(counts))[None] < torch.tensor(counts)[:, None]


def _attention(asked: str, device: torch.device, dtype: torch.dtype) -> str:
    """Name of an attention implementation as transformers knows it.

    Raises:
        InputError: no such implementation.
    """
    if asked == "auto":
        name, reason = choose_attention(device, dtype)
        logger.info("attention: %s (%s)", name, reason)
        return name
    if asked not in ATTENTIONS:
        raise InputError(f"there is no attention {asked!r}", remedy=f"Choose auto or one of {', '.join(ATTENTIONS)}.")
    return ATTENTIONS[asked]


def _round_residuals(model: torch.nn.Module) -> None:
    """Keep the residual streams in the type of the weights."""
    for module in model.modules():
        config = getattr(module, "config", None)
        if config is not None and hasattr(config, "residual_dtype"):
            config.residual_dtype = "model"
