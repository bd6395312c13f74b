"""A finished dataset of predictions, read in parts: some people, genes and tissues at a time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..genome.genes import Gene
from ..genome.sample_names import chosen_samples
from ..zoo.outputs import TissueNames
from ..zoo.units import Unit
from .predicted import PredictedGenes
from .prediction import check_table_memory, gene_table, tidy_table
from .query import RejectedQueryError, rejected_names
from .run_folder import MANIFEST_FILE, REJECTED_FILE, REPORT_FILE, RunFolder
from .run_limits import RunLimits

if TYPE_CHECKING:
    import pandas as pd

_SAME_COMMAND = "Start the command that writes it again: it goes on with what is missing."


@dataclass(frozen=True, slots=True)
class DatasetPart:
    """A part of a dataset, in memory.

    Attributes:
        predictions: of the people, genes and tissues asked for, in the order in which they were.
        samples, genes, tissues: whose they are.
        unit: of the predictions.
    """

    predictions: PredictedGenes
    samples: Sequence[str]
    genes: Sequence[Gene]
    tissues: Sequence[str]
    unit: Unit

    def table(self) -> "pd.DataFrame":
        """One row per sample, gene and tissue, see ``PredictionResult.table``."""
        return tidy_table(self.predictions, self.samples, self.genes, self.tissues, self.unit)

    def gene_table(self) -> "pd.DataFrame":
        """One row per sample and gene, see ``PredictionResult.genes``."""
        return gene_table(self.predictions, self.samples, self.genes)


class PredictionDataset:
    """A dataset that ``variantformer predict -o FOLDER/`` (or ``write_dataset``) has finished.

    Nothing is held of it but names; what is asked for is read from the files that have it.

    Args:
        place: the folder.

    Attributes:
        place: as it was given.
        samples, genes, tissues: what it holds predictions of, in the order of the run.
        unit: of the predictions.
        layout: how it lies on disk, see ``write_dataset``.

    Raises:
        InputError: there is none, or it is not finished or damaged.
    """

    def __init__(self, place: str | Path) -> None:
        self.place, self._folder = place, RunFolder.at(place)
        contents = self._folder.contents
        self.samples, self.genes, self.tissues = contents.samples, contents.gene_table, contents.tissues
        self.unit, self.layout = contents.unit, contents.layout
        self._manifest = self._read_manifest()

    def __len__(self) -> int:
        """Rows: samples x genes x tissues."""
        return int(self._manifest["rows"])

    @property
    def report(self) -> dict[str, Any]:
        """The match report and the run's provenance."""
        return dict(json.loads(self._folder.files.read(REPORT_FILE)))

    @property
    def rejected(self) -> str:
        """Names that were asked for and not predicted, as TSV; "" where there are none."""
        files = self._folder.files
        return files.read(REJECTED_FILE).decode() if files.has(REJECTED_FILE) else ""

    @property
    def metadata(self) -> dict[str, Any]:
        """What the numbers were made with, as it is stored in tables."""
        return {key: self.report[key] for key in ("package", "model", "inputs", "settings", "unit", "units")}

    def to_pandas(
        self,
        genes: Sequence[str] | None = None,
        samples: Sequence[str] | None = None,
        tissues: Sequence[str] | None = None,
    ) -> "pd.DataFrame":
        """A part as one table; arguments and errors as for :meth:`part`.

        Returns:
            One row per sample, gene and tissue, as ``ExpressionPredictor.predict`` gives it.
        """
        return self.part(genes=genes, samples=samples, tissues=tissues).table()

    def part(
        self,
        *,
        genes: Sequence[str] | None = None,
        samples: Sequence[str] | None = None,
        tissues: Sequence[str] | None = None,
        limits: RunLimits | None = None,
        layout: str = "tidy",
    ) -> DatasetPart:
        """Read a part.

        Args:
            genes: symbols or Ensembl ids (version optional); None = all.
            samples: names; None = all.
            tissues: released names, GTEx names or ontology ids; None = all.
            limits: of memory; None = :class:`RunLimits` as it is.
            layout: in which the table will be written (``tidy``, ``wide``, ``h5ad``, ``predixcan``).

        Raises:
            RejectedQueryError: genes or tissues that it does not hold.
            SampleError: samples that it does not hold.
            InputError: the part's table would take too much memory; a file of it is damaged or gone.
        """
        people, found_genes, found_tissues = self._places(genes, samples, tissues)
        check_table_memory(
            len(people),
            len(found_genes),
            len(found_tissues),
            (limits or RunLimits()).table_memory,
            "Ask for fewer genes, samples or tissues at a time.",
            layout,
        )
        whole = PredictedGenes.empty(people, found_genes, len(found_tissues))
        wanted = set(found_genes)
        with_some = {number for number, of in enumerate(self._manifest["stretches"]) if not wanted.isdisjoint(of)}
        asked = np.zeros(len(self.samples), dtype=bool)
        asked[people] = True
        for unit in self._manifest["listed"]:
            if unit["stretch"] in with_some and asked[slice(*unit["people"])].any():
                notes = self._folder.notes(unit["name"])
                if notes is None:
                    raise InputError(
                        f"the notes of its unit {unit['name']} are damaged or gone",
                        file=self._folder.files,
                        remedy=_SAME_COMMAND,
                    )
                whole.put(self._folder.predictions(notes), np.asarray(found_tissues))
        return DatasetPart(
            whole,
            [self.samples[person] for person in people],
            [self.genes.genes[gene] for gene in found_genes],
            [self.tissues[tissue] for tissue in found_tissues],
            self.unit,
        )

    def sample_counts(self) -> "pd.DataFrame":
        """One row per sample and contig: what became of its records, and how its genes ended (``_samples``)."""
        import pandas as pd
        import pyarrow as pa

        names = self.report["samples"]["tables"]  # not what else may lie there
        tables = [pa.ipc.open_file(self._folder.files.read(name)).read_all() for name in names]
        return pd.concat([table.to_pandas() for table in tables], ignore_index=True)

    def _places(
        self, genes: Sequence[str] | None, samples: Sequence[str] | None, tissues: Sequence[str] | None
    ) -> tuple[list[int], list[int], list[int]]:
        """Numbers in the run of what is asked for."""
        rejected = []
        people, gene_places = list(range(len(self.samples))), list(range(len(self.genes)))
        tissue_places = list(range(len(self.tissues)))
        if genes is not None:
            found, unknown = self.genes.resolve(genes)
            rejected += rejected_names("gene", unknown)
            place_of = {gene.gene_id: place for place, gene in enumerate(self.genes)}
            gene_places = [place_of[gene.gene_id] for gene in found]
        if tissues is not None:
            named, others = TissueNames(list(self.tissues)).resolve(tissues)
            rejected += rejected_names("tissue", others)
            tissue_places = [tissue.id for tissue in named]
        if rejected:
            raise RejectedQueryError(rejected, f"The dataset {self._folder.files} holds what it was made of.")
        if samples is not None:
            number_of = {name: number for number, name in enumerate(self.samples)}
            people = [number_of[name] for name in chosen_samples(self._folder.files, self.samples, samples)]
        return people, gene_places, tissue_places

    def _read_manifest(self) -> dict[str, Any]:
        files = self._folder.files
        try:
            manifest = json.loads(files.read(MANIFEST_FILE))
            if manifest["key"] == self._folder.contents.key:
                return dict(manifest)
        except FileNotFoundError:
            raise InputError(f"is not finished: it has no {MANIFEST_FILE}", file=files, remedy=_SAME_COMMAND) from None
        except (ValueError, KeyError, TypeError):
            pass
        raise InputError(f"its {MANIFEST_FILE} is damaged", file=files, remedy=_SAME_COMMAND)
