"""Tests that photos are checked before an upload, and that checked photos are read correctly.

The SDK's header reader must return the same result as Pillow for generated files, for every prefix of
small files, and for files damaged by Hypothesis.
"""

from __future__ import annotations

import base64
import errno
import gc
import io
import os
import pickle
import random
import re
import stat
import tempfile
import threading
import traceback
import tracemalloc
import urllib.parse
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from haut_ext.errors import ImageRejected
from haut_ext.photos.checks import MAX_BYTES, MIN_EDGE, Photo
from haut_ext.photos.image_header import read_header
from haut_ext.photos.sources import PhotoFile
from tests.photo_files import (
    encode,
    exif,
    interlaced_png,
    invalid_files,
    jpeg,
    make_image,
    overwrite,
    pillow_decodes,
    pillow_header,
    png_chunk,
    valid_files,
)

EXAMPLES = Path(__file__).parent.parent / "examples" / "photos"
VALID = jpeg()
PNG_START = encode(make_image("L", (300, 300)), "PNG")[:33]


def header_of(data: bytes) -> tuple[str, int, int] | None:
    """Return format, width and height as read by the SDK, or None if it rejects the bytes."""
    try:
        header = read_header(io.BytesIO(data).read, len(data), MAX_BYTES)
    except ImageRejected:
        return None
    return header.format, header.width, header.height


def type_name(file: object) -> str:
    return type(file).__name__


def rejection_reasons(file: object) -> tuple[str, ...]:
    with pytest.raises(ImageRejected) as caught:
        Photo.open(cast(PhotoFile, file))
    return caught.value.reasons


def read_all(photo: Photo) -> bytes:
    return b"".join(photo.chunks())


def bytes_before_rejection(pieces: Iterator[bytes], reason: str) -> int:
    """Return the number of bytes that the SDK reads from a file before rejecting it."""
    received: list[int] = []
    with pytest.raises(ImageRejected, match=re.escape(reason)):
        received.extend(map(len, pieces))
    return sum(received)


class UnseekableStream(io.RawIOBase):
    """A stream that cannot seek and returns few bytes at a time, as a socket does."""

    def __init__(self, data: bytes, max_read: int = 1000) -> None:
        self.rest = io.BytesIO(data)
        self.max_read = max_read

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self.rest.read(min(size, self.max_read))


def unseekable(data: bytes, max_read: int = 1000) -> BinaryIO:
    return cast(BinaryIO, UnseekableStream(data, max_read))


# Header, compared with Pillow


@pytest.mark.slow
def test_header_of_a_valid_file_is_the_same_as_in_pillow() -> None:
    files = dict(valid_files())
    assert len(files) > 400
    assert {name: header_of(data) for name, data in files.items()} == {
        name: pillow_header(data) for name, data in files.items()
    }
    assert None not in map(pillow_header, files.values())


@pytest.mark.slow
def test_files_that_pillow_rejects_are_rejected() -> None:
    files = dict(invalid_files())
    assert len(files) > 200
    assert {name: header_of(data) for name, data in files.items()} == dict.fromkeys(files)
    assert set(map(pillow_header, files.values())) == {None}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("portrait.*")), ids=lambda path: path.suffix)
def test_example_photos_are_accepted(path: Path) -> None:
    data = path.read_bytes()
    photo = Photo.open(path)
    assert (photo.header.format, photo.header.width, photo.header.height) == pillow_header(data)
    assert read_all(photo) == data


@pytest.mark.parametrize(
    ("format_name", "mode", "options"),
    [
        ("JPEG", "RGB", {"quality": 1}),
        ("JPEG", "L", {"progressive": True, "comment": b"?" * 300}),
        ("JPEG", "CMYK", {"restart_marker_blocks": 1}),
        ("PNG", "P", {}),
        ("PNG", "RGB", {"icc_profile": b"profile" * 40}),
        ("WEBP", "RGB", {"quality": 1}),
        ("WEBP", "RGBA", {"exif": b"Exif\0\0" + bytes(50)}),
        ("WEBP", "L", {"lossless": True}),
        ("WEBP", "RGB", {"save_all": True, "append_images": [make_image("L", (16, 12))]}),
    ],
)
def test_prefix_of_a_file_is_accepted_only_if_pillow_reads_its_header(
    format_name: str, mode: str, options: dict[str, Any]
) -> None:
    data = encode(make_image(mode, (16, 12)), format_name, **options)
    lengths = range(len(data) + 1)
    accepted = {length: header_of(data[:length]) for length in lengths}
    assert accepted == {length: pillow_header(data[:length]) for length in lengths}


FUZZ_SETTINGS = settings(max_examples=400, deadline=None, database=None)


JPEG_TOKENS = [
    b"\xff",
    b"\xff\xd8",
    b"\xff\xd9",
    b"\xff\xda",
    b"\xff\xc0",
    b"\xff\xc8",
    b"\xff\x01",
]
TOKENS = [*JPEG_TOKENS, b"\0\0", b"\xff" * 4, b"IDAT", b"IEND", b"IHDR", b"VP8 ", b"VP8X", b"ANMF"]


@cache
def small_files() -> list[bytes]:
    return [data for _, data in valid_files() if len(data) < 3000]


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """Draw a small image file with a few random edits, most of them in its header."""
    data = bytearray(draw(st.sampled_from(small_files())))
    token = st.sampled_from(TOKENS)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(data), draw(st.sampled_from([40, 250, 3000])))))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4) | token)
    return bytes(data)


@pytest.mark.slow
@FUZZ_SETTINGS
@given(damaged_files())
def test_header_of_a_damaged_file_is_the_same_as_in_pillow(data: bytes) -> None:
    ours, theirs = header_of(data), pillow_header(data)
    if ours and theirs:
        assert ours == theirs
    if pillow_decodes(data):
        assert ours == theirs


@pytest.mark.slow
@FUZZ_SETTINGS
@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0", PNG_START]),
    st.binary(max_size=400),
)
def test_header_of_arbitrary_bytes_is_the_same_as_in_pillow(start: bytes, rest: bytes) -> None:
    ours, theirs = header_of(start + rest), pillow_header(start + rest)
    if ours and theirs:
        assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xd8" + b"\xff" * MAX_BYTES, id="fill bytes"),
        pytest.param(b"\xff\xd8\xff" + b"\xd0\xff" * (MAX_BYTES // 2), id="restart markers"),
        pytest.param(PNG_START + png_chunk(b"teSt") * (MAX_BYTES // 12), id="empty chunks"),
        pytest.param(
            PNG_START + b"\xff\xff\xff\xffteSt" + bytes(MAX_BYTES),
            id="chunk length above the file size",
        ),
        pytest.param(
            PNG_START + (MAX_BYTES - 99).to_bytes(4) + b"teSt" + bytes(MAX_BYTES),
            id="chunk as long as the file",
        ),
    ],
)
def test_endless_header_is_rejected_after_bounded_work(data: bytes) -> None:
    class Counting(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read(size)

    stream = Counting(data)
    with traced_memory() as peak:
        with pytest.raises(ImageRejected, match=r"damaged|does not begin"):
            read_header(stream.read, len(data), MAX_BYTES)
        assert peak() < 2**20
    assert stream.reads < 300_000


@contextmanager
def traced_memory() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the peak memory allocation in the `with` block so far, in bytes."""
    tracemalloc.start()
    start, _ = tracemalloc.get_traced_memory()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1] - start
    finally:
        tracemalloc.stop()


# Completeness


COMPLETE = [
    pytest.param(jpeg(), id="JPEG"),
    pytest.param(jpeg(progressive=True), id="progressive JPEG"),
    pytest.param(jpeg(restart_marker_blocks=1, exif=exif()), id="JPEG with markers in its data"),
    pytest.param(
        overwrite(jpeg(comment=b"\xff\xd9" * 30), b"\xff\xd8", 2, b"\xff"), id="JPEG comment"
    ),
    pytest.param(encode(make_image("RGB", (300, 256)), "PNG"), id="PNG"),
    pytest.param(interlaced_png(300, 256), id="interlaced PNG"),
    pytest.param(encode(make_image("RGB", (300, 256)), "WEBP", method=0), id="WEBP"),
    pytest.param(
        encode(make_image("RGBA", (300, 256)), "WEBP", lossless=True, exif=b"?" * 99, method=0),
        id="lossless WEBP with EXIF",
    ),
]


NOISE = random.Random(1).randbytes(70_000)


@pytest.mark.filterwarnings("ignore:the photo has the EXIF orientation:UserWarning")
@pytest.mark.parametrize("data", COMPLETE)
@settings(max_examples=60, deadline=None, database=None)
@given(removed=st.integers(1, 40) | st.integers(1, 400_000), in_stream=st.booleans())
def test_truncated_photo_is_rejected(data: bytes, removed: int, in_stream: bool) -> None:
    truncated = data[: len(data) - min(removed, len(data) - 1)]
    with pytest.raises(ImageRejected, match=r"truncated|ends before|but its header states|format"):
        list(Photo.open(unseekable(truncated) if in_stream else truncated).chunks())


@pytest.mark.filterwarnings("ignore:the photo has the EXIF orientation:UserWarning")
@pytest.mark.parametrize("data", COMPLETE)
@pytest.mark.parametrize(
    "appended", [b"", b"\0", bytes(100_000), random.Random(1).randbytes(70_000)], ids=len
)
def test_data_after_the_image_is_accepted(data: bytes, appended: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(data + appended)
    for file in (path, data + appended, unseekable(data + appended)):
        assert read_all(Photo.open(file)) == data + appended


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the photo has the EXIF orientation:UserWarning")
def test_valid_file_is_rejected_at_most_for_its_dimensions() -> None:
    for name, data in valid_files():
        for reason in rejection_reasons(data):
            assert " px; " in reason, name


@pytest.mark.slow
def test_completeness_is_checked_with_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(VALID + os.urandom(3_000_000) + VALID[:-2])
    Photo.open(path)
    with traced_memory() as peak:
        Photo.open(path)
        assert peak() < 140_000
    path.write_bytes(VALID[:-2] + bytes(3_000_000))
    with traced_memory() as peak:
        assert "truncated" in rejection_reasons(path)[0]
        assert peak() < 140_000


# Orientation


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_other_than_1_causes_a_warning(kind: str) -> None:
    image = make_image("RGB", (300, 256))
    with pytest.warns(UserWarning, match="EXIF orientation 6"):
        assert Photo.open(encode(image, kind, exif=exif())).header.orientation == 6
    upright = Image.Exif()
    upright[0x0112] = 1
    for block in (upright.tobytes(), b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0II*\0\xff" * 9):
        assert Photo.open(encode(image, kind, exif=block)).header.orientation == 1


# Limits


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_edges_shorter_than_256_pixels_are_rejected(format_name: str) -> None:
    assert (
        Photo.open(encode(make_image("L", (MIN_EDGE, MIN_EDGE)), format_name)).header.width
        == MIN_EDGE
    )
    for size in [(255, 4000), (4000, 255), (255, 255), (1, 1)]:
        (reason,) = rejection_reasons(encode(make_image("L", size), format_name))
        assert f"{size[0]}x{size[1]} px" in reason
        assert "256" in reason


def padded_file(path: Path, size: int, start: bytes = VALID) -> Path:
    """Write a sparse file of `size` bytes that begins with `start` and continues with zeros."""
    path.write_bytes(start)
    os.truncate(path, size)
    return path


def test_photos_above_the_maximum_size_are_rejected(tmp_path: Path) -> None:
    largest = padded_file(tmp_path / "largest", MAX_BYTES)
    assert Photo.open(largest).size == MAX_BYTES == 31_457_280
    (reason,) = rejection_reasons(padded_file(tmp_path / "larger", MAX_BYTES + 1))
    assert "31,457,281 bytes" in reason
    assert "31,457,280" in reason
    data = largest.read_bytes()
    assert Photo.open(data).size == MAX_BYTES
    assert rejection_reasons(data + b"\0") == (reason,)
    with largest.open("ab") as file:
        file.write(b"\0")
    with largest.open("rb") as file:
        assert rejection_reasons(file) == (reason,)
        file.seek(1)
        # Starting at the second byte, the file has an allowed size but is not a JPEG.
        assert not any("bytes" in reason for reason in rejection_reasons(file))
        assert file.tell() == 1


@pytest.mark.parametrize(
    "empty", [b"", bytearray(), memoryview(b""), io.BytesIO(), unseekable(b"")], ids=type_name
)
def test_photo_without_bytes_is_rejected(empty: object) -> None:
    assert rejection_reasons(empty) == ("the photo has 0 bytes; it must have at least one",)


def test_empty_file_is_rejected(tmp_path: Path) -> None:
    assert "0 bytes" in rejection_reasons(padded_file(tmp_path / "empty", 0))[0]


def test_all_reasons_are_reported_in_one_error(tmp_path: Path) -> None:
    path = padded_file(tmp_path / "photo", MAX_BYTES + 1, jpeg((255, 4000)))
    reasons = rejection_reasons(path)
    assert len(reasons) == 2
    assert "31,457,281 bytes" in reasons[0]
    assert "255x4000 px" in reasons[1]
    reasons = rejection_reasons(padded_file(path, MAX_BYTES + 1, b"GIF89a"))
    assert len(reasons) == 2
    assert "has another format" in reasons[0] + reasons[1]


# Accepted types


def test_format_is_detected_from_the_content_and_not_the_file_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(make_image("RGB", (300, 300)), "PNG"))
    assert Photo.open(path).header.format == "PNG"
    path.write_bytes(encode(make_image("RGB", (300, 300)), "GIF"))
    assert "has another format" in rejection_reasons(path)[0]


@pytest.mark.parametrize(
    "file",
    [
        VALID,
        bytearray(VALID),
        memoryview(VALID),
        memoryview(array("H", VALID + b"\0" * (len(VALID) % 2))),
    ],
    ids=type_name,
)
def test_bytes_like_object_is_accepted_and_can_be_read_again(
    file: bytes | bytearray | memoryview,
) -> None:
    photo = Photo.open(file)
    assert photo.replayable
    assert photo.size == memoryview(file).nbytes
    assert read_all(photo) == read_all(photo) == bytes(file)
    assert {type(piece) for piece in photo.chunks()} == {bytes}


def test_bytes_are_not_copied_as_a_whole() -> None:
    data = bytearray(MAX_BYTES)
    data[: len(VALID)] = VALID
    with traced_memory() as peak:
        assert sum(map(len, Photo.open(data).chunks())) == MAX_BYTES
        assert peak() < 2**20
    data.append(0)  # raises BufferError if the SDK left a memoryview open


def test_file_is_read_in_chunks(tmp_path: Path) -> None:
    path = padded_file(tmp_path / "photo", MAX_BYTES)
    with traced_memory() as peak:
        photo = Photo.open(path)
        for _ in range(2):
            assert sum(map(len, photo.chunks())) == MAX_BYTES
        assert peak() < 2**20
    assert {len(piece) for piece in photo.chunks()} == {256 * 1024}
    assert read_all(Photo.open(str(path))) == path.read_bytes()


OTHER_FORMATS = {
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99),
    "AVIF": b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiaf" + bytes(99),
    "TIFF": b"MM\0*\0\0\0\x08" + bytes(99),
    "GIF": b"GIF89a" + bytes(99),
    "BMP": encode(make_image("RGB", (300, 300)), "BMP"),
    "JPEG XL": b"\xff\x0a" + bytes(99),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99),
    "PDF": b"%PDF-1.7\n" + bytes(99),
    "SVG": b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn -->\n<svg xmlns='...'>",
    "HTML": b"\n<!DOCTYPE html><title>Sign in</title>",
    "XML": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "JSON": b'{"detail": "Not found."}',
    "video": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(99),
    "base64 text": base64.b64encode(VALID),
    "data: URL as bytes": b"data:image/jpeg;base64,AAAA",
}


@pytest.mark.parametrize("position", [4, len(VALID)], ids=["after its header", "at its end"])
def test_reason_names_the_position_of_a_file_that_was_read_before(position: int) -> None:
    file = io.BytesIO(VALID)
    file.seek(position)
    reason = rejection_reasons(file)[-1]
    assert reason.startswith(f"the file object was at position {position:,}")
    assert file.tell() == position
    file.seek(0)
    assert read_all(Photo.open(file)) == VALID


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_other_format_is_named_with_advice(name: str) -> None:
    for data in (OTHER_FORMATS[name], unseekable(OTHER_FORMATS[name], max_read=5)):
        [reason] = rejection_reasons(data)
        assert re.search(rf"has another format: {name}.*; \w+", reason)


def test_data_url_is_read_as_its_content() -> None:
    encoded = base64.b64encode(VALID).decode()
    for url in (
        f"data:image/jpeg;base64,{encoded}",
        f"DATA:;BASE64,{encoded[:70]}\r\n {encoded[70:]}",
        f"data:image/jpeg;base64,{urllib.parse.quote(encoded, safe='')}",
        f"data:image/jpeg,{urllib.parse.quote(VALID)}",
    ):
        photo = Photo.open(url)
        assert photo.replayable
        assert read_all(photo) == VALID
        assert encoded[:20] not in repr(photo)


@pytest.mark.parametrize("url", ["data:", "data:;base64,", "data:;base64,/9j/4", "data:,\ud800"])
def test_invalid_data_url_is_rejected(url: str) -> None:
    assert rejection_reasons(url)


@pytest.mark.parametrize("length", [40, 30_000])
def test_text_that_is_neither_a_path_nor_a_data_url_is_rejected_with_advice(length: int) -> None:
    text = base64.b64encode(VALID).decode()[:length]
    [reason] = rejection_reasons(text)
    assert "a path or a data: URL; decode base64 text" in reason
    assert text not in reason


NAME = "Jane Doe 1990-01-01.jpg"


def text_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


def test_file_that_cannot_be_read_is_rejected_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / NAME
    files: dict[str, Callable[[], object]] = {
        os.strerror(errno.ENOENT): lambda: path,
        os.strerror(errno.EISDIR): lambda: tmp_path,
        os.strerror(errno.ENAMETOOLONG): lambda: NAME * 99,
        "ValueError": lambda: NAME + "\0",
        "not a regular file": lambda: os.devnull,
    }
    for reason, file in files.items():
        with pytest.raises(ImageRejected) as caught:
            Photo.open(cast(PhotoFile, file()))
        assert len(caught.value.reasons) == 1
        assert reason in str(caught.value)
        assert "Jane" not in text_of(caught.value)
        assert pickle.loads(pickle.dumps(caught.value)).reasons == caught.value.reasons


def test_named_pipe_is_rejected_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in rejection_reasons(tmp_path / "pipe")[0]


def test_file_without_read_permission_is_rejected() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NAME)
        path.write_bytes(VALID)
        os.chmod(folder, stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
        path.chmod(0)
        user = os.geteuid()
        if user == 0:  # file permissions do not apply to root, so change the user
            os.seteuid(65534)
        try:
            with pytest.raises(ImageRejected, match=os.strerror(errno.EACCES)) as caught:
                Photo.open(path)
        finally:
            os.seteuid(user)
        assert "Jane" not in text_of(caught.value)


def test_unsupported_object_is_rejected(tmp_path: Path) -> None:
    for wrong in (None, 3, [VALID], Photo):
        assert "a path, bytes or an open binary file" in rejection_reasons(wrong)[0]
    path = tmp_path / "photo"
    path.write_bytes(VALID)
    with path.open(encoding="latin-1") as text:
        assert "binary mode" in rejection_reasons(text)[0]
        assert text.tell() == 0
    assert "binary mode" in rejection_reasons(io.StringIO("text"))[0]
    assert "contiguous" in rejection_reasons(memoryview(VALID)[::2])[0]
    with path.open("r+b") as closed:
        pass
    assert "it is closed" in rejection_reasons(closed)[0]
    with (tmp_path / "written").open("wb") as write_only:
        write_only.write(VALID)
        write_only.flush()
        assert "cannot be read" in rejection_reasons(write_only)[0]
    released = memoryview(VALID)
    released.release()
    assert "cannot be read" in rejection_reasons(released)[0]


def test_nonblocking_pipe_is_rejected() -> None:
    receiving, sending = os.pipe()
    os.set_blocking(receiving, False)
    with open(sending, "wb"), open(receiving, "rb", buffering=0) as file:
        assert "blocking" in rejection_reasons(file)[0]


def test_file_name_is_never_shown(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(VALID)
    photo = Photo.open(path)
    assert "Jane" not in repr(photo)
    assert repr(photo).startswith(
        "Photo(header=Header(format='JPEG', width=300, height=256), size="
    )
    path.unlink()
    with pytest.raises(ImageRejected) as caught:
        read_all(photo)
    assert "Jane" not in text_of(caught.value)
    path.write_bytes(b"no photo")
    with path.open("rb") as file, pytest.raises(ImageRejected) as caught:
        Photo.open(file)
    assert "Jane" not in text_of(caught.value)


# Reading more than once


@pytest.mark.parametrize("buffering", [-1, 0], ids=["buffered", "raw"])
def test_seekable_file_is_read_again_from_the_callers_position(
    tmp_path: Path, buffering: int
) -> None:
    path = tmp_path / "several"
    path.write_bytes(b"x" * 77 + VALID)
    with path.open("rb", buffering=buffering) as file:
        file.seek(77)
        photo = Photo.open(file)
        assert photo.replayable
        assert photo.size == len(VALID)
        assert file.tell() == 77
        abandoned = photo.chunks()
        assert next(abandoned) == VALID[: 256 * 1024]
        assert read_all(photo) == VALID
        file.seek(3)
        assert read_all(photo) == VALID
        del abandoned
        assert file.tell() == 77
        assert not file.closed


def test_one_file_can_be_read_twice_at_the_same_time(tmp_path: Path) -> None:
    data = VALID + os.urandom(700_000)
    file = io.BytesIO(data)
    first, second = Photo.open(file), Photo.open(file)
    pairs = list(zip(first.chunks(), second.chunks(), strict=True))
    assert b"".join(a for a, _ in pairs) == b"".join(b for _, b in pairs) == data


def test_position_of_a_rejected_file_is_restored(tmp_path: Path) -> None:
    file = io.BytesIO(b"x" * 9 + jpeg((300, 100)))
    file.seek(9)
    assert "300x100 px" in rejection_reasons(file)[0]
    assert file.tell() == 9
    assert not file.closed


def test_stream_can_be_read_only_once() -> None:
    data = VALID + bytes(600_000)
    photo = Photo.open(unseekable(data))
    assert (photo.size, photo.replayable) == (None, False)
    assert read_all(photo) == data
    with pytest.raises(ImageRejected, match="already been read: open it again"):
        photo.chunks()


def test_pipe_is_read_as_a_stream() -> None:
    data = (EXAMPLES / "portrait.jpg").read_bytes()
    receiving, sending = os.pipe()

    def send() -> None:
        with open(sending, "wb") as pipe:
            pipe.write(data)

    writer = threading.Thread(target=send)
    writer.start()
    with open(receiving, "rb") as pipe:
        photo = Photo.open(pipe)
        pieces = list(photo.chunks())
    writer.join()
    assert not photo.replayable
    assert b"".join(pieces) == data
    assert all(pieces)


def test_object_with_only_a_read_method_is_read_as_a_stream() -> None:
    class Readable:
        read = io.BytesIO(VALID).read

    photo = Photo.open(cast(BinaryIO, Readable()))
    assert not photo.replayable
    assert read_all(photo) == VALID


def test_stream_is_checked_like_a_file() -> None:
    assert "255x300 px" in rejection_reasons(unseekable(jpeg((255, 300)), max_read=1))[0]
    assert "has another format" in rejection_reasons(unseekable(b"GIF89a" * 9))[0]
    assert "before the pixel data" in rejection_reasons(unseekable(VALID[:200]))[0]


def test_stream_above_the_maximum_size_is_rejected_before_that_size_is_reached() -> None:
    data = VALID + bytes(MAX_BYTES - len(VALID))
    assert sum(map(len, Photo.open(unseekable(data, 2**20)).chunks())) == MAX_BYTES
    pieces = Photo.open(unseekable(data + b"\0", 2**20)).chunks()
    assert 0 < bytes_before_rejection(pieces, "31,457,280") < MAX_BYTES


def test_at_most_8_mib_of_a_stream_are_read_for_the_header() -> None:
    before_pixels = PNG_START + png_chunk(b"teSt", bytes(9 * 2**20))
    data = before_pixels + encode(make_image("L", (300, 300)), "PNG")[33:]
    assert Photo.open(data).header.format == "PNG"
    (reason,) = rejection_reasons(unseekable(data, 2**20))
    assert "does not begin within the first 8,388,608 bytes" in reason


# Changes after the check


@pytest.mark.parametrize("length", [0, 100_000, 600_000, 600_001 + 10**6, MAX_BYTES])
def test_file_whose_length_changed_is_never_read_to_the_end(tmp_path: Path, length: int) -> None:
    size = 600_001
    path = padded_file(tmp_path / "photo", size)
    photo = Photo.open(path)
    with path.open("rb") as file:
        same = Photo.open(file)
        os.truncate(path, length)
        for changed in (photo, same):
            assert (
                bytes_before_rejection(changed.chunks(), "changed while it was being sent") < size
            )
        os.truncate(path, size)
        assert len(read_all(photo)) == len(read_all(same)) == size


def test_bytearray_whose_length_changed_is_rejected() -> None:
    data = bytearray(VALID)
    photo = Photo.open(data)
    del data[-1]
    with pytest.raises(ImageRejected, match="changed while it was being sent"):
        read_all(photo)


def test_file_closed_or_deleted_after_the_check_is_rejected(tmp_path: Path) -> None:
    path = padded_file(tmp_path / "photo", len(VALID))
    with path.open("rb") as file:
        photo = Photo.open(file)
    with pytest.raises(ImageRejected, match="cannot be read"):
        read_all(photo)
    photo = Photo.open(path)
    path.unlink()
    with pytest.raises(ImageRejected, match=re.escape(os.strerror(errno.ENOENT))):
        read_all(photo)


def descriptor_count(path: Path) -> int:
    """Return the number of file descriptors of this process that refer to the file."""
    found = 0
    for entry in os.listdir("/dev/fd"):
        try:
            found += os.path.samestat(os.fstat(int(entry)), path.stat())
        except OSError:  # listdir's own descriptor, which is closed now
            continue
    return found


def test_no_file_descriptor_stays_open(tmp_path: Path) -> None:
    path = padded_file(tmp_path / "photo", 600_000)
    photo = Photo.open(path)
    assert descriptor_count(path) == 0
    closed, dropped, failing = (cast(Any, photo.chunks()) for _ in range(3))
    for pieces in (closed, dropped, failing):
        next(pieces)
    assert descriptor_count(path) == 3
    closed.close()
    assert descriptor_count(path) == 2
    with pytest.raises(KeyboardInterrupt):
        failing.throw(KeyboardInterrupt)
    assert descriptor_count(path) == 1
    del dropped, pieces
    gc.collect()
    assert descriptor_count(path) == 0
    read_all(photo)
    assert descriptor_count(path) == 0
    rejection_reasons(padded_file(path, 600_000, b"no photo"))
    assert descriptor_count(path) == 0


@pytest.mark.parametrize("excess", [-1, 1])
def test_header_of_a_stream_is_limited(excess: int) -> None:
    photo = jpeg((256, 256))
    segment = b"\xff\xef\xff\xff" + b"a" * 65_533  # a segment that programs may define
    count = 8 * 2**20 // len(segment) + excess
    padded = photo[:2] + segment * count + photo[2:]
    assert Photo.open(padded).size == len(padded)  # bytes can seek
    stream = unseekable(padded, max_read=2**20)
    if excess > 0:
        assert "the first 8,388,608 bytes" in rejection_reasons(stream)[0]
    else:
        Photo.open(stream)
