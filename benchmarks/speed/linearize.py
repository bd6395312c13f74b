"""One gene linearised, beside its own predictions: the same people predicted and the same variants scored.

Run: python -m benchmarks.speed.linearize [--train 20] [--test 12] [--genome 2400] [--rounds 1]

A made genome with one gene, cCREs around it and a phased panel of 100 people; the mid-size configuration
(``benchmarks/configs/mid.json``, random weights), two tissues. The other side has the people as a VCF, written before,
and the variants as a list: it predicts by ``ExpressionPredictor`` and scores by ``VariantScorer``, as ``predict`` and
``effects`` do. Both sides take turns, each with nothing kept of the other; CPU and wall seconds are given. Beside them
stands the time of one output's fit, at the numbers of people and variants given by ``--fit``. The defaults are small,
so that it ends within minutes where others compute too; the smaller a gene, the more all but the model counts.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import torch

from benchmarks.speed.model import random_model
from benchmarks.timing import Timer, cpu_clock, median, show
from variantformer_hf import (
    CreTable,
    DnaTokenizer,
    ExpressionPredictor,
    GeneTable,
    PersonalGenome,
    ReferenceGenome,
    VariantFormerConfig,
    VariantFormerProcessor,
)
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.gene_scorer import GeneScorer
from variantformer_hf.applications.linearize.gene_people import gene_people
from variantformer_hf.applications.linearize.linear_fit import fit_from_effects
from variantformer_hf.applications.linearize.linearize import linearize
from variantformer_hf.applications.linearize.request import LinearizeRequest
from variantformer_hf.genome.panel_haplotypes import PanelHaplotypes, read_haplotypes
from variantformer_hf.genome.variant import Variant
from variantformer_hf.simulation.genome import simulate_genome
from variantformer_hf.simulation.model import fill_weights
from variantformer_hf.simulation.writers import contig_lines, cre_line, write_fasta, write_vcf
from variantformer_hf.zoo.device import choose_device
from variantformer_hf.zoo.variantformer.gene_model import VariantFormerGeneModel

PEOPLE, TISSUES, GENE = 100, ["tissue 0", "tissue 1"], "BENCH"


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=20, help="mosaics to fit to")
    parser.add_argument("--test", type=int, default=12, help="mosaics to test on")
    parser.add_argument("--genome", type=int, default=2_400, help="bases of the genome")
    parser.add_argument("--spacing", type=int, default=150, help="bases between variants of the panel")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--fit", type=int, nargs=2, default=[200, 3_000], help="people and variants of the fit alone")
    parser.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "configs" / "mid.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["VARIANTFORMER_CACHE"] = str(Path(name) / "cache")
        show({**measure(Path(name), asked), **fit_alone(*asked.fit)})


def measure(folder: Path, asked: Any) -> dict[str, Any]:
    """The numbers, by name."""
    model, reference, panel = made(folder, asked)
    request = LinearizeRequest(genes=[GENE], tissues=TISSUES, n_train=asked.train, n_test=asked.test)
    people, variants = folder / "people.vcf.gz", list[Variant]()
    wall: dict[str, list[float]] = {"linearize": [], "predictions": [], "of people alone": []}
    cpu: dict[str, list[float]] = {name: [] for name in wall}

    def run_linearize() -> None:
        of_gene = linearize(VariantScorer(model), reference, panel, request).weights[0]
        columns = zip(of_gene.position.tolist(), of_gene.ref, of_gene.alt, strict=True)
        variants[:] = [Variant("chr1", position + 1, ref, alt) for position, ref, alt in columns]

    def predict_people() -> None:
        ExpressionPredictor(model).run(reference.path, people, samples="all", genes=[GENE], tissues=TISSUES)

    def score_variants() -> None:
        opened = VariantScorer(model).open(reference)
        genome = PersonalGenome(reference, options=request.options(model.modes[0]))
        in_gene: GeneScorer = opened.in_gene(genome, opened.gene(GENE, TISSUES).regions, [0, 1])
        for _ in in_gene.score(variants, ("het", "hom")):
            pass

    write_people(people, model, reference, panel, request)
    for _ in range(asked.rounds):
        for name, works in (("linearize", [run_linearize]), ("predictions", [predict_people, score_variants])):
            with Timer() as took, Timer(cpu_clock) as took_cpu:
                for place, work in enumerate(works):
                    with Timer() as one, Timer(cpu_clock) as one_cpu:
                        work()
                    if name == "predictions" and not place:
                        wall["of people alone"].append(one.seconds)
                        cpu["of people alone"].append(one_cpu.seconds)
            wall[name].append(took.seconds)
            cpu[name].append(took_cpu.seconds)
    return {
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "people": asked.train + asked.test // 4 * 4,
        "variants": len(variants),
        **{f"{name}: s": median(values) for name, values in wall.items()},
        **{f"{name}: CPU s": median(values) for name, values in cpu.items()},
        "times its own predictions, wall (goal 1.3)": median(wall["linearize"]) / median(wall["predictions"]),
        "times its own predictions, CPU (goal 1.3)": median(cpu["linearize"]) / median(cpu["predictions"]),
    }


def made(folder: Path, asked: Any) -> tuple[VariantFormerGeneModel, ReferenceGenome, Path]:
    """A model, a genome and a panel."""
    rng = np.random.default_rng(0)
    genome = {name: bases.upper() for name, bases in simulate_genome(rng, {"chr1": asked.genome}).items()}
    fasta = write_fasta(folder / "genome.fa", genome)
    third = asked.genome // 3
    (folder / "genes.csv").write_text(
        f"gene_id,gene_name,chromosome,start,end,strand\nENSG00000000001.1,{GENE},chr1,{third},{2 * third},+\n"
    )
    starts = range(500, asked.genome - 1_000, 1_500)
    (folder / "cres.bed").write_text(
        "".join(cre_line("chr1", start, start + 250, f"E{start}", "dELS") for start in starts)
    )
    write_panel(folder / "panel.vcf.gz", genome["chr1"], rng, asked.spacing)
    tokenizer = DnaTokenizer.train(
        [genome["chr1"][at : at + 2_000] for at in range(0, asked.genome, 2_000)], vocab_size=500
    )
    network = random_model(
        VariantFormerConfig.from_dict(json.loads(asked.config.read_text())), choose_device("auto"), torch.float32
    )
    fill_weights(network, np.random.default_rng(0))
    tables = GeneTable.read(folder / "genes.csv"), CreTable.read(folder / "cres.bed")
    model = VariantFormerGeneModel(network.eval(), VariantFormerProcessor(tokenizer), *tables, precision="float32")
    return model, ReferenceGenome(fasta), folder / "panel.vcf.gz"


def write_panel(path: Path, genome: str, rng: np.random.Generator, spacing: int) -> None:
    """Phased people; a tenth of the variants are insertions or deletions."""
    lines = []
    for position in range(100, len(genome) - 100, spacing):
        ref = genome[position]
        alt = "ACGT"["ACGT".index(ref) - 1] if rng.random() < 0.9 else ref + "ACG"[: rng.integers(1, 4)]
        alleles = (rng.random((PEOPLE, 2)) < rng.uniform(0.02, 0.5)).astype(int)
        calls = "\t".join(f"{one}|{other}" for one, other in alleles)
        lines.append(f"chr1\t{position + 1}\t.\t{ref}\t{alt}\t.\tPASS\t.\tGT\t{calls}")
    write_vcf(path, lines, meta=contig_lines({"chr1": len(genome)}), samples=[f"P{n}" for n in range(PEOPLE)])


def write_people(
    path: Path, model: VariantFormerGeneModel, reference: ReferenceGenome, panel: Path, request: LinearizeRequest
) -> None:
    """The people that are linearised on, as a VCF."""
    finder = model.open(reference).finder
    read: PanelHaplotypes = read_haplotypes(panel, finder.reach(model.gene_table.genes[0]), reference=reference)
    people = gene_people(read, request)
    alleles = np.concatenate([people.train, people.test])
    lines = [
        "\t".join(
            [
                *("chr1", str(position + 1), ".", ref, alt, ".", "PASS", ".", "GT"),
                *(f"{one}|{other}" for one, other in alleles[:, :, row]),
            ]
        )
        for row, (position, (ref, alt)) in enumerate(zip(read.position.tolist(), read.alleles, strict=True))
    ]
    names = [f"M{number}" for number in range(len(alleles))]
    write_vcf(path, lines, meta=contig_lines(reference.contigs), samples=names)


def fit_alone(people: int, variants: int) -> dict[str, Any]:
    """CPU seconds of one output's fit."""
    rng = np.random.default_rng(1)
    dosage = rng.binomial(2, rng.uniform(0.01, 0.5, variants), (people, variants)).astype(float)
    weight = rng.normal(size=variants)
    value = dosage @ weight
    with Timer(cpu_clock) as took:
        fit_from_effects(dosage, value, weight + rng.normal(size=variants), np.arange(people) % 5)
    return {f"ridge of {people} people, {variants:,} variants, an output: CPU s": took.seconds}


if __name__ == "__main__":
    main()
