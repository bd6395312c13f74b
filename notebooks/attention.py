# %% [markdown]
# # Which cCREs does a prediction look at?
#
# A gene, a genome and a track of open chromatin go in. VariantFormer predicts each tissue by a token of that tissue,
# which attends to the gene's cCREs in every layer and head. What comes out is these weights as a table and a figure,
# and whether they agree with where chromatin is open.
#
# Needs `pip install 'variantformer-hf[plots,tracks]'`; takes seconds on a laptop as it stands. Research use only.
#
# ## What goes in
#
# Three lines name it. As they stand they name a made genome, a made person, a made track and a tiny model with random
# weights, whose numbers show how things work and mean nothing. Behind each is the line for the
# [released weights](../hub.md) and for your files; ENCFF632QUC is ENCODE's DNase-seq of adrenal gland.

# %%
model, tissue = "demo/model", "whole blood"  # model, tissue = "variantformer-pcg", "adrenal gland"
fasta, vcf = "demo/genome.fa", "demo/person.vcf.gz"  # fasta, vcf = "GRCh38.fa", "HG00096.vcf.gz"
track, genes = "demo/dnase.bw", ["DEMO1", "DEMO2", "DEMO3"]  # track, genes = "ENCFF632QUC.bigWig", ["STAR", "MC2R"]

# %% [markdown]
# This makes the demo's files. With your own, leave it out. The track has a random height on each cCRE: there is nothing
# to be found in it, and it is good to know what that looks like.

# %%
from pathlib import Path

import numpy as np
import pandas as pd

from variantformer_hf import ReferenceGenome
from variantformer_hf.report.tracks import TrackRows, write_track
from variantformer_hf.simulation.model import write_demo

files = write_demo("demo")
bed = pd.read_csv(files.cres, sep="\t", header=None, usecols=[0, 1, 2], names=["chrom", "start", "end"])
bed = bed[bed["chrom"] == "chr1"]
heights = np.random.default_rng(0).gamma(1.0, size=len(bed))
rows = TrackRows("chr1", bed["start"].to_numpy(), bed["end"].to_numpy(), heights)
_ = write_track(rows, Path(track), ReferenceGenome(files.fasta).contigs, name="made", description="random")

# %% [markdown]
# ## The call
#
# `cre_attentions` gives one gene of one person after the other, so that a thousand genes need no more memory than one;
# each is one forward pass.

# %%
from variantformer_hf import PersonalGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.attention import Pair, cre_attentions
from variantformer_hf.report.attention_files import attention_table

scorer = VariantScorer.from_pretrained(model)
reference = ReferenceGenome(fasta)
person = PersonalGenome(reference, vcf)
found = list(cre_attentions(scorer, [person], genes, tissues=[tissue]))
found[0].weights.shape  # tissues, layers, heads, cCREs

# %% [markdown]
# The table has a row for each cCRE in each layer and head, counted from 0. Over the cCREs of a layer and head the
# weights sum to 1.

# %%
table = attention_table(found[:1])
last = table[(table["layer"] == table["layer"].max()) & (table["head"] == 0)]
last.nlargest(5, "weight")[["cre_id", "cre_class", "start", "end", "weight"]].round(4)

# %% [markdown]
# ## Along the genome
#
# The figure shows the mean over all layers and heads; `Pair(layer=5)` is the mean of a layer's heads, `Pair(5, 3)` a
# head. Even attention, where nothing is looked at more than anything else, would be 1 / number of cCREs everywhere.

# %% alt="Genes, cCREs by class, attention weights of the tissue's token and the track's signal along the genome"
from IPython.display import Image

from variantformer_hf.genome.bigwig import BigWig
from variantformer_hf.report.attention_plots import attention_plot

signal = BigWig(track, reference)
Image(attention_plot(found[0], 0, Pair(), scorer.model.gene_table, [signal], Path("attention.png")))

# %% [markdown]
# ## Against open chromatin
#
# Of each gene Spearman's correlation of weight and mean signal over its cCREs, for every layer and head; the table has
# the best pair.

# %%
from variantformer_hf.applications.attention.against_signal import AgainstSignal

against = AgainstSignal(signal)
for each in found:
    against.add(each)
of_track = against.result()
of_track.table[["gene_name", "layer", "head", "spearman", "p_max", "n_shifts", "n_cres", "status"]].round(3)

# %% [markdown]
# The track is random, and the best of all pairs correlates with it all the same: **the best of many is flattered.** In
# the published model it is the best of 800. `p_max` holds it against the same choice made of the signal turned along
# the cCREs, which keeps its own runs and loses its place. Here it says what is true, that there is nothing.
#
# What does it look like when there is something? A track that is one head's own weights, as they are in the reference
# genome, must be found in the person's:

# %%
from variantformer_hf.report.attention_files import write_weight_track

(in_reference,) = cre_attentions(scorer, [PersonalGenome(reference)], genes[:1], tissues=[tissue])
own = write_weight_track(in_reference, 0, Pair(1, 4), Path("own.bw"), reference.contigs)
positive = AgainstSignal(BigWig(own, reference))
positive.add(found[0])
of_own = positive.result()
of_own.table[["gene_name", "layer", "head", "spearman", "p_max", "n_shifts", "n_cres", "status"]].round(3)

# %% alt="Spearman's correlation by layer and head, with the track and with the weights of layer 1, head 4"
import matplotlib.pyplot as plt

figure, panels = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
of_first = of_track.pairs[of_track.pairs["gene_name"] == genes[0]]
titles = ("the track", "weights of layer 1, head 4")
for panel, pairs, title in zip(panels, (of_first, of_own.pairs), titles, strict=True):
    matrix = pairs.pivot(index="layer", columns="head", values="spearman")
    image = panel.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
    panel.set(title=title, xlabel="head", xticks=range(matrix.shape[1]), yticks=range(matrix.shape[0]))
panels[0].set_ylabel("layer")
figure.colorbar(image, ax=panels, label="Spearman's correlation")
plt.show()

# %% [markdown]
# ## What to look out for
#
# - **A weight is no effect.** It says where the token looks, not what becomes of what it sees.
#   [Knock-outs](mutagenesis.md) take a cCRE away and ask.
# - **cCREs have talked to each other before.** A weight on one may be about its neighbours.
# - **Many genes.** `p_max` is of one gene and tissue: who looks at many corrects for that. `of_track.histogram` counts
#   in which layers the best pairs are.
# - **A cCRE without signal** is left out and counted, one whose signal is 0 is not. A track of another assembly is
#   refused.
