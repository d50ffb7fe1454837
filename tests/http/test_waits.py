"""Tests how many requests waits for results send, alone and many at once, with both clients."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from haut_ext import AsyncHaut, Haut, ResultsTimeout, UploadedImage
from haut_ext.sandbox import Sandbox

PHOTO = Path("examples/photos/portrait.jpg")
WAITS = 40

pytestmark = pytest.mark.slow


def wait(haut: Haut, image: UploadedImage, wait_timeout: float, poll_interval: float) -> None:
    with pytest.raises(ResultsTimeout):
        haut.wait_for_results(image, wait_timeout, poll_interval=poll_interval)


async def wait_async(sandbox: Sandbox, image: UploadedImage) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:

        async def wait(client: AsyncHaut) -> None:
            with pytest.raises(ResultsTimeout):
                await client.wait_for_results(image, 1, poll_interval=0.5)

        clients = [haut, haut.with_options(max_retries=0)] * (WAITS // 2)
        await asyncio.gather(*map(wait, clients))


def wait_in_threads(sandbox: Sandbox, image: UploadedImage) -> None:
    with Haut(**sandbox.credentials) as haut, ThreadPoolExecutor(WAITS) as threads:
        for outcome in [threads.submit(wait, haut, image, 1, 0.5) for _ in range(WAITS)]:
            outcome.result()


def test_requests_of_one_wait_are_as_documented() -> None:
    """The times are a hundredth of the defaults, so that the number of requests is the same."""
    with Sandbox(analysis_seconds=1000) as sandbox, Haut(**sandbox.credentials) as haut:
        [subject] = sandbox.add_subjects(1)
        image = haut.images.upload(subject.id, PHOTO)
        wait(haut, image, 1.2, 0.05)
        assert 15 <= sandbox.received("list_image_results") <= 30


@pytest.mark.parametrize("asynchronous", [True, False])
def test_many_waits_share_their_requests(asynchronous: bool) -> None:
    with Sandbox(analysis_seconds=1000) as sandbox:
        [subject] = sandbox.add_subjects(1)
        with Haut(**sandbox.credentials) as haut:
            image = haut.images.upload(subject.id, PHOTO)
        started = time.monotonic()
        if asynchronous:
            asyncio.run(wait_async(sandbox, image))
        else:
            wait_in_threads(sandbox, image)
        # Each wait sends a first and a last request; all share 50 requests per interval of 0.5 s. On a
        # busy machine, the waits start one after another, so that all together they last longer.
        shared = 50 * (time.monotonic() - started) / 0.5
        assert WAITS <= sandbox.received("list_image_results") <= 2 * WAITS + shared + 10
