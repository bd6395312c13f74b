"""Do a FASTA and a VCF go together? Findings for people, and the check that a run makes before it computes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

from ..addresses import as_given
from ..errors import InputError
from .cohort_files import GivenGenotypes
from .cohort_rows import Reading
from .cohort_source import CohortFile
from .consensus import is_reference_block, is_symbolic
from .contigs import identify_assembly, map_contigs
from .format_notes import counted, say_counts
from .interval import Interval
from .options import GenotypeOptions
from .personal import PersonalGenome
from .record_columns import Record
from .reference import ReferenceGenome
from .variant_files import VariantFiles, formats_of, genotype_source, open_files

_AUTOSOME = re.compile(r"(chr)?([1-9]|1\d|2[0-2])")
_SAMPLED_RECORDS = 2_000
_STRETCHES_PER_CONTIG = 20
_LEAST_AGREEMENT = 0.95


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a diagnosis.

    Attributes:
        check: what was looked at.
        level: ``ok``, ``warning`` or ``problem``.
        message: what was found.
        remedy: what to do, or None.
    """

    check: str
    level: str
    message: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many records' REF alleles are what the FASTA holds.

    Attributes:
        checked: records compared.
        matched: those that agree.
        swapped: those that do not, and have an ALT that does.
        first_mismatch: contig:position (1-based) of the first that does not, or None.
        formats: what formats other than VCF do not hold, and what was met in these records (``CohortRows.described``).
    """

    checked: int
    matched: int
    swapped: int
    first_mismatch: str | None
    formats: tuple[dict[str, Any], ...] = ()


def reference_agreement(
    reference: ReferenceGenome,
    variants: GivenGenotypes,
    intervals: Sequence[Interval],
    limit: int,
    *,
    min_probability: float = 0.9,
) -> Agreement:
    """Compare REF alleles with the FASTA for records spread over intervals; genotypes and filters do not matter.

    Args:
        reference: the FASTA.
        variants: indexed VCF or BCF, of any number of samples, or several, as for ``PersonalGenome``.
        intervals: where to look, by the FASTA's contig names.
        limit: records to compare at most, shared evenly among the intervals.
        min_probability: see ``GenotypeOptions``; calls below it are counted.
    """
    file = open_files(variants, reading=Reading(reference, min_probability))
    try:
        found = _agreement(_sampled(reference, file, intervals, limit), reference)
        formats = formats_of(file)
        say_counts(file.path, formats, f"{found.checked} records looked at before the run")
        return replace(found, formats=tuple(formats))
    finally:
        file.close()


def diagnose(
    fasta: str | PathLike[str],
    vcf: GivenGenotypes | None = None,
    *,
    windows: Sequence[Interval] | None = None,
    sample: str | None = None,
    min_probability: float = 0.9,
) -> list[Finding]:
    """Look at a FASTA and a VCF and say what would go wrong; a file that cannot be read is a finding, not an error.

    Args:
        fasta: the reference genome.
        vcf: the variants, one file or several as for ``PersonalGenome``, or None.
        windows: where a model looks: what part of the sampled records falls there is then found too.
        sample: the person to look at.
        min_probability: see ``GenotypeOptions``.
    """
    try:
        reference = ReferenceGenome(fasta)
    except InputError as error:
        return [_problem("FASTA", error)]
    with reference:
        findings = [Finding("FASTA", "ok", f"indexed, {len(reference.contigs)} contigs"), _assembly(reference)]
        return findings if vcf is None else findings + _of_variants(reference, vcf, windows, sample, min_probability)


def _of_variants(
    reference: ReferenceGenome,
    vcf: GivenGenotypes,
    windows: Sequence[Interval] | None,
    sample: str | None,
    min_probability: float,
) -> list[Finding]:
    try:
        source = genotype_source(vcf)
        file = open_files(source, sample, reading=Reading(reference, min_probability))
    except InputError as error:
        return [_problem("VCF", error, one_file=_is_one_file(vcf))]
    findings = [_index(file), _samples(file.samples, sample)]
    try:
        PersonalGenome(reference, source, file.sample, GenotypeOptions(min_probability=min_probability)).close()
    except InputError as error:
        file.close()
        return [*findings, _problem("contigs", error, one_file=not isinstance(file, VariantFiles))]
    try:
        findings.append(_contigs(reference, file))
        whole = [Interval(chrom, 0, length) for chrom, length in reference.contigs.items()]
        records = _sampled(reference, file, whole, _SAMPLED_RECORDS)
        findings += [
            _ref_alleles(_agreement(records, reference)),
            _gvcf([record for _, record in records]),
            _genotypes([record for _, record in records], file),
            _phasing([record for _, record in records]),
        ]
        findings += _formats(file)
        if windows is not None:
            findings.append(_in_windows(records, windows))
    except InputError as error:
        findings.append(_problem("records", error, one_file=not isinstance(file, VariantFiles)))
    finally:
        file.close()
    return findings


def _sampled(
    reference: ReferenceGenome, file: CohortFile | VariantFiles, intervals: Sequence[Interval], limit: int
) -> list[tuple[str, Record]]:
    """Records from stretches spread evenly over the intervals, by the FASTA's contig names."""
    contig_of = _mapped(reference, file)
    there = [
        interval
        for interval in intervals
        if interval.chrom in contig_of and file.has_records(contig_of[interval.chrom])
    ]
    share = max(1, limit // max(1, len(there) * _STRETCHES_PER_CONTIG))
    found: list[tuple[str, Record]] = []
    for interval in there:
        step = max(1, (interval.end - interval.start) // _STRETCHES_PER_CONTIG)
        for start in range(interval.start, interval.end, step):
            if len(found) >= limit:
                return found
            records = file.records(contig_of[interval.chrom], start, min(start + step, interval.end))
            found += [(interval.chrom, record) for record, _ in zip(records, range(share), strict=False)]
    return found


def _mapped(reference: ReferenceGenome, file: CohortFile | VariantFiles) -> dict[str, str]:
    """FASTA contig -> contig of the VCF; in silence, for whoever reads the genome itself is told."""
    return map_contigs(
        reference.contigs,
        file.contigs,
        wanted_file=reference.path,
        available_file=file.path,
        announce=False,
    )


def _agreement(records: Sequence[tuple[str, Record]], reference: ReferenceGenome) -> Agreement:
    matched = swapped = 0
    first: str | None = None
    for chrom, record in records:
        ref, *alts = (allele.upper() for allele in record.alleles)
        longest = max(len(ref), *(len(alt) for alt in alts)) if alts else len(ref)
        bases = reference.sequence(chrom, record.position, record.position + longest).upper()
        if bases.startswith(ref):
            matched += 1
            continue
        first = first or f"{chrom}:{record.position + 1}"
        swapped += any(bases.startswith(alt) for alt in alts)
    return Agreement(len(records), matched, swapped, first)


def _problem(check: str, error: InputError, *, one_file: bool = True) -> Finding:
    """An error as a finding; of one file its name is known."""
    where = f"{error.file}: " if error.file and not one_file else ""
    where += f"{error.record}: " if error.record else ""
    return Finding(check, "problem", f"{where}{error.problem}", error.remedy)


def _is_one_file(vcf: GivenGenotypes) -> bool:
    return isinstance(vcf, (str, PathLike)) or (isinstance(vcf, Sequence) and len(vcf) == 1)


def _assembly(reference: ReferenceGenome) -> Finding:
    assembly = identify_assembly(reference.contigs)
    if assembly is None:
        return Finding("assembly", "warning", "contig lengths of no known human assembly; taken as it is")
    if assembly != "GRCh38":
        return Finding(
            "assembly", "problem", f"this is {assembly}; the models are for GRCh38", "Use a GRCh38 FASTA and VCF."
        )
    return Finding("assembly", "ok", assembly)


def _index(file: CohortFile | VariantFiles) -> Finding:
    if file.index_is_older:
        path = file.path.older_indexes[0] if isinstance(file, VariantFiles) else file.path
        return Finding(
            "VCF",
            "warning",
            f"its index is older than {as_given(path)}: where the file was changed since, records are missed",
            "Index it anew.",
        )
    return Finding("VCF", "ok", f"indexed and sorted: {as_given(file.path)}")


def _formats(file: CohortFile | VariantFiles) -> list[Finding]:
    """What formats other than VCF do not hold, and what was met in the sampled records."""
    findings = []
    for note in formats_of(file):
        met = counted(note)
        message = f"{note['format']}: read without {', '.join(note['does_not_hold'])}"
        if met:
            message += f"; of the sampled records: {'; '.join(met)}"
        is_doubtful = bool(note["counts"].keys() & {"not_in_fasta", "absent_chunks"})
        findings.append(Finding("format", "warning" if is_doubtful else "ok", message))
    return findings


def _samples(names: Sequence[str], asked: str | None) -> Finding:
    if not names:
        return Finding("samples", "warning", "none: the first ALT of every record would be applied")
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    if len(names) > 1 and asked is None:
        return Finding(
            "samples", "warning", f"{len(names)}: {shown}", "Name one with --sample; here the first is read."
        )
    return Finding("samples", "ok", f"{len(names)}: {shown}")


def _contigs(reference: ReferenceGenome, file: CohortFile | VariantFiles) -> Finding:
    mapped = _mapped(reference, file)
    with_records = sum(file.has_records(name) for name in mapped.values())
    renamed = next(((ours, theirs) for ours, theirs in mapped.items() if ours != theirs), None)
    message = f"{len(mapped)} shared, {with_records} with records"
    if with_records == 0:
        return Finding("contigs", "problem", message, "Check that this is the right VCF: it has no record to apply.")
    if renamed is not None:
        message += f"; {renamed[1]} of the VCF is taken as {renamed[0]}"
    missing = [
        name
        for name in reference.contigs
        if _AUTOSOME.fullmatch(name) and not (name in mapped and file.has_records(mapped[name]))
    ]
    if missing:
        return Finding(
            "contigs",
            "warning",
            f"{message}; none on {', '.join(missing)}: genes there are not predicted (not_in_vcf)",
            "If there is a file for each chromosome, give all of them (--vcf for each, or a pattern: "
            "calls.{contig}.vcf.gz), or join them: bcftools concat.",
        )
    if renamed is not None:
        return Finding("contigs", "warning", message)
    return Finding("contigs", "ok", message)


def _genotypes(records: Sequence[Record], file: CohortFile | VariantFiles) -> Finding:
    """Whether records have genotypes at all; a file without samples needs none."""
    if not file.samples:
        return Finding("genotypes", "ok", "none needed: the file has no samples")
    called = sum(any(allele is not None for allele in record.genotype or ()) for record in records)
    message = f"{called} of {len(records)} sampled records have a genotype (GT)"
    if records and not called:
        return Finding(
            "genotypes",
            "problem",
            f"{message}: nothing would be applied",
            "Imputed dosages: make hard calls, from GP by `bcftools +tag2tag calls.vcf.gz -Oz -o hard.vcf.gz -- -r "
            "--GP-to-GT`, from DS by `plink2 --vcf calls.vcf.gz dosage=DS --export vcf bgz --out hard`; a sample "
            "without calls: name another with --sample.",
        )
    return Finding("genotypes", "ok", message)


def _ref_alleles(agreement: Agreement) -> Finding:
    if agreement.checked == 0:
        return Finding("REF alleles", "warning", "no record to check")
    share = agreement.matched / agreement.checked
    message = f"{agreement.matched} of {agreement.checked} sampled records agree ({share:.1%})"
    if share == 1:
        return Finding("REF alleles", "ok", message)
    message += f"; the first that does not: {agreement.first_mismatch}"
    wrong = agreement.checked - agreement.matched
    if agreement.swapped > wrong / 2:
        remedy = "In most of them an ALT agrees: REF and ALT look swapped (bcftools norm --check-ref s)."
    else:
        remedy = "The VCF looks like another assembly: give the FASTA it was called on, or lift it over."
    return Finding("REF alleles", "problem" if share < _LEAST_AGREEMENT else "warning", message, remedy)


def _gvcf(records: Sequence[Record]) -> Finding:
    blocks = sum(any(is_reference_block(alt) for alt in record.alleles[1:]) for record in records)
    symbolic = sum(any(is_symbolic(alt) for alt in record.alleles[1:]) for record in records)
    if blocks:
        return Finding("symbolic", "problem", f"{blocks} of {len(records)} are gVCF records", "Predict with --gvcf.")
    if symbolic:
        message = f"{symbolic} of {len(records)} have a symbolic allele or a breakend and are left out"
        return Finding("symbolic", "warning", message)
    return Finding("symbolic", "ok", "no symbolic allele in the sampled records")


def _phasing(records: Sequence[Record]) -> Finding:
    heterozygous = [record for record in records if len({a for a in record.genotype or () if a is not None}) > 1]
    if not heterozygous:
        return Finding("phasing", "warning", "no heterozygous genotype in the sampled records")
    phased = sum(record.phased for record in heterozygous)
    message = f"{phased} of {len(heterozygous)} sampled heterozygous genotypes are phased"
    if phased < len(heterozygous):
        return Finding("phasing", "ok", f"{message}; the modes haplotype1 and haplotype2 need all of them")
    return Finding("phasing", "ok", message)


def _in_windows(records: Sequence[tuple[str, Record]], windows: Sequence[Interval]) -> Finding:
    by_contig: dict[str, list[Interval]] = {}
    for window in windows:
        by_contig.setdefault(window.chrom, []).append(window)
    inside = sum(
        any(window.start < record.end and record.position < window.end for window in by_contig.get(chrom, ()))
        for chrom, record in records
    )
    message = f"{inside} of {len(records)} sampled records lie where the model looks"
    if records and not inside:
        return Finding("windows", "warning", message, "Every prediction would be the reference's.")
    return Finding("windows", "ok", message)
