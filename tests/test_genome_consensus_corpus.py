"""Every region of the recorded ``bcftools consensus`` cases, through files as users have them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from genome_files import write_fasta, write_indexed

from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.errors import InputError
from variantformer_hf.genome.options import GenotypeOptions

pytestmark = pytest.mark.shared

MODES = {"I": "iupac", "A": "alt", "R": "ref", "1": "haplotype1", "2": "haplotype2"}
# Where we differ from bcftools on purpose, and why.
ON_PURPOSE = {
    "pub_h_colon_contig": "a contig name with a colon just works",
    "pub_h_contig_not_in_fasta": "an empty region is empty, not an error",
}
# An ALT that is a breakend: bcftools writes it into the sequence as text, we leave its record out.
BREAKEND = re.compile(r"[][]|^\.[A-Z]|[A-Z]\.$")


def cases(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as file:
        for line in file:
            case = json.loads(line)
            if case["mode"] in MODES:
                yield case


def write_files(case: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    fasta, vcf = write_fasta(folder / "genome.fa", case["contigs"], width=60), folder / "sample.vcf.gz"
    try:
        write_indexed(vcf, case["vcf"])
    except OSError:
        Path(f"{vcf}.tbi").unlink(missing_ok=True)  # not sorted: such a file has no index
    return fasta, vcf


def answers(case: dict[str, Any], folder: Path) -> list[str | None]:
    """Our sequence of each region; None = an error."""
    fasta, vcf = write_files(case, folder)
    options = GenotypeOptions(
        mode=MODES[case["mode"]],
        symbolic="exclude_record" if case["exclude_symbolic"] else "apply",
        snps_only="exclude_expr" in case,
    )
    try:
        person = PersonalGenome(ReferenceGenome(fasta), vcf, options=options, refuse_gvcf=False)
    except InputError:
        return [None for _ in case["regions"]]
    found: list[str | None] = []
    for chrom, start, end in case["regions"]:
        try:
            found.append(person.sequence(chrom, start, end))
        except InputError:
            found.append(None)
    return found


def without_breakends(case: dict[str, Any]) -> dict[str, Any]:
    lines = case["vcf"].splitlines(keepends=True)
    kept = [line for line in lines if line[0] == "#" or not any(map(BREAKEND.search, line.split("\t")[4].split(",")))]
    return {**case, "vcf": "".join(kept)}


@pytest.mark.parametrize("corpus", ["public", "bcftools_suite", "snp_only"])
def test_every_region_is_equal(parity: Path, tmp_path: Path, corpus: str) -> None:
    checked, wrong = 0, []
    for number, case in enumerate(cases(parity / "consensus" / f"{corpus}.jsonl")):
        if any(case["name"].startswith(name) for name in ON_PURPOSE) or case != without_breakends(case):
            continue
        found = answers(case, tmp_path / str(number))
        for index, (ours, expected) in enumerate(zip(found, case["expected"], strict=True)):
            if index not in case.get("undefined", []):
                checked += 1
                if ours != expected:
                    wrong.append((case["name"], case["regions"][index], ours, expected))
    assert checked > {"public": 1_900, "bcftools_suite": 60, "snp_only": 300}[corpus]
    assert wrong == []


def test_breakends_are_left_out_where_bcftools_writes_them_as_text(parity: Path, tmp_path: Path) -> None:
    checked = 0
    for number, case in enumerate(cases(parity / "consensus" / "public.jsonl")):
        without = without_breakends(case)
        if case != without:
            found = answers(case, tmp_path / f"{number}")
            if case["exclude_symbolic"]:
                checked += len(found)
                assert found == answers(without, tmp_path / f"{number}_without")
            else:
                assert not any(re.search("[^A-Z*]", (bases or "").upper()) for bases in found)
    assert checked > 10
