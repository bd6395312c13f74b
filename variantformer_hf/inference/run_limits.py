"""How much a run of predictions holds at a time, and how often it is written."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How much a run holds at a time, and how often it is written; no number of it changes a prediction.

    Attributes:
        genes, cres: handed to the model together, whichever is reached first.
        genes_ahead: prepared ahead of the model.
        people: whose records of a stretch are held at a time.
        unit_seconds: about how long a unit of a run takes, which is written when it is done, and begun anew where a run
            was cut short; longer where a run would have more than ``units`` of them, up to ``longest_unit_seconds``.
        units: see there.
        longest_unit_seconds: see there.
        unit_genes: predictions that a unit has at most.
        table_memory: bytes of memory that the table of a run may take; a larger one is written as a dataset.
    """

    genes: int = 16
    cres: int = 8_000
    genes_ahead: int = 32
    people: int = 8
    unit_seconds: float = 60.0
    units: int = 2_000
    longest_unit_seconds: float = 1_800.0
    unit_genes: int = 8_192
    table_memory: int = 4 * 2**30

    def genes_in_a_unit(self, n_genes: int, seconds: float, n_processes: int = 1) -> int:
        """How many predictions a unit of a run has, about.

        Args:
            n_genes: predictions of the run.
            seconds: that the run takes in one process.
            n_processes: processes that share it; each is to have some units.
        """
        wanted = min(self.longest_unit_seconds, max(self.unit_seconds, seconds / self.units))
        of_time = n_genes * wanted / max(seconds, 1e-9)
        of_processes = n_genes / (4 * n_processes) if n_processes > 1 else n_genes
        return max(1, int(min(self.unit_genes, of_time, of_processes)))
