"""Options of both stages: those of the docs are read, those that cannot be meant are one line."""

from pathlib import Path
from typing import Any

import pytest
from command_line import invoke
from small_cohort import SmallCohort
from small_model import TISSUES
from training_runs import encoder_config, expression_config

from variantformer_hf.errors import InputError
from variantformer_hf.modeling import (
    VariantFormerEncoderConfig,
)
from variantformer_hf.training.options import EncoderOptions, ExpressionOptions, read_options

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIGS = Path(__file__).resolve().parents[1] / "docs" / "configs"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"learning": 1}, "there is no option learning"),
        ({"loop": {"epocs": 3}}, "there is no option loop.epocs"),
        ({"loop": {"epochs": "three"}}, "loop.epochs is 'three'"),
        ({"loop": {"epochs": 0}}, "epochs is 0"),
        ({"loop": {"patience": 0}}, "patience is 0"),
        ({"loop": {"monitor_mode": "most"}}, "monitor_mode is 'most'"),
        ({"loop": {"precision": "float16"}}, "precision is 'float16'"),
        ({"loop": {"optimizer": {"learning_rate": "fast"}}}, "loop.optimizer.learning_rate is 'fast'"),
        ({"vcfs": "cohort.vcf.gz"}, "vcfs is 'cohort.vcf.gz'"),
        ({"fasta": None}, "lacks the option fasta"),
        ({"tissues": "liver"}, "tissues is 'liver'"),
    ],
)
def test_options_that_cannot_be_meant(
    lab: Path, cohort: SmallCohort, tmp_path: Path, changes: dict, problem: str
) -> None:
    path = expression_config(lab, cohort, tmp_path / "run", **changes)
    with pytest.raises(InputError, match=problem):
        read_options(path, ExpressionOptions)


def bad_files(folder: Path) -> dict[str, str]:
    """Paths that are there and wrong, by what they are."""
    (folder / "empty-folder").mkdir()
    (folder / "text").write_text("this is no such file\n")
    (folder / "bytes").write_bytes(bytes(range(256)) * 4)
    (folder / "list.json").write_text("[1, 2]\n")
    (folder / "nothing").write_text("")
    names = ("empty-folder", "text", "bytes", "list.json", "nothing", "missing")
    return {name: str(folder / name) for name in names}


EXPRESSION_PATHS = (
    "fasta",
    "vcfs",
    "expression",
    "split",
    "model",
    "encoder",
    "genes",
    "cres",
    "element_store",
    "output",
)


ENCODER_PATHS = ("fasta", "vcfs", "cres", "activity", "tokenizer", "model", "output")


@pytest.mark.parametrize(
    ("stage", "option"),
    [*(("expression", each) for each in EXPRESSION_PATHS), *(("encoder", each) for each in ENCODER_PATHS)],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_every_path_that_is_wrong_is_one_line_before_anything_is_computed(
    lab: Path, cohort: SmallCohort, tmp_path: Path, stage: str, option: str, dry_run: bool
) -> None:
    for name, path in bad_files(tmp_path).items():
        if (option, name) in {("element_store", "empty-folder"), ("output", "empty-folder")}:
            continue  # where something can be written
        if (option, name) in {("element_store", "missing"), ("output", "missing")}:
            path = f"{tmp_path}/text/below"  # noqa: PLW2901
        changes: dict[str, Any] = {option: path}
        if option == "vcfs":
            changes = {"vcfs": {"LAB" if stage == "expression" else "*": path}}
        elif option == "activity":
            changes = {"activity": [{"path": path, "donor": "D0", "tissue": "liver"}]}
        elif option == "output":
            changes = {"loop": {"output": path}}
        elif option in ("encoder", "genes", "cres") and stage == "expression":
            new = {
                "model": None,
                "encoder": str(lab / "model"),
                "tissues": list(TISSUES),
                "genes": str(cohort.world.folder / "genes.csv"),
                "cres": str(cohort.world.folder / "cres.bed"),
            }
            changes = {**new, option: path}
        make = expression_config if stage == "expression" else encoder_config
        config = make(lab, cohort, tmp_path / "run", **changes)
        with pytest.raises(InputError) as caught:
            invoke("train", stage, "--config", config, *(["--dry-run"] * dry_run))
        assert "\n" not in str(caught.value), name
        assert Path(path).name in str(caught.value) or "encoder" in str(caught.value), (name, str(caught.value))
        assert not (tmp_path / "run").exists(), name


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("e[nx]*.yaml")))
def test_the_configurations_of_the_docs_are_options(name: str) -> None:
    kind = EncoderOptions if name.startswith("encoder") else ExpressionOptions
    options = read_options(CONFIGS / name, kind)
    assert options.loop.batch_size * options.loop.gradient_accumulation > 0
    if name == "expression-paper.yaml":
        assert 376 * options.loop.batch_size * options.n_tissues * options.loop.gradient_accumulation == 16_544
    if name == "encoder-paper.yaml":
        assert 8 * options.loop.batch_size * options.loop.gradient_accumulation == 3_072
        VariantFormerEncoderConfig(**options.config)
