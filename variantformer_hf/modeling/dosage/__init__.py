"""Models of dosages: configuration and networks."""

from .configuration_dosage import LinearDosageConfig
from .modeling_dosage import DosageOutput, LinearDosageForExpression

__all__ = ["DosageOutput", "LinearDosageConfig", "LinearDosageForExpression"]
