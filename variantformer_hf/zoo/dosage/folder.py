"""What the folder of a model of dosages holds."""

from typing import ClassVar

from ...folder import FITS_FILE, GENES_FILE, VARIANTS_FILE
from ..model_folder import ModelFolder


class DosageFolder(ModelFolder):
    """Rules of the folders of models of dosages."""

    files: ClassVar[tuple[str, ...]] = (GENES_FILE, VARIANTS_FILE, FITS_FILE, "report.json")
    companions: ClassVar[tuple[str, ...]] = (GENES_FILE, VARIANTS_FILE, FITS_FILE)


DOSAGES = DosageFolder()
