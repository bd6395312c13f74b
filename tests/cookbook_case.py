"""The folder in which the cookbook and the skill are run: the demo's, and what the demo does not make."""

import shutil
from pathlib import Path

import ancestry_case
import magma_case
import pandas as pd
import pysam
import pytest
from released_case import write_bucket
from test_conversion_published import enformer_files

from variantformer_hf.conversion import released_files

# The demo's person carries them; the tables of the release have their frequencies.
VARIANTS = [
    ("chr1", 100_101, "T", "G"),
    ("chr1", 101_946, "T", "C"),
    ("chr1", 102_674, "C", "T"),
    ("chr1", 103_297, "T", "A"),
]
COUNTS = (
    "contig\tstart\tstop\tname\taCount\tbCount\ttotalCount\tlog2_aFC\tn_variants\tvariants\tgw_phased\tbam\n"
    "chr1\t100000\t104000\tENSG00000000001\t61\t52\t113\t0.23\t1\tchr1_100979_G_A\t1\tliver.bam\n"
)
# What stands in the folder beside the demo's files.
STAND_INS = {
    "enformer-download/",
    "phased-reads.txt",
    "panel.vcf.gz",
    "panel.tsv",
    "people.vcf.gz",
    "gwas.tsv",
    "embeddings/",
    "cases.tsv",
    "gwas.genes.raw",
    "entrez.tsv",
}


def write_place(demo: Path, folder: Path) -> Path:
    """A folder with the demo's files and the stand-ins.

    Args:
        demo: the demo's folder.
        folder: made.
    """
    shutil.copytree(demo, folder)
    (folder / "enformer-download").mkdir()
    enformer_files(folder / "enformer-download")
    (folder / "phased-reads.txt").write_text(COUNTS)
    made = folder.with_name(f"{folder.name}-made")
    for case, names in (
        (ancestry_case, {"panel.vcf.gz": "panel.vcf.gz", "labels.tsv": "panel.tsv", "cohort.vcf.gz": "people.vcf.gz"}),
        (magma_case, {"embeddings": "embeddings", "labels.tsv": "cases.tsv", "gwas.genes.raw": "", "entrez.tsv": ""}),
    ):
        made.mkdir()
        case.write_case(made)
        for name, new in names.items():
            (made / name).rename(folder / (new or name))
            if (index := made / f"{name}.tbi").exists():
                index.rename(folder / f"{new or name}.tbi")
        shutil.rmtree(made)
    _write_gwas(folder / "cohort/cohort.vcf.gz", folder / "gwas.tsv")
    return folder


def _write_gwas(vcf: Path, path: Path) -> None:
    """A row a SNV of a VCF, whose effects are the same every time."""
    with pysam.VariantFile(str(vcf)) as file:
        snvs = [(r.chrom, r.pos, r.alts[0], r.ref) for r in file if r.alts and len(r.ref + r.alts[0]) == 2]
    columns = ["chrom", "pos", "effect_allele", "other_allele"]
    table = pd.DataFrame(snvs, columns=columns)
    table["beta"] = [((7 * number) % 41 - 20) / 100 for number in range(len(snvs))]
    table.assign(se=0.05).to_csv(path, sep="\t", index=False)


def use_bucket(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``fetch released`` read a small release in a folder, as it would read a mirror.

    Args:
        folder: made.
        monkeypatch: for the addresses, and for the vocabularies, which are none of the release.
    """
    files = write_bucket(folder, VARIANTS)
    for name, value in {
        "BUCKET": str(folder),
        "CODE": str(folder),
        "_VOCABULARY_HASH": released_files.vocabulary_hash(files["vocabulary"]),
        "_TISSUES_HASH": released_files.tissues_hash(files["tissues"]),
    }.items():
        monkeypatch.setattr(released_files, name, value)
