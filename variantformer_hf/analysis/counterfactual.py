"""Counterfactuals: carriers of variants as they are, and as they would be with other genotypes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..genome.edited import EditConflictError, EditedGenome, observed_genotype
from ..genome.genotype_edits import GenotypeEdit
from ..genome.personal import PersonalGenome
from ..genome.variant import VariantNormalizer
from ..genome.variants import genotype_of
from ..zoo.gene_input import GeneOutput
from ..zoo.statuses import OK, WITH_NUMBER, check_used, ending_of, status_of_numbers
from .effects import VariantScorer
from .fold_change import log2_fold_change
from .genome_scorer import GenomeScorer
from .student_interval import student_interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Counterfactuals:
    """Carriers with and without the edits.

    Attributes:
        table: one row per sample, gene and tissue.
        summary: one row per gene and tissue: mean over the carriers, with its 95 % confidence interval.
        left_out: sample, or sample and gene -> why it was not edited.
        embeddings: ``observed`` and ``edited`` -> (rows of ``table``, width) float32, NaN where a row has no number;
            empty when not asked for.
    """

    table: "pd.DataFrame"
    summary: "pd.DataFrame"
    left_out: dict[str, str]
    embeddings: Mapping[str, np.ndarray] = field(default_factory=dict)


def counterfactual(
    scorer: VariantScorer,
    people: Sequence[PersonalGenome],
    edits: Sequence[GenotypeEdit],
    genes: Sequence[str],
    *,
    tissues: Sequence[str] | None = None,
    with_embeddings: bool = False,
    allow_unused: bool = False,
    on_person: Callable[[int, int], None] | None = None,
) -> Counterfactuals:
    """Set genotypes, all edits together, in every person whose genome that changes, and predict both ways.

    Args:
        scorer: the model.
        people: of one FASTA.
        edits: in any spelling; ``absent`` reverts a variant to the reference.
        genes: names.
        tissues: names; None = all.
        with_embeddings: also return the embeddings of each row.
        allow_unused: go on where nothing of a person's file was used in any gene, instead of stopping.
        on_person: called with (done, total) people and genes.

    Returns:
        ``table``: sample, observed (genotype of each edit's variant, joined by ``;``), gene_id, gene_name, tissue,
        log1p_tpm_observed, log1p_tpm_edited, effect (edited minus observed), log2fc_tpm, embedding_shift (Euclidean)
        embedding_cosine (distance), status and reason (as of predictions). ``summary``: gene_id, gene_name, tissue,
        n, then mean_effect with ci_low and
        ci_high (Student's t), and mean_embedding_shift.

    Raises:
        InputError: no person is changed by the edits; an unknown name; see ``EditedGenome``.
    """
    import pandas as pd

    if with_embeddings:
        scorer.model.require("embeddings", "embeddings of carriers")
    reference = people[0].reference
    normalizer = VariantNormalizer(reference)
    carriers: list[tuple[PersonalGenome, str]] = []
    left_out: dict[str, str] = {}
    for person in people:
        observed = [observed_genotype(person, normalizer(edit.variant), normalizer) for edit in edits]
        if all(_alike(found, edit.text) for found, edit in zip(observed, edits, strict=True)):
            left_out[person.sample] = f"has these genotypes already ({'; '.join(observed)})"
        else:
            carriers.append((person, ";".join(observed)))
    opened = scorer.open(reference)
    parts: list[pd.DataFrame] = []
    embeddings: dict[str, list[np.ndarray]] = {"observed": [], "edited": []}
    done, total = 0, len(carriers) * len(genes)
    for person, observed_text in carriers:
        try:
            EditedGenome(person, edits)
        except EditConflictError as error:
            left_out[person.sample] = error.problem
            continue
        for gene in genes:
            if on_person is not None:
                on_person(done, total)
            done += 1
            found = _edited_gene(opened, person, edits, gene, tissues, observed_text)
            if isinstance(found, str):
                left_out[f"{person.sample}, {gene}"] = f"{found} is in the way at the edge of a region of the gene"
                continue
            table, outputs = found
            parts.append(table)
            if with_embeddings:
                for vectors, output in zip(embeddings.values(), outputs, strict=True):
                    vectors.append(_embeddings(output, (len(table), scorer.model.embedding_width)))
    if on_person is not None:
        on_person(total, total)
    if not parts:
        reasons = "; ".join(f"{name} {reason}" for name, reason in list(left_out.items())[:3])
        raise InputError("no person is changed by the edits", remedy=f"Check them: {reasons}.")
    table = pd.concat(parts, ignore_index=True).astype({"reason": "string"})
    genes_of = table.drop_duplicates(["sample", "gene_id"])
    for person, _ in carriers:
        here = genes_of[genes_of["sample"] == person.sample]
        endings = zip(here["status"], here["reason"].fillna(""), strict=True)
        check_used(person.sample, endings, person.path, allow_unused=allow_unused)
    joined = {name: np.concatenate(vectors) for name, vectors in embeddings.items() if vectors}
    return Counterfactuals(table, _summary(table), left_out, joined)


def _embeddings(output: GeneOutput, shape: tuple[int, int]) -> np.ndarray:
    """(T, width) of a state; NaN where it has none."""
    if output.embeddings is None or output.status not in WITH_NUMBER:
        return np.full(shape, np.nan, dtype=np.float32)
    return output.embeddings.astype(np.float32)


def _alike(observed: str, wanted: str) -> bool:
    """Whether two genotypes carry the ALT on as many haplotypes, and where both are phased on the same."""
    left, right = genotype_of(observed), genotype_of(wanted)
    if "|" in observed and "|" in wanted:
        return left == right
    return sorted(map(str, left)) == sorted(map(str, right))


def _edited_gene(
    scorer: GenomeScorer,
    person: PersonalGenome,
    edits: Sequence[GenotypeEdit],
    gene: str,
    tissues: Sequence[str] | None,
    observed: str,
) -> "tuple[pd.DataFrame, list[GeneOutput]] | str":
    """A carrier's rows in one gene and both its states, or the record that is in the way of an edit there."""
    import pandas as pd

    asked = scorer.gene(gene, tissues)
    regions, names, unit = asked.regions, asked.tissues, scorer.model.unit
    in_gene = scorer.in_gene(person, regions, asked.outputs)
    states = in_gene.states
    edited = EditedGenome(states.person, edits)
    conflict = states.conflict(edited)
    if conflict is not None:
        return conflict
    before, after = states.predict([states.base, states.of(edited)])
    left, right = before.values, after.values
    shift = cosine = np.full(len(names), np.nan, dtype=np.float32)
    ending = ending_of((before.status, after.status))
    status = in_gene.use.status if ending == OK else ending
    if ending in WITH_NUMBER and before.embeddings is not None and after.embeddings is not None:
        a, b = before.embeddings.astype(float), after.embeddings.astype(float)
        shift = np.linalg.norm(a - b, axis=1)
        cosine = 1 - (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    table = pd.DataFrame(
        {
            "sample": person.sample,
            "observed": observed,
            "gene_id": regions.gene.gene_id,
            "gene_name": regions.gene.gene_name,
            "tissue": names,
            f"{unit.column}_observed": left,
            f"{unit.column}_edited": right,
            "effect": right - left,
            **({"log2fc_tpm": log2_fold_change(right, left)} if unit.is_log1p_tpm else {}),
            "embedding_shift": shift,
            "embedding_cosine": cosine,
            "status": status_of_numbers(status, left),
            "reason": in_gene.use.reason or None,
        }
    )
    return table, [before, after]


def _summary(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for (gene_id, gene_name, tissue), group in table.groupby(["gene_id", "gene_name", "tissue"], sort=False):
        effects = group["effect"].dropna().to_numpy(dtype=float)
        shift = group["embedding_shift"].mean()
        rows.append((gene_id, gene_name, tissue, len(effects), *student_interval(effects), shift))
    columns = ["gene_id", "gene_name", "tissue", "n", "mean_effect", "ci_low", "ci_high", "mean_embedding_shift"]
    return pd.DataFrame(rows, columns=columns)
