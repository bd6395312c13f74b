"""What pytwas, a port of MetaXcan, makes of the databases, covariances and statistics in tests/fixtures/pytwas.

``python tests/association_case.py`` writes these with this package; here predicted expression and S-PrediXcan's z come
from pytwas alone, into ``expected.json`` beside them.
"""

import importlib.metadata
import json
import sys
from pathlib import Path

import pandas as pd
from pytwas import load_model, predict_expression, spredixcan

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "pytwas"
COLUMNS = ["gene", "gene_name", "zscore", "effect_size", "pvalue", "var_g", "pred_perf_r2"]
COUNTS = ["n_snps_used", "n_snps_in_cov", "n_snps_in_model"]


def main() -> None:
    """Write the fixture."""
    dosages = pd.read_csv(FOLDER / "dosages.tsv", sep="\t", index_col="person")
    expected: dict[str, object] = {
        "command": "make oracles ORACLES=pytwas",
        "python": sys.version.split()[0],
        **{name: importlib.metadata.version(name) for name in ("pytwas", "numpy", "pandas", "scipy")},
    }
    for database in sorted(FOLDER.glob("*.db")):
        expression = predict_expression(load_model(str(database)), dosages)
        table = spredixcan(
            str(database),
            str(database.with_suffix(".txt.gz")),
            str(FOLDER / "gwas.tsv"),
            snp_column="variant_id",
            effect_allele_column="alt",
            non_effect_allele_column="ref",
            zscore_column="zscore",
            beta_column="beta",
            keep_non_rsid=True,
        )
        expected[database.stem] = {
            "expression": {gene: expression[gene].tolist() for gene in expression},
            "summary": table[[*COLUMNS, *COUNTS]].to_dict("records"),
        }
    path = FOLDER / "expected.json"
    path.write_text(json.dumps(expected, indent=1) + "\n")
    sys.stdout.write(f"{path}: {path.stat().st_size:,} bytes\n")


main()
