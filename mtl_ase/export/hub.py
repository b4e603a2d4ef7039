"""Upload of an exported folder to a model hub."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from mtl_ase.base.errors import UserError
from mtl_ase.export.model_card import CARD

REFUSED: tuple[type[BaseException], ...] = (OSError, *HfHubHTTPError.__bases__)
"""What huggingface_hub raises where the network or the hub fails; its HTTP library has changed."""


def files_of(folder: Path) -> list[str]:
    """The files that are uploaded, by their paths in the folder; hidden ones are not.

    Raises:
        UserError: it is no exported folder.
    """
    if not all((folder / name).is_file() for name in (CARD, "export.json")):
        raise UserError(f"output={folder} holds no export; give run= and format= to make one.")
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(p.as_posix() for p in paths if not any(x.startswith(".") for x in p.parts))


def check_name(repository: str) -> None:
    """Check the form OWNER/NAME.

    Raises:
        UserError: it is none.
    """
    try:
        validate_repo_id(repository)
        if repository.count("/") != 1:
            raise HFValidationError("there is no owner")
    except HFValidationError as error:
        raise UserError(
            f"hub={repository} is no name of a repository; give OWNER/NAME of letters, digits, "
            "'-', '_' and '.'."
        ) from error


def upload(folder: Path, repository: str, api: HfApi | None = None) -> str:
    """Upload all files of an exported folder in one commit; the repository is made if needed.

    Args:
        folder: the exported folder.
        repository: OWNER/NAME.
        api: the hub; None: the one that huggingface_hub is set up for.

    Returns:
        The commit's address.

    Raises:
        UserError: the hub can't be reached or refuses.
    """
    api, files = api or HfApi(), files_of(folder)
    try:
        if not api.repo_exists(repository):
            api.create_repo(repository)
        commit = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=files,
            commit_message="Export of mtl_ase",
        )
    except REFUSED as error:
        first = str(error).strip().splitlines()[0].rstrip(".")
        raise UserError(
            f"hub={repository}: the upload failed ({first}); log in by `hf auth login`, and give "
            f"output={folder} hub={repository} alone to go on."
        ) from error
    return str(commit.commit_url)
