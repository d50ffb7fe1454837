"""Other transports behind our one seam, the lanes of `_async/network.py`: do they double the speed?

httpx-aiohttp and pyreqwest are put in the place of httpx's own transport. httpx2 is another package,
so a copy of both of ours is made that imports it instead.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from pyreqwest.compatibility.httpx import HttpxTransport, SyncHttpxTransport

import haut_api
import haut_ext
from benchmarks.measuring import compare
from benchmarks.report import Result, against
from benchmarks.service import Service, service
from haut_ext import AsyncHaut, Haut
from haut_ext.wire.waiting import AsyncTurns, Turns

TASKS, THREADS, CALLS = 16, 8, 480
"""As many at once as one client allows, and as many as a bulk run has unless told otherwise."""


class _Lane(httpx.AsyncBaseTransport):
    """Another transport in a lane of ours."""

    def __init__(self, other: httpx.AsyncBaseTransport) -> None:
        self._other = other

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()  # pyreqwest cannot send every kind of stream
        return await self._other.handle_async_request(request)


class _ThreadsLane(httpx.BaseTransport):
    def __init__(self, other: httpx.BaseTransport) -> None:
        self._other = other

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._other.handle_request(request)


@contextmanager
def on_httpx2() -> Iterator[Any]:
    """Give a copy of haut_ext that uses httpx2, as the package `haut_ext2`."""
    with tempfile.TemporaryDirectory() as folder:
        for package in (haut_api, haut_ext):
            source = Path(package.__file__ or "").parent
            for path in source.rglob("*.py"):
                target = Path(folder) / f"{source.name}2" / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(rewritten(path.read_text("utf-8")), "utf-8")
        sys.path.insert(0, folder)
        try:
            yield importlib.import_module("haut_ext2")
        finally:
            sys.path.remove(folder)


def rewritten(source: str) -> str:
    source = re.sub(r"\bhaut_(api|ext)\b", r"haut_\g<1>2", source)
    return re.sub(r"(?m)^(\s*)import (httpx|httpcore)$", r"\1import \g<2>2 as \2", source)


def transports(rounds: int) -> list[Result]:
    with service() as running, on_httpx2() as rewritten, ExitStack() as stack:
        tasks = _in_tasks(running, rewritten.AsyncHaut, stack)
        threads = _in_threads(running, rewritten.Haut, stack)
        units = CALLS
        found = compare(tasks, rounds, prepare=lambda: None, units=units)
        results = [
            against(f"small calls, {TASKS} tasks", found, name, "httpx's own", 0.5)
            for name in found
            if name not in ("httpx's own", "aiohttp alone")
        ]
        results.append(
            against(f"small calls, {TASKS} tasks", found, "aiohttp alone", "httpx's own")
        )
        found = compare(threads, rounds, prepare=lambda: None, units=units)
        results += [
            against(f"small calls, {THREADS} threads", found, name, "httpx's own", 0.5)
            for name in found
            if name != "httpx's own"
        ]
    return results


def _in_tasks(
    running: Service, rewritten: type[AsyncHaut], stack: ExitStack
) -> dict[str, Callable[[None], object]]:
    loop = asyncio.new_event_loop()
    stack.callback(loop.close)
    known = running.credentials
    others: list[httpx.AsyncBaseTransport] = []

    def instead(other: httpx.AsyncBaseTransport) -> AsyncHaut:
        haut = AsyncHaut(**known)
        haut._session.transport.sockets.turns = AsyncTurns([_Lane(other)] * TASKS)
        others.append(other)
        return haut

    async def opened() -> tuple[dict[str, AsyncHaut], aiohttp.ClientSession]:
        clients = {
            "httpx's own": AsyncHaut(**known),
            "httpx-aiohttp": instead(AiohttpTransport()),
            "pyreqwest": instead(HttpxTransport()),
            "httpx2": rewritten(**known),
        }
        return clients, aiohttp.ClientSession()

    clients, session = loop.run_until_complete(opened())
    for close in (session.close, *(client.aclose for client in (*clients.values(), *others))):
        stack.callback(lambda close=close: loop.run_until_complete(close()))
    url = f"{known['base_url']}/api/v1/companies/{known['company_id']}/images/{running.image_id}/"
    headers = {"Authorization": f"Bearer {known['token']}"}

    async def alone() -> object:
        async with session.get(url, headers=headers) as answer:
            return await answer.json()

    async def many(call: Callable[[], Any]) -> None:
        async def one_after_the_other() -> None:
            for _ in range(CALLS // TASKS):
                await call()

        async with asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(one_after_the_other())

    def run(call: Callable[[], Any]) -> Callable[[None], object]:
        return lambda _: loop.run_until_complete(many(call))

    contenders = {
        name: run(lambda haut=haut: haut.images.get(running.image_id))
        for name, haut in clients.items()
    }
    return {**contenders, "aiohttp alone": run(alone)}


def _in_threads(
    running: Service, rewritten: type[Haut], stack: ExitStack
) -> dict[str, Callable[[None], object]]:
    known = running.credentials
    pyreqwest = Haut(**known)
    other = SyncHttpxTransport()
    pyreqwest._session.transport.sockets.turns = Turns([_ThreadsLane(other)] * TASKS)
    clients = {"httpx's own": Haut(**known), "pyreqwest": pyreqwest, "httpx2": rewritten(**known)}
    for client in (*clients.values(), other):
        stack.callback(client.close)
    pool = stack.enter_context(ThreadPoolExecutor(THREADS))

    def run(haut: Haut) -> Callable[[None], object]:
        def calls(_: int) -> None:
            for _ in range(CALLS // THREADS):
                haut.images.get(running.image_id)

        return lambda _: list(pool.map(calls, range(THREADS)))

    return {name: run(haut) for name, haut in clients.items()}
