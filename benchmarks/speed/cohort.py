"""A cohort: one pass over its VCF, then the inputs of (gene, person) pairs from the store, and from the VCF itself.

Run: python -m benchmarks.speed.cohort [--people 100] [--genes 40]

A 5 Mb contig with a site every 30 bases, most of them rare, as 100 people have them; genes spread along it. Tokens of
the reference are warm, as they are from the second person on. One process, one thread.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import pysam

from benchmarks.speed.wgs_files import CONTIG_LENGTH, trained_tokenizer, write_wgs_files
from benchmarks.timing import Timer, once, show
from variantformer_hf import CreTable, GeneTable, PersonalGenome, ReferenceGenome, VariantFormerProcessor
from variantformer_hf.genome.intervals import union
from variantformer_hf.genome.person_records import PersonRecords
from variantformer_hf.genome.store_layout import default_store
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.inference.run_plan import stretches_of
from variantformer_hf.simulation.writers import GENOTYPES, contig_lines, write_vcf
from variantformer_hf.zoo.gene_regions import covered
from variantformer_hf.zoo.variantformer.gene_tokens import GeneTokens
from variantformer_hf.zoo.variantformer.personal_tokens import PersonalTokens
from variantformer_hf.zoo.variantformer.reference_tokens import ReferenceTokens
from variantformer_hf.zoo.variantformer.regions import region_finder

SITE_SPACING = 30
PEOPLE_MEASURED = 8


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--genes", type=int, default=40)
    arguments = parser.parse_args()
    pysam.set_verbosity(0)
    with tempfile.TemporaryDirectory() as name:
        os.environ["VARIANTFORMER_CACHE"] = str(Path(name) / "cache")
        report = measure(Path(name), arguments.people, arguments.genes)
    show(report)


def measure(folder: Path, n_people: int, n_genes: int) -> dict[str, Any]:
    """Times and sizes, and the differences between the two ways."""
    files = write_wgs_files(folder, 100)
    reference = ReferenceGenome(files.fasta)
    vcf, n_sites = write_cohort(reference, folder, n_people)
    genes = folder / "genes.csv"
    genes.write_text(gene_table(n_genes))
    table = GeneTable.read(genes)
    tokenizer = trained_tokenizer(reference)
    cres = CreTable.read(files.cres)
    finder = region_finder(table, cres, VariantFormerProcessor(tokenizer), reference)
    tokens = ReferenceTokens(tokenizer, len(cres))
    regions = [finder.find(gene) for gene in table]
    stretches = stretches_of([finder.reach(gene) for gene in table])

    def inputs_of(person: PersonalGenome) -> list[GeneTokens]:
        found = []
        for stretch in stretches:
            here = [regions[index] for index in stretch.genes]
            place = stretch.interval
            read = person.stretch(place.chrom, place.start, place.end, union(*covered(here)))
            of_person = PersonalTokens(person, read, here, tokens, tokenizer)
            found += [of_person.gene(each) for each in here]
        return found

    inputs_of(PersonalGenome(reference))  # the reference's tokens
    from_file = PersonalGenome(reference, vcf, "P0")
    file_time, expected = once(lambda: inputs_of(from_file))
    ingest_time, _ = once(lambda: build_store(vcf))
    times = []
    for number in range(min(PEOPLE_MEASURED, n_people)):
        person = PersonalGenome(reference, vcf, f"P{number}")
        assert isinstance(person.records, PersonRecords)
        assert person.records.is_ingested
        with Timer() as took:
            found = inputs_of(person)
        times.append(took.seconds / n_genes)
        if number == 0:
            differences = sum(not same(one, other) for one, other in zip(found, expected, strict=True))
    return {
        "people": n_people,
        "sites": n_sites,
        "genes": n_genes,
        "MB: the VCF": vcf.stat().st_size / 1e6,
        "MB: its store": sum(path.stat().st_size for path in default_store(vcf).iterdir()) / 1e6,
        "s: one pass over the VCF": ingest_time,
        "s: a (gene, person) pair from the store (limit 0.002)": float(np.median(times)),
        "s: the same from the VCF, decoded once for all genes": file_time / n_genes,
        "genes whose inputs differ": differences,
    }


def same(one: GeneTokens, other: GeneTokens) -> bool:
    """Whether two people read alike."""
    return bool(
        np.array_equal(one.elements.ragged().values, other.elements.ragged().values)
        and np.array_equal(one.window, other.window)
        and np.array_equal(one.outcomes, other.outcomes)
    )


def gene_table(n_genes: int) -> str:
    """Genes of 50 kb on both strands."""
    spacing = (CONTIG_LENGTH - 2_000_000) // n_genes
    rows = ["gene_id,gene_name,chromosome,start,end,strand"]
    for number in range(n_genes):
        start = 1_000_000 + number * spacing
        rows.append(f"ENSG{number:011d}.1,G{number},chr1,{start},{start + 50_000},{'+-'[number % 2]}")
    return "\n".join(rows) + "\n"


def write_cohort(reference: ReferenceGenome, folder: Path, n_people: int) -> tuple[Path, int]:
    """A VCF of sites whose allele counts fall as in a population: two thirds are one person's alone."""
    rng = np.random.default_rng(0)
    bases = reference.sequence("chr1", 0, CONTIG_LENGTH).upper()
    sites = list(random_sites(rng, bases, n_people))
    vcf = folder / "cohort.vcf.gz"
    meta = [GENOTYPES, *contig_lines({"chr1": CONTIG_LENGTH})]
    write_vcf(vcf, sites, meta=meta, samples=[f"P{number}" for number in range(n_people)])
    return vcf, len(sites)


def random_sites(rng: np.random.Generator, bases: str, n_people: int) -> Iterator[str]:
    """Lines of the VCF."""
    position = 0
    n_sites = 0
    while (position := position + int(rng.integers(1, 2 * SITE_SPACING))) < CONTIG_LENGTH - 10:
        carriers = min(n_people, int(1 / (1 - rng.random()) ** 0.94))
        calls = ["0|0"] * n_people
        for carrier in rng.choice(n_people, size=carriers, replace=False).tolist():
            calls[carrier] = ("0|1", "1|0", "1|1")[carrier % 3]
        ref = bases[position]
        alt = "ACGT"[("ACGT".index(ref) + 1) % 4]
        if n_sites % 7 == 0:
            ref, alt = (bases[position : position + 3], ref) if n_sites % 2 else (ref, ref + alt * 2)
        yield "\t".join(["chr1", str(position + 1), ".", ref, alt, "50", "PASS", ".", "GT", *calls])
        n_sites += 1


if __name__ == "__main__":
    main()
