"""Which genes and tissues a run predicts, and what was asked for but cannot be had."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError
from ..genome.genes import Gene
from ..genome.names import MOST_SUGGESTED, Rejected
from ..zoo.assembly import why_not_made_for
from ..zoo.outputs import Tissue

if TYPE_CHECKING:
    import pandas as pd

    from ..zoo.gene_model import GeneModel

logger = logging.getLogger(__name__)

# A file that is no list of names has long ones.
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class RejectedName:
    """A gene or tissue that was asked for and cannot be predicted.

    Attributes:
        kind: ``"gene"`` or ``"tissue"``.
        name: as it was asked for.
        reason: why not.
        suggestions: names that exist and are close.
    """

    kind: str
    name: str
    reason: str
    suggestions: tuple[str, ...] = ()

    def __str__(self) -> str:
        hint = f" (did you mean {', '.join(self.suggestions)}?)" if self.suggestions else ""
        name = self.name if len(self.name) <= _LONGEST_NAME else f"{self.name[:_LONGEST_NAME]}..."
        return f"{self.kind} {name!r}: {self.reason}{hint}"


def rejected_names(kind: str, unknown: Iterable[Rejected]) -> list[RejectedName]:
    """What a table of names does not know, as names that are rejected."""
    return [RejectedName(kind, each.name, each.reason, tuple(each.suggestions)) for each in unknown]


class RejectedQueryError(InputError):
    """Genes or tissues that were asked for cannot be predicted, and the run was not told to go on without them.

    Args:
        rejected: one entry per name.
        remedy: what to do.

    Attributes:
        rejected: one entry per name.
    """

    def __init__(self, rejected: Sequence[RejectedName], remedy: str = "Correct them.") -> None:
        self.rejected = tuple(rejected)
        shown = "; ".join(str(entry) for entry in self.rejected[:5])
        more = f"; and {len(self.rejected) - 5} more" if len(self.rejected) > 5 else ""
        super().__init__(
            f"{len(self.rejected)} of the names asked for cannot be predicted: {shown}{more}",
            remedy=remedy,
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.rejected, self.remedy)


@dataclass(frozen=True, slots=True)
class Query:
    """What a run predicts.

    Attributes:
        genes: the genes, in the order asked for (all genes: the table's order).
        tissues: the tissues, likewise.
        rejected: names asked for that cannot be predicted.
        left_out: genes of the table that a run over all genes leaves out, by reason.
    """

    genes: list[Gene]
    tissues: list[Tissue]
    rejected: list[RejectedName]
    left_out: dict[str, int]


def resolve_query(
    genes: Sequence[str] | None,
    tissues: Sequence[str] | None,
    *,
    model: "GeneModel",
    contig_of: dict[str, str],
    suggest: bool = True,
) -> Query:
    """Look up what was asked for; without names, all genes and all named tissues.

    Args:
        genes: symbols or Ensembl ids, version optional; None = all genes of the table.
        tissues: released names, GTEx names or ontology ids; None = all tissues with a name.
        model: whose genes and tissues.
        contig_of: contig of the gene table -> contig of the FASTA, for those the FASTA has.
        suggest: say what unknown names may stand for; a look-up takes milliseconds.

    Raises:
        InputError: the model names no output at all.
    """
    if not model.tissue_names.named:
        raise InputError(
            "the model names none of its outputs", remedy="Name them in its config.json: tissues, a list by id."
        )
    rejected: list[RejectedName] = []
    left_out: dict[str, int] = {}
    if genes is None:
        found_genes = []
        for gene in model.gene_table:
            reason = _why_not(gene, model, contig_of)
            if reason is None:
                found_genes.append(gene)
            else:
                left_out[reason] = left_out.get(reason, 0) + 1
        for reason, count in left_out.items():
            logger.warning("%d of the model's genes are left out: %s", count, reason)
    else:
        named, unknown = model.gene_table.resolve(genes, most_suggested=MOST_SUGGESTED if suggest else 0)
        rejected += rejected_names("gene", unknown)
        reasons = [(gene, _why_not(gene, model, contig_of)) for gene in named]
        found_genes = [gene for gene, reason in reasons if reason is None]
        rejected += [RejectedName("gene", gene.gene_id, reason) for gene, reason in reasons if reason is not None]
    if tissues is None:
        found_tissues = list(model.tissue_names.named)
    else:
        found_tissues, unknown_tissues = model.tissue_names.resolve(
            tissues, most_suggested=MOST_SUGGESTED if suggest else 0
        )
        rejected += rejected_names("tissue", unknown_tissues)
    return Query(found_genes, found_tissues, rejected, left_out)


def rejected_table(rejected: Sequence[RejectedName]) -> "pd.DataFrame":
    """The rejected names as a table: kind, name, reason, suggestions (joined by ';')."""
    import pandas as pd

    rows = [(entry.kind, entry.name, entry.reason, ";".join(entry.suggestions)) for entry in rejected]
    return pd.DataFrame(rows, columns=["kind", "name", "reason", "suggestions"])


def _why_not(gene: Gene, model: "GeneModel", contig_of: dict[str, str]) -> str | None:
    reason = why_not_made_for(gene.chrom, model.chromosomes)
    if reason is None and gene.chrom not in contig_of:
        return f"the FASTA has no contig {gene.chrom}"
    return reason
