"""What a checkpoint of a model of people's expression does not give, or gives pickled: tissues, genes, the window."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..folder import GENES_FILE
from ..genome.gene_lists import read_gene_names
from ..genome.genes import GeneTable
from ..zoo.companions import write_companions
from .planned import ConversionRequest
from .published_tensors import PublishedTensors

FILES, OPTIONS = ("genes", "trained_genes"), ("tissue", "window")


@dataclass(frozen=True, slots=True)
class ExpressionTables:
    """What a conversion was given beside the weights.

    Attributes:
        tissues: names of the outputs, in their order.
        genes: the table of genes, with their TSS.
        trained: a list of the genes that it was trained on; None = none is asked for.
        window: bases that it reads; None = as most.
    """

    tissues: tuple[str, ...]
    genes: Path
    trained: Path | None
    window: int | None

    @classmethod
    def of(cls, request: ConversionRequest, kind: str, *, trained: bool) -> "ExpressionTables":
        """Those of a request.

        Args:
            request: as the command was called.
            kind: of the files, for messages.
            trained: whether the list of genes is needed.

        Raises:
            InputError: one is missing; a tissue is named twice, or the window is no number of bases.
        """
        tissues = tuple(request.options.get("tissue", ()))
        genes, listed = (request.files.get(name) for name in FILES)
        wanted = {"--tissue NAME": bool(tissues), "--genes FILE": genes is not None}
        if trained:
            wanted["--trained-genes FILE"] = listed is not None
        missing = [name for name, given in wanted.items() if not given]
        if missing or genes is None:
            raise InputError(
                f"files of the kind {kind!r} do not say which tissues and genes they are of: {', '.join(missing)} "
                "needed",
                remedy="Name the tissues in the order of the outputs, and the table of genes, such as a GTF.",
            )
        if len(set(tissues)) != len(tissues):
            raise InputError(f"--tissue names one twice: {', '.join(tissues)}", remedy="Name each once.")
        window = request.options.get("window")
        return cls(tissues, genes, listed, None if window is None else int(window))

    def check_outputs(self, source: PublishedTensors, name: str, axes: int) -> None:
        """Hold the tissues to the outputs of a tensor.

        Raises:
            InputError: it has another number of them; as for ``PublishedTensors.shape``.
        """
        outputs = source.shape(name, axes)[0]
        if outputs != len(self.tissues):
            raise InputError(
                f"{name} has {outputs} outputs, and --tissue names {len(self.tissues)}: {', '.join(self.tissues)}",
                file=source.path,
                remedy="Name as many tissues, in the order in which it was trained.",
            )

    def read(self) -> tuple[GeneTable, list[str]]:
        """The table, and ids of the genes that the model was trained on; [] where no list is given.

        Raises:
            InputError: a file cannot be read; a gene of the list is not in the table.
        """
        table = GeneTable.read(self.genes)
        if self.trained is None:
            return table, []
        found, rejected = table.resolve(read_gene_names(self.trained))
        if rejected:
            named = ", ".join(each.name for each in rejected[:5])
            raise InputError(
                f"{len(rejected)} genes are not in {self.genes.name}: {named}{', ...' if len(rejected) > 5 else ''}",
                file=self.trained,
                remedy="Give the table of genes that it was trained with.",
            )
        return table, [gene.gene_id for gene in found]


def write_gene_table(folder: Path, table: GeneTable) -> None:
    """Write the genes into a folder whose weights and config are there, with the hashes of all."""
    table.save(folder / GENES_FILE)
    write_companions(folder, (GENES_FILE,))
