"""An interruption in any stage of a call leaves nothing behind, and the client goes on working."""

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
from tests.wire.holdings import AsyncHoldings
from tests.wire.interrupts import AsyncCrowd, AsyncInterrupter, AsyncMoment
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


async def interrupt(sandbox: Sandbox, stage: str, call: Callable[[], Awaitable[object]]) -> None:
    """Interrupt a call when the function `stage` is on its stack and its fault has struck.

    See that nothing is left of it, even while somebody keeps the exception.
    """
    interrupter = AsyncInterrupter(stage, lambda: sandbox.faults.pending == [])
    async with AsyncHoldings():
        await interrupter.strike(call)


async def still_works(haut: AsyncHaut, sandbox: Sandbox) -> None:
    """Check that all 16 slots are free: 16 calls arrive before the first gets its response."""
    all_have_come = threading.Barrier(16, timeout=10)

    def hold(_: Request) -> None:
        all_have_come.wait()

    sandbox.before_request = hold
    async with AsyncCrowd([haut.subjects.list] * 16):
        pass
    sandbox.before_request = None
    assert not all_have_come.broken


async def test_waiting_for_a_slot(sandbox: Sandbox) -> None:
    release = threading.Event()

    def hold(_: Request) -> None:
        release.wait(10)

    sandbox.before_request = hold
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        async with AsyncCrowd([haut.subjects.list] * 16):
            try:
                await AsyncMoment(lambda: sandbox.received("list_subjects") == 16).come()
                await interrupt(sandbox, "_send_once", haut.subjects.list)
            finally:
                release.set()
        await still_works(haut, sandbox)
    assert sandbox.received("list_subjects") == 16 + 16


# The standard library's create_connection leaves its socket to the collector, with a warning.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_connecting(sandbox: Sandbox) -> None:
    credentials = sandbox.credentials
    with black_hole() as port:
        credentials["base_url"] = f"http://127.0.0.1:{port}"
        async with AsyncHaut(**credentials) as haut:
            for _ in range(3):
                async with AsyncHoldings():
                    await AsyncInterrupter("connect_tcp", lambda: True).strike(haut.subjects.list)
                    gc.collect()


# The interruption can fall between the opening of the file and the name it gets.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("kind", ["bytes", "path"])
async def test_sending_a_photo(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    subject = store(sandbox).subject
    content = photo_of(20_000_000)
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    photo = Photo.open(path if kind == "path" else content)
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        slot = await haut.images.request_upload(subject)
        with deaf() as origin:
            await interrupt(
                sandbox,
                "_send_request_body",
                lambda: haut.images.send_bytes(elsewhere(slot, origin), photo),
            )
        await haut.images.send_bytes(slot, photo)
        await still_works(haut, sandbox)
    stored = sandbox.snapshot()["subjects"][0]["batches"][1]["images"][0]
    assert stored["sha256"] == hashlib.sha256(content).hexdigest()


async def test_waiting_for_the_headers(sandbox: Sandbox) -> None:
    sandbox.faults.add("list_subjects", faults.stall(), skip=1)
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        await haut.subjects.list()  # leaves a connection, which may stay
        await interrupt(sandbox, "_receive_response_headers", haut.subjects.list)
        await still_works(haut, sandbox)


async def test_reading_the_body(sandbox: Sandbox) -> None:
    sandbox.faults.add("list_subjects", faults.dribble(0.3, head=False), skip=1)
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        await haut.subjects.list()  # leaves a connection, which may stay
        await interrupt(sandbox, "_read", haut.subjects.list)
        await still_works(haut, sandbox)


async def test_waiting_before_a_retry(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    sandbox.faults.add("list_subjects", faults.status(503, retry_after=30), skip=1)
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        await haut.subjects.list()  # leaves a connection, which may stay
        # This line is logged last before the client sleeps.
        interrupter = AsyncInterrupter("exchange", lambda: "retrying in" in caplog.text)
        async with AsyncHoldings():
            await interrupter.strike(haut.subjects.list)
        await still_works(haut, sandbox)


async def test_asking_for_the_token(sandbox: Sandbox) -> None:
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
        await still_works(haut, sandbox)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["path", "file"])
async def test_streaming_a_download(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    image: UUID = store(sandbox).image
    sandbox.faults.add("download_image", faults.dribble(0.3, head=False))
    path = tmp_path / "photo.jpg"
    to = path if kind == "path" else io.BytesIO()
    async with AsyncHaut(**sandbox.credentials, max_in_flight=16) as haut:
        await haut.images.get(image)  # leaves a connection, which may stay
        await interrupt(sandbox, "_read", lambda: haut.images.download(image, to))
        assert os.listdir(tmp_path) == []
        assert await haut.images.download(image, path) == 5
        await still_works(haut, sandbox)
        assert os.listdir(tmp_path) == ["photo.jpg"]
