"""The app as a Space, and as `variantformer app` shows it: the demo, or a model and a FASTA of this machine."""

import os
from pathlib import Path

from variantformer_hf.app.server import Served, serve, write_demo
from variantformer_hf.cli.settings import quiet_libraries
from variantformer_hf.cli.stopping import signals_raise

MODEL, FASTA = os.environ.get("VARIANTFORMER_MODEL"), os.environ.get("VARIANTFORMER_FASTA")


def served(folder: Path) -> Served:
    """What is served: the model that the environment names, else the demo."""
    return Served(MODEL, Path(FASTA)) if MODEL and FASTA else write_demo(folder, device="auto")


if __name__ == "__main__":
    quiet_libraries()
    with signals_raise():
        serve(served, print, host=None, port=None)  # where a Space says
