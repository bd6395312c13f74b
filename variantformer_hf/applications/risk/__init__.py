"""Forests that tell cases from controls by what a model makes of people's genomes."""

from typing import TYPE_CHECKING

from ...lazy_names import lazy_names

_MODULE_OF_NAME = {
    "GenotypeFeatures": ".features",
    "Grid": ".forest_grid",
    "RiskForests": ".forest_folder",
    "StoreFeatures": ".features",
    "TrainingRequest": ".training",
    "VectorFeatures": ".features",
    "predict_risk": ".predictions",
    "read_labels": ".labels",
    "risk_counterfactual": ".counterfactual",
    "train_forests": ".training",
}

__all__ = [
    "GenotypeFeatures",
    "Grid",
    "RiskForests",
    "StoreFeatures",
    "TrainingRequest",
    "VectorFeatures",
    "predict_risk",
    "read_labels",
    "risk_counterfactual",
    "train_forests",
]

if TYPE_CHECKING:
    from .counterfactual import risk_counterfactual
    from .features import GenotypeFeatures, StoreFeatures, VectorFeatures
    from .forest_folder import RiskForests
    from .forest_grid import Grid
    from .labels import read_labels
    from .predictions import predict_risk
    from .training import TrainingRequest, train_forests


__getattr__ = lazy_names(__name__, _MODULE_OF_NAME)
