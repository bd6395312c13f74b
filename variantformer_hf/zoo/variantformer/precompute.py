"""Vectors of all cCREs of the reference genome that a model looks at, made once for all people.

A unit is the cCREs of a stretch. When its vectors are in the store, their keys are noted in a folder beside it, by
which a run that goes on knows what is done, and which goes when all is.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...files import whole_file, writing
from ...genome.genes import Gene
from ...genome.personal import PersonalGenome
from ...genome.provenance import content_of
from ...genome.reference import ReferenceGenome
from ...work import InProcess, Unit, check_all_done, run_units, unit_of
from ...work.units import Engine
from ..gene_regions import RegionFinder
from ..stored import Precomputed
from .element_store import ElementStore, token_key

if TYPE_CHECKING:
    from .gene_model import VariantFormerGeneModel
    from .opened_model import VariantFormerOpened

# cCREs whose tokens are made together, and those of a unit, whose vectors become a file.
_ELEMENTS_AT_ONCE = 8_192
_ELEMENTS_IN_A_UNIT = 65_536
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class CreStretch:
    """cCREs of a stretch, the content of a unit.

    Attributes:
        chrom: by the FASTA's name.
        reverse: they are read on the reverse strand.
        rows: (n,) of the cCRE table.
        starts, ends: (n,) with flanks.
    """

    chrom: str
    reverse: bool
    rows: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def described(self) -> list[Any]:
        """What tells it from others."""
        places = b"".join(
            np.ascontiguousarray(each, np.int64).tobytes() for each in (self.rows, self.starts, self.ends)
        )
        return [self.chrom, self.reverse, hashlib.sha256(places).hexdigest()]

    def part(self, begin: int, end: int) -> "CreStretch":
        """Some of them."""
        part = slice(begin, end)
        return CreStretch(self.chrom, self.reverse, self.rows[part], self.starts[part], self.ends[part])


def precompute(
    opened: "VariantFormerOpened",
    store: ElementStore,
    *,
    genes: list[Gene] | None = None,
    share: tuple[int, int] = (0, 1),
    wait: Callable[[], None] = lambda: None,
    on_cres: Callable[[int, int], None] | None = None,
    engine: Engine | None = None,
) -> Precomputed:
    """Encode the reference's cCREs into a store; what is there already is not encoded again.

    Args:
        opened: the model, for a reference genome and without a store of its own.
        store: see ``VariantFormerGeneModel.cre_store``.
        genes: the genes whose cCREs are wanted; None = all of the model on the FASTA's contigs.
        share: (number, of): which of several processes this is.
        wait: returns when all processes have called it.
        on_cres: called with (done, total), of this process's.
        engine: where units are done; None = in this process.

    Raises:
        InputError: some could not be encoded, while the others were.
        OutputError: the store cannot be written; what it held before stays.
    """
    wanted = [gene for gene in (genes or opened.model.gene_table) if gene.chrom in opened.finder.contig_of]
    fasta, model = content_of(opened.reference.path), opened.model.companions()
    units = [
        unit_of("cres", each, [fasta, model, *each.described()], cost=len(each))
        for each in _stretches(wanted, opened.finder)
    ]
    mine = units[share[0] :: share[1]]
    notes = _Notes(store)
    todo = [unit for unit in mine if not notes.hold(unit)]
    progress = _Progress(mine, todo, on_cres)
    in_process = engine is None or isinstance(engine, InProcess)
    worker = PrecomputeWorker(opened, store, progress.add if in_process else None)
    model_of = cast("VariantFormerGeneModel", opened.model)
    job = PrecomputeJob(model_of, opened.reference, store.folder, worker)
    on_unit = None if in_process else progress.of_units
    failed = run_units(job, todo, is_done=notes.has, engine=engine or InProcess(), on_unit=on_unit)
    check_all_done(failed, len(todo))
    wait()
    store.refresh()
    encoded = sum(notes.encoded(unit) for unit in todo)
    wait()
    notes.remove()
    return Precomputed(store.folder, sum(map(len, (unit.content for unit in units))), encoded, store.size)


@dataclass(frozen=True)
class PrecomputeJob:
    """Encoding as a job.

    Attributes:
        model: the model.
        reference: the FASTA.
        folder: of the store.
        here: this process's worker; another one makes its own.
    """

    model: "VariantFormerGeneModel"
    reference: ReferenceGenome
    folder: Path
    here: "PrecomputeWorker | None" = None

    def open(self) -> "PrecomputeWorker":
        """Open the model for the reference."""
        if self.here is not None:
            return self.here
        from .opened_model import VariantFormerOpened

        return PrecomputeWorker(VariantFormerOpened(self.model, self.reference), self.model.cre_store(self.folder))

    def __reduce__(self) -> tuple[Any, ...]:
        return PrecomputeJob, (self.model, self.reference, self.folder)


class PrecomputeWorker:
    """Encodes stretches of cCREs.

    Args:
        opened, store: see :func:`precompute`.
        on_cres: called with how many more are done.
    """

    def __init__(
        self, opened: "VariantFormerOpened", store: ElementStore, on_cres: Callable[[int], None] | None = None
    ) -> None:
        self._opened, self._store, self._on_cres = opened, store, on_cres
        self._person, self._notes = PersonalGenome(opened.reference), _Notes(store)

    def do(self, unit: Unit) -> None:
        """Encode what the store does not have, and note what it holds then."""
        self._store.refresh()  # others add to it
        all_keys: list[bytes] = []
        unsaved: dict[bytes, np.ndarray] = {}
        try:
            for begin in range(0, len(unit.content), _ELEMENTS_AT_ONCE):
                part = unit.content.part(begin, begin + _ELEMENTS_AT_ONCE)
                content = self._tokens(part)
                all_keys += content
                there, _ = self._store.find(list(content))
                missing = [key for key, known in zip(content, there.tolist(), strict=True) if not known]
                missing = [key for key in missing if key not in unsaved]
                if missing:
                    vectors = self._opened.engine.encode([content[key] for key in missing])
                    unsaved.update(zip(missing, vectors, strict=True))
                if self._on_cres is not None:
                    self._on_cres(len(part))
        finally:
            if unsaved:  # also what was encoded before an error or a signal
                with writing(self._store.folder):
                    self._store.add(list(unsaved), np.stack(list(unsaved.values())), of_reference=True)
        self._notes.write(unit, all_keys, len(unsaved))

    def close(self) -> None:
        """Nothing is to be let go of."""

    def _tokens(self, part: CreStretch) -> dict[bytes, np.ndarray]:
        """Key -> tokens, as many as the model reads."""
        stretch = self._person.stretch(part.chrom, int(part.starts.min()), int(part.ends.max()))
        tokens = self._opened.reference_tokens()
        found, _ = tokens.elements(part.rows, stretch, part.starts, part.ends, reverse=part.reverse)
        length = self._opened.processor.token_length
        return {token_key(found[row][:length]): found[row][:length] for row in range(len(found))}


class _Notes:
    """Which units are in a store: a file each, of how many were encoded for it and the keys of all its cCREs."""

    def __init__(self, store: ElementStore) -> None:
        self._store, self._folder = store, store.folder.with_name(f"{store.folder.name}.parts")

    def has(self, unit: Unit) -> bool:
        """Whether a unit was noted."""
        return (self._folder / unit.name).is_file()

    def hold(self, unit: Unit) -> bool:
        """Whether a unit was noted and is in the store; a note that does not hold goes."""
        if not self.has(unit):
            return False
        content = (self._folder / unit.name).read_bytes()[8:]
        keys = [content[place : place + _KEY_BYTES] for place in range(0, len(content), _KEY_BYTES)]
        is_whole = len(content) % _KEY_BYTES == 0 and all(
            self._store.find(keys[begin : begin + _ELEMENTS_AT_ONCE])[0].all()
            for begin in range(0, len(keys), _ELEMENTS_AT_ONCE)
        )
        if not is_whole:
            (self._folder / unit.name).unlink(missing_ok=True)
        return is_whole

    def encoded(self, unit: Unit) -> int:
        """How many were encoded for a unit."""
        return int.from_bytes((self._folder / unit.name).read_bytes()[:8], "little")

    def write(self, unit: Unit, keys: Sequence[bytes], encoded: int) -> None:
        """Note a unit."""
        with writing(self._folder):
            self._folder.mkdir(exist_ok=True)
        with whole_file(self._folder / unit.name) as partial:
            partial.write_bytes(encoded.to_bytes(8, "little") + b"".join(keys))

    def remove(self) -> None:
        """All is done."""
        shutil.rmtree(self._folder, ignore_errors=True)


class _Progress:
    """Tells how many cCREs are done."""

    def __init__(self, units: Sequence[Unit], todo: Sequence[Unit], on_cres: Callable[[int, int], None] | None) -> None:
        self._total, self._todo = (sum(len(unit.content) for unit in some) for some in (units, todo))
        self._done, self._on_cres = self._total - self._todo, on_cres
        self.add(0)

    def add(self, more: int) -> None:
        """So many more are done."""
        self._done += more
        if self._on_cres is not None:
            self._on_cres(self._done, self._total)

    def of_units(self, done: int, total: int) -> None:
        """So many units are done, in other processes; about as many cCREs each."""
        self.add(self._total - self._todo + self._todo * done // max(1, total) - self._done)


def _stretches(genes: list[Gene], finder: RegionFinder) -> Iterator[CreStretch]:
    """cCREs along the genome, some at a time."""
    of_strand: dict[tuple[str, bool], list[Gene]] = {}
    for gene in genes:
        of_strand.setdefault((finder.contig_of[gene.chrom], gene.strand == "-"), []).append(gene)
    for (chrom, reverse), here in sorted(of_strand.items()):
        regions = [finder.find(gene) for gene in here]
        rows, first = np.unique(np.concatenate([each.cre_rows for each in regions]), return_index=True)
        starts = np.concatenate([each.starts for each in regions])[first]
        ends = np.concatenate([each.ends for each in regions])[first]
        for begin in range(0, len(rows), _ELEMENTS_IN_A_UNIT):
            part = slice(begin, begin + _ELEMENTS_IN_A_UNIT)
            yield CreStretch(chrom, reverse, rows[part], starts[part], ends[part])
