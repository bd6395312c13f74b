"""Effects of SNVs by a network of windows: what the network takes, and what all else does.

Run: python -m benchmarks.speed.window_effects [--window 16384] [--variants 20] [--pairs 20] [--read 1000]

A full-size Enformer of random weights, a person with a record every 401 bases, one gene and two tracks. ``--variants``
homozygous SNVs of a window of ``--window`` bases go through the network, as ``effects`` scores them; beside it pairs of
whole predictions of ``--pairs`` of them, for each of which both genomes are read and predicted. Of ``--read`` SNVs of a
window of 196,608 bases states are made, without the network: letters of the person's window, edited. CPU time of the
process; ``--device`` for another one.
"""

import argparse
import random
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.timing import cpu_clock, show, timed
from variantformer_hf import EditedGenome, GenotypeEdit, PersonalGenome, ReferenceGenome, Variant
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.genome.genes import Gene, GeneTable
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.modeling import EnformerConfig, EnformerForTracks
from variantformer_hf.simulation.writers import write_fasta, write_vcf
from variantformer_hf.zoo.enformer.gene_model import EnformerGeneModel
from variantformer_hf.zoo.window.tracks import Track

LENGTH, TSS = 240_000, 120_000
OTHER = {"A": "C", "C": "A", "G": "T", "T": "G"}
TRACKS = [Track(place, f"CAGE:{place}", "CAGE", f"CNhs{place}", f"CAGE:{place}") for place in (4950, 4980)]


def main() -> None:
    """Print the numbers and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--window", type=int, default=16_384)
    parser.add_argument("--variants", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--read", type=int, default=1_000)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        show(measure(Path(folder), asked))


def measure(folder: Path, asked: Any) -> dict[str, Any]:
    """The numbers, by name."""
    rng = random.Random(0)
    person = written(folder, rng)
    torch.manual_seed(0)
    network = EnformerForTracks(EnformerConfig())
    genes = GeneTable([Gene("ENSG00000000001", "G", "chr1", TSS + 1, TSS + 5_000, "+")])
    model = EnformerGeneModel(network, genes, TRACKS, device=asked.device, precision="float32", window=asked.window)
    snvs = [snv(person, TSS - asked.window // 2 + asked.window * n // asked.variants) for n in range(asked.variants)]
    scorer = VariantScorer(model)
    (scored,), _ = timed(lambda: scorer.score(snvs, person, genes="G", zygosity=["hom"]), clock=cpu_clock)
    opened = model.open(person.reference)
    regions = opened.finder.find(genes.get("G"))

    in_pairs = snvs[:: -(-len(snvs) // asked.pairs)]

    def pairs() -> None:
        for each in in_pairs:
            for name in ("absent", "hom"):
                edited = EditedGenome(person, [GenotypeEdit(each, name)])
                opened.predict([opened.read(edited, regions)], [track.id for track in TRACKS])

    (whole,), _ = timed(pairs, clock=cpu_clock)
    long = EnformerGeneModel(network, genes, TRACKS, device=asked.device, precision="float32")
    states = long.open(person.reference).states(person, long.region_finder(person.reference).find(genes.get("G")), [0])
    many = [snv(person, TSS - 98_000 + 196_000 * n // asked.read) for n in range(asked.read)]

    def make_states() -> None:
        for each in many:
            states.of(EditedGenome(states.person, [GenotypeEdit(each, "hom")]))

    (read,), _ = timed(make_states, clock=cpu_clock)
    return {
        "window": asked.window,
        "variants": len(snvs),
        "seconds a variant, effects": scored / len(snvs),
        "seconds a variant, pairs of whole predictions": whole / len(in_pairs),
        "variants a second": len(snvs) / scored,
        "states": len(many),
        "milliseconds a state of 196,608 bases, without the network": 1e3 * read / len(many),
    }


def snv(person: PersonalGenome, place: int) -> Variant:
    """Of a base, to another one."""
    held = person.reference.sequence("chr1", place, place + 1)
    return Variant("chr1", place + 1, held, OTHER[held])


def written(folder: Path, rng: random.Random) -> PersonalGenome:
    """A genome of random bases, and a person."""
    bases = "".join(rng.choices("ACGT", k=LENGTH))
    fasta = write_fasta(folder / "genome.fa", {"chr1": bases})
    lines = []
    for place in range(101, LENGTH - 100, 401):
        ref = bases[place]
        alt = rng.choice([OTHER[ref]] * 8 + [ref + "A"])
        lines.append(f"chr1\t{place + 1}\t.\t{ref}\t{alt}\t.\tPASS\t.\tGT\t{rng.choice(['0|1', '1|0', '1|1'])}")
    meta = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID=chr1,length={LENGTH}>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    ]
    vcf = write_vcf(folder / "person.vcf.gz", lines, meta=meta[1:], samples=("S1",))
    return PersonalGenome(ReferenceGenome(fasta), vcf, options=GenotypeOptions(mode="haplotypes"))


if __name__ == "__main__":
    main()
