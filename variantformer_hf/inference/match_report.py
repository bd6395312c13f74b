"""What a run read, used and left out, and what it was made with: a dictionary ready for JSON."""

import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
import transformers

from ..genome.cohort_files import fingerprints
from ..genome.doctor import Agreement
from ..genome.provenance import fingerprint
from ..genome.tally import VariantTally
from ..version import __version__
from .request import OpenedRequest


def match_report(
    asked: OpenedRequest,
    *,
    tallies: Mapping[str, VariantTally],
    agreement: Agreement | None,
    statuses: Mapping[str, Mapping[str, int]],
    reasons: Mapping[str, Mapping[str, int]],
    whole_file_checksums: bool,
) -> dict[str, Any]:
    """The report of a run.

    Returns:
        package, model, inputs (with fingerprints; of several VCFs a list), settings, genes and tissues (predicted, left
        out, rejected), reference_agreement, and per sample and contig the records read, in windows, REF-checked,
        applied and skipped by reason, calls on autosomes that this process found not diploid, and how many genes have
        each status and reason; damage, what this process met and mended in stores.
    """
    model, query = asked.opened.model, asked.query
    status: Counter[str] = sum((Counter(of_sample) for of_sample in statuses.values()), Counter())
    not_diploid = {person.sample: person.calls_not_diploid for person in asked.people}
    inputs: dict[str, Any] = {"fasta": fingerprint(asked.reference.path, whole_file_checksums)}
    if asked.vcf is not None:
        inputs["vcf"] = fingerprints(asked.vcf, whole_file_checksums)
    return {
        "package": {
            "name": "variantformer-hf",
            "version": __version__,
            "torch": str(torch.__version__),
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
        "model": asdict(model.identity),
        "inputs": inputs,
        "settings": {**asked.options.as_dict(), "precision": model.precision, "device": str(model.device)},
        "unit": model.unit.name,
        "units": model.unit.columns(),
        "genes": {"predicted": len(query.genes), "left_out": query.left_out, "status": dict(status)},
        "tissues": [tissue.name for tissue in query.tissues],
        "rejected": [asdict(entry) for entry in query.rejected],
        "reference_agreement": None if agreement is None else asdict(agreement),
        "damage": [*asked.opened.damage, *(damage for person in asked.people for damage in person.damage)],
        "samples": {
            sample: {
                **tally.to_dict(),
                "calls_not_diploid": not_diploid[sample],
                "genes_by_status": dict(statuses[sample]),
                "genes_by_reason": {reason: count for reason, count in reasons[sample].items() if reason},
            }
            for sample, tally in tallies.items()
        },
    }
