"""Reads the configuration of a client from HAUT_* environment variables and the token file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from haut_ext.argument_checks import check_text
from haut_ext.argument_types import check_types
from haut_ext.errors import ConfigError
from haut_ext.regular_files import check_private, open_regular
from haut_ext.urls import PRODUCTION

_VARIABLES = {
    "token": "HAUT_TOKEN",
    "company_id": "HAUT_COMPANY_ID",
    "dataset_id": "HAUT_DATASET_ID",
    "base_url": "HAUT_BASE_URL",
}
_MAX_TOKEN = 64 * 1024
"""Maximum size of a token file, in bytes."""
_REQUIRED = {
    "token": "a private token from the SaaS portal, or an access token from login",
    "company_id": "the company's UUID, from the SaaS portal",
}


def with_environment(
    arguments: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Fill in missing client arguments from environment variables and defaults.

    Arguments take precedence over variables, and variables over defaults. An argument of None and
    an empty variable count as missing.

    Args:
        arguments: Arguments of the client's constructor.
        environment: Variables to read instead of `os.environ`.

    Raises:
        ConfigError: If there is neither an argument nor a variable for the token or the company id.
    """
    check_types({"environment": environment}, {"environment": Mapping[str, str] | None})
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
        token_file()  # report an unusable file now, not at the first request
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
    """Token provider that reads the token from a private file, such as a mounted secret.

    The client reads the file again after a 401 response, so the token in the file can be replaced
    at any time.

    Args:
        path: Path of the file. Other users must not be able to read it.
    """

    path: str

    def __call__(self) -> str:
        """Return the token.

        Raises:
            ConfigError: If the file cannot be read, or if other users can read it.
        """
        try:
            with open_regular(self.path) as file:
                check_private(file)
                content = file.read(_MAX_TOKEN + 1)
            if len(content) > _MAX_TOKEN:
                raise ConfigError(f"{self._name} is too large for a token")
            return content.decode("utf-8").strip()
        except ConfigError:
            raise
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            reason = "it is not text" if isinstance(error, UnicodeError) else reason
            raise ConfigError(f"{self._name} cannot be read: {reason}") from None

    @property
    def _name(self) -> str:
        return f"the token file {self.path!r} (HAUT_TOKEN_FILE)"
