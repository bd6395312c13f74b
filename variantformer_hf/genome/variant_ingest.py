"""The store of a cohort's genotypes, built: its file is read once, contig by contig, and written by person.

A contig is a unit of work and a file of its own, whole or not there. Until all are there they lie beside the store, in
a folder whose name is made of the file as it is now, so that a run that was killed goes on from them. Only when all are
there the folder becomes the store.
"""

import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import InputError, OutputError
from ..files import writing
from ..run_key import run_key
from ..work import InProcess, Unit, check_all_done, run_units, unit_of
from ..work.units import Engine
from .checked_file import DamagedFileError
from .cohort_rows import WHOLE_FILE, CohortRows, Reading
from .cohort_source import call_source, read_by
from .contig_file import ContigFile
from .contig_work import ContigTask, IngestJob
from .sample_names import chosen_samples
from .store_layout import (
    DESCRIPTION,
    LAYOUT,
    StoreLimits,
    contig_file,
    default_store,
    is_current,
    source_of,
    write_description,
)


@dataclass(frozen=True, slots=True)
class StorePlan:
    """A store that is to be made.

    Attributes:
        path: the file.
        target: the folder of the store.
        work: where contigs lie until all are there.
        contigs: those with records, in the file's order.
        limits: how much is held in memory.
        reading: how genotypes are read that are no plain calls.
        samples: whose calls, in the file's order; None = everybody's.
        description: what the store will say of itself, without the contigs' files.
    """

    path: Path
    target: Path
    work: Path
    contigs: tuple[str, ...]
    limits: StoreLimits
    reading: Reading
    samples: tuple[str, ...] | None
    description: dict[str, Any]

    def file(self, contig: str) -> Path:
        """Where a contig lies that is done."""
        return self.work / contig_file(self.contigs.index(contig))

    def is_done_by_another(self) -> bool:
        """Whether another process, at the same work, has made the store of it."""
        return not self.work.exists() and is_current(self.path, self.target, self.description["read_by"], self.samples)


def build_store(
    vcf: str | PathLike[str],
    folder: str | Path | None = None,
    *,
    on_contig: Callable[[int, int], None] | None = None,
    limits: StoreLimits | None = None,
    reading: Reading | None = None,
    samples: Sequence[str] | None = None,
) -> Path:
    """Read a file of genotypes once, in this process, and write its store.

    Args:
        vcf, folder, limits, reading, samples: as of :func:`plan_store`.
        on_contig: called with (done, total) after each contig.

    Returns:
        The folder; it appears at its name only when it is whole.

    Raises:
        InputError: as of :func:`plan_store` and :func:`build_stores`.
    """
    plan = plan_store(vcf, folder, limits=limits, reading=reading, samples=samples)
    build_stores([plan], on_contig=on_contig)
    return plan.target


def plan_store(
    vcf: str | PathLike[str],
    folder: str | Path | None = None,
    *,
    limits: StoreLimits | None = None,
    reading: Reading | None = None,
    samples: Sequence[str] | None = None,
) -> StorePlan:
    """Look at a file, and at what an earlier run has done of its store.

    Args:
        vcf: the file, see ``cohort_source``.
        folder: where to write; a store that is there is replaced. None = :func:`default_store`.
        limits: how much is held in memory.
        reading: how genotypes are read that are no plain calls.
        samples: whose calls it is to hold, names, or ``"all"``, see ``chosen_samples``; None = everybody's.

    Raises:
        InputError: the file cannot be read, or has no samples, or not those.
    """
    path = vcf if isinstance(vcf, Path) else Path(vcf)
    limits, reading = limits or StoreLimits(), reading or Reading()
    target = Path(folder) if folder is not None else default_store(path)
    file = call_source(path, text_at_once=limits.text, reading=reading)
    try:
        if not file.samples:
            raise InputError("has no samples, and so no genotypes to keep", file=path, remedy="Use the file itself.")
        asked = None if samples is None else set(chosen_samples(path, file.samples, samples))
        chosen = None
        if asked is not None and len(asked) < len(file.samples):
            chosen = tuple(name for name in file.samples if name in asked)
        description = {
            "source": source_of(path),
            "samples": list(file.samples if chosen is None else chosen),
            "is_part": chosen is not None,
            "contigs": dict(file.contigs),
            "index_is_older": file.index_is_older,
            "limits": asdict(limits),
            "read_by": read_by(path, reading),
            "format": file.described if isinstance(file, CohortRows) else None,
        }
        contigs = tuple(file.indexed_contigs)
    finally:
        file.close()
    of_store = {name: description[name] for name in ("limits", "source", "read_by")}
    key = run_key({"layout": LAYOUT, **of_store, **({} if chosen is None else {"samples": chosen})})[:16]
    work = target.with_name(f".{target.name}.{key}.partial")
    return StorePlan(path, target, work, contigs, limits, reading, chosen, description)


def build_stores(
    plans: Sequence[StorePlan],
    *,
    engine: Engine | None = None,
    on_contig: Callable[[int, int], None] | None = None,
) -> None:
    """Make stores: a contig a unit, all files' contigs together, each store put into its place when all are done.

    Args:
        plans: of the stores.
        engine: where the contigs are read; None = here, one after the other.
        on_contig: called with (done, total), also before the first.

    Raises:
        InputError: a record of any sample is malformed, or is one that a store cannot hold; a file was changed while it
            was read.
        OutputError: a folder cannot be written. The contigs that are done stay, and the same call goes on.
    """
    units = {unit.name: (unit, plan, contig) for plan in plans for contig, unit in _units(plan)}

    def is_done(unit: Unit) -> bool:
        _, plan, contig = units[unit.name]
        return plan.file(contig).exists() or plan.is_done_by_another()

    for plan in plans:
        with writing(plan.target):
            plan.work.mkdir(parents=True, exist_ok=True)
        _drop_damaged(plan)
    todo = [unit for unit, _, _ in units.values()]
    try:
        failed = run_units(IngestJob(), todo, is_done=is_done, engine=engine or InProcess(), on_unit=on_contig)
    except OutputError:
        for plan in plans:
            if not any(plan.file(contig).exists() for contig in plan.contigs):
                shutil.rmtree(plan.work, ignore_errors=True)
        raise
    failures = {units[each.name][1].path: each for each in failed}
    for plan in plans:
        if plan.path not in failures:
            finish_store(plan)
        elif not isinstance(failures[plan.path].error, OutputError):
            shutil.rmtree(plan.work, ignore_errors=True)  # the file has to be corrected, and is another one then
    check_all_done(failed, len(units))


def finish_store(plan: StorePlan) -> None:
    """Make a store of the contigs that lie in its folder of work.

    Raises:
        InputError: one is missing or damaged, or the file was changed while it was read.
        OutputError: the store cannot be written.
    """
    try:
        opened = {plan.file(contig): ContigFile(plan.file(contig)) for contig in plan.contigs}
    except DamagedFileError:
        if plan.is_done_by_another():
            return
        raise
    files: list[dict[str, Any]] = [
        {"contig": contig.contig, "file": path.name, "records": contig.records, "checksum": contig.checksum}
        for path, contig in opened.items()
    ]
    if source_of(plan.path) != plan.description["source"]:
        raise InputError("was changed while it was read", file=plan.path, remedy="Start the same command again.")
    new = plan.target.with_name(f".{plan.target.name}.{uuid.uuid4().hex}.new")
    with writing(plan.target):
        try:
            plan.work.rename(new)  # of several that are at the same work one goes on
        except FileNotFoundError:
            if plan.is_done_by_another():
                return
            raise
        for path in set(new.iterdir()) - {new / file["file"] for file in files}:
            path.unlink()
        try:
            write_description(new, {**plan.description, "format": _format(plan, opened.values()), "files": files})
        except OSError:
            (new / DESCRIPTION).unlink(missing_ok=True)
            new.rename(plan.work)
            raise
        _put(new, plan.target)
    for left in plan.target.parent.glob(f".{plan.target.name}.*.partial"):  # of the file as it was before
        shutil.rmtree(left, ignore_errors=True)


def _format(plan: StorePlan, contigs: Iterable[ContigFile]) -> dict[str, Any] | None:
    """The file's format with what was met in all contigs; None of a VCF."""
    described = plan.description["format"]
    if described is None:
        return None
    counts = Counter(described["counts"])
    for contig in contigs:
        counts.update(contig.counts)
    return {**described, "counts": dict(sorted(counts.items())), "counted_in": WHOLE_FILE}


def _units(plan: StorePlan) -> Iterator[tuple[str, Unit]]:
    lengths = plan.description["contigs"]
    for contig in plan.contigs:
        task = ContigTask(plan.path, contig, plan.file(contig), plan.limits, plan.reading, plan.samples)
        key = {"work": str(plan.work), "contig": contig}
        yield contig, unit_of("contig", task, key, cost=float(lengths.get(contig) or 1))


def _drop_damaged(plan: StorePlan) -> None:
    """Remove contigs that an earlier run left damaged, as a machine that lost its power does."""
    for contig in plan.contigs:
        path = plan.file(contig)
        if path.exists():
            try:
                ContigFile(path).check()
            except DamagedFileError:
                path.unlink(missing_ok=True)


def _put(folder: Path, target: Path) -> None:
    """Rename a folder; one that is there, perhaps another process's of this moment, goes."""
    while True:
        old = target.with_name(f".{target.name}.{uuid.uuid4().hex}.old")
        with suppress(FileNotFoundError):
            target.replace(old)
        try:
            folder.replace(target)
            return
        except OSError:
            if not target.exists():
                with suppress(FileNotFoundError):
                    old.rename(target)
                raise
        finally:
            shutil.rmtree(old, ignore_errors=True)
