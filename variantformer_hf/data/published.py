"""Prepared expression as a data set of the Hub: Parquet by part of the split, and a card that says what is in it.

Genotypes are not part of it: a data set of values is published or shared without anybody's DNA. Donor names are;
whether they may be is for who publishes to know, so that they can be replaced on the way.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError
from ..genome.genes import GeneTable
from ..genome.table_files import write_parquet_pieces
from ..zoo.units import unit_named
from .expression import Expression
from .expression_pairs import gene_parts, value_parts
from .splits import PARTS, Split, summary

COLUMNS = ("sample", "donor", "cohort", "tissue", "gene_id")
# Of values in log1p TPM, and in any other unit.
_VALUES = ("log1p_tpm", "expression")
_ROWS_IN_A_GROUP = 1 << 20
_REPORT = "preparation.json"


def write_dataset(
    expression: Expression,
    split: Split,
    gene_table: GeneTable,
    folder: str | Path,
    *,
    title: str,
    licence: str,
    rename_donor: Callable[[str], str] | None = None,
) -> Path:
    """Write a folder that ``datasets.load_dataset`` reads, and :func:`push_dataset` uploads.

    Args:
        expression: from ``harmonize``.
        split: who is held out; a part without values has no file. Where it has parts of genes, they are a column
            ``gene_part``, null for genes that it leaves out.
        gene_table: that the expression was prepared for.
        folder: made; may not exist.
        title: of the card.
        licence: id of the Hub, such as ``other``; who publishes must know it.
        rename_donor: donor -> the name that is published; samples are then named after it, with their tissue.

    Returns:
        The folder.

    Raises:
        InputError: the folder exists; two donors get the same name; the gene table is another.
    """
    folder = Path(folder)
    if folder.exists():
        raise InputError("already exists", file=folder, remedy="Name a new folder.")
    if [gene.gene_id for gene in gene_table.genes] != list(expression.genes):
        raise InputError("the expression was prepared for another gene table", remedy="Give that one.")
    samples = _published_samples(expression, rename_donor)
    of_gene = gene_parts(split, gene_table) if split.genes else None
    part_of = value_parts(expression, split, gene_table)
    (folder / "data").mkdir(parents=True)
    counts = {}
    for part in PARTS:
        rows = np.flatnonzero(part_of == PARTS.index(part))
        if len(rows):
            counts[part] = len(rows)
            _write_part(expression, samples, of_gene, rows, folder / "data" / f"{part}.parquet")
    report = {"preparation": dict(expression.report), "split": summary(split), "values": counts}
    (folder / _REPORT).write_text(json.dumps(report, indent=2) + "\n")
    (folder / "README.md").write_text(_card(title, licence, counts, samples, expression))
    return folder


def read_dataset(folder: str | Path) -> pa.Table:
    """All values of a folder that :func:`write_dataset` wrote, with a column ``part``.

    Raises:
        InputError: it is none.
    """
    folder = Path(folder)
    tables = []
    for part in PARTS:
        path = folder / "data" / f"{part}.parquet"
        if path.is_file():
            table = pq.read_table(path)
            missing = [name for name in COLUMNS if name not in table.column_names]
            if not set(_VALUES) & set(table.column_names):
                missing.append(" or ".join(_VALUES))
            if missing:
                raise InputError(f"has no column {', '.join(missing)}", file=path)
            tables.append(table.append_column("part", pa.array([part] * len(table))))
    if not tables:
        raise InputError("is no prepared data set", file=folder, remedy="Give a folder with data/train.parquet.")
    return pa.concat_tables(tables)


def push_dataset(folder: str | Path, name: str, *, private: bool = True) -> str:
    """Upload a folder that :func:`write_dataset` wrote, with the login of huggingface-hub.

    Args:
        folder: the folder.
        name: ``user/name`` on the Hub.
        private: nobody else sees it.

    Returns:
        The address of the commit.

    Raises:
        InputError: the folder is none.
    """
    from huggingface_hub import HfApi

    read_dataset(folder)
    api = HfApi()
    api.create_repo(name, repo_type="dataset", private=private, exist_ok=True)
    commit = api.upload_folder(repo_id=name, folder_path=str(folder), repo_type="dataset")
    return str(commit)


def _published_samples(expression: Expression, rename: Callable[[str], str] | None) -> dict[str, np.ndarray]:
    columns = {
        name: np.asarray(expression.samples[name].to_pylist(), dtype=object)
        for name in ("sample", "donor", "cohort", "tissue")
    }
    if rename is None:
        return columns
    names = {donor: rename(donor) for donor in dict.fromkeys(columns["donor"].tolist())}
    if len(set(names.values())) < len(names):
        raise InputError("two donors get the same published name", remedy="Give names that differ.")
    columns["donor"] = np.array([names[donor] for donor in columns["donor"]], dtype=object)
    columns["sample"] = np.array(
        [f"{donor}|{tissue}" for donor, tissue in zip(columns["donor"], columns["tissue"], strict=True)], dtype=object
    )
    return columns


def _write_part(
    expression: Expression,
    samples: Mapping[str, np.ndarray],
    of_gene: np.ndarray | None,
    rows: np.ndarray,
    path: Path,
) -> None:
    genes = np.asarray(expression.genes, dtype=object)
    columns_of_gene = {"gene_id": genes}
    if of_gene is not None:
        columns_of_gene["gene_part"] = np.array([None if part < 0 else PARTS[part] for part in of_gene], dtype=object)
    value = unit_named(expression.scale).column
    names = [*samples, *columns_of_gene]
    schema = pa.schema([*((name, pa.string()) for name in names), (value, pa.float32())])

    def pieces() -> Iterator[pa.Table]:
        for first in range(0, len(rows), _ROWS_IN_A_GROUP):
            chosen = rows[first : first + _ROWS_IN_A_GROUP]
            sample = np.asarray(expression.sample)[chosen]
            columns = {name: pa.array(values[sample], pa.string()) for name, values in samples.items()}
            gene = np.asarray(expression.gene)[chosen]
            columns |= {name: pa.array(values[gene], pa.string()) for name, values in columns_of_gene.items()}
            columns[value] = pa.array(np.asarray(expression.value)[chosen])
            yield pa.table(columns, schema=schema)

    write_parquet_pieces(path, pieces())


def _card(
    title: str, licence: str, counts: Mapping[str, int], samples: Mapping[str, np.ndarray], expression: Expression
) -> str:
    files = "\n".join(f"      - split: {part}\n        path: data/{part}.parquet" for part in counts)
    cohorts = ", ".join(dict.fromkeys(samples["cohort"].tolist()))
    tissues = ", ".join(sorted(set(samples["tissue"].tolist())))
    unit = unit_named(expression.scale)
    of_unit = "above 0" if unit.is_log1p_tpm else f"in the unit {unit.name}"
    rows = "\n".join(f"| {part} | {count:,} |" for part, count in counts.items())
    return f"""---
pretty_name: {json.dumps(title)}
license: {licence}
tags:
  - biology
  - genomics
  - gene-expression
configs:
  - config_name: default
    data_files:
{files}
---

# {title}

Expression for training, prepared by variantformer-hf: one row per sample and gene, `{unit.column}` {of_unit}.
No genotypes.

| part | values |
|---|---|
{rows}

Cohorts: {cohorts}. Tissues: {tissues}. Donors: {len(set(samples["donor"].tolist()))}. Genes:
{expression.report.get("genes", len(expression.genes)):,}.

`{_REPORT}` says what was read and what was dropped, by cohort and reason, and how many donors each part has.

## Use

```python
from datasets import load_dataset

values = load_dataset("THIS_REPOSITORY")["train"]  # sample, donor, cohort, tissue, gene_id, {unit.column}
```

## Access

The rules of the cohorts' own data access agreements hold for this data set too: who publishes it must have checked.
"""
