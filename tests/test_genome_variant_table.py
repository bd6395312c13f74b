"""Lists of variants: what is read, what is rejected and why."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from genome_files import record, write_fasta, write_vcf

from variantformer_hf import ReferenceGenome, Variant
from variantformer_hf.errors import InputError
from variantformer_hf.genome.variant import VariantNormalizer
from variantformer_hf.genome.variant_table import read_variants

GENOME = "GATTACACACACATTTTGNNNNCAGTCC"


@pytest.fixture
def normalizer(tmp_path: Path) -> VariantNormalizer:
    return VariantNormalizer(ReferenceGenome(write_fasta(tmp_path / "genome.fa", {"chr1": GENOME})))


def test_a_table_with_everything(tmp_path: Path, normalizer: VariantNormalizer) -> None:
    path = tmp_path / "variants.csv"
    path.write_text(
        "chr,POS,REF,ALT,gene_id,tissue,label,AF,EUR_AF,AF_AFR,zygosity,note\n"
        "chr1,1,G,T,ENSG1,whole blood,1,0.5,0.4,.,het,x\n"
        "1,3,T,C,,,,,,,,\n"
        "chr1,1,G,T,ENSG1,whole blood,,,,,het,\n"
        "chr1,1,A,T,,,,,,,,\n"
        "chr1,x,A,T,,,,,,,,\n"
        "chr1,4,T\n"
    )
    table = read_variants(path, normalizer)
    first, second = table.rows
    assert first.variant == Variant("chr1", 1, "G", "T")
    assert first.annotations == {
        "gene_id": "ENSG1",
        "tissue": "whole blood",
        "label": "1",
        "genotype": "het",
        "note": "x",
    }
    assert first.frequencies == {"": 0.5, "EUR": 0.4}
    assert second.given == Variant("1", 3, "T", "C")
    assert second.variant == Variant("chr1", 3, "T", "C")
    assert [(each.row, each.reason.split(".")[0]) for each in table.rejected] == [
        (4, "says again what row 2 says"),
        (5, "REF is A, and the FASTA holds G there"),
        (6, "the position 'x' is no number"),
        (7, "has 3 fields where the header has 12"),
    ]
    assert [edit.genotype for edit in table.edits("hom")] == ["het", "hom"]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "chr1:1:G>T\n1_3_T_C\n\nrs5\n",
        "variant_id\tgene\nchr1_1_G_T_b38\tA\nchr1_3_T_C_b38\tA\nrs5\tB\n",
        "chrom pos ref alt\nchr1 1 G T\nchr1  3 T C\nchr1 5 AC *\n",
    ],
)
def test_texts(tmp_path: Path, normalizer: VariantNormalizer, text: str, compressed: bool) -> None:
    path = tmp_path / ("variants.txt.gz" if compressed else "variants.txt")
    path.write_bytes(gzip.compress(text.encode()) if compressed else text.encode())
    table = read_variants(path, normalizer)
    assert [str(row.variant) for row in table.rows] == ["chr1:1:G:T", "chr1:3:T:C"]
    assert len(table.rejected) == 1


def test_a_vcf_gives_each_alt_by_itself(tmp_path: Path, normalizer: VariantNormalizer) -> None:
    lines = [
        record(1, "G", "T,C", info="AF=0.25,0.5"),
        record(3, "TTA", "T", info="AF=0.1"),
        record(5, "A", "<DEL>", info="END=7"),
    ]
    path = write_vcf(tmp_path / "sites.vcf.gz", lines, contigs={"chr1": len(GENOME)}, samples=())
    # The header of the helper has no AF.
    text = gzip.decompress(path.read_bytes()).decode()
    plain = tmp_path / "sites.vcf"
    plain.write_text(
        text.replace("##INFO=<ID=NOTE", '##INFO=<ID=AF,Number=A,Type=Float,Description="AF">\n##INFO=<ID=NOTE')
    )
    table = read_variants(plain, normalizer)
    assert [str(row.variant) for row in table.rows] == ["chr1:1:G:T", "chr1:1:G:C", "chr1:3:TTA:T"]
    assert [dict(row.frequencies) for row in table.rows] == [{"": 0.25}, {"": 0.5}, {"": pytest.approx(0.1)}]
    assert [each.row for each in table.rejected] == [4]
    with pytest.raises(InputError, match="no INFO field AF_XY"):
        read_variants(plain, normalizer, vcf_af=["AF_XY"])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "has no column chrom, pos, ref, alt"),
        ("chrom,pos,ref\n1,2,A\n", "has no column alt"),
    ],
)
def test_bad_files(tmp_path: Path, normalizer: VariantNormalizer, content: str, problem: str) -> None:
    path = tmp_path / "variants.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=problem):
        read_variants(path, normalizer)


def test_other_bad_input(tmp_path: Path, normalizer: VariantNormalizer) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_variants(tmp_path / "none.tsv", normalizer)
    (tmp_path / "x.vcf").write_text("no VCF\n")
    with pytest.raises(InputError, match="cannot be read as a VCF"):
        read_variants(tmp_path / "x.vcf", normalizer)
    with pytest.raises(InputError, match="no variant that can be used"):
        read_variants(["chr1:1:A>T"], normalizer).edits("hom")
    table = tmp_path / "edits.tsv"
    table.write_text("chrom\tpos\tref\talt\tgenotype\nchr1\t1\tG\tT\t0/7\n")
    with pytest.raises(InputError, match="no genotype '0/7'"):
        read_variants(table, normalizer).edits("hom")


def test_a_parquet_table_and_several_spellings_of_a_column(tmp_path: Path, normalizer: VariantNormalizer) -> None:
    path = tmp_path / "eqtl.parquet"
    pd.DataFrame(
        {
            "molecular_trait_id": ["exon1", "exon2"],
            "gene_id": ["ENSG1", None],
            "chromosome": ["1", "1"],
            "position": [1, 3],
            "ref": ["G", "T"],
            "alt": ["T", "C"],
            "beta": [0.5, np.nan],
            "AF_EUR": [0.1, np.nan],
        }
    ).to_parquet(path)
    first, second = read_variants(path, normalizer).rows
    assert dict(first.annotations) == {"molecular_trait_id": "exon1", "gene_id": "ENSG1", "slope": "0.5"}
    assert dict(first.frequencies) == {"EUR": 0.1}
    assert dict(second.annotations) == {"molecular_trait_id": "exon2"}
    assert not second.frequencies


@pytest.mark.parametrize("kind", [str, int, float])
def test_rows_near_some_variants_whatever_their_columns_are_of(
    tmp_path: Path, normalizer: VariantNormalizer, kind: type
) -> None:
    path = tmp_path / "frequencies.parquet"
    table = pd.DataFrame({"chrom": [1, 1], "pos": [1, 3], "ref": ["G", "T"], "alt": ["T", "C"], "AF_EUR": [0.1, 0.2]})
    table.astype({"chrom": int if kind is float else kind, "pos": kind}).to_parquet(path)
    found = read_variants(path, normalizer, near=[Variant("chr1", 3, "T", "C")])
    assert [str(row.variant) for row in found.rows] == ["chr1:1:G:T", "chr1:3:T:C"]
