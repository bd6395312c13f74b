"""VariantFormer passes what every model of the zoo passes."""

from collections.abc import Sequence

import numpy as np
import pytest
from gene_model_tests import Case, GeneModelTests
from genome_files import record, write_vcf
from small_model import LENGTH, small_world

from variantformer_hf import PersonalGenome
from variantformer_hf.zoo.gene_regions import GeneSequences
from variantformer_hf.zoo.variantformer.gene_model import VariantFormerGeneModel


def plain(model: VariantFormerGeneModel, person: PersonalGenome, gene: str, outputs: Sequence[int]) -> np.ndarray:
    """Sequences, tokens, model: without a shortcut."""
    found = model.sequences(person, gene)
    kept = [index for index, sequence in enumerate(found.cre_sequences) if sequence]
    sequences = [found.cre_sequences[index] for index in kept]
    return model.predict_gene(GeneSequences(sequences, found.cre_class_ids[kept], found.gene_sequence), outputs)[0]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    world = small_world(tmp_path_factory.mktemp("variantformer"))
    folder, genome, contigs = world.folder, world.genome, {"chr1": LENGTH, "chrX": 200}
    world.predictor.model.save(folder / "model")

    def snv(position: int) -> tuple[int, str, str]:
        ref = genome[position - 1]
        return position, ref, {"A": "C", "C": "G", "G": "T", "T": "A"}[ref]

    vcf = write_vcf(
        folder / "person.vcf.gz",
        [record(*snv(position), call) for position, call in ((1_850, "0|1"), (2_450, "1|1"), (3_500, "1|0"))],
        contigs=contigs,
    )
    panel = write_vcf(
        folder / "panel.vcf.gz",
        [record(*snv(position), info="AF=0.3") for position in range(1_800, 2_400, 30)],
        contigs=contigs,
        samples=(),
    )
    rows = [(*snv(position), 0.1 * number - 1) for number, position in enumerate(range(1_800, 2_400, 30))]
    eqtls = folder / "eqtls.tsv"
    lines = [f"chr1\t{position}\t{ref}\t{alt}\tENSG00000000001\t{slope:.2f}" for position, ref, alt, slope in rows]
    eqtls.write_text("\n".join(["chrom\tpos\tref\talt\tgene_id\tslope", *lines]) + "\n")
    variants = tuple(f"chr1:{position}:{ref}>{alt}" for position, ref, alt in (snv(1_900), snv(2_000)))
    return Case(
        model=folder / "model",
        fasta=world.reference.path,
        vcf=vcf,
        genes=("PLUS", "MINUS"),
        tissues=("liver", "thyroid"),
        variants=variants,
        panel=panel,
        eqtls=eqtls,
        plain=plain,
    )


class TestVariantFormer(GeneModelTests):
    """With all its shortcuts."""

    epochs, learning_rate = 70, 0.01
