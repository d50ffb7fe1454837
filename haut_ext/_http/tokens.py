"""Checks of tokens, and the operations that need none."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from math import inf

from attrs import field, frozen

from haut_ext.errors import ConfigError

SyncToken = str | Callable[[], str]
AsyncToken = str | Callable[[], str | Awaitable[str]]

LOGIN_PATH = "/api/v1/auth/login/"
REFRESH_PATH = "/api/v1/auth/refresh/"
OPEN_PATHS = frozenset({LOGIN_PATH, REFRESH_PATH})
"""Paths of the operations that return a token and take none (`security: []`)."""


@frozen
class CachedToken:
    """The result of the last call of a token provider.

    Attributes:
        token: The token in use; the rejected one if the last call failed; None before the first
        call.
        generation: How often the provider has been called.
        failure: The exception of the last call.
        advisory: Moment from which one caller renews the token while the others go on using it.
        mandatory: Moment from which all callers wait for a new token.
    """

    token: str | None = field(repr=False)
    generation: int = 0
    failure: Exception | None = None
    advisory: float = inf
    mandatory: float = inf


def call_provider(provider: Callable[[], str]) -> str:
    """Return the provider's token; raises what the provider raises, or ConfigError."""
    token = provider()
    if inspect.isawaitable(token):
        if inspect.iscoroutine(token):
            token.close()
        raise ConfigError("token= returned an awaitable, which only AsyncHaut can await")
    return check_token(token)


async def call_provider_async(provider: Callable[[], str | Awaitable[str]]) -> str:
    """Return the provider's token; raises what the provider raises, or ConfigError."""
    token = provider()
    return check_token(await token if inspect.isawaitable(token) else token)


def check_token(token: object) -> str:
    """Return the token if it can be sent in a header.

    Raises:
        ConfigError: If it is missing or has characters other than visible ASCII. The token is not
        shown.
    """
    if not isinstance(token, str) or not token:
        raise ConfigError(
            "no token: pass token= (a string, or a callable that returns one) or set HAUT_TOKEN to "
            "a private token from the SaaS portal or an access token from login"
        )
    if not all("!" <= character <= "~" for character in token):
        raise ConfigError(
            "the token contains white space or a character that is invalid in a header; "
            "was a line end copied with it?"
        )
    return token


def credentials(body: bytes) -> tuple[str, ...]:
    """Return the strings in the body of a login, each in every spelling that an echo may use."""
    try:
        values = json.loads(body).values()
    except (ValueError, AttributeError):
        return ()
    found = {value for value in values if isinstance(value, str) and value}
    for ascii_only in (True, False):
        found |= {json.dumps(value, ensure_ascii=ascii_only)[1:-1] for value in found}
    return tuple(found)
