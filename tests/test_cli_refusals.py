"""What a model cannot do is refused in one line, before its weights or anybody's genome are read."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from gene_model_tests import Case
from toy_case import toy_case
from toy_model import TOY, ToyGeneModel
from typer import Typer
from typer.models import CommandInfo

from variantformer_hf.cli import app
from variantformer_hf.genome import ReferenceGenome
from variantformer_hf.zoo.families import register_family

OUTPUTS = {"mutagenesis": "out.safetensors", "null": "out.parquet"}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    register_family(TOY)
    return toy_case(tmp_path_factory.mktemp("toy"))


def command(case: Case, name: str, folder: Path, *more: object) -> list[object]:
    """A command that is given all it needs, and more."""
    variants = folder / "variants.txt"
    variants.write_text(f"{case.variants[0]}\n")
    needs: dict[str, list[object]] = {
        "predict": [],
        "effects": ["--variants", variants],
        "mutagenesis": ["--gene", "PLUS"],
        "knockout": ["--gene", "PLUS"],
        "attention": ["--gene", "PLUS"],
        "counterfactual": ["--gene", "PLUS", "--edits", variants, "--vcf", case.vcf],
        "eqtl": ["--table", case.eqtls],
        "null": [],
        "precompute": [],
    }
    output = folder / "outputs" / OUTPUTS.get(name, "out.tsv")
    output.parent.mkdir()
    return [name, case.model, "--fasta", case.fasta, "-o", output, *needs[name], *more]


CANNOT: list[tuple[str, list[str], str]] = [
    ("knockout", [], "a knock-out needs a model that reads cCREs one by one"),
    ("attention", [], "attention needs a model that attends to cCREs"),
    ("mutagenesis", ["--cre", "EH38E1"], "--cre needs a model that reads cCREs one by one"),
    ("mutagenesis", ["--element", "EH38E1"], "--cre needs a model that reads cCREs one by one"),
    ("precompute", [], "precompute needs a model that keeps vectors of cCREs on disk"),
    ("predict", ["--store", "vectors"], "models of the type 'toy' have no option store"),
    ("predict", ["--attention", "flash"], "models of the type 'toy' have no option attention"),
    ("predict", ["--compile"], "models of the type 'toy' have no option compile_layers"),
    ("effects", ["--store", "vectors"], "models of the type 'toy' have no option store"),
    ("predict", ["--embeddings", "e.safetensors"], "--embeddings needs a model that gives embeddings"),
    ("effects", ["--embeddings", "e.safetensors"], "--embeddings needs a model that gives embeddings"),
    ("effects", ["--phase-shifts", "2"], "--phase-shifts needs a model that reads tokens"),
    ("predict", ["--precision", "released"], "there is no precision 'released'"),
    ("effects", ["--precision", "released"], "there is no precision 'released'"),
    *(
        (name, ["--mode", "alt", *more], "does not read genotypes as 'alt'. Choose --mode iupac or haplotype1")
        for name, more in (
            ("predict", []),
            ("effects", []),
            ("mutagenesis", ["--region", "chr1:496-498"]),
            ("counterfactual", []),
            ("eqtl", []),
        )
    ),
]


@pytest.mark.parametrize(("name", "more", "words"), CANNOT)
def test_what_a_model_cannot_do_is_refused_before_it_is_loaded(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, more: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for read in ("zoo.families.load_gene_model", "genome.personal.PersonalGenome.__init__"):
        monkeypatch.setattr(f"variantformer_hf.{read}", lambda *_, **__: pytest.fail("read"))
    done = run(*command(case, name, tmp_path, *more))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert words in line
    assert list((tmp_path / "outputs").iterdir()) == []


def test_a_second_model_must_be_able_too(case: Case, tmp_path: Path, world: object) -> None:
    folder = world.save(tmp_path / "model")  # type: ignore[attr-defined]
    arguments = command(case, "effects", tmp_path, "--second-model", case.model, "--embeddings", tmp_path / "e")
    done = run(arguments[0], folder, *arguments[2:])
    assert done.returncode == 1
    assert "--embeddings needs a model that gives embeddings, and 'toy' is none" in done.stderr


def test_a_second_model_of_another_unit_is_refused(
    case: Case, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = toy_case(tmp_path_factory.mktemp("other"), unit="log10_cage")
    done = run(*command(case, "effects", tmp_path, "--second-model", other.model))
    assert done.returncode == 1
    assert f"{other.model}: predicts log10_cage, and the first model inverse_normal" in done.stderr


def test_without_a_mode_genotypes_are_read_as_the_model_was_trained(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyGeneModel, "modes", ("haplotype2", "iupac"))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    default = command(case, "predict", tmp_path / "a", "--vcf", case.vcf)
    named = command(case, "predict", tmp_path / "b", "--vcf", case.vcf, "--mode", "haplotype2")
    texts = []
    for arguments in (default, named):
        assert run(*arguments).returncode == 0
        texts.append(Path(str(arguments[5])).read_text())
    assert texts[0] == texts[1]
    assert "expression" in texts[0].splitlines()[0]


@pytest.fixture(scope="module")
def uncertain(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BGEN of a person whose one record, in a gene's window, is called with a probability of 0.8."""
    from bgen import BgenWriter

    path = tmp_path_factory.mktemp("uncertain") / "person.bgen"
    ref = ReferenceGenome(case.fasta).sequence("chr1", 494, 495)
    with BgenWriter(path, 1, samples=["person"]) as out:
        out.add_variant("v", "r", "chr1", 495, [ref, "A" if ref != "A" else "C"], np.array([[0.1, 0.8, 0.1]]))
    return path


@pytest.mark.parametrize("name", ["predict", "effects", "mutagenesis", "counterfactual", "eqtl", "null"])
def test_every_command_calls_genotypes_of_a_bgen_from_the_probability_that_is_given(
    case: Case, uncertain: Path, tmp_path: Path, name: str
) -> None:
    more = {
        "predict": ["--gene", "PLUS"],
        "mutagenesis": ["--region", "chr1:496-498"],
        "null": ["--gene", "PLUS", "--panel", uncertain],
    }.get(name, [])
    asked = command(case, name, tmp_path, *more, "--vcf", uncertain)
    if name == "counterfactual":  # of all files of people the last is one of
        asked[asked.index("--vcf") + 1] = uncertain
        asked = asked[:-2]
    done = run(*asked)
    assert done.returncode == 1
    assert ("has no variant with a frequency" if name == "null" else "nothing of it was used") in done.stderr
    done = run(*asked, "--min-probability", "0.7", "--overwrite")
    assert done.returncode == 0, done.stderr


def _commands(app: Typer) -> Iterator[CommandInfo]:
    yield from app.registered_commands
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from _commands(group.typer_instance)


def test_every_command_that_reads_people_has_the_option() -> None:
    """But `edit`, which takes a VCF alone: it writes one."""
    has = {}
    for info in _commands(app):
        assert info.callback is not None
        names = inspect.signature(info.callback).parameters
        if "vcf" in names or "panel" in names:
            has[f"{info.callback.__module__} {info.callback.__name__}"] = "min_probability" in names
    assert has.pop("variantformer_hf.cli.edit edit") is False
    assert len(has) >= 9 and all(has.values()), has
