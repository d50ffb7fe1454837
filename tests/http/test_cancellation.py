"""Tests that after canceled calls, later calls succeed and no connection stays open."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

import httpx
import pytest

from haut_ext import AsyncHaut, Haut
from haut_ext.sandbox import Sandbox, faults
from tests.support.client_runner import COMPANY
from tests.support.interruptions import interrupt
from tests.support.leaks import (
    assert_sockets_close,
    assert_sockets_close_in_time,
    client_sockets,
)
from tests.support.sandbox_photos import photo_of
from tests.support.servers import RewritingServer, silent_server, slow_reader

ROUNDS = 8
CALLS = 40
AFTERWARDS = 32

SIGNED_URL = r'"http://[^"]+Signature=[^"]*"'


def client(sandbox: Sandbox, **arguments: Any) -> AsyncHaut:
    return AsyncHaut(**{**sandbox.credentials, "deadline": 5, "timeout": 5, **arguments})


@pytest.fixture(params=[{}, {"max_in_flight": 8}], ids=["default", "max_in_flight"])
def limit(request: pytest.FixtureRequest) -> dict[str, int]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def interrupted_connections() -> Iterator[None]:
    """Delete the connections of interrupted calls, which the sync client does not close."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


async def assert_later_calls_succeed(haut: AsyncHaut, limit: dict[str, int]) -> None:
    pages = await asyncio.gather(*(haut.subjects.list() for _ in range(AFTERWARDS)))
    assert [page.total for page in pages] == [0] * AFTERWARDS
    await assert_sockets_close_in_time(limit.get("max_in_flight", 64))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_calls_canceled_at_random_moments(
    sandbox: Sandbox, limit: dict[str, int], seed: int
) -> None:
    """Some calls are canceled while connecting, others while waiting for the response."""
    moments = random.Random(seed)
    loop = asyncio.get_running_loop()
    sandbox.latency = 0.005 * (seed % 3)
    async with client(sandbox, **limit) as haut:
        for _ in range(ROUNDS):
            calls = [asyncio.create_task(haut.subjects.list()) for _ in range(CALLS)]
            for call in calls:
                loop.call_later(moments.uniform(0, 0.045), call.cancel)
            await asyncio.gather(*calls, return_exceptions=True)
        await assert_later_calls_succeed(haut, limit)
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
        await assert_later_calls_succeed(haut, limit)
    await assert_sockets_close_in_time()


@pytest.mark.slow
async def test_uploads_canceled_at_random_moments(sandbox: Sandbox) -> None:
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
async def test_calls_after_many_calls_canceled_before_their_response(
    sandbox: Sandbox, limit: dict[str, int]
) -> None:
    """The client replaces the connections of canceled calls with new ones."""
    sandbox.faults.add("list_subjects", faults.stall(), times=64)
    async with client(sandbox, **limit) as haut:
        for _ in range(64 // 8):
            before = sandbox.received("list_subjects")
            calls = [asyncio.create_task(haut.subjects.list()) for _ in range(8)]
            while sandbox.received("list_subjects") < before + 8:  # noqa: ASYNC110 - the sandbox has threads
                await asyncio.sleep(0.001)
            for call in calls:
                call.cancel()
            ended = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(it) for it in ended} == {asyncio.CancelledError}
        await assert_later_calls_succeed(haut, limit)
    await assert_sockets_close_in_time()


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """Disable the garbage collector, which would close connections, but later."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
async def test_canceled_tls_handshake_closes_its_connection(sandbox: Sandbox, trusted: str) -> None:
    with silent_server() as origin:
        async with client(sandbox, base_url=origin.replace("http:", "https:")) as haut:
            for _ in range(5):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await haut.subjects.list()
            await assert_sockets_close_in_time()


async def test_canceled_close_closes_all_connections(sandbox: Sandbox) -> None:
    sandbox.latency = 0.05
    haut = client(sandbox)
    await asyncio.gather(*(haut.subjects.list() for _ in range(12)))
    assert len(client_sockets()) == 12
    closing = asyncio.create_task(haut.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await assert_sockets_close_in_time()


class StreamStub:
    """A connection of httpcore.

    Attributes:
        closed: Whether it has been closed.
    """

    closed = False

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("last_event", "closed"), [("started", True), ("complete", False)])
async def test_canceled_call_closes_its_connection_only_before_other_calls_can_use_it(
    last_event: str, *, closed: bool
) -> None:
    """Several calls share an HTTP/2 connection once its TLS handshake is complete."""
    stream, waiting = StreamStub(), asyncio.Event()

    async def respond(request: httpx.Request) -> httpx.Response:
        trace = request.extensions["trace"]
        await trace("connection.connect_tcp.complete", {"return_value": stream})
        await trace(f"connection.start_tls.{last_event}", {})
        waiting.set()
        return await asyncio.Future()

    transport = httpx.MockTransport(respond)
    async with AsyncHaut(token="token", company_id=COMPANY, transport=transport) as haut:
        call = asyncio.create_task(haut.request("POST", "/x/"))
        await waiting.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert stream.closed == closed


@pytest.mark.slow
@pytest.mark.usefixtures("interrupted_connections")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_keyboard_interrupt_at_random_moments(sandbox: Sandbox) -> None:
    moments = random.Random(41)
    sandbox.latency = 0.03
    interrupted = 0

    def interrupt_call(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt_call)
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
@pytest.mark.usefixtures("interrupted_connections")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
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
    gc.collect()  # the interrupted connection can be part of a reference cycle
    assert_sockets_close()
