"""Helpers that interrupt calls: Ctrl-C in the main thread, or cancellation of a task.

An interrupter waits until a function with a given name, in the client or in httpcore, is on the call
stack. Therefore the moment of the interruption does not depend on timing.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType
from typing import Any

import pytest

PATIENCE = 10.0
"""Maximum time to wait for a condition, in seconds."""


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "the condition did not become true"
        time.sleep(0.001)


async def wait_until_async(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, without blocking the event loop."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "the condition did not become true"
        await asyncio.sleep(0.001)


def interrupt(call: Callable[[], object], when: Callable[[], object]) -> float:
    """Make a call in the main thread and interrupt it with Ctrl-C as soon as a condition holds.

    Returns:
        The time from the interruption to the end of the call, in seconds.
    """
    main = threading.main_thread().ident
    assert main is not None
    sent: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.001):
            if when():
                sent.append(time.monotonic())
                signal.pthread_kill(main, signal.SIGINT)
                return

    watcher = threading.Thread(target=watch, name="haut-sandbox watcher")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        watcher.start()
        # Do not keep the exception, because its traceback would keep connections open.
        with pytest.raises(KeyboardInterrupt):
            call()
        return time.monotonic() - sent[0]
    finally:
        ended.set()
        watcher.join()
        signal.signal(signal.SIGINT, before)


class Interrupter:
    """Simulates Ctrl-C while the main thread executes a given function.

    Keeps a reference to the exception, so that leak checks cover callers that do the same.

    Args:
        function: Name of the function that must be on the stack.
        ready: Additional condition that must hold before the interruption.
    """

    def __init__(self, function: str, ready: Callable[[], bool]) -> None:
        self._function = function
        self._ready = ready

    def interrupt(self, call: Callable[[], object]) -> None:
        """Make a call, interrupt it, and check that it raises KeyboardInterrupt."""
        main = threading.main_thread().ident
        assert main is not None

        def in_function() -> bool:
            return self._function in _function_names(sys._current_frames().get(main))

        def keep_exception() -> None:
            try:
                call()
            except KeyboardInterrupt as error:
                self._error = error
                raise

        interrupt(keep_exception, lambda: self._ready() and in_function())


def _function_names(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield frame.f_code.co_name
        frame = frame.f_back


class AsyncInterrupter:
    """Cancels a task while it executes a given function.

    Keeps a reference to the exception, so that leak checks cover callers that do the same.

    Args:
        function: Name of the coroutine function that the call must be awaiting.
        ready: Additional condition that must hold before the cancellation.
    """

    def __init__(self, function: str, ready: Callable[[], bool]) -> None:
        self._function = function
        self._ready = ready

    async def interrupt(self, call: Callable[[], Awaitable[object]]) -> None:
        """Make a call in a separate task, cancel it, and check that it raises CancelledError."""

        async def run() -> None:
            await call()

        task = asyncio.create_task(run())
        ends = time.monotonic() + PATIENCE
        while not (self._ready() and self._function in _awaited_functions(task.get_coro())):
            assert not task.done(), f"the call ended and never executed {self._function}"
            assert time.monotonic() < ends, f"the call does not execute {self._function}"
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as self._caught:
            await task


def _awaited_functions(coroutine: Any) -> Iterator[str]:
    while hasattr(coroutine, "cr_code"):
        yield coroutine.cr_code.co_name
        coroutine = coroutine.cr_await


class BackgroundCalls:
    """Context manager that runs calls in threads and waits for them at the end of its block."""

    def __init__(self, calls: list[Callable[[], object]]) -> None:
        self._threads = [threading.Thread(target=call, name="background call") for call in calls]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()


class AsyncBackgroundCalls:
    """Async context manager that runs calls in tasks and awaits them at the end of its block."""

    def __init__(self, calls: list[Callable[[], Awaitable[object]]]) -> None:
        self._calls = calls

    async def __aenter__(self) -> None:
        self._gathered = asyncio.gather(*(call() for call in self._calls))

    async def __aexit__(self, *_: object) -> None:
        await self._gathered
