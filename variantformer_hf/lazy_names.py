"""Public names of a package that load their module on first use."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, module_of_name: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__``.

    Args:
        package: its ``__name__``.
        module_of_name: public name -> module that has it, absolute or relative to the package.
    """

    def load(name: str) -> Any:
        if name not in module_of_name:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(module_of_name[name], package), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
