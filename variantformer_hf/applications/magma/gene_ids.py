"""Which genes of a store are which of a GWAS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...genome.genes import GeneTable
from ...genome.table_files import text_lines

_GENE_COLUMNS, _ID_COLUMN = ("gene_id", "gene_name"), "entrez_id"
_REMEDY = f"Give a table with tabs: {' or '.join(_GENE_COLUMNS)} (Ensembl id, symbol) and {_ID_COLUMN}."


@dataclass(frozen=True, slots=True)
class GeneMatch:
    """Genes of a store by the ids of a GWAS.

    Attributes:
        ids: gene_id of the store -> id of the GWAS, each once.
        unknown: genes of the store that the GWAS has not, or the map has not.
        ambiguous: genes of the store that may be several genes of the GWAS, or that share one; they are left out.
    """

    ids: Mapping[str, str]
    unknown: int
    ambiguous: int


def read_gene_map(path: str | Path) -> dict[str, list[str]]:
    """Entrez id -> genes, of a table with tabs whose header names gene_id (or gene_name) and entrez_id.

    Rows without an id are left out: a gene may have none.

    Raises:
        InputError: it has other columns, a row is cut off, or none has an id.
    """
    lines = ((number, line.split("\t")) for number, line in enumerate(text_lines(path), 1) if line.strip())
    _, header = next(lines, (0, [""]))
    header = [name.strip() for name in header]
    gene_column = next((name for name in _GENE_COLUMNS if name in header), None)
    if gene_column is None or _ID_COLUMN not in header:
        raise InputError(f"has the columns {', '.join(header)}", file=path, remedy=_REMEDY)
    gene_place, id_place = header.index(gene_column), header.index(_ID_COLUMN)
    found: dict[str, list[str]] = {}
    for number, fields in lines:
        if len(fields) != len(header):
            problem = f"has {len(fields)} fields, and the header has {len(header)}"
            raise InputError(problem, file=path, record=f"line {number}", remedy=_REMEDY)
        gene, entrez = fields[gene_place].strip(), fields[id_place].strip()
        if gene and entrez not in ("", "NA"):
            found.setdefault(entrez, []).append(gene)
    if not found:
        raise InputError(f"no row has a gene and an {_ID_COLUMN}", file=path, remedy=_REMEDY)
    return found


def match_genes(genes: GeneTable, ids: Sequence[str], gene_map: Mapping[str, Sequence[str]] | None = None) -> GeneMatch:
    """The id of a GWAS of each gene: the Ensembl id, whatever its version, or the symbol, or what the map has for them.

    Args:
        genes: of a store.
        ids: of the GWAS.
        gene_map: of :func:`read_gene_map`; None = the GWAS has Ensembl ids or symbols.
    """
    of_gene: dict[str, list[str]] = {}
    shared: set[str] = set()
    for each in ids:
        names = [each] if gene_map is None else gene_map.get(each, ())
        found, _ = genes.resolve(names, most_suggested=0)
        for gene in found:
            of_gene.setdefault(gene.gene_id, []).append(each)
        if len(found) > 1:
            shared.update(gene.gene_id for gene in found)
    matched = {gene: found[0] for gene, found in of_gene.items() if len(found) == 1 and gene not in shared}
    return GeneMatch(matched, len(genes) - len(of_gene), len(of_gene) - len(matched))
