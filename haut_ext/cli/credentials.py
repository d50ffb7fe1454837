"""Token and ids: from the environment, the token also from a file that only its owner can read."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from haut_ext import ConfigError

if TYPE_CHECKING:
    from haut_ext import Haut


def client() -> Haut:
    """Return a client for what the environment names.

    Raises:
        ConfigError: If something is missing or cannot be right.
    """
    from haut_ext import Haut

    return Haut.from_env(environment())


def environment() -> Mapping[str, str]:
    """Return the environment, with HAUT_TOKEN read from the file that HAUT_TOKEN_FILE names.

    Raises:
        ConfigError: If both are set, or the file cannot be read, or others can read it.
    """
    found = dict(os.environ)
    path = found.get("HAUT_TOKEN_FILE", "").strip()
    if not path:
        return found
    if found.get("HAUT_TOKEN", "").strip():
        raise ConfigError("HAUT_TOKEN and HAUT_TOKEN_FILE are both set; keep one")
    return {**found, "HAUT_TOKEN": _private_text(Path(path))}


def _private_text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix":  # elsewhere the mode says nothing about who can read
                if status.st_uid != os.getuid():
                    raise ConfigError("the file of HAUT_TOKEN_FILE belongs to somebody else")
                if stat.S_IMODE(status.st_mode) & 0o077:
                    raise ConfigError(
                        "the file of HAUT_TOKEN_FILE can be read by others; chmod 600 it"
                    )
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"the file of HAUT_TOKEN_FILE cannot be read: {reason}") from None
