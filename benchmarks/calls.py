"""Benchmarks of calls and uploads (duration), and of concurrent calls and bulk uploads (throughput)."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
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


def concurrent_calls(rounds: int) -> list[Row]:
    """Measure how many image records per second 16 concurrent tasks read."""
    tasks, calls = 16, 320

    def run(call: Callable[[], Awaitable[object]]) -> Callable[[None], object]:
        async def worker() -> None:
            for _ in range(calls // tasks):
                await call()

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(tasks):
                    group.create_task(worker())

        return lambda _: loop.run_until_complete(main())

    with serve() as server, asyncio.Runner() as runner:
        loop = runner.get_loop()
        haut = AsyncHaut(**server.credentials)
        client = httpx.AsyncClient()
        sdk = openai.AsyncOpenAI(**server.openai_options)
        url, headers = server.image_url, server.headers

        async def with_httpx() -> object:
            return (await client.get(url, headers=headers)).raise_for_status().json()

        try:
            seconds = compare(
                {
                    "AsyncHaut": run(lambda: haut.images.get(server.image_id)),
                    "httpx.AsyncClient": run(with_httpx),
                    "openai.AsyncOpenAI": run(
                        lambda: sdk.get(server.image_path, cast_to=OpenAIImage)
                    ),
                },
                rounds,
                prepare=lambda: None,
                units=calls,
            )
        finally:
            for close in (haut.aclose, client.aclose, sdk.close):
                loop.run_until_complete(close())
    return [
        rate_row(f"Read image records, {tasks} concurrent tasks", seconds, "AsyncHaut", peer)
        for peer in ("httpx.AsyncClient", "openai.AsyncOpenAI")
    ]


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
    """Measure the time to upload a 5 MB photo and start its analysis."""
    with (
        serve() as server,
        create_photos(5_000_000) as [photo],
        Haut(**server.credentials) as haut,
        httpx.Client() as client,
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
    return [
        duration_row("Upload a 5 MB photo and start its analysis", seconds, "Haut", "httpx.Client")
    ]


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
