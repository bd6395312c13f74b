# %% [markdown]
# # From a VCF to expression
#
# A person's VCF and the reference genome go in. What comes out is the expression that VariantFormer predicts for each
# gene in each tissue, in a pandas table, and an account of which of the person's records were read.
#
# Needs `pip install 'variantformer-hf[plots]'`; takes seconds on a laptop as it stands. Research use only: a prediction
# is no evidence for clinical decisions.
#
# ## What goes in
#
# Three lines name it. As they stand they name a made genome, a made person and a tiny model with random weights, whose
# numbers show how things work and mean nothing. Behind each is the line for the released weights, which
# [two commands](../hub.md) fetch and convert, and for your files: the FASTA is GRCh38, the VCF bgzipped and indexed.

# %%
model = "demo/model"  # model = "variantformer-pcg"
fasta, vcf = "demo/genome.fa", "demo/person.vcf.gz"  # fasta, vcf = "GRCh38.fa", "HG00096.vcf.gz"
genes = ["DEMO1", "DEMO2", "DEMO3", "DEMO4", "DEMO5", "DEMO6"]  # genes = ["APOE", "TP53", "ENSG00000111640"]

# %% [markdown]
# This makes the demo's files. With your own, leave it out.

# %%
from variantformer_hf.simulation.model import write_demo

files = write_demo("demo")

# %% [markdown]
# ## The call
#
# A model is opened once and asked as often as you like. `predict` gives the table alone; `run` also says what was read.
# Without a VCF the same call predicts the reference genome, to which a person is best compared.

# %%
from variantformer_hf import ExpressionPredictor

predictor = ExpressionPredictor.from_pretrained(model)
person = predictor.run(fasta, vcf, genes=genes)
reference = predictor.run(fasta, genes=genes)
person.table[["gene_name", "tissue", "log1p_tpm", "tpm", "status"]].round(3).head(8)

# %% [markdown]
# A row is a sample, gene and tissue. `log1p_tpm` is the natural logarithm of 1 + TPM, the scale that the model was
# trained on; `tpm` is the same in transcripts per million. `status` is `ok` where nothing stood in the way; [the page
# on outputs](../outputs.md) lists what else there is. Tissues are chosen with `tissues=["Whole_Blood", "brain -
# cortex"]`, by GTEx's names, the released ones or ontology ids. As a matrix:

# %%
person.table.pivot(index="gene_name", columns="tissue", values="log1p_tpm").round(3)

# %% [markdown]
# ## Person minus reference genome
#
# How much a gene is expressed depends on the gene and the tissue far more than on who it is of. What a person's
# variants change is the difference from the reference genome.

# %% alt="Heatmap, genes by tissues: the person's predicted log1p TPM minus the reference genome's"
from pathlib import Path

from IPython.display import Image

from variantformer_hf.report.plots import difference_heatmap

figure = difference_heatmap(
    person.table, reference.table, Path("difference.png"), title="The person's variants, all together"
)
Image(figure)

# %%
keys = ["gene_id", "gene_name", "tissue"]
both = person.table.merge(reference.table, on=keys, suffixes=("", "_reference"))
both["difference"] = both["log1p_tpm"] - both["log1p_tpm_reference"]
largest = both.reindex(both["difference"].abs().sort_values(ascending=False).index)
largest[["gene_name", "tissue", "log1p_tpm_reference", "log1p_tpm", "difference"]].round(3).head(5)

# %% [markdown]
# ## What was read of the VCF
#
# `genes` has a row a gene: how many cCREs the model read, how many records of the VCF lie in the gene's window and its
# cCREs, and how many of them became part of the sequence. A gene with records of which none was applied is where to
# look first.

# %%
person.genes[["gene_name", "status", "n_cres", "records_in_windows", "records_applied"]]

# %%
counts = person.report["samples"]["person"]["total"]
{name: counts[name] for name in ("in_windows", "applied")}

# %% [markdown]
# ## What to look out for
#
# - **One build.** The released models know GRCh38's autosomes. A VCF of another build, with other contig names or with
#   REF alleles that are not the FASTA's is refused, with the record; `variantformer doctor` looks before anything is
#   loaded.
# - **Heterozygous indels.** A heterozygous SNP is one IUPAC letter. An insertion or deletion has no such letter and
#   reads as homozygous, as in the released pipeline. With a phased VCF, `predictor.predict(..., mode="haplotype1")` and
#   `mode="haplotype2"` read each haplotype by itself.
# - **What is not in the VCF is the reference.** A VCF of a gene panel or an exome says nothing of most cCREs.
# - **Where the model looks.** The gene's window up to 40,000 tokens, and the cCREs within 1 Mb; nothing else.
# - **Many people or all genes.** `predictor.write_dataset("cohort/", fasta, vcf, samples="all")` writes as it goes and
#   goes on where it was cut short, see [running](../running.md).
