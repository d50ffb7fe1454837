"""Tests of pagination that ends early, and that the synchronous client starts no threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haut_ext import AsyncHaut, Haut
from haut_ext.sandbox import Request, Sandbox, faults
from tests.support.interruptions import interrupt
from tests.support.leaks import assert_sockets_close, client_threads
from tests.support.sandbox_photos import PHOTO

PAGE_SIZE = 3


@pytest.fixture
def paged() -> Iterator[Sandbox]:
    """A sandbox with enough subjects for three pages."""
    with Sandbox(seed=1, page_size=PAGE_SIZE, analysis_reads=0) as sandbox:
        sandbox.add_subjects(3 * PAGE_SIZE)
        yield sandbox


def test_ending_a_sync_iteration_requests_no_further_page(paged: Sandbox) -> None:
    paged.faults.add("list_subjects", faults.stall(), skip=2)
    with Haut(**{**paged.credentials, "deadline": 5}) as haut:  # type: ignore[arg-type]
        for _ in haut.subjects.iterate():
            break
        subjects = haut.subjects.iterate()
        for _ in range(PAGE_SIZE):
            next(subjects)
        assert paged.received("list_subjects") == 2
        subjects.close()  # type: ignore[attr-defined]
    assert_sockets_close()


async def test_ending_an_async_iteration_requests_no_further_page(paged: Sandbox) -> None:
    async with AsyncHaut(**paged.credentials) as haut:
        subjects = haut.subjects.iterate()
        for _ in range(PAGE_SIZE):
            await anext(subjects)
        await subjects.aclose()  # type: ignore[attr-defined]
        assert paged.received("list_subjects") == 1
    assert_sockets_close()


def test_keyboard_interrupt_while_waiting_for_a_page(paged: Sandbox) -> None:
    paged.faults.add("list_subjects", faults.stall(), skip=1)
    with Haut(**{**paged.credentials, "deadline": 9}) as haut:  # type: ignore[arg-type]
        elapsed = interrupt(
            lambda: list(haut.subjects.iterate()),
            lambda: paged.received("list_subjects") == 2,
        )
        assert elapsed < 3
        assert haut.subjects.list().total == 3 * PAGE_SIZE
    assert_sockets_close()


def test_sync_client_starts_no_thread(paged: Sandbox, tmp_path: Path) -> None:
    before = client_threads()
    during: set[str] = set()
    by_thread: set[int] = set()

    def record(_: Request) -> None:
        during.update(client_threads())

    def progress(*_: Any) -> None:
        by_thread.add(threading.get_ident())

    with Haut(**paged.credentials) as haut:
        paged.before_request = record
        subject = haut.subjects.create("someone")
        batch = haut.upload_and_compute(
            subject.id, front=PHOTO, right=PHOTO, left=PHOTO, progress=progress
        )
        assert len(list(haut.subjects.iterate())) == 3 * PAGE_SIZE + 1
        haut.wait_for_analysis(batch)
        haut.images.download(batch.images[0].image_id, tmp_path / "photo.jpg")
        haut.erase_subject(subject.id)
        assert client_threads() == before
    assert during == before
    assert by_thread == {threading.get_ident()}


PROGRAM = """
import sys, threading
from haut_ext import Haut

def upload():
    threading.main_thread().join()
    batch = haut.upload_and_compute(subject.id, front=sys.argv[1], left=sys.argv[1])
    haut.close()
    print(len(batch.images))

haut = Haut()
subject = haut.subjects.create("someone")
threading.Thread(target=upload).start()
"""


@pytest.mark.slow
def test_upload_in_a_thread_that_outlives_the_main_thread(sandbox: Sandbox) -> None:
    credentials = sandbox.credentials
    arguments = ", ".join(f"{name}={value!r}" for name, value in credentials.items())
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("Haut()", f"Haut({arguments})"), str(PHOTO)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.stderr == ""
    assert finished.stdout.strip() == "2"
    assert sandbox.carried_out("upload_image") == 2
    assert sandbox.carried_out("compute_batch") == 1
