"""A few calls at once, and one page ahead: the two kinds of concurrency there are, in both faces.

A leaf. The asynchronous forms are tasks, the synchronous ones threads; neither leaves one behind.
asyncio is imported where it is used: a program with the synchronous face starts sooner without it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_NOTICEABLE = 0.05
"""The part of a page's time below which a consumer's own is not worth a thread."""


async def together_async(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T | Exception]:
    """Return, in their order, what the calls returned or raised.

    None is cut short because another has failed: a photo that is half sent when its neighbour fails
    is better sent to its end than sent again. Only an interruption stops them all.
    """
    import asyncio

    async def outcome(call: Callable[[], Awaitable[T]]) -> T | Exception:
        try:
            return await call()
        except Exception as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(call)) for call in calls]
    return [task.result() for task in tasks]


def together(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Return, in their order, what the calls returned or raised; none is cut short by another.

    An interruption is raised once the calls already running have ended: a thread cannot be stopped
    from outside, and none is left behind.
    """

    def outcome(future: Future[T]) -> T | Exception:
        try:
            return future.result()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls), thread_name_prefix="haut-ext") as pool:
        return [outcome(future) for future in [pool.submit(call) for call in calls]]


Pages = AsyncGenerator[tuple[Sequence[T], bool]]
"""Runs of items, each with whether another run follows."""


async def one_ahead_async(pages: Pages[T]) -> AsyncGenerator[T]:
    """Yield the items of every run while the next run is being made."""
    import asyncio

    async def following() -> tuple[Sequence[T], bool]:
        try:
            return await anext(pages)
        except StopAsyncIteration:
            return (), False

    task: asyncio.Task[tuple[Sequence[T], bool]] | None = None
    try:
        items, more = await following()
        while True:
            task = asyncio.create_task(following()) if more else None
            for item in items:
                yield item
            if task is None:
                return
            items, more = await task
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await pages.aclose()


def one_ahead(pages: Generator[tuple[Sequence[T], bool]]) -> Generator[T]:
    """Yield the items of every run while the next run is being made, in a thread of its own.

    A consumer that takes hardly any time gains nothing by it, and two busy threads hinder each
    other; so the thread is used only while the consumer takes a noticeable part of a run's time.
    """
    making = 0.0

    def following() -> tuple[Sequence[T], bool]:
        nonlocal making
        began = time.perf_counter()
        try:
            return next(pages)
        except StopIteration:
            return (), False
        finally:
            making = time.perf_counter() - began

    items, more = following()
    if not more:  # most lists are one page, and need no thread
        yield from items
        return
    with ThreadPoolExecutor(1, thread_name_prefix="haut-ext") as pool:
        try:
            using = making
            while True:
                ahead = pool.submit(following) if more and using > making * _NOTICEABLE else None
                began = time.perf_counter()
                yield from items
                using = time.perf_counter() - began
                if not more:
                    return
                items, more = following() if ahead is None else ahead.result()
        finally:
            pool.shutdown(cancel_futures=True)
            pages.close()
