"""Genotypes that are no VCF, as users have them: odd names, odd order, files missing, damaged or not together."""

import json
import logging
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cohort_formats import (
    Call,
    RandomCohort,
    Site,
    bed_by_bed_reader,
    bgen_by_bgen,
    pgen_by_pgenlib,
    zarr_by_bio2zarr,
)
from command_line import invoke
from hypothesis import given, settings
from hypothesis import strategies as st

from variantformer_hf.data.donors import DonorGenomes
from variantformer_hf.errors import AssemblyError, InputError, MissingIndexError, SampleError
from variantformer_hf.genome import PersonalGenome, ReferenceGenome
from variantformer_hf.genome.cohort_rows import CohortRows, Reading
from variantformer_hf.genome.cohort_source import cohort_source
from variantformer_hf.genome.doctor import diagnose
from variantformer_hf.genome.edited import EditedGenome
from variantformer_hf.genome.format_notes import say_losses, say_no_phase
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.pgen_file import _with_dosages
from variantformer_hf.genome.plink_names import plink_contig
from variantformer_hf.genome.record_columns import Record
from variantformer_hf.genome.sites import by_contig
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.genome.variants import VariantFile
from variantformer_hf.report.edited_vcf import write_edited_vcf
from variantformer_hf.simulation.genome import write_simulation
from variantformer_hf.simulation.model import write_demo_model

#         0123456789012345678901234567890
GENOME = "ACGTACGTTTACGATCGATTAGCCGATTACA"
PEOPLE = ("A", "B", "C")
CONTIGS = ("chr1", "chrX")
WRITERS = {"pgen": pgen_by_pgenlib, "bed": bed_by_bed_reader, "bgen": bgen_by_bgen, "zarr": zarr_by_bio2zarr}


def site(position: int, alt: str, *calls: str, chrom: str = "chr1", ref: str | None = None) -> Site:
    """A record of one base, REF as in the genome, calls as a VCF writes them."""
    written = [Call(tuple(int(each) for each in call.replace("|", "/").split("/")), "|" in call) for call in calls]
    return Site(chrom, position, ref or GENOME[position], tuple(alt.split(",")), ".", tuple(written))


SITES = [
    site(2, "A", "0/1", "0/0", "1/1"),
    site(5, "T", "0/0", "0/1", "0/0"),
    site(9, "TA", "0/1", "1/1", "0/1"),
    site(4, "G", "1/1", "0/1", "0/0", chrom="chrX"),
]


class NeverTurned(random.Random):
    """Chooses the plain way: nothing turned, nothing packed, names as they are."""

    def random(self) -> float:
        return 0.9

    def choice(self, seq):  # type: ignore[no-untyped-def]
        return seq[0]


class AlwaysTurned(NeverTurned):
    def random(self) -> float:
        return 0.0


def cohort(sites: list[Site] = SITES, people: tuple[str, ...] = PEOPLE) -> RandomCohort:
    return RandomCohort({"chr1": GENOME, "chrX": GENOME}, sites, people)


def written(kind: str, folder: Path, sites: list[Site] = SITES, people: tuple[str, ...] = PEOPLE) -> Path:
    folder.mkdir(exist_ok=True)
    plain = AlwaysTurned() if kind == "pgen" else NeverTurned()  # a .pvar that is not packed
    return WRITERS[kind](cohort(sites, people), folder, plain)


@pytest.fixture
def reference(tmp_path: Path) -> ReferenceGenome:
    return ReferenceGenome(cohort().fasta(tmp_path))


def opened(path: Path, reference: ReferenceGenome | None = None, sample: str = "A") -> CohortRows:
    file = cohort_source(path, sample, reading=Reading(reference))
    assert isinstance(file, CohortRows)
    return file


def records(path: Path, reference: ReferenceGenome | None = None, sample: str = "A") -> list[Record]:
    return list(opened(path, reference, sample).records("chr1", 0, 100))


# -- Files that are missing, damaged or not together -------------------------------------------------------------------


def without(suffix: str) -> Callable[[Path], None]:
    return lambda path: path.with_suffix(suffix).unlink()


def shortened(suffix: str, size: int) -> Callable[[Path], None]:
    def shorten(path: Path) -> None:
        file = path.with_suffix(suffix)
        file.write_bytes(file.read_bytes()[:-size])

    return shorten


def less_a_line(suffix: str) -> Callable[[Path], None]:
    def take(path: Path) -> None:
        file = path.with_suffix(suffix)
        file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))

    return take


def replaced(suffix: str, text: str) -> Callable[[Path], None]:
    return lambda path: path.with_suffix(suffix).write_text(text)  # type: ignore[return-value]


def exchanged(suffix: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def exchange(path: Path) -> None:
        file = path.with_suffix(suffix)
        assert old in file.read_bytes()
        file.write_bytes(file.read_bytes().replace(old, new, 1))

    return exchange


def damaged_description(path: Path) -> None:
    file = next(each for each in (path / "variant_id").iterdir() if each.name in ("zarr.json", ".zarray"))
    file.write_bytes(file.read_bytes()[:20])


def cut_chunk(name: str, size: int) -> Callable[[Path], None]:
    """Blosc unpacks it to anything."""

    def cut(path: Path) -> None:
        chunk = next(each for each in sorted((path / name).rglob("*")) if each.is_file() and each.name[0].isdigit())
        assert len(chunk.read_bytes()) > size
        chunk.write_bytes(chunk.read_bytes()[:size])

    return cut


def contigs_of(*codes: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        import zarr

        zarr.open_group(path, mode="r+")["variant_contig"][:] = np.array(codes)

    return write


def odd_allele(path: Path) -> None:
    import zarr

    zarr.open_group(path, mode="r+")["variant_allele"][1, 1] = "A\tC"


def no_contigs(path: Path) -> None:
    """The records of chr1 in the other order, and the chunk lost that says which are of chrX."""
    import zarr

    zarr.open_group(path, mode="r+")["variant_position"][:] = np.array([10, 6, 3, 5])
    no_chunks("variant_contig")(path)


def less_people(path: Path) -> None:
    """As many bytes a record, and calls of somebody whom no line of the .fam names."""
    less_a_line(".fam")(path)


def sample_major(path: Path) -> None:
    path.write_bytes(b"\x6c\x1b\x00" + path.read_bytes()[3:])


def no_index(path: Path) -> None:
    Path(f"{path}.bgi").unlink()


def index_of_another(path: Path) -> None:
    other = written("bgen", path.parent / "other", [*SITES, site(6, "C", "0/1", "0/0", "0/0", chrom="chrX")])
    shutil.copy(f"{other}.bgi", f"{path}.bgi")


def no_table_in_index(path: Path) -> None:
    Path(f"{path}.bgi").write_bytes(b"nothing of SQLite")


def layout_1(path: Path) -> None:
    from bgen import BgenWriter

    with BgenWriter(path, 1, samples=["A"], compression="zlib", layout=1) as out:
        out.add_variant("v", "r", "1", 3, ["G", "A"], np.array([[1.0, 0.0, 0.0]]))


def nameless(path: Path) -> None:
    from bgen import BgenWriter

    Path(f"{path}.bgi").unlink()
    with BgenWriter(path, 1) as out:
        out.add_variant("v", "r", "1", 3, ["G", "A"], np.array([[1.0, 0.0, 0.0]]))


def no_array(name: str) -> Callable[[Path], None]:
    return lambda path: shutil.rmtree(path / name)


def no_chunks(name: str) -> Callable[[Path], None]:
    def delete(path: Path) -> None:
        chunks = [each for each in (path / name).rglob("*") if each.is_file() and each.name[0].isdigit()]
        assert chunks
        for chunk in chunks:
            chunk.unlink()

    return delete


BAD: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "PGEN without PVAR": ("pgen", without(".pvar"), "has no .pvar or .pvar.zst beside it"),
    "PGEN without PSAM": ("pgen", without(".psam"), "has no .psam beside it"),
    "PGEN of more people": (
        "pgen",
        less_a_line(".psam"),
        "3 people, lib.pvar has 4 records, and lib.psam 2 people",
    ),
    "PGEN of more records": ("pgen", less_a_line(".pvar"), "lib.pvar has 3 records"),
    "PGEN that is cut short": ("pgen", shortened(".pgen", 3), "cut short"),
    "PGEN of a few bytes": ("pgen", shortened(".pgen", 30), "cannot be read"),
    "PVAR that is cut short": ("pgen", shortened(".pvar", 8), "ends within a line"),
    "PVAR without a header line": ("pgen", replaced(".pvar", "##contig=<ID=1>\n1\t3\t.\tG\tA\n"), "no #CHROM header"),
    "PVAR with a position of letters": (
        "pgen",
        replaced(".pvar", "#CHROM\tPOS\tID\tREF\tALT\n1\tx\t.\tG\tA\n"),
        "no number",
    ),
    "PVAR of one column": ("pgen", replaced(".pvar", "1\n2\n"), "the record has 1 columns"),
    "PVAR that ends within its last ALT": ("pgen", shortened(".pvar", 1), "ends within a line"),
    "PSAM that ends within a name": ("pgen", shortened(".psam", 1), "ends within a line"),
    "PSAM with a line cut short": (
        "pgen",
        replaced(".psam", "#IID\tSEX\nA\t1\nB\nC\t1\n"),
        "person 2: has a line of 1 columns, where there are 2",
    ),
    "PSAM with another header": ("pgen", replaced(".psam", "#NAME\nA\nB\nC\n"), "neither #IID nor #FID"),
    "PSAM with a name twice": ("pgen", replaced(".psam", "#IID\nA\nA\nC\n"), "two samples of the name 'A'"),
    "BED without BIM": ("bed", without(".bim"), "has no .bim beside it"),
    "BED without FAM": ("bed", without(".fam"), "has no .fam beside it"),
    "BED that is cut short": ("bed", shortened(".bed", 1), "4 records of 3 people are 7"),
    "BED of more records": ("bed", less_a_line(".bim"), "3 records of 3 people are 6"),
    "BED that is written by person": ("bed", sample_major, "--make-bed"),
    "BED of more people": ("bed", less_people, "has more than the 2 people of its .fam"),
    "FAM with a line cut short": (
        "bed",
        replaced(".fam", "A A 0 0 0 0\nB B 0 0 0 0\nC C\n"),
        "person 3: has a line of 2 columns, where there are 6",
    ),
    "BIM that ends within an allele": ("bed", shortened(".bim", 1), "ends within a line"),
    "BIM with a column less": ("bed", replaced(".bim", "1\tv\t0\t3\tA\n"), "has 5 columns"),
    "BIM with an allele of no ASCII": (
        "bed",
        exchanged(".bim", b"\tA\tG\n", b"\t\xb1\tG\n"),
        "characters that none has",
    ),
    "BIM with two alleles in one": ("bed", exchanged(".bim", b"\tA\tG\n", b"\tA,C\tG\n"), "characters that none has"),
    "PVAR with an allele of no letters": ("pgen", exchanged(".pvar", b"\tG\tA\n", b"\tG\tA\x00\n"), "that none has"),
    "BGEN with an allele of no text": (
        "bgen",
        exchanged(".bgen", b"\x01\x00\x00\x00G", b"\x01\x00\x00\x00\xb1"),
        "cannot be read on: it is damaged",
    ),
    "BGEN with a contig of no text": ("bgen", exchanged(".bgen", b"\x04\x00chr1", b"\x04\x00ch\xb11"), "it is damaged"),
    "BGEN that was written anew after its index": (
        "bgen",
        exchanged(".bgen", b"chr1\x03\x00\x00\x00", b"chr1\x04\x00\x00\x00"),
        "its index belongs to another file",
    ),
    "Zarr with calls cut short": ("zarr", cut_chunk("call_genotype", 20), "call_genotype cannot be read (its chunk"),
    "Zarr with alleles cut short": (
        "zarr",
        cut_chunk("variant_allele", 30),
        "variant_allele cannot be read (its chunk",
    ),
    "Zarr with positions cut short": ("zarr", cut_chunk("variant_position", 18), "cannot be read (its chunk"),
    "Zarr with a chunk of a few bytes": ("zarr", cut_chunk("variant_contig", 5), "cannot be read (its chunk"),
    "Zarr with an allele of no letters": ("zarr", odd_allele, "chr1: an allele or FILTER has characters that none has"),
    "BGEN with an allele of no letters": (
        "bgen",
        exchanged(".bgen", b"\x01\x00\x00\x00G", b"\x01\x00\x00\x00\x02"),
        "an allele or FILTER has characters that none has",
    ),
    "Zarr with a record of no contig": ("zarr", contigs_of(0, 0, 7, 1), "a record of no contig"),
    "Zarr without chunks of contigs": ("zarr", no_contigs, "has 0 of 1 chunks of the array variant_contig"),
    "Zarr with a damaged array that nobody needs": ("zarr", damaged_description, "cannot be read"),
    "BGEN without an index": ("bgen", no_index, "has no index (.bgi)"),
    "BGEN with another one's index": ("bgen", index_of_another, "its index and .sample file tell of 5 of 3"),
    "BGEN with an index that is none": ("bgen", no_table_in_index, "cannot be read as the index of a BGEN"),
    "BGEN 1.1": ("bgen", layout_1, "is a BGEN 1.1"),
    "BGEN without names": ("bgen", nameless, "names no samples"),
    "BGEN that is cut short": ("bgen", shortened(".bgen", 5), "damaged, cut short"),
    "BGEN of a few bytes": ("bgen", lambda path: path.write_bytes(path.read_bytes()[:22]), ""),  # type: ignore[dict-item,return-value]
    "BGEN with a .sample of less people": ("bgen", replaced(".sample", "ID_1 ID_2\n0 0\nA A\n"), "sample"),
    "Zarr without calls": ("zarr", no_array("call_genotype"), "lacks the array call_genotype"),
    "Zarr without positions": ("zarr", no_array("variant_position"), "lacks the array variant_position"),
    "Zarr without the chunks of calls": ("zarr", no_chunks("call_genotype"), "has no chunk of the array call_genotype"),
    "Zarr without chunks of positions": ("zarr", no_chunks("variant_position"), "has 0 of 1 chunks"),
    "Zarr without chunks of alleles": ("zarr", no_chunks("variant_allele"), "has 0 of 1 chunks"),
    "Zarr without chunks of names": ("zarr", no_chunks("sample_id"), ""),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_one_line(name: str, tmp_path: Path, reference: ReferenceGenome) -> None:
    kind, spoil, words = BAD[name]
    path = written(kind, tmp_path / "given")
    assert len(records(path, reference)) == 3
    spoil(path)
    with pytest.raises((InputError, MissingIndexError, SampleError)) as raised:
        for chrom in ("chr1", "1", "chrX", "X"):
            list(opened(path, reference).records(chrom, 0, 100))
    assert words in str(raised.value)
    assert raised.value.file is not None
    assert raised.value.remedy
    assert "\n" not in str(raised.value)


def test_chunks_of_calls_that_are_not_there_are_counted_and_said(
    tmp_path: Path, reference: ReferenceGenome, caplog: pytest.LogCaptureFixture
) -> None:
    sites = [site(place, "N", "0/1", "0/0", "1/1") for place in range(20)]
    path = written("zarr", tmp_path / "given", sites)
    (path / "call_genotype" / "1.0.0").unlink()
    file = opened(path)
    assert file.counts == {"absent_chunks": 1}
    assert "1 of 6 chunks of call_genotype are not there" in caplog.text
    assert [record.genotype for record in file.records("chr1", 0, 100)] == [(0, 1)] * 7 + [(0, 0)] * 7 + [(0, 1)] * 6
    other = written("zarr", tmp_path / "other", [SITES[3]])
    several = PersonalGenome(reference, [path, other], "A")
    several.sequences([("chr1", 0, 31), ("chrX", 0, 31)])
    assert [note["counts"] for note in several.formats] == [{"absent_chunks": 2}]  # of either one


@pytest.mark.parametrize(
    ("kind", "module"), [("pgen", "pgenlib"), ("bed", "bed_reader"), ("bgen", "bgen"), ("zarr", "zarr")]
)
def test_a_package_that_is_missing_is_one_line(
    kind: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(kind, tmp_path / "given")
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(InputError, match=r"pip install 'variantformer-hf\[genotypes\]'"):
        opened(path)


# -- Names of people, contigs and files --------------------------------------------------------------------------------


def test_a_data_set_of_plink_may_be_named_by_its_prefix(tmp_path: Path, reference: ReferenceGenome) -> None:
    pgen = written("pgen", tmp_path / "given")
    expected = PersonalGenome(reference, pgen, "A").sequence("chr1", 0, 31)
    assert PersonalGenome(reference, pgen.with_suffix(""), "A").sequence("chr1", 0, 31) == expected
    written("bed", tmp_path / "given")
    with pytest.raises(InputError, match=r"prefix of lib\.pgen and of lib\.bed"):
        PersonalGenome(reference, pgen.with_suffix(""), "A")
    with pytest.raises(InputError, match=r"named by its \.pgen.*lib\.pgen"):
        PersonalGenome(reference, pgen.with_suffix(".pvar"), "A")


def test_people_are_called_by_their_own_name_and_by_the_family_where_that_is_not_enough(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written("pgen", tmp_path / "given")
    psam = path.with_suffix(".psam")
    psam.write_text("##made by hand\n#FID\tIID\tSEX\nF1\tA\t1\nF1\tB\t2\nF2\tC\t1\n")
    assert opened(path).samples == ("A", "B", "C")
    psam.write_text("#FID\tIID\nF1\tA\n0\tB\nF2\tA\n")
    assert cohort_source(path, all_samples=True).samples == ("F1_A", "B", "F2_A")
    bgen = written("bgen", tmp_path / "given")
    bgen.with_suffix(".sample").write_text("ID_1 ID_2 missing sex\n0 0 0 D\nF x 0 1\nF y 0 2\nF z 0 1\n")
    assert cohort_source(bgen, all_samples=True).samples == ("x", "y", "z")
    said = f"{bgen}: names its samples otherwise than lib.sample, by which they are called here (the first one x)"
    assert said in caplog.text


def test_contigs_by_plinks_numbers_and_the_shared_ends_of_x_are_one(
    tmp_path: Path, reference: ReferenceGenome, caplog: pytest.LogCaptureFixture
) -> None:
    sites = [site(place, "N", "0/1", "0/0", "1/1", chrom="chrX") for place in (2, 6, 10, 20)]
    path = written("pgen", tmp_path / "given", sites)
    lines = path.with_suffix(".pvar").read_text().splitlines()
    names = ["23", "PAR1", "23", "25"]
    spelled = [line.replace("chrX", name) for line, name in zip(lines[-4:], names, strict=True)]
    path.with_suffix(".pvar").write_text("".join(f"{line}\n" for line in [*lines[:-4], *spelled]))
    file = opened(path)
    assert list(file.contigs) == ["X"]
    assert [record.position for record in file.records("X", 0, 100)] == [2, 6, 10, 20]
    person = PersonalGenome(reference, path, "A")
    assert person.sequence("chrX", 0, 31) != GENOME
    assert "chrX is taken as X" in caplog.text


def test_a_contig_with_a_zero_before_its_number_is_that_number(tmp_path: Path, reference: ReferenceGenome) -> None:
    """As UK Biobank's BGENs have it."""
    path = written("bgen", tmp_path / "given")
    wanted = PersonalGenome(reference, path, "A").sequence("chr1", 0, 31)
    assert wanted != GENOME
    sites = [Site(**{**vars(each), "chrom": "01"}) for each in SITES[:3]]
    renamed = WRITERS["bgen"](RandomCohort({"01": GENOME}, sites, PEOPLE), _new(tmp_path / "renamed"), NeverTurned())
    assert list(opened(renamed).contigs) == ["1"]
    assert PersonalGenome(reference, renamed, "A").sequence("chr1", 0, 31) == wanted
    assert [plink_contig(name) for name in ("chr07", "0", "0X", "10", "chr", "none")] == [
        *("chr7", "0", "0X", "10", "chr", "none")
    ]


def test_records_that_are_not_sorted_are_read_in_order_and_those_of_one_place_as_they_stand(tmp_path: Path) -> None:
    sites = [SITES[2], site(2, "T", "0/0", "0/0", "0/1"), SITES[0], SITES[3], SITES[1]]
    path = written("pgen", tmp_path / "given", sites)
    found = records(path, sample="C")
    assert [(record.position, record.alleles[1], record.genotype) for record in found] == [
        (2, "T", (0, 1)),
        (2, "A", (1, 1)),
        (5, "T", (0, 0)),
        (9, "TA", (0, 1)),
    ]
    assert [record.position for record in opened(path).records("chr1", 5, 6)] == [5]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from("ABC"), min_size=1, max_size=5).flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(st.tuples(st.integers(0, len(names) - 1), st.integers(0, 5), st.integers(1, 4)), max_size=9),
        )
    )
)
def test_records_of_each_contig_are_found_however_they_lie(
    given: tuple[list[str], list[tuple[int, int, int]]],
) -> None:
    names, records = given
    columns = np.array(records, dtype=np.int32).reshape(-1, 3).T
    found = by_contig(names, *columns)
    wanted: dict[str, list[int]] = {}
    for name in dict.fromkeys(names):
        rows = sorted((row for row, each in enumerate(records) if names[each[0]] == name), key=lambda r: records[r][1])
        if rows:
            wanted[name] = rows
    assert {name: list(sites.rows) for name, sites in found.items()} == wanted
    assert list(found) == list(wanted)
    for name, sites in found.items():
        assert sites.position.tolist() == [records[row][1] for row in wanted[name]]
        assert sites.longest == max(records[row][2] for row in wanted[name])


# -- What is read otherwise than it stands -----------------------------------------------------------------------------


def test_the_alleles_of_a_bed_are_set_against_the_fasta_and_counted(tmp_path: Path, reference: ReferenceGenome) -> None:
    path = written("bed", tmp_path / "given")
    plain = [(record.alleles, record.genotype) for record in records(path, reference)]
    bim = [line.split("\t") for line in path.with_suffix(".bim").read_text().splitlines()]
    bim[0][4:6] = bim[0][5], bim[0][4]  # an SNP, its alleles exchanged: everybody has the other genotype
    bim[1][4:6] = ["A", "G"]  # neither is the FASTA's
    path.with_suffix(".bim").write_text("".join("\t".join(fields) + "\n" for fields in bim))
    file = opened(path, reference, "C")
    found = [(record.alleles, record.genotype) for record in file.records("chr1", 0, 100)]
    assert plain[0] == (("G", "A"), (0, 1))
    assert found[0] == (("G", "A"), (0, 0))  # C was 1/1
    assert found[1] == (("G", "A"), (0, 0))
    assert found[2][0] == ("T", "TA")  # the FASTA holds T and TA: the second allele is REF
    assert list(file.records("chr1", 0, 100)) and file.counts == {"ambiguous": 1, "not_in_fasta": 1, "turned": 1}
    with pytest.raises(InputError, match="--fasta"):
        records(path)
    with pytest.raises(InputError, match="--fasta"):
        build_store(path, tmp_path / "store")
    said = [finding for finding in diagnose(reference.path, path, sample="A") if finding.check == "format"]
    assert [finding.level for finding in said] == ["warning"]
    assert "records of which the FASTA holds neither allele: 1" in said[0].message


def test_records_of_a_bed_behind_the_end_of_a_contig_are_not_in_the_fasta(
    tmp_path: Path, reference: ReferenceGenome
) -> None:
    path = written("bed", tmp_path / "given", [site(2, "A", "0/1", "0/0", "1/1"), site(4, "G", "0/1", "0/0", "0/0")])
    bim = path.with_suffix(".bim")
    bim.write_text(bim.read_text().replace("\t3\t", "\t900\t").replace("\t5\t", "\t31\t"))
    bim.write_text(bim.read_text().replace("\tG\tA", "\tGA\tAC"))  # goes on behind the last base, an A
    file = opened(path, reference)
    assert [record.position for record in file.records("chr1", 0, 1000)] == [30, 899]
    assert file.counts == {"not_in_fasta": 2}
    assert PersonalGenome(reference, path, "B").sequence("chr1", 0, 31) == GENOME


def test_an_allele_that_a_bim_does_not_know_is_no_alt(tmp_path: Path, reference: ReferenceGenome) -> None:
    path = written("bed", tmp_path / "given", [site(2, "A", "0/0", "0/0", "0/0")])
    bim = path.with_suffix(".bim").read_text().replace("\tA\tG", "\t0\tG")
    path.with_suffix(".bim").write_text(bim)
    assert [record.alleles for record in records(path, reference)] == [("G",)]


def test_calls_of_a_bgen_below_the_probability_are_missing_and_counted(tmp_path: Path) -> None:
    from bgen import BgenWriter

    path = tmp_path / "p.bgen"
    with BgenWriter(path, 3, samples=PEOPLE) as out:
        values = np.array([[0.05, 0.95, 0.0], [0.2, 0.8, 0.0], [0.4, 0.3, 0.3]])
        out.add_variant("v", "r", "chr1", 3, ["G", "A"], values, bit_depth=16)
        halves = np.array([[1.0, 0.0, 0.15, 0.85], [0.0, 1.0, 1.0, 0.0], [0.5, 0.5, 0.5, 0.5]])
        out.add_variant("v", "r", "chr1", 6, ["C", "T"], halves, phased=True, bit_depth=16)

    def genotypes(least: float) -> tuple[list[str], dict[str, int]]:
        file = cohort_source(path, all_samples=True, reading=Reading(None, least))
        assert isinstance(file, CohortRows)
        calls = [" ".join(line.split("\t")[9:]) for line in file.lines_within("chr1", 0, 100)]
        assert list(file.blocks("chr1"))
        return calls, file.counts  # each call once, however often it was read

    assert genotypes(0.9) == (["0/1 ./. ./.", ".|. 1|0 .|."], {"below_probability": 4})
    assert genotypes(0.75) == (["0/1 0/1 ./.", "0|1 1|0 .|."], {"below_probability": 2})
    with pytest.raises(InputError, match="two genotypes may reach"):
        GenotypeOptions(min_probability=0.5)


def test_a_store_of_a_bgen_is_used_only_by_the_probability_that_it_was_made_by(
    tmp_path: Path, reference: ReferenceGenome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    path = written("bgen", tmp_path / "given")
    build_store(path, reading=Reading(None, 0.8))
    assert not PersonalGenome(reference, path, "A").records.is_ingested  # type: ignore[union-attr]
    assert "was made by another --min-probability" in caplog.text
    person = PersonalGenome(reference, path, "A", GenotypeOptions(min_probability=0.8))
    assert person.records.is_ingested  # type: ignore[union-attr]
    assert person.formats[0]["format"] == "BGEN"


def test_a_store_of_a_bed_is_used_only_with_the_fasta_that_it_was_made_by(
    tmp_path: Path, reference: ReferenceGenome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    path = written("bed", tmp_path / "given")
    (tmp_path / "other").mkdir()
    bases = GENOME[:2] + "A" + GENOME[3:]  # the first record's ALT is REF there
    other = ReferenceGenome(RandomCohort({"chr1": bases, "chrX": GENOME}, SITES).fasta(tmp_path / "other"))
    wanted = {each: PersonalGenome(each, path, "A").sequence("chr1", 0, 31) for each in (reference, other)}
    assert wanted[reference][0:3] == wanted[other][0:3] == "ACR"
    counts = {}
    for mine, theirs in ((reference, other), (other, reference)):
        build_store(path, reading=Reading(mine))
        person = PersonalGenome(mine, path, "A")
        assert person.records.is_ingested  # type: ignore[union-attr]
        assert person.sequence("chr1", 0, 31) == wanted[mine]
        counts[mine] = person.formats[0]["counts"]
        person = PersonalGenome(theirs, path, "A")
        assert not person.records.is_ingested  # type: ignore[union-attr]
        assert person.sequence("chr1", 0, 31) == wanted[theirs]
        assert f"{path}: its store was made by another FASTA, and is not used" in caplog.text
        caplog.clear()
    assert counts[other] == {**counts[reference], "turned": 1}
    for each, is_there in ((other, True), (reference, False), (reference, True)):
        assert ("is there already" in invoke("ingest", path, "--fasta", each.path)) == is_there
    with pytest.raises(InputError, match="--fasta"):  # nothing says that the store goes with what is wanted
        invoke("ingest", path)


def test_dosages_of_a_pgen_are_left_aside_said_and_counted(
    tmp_path: Path, reference: ReferenceGenome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from pgenlib import PgenWriter

    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    say_losses.cache_clear()
    path = written("pgen", tmp_path / "given")
    plain = PersonalGenome(reference, path, "A")
    assert not any("dosages" in each for each in plain.formats[0]["does_not_hold"])
    with PgenWriter(str(path).encode(), 3, len(SITES), False, dosage_present=True) as writer:
        for values in ([0.9, 1.6, 2.0], [0.0, 1.0, 0.0], [1.2, 2.0, 1.0], [2.0, 1.0, 0.0]):
            writer.append_dosages(np.array(values, dtype=np.float32))
    file = opened(path)
    hard = [record.genotype for record in file.records("chr1", 0, 100)]
    assert hard == [(0, 1), (0, 0), (None, None)]  # 1.2 is no hard call
    assert file.counts == {"dosages": 2}
    person = PersonalGenome(reference, path, "A")
    assert person.formats[0]["does_not_hold"][-1] == "dosages (hard calls are read)"
    assert caplog.text.count("GQ, DP, dosages (hard calls are read)") == 1
    assert "records with dosages, of which the hard calls are read: 2" in invoke("ingest", path)
    stored = PersonalGenome(reference, path, "A").formats[0]
    assert (stored["counts"], stored["does_not_hold"]) == ({"dosages": 2}, person.formats[0]["does_not_hold"])
    said = [finding.message for finding in diagnose(reference.path, path, sample="A") if finding.check == "format"]
    assert len(said) == 1 and "dosages (hard calls are read); of the sampled records: records with dosages" in said[0]
    without = written("pgen", tmp_path / "without", [SITES[3]])
    whole = written("pgen", tmp_path / "whole", SITES[:3])
    with PgenWriter(str(whole).encode(), 3, 3, False, dosage_present=True) as writer:
        writer.append_dosages_batch(np.full((3, 3), 0.9, dtype=np.float32))
    several = PersonalGenome(reference, [without, whole], "A")
    several.sequences([("chrX", 0, 31), ("chr1", 0, 31)])
    (note,) = several.formats
    assert note["counts"] == {"dosages": 3} and note["does_not_hold"][-1] == "dosages (hard calls are read)"


@pytest.mark.parametrize(("n_records", "n_people"), [(1, 1), (70_000, 2), (131_072, 1)])
def test_which_records_of_a_pgen_have_dosages_is_told_by_its_header(
    n_records: int, n_people: int, tmp_path: Path
) -> None:
    from pgenlib import PgenWriter

    path = tmp_path / "a.pgen"
    has_dosage = np.random.default_rng(0).random(n_records) < 0.3
    with PgenWriter(str(path).encode(), n_people, n_records, False, dosage_present=True) as writer:
        writer.append_dosages_batch(np.where(has_dosage[:, None], 0.9, 1.0) * np.ones((1, n_people), np.float32))
    assert (_with_dosages(path, 0, n_records) == has_dosage).all()


def test_what_a_format_does_not_hold_is_said_once(
    tmp_path: Path, reference: ReferenceGenome, caplog: pytest.LogCaptureFixture
) -> None:
    say_losses.cache_clear()
    say_no_phase.cache_clear()
    path = written("bed", tmp_path / "given")
    for sample in PEOPLE:
        PersonalGenome(reference, path, sample, GenotypeOptions(mode="haplotype1"))
        PersonalGenome(reference, path, sample, GenotypeOptions(mode="diploid"))  # needs no phase
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert sum("is read without: phase" in message for message in said) == 1
    assert sum("has no phase" in message for message in said) == 1
    assert sum("has no phase: haplotype1 reads heterozygous calls" in message for message in said) == 1


def test_a_quality_that_a_format_does_not_hold_is_refused(tmp_path: Path, reference: ReferenceGenome) -> None:
    path = written("pgen", tmp_path / "given")
    with pytest.raises(InputError, match="holds no GQ and no DP"):
        PersonalGenome(reference, path, "A", GenotypeOptions(min_gq=20)).sequence("chr1", 0, 31)


# -- Several files -----------------------------------------------------------------------------------------------------


def per_chromosome(folder: Path, kind: str, other: str) -> list[Path]:
    """A file for each chromosome, of two formats, people in another order in the second."""
    first = written(kind, folder / "one", [each for each in SITES if each.chrom == "chr1"])
    turned = [Site(**{**vars(each), "calls": each.calls[::-1]}) for each in SITES if each.chrom == "chrX"]
    second = written(other, folder / "two", turned, PEOPLE[::-1])
    return [first, second]


@pytest.mark.parametrize(("kind", "other"), [("pgen", "zarr"), ("bed", "bgen"), ("zarr", "pgen"), ("bgen", "bed")])
def test_a_file_a_chromosome_may_be_of_any_format_and_people_in_any_order(
    kind: str, other: str, tmp_path: Path, reference: ReferenceGenome
) -> None:
    vcf = cohort().vcf(tmp_path / "all.vcf.gz")
    paths = per_chromosome(tmp_path, kind, other)
    for sample in PEOPLE:
        regions = [("chr1", 0, 31), ("chrX", 0, 31)]
        if "bed" in (kind, other):  # of the insertion the FASTA holds both alleles; PLINK's order says which is REF
            assert GENOME[9] == "T"
        wanted = PersonalGenome(reference, vcf, sample).sequences(regions)
        assert PersonalGenome(reference, paths, sample).sequences(regions) == wanted
    person = PersonalGenome(reference, paths, "A")
    person.sequences(regions)
    assert {note["format"] for note in person.formats} == {opened(path, reference).format for path in paths}


def test_what_was_met_is_counted_once_however_often_a_file_is_opened_again(
    tmp_path: Path, reference: ReferenceGenome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    paths = [written("bed", tmp_path / chrom, [each for each in SITES if each.chrom == chrom]) for chrom in CONTIGS]
    bim = paths[0].with_suffix(".bim")
    bim.write_text(bim.read_text().replace("\tA\tG", "\tG\tA"))
    for is_ingested in (False, True):
        person = PersonalGenome(reference, paths, "A")
        for region in [("chr1", 0, 5), ("chrX", 0, 31), ("chr1", 0, 31), ("chrX", 0, 31), ("chr1", 0, 31)]:
            person.sequences([region])
        assert [note["counts"] for note in person.formats] == [{"ambiguous": 1, "turned": 1}]
        if not is_ingested:
            for path in paths:
                build_store(path, reading=Reading(reference))


def test_files_that_do_not_go_together_are_refused(tmp_path: Path, reference: ReferenceGenome) -> None:
    one, two = per_chromosome(tmp_path, "pgen", "bgen")
    again = written("bed", tmp_path / "again", [SITES[1], SITES[2]])
    with pytest.raises(InputError, match="has records of the same stretch of chr1"):
        PersonalGenome(reference, [one, again], "A")
    others = written("bgen", tmp_path / "others", [SITES[3]], ("A", "B", "D"))
    with pytest.raises(SampleError, match="only it has D"):
        PersonalGenome(reference, [one, others], "A")
    pvar = one.with_suffix(".pvar")
    pvar.write_text("##contig=<ID=chr1,length=248956422>\n" + pvar.read_text())
    vcf = cohort([SITES[3]]).vcf(tmp_path / "x.vcf.gz")
    with pytest.raises(AssemblyError, match="its header gives chr1"):
        PersonalGenome(reference, [one, vcf], "A")
    with pytest.raises(AssemblyError, match="its header gives chr1 248956422 bases"):
        PersonalGenome(reference, one, "A")
    assert two.is_file()


# -- Commands ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """A model, and one person in every format."""

    fasta: Path
    vcf: Path
    model: Path
    paths: dict[str, Path]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    made = write_simulation(_new(folder / "made"), cre_spacing=8_000, record_spacing=2_500)
    reference, file = ReferenceGenome(made.fasta), VariantFile(made.vcf)
    sites = [
        Site(
            chrom,
            record.position,
            record.alleles[0],
            record.alleles[1:],
            ".",
            (Call(tuple(record.genotype or ()), record.phased),),
        )
        for chrom in file.indexed_contigs
        for record in file.records(chrom, 0, reference.contigs[chrom])
    ]
    assert len(sites) > 50
    genome = {chrom: reference.sequence(chrom, 0, length) for chrom, length in reference.contigs.items()}
    people = RandomCohort(genome, sites, ("person",))
    paths = {kind: WRITERS[kind](people, _new(folder / kind), NeverTurned()) for kind in WRITERS}
    return World(made.fasta, made.vcf, write_demo_model(made, folder / "model"), paths)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("kind", WRITERS)
def test_commands_give_the_same_from_every_format(
    kind: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    given = ["--fasta", world.fasta, "--gene", "DEMO2", "--tissue", "liver", "--device", "cpu"]

    def predicted(vcf: Path, name: str) -> tuple[str, dict[str, Any]]:
        out = tmp_path / name
        invoke("predict", world.model, *given, "--vcf", vcf, "-o", out)
        return out.read_text(), json.loads(Path(f"{out}.report.json").read_text())

    wanted, of_vcf = predicted(world.vcf, "vcf.tsv")
    found, report = predicted(world.paths[kind], "found.tsv")
    assert found == wanted
    assert report["samples"]["person"]["contigs"] == of_vcf["samples"]["person"]["contigs"]
    assert of_vcf["inputs"]["formats"] == []
    (note,) = report["inputs"]["formats"]
    assert note["counted_in"] == "records read"
    assert "GQ" in note["does_not_hold"]
    invoke("ingest", world.paths[kind], "--fasta", world.fasta)
    stored, report = predicted(world.paths[kind], "stored.tsv")
    assert stored == wanted
    assert report["inputs"]["formats"][0]["counted_in"] == "whole file"
    assert "REF alleles" in invoke("doctor", "--fasta", world.fasta, "--vcf", world.paths[kind])


def test_a_donor_of_any_format_can_be_trained_on(world: World) -> None:
    wanted = DonorGenomes(world.fasta, {"LAB": world.vcf}).genome("LAB", "person").sequence("chr1", 0, 20_000)
    for path in world.paths.values():
        donors = DonorGenomes(world.fasta, {"LAB": path})
        donors.check("LAB", ["person"])
        assert donors.genome("LAB", "person").sequence("chr1", 0, 20_000) == wanted


def test_edits_are_written_into_a_vcf_alone(world: World, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a PGEN, and edits are written into a VCF"):
        genome = EditedGenome(PersonalGenome(ReferenceGenome(world.fasta), world.paths["pgen"]), [])
        write_edited_vcf(genome, tmp_path / "edited.vcf.gz")
