"""Log odds of a forest's probabilities, of which 0 and 1 have none."""

import numpy as np

# Of a row: a probability of 0 or 1 stands for one nearer to the middle.
AT_BOUND = "at_bound"


def log_odds(probability: np.ndarray, n_trees: np.ndarray | int) -> np.ndarray:
    """ln(p / (1 - p)), float64, same shape; NaN of NaN.

    A probability of 0 is taken as 1 / (2 trees), and one of 1 as so much less than 1: half a tree's vote.

    Args:
        probability: from 0 to 1.
        n_trees: of the forest that each is of; broadcast.
    """
    probability = np.asarray(probability, dtype=float)
    half = 0.5 / np.asarray(n_trees)
    inner = np.where(probability == 0, half, np.where(probability == 1, 1 - half, probability))
    return np.asarray(np.log(inner) - np.log1p(-inner))


def is_at_bound(probability: np.ndarray) -> np.ndarray:
    """Whether each is 0 or 1."""
    return np.asarray((probability == 0) | (probability == 1))
