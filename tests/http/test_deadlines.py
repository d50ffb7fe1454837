"""The deadline of a call, whatever the other side does.

Upper bounds only: AsyncHaut ends at its deadline, Haut at most one timeout later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest

from haut_ext import AsyncHaut, TransportTimeout
from haut_ext.sandbox import Sandbox, faults
from tests.http.clients import Client, Kind, photo_of
from tests.http.servers import RewritingServer, Server, silent, slow_reader
from tests.machine_lag import MachineLag

NewClient = Callable[..., Client]

DEADLINE = 0.6
TIMEOUT = 0.5
SIGNED_URL = r'"http://[^"]+Signature=[^"]*"'


@contextmanager
def ends_in_time(kind: Kind) -> Iterator[None]:
    """Check that a call fails with a timeout by its deadline."""
    limit = DEADLINE + 0.3 if kind == "async" else DEADLINE + TIMEOUT + 0.3
    with MachineLag() as lag:
        started = time.monotonic()
        with pytest.raises(TransportTimeout):
            yield
        elapsed = time.monotonic() - started
    assert elapsed < limit + lag.allowance


@pytest.fixture
def limited(new_client: NewClient) -> Callable[..., Client]:
    """Make clients with a deadline and, for the synchronous one, a timeout of each step."""

    def make(**arguments: Any) -> Client:
        return new_client(**{"deadline": DEADLINE, "timeout": TIMEOUT, **arguments})

    return make


@pytest.mark.slow
def test_body_that_comes_byte_by_byte(limited: NewClient, kind: Kind, sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    [image] = sandbox.add_images(subject, 1, b"photo")
    sandbox.faults.add("get_image", faults.dribble(0.02, head=False))
    client = limited()
    with ends_in_time(kind):
        client.call(lambda haut: haut.images.get(image.id))
    assert sandbox.received("get_image") == 1


@pytest.mark.slow
def test_download_that_comes_byte_by_byte(limited: NewClient, kind: Kind, sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    [image] = sandbox.add_images(subject, 1, bytes(1000))
    sandbox.faults.add("download_image", faults.dribble(0.02, head=False))
    client = limited()
    with ends_in_time(kind):
        client.call(lambda haut: haut.images.download(image.id, BytesIO()))


@pytest.mark.slow
def test_upload_to_a_receiver_that_reads_slowly(
    limited: NewClient, kind: Kind, sandbox: Sandbox
) -> None:
    [subject] = sandbox.add_subjects(1)
    photo = photo_of(20_000_000)
    with (
        slow_reader(65_536, 0.02) as storage,
        RewritingServer(sandbox.base_url, SIGNED_URL, f'"{storage.origin}/photo"') as api,
    ):
        client = limited(base_url=api.origin)
        client.call(lambda haut: haut.subjects.list())
        with ends_in_time(kind):
            client.call(lambda haut: haut.images.upload(subject.id, photo))


@pytest.mark.slow
def test_server_that_does_not_answer(limited: NewClient, kind: Kind) -> None:
    with silent() as server:
        client = limited(base_url=server.origin)
        with ends_in_time(kind):
            client.call(lambda haut: haut.subjects.list())


@pytest.mark.slow
def test_tls_handshake_that_stalls(limited: NewClient, kind: Kind) -> None:
    with silent() as server:
        client = limited(base_url=f"https://localhost:{server.port}")
        with ends_in_time(kind):
            client.call(lambda haut: haut.subjects.list())


@pytest.mark.slow
def test_connect_that_stalls(
    limited: NewClient, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        client = limited(base_url="https://saas.example.invalid")
        with ends_in_time(kind):
            client.call(lambda haut: haut.subjects.list())


@pytest.mark.slow
def test_tls_handshake_inside_a_proxy_that_stalls(
    limited: NewClient, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: Server

    def accept_tunnel(client: Any) -> None:
        client.recv(65_536)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        server.ended.wait()

    with Server(accept_tunnel) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.origin)
        client = limited(base_url="https://saas.example.invalid")
        with ends_in_time(kind):
            client.call(lambda haut: haut.subjects.list())


async def test_whole_async_call_includes_the_token_callable(sandbox: Sandbox) -> None:
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
async def test_async_deadline_without_timeouts(sandbox: Sandbox, fault: Any) -> None:
    sandbox.faults.add("list_subjects", fault)
    arguments: dict[str, Any] = {**sandbox.credentials, "timeout": None}
    async with AsyncHaut(**arguments, deadline=DEADLINE) as haut:
        with ends_in_time("async"):
            await haut.subjects.list()
        assert (await haut.subjects.list()).total == 0


def test_deadline_includes_the_delays_between_attempts(
    limited: NewClient, kind: Kind, sandbox: Sandbox
) -> None:
    """A delay that would end after the deadline is not begun."""
    sandbox.faults.add("list_subjects", faults.status(429, retry_after=2), times=None)
    client = limited(deadline=1)
    with MachineLag() as lag:
        started = time.monotonic()
        with pytest.raises(Exception, match="429"):
            client.call(lambda haut: haut.subjects.list())
        elapsed = time.monotonic() - started
    assert elapsed < 1 + lag.allowance
    assert sandbox.received("list_subjects") == 1
