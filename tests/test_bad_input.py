"""Tests that invalid arguments raise ConfigError or ImageRejected before any request is sent."""

from __future__ import annotations

import datetime
import inspect
import io
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

import haut_ext
from haut_api.api.images import list_images
from haut_api.api.subjects import delete_subject, list_subjects
from haut_ext import (
    AsyncHaut,
    ConfigError,
    ErasureReceipt,
    Haut,
    HautError,
    ImageRejected,
    Timeout,
    UploadIncomplete,
)
from haut_ext.erasure_receipt import ErasureStep
from haut_ext.photos.checks import MAX_BYTES
from haut_ext.sandbox import Sandbox
from haut_ext.types import (
    SideState,
    UploadedBatch,
    UploadedImage,
    UploadState,
    from_json,
)
from haut_ext.urls import PRODUCTION
from tests.photo_files import jpeg
from tests.support.sandbox_photos import add_photo


def untyped(value: Any) -> Any:
    """Return a value with type Any, because type checkers would reject the invalid calls."""
    return value


async def async_function(*arguments: object) -> None:
    """Function whose result must be awaited."""


ID = "2fea742a-62ec-4a81-9729-9e0283f9c40c"
PHOTO = jpeg()
NAIVE_TIME = datetime.datetime(2025, 2, 27, 3, 40, 28)
DAY = datetime.timedelta(days=1)
TOMORROW = datetime.datetime.now(datetime.UTC) + DAY


def upload_state(
    batch_id: UUID | None,
    sides: tuple[SideState, ...],
    compute: Any,
    started_at: datetime.datetime = TOMORROW,
) -> UploadState:
    """Return the state of an upload to another company."""
    return UploadState(
        *(UUID(ID), batch_id, sides, compute, started_at),
        service=PRODUCTION,
        company_id=UUID(ID),
        dataset_id=None,
    )


@pytest.fixture(scope="module")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Iterator[Sandbox]:
    """A sandbox that fails the test if it receives a request."""
    count = len(running_sandbox.requests)
    yield running_sandbox
    assert running_sandbox.requests[count:] == []


def test_sandbox_lists_received_requests() -> None:
    with Sandbox(seed=1) as sandbox, Haut(**sandbox.credentials) as haut:
        haut.subjects.list()
        assert len(sandbox.requests) == 1


# Photos

REASONS = {
    "not an image": "JPEG, PNG",
    "not an image, named .jpg": "JPEG, PNG",
    "255x4000 px": "255x4000 px",
    "4000x255 px": "4000x255 px",
    "0 bytes": "has 0 bytes",
    "0 bytes, in memory": "has 0 bytes",
    "31,457,281 bytes": "31,457,281 bytes",
    "a missing file": "cannot be read",
    "a directory": "cannot be read",
    "a text stream": "binary mode",
    "None": "not NoneType",
}


@pytest.fixture(scope="module")
def bad_photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One invalid photo for each rejection reason in REASONS."""
    tmp_path = tmp_path_factory.mktemp("photos")
    (tmp_path / "html.jpg").write_bytes(b"<!doctype html><title>Sign in</title>")
    (tmp_path / "empty.jpg").touch()
    with (tmp_path / "long.jpg").open("wb") as long:
        long.write(PHOTO)
        long.truncate(MAX_BYTES + 1)
    photos = (
        b"%PDF-1.7 and no image",
        tmp_path / "html.jpg",
        jpeg((255, 4000)),
        io.BytesIO(jpeg((4000, 255))),
        tmp_path / "empty.jpg",
        b"",
        str(tmp_path / "long.jpg"),
        tmp_path / "missing.jpg",
        tmp_path,
        io.StringIO("text"),
        None,
    )
    return dict(zip(REASONS, photos, strict=True))


@pytest.mark.parametrize("kind", REASONS)
def test_invalid_photo_is_rejected(haut: Haut, bad_photos: dict[str, Any], kind: str) -> None:
    with pytest.raises(ImageRejected, match=REASONS[kind]):
        haut.images.upload(ID, bad_photos[kind])
    if bad_photos[kind] is not None:
        with pytest.raises(ImageRejected, match=f"left: .*{REASONS[kind]}"):
            haut.upload_and_compute(ID, front=PHOTO, left=bad_photos[kind])


def test_errors_of_several_photos_are_reported_together(
    haut: Haut, bad_photos: dict[str, Any]
) -> None:
    sides = {"front": "255x4000 px", "right": "0 bytes", "left": "a directory"}
    with pytest.raises(ImageRejected) as raised:
        haut.upload_and_compute(ID, **{side: bad_photos[kind] for side, kind in sides.items()})
    assert [reason.partition(":")[0] for reason in raised.value.reasons] == list(sides)


# Ids

INVALID_IDS = [
    "",
    "..",
    ".",
    "a/b",
    f"{ID}/",
    f"{ID}/..",
    f"../{ID}",
    "subject-1",
    ID[:-1],
    None,
    7,
    b"",
]
RESOURCES: dict[str, Callable[[Haut], object]] = {
    "haut": lambda haut: haut,
    "haut.subjects": lambda haut: haut.subjects,
    "haut.images": lambda haut: haut.images,
    "haut.datasets": lambda haut: haut.datasets,
}
VALID_ARGUMENTS: dict[str, Any] = {
    "subject_id": ID,
    "subject_ids": [ID],
    "image_id": ID,
    "batch_id": ID,
    "name": "subject-1",
    "file": PHOTO,
    "front": PHOTO,
    "to": "no-such-folder/file",
    "username": "user@example.com",
    "password": "password",
    "batch": UploadedBatch(UUID(ID), UUID(ID), ()),
    "image": UploadedImage(UUID(ID), UUID(ID), "front", UUID(ID)),
    "names": {"front": "front.jpg"},
    "state": upload_state(None, (SideState("front"),), "not sent"),
    "receipt": ErasureReceipt(
        "http://127.0.0.1", False, "c", None, UUID(ID), UUID(ID), UUID(ID), False
    ),
}
"""Valid values for all required parameters. Of some, such as front and left, a method needs only one."""


def parameters_of(method: Any) -> Iterator[str]:
    """Yield the parameter names of a method; for `**kwargs`, the keys of its TypedDict."""
    for name, parameter in inspect.signature(method).parameters.items():
        yield name
        if str(parameter.annotation).startswith("Unpack["):
            group = parameter.annotation.removeprefix("Unpack[").removesuffix("]")
            yield from getattr(haut_ext, group).__annotations__


def id_parameters() -> Iterator[tuple[str, str, str]]:
    """Yield resource, method name and parameter name for each id parameter of a public method."""
    with Haut(token="none", company_id=ID) as haut:
        for resource_name, resource in RESOURCES.items():
            for name, method in inspect.getmembers(resource(haut), inspect.ismethod):
                for parameter in parameters_of(method):
                    if (
                        name[0] != "_"
                        and name != "from_env"
                        and parameter in ("dataset_id", *VALID_ARGUMENTS)
                        and "_id" in parameter
                    ):
                        yield resource_name, name, parameter


ID_PARAMETERS = list(id_parameters())


def test_every_method_with_an_id_parameter_is_tested() -> None:
    assert {f"{resource_name}.{name}" for resource_name, name, _ in ID_PARAMETERS} == {
        "haut.login",
        "haut.upload_and_compute",
        "haut.resume_upload",
        "haut.results",
        "haut.history",
        "haut.export_subject",
        "haut.wait_for_results",
        "haut.wait_for_analysis",
        "haut.erase_subject",
        "haut.verify_erasure",
        "haut.datasets.get",
        *(f"haut.subjects.{name}" for name in ("create", "find", "get_or_create", "update")),
        "haut.subjects.iterate",
        *(f"haut.subjects.{name}" for name in ("list", "delete", "delete_many")),
        *(f"haut.subjects.{name}" for name in ("clear_storage", "clear_metadata")),
        *(f"haut.subjects.{name}" for name in ("observe", "find_by_id")),
        *(f"haut.images.{name}" for name in ("request_upload", "upload", "compute", "iterate")),
        *(f"haut.images.{name}" for name in ("list", "get", "delete", "download", "stream")),
        *(
            f"haut.images.{name}"
            for name in ("request_upload_v3", "read_results", "read_results_v3")
        ),
    }


@pytest.mark.parametrize(("resource_name", "name", "parameter"), ID_PARAMETERS)
def test_id_must_be_a_uuid(haut: Haut, resource_name: str, name: str, parameter: str) -> None:
    method = getattr(RESOURCES[resource_name](haut), name)
    valid = {
        key: value
        for key, value in VALID_ARGUMENTS.items()
        if key in inspect.signature(method).parameters
    }
    for invalid in INVALID_IDS:
        if parameter in ("dataset_id", "batch_id") and invalid is None:
            continue  # None is valid: it selects the client's dataset or a new batch
        value = [ID, invalid] if parameter == "subject_ids" else invalid
        with pytest.raises(
            ConfigError, match=rf"{parameter} must be (a UUID|str \| UUID)"
        ) as raised:
            method(**{**valid, parameter: value})
        assert "/" not in str(raised.value)


@pytest.mark.parametrize("invalid", INVALID_IDS)
def test_id_passed_to_paginate_all_must_be_a_uuid(haut: Haut, invalid: Any) -> None:
    if invalid is not None:
        with pytest.raises(ConfigError, match="must be a UUID"):
            list(haut.paginate_all(list_subjects, dataset_id=invalid))
    with pytest.raises(ConfigError, match="must be a UUID"):
        list(haut.paginate_all(list_images, subject_id=invalid))


@pytest.mark.parametrize("invalid", INVALID_IDS)
def test_company_id_and_dataset_id_must_be_uuids(invalid: Any) -> None:
    with pytest.raises(ConfigError, match=r"company_id must be a UUID|HAUT_COMPANY_ID"):
        Haut(token="none", company_id=invalid)
    if invalid is not None:
        with pytest.raises(ConfigError, match="dataset_id must be a UUID"):
            Haut(token="none", company_id=ID, dataset_id=invalid)


def test_dataset_method_without_a_dataset_id_is_an_error(sandbox: Sandbox) -> None:
    credentials = sandbox.credentials
    with Haut(
        token=credentials["token"],
        company_id=credentials["company_id"],
        base_url=credentials["base_url"],
    ) as haut:
        with pytest.raises(ConfigError, match="needs a dataset"):
            haut.subjects.create("subject-1")
        with pytest.raises(ConfigError, match="needs a dataset"):
            haut.erase_subject(ID)


# Other arguments

CALLS: dict[str, tuple[Callable[[Haut], object], str]] = {
    "an empty name": (lambda haut: haut.subjects.create(""), "1 to 512 characters"),
    "a name of 513 characters": (
        lambda haut: haut.subjects.update(ID, name="x" * 513),
        "1 to 512 characters",
    ),
    "an empty name to find": (lambda haut: haut.subjects.get_or_create(""), "1 to 512 characters"),
    "a boolean side": (lambda haut: haut.images.request_upload(ID, side=True), "side must be"),
    "a fractional light": (lambda haut: haut.images.upload(ID, PHOTO, light=0.5), "light must be"),  # type: ignore[arg-type]  # invalid on purpose
    "an empty dataset name": (lambda haut: haut.datasets.create(""), "1 to 512 characters"),
    "a dataset name of 513 characters": (
        lambda haut: haut.datasets.create("x" * 513),
        "1 to 512 characters",
    ),
    "photos that expire after 366 days": (
        lambda haut: haut.datasets.create("study", expire_images_after_days=366),
        "expire_images_after_days must be 0 to 365",
    ),
    "metadata that expires after -1 days": (
        lambda haut: haut.datasets.create("study", expire_metadata_after_days=-1),
        "expire_metadata_after_days must be 0 to 365",
    ),
    "a token without a name": (
        lambda haut: haut.private_tokens.create("", TOMORROW),
        "name must not be empty",
    ),
    "a token with a naive expiry": (
        lambda haut: haut.private_tokens.create("job", NAIVE_TIME),
        "time zone",
    ),
    "a token that has expired": (
        lambda haut: haut.private_tokens.create("job", TOMORROW - 2 * DAY),
        "in the past",
    ),
    "a token id that is a name": (
        lambda haut: haut.private_tokens.revoke("job"),  # type: ignore[arg-type]  # invalid on purpose
        "token_id must be",
    ),
    "a token id that is a boolean": (
        lambda haut: haut.private_tokens.revoke(True),
        "token_id must be",
    ),
    "no photo": (lambda haut: haut.upload_and_compute(ID), "no photo"),
    "page 0": (lambda haut: haut.subjects.list(page=0), "start at 1"),
    "page -1": (lambda haut: haut.images.list(ID, page=-1), "start at 1"),
    "request_upload with a naive time": (
        lambda haut: haut.images.request_upload(ID, creation_time=NAIVE_TIME),
        "time zone",
    ),
    "a naive time": (
        lambda haut: haut.images.upload(ID, PHOTO, creation_time=NAIVE_TIME),
        "time zone",
    ),
    "upload_and_compute with a naive time": (
        lambda haut: haut.upload_and_compute(ID, front=PHOTO, creation_time=NAIVE_TIME),
        "time zone",
    ),
    "an unknown option": (
        lambda haut: untyped(haut).with_options(retries=3),
        "unknown option 'retries'; valid options",
    ),
    "a negative timeout": (lambda haut: haut.with_options(timeout=-1), "positive number"),
    "a deadline of 0": (
        lambda haut: haut.with_options(deadline=0),
        "deadline must be a positive number",
    ),
    "a deadline of NaN": (
        lambda haut: haut.with_options(deadline=float("nan")),
        "positive number",
    ),
    "a timeout that is a string": (
        lambda haut: untyped(haut).with_options(timeout="5"),
        "positive number",
    ),
    "negative max_retries": (lambda haut: haut.with_options(max_retries=-1), "max_retries must be"),
    "fractional max_retries": (
        lambda haut: untyped(haut).with_options(max_retries=1.5),
        "max_retries must be",
    ),
    "negative max_retry_after": (
        lambda haut: haut.with_options(max_retry_after=-1),
        "positive number",
    ),
    "company_id of a list that is not a UUID": (
        lambda haut: list(haut.paginate_all(list_subjects, company_id="x")),
        "company_id must be a UUID",
    ),
    "page of a complete list": (
        lambda haut: list(haut.paginate_all(list_subjects, page=3)),
        "page= cannot be used",
    ),
    "a list operation that is None": (
        lambda haut: untyped(haut).paginate_all(None),
        "not a list operation",
    ),
    "an unknown option named like an internal parameter": (
        lambda haut: untyped(haut).datasets.list(number=3),
        "unknown option 'number'",
    ),
    "an unknown option of an iterator": (
        lambda haut: untyped(haut).private_tokens.iterate(operations=3),
        "unknown option 'operations'",
    ),
    "a photo without a side": (
        lambda haut: untyped(haut).images.upload(ID, PHOTO, side=None),
        r"side must be str \| int, not NoneType",
    ),
    "meta that is not JSON": (
        lambda haut: haut.subjects.create("subject-1", meta=object()),
        "meta must be a JSON value",
    ),
    "a search term with a lone surrogate": (
        lambda haut: haut.subjects.list("\ud800"),
        "q contains a lone surrogate",
    ),
    "a wait without a timeout": (
        lambda haut: untyped(haut).upload_and_compute(
            ID, front=PHOTO, wait=True, wait_timeout=None
        ),
        "wait_timeout must be float, not NoneType",
    ),
    "a wait for families that are no names": (
        lambda haut: untyped(haut).upload_and_compute(ID, front=PHOTO, wait=True, wait_for=[1]),
        "an item of wait_for must be str, not int",
    ),
    "a wait for no collection of families": (
        lambda haut: untyped(haut).upload_and_compute(ID, front=PHOTO, wait=True, wait_for=None),
        "wait_for must be Collection.str., not NoneType",
    ),
    "waiting options without a wait": (
        lambda haut: haut.upload_and_compute(ID, front=PHOTO, wait_for=["acne"]),
        "wait_for= is accepted only together with wait=True",
    ),
    "a poll interval of 0": (
        lambda haut: haut.wait_for_results(UploadedBatch(UUID(ID), UUID(ID)), poll_interval=0),
        "poll_interval must be a positive number",
    ),
    "a negative wait": (
        lambda haut: haut.wait_for_results(UploadedBatch(UUID(ID), UUID(ID)), -1),
        "wait_timeout must be a number",
    ),
    "results of None": (lambda haut: untyped(haut).results(None), "batch must be"),
    "analysis of None": (lambda haut: untyped(haut).wait_for_analysis(None), "batch must be"),
    "a receipt as JSON": (
        lambda haut: untyped(haut).erase_subject(ID, receipt="{}"),
        "receipt must be",
    ),
    "a state as JSON": (lambda haut: untyped(haut).resume_upload("{}"), "state must be"),
    "a state without a time zone": (
        lambda haut: haut.resume_upload(
            upload_state(None, (SideState("front"),), "not sent", NAIVE_TIME),
            front=PHOTO,
        ),
        "time zone",
    ),
    "a state without sides": (
        lambda haut: haut.resume_upload(upload_state(None, (), "not sent")),
        "state is damaged",
    ),
    "a stored side without a batch": (
        lambda haut: haut.resume_upload(
            upload_state(None, (SideState("front", "stored"),), "not sent")
        ),
        "state is damaged",
    ),
    "a state with a side that occurs twice": (
        lambda haut: haut.resume_upload(
            upload_state(None, (SideState("front"),) * 2, "not sent"),
            front=PHOTO,
        ),
        "state is damaged",
    ),
    "an image record without a batch": (
        lambda haut: haut.resume_upload(
            upload_state(None, (SideState("front", "open", UUID(ID)),), "not sent"),
            front=PHOTO,
        ),
        "state is damaged",
    ),
    "an image record without an id": (
        lambda haut: haut.resume_upload(
            upload_state(UUID(ID), (SideState("front", "stored"),), "started")
        ),
        "state is damaged",
    ),
    "a state of another company": (
        lambda haut: haut.resume_upload(
            upload_state(None, (SideState("front"),), "not sent"), front=PHOTO
        ),
        "another service, company or dataset",
    ),
    "an analysis of photos that are missing": (
        lambda haut: haut.resume_upload(
            upload_state(None, (SideState("front"),), "started"), front=PHOTO
        ),
        "state is damaged",
    ),
    "a login with a token": (
        lambda haut: untyped(Haut).login("a", "b", token="c", base_url=haut.scope.base_url),
        "token= cannot be used",
    ),
    "a token that expires at no time": (
        lambda haut: untyped(haut).private_tokens.create("job", "2099-01-01"),
        "expiration_time must be datetime, not str",
    ),
    "a callback without arguments": (
        lambda haut: untyped(haut).upload_and_compute(ID, front=PHOTO, on_state=lambda: None),
        "on_state must be Callable",
    ),
    "an asynchronous callback": (
        lambda haut: untyped(haut).upload_and_compute(ID, front=PHOTO, progress=async_function),
        "progress must be .*, not an asynchronous function",
    ),
    "ids that are a file": (
        lambda haut: untyped(haut).subjects.delete_many(io.StringIO("")),
        "subject_ids must be Iterable",
    ),
    "ids that are None": (
        lambda haut: untyped(haut).subjects.delete_many(None),
        "subject_ids must be Iterable",
    ),
    "names that are a set": (
        lambda haut: untyped(haut).images.request_upload_v3(ID, names={"front"}),
        "names must be Mapping",
    ),
    "a slot that is None": (
        lambda haut: untyped(haut).images.send_bytes(None, None),
        "slot must be SignedUpload",
    ),
    "a search term that is an object": (
        lambda haut: untyped(haut).images.list(ID, q=object()),
        r"q must be str \| None, not object",
    ),
    "a batch with damaged ids": (
        lambda haut: haut.results(untyped(UploadedBatch)("x", None)),
        "not UploadedBatch with invalid content",
    ),
    "a missing argument": (
        lambda haut: untyped(haut).subjects.create(),
        "create: missing a required argument: 'name'",
    ),
    "an environment that is a number": (
        lambda haut: untyped(Haut).from_env(5),
        "environment must be Mapping",
    ),
    "a negative read timeout": (lambda haut: Timeout(read=-1), "read must be a positive number"),
}


@pytest.mark.parametrize(("call", "message"), CALLS.values(), ids=CALLS.keys())
def test_invalid_argument_is_a_config_error(
    haut: Haut, call: Callable[[Haut], object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        call(haut)


# Tokens and base URLs


@pytest.mark.parametrize("client_class", [Haut, AsyncHaut])
@pytest.mark.parametrize("token", ["", None, " ", "two words", "token\n", "tok\u00e9n", 7])
def test_token_must_be_a_nonempty_ascii_string_without_spaces(
    sandbox: Sandbox, client_class: type[Haut] | type[AsyncHaut], token: Any
) -> None:
    arguments: dict[str, Any] = {**sandbox.credentials, "token": token}
    with pytest.raises(ConfigError, match="token") as raised:
        client_class(**arguments)
    assert str(token) not in str(raised.value) or not str(token).strip() or token in (None, 7)


@pytest.mark.parametrize("token", ["", None, "two words"])
def test_callable_must_return_a_valid_token(sandbox: Sandbox, token: Any) -> None:
    arguments: dict[str, Any] = {**sandbox.credentials, "token": lambda: token}
    with Haut(**arguments) as haut, pytest.raises(ConfigError, match="token"):
        haut.subjects.list()


def test_sync_client_rejects_an_async_token_callable(sandbox: Sandbox) -> None:
    async def token() -> str:
        return "none"

    arguments: dict[str, Any] = {**sandbox.credentials, "token": token}
    with Haut(**arguments) as haut, pytest.raises(ConfigError, match="only AsyncHaut can await"):
        haut.subjects.list()


def test_missing_environment_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HAUT_TOKEN", "HAUT_COMPANY_ID", "HAUT_DATASET_ID", "HAUT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"HAUT_TOKEN .*; HAUT_COMPANY_ID "):
        Haut.from_env()
    monkeypatch.setenv("HAUT_COMPANY_ID", ID)
    monkeypatch.setenv("HAUT_TOKEN", " ")
    with pytest.raises(ConfigError, match="HAUT_TOKEN") as raised:
        Haut.from_env()
    assert "HAUT_COMPANY_ID" not in str(raised.value)
    with pytest.raises(ConfigError, match="company_id must be a UUID"):
        Haut.from_env({"HAUT_TOKEN": "none", "HAUT_COMPANY_ID": ".."})


BASE_URLS = {
    "http://saas.haut.ai": "plain http",
    "http://10.0.0.1:8080": "plain http",
    "http://localhost.example.com": "plain http",
    "http://127.0.0.1.example.com": "plain http",
    "https://saas.haut.ai/api/v1": "scheme, host and port only",
    "https://saas.haut.ai/?a=b": "scheme, host and port only",
    "https://user:secret@saas.haut.ai": "scheme, host and port only",
    "http://secret@127.0.0.1": "scheme, host and port only",
    "ftp://saas.haut.ai": "scheme and a host",
    "saas.haut.ai": "scheme and a host",
    "https://": "scheme and a host",
    "https://saas.haut.ai:port": "not a URL",
    "": "scheme and a host",
}


@pytest.mark.parametrize("client_class", [Haut, AsyncHaut])
@pytest.mark.parametrize(("base_url", "message"), BASE_URLS.items())
def test_unsafe_or_invalid_base_url_is_rejected(
    client_class: type[Haut] | type[AsyncHaut], base_url: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        client_class(token="none", company_id=ID, base_url=base_url)
    assert "secret" not in str(raised.value)


# Generated functions, called directly


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "../.."])
def test_generated_function_rejects_an_id_that_would_change_the_path(
    sandbox: Sandbox, haut: Haut, value: Any
) -> None:
    with pytest.raises(ConfigError, match="not a UUID"):
        delete_subject.sync_detailed(
            client=haut.api, company_id=UUID(ID), dataset_id=UUID(ID), subject_id=value
        )
    with pytest.raises(ConfigError, match="not a UUID"):
        delete_subject.sync_detailed(
            client=haut.api, company_id=UUID(ID), dataset_id=value, subject_id=UUID(ID)
        )


# Asynchronous client


ASYNC_CALLS: dict[str, Callable[[AsyncHaut], Any]] = {
    "not an image": lambda haut: haut.images.upload(ID, b"%PDF-1.7"),
    "one empty photo of two": lambda haut: haut.upload_and_compute(ID, front=PHOTO, left=b""),
    "no photo": lambda haut: haut.upload_and_compute(ID),
    "an id that is not a UUID": lambda haut: haut.subjects.delete(".."),
    "an id to erase that is not a UUID": lambda haut: haut.erase_subject("a/b"),
    "a naive time": lambda haut: haut.images.request_upload(ID, creation_time=NAIVE_TIME),
    "page 0": lambda haut: haut.images.list(ID, page=0),
    "an empty name": lambda haut: haut.subjects.create(""),
    "a boolean side": lambda haut: haut.images.request_upload(ID, side=True),
    "upload_and_compute with a naive time": lambda haut: haut.upload_and_compute(
        ID, front=PHOTO, creation_time=NAIVE_TIME
    ),
    "an unknown option": lambda haut: untyped(haut).with_options(retries=3),
    "a path segment as an id": lambda haut: delete_subject.asyncio_detailed(
        client=haut.api,
        company_id=UUID(ID),
        dataset_id=UUID(ID),
        subject_id="..",  # type: ignore[arg-type]  # invalid on purpose
    ),
    "an empty id": lambda haut: delete_subject.asyncio_detailed(
        client=haut.api,
        company_id=UUID(ID),
        dataset_id=UUID(ID),
        subject_id="",  # type: ignore[arg-type]  # invalid on purpose
    ),
}


@pytest.mark.parametrize("call", ASYNC_CALLS.values(), ids=ASYNC_CALLS.keys())
async def test_async_client_rejects_invalid_arguments(
    sandbox: Sandbox, call: Callable[[AsyncHaut], Any]
) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises((ConfigError, ImageRejected)) as raised:
            await call(haut)
    assert isinstance(raised.value, HautError)


# Functions of the caller that send the photos


def test_awaitable_that_the_sync_client_cannot_await_stops_the_upload(
    running_sandbox: Sandbox,
) -> None:
    subject = add_photo(running_sandbox).subject
    computed = running_sandbox.received("compute_batch")
    with Haut(**running_sandbox.credentials) as haut, pytest.raises(UploadIncomplete) as raised:
        haut.upload_and_compute(subject, front=PHOTO, send_bytes=async_function)
    assert isinstance(raised.value.cause, ConfigError)
    assert "use AsyncHaut" in str(raised.value)
    assert running_sandbox.received("compute_batch") == computed


async def test_async_client_accepts_a_function_that_is_not_asynchronous(
    running_sandbox: Sandbox,
) -> None:
    subject = add_photo(running_sandbox).subject
    computed = running_sandbox.carried_out("compute_batch")
    with Haut(**running_sandbox.credentials) as haut:
        async with AsyncHaut(**running_sandbox.credentials) as async_haut:
            await async_haut.upload_and_compute(
                subject, front=PHOTO, send_bytes=haut.images.send_bytes
            )
    assert running_sandbox.carried_out("compute_batch") == computed + 1


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_stored_time_that_utc_cannot_represent_is_invalid(time: str) -> None:
    step = {"name": "storage", "status": "done", "at": time, "count": None, "reason": None}
    with pytest.raises(ValueError, match="invalid ErasureStep"):
        from_json(ErasureStep, json.dumps(step))
