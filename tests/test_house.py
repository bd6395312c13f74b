"""The house: which folder may import which, read from the imports themselves."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import variantformer_hf

PACKAGE = Path(variantformer_hf.__file__).parent
# Modules beside the folders, and a folder of such, which know nothing of the others.
GROUND = {
    "compiled",
    "addresses",
    "errors",
    "files",
    "folder",
    "lazy_names",
    "named_files",
    "remote",
    "run_key",
    "version",
    "whole_folders",
    "work",
    "yaml_file",
}
BELOW = {"genome": set(), "tokenization": set(), "evaluation": set(), "work": set(), "remote": set()}
BELOW["modeling"] = {"tokenization"}
BELOW["zoo"] = {"genome", "tokenization", "modeling"}
BELOW["inference"] = {"genome", "zoo"}
BELOW["analysis"] = {"genome", "zoo", "inference"}
BELOW["applications"] = BELOW["analysis"] | {"analysis", "evaluation"}
BELOW["report"] = BELOW["applications"] | {"applications"}
BELOW["data"] = {"genome", "tokenization", "zoo"}
BELOW["training"] = {"genome", "tokenization", "modeling", "zoo", "data", "evaluation"}
BELOW["conversion"] = {"genome", "tokenization", "modeling", "zoo", "applications"}
BELOW["hub"] = {"genome", "modeling", "zoo", "conversion"}
BELOW["simulation"] = {"genome", "tokenization", "modeling", "zoo", "data", "training"}
BELOW["pipelines"] = {"genome", "zoo", "inference"}
BELOW["app"] = BELOW["report"] | {"report", "simulation"}
BELOW["cli"] = set(BELOW)
# A family's own folders, and files by its name; what is in them is named by families.py alone.
FAMILIES = {
    *("dosage", "embedding", "variantformer", "enformer", "borzoi"),
    *("ukbiobert", "variformer", "ukbioformer", "epinformer"),
}
LISTS_FAMILIES = "variantformer_hf.zoo.families"


def modules() -> dict[str, Path]:
    """Module -> its file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Modules of the package that a module imports, wherever in it, or names in a text, as ``module`` or
    ``module:object``; those for types only are left out, and what a package's own __init__ and ``families`` name."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = node.value.partition(":")[0]
            if named.startswith(".") and named.strip("."):
                above = package.split(".")[: len(package.split(".")) - (len(named) - len(named.lstrip("."))) + 1]
                named = ".".join([*above, named.lstrip(".")])
            if named in known and "." in named and path.name != "__init__.py" and name != LISTS_FAMILIES:
                yield named
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                if f"{module}.{alias.name}" in known:
                    yield f"{module}.{alias.name}"
                elif module in known:
                    yield module


@cache
def graph() -> dict[str, set[str]]:
    """Module -> the modules of the package that it imports."""
    known = modules()
    return {name: set(imports(name, path, known)) - {name} for name, path in known.items()}


def room(module: str) -> str:
    """A module's folder, or its own name where it lies beside the folders."""
    return module.split(".")[1] if "." in module else ""


def test_every_folder_has_its_place() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert rooms | {"pipelines"} == set(BELOW)


def test_no_arrow_goes_up() -> None:
    up = []
    for name, found in graph().items():
        here = room(name)
        for other in sorted(found):
            there = room(other)
            if here in ("", "__main__") or there in (here, ""):
                continue
            if there not in GROUND | BELOW.get(here, set()):
                up.append(f"{name} -> {other}")
    assert up == []


def test_nobody_inside_takes_the_public_names() -> None:
    """They lead anywhere in the house."""
    assert [name for name, found in graph().items() if "variantformer_hf" in found] == []


def test_there_is_no_circle() -> None:
    """Folder by folder, and module by module; a package's own __init__ loads its names when they are asked for."""
    for arrows in (graph(), rooms_graph()):
        done: set[str] = set()

        def walk(
            name: str, above: tuple[str, ...], arrows: dict[str, set[str]] = arrows, done: set[str] = done
        ) -> None:
            assert name not in above, " -> ".join([*above[above.index(name) :], name])
            if name not in done:
                for other in sorted(arrows[name]):
                    walk(other, (*above, name), arrows, done)
                done.add(name)

        for name in sorted(arrows):
            walk(name, ())


def rooms_graph() -> dict[str, set[str]]:
    """Folder -> folders that it imports."""
    arrows: dict[str, set[str]] = {}
    for name, found in graph().items():
        here = room(name)
        arrows.setdefault(here, set()).update(room(other) for other in found if room(other) not in (here, ""))
    arrows.pop("", None)
    return arrows


def test_models_know_nothing_of_genomes() -> None:
    assert BELOW["modeling"] == {"tokenization"}
    assert not [name for name in graph() if room(name) == "modeling" and "genome" in {room(x) for x in graph()[name]}]


def test_only_families_names_families() -> None:
    """Outside of a family's own folders nobody imports them, but for the public names of modeling."""
    named = []
    for name, found in graph().items():
        if FAMILIES & set(name.split(".")) or name in ("variantformer_hf.modeling", "variantformer_hf"):
            continue
        if room(name) in ("simulation", "cli"):
            continue  # a made VariantFormer, and the converter's command
        named += [f"{name} -> {other}" for other in found if FAMILIES & set(other.split("."))]
    assert sorted(named) == []


def test_units_of_work_know_nothing_of_what_is_in_them() -> None:
    below = {"errors", "files", "folder", "run_key", "version", "work"}
    found = {other.split(".")[1] for name, others in graph().items() if room(name) == "work" for other in others}
    assert found and found <= below
