"""Text decoded by compiled kernels: as line by line through htslib, whatever a file holds."""

import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pysam
import pytest
from genome_files import META
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from variantformer_hf.compiled import HAS_NUMBA
from variantformer_hf.errors import InputError
from variantformer_hf.genome.consensus import is_symbolic
from variantformer_hf.genome.record_columns import Record, RecordColumns
from variantformer_hf.genome.sample_names import FIXED_COLUMNS
from variantformer_hf.genome.text_columns import TextColumns
from variantformer_hf.genome.variants import VariantFile
from variantformer_hf.simulation import writers

pytestmark = pytest.mark.skipif(not HAS_NUMBA, reason="numba is not installed (extra `fast`)")

LENGTH = 400_000
ODD_ALTS = ["*", "<DEL>", "<NON_REF>", "A,<*>", "C,G", "CT,*", ".", "", "<CNV>,T", "a", "n", "R", "A[chr2:5[", "C,"]
ODD_INFO = [
    "END=9",
    "END={end}",
    "SVLEN=-30",
    "XEND=5;A",
    "GENE=LEN;END={end}",
    "ENDS",
    "CSQ=T|ENSG01|",
    "NOTE=\xe4",
    "",
]
ODD_CALLS = [
    "0",
    "1",
    ".",
    "./.",
    "0/.",
    "10/1",
    "0/1/1",
    "0|2",
    "/1",
    "",
    "0/x",
    "63/1",
    "0/1:",
    ":0/1",
    "0/1:9:9:9:9",
]
ODD_KEYS = ["GT:GQ:DP", "GQ:GT", "GQ", ".", "", "GTX", "GT:LEN", "G", "GT:"]
ODD_FILTERS = [".", "q10", "PASSED", "", "q10;q20", "P"]


def random_line(rng: random.Random, chrom: str, position: int, n_samples: int, oddness: float) -> str:
    """A line of a VCF, in which each column may be odd."""

    def column(plain: str, odd: list[str]) -> str:
        return rng.choice(odd) if rng.random() < oddness else plain

    ref = "".join(rng.choice("ACGTacgtN") for _ in range(rng.choice([1, 1, 1, 1, 2, 5, 40])))
    alt = "".join(rng.choice("ACGT") for _ in range(rng.choice([1, 1, 1, 1, 3, 30])))
    info = column("AC=1;DP=30", ODD_INFO).format(end=position + rng.choice([0, 3, 5_000, 60_000]))
    keys = column("GT:GQ", ODD_KEYS)
    calls = [column(f"{rng.choice('01')}{rng.choice('/|')}{rng.choice('01')}", ODD_CALLS) for _ in range(n_samples)]
    calls = [call + (":20" if keys == "GT:GQ" and rng.random() < 0.9 else "") for call in calls]
    written = f"0{position}" if rng.random() < oddness / 200 else str(position)
    fields = [chrom, written, ".", column(ref, [""] + [ref] * 9), column(alt, ODD_ALTS), "50"]
    fields += [column("PASS", ODD_FILTERS), info, keys, *calls]
    cut = rng.random() < oddness / 4
    line = "\t".join(fields[: rng.randrange(8, len(fields))] if cut else fields)
    return line + ("\t" if rng.random() < oddness / 20 else "") + ("\r" if rng.random() < oddness / 20 else "")


def random_file(rng: random.Random, folder: Path, samples: list[str]) -> Path:
    """A file of two contigs, indexed either way."""
    oddness = rng.choice([0, 0.002, 0.02, 0.2])
    lines = []
    for chrom in ("chr1", "chr2"):
        spacing = rng.choice([3, 300, 3_000])
        position = rng.randint(1, 40_000)
        for _ in range(rng.choice([3, 200, 2_000])):
            lines.append(random_line(rng, chrom, position, len(samples), oddness))
            position += rng.choice([0, 1, 1, rng.randint(1, spacing)])
            if position > LENGTH:
                break
    head = ["##fileformat=VCFv4.2", *META.splitlines(), *writers.contig_lines({"chr1": LENGTH, "chr2": LENGTH})]
    names = "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
    path = folder / "calls.vcf.gz"
    with pysam.BGZFile(str(path), "w") as file:
        file.write(("\n".join([*head, names, *lines]) + "\n").encode())
    pysam.tabix_index(str(path), preset="vcf", force=True, csi=rng.random() < 0.5)
    return path


def seen(file: VariantFile, chrom: str, start: int, end: int) -> tuple[list[tuple[object, ...]], str]:
    """Each record that is read, and what reading ended with; what columns say of a record is what the record says."""
    found: list[tuple[object, ...]] = []
    try:
        for part in file.columns(chrom, start, end):
            for index in range(len(part)):
                record = part.record(index)
                check_columns(part, index, record)
                filters = "PASS" if record.filters == "." else record.filters
                found.append((replace(record, gq=None, dp=None, filters=filters), int(part.alleles[index])))
    except InputError as error:
        return found, str(error)
    return found, ""


def check_columns(part: RecordColumns, index: int, record: Record) -> None:
    alts = record.alleles[1:]
    calls = tuple(None if call[index] < 0 else int(call[index]) for call in (part.first, part.second))
    assert (record.position, record.end) == (part.position[index], part.end[index])
    assert part.passes[index] == (record.filters in ("PASS", "."))
    if part.is_snp[index]:
        assert record.alleles == (chr(part.ref[index]), chr(part.alt[index]))
        assert record.genotype == calls
    if part.is_hom_ref[index]:
        assert record.genotype == (0, 0)
        assert alts
        assert not any(is_symbolic(alt) for alt in alts)
    if part.text_first is not None and part.text_first[index] >= 0:
        spelled = part.text[part.text_first[index] :].tobytes().decode("latin-1").split("\t", 2)[:2]
        assert spelled == [record.alleles[0], ",".join(alts) or "."]
        assert record.genotype == calls
        assert record.length == len(record.alleles[0])


def compare(rng: random.Random, folder: Path) -> tuple[int, int]:
    """Both ways of reading a random file: records compared, and regions that the kernels read to the end."""
    samples = [f"S{number}" for number in range(rng.choice([1, 1, 1, 4]))]
    try:
        path = random_file(rng, folder, samples)
    except OSError:  # what htslib does not index nobody reads
        return 0, 0
    sample, n, n_whole = rng.choice(samples), 0, 0
    for _ in range(6):
        start = rng.choice([0, rng.randrange(LENGTH)])
        end = rng.choice([LENGTH, min(LENGTH, start + rng.choice([1, 50, 20_000]))])
        chrom = rng.choice(["chr1", "chr2"])
        results = []
        for fast in (True, False):
            file = VariantFile(path, sample)
            if not fast:
                file.__dict__["_indexed_text"] = None
            results.append(seen(file, chrom, start, end))
            if fast and file.__dict__.get("_indexed_text") is not None:
                n_whole += is_read_to_the_end(file, chrom, start, end)
            file.close()
        (of_kernels, its_error), (of_lines, error) = results
        assert its_error == error
        # Where a line stops the reading, as many records as were read before may have been given.
        shared = min(len(of_kernels), len(of_lines)) if error else len(of_lines)
        assert of_kernels[:shared] == of_lines[:shared]
        assert error or len(of_kernels) == len(of_lines)
        n += len(of_kernels)
    return n, n_whole


def is_read_to_the_end(file: VariantFile, chrom: str, start: int, end: int) -> bool:
    """Whether no line of a region is so unusual that htslib is asked."""
    fast = TextColumns(file.__dict__["_indexed_text"], FIXED_COLUMNS, len(file.samples), file.parse)
    with suppress(InputError):
        list(fast.read(chrom, start, end))
    return fast.is_whole


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0))
def test_random_lines_read_as_line_by_line(seed: int) -> None:
    with TemporaryDirectory() as name:
        compare(random.Random(seed), Path(name))


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0))
def test_many_random_lines_read_as_line_by_line(seed: int) -> None:
    with TemporaryDirectory() as name:
        compare(random.Random(seed), Path(name))


def test_most_regions_are_read_by_the_kernels(tmp_path: Path) -> None:
    found = []
    for seed in range(300, 330):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found.append(compare(random.Random(seed), folder))
    assert sum(n for n, _ in found) > 3_000
    assert sum(n_whole for _, n_whole in found) > 60
