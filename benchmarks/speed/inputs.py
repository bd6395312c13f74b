"""Cost of one gene's inputs: 1,500 cCREs and a 300 kb window, from a VCF of 4.5 million records to token ids.

Run: python -m benchmarks.speed.inputs [--records 4500000] [--strand -] [--folder FOLDER to keep the files in]

One process, one thread, tokens of the reference warm. In the same run: the same by one call of ``bcftools consensus``
a cCRE (some cCREs, extrapolated) and by one call for all of them with the general tokenizer. Where samtools and
bcftools are installed they are started as processes; else those inside pysam are called, which spares them the start.
Every sequence and every token is compared: the last lines say how many differ.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import pysam
from pysam import bcftools

from benchmarks.speed.wgs_files import WgsFiles, trained_tokenizer, write_wgs_files
from benchmarks.timing import Result, Timer, cpu_clock, median, once, show, timed
from variantformer_hf import CreTable, DnaTokenizer, GeneTable, PersonalGenome, ReferenceGenome, VariantFormerProcessor
from variantformer_hf.genome.interval import reverse_complement
from variantformer_hf.genome.intervals import union
from variantformer_hf.genome.stretch import PersonalStretch
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.tokenization import merge_kernels
from variantformer_hf.zoo.gene_regions import covered
from variantformer_hf.zoo.variantformer.gene_tokens import GeneTokens, model_inputs
from variantformer_hf.zoo.variantformer.personal_tokens import PersonalTokens
from variantformer_hf.zoo.variantformer.reference_tokens import ReferenceTokens
from variantformer_hf.zoo.variantformer.regions import region_finder

ROUNDS = 15
ELEMENTS_ONE_BY_ONE = 15


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=4_500_000, help="records in the VCF")
    parser.add_argument("--strand", choices=["+", "-"], default="+")
    parser.add_argument("--folder", type=Path, help="where the files are kept; by default they are removed")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(exist_ok=True)
        pysam.set_verbosity(0)
        os.environ["VARIANTFORMER_CACHE"] = str(Path(name) / "cache")
        files = write_wgs_files(folder, arguments.records, strand=arguments.strand)
        if arguments.memory:
            print(json.dumps(memory_and_start(files)))
            return
        command = [
            sys.executable,
            "-m",
            "benchmarks.speed.inputs",
            "--memory",
            "--folder",
            str(folder),
            "--strand",
            arguments.strand,
        ]
        command += ["--records", str(arguments.records)]
        fresh = [
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(2)
        ]
        report: dict[str, Any] = {"records in the VCF": arguments.records}
        report |= fresh[-1]  # by then the compiled kernels are on disk
        report |= measure(files, folder)
        report |= measure_store(files)
    show(report)


class Gene:
    """The benchmark's gene and person, opened."""

    def __init__(self, files: WgsFiles) -> None:
        self.reference = ReferenceGenome(files.fasta)
        self.person = PersonalGenome(self.reference, files.vcf)
        cres = CreTable.read(files.cres)
        genes = GeneTable.read(files.genes)
        self.tokenizer = trained_tokenizer(self.reference)
        self.processor = VariantFormerProcessor(self.tokenizer)
        finder = region_finder(genes, cres, self.processor, self.reference)
        self.regions, self.reach = finder.find(genes.get("BENCH")), finder.reach(genes.get("BENCH"))
        self.within = union(*covered([self.regions]))
        self.tokens = ReferenceTokens(self.tokenizer, len(cres))

    def stretch(self) -> PersonalStretch:
        """The person's records around the gene, read from the file and resolved: nothing of the text is at hand."""
        text = getattr(getattr(self.person.records, "_file", None), "_indexed_text", None)
        if text is not None:
            text.forget()
        return self.person.stretch(self.reach.chrom, self.reach.start, self.reach.end, self.within)

    def inputs(self) -> dict[str, np.ndarray]:
        """All of it: what the model reads."""
        return model_inputs(self.gene_tokens(self.stretch()), self.processor)

    def gene_tokens(self, stretch: PersonalStretch) -> GeneTokens:
        """The person's tokens of the gene."""
        read = PersonalTokens(self.person, stretch, [self.regions], self.tokens, self.tokenizer)
        return read.gene(self.regions)


def measure(files: WgsFiles, folder: Path) -> dict[str, Any]:
    """Times of our stages and of the alternatives, and the differences between their results."""
    gene = Gene(files)
    gene.inputs()
    stretch_time, stretch = median_cpu(gene.stretch)
    token_time, tokens = median_cpu(lambda: gene.gene_tokens(stretch))
    rows_time, _ = median_cpu(lambda: model_inputs(tokens, gene.processor))
    whole_time, inputs = median_cpu(gene.inputs)
    table = gene.tokenizer.merge_table
    table.__dict__["is_compiled"] = False
    plain_time, plain_inputs = median_cpu(gene.inputs)
    table.__dict__["is_compiled"] = merge_kernels.HAS_NUMBA and table.is_editable

    regions = [(interval.start, interval.end) for interval in gene.regions.intervals]
    with Timer(cpu_clock) as took:
        for region in regions[:ELEMENTS_ONE_BY_ONE]:
            consensus(files, [region], folder)
    one_by_one = took.seconds / ELEMENTS_ONE_BY_ONE * len(regions)
    batched_time, expected = median_cpu(lambda: consensus(files, regions, folder), rounds=3)
    if gene.regions.gene.strand == "-":
        expected = [reverse_complement(sequence) for sequence in expected]
    general_time, general = median_cpu(lambda: general_tokens(gene.tokenizer, expected), rounds=3)

    ours = gene.person.sequences(gene.regions.intervals)
    if gene.regions.gene.strand == "-":
        ours = [reverse_complement(sequence) for sequence in ours]
    ids = [*(tokens.elements[row].tolist() for row in range(len(tokens.elements))), tokens.window.tolist()]
    length = gene.processor.token_length
    rows = [ids_of[:length] for ids_of in general[:-1] if ids_of]
    alike = all(np.array_equal(inputs[name], plain_inputs[name]) for name in inputs)
    return {
        "cCREs": len(regions) - 1,
        "bases": sum(end - start for start, end in regions),
        "tokens": sum(map(len, ids)),
        "compiled kernels (extra `fast`)": merge_kernels.HAS_NUMBA,
        "CPU s: records read and resolved": stretch_time,
        "CPU s: tokens": token_time,
        "CPU s: rows of ids and masks": rows_time,
        "CPU s: one gene in all (limit 0.012)": whole_time,
        "CPU s: the same without the compiler (limit 0.050)": plain_time,
        "bcftools": "installed" if shutil.which("bcftools") and shutil.which("samtools") else "in pysam",
        "CPU s: one consensus a cCRE, extrapolated": one_by_one,
        "  over ours (goal 22,000)": one_by_one / whole_time,
        "CPU s: one consensus for all, and the general tokenizer": batched_time + general_time,
        "  over ours (goal 80)": (batched_time + general_time) / whole_time,
        "sequences that differ from bcftools": sum(a.upper() != b.upper() for a, b in zip(ours, expected, strict=True)),
        "sequences whose tokens differ from the tokenizer": sum(a != b for a, b in zip(ids, [*general], strict=True)),
        "rows that differ": sum(
            row.tolist()[: len(want)] != want for row, want in zip(inputs["cre_input_ids"][0], rows, strict=True)
        ),
        "the same with and without the compiler": alike,
    }


def measure_store(files: WgsFiles) -> dict[str, Any]:
    """The same gene from the person's store of genotypes."""
    expected = Gene(files).inputs()
    ingest_time, folder = once(lambda: build_store(files.vcf))
    opened, gene = once(lambda: Gene(files))
    gene.inputs()
    time_of_gene, inputs = median_cpu(gene.inputs)
    return {
        "s: ingesting the VCF into a store (limit 10)": ingest_time,
        "MB: the VCF": files.vcf.stat().st_size / 1e6,
        "MB: its store": sum(path.stat().st_size for path in folder.iterdir()) / 1e6,
        "s: opening the store, tables and tokenizer": opened,
        "CPU s: one gene from the store": time_of_gene,
        "inputs that differ from those from the VCF": sum(
            not np.array_equal(inputs[name], expected[name]) for name in inputs
        ),
    }


def memory_and_start(files: WgsFiles) -> dict[str, float]:
    """In a fresh process: what opening takes, and the memory that a worker has above its imports."""
    before = resident()
    with Timer() as opening:
        reference = ReferenceGenome(files.fasta)
        person = PersonalGenome(reference, files.vcf)
    person.close()
    with Timer() as loading:
        if merge_kernels.HAS_NUMBA:
            trained_tokenizer(reference).encode_sequences(["ACGT"])
    gene = Gene(files)
    for _ in range(5):
        gene.inputs()
    return {
        "s: opening FASTA, VCF and index (limit 0.3)": opening.seconds,
        "s: training the tokenizer and loading the kernels": loading.seconds,
        "MB: a worker above its imports, at its peak (limit 200)": (resident() - before) / 1024,
    }


def resident() -> int:
    """Largest resident memory so far, KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def consensus(files: WgsFiles, regions: list[tuple[int, int]], folder: Path) -> list[str]:
    """Sequences by bcftools, all regions in one call."""
    names = [f"chr1:{start + 1}-{end}" for start, end in regions]
    fasta = folder / "regions.fa"
    list_ = folder / "regions.txt"
    list_.write_text("\n".join(names) + "\n")
    exclude = 'ALT~"<.*>"'
    if shutil.which("bcftools") and shutil.which("samtools"):
        with fasta.open("w") as file:
            subprocess.run(["samtools", "faidx", str(files.fasta), "-r", str(list_)], stdout=file, check=True)
        command = ["bcftools", "consensus", "-H", "I", "-e", exclude, "-f", str(fasta), str(files.vcf)]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    else:
        with ReferenceGenome(files.fasta) as reference:
            places = zip(names, regions, strict=True)
            fasta.write_text("".join(f">{name}\n{reference.sequence('chr1', *place)}\n" for name, place in places))
        text = bcftools.consensus("-H", "I", "-e", exclude, "-f", str(fasta), str(files.vcf))
    return ["".join(entry.split("\n")[1:]) for entry in text.split(">")[1:]]


def general_tokens(tokenizer: DnaTokenizer, sequences: list[str]) -> list[list[int]]:
    """Ids by the tokenizers library, in one batch."""
    encodings = tokenizer.backend_tokenizer.encode_batch_fast(sequences, add_special_tokens=False)
    return [encoding.ids for encoding in encodings]


def median_cpu(work: Callable[[], Result], rounds: int = ROUNDS) -> tuple[float, Result]:
    """Median CPU time, of this process and those it starts, and the last result."""
    times, result = timed(work, rounds, clock=cpu_clock)
    return median(times), result


if __name__ == "__main__":
    main()
