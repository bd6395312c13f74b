"""Engines by their names."""

import logging
import os
from collections.abc import Callable

from ..errors import InputError
from .in_process import InProcess
from .units import Engine

logger = logging.getLogger(__name__)

ENGINES = ("process", "ray")


def engine_named(
    name: str,
    address: str | None = None,
    workers: int | None = None,
    *,
    use_gpus: bool = True,
    say: Callable[[str], None] = logger.info,
) -> Engine:
    """An engine.

    Args:
        name: ``process``, or ``ray``.
        address, workers, use_gpus, say: of Ray, see ``RayEngine``.

    Raises:
        InputError: there is none of this name; Ray is not installed; an option is of no use to it; several processes
            were started for one run.
    """
    if name not in ENGINES:
        raise InputError(f"there is no engine {name!r}", remedy=f"Choose of {', '.join(ENGINES)}.")
    if name == "process":
        if address is not None or workers is not None:
            given = "--address" if address is not None else "--workers"
            raise InputError(f"{given} is of the engine ray", remedy="Give --engine ray, or leave it out.")
        return InProcess()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(
            "Ray starts the workers by itself, and this is one of several processes",
            remedy="Start the command once, without torchrun or accelerate.",
        )
    from .ray_engine import RayEngine

    return RayEngine(address, workers, use_gpus=use_gpus, say=say)
