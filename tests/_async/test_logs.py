"""Tests that each attempt is logged once, and that logs and errors contain no secrets."""

from __future__ import annotations

import inspect
import io
import json
import logging
import pickle
import re
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from haut_api.api.subjects import list_subjects
from haut_ext import AsyncHaut, HautError, NotFound, Timeout, UploadIncomplete
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Sandbox, faults
from tests.support.conformance import FAULTS
from tests.support.sandbox_photos import PHOTO, StoredPhoto, add_photo

NAME = "Ada Lovelace"
META = {"diagnosis": "rosacea"}
TERM = "Lovel"
PERSONAL = ("Ada", "Lovel", "rosacea", "diagnosis", "1815-12-10", "portrait", "inferno")
SIGNED = ("X-Goog-Credential=", "Signature=")

LINE = re.compile(
    r"(GET|POST|PATCH|PUT|DELETE) ((/api/v[13](/[a-z_]+|/\{id\})+/)|\(storage\))"
    r"( \[([0-9a-f-]{36}( [0-9a-f-]{36})*|\d+)\])?: attempt \d+, "
    r"(\d{3}|(\d{3} )?[A-Z][A-Za-z]+)(; retrying in \d+\.\d\d s)?"
)


@pytest.fixture
def sandbox(short_backoff: None) -> Iterator[Sandbox]:
    with Sandbox(seed=1, analysis_reads=0) as sandbox:
        yield sandbox


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Captures the log records of the client and its HTTP libraries at all levels."""
    caplog.set_level(logging.DEBUG)
    for name in ("haut_ext", "httpx", "httpcore", "asyncio", "anyio"):
        caplog.set_level(logging.DEBUG, name)
    return caplog


def resources(haut: AsyncHaut) -> list[object]:
    return [haut, haut.subjects, haut.images, haut.private_tokens, haut.datasets]


async def call_every_method(haut: AsyncHaut) -> set[str]:
    """Call the public methods of a client and its resources, and return their names."""
    await call_methods_of_subjects_and_images(haut)
    await call_methods_of_the_account(haut)
    called = {
        name
        for function in (call_methods_of_subjects_and_images, call_methods_of_the_account)
        for name in function.__code__.co_names
    }
    return {
        name
        for resource in resources(haut)
        for name, _ in inspect.getmembers(resource, inspect.ismethod)
        if not name.startswith("_") and name in called
    }


async def call_methods_of_subjects_and_images(haut: AsyncHaut) -> None:
    person = {"birth_date": date(1815, 12, 10), "meta": META}
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    subject = await haut.subjects.create(NAME, **person)  # type: ignore[arg-type]
    await haut.subjects.get_or_create(NAME)
    await haut.subjects.update(subject.id, name=f"{NAME} II", meta=META)
    await haut.subjects.list(TERM)
    assert subject.id in [found.id async for found in haut.subjects.iterate(TERM)]
    pages = haut.paginate_all(list_subjects, dataset_id=haut.scope.dataset(), q=TERM)
    assert subject.id in [found.id async for found in pages]

    named = {"name": NAME, "meta": META, "creation_time": moment, "app_args": {"inferno": 1}}
    slot = await haut.images.request_upload(subject.id, **named)  # type: ignore[arg-type]
    await haut.images.send_bytes(slot, Photo.open(PHOTO))
    image = await haut.images.upload(subject.id, PHOTO, **named)  # type: ignore[arg-type]
    await haut.images.compute(image.batch_id, {"inferno": 1})
    await haut.images.list(subject.id, q=TERM, ordering=TERM)
    assert [found.id async for found in haut.images.iterate(subject.id)]
    await haut.images.get(image.image_id, signed_url=True, expires=600)
    await haut.images.download(image.image_id, io.BytesIO())
    async with haut.images.stream(image.image_id) as chunks:
        assert [chunk async for chunk in chunks]
    await haut.images.delete(image.image_id)
    batch = await haut.upload_and_compute(subject.id, front=PHOTO, right=PHOTO, **named)  # type: ignore[call-overload]
    await haut.wait_for_analysis(batch)
    await haut.results(batch)
    await haut.history(subject.id)
    new = await haut.upload_and_compute(subject.id, front=PHOTO, api="v3", meta=META)
    await haut.wait_for_results(new)
    with TemporaryDirectory() as folder:
        await haut.export_subject(subject.id, to=Path(folder) / "export", reference=TERM)
    await haut.subjects.clear_storage(subject.id)
    await haut.subjects.clear_metadata(subject.id)
    await haut.verify_erasure(await haut.erase_subject(subject.id))
    others = [await haut.subjects.create(f"{NAME} {number}") for number in range(2)]
    await haut.subjects.delete(others[0].id)
    await haut.subjects.delete_many(other.id for other in others)


async def call_methods_of_the_account(haut: AsyncHaut) -> None:
    token = await haut.private_tokens.create(NAME, datetime.now(UTC) + timedelta(days=1))
    await haut.private_tokens.list(TERM)
    assert [found.id async for found in haut.private_tokens.iterate(TERM)] == [token.id]
    await haut.private_tokens.revoke(token.id)
    study = await haut.datasets.create(NAME)
    await haut.datasets.list(TERM)
    await haut.datasets.short_list(TERM)
    assert [found.id async for found in haut.datasets.iterate(TERM)] == [study.id]
    await haut.datasets.get(study.id)
    await haut.image_types()
    await haut.algorithms()


async def test_call_every_method_covers_the_public_methods(sandbox: Sandbox) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        called = await call_every_method(haut)
        public = {
            name
            for resource in resources(haut)
            for name, _ in inspect.getmembers(resource, inspect.ismethod)
            if not name.startswith("_")
        }
    # Other tests call resume_upload and login. with_options, request, from_env and aclose are not
    # tied to an operation of the API. Public methods that are called above call the remaining ones.
    assert public - called == {
        *("resume_upload", "login", "with_options", "request", "from_env", "aclose"),
        *("find", "find_by_id", "observe"),
        *("request_upload_v3", "read_results", "read_results_v3"),
    }


@pytest.mark.slow
async def test_every_attempt_is_logged(sandbox: Sandbox, log: pytest.LogCaptureFixture) -> None:
    sandbox.faults.add("*", faults.rejected(503, retry_after=0), times=3)
    sandbox.faults.add("list_images", faults.close())
    async with AsyncHaut(**sandbox.credentials) as haut:
        await call_every_method(haut.with_options(max_retries=4))
    assert sandbox.faults.pending == []
    records = [record for record in log.records if record.name == "haut_ext"]
    for record in records:
        line, fields = record.getMessage(), fields_of(record)
        assert LINE.fullmatch(line), line
        ids = f" [{' '.join(fields['ids'])}]" if fields["ids"] else ""
        assert line.startswith(f"{fields['operation']}{ids}: attempt {fields['attempt']}, ")
        outcome = filter(None, (fields["status"], fields["error"]))
        assert (
            line.partition("attempt ")[2].partition(", ")[2].startswith(" ".join(map(str, outcome)))
        )
        assert ("retrying in" in line) == (fields["retry_in"] is not None)
        assert 0 < fields["duration"] < 60
    attempts = [record for record in records if record.levelno == logging.DEBUG]
    retries = [record for record in records if record.levelno == logging.WARNING]
    assert len(records) == len(attempts) + len(retries)
    assert len(attempts) == len(sandbox.requests)
    assert len(retries) == 4
    assert "attempt 1, 503 ServerError" in attempts[0].getMessage()
    assert "attempt 1, 503 ServerError; retrying in " in retries[0].getMessage()


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the attributes of a record that haut_ext has set, without their prefix."""
    prefix = "haut_"
    return {
        name.removeprefix(prefix): value
        for name, value in vars(record).items()
        if name.startswith(prefix)
    }


async def test_attempt_with_an_unexpected_response_is_logged(
    sandbox: Sandbox, log: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add("list_subjects", faults.login_page())
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(HautError):
            await haut.subjects.list()
    [line] = [record.getMessage() for record in log.records if record.name == "haut_ext"]
    assert line.endswith("attempt 1, 200 UnexpectedResponse")


@pytest.mark.slow
async def test_logs_and_errors_contain_no_secrets_or_personal_data(
    sandbox: Sandbox, log: pytest.LogCaptureFixture
) -> None:
    tokens: list[str] = []

    def token() -> str:
        tokens.append(sandbox.issue_token())
        return tokens[-1]

    stored = add_photo(sandbox, PHOTO.read_bytes(), NAME)
    errors: list[HautError] = []

    async def record_error(call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
        except HautError as error:
            errors.append(error)

    async with AsyncHaut(
        **{**sandbox.credentials, "token": token},  # type: ignore[arg-type]
        timeout=Timeout(read=0.1),
        deadline=0.3,
        max_retries=1,
    ) as haut:
        await call_every_method(haut.with_options(timeout=10, deadline=20))
        for make, (operation, call) in product(FAULTS.values(), calls(haut, stored).items()):
            fault = make("http://127.0.0.1:9/other")
            if fault is not None:
                sandbox.faults.add(operation, fault, times=2)
                await record_error(call)
                sandbox.faults.clear()
        await record_error(lambda: haut.subjects.delete("00000000-0000-4000-8000-000000000000"))
        await record_error(lambda: haut.subjects.update(stored.subject, biological_sex=""))
        await record_error(lambda: haut.subjects.delete(NAME))
        sandbox.faults.add("upload_image", faults.reset(), times=None)
        await record_error(lambda: haut.upload_and_compute(stored.subject, front=PHOTO, name=NAME))
        sandbox.faults.clear()
        [incomplete] = [error for error in errors if isinstance(error, UploadIncomplete)]
        unhurried = haut.with_options(timeout=10, deadline=20)
        await unhurried.resume_upload(incomplete.state, front=PHOTO)
        shown = repr(haut) + repr(haut.api) + repr(vars(haut))

    assert len(errors) > 60
    assert {"haut_ext", "httpcore.http11"} <= {record.name for record in log.records}
    logged = "\n".join(f"{it.getMessage()} {fields_of(it)}" for it in log.records) + log.text
    assert str(stored.subject) in logged  # logs may contain ids
    assert_no_secrets(tokens, shown=logged + shown + text_of(errors), errors=errors)


def calls(haut: AsyncHaut, stored: StoredPhoto) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return a call for each operation name. The test makes each of these operations fail."""
    return {
        "list_subjects": lambda: haut.subjects.list(TERM),
        "create_subject": lambda: haut.subjects.create(NAME, meta=META),
        "upload_image": lambda: haut.images.upload(stored.subject, PHOTO),
        "download_image": lambda: haut.images.download(stored.image, io.BytesIO()),
    }


def assert_no_secrets(tokens: list[str], *, shown: str, errors: list[HautError]) -> None:
    """Check that no text contains a secret, and that only `body` of an error contains personal data."""
    assert_absent(shown, (*tokens, *SIGNED, *PERSONAL))
    bodies = "".join(getattr(error, "body", "") for error in errors)
    assert_absent(bodies, (*tokens, *SIGNED))


def text_of(errors: list[HautError]) -> str:
    """Return the tracebacks, reprs and attributes of errors as one text, without `body`."""
    text = ""
    for error in errors:
        text += "".join(traceback.format_exception(error)) + repr(error)
        text += repr({name: value for name, value in vars(error).items() if name != "body"})
    return text


def assert_absent(text: str, unwanted: Iterable[str]) -> None:
    text = text.replace("=[redacted]", "")
    for secret in unwanted:
        found = text.find(secret)
        assert found == -1, (secret, text[found - 100 : found + 100])


async def test_secrets_echoed_by_the_service_are_redacted_in_errors_and_logs(
    sandbox: Sandbox, log: pytest.LogCaptureFixture
) -> None:
    credentials = sandbox.credentials
    token = credentials["token"]
    signed = f"{sandbox.storage_url}/photo?X-Goog-Credential=c&X-Goog-Signature=deadbeef"
    echo = f"Bearer {token} and {token} and {signed}"
    body = json.dumps({"errors": [{"code": token, "detail": echo, "attr": token}]}).encode()
    headers = {"X-Request-Id": token, "X-Echo": echo, "Location": signed, "Set-Cookie": "session=1"}
    async with AsyncHaut(**credentials) as haut:
        for code in (200, 302, 400, 404):
            kind = {"content_type": "application/json", "headers": headers}
            sandbox.faults.add("list_subjects", faults.status(code, body, **kind))  # type: ignore[arg-type]
            with pytest.raises(HautError) as caught:
                await haut.subjects.list()
            fields = fields_of(next(it for it in reversed(log.records) if it.name == "haut_ext"))
            assert "[redacted]" in fields["request_id"]
            shown = str(caught.value) + repr(vars(caught.value)) + repr(fields)
            assert "x-echo" in shown
            assert pickle.dumps(caught.value).find(token.encode()) == -1
            for secret in (token, "deadbeef", "session=1"):
                assert secret not in shown


async def test_error_of_a_missing_page_contains_no_search_term(sandbox: Sandbox) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(NotFound) as caught:
            await haut.subjects.list(TERM, page=7)
    assert TERM not in "".join(traceback.format_exception(caught.value))


def test_warnings_are_not_printed_without_a_log_handler() -> None:
    """Without its null handler, the logger would print warnings to standard error."""
    code = (
        "from haut_ext._http.attempts import logger; logger.warning('without handler');"
        "import logging; logging.basicConfig(); logger.warning('with handler')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr == "WARNING:haut_ext:with handler\n"
