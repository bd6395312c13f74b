"""A small case of weights, a panel and a GWAS, the same every time; its numbers by the published formulas.

``python tests/association_case.py`` writes what the oracle pytwas reads, into tests/fixtures/pytwas.
"""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from genome_files import record, write_fasta, write_vcf

from variantformer_hf.genome import GeneTable, Variant
from variantformer_hf.genome.genes import Gene
from variantformer_hf.modeling import LinearDosageConfig, LinearDosageForExpression
from variantformer_hf.zoo.dosage.gene_model import LinearDosageGeneModel
from variantformer_hf.zoo.dosage.variants import GeneVariants, ModelVariants

ORACLE = Path(__file__).parent / "fixtures" / "pytwas"
LENGTH, N_PEOPLE = 4_000, 60
TISSUES = ("whole blood", "liver")
# Gene -> contig, start, end, and places of its variants among those of its contig.
GENES = {
    "G1": ("chr1", 1_000, 1_400, (0, 1, 2, 3, 4)),
    "G2": ("chr1", 2_000, 2_600, (3, 4, 5, 6)),
    "G3": ("chr2", 500, 900, (0, 1, 2)),
}
N_VARIANTS = {"chr1": 8, "chr2": 4}
_NEXT = {"A": "C", "C": "G", "G": "A", "T": "C"}


@dataclass(frozen=True)
class Case:
    """The files, and what is in them.

    Attributes:
        folder: genome.fa, panel.vcf.gz, gwas.tsv, model.
        variants: contig -> its variants, in order.
        dosage: contig -> (people, variants), -1 = missing.
        weight: gene -> (variants of the gene, tissues).
        constant: gene -> (tissues,).
        z, beta: (contig, place) -> of ALT.
    """

    folder: Path
    variants: dict[str, list[Variant]]
    dosage: dict[str, np.ndarray]
    weight: dict[str, np.ndarray]
    constant: dict[str, np.ndarray]
    z: dict[tuple[str, int], float]
    beta: dict[tuple[str, int], float]

    @property
    def people(self) -> list[str]:
        return [f"P{number:02d}" for number in range(N_PEOPLE)]

    def filled(self, gene: str) -> np.ndarray:
        """(people, variants of the gene), missing ones the mean of the others."""
        chrom, _, _, places = GENES[gene]
        values = self.dosage[chrom][:, list(places)].astype(float)
        values[values < 0] = np.nan
        return np.where(np.isnan(values), np.nanmean(values, axis=0), values)

    def summary(self, gene: str, tissue: int, left_out: tuple[int, ...] = ()) -> tuple[float, float, float]:
        """z, effect and variance of a gene by Barbeira et al., equations 5 and 6, of its variants in the GWAS."""
        chrom, _, _, places = GENES[gene]
        used = [i for i, place in enumerate(places) if (chrom, place) in self.z and place not in left_out]
        used = [i for i in used if self.weight[gene][i, tissue] != 0]
        covariance = np.atleast_2d(np.cov(self.filled(gene)[:, used].T))
        weight = self.weight[gene][used, tissue]
        variance = weight @ covariance @ weight
        sigma = np.sqrt(np.diag(covariance))
        z = np.array([self.z[chrom, places[i]] for i in used])
        beta = np.array([self.beta[chrom, places[i]] for i in used])
        score = (weight * sigma * z).sum() / np.sqrt(variance)
        return score, (weight * sigma**2 * beta).sum() / variance, variance


def write_case(folder: Path) -> Case:
    """Write the files."""
    rng = np.random.default_rng(20)
    folder.mkdir(parents=True, exist_ok=True)
    genome = {chrom: "".join(rng.choice(list("ACGT"), LENGTH)) for chrom in N_VARIANTS}
    # A repeat, in which a deletion can be written at several places.
    genome["chr1"] = genome["chr1"][:999] + "GTTTTTA" + genome["chr1"][1_006:]
    write_fasta(folder / "genome.fa", genome, width=60)
    variants, dosage, lines = {}, {}, []
    calls = {-1: "./.", 0: "0/0", 1: "0/1", 2: "1/1"}
    for chrom, n in N_VARIANTS.items():
        places = [600 + 200 * number for number in range(n)]
        of_contig = [Variant(chrom, place, (ref := genome[chrom][place - 1]), _NEXT[ref]) for place in places]
        if chrom == "chr1":
            of_contig[2] = Variant(chrom, 1_000, "GT", "G")
        blood = rng.normal(size=(N_PEOPLE, 1))
        values = (rng.normal(size=(N_PEOPLE, 2, n)) + 0.8 * blood[:, None] > rng.uniform(-0.3, 1, n)).sum(axis=1)
        values[rng.random(values.shape) < 0.04] = -1
        variants[chrom], dosage[chrom] = of_contig, values
        for each, column in zip(of_contig, values.T.tolist(), strict=True):
            ref, alt, pos = (each.ref, each.alt, each.pos) if each.is_snp else ("TT", "T", each.pos + 3)
            lines.append(record(pos, ref, alt, *(calls[value] for value in column), chrom=chrom))
    samples = [f"P{number:02d}" for number in range(N_PEOPLE)]
    write_vcf(folder / "panel.vcf.gz", lines, contigs=dict.fromkeys(genome, LENGTH), samples=samples)
    weight = {gene: np.round(rng.normal(0, 0.4, (len(places), 2)), 3) for gene, (*_, places) in GENES.items()}
    weight["G2"][0, 1] = 0
    weight["G3"][:, 1] = 0
    constant = {gene: np.round(rng.normal(2, 1, 2), 3) for gene in GENES}
    case = Case(folder, variants, dosage, weight, constant, {}, {})
    _write_gwas(case, rng)
    model(case).save(folder / "model")
    return case


def _write_gwas(case: Case, rng: np.random.Generator) -> None:
    """Rows of all variants but one; some of the other allele; one of other alleles, one that is nowhere else."""
    rows = []
    for chrom, of_contig in case.variants.items():
        for place, each in enumerate(of_contig):
            # As many digits as a float of 32 bits holds.
            z, beta = float(rng.integers(-400, 400)) / 64, float(rng.integers(-100, 100)) / 1024
            name = f"{chrom}_{each.pos}_{each.ref}_{each.alt}"
            if (chrom, place) == ("chr1", 1):
                continue
            if (chrom, place) == ("chr1", 6):
                other = next(base for base in "ACGT" if base not in (each.ref, each.alt))
                rows.append((name, chrom, each.pos, other, each.ref, z, beta))
                continue
            case.z[chrom, place], case.beta[chrom, place] = z, beta
            if each.is_snp and rng.random() < 0.4:
                rows.append((name, chrom, each.pos, each.ref, each.alt, -z, -beta))
            else:
                rows.append((name, chrom, each.pos, each.alt, each.ref, z, beta))
    rows.append(("chr2_3000_A_C", "chr2", 3_000, "A", "C", 1.5, 0.25))
    header = ["variant_id", "chromosome", "position", "alt", "ref", "zscore", "beta"]
    pd.DataFrame(rows, columns=header).to_csv(case.folder / "gwas.tsv", sep="\t", index=False)


def model(case: Case) -> LinearDosageGeneModel:
    """The weights as a model of dosages."""
    each = [np.nonzero(case.weight[gene].T) for gene in GENES]
    counts = np.concatenate([np.bincount(output, minlength=2) for output, _ in each])
    config = LinearDosageConfig(
        tissues=list(TISSUES), n_genes=len(GENES), n_weights=int(counts.sum()), radius=1_000, assembly=None
    )
    network = LinearDosageForExpression(config)
    network.first[1:] = torch.from_numpy(np.cumsum(counts))
    network.variant = torch.from_numpy(np.concatenate([column for _, column in each]))
    values = np.concatenate([case.weight[gene].T[place] for gene, place in zip(GENES, each, strict=True)])
    network.weight.data = torch.from_numpy(values).float()
    network.intercept.data = torch.from_numpy(np.stack([case.constant[gene] for gene in GENES])).float()
    network.fitted[:] = True
    network.n_read[:] = 5
    variants = []
    for gene, (chrom, _, _, places) in GENES.items():
        own = [case.variants[chrom][place] for place in places]
        ref, alt = (np.array(texts, dtype=object) for texts in ([v.ref for v in own], [v.alt for v in own]))
        mean = case.filled(gene).mean(axis=0).astype(np.float32)
        variants.append(GeneVariants(np.array([v.start for v in own]), ref, alt, mean))
    genes = GeneTable([Gene(gene, f"{gene}-name", *GENES[gene][:3], "+") for gene in GENES])
    fits = pd.DataFrame([(g, t, 0.25, 0.01) for g in GENES for t in TISSUES])
    fits.columns = ["gene_id", "tissue", "pred_perf_r2", "pred_perf_pval"]
    import pyarrow as pa

    table = pa.Table.from_pandas(fits, preserve_index=False)
    return LinearDosageGeneModel(network, genes, ModelVariants.of_genes(variants), table, device="cpu")


def oracle_files(case: Case, folder: Path) -> None:
    """What pytwas reads: databases and covariances as exported, the GWAS, and dosages without a missing one."""
    from command_line import run

    files = ["--fasta", case.folder / "genome.fa", "--vcf", case.folder / "panel.vcf.gz"]
    done = run("associate", "export", case.folder / "model", "--format", "predixcan", *files, "-o", folder)
    assert done.returncode == 0, done.stderr
    (folder / "associate.json").unlink()
    shutil.copy(case.folder / "gwas.tsv", folder)
    columns = {
        f"{each.chrom}_{each.pos}_{each.ref}_{each.alt}": np.maximum(case.dosage[chrom][:, place], 0)
        for chrom, of_contig in case.variants.items()
        for place, each in enumerate(of_contig)
    }
    table = pd.DataFrame(columns, index=pd.Index(case.people, name="person"))
    table.to_csv(folder / "dosages.tsv", sep="\t")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        shutil.rmtree(ORACLE, ignore_errors=True)
        oracle_files(write_case(Path(name)), ORACLE)
    sys.stdout.write(f"{ORACLE}\n")
