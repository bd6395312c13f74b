"""A public checkpoint, its targets file and a GTF become a model of people's genes; and what is refused of them."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from command_line import invoke
from genome_files import write_fasta
from random_variants import random_bases
from test_conversion_published import enformer_files

from variantformer_hf import ExpressionPredictor, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.errors import InputError
from variantformer_hf.genome import GeneTable
from variantformer_hf.genome.exons import ExonTable
from variantformer_hf.hub.folder_check import check_folder
from variantformer_hf.zoo.families import load_gene_model
from variantformer_hf.zoo.window.track_model import TrackGeneModel
from variantformer_hf.zoo.window.tracks import read_targets, track_names

pytestmark = pytest.mark.usefixtures("one_thread")

GTF = """chr1\tX\tgene\t120001\t120900\t.\t+\t.\tgene_id "ENSG00000000001"; gene_name "PLUS";
chr1\tX\ttranscript\t120001\t120900\t.\t+\t.\tgene_id "ENSG00000000001"; transcript_id "T1";
chr1\tX\texon\t120001\t120100\t.\t+\t.\tgene_id "ENSG00000000001"; transcript_id "T1";
chr1\tX\texon\t120701\t120900\t.\t+\t.\tgene_id "ENSG00000000001"; transcript_id "T1";
chr1\tX\texon\t120051\t120150\t.\t+\t.\tgene_id "ENSG00000000001"; transcript_id "T2";
"""
GFF = """##gff-version 3
chr1\tX\tgene\t120001\t120900\t.\t+\t.\tID=gene:ENSG00000000001;Name=PLUS
chr1\tX\tmRNA\t120001\t120900\t.\t+\t.\tID=transcript:T1;Parent=gene:ENSG00000000001
chr1\tX\texon\t120001\t120150\t.\t+\t.\tParent=transcript:T1;Name=E1
chr1\tX\texon\t120701\t120900\t.\t+\t.\tParent=transcript:T1;Name=E2
"""
HEADER = "index\tgenome\tidentifier\tfile\tclip\tscale\tsum_stat\tdescription"


def targets(folder: Path, *rows: tuple[int, str, str], header: str = HEADER) -> Path:
    lines = [f"{place}\t0\t{name}\t/f.bw\t32\t2\tmean\t{description}" for place, name, description in rows]
    path = folder / "targets_human.txt"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def gtf(folder: Path, text: str = GTF, name: str = "genes.gtf") -> Path:
    (folder / name).write_text(text)
    return folder / name


def settings(words: list[Path | str]) -> dict[str, int]:
    heads: dict[str, int] = json.loads(Path(words[-1]).read_text())["output_heads"]
    return heads


def test_a_public_checkpoint_scores_a_persons_variants_by_the_commands_of_variantformer(tmp_path: Path) -> None:
    words = enformer_files(tmp_path)
    n_tracks = settings(words)["human"]
    names = targets(tmp_path, *((n, f"CNhs{n}", f"CAGE:tissue {n}") for n in range(n_tracks)))
    folder = tmp_path / "model"
    invoke("convert", *words, "--targets", names, "--genes", gtf(tmp_path), "-o", folder)
    assert {path.name for path in check_folder(folder)} == {
        *("README.md", "config.json", "model.safetensors", "genes.parquet", "tracks.parquet", "exons.parquet")
    }
    assert "`tss:3` of 196,608 bases around its TSS" in (folder / "README.md").read_text()
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": random_bases(random.Random(0), 125_000)}, width=60)
    options: dict[str, Any] = {"device": "cpu", "window": 2_048}
    predictor = ExpressionPredictor.from_pretrained(folder, **options)
    table = predictor.predict(fasta, tissues=["CAGE:tissue 1"])
    assert (table["status"].tolist(), table["track"].notna().tolist()) == (["ok"], [True])
    base = ReferenceGenome(fasta).sequence("chr1", 119_999, 120_000).upper()
    variant = f"chr1:120000:{base}>{'A' if base != 'A' else 'C'}"
    effects = VariantScorer.from_pretrained(folder, **options).score(
        [variant], ReferenceGenome(fasta), tissues=["CNhs1"]
    )
    assert effects["tissue"].unique().tolist() == ["CAGE:tissue 1"]
    assert effects["effect"].abs().min() > 0
    # The window of its config is longer than the contig: the row says so.
    far = ExpressionPredictor.from_pretrained(folder, device="cpu").predict(fasta, tissues=["1"])
    assert (far["status"].tolist(), far["track"].isna().tolist()) == (["window_off_contig"], [True])
    with pytest.raises(InputError, match=r"'tss:0'.*Give tss:BINS, centre:BINS or exons"):
        load_gene_model(folder, device="cpu", read_out="tss:0")
    with pytest.raises(InputError, match="asks for 99 bins, a window of 2,048 bases has 16"):
        load_gene_model(folder, device="cpu", window=2_048, read_out="centre:99")
    exons = load_gene_model(folder, device="cpu", window=2_048, read_out="exons")
    assert isinstance(exons, TrackGeneModel)
    assert exons.description()["read_out"] == "exons"


@pytest.mark.parametrize(("text", "name"), [(GTF, "g.gtf"), (GFF, "g.gff3")])
def test_exons_of_all_transcripts_are_joined(tmp_path: Path, text: str, name: str) -> None:
    path = gtf(tmp_path, text, name)
    genes = GeneTable.read(path)
    exons = ExonTable.read_features(path, genes)
    assert exons.of(genes.get("PLUS")).tolist() == [[120_000, 120_150], [120_700, 120_900]]
    exons.save(tmp_path / "exons.parquet")
    again = ExonTable.read(tmp_path / "exons.parquet")
    assert again.table.equals(exons.table)


def test_names_of_tracks(tmp_path: Path) -> None:
    rows = [
        (0, "ENCFF1", "DNASE:K562"),
        (1, "ENCFF2", "DNASE:K562"),
        (2, "CNhs3+", "CAGE:lung"),
        (3, "CNhs3-", "CAGE:lung"),
        (4, "X", "RNA:liver"),
        (5, "X", "RNA:liver"),
        (6, "Y", "CHIP:H3K27ac:liver"),
    ]
    tracks = read_targets(targets(tmp_path, *rows), 7)
    assert [each.name for each in tracks] == [
        "DNASE:K562 (ENCFF1)",
        "DNASE:K562 (ENCFF2)",
        "CAGE:lung (CNhs3+)",
        "CAGE:lung (CNhs3-)",
        "RNA:liver (X 4)",
        "RNA:liver (X 5)",
        "CHIP:H3K27ac:liver",
    ]
    assert [each.assay for each in tracks] == ["DNASE", "DNASE", "CAGE", "CAGE", "RNA", "RNA", "CHIP"]
    names = track_names(tracks)
    asked = ["ENCFF2", "CNhs3-", "6", "rna liver x 4", "CAGE:lung (CNhs3+)"]
    found, unknown = names.resolve(asked)
    assert ([each.id for each in found], unknown) == ([1, 3, 6, 4, 2], [])
    _, unknown = names.resolve(["DNASE:K562", "liver of a mouse"])
    assert unknown[0].reason == "stands for 2 tissues"
    assert unknown[0].suggestions == ("DNASE:K562 (ENCFF1)", "DNASE:K562 (ENCFF2)")


def test_a_part_of_the_tracks_and_ontology_ids(tmp_path: Path) -> None:
    path = tmp_path / "targets_gtex.txt"
    path.write_text(
        "\tidentifier\tdescription\tontology_curie\n5\tGTEX-1\tRNA:adipose\tUBERON:0002190\n9\tGTEX-2\tRNA:blood\t\n"
    )
    tracks = read_targets(path, 10)
    assert [(each.id, each.ontology_id) for each in tracks] == [(5, "UBERON:0002190"), (9, None)]
    found, _ = track_names(tracks).resolve(["UBERON_0002190"])
    assert [each.id for each in found] == [5]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("index\tdescription\n0\tx\n", "has no column identifier"),
        ("index\tidentifier\tdescription\n7\ta\tb\n", "line 2: the track 7 is none of the head's 7"),
        ("index\tidentifier\tdescription\n1\ta\tb\n1\ta\tb\n", "line 3: the track 1 is there twice"),
        ("index\tidentifier\tdescription\n1\ta\n", "line 2: has 2 columns, the first line has 3"),
        ("index\tidentifier\tdescription\n", "names no track"),
        ("", "has no column identifier, description"),
    ],
)
def test_a_targets_file_that_is_none(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "targets.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        read_targets(path, 7)


def test_tables_that_do_not_go_together_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    words = enformer_files(tmp_path)
    heads = settings(words)
    genes = gtf(tmp_path)
    mouse = targets(tmp_path, *((n, f"M{n}", f"CAGE:tissue {n}") for n in range(heads["mouse"])))
    cases: list[tuple[list[Path | str], str]] = [
        (["--targets", mouse], "needed together"),
        (["--head", "mouse"], "--head says whose tracks --targets names"),
        (["--targets", mouse, "--genes", genes, "--head", "rat"], "tracks of the head 'rat'"),
        (["--targets", mouse, "--genes", genes], f"as many as the head 'mouse' has; 'human' has {heads['human']}"),
    ]
    for more, problem in cases:
        with pytest.raises(InputError, match=problem):
            invoke("convert", *words, *more, "-o", tmp_path / "model")
        assert not (tmp_path / "model").exists()
    invoke("convert", *words, "--targets", mouse, "--genes", genes, "--head", "mouse", "-o", tmp_path / "model")
    loaded = load_gene_model(tmp_path / "model", device="cpu")
    assert (loaded.config.gene_head, loaded.assembly, len(loaded.tissue_names.named)) == ("mouse", None, heads["mouse"])
