"""Tests that event hooks run once for each attempt, receive the final request and can abort calls."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from haut_ext import AsyncHaut, RateLimited
from haut_ext.sandbox import Sandbox, faults
from tests.photo_files import jpeg

pytestmark = pytest.mark.usefixtures("short_backoff")


class AsyncRecorder:
    """Event hooks that record requests and statuses. The request hook sleeps for `seconds`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.requests: list[httpx.Request] = []
        self.statuses: list[int] = []

    async def request(self, request: httpx.Request) -> None:
        self.requests.append(request)
        await asyncio.sleep(self.seconds)

    async def response(self, response: httpx.Response) -> None:
        self.statuses.append(response.status_code)


async def test_hooks_run_once_for_each_attempt(sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    recorder = AsyncRecorder()
    sandbox.faults.add("create_signed_upload_url", faults.rejected())
    sandbox.faults.add("create_signed_upload_url", faults.rejected(503, retry_after=0))
    sandbox.faults.add("upload_image", faults.status(500))
    async with AsyncHaut(**sandbox.credentials) as haut:
        hooked = haut.with_options(
            event_hooks={"request": [recorder.request], "response": [recorder.response]}
        )
        await hooked.images.upload(subject.id, jpeg((256, 256)))
        assert recorder.statuses == [429, 503, 201, 500, 200]
        sandbox.faults.add("list_subjects", faults.rejected(retry_after=600))
        with pytest.raises(RateLimited, match="600 s"):
            await hooked.subjects.list()
        assert recorder.statuses[-1] == 429
        await haut.subjects.list()  # the original client still has no hooks
    assert len(recorder.requests) == len(recorder.statuses) == 6
    token = sandbox.credentials["token"]
    sent = [request.headers.get("authorization") for request in recorder.requests]
    assert sent == [f"Bearer {token}"] * 3 + [None] * 2 + [f"Bearer {token}"]


@pytest.mark.slow
async def test_time_spent_in_hooks_does_not_count_towards_the_deadline(sandbox: Sandbox) -> None:
    recorder = AsyncRecorder(1.1)
    sandbox.faults.add("list_subjects", faults.status(503))
    async with AsyncHaut(
        **sandbox.credentials, deadline=2, event_hooks={"request": [recorder.request]}
    ) as haut:
        await haut.subjects.list()
    assert len(recorder.requests) == 2


async def test_error_of_a_hook_ends_the_call(sandbox: Sandbox) -> None:
    async def fail(request: httpx.Request) -> None:
        raise httpx.ConnectError("raised by the hook")

    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(httpx.ConnectError, match="raised by the hook"):
            await haut.with_options(event_hooks={"request": [fail]}).subjects.list()
        with pytest.raises(httpx.ConnectError, match="raised by the hook"):
            await haut.with_options(event_hooks={"response": [fail]}).subjects.list()
        await haut.subjects.list()
