import csv
import json
from pathlib import Path

import numpy as np
import pysam
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoTokenizer, TokenizersBackend

from variantformer_hf.errors import InputError
from variantformer_hf.modeling.variantformer.processing_variantformer import VariantFormerProcessor
from variantformer_hf.tokenization import DnaTokenizer

LENGTH = 8


@pytest.fixture(scope="module")
def tokenizer() -> DnaTokenizer:
    rng = np.random.default_rng(0)
    return DnaTokenizer.train(["".join(rng.choice(list("ACGT"), 300)) for _ in range(20)], vocab_size=60)


@pytest.fixture(scope="module")
def processor(tokenizer: DnaTokenizer) -> VariantFormerProcessor:
    return VariantFormerProcessor(tokenizer, token_length=LENGTH, max_gene_windows=3)


def dna(length: int, seed: int = 1) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def test_rows_are_cut_padded_and_counted(processor: VariantFormerProcessor, tokenizer: DnaTokenizer) -> None:
    long, short = dna(60), "R"
    gene = processor.encode_gene([long, short], ["PLS", 8], dna(30))
    ids = tokenizer(long)["input_ids"]
    assert len(ids) > LENGTH
    assert gene.cre_input_ids.tolist() == [ids[:LENGTH], tokenizer("R")["input_ids"] + [0] * (LENGTH - 1)]
    assert gene.cre_attention_mask.tolist() == [[1] * LENGTH, [1] + [0] * (LENGTH - 1)]
    assert gene.cre_class_ids.tolist() == [3, 8]
    assert gene.truncated_cres == 1


def test_an_absent_element_leaves_and_one_without_tokens_stays(processor: VariantFormerProcessor) -> None:
    gene = processor.encode_gene(["", "ACGT", "NNN", ""], ["dELS", "PLS", "pELS", "dELS"], "ACGT")
    assert gene.cre_indices.tolist() == [1, 2]
    assert gene.cre_class_ids.tolist() == [3, 7]
    assert gene.cre_attention_mask.any(axis=1).tolist() == [True, False]
    assert not gene.cre_input_ids[1].any()
    nothing = processor.encode_gene(["", ""], [0, 0], "ACGT")
    assert nothing.cre_input_ids.shape == (0, LENGTH)
    assert nothing.cre_class_ids.shape == (0,)


@pytest.mark.parametrize("n_tokens", [0, 1, 7, 8, 9, 16, 23, 24, 25, 40])
def test_gene_windows(processor: VariantFormerProcessor, n_tokens: int) -> None:
    gene = processor.encode_gene([], [], "R" * n_tokens or "N")
    windows = min(3, max(1, -(-n_tokens // LENGTH)))
    assert gene.gene_input_ids.shape == (windows, LENGTH)
    assert gene.gene_tokens_total == n_tokens
    assert gene.gene_attention_mask.sum() == n_tokens - gene.gene_tokens_cut
    assert gene.gene_tokens_cut == max(0, n_tokens - 3 * LENGTH)


def test_windows_are_consecutive(processor: VariantFormerProcessor, tokenizer: DnaTokenizer) -> None:
    sequence = dna(45)
    ids = tokenizer(sequence)["input_ids"]
    gene = processor.encode_gene([], [], sequence)
    assert LENGTH < len(ids) < 3 * LENGTH
    assert gene.gene_input_ids[gene.gene_attention_mask == 1].tolist() == ids


def test_one_gene_is_a_batch_of_one_without_presence_masks(processor: VariantFormerProcessor) -> None:
    inputs = processor(cre_sequences=[dna(20), dna(9)], cre_classes=[1, 2], gene_sequence=dna(50), return_tensors="pt")
    assert set(inputs) == {
        "cre_input_ids",
        "cre_attention_mask",
        "cre_class_ids",
        "gene_input_ids",
        "gene_attention_mask",
    }
    assert inputs["cre_input_ids"].shape == (1, 2, LENGTH)
    assert inputs["cre_class_ids"].tolist() == [[1, 2]]
    assert all(value.dtype == torch.int64 for value in inputs.values())
    assert isinstance(processor([dna(20)], [1], dna(50))["cre_input_ids"], np.ndarray)


def test_a_batch_is_padded_with_absent_rows(processor: VariantFormerProcessor) -> None:
    genes = [([dna(20), "", dna(9)], [1, 2, 8], dna(70)), ([dna(11)], [4], dna(5))]
    inputs = processor(*(list(column) for column in zip(*genes, strict=True)))
    assert inputs["cre_mask"].tolist() == [[1, 1], [1, 0]]
    assert inputs["gene_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert inputs["cre_class_ids"].tolist() == [[1, 8], [4, 0]]
    for row, gene in enumerate(genes):
        alone = processor.encode_gene(*gene)
        present = inputs["cre_mask"][row] == 1
        assert (inputs["cre_input_ids"][row][present] == alone.cre_input_ids).all()
        assert (inputs["cre_attention_mask"][row].sum(axis=-1) > 0).tolist() == present.tolist()
        assert (inputs["gene_input_ids"][row][inputs["gene_mask"][row] == 1] == alone.gene_input_ids).all()
    equal = processor([["ACGT"], ["GT"]], [[0], [1]], ["ACGT", "R"])
    assert "cre_mask" not in equal
    assert "gene_mask" not in equal


def test_input_that_cannot_be_used(processor: VariantFormerProcessor, tokenizer: DnaTokenizer) -> None:
    with pytest.raises(ValueError, match="empty"):
        processor(["ACGT"], [0], "")
    with pytest.raises(ValueError, match=r"unknown cCRE class 'enhancer'.*CTCF-only"):
        processor(["ACGT"], ["enhancer"], "ACGT")
    for number in (9, -1):
        with pytest.raises(ValueError, match=str(number)):
            processor(["ACGT"], [number], "ACGT")
    with pytest.raises(ValueError, match="1 cCREs were given with 2 classes"):
        processor(["ACGT"], [0, 1], "ACGT")
    with pytest.raises(ValueError, match="2 gene sequences"):
        processor([["ACGT"]], [[0]], ["ACGT", "ACGT"])
    with pytest.raises(ValueError, match="at least 1"):
        VariantFormerProcessor(tokenizer, token_length=0)


def test_saved_and_loaded_processors_are_equal(tokenizer: DnaTokenizer, tmp_path: Path) -> None:
    settings = {
        "token_length": 5,
        "max_gene_windows": 6,
        "cre_flank": 7,
        "cre_radius": 8,
        "gene_upstream": 9,
        "max_gene_length": 10,
        "cre_classes": ["one", "two"],
    }
    VariantFormerProcessor(tokenizer, **settings).save_pretrained(tmp_path)
    assert "auto_map" not in json.loads((tmp_path / "tokenizer_config.json").read_text())
    loaded = VariantFormerProcessor.from_pretrained(tmp_path)
    assert {name: getattr(loaded, name) for name in settings} == settings
    original = VariantFormerProcessor(tokenizer, **settings)
    for name, value in loaded(["ACGTn"], ["two"], dna(40)).items():
        assert (value == original(["ACGTn"], ["two"], dna(40))[name]).all()


def test_any_tokenizer_with_the_same_file_gives_the_same_inputs(
    processor: VariantFormerProcessor, tokenizer: DnaTokenizer, tmp_path: Path
) -> None:
    tokenizer.save_pretrained(tmp_path)
    plain = VariantFormerProcessor(TokenizersBackend.from_pretrained(tmp_path), LENGTH, 3)
    sequences, classes, gene = [dna(40), "NN", "", "acgRtN"], [0, 1, 2, 3], dna(60) + "nn" + dna(30, 2).lower()
    for name, value in plain(sequences, classes, gene).items():
        assert (value == processor(sequences, classes, gene)[name]).all()


def test_auto_classes_give_ours(processor: VariantFormerProcessor, tmp_path: Path) -> None:
    from transformers import AutoProcessor

    from variantformer_hf.modeling import VariantFormerConfig

    processor.save_pretrained(tmp_path)
    VariantFormerConfig().save_pretrained(tmp_path)
    loaded = AutoProcessor.from_pretrained(tmp_path)
    assert type(loaded) is VariantFormerProcessor
    assert loaded.token_length == LENGTH
    assert type(loaded.tokenizer) is DnaTokenizer
    assert type(AutoTokenizer.from_pretrained(tmp_path)) is DnaTokenizer


def test_the_default_classes_are_those_of_the_table_and_the_config(processor: VariantFormerProcessor) -> None:
    from variantformer_hf.genome.cres import CRE_CLASSES
    from variantformer_hf.modeling import VariantFormerConfig

    assert processor.cre_classes == list(CRE_CLASSES)
    assert VariantFormerConfig().cre_classes == list(CRE_CLASSES)


def complement(sequence: str) -> str:
    return sequence.upper().translate(str.maketrans("ACGTRYSWKMBDHV", "TGCAYRSWMKVHDB"))[::-1]


def reference_sequences(folder: Path, gene: dict[str, str], processor: VariantFormerProcessor) -> tuple:
    """A gene's sequences from the FASTA as the architecture page says, without any of the package's own reading."""
    start, end, contig = int(gene["start"]), int(gene["end"]), gene["chromosome"]
    with pysam.FastaFile(str(folder / "genome.fa")) as fasta:
        length = fasta.get_reference_length(contig)
        elements = []
        for line in (folder / "cres.bed").read_text().splitlines():
            chrom, left, right, *_, kind = line.split("\t")
            if chrom == contig and int(left) < end + processor.cre_radius and int(right) > start - processor.cre_radius:
                left, right = max(0, int(left) - processor.cre_flank), min(length, int(right) + processor.cre_flank)
                elements.append((left, fasta.fetch(contig, left, right), kind))
        elements.sort(key=lambda element: element[0])
        if gene["strand"] == "+":
            left = max(0, start - processor.gene_upstream)
            body = fasta.fetch(contig, left, min(end, left + processor.max_gene_length, length))
            return [sequence for _, sequence, _ in elements], [kind for *_, kind in elements], body
        left = max(start, end - processor.max_gene_length)
        body = complement(fasta.fetch(contig, left, min(length, end + processor.gene_upstream)))
        return [complement(s) for _, s, _ in elements[::-1]], [kind for *_, kind in elements[::-1]], body


@pytest.mark.shared
@pytest.mark.parametrize("case", ["genome", "genome_edge"])
def test_inputs_equal_the_released_ones(shared: Path, parity: Path, case: str) -> None:
    processor = VariantFormerProcessor(DnaTokenizer.from_vocabulary(shared / "vocabulary" / "bpe_vocabulary_500.json"))
    folder = parity / case
    expected = load_file(folder / "expected.reference.safetensors")
    with (folder / "genes.csv").open() as file:
        genes = list(csv.DictReader(file))
    assert genes
    for gene in genes:
        encoded = processor.encode_gene(*reference_sequences(folder, gene, processor))
        name = gene["gene_id"]
        np.testing.assert_array_equal(encoded.cre_input_ids, expected[f"{name}.cre_ids"])
        np.testing.assert_array_equal(encoded.cre_attention_mask == 0, expected[f"{name}.cre_padding"])
        np.testing.assert_array_equal(encoded.cre_class_ids, expected[f"{name}.cre_class"])
        np.testing.assert_array_equal(encoded.gene_input_ids, expected[f"{name}.gene_ids"])
        np.testing.assert_array_equal(encoded.gene_attention_mask == 0, expected[f"{name}.gene_padding"])


@pytest.mark.shared
def test_a_vocabulary_of_another_kind_is_refused(parity: Path) -> None:
    with pytest.raises(InputError):
        DnaTokenizer.from_vocabulary(parity / "full" / "config.json")


def test_the_classes_are_those_of_the_cre_table() -> None:
    from variantformer_hf.genome import CRE_CLASSES as OF_THE_TABLE
    from variantformer_hf.modeling.variantformer.configuration_variantformer import CRE_CLASSES

    assert tuple(CRE_CLASSES) == tuple(OF_THE_TABLE)
