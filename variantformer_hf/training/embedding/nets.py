"""Elastic nets are fitted to vectors of people's genes: gene by gene, each into a file of its own."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...data.expression import Expression
from ...data.splits import Split
from ...run_key import run_key
from ...version import __version__
from ...whole_folders import replace_folder
from ...work import InProcess, Unit, check_all_done, run_units, unit_of
from ...work.units import Engine
from ...zoo.companions import table_digests
from ...zoo.embedding.net_recipe import NET, NetFit, NetRecipe, fit_net, net_model
from ...zoo.embedding_table import EmbeddingTable
from ..gene_fits import ValuesByGene, fit_file, read_fit, work_folder, write_fit
from .embedded_pairs import EmbeddingInputs, train_pairs


def fit_nets(
    recipe: NetRecipe,
    expression: Expression,
    split: Split,
    inputs: EmbeddingInputs,
    folder: str | Path,
    *,
    parts: str | Path,
    engine: Engine | None = None,
    on_gene: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Fit elastic nets to the people, and the genes, of the part ``train``.

    Args:
        recipe: see there.
        expression: values; a person's several in a tissue count as their mean.
        split: who is held out.
        inputs: vectors and genes.
        folder: of the model; made.
        parts: folder for genes that are done; the same call goes on from it, and removes it at the end.
        engine: where genes are fitted; None = in this process.
        on_gene: called with (done, total).

    Returns:
        The report, which the folder holds too: people, genes and values that were used, and the rest by reason.

    Raises:
        InputError: nobody to train on has a vector; a file cannot be read; ``parts`` is of another run.
    """
    found = train_pairs(expression, split, inputs)
    people = list(dict.fromkeys(found.embedded.pairs.donors[donor] for donor in found.embedded.pairs.donor.tolist()))
    values = ValuesByGene.of(found.embedded.pairs, people)
    genes = [gene for number, gene in enumerate(inputs.genes) if values.first[number] < values.first[number + 1]]
    fields = inputs.config_fields(Path(folder).absolute())
    described = {
        "version": __version__,
        "recipe": {"kind": NET, **asdict(recipe)},
        "vectors": inputs.table.sha256,
        "genes": table_digests(inputs.genes),
        "people": people,
        "values": values.digest(),
        "tissues": found.tissues,
    }
    work = work_folder(Path(parts).absolute(), run_key(described))
    values.save(work)
    gene_ids = tuple(gene.gene_id for gene in inputs.genes)
    job = NetJob(recipe, inputs.table.path, inputs.table.remedy, work, tuple(people), gene_ids, len(found.tissues))
    units = [unit_of("gene", gene.gene_id) for gene in genes]
    failed = run_units(
        job,
        units,
        is_done=lambda unit: fit_file(work, unit).is_file(),
        engine=engine or InProcess(),
        on_unit=on_gene,
    )
    check_all_done(failed, len(units))
    fits = []
    for unit in units:
        arrays, said = read_fit(fit_file(work, unit))
        fits.append(NetFit(arrays["weight"], arrays["intercept"], arrays["fitted"], said["rows"]))
    model = net_model(recipe, genes, fits, tissues=found.tissues, unit=expression.scale, fields=fields)
    report = {
        "kind": NET,
        "version": __version__,
        **found.counts(),
        "genes_x_tissues": dict(sorted(Counter(str(row["status"]) for fit in fits for row in fit.rows).items())),
        "recipe": described["recipe"],
    }

    def write(partial: Path) -> None:
        model.save(partial)
        (partial / "report.json").write_text(json.dumps(report, indent=2) + "\n")

    replace_folder(Path(folder), write)
    shutil.rmtree(parts, ignore_errors=True)
    return report


@dataclass(frozen=True)
class NetJob:
    """What each process of a fit opens.

    Attributes:
        recipe: how.
        vectors, remedy: see ``EmbeddingTable``.
        work: folder of the values and of the genes that are done.
        people: their names, by number.
        gene_ids: of the table of genes, in its order.
        n_outputs: how many.
    """

    recipe: NetRecipe
    vectors: Path
    remedy: str
    work: Path
    people: tuple[str, ...]
    gene_ids: tuple[str, ...]
    n_outputs: int

    def open(self) -> "NetWorker":
        """See ``Job``."""
        return NetWorker(self)


class NetWorker:
    """Fits genes.

    Args:
        job: what is fitted.
    """

    def __init__(self, job: NetJob) -> None:
        self._job = job
        self._table = EmbeddingTable(job.vectors, job.remedy)
        self._values = ValuesByGene.load(job.work)
        self._number = {gene_id: number for number, gene_id in enumerate(job.gene_ids)}

    def do(self, unit: Unit) -> None:
        """Fit a gene, see ``Worker``."""
        rows = self._values.rows(self._number[unit.content])
        people, person = np.unique(self._values.person[rows], return_inverse=True)
        whose = [(self._job.people[each], unit.content) for each in people.tolist()]
        fit = fit_net(
            self._job.recipe,
            np.stack(list(self._table.vectors(self._table.rows(whose)))),
            person.astype(np.int64),
            np.asarray(self._values.output[rows], dtype=np.int64),
            np.asarray(self._values.value[rows], dtype=np.float64),
            self._job.n_outputs,
        )
        arrays = {"weight": fit.weight, "intercept": fit.intercept, "fitted": fit.fitted}
        write_fit(fit_file(self._job.work, unit), arrays, {"rows": fit.rows})

    def close(self) -> None:
        """See ``Worker``."""
