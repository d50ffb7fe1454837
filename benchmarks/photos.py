"""Files that are photos, of any size: readers of JPEG stop at the end of the image."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PORTRAIT = Path(__file__).resolve().parent.parent / "examples" / "photos" / "portrait.jpg"


@contextmanager
def photos_of(size: int, count: int) -> Iterator[list[Path]]:
    """Give so many different photos, each of so many bytes."""
    head = PORTRAIT.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.jpg" for number in range(count)]
        for number, path in enumerate(paths):
            path.write_bytes(head + number.to_bytes(size - len(head), "big"))
        yield paths


@contextmanager
def photo_of(size: int) -> Iterator[Path]:
    """Give one photo of so many bytes."""
    with photos_of(size, 1) as [path]:
        yield path
