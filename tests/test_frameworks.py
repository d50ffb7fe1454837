"""Tests the client in web frameworks, task queues and other programs that users run it in."""

from __future__ import annotations

import io
from collections.abc import Callable
from hashlib import md5
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile
from fastapi import UploadFile
from werkzeug.datastructures import FileStorage

from haut_ext import AsyncHaut, Haut, ImageRejected, Photo, PhotoFile
from haut_ext.sandbox import Sandbox, faults
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


@pytest.fixture(scope="module", autouse=True)
def django_settings() -> None:
    settings.configure(SECRET_KEY="secret", ALLOWED_HOSTS=["*"], ROOT_URLCONF=())


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


class AsynchronousFile:
    file = None

    async def read(self, size: int = -1) -> bytes:
        return b""


def test_asynchronous_file_is_rejected_with_the_reason() -> None:
    with pytest.raises(ImageRejected, match="not AsynchronousFile, which reads asynchronously"):
        Photo.open(AsynchronousFile())  # type: ignore[arg-type]
