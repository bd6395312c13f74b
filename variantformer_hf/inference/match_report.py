"""What a run read, used and left out, and what it was made with: a dictionary ready for JSON."""

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import transformers

from ..genome.doctor import Agreement
from ..genome.options import GenotypeOptions
from ..genome.provenance import fingerprint
from ..genome.reference import ReferenceGenome
from ..genome.tally import VariantTally
from ..version import __version__
from ..zoo.model_files import ModelIdentity
from .query import Query

UNITS = {
    "log1p_tpm": "ln(1 + TPM); for the tissue 'blood' on the scale of a microarray",
    "tpm": "transcripts per million",
}


def match_report(
    *,
    reference: ReferenceGenome,
    vcf: str | Path | None,
    options: GenotypeOptions,
    query: Query,
    tallies: Mapping[str, VariantTally],
    agreement: Agreement | None,
    statuses: Mapping[str, Mapping[str, int]],
    reasons: Mapping[str, Mapping[str, int]],
    calls_not_diploid: Mapping[str, int],
    identity: ModelIdentity,
    precision: str,
    device: str,
    whole_file_checksums: bool,
    damage: Sequence[str],
) -> dict[str, Any]:
    """The report of a run.

    Returns:
        package, model, inputs (with fingerprints), settings, genes and tissues (predicted, left out, rejected),
        reference_agreement, and per sample and contig the records read, in windows, REF-checked, applied and skipped
        by reason, calls on autosomes that this process found not diploid, and how many genes have each status and
        reason; damage, what this process met and mended in stores.
    """
    status: Counter[str] = sum((Counter(of_sample) for of_sample in statuses.values()), Counter())
    inputs = {"fasta": fingerprint(reference.path, whole_file_checksums)}
    if vcf is not None:
        inputs["vcf"] = fingerprint(vcf, whole_file_checksums)
    return {
        "package": {
            "name": "variantformer-hf",
            "version": __version__,
            "torch": str(torch.__version__),
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
        "model": asdict(identity),
        "inputs": inputs,
        "settings": {**options.as_dict(), "precision": precision, "device": device},
        "units": {
            "log1p_tpm": "ln(1 + TPM); microarray scale for the tissue 'blood'",
            "tpm": "transcripts per million",
        },
        "genes": {"predicted": len(query.genes), "left_out": query.left_out, "status": dict(status)},
        "tissues": [tissue.name for tissue in query.tissues],
        "rejected": [asdict(entry) for entry in query.rejected],
        "reference_agreement": None if agreement is None else asdict(agreement),
        "damage": list(damage),
        "samples": {
            sample: {
                **tally.to_dict(),
                "calls_not_diploid": calls_not_diploid[sample],
                "genes_by_status": dict(statuses[sample]),
                "genes_by_reason": {reason: count for reason, count in reasons[sample].items() if reason},
            }
            for sample, tally in tallies.items()
        },
    }
