"""What a run will take: model work, time and memory, before it begins."""

from collections.abc import Sequence

import numpy as np
import torch

from ...modeling import VariantFormerConfig, VariantFormerProcessor
from ..estimate import SHARE_OF_PEAK, RunEstimate, known_matmul_speed
from ..gene_regions import GeneRegions
from .engine import ExpressionEngine
from .flops import estimate_flops

# A token is 3.8 bases of the human genome; a cCRE of 350 bases has about 93.
BASES_PER_TOKEN = 3.8
# Of a person's cCREs, how many differ from the reference: at a difference in 1,000 bases, those of 350 bases.
SHARE_THAT_DIFFERS = 0.3


def estimate_run(
    engine: ExpressionEngine,
    processor: VariantFormerProcessor,
    regions: Sequence[GeneRegions],
    *,
    n_people: int,
    n_tissues: int,
    with_variants: bool,
    n_processes: int = 1,
) -> RunEstimate:
    """Estimate a run.

    Args:
        engine: the model at work; its store, if any, is taken to hold the reference's cCREs.
        processor: the model's.
        regions: of the genes.
        n_people, n_tissues: how many.
        with_variants: the people differ from the reference.
        n_processes: processes that share the run.
    """
    config = engine.model.config
    sizes = np.array([len(each.starts) for each in regions])
    lengths = np.array([each.window.end - each.window.start for each in regions])
    per_row = BASES_PER_TOKEN * processor.token_length
    windows = np.clip(np.ceil(lengths / per_row), 1, processor.max_gene_windows).astype(int)
    tokens = _tokens_of_a_cre(regions, processor)
    reference = _distinct_cres(regions)
    differing = int(reference * SHARE_THAT_DIFFERS) * n_people if with_variants else 0
    to_encode = differing + (0 if engine.store is not None and len(engine.store) else reference)
    flops = _encoding(config, to_encode, tokens)
    # Genes of a like size cost alike: what a few of them cost is enough to know.
    kinds, counts = np.unique(np.stack([_rounded(sizes), _rounded(windows)]), axis=1, return_counts=True)
    for (n_cres, n_windows), count in zip(kinds.T.tolist(), counts.tolist(), strict=True):
        of_gene = estimate_flops(
            config, n_cres, cre_tokens=tokens, n_windows=n_windows, n_tissues=n_tissues, encoded_cres=0
        )
        flops += of_gene.total * count * n_people
    batches = len(engine.batches(sizes.tolist())) * n_people
    memory = _memory(config, engine.model, int(sizes.max(initial=1)), int(windows.max(initial=1)), n_tissues)
    return RunEstimate(
        genes=len(regions),
        people=n_people,
        tissues=n_tissues,
        cres=float(sizes.mean()) if len(sizes) else 0.0,
        batches=batches,
        cres_to_encode=to_encode,
        flops=flops,
        seconds=flops / (SHARE_OF_PEAK * known_matmul_speed(engine.model.device, engine.model.dtype)) / n_processes,
        memory=memory,
    )


def _encoding(config: VariantFormerConfig, n_cres: int, tokens: float) -> float:
    one = estimate_flops(config, 1, cre_tokens=max(1, round(tokens)), n_windows=1, n_tissues=1, encoded_cres=1)
    return float(one.element_encoder) * n_cres


def _tokens_of_a_cre(regions: Sequence[GeneRegions], processor: VariantFormerProcessor) -> int:
    bases = np.concatenate([np.zeros(0), *(each.ends - each.starts for each in regions)])
    return int(min(processor.token_length, max(1.0, bases.mean() / BASES_PER_TOKEN))) if len(bases) else 1


def _distinct_cres(regions: Sequence[GeneRegions]) -> int:
    """cCREs of all genes, each once a strand."""
    count = 0
    for strand in "+-":
        rows = [each.cre_rows for each in regions if each.gene.strand == strand]
        count += len(np.unique(np.concatenate(rows))) if rows else 0
    return count


def _rounded(values: np.ndarray) -> np.ndarray:
    """Values to within a few per cent, so that there are few different ones."""
    step = np.maximum(1, 10 ** np.floor(np.log10(np.maximum(values, 1)) - 1)).astype(int)
    return np.maximum(1, np.round(values / step).astype(int) * step)


def _memory(config: VariantFormerConfig, model: torch.nn.Module, n_cres: int, n_windows: int, n_tissues: int) -> float:
    """Weights, the largest tables of scores and the widest activations of one gene."""
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    size = next(model.parameters()).element_size()
    heads, width, rows = config.num_attention_heads, config.hidden_size, n_tissues * (n_windows + 1)
    scores = heads * n_cres**2 * size
    streams = (n_cres + 2 * rows) * width * 4
    block = min(rows, 8_192 + n_windows) * (3 * width + config.intermediate_size) * 4
    contexts = 2 * n_cres * width * size
    return float(weights + 2 * scores + streams + 3 * block + contexts)
