# %% [markdown]
# # Which base matters?
#
# A gene and a genome go in. First each of the gene's cCREs is taken away in turn, which gives its enhancer map; then
# every base of the strongest one is mutated to each of the three others, which gives a logo of what each base
# contributes.
#
# Needs `pip install 'variantformer-hf[plots]'`; takes seconds on a laptop as it stands. Research use only.
#
# ## What goes in
#
# Three lines name it. As they stand they name a made genome, a made person and a tiny model with random weights, whose
# numbers show how things work and mean nothing: it has learned no motif. Behind each is the line for the
# [released weights](../hub.md) and for your files.

# %%
model = "demo/model"  # model = "variantformer-pcg"
fasta, vcf = "demo/genome.fa", "demo/person.vcf.gz"  # fasta, vcf = "GRCh38.fa", "HG00096.vcf.gz"
gene, tissue = "DEMO1", "whole blood"  # gene, tissue = "APOE", "brain - cortex"

# %% [markdown]
# This makes the demo's files. With your own, leave it out.

# %%
from variantformer_hf.simulation.model import write_demo

files = write_demo("demo")

# %% [markdown]
# ## The enhancer map
#
# `knockout` predicts the gene without one cCRE after the other; the gene's window stays as it is. `effect` is log1p TPM
# without the cCRE minus log1p TPM with it: below 0, the cCRE raises the gene.

# %%
from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.analysis.knockout import knockout

scorer = VariantScorer.from_pretrained(model)
genome = PersonalGenome(ReferenceGenome(fasta), vcf)
cres = knockout(scorer, genome, gene, tissues=[tissue])
strongest = cres.reindex(cres["effect"].abs().sort_values(ascending=False).index)
strongest[["cre_id", "cre_class", "tss_distance", "log1p_tpm", "effect"]].round(4).head(5)

# %% alt="Effect of each cCRE's knock-out in log1p TPM over its distance from the TSS in kilobases, coloured by class"
from pathlib import Path

from IPython.display import Image

from variantformer_hf.report.plots import knockout_plot

Image(knockout_plot(cres, tissue, Path("map.png")))

# %% [markdown]
# ## Every base of one cCRE
#
# `cre_intervals` finds the cCRE by its accession; any `Interval` within the gene's regions does as well (0-based,
# half-open). The 80 bases in its middle are 240 mutations, each of which is predicted homozygous in the person's
# genome; of each only what it changes is computed again.

# %%
from variantformer_hf.analysis.mutagenesis import cre_intervals, mutagenesis
from variantformer_hf.genome.interval import Interval

name = strongest["cre_id"].iloc[0]
(whole,) = cre_intervals(scorer, genome, gene, [name])
middle = (whole.start + whole.end) // 2
stretch = Interval(whole.chrom, middle - 40, middle + 40)
(scan,) = mutagenesis(scorer, genome, gene, [stretch], tissues=[tissue])
scan.interval, scan.substitutions.shape, scan.conflicts

# %% [markdown]
# `substitutions` holds an effect for each position, base (A, C, G, T) and tissue: log1p TPM with the mutation minus
# without. It is 0 where the base is the reference's own and NaN where the person carries another variant there;
# `conflicts` counts mutations that the person's records leave no room for.
#
# The logo shows, at each position, minus the mean effect of the three substitutions: a tall letter is one whose loss
# lowers the gene, one below the line one whose loss raises it. Below it are all mutations, blue where they lower the
# gene.

# %% alt="Logo of what each base contributes, over a heatmap of all substitutions' effects in log1p TPM"
from variantformer_hf.report.plots import mutagenesis_plot

Image(mutagenesis_plot(scan, tissue, Path("scan.png")))

# %% [markdown]
# As a table, for whatever comes next:

# %%
import pandas as pd

table = pd.DataFrame(scan.substitutions[:, :, 0], columns=list("ACGT"))
table.insert(0, "reference", list(scan.reference))
table.insert(0, "position", range(scan.interval.start + 1, scan.interval.end + 1))  # 1-based, as a browser shows it
table["importance"] = scan.importance()[:, 0]
table.reindex(table["importance"].abs().sort_values(ascending=False).index).round(4).head(5)

# %% [markdown]
# A genome browser shows the scan as a track, a file a tissue:

# %%
from variantformer_hf.report.mutagenesis_files import write_tracks

written = write_tracks([scan], Path("scan.bedGraph"), genome.reference.contigs)
print(written[0].name)
print("".join(written[0].read_text().splitlines(keepends=True)[:4]))

# %% [markdown]
# ## What to look out for
#
# - **Tokens, not bases.** VariantFormer reads tokens of several bases. A mutation may change how its neighbours are
#   cut, and then counts for more than its own base; neighbouring mutations that agree are the better evidence.
# - **The noise floor.** `scan.noise_floor` is how much the same genome differs between shapes of a batch. Effects of
#   that size are none.
# - **A cCRE at a time.** What two cCREs do together, a map of single knock-outs does not say. `how="shuffle"` keeps a
#   cCRE's composition and breaks its order.
# - **Cost.** A stretch of 300 bases is 900 predictions. `parts="FOLDER"` keeps what is done, and a scan that was cut
#   short goes on; `engine=` does it on several GPUs, see [running](../running.md).
