"""A pytest plugin: the client's own tests with another transport in its lanes. Part of goal 5.

    PYTHONPATH=.venv/bench/lib/python3.11/site-packages TRANSPORT=pyreqwest \\
        .venv/bin/python -m pytest -p benchmarks.other_lane tests/_async tests/_sync
"""

from __future__ import annotations

import os
import ssl
from typing import Any

import httpx
import pytest
from httpx_aiohttp import AiohttpTransport
from pyreqwest.client import ClientBuilder, SyncClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport, SyncHttpxTransport

from haut_ext._async import network as in_tasks
from haut_ext._sync import network as in_threads


def _addressed(request: httpx.Request) -> httpx.Request:
    """Return the request with its whole address, which ours keep out of httpx's sight."""
    target: bytes = request.extensions.get("target", request.url.raw_path)
    extensions = {"timeout": request.extensions["timeout"]}
    url = request.url.copy_with(raw_path=target)
    return httpx.Request(
        request.method, url, headers=request.headers, stream=request.stream, extensions=extensions
    )


class _Lane(httpx.AsyncHTTPTransport):
    def __init__(self, ssl_context: ssl.SSLContext) -> None:
        self._other: httpx.AsyncBaseTransport = HttpxTransport(ClientBuilder().build())
        if os.environ["TRANSPORT"] == "httpx-aiohttp":
            with pytest.MonkeyPatch.context() as patch:  # it would make a context in any case
                patch.setattr(httpx, "create_ssl_context", lambda **_: ssl_context)
                self._other = AiohttpTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = _addressed(request)
        if isinstance(sent.stream, httpx.ByteStream):
            await sent.aread()
        return await self._other.handle_async_request(sent)

    async def aclose(self) -> None:
        await self._other.aclose()


class _ThreadsLane(httpx.HTTPTransport):
    def __init__(self, ssl_context: ssl.SSLContext) -> None:
        self._other = SyncHttpxTransport(SyncClientBuilder().build())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = _addressed(request)
        if isinstance(sent.stream, httpx.ByteStream):
            sent.read()
        return self._other.handle_request(sent)

    def close(self) -> None:
        self._other.close()


@pytest.fixture(autouse=True)
def other_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes: list[tuple[Any, str, Any]] = [(in_tasks, "AsyncLane", _Lane)]
    if os.environ["TRANSPORT"] != "httpx-aiohttp":  # which has no synchronous one
        lanes.append((in_threads, "Lane", _ThreadsLane))
    for module, name, lane in lanes:
        monkeypatch.setattr(module, name, lane)
