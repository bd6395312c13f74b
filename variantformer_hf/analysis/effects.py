"""Effects of variants: the same genome with and without them, everything else alike."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import InputError
from ..genome.edited import GENOTYPES, EditedGenome, GenotypeEdit, observed_genotype
from ..genome.genes import Gene
from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..genome.variant import Variant, VariantNormalizer
from ..genome.variant_table import RejectedVariant, VariantRow, VariantTable, read_variants
from ..inference.engine import ExpressionEngine, StreamOutput
from ..inference.gene_regions import GeneRegions, RegionFinder
from ..inference.gene_states import GeneState, GeneStates, Places
from ..inference.gene_tokens import ReferenceTokens
from ..inference.people import check_assembly
from ..inference.personal_gene import PersonalGene, first_difference, shifted
from ..inference.predictor import ExpressionPredictor
from ..inference.query import Query, RejectedQueryError, resolve_query
from ..inference.tissues import Tissue
from .backgrounds import Background
from .variant_genes import GeneFinder, Overlap, overlap, tss_distance

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

ZYGOSITIES = ("het", "hom", "haplotype1", "haplotype2")
FLAGS = ("beyond_seen_tokens", "truncated_element", "token_shift", "het_equals_hom", "crosses_edge", "below_noise")
EMBEDDINGS = ("gene_ref", "gene_alt", "cre_ref", "cre_alt", "window_ref", "window_alt")
# Added to both log1p values by the released score, so that a ratio of zeros is none.
_RELEASED_PSEUDOCOUNT = 1e-10
# Variants whose states are laid out at a time; more take more memory and are not faster.
_VARIANTS_AT_ONCE = 32
_KEPT_ANNOTATIONS = ("consequence", "label")


@dataclass(frozen=True)
class EffectResult:
    """Scored variants.

    Attributes:
        table: one row per variant as given, gene, background, zygosity and tissue; columns in docs/effects.md.
        rejected: variants that were not scored.
        embeddings: name (of ``EMBEDDINGS``) -> (rows of ``table``, width) float32; empty when not asked for.
        report: counts, for JSON.
    """

    table: "pd.DataFrame"
    rejected: tuple[RejectedVariant, ...]
    embeddings: Mapping[str, np.ndarray] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Scored:
    """One variant in one gene and background, in T tissues and Z zygosities.

    Attributes:
        status: ``ok``, ``conflict``, ``gene_deleted`` or ``no_cres``.
        conflict: the record it collides with.
        flags: (Z,) names, joined by ``;``.
        ref, alt: (T,) and (Z, T) float32 log1p TPM.
        outputs: ref and Z alts, for embeddings.
    """

    observed: str
    status: str
    conflict: str
    overlap: Overlap
    gene_window: float
    flags: tuple[str, ...]
    ref: np.ndarray
    alt: np.ndarray
    outputs: tuple[StreamOutput | None, ...] = ()


@dataclass(frozen=True)
class _States:
    """States of one variant: absent, then as each zygosity says; or why there are none."""

    observed: str
    conflict: str
    states: tuple[GeneState, ...]


class VariantScorer:
    """Scores variants with one model.

    Args:
        predictor: the model; in float32 unless its rounding is wanted.
    """

    def __init__(self, predictor: ExpressionPredictor) -> None:
        self.predictor = predictor
        self._engine = ExpressionEngine(predictor.model, predictor.processor, len(predictor.cre_table), predictor.store)
        self._tokens: dict[int, ReferenceTokens] = {}

    @classmethod
    def from_pretrained(cls, model: str | Path, *, precision: str = "float32", **options: Any) -> "VariantScorer":
        """Load a model folder, or a repository of the Hub.

        Args:
            model, **options: as for ``ExpressionPredictor.from_pretrained``.
            precision: ``float32``, as effects need it; others round most effects away.
        """
        return cls(ExpressionPredictor.from_pretrained(model, precision=precision, **options))

    def score(
        self,
        variants: str | Path | VariantTable | Iterable["Variant | str"],
        genome: "PersonalGenome | ReferenceGenome | Sequence[Background]",
        genes: str | Sequence[str] = "overlapping",
        tissues: Sequence[str] | None = None,
        zygosity: Sequence[str] = ("het", "hom"),
        **options: Any,
    ) -> "pd.DataFrame":
        """Score variants: the table of :meth:`run`, whose arguments these are.

        Variants that cannot be scored are logged, and counted in :meth:`run`'s result.
        """
        return self.run(variants, genome, genes=genes, tissues=tissues, zygosity=zygosity, **options).table

    def run(
        self,
        variants: str | Path | VariantTable | Iterable["Variant | str"],
        genome: "PersonalGenome | ReferenceGenome | Sequence[Background]",
        *,
        genes: str | Sequence[str] = "overlapping",
        tissues: Sequence[str] | None = None,
        zygosity: Sequence[str] = ("het", "hom"),
        with_embeddings: bool = False,
        phase_shifts: int = 0,
        on_gene: Callable[[int, int], None] | None = None,
    ) -> EffectResult:
        """Score variants.

        Args:
            variants: a file, see ``read_variants``, or variants.
            genome: in whose genome; several backgrounds are scored one after the other.
            genes: ``overlapping``: those in whose window, or in one of whose cCREs (50 bases wider on both sides) a
                variant lies; or names. A row's own column ``gene_id`` goes before it.
            tissues: released names, GTEx names or ontology ids; None = all of the model. A row's own column ``tissue``
                goes before it.
            zygosity: of the alternative: ``het``, ``hom``, ``haplotype1``, ``haplotype2``.
            with_embeddings: also return embeddings of the gene, the changed element and the changed window.
            phase_shifts: how many times to score again with the first 1, 2, ... bases of every sequence left out, for
                the column ``effect_sd_phase``.
            on_gene: called with (done, total) genes and backgrounds.

        Raises:
            RejectedQueryError: genes or tissues that the model does not have.
            InputError: no variant can be scored; see ``PersonalGenome`` for the files.
        """
        zygosity = _checked_zygosity(zygosity)
        backgrounds = _backgrounds(genome)
        reference = backgrounds[0].genome.reference
        check_assembly(reference)
        finder = RegionFinder(self.predictor.gene_table, self.predictor.cre_table, self.predictor.processor, reference)
        if not isinstance(variants, VariantTable):
            variants = read_variants(variants, VariantNormalizer(reference))
        rows, rejected = self._asked_rows(variants, finder)
        if not rows:
            reason = f"The first: {rejected[0].reason}" if rejected else "Give at least one."
            raise InputError("no variant can be scored", file=variants.path, remedy=reason)
        query = self._query(rows, genes, tissues, finder)
        work = _Work(rows, query, zygosity, with_embeddings, phase_shifts)
        gene_finder = GeneFinder(self.predictor.gene_table, finder, self.predictor.processor)
        pairs = self._pairs(work, None if genes == "overlapping" else query.genes, gene_finder)
        parts: list[dict[str, Any]] = []
        done, total = 0, len(pairs) * len(backgrounds)
        with _exact_products():
            for gene, members in pairs.items():
                regions = gene_finder.regions(gene)
                baseline = self._reference_values(reference, regions, work, backgrounds[0].genome.mode)
                for place, background in enumerate(backgrounds):
                    parts += self._score_gene(work, background, place, regions, members, baseline)
                    done += 1
                    if on_gene is not None:
                        on_gene(done, total)
        self._engine.save_vectors()
        parts += _without_gene(work, pairs, backgrounds)
        table, embeddings = _joined(parts, work)
        return EffectResult(table, tuple(rejected), embeddings, _report(table, rejected))

    def _query(
        self,
        rows: Sequence["_AskedRow"],
        genes: str | Sequence[str],
        tissues: Sequence[str] | None,
        finder: RegionFinder,
    ) -> Query:
        """Genes and tissues that are asked for in the call; tissues also those that rows ask for.

        Raises:
            RejectedQueryError: any that the model does not have.
        """
        if isinstance(genes, str) and genes != "overlapping":
            genes = [genes]
        named = [] if genes == "overlapping" else list(genes)
        of_rows = [tissue.name for row in rows for tissue in row.tissues]
        if tissues is not None or all(row.tissues for row in rows):
            tissues = [*(tissues or []), *of_rows]
        query = resolve_query(
            list(dict.fromkeys(named)),
            tissues,
            gene_table=self.predictor.gene_table,
            tissue_names=self.predictor.tissue_names,
            contig_of=finder.contig_of,
        )
        if query.rejected:
            raise RejectedQueryError(query.rejected)
        return query

    def _asked_rows(self, table: VariantTable, finder: RegionFinder) -> tuple[list["_AskedRow"], list[RejectedVariant]]:
        """Rows that can be scored, and all that are rejected."""
        contigs = set(finder.contig_of.values())
        rows: list[_AskedRow] = []
        rejected = list(table.rejected)
        for row in table.rows:
            query = resolve_query(
                _listed(row, "gene_id"),
                _listed(row, "tissue"),
                gene_table=self.predictor.gene_table,
                tissue_names=self.predictor.tissue_names,
                contig_of=finder.contig_of,
            )
            if row.variant.chrom not in contigs:
                reason = f"the model has no gene on {row.variant.chrom}; it was trained on autosomes"
            elif query.rejected:
                reason = "; ".join(str(each) for each in query.rejected)
            else:
                rows.append(_AskedRow(row, tuple(query.genes), tuple(query.tissues)))
                continue
            rejected.append(RejectedVariant(row.row, str(row.given), reason))
        if rejected:
            logger.warning("%d of %d variants are not scored", len(rejected), len(table.rows) + len(table.rejected))
        return rows, sorted(rejected, key=lambda each: each.row)

    def _pairs(self, work: "_Work", genes: Sequence[Gene] | None, finder: GeneFinder) -> dict[Gene, list[int]]:
        """Genes along the genome, and the rows to score in each."""
        members: dict[Gene, list[int]] = {}
        found: dict[Variant, list[Gene]] = {}
        for index, row in enumerate(work.rows):
            of_row = row.genes or genes
            if of_row is None:
                if row.variant not in found:
                    found[row.variant] = finder.overlapping(row.variant)
                of_row = found[row.variant]
            for gene in of_row:
                members.setdefault(gene, []).append(index)
        return dict(sorted(members.items(), key=lambda item: (item[0].chrom, item[0].start, item[0].gene_id)))

    def _reference_tokens(self, shift: int) -> ReferenceTokens:
        if shift not in self._tokens:
            tokenizer = self.predictor.processor.tokenizer
            self._tokens[shift] = ReferenceTokens(tokenizer, len(self.predictor.cre_table))
        return self._tokens[shift]

    def _personal_gene(
        self, person: PersonalGenome, regions: GeneRegions, work: "_Work", shift: int = 0
    ) -> tuple[PersonalGene, GeneStates]:
        if shift:
            regions = shifted(regions, shift)
        gene = PersonalGene(person, regions, self._reference_tokens(shift), self.predictor.processor.tokenizer)
        base = gene.base if not shift else replace(gene.base, differs=np.ones(len(gene.base.elements), dtype=bool))
        states = GeneStates(
            self._engine,
            base,
            n_cres=len(regions.starts),
            class_ids=regions.cre_class_ids,
            reverse=regions.gene.strand == "-",
            tissue_ids=work.tissue_ids,
        )
        return gene, states

    def _reference_values(
        self, reference: ReferenceGenome, regions: GeneRegions, work: "_Work", mode: str
    ) -> np.ndarray:
        """log1p TPM of the gene in the reference genome, (T,), which the released score divides by."""
        _, states = self._personal_gene(PersonalGenome(reference, mode=mode), regions, work)
        output = states.predict([GeneState()])[0]
        return np.full(len(work.tissue_ids), np.nan, np.float32) if output is None else output.log1p_tpm

    def _score_gene(
        self,
        work: "_Work",
        background: Background,
        place: int,
        regions: GeneRegions,
        members: Sequence[int],
        baseline: np.ndarray,
    ) -> Iterator[dict[str, Any]]:
        """Columns of the table, for each row of one gene in one background."""
        variants = list(dict.fromkeys(work.rows[index].variant for index in members))
        gene, states = self._personal_gene(background.genome, regions, work)
        noise = states.noise()
        effects = list(self._scored(gene, states, variants, work))
        scored = dict(zip(variants, effects, strict=True))
        spread = dict(zip(variants, self._phase_spread(work, background, regions, variants, effects), strict=True))
        for index in members:
            row = work.rows[index]
            effect = scored[row.variant]
            yield from _columns(work, background, (index, place), regions, row, effect, noise, baseline,
                                spread[row.variant], self._cre_names(regions, effect.overlap.cres))  # fmt: skip

    def _cre_names(self, regions: GeneRegions, cres: np.ndarray) -> str:
        names = self.predictor.cre_table.table["name"].take(regions.cre_rows[cres]).to_pylist() if len(cres) else []
        return ";".join(names)

    def _phase_spread(
        self,
        work: "_Work",
        background: Background,
        regions: GeneRegions,
        variants: Sequence[Variant],
        effects: Sequence[_Scored],
    ) -> list[np.ndarray]:
        """(Z, T) standard deviation of each variant's effect over phases of the tokens; empty when not asked for."""
        if not work.phase_shifts:
            return [np.zeros((0, 0), np.float32)] * len(variants)
        runs = [[each.alt - each.ref for each in effects]]
        for shift in range(1, work.phase_shifts + 1):
            gene, states = self._personal_gene(background.genome, regions, work, shift)
            runs.append([each.alt - each.ref for each in self._scored(gene, states, variants, work)])
        return [np.std(np.stack(values), axis=0, ddof=1) for values in zip(*runs, strict=True)]

    def _scored(
        self, gene: PersonalGene, states: GeneStates, variants: Sequence[Variant], work: "_Work"
    ) -> Iterator[_Scored]:
        normalizer = VariantNormalizer(gene.person.reference)
        for first in range(0, len(variants), _VARIANTS_AT_ONCE):
            part = variants[first : first + _VARIANTS_AT_ONCE]
            found = [_states_of(gene, variant, work.zygosity, normalizer) for variant in part]
            places = [
                _changed_places(gene, each.states, self.predictor.processor.token_length)
                if work.with_embeddings
                else Places()
                for each in found
            ]
            outputs = iter(
                states.predict(
                    [state for each in found for state in each.states],
                    [place for each, place in zip(found, places, strict=True) for _ in each.states],
                )
            )
            for variant, each in zip(part, found, strict=True):
                of_variant = tuple(next(outputs) for _ in each.states)
                yield self._as_scored(gene, variant, each, of_variant, work)

    def _as_scored(
        self,
        gene: PersonalGene,
        variant: Variant,
        found: _States,
        outputs: tuple[StreamOutput | None, ...],
        work: "_Work",
    ) -> _Scored:
        n_tissues, n_alts = len(work.tissue_ids), len(work.zygosity)
        where = overlap(variant, gene.regions)
        if found.conflict:
            nothing = np.full((n_alts + 1, n_tissues), np.nan, np.float32)
            flags = ("crosses_edge" if where.crosses_edge else "",) * n_alts
            return _Scored(found.observed, "conflict", found.conflict, where, np.nan, flags, nothing[0], nothing[1:])
        values = np.stack(
            [np.full(n_tissues, np.nan, np.float32) if each is None else each.log1p_tpm for each in outputs]
        )
        status = "ok"
        if any(each is None for each in outputs):
            gone = any(not state.has_window for state in found.states) or gene.base.window is None
            status = "gene_deleted" if gone else "no_cres"
        elif where.label == "none":
            status = "no_overlap"
        flags = tuple(
            ";".join(_token_flags(gene, found.states[0], alt, where, work, self.predictor)) for alt in found.states[1:]
        )
        if variant.is_indel and gene.person.mode == "iupac":
            flags = tuple(
                flag if zygosity == "hom" else _with(flag, "het_equals_hom")
                for flag, zygosity in zip(flags, work.zygosity, strict=True)
            )
        first = _first_window_token(gene, found.states)
        window = np.nan if first is None else float(first // self.predictor.processor.token_length)
        return _Scored(found.observed, status, "", where, window, flags, values[0], values[1:], outputs)


@dataclass(frozen=True)
class _AskedRow:
    """A row, and the genes and tissues that it names; none = those of the call."""

    row: VariantRow
    genes: tuple[Gene, ...]
    tissues: tuple[Tissue, ...]

    @property
    def variant(self) -> Variant:
        return self.row.variant


@dataclass(frozen=True)
class _Work:
    """What is scored, whatever the gene and the background."""

    rows: Sequence[_AskedRow]
    query: Query
    zygosity: tuple[str, ...]
    with_embeddings: bool
    phase_shifts: int

    @property
    def tissue_ids(self) -> list[int]:
        return [tissue.id for tissue in self.query.tissues]

    @property
    def tissue_names(self) -> list[str]:
        return [tissue.name for tissue in self.query.tissues]

    def tissues_of(self, row: _AskedRow) -> np.ndarray:
        """Places among the tissues of those that a row asks for."""
        if not row.tissues:
            return np.arange(len(self.query.tissues))
        return np.array([self.tissue_ids.index(tissue.id) for tissue in row.tissues], dtype=int)


def _states_of(gene: PersonalGene, variant: Variant, zygosity: Sequence[str], normalizer: VariantNormalizer) -> _States:
    """States of a variant in a person's gene: on no haplotype, then as asked."""
    observed = observed_genotype(gene.person, variant, normalizer)
    if variant.chrom != gene.regions.window.chrom:
        return _States(observed, "", (GeneState(),) * (len(zygosity) + 1))
    absent = EditedGenome(gene.person, [GenotypeEdit(variant, "absent")])
    states = [gene.state(absent) if observed != "0/0" else GeneState()]
    conflict = ""
    for name in zygosity:
        edited = EditedGenome(gene.person, [GenotypeEdit(variant, name)], on_conflict="keep")
        conflict = conflict or edited.conflict(edited.genotypes[0]) or ""
        states.append(gene.state(edited))
    return _States(observed, conflict, () if conflict else tuple(states))


def _changed_places(gene: PersonalGene, states: Sequence[GeneState], token_length: int) -> Places:
    """The first element, and the row of the window, that a variant changes."""
    if not states:
        return Places()
    changed = [index for index in states[-1].elements if not _same_element(gene, states[0], states[-1], index)]
    first = _first_window_token(gene, states)
    return Places(changed[0] if changed else -1, -1 if first is None else first // token_length)


def _same_element(gene: PersonalGene, ref: GeneState, alt: GeneState, index: int) -> bool:
    base = gene.element(index)
    before, after = ref.elements.get(index, base), alt.elements.get(index, base)
    if before is None or after is None:
        return before is after
    return np.array_equal(before, after)


def _window_of(gene: PersonalGene, state: GeneState) -> np.ndarray | None:
    if not state.has_window:
        return None
    return gene.base.window if state.window is None else state.window


def _first_window_token(gene: PersonalGene, states: Sequence[GeneState]) -> int | None:
    """The first token of the window in which any alternative differs from the state without the variant."""
    before = _window_of(gene, states[0])
    found = [first_difference(before, _window_of(gene, each)) for each in states[1:]]
    return min((each for each in found if each is not None), default=None)


def _token_flags(
    gene: PersonalGene, ref: GeneState, alt: GeneState, where: Overlap, work: _Work, predictor: ExpressionPredictor
) -> list[str]:
    flags = []
    processor = predictor.processor
    before, after = _window_of(gene, ref), _window_of(gene, alt)
    first = first_difference(before, after)
    seen = processor.token_length * processor.max_gene_windows
    if first is not None and first >= seen:
        flags.append("beyond_seen_tokens")
    elif first is not None and before is not None and after is not None and len(before) != len(after):
        flags.append("token_shift")
    for index in where.cres.tolist():
        base = gene.element(index)
        for tokens in (ref.elements.get(index, base), alt.elements.get(index, base)):
            if tokens is not None and len(tokens) > processor.token_length and "truncated_element" not in flags:
                flags.append("truncated_element")
    if where.crosses_edge:
        flags.append("crosses_edge")
    return flags


def _columns(
    work: _Work,
    background: Background,
    order: tuple[int, int],
    regions: GeneRegions,
    row: _AskedRow,
    effect: _Scored,
    noise: np.ndarray,
    baseline: np.ndarray,
    spread: np.ndarray,
    cre_names: str,
) -> Iterator[dict[str, Any]]:
    """Columns of one row's block: its zygosities, each in its tissues."""
    tissues = work.tissues_of(row)
    for z, zygosity in enumerate(work.zygosity):
        ref, alt = effect.ref[tissues], effect.alt[z][tissues]
        change = alt - ref
        flags = [_with(effect.flags[z], "below_noise") if abs(value) <= floor else effect.flags[z]
                 for value, floor in zip(change.tolist(), noise[tissues].tolist(), strict=True)]  # fmt: skip
        block = {
            "_row": order[0],
            "_background": order[1],
            "_zygosity": z,
            "_tissue": tissues,
            **_given(row.row),
            "gene_id": regions.gene.gene_id,
            "gene_name": regions.gene.gene_name,
            "tissue": np.array(work.tissue_names, dtype=object)[tissues],
            "background": background.name,
            "sample": background.sample,
            "zygosity": zygosity,
            "observed": effect.observed,
            "log1p_tpm_ref": ref,
            "log1p_tpm_alt": alt,
            "effect": change,
            "log2fc_tpm": _log2_ratio(np.expm1(alt.astype(float)), np.expm1(ref.astype(float))),
            "released_score": _released(alt, baseline[tissues]) if zygosity == "hom" else np.nan,
            "overlap": effect.overlap.label,
            "cre_ids": cre_names,
            "gene_window": effect.gene_window,
            "tss_distance": float(tss_distance(row.variant, regions.gene))
            if row.variant.chrom == regions.window.chrom
            else np.nan,
            "status": effect.status,
            "conflict": effect.conflict,
            "flags": np.array(flags, dtype=object),
            "noise_floor": noise[tissues],
        }
        if work.phase_shifts:
            block["effect_sd_phase"] = spread[z][tissues]
        if work.with_embeddings:
            block["_embeddings"] = _embeddings_of(effect, z, tissues)
        yield block


def _embeddings_of(effect: _Scored, z: int, tissues: np.ndarray) -> dict[str, np.ndarray | None]:
    """What is kept of a block's outputs, by name, (tissues, width) each; None = nothing was predicted."""
    found: dict[str, np.ndarray | None] = dict.fromkeys(EMBEDDINGS)
    if effect.outputs:
        for side, output in (("ref", effect.outputs[0]), ("alt", effect.outputs[z + 1])):
            if output is not None:
                found[f"gene_{side}"] = output.embeddings[tissues]
                found[f"cre_{side}"] = np.repeat(output.cre_embedding[None], len(tissues), axis=0)
                found[f"window_{side}"] = output.window_embeddings[tissues]
    return found


def _given(row: VariantRow) -> dict[str, Any]:
    given, normal = row.given, row.variant
    kept = {name: row.annotations[name] for name in _KEPT_ANNOTATIONS if name in row.annotations}
    return {
        "chrom": given.chrom, "pos": given.pos, "ref": given.ref, "alt": given.alt,
        "variant": str(normal), **kept,
    }  # fmt: skip


def _without_gene(
    work: _Work, pairs: Mapping[Gene, Sequence[int]], backgrounds: Sequence[Background]
) -> Iterator[dict[str, Any]]:
    """One row for each variant without any gene."""
    scored = {index for members in pairs.values() for index in members}
    for index, row in enumerate(work.rows):
        if index not in scored:
            for place, background in enumerate(backgrounds):
                yield {
                    "_row": index, "_background": place, "_zygosity": 0, "_tissue": np.zeros(1, dtype=int),
                    **_given(row.row), "background": background.name, "sample": background.sample,
                    "overlap": "none", "status": "no_gene", "conflict": "", "flags": "",
                }  # fmt: skip


def _joined(parts: Sequence[dict[str, Any]], work: _Work) -> tuple["pd.DataFrame", dict[str, np.ndarray]]:
    """The table in the order of the rows given, and embeddings in the same order."""
    import pandas as pd

    sizes = [len(part["_tissue"]) for part in parts]
    vectors = [part.pop("_embeddings", None) for part in parts]
    names = [name for name in COLUMNS if any(name in part for part in parts)]
    hidden = ("_row", "_background", "_zygosity", "_tissue")
    columns = {name: _column(name, parts, sizes) for name in (*hidden, *names)}
    table = pd.DataFrame(columns)
    gene_order = {gene: place for place, gene in enumerate(dict.fromkeys(table["gene_id"]))} if len(table) else {}
    table["_gene"] = table["gene_id"].map(gene_order)
    order = table.sort_values(["_row", "_gene", "_background", "_zygosity", "_tissue"], kind="stable").index.to_numpy()
    embeddings = {}
    if work.with_embeddings:
        width = max(
            (part.shape[1] for each in vectors if each for part in each.values() if part is not None), default=0
        )
        for name in EMBEDDINGS:
            stacked = [
                np.full((size, width), np.nan, np.float32) if each is None or each[name] is None else each[name]
                for each, size in zip(vectors, sizes, strict=True)
            ]
            embeddings[name] = np.concatenate(stacked)[order]
    return table.loc[order, names].reset_index(drop=True), embeddings


COLUMNS = (
    "chrom", "pos", "ref", "alt", "variant", "gene_id", "gene_name", "tissue", "background", "sample", "zygosity",
    "observed", "log1p_tpm_ref", "log1p_tpm_alt", "effect", "log2fc_tpm", "released_score", "overlap", "cre_ids",
    "gene_window", "tss_distance", "status", "conflict", "flags", "noise_floor", "effect_sd_phase",
    *_KEPT_ANNOTATIONS,
)  # fmt: skip
_FLOATS = {
    "log1p_tpm_ref": np.float32, "log1p_tpm_alt": np.float32, "effect": np.float32, "noise_floor": np.float32,
    "effect_sd_phase": np.float32, "log2fc_tpm": np.float64, "released_score": np.float64,
    "gene_window": np.float64, "tss_distance": np.float64,
}  # fmt: skip


def _column(name: str, parts: Sequence[dict[str, Any]], sizes: Sequence[int]) -> np.ndarray:
    missing: Any = np.nan if name in _FLOATS else None
    dtype = _FLOATS.get(name, np.int64 if name.startswith("_") or name == "pos" else object)
    return np.concatenate(
        [np.broadcast_to(np.asarray(part.get(name, missing), dtype=dtype), (size,)) for part, size in
         zip(parts, sizes, strict=True)]
    )  # fmt: skip


def _log2_ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """log2 of a ratio; NaN where either is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        able = (numerator > 0) & (denominator > 0)
        return np.where(able, np.log2(np.where(able, numerator, 1)) - np.log2(np.where(able, denominator, 1)), np.nan)


def _released(alt: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """The released definition: log2 of the ratio of log1p values, the alternative here against the reference genome."""
    return _log2_ratio(alt.astype(float) + _RELEASED_PSEUDOCOUNT, baseline.astype(float) + _RELEASED_PSEUDOCOUNT)


def _with(flags: str, flag: str) -> str:
    return f"{flags};{flag}" if flags else flag


def _listed(row: VariantRow, name: str) -> list[str]:
    """Names in a row's column, separated by commas or semicolons."""
    text = row.annotations.get(name, "").replace(";", ",")
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _checked_zygosity(zygosity: Sequence[str]) -> tuple[str, ...]:
    names = (zygosity,) if isinstance(zygosity, str) else tuple(dict.fromkeys(zygosity))
    unknown = [name for name in names if name not in ZYGOSITIES]
    if unknown or not names:
        raise InputError(
            f"there is no zygosity {', '.join(unknown) or 'at all'}", remedy=f"Choose of {', '.join(ZYGOSITIES)}."
        )
    assert set(ZYGOSITIES) <= set(GENOTYPES)
    return names


def _backgrounds(genome: "PersonalGenome | ReferenceGenome | Sequence[Background]") -> list[Background]:
    if isinstance(genome, ReferenceGenome):
        return [Background("reference", PersonalGenome(genome))]
    if isinstance(genome, PersonalGenome):
        name = "reference" if genome.is_reference else "person-snps" if genome.snps_only else "person"
        return [Background(name, genome)]
    if not genome:
        raise InputError("no background is given", remedy="Give a genome, or backgrounds.")
    return list(genome)


def _report(table: "pd.DataFrame", rejected: Sequence[RejectedVariant]) -> dict[str, Any]:
    variants = table[["chrom", "pos", "ref", "alt"]].drop_duplicates()
    pairs = table.drop_duplicates(["variant", "gene_id", "background"])
    return {
        "variants": len(variants),
        "rejected": len(rejected),
        "pairs_by_status": {str(name): int(count) for name, count in pairs["status"].value_counts().items()},
    }


@contextmanager
def _exact_products() -> Iterator[None]:
    """Matrix products in full float32, without TF32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
