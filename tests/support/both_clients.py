"""Test helpers that exist in an asynchronous and a synchronous version.

`make sync` replaces each asynchronous helper with its synchronous version.
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
    """Maximum duration of an AsyncHaut call, as a multiple of its deadline."""

    @staticmethod
    def of_connecting(addresses: int) -> int:
        """Return 1, because connecting to all addresses of a host shares one deadline."""
        return 1


class MaximumDuration:
    """Maximum duration of a Haut call, as a multiple of its deadline."""

    @staticmethod
    def of_connecting(addresses: int) -> int:
        """Return `addresses`, because the timeout applies to each address of a host separately."""
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
    """Return all unfinished tasks of the running event loop."""
    return asyncio.all_tasks()


def running() -> set[threading.Thread]:
    """Return the threads of this process, except sandbox threads."""
    threads = threading.enumerate()
    return {thread for thread in threads if not thread.name.startswith("haut-sandbox")}
