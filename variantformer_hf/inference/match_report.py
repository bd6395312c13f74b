"""What a run read, used and left out, and what it was made with: a dictionary ready for JSON."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
import transformers

from ..genome.cohort_files import fingerprints
from ..genome.cohort_rows import WHOLE_FILE
from ..genome.doctor import Agreement
from ..genome.provenance import fingerprint
from ..version import __version__
from .request import OpenedRequest


def match_report(
    asked: OpenedRequest,
    *,
    agreement: Agreement | None,
    statuses: Mapping[str, int],
    damage: Sequence[str],
    samples: Mapping[str, Any],
    whole_file_checksums: bool,
) -> dict[str, Any]:
    """The report of a run.

    Args:
        asked: the run.
        agreement: of the records' REF alleles with the FASTA.
        statuses: how many genes of all people have each status.
        damage: what was met and mended in stores.
        samples: name -> what was counted of the person, see ``SampleCounts.to_dict``; or what says where that is.
        whole_file_checksums: hash the whole input files.

    Returns:
        package, model, inputs (with fingerprints; of several VCFs a list; formats: what genotypes that are no VCF do
        not hold, and what was met in them that is read otherwise than it stands), settings, genes and tissues
        (predicted, left out, rejected), reference_agreement, damage, samples.
    """
    model, query = asked.opened.model, asked.query
    inputs: dict[str, Any] = {"fasta": fingerprint(asked.reference.path, whole_file_checksums)}
    if asked.vcf is not None:
        inputs["vcf"] = fingerprints(asked.vcf, whole_file_checksums)
        inputs["formats"] = _formats(asked, agreement)
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
        "settings": {
            **asked.options.as_dict(),
            "precision": model.precision,
            "device": str(model.device),
            **model.settings(),
        },
        "unit": model.unit.name,
        "units": model.unit.columns(),
        "genes": {"predicted": len(query.genes), "left_out": query.left_out, "status": dict(statuses)},
        "tissues": [tissue.name for tissue in query.tissues],
        "rejected": [asdict(entry) for entry in query.rejected],
        "reference_agreement": None if agreement is None else _without_formats(agreement),
        "damage": list(damage),
        "samples": dict(samples),
    }


def _without_formats(agreement: Agreement) -> dict[str, Any]:
    return {name: value for name, value in asdict(agreement).items() if name != "formats"}


def _formats(asked: OpenedRequest, agreement: Agreement | None) -> list[dict[str, Any]]:
    """What genotypes that are no VCF do not hold, and what was met in them that is read otherwise than it stands.

    It was counted in the whole file where there is a store of it, else in the records looked at before the run.
    """
    of_person = asked.people.first.formats
    if agreement is None or all(note["counted_in"] == WHOLE_FILE for note in of_person):
        return of_person
    return list(agreement.formats)
