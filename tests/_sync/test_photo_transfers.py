# Derived from tests/_async/test_photo_transfers.py by `make sync`; change that file instead.
"""Tests of photo uploads and downloads: retries, streams, progress and cleanup after failures."""

from __future__ import annotations

import hashlib
import io
import os
import resource
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from haut_ext import (
    ConfigError,
    Haut,
    HautError,
    ImageRejected,
    Photo,
    StorageError,
    Timeout,
    TransportError,
    UnexpectedResponse,
    UploadIncomplete,
)
from haut_ext.photos.sources import PhotoFile
from haut_ext.sandbox import Fault, Request, Sandbox, faults
from tests.support.sandbox_photos import add_photo, photo_of

pytestmark = pytest.mark.usefixtures("short_backoff")

CONTENT = photo_of(1_000_000)
BEFORE = b"bytes before the photo"


class Stream(io.RawIOBase):
    """A stream that cannot seek, such as a pipe, and accepts at most 1000 bytes per write."""

    def __init__(self, content: bytes = b"") -> None:
        self._source = io.BytesIO(content)
        self.written = b""

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.readinto(buffer)

    def write(self, piece: Any) -> int:
        self.written += bytes(piece[:1000])
        return min(len(piece), 1000)


def stream(content: bytes = b"") -> BinaryIO:
    return cast("BinaryIO", Stream(content))


# Uploads


@pytest.mark.slow
@pytest.mark.parametrize("fault", [faults.reset("unread"), faults.reset("after"), faults.stall()])
@pytest.mark.parametrize("kind", ["path", "bytes", "file at a position"])
def test_retried_upload_sends_the_photo_from_its_first_byte(
    sandbox: Sandbox, haut: Haut, tmp_path: Path, kind: str, fault: Fault
) -> None:
    subject = add_photo(sandbox).subject
    path = tmp_path / "photo.jpg"
    path.write_bytes(CONTENT)
    file = io.BytesIO(BEFORE + CONTENT)
    file.seek(len(BEFORE))
    photo: dict[str, PhotoFile] = {"path": path, "bytes": CONTENT, "file at a position": file}
    sandbox.faults.add("upload_image", fault, times=2)
    client = haut.with_options(timeout=0.3)
    progress: list[int] = []
    image = client.images.upload(
        subject, photo[kind], progress=lambda sent, _: progress.append(sent)
    )
    assert sandbox.faults.pending == []
    assert sandbox.received("upload_image") == 3
    assert received(sandbox) == hashlib.sha256(CONTENT).hexdigest()
    assert image.side == "front"
    assert file.tell() == len(BEFORE)
    assert progress == sorted(set(progress))
    assert progress[-1] == len(CONTENT)


def test_photo_is_uploaded_without_timeouts_and_deadline(sandbox: Sandbox, haut: Haut) -> None:
    unlimited = haut.with_options(
        timeout=Timeout(connect=None, read=None, write=None, pool=None),
        deadline=None,
    )
    unlimited.images.upload(add_photo(sandbox).subject, CONTENT)
    assert received(sandbox) == hashlib.sha256(CONTENT).hexdigest()


def received(sandbox: Sandbox) -> str | None:
    """Return the SHA-256 hash of the last photo that the storage received."""
    [subject] = sandbox.snapshot()["subjects"]
    digest: str | None = subject["batches"][-1]["images"][-1]["sha256"]
    return digest


@pytest.mark.parametrize(
    ("fault", "kind"), [(faults.reset("after"), TransportError), (faults.status(503), StorageError)]
)
def test_upload_from_a_stream_is_not_retried(
    sandbox: Sandbox, haut: Haut, fault: Fault, kind: type[HautError]
) -> None:
    subject = add_photo(sandbox).subject
    slot = haut.images.request_upload(subject)
    sandbox.faults.add("upload_image", fault)
    with pytest.raises(
        kind,
        match=r"not sent again, because its body is a stream that can be read only once",
    ) as caught:
        haut.images.send_bytes(slot, Photo.open(stream(CONTENT)))
    assert not caught.value.retryable
    assert sandbox.faults.pending == []
    assert sandbox.received("upload_image") == 1
    haut.images.upload(subject, stream(CONTENT))
    assert received(sandbox) == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    ("operation", "reads_again"),
    [("create_signed_upload_url", True), ("upload_image", True), ("compute_batch", False)],
)
@pytest.mark.parametrize("seekable", [False, True], ids=["stream", "file"])
def test_error_is_retryable_only_if_the_photo_can_be_read_again(
    sandbox: Sandbox, haut: Haut, operation: str, reads_again: bool, seekable: bool
) -> None:
    subject = add_photo(sandbox).subject
    client = haut.with_options(max_retries=0)
    photos = [io.BytesIO(CONTENT) if seekable else stream(CONTENT) for _ in range(2)]
    sandbox.faults.add(operation, faults.rejected(429), times=1 + reads_again)
    with pytest.raises(UploadIncomplete) as caught:
        client.upload_and_compute(subject, front=photos[0])
    assert caught.value.retryable is (seekable or not reads_again)
    if reads_again:
        with pytest.raises(HautError) as error:
            client.images.upload(subject, photos[1])
        assert error.value.retryable is seekable
    assert sandbox.faults.pending == []


def test_stream_is_sent_only_once(sandbox: Sandbox, haut: Haut) -> None:
    subject = add_photo(sandbox).subject
    slot = haut.images.request_upload(subject)
    photo = Photo.open(stream(CONTENT))
    haut.images.send_bytes(slot, photo)
    requests = len(sandbox.requests)
    with pytest.raises(ImageRejected, match="open it again"):
        haut.images.send_bytes(slot, photo)
    assert len(sandbox.requests) == requests


# Downloads


@pytest.mark.parametrize(
    "fault", [faults.truncated(), faults.truncated_chunks(), faults.reset("after")]
)
def test_interrupted_download_is_repeated_from_the_start(
    sandbox: Sandbox, haut: Haut, tmp_path: Path, fault: Fault
) -> None:
    image = add_photo(sandbox, CONTENT).image
    path = tmp_path / "photo.jpg"
    file = io.BytesIO(BEFORE)
    file.seek(0, os.SEEK_END)
    sandbox.faults.add("download_image", fault, times=2)
    assert haut.images.download(image, path) == len(CONTENT)
    sandbox.faults.add("download_image", fault, times=2)
    assert haut.images.download(image, file) == len(CONTENT)
    assert sandbox.faults.pending == []
    assert sandbox.received("download_image") == 6
    assert path.read_bytes() == CONTENT
    assert file.getvalue() == BEFORE + CONTENT


def test_auxiliary_image_is_downloaded_as_bytes_and_reports_its_progress(
    sandbox: Sandbox, haut: Haut
) -> None:
    stored = add_photo(sandbox, CONTENT)
    haut.images.compute(stored.batch)
    haut.images.get(stored.image)
    [aux] = (haut.images.get(stored.image)).aux_images
    marks: list[tuple[int, int | None]] = []
    sandbox.faults.add("download_image", faults.truncated(), times=1)
    received = haut.images.download(
        stored.image,
        aux_image_id=aux.id,
        progress=lambda received, total: marks.append((received, total)),
    )
    assert received == CONTENT  # the sandbox stores a copy of the photo
    assert marks[-1] == (len(CONTENT), len(CONTENT))
    assert marks == sorted(set(marks))
    assert haut.images.download(stored.image) == CONTENT
    with pytest.raises(ConfigError, match="no auxiliary image"):
        haut.images.download(stored.image, aux_image_id=stored.batch)


def test_interrupted_download_into_an_appended_file_is_repeated(
    sandbox: Sandbox, haut: Haut, tmp_path: Path
) -> None:
    image = add_photo(sandbox, CONTENT).image
    path = tmp_path / "photo.jpg"
    path.write_bytes(BEFORE)
    sandbox.faults.add("download_image", faults.truncated())
    with path.open("ab") as file:
        haut.images.download(image, file)
    assert sandbox.faults.pending == []
    assert path.read_bytes() == BEFORE + CONTENT


@pytest.mark.parametrize("existing", [None, b"an older photo"])
def test_failed_download_leaves_no_partial_file(
    sandbox: Sandbox, haut: Haut, tmp_path: Path, existing: bytes | None
) -> None:
    image = add_photo(sandbox, CONTENT).image
    path = tmp_path / "photo.jpg"
    if existing is not None:
        path.write_bytes(existing)
    sandbox.faults.add("download_image", faults.truncated(), times=3)
    with pytest.raises(TransportError, match=r"lost its connection.*3 attempts"):
        haut.with_options(max_retries=2).images.download(image, path)
    assert sandbox.faults.pending == []
    assert os.listdir(tmp_path) == ([] if existing is None else ["photo.jpg"])
    assert existing is None or path.read_bytes() == existing


def test_download_into_a_stream_is_not_retried_after_its_first_byte(
    sandbox: Sandbox, haut: Haut
) -> None:
    image = add_photo(sandbox, CONTENT).image
    # A 503 arrives before the first byte of the photo, so the download can be retried.
    sandbox.faults.add("download_image", faults.status(503))
    to = Stream()
    assert haut.images.download(image, cast("BinaryIO", to)) == len(CONTENT)
    assert to.written == CONTENT  # the client continued after partial writes
    sandbox.faults.add("download_image", faults.truncated())
    with pytest.raises(TransportError, match=r"not sent again, because .* cannot be rewound") as it:
        haut.images.download(image, stream())
    assert not it.value.retryable
    assert sandbox.faults.pending == []


def test_download_is_not_retried_if_the_file_cannot_be_truncated(
    sandbox: Sandbox, haut: Haut
) -> None:
    image = add_photo(sandbox, CONTENT).image

    class NotTruncatable(io.BytesIO):
        def truncate(self, size: int | None = None) -> int:
            raise OSError("truncate failed")

    sandbox.faults.add("download_image", faults.truncated())
    with pytest.raises(TransportError, match="lost its connection") as caught:
        haut.images.download(image, NotTruncatable())
    assert str(caught.value.__context__) == "truncate failed"
    assert sandbox.received("download_image") == 1


def test_download_into_an_object_with_only_a_write_method(sandbox: Sandbox, haut: Haut) -> None:
    image = add_photo(sandbox, CONTENT).image
    pieces: list[bytes] = []

    class Writer:
        def write(self, piece: Any) -> None:
            pieces.append(bytes(piece))

    assert haut.images.download(image, cast("BinaryIO", Writer())) == len(CONTENT)
    assert b"".join(pieces) == CONTENT


def test_error_of_the_target_file_is_raised(sandbox: Sandbox, haut: Haut) -> None:
    image = add_photo(sandbox, CONTENT).image

    class FullDisk(io.BytesIO):
        def write(self, data: Any) -> int:
            if data:
                raise OSError("no space left")
            return 0

    with pytest.raises(OSError, match="no space left"):
        haut.images.download(image, FullDisk())


def test_file_that_cannot_grow_is_an_error_of_the_sdk(
    sandbox: Sandbox, haut: Haut, tmp_path: Path
) -> None:
    image = add_photo(sandbox, CONTENT).image
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, hard))
    try:
        with pytest.raises(HautError, match="cannot be written: File too large"):
            haut.images.download(image, tmp_path / "photo.jpg")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == []


def unwritable(folder: Path) -> dict[str, Any]:
    closed = io.BytesIO()
    closed.close()
    return {
        "in a missing folder": folder / "missing" / "photo.jpg",
        "a folder": folder,
        "a path with NUL": "photo\0.jpg",
        "a long path": "x" * 5000,
        "a surrogate": "\ud800",
        "a closed file": closed,
        "a text file": io.StringIO(),
        "a file open for reading": io.BufferedReader(io.BytesIO()),
    }


@pytest.mark.parametrize("kind", unwritable(Path()))
def test_target_that_cannot_be_written_is_rejected_before_any_request(
    sandbox: Sandbox, haut: Haut, tmp_path: Path, kind: str
) -> None:
    image = add_photo(sandbox, CONTENT).image
    arrived = len(sandbox.requests)
    with pytest.raises(ConfigError, match="to= "):
        haut.images.download(image, unwritable(tmp_path)[kind])
    assert len(sandbox.requests) == arrived


def test_download_writes_into_a_named_pipe(sandbox: Sandbox, haut: Haut, tmp_path: Path) -> None:
    image = add_photo(sandbox, b"content").image
    os.mkfifo(pipe := tmp_path / "pipe")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        haut.images.download(image, pipe)
        assert pipe.is_fifo()
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)


def test_download_writes_into_an_open_pipe(sandbox: Sandbox, haut: Haut) -> None:
    """This is what /dev/stdout stands for, if the output is a pipe."""
    image = add_photo(sandbox, b"content").image
    reader, writer = os.pipe()
    try:
        haut.images.download(image, f"/dev/fd/{writer}")
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)
        os.close(writer)


def test_download_follows_a_link_and_keeps_the_mode(
    sandbox: Sandbox, haut: Haut, tmp_path: Path
) -> None:
    image = add_photo(sandbox, CONTENT).image
    (existing := tmp_path / "photo.jpg").touch(mode=0o640)
    existing.chmod(0o640)
    (link := tmp_path / "link").symlink_to(existing)
    haut.images.download(image, link)
    assert link.is_symlink()
    assert existing.read_bytes() == CONTENT
    assert existing.stat().st_mode & 0o777 == 0o640


def test_expired_signed_url_is_replaced_once(sandbox: Sandbox, haut: Haut) -> None:
    image = add_photo(sandbox, CONTENT).image
    late = 1

    def late_download(request: Request) -> None:
        nonlocal late
        if request.method == "GET" and request.operation == "download_image" and late:
            late -= 1
            sandbox.clock.advance(61)

    sandbox.before_request = late_download
    to = io.BytesIO()
    assert haut.images.download(image, to) == len(CONTENT)
    assert to.getvalue() == CONTENT
    assert sandbox.received("get_image") == 2
    late = 2
    with pytest.raises(StorageError, match="ExpiredToken"):
        haut.images.download(image, to)
    assert sandbox.received("get_image") == 4


def test_web_page_instead_of_a_photo_raises_an_error(
    sandbox: Sandbox, haut: Haut, tmp_path: Path
) -> None:
    image = add_photo(sandbox, CONTENT).image
    sandbox.faults.add("download_image", faults.login_page())
    with pytest.raises(UnexpectedResponse, match="web page"):
        haut.images.download(image, tmp_path / "photo.jpg")
    assert os.listdir(tmp_path) == []


def test_photo_is_streamed_in_chunks(sandbox: Sandbox, haut: Haut) -> None:
    image = add_photo(sandbox, CONTENT).image
    marks: list[tuple[int, int | None]] = []
    sandbox.faults.add("download_image", faults.reset())
    opened = haut.images.stream(image, progress=lambda *mark: marks.append(mark))
    with opened as chunks:
        received = [chunk for chunk in chunks]
    assert len(received) > 1
    assert b"".join(received) == CONTENT
    assert marks[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.truncated(), TransportError),
        (faults.truncated_chunks(), TransportError),
        (faults.login_page(), UnexpectedResponse),
        (faults.status(200), StorageError),
        (faults.status(404), StorageError),
        (
            faults.status(200, b"another photo", headers={"ETag": f'"{"0" * 32}"'}),
            UnexpectedResponse,
        ),
    ],
)
def test_streamed_photo_that_is_not_complete_raises_an_error(
    sandbox: Sandbox, haut: Haut, fault: Fault, error: type[Exception]
) -> None:
    image = add_photo(sandbox, CONTENT).image
    sandbox.faults.add("download_image", fault)
    with pytest.raises(error) as caught:
        with haut.images.stream(image) as chunks:
            for _ in chunks:
                pass
    assert "Signature" not in str(caught.value)
    assert haut.images.download(image) == CONTENT


def test_stream_that_is_left_early_frees_its_slot(sandbox: Sandbox) -> None:
    image = add_photo(sandbox, CONTENT).image
    with Haut(**sandbox.credentials, max_in_flight=1) as haut:
        for _ in range(3):
            with haut.images.stream(image) as chunks:
                for _ in chunks:
                    break
        assert haut.images.download(image) == CONTENT
