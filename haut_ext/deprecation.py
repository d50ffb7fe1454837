"""Announcement of deprecations: a warning at run time, and a mark that type checkers show."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The decorator of PEP 702, which type checkers know. It is part of Python since 3.13 only.
    from typing_extensions import deprecated as deprecated
else:

    def deprecated(message: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Mark a function, method or property getter as deprecated.

        Each call warns with DeprecationWarning at the caller's line, which for a coroutine function
        is the line that calls it, not the one that awaits the result.

        Args:
            message: Since which version it is deprecated, and what to use instead.
        """

        def mark(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def call(*arguments: Any, **options: Any) -> Any:
                warnings.warn(message, DeprecationWarning, stacklevel=2)
                return function(*arguments, **options)

            return call

        return mark


def warn_deprecated(message: str, *, depth: int = 1) -> None:
    """Warn with DeprecationWarning about an argument or value that is deprecated.

    Args:
        message: Since which version it is deprecated, and what to use instead.
        depth: Number of calls between the caller's line and this function: 1 in a public method.
    """
    warnings.warn(message, DeprecationWarning, stacklevel=depth + 2)
