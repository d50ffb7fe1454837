"""Tests that the deadline covers the entire call: proxy connection, token, attempts and delays.

A call of AsyncHaut ends at its deadline. A call of Haut may end one timeout later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from haut_ext import AsyncHaut, TransportTimeout
from haut_ext.sandbox import Sandbox, faults
from tests.support.client_runner import Client, Kind
from tests.support.machine_lag import MachineLag
from tests.support.servers import Server, silent_server

NewClient = Callable[..., Client]

DEADLINE = 0.6
TIMEOUT = 0.5


@contextmanager
def ends_in_time(kind: Kind) -> Iterator[None]:
    """Check that a call raises TransportTimeout at its deadline or shortly after it."""
    limit = DEADLINE + 0.3 if kind == "async" else DEADLINE + TIMEOUT + 0.3
    with MachineLag() as lag:
        started = time.monotonic()
        with pytest.raises(TransportTimeout):
            yield
        elapsed = time.monotonic() - started
    assert elapsed < limit + lag.allowance


@pytest.fixture
def limited(new_client: NewClient) -> Callable[..., Client]:
    """Creates clients with a short deadline and a short timeout."""

    def make(**arguments: Any) -> Client:
        return new_client(**{"deadline": DEADLINE, "timeout": TIMEOUT, **arguments})

    return make


@pytest.mark.slow
def test_deadline_includes_attempts_that_time_out(limited: NewClient, kind: Kind) -> None:
    with silent_server() as origin:
        client = limited(base_url=origin)
        with ends_in_time(kind):
            client.call(lambda haut: haut.subjects.list())


@pytest.mark.slow
def test_deadline_includes_the_connect_request_to_a_proxy(
    limited: NewClient, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent_server() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        client = limited(base_url="https://saas.example.invalid")
        with ends_in_time(kind):
            client.call(lambda haut: haut.subjects.list())


@pytest.mark.slow
def test_deadline_includes_the_tls_handshake_through_a_proxy(
    limited: NewClient, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: Server

    def accept_tunnel(client: Any) -> None:
        client.recv(65_536)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        server.closing.wait()

    with Server(accept_tunnel) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.origin)
        client = limited(base_url="https://saas.example.invalid")
        with ends_in_time(kind):
            client.call(lambda haut: haut.subjects.list())


async def test_async_deadline_includes_the_token_callable(sandbox: Sandbox) -> None:
    async def fetch_token() -> str:
        await asyncio.sleep(3600)
        return ""

    arguments: dict[str, Any] = {**sandbox.credentials, "token": fetch_token}
    async with AsyncHaut(**arguments, deadline=DEADLINE) as haut:
        with ends_in_time("async"):
            async with asyncio.timeout(10):
                await haut.subjects.list()
    assert sandbox.requests == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", [faults.dribble(0.02), faults.stall()], ids=["head", "silence"])
async def test_async_deadline_holds_without_timeouts(sandbox: Sandbox, fault: Any) -> None:
    sandbox.faults.add("list_subjects", fault)
    arguments: dict[str, Any] = {**sandbox.credentials, "timeout": None}
    async with AsyncHaut(**arguments, deadline=DEADLINE) as haut:
        with ends_in_time("async"):
            await haut.subjects.list()
        assert (await haut.subjects.list()).total == 0


def test_deadline_includes_the_delays_between_attempts(
    limited: NewClient, kind: Kind, sandbox: Sandbox
) -> None:
    """The client does not start to wait for a retry that would be after the deadline."""
    sandbox.faults.add("list_subjects", faults.status(429, retry_after=2), times=None)
    client = limited(deadline=1)
    with MachineLag() as lag:
        started = time.monotonic()
        with pytest.raises(Exception, match="429"):
            client.call(lambda haut: haut.subjects.list())
        elapsed = time.monotonic() - started
    assert elapsed < 1 + lag.allowance
    assert sandbox.received("list_subjects") == 1
