# Derived from tests/_async/test_deadlines.py by `make sync`; change that file instead.
"""Tests that calls end at their deadline even if the server is slow, and leave no open connection."""

from __future__ import annotations

import io
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from haut_ext import Haut, Timeout, TransportTimeout
from haut_ext._http import retry_policy
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Request, Response, Sandbox, faults
from tests.support.both_clients import MaximumDuration
from tests.support.interruptions import BackgroundCalls, wait_until
from tests.support.leaks import LeakCheck
from tests.support.machine_lag import MachineLag
from tests.support.sandbox_photos import add_photo, photo_of, slot_at
from tests.support.servers import HOST, black_hole, slow_reader

pytestmark = pytest.mark.usefixtures("short_backoff")

DEADLINE = 1.0


def client(sandbox: Sandbox, **changes: Any) -> Haut:
    limits = {"deadline": DEADLINE, "timeout": Timeout(read=None)}
    return Haut(**{**sandbox.credentials, **limits, **changes})


@contextmanager
def ends_in_time(latest: float = DEADLINE) -> Iterator[None]:
    """Check that a call raises a deadline error between its deadline and `latest`.

    Args:
        latest: Maximum duration of the call, in seconds.
    """
    with MachineLag() as lag:
        started = time.monotonic()
        with pytest.raises(TransportTimeout, match=f"deadline of {DEADLINE:g} s") as caught:
            yield
        elapsed = time.monotonic() - started
    assert DEADLINE <= elapsed < latest + 0.3 + lag.allowance
    assert DEADLINE <= caught.value.elapsed < latest + 0.3 + lag.allowance


@pytest.mark.slow
def test_deadline_of_a_response_that_arrives_byte_by_byte(sandbox: Sandbox) -> None:
    stored = add_photo(sandbox)
    sandbox.faults.add("get_image", faults.dribble(0.02, head=False))
    with LeakCheck(), client(sandbox) as haut:
        with ends_in_time():
            haut.images.get(stored.image)
    assert sandbox.faults.pending == []


@pytest.mark.slow
def test_deadline_of_a_call_without_a_response(sandbox: Sandbox) -> None:
    stored = add_photo(sandbox)
    sandbox.faults.add("get_image", faults.stall())
    with LeakCheck(), client(sandbox) as haut:
        with ends_in_time():
            haut.images.get(stored.image)
    assert sandbox.faults.pending == []


@pytest.mark.slow
def test_deadline_of_a_download_that_arrives_byte_by_byte(sandbox: Sandbox) -> None:
    photo = bytes(range(256)) * 4
    stored = add_photo(sandbox, photo)
    sandbox.faults.add("download_image", faults.dribble(0.02, head=False))
    with LeakCheck(), client(sandbox) as haut:
        received = io.BytesIO()
        with ends_in_time():
            haut.images.download(stored.image, received)
        # Downloads are streamed, so the file contains the part that arrived before the deadline.
        assert 0 < len(received.getvalue()) < len(photo)
        assert photo.startswith(received.getvalue())
    assert sandbox.faults.pending == []


@pytest.mark.slow
def test_deadline_of_an_upload_to_a_server_that_reads_slowly(sandbox: Sandbox) -> None:
    stored = add_photo(sandbox)
    photo = Photo.open(photo_of(20_000_000))
    with LeakCheck(), client(sandbox) as haut:
        with slow_reader(65_536, 0.02) as storage:
            slot = slot_at(haut.images.request_upload(stored.subject), storage.origin)
            with ends_in_time():
                haut.images.send_bytes(slot, photo)


@pytest.mark.slow
def test_deadline_of_a_call_to_a_host_with_several_unreachable_addresses(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = [HOST, "127.0.0.2", "127.0.0.3"]

    getaddrinfo = socket.getaddrinfo

    def resolve(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        if host != "localhost":
            return getaddrinfo(host, port, *arguments, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (it, port)) for it in hosts]

    with black_hole(*hosts) as port:
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        base_url = f"http://localhost:{port}"
        with LeakCheck(), client(sandbox, base_url=base_url) as haut:
            with ends_in_time(MaximumDuration.of_connecting(addresses=3) * DEADLINE):
                haut.subjects.list()


@pytest.mark.slow
def test_deadline_includes_waiting_for_a_slot_before_a_retry(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other calls occupy all connection slots while the tested call waits for its retry."""
    monkeypatch.setattr(retry_policy, "INITIAL_BACKOFF", 0.1)
    monkeypatch.setattr(random, "uniform", max)  # the longest delay
    stored = add_photo(sandbox)
    last_call_started, release = threading.Event(), threading.Event()

    def change(response: Response) -> Response:
        last_call_started.wait(10)
        return faults.status(503).change(response)

    # Respond 0.3 s late, so that the last call already waits for a slot.
    sandbox.faults.add("get_image", faults.Fault("late", "before", change=change, seconds=0.3))

    def hold(request: Request) -> None:
        if request.operation == "list_subjects":
            release.wait(10)

    sandbox.before_request = hold
    with LeakCheck(), client(sandbox, deadline=None, max_in_flight=16) as others:

        def occupy_last_slot() -> None:
            wait_until(lambda: sandbox.received("get_image"))
            last_call_started.set()
            others.subjects.list()

        with BackgroundCalls([others.subjects.list] * 15):
            wait_until(lambda: sandbox.received("list_subjects") == 15)
            with BackgroundCalls([occupy_last_slot]):
                try:
                    with ends_in_time():
                        others.with_options(deadline=DEADLINE).images.get(stored.image)
                finally:
                    release.set()
    assert sandbox.received("get_image") == 1
