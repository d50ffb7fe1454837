"""Peak memory of a process of its own, on Linux: goals 1 and 3."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from benchmarks.photos import photo_of
from benchmarks.report import Result
from benchmarks.service import service
from haut_ext.sandbox import Credentials

_PEAK = """
import itertools, sys, httpx
from haut_ext import Haut
def peak():
    text = open("/proc/self/status").read()
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024
def forget_peak():
    open("/proc/self/clear_refs", "w").write("5")
haut = Haut.from_env()
"""

_UPLOAD = """
kind, subject, small, large = sys.argv[1:]
plain = httpx.Client()
def with_httpx(path):
    target = haut.images.request_upload(subject).upload_url
    headers = target.headers.additional_properties
    with open(path, "rb") as file:
        plain.put(target.url, headers=headers, content=file).raise_for_status()
def with_haut_ext(path):
    haut.upload_and_compute(subject, front=path)
upload = {"httpx": with_httpx, "haut_ext": with_haut_ext}[kind]
for _ in range(3):
    upload(small)
forget_peak()
before = peak()
upload(large)
print(peak() - before)
"""

_ITERATE = """
few, many = map(int, sys.argv[1:])
for _ in itertools.islice(haut.subjects.iterate(), few):
    pass
forget_peak()
before = peak()
for _ in itertools.islice(haut.subjects.iterate(), many):
    pass
print(peak() - before)
"""


def memory(rounds: int) -> list[Result]:
    with service() as running, photo_of(31_000_000) as large, photo_of(300_000) as small:
        photos = (running.subject_id, small, large)
        grown = {
            kind: [_growth(_UPLOAD, running.credentials, kind, *photos) for _ in range(rounds)]
            for kind in ("haut_ext", "httpx")
        }
    ours, theirs = map(statistics.median, grown.values())
    results = [
        Result(
            "31 MB upload: growth of the peak, MiB",
            f"haut_ext: {ours:.2f} MiB",
            f"httpx, streaming: {theirs:.2f} MiB",
            ours - theirs,
            (max(grown["haut_ext"]) - min(grown["haut_ext"])) / 2,
            "at most 1 more",
            ours - theirs <= 1,
        )
    ]
    with service(subjects=100_000) as running:
        more = _growth(_ITERATE, running.credentials, 10_000, 100_000)
    results.append(
        Result(
            "iterate over 100,000 subjects instead of 10,000: growth of the peak, MiB",
            f"haut_ext: {more:.2f} MiB",
            "",
            more,
            None,
            "flat: at most 1",
            more <= 1,
        )
    )
    return results


def _growth(code: str, credentials: Credentials, *arguments: object) -> float:
    names = {f"HAUT_{name.upper()}": str(value) for name, value in credentials.items()}
    done = subprocess.run(
        [sys.executable, "-c", _PEAK + code, *map(str, arguments)],
        env={**os.environ, **names},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
