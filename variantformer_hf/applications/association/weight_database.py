"""Reading PrediXcan's database of one tissue's weights, ``weights`` and ``extra``, as PredictDB publishes them."""

import sqlite3
from contextlib import closing
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UNREADABLE, InputError, unreadable
from ...genome.variant import Variant, VariantError
from .weights import AssociationWeights, WeightedGene

_WEIGHTS = ("gene", "rsid", "ref_allele", "eff_allele", "weight")
# Columns of the table of genes -> the names that are used here.
_EXTRA = {
    "genename": "gene_name",
    "pred.perf.R2": "pred_perf_r2",
    "pred.perf.pval": "pred_perf_pval",
    "pred.perf.qval": "pred_perf_qval",
    "phi": "phi",
}
_UNKNOWN = ("", "NA", "NAN")
_MAGIC = b"SQLite format 3\0"
_REMEDY = "Give a database of PrediXcan (PredictDB), with the tables weights and extra."


def is_weight_database(path: str | Path) -> bool:
    """Whether a path is an SQLite database."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def read_weight_database(path: str | Path) -> AssociationWeights:
    """Read a tissue's weights; the file's name is the tissue's.

    A variant is where ``varID`` says, or an ``rsid`` that is such a name (chr1_12345_A_G_b38), from ``ref_allele`` to
    ``eff_allele``. Where neither is, its place is not known.

    Raises:
        InputError: it is no such database, or damaged; a gene has a variant twice, or no name; alleles or weights that
            are none, or infinite; what ``extra`` says of a gene is no number.
    """
    path = Path(path)
    try:
        with path.open("rb"), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            has, extra_has = (_columns(database, name) for name in ("weights", "extra"))
            missing = [name for name in _WEIGHTS if name not in has]
            if missing:
                raise InputError(f"its table weights has no column {', '.join(missing)}", file=path, remedy=_REMEDY)
            wanted = [*_WEIGHTS, *(["varID"] if "varID" in has else [])]
            rows = database.execute(f"SELECT {', '.join(wanted)} FROM weights").fetchall()
            known = [name for name in _EXTRA if name in extra_has]
            quoted = ", ".join(["gene", *(f'"{name}"' for name in known)])
            extra = database.execute(f"SELECT {quoted} FROM extra").fetchall() if "gene" in extra_has else []
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except sqlite3.Error as error:
        raise InputError(f"is no database of weights, or damaged ({error})", file=path, remedy=_REMEDY) from error
    if not rows:
        raise InputError("has no weights", file=path, remedy=_REMEDY)
    said = {str(row[0]): dict(zip(known, row[1:], strict=True)) for row in extra}
    return _assembled(path, rows, said)


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in database.execute(f"PRAGMA table_info({table})")}


def _assembled(path: Path, rows: list[tuple[Any, ...]], said: dict[str, dict[str, Any]]) -> AssociationWeights:
    number_of: dict[tuple[str, str, str], int] = {}
    variants: list[Variant] = []
    of_gene: dict[str, dict[int, float]] = {}
    for gene, rsid, ref, eff, weight, *names in rows:
        if gene in (None, ""):
            raise InputError(
                "its table weights has a row without gene", file=path, record=str(rsid), remedy="Remove the row."
            )
        if not (isinstance(ref, str) and isinstance(eff, str) and isinstance(weight, int | float) and isfinite(weight)):
            raise InputError(
                f"has no alleles, or no weight, that are any (ref_allele {ref}, eff_allele {eff}, weight {weight})",
                file=path,
                record=f"{gene} {rsid}",
                remedy="Remove the row.",
            )
        key = (str(rsid), ref.upper(), eff.upper())
        if key not in number_of:
            number_of[key] = len(number_of)
            variants.append(_placed([*names, rsid], key[1], key[2], path))
        own = of_gene.setdefault(str(gene), {})
        if number_of[key] in own:
            raise InputError("the gene has the variant twice", file=path, record=f"{gene} {rsid}", remedy="Keep one.")
        own[number_of[key]] = float(weight)
    genes = []
    for gene, own in of_gene.items():
        about = said.get(gene, {})
        number = np.array(list(own), dtype=np.int64)
        said_of = {_EXTRA[name]: _known(about[name], path, gene, name) for name in about if name != "genename"}
        numbers = {name: value for name, value in said_of.items() if value is not None}
        weight = np.array(list(own.values()))
        name = str(about.get("genename") or gene)
        genes.append(WeightedGene(path.stem, gene, name, number, weight, np.full(len(own), np.nan), 0.0, numbers))
    ids = tuple(rsid for rsid, _, _ in number_of)
    counts = {"genes_with_weights_0": sum(not gene.weight.any() for gene in genes)}
    turned = np.zeros(len(ids), dtype=bool)
    return AssociationWeights(str(path), None, tuple(variants), ids, turned, tuple(genes), counts)


def _known(value: Any, path: Path, gene: str, column: str) -> float | None:
    """What ``extra`` says of a gene; None = it is not known.

    Raises:
        InputError: it is no number.
    """
    if value is None or str(value).strip().upper() in _UNKNOWN:
        return None
    try:
        number = float(value)
    except ValueError:
        number = inf
    if not isfinite(number):
        raise InputError(
            f"its table extra has {value!r} as {column}, which is no number",
            file=path,
            record=gene,
            remedy="Write a number, or NULL or NA where it is not known.",
        )
    return number


def _placed(names: list[Any], ref: str, eff: str, path: Path) -> Variant:
    """A variant at the place that the first name says, from one allele to the other; at none where no name says any.

    Raises:
        InputError: a name says another assembly (``_b37``).
    """
    for name in names:
        try:
            found = Variant.parse(str(name))
        except VariantError as error:
            if error.kind == "assembly":
                raise InputError(error.problem, file=path, remedy="Give weights of GRCh38.") from None
            continue
        return Variant(found.chrom, found.pos, ref, eff)
    return Variant("", 0, ref, eff)
