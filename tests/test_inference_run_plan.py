"""How a run is cut: every pair of a person and a gene in one unit, every record that a unit reads alone in no other."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from variantformer_hf.genome.interval import Interval
from variantformer_hf.inference.run_limits import RunLimits
from variantformer_hf.inference.run_plan import Cut, shares_of, stretches_of, units_of

REACHES = st.lists(
    st.builds(
        lambda chrom, start, size: Interval(chrom, start, start + size),
        st.sampled_from(["chr1", "chr2", "HLA:01*2"]),
        st.integers(0, 3_000_000),
        st.integers(1, 400_000),
    ),
    min_size=1,
    max_size=25,
)
CUTS = st.builds(Cut, st.integers(1, 4), st.integers(1, 6), st.booleans())


def test_stretches_join_genes_that_are_near() -> None:
    reaches = [
        Interval("b", 0, 10),
        Interval("a", 500_000, 600_000),
        Interval("a", 0, 450_000),
        Interval("a", 900_000, 900_100),
    ]
    found = stretches_of(reaches)
    assert [(each.interval, each.genes) for each in found] == [
        (Interval("a", 0, 600_000), (2, 1)),
        (Interval("a", 900_000, 900_100), (3,)),
        (Interval("b", 0, 10), (0,)),
    ]


@given(REACHES, CUTS, st.integers(1, 7), st.data())
def test_every_person_and_gene_is_in_one_unit_of_its_size(
    reaches: list[Interval], cut: Cut, n_people: int, data: st.DataObject
) -> None:
    costs = data.draw(st.lists(st.floats(1, 50), min_size=len(reaches), max_size=len(reaches)))
    units = units_of(reaches, costs, n_people, cut)
    pairs = Counter(
        (person, gene) for unit in units for person in range(*unit.content.people) for gene in unit.content.genes
    )
    assert pairs == Counter((person, gene) for person in range(n_people) for gene in range(len(reaches)))
    assert len({unit.name for unit in units}) == len(units)
    assert all("/" not in unit.name and "*" not in unit.name for unit in units)
    assert sum(unit.cost for unit in units) == np.float64(sum(costs) * n_people).round(6) or np.isclose(
        sum(unit.cost for unit in units), sum(costs) * n_people
    )
    along = [gene for stretch in stretches_of(reaches) for gene in stretch.genes]
    assert [gene for unit in units if unit.content.block[0] == 0 for gene in unit.content.genes] == along
    for unit in units:
        assert unit.content.people[1] - unit.content.people[0] <= cut.people
        if cut.by_contig:
            assert len({reaches[gene].chrom for gene in unit.content.genes}) == 1
        else:  # chunks of an array
            first = unit.content.block[1] * cut.genes
            assert unit.content.genes == along[first : first + cut.genes]


@given(REACHES, CUTS)
def test_what_a_piece_reads_alone_no_other_reads_and_nothing_of_a_stretch_is_left_out(
    reaches: list[Interval], cut: Cut
) -> None:
    pieces = [piece for unit in units_of(reaches, [1.0] * len(reaches), 1, cut) for piece in unit.content.pieces]
    for number, piece in enumerate(pieces):
        for gene in piece.genes:
            assert piece.interval.chrom == reaches[gene].chrom
            assert piece.interval.start <= reaches[gene].start <= reaches[gene].end <= piece.interval.end
        begin, end = piece.alone
        for other in pieces[:number] + pieces[number + 1 :]:
            if other.interval.chrom == piece.interval.chrom:
                assert end <= max(begin, other.interval.start) or begin >= other.interval.end
    for stretch in stretches_of(reaches):
        position = stretch.interval.start
        for piece in sorted((p for p in pieces if set(p.genes) <= set(stretch.genes)), key=lambda p: p.interval):
            assert piece.interval.start <= position
            position = max(position, piece.interval.end)
        assert position == stretch.interval.end


def test_no_unit_of_a_contig_costs_much_more_or_has_more_genes_than_it_may() -> None:
    reaches = [Interval("chr1", 1_000 * place, 1_000 * place + 500) for place in range(60)]
    costs = [float(1 + 20 * (place % 7 == 0)) for place in range(60)]
    units = units_of(reaches, costs, 3, Cut(3, 10))
    assert 6 <= len(units) <= 2 * 6
    assert max(len(unit.content.genes) for unit in units) <= 10
    assert max(unit.cost for unit in units) <= 3 * (sum(costs) / 6 + 21)


def test_shares_are_balanced_and_whole() -> None:
    reaches = [Interval("chr1", place, place + 1) for place in range(10)]
    costs = [10.0, 1, 1, 1, 1, 10, 1, 1, 1, 1]
    for n_people, count in [(1, 1), (1, 2), (3, 4), (2, 7), (1, 30)]:
        units = units_of(reaches, costs, n_people, Cut(1, 1))
        assert [unit for share in shares_of(units, count) for unit in share] == units
    halves = shares_of(units_of(reaches, costs, 1, Cut(1, 1)), 2)
    assert [sum(unit.cost for unit in half) for half in halves] == [14, 14]
    assert [len(share) for share in shares_of([], 2)] == [0, 0]


def test_a_unit_takes_about_a_minute_and_a_large_run_has_about_two_thousand() -> None:
    limits = RunLimits()
    assert limits.genes_in_a_unit(18_439, seconds=1_152) == 960  # one person on a GPU
    assert limits.genes_in_a_unit(18_439, seconds=28 * 18_439) == 9  # and on a CPU
    assert limits.genes_in_a_unit(9_219_500, seconds=576_000) == 4_609
    assert limits.genes_in_a_unit(18_439 * 500_000, seconds=1_152 * 500_000) == 8_192
    assert limits.genes_in_a_unit(6, seconds=0.0) == 6
    assert limits.genes_in_a_unit(100, seconds=1.0, n_processes=5) == 5
    assert Cut.of_size(960, 1, people_at_once=8) == Cut(1, 960)
    assert Cut.of_size(960, 1_000, people_at_once=8) == Cut(8, 120)
    assert Cut.of_size(8_192, 500_000, people_at_once=8) == Cut(32, 256)
    assert Cut.of_size(2, 500, people_at_once=8) == Cut(2, 1)
