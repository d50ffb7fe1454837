"""Benchmarks of calls and uploads (duration), and of calls in flight and bulk uploads (rate)."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import openai

from benchmarks.measure import Row, compare, duration_row, rate_row
from benchmarks.server import Server, create_photos, serve
from haut_ext import AsyncHaut, Haut
from haut_ext.bulk import bulk_upload

LATENCY = 0.1
CALLS_IN_FLIGHT = 10
"""Latency of each response, in seconds, and calls of each worker, in `calls_in_flight`."""

GIGABIT = 125_000_000
"""Rate of a network of 1 Gbit/s, in bytes per second."""
SO_MAX_PACING_RATE = 47
"""Socket option of Linux; Python's socket module has no name for it."""


class OpenAIImage(openai.BaseModel):
    """Model into which openai's client parses an image record."""

    id: UUID
    side: str
    quality_score: float | None
    created_at: datetime
    aux_images: list[Any]


def small_call(rounds: int) -> list[Row]:
    """Measure the time to read an image record, with 100 reads per round."""
    calls = 100

    def repeat(call: Callable[[], object]) -> Callable[[None], None]:
        def run(_: None) -> None:
            for _call in range(calls):
                call()

        return run

    with serve() as server, ExitStack() as stack:
        haut = stack.enter_context(Haut(**server.credentials))
        client = stack.enter_context(httpx.Client())
        sdk = stack.enter_context(openai.OpenAI(**server.openai_options))
        url, headers = server.image_url, server.headers
        seconds = compare(
            {
                "Haut": repeat(lambda: haut.images.get(server.image_id)),
                "httpx.Client": repeat(
                    lambda: client.get(url, headers=headers).raise_for_status().json()
                ),
                "openai.OpenAI": repeat(lambda: sdk.get(server.image_path, cast_to=OpenAIImage)),
            },
            rounds,
            prepare=lambda: None,
            units=calls,
        )
    return [
        duration_row("Read one image record", seconds, "Haut", peer)
        for peer in ("httpx.Client", "openai.OpenAI")
    ]


class SpreadClients:
    """Several httpx clients. Each request is sent by the client with the fewest requests in flight."""

    def __init__(self, clients: list[Any], headers: dict[str, str]) -> None:
        self.clients = clients
        self._headers = headers
        self._in_flight = [0] * len(clients)

    def get(self, url: str) -> object:
        chosen = self._choose()
        try:
            response: httpx.Response = self.clients[chosen].get(url, headers=self._headers)
        finally:
            self._in_flight[chosen] -= 1
        return response.raise_for_status().json()

    async def aget(self, url: str) -> object:
        chosen = self._choose()
        try:
            response: httpx.Response = await self.clients[chosen].get(url, headers=self._headers)
        finally:
            self._in_flight[chosen] -= 1
        return response.raise_for_status().json()

    def _choose(self) -> int:
        chosen = self._in_flight.index(min(self._in_flight))
        self._in_flight[chosen] += 1
        return chosen


def calls_in_flight(rounds: int) -> list[Row]:
    """Measure how many records per second threads and tasks read if each response takes 100 ms."""
    with serve(latency=LATENCY) as server:
        return [
            _threads(server, 64, rounds),
            *(_tasks(server, count, rounds) for count in (32, 64)),
        ]


def _threads(server: Server, count: int, rounds: int) -> Row:
    def run(call: Callable[[], object]) -> Callable[[None], None]:
        def work(_: int) -> None:
            for _call in range(CALLS_IN_FLIGHT):
                call()

        return lambda _: [*executor.map(work, range(count))].clear()

    with ThreadPoolExecutor(count) as executor, ExitStack() as stack:
        haut = stack.enter_context(Haut(**server.credentials))
        clients = [stack.enter_context(httpx.Client()) for _ in range(count // 8)]
        spread = SpreadClients(clients, server.headers)
        seconds = compare(
            {
                "Haut": run(lambda: haut.images.get(server.image_id)),
                f"{len(clients)} httpx.Client": run(lambda: spread.get(server.image_url)),
            },
            rounds,
            prepare=lambda: None,
            units=count * CALLS_IN_FLIGHT,
        )
    return _in_flight_row(f"{count} threads", count, seconds)


def _tasks(server: Server, count: int, rounds: int) -> Row:
    async def work(call: Callable[[], Awaitable[object]]) -> None:
        for _ in range(CALLS_IN_FLIGHT):
            await call()

    async def main(call: Callable[[], Awaitable[object]]) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(work(call))

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        haut = AsyncHaut(**server.credentials)
        clients = [httpx.AsyncClient() for _ in range(count // 8)]
        spread = SpreadClients(clients, server.headers)
        try:
            seconds = compare(
                {
                    "AsyncHaut": lambda _: loop.run_until_complete(
                        main(lambda: haut.images.get(server.image_id))
                    ),
                    f"{len(clients)} httpx.AsyncClient": lambda _: loop.run_until_complete(
                        main(lambda: spread.aget(server.image_url))
                    ),
                },
                rounds,
                prepare=lambda: None,
                units=count * CALLS_IN_FLIGHT,
            )
        finally:
            for close in (haut.aclose, *(client.aclose for client in clients)):
                loop.run_until_complete(close())
    return _in_flight_row(f"{count} tasks", count, seconds)


def _in_flight_row(workers: str, count: int, seconds: dict[str, float]) -> Row:
    ours, theirs = seconds
    share = LATENCY / count / seconds[ours]
    task = f"Read image records, {workers}, 100 ms latency; {share:.0%} of the ideal rate"
    return rate_row(task, seconds, ours, theirs)


def upload_with_httpx(client: httpx.Client, server: Server, subject_id: str, photo: Path) -> None:
    """Upload a photo and start its analysis with plain httpx, without error handling."""
    company, headers = server.company_url, server.headers
    slot_url = f"{company}/subjects/{subject_id}/signed_upload_url/"
    response = client.post(slot_url, json={"side_id": 1}, headers=headers)
    slot = response.raise_for_status().json()
    target = slot["upload_url"]
    with photo.open("rb") as file:
        client.request(
            target["method"], target["url"], headers=target["headers"], content=file
        ).raise_for_status()
    compute_url = f"{company}/batches/{slot['image_batch_id']}/compute/"
    client.post(compute_url, json={}, headers=headers).raise_for_status()


def upload(rounds: int) -> list[Row]:
    """Measure the time to upload a 5 MB photo and start its analysis, with and without a network."""
    return [
        _upload("Upload a 5 MB photo and start its analysis, 1 Gbit/s", rounds, GIGABIT),
        _upload("Upload a 5 MB photo and start its analysis, no network", rounds, None),
    ]


def _upload(task: str, rounds: int, rate: int | None) -> Row:
    with (
        serve() as server,
        create_photos(5_000_000) as [photo],
        Haut(**server.credentials, transport=_transport(rate)) as haut,
        httpx.Client(transport=_transport(rate)) as client,
    ):
        seconds = compare(
            {
                "Haut": lambda _: haut.upload_and_compute(server.subject_id, front=photo),
                "httpx.Client": lambda _: upload_with_httpx(
                    client, server, server.subject_id, photo
                ),
            },
            rounds,
            prepare=lambda: None,
        )
    return duration_row(task, seconds, "Haut", "httpx.Client")


def _transport(rate: int | None) -> httpx.HTTPTransport:
    """Return a transport that sends at most `rate` bytes per second, on Linux."""
    pacing = [] if rate is None else [(socket.SOL_SOCKET, SO_MAX_PACING_RATE, rate)]
    return httpx.HTTPTransport(socket_options=pacing)


def bulk(rounds: int) -> list[Row]:
    """Measure the rate of a bulk upload of 400 photos. The loop with httpx uploads only 80 photos."""
    count, script_count, in_flight = 400, 80, 8
    with (
        serve(latency=0.025) as server,
        create_photos(200_000, count) as photos,
        tempfile.TemporaryDirectory() as folder,
        Haut(**server.credentials) as haut,
        httpx.Client() as client,
    ):
        journals = (Path(folder) / str(number) for number in range(1000))

        def run_bulk_upload(subject_ids: list[str]) -> None:
            manifest = (
                {"subject_id": subject_id, "front": photo}
                for subject_id, photo in zip(subject_ids, photos, strict=True)
            )
            report = bulk_upload(haut, manifest, journal=next(journals), max_in_flight=in_flight)
            assert report.done == count

        def run_script(subject_ids: list[str]) -> None:
            for subject_id, photo in list(zip(subject_ids, photos, strict=True))[:script_count]:
                upload_with_httpx(client, server, subject_id, photo)

        seconds = compare(
            {"bulk_upload": run_bulk_upload, "loop with httpx.Client": run_script},
            rounds,
            prepare=lambda: server.create_subjects(count),
            units={"bulk_upload": count, "loop with httpx.Client": script_count},
            warm_up=False,
        )
    task = f"Bulk upload of {count} photos of 200 kB, {in_flight} at a time, 25 ms latency"
    return [rate_row(task, seconds, "bulk_upload", "loop with httpx.Client")]
