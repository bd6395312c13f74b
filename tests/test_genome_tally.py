"""Distinct records, counted once however often windows overlap."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variantformer_hf.genome.consensus import OUTCOME_CODE, Outcome
from variantformer_hf.genome.tally import ContigCounts, VariantTally

CHROMS = ["chr1", "chr2"]
SIGHTINGS = st.lists(
    st.tuples(st.sampled_from(CHROMS), st.integers(0, 8), st.sampled_from([None, *Outcome])), max_size=40
)


def tally_of(sightings: Sequence[tuple[str, int, Outcome | None]]) -> VariantTally:
    tally = VariantTally()
    for chrom, key, outcome in sightings:
        sight(tally, chrom, key, outcome)
    return tally


def sight(tally: VariantTally, chrom: str, key: int, outcome: Outcome | None) -> None:
    if outcome is None:
        tally.add_read(chrom, np.array([key]))
    else:
        tally.add(chrom, np.array([key]), np.array([OUTCOME_CODE[outcome]]))


@given(SIGHTINGS)
def test_counts_add_up(sightings: list[tuple[str, int, Outcome | None]]) -> None:
    tally = tally_of(sightings)
    for chrom in CHROMS:
        counts = tally.contig(chrom)
        seen = [(key, outcome) for name, key, outcome in sightings if name == chrom]
        assert counts.records_read == len({key for key, _ in seen})
        assert counts.in_windows == len({key for key, outcome in seen if outcome is not None})
        assert counts.in_windows == counts.applied + sum(counts.skipped.values())
        assert counts.applied == len({key for key, outcome in seen if outcome is Outcome.APPLIED})
        assert counts.ref_checked == counts.applied + counts.ref_mismatched
        assert counts.ref_mismatched == counts.skipped["ref_mismatch"]
    total = tally.total()
    assert total.records_read == sum(tally.contig(chrom).records_read for chrom in CHROMS)
    assert total.in_windows == total.applied + sum(total.skipped.values())


@given(SIGHTINGS, SIGHTINGS)
def test_merging_is_adding_all(
    first: list[tuple[str, int, Outcome | None]], second: list[tuple[str, int, Outcome | None]]
) -> None:
    merged = tally_of(first)
    merged.merge(tally_of(second))
    assert merged.to_dict() == tally_of(first + second).to_dict()


@given(SIGHTINGS, st.permutations(CHROMS))
def test_a_closed_contig_keeps_its_counts(sightings: list[tuple[str, int, Outcome | None]], order: list[str]) -> None:
    tally = tally_of(sightings)
    before = {chrom: tally.contig(chrom).to_dict() for chrom in CHROMS}
    total = tally.total().to_dict()
    for chrom in order:
        tally.close_contig(chrom)
        tally.close_contig(chrom)
        assert {name: tally.contig(name).to_dict() for name in CHROMS} == before
        assert tally.total().to_dict() == total
    assert tally.to_dict()["contigs"] == {name: before[name] for name in before if before[name]["records_read"]}


def test_applied_anywhere_beats_skipped_and_the_first_reason_stays() -> None:
    tally = tally_of(
        [
            ("chr1", 1, Outcome.OVERLAPS),
            ("chr1", 1, Outcome.APPLIED),
            ("chr1", 1, Outcome.OVERLAPS),
            ("chr1", 2, None),
            ("chr1", 2, Outcome.OVERLAPS),
            ("chr1", 2, Outcome.REF_MISMATCH),
            ("chr1", 2, None),
        ]
    )
    assert tally.contig("chr1").to_dict() == {
        "records_read": 2,
        "in_windows": 2,
        "ref_checked": 1,
        "ref_mismatched": 0,
        "applied": 1,
        "skipped": {"overlaps_previous": 1},
    }


def test_nothing_is_added_to_a_closed_contig() -> None:
    tally = tally_of([("chr1", 1, Outcome.APPLIED)])
    tally.close_contig("chr1")
    with pytest.raises(ValueError, match="chr1 is closed"):
        sight(tally, "chr1", 2, Outcome.APPLIED)
    sight(tally, "chr2", 2, Outcome.APPLIED)
    assert tally.total().applied == 2


@pytest.mark.parametrize("closed", [(True, False), (False, True), (True, True)])
def test_merging_with_a_closed_contig_sums_the_counts(closed: tuple[bool, bool]) -> None:
    tallies = [tally_of([("chr1", 1, Outcome.APPLIED)]), tally_of([("chr1", 2, Outcome.HOM_REF), ("chr2", 3, None)])]
    for tally, close in zip(tallies, closed, strict=True):
        if close:
            tally.close_contig("chr1")
    tallies[0].merge(tallies[1])
    assert tallies[0].contig("chr1") == ContigCounts(2, 2, 1, 0, 1, tallies[0].contig("chr1").skipped)
    assert tallies[0].contig("chr1").skipped == {"hom_ref": 1}
    assert tallies[0].total().records_read == 3
    assert sorted(tallies[0].to_dict()["contigs"]) == CHROMS


def test_merging_a_closed_contig_leaves_the_other_as_it_was() -> None:
    other = tally_of([("chr1", 1, Outcome.APPLIED)])
    other.close_contig("chr1")
    tally = VariantTally()
    tally.merge(other)
    tally.merge(other)
    assert (tally.contig("chr1").applied, other.contig("chr1").applied) == (2, 1)


def test_a_contig_that_was_never_seen_has_no_records() -> None:
    assert VariantTally().contig("chr1") == ContigCounts()
    assert VariantTally().to_dict() == {"contigs": {}, "total": ContigCounts().to_dict()}


def test_counts_are_plain_json() -> None:
    text = json.dumps(tally_of([("chr1", 1, Outcome.LOW_GQ)]).to_dict())
    assert json.loads(text)["total"]["skipped"] == {"low_gq": 1}
