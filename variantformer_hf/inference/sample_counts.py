"""What was counted of each person of a run: records and how genes ended, a batch of people at a time."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..genome.consensus import OUTCOMES, Outcome
from ..genome.tally import ContigCounts, VariantTally
from ..work.units import Unit
from ..zoo.statuses import STATUSES
from .predicted import PersonRecordsMet
from .run_plan import PeopleGenes
from .unit_notes import UnitNotes

if TYPE_CHECKING:
    import pyarrow as pa

_COUNTS = ("records_read", "in_windows", "ref_checked", "ref_mismatched", "applied")


class SampleCounts:
    """One person's counts.

    Attributes:
        tally: the person's distinct records.
        endings: (status, reason) -> genes.
    """

    def __init__(self) -> None:
        self.tally = VariantTally()
        self.endings: Counter[tuple[str, str]] = Counter()
        # What the model counts, by contig: name -> how many, see ``GeneInput.counted``.
        self._counted: dict[str, Counter[str]] = {}
        self._statuses: dict[str, Counter[str]] = {}
        self._not_diploid: dict[str, set[int]] = {}

    def add_records(self, met: PersonRecordsMet) -> None:
        """Add the records of a piece of a unit."""
        if len(met.kinds):
            self.tally.add_counts(met.chrom, ContigCounts.of(met.kinds, met.counts))
        self.tally.add(met.chrom, met.keys, met.outcomes)
        self._counted.setdefault(met.chrom, Counter()).update(met.counted)
        self._not_diploid.setdefault(met.chrom, set()).update(met.not_diploid)

    def add_genes(self, chrom: str, endings: Sequence[tuple[str, str]]) -> None:
        """Add genes of a contig: the status and reason of each."""
        self.endings.update(endings)
        self._statuses.setdefault(chrom, Counter()).update(status for status, _ in endings)

    @property
    def by_status(self) -> Counter[str]:
        """Status -> genes."""
        return sum(self._statuses.values(), Counter())

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: contigs and total of the records, calls_not_diploid, genes_by_status, genes_by_reason, and
        what the model counts."""
        reasons: Counter[str] = Counter()
        for (_, reason), count in self.endings.items():
            if reason:
                reasons[reason] += count
        counted: Counter[str] = Counter()
        for of_contig in self._counted.values():
            counted.update(of_contig)  # a sum would leave out what is 0
        return {
            **self.tally.to_dict(),
            "calls_not_diploid": sum(map(len, self._not_diploid.values())),
            "genes_by_status": dict(self.by_status),
            "genes_by_reason": dict(reasons),
            **counted,
        }

    def rows(self, sample: str) -> list[dict[str, Any]]:
        """A row a contig, see :func:`samples_table`."""
        rows = []
        for chrom in dict.fromkeys([*self.tally.contigs, *self._statuses]):
            counts, statuses = self.tally.contig(chrom), self._statuses.get(chrom, Counter())
            row: dict[str, Any] = {"sample": sample, "contig": chrom}
            row |= {name: getattr(counts, name) for name in _COUNTS}
            row |= {_skipped(outcome): counts.skipped.get(str(outcome), 0) for outcome in _REASONS}
            row["calls_not_diploid"] = len(self._not_diploid.get(chrom, ()))
            row |= {f"genes_{status}": statuses.get(status, 0) for status in STATUSES}
            rows.append(row | self._counted.get(chrom, {}))
        return rows


_REASONS = [outcome for outcome in OUTCOMES if outcome != Outcome.APPLIED]


def counts_by_sample(
    units: Sequence[Unit], notes_of: Callable[[Unit], UnitNotes]
) -> Iterator[list[tuple[int, SampleCounts]]]:
    """Counts of the people of a run, a batch of them at a time.

    Args:
        units: all of the run.
        notes_of: of a unit that is done.

    Yields:
        (number in the run, counts) of each person of a batch.
    """
    batches: dict[int, list[Unit]] = {}
    for unit in units:
        batches.setdefault(unit.content.block[0], []).append(unit)
    for of_batch in batches.values():
        counts: dict[int, SampleCounts] = {person: SampleCounts() for person in range(*of_batch[0].content.people)}
        for unit in of_batch:
            notes = notes_of(unit)
            for met in notes.records:
                counts[met.person].add_records(met)
            _add_genes(counts, unit.content, notes)
        yield list(counts.items())


def samples_table(rows: Sequence[dict[str, Any]]) -> "pa.Table":
    """One row per sample and contig: what became of the sample's records there, and how its genes ended.

    Returns:
        sample, contig, records_read, in_windows, ref_checked, ref_mismatched, applied, skipped_REASON,
        calls_not_diploid, genes_STATUS; of a model that counts more, these counts.
    """
    import pyarrow as pa

    names = ["sample", "contig", *_COUNTS, *map(_skipped, _REASONS), "calls_not_diploid"]
    names += [f"genes_{status}" for status in STATUSES]
    names += dict.fromkeys(name for row in rows for name in row if name not in names)
    kinds = [pa.string() if name in ("sample", "contig") else pa.int64() for name in names]
    filled = [dict.fromkeys(names, 0) | row for row in rows]
    return pa.Table.from_pylist(filled, schema=pa.schema(list(zip(names, kinds, strict=True))))


def _add_genes(counts: dict[int, SampleCounts], content: PeopleGenes, notes: UnitNotes) -> None:
    found = notes.predictions
    column_of = {int(gene): column for column, gene in enumerate(found.genes)}
    for piece in content.pieces:
        columns = [column_of[gene] for gene in piece.genes]
        for row, person in enumerate(found.people.tolist()):
            endings = list(zip(found.status[row, columns], found.reason[row, columns], strict=True))
            counts[person].add_genes(piece.interval.chrom, endings)


def _skipped(outcome: Outcome) -> str:
    return f"skipped_{outcome}"
