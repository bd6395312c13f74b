"""What VariantFormer's authors released, and where each file stands: in their bucket, and in local copies of it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..errors import InputError

BUCKET = "s3://czi-variantformer"
# The two vocabularies are in the code repository, not in the bucket; MIT.
CODE = "https://raw.githubusercontent.com/czi-ai/variantformer/main"
MODELS = ("pcg", "ag")
_AF_CONTIGS = [*map(str, range(1, 23)), "X", "Y"]
VOCABULARY = "vocabs/bpe_vocabulary_500_using_huggingface.json"
TISSUES = "vocabs/tissue_vocab.yaml"
# SHA-256 of their content, spelled one way: what the released weights were trained with.
_VOCABULARY_HASH = "f36941d3f688554cb14cc061bdeca9031d99ab7f8ba094ca8ef5ffb7bb0296d2"
_TISSUES_HASH = "f9ab90015c9c964923806581715f52a360da405e434f42e5ed6c5540ffcac2bd"


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """A file of the release.

    Attributes:
        key: its path in the bucket, or in the code repository.
        what: the group that it is asked for by.
        local_names: what the released downloader and older copies call it, relative to their folder.
        models: models that need it; empty = all.
        in_code: it stands in the code repository.
    """

    key: str
    what: str
    local_names: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    in_code: bool = False


FILES: tuple[ReleasedFile, ...] = (
    ReleasedFile("model/v4_pcg/checkpoint.pth", "weights", ("v4_pcg_epoch11_checkpoint.pth",), ("pcg",)),
    ReleasedFile("model/v4_ag/checkpoint.pth", "weights", ("v4_ag_epoch9_checkpoint.pth",), ("ag",)),
    ReleasedFile("model/v4_pcg/tokenizer_checkpoint.pth", "weights", ("pretrained_tokenizers_checkpoint.pth",)),
    ReleasedFile(
        VOCABULARY,
        "weights",
        ("bpe_vocabulary_500_using_huggingface.json", "bpe_vocabulary_500.json", "vocabs/bpe_vocabulary_500.json"),
        in_code=True,
    ),
    ReleasedFile(TISSUES, "weights", ("tissue_vocab.yaml",), in_code=True),
    ReleasedFile("model/v4_pcg/all_genes_gencodeV24.csv", "genes", ("all_genes_v1_pcg_gencodeV24.csv",), ("pcg",)),
    ReleasedFile("model/v4_ag/all_genes_gencodeV24.csv", "genes", ("all_genes_ag_gencodeV24.csv",), ("ag",)),
    ReleasedFile("model/common/ENCFF234XEZ.bed.gz", "cres", ("ENCFF234XEZ.bed.gz",)),
    ReleasedFile(
        "data/GRCh38_no_alt_analysis_set_GCA_000001405.15.fasta.gz",
        "reference",
        ("GRCh38_no_alt_analysis_set_GCA_000001405.15.fasta.gz",),
    ),
    ReleasedFile("data/HG00096.vcf.gz", "example", ("HG00096.vcf.gz",)),
    ReleasedFile("data/HG00096.vcf.gz.tbi", "example", ("HG00096.vcf.gz.tbi",)),
    *(
        ReleasedFile(
            f"data/1KG_af_hg38_tables/1KG_hg38_af_chr{name}.tsv",
            "frequencies",
            (f"1KG_af_hg38_tables/1KG_hg38_af_chr{name}.tsv",),
        )
        for name in _AF_CONTIGS
    ),
)
_BY_KEY = {file.key: file for file in FILES}
# Groups of which the bucket's listing says what they hold, by their folders.
FOLDERS: dict[str, tuple[str, ...]] = {
    "maps": ("model/common/cres_all_genes_manifest.parquet", "model/common/cres_all_genes"),
    "populations": (
        "model/common/reference_genomes/genes_seqs_manifest.parquet",
        "model/common/reference_genomes/cres_seqs_manifest.parquet",
        "model/common/reference_genomes/data",
        "model/common/reference_genomes/data_split",
    ),
    "risk": ("alzheimer_disease",),
}
GROUPS = ("weights", "genes", "cres", "reference", "example", "frequencies", *FOLDERS)


def files_of(what: Iterable[str], models: Iterable[str]) -> list[ReleasedFile]:
    """The named files of some groups and models.

    Raises:
        InputError: there is no such group or model.
    """
    wanted, chosen = tuple(what), tuple(models)
    for kind, names, known in (("group of files", wanted, GROUPS), ("model", chosen, MODELS)):
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise InputError(
                f"there is no {kind} {unknown[0]!r}" if unknown else f"no {kind} is named",
                remedy=f"Choose from {', '.join(known)}.",
            )
    return [
        file
        for file in FILES
        if file.what in wanted and (not file.models or any(name in chosen for name in file.models))
    ]


def find_file(folder: str | Path, file: ReleasedFile) -> Path | None:
    """Where a copy of the release has a file: by its key, or by the name that the released downloader gives it.

    Args:
        folder: the copy. The vocabularies are looked for beside it too, as in a checkout of the released code.
        file: the file.
    """
    folder = Path(folder)
    roots = [folder, folder.parent] if file.in_code else [folder]
    for root in roots:
        for name in (file.key, *file.local_names):
            if (root / name).is_file():
                return root / name
    return None


def find_needed(folder: str | Path, model: str | None) -> dict[str, Path]:
    """What a conversion needs, in a local copy of the release.

    Args:
        folder: the copy, in the bucket's layout or the released downloader's.
        model: ``pcg`` or ``ag``; None = the encoder alone.

    Returns:
        checkpoint, genes and cres (with a model), encoder_checkpoint, vocabulary, tissues.

    Raises:
        InputError: one is missing, or a vocabulary is not the released one.
    """
    keys = {"encoder_checkpoint": "model/v4_pcg/tokenizer_checkpoint.pth", "vocabulary": VOCABULARY}
    if model is not None:
        keys |= {
            "checkpoint": f"model/v4_{model}/checkpoint.pth",
            "genes": f"model/v4_{model}/all_genes_gencodeV24.csv",
            "cres": "model/common/ENCFF234XEZ.bed.gz",
            "tissues": TISSUES,
        }
    found = {}
    for name, key in keys.items():
        path = find_file(folder, _BY_KEY[key])
        if path is None:
            names = ", ".join((key, *_BY_KEY[key].local_names))
            raise InputError(
                f"holds none of {names}", file=folder, remedy="Fetch it with `variantformer fetch released`."
            )
        found[name] = path
    check_vocabularies(found.get("vocabulary"), found.get("tissues"))
    return found


def models_in(folder: str | Path) -> list[str]:
    """Models whose checkpoint is in a local copy of the release."""
    return [name for name in MODELS if find_file(folder, _BY_KEY[f"model/v4_{name}/checkpoint.pth"]) is not None]


def check_vocabularies(vocabulary: Path | None, tissues: Path | None) -> None:
    """Hold the two vocabularies to what the released weights were trained with, however the files are laid out.

    Raises:
        InputError: one is another.
    """
    for path, hash_of, known in (
        (vocabulary, vocabulary_hash, _VOCABULARY_HASH),
        (tissues, tissues_hash, _TISSUES_HASH),
    ):
        if path is not None and hash_of(path) != known:
            raise InputError(
                "is not the vocabulary that the released weights were trained with",
                file=path,
                remedy="Fetch it anew, or name all files yourself (variantformer convert --checkpoint ...).",
            )


def vocabulary_hash(path: Path) -> str:
    """SHA-256 of tokens, ids and merges; text that is none gives that of nothing."""
    try:
        model = json.loads(path.read_text(encoding="utf-8"))["model"]
        merges = [each if isinstance(each, str) else " ".join(each) for each in model["merges"]]
        content = json.dumps([sorted(model["vocab"].items()), merges])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        content = ""
    return hashlib.sha256(content.encode()).hexdigest()


def tissues_hash(path: Path) -> str:
    """SHA-256 of names and ids; text that is none gives that of nothing."""
    try:
        content = json.dumps(sorted(yaml.safe_load(path.read_text(encoding="utf-8")).items()))
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError):
        content = ""
    return hashlib.sha256(content.encode()).hexdigest()
