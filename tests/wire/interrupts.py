"""Interrupting a call in a given stage: Ctrl-C in the main thread, or cancelling the task.

The stage is named by a function of the client or of httpcore. A watcher looks at the call's stack
until that function is on it, and what the sandbox was to do has been done; only then does it
interrupt. Nothing is left to timing.
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

_PATIENCE = 10.0


class Interrupter:
    """Presses Ctrl-C when the main thread is in `stage`; keeps the exception, and what it holds."""

    def __init__(self, stage: str, ready: Callable[[], bool]) -> None:
        self._stage = stage
        self._ready = ready
        self._ended = threading.Event()
        self._struck = False

    def strike(self, call: Callable[[], object]) -> None:
        """Call, and see the interruption come out of it."""
        watcher = threading.Thread(target=self._watch, name="watcher")
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            watcher.start()
            with pytest.raises(KeyboardInterrupt) as self.caught:
                call()
        finally:
            self._ended.set()
            watcher.join()
            signal.signal(signal.SIGINT, before)
        assert self._struck, f"the call was never in {self._stage}"

    def _watch(self) -> None:
        main = threading.main_thread().ident
        assert main is not None
        while not self._ended.wait(0.001):
            if self._ready() and self._stage in _names(sys._current_frames().get(main)):
                self._struck = True
                signal.pthread_kill(main, signal.SIGINT)
                return


def _names(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield frame.f_code.co_name
        frame = frame.f_back


class AsyncInterrupter:
    """Cancels a task when it is in `stage`; keeps the exception, and what it holds."""

    def __init__(self, stage: str, ready: Callable[[], bool]) -> None:
        self._stage = stage
        self._ready = ready

    async def strike(self, call: Callable[[], Awaitable[object]]) -> None:
        """Call, and see the cancellation come out of it."""

        async def called() -> None:
            await call()

        task = asyncio.create_task(called())
        ends = time.monotonic() + _PATIENCE
        while not (self._ready() and self._stage in _awaited(task.get_coro())):
            assert not task.done(), f"the call was never in {self._stage}"
            assert time.monotonic() < ends, f"the call is not in {self._stage}"
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as self.caught:
            await task


def _awaited(coroutine: Any) -> Iterator[str]:
    while hasattr(coroutine, "cr_code"):
        yield coroutine.cr_code.co_name
        coroutine = coroutine.cr_await


class Crowd:
    """Calls that go on in threads while the `with` lasts, and must have ended with it."""

    def __init__(self, calls: list[Callable[[], object]]) -> None:
        self._threads = [threading.Thread(target=call, name="crowd") for call in calls]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()


class AsyncCrowd:
    """Calls that go on in tasks while the `async with` lasts, and must have ended with it."""

    def __init__(self, calls: list[Callable[[], Awaitable[object]]]) -> None:
        self._calls = calls

    async def __aenter__(self) -> None:
        self._going = asyncio.gather(*(call() for call in self._calls))

    async def __aexit__(self, *_: object) -> None:
        await self._going


class Moment:
    """The moment at which a condition that the sandbox's threads bring about has come true."""

    def __init__(self, condition: Callable[[], object]) -> None:
        self._condition = condition

    def come(self) -> None:
        ends = time.monotonic() + _PATIENCE
        while not self._condition():
            assert time.monotonic() < ends, "it does not come"
            time.sleep(0.001)


class AsyncMoment(Moment):
    """The same, while the event loop goes on."""

    async def come(self) -> None:  # type: ignore[override]  # the other face's
        ends = time.monotonic() + _PATIENCE
        while not self._condition():
            assert time.monotonic() < ends, "it does not come"
            await asyncio.sleep(0.001)
