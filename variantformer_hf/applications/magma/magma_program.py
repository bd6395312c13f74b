"""MAGMA itself, where it is installed: the same test by another program."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from .gene_properties import GENE, GeneProperties
from .regression import GenePropertyTest

if TYPE_CHECKING:
    import pandas as pd

# Of its output; names longer than 30 letters are whole in FULL_NAME alone.
_COLUMNS = ("BETA", "BETA_STD", "SE", "P")
_FULL_NAME = "FULL_NAME"


def find_magma() -> str:
    """The program on the PATH.

    Raises:
        InputError: there is none.
    """
    found = shutil.which("magma")
    if found is None:
        raise InputError(
            "there is no program magma on the PATH",
            remedy="Install it (https://cncr.nl/research/magma/), or leave --with-magma out: the test needs it not.",
        )
    return found


def magma_test(program: str, gene_results: Path, properties: GeneProperties, found: GenePropertyTest) -> str:
    """MAGMA's output (``.gsa.out``) of the genes and properties that were tested here.

    Args:
        program: of :func:`find_magma`.
        gene_results: the ``.genes.raw``.
        properties: of genes.
        found: which of them were tested.

    Raises:
        InputError: it fails; says its last words.
    """
    with tempfile.TemporaryDirectory(prefix="variantformer-") as folder:
        covariates, output = Path(folder) / "properties.txt", Path(folder) / "found"
        lines = [" ".join((GENE, *properties.names))]
        for row in found.rows:
            lines.append(" ".join((properties.genes[row], *(f"{value:.9g}" for value in properties.values[row]))))
        covariates.write_text("\n".join(lines) + "\n")
        command = [program, "--gene-results", str(gene_results), "--gene-covar", str(covariates)]
        command += ["--model", "direction-covar=greater", "--out", str(output)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        result = output.with_name("found.gsa.out")
        if done.returncode or not result.is_file():
            said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise InputError(
                f"MAGMA failed with exit code {done.returncode}: {' '.join(said[-3:])}",
                file=program,
                remedy="Run it by itself, or leave --with-magma out.",
            )
        return result.read_text()


def beside_magma(table: "pd.DataFrame", output: str) -> "pd.DataFrame":
    """The table of a test with MAGMA's numbers as columns MAGMA_BETA, MAGMA_BETA_STD, MAGMA_SE and MAGMA_P.

    Args:
        table: of :class:`GenePropertyTest`.
        output: of :func:`magma_test`; a property that it lacks has NaN.

    Raises:
        InputError: the output has other columns.
    """
    lines = [line.split() for line in output.splitlines() if line.strip() and not line.startswith("#")]
    header, rows = (lines[0], lines[1:]) if lines else ([], [])
    name = _FULL_NAME if _FULL_NAME in header else "VARIABLE"
    if not {name, *_COLUMNS} <= set(header):
        raise InputError(
            f"MAGMA's output has the columns {' '.join(header)}, and not {' '.join(_COLUMNS)}",
            remedy="Use MAGMA 1.07 to 1.10, or leave --with-magma out.",
        )
    of = {row[header.index(name)]: row for row in rows}
    missing = ["nan"] * len(header)
    return table.assign(
        **{
            f"MAGMA_{column}": [float(of.get(each, missing)[header.index(column)]) for each in table["VARIABLE"]]
            for column in _COLUMNS
        }
    )
