"""Hold predictions against measured expression: correlations over people gene by gene, and over genes person by person.

Of each tissue apart and of all together, on log1p TPM, as in the paper (section 6.1.2). Genes are matched by Ensembl id
without its version, tissues by any name that they go by. What is in one of the tables only is counted, not dropped in
silence: columns ``measured_only`` and ``predicted_only`` of the summary.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset as ds

from variantformer_hf.data.expression_sources import read_tidy
from variantformer_hf.errors import InputError
from variantformer_hf.evaluation import gene_correlation, subject_correlation
from variantformer_hf.zoo.outputs import TissueNames

KEY = ["sample", "tissue", "gene"]


def measured_values(path: Path, tissues: list[str]) -> pd.DataFrame:
    """A tidy table's values as sample, tissue, gene, measured (log1p TPM), tissues by the predictions' names.

    A tissue that was not predicted keeps its own name. Several samples of one donor and tissue are averaged.

    Raises:
        InputError: the table cannot be used.
    """
    source = read_tidy(path)
    names = TissueNames(tissues)
    found = {}
    for name in {sample.tissue for sample in source.samples}:
        predicted, _ = names.resolve([name])
        found[name] = predicted[0].name if predicted else name
    columns = pd.DataFrame([(sample.donor, found[sample.tissue]) for sample in source.samples], columns=KEY[:2])
    frames = []
    for gene, values in source.values():
        known = ~np.isnan(values)
        frames.append(columns[known].assign(gene=gene.partition(".")[0], measured=np.log1p(values[known])))
    if not frames:
        raise InputError("has no value", file=path, remedy="Give measured expression, or leave it out of the config.")
    return pd.concat(frames).groupby(KEY, sort=False, as_index=False)["measured"].mean()


def predicted_values(predictions: ds.Dataset, people: set[str]) -> pd.DataFrame:
    """The predictions of some people as sample, tissue, gene, predicted (log1p TPM), without those that are no number.

    Raises:
        InputError: the predictions are in another unit.
    """
    if "log1p_tpm" not in predictions.schema.names:
        raise InputError(
            "the predictions are not in log1p TPM",
            remedy="Evaluate models of TPM only, or leave expression out of the config.",
        )
    # Names are compared as text: columns of names are dictionaries, and each file has its own.
    chosen = predictions.to_table(
        columns={
            "sample": ds.field("sample").cast("string"),
            "tissue": ds.field("tissue").cast("string"),
            "gene_id": ds.field("gene_id").cast("string"),
            "log1p_tpm": ds.field("log1p_tpm"),
        },
        filter=ds.field("sample").cast("string").isin(sorted(people)),
    ).to_pandas()
    chosen["gene"] = [str(gene).partition(".")[0] for gene in chosen.pop("gene_id")]
    return chosen.rename(columns={"log1p_tpm": "predicted"}).dropna(subset=["predicted"])


def tissues_of(predictions: ds.Dataset) -> list[str]:
    """The tissues of the predictions, in their order."""
    first = next(iter(predictions.get_fragments())).to_table(columns=["tissue"])
    return list(dict.fromkeys(first.column(0).cast("string").to_pylist()))


def evaluate(parts: Sequence[Path], expression: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row a tissue (and one for all), and a row a tissue's gene.

    Raises:
        InputError: the tables have nothing in common, or cannot be used.
    """
    predictions = ds.dataset([ds.dataset(part, format="parquet") for part in parts])
    measured = measured_values(expression, tissues_of(predictions))
    predicted = predicted_values(predictions, set(measured["sample"]))
    both = measured.merge(predicted, on=KEY, how="outer", indicator=True)
    if not (both["_merge"] == "both").any():
        raise InputError(
            "no value of a person, tissue and gene is among the predictions too",
            file=expression,
            remedy="Name donors, tissues and genes as the predictions do.",
        )
    summaries, genes = [], []
    for name, rows in _by_tissue(both):
        shared = rows[rows["_merge"] == "both"]
        counts = rows["_merge"].value_counts()
        row = {
            "tissue": name,
            "people": shared["sample"].nunique(),
            "genes": shared["gene"].nunique(),
            "values": len(shared),
            "measured_only": int(counts["left_only"]),
            "predicted_only": int(counts["right_only"]),
        }
        if len(shared):
            observed, found = (
                shared.pivot(index="gene", columns=["sample", "tissue"], values=column)
                for column in ("measured", "predicted")
            )
            by_gene = gene_correlation(observed.to_numpy(), found.to_numpy())
            by_person = subject_correlation(observed.to_numpy(), found.to_numpy())
            for what, correlations in (("over_people", by_gene), ("over_genes", by_person)):
                summary = correlations.summary()
                row |= {f"{kind}_{what}": summary[kind] for kind in ("spearman", "pearson", "r2")}
            genes.append(
                pd.DataFrame(
                    {
                        "tissue": name,
                        "gene_id": observed.index,
                        "n": by_gene.n,
                        "spearman": by_gene.spearman,
                        "pearson": by_gene.pearson,
                        "r2": by_gene.r2,
                    }
                )
            )
        summaries.append(row)
    return pd.DataFrame(summaries), pd.concat(genes)


def _by_tissue(both: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "all", both
    yield from ((str(name), rows) for name, rows in both.groupby("tissue", sort=True))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", type=Path, help="datasets of `variantformer predict -o FOLDER/`")
    parser.add_argument("--expression", type=Path, required=True, help="tidy table: donor, tissue, gene_id, tpm")
    parser.add_argument("--output", type=Path, required=True, help="TSV: a row a tissue")
    parser.add_argument("--genes", type=Path, required=True, help="TSV: a row a tissue's gene")
    arguments = parser.parse_args()
    try:
        summary, genes = evaluate(arguments.parts, arguments.expression)
    except InputError as error:
        parser.exit(1, f"{error}\n")
    for table, path in ((summary, arguments.output), (genes, arguments.genes)):
        table.to_csv(path, sep="\t", index=False, na_rep="NA", float_format="%.6g")


if __name__ == "__main__":
    main()
