"""Checks and caches tokens, and lists the operations that can be called without a token."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from math import inf

from attrs import frozen

from haut_ext.errors import ConfigError
from haut_ext.secret import Secret, hide_frames

SyncToken = str | Callable[[], str]
"""A private or access token, or a function that returns one."""

AsyncToken = str | Callable[[], str | Awaitable[str]]
"""A private or access token, or a function or coroutine function that returns one."""

LOGIN_PATH = "/api/v1/auth/login/"
REFRESH_PATH = "/api/v1/auth/refresh/"
TOKENLESS_PATHS = frozenset({LOGIN_PATH, REFRESH_PATH})
"""Paths of the operations that can be called without a token (`security: []` in the spec)."""


@frozen
class CachedToken:
    """Result of the last call of a token provider.

    Attributes:
        value: The latest token. A failed call keeps the previous token. None before the first
            successful call.
        generation: Number of times the provider has been called.
        error: Exception raised by the last call of the provider, if that call failed.
        advisory_refresh: Time from which one caller renews the token while the others keep using it.
        mandatory_refresh: Time from which all callers wait for a new token.
        earlier: The latest tokens before this one, which a response may still echo.
    """

    value: Secret | None
    generation: int = 0
    error: Exception | None = None
    advisory_refresh: float = inf
    mandatory_refresh: float = inf
    earlier: tuple[Secret, ...] = ()


@hide_frames
def check_token(token: object) -> Secret:
    """Return the token if it is valid in an HTTP header.

    Raises:
        ConfigError: If the token is missing, is an awaitable, or contains characters other than
            visible ASCII. The message does not show the token.
    """
    if inspect.isawaitable(token):
        if inspect.iscoroutine(token):
            token.close()
        raise ConfigError("token= returned an awaitable, which only AsyncHaut can await")
    if not isinstance(token, str) or not token:
        raise ConfigError(
            "the token is missing: pass token= (a string, or a callable that returns one) or set "
            "HAUT_TOKEN to a private token from the SaaS portal or an access token from login"
        )
    if not all("!" <= character <= "~" for character in token):
        raise ConfigError(
            "the token contains white space or a character that is invalid in a header; "
            "check that no line break was copied with it"
        )
    return Secret(token)


def login_secrets(body: bytes) -> tuple[str, ...]:
    """Return the strings in a login request, for redaction."""
    try:
        values = json.loads(body).values()
    except (ValueError, AttributeError):
        return ()
    return tuple(value for value in values if isinstance(value, str))


def no_token() -> str:
    """Token provider of a client that only transfers photos.

    Raises:
        ConfigError: Always.
    """
    raise ConfigError("this client has no token: it only transfers photos with signed URLs")
