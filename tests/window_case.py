"""Small networks of windows, their files, and a plain way to what they predict."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gene_model_tests import Case
from genome_files import record, write_fasta, write_vcf
from random_variants import random_bases

from variantformer_hf.genome import GeneTable, PersonalGenome
from variantformer_hf.genome.exons import ExonTable
from variantformer_hf.modeling import (
    BorzoiConfig,
    BorzoiForTracks,
    EnformerConfig,
    EnformerForTracks,
    VariformerConfig,
    VariformerForExpression,
)
from variantformer_hf.zoo.borzoi.gene_model import BorzoiGeneModel
from variantformer_hf.zoo.enformer.gene_model import EnformerGeneModel
from variantformer_hf.zoo.variformer.gene_model import VariformerGeneModel
from variantformer_hf.zoo.window.gene_model import WindowGeneModel
from variantformer_hf.zoo.window.track_model import TrackGeneModel
from variantformer_hf.zoo.window.tracks import Track

LENGTH, WINDOW = 5_000, 1_024
OTHER = {"A": "C", "C": "A", "G": "T", "T": "G"}
TRACKS = [
    Track(0, "CAGE:liver", "CAGE", "CNhs1", "CAGE:liver", "UBERON:0002107"),
    Track(2, "CAGE:lung (CNhs2)", "CAGE", "CNhs2", "CAGE:lung"),
    Track(3, "CAGE:lung (CNhs3)", "CAGE", "CNhs3", "CAGE:lung"),
]
# Start and end from 1, strand, exons from 0; MINUS has its TSS at its end, EDGE one that is too near the contig's.
GENES = {
    "PLUS": (1_501, 2_400, "+", [(1_500, 1_600), (1_700, 1_790), (2_300, 2_400)]),
    "MINUS": (2_800, 3_300, "-", [(2_799, 2_900), (3_190, 3_300)]),
    "EDGE": (301, 900, "+", [(300, 400)]),
}
TISSUES = {
    "variformer": ("blood", "skin"),
    **dict.fromkeys(("enformer", "borzoi"), ("CAGE:liver", "CAGE:lung (CNhs3)")),
}
NO_DROPOUT = dict.fromkeys(("hidden_dropout", "attention_dropout", "position_dropout", "final_dropout"), 0.0)


ENFORMER_SIZES = {
    **{"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 1, "key_size": 4, "channel_multiple": 2}
}


def tiny_enformer(**changes: Any) -> EnformerForTracks:
    return _network(EnformerForTracks, EnformerConfig(**{**ENFORMER_SIZES, **_common("tss:3", 0.2), **changes}), 0.02)


def tiny_borzoi(**changes: Any) -> BorzoiForTracks:
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "key_size": 4, "value_size": 6}
    widths = {"num_position_features": 4, "tower_sizes": [4, 4, 6, 6, 8, 8], "embedding_size": 10}
    return _network(BorzoiForTracks, BorzoiConfig(**{**sizes, **widths, **_common("exons", 0.4), **changes}), 0.003)


def tiny_variformer(**changes: Any) -> VariformerForExpression:
    """Of random weights, whose predictions are about 1."""
    torch.manual_seed(0)
    fields = {"sequence_length": WINDOW, "tissues": ["blood", "cortex", "skin"], "initializer_range": 0.3}
    config = VariformerConfig(**{**ENFORMER_SIZES, **NO_DROPOUT, **fields, **changes})
    network = VariformerForExpression(config).eval()
    return network


def _common(read_out: str, spread: float) -> dict[str, Any]:
    return {
        **NO_DROPOUT,
        "tracks": {"human": 4},
        "input_length": WINDOW,
        "read_out": read_out,
        "initializer_range": spread,
        "freeze_batchnorm": True,
    }


def _network(kind: Any, config: Any, scale: float) -> Any:
    """Of random weights, whose tracks are about 1."""
    torch.manual_seed(0)
    network = kind(config).eval()
    for head in network.heads.values():
        head.weight.data *= scale
    return network


def gene_table() -> GeneTable:
    from variantformer_hf.genome.genes import Gene

    return GeneTable(
        Gene(f"ENSG0000000000{n}", name, "chr1", start, end, strand)
        for n, (name, (start, end, strand, _)) in enumerate(GENES.items(), 1)
    )


def exon_table() -> ExonTable:
    return ExonTable({gene.gene_id: np.array(GENES[gene.gene_name][3]) for gene in gene_table()})


def variformer(**changes: Any) -> VariformerGeneModel:
    """A small Variformer; nothing of it is on disk."""
    return VariformerGeneModel(tiny_variformer(**changes), gene_table(), device="cpu")


def gene_model(kind: str, **changes: Any) -> TrackGeneModel:
    """A small model of a family with tracks; nothing of it is on disk."""
    if kind == "enformer":
        return EnformerGeneModel(tiny_enformer(**changes), gene_table(), TRACKS, exon_table(), device="cpu")
    return BorzoiGeneModel(tiny_borzoi(**changes), gene_table(), TRACKS, exon_table(), device="cpu")


def plain_windows(person: PersonalGenome, tss: int, length: int) -> list[str]:
    """The person's sequences around a TSS, by lengths of sequences alone."""
    start, end = tss - length // 2, tss - length // 2 + length
    found = []
    for reading in person.readings():
        before, behind = (reading.sequence("chr1", *each).upper() for each in ((start, tss), (tss, end)))
        left, right = (
            reading.reference.sequence("chr1", *each).upper() for each in ((start - 300, start), (end, end + 300))
        )
        found.append((left + before)[-(tss - start) :] + (behind + right)[: end - tss])
    return found


def plain_dna(sequence: str) -> torch.Tensor:
    """(L, 4) shares of the bases."""
    shares = {"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"}
    return torch.tensor(
        [[(base in (held := shares.get(letter, letter))) / len(held) for base in "ACGT"] for letter in sequence]
    )


def plain_inputs(person: PersonalGenome, tss: int, length: int) -> torch.Tensor:
    """(readings, L, 4): what is read of each haplotype; in the mode diploid their mean, twice."""
    dna = torch.stack([plain_dna(each) for each in plain_windows(person, tss, length)])
    return dna.mean(dim=0, keepdim=True).expand_as(dna) if person.options.mode == "diploid" else dna


def plain(model: TrackGeneModel, person: PersonalGenome, gene: str, outputs: Sequence[int]) -> np.ndarray:
    """Predictions by the definition: every bin of every track of each haplotype, those of the read-out added up."""
    tss, length, size = model.gene_table.get(gene).tss, model.form.length, model.form.bin_size
    values = []
    for reading, dna in zip(person.readings(), plain_inputs(person, tss, length), strict=True):
        with torch.inference_mode():
            tracks = model.network(dna[None]).tracks["human"][0]
        if str(model.form.read_out) == "exons":
            bins = set()
            for start, end in GENES[gene][3]:
                places = [
                    length // 2
                    + (len(reading.sequence("chr1", tss, at)) if at >= tss else -len(reading.sequence("chr1", at, tss)))
                    for at in (max(start, tss - length // 2), min(end, tss + length // 2))
                ]
                bins |= {place // size for place in range(*places) if 0 <= place < length}
        else:
            middle, count = length // 2 // size, model.form.read_out.count
            bins = set(range(middle - count // 2, middle - count // 2 + count))
        values.append(tracks[sorted(bins)].sum(dim=0).numpy()[list(outputs)])
    return np.mean(values, axis=0)


def plain_variformer(model: WindowGeneModel, person: PersonalGenome, gene: str, outputs: Sequence[int]) -> np.ndarray:
    """Predictions by the definition: the head's at the bin of the TSS, of the mean of both haplotypes."""
    network = model.network
    dna = plain_inputs(person, model.gene_table.get(gene).tss, model.form.length)[:1]
    with torch.inference_mode():
        states = network.trunk(dna).last_hidden_state[0, model.form.length // 2 // model.form.bin_size]
        values = network.head.weight @ states + network.head.bias
    return np.asarray(values.numpy()[list(outputs)])


def window_case(folder: Path, kind: str) -> Case:
    """Write a small model's files: a person with SNVs, an insertion and a deletion in both windows."""
    genome = random_bases(random.Random(0), LENGTH)
    fasta = write_fasta(folder / "genome.fa", {"chr1": genome}, width=60)
    model: WindowGeneModel = variformer() if kind == "variformer" else gene_model(kind)
    model.save(folder / "model")

    def snv(position: int) -> tuple[int, str, str]:
        return position, genome[position - 1], OTHER[genome[position - 1]]

    def longer(position: int, bases: str) -> tuple[int, str, str]:
        return position, genome[position - 1], genome[position - 1] + bases

    def shorter(position: int, count: int) -> tuple[int, str, str]:
        return position, genome[position - 1 : position + count], genome[position - 1]

    carried = [
        (snv(1_450), "0|1"),
        (longer(1_490, "ACGTACG"), "0|1"),
        (shorter(1_640, 5), "1|0"),
        (snv(1_720), "1|1"),
        (snv(2_000), "1|0"),
        (shorter(3_100, 11), "1|1"),
        (longer(3_250, "GG"), "1|0"),
        (snv(3_290), "0|1"),
    ]
    lines = [record(*each, call) for each, call in carried]
    vcf = write_vcf(folder / "person.vcf.gz", lines, contigs={"chr1": LENGTH})
    asked = [snv(1_495), snv(1_530), snv(1_755)]
    panel_lines = [record(*snv(position), info="AF=0.3").rstrip() for position in range(1_470, 1_530, 5)]
    panel = write_vcf(folder / "panel.vcf.gz", panel_lines, contigs={"chr1": LENGTH}, samples=())
    eqtls = folder / "eqtls.tsv"
    rows = [
        f"chr1\t{place}\t{ref}\t{alt}\tENSG00000000001\t{0.1 * n - 0.5:.2f}"
        for n, (place, ref, alt) in enumerate(snv(position) for position in range(1_480, 1_492))
    ]
    eqtls.write_text("\n".join(["chrom\tpos\tref\talt\tgene_id\tslope", *rows]) + "\n")
    variants = tuple(f"chr1:{place}:{ref}>{alt}" for place, ref, alt in asked)
    by_definition = plain_variformer if kind == "variformer" else plain
    return Case(folder / "model", fasta, vcf, ("PLUS", "MINUS"), TISSUES[kind], variants, panel, eqtls, by_definition)
