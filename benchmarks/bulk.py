"""Many uploads and many erasures, against the scripts that people write for them: goal 4.

The sequential script does a fifth of the rows, since it takes so long; what is compared is the time of a
row. The erasing peers make the very requests that our erasure makes, the verification among them.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from benchmarks.measuring import compare
from benchmarks.photos import photos_of
from benchmarks.report import Result, against
from benchmarks.service import service
from haut_ext import Haut
from haut_ext import bulk as haut_bulk
from haut_ext.sandbox import Credentials

ROWS, FEW, IN_FLIGHT = 500, 100, 8
LATENCY = 0.025

Row = tuple[str, Path]
"""A subject's id and a photo."""
Rows = list[Row]


def bulk_upload(rounds: int) -> list[Result]:
    with (
        service(latency=LATENCY) as running,
        photos_of(200_000, ROWS) as photos,
        ExitStack() as stack,
    ):
        haut = stack.enter_context(Haut(**running.credentials))
        plain = _Plain(running.credentials, stack.enter_context(httpx.Client()))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        journals = iter(folder / str(number) for number in range(1000))

        def ours(rows: Rows) -> None:
            manifest = ({"subject_id": subject, "front": photo} for subject, photo in rows)
            report = haut_bulk.bulk_upload(
                haut, manifest, journal=next(journals), in_flight=IN_FLIGHT
            )
            assert report.done == ROWS

        found = compare(
            {
                "haut_ext": ours,
                "httpx, one by one": lambda rows: [plain.upload(*row) for row in rows[:FEW]],
                "aiohttp": lambda rows: _with_aiohttp(running.credentials, rows, _Aiohttp.upload),
            },
            rounds,
            prepare=lambda: list(zip(running.renew(ROWS), photos, strict=True)),
            units={"haut_ext": ROWS, "httpx, one by one": FEW, "aiohttp": ROWS},
            warm=False,
        )
    what = f"{ROWS} photos of 200 kB, {IN_FLIGHT} in flight, latency 25 ms: each"
    return [
        against(what, found, "haut_ext", "httpx, one by one", 1 / 7),
        against(what, found, "haut_ext", "aiohttp", 1.25),
    ]


def bulk_erase(rounds: int) -> list[Result]:
    with service(latency=LATENCY) as running, ExitStack() as stack:
        haut = stack.enter_context(Haut(**running.credentials))
        plain = _Plain(running.credentials, stack.enter_context(httpx.Client()))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        journals = iter(folder / str(number) for number in range(1000))

        def ours(rows: Rows) -> None:
            report = haut_bulk.bulk_erase(
                haut,
                [subject for subject, _ in rows],
                journal=next(journals),
                receipts=folder / "receipts",
                in_flight=IN_FLIGHT,
            )
            assert report.done == ROWS

        found = compare(
            {
                "haut_ext": ours,
                "httpx, one by one": lambda rows: [plain.erase(*row) for row in rows[:FEW]],
                "aiohttp": lambda rows: _with_aiohttp(running.credentials, rows, _Aiohttp.erase),
            },
            rounds,
            prepare=lambda: [(subject, folder) for subject in running.renew(ROWS, images=1)],
            units={"haut_ext": ROWS, "httpx, one by one": FEW, "aiohttp": ROWS},
            warm=False,
        )
    what = f"{ROWS} subjects erased, {IN_FLIGHT} in flight, latency 25 ms: each"
    return [
        against(what, found, "haut_ext", "httpx, one by one", 1 / 7),
        against(what, found, "haut_ext", "aiohttp", 1.25),
    ]


class _Addresses:
    def __init__(self, known: Credentials) -> None:
        self.company = f"{known['base_url']}/api/v1/companies/{known['company_id']}"
        self.subjects = f"{self.company}/datasets/{known['dataset_id']}/subjects"
        self.headers = {"Authorization": f"Bearer {known['token']}"}

    def results(self, record: str, erased: list[tuple[str, str]]) -> list[str]:
        """Return where results and auxiliary images of erased images would still be."""
        version_3 = self.company.replace("/api/v1/", "/api/v3/")
        return [
            *(
                f"{record}batches/{batch}/images/{image}/{what}/"
                for batch, image in erased
                for what in ("results", "aux")
            ),
            *(f"{version_3}/batches/{batch}/results/" for batch in {batch for batch, _ in erased}),
        ]


class _Plain(_Addresses):
    """The script, one request after the other."""

    def __init__(self, known: Credentials, client: httpx.Client) -> None:
        super().__init__(known)
        self._client = client

    def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        return self._client.request(method, url, headers=self.headers, **more).raise_for_status()

    def upload(self, subject: str, photo: Path) -> None:
        url = f"{self.company}/subjects/{subject}/signed_upload_url/"
        slot = self._ask("POST", url, json={"side_id": 1}).json()
        target = slot["upload_url"]
        with photo.open("rb") as file:
            self._client.put(
                target["url"], headers=target["headers"], content=file
            ).raise_for_status()
        self._ask("POST", f"{self.company}/batches/{slot['image_batch_id']}/compute/", json={})

    def erase(self, subject: str, _: Path) -> None:
        images = f"{self.company}/subjects/{subject}/images/"
        record = f"{self.subjects}/{subject}/"
        erased = list[tuple[str, str]]()
        self._ask("DELETE", f"{record}storage/")
        while found := self._ask("GET", images).json()["results"]:
            for image in found:
                self._ask("DELETE", f"{self.company}/images/{image['id']}/")
                erased.append((image["image_batch_id"], image["id"]))
        while found := self._ask("GET", f"{record}batches/").json()["results"]:
            for batch in found:
                self._ask("DELETE", f"{record}batches/{batch['id']}/")
        self._ask("DELETE", f"{record}metadata/")
        for url in self.results(record, erased):
            self._is_gone("GET", url)
        self._ask("DELETE", record)
        self._is_gone("GET", images)
        self._is_gone("DELETE", record)

    def _is_gone(self, method: str, url: str) -> None:
        assert self._client.request(method, url, headers=self.headers).status_code == 404


class _Aiohttp(_Addresses):
    """The program: so many tasks take row after row."""

    def __init__(self, known: Credentials, session: aiohttp.ClientSession) -> None:
        super().__init__(known)
        self._operations = session

    async def _ask(self, method: str, url: str, **more: Any) -> Any:
        async with self._operations.request(method, url, headers=self.headers, **more) as answer:
            answer.raise_for_status()
            return await answer.json() if answer.content_type == "application/json" else None

    async def upload(self, subject: str, photo: Path) -> None:
        url = f"{self.company}/subjects/{subject}/signed_upload_url/"
        slot = await self._ask("POST", url, json={"side_id": 1})
        target = slot["upload_url"]
        with photo.open("rb") as file:
            async with self._operations.put(
                target["url"], headers=target["headers"], data=file
            ) as answer:
                answer.raise_for_status()
        batch = f"{self.company}/batches/{slot['image_batch_id']}/compute/"
        await self._ask("POST", batch, json={})

    async def erase(self, subject: str, _: Path) -> None:
        images = f"{self.company}/subjects/{subject}/images/"
        record = f"{self.subjects}/{subject}/"
        erased = list[tuple[str, str]]()
        await self._ask("DELETE", f"{record}storage/")
        while found := (await self._ask("GET", images))["results"]:
            for image in found:
                await self._ask("DELETE", f"{self.company}/images/{image['id']}/")
                erased.append((image["image_batch_id"], image["id"]))
        while found := (await self._ask("GET", f"{record}batches/"))["results"]:
            for batch in found:
                await self._ask("DELETE", f"{record}batches/{batch['id']}/")
        await self._ask("DELETE", f"{record}metadata/")
        for url in self.results(record, erased):
            await self._is_gone("GET", url)
        await self._ask("DELETE", record)
        await self._is_gone("GET", images)
        await self._is_gone("DELETE", record)

    async def _is_gone(self, method: str, url: str) -> None:
        async with self._operations.request(method, url, headers=self.headers) as left:
            assert left.status == 404


def _with_aiohttp(
    known: Credentials, rows: Rows, work: Callable[[_Aiohttp, str, Path], Awaitable[None]]
) -> None:
    async def take_turns(left: Iterator[Row], program: _Aiohttp) -> None:
        for row in left:
            await work(program, *row)

    async def main() -> None:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            left = iter(rows)
            for _ in range(IN_FLIGHT):
                group.create_task(take_turns(left, _Aiohttp(known, session)))

    asyncio.run(main())
