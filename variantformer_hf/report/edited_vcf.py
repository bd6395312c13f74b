"""An edited genome as a VCF: the person's own, with the edited variants' records replaced."""

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pysam

from ..errors import InputError
from ..files import whole_file
from ..genome.cohort_files import CohortFiles, Genotypes
from ..genome.cohort_source import CohortFile
from ..genome.edited import EditedGenome
from ..genome.edited_records import RecordQueue
from ..genome.record_columns import Record
from ..genome.sample_names import FIXED_COLUMNS
from ..genome.variant_file_kind import FileKind, kind_of
from ..genome.variant_files import VariantFiles, open_files
from ..genome.variants import VariantFile


@dataclass(frozen=True, slots=True)
class EditedVcf:
    """What was written.

    Attributes:
        paths: the VCF and its index.
        n_records: records in it.
        replaced: records of the person that an edit changed, split or took out.
        added: records that edits put in.
    """

    paths: tuple[Path, Path]
    n_records: int
    replaced: int
    added: int


def write_edited_vcf(genome: EditedGenome, path: str | Path) -> EditedVcf:
    """Write the one person's records after the edits, sorted, bgzipped and indexed.

    Records that no edit is about are written as they stand; of one that holds an edited allele the genotype changes, or
    it goes when nothing else of it is carried. Edits are records of their own, trimmed and left-aligned, with INFO
    ``EDITED``. Where they need room, a record is written as its smallest pieces, with INFO ``SPLIT`` and of the calls
    what has one value.

    Args:
        genome: the person with the edits.
        path: .vcf.gz.

    Raises:
        InputError: the person is the reference, or of a file without genotypes; PATH is no .vcf.gz.
    """
    path = Path(path)
    check_vcf_name(path)
    source = genome.edited_records
    if genome.person.is_reference or source.sample is None:
        raise InputError(
            "has no genotypes to edit",
            file=None if genome.person.is_reference else source.path,
            remedy="Give a VCF or BCF with a sample.",
        )
    for each in source.path.paths if isinstance(source.path, CohortFiles) else [source.path]:
        _check_is_vcf(each)
    counts = {"records": 0, "replaced": 0, "added": 0}
    file = open_files(source.path, source.sample)
    try:
        with whole_indexed_vcf(path) as partial, pysam.BGZFile(str(partial), "wb") as output:
            header = _joined_header(source.path)
            output.write(_header(header, source.sample, genome).encode())
            scalars = {name for name, field in header.formats.items() if field.number == 1}
            contigs = [*file.indexed_contigs]
            contigs += [name for name in genome.edited_contigs() if name not in contigs]
            for chrom in contigs:
                for line in _lines(file, genome, chrom, scalars, counts):
                    output.write(f"{line}\n".encode())
                    counts["records"] += 1
    finally:
        file.close()
    index = path.with_name(f"{path.name}.tbi")
    return EditedVcf((path, index), counts["records"], counts["replaced"], counts["added"])


def _check_is_vcf(path: Path) -> None:
    kind = kind_of(path)
    if kind != FileKind.VCF:
        raise InputError(
            f"is a {kind}, and edits are written into a VCF of the person's",
            file=path,
            remedy="Make one (plink2 --export vcf bgz --out calls, or vcztools view), and edit that.",
        )


def check_vcf_name(path: Path) -> None:
    """Refuse a name that is not one of a bgzipped VCF.

    Raises:
        InputError: it does not end in .vcf.gz.
    """
    if path.name.removesuffix(".vcf.gz") in ("", path.name):
        raise InputError("an edited VCF is bgzipped", file=path, remedy="Name it .vcf.gz.")


@contextmanager
def whole_indexed_vcf(path: Path) -> Iterator[Path]:
    """As :func:`whole_file`, of a bgzipped VCF with its index: both are there, or neither."""
    index = path.with_name(f"{path.name}.tbi")
    with whole_file(index) as partial_index, whole_file(path) as partial:
        yield partial
        pysam.tabix_index(str(partial), preset="vcf", force=True, index=str(partial_index))


def _lines(
    file: CohortFile | VariantFiles, genome: EditedGenome, chrom: str, scalars: Set[str], counts: dict[str, int]
) -> Iterator[str]:
    """A contig's records after the edits, of the one sample."""
    records, edited_contig = genome.edited_records, genome.edited_contigs().get(chrom)
    queue = RecordQueue[str]()
    placed = [] if edited_contig is None else records.contig_edits(edited_contig)
    for edit in (each.edit for each in placed if each.edit.is_carried):
        queue.push_edit(edit, _added_line(chrom, edit.record()))
        counts["added"] += 1
    for line, column, part in _file_lines(file, chrom):
        fields = line.split("\t", column + 1)
        position = int(fields[1]) - 1
        yield from queue.pop_before(position)
        if len(fields) <= column:
            yield line  # a row of eight columns says nothing of any sample
            continue
        kept = [*fields[:FIXED_COLUMNS], fields[column]]
        if edited_contig is None or not records.may_change(edited_contig, position):
            yield "\t".join(kept)
            continue
        record = part.parse(line)
        left = records.remaining(record, edited_contig)
        counts["replaced"] += left != [record]
        for each in left:
            changed = kept
            if each.alleles != record.alleles or each.position != record.position:
                changed = _piece(each, kept, scalars)
            elif each != record:
                changed = [*kept[:-1], ":".join([_genotype(each), *kept[-1].split(":")[1:]])]
            if each.position == position:
                yield "\t".join(changed)
            else:
                queue.push_piece(each.position, "\t".join(changed))
    yield from queue.pop_all()


def _file_lines(file: CohortFile | VariantFiles, chrom: str) -> Iterator[tuple[str, int, VariantFile]]:
    """A contig's lines, the column of the one sample in each, and the file that it is of."""
    for part in file.files_on(chrom) if isinstance(file, VariantFiles) else [file]:
        assert isinstance(part, VariantFile)
        column = part.call_column
        assert column is not None
        for line in part.lines(chrom):
            yield line, column, part


def _piece(piece: Record, fields: Sequence[str], scalars: Set[str]) -> list[str]:
    """Columns of a piece of a record: what is said by allele, and so no more true, is left out."""
    names, values = fields[-2].split(":"), fields[-1].split(":")
    calls = {name: value for name, value in zip(names, values, strict=False) if name in scalars and name != "GT"}
    return [
        fields[0],
        str(piece.position + 1),
        fields[2],
        *piece.alleles,
        *fields[5:7],
        "SPLIT",
        ":".join(["GT", *calls]),
        ":".join([_genotype(piece), *calls.values()]),
    ]


def _added_line(chrom: str, record: Record) -> str:
    ref, alt = record.alleles
    columns = (chrom, str(record.position + 1), ".", ref, alt, ".", "PASS", "EDITED", "GT", _genotype(record))
    return "\t".join(columns)


def _genotype(record: Record) -> str:
    alleles = ["." if allele is None else str(allele) for allele in record.genotype or ()]
    return ("|" if record.phased else "/").join(alleles)


def _joined_header(source: Genotypes) -> pysam.VariantHeader:
    """The header of the person's file; of several files all that any of them declares."""
    paths = source.paths if isinstance(source, CohortFiles) else [source]
    headers = []
    for path in paths:
        with pysam.VariantFile(str(path)) as file:
            headers.append(file.header.copy())
    joined = headers[0]
    for header in headers[1:]:
        joined.merge(header)
    return joined


def _header(header: pysam.VariantHeader, sample: str, genome: EditedGenome) -> str:
    lines = [line for line in str(header).splitlines() if line.startswith("##")]
    if "GT" not in header.formats:
        lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    if "EDITED" not in header.info:
        lines.append('##INFO=<ID=EDITED,Number=0,Type=Flag,Description="Set by variantformer edit">')
    if "SPLIT" not in header.info:
        lines.append('##INFO=<ID=SPLIT,Number=0,Type=Flag,Description="Piece of a record beside an edit">')
    if "PASS" not in header.filters:
        lines.append('##FILTER=<ID=PASS,Description="All filters passed">')
    lengths = genome.reference.contigs
    for name, fasta_name in genome.edited_contigs().items():
        if name not in header.contigs:
            lines.append(f"##contig=<ID={name},length={lengths[fasta_name]}>")
    lines.append(f"##variantformer_edits={','.join(f'{edit.variant}={edit.text}' for edit in genome.genotypes)}")
    columns = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", sample)
    return "\n".join([*lines, "\t".join(columns)]) + "\n"
