"""Marks functions as deprecated, for warnings at run time and in type checkers."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Type checkers recognize the `deprecated` decorator of PEP 702. Python contains it since
    # version 3.13.
    from typing_extensions import deprecated as deprecated
else:

    def deprecated(message: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Mark a function, method or property getter as deprecated.

        Each call issues a DeprecationWarning that points to the caller's line. For a coroutine
        function, this is the line of the call, not the line of the `await`.

        Args:
            message: Version that deprecated it, and what to use instead.
        """

        def mark(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def call(*arguments: Any, **options: Any) -> Any:
                warnings.warn(message, DeprecationWarning, stacklevel=2)
                return function(*arguments, **options)

            return call

        return mark


def warn_deprecated(message: str, *, depth: int = 1) -> None:
    """Issue a DeprecationWarning about a deprecated argument or value.

    Args:
        message: Deprecation message: the version and the replacement.
        depth: Number of stack frames between the user's code and this function; 1 if a public
            method calls it directly.
    """
    warnings.warn(message, DeprecationWarning, stacklevel=depth + 2)
