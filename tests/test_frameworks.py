"""Tests the client in web frameworks, task queues and other programs that users run it in."""

from __future__ import annotations

import base64
import copy
import importlib
import io
import itertools
import json
import logging
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import attrs
import celery._state
import django.test
import hypothesis
import kombu.utils.json
import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile
from django.test import override_settings
from fastapi import UploadFile
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage

import haut_ext
from haut_ext import (
    AnalyzedBatch,
    AsyncHaut,
    BatchResults,
    ErasureReceipt,
    ExportManifest,
    Haut,
    HautError,
    ImageRejected,
    NotFound,
    Photo,
    PhotoFile,
    UploadedBatch,
    UploadedImage,
    UploadState,
)
from haut_ext.bulk import BulkStopped
from haut_ext.sandbox import Sandbox, faults
from haut_ext.spec_check import SpecError
from haut_ext.types import SideState
from tests.release import django_service  # noqa: F401  # configures Django, once in a process
from tests.support.sandbox_photos import photo_of

DATA = photo_of(600_000)  # more than one chunk


def django_temporary(data: bytes) -> TemporaryUploadedFile:
    file = TemporaryUploadedFile("f.jpg", "image/jpeg", len(data), None)
    file.write(data)
    file.seek(0)
    return file


def django_in_memory(data: bytes) -> InMemoryUploadedFile:
    return InMemoryUploadedFile(io.BytesIO(data), "front", "f.jpg", "image/jpeg", len(data), None)


FILES: dict[str, Callable[[bytes], PhotoFile]] = {
    "FastAPI UploadFile": lambda data: UploadFile(io.BytesIO(data)),
    "Django InMemoryUploadedFile": django_in_memory,
    "Django TemporaryUploadedFile": django_temporary,
    "Flask FileStorage": lambda data: FileStorage(io.BytesIO(data)),  # has no file name: is falsy
}


@pytest.fixture(params=list(FILES.values()), ids=list(FILES))
def make_file(request: pytest.FixtureRequest) -> Callable[[bytes], Any]:
    make: Callable[[bytes], Any] = request.param
    return make


async def test_uploaded_file_is_accepted_by_both_clients(
    haut_sandbox: Sandbox, make_file: Callable[[bytes], Any], short_backoff: None
) -> None:
    [subject] = haut_sandbox.add_subjects(1)
    file = make_file(DATA)
    with Haut(**haut_sandbox.credentials) as haut:
        haut_sandbox.faults.add("upload_image", faults.bad_gateway())
        haut.upload_and_compute(subject.id, front=file)
    async with AsyncHaut(**haut_sandbox.credentials) as client:  # the position was restored
        await client.upload_and_compute(subject.id, front=file, left=file)
    assert haut_sandbox.faults.pending == []
    sent = [
        it.md5 for it in haut_sandbox.requests if it.operation == "upload_image" and it.carried_out
    ]
    assert sent == [md5(DATA).hexdigest()] * 3


async def test_closed_uploaded_file_is_rejected(make_file: Callable[[bytes], Any]) -> None:
    file = make_file(DATA)
    getattr(file, "file", file).close()
    with pytest.raises(ImageRejected, match="cannot be read, because it is closed"):
        Photo.open(file)


ERRORS = [
    *(getattr(haut_ext, name) for name in haut_ext.__all__),
    *(BulkStopped, SpecError),
]
ERRORS = [it for it in ERRORS if isinstance(it, type) and issubclass(it, HautError)]


def example(kind: type[HautError]) -> HautError:
    """Return an error with a value for each required attribute."""
    if kind is ImageRejected:
        return ImageRejected(("front: too small\n", "left: too large"))
    values = {
        field.name: "value"
        for field in fields(kind)
        if field.init and field.default is field.default_factory is MISSING
    }
    return kind("what failed\x1b: (404)", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ERRORS)
def test_error_passes_a_celery_result_backend(kind: type[HautError]) -> None:
    backend: Any = Celery(set_as_current=False).backend
    assert backend.serializer == "json"
    error = example(kind)
    sent = backend.encode(backend.prepare_exception(error))
    received = backend.exception_to_python(backend.decode(sent))
    assert type(received) is kind
    assert str(received) == str(error)
    for copied in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(copied) is kind
        assert vars(copied) == vars(error)
    for it in (received, pickle.loads(pickle.dumps(received)), copy.copy(received)):
        assert str(it) == str(error)
        assert it.retryable is False
        for name in vars(error).keys() - vars(it).keys() - set(dir(kind)):
            with pytest.raises(AttributeError, match=f"{name} is unknown"):
                getattr(it, name)


@pytest.mark.slow
def test_class_of_an_error_is_found_before_its_module_is_imported() -> None:
    """`except haut_ext.UploadIncomplete` imports the class only after Celery has created the error."""
    code = """
import haut_ext
from celery import Celery

failed = {"exc_type": "UploadIncomplete", "exc_message": ["stopped"], "exc_module": "haut_ext"}
try:
    raise Celery(set_as_current=False).backend.exception_to_python(failed)
except haut_ext.UploadIncomplete as error:
    assert error.maybe_carried_out
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert haut_ext.UploadIncomplete.__module__ == "haut_ext"


attrs.resolve_types(UploadState)  # hypothesis reads the types
attrs.resolve_types(SideState)
TIME = datetime(2026, 11, 27, tzinfo=UTC)
IDS = (uuid4(), uuid4(), uuid4())
ATTRIBUTES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int": st.integers(),
    "float": st.floats(allow_nan=False),
    "str": st.text(),
    "tuple[str, ...]": st.lists(st.text()).map(tuple),
    "tuple[ErrorItem, ...]": st.lists(st.from_type(haut_ext.ErrorItem)).map(tuple),
    "dict[str, str]": st.just({"x-secret": "secret"}),
    "tuple[Image, ...]": st.just(()),
    "DeletedSubjects": st.from_type(haut_ext.DeletedSubjects),
    "UploadState": st.builds(UploadState, started_at=st.just(TIME)),
    "ErasureReceipt": st.just(ErasureReceipt("https://x", False, "c", None, *IDS, False)),
    "ExportManifest": st.just(ExportManifest("https://x", False, "c", "r", *IDS, TIME)),
    "UploadedBatch": st.from_type(UploadedBatch),
    "BatchResults": st.just(BatchResults(IDS[0], IDS[1], "v3")),
    "Exception": st.deferred(lambda: causes()),
}


@st.composite
def errors(draw: st.DrawFn, kind: type[HautError]) -> HautError:
    """Generate errors of a class with any values of their attributes."""
    if kind is ImageRejected:
        return ImageRejected(tuple(draw(st.lists(st.text()))))
    values: dict[str, Any] = {}
    for field in fields(kind):
        if field.init:
            name, *none = str(field.type).split(" | ")
            values[field.name] = draw(ATTRIBUTES[name] | st.none() if none else ATTRIBUTES[name])
            if field.name == "body":
                values["body"] = "secret"
    error = kind(draw(st.text()), **values)
    error.maybe_carried_out = draw(st.booleans())
    return error


def causes() -> st.SearchStrategy[Exception]:
    return st.one_of(errors(NotFound), st.just(OSError(2, "secret")))


def assert_equal_errors(received: Exception, sent: Exception) -> None:
    if not isinstance(sent, HautError):
        assert repr(received) == f"Exception({type(sent).__name__!r})"
        return
    assert (type(received), str(received)) == (type(sent), str(sent))
    expected = {**vars(sent)}
    expected |= {name: empty for name, empty in (("headers", {}), ("body", "")) if name in expected}
    expected.pop("images", None)
    found = {**vars(received)}
    if expected.get("cause"):
        assert_equal_errors(found.pop("cause"), expected.pop("cause"))
    assert found == expected


@pytest.mark.parametrize("kind", ERRORS)
@hypothesis.settings(max_examples=10)
@given(data=st.data())
def test_error_passes_a_json_queue(kind: type[HautError], data: st.DataObject) -> None:
    error = data.draw(errors(kind))
    text = error.to_json()
    assert "secret" not in text
    received = HautError.from_json(kombu.utils.json.loads(kombu.utils.json.dumps(text)))
    assert_equal_errors(received, error)
    assert kind.from_json(received.to_json()).to_json() == text.replace(
        "FileNotFoundError", "Exception"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"class": "Haut"},
        {"class": "run", "module": "subprocess"},
        {"module": "haut_ext.sandbox.__main__"},
        {"module": "not imported"},
        {"module": 1},
        {"class": "ConfigError"},  # from_json of NotFound returns no other class
        {"message": 1},
        {"other": 1},
        {"ids": [{"a": 1}]},
        {"errors": [{"code": 1}]},
        {"errors": "x"},
    ],
)
def test_invalid_json_of_an_error_is_refused(changes: dict[str, Any]) -> None:
    text = json.dumps({**json.loads(example(NotFound).to_json()), **changes})
    for invalid in (text, "[]", "{", "[" * 100_000):
        with pytest.raises(ValueError, match="invalid NotFound: expected JSON from to_json"):
            NotFound.from_json(invalid)


async def test_batches_pass_a_json_queue(haut_env: Sandbox) -> None:
    [subject] = haut_env.add_subjects(1)
    image = UploadedImage(uuid4(), uuid4(), 3, UUID(subject.id))
    by_number = UploadedBatch(image.subject_id, image.batch_id, (image,), "v1", (uuid4(),))
    async with AsyncHaut() as haut:
        batch = await haut.upload_and_compute(
            subject.id, front=DATA, left=DATA, wait=True, poll_interval=0.01
        )
        new = await haut.upload_and_compute(
            subject.id, front=DATA, api="v3", wait=True, poll_interval=0.01
        )
    assert all(it.results.results for it in (batch, new))
    for value in (by_number, batch, new, UploadedBatch(image.subject_id, image.batch_id)):
        received = kombu.utils.json.loads(kombu.utils.json.dumps([value.to_json()]))
        assert type(value).from_json(received[0]) == value
    assert UploadedBatch.from_json(batch.to_json()).images == batch.images
    document = json.loads(batch.to_json())
    values: tuple[Any, ...] = (None, 1.5, {}, [1], "x")
    for name, wrong in itertools.product(document, values):
        text = json.dumps({**document, name: wrong})
        with pytest.raises(ValueError, match="invalid AnalyzedBatch"):
            AnalyzedBatch.from_json(text)


class AsynchronousFile:
    file = None

    async def read(self, size: int = -1) -> bytes:
        return b""


def test_asynchronous_file_is_rejected_with_the_reason() -> None:
    with pytest.raises(ImageRejected, match="not AsynchronousFile, which reads asynchronously"):
        Photo.open(AsynchronousFile())  # type: ignore[arg-type]


EXAMPLES = "examples.in_your_application"


@pytest.fixture
def example_module(haut_env: Sandbox) -> Iterator[Callable[[str], Any]]:
    """Yields a function that imports an example, which connects to the sandbox."""
    before = set(sys.modules)
    yield lambda name: importlib.import_module(f"{EXAMPLES}.{name}")
    for name in set(sys.modules) - before:
        if name.startswith(EXAMPLES):
            del sys.modules[name]


def upload_form(data: bytes = DATA) -> dict[str, tuple[str, bytes, str]]:
    return {"front": ("front.jpg", data, "image/jpeg")}


def test_fastapi_application(example_module: Any, haut_env: Sandbox, short_backoff: None) -> None:
    module = example_module("fastapi_app")
    with TestClient(module.app) as browser:
        posted = browser.post("/customers/ada/photos", files=upload_form())
        assert posted.status_code == 200, posted.text
        ids = posted.json()
        rows = browser.get(f"/subjects/{ids['subject_id']}/batches/{ids['batch_id']}").json()
        assert {row["batch"] for row in rows} == {ids["batch_id"]}
        rejected = browser.post("/customers/ada/photos", files=upload_form(b"no photo"))
        assert (rejected.status_code, "JPEG" in rejected.text) == (422, True)
        missing = browser.get(f"/subjects/{ids['subject_id']}/batches/{uuid4()}")
        assert missing.status_code == 404
        haut_env.faults.add("create_subject", faults.rejected(429, retry_after=600), times=None)
        assert browser.post("/customers/eve/photos", files=upload_form()).status_code == 503
    assert haut_env.carried_out("compute_batch") == 1


@override_settings(ALLOWED_HOSTS=["*"], ROOT_URLCONF="examples.in_your_application.django_views")
async def test_django_views(example_module: Any, haut_env: Sandbox) -> None:
    module = example_module("django_views")
    browser, async_browser = django.test.Client(), django.test.AsyncClient()
    for size in (2**20, 3 * 2**20):  # Django keeps files up to 2.5 MiB in memory
        data = photo_of(size)
        posted: Any = browser.post("/customers/ada/photos", {"front": io.BytesIO(data)})
        assert UUID(posted.json()["batch_id"])
        front = io.BytesIO(data)
        posted = await async_browser.post("/async/customers/ada/photos", {"front": front})
        assert UUID(posted.json()["batch_id"])
    for path in ("/customers/ada/photos", "/async/customers/ada/photos"):
        rejected = await async_browser.post(path, {"front": io.BytesIO(b"no photo")})
        assert rejected.status_code == 422
        assert (await async_browser.post(path)).status_code == 400
    assert haut_env.carried_out("compute_batch") == 4
    module.get_haut().close()
    await module.get_async_haut().aclose()


def test_flask_application(example_module: Any, haut_env: Sandbox) -> None:
    module = example_module("flask_app")
    browser = module.app.test_client()
    # Flask's test client does not close the temporary file in which it keeps larger requests.
    form = {"front": (io.BytesIO(photo_of(400_000)), "front.jpg")}
    posted = browser.post("/customers/ada/photos", data=form)
    assert UUID(posted.json["batch_id"])
    wrong = {"front": (io.BytesIO(b"no photo"), "front.jpg")}
    assert browser.post("/customers/ada/photos", data=wrong).status_code == 422
    module.get_haut().close()


@pytest.fixture
def tasks(
    example_module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, short_backoff: None
) -> Iterator[Any]:
    """The Celery tasks of the example, with a broker and a result backend in memory."""
    monkeypatch.setenv("BROKER_URL", "memory://")
    monkeypatch.setenv("RESULT_BACKEND", "cache+memory://")
    monkeypatch.setenv("UPLOAD_STATES", str(tmp_path))
    # Otherwise the next app would get these tasks, whose client is closed.
    state: Any = celery._state
    monkeypatch.setattr(state, "_on_app_finalizers", set(state._on_app_finalizers))
    module = example_module("celery_tasks")
    yield module
    module.get_haut().close()


@pytest.mark.release
def test_celery_worker(tasks: Any, haut_env: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "front.jpg").write_bytes(DATA)
    [subject] = haut_env.add_subjects(1)
    photos = {"front": str(tmp_path / "front.jpg")}
    tasks.app.conf.broker_transport_options = {"polling_interval": 0.01}
    with start_worker(tasks.app, pool="solo", perform_ping_check=False, loglevel="ERROR"):
        batch = tasks.upload.delay(subject.id, photos).get(timeout=20)
        results = BatchResults.from_json(tasks.read_results.delay(batch).get(timeout=20))
        assert results.complete
        assert results.batch_id == UploadedBatch.from_json(batch).batch_id
        unknown = UploadedBatch(UUID(subject.id), uuid4()).to_json()
        with pytest.raises(NotFound, match="404"):
            tasks.read_results.delay(unknown).get(timeout=20)
    assert haut_env.carried_out("compute_batch") == 1


@pytest.mark.parametrize(
    ("operation", "fault", "retried"),
    [
        ("upload_image", faults.bad_gateway(), True),
        ("compute_batch", faults.rejected(503, retry_after=600), True),
        ("compute_batch", faults.close("after"), False),
    ],
    ids=["photo not stored", "analysis not started", "analysis perhaps started"],
)
def test_celery_task_that_is_repeated_starts_the_analysis_once(
    tasks: Any, haut_env: Sandbox, tmp_path: Path, operation: str, fault: Any, retried: bool
) -> None:
    paths = {side: str(tmp_path / f"{side}.jpg") for side in ("front", "left")}
    for path in paths.values():
        Path(path).write_bytes(DATA)
    [subject] = haut_env.add_subjects(1)
    haut_env.faults.add(operation, fault, times=6 if operation == "upload_image" else 1)
    first = tasks.upload.apply(args=(subject.id, paths), task_id="task")  # retries at once
    again = tasks.upload.apply(args=(subject.id, paths), task_id="task")  # delivered once more
    assert haut_env.faults.pending == []
    assert first.successful() == retried
    batch = UploadedBatch.from_json(again.get())
    assert not retried or first.get() == again.get()
    assert haut_env.carried_out("compute_batch") == 1
    assert haut_env.carried_out("upload_image") == 2
    assert haut_env.database.images.keys() == {str(image.image_id) for image in batch.images}


def test_lambda_function_continues_after_its_time_has_passed(
    example_module: Any, haut_env: Sandbox
) -> None:
    module = example_module("lambda_handler")
    [subject] = haut_env.add_subjects(1)
    event = {"subject_id": subject.id, "front": base64.b64encode(DATA).decode()}
    milliseconds = iter([2300, 60_000])
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: next(milliseconds))
    haut_env.faults.add("upload_image", faults.stall())
    stopped = module.handler(event, context)
    assert UploadState.from_json(stopped["state"]).missing == ("front",)
    batch = module.handler(stopped, context)["batch"]
    assert UploadedBatch.from_json(batch).subject_id == UUID(subject.id)
    assert haut_env.faults.pending == []
    assert haut_env.carried_out("compute_batch") == haut_env.carried_out("upload_image") == 1
    assert len(haut_env.database.images) == 1


def test_json_logs(
    example_module: Any, haut_env: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    module = example_module("json_logs")
    caplog.set_level(logging.DEBUG, "haut_ext")
    caplog.handler.setFormatter(module.JsonFormatter())
    received: list[str | None] = []
    haut_env.before_request = lambda it: received.append(it.headers.get("x-request-id"))
    factory = logging.getLogRecordFactory()

    def create_record(*arguments: Any, **values: Any) -> logging.LogRecord:
        record = factory(*arguments, **values)
        record.request_id = record.operation = record.status = record.duration = "the program's"
        return record

    logging.setLogRecordFactory(create_record)
    try:
        with Haut(event_hooks={"request": [module.send_request_id]}) as haut:
            module.request_id.set("request-1")
            subject = haut.subjects.create("ada")
            haut.upload_and_compute(subject.id, front=DATA)
    finally:
        logging.setLogRecordFactory(factory)
    entries = [json.loads(line) for line in caplog.text.splitlines() if "haut_operation" in line]
    assert [(it["haut_operation"].split("/")[-2], it["haut_status"]) for it in entries[:2]] == [
        ("subjects", 201),
        ("signed_upload_url", 201),
    ]
    assert {it["request_id"] for it in entries} == {"request-1"}
    storage = [it["haut_operation"] for it in entries].index("PUT (storage)")
    assert [it or "" for it in received] == [
        "" if number == storage else "request-1" for number in range(len(entries))
    ]


@pytest.mark.slow
def test_program_that_is_terminated_continues(
    example_module: Any, haut_env: Sandbox, tmp_path: Path
) -> None:
    photo = tmp_path / "ada.jpg"
    photo.write_bytes(DATA)
    module = example_module("upload_folder")
    haut_env.faults.add("upload_image", faults.stall())
    process = subprocess.Popen([sys.executable, module.__file__, tmp_path], stderr=subprocess.PIPE)
    while not haut_env.received("upload_image"):
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20)[1] == b""
    assert process.returncode == 143
    with Haut() as haut:
        for _ in range(2):  # the second time, nothing is left to do
            module.upload(haut, photo)
    assert haut_env.carried_out("compute_batch") == haut_env.carried_out("upload_image") == 1
    assert len(haut_env.database.images) == 1


def test_page_shows_the_examples() -> None:
    page = (Path(__file__).parents[1] / "docs" / "in-your-application.md").read_text("utf-8")
    shown = set(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    folder = Path(__file__).parents[1] / EXAMPLES.replace(".", "/")
    assert shown == {path.read_text("utf-8") for path in folder.glob("*.py")}
