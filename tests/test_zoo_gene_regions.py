"""Regions of a gene: the released rules, strand by strand, worked out by hand."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from variantformer_hf.errors import ContigError
from variantformer_hf.genome import CreTable, GeneTable, ReferenceGenome
from variantformer_hf.genome.genes import Gene
from variantformer_hf.genome.interval import Interval
from variantformer_hf.simulation.writers import cre_line
from variantformer_hf.zoo.gene_regions import RegionFinder, gene_sequences
from variantformer_hf.zoo.variantformer.regions import gene_window, region_finder

RELEASED = SimpleNamespace(cre_flank=50, cre_radius=1_000_000, gene_upstream=1_000, max_gene_length=300_000)
SMALL = SimpleNamespace(cre_flank=5, cre_radius=100, gene_upstream=10, max_gene_length=60)


def gene(start: int, end: int, strand: str, chrom: str = "chr1") -> Gene:
    return Gene("ENSG00000000001.1", "G", chrom, start, end, strand, None)


@pytest.mark.parametrize(
    ("case", "window"),
    [
        (gene(5_000, 9_000, "+"), (4_000, 9_000)),
        (gene(400, 9_000, "+"), (0, 9_000)),
        # A long '+' window is 300 kb in all, the 1 kb upstream included.
        (gene(5_000, 700_000, "+"), (4_000, 304_000)),
        (gene(5_000, 9_000, "-"), (5_000, 10_000)),
        # A long '-' window is 300 kb of gene body and 1 kb more.
        (gene(5_000, 700_000, "-"), (400_000, 701_000)),
        (gene(5_000, 999_800, "-"), (699_800, 1_000_000)),
    ],
)
def test_gene_window(case: Gene, window: tuple[int, int]) -> None:
    assert gene_window(case, RELEASED, 1_000_000) == window


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "genome.fa").write_text(">chr1\n" + "ACGTTGCAAC" * 60 + "\n")
    rows = [
        (0, 20, "PLS"),
        (95, 100, "dELS"),
        (99, 101, "pELS"),
        (250, 260, "PLS"),
        (449, 470, "dELS"),
        (450, 480, "pELS"),
        (592, 598, "PLS"),
    ]
    lines = [cre_line("chr1", start, end, f"E{start}", kind) for start, end, kind in rows]
    (tmp_path / "cres.bed").write_text("".join(lines))
    return tmp_path


def finder(files: Path, genes: str) -> tuple[RegionFinder, GeneTable, ReferenceGenome]:
    (files / "genes.csv").write_text("gene_id,gene_name,chromosome,start,end,strand\n" + genes)
    table = GeneTable.read(files / "genes.csv")
    reference = ReferenceGenome(files / "genome.fa")
    return region_finder(table, CreTable.read(files / "cres.bed"), SMALL, reference), table, reference


def test_elements_that_overlap_the_widened_gene_are_in_each_widened_by_the_flank(files: Path) -> None:
    find, table, _ = finder(files, "ENSG00000000001.1,G,chr1,200,350,+\n")
    regions = find.find(table.get("G"))
    # The reach is [100, 450): [95, 100) and [450, 480) only touch it.
    assert regions.cres == [Interval("chr1", 94, 106), Interval("chr1", 245, 265), Interval("chr1", 444, 475)]
    assert regions.cre_class_ids.tolist() == [7, 3, 5]
    assert regions.window == Interval("chr1", 190, 250)


def test_a_minus_gene_lists_elements_from_right_to_left_in_its_own_orientation(files: Path) -> None:
    find, table, reference = finder(files, "ENSG00000000001.1,G,chr1,200,350,-\n")
    regions = find.find(table.get("G"))
    assert regions.cres[0] == Interval("chr1", 444, 475)
    assert regions.cre_class_ids.tolist() == [5, 3, 7]
    assert regions.window == Interval("chr1", 290, 360)
    forward = [reference.sequence(i.chrom, i.start, i.end) for i in regions.intervals]
    sequences = gene_sequences(
        regions, lambda intervals: [reference.sequence(i.chrom, i.start, i.end) for i in intervals]
    )
    complement = str.maketrans("ACGT", "TGCA")
    assert [*sequences.cre_sequences, sequences.gene_sequence] == [s.translate(complement)[::-1] for s in forward]


def test_flanks_end_at_the_contig(files: Path) -> None:
    find, table, _ = finder(files, "ENSG00000000001.1,G,chr1,10,30,+\n")
    regions = find.find(table.get("G"))
    assert regions.cres[0] == Interval("chr1", 0, 25)
    assert [each[0] for each in regions.cres_without_flanks()] == [0, 20]
    find, table, _ = finder(files, "ENSG00000000001.1,G,chr1,560,590,-\n")
    regions = find.find(table.get("G"))
    assert regions.cres[0] == Interval("chr1", 587, 600)
    assert [each[0] for each in regions.cres_without_flanks()] == [592, 598]


def test_names_without_chr_are_mapped(files: Path) -> None:
    find, table, _ = finder(files, "ENSG00000000001.1,G,1,200,350,+\n")
    assert len(find.find(table.get("G")).cres) == 3


def test_a_gene_beyond_the_contig_says_that_the_assemblies_differ(files: Path) -> None:
    with pytest.raises(ContigError, match=r"genome\.fa: chr1 has 600 bases.*ends at 900.*different assemblies"):
        finder(files, "ENSG00000000001.1,G,chr1,700,900,+\n")


def test_a_cre_beyond_the_contig_says_so_too(files: Path) -> None:
    with (files / "cres.bed").open("a") as file:
        file.write(cre_line("chr1", 590, 700, "E", "PLS"))
    with pytest.raises(ContigError, match="a cCRE ends at 700"):
        finder(files, "ENSG00000000001.1,G,chr1,100,200,+\n")


def test_a_gene_on_a_contig_that_the_fasta_lacks(files: Path) -> None:
    find, table, _ = finder(files, "ENSG00000000001.1,G,chr7,100,200,+\nENSG00000000002.1,H,chr1,100,200,+\n")
    with pytest.raises(ContigError, match="has no contig chr7"):
        find.find(table.get("G"))


def test_the_reach_holds_all_of_every_region(files: Path) -> None:
    find, table, _ = finder(files, "ENSG00000000001.1,G,chr1,200,350,+\n")
    assert find.reach(table.get("G")) == Interval("chr1", 94, 475)
    alone, table, _ = finder(files, "ENSG00000000001.1,G,chr1,580,590,+\n")
    assert alone.reach(table.get("G")) == Interval("chr1", 480, 600)


def test_a_tss_beyond_its_contig_is_refused(files: Path) -> None:
    table = GeneTable([Gene("A", "A", "chr1", 100, 200, "+", None, 599), Gene("B", "B", "chr2", 1, 2, "+", None, 700)])
    cres, reference = CreTable.read(files / "cres.bed"), ReferenceGenome(files / "genome.fa")
    region_finder(table, cres, SMALL, reference)
    beyond = GeneTable([*table, Gene("C", "C", "chr1", 100, 200, "+", None, 600)])
    with pytest.raises(ContigError, match=r"chr1 has 600 bases, and C has its TSS at 600 \(from 0\)"):
        region_finder(beyond, cres, SMALL, reference)
