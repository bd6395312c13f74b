"""How much a run of predictions holds at a time, and how often it is written."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How much a run holds at a time, and how often it is written; no number of it changes a prediction.

    Attributes:
        genes, cres: handed to the model together, whichever is reached first.
        genes_ahead: prepared ahead of the model.
        people: whose records of a stretch are held at a time.
        genes_in_a_part: predictions after which they are written.
        seconds: after which they are written, however few.
    """

    genes: int = 16
    cres: int = 8_000
    genes_ahead: int = 32
    people: int = 8
    genes_in_a_part: int = 512
    seconds: float = 20.0
