"""Common interface to Haut and AsyncHaut, so that one test can cover both clients."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self

from haut_ext import AsyncHaut, Haut

Kind = Literal["sync", "async"]

COMPANY = "11111111-2222-4333-8444-555555555555"
DATASET = "66666666-7777-4888-9999-aaaaaaaaaaaa"


class Client:
    """Wraps a Haut or an AsyncHaut. All calls of an AsyncHaut run in the same event loop.

    Args:
        kind: Whether to create a sync or an async client.
        arguments: Arguments for the client constructor.

    Attributes:
        haut: The wrapped client.
    """

    def __init__(self, kind: Kind, **arguments: Any) -> None:
        self.haut: Any = client_class(kind)(**arguments)
        self.kind = kind
        self._runner = asyncio.Runner() if kind == "async" else None

    def call(self, function: Callable[[Any], Any]) -> Any:
        """Return the result of `function(haut)`. Await coroutines, and convert iterators to lists."""
        if self._runner is None:
            result = function(self.haut)
            return list(result) if inspect.isgenerator(result) else result

        async def run() -> Any:
            result = function(self.haut)
            if hasattr(result, "__aiter__"):
                return [item async for item in result]
            return await result if inspect.isawaitable(result) else result

        return self._runner.run(run())

    def close(self) -> None:
        """Close the client and its event loop."""
        if self._runner is None:
            self.haut.close()
            return
        self._runner.run(self.haut.aclose())
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def client_class(kind: Kind) -> Any:
    """Return the class Haut or AsyncHaut."""
    return Haut if kind == "sync" else AsyncHaut
