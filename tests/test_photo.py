"""Photos: what is refused before any request, and that the bytes sent are the bytes that were given.

Pillow, which shares no code with the header reader, judges it: on several hundred generated files,
on every prefix of small ones, and on whatever hypothesis makes of them.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import pickle
import re
import stat
import tempfile
import threading
import traceback
import tracemalloc
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haut_ext.errors import ImageRejected
from haut_ext.photos.checks import MAX_BYTES, MIN_EDGE, Photo, PhotoFile
from haut_ext.photos.image_header import read_header
from tests.photo_files import chunk, decodes, encoded, jpeg, oracle, others, photos, picture

SAMPLES = Path(__file__).parent.parent / "examples" / "photos"
GOOD = jpeg()
PNG_START = encoded(picture("L", (300, 300)), "PNG")[:33]


def reading(data: bytes) -> tuple[str, int, int] | None:
    """What our reader makes of the bytes, in the oracle's terms."""
    try:
        header = read_header(io.BytesIO(data).read, len(data), MAX_BYTES)
    except ImageRejected:
        return None
    return header.format, header.width, header.height


def type_name(file: object) -> str:
    return type(file).__name__


def refusal(file: object) -> tuple[str, ...]:
    with pytest.raises(ImageRejected) as caught:
        Photo.open(cast(PhotoFile, file))
    return caught.value.reasons


def sent(photo: Photo) -> bytes:
    return b"".join(photo.chunks())


def until_refused(pieces: Iterator[bytes], reason: str) -> int:
    """How many bytes come out before the refusal."""
    received: list[int] = []
    with pytest.raises(ImageRejected, match=re.escape(reason)):
        received.extend(map(len, pieces))
    return sum(received)


class Live(io.RawIOBase):
    """A stream that cannot seek and gives a little at a time, as a socket does."""

    def __init__(self, data: bytes, at_once: int = 1000) -> None:
        self.rest = io.BytesIO(data)
        self.at_once = at_once

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self.rest.read(min(size, self.at_once))


def live(data: bytes, at_once: int = 1000) -> BinaryIO:
    return cast(BinaryIO, Live(data, at_once))


# The header, judged by Pillow


@pytest.mark.slow
def test_good_files_are_read_as_pillow_reads_them() -> None:
    files = dict(photos())
    assert len(files) > 400
    assert {name: reading(data) for name, data in files.items()} == {
        name: oracle(data) for name, data in files.items()
    }
    assert None not in map(oracle, files.values())


@pytest.mark.slow
def test_what_pillow_refuses_is_refused() -> None:
    files = dict(others())
    assert len(files) > 200
    assert {name: reading(data) for name, data in files.items()} == dict.fromkeys(files)
    assert set(map(oracle, files.values())) == {None}


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("portrait.*")), ids=lambda path: path.suffix)
def test_samples(path: Path) -> None:
    data = path.read_bytes()
    photo = Photo.open(path)
    assert (photo.header.format, photo.header.width, photo.header.height) == oracle(data)
    assert sent(photo) == data


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("JPEG", "RGB", {"quality": 1}),
        ("JPEG", "L", {"progressive": True, "comment": b"?" * 300}),
        ("JPEG", "CMYK", {"restart_marker_blocks": 1}),
        ("PNG", "P", {}),
        ("PNG", "RGB", {"icc_profile": b"profile" * 40}),
        ("WEBP", "RGB", {"quality": 1}),
        ("WEBP", "RGBA", {"exif": b"Exif\0\0" + bytes(50)}),
        ("WEBP", "L", {"lossless": True}),
        ("WEBP", "RGB", {"save_all": True, "append_images": [picture("L", (16, 12))]}),
    ],
)
def test_every_prefix_of_a_file(kind: str, mode: str, options: dict[str, Any]) -> None:
    data = encoded(picture(mode, (16, 12)), kind, **options)
    lengths = range(len(data) + 1)
    accepted = {length: reading(data[:length]) for length in lengths}
    assert accepted == {length: oracle(data[:length]) for length in lengths}


FUZZ = settings(max_examples=400, deadline=None, database=None)


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
def seeds() -> list[bytes]:
    return [data for _, data in photos() if len(data) < 3000]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A small good file with a few edits, most of them in its header."""
    data = bytearray(draw(st.sampled_from(seeds())))
    token = st.sampled_from(TOKENS)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(data), draw(st.sampled_from([40, 250, 3000])))))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4) | token)
    return bytes(data)


@pytest.mark.slow
@FUZZ
@given(mutated())
def test_mutated_files(data: bytes) -> None:
    ours, theirs = reading(data), oracle(data)
    if ours and theirs:
        assert ours == theirs
    if decodes(data):
        assert ours == theirs


@pytest.mark.slow
@FUZZ
@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0", PNG_START]),
    st.binary(max_size=400),
)
def test_any_bytes_are_read_or_refused(start: bytes, rest: bytes) -> None:
    ours, theirs = reading(start + rest), oracle(start + rest)
    if ours and theirs:
        assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xd8" + b"\xff" * MAX_BYTES, id="fill bytes"),
        pytest.param(b"\xff\xd8\xff" + b"\xd0\xff" * (MAX_BYTES // 2), id="restart markers"),
        pytest.param(PNG_START + chunk(b"teSt") * (MAX_BYTES // 12), id="empty chunks"),
        pytest.param(PNG_START + b"\xff\xff\xff\xffteSt" + bytes(MAX_BYTES), id="a huge chunk"),
        pytest.param(
            PNG_START + (MAX_BYTES - 99).to_bytes(4) + b"teSt" + bytes(MAX_BYTES), id="a long chunk"
        ),
    ],
)
def test_a_header_without_end_costs_a_bounded_walk(data: bytes) -> None:
    class Counting(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read(size)

    stream = Counting(data)
    with traced() as peak:
        with pytest.raises(ImageRejected, match=r"damaged|do not begin"):
            read_header(stream.read, len(data), MAX_BYTES)
        assert peak() < 2**20
    assert stream.reads < 300_000


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Give a function that tells the most bytes allocated at a time since the start."""
    tracemalloc.start()
    start, _ = tracemalloc.get_traced_memory()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1] - start
    finally:
        tracemalloc.stop()


# Limits


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_edges(kind: str) -> None:
    assert Photo.open(encoded(picture("L", (MIN_EDGE, MIN_EDGE)), kind)).header.width == MIN_EDGE
    for size in [(255, 4000), (4000, 255), (255, 255), (1, 1)]:
        (reason,) = refusal(encoded(picture("L", size), kind))
        assert f"{size[0]}x{size[1]} px" in reason
        assert "256" in reason


def padded(path: Path, size: int, start: bytes = GOOD) -> Path:
    """A file of that size that begins with `start` and goes on with zeros, which cost no disk."""
    path.write_bytes(start)
    os.truncate(path, size)
    return path


def test_sizes(tmp_path: Path) -> None:
    largest = padded(tmp_path / "largest", MAX_BYTES)
    assert Photo.open(largest).size == MAX_BYTES == 31_457_280
    (reason,) = refusal(padded(tmp_path / "larger", MAX_BYTES + 1))
    assert "31,457,281 bytes" in reason
    assert "31,457,280" in reason
    data = largest.read_bytes()
    assert Photo.open(data).size == MAX_BYTES
    assert refusal(data + b"\0") == (reason,)
    with largest.open("ab") as file:
        file.write(b"\0")
    with largest.open("rb") as file:
        assert refusal(file) == (reason,)
        file.seek(1)
        # One byte less is short enough, and no longer a JPEG.
        assert len(refusal(file)) == 1
        assert file.tell() == 1


@pytest.mark.parametrize(
    "empty", [b"", bytearray(), memoryview(b""), io.BytesIO(), live(b"")], ids=type_name
)
def test_no_bytes(empty: object) -> None:
    assert refusal(empty) == ("the photo is 0 bytes long; it must have at least one",)


def test_an_empty_file(tmp_path: Path) -> None:
    assert "0 bytes" in refusal(padded(tmp_path / "empty", 0))[0]


def test_all_reasons_at_once(tmp_path: Path) -> None:
    path = padded(tmp_path / "photo", MAX_BYTES + 1, jpeg((255, 4000)))
    reasons = refusal(path)
    assert len(reasons) == 2
    assert "31,457,281 bytes" in reasons[0]
    assert "255x4000 px" in reasons[1]
    reasons = refusal(padded(path, MAX_BYTES + 1, b"GIF89a"))
    assert len(reasons) == 2
    assert "by content, not by name" in reasons[0] + reasons[1]


# What a photo may be


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(picture("RGB", (300, 300)), "PNG"))
    assert Photo.open(path).header.format == "PNG"
    path.write_bytes(encoded(picture("RGB", (300, 300)), "GIF"))
    assert "by content, not by name" in refusal(path)[0]


@pytest.mark.parametrize(
    "file",
    [
        GOOD,
        bytearray(GOOD),
        memoryview(GOOD),
        memoryview(array("H", GOOD + b"\0" * (len(GOOD) % 2))),
    ],
    ids=type_name,
)
def test_bytes(file: bytes | bytearray | memoryview) -> None:
    photo = Photo.open(file)
    assert photo.replayable
    assert photo.size == memoryview(file).nbytes
    assert sent(photo) == sent(photo) == bytes(file)
    assert {type(piece) for piece in photo.chunks()} == {bytes}


def test_bytes_are_not_copied_whole() -> None:
    data = bytearray(MAX_BYTES)
    data[: len(GOOD)] = GOOD
    with traced() as peak:
        assert sum(map(len, Photo.open(data).chunks())) == MAX_BYTES
        assert peak() < 2**20
    data.append(0)  # a view that was left behind would forbid this


def test_a_path_is_read_in_pieces(tmp_path: Path) -> None:
    path = padded(tmp_path / "photo", MAX_BYTES)
    with traced() as peak:
        photo = Photo.open(path)
        for _ in range(2):
            assert sum(map(len, photo.chunks())) == MAX_BYTES
        assert peak() < 2**20
    assert {len(piece) for piece in photo.chunks()} == {256 * 1024}
    assert sent(Photo.open(str(path))) == path.read_bytes()


NAME = "Jane Doe 1990-01-01.jpg"


def seen(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / NAME
    files: dict[str, Callable[[], object]] = {
        os.strerror(errno.ENOENT): lambda: path,
        os.strerror(errno.EISDIR): lambda: tmp_path,
        os.strerror(errno.ENAMETOOLONG): lambda: NAME * 99,
        "ValueError": lambda: NAME + "\0",
        "not that of a regular file": lambda: os.devnull,
    }
    for reason, file in files.items():
        with pytest.raises(ImageRejected) as caught:
            Photo.open(cast(PhotoFile, file()))
        assert len(caught.value.reasons) == 1
        assert reason in str(caught.value)
        assert "Jane" not in seen(caught.value)
        assert pickle.loads(pickle.dumps(caught.value)).reasons == caught.value.reasons


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not that of a regular file" in refusal(tmp_path / "pipe")[0]


def test_a_file_that_may_not_be_read() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NAME)
        path.write_bytes(GOOD)
        os.chmod(folder, stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
        path.chmod(0)
        user = os.geteuid()
        if user == 0:  # root may read everything, so be somebody else
            os.seteuid(65534)
        try:
            with pytest.raises(ImageRejected, match=os.strerror(errno.EACCES)) as caught:
                Photo.open(path)
        finally:
            os.seteuid(user)
        assert "Jane" not in seen(caught.value)


def test_what_is_no_photo(tmp_path: Path) -> None:
    for wrong in (None, 3, [GOOD], Photo):
        assert "a path, bytes or an open binary file" in refusal(wrong)[0]
    path = tmp_path / "photo"
    path.write_bytes(GOOD)
    with path.open(encoding="latin-1") as text:
        assert "binary mode" in refusal(text)[0]
        assert text.tell() == 0
    assert "binary mode" in refusal(io.StringIO("text"))[0]
    assert "contiguous" in refusal(memoryview(GOOD)[::2])[0]
    with path.open("r+b") as closed:
        pass
    assert "cannot be read" in refusal(closed)[0]
    with (tmp_path / "written").open("wb") as write_only:
        write_only.write(GOOD)
        write_only.flush()
        assert "cannot be read" in refusal(write_only)[0]
    released = memoryview(GOOD)
    released.release()
    assert "cannot be read" in refusal(released)[0]


def test_an_idle_pipe_that_does_not_block() -> None:
    receiving, sending = os.pipe()
    os.set_blocking(receiving, False)
    with open(sending, "wb"), open(receiving, "rb", buffering=0) as file:
        assert "blocking" in refusal(file)[0]


def test_the_name_of_the_file_is_never_shown(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(GOOD)
    photo = Photo.open(path)
    assert "Jane" not in repr(photo)
    assert repr(photo).startswith(
        "Photo(header=Header(format='JPEG', width=300, height=256), size="
    )
    path.unlink()
    with pytest.raises(ImageRejected) as caught:
        sent(photo)
    assert "Jane" not in seen(caught.value)
    path.write_bytes(b"no photo")
    with path.open("rb") as file, pytest.raises(ImageRejected) as caught:
        Photo.open(file)
    assert "Jane" not in seen(caught.value)


# Reading again


@pytest.mark.parametrize("buffering", [-1, 0], ids=["buffered", "raw"])
def test_a_seekable_file_is_replayed_from_where_the_caller_had_it(
    tmp_path: Path, buffering: int
) -> None:
    path = tmp_path / "several"
    path.write_bytes(b"x" * 77 + GOOD)
    with path.open("rb", buffering=buffering) as file:
        file.seek(77)
        photo = Photo.open(file)
        assert photo.replayable
        assert photo.size == len(GOOD)
        assert file.tell() == 77
        abandoned = photo.chunks()
        assert next(abandoned) == GOOD[: 256 * 1024]
        assert sent(photo) == GOOD
        file.seek(3)
        assert sent(photo) == GOOD
        del abandoned
        assert file.tell() == 77
        assert not file.closed


def test_passes_over_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    data = GOOD + os.urandom(700_000)
    file = io.BytesIO(data)
    first, second = Photo.open(file), Photo.open(file)
    pairs = list(zip(first.chunks(), second.chunks(), strict=True))
    assert b"".join(a for a, _ in pairs) == b"".join(b for _, b in pairs) == data


def test_a_refused_file_is_put_back(tmp_path: Path) -> None:
    file = io.BytesIO(b"x" * 9 + jpeg((300, 100)))
    file.seek(9)
    assert "300x100 px" in refusal(file)[0]
    assert file.tell() == 9
    assert not file.closed


def test_a_stream_is_sent_once() -> None:
    data = GOOD + bytes(600_000)
    photo = Photo.open(live(data))
    assert (photo.size, photo.replayable) == (None, False)
    assert sent(photo) == data
    with pytest.raises(RuntimeError, match="can be read once"):
        photo.chunks()


def test_a_pipe() -> None:
    data = (SAMPLES / "portrait.jpg").read_bytes()
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


def test_an_object_that_can_only_be_read_is_a_stream() -> None:
    class Readable:
        read = io.BytesIO(GOOD).read

    photo = Photo.open(cast(BinaryIO, Readable()))
    assert not photo.replayable
    assert sent(photo) == GOOD


def test_a_stream_is_checked_like_everything_else() -> None:
    assert "255x300 px" in refusal(live(jpeg((255, 300)), at_once=1))[0]
    assert "by content" in refusal(live(b"GIF89a" * 9))[0]
    assert "before its pixels" in refusal(live(GOOD[:200]))[0]


def test_a_stream_longer_than_allowed_is_refused_before_its_last_allowed_byte() -> None:
    data = GOOD + bytes(MAX_BYTES - len(GOOD))
    assert sum(map(len, Photo.open(live(data, 2**20)).chunks())) == MAX_BYTES
    pieces = Photo.open(live(data + b"\0", 2**20)).chunks()
    assert 0 < until_refused(pieces, "31,457,280") < MAX_BYTES


def test_the_header_that_is_kept_of_a_stream_is_bounded() -> None:
    before_pixels = PNG_START + chunk(b"teSt", bytes(9 * 2**20))
    data = before_pixels + encoded(picture("L", (300, 300)), "PNG")[33:]
    assert Photo.open(data).header.format == "PNG"
    (reason,) = refusal(live(data, 2**20))
    assert "do not begin within its first 8,388,608 bytes" in reason


# Changes between the check and the sending


@pytest.mark.parametrize("length", [0, 100_000, 600_000, 600_001 + 10**6, MAX_BYTES])
def test_a_file_that_changes_its_length_is_never_sent_whole(tmp_path: Path, length: int) -> None:
    size = 600_001
    path = padded(tmp_path / "photo", size)
    photo = Photo.open(path)
    with path.open("rb") as file:
        same = Photo.open(file)
        os.truncate(path, length)
        for changed in (photo, same):
            assert until_refused(changed.chunks(), "changed while it was being sent") < size
        os.truncate(path, size)
        assert len(sent(photo)) == len(sent(same)) == size


def test_bytes_that_change_their_length() -> None:
    data = bytearray(GOOD)
    photo = Photo.open(data)
    del data[-1]
    with pytest.raises(ImageRejected, match="changed while it was being sent"):
        sent(photo)


def test_a_file_that_was_closed_or_is_gone(tmp_path: Path) -> None:
    path = padded(tmp_path / "photo", 1000)
    with path.open("rb") as file:
        photo = Photo.open(file)
    with pytest.raises(ImageRejected, match="cannot be read"):
        sent(photo)
    photo = Photo.open(path)
    path.unlink()
    with pytest.raises(ImageRejected, match=re.escape(os.strerror(errno.ENOENT))):
        sent(photo)


def descriptors(path: Path) -> int:
    """How many descriptors this process has on the file."""
    found = 0
    for entry in os.listdir("/dev/fd"):
        try:
            found += os.path.samestat(os.fstat(int(entry)), path.stat())
        except OSError:  # the one that listed the folder
            continue
    return found


def test_no_file_stays_open(tmp_path: Path) -> None:
    path = padded(tmp_path / "photo", 600_000)
    photo = Photo.open(path)
    assert descriptors(path) == 0
    closed, dropped, failing = (cast(Any, photo.chunks()) for _ in range(3))
    for pieces in (closed, dropped, failing):
        next(pieces)
    assert descriptors(path) == 3
    closed.close()
    assert descriptors(path) == 2
    with pytest.raises(KeyboardInterrupt):
        failing.throw(KeyboardInterrupt)
    assert descriptors(path) == 1
    del dropped, pieces
    gc.collect()
    assert descriptors(path) == 0
    sent(photo)
    assert descriptors(path) == 0
    refusal(padded(path, 600_000, b"no photo"))
    assert descriptors(path) == 0
