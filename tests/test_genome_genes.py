import gzip
import re
from pathlib import Path

import pyarrow as pa
import pytest

from variantformer_hf.errors import InputError
from variantformer_hf.genome.genes import Gene, GeneTable
from variantformer_hf.genome.table_files import write_parquet

HEADER = "gene_id,gene_name,chromosome,start,end,strand,gene_type\n"
CSV = HEADER + (
    "ENSG00000000003.15,TSPAN6,chrX,100627108,100639991,-,protein_coding\n"
    "ENSG00000000457.14,SCYL3,chr1,169849631,169894267,-,protein_coding\n"
    "ENSG00000000460.17,C1orf112,chr1,169662007,169854080,+,protein_coding\n"
    "ENSG00000277196.4,TWIN,chr22,10,20,+,\n"
    "ENSG00000277197.4,TWIN,chr22,15,30,-,\n"
    "ENSG00000182378.15_PAR_Y,PLCXD1,chrY,10,20,+,protein_coding\n"
    "ENSG00000182378.15,PLCXD1X,chrX,10,20,+,protein_coding\n"
    "ENSG00000227232.5,,chr1,14404,29570,-,\n"
)
GTF = """#!genome-build GRCh38
chr1\tx\tgene\t11869\t14409\t.\t+\t.\tgene_id "ENSG00000290825.1"; gene_type "lncRNA"; gene_name "DDX11L2"; tag "b=c";
chr1\tx\ttranscript\t11869\t14409\t.\t+\t.\tgene_id "ENSG00000290825.1"; transcript_id "ENST1";
1\tensembl\tgene\t20\t30\t.\t-\t.\tgene_id "ENSG00000000001"; gene_version "2"; gene_biotype "protein_coding";
"""
GFF3 = """##gff-version 3
chr1\tx\tgene\t11869\t14409\t.\t+\t.\tID=ENSG00000290825.1;gene_id=ENSG00000290825.1;gene_type=lncRNA;gene_name=DDX11L2
chr1\tx\ttranscript\t11869\t14409\t.\t+\t.\tID=ENST1;Parent=ENSG00000290825.1
1\tensembl\tncRNA_gene\t20\t30\t.\t-\t.\tID=gene:ENSG00000000001;Name=A%2CB;biotype=protein_coding
##FASTA
>1
ACGT
"""


def write(tmp_path: Path, text: str, name: str = "genes.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.fixture
def table(tmp_path: Path) -> GeneTable:
    return GeneTable.read(write(tmp_path, CSV))


def test_csv_in_file_order_with_numbers_as_they_stand(table: GeneTable) -> None:
    assert len(table) == 8
    assert next(iter(table)) == Gene(
        "ENSG00000000003.15", "TSPAN6", "chrX", 100627108, 100639991, "-", "protein_coding"
    )
    assert [gene.gene_id for gene in table] == [line.split(",")[0] for line in CSV.splitlines()[1:]]
    assert table.genes[-1].gene_name == "ENSG00000227232.5"
    assert table.genes[-1].gene_type is None


@pytest.mark.parametrize(
    "name",
    [
        "ENSG00000000457.14",
        "ENSG00000000457",
        "ensg00000000457",
        "ENSG00000000457.3",
        "SCYL3",
        "scyl3",
        " SCYL3 ",
    ],
)
def test_get_forgives_version_and_case(table: GeneTable, name: str) -> None:
    assert table.get(name).gene_id == "ENSG00000000457.14"


def test_a_tss_is_the_tables_own_or_else_where_the_gene_begins(tmp_path: Path) -> None:
    text = "gene_id,gene_name,chromosome,tss,start,end,strand\nA,A,1,,10,20,+\nB,B,1,,10,20,-\nC,C,1,14,10,20,+\n"
    table = GeneTable.read(write(tmp_path, text))
    assert [gene.tss for gene in table] == [9, 19, 14]
    assert [gene.distances_from for gene in table] == [10, 19, 14]
    table.save(tmp_path / "genes.parquet")
    again = GeneTable.read(tmp_path / "genes.parquet")
    assert again.genes == table.genes
    assert again.table.column("tss").to_pylist() == [None, None, 14]


def test_a_table_without_a_tss_is_written_as_before(table: GeneTable) -> None:
    assert table.table.column_names == ["gene_id", "gene_name", "chromosome", "start", "end", "strand", "gene_type"]


@pytest.mark.parametrize("tss", ["-1", "1.5", "x", "NA"])
def test_a_tss_that_is_no_place_is_refused(tmp_path: Path, tss: str) -> None:
    text = f"gene_id,gene_name,chromosome,start,end,strand,tss\nA,A,1,10,20,+,{tss}\n"
    problem = f"genes.csv: line 2: gene A has tss {tss!r}, which is no whole number from 0"
    with pytest.raises(InputError, match=re.escape(problem)) as told:
        GeneTable.read(write(tmp_path, text))
    assert "from 0 on the contig" in str(told.value)


def test_a_tss_of_parquet_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    columns = {"gene_id": ["A"], "gene_name": ["A"], "chromosome": ["1"], "start": [1], "end": [9], "strand": ["+"]}
    write_parquet(pa.table({**columns, "tss": [2.5]}), tmp_path / "genes.parquet")
    with pytest.raises(InputError, match=r"row 1: gene A has tss '2\.5'"):
        GeneTable.read(tmp_path / "genes.parquet")


def test_par_genes_are_told_apart(table: GeneTable) -> None:
    assert table.get("ENSG00000182378").chrom == "chrX"
    assert table.get("ENSG00000182378_PAR_Y").chrom == "chrY"


def test_unknown_and_ambiguous_names_are_errors(table: GeneTable) -> None:
    with pytest.raises(InputError, match="TSPAN6") as caught:
        table.get("TSPAN66")
    assert "genes.csv" in str(caught.value)
    with pytest.raises(InputError, match=r"2 genes: ENSG00000277196\.4, ENSG00000277197\.4"):
        table.get("twin")
    with pytest.raises(InputError, match="has this id"):
        table.get("ENSG00000000458")
    with pytest.raises(InputError, match="has this name"):
        table.get("")


def test_resolve_keeps_the_order_and_each_gene_once(table: GeneTable) -> None:
    genes, rejected = table.resolve(["c1ORF112", "SCYL3", "ENSG00000000460", "nope", "TWIN", "nope", "SCYLL3"])
    assert [gene.gene_name for gene in genes] == ["C1orf112", "SCYL3"]
    assert [entry.name for entry in rejected] == ["nope", "TWIN", "SCYLL3"]
    assert rejected[0].suggestions == ()
    assert rejected[1].suggestions == ("ENSG00000277196.4", "ENSG00000277197.4")
    assert rejected[2].suggestions == ("SCYL3",)


def test_an_exact_symbol_wins_over_one_that_differs_in_case() -> None:
    genes = [Gene("A", "Myc", "1", 1, 2, "+"), Gene("B", "MYC", "1", 1, 2, "+")]
    table = GeneTable(genes)
    assert table.get("Myc").gene_id == "A"
    assert table.get("MYC").gene_id == "B"
    with pytest.raises(InputError, match="2 genes: A, B"):
        table.get("myc")


def test_gtf_and_gff3_starts_are_kept_as_they_stand(tmp_path: Path) -> None:
    for name, text in (("genes.gtf", GTF), ("genes.gtf.gz", GTF), ("genes.gff3", GFF3), ("genes.gff3.gz", GFF3)):
        first, second = GeneTable.read(write(tmp_path, text, name))
        assert first == Gene("ENSG00000290825.1", "DDX11L2", "chr1", 11869, 14409, "+", "lncRNA")
        assert (second.gene_id, second.start, second.end, second.strand) == ("ENSG00000000001", 20, 30, "-")
        assert second.gene_name == ("A,B" if "gff" in name else "ENSG00000000001")
        assert second.gene_type == "protein_coding"


def test_tsv_compressed_csv_and_parquet_are_equal(table: GeneTable, tmp_path: Path) -> None:
    table.save(tmp_path / "genes.parquet")
    write(tmp_path, CSV.replace(",", "\t"), "genes.tsv")
    write(tmp_path, "\ufeff" + CSV.replace("\n", "\r\n"), "bom.csv")
    write(tmp_path, CSV, "genes.csv.gz")
    shuffled = "\n".join(",".join(reversed(line.split(","))) for line in CSV.splitlines())
    write(tmp_path, shuffled, "shuffled.csv")
    for name in ("genes.parquet", "genes.tsv", "genes.csv.gz", "bom.csv", "shuffled.csv"):
        assert GeneTable.read(tmp_path / name).genes == table.genes, name


def test_pandas_and_arrow_views(table: GeneTable) -> None:
    frame = table.to_pandas()
    assert list(frame.columns) == HEADER.strip().split(",")
    assert frame["start"].tolist() == [gene.start for gene in table]
    assert frame["gene_name"].tolist() == [gene.gene_name for gene in table]
    assert table.table.num_rows == len(table)
    assert GeneTable([]).table.column_names == HEADER.strip().split(",")


def test_overlapping_genes_in_genomic_order(table: GeneTable) -> None:
    found = table.overlapping("chr1", 169_850_000, 169_900_000)
    assert [gene.gene_name for gene in found] == ["C1orf112", "SCYL3"]
    assert table.overlapping("chr22", 20, 30) == [table.genes[4]]
    assert table.overlapping("chr22", 30, 40) == []
    assert table.overlapping("chr7", 0, 10**9) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("ENSG00000000003.15,AGAIN,chr1,1,2,+,x", "also that of line 2"),
        ("ENSG1,A,chr1,5,4,+,x", "start 5 beyond end 4"),
        ("ENSG1,A,chr1,5.0,9,+,x", "'5.0'"),
        ("ENSG1,A,chr1,-5,9,+,x", "'-5'"),
        ("ENSG1,A,chr1,,9,+,x", "''"),
        ("ENSG1,A,chr1,5,9,.,x", "strand '.'"),
        ("ENSG1,A,,5,9,+,x", "no chromosome"),
        (",A,chr1,5,9,+,x", "no gene id"),
        ("ENSG1,A,chr1,5,9,+", "6 columns, the first line has 7"),
    ],
)
def test_a_bad_record_is_named(tmp_path: Path, row: str, problem: str) -> None:
    path = write(tmp_path, CSV + row + "\n")
    with pytest.raises(InputError) as caught:
        GeneTable.read(path)
    assert problem in str(caught.value)
    assert (caught.value.file, caught.value.record) == (str(path), "line 10")
    assert caught.value.remedy


def test_files_that_are_no_gene_table(tmp_path: Path) -> None:
    for text, name, problem in (
        (CSV.replace("strand", "direction"), "genes.csv", "no column strand"),
        (HEADER, "genes.csv", "no gene"),
        ("", "genes.csv", "no column gene_id"),
        (CSV, "genes.xlsx", "format"),
        (CSV, "genes.gtf", "1 tab-separated columns instead of 9"),
        (GTF.replace('gene_id "ENSG00000290825.1"; gene_type', "gene_type"), "genes.gtf", "no gene id"),
    ):
        with pytest.raises(InputError, match=problem):
            GeneTable.read(write(tmp_path, text, name))
    with pytest.raises(InputError, match="no such file"):
        GeneTable.read(tmp_path / "missing.csv")


def test_duplicated_ids_in_a_table_made_by_hand() -> None:
    gene = Gene("A", "A", "1", 1, 2, "+")
    with pytest.raises(InputError, match="gene 2"):
        GeneTable([gene, gene])


@pytest.mark.shared
def test_the_parity_genes(parity: Path) -> None:
    table = GeneTable.read(parity / "genome" / "genes.csv")
    assert [(gene.gene_name, gene.start, gene.strand) for gene in table] == [
        ("PLUS1", 60001, "+"),
        ("MINUS1", 90501, "-"),
        ("LONGM", 30001, "-"),
        ("EDGE", 500, "+"),
    ]
