"""Tests that a method succeeds or raises an error of the SDK, whatever the service responds.

A transport changes one response of a sandbox: one of its JSON values, or its whole body, its status or
its headers. The calls go through the convenience methods and the workflows of both clients.
"""

from __future__ import annotations

import asyncio
import copy
import io
import json
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from haut_api.api.subjects import list_subjects
from haut_ext import AsyncHaut, Haut, HautError, UploadedBatch, UploadedImage
from haut_ext.sandbox import Sandbox
from tests.photo_files import jpeg
from tests.support.sandbox_photos import StoredPhoto, add_photo

pytestmark = pytest.mark.slow

PHOTO = jpeg()
EXAMPLES = settings(max_examples=100 if settings().derandomize else 1000)
"""More examples with --hypothesis-profile=random than in each run."""
TLS = ssl.create_default_context()
ABSENT: Any = object()
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 2**70, 1.5, 1e400, "", "text", "\ud800", "\x1b[2J\0", "x" * 5000),
    *([], [None], [{}], ["text"], {}, {"x": None}, {"id": 1}, ABSENT),
]
BODIES = [
    *(
        b"",
        b"null",
        b"true",
        b"0",
        b'"text"',
        b"[]",
        b"{}",
        b"[null]",
        b"[[]]",
        b"{",
        b"\xff\xfe\0",
    ),
    *(b"<!doctype html><p>Sign in</p>", b"[" * 100_000, b"1" * 5000, b"NaN", b'{"ok": false}'),
    *(b'{"errors": 1}', b'{"errors": [{"code": 1}]}', b'{"detail": []}', b"<Error><Code></Error>"),
    *(b'{"results": []}', b'{"count": null, "next": "x", "results": [null]}'),
]
STATUSES = [
    *(200, 201, 202, 204, 206, 226, 299, 300, 301, 304, 399, 400, 401, 403, 404, 405, 409, 410),
    *(413, 418, 422, 429, 499, 500, 501, 502, 503, 504, 520, 599),
]
HEADERS: list[dict[str, Any]] = [
    {"retry-after": "0"},
    {"retry-after": "1e999"},
    {"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"},
    {"retry-after": "-1"},
    {"date": "yesterday"},
    {"date": "Fri, 31 Dec 9999 23:59:59 -2359"},
    {"date": "Mon, 01 Jan 0001 00:00:00 +2359"},
    {"content-type": "text/plain"},
    {"content-type": "application/json; charset=unknown"},
    {"content-type": b"\xff"},
    {"location": "http://["},
    {"content-encoding": "gzip"},
    {"content-encoding": "unknown"},
    {"x-request-id": "\x1b[2J"},
]
Change = Callable[[httpx.Response], httpx.Response]


def changed(response: httpx.Response, **changes: Any) -> httpx.Response:
    """Return a copy of a response with other content, status or headers."""
    dropped = ("content-length", "content-encoding", "transfer-encoding")
    headers = {name: it for name, it in response.headers.items() if name not in dropped}
    return httpx.Response(
        changes.get("status", response.status_code),
        headers={**headers, **changes.get("headers", {})},
        content=changes.get("content", response.content),
    )


Path = tuple[str | int, ...]


def paths(document: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of each value of a JSON document; of a list, only of its first item."""
    yield path
    if isinstance(document, dict):
        for name in document:
            yield from paths(document[name], (*path, name))
    if isinstance(document, list) and document:
        yield from paths(document[0], (*path, 0))


def with_value(document: Any, path: Path, value: Any) -> Any:
    """Return a JSON document with another value at a path, or without a value there."""
    if not path:
        return {} if value is ABSENT else value
    document = copy.deepcopy(document)
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    if value is ABSENT:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return document


def change_value(path_number: int, value: Any) -> Change:
    """Return a change of the JSON value with a number, counted modulo the number of values."""

    def change(response: httpx.Response) -> httpx.Response:
        try:
            document = response.json()
        except ValueError:
            return response
        found = list(paths(document))
        new = with_value(document, found[path_number % len(found)], value)
        return changed(response, content=json.dumps(new).encode())

    return change


@define
class Changes:
    """Changes the response to the request with a number, and counts requests."""

    number: int
    change: Change
    requests: int = 0
    responses: list[httpx.Response] = field(factory=list[httpx.Response])

    def apply(self, response: httpx.Response) -> httpx.Response:
        self.requests += 1
        self.responses.append(response)
        return self.change(response) if self.requests == self.number else response


class ChangingTransport(httpx.HTTPTransport):
    """Transport of Haut that changes responses."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(verify=TLS)  # creating another context takes longer than a call
        self.changes = changes

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.read()
        response.close()
        return self.changes.apply(response)


class AsyncChangingTransport(httpx.AsyncHTTPTransport):
    """Transport of AsyncHaut that changes responses."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(verify=TLS)  # creating another context takes longer than a call
        self.changes = changes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        await response.aread()
        await response.aclose()
        return self.changes.apply(response)


def batch_of(stored: StoredPhoto, api: Any = "v1") -> UploadedBatch:
    image = UploadedImage(stored.image, stored.batch, "front", stored.subject)
    return UploadedBatch(stored.subject, stored.batch, (image,), api)


CALLS: dict[str, Callable[[Any, StoredPhoto], Any]] = {
    "subjects.create": lambda haut, stored: haut.subjects.create("a"),
    "subjects.find": lambda haut, stored: haut.subjects.find("subject 1"),
    "subjects.get_or_create": lambda haut, stored: haut.subjects.get_or_create("new"),
    "subjects.update": lambda haut, stored: haut.subjects.update(stored.subject, name="c"),
    "subjects.iterate": lambda haut, stored: haut.subjects.iterate(),
    "subjects.list": lambda haut, stored: haut.subjects.list(),
    "subjects.delete": lambda haut, stored: haut.subjects.delete(stored.subject),
    "subjects.delete_many": lambda haut, stored: haut.subjects.delete_many([stored.subject]),
    "subjects.clear_storage": lambda haut, stored: haut.subjects.clear_storage(stored.subject),
    "subjects.clear_metadata": lambda haut, stored: haut.subjects.clear_metadata(stored.subject),
    "images.request_upload": lambda haut, stored: haut.images.request_upload(
        stored.subject, side="front", light="regular"
    ),
    "images.request_upload_v3": lambda haut, stored: haut.images.request_upload_v3(
        stored.subject, {"front": "front.jpg"}
    ),
    "images.upload": lambda haut, stored: haut.images.upload(stored.subject, PHOTO),
    "images.compute": lambda haut, stored: haut.images.compute(stored.batch),
    "images.iterate": lambda haut, stored: haut.images.iterate(stored.subject),
    "images.list": lambda haut, stored: haut.images.list(stored.subject),
    "images.get": lambda haut, stored: haut.images.get(stored.image),
    "images.delete": lambda haut, stored: haut.images.delete(stored.image),
    "images.download": lambda haut, stored: haut.images.download(stored.image, io.BytesIO()),
    "batches.list": lambda haut, stored: haut.batches.list(stored.subject),
    "batches.delete": lambda haut, stored: haut.batches.delete(stored.subject, stored.batch),
    "datasets.create": lambda haut, stored: haut.datasets.create("a"),
    "datasets.get": lambda haut, stored: haut.datasets.get(),
    "datasets.iterate": lambda haut, stored: haut.datasets.iterate(),
    "datasets.short_list": lambda haut, stored: haut.datasets.short_list(),
    "private_tokens.create": lambda haut, stored: haut.private_tokens.create(
        "a", datetime(2099, 1, 1, tzinfo=UTC)
    ),
    "private_tokens.iterate": lambda haut, stored: haut.private_tokens.iterate(),
    "private_tokens.revoke": lambda haut, stored: haut.private_tokens.revoke(1),
    "image_types": lambda haut, stored: haut.image_types(),
    "algorithms": lambda haut, stored: haut.algorithms(),
    "paginate_all": lambda haut, stored: haut.paginate_all(list_subjects),
    "request": lambda haut, stored: haut.request("GET", "/api/v1/dicts/image_types/"),
    "upload_and_compute": lambda haut, stored: haut.upload_and_compute(
        stored.subject, front=PHOTO, left=PHOTO
    ),
    "upload_and_compute in v3": lambda haut, stored: haut.upload_and_compute(
        stored.subject, front=PHOTO, api="v3"
    ),
    "upload with wait": lambda haut, stored: haut.upload_and_compute(
        stored.subject, front=PHOTO, wait=True, wait_timeout=0.01
    ),
    "results": lambda haut, stored: haut.results(batch_of(stored)),
    "results in v3": lambda haut, stored: haut.results(batch_of(stored, "v3")),
    "history": lambda haut, stored: haut.history(stored.subject),
    "wait_for_results": lambda haut, stored: haut.wait_for_results(
        UploadedBatch(stored.subject, stored.batch), 0.01, settled_after=0
    ),
    "wait_for_analysis": lambda haut, stored: haut.wait_for_analysis(batch_of(stored), 0.01),
    "erase_subject": lambda haut, stored: haut.erase_subject(stored.subject),
    "erase_subject except its record": lambda haut, stored: haut.erase_subject(
        stored.subject, keep_subject=True
    ),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with (
        Sandbox(seed=1, analysis_reads=0, page_size=2) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        for client in ("_async", "_sync"):
            patch.setattr(f"haut_ext.{client}.pagination._STALL_DELAYS", (0.0,))
            patch.setattr(f"haut_ext.{client}.pagination._TIME_RESOLUTION", 0.0)
        patch.setattr("haut_ext._http.retry_policy.INITIAL_BACKOFF", 0.001)
        yield sandbox


def stored_photo(sandbox: Sandbox) -> StoredPhoto:
    """Reset the sandbox, and add three other subjects and one with a photo."""
    sandbox.reset()
    sandbox.add_subjects(3)
    return add_photo(sandbox)


def call(sandbox: Sandbox, name: str, changes: Changes) -> None:
    """Call a method of Haut, and read all results."""
    stored = stored_photo(sandbox)
    options: dict[str, Any] = {"max_retries": 1, "deadline": 5, "max_retry_after": 0.01}
    with Haut(**sandbox.credentials, transport=ChangingTransport(changes), **options) as haut:
        result = CALLS[name](haut, stored)
        if hasattr(result, "__next__"):
            list(result)


async def call_async(sandbox: Sandbox, name: str, changes: Changes) -> None:
    """Call a method of AsyncHaut, and read all results."""
    stored = stored_photo(sandbox)
    options: dict[str, Any] = {"max_retries": 1, "deadline": 5, "max_retry_after": 0.01}
    transport = AsyncChangingTransport(changes)
    async with AsyncHaut(**sandbox.credentials, transport=transport, **options) as haut:
        result = CALLS[name](haut, stored)
        if hasattr(result, "__aiter__"):
            [item async for item in result]
        else:
            await result


CHANGES = st.one_of(
    st.builds(change_value, st.integers(0, 100), st.sampled_from(VALUES)),
    st.sampled_from(BODIES).map(lambda body: lambda response: changed(response, content=body)),
    st.binary().map(lambda body: lambda response: changed(response, content=body)),
    st.sampled_from(STATUSES).map(lambda status: lambda response: changed(response, status=status)),
    st.sampled_from(HEADERS).map(
        lambda headers: lambda response: changed(response, headers=headers)
    ),
    st.builds(
        lambda status, body: lambda response: changed(response, status=status, content=body),
        st.sampled_from(STATUSES),
        st.sampled_from(BODIES),
    ),
)


@pytest.mark.parametrize("client", ["Haut", "AsyncHaut"])
@EXAMPLES
@given(name=st.sampled_from(list(CALLS)), number=st.integers(1, 12), change=CHANGES)
def test_only_errors_of_the_sdk_leave_a_method(
    sandbox: Sandbox, client: str, name: str, number: int, change: Change
) -> None:
    changes = Changes(number, change)
    try:
        if client == "Haut":
            call(sandbox, name, changes)
        else:
            asyncio.run(call_async(sandbox, name, changes))
    except HautError as error:
        str(error).encode()
    assert changes.requests < 60


def login_arguments(sandbox: Sandbox) -> dict[str, Any]:
    """Return the arguments of `Haut.login` and `AsyncHaut.login`."""
    scope = {name: it for name, it in sandbox.credentials.items() if name != "token"}
    options = {"max_retries": 1, "deadline": 5, "max_retry_after": 0.01}
    return {**sandbox.login_credentials, **scope, **options}


def log_in(sandbox: Sandbox, changes: Changes) -> None:
    """Log in, and send a request before and after the access token has expired."""
    sandbox.reset()
    transport = ChangingTransport(changes)
    with Haut.login(**login_arguments(sandbox), transport=transport) as haut:
        haut.subjects.list()
        sandbox.expire_tokens()
        haut.subjects.list()


async def log_in_async(sandbox: Sandbox, changes: Changes) -> None:
    """Log in, and send a request before and after the access token has expired."""
    sandbox.reset()
    transport = AsyncChangingTransport(changes)
    async with await AsyncHaut.login(**login_arguments(sandbox), transport=transport) as haut:
        await haut.subjects.list()
        sandbox.expire_tokens()
        await haut.subjects.list()


@pytest.mark.parametrize("client", ["Haut", "AsyncHaut"])
@EXAMPLES
@given(number=st.integers(1, 5), change=CHANGES)
def test_only_errors_of_the_sdk_leave_a_login_and_a_refresh(
    sandbox: Sandbox, client: str, number: int, change: Change
) -> None:
    changes = Changes(number, change)
    try:
        if client == "Haut":
            log_in(sandbox, changes)
        else:
            asyncio.run(log_in_async(sandbox, changes))
    except HautError as error:
        str(error).encode()
    assert changes.requests < 12
    assert sandbox.received("login") == 1
