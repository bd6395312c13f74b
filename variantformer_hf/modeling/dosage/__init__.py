"""Models of dosages: configuration and networks."""

from .configuration_dosage import ForestDosageConfig, LinearDosageConfig
from .modeling_dosage import DosageOutput, ForestDosageForExpression, LinearDosageForExpression

__all__ = [
    "DosageOutput",
    "ForestDosageConfig",
    "ForestDosageForExpression",
    "LinearDosageConfig",
    "LinearDosageForExpression",
]
