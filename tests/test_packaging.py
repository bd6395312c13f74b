"""The package as a user gets it: what import costs, what the archives hold, which names are public."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import variantformer_hf

REPOSITORY = Path(__file__).resolve().parents[1]


def run_python(code: str, *, executable: str = sys.executable, **options: object) -> str:
    return subprocess.run(
        [executable, "-c", code], check=True, capture_output=True, text=True, **options
    ).stdout.strip()


@pytest.mark.parametrize("statement", ["import variantformer_hf", "import variantformer_hf.cli"])
def test_import_loads_no_heavy_library(statement: str) -> None:
    code = f"{statement}; import sys; print([m for m in ('torch','transformers','pandas','pysam') if m in sys.modules])"
    assert run_python(code) == "[]"


def test_reading_dna_loads_neither_torch_nor_transformers() -> None:
    code = (
        "from variantformer_hf import ReferenceGenome, PersonalGenome, GeneTable, CreTable; import sys;"
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    assert run_python(code) == "[]"


@pytest.mark.parametrize("name", variantformer_hf.__all__)
def test_public_names_can_be_had(name: str) -> None:
    assert getattr(variantformer_hf, name) is not None
    assert name in dir(variantformer_hf)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'VariantTransformer'"):
        variantformer_hf.VariantTransformer  # noqa: B018


def test_a_model_name_brings_what_the_auto_classes_know() -> None:
    from transformers import AutoConfig

    config = variantformer_hf.VariantFormerConfig
    assert type(AutoConfig.for_model("variantformer")) is config
    assert config.__module__.startswith("variantformer_hf.modeling.variantformer.")


@pytest.mark.slow
def test_a_model_name_registers_the_auto_classes() -> None:
    code = (
        "from variantformer_hf import VariantFormerConfig; from transformers import AutoConfig;"
        "print(type(AutoConfig.for_model('variantformer')).__name__)"
    )
    assert run_python(code) == "VariantFormerConfig"


COMMAND = Path(sys.executable).with_name("variantformer")


def test_the_shell_completes_commands_and_options() -> None:
    # A shell that goes on, so that it and not the command is the parent whose kind is looked up.
    shown = subprocess.run(
        ["bash", "-c", f"{COMMAND} --show-completion; exit $?"], check=True, capture_output=True, text=True
    ).stdout
    assert "complete -o default -F _variantformer_completion variantformer" in shown
    for words, number, offered in (("pre", 1, "predict precompute"), ("predict --ge", 2, "--gene --genes-file")):
        given = {"COMP_WORDS": f"variantformer {words}", "COMP_CWORD": str(number)}
        environment = {**os.environ, **given, "_VARIANTFORMER_COMPLETE": "complete_bash"}
        found = subprocess.run([COMMAND], check=True, capture_output=True, text=True, env=environment).stdout
        assert set(offered.split()) <= set(found.split())


def test_root_names_are_links_into_the_package() -> None:
    for name in ("modeling", "tokenization", "conversion"):
        link = REPOSITORY / name
        assert link.is_symlink()
        assert link.readlink() == Path("variantformer_hf") / name


def test_sdist_gives_a_wheel_that_imports_from_a_clean_environment(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("variantformer_hf/")}
    package = REPOSITORY / "variantformer_hf"
    sources = {
        str(path.relative_to(REPOSITORY))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == sources
    environment = tmp_path / "clean"
    venv.create(environment, with_pip=False)
    python = str(environment / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True)
    code = "import variantformer_hf as v; print(v.__version__, v.__file__)"
    others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = run_python(code, executable=python, cwd=tmp_path, env=others)
    version, path = found.split()
    assert version == variantformer_hf.__version__
    assert Path(path).is_relative_to(environment)
