"""Creates the API client for the command line, and looks up subjects by name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from haut_ext import ConfigError

if TYPE_CHECKING:
    from haut_ext import Haut


def client() -> Haut:
    """Return an API client configured by environment variables.

    Raises:
        ConfigError: If a variable is missing or invalid.
    """
    from haut_ext import Haut

    return Haut()


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
