"""Tables of one person as a report reads them: few genes, names that are no plain text, and every kind of number."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SCRIPT, QUOTES = "<script>alert(1)</script>", "A\"B'C&D"
GENES = {
    "ENSG00000000001.1": "APOE",
    "ENSG00000000002.1": SCRIPT,
    "ENSG00000000003.2": QUOTES,
    "ENSG00000000004.1": "LDLR",
}
TISSUES = ("liver", "lung", "brain - cortex", "whole blood", "K562")
# (genes, tissues): negative, tiny, huge, and missing ones.
VALUES = np.array(
    [
        [1.5, 2.25, 0.0, 3.0, 0.5],
        [0.25, -0.5, 1e-7, 4.0, 1.0],
        [12.0, 0.125, 2.0, np.nan, 5.0],
        [np.nan] * 5,
    ],
    dtype=np.float32,
)
MOVED = np.zeros_like(VALUES)
MOVED[0, 0], MOVED[1, 2] = 0.5, -0.25


def predictions(values: np.ndarray = VALUES, sample: str = "P1") -> pd.DataFrame:
    """Tidy predictions; a gene without any number is ``all_skipped``, a lone one ``not_fitted``."""
    rows = []
    for gene, (gene_id, name) in enumerate(GENES.items()):
        for tissue, of_tissue in enumerate(TISSUES):
            value = values[gene, tissue]
            lost = "all_skipped" if np.isnan(values[gene]).all() else "not_fitted"
            status, reason = ("ok", None) if np.isfinite(value) else (lost, "missing_genotype")
            rows.append((sample, gene_id, name, of_tissue, value, np.expm1(value), status, reason))
    columns = ["sample", "gene_id", "gene_name", "tissue", "log1p_tpm", "tpm", "status", "reason"]
    return pd.DataFrame(rows, columns=columns)


def match_report(sample: str = "P1", **changed: Any) -> dict[str, Any]:
    """A match report with counts that are found again in the page."""
    total = {"records_read": 1234, "in_windows": 567, "ref_checked": 560, "ref_mismatched": 3, "applied": 432}
    return {
        "package": {"name": "variantformer-hf", "version": "0.1.0"},
        "model": {"name": "made <model>", "sha256": "ab" * 32},
        "inputs": {"fasta": {"path": "genome.fa", "size": 5, "sha256": "cd" * 32, "hashed": "whole file"}, "vcf": {}},
        "settings": {"mode": "iupac", "precision": "float32"},
        "unit": "log1p_tpm",
        "genes": {"predicted": 4, "left_out": {"no cCREs": 2}},
        "tissues": list(TISSUES),
        "rejected": [{"kind": "gene", "name": "NOGENE", "reason": "unknown"}],
        "damage": [],
        "samples": {sample: {"contigs": {"chr1": total}, "total": {**total, "skipped": {"low_gq": 135}}}},
        **changed,
    }


def effects() -> pd.DataFrame:
    """Scored variants: one flagged, one of a heterozygous deletion, one without a number."""
    rows = [
        ("chr1", 1000, "A", "G", "liver", 0.75, "ok", "token_shift"),
        ("chr1", 1000, "A", "G", "lung", -0.25, "ok", ""),
        ("chr1", 2000, "AT", "A", "liver", -3e-05, "ok", "het_equals_hom;below_noise"),
        ("chr2", 3000, "C", "T", "liver", np.nan, "conflict", ""),
    ]
    table = pd.DataFrame(rows, columns=["chrom", "pos", "ref", "alt", "tissue", "effect", "status", "flags"])
    return table.assign(
        gene_id="ENSG00000000002.1", gene_name=SCRIPT, background="person", sample="P1", zygosity="het", observed="0|1",
        log1p_tpm_ref=1.0, log1p_tpm_alt=1.0 + table["effect"], noise_floor=1e-4,
    )  # fmt: skip


def risk() -> pd.DataFrame:
    """What two forests say of P1, and one of another person."""
    rows = [
        ("P1", "ENSG00000000001.1", "APOE", "liver", 0.9, 0.5, "ok", "trained_on"),
        ("P1", "ENSG00000000001.1", "APOE", "lung", 0.45, 0.5, "ok", ""),
        ("P2", "ENSG00000000001.1", "APOE", "liver", 0.1, 0.5, "ok", ""),
    ]
    columns = ["sample", "gene_id", "gene_name", "tissue", "probability", "base_rate", "status", "flags"]
    return pd.DataFrame(rows, columns=columns)


def write_case(folder: Path) -> dict[str, Path]:
    """All tables in a folder: what it is -> the file."""
    tables = {
        "predictions": predictions(),
        "reference": predictions(VALUES - MOVED, "reference"),
        "effects": effects(),
        "risk": risk(),
    }
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "predictions.parquet.report.json").write_text(json.dumps(match_report()))
    return {name: folder / f"{name}.parquet" for name in tables}
