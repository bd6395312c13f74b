"""The task ``personal-gene-expression`` of ``transformers.pipeline``; importing this module registers it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import Pipeline
from transformers.pipelines import PIPELINE_REGISTRY

from .errors import InputError
from .folder import CRES_FILE, GENES_FILE
from .genome.cres import CreTable
from .genome.genes import GeneTable
from .genome.reference import ReferenceGenome
from .inference.predictor import ExpressionPredictor
from .inference.query import RejectedQueryError, rejected_names
from .modeling import VariantFormerForExpression, VariantFormerProcessor
from .zoo.companions import check_companions
from .zoo.model_files import model_file, model_identity
from .zoo.outputs import TissueNames
from .zoo.variantformer.gene_model import VariantFormerGeneModel
from .zoo.variantformer.loading import load_expression_model

TASK = "personal-gene-expression"


class PersonalGeneExpressionPipeline(Pipeline):
    """Expression of genes, from a person's genome or from sequences that are ready.

    ``pipe(fasta=..., vcf=..., genes=[...], tissues=[...])`` predicts people: a list of rows (dicts) with sample,
    gene_id, gene_name, tissue, log1p_tpm, tpm, status and reason, one per sample, gene and tissue; arguments as of
    :meth:`ExpressionPredictor.predict`.

    ``pipe({"cre_sequences": [...], "cre_classes": [...], "gene_sequence": "..."}, tissues=[...])`` predicts a gene from
    its sequences, in the gene's orientation and the model's order: a list of rows with tissue, log1p_tpm and tpm. A
    list of such dicts gives a list of such lists. ``tissues`` left out means all tissues of the model.
    """

    _load_processor = True
    _load_tokenizer = False
    _load_image_processor = False
    _load_feature_extractor = False
    _pipeline_calls_generate = False

    model: VariantFormerForExpression
    processor: VariantFormerProcessor

    def __init__(self, model: VariantFormerForExpression, *arguments: Any, **options: Any) -> None:
        super().__init__(model, *arguments, **options)
        self._predictor: ExpressionPredictor | None = None
        self._tissues = TissueNames(self.model.config.tissues or ())
        self.model.eval()

    def __call__(self, inputs: Any = None, *, fasta: str | Path | ReferenceGenome | None = None, **options: Any) -> Any:
        """Predict; see the class.

        Raises:
            InputError: neither a genome nor sequences were given, or both; or as of ``ExpressionPredictor.predict``.
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
        """The model with the tables of its folder."""
        if self._predictor is None:
            name, revision = self.model.name_or_path, getattr(self.model.config, "_commit_hash", None)
            self._predictor = ExpressionPredictor(
                VariantFormerGeneModel(
                    self.model,
                    self.processor,
                    GeneTable.read(model_file(name, GENES_FILE, revision=revision)),
                    CreTable.read(model_file(name, CRES_FILE, revision=revision)),
                    identity=model_identity(name, revision=revision),
                    device=str(self.device),
                    precision=str(self.model.dtype).removeprefix("torch."),
                )
            )
        return self._predictor

    def _sanitize_parameters(
        self, tissues: Sequence[str] | None = None, **unknown: Any
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if unknown:
            raise TypeError(f"sequences are predicted with tissues= only, not with {', '.join(sorted(unknown))}=")
        names = {} if tissues is None else {"tissues": tissues}
        return {}, names, {}

    def preprocess(self, inputs: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Model inputs of one gene."""
        wanted = {"cre_sequences", "cre_classes", "gene_sequence"}
        if not isinstance(inputs, dict) or inputs.keys() != wanted:
            raise InputError(f"sequences are given as a dict of {', '.join(sorted(wanted))}")
        return dict(self.processor(**inputs, return_tensors="pt"))

    def _forward(self, inputs: dict[str, Any], tissues: Sequence[str] | None = None, **_: Any) -> dict[str, Any]:
        found, unknown = (list(self._tissues.named), []) if tissues is None else self._tissues.resolve(tissues)
        if unknown:
            raise RejectedQueryError(rejected_names("tissue", unknown))
        ids = torch.tensor([[tissue.id for tissue in found]], device=self.device)
        logits = self.model(**inputs, tissue_ids=ids).logits
        return {"logits": logits, "tissues": [tissue.name for tissue in found]}

    def postprocess(self, outputs: dict[str, Any], **_: Any) -> list[dict[str, Any]]:
        """Rows of one gene."""
        log1p_tpm = outputs["logits"][0].float()
        values = zip(outputs["tissues"], log1p_tpm.tolist(), torch.expm1(log1p_tpm).tolist(), strict=True)
        return [{"tissue": tissue, "log1p_tpm": value, "tpm": tpm} for tissue, value, tpm in values]


class _StrictLoader:
    """What ``pipeline`` loads a model by name with: all weights and no others, as ``ExpressionPredictor`` does."""

    @classmethod
    def from_pretrained(
        cls,
        model: str,
        *,
        revision: str | None = None,
        dtype: torch.dtype | str = "auto",
        force_companions: bool = False,
        **options: Any,
    ) -> VariantFormerForExpression:
        check_companions(model, revision=revision, force=force_companions)
        for unused in ("trust_remote_code", "code_revision", "_from_pipeline", "config"):
            options.pop(unused, None)
        if not isinstance(dtype, torch.dtype):
            saved = json.loads(model_file(model, "config.json", revision=revision).read_text()).get("dtype")
            dtype = saved or "float32" if dtype == "auto" else dtype
        chosen = dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype)
        return load_expression_model(model, dtype=chosen, revision=revision, **options)


PIPELINE_REGISTRY.register_pipeline(
    TASK, pipeline_class=PersonalGeneExpressionPipeline, pt_model=_StrictLoader, type="multimodal"
)
