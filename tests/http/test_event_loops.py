"""Tests of one AsyncHaut in several event loops, used one after another or concurrently."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from haut_ext import AsyncHaut, ConfigError
from haut_ext.sandbox import Sandbox, faults
from tests.support.client_runner import COMPANY
from tests.support.leaks import assert_sockets_close


def client(sandbox: Sandbox, **arguments: Any) -> AsyncHaut:
    return AsyncHaut(**{**sandbox.credentials, **arguments})


@pytest.fixture(autouse=True)
def collect_garbage() -> Any:
    """Collect garbage, so that the test that leaks a connection also gets the warning."""
    yield
    gc.collect()


def test_second_asyncio_run(sandbox: Sandbox) -> None:
    haut = client(sandbox)

    async def create(name: str) -> None:
        await haut.subjects.create(name)

    for number in range(3):
        asyncio.run(create(f"subject {number}"))
    assert sandbox.carried_out("create_subject") == 3
    assert sandbox.received("create_subject") == 3
    assert_sockets_close()


def test_second_asyncio_run_with_concurrent_calls(sandbox: Sandbox) -> None:
    haut = client(sandbox)

    async def list_often() -> list[int]:
        pages = await asyncio.gather(*(haut.subjects.list() for _ in range(24)))
        return [page.total for page in pages]

    sandbox.latency = 0.02  # makes the client open many connections
    for _ in range(3):
        assert asyncio.run(list_often()) == [0] * 24
    assert_sockets_close()


def test_second_asyncio_run_with_max_in_flight(sandbox: Sandbox) -> None:
    haut = client(sandbox, max_in_flight=2)

    async def list_often() -> None:
        await asyncio.gather(*(haut.subjects.list() for _ in range(8)))

    for _ in range(3):
        asyncio.run(list_often())
    assert sandbox.received("list_subjects") == 24
    assert_sockets_close()


def test_second_asyncio_run_with_a_token_callable(sandbox: Sandbox) -> None:
    requested = 0

    async def fetch_token() -> str:
        nonlocal requested
        requested += 1
        await asyncio.sleep(0)
        return sandbox.issue_token()

    haut = client(sandbox, token=fetch_token)

    async def list_often() -> None:
        await asyncio.gather(*(haut.subjects.list() for _ in range(8)))

    asyncio.run(list_often())
    sandbox.faults.add("list_subjects", faults.unauthorized())
    asyncio.run(list_often())
    assert requested == 2
    assert_sockets_close()


def test_second_asyncio_run_after_the_first_was_canceled(sandbox: Sandbox) -> None:
    """Ending the event loop cancels calls that await a token, a slot or a response."""
    requested = 0

    async def fetch_token() -> str:
        nonlocal requested
        requested += 1
        if requested == 1:
            await asyncio.sleep(3600)
        return sandbox.credentials["token"]

    haut = client(sandbox, token=fetch_token)

    async def canceled() -> None:
        calls = [asyncio.create_task(haut.subjects.list()) for _ in range(8)]
        while not requested:  # noqa: ASYNC110 - set by the token callable
            await asyncio.sleep(0)
        assert not any(call.done() for call in calls)
        # When this function returns, asyncio.run cancels the remaining tasks.

    asyncio.run(canceled())

    async def list_often() -> list[int]:
        return [
            page.total for page in await asyncio.gather(*(haut.subjects.list() for _ in range(8)))
        ]

    assert asyncio.run(list_often()) == [0] * 8
    sandbox.faults.add("list_subjects", faults.stall(), times=4)

    async def stalled() -> None:
        calls = [asyncio.create_task(haut.subjects.list()) for _ in range(4)]
        while sandbox.faults.pending:  # noqa: ASYNC110 - the sandbox has threads
            await asyncio.sleep(0.001)
        assert not any(call.done() for call in calls)

    asyncio.run(stalled())
    assert asyncio.run(list_often()) == [0] * 8
    assert_sockets_close()


def test_run_that_ends_with_an_error(sandbox: Sandbox) -> None:
    haut = client(sandbox)

    async def fail() -> None:
        await haut.subjects.list()
        raise LookupError("the caller's own")

    for _ in range(2):
        with pytest.raises(LookupError):
            asyncio.run(fail())
    assert_sockets_close()


def test_two_event_loops_at_the_same_time(sandbox: Sandbox) -> None:
    haut = client(sandbox)
    barrier = threading.Barrier(2)
    totals: list[int] = []

    async def list_often() -> None:
        for _ in range(20):
            totals.append((await haut.subjects.list()).total)

    def run() -> None:
        barrier.wait()
        asyncio.run(list_often())

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == [0] * 40
    assert_sockets_close()


def test_closing_in_another_run(sandbox: Sandbox) -> None:
    haut = client(sandbox)

    async def use() -> None:
        await haut.subjects.list()

    asyncio.run(use())
    asyncio.run(haut.aclose())
    assert_sockets_close()


def test_derived_client_in_another_run(sandbox: Sandbox) -> None:
    haut = client(sandbox)
    derived = haut.with_options(max_retries=0)

    async def use(which: AsyncHaut) -> int:
        return (await which.subjects.list()).total

    for which in (haut, derived, haut, derived):
        assert asyncio.run(use(which)) == 0
    asyncio.run(haut.aclose())
    assert_sockets_close()


def test_event_loop_other_than_asyncio_is_rejected() -> None:
    """Another event loop, such as that of trio, runs the coroutine by its method `send`."""
    with pytest.raises(ConfigError, match="asyncio"):
        AsyncHaut(token="token", company_id=COMPANY).request("GET", "/x/").send(None)
