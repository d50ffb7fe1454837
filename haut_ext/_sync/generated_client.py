# Derived from haut_ext/_async/generated_client.py by `make sync`; change that file instead.
"""The generated client on the HTTP core: `haut.api`."""

from __future__ import annotations

from typing import Any, NoReturn

import httpx

from haut_api.client import AuthenticatedClient
from haut_ext._sync.http import HTTPClient
from haut_ext.errors import ConfigError


class ApiClient(AuthenticatedClient):
    """The generated client, for `haut_api`'s own functions: as reliable as the workflows.

    Its `with_...` methods return copies that share connections and token, and leave it as it is.

    Args:
        http: The HTTP client that sends the requests, with the token.
    """

    def __init__(self, http: HTTPClient) -> None:
        super().__init__(base_url=str(http.base_url), token="")
        self._http = http

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={str(self._http.base_url)!r})"

    def with_headers(self, headers: dict[str, str]) -> ApiClient:
        """Return a copy that sends further headers."""
        return self._with(self._http.call_options.merged({"headers": {**headers}}))

    def with_timeout(self, timeout: httpx.Timeout) -> ApiClient:
        """Return a copy with other limits of one attempt."""
        return self._with(self._http.call_options.merged({"timeout": timeout}))

    def with_cookies(self, cookies: dict[str, str]) -> ApiClient:
        """Return a copy that sends further cookies."""
        return self._with(self._http.call_options, cookies)

    def _with(self, options: Any, cookies: dict[str, str] | None = None) -> ApiClient:
        sent = {**dict(self._http.cookies), **(cookies or {})}
        return ApiClient(HTTPClient(self._http.connections, options, sent))

    def get_httpx_client(self) -> HTTPClient:
        """Return the HTTP client that sends the requests."""
        return self._http

    def get_async_httpx_client(self) -> NoReturn:
        """Raise ConfigError: this is the other kind of client.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            "this is Haut's api, where asyncio functions cannot run: use sync, sync_detailed"
        )

    def set_httpx_client(self, client: Any) -> NoReturn:
        """Raise ConfigError: another HTTP client would have neither token nor retries.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("pass transport= to the constructor instead of setting an HTTP client")

    def set_async_httpx_client(self, async_client: Any) -> NoReturn:
        """Raise ConfigError, as `set_httpx_client` does."""
        self.set_httpx_client(async_client)
