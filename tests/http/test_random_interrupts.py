"""Tests that Ctrl-C or a signal at a random moment of a sync call does not block later calls."""

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
from tests.support.client_runner import COMPANY, DATASET

INTERRUPTIONS = 1500
MAX_IN_FLIGHT = 2
PATIENCE = 10.0
CREDENTIALS: dict[str, Any] = {"token": "token", "company_id": COMPANY, "dataset_id": DATASET}
OPTIONS: dict[str, Any] = {"max_in_flight": MAX_IN_FLIGHT, "timeout": 2, "max_retries": 0}


# Python reports a KeyboardInterrupt inside a garbage collector callback as unraisable.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning"
)


@pytest.fixture(autouse=True)
def collect_garbage() -> Iterator[None]:
    """Collect garbage after each test, so that later tests do not get its resource warnings."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class RequestBarrier:
    """Sandbox hook that can hold requests back until MAX_IN_FLIGHT of them have arrived."""

    def __init__(self) -> None:
        self.enabled = False
        self._barrier = threading.Barrier(MAX_IN_FLIGHT)

    def wait(self) -> None:
        if self.enabled:
            self._barrier.wait(PATIENCE)


@pytest.fixture
def barrier() -> RequestBarrier:
    return RequestBarrier()


@pytest.fixture(params=["stream", "loaded"], ids="response is {}".format)
def haut(request: pytest.FixtureRequest, barrier: RequestBarrier) -> Haut:
    def respond(_: httpx.Request) -> httpx.Response:
        barrier.wait()
        content = b"{}" if request.param == "loaded" else iter([b"{}"])
        return httpx.Response(200, content=content, headers={"Content-Type": "application/json"})

    return Haut(
        **CREDENTIALS,
        base_url="https://haut.example",
        transport=httpx.MockTransport(respond),
        **OPTIONS,
    )


class TaskTimeout(Exception):
    """Raised in a signal handler, as task queues do at the time limit of a task."""


def interrupt_at_random_moments(
    call: Callable[[], object], seed: int, error: type[BaseException] = KeyboardInterrupt
) -> None:
    """Repeat a call until it has been interrupted INTERRUPTIONS times."""

    def interrupt_call(number: int, frame: FrameType | None) -> NoReturn:
        raise error

    moments = random.Random(seed)
    interrupted = 0
    call()
    before = time.monotonic()
    for _ in range(20):
        call()
    duration = (time.monotonic() - before) / 20
    previous = signal.signal(signal.SIGALRM, interrupt_call)
    try:
        while interrupted < INTERRUPTIONS:
            try:
                try:
                    moment = moments.uniform(1e-6, 1.1 * duration)
                    # Repeat the signal, so that a call that misses the first does not block.
                    signal.setitimer(signal.ITIMER_REAL, moment, PATIENCE)
                    call()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except error:
                interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def call_concurrently(haut: Haut) -> list[object]:
    """Make MAX_IN_FLIGHT concurrent calls and return the status or the error of each."""
    ended: list[object] = []

    def call() -> None:
        try:
            ended.append(haut.request("GET", "/x/").status_code)
        except Exception as error:
            ended.append(error)

    run_concurrently(*[call] * MAX_IN_FLIGHT)
    return ended


def run_concurrently(*calls: Callable[[], object]) -> None:
    """Run calls concurrently, and fail the test if a call does not end."""
    # Use daemon threads, so that a call that never ends does not keep the process alive.
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a call does not end"


@pytest.mark.slow
@pytest.mark.parametrize("error", [KeyboardInterrupt, TaskTimeout])
def test_all_slots_are_free_after_many_interrupts(
    haut: Haut, barrier: RequestBarrier, error: type[BaseException]
) -> None:
    interrupt_at_random_moments(lambda: haut.request("GET", "/x/"), 42, error)
    barrier.enabled = True
    assert call_concurrently(haut) == [200] * MAX_IN_FLIGHT
    run_concurrently(haut.close)


def test_all_slots_are_free_after_interrupted_failures(barrier: RequestBarrier) -> None:
    """Some interrupts occur while the client handles a failed attempt and releases its slot."""
    failing = True

    def respond(request: httpx.Request) -> httpx.Response:
        barrier.wait()
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
    barrier.enabled = True
    assert call_concurrently(haut) == [200] * MAX_IN_FLIGHT
    run_concurrently(haut.close)
