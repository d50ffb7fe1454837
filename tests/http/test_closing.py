"""Tests of closing a client while calls await a response, a slot or a retry."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from haut_ext import ConfigError, ServerError
from tests.support.client_runner import COMPANY, DATASET, Client, Kind, client_class
from tests.support.interruptions import wait_until
from tests.support.leaks import assert_sockets_close, client_sockets
from tests.support.servers import Server, read_body, read_head, response

CREDENTIALS: dict[str, Any] = {"token": "token", "company_id": COMPANY, "dataset_id": DATASET}
PATIENCE = 10.0


class BlockedServer(Server):
    """A server that sends no response until the event `proceed` is set.

    Attributes:
        arrived: Number of requests that have arrived.
        proceed: Event that releases the responses.
    """

    def __init__(self, answer: bytes) -> None:
        self._response = answer
        self.arrived = 0
        self.answered = 0
        self.proceed = threading.Event()
        super().__init__(self._respond_later)

    def _respond_later(self, client: socket.socket) -> None:
        while head := read_head(client):
            read_body(client, head)
            self.arrived += 1
            self.proceed.wait(PATIENCE)
            client.sendall(self._response)
            self.answered += 1


@pytest.fixture
def server() -> Iterator[BlockedServer]:
    with BlockedServer(response("200 OK", b"{}")) as server:
        yield server


class Transport(httpx.HTTPTransport):
    """A custom transport that counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1
        super().close()


class AsyncTransport(httpx.AsyncHTTPTransport):
    """A custom async transport that counts how often it is closed."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1
        await super().aclose()


class AttemptCounter:
    """Request hook that counts attempts, for the sync or the async client."""

    def __init__(self, kind: Kind) -> None:
        self.count = 0
        self.hooks = {"request": [self._count if kind == "sync" else self._count_async]}

    def _count(self, _: httpx.Request) -> None:
        self.count += 1

    async def _count_async(self, _: httpx.Request) -> None:
        self.count += 1


def close_during(
    kind: Kind,
    haut: Any,
    calls: int,
    ready: Callable[[], object],
    then: Callable[[], object],
    method: str = "GET",
) -> list[Any]:
    """Make concurrent calls and close the client while they are running.

    Args:
        kind: Whether the client is sync or async.
        haut: The client to close.
        calls: Number of concurrent calls.
        ready: Condition to wait for before closing the client.
        then: Function to call after closing the client.
        method: HTTP method of the requests.

    Returns:
        The response or the error of each call.
    """
    if kind == "sync":
        with ThreadPoolExecutor(calls) as pool:
            futures = [pool.submit(haut.request, method, "/x/") for _ in range(calls)]
            wait_until(ready)
            haut.close()
            then()
        assert_sockets_close()
        return [future.exception() or future.result() for future in futures]

    async def run() -> list[Any]:
        tasks = [asyncio.create_task(haut.request(method, "/x/")) for _ in range(calls)]
        await asyncio.to_thread(wait_until, ready)
        await haut.aclose()
        then()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        # Check before the event loop ends, because ending it would close leaked sockets.
        await asyncio.to_thread(assert_sockets_close)
        return ended

    return asyncio.run(run())


def transport_of(kind: Kind) -> Any:
    return Transport() if kind == "sync" else AsyncTransport()


@pytest.mark.parametrize("own_transport", [False, True])
def test_call_in_flight_completes_and_waiting_calls_are_rejected(
    kind: Kind, server: BlockedServer, own_transport: bool
) -> None:
    attempts = AttemptCounter(kind)
    transport: Any = transport_of(kind) if own_transport else None
    haut = client_class(kind)(
        **CREDENTIALS,
        base_url=server.origin,
        max_in_flight=1,
        event_hooks=attempts.hooks,
        transport=transport,
    )
    ended = close_during(
        kind, haut, 3, lambda: server.arrived and attempts.count == 3, server.proceed.set
    )
    answered = [it for it in ended if isinstance(it, httpx.Response)]
    rejected = [it for it in ended if isinstance(it, ConfigError)]
    assert (len(answered), len(rejected)) == (1, 2), ended
    assert {str(it) for it in rejected} == {"this client is closed"}
    assert server.arrived == 1
    if own_transport:
        assert transport.closed >= 1


def test_custom_transport_is_closed_after_the_last_call(kind: Kind, server: BlockedServer) -> None:
    transport = transport_of(kind)
    haut = client_class(kind)(**CREDENTIALS, base_url=server.origin, transport=transport)
    closed_before: list[int] = []

    def proceed() -> None:
        closed_before.append(transport.closed)
        server.proceed.set()

    ended = close_during(kind, haut, 3, lambda: server.arrived == 3, proceed)
    assert [it.status_code for it in ended] == [200] * 3
    assert closed_before == [0]
    assert transport.closed >= 1


def test_custom_transport_is_closed_although_it_raised_an_error_of_its_own(kind: Kind) -> None:
    closed: list[bool] = []

    class Failing(httpx.MockTransport):
        def close(self) -> None:
            closed.append(True)

        async def aclose(self) -> None:
            closed.append(True)

    def fail(request: httpx.Request) -> httpx.Response:
        raise LookupError(request.method)

    with Client(kind, **CREDENTIALS, transport=Failing(fail)) as client:
        for _ in range(3):
            with pytest.raises(LookupError):
                client.call(lambda haut: haut.request("GET", "/x/"))
        assert not closed
    assert closed


def test_closing_before_a_retry_raises_the_error_of_the_last_attempt(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ConfigError would not show that the service may have carried out the first attempt."""
    monkeypatch.setattr(random, "uniform", lambda low, high: 0.3)
    with BlockedServer(response("500 Internal Server Error")) as server:
        server.proceed.set()
        haut = client_class(kind)(**CREDENTIALS, base_url=server.origin)
        [error] = close_during(kind, haut, 1, lambda: server.answered, lambda: None, method="PATCH")
    assert isinstance(error, ServerError), error
    assert error.status == 500
    assert error.maybe_carried_out
    assert server.arrived == 1


def test_connections_that_were_idle_for_long_are_closed_by_the_next_call(
    kind: Kind, server: BlockedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After many concurrent calls, a client must not keep their connections until it is closed."""
    calls = 12

    def proceed() -> None:
        wait_until(lambda: server.arrived == calls)
        server.proceed.set()

    with ThreadPoolExecutor(calls + 1) as threads:
        client = Client(kind, **CREDENTIALS, base_url=server.origin)
        threads.submit(proceed)
        if kind == "sync":
            for made in [threads.submit(client.haut.request, "GET", "/x/") for _ in range(calls)]:
                made.result()
        else:
            client.call(
                lambda haut: asyncio.gather(*(haut.request("GET", "/x/") for _ in range(calls)))
            )
    assert len(client_sockets()) == calls
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + 60)
    client.call(lambda haut: haut.request("GET", "/x/"))
    assert_sockets_close(allowed=1)
    client.close()
    assert_sockets_close()
