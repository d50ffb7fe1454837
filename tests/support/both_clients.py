"""What differs between the two clients for a test: running functions, and what is left running."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


class AsyncLatest:
    """When a call ends at the latest, in deadlines."""

    @staticmethod
    def of_addresses(number: int) -> int:
        """Return 1: connecting to several addresses has the same deadline as to one."""
        return 1


class Latest:
    """The same of the synchronous client."""

    @staticmethod
    def of_addresses(number: int) -> int:
        """Return their number: each address has a timeout of its own (docs/reliability.md)."""
        return number


def run_async(function: Callable[[], Awaitable[T]]) -> T:
    """Run an asynchronous function to its end."""
    return anyio.run(function)


def run(function: Callable[[], T]) -> T:
    """Run a synchronous function; what `run_async` becomes in the derived tests."""
    return function()


async def gather_async(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T | Exception]:
    """Make all calls at the same time, and return what they returned or raised."""

    async def outcome(call: Callable[[], Awaitable[T]]) -> T | Exception:
        try:
            return await call()
        except Exception as error:
            return error

    return await asyncio.gather(*(outcome(call) for call in calls))


def gather(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Make all calls at the same time, each in a thread of its own."""

    def outcome(call: Callable[[], T]) -> T | Exception:
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls), "callers") as executor:
        return list(executor.map(outcome, calls))


def running_async() -> set[asyncio.Task[Any]]:
    """Return the tasks of this event loop."""
    return asyncio.all_tasks()


def running() -> set[threading.Thread]:
    """Return the threads of this process, less those of the sandbox."""
    threads = threading.enumerate()
    return {thread for thread in threads if not thread.name.startswith("haut-sandbox")}
