"""``variantformer doctor``: do these files go together?"""

from pathlib import Path
from typing import Annotated

import typer

from .options import FASTA, FILES, ForceCompanionsOption, MinProbabilityOption, given_file

_STYLE = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def doctor(
    fasta: Annotated[Path, typer.Option(help=FASTA, parser=given_file, metavar="PATH")],
    vcf: Annotated[list[str] | None, typer.Option(help=f"Indexed VCF or BCF; {FILES}.")] = None,
    sample: Annotated[str | None, typer.Option(help="Sample of the VCF to look at.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Model folder or Hub id: also check how many records fall into its windows.")
    ] = None,
    min_probability: MinProbabilityOption = 0.9,
    force_companions: ForceCompanionsOption = False,
) -> None:
    """Check a FASTA and a VCF before a run: build, names, index, order, samples, REF alleles, phasing."""
    import pysam
    from rich.console import Console
    from rich.table import Table

    from ..genome.doctor import diagnose

    pysam.set_verbosity(0)  # what goes wrong is said once, in our words

    windows = None
    if model is not None:
        from ..inference.windows import model_windows

        windows = model_windows(model, fasta, force_companions=force_companions)
    findings = diagnose(fasta, vcf or None, windows=windows, sample=sample, min_probability=min_probability)
    table = Table("check", "result", "finding", "remedy")
    for finding in findings:
        style = _STYLE[finding.level]
        table.add_row(finding.check, f"[{style}]{finding.level}[/{style}]", finding.message, finding.remedy or "")
    Console().print(table)
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(1)
