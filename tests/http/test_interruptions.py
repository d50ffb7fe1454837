"""Ctrl-C at random moments of synchronous calls: every later call gets a slot and an answer."""

from __future__ import annotations

import gc
import random
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

import httpx
import pytest

from haut_ext import Haut, TransportError
from tests.http.clients import COMPANY, DATASET

INTERRUPTIONS = 1500
MAX_IN_FLIGHT = 2
PATIENCE = 10.0
CREDENTIALS: dict[str, Any] = {"token": "token", "company_id": COMPANY, "dataset_id": DATASET}
OPTIONS: dict[str, Any] = {"max_in_flight": MAX_IN_FLIGHT, "timeout": 2, "max_retries": 0}


# An interruption can fall into a callback of the garbage collector, which cannot raise it.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning"
)


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect what an interruption left to the garbage collector, so that no later test is warned."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Meeting:
    """Lets requests pass alone, or only once MAX_IN_FLIGHT of them have arrived."""

    def __init__(self) -> None:
        self.together = False
        self._barrier = threading.Barrier(MAX_IN_FLIGHT)

    def attend(self) -> None:
        if self.together:
            self._barrier.wait(PATIENCE)


@pytest.fixture
def meeting() -> Meeting:
    return Meeting()


@pytest.fixture(params=["stream", "loaded"], ids="response is {}".format)
def haut(request: pytest.FixtureRequest, meeting: Meeting) -> Haut:
    def respond(_: httpx.Request) -> httpx.Response:
        meeting.attend()
        content = b"{}" if request.param == "loaded" else iter([b"{}"])
        return httpx.Response(200, content=content, headers={"Content-Type": "application/json"})

    return Haut(
        **CREDENTIALS,
        base_url="https://haut.example",
        transport=httpx.MockTransport(respond),
        **OPTIONS,
    )


def interrupt_at_random_moments(call: Callable[[], object], seed: int) -> None:
    """Make calls, most of them interrupted, until INTERRUPTIONS of them were."""

    def strike(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    moments = random.Random(seed)
    interrupted = 0
    call()
    before = time.monotonic()
    for _ in range(20):
        call()
    duration = (time.monotonic() - before) / 20
    previous = signal.signal(signal.SIGALRM, strike)
    try:
        while interrupted < INTERRUPTIONS:
            try:
                try:
                    moment = moments.uniform(1e-6, 1.1 * duration)
                    # The interval ends a call that would block for ever.
                    signal.setitimer(signal.ITIMER_REAL, moment, PATIENCE)
                    call()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def call_together(haut: Haut) -> list[object]:
    """Make MAX_IN_FLIGHT calls at once; return their statuses and errors."""
    ended: list[object] = []

    def call() -> None:
        try:
            ended.append(haut.request("GET", "/x/").status_code)
        except Exception as error:
            ended.append(error)

    run_together(*[call] * MAX_IN_FLIGHT)
    return ended


def run_together(*calls: Callable[[], object]) -> None:
    """Run calls at once; fail if one of them does not end."""
    # Daemons, so that a call that never ends fails the test and does not block the program.
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "it does not end"


@pytest.mark.slow
def test_all_slots_are_free_after_many_keyboard_interrupts(haut: Haut, meeting: Meeting) -> None:
    interrupt_at_random_moments(lambda: haut.request("GET", "/x/"), seed=42)
    meeting.together = True
    assert call_together(haut) == [200] * MAX_IN_FLIGHT
    run_together(haut.close)


@pytest.mark.slow
def test_all_slots_are_free_after_interrupted_failures(meeting: Meeting) -> None:
    """The interrupts also strike where a failed attempt is judged and its slot given back."""
    failing = True

    def respond(request: httpx.Request) -> httpx.Response:
        meeting.attend()
        if failing:
            raise httpx.ReadError("broken", request=request)
        return httpx.Response(200, json={})

    transport = httpx.MockTransport(respond)
    haut = Haut(**CREDENTIALS, base_url="https://haut.example", transport=transport, **OPTIONS)

    def fail() -> None:
        with pytest.raises(TransportError, match="lost its connection"):
            haut.request("GET", "/x/")

    interrupt_at_random_moments(fail, seed=43)
    failing = False
    meeting.together = True
    assert call_together(haut) == [200] * MAX_IN_FLIGHT
    run_together(haut.close)
