"""What people would use instead, each written as its users write it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pycurl
import requests
import urllib3

from benchmarks.service import Service
from haut_api.api.images import get_image
from haut_api.client import AuthenticatedClient
from haut_ext import AsyncHaut, Haut

Upload = Callable[[], object]


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
            "haut_ext": lambda: haut.upload_and_compute(service.subject_id, front=photo),
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

    def upload() -> None:
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

    def upload() -> None:
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

    def upload() -> None:
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

    def upload() -> None:
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

    return lambda: loop.run_until_complete(upload())


@contextmanager
def small_calls(service: Service, times: int) -> Iterator[dict[str, Callable[[], object]]]:
    """Give every way to read one image's record, so many times in a run."""
    known = service.credentials
    url = f"{known['base_url']}/api/v1/companies/{known['company_id']}/images/{service.image_id}/"
    headers = {"Authorization": f"Bearer {known['token']}"}
    with ExitStack() as stack:
        haut = stack.enter_context(Haut(**known))
        bare = AuthenticatedClient(base_url=known["base_url"], token=known["token"])
        bare = stack.enter_context(bare)
        plain = stack.enter_context(httpx.Client())
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        asynchronous = AsyncHaut(**known)
        stack.callback(lambda: loop.run_until_complete(asynchronous.aclose()))
        company = haut.scope.company_id

        def repeat(call: Callable[[], object]) -> Callable[[], None]:
            def run() -> None:
                for _ in range(times):
                    call()

            return run

        async def many() -> None:
            for _ in range(times):
                await asynchronous.images.get(service.image_id)

        image = haut.images.get(service.image_id).id
        yield {
            "haut_ext": repeat(lambda: haut.images.get(image)),
            "haut_ext, asynchronous": lambda: loop.run_until_complete(many()),
            "haut.api": repeat(
                lambda: get_image.sync_detailed(client=haut.api, company_id=company, image_id=image)
            ),
            "bare generated client": repeat(
                lambda: get_image.sync_detailed(client=bare, company_id=company, image_id=image)
            ),
            "httpx": repeat(lambda: plain.get(url, headers=headers).json()),
        }
