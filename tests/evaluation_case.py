"""Made expression and predictions, as arrays and as files."""

from pathlib import Path

import numpy as np
import pandas as pd

from variantformer_hf.evaluation.paired import PairedExpression

POPULATIONS = ("AFR", "AMR", "EAS", "EUR", "SAS")
TISSUES = ("brain - cortex", "brain - cerebellum", "liver", "lcl")
LINES = ("K562", "HepG2")


def made_genes(n: int) -> pd.DataFrame:
    """Half of them coding, half on chr19, one without a type."""
    return pd.DataFrame(
        {
            "gene_id": [f"ENSG{number:011d}" for number in range(n)],
            "gene_name": [f"N{number}" for number in range(n)],
            "gene_type": ["", *("protein_coding" if number % 2 else "lincRNA" for number in range(1, n))],
            "chromosome": ["chr19" if number % 3 else "chr1" for number in range(n)],
            "gene_part": "all",
        }
    )


def made_samples(n_donors: int, seed: int = 0) -> pd.DataFrame:
    """Donors of five populations in four tissues, not every one in each, and two cell lines; lcl is a cohort's own."""
    rng = np.random.default_rng(seed)
    rows = [
        ("MAGE" if tissue == "lcl" else "LAB", f"D{donor:02d}", tissue, POPULATIONS[donor % 5], False)
        for donor in range(n_donors)
        for tissue in TISSUES
        if rng.random() < 0.8
    ]
    rows += [("ENC", line, line, "", True) for line in LINES]
    table = pd.DataFrame(rows, columns=["cohort", "donor", "tissue", "super_population", "is_cell_line"])
    return table.assign(fold=-1, donor_part="all")


def made_paired(n_genes: int = 16, n_donors: int = 35, seed: int = 0) -> PairedExpression:
    """Two models on random values, with ties, NaNs, and rows and columns where all are the same or hardly one is."""
    rng = np.random.default_rng(seed)
    samples = made_samples(n_donors, seed)
    population = samples["super_population"].map({name: place for place, name in enumerate(POPULATIONS)})
    shape = n_genes, len(samples)
    shift = rng.normal(0, 3, (n_genes, 6)) * (np.arange(n_genes) % 3 == 1)[:, None]
    level = rng.normal(2, 1, (n_genes, 1))
    observed = level + shift[:, population.fillna(5).astype(int)] + rng.normal(0, 1, shape)
    predicted = {name: observed + rng.normal(0, noise, shape) for name, noise in (("good", 0.5), ("bad", 3.0))}
    observed = np.round(observed, 1)  # ties
    observed[rng.random(shape) < 0.1] = np.nan
    for values in predicted.values():
        values[rng.random(shape) < 0.05] = np.nan
    observed[2] = 1.5  # a constant gene
    observed[3, 2:] = np.nan  # hardly measured
    predicted["good"][4] = 0.25  # a constant prediction
    predicted["bad"][:, 5] = 0.75  # of a sample
    observed[4:, 6] = np.nan
    single = {name: values.astype(np.float32) for name, values in predicted.items()}
    return PairedExpression.of_all(observed.astype(np.float32), single, made_genes(n_genes), samples, {})[0]


def write_case(folder: Path, n_donors: int = 12, n_genes: int = 8) -> dict[str, Path]:
    """Files of a small cohort with everything: expression, predictions of two models, people, genes, a split."""
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    genes = made_genes(n_genes)
    samples = made_samples(n_donors).drop(columns=["fold", "donor_part"])
    values = rng.normal(3, 1, (n_genes, 1)) + rng.normal(0, 0.7, (n_genes, len(samples)))
    rows, predicted = [], {"A": [], "B": []}
    for column, sample in enumerate(samples.itertuples()):
        for row, gene in enumerate(genes["gene_id"]):
            tpm = float(np.expm1(np.maximum(values[row, column], 0.1)))
            rows.append((sample.donor, sample.tissue, gene, tpm, sample.cohort))
            for name, noise in (("A", 0.3), ("B", 1.0)):
                value = values[row, column] + rng.normal(0, noise)
                predicted[name].append((sample.donor, f"{gene}.7", sample.tissue, value, "ok"))
    paths = {name: folder / f"{name}.csv" for name in ("LAB", "MAGE", "ENC")}
    table = pd.DataFrame(rows, columns=["donor", "tissue", "gene_id", "tpm", "cohort"])
    for name, path in paths.items():
        table[table["cohort"] == name].to_csv(path, index=False)
    for name, each in predicted.items():
        paths[name] = folder / f"{name}.parquet"
        columns = ["sample", "gene_id", "tissue", "log1p_tpm", "status"]
        pd.DataFrame(each, columns=columns).to_parquet(paths[name], index=False)
    paths["samples"] = folder / "samples.tsv"
    people = samples.drop(columns=["tissue", "cohort"]).drop_duplicates()
    people.to_csv(paths["samples"], sep="\t", index=False)
    paths["genes"] = folder / "genes.csv"
    genes.rename(columns={"gene_part": "strand"}).assign(strand="+", start=1_000, end=2_000).to_csv(
        paths["genes"], index=False
    )
    return paths
