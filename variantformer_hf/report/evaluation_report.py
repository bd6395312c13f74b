"""The folder of an evaluation: tables, figures, one page that shows them, and what they were made of."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .evaluation_figures import figures
from .html import Section, figure, paragraph, table, write_page
from .plots import save_figure
from .tables import write_json, write_table

if TYPE_CHECKING:
    import pandas as pd

PAGE, CONTENT, COUNTS = "report.html", "evaluate.json", "counts.tsv"
NOT_HELD_OUT = (
    "Nothing shows that these donors were held out: no split was given. If the model was trained on any of them, "
    "these numbers are too high."
)
# Section -> (what it says, its tables in the page, its figures).
_SECTIONS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "Gene correlation": (
        "Spearman of each gene over samples, a sample being a donor's tissue; mean over genes with the normal 95 % "
        "interval of the mean. It mixes differences between tissues with those between people: do not read it beside "
        "the numbers within one tissue.",
        ("gene_correlation_summary",),
        ("gene_correlation", "gene_correlation_by_tissue"),
    ),
    "Subject correlation": (
        "Spearman of each sample over genes; mean over samples. Differences between genes are the same in everybody, "
        "so that it is high for any model that knows them.",
        ("subject_correlation_summary",),
        ("subject_correlation",),
    ),
    "Coverage": (
        "Spearman over donors of the most variable genes of each merged tissue: the share of genes and tissues above "
        "each threshold. A constant prediction is above none.",
        ("coverage", "coverage_means", "tissue_merge"),
        ("coverage",),
    ),
    "Genes that differ between super-populations": (
        "Genes by one-way analysis of variance of the measured values over super-populations, in each cohort and "
        "tissue (p of all genes that were tested: ancestry_anova); then Spearman over the donors of each.",
        ("ancestry_tests", "ancestry_genes_summary"),
        ("ancestry_genes",),
    ),
    "Samples over these genes": (
        "Spearman of each sample over the genes that differ between super-populations.",
        ("ancestry_subjects_summary",),
        ("ancestry_subjects",),
    ),
    "Cell lines": (
        "Spearman over the genes of a held-out chromosome, for each cell line.",
        ("cell_lines",),
        ("cell_lines",),
    ),
    "Within a tissue": (
        "Pearson and R2 (1 - SSE / SST) of each gene over donors in one tissue; means over genes, by the parts of "
        "genes and donors. Differences between tissues are not in it.",
        ("within_tissue_summary", "within_tissue_ceiling"),
        ("within_tissue",),
    ),
    "The field's columns": (
        "r (Pearson) of a gene over people of one population in one tissue; a gene counts once, by its mean over "
        "populations and tissues. Seen genes: trained on, people held out. Held-out population: the same genes, people "
        "of another population. Unseen genes: never trained on. wrong_sign is the share of genes with r < 0, "
        "wrong_sign_p of a two-sided binomial test against one half, which takes genes as independent; r_of_ceiling is "
        "the mean r over the mean root of the heritability. The models of this run are compared on the same genes, "
        "people and values; what others published is of their people. A cell without a number has a reason.",
        ("columns", "columns_comparison"),
        ("columns",),
    ),
    "Gene by gene": (
        "Each gene over the donors of each fold; one model against another on genes that either predicts well.",
        ("per_gene_comparison",),
        ("per_gene",),
    ),
    "Folds of chromosomes": (
        "Pearson, R2 and mean squared error over the genes of the chromosomes that each fold holds out.",
        ("chromosome_folds_summary",),
        ("chromosome_folds",),
    ),
    "Map of samples": (
        "Measured and predicted samples together: 50 principal components, then UMAP. A picture, no measure.",
        (),
        ("expression_map",),
    ),
}


def write_evaluation(
    folder: Path,
    tables: "Mapping[str, pd.DataFrame]",
    counts: "pd.DataFrame",
    skipped: Mapping[str, str],
    described: Mapping[str, Any],
) -> list[Path]:
    """Write all files of an evaluation.

    Args:
        folder: it is there, and empty.
        tables: name -> table; each becomes a Parquet and a CSV.
        counts: what is left out of which table, and why.
        skipped: table -> why there is none.
        described: of ``evaluate.json``: versions, inputs, options, unit, overlap, ``made_by`` (of each model name and
            sha256 of what predicted, None = not known), and ``held_out``, the file that says who was held out, or None.

    Raises:
        InputError: matplotlib is not installed.
    """
    written = []
    metadata = {"models": described["models"], "unit": described["unit"]}
    for name, each in tables.items():
        written += [write_table(each, folder / f"{name}{suffix}", metadata) for suffix in (".parquet", ".csv")]
    written.append(write_table(counts, folder / COUNTS, metadata))
    drawn = set()
    for name, picture in figures(tables):
        written += [save_figure(picture, folder / f"{name}{suffix}") for suffix in (".png", ".svg")]
        drawn.add(name)
    content = {**described, "tables": {name: len(each) for name, each in tables.items()}, "skipped": dict(skipped)}
    written.append(write_json(content, folder / CONTENT))
    written.append(_page(folder, tables, counts, skipped, described, drawn))
    return written


def _page(
    folder: Path,
    tables: "Mapping[str, pd.DataFrame]",
    counts: "pd.DataFrame",
    skipped: Mapping[str, str],
    described: Mapping[str, Any],
    drawn: set[str],
) -> Path:
    import pandas as pd

    held_out = described["held_out"]
    first = f"Tested on the people and genes that {held_out} holds out." if held_out else NOT_HELD_OUT
    overlap = pd.DataFrame(described["overlap"])
    sections = [
        Section(
            "What is compared",
            [
                paragraph(f"Models: {', '.join(described['models'])}. Unit: {described['unit']}."),
                table(overlap, "Donors, genes and tissues that were measured, that are predicted, and that are both."),
            ],
        )
    ]
    for title, (text, shown, pictures) in _SECTIONS.items():
        there = [name for name in shown if name in tables]
        if not there and not drawn.intersection(pictures):
            continue
        parts = [paragraph(text)]
        parts += [figure(folder / f"{name}.svg", f"{name}.svg, {name}.png") for name in pictures if name in drawn]
        parts += [_shown(tables[name], name) for name in there]
        sections.append(Section(title, parts))
    left_out = [table(counts, f"{COUNTS}: what no number is of, and why.", most_rows=200)]
    if skipped:
        reasons = pd.DataFrame(sorted(skipped.items()), columns=["table", "why there is none"])
        left_out.append(table(reasons, "Tables that these files do not allow."))
    sections.append(Section("What is left out", left_out))
    inputs = [
        {"input": name, **{key: each[key] for key in ("path", "size", "sha256")}} for name, each in _files(described)
    ]
    options = pd.DataFrame(
        [(name, str(value)) for name, value in described["options"].items()], columns=["option", "value"]
    )
    sections.append(
        Section(
            "How it was made",
            [
                table(pd.DataFrame(inputs), "Files; the whole of it is in evaluate.json."),
                table(options, f"Options; {described['package']['name']} {described['package']['version']}."),
            ],
        )
    )
    return write_page(folder / PAGE, "Evaluation of predicted expression", [paragraph(first, first=True)], sections)


def _shown(frame: "pd.DataFrame", name: str) -> str:
    """A table as the page has it: without the rows that have no number."""
    known = frame[frame["n"] > 0] if "n" in frame else frame
    without = f" {len(frame) - len(known):,} rows without a number are there alone." if len(known) < len(frame) else ""
    return table(known, f"{name}.csv, {name}.parquet.{without}")


def _files(described: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found = []
    for name, entry in described["inputs"].items():
        found += [(name, each) for each in (entry if isinstance(entry, list) else [entry])]
    return found
