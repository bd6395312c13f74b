"""What a store's blocks hold: every record and call comes back, in few bytes, and in memory that a block bounds."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from variantformer_hf.errors import InputError
from variantformer_hf.genome.bit_packing import bytes_with, n_bytes, packed, unpacked
from variantformer_hf.genome.call_blocks import CallBlock
from variantformer_hf.genome.checked_file import CheckedWriter
from variantformer_hf.genome.contig_file import ContigFile, opened_contig
from variantformer_hf.genome.contig_writer import ContigWriter
from variantformer_hf.genome.store_layout import HOM_REF, LONGER, PASSES, SITE, StoreLimits

GENOTYPES = ("0|1", "1|0", "1|1", "0/1", "1/1", "./.", ".|1", "0", "1", ".", "1/2", "2|10", "0/1/1", "|1", "")
ARRAYS = ("position", "end", "alleles", "flags", "ref", "alt", "text_size")


def cohort(rng: np.random.Generator, n_records: int, n_samples: int) -> tuple[CallBlock, np.ndarray]:
    """Random records in one block; (records, samples) genotypes, -1 = 0/0."""
    rare, common = rng.random(n_records) < 0.7, rng.random(n_records) < 0.1
    share = np.where(common, rng.random(n_records), np.where(rare, 1.5 / n_samples, 0.2))
    n_kinds = int(rng.integers(1, len(GENOTYPES) + 1))
    names = tuple(rng.permutation(GENOTYPES)[:n_kinds].tolist())
    usual = 1 / np.arange(1, n_kinds + 1) ** rng.choice([0, 2, 5])
    calls = rng.choice(n_kinds, size=(n_records, n_samples), p=usual / usual.sum())
    calls = np.where(rng.random(calls.shape) < share[:, None], calls, -1)
    record, sample = np.nonzero(calls >= 0)
    gap = rng.choice([2, 300, 3_000_000]) if n_records < 300 else 300
    position = np.cumsum(rng.integers(0, gap, n_records)) - 1
    is_plain = rng.random(n_records) < rng.choice([0, 0.8, 1])
    letters = rng.integers(65, 69, (2, n_records)).astype(np.uint8)
    length = np.where(is_plain, 1, rng.integers(0, 5, n_records))
    texts = [
        b"" if plain else bytes([letter]) * int(n) + b"\tA<%d>\tPASS" % rng.integers(0, 3)
        for plain, letter, n in zip(is_plain, letters[0], length, strict=True)
    ]
    flags = np.where(is_plain, SITE | PASSES | HOM_REF, rng.choice([0, HOM_REF, PASSES, LONGER], n_records))
    alleles = letters[0].astype(np.int64) << 8 | letters[1]
    block = CallBlock(
        position=position,
        end=position + length,
        alleles=np.where(is_plain, alleles, rng.integers(0, 1 << 40, n_records)),
        flags=flags.astype(np.uint8),
        ref=letters[0],
        alt=letters[1],
        text_size=np.array([len(text) for text in texts], dtype=np.int64),
        text=np.frombuffer(b"".join(texts), dtype=np.uint8),
        call_record=record,
        call_sample=sample,
        call_genotype=calls[record, sample],
        genotypes=names,
    )
    return block, calls


def parts(block: CallBlock, ends: list[int]) -> Iterator[CallBlock]:
    """A block in pieces."""
    text_first = np.concatenate([[0], np.cumsum(block.text_size)])
    for first, last in zip([0, *ends], [*ends, len(block)], strict=True):
        calls = slice(*np.searchsorted(block.call_record, [first, last]))
        yield CallBlock(
            **{name: getattr(block, name)[first:last] for name in ARRAYS},
            text=block.text[text_first[first] : text_first[last]],
            call_record=block.call_record[calls] - first,
            call_sample=block.call_sample[calls],
            call_genotype=block.call_genotype[calls],
            genotypes=block.genotypes,
        )


def written(path: Path, blocks: Iterator[CallBlock], n_samples: int, limits: StoreLimits) -> ContigFile:
    with CheckedWriter(path) as file:
        writer = ContigWriter(file, Path("calls.pgen"), "chr1", n_samples, limits)
        for block in blocks:
            writer.add(block)
        checksum = writer.finish({"swapped": 3})
    return ContigFile(path, checksum)


def calls_of(contig: ContigFile, person: int, blocks: list[int]) -> list[str]:
    """One person's genotypes of all records, as they are written."""
    found: list[str] = []
    for block in blocks:
        here = ["0/0"] * len(contig.sites(block).position)
        records, genotypes = contig.calls(block).of_person(person)
        assert len(set(records.tolist())) == len(records)
        for row, genotype in zip(records.tolist(), genotypes.tolist(), strict=True):
            here[row] = contig.written[genotype]
        found += here
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(min_value=0), st.integers(1, 60), st.integers(1, 400), st.booleans())
def test_all_records_and_calls_come_back(tmp_path: Path, seed: int, n_samples: int, n: int, is_small: bool) -> None:
    rng = np.random.default_rng(seed)
    block, calls = cohort(rng, n, n_samples)
    ends = sorted(rng.integers(0, n, rng.integers(0, 4)).tolist())
    limits = StoreLimits(records=int(rng.integers(1, 90)), calls=200, dense=300) if is_small else StoreLimits()
    contig = written(tmp_path / "a.calls", parts(block, ends), n_samples, limits)
    blocks = contig.blocks(-5, 1 << 40)
    sites = [contig.sites(number) for number in blocks]
    assert (contig.records, contig.people, contig.contig, contig.counts) == (n, n_samples, "chr1", {"swapped": 3})
    for name in ARRAYS[:-1]:
        assert np.array_equal(np.concatenate([getattr(part, name) for part in sites]), getattr(block, name)), name
    ends_of_text = np.cumsum(block.text_size)
    texts = [
        block.text[end - size : end].tobytes().decode() or f"{chr(ref)}\t{chr(alt)}\tPASS"
        for end, size, ref, alt in zip(ends_of_text, block.text_size, block.ref, block.alt, strict=True)
    ]
    assert [part.text_of(row) for part in sites for row in range(len(part.position))] == texts
    for person in range(n_samples):
        wanted = ["0/0" if code < 0 else block.genotypes[code] for code in calls[:, person].tolist()]
        assert calls_of(contig, person, blocks) == wanted
    start, end = sorted(rng.integers(0, int(block.end.max()) + 2, 2).tolist())
    found = []
    for number in contig.blocks(start, end):
        rows = contig.rows(number, start, end)
        found += contig.sites(number).position[rows].tolist()
    inside = (block.position >= 0) & (block.position < end) & (block.end > start)
    assert found == block.position[inside].tolist()


@given(st.integers(1, 40), st.sampled_from([1, 2, 4, 8]), st.integers(0, 2**32), st.data())
def test_packed_numbers_come_back(n: int, width: int, seed: int, data: st.DataObject) -> None:
    values = np.random.default_rng(seed).integers(0, 1 << width, (3, n)).astype(np.uint8)
    content = packed(values, width)
    assert content.shape == (3, n_bytes(n, width))
    assert np.array_equal(unpacked(content, width)[:, :n], values)
    first = data.draw(st.integers(0, n - 1))
    last = data.draw(st.integers(first, n))
    begin, size, skipped = bytes_with(first, last, width)
    found = unpacked(content[1, begin : begin + size], width)[skipped : skipped + last - first]
    assert np.array_equal(found, values[1, first:last])


def population(seed: int, n_records: int, n_samples: int, at_once: int) -> Iterator[CallBlock]:
    """Sites of a population: how many carry one falls with the square of the number."""
    rng = np.random.default_rng(seed)
    for first in range(0, n_records, at_once):
        n = min(at_once, n_records - first)
        carriers = np.minimum(n_samples, (1 / (1 - rng.random(n))).astype(np.int64))
        cells = np.unique(np.repeat(np.arange(n), carriers) * n_samples + rng.integers(0, n_samples, carriers.sum()))
        record, sample = np.divmod(cells, n_samples)
        position = 30 * np.arange(first, first + n, dtype=np.int64)
        letters = np.full(n, ord("A"), dtype=np.uint8)
        yield CallBlock(
            position=position,
            end=position + 1,
            alleles=letters.astype(np.int64) << 8 | letters,
            flags=np.full(n, SITE | PASSES | HOM_REF, dtype=np.uint8),
            ref=letters,
            alt=letters,
            text_size=np.zeros(n, dtype=np.int64),
            text=letters[:0],
            call_record=record,
            call_sample=sample,
            call_genotype=rng.integers(0, 3, len(record)),
            genotypes=("0|1", "1|0", "1|1"),
        )


def test_a_population_takes_two_bytes_a_carried_call(tmp_path: Path) -> None:
    blocks = list(population(0, 60_000, 1_000, 4_000))
    n_calls = sum(len(block.call_record) for block in blocks)
    contig = written(tmp_path / "a.calls", iter(blocks), 1_000, StoreLimits())
    assert (tmp_path / "a.calls").stat().st_size < 2 * n_calls
    person = np.concatenate([4_000 * at + b.call_record[b.call_sample == 7] for at, b in enumerate(blocks)])
    assert np.flatnonzero(np.array(calls_of(contig, 7, contig.blocks(0, 1 << 40))) != "0/0").tolist() == person.tolist()


def test_memory_depends_on_the_block_and_not_on_the_people_or_records(tmp_path: Path) -> None:
    """Blocks are cut by what they hold: ten times the people, or five times the records, take the same memory."""
    limits = StoreLimits(records=4_000, calls=100_000, dense=1 << 18)

    def peak(n_records: int, n_samples: int) -> int:
        blocks = list(population(1, n_records, n_samples, 200_000 // n_samples))
        tracemalloc.start()
        try:
            written(tmp_path / "a.calls", iter(blocks), n_samples, limits)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small = peak(40_000, 200)
    assert peak(40_000, 2_000) < 1.1 * small
    assert peak(200_000, 200) < 1.1 * small


def test_more_genotypes_than_two_bytes_count_are_refused(tmp_path: Path) -> None:
    n = 1 << 16
    block, _ = cohort(np.random.default_rng(0), 1, 1)
    names = tuple(f"{number}/{number + 1}" for number in range(n))
    fields = {name: getattr(block, name) for name in (*ARRAYS, "text", "call_record", "call_sample", "call_genotype")}
    with pytest.raises(InputError, match=r"calls.pgen: has more different genotypes"):
        written(tmp_path / "a.calls", iter([CallBlock(**fields, genotypes=names)]), 1, StoreLimits())


def test_a_contig_is_opened_anew_when_its_file_is_another(tmp_path: Path) -> None:
    path = tmp_path / "a.calls"
    checksum = written(path, population(0, 100, 9, 50), 9, StoreLimits()).checksum
    first = opened_contig(path, checksum)
    assert opened_contig(path, checksum) is first
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert opened_contig(path, checksum) is not first
