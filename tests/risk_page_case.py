"""The files that the commands of docs/risk.md read: a made store of embeddings, genotypes, labels."""

from pathlib import Path

import numpy as np
from genome_files import record, write_vcf
from made_store import made_store

PEOPLE, GENES, TISSUES, WIDTH = 90, 4, 2, 8


def write_case(folder: Path) -> None:
    """``vectors`` and ``others`` of 60 and 30 people, ``cohort.vcf.gz``, ``genes.csv`` and the lists.

    The second gene tells cases from controls in both tissues, the others do not.
    """
    rng = np.random.default_rng(3)
    label = (rng.random(PEOPLE) < 0.4).astype(int)
    vectors = rng.normal(size=(PEOPLE, GENES, TISSUES, WIDTH)).astype(np.float32)
    vectors[:, 1, :, 0] += 2.5 * label[:, None]
    names = [f"D{number:02d}" for number in range(1, PEOPLE + 1)]
    made_store(folder / "vectors", vectors[:60], samples=names[:60])
    made_store(folder / "others", vectors[60:], samples=names[60:])
    for file, chosen in (("labels.tsv", range(60)), ("other_labels.tsv", range(60, PEOPLE))):
        rows = "".join(f"{names[number]}\t{label[number]}\n" for number in chosen)
        (folder / file).write_text(f"donor\tlabel\n{rows}")
    (folder / "held_out.txt").write_text("".join(f"{name}\n" for name in names[:60:3]))
    (folder / "genes.csv").write_text(
        "gene_id,gene_name,chromosome,start,end,strand\n"
        "ENSG00000000001.1,G1,chr1,50001,60000,+\nENSG00000000002.1,G2,chr1,400001,410000,-\n"
    )
    calls = {0: "0|0", 1: "0|1", 2: "1|1"}
    lines = []
    for number, position in enumerate(range(20_000, 600_000, 20_000)):
        dosage = rng.binomial(2, 0.2 + 0.4 * label[:60] * (number == 20))
        lines.append(record(position, "A", "G", *(calls[int(each)] for each in dosage)))
    write_vcf(folder / "cohort.vcf.gz", lines, contigs={"chr1": 1_000_000}, samples=names[:60])
