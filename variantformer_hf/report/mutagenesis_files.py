"""In-silico mutagenesis as arrays and as tracks of a genome browser."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.input_gradients import InputGradients
from ..analysis.mutagenesis import BASES, Mutagenesis
from ..errors import InputError
from ..files import whole_file

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
        found: with substitutions, of one gene; or gradients.
        path: ends in .bedGraph or .bw; the tissue is put before it.
        contigs: lengths, for bigWig.

    Raises:
        InputError: another suffix; bigWig without pyBigWig.
    """
    if path.suffix not in (".bedGraph", ".bw"):
        raise InputError("is no track", file=path, remedy="End the name in .bedGraph or .bw.")
    ordered = sorted(found, key=lambda each: each.interval)
    written = []
    for place, (tissue, target) in enumerate(zip(found[0].tissues, track_paths(path, found[0].tissues), strict=True)):
        rows = _merged([(each, each.per_base()[:, place]) for each in ordered])
        with whole_file(target) as partial:
            if path.suffix == ".bw":
                _write_bigwig(rows, partial, contigs)
            else:
                lines = [f"{chrom}\t{start}\t{start + 1}\t{value:.6g}\n" for chrom, start, value in rows]
                what = "largest effect" if isinstance(found[0], Mutagenesis) else "input x gradient"
                title = f'name="{found[0].gene_id} {tissue}" description="{what}, {found[0].unit.label}"'
                label = f"track type=bedGraph {title}\n"
                partial.write_text(label + "".join(lines))
        written.append(target)
    return written


def track_paths(path: Path, tissues: Sequence[str]) -> list[Path]:
    """The files that :func:`write_tracks` writes for ``path``."""
    names = ("".join(letter if letter.isalnum() else "_" for letter in tissue) for tissue in tissues)
    return [path.with_name(f"{path.stem}.{name}{path.suffix}") for name in names]


def _merged(tracks: Sequence[tuple[Mutagenesis | InputGradients, np.ndarray]]) -> list[tuple[str, int, float]]:
    """(contig, position, value) of all bases, each once."""
    values: dict[tuple[str, int], float] = {}
    for each, track in tracks:
        for place, value in enumerate(track.tolist()):
            if not np.isnan(value):
                values.setdefault((each.interval.chrom, each.interval.start + place), value)
    return [(chrom, start, value) for (chrom, start), value in sorted(values.items())]


def check_tracks(path: Path) -> None:
    """Refuse a track that cannot be written, before anything is computed.

    Raises:
        InputError: as for :func:`write_tracks`.
    """
    if path.suffix not in (".bedGraph", ".bw"):
        raise InputError("is no track", file=path, remedy="End the name in .bedGraph or .bw.")
    if path.suffix == ".bw":
        _bigwig_module()


def _bigwig_module() -> Any:
    try:
        import pyBigWig
    except ImportError as error:
        raise InputError(
            "bigWig needs the package pyBigWig",
            remedy="Install it: pip install 'variantformer-hf[tracks]', or write .bedGraph.",
        ) from error
    return pyBigWig


def _write_bigwig(rows: Sequence[tuple[str, int, float]], path: Path, contigs: Mapping[str, int]) -> None:
    chroms = list(dict.fromkeys(chrom for chrom, _, _ in rows))
    file = _bigwig_module().open(str(path), "w")
    try:
        file.addHeader([(chrom, contigs[chrom]) for chrom in chroms])
        starts = [start for _, start, _ in rows]
        ends = [start + 1 for start in starts]
        file.addEntries([chrom for chrom, _, _ in rows], starts, ends=ends, values=[value for _, _, value in rows])
    finally:
        file.close()
