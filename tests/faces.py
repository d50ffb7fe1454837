"""What differs between the faces for a test: running a function, and what may be left running."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


def run_async(function: Callable[[], Awaitable[T]]) -> T:
    """Run an asynchronous function to its end."""
    return anyio.run(function)


def run(function: Callable[[], T]) -> T:
    """Run a synchronous function; what `run_async` becomes in the derived tests."""
    return function()


def running_async() -> set[asyncio.Task[Any]]:
    """Return the tasks of this event loop."""
    return asyncio.all_tasks()


def running() -> set[threading.Thread]:
    """Return the threads that the client may have started."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("haut-ext")}
