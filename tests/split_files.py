"""A file of variants as cohorts have it: a file a chromosome, or a piece of one."""

import gzip
import random
from pathlib import Path

from variantformer_hf.simulation.writers import write_vcf


def split_vcf(vcf: Path, folder: Path, rng: random.Random, *, pieces: int = 1, suffix: str | None = None) -> list[Path]:
    """Write a bgzipped VCF's records as several files, cut where no record begins; samples in any order in all
    but the first.

    Args:
        vcf: the whole file.
        folder: where; files are cohort.CONTIG.vcf.gz or cohort.CONTIG.PIECE.vcf.gz, or .bcf.
        rng: draws cuts, orders, headers of all contigs or of one, and suffixes.
        pieces: most pieces of a contig.
        suffix: of all files; None = drawn.
    """
    lines = gzip.decompress(vcf.read_bytes()).decode().splitlines()
    meta = [line for line in lines[1:] if line.startswith("##")]
    columns = next(line for line in lines if line.startswith("#CHROM")).split("\t")
    samples = columns[9:]
    by_contig: dict[str, list[list[str]]] = {}
    for line in lines:
        if not line.startswith("#"):
            fields = line.split("\t")
            by_contig.setdefault(fields[0], []).append(fields)
    paths = []
    for contig, records in by_contig.items():
        positions = sorted({int(fields[1]) for fields in records})
        cuts = sorted(rng.sample(positions[1:], min(len(positions) - 1, pieces - 1)))
        for number, (first, last) in enumerate(zip([0, *cuts], [*cuts, 1 << 40], strict=True)):
            order = rng.sample(range(len(samples)), len(samples)) if paths else list(range(len(samples)))
            kept = [fields for fields in records if first <= int(fields[1]) < last]
            written = ["\t".join([*fields[:9], *(fields[9 + each] for each in order)]) for fields in kept]
            only = rng.random() < 0.3
            header = [
                line for line in meta if not (only and line.startswith("##contig") and f"ID={contig}," not in line)
            ]
            name = f"cohort.{contig}" + (f".{number}" if pieces > 1 else "")
            path = folder / f"{name}{suffix or rng.choice(['.vcf.gz', '.vcf.gz', '.bcf'])}"
            paths.append(write_vcf(path, written, meta=header, samples=[samples[each] for each in order]))
    return paths
