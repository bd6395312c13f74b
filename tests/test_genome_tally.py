"""Distinct records, counted once however often windows overlap."""

import json
from collections.abc import Sequence

import numpy as np
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
def test_records_that_were_counted_elsewhere_are_summed(
    first: list[tuple[str, int, Outcome | None]], second: list[tuple[str, int, Outcome | None]]
) -> None:
    """Those of the first have other keys than those of the second."""
    both = [(chrom, key + 100, outcome) for chrom, key, outcome in second]
    elsewhere, tally = tally_of(first), tally_of(both)
    for chrom in CHROMS:
        kinds, counts = np.unique(elsewhere.records(chrom)[1], return_counts=True)
        if len(kinds):
            tally.add_counts(chrom, ContigCounts.of(kinds, counts))
            assert ContigCounts.of(kinds, counts) == elsewhere.contig(chrom)
    assert tally.to_dict()["total"] == tally_of(first + both).to_dict()["total"]
    for chrom in CHROMS:
        assert tally.contig(chrom) == tally_of(first + both).contig(chrom)


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


def test_a_contig_that_was_never_seen_has_no_records() -> None:
    assert VariantTally().contig("chr1") == ContigCounts()
    assert VariantTally().to_dict() == {"contigs": {}, "total": ContigCounts().to_dict()}


def test_counts_are_plain_json() -> None:
    text = json.dumps(tally_of([("chr1", 1, Outcome.LOW_GQ)]).to_dict())
    assert json.loads(text)["total"]["skipped"] == {"low_gq": 1}
