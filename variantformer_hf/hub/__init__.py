"""Publishing model folders to the Hugging Face Hub."""

from typing import TYPE_CHECKING

from ..lazy_names import lazy_names

_MODULE_OF_NAME = {
    "card_problems": ".card",
    "check_folder": ".folder_check",
    "Publication": ".publication",
    "PublishedFile": ".publication",
    "plan_publication": ".publication",
    "publish": ".publication",
}

__all__ = ["Publication", "PublishedFile", "card_problems", "check_folder", "plan_publication", "publish"]

if TYPE_CHECKING:
    from .card import card_problems
    from .folder_check import check_folder
    from .publication import Publication, PublishedFile, plan_publication, publish

__getattr__ = lazy_names(__name__, _MODULE_OF_NAME)
