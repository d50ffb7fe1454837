"""Benchmarks of the start time and the peak memory, measured in new processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from benchmarks.measure import Row, compare, duration_row
from benchmarks.server import Server, create_photos, serve

_START_HAUT = "from haut_ext import Haut; Haut()"
_START_HTTPX = "import httpx; httpx.Client()"

# VmHWM is the peak resident memory of a process on Linux; writing 5 to clear_refs resets it.
_UPLOAD = """
import sys
import httpx
from haut_ext import Haut

def peak():
    with open("/proc/self/status") as file:
        return int(file.read().partition("VmHWM:")[2].split()[0]) / 1024

def upload_with_httpx(path):
    target = haut.images.request_upload(subject_id).upload_url
    headers = target.headers.additional_properties
    with open(path, "rb") as file:
        client.put(target.url, headers=headers, content=file).raise_for_status()

name, subject_id, small, large = sys.argv[1:]
haut, client = Haut(), httpx.Client()
uploads = {
    "Haut": lambda path: haut.upload_and_compute(subject_id, front=path),
    "httpx.Client": upload_with_httpx,
}
for _ in range(3):
    uploads[name](small)
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = peak()
uploads[name](large)
print(peak() - before)
"""


def start(rounds: int) -> list[Row]:
    """Measure the duration of a Python process that only creates a client."""

    def run(code: str) -> Callable[[None], object]:
        return lambda _: _run_python(server, code)

    with serve() as server:
        seconds = compare(
            {_START_HAUT: run(_START_HAUT), _START_HTTPX: run(_START_HTTPX)},
            rounds,
            prepare=lambda: None,
        )
    return [duration_row("Start Python and create a client", seconds, _START_HAUT, _START_HTTPX)]


def memory(rounds: int) -> list[Row]:
    """Measure how much the peak memory grows while a photo of 31 MB is uploaded."""
    growth: dict[str, list[float]] = {"Haut": [], "httpx.Client": []}
    with serve() as server, create_photos(300_000) as [small], create_photos(31_000_000) as [large]:
        for _ in range(rounds):
            for name, values in growth.items():
                output = _run_python(
                    server, _UPLOAD, name, server.subject_id, str(small), str(large)
                )
                values.append(float(output))
    ours, theirs = (f"{name}: {min(values):.1f} MiB" for name, values in growth.items())
    return [Row("Upload a 31 MB photo: growth of the peak memory", ours, theirs, "")]


def _run_python(server: Server, code: str, *arguments: str) -> str:
    """Run Python code in a process that has the sandbox's credentials, and return its output."""
    settings = {f"HAUT_{name.upper()}": str(value) for name, value in server.credentials.items()}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
