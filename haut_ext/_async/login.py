"""A token for a username and a password: refreshed while the service lets it, by a new login if
not.

The service blocks frequent logins (api-facts 1.2), so there is never more than one a minute, and
none because the network is down. It is a provider as any other: the token source asks it, one at a
time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from uuid import UUID

from haut_api.api.login import login, refresh_access_token
from haut_api.models import LoginRequest, LoginResult, RefreshedTokens, RefreshRequest
from haut_ext._async.operations import AsyncOperations
from haut_ext.errors import (
    ApiError,
    ConfigError,
    UnexpectedResponse,
)

_BETWEEN_LOGINS = 60.0
"""Seconds."""
_REFUSALS = {*range(200, 300), *range(400, 500)} - {408, 429}
"""What says that this refresh token gives no access token. Of the answer little is documented
(api-facts 2), so one that cannot be read is among them."""


class AsyncLogin:
    """Gives the next access token, and logs in for the first.

    Args:
        username: The user's e-mail address.
        password: The user's password.
        clock: Gives the present, in seconds.

    Attributes:
        operations: Where it calls: set once there is one, since that needs the source of tokens that
            needs this provider.
        company_id: The company that the service named at the last login.
    """

    operations: AsyncOperations
    company_id: UUID

    def __init__(
        self, username: str, password: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not username or not password:
            raise ConfigError("a login needs a username and a password")
        self.clock = clock
        # Both secrets are kept as the models they are sent as, whose repr shows no text.
        self._login = LoginRequest(username=username, password=password)
        self._refresh: RefreshRequest | None = None
        self._next_login = -inf

    async def __call__(self) -> str:
        """Return a new access token.

        Raises:
            ApiError, UnexpectedResponse: The service's refusal. That of a refresh says when a login
                is possible again, and its `retry_after` is the time until then.
            TransportError: If the service cannot be reached.
        """
        if self._refresh is None:
            return await self._log_in()
        try:
            return await self._refreshed(self._refresh)
        except (ApiError, UnexpectedResponse) as refusal:
            if refusal.status not in _REFUSALS:
                raise
            wait = self._next_login - self.clock()
            if wait > 0:
                _say_when(refusal, wait)
                raise
        return await self._log_in()

    async def _refreshed(self, request: RefreshRequest) -> str:
        response = await self.operations.request(refresh_access_token, {"body": request})
        answer = self.operations.unwrap(response, RefreshedTokens)
        token = answer.access_token or answer.token_access
        if not isinstance(token, str):
            raise self.operations.decode_error(response, "access_token", "it is missing")
        if isinstance(answer.refresh_token, str) and answer.refresh_token:
            self._refresh = RefreshRequest(answer.refresh_token)
        return token

    async def _log_in(self) -> str:
        self._next_login = self.clock() + _BETWEEN_LOGINS
        answer = await self.operations.call(login, LoginResult, body=self._login)
        self._refresh = RefreshRequest(answer.refresh_token)
        self.company_id = answer.company_id
        return answer.access_token or answer.token_access


def _say_when(refusal: ApiError | UnexpectedResponse, wait: float) -> None:
    refusal.args = (
        f"{refusal} The access token could not be refreshed. A new login is possible in {wait:.0f} s: "
        "the service blocks frequent ones.",
    )
    if isinstance(refusal, ApiError):
        refusal.retry_after = wait
