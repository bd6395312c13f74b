"""Uploading a checked model folder: listed first, resumable, tagged at the end."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
from huggingface_hub.utils import get_session, hf_raise_for_status  # type: ignore[attr-defined]
from huggingface_hub.utils._validators import validate_repo_id

from ..errors import InputError
from ..genome.provenance import file_sha256
from ..version import __version__
from ..zoo.companions import companions_of, write_companions
from ..zoo.families import family_of, folder_rules
from ..zoo.model_files import HTTP_ERROR
from ..zoo.model_folder import CARD
from .folder_check import check_folder

_GIB = 2**30
_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?")


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file that will leave the machine.

    Attributes:
        path: on this machine.
        size: bytes.
        sha256: of its content.
    """

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publication will do.

    Attributes:
        folder: the model folder.
        repository: ``user/name``.
        files: all that is uploaded, by name.
        tag: name that the uploaded version gets; None for a pull request, which is tagged once it is merged.
        private: whether a new repository is private.
        create_pr: propose the upload as a pull request instead of committing to main.
    """

    folder: Path
    repository: str
    files: tuple[PublishedFile, ...] = field(repr=False)
    tag: str | None
    private: bool
    create_pr: bool

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


def plan_publication(
    folder: str | Path, repository: str, *, tag: str | None = None, private: bool = False, create_pr: bool = False
) -> Publication:
    """Check a folder and list what would be uploaded; nothing leaves the machine.

    Into the config of a whole folder of an older version go the hashes of what belongs to its weights.

    Args:
        folder: the model folder.
        repository: ``user/name`` on the Hub.
        tag: of the version; None = v and this package's version.
        private, create_pr: as for :class:`Publication`.

    Raises:
        InputError: the folder is not ready, or the name is none.
    """
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise InputError(f"{repository!r} is not the name of a repository", remedy="Give user/name.") from error
    if repository.count("/") != 1:
        raise InputError(f"{repository!r} names no user or organization", remedy="Give user/name.")
    paths = check_folder(folder)
    if companions_of(folder) is None:
        write_companions(folder, folder_rules(family_of(folder)).companions)
    files = []
    for path in paths:
        files.append(PublishedFile(path, path.stat().st_size, file_sha256(path)))
    return Publication(
        folder=Path(folder),
        repository=repository,
        files=tuple(files),
        tag=None if create_pr else tag or f"v{__version__}",
        private=private,
        create_pr=create_pr,
    )


def publish(plan: Publication, *, on_file: Callable[[PublishedFile], None] | None = None) -> str:
    """Upload what a plan lists, in one commit, and tag it.

    Large files are uploaded one by one before the commit; one that is there already is not sent again, so that an
    interrupted publication goes on where it was. The token is the one of ``hf auth login`` (or of ``HF_TOKEN``).

    Args:
        plan: from :func:`plan_publication`.
        on_file: called with each file before it is sent.

    Returns:
        Address of the commit or of the pull request.

    Raises:
        InputError: no token, no right to write, the tag is taken by another version, the Hub refuses the card, or the
            upload broke off.
    """
    if not get_token():
        raise InputError("you are not logged in to the Hub", remedy="Run `hf auth login` first.")
    api = HfApi()
    try:
        return _publish(api, plan, on_file)
    except (OSError, RuntimeError, HTTP_ERROR, HfHubHTTPError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"the Hub did not take it: {reason}",
            file=plan.repository,
            remedy="Start again: files that are uploaded are not sent twice, and nothing is published by halves.",
        ) from error


def _publish(api: HfApi, plan: Publication, on_file: Callable[[PublishedFile], None] | None) -> str:
    _check_card_at_the_hub(plan)
    _check_tag(api, plan)
    additions = _additions(plan)
    if not plan.create_pr:  # which is for a repository that is there, maybe others'
        api.create_repo(plan.repository, private=plan.private, exist_ok=True)
    for file, addition in zip(plan.files, additions, strict=True):
        if on_file is not None:
            on_file(file)
        api.preupload_lfs_files(plan.repository, additions=[addition], create_pr=plan.create_pr)
    with warnings.catch_warnings():
        # Tables of genes and cCREs belong to the model: no question of a data set.
        warnings.filterwarnings("ignore", message="It seems that you are about to commit a data file")
        commit = api.create_commit(
            plan.repository,
            [*additions, *_outdated_weights(api, plan)],
            commit_message=f"Upload by variantformer-hf {__version__}",
            create_pr=plan.create_pr,
        )
    if plan.create_pr:
        return str(commit.pr_url)
    if plan.tag is not None:
        api.create_tag(plan.repository, tag=plan.tag, revision=commit.oid)
    return str(commit.commit_url)


def _outdated_weights(api: HfApi, plan: Publication) -> list[CommitOperationDelete]:
    """Weights of an earlier version that was cut into other files; its tag keeps them."""
    ours = {file.path.name for file in plan.files}
    there = api.list_repo_files(plan.repository)
    return [CommitOperationDelete(name) for name in there if _WEIGHTS.fullmatch(name) and name not in ours]


def _check_card_at_the_hub(plan: Publication) -> None:
    """Ask the Hub's own check; not by ``ModelCard.validate``, which in older clients asks huggingface.co always."""
    path = plan.folder / CARD
    question = {"repoType": "model", "content": path.read_text(encoding="utf-8")}
    answer = get_session().post(f"{constants.ENDPOINT}/api/validate-yaml", json=question)
    if answer.status_code == 400:
        raise InputError(f"the Hub refuses the model card: {' '.join(answer.text.split())[:300]}", file=path)
    hf_raise_for_status(answer)


def _check_tag(api: HfApi, plan: Publication) -> None:
    if plan.tag is None:
        return
    try:
        tags = {tag.name for tag in api.list_repo_refs(plan.repository).tags}
    except RepositoryNotFoundError:
        return
    if plan.tag in tags:
        raise InputError(
            f"{plan.repository} has a version {plan.tag} already",
            remedy="Name the new version with --tag; published versions are not moved.",
        )


def _additions(plan: Publication) -> list[CommitOperationAdd]:
    """What is uploaded: the client hashes each file, and that must be what was checked."""
    additions = []
    for file in plan.files:
        addition = CommitOperationAdd(path_in_repo=file.path.name, path_or_fileobj=file.path)
        if addition.upload_info.sha256.hex() != file.sha256:
            raise InputError("has changed since it was checked", file=file.path, remedy="Start again.")
        additions.append(addition)
    return additions


def describe(plan: Publication) -> list[tuple[str, str, str]]:
    """Rows of (name, size, SHA-256) of what leaves the machine."""
    return [(file.path.name, size_text(file.size), file.sha256) for file in plan.files]


def size_text(size: int) -> str:
    """Bytes in words."""
    for unit, factor in (("GiB", _GIB), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
