"""The app's demo with a gene whose name is a script, and what readers upload, good and bad."""

import gzip
import shutil
from dataclasses import dataclass
from pathlib import Path

from variantformer_hf.app.answers import ServedModel
from variantformer_hf.app.server import Served
from variantformer_hf.app.uploads import MOST_BYTES
from variantformer_hf.simulation.genome import SimulatedFiles, write_simulation
from variantformer_hf.simulation.model import write_demo_model

SCRIPT = "<script>alert(1)</script>"
# Upload -> what is said of it. The gene asked for is DEMO1, on chr1.
BAD = {
    "notes.txt": "notes.txt: is neither a VCF nor a BCF. Upload a VCF, plain or compressed with bgzip.",
    "unsorted.vcf": "unsorted.vcf: has no index, and none can be made: its records are not in order, or a line is no "
    "record. Sort it: bcftools sort calls.vcf -Oz -o sorted.vcf.gz.",
    "gzip.vcf.gz": "gzip.vcf.gz: is compressed with gzip, which cannot be read by region. Upload a VCF, plain or "
    "compressed with bgzip.",
    "hg19.vcf": "hg19.vcf: ",
    "other_build.vcf": "other_build.vcf: ",
    "elsewhere.vcf": "elsewhere.vcf: has no record in the region that is read for DEMO1, chr1:1-400,000. Upload the "
    "region of this gene, or choose a gene in the file's.",
}
# These need a gene, and are refused when it is asked for.
WITH_GENE = ("hg19.vcf", "other_build.vcf", "elsewhere.vcf")


@dataclass(frozen=True)
class AppCase:
    """The demo's files.

    Attributes:
        files: genome, person, genes, cCREs.
        model: folder.
        uploads: name -> file that a reader has.
    """

    files: SimulatedFiles
    model: Path
    uploads: dict[str, Path]

    @property
    def served(self) -> Served:
        """As the app is given it."""
        return Served(self.model, self.files.fasta, self.files.vcf, "cpu")

    def load(self) -> ServedModel:
        """The model, loaded."""
        return self.served.load()


def app_case(folder: Path) -> AppCase:
    """Write the demo, and the uploads."""
    files = write_simulation(folder)
    files.genes.write_text(files.genes.read_text().replace("DEMO6", SCRIPT))
    given = folder / "uploads"
    given.mkdir()
    text = gzip.decompress(files.vcf.read_bytes()).decode()
    for name, content in _texts(text).items():
        (given / name).write_text(content)
    (given / "gzip.vcf.gz").write_bytes(gzip.compress(text.encode()))
    shutil.copy(files.vcf, given / "person.vcf.gz")
    with (given / "large.vcf").open("w") as file:
        file.write(text)
        file.truncate(MOST_BYTES + 1)
    return AppCase(files, write_demo_model(files, folder / "model"), {path.name: path for path in given.iterdir()})


def _texts(text: str) -> dict[str, str]:
    lines = text.splitlines()
    head, records = [line for line in lines if line[0] == "#"], [line for line in lines if line[0] != "#"]

    def joined(header: list[str], rows: list[str]) -> str:
        return "\n".join([*header, *rows]) + "\n"

    by_contig = {chrom: [line for line in records if line.startswith(f"{chrom}\t")] for chrom in ("chr1", "chr2")}
    # DEMO1 and its window begin here.
    in_window = [line for line in by_contig["chr1"] if int(line.split("\t")[1]) > 100_000]
    two = [*head[:-1], f"{head[-1]}\tP<2>"]
    turned = str.maketrans("ACGT", "GTAC")

    def of_other_build(line: str) -> str:
        fields = line.split("\t")
        return "\t".join([*fields[:3], fields[3].translate(turned), fields[4].translate(turned), *fields[5:]])

    return {
        "plain.vcf": text,
        "first.vcf": joined(head, by_contig["chr1"][::2]),
        "second.vcf": joined(head, by_contig["chr1"][1::2]),
        "two.vcf": joined(two, [f"{line}\t0|0" for line in records]),
        "notes.txt": "Meeting at noon.\n",
        "unsorted.vcf": joined(head, by_contig["chr1"][::-1]),
        "hg19.vcf": text.replace("<ID=chr1,length=400000>", "<ID=chr1,length=249250621>"),
        "other_build.vcf": joined(head, [of_other_build(line) for line in records]),
        "elsewhere.vcf": joined(head, by_contig["chr2"]),
        "variants.txt": "".join("{0}:{1}:{3}>{4}\n".format(*line.split("\t")) for line in in_window[:3]),
    }
