"""Stage 1: activity is learned, and stage 2 begins from it."""

import json
from pathlib import Path

import pytest
import torch
from genome_files import record, write_vcf
from small_cohort import DONORS, SmallCohort
from small_model import LENGTH, TISSUES
from training_runs import encoder_config, expression_config, in_process, killed, log_of, run

from variantformer_hf import ExpressionPredictor
from variantformer_hf.errors import InputError
from variantformer_hf.modeling import (
    VariantFormerEncoder,
    VariantFormerEncoderConfig,
    VariantFormerForChromatinActivity,
)
from variantformer_hf.training.options import EncoderOptions, read_options
from variantformer_hf.training.variantformer import encoder

pytestmark = pytest.mark.usefixtures("one_thread")


def test_encoder_then_expression_from_nothing(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    first, cut = tmp_path / "encoder", tmp_path / "encoder-cut"
    in_process("encoder", encoder_config(lab, cohort, first))
    config = encoder_config(lab, cohort, cut)
    killed(run(lab, "encoder", config, killed_at=11), cut)
    in_process("encoder", config)
    assert log_of(cut) == log_of(first)
    assert {"held_out_loss", "held_out_auroc", "held_out_f1", "held_out_liver.auroc"} <= set(log_of(first)[-1])
    pretrained = VariantFormerEncoder.from_pretrained(first / "last")
    second = tmp_path / "expression"
    path = expression_config(
        lab,
        cohort,
        second,
        model=None,
        encoder=str(first / "last"),
        tissues=list(TISSUES),
        genes=str(cohort.world.folder / "genes.csv"),
        cres=str(cohort.world.folder / "cres.bed"),
        config={
            "hidden_size": 24,
            "num_hidden_layers": 3,
            "num_attention_heads": 6,
            "intermediate_size": 32,
            "cre_radius": 1_500,
            "gene_upstream": 50,
            "max_gene_length": 1_200,
            "max_gene_windows": 12,
        },
    )
    in_process("expression", path)
    model = ExpressionPredictor.from_pretrained(second / "last", device="cpu").model.network
    for name, tensor in pretrained.state_dict().items():
        assert torch.equal(tensor, model.model.cre_encoder.state_dict()[name]), name


def test_one_batch_of_activity_can_be_learned() -> None:
    torch.manual_seed(0)
    config = VariantFormerEncoderConfig(
        vocab_size=30,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        token_length=12,
        num_tissues=2,
    )
    model = VariantFormerForChromatinActivity(config)
    ids = torch.randint(4, 30, (8, 2, 12))
    batch = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "tissue_ids": torch.arange(8) % 2,
        "labels": torch.tensor([0, 1, 1, 0, 1, 0, 0, 1]),
    }
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    assert (model(**batch).logits.argmax(-1) == batch["labels"]).all()


def test_a_tokenizer_is_the_file_that_is_named(lab: Path, cohort: SmallCohort, tmp_path: Path) -> None:
    tokenizer = cohort.world.predictor.model.processor.tokenizer
    other = tmp_path / "other.json"
    content = json.loads((lab / "model" / "tokenizer.json").read_text())
    other.write_text(json.dumps(content | {"normalizer": None, "pre_tokenizer": None, "post_processor": None}))
    for named in (lab / "model", lab / "model" / "tokenizer.json", other):
        options = read_options(encoder_config(lab, cohort, tmp_path / "run", tokenizer=str(named)), EncoderOptions)
        found = encoder.set_up(options).processor.tokenizer
        assert found.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_elements_whose_sequence_nobody_knows_are_no_examples(
    lab: Path, cohort: SmallCohort, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A donor's file without a chromosome, or without a genotype that could be used there."""
    contigs = {"chr1": LENGTH, "chrX": 200}
    genome, other = cohort.world.genome, cohort.world.reference.sequence("chrX", 0, 200)

    def setup(**calls: str) -> encoder.EncoderSetup:
        """Of a run in which D0's file has these calls, by chromosome."""
        lines = [
            record(at, base, "A" if base != "A" else "C", call).replace("chr1", chrom)
            for chrom, call in calls.items()
            for at in range(20, len(genome if chrom == "chr1" else other) - 20, 20)
            for base in [(genome if chrom == "chr1" else other)[at - 1]]
        ]
        vcf = write_vcf(tmp_path / "d0.vcf.gz", lines, contigs=contigs, samples=["D0"])
        files = {donor: str(vcf if donor == "D0" else cohort.vcf) for donor in DONORS[:3]}
        return encoder.set_up(read_options(encoder_config(lab, cohort, tmp_path / "run", vcfs=files), EncoderOptions))

    whole = setup(chr1="0|1", chrX="0|0")
    assert whole.plan["labels_not_used"] == 0
    with pytest.raises(InputError, match=r"d0\.vcf\.gz: donor D0: has no record on chrX, where cCREs of the donor"):
        setup(chr1="0|1")
    with pytest.raises(InputError, match=r"d0\.vcf\.gz: donor D0: nothing of it can be used in any cCRE: chr1 all_"):
        setup(chr1="./.", chrX="./.")
    caplog.clear()
    left = setup(chr1="./.", chrX="0|1")
    assert "the cCREs of D0 there are not used: chr1 all_skipped (missing_genotype)" in caplog.text
    rows, all_rows = left.train.rows, whole.train.rows
    assert rows.donors == ("D1", "D2")
    assert left.plan["labels"] == len(all_rows) - len(all_rows.of_donor[0]) == len(rows)
    assert left.plan["labels_not_used"] == len(all_rows.of_donor[0])
    for number, mine in enumerate(rows.of_donor):
        for name in ("element", "tissue", "label"):
            kept, before = getattr(rows, name)[mine], getattr(all_rows, name)[all_rows.of_donor[number + 1]]
            assert kept.tolist() == before.tolist()
    assert len(left.held_out.rows) == len(whole.held_out.rows)
