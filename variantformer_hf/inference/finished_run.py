"""What a run gives when all of its units are there: one table, or a dataset with its manifest."""

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from ..genome.tally import ContigCounts
from ..work.units import Unit
from ..zoo.statuses import NOT_FINITE, check_finite, check_used
from .match_report import match_report
from .people import check_person_agreement
from .planned_run import PlannedRun
from .predicted import PredictedGenes, PredictedUnit
from .prediction import PredictionResult, gene_table, tidy_table
from .query import rejected_table
from .run_folder import MANIFEST_FILE, REJECTED_FILE, REPORT_FILE, SAMPLES_FOLDER, RunFolder
from .sample_counts import SampleCounts, counts_by_sample, samples_table
from .unit_notes import UnitNotes


class UnitsInMemory:
    """Units of a small run, kept in memory; see ``job.UnitStore``."""

    def __init__(self) -> None:
        self._done: dict[str, PredictedUnit] = {}

    def is_done(self, unit: Unit) -> bool:
        """Whether a unit is there."""
        return unit.name in self._done

    def write(self, unit: Unit, done: PredictedUnit) -> None:
        """Keep a unit."""
        self._done[unit.name] = done

    def done_notes(self, unit: Unit) -> UnitNotes:
        """Notes of a unit, as of one in a folder."""
        done = self._done[unit.name]
        return UnitNotes("", (), done.predictions, done.records, done.damage)

    def predictions(self, notes: UnitNotes) -> PredictedGenes:
        """Those of a unit."""
        return notes.predictions


def table_result(
    planned: PlannedRun, store: RunFolder | UnitsInMemory, units: Sequence[Unit], *, is_writer: bool
) -> PredictionResult:
    """The tables of a run.

    Args:
        planned: the run.
        store: where its units are.
        units: all of them.
        is_writer: see :class:`PredictionResult`.

    Raises:
        InputError: nothing of a person's file was used, or it does not go with the FASTA; a file is damaged.
    """
    asked = planned.asked
    model, genes, names = asked.opened.model, asked.query.genes, asked.people.names
    width = model.embedding_width if planned.request.with_embeddings else None
    whole = PredictedGenes.empty(range(len(names)), range(len(genes)), len(planned.tissues), width)
    damage: dict[str, None] = {}
    for unit in units:
        notes = store.done_notes(unit)
        whole.put(store.predictions(notes))
        damage.update(dict.fromkeys(notes.damage))
    counts = dict(pair for batch in counts_by_sample(units, store.done_notes) for pair in batch)
    folder = store if isinstance(store, RunFolder) else None
    if folder is not None and is_writer and np.isnan(whole.values).all():
        folder.remove()  # there is no number in it to go on from
    report = checked_report(planned, counts, list(damage))
    embeddings = whole.embeddings
    return PredictionResult(
        table=tidy_table(whole, names, genes, planned.tissues, model.unit),
        embeddings=None if embeddings is None else embeddings.reshape(-1, embeddings.shape[-1]),
        genes=gene_table(whole, names, genes),
        rejected=tuple(asked.query.rejected),
        report=report,
        is_writer=is_writer,
        parts=folder,
    )


def checked_report(planned: PlannedRun, counts: Mapping[int, SampleCounts], damage: Sequence[str]) -> dict[str, Any]:
    """The report of a run, with all of its people.

    Args:
        planned: the run.
        counts: of each person, by the number in the run.
        damage: what was met and mended in stores.

    Raises:
        InputError: nothing of a person's file was used, or it does not go with the FASTA.
    """
    names = planned.asked.people.names
    for person, of_person in counts.items():
        _check(planned, names[person], of_person)
    statuses: Counter[str] = sum((each.by_status for each in counts.values()), Counter())
    samples = {names[person]: of_person.to_dict() for person, of_person in counts.items()}
    return _report(planned, statuses, damage, samples)


def finish_dataset(planned: PlannedRun, folder: RunFolder, units: Sequence[Unit]) -> None:
    """Write what a dataset has beside its units: counts of its people, the report, and last the manifest.

    Args:
        planned: the run.
        folder: where all of its units are.
        units: all of them.

    Raises:
        InputError: nothing of a person's file was used, or it does not go with the FASTA; another file of rows lies in
            the folder; once all is written: the model gave numbers that are none.
        OutputError: it cannot be written.
    """
    names = planned.asked.people.names
    statuses: Counter[str] = Counter()
    total = ContigCounts()
    tables = []
    for batch in counts_by_sample(units, folder.done_notes):
        rows = []
        for person, counts in batch:
            _check(planned, names[person], counts)
            statuses.update(counts.by_status)
            total.add(counts.tally.total())
            rows += counts.rows(names[person])
        tables.append(f"{SAMPLES_FOLDER}/people-{batch[0][0]}-{batch[-1][0] + 1}.arrow")
        folder.files.put(tables[-1], _arrow_file(samples_table(rows)))
    damage: dict[str, None] = {}
    not_finite: set[int] = set()
    n_rows, lines = 0, []
    files: set[str] = set()
    for unit in units:
        notes = folder.done_notes(unit)
        damage.update(dict.fromkeys(notes.damage))
        not_finite.update(notes.predictions.genes[(notes.predictions.status == NOT_FINITE).any(axis=0)].tolist())
        lines.append(json.dumps(_listed(unit, notes)))
        files.update(file.name for file in notes.files)
        n_rows += notes.rows
    folder.check_only(files)
    described = {"people": len(names), "tables": tables, "total": total.to_dict()}
    report = _report(planned, statuses, list(damage), described)
    folder.files.put(REPORT_FILE, (json.dumps(report, indent=2) + "\n").encode())
    if planned.asked.query.rejected:
        table = rejected_table(planned.asked.query.rejected).to_csv(sep="\t", index=False)
        folder.files.put(REJECTED_FILE, table.encode())
    head = {
        "format": 1,
        "key": folder.contents.key,
        "units": len(units),
        "rows": n_rows,
        "stretches": _stretches(units),
    }
    text = json.dumps(head)[:-1] + ', "listed": [\n' + ",\n".join(lines) + "\n]}\n"
    folder.files.put(MANIFEST_FILE, text.encode())
    found = [folder.contents.genes[gene].gene_name for gene in sorted(not_finite)]
    check_finite(found, [NOT_FINITE] * len(found))


def _check(planned: PlannedRun, name: str, counts: SampleCounts) -> None:
    """Stop where a person's file does not go with the FASTA, or nothing of it was used."""
    source = planned.asked.vcf
    if source is not None:
        check_person_agreement(counts.tally.total(), source, name)
    check_used(name, counts.endings.elements(), source, allow_unused=planned.request.allow_unused)


def _report(
    planned: PlannedRun, statuses: Counter[str], damage: Sequence[str], samples: dict[str, Any]
) -> dict[str, Any]:
    return match_report(
        planned.asked,
        agreement=planned.agreement,
        statuses=statuses,
        damage=damage,
        samples=samples,
        whole_file_checksums=planned.request.whole_file_checksums,
    )


def _listed(unit: Unit, notes: UnitNotes) -> dict[str, Any]:
    """A unit as the manifest has it; its genes are those of its stretch."""
    files = [asdict(file) for file in notes.files]
    return {"name": unit.name, "people": unit.content.people, "stretch": unit.content.block[1], "files": files}


def _stretches(units: Sequence[Unit]) -> list[list[int]]:
    """Genes of the units, by the number of their stretch."""
    found = {unit.content.block[1]: unit.content.genes for unit in units if unit.content.block[0] == 0}
    return [found[number] for number in range(len(found))]


def _arrow_file(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
        file.write_table(table)
    return sink.getvalue()
