"""Bad inputs, over all commands: one line that names what is wrong, an exit code, no traceback, nothing left behind."""

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from command_line import run
from genome_files import record, write_fasta, write_indexed, write_vcf
from safetensors.torch import load_file, save_file
from small_cohort import SmallCohort
from small_model import LENGTH, SmallWorld

from variantformer_hf.cli.output_lock import OutputLock
from variantformer_hf.data.splits import split_donors
from variantformer_hf.zoo.companions import write_companions

pytestmark = pytest.mark.usefixtures("one_thread")

CONTIGS = {"chr1": LENGTH, "chrX": 200}


@dataclass(frozen=True)
class Desk:
    """Good files, a folder to spoil copies of them in, and a folder for outputs."""

    world: SmallWorld
    cohort: SmallCohort
    model: Path
    fasta: Path
    vcf: Path
    folder: Path
    outputs: Path

    def text(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def person(self, *lines: str, name: str = "bad.vcf.gz", **options: object) -> Path:
        return write_vcf(self.folder / name, lines, contigs=CONTIGS, **options)  # type: ignore[arg-type]

    def plain(self, name: str = "plain.vcf") -> Path:
        """The good VCF without compression."""
        return self.text(name, gzip.decompress(self.vcf.read_bytes()))

    def indexed(self, text: str | bytes, name: str = "bad.vcf.gz") -> Path:
        """Any text as a compressed and indexed VCF."""
        return write_indexed(self.folder / name, text)

    def replaced(self, old: str, new: str, count: int = 1) -> Path:
        """The good VCF with some text replaced."""
        text = gzip.decompress(self.vcf.read_bytes()).decode()
        assert old in text
        return self.indexed(text.replace(old, new, count))

    def copied(self, path: Path, name: str | None = None) -> Path:
        target = self.folder / (name or path.name)
        shutil.copy(path, target)
        for suffix in (".tbi", ".fai"):
            if Path(f"{path}{suffix}").exists():
                shutil.copy(f"{path}{suffix}", f"{target}{suffix}")
        return target

    def spoiled(self, name: str, change: Callable[[bytes], bytes] | None) -> Path:
        """The model folder with one file changed or removed."""
        folder = self.folder / "model"
        shutil.copytree(self.model, folder)
        if change is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(change((folder / name).read_bytes()))
        return folder

    def config(self, **changes: object) -> Path:
        folder = self.folder / "model"
        shutil.copytree(self.model, folder)
        content = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**content, **changes}))
        write_companions(folder)
        return folder

    def weights(self, change: Callable[[dict[str, torch.Tensor]], None]) -> Path:
        folder = self.folder / "model"
        shutil.copytree(self.model, folder)
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        write_companions(folder)
        return folder

    def out(self, name: str = "out.csv") -> Path:
        return self.outputs / name

    @property
    def ref(self) -> str:
        """The base at position 2000."""
        return self.world.genome[1_999]

    @property
    def alt(self) -> str:
        return "A" if self.ref != "A" else "C"


@dataclass(frozen=True)
class Bad:
    """A command line that cannot work, its exit code, and words that the message must have."""

    name: str
    arguments: Callable[[Desk], list[object]]
    words: tuple[str, ...]
    code: int = 1


CASES: list[Bad] = []


def bad(name: str, *words: str, code: int = 1) -> Callable[[Callable[[Desk], list[object]]], None]:
    """Register a case; the function makes its files and gives the arguments."""

    def register(arguments: Callable[[Desk], list[object]]) -> None:
        CASES.append(Bad(name, arguments, words, code))

    return register


def predict(desk: Desk, *more: object, model: Path | None = None, fasta: Path | None = None) -> list[object]:
    output = [] if any(str(each) in ("-o", "--output") for each in more) else ["-o", desk.out()]
    return ["predict", model or desk.model, "--fasta", fasta or desk.fasta, "--gene", "PLUS", *output, *more]


def effects(desk: Desk, *more: object, variants: object = None) -> list[object]:
    variants = variants or desk.text("variants.txt", f"chr1:2000:{desk.ref}>{desk.alt}\n")
    output = [] if "-o" in more else ["-o", desk.out()]
    return ["effects", desk.model, "--variants", variants, "--fasta", desk.fasta, *output, *more]


def mutagenesis(desk: Desk, *more: object) -> list[object]:
    region = [] if "--region" in more or "--element" in more else ["--region", "chr1:2000-2004"]
    gene = [] if "--gene" in more else ["--gene", "PLUS"]
    return ["mutagenesis", desk.model, "--fasta", desk.fasta, *gene, *region, "-o", desk.out("o.safetensors"), *more]


def knockout(desk: Desk, *more: object) -> list[object]:
    gene = [] if "--gene" in more else ["--gene", "PLUS"]
    output = [] if "-o" in more else ["-o", desk.out()]
    return ["knockout", desk.model, "--fasta", desk.fasta, *gene, *output, *more]


def counterfactual(desk: Desk, *more: object, vcf: Path | None = None, edits: object = None) -> list[object]:
    edits = edits or desk.text("edits.txt", f"chr1:2000:{desk.ref}>{desk.alt}\n")
    gene = [] if "--gene" in more else ["--gene", "PLUS"]
    return [
        "counterfactual",
        desk.model,
        "--fasta",
        desk.fasta,
        "--vcf",
        vcf or desk.vcf,
        "--edits",
        edits,
        *gene,
        "-o",
        desk.out(),
        *more,
    ]


def edit(desk: Desk, *more: object, vcf: Path | None = None, edits: object = None) -> list[object]:
    edits = edits or desk.text("edits.txt", f"chr1:2000:{desk.ref}>{desk.alt}\n")
    output = [] if "-o" in more else ["-o", desk.out("o.vcf.gz")]
    return ["edit", "--fasta", desk.fasta, "--vcf", vcf or desk.vcf, "--edits", edits, *output, *more]


def eqtl(desk: Desk, *more: object, table: object = None) -> list[object]:
    table = table or desk.text(
        "eqtl.tsv",
        f"chromosome\tposition\tref\talt\tgene_id\tbeta\nchr1\t2000\t{desk.ref}\t{desk.alt}\tENSG00000000001\t0.1\n",
    )
    return ["eqtl", desk.model, "--table", table, "--fasta", desk.fasta, "-o", desk.out("o.tsv"), *more]


def null(desk: Desk, *more: object, panel: Path | None = None) -> list[object]:
    gene = [] if "--gene" in more or "--genes-file" in more else ["--gene", "PLUS"]
    return [
        "null",
        desk.model,
        "--panel",
        panel or desk.cohort.vcf,
        "--fasta",
        desk.fasta,
        *gene,
        "-o",
        desk.out("o.parquet"),
        *more,
    ]


def train(desk: Desk, stage: str = "expression", **changes: object) -> list[object]:
    """A configuration, good but for what is changed; None takes an option away."""
    folder = desk.cohort.vcf.parent
    split = desk.folder / "split.json"
    split_donors(desk.cohort.expression.samples, test=0.25).save(split)
    loop = {"output": str(desk.out("run")), **changes.pop("loop", {})}  # type: ignore[dict-item]
    content: dict[str, object] = {"loop": loop, "fasta": str(desk.fasta)}
    if stage == "expression":
        content |= {
            "vcfs": {"LAB": str(desk.cohort.vcf)},
            "expression": str(folder / "expression"),
            "split": str(split),
            "model": str(desk.model),
        }
    else:
        content |= {
            "vcfs": {"*": str(desk.cohort.vcf)},
            "cres": str(desk.world.folder / "cres.bed"),
            "held_out": ["chrX"],
            "activity": [{"path": str(folder / "D0.liver.bed"), "donor": "D0", "tissue": "liver"}],
        }
    content = {name: value for name, value in {**content, **changes}.items() if value is not None}
    return ["train", stage, "--config", desk.text("config.yaml", yaml.safe_dump(content))]


# -- Genotype files, read by each command that reads any ---------------------------------------------------------------


def no_index(desk: Desk) -> Path:
    path = desk.copied(desk.vcf)
    Path(f"{path}.tbi").unlink()
    return path


def cut_short(desk: Desk) -> Path:
    path = desk.copied(desk.vcf)
    path.write_bytes(path.read_bytes()[:-60])
    return path


def plain_gzip(desk: Desk) -> Path:
    return desk.text("bad.vcf.gz", gzip.compress(gzip.decompress(desk.vcf.read_bytes())))


def of_another_assembly(desk: Desk) -> Path:
    return write_vcf(
        desk.folder / "bad.vcf.gz", [record(2_000, desk.ref, desk.alt, "0/1")], contigs={"chr1": LENGTH + 1}
    )


def of_other_contigs(desk: Desk) -> Path:
    return write_vcf(
        desk.folder / "bad.vcf.gz", [record(5, "A", "C", "0/1", chrom="scaffold_9")], contigs={"scaffold_9": 900}
    )


def of_another_reference(desk: Desk) -> Path:
    """REF alleles that the FASTA does not hold."""
    other = str.maketrans("ACGT", "CGTA")
    positions = range(1_000, 4_000, 50)
    bases = [desk.world.genome[position - 1].translate(other) for position in positions]
    return desk.person(
        *(record(position, base, base.translate(other), "0/1") for position, base in zip(positions, bases, strict=True))
    )


VCFS: dict[str, tuple[Callable[[Desk], Path], tuple[str, ...]]] = {
    "is not there": (lambda d: d.folder / "none.vcf.gz", ("none.vcf.gz", "no such file")),
    "has no index": (no_index, ("index", "tabix")),
    "is a folder": (lambda d: d.folder, ("folder",)),
    "is plain text": (lambda d: d.plain(), ("plain.vcf", "bgzip")),
    "is compressed with gzip": (plain_gzip, ("bgzip",)),
    "is cut short": (cut_short, ("cut short",)),
    "is empty": (lambda d: d.text("bad.vcf.gz", ""), ("bad.vcf.gz",)),
    "is no VCF": (lambda d: d.text("bad.vcf.gz", np.random.default_rng(0).bytes(500)), ("bad.vcf.gz", "VCF")),
    "has no #CHROM line": (
        lambda d: d.indexed("##fileformat=VCFv4.2\nchr1\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\n"),
        ("#CHROM",),
    ),
    "has other contigs": (of_other_contigs, ("scaffold_9", "contig")),
    "has contigs of another length": (of_another_assembly, ("chr1", str(LENGTH + 1))),
    "has other REF alleles": (of_another_reference, ("REF",)),
    "has a genotype that is none": (
        lambda d: d.person(record(2_000, d.ref, d.alt, "0/x")),
        ("chr1:2000", "0/x"),
    ),
    "has a genotype without its allele": (
        lambda d: d.person(record(2_000, d.ref, d.alt, "0/3")),
        ("chr1:2000", "allele"),
    ),
    "has more values than keys": (
        lambda d: d.person(record(2_000, d.ref, d.alt, "0/1:7:8")),
        ("chr1:2000", "FORMAT"),
    ),
    "has an empty call": (lambda d: d.person(record(2_000, d.ref, d.alt, "")), ("chr1:2000",)),
    "has two samples of one name": (
        lambda d: d.person(record(2_000, d.ref, d.alt, "0/1", "0/1"), samples=("S1", "S1")),
        ("S1", "two"),
    ),
}
READERS: dict[str, Callable[[Desk, Path], list[object]]] = {
    "predict": lambda d, vcf: predict(d, "--vcf", vcf),
    "effects": lambda d, vcf: effects(d, "--vcf", vcf),
    "mutagenesis": lambda d, vcf: mutagenesis(d, "--vcf", vcf),
    "knockout": lambda d, vcf: knockout(d, "--vcf", vcf),
    "counterfactual": lambda d, vcf: counterfactual(d, vcf=vcf),
    "edit": lambda d, vcf: edit(d, vcf=vcf),
    "ingest": lambda d, vcf: ["ingest", vcf],
}
# `ingest` and `edit` read a file by itself or near the edits: what no FASTA shows, and what lies elsewhere, passes.
_ALONE = {
    "has other contigs",
    "has contigs of another length",
    "has other REF alleles",
    "has a genotype without its allele",
}
_PASSES = {("ingest", name) for name in _ALONE}
_PASSES |= {("edit", "has other REF alleles"), ("counterfactual", "has other REF alleles")}
for _command, _arguments in READERS.items():
    for _name, (_make, _words) in VCFS.items():
        if (_command, _name) not in _PASSES:
            bad(f"{_command}: a VCF that {_name}", *_words)(
                lambda d, make=_make, arguments=_arguments: arguments(d, make(d))  # type: ignore[misc]
            )
for _name in ("is not there", "has no index", "is a folder", "is cut short", "is no VCF"):
    _make, _words = VCFS[_name]
    bad(f"null: a panel that {_name}", *_words)(lambda d, make=_make: null(d, panel=make(d)))  # type: ignore[misc]
    bad(f"train: a VCF that {_name}", *_words)(
        lambda d, make=_make: train(d, vcfs={"LAB": str(make(d))})  # type: ignore[misc]
    )
for _kind, _content, _word in (
    (".pgen", b"l\x1b\x10", "has no .pvar or .pvar.zst beside it"),
    (".bed", b"l\x1b\x01", "has no .bim beside it"),
    (".bed", b"chr1\t100\t200\n", "a BED of intervals has no genotypes"),
    (".bgen", b"nothing", "does not begin as a .bgen"),
    (".bim", b"1\trs1\t0\t10\tA\tC\n", "bad.bed"),
    (".pvar.zst", b"(\xb5/\xfd", "bad.pgen"),
):
    bad(f"predict: genotypes in {_kind} that begin {_content[:4]!r}", _word)(
        lambda d, kind=_kind, content=_content: predict(  # type: ignore[misc]
            d, "--vcf", d.text(f"bad{kind}", content)
        )
    )
for _url in ("ftp://example.org/a.vcf.gz", "hf://datasets/a/b.vcf.gz", "s3://", "-", "/dev/stdin"):
    bad(f"predict: --vcf {_url}", _url)(lambda d, url=_url: predict(d, "--vcf", url))  # type: ignore[misc]
    bad(f"effects: --vcf {_url}", _url)(lambda d, url=_url: effects(d, "--vcf", url))  # type: ignore[misc]


# -- Several files of genotypes, read together by each command ---------------------------------------------------------


def second(desk: Desk, name: str = "second.vcf.gz", samples: tuple[str, ...] = ("S1",), **options: object) -> Path:
    """A file of the other contig, good beside the good one."""
    base = desk.world.reference.sequence("chrX", 99, 100)
    calls = ["0/1"] * len(samples)
    line = record(100, base, "A" if base != "A" else "C", *calls, chrom="chrX")
    options = {"contigs": CONTIGS, **options}
    return write_vcf(desk.folder / name, [line], samples=samples, **options)  # type: ignore[arg-type]


def unindexed(desk: Desk) -> Path:
    path = second(desk)
    Path(f"{path}.tbi").unlink()
    return path


SEVERAL: dict[str, tuple[Callable[[Desk], list[object]], tuple[str, ...]]] = {
    "a glob that matches nothing": (lambda d: [f"{d.folder}/none*.vcf.gz"], ("none*.vcf.gz", "matches no file")),
    "a pattern that matches nothing": (
        lambda d: [second(d), f"{d.folder}/none.{{contig}}.vcf.gz"],
        ("none.{contig}.vcf.gz", "matches no file"),
    ),
    "a file given twice": (lambda d: [d.vcf, d.vcf], ("good.vcf.gz", "given twice")),
    "a chromosome twice": (
        lambda d: [d.vcf, d.person(record(2_000, d.ref, d.alt, "0/1"))],
        ("bad.vcf.gz", "good.vcf.gz", "chr1", "same stretch"),
    ),
    "files of other samples": (
        lambda d: [d.vcf, second(d, samples=("A", "B", "C", "D"))],
        ("second.vcf.gz", "good.vcf.gz", "A, B, C and 1 more", "S1"),
    ),
    "files of different assemblies": (
        lambda d: [d.vcf, second(d, contigs={**CONTIGS, "chr1": LENGTH + 1})],
        ("second.vcf.gz", "good.vcf.gz", str(LENGTH + 1)),
    ),
    "files of other names for a contig": (
        lambda d: [d.vcf, second(d, contigs={"1": LENGTH, "chrX": 200})],
        ("second.vcf.gz", "good.vcf.gz", "chr1", "rename-chrs"),
    ),
    "one of two without an index": (lambda d: [d.vcf, unindexed(d)], ("second.vcf.gz", "index", "tabix")),
    "one of two that is not there": (lambda d: [d.vcf, d.folder / "gone.vcf.gz"], ("gone.vcf.gz", "no such file")),
}


def repeated(name: str, files: list[object]) -> list[object]:
    return [word for file in files for word in (name, file)]


READERS_OF_SEVERAL: dict[str, Callable[[Desk, list[object]], list[object]]] = {
    "predict": lambda d, files: predict(d, *repeated("--vcf", files)),
    "effects": lambda d, files: effects(d, *repeated("--vcf", files)),
    "mutagenesis": lambda d, files: mutagenesis(d, *repeated("--vcf", files)),
    "knockout": lambda d, files: knockout(d, *repeated("--vcf", files)),
    "eqtl": lambda d, files: eqtl(d, *repeated("--vcf", files)),
    "null": lambda d, files: null(d, *repeated("--panel", files[1:]), panel=Path(str(files[0]))),
    "counterfactual": lambda d, files: counterfactual(d, *repeated("--vcf", files[1:]), vcf=Path(str(files[0]))),
    "edit": lambda d, files: edit(d, *repeated("--vcf", files[1:]), vcf=Path(str(files[0]))),
    "ingest": lambda d, files: ["ingest", *files],
    "doctor": lambda d, files: ["doctor", "--fasta", d.fasta, *repeated("--vcf", files)],
    "train": lambda d, files: train(d, vcfs={"LAB": [str(file) for file in files]}),
}
for _reader, _arguments_of_several in READERS_OF_SEVERAL.items():
    for _name, (_several, _words) in SEVERAL.items():
        # The table of `doctor` breaks long lines.
        bad(f"{_reader}: {_name}", *(() if _reader == "doctor" else _words))(
            lambda d, make=_several, arguments=_arguments_of_several: arguments(d, make(d))  # type: ignore[misc]
        )


@bad("predict: a sample that none of several files has", "good.vcf.gz and 1 more", "'Z'")
def _(d: Desk) -> list[object]:
    return predict(d, *repeated("--vcf", [d.vcf, second(d)]), "--sample", "Z")


@bad("predict: a VCF with a byte order mark", "bom.vcf")
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.text("bom.vcf", b"\xef\xbb\xbf" + d.plain().read_bytes()))


@bad("predict: a VCF without genotypes for anybody", "missing_genotype")
def _(d: Desk) -> list[object]:
    lines = [
        record(
            position,
            d.world.genome[position - 1],
            d.alt if d.world.genome[position - 1] != d.alt else "G",
            "20",
            keys="DP",
        )
        for position in range(1_000, 4_000, 40)
    ]
    return predict(d, "--vcf", d.person(*lines))


@bad("predict: a VCF whose every genotype is missing", "missing_genotype")
def _(d: Desk) -> list[object]:
    return predict(
        d, "--vcf", d.person(*(record(p, d.world.genome[p - 1], "N", "./.") for p in range(1_000, 4_000, 40)))
    )


@bad("predict: records that all fail the filter", "filter_not_pass")
def _(d: Desk) -> list[object]:
    vcf = d.person(record(2_000, d.ref, d.alt, "0/1", filters="q10"))
    return predict(d, "--vcf", vcf, "--pass-only")


@bad("predict: records without the quality that is asked for", "low_gq")
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.person(record(2_000, d.ref, d.alt, "0/1")), "--min-gq", 20)


@bad("predict: a VCF of another chromosome", "chr1")
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.person(record(50, "A", "C", "0/1", chrom="chrX")))


@bad("predict: a gVCF that is not said to be one", "gvcf")
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.person(record(2_000, d.ref, f"{d.alt},<NON_REF>", "0/1")))


@bad("predict: a sample that is not there", "nobody", "S1")
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.vcf, "--sample", "nobody")


@bad("predict: a sample without a VCF", "without a VCF")
def _(d: Desk) -> list[object]:
    return predict(d, "--sample", "S1")


@bad("predict: several samples and none named", "8 samples", "--sample")
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.cohort.vcf)


@bad("predict: a list of samples of whom most are not there", "lacks 4 of the 5", "'A', 'B', 'C', ...", "D0, D1")
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.cohort.vcf, "--samples-file", d.text("names.txt", "A\r\nB\n\n# C\nC\nD1\nE\n"))


@bad("predict: everybody, and some by name", "--all-samples", "Give one")
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.cohort.vcf, "--all-samples", "--sample", "D1")


@bad("predict: a list of samples without a VCF", "without a VCF")
def _(d: Desk) -> list[object]:
    return predict(d, "--samples-file", d.text("names.txt", "S1\n"))


@bad("predict: a list of samples that is a panel", "names.txt: line 1", "several columns")
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.cohort.vcf, "--samples-file", d.text("names.txt", "D1\tGBR\tEUR\n"))


@bad("effects: several samples and none named", "8 samples", "--sample")
def _(d: Desk) -> list[object]:
    return effects(d, "--vcf", d.cohort.vcf)


@bad("predict: a negative quality", "-3")
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.vcf, "--min-gq", "-3")


@bad("predict: a negative depth", "-1")
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.vcf, "--min-dp", "-1")


@bad("predict: a quality that is no number", "--min-gq", code=2)
def _(d: Desk) -> list[object]:
    return predict(d, "--vcf", d.vcf, "--min-gq", "high")


@bad("predict: an index of another kind of file", "index")
def _(d: Desk) -> list[object]:
    path = d.copied(d.vcf)
    Path(f"{path}.tbi").write_bytes(b"nothing of the kind")
    return predict(d, "--vcf", path)


@bad("predict: an index that is cut short", "index")
def _(d: Desk) -> list[object]:
    path = d.copied(d.vcf)
    index = Path(f"{path}.tbi")
    index.write_bytes(index.read_bytes()[:40])
    return predict(d, "--vcf", path)


@bad("predict: a damaged block of the VCF", "bad.vcf.gz")
def _(d: Desk) -> list[object]:
    path = d.copied(d.vcf, "bad.vcf.gz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x5A
    path.write_bytes(bytes(content))
    return predict(d, "--vcf", path)


# -- FASTA -------------------------------------------------------------------------------------------------------------

FASTAS: dict[str, tuple[Callable[[Desk], Path | str], tuple[str, ...]]] = {
    "is not there": (lambda d: d.folder / "none.fa", ("none.fa", "no such file")),
    "is a folder": (lambda d: d.folder, ("folder",)),
    "is empty": (lambda d: d.text("bad.fa", ""), ("bad.fa",)),
    "is no FASTA": (lambda d: d.text("bad.fa", "chr1,1,2\n"), ("bad.fa",)),
    "has lines of different lengths": (lambda d: d.text("bad.fa", ">chr1\nACGT\nAC\nACGT\n"), ("bad.fa",)),
    "is compressed with gzip": (
        lambda d: d.text("bad.fa.gz", gzip.compress(d.fasta.read_bytes())),
        ("bad.fa.gz", "bgzip"),
    ),
    "has a contig twice": (lambda d: d.text("bad.fa", ">chr1\nACGT\n>chr1\nACGT\n"), ("chr1",)),
    "is binary": (lambda d: d.text("bad.fa", np.random.default_rng(1).bytes(400)), ("bad.fa",)),
    "is an address of FTP": (lambda d: "ftp://example.org/genome.fa", ("ftp://example.org/genome.fa", "are not read")),
    "has a shorter contig than its genes": (
        lambda d: write_fasta(d.folder / "short.fa", {"chr1": d.world.genome[:2_000], "chrX": "A" * 200}, width=60),
        ("chr1",),
    ),
}


for _name, (_fasta, _words) in FASTAS.items():
    bad(f"predict: a FASTA that {_name}", *_words)(
        lambda d, make=_fasta: predict(d, fasta=make(d))  # type: ignore[misc]
    )
for _name in ("is not there", "is a folder", "is empty", "is no FASTA"):
    _fasta, _words = FASTAS[_name]
    for _command, _call in (
        ("effects", lambda d, fasta: [*effects(d)[:4], "--fasta", fasta, "-o", d.out()]),
        ("precompute", lambda d, fasta: ["precompute", d.model, "--fasta", fasta, "-o", d.out("store")]),
        ("train", lambda d, fasta: train(d, fasta=str(fasta))),
    ):
        bad(f"{_command}: a FASTA that {_name}", *_words)(
            lambda d, make=_fasta, call=_call: call(d, make(d))  # type: ignore[misc]
        )

# -- Models ------------------------------------------------------------------------------------------------------------


def flipped(content: bytes) -> bytes:
    return content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 0x10]) + content[len(content) // 2 + 1 :]


def _first(tensors: dict[str, torch.Tensor]) -> str:
    return min(name for name, tensor in tensors.items() if tensor.ndim == 2)


def _remove(tensors: dict[str, torch.Tensor]) -> None:
    del tensors[_first(tensors)]


def _add(tensors: dict[str, torch.Tensor]) -> None:
    tensors["another.weight"] = torch.zeros(3)


def _reshape(tensors: dict[str, torch.Tensor]) -> None:
    tensors[_first(tensors)] = torch.zeros(3, 3)


def _spoil(value: float) -> Callable[[dict[str, torch.Tensor]], None]:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors[_first(tensors)][0, 0] = value

    return spoil


MODELS: dict[str, tuple[Callable[[Desk], object], tuple[str, ...]]] = {
    "is not there": (lambda d: d.folder / "none", ("none",)),
    "is an empty folder": (lambda d: d.folder, ("model",)),
    "is a file": (lambda d: d.text("model.bin", "x"), ("model.bin",)),
    "has no config": (lambda d: d.spoiled("config.json", None), ("config.json",)),
    "has no weights": (lambda d: d.spoiled("model.safetensors", None), ("model.safetensors",)),
    "has no tokenizer": (lambda d: d.spoiled("tokenizer.json", None), ("tokenizer.json",)),
    "has no processor": (lambda d: d.spoiled("processor_config.json", None), ("processor_config.json",)),
    "has no genes": (lambda d: d.spoiled("genes.parquet", None), ("genes.parquet",)),
    "has no cCREs": (lambda d: d.spoiled("cres.parquet", None), ("cres.parquet",)),
    "has an empty config": (lambda d: d.spoiled("config.json", lambda _: b""), ("config.json",)),
    "has a config that is a list": (lambda d: d.spoiled("config.json", lambda _: b"[1]"), ("config.json",)),
    "has a config in binary": (lambda d: d.spoiled("config.json", lambda _: b"\xff\xfe\x00"), ("config.json",)),
    "has the config of another model": (lambda d: d.config(model_type="bert"), ("bert",)),
    "is Enformer, of another library": (
        lambda d: d.config(model_type="enformer"),
        ("'enformer'", "variantformer convert", "--kind enformer -o MODEL"),
    ),
    "is Borzoi, of another library": (
        lambda d: d.config(model_type="borzoi"),
        ("'borzoi'", "variantformer convert", "--kind borzoi -o MODEL"),
    ),
    "is a stage-1 encoder": (
        lambda d: d.config(model_type="variantformer_encoder"),
        ("'variantformer_encoder'", "predicts no expression of genes"),
    ),
    "has a config of other widths": (lambda d: d.config(hidden_size=48), ("model",)),
    "has a config without sense": (lambda d: d.config(num_attention_heads=-1), ("model",)),
    "has fewer tissues than weights": (lambda d: d.config(tissues=["liver"]), ("model",)),
    "has weights cut short": (lambda d: d.spoiled("model.safetensors", lambda c: c[:-100]), ("model",)),
    "has weights of no kind": (lambda d: d.spoiled("model.safetensors", lambda _: b"x" * 300), ("model",)),
    "has empty weights": (lambda d: d.spoiled("model.safetensors", lambda _: b""), ("model",)),
    "lacks a weight": (lambda d: d.weights(_remove), ("model",)),
    "has a weight too many": (lambda d: d.weights(_add), ("another.weight",)),
    "has a weight of another shape": (lambda d: d.weights(_reshape), ("model",)),
    "has a weight that is NaN": (lambda d: d.weights(_spoil(float("nan"))), ("model",)),
    "has a weight that is infinite": (lambda d: d.weights(_spoil(float("inf"))), ("model",)),
    "has a tokenizer that is no JSON": (lambda d: d.spoiled("tokenizer.json", lambda _: b"{"), ("tokenizer",)),
    "has an empty tokenizer": (lambda d: d.spoiled("tokenizer.json", lambda _: b"{}"), ("tokenizer",)),
    "has a processor that is no JSON": (lambda d: d.spoiled("processor_config.json", lambda _: b"]"), ("processor",)),
    "has genes that are no Parquet": (lambda d: d.spoiled("genes.parquet", lambda _: b"gene"), ("genes.parquet",)),
    "has genes cut short": (lambda d: d.spoiled("genes.parquet", lambda c: c[:-9]), ("genes.parquet",)),
    "has cCREs that are no Parquet": (lambda d: d.spoiled("cres.parquet", lambda _: b"cre"), ("cres.parquet",)),
    "has cCREs in place of genes": (
        lambda d: d.spoiled("genes.parquet", lambda _: (d.model / "cres.parquet").read_bytes()),
        ("genes.parquet",),
    ),
}
for _name, (_model, _words) in MODELS.items():
    bad(f"predict: a model that {_name}", *_words)(
        lambda d, make=_model: predict(d, model=make(d))  # type: ignore[misc]
    )
for _name in (
    "is not there",
    "is an empty folder",
    "has no weights",
    "has a config that is a list",
    "is Enformer, of another library",
):
    _model, _words = MODELS[_name]
    for _command, _call in (
        ("effects", lambda d, model: ["effects", model, *effects(d)[2:]]),
        ("mutagenesis", lambda d, model: ["mutagenesis", model, *mutagenesis(d)[2:]]),
        ("precompute", lambda d, model: ["precompute", model, "--fasta", d.fasta, "-o", d.out("store")]),
        ("publish", lambda d, model: ["publish", model, "user/name", "--dry-run"]),
        ("doctor", lambda d, model: ["doctor", "--fasta", d.fasta, "--model", model]),
    ):
        # The doctor looks at a model's tables alone.
        if _command != "doctor" or _name in ("is not there", "is an empty folder"):
            bad(f"{_command}: a model that {_name}")(
                lambda d, make=_model, call=_call: call(d, make(d))  # type: ignore[misc]
            )

# -- Names, outputs and options ----------------------------------------------------------------------------------------


@bad("predict: an unknown gene", "PLUSS", "PLUS", code=3)
def _(d: Desk) -> list[object]:
    return predict(d, "--gene", "PLUSS")


@bad("predict: an unknown tissue", "livr", "liver", code=3)
def _(d: Desk) -> list[object]:
    return predict(d, "--tissue", "livr")


@bad("predict: an empty gene", code=3)
def _(d: Desk) -> list[object]:
    return predict(d, "--gene", "")


@bad("predict: no gene is left", "no gene is left")
def _(d: Desk) -> list[object]:
    return [*predict(d)[:4], "--gene", "nonsense", "--skip-invalid", "-o", d.out()]


@bad("mutagenesis: an unknown gene", "nonsense", code=3)
def _(d: Desk) -> list[object]:
    return mutagenesis(d, "--gene", "nonsense")


@bad("knockout: an unknown gene", "nonsense", code=3)
def _(d: Desk) -> list[object]:
    return knockout(d, "--gene", "nonsense")


@bad("counterfactual: an unknown gene", "nonsense", code=3)
def _(d: Desk) -> list[object]:
    return counterfactual(d, "--gene", "nonsense")


@bad("effects: an unknown gene", "nonsense", code=3)
def _(d: Desk) -> list[object]:
    return effects(d, "--gene", "nonsense")


for _command, _call in (
    ("effects", effects),
    ("mutagenesis", mutagenesis),
    ("knockout", knockout),
    ("counterfactual", counterfactual),
    ("eqtl", eqtl),
    ("null", null),
):
    bad(f"{_command}: an unknown tissue", "nonsense", code=3)(
        lambda d, call=_call: call(d, "--tissue", "nonsense")  # type: ignore[misc]
    )
for _command, _call in (
    ("effects", effects),
    ("mutagenesis", mutagenesis),
    ("knockout", knockout),
    ("counterfactual", counterfactual),
    ("eqtl", eqtl),
):
    bad(f"{_command}: a mode that is none", "mode", code=2)(
        lambda d, call=_call: call(d, "--mode", "both")  # type: ignore[misc]
    )


@bad("null: an unknown gene", "nonsense", code=3)
def _(d: Desk) -> list[object]:
    return null(d, "--gene", "nonsense")


for _name, _content, _words in (
    ("empty", "", ("genes.txt",)),
    ("of comments", "# none\n\n", ("genes.txt",)),
    ("binary", b"\x80\x81\x82", ("genes.txt",)),
):
    bad(f"predict: a list of genes that is {_name}", *_words)(
        lambda d, content=_content: predict(d, "--genes-file", d.text("genes.txt", content))  # type: ignore[misc]
    )
bad("predict: a list of genes that is not there", "none.txt")(
    lambda d: predict(d, "--genes-file", d.folder / "none.txt")
)
bad("predict: a list of genes that is a folder", "folder")(lambda d: predict(d, "--genes-file", d.folder))
bad("null: a list of genes that is not there", "none.txt")(lambda d: null(d, "--genes-file", d.folder / "none.txt"))
bad("predict: a device that is not there", "tpu")(lambda d: predict(d, "--device", "tpu"))
bad("predict: a device in other words", "cuda:x")(lambda d: predict(d, "--device", "cuda:x"))
bad("effects: a device that is not there", "tpu")(lambda d: effects(d, "--device", "tpu"))
bad("predict: a precision that is none", "precision", code=2)(lambda d: predict(d, "--precision", "int8"))
bad("predict: a mode that is none", "mode", code=2)(lambda d: predict(d, "--mode", "both"))
bad("predict: an option that is none", "--colour", code=2)(lambda d: predict(d, "--colour", "red"))
bad("predict: no output", "output", code=2)(lambda d: ["predict", d.model, "--fasta", d.fasta])
bad("predict: no model", "model", code=2)(lambda d: ["predict", "--fasta", d.fasta, "-o", d.out()])
bad("predict: an output of no known kind", "out.xyz")(lambda d: predict(d, "-o", d.out("out.xyz")))
bad("predict: an output without an ending", "out")(lambda d: predict(d, "-o", d.out("out")))
bad("predict: an output in a folder that is not there", "none", "no such folder")(
    lambda d: predict(d, "-o", d.outputs / "none" / "out.csv")
)
bad("predict: an output in a file", "variants")(lambda d: predict(d, "-o", d.text("variants.txt", "x") / "out.csv"))
bad("predict: an output that is a folder", "folder.csv")(
    lambda d: (d.folder / "folder.csv").mkdir() or predict(d, "-o", d.folder / "folder.csv")  # type: ignore[func-returns-value]
)
bad("predict: an output that cannot be written", "/proc")(lambda d: predict(d, "-o", "/proc/out.csv"))
bad("effects: an output that cannot be written", "/proc")(lambda d: effects(d, "-o", "/proc/out.csv"))
bad("knockout: an output that cannot be written", "/proc")(lambda d: knockout(d, "-o", "/proc/out.csv"))
bad("edit: an output that cannot be written", "/proc")(lambda d: edit(d, "-o", "/proc/out.vcf.gz"))
bad("precompute: a folder that cannot be written", "/proc")(
    lambda d: ["precompute", d.model, "--fasta", d.fasta, "-o", "/proc/store"]
)
bad("demo: a folder that cannot be written", "/proc")(lambda d: ["demo", "-o", "/proc/demo"])
bad("demo: a folder that is a file", "taken")(lambda d: ["demo", "-o", d.text("taken", "x")])
bad("train: an output that cannot be written", "/proc")(lambda d: train(d, loop={"output": "/proc/run"}))
bad("predict: workers without Ray", "--engine ray")(lambda d: predict(d, "--workers", "2"))
bad("effects: a cluster without Ray", "--engine ray")(lambda d: effects(d, "--address", "auto"))
bad("predict: no worker", "number of workers is 0")(lambda d: predict(d, "--engine", "ray", "--workers", "0"))
bad("predict: a cluster that is not there", "127.0.0.1:1", "nobody answers")(
    lambda d: predict(d, "--engine", "ray", "--address", "127.0.0.1:1")
)
bad("mutagenesis: no address of a cluster", "--address here", "HOST:PORT")(
    lambda d: mutagenesis(d, "--engine", "ray", "--address", "here")
)
bad("predict: h5ad in a CSV", "h5ad")(lambda d: predict(d, "--format", "h5ad"))
bad("predict: predixcan in a CSV", "predixcan")(lambda d: predict(d, "--format", "predixcan"))
bad("predict: embeddings in a folder that is not there", "none")(
    lambda d: predict(d, "--embeddings", d.outputs / "none" / "e.safetensors")
)
bad("effects: an output of no known kind", "out.xyz")(lambda d: effects(d, "-o", d.out("out.xyz")))
bad("effects: h5ad in a CSV", "h5ad")(lambda d: effects(d, "--format", "h5ad"))
bad("knockout: an output of no known kind", "out.xyz")(lambda d: knockout(d, "-o", d.out("out.xyz")))
bad("mutagenesis: a track of no known kind", "t.wig")(lambda d: mutagenesis(d, "--track", d.out("t.wig")))
bad("mutagenesis: a plot of no known kind", "p.xyz")(lambda d: mutagenesis(d, "--plot", d.out("p.xyz")))
bad("edit: an output that is not compressed", "o.vcf")(lambda d: edit(d, "-o", d.out("o.vcf")))


@bad("predict: an output that exists", "already exists")
def _(d: Desk) -> list[object]:
    return predict(d, "-o", d.text("kept.csv", "kept"))


@bad("predict: unfinished parts of another run", "another run")
def _(d: Desk) -> list[object]:
    (d.folder / "o.csv.parts").mkdir()
    d.text("o.csv.parts/run.json", '{"key": "another"}')
    d.text("o.csv.parts/genes-1.parquet", "what another run has done")
    return predict(d, "-o", d.folder / "o.csv")


@bad("predict: a dataset of another run", "another run", "differs in: tissues")
def _(d: Desk) -> list[object]:
    finished = run(*predict(d, "--vcf", d.vcf, "-o", f"{d.folder}/d/", "--tissue", "liver"))
    assert finished.returncode == 0, finished.stderr
    return predict(d, "--vcf", d.vcf, "-o", f"{d.folder}/d/")


@bad("predict: a dataset in a folder of other files", "is no folder of predictions", "mine/notes.txt")
def _(d: Desk) -> list[object]:
    (d.folder / "d" / "mine").mkdir(parents=True)
    d.text("d/mine/notes.txt", "x")
    return predict(d, "--vcf", d.vcf, "-o", f"{d.folder}/d/", "--overwrite")


@bad("predict: a dataset that another run writes", "another run writes this output")
def _(d: Desk) -> list[object]:
    (d.folder / "d").mkdir()
    OutputLock(d.folder / "d" / ".lock")
    return predict(d, "--vcf", d.vcf, "-o", f"{d.folder}/d/")


bad("predict: a dataset with a record that cannot be read", "chr1:2000", "an allele that the record does not have")(
    lambda d: predict(d, "--vcf", d.person(record(2_000, d.ref, d.alt, "0/5")), "-o", f"{d.outputs}/d/")
)
bad("predict: a dataset in a layout of a table", "wide", "export")(
    lambda d: predict(d, "-o", f"{d.outputs}/d/", "--format", "wide")
)
bad("predict: a dataset with embeddings beside it", "--embeddings")(
    lambda d: predict(d, "-o", f"{d.outputs}/d/", "--embeddings", d.out("e.safetensors"))
)
bad("predict: halves of numbers in a table", "--format zarr")(lambda d: predict(d, "--dtype", "float16"))
bad("predict: a folder that is no dataset", "is a folder, and no dataset", "end the name in /")(
    lambda d: predict(d, "-o", d.folder)
)
bad("predict: a dataset that cannot be written", "/proc")(lambda d: predict(d, "-o", "/proc/d/"))
bad("export: a folder that is not there", "none", "is no folder of predictions")(
    lambda d: ["export", d.folder / "none", "-o", d.out()]
)
bad("export: a layout and a suffix that do not go together", "h5ad")(
    lambda d: ["export", d.folder, "-o", d.out(), "--format", "h5ad"]
)


def exported(desk: Desk, *more: object, spoil: str | None = None) -> list[object]:
    """A dataset, maybe with one of its files gone."""
    finished = run(*predict(desk, "--vcf", desk.vcf, "-o", f"{desk.folder}/d/"))
    assert finished.returncode == 0, finished.stderr
    if spoil is not None:
        next((desk.folder / "d").glob(spoil)).unlink()
    return ["export", desk.folder / "d", "-o", desk.out(), *more]


bad("export: a gene that is not there", "gene 'MINUS'", code=3)(lambda d: exported(d, "--gene", "MINUS"))
bad("export: a tissue that is not there", "tissue 'livver'", "mean liver", code=3)(
    lambda d: exported(d, "--tissue", "livver")
)
bad("export: a sample that is not there", "'Nobody'")(lambda d: exported(d, "--sample", "Nobody"))
bad("export: a dataset that is not finished", "is not finished")(lambda d: exported(d, spoil="_manifest.json"))
bad("export: a dataset without a file", "damaged, or gone")(lambda d: exported(d, spoil="chr1/*.parquet"))
bad("export: a dataset without its description", "_run.json")(lambda d: exported(d, spoil="_run.json"))


@bad("predict: a store of another model", "store")
def _(d: Desk) -> list[object]:
    (d.folder / "store").mkdir()
    d.text("store/store.json", '{"identity": "another", "width": 3, "layout": 1}')
    return predict(d, "--store", d.folder / "store")


@bad("predict: a store whose description is damaged", "store")
def _(d: Desk) -> list[object]:
    (d.folder / "store").mkdir()
    d.text("store/store.json", '{"identity')
    return predict(d, "--store", d.folder / "store")


@bad("predict: a store that is a file", "taken")
def _(d: Desk) -> list[object]:
    return predict(d, "--store", d.text("taken", "x"))


# -- Variants ----------------------------------------------------------------------------------------------------------


def table(header: str, *rows: str, separator: str = "\t") -> str:
    return "".join(f"{line}\n".replace(" ", separator) for line in (header, *rows))


VARIANTS: dict[str, tuple[Callable[[Desk], object], tuple[str, ...]]] = {
    "are not there": (lambda d: d.folder / "none.tsv", ("none.tsv",)),
    "are a folder": (lambda d: d.folder, ("folder",)),
    "are empty": (lambda d: d.text("v.tsv", ""), ("v.tsv",)),
    "are a header alone": (lambda d: d.text("v.tsv", table("chrom pos ref alt")), ("v.tsv",)),
    "are binary": (lambda d: d.text("v.tsv", np.random.default_rng(2).bytes(300)), ("v.tsv",)),
    "are in a workbook": (lambda d: d.text("v.xlsx", b"PK\x03\x04" + b"\0" * 50), ("v.xlsx",)),
    "have no position": (lambda d: d.text("v.tsv", table("chrom ref alt", "chr1 A C")), ("v.tsv",)),
    "have a column twice": (
        lambda d: d.text("v.tsv", table("chrom pos pos ref alt", "chr1 2000 2001 A C")),
        ("pos",),
    ),
    "have a REF that the FASTA has not": (lambda d: d.text("v.txt", f"chr1:2000:{d.alt}>T\n"), ("REF",)),
    "have a symbolic ALT": (
        lambda d: d.text("v.tsv", table("chrom pos ref alt", f"chr1 2000 {d.ref} <DEL>")),
        ("<DEL>",),
    ),
    "lie beyond the contig": (lambda d: d.text("v.txt", "chr1:9000:A>C\n"), ("9000",)),
    "lie before the contig": (lambda d: d.text("v.tsv", table("chrom pos ref alt", "chr1 0 A C")), ("v.tsv",)),
    "lie on another contig": (lambda d: d.text("v.txt", "chr9:2000:A>C\n"), ("chr9",)),
    "have like alleles": (lambda d: d.text("v.txt", f"chr1:2000:{d.ref}>{d.ref}\n"), ("same",)),
    "have alleles that are no bases": (lambda d: d.text("v.txt", f"chr1:2000:{d.ref}>Z\n"), ("Z",)),
    "have a position that is no number": (
        lambda d: d.text("v.tsv", table("chrom pos ref alt", f"chr1 two {d.ref} {d.alt}")),
        ("two",),
    ),
    "are of build 37": (lambda d: d.text("v.txt", f"chr1_2000_{d.ref}_{d.alt}_b37\n"), ("37",)),
    "are rsIDs": (lambda d: d.text("v.txt", "rs429358\nrs7412\n"), ("rs429358",)),
    "are prose": (lambda d: d.text("v.txt", "please score these\n"), ("v.txt",)),
    "are a VCF cut short": (cut_short, ("good.vcf.gz",)),
    "are Parquet that is none": (lambda d: d.text("v.parquet", "PAR1"), ("v.parquet",)),
}
for _name, (_variants, _words) in VARIANTS.items():
    bad(f"effects: variants that {_name}", *_words)(
        lambda d, make=_variants: effects(d, variants=make(d))  # type: ignore[misc]
    )
    bad(f"edit: variants that {_name}", *_words)(
        lambda d, make=_variants: edit(d, edits=make(d))  # type: ignore[misc]
    )
for _name in ("are not there", "are empty", "have no position", "have a REF that the FASTA has not"):
    _variants, _words = VARIANTS[_name]
    bad(f"counterfactual: variants that {_name}", *_words)(
        lambda d, make=_variants: counterfactual(d, edits=make(d))  # type: ignore[misc]
    )
bad("effects: a zygosity that is none", "triple")(lambda d: effects(d, "--zygosity", "triple"))
bad("effects: a background that is none", "mars")(lambda d: effects(d, "--background", "mars"))
bad("effects: the person without a VCF", "VCF")(lambda d: effects(d, "--background", "person"))
bad("effects: populations that are no YAML", "b.yaml")(
    lambda d: effects(d, "--background", d.text("b.yaml", "{[")),
)
bad("effects: populations whose VCF is not there", "none.vcf.gz")(
    lambda d: effects(d, "--background", d.text("b.yaml", "EUR: {vcf: none.vcf.gz, sample: S1}\n"))
)
bad("effects: frequencies that are not there", "none.tsv")(lambda d: effects(d, "--af-table", d.folder / "none.tsv"))
bad("effects: a null that is not there", "none.parquet")(lambda d: effects(d, "--null", d.folder / "none.parquet"))
bad("effects: a null that is no Parquet", "n.parquet")(lambda d: effects(d, "--null", d.text("n.parquet", "null")))
bad("effects: a second model that is not there", "none")(lambda d: effects(d, "--second-model", d.folder / "none"))
bad("effects: negative phases", "-1")(lambda d: effects(d, "--phase-shifts", "-1"))
bad("edit: a genotype that is none", "triple")(lambda d: edit(d, "--genotype", "triple"))
bad("counterfactual: a genotype that is none", "triple")(lambda d: counterfactual(d, "--genotype", "triple"))
bad("mutagenesis: a region that is none", "here")(lambda d: mutagenesis(d, "--region", "here"))
bad("mutagenesis: a region beyond the contig", "chr1")(lambda d: mutagenesis(d, "--region", "chr1:9000-9010"))
bad("mutagenesis: a region backwards", "chr1")(lambda d: mutagenesis(d, "--region", "chr1:2010-2000"))
bad("mutagenesis: a region far from the gene", "chr1")(lambda d: mutagenesis(d, "--region", "chr1:5900-5905"))
bad("mutagenesis: an element that is none", "E0")(lambda d: mutagenesis(d, "--element", "E0"))
bad("mutagenesis: a mutation that is none", "inversions")(lambda d: mutagenesis(d, "--mutation", "inversions"))
bad("mutagenesis: no window to shuffle", "0")(
    lambda d: mutagenesis(d, "--mutation", "shuffles", "--shuffle-window", "0")
)
bad("knockout: no shuffles", "0")(lambda d: knockout(d, "--how", "shuffle", "--shuffles", "0"))

EQTLS: dict[str, tuple[Callable[[Desk], object], tuple[str, ...]]] = {
    "is not there": (lambda d: d.folder / "none.tsv", ("none.tsv",)),
    "is empty": (lambda d: d.text("e.tsv", ""), ("e.tsv",)),
    "has no slopes": (
        lambda d: d.text("e.tsv", table("chrom pos ref alt gene_id", f"chr1 2000 {d.ref} {d.alt} PLUS")),
        ("e.tsv",),
    ),
    "has no genes": (
        lambda d: d.text("e.tsv", table("chrom pos ref alt beta", f"chr1 2000 {d.ref} {d.alt} 0.1")),
        ("e.tsv",),
    ),
    "has slopes that are no numbers": (
        lambda d: d.text("e.tsv", table("chrom pos ref alt gene_id beta", f"chr1 2000 {d.ref} {d.alt} PLUS up")),
        ("e.tsv",),
    ),
}
for _name, (_table, _words) in EQTLS.items():
    bad(f"eqtl: a table that {_name}", *_words)(lambda d, make=_table: eqtl(d, table=make(d)))  # type: ignore[misc]
bad("eqtl: a negative number of bootstraps", "-1")(lambda d: eqtl(d, "--bootstraps", "-1"))
bad("null: a frequency above one half", "0.7")(lambda d: null(d, "--min-maf", "0.7"))
bad("null: no variants of a class", "0")(lambda d: null(d, "--per-class", "0"))

# -- Training ----------------------------------------------------------------------------------------------------------

for _stage in ("encoder", "expression"):
    bad(f"train {_stage}: no configuration", "none.yaml")(
        lambda d, stage=_stage: ["train", stage, "--config", d.folder / "none.yaml"]  # type: ignore[misc]
    )
    bad(f"train {_stage}: a configuration that is no YAML", "c.yaml")(
        lambda d, stage=_stage: ["train", stage, "--config", d.text("c.yaml", "{[")]  # type: ignore[misc]
    )
    bad(f"train {_stage}: a configuration that is a list", "c.yaml")(
        lambda d, stage=_stage: ["train", stage, "--config", d.text("c.yaml", "- 1\n")]  # type: ignore[misc]
    )
    bad(f"train {_stage}: an empty configuration", "c.yaml")(
        lambda d, stage=_stage: ["train", stage, "--config", d.text("c.yaml", "")]  # type: ignore[misc]
    )
    bad(f"train {_stage}: an option that is none", "colour")(
        lambda d, stage=_stage: train(d, stage, colour="red")  # type: ignore[misc]
    )
    bad(f"train {_stage}: an option of the loop that is none", "colour")(
        lambda d, stage=_stage: train(d, stage, loop={"colour": "red"})  # type: ignore[misc]
    )
    bad(f"train {_stage}: no epochs", "epochs")(
        lambda d, stage=_stage: train(d, stage, loop={"epochs": 0})  # type: ignore[misc]
    )
    bad(f"train {_stage}: epochs in words", "epochs")(
        lambda d, stage=_stage: train(d, stage, loop={"epochs": "many"})  # type: ignore[misc]
    )
    bad(f"train {_stage}: no FASTA", "fasta")(
        lambda d, stage=_stage: train(d, stage, fasta=None)  # type: ignore[misc]
    )
    bad(f"train {_stage}: a precision that is none", "int8")(
        lambda d, stage=_stage: train(d, stage, loop={"precision": "int8"})  # type: ignore[misc]
    )
bad("train: a model that is not there", "none")(lambda d: train(d, model=str(d.folder / "none")))
bad("train: an encoder that is not there", "none")(
    lambda d: train(
        d,
        model=None,
        encoder=str(d.folder / "none"),
        genes=str(d.world.folder / "genes.csv"),
        cres=str(d.world.folder / "cres.bed"),
        tissues=["liver"],
    )
)
bad("train: an expression folder that is not there", "none")(lambda d: train(d, expression=str(d.folder / "none")))
bad("train: a split that is not there", "none.json")(lambda d: train(d, split=str(d.folder / "none.json")))
bad("train: a split that is no JSON", "s.json")(lambda d: train(d, split=str(d.text("s.json", "{"))))
bad("train: a source without a VCF", "LAB")(lambda d: train(d, vcfs={"OTHER": str(d.cohort.vcf)}))
bad("train encoder: activity that is not there", "none.bed")(
    lambda d: train(d, "encoder", activity=[{"path": str(d.folder / "none.bed"), "donor": "D0", "tissue": "liver"}])
)
bad("train encoder: a donor that the VCF has not", "nobody")(
    lambda d: train(
        d,
        "encoder",
        activity=[{"path": str(d.cohort.vcf.parent / "D0.liver.bed"), "donor": "nobody", "tissue": "liver"}],
    )
)
bad("train encoder: cCREs that are not there", "none.bed")(
    lambda d: train(d, "encoder", cres=str(d.folder / "none.bed"))
)
bad("train: a stage that is none", "stage")(lambda d: ["train", "third", "--config", d.folder / "c.yaml"])

# -- Other commands ----------------------------------------------------------------------------------------------------

bad("convert: nothing to convert")(lambda d: ["convert", "-o", d.out("m")])
bad("convert: artifacts that are not there", "none")(lambda d: ["convert", "--artifacts", d.folder / "none"])
bad("convert: a kind that is none", "'paint'", "variantformer")(
    lambda d: ["convert", d.folder, "--kind", "paint", "-o", d.out("m")]
)
bad("convert: a folder without weights", "model.safetensors, pytorch_model.bin")(
    lambda d: ["convert", d.folder, "--kind", "enformer", "-o", d.out("m")]
)
bad("convert: an option of another kind", "'borzoi'", "--gamma-norm")(
    lambda d: ["convert", d.folder, "--kind", "borzoi", "--gamma-norm", "position", "-o", d.out("m")]
)
bad("convert: weights without a config", "'enformer'", "--config")(
    lambda d: ["convert", "--checkpoint", d.text("w.bin", "x"), "--kind", "enformer", "-o", d.out("m")]
)
bad("convert: weights that are none", "w.bin", "PyTorch")(
    lambda d: ["convert", "--checkpoint", d.text("w.bin", "x"), "--kind", "grelu-borzoi", "-o", d.out("m")]
)
bad("convert: a folder of no kind", "given", "--artifacts", "--kind")(lambda d: ["convert", d.folder, "-o", d.out("m")])
bad("convert: artifacts that are an empty folder")(lambda d: ["convert", "--artifacts", d.folder])


def convert(desk: Desk, **changes: object) -> list[object]:
    options: dict[str, object] = {
        "encoder-checkpoint": desk.text("e.pth", "no checkpoint"),
        "vocabulary": desk.text("v.json", "{}"),
        "output": desk.out("m"),
        **changes,
    }
    return ["convert", *(word for name, value in options.items() for word in (f"--{name}", value))]


bad("convert: a checkpoint that is none", "e.pth")(convert)
bad("convert: a checkpoint that is not there", "none.pth")(
    lambda d: convert(d, **{"encoder-checkpoint": d.folder / "none.pth"})
)
bad("convert: an output that is there", "m")(
    lambda d: (d.folder / "m").mkdir() or (d.text("m/kept", "x") and convert(d, output=d.folder / "m"))
)
bad("fetch: a folder that is not there", "none")(
    lambda d: ["fetch", "released", "--from", d.folder / "none", "--output", d.out("released")]
)
bad("artifacts cres: a folder that is not there", "none")(
    lambda d: ["artifacts", "cres", d.folder / "none", "--output", d.out("c.parquet")]
)
bad("artifacts forests: a folder that is not there", "none")(
    lambda d: ["artifacts", "forests", d.folder / "none", "--output", d.out("f")]
)
bad("artifacts frequencies: a folder that is not there", "none")(
    lambda d: ["artifacts", "frequencies", d.folder / "none", "--output", d.out("f.parquet")]
)
bad("artifacts populations: a folder that is not there", "none")(
    lambda d: ["artifacts", "populations", d.folder / "none", "--output", d.out("p.parquet")]
)
bad("publish: a repository that is none", "a b")(lambda d: ["publish", d.model, "a b", "--dry-run"])
bad("publish: a folder without a card", "README.md")(lambda d: ["publish", d.model, "user/name", "--dry-run"])
bad("doctor: a FASTA that is not there")(lambda d: ["doctor", "--fasta", d.folder / "none.fa"])
bad("doctor: a VCF without an index")(lambda d: ["doctor", "--fasta", d.fasta, "--vcf", no_index(d)])
bad("doctor: a VCF of another reference")(lambda d: ["doctor", "--fasta", d.fasta, "--vcf", of_another_reference(d)])
bad("a command that is none", "paint", code=2)(lambda d: ["paint"])


@pytest.fixture(scope="module")
def model(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = world.save(tmp_path_factory.mktemp("saved") / "model")
    write_companions(folder)
    return folder


@pytest.fixture(scope="module")
def vcf(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person with an SNP every forty bases."""
    other = str.maketrans("ACGT", "CGTA")
    lines = [
        record(position, world.genome[position - 1], world.genome[position - 1].translate(other), "0/1")
        for position in range(20, LENGTH - 20, 40)
    ]
    return write_vcf(tmp_path_factory.mktemp("good") / "good.vcf.gz", lines, contigs=CONTIGS)


@pytest.fixture
def desk(world: SmallWorld, cohort: SmallCohort, model: Path, vcf: Path, tmp_path: Path) -> Desk:
    folder, outputs = tmp_path / "given", tmp_path / "outputs"
    folder.mkdir()
    outputs.mkdir()
    return Desk(world, cohort, model, world.reference.path, vcf, folder, outputs)


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, indexes of a FASTA aside, which are kept on purpose."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".fai"
    }


def test_there_are_at_least_two_hundred_cases_with_names_of_their_own() -> None:
    assert len(CASES) >= 200
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_good_files_are_good(desk: Desk) -> None:
    for arguments in (predict(desk, "--vcf", desk.vcf), [*knockout(desk, "-o", desk.out("k.csv"))]):
        finished = run(*arguments)
        assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_one_line_and_leaves_nothing(case: Bad, desk: Desk) -> None:
    arguments = case.arguments(desk)
    before = files_in(desk.folder)
    finished = run(*arguments)
    code, out, err = finished.returncode, finished.stdout, finished.stderr
    assert code == case.code, f"{out}\n{err}"
    assert "Traceback" not in err
    shown = out if arguments[0] == "doctor" else err
    for word in case.words:
        assert word in shown, f"{word!r} is not in {shown!r}"
    if code != 2 and arguments[0] != "doctor":
        lines = err.splitlines()
        assert [line for line in lines if line.startswith("error: ")] == lines[-1:], err
    assert files_in(desk.outputs) == {}
    assert files_in(desk.folder) == before
