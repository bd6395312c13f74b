"""``variantformer attention``: what the tissue token attends to, and whether a signal agrees."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    INPUTS,
    OUTPUT,
    AllowUnusedOption,
    DeviceOption,
    FastaOption,
    ForceCompanionsOption,
    GenesFileOption,
    MinProbabilityOption,
    ModelArgument,
    ModeOption,
    OverwriteOption,
    SamplesFileOption,
    SamplesOption,
    SnpsOnlyOption,
    TableOption,
    TissueOption,
    VcfOption,
    given_file,
    written_file,
)
from .outputs import claim
from .progress import progress
from .settings import GenotypeSettings, ModelSettings, asked_samples, quiet_libraries

if TYPE_CHECKING:
    from ..analysis.attention import GeneAttention

# Of --pair: the best of each gene and tissue by --against.
BEST = "best"
# Behind OUTPUT.against. : tables of --against.
AGAINST = ("against.tsv", "against.layers.tsv", "against.pairs.tsv", "against.histogram.tsv")


def attention(
    model: ModelArgument,
    fasta: FastaOption,
    output: TableOption,
    gene: Annotated[
        list[str] | None, typer.Option(help="Symbol or Ensembl id; repeat.", rich_help_panel=INPUTS)
    ] = None,
    genes_file: GenesFileOption = None,
    tissue: TissueOption = None,
    vcf: VcfOption = None,
    sample: SamplesOption = None,
    samples_file: SamplesFileOption = None,
    mode: ModeOption = None,
    snps_only: SnpsOnlyOption = False,
    min_probability: MinProbabilityOption = 0.9,
    pair: Annotated[
        str,
        typer.Option(
            help="Of --track and --plot: LAYER:HEAD, from 0; LAYER, the mean of its heads; mean, of all; or best, that "
            "of each gene and tissue by --against.",
            rich_help_panel=OUTPUT,
        ),
    ] = "mean",
    track: Annotated[
        Path | None,
        typer.Option(
            parser=written_file,
            metavar="PATH",
            help="Weights of a pair, .bedGraph or .bw; a file a gene and tissue.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            parser=written_file,
            metavar="PATH",
            help="Genes, cCREs, weights and bigWigs of the first gene and tissue (.png, .pdf, .svg).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    signal: Annotated[
        list[Path] | None,
        typer.Option(
            parser=given_file, metavar="PATH", help="bigWig to draw below in --plot; repeat.", rich_help_panel=INPUTS
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="bigWig, such as DNase-seq of the tissue: rank correlation of each layer and head with it.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    against_plot: Annotated[
        Path | None,
        typer.Option(
            parser=written_file,
            metavar="PATH",
            help="Best layers over genes, and the layers' correlations (.png, .pdf, .svg).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    shifts: Annotated[
        int, typer.Option(help="Circular shifts that the best pair is held against.", rich_help_panel=INPUTS)
    ] = 1_000,
    seed: Annotated[int, typer.Option(help="Of the shifts.", rich_help_panel=INPUTS)] = 0,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    allow_unused: AllowUnusedOption = False,
    force_companions: ForceCompanionsOption = False,
) -> None:
    """Write how much the token of each tissue attends to each of a gene's cCREs, in all layers and heads.

    OUTPUT has a row a gene, tissue, layer, head and cCRE. With --against OUTPUT.against.tsv has the best pair of each
    gene and tissue, beside what chance does, OUTPUT.against.layers.tsv the best head of each layer,
    OUTPUT.against.pairs.tsv all pairs, and OUTPUT.against.histogram.tsv the best layers over genes.
    """
    from ..errors import InputError
    from ..report.attention_files import attention_pieces, write_weight_track
    from ..report.attention_plots import against_plot as plot_against
    from ..report.attention_plots import attention_plot
    from ..report.plots import check_plot
    from ..report.tables import check_format, write_json, write_table, write_table_pieces
    from ..report.tracks import check_track, track_paths

    check_format(output, "tidy")
    if not gene and genes_file is None:
        raise InputError("no gene is named", remedy="Give --gene or --genes-file.")
    _check_together(pair, against, against_plot, signal, plot)
    out = claim(output, beside=[plot, against_plot], overwrite=overwrite, stdout=True)
    report = out.beside("report.json")
    beside = [out.beside(name) for name in AGAINST] if against is not None else []
    out.add([report, *beside])
    for image in (plot, against_plot):
        if image is not None:
            check_plot(image)
    if track is not None:
        check_track(track)

    from ..analysis.attention import attending, cre_attentions, parse_pair
    from ..applications.attention.against_signal import AgainstSignal
    from ..genome.bigwig import BigWig
    from ..genome.gene_lists import read_gene_names
    from ..genome.reference import ReferenceGenome
    from ..inference.people import open_people
    from ..zoo.statuses import check_finite, status_text

    quiet_libraries()
    of_model = ModelSettings(model, device=device, force_companions=force_companions)
    kind = of_model.kind()
    kind.require("cre_attention", "attention")
    genotypes = GenotypeSettings(mode=mode, snps_only=snps_only, min_probability=min_probability)
    names = [*(gene or []), *(read_gene_names(genes_file) if genes_file is not None else [])]
    reference = ReferenceGenome(fasta)
    bigwigs = [BigWig(each, reference) for each in dict.fromkeys([*([against] if against else []), *(signal or [])])]
    comparison = AgainstSignal(bigwigs[0], shifts, seed) if against is not None else None
    everybody = open_people(reference, vcf or None, asked_samples(sample, samples_file), genotypes.options(of_model))
    people = everybody.opened((0, len(everybody)))
    scorer = of_model.scorer()
    opened = scorer.open(reference)
    query = opened.checked_query(names, tissue)
    if comparison is not None:
        comparison.check_contigs(query.genes, opened.opened.finder.contig_of)
    chosen = None if pair == BEST else parse_pair(pair, attending(opened).attention_shape)
    tissues = [each.name for each in query.tissues]
    tracks: dict[tuple[str, str, str], Path] = {}
    if track is not None:
        keys = [(who, each.gene_id, name) for who in everybody.names for each in query.genes for name in tissues]
        symbols = {each.gene_id: each.gene_name for each in query.genes}
        shown = symbols if len(set(symbols.values())) == len(symbols) else {each: each for each in symbols}
        parts = [(who, shown[gene_id], name)[len(people) == 1 :] for who, gene_id, name in keys]
        tracks = dict(zip(keys, track_paths(track, parts), strict=True))
        out.add(tracks.values())
    written: list[Path] = []
    endings: list[dict[str, Any]] = []

    def each_used(found: "Iterator[GeneAttention]") -> "Iterator[GeneAttention]":
        """The genes, each counted, compared and drawn as it passes."""
        for each in found:
            of_gene = each.regions.gene
            endings.append(
                {
                    "sample": each.sample,
                    "gene_id": of_gene.gene_id,
                    "gene_name": of_gene.gene_name,
                    "status": each.status,
                    "reason": each.reason,
                    "cres": len(each.cre_ids),
                    "cres_absent": each.n_absent,
                }
            )
            pairs = [chosen] * len(tissues)
            if comparison is not None:
                pairs = [chosen or best for best in comparison.add(each)]
            for place, (name, of_tissue) in enumerate(zip(tissues, pairs, strict=True)):
                if of_tissue is None or not each.is_known:
                    continue
                if track is not None:
                    path = tracks.pop((each.sample, of_gene.gene_id, name))
                    written.append(write_weight_track(each, place, of_tissue, path, reference.contigs))
                if plot is not None and plot not in written:
                    written.append(attention_plot(each, place, of_tissue, scorer.model.gene_table, bigwigs, plot))
            yield each
            del each  # not beside the next one

    identity = scorer.model.identity
    described = {"model": identity.name, "sha256": identity.sha256, "unit": "attention weight"}
    with progress("attending", "genes") as on_gene:
        found = cre_attentions(scorer, people, names, tissues=tissue, allow_unused=allow_unused, on_gene=on_gene)
        rows = write_table_pieces(attention_pieces(each_used(found)), out.path, described)
    counts = Counter(each["status"] for each in endings)
    content = {**described, "rows": rows, "tissues": tissues, "status": dict(counts), "genes": endings}
    if status_text(counts):
        typer.echo(f"of {len(endings)} genes: {status_text(counts)}", err=True)
    if comparison is not None:
        result = comparison.result()
        for table, path in zip((result.table, result.layers, result.pairs, result.histogram), beside, strict=True):
            written.append(write_table(table, path, described))
        summary = result.summary()
        content["against"] = {"file": str(against), "shifts": shifts, "seed": seed, "tissues": summary}
        _say_best(summary)
        if against_plot is not None:
            written.append(plot_against(result.histogram, Path(str(against)).name, against_plot))
    if tracks:
        typer.echo(f"{len(tracks)} tracks are not written: without weights, or without a best pair", err=True)
    if plot is not None and plot not in written:
        typer.echo(f"{plot} is not written: no gene has weights, or none a best pair", err=True)
    written.append(write_json(content, report))
    out.deliver([out.path, *written])
    check_finite([each["gene_name"] for each in endings], [each["status"] for each in endings])


def _check_together(
    pair: str, against: Path | None, against_plot: Path | None, signal: list[Path] | None, plot: Path | None
) -> None:
    """Refuse an option that means nothing without another, or is in the way of another.

    Raises:
        InputError: there is one.
    """
    from ..errors import InputError

    if against is None and pair == BEST:
        raise InputError("the best pair is that of --against, which is not given", remedy="Give a bigWig: --against.")
    if against is None and against_plot is not None:
        raise InputError("--against-plot needs --against", remedy="Give a bigWig: --against.")
    if plot is not None and plot == against_plot:
        raise InputError("two figures are called so", file=plot, remedy="Give --plot and --against-plot two names.")
    if signal and plot is None:
        raise InputError("--signal is drawn in --plot, which is not given", remedy="Give --plot.")


def _say_best(tissues: list[dict[str, Any]]) -> None:
    """A line a sample and tissue, of the first five."""
    for each in tissues[:5]:
        of_genes = ", ".join(f"{count} {status}" for status, count in each["status"].items())
        line = f"{each['tissue']}, {each['sample']}: {of_genes}"
        if "mean_spearman" in each:
            line += (
                f"; Spearman of the best pair {each['mean_spearman']:.2f} "
                f"({each['min_spearman']:.2f} to {each['max_spearman']:.2f}), most often of layer "
                f"{each['most_frequent_layer']}"
            )
        typer.echo(f"{line}; {each['cres_without_signal']} cCREs without signal", err=True)
