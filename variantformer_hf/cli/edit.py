"""``variantformer edit``: a person's VCF with some genotypes set."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import FASTA, FILES, GENOTYPE, OVERWRITE, GenotypeOption, given_file, written_file
from .outputs import claim
from .rejected import report_rejected


def edit(
    vcf: Annotated[list[str], typer.Option(help=f"Indexed VCF or BCF of the person; {FILES}.")],
    fasta: Annotated[Path, typer.Option(help=FASTA, parser=given_file, metavar="PATH")],
    edits: Annotated[
        Path,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Variants (.tsv, .csv, .vcf.gz, text), with a column `genotype` where they differ in it.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=written_file, metavar="PATH", help="Edited VCF, .vcf.gz.")
    ],
    sample: Annotated[str | None, typer.Option(help="Sample of the VCF; needed where it has several.")] = None,
    genotype: GenotypeOption = GENOTYPE,
    on_conflict: Annotated[
        Literal["error", "keep"],
        typer.Option(help="Where the person carries a record that changes the same bases: stop, or keep both."),
    ] = "error",
    overwrite: Annotated[bool, typer.Option("--overwrite", help=OVERWRITE)] = False,
) -> None:
    """Set variants in a person's genome, and write it as a VCF: sorted, indexed, every other record kept.

    Variants are checked against the FASTA, trimmed and left-aligned; the person's own record of an edited variant is
    replaced, however it is written. Rows that cannot be used go to OUTPUT.rejected.tsv.
    """
    import pysam

    from ..genome.edited import EditedGenome
    from ..genome.personal import PersonalGenome
    from ..genome.reference import ReferenceGenome
    from ..genome.variant import VariantNormalizer
    from ..genome.variant_table import read_variants
    from ..report.edited_vcf import check_vcf_name, write_edited_vcf
    from ..report.tables import write_json

    check_vcf_name(output)
    out = claim(output, overwrite=overwrite)
    rejected, report = out.beside("rejected.tsv"), out.beside("report.json")
    out.add([out.beside("tbi"), rejected, report])
    pysam.set_verbosity(0)
    reference = ReferenceGenome(fasta)
    table = read_variants(edits, VariantNormalizer(reference))
    person = PersonalGenome(reference, vcf, sample)
    edited = EditedGenome(person, table.edits(genotype), on_conflict=on_conflict)
    written = write_edited_vcf(edited, out.path)
    person.close()
    typer.echo(
        f"{len(edited.genotypes)} edits: {written.added} records added, {written.replaced} of the person's replaced; "
        f"{written.n_records} records in all",
        err=True,
    )
    records = {"added": written.added, "replaced": written.replaced, "in_all": written.n_records}
    write_json({"rows": table.counts(), "records": records}, report)
    out.deliver([*written.paths, report, *report_rejected(table, rejected)])
