"""One sample's records from a VCF or BCF."""

import gzip
import os
from pathlib import Path

import pysam
import pytest
from genome_files import record, write_indexed, write_vcf

from variantformer_hf.errors import InputError, MissingIndexError, SampleError
from variantformer_hf.genome.record_columns import Record
from variantformer_hf.genome.reference import ReferenceGenome
from variantformer_hf.genome.span_keys import SpanKeys
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.genome.variant_store import VariantStore
from variantformer_hf.genome.variants import VariantFile

CONTIGS = {"chr1": 100_000, "chr2": 50_000}
CALLS = [
    record(5, "A", "C,G", "1|2:30:12", "0/0:9:1", keys="GT:GQ:DP"),
    record(9, "ACG", "A", "0/1:.:.", "1/1:20:3", keys="GT:GQ:DP", filters="q10"),
    record(9, "A", ".", ".", "./.", info="END=40"),
    record(7, "T", "*", "1", "0", chrom="chr2"),
]


def read(
    path: Path, chrom: str = "chr1", start: int = 0, end: int = 100_000, sample: str | None = None
) -> list[Record]:
    file = VariantFile(path, sample)
    try:
        return list(file.records(chrom, start, end))
    finally:
        file.close()


def one(tmp_path: Path, line: str, name: str = "calls.vcf.gz") -> Record:
    (found,) = read(write_vcf(tmp_path / name, [line], contigs=CONTIGS))
    return found


@pytest.mark.parametrize(("name", "index"), [("a.vcf.gz", "tbi"), ("a.vcf.gz", "csi"), ("a.bcf", "csi")])
def test_every_format_gives_the_same_records(tmp_path: Path, name: str, index: str) -> None:
    path = write_vcf(tmp_path / name, CALLS, contigs=CONTIGS, samples=["S1", "S2"], index=index)
    assert read(path, sample="S1") == [
        Record(4, ("A", "C", "G"), 1, (1, 2), True, "PASS", 30.0, 12.0),
        Record(8, ("ACG", "A"), 3, (0, 1), False, "q10", None, None),
        Record(8, ("A",), 32, (), True, "PASS", None, None),
    ]
    assert [found.genotype for found in read(path, sample="S2")] == [(0, 0), (1, 1), (None, None)]
    assert [found.position for found in read(path, "chr2", sample="S2")] == [6]
    assert Path(f"{path}.{index}").is_file()


@pytest.mark.parametrize("name", ["a.vcf.gz", "a.bcf"])
def test_what_a_file_says_of_itself(tmp_path: Path, name: str) -> None:
    file = VariantFile(write_vcf(tmp_path / name, CALLS, contigs=CONTIGS | {"chrM": None}, samples=["S1", "S2"]), "S2")
    assert (file.samples, file.sample) == (("S1", "S2"), "S2")
    assert file.contigs == {"chr1": 100_000, "chr2": 50_000, "chrM": None}
    assert [file.has_records(chrom) for chrom in ("chr1", "chr2", "chrM", "chr9")] == [True, True, False, False]
    file.close()


@pytest.mark.parametrize("name", ["a.vcf.gz", "a.bcf"])
def test_samples(tmp_path: Path, name: str) -> None:
    calls = [record(5, "A", "C", *["0/1"] * 7)]
    path = write_vcf(tmp_path / name, calls, contigs=CONTIGS, samples=[f"P{number}" for number in range(7)])
    with pytest.raises(SampleError, match=r"7 samples \(P0, P1, P2, P3, P4, \.\.\.\), and none was named.*--sample"):
        VariantFile(path)
    with pytest.raises(SampleError, match=r"has no sample 'P9': it has P0, P1"):
        VariantFile(path, "P9")
    alone = write_vcf(tmp_path / f"one{name}", [record(5, "A", "C", "0/1")], contigs=CONTIGS)
    assert VariantFile(alone).sample == "S1"
    none = write_vcf(tmp_path / f"none{name}", [record(5, "A", "C")], contigs=CONTIGS, samples=[])
    assert VariantFile(none).sample is None
    assert read(none) == [Record(4, ("A", "C"), 1, None, False, "PASS", None, None)]
    with pytest.raises(SampleError, match="it has no samples"):
        VariantFile(none, "S1")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a.vcf.gz", r"tabix -p vcf .*a\.vcf\.gz"),
        ("a.bcf", r"bcftools index .*a\.bcf"),
        ("a.vcf", r"bgzip .*a\.vcf && tabix -p vcf .*a\.vcf\.gz"),
    ],
)
def test_a_missing_index_is_named_with_the_remedy(tmp_path: Path, name: str, remedy: str) -> None:
    path = write_vcf(tmp_path / name, CALLS[:1], contigs=CONTIGS, samples=["S1", "S2"], index=None)
    with pytest.raises(MissingIndexError, match=remedy) as caught:
        VariantFile(path, "S1")
    assert caught.value.file == str(path)


def test_files_that_are_no_vcf(tmp_path: Path) -> None:
    other = tmp_path / "calls.vcf.gz"
    with pytest.raises(InputError, match="no such file"):
        VariantFile(other)
    other.write_text(">chr1\nACGT\n")
    with pytest.raises(InputError, match="neither a VCF nor a BCF"):
        VariantFile(other)
    other.write_bytes(gzip.compress(b"##fileformat=VCFv4.2\n"))
    other.with_name("calls.vcf.gz.tbi").write_bytes(b"nothing")
    with pytest.raises(InputError, match="is compressed with gzip"):
        VariantFile(other)


def test_an_index_that_is_none(tmp_path: Path) -> None:
    for name, suffix in [("a.vcf.gz", ".tbi"), ("a.bcf", ".csi")]:
        path = write_vcf(tmp_path / name, CALLS, contigs=CONTIGS, samples=["S1", "S2"])
        Path(f"{path}{suffix}").write_bytes(b"nothing")
        with pytest.raises(InputError, match="cannot be read as an indexed VCF or BCF"):
            VariantFile(path, "S1")


@pytest.mark.parametrize("name", ["a.vcf.gz", "a.bcf"])
@pytest.mark.parametrize("where", ["inside a block", "between blocks", "before the last block"])
def test_a_file_cut_short_is_refused(tmp_path: Path, name: str, where: str) -> None:
    calls = [record(position, "A", "C", "0/1", info=f"NOTE={position**9}") for position in range(1, 9_000)]
    path = write_vcf(tmp_path / name, calls, contigs=CONTIGS)
    content, blocks = path.read_bytes(), [0]
    while blocks[-1] < len(content):
        blocks.append(blocks[-1] + int.from_bytes(content[blocks[-1] + 16 : blocks[-1] + 18], "little") + 1)
    assert len(blocks) > 4
    cut = {"inside a block": blocks[2] + 50, "between blocks": blocks[2], "before the last block": blocks[-2]}
    path.write_bytes(content[: cut[where]])
    with pytest.raises(InputError, match="cut short"):
        read(path)


@pytest.mark.parametrize("name", ["a.vcf.gz", "a.bcf"])
def test_a_damaged_block_is_an_error_and_the_file_can_be_closed(tmp_path: Path, name: str) -> None:
    calls = [record(position, "A", "C", "0/1", info=f"NOTE={position**9}") for position in range(1, 9_000)]
    path = write_vcf(tmp_path / name, calls, contigs=CONTIGS)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = b"z" * 200
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged or cut short"):
        read(path)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (record(5, "A", "C", "0/1:9:1:7", keys="GT:GQ:DP"), r"4 values for 3 FORMAT keys"),
        (record(5, "A", "C", "0/x"), r"the genotype '0/x'"),
        (record(5, "A", "C", "0/-1"), r"the genotype '0/-1'"),
        (record(5, "A", "C", "0/ 1"), r"the genotype '0/ 1'"),
        (record(5, "A", "C", "0//1"), r"the genotype '0//1'"),
        (record(5, "A", "C", "0/63"), r"alleles from 63 on are not read"),
        (record(5, "A", "C").rsplit("\t", 1)[0], r"too few columns"),
    ],
)
def test_a_malformed_record_is_named(tmp_path: Path, line: str, problem: str) -> None:
    path = write_vcf(tmp_path / "calls.vcf.gz", [record(3, "A", "C", "0/1"), line], contigs=CONTIGS)
    with pytest.raises(InputError, match=rf"calls\.vcf\.gz: chr1:5: the record has .*{problem}"):
        read(path)
    assert [found.position for found in read(path, end=4)] == [2]


@pytest.mark.parametrize(
    ("keys", "call", "genotype", "phased"),
    [
        ("GQ:GT", "30:0|1", (0, 1), True),
        ("GT", "/0|1", (0, 1), False),
        ("GT", "|0|1", (0, 1), True),
        ("GT", "|0/1", (0, 1), False),
        ("GT", "1", (1,), True),
        ("GT", "0/1/1", (0, 1, 1), False),
        ("GT", ".|1", (None, 1), True),
        ("GT:GQ", ".", (), False),
        ("GQ", "30", (), False),
    ],
)
def test_genotypes(tmp_path: Path, keys: str, call: str, genotype: tuple[int | None, ...], phased: bool) -> None:
    found = one(tmp_path, record(5, "A", "C", call, keys=keys))
    assert found.genotype == genotype
    if genotype:
        assert found.phased is phased


def test_a_quality_that_is_no_number_is_missing(tmp_path: Path) -> None:
    found = one(tmp_path, record(5, "A", "C", "0/1:nan:x", keys="GT:GQ:DP"))
    assert (found.gq, found.dp) == (None, None)


@pytest.mark.parametrize(
    ("ref", "alt", "info", "call", "length"),
    [
        ("A", "<DEL>", "END=50", "0/1", 41),
        ("A", "<DEL>", "SVLEN=-40", "0/1", 41),
        ("A", "C,<DEL>", "SVLEN=.,40", "0/1", 41),
        ("A", "<INS>", "SVLEN=40", "0/1", 1),
        ("A", "<NON_REF>", "END=30", "0/0", 21),
        ("A", "<*>", ".", "0/0:21", 21),
        ("ACGT", "A", "END=11", "0/1", 4),
        ("ACGT", "A", "NOTE=XEND", "0/1", 4),
        ("A", "C", "END=3", "0/1", 1),
    ],
)
def test_length_of_a_record(tmp_path: Path, ref: str, alt: str, info: str, call: str, length: int) -> None:
    keys = "GT:LEN" if ":" in call else "GT"
    assert one(tmp_path, record(10, ref, alt, call, info=info, keys=keys)).length == length


@pytest.mark.parametrize("name", ["a.vcf.gz", "a.bcf"])
def test_a_record_that_reaches_far_is_found_where_it_ends(tmp_path: Path, name: str) -> None:
    calls = [record(10, "A", "<DEL>", "0/1", info="END=60000"), record(11, "A", "C", "0/1")]
    path = write_vcf(tmp_path / name, calls, contigs=CONTIGS)
    assert [found.position for found in read(path, start=59_999, end=60_001)] == [9]
    assert read(path, start=60_000, end=60_001) == []


def test_only_overlapping_records_are_read(tmp_path: Path) -> None:
    calls = [record(4, "ACG", "A", "0/1"), record(7, "A", "C", "0/1"), record(9, "A", "C", "0/1")]
    path = write_vcf(tmp_path / "a.vcf.gz", calls, contigs=CONTIGS)
    assert [found.position for found in read(path, start=5, end=8)] == [3, 6]
    assert read(path, start=7, end=8) == read(path, start=6, end=6) == []


def test_a_contig_that_the_index_lacks_is_not_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_vcf(tmp_path / "a.vcf.gz", CALLS[:1], contigs=CONTIGS, samples=["S1", "S2"])
    file = VariantFile(path, "S1")
    monkeypatch.setattr(file, "_vcf", None)
    assert list(file.records("chr2", 0, 100)) == list(file.records("chr9", 0, 100)) == []
    assert not file.has_records("chr2")


@pytest.mark.parametrize("name", ["a.vcf.gz", "a.bcf"])
def test_text_beyond_ascii(tmp_path: Path, name: str) -> None:
    path = write_vcf(tmp_path / name, [record(5, "A", "C", "0/1", info="NOTE=é")], contigs=CONTIGS, samples=["Zoë"])
    assert [found.genotype for found in read(path, sample="Zoë")] == [(0, 1)]


def test_a_header_without_contigs(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "a.vcf.gz", [record(5, "A", "C", "0/1")], contigs={})
    assert VariantFile(path).contigs == {"chr1": None}


def test_a_refused_sample_leaves_no_file_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_vcf(tmp_path / "a.vcf.gz", CALLS, contigs=CONTIGS, samples=["S1", "S2"])
    opened = []
    open_tabix = pysam.TabixFile

    def remember(*args: object, **options: object) -> pysam.TabixFile:
        opened.append(open_tabix(*args, **options))
        return opened[-1]

    monkeypatch.setattr(pysam, "TabixFile", remember)
    with pytest.raises(SampleError):
        VariantFile(path)
    assert [file.closed for file in opened] == [True]


def rewritten(path: Path, old: str, new: str) -> Path:
    """The file with some text exchanged, indexed again."""
    text = gzip.decompress(path.read_bytes()).decode()
    assert old in text
    return write_indexed(path, text.replace(old, new))


@pytest.mark.parametrize(
    ("calls", "problem"),
    [
        (["0/1", "1/1", ""], "ends before the call of the sample 'S3', the header names 3 samples"),
        (["0/1", "", "1/1"], "has an empty call in the column of the sample 'S2'"),
        (["", "0/1", "1/1"], "has an empty call in the column of the sample 'S1'"),
        (["0/1", ":7", "1/1"], "has an empty call in the column of the sample 'S2'"),
        (["0/1", "1/1"], "ends before the call of the sample 'S3'"),
        ([""], "ends before the call of the sample 'S1'"),
    ],
)
def test_an_empty_call_is_named_whoever_is_read_and_however(tmp_path: Path, calls: list[str], problem: str) -> None:
    samples = ["S1", "S2", "S3"]
    good = record(3, "A", "C", "0/1", "0/0", "1/1")
    lines = [good, record(5, "A", "C", *calls, keys="GT:DP"), good.replace("\t3\t", "\t9\t")]
    path = write_vcf(tmp_path / "calls.vcf.gz", lines, contigs=CONTIGS, samples=samples)
    message = rf"calls\.vcf\.gz: chr1:5: the record {problem}"
    for sample in samples:
        with pytest.raises(InputError, match=message):
            read(path, sample=sample)
        with pytest.raises(InputError, match=message):
            list(VariantFile(path, sample).columns("chr1", 0, 100))
    with pytest.raises(InputError, match=message):
        build_store(path, tmp_path / "store")


@pytest.mark.parametrize("cut", ["\tGT\t0/1\t1/1", "\t0/1\t1/1"])
def test_a_row_without_calls_is_a_missing_one_and_columns_beyond_the_samples_are_none(tmp_path: Path, cut: str) -> None:
    samples = ["S1", "S2"]
    lines = [record(position, "A", "C", "0/1", "1/1") for position in (3, 5, 7)]
    lines[1] = lines[1].removesuffix(cut)
    lines[2] += "\t0/0"
    path = write_vcf(tmp_path / "calls.vcf.gz", lines, contigs=CONTIGS, samples=samples)
    assert [found.genotype for found in read(path, sample="S2")] == [(1, 1), (), (1, 1)]
    store = build_store(path, tmp_path / "store")
    (part,) = VariantStore(path, store, "S2").columns("chr1", 0, 100)
    assert [part.record(row).genotype for row in range(3)] == [(1, 1), (), (1, 1)]


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        ("", SpanKeys()),
        ('##INFO=<ID=END,Number=1,Type=Integer,Description="x">', SpanKeys(end=True)),
        ('##INFO=<ID=END,Number=1,Type=String,Description="x">', SpanKeys()),
        ('##INFO=<Description="a,ID=SVLEN,b",Type=Integer,ID=END>', SpanKeys(end=True)),
        ('##INFO=<ID=SVLEN,Number=.,Type=Integer,Description="x">', SpanKeys(svlen=True)),
        ('##FORMAT=<ID=END,Number=1,Type=Integer,Description="x">', SpanKeys()),
        ('##FORMAT=<ID=LEN,Number=1,Type=Integer,Description="x">', SpanKeys(length=True)),
        ("##INFO=<ID=END,Type=String>\n##INFO=<ID=END,Type=Integer>", SpanKeys()),
    ],
)
def test_a_key_says_how_far_a_record_spans_where_the_header_declares_it_so(header: str, keys: SpanKeys) -> None:
    assert SpanKeys.declared(header.split("\n")) == keys


@pytest.mark.parametrize(
    ("alt", "info", "spanned"),
    [
        ("<DEL>", "SVLEN=-6", (7, 1)),
        ("<DEL>", "END=16;SVLEN=-6", (7, 1)),
        ("<DEL>", "END=17;SVLEN=-6", (7, 0)),
        ("<DEL>", "SVLEN=-6;END=20", (10, 0)),
        ("<DEL:ME>", "SVLEN=6", (7, 1)),
        ("<del>", "SVLEN=6", (1, 0)),
        ("<INS>", "SVLEN=6", (1, 0)),
        ("C,<DEL>", "SVLEN=.,6", (7, 1)),
        ("C,<DEL>", "SVLEN=6", (1, 0)),
        ("C", "END=.;XEND=99", (1, 0)),
        ("C", "END=3", (1, 0)),
    ],
)
def test_bases_that_a_record_spans_and_is_found_by(alt: str, info: str, spanned: tuple[int, int]) -> None:
    declared = SpanKeys(end=True, svlen=True)
    assert declared.spanned(10, ("A", *alt.split(",")), info, None) == spanned
    assert SpanKeys().spanned(10, ("A", *alt.split(",")), info, None) == (1, 0)


def test_files_are_told_by_their_content_and_not_by_their_names(tmp_path: Path) -> None:
    lines = [record(5, "A", "C", "0/1")]
    bcf = write_vcf(tmp_path / "a.bcf", lines, contigs=CONTIGS)
    vcf = write_vcf(tmp_path / "b.vcf.gz", lines, contigs=CONTIGS, index="csi")
    for path, name in ((bcf, "c.vcf.gz"), (vcf, "d.bcf")):
        other = path.rename(tmp_path / name)
        Path(f"{path}.csi").rename(f"{other}.csi")
        assert [found.genotype for found in read(other)] == [(0, 1)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("calls.vcf.gz", gzip.compress(b"##fileformat=VCFv4.2\n"), r"compressed with gzip.*bgzip"),
        ("calls.vcf", b"##fileformat=VCFv4.2\n", r"not compressed.*bgzip .*calls\.vcf && tabix"),
        ("calls.vcf", b"\xef\xbb\xbf##fileformat=VCFv4.2\n", r"byte order mark.*sed"),
        ("calls.bcf", b"BCF\2\2", r"BCF that is not compressed.*bcftools view -Ob"),
        ("calls.txt", b"rs1\tA\n", r"neither a VCF nor a BCF"),
    ],
)
def test_what_is_no_file_of_variants_names_the_way_to_one(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        VariantFile(tmp_path / name)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("-", r"^-: is a stream"),
        ("/dev/stdin", r"^/dev/stdin: is a stream"),
        (".", r"is a folder"),
        ("nowhere/calls.vcf.gz", r"no such file"),
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_what_is_no_local_file_is_told_by_its_kind(path: str, message: str, kind: type) -> None:
    for read_by in (VariantFile, ReferenceGenome):
        with pytest.raises(InputError, match=message):
            read_by(kind(path))
    assert not Path("/dev/stdin.fai").exists()


@pytest.mark.parametrize("address", ["https://example.org/calls.vcf.gz", "s3://bucket/calls.vcf.gz"])
def test_an_address_that_lost_a_slash_is_asked_for_as_a_text(address: str) -> None:
    for read_by in (VariantFile, ReferenceGenome):
        with pytest.raises(InputError, match=r"is an address in a path object.*text"):
            read_by(Path(address))


def test_no_permission_is_not_no_such_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "calls.vcf.gz").touch()
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="no permission to read it"):
        VariantFile(tmp_path / "calls.vcf.gz")


def test_a_pipe_is_a_stream(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "calls.vcf.gz")
    with pytest.raises(InputError, match="is a stream"):
        VariantFile(tmp_path / "calls.vcf.gz")


@pytest.mark.parametrize(
    ("names", "message"),
    [("S1\tS1", "two samples of the name 'S1'"), ("S1\t", "names no sample in column 11 of its #CHROM line")],
)
@pytest.mark.parametrize("asked", ["S1", "S2", None])
def test_names_of_samples_that_name_no_column(tmp_path: Path, names: str, message: str, asked: str | None) -> None:
    lines = [record(5, "A", "C", "0/1", "1/1")]
    path = write_vcf(tmp_path / "calls.vcf.gz", lines, contigs=CONTIGS, samples=["S1", "S2"])
    with pytest.raises(SampleError, match=message):
        VariantFile(rewritten(path, "\tS1\tS2\n", f"\t{names}\n"), asked)


@pytest.mark.parametrize("name", ["a.vcf.gz", "a.bcf"])
def test_everybody_is_read_whatever_the_name_means_to_htslib(tmp_path: Path, name: str) -> None:
    samples = ["first", "-", "^first", "a,first", "-x", "all", "a b", "\u00dcn\u00ef"]
    calls = [f"{number % 2}|{number // 2 % 2}:{number}" for number in range(len(samples))]
    path = write_vcf(
        tmp_path / name, [record(5, "A", "C", *calls, keys="GT:DP")], contigs=CONTIGS, samples=samples, index="csi"
    )
    for number, sample in enumerate(samples):
        (found,) = read(path, sample=sample)
        assert (found.genotype, found.dp) == ((number % 2, number // 2 % 2), number)


def test_a_sample_called_minus_and_one_padded_with_spaces(tmp_path: Path) -> None:
    lines = [record(5, "A", "C", "0/1", "1/1")]
    path = write_vcf(tmp_path / "calls.vcf.gz", lines, contigs=CONTIGS, samples=["-", "S2  "])
    assert [found.genotype for found in read(path, sample="-")] == [(0, 1)]
    assert [found.genotype for found in read(path, sample="S2  ")] == [(1, 1)]
    with pytest.raises(SampleError, match=r"has no sample 'S2': it has -, 'S2  '"):
        VariantFile(path, "S2")


def test_contigs_whose_names_look_like_regions(tmp_path: Path) -> None:
    names = ("1", "1:1", "1:1-1", "HLA-DRB1*16:02:01")
    lines = [record(5, "A", "C", f"{n % 2}/1", chrom=name) for n, name in enumerate(names)]
    path = write_vcf(tmp_path / "calls.vcf.gz", lines, contigs=dict.fromkeys(names, 100))
    file = VariantFile(path)
    assert [[found.genotype for found in file.records(name, 0, 50)] for name in names] == [
        [(0, 1)],
        [(1, 1)],
        [(0, 1)],
        [(1, 1)],
    ]
    assert all(file.has_records(name) for name in names)
