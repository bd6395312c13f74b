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
# Names of alleles that say that they are REF or ALT.
_REF, _ALT = ("ref", "reference", "ref_allele"), ("alt", "alternative")
# Names that do not say which allele the effect is of, and other columns of files in which it is the first, METAL's, and
# the second, SAIGE's.
_NUMBERED = (("allele1", "allele2"), ("allele_1", "allele_2"))
_OF_FIRST = ({"freq1"}, {"effect", "stderr"}, {"weight", "zscore"})
_OF_SECOND = ({"af_allele2"}, {"ac_allele2"})
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
            other allele) and ``strand_ambiguous``; ``other_alleles``, ``no_number``, ``p_is_0``, ``repeated``, and by
            kind what the FASTA does not hold.
        columns: what (see ``COLUMNS``) -> the file's column that was read as it.
    """

    z: np.ndarray
    beta: np.ndarray
    counts: Counter[str] = field(default_factory=Counter)
    columns: Mapping[str, str] = field(default_factory=dict)


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

    z of a row is the column z, else beta / se (of an odds ratio its logarithm), else that of p with the sign of beta. A
    row is found by chromosome, position and alleles, or a name that says them, which are brought to their one spelling;
    where the weights have no places, or the file has none, by its id. Alleles that stand the other way are turned.

    Args:
        path: a table, text or Parquet.
        weights: in their one spelling where they have places.
        normalizer: of the FASTA; None = rows are found by id.
        options: see there.

    Raises:
        InputError: no such column, or one that does not say which allele the effect is of; two rows of a variant say
            different things; no row is of a variant of the weights, or none of these has a number.
    """
    path = Path(path)
    z_of, beta_of = np.full((2, len(weights.variants)), np.nan)
    found = GwasStatistics(z_of, beta_of, Counter(read=0))
    row_of: dict[int, int] = {}
    matcher: _ByPlace | _ById | None = None
    first = 2
    for piece, columns in _pieces(path, options.columns):
        found.columns = columns
        if matcher is None:
            has_places = {"chrom", "pos"} <= set(piece) or _are_names(piece)
            by_place = normalizer is not None and weights.has_places and has_places
            if not by_place and "variant" not in piece:
                raise InputError(
                    "has no column of variants' ids, by which alone they can be told here",
                    file=path,
                    remedy="Name it: --column variant=NAME.",
                )
            matcher = _ByPlace(weights, normalizer) if by_place and normalizer else _ById(weights)
        found.counts["read"] += len(piece)
        for row, number, is_turned in matcher.rows(piece, found.counts):
            z, beta, lacks = _effect(piece, row)
            if lacks:
                found.counts[lacks] += 1
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
        counted = ", ".join(f"{count:,} {what}" for what, count in found.counts.items() if count or what == "read")
        of_variants = f"of the {len(weights.variants):,} variants of the weights in its rows ({counted})"
        if found.counts["no_number"] or found.counts["p_is_0"]:
            raise InputError(
                f"has no number for any {of_variants}",
                file=path,
                remedy="Give z, or beta and a se above 0, or beta and a p above 0, written as 0.5; see --column.",
            )
        raise InputError(
            f"has none {of_variants}",
            file=path,
            remedy="Look whether both are of one assembly, and name variants alike (--column variant=NAME).",
        )
    return found


class _ByPlace:
    """Rows by place and alleles, brought to their one spelling.

    Args:
        weights: that say where their variants are.
        normalizer: of the FASTA.
    """

    def __init__(self, weights: AssociationWeights, normalizer: VariantNormalizer) -> None:
        self._normalizer = normalizer
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
            if not kind and not turned_kind:
                # An insertion or deletion: the FASTA holds both alleles, so that it cannot tell which is REF.
                ref = str(piece["ref"].iloc[row]).upper() if "ref" in piece else None
                if ref not in (effect, other) and (number is not None or turned is not None):
                    counts["ambiguous_indel"] += 1
                    continue
                number, turned = (number if ref == other else None), (turned if ref == effect else None)
            if number is not None:
                yield row, number, False
            elif turned is not None:
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


def _pieces(path: Path, given: Mapping[str, str]) -> "Iterator[tuple[pd.DataFrame, dict[str, str]]]":
    """The file some rows at a time, its columns by what they are, its numbers as numbers; and what they are called.

    Where the other allele is in a column of REF, that is ``ref`` too, and where the row's effect is of REF, the other
    allele is ALT.

    Raises:
        InputError: a column is missing, or says too little; it cannot be read.
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
            columns = {what: name for what, name in names.items() if what in COLUMNS}
            if _lower(names["other_allele"]) in _REF:
                table["ref"] = table["other_allele"]
            if "alt" in table:
                effect, ref, alt = (table[name].astype(str).str.upper() for name in ("effect_allele", "ref", "alt"))
                table["other_allele"] = ref.where(effect != ref, alt)
                columns["other_allele"] += f" or {names['alt']}"
            for name in _NUMBERS:
                if name in table:
                    table[name] = pd.to_numeric(table[name], errors="coerce").replace([np.inf, -np.inf], np.nan)
            yield table, columns
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
    """What -> the file's column; ``alt`` where the effect may be of either of REF and ALT.

    Raises:
        InputError: one that was named is not there; alleles or statistics are not; which allele the effect is of is not
            said.
    """
    lowered = {_lower(name): name for name in reversed(header) if name not in given.values()}
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
    alleles = [found[name] for name in ("effect_allele", "other_allele")]
    if not given.keys() & {"effect_allele", "other_allele"} and tuple(map(_lower, alleles)) in _NUMBERED:
        known_names = set(map(_lower, header))
        of_first, of_second = (any(each <= known_names for each in some) for some in (_OF_FIRST, _OF_SECOND))
        if of_first == of_second:
            raise InputError(
                f"has the alleles {' and '.join(alleles)}, and nothing says which of them the effect is of",
                file=path,
                remedy=f"Name it: --column effect_allele={alleles[0]}, or {alleles[1]}; or rename them to "
                "effect_allele and other_allele.",
            )
        if of_second:
            found |= {"effect_allele": alleles[1], "other_allele": alleles[0]}
    alt = next((lowered[name] for name in _ALT if name in lowered), None)
    if _lower(found["other_allele"]) in _REF and alt not in (None, found["effect_allele"]):
        found["alt"] = alt
    return found


def _lower(name: str) -> str:
    return name.strip().lower()


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


def _effect(piece: "pd.DataFrame", row: int) -> tuple[float, float, str]:
    """z and beta of the effect allele, NaN = the row says none; and why it has no z: ``no_number``, ``p_is_0``."""
    from scipy.stats import norm

    z, beta, se, odds, p = (float(piece[name].iloc[row]) if name in piece else np.nan for name in _NUMBERS)
    if np.isnan(beta) and odds > 0:
        beta = float(np.log(odds))
    if np.isnan(z) and se > 0:
        z = beta / se
    if np.isnan(z) and not np.isnan(beta) and p / 2 == 0:
        return z, beta, "p_is_0"
    if np.isnan(z) and 0 < p <= 1:
        z = float(np.sign(beta) * norm.isf(p / 2))
    return z, beta, "no_number" if np.isnan(z) else ""
