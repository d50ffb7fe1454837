"""Pytest plugin that simulates a busy machine: the sandbox handles each request after a random delay.

pytest -p tests.slow_sandbox --record-mode=rewrite ...
"""

from __future__ import annotations

import random
import threading
from typing import Any

import httpx
import pytest

from haut_ext.sandbox.api import Api
from haut_ext.sandbox.messages import Answer, Request
from haut_ext.sandbox.storage import Storage

LONGEST_DELAY = 0.005
HANDLE = httpx.AsyncHTTPTransport.handle_async_request


def pytest_sessionfinish() -> None:
    assert httpx.AsyncHTTPTransport.handle_async_request is HANDLE, "recording has not ended"


@pytest.fixture(autouse=True)
def delays(monkeypatch: pytest.MonkeyPatch) -> None:
    delay, pause = random.SystemRandom(), threading.Event()
    for service in (Api, Storage):
        dispatch = service.dispatch

        def slowly(self: Any, request: Request, dispatch: Any = dispatch) -> Answer:
            pause.wait(delay.uniform(0, LONGEST_DELAY))  # not time.sleep, which moves the clock
            answer: Answer = dispatch(self, request)
            return answer

        monkeypatch.setattr(service, "dispatch", slowly)
