# %% [markdown]
# # Fine-tune on your cohort
#
# A model, people's genomes and their measured expression go in; a model that has learned from them comes out, a folder
# as any other, and how it does on donors whom it never saw.
#
# Needs `pip install 'variantformer-hf[plots,train,fast]'`; takes half a minute on a laptop as it stands. Research use
# only.
#
# ## What goes in
#
# Three lines name it. As they stand they name a simulated cohort of 100 donors, whose expression follows from motifs
# that their variants break, and a tiny model with random weights. Behind each is the line for the [released
# weights](../hub.md) and for your files. Expression is a table with the columns `donor`, `tissue`, `gene_id` and `tpm`;
# GTEx's, MAGE's and other layouts have [readers of their own](../training.md#data).

# %%
model, tissues = "demo/model", ["whole blood"]  # model, tissues = "variantformer-pcg", ["whole blood", "liver"]
fasta, vcf = "demo/genome.fa", "demo/cohort.vcf.gz"  # fasta, vcf = "GRCh38.fa", "cohort.vcf.gz"
expression = "demo/expression.csv.gz"  # expression = "lab.csv"

# %% [markdown]
# This makes the demo's files. With your own, leave it out.

# %%
from pathlib import Path

from variantformer_hf.simulation.cohort import simulate_cohort
from variantformer_hf.simulation.genome import SimulatedFiles
from variantformer_hf.simulation.model import write_demo_model
from variantformer_hf.simulation.training_files import GEOMETRY

cohort = simulate_cohort("demo", donors=100, genes=1, tissues=tissues, other_cres=20, heritability=0.7)
files = SimulatedFiles(cohort.fasta, cohort.vcf, cohort.genes, cohort.cres)
_ = write_demo_model(files, Path(model), tissues=tissues, **GEOMETRY)

# %% [markdown]
# ## Expression, and who is held out
#
# `harmonize` brings values to the model's genes and tissues, turns TPM into log1p TPM, and says what it dropped and
# why. The split keeps a fifth of the donors for the last word and a tenth to look at while training; it depends on
# their names and a seed alone, and is kept as a file.

# %%
from variantformer_hf import ExpressionPredictor
from variantformer_hf.data import harmonize, read_tidy
from variantformer_hf.data.splits import split_donors

base = ExpressionPredictor.from_pretrained(model)
source = read_tidy(expression, cohort="LAB")
measured = harmonize([source], base.gene_table, base.tissue_names, "expression")
split = split_donors(measured.samples, test=0.2, validation=0.1)
split.save("split.json")
parts = split.donors["LAB"]
{part: list(parts.values()).count(part) for part in ("train", "validation", "test")}

# %% [markdown]
# ## What a run would do
#
# The options are those of `variantformer train expression --config`, where they stand in a YAML file. By default the
# cCRE encoder does not learn (`freeze="encoder"`), so that each donor's cCREs are encoded once. `set_up` opens and
# checks everything and says what the run would do, before the first step.

# %%
from variantformer_hf.training.expression import set_up, train_expression
from variantformer_hf.training.options import ExpressionOptions, LoopOptions, OptimizerOptions

options = ExpressionOptions(
    loop=LoopOptions(
        output=Path("tuned"),
        epochs=2,
        batch_size=8,
        optimizer=OptimizerOptions(learning_rate=2e-3, warmup=0.05),  # of released weights 1e-5
    ),
    fasta=Path(fasta),
    vcfs={"LAB": Path(vcf)},
    expression=Path("expression"),
    split=Path("split.json"),
    model=Path(model),
    n_tissues=len(tissues),
)
plan = set_up(options).plan
{name: plan[name] for name in ("parameters", "parameters_that_learn", "pairs", "held_out_pairs", "best_by")}

# %% [markdown]
# ## The run
#
# A run that was killed goes on from its last state when it is started again. `tuned/best` is the epoch with the lowest
# loss on the donors of the validation part, `tuned/last` the last one; both are folders for `from_pretrained`, and
# nothing of donors is in them.

# %%
import pandas as pd

_ = train_expression(options)
log = pd.read_json("tuned/log.jsonl", lines=True)
epochs = log[log["held_out_loss"].notna()][["epoch", "training_loss", "held_out_loss", "held_out_gene_correlation"]]
epochs.round(2)

# %% alt="Loss of the donors trained on and of those held out in each epoch"
import matplotlib.pyplot as plt

curves = epochs.plot(x="epoch", y=["training_loss", "held_out_loss"], marker="o", figsize=(6, 3))
curves.set(xlabel="epoch (from 0)", ylabel="Poisson loss of a value", xticks=epochs["epoch"])
plt.show()

# %% [markdown]
# ## Donors whom it never saw
#
# The test donors are predicted by the model as it was and as it is now, and held against what was measured.

# %%
import numpy as np

donors = [donor for donor, part in parts.items() if part == "test"]
values = pd.read_csv(expression)
genes = sorted(set(values["gene_id"]))[:20]  # as many as are quickly predicted
seen = values.assign(log1p_tpm_measured=lambda table: np.log1p(table["tpm"]))
predicted = []
for name, folder in (("before", model), ("after", "tuned/best")):
    predictor = ExpressionPredictor.from_pretrained(folder)
    table = predictor.predict(fasta, vcf, samples=donors, genes=genes, tissues=tissues)
    predicted.append(table.assign(model=name, gene_id=table["gene_id"].str.partition(".")[0]))
rows = pd.concat(predicted).merge(
    seen.rename(columns={"donor": "sample"})[["sample", "gene_id", "tissue", "log1p_tpm_measured"]],
    on=["sample", "gene_id", "tissue"],
)
scores = []
for (name, gene_id, tissue), group in rows.groupby(["model", "gene_id", "tissue"], sort=False):
    error = group["log1p_tpm"] - group["log1p_tpm_measured"]
    r = group["log1p_tpm"].corr(group["log1p_tpm_measured"])
    scores.append((name, gene_id, tissue, len(group), np.sqrt((error**2).mean()), r))
pd.DataFrame(scores, columns=["model", "gene_id", "tissue", "donors", "rmse", "r"]).round(2)

# %% alt="Predicted over measured log1p TPM of the test donors, before and after"
figure, axes = plt.subplots(figsize=(4.5, 4.2), layout="constrained")
for name, group in rows.groupby("model", sort=False):
    axes.plot(group["log1p_tpm_measured"], group["log1p_tpm"], "o", label=name)
axes.axline((2, 2), slope=1, color="grey", linewidth=0.8)
axes.set(xlabel="measured (log1p TPM)", ylabel="predicted (log1p TPM)", title=f"{len(donors)} donors held out")
axes.legend()
plt.show()

# %% [markdown]
# ## What to look out for
#
# - **Level and difference.** `rmse` falls first, when the model learns how much the gene is expressed; what variants do
#   is `r`, over donors. One gene whose variants break its own motifs is an easy case: [this
#   page](../training.md#does-it-learn) has 30 genes, three tissues and 20 epochs.
# - **Few donors.** A correlation over 20 donors is known to about 0.4 either way.
# - **Held out means held out.** Relatives of donors who were trained on, and samples of one person in two cohorts,
#   belong on one side. `strata=` keeps populations' shares alike.
# - **One tissue of your own.** `new_tissues={"my organoid": "liver"}` with `freeze="all_but_new_tissues"` learns one
#   row, and leaves everything else as it is to the last bit.
# - **A baseline beside it.** An elastic net on the same donors is hard to beat in a cohort:
#   [baselines](../baselines.md) and [priors](../prior.md).
