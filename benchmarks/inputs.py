"""Time to prepare the inputs of one gene: 1,500 cCREs and a 300 kb window from an indexed single-sample VCF.

Run: python benchmarks/inputs.py [--records 500000]

The gene lies in a 5 Mb contig with a record per kb; the other records fill further contigs, because the size of the
index is part of the cost. One process, one thread; the tokenizer is trained on the synthetic genome.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import pysam

from variantformer_hf import CreTable, DnaTokenizer, GeneTable, PersonalGenome, ReferenceGenome, VariantFormerProcessor
from variantformer_hf.demo.simulation import SimulatedRecord, simulate_genome, simulate_person
from variantformer_hf.inference.gene_regions import RegionFinder, gene_sequences

CONTIG_LENGTH = 5_000_000
N_CRES = 1_500
ROUNDS = 5
Result = TypeVar("Result")


def main() -> None:
    """Print the median time of each stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=500_000, help="records in the VCF")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        genome = simulate_genome(rng, {"chr1": CONTIG_LENGTH})
        fasta, vcf, cres = folder / "genome.fa", folder / "person.vcf.gz", folder / "cres.bed"
        write_fasta(genome, fasta)
        write_vcf(list(simulate_person(rng, genome, spacing=1_000)), arguments.records, vcf)
        write_cres(rng, cres)
        genes = folder / "genes.csv"
        genes.write_text(
            "gene_id,gene_name,chromosome,start,end,strand\nENSG00000000001.1,BENCH,chr1,2000000,2400000,+\n"
        )
        report = measure(fasta, vcf, genes, CreTable.read(cres), genome["chr1"])
    report["records in the VCF"] = arguments.records
    for stage, value in report.items():
        print(f"{stage:44s} {value:12,.4f}" if isinstance(value, float) else f"{stage:44s} {value:12,}")
    print(json.dumps(report))


def measure(fasta: Path, vcf: Path, genes_csv: Path, cres: CreTable, contig: str) -> dict[str, float | int]:
    """Median seconds of each stage, and what was prepared."""
    tokenizer = DnaTokenizer.train([contig[i : i + 400] for i in range(0, 200_000, 400)], vocab_size=500)
    processor = VariantFormerProcessor(tokenizer)
    genes = GeneTable.read(genes_csv)
    gene = genes.get("BENCH")
    start = time.perf_counter()
    reference = ReferenceGenome(fasta)
    person = PersonalGenome(reference, vcf)
    cold = time.perf_counter() - start
    regions = RegionFinder(genes, cres, processor, reference).find(gene)
    sequence_time, sequences = median_time(lambda: gene_sequences(regions, person.sequences))
    token_time, inputs = median_time(
        lambda: processor(
            cre_sequences=sequences.cre_sequences,
            cre_classes=sequences.cre_class_ids.tolist(),
            gene_sequence=sequences.gene_sequence,
            return_tensors="pt",
        )
    )
    return {
        "opening FASTA and VCF, s": cold,
        "sequences of one gene, s": sequence_time,
        "tokens and tensors of one gene, s": token_time,
        "one gene in all, s": sequence_time + token_time,
        "limit, s": 0.5,
        "cCREs": int(inputs["cre_input_ids"].shape[1]),
        "bases": sum(map(len, sequences.cre_sequences)) + len(sequences.gene_sequence),
    }


def median_time(work: Callable[[], Result]) -> tuple[float, Result]:
    """Median wall time of several rounds, and the last result."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return sorted(times)[ROUNDS // 2], result


def write_fasta(genome: dict[str, str], path: Path) -> None:
    """Write and index a FASTA."""
    with path.open("w") as file:
        for chrom, sequence in genome.items():
            file.write(f">{chrom}\n")
            file.writelines(f"{sequence[i : i + 60]}\n" for i in range(0, len(sequence), 60))
    pysam.faidx(str(path))


def write_vcf(records: list[SimulatedRecord], total: int, path: Path) -> None:
    """Write the person's records and as many more on further contigs as make the total; bgzip and index."""
    with pysam.BGZFile(str(path), "w") as file:
        lines = header(records, total)
        for line in lines:
            file.write(line.encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)


def header(records: list[SimulatedRecord], total: int) -> Iterator[str]:
    """Lines of the VCF."""
    fill = max(0, total - len(records))
    contigs = {"chr1": CONTIG_LENGTH} | {f"chr{n}": 250_000_000 for n in range(2, 23)}
    yield "##fileformat=VCFv4.2\n"
    for chrom, length in contigs.items():
        yield f"##contig=<ID={chrom},length={length}>\n"
    for key, kind in (("GT", "String"), ("AD", "String"), ("DP", "Integer"), ("GQ", "Integer"), ("PL", "String")):
        yield f'##FORMAT=<ID={key},Number=1,Type={kind},Description="{key}">\n'
    yield "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tperson\n"
    for r in records:
        site = f"{r.chrom}\t{r.position + 1}\t.\t{r.ref}\t{r.alt}\t50\tPASS\t."
        yield f"{site}\tGT:AD:DP:GQ:PL\t{r.genotype}:9,9:18:99:9,0,9\n"
    for n in range(2, 23):
        for index in range(fill // 21):
            yield f"chr{n}\t{(index + 1) * 1_000}\t.\tA\tG\t50\tPASS\t.\tGT:AD:DP:GQ:PL\t0|1:9,9:18:99:9,0,9\n"


def write_cres(rng: np.random.Generator, path: Path) -> None:
    """Write cCREs of 150-350 bases, so spaced that a gene of 400 kb has 1,500 of them within 1 Mb."""
    spacing = 2_400_000 // N_CRES
    with path.open("w") as file:
        for start in range(1_000, CONTIG_LENGTH - 1_000, spacing):
            end = start + int(rng.integers(150, 350))
            file.write(f"chr1\t{start}\t{end}\tE{start}\t0\t.\t{start}\t{end}\t0,0,0\tdELS\n")


if __name__ == "__main__":
    main()
