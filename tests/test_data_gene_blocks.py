"""Blocks of donors of one gene: how many there are, whose they are, and that nothing else decides their order."""

import dataclasses
import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest

from variantformer_hf.data.expression_pairs import ExpressionPairs
from variantformer_hf.data.gene_blocks import GeneBlocks, block_dataset, gene_blocks


def cohort(donors: dict[str, int], size: int = 4, seed: int = 0) -> GeneBlocks:
    """Genes with so many donors each; an example's number is its place."""
    ends = np.cumsum(list(donors.values()))
    members = tuple(np.arange(end - count, end) for end, count in zip(ends, donors.values(), strict=True))
    return GeneBlocks(tuple(donors), members, size, seed)


def pairs_of(donors: dict[str, list[str]]) -> ExpressionPairs:
    """Pairs of the donors of each gene, in an order of no meaning."""
    names = sorted({name for each in donors.values() for name in each})
    rows = [(names.index(name), gene) for gene, each in enumerate(donors.values()) for name in each]
    donor, gene = (np.array(column) for column in zip(*rows, strict=True))
    shuffled = np.random.default_rng(5).permutation(len(rows))
    return ExpressionPairs(
        tuple(names),
        ("LAB",) * len(names),
        tuple(donors),
        donor[shuffled],
        gene[shuffled],
        np.arange(len(rows) + 1),
        np.zeros(len(rows), dtype=np.int32),
        np.zeros(len(rows), dtype=np.float32),
        {0: 1.0},
    )


def named(pairs: ExpressionPairs, blocks: np.ndarray) -> list[tuple[str, list[str]]]:
    """Blocks by their gene and donors."""
    found = []
    for block in blocks:
        (gene,) = {pairs.genes[pairs.gene[pair]] for pair in block}
        found.append((gene, [pairs.donors[pairs.donor[pair]] for pair in block]))
    return found


@pytest.mark.parametrize(
    ("genes", "processes", "steps"),
    [(301, 1, 1_204), (11_427, 8, 5_712), (1, 1, 4), (1, 2, 2)],
)
def test_steps_of_an_epoch_are_those_of_the_paper(genes: int, processes: int, steps: int) -> None:
    """536 donors make 4 blocks of 128, and a step of a process takes one of them."""
    blocks = cohort(dict.fromkeys(map(str, range(genes)), 536), size=128)
    assert blocks.of_epoch(processes) == steps * processes
    assert blocks.epoch(0, (processes - 1, processes)).shape == (steps, 128)


def test_a_block_is_of_one_gene_whose_donors_are_drawn_anew() -> None:
    blocks = cohort({"a": 11, "b": 8, "c": 4})
    seen: dict[int, set[int]] = {}
    for epoch in range(6):
        found = blocks.epoch(epoch)
        assert found.shape == (5, 4)  # two of a, two of b, one of c
        assert Counter(np.searchsorted([11, 19], block, side="right").tolist()[0] for block in found) == {
            0: 2,
            1: 2,
            2: 1,
        }
        for block in found:
            assert len(set(np.searchsorted([11, 19], block, side="right").tolist())) == 1
        assert len(set(found.ravel().tolist())) == 20  # nobody twice
        seen[epoch] = set(found.ravel().tolist())
        np.testing.assert_array_equal(found, blocks.epoch(epoch))
    assert len({tuple(sorted(each)) for each in seen.values()}) > 1  # others of a are left out
    assert set.union(*seen.values()) == set(range(23))
    assert not np.array_equal(blocks.epoch(0), cohort({"a": 11, "b": 8, "c": 4}, seed=1).epoch(0))


@pytest.mark.parametrize("donors", [dict.fromkeys("abcdefg", 9), {"a": 41, "b": 5}, {"a": 12, "b": 8, "c": 4, "d": 4}])
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_have_as_many_whole_blocks_and_none_twice(donors: dict[str, int], processes: int) -> None:
    blocks = cohort(donors)
    alone = {tuple(block) for block in blocks.epoch(3).tolist()}
    parts = [blocks.epoch(3, (number, processes)) for number in range(processes)]
    assert {len(part) for part in parts} == {blocks.of_epoch(processes) // processes}
    found = [tuple(block) for part in parts for block in part.tolist()]
    assert len(set(found)) == len(found)
    assert set(found) <= alone
    assert len(alone) - len(found) < processes * max(count // 4 for count in donors.values())


def test_neither_other_genes_nor_the_order_of_files_change_a_genes_blocks() -> None:
    people = [f"D{number}" for number in range(13)]
    few = pairs_of({"a": people, "b": people[:8]})
    more = pairs_of({"x": people[3:], "b": people[7::-1], "few": people[:3], "a": people})
    (first, none), (second, left_out) = (gene_blocks(each, 4) for each in (few, more))
    assert (none, left_out) == ({}, {"few": 3})
    assert set(second.genes) == {"a", "b", "x"}
    for epoch in (0, 1):
        of_few = {gene: [] for gene in "ab"}
        for gene, donors in named(few, first.epoch(epoch)):
            of_few[gene].append(donors)
        of_more = {gene: [] for gene in "abx"}
        for gene, donors in named(more, second.epoch(epoch)):
            of_more[gene].append(donors)
        for gene in "ab":
            assert sorted(of_few[gene]) == sorted(of_more[gene])


def test_labels_stand_in_the_order_of_the_tissues_that_are_asked_for() -> None:
    pairs = dataclasses.replace(
        pairs_of({"a": ["D0", "D1"]}),
        first=np.array([0, 2, 3]),
        tissue=np.array([5, 2, 2], dtype=np.int32),
        value=np.array([0.5, -1.0, 3.0], dtype=np.float32),
    )
    np.testing.assert_array_equal(pairs.in_tissues(0, np.array([2, 3, 5])), np.array([-1.0, np.nan, 0.5], np.float32))
    np.testing.assert_array_equal(pairs.in_tissues(1, np.array([2, 3, 5])), np.array([3.0, np.nan, np.nan], np.float32))


def test_a_data_set_of_blocks_goes_on_where_it_was() -> None:
    pairs = pairs_of({"a": [f"D{number}" for number in range(9)], "b": [f"D{number}" for number in range(5)]})
    blocks, _ = gene_blocks(pairs, 4, seed=2)

    def make(**options: Any) -> Any:
        return block_dataset(pickle.loads(pickle.dumps(Examples())), blocks, epoch=1, **options)

    wanted = [{"pair": pair, "epoch": 1} for pair in blocks.epoch(1).ravel().tolist()]
    assert list(make()) == wanted
    assert list(make(shards=2)) == wanted
    assert {len(list(make(shards=2).shard(2, number))) % blocks.size for number in range(2)} == {0}
    dataset = make()
    examples = iter(dataset)
    first = [next(examples) for _ in range(6)]
    resumed = make()
    resumed.load_state_dict(dataset.state_dict())
    assert first + list(resumed) == wanted
    parts = [list(make(share=(number, 2))) for number in range(2)]
    assert [len(part) for part in parts] == [4, 4]
    assert all(
        part == [{"pair": pair, "epoch": 1} for pair in blocks.epoch(1, (number, 2)).ravel().tolist()]
        for number, part in enumerate(parts)
    )


class Examples:
    """In the place of those that read genomes."""

    def __call__(self, key: dict[str, int]) -> dict[str, int]:
        return dict(key)
