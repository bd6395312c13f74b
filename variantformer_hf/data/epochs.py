"""The order of an epoch: which keys come, in which process and which worker of it.

The order follows from a seed and the epoch's number alone. Keys are cheap and come first; a donor's DNA is read only
for the keys that are used, so that a data set that is resumed, or that is split among processes, costs nothing for what
it passes over.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import datasets
import numpy as np

# Shards of an epoch: what a loader's workers share. Divisible by the usual numbers of them.
SHARDS = 48
# Which of several processes: its number, from 0, and how many there are.
Share = tuple[int, int]
ALL: Share = (0, 1)


def keys_dataset(
    keys: Callable[..., Iterator[dict[str, int]]], n: int, shards: int, options: dict[str, Any]
) -> datasets.IterableDataset:
    """Keys of an epoch, in shards.

    Args:
        keys: takes some shards, how many there are (``of``) and the options; gives the keys of those shards, in order.
        n: keys of all processes.
        shards: at most so many; no more than this process has keys.
        options: of ``keys``; the ``share`` among them.
    """
    number, processes = options["share"]
    shards = max(1, min(shards, len(range(number, n, processes))))
    return datasets.IterableDataset.from_generator(
        keys, gen_kwargs={"shards": list(range(shards)), "of": shards, **options}
    )


def shares(order: Sequence[int] | np.ndarray, share: Share, shards: Sequence[int], of: int) -> Iterator[int]:
    """What some shards of a process's share hold, in order."""
    mine = order[share[0] :: share[1]]
    for shard in shards:
        yield from mine[len(mine) * shard // of : len(mine) * (shard + 1) // of]
