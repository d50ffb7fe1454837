"""What the sandbox can do on one processor, so that it is not what is measured: goal 8.

The driver is as small as can be: prepared bytes on a plain socket, on the other processor.
"""

from __future__ import annotations

import os
import socket
import time
from urllib.parse import urlsplit

from benchmarks.measuring import middle
from benchmarks.photos import PORTRAIT
from benchmarks.report import Result
from benchmarks.service import Service, service
from haut_ext import Haut

_CALLS = 3000
_UPLOADED = 300_000_000


def sandbox(rounds: int) -> list[Result]:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[:-1]) or set(cores))
    try:
        with service(subjects=100, core=cores[-1]) as running:
            results = [_calls(running, rounds)]
            for size in (5_000_000, 200_000):
                results.append(_uploads(running, size, rounds))
            return results
    finally:
        os.sched_setaffinity(0, set(cores))


def _calls(running: Service, rounds: int) -> Result:
    known = running.credentials
    path = f"/api/v1/companies/{known['company_id']}/images/{running.image_id}/"
    head = f"GET {path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {known['token']}\r\n\r\n"
    seconds = _repeat(known["base_url"], [head.encode()], _CALLS, rounds)
    rate, spread = middle([_CALLS / each for each in seconds])
    return Result(
        "reading an image's record, requests a second",
        f"sandbox: {rate:,.0f}",
        "",
        rate,
        spread,
        "at least 3,000",
        rate >= 3000,
    )


def _uploads(running: Service, size: int, rounds: int) -> Result:
    with Haut(**running.credentials) as haut:
        target = haut.images.request_upload(running.subject_id).upload_url
    assert target.headers is not None
    parts = urlsplit(target.url)
    lines = [f"PUT {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in target.headers.additional_properties.items()]
    head = "\r\n".join([*lines, f"Content-Length: {size}", "", ""]).encode()
    photo = PORTRAIT.read_bytes()
    times = _UPLOADED // size
    seconds = _repeat(running.storage_url, [head, photo + bytes(size - len(photo))], times, rounds)
    rate, spread = middle([times * size / each / 1e6 for each in seconds])
    return Result(
        f"taking photos of {size / 1e6:g} MB, MB a second",
        f"sandbox: {rate:,.0f}",
        "",
        rate,
        spread,
        "at least 500",
        rate >= 500,
    )


def _repeat(origin: str, request: list[bytes], times: int, rounds: int) -> list[float]:
    """Return how long each round of so many requests took, one after the other."""
    parts = urlsplit(origin)
    seconds: list[float] = []
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(rounds):
            began = time.perf_counter()
            for _ in range(times):
                for part in request:
                    connection.sendall(part)
                answer = connection.recv(65536)  # which the sandbox writes at once
                if not answer.startswith(b"HTTP/1.1 200 "):
                    raise RuntimeError(answer.decode())
            seconds.append(time.perf_counter() - began)
    return seconds
