"""The task ``personal-gene-expression`` of ``transformers.pipeline``; importing this module registers it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import Pipeline, PreTrainedModel
from transformers.pipelines import PIPELINE_REGISTRY

from .errors import InputError
from .genome.reference import ReferenceGenome
from .inference.predictor import ExpressionPredictor
from .inference.query import RejectedQueryError, rejected_names
from .zoo.families import family_of, gene_model_class, load_gene_model
from .zoo.gene_model import GeneModel
from .zoo.model_files import model_file

TASK = "personal-gene-expression"


class PersonalGeneExpressionPipeline(Pipeline):
    """Expression of genes by any model of the zoo, from a person's genome or from sequences that are ready.

    ``pipe(fasta=..., vcf=..., genes=[...], tissues=[...])`` predicts people: a list of rows (dicts) with sample,
    gene_id, gene_name, tissue, log1p_tpm, tpm, status and reason, one per sample, gene and tissue; arguments as of
    :meth:`ExpressionPredictor.predict`. A model in another unit has ``expression`` instead of log1p_tpm and tpm.

    ``pipe(sequences, tissues=[...])`` predicts a gene from its sequences, in the gene's orientation and the model's
    order, where the model reads such; VariantFormer takes ``{"cre_sequences": [...], "cre_classes": [...],
    "gene_sequence": "..."}``. It gives a list of rows with tissue, log1p_tpm and tpm, or ``expression``; a list of such
    inputs gives a list of such lists. ``tissues`` left out means all tissues of the model.
    """

    _load_processor = False
    _load_tokenizer = False
    _load_image_processor = False
    _load_feature_extractor = False
    _pipeline_calls_generate = False

    model: PreTrainedModel

    def __init__(self, model: PreTrainedModel, *arguments: Any, processor: Any = None, **options: Any) -> None:
        found: GeneModel = model.__dict__.pop("gene_model", None) or _gene_model_of(model)
        if processor is not None:
            if not hasattr(found, "processor"):
                raise InputError(f"models of the type {found.model_type!r} have no processor", remedy="Leave it out.")
            found.processor = processor
        super().__init__(model, *arguments, processor=getattr(found, "processor", None), **options)
        self._gene_model = found
        self.model.eval()

    def __call__(self, inputs: Any = None, *, fasta: str | Path | ReferenceGenome | None = None, **options: Any) -> Any:
        """Predict; see the class.

        Raises:
            InputError: neither a genome nor sequences were given, or both; the model reads no sequences that are ready;
                or as of ``ExpressionPredictor.predict``.
        """
        if (fasta is None) == (inputs is None):
            raise InputError(
                "give a genome (fasta=, and vcf= for a person) or sequences, one of them",
                remedy="For example pipe(fasta='GRCh38.fa', vcf='person.vcf.gz', genes=['APOE']).",
            )
        if fasta is not None:
            table = self.predictor.predict(fasta, **options).astype({"reason": object})
            return table.assign(reason=table["reason"].where(table["reason"].notna(), None)).to_dict("records")
        return super().__call__(inputs, **options)

    @property
    def predictor(self) -> ExpressionPredictor:
        """The model with the tables of its folder.

        Raises:
            InputError: the model is in a type that it does not predict people in.
        """
        self._gene_model.follow_network()
        return ExpressionPredictor(self._gene_model)

    def _sanitize_parameters(
        self, tissues: Sequence[str] | None = None, **unknown: Any
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if unknown:
            raise TypeError(f"sequences are predicted with tissues= only, not with {', '.join(sorted(unknown))}=")
        names = {} if tissues is None else {"tissues": tissues}
        return names, {}, {}

    def preprocess(self, inputs: Any, tissues: Sequence[str] | None = None, **_: Any) -> dict[str, Any]:
        """Model inputs of one gene."""
        names = self._gene_model.tissue_names
        found, unknown = (list(names.named), []) if tissues is None else names.resolve(tissues)
        if unknown:
            raise RejectedQueryError(rejected_names("tissue", unknown))
        batch = self._gene_model.ready_batch(inputs, [tissue.id for tissue in found])
        return {"batch": batch, "tissues": [tissue.name for tissue in found]}

    def _forward(self, inputs: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"logits": self.model(**inputs["batch"]).logits, "tissues": inputs["tissues"]}

    def postprocess(self, outputs: dict[str, Any], **_: Any) -> list[dict[str, Any]]:
        """Rows of one gene."""
        unit, values = self._gene_model.unit, outputs["logits"][0].float()
        columns = {unit.column: values.tolist()}
        if unit.is_log1p_tpm:
            columns["tpm"] = torch.expm1(values).tolist()
        rows = zip(*columns.values(), strict=True)
        return [
            {"tissue": tissue, **dict(zip(columns, row, strict=True))}
            for tissue, row in zip(outputs["tissues"], rows, strict=True)
        ]


def _gene_model_of(network: PreTrainedModel) -> GeneModel:
    """What the folder that a network was loaded from says of it; the network stays as it is.

    Raises:
        InputError: it was not loaded from a folder or a repository.
    """
    if not network.name_or_path:
        raise InputError("the model was not loaded from a folder", remedy="Save it, and give the folder: model=FOLDER.")
    revision = getattr(network.config, "_commit_hash", None)
    found = load_gene_model(network.name_or_path, revision=revision, device="cpu")
    found.network = network
    return found


class _StrictLoader:
    """What ``pipeline`` loads a model by name with: as ``ExpressionPredictor`` does, which is handed on with it."""

    @classmethod
    def from_pretrained(
        cls,
        model: str,
        *,
        revision: str | None = None,
        dtype: torch.dtype | str = "auto",
        device_map: Any = None,
        **options: Any,
    ) -> PreTrainedModel:
        for unused in ("trust_remote_code", "code_revision", "_from_pipeline", "config"):
            options.pop(unused, None)
        if not isinstance(dtype, torch.dtype):
            saved = json.loads(model_file(model, "config.json", revision=revision).read_text()).get("dtype")
            dtype = getattr(torch, saved or "float32" if dtype == "auto" else dtype)
        precision = str(dtype).removeprefix("torch.")
        kind = gene_model_class(family_of(model, revision=revision), model)
        loaded = load_gene_model(
            model,
            revision=revision,
            device="cpu" if device_map is None else str(device_map),
            precision=precision if precision in kind.precisions else "float32",
            **options,
        )
        network: PreTrainedModel = loaded.network.to(dtype=dtype)
        network.gene_model = loaded  # the pipeline takes it from there
        return network


PIPELINE_REGISTRY.register_pipeline(
    TASK, pipeline_class=PersonalGeneExpressionPipeline, pt_model=_StrictLoader, type="multimodal"
)
