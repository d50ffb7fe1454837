"""Asking for a token, refusing one that could not be a header, and knowing who needs none.

A token is a string or a callable that returns one. Both faces need the same answer from it, and
only the asynchronous one can await it, so the two ways of asking stand here side by side.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from math import inf

from attrs import field, frozen

from haut_ext.errors import ConfigError

SyncToken = str | Callable[[], str]
AsyncToken = str | Callable[[], str | Awaitable[str]]

LOGIN_PATH = "/api/v1/auth/login/"
REFRESH_PATH = "/api/v1/auth/refresh/"
OPEN_PATHS = frozenset({LOGIN_PATH, REFRESH_PATH})
"""Whose operations take no token (`security: []`): they give one, and must not wait for one."""


@frozen
class Held:
    """What came of the last asking.

    Attributes:
        token: The token in use; the refused one if the last asking failed; None before the first.
        generation: How often the provider has been asked.
        failure: What the last asking raised.
        early: From when one caller renews it and the others go on with it.
        late: From when all callers wait for another.
    """

    token: str | None = field(repr=False)
    generation: int = 0
    failure: Exception | None = None
    early: float = inf
    late: float = inf


def ask(provider: Callable[[], str]) -> str:
    """Return the token. Raises what the callable raises, or ConfigError if the token is unusable."""
    token = provider()
    if inspect.isawaitable(token):
        if inspect.iscoroutine(token):
            token.close()
        raise ConfigError("token= returned an awaitable; that needs AsyncHaut")
    return check(token)


async def ask_async(provider: Callable[[], str | Awaitable[str]]) -> str:
    """Return the token. Raises what the callable raises, or ConfigError if the token is unusable."""
    token = provider()
    return check(await token if inspect.isawaitable(token) else token)


def check(token: object) -> str:
    """Return the token if it can stand in a header.

    Raises:
        ConfigError: If it is missing or holds anything but visible ASCII. The token is not shown.
    """
    if not isinstance(token, str) or not token:
        raise ConfigError(
            "no token: pass token= (a string, or a callable that returns one) or set HAUT_TOKEN to "
            "a private token from the SaaS portal or an access token from login"
        )
    if not all("!" <= character <= "~" for character in token):
        raise ConfigError(
            "the token holds white space or a character that no header can carry; "
            "was a line end copied with it?"
        )
    return token
