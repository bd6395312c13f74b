"""Files elsewhere are read as they would be here, and no more of them than is needed."""

import json
import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pysam
import pytest
from command_line import invoke, run
from genome_files import record, write_fasta, write_vcf
from random_variants import random_bases
from small_cohort import SmallCohort
from small_model import LENGTH as LENGTH_OF_WORLD
from small_model import SmallWorld
from split_files import split_vcf
from web_server import WebServer, web_server

from variantformer_hf.errors import InputError, unreadable
from variantformer_hf.genome.file_patterns import named_files
from variantformer_hf.genome.interval import Interval
from variantformer_hf.genome.personal import PersonalGenome
from variantformer_hf.genome.reference import ReferenceGenome
from variantformer_hf.genome.variant_store import VariantStore
from variantformer_hf.genome.variants import BEHIND_ANY_CONTIG, VariantFile
from variantformer_hf.remote import http_source, mirror, sources
from variantformer_hf.training.options import GivenFiles
from variantformer_hf.training.options import _value as training_value

LENGTH = 3_000_000


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WebServer]:
    """A server, and a cache of this test's own."""
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "WAIT_SECONDS", 0.01)
    with web_server() as web:
        yield web


def forget() -> None:
    """Be as another process, which knows the folder alone."""
    mirror._looked_at.clear()
    mirror._mirrors.clear()


@pytest.fixture(scope="module", params=["vcf.gz tbi", "vcf.gz csi", "bcf csi"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of some MB, with records as long as stretches of its index, on two contigs."""
    suffix, index = request.param.split()
    rng = random.Random(request.param)
    lines = []
    for chrom in ("chr1", "chr3"):
        for position in sorted(rng.sample(range(1, LENGTH), 9_000)):
            note = f"NOTE={random_bases(rng, 12)}{rng.getrandbits(256):x}"
            if rng.random() < 0.01:
                end = min(LENGTH, position + rng.choice([20, 20_000, 300_000]))
                lines.append(record(position, "A", "<DEL>", "0/1", chrom=chrom, info=f"END={end};{note}"))
            else:
                lines.append(record(position, "A", "C", rng.choice(["0/1", "1/1"]), chrom=chrom, info=note))
    contigs = dict.fromkeys(("chr1", "chr2", "chr3"), LENGTH)
    return write_vcf(tmp_path_factory.mktemp("large") / f"cohort.{suffix}", lines, contigs=contigs, index=index)


def test_any_region_of_a_file_elsewhere_is_that_of_the_file(large: Path, web: WebServer) -> None:
    address = web.add(large)
    here, there = VariantFile(large), VariantFile(address)
    assert (there.samples, there.contigs, there.sample) == (here.samples, here.contigs, here.sample)
    assert there.indexed_contigs == here.indexed_contigs
    rng = random.Random(1)
    regions = [(0, BEHIND_ANY_CONTIG), (LENGTH - 1, BEHIND_ANY_CONTIG)]
    for _ in range(60):
        start = rng.randrange(LENGTH)
        regions.append((start, start + rng.choice([1, 100, 16_384, 100_000, LENGTH])))
    rng.shuffle(regions)
    n_records = 0
    for start, end in regions:
        chrom = rng.choice(["chr1", "chr2", "chr3"])
        found = list(there.lines_within(chrom, start, end))
        assert found == list(here.lines_within(chrom, start, end))
        n_records += len(found)
    assert n_records > 20_000
    assert {name for name, _ in web.requests} <= {large.name, f"{large.name}.tbi", f"{large.name}.csi"}


def test_columns_of_a_file_elsewhere_are_those_of_the_file(large: Path, web: WebServer) -> None:
    here, there = VariantFile(large), VariantFile(web.add(large))
    rng = random.Random(2)
    n_records = 0
    for _ in range(12):
        start = rng.randrange(LENGTH)
        region = rng.choice(["chr1", "chr3"]), start, start + rng.choice([100, 100_000, LENGTH])
        for mine, wanted in zip(there.columns(*region), here.columns(*region), strict=True):
            for name in ("position", "end", "alleles", "first", "second", "is_snp"):
                assert np.array_equal(getattr(mine, name), getattr(wanted, name))
            n_records += len(mine)
    assert n_records > 2_000


def test_of_a_region_little_is_read_and_nothing_twice(large: Path, web: WebServer) -> None:
    address = web.add(large)
    file = VariantFile(address)
    web.forget()
    lines = list(file.lines_within("chr1", 1_000_000, 1_050_000))
    assert len(lines) > 100
    assert 0 < len(web.requests) < 12
    assert web.sent < 0.7 * large.stat().st_size
    web.forget()
    assert list(file.lines_within("chr1", 1_000_000, 1_040_000))
    assert web.requests == []
    forget()  # the next process asks whether it is the same file, and reads what is here
    again = VariantFile(address)
    assert list(again.lines_within("chr1", 1_000_000, 1_050_000)) == lines
    assert all(part == (0, 1) for _, part in web.requests)


@pytest.mark.parametrize("compressed", [False, True])
def test_bases_of_a_fasta_elsewhere(compressed: bool, web: WebServer, tmp_path: Path) -> None:
    rng = random.Random(5)
    genome = {
        name: random_bases(rng, length, "ACGTacgtN") for name, length in (("a", 900_000), ("b", 70), ("c", 700_000))
    }
    path = write_fasta(tmp_path / "genome.fa", genome, width=61)
    if compressed:
        pysam.tabix_compress(str(path), str(tmp_path / "genome.fa.gz"))
        path = tmp_path / "genome.fa.gz"
    pysam.faidx(str(path))
    reference = ReferenceGenome(web.add(path))
    assert reference.contigs == {name: len(bases) for name, bases in genome.items()}
    assert reference.sequence("c", 10, 20) == genome["c"][10:20]
    assert web.sent < 0.9 * path.stat().st_size
    for _ in range(100):
        name = rng.choice("abc")
        start = rng.randrange(len(genome[name]))
        end = start + rng.choice([1, 61, 1_000, 100_000])
        assert reference.sequence(name, start, end) == genome[name][start:end]
        assert reference.array(name, start, end).tobytes().decode() == genome[name][start:end]


def test_a_run_on_addresses_is_that_on_files(
    world: SmallWorld, cohort: SmallCohort, web: WebServer, tmp_path: Path
) -> None:
    model = world.save(tmp_path / "model")
    fasta = Path(world.reference.path)
    genes, names = tmp_path / "genes.txt", tmp_path / "names.txt"
    genes.write_text("PLUS\n")
    names.write_text("D3\nD1\n")
    elsewhere = [web.add(path) for path in (fasta, cohort.vcf, genes, names)]
    assert str(tmp_path / "cache" / "variants") in invoke("ingest", elsewhere[1])
    for name, (reference, vcf, genes_file, names_file) in {
        "here": (fasta, cohort.vcf, genes, names),
        "there": elsewhere,
        "again": elsewhere,
    }.items():
        people = ["--vcf", vcf, "--samples-file", names_file]
        out = tmp_path / f"{name}.csv"
        invoke("predict", model, "--fasta", reference, *people, "--genes-file", genes_file, "-o", out)
    here, there = ((tmp_path / f"{name}.csv").read_text() for name in ("here", "there"))
    assert here == there
    report = json.loads((tmp_path / "there.csv.report.json").read_text())["inputs"]
    assert report["fasta"]["path"] == elsewhere[0]
    assert report["vcf"]["path"] == elsewhere[1]
    assert report["vcf"]["etag"] and report["vcf"]["size"] == cohort.vcf.stat().st_size
    on_disk = json.loads((tmp_path / "here.csv.report.json").read_text())["inputs"]
    assert report["vcf"]["sha256"] == on_disk["vcf"]["sha256"]


def test_lists_and_variants_elsewhere_and_what_doctor_says(
    world: SmallWorld, cohort: SmallCohort, web: WebServer, tmp_path: Path
) -> None:
    model = world.save(tmp_path / "model")
    base = world.genome[1_999]
    (tmp_path / "variants.tsv").write_text(f"chrom\tpos\tref\talt\nchr1\t2000\t{base}\t{'A' if base != 'A' else 'C'}\n")
    fasta = Path(world.reference.path)
    tables = {}
    for name, of in {"here": lambda path: path, "there": web.add}.items():
        people = ["--fasta", of(fasta), "--vcf", of(cohort.vcf), "--sample", "D1"]
        out = tmp_path / f"{name}.csv"
        invoke("effects", model, "--variants", of(tmp_path / "variants.tsv"), *people, "-o", out)
        tables[name] = out.read_text()
    assert tables["here"] == tables["there"] and tables["here"].count("\n") > 1
    said = run("doctor", *people)
    assert said.returncode in (0, 1) and "indexed and sorted" in said.stdout
    assert "cache/remote" not in said.stdout.replace("\n", "")


def test_options_of_a_run_of_training_may_be_addresses(web: WebServer, cohort: SmallCohort) -> None:
    address = web.add(cohort.vcf)
    file = Path("train.yaml")
    assert training_value(Path, address, file, "fasta") == mirror.mirrored(address)
    assert training_value(GivenFiles, address, file, "vcfs.LAB") == (mirror.mirrored(address),)
    assert training_value(GivenFiles, [address], file, "vcfs.LAB") == (mirror.mirrored(address),)


def test_a_store_of_a_signed_address_is_made_by_several_processes(
    cohort: SmallCohort, web: WebServer, tmp_path: Path
) -> None:
    address = web.add(cohort.vcf)
    for suffix in ("", ".tbi"):
        web.queries[f"{cohort.vcf.name}{suffix}"] = f"Signature=of{suffix}"
    signed = f"{address}?Signature=of##idx##{address}.tbi?Signature=of.tbi"
    done = run("ingest", signed, "--workers", "2")
    assert done.returncode == 0, done.stderr
    store = VariantStore(mirror.mirrored(signed), done.stdout.strip().splitlines()[-1], "D1")
    assert [len(each) for each in store.columns("chr1", 0, LENGTH_OF_WORLD)]


def first_line(file: VariantFile) -> str:
    return next(file.lines("chr1"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = random.Random(0)
    lines = [record(p, "A", "C", "0/1", info=f"NOTE={rng.getrandbits(512):x}") for p in range(1, 4_000_000, 200)]
    return write_vcf(tmp_path_factory.mktemp("small") / "calls.vcf.gz", lines, contigs={"chr1": 5_000_000})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda web: web.files.pop("calls.vcf.gz"), "calls.vcf.gz: no such file"),
        (lambda web: web.statuses.update({"calls.vcf.gz": [403]}), r"no permission to read it \(403.*run out"),
        (lambda web: web.statuses.update({"calls.vcf.gz": [418]}), "the server answers 418"),
        (lambda web: web.statuses.update({"calls.vcf.gz": [503]}), r"the server answers 503.*\(4 attempts\)"),
        (lambda web: web.pages.add("calls.vcf.gz"), r"is a web page \(HTML\).*log in"),
        (lambda web: setattr(web, "has_ranges", False), "does not send parts of files.*Download it"),
        (lambda web: setattr(web, "has_versions", False), "neither ETag nor Last-Modified.*Download it"),
        (lambda web: web.files.pop("calls.vcf.gz.tbi"), r"has no index \(.tbi or .csi\).*##idx##"),
        (lambda web: web.statuses.update({"calls.vcf.gz.tbi": [401]}), r"calls.vcf.gz.tbi: no permission to read it"),
        (lambda web: web.files.update({"calls.vcf.gz.tbi": b"no index"}), "is no index, or damaged"),
        (lambda web: web.files.update({"calls.vcf.gz": b"GIF89a" + bytes(100)}), "calls.vcf.gz: is neither a VCF nor"),
        (lambda web: web.files.update({"calls.vcf.gz": b""}), "calls.vcf.gz: is neither a VCF nor"),
        (lambda web: web.files.update({"calls.vcf.gz": web.files["calls.vcf.gz"][:-40]}), "is cut short"),
        (lambda web: web.breaks.update({"calls.vcf.gz": [7] * 99}), r"the line broke off \(4 attempts\)"),
    ],
)
def test_what_a_server_may_do_is_one_line(
    change: Callable[[WebServer], object], words: str, small: Path, web: WebServer
) -> None:
    address = web.add(small)
    change(web)
    with pytest.raises(InputError, match=words) as error:
        first_line(VariantFile(f"{address}?Signature=SECRET"))
    assert "SECRET" not in str(error.value) and "\n" not in str(error.value)
    assert f"{web.url}/calls.vcf.gz" in str(error.value)


def test_no_message_shows_what_signs_an_address(web: WebServer) -> None:
    address = "https://me:5ecret@host/calls.vcf.gz?X-Amz-Signature=5ecret"
    with pytest.raises(InputError) as raised:
        VariantFile(Path(address))
    for error in (InputError("is wrong", file=address), unreadable(Path(address), FileNotFoundError()), raised.value):
        assert str(error).startswith("https://host/calls.vcf.gz: is ") and error.file == "https://host/calls.vcf.gz"


def test_an_answer_that_breaks_off_is_gone_on_with(small: Path, web: WebServer) -> None:
    address = web.add(small)
    web.breaks["calls.vcf.gz"] = [1_000, 0, 70_000]
    assert list(VariantFile(address).lines("chr1")) == list(VariantFile(small).lines("chr1"))
    assert not web.breaks["calls.vcf.gz"]
    begins = [part[0] for name, part in web.requests if part is not None and name == "calls.vcf.gz"]
    assert 65_536 in begins  # not from the start again


def test_a_server_that_is_busy_for_a_moment_is_asked_again(small: Path, web: WebServer) -> None:
    address = web.add(small)
    web.statuses["calls.vcf.gz"] = [503, 200, 429, 500, 200]
    assert list(VariantFile(address).lines("chr1")) == list(VariantFile(small).lines("chr1"))


def test_nothing_answers(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"127.0.0.1:1/a.vcf.gz: cannot be read: the connection is refused"):
        VariantFile("http://127.0.0.1:1/a.vcf.gz")
    with pytest.raises(InputError, match="cannot be read: there is no such host"):
        VariantFile("http://nowhere.invalid/a.vcf.gz")
    monkeypatch.setattr(http_source, "READ_SECONDS", 0.05)
    web.files["a.vcf.gz"], web.silent = b"", 0.3
    with pytest.raises(InputError, match=r"no answer in time \(4 attempts\)"):
        VariantFile(f"{web.url}/a.vcf.gz")


def test_a_file_that_is_replaced_while_it_is_read_is_noticed(small: Path, web: WebServer) -> None:
    address = web.add(small)
    file = VariantFile(address)
    next(file.lines("chr1"))
    web.files["calls.vcf.gz"] = web.files["calls.vcf.gz"].replace(b"\0", b"\1")
    with pytest.raises(InputError, match=r"calls.vcf.gz: was changed while it was read"):
        list(file.lines("chr1"))
    web.files["calls.vcf.gz"] = small.read_bytes()
    web.modified += 60
    again = VariantFile(address)  # the next time it is looked at anew, and nothing of the other version is used
    web.forget()
    assert list(again.lines("chr1")) == list(VariantFile(small).lines("chr1"))
    assert web.sent > 10_000


def test_an_index_that_is_older_than_its_file_is_told(small: Path, web: WebServer) -> None:
    address = web.add(small)
    assert not VariantFile(address).index_is_older
    forget()
    web.modified_of["calls.vcf.gz"] = web.modified + 3_600
    assert VariantFile(address).index_is_older


def test_an_index_may_have_an_address_of_its_own(small: Path, web: WebServer) -> None:
    address = web.add(small)
    web.files["elsewhere/index.tbi"] = web.files.pop("calls.vcf.gz.tbi")
    web.queries["elsewhere/index.tbi"] = "Signature=a"
    web.queries["calls.vcf.gz"] = "Signature=b"
    both = f"{address}?Signature=b##idx##{web.url}/elsewhere/index.tbi?Signature=a"
    assert list(VariantFile(both).lines("chr1")) == list(VariantFile(small).lines("chr1"))
    assert VariantFile(both).path.parent == mirror.mirrored(f"{address}?Signature=b").parent  # however it is signed


def test_a_signed_address_that_runs_out_is_told(small: Path, web: WebServer) -> None:
    address = web.add(small)
    file = VariantFile(f"{address}?X-Amz-Signature=s")
    next(file.lines("chr1"))
    web.queries["calls.vcf.gz"] = "another"
    with pytest.raises(InputError, match=r"no permission to read it \(403 Forbidden\).*it may have run out"):
        list(file.lines("chr1"))


def test_damage_in_the_mirror_is_read_anew(small: Path, web: WebServer) -> None:
    address = web.add(small)
    lines = list(VariantFile(address).lines("chr1"))
    path = mirror.mirrored(address)
    forget()
    with path.open("r+b") as file:  # as after a power cut: the marks are there, and the bytes are not
        file.seek(mirror.PIECE)
        file.write(bytes(mirror.PIECE))
    web.forget()
    assert list(VariantFile(address).lines("chr1")) == lines
    assert (path.name, (mirror.PIECE, 2 * mirror.PIECE)) in web.requests


def test_a_mirror_is_the_same_in_another_process_and_signed_addresses_are_not_kept(small: Path, web: WebServer) -> None:
    signed = mirror.mirrored(f"{web.add(small)}?sig=SECRET&part=a")
    plain = mirror.mirrored(web.add(small))
    assert signed != plain  # another question than the plain one, whoever signed it
    assert pickle.loads(pickle.dumps(signed)) == signed
    assert isinstance(pickle.loads(pickle.dumps(signed)), mirror.MirroredFile)
    assert mirror.mirror_at(Path(plain)) == plain
    assert b"SECRET" not in b"".join(path.read_bytes() for path in signed.parent.rglob("*") if path.is_file())
    forget()
    found = mirror.mirror_at(Path(plain))
    assert found == plain and found is not None and found.address == plain.address
    with pytest.raises(InputError, match="signed address"):
        mirror.mirror_at(Path(signed))


def test_several_files_elsewhere_are_one_cohort(
    cohort: SmallCohort, world: SmallWorld, web: WebServer, tmp_path: Path
) -> None:
    split = split_vcf(cohort.vcf, tmp_path, random.Random(3), pieces=3)
    addresses = [web.add(path) for path in split]
    here = PersonalGenome(world.reference, cohort.vcf, "D1")
    there = PersonalGenome(world.reference, addresses[::-1], "D1")
    region = Interval("chr1", 0, LENGTH_OF_WORLD)
    assert there.sequences([region]) == here.sequences([region])
    with pytest.raises(InputError, match="is a pattern, and a web server does not say"):
        named_files(f"{web.url}/cohort.{{contig}}.vcf.gz")
    web.queries["one.vcf.gz"] = "a=*"
    web.files["one.vcf.gz"] = b""
    assert [path.name for path in named_files(f"{web.url}/one.vcf.gz?a=*")] == ["one.vcf.gz"]  # a query is no pattern
    with pytest.raises(InputError, match="is given twice"):
        named_files([addresses[0], addresses[0]])


def test_an_address_of_a_kind_that_nobody_reads_is_told() -> None:
    for address in ("ftp://host/a.vcf.gz", "hf://datasets/x/a.vcf.gz", "az://box/a.vcf.gz"):
        with pytest.raises(InputError, match=r"are not read.*or download the file"):
            VariantFile(address)
    with pytest.raises(InputError, match="names no bucket"):
        VariantFile("s3://")
