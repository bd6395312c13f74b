"""What a sequence model says of variants, read as the prior of a fit: a folder of linear weights, or a tidy table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...data.expression_sources.text_tables import numbers, read_text_table
from ...errors import InputError
from ...genome.contigs import bare_name
from ...genome.genes import GeneTable, stable_id
from ...genome.table_files import kind_of_file, read_parquet, write_parquet_pieces
from ...zoo.dosage.gene_model import LinearDosageGeneModel
from ...zoo.outputs import TissueNames

if TYPE_CHECKING:
    import pandas as pd

ALL_OUTPUTS = -1
# What else a start of a fit is called.
RESERVED = ("cres", "distance", "mean")
_NEEDED = ("gene_id", "chrom", "pos", "ref", "alt", "effect")
_COLUMNS = ("gene", "output", "position", "ref", "alt", "effect", "weight")
_SHOWN = 3
_BASES = "[ACGT]+"


@dataclass(frozen=True, eq=False)
class Prior:
    """Effects of variants on genes, as one prior says.

    Attributes:
        name: of the folder or file.
        path: it came from.
        table: by gene; gene: number in the table of genes; output: number of the tissue, -1 = all; position (0-based),
            ref, alt (of bases, as the prior spells them); effect and weight of a copy of ALT.
        left_out: reason -> rows.
        model: the folder, loaded; None = it is a table.
    """

    name: str
    path: Path
    table: "pd.DataFrame"
    left_out: Counter[str] = field(default_factory=Counter)
    model: LinearDosageGeneModel | None = None

    def digest(self) -> str:
        """SHA-256 of what is used."""
        import hashlib

        import pandas as pd

        hashed = pd.util.hash_pandas_object(self.table, index=False).to_numpy()
        return hashlib.sha256(hashed.tobytes()).hexdigest()

    def save(self, path: Path) -> None:
        """Write it for :class:`SavedPrior`: a row group a gene."""
        if path.is_file():
            return
        schema = pa.Schema.from_pandas(self.table, preserve_index=False)
        pieces = [
            pa.Table.from_pandas(each, schema=schema, preserve_index=False) for _, each in self.table.groupby("gene")
        ]
        write_parquet_pieces(path, pieces)


class SavedPrior:
    """A prior that :meth:`Prior.save` wrote, gene by gene.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path)
        column = _COLUMNS.index("gene")
        groups = range(self._file.num_row_groups)
        self._group_of = {self._file.metadata.row_group(group).column(column).statistics.min: group for group in groups}

    def of_gene(self, gene: int) -> "pd.DataFrame | None":
        """Rows of a gene by its number; None = the prior does not know it."""
        group = self._group_of.get(gene)
        return None if group is None else self._file.read_row_group(group).to_pandas()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_priors(
    paths: Sequence[Path],
    genes: GeneTable,
    tissues: Sequence[str],
    assembly: str | None,
    only: frozenset[str] | None = None,
) -> list[Prior]:
    """Priors, each with a name of its own.

    Args:
        paths: folders that ``linearize`` or a fit has written, or tables with gene_id, chrom, pos, ref, alt, effect,
            and maybe tissue and weight; Parquet, CSV or TSV.
        genes: whose numbers the priors have.
        tissues: those of the fit, by number.
        assembly: of the genome; None = not known.
        only: ids of the genes that are fitted; None = all.

    Raises:
        InputError: one cannot be read, is of another assembly, or knows none of the genes or of the tissues; a variant
            has two effects on a gene in a tissue.
    """
    found, names = [], set(RESERVED)
    for path in paths:
        stem = path.name.split(".")[0] or path.name
        name = next(each for each in chain([stem], (f"{stem}_{n}" for n in count(2))) if each not in names)
        names.add(name)
        model = _folder(path, assembly) if path.is_dir() else None
        read = _of_table(path) if model is None else _of_folder(model)
        found.append(replace(_placed(name, path, read, genes, tissues, only), model=model))
    return found


def _folder(path: Path, assembly: str | None) -> LinearDosageGeneModel:
    """A folder of linear weights.

    Raises:
        InputError: it is of another model, or of another assembly.
    """
    from ...zoo.families import load_gene_model

    model = load_gene_model(path, device="cpu")
    if not isinstance(model, LinearDosageGeneModel):
        raise InputError(
            f"is a model of the type {model.model_type!r}, which has no weight a variant",
            file=path,
            remedy="Make linear weights of it: `variantformer linearize`.",
        )
    if assembly and model.assembly and model.assembly != assembly:
        raise InputError(
            f"lies on {model.assembly}, and the FASTA is {assembly}", file=path, remedy="Give both of one assembly."
        )
    return model


def _of_folder(model: LinearDosageGeneModel) -> "pd.DataFrame":
    """The weights of a model folder, with the effects beside them; without effects the weights are both."""
    import pandas as pd

    parts = []
    for tissue in model.tissue_names.named:
        weights, effects = model.weights(tissue.id), model.effects(tissue.id)
        both = pd.merge(
            pd.DataFrame({name: weights[name] for name in ("gene", "variant", "weight")}),
            pd.DataFrame(effects),
            on=["gene", "variant"],
            how="outer",
        )
        if not model.config.has_effects:
            both["effect"] = both["weight"]
        parts.append(both.fillna(0.0).assign(tissue=tissue.name))
    table = pd.concat(parts, ignore_index=True)
    row = model.variants.first[table["gene"].to_numpy()] + table["variant"].to_numpy()
    # Nobody carried it of those whom a weight was fitted to, for a ridge has no other 0: its effect stands for it.
    is_ridge = (model.config.recipe or {}).get("fit") == "ridge"
    is_unseen = (is_ridge | (model.variants.all.mean[row] == 0)) & (table["weight"] == 0).to_numpy()
    table["weight"] = table["weight"].where(~is_unseen, table["effect"])
    of_all, listed = model.variants.all, model.gene_table.genes
    table["gene_id"] = [listed[number].gene_id for number in table["gene"]]
    table["chrom"] = [listed[number].chrom for number in table["gene"]]
    return table.assign(pos=of_all.position[row] + 1, ref=of_all.ref[row], alt=of_all.alt[row])


def _of_table(path: Path) -> "pd.DataFrame":
    """A tidy table, of numbers where there are to be numbers."""
    if kind_of_file(path) == "parquet":
        table: Any = read_parquet(path, _NEEDED).to_pandas()
    else:
        table = read_text_table(path, _NEEDED)
    kept = [name for name in (*_NEEDED, "tissue", "weight") if name in table]
    table = table[kept].copy()
    for name in ("pos", "effect", "weight"):
        if name in table:
            table[name] = numbers(table[name], path, name) if name != "pos" else _positions(table[name], path)
    if "weight" not in table:
        table["weight"] = table["effect"]
    return table


def _positions(column: Any, path: Path) -> np.ndarray:
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    bad = ~(values >= 1) | (values != np.floor(values))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"pos is {column.iloc[row]!r}, no position from 1",
            file=path,
            record=f"row {row + 2}",
            remedy="Give whole numbers from 1 on, as in a VCF.",
        )
    return values.astype(np.int64)


def _placed(
    name: str,
    path: Path,
    table: "pd.DataFrame",
    genes: GeneTable,
    tissues: Sequence[str],
    only: frozenset[str] | None,
) -> Prior:
    """A prior's rows of the genes and tissues of the fit; the others are counted."""
    left_out = Counter[str]()

    def keep(rows: np.ndarray, reason: str) -> None:
        nonlocal table
        left_out[reason] += int((~rows).sum())
        table = table[rows]

    number_of = {
        stable_id(gene.gene_id): number for number, gene in enumerate(genes) if only is None or gene.gene_id in only
    }
    gene = table["gene_id"].astype(str).map(stable_id).map(number_of)
    known = gene.notna().to_numpy()
    if not known.any():
        some = ", ".join(table["gene_id"].astype(str).drop_duplicates().head(_SHOWN))
        raise InputError(
            f"has none of the genes: it has {some or 'none'}",
            file=path,
            remedy="Give a prior of the genes that are fitted.",
        )
    table = table.assign(gene=gene)
    keep(known, "other_gene")
    if "tissue" in table:
        table = table.assign(output=_outputs(table["tissue"], tissues, path))
        keep((table["output"] != ALL_OUTPUTS).to_numpy(), "other_tissue")
    else:
        table = table.assign(output=ALL_OUTPUTS)
    chrom_of = np.array([bare_name(each.chrom) for each in genes], dtype=object)
    same = table["chrom"].astype(str).map(bare_name).to_numpy() == chrom_of[table["gene"].to_numpy(dtype=int)]
    keep(same, "other_chromosome")
    ref, alt = (table[each].astype(str).str.upper() for each in ("ref", "alt"))
    table = table.assign(ref=ref, alt=alt)
    keep((ref.str.fullmatch(_BASES) & alt.str.fullmatch(_BASES) & (ref != alt)).to_numpy(), "no_bases")
    keep(np.isfinite(table[["effect", "weight"]].to_numpy(dtype=float)).all(axis=1), "no_number")
    table = table.assign(
        gene=table["gene"].astype(np.int32),
        output=table["output"].astype(np.int32),
        position=table["pos"].astype(np.int64) - 1,
        effect=table["effect"].astype(np.float64),
        weight=table["weight"].astype(np.float64),
    )[list(_COLUMNS)].sort_values(["gene", "output", "position", "ref", "alt"], kind="stable", ignore_index=True)
    if not len(table):
        why = ", ".join(f"{rows} {reason}" for reason, rows in left_out.items() if rows)
        raise InputError(
            f"has no variant with an effect on a gene of the fit: {why}",
            file=path,
            remedy="Give effects of variants near the genes that are fitted.",
        )
    _check_once(table, genes, path)
    return Prior(name, path, table, left_out)


def _outputs(column: "pd.Series[str]", tissues: Sequence[str], path: Path) -> np.ndarray:
    """Number of each row's tissue among those of the fit; -1 = it is none of them.

    Raises:
        InputError: none is.
    """
    names = TissueNames(list(tissues))
    given = column.astype(str).drop_duplicates().tolist()
    number: dict[str, int] = {}
    for name in given:
        found, _ = names.resolve([name])
        number[name] = found[0].id if found else ALL_OUTPUTS
    if max(number.values()) == ALL_OUTPUTS:
        raise InputError(
            f"is of other tissues ({', '.join(given[:_SHOWN])}) than the expression ({', '.join(tissues[:_SHOWN])})",
            file=path,
            remedy="Name its tissues as the expression does, or leave the column out: then it is of all of them.",
        )
    return column.astype(str).map(number).to_numpy()


def _check_once(table: "pd.DataFrame", genes: GeneTable, path: Path) -> None:
    keys = ["gene", "output", "position", "ref", "alt"]
    twice = table.duplicated(keys)
    if twice.any():
        first = table[twice].iloc[0]
        gene = genes.genes[int(first["gene"])]
        raise InputError(
            "is there twice for a gene and tissue",
            file=path,
            record=f"{gene.gene_id}, {gene.chrom}:{first['position'] + 1}:{first['ref']}>{first['alt']}",
            remedy="Give one effect of a copy of ALT (`variantformer effects --zygosity het` writes one).",
        )
