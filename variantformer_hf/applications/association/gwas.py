"""GWAS summary statistics, as they are published, for the variants of weights: alleles matched, rows counted."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...genome.table_files import delimiter_of, kind_of_file, text_lines
from ...genome.variant import Variant, VariantError, VariantNormalizer
from .weights import AssociationWeights

if TYPE_CHECKING:
    import pandas as pd

# Names of columns in lower case, by what they are; the first that a file has counts. Harmonised ones (hm_) go first.
_KNOWN: dict[str, tuple[str, ...]] = {
    "variant": (
        *("hm_variant_id", "panel_variant_id", "variant_id", "variant", "varid", "snpid", "markername", "marker"),
        *("hm_rsid", "rsid", "rs_id", "rsids", "snp", "id", "snp_id"),
    ),
    "chrom": ("hm_chrom", "chrom", "chr", "#chrom", "chromosome", "#chr"),
    "pos": ("hm_pos", "pos", "position", "bp", "base_pair_location", "genpos"),
    "effect_allele": (
        *(
            "hm_effect_allele",
            "effect_allele",
            "ea",
            "a1",
            "allele1",
            "tested_allele",
            "alt",
            "alternative",
            "allele_1",
        ),
    ),
    "other_allele": (
        *("hm_other_allele", "other_allele", "non_effect_allele", "noneffect_allele", "oa", "nea", "a2", "allele2"),
        *("ref", "reference", "ref_allele", "allele0", "ax", "omitted", "allele_2"),
    ),
    "z": ("z", "zscore", "z_score", "z_stat", "zstat", "t_stat"),
    "beta": ("hm_beta", "beta", "b", "effect", "effect_size", "est", "log_odds"),
    "se": ("se", "standard_error", "stderr", "sebeta", "log(or)_se"),
    "or": ("hm_odds_ratio", "or", "odds_ratio"),
    "p": ("p", "pval", "p_value", "pvalue", "p-value", "p.value", "p_bolt_lmm", "p-val"),
}
COLUMNS = tuple(_KNOWN)
# Names of the other allele that say that it is REF.
_REF = ("ref", "reference", "ref_allele")
_NUMBERS = ("z", "beta", "se", "or", "p")
_ROWS_AT_ONCE = 500_000
_NAME = r"^(?P<chrom>(?:chr)?[0-9XYMT]+)[_:-](?P<pos>[0-9]+)[_:-](?P<one>[ACGT]+)[_:-](?P<two>[ACGT]+)(?:_b3[78])?$"
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass
class GwasStatistics:
    """Statistics of the variants of weights.

    Attributes:
        z, beta: (variants,) of a copy of the allele with the weight; NaN = there is none.
        counts: what became of the file's rows: ``read``, ``not_in_weights``, ``used`` and of these ``turned`` (of the
            other allele) and ``strand_ambiguous``; ``other_alleles``, ``no_number``, ``repeated``, and by kind what the
            FASTA does not hold.
    """

    z: np.ndarray
    beta: np.ndarray
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class GwasOptions:
    """How a file of statistics is read.

    Attributes:
        columns: what -> the file's name of the column, where it is none of the usual ones.
        drops_ambiguous: leave out A/T and C/G, whose strand no allele tells.
        keeps_first: of two rows of a variant that say different things the first counts; else they are refused.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    drops_ambiguous: bool = False
    keeps_first: bool = False


def read_gwas(
    path: str | Path,
    weights: AssociationWeights,
    normalizer: VariantNormalizer | None,
    options: GwasOptions = GwasOptions(),
) -> GwasStatistics:
    """Read a GWAS's statistics of the variants of weights.

    z is the column z, else beta / se (of an odds ratio its logarithm), else that of p with the sign of beta. A row is
    found by chromosome, position and alleles, or a name that says them, which are brought to their one spelling; where
    the weights have no places, or the file has none, by its id. Alleles that stand the other way round are turned.

    Args:
        path: a table, text or Parquet.
        weights: in their one spelling where they have places.
        normalizer: of the FASTA; None = rows are found by id.
        options: see there.

    Raises:
        InputError: no such column; two rows of a variant say different things; no row is of a variant of the weights.
    """
    path = Path(path)
    found = GwasStatistics(*np.full((2, len(weights.variants)), np.nan))
    row_of: dict[int, int] = {}
    matcher: _ByPlace | _ById | None = None
    first = 2
    for piece, knows_ref in _pieces(path, options.columns):
        if matcher is None:
            has_places = {"chrom", "pos"} <= set(piece) or _are_names(piece)
            by_place = normalizer is not None and weights.has_places and has_places
            if not by_place and "variant" not in piece:
                raise InputError(
                    "has no column of variants' ids, by which alone they can be told here",
                    file=path,
                    remedy="Name it: --column variant=NAME.",
                )
            matcher = _ByPlace(weights, normalizer, knows_ref) if by_place and normalizer else _ById(weights)
        found.counts["read"] += len(piece)
        for row, number, is_turned in matcher.rows(piece, found.counts):
            z, beta = _effect(piece, row)
            if not np.isfinite(z):
                found.counts["no_number"] += 1
                continue
            one, two = (str(piece[name].iloc[row]).upper() for name in ("effect_allele", "other_allele"))
            is_ambiguous = one == two.translate(_COMPLEMENT) and len(one) == 1
            if is_ambiguous and options.drops_ambiguous:
                found.counts["strand_ambiguous_dropped"] += 1
                continue
            z, beta = (-z, -beta) if is_turned else (z, beta)
            if number in row_of:
                is_same = np.isclose(z, found.z[number], rtol=1e-6)
                if not is_same and not options.keeps_first:
                    raise InputError(
                        f"has two rows of {weights.ids[number]} that say different things (z {found.z[number]:.4g} and "
                        f"{z:.4g})",
                        file=path,
                        record=f"rows {row_of[number]} and {first + row}",
                        remedy="Keep one of them, or give --duplicates first.",
                    )
                found.counts["repeated" if is_same else "contradicting"] += 1
                continue
            row_of[number] = first + row
            found.z[number], found.beta[number] = z, beta
            found.counts["used"] += 1
            found.counts["turned"] += is_turned
            found.counts["strand_ambiguous"] += is_ambiguous
        first += len(piece)
    if not found.counts["used"]:
        raise InputError(
            f"has none of the {len(weights.variants):,} variants of the weights in its {found.counts['read']:,} rows",
            file=path,
            remedy="Look whether both are of one assembly, and name variants alike (--column variant=NAME).",
        )
    return found


class _ByPlace:
    """Rows by place and alleles, brought to their one spelling.

    Args:
        weights: that say where their variants are.
        normalizer: of the FASTA.
        knows_ref: the other allele of a row is REF; else the FASTA has to tell which is.
    """

    def __init__(self, weights: AssociationWeights, normalizer: VariantNormalizer, knows_ref: bool) -> None:
        self._normalizer, self._knows_ref = normalizer, knows_ref
        self._number = {each: number for number, each in enumerate(weights.variants)}
        places: dict[str, set[int]] = {}
        for each in weights.variants:
            own = places.setdefault(each.chrom, set())
            if each.is_indel:
                own.update(range(each.start + 1, normalizer.spellings_end(each) + 1))
            else:
                own.add(each.pos)
        self._places = {chrom: np.array(sorted(own)) for chrom, own in places.items()}

    def rows(self, piece: "pd.DataFrame", counts: Counter[str]) -> Iterator[tuple[int, int, bool]]:
        """Rows of variants of the weights, the variants' numbers, and whether the effect is of the other allele."""
        chroms, positions = _places(piece)
        is_near = np.zeros(len(piece), dtype=bool)
        contig_of: dict[str, str] = {}
        for name in set(chroms.tolist()):
            try:
                contig_of[name] = self._normalizer.contig(name)
            except VariantError:
                continue
            wanted = self._places.get(contig_of[name])
            if wanted is not None:
                is_near |= (chroms == name) & np.isin(positions, wanted)
        counts["not_in_weights"] += int((~is_near).sum())
        for row in np.flatnonzero(is_near).tolist():
            effect, other = (str(piece[name].iloc[row]).upper() for name in ("effect_allele", "other_allele"))
            here = contig_of[chroms[row]], int(positions[row])
            number, kind = self._found(Variant(*here, other, effect))
            turned, turned_kind = self._found(Variant(*here, effect, other))
            if not (kind or turned_kind or self._knows_ref):
                # An insertion or deletion: the FASTA holds both alleles, so that it cannot tell which is REF.
                counts["ambiguous_indel"] += number is not None or turned is not None
            elif number is not None:
                yield row, number, False
            elif turned is not None and kind:
                yield row, turned, True
            elif kind and turned_kind:
                counts[kind] += 1
            else:
                counts["other_alleles"] += 1

    def _found(self, variant: Variant) -> tuple[int | None, str]:
        try:
            normal = self._normalizer(variant)
        except VariantError as error:
            return None, error.kind
        return self._number.get(normal), ""


class _ById:
    """Rows by the ids of the weights, and their alleles as they stand."""

    def __init__(self, weights: AssociationWeights) -> None:
        self._numbers: dict[str, list[int]] = {}
        for number, name in enumerate(weights.ids):
            self._numbers.setdefault(name, []).append(number)
        self._alleles = [(each.ref, each.alt) for each in weights.variants]

    def rows(self, piece: "pd.DataFrame", counts: Counter[str]) -> Iterator[tuple[int, int, bool]]:
        """As of :class:`_ByPlace`."""
        is_known = piece["variant"].isin(list(self._numbers)).to_numpy()
        counts["not_in_weights"] += int((~is_known).sum())
        for row in np.flatnonzero(is_known).tolist():
            effect, other = (str(piece[name].iloc[row]).upper() for name in ("effect_allele", "other_allele"))
            for number in self._numbers[piece["variant"].iloc[row]]:
                if self._alleles[number] == (other, effect):
                    yield row, number, False
                    break
                if self._alleles[number] == (effect, other):
                    yield row, number, True
                    break
            else:
                counts["other_alleles"] += 1


def _pieces(path: Path, given: Mapping[str, str]) -> "Iterator[tuple[pd.DataFrame, bool]]":
    """The file some rows at a time, its columns by what they are, its numbers as numbers; whether it names REF.

    Raises:
        InputError: a column is missing; it cannot be read.
    """
    import pandas as pd

    kind = kind_of_file(path)
    if kind == "vcf":
        raise InputError("is a VCF", file=path, remedy="Give a table with the alleles, z or beta and se.")
    names: dict[str, str] | None = None
    try:
        for piece in _parquet_pieces(path) if kind == "parquet" else _text_pieces(path):
            if names is None:
                names = _named(list(piece.columns), given, path)
            table = piece[list(names.values())].set_axis(list(names), axis=1).reset_index(drop=True)
            for name in _NUMBERS:
                if name in table:
                    table[name] = pd.to_numeric(table[name], errors="coerce")
            yield table, names["other_allele"].strip().lower() in _REF
    except (EOFError, OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"cannot be read ({error})", file=path, remedy="Copy or download it again.") from error


def _text_pieces(path: Path) -> "Iterator[pd.DataFrame]":
    import pandas as pd

    n_comments, header = 0, ""
    for line in text_lines(path):
        if not line.startswith("##"):
            header = line
            break
        n_comments += 1
    delimiter = delimiter_of(header)
    options: dict[str, Any] = {"sep": r"\s+" if delimiter == " " else delimiter, "dtype": str, "skiprows": n_comments}
    options["compression"] = "gzip" if path.open("rb").read(2) == b"\x1f\x8b" else None
    with pd.read_csv(path, chunksize=_ROWS_AT_ONCE, keep_default_na=False, **options) as reader:
        yield from reader


def _parquet_pieces(path: Path) -> "Iterator[pd.DataFrame]":
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(_ROWS_AT_ONCE):
        yield batch.to_pandas()


def _named(header: list[str], given: Mapping[str, str], path: Path) -> dict[str, str]:
    """What -> the file's column.

    Raises:
        InputError: one that was named is not there; alleles or statistics are not.
    """
    lowered = {name.strip().lower(): name for name in reversed(header)}
    found: dict[str, str] = {}
    for what, known in _KNOWN.items():
        if what in given:
            if given[what] not in header:
                raise InputError(
                    f"has no column {given[what]!r}; it has {', '.join(header)[:200]}", file=path, remedy="Correct it."
                )
            found[what] = given[what]
            continue
        spelling = next((lowered[name] for name in known if name in lowered), None)
        if spelling is not None:
            found[what] = spelling
    has_effect = "z" in found or ({"se", "beta"} <= set(found)) or ({"se", "or"} <= set(found))
    has_effect |= "p" in found and ("beta" in found or "or" in found)
    missing = [name for name in ("effect_allele", "other_allele") if name not in found]
    missing += [] if "variant" in found or {"chrom", "pos"} <= set(found) else ["variant (or chrom and pos)"]
    missing += [] if has_effect else ["z (or beta and se, or and se, p and beta)"]
    if missing:
        raise InputError(
            f"has no column {', '.join(missing)}; it has {', '.join(header)[:200]}",
            file=path,
            remedy="Name it: --column effect_allele=A1.",
        )
    return found


def _are_names(piece: "pd.DataFrame") -> bool:
    """Whether the ids are places and alleles."""
    return "variant" in piece and bool(piece["variant"].head(1_000).astype(str).str.match(_NAME).any())


def _places(piece: "pd.DataFrame") -> tuple[np.ndarray, np.ndarray]:
    """(rows,) contigs as they are written, and positions from 1; -1 where there is none."""
    import pandas as pd

    if {"chrom", "pos"} <= set(piece):
        chroms, positions = piece["chrom"].astype(str), piece["pos"]
    else:
        parts = piece["variant"].astype(str).str.extract(_NAME)
        chroms, positions = parts["chrom"].fillna(""), parts["pos"]
    numbers = pd.to_numeric(positions, errors="coerce").fillna(-1).to_numpy()
    return chroms.to_numpy(dtype=object), np.where(numbers == np.floor(numbers), numbers, -1).astype(np.int64)


def _effect(piece: "pd.DataFrame", row: int) -> tuple[float, float]:
    """z and beta of the effect allele; NaN = the row says none."""
    from scipy.stats import norm

    has = {name: float(piece[name].iloc[row]) for name in _NUMBERS if name in piece}
    beta = has.get("beta", np.nan)
    if np.isnan(beta) and has.get("or", -1) > 0:
        beta = float(np.log(has["or"]))
    if "z" in has:
        return has["z"], beta
    if "se" in has:
        return (beta / has["se"] if has["se"] > 0 else np.nan), beta
    return float(np.sign(beta) * norm.isf(has["p"] / 2)) if 0 < has["p"] <= 1 else np.nan, beta
