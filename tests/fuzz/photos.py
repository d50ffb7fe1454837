"""Coverage-guided fuzzing of `Photo.open`: for any bytes, a photo or ImageRejected, at a bounded cost.

`make fuzz` runs it. An input that is none of that ends the run, and stands in .venv/fuzz/found-*; once
mended, it belongs among the files of tests/photo_files.py.

The first byte of an input says how it comes: as a seekable file, as a stream that ends, or as one
that never does and repeats the rest for ever.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import atheris

with atheris.instrument_imports(include=["haut_ext.photos.checks", "haut_ext.photos.image_header"]):
    from haut_ext.photos.checks import Photo

from haut_ext.errors import ImageRejected
from tests.photo_files import oracle, others, photos

FOUND = Path(__file__).parents[2] / ".venv" / "fuzz" / "found-"
KEPT = 8 * 2**20  # of a stream, until it is sent
AT_ONCE = 50_000  # of a stream, however much is asked for
OPTIONS = ["-timeout=60", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1"]


class Stream:
    """A stream that cannot seek, and counts what is read of it."""

    def __init__(self, data: bytes, *, endless: bool) -> None:
        self._length = len(data)
        self._data = data * (AT_ONCE // len(data) + 2) if endless and data else data
        self._endless = endless
        self.total = 0

    def read(self, size: int) -> bytes:
        start = self.total % self._length if self._endless and self._length else self.total
        piece = self._data[start : start + min(size, AT_ONCE)]
        self.total += len(piece)
        return piece


def read(data: bytes) -> None:
    """Read one input, and fail if that is not as promised."""
    kind, data = data[:1], data[1:]
    endless = kind == b"\x02" and zlib.crc32(data) % 64 == 0  # it takes as long as it may
    stream = Stream(data, endless=endless) if kind in (b"\x01", b"\x02") else None
    tracemalloc.reset_peak()
    began = time.process_time()
    before, _ = tracemalloc.get_traced_memory()
    try:
        photo = Photo.open(cast(BinaryIO, stream) if stream else io.BytesIO(data))
    except ImageRejected:
        photo = None
    spent = time.process_time() - began
    assert spent < 2, f"{spent:.1f} s of this processor"
    _, peak = tracemalloc.get_traced_memory()
    if stream is None:
        assert peak - before < 2**19, f"{peak - before:,} bytes of memory"
    else:
        assert stream.total <= KEPT, f"{stream.total:,} bytes of a stream"
        assert peak - before < 3 * KEPT, f"{peak - before:,} bytes of memory"
    if photo is not None:
        header = photo.header
        judged = oracle(data)
        assert judged in (None, (header.format, header.width, header.height)), judged
        if not endless:
            assert b"".join(photo.chunks()) == data


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (*photos(), *others()):
            for kind in (b"\0", b"\x01", b"\x02") if len(data) < 1000 else (b"\0",):
                if len(data) < 4096:
                    Path(folder, f"{kind.hex()} {name}".replace("/", " ")).write_bytes(kind + data)
        arguments = [sys.argv[0], *OPTIONS, f"-artifact_prefix={FOUND}", *sys.argv[1:], folder]
        tracemalloc.start()
        atheris.Setup(arguments, read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
