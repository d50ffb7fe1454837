# Derived from tests/_async/test_wire_deadline.py by `make sync`; change that file instead.
"""The deadline of a call holds to 10 % or 100 ms, whatever the other side does, and nothing is left.

These are the only tests that look at a clock.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import pytest

from haut_ext import Haut, Timeout, TransportTimeout
from haut_ext._sync.network import Deadline, _Backend
from haut_ext.photo import Photo
from haut_ext.sandbox import Request, Sandbox, faults
from haut_ext.wire import retry
from tests.wire.holdings import Holdings
from tests.wire.interrupts import Crowd, Moment
from tests.wire.peers import HOST, black_hole, slow_reader
from tests.wire.world import elsewhere, photo_of, store

DEADLINE = 1.0


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    with Sandbox(seed=1) as sandbox:
        yield sandbox


def client(sandbox: Sandbox, **changes: Any) -> Haut:
    limits = {"deadline": DEADLINE, "transfer_deadline": DEADLINE, "timeout": Timeout(read=None)}
    return Haut(**{**sandbox.credentials, **limits, **changes})


@contextmanager
def ends_in_time() -> Iterator[None]:
    """See that what is done here is ended by its deadline."""
    started = time.monotonic()
    with pytest.raises(TransportTimeout, match=f"deadline of {DEADLINE:g} s") as caught:
        yield
    assert abs(time.monotonic() - started - DEADLINE) < 0.1 * max(DEADLINE, 1.0)
    assert abs(caught.value.elapsed - DEADLINE) < 0.1 * max(DEADLINE, 1.0)


@pytest.mark.parametrize("head", [True, False], ids=["headers", "body"])
def test_dribbled_answer(sandbox: Sandbox, head: bool) -> None:
    stored = store(sandbox)
    sandbox.faults.add("get_image", faults.dribble(0.01, head=head))
    with Holdings(), client(sandbox) as haut:
        with ends_in_time():
            haut.images.get(stored.image)
    assert sandbox.faults.pending == []


def test_silence(sandbox: Sandbox) -> None:
    stored = store(sandbox)
    sandbox.faults.add("get_image", faults.stall())
    with Holdings(), client(sandbox) as haut:
        with ends_in_time():
            haut.images.get(stored.image)
    assert sandbox.faults.pending == []


def test_dribbled_download(sandbox: Sandbox) -> None:
    stored = store(sandbox)
    sandbox.faults.add("download_image", faults.dribble(0.3, head=False))
    with Holdings(), client(sandbox) as haut:
        got = io.BytesIO()
        with ends_in_time():
            haut.images.download(stored.image, got)
        assert got.getvalue() == b"pho"  # it was being streamed
    assert sandbox.faults.pending == []


def test_slowly_read_upload(sandbox: Sandbox) -> None:
    stored = store(sandbox)
    photo = Photo.open(photo_of(20_000_000))
    with Holdings(), client(sandbox) as haut:
        with slow_reader(65_536, 0.02) as origin:
            slot = elsewhere(haut.images.request_upload(stored.subject), origin)
            with ends_in_time():
                haut.images.send_bytes(slot, photo)


def test_one_piece_read_slowly() -> None:
    """A single write must not be given its limit anew for each part that gets through."""
    with slow_reader(4096, 0.1) as origin:
        port = int(origin.rpartition(":")[2])
        stream = _Backend().connect_tcp(HOST, port)
        stream.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        deadline = Deadline(DEADLINE)
        deadline.start()
        started = time.monotonic()
        with deadline, pytest.raises(httpcore.WriteTimeout):
            stream.write(bytes(1_000_000))
        assert abs(time.monotonic() - started - DEADLINE) < 0.1 * max(DEADLINE, 1.0)
        stream.close()


def test_host_with_several_dead_addresses(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = [HOST, "127.0.0.2", "127.0.0.3"]

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in hosts]
    look_up = socket.getaddrinfo

    def several(host: Any, *arguments: Any, **named: Any) -> Any:
        return found if host == "localhost" else look_up(host, *arguments, **named)

    with black_hole(*hosts[1:]) as port:
        monkeypatch.setattr(socket, "getaddrinfo", several)
        base_url = f"http://localhost:{port}"
        with Holdings(), client(sandbox, base_url=base_url) as haut:
            with ends_in_time():
                haut.subjects.list()


def test_waiting_for_a_turn_to_try_again(sandbox: Sandbox) -> None:
    """Others take all turns between the first attempt and the second."""
    stored = store(sandbox)
    late = faults.Fault("late", "before", change=faults.status(503).change, seconds=0.3)
    sandbox.faults.add("get_image", late)
    release = threading.Event()

    def hold(request: Request) -> None:
        if request.operation == "list_subjects":
            release.wait(10)

    sandbox.before_request = hold
    with Holdings(), client(sandbox, deadline=None) as others:

        def last() -> None:
            Moment(lambda: sandbox.arrived("get_image")).come()
            others.subjects.list()

        with Crowd([others.subjects.list] * 15):
            Moment(lambda: sandbox.arrived("list_subjects") == 15).come()
            with Crowd([last]):
                try:
                    with ends_in_time():
                        others.with_options(deadline=DEADLINE).images.get(stored.image)
                finally:
                    release.set()
    assert sandbox.arrived("get_image") == 1
