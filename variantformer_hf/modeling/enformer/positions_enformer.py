"""What the attention of Enformer and Borzoi is told of the distance between two bins: features of it, in float32."""

import math
from collections.abc import Callable

import torch

# Half-life of the fastest exponential, as a power of two.
_SHORTEST_HALF_LIFE = 3.0
_NEARLY_ZERO = 1e-8


def signed(features: torch.Tensor) -> torch.Tensor:
    """(2 n - 1, F) features of all distances, lowest first -> (2 n - 1, 2 F): those, and those times the sign."""
    return torch.cat([features, torch.sign(distances(len(features), features.device))[:, None] * features], dim=-1)


def distances(count: int, device: torch.device) -> torch.Tensor:
    """(count,) float32 distances, which are symmetric about 0."""
    return torch.arange(count, dtype=torch.float32, device=device) - count // 2


def enformer_positions(length: int, device: torch.device, *, n_features: int, gamma_norm: str) -> torch.Tensor:
    """Features of all distances between ``length`` bins: exponentials, central masks, gamma densities; and signed.

    Args:
        length: bins, n.
        device: where they are made.
        n_features: a multiple of 6.
        gamma_norm: ``feature`` or ``position``, see ``EnformerConfig``.

    Returns:
        (2 n - 1, n_features).
    """
    away = distances(2 * length - 1, device).abs()[:, None]
    n_basis = n_features // 6
    half_lives = 2 ** torch.linspace(_SHORTEST_HALF_LIFE, math.log2(length), n_basis, device=device)
    exponentials = torch.exp(-math.log(2.0) / half_lives * away)
    widths = 2.0 ** torch.arange(1, n_basis + 1, device=device) - 1
    masks = (widths > away).float()
    return signed(torch.cat([exponentials, masks, gamma_features(away, length, n_basis, gamma_norm)], dim=-1))


def gamma_features(away: torch.Tensor, length: int, n_basis: int, gamma_norm: str) -> torch.Tensor:
    """(P, 1) absolute distances -> (P, n_basis): densities of gamma distributions, the largest of each row or column 1.

    Means are spread evenly up to ``length``, standard deviations are half a step. Computed in float64, for the
    logarithms of densities that are divided by each other are large.
    """
    away = away.double()
    spread = length / (2 * n_basis)
    means = torch.linspace(length / n_basis, length, n_basis, device=away.device).double()
    shape, rate = (means / spread) ** 2, means / spread**2
    log_density = torch.xlogy(shape - 1, away) - rate * away - torch.lgamma(shape) + shape * torch.log(rate)
    density = log_density.exp() + _NEARLY_ZERO
    return (density / density.amax(dim=-1 if gamma_norm == "feature" else 0, keepdim=True)).float()


class PositionFeatures:
    """Features of the length that was asked for last, made when they are first needed.

    Not a buffer: a model that is made on the meta device has none, and a folder of weights holds none.

    Args:
        make: (length, device) -> (2 * length - 1, F) float32.
    """

    def __init__(self, make: Callable[[int, torch.device], torch.Tensor]) -> None:
        self._make = make
        self._key: tuple[int, torch.device] | None = None
        self._made: torch.Tensor | None = None

    def of(self, length: int, device: torch.device) -> torch.Tensor:
        """The features of a length, (2 * length - 1, F) float32."""
        if self._made is None or self._key != (length, device):
            with torch.inference_mode(False):  # training may follow, which needs them too
                self._key, self._made = (length, device), self._make(length, device)
        return self._made
