"""Tests that an interrupted call leaks no resources and that its client can still be used."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import io
import os
import threading
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from haut_ext import AsyncHaut
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Request, Sandbox, faults
from tests.support.interruptions import AsyncBackgroundCalls, AsyncInterrupter, wait_until_async
from tests.support.leaks import AsyncLeakCheck
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


async def interrupt(sandbox: Sandbox, stage: str, call: Callable[[], Awaitable[object]]) -> None:
    """Interrupt a call during the function `stage`, once the sandbox has injected all faults.

    Check that the call leaks no resources, even if the caller keeps the exception.
    """
    interrupter = AsyncInterrupter(stage, lambda: sandbox.faults.pending == [])
    async with AsyncLeakCheck():
        await interrupter.interrupt(call)


async def assert_all_slots_are_free(haut: AsyncHaut, sandbox: Sandbox) -> None:
    """Check that the client can send 16 requests before the first response arrives."""
    all_arrived = threading.Barrier(16, timeout=10)

    def hold(_: Request) -> None:
        all_arrived.wait()

    sandbox.before_request = hold
    async with AsyncBackgroundCalls([haut.subjects.list] * 16):
        pass
    sandbox.before_request = None
    assert not all_arrived.broken


async def test_interrupt_while_waiting_for_a_slot(sandbox: Sandbox) -> None:
    release = threading.Event()

    def hold(_: Request) -> None:
        release.wait(10)

    sandbox.before_request = hold
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        async with AsyncBackgroundCalls([haut.subjects.list] * 16):
            try:
                await wait_until_async(lambda: sandbox.received("list_subjects") == 16)
                await interrupt(sandbox, "_send_once", haut.subjects.list)
            finally:
                release.set()
        await assert_all_slots_are_free(haut, sandbox)
    assert sandbox.received("list_subjects") == 16 + 16


@pytest.mark.slow
# When interrupted, socket.create_connection does not close its socket, which causes a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_interrupt_while_connecting(sandbox: Sandbox) -> None:
    credentials = sandbox.credentials
    with black_hole() as port:
        credentials["base_url"] = f"http://127.0.0.1:{port}"
        async with AsyncHaut(**credentials) as haut:
            for _ in range(3):
                async with AsyncLeakCheck():
                    await AsyncInterrupter("connect_tcp", lambda: True).interrupt(
                        haut.subjects.list
                    )
                    gc.collect()


@pytest.mark.slow
# If interrupted between opening a file and assigning it to a variable, the client cannot close it.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("kind", ["bytes", "path"])
async def test_interrupt_while_sending_a_photo(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    subject = add_photo(sandbox).subject
    content = photo_of(20_000_000)
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    photo = Photo.open(path if kind == "path" else content)
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        slot = await haut.images.request_upload(subject)
        with silent_server() as storage:
            await interrupt(
                sandbox,
                "_send_request_body",
                lambda: haut.images.send_bytes(slot_at(slot, storage), photo),
            )
        await haut.images.send_bytes(slot, photo)
        await assert_all_slots_are_free(haut, sandbox)
    stored = sandbox.snapshot()["subjects"][0]["batches"][1]["images"][0]
    assert stored["sha256"] == hashlib.sha256(content).hexdigest()


async def test_interrupt_while_waiting_for_the_headers(sandbox: Sandbox) -> None:
    sandbox.faults.add("list_subjects", faults.stall(), skip=1)
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        await haut.subjects.list()  # opens the connection that the interrupted call reuses
        await interrupt(sandbox, "_receive_response_headers", haut.subjects.list)
        await assert_all_slots_are_free(haut, sandbox)


async def test_interrupt_while_reading_the_body(sandbox: Sandbox) -> None:
    sandbox.faults.add("list_subjects", faults.dribble(0.3, head=False), skip=1)
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        await haut.subjects.list()  # opens the connection that the interrupted call reuses
        await interrupt(sandbox, "_read", haut.subjects.list)
        await assert_all_slots_are_free(haut, sandbox)


async def test_interrupt_while_waiting_before_a_retry(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add("list_subjects", faults.status(503, retry_after=30), skip=1)
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        await haut.subjects.list()  # opens the connection that the interrupted call reuses
        # The client logs "retrying in" immediately before it sleeps.
        interrupter = AsyncInterrupter("exchange", lambda: "retrying in" in caplog.text)
        async with AsyncLeakCheck():
            await interrupter.interrupt(haut.subjects.list)
        await assert_all_slots_are_free(haut, sandbox)


async def test_interrupt_while_waiting_for_the_token_provider(sandbox: Sandbox) -> None:
    credentials = sandbox.credentials
    hangs = True

    async def token() -> str:
        if hangs:
            await asyncio.sleep(30)
        return credentials["token"]

    arguments: Any = {**credentials, "token": token}
    async with AsyncHaut(**arguments, max_in_flight=16) as haut:
        await interrupt(sandbox, "token", haut.subjects.list)
        hangs = False
        await assert_all_slots_are_free(haut, sandbox)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["path", "file"])
async def test_interrupt_while_streaming_a_download(
    sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    image: UUID = add_photo(sandbox).image
    sandbox.faults.add("download_image", faults.dribble(0.3, head=False))
    path = tmp_path / "photo.jpg"
    to = path if kind == "path" else io.BytesIO()
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        await haut.images.get(image)  # opens the connection that the interrupted call reuses
        await interrupt(sandbox, "_read", lambda: haut.images.download(image, to))
        assert os.listdir(tmp_path) == []
        assert await haut.images.download(image, path) == 5
        await assert_all_slots_are_free(haut, sandbox)
        assert os.listdir(tmp_path) == ["photo.jpg"]
