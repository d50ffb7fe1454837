"""The client of the command line: token and ids from the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from haut_ext import Haut


def client() -> Haut:
    """Return a client for what the environment names.

    Raises:
        ConfigError: If something is missing or invalid.
    """
    from haut_ext import Haut

    return Haut()
