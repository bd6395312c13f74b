"""A small model with a small genome: geometry and all, so that edges, truncation and shifts are met often."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from genome_files import record, write_fasta, write_vcf
from random_variants import random_bases

from variantformer_hf import CreTable, DnaTokenizer, ExpressionPredictor, GeneTable, PersonalGenome, ReferenceGenome
from variantformer_hf.folder import CRES_FILE, GENES_FILE
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.modeling import (
    VariantFormerConfig,
    VariantFormerEncoderConfig,
    VariantFormerForExpression,
    VariantFormerProcessor,
)
from variantformer_hf.simulation.model import fill_weights
from variantformer_hf.simulation.writers import cre_line
from variantformer_hf.zoo.gene_regions import GeneRegions, GeneSequences, gene_sequences
from variantformer_hf.zoo.variantformer.gene_model import VariantFormerGeneModel

TISSUES = ["whole blood", "liver", "thyroid"]
LENGTH = 6_000
CLASSES = ["PLS", "pELS", "dELS", "DNase-H3K4me3", "CTCF-only,CTCF-bound"]


@dataclass(frozen=True)
class SmallWorld:
    """A model and the files to ask it about."""

    folder: Path
    genome: str
    predictor: ExpressionPredictor
    reference: ReferenceGenome

    def regions(self, gene: str) -> GeneRegions:
        """Regions of a gene."""
        finder = self.predictor.model.region_finder(self.reference)
        return finder.find(self.predictor.gene_table.get(gene))

    def prediction(self, genome: PersonalGenome, gene: str, without: int | None = None) -> np.ndarray:
        """log1p TPM by the way without a shortcut: sequences, tokens, model; maybe without one of the cCREs."""
        found = gene_sequences(self.regions(gene), genome.sequences)
        kept = [index for index, sequence in enumerate(found.cre_sequences) if sequence and index != without]
        sequences = [found.cre_sequences[index] for index in kept]
        there = GeneSequences(sequences, found.cre_class_ids[kept], found.gene_sequence)
        return self.predictor.model.predict_gene(there, range(len(TISSUES)))[0]

    def save(self, folder: Path, **options: object) -> Path:
        """The model folder."""
        self.predictor.model.network.save_pretrained(folder, **options)
        self.predictor.model.processor.save_pretrained(folder)
        self.predictor.gene_table.save(folder / GENES_FILE)
        self.predictor.model.cre_table.save(folder / CRES_FILE)
        return folder

    def person(self, lines: list[str], name: str = "person", **options: object) -> PersonalGenome:
        path = write_vcf(self.folder / f"{name}.vcf.gz", lines, contigs={"chr1": LENGTH, "chrX": 200})
        return PersonalGenome(self.reference, path, options=GenotypeOptions(**options))  # type: ignore[arg-type]


def small_world(folder: Path, seed: int = 0, **config: object) -> SmallWorld:
    """Two genes, one on each strand, among twelve elements; windows are longer than the model sees."""
    rng = random.Random(seed)
    genome = random_bases(rng, LENGTH)
    # Repeats, so that indels can be written in several ways.
    genome = genome[:2_000] + "CACACACACACA" + genome[2_012:2_500] + "TTTTTTTT" + genome[2_508:]
    fasta = write_fasta(folder / "genome.fa", {"chr1": genome, "chrX": random_bases(rng, 200)}, width=60)
    (folder / "genes.csv").write_text(
        "gene_id,gene_name,chromosome,start,end,strand\n"
        "ENSG00000000001.1,PLUS,chr1,1800,3200,+\nENSG00000000002.1,MINUS,chr1,2400,3600,-\n"
    )
    starts = sorted(rng.sample(range(100, LENGTH - 300, 60), 24))
    lines = []
    for start in starts:
        end, kind = start + rng.randint(20, 120), rng.choice(CLASSES)
        lines.append(cre_line("chr1", start, end, f"E{start}", kind))
    # Elements without any gene, to hold out.
    lines += [cre_line("chrX", start, start + 50, f"X{start}", "dELS") for start in (20, 90, 140)]
    (folder / "cres.bed").write_text("".join(lines))
    tokenizer = DnaTokenizer.train([random_bases(rng, 300) for _ in range(20)], vocab_size=60)
    processor = VariantFormerProcessor(
        tokenizer,
        token_length=24,
        max_gene_windows=12,
        cre_flank=10,
        cre_radius=1_500,
        gene_upstream=50,
        max_gene_length=1_200,
    )
    encoder = VariantFormerEncoderConfig(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        token_length=24,
    )
    model = VariantFormerForExpression(
        VariantFormerConfig(
            encoder_config=encoder,
            hidden_size=24,
            num_hidden_layers=3,
            num_attention_heads=6,
            intermediate_size=32,
            tissues=TISSUES,
            **config,
        )
    )
    fill_weights(model, np.random.default_rng(0))
    tables = GeneTable.read(folder / "genes.csv"), CreTable.read(folder / "cres.bed")
    predictor = ExpressionPredictor(VariantFormerGeneModel(model.eval(), processor, *tables, device="cpu"))
    return SmallWorld(folder, genome, predictor, ReferenceGenome(fasta))


def random_person_lines(rng: random.Random, genome: str, spacing: int = 60) -> list[str]:
    """Records that do not overlap: SNPs, MNVs, insertions, deletions; phased or not."""
    lines, position = [], rng.randint(1, spacing)
    while position < len(genome) - 10:
        ref = genome[position - 1 : position - 1 + rng.choice([1, 1, 1, 2, 5])]
        alt = rng.choice([random_bases(rng, len(ref)), ref + random_bases(rng, 3), ref[0]])
        if alt != ref:
            lines.append(record(position, ref, alt, rng.choice(["0/1", "1/1", "0|1", "1|0", "0/0"])))
        position += len(ref) + rng.randint(1, spacing)
    return lines
