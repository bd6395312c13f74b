# %% [markdown]
# # What a variant does
#
# Variants and a genome go in. What comes out is, for each variant, gene and tissue, how much the predicted expression
# changes: the same genome twice, with the site as in the reference and with the variant, everything else that the
# person carries in both.
#
# Needs `pip install 'variantformer-hf[plots]'`; takes seconds on a laptop as it stands. Research use only.
#
# ## What goes in
#
# Three lines name it. As they stand they name a made genome, a made person and a tiny model with random weights, whose
# numbers show how things work and mean nothing. Behind each is the line for the
# [released weights](../hub.md) and for your files.

# %%
model = "demo/model"  # model = "variantformer-pcg"
fasta, vcf = "demo/genome.fa", "demo/person.vcf.gz"  # fasta, vcf = "GRCh38.fa", "HG00096.vcf.gz"
variants, gene = "demo/variants.txt", "DEMO1"  # variants, gene = "credible_set.tsv", "APOE"

# %% [markdown]
# This makes the demo's files. With your own, leave it out. A list of variants has a name a line; a table, a VCF, a
# credible set or GWAS Catalog's file do as well, see [the formats](../effects.md#the-variants).

# %%
from pathlib import Path

from variantformer_hf.simulation.model import write_demo

write_demo("demo")
names = ["chr1:103297:T>A", "chr1:103892:A>AT", "chr1:104021:A>G", "chr1:112356:T>C", "chr1:101946:A>C"]
_ = Path(variants).write_text("\n".join(names))

# %% [markdown]
# ## The call
#
# Without `genes` all genes are scored in whose window, or one of whose cCREs, a variant lies. Each variant is put in
# heterozygous and homozygous.

# %%
from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.analysis import VariantScorer

scorer = VariantScorer.from_pretrained(model)
genome = PersonalGenome(ReferenceGenome(fasta), vcf)
tissues = ["whole blood", "liver", "brain - cortex"]
result = scorer.run(variants, genome, genes=[gene], tissues=tissues)
for each in result.rejected:
    print(f"{each.given} is not scored: {each.reason}")

# %% [markdown]
# One is not scored, and why is kept with it. The others in one tissue: `observed` is the person's own genotype (1 =
# this allele), `overlap` says whether the variant lies in the gene's window, in a cCRE or in both, and `tss_distance`
# counts bases from the TSS, positive downstream.

# %%
effects = result.table.set_index(["variant", "zygosity"])
in_blood = effects[effects["tissue"] == "whole blood"]
in_blood[["observed", "overlap", "tss_distance", "effect", "log2fc_tpm"]].round(4)

# %% [markdown]
# `effect` is log1p TPM with the variant minus log1p TPM without, natural logarithm; `log2fc_tpm` is the same as a log2
# fold change of TPM. Both are there in each tissue:

# %% alt="Bars of the effect of each variant, homozygous, on the gene in log1p TPM, a bar a tissue"
import matplotlib.pyplot as plt

homozygous = result.table[result.table["zygosity"] == "hom"]
bars = homozygous.pivot(index="variant", columns="tissue", values="effect")[tissues].plot.barh(figsize=(7, 3.5))
bars.set(xlabel="effect, homozygous (log1p TPM)", ylabel="", title=f"effects on {gene}")
bars.axvline(0, color="black", linewidth=0.6)
plt.show()

# %% [markdown]
# ## When not to trust a number
#
# `flags` says so, row by row: here that the insertion, heterozygous, has no IUPAC letter and reads as homozygous
# (`het_equals_hom`), and that some variants change the number of tokens, so that all that lies behind them is cut
# otherwise (`token_shift`): the same SNV may do so heterozygous and not homozygous, for an IUPAC letter is another
# token. [The page on effects](../effects.md#the-table) explains each.

# %%
in_blood[["effect", "flags", "status"]].round(4)

# %% [markdown]
# ## Large or small?
#
# An effect has no scale of its own. The scale is what common variants do to the same gene at a like distance from its
# TSS. The panel is a VCF of many people, such as 1000 Genomes; here the person's own records take its place.

# %%
from variantformer_hf.analysis.null_effects import add_quantiles, build_null

panel = vcf  # panel = "1000G.vcf.gz"
null = build_null(scorer, panel, genome, [gene], tissues=["whole blood"], zygosity=["hom"])
placed = add_quantiles(homozygous[homozygous["tissue"] == "whole blood"], null)
placed[["variant", "tss_distance", "effect", "quantile", "null_size"]].round(4)

# %% [markdown]
# `quantile` is the share of common variants whose effect is smaller, with the effect's sign. `null_size` counts them;
# under 20 there is no quantile, which is what a panel of one person comes to near a TSS. All distances together:

# %% alt="Share of common variants with a smaller effect over its size in log1p TPM; lines at the asked variants"
figure, axes = plt.subplots(figsize=(7, 3.5))
axes.ecdf(null["effect"].abs(), color="grey", label=f"{len(null)} common variants")
for number, (variant, effect) in enumerate(zip(placed["variant"], placed["effect"].abs(), strict=True)):
    axes.axvline(effect, color=f"C{number}", label=variant)
axes.set(xscale="log", xlabel="size of the effect in whole blood (log1p TPM)", ylabel="share of common variants below")
axes.legend(fontsize="small")
plt.show()

# %% [markdown]
# ## What to look out for
#
# - **REF to ALT.** Effects go from REF to ALT. Where a table names an effect allele that is REF, the row is scored all
#   the same and flagged `turned`.
# - **Precision.** Effects are computed in float32. In bfloat16 most are rounded away.
# - **In whose genome?** The person's own other variants are in both states. `ReferenceGenome(fasta)` in the genome's
#   place gives effects in the reference; [populations](../effects.md#populations) weigh several.
# - **Beyond what is read.** A variant behind the first 40,000 tokens of the window changes nothing
#   (`beyond_seen_tokens`).
# - **A prediction is no cause.** How far predicted effects agree with eQTLs, [this notebook](eqtl_benchmark.md)
#   measures.
