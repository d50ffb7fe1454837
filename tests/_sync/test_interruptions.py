# Derived from tests/_async/test_interruptions.py by `make sync`; change that file instead.
"""Tests that an interrupted call leaks no resources and that its client can still be used."""

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
from tests.support.interruptions import BackgroundCalls, Interrupter, wait_until
from tests.support.leaks import LeakCheck
from tests.support.sandbox_photos import add_photo, photo_of, slot_at
from tests.support.servers import black_hole, silent_server

# After Ctrl-C, the sync client leaves its open connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def collect_garbage() -> Iterator[None]:
    """Collect garbage after each test, so that later tests do not get its resource warnings."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def interrupt(sandbox: Sandbox, stage: str, call: Callable[[], object]) -> None:
    """Interrupt a call during the function `stage`, once the sandbox has injected all faults.

    Check that the call leaks no resources, even if the caller keeps the exception.
    """
    interrupter = Interrupter(stage, lambda: sandbox.faults.pending == [])
    with LeakCheck():
        interrupter.interrupt(call)


def assert_all_slots_are_free(haut: Haut, sandbox: Sandbox) -> None:
    """Check that the client can send 16 requests before the first response arrives."""
    all_arrived = threading.Barrier(16, timeout=10)

    def hold(_: Request) -> None:
        all_arrived.wait()

    sandbox.before_request = hold
    with BackgroundCalls([haut.subjects.list] * 16):
        pass
    sandbox.before_request = None
    assert not all_arrived.broken


def test_interrupt_while_waiting_for_a_slot(sandbox: Sandbox) -> None:
    release = threading.Event()

    def hold(_: Request) -> None:
        release.wait(10)

    sandbox.before_request = hold
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        with BackgroundCalls([haut.subjects.list] * 16):
            try:
                wait_until(lambda: sandbox.received("list_subjects") == 16)
                interrupt(sandbox, "_send_once", haut.subjects.list)
            finally:
                release.set()
        assert_all_slots_are_free(haut, sandbox)
    assert sandbox.received("list_subjects") == 16 + 16


@pytest.mark.slow
# When interrupted, socket.create_connection does not close its socket, which causes a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupt_while_connecting(sandbox: Sandbox) -> None:
    credentials = sandbox.credentials
    with black_hole() as port:
        credentials["base_url"] = f"http://127.0.0.1:{port}"
        with Haut(**credentials) as haut:
            for _ in range(3):
                with LeakCheck():
                    Interrupter("connect_tcp", lambda: True).interrupt(haut.subjects.list)
                    gc.collect()


@pytest.mark.slow
# If interrupted between opening a file and assigning it to a variable, the client cannot close it.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("kind", ["bytes", "path"])
def test_interrupt_while_sending_a_photo(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    subject = add_photo(sandbox).subject
    content = photo_of(20_000_000)
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    photo = Photo.open(path if kind == "path" else content)
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        slot = haut.images.request_upload(subject)
        with silent_server() as storage:
            interrupt(
                sandbox,
                "_send_request_body",
                lambda: haut.images.send_bytes(slot_at(slot, storage), photo),
            )
        haut.images.send_bytes(slot, photo)
        assert_all_slots_are_free(haut, sandbox)
    stored = sandbox.snapshot()["subjects"][0]["batches"][1]["images"][0]
    assert stored["sha256"] == hashlib.sha256(content).hexdigest()


def test_interrupt_while_waiting_for_the_headers(sandbox: Sandbox) -> None:
    sandbox.faults.add("list_subjects", faults.stall(), skip=1)
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        haut.subjects.list()  # opens the connection that the interrupted call reuses
        interrupt(sandbox, "_receive_response_headers", haut.subjects.list)
        assert_all_slots_are_free(haut, sandbox)


def test_interrupt_while_reading_the_body(sandbox: Sandbox) -> None:
    sandbox.faults.add("list_subjects", faults.dribble(0.3, head=False), skip=1)
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        haut.subjects.list()  # opens the connection that the interrupted call reuses
        interrupt(sandbox, "_read", haut.subjects.list)
        assert_all_slots_are_free(haut, sandbox)


def test_interrupt_while_waiting_before_a_retry(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add("list_subjects", faults.status(503, retry_after=30), skip=1)
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        haut.subjects.list()  # opens the connection that the interrupted call reuses
        # The client logs "retrying in" immediately before it sleeps.
        interrupter = Interrupter("exchange", lambda: "retrying in" in caplog.text)
        with LeakCheck():
            interrupter.interrupt(haut.subjects.list)
        assert_all_slots_are_free(haut, sandbox)


def test_interrupt_while_waiting_for_the_token_provider(sandbox: Sandbox) -> None:
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
        assert_all_slots_are_free(haut, sandbox)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["path", "file"])
def test_interrupt_while_streaming_a_download(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    image: UUID = add_photo(sandbox).image
    sandbox.faults.add("download_image", faults.dribble(0.3, head=False))
    path = tmp_path / "photo.jpg"
    to = path if kind == "path" else io.BytesIO()
    with Haut(**sandbox.credentials, max_in_flight=16) as haut:
        haut.images.get(image)  # opens the connection that the interrupted call reuses
        interrupt(sandbox, "_read", lambda: haut.images.download(image, to))
        assert os.listdir(tmp_path) == []
        assert haut.images.download(image, path) == 5
        assert_all_slots_are_free(haut, sandbox)
        assert os.listdir(tmp_path) == ["photo.jpg"]
