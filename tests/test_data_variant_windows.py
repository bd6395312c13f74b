"""Windows of variants for masked tokens: which bases, which variants, which part."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pysam
import pytest
from genome_files import record, write_vcf

from variantformer_hf import ReferenceGenome, Variant
from variantformer_hf.data.variant_windows import WindowOptions, WindowReport, write_variant_windows
from variantformer_hf.errors import AssemblyError, InputError
from variantformer_hf.genome.interval import Interval

SIZES = {"chr1": 4000, "chr2": 3000, "chrX": 2000, "chrUn": 2000}
NEXT = {"A": "C", "C": "G", "G": "T", "T": "A"}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> ReferenceGenome:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    rng = np.random.default_rng(0)
    path.write_text("".join(f">{name}\n{''.join(rng.choice(list('ACGT'), size))}\n" for name, size in SIZES.items()))
    pysam.faidx(str(path))
    return ReferenceGenome(path)


def snv(reference: ReferenceGenome, chrom: str, start: int) -> Variant:
    ref = reference.sequence(chrom, start, start + 1)
    return Variant(chrom, start + 1, ref, NEXT[ref])


def rows(folder: Path, part: str = "train") -> list[dict[str, Any]]:
    return pq.read_table(folder / f"{part}.parquet").to_pylist()


def written(
    folder: Path, reference: ReferenceGenome, variants: Any, blacklist: Any = (), **options: Any
) -> WindowReport:
    return write_variant_windows(
        variants, reference, folder, blacklist=blacklist, options=WindowOptions(**{"test_share": 0, **options})
    )


def test_an_snv_is_at_index_255_of_512(reference: ReferenceGenome, tmp_path: Path) -> None:
    variant = snv(reference, "chr1", 1000)
    report = written(tmp_path, reference, [variant])
    (row,) = rows(tmp_path)
    expected = reference.sequence("chr1", 745, 1000) + variant.alt + reference.sequence("chr1", 1001, 1257)
    assert (row["text"], len(row["text"]), row["text"][255]) == (expected, 512, variant.alt)
    assert (row["chrom"], row["pos"], row["ref"], row["alt"]) == ("chr1", 1001, variant.ref, variant.alt)
    assert report.written == {"train.parquet": 1, "test.parquet": 0} and not report.left_out


@pytest.mark.parametrize(("deleted", "inserted"), [(1, "ACGTT"), (6, ""), (3, "GG"), (1, "A" * 400)])
def test_insertions_and_deletions_are_those_of_the_altered_sequence(
    reference: ReferenceGenome, tmp_path: Path, deleted: int, inserted: str
) -> None:
    ref = reference.sequence("chr2", 900, 900 + deleted)
    alt = ref[0] + inserted
    written(tmp_path, reference, [Variant("chr2", 901, ref, alt)])
    altered = reference.sequence("chr2", 0, 900) + alt + reference.sequence("chr2", 900 + deleted, 3000)
    assert rows(tmp_path)[0]["text"] == altered[645 : 645 + 512]
    written(tmp_path / "released", reference, [Variant("chr2", 901, ref, alt)], as_released=True)
    plain = reference.sequence("chr2", 645, 645 + 512)
    expected = (plain[:255] + alt + plain[255 + len(alt) :])[:512]
    assert rows(tmp_path / "released")[0]["text"] == expected
    assert (expected == plain) == (not inserted)  # a deletion leaves the reference


def test_what_is_left_out_is_counted_by_reason(reference: ReferenceGenome, tmp_path: Path) -> None:
    right = [snv(reference, "chr1", start) for start in range(600, 700)]
    wrong = snv(reference, "chr1", 800)
    variants = [
        *right,
        Variant("chr1", wrong.pos, wrong.alt, wrong.ref),
        Variant("chr1", 900, "A", "<DEL>"),
        Variant("chr1", 900, "N", "A"),
        snv(reference, "chrUn", 900),
        Variant("chr9", 900, "A", "C"),
        snv(reference, "chr1", 254),
        snv(reference, "chr1", 3744),
        snv(reference, "chr1", 1500),
    ]
    report = written(tmp_path, reference, variants, blacklist=[Interval("chr1", 1500, 1501), Interval("chr2", 0, 9)])
    assert report.left_out == {
        "ref_mismatch": 1,
        "no_sequence": 2,
        "other_contig": 2,
        "window_off_contig": 2,
        "blacklisted": 1,
    }
    assert [row["pos"] for row in rows(tmp_path)] == [variant.pos for variant in right]
    edges = [snv(reference, "chr1", start) for start in (255, 3743)]
    assert written(tmp_path / "edges", reference, edges).written["train.parquet"] == 2


def test_variants_of_another_assembly_are_refused_and_nothing_is_left(
    reference: ReferenceGenome, tmp_path: Path
) -> None:
    right = [snv(reference, "chr1", start) for start in range(600, 695)]
    wrong = [Variant("chr1", each.pos, each.alt, each.ref) for each in right[:6]]
    with pytest.raises(AssemblyError, match=r"only 95 of 101 REF alleles are what .*genome\.fa holds"):
        written(tmp_path, reference, [*right, *wrong])
    assert not list(tmp_path.iterdir())
    assert written(tmp_path, reference, [*right, *wrong[:5]]).left_out == {"ref_mismatch": 5}
    with pytest.raises(InputError, match="overwrite"):
        written(tmp_path, reference, right)


def test_a_share_of_the_rows_are_of_the_reference(reference: ReferenceGenome, tmp_path: Path) -> None:
    variants = [snv(reference, "chr1", start) for start in range(300, 3700)]
    for share in (0.2, 0.6):
        folder = tmp_path / str(share)
        written(folder, reference, variants, reference_share=share)
        found = rows(folder)
        plain = [row for row in found if row["alt"] is None]
        assert len(plain) / len(found) == pytest.approx(share, abs=0.02)
        assert len(found) - len(plain) == len(variants)
        for row in plain[:20]:
            assert row["text"] == reference.sequence("chr1", row["pos"] - 256, row["pos"] + 256)
    written(tmp_path / "again", reference, variants, reference_share=0.2)
    assert rows(tmp_path / "again") == rows(tmp_path / "0.2")


def test_the_last_share_of_the_bases_is_held_out_and_no_window_is_on_both_sides(
    reference: ReferenceGenome, tmp_path: Path
) -> None:
    variants = [snv(reference, chrom, start) for chrom in ("chr1", "chr2", "chrX") for start in range(300, 1700)]
    report = written(tmp_path, reference, variants, test_share=2500 / 9000)  # from base 2,500 of chr2 on
    assert report.left_out == {}
    assert {row["chrom"] for row in rows(tmp_path, "test")} == {"chrX"}
    report = written(tmp_path / "within", reference, variants, test_share=4000 / 9000)  # from base 1,000 of chr2 on
    train, test = rows(tmp_path / "within"), rows(tmp_path / "within", "test")
    assert max(row["pos"] for row in train if row["chrom"] == "chr2") == 1000 - 256
    assert min(row["pos"] for row in test if row["chrom"] == "chr2") == 1000 + 256
    assert report.left_out == {"on_the_split": 511}
    assert len(train) + len(test) + 511 == len(variants)


def test_whole_chromosomes_are_held_out(reference: ReferenceGenome, tmp_path: Path) -> None:
    variants = [snv(reference, chrom, 900) for chrom in ("chr1", "chr2", "chrX")]
    written(tmp_path, reference, variants, test_chromosomes=("2",))
    assert [row["chrom"] for row in rows(tmp_path, "test")] == ["chr2"]
    assert [row["chrom"] for row in rows(tmp_path)] == ["chr1", "chrX"]
    with pytest.raises(InputError, match="no chromosome 7 to hold out"):
        written(tmp_path / "other", reference, variants, test_chromosomes=("7",))


def test_variants_are_read_of_files_by_either_spelling_of_contigs(reference: ReferenceGenome, tmp_path: Path) -> None:
    one, two = snv(reference, "chr1", 900), snv(reference, "chr2", 700)
    lines = [record(one.pos, one.ref, f"{one.alt},<DEL>", chrom="1"), record(two.pos, two.ref, two.alt, chrom="2")]
    vcf = write_vcf(tmp_path / "sites.vcf.gz", lines, contigs={"1": 4000, "2": 3000}, samples=())
    table = tmp_path / "EUR.csv"
    table.write_text(f"chrom,pos,ref,alt\n1,{one.pos},{one.ref},{one.alt}\n2,{two.pos},{two.ref},{two.alt}\n")
    for path in (vcf, table):
        report = written(tmp_path / path.stem, reference, path)
        assert [(row["chrom"], row["pos"]) for row in rows(tmp_path / path.stem)] == [("chr1", 901), ("chr2", 701)]
        assert report.left_out == ({"no_sequence": 1} if path == vcf else {})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"length": 1}, "length is 1"),
        ({"reference_share": 1.0}, "reference_share is 1.0"),
        ({"test_share": -0.1}, "test_share is -0.1"),
    ],
)
def test_shares_that_are_none_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        WindowOptions(**options)
