"""Creates the API client for the command line, and looks up subjects by name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from haut_ext import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from haut_ext import ErasureReceipt, Haut, UploadState


def client() -> Haut:
    """Return an API client configured by environment variables.

    Raises:
        ConfigError: If a variable is missing or invalid.
    """
    from haut_ext import Haut

    return Haut()


def check_scope(haut: Haut, recorded: UploadState | ErasureReceipt, path: Path) -> None:
    """Raise ConfigError if a file was written for another service, company or dataset."""
    scope = haut.scope
    expected = (scope.base_url, scope.company_id, scope.dataset_id)
    if (recorded.service, recorded.company_id, recorded.dataset_id) != expected:
        raise ConfigError(
            f"{path} belongs to another service, company or dataset: {recorded.service}, company "
            f"{recorded.company_id}, dataset {recorded.dataset_id}"
        )


def find_subject_id(haut: Haut, subject: str) -> UUID:
    """Return the id of a subject that is given by its id or exact name.

    Raises:
        ConfigError: If no subject, or more than one, has the name.
    """
    try:
        return UUID(subject)
    except ValueError:
        found = list(haut.subjects.find(subject))
    if not found:
        raise ConfigError(
            "no subject has this name. To list subjects, run: haut subjects list --search NAME"
        )
    if len(found) > 1:
        ids = ", ".join(str(subject.id) for subject in found)
        raise ConfigError(f"{len(found)} subjects have this name. Pass one of their ids: {ids}")
    return found[0].id
