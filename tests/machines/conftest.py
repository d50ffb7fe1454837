"""Fixtures of the state machines."""

from __future__ import annotations

import time

import pytest


@pytest.fixture(autouse=True)
def validated_responses() -> list[object]:
    """Replace the contract check of all responses, because a long run sends millions of them."""
    return []


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the delays between attempts. Between threads, nothing relies on these delays."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda _: sleep(0))
