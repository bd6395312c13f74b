"""What a model folder holds, and what is checked of it before it is published: plain rules, good for most families."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import InputError
from ..folder import GENES_FILE
from .companions import COMPANIONS
from .model_files import model_file
from .self_test import self_test

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from .gene_model import GeneModel

CARD = "README.md"
_TOLERANCE = 1e-5
# What folders of all families hold.
_OF_ALL = re.compile(
    r"README\.md|LICENSE(\.\w+)?|NOTICE|\.gitattributes|config\.json|model\.safetensors"
    r"|model-\d{5}-of-\d{5}\.safetensors|model\.safetensors\.index\.json"
)


class ModelFolder:
    """Rules of a family's folders; plain: config, weights and a table of genes, and no code of the model beside them.

    The module of a subclass is read for every folder that is not known at once: what is heavy, or of an extra, it
    imports where it checks.

    Attributes:
        files: names, or patterns of names, of what a folder may hold beside what all folders hold.
        companions: names of the files that belong with the weights, see ``write_companions``.
    """

    files: ClassVar[tuple[str, ...]] = (GENES_FILE,)
    companions: ClassVar[tuple[str, ...]] = COMPANIONS

    def holds(self, name: str) -> bool:
        """Whether a file of a name belongs to such a folder."""
        return _OF_ALL.fullmatch(name) is not None or any(fnmatchcase(name, pattern) for pattern in self.files)

    def check_code(self, folder: Path) -> None:
        """Hold the model's code in a folder, for readers without this package, to that of this version.

        Raises:
            InputError: it is missing, or other code.
        """

    def refresh_code(self, folder: Path) -> None:
        """Write the model's code of this version into a folder, and name it in the configs.

        Raises:
            InputError: no code travels with such a model.
        """
        raise InputError(
            "is a model whose code does not travel with it", file=folder, remedy="Leave out --refresh-code."
        )

    def check(self, folder: Path, kind: "type[GeneModel] | None") -> None:
        """Check what a reader of a folder will rely on; its config, companions, code and card are checked already.

        Plain: it is loaded in float32, and a gene of a random genome is predicted twice.

        Args:
            folder: the folder.
            kind: class of its models; None = they predict no genes.

        Raises:
            InputError: the first thing that is wrong.
        """
        if kind is None:
            raise TypeError(f"{type(self).__name__} does not say how a model that predicts no genes is checked")
        model = kind.load(folder, device="cpu", precision="float32")
        if not len(model.gene_table):
            raise InputError("has a table without a row", file=folder / GENES_FILE)
        self_test(model, folder)


def check_twice(folder: Path, compute: "Callable[[], torch.Tensor]") -> None:
    """Refuse a network whose numbers of made sequences are not finite, or not the same when they are computed again.

    Args:
        folder: that it is from, for messages.
        compute: gives them.

    Raises:
        InputError: it is so.
    """
    import torch

    with torch.inference_mode():
        first, second = compute(), compute()
    if not bool(torch.isfinite(first).all()):
        raise InputError("fails its self-test: predictions of random sequences are not finite", file=folder)
    if not torch.allclose(first, second, atol=_TOLERANCE):
        raise InputError("fails its self-test: the same sequences give different predictions", file=folder)


def read_config(folder: Path, name: str) -> dict[str, Any]:
    """A folder's JSON of settings.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = model_file(folder, name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError("is not a JSON file", file=path) from error
    if not isinstance(content, dict):
        raise InputError("is not a table of settings", file=path)
    return content
