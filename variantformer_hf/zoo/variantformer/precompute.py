"""Vectors of all cCREs of the reference genome that a model looks at, made once for all people."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...files import writing
from ...genome.genes import Gene
from ...genome.personal import PersonalGenome
from ..gene_regions import RegionFinder
from ..stored import Precomputed
from .element_store import ElementStore, token_key

if TYPE_CHECKING:
    from .opened_model import VariantFormerOpened

# cCREs whose tokens are made together, and whose vectors become a file.
_ELEMENTS_AT_ONCE = 8_192
_ELEMENTS_IN_A_FILE = 65_536


def precompute(
    opened: "VariantFormerOpened",
    store: ElementStore,
    *,
    genes: list[Gene] | None = None,
    share: tuple[int, int] = (0, 1),
    wait: Callable[[], None] = lambda: None,
    on_cres: Callable[[int, int], None] | None = None,
) -> Precomputed:
    """Encode the reference's cCREs into a store; what is there already is not encoded again.

    Args:
        opened: the model, for a reference genome and without a store of its own.
        store: see ``VariantFormerGeneModel.cre_store``.
        genes: the genes whose cCREs are wanted; None = all of the model on the FASTA's contigs.
        share: (number, of): which of several processes this is.
        wait: returns when all processes have called it.
        on_cres: called with (done, total).

    Raises:
        OutputError: the store cannot be written; what it held before stays.
    """
    finder, engine, tokens = opened.finder, opened.engine, opened.reference_tokens()
    wanted = [gene for gene in (genes or opened.model.gene_table) if gene.chrom in finder.contig_of]
    person = PersonalGenome(opened.reference)
    parts = list(_parts(wanted, finder))
    total, done = sum(len(rows) for _, _, rows, _, _ in parts), 0
    unsaved: list[tuple[list[bytes], np.ndarray]] = []
    waiting: set[bytes] = set()
    try:
        for number, (chrom, reverse, rows, starts, ends) in enumerate(parts):
            if number % share[1] == share[0]:
                stretch = person.stretch(chrom, int(starts.min()), int(ends.max()))
                found, _ = tokens.elements(rows, stretch, starts, ends, reverse=reverse)
                length = opened.processor.token_length
                content = {token_key(found[row][:length]): found[row][:length] for row in range(len(found))}
                there, _ = store.find(list(content))
                missing = [key for key, known in zip(content, there.tolist(), strict=True) if not known]
                missing = [key for key in missing if key not in waiting]
                if missing:
                    unsaved.append((missing, engine.encode([content[key] for key in missing])))
                    waiting.update(missing)
                if len(waiting) >= _ELEMENTS_IN_A_FILE:
                    _save(unsaved, store)
                    unsaved, waiting = [], set()
            done += len(rows)
            if on_cres is not None:
                on_cres(done, total)
    finally:
        _save(unsaved, store)  # also what was encoded before an error or a signal
    wait()
    store.refresh()
    return Precomputed(store.folder, total, engine.elements_encoded, store.size)


def _save(unsaved: list[tuple[list[bytes], np.ndarray]], store: ElementStore) -> None:
    if unsaved:
        keys = [key for part, _ in unsaved for key in part]
        with writing(store.folder):
            store.add(keys, np.concatenate([vectors for _, vectors in unsaved]), of_reference=True)


def _parts(genes: list[Gene], finder: RegionFinder) -> Iterator[tuple[str, bool, np.ndarray, np.ndarray, np.ndarray]]:
    """cCREs along the genome, some at a time: contig, strand, rows of the cCRE table, starts, ends with flanks."""
    of_strand: dict[tuple[str, bool], list[Gene]] = {}
    for gene in genes:
        of_strand.setdefault((finder.contig_of[gene.chrom], gene.strand == "-"), []).append(gene)
    for (chrom, reverse), here in sorted(of_strand.items()):
        regions = [finder.find(gene) for gene in here]
        rows, first = np.unique(np.concatenate([each.cre_rows for each in regions]), return_index=True)
        starts = np.concatenate([each.starts for each in regions])[first]
        ends = np.concatenate([each.ends for each in regions])[first]
        for begin in range(0, len(rows), _ELEMENTS_AT_ONCE):
            part = slice(begin, begin + _ELEMENTS_AT_ONCE)
            yield chrom, reverse, rows[part], starts[part], ends[part]
