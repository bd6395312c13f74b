"""One person's records by the contig names of the FASTA, from a file or its store."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..addresses import as_given
from ..errors import AssemblyError, ContigError, InputError
from .cohort_files import CohortFiles
from .contigs import identify_assembly, map_contigs
from .format_notes import say_losses
from .record_columns import RecordColumns
from .reference import ReferenceGenome
from .variant_files import OpenedGenotypes, formats_of
from .variant_store import VariantStore
from .variants import VariantFile

logger = logging.getLogger(__name__)


class PersonRecords:
    """One person's records in a file or several, or in their stores; see ``RecordSource``.

    Args:
        reference: the FASTA, whose names are used.
        file: the person's file or its store, or several files, opened; it is closed when it is refused.
        needs_quality: GQ or DP will be asked for.

    Raises:
        ContigError: the files share no contig, or their contigs differ in length (AssemblyError).
    """

    def __init__(
        self,
        reference: ReferenceGenome,
        file: OpenedGenotypes,
        *,
        needs_quality: bool = False,
    ) -> None:
        self._file, self._needs_quality = file, needs_quality
        try:
            self._contig_of = matched_contigs(reference, file)
        except InputError:
            file.close()
            raise
        self._with_records: frozenset[str] | None = None
        self.path: Path | CohortFiles = file.path
        self.sample = file.sample
        for each in self.formats:
            say_losses(as_given(self.path), each["format"], tuple(each["does_not_hold"]))
        if self.sample is None:
            logger.warning("%s has no samples: the first ALT of every record is applied", as_given(self.path))

    @property
    def is_ingested(self) -> bool:
        """Whether the records are those of the file's store."""
        return isinstance(self._file, VariantStore)

    @property
    def index_is_older(self) -> bool:
        """Whether the file was written after its index."""
        return self._file.index_is_older

    @property
    def damage(self) -> list[str]:
        """What was found damaged in the file's store, a sentence each."""
        return [] if isinstance(self._file, VariantFile) else self._file.damage

    @property
    def formats(self) -> list[dict[str, Any]]:
        """What the file's format does not hold of a VCF, and what was met in it; empty for a VCF."""
        return formats_of(self._file)

    def file_contig(self, chrom: str) -> str:
        """How the file calls a contig of the FASTA; one that it lacks, as the FASTA does."""
        return self._contig_of.get(chrom, chrom)

    def has_contig(self, chrom: str) -> bool:
        """Whether the file has any record, of anybody, on a contig.

        A file of one chromosome is often headed by all of them, so that its index is asked and not its header.
        """
        if self._with_records is None:
            self._with_records = frozenset(self._file.indexed_contigs)
        return self._contig_of.get(chrom) in self._with_records

    def columns(self, chrom: str, start: int, end: int) -> Iterable[RecordColumns]:
        """Records that overlap [start, end) of a contig, in file order, some at a time; none of one the file lacks."""
        if chrom not in self._contig_of:
            return ()
        return self._file.columns(self._contig_of[chrom], start, end, needs_quality=self._needs_quality)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def matched_contigs(reference: ReferenceGenome, variants: OpenedGenotypes) -> dict[str, str]:
    """FASTA contig -> contig of the file of variants."""
    mapped = map_contigs(reference.contigs, variants.contigs, wanted_file=reference.path, available_file=variants.path)
    theirs, ours = identify_assembly(dict.fromkeys(variants.contigs, 0)), identify_assembly(reference.contigs)
    if variants.contigs and not mapped and theirs is not None and theirs != ours:
        raise AssemblyError(
            f"its contigs ({next(iter(variants.contigs))}, ...) are of {theirs}, {as_given(reference.path)} is "
            f"{ours or 'of another assembly'}",
            file=variants.path,
            remedy="Give the FASTA that the variants were called on, or lift them over.",
        )
    if variants.contigs and not mapped:
        raise ContigError(
            f"shares no contig with {as_given(reference.path)}: it has {', '.join(list(variants.contigs)[:3])}, "
            f"the FASTA has {', '.join(list(reference.contigs)[:3])}",
            file=variants.path,
            remedy="Rename the contigs (bcftools annotate --rename-chrs), or give the FASTA it was called on.",
        )
    for name, found in mapped.items():
        length = variants.contigs[found]
        if length is not None and length != reference.contigs[name]:
            assemblies = [
                identify_assembly({found: length}) or "unknown",
                identify_assembly(reference.contigs) or "unknown",
            ]
            raise AssemblyError(
                f"its header gives {found} {length} bases (assembly: {assemblies[0]}), "
                f"{as_given(reference.path)} has {reference.contigs[name]} (assembly: {assemblies[1]})",
                file=variants.path.headers[found] if isinstance(variants.path, CohortFiles) else variants.path,
                remedy="Give the FASTA that the variants were called on, or lift them over.",
            )
    return mapped
