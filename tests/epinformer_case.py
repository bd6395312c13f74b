"""A small EPInformer, its files, and a plain way to what it predicts."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gene_model_tests import Case
from genome_files import record, write_fasta, write_vcf
from random_variants import random_bases
from window_case import OTHER, plain_windows

from variantformer_hf.genome import GeneTable, PersonalGenome
from variantformer_hf.genome.genes import Gene
from variantformer_hf.modeling import EPInformerConfig, EPInformerModel
from variantformer_hf.modeling.epinformer import GENE_FEATURES
from variantformer_hf.zoo.epinformer.element_files import read_elements
from variantformer_hf.zoo.epinformer.gene_features import GeneFeatures
from variantformer_hf.zoo.epinformer.gene_model import EPInformerGeneModel

LENGTH, BASES = 6_000, 416
TISSUES = ("K562", "GM12878")
# Start and end from 1, strand; MINUS has its TSS at its end.
GENES = {"PLUS": (2_001, 2_900, "+"), "MINUS": (3_100, 3_600, "-")}
# Gene, start and end from 0, distance, activity, contact.
ELEMENTS = (
    ("PLUS", 1_200, 1_500, -650.0, 1.5, 20.0),
    ("PLUS", 3_000, 3_900, 1_450.0, 0.5, 3.0),
    ("PLUS", 2_600, 2_620, 610.0, 2.5, 40.0),
    ("MINUS", 4_300, 4_700, -901.0, 3.0, 8.0),
)
TINY = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "head_size": 10,
    "conv_channels": [6, 5, 4, 4, 6],
    "dilated_channels": 4,
    "element_channels": 4,
    "element_length": BASES,
    "num_enhancers": 4,
    "embedding_size": 2,
    "tissues": list(TISSUES),
}


def gene_table() -> GeneTable:
    return GeneTable(
        Gene(f"ENSG0000000000{n}", name, "chr1", start, end, strand)
        for n, (name, (start, end, strand)) in enumerate(GENES.items(), 1)
    )


def write_elements(path: Path, rows: Sequence[Sequence[Any]] = ELEMENTS) -> Path:
    """Elements as ABC has them."""
    header = ("chr", "start", "end", "TargetGene", "distance", "activity_base", "hic_contact")
    lines = [(*("chr1", start, end), gene, *known) for gene, start, end, *known in rows]
    path.write_text("".join("\t".join(map(str, line)) + "\n" for line in (header, *lines)))
    return path


def gene_features(size: int = 2) -> GeneFeatures:
    """Random features, and vectors of another model."""
    rng = np.random.default_rng(0)
    ids = [gene.gene_id for gene in gene_table()]
    vectors = rng.normal(size=(len(ids), size)) if size else None
    return GeneFeatures(ids, GENE_FEATURES, rng.normal(size=(len(ids), 9)), vectors)


def gene_model(folder: Path, **changes: Any) -> EPInformerGeneModel:
    """A small model; what is written into the folder is its elements as text."""
    torch.manual_seed(2)
    network = EPInformerModel(EPInformerConfig(**{**TINY, **changes})).eval()
    # As after some training, so that a base counts.
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.fill_(0.1)
    for part in (network.encoder.positions, network.with_features, network.mixed, *network.head.children()):
        part.weight.data *= 1.8
    genes, size = gene_table(), network.config.embedding_size
    elements = read_elements(write_elements(folder / "elements.tsv"), genes).table
    return EPInformerGeneModel(network, genes, elements, gene_features(size), device="cpu")


def plain(model: EPInformerGeneModel, person: PersonalGenome, gene: str, outputs: Sequence[int]) -> np.ndarray:
    """Predictions by the definition: all of a haplotype's bases through the network at once, and the mean of both."""
    shares = {"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"}
    found, known = model.gene_table.get(gene), model.gene_features
    rows = sorted((row for row in ELEMENTS if row[0] == gene), key=lambda row: abs(row[3]))
    centres = [found.tss, *((start + end) // 2 for _, start, end, *_ in rows)]
    features = np.zeros((1, 1 + len(rows), 3), np.float32)
    features[0, 1:] = [(distance / 1000, np.log10(1 + contact), activity) for *_, distance, activity, contact in rows]
    row = known.gene_ids.index(found.gene_id)
    values = []
    for sequences in zip(*(plain_windows(person, centre, BASES) for centre in centres), strict=True):
        dna = torch.tensor(
            [
                [[(base in (held := shares.get(letter, letter))) / len(held) for base in "ACGT"] for letter in each]
                for each in sequences
            ]
        )
        with torch.inference_mode():
            logits = model.network(
                dna[None],
                torch.from_numpy(features),
                torch.from_numpy(known.values[[row]]),
                None if known.embeddings is None else torch.from_numpy(known.embeddings[[row]]),
            ).logits
        values.append(logits[0].numpy()[list(outputs)])
    return np.mean(values, axis=0)


def genome() -> str:
    return random_bases(random.Random(5), LENGTH)


def snv(position: int) -> tuple[int, str, str]:
    """At a position from 1."""
    ref = genome()[position - 1]
    return position, ref, OTHER[ref]


def epinformer_case(folder: Path) -> Case:
    """Write a small model's files: a person with SNVs, insertions and deletions in promoters and elements."""
    text = genome()
    fasta = write_fasta(folder / "genome.fa", {"chr1": text}, width=60)
    gene_model(folder).save(folder / "model")

    def longer(position: int, bases: str) -> tuple[int, str, str]:
        return position, text[position - 1], text[position - 1] + bases

    def shorter(position: int, count: int) -> tuple[int, str, str]:
        return position, text[position - 1 : position + count], text[position - 1]

    carried = [
        (snv(1_300), "0|1"),
        (longer(1_390, "ACGTACG"), "0|1"),
        (snv(1_900), "1|1"),
        (shorter(2_080, 5), "1|0"),
        (snv(2_610), "1|0"),
        (shorter(3_450, 11), "1|1"),
        (snv(3_590), "0|1"),
        (longer(4_510, "GG"), "1|0"),
    ]
    lines = [record(*each, call) for each, call in carried]
    vcf = write_vcf(folder / "person.vcf.gz", lines, contigs={"chr1": LENGTH})
    asked = [snv(1_340), snv(2_001), snv(3_420)]
    panel_lines = [record(*snv(position), info="AF=0.3").rstrip() for position in range(1_900, 2_020, 10)]
    panel = write_vcf(folder / "panel.vcf.gz", panel_lines, contigs={"chr1": LENGTH}, samples=())
    eqtls = folder / "eqtls.tsv"
    rows = [
        f"chr1\t{place}\t{ref}\t{alt}\tENSG00000000001\t{0.1 * n - 0.5:.2f}"
        for n, (place, ref, alt) in enumerate(snv(position) for position in range(1_985, 1_997))
    ]
    eqtls.write_text("\n".join(["chrom\tpos\tref\talt\tgene_id\tslope", *rows]) + "\n")
    variants = tuple(f"chr1:{place}:{ref}>{alt}" for place, ref, alt in asked)
    return Case(folder / "model", fasta, vcf, ("PLUS", "MINUS"), TISSUES, variants, panel, eqtls, plain)
