"""Variants in the formats that users have: each reads as the same variant, and what cannot be read is counted."""

import gzip
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pysam
import pytest
from genome_files import write_fasta
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from variantformer_hf import ReferenceGenome, Variant
from variantformer_hf.errors import InputError
from variantformer_hf.genome.variant import VariantError, VariantNormalizer
from variantformer_hf.genome.variant_names import Replacement, parse_name
from variantformer_hf.genome.variant_table import read_variants

# 1-based:  1234567890123456789012345678
GENOME = "GATTACACACACATTTTGNNNNCAGTCC"


@pytest.fixture(scope="module")
def normalizer(tmp_path_factory: pytest.TempPathFactory) -> VariantNormalizer:
    fasta = write_fasta(tmp_path_factory.mktemp("genome") / "genome.fa", {"chr1": GENOME, "chrX": "ACGT" * 5})
    return VariantNormalizer(ReferenceGenome(fasta))


@pytest.fixture
def read(tmp_path: Path, normalizer: VariantNormalizer):  # type: ignore[no-untyped-def]
    """Reads a text as a file of some name."""

    def of_text(text: str | bytes, name: str = "variants.tsv"):  # type: ignore[no-untyped-def]
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_variants(path, normalizer)

    return of_text


def names(table) -> list[str]:  # type: ignore[no-untyped-def]
    return [str(row.variant) for row in table.rows]


# Formats, a few lines each --------------------------------------------------------------------------------------------


def test_predictdb_weights(read) -> None:  # type: ignore[no-untyped-def]
    table = read(
        "gene,rsid,varID,ref_allele,eff_allele,weight\n"
        "ENSG01.5,rs1,chr1_1_G_T_b38,G,T,0.5\n"
        "ENSG01.5,rs2,chr1_3_T_C_b38,T,T,0.1\n"
        "ENSG01.5,rs3,chr1_4_T_C_b38,C,T,0.1\n"
        "ENSG01.5,rs4,chr1_5_A_C_b37,A,C,0.1\n"
        "ENSG01.5,rs5,,A,C,0.1\n"
    )
    assert names(table) == ["chr1:1:G:T", "chr1:4:T:C"]
    assert [row.turned for row in table.rows] == [False, True]
    assert table.rows[0].annotations["gene_id"] == "ENSG01.5"
    assert table.counts() == {
        "read": 5,
        "used": 2,
        "turned": 1,
        "repeated": 0,
        "rejected": {"alleles": 1, "assembly": 1, "no_variant": 1},
    }


def test_gwas_catalog_harmonised(read) -> None:  # type: ignore[no-untyped-def]
    table = read(
        "hm_variant_id\thm_rsid\thm_chrom\thm_pos\thm_other_allele\thm_effect_allele\thm_beta\thm_code\t"
        "chromosome\tbase_pair_location\tother_allele\teffect_allele\tbeta\n"
        "1_1_G_T\trs1\t1\t1\tG\tT\t0.5\t10\t1\t999\tC\tA\t-0.5\n"
        "1_3_T_C\trs2\t1\t3\tC\tT\t0.25\t10\t1\t999\tC\tT\t0.25\n"
        "NA\trs3\t1\t8\tC\tCA\t0.1\t10\t1\t999\tC\tA\t0.1\n"
        "NA\trs4\tNA\tNA\tNA\tNA\tNA\t15\t1\t999\tC\tA\t0.1\n"
        "1_8_CA_C\trs5\t1\t8\tC\tCA\t0.3\t10\t1\t999\tC\tCA\t0.3\n"
    )
    assert names(table) == ["chr1:1:G:T", "chr1:3:T:C", "chr1:8:CA:C"]
    assert [row.turned for row in table.rows] == [False, True, True]
    assert [row.annotations["slope"] for row in table.rows] == ["0.5", "0.25", "0.3"]
    assert table.counts()["rejected"] == {"ambiguous": 1, "position": 1}


def test_gwas_ssf_with_the_effect_allele_beside_ref_and_alt(read) -> None:  # type: ignore[no-untyped-def]
    table = read(
        "#CHROM\tPOS\tID\tREF\tALT\tA1\tBETA\n1\t1\trs1\tG\tT\tT\t1\n1\t3\trs2\tT\tC\tT\t2\n1\t4\trs3\tT\tC\tA\t3\n"
        "1\t5\trs4\tA\tC\t\t4\n1\t5\trs5\tA\tG\tNA\t4\n"
    )
    assert [(str(row.variant), row.turned) for row in table.rows] == [("chr1:1:G:T", False), ("chr1:3:T:C", True)]
    assert table.counts()["rejected"] == {"alleles": 3}


def test_clinvar_summary(read) -> None:  # type: ignore[no-untyped-def]
    table = read(
        "#AlleleID\tType\tName\tGeneSymbol\tAssembly\tChromosome\tStart\tStop\tReferenceAllele\tAlternateAllele\t"
        "PositionVCF\tReferenceAlleleVCF\tAlternateAlleleVCF\n"
        '1\tsnv\tNM_1.1(GENE):c.1G>T ("x)\tGENE\tGRCh37\t1\t5\t5\tna\tna\t5\tA\tT\n'
        '1\tsnv\tNM_1.1(GENE):c.1G>T ("x)\tGENE\tGRCh38\t1\t1\t1\tna\tna\t1\tG\tT\n'
        '2\tDeletion\t"quoted"\tGENE\tGRCh38\t1\t4\t5\tna\tna\t3\tTTA\tT\n'
        "3\tcopy number loss\tx\tGENE\tGRCh38\t1\t4\t5\tna\tna\t-1\tna\tna\n"
        "4\tsnv\tx\tGENE\tna\tna\t-1\t-1\tna\tna\t-1\tna\tna\n"
        "5\tsnv\tx\tGENE\tNCBI36\t1\t1\t1\tna\tna\t-1\tna\tna\n",
        "variant_summary.txt",
    )
    assert names(table) == ["chr1:1:G:T", "chr1:3:TTA:T"]
    assert table.counts()["rejected"] == {"assembly": 2, "position": 2}


@pytest.mark.parametrize("name", ["study.bim", "study.txt"])
def test_bim(read, name: str) -> None:  # type: ignore[no-untyped-def]
    table = read("1\trs1\t0\t1\tT\tG\n01\trs2\t0.5\t3\tT\tC\n23\trs3\t0\t1\tC\tA\n1\trs4\t0\t4\t0\tT\n", name)
    assert [(str(row.variant), row.turned) for row in table.rows] == [
        ("chr1:1:G:T", False),
        ("chr1:3:T:C", True),
        ("chrX:1:A:C", False),
    ]
    assert table.rows[0].annotations["variant"] == "rs1"
    assert table.counts()["rejected"] == {"alleles": 1}


def test_indels_of_a_bim_are_settled_by_its_other_rows_or_by_their_name(read) -> None:  # type: ignore[no-untyped-def]
    """REF of a deletion cannot be told by the FASTA, which has both its alleles."""
    places = [at for at, base in enumerate(GENOME, start=1) if base != "N"]
    snps = [f"1\ts{at}\t0\t{at}\t{'A' if GENOME[at - 1] != 'A' else 'C'}\t{GENOME[at - 1]}\n" for at in places]
    assert len(snps) >= 20
    deletion = "1\tindel\t0\t3\tT\tTTA\n"
    assert names(read("".join(snps) + deletion))[-1] == "chr1:3:TTA:T"
    mixed = "1\tturned\t0\t1\tG\tC\n"
    for text in (deletion, "".join(snps) + mixed + deletion):
        table = read(text)
        assert table.counts()["rejected"] == {"ambiguous": 1}
    table = read(mixed + "1\t1:3:TTA:T\t0\t3\tTTA\tT\n")
    assert [(str(row.variant), row.turned) for row in table.rows][-1] == ("chr1:3:TTA:T", True)


@pytest.mark.parametrize(
    "text",
    [
        "##fileformat=VCFv4.2\n1\t1\t.\tG\tT,C\t.\tPASS\tAF=0.1,0.2\n1\t3\trs2\tT\tC\t.\t.\t.\n",
        "#CHROM\tPOS\tID\tREF\tALT\n1\t1\t.\tG\tT,C\n1\t3\trs2\tT\tC\n",
        "1 1 . G T,C\n1 3 rs2 T C\n",
        "1\t1\t.\tG\tT,C\t.\tPASS\t.\tGT\t0/1\t0/2\n1\t3\trs2\tT\tC\t.\tPASS\t.\tGT\t0/1\t0/0\n",
        "chr1\t1\tG\tT\nchr1\t1\tG\tC\nchr1\t3\tT\tC\n",
    ],
)
@pytest.mark.parametrize("name", ["sites.vcf", "sites.pvar", "sites.txt"])
def test_vcfs_without_all_of_their_header(read, text: str, name: str) -> None:  # type: ignore[no-untyped-def]
    assert names(read(text, name)) == ["chr1:1:G:T", "chr1:1:G:C", "chr1:3:T:C"]


def test_a_vcf_is_told_by_its_content(read) -> None:  # type: ignore[no-untyped-def]
    text = (
        "##fileformat=VCFv4.2\n##contig=<ID=1,length=28>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "1\t1\trs1\tG\tT,<DEL>\t.\t.\t.\n"
    )
    for name in ("sites.vcf", "sites.txt"):
        table = read(text, name)
        assert names(table) == ["chr1:1:G:T"]
        assert table.counts()["rejected"] == {"symbolic": 1}
    with pytest.raises(InputError, match="Compress it with bgzip"):
        read(gzip.compress(text.encode()), "sites.tsv")


def test_fine_mapping_tables(read, tmp_path: Path, normalizer: VariantNormalizer) -> None:  # type: ignore[no-untyped-def]
    gtex = read(
        "chromosome\tstart\tend\tvariant\tvariant_hg38\tallele1\tallele2\tcohort\tmethod\ttissue\tgene\tbeta_marginal\t"
        "pip\tcs_id\n"
        "chr1\t98\t99\tchr1:99:G:T\tchr1_1_G_T_b38\tG\tT\tGTEx\tSUSIE\tLiver\tENSG1.2\t0.5\t0.9\t1\n"
        "chr1\t98\t99\tchr1:99:G:T\tchr1_1_G_T_b38\tG\tT\tGTEx\tFINEMAP\tLiver\tENSG1.2\t0.5\t0.8\t1\n"
        "chr1\t98\t99\tchr1:99:G:T\tNA\tG\tT\tGTEx\tSUSIE\tLiver\tENSG1.2\t0.5\t0.9\t1\n"
    )
    assert names(gtex) == ["chr1:1:G:T"]
    assert {key: gtex.rows[0].annotations[key] for key in ("gene_id", "tissue", "slope", "pip")} == {
        "gene_id": "ENSG1.2",
        "tissue": "Liver",
        "slope": "0.5",
        "pip": "0.9",
    }
    assert gtex.counts() == {"read": 3, "used": 1, "turned": 0, "repeated": 1, "rejected": {"no_variant": 1}}
    mage = read(
        "variantChrom\tvariantPosition\tvariantRef\tvariantAlt\tvariant_kgpID\tvariant_rsID\tensemblID\tgeneSymbol\t"
        "variantPIP\tvariantCredibleSet\n"
        "chr1\t1\tG\tT\t1:1:G:T\trs1\tENSG1.2\tX\t0.7\tL1\n"
    )
    assert names(mage) == ["chr1:1:G:T"]
    assert (mage.rows[0].annotations["gene_id"], mage.rows[0].annotations["pip"]) == ("ENSG1.2", "0.7")
    catalogue = pd.DataFrame(
        {
            "molecular_trait_id": ["ENSG1", "ENSG1", "ENSG1"],
            "gene_id": ["ENSG1", "ENSG1", "ENSG1"],
            "cs_id": ["ENSG1_L1"] * 3,
            "variant": ["chr1_1_G_T", "chr1_1_G_T", "chr1_3_T_C"],
            "rsid": ["rs1", "rs10", "rs2"],
            "cs_size": [2, 2, 2],
            "pip": [0.9, 0.9, 0.1],
            "pvalue": [1e-9, 1e-9, 1e-5],
            "beta": [0.5, 0.5, 0.2],
        }
    )
    catalogue.to_parquet(tmp_path / "QTD1.credible_sets.parquet")
    table = read_variants(tmp_path / "QTD1.credible_sets.parquet", normalizer)
    assert names(table) == ["chr1:1:G:T", "chr1:3:T:C"]
    assert table.counts()["repeated"] == 1
    pairs = read("variant_id\tgene_id\ttss_distance\tslope\nchr1_1_G_T_b38\tENSG1.2\t5\t0.5\n")
    assert (names(pairs), pairs.rows[0].annotations["slope"]) == (["chr1:1:G:T"], "0.5")


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("chr1:g.1G>T", "chr1:1:G:T"),
        ("1:g.3_5del", "chr1:1:GATT:G"),
        ("chr1:g.3_5delTTA", "chr1:1:GATT:G"),
        ("chr1:g.1del", "chr1:1:GA:A"),
        ("chr1:g.28del", "chr1:26:TC:T"),
        ("chr1:g.3_4insGG", "chr1:3:T:TGG"),
        ("chr1:g.5dup", "chr1:4:T:TA"),
        ("chr1:g.4_5dupTA", "chr1:3:T:TTA"),
        ("chr1:g.3_5delinsG", "chr1:3:TTA:G"),
        ("chr1:g.3delTinsCC", "chr1:3:T:CC"),
        ("chr1:g.5_6inv", "chr1:5:AC:GT"),
        ("1:1_G/T", "chr1:1:G:T"),
        ("chr1_1_G_T_hg38", "chr1:1:G:T"),
        ("CHR1-1-G-T", "chr1:1:G:T"),
    ],
)
def test_names(normalizer: VariantNormalizer, name: str, normal: str) -> None:
    found = parse_name(name)
    assert str(normalizer(found.variant(normalizer) if isinstance(found, Replacement) else found)) == normal


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NC_000001.11:12344:A:G", Replacement("NC_000001.11", 12344, 12345, "A", "G")),
        ("NC_000001.11:12344:AC:", Replacement("NC_000001.11", 12344, 12346, "AC", "")),
        ("NC_000001.11:12344::AC", Replacement("NC_000001.11", 12344, 12344, "", "AC")),
        ("NC_000001.11:12344:2:AC", Replacement("NC_000001.11", 12344, 12346, "", "AC")),
        ("NC_000001.11:g.12345A>G", Replacement("NC_000001.11", 12344, 12345, "A", "G")),
        ("NC_000001.11_12345_A_G", Variant("NC_000001.11", 12345, "A", "G")),
        ("chr1_KI270706v1_random:5:A:G", Variant("chr1_KI270706v1_random", 5, "A", "G")),
    ],
)
def test_positions_of_names(name: str, expected: Variant | Replacement) -> None:
    assert parse_name(name) == expected


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("rs429358", "has no position. Give a VCF that has it in its column ID"),
        ("chr1_5_A_G_hg19", "build 37"),
        ("NM_000041.4:c.388T>C", "of a transcript"),
        ("NP_000032.1:p.Cys130Arg", "of a transcript"),
        ("chr1:g.5_9insA", "two neighbours"),
        ("chr1:g.5_6delA", "do not go together"),
        ("chr1:g.9_5del", "do not go together"),
        ("chr1:g.5CA[12]", "form of HGVS that is not read"),
        ("chr1:g.(5_9)del", "form of HGVS that is not read"),
        ("chr1:99999999999999999999:A:G", "is no variant"),
        ("chr1:5:A:C,G", "is no variant"),
    ],
)
def test_names_that_are_refused(name: str, problem: str) -> None:
    with pytest.raises(VariantError) as caught:
        parse_name(name)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("chr1:g.1A>T", "ref_mismatch"),
        ("chr1:g.29del", "outside"),
        ("chr1:g.0del", "outside"),
        ("chr7:g.1del", "contig"),
        ("NC_000001.10:0:G:T", "assembly"),
        ("chr1:g.19_20del", "alleles"),
        ("chr1:g.1delinsG", "same_alleles"),
    ],
)
def test_names_that_the_fasta_refuses(normalizer: VariantNormalizer, name: str, kind: str) -> None:
    (rejected,) = read_variants([name], normalizer).rejected
    assert rejected.kind == kind


def test_names_by_accession_beside_contigs_of_either_kind(tmp_path: Path, normalizer: VariantNormalizer) -> None:
    asked = ["NC_000001.11:0:G:T", "NC_000001.11:g.3_5del", "NC_000023.11:g.1A>C", "NC_000001.10:g.3_5del"]
    table = read_variants(asked, normalizer)
    assert names(table) == ["chr1:1:G:T", "chr1:1:GATT:G", "chrX:1:A:C"]
    assert [(each.row, each.kind) for each in table.rejected] == [(4, "assembly")]
    fasta = write_fasta(tmp_path / "refseq.fa", {"NC_000001.11": GENOME, "NC_000023.11": "ACGT" * 5})
    table = read_variants([*asked, "chr1:2:A:C"], VariantNormalizer(ReferenceGenome(fasta)))
    assert names(table) == ["NC_000001.11:1:G:T", "NC_000001.11:1:GATT:G", "NC_000023.11:1:A:C", "NC_000001.11:2:A:C"]
    assert [(each.row, each.kind) for each in table.rejected] == [(4, "assembly")]


def test_spdi_is_not_read_as_a_vcf_would_be() -> None:
    with pytest.raises(VariantError, match="0-based"):
        Variant.parse("NC_000001.11:12344:A:G")


# Rows that are not as they should be ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "used"),
    [
        ("1", True),
        ("1.0", True),
        ("1e0", False),
        ("1.5", False),
        ("1E+00", False),
        ("1,000", False),
        ("", False),
        ("NA", False),
        ("-1", False),
        ("0", False),
        ("9" * 5_000, False),
        ("\u0661", False),
    ],
)
def test_positions_are_exact_or_refused(read, position: str, used: bool) -> None:  # type: ignore[no-untyped-def]
    table = read(f"chrom\tpos\tref\talt\n1\t{position}\tG\tT\n")
    assert len(table) == used
    if not used:
        assert table.counts()["rejected"] == {"position": 1}
        assert table.rejected[0].row == 2


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfchrom,pos,ref,alt\r\n1,1,G,T\r\n1,3,T,C\r\n",
        b'"chrom","pos","ref","alt"\n"1","1","G","T"\n"1","3","T","C"\n',
        b"# made by hand\n#\n# chrom of the id\nchrom;pos;ref;alt\n1;1;G;T\n# between\n\n1;3;T;C\n",
        b"  chrom  pos ref alt\n    1    1   G   T\n    1    3   T   C\n",
        gzip.compress(b"chrom\tpos\tref\talt\nchr1\t1\tG\tT\nChr1\t3\tT\tC\n"),
        b"id\tnote\nchr1:1:G:T\ta\tb\n1-3-T-C\tx\n1:g.1G>T\t\n".replace(b"a\tb", b"a b"),
        b"chr1:1:G>T a note\nchr1:3:T>C\n",
    ],
)
def test_texts_as_they_are_found(read, content: bytes) -> None:  # type: ignore[no-untyped-def]
    assert list(dict.fromkeys(names(read(content, "variants.any")))) == ["chr1:1:G:T", "chr1:3:T:C"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "no line but comments"),
        (b"chrom|pos|ref|alt\n1|1|G|T\n", "has no column chrom, pos, ref, alt"),
        (b"chrom\tpos\tref\talt\tpos\n1\t1\tG\tT\t2\n", "several columns pos"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"\xd0\xcf\x11\xe0rest", "spreadsheet"),
        (b"l\x1b\x01rest", "Give the .bim"),
        (b"l\x1b\x10rest", "Give the .pvar"),
        (b"\0\1\2\3", "binary file"),
        ("chrom\tpos\tref\talt\n".encode("utf-16"), "UTF-16"),
        (b"caf\xe9\tpos\n", "UTF-8"),
        (gzip.compress(b"chrom\tpos\tref\talt\n" * 99)[:40], "cut off or damaged"),
        (b"SNP,P\nrs1,0.5\n" + b"rs2,0.1\n", ""),
    ],
)
def test_files_that_are_no_tables(read, content: bytes, problem: str) -> None:  # type: ignore[no-untyped-def]
    if problem:
        with pytest.raises(InputError, match=problem):
            read(content)
    else:
        table = read(content)
        assert table.counts()["rejected"] == {"rsid": 2}
        assert "Give a VCF" in table.rejected[0].reason


def test_a_bed_without_a_header_is_not_read_a_base_beside(read) -> None:  # type: ignore[no-untyped-def]
    """GENOME has T in the third and the fourth place: the FASTA would not refuse the wrong one."""
    with pytest.raises(InputError, match=r"has no column chrom, pos, ref, alt.*Name the columns"):
        read("chr1\t3\t4\tT\tC\n")
    assert names(read("chr1\t3\t3\tT\tC\n")) == names(read("chr1\t3\t17\tT\tC\n")) == ["chr1:3:T:C"]


def test_a_database_says_how_to_write_its_table(tmp_path: Path, normalizer: VariantNormalizer) -> None:
    with sqlite3.connect(tmp_path / "model.db") as database:
        database.execute("create table weights (varID)")
    with pytest.raises(InputError, match=r"select gene as gene_id, .* from weights"):
        read_variants(tmp_path / "model.db", normalizer)


def test_swapped_alleles_of_a_plain_table_are_refused_and_told(read) -> None:  # type: ignore[no-untyped-def]
    table = read("chrom\tpos\tref\talt\n1\t1\tT\tG\n1\t1\tA\tC\n")
    assert table.counts()["rejected"] == {"ref_mismatch": 2}
    assert "look swapped" in table.rejected[0].reason
    assert "look swapped" not in table.rejected[1].reason


def test_turned_rows_are_no_edits(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="which is REF, as the effect allele"):
        read("chr\tpos\tother_allele\teffect_allele\n1\t1\tT\tG\n").edits("hom")


def test_frequencies_of_turned_rows_are_of_alt(read) -> None:  # type: ignore[no-untyped-def]
    table = read("chr\tpos\tother_allele\teffect_allele\tAF\n1\t1\tT\tG\t0.9\n1\t3\tT\tC\t0.9\n")
    assert [row.frequencies[""] for row in table.rows] == [pytest.approx(0.1), 0.9]


# Any variant, written in any format -----------------------------------------------------------------------------------

Writer = Callable[[Variant, str], str]


def spdi(variant: Variant, genome: str) -> str:
    """Without what both alleles begin with."""
    head = next(
        (i for i, (a, b) in enumerate(zip(variant.ref, variant.alt, strict=False)) if a != b),
        min(len(variant.ref), len(variant.alt)),
    )
    return f"chr1:{variant.start + head}:{variant.ref[head:]}:{variant.alt[head:]}"


def hgvs(variant: Variant, genome: str) -> str:
    _, start, ref, alt = spdi(variant, genome).split(":")
    first, last = int(start) + 1, int(start) + len(ref)
    place = f"{first}" if first == last else f"{first}_{last}"
    if len(ref) == len(alt) == 1:
        return f"chr1:g.{first}{ref}>{alt}"
    if not ref:
        return f"chr1:g.{first - 1}_{first}ins{alt}"
    return f"chr1:g.{place}del{ref}" + (f"ins{alt}" if alt else "")


FORMATS: dict[str, Writer] = {
    "text": lambda variant, _: str(variant),
    "arrow": lambda variant, _: f"{variant.chrom}:{variant.pos}:{variant.ref}>{variant.alt}",
    "gtex": lambda variant, _: f"variant_id\n{variant.chrom}_{variant.pos}_{variant.ref}_{variant.alt}_b38",
    "gnomad": lambda variant, _: f"1-{variant.pos}-{variant.ref}-{variant.alt}",
    "table": lambda variant, _: f"pos,alt,ref,chr\n{variant.pos},{variant.alt},{variant.ref},1",
    "plain": lambda variant, _: f"1\t{variant.pos}\t{variant.ref}\t{variant.alt}",
    "vcf": lambda variant, _: f"1\t{variant.pos}\t.\t{variant.ref}\t{variant.alt}\t.\tPASS\t.",
    "bim": lambda variant, _: f"1\t{str(variant)[3:]}\t0\t{variant.pos}\t{variant.alt}\t{variant.ref}",
    "bim, A1 is REF": lambda variant, _: f"1\t{str(variant)[3:]}\t0\t{variant.pos}\t{variant.ref}\t{variant.alt}",
    "gwas": lambda variant, _: (
        "hm_variant_id\thm_chrom\thm_pos\thm_other_allele\thm_effect_allele\n"
        f"1_{variant.pos}_{variant.ref}_{variant.alt}\t1\t{variant.pos}\t{variant.ref}\t{variant.alt}"
    ),
    "predictdb": lambda variant, _: (
        "rsid\tvarID\tref_allele\teff_allele\n"
        f"rs1\tchr1_{variant.pos}_{variant.ref}_{variant.alt}_b38\t{variant.ref}\t{variant.alt}"
    ),
    "clinvar": lambda variant, _: (
        "#Assembly\tChromosome\tPositionVCF\tReferenceAlleleVCF\tAlternateAlleleVCF\n"
        f"GRCh38\t1\t{variant.pos}\t{variant.ref}\t{variant.alt}"
    ),
    "mage": lambda variant, _: (
        f"variantChrom\tvariantPosition\tvariantRef\tvariantAlt\nchr1\t{variant.pos}\t{variant.ref}\t{variant.alt}"
    ),
    "hgvs": hgvs,
}


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(min_value=0))
def test_a_variant_is_the_same_in_every_format(
    tmp_path: Path, normalizer: VariantNormalizer, form: str, seed: int
) -> None:
    rng = random.Random(seed)
    start = rng.randrange(1, 17)
    ref = GENOME[start : min(start + rng.randint(1, 4), 18)]
    alt = ref
    while alt == ref:
        first = ref[0] if rng.random() < 0.7 else rng.choice("ACGT")
        alt = first + "".join(rng.choice("ACGT") for _ in range(rng.randint(0, 3)))
    variant = Variant("chr1", start + 1, ref, alt)
    path = tmp_path / "variants.any"
    path.write_text(FORMATS[form](variant, GENOME) + "\n")
    table = read_variants(path, normalizer)
    assert [row.variant for row in table.rows] == [normalizer(variant)], table.rejected
    assert table.rows[0].turned == (form == "bim, A1 is REF")


def test_a_vcf_of_pysam_reads_as_its_text(tmp_path: Path, normalizer: VariantNormalizer) -> None:
    header = pysam.VariantHeader()
    header.add_line("##contig=<ID=chr1,length=28>")
    with pysam.VariantFile(str(tmp_path / "sites.bcf"), "wb", header=header) as file:
        file.write(header.new_record("chr1", 2, 5, alleles=("TTA", "T")))
    (tmp_path / "sites.bcf").rename(tmp_path / "sites.any")
    assert names(read_variants(tmp_path / "sites.any", normalizer)) == ["chr1:3:TTA:T"]
