"""Variformer's CSV of TSSs is a table of genes: windows' middles, merged genes as one, names on two rows left out."""

import logging
import random
from pathlib import Path

import pytest

from variantformer_hf.errors import InputError
from variantformer_hf.genome.genes import Gene, GeneTable

HEADER = "seqnames,starts,ends,set,gene_name,gene_start,diff_next,diff_prev"
WINDOW = 196_608
ROWS = [
    "chr1,1000,197608,train,ONE,99304,35382.0,inf",
    "chr1,2000,198608,valid,TWO/THREE,100304/100404,100.0,35382.0",
    "chrX,3000,199608,test,FOUR,101304,inf,inf",
]


def write(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    path = folder / "tss.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_gene_s_tss_is_the_middle_of_its_window(tmp_path: Path) -> None:
    table = GeneTable.read(write(tmp_path, ROWS))
    assert table.genes == [
        Gene("ONE", "ONE", "chr1", 99_304, 99_305, "+", None, 99_304),
        Gene("TWO/THREE", "TWO/THREE", "chr1", 100_304, 100_305, "+", None, 100_304),
        Gene("FOUR", "FOUR", "chrX", 101_304, 101_305, "+", None, 101_304),
    ]
    assert [gene.tss - WINDOW // 2 for gene in table] == [1_000, 2_000, 3_000]
    table.save(tmp_path / "genes.parquet")
    assert GeneTable.read(tmp_path / "genes.parquet").genes == table.genes


def test_a_file_of_the_published_size_gives_18557_genes_and_names_the_two_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drawn = random.Random(0)
    names = [f"A{n}/B{n}" if n < 285 else f"G{n}" for n in range(18_557)] + ["C2orf61", "C2orf61", "LYNX1", "LYNX1"]
    drawn.shuffle(names)
    rows = []
    for name in names:
        start = drawn.randrange(10**8)
        middle = start + WINDOW // 2
        places = f"{middle}/{middle + 9}" if "/" in name else str(middle)
        rows.append(f"chr{drawn.randrange(1, 23)},{start},{start + WINDOW},train,{name},{places},1.0,inf")
    with caplog.at_level(logging.WARNING):
        table = GeneTable.read(write(tmp_path, rows))
    assert len(rows) == 18_561 and len(table) == 18_557
    assert sum("/" in gene.gene_name for gene in table) == 285
    (message,) = caplog.messages
    assert "C2orf61 (2 rows)" in message and "LYNX1 (2 rows)" in message
    with pytest.raises(InputError, match="LYNX1"):
        table.get("LYNX1")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("chr1,1000,197608,train,FIVE,99305,1.0,1.0", "gene_start '99305', its window 1000-197608 is around 99304"),
        ("chr1,1000,197608,train,FIVE/SIX,99305/9,1.0,1.0", "is around 99304"),
        ("chr1,1000,x,train,FIVE,99304,1.0,1.0", "FIVE has a window from '1000' to 'x'"),
        ("chr1,1000,1000,train,FIVE,1000,1.0,1.0", "FIVE has a window from '1000' to '1000'"),
        ("chr1,1000,197608,other,FIVE,99304,1.0,1.0", "FIVE is of the set 'other'"),
        (",1000,197608,train,FIVE,99304,1.0,1.0", "has no seqnames or no gene_name"),
        ("chr1,1000,197608,train,,99304,1.0,1.0", "has no seqnames or no gene_name"),
        ("chr1,1000,197608,train,FIVE,99304,1.0", "has 7 columns, the first line has 8"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, row: str, told: str) -> None:
    with pytest.raises(InputError, match=rf"tss\.csv: line 5: .*{told}") as error:
        GeneTable.read(write(tmp_path, [*ROWS, row]))
    assert "\n" not in str(error.value)


def test_a_column_that_is_missing_makes_it_another_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no column gene_id"):
        GeneTable.read(write(tmp_path, [], HEADER.replace("gene_start", "start")))
    with pytest.raises(InputError, match="has no gene"):
        GeneTable.read(write(tmp_path, []))
