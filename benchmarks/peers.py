"""What people would use instead, each written as its users write it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import httpx
import openai
import pycurl
import requests
import urllib3

from benchmarks.service import Service
from haut_api.api.images import get_image
from haut_api.client import AuthenticatedClient
from haut_ext import AsyncHaut, Haut

Upload = Callable[[None], object]


def _addresses(service: Service) -> tuple[str, str, dict[str, str]]:
    known = service.credentials
    company = f"{known['base_url']}/api/v1/companies/{known['company_id']}"
    headers = {"Authorization": f"Bearer {known['token']}"}
    return f"{company}/subjects/{service.subject_id}/signed_upload_url/", company, headers


@contextmanager
def uploads(service: Service, photo: Path) -> Iterator[dict[str, Upload]]:
    """Give every way to upload a photo and start its computation, each with its client open."""
    with ExitStack() as stack:
        haut = stack.enter_context(Haut(**service.credentials))
        yield {
            "haut_ext": lambda _: haut.upload_and_compute(service.subject_id, front=photo),
            "httpx": _with_httpx(service, photo, stack.enter_context(httpx.Client())),
            "urllib3": _with_urllib3(service, photo),
            "pycurl": _with_pycurl(service, photo),
            "requests, base64": _with_requests(
                service, photo, stack.enter_context(requests.Session())
            ),
            "aiohttp": _with_aiohttp(service, photo, stack),
        }


def _with_httpx(service: Service, photo: Path, client: httpx.Client) -> Upload:
    slot_url, company, headers = _addresses(service)

    def upload(_: None) -> None:
        slot = client.post(slot_url, json={"side_id": 1}, headers=headers).raise_for_status().json()
        target = slot["upload_url"]
        with photo.open("rb") as file:
            client.request(
                target["method"], target["url"], headers=target["headers"], content=file
            ).raise_for_status()
        batch = f"{company}/batches/{slot['image_batch_id']}/compute/"
        client.post(batch, json={}, headers=headers).raise_for_status()

    return upload


def _with_urllib3(service: Service, photo: Path) -> Upload:
    slot_url, company, headers = _addresses(service)
    pool = urllib3.PoolManager()

    def upload(_: None) -> None:
        slot = pool.request("POST", slot_url, json={"side_id": 1}, headers=headers).json()
        target = slot["upload_url"]
        length = {"Content-Length": str(photo.stat().st_size)}
        with photo.open("rb") as file:
            pool.request(
                target["method"], target["url"], body=file, headers={**target["headers"], **length}
            )
        batch = f"{company}/batches/{slot['image_batch_id']}/compute/"
        pool.request("POST", batch, json={}, headers=headers)

    return upload


def _with_pycurl(service: Service, photo: Path) -> Upload:
    slot_url, company, headers = _addresses(service)
    curl = pycurl.Curl()
    authorised = [f"{name}: {value}" for name, value in headers.items()]

    def post(url: str, body: object) -> bytes:
        answer = BytesIO()
        curl.reset()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPHEADER, [*authorised, "Content-Type: application/json"])
        curl.setopt(pycurl.POSTFIELDS, json.dumps(body))
        curl.setopt(pycurl.WRITEDATA, answer)
        curl.perform()
        return answer.getvalue()

    def upload(_: None) -> None:
        slot = json.loads(post(slot_url, {"side_id": 1}))
        target = slot["upload_url"]
        with photo.open("rb") as file:
            curl.reset()
            curl.setopt(pycurl.URL, target["url"])
            curl.setopt(pycurl.UPLOAD, 1)
            curl.setopt(pycurl.READDATA, file)
            curl.setopt(pycurl.INFILESIZE, photo.stat().st_size)
            curl.setopt(pycurl.UPLOAD_BUFFERSIZE, 256 * 1024)
            curl.setopt(
                pycurl.HTTPHEADER,
                ["Expect:", *(f"{name}: {value}" for name, value in target["headers"].items())],
            )
            curl.setopt(pycurl.WRITEDATA, BytesIO())
            curl.perform()
        post(f"{company}/batches/{slot['image_batch_id']}/compute/", {})

    return upload


def _with_requests(service: Service, photo: Path, session: requests.Session) -> Upload:
    # How most public code uploads: the photo as base64 in JSON. The sandbox does not have that older
    # route; the slot's free JSON takes the same body, so the work of sending and parsing is the same.
    slot_url, company, headers = _addresses(service)

    def upload(_: None) -> None:
        body: Any = {
            "side_id": 1,
            "meta": {"b64data": base64.b64encode(photo.read_bytes()).decode()},
        }
        slot = session.post(slot_url, json=body, headers=headers).json()
        session.post(
            f"{company}/batches/{slot['image_batch_id']}/compute/", json={}, headers=headers
        )

    return upload


def _with_aiohttp(service: Service, photo: Path, stack: ExitStack) -> Upload:
    slot_url, company, headers = _addresses(service)
    loop = asyncio.new_event_loop()

    async def opened() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    session = loop.run_until_complete(opened())
    stack.callback(loop.close)
    stack.callback(lambda: loop.run_until_complete(session.close()))

    async def upload() -> None:
        async with session.post(slot_url, json={"side_id": 1}, headers=headers) as answer:
            slot = await answer.json()
        target = slot["upload_url"]
        with photo.open("rb") as file:
            async with session.request(
                target["method"], target["url"], data=file, headers=target["headers"]
            ) as answer:
                await answer.read()
        batch = f"{company}/batches/{slot['image_batch_id']}/compute/"
        async with session.post(batch, json={}, headers=headers) as answer:
            await answer.read()

    return lambda _: loop.run_until_complete(upload())


@contextmanager
def small_calls(service: Service, times: int) -> Iterator[dict[str, Callable[[None], object]]]:
    """Give every way to read one image's record, so many times in a run."""
    known = service.credentials
    path = f"/api/v1/companies/{known['company_id']}/images/{service.image_id}/"
    url = known["base_url"] + path
    headers = {"Authorization": f"Bearer {known['token']}"}
    with ExitStack() as stack:
        haut = stack.enter_context(Haut(**known))
        bare = AuthenticatedClient(base_url=known["base_url"], token=known["token"])
        bare = stack.enter_context(bare)
        plain = stack.enter_context(httpx.Client())
        session = stack.enter_context(requests.Session())
        sdk = stack.enter_context(
            openai.OpenAI(base_url=known["base_url"], api_key=known["token"], max_retries=0)
        )
        pool = urllib3.PoolManager()
        company, image = haut.scope.company_id, haut.images.get(service.image_id).id

        def repeat(call: Callable[[], object]) -> Callable[[None], None]:
            def run(_: None) -> None:
                for _again in range(times):
                    call()

            return run

        arguments: dict[str, Any] = {"company_id": company, "image_id": image}
        yield {
            "haut_ext": repeat(lambda: haut.images.get(image)),
            "haut.api": repeat(lambda: get_image.sync_detailed(client=haut.api, **arguments)),
            "bare generated client": repeat(
                lambda: get_image.sync_detailed(client=bare, **arguments)
            ),
            "httpx": repeat(lambda: plain.get(url, headers=headers).raise_for_status().json()),
            "openai": repeat(lambda: sdk.get(path, cast_to=SdkImage)),
            "requests": repeat(lambda: session.get(url, headers=headers).json()),
            "urllib3": repeat(lambda: pool.request("GET", url, headers=headers).json()),
            "pycurl": repeat(_getting_with_pycurl(url, headers)),
            **_small_calls_in_tasks(service, url, headers, times, stack),
        }


class SdkImage(openai.BaseModel):
    """The same record, as that SDK models what it reads."""

    id: UUID
    side: str
    quality_score: float | None
    created_at: datetime
    aux_images: list[Any]


def _getting_with_pycurl(url: str, headers: dict[str, str]) -> Callable[[], object]:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])

    def call() -> object:
        answer = BytesIO()
        curl.setopt(pycurl.WRITEDATA, answer)
        curl.perform()
        return json.loads(answer.getvalue())

    return call


def _small_calls_in_tasks(
    service: Service, url: str, headers: dict[str, str], times: int, stack: ExitStack
) -> dict[str, Callable[[None], object]]:
    loop = asyncio.new_event_loop()
    stack.callback(loop.close)

    async def opened() -> tuple[AsyncHaut, httpx.AsyncClient, aiohttp.ClientSession]:
        return AsyncHaut(**service.credentials), httpx.AsyncClient(), aiohttp.ClientSession()

    haut, plain, session = loop.run_until_complete(opened())
    for close in (haut.aclose, plain.aclose, session.close):
        stack.callback(lambda close=close: loop.run_until_complete(close()))

    async def with_httpx() -> object:
        return (await plain.get(url, headers=headers)).raise_for_status().json()

    async def with_aiohttp() -> object:
        async with session.get(url, headers=headers) as answer:
            return await answer.json()

    async def many(call: Callable[[], Awaitable[object]]) -> None:
        for _ in range(times):
            await call()

    def repeat(call: Callable[[], Awaitable[object]]) -> Callable[[None], object]:
        return lambda _: loop.run_until_complete(many(call))

    return {
        "AsyncHaut": repeat(lambda: haut.images.get(service.image_id)),
        "httpx.AsyncClient": repeat(with_httpx),
        "aiohttp": repeat(with_aiohttp),
    }
