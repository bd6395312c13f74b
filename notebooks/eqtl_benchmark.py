# %% [markdown]
# # Do predicted effects agree with eQTLs?
#
# A table of eQTLs and a model go in: what each variant was seen to do in a cohort, and what the model says it does.
# What comes out is their rank correlation with an interval, and how often the signs agree.
#
# Needs `pip install 'variantformer-hf[plots]'`; takes half a minute on a laptop as it stands. Research use only.
#
# ## What goes in
#
# Three lines name it. As they stand they name a simulated cohort, in which it is known that something is to be found,
# and a model that has learned from a part of it. Behind each is the line for the [released weights](../hub.md) and for
# your files. The table may be of GTEx, of the eQTL Catalogue or your own: [the columns](../effects.md#the-variants)
# that are read are variant, `gene_id`, `slope` or `beta`, and where they are there tissue, p-value, PIP and frequency.

# %%
model = "demo/elastic-net"  # model = "variantformer-pcg"
fasta = "demo/genome.fa"  # fasta = "GRCh38.fa"
eqtls = "demo/eqtls.tsv"  # eqtls = "GTEx_v8_finemapping_SuSiE.tsv.gz"

# %% [markdown]
# This makes the demo's files. With your own, leave it out. 200 donors have genotypes and the expression of 16 genes in
# two tissues, half of whose variance is genetic. An elastic net is fitted to 140 of them: it stands for a model that
# knows something. The eQTLs are those of the others, so that no donor is in both: of each gene and tissue the common
# variant with the least p.

# %%
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import linregress

from variantformer_hf import GeneTable
from variantformer_hf.data.expression import Expression
from variantformer_hf.data.splits import Split
from variantformer_hf.genome.dosages import read_dosages
from variantformer_hf.simulation.cohort import simulate_cohort
from variantformer_hf.simulation.genome import SimulatedFiles
from variantformer_hf.simulation.model import write_demo_model
from variantformer_hf.simulation.training_files import prepare
from variantformer_hf.training.dosage.fitting import DosageInputs, fit_dosages
from variantformer_hf.zoo.dosage.recipes import recipe_named

cohort = simulate_cohort("demo", donors=200, genes=16, tissues=("whole blood", "liver"), other_cres=20)
prepare(cohort)  # demo/expression, and demo/split.json: who is held out
genes, split = GeneTable.read(cohort.genes), Split.load("demo/split.json")
recipe = recipe_named("elastic-net", radius=8_000, folds=3)
inputs = DosageInputs(cohort.fasta, cohort.vcf, genes)
fit_dosages(recipe, Expression.load("demo/expression"), split, inputs, model, parts="demo/parts")

others = [donor for donor, part in split.donors["SIM"].items() if part != "train"]
measured = pd.read_csv(cohort.expression).assign(log1p_tpm=lambda table: np.log1p(table["tpm"]))
measured = measured.pivot(index="donor", columns=["gene_id", "tissue"], values="log1p_tpm").loc[others]
leads = []
for gene in genes:
    found = read_dosages(cohort.vcf, (gene.chrom, gene.tss - 6_000, gene.tss + 6_000), others)
    frequency = found.values.mean(axis=0) / 2
    for tissue in cohort.tissues:
        values = measured[gene.gene_id.partition(".")[0], tissue]
        fits = [
            (linregress(dosage, values), str(variant), af)
            for variant, dosage, af in zip(found.variants, found.values.T, frequency, strict=True)
            if 0.05 < af < 0.95
        ]
        fit, variant, af = min(fits, key=lambda each: each[0].pvalue)
        leads.append((variant, gene.gene_id, tissue, fit.slope, fit.pvalue, min(af, 1 - af)))
columns = ["variant", "gene_id", "tissue", "slope", "pvalue", "maf"]
pd.DataFrame(leads, columns=columns).to_csv(eqtls, sep="\t", index=False)
untrained = write_demo_model(
    SimulatedFiles(cohort.fasta, cohort.vcf, cohort.genes, cohort.cres), Path("demo/untrained")
)

# %%
table = pd.read_csv(eqtls, sep="\t")
table.sort_values("pvalue")[["variant", "gene_id", "tissue", "slope", "pvalue"]].round({"slope": 3}).head(5)

# %% [markdown]
# ## The call
#
# Each variant is scored homozygous on its own gene, here in the reference genome; a genome a population may be given
# instead, whose scores are then weighted by allele frequency. `EqtlSelection` says which rows count: `min_pip=0.9` for
# fine-mapped variants, `top=1000` for those of least p, `max_maf` for rare ones.

# %%
from variantformer_hf import ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.eqtl import eqtl_benchmark
from variantformer_hf.analysis.eqtl_selection import EqtlSelection

reference = ReferenceGenome(fasta)
selection = EqtlSelection(snps_only=True)
benchmark = eqtl_benchmark(VariantScorer.from_pretrained(model), eqtls, reference, selection=selection)
shown = ["tissue", "n", "spearman", "ci_low", "ci_high", "sign_agreement", "n_signs"]
whole = benchmark.correlations[benchmark.correlations["stratum"] == "all"]
whole[shown].round(3)

# %% [markdown]
# `spearman` is between slopes and predicted effects over the pairs of variant and gene, with a 95 % interval by
# resampling pairs. `sign_agreement` is the share of pairs that agree on whether the allele raises the gene, of those in
# which neither is 0 (`n_signs`); `sign_p` beside it is one-sided, against a coin. How many rows were read, and what
# became of the others:

# %%
{name: benchmark.counts()[name] for name in ("filters", "pairs", "without_score")}

# %% alt="Predicted effect over observed slope in log1p TPM per allele, a panel a tissue, with Spearman's correlation"
from IPython.display import Image

from variantformer_hf.report.plots import eqtl_scatter

Image(eqtl_scatter(benchmark.pairs, benchmark.correlations, Path("eqtl.png")))

# %% [markdown]
# The predicted effect is that of two copies of ALT, the slope that of one: the ranks are what is compared, not the
# sizes.
#
# ## What does nothing look like?
#
# A number needs one beside it that comes of nothing. This is a VariantFormer of the same genes with random weights, on
# the same rows.

# %%
nothing = eqtl_benchmark(VariantScorer.from_pretrained(untrained), eqtls, reference, selection=selection)
both = pd.concat([whole.assign(model="fitted"), nothing.correlations.assign(model="random weights")])
both[both["stratum"] == "all"][["model", *shown[:-1]]].round(3)

# %% [markdown]
# ## What to look out for
#
# - **Slopes are marginal.** A variant that only stands near a causal one has a slope too, and no effect. Take
#   fine-mapped variants (`min_pip`), or the lead variant of each gene, as here.
# - **Pairs are not independent.** Many variants of one gene, in linkage, count many times: the interval is then too
#   narrow, and even random weights seem to have a correlation. A variant a gene is the safe choice.
# - **Whose allele?** A row whose effect allele is REF is turned, its slope taken times -1, and counted.
# - **Donors in both.** A model that was trained on the cohort has seen its slopes. Use other donors, or other genes.
# - **Zeros.** An elastic net gives most variants no effect, and ties have no sign: `n_signs` says how many pairs have
#   one.
