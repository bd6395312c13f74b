"""Scores of variants that other programs wrote: AlphaGenome, Borzoi, gReLU, decima, or any table."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..genome.allele_order import spelled
from ..genome.genes import GeneTable, stable_id
from ..genome.variant import VariantError, VariantNormalizer
from ..genome.variant_rows import column_name, rows_of_file
from ..zoo.outputs import TissueNames

_SCORES = ("score", "raw_score")
# Of AlphaGenome's tidy scores: rows of other outputs are about something else.
_RNA = "RNA_SEQ"

_Key = tuple[str, str, str]


@dataclass(frozen=True)
class OtherScores:
    """Scores of one program.

    Attributes:
        name: as the user calls it.
        path: the file.
        scores: (variant, stable gene id or "", tissue or "") -> score of ALT; "" = of all.
        counts: rows read and used, of these swapped (REF and ALT the other way round: the sign is turned), merged
            (further tracks of one gene and tissue, or the same again), and rejected by kind.
    """

    name: str
    path: Path
    scores: Mapping[_Key, float]
    counts: Mapping[str, object]

    def of(self, variant: str, gene_id: str, tissue: str) -> float:
        """The score of a variant (normalised, as text) in a gene and tissue; NaN where there is none."""
        gene = stable_id(gene_id)
        for key in ((variant, gene, tissue), (variant, gene, ""), (variant, "", tissue), (variant, "", "")):
            if key in self.scores:
                return self.scores[key]
        return float("nan")


def read_scores(
    name: str,
    path: str | Path,
    normalizer: VariantNormalizer,
    genes: GeneTable,
    tissues: TissueNames,
    *,
    column: str | None = None,
) -> OtherScores:
    """Read a table of scores.

    Variants, told as ``read_variants`` tells them, are brought to their one spelling. Where the FASTA holds ALT and not
    REF, the two are swapped and the score's sign is turned; other mismatches are rejected. Of AlphaGenome's
    ``tidy_scores`` the RNA-seq rows are read, by ``gtex_tissue``, and the mean ``raw_score`` over tracks is taken.

    Args:
        name: for the tables.
        path: CSV, TSV or Parquet: a variant (chrom, pos, ref, alt, or its name), maybe gene_id and tissue (or
            gtex_tissue), and the score. Without a gene or tissue it is the variant's in all.
        normalizer: of the FASTA.
        genes, tissues: of the model that it is held beside.
        column: of the score: a difference or log ratio of ALT over REF; None = ``score``, else ``raw_score``.

    Raises:
        InputError: no alleles, no such column; a variant has two scores; no row can be used, as when the file is of
            another assembly.
    """
    path = Path(path)
    sums: dict[_Key, list[float]] = {}
    rejected: Counter[str] = Counter()
    read = used = swapped = 0
    is_alphagenome = False
    wanted = _SCORES if column is None else (column_name(column),)
    has_column, first = False, ""
    tissue_of: dict[str, str | None] = {}
    gene_of: dict[str, str | None] = {}
    for row in rows_of_file(path):
        read += 1
        said = row.annotations
        kind, sign, variant = "", 1.0, ""
        is_alphagenome = is_alphagenome or "output_type" in said
        if said.get("output_type", _RNA).upper() != _RNA:
            kind = "other_output"
        else:
            try:
                held, sign = spelled(row, normalizer)
                variant = str(held)
            except VariantError as error:
                kind = error.kind
                first = first or f"row {row.row} ({row.text[:60]}): {error.problem}"
        gene = _resolved(said.get("gene_id", ""), gene_of, lambda text: _gene(text, genes))
        tissue_text = said.get("tissue") or said.get("gtex_tissue") or ""
        tissue = _resolved(tissue_text, tissue_of, lambda text: _tissue(text, tissues))
        score = next((_number(said[each]) for each in wanted if each in said), float("nan"))
        has_column = has_column or any(each in said for each in wanted)
        if not kind and gene is None:
            kind = "unknown_gene"
        if not kind and (tissue is None or (is_alphagenome and not tissue_text)):
            kind = "unknown_tissue"
        if not kind and np.isnan(score):
            kind = "no_score"
        if kind:
            rejected[kind] += 1
            continue
        used += 1
        swapped += sign < 0
        values = sums.setdefault((variant, gene or "", tissue or ""), [])
        if values and not is_alphagenome and values[0] != sign * score:
            raise InputError(
                f"has two scores of {row.text} in one gene and tissue: {values[0]:g} and {sign * score:g}",
                file=path,
                record=f"row {row.row}",
                remedy="Keep one, or name the column of one score: --score-column NAME=COLUMN.",
            )
        values.append(sign * score)
    if read and not has_column:
        raise InputError(
            f"has no column {' or '.join(_SCORES if column is None else (column,))}",
            file=path,
            remedy="Name the column of the score: --score-column NAME=COLUMN.",
        )
    if not used:
        raise InputError(
            f"has no score that can be used: {', '.join(f'{count} {kind}' for kind, count in rejected.most_common())}",
            file=path,
            remedy=f"Check its assembly and columns. {first}" if first else "Check its columns, genes and tissues.",
        )
    counts = {
        "read": read,
        "used": used,
        "swapped": int(swapped),
        "merged": used - len(sums),
        "rejected": dict(rejected.most_common()),
    }
    return OtherScores(name, path, {key: float(np.mean(values)) for key, values in sums.items()}, counts)


def _resolved(text: str, known: dict[str, str | None], look_up: Callable[[str], str | None]) -> str | None:
    """A name as the model has it; "" where none is given, None where the model has none such."""
    if text not in known:
        known[text] = look_up(text) if text else ""
    return known[text]


def _gene(text: str, genes: GeneTable) -> str | None:
    found, _ = genes.resolve([text], most_suggested=0)
    return stable_id(found[0].gene_id) if found else None


def _tissue(text: str, tissues: TissueNames) -> str | None:
    found, _ = tissues.resolve([text], most_suggested=0)
    return found[0].name if found else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
