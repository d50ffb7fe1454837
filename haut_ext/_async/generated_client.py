"""Connects the generated client, available as `haut.api`, to the SDK's HTTP client."""

from __future__ import annotations

from typing import Any, NoReturn

from haut_api.client import AuthenticatedClient
from haut_ext._async.http import AsyncHTTPClient
from haut_ext._httpx import httpx
from haut_ext.errors import ConfigError
from haut_ext.secret import hide_frames
from haut_ext.settings import Options


class AsyncApiClient(AuthenticatedClient):
    """Generated client for `haut_api`'s functions, with token, retries and typed errors.

    The `with_...` methods return a copy that shares connections and token with the original.

    Args:
        http: The HTTP client that sends the requests.
    """

    def __init__(self, http: AsyncHTTPClient) -> None:
        super().__init__(base_url=str(http.base_url), token="")
        self._http = http

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={str(self._http.base_url)!r})"

    @hide_frames
    def with_headers(self, headers: dict[str, str]) -> AsyncApiClient:
        """Return a copy of the client that sends additional headers."""
        return self._with(self._http.call_options.merged({"headers": {**headers}}))

    def with_timeout(self, timeout: httpx.Timeout) -> AsyncApiClient:
        """Return a copy of the client that uses another timeout for each attempt."""
        return self._with(self._http.call_options.merged({"timeout": timeout}))

    def with_cookies(self, cookies: dict[str, str]) -> AsyncApiClient:
        """Return a copy of the client that sends additional cookies."""
        return self._with(self._http.call_options, cookies)

    def _with(self, options: Options, cookies: dict[str, str] | None = None) -> AsyncApiClient:
        cookies = {**dict(self._http.cookies), **(cookies or {})}
        return AsyncApiClient(AsyncHTTPClient(self._http.connections, options, cookies))

    def get_async_httpx_client(self) -> AsyncHTTPClient:
        """Return the HTTP client that sends the requests."""
        return self._http

    def get_httpx_client(self) -> NoReturn:
        """Raise ConfigError, because sync and async functions cannot share a client.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            "this is AsyncHaut's api, where sync functions cannot run: use asyncio, asyncio_detailed"
        )

    def set_httpx_client(self, client: Any) -> NoReturn:
        """Reject another HTTP client, because it would neither send the token nor retry requests.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("pass transport= to the constructor instead of setting an HTTP client")

    def set_async_httpx_client(self, async_client: Any) -> NoReturn:
        """Reject another HTTP client, as `set_httpx_client` does."""
        self.set_httpx_client(async_client)
