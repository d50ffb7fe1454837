# Derived from haut_ext/_async/login.py by `make sync`; change that file instead.
"""Provides access tokens for a username and a password.

The provider refreshes the access token, and logs in again when the service no longer accepts the
refresh token. The service blocks frequent logins (docs/api-facts.md, 1.2), so the provider sends at
most one login per minute, and does not log in after a network failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from uuid import UUID

from haut_api.api.login import login, refresh_access_token
from haut_api.models import LoginRequest, LoginResult, RefreshedTokens, RefreshRequest
from haut_ext._sync.operations import Operations
from haut_ext.errors import ApiError, ConfigError, UnexpectedResponse
from haut_ext.secret import Secret, hide_frames

_LOGIN_INTERVAL = 60.0
"""Minimum number of seconds between two logins."""
_REFRESH_TOKEN_REJECTED = {*range(200, 300), *range(400, 500)} - {408, 429}
"""Statuses of a refresh request after which the refresh token is not used again.

The set includes success statuses, because a success without an access token is undocumented.
"""


class Login:
    """Token provider that logs in for the first access token and refreshes it afterwards.

    Args:
        username: The user's e-mail address.
        password: The user's password.

    Attributes:
        clock: Returns the current time in seconds.
        operations: Sends the login and refresh requests. Set after construction, because it
            requires a token source, which requires this provider.
        company_id: Company id from the last login response.
    """

    operations: Operations
    company_id: UUID

    def __init__(self, username: str, password: str) -> None:
        if not username or not password:
            raise ConfigError("a login needs a username and a password")
        self.clock: Callable[[], float] = time.monotonic
        self._username, self._password = Secret(username), Secret(password)
        self._refresh: Secret | None = None
        self._next_login = -inf

    @hide_frames  # the generated functions have the secrets in variables
    def __call__(self) -> str:
        """Return a new access token.

        Raises:
            ApiError, UnexpectedResponse: If the service rejects the login or the refresh token. If
                it is too early for another login, the message and `retry_after` contain the
                remaining seconds.
            TransportError: If the service cannot be reached.
        """
        if self._refresh is None:
            return self._log_in()
        try:
            return self._refresh_token(self._refresh)
        except (ApiError, UnexpectedResponse) as error:
            if error.status not in _REFRESH_TOKEN_REJECTED:
                raise
            wait = self._next_login - self.clock()
            if wait > 0:
                error.args = (
                    f"{error} The access token could not be refreshed. A new login is possible in "
                    f"{wait:.0f} s, because the service blocks frequent logins.",
                )
                if isinstance(error, ApiError):
                    error.retry_after = wait
                raise
        return self._log_in()

    def _refresh_token(self, refresh_token: Secret) -> str:
        request = RefreshRequest(refresh_token.reveal())
        response = self.operations.request(refresh_access_token, {"body": request})
        tokens = self.operations.unwrap(response, RefreshedTokens)
        token = tokens.access_token or tokens.token_access
        if not isinstance(token, str):
            raise self.operations.decode_error(response, "access_token", "it is missing")
        if isinstance(tokens.refresh_token, str) and tokens.refresh_token:
            self._refresh = Secret(tokens.refresh_token)
        return token

    def _log_in(self) -> str:
        self._next_login = self.clock() + _LOGIN_INTERVAL
        body = LoginRequest(self._username.reveal(), self._password.reveal())
        result = self.operations.call(login, LoginResult, body=body)
        self._refresh = Secret(result.refresh_token)
        self.company_id = result.company_id
        return result.access_token or result.token_access
