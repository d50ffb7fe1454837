"""Waiting with a limit, where the two faces differ by more than the word `await`.

Turns bound how many requests are in flight, and give each a lane: connections that it has to itself.
A connector opens TCP connections within one limit, however many addresses a host has; `write` sends
a buffer within one limit, however small the parts in which the other side takes it. Where anyio
keeps its limits so, the standard library and httpcore's synchronous part begin them anew. asyncio
is imported where it is used: a program with the synchronous face starts sooner without it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from queue import Empty, LifoQueue
from typing import Generic, TypeVar, cast

import httpcore

Lane = TypeVar("Lane")


class Turns(Generic[Lane]):
    """A turn for each lane; further threads wait. The lane used last is given first: it is open."""

    def __init__(self, lanes: Iterable[Lane]) -> None:
        self._free = LifoQueue[Lane]()
        for lane in lanes:
            self._free.put(lane)

    def take(self, limit: float | None) -> Lane | None:
        """Wait for a turn, at most `limit` seconds; return the lane, or None if there was none."""
        try:
            return self._free.get(timeout=limit)
        except Empty:
            return None

    def give_back(self, lane: Lane) -> None:
        self._free.put(lane)


class AsyncTurns(Generic[Lane]):
    """A turn for each lane; further tasks wait. The lane used last is given first: it is open."""

    def __init__(self, lanes: Iterable[Lane]) -> None:
        import asyncio

        self._free = asyncio.LifoQueue[Lane]()
        for lane in lanes:
            self._free.put_nowait(lane)

    async def take(self, limit: float | None) -> Lane | None:
        """Wait for a turn, at most `limit` seconds; return the lane, or None if there was none."""
        import asyncio

        try:
            async with asyncio.timeout(limit):
                return await self._free.get()
        except TimeoutError:
            return None

    def give_back(self, lane: Lane) -> None:
        self._free.put_nowait(lane)


class Connector(httpcore.SyncBackend):
    """httpcore's own, which would give each of a host's addresses the whole limit anew."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        ends = None if timeout is None else time.monotonic() + timeout
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: Exception = httpcore.ConnectError("the host has no address")
        for address in dict.fromkeys(str(entry[4][0]) for entry in found):
            left = None if ends is None else ends - time.monotonic()
            if left is not None and left <= 0:
                break
            try:
                return super().connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


# httpcore declares the class twice, for installations without anyio; httpx brings anyio.
AsyncConnector = cast("type[httpcore.AsyncNetworkBackend]", httpcore.AnyIOBackend)


def write(stream: httpcore.NetworkStream, buffer: bytes, limit: float | None) -> None:
    """Write all of a buffer within `limit` seconds."""
    connection: socket.socket = stream.get_extra_info("socket")
    ends = None if limit is None else time.monotonic() + limit
    left = memoryview(buffer)
    try:
        while left:
            if ends is not None:
                limit = ends - time.monotonic()
                if limit <= 0:
                    raise TimeoutError("timed out")
            connection.settimeout(limit)
            left = left[connection.send(left) :]
    except TimeoutError as error:
        raise httpcore.WriteTimeout(str(error)) from error
    except OSError as error:
        raise httpcore.WriteError(str(error)) from error


async def write_async(
    stream: httpcore.AsyncNetworkStream, buffer: bytes, limit: float | None
) -> None:
    """Write all of a buffer within `limit` seconds."""
    await stream.write(buffer, limit)
