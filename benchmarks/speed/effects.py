"""Cost of variant effects against the same number of pairs of whole predictions by the fast engine, its store warm.

Run: python -m benchmarks.speed.effects [--variants 200] [--pairs 4] [--folder FOLDER to keep the files in]

One gene with 1,500 cCREs and a 300 kb window, a person with a WGS-like density of variants, the mid-size configuration
(``benchmarks/configs/mid.json``, random weights), two tissues, homozygous alternatives: each variant needs the genome
without it and with it. Two kinds: in cCREs outside of the window, and in the window outside of cCREs, uniform over what
the model sees of it. The baseline predicts both genomes of a pair by ``ExpressionEngine`` as a run of predictions does:
cCREs of the reference and of the person looked up, everything else computed; some pairs are timed and the mean is
taken. Beside it the same without the looked-up vectors. Every pair that is timed is compared with its score.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import pysam
import torch

from benchmarks.speed.model import random_model
from benchmarks.speed.wgs_files import write_wgs_files
from benchmarks.timing import Timer, show
from variantformer_hf import (
    CreTable,
    DnaTokenizer,
    EditedGenome,
    GeneTable,
    GenotypeEdit,
    PersonalGenome,
    ReferenceGenome,
    Variant,
    VariantFormerConfig,
    VariantFormerProcessor,
)
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.effects import backgrounds_of, score_variants
from variantformer_hf.analysis.mutagenesis import mutagenesis
from variantformer_hf.genome.interval import Interval
from variantformer_hf.genome.intervals import union
from variantformer_hf.simulation.model import fill_weights
from variantformer_hf.zoo.device import choose_device
from variantformer_hf.zoo.gene_regions import GeneRegions, covered
from variantformer_hf.zoo.variantformer.engine import ExpressionEngine, GeneWork
from variantformer_hf.zoo.variantformer.gene_model import VariantFormerGeneModel
from variantformer_hf.zoo.variantformer.gene_tokens import GeneTokens
from variantformer_hf.zoo.variantformer.personal_tokens import PersonalTokens
from variantformer_hf.zoo.variantformer.reference_tokens import ReferenceTokens

TISSUES = ["tissue 0", "tissue 1"]


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", type=int, default=200, help="of each kind")
    parser.add_argument("--pairs", type=int, default=4, help="pairs of each kind that the baseline predicts")
    parser.add_argument("--records", type=int, default=50_000, help="records in the VCF")
    parser.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "configs" / "mid.json")
    parser.add_argument("--scan", type=int, default=0, help="also mutate so many bases of a cCRE")
    parser.add_argument("--folder", type=Path, help="where the files are kept; by default they are removed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(exist_ok=True)
        pysam.set_verbosity(0)
        os.environ["VARIANTFORMER_CACHE"] = str(Path(name) / "cache")
        report = measure(folder, arguments)
    show(report)


def measure(folder: Path, asked: Any) -> dict[str, Any]:
    """The numbers, by name."""
    files = write_wgs_files(folder, asked.records)
    reference = ReferenceGenome(files.fasta)
    genome = reference.sequence("chr1", 1_000_000, 1_400_000)
    tokenizer = DnaTokenizer.train([genome[at : at + 2_000] for at in range(0, len(genome), 2_000)], vocab_size=500)
    processor = VariantFormerProcessor(tokenizer)
    config = VariantFormerConfig.from_dict(json.loads(asked.config.read_text()))
    network = random_model(config, choose_device("auto"), torch.float32)
    fill_weights(network, np.random.default_rng(0))
    tables = GeneTable.read(files.genes), CreTable.read(files.cres)
    model = VariantFormerGeneModel(network.eval(), processor, *tables, precision="float32")
    scorer = VariantScorer(model)
    person = PersonalGenome(reference, files.vcf)
    opened, background = scorer.open(reference), backgrounds_of(person, person.options.mode)
    gene = opened.gene("BENCH", TISSUES)
    regions = gene.regions
    report: dict[str, Any] = {
        "cCREs": len(regions.starts),
        "threads": torch.get_num_threads(),
        "device": str(model.device),
        "variants of each kind": asked.variants,
    }
    baseline = Baseline(model, regions, gene.outputs)
    for kind, variants in variants_of(
        person, regions, processor, baseline.tokens(person).window, asked.variants
    ).items():
        # The cCREs of reference and person are at hand for both; so is the window's shape, compiled or cached.
        options: dict[str, Any] = {"genes": ["BENCH"], "tissues": TISSUES, "zygosity": ["hom"]}
        score_variants(opened, variants[:1], background, **options)
        with Timer() as took:
            table = score_variants(opened, variants, background, **options).table
        ours = took.seconds / len(variants)
        scored = table[table["status"] == "ok"].drop_duplicates("variant")["variant"].tolist()
        timed = [Variant.parse(text) for text in np.random.default_rng(1).permutation(scored)[: asked.pairs]]
        warm = [baseline.pair(person, variant) for variant in timed]
        cold = [baseline.pair(person, variant, cold=True) for variant in timed[:1]]
        effects = {variant: rows["effect"].to_numpy() for variant, rows in table.groupby("variant")}
        worst = max(
            float(np.abs(effects[str(variant)] - effect).max())
            for variant, (_, effect) in zip(timed, warm, strict=True)
        )
        pair = float(np.mean([seconds for seconds, _ in warm]))
        report |= {
            f"{kind}: s a variant": ours,
            f"{kind}: s a pair of predictions, store warm": pair,
            f"{kind}: times faster (goal {'3.5' if kind == 'cCRE' else '4'})": pair / ours,
            f"{kind}: times faster than cold": cold[0][0] / ours,
            f"{kind}: greatest difference from the pairs": worst,
            f"{kind}: scored": len(scored),
        }
    if asked.scan:
        place = int(regions.starts[0]) + processor.cre_flank
        scanned = [Interval("chr1", place, place + asked.scan)]
        with Timer() as took:
            found = mutagenesis(scorer, person, "BENCH", scanned, tissues=TISSUES, on_mutation=tell)
        report |= {
            "scan: bases": asked.scan,
            "scan: variants": 3 * asked.scan - found[0].conflicts,
            "scan: s": took.seconds,
        }
    return report


def tell(done: int, total: int) -> None:
    """Say how far a scan is."""
    print(f"{done} of {total}", flush=True)


def variants_of(
    person: PersonalGenome, regions: GeneRegions, processor: VariantFormerProcessor, tokens: np.ndarray, n: int
) -> dict[str, list[Variant]]:
    """SNVs and short indels of both kinds."""
    rng = np.random.default_rng(2)
    window = regions.window
    inside = (regions.starts < window.end) & (regions.ends > window.start)
    outside = np.flatnonzero(~inside)
    cres = [
        int(rng.integers(regions.starts[index] + 50, regions.ends[index] - 50)) for index in rng.choice(outside, size=n)
    ]
    # What is seen of the window: as many bases as its first rows of tokens hold.
    seen = tokens[: processor.token_length * processor.max_gene_windows]
    n_bases = int(processor.tokenizer.merge_table.token_length[seen].sum())
    covered_by = np.zeros(n_bases, dtype=bool)
    for start, end in zip(regions.starts[inside], regions.ends[inside], strict=True):
        covered_by[max(0, start - window.start) : max(0, end - window.start)] = True
    free = np.flatnonzero(~covered_by)
    genes = (window.start + rng.choice(free, size=n, replace=False)).tolist()
    return {
        name: [_variant(person, place, rng) for place in places] for name, places in (("cCRE", cres), ("gene", genes))
    }


def _variant(person: PersonalGenome, place: int, rng: np.random.Generator) -> Variant:
    bases = person.reference.sequence("chr1", place, place + 4).upper()
    kind = rng.random()
    if kind < 0.8:
        return Variant("chr1", place + 1, bases[0], next(base for base in "ACGT" if base != bases[0]))
    if kind < 0.9:
        return Variant("chr1", place + 1, bases[:3], bases[0])
    return Variant("chr1", place + 1, bases[0], bases[0] + "GA")


class Baseline:
    """Both genomes of a pair, each by the engine as a run of predictions does it."""

    def __init__(self, model: VariantFormerGeneModel, regions: GeneRegions, tissue_ids: list[int]) -> None:
        self._model, self._regions, self._tissue_ids = model, regions, tissue_ids
        self._tokens = ReferenceTokens(model.processor.tokenizer, len(model.cre_table))
        self._engine = self._new_engine()
        self._is_warm = False

    def _new_engine(self) -> ExpressionEngine:
        return ExpressionEngine(self._model.network, self._model.processor, len(self._model.cre_table))

    def pair(self, person: PersonalGenome, variant: Variant, *, cold: bool = False) -> tuple[float, np.ndarray]:
        """Seconds of the two predictions, and their difference."""
        if not self._is_warm:
            self._predicted(self._engine, person)
            self._is_warm = True
        engine = self._new_engine() if cold else self._engine
        with Timer() as took:
            before = self._predicted(engine, EditedGenome(person, [GenotypeEdit(variant, "absent")]))
            if cold:
                engine = self._new_engine()
            after = self._predicted(engine, EditedGenome(person, [GenotypeEdit(variant, "hom")]))
        return took.seconds, after - before

    def tokens(self, genome: PersonalGenome) -> GeneTokens:
        """What the model reads of a genome."""
        starts, ends = covered([self._regions])
        stretch = genome.stretch("chr1", int(starts.min()), int(ends.max()), within=union(starts, ends))
        tokens = PersonalTokens(genome, stretch, [self._regions], self._tokens, self._model.processor.tokenizer)
        return tokens.gene(self._regions)

    def _predicted(self, engine: ExpressionEngine, genome: PersonalGenome) -> np.ndarray:
        return engine.predict([GeneWork(self.tokens(genome), reverse=False)], self._tissue_ids)[0][0]


if __name__ == "__main__":
    main()
