"""Helpers that make concurrent calls and await values that may be awaitable."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Generator, Hashable, Sequence
from contextlib import contextmanager
from inspect import isawaitable, iscoroutine
from typing import Any, TypeVar

from haut_ext.errors import ConfigError

T = TypeVar("T")

_running: dict[tuple[Hashable, ...], object] = {}
"""A token for each running block. There is no lock: a fork may copy a lock that is held."""


@contextmanager
def running(*key: Hashable, exclusive: bool, message: str) -> Generator[None]:
    """Mark the block as running in this process, for both clients, all threads and event loops.

    Raises:
        ConfigError: With the message, if `exclusive` is set and a block with the same key is running.
    """
    # A forked process has a copy of the dict, but not of the running blocks.
    key = (os.getpid(), *key)
    token = object()
    if _running.setdefault(key, token) is not token and exclusive:
        raise ConfigError(message)
    try:
        yield
    finally:
        _running.pop(key, None)


async def maybe_await(value: Any) -> Any:
    """Return the value, awaiting it first if it is awaitable. The sync client does not use this."""
    return await value if isawaitable(value) else value


async def run_async(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of the caller, and await its result if it is awaitable."""
    try:
        return await maybe_await(function(*arguments))
    finally:
        del arguments  # a request may contain secrets, which tracebacks must not show


def run(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of the caller, and return its result.

    Raises:
        ConfigError: If the result is awaitable, so that the function has not run yet.
    """
    try:
        result = function(*arguments)
    finally:
        del arguments  # a request may contain secrets, which tracebacks must not show
    if isawaitable(result):
        if iscoroutine(result):
            result.close()
        raise ConfigError("a function passed to Haut returned an awaitable: use AsyncHaut instead")
    return result


async def gather_async(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T | Exception]:
    """Make all calls concurrently, and return their results or exceptions in order.

    A failed call does not stop the others. For example, an upload in progress can finish, so that
    the photo does not have to be sent again. Cancellation stops all calls.
    """
    import asyncio  # imported here, so that programs that use only the sync client start faster

    async def outcome(call: Callable[[], Awaitable[T]]) -> T | Exception:
        try:
            return await call()
        except Exception as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(call)) for call in calls]
    return [task.result() for task in tasks]


def gather(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Make all calls one after another, and return their results or exceptions in order."""

    def outcome(call: Callable[[], T]) -> T | Exception:
        try:
            return call()
        except Exception as error:
            return error

    return [outcome(call) for call in calls]
