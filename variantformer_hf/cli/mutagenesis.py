"""``variantformer mutagenesis``: every substitution in a stretch, and what it does to a gene."""

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    INPUTS,
    OUTPUT,
    AddressOption,
    AllowUnusedOption,
    BackgroundOption,
    DeviceOption,
    EmbeddingModelOption,
    EngineOption,
    FastaOption,
    ForceCompanionsOption,
    GeneOption,
    MinProbabilityOption,
    ModelArgument,
    ModeOption,
    OverwriteOption,
    ReadOutOption,
    SampleOption,
    TissueOption,
    VcfOption,
    WindowOption,
    WorkersOption,
    written_file,
)
from .outputs import claim
from .progress import progress
from .settings import GenomeSettings, GenotypeSettings, ModelSettings, chosen_engine, quiet_libraries

# Of --mutation, what is none.
GRADIENT = "gradient"


def mutagenesis(
    model: ModelArgument,
    fasta: FastaOption,
    gene: GeneOption,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", parser=written_file, metavar="PATH", help="Arrays, .safetensors.", rich_help_panel=OUTPUT
        ),
    ],
    region: Annotated[
        list[str] | None,
        typer.Option(help="Stretch, chr1:1001-1350 (1-based, both ends in); repeat.", rich_help_panel=INPUTS),
    ] = None,
    cre: Annotated[
        list[str] | None,
        typer.Option("--cre", "--element", help="Accession of a cCRE; repeat for several.", rich_help_panel=INPUTS),
    ] = None,
    vcf: VcfOption = None,
    sample: SampleOption = None,
    background: BackgroundOption = None,
    tissue: TissueOption = None,
    mode: ModeOption = None,
    min_probability: MinProbabilityOption = 0.9,
    mutation: Annotated[
        list[str] | None,
        typer.Option(
            help="substitutions, deletions (1 bp), shuffles (of windows); repeat. Default: substitutions. "
            "gradient: by itself, input x gradient, a backward pass a window; for models that give it.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    gradient: Annotated[
        bool,
        typer.Option(
            "--gradient",
            help="The same as --mutation gradient.",
            rich_help_panel=INPUTS,
        ),
    ] = False,
    shuffle_window: Annotated[int, typer.Option(help="Bases in a shuffled window.", rich_help_panel=INPUTS)] = 10,
    track: Annotated[
        Path | None,
        typer.Option(
            parser=written_file,
            metavar="PATH",
            help="Largest effect of each base, .bedGraph or .bw; a file a tissue.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            parser=written_file,
            metavar="PATH",
            help="Logo and heatmap of the first stretch and tissue (.png, .pdf).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    allow_unused: AllowUnusedOption = False,
    read_out: ReadOutOption = None,
    window: WindowOption = None,
    embedding_model: EmbeddingModelOption = None,
    force_companions: ForceCompanionsOption = False,
    engine: EngineOption = "process",
    address: AddressOption = None,
    workers: WorkersOption = None,
) -> None:
    """Mutate every base of a stretch, one at a time, homozygous in a person's genome.

    Until it is done, OUTPUT.parts holds what is: the same command started again goes on with the rest.

    With --mutation gradient each base's contribution to first order instead, all bases at once.
    """
    from ..errors import InputError
    from ..report.mutagenesis_files import write_gradients, write_mutagenesis, write_tracks
    from ..report.plots import check_plot, mutagenesis_plot
    from ..report.tracks import check_track, track_paths

    if output.suffix != ".safetensors":
        raise InputError("mutagenesis is written as safetensors", file=output, remedy="Name it .safetensors.")
    if not region and not cre:
        raise InputError("no stretch is named", remedy="Give --region or --cre.")
    others = [each for each in mutation or () if each != GRADIENT]
    gradient = gradient or len(others) < len(mutation or ())
    if gradient and others:
        raise InputError(
            f"the gradient (--gradient, --mutation gradient) mutates nothing, and {others[0]} are asked for too",
            remedy="Give one of the two.",
        )
    out = claim(output, beside=[plot], overwrite=overwrite, parts=["parts"])
    if track is not None:
        check_track(track)
    if plot is not None:
        check_plot(plot, logo=True)

    from ..analysis.input_gradients import input_gradients
    from ..analysis.mutagenesis import Mutagenesis, cre_intervals
    from ..analysis.mutagenesis import mutagenesis as mutate
    from ..genome.interval import parse_region
    from ..zoo.statuses import check_finite

    quiet_libraries()
    units_on = chosen_engine(engine, address, workers, device)
    of_model = ModelSettings(
        model,
        device=device,
        force_companions=force_companions,
        read_out=read_out,
        window=window,
        embedding_model=embedding_model,
    )
    kind = of_model.kind()
    if cre:
        kind.require("cres", "--cre")
    if gradient:
        kind.require("gradients", "--gradient")
    genomes = GenomeSettings(
        fasta, vcf, sample, background, GenotypeSettings(mode=mode, min_probability=min_probability)
    )
    person = genomes.open_one(of_model).genome
    scorer = of_model.scorer()
    intervals = [parse_region(text, person.reference.contigs) for text in region or ()]
    if cre:
        intervals += cre_intervals(scorer, person, gene, cre)
    kinds = others or ["substitutions"]
    has_bases = gradient or "substitutions" in kinds
    if track is not None and has_bases:
        tissues = scorer.open(person.reference).gene(gene, tissue).tissues
        out.add(track_paths(track, [[each] for each in tissues]))
    scans: list[Mutagenesis] = []
    gradients = []
    if gradient:
        gradients = input_gradients(scorer, person, gene, intervals, tissues=tissue, allow_unused=allow_unused)
    else:
        with progress("mutating", "mutations") as on_mutation:
            scans = mutate(
                scorer,
                person,
                gene,
                intervals,
                tissues=tissue,
                mutations=kinds,
                shuffle_window=shuffle_window,
                allow_unused=allow_unused,
                on_mutation=on_mutation,
                engine=units_on,
                parts=out.beside("parts"),
                overwrite_parts=overwrite,
            )
    found = gradients or scans
    identity = scorer.model.identity
    status = ";".join(dict.fromkeys(each.status for each in found))
    metadata = {
        "model": identity.name,
        "sha256": identity.sha256,
        "gene": gene,
        "status": status,
        "unit": scorer.model.unit.name,
    }
    written = [
        write_gradients(gradients, out.path, metadata) if gradient else write_mutagenesis(scans, out.path, metadata)
    ]
    if track is not None and has_bases:
        written += write_tracks(found, track, person.reference.contigs)
    if plot is not None and has_bases:
        written.append(mutagenesis_plot(found[0], found[0].tissues[0], plot))
    conflicts = sum(each.conflicts for each in scans)
    if conflicts:
        typer.echo(f"{conflicts} mutations are NaN: the person carries other variants there", err=True)
    out.deliver(written)
    if scans:
        scans[0].remove_parts()
    check_finite([gene] * len(found), [each.status for each in found])
