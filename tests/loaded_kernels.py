"""Importing this loads the compiled kernels that read genotypes; processes that are forked later have them.

They also look for no garbage in what was imported before.
"""

import gc
import tempfile
from pathlib import Path

from genome_files import record, write_fasta, write_vcf

from variantformer_hf import PersonalGenome, ReferenceGenome

with tempfile.TemporaryDirectory() as name:
    lines = [record(5, "A", "T", "0/1"), record(9, "AC", "A", "1|0"), record(15, "G", "GTT", "1/1")]
    vcf = write_vcf(Path(name) / "person.vcf.gz", lines, contigs={"chr1": 40})
    fasta = write_fasta(Path(name) / "genome.fa", {"chr1": "ACGT" * 10})
    with ReferenceGenome(fasta) as reference:
        assert PersonalGenome(reference, vcf).sequences([("chr1", 0, 40)])
gc.freeze()
