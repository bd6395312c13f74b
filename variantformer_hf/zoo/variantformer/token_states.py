"""A gene as one person has it, and as it would be otherwise: only what differs is computed again.

A state says which elements and which window are not those of the base. Elements and rows of the window are encoded by
content, each once. Where no element differs, the cCRE stream's keys and values are those of the base, and only the gene
stream runs, many states at a time; where one does, both streams run. States that read the same are one.

Differences between states are what is asked for, so that products are exact here (float32 without TF32).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...modeling import CreContexts
from ..exactness import exact_products
from .element_store import token_key
from .engine import ExpressionEngine, GeneWork, StreamInput, StreamOutput
from .gene_tokens import GeneTokens
from .token_rows import window_rows

# Vectors of changed elements and window rows that are kept for a gene; beyond, all are forgotten.
_MOST_VECTORS = 50_000
# States whose elements differ that are laid out for the model at a time.
_AT_ONCE = 32


@dataclass(frozen=True)
class TokenState:
    """What differs from the base.

    Attributes:
        elements: index among the gene's cCREs -> tokens, (n,) int32; None = it is not there.
        window: tokens of the gene's window; None = those of the base.
        has_window: whether any of the window is left.
    """

    elements: Mapping[int, np.ndarray | None] = field(default_factory=dict)
    window: np.ndarray | None = None
    has_window: bool = True


@dataclass(frozen=True, slots=True)
class Places:
    """Whose final vectors are wanted of a state: an element (index among the gene's cCREs) and a row of the window."""

    element: int = -1
    window_row: int = -1


@dataclass(frozen=True)
class _Resolved:
    """A state by content: keys of the elements that differ from the base (None = not there), and of all rows."""

    elements: tuple[tuple[int, bytes | None], ...]
    rows: tuple[bytes, ...]


class TokenStates:
    """Predictions of one gene's states.

    Args:
        engine: the model at work.
        base: the gene as the person has it; its own window or elements may be missing.
        n_cres: cCREs of the gene, with those that the person lacks.
        class_ids: (n_cres,) class of each.
        reverse: the gene is on the reverse strand.
        tissue_ids: the tissues.
    """

    def __init__(
        self,
        engine: ExpressionEngine,
        base: GeneTokens,
        *,
        n_cres: int,
        class_ids: np.ndarray,
        reverse: bool,
        tissue_ids: Sequence[int],
    ) -> None:
        self._engine, self._tissue_ids, self._class_ids = engine, list(tissue_ids), class_ids.astype(np.int64)
        length = engine.processor.token_length
        self._vectors = np.zeros((n_cres, engine.width), dtype=np.float32)
        self._present = np.zeros(n_cres, dtype=bool)
        self._base_keys: dict[int, bytes] = {}
        if len(base.elements):
            self._vectors[base.indices] = engine.element_vectors(GeneWork(base, reverse))
            self._present[base.indices] = True
            for row, index in enumerate(base.indices.tolist()):
                self._base_keys[index] = token_key(base.elements[row][:length])
        self._known: tuple[dict[bytes, np.ndarray], dict[bytes, np.ndarray]] = {}, {}
        self._token_length = length
        self._base_window = base.window
        self._base_row_tokens: dict[bytes, np.ndarray] = {}
        self._base_rows = () if base.window is None else self._row_keys(base.window, self._base_row_tokens)
        self._contexts: CreContexts | None = None
        self._tissues_shared = not engine.model.config.add_context_to_cres

    @property
    def base_is_whole(self) -> bool:
        """Whether the base has an element and a window, so that it can be predicted."""
        return bool(self._present.any()) and bool(self._base_rows)

    @exact_products()
    def predict(
        self, states: Sequence[TokenState], places: Sequence[Places] | None = None
    ) -> list[StreamOutput | None]:
        """Predict states; None where a state has no element or no window left.

        Args:
            states: the states.
            places: whose final vectors are wanted of each; None = nobody's.

        Raises:
            InputError: memory does not suffice.
        """
        places = places or [Places()] * len(states)
        self._forget_many()
        wanted: tuple[dict[bytes, np.ndarray], dict[bytes, np.ndarray]] = {}, {}
        resolved = [self._resolved(state, *wanted) for state in states]
        self._encode(*wanted)
        gene_only: list[tuple[_Resolved, Places]] = []
        whole: list[tuple[_Resolved, Places]] = []
        for key in dict.fromkeys(zip(resolved, places, strict=True)):
            if key[0].rows and self._presence(key[0]).any():
                (gene_only if not key[0].elements and self._tissues_shared else whole).append(key)
        found: dict[tuple[_Resolved, Places], StreamOutput] = {}
        for keys, run in ((gene_only, self._gene_only), (whole, self._both)):
            for first in range(0, len(keys), _AT_ONCE):
                part = keys[first : first + _AT_ONCE]
                found.update(zip(part, run([self._input(*key) for key in part]), strict=True))
        return [found.get(key) for key in zip(resolved, places, strict=True)]

    @exact_products()
    def noise(self) -> np.ndarray:
        """How much the base's log1p TPM differs between batch shapes, (T,) float32: what an effect must exceed.

        The same genome is predicted by both streams at once, and on kept keys in a batch of two; where elements differ
        by tissue, alone and in a batch of two.
        """
        if not self.base_is_whole:
            return np.full(len(self._tissue_ids), np.nan, dtype=np.float32)
        self._encode({}, {})
        base = self._input(_Resolved((), self._base_rows), Places())
        runs = self._engine.streams([base], self._tissue_ids)
        runs += (
            self._gene_only([base] * 2) if self._tissues_shared else self._engine.streams([base] * 2, self._tissue_ids)
        )
        return np.ptp(np.stack([run.log1p_tpm for run in runs]), axis=0)

    def _resolved(
        self, state: TokenState, wanted_elements: dict[bytes, np.ndarray], wanted_rows: dict[bytes, np.ndarray]
    ) -> _Resolved:
        elements: list[tuple[int, bytes | None]] = []
        for index, tokens in sorted(state.elements.items()):
            if tokens is None:
                if self._present[index]:
                    elements.append((index, None))
                continue
            kept = tokens[: self._token_length]
            key = token_key(kept)
            if key == self._base_keys.get(index):
                continue
            elements.append((index, key))
            if key not in self._known[0]:
                wanted_elements[key] = kept
        rows = self._base_rows
        if not state.has_window:
            rows = ()
        elif state.window is not None and state.window is not self._base_window:
            rows = self._row_keys(state.window, wanted_rows)
        return _Resolved(tuple(elements), rows)

    def _row_keys(self, window: np.ndarray, wanted: dict[bytes, np.ndarray]) -> tuple[bytes, ...]:
        """Keys of a window's rows; those that are not known are added to what is wanted."""
        rows = window_rows(window, self._engine.processor)
        keys = []
        for index in range(len(rows)):
            key = token_key(rows[index])
            keys.append(key)
            if key not in self._known[1]:
                wanted[key] = rows[index]
        return tuple(keys)

    def _encode(self, elements: dict[bytes, np.ndarray], rows: dict[bytes, np.ndarray]) -> None:
        """Encode what is not known yet, the base's window among it."""
        elements_known, rows_known = self._known
        for key, tokens in self._base_row_tokens.items():
            if key not in rows_known:
                rows[key] = tokens
        if elements:
            elements_known.update(zip(elements, self._engine.encode(list(elements.values())), strict=True))
        if rows:
            rows_known.update(zip(rows, self._engine.encode_windows(list(rows.values())), strict=True))

    def _forget_many(self) -> None:
        for known in self._known:
            if len(known) > _MOST_VECTORS:
                known.clear()

    def _presence(self, resolved: _Resolved) -> np.ndarray:
        if not resolved.elements:
            return self._present
        present = self._present.copy()
        for index, key in resolved.elements:
            present[index] = key is not None
        return present

    def _input(self, resolved: _Resolved, places: Places) -> StreamInput:
        windows = np.stack([self._known[1][key] for key in resolved.rows])
        present = self._presence(resolved)
        vectors = self._vectors
        if resolved.elements:
            vectors = vectors.copy()
            for index, key in resolved.elements:
                if key is not None:
                    vectors[index] = self._known[0][key]
        if not present.all():
            vectors = vectors[present]
        element = -1
        if places.element >= 0 and present[places.element]:
            element = int(present[: places.element].sum())
        row = places.window_row if places.window_row < len(windows) else -1
        return StreamInput(vectors, self._class_ids[present], windows, element, row)

    def _gene_only(self, inputs: Sequence[StreamInput]) -> list[StreamOutput]:
        if self._contexts is None:
            self._contexts = self._engine.contexts(inputs[0].cre_vectors, inputs[0].class_ids)
        return self._engine.gene_streams(self._contexts, inputs, self._tissue_ids)

    def _both(self, inputs: Sequence[StreamInput]) -> list[StreamOutput]:
        return self._engine.streams(inputs, self._tissue_ids)
