"""Uploads a photo and prints how much memory the upload needed, in bytes.

    python tests/support/measure_upload_memory.py sync|async path|file SUBJECT_ID PHOTO SMALL_PHOTO

The settings of the client are read from the environment. The small photo is uploaded first, so
that modules and objects that are loaded once are not counted.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from haut_ext import AsyncHaut, Haut
from haut_ext.photos.sources import PhotoFile


def resident_size(which: str) -> int:
    """Return the current (`VmRSS`) or peak (`VmHWM`) resident memory of this process, in bytes."""
    found = re.search(rf"{which}:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found
    return int(found[1]) * 1024


def measure(upload: Callable[[PhotoFile], Any], photo: PhotoFile) -> dict[str, int]:
    """Measure resident memory and traced memory in separate uploads, because tracing uses memory."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # resets the peak memory size
    before = resident_size("VmRSS")
    upload(photo)
    growth = resident_size("VmHWM") - before
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    upload(photo)
    return {"resident": growth, "traced": tracemalloc.get_traced_memory()[1] - before}


def main() -> None:
    client_kind, photo_kind, subject_id, path, small = sys.argv[1:]
    with ExitStack() as opened:
        photo: PhotoFile = path if photo_kind == "path" else opened.enter_context(open(path, "rb"))
        upload: Callable[[PhotoFile], Any]
        if client_kind == "sync":
            haut = opened.enter_context(Haut.from_env())
            upload = lambda photo: haut.images.upload(subject_id, photo)  # noqa: E731
        else:
            runner = opened.enter_context(asyncio.Runner())
            client = AsyncHaut.from_env()
            opened.callback(lambda: runner.run(client.aclose()))
            upload = lambda photo: runner.run(upload_async(client, subject_id, photo))  # noqa: E731
        upload(small)
        result = measure(upload, photo)
    sys.stdout.write(json.dumps(result))


async def upload_async(client: AsyncHaut, subject_id: str, photo: PhotoFile) -> None:
    await client.images.upload(subject_id, photo)


if __name__ == "__main__":
    main()
