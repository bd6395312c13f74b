# %% [markdown]
# # Cases, controls, and what a variant changes
#
# A cohort's genomes and its labels go in: who is a case, and who a control. Random forests learn to tell them apart by
# what VariantFormer makes of their genes, a forest a gene and tissue; then carriers of a variant are asked about again
# without it.
#
# **Research use only.** A probability here is a classifier's score in a case-control sample, not a person's risk of
# disease: it depends on the share of cases in that sample.
#
# Needs `pip install 'variantformer-hf[plots,fast]'`; takes half a minute on a laptop as it stands.
#
# ## What goes in
#
# Three lines name it. As they stand they name a simulated cohort, a tiny model with random weights, and labels that
# were drawn so that carriers of one variant are cases more often. Behind each is the line for the [released
# weights](../hub.md) and for your files; the variant there is APOE e4.

# %%
model, genes = "demo/model", ["SIM0", "SIM1"]  # model, genes = "variantformer-pcg", ["APOE", "BIN1"]
fasta, vcf = "demo/genome.fa", "demo/cohort.vcf.gz"  # fasta, vcf = "GRCh38.fa", "cohort.vcf.gz"
labels, variant = "demo/labels.tsv", "chr1:10023:G>C"  # labels, variant = "labels.tsv", "chr19:44908684:T>C"

# %% [markdown]
# This makes the demo's files. With your own, leave it out. The labels are a table with the columns `donor` and `label`,
# 1 for a case and 0 for a control.

# %%
from pathlib import Path

import numpy as np
import pandas as pd

from variantformer_hf import Variant
from variantformer_hf.genome.dosages import read_dosages
from variantformer_hf.simulation.cohort import simulate_cohort
from variantformer_hf.simulation.genome import SimulatedFiles
from variantformer_hf.simulation.model import write_demo_model

cohort = simulate_cohort("demo", donors=120, genes=2, tissues=("whole blood", "liver"), other_cres=20)
write_demo_model(SimulatedFiles(cohort.fasta, cohort.vcf, cohort.genes, cohort.cres), Path(model))
causal = Variant.parse(variant)
found = read_dosages(cohort.vcf, (causal.chrom, causal.start, causal.start + 1))
chance = np.array([0.1, 0.8, 0.95])[found.values[:, found.variants.index(causal)]]
is_case = np.random.default_rng(0).random(len(chance)) < chance
pd.DataFrame({"donor": found.samples, "label": is_case.astype(int)}).to_csv(labels, sep="\t", index=False)

# %% [markdown]
# ## Embeddings
#
# What the forests read are the embeddings that VariantFormer predicts expression from. They are made once, into a
# store; a call that was cut short goes on when it is made again.

# %%
from variantformer_hf import EmbeddingStore, ExpressionPredictor

tissues = ["whole blood", "liver"]
predictor = ExpressionPredictor.from_pretrained(model, precision="float32")
predictor.write_dataset("vectors", fasta, vcf, layout="embeddings", samples="all", genes=genes, tissues=tissues)
store = EmbeddingStore.open("vectors")
f"{len(store.samples)} people, {len(store.genes)} genes, {len(store.tissues)} tissues, {store.width} numbers each"

# %% [markdown]
# ## Training
#
# A third of the donors are held out, and nothing is chosen by them. Of each gene and tissue a grid of forests is
# cross-validated on the others, and the best one fitted to all of them. The grid is a small one, for this page:
# `Grid()` is the published one.

# %%
from variantformer_hf.applications.risk import (
    Grid,
    RiskForests,
    StoreFeatures,
    TrainingRequest,
    read_labels,
    train_forests,
)

label_of = read_labels(labels)
held_out = sorted(label_of)[::3]
grid = Grid(trees=(20, 50), depths=(5,), folds=5)
request = TrainingRequest(label_of, held_out, phenotype="a made disease", grid=grid, top=2)
trained = train_forests(StoreFeatures("vectors"), "forests", request)
forests = RiskForests.open("forests")
forests.units[["gene_name", "tissue", "rank", "cv_auroc", "cv_auprc", "n_train", "base_rate"]].round(2)

# %% [markdown]
# The best two are scored on the donors held out, means with 95 % intervals by resampling donors and units. That is the
# number to believe: of many units some are ranked high by chance.

# %%
pd.DataFrame({name: trained.summary["held_out"][name] for name in ("auroc", "auprc")}).round(2)

# %% [markdown]
# ## What the forests say of people
#
# A probability is to be held to `base_rate`, the share of cases among the donors trained on, and means as much as
# `cv_auroc` allows: near 0.5 the forest knows nothing. People whose labels the forests have seen are flagged
# `trained_on`.

# %%
from variantformer_hf.applications.risk import predict_risk

people = predict_risk(forests, store, genes=genes[:1], samples=held_out).table
people[["sample", "tissue", "probability", "base_rate", "cv_auroc", "flags"]].round(2).head(4)

# %% alt="Probability of a case for held-out controls and cases in each tissue; a line at the share of cases trained on"
import matplotlib.pyplot as plt

figure, panels = plt.subplots(1, len(tissues), figsize=(7, 3.2), sharey=True, layout="constrained")
is_case_of = people["sample"].map(label_of)
for panel, tissue in zip(panels, tissues, strict=True):
    here = people["tissue"] == tissue
    for label in (0, 1):
        values = np.sort(people.loc[here & (is_case_of == label), "probability"])
        panel.plot(label + np.linspace(-0.25, 0.25, len(values)), values, "o", markersize=4, color=f"C{label}")
    panel.axhline(people["base_rate"].iloc[0], color="grey", linestyle="--", label="share of cases trained on")
    panel.set(title=tissue, xticks=[0, 1], xticklabels=["control", "case"], ylim=(0, 1))
panels[0].set_ylabel("probability of a case, held out")
panels[0].legend(fontsize="small")
plt.show()

# %% [markdown]
# ## Carriers without the variant
#
# The genotype of the variant is set to absent in everybody who carries it, and the forest is asked about both
# embeddings. The log odds ratio is ln(odds as observed / odds as edited): above 0, the forest holds what is taken away
# for a sign of a case.

# %%
from variantformer_hf import GenotypeEdit, PersonalGenome, ReferenceGenome, Variant
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.applications.risk import risk_counterfactual

reference = ReferenceGenome(fasta)
genomes = [PersonalGenome(reference, vcf, sample) for sample in held_out[:20]]
edits = [GenotypeEdit(Variant.parse(variant), "absent")]
carriers = risk_counterfactual(forests, VariantScorer(predictor.model), genomes, edits, genes[:1])
carriers.summary[["gene_name", "n_carriers", "log_odds_ratio", "ci_low_carriers", "ci_high_carriers"]].round(2)

# %%
columns = ["observed", "probability_observed", "probability_edited", "log_odds_ratio"]
carriers.table[carriers.table["tissue"] == tissues[0]].set_index("sample")[columns].round(2).head(6)

# %% alt="Log odds ratio, as observed over as edited, with 95 % intervals: a row a tissue, then all tissues"
from IPython.display import Image

from variantformer_hf.report.risk_plots import forest_plot

Image(forest_plot(carriers.table, carriers.summary, Path("odds.png"), phenotype=request.phenotype))

# %% [markdown]
# ## What to look out for
#
# - **A classifier's score.** It depends on how many cases the sample has. It is not a person's risk, and no evidence
#   for clinical decisions.
# - **Linkage.** The forest has learned what goes with being a case here. Variants that are inherited together stand for
#   each other: one that is taken away alone may change little though carriers are cases more often, or the reverse.
# - **Ancestry.** Where cases and controls are of different populations, forests tell populations apart.
#   [Ancestry](../ancestry.md) says who is near to whom.
# - **One precision.** Effects of one variant are small beside the rounding of bfloat16: make embeddings and
#   counterfactuals in the precision of the forests.
# - **The intervals** are over carriers and over tissues. Neither knows of the forests' own error.
