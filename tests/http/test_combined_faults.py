"""Tests of combined faults, such as an event hook that fails during a streamed response."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from haut_ext import (
    AsyncHaut,
    ConfigError,
    Haut,
    HautError,
    TransportTimeout,
    UploadIncomplete,
    UploadState,
)
from haut_ext.sandbox import Sandbox, faults
from tests.support.client_runner import COMPANY, DATASET, Client, Kind
from tests.support.sandbox_photos import PHOTO
from tests.support.servers import ScriptedServer, response

BASE_URL = "https://haut.example"
CREDENTIALS: dict[str, Any] = {"token": "token", "company_id": COMPANY, "dataset_id": DATASET}
SUBJECT = "99999999-2222-4333-8444-555555555555"
OK = response("200 OK", b"{}")


def in_memory(kind: Kind, answer: httpx.Response, **arguments: Any) -> Client:
    """Return a client that receives a copy of `answer`, with its body in memory, for each request."""

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    return Client(
        kind,
        **CREDENTIALS,
        base_url=BASE_URL,
        transport=httpx.MockTransport(respond),
        max_in_flight=1,
        timeout=1,
        max_retries=0,
        **arguments,
    )


@pytest.mark.parametrize("status", [200, 404, 500])
def test_response_in_memory_releases_its_slot(kind: Kind, status: int) -> None:
    with in_memory(kind, httpx.Response(status, json={})) as client:
        for _ in range(3):
            try:
                received = client.call(lambda haut: haut.request("GET", "/x/")).status_code
            except HautError as error:
                received = getattr(error, "status", error)
            assert received == status


@pytest.mark.parametrize(
    "absent",
    [
        response("404 Not Found", b"<html>wrong virtual host</html>", "text/html"),
        response("404 Not Found"),
        response("404 Not Found", b'{"message": "no route"}'),
        response("404 Not Found", b"[]"),
    ],
    ids=["web page", "empty", "other JSON", "list"],
)
@pytest.mark.parametrize("resource", ["subjects", "images"])
def test_deletion_is_not_confirmed_by_the_404_of_a_proxy(
    kind: Kind, short_backoff: None, absent: bytes, resource: str
) -> None:
    with (
        ScriptedServer(response("502 Bad Gateway"), absent) as server,
        Client(kind, **CREDENTIALS, base_url=server.origin) as client,
        pytest.raises(HautError) as caught,
    ):
        client.call(lambda haut: getattr(haut, resource).delete(SUBJECT))
    assert len(server.requests) == 2
    assert caught.value.maybe_carried_out


class CallerError(httpx.ConnectError):
    """An error that the caller's own code raises, although its type is that of a network error."""


def test_httpx_error_of_a_progress_callback_is_raised_unchanged(
    kind: Kind, sandbox: Sandbox, short_backoff: None
) -> None:
    error = CallerError("from the callback")
    [subject] = sandbox.add_subjects(1)

    def fail(*_: object) -> None:
        raise error

    with Client(kind, **sandbox.credentials) as client, pytest.raises(CallerError) as caught:
        client.call(lambda haut: haut.upload_and_compute(subject.id, front=PHOTO, progress=fail))
    assert caught.value is error
    assert sandbox.received("upload_image") <= 1
    assert sandbox.received("compute_batch") == 0


def test_second_call_of_the_process_for_one_upload_is_refused(kind: Kind, sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    refused: list[UploadState] = []

    def resume(state: UploadState) -> None:
        photos: Any = dict.fromkeys(state.missing, PHOTO)
        with (
            Haut(**sandbox.credentials) as other,
            pytest.raises(ConfigError, match="another call in this process"),
        ):
            other.resume_upload(state, **photos)
        refused.append(state)

    sandbox.faults.add("compute_batch", faults.status(400))
    with Client(kind, **sandbox.credentials) as client:
        with pytest.raises(UploadIncomplete) as caught:
            client.call(
                lambda haut: haut.upload_and_compute(subject.id, front=PHOTO, on_state=resume)
            )
        client.call(lambda haut: haut.resume_upload(caught.value.state, on_state=resume))
    assert {state.compute for state in refused} == {"not sent", "unknown", "started"}
    assert sandbox.carried_out("compute_batch") == 1


class FailingSink(io.BytesIO):
    """A file that raises a given error when data is written to it."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.writes = 0

    def write(self, data: Any) -> int:
        if not data:  # the client checks before the download that the file can be written
            return 0
        self.writes += 1
        raise self.error


def test_httpx_error_of_a_download_target_is_raised_unchanged(
    kind: Kind, sandbox: Sandbox, short_backoff: None
) -> None:
    [subject] = sandbox.add_subjects(1)
    sink = FailingSink(CallerError("from the sink"))
    with Client(kind, **sandbox.credentials) as client:
        batch = client.call(lambda haut: haut.upload_and_compute(subject.id, front=PHOTO))
        image = batch.images[0].image_id
        with pytest.raises(CallerError) as caught:
            client.call(lambda haut: haut.images.download(image, sink))
    assert caught.value is sink.error
    assert sink.writes == 1


def test_failing_response_hook_of_a_streamed_request_releases_its_slot(kind: Kind) -> None:
    failing = True

    def check(_: httpx.Response) -> None:
        if failing:
            raise LookupError("from the hook")

    async def check_async(message: httpx.Response) -> None:
        check(message)

    hooks = {"response": [check if kind == "sync" else check_async]}

    def stream(haut: Any) -> Any:
        if kind == "sync":
            with haut.api.get_httpx_client().stream("GET", "/x/") as streamed:
                return streamed.read()

        async def run() -> bytes:
            http = haut.api.get_async_httpx_client()
            async with http.stream("GET", "/x/") as streamed:
                return bytes(await streamed.aread())

        return run()

    arguments = {**CREDENTIALS, "event_hooks": hooks, "max_in_flight": 1, "timeout": 1}
    with (
        ScriptedServer(OK, OK, OK) as server,
        Client(kind, **arguments, base_url=server.origin) as client,
    ):
        with pytest.raises(LookupError):
            client.call(stream)
        failing = False
        assert client.call(stream) == b"{}"
        assert client.call(lambda haut: haut.request("GET", "/x/")).json() == {}


def test_async_client_accepts_a_plain_function_as_hook() -> None:
    statuses: list[int] = []
    hooks: Any = {"response": [lambda message: statuses.append(message.status_code)]}
    with in_memory("async", httpx.Response(200, json={}), event_hooks=hooks) as client:
        client.call(lambda haut: haut.request("POST", "/x/", json={}))
    assert statuses == [200]


class AsyncHook:
    async def __call__(self, message: object) -> None:
        """Do nothing."""


@pytest.mark.parametrize("event", ["request", "response"])
def test_hook_of_the_sync_client_that_returns_an_awaitable_is_an_error(event: str) -> None:
    """The client finds out only when it calls the hook, whose code has not run then."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={}))
    with (
        Client(
            "sync", **CREDENTIALS, transport=transport, event_hooks={event: [AsyncHook()]}
        ) as client,
        pytest.raises(ConfigError, match="awaitable"),
    ):
        client.call(lambda haut: haut.request("GET", "/x/"))


def test_coroutine_function_as_hook_of_the_sync_client_is_rejected() -> None:
    async def hook(_: httpx.Request) -> None:
        raise AssertionError("the sync client must not call this hook")

    hooks: Any = {"request": [hook]}
    with pytest.raises(ConfigError, match="event_hooks"):
        Haut(**CREDENTIALS, base_url=BASE_URL, event_hooks=hooks)
    with (
        Haut(**CREDENTIALS, base_url=BASE_URL) as haut,
        pytest.raises(ConfigError, match="event_hooks"),
    ):
        haut.with_options(event_hooks=hooks)


class Chunks(httpx.AsyncByteStream):
    """A response body that can only be read asynchronously."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{}"


class AsyncMemory(httpx.AsyncBaseTransport):
    """A transport that answers every request with a streamed response."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Chunks(), headers={"content-type": "application/json"})


@pytest.fixture
def frequent_thread_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.slow
def test_async_client_in_short_event_loops_of_many_threads(
    frequent_thread_switches: None,
) -> None:
    errors: list[object] = []
    ends = time.monotonic() + 4

    def run(haut: AsyncHaut) -> None:
        while time.monotonic() < ends and not errors:
            loop = asyncio.new_event_loop()
            loop.set_exception_handler(lambda _, context: errors.append(context))
            try:
                loop.run_until_complete(haut.request("GET", "/x/"))
            except Exception as error:
                errors.append(error)
            finally:
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()

    haut = AsyncHaut(**CREDENTIALS, base_url=BASE_URL, transport=AsyncMemory())
    threads = [threading.Thread(target=run, args=(haut,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(haut.aclose())
    assert errors == []


def test_request_is_not_sent_if_the_token_callable_exceeds_the_deadline(kind: Kind) -> None:
    def slow_token() -> str:
        time.sleep(0.3)
        return "token"

    arguments = {**CREDENTIALS, "token": slow_token, "deadline": 0.1}
    with (
        ScriptedServer(OK) as server,
        Client(kind, **arguments, base_url=server.origin) as client,
        pytest.raises(TransportTimeout) as caught,
    ):
        client.call(lambda haut: haut.request("POST", "/x/", json={}))
    assert server.requests == []
    assert not caught.value.maybe_delivered
