"""Weights of a VariantFormer folder are read once a process: for a small model, most of a command's time goes there."""

import copy
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

# More are folders of tests that are over.
_MOST = 8


def load_once(models: ModuleType) -> None:
    """Have ``models.load_expression_model`` give copies of what it gave for the same folder, files and options.

    Args:
        models: ``variantformer_hf.zoo.variantformer.gene_model``. What does not load is loaded anew each time.
    """
    load = models.load_expression_model
    if hasattr(load, "__wrapped__"):
        return
    known: dict[str, Any] = {}

    @wraps(load)
    def once(model: str | Path, **options: Any) -> Any:
        if not Path(model).is_dir():
            return load(model, **options)
        files = [(path.name, path.stat()) for path in sorted(Path(model).iterdir())]
        seen = [(name, found.st_size, found.st_mtime_ns, found.st_ino) for name, found in files]
        key = repr((str(model), seen, sorted(options.items())))
        if key not in known:
            known[key] = load(model, **options)
            if len(known) > _MOST:
                del known[next(iter(known))]
        return copy.deepcopy(known[key])

    models.load_expression_model = once  # type: ignore[attr-defined]
