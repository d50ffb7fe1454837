"""Configuration from the environment: HAUT_* variables and the token file."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from haut_ext.argument_checks import check_text
from haut_ext.errors import ConfigError
from haut_ext.urls import PRODUCTION

_VARIABLES = {
    "token": "HAUT_TOKEN",
    "company_id": "HAUT_COMPANY_ID",
    "dataset_id": "HAUT_DATASET_ID",
    "base_url": "HAUT_BASE_URL",
}
_REQUIRED = {
    "token": "a private token from the SaaS portal, or an access token from login",
    "company_id": "the company's UUID, from the SaaS portal",
}


def with_environment(
    arguments: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the arguments of a client, completed from environment variables and defaults.

    An argument takes precedence over a variable, and a variable over a default. An argument that is
    None and a variable that is empty count as missing.

    Args:
        arguments: Arguments of the client's constructor.
        environment: Variables to read instead of `os.environ`.

    Raises:
        ConfigError: If the token or the company is in neither; the message explains what is
            missing.
    """
    variables = os.environ if environment is None else environment
    completed = {**arguments}
    for name, variable in _VARIABLES.items():
        value = variables.get(variable, "")
        check_text(**{variable: value})
        if completed.get(name) is None:
            completed[name] = value.strip() or None
    path = variables.get("HAUT_TOKEN_FILE", "").strip()
    if path and arguments.get("token") is None:
        if completed["token"] is not None:
            raise ConfigError("HAUT_TOKEN and HAUT_TOKEN_FILE are both set; unset one of them")
        completed["token"] = token_file = TokenFile(path)
        token_file()  # reports an unusable file now rather than at the first request
    missing = [
        f"{_VARIABLES[name]} ({meaning}; or pass {name}=)"
        for name, meaning in _REQUIRED.items()
        if completed[name] is None
    ]
    if missing:
        raise ConfigError("not set in the environment: " + "; ".join(missing))
    if completed["base_url"] is None:
        completed["base_url"] = PRODUCTION
    return completed


@frozen
class TokenFile:
    """Token provider that reads a private file, such as a mounted secret.

    The client calls it again after a 401, so the content of the file may change.

    Args:
        path: Path of a file that belongs to the current user and that other users cannot read.
    """

    path: str

    def __call__(self) -> str:
        """Return the token.

        Raises:
            ConfigError: If the file cannot be read, or if other users can read it.
        """
        try:
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise ConfigError(f"{self._name} is not a regular file")
            with open(self.path, encoding="utf-8") as file:
                status = os.fstat(file.fileno())
                if os.name == "posix":  # on other systems the mode does not tell who can read it
                    if status.st_uid != os.getuid():
                        raise ConfigError(f"{self._name} belongs to another user")
                    if stat.S_IMODE(status.st_mode) & 0o077:
                        raise ConfigError(
                            f"{self._name} can be read by other users; run chmod 600 on it"
                        )
                return file.read().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigError(f"{self._name} cannot be read: {reason}") from None

    @property
    def _name(self) -> str:
        return f"the token file {self.path!r} (HAUT_TOKEN_FILE)"
