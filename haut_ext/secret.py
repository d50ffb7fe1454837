"""Keeps secrets, such as tokens and signed URLs, out of reprs, printers and tracebacks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from hmac import compare_digest
from typing import Any, NoReturn, TypeVar, cast

from haut_ext.errors import HautError

Function = TypeVar("Function", bound=Callable[..., Any])


class Secret:
    """A text that only `reveal` returns. It can be compared, but neither printed nor pickled."""

    __slots__ = ("_reveal",)

    def __init__(self, value: str) -> None:
        def reveal() -> str:
            return value

        self._reveal = reveal  # tools that print the attributes of an object show a function

    def reveal(self) -> str:
        """Return the secret text. Do not assign it to a variable: tracebacks show variables."""
        return self._reveal()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self.reveal().encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


def hide_frames(function: Function) -> Function:
    """Decorate a function whose variables are secrets.

    If it raises an error of this package, the traceback shows neither its variables nor those of the
    functions that it called.
    """
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            try:
                return await function(*args, **kwargs)
            except HautError as error:
                raise error.with_traceback(None)  # noqa: B904 - the same error
            finally:
                del args, kwargs

        return cast(Function, call_async)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except HautError as error:
            raise error.with_traceback(None)  # noqa: B904 - the same error
        finally:
            del args, kwargs

    return cast(Function, call)
