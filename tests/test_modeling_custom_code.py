"""A model folder where this package is not: the code in it, read by transformers, gives the same numbers."""

import ast
import importlib.metadata
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import torch
from genome_files import record
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from random_variants import other_base
from small_model import TISSUES, SmallWorld

from variantformer_hf import PersonalGenome, modeling
from variantformer_hf.errors import InputError
from variantformer_hf.modeling import VariantFormerEncoderConfig, VariantFormerForChromatinActivity
from variantformer_hf.modeling.variantformer.custom_code_variantformer import AUTO_MAPS, CODE_FOLDER, MODEL_FILES

CODE = {
    "attention_variantformer.py",
    "chromatin_activity_variantformer.py",
    "configuration_variantformer.py",
    "custom_code_variantformer.py",
    "encoder_variantformer.py",
    "layers_variantformer.py",
    "modeling_variantformer.py",
    "pretrained_variantformer.py",
    "processing_variantformer.py",
    "streams_variantformer.py",
}

READ_WITHOUT_THE_PACKAGE = """
import importlib.util, json, sys
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoProcessor, AutoTokenizer

assert importlib.util.find_spec("variantformer_hf") is None, "the package is installed here"
folder, encoder_folder, sequences = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3]))
config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
model = AutoModel.from_pretrained(folder, trust_remote_code=True).eval()
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
inputs = processor(**sequences, return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs, tissue_ids=torch.tensor([[0, 1, 2]])).logits
try:
    processor(person="person", gene="PLUS")
    refusal = None
except ValueError as error:
    refusal = str(error)
activity = AutoModelForSequenceClassification.from_pretrained(encoder_folder, trust_remote_code=True).eval()
encoder = AutoModel.from_pretrained(encoder_folder, trust_remote_code=True)
ids = torch.arange(4, 22).expand(1, 2, -1)
with torch.no_grad():
    scores = activity(input_ids=ids, attention_mask=torch.ones_like(ids), tissue_ids=torch.tensor([1])).logits
model.save_pretrained(folder + "-again")
processor.save_pretrained(folder + "-again")
again = AutoModel.from_pretrained(folder + "-again", trust_remote_code=True).eval()
with torch.no_grad():
    repeated = again(**inputs, tissue_ids=torch.tensor([[0, 1, 2]])).logits
print(json.dumps({
    "logits": logits.tolist(), "repeated": repeated.tolist(), "refusal": refusal, "scores": scores.tolist(),
    "ids": tokenizer(sequences["gene_sequence"], add_special_tokens=False)["input_ids"],
    "classes": [type(each).__name__ for each in (config, model, processor, activity, encoder)],
}))
"""


@pytest.fixture(scope="module")
def clean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own that has torch, transformers, and what these need; nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in needed_by("torch", "transformers"):
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder / "bin" / "python"


def needed_by(*names: str) -> set[str]:
    """Distributions that these need, without extras; themselves too."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        for text in importlib.metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def test_the_clean_environment_lacks_the_rest(clean_python: Path, tmp_path: Path) -> None:
    others = ("variantformer_hf", "pysam", "pandas", "datasets")
    code = f"import importlib.util as u; print([name for name in {others} if u.find_spec(name)])"
    command = [str(clean_python), "-c", code]
    others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path, env=others)
    assert done.stdout.strip() == "[]"


def test_the_folder_works_without_the_package(world: SmallWorld, clean_python: Path, tmp_path: Path) -> None:
    predictor = world.predictor
    predictor.model.network.save_pretrained(tmp_path / "model")
    predictor.model.processor.save_pretrained(tmp_path / "model")
    activity = VariantFormerForChromatinActivity(
        VariantFormerEncoderConfig(
            vocab_size=60,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=32,
            token_length=24,
            num_tissues=3,
        )
    ).eval()
    activity.save_pretrained(tmp_path / "encoder")
    lines = [record(at, world.genome[at - 1], other_base(world.genome[at - 1]), "0/1") for at in (1900, 2000)]
    genome = world.person(lines)
    sequences = predictor.model.sequences(genome, "PLUS")
    (tmp_path / "sequences.json").write_text(
        json.dumps(
            {
                "cre_sequences": sequences.cre_sequences,
                "cre_classes": sequences.cre_class_ids.tolist(),
                "gene_sequence": sequences.gene_sequence,
            }
        )
    )
    found = run_without_the_package(clean_python, tmp_path)
    assert found["classes"] == [
        "VariantFormerConfig",
        "VariantFormerForExpression",
        "VariantFormerProcessor",
        "VariantFormerForChromatinActivity",
        "VariantFormerEncoder",
    ]
    ours, _ = predictor.model.predict_gene(sequences, range(len(TISSUES)))
    torch.testing.assert_close(torch.tensor(found["logits"][0]), torch.from_numpy(ours), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.tensor(found["repeated"]), torch.tensor(found["logits"]), atol=1e-5, rtol=1e-5)
    assert found["ids"] == predictor.model.processor.tokenizer.encode_sequences([sequences.gene_sequence])[0].tolist()
    assert "pip install variantformer-hf" in found["refusal"]
    ids = torch.arange(4, 22).expand(1, 2, -1)
    with torch.no_grad():
        scores = activity(input_ids=ids, attention_mask=torch.ones_like(ids), tissue_ids=torch.tensor([1])).logits
    torch.testing.assert_close(torch.tensor(found["scores"]), scores, atol=1e-5, rtol=1e-5)


def test_every_way_to_save_brings_the_code(world: SmallWorld, tmp_path: Path) -> None:
    world.predictor.model.network.save_pretrained(tmp_path / "model")
    world.predictor.model.network.config.save_pretrained(tmp_path / "config")
    world.predictor.model.processor.save_pretrained(tmp_path / "model")
    assert {path.name for path in (tmp_path / "model").glob("*.py")} == CODE
    for folder in ("model", "config"):
        config = json.loads((tmp_path / folder / "config.json").read_text())
        assert config["auto_map"]["AutoModel"] == "modeling_variantformer.VariantFormerForExpression"
    assert "auto_map" not in json.loads((tmp_path / "model" / "tokenizer_config.json").read_text())


def test_the_code_imports_its_own_folder_only(tmp_path: Path) -> None:
    """What transformers copies and what it can find there: imports of siblings, and of libraries that it needs too."""
    folder = Path(modeling.__file__).parent / "variantformer"
    for name in sorted(CODE):
        tree = ast.parse((folder / name).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                top = (node.module or "").split(".")[0]
                assert node.level <= 1
                assert node.level == 0 or f"{node.module}.py" in CODE
            elif isinstance(node, ast.Import):
                top = node.names[0].name.split(".")[0]
            else:
                continue
            known = {"torch", "transformers", "numpy", "huggingface_hub"} | sys.stdlib_module_names
            assert (isinstance(node, ast.ImportFrom) and node.level) or top in known


def test_the_file_that_auto_map_names_imports_all_others_itself() -> None:
    """The transformers that we allow copy a file's own imports; the oldest do not copy those of the imported files."""
    with_config = {"configuration_variantformer.py", "custom_code_variantformer.py"}
    for model_type in AUTO_MAPS.values():
        for name in {entry.split(".")[0] for entry in model_type.values()} - {"configuration_variantformer"}:
            tree = ast.parse((CODE_FOLDER / f"{name}.py").read_text())
            named = {f"{node.module}.py" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level}
            assert named | with_config == set(MODEL_FILES) - {f"{name}.py"}


def test_the_sequences_of_a_person_are_read_by_the_model_and_not_by_its_processor(world: SmallWorld) -> None:
    model, genome = world.predictor.model, PersonalGenome(world.reference)
    found = model.sequences(genome, "plus".upper())
    given = model.processor(
        cre_sequences=found.cre_sequences,
        cre_classes=found.cre_class_ids.tolist(),
        gene_sequence=found.gene_sequence,
        return_tensors="pt",
    )
    ready = model.gene_inputs(model.sequences(genome, "ENSG00000000001"))
    assert all(torch.equal(given[name], ready[name]) for name in ready)
    with pytest.raises(InputError, match=r"'PLSU'.*did you mean"):
        model.sequences(genome, "PLSU")
    with pytest.raises(ValueError, match=r"ExpressionPredictor.from_pretrained"):
        model.processor(person=genome, gene="PLUS")
    with pytest.raises(ValueError, match="cre_sequences"):
        model.processor()


def run_without_the_package(python: Path, folder: Path) -> dict[str, object]:
    arguments = [folder / "model", folder / "encoder", folder / "sequences.json"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(python), "-c", READ_WITHOUT_THE_PACKAGE, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout.splitlines()[-1])
