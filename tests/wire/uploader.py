"""Uploads one photo in a process of its own, and prints how much memory that took, in bytes.

    python tests/wire/uploader.py sync|async path|file SUBJECT PHOTO SMALL_PHOTO

The client's settings come from the environment. The small photo is uploaded first, so that what is
loaded and made once is not counted.
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


def resident(which: str) -> int:
    """Return the present (VmRSS) or the largest (VmHWM) resident size."""
    found = re.search(rf"{which}:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found
    return int(found[1]) * 1024


def measured(upload: Callable[[PhotoFile], Any], photo: PhotoFile) -> dict[str, int]:
    """Upload twice, since tracing itself takes memory."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # forgets the largest size so far
    before = resident("VmRSS")
    upload(photo)
    grown = resident("VmHWM") - before
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    upload(photo)
    return {"resident": grown, "traced": tracemalloc.get_traced_memory()[1] - before}


def main() -> None:
    face, kind, subject, path, small = sys.argv[1:]
    with ExitStack() as opened:
        photo: PhotoFile = path if kind == "path" else opened.enter_context(open(path, "rb"))
        upload: Callable[[PhotoFile], Any]
        if face == "sync":
            haut = opened.enter_context(Haut.from_env())
            upload = lambda photo: haut.images.upload(subject, photo)  # noqa: E731
        else:
            runner = opened.enter_context(asyncio.Runner())
            client = AsyncHaut.from_env()
            opened.callback(lambda: runner.run(client.aclose()))
            upload = lambda photo: runner.run(uploaded(client, subject, photo))  # noqa: E731
        upload(small)
        result = measured(upload, photo)
    sys.stdout.write(json.dumps(result))


async def uploaded(client: AsyncHaut, subject: str, photo: PhotoFile) -> None:
    await client.images.upload(subject, photo)


if __name__ == "__main__":
    main()
