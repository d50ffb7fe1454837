"""Creates the API client for the command line, writes its commands, and looks up subjects by name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from haut_ext import ConfigError
from haut_ext.cli import profiles

if TYPE_CHECKING:
    from haut_ext import Haut


def client() -> Haut:
    """Return an API client configured by environment variables or by a profile.

    Raises:
        ConfigError: If a variable is missing or invalid, or the profile cannot be used.
    """
    from haut_ext import Haut

    return Haut.from_env(profiles.configuration())


def command(arguments: str) -> str:
    """Return the command that runs `haut` with the same profile and the given arguments."""
    name = profiles.selected()
    return f"haut --profile {name} {arguments}" if name else f"haut {arguments}"


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
