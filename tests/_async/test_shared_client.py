"""Tests of a client that many tasks share, and of copied clients and errors."""

from __future__ import annotations

import copy
import io
import pickle
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from attrs import frozen

import haut_ext
from haut_ext import (
    AsyncHaut,
    ErasureReceipt,
    HautError,
    Timeout,
    TransportTimeout,
    UploadedBatch,
    UploadedImage,
)
from haut_ext.sandbox import Request, Sandbox, faults
from tests.support.both_clients import gather_async
from tests.support.interruptions import wait_until_async
from tests.support.sandbox_photos import PHOTO, add_photo, photo_of

pytestmark = pytest.mark.usefixtures("short_backoff")

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
# The first ids that a sandbox with seed 1 assigns.
SUBJECT = "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2"
IMAGE = "cd447e35-b8b6-48fe-842e-3d437204e52d"
BATCH = UploadedBatch(
    subject_id=UUID(SUBJECT),
    batch_id=UUID(UNKNOWN_ID),
    images=(
        UploadedImage(
            image_id=UUID(IMAGE), batch_id=UUID(UNKNOWN_ID), side="front", subject_id=UUID(SUBJECT)
        ),
    ),
)


# Concurrent calls


@pytest.mark.slow
@pytest.mark.parametrize("many", [32, 200])
async def test_concurrent_calls_receive_their_own_responses(
    sandbox: Sandbox, haut: AsyncHaut, many: int
) -> None:
    subjects = sandbox.add_subjects(many)
    photos = [b"photo %d" % number for number in range(many)]
    images = [
        sandbox.add_images(subject, 1, photo)[0]
        for subject, photo in zip(subjects, photos, strict=True)
    ]

    async def one(number: int) -> tuple[str, str, bytes]:
        renamed = await haut.subjects.update(subjects[number].id, name=f"name {number}")
        image = await haut.images.get(images[number].id)
        received = io.BytesIO()
        await haut.images.download(image.id, received)
        return renamed.name, str(image.id), received.getvalue()

    results = await gather_async([partial(one, number) for number in range(many)])
    assert results == [
        (f"name {number}", images[number].id, photos[number]) for number in range(many)
    ]


@pytest.mark.slow
async def test_download_occupies_its_slot_until_its_last_byte(sandbox: Sandbox) -> None:
    stored = add_photo(sandbox, b"photo")
    sandbox.faults.add("download_image", faults.dribble(0.02, head=False), times=None)
    largest = 0

    def count(_: Request) -> None:
        nonlocal largest
        largest = max(largest, open_connections(sandbox.storage_url))

    sandbox.before_request = count
    async with AsyncHaut(**sandbox.credentials, max_in_flight=4) as haut:
        calls = [partial(haut.images.download, stored.image) for _ in range(40)]
        assert await gather_async(calls) == [b"photo"] * 40
    assert 2 <= largest <= 4


async def test_waiting_for_a_slot_ends_after_the_pool_timeout_and_is_not_retried(
    sandbox: Sandbox,
) -> None:
    release = threading.Event()

    def hold(_: Request) -> None:
        release.wait(10)

    sandbox.before_request = hold
    async with AsyncHaut(**sandbox.credentials, max_in_flight=2) as haut:

        async def call_with_short_pool_timeout() -> None:
            await wait_until_async(lambda: sandbox.received("list_subjects") == 2)
            client = haut.with_options(timeout=Timeout(pool=0.05))
            try:
                with pytest.raises(TransportTimeout, match=r"timeout\.pool") as caught:
                    await client.subjects.list()
            finally:
                release.set()
            assert caught.value.attempts == 1
            assert not caught.value.maybe_delivered

        calls: list[Any] = [haut.subjects.list, haut.subjects.list, call_with_short_pool_timeout]
        outcomes = await gather_async(calls)
        assert not [it for it in outcomes if isinstance(it, Exception)]
        assert (await haut.subjects.list()).total == 0
    assert sandbox.received("list_subjects") == 3


def open_connections(origin: str) -> int:
    """Return the number of open connections to the server at `origin`."""
    port = int(origin.rpartition(":")[2])
    table = Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]
    rows = [line.split() for line in table]
    return sum(local.endswith(f":{port:04X}") and state == "01" for _, local, _, state, *_ in rows)


@pytest.mark.slow
async def test_connections_are_reused_and_no_more_than_max_in_flight(sandbox: Sandbox) -> None:
    image = add_photo(sandbox).image
    async with AsyncHaut(**sandbox.credentials, max_in_flight=8) as haut:
        for _ in range(20):
            await haut.images.download(image, io.BytesIO())
        assert open_connections(sandbox.base_url) == 1
        assert open_connections(sandbox.storage_url) == 1
        pages = await gather_async([haut.subjects.list] * 60)
        assert [type(page).__name__ for page in pages] == ["Page"] * 60
        assert open_connections(sandbox.base_url) <= 8


# Copies


@frozen
class ErrorCase:
    """A call that raises an error, and the injected fault that causes the error."""

    kind: str
    operation: str
    fault: Any
    call: Callable[[AsyncHaut], Any]


def list_subjects(haut: AsyncHaut) -> Any:
    return haut.subjects.list()


def api_error(kind: str, code: int) -> ErrorCase:
    body = b'{"type":"client_error","errors":[{"code":"c","detail":"d","attr":"a"}]}'
    headers = {"X-Request-Id": "request-1"}
    fault = faults.status(code, body, content_type="application/json", headers=headers)
    return ErrorCase(kind, "list_subjects", fault, list_subjects)


async def wait_for_results(haut: AsyncHaut) -> Any:
    image = await haut.images.get(IMAGE)
    batch = UploadedBatch(UUID(SUBJECT), image.image_batch_id)
    return await haut.wait_for_results(batch, 0.01, wait_for=["acne"])


async def verify(haut: AsyncHaut) -> Any:
    """Verify the erasure of a subject that does not exist."""
    scope = haut.scope
    receipt = ErasureReceipt(
        scope.base_url, True, "c", None, scope.company_id, scope.dataset(), UUID(UNKNOWN_ID), False
    )
    await haut.verify_erasure(receipt)


async def export(haut: AsyncHaut) -> Any:
    with TemporaryDirectory() as folder:
        await haut.export_subject(SUBJECT, to=Path(folder) / "export")


def upload(haut: AsyncHaut) -> Any:
    return haut.images.upload(SUBJECT, PHOTO)


ERROR_CASES = [
    ErrorCase("ConfigError", "", None, lambda haut: haut.images.get("no id")),
    ErrorCase("ImageRejected", "", None, lambda haut: haut.images.upload(UNKNOWN_ID, b"no photo")),
    ErrorCase("TransportError", "list_subjects", faults.reset(), list_subjects),
    ErrorCase("TransportTimeout", "list_subjects", faults.stall(), list_subjects),
    api_error("ApiError", 418),
    api_error("BadRequest", 400),
    api_error("Unauthorized", 401),
    api_error("Forbidden", 403),
    api_error("NotFound", 404),
    api_error("Conflict", 409),
    api_error("RateLimited", 429),
    api_error("ServerError", 500),
    ErrorCase("StorageError", "upload_image", faults.status(403), upload),
    ErrorCase("UnexpectedResponse", "list_subjects", faults.login_page(), list_subjects),
    ErrorCase(
        "UploadIncomplete",
        "compute_batch",
        faults.reset(),
        lambda haut: haut.upload_and_compute(SUBJECT, front=PHOTO),
    ),
    ErrorCase(
        "AnalysisTimeout",
        "",
        None,
        lambda haut: haut.wait_for_analysis(BATCH, wait_timeout=0.01),
    ),
    ErrorCase(
        "ResultsTimeout",
        "",
        None,
        wait_for_results,
    ),
    ErrorCase(
        "ErasureIncomplete",
        "clear_subject_metadata",
        faults.status(400),
        lambda haut: haut.erase_subject(SUBJECT),
    ),
    ErrorCase("VerificationIncomplete", "list_subjects", faults.status(400), verify),
    ErrorCase("ExportIncomplete", "download_image", faults.close(), export),
    ErrorCase(
        "DeletionIncomplete",
        "delete_subjects",
        faults.status(400),
        lambda haut: haut.subjects.delete_many([SUBJECT]),
    ),
]


def test_error_cases_cover_all_public_errors() -> None:
    kinds = {
        name
        for name in haut_ext.__all__
        if isinstance(kind := getattr(haut_ext, name), type) and issubclass(kind, HautError)
    }
    # HautError is only a base class. test_paging.py tests ListChanging, and
    # tests/test_analysis_results.py tests the errors of results.
    not_covered = {
        "HautError",
        "ListChanging",
        "AlgorithmsFailed",
        "AmbiguousResult",
        "ResultNotFound",
    }
    assert kinds - {case.kind for case in ERROR_CASES} == not_covered


@pytest.mark.parametrize("case", ERROR_CASES, ids=lambda case: case.kind)
async def test_errors_can_be_copied_and_pickled(
    sandbox: Sandbox, haut: AsyncHaut, case: ErrorCase
) -> None:
    add_photo(sandbox)
    if case.fault is not None:
        sandbox.faults.add(case.operation, case.fault, times=None)
    client = haut.with_options(timeout=0.2, max_retries=1)
    with pytest.raises(HautError) as caught:
        await case.call(client)
    error = caught.value
    assert type(error).__name__ == case.kind
    for copied in (copy.deepcopy(error), copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(copied) is type(error)
        assert str(copied) == str(error)
        assert comparable_attributes(copied) == comparable_attributes(error)
        assert isinstance(copied, TimeoutError) == isinstance(error, TimeoutError)
    if case.fault is not None and hasattr(error, "status"):
        assert error.status >= 200
        assert "content-length" in error.headers  # type: ignore[attr-defined]


def comparable_attributes(error: HautError) -> dict[str, Any]:
    """Return the attributes of an error. Nested errors become text, so that they can be compared."""
    return {
        name: str(value) if isinstance(value, Exception) else value
        for name, value in vars(error).items()
    }


async def test_clients_can_be_copied_and_pickled(
    sandbox: Sandbox, haut: AsyncHaut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAUT_TOKEN", sandbox.credentials["token"])
    changed = haut.with_options(max_retries=1, deadline=7)
    await haut.subjects.list()
    for copied in (pickle.loads(pickle.dumps(changed)), copy.deepcopy(changed)):
        assert copied.options == changed.options
        assert copied.scope == changed.scope
        async with copied:
            assert len(await copied.subjects.list()) == 0
        with pytest.raises(haut_ext.ConfigError, match="closed"):
            await copied.subjects.list()
    assert len(await haut.subjects.list()) == 0  # the original client is still open


@pytest.mark.slow
async def test_closing_ends_calls_that_wait_for_a_retry(sandbox: Sandbox) -> None:
    """After the client is closed, a waiting call does not open a new connection."""
    sandbox.faults.add("list_subjects", faults.status(503, retry_after=2))
    haut = AsyncHaut(**sandbox.credentials)

    async def call() -> None:
        with pytest.raises(haut_ext.ServerError, match="503"):
            await haut.subjects.list()

    async def close() -> None:
        await wait_until_async(lambda: sandbox.faults.fired)
        await haut.with_options().aclose()  # closing a derived client does not close the original
        await haut.aclose()

    assert await gather_async([call, close]) == [None, None]
    assert sandbox.received("list_subjects") == 1


@pytest.mark.slow
async def test_concurrent_uploads_of_photos_of_different_sizes(
    sandbox: Sandbox, haut: AsyncHaut
) -> None:
    subjects = sandbox.add_subjects(24)
    sizes = [400_000 + 1000 * number for number in range(24)]

    async def one(number: int) -> UUID:
        image = await haut.images.upload(subjects[number].id, photo_of(sizes[number]))
        return image.image_id

    images = await gather_async([partial(one, number) for number in range(24)])
    assert len(set(map(str, images))) == 24
    lengths = [found.length for found in sandbox.requests if found.operation == "upload_image"]
    assert sorted(lengths) == sizes
