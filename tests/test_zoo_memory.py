"""Out of memory: a batch in halves gives what the whole gives, as long as one item and one output fit."""

import logging
import weakref
from collections.abc import Sequence

import pytest
import torch

from variantformer_hf.errors import InputError
from variantformer_hf.zoo.memory import halved, run_in_halves


class Machine:
    """Names of items and outputs, joined; out of memory above so many of them together."""

    def __init__(self, room: int) -> None:
        self.room, self.sizes = room, list[tuple[int, int]]()

    def __call__(self, items: Sequence[str], outputs: Sequence[int]) -> list[list[str]]:
        self.sizes.append((len(items), len(outputs)))
        if len(items) * len(outputs) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [[f"{item}{output}" for output in outputs] for item in items]


def joined(first: list[str], second: list[str]) -> list[str]:
    return first + second


@pytest.mark.parametrize("room", range(1, 16))
def test_halves_give_what_the_whole_gives(room: int) -> None:
    found = run_in_halves(Machine(room), list("abcde"), [1, 2, 3], joined)
    assert found == [[f"{item}{output}" for output in (1, 2, 3)] for item in "abcde"]


def test_items_are_halved_before_outputs_and_each_halving_is_told(caplog: pytest.LogCaptureFixture) -> None:
    machine, halvings = Machine(2), list[int]()
    with caplog.at_level(logging.WARNING, logger="variantformer_hf"):
        run_in_halves(machine, ["a", "b"], [1, 2, 3], joined, on_halved=lambda: halvings.append(1))
    assert machine.sizes == [(2, 3), (1, 3), (1, 1), (1, 2), (1, 3), (1, 1), (1, 2)]
    assert halvings == [1]
    assert [record.getMessage() for record in caplog.records] == [
        "out of memory with 2 genes in a batch: going on with 1",
        "out of memory with 3 tissues of a gene: going on with 1",
        "out of memory with 3 tissues of a gene: going on with 1",
    ]


def test_where_one_item_and_one_output_do_not_fit_the_error_says_so() -> None:
    with pytest.raises(InputError, match="memory does not suffice for one gene in one tissue") as caught:
        run_in_halves(Machine(0), ["a", "b"], [1, 2], joined)
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)


def test_other_errors_pass() -> None:
    def run(items: Sequence[str], outputs: Sequence[int]) -> list[list[str]]:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run_in_halves(run, ["a", "b"], [1], joined)


def test_what_failed_is_gone_before_the_halves_run() -> None:
    """Tensors of the failed run live as long as its error: they would be in the way of the halves."""
    kept = list[weakref.ref[torch.Tensor]]()

    def run(items: Sequence[str], outputs: Sequence[int]) -> list[list[str]]:
        assert all(each() is None for each in kept)
        activations = torch.zeros(3)
        kept.append(weakref.ref(activations))
        if len(items) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [list(items)]

    assert run_in_halves(run, ["a", "b", "c", "d"], [1], joined) == [["a"], ["b"], ["c"], ["d"]]


def test_a_size_of_one_has_no_half() -> None:
    assert halved(7, "items", ValueError()) == 3
    with pytest.raises(InputError, match="more memory"):
        halved(1, "items", ValueError())
