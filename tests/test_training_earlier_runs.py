"""What an earlier version left half done: states of both stages, vectors of elements, a store of genotypes."""

import json
import logging
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from accelerate.state import AcceleratorState
from command_line import invoke
from training_runs import log_of

from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.genome.store_layout import default_store, is_current
from variantformer_hf.genome.variant_store import VariantStore, open_variants
from variantformer_hf.training import encoder, expression, options
from variantformer_hf.training.options import EncoderOptions, ExpressionOptions, LoopOptions, OptimizerOptions

pytestmark = pytest.mark.usefixtures("one_thread")

# Written by commit 6c5fc2a: a cohort, the two runs below, each stopped behind a state, ``genotypes``, which is what
# ``ingest`` made of its VCF, and in ``expected.json`` the logs of both runs when nothing stops them.
FILES = Path(__file__).parent / "earlier" / "training_runs.zip"
VERSION = "0.1.0"
# When the files were last changed, which stage 1 and the store of genotypes ask for.
CHANGED = 1_700_000_000


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the runs were started in."""
    with zipfile.ZipFile(FILES) as archive:
        archive.extractall(tmp_path)
    for path in tmp_path.rglob("*"):
        os.utime(path, (CHANGED, CHANGED))
    monkeypatch.chdir(tmp_path)
    # A run of another version is refused, on purpose: its numbers may be others.
    monkeypatch.setattr(options, "__version__", VERSION)
    AcceleratorState._reset_state(reset_partial_state=True)
    return tmp_path


def encoder_options() -> EncoderOptions:
    optimizer = OptimizerOptions(name="adam", schedule="plateau", learning_rate=1e-3)
    return EncoderOptions(
        loop=LoopOptions(
            Path("encoder"), epochs=1, batch_size=16, log_every=1, checkpoint_every=3, optimizer=optimizer
        ),
        fasta=Path("genome.fa"),
        vcfs={"*": Path("cohort.vcf.gz")},
        cres=Path("cres.bed"),
        activity=tuple(
            {"path": f"{donor}.{tissue}.bed", "donor": donor, "tissue": tissue}
            for donor in ("D0", "D1", "D2")
            for tissue in ("whole blood", "liver")
        ),
        held_out=("chrX",),
        vocab_size=40,
        config={
            "hidden_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 8,
            "token_length": 24,
            "cre_flank": 10,
            "hidden_dropout": 0.1,
        },
    )


def expression_options() -> ExpressionOptions:
    optimizer = OptimizerOptions(learning_rate=1e-3)
    return ExpressionOptions(
        loop=LoopOptions(Path("run"), epochs=2, batch_size=4, log_every=1, checkpoint_every=4, optimizer=optimizer),
        fasta=Path("genome.fa"),
        vcfs={"LAB": Path("cohort.vcf.gz")},
        expression=Path("expression"),
        split=Path("split.json"),
        encoder=Path("encoder-whole/last"),
        genes=Path("genes.csv"),
        cres=Path("cres.bed"),
        tissues=("whole blood", "liver", "thyroid"),
        config={
            "hidden_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 8,
            "cre_radius": 1_500,
            "gene_upstream": 50,
            "max_gene_length": 1_200,
            "max_gene_windows": 12,
        },
    )


def ends_as_if_nothing_had_happened(earlier: Path, name: str, state: int) -> None:
    """The log of a run that was gone on with from the state of a step."""
    expected: list[dict[str, Any]] = json.loads((earlier / "expected.json").read_text())[name]
    found = log_of(earlier / name)
    assert [row["step"] for row in found] == [row["step"] for row in expected]
    for row, wanted in zip(found, expected, strict=True):
        assert set(row) == set(wanted)
        if row["step"] <= state:
            assert row == wanted
        for key in {"loss", "gradient_norm", "learning_rate", "training_loss", "held_out_loss"} & set(row):
            assert row[key] == pytest.approx(wanted[key], rel=1e-4), key


def test_a_run_on_expression_goes_on(earlier: Path) -> None:
    """Its options and data have the key that they had, and its elements are not encoded again."""
    vectors = sorted((earlier / "run/elements").glob("*.safetensors"))
    assert vectors
    taken: list[int] = []
    expression.train_expression(expression_options(), on_step=lambda done, *_: taken.append(done))
    assert taken == [5, 6]
    ends_as_if_nothing_had_happened(earlier, "run", 4)
    assert sorted((earlier / "run/elements").glob("*.safetensors")) == vectors


def test_a_run_of_the_encoder_goes_on(earlier: Path) -> None:
    taken: list[int] = []
    encoder.train_encoder(encoder_options(), on_step=lambda done, *_: taken.append(done))
    assert taken == [4, 5, 6, 7, 8]
    ends_as_if_nothing_had_happened(earlier, "encoder", 3)


def test_a_store_of_genotypes_is_told_from_those_of_today(earlier: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its layout is another: the file is read instead, which one warning says, and ``ingest`` makes it anew."""
    vcf, store = earlier / "cohort.vcf.gz", earlier / "genotypes"
    reference = ReferenceGenome(earlier / "genome.fa")
    names = [f"D{number}" for number in range(8)]
    from_file = [PersonalGenome(reference, vcf, name).sequence("chr1", 0, 6_000) for name in names]
    assert len(set(from_file)) == 8
    default_store(vcf).parent.mkdir(parents=True, exist_ok=True)
    store.rename(default_store(vcf))
    with caplog.at_level(logging.WARNING, logger="variantformer_hf"):
        people = [PersonalGenome(reference, vcf, name) for name in names]
    (warning,) = caplog.messages
    assert warning.endswith("variantformer ingest --overwrite. The file itself is read.")
    assert "is of an earlier version" in warning
    assert [person.sequence("chr1", 0, 6_000) for person in people] == from_file
    assert not is_current(vcf, default_store(vcf))
    invoke("ingest", vcf)
    assert isinstance(open_variants(vcf, "D0", needs_quality=False), VariantStore)
    assert [PersonalGenome(reference, vcf, name).sequence("chr1", 0, 6_000) for name in names] == from_file
