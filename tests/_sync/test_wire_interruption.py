# Derived from tests/_async/test_wire_interruption.py by `make sync`; change that file instead.
"""An interruption in any stage of a call leaves nothing behind, and the client goes on working."""

from __future__ import annotations

import gc
import hashlib
import io
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from haut_ext import Haut
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Request, Sandbox, faults
from tests.wire.holdings import Holdings
from tests.wire.interrupts import Crowd, Interrupter, Moment
from tests.wire.peers import black_hole, deaf
from tests.wire.world import elsewhere, photo_of, store

# After Ctrl-C the synchronous client drops its connections, and the collector closes them.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect what an interruption left to the garbage collector, so that no later test is warned."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1) as sandbox:
        yield sandbox


def interrupt(sandbox: Sandbox, stage: str, call: Callable[[], object]) -> None:
    """Interrupt a call when the function `stage` is on its stack and its fault has struck.

    See that nothing is left of it, even while somebody keeps the exception.
    """
    interrupter = Interrupter(stage, lambda: sandbox.faults.pending == [])
    with Holdings():
        interrupter.strike(call)


def still_works(haut: Haut, sandbox: Sandbox) -> None:
    """Check that all 16 slots are free: 16 calls arrive before the first gets its response."""
    all_have_come = threading.Barrier(16, timeout=10)

    def hold(_: Request) -> None:
        all_have_come.wait()

    sandbox.before_request = hold
    with Crowd([haut.subjects.list] * 16):
        pass
    sandbox.before_request = None
    assert not all_have_come.broken


def test_waiting_for_a_slot(sandbox: Sandbox) -> None:
    release = threading.Event()

    def hold(_: Request) -> None:
        release.wait(10)

    sandbox.before_request = hold
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        with Crowd([haut.subjects.list] * 16):
            try:
                Moment(lambda: sandbox.received("list_subjects") == 16).come()
                interrupt(sandbox, "_send_once", haut.subjects.list)
            finally:
                release.set()
        still_works(haut, sandbox)
    assert sandbox.received("list_subjects") == 16 + 16


# The standard library's create_connection leaves its socket to the collector, with a warning.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_connecting(sandbox: Sandbox) -> None:
    credentials = sandbox.credentials
    with black_hole() as port:
        credentials["base_url"] = f"http://127.0.0.1:{port}"
        with Haut(**credentials) as haut:
            for _ in range(3):
                with Holdings():
                    Interrupter("connect_tcp", lambda: True).strike(haut.subjects.list)
                    gc.collect()


# The interruption can fall between the opening of the file and the name it gets.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("kind", ["bytes", "path"])
def test_sending_a_photo(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    subject = store(sandbox).subject
    content = photo_of(20_000_000)
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    photo = Photo.open(path if kind == "path" else content)
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        slot = haut.images.request_upload(subject)
        with deaf() as origin:
            interrupt(
                sandbox,
                "_send_request_body",
                lambda: haut.images.send_bytes(elsewhere(slot, origin), photo),
            )
        haut.images.send_bytes(slot, photo)
        still_works(haut, sandbox)
    stored = sandbox.snapshot()["subjects"][0]["batches"][1]["images"][0]
    assert stored["sha256"] == hashlib.sha256(content).hexdigest()


def test_waiting_for_the_headers(sandbox: Sandbox) -> None:
    sandbox.faults.add("list_subjects", faults.stall(), skip=1)
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        haut.subjects.list()  # leaves a connection, which may stay
        interrupt(sandbox, "_receive_response_headers", haut.subjects.list)
        still_works(haut, sandbox)


def test_reading_the_body(sandbox: Sandbox) -> None:
    sandbox.faults.add("list_subjects", faults.dribble(0.3, head=False), skip=1)
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        haut.subjects.list()  # leaves a connection, which may stay
        interrupt(sandbox, "_read", haut.subjects.list)
        still_works(haut, sandbox)


def test_waiting_before_a_retry(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    sandbox.faults.add("list_subjects", faults.status(503, retry_after=30), skip=1)
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        haut.subjects.list()  # leaves a connection, which may stay
        # This line is logged last before the client sleeps.
        interrupter = Interrupter("exchange", lambda: "retrying in" in caplog.text)
        with Holdings():
            interrupter.strike(haut.subjects.list)
        still_works(haut, sandbox)


def test_asking_for_the_token(sandbox: Sandbox) -> None:
    credentials = sandbox.credentials
    hangs = True

    def token() -> str:
        if hangs:
            time.sleep(30)
        return credentials["token"]

    arguments: Any = {**credentials, "token": token}
    with Haut(**arguments, max_in_flight=16) as haut:
        interrupt(sandbox, "token", haut.subjects.list)
        hangs = False
        still_works(haut, sandbox)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["path", "file"])
def test_streaming_a_download(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    image: UUID = store(sandbox).image
    sandbox.faults.add("download_image", faults.dribble(0.3, head=False))
    path = tmp_path / "photo.jpg"
    to = path if kind == "path" else io.BytesIO()
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        haut.images.get(image)  # leaves a connection, which may stay
        interrupt(sandbox, "_read", lambda: haut.images.download(image, to))
        assert os.listdir(tmp_path) == []
        assert haut.images.download(image, path) == 5
        still_works(haut, sandbox)
        assert os.listdir(tmp_path) == ["photo.jpg"]
