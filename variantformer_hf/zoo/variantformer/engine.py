"""The model's work on prepared genes, each piece of it once: elements, then windows, then the streams.

An element of the reference is near some fifty genes, and most of a person's elements are those of the reference. So
elements are encoded by content: what was encoded before, for another gene or person, in this run or, with a store, in
an earlier one, is looked up. Genes of like size share a batch; when memory runs out, batches are halved.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar, cast

import numpy as np
import torch

from ...errors import InputError
from ...modeling import CreContexts, VariantFormerEncoderConfig, VariantFormerForExpression, VariantFormerProcessor
from ...modeling.variantformer.streams_variantformer import StreamQuery, VariantFormerModelOutput
from ..exactness import exact_products
from ..memory import halved, run_in_halves
from .batch_limits import BatchLimits
from .element_store import ElementStore
from .gene_tokens import GeneTokens
from .token_rows import TokenRows, padded_rows, window_rows
from .vector_pool import VectorPool

logger = logging.getLogger(__name__)

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class GeneWork:
    """One person's gene, ready for the model.

    Attributes:
        tokens: its tokens; it has an element and a window.
        reverse: whether the gene is on the reverse strand.
    """

    tokens: GeneTokens
    reverse: bool


@dataclass(frozen=True, slots=True)
class StreamInput:
    """What the streams read of one gene.

    Attributes:
        cre_vectors: (N, E) float32, from the element encoder; at least one.
        class_ids: (N,) int64.
        window_vectors: (M, E) float32, from the windows' encoder; at least one.
        cre_position, window_position: the element and the window whose final vectors are wanted; -1 = none.
        attentions: whether the tissue token's attention is wanted.
    """

    cre_vectors: np.ndarray
    class_ids: np.ndarray
    window_vectors: np.ndarray
    cre_position: int = -1
    window_position: int = -1
    attentions: bool = False


@dataclass(frozen=True, slots=True)
class StreamOutput:
    """What the model says of one gene in T tissues.

    Attributes:
        log1p_tpm: (T,) float32.
        embeddings: (T, D) float32.
        cre_embedding: (D,) float32, of the element that was asked for; NaN without.
        window_embeddings: (T, D) float32, of the window that was asked for; NaN without.
        attentions: (T, layers, heads, N) float32, of the tissue token over the elements; None where not asked for.
    """

    log1p_tpm: np.ndarray
    embeddings: np.ndarray
    cre_embedding: np.ndarray
    window_embeddings: np.ndarray
    attentions: np.ndarray | None = None


class ExpressionEngine:
    """A model at work.

    Args:
        model: the model, on its device, in its type, in evaluation mode.
        processor: its lengths and its tokenizer's padding.
        n_elements: rows of the cCRE table.
        store: vectors on disk, looked into and added to; None = none.
        limits: how much goes through the model at a time; None = what suits its device.

    Attributes:
        limits: halved whenever memory ran out.
        width: numbers in an element's vector.
        elements_encoded, elements_found: how many elements were encoded, and how many looked up in the store.
    """

    def __init__(
        self,
        model: VariantFormerForExpression,
        processor: VariantFormerProcessor,
        n_elements: int,
        store: ElementStore | None = None,
        limits: BatchLimits | None = None,
    ) -> None:
        self.model = model
        self.processor = processor
        self.store = store
        self.elements_encoded = self.elements_found = 0
        self.limits = limits or BatchLimits.of_device(model.device.type)
        self.width = cast(VariantFormerEncoderConfig, model.config.encoder_config).hidden_size
        self._pool = VectorPool(n_elements, self.width)
        self._unsaved: list[tuple[list[bytes], np.ndarray]] = []

    def batches(self, sizes: Sequence[int]) -> list[slice]:
        """Split genes, by their numbers of cCREs, into runs of neighbours that go through the model together."""
        return self.limits.batches(sizes)

    def predict(self, work: Sequence[GeneWork], tissue_ids: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Predict genes.

        Returns:
            For each gene log1p TPM, (T,) float32, and embeddings, (T, hidden_size) float32.

        Raises:
            InputError: memory does not suffice for one gene in one tissue.
        """
        self._pool.make_room()
        rows = self._element_rows(work)
        results: list[tuple[np.ndarray, np.ndarray]] = []
        for batch in self.batches([len(each) for each in rows]):
            genes = [(gene, self._pool.vectors[each]) for gene, each in zip(work[batch], rows[batch], strict=True)]
            found = self._in_halves(self._predicted, genes, tissue_ids)
            results += [(each.log1p_tpm, each.embeddings) for each in found]
        return results

    def attend(self, work: GeneWork, tissue_ids: Sequence[int]) -> StreamOutput:
        """Predict a gene, and say what its tissue tokens attend to.

        Raises:
            InputError: memory does not suffice for one tissue.
        """
        gene = work, self.element_vectors(work)
        return self._in_halves(partial(self._predicted, attentions=True), [gene], tissue_ids)[0]

    def element_vectors(self, work: GeneWork) -> np.ndarray:
        """Vectors of a gene's elements, (N, E) float32: looked up, or encoded and kept."""
        self._pool.make_room()
        rows = self._element_rows([work])[0]
        return self._pool.vectors[rows]

    @torch.inference_mode()
    def encode_windows(self, rows: Sequence[np.ndarray]) -> np.ndarray:
        """Vectors of rows of a gene's window, (n, E) float32; at most the processor's ``token_length`` tokens each."""
        return self._encoded(self.model.model.gene_encoder, _rows_of(rows), self.processor.token_length)

    def streams(self, inputs: Sequence[StreamInput], tissue_ids: Sequence[int]) -> list[StreamOutput]:
        """Run both streams, in batches of genes of like size.

        Raises:
            InputError: memory does not suffice for one gene in one tissue.
        """
        results: list[StreamOutput] = []
        for batch in self.batches([len(each.cre_vectors) for each in inputs]):
            results += self._in_halves(self._both_streams, inputs[batch], tissue_ids)
        return results

    @torch.inference_mode()
    def contexts(self, cre_vectors: np.ndarray, class_ids: np.ndarray) -> CreContexts:
        """The cCRE stream of one gene, for :meth:`gene_streams`."""
        device = self.model.device
        vectors, ids = torch.from_numpy(cre_vectors[None]), torch.from_numpy(class_ids[None])
        return self.model.model.cre_contexts(vectors.to(device), ids.to(device))

    def gene_streams(
        self, contexts: CreContexts, inputs: Sequence[StreamInput], tissue_ids: Sequence[int]
    ) -> list[StreamOutput]:
        """Run the gene stream for other windows of the gene that the contexts are of.

        Args:
            contexts: from :meth:`contexts`.
            inputs: of which the elements are not looked at.
            tissue_ids: the tissues.

        Raises:
            InputError: memory does not suffice for one in one tissue.
        """
        results: dict[int, StreamOutput] = {}
        by_size: dict[int, list[int]] = {}
        for index, each in enumerate(inputs):
            by_size.setdefault(len(each.window_vectors), []).append(index)
        for size, members in by_size.items():
            at_once = max(1, self.limits.rows // (len(tissue_ids) * (size + 1)))
            for first in range(0, len(members), at_once):
                part = members[first : first + at_once]

                def run(genes: Sequence[StreamInput], tissues: Sequence[int]) -> list[StreamOutput]:
                    return self._gene_stream(contexts, genes, tissues)

                found = self._in_halves(run, [inputs[index] for index in part], tissue_ids, "variants in a batch")
                results.update(zip(part, found, strict=True))
        return [results[index] for index in range(len(inputs))]

    @torch.inference_mode()
    @exact_products()
    def encode(self, elements: Sequence[np.ndarray]) -> np.ndarray:
        """Vectors of elements, by exact products: they are kept, and read by runs that have set something else.

        Args:
            elements: n of (tokens,) int32, at most the processor's ``token_length`` each.

        Returns:
            (n, width) float32.
        """
        vectors = np.empty((len(elements), self.width), dtype=np.float32)
        lengths = np.array([len(tokens) for tokens in elements])
        order = np.argsort(lengths, kind="stable")
        first = 0
        while first < len(order):
            part = order[first : first + self.limits.elements]
            tokens = _rows_of([elements[index] for index in part])
            try:
                vectors[part] = self._encoded(self.model.model.cre_encoder, tokens, max(1, int(lengths[part].max())))
            except torch.OutOfMemoryError as error:
                self.limits = replace(self.limits, elements=halved(len(part), "cCREs in a batch", error))
                continue
            first += len(part)
        self.elements_encoded += len(elements)
        return vectors

    def save_vectors(self) -> None:
        """Write to the store what was encoded since the last time; where that fails, the next run encodes it again."""
        if self.store is not None and self._unsaved:
            keys = [key for part, _ in self._unsaved for key in part]
            try:
                self.store.add(keys, np.concatenate([vectors for _, vectors in self._unsaved]))
            except InputError as error:
                logger.warning("the vectors of %d cCREs are not kept: %s", len(keys), error)
        self._unsaved = []

    def _element_rows(self, work: Sequence[GeneWork]) -> list[np.ndarray]:
        """Rows of each gene's elements in the pool, where all are afterwards."""
        length = self.processor.token_length
        wanted: dict[bytes, np.ndarray] = {}
        asked = [self._pool.asked(gene.tokens, length, wanted, reverse=gene.reverse) for gene in work]
        if wanted:
            self._fetch(wanted)
        return [self._pool.rows(each) for each in asked]

    def _fetch(self, wanted: dict[bytes, np.ndarray]) -> None:
        """Look elements up in the store, encode the rest, and keep all."""
        keys = list(wanted)
        if self.store is not None:
            there, vectors = self.store.find(keys)
            self._pool.add([key for key, found in zip(keys, there.tolist(), strict=True) if found], vectors)
            self.elements_found += int(there.sum())
            keys = [key for key, found in zip(keys, there.tolist(), strict=True) if not found]
        if keys:
            vectors = self.encode([wanted[key] for key in keys])
            self._pool.add(keys, vectors)
            if self.store is not None:
                self._unsaved.append((keys, vectors))

    def _encoded(self, encoder: torch.nn.Module, tokens: TokenRows, length: int) -> np.ndarray:
        ids, mask = padded_rows(tokens, length, self.processor.tokenizer.pad_token_id)
        device = self.model.device
        output = encoder(torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device), return_dict=True)
        return output.pooler_output.float().cpu().numpy()

    def _in_halves(
        self,
        run: Callable[[Sequence[_Item], Sequence[int]], list[StreamOutput]],
        items: Sequence[_Item],
        tissue_ids: Sequence[int],
        what: str = "genes in a batch",
    ) -> list[StreamOutput]:
        return run_in_halves(run, items, list(tissue_ids), _joined, what=what, on_halved=self._shrink)

    def _shrink(self) -> None:
        self.limits = self.limits.for_less_memory()

    @torch.inference_mode()
    def _predicted(
        self, genes: Sequence[tuple[GeneWork, np.ndarray]], tissue_ids: Sequence[int], *, attentions: bool = False
    ) -> list[StreamOutput]:
        windows = [_windows_of(work, self.processor) for work, _ in genes]
        encoded = self._encoded(self.model.model.gene_encoder, TokenRows.joined(windows), self.processor.token_length)
        of_gene = np.split(encoded, np.cumsum([len(each) for each in windows])[:-1])
        inputs = [
            StreamInput(vectors, work.tokens.class_ids, of_window, attentions=attentions)
            for (work, vectors), of_window in zip(genes, of_gene, strict=True)
        ]
        return self._both_streams(inputs, tissue_ids)

    @torch.inference_mode()
    def _both_streams(self, inputs: Sequence[StreamInput], tissue_ids: Sequence[int]) -> list[StreamOutput]:
        device = self.model.device
        cre_vectors, cre_mask = _stacked([each.cre_vectors for each in inputs])
        class_ids, _ = _stacked([each.class_ids for each in inputs])
        window_vectors, gene_mask = _stacked([each.window_vectors for each in inputs])
        output = self.model.model.run_streams(
            cre_vectors.to(device),
            window_vectors.to(device),
            class_ids.to(device),
            self._tissues(inputs, tissue_ids),
            cre_mask=None if cre_mask is None else cre_mask.to(device),
            gene_mask=None if gene_mask is None else gene_mask.to(device),
            query=self._query(inputs),
        )
        return self._outputs(inputs, tissue_ids, output)

    @torch.inference_mode()
    def _gene_stream(
        self, contexts: CreContexts, inputs: Sequence[StreamInput], tissue_ids: Sequence[int]
    ) -> list[StreamOutput]:
        window_vectors = torch.from_numpy(np.stack([each.window_vectors for each in inputs])).to(self.model.device)
        output = self.model.model.run_gene_stream(
            contexts, window_vectors, self._tissues(inputs, tissue_ids), query=self._query(inputs)
        )
        return self._outputs(inputs, tissue_ids, output)

    def _tissues(self, inputs: Sequence[StreamInput], tissue_ids: Sequence[int]) -> torch.Tensor:
        """(B, T), the tissues of each gene."""
        return torch.tensor([list(tissue_ids)] * len(inputs), device=self.model.device)

    def _query(self, inputs: Sequence[StreamInput]) -> StreamQuery:
        """What is wanted beside the predictions."""
        cres, windows = [each.cre_position for each in inputs], [each.window_position for each in inputs]
        device = self.model.device
        return StreamQuery(
            attentions=any(each.attentions for each in inputs),
            cre_positions=torch.tensor(cres, device=device)[:, None] if max(cres) >= 0 else None,
            gene_positions=torch.tensor(windows, device=device)[:, None] if max(windows) >= 0 else None,
        )

    def _outputs(
        self, inputs: Sequence[StreamInput], tissue_ids: Sequence[int], output: VariantFormerModelOutput
    ) -> list[StreamOutput]:
        assert output.embeddings is not None
        logits = self.model.read_out(output.embeddings, self._tissues(inputs, tissue_ids))
        values, embeddings = logits.float().cpu().numpy(), output.embeddings.float().cpu().numpy()
        nowhere = np.full_like(embeddings, np.nan)
        of_cre, of_window = nowhere[:, 0], nowhere
        if output.cre_token_embeddings is not None:
            of_cre = output.cre_token_embeddings[:, 0].float().cpu().numpy()
        if output.gene_token_embeddings is not None:
            of_window = output.gene_token_embeddings[:, :, 0].float().cpu().numpy()
        attentions: Sequence[np.ndarray | None] = [None] * len(inputs)
        if output.tissue_attentions is not None:
            attentions = list(output.tissue_attentions.float().cpu().numpy())
        return [StreamOutput(*each) for each in zip(values, embeddings, of_cre, of_window, attentions, strict=True)]


def _joined(first: StreamOutput, second: StreamOutput) -> StreamOutput:
    """Two groups of tissues of one gene as one."""
    attentions = None
    if first.attentions is not None and second.attentions is not None:
        attentions = np.concatenate([first.attentions, second.attentions])
    return StreamOutput(
        np.concatenate([first.log1p_tpm, second.log1p_tpm]),
        np.concatenate([first.embeddings, second.embeddings]),
        first.cre_embedding,
        np.concatenate([first.window_embeddings, second.window_embeddings]),
        attentions,
    )


def _windows_of(work: GeneWork, processor: VariantFormerProcessor) -> TokenRows:
    assert work.tokens.window is not None
    return window_rows(work.tokens.window, processor)


def _rows_of(sequences: Sequence[np.ndarray]) -> TokenRows:
    edges = np.cumsum([0, *(len(sequence) for sequence in sequences)])
    return TokenRows.of(np.concatenate([np.zeros(0, dtype=np.int32), *sequences]), edges[:-1], edges[1:])


def _stacked(arrays: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Arrays that differ in their first dimension as one, and which rows are there; None = all."""
    lengths = [len(array) for array in arrays]
    longest = max(lengths)
    stacked = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), dtype=arrays[0].dtype)
    for row, array in enumerate(arrays):
        stacked[row, : len(array)] = array
    mask = None if min(lengths) == longest else np.arange(longest) < np.array(lengths)[:, None]
    return torch.from_numpy(stacked), None if mask is None else torch.from_numpy(mask)
