"""Lists of genes in the forms that users have."""

import gzip
import time
from pathlib import Path

import pandas as pd
import pytest

from variantformer_hf.errors import InputError
from variantformer_hf.genome.gene_lists import read_gene_names
from variantformer_hf.genome.genes import Gene, GeneTable
from variantformer_hf.genome.names import MOST_SUGGESTED
from variantformer_hf.inference.query import RejectedQueryError, rejected_names
from variantformer_hf.zoo.outputs import TissueNames


@pytest.mark.parametrize(
    "content",
    [
        b"APOE\nENSG2.1\nMYC\n",
        b"\xef\xbb\xbfAPOE\r\n\r\nENSG2.1\r\n  MYC  \r\n",
        b"# my genes\nAPOE\tchr19\n#TP53\nENSG2.1\tchr2\nMYC\tchr8\n",
        b"gene_id\nAPOE\nENSG2.1\nMYC\n",
        b"gene_id,gene_name\n,APOE\nENSG2.1,TP53\nNA,MYC\n",
        b'"","symbol","padj"\n"1","APOE",0.1\n"2","ENSG2.1",0.2\n"3","MYC",0.3\n',
        b"#chrom\tGene_Name\n19\tAPOE\n2\tENSG2.1\n8\tMYC\n",
        b"gene_name;note\nAPOE;a,b\nENSG2.1;\nMYC;c\n",
        gzip.compress(b"gene\nAPOE\nENSG2.1\nMYC\n"),
    ],
)
def test_lists_and_tables_give_the_same_names(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "genes.txt"
    path.write_bytes(content)
    assert read_gene_names(path) == ["APOE", "ENSG2.1", "MYC"]


def test_a_parquet_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "genes.parquet"
    pd.DataFrame({"gene_id": ["APOE", None, None], "gene_name": ["x", "MYC", None]}).to_parquet(path)
    assert read_gene_names(path) == ["APOE", "MYC"]
    assert "1 of 3 rows have no gene" in caplog.text
    pd.DataFrame({"id": ["APOE"]}).to_parquet(path)
    with pytest.raises(InputError, match="no column gene_id or gene_name; it has id"):
        read_gene_names(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "holds no gene"),
        (b"# nothing\n\n", "holds no gene"),
        (b"gene_id,gene_name\n", "holds no gene"),
        (b"APOE,TP53,MYC\n", "one line of several names"),
        (b"\xff\xfeA\0P\0", "UTF-16"),
        (b"\0\1\2binary", "is a binary file"),
        (b"PK\x03\x04sheet", "spreadsheet"),
        (b"##fileformat=VCFv4.2\n", "is a VCF"),
        (b"caf\xe9\n", "UTF-8"),
    ],
)
def test_files_that_are_no_lists(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "genes.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        read_gene_names(path)
    assert str(path) in str(caught.value)


def test_hundreds_of_thousands_of_unknown_names_are_told_at_once() -> None:
    genes = [Gene(f"ENSG{number:011d}", f"GENE{number}", "chr1", number, number + 1, "+") for number in range(20_000)]
    table = GeneTable(genes)
    tissues = TissueNames(["liver", "lung"])
    names = [f"GENE{number}X" for number in range(200_000)]
    start = time.process_time()
    rejected = table.resolve(names)[1]
    no_tissues = tissues.resolve(names)[1]
    message = str(RejectedQueryError(rejected_names("gene", rejected)))
    assert time.process_time() - start < 5  # about 1 s
    assert len(rejected) == len(no_tissues) == 200_000
    assert sum(bool(each.suggestions) for each in rejected) == MOST_SUGGESTED
    assert len(message) < 1_000
    assert "and 199995 more" in message
