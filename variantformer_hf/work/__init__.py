"""Work in units: the same few functions in one process, and on the machines of a Ray cluster."""

from .in_process import InProcess
from .processes import Processes
from .units import FailedUnit, Job, PreparingWorker, Unit, Worker, check_all_done, run_units, unit_of

__all__ = [
    "FailedUnit",
    "InProcess",
    "Job",
    "PreparingWorker",
    "Processes",
    "Unit",
    "Worker",
    "check_all_done",
    "run_units",
    "unit_of",
]
