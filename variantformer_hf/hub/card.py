"""What a model card must say, checked without a network."""

import re
from typing import Any

import yaml
from huggingface_hub import ModelCardData
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

SECTIONS = (
    "Intended use",
    "Out of scope",
    "Training data",
    "Architecture",
    "Outputs",
    "Results",
    "Limits",
    "Licence",
    "Citation",
)
REQUIRED_KEYS = ("library_name", "license", "tags")
# What a card may leave out, and the tag by which it says so.
EXCUSES = {"base_model": "from-scratch", "model-index": "no-reported-results"}
# Identifiers of the Hub that a model of this zoo can have; `other` needs a name and a link.
LICENSES = frozenset(
    {"apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "other", "unknown"}
)
_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n(.*)\Z", re.DOTALL)
_PLACEHOLDER = re.compile(r"\[More Information Needed\]|\bTODO\b|\{\{.*?\}\}|\{[a-z_]+\}")
_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def licence_of(text: str) -> str:
    """What a card says of the licence, and from where, in words; that it is not known where it names none."""
    match = _FRONT_MATTER.match(text)
    metadata = yaml.safe_load(match[1]) if match else {}
    name = metadata.get("license_name") or metadata.get("license")
    if not name:
        return "not known: write it into README.md (license) before the folder is published"
    source = metadata.get("license_link")
    return f"{name}, according to {source or 'README.md'}"


def card_problems(text: str) -> list[str]:
    """What is wrong with a card, one sentence each; empty for a good one.

    Args:
        text: the README.md: YAML metadata between two lines of ``---``, then the card.
    """
    match = _FRONT_MATTER.match(text)
    if match is None:
        return ["there is no metadata: the card must begin with YAML between two lines of ---"]
    try:
        metadata = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        return [f"the metadata is not YAML: {' '.join(str(error).split())[:200]}"]
    if not isinstance(metadata, dict):
        return ["the metadata is not a table of keys"]
    return [*_metadata_problems(metadata), *_body_problems(match[2])]


def _metadata_problems(metadata: dict[str, Any]) -> list[str]:
    problems = [f"the metadata lacks {key}" for key in REQUIRED_KEYS if not metadata.get(key)]
    licence = metadata.get("license")
    if licence and licence not in LICENSES:
        problems.append(f"license: {licence!r} is not an identifier of the Hub that is known here")
    if licence == "other":
        problems += [f"license: other needs {key}" for key in ("license_name", "license_link") if not metadata.get(key)]
    if metadata.get("library_name") not in (None, "transformers"):
        problems.append(f"library_name is {metadata['library_name']!r}: these folders are loaded by transformers")
    tags = metadata.get("tags")
    if tags is not None and not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        problems.append("tags is not a list of words")
    for key, tag in EXCUSES.items():
        if not metadata.get(key) and tag not in (tags or []):
            problems.append(f"the metadata lacks {key}; a model that has none says so with the tag {tag}")
    return [*problems, *_result_problems(metadata.get("model-index"))]


def _result_problems(index: Any) -> list[str]:
    """Whether the results survive a round trip through the client, each with where it is from."""
    if not index:
        return []
    try:
        name, results = model_index_to_eval_results(index)
        data = ModelCardData(model_name=name, eval_results=results, ignore_metadata_errors=False)
        again = eval_results_to_model_index(name, data.eval_results or [])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return [f"model-index cannot be read: {type(error).__name__}: {error}"]
    problems = []
    if _values(again) != _values(index):
        problems.append("model-index does not survive a round trip through huggingface-hub's ModelCardData")
    for result in results:
        if not isinstance(result.metric_value, int | float):
            problems.append(f"model-index: {result.metric_type} of {result.dataset_name} is not a number")
        if not result.source_name or not result.source_url:
            problems.append(f"model-index: {result.metric_type} of {result.dataset_name} has no source")
    return problems


def _values(index: Any) -> list[tuple[str, ...]]:
    found = []
    for entry in index:
        for result in entry["results"]:
            for metric in result["metrics"]:
                parts = (entry["name"], result["task"]["type"], result["dataset"]["name"], metric["type"])
                found.append((*map(str, parts), str(metric["value"])))
    return sorted(found)


def _body_problems(body: str) -> list[str]:
    prose = _FENCED.sub("", body)
    headings = {line.lstrip("#").strip().lower() for line in prose.splitlines() if line.startswith("#")}
    problems = [f"there is no section {section!r}" for section in SECTIONS if section.lower() not in headings]
    empty = [section for section in SECTIONS if section.lower() in headings and not _text_of(body, section)]
    problems += [f"the section {section!r} is empty" for section in empty]
    left = _PLACEHOLDER.search(prose)
    if left:
        problems.append(f"a placeholder is left: {left[0]}")
    return problems


def _text_of(body: str, section: str) -> str:
    """Text between a section's heading and the next of any level."""
    match = re.search(rf"^#+ *{re.escape(section)} *$(.*?)(?=^#|\Z)", body, re.DOTALL | re.MULTILINE | re.IGNORECASE)
    return match[1].strip() if match else ""
