"""A chromosome from VCF to Parquet: genes per second of the inputs alone, and of the whole run.

Run: python -m benchmarks.speed.genome [--megabases 20] [--genes 160] [--config benchmarks/configs/mid.json]

A synthetic chromosome with the density of the human one: a protein-coding gene in 125 kb, a cCRE in 2.9 kb, a record
in 700 bases. Without --config the model is the demo's, so small that what is measured is everything around the model.
The last line extrapolates to the 18,439 protein-coding genes of a person; that is arithmetic, not a measurement.
"""

import argparse
import resource
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Timer, show
from variantformer_hf import ExpressionPredictor, PersonalGenome, ReferenceGenome
from variantformer_hf.genome.intervals import union
from variantformer_hf.inference.precompute import precompute
from variantformer_hf.inference.run_plan import stretches_of
from variantformer_hf.modeling import VariantFormerConfig, VariantFormerForExpression
from variantformer_hf.report.tables import write_table
from variantformer_hf.simulation.genome import SimulatedFiles, write_simulation
from variantformer_hf.simulation.model import fill_weights, write_demo_model
from variantformer_hf.zoo.gene_regions import covered
from variantformer_hf.zoo.variantformer.personal_tokens import PersonalTokens
from variantformer_hf.zoo.variantformer.reference_tokens import ReferenceTokens

PROTEIN_CODING_GENES = 18_439


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabases", type=int, default=20)
    parser.add_argument("--genes", type=int, default=160)
    parser.add_argument("--predicted", type=int, help="predict so many of the genes; default: all")
    parser.add_argument("--config", type=Path, help="a VariantFormerConfig; its weights are random")
    parser.add_argument("--tissues", type=int, help="tissues to predict; default: all of the model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lengths = {"chr1": arguments.megabases * 1_000_000}
        files = write_simulation(folder, lengths=lengths, genes_per_contig=arguments.genes, cre_spacing=2_900)
        model = write_demo_model(files, folder / "model")
        if arguments.config:
            write_model_of(arguments.config, model)
        report = measure(files, model, folder, arguments.predicted, arguments.tissues)
    show(report)


def measure(
    files: SimulatedFiles, model: Path, folder: Path, n_predicted: int | None, n_tissues: int | None
) -> dict[str, Any]:
    """Times of the parts and of the whole."""
    predictor = ExpressionPredictor.from_pretrained(model, store=None)
    genes = [gene.gene_id for gene in predictor.gene_table][:n_predicted]
    tissues = [name for name in predictor.model.network.config.tissues if name is not None][:n_tissues]
    report: dict[str, Any] = {"genes": len(genes), "cCREs": len(predictor.model.cre_table), "tissues": len(tissues)}
    report["device"], report["precision"] = str(predictor.model.device), predictor.model.precision

    for people in ("the first person", "a further person"):
        if people == "the first person":
            tokens = ReferenceTokens(predictor.model.processor.tokenizer, len(predictor.model.cre_table))
        with Timer() as took:
            n_cres = prepare(predictor, files, genes, tokens)
        report[f"inputs of {people}, genes/s"] = len(genes) / took.seconds
    report["cCREs of a gene, mean"] = n_cres / len(genes)

    options = {"genes": genes, "tissues": tissues}
    with Timer() as took:
        result = predictor.run(files.fasta, files.vcf, parts=folder / "parts", **options)
        write_table(result.table, folder / "out.parquet", {})
        result.remove_parts()
    report["VCF to Parquet without a store, genes/s"] = len(genes) / took.seconds

    predictor.model.store = predictor.model.cre_store(folder / "store")
    wanted = [predictor.gene_table.get(gene) for gene in genes]
    with Timer() as took:
        done = precompute(predictor.model, files.fasta, folder / "store", genes=wanted)
    report["precompute, cCREs/s"] = done.encoded / took.seconds
    with Timer() as took:
        again = predictor.run(files.fasta, files.vcf, **options)
    with_store = len(genes) / took.seconds
    report["VCF to table with the reference's store, genes/s"] = with_store
    difference = np.abs(again.table["log1p_tpm"] - result.table["log1p_tpm"]).max()
    report["largest difference with and without the store"] = float(difference)
    report["peak memory, GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    report[f"extrapolated to {PROTEIN_CODING_GENES} genes, with the store, h"] = (
        PROTEIN_CODING_GENES / with_store / 3600
    )
    return report


def prepare(predictor: ExpressionPredictor, files: SimulatedFiles, genes: list[str], tokens: ReferenceTokens) -> int:
    """Everything before the model, for all genes; how many cCREs they have."""
    reference = ReferenceGenome(files.fasta)
    person = PersonalGenome(reference, files.vcf)
    finder = predictor.model.region_finder(reference)
    regions = [finder.find(predictor.gene_table.get(gene)) for gene in genes]
    n_cres = 0
    for stretch in stretches_of([finder.reach(each.gene) for each in regions]):
        here = [regions[index] for index in stretch.genes]
        place = stretch.interval
        read = person.stretch(place.chrom, place.start, place.end, union(*covered(here)))
        of_person = PersonalTokens(person, read, here, tokens, predictor.model.processor.tokenizer)
        n_cres += sum(len(of_person.gene(each).indices) for each in here)
    return n_cres


def write_model_of(config: Path, folder: Path) -> None:
    """Replace the demo's model by one of another size."""
    model = VariantFormerForExpression(VariantFormerConfig.from_json_file(config))
    fill_weights(model, np.random.default_rng(0))
    model.save_pretrained(folder)


if __name__ == "__main__":
    main()
