"""Predictions of any program, read batch by batch onto the grid that they are held against."""

import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from ..errors import InputError
from ..genome.genes import stable_id
from ..genome.table_files import delimiter_of, kind_of_file, text_lines
from ..zoo.outputs import TissueNames
from ..zoo.statuses import NO_VARIANTS, OK, UNSEEN_GENE
from ..zoo.units import LOG1P_TPM, VALUE_COLUMNS
from .evaluation_grid import TEST, WHOLE, EvaluationGrid
from .seen_values import SeenValues

if TYPE_CHECKING:
    import pandas as pd

TPM = "tpm"
OTHER_COHORT = "cohort is not measured"
_ROWS_AT_ONCE = 1 << 20
_CSV_BYTES = 1 << 24
_MISSING = ["", "NA", "NaN", "nan", "None", "null"]
# The released table of one person, whose name stands in the file's name alone.
_RELEASED = ("gene_id", "tissues", "predicted_expression")
_RELEASED_NAME = re.compile(r"(.+)_vcf2exp_predictions\.parquet")
_TEXT = pa.dictionary(pa.int32(), pa.string())
_REMEDY = "Give sample (or donor), gene_id, tissue and a column of values, which --value names."


@dataclass(frozen=True)
class PredictionTable:
    """A table of predictions: where its columns are, and what its values are.

    Attributes:
        path: the file.
        columns: role (sample, gene_id, tissue, value; maybe cohort, status, gene_type, and others that were asked for)
            -> column; of the released layout those that were asked for, and no value.
        unit: of the values, as models name it, or ``tpm``.
        delimiter: of a text; None = Parquet.
        made_with: what the package that wrote it says of it, such as model and settings; nothing of another program's.
    """

    path: Path
    columns: dict[str, str]
    unit: str = LOG1P_TPM.name
    delimiter: str | None = None
    made_with: Mapping[str, Any] = field(default_factory=dict)

    @property
    def released_sample(self) -> str:
        """The person of a released table."""
        named = _RELEASED_NAME.fullmatch(self.path.name)
        return named[1] if named else self.path.name.removesuffix(".parquet")

    @property
    def model(self) -> dict[str, str] | None:
        """Name and sha256 of the model that made it; None = the table does not say it."""
        said = self.made_with.get("model")
        return dict(said) if isinstance(said, Mapping) and {"name", "sha256"} <= set(said) else None

    def batches(self) -> Iterator[dict[str, Any]]:
        """Role -> column: names dictionary-encoded, values float32.

        Raises:
            InputError: the file is cut off or damaged; a value is no number.
        """
        try:
            if "value" not in self.columns:
                yield from self._released_batches()
                return
            for batch in self._parquet() if self.delimiter is None else self._text(self.delimiter):
                yield {role: _as(batch.column(name), role) for role, name in self.columns.items()}
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, EOFError) as error:
            said = " ".join(str(error).split())
            raise InputError(
                f"cannot be read as a table of predictions ({said})", file=self.path, remedy="Write it again."
            ) from None

    def _parquet(self) -> Iterator[pa.RecordBatch]:
        names = list(dict.fromkeys(self.columns.values()))
        text = [name for role, name in self.columns.items() if role != "value"]
        file = pq.ParquetFile(self.path, read_dictionary=text, page_checksum_verification=True)
        yield from file.iter_batches(_ROWS_AT_ONCE, columns=names)

    def _text(self, delimiter: str) -> Iterator[pa.RecordBatch]:
        types = {name: pa.float32() if role == "value" else _TEXT for role, name in self.columns.items()}
        with self.path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with (gzip.open if packed else open)(self.path, "rb") as file:
            yield from pv.open_csv(
                file,
                read_options=pv.ReadOptions(block_size=_CSV_BYTES),
                parse_options=pv.ParseOptions(delimiter=delimiter),
                convert_options=pv.ConvertOptions(
                    column_types=types, include_columns=list(types), null_values=_MISSING, strings_can_be_null=True
                ),
            )

    def _released_batches(self) -> Iterator[dict[str, Any]]:
        names = [*_RELEASED, *self.columns.values()]
        for batch in pq.ParquetFile(self.path).iter_batches(_ROWS_AT_ONCE, columns=names):
            tissues = pc.list_flatten(batch.column("tissues"))
            values = pc.list_flatten(pc.list_flatten(batch.column("predicted_expression")))
            lengths = pc.list_value_length(tissues)
            tissues, values = pc.list_flatten(tissues), pc.list_flatten(values)
            if len(lengths) != len(batch) or len(tissues) != len(values):
                raise InputError(
                    "does not have a value of each tissue of each gene", file=self.path, remedy="Download it again."
                )
            gene = np.repeat(np.arange(len(batch), dtype=np.int32), lengths.to_numpy(zero_copy_only=False))
            of_gene = {"gene_id": "gene_id", **self.columns}
            yield {
                "sample": pa.DictionaryArray.from_arrays(np.zeros(len(gene), np.int32), [self.released_sample]),
                **{role: pa.DictionaryArray.from_arrays(gene, batch.column(name)) for role, name in of_gene.items()},
                "tissue": tissues.dictionary_encode(),
                "value": values.cast(pa.float32(), safe=False),
            }


@dataclass(frozen=True)
class Predicted:
    """Predictions of one model in the places of what was measured.

    Attributes:
        values: (genes, samples) float32, NaN where there is none.
        left_out: reason -> rows that are not used.
        names: the donors, genes and tissues that are predicted, as the expression calls them where it has them.
        gene_types: stable id -> gene_type, where the tables say.
    """

    values: np.ndarray
    left_out: dict[str, int]
    names: dict[str, set[str]]
    gene_types: dict[str, str]


def open_predictions(
    path: str | Path, *, value: str | None = None, unit: str | None = None, also: Sequence[str] = ()
) -> list[PredictionTable]:
    """The tables of a file, or of a folder of ``predict``, looked at but not read.

    Args:
        path: a table of ``predict`` (tidy), of the released program, or of another: sample (or donor), gene_id, tissue,
            a column of values; maybe cohort, status and gene_type.
        value: the column of values; a table without it has one that this package names.
        unit: of tables that do not say theirs; ``tpm`` is one.
        also: further columns of names to read, where they are there.

    Raises:
        InputError: it is no such table; nothing says what its values are.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.parquet") if not file.name.startswith((".", "_")))
        if not files or not (path / "_report.json").is_file():
            raise InputError("is no dataset of predictions", file=path, remedy="Give what `predict -o FOLDER/` wrote.")
        said = json.loads((path / "_report.json").read_text())
        return [_opened(file, value, unit, also, said) for file in files]
    return [_opened(path, value, unit, also)]


def _opened(
    path: Path, value: str | None, unit: str | None, also: Sequence[str], of_folder: Mapping[str, Any] | None = None
) -> PredictionTable:
    kind, delimiter = kind_of_file(path), None
    if kind == "vcf":
        raise InputError("is a VCF, and no table of predictions", file=path, remedy=_REMEDY)
    if kind == "parquet":
        try:
            schema = pq.read_schema(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError("is not a Parquet file, or is cut off or damaged", file=path) from error
        names = schema.names
        if value not in names and set(_RELEASED) <= set(names):
            return PredictionTable(path, {name: name for name in also if name in names})
        said = of_folder or json.loads((schema.metadata or {}).get(b"variantformer", b"{}"))
    else:
        head = next(text_lines(path), "")
        delimiter = delimiter_of(head)
        names = next(csv.reader([head], delimiter=delimiter), [])
        said = said_beside(path)
    columns = {role: role for role in ("gene_id", "tissue", "cohort", "status", "gene_type", *also) if role in names}
    person = next((name for name in ("donor", "sample") if name in names), None)
    columns |= {} if person is None else {"sample": person}
    of_values = next((name for name in (value, *VALUE_COLUMNS, TPM) if name in names), None)
    missing = [role for role in ("sample", "gene_id", "tissue") if role not in columns]
    if missing or of_values is None:
        lacks = ", ".join(missing) or (value or "of values")
        raise InputError(
            f"has no column {lacks}; it has {', '.join(names[:12]) or 'none'}",
            file=path,
            remedy=_REMEDY,
        )
    of_column = {LOG1P_TPM.column: LOG1P_TPM.name, TPM: TPM}.get(of_values)
    found = of_column or said.get("unit") or unit
    if not found:
        raise InputError(
            f"does not say what its column {of_values} is",
            file=path,
            remedy="Say it: --unit tpm, --unit log1p_tpm, or another that the expression has.",
        )
    return PredictionTable(path, columns | {"value": of_values}, found, delimiter, said)


def made_by(tables: Sequence[PredictionTable]) -> dict[str, str] | None:
    """Name and sha256 of the model that made all of the tables; None = one does not say it, or they are of several."""
    first = tables[0].model
    return first if first and all(each.model and each.model["sha256"] == first["sha256"] for each in tables) else None


def said_beside(path: Path) -> dict[str, Any]:
    """The report that this package wrote beside a table; nothing where there is none."""
    try:
        found = json.loads(path.with_name(f"{path.name}.report.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _as(column: Any, role: str) -> Any:
    """A column of names, dictionary-encoded, or of float32."""
    if role == "value":
        return column.cast(pa.float32(), safe=False)
    return column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()


def _check_unit(table: PredictionTable, grid: EvaluationGrid) -> None:
    if (LOG1P_TPM.name if table.unit == TPM else table.unit) != grid.scale:
        raise InputError(
            f"its values are {table.unit}, and those of {', '.join(grid.files)} are {grid.scale}",
            file=table.path,
            remedy="Give expression in the unit of the predictions; where --unit said it, say another.",
        )


def read_predictions(
    tables: Sequence[tuple[int | None, PredictionTable]],
    grid: EvaluationGrid,
    people: "pd.DataFrame",
    statuses: Sequence[str] = (),
) -> Predicted:
    """Predictions of one model in the places of what was measured.

    Args:
        tables: each with the fold whose model predicted it; None = of all folds.
        grid: what was measured.
        people: the list of people; its column ``sample`` is what the predictions call a donor.
        statuses: of the rows that are used, where they have one; none = ``ok`` and ``no_variants``, and where the split
            holds out genes ``unseen_gene``.

    Raises:
        InputError: the unit is not that of the expression; a TPM under 0; a value is there twice.
    """
    reader = _Reader(grid, people, statuses)
    for fold, table in tables:
        _check_unit(table, grid)
        for batch in table.batches():
            reader.add(batch, table, fold)
    if reader.has_doubled:
        _Reader(grid, people).refuse_doubled(tables)
    return Predicted(reader.values, dict(reader.left_out), reader.names(), reader.gene_types)


def coded(column: Any) -> tuple[list[str], np.ndarray]:
    """Texts of a dictionary-encoded column, and which each row has; the last one, "", is of rows without one."""
    texts = [*column.dictionary.to_pylist(), ""]
    code = pc.fill_null(column.indices, len(texts) - 1).to_numpy(zero_copy_only=False)
    return texts, code


class _Names:
    """Numbers of names: by what is wanted, and of all names in the order in which they come."""

    def __init__(self, known: dict[str, int], as_known: Any = str) -> None:
        self.known, self.seen, self._as_known = known, dict[str, int](), as_known
        self._of = {"": (-1, -1)}

    def codes(self, column: Any) -> tuple[np.ndarray, np.ndarray]:
        """(rows,) of a dictionary-encoded column the number among the wanted, and among all; -1 = none."""
        texts, code = coded(column)
        for text in texts:
            if text not in self._of:
                name = self._as_known(text)
                self._of[text] = self.known.get(name, -1), self.seen.setdefault(name, len(self.seen))
        wanted, all_names = np.array([self._of[text] for text in texts]).T.copy()
        return wanted[code], all_names[code]


class _Reader:
    """What was read of a model's predictions."""

    def __init__(self, grid: EvaluationGrid, people: "pd.DataFrame", statuses: Sequence[str] = ()) -> None:
        samples = grid.samples
        self._grid, self._width = grid, len(samples)
        # Such predictions are asked for where a split holds out genes.
        holds_out_genes = not (grid.genes["gene_part"] == WHOLE).all()
        self._used = statuses or (OK, NO_VARIANTS, *([UNSEEN_GENE] if holds_out_genes else []))
        self.values = np.full(grid.observed.shape, np.nan, dtype=np.float32)
        self._there = np.zeros(grid.observed.shape, dtype=bool)
        self._written = 0
        self._seen: dict[tuple[int | None, str], SeenValues] = {}
        self.left_out: Counter[str] = Counter()
        self.gene_types: dict[str, str] = {}
        self._genes = _Names({gene: row for row, gene in reversed(list(enumerate(grid.genes["gene_id"])))}, stable_id)
        # A donor may be in several cohorts, and there in several tissues: of each cohort a table of columns.
        donors = {donor: place for place, donor in enumerate(dict.fromkeys([*samples["donor"], *grid.donors]))}
        named = people[people["sample"] != ""] if "sample" in people else people[:0].assign(sample="")
        called = dict(zip(named["sample"], named["donor"], strict=True))
        self._donors = _Names(donors, lambda name: called.get(name, name))
        measured = list(dict.fromkeys(samples["tissue"]))
        names = TissueNames(measured)
        of_tissue = {name: place for place, name in enumerate(measured)}

        def tissue(name: str) -> str:
            found, _ = names.resolve([name])
            return found[0].name if found else name

        self._tissues = _Names(of_tissue, tissue)
        self._of_donor = samples["donor"].map(donors).to_numpy(dtype=int)
        self._of_tissue = samples["tissue"].map(of_tissue).to_numpy(dtype=int)
        self._shape = len(donors), len(measured)
        self._columns: dict[int | None, dict[str, np.ndarray]] = {}
        # Of folds that hold out different genes: the one that tests each gene, -1 = none.
        self._fold_of_gene = np.zeros(len(grid.genes), dtype=int)
        if grid.fold_parts is not None:
            tested = grid.fold_parts == TEST
            self._fold_of_gene = np.where(tested.any(axis=1), tested.argmax(axis=1), -1)
        self._trained = np.zeros(len(donors), dtype=bool)
        self._trained[[donors[donor] for _, donor in grid.trained if donor in donors]] = True
        self._trained[[donors[donor] for donor in samples["donor"].unique()]] = False
        self._is_asked = self._trained.copy()
        self._is_asked[self._of_donor] = True

    def names(self) -> dict[str, set[str]]:
        """Donors, genes and tissues that are predicted."""
        return {
            "donors": set(self._donors.seen),
            "genes": set(self._genes.seen),
            "tissues": set(self._tissues.seen),
        }

    @property
    def has_doubled(self) -> bool:
        """Whether a person's gene and tissue were there twice, measured or not."""
        return self._written != int(self._there.sum()) or any(each.has_doubled for each in self._seen.values())

    def add(self, batch: dict[str, Any], table: PredictionTable, fold: int | None) -> None:
        """Rows of a table; those that are not used are counted by the first reason of these."""
        for _, place, seen in self._places(batch, fold):
            seen.add(*place)
        values = self._values(batch, table)
        for rows, cells in self._cells(batch, values, fold):
            self.values.flat[cells] = values[rows]
            self._there.flat[cells] = True
            self._written += len(cells)

    def refuse_doubled(self, tables: Sequence[tuple[int | None, PredictionTable]]) -> None:
        """Raise InputError of the first that is there twice; nothing was read before."""
        for fold, table in tables:
            for batch in table.batches():
                again = np.zeros(len(batch["value"]), dtype=bool)
                for rows, place, seen in self._places(batch, fold):
                    again[rows[seen.again(*place)]] = True
                    seen.add(*place)
                for rows, cells in self._cells(batch, self._values(batch, table), fold):
                    first = np.zeros(len(cells), dtype=bool)
                    first[np.unique(cells, return_index=True)[1]] = True
                    again[rows[~first | self._there.flat[cells]]] = True
                    self._there.flat[cells] = True
                if again.any():
                    raise InputError(
                        "is there twice",
                        file=table.path,
                        record=self._record(batch, int(np.flatnonzero(again)[0])),
                        remedy="Give each person's gene and tissue once, and each person one file.",
                    )

    def _places(
        self, batch: dict[str, Any], fold: int | None
    ) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, ...], SeenValues]]:
        """Rows that name a donor, tissue and gene, the numbers of these, and what was seen; cohort by cohort."""
        named = [(self._donors, "sample"), (self._tissues, "tissue"), (self._genes, "gene_id")]
        numbers = [names.codes(batch[role])[1] for names, role in named]
        whole = np.logical_and.reduce([each >= 0 for each in numbers])
        cohorts, of_cohort = coded(batch["cohort"]) if "cohort" in batch else ([""], np.zeros(len(whole), dtype=int))
        for number, cohort in enumerate(cohorts):
            rows = np.flatnonzero(whole & (of_cohort == number))
            seen = self._seen.setdefault((fold, cohort), SeenValues())
            yield rows, tuple(each[rows] for each in numbers), seen

    def _values(self, batch: dict[str, Any], table: PredictionTable) -> np.ndarray:
        """Of a batch, TPM as log1p TPM."""
        values = batch["value"].to_numpy(zero_copy_only=False)
        if table.unit != TPM:
            return values
        if (values < 0).any():
            raise InputError(
                "has a TPM under 0",
                file=table.path,
                record=self._record(batch, int(np.flatnonzero(values < 0)[0])),
                remedy="Give TPM, or say what the values are: --unit.",
            )
        return np.log1p(values)

    def _columns_of(self, fold: int | None) -> dict[str, np.ndarray]:
        """Cohort -> (folds, donors, tissues) the column of the grid, -1 = none.

        Of one fold, or of all; the first axis is longer than one where these hold out different genes.
        """
        if fold not in self._columns:
            samples, by_gene = self._grid.samples, fold is None and self._grid.fold_parts is not None
            in_fold = np.ones(len(samples), bool) if fold is None else samples["fold"].isin([fold, -1]).to_numpy()
            n_folds = int(self._fold_of_gene.max(initial=0)) + 1 if by_gene else 1
            self._columns[fold] = {}
            for cohort in dict.fromkeys(samples["cohort"]):
                of_cohort = (samples["cohort"] == cohort).to_numpy() & in_fold
                columns = np.full((n_folds, *self._shape), -1)
                for number in range(n_folds):
                    here = of_cohort & samples["fold"].isin([number, -1]).to_numpy() if by_gene else of_cohort
                    place = np.flatnonzero(here)
                    columns[number, self._of_donor[place], self._of_tissue[place]] = place
                self._columns[fold][cohort] = columns
        return self._columns[fold]

    def _cells(
        self, batch: dict[str, Any], values: np.ndarray, fold: int | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows that are used, and their places in the grid, cohort by cohort; all others are counted."""
        gene, donor = self._genes.codes(batch["gene_id"])[0], self._donors.codes(batch["sample"])[0]
        tissue = self._tissues.codes(batch["tissue"])[0]
        rows = np.ones(len(values), dtype=bool)
        if "gene_type" in batch:
            self._note_types(gene, batch["gene_type"])

        def leave(which: np.ndarray, reason: str) -> None:
            nonlocal rows
            self.left_out[reason] += int((rows & which).sum())
            rows = rows & ~which

        if "status" in batch:
            statuses, code = coded(batch["status"])
            for number, status in enumerate(statuses):
                if status not in self._used:
                    leave(code == number, f"status {status or 'none'}")
        leave(~np.isfinite(values), "value is no number")
        leave(donor < 0, "donor is not measured")
        leave(self._trained[donor], "donor is trained on")
        leave(~self._is_asked[donor], "the split does not know the donor")
        leave(gene < 0, "gene is not measured")
        leave(tissue < 0, "tissue is not measured")
        parts = self._grid.fold_parts
        if parts is not None:
            leave(self._fold_of_gene[gene] < 0 if fold is None else parts[gene, fold] == "", "gene is not held out")
        of_gene = self._fold_of_gene[gene] if fold is None else np.zeros(len(gene), dtype=int)
        cohorts, of_cohort = coded(batch["cohort"]) if "cohort" in batch else ([], np.empty(0))
        if cohorts:
            measured = set(self._grid.samples["cohort"])
            leave(np.array([name not in measured for name in cohorts])[of_cohort], OTHER_COHORT)
        place = np.flatnonzero(rows)
        unused = np.ones(len(place), dtype=bool)
        for cohort, columns in self._columns_of(fold).items():
            column = columns[of_gene[place], donor[place], tissue[place]]
            here = column >= 0
            if fold is not None and cohort in self._grid.gene_folds:
                here &= self._grid.gene_folds[cohort][gene[place]] == fold
            if cohorts:
                here &= np.array([name == cohort for name in cohorts])[of_cohort[place]]
            unused &= ~here
            yield place[here], gene[place[here]] * self._width + column[here]
        self.left_out["tissue is not measured in the donor"] += int(unused.sum())

    def _note_types(self, gene: np.ndarray, column: Any) -> None:
        known, place = np.unique(gene, return_index=True)
        types = column.take(pa.array(place)).to_pylist()
        ids = self._grid.genes["gene_id"]
        for row, text in zip(known, types, strict=True):
            if row >= 0 and text:
                self.gene_types.setdefault(str(ids.iloc[row]), text)

    def _record(self, batch: dict[str, Any], row: int) -> str:
        return ", ".join(str(batch[role][row].as_py()) for role in ("sample", "gene_id", "tissue"))
