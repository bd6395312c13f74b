"""How well others predict personal expression, from the files that they publish it in.

``perf_summary.csv`` of the repository of Rastogi and others (Genome Biology 2026), and what FUSION keeps beside its
weights: ``cv.performance`` of a ``.wgt.RDat``, or the text that its ``FUSION.profile_wgt.R`` writes of them.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UNREADABLE, InputError, unreadable
from ..genome.table_files import kind_of_file, text_lines
from .expression_sources.text_tables import numbers, read_text_table
from .field_columns import HELD_OUT, SEEN, UNSEEN
from .repeated_rows import check_once

if TYPE_CHECKING:
    import pandas as pd

# Of perf_summary.csv: our column, theirs, and whom it is of.
_CLASSES = ((SEEN, "random_split", "all"), (HELD_OUT, "yri_split", "YRI"), (UNSEEN, "unseen", "all"))
_SUMMARY = (
    "Model Type",
    "Subsample Ratio",
    "Min AF",
    *(f"n_{theirs}" for _, theirs, _ in _CLASSES),
    *(f"{theirs} Genes Avg {what}" for _, theirs, _ in _CLASSES for what in ("PearsonR", "|PearsonR|")),
)
_METHODS = {"top1": "top SNP", "enet": "elastic net", "lasso": "LASSO", "blup": "BLUP", "bslmm": "BSLMM"}
_WEIGHTS = ".wgt.RDat"
_BETWEEN = r"[,\s]+"
_ENSEMBL = re.compile(r"ENSG\d{11}")
_KNOWN = "Give perf_summary.csv, a FUSION .profile or .pos, or a folder of FUSION's .wgt.RDat."
# What rdata raises on a file that is damaged, or none of R.
_NO_RDAT = (NotImplementedError, ValueError, EOFError, OSError, KeyError, IndexError, TypeError, zlib.error)


@dataclass
class PublishedScores:
    """What a file says, by column.

    Attributes:
        name: of the source.
        rows: means over genes, a row a model and column: source, model, genes, column, population, tissue, n_genes, r,
            abs_r, reason (why there is no number).
        genes: a row a model and gene: source, model, column, population, cohort, tissue, fold, gene_id, gene_name, n,
            pearson, abs_pearson, h2, ceiling, reason.
        left_out: reason -> rows of the file.
    """

    name: str
    rows: "pd.DataFrame"
    genes: "pd.DataFrame"
    left_out: Counter[str] = field(default_factory=Counter)

    def with_ids(self, gene_ids: Mapping[str, str]) -> "pd.DataFrame":
        """The genes by their stable ids, as far as these are known.

        Args:
            gene_ids: gene name, upper case -> stable id.
        """
        known = {name: _gene_id(name, gene_ids) for name in self.genes["gene_name"].unique()}
        return self.genes.assign(gene_id=self.genes["gene_name"].map(known))


def read_published(name: str, path: Path) -> PublishedScores:
    """Read what others published.

    Args:
        name: of the source, as tables show it.
        path: ``perf_summary.csv``; FUSION's ``.profile``, ``.pos`` or a folder of ``.wgt.RDat``.

    Raises:
        InputError: it is none of these, lacks something, or has a value that cannot be.
    """
    if path.is_dir():
        files = sorted(path.rglob(f"*{_WEIGHTS}"))
        if not files:
            raise InputError(f"holds no {_WEIGHTS}", file=path, remedy=_KNOWN)
        return _fusion(name, [_weights(each, each.name.removesuffix(_WEIGHTS)) for each in files])
    try:
        path.open("rb").close()
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    if kind_of_file(path) != "text":
        raise InputError("is none of the files that are read", file=path, remedy=_KNOWN)
    header = next(text_lines(path), "")
    if "random_split" in header:
        return _perf_summary(name, path)
    columns = {each.lower() for each in header.split()}
    if any(each.endswith(".r2") for each in columns):
        return _fusion(name, list(_profile(path)))
    if {"wgt", "id"} <= columns:
        return _fusion(name, list(_listed(path)))
    raise InputError(
        f"has the columns {', '.join(re.split(_BETWEEN, header)[:8])}, which no published scores have",
        file=path,
        remedy=_KNOWN,
    )


def _perf_summary(name: str, path: Path) -> PublishedScores:
    """Runs on all people and variants; those of one recipe, which differ by their seed, as their mean."""
    import pandas as pd

    table = read_text_table(path, _SUMMARY)
    found = {column: numbers(table[column].str.strip(), path, column).astype(float) for column in _SUMMARY[1:]}
    values = pd.DataFrame(found)
    for column in _SUMMARY[1:]:
        is_r = "PearsonR" in column
        wrong = values[column].isna() | (is_r & ~values[column].between(0 if "|" in column else -1, 1))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"{column} is {table[column].iloc[row]!r}",
                file=path,
                record=table["Model Type"].iloc[row] or f"row {row + 1}",
                remedy="Take the file as the repository has it.",
            )
    is_whole = values["Subsample Ratio"].isin([-1, 1]) & values["Min AF"].isin([-1, 0])
    left_out = Counter({"runs on fewer people, or on common variants only": int((~is_whole).sum())})
    recipes = table["Model Type"].str.split().str.join(" ").str.replace("/ ", "/")
    rows: list[dict[str, Any]] = []
    for recipe, runs in values[is_whole].groupby(recipes[is_whole], sort=False):
        model = str(recipe) if len(runs) == 1 else f"{recipe} (mean of {len(runs)})"
        for column, theirs, population in _CLASSES:
            r, absolute = (float(runs[f"{theirs} Genes Avg {what}"].mean()) for what in ("PearsonR", "|PearsonR|"))
            names = {"source": name, "model": model, "genes": "all", "column": column, "population": population}
            # A mean of absolute values is 0 where no gene has a prediction, and nowhere else.
            is_there = absolute > 0
            rows.append(
                names
                | {
                    "tissue": "LCL",
                    "n_genes": int(runs[f"n_{theirs}"].iloc[0]) if is_there else 0,
                    "r": r if is_there else np.nan,
                    "r_constant_as_zero": r if is_there else np.nan,
                    "abs_r": absolute if is_there else np.nan,
                    "reason": "" if is_there else "no prediction: the file counts these genes as 0",
                }
            )
    if not rows:
        raise InputError("has no run on all people and variants", file=path, remedy="Take it as the repository has it.")
    return PublishedScores(name, pd.DataFrame(rows), pd.DataFrame(), left_out)


@dataclass(frozen=True)
class _Feature:
    """What FUSION says of a gene: adjusted R2 of each method over the folds, h2, and of how many people."""

    id: str
    r2: Mapping[str, float]
    hsq: float
    n: float


def _fusion(name: str, features: list[_Feature]) -> PublishedScores:
    import pandas as pd

    rows = []
    for each in features:
        gene = _gene_id(each.id, {})
        for method, adjusted in each.r2.items():
            rows.append((_METHODS.get(method, method), gene, each.id, each.n, adjusted, each.hsq))
    table = pd.DataFrame(rows, columns=["model", "gene_id", "gene_name", "n", "adjusted", "h2"])
    table = table[table.groupby("model")["adjusted"].transform(lambda values: values.notna().any())]
    if not len(table):
        raise InputError(f"{name} has no R2 of any method", remedy="Give weights that were cross-validated.")
    # The adjustment of R's lm for one predictor is undone where it is known of how many people it is.
    r2 = 1 - (1 - table["adjusted"]) * ((table["n"] - 2) / (table["n"] - 1)).fillna(1)
    has_r2 = table["adjusted"].notna()
    left_out = Counter(f"genes of {model} without R2" for model in table.loc[~has_r2, "model"])
    h2 = table["h2"].clip(0, 1)
    found = table.drop(columns="adjusted").assign(
        source=name,
        column=SEEN,
        population="all",
        cohort="",
        tissue="all",
        fold=-1,
        pearson=np.nan,
        abs_pearson=np.sqrt(r2.clip(0, 1)),
        h2=h2,
        ceiling=np.sqrt(h2),
        reason=np.where(has_r2, "", "no R2: the fit failed, or is the same for everybody"),
    )
    return PublishedScores(name, pd.DataFrame(), found.reset_index(drop=True), left_out)


def _gene_id(feature: str, gene_ids: Mapping[str, str]) -> str:
    """The stable id that a feature's name holds, or that of the gene it names; else its name."""
    named = _ENSEMBL.search(feature)
    if named:
        return named[0]
    for text in (feature, feature.partition(".")[2]):
        if text.upper() in gene_ids:
            return gene_ids[text.upper()]
    return feature


def _profile(path: Path) -> Iterator[_Feature]:
    """Of the text of FUSION.profile_wgt.R, or of a .pos that has its columns beside."""
    table = _blank_separated(path)
    ids = next((each for each in ("id", "wgt") if each in table), None)
    methods = [each for each in map(str, table) if each.endswith(".r2")]
    if ids is None or "hsq" not in table:
        raise InputError(
            f"has no column {'id' if ids is None else 'hsq'}; it has {', '.join(table.columns[:8])}",
            file=path,
            remedy="Write it by FUSION.profile_wgt.R.",
        )
    check_once(table, [ids], path, "Keep one row of each.")
    values = {each: numbers(table[each], path, each).astype(float) for each in ("hsq", *methods, "n") if each in table}
    for method in methods:
        if (values[method] > 1).any():
            row = int(np.flatnonzero(values[method] > 1)[0])
            raise InputError(
                f"{method} is {table[method].iloc[row]}",
                file=path,
                record=table[ids].iloc[row],
                remedy="R2 is at most 1.",
            )
    n = values.get("n", np.full(len(table), np.nan))
    for row, name in enumerate(table[ids]):
        of_methods = {method.removesuffix(".r2"): float(values[method][row]) for method in methods}
        yield _Feature(name.removesuffix(_WEIGHTS), of_methods, float(values["hsq"][row]), float(n[row]))


def _listed(path: Path) -> Iterator[_Feature]:
    """Of the weights that a .pos lists, in its own folder."""
    table = _blank_separated(path)
    check_once(table, ["wgt"], path, "Keep one row of each.")
    for weights, name in zip(table["wgt"], table["id"], strict=True):
        file = path.parent / weights
        if not file.is_file():
            raise InputError(
                f"lists {weights}, which is not beside it",
                file=path,
                remedy="Put it into the folder of its weights, or give the .profile.",
            )
        yield _weights(file, name if not _ENSEMBL.search(weights) else file.name.removesuffix(_WEIGHTS))


def _weights(path: Path, name: str) -> _Feature:
    """Of one .wgt.RDat. R's files hold data here; what else one may hold is not run."""
    import warnings

    try:
        import rdata
    except ImportError:
        raise InputError(
            "R's files need the package rdata",
            file=path,
            remedy="Install it: pip install 'variantformer-hf[fusion]'; or give the .profile.",
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = rdata.read_rda(path)
        performance, hsq = content["cv.performance"], float(np.ravel(content["hsq"])[0])
        methods = [str(each) for each in performance.coords["dim_1"].values]
        r2 = dict(zip(methods, performance.sel(dim_0="rsq").values.astype(float).tolist(), strict=True))
        n = float(np.ravel(content["N.tot"])[0]) if "N.tot" in content else float("nan")
    except (*_NO_RDAT, AttributeError) as error:
        said = " ".join(str(error).split())
        raise InputError(
            f"is no weights of FUSION with cv.performance and hsq ({said})", file=path, remedy="Download it again."
        ) from None
    return _Feature(name, r2, hsq, n)


def _blank_separated(path: Path) -> "pd.DataFrame":
    """A table as R reads it, as text, columns in lower case; of two of a name the first."""
    import pandas as pd

    try:
        table = pd.read_csv(path, sep=r"\s+", dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError, EOFError, OSError) as error:
        raise InputError("cannot be read as a table", file=path, remedy=_KNOWN) from error
    table.columns = [str(each).lower() for each in table.columns]
    if not len(table):
        raise InputError("has no row", file=path, remedy=_KNOWN)
    return table.loc[:, ~table.columns.duplicated()]
