"""Several calls of one workflow: concurrent in the asynchronous client, one by one in the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def gather_async(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T | Exception]:
    """Return, in their order, what the calls returned or raised.

    A failure does not stop the others: a photo that is half sent when another fails is better sent
    to its end than sent again. Only a cancellation or interruption stops them all.
    """
    import asyncio  # a program with the synchronous client starts sooner without it

    async def outcome(call: Callable[[], Awaitable[T]]) -> T | Exception:
        try:
            return await call()
        except Exception as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(call)) for call in calls]
    return [task.result() for task in tasks]


def gather(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Return, in their order, what the calls returned or raised; a failure does not stop the others."""

    def outcome(call: Callable[[], T]) -> T | Exception:
        try:
            return call()
        except Exception as error:
            return error

    return [outcome(call) for call in calls]
