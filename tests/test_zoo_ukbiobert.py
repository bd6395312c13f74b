"""UKBioBERT's vectors: what is pooled, chunks, and a person's haplotypes one by one."""

from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
import torch
from genome_files import record, write_vcf
from test_conversion_published import converted, dnabert2_files

from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.errors import InputError
from variantformer_hf.genome.interval import Interval
from variantformer_hf.zoo.ukbiobert.embedder import UkBioBertEmbedder

pytestmark = pytest.mark.usefixtures("one_thread")

WIDTH = 48


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> UkBioBertEmbedder:
    folder = tmp_path_factory.mktemp("dnabert2")
    return UkBioBertEmbedder.load(converted(folder, *dnabert2_files(folder)), device="cpu")


def bases(length: int, seed: int = 0) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def states(embedder: UkBioBertEmbedder, sequence: str) -> torch.Tensor:
    """(tokens, width), special ones included, by the plain way."""
    with torch.inference_mode():
        found = embedder.model(**{"input_ids": embedder.tokenizer(sequence, return_tensors="pt")["input_ids"]})
    return found.last_hidden_state[0]


def test_the_mean_is_over_tokens_without_special_ones_and_padding(embedder: UkBioBertEmbedder) -> None:
    sequences = [bases(90), bases(33, 1), bases(90, 2), "A"]
    found = embedder.embed(sequences)
    assert found.shape == (4, WIDTH) and found.dtype == np.float32
    for row, sequence in zip(found, sequences, strict=True):
        assert np.allclose(row, states(embedder, sequence)[1:-1].mean(0), atol=1e-5)
    with_special = embedder.embed(sequences, exclude_special=False)
    assert np.allclose(with_special[1], states(embedder, sequences[1]).mean(0), atol=1e-5)
    first = embedder.embed(sequences, pool="cls")
    assert np.allclose(first[1], states(embedder, sequences[1])[0], atol=1e-5)
    assert not np.allclose(found, with_special, atol=1e-3)
    assert np.allclose(embedder.embed([sequences[0].lower()]), found[:1], atol=1e-6)


def test_chunks_are_read_by_themselves_and_pooled_over_all_their_tokens(embedder: UkBioBertEmbedder) -> None:
    sequence = bases(100)
    pieces = [states(embedder, sequence[first : first + 40]) for first in (0, 40, 80)]
    found = embedder.embed([sequence, "ACGT"], chunk_bases=40)
    assert np.allclose(found[0], torch.cat([piece[1:-1] for piece in pieces]).mean(0), atol=1e-5)
    assert np.allclose(found[1], embedder.embed(["ACGT"])[0], atol=1e-6)
    first = embedder.embed([sequence], pool="cls", chunk_bases=40)
    assert np.allclose(first[0], torch.stack([piece[0] for piece in pieces]).mean(0), atol=1e-5)


def test_a_person_s_haplotypes_are_read_by_themselves(embedder: UkBioBertEmbedder, tmp_path: Path) -> None:
    sequence = bases(300)
    (tmp_path / "genome.fa").write_text(f">chr1\n{sequence}\n")
    pysam.faidx(str(tmp_path / "genome.fa"))
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    vcf = write_vcf(
        tmp_path / "p.vcf.gz",
        [
            record(51, sequence[50], other[sequence[50]], "0|1"),
            record(101, sequence[100], sequence[100] + "ACG", "1|0"),
            record(151, sequence[150], other[sequence[150]], "1|1"),
        ],
        contigs={"chr1": 300},
    )
    person = PersonalGenome(ReferenceGenome(tmp_path / "genome.fa"), vcf)
    interval = Interval("chr1", 20, 220)
    changed = sequence[:150] + other[sequence[150]] + sequence[151:]
    first = changed[20:101] + "ACG" + changed[101:220]
    second = changed[20:50] + other[sequence[50]] + changed[51:220]
    both = embedder.embed([first, second])
    assert np.allclose(embedder.embed_person(person, interval), both.reshape(-1), atol=1e-6)
    assert np.allclose(embedder.embed_person(person, interval, mode="mean"), both.mean(0), atol=1e-6)
    assert np.allclose(embedder.embed_person(person, interval, mode="haplotype1"), both[0], atol=1e-6)
    by_chunks = embedder.embed_person(person, interval, pool="cls", chunk_bases=50)
    assert by_chunks.shape == (2 * WIDTH,)
    assert person.options.mode == "iupac"


@pytest.mark.parametrize(
    ("sequences", "options", "told"),
    [
        (["ACGT"], {"pool": "max"}, "no pool 'max'. Choose one of mean, cls"),
        (["ACGT"], {"chunk_bases": 0}, r"chunk_bases \(--chunk-bases\) is 0"),
        (["ACGT", ""], {}, "sequence 1 has no base"),
    ],
)
def test_what_cannot_be_pooled_is_refused(
    embedder: UkBioBertEmbedder, sequences: list[str], options: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        embedder.embed(sequences, **options)
    with pytest.raises(InputError, match="no mode 'sum'"):
        embedder.embed_person(None, Interval("chr1", 0, 5), mode="sum")  # type: ignore[arg-type]


def test_no_sequence_is_no_row(embedder: UkBioBertEmbedder) -> None:
    assert embedder.embed([]).shape == (0, WIDTH)
