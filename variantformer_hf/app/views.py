"""An answer as parts of the page, and as files to download; the rules are those of the report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..genome.provenance import fingerprint
from ..report.anatomogram.inline import anatomogram_html
from ..report.enhancer_map import enhancer_map, strongest_cres
from ..report.expression_matrix import ExpressionMatrix
from ..report.html import drawing, paragraph, table, warnings
from ..report.match_summary import used_records
from ..report.person_report import (
    PersonReport,
    anatomogram,
    asked_and_used,
    gene_bars,
    largest_effects,
    statuses,
    write_person_report,
)
from ..report.tables import write_table
from ..zoo.units import unit_named
from .answers import Answer

if TYPE_CHECKING:
    import pandas as pd

_MOST_PANELS, _MOST_CRES, _MOST_TISSUES = 6, 20, 100
_METADATA = ("package", "model", "inputs", "settings", "unit", "units")


@dataclass(frozen=True)
class AnswerPage:
    """An answer, as a reader sees it.

    Attributes:
        answer: what was found.
    """

    answer: Answer

    @cached_property
    def report(self) -> PersonReport:
        """What a report of it shows."""
        answer = self.answer
        person = _matrix(answer.person.table, answer.unit)
        match = renamed(answer.person.report, answer.names)
        return PersonReport(
            person,
            {},
            match=match,
            used=used_records(match, person.sample),
            reference=None if answer.reference is answer.person else _matrix(answer.reference.table, answer.unit),
            effects=None if answer.effects is None else _with_texts(answer.effects),
            asked_genes=[0],
        )

    def headline(self) -> str:
        """Whose gene it is, in one line of plain text."""
        person = self.report.person
        return f"{person.genes['label'].iloc[0]} of {person.sample}, {len(person.tissues):,} tissue(s), {person.unit}"

    def expression(self) -> str:
        """Bars and a table, beside the reference genome."""
        report = self.report
        person, against = report.person, report.against
        rows: dict[str, Any] = {"tissue": person.tissues, person.sample: person.values[0]}
        if against is not None and report.differences is not None:
            rows |= {"reference": against[0], "difference": report.differences[0]}
        rows |= {"status": person.statuses[0]}
        label = person.genes["label"].iloc[0]
        caption = f"{label}: predicted expression, {person.unit}."
        found = _frame(rows)
        largest = np.argsort(-np.nan_to_num(person.values[0], nan=-np.inf), kind="stable")
        parts = [
            gene_bars(report, 0, name="app-bars"),
            table(found.iloc[largest], caption, most_rows=_MOST_TISSUES),
        ]
        return "".join(parts)

    def body(self) -> str:
        """The gene in the body."""
        found, title = anatomogram(self.report.person, 0)
        return anatomogram_html(found, name="app-body", title=title)

    def match(self) -> str:
        """What was asked, what was used, and what to be warned of."""
        return "".join([*asked_and_used(self.report), *statuses(self.report)])

    def effects(self) -> str:
        """Variants that were asked about."""
        if self.report.effects is None:
            return paragraph("No variant was given. Type one, or upload a file of them.")
        parts = largest_effects(self.report.effects, self.report.person.sample)
        if self.answer.rejected:
            said = [f"Not scored: {each.given}, {each.reason}" for each in self.answer.rejected]
            parts.append(warnings(said))
        return "".join(parts)

    def enhancers(self) -> str:
        """Which cCREs the tissues attend to."""
        found = self.answer.attention
        if not self.answer.attends:
            return paragraph("This model attends to no cCREs one by one: there is no map.")
        if found is None:
            return paragraph("The map was not asked for.")
        if not found.is_known or not len(found.cre_ids):
            return paragraph(f"There are no weights: {found.status} {found.reason}".strip() + ".")
        drawn = list(range(min(_MOST_PANELS, len(found.tissues))))
        more = f" The first {len(drawn)} of {len(found.tissues)} tissues." if len(drawn) < len(found.tissues) else ""
        caption = (
            f"{found.regions.gene.gene_name} of {found.sample}: {len(found.cres):,} of {len(found.cre_ids):,} cCREs "
            f"within reach, by class, and the attention of each tissue's token to them (mean over layers and heads; "
            f"the weights of a tissue sum to 1).{more} Attention is not an effect: it says where a prediction looks."
        )
        picture = enhancer_map(found, drawn, name="app-map", said=f"Map. {caption}")
        strongest = strongest_cres(found, drawn, _MOST_CRES)
        return drawing(picture, caption) + table(strongest, "The cCREs with the largest weights.", most_rows=_MOST_CRES)

    def write_files(self, folder: Path) -> list[Path]:
        """Write the predictions as Parquet and CSV, and the report.

        Args:
            folder: where; there is none of them in it.
        """
        report, answer = self.report, self.answer
        assert report.match is not None
        metadata = {key: report.match[key] for key in _METADATA}
        predictions = write_table(answer.person.table, folder / "predictions.parquet", metadata)
        text = write_table(answer.person.table, folder / "predictions.csv", metadata)
        made_of = {**fingerprint(predictions, whole_file=True), "path": predictions.name}
        page = write_person_report(replace(report, files={"predictions": made_of}), folder / "report.html")
        return [predictions, text, page]


def page_style(selector: str) -> str:
    """The report's style sheet for parts of another page alone, in elements of a selector, above that page's own."""
    css = files("variantformer_hf.report").joinpath("page.css").read_text("utf-8")
    return f"{selector} {{\n{css.replace(':root', '&')}}}\n"


def renamed(said: Any, names: Mapping[Path, str]) -> Any:
    """A report, ready for JSON, in which files have the names that their reader gave them."""
    text = json.dumps(said)
    for path, name in names.items():
        text = text.replace(json.dumps(str(path))[1:-1], json.dumps(name)[1:-1])
    return json.loads(text)


def _matrix(predictions: "pd.DataFrame", unit: str) -> ExpressionMatrix:
    rows = predictions.rename(columns={unit_named(unit).column: "value"}).fillna({"reason": ""})
    return ExpressionMatrix.of_rows(rows, str(rows["sample"].iloc[0]), unit)


def _with_texts(effects: "pd.DataFrame") -> "pd.DataFrame":
    """Effects with "" where a text is missing, as they are read from a file."""
    texts = [name for name in effects if effects[name].dtype.kind not in "iufb"]
    return effects.fillna(dict.fromkeys(texts, ""))


def _frame(columns: Mapping[str, Any]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {name: list(values) if isinstance(values, tuple) else values for name, values in columns.items()}
    )
