"""What VariantFormer's folders hold, of both stages, and what is checked of them before they are published."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ...errors import InputError
from ...folder import CRES_FILE, GENES_FILE
from ..companions import check_companions, companions_of, write_companions
from ..model_folder import ModelFolder, read_config

if TYPE_CHECKING:
    from ..gene_model import GeneModel


class VariantFormerFolder(ModelFolder):
    """Rules of the folders of one stage."""

    files: ClassVar[tuple[str, ...]] = (
        GENES_FILE,
        CRES_FILE,
        "processor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "*_variantformer.py",
    )

    def check_code(self, folder: Path) -> None:
        """Hold the model's code to that of this version, see :class:`ModelFolder`."""
        from ...modeling.variantformer import custom_code_variantformer as code

        remedy = "Write it anew with `variantformer publish --refresh-code`."
        config = read_config(folder, "config.json")
        for name, found, wanted in (
            ("config.json", config, code.AUTO_MAPS[config["model_type"]]),
            ("processor_config.json", read_config(folder, "processor_config.json"), code.PROCESSOR_AUTO_MAP),
        ):
            if found.get("auto_map") != wanted:
                raise InputError(f"{name} does not name the model's code (auto_map)", file=folder, remedy=remedy)
        for name in sorted({*code.MODEL_FILES, *code.PROCESSOR_FILES}):
            if not (folder / name).is_file():
                raise InputError(f"lacks the model's code: {name}", file=folder, remedy=remedy)
            if (folder / name).read_bytes() != (code.CODE_FOLDER / name).read_bytes():
                raise InputError(f"{name} is not the code of this version of the package", file=folder, remedy=remedy)

    def refresh_code(self, folder: Path) -> None:
        """Write the model's code of this version, see :class:`ModelFolder`."""
        from ...modeling.variantformer.custom_code_variantformer import add_model_code, add_processor_code

        read_config(folder, "processor_config.json")
        if companions_of(folder) is not None:
            check_companions(folder)
        add_model_code(folder)
        add_processor_code(folder)
        write_companions(folder, self.companions)


class ExpressionFolder(VariantFormerFolder):
    """Rules of the folders of models of expression."""

    def check(self, folder: Path, kind: "type[GeneModel] | None") -> None:
        """Tokenizer, tables, and two predictions of random sequences, see :class:`ModelFolder`."""
        from .folder_check import check_expression_folder

        check_expression_folder(folder)


class EncoderFolder(VariantFormerFolder):
    """Rules of the folders of stage-1 models."""

    def check(self, folder: Path, kind: "type[GeneModel] | None") -> None:
        """Tokenizer, and two predictions of random sequences, see :class:`ModelFolder`."""
        from .folder_check import check_encoder_folder

        check_encoder_folder(folder)


EXPRESSION = ExpressionFolder()
ENCODER = EncoderFolder()
