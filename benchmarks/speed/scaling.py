"""How cost grows, and what fits it: cCREs and tissues (the model), genes and people (a whole run).

Run: python -m benchmarks.speed.scaling [--part model|run] [--config benchmarks/configs/mid.json]

The model's points are compared with operations over one speed, the only number that is fitted. A run's points (the
demo's tiny model, so that all around the model is what is seen) are compared with a + b x genes + c x genes x people.
"""

import argparse
import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.timing import timed
from variantformer_hf import ExpressionPredictor
from variantformer_hf.modeling import VariantFormerConfig, VariantFormerForExpression
from variantformer_hf.simulation.genome import write_simulation
from variantformer_hf.simulation.model import write_demo_model
from variantformer_hf.simulation.writers import write_vcf
from variantformer_hf.zoo.variantformer.flops import estimate_flops

MID = Path(__file__).parents[1] / "configs" / "mid.json"
CRES, TISSUES, WINDOWS = (175, 350, 700, 1_400), (1, 8, 31, 62), (50, 100, 200)
GENES, PEOPLE = (20, 40, 80), (1, 2, 4)
# Of the records in the VCF of a run, the share that a person carries.
CARRIED = 1 / 3


def main() -> None:
    """Print the tables and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["model", "run"], help="default: both")
    parser.add_argument("--config", type=Path, default=MID)
    arguments = parser.parse_args()
    report: dict[str, Any] = {}
    if arguments.part != "run":
        report["model"] = fitted_model(VariantFormerConfig.from_json_file(arguments.config))
    if arguments.part != "model":
        with tempfile.TemporaryDirectory() as name:
            report["run"] = fitted_run(Path(name))
    for part, (points, fit) in report.items():
        print(f"{part}: {fit}\n{points.to_string(index=False, float_format='{:,.3f}'.format)}\n")
    print(json.dumps({part: {"fit": fit, "points": table.to_dict("list")} for part, (table, fit) in report.items()}))


def fitted_model(config: VariantFormerConfig) -> tuple[pd.DataFrame, str]:
    """Seconds of one gene's streams and encoders by size, next to operations over a speed."""
    torch.manual_seed(0)
    model = VariantFormerForExpression(config).eval()
    encoder = config.encoder_config
    points = []
    sizes = (
        [(n, 62, 200) for n in CRES] + [(1_400, n, 200) for n in TISSUES[:-1]] + [(1_400, 62, n) for n in WINDOWS[:-1]]
    )
    for n_cres, n_tissues, n_windows in sizes:
        given = (
            torch.randn(1, n_cres, encoder.hidden_size),
            torch.randn(1, n_windows, encoder.hidden_size),
            torch.randint(0, 9, (1, n_cres)),
            torch.arange(n_tissues)[None],
        )
        tokens = torch.randint(18, 500, (n_windows, encoder.token_length))
        seconds = best(lambda given=given: model.read_out(model.model.run_streams(*given).embeddings, given[3])) + best(
            lambda tokens=tokens: model.model.gene_encoder(tokens)
        )
        flops = estimate_flops(config, n_cres, n_tissues=n_tissues, n_windows=n_windows, encoded_cres=0).total
        points.append((n_cres, n_tissues, n_windows, flops / 1e12, seconds))
    for n_cres in CRES[:-1]:
        tokens = torch.randint(18, 500, (n_cres, 100))
        seconds = best(lambda tokens=tokens: model.model.cre_encoder(tokens))
        points.append((n_cres, 0, 0, estimate_flops(config, n_cres).element_encoder / 1e12, seconds))
    table = pd.DataFrame(points, columns=["cres", "tissues", "windows", "tflop", "seconds"])
    speed = float(np.exp(np.log(table["tflop"] / table["seconds"]).mean()))
    table["fitted"] = table["tflop"] / speed
    table["measured / fitted"] = table["seconds"] / table["fitted"]
    return table, f"seconds = TFLOP / {speed:.3f} TFLOP/s (cCREs known; rows without tissues: cCREs encoded)"


def fitted_run(folder: Path) -> tuple[pd.DataFrame, str]:
    """Seconds of whole runs by genes and people, next to a + b x genes + c x genes x people."""
    lengths = {"chr1": 10_000_000}
    files = write_simulation(
        folder, lengths=lengths, genes_per_contig=max(GENES), cre_spacing=2_900, record_spacing=int(700 * CARRIED)
    )
    vcf = write_people(files.vcf, max(PEOPLE), folder / "people.vcf.gz")
    predictor = ExpressionPredictor.from_pretrained(write_demo_model(files, folder / "model"), store=None)
    names = [gene.gene_id for gene in predictor.gene_table]
    points = []
    for n_genes in GENES:
        for n_people in PEOPLE:
            samples = [f"P{number}" for number in range(n_people)]
            genes = names[:: max(GENES) // n_genes]
            seconds = best(
                lambda genes=genes, samples=samples: predictor.run(files.fasta, vcf, genes=genes, samples=samples), 1
            )
            points.append((n_genes, n_people, seconds))
    table = pd.DataFrame(points, columns=["genes", "people", "seconds"])
    terms = np.stack([np.ones(len(table)), table["genes"], table["genes"] * table["people"]], axis=1)
    weights = 1 / table["seconds"].to_numpy()
    fixed, gene, pair = np.linalg.lstsq(terms * weights[:, None], table["seconds"].to_numpy() * weights)[0]
    table["fitted"] = terms @ np.array([fixed, gene, pair])
    table["measured / fitted"] = table["seconds"] / table["fitted"]
    return table, f"seconds = {fixed:.2f} + {gene:.4f} x genes + {pair:.4f} x genes x people"


def best(work: Callable[[], Any], rounds: int = 2) -> float:
    """The fastest of some rounds, in seconds; the first one, which warms up, does not count."""
    with torch.inference_mode():
        return min(timed(work, rounds, warm_up=1)[0])


def write_people(vcf: Path, n_people: int, path: Path) -> Path:
    """A VCF of several people who carry the records of another one at random."""
    rng = np.random.default_rng(1)
    lines = gzip.decompress(vcf.read_bytes()).decode().splitlines()
    meta = [line for line in lines if line.startswith("##") and not line.startswith("##fileformat")]
    records = []
    for line in lines:
        if not line.startswith("#"):
            fields = line.split("\t")
            mine = np.where(rng.random(n_people) < CARRIED, fields[9], "0|0").tolist()
            records.append("\t".join([*fields[:9], *mine]))
    return write_vcf(path, records, meta=meta, samples=[f"P{number}" for number in range(n_people)])


if __name__ == "__main__":
    main()
