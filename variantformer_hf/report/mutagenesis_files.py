"""In-silico mutagenesis as arrays and as tracks of a genome browser."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.input_gradients import InputGradients
from ..analysis.mutagenesis import BASES, Mutagenesis
from ..files import whole_file
from .tracks import TrackRows, check_track, track_paths, write_track

ARRAYS = ("substitutions", "deletions", "shuffles", "noise_floor")


def write_gradients(found: Sequence[InputGradients], path: Path, metadata: Mapping[str, Any]) -> Path:
    """Write arrays as safetensors: ``NUMBER.gradients`` and ``NUMBER.input_x_gradient`` (L, 4, T), as of a scan.

    The header is that of :func:`write_mutagenesis`.
    """
    tensors: dict[str, np.ndarray] = {}
    for number, each in enumerate(found):
        tensors[f"{number}.gradients"] = each.gradients
        tensors[f"{number}.input_x_gradient"] = each.input_x_gradient
        tensors[f"{number}.{each.unit.column}"] = each.base
    return _written(tensors, [_header(each) for each in found], path, metadata)


def write_mutagenesis(found: Sequence[Mutagenesis], path: Path, metadata: Mapping[str, Any]) -> Path:
    """Write arrays as safetensors: ``NUMBER.substitutions`` (L, 4, T) and so on, a number for each stretch.

    The header's ``variantformer`` (JSON) holds, beside ``metadata``, for each stretch chrom, start, end (0-based
    half-open), gene_id, reference bases, and the order of bases and tissues.
    """
    tensors, stretches = {}, []
    for number, each in enumerate(found):
        for name in ARRAYS:
            array = getattr(each, name)
            if array is not None:
                tensors[f"{number}.{name}"] = array
        tensors[f"{number}.{each.unit.column}"] = each.base
        stretches.append({**_header(each), "shuffle_window": each.shuffle_window, "conflicts": each.conflicts})
    return _written(tensors, stretches, path, metadata)


def _header(found: Mutagenesis | InputGradients) -> dict[str, Any]:
    """What is said of a stretch."""
    return {
        "chrom": found.interval.chrom,
        "start": found.interval.start,
        "end": found.interval.end,
        "gene_id": found.gene_id,
        "reference": found.reference,
        "bases": BASES,
        "tissues": list(found.tissues),
        "unit": found.unit.name,
    }


def _written(
    tensors: Mapping[str, np.ndarray], stretches: Sequence[Mapping[str, Any]], path: Path, metadata: Mapping[str, Any]
) -> Path:
    from safetensors.numpy import save_file

    header = {"variantformer": json.dumps({**metadata, "stretches": stretches})}
    with whole_file(path) as partial:
        save_file({name: np.ascontiguousarray(each) for name, each in tensors.items()}, partial, metadata=header)
    return path


def write_tracks(found: Sequence[Mutagenesis | InputGradients], path: Path, contigs: Mapping[str, int]) -> list[Path]:
    """Write the largest effect of each base, or its input x gradient, as tracks: PATH.TISSUE.bedGraph or .bw each.

    Args:
        found: with substitutions, of one gene; or gradients. Where stretches overlap, the one that begins first counts.
        path: ends in .bedGraph or .bw; the tissue is put before it.
        contigs: lengths, for bigWig.

    Raises:
        InputError: another suffix; bigWig without pyBigWig.
    """
    check_track(path)
    ordered = sorted(found, key=lambda each: each.interval)
    what = "largest effect" if isinstance(found[0], Mutagenesis) else "input x gradient"
    starts = np.concatenate([np.arange(each.interval.start, each.interval.end) for each in ordered])
    values = np.concatenate([each.per_base() for each in ordered])
    return [
        write_track(
            TrackRows(ordered[0].interval.chrom, starts, starts + 1, values[:, place]),
            target,
            contigs,
            name=f"{found[0].gene_id} {tissue}",
            description=f"{what}, {found[0].unit.label}",
        )
        for place, (tissue, target) in enumerate(
            zip(found[0].tissues, track_paths(path, [[each] for each in found[0].tissues]), strict=True)
        )
    ]
