"""Counted reads of haplotypes: phASER's tables, and the matrix of GTEx that was made of them.

Three layouts are told by their columns:

- ``*.haplotypic_counts.txt`` of phASER: a row a block of variants that reads have phased. Reads of the variants in a
  gene are added up over its blocks, as ``phaser_gene_ae.py`` does: each read once in a block, haplotypes A and B turned
  where the block lies the other way round in the phased VCF (``blockGWPhase``), and blocks whose place in it is not
  sure (``gwStat`` under 0.9, or ``0/1``) left out.
- what ``phaser_gene_ae.py`` writes: a row a gene; those that do not follow the VCF's phase (``gw_phased`` 0) are left
  out.
- the matrix of GTEx and of ``phaser_expr_matrix.py``: a row a gene, a column a sample, ``A|B``. Of its two files the
  one that is called ``gw_phased`` follows the VCF's phase.

In all of them A is the haplotype that stands first in the phased VCF that phASER was given, which is haplotype 1 here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError, check_number
from ...genome.contigs import bare_name
from ...genome.genes import Gene, GeneTable, stable_id
from ...genome.sample_names import gtex_donor
from ...genome.table_files import delimiter_of, fields_of, text_lines
from ...zoo.gene_model import GeneModel
from ...zoo.outputs import Tissue

_BLOCKS = ("contig", "variants", "aCount", "bCount", "blockGWPhase", "gwStat", "bam", "aReads", "bReads")
_GENES = ("name", "aCount", "bCount", "gw_phased", "bam")
_MATRIX = ("contig", "start", "stop", "name")
# The least confidence of a block's place in the phased VCF, as of ``phaser_gene_ae.py``.
_LEAST_GW_STAT = 0.9
_REMEDY = "Give phASER's haplotypic_counts.txt, what phaser_gene_ae.py writes, or GTEx's matrix (gw_phased)."
_CUT_SHORT = "It may be cut short: fetch it again."
_WHOSE = (("SAMPID", "SMTSD"), ("id", "sample", "tissue"))
_SHOWN = 3

Key = tuple[str, str, str]


@dataclass(frozen=True)
class CountFiles:
    """Files of counts.

    Attributes:
        paths: of phASER's tables.
        samples: a table that says whose, and of which tissue, each column or BAM of them is: GTEx's sample attributes
            (SAMPID, SMTSD), or id, sample and tissue; None = the only one there is is of the only person and tissue
            asked for.
        min_reads: of both haplotypes together, that a ratio needs.
    """

    paths: Sequence[str | Path]
    samples: str | Path | None = None
    min_reads: int = 8


@dataclass(frozen=True)
class HaplotypeCounts:
    """Counted reads.

    Attributes:
        paths: they came from.
        min_reads: that a ratio needs.
        of: (sample, gene id, tissue), as they are asked for -> reads of haplotype 1 and 2.
        left_out: reason -> rows, or in a matrix values.
    """

    paths: Sequence[str | Path]
    min_reads: int
    of: Mapping[Key, tuple[int, int]]
    left_out: Mapping[str, int]


def read_counts(
    files: CountFiles, samples: Sequence[str], genes: Sequence[Gene], tissues: Sequence[Tissue], model: GeneModel
) -> HaplotypeCounts:
    """Read counts of the people, genes and tissues that are asked for.

    Args:
        files: of counts.
        samples, genes, tissues: asked for.
        model: by whose names tissues are known.

    Raises:
        InputError: a file is of no such layout, damaged, or does not follow a VCF's phase; it is not known whose a
            column is; counts of one person, gene and tissue twice; nothing of what is asked for is there.
    """
    check_number("the least number of reads (--min-reads)", files.min_reads, 1)
    reader = _Reader(_whose(files, samples, tissues, model), genes)
    for path in files.paths:
        reader.read(Path(path))
    if not reader.found:
        raise InputError(
            f"has no count of a person, gene and tissue asked for: it has {_shown(reader.columns)} of the genes "
            f"{_shown(reader.names)}; asked for are {_shown(samples)} and {_shown([gene.gene_id for gene in genes])}",
            file=files.paths[0],
            remedy="Ask for people, genes and tissues that were counted; --counts-samples says whose a column is.",
        )
    return HaplotypeCounts(files.paths, files.min_reads, reader.found, dict(sorted(reader.left_out.items())))


def _shown(names: Sequence[str] | Mapping[str, None]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (", ..." if len(listed) > _SHOWN else "") if listed else "none"


Whose = Callable[[str, Path], tuple[str, str] | None]


def _whose(files: CountFiles, samples: Sequence[str], tissues: Sequence[Tissue], model: GeneModel) -> Whose:
    """Name of a column or BAM -> the person and the tissue that it is of; None = not asked for."""
    if files.samples is not None:
        known = _read_samples(Path(files.samples), model)
        people, wanted = set(samples), {tissue.name for tissue in tissues}

        def of_table(name: str, path: Path) -> tuple[str, str] | None:
            found = known.get(name)
            return found if found is not None and found[0] in people and found[1] in wanted else None

        return of_table
    seen: dict[str, None] = {}

    def the_only_one(name: str, path: Path) -> tuple[str, str] | None:
        seen[name] = None
        if len(seen) > 1 or len(samples) > 1 or len(tissues) > 1:
            raise InputError(
                f"does not say whose {name} is: {len(samples)} people and {len(tissues)} tissues are asked for"
                + (f", and it is not the only one ({next(iter(seen))}, ...)" if len(seen) > 1 else ""),
                file=path,
                remedy="Give a table with id, sample and tissue, or GTEx's sample attributes: --counts-samples.",
            )
        return samples[0], tissues[0].name

    return the_only_one


def _read_samples(path: Path, model: GeneModel) -> dict[str, tuple[str, str]]:
    """Name of a column or BAM -> person and tissue, of those whose tissue the model has."""
    table = _Lines(path)
    names = table.names
    columns = next((each for each in _WHOSE if set(each) <= set(names)), None)
    if columns is None:
        raise InputError(
            f"has the columns {', '.join(names[:8])}",
            file=path,
            remedy="Give GTEx's sample attributes (SAMPID, SMTSD), or a table with id, sample and tissue.",
        )
    tissue_of: dict[str, str | None] = {}
    line_of: dict[str, int] = {}
    found: dict[str, tuple[str, str]] = {}
    for number, line in table:
        row = dict(zip(names, table.fields(number, line), strict=True))
        name, given = row[columns[0]], row[columns[-1]]
        if name in line_of:
            raise table.error(number, f"{name} stands in line {line_of[name]} too", "Keep one of them.")
        line_of[name] = number
        if given not in tissue_of:
            resolved, _ = model.tissue_names.resolve([given], most_suggested=0)
            tissue_of[given] = resolved[0].name if resolved else None
        tissue = tissue_of[given]
        if tissue is not None:
            found[name] = (row["sample"] if "sample" in columns else gtex_donor(name)), tissue
    return found


class _Lines:
    """A table's lines behind its first, numbered from 1.

    Attributes:
        path: of the file.
        names: of its columns.
        delimiter: of its fields.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = enumerate(text_lines(path), start=1)
        _, head = next(self._lines, (1, ""))
        self.delimiter = delimiter_of(head)
        self.names = [name.removeprefix("#") for name in fields_of(head, self.delimiter)]

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return ((number, line) for number, line in self._lines if line)

    def fields(self, number: int, line: str) -> list[str]:
        """Fields of a line, as many as there are columns.

        Raises:
            InputError: it has more or fewer.
        """
        fields = line.split(self.delimiter)
        if len(fields) != len(self.names):
            raise self.error(number, f"has {len(fields)} fields, and the first line {len(self.names)}", _CUT_SHORT)
        return fields

    def count(self, number: int, text: str) -> int:
        """A number of reads.

        Raises:
            InputError: it is none.
        """
        if not text.isdecimal():
            raise self.error(number, f"the count is {text[:20]!r}", "Counts are whole numbers.")
        return int(text)

    def error(self, number: int | None, problem: str, remedy: str) -> InputError:
        """What is wrong with a line."""
        record = None if number is None else f"line {number}"
        return InputError(problem, file=self.path, record=record, remedy=remedy)


class _Reader:
    """Reads files one after the other.

    Args:
        whose: see :func:`_whose`.
        genes: asked for.

    Attributes:
        found: counts of what is asked for.
        left_out: reason -> rows.
        columns, names: of columns or BAMs, and of the first genes, that were met, for messages.
    """

    def __init__(self, whose: Whose, genes: Sequence[Gene]) -> None:
        self._whose = whose
        self._gene_of = {stable_id(gene.gene_id): gene.gene_id for gene in genes}
        self._genes = GeneTable(genes)
        self._contig_of = {bare_name(gene.chrom): gene.chrom for gene in genes}
        self.found: dict[Key, tuple[int, int]] = {}
        self.left_out: Counter[str] = Counter()
        self.columns: dict[str, None] = {}
        self.names: dict[str, None] = {}

    def read(self, path: Path) -> None:
        """Read a file of any of the layouts."""
        table = _Lines(path)
        if set(_BLOCKS) <= set(table.names):
            self._read_blocks(table)
        elif set(_GENES) <= set(table.names):
            self._read_genes(table)
        elif tuple(table.names[: len(_MATRIX)]) == _MATRIX and "aCount" not in table.names:
            self._read_matrix(table)
        else:
            raise InputError(
                f"is none of phASER's tables of haplotypes: it has the columns {', '.join(table.names[:12])}",
                file=path,
                remedy=_REMEDY,
            )

    def _read_matrix(self, table: _Lines) -> None:
        if "gw_phased" not in table.path.name:
            raise InputError(
                "is a matrix whose name does not say that its haplotypes follow the phased VCF (gw_phased)",
                file=table.path,
                remedy="Give the file of the same name with gw_phased; in the other A and B are arbitrary.",
            )
        wanted = {}
        for column in range(len(_MATRIX), len(table.names)):
            whose = self._asked(table.names[column], table)
            if whose is not None:
                wanted[column] = whose
        for number, line in table:
            gene_id = self._gene(line.split(table.delimiter, len(_MATRIX))[len(_MATRIX) - 1 :][0])
            if gene_id is None:
                continue
            fields = table.fields(number, line)
            for column, (sample, tissue) in wanted.items():
                first, _, second = fields[column].partition("|")
                counts = table.count(number, first), table.count(number, second)
                self._add((sample, gene_id, tissue), counts, table, number)

    def _read_genes(self, table: _Lines) -> None:
        name, first, second, gw_phased, bam = (table.names.index(each) for each in _GENES)
        for number, line in table:
            fields = table.fields(number, line)
            whose, gene_id = self._asked(fields[bam], table), self._gene(fields[name])
            if gene_id is None or whose is None:
                continue
            counts = table.count(number, fields[first]), table.count(number, fields[second])
            if fields[gw_phased] != "1":
                self.left_out["not_gw_phased"] += sum(counts) > 0
                continue
            self._add((whose[0], gene_id, whose[1]), counts, table, number)

    def _read_blocks(self, table: _Lines) -> None:
        sums: dict[Key, list[int]] = {}
        for number, line in table:
            row = dict(zip(table.names, table.fields(number, line), strict=True))
            whose, contig = self._asked(row["bam"], table), self._contig_of.get(bare_name(row["contig"]))
            n_reads = sum(table.count(number, row[name]) for name in ("aCount", "bCount"))
            if whose is None or contig is None or not n_reads:
                continue
            places = [_position(name, table, number) for name in row["variants"].split(",")]
            for gene in self._genes.overlapping(contig, min(places) - 1, max(places) + 1):
                inside = [index for index, place in enumerate(places) if gene.start <= place <= gene.end]
                if not inside:
                    continue
                if row["blockGWPhase"] not in ("0|1", "1|0") or _confidence(row, table, number) < _LEAST_GW_STAT:
                    self.left_out["not_gw_phased"] += 1
                    continue
                reads = [_reads(row, letter, inside, len(places), table, number) for letter in "ab"]
                total = sums.setdefault((whose[0], gene.gene_id, whose[1]), [0, 0])
                for side, count in enumerate(reads if row["blockGWPhase"] == "0|1" else reversed(reads)):
                    total[side] += count
        for key, (first, second) in sums.items():
            self._add(key, (first, second), table, None)

    def _asked(self, column: str, table: _Lines) -> tuple[str, str] | None:
        self.columns.setdefault(column)
        return self._whose(column, table.path)

    def _gene(self, name: str) -> str | None:
        if len(self.names) <= _SHOWN:
            self.names.setdefault(name)
        return self._gene_of.get(stable_id(name))

    def _add(self, key: Key, counts: tuple[int, int], table: _Lines, number: int | None) -> None:
        if key in self.found:
            problem = f"counts {key[1]} of {key[0]}, {key[2]}, a second time"
            raise table.error(number, problem, "Give one sample a person and tissue.")
        self.found[key] = counts


def _reads(
    row: Mapping[str, str], letter: str, inside: Sequence[int], n_variants: int, table: _Lines, number: int
) -> int:
    """Reads of a haplotype of a block, of some of its variants, each read once."""
    if n_variants == 1:
        return table.count(number, row[f"{letter}Count"])
    of_each = row[f"{letter}Reads"].split(";")
    if len(of_each) != n_variants:
        problem = f"has {n_variants} variants, and reads of {len(of_each)} in {letter}Reads"
        raise table.error(number, problem, "Make it again with phASER 1.0 or later.")
    return len({read for place in inside for read in of_each[place].split(",") if read})


def _confidence(row: Mapping[str, str], table: _Lines, number: int) -> float:
    try:
        return float(row["gwStat"])
    except ValueError:
        problem = f"gwStat is {row['gwStat'][:20]!r}"
        raise table.error(number, problem, "It is a number from 0.5 to 1.") from None


def _position(name: str, table: _Lines, number: int) -> int:
    """1-based position of a variant that phASER calls ``contig_position_ref_alt``."""
    parts = name.rsplit("_", 3)
    if len(parts) == 4 and parts[1].isdecimal():
        return int(parts[1])
    raise table.error(
        number,
        f"the variant {name[:40]!r} is no contig_position_ref_alt",
        "Run phASER with --unique_ids 1 and --id_separator _.",
    )
