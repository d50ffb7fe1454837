"""Fixtures of the state machines."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from tests.machines.harness import MAX_SHRINKING_SECONDS


@pytest.fixture(autouse=True)
def validated_responses() -> list[object]:
    """Replace the contract check of all responses, because a long run sends millions of them."""
    return []


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the delays between attempts. Between threads, nothing relies on these delays."""
    random.seed(0)  # of the delays
    sleep, sleep_async = time.sleep, asyncio.sleep
    monkeypatch.setattr(time, "sleep", lambda _: sleep(0))
    monkeypatch.setattr(asyncio, "sleep", lambda _: sleep_async(0))


@pytest.fixture(autouse=True)
def short_shrinking(monkeypatch: pytest.MonkeyPatch) -> None:
    """End a failed test soon. Hypothesis has no setting for this time, which is five minutes."""
    engine = "hypothesis.internal.conjecture.engine"
    monkeypatch.setattr(f"{engine}.MAX_SHRINKING_SECONDS", MAX_SHRINKING_SECONDS)
