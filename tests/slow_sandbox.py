"""Pytest plugin that delays each request to a sandbox by a random time, to simulate a busy machine.

Usage: pytest -p tests.slow_sandbox --record-mode=rewrite ...
"""

from __future__ import annotations

import random
import threading
from typing import Any

import httpx
import pytest

from haut_ext.sandbox.api_service import ApiService
from haut_ext.sandbox.http_messages import Request, Response
from haut_ext.sandbox.storage_service import StorageService

MAX_DELAY = 0.005
HANDLE = httpx.AsyncHTTPTransport.handle_async_request


def pytest_sessionfinish() -> None:
    assert httpx.AsyncHTTPTransport.handle_async_request is HANDLE, "recording has not ended"


@pytest.fixture(autouse=True)
def delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delay every request to every sandbox."""
    generator, never_set = random.SystemRandom(), threading.Event()
    for service in (ApiService, StorageService):
        handle = service.handle

        def handle_slowly(self: Any, request: Request, handle: Any = handle) -> Response:
            # Recording replaces time.sleep by a function that returns at once, so use an event to delay.
            never_set.wait(generator.uniform(0, MAX_DELAY))
            response: Response = handle(self, request)
            return response

        monkeypatch.setattr(service, "handle", handle_slowly)
