"""A folder of random forests, one of each gene and tissue: what ``risk train`` writes, and the released ones."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote

import numpy as np
from safetensors import SafetensorError, safe_open

from ...errors import InputError
from ...files import whole_file
from ...genome.genes import stable_id
from ...zoo.outputs import RELEASED_TISSUES
from .forests import GeneForests

if TYPE_CHECKING:
    import pandas as pd

Result = TypeVar("Result")
RESEARCH_USE = (
    "Research use only. A probability here is a classifier's score in a case-control sample, not a person's risk of "
    "disease: it depends on the share of cases in that sample."
)
FORESTS_FILE, UNITS_FILE, DONORS_FILE = "forests.json", "units.tsv", "donors.tsv"
# Columns of units.tsv, and their types as pandas reads them.
UNIT_COLUMNS = {
    "gene_id": "object",
    "gene_name": "object",
    "tissue": "object",
    "rank": "Int64",
    "kept": "boolean",
    "cv_auroc": "float64",
    "cv_auprc": "float64",
    "n_trees": "Int64",
    "max_depth": "Int64",
    "n_train": "Int64",
    "base_rate": "float64",
    "status": "object",
}
# Names in the metadata of a gene's file: the SNPs that are its features, and the calibration of each unit.
_SNPS, _CALIBRATION = "snps", "calibration"
# Parts of donors.tsv.
TRAIN, HELD_OUT = "train", "held_out"
_FORMAT, _SUFFIX = 1, ".safetensors"
_REMEDY = "Give the folder of `variantformer risk train`, or of `variantformer artifacts forests`."
# Of the released forests: 215 cases of 370 donors (VariantFormer, 3.3).
_RELEASED_BASE_RATE = 0.58


@dataclass(frozen=True, slots=True)
class ForestsDescription:
    """What the forests of a folder were trained on, and how; as ``forests.json`` has it.

    Attributes:
        phenotype: what label 1 means, in the user's words.
        features: ``embeddings`` of a model, or ``genotypes``: dosages of a gene's SNPs.
        model: name and sha256 of the model of the embeddings, as in ``store.json``; None = genotypes.
        precision: in which the embeddings were made; None = genotypes.
        width: numbers in an embedding; 0 = genotypes, of which each gene has as many as SNPs.
        tissues: names by the number that the files of genes have; None = a row without a name; () = genes alone.
        base_rate: share of cases among the donors trained on.
        n_train, n_cases: donors trained on, and cases among them; None = not known.
        trees, depths: the grid.
        folds: of the cross-validation.
        seed: of folds and forests.
        rank_by: ``auroc`` or ``auprc``, cross-validated.
        top: units that are kept.
        version: of this package.
    """

    phenotype: str
    features: str
    model: Mapping[str, str] | None
    precision: str | None
    width: int
    tissues: Sequence[str | None]
    base_rate: float
    n_train: int | None = None
    n_cases: int | None = None
    trees: Sequence[int] = ()
    depths: Sequence[int] = ()
    folds: int | None = None
    seed: int | None = None
    rank_by: str | None = None
    top: int | None = None
    version: str | None = None
    research_use: str = field(default=RESEARCH_USE)


RELEASED = ForestsDescription(
    phenotype="Alzheimer's disease",
    features="embeddings",
    model={"name": "VariantFormer PCG", "sha256": ""},
    precision="released",
    width=1_536,
    tissues=RELEASED_TISSUES,
    base_rate=_RELEASED_BASE_RATE,
)


@dataclass(frozen=True, slots=True)
class SnpFeatures:
    """The SNPs whose dosages are a gene's features.

    Attributes:
        variants: ``CHROM:POS:REF:ALT``, 1-based.
        means: mean dosage among the donors trained on, which stands for what is missing.
    """

    variants: Sequence[str]
    means: Sequence[float]


class RiskForests:
    """Forests of a folder: those of ``risk train``, or the released ones as ``artifacts forests`` converts them.

    Args:
        folder: the folder.

    Attributes:
        folder: the folder.
        description: what they were trained on.
        is_released: the folder has no ``forests.json``: it is of the released forests.
        gene_ids: ids of the genes that have a file, by name of the file.

    Raises:
        InputError: it holds no forests, is not finished, or is damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._files = {
            unquote(path.name.removesuffix(_SUFFIX)): path for path in sorted(self.folder.glob(f"*{_SUFFIX}"))
        }
        self.is_released = not (self.folder / FORESTS_FILE).is_file()
        if self.is_released and (not self._files or (self.folder / UNITS_FILE).exists()):
            raise InputError("holds no forests, or is not finished", file=folder, remedy=_REMEDY)
        self.description = RELEASED if self.is_released else _read_description(self.folder / FORESTS_FILE)
        self.gene_ids = list(self._files)
        self._id_of = {stable_id(gene_id): gene_id for gene_id in self.gene_ids}

    @classmethod
    def open(cls, folder: str | Path) -> "RiskForests":
        """The forests of a folder; errors as for the class."""
        return cls(folder)

    @cached_property
    def units(self) -> "pd.DataFrame":
        """A row a unit, in the columns of ``UNIT_COLUMNS``; of released forests only gene and tissue are known.

        Raises:
            InputError: the table is damaged; of released forests, a file is.
        """
        import pandas as pd

        if not self.is_released:
            return _read_units(self.folder / UNITS_FILE)
        rows = [(gene_id, gene_id, tissue) for gene_id in self.gene_ids for tissue in self.tissues_of(gene_id)]
        found = pd.DataFrame(rows, columns=["gene_id", "gene_name", "tissue"]).reindex(columns=list(UNIT_COLUMNS))
        return found.assign(base_rate=self.description.base_rate, status="ok").astype(UNIT_COLUMNS)

    def file_of(self, gene_id: str) -> Path | None:
        """The file of a gene's forests; a version of the id is forgiven. None = it has none."""
        known = self._id_of.get(stable_id(gene_id))
        return None if known is None else self._files[known]

    def tissues_of(self, gene_id: str) -> list[str | None]:
        """Tissues in which a gene has a forest, by their numbers; None stands for the gene alone; no forest is read.

        Raises:
            InputError: its file is damaged.
        """
        found = self.of_gene(gene_id)
        return [] if found is None else list(found.tissues)

    def forest(self, gene_id: str, tissue: str | None = None) -> dict[str, np.ndarray]:
        """The arrays of one unit, see :func:`~variantformer_hf.applications.risk.forests.packed_forest`.

        Args:
            gene_id: version optional.
            tissue: as ``description.tissues`` spells it; None = the gene alone.

        Raises:
            InputError: there is no such unit, or its file is damaged.
        """
        found = self.forests(gene_id).get(tissue)
        if found is None:
            raise InputError("has no forest of this unit", file=self.folder, record=_named(gene_id, tissue))
        return found

    def forests(self, gene_id: str) -> dict[str | None, dict[str, np.ndarray]]:
        """Tissue -> arrays of all units of a gene, whose file is read once; {} where it has none.

        Raises:
            InputError: its file is damaged.
        """
        found = self.of_gene(gene_id)
        return {} if found is None else found.forests()

    def of_gene(self, gene_id: str) -> GeneForests | None:
        """The forests of a gene as they lie in its file, with the names of their tissues; None = it has none.

        Raises:
            InputError: its file is damaged.
        """
        path = self.file_of(gene_id)
        if path is None:
            return None
        found = GeneForests.open(path)
        return replace(found, tissues=[self._tissue(number, path) for number in found.tissues])

    def snps(self, gene_id: str) -> SnpFeatures | None:
        """The SNPs whose dosages a gene's features are; None = embeddings, or there is no such gene.

        Raises:
            InputError: its file is damaged.
        """
        return self._noted(gene_id, _SNPS, lambda found: SnpFeatures(list(found["variants"]), list(found["means"])))

    def calibration(self, gene_id: str, tissue: str | None = None) -> dict[str, Any] | None:
        """Reliability and Brier score of a unit's cross-validated predictions, of donors left out of each fold.

        As :func:`~variantformer_hf.evaluation.calibration.calibration` has them; None = not known, as of the released
        forests.

        Raises:
            InputError: its file is damaged.
        """
        number = str(self.number_of(tissue))
        return self._noted(gene_id, _CALIBRATION, lambda found: dict(found[number]) if number in found else None)

    def trained_on(self) -> set[str]:
        """Names of the donors trained on; of released forests they are not known: nobody.

        Raises:
            InputError: the list is damaged, or gone.
        """
        if self.is_released:
            return set()
        try:
            rows = [line.split("\t") for line in (self.folder / DONORS_FILE).read_text().splitlines()[1:]]
            return {name for name, part in rows if part == TRAIN}
        except (OSError, ValueError) as error:
            raise InputError("is damaged, or gone", file=self.folder / DONORS_FILE, remedy=_REMEDY) from error

    def number_of(self, tissue: str | None) -> int | None:
        """The number of a tissue in the files of genes, 0 for a gene alone; None = there is no such tissue."""
        tissues = list(self.description.tissues)
        if tissue is None:
            return None if tissues else 0
        return tissues.index(tissue) if tissue in tissues else None

    def _noted(self, gene_id: str, name: str, read: Callable[[Any], Result]) -> Result | None:
        """What the metadata of a gene's file have of a name, and ``read`` makes of it; None = nothing."""
        path = self.file_of(gene_id)
        if path is None:
            return None
        try:
            with safe_open(path, framework="np") as file:
                found = (file.metadata() or {}).get(name)
            return None if found is None else read(json.loads(found))
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"is damaged, or holds no forests ({error})", file=path, remedy=_REMEDY) from error

    def _tissue(self, number: int, path: Path) -> str | None:
        tissues = self.description.tissues
        if not tissues and number == 0:
            return None
        if number >= len(tissues) or tissues[number] is None:
            raise InputError(f"has a forest of tissue {number}, which has no name", file=path, remedy=_REMEDY)
        return tissues[number]


def write_forests(
    path: Path,
    forests: Mapping[int, Mapping[str, np.ndarray]],
    snps: SnpFeatures | None = None,
    calibrations: Mapping[int, Mapping[str, Any]] | None = None,
) -> Path:
    """Write the file of a gene.

    Args:
        path: ``GENE_ID.safetensors``, see :func:`gene_file`.
        forests: number of the tissue (0 for a gene alone) -> arrays of ``packed_forest``.
        snps: whose dosages the features are; None = embeddings.
        calibrations: number of the tissue -> of its cross-validated predictions.

    Raises:
        OutputError: it cannot be written.
    """
    metadata = {} if snps is None else {_SNPS: json.dumps(asdict(snps))}
    if calibrations:
        metadata[_CALIBRATION] = json.dumps(calibrations)
    return GeneForests.of(forests).save(path, metadata or None)


def write_description(folder: Path, description: ForestsDescription) -> Path:
    """Write ``forests.json``, whose being there says that the folder is finished.

    Raises:
        OutputError: it cannot be written.
    """
    path = folder / FORESTS_FILE
    with whole_file(path) as partial:
        partial.write_text(json.dumps({"format": _FORMAT, **asdict(description)}, indent=1) + "\n")
    return path


def gene_file(gene_id: str) -> str:
    """The name of a gene's file."""
    return f"{quote(gene_id, safe='')}{_SUFFIX}"


def _read_description(path: Path) -> ForestsDescription:
    try:
        content = json.loads(path.read_text())
        if content.pop("format") != _FORMAT:
            raise ValueError("another format")
        known = {each.name for each in fields(ForestsDescription)}
        found = ForestsDescription(**{name: value for name, value in content.items() if name in known})
        if not 0 < found.base_rate < 1 or found.width < 0:
            raise ValueError("base_rate or width")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("is damaged, or of another version", file=path, remedy=_REMEDY) from error
    return found


def _read_units(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(path, sep="\t", dtype=UNIT_COLUMNS, keep_default_na=False, na_values=["NA"])[
            list(UNIT_COLUMNS)
        ]
    except (OSError, ValueError, KeyError) as error:
        raise InputError("is damaged, or gone", file=path, remedy=_REMEDY) from error


def _named(gene_id: str, tissue: str | None) -> str:
    return gene_id if tissue is None else f"{gene_id}, {tissue}"
