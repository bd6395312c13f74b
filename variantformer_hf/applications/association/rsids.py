"""The rs numbers of variants, from a file that has both."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ...errors import InputError
from ...genome.variant import Variant, VariantError, VariantNormalizer
from ...genome.variant_rows import is_whole_vcf, rows_of_file
from .weights import AssociationWeights

# Bases between two variants beyond which what lies between is not read.
_GAP = 10_000


def with_rsids(weights: AssociationWeights, path: Path, normalizer: VariantNormalizer) -> tuple[list[str], int]:
    """The variants' rs numbers; one that the file does not name keeps its own id.

    Args:
        weights: in their one spelling.
        path: an indexed VCF or BCF (dbSNP), of which only the variants' places are read; or a .pvar, .bim or table with
            the columns rsid (or ID), chrom, pos, ref and alt.
        normalizer: of the FASTA.

    Returns:
        (variants,) ids, and how many of them are rs numbers.

    Raises:
        InputError: the file cannot be read, or names none of the variants.
    """
    number_of = {each: number for number, each in enumerate(weights.variants)}
    ids, n_named = list(weights.ids), 0
    for name, given in _of_vcf(path, weights, normalizer) if is_whole_vcf(path) else _of_rows(path):
        if not name.startswith("rs"):
            continue
        try:
            number = number_of.pop(normalizer(given), None)
        except VariantError:
            continue
        if number is not None:
            ids[number] = name
            n_named += 1
    if not n_named:
        raise InputError("names none of the variants of the weights", file=path, remedy="Give one of their assembly.")
    return ids, n_named


def _of_rows(path: Path) -> Iterator[tuple[str, Variant]]:
    for row in rows_of_file(path):
        name = row.annotations.get("variant", row.settled_by)
        if name and isinstance(row.name, Variant):
            yield name, row.name
            if row.order != "fixed":
                yield name, Variant(row.name.chrom, row.name.pos, row.name.alt, row.name.ref)


def _of_vcf(path: Path, weights: AssociationWeights, normalizer: VariantNormalizer) -> Iterator[tuple[str, Variant]]:
    import pysam

    try:
        with pysam.VariantFile(str(path)) as file:
            contigs = {}
            for name in file.header.contigs:
                try:
                    contigs[normalizer.contig(name)] = name
                except VariantError:
                    continue
            for chrom, start, end in _stretches(weights.variants, normalizer):
                if chrom not in contigs:
                    continue
                for record in file.fetch(contigs[chrom], start, end):
                    for alt in record.alts or () if record.id else ():
                        yield str(record.id).split(";")[0], Variant(chrom, record.pos, record.ref or "", alt)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot be read as an indexed VCF or BCF ({error})", file=path, remedy="Index it: bcftools index."
        ) from error


def _stretches(variants: Iterable[Variant], normalizer: VariantNormalizer) -> Iterator[tuple[str, int, int]]:
    """Contig, start and end of stretches that hold the variants, 0-based half-open."""
    held: tuple[str, int, int] | None = None
    for each in sorted(variants):
        end = normalizer.spellings_end(each)
        if held is not None and each.chrom == held[0] and each.start - held[2] < _GAP:
            held = each.chrom, held[1], max(end, held[2])
            continue
        if held is not None:
            yield held
        held = each.chrom, each.start, end
    if held is not None:
        yield held
