"""Starting the app: on this machine alone, with nothing asked of or said to another host."""

import importlib.util
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..zoo.families import load_gene_model
from .answers import ServedModel
from .visits import Visits

LOCALHOST = "127.0.0.1"
# Of libraries that would ask or tell other hosts; and seconds between looks whether a browser is still there.
_ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "GRADIO_HEARTBEAT_INTERVAL": "2",
}


@dataclass(frozen=True, slots=True)
class Served:
    """A model to serve, and what it needs.

    Attributes:
        model: folder or Hub id.
        fasta: the reference genome.
        person: indexed VCF of the demo's person; None = there is none.
        device: see ``GeneModel``.
    """

    model: str | Path
    fasta: Path
    person: Path | None = None
    device: str = "auto"

    def load(self) -> ServedModel:
        """The model, in float32, as effects need it.

        Raises:
            InputError: see ``load_gene_model`` and :class:`ServedModel`.
        """
        return ServedModel(
            load_gene_model(self.model, precision="float32", device=self.device), self.fasta, self.person
        )


def write_demo(folder: Path, *, device: str = "cpu") -> Served:
    """Write the demo's genome, person and model into a folder."""
    from ..simulation import model

    files = model.write_demo(folder)
    return Served(folder / "model", files.fasta, files.vcf, device)


@contextmanager
def running(
    served: Callable[[Path], Served], *, host: str | None = LOCALHOST, port: int | None = 7860
) -> Iterator[tuple[str, Visits]]:
    """The app, while the block runs; all its files are in a temporary folder, which goes with it.

    Args:
        served: given an empty folder: what is to be served.
        host: to listen on; None = what ``GRADIO_SERVER_NAME`` says, else this machine alone.
        port: to listen on; 0 = any that is free; None = what ``GRADIO_SERVER_PORT`` says, else 7860.

    Yields:
        Its address, and what is its readers'.

    Raises:
        InputError: gradio is not installed, the port is in use, or the model cannot be served.
    """
    address = host or os.environ.get("GRADIO_SERVER_NAME") or LOCALHOST
    number = int(os.environ.get("GRADIO_SERVER_PORT") or 7860) if port is None else port
    number = _free_port(address, number)
    if importlib.util.find_spec("gradio") is None:
        raise InputError("the app needs the package gradio", remedy="Install it: pip install 'variantformer-hf[app]'.")
    with tempfile.TemporaryDirectory(prefix="variantformer-app-") as name, _quiet():
        folder = Path(name).resolve()
        made = folder / "model"
        made.mkdir()
        model = served(made).load()
        visits = Visits(folder)
        try:
            with _environment(GRADIO_TEMP_DIR=str(visits.served), **_ENVIRONMENT):
                from .page import launch

                blocks = launch(model, visits, address, number)
                try:
                    yield f"http://{address}:{number}", visits
                finally:
                    blocks.close(verbose=False)
        finally:
            visits.close()


def serve(
    served: Callable[[Path], Served],
    say: Callable[[str], None],
    *,
    host: str | None = LOCALHOST,
    port: int | None = 7860,
) -> None:
    """Run the app until the process is asked to stop; arguments and errors as of :func:`running`.

    Args:
        served, host, port: as there.
        say: called with a line once it is ready.
    """
    with running(served, host=host, port=port) as (address, _):
        say(f"{address} is ready; Ctrl-C ends it")
        threading.Event().wait()


def _free_port(host: str, port: int) -> int:
    """The port, or any that is free.

    Raises:
        InputError: it is in use, or there is no such address here.
    """
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except (OSError, OverflowError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise InputError(
                f"port {port} of {host} cannot be listened on ({said})", remedy="Name another: --port."
            ) from error
        return int(tried.getsockname()[1])


@contextmanager
def _environment(**changes: str) -> Iterator[None]:
    """A block in which the environment is another."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """A block in which nothing is said of readers' files: neither by this package nor by the readers of VCFs."""
    import pysam

    ours = logging.getLogger("variantformer_hf")
    level, verbosity = ours.level, pysam.set_verbosity(0)
    silent = logging.getLogger("variantformer_hf.app")
    before = silent.level
    silent.setLevel(ours.getEffectiveLevel())
    ours.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        ours.setLevel(level)
        silent.setLevel(before)
        pysam.set_verbosity(verbosity)
