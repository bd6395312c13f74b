"""Which records drive a ratio: each heterozygous record taken from the haplotype that carries it, the rest as it is."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...analysis.fold_change import log2_fold_change
from ...genome.record_columns import Record
from ...genome.variant import Variant
from ...zoo.units import Unit
from .haplotype_pair import HaplotypePair

# Of an allele that is no variant of bases, such as ``*`` or ``<DEL>``.
NOT_SCORED = "not_scored"


def record_effects(pair: HaplotypePair, chrom: str, unit: Unit) -> Iterator[dict[str, Any]]:
    """What each ALT of a gene's heterozygous records does on the haplotype that carries it.

    Args:
        pair: the gene, of one person.
        chrom: its contig, by the FASTA.
        unit: of the model.

    Yields:
        A dictionary an allele: chrom, pos (1-based), ref, alt, genotype, haplotype (1 or 2), overlap, ``effect``, (T,)
        with the allele minus without it in the model's unit, ``contribution`` (T,) to the ratio: log2 of TPM with over
        TPM without (of another unit the effect), less than 0 where it raises haplotype 2; status, conflict.
    """
    for place, scorer in enumerate(pair.scorers):
        alleles = [(record, record.genotype[place]) for record in pair.phase.records if record.genotype]
        asked: list[tuple[Record, str, Variant | None]] = []
        for record, allele in alleles:
            if allele:
                alt = record.alleles[allele]
                variant = Variant(chrom, record.position + 1, record.alleles[0], alt)
                asked.append((record, alt, scorer.normalized(variant)))
        wanted = list(dict.fromkeys(variant for _, _, variant in asked if variant is not None))
        scored = dict(zip(wanted, scorer.score(wanted, ["hom"]), strict=True))
        for record, alt, normal in asked:
            found = None if normal is None else scored[normal]
            nothing = np.full(pair.values.shape[1], np.nan)
            without, with_it = (nothing, nothing) if found is None else (found.ref, found.alt[0])
            effect = with_it - without
            change = log2_fold_change(with_it, without) if unit.is_log1p_tpm else effect.astype(float)
            yield {
                "chrom": chrom,
                "pos": record.position + 1,
                "ref": record.alleles[0],
                "alt": alt,
                "genotype": "|".join(str(each) for each in record.genotype or ()),
                "haplotype": place + 1,
                "overlap": "" if found is None else found.overlap.label,
                "effect": effect,
                "contribution": change if place == 0 else -change,
                "status": NOT_SCORED if found is None else found.status,
                "conflict": "" if found is None else found.conflict,
            }
