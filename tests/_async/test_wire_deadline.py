"""The deadline of a call holds, whatever the other side does, and no connection is left open."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from haut_ext import AsyncHaut, Timeout, TransportTimeout
from haut_ext._http import retry_policy
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Request, Response, Sandbox, faults
from tests.faces import AsyncLatest
from tests.machine_lag import MachineLag
from tests.wire.holdings import AsyncHoldings
from tests.wire.interrupts import AsyncCrowd, AsyncMoment
from tests.wire.peers import HOST, black_hole, slow_reader
from tests.wire.world import elsewhere, photo_of, store

DEADLINE = 1.0


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(retry_policy, "INITIAL_BACKOFF", 0.01)
    with Sandbox(seed=1) as sandbox:
        yield sandbox


def client(sandbox: Sandbox, **changes: Any) -> AsyncHaut:
    limits = {"deadline": DEADLINE, "timeout": Timeout(read=None)}
    return AsyncHaut(**{**sandbox.credentials, **limits, **changes})


@contextmanager
def ends_in_time(latest: float = DEADLINE) -> Iterator[None]:
    """Check that the call ends with the deadline's error, neither before it nor after `latest`.

    Args:
        latest: Seconds; AsyncHaut ends at its deadline, Haut at most one timeout later.
    """
    with MachineLag() as lag:
        started = time.monotonic()
        with pytest.raises(TransportTimeout, match=f"deadline of {DEADLINE:g} s") as caught:
            yield
        elapsed = time.monotonic() - started
    assert DEADLINE <= elapsed < latest + 0.3 + lag.allowance
    assert DEADLINE <= caught.value.elapsed < latest + 0.3 + lag.allowance


@pytest.mark.slow
async def test_body_that_comes_byte_by_byte(sandbox: Sandbox) -> None:
    stored = store(sandbox)
    sandbox.faults.add("get_image", faults.dribble(0.02, head=False))
    async with AsyncHoldings(), client(sandbox) as haut:
        with ends_in_time():
            await haut.images.get(stored.image)
    assert sandbox.faults.pending == []


@pytest.mark.slow
async def test_silence(sandbox: Sandbox) -> None:
    stored = store(sandbox)
    sandbox.faults.add("get_image", faults.stall())
    async with AsyncHoldings(), client(sandbox) as haut:
        with ends_in_time():
            await haut.images.get(stored.image)
    assert sandbox.faults.pending == []


@pytest.mark.slow
async def test_download_that_comes_byte_by_byte(sandbox: Sandbox) -> None:
    photo = bytes(range(256)) * 4
    stored = store(sandbox, photo)
    sandbox.faults.add("download_image", faults.dribble(0.02, head=False))
    async with AsyncHoldings(), client(sandbox) as haut:
        got = io.BytesIO()
        with ends_in_time():
            await haut.images.download(stored.image, got)
        # The file already contains the beginning of the photo, because downloads are streamed.
        assert 0 < len(got.getvalue()) < len(photo)
        assert photo.startswith(got.getvalue())
    assert sandbox.faults.pending == []


@pytest.mark.slow
async def test_upload_to_a_receiver_that_reads_slowly(sandbox: Sandbox) -> None:
    stored = store(sandbox)
    photo = Photo.open(photo_of(20_000_000))
    async with AsyncHoldings(), client(sandbox) as haut:
        with slow_reader(65_536, 0.02) as origin:
            slot = elsewhere(await haut.images.request_upload(stored.subject), origin)
            with ends_in_time():
                await haut.images.send_bytes(slot, photo)


@pytest.mark.slow
async def test_host_with_several_dead_addresses(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = [HOST, "127.0.0.2", "127.0.0.3"]

    look_up = socket.getaddrinfo

    def several(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        if host != "localhost":
            return look_up(host, port, *arguments, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (it, port)) for it in hosts]

    with black_hole(*hosts[1:]) as port:
        monkeypatch.setattr(socket, "getaddrinfo", several)
        base_url = f"http://localhost:{port}"
        async with AsyncHoldings(), client(sandbox, base_url=base_url) as haut:
            with ends_in_time(AsyncLatest.of_addresses(3) * DEADLINE):
                await haut.subjects.list()


@pytest.mark.slow
async def test_waiting_for_a_slot_before_a_retry(sandbox: Sandbox) -> None:
    """Other calls take all slots between the first attempt and the second."""
    stored = store(sandbox)
    last_call_started, release = threading.Event(), threading.Event()

    def change(response: Response) -> Response:
        last_call_started.wait(10)
        return faults.status(503).change(response)

    # The delay of 0.3 s gives the last call the time to wait for a slot.
    sandbox.faults.add("get_image", faults.Fault("late", "before", change=change, seconds=0.3))

    def hold(request: Request) -> None:
        if request.operation == "list_subjects":
            release.wait(10)

    sandbox.before_request = hold
    async with AsyncHoldings(), client(sandbox, deadline=None, max_in_flight=16) as others:

        async def last() -> None:
            await AsyncMoment(lambda: sandbox.received("get_image")).come()
            last_call_started.set()
            await others.subjects.list()

        async with AsyncCrowd([others.subjects.list] * 15):
            await AsyncMoment(lambda: sandbox.received("list_subjects") == 15).come()
            async with AsyncCrowd([last]):
                try:
                    with ends_in_time():
                        await others.with_options(deadline=DEADLINE).images.get(stored.image)
                finally:
                    release.set()
    assert sandbox.received("get_image") == 1
