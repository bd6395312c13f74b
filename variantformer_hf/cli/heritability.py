"""``variantformer heritability``: how much of each gene's expression variants nearby explain."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError, check_number
from .options import FILES, INPUTS, GenesFileOption, MinProbabilityOption, OverwriteOption, TableOption, given_file
from .outputs import claim
from .progress import progress

if TYPE_CHECKING:
    from ..genome.genes import Gene

_MODEL = "Model"


def heritability(
    vcf: Annotated[list[str], typer.Option(help=f"Indexed VCF or BCF of the people; {FILES}.", rich_help_panel=INPUTS)],
    expression: Annotated[
        list[Path],
        typer.Option(
            help="Folder of `harmonize`, tidy table of TPM, GCT, or normalized BED; repeat for more cohorts.",
            rich_help_panel=INPUTS,
        ),
    ],
    genes: Annotated[
        Path,
        typer.Option(
            parser=given_file, metavar="PATH", help="Where genes lie: GTF, GFF3 or gene table.", rich_help_panel=INPUTS
        ),
    ],
    output: TableOption,
    samples: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="People to use: donor, and sample, their name in the VCF. Default: all, by their donor's name.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    covariates: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Table: donor, maybe tissue, and numbers, such as principal components.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    covariate: Annotated[
        list[str] | None, typer.Option(help="Column of --covariates; repeat. Default: all.", rich_help_panel=_MODEL)
    ] = None,
    gene: Annotated[
        list[str] | None, typer.Option(help="Symbol or Ensembl id; repeat. Default: all.", rich_help_panel=INPUTS)
    ] = None,
    genes_file: GenesFileOption = None,
    radius: Annotated[
        int, typer.Option(help="Bases on both sides of a gene whose variants count.", rich_help_panel=_MODEL)
    ] = 1_000_000,
    min_maf: Annotated[
        float, typer.Option(help="Variants are used from this frequency on.", rich_help_panel=_MODEL)
    ] = 0.01,
    fewest_donors: Annotated[
        int, typer.Option(help="Of a gene and tissue that is estimated.", rich_help_panel=_MODEL)
    ] = 30,
    attributes: Annotated[
        Path | None,
        typer.Option(parser=given_file, metavar="PATH", help="Sample attributes of a GCT.", rich_help_panel=INPUTS),
    ] = None,
    fasta: Annotated[
        Path | None,
        typer.Option(
            parser=given_file, metavar="PATH", help="Reference genome, for a PLINK 1 BED.", rich_help_panel=INPUTS
        ),
    ] = None,
    min_probability: MinProbabilityOption = 0.9,
    overwrite: OverwriteOption = False,
) -> None:
    """Cis heritability of each gene and tissue, by REML and by Haseman-Elston, from SNPs near the gene.

    A row a gene, cohort and tissue: h2 with its standard error by both, p of h2 > 0, and its root, the ceiling of any
    predictor's r over people. OUTPUT.report.json has the counts.
    """
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    check_number("--radius", radius, 0)
    check_number("--min-maf", min_maf, 0, 0.5)
    check_number("--fewest-donors", fewest_donors, 4)
    out = claim(output, overwrite=overwrite, stdout=True)
    report = out.beside("report.json")
    out.add([report])

    import pandas as pd

    from ..data.cis_dosages import cis_dosages
    from ..data.genotyped_expression import genotyped_expression, read_covariates
    from ..data.measured import read_measured, read_people
    from ..evaluation.heritability import heritability_rows
    from ..genome.cohort_rows import Reading
    from ..genome.gene_lists import read_gene_names
    from ..genome.genes import stable_id
    from ..genome.reference import ReferenceGenome

    measured = read_measured(expression, attributes=attributes)
    if samples is not None:
        measured = measured.of_people(read_people(samples), samples)
    of_covariates = None if covariates is None else read_covariates(covariates, covariate)
    found = genotyped_expression(measured, vcf, of_covariates)
    place = {name: row for row, name in enumerate(measured.genes)}
    chosen = _chosen(
        genes, [*(gene or []), *([] if genes_file is None else read_gene_names(genes_file))], place, expression
    )
    groups, rows, left_out = found.groups(), [], Counter[str]()
    reading = Reading(None if fasta is None else ReferenceGenome(fasta), min_probability)
    with progress("estimating", "genes") as on_gene:
        done = 0
        for together, reasons in cis_dosages(vcf, found.people, chosen, radius, reading):
            left_out.update(reasons)
            for each, dosages in together:
                of_gene = heritability_rows(
                    dosages,
                    found.measured.values[place[stable_id(each.gene_id)]],
                    found.person,
                    groups,
                    found.covariates,
                    least_frequency=min_maf,
                    fewest_donors=fewest_donors,
                )
                rows += [{"gene_id": each.gene_id, "gene_name": each.gene_name, **row} for row in of_gene]
                done += 1
                on_gene(done, len(chosen))
    table = pd.DataFrame(rows)
    counts = {
        "genes": len(chosen),
        "genes_of_the_expression": len(measured.genes),
        "people": len(found.people),
        "covariates": found.covariates.shape[1],
        "status": table["status"].value_counts().to_dict(),
        "left_out": dict(found.left_out),
        "records_left_out": dict(sorted(left_out.items())),
    }
    described = {"unit": found.measured.scale, "radius": radius, "min_maf": min_maf}
    written = [write_table(table, out.path, described), write_json({**described, "counts": counts}, report)]
    typer.echo(f"{len(chosen):,} genes of {len(measured.genes):,}, {len(found.people):,} people", err=True)
    for reason, n in {**found.left_out, **counts["status"]}.items():
        if n and reason != "ok":
            typer.echo(f"  {n:,} {reason}", err=True)
    out.deliver(written)


def _chosen(path: Path, names: list[str], place: Mapping[str, int], expression: list[Path]) -> "list[Gene]":
    """Genes that have expression and a place; all, or those named.

    Raises:
        InputError: a named gene has none, or no gene has both.
    """
    from ..genome.genes import GeneTable, stable_id

    table = GeneTable.read(path)
    wanted = [table.get(name) for name in names] if names else table.genes
    found = [gene for gene in dict.fromkeys(wanted) if stable_id(gene.gene_id) in place]
    missing = [gene.gene_name for gene in wanted if stable_id(gene.gene_id) not in place] if names else []
    if missing or not found:
        problem = f"has no {missing[0]}" if missing else f"has none of its genes, such as {wanted[0].gene_id}"
        remedy = f"It has genes such as {next(iter(place))}: name others, or give the gene table that goes with it."
        raise InputError(f"the expression {problem}", file=", ".join(map(str, expression)), remedy=remedy)
    return found
