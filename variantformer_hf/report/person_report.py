"""The page of one person: what was asked and used, expression, differences, variants, where the numbers are from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..applications.risk.forest_folder import RESEARCH_USE
from ..zoo.units import LOG1P_TPM, VALUE_COLUMNS
from .anatomogram.coloured import Anatomogram
from .anatomogram.inline import anatomogram_html
from .bars import Against, bars
from .colour_scale import ColourScale
from .expression_matrix import ExpressionMatrix, most_different
from .heatmap import heatmap
from .html import Section, drawing, heading, paragraph, table, warnings, write_page
from .match_summary import UsedRecords, asked, listed, report_warnings
from .meanings import FLAG_MEANINGS, STATUS_MEANINGS

if TYPE_CHECKING:
    import pandas as pd

FIRST = "Research use only. Predictions are not evidence for clinical decisions."
MOST_GENES, MOST_ROWS, MOST_BARS = 100, 100, 20
# Genes with bars and a body: where none is asked for, and at most, so that a page stays below 5 MB.
_UNASKED, MOST_CHOSEN = 3, 20
_MICROARRAY = "blood"


@dataclass(frozen=True)
class PersonReport:
    """What the page of a person shows.

    Attributes:
        person: the predictions.
        files: what it is (predictions, reference, effects, risk) -> the fingerprint of the file.
        match: the match report of the predictions; None = there is none.
        used: what became of the person's records, where the match report says.
        reference: predictions of the reference genome, in the same unit.
        effects: scored variants, as ``effects`` writes them.
        risk: what forests say of the person, as ``risk predict`` writes it.
        asked_genes: places in ``person.genes`` of the genes whose bars are asked for; None = those that differ most.
    """

    person: ExpressionMatrix
    files: Mapping[str, Mapping[str, Any]]
    match: Mapping[str, Any] | None = None
    used: UsedRecords | None = None
    reference: ExpressionMatrix | None = None
    effects: "pd.DataFrame | None" = None
    risk: "pd.DataFrame | None" = None
    asked_genes: Sequence[int] | None = None

    @cached_property
    def against(self) -> np.ndarray | None:
        """(genes, tissues) of the reference genome, in the person's places."""
        return None if self.reference is None else self.reference.in_places_of(self.person)

    @cached_property
    def differences(self) -> np.ndarray | None:
        """(genes, tissues): the person minus the reference genome."""
        return None if self.against is None else self.person.values - self.against

    def most_different(self, n: int) -> np.ndarray:
        """Places of the n genes that differ most: from the reference genome, else between tissues.

        Where not all are meant, those without a number are left out, unless none has one.
        """
        measured = self.person.values if self.differences is None else self.differences
        found = most_different(measured, n, are_differences=self.differences is not None)
        known = np.isfinite(measured[found]).any(axis=1)
        return found[known] if n < len(measured) and known.any() else found

    @property
    def chosen(self) -> Sequence[int]:
        """Places of the genes whose bars are shown."""
        return self.most_different(_UNASKED).tolist() if self.asked_genes is None else self.asked_genes


def write_person_report(report: PersonReport, path: Path) -> Path:
    """Write the page of a person.

    Args:
        report: what it shows.
        path: the file.
    """
    person = report.person
    n_genes, n_tissues = person.values.shape
    place = _file_of(report, "predictions")
    first = [
        paragraph(FIRST, first=True),
        paragraph(f"{n_genes:,} genes in {n_tissues:,} tissues, in {person.unit}. All rows are in {place}."),
    ]
    sections = [
        Section("What was asked, and what was used", asked_and_used(report)),
        Section("Statuses and warnings", statuses(report)),
        Section("Expression", _expression(report)),
    ]
    if report.against is not None:
        sections.append(Section("Differences from the reference genome", _differences(report)))
    sections.append(Section("Chosen genes", _chosen(report)))
    if report.effects is not None:
        sections.append(
            Section("Variants with the largest effects", largest_effects(report.effects, report.person.sample))
        )
    if report.risk is not None:
        sections.append(Section("What forests of a disease say", _risk(report.risk)))
    sections.append(Section("How it was made", _provenance(report)))
    return write_page(path, f"Predicted expression of {person.sample}", first, sections, scripted=True)


def asked_and_used(report: PersonReport) -> list[str]:
    """What was asked for, and what became of the person's records, as parts of a page."""
    if report.match is None:
        return [paragraph("There is no match report beside the table (PREDICTIONS.report.json), which says both.")]
    parts = [_pairs(asked(report.match), "What was asked, from the match report.")]
    if report.used is None:
        parts.append(paragraph("No file of a person was read: this is the reference genome."))
        return parts
    total = report.used.total
    parts.append(
        paragraph(
            f"Of {total['records_read']:,} records of {report.person.sample} that were read, {total['in_windows']:,} "
            f"lie where the model looks, and {total['applied']:,} of these changed a sequence."
        )
    )
    shown = report.used.by_contig.rename(columns=lambda name: str(name).replace("_", " "))
    parts.append(table(shown, "Records of the person's file, by chromosome.", most_rows=60))
    if report.used.skipped:
        parts.append(
            table(
                _frame(report.used.skipped.items(), ["reason", "records"]),
                "Records in the model's windows that were not applied, and why (docs: outputs).",
            )
        )
    return parts


def statuses(report: PersonReport) -> list[str]:
    """Warnings, statuses of genes and tissues, and genes without a number, as parts of a page."""
    person, endings = report.person, report.person.endings()
    without = int(np.isnan(person.values).sum())
    said = report_warnings(report.match, report.used)
    if without:
        said.append(f"{without:,} of {person.values.size:,} predictions have no number; they are hatched, and never 0.")
    if _MICROARRAY in person.tissues and person.unit == LOG1P_TPM.label:
        said.append("The tissue blood is on the scale of a microarray: do not compare it with the others.")
    if report.differences is not None and not np.nan_to_num(report.differences).any():
        said.append("No prediction differs from the reference genome's.")
    parts = [warnings(said)] if said else [paragraph("Nothing to warn of.")]
    rows = [(status, n, STATUS_MEANINGS.get(status, "")) for status, n in endings.most_common()]
    parts.append(table(_frame(rows, ["status", "predictions", "meaning"]), "Statuses of genes and tissues."))
    genes, tissues = np.nonzero(np.isnan(person.values))
    if len(genes):
        labels = person.genes["label"].to_numpy(dtype=object)[genes]
        lost = Counter(zip(labels, person.statuses[genes, tissues], person.reasons[genes, tissues], strict=True))
        counted = [(*each, n) for each, n in lost.items()]
        parts.append(table(_frame(counted, ["gene", "status", "reason", "tissues"]), "Genes without a number."))
    return parts


def _expression(report: PersonReport) -> list[str]:
    person = report.person
    shown = report.most_different(MOST_GENES)
    how = (
        "those that differ most between tissues (by standard deviation)"
        if report.differences is None
        else "those that differ most from the reference genome, in any tissue"
    )
    values = person.values[shown]
    unit = person.unit
    caption = (
        f"{_how_many(report, len(shown), how)} Colour: {unit}, {_range(values)}. Genes and tissues that are alike lie "
        "side by side (average linkage of Euclidean distances)."
    )
    labels = person.genes["label"].iloc[shown].tolist()
    scale = ColourScale.of(values, unit)
    picture = heatmap(values, labels, person.tissues, scale, name="expression", said=f"Heatmap. {caption}")
    return [drawing(picture, caption)]


def _differences(report: PersonReport) -> list[str]:
    person, differences, against = report.person, report.differences, report.against
    assert differences is not None and against is not None
    n_both, n_changed = int(np.isfinite(differences).sum()), int(np.count_nonzero(np.nan_to_num(differences)))
    parts = [
        paragraph(
            f"The person minus the reference genome, in {person.unit}: {n_both:,} of {person.values.size:,} "
            f"predictions have both numbers, and {n_changed:,} of these differ."
        )
    ]
    shown = report.most_different(MOST_GENES)
    label = f"{person.unit}, person minus reference"
    part = differences[shown]
    scale = ColourScale.of(part, label, diverging=True)
    how = "those that differ most from the reference genome, in any tissue"
    caption = f"{_how_many(report, len(shown), how)} Colour: {label}, {_range(part)}; the middle is 0."
    labels = person.genes["label"].iloc[shown].tolist()
    parts.append(
        drawing(heatmap(part, labels, person.tissues, scale, name="differences", said=f"Heatmap. {caption}"), caption)
    )
    largest = np.argsort(-np.abs(np.nan_to_num(differences)), axis=None, kind="stable")[:MOST_ROWS]
    rows = [
        (
            person.genes["label"].iloc[gene],
            person.tissues[tissue],
            float(differences[gene, tissue]),
            float(person.values[gene, tissue]),
            float(against[gene, tissue]),
            person.statuses[gene, tissue],
        )
        for gene, tissue in zip(*np.unravel_index(largest, differences.shape), strict=True)
        if np.isfinite(differences[gene, tissue]) and differences[gene, tissue]
    ]
    columns = ["gene", "tissue", "difference", "person", "reference", "status"]
    if rows:
        parts.append(
            table(
                _frame(rows, columns),
                f"The {len(rows):,} largest differences, in {person.unit}.",
                most_rows=100,
                rows=True,
            )
        )
    return parts


def _chosen(report: PersonReport) -> list[str]:
    person, parts = report.person, []
    for number, gene in enumerate(report.chosen):
        found, title = anatomogram(person, gene)
        parts += [
            heading(str(person.genes["label"].iloc[gene])),
            gene_bars(report, gene, name=f"bars-{number}"),
            anatomogram_html(found, name=f"map-{number}", title=title),
        ]
    return parts


def gene_bars(report: PersonReport, gene: int, *, name: str) -> str:
    """A gene's bars, a tissue each, beside the reference genome's where it is there.

    Args:
        report: of the person.
        gene: the place of the gene.
        name: of the drawing, see ``svg.drawing``.
    """
    person = report.person
    label, gene_id = person.genes["label"].iloc[gene], person.genes["gene_id"].iloc[gene]
    held = None if report.against is None else Against(report.against[gene], "line: the reference genome")
    said = f"{label} ({gene_id}): predicted expression in {len(person.tissues):,} tissues, {person.unit}."
    axis = f"{label}, {person.unit}"
    picture = bars(person.values[gene], person.tissues, axis, name=name, said=f"Bars. {said}", against=held)
    return drawing(picture, said)


def anatomogram(person: ExpressionMatrix, gene: int) -> tuple[Anatomogram, str]:
    """A gene's numbers in the drawings, and what they show.

    Args:
        person: the predictions.
        gene: the place of the gene.
    """
    title = f"{person.genes['label'].iloc[gene]} of {person.sample} in the body"
    return Anatomogram.of(person.values[gene], person.tissues, person.unit), title


def largest_effects(effects: "pd.DataFrame", sample: str) -> list[str]:
    """Variants with the largest effects, their flags, and what has no number, as parts of a page.

    Args:
        effects: scored variants, as ``effects`` writes them, without a missing text.
        sample: the person of the page.
    """
    unit = _effect_unit(effects)
    scored = effects[effects["effect"].notna() & (effects["gene_id"] != "")]
    without = Counter(effects.loc[effects["effect"].isna(), "status"])
    keys = [name for name in ("chrom", "pos", "ref", "alt", "gene_id", "background", "zygosity") if name in scored]
    ordered = scored.loc[scored["effect"].abs().sort_values(ascending=False, kind="stable").index]
    largest = ordered.drop_duplicates(keys).head(MOST_ROWS).reset_index(drop=True)
    said = (
        f"{len(effects):,} rows, {len(scored):,} of them with a number; of each variant, gene and genome the tissue "
        f"with the largest effect. Effects are {unit} with the variant minus that without it."
    )
    parts = [paragraph(said)]
    people = sorted({str(name) for name in effects["sample"].dropna()} - {""}) if "sample" in effects else []
    if people and sample not in people:
        parts.append(warnings([f"None of these rows is of {sample}: they are of {listed(people)}."]))
    if without:
        parts.append(
            paragraph(
                "Without a number: "
                + "; ".join(f"{n:,} {status or 'no status'}" for status, n in without.most_common())
                + "."
            )
        )
    if not len(largest):
        return parts
    variants = [
        f"{chrom}:{pos}:{ref}>{alt}"
        for chrom, pos, ref, alt in largest[["chrom", "pos", "ref", "alt"]].itertuples(index=False)
    ]
    names = [f"{variant}, {gene}" for variant, gene in zip(variants, largest["gene_name"], strict=True)]
    if "zygosity" in largest and largest["zygosity"].nunique() > 1:
        names = [f"{name}, {zygosity}" for name, zygosity in zip(names, largest["zygosity"], strict=True)]
    top = largest["effect"].to_numpy(dtype=float)[:MOST_BARS]
    shown_names = [_short(f"{name}, {tissue}") for name, tissue in zip(names, largest["tissue"], strict=True)][
        :MOST_BARS
    ]
    caption = f"The {len(top):,} largest effects, {unit}, the highest first: variant, gene, tissue."
    parts.append(drawing(bars(top, shown_names, f"effect, {unit}", name="effects", said=f"Bars. {caption}"), caption))
    columns = {
        "variant": variants,
        "gene": largest["gene_name"],
        "tissue": largest["tissue"],
        f"effect ({unit})": largest["effect"],
    }
    for name in ("noise_floor", "quantile", "observed", "background", "zygosity", "status", "flags"):
        if name in largest:
            columns[name.replace("_", " ")] = (
                largest[name].fillna("") if largest[name].dtype == object else largest[name]
            )
    import pandas as pd

    parts.append(table(pd.DataFrame(columns), "The largest effects.", most_rows=MOST_ROWS, rows=True))
    parts += _flags(largest["flags"])
    return parts


def _risk(risk: "pd.DataFrame") -> list[str]:
    parts = [paragraph(RESEARCH_USE, first=True)]
    there = risk[risk["probability"].notna()]
    order = (there["probability"] - there["base_rate"]).abs().sort_values(ascending=False, kind="stable").index
    ordered = there.loc[order].reset_index(drop=True)
    parts.append(paragraph(f"{len(risk):,} forests were asked, a gene and tissue each; {len(there):,} gave a number."))
    names = ("gene_name", "tissue", "probability", "base_rate", "log_odds_over_base", "cv_auroc", "status", "flags")
    shown = ordered[[name for name in names if name in ordered]].rename(
        columns=lambda name: str(name).replace("_", " ")
    )
    caption = (
        "Forests whose score lies farthest from the share of cases that they were trained on. Probability and base "
        "rate: of a case in that sample; log odds over base: natural logarithm."
    )
    parts.append(table(shown, caption, most_rows=MOST_ROWS, rows=True))
    parts += _flags(ordered["flags"].head(MOST_ROWS))
    return parts


def _provenance(report: PersonReport) -> list[str]:
    from ..version import __version__

    files = _frame(
        [
            (role, said["path"], said["size"], f"{said['sha256']} ({said['hashed']})")
            for role, said in report.files.items()
        ],
        ["input", "file", "bytes", "SHA-256"],
    )
    parts = [table(files, f"Files that this page was made of, by variantformer-hf {__version__}.")]
    if report.match is not None:
        rows = [
            *(("package", f"{name} {value}") for name, value in report.match.get("package", {}).items()),
            *((f"model {name}", str(value)) for name, value in report.match.get("model", {}).items()),
            *((f"setting {name}", str(value)) for name, value in report.match.get("settings", {}).items()),
            *((f"input {name}", _input(value)) for name, value in report.match.get("inputs", {}).items() if value),
        ]
        parts.append(_pairs(rows, "What the predictions were made with, from the match report.", most_rows=100))
    return parts


def _input(said: Any) -> str:
    if isinstance(said, Mapping) and "path" in said:
        return f"{said['path']}, {said.get('size', 0):,} bytes, SHA-256 {said.get('sha256')} ({said.get('hashed')})"
    return "; ".join(map(_input, said)) if isinstance(said, list) else str(said)


def _flags(flags: "pd.Series") -> list[str]:
    met = Counter(flag for each in flags for flag in str(each).split(";") if flag)
    rows = [(flag, n, FLAG_MEANINGS.get(flag, "")) for flag, n in met.most_common()]
    return [table(_frame(rows, ["flag", "rows", "meaning"]), "Flags of these rows.")] if rows else []


def _effect_unit(effects: "pd.DataFrame") -> str:
    column = next((name for name in VALUE_COLUMNS if f"{name}_ref" in effects), "expression")
    return LOG1P_TPM.label if column == LOG1P_TPM.column else column


def _how_many(report: PersonReport, shown: int, how: str) -> str:
    whole = len(report.person.genes)
    if shown == whole:
        return f"All {whole:,} genes in {len(report.person.tissues):,} tissues."
    place = _file_of(report, "predictions")
    return f"{shown:,} of {whole:,} genes in {len(report.person.tissues):,} tissues, {how}; all rows are in {place}."


def _range(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    return f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "no number"


def _file_of(report: PersonReport, role: str) -> str:
    return Path(str(report.files[role]["path"])).name


def _short(name: str, most: int = 60) -> str:
    return name if len(name) <= most else f"{name[: most - 3]}..."


def _pairs(rows: Sequence[tuple[str, str]], caption: str, most_rows: int = 40) -> str:
    return table(_frame(rows, ["what", "value"]), caption, most_rows=most_rows)


def _frame(rows: Any, columns: list[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(list(rows), columns=columns)
