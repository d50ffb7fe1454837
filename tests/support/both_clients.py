"""Helpers that differ between the tests of the two clients.

`make sync` replaces each helper of the asynchronous tests by its synchronous counterpart.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


class AsyncMaximumDuration:
    """Upper limit on the duration of a call of AsyncHaut, as a number of deadlines."""

    @staticmethod
    def of_connecting(addresses: int) -> int:
        """Return 1, because the deadline includes the attempts for all addresses of a host."""
        return 1


class MaximumDuration:
    """Upper limit on the duration of a call of Haut, as a number of deadlines."""

    @staticmethod
    def of_connecting(addresses: int) -> int:
        """Return the number of addresses of the host, because each of them has its own timeout."""
        return addresses


def run_async(function: Callable[[], Awaitable[T]]) -> T:
    """Run an asynchronous function and return its result."""
    return anyio.run(function)


def run(function: Callable[[], T]) -> T:
    """Run a synchronous function and return its result."""
    return function()


async def gather_async(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T | Exception]:
    """Make all calls concurrently and return the result or the error of each."""

    async def outcome(call: Callable[[], Awaitable[T]]) -> T | Exception:
        try:
            return await call()
        except Exception as error:
            return error

    return await asyncio.gather(*(outcome(call) for call in calls))


def gather(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Make all calls concurrently in threads and return the result or the error of each."""

    def outcome(call: Callable[[], T]) -> T | Exception:
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls), "concurrent call") as executor:
        return list(executor.map(outcome, calls))


def running_async() -> set[asyncio.Task[Any]]:
    """Return the tasks of this event loop."""
    return asyncio.all_tasks()


def running() -> set[threading.Thread]:
    """Return the threads of this process, except those of sandboxes."""
    threads = threading.enumerate()
    return {thread for thread in threads if not thread.name.startswith("haut-sandbox")}
