"""Tests that a call with any arguments succeeds or raises an error of the SDK, in both clients.

The arguments of each public method are valid except for one or two, which get an arbitrary value: of
another type, empty, huge, NaN, with a surrogate or a NUL, a closed, asynchronous or special file.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import haut_ext
from haut_api.api.subjects import create_subject, list_subjects
from haut_ext import AsyncHaut, Haut, HautError, Photo, UploadedBatch, UploadedImage, UploadState
from haut_ext.bulk import bulk_erase, bulk_results, bulk_upload, plan_erasure, read_manifest
from haut_ext.sandbox import Sandbox
from haut_ext.types import SideState
from tests.photo_files import jpeg
from tests.support.sandbox_photos import StoredPhoto, add_photo

pytestmark = pytest.mark.slow

PHOTO = jpeg()
EXAMPLES = settings(max_examples=100 if settings().derandomize else 1000)
"""More examples with --hypothesis-profile=random than in each run."""
BULK_EXAMPLES = settings(max_examples=100 if settings().derandomize else 300)
"""Fewer examples, because a bulk run waits for the disk several times."""
ID = UUID("2fea742a-62ec-4a81-9729-9e0283f9c40c")
RESOURCES = ("subjects", "images", "datasets", "batches", "private_tokens")


class AsyncFile:
    """A file with asynchronous methods, as asynchronous libraries have them."""

    async def read(self, size: int = -1) -> bytes:
        return PHOTO

    async def write(self, data: bytes) -> int:
        return len(data)

    async def seekable(self) -> bool:
        return True


async def async_function(*arguments: object) -> None:
    """Function that nothing awaits if it is passed as a callback."""


def closed(file: Any) -> Any:
    file.close()
    return file


def values() -> dict[str, Any]:
    """Return new instances of arbitrary values, by their descriptions."""
    return {**plain_values(), **files(), **instances()}


def plain_values() -> dict[str, Any]:
    return {
        "None": None,
        "object": object(),
        "class": AsyncFile,
        "True": True,
        "0": 0,
        "-1": -1,
        "huge integer": 10**5000,
        "large integer": 2**70,
        "1.5": 1.5,
        "NaN": float("nan"),
        "infinity": float("inf"),
        "1e-320": 1e-320,
        "complex": 1j,
        "Decimal": Decimal("NaN"),
        "empty text": "",
        "text": "text",
        "NUL": "a\0b",
        "surrogate": "\ud800",
        "line ends": "a\r\nb\x1b[2J\u202e",
        "long text": "x" * 70_000,
        "id": str(ID),
        "UUID": ID,
        "empty bytes": b"",
        "bytes": b"bytes",
        "photo": PHOTO,
        "bytearray": bytearray(PHOTO),
        "memoryview": memoryview(PHOTO)[::2],
        "empty list": [],
        "list": [None, object()],
        "list of texts": ["\ud800", ""],
        "tuple": (1, 2),
        "set": {"front"},
        "dict": {"front": None},
        "dict with other keys": {1: object(), "left": 2},
        "generator": (number for number in (1, None)),
        "iterator": iter([b"x"]),
        "datetime": datetime(2025, 1, 1),
        "earliest datetime": datetime.min.replace(tzinfo=UTC),
        "latest datetime": datetime.max.replace(tzinfo=timezone.min),
        "date": date(2000, 1, 1),
        "earliest date": date.min,
    }


def files() -> dict[str, Any]:
    return {
        "binary file": io.BytesIO(PHOTO),
        "empty file": io.BytesIO(),
        "closed file": closed(io.BytesIO(PHOTO)),
        "text file": io.StringIO("text"),
        "closed text file": closed(io.StringIO("text")),
        "read-only file": io.BufferedReader(io.BytesIO(PHOTO)),
        "asynchronous file": AsyncFile(),
        "folder": Path(),
        "missing folder": Path("missing/file"),
        "NUL path": Path("a\0b"),
        "surrogate path": Path("\ud800/x"),
        "pipe": Path("pipe"),
        "socket": "socket",
    }


def instances() -> dict[str, Any]:
    image = UploadedImage(ID, ID, "front", ID)
    untyped: Any = UploadedBatch
    return {
        "function": lambda *arguments: None,
        "function of nothing": lambda: None,
        "function that returns an object": lambda *arguments: object(),
        "asynchronous function": async_function,
        "photo that is open": Photo.open(PHOTO),
        "batch": UploadedBatch(ID, ID, (image,)),
        "batch of nothing": untyped(None, None, None, None),
        "image": image,
        "model": list_subjects,
        "operation without pages": create_subject,
        "module": os,
        "exception": ValueError("x"),
    }


NAMES = list(values())


def argument_names(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's arguments, including those of its `**options`."""
    names: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD:
            names.append(name)
        elif str(parameter.annotation).startswith("Unpack["):
            group = parameter.annotation.removeprefix("Unpack[").removesuffix("]")
            names += getattr(haut_ext, group).__annotations__
    return names


def functions(haut: Any) -> dict[str, Callable[..., Any]]:
    """Return the constructor and the public methods of a client and its resources."""
    return {
        "constructor": type(haut),
        **{
            f"{resource}.{name}": method
            for resource in ("haut", *RESOURCES)
            for name, method in inspect.getmembers(getattr(haut, resource, haut), inspect.ismethod)
            if not name.startswith("_") and name not in ("close", "aclose")
        },
    }


def valid_arguments(stored: StoredPhoto, credentials: dict[str, Any]) -> dict[str, Any]:
    """Return a valid value for each required argument, and for those that limit a call's time."""
    image = UploadedImage(stored.image, stored.batch, "front", stored.subject)
    return {
        **credentials,
        "subject_id": stored.subject,
        "image_id": stored.image,
        "batch_id": stored.batch,
        "subject_ids": [stored.subject],
        "image_ids": [stored.image],
        "token_id": 1,
        "name": "name",
        "names": {"front": "front.jpg"},
        "file": PHOTO,
        "front": PHOTO,
        "photo": Photo.open(PHOTO),
        "slot": None,
        "to": io.BytesIO(),
        "image": image,
        "batch": UploadedBatch(stored.subject, stored.batch, (image,)),
        "state": UploadState(
            *(stored.subject, None, (SideState("front"),), "not sent", datetime.now(UTC)),
            service=credentials["base_url"],
            company_id=UUID(credentials["company_id"]),
            dataset_id=None,
        ),
        "expiration_time": datetime(2099, 1, 1, tzinfo=UTC),
        "username": "user@example.com",
        "password": "password",
        "method": "GET",
        "path": "/api/v1/unknown/",
        "operation": list_subjects,
        "wait_timeout": 0.01,
        "deadline": 5.0,
        "max_retries": 0,
    }


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox. The tests run in a temporary folder, because some values are valid file names.

    The folder contains special files. Devices are not used, because a defect could replace them.
    """
    folder = tmp_path_factory.mktemp("working folder")
    with contextlib.chdir(folder), Sandbox(seed=1, analysis_reads=0) as sandbox:
        os.mkfifo("pipe")
        reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)  # so that writers do not wait for one
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as unix_socket:
            unix_socket.bind("socket")
            yield sandbox
        os.close(reader)


ARBITRARY = st.one_of(
    st.sampled_from(list(values())).map(lambda name: (name, lambda: values()[name])),
    st.one_of(
        st.text(st.characters(codec=None)),
        st.integers(),
        st.floats(),
        st.binary(),
        st.lists(st.none() | st.text()),
        st.dictionaries(st.text(), st.none() | st.integers()),
    ).map(lambda value: (repr(value), lambda: value)),
)
"""Descriptions of values and functions that return them, because files can be used only once."""


def call_sync(function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    result = function(**arguments)
    if hasattr(result, "__next__"):
        list(result)
    if isinstance(result, Haut):
        result.close()


async def call_async(function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    result = function(**arguments)
    if inspect.isawaitable(result):
        result = await result
    if hasattr(result, "__aiter__"):
        [item async for item in result]
    if isinstance(result, AsyncHaut):
        await result.aclose()


@pytest.mark.parametrize("client", [Haut, AsyncHaut])
@EXAMPLES
@given(data=st.data())
def test_only_errors_of_the_sdk_leave_a_method(
    sandbox: Sandbox, client: type[Haut] | type[AsyncHaut], data: st.DataObject
) -> None:
    haut = client(**sandbox.credentials, max_retries=0, deadline=5)
    name = data.draw(st.sampled_from(list(functions(haut))), "method")
    function = functions(haut)[name]
    names = argument_names(function)
    argument = data.draw(st.sampled_from([*names, "unknown"]), "argument")
    _, make = data.draw(ARBITRARY, "value")
    valid = valid_arguments(add_photo(sandbox), {**sandbox.credentials})
    required = {key: valid[key] for key in names if key in valid}
    value = make()
    # A wait without a limit does not end if there are no results.
    assume(argument != "wait_timeout" or not isinstance(value, int | float) or not value > 1)

    async def run_async(haut: AsyncHaut) -> None:
        async with haut:
            await call_async(function, {**required, argument: value})

    try:
        if isinstance(haut, AsyncHaut):
            asyncio.run(run_async(haut))
        else:
            with haut:
                call_sync(function, {**required, argument: value})
    except HautError as error:
        str(error).encode()


ROW = {"subject": "a", "front": "front.jpg"}
COLUMNS = ("subject", "subject_id", "front", "meta", "row", "problem", "other column")


def bulk_arguments(function: Callable[..., Any], subject: UUID) -> dict[str, Any]:
    """Return valid arguments of a bulk function, without the client."""
    number = len(os.listdir())
    if function is bulk_upload:
        return {"manifest": [ROW], "journal": f"journal {number}"}
    if function is bulk_results:
        return {"subjects": [subject], "to": f"results {number}.csv", "wait_timeout": 0}
    arguments = {"subjects": [subject], "journal": f"journal {number}"}
    return arguments if function is plan_erasure else {**arguments, "receipts": f"r {number}"}


@BULK_EXAMPLES
@given(data=st.data())
def test_only_errors_of_the_sdk_leave_a_bulk_run(sandbox: Sandbox, data: st.DataObject) -> None:
    Path("front.jpg").write_bytes(PHOTO)
    functions: list[Callable[..., Any]] = [bulk_upload, bulk_erase, plan_erasure, bulk_results]
    function = data.draw(st.sampled_from(functions), "function")
    argument = data.draw(st.sampled_from([*argument_names(function), *COLUMNS]), "argument")
    _, make = data.draw(ARBITRARY, "value")
    value: Any = make()
    # A run at a low rate takes long.
    slow = type(value) in (int, float) and 0 < value < 100
    assume(argument != "requests_per_second" or not slow)
    waits = type(value) in (int, float) and value > 0
    assume(argument != "wait_timeout" or not waits)
    with Haut(**sandbox.credentials, max_retries=0, deadline=5) as haut:
        arguments: dict[str, Any] = {
            "haut": haut,
            **bulk_arguments(function, add_photo(sandbox).subject),
        }
        if argument not in COLUMNS:
            arguments[argument] = value
        elif function is bulk_upload:
            arguments["manifest"] = [{**ROW, argument: value}, value]
        elif function is bulk_results:
            arguments["subjects"] = [value]
        else:
            arguments["subjects"] = [value, {"name": value}, {"id": value}]
        with contextlib.suppress(HautError):
            function(**arguments)


@EXAMPLES
@given(ARBITRARY)
def test_only_errors_of_the_sdk_leave_the_reading_of_a_manifest(
    sandbox: Sandbox, value: tuple[str, Callable[[], Any]]
) -> None:
    with contextlib.suppress(HautError):
        list(read_manifest(value[1]()))


@BULK_EXAMPLES
@given(
    st.sampled_from([".csv", ".jsonl", ".CSV", ".txt"]),
    st.binary() | st.text().map(str.encode) | st.text().map(lambda text: text.encode("utf-16")),
)
def test_only_errors_of_the_sdk_leave_a_run_on_any_manifest(
    sandbox: Sandbox, suffix: str, content: bytes
) -> None:
    manifest = Path(f"manifest{suffix}")
    manifest.write_bytes(content)
    with Haut(**sandbox.credentials, max_retries=0) as haut, contextlib.suppress(HautError):
        bulk_upload(haut, manifest, journal=f"journal {len(os.listdir())}")
