"""What to do where memory runs out: work on half as much, and go on."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from ..errors import InputError

logger = logging.getLogger(__name__)

_Item = TypeVar("_Item")
_Output = TypeVar("_Output")
_Result = TypeVar("_Result")


def run_in_halves(
    run: Callable[[Sequence[_Item], Sequence[_Output]], list[_Result]],
    items: Sequence[_Item],
    outputs: Sequence[_Output],
    join: Callable[[_Result, _Result], _Result],
    *,
    what: str = "genes in a batch",
    on_halved: Callable[[], None] | None = None,
) -> list[_Result]:
    """Run a batch; in halves of its items, and then of an item's outputs, where memory runs out.

    Args:
        run: gives a result per item, for some of the items and some of the outputs.
        items: of the batch, e.g. genes.
        outputs: what is asked of each item, e.g. tissues.
        join: makes one result of an item's results for the first and for the other outputs.
        what: the items in the log's words.
        on_halved: called after each halving of items, so that the next batches are made smaller.

    Returns:
        The results, in the order of the items.

    Raises:
        InputError: memory does not suffice for one item and one output.
    """
    try:
        return run(items, outputs)
    except torch.OutOfMemoryError as error:
        by_items = len(items) > 1
        half = halved(len(items), what, error) if by_items else halved(len(outputs), "tissues of a gene", error)
    # Only here, where the error and with it the tensors of what failed are gone, is there memory to be had again.
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if by_items:
        if on_halved is not None:
            on_halved()
        parts = [
            run_in_halves(run, part, outputs, join, what=what, on_halved=on_halved)
            for part in (items[:half], items[half:])
        ]
        return parts[0] + parts[1]
    first, second = (
        run_in_halves(run, items, part, join, what=what, on_halved=on_halved)[0]
        for part in (outputs[:half], outputs[half:])
    )
    return [join(first, second)]


def halved(size: int, what: str, error: Exception) -> int:
    """Half of a size, with a word in the log.

    Args:
        size: what memory did not suffice for.
        what: its unit in the log's words.
        error: how memory ran out.

    Raises:
        InputError: the size is one: there is nothing to halve.
    """
    if size < 2:
        raise InputError(
            "memory does not suffice for one gene in one tissue",
            remedy="Use a device with more memory, or --precision bfloat16.",
        ) from error
    logger.warning("out of memory with %d %s: going on with %d", size, what, size // 2)
    return size // 2
