"""Calls that are cancelled or interrupted: no later call is lost, and no connection is left behind."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

import pytest

from haut_ext import AsyncHaut, Haut
from haut_ext.sandbox import Sandbox, faults
from tests.http.clients import photo_of
from tests.http.interrupts import interrupt
from tests.http.leaks import (
    assert_sockets_close,
    assert_sockets_close_in_time,
    client_sockets,
)
from tests.http.servers import RewritingServer, slow_reader

ROUNDS = 8
CALLS = 40
AFTERWARDS = 32

SIGNED_URL = r'"http://[^"]+Signature=[^"]*"'


def client(sandbox: Sandbox, **arguments: Any) -> AsyncHaut:
    return AsyncHaut(**{**sandbox.credentials, "deadline": 5, "timeout": 5, **arguments})


@pytest.fixture(params=[{}, {"max_in_flight": 8}], ids=["default", "max_in_flight"])
def limit(request: pytest.FixtureRequest) -> dict[str, int]:
    return request.param  # type: ignore[no-any-return]


# anyio drops a socket, to be closed by the garbage collector, when a call is cancelled at the very
# moment at which its connection is made.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect what an interruption left to the garbage collector, so that no later test is warned."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


async def assert_all_answered(haut: AsyncHaut, limit: dict[str, int]) -> None:
    pages = await asyncio.gather(*(haut.subjects.list() for _ in range(AFTERWARDS)))
    assert [page.total for page in pages] == [0] * AFTERWARDS
    gc.collect()
    await asyncio.sleep(0)
    # A few sockets more than slots may wait for the collector; hundreds of calls were cancelled.
    assert len(client_sockets()) <= 2 * limit.get("max_in_flight", 64)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_calls_cancelled_at_random_moments(
    sandbox: Sandbox, limit: dict[str, int], seed: int
) -> None:
    """Some of the calls are cancelled while they connect, some while they wait for the response."""
    moments = random.Random(seed)
    loop = asyncio.get_running_loop()
    sandbox.latency = 0.005 * (seed % 3)
    async with client(sandbox, **limit) as haut:
        for _ in range(ROUNDS):
            calls = [asyncio.create_task(haut.subjects.list()) for _ in range(CALLS)]
            for call in calls:
                loop.call_later(moments.uniform(0, 0.045), call.cancel)
            await asyncio.gather(*calls, return_exceptions=True)
        await assert_all_answered(haut, limit)
    await assert_sockets_close_in_time()


@pytest.mark.slow
async def test_calls_under_asyncio_timeout(sandbox: Sandbox, limit: dict[str, int]) -> None:
    moments = random.Random(39)
    sandbox.latency = 0.02
    ended: list[bool] = []

    async def call(haut: AsyncHaut, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await haut.subjects.list()
        except TimeoutError:
            ended.append(False)
        else:
            ended.append(True)

    async with client(sandbox, **limit) as haut:
        for _ in range(ROUNDS):
            seconds = [moments.uniform(0, 0.06) for _ in range(CALLS)]
            await asyncio.gather(*(call(haut, it) for it in seconds))
        assert len(ended) == ROUNDS * CALLS
        assert False in ended
        await assert_all_answered(haut, limit)
    await assert_sockets_close_in_time()


@pytest.mark.slow
async def test_uploads_cancelled_at_random_moments(sandbox: Sandbox) -> None:
    moments = random.Random(40)
    loop = asyncio.get_running_loop()
    [subject] = sandbox.add_subjects(1)
    photo = photo_of(400_000)
    sandbox.latency = 0.005
    async with client(sandbox) as haut:
        for _ in range(ROUNDS):
            calls = [
                asyncio.create_task(haut.upload_and_compute(subject.id, front=photo, left=photo))
                for _ in range(5)
            ]
            for call in calls:
                loop.call_later(moments.uniform(0, 0.08), call.cancel)
            await asyncio.gather(*calls, return_exceptions=True)
        batch = await haut.upload_and_compute(subject.id, front=photo, left=photo)
        assert len(batch.images) == 2
    await assert_sockets_close_in_time()


@pytest.mark.slow
async def test_cancelled_before_the_response_and_called_again(
    sandbox: Sandbox, limit: dict[str, int]
) -> None:
    """The connections of all cancelled calls are replaced."""
    sandbox.faults.add("list_subjects", faults.stall(), times=64)
    async with client(sandbox, **limit) as haut:
        for _ in range(64 // 8):
            before = sandbox.received("list_subjects")
            calls = [asyncio.create_task(haut.subjects.list()) for _ in range(8)]
            while sandbox.received("list_subjects") < before + 8:  # noqa: ASYNC110 - it has threads
                await asyncio.sleep(0.001)
            for call in calls:
                call.cancel()
            ended = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(it) for it in ended} == {asyncio.CancelledError}
        await assert_all_answered(haut, limit)
    await assert_sockets_close_in_time()


def test_keyboard_interrupt_before_the_response(sandbox: Sandbox) -> None:
    with Haut(**sandbox.credentials) as haut:
        for _ in range(ROUNDS):
            sandbox.faults.add("list_subjects", faults.stall())
            elapsed = interrupt(haut.subjects.list, lambda: not sandbox.faults.pending)
            assert elapsed < 3
            assert haut.subjects.list().total == 0
        assert len(client_sockets()) <= 1
    assert_sockets_close()


@pytest.mark.slow
def test_keyboard_interrupt_at_random_moments(sandbox: Sandbox) -> None:
    moments = random.Random(41)
    sandbox.latency = 0.03
    interrupted = 0

    def strike(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, strike)
    try:
        with Haut(**{**sandbox.credentials, "deadline": 10}) as haut:  # type: ignore[arg-type]
            haut.subjects.list()
            for _ in range(ROUNDS * 4):
                try:
                    signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.005, 0.025))
                    haut.subjects.list()
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except KeyboardInterrupt:
                    interrupted += 1
            for _ in range(AFTERWARDS // 4):
                assert haut.subjects.list().total == 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > ROUNDS
    assert_sockets_close()


@pytest.mark.slow
def test_keyboard_interrupt_during_an_upload_to_a_slow_storage(sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    photo = photo_of(5_000_000)
    with (
        slow_reader(4096, 0.5) as storage,
        RewritingServer(sandbox.base_url, SIGNED_URL, f'"{storage.origin}/photo"') as api,
        Haut(**{**sandbox.credentials, "base_url": api.origin, "deadline": 20}) as haut,  # type: ignore[arg-type]
    ):
        elapsed = interrupt(
            lambda: haut.upload_and_compute(subject.id, front=photo, left=photo),
            lambda: storage.accepted,
        )
        assert elapsed < 3
        assert haut.subjects.list().total == 1
    assert sandbox.received("compute_batch") == 0
    assert_sockets_close()
