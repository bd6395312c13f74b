"""Files of others' scores, made as their programs lay them out."""

import pandas as pd

CLASSES = ("random_split", "yri_split", "unseen")
# Some of the file's rows, rounded: a recipe of two seeds, and two runs that are no whole ones.
RUNS = [
    ("Elastic Net/\nPrediXcan", 0, -1.0, -1.0, (0.283, 0.160, 0.0), (0.286, 0.183, 0.0)),
    ("Baseline Enformer", 0, -1.0, -1.0, (0.055, 0.036, 0.056), (0.172, 0.135, 0.138)),
    ("Pairwise \nRegression", 42, 1.0, 0.0, (0.278, 0.168, 0.050), (0.286, 0.192, 0.135)),
    ("Pairwise \nRegression", 7, 1.0, 0.0, (0.280, 0.173, 0.050), (0.286, 0.193, 0.136)),
    ("Pairwise \nRegression", 7, 1.0, 0.01, (0.280, 0.170, 0.060), (0.287, 0.193, 0.127)),
    ("Pairwise \nRegression \nwith 20% of Samples", 42, 0.2, -1.0, (0.219, 0.130, 0.063), (0.241, 0.176, 0.138)),
]


def perf_summary() -> pd.DataFrame:
    """As the repository has it, its columns in its order."""
    rows = []
    for kind, seed, ratio, frequency, r, absolute in RUNS:
        counts = dict(zip((f"n_{name}" for name in CLASSES), (200, 200, 670), strict=True))
        means = dict(zip((f"{name} Genes Avg PearsonR" for name in CLASSES), r, strict=True))
        sizes = dict(zip((f"{name} Genes Avg |PearsonR|" for name in CLASSES), absolute, strict=True))
        run = {"Model Type": kind, "Replicate": seed, "Subsample Ratio": ratio, "Min AF": frequency}
        rows.append({"Model": f"{kind} {seed}", **counts, **means, **sizes, **run})
    return pd.DataFrame(rows)


def profile(**changed: object) -> str:
    """As FUSION.profile_wgt.R writes it: tabs, padded numbers."""
    rows = [
        {"id": "Blood.ENSG00000000001.3", "nsnps": 300, "hsq": " 0.25", "hsq.se": 0.1, "hsq.pv": 0.01}
        | {"top1.r2": " 0.160", "enet.r2": "    NA", "top1.pv": 0.1, "enet.pv": "NA"},
        {"id": "Blood.SIM7", "nsnps": 20, "hsq": "-0.01", "hsq.se": 0.1, "hsq.pv": 0.7}
        | {"top1.r2": "-0.004", "enet.r2": " 0.090", "top1.pv": 0.1, "enet.pv": 0.2},
    ]
    return pd.DataFrame([row | changed for row in rows]).to_csv(sep="\t", index=False)
