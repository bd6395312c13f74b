"""Principal components of a panel's genotypes, and other people's places among them."""

import hashlib
from dataclasses import dataclass

import numpy as np

from ...genome.dosages import MISSING
from .shared_genotypes import frequencies

# People whose genotypes are scaled at a time.
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class GenotypeComponents:
    """Principal components of genotypes: dosages less twice the frequency, over the deviation that the frequency gives.

    A missing genotype is the mean. A person's coordinates are scaled genotypes times ``loadings``.

    Attributes:
        frequency: (variants,) of ALT, of those that the components were made of.
        loadings: (components, variants) float32.
        explained: (components,) share of the variance.
    """

    frequency: np.ndarray
    loadings: np.ndarray
    explained: np.ndarray

    @classmethod
    def fitted(cls, dosages: np.ndarray, n_components: int = 20, seed: int = 0) -> "GenotypeComponents":
        """Components of people; of fewer people or variants as many as there are.

        Args:
            dosages: (people, variants) int8; variants that do not vary do not count.
            n_components: how many.
            seed: of the randomized SVD.
        """
        from sklearn.decomposition import PCA

        frequency, _ = frequencies(dosages)
        n_components = min(n_components, len(dosages) - 1, dosages.shape[1])
        pca = PCA(n_components, copy=False, svd_solver="randomized", random_state=seed)
        pca.fit(_scaled(dosages, frequency))
        return cls(frequency, pca.components_.astype(np.float32), pca.explained_variance_ratio_)

    @property
    def name(self) -> str:
        """What tells these components from others: coordinates among components of one name can be compared."""
        return hashlib.sha256(self.frequency.tobytes() + self.loadings.tobytes()).hexdigest()[:16]

    def coordinates(self, dosages: np.ndarray) -> np.ndarray:
        """(people, components) float32 of people, whether or not the components were made of them.

        Args:
            dosages: (people, variants) int8.
        """
        pieces = [
            _scaled(dosages[first : first + _AT_ONCE], self.frequency) @ self.loadings.T
            for first in range(0, len(dosages), _AT_ONCE)
        ]
        return np.concatenate([np.zeros((0, len(self.loadings)), dtype=np.float32), *pieces])


def _scaled(dosages: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    deviation = np.sqrt(2 * frequency * (1 - frequency))
    inverse = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0).astype(np.float32)
    scaled = dosages.astype(np.float32)
    scaled -= (2 * frequency).astype(np.float32)
    scaled *= inverse
    scaled[dosages == MISSING] = 0
    return scaled
