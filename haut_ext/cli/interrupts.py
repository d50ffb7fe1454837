"""Handles Ctrl-C and SIGTERM, which a supervisor sends to end a process.

SIGTERM ends a command as Ctrl-C does, so that the command can save its state.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from haut_ext.cli.exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from rich.console import Console

_Handler = Callable[[int, FrameType | None], None]


@contextmanager
def handled_by(handler: _Handler, *signals: int) -> Generator[None]:
    """Let a function handle signals, and restore the previous handlers afterwards."""
    before = [(number, signal.signal(number, handler)) for number in signals]
    try:
        yield
    finally:
        for number, previous in before:
            signal.signal(number, previous)


@contextmanager
def finish_on_first_interrupt(console: Console, advice: str) -> Generator[None]:
    """Stop after the rows in progress on the first Ctrl-C or SIGTERM, and at once on the second.

    Args:
        console: Console for the messages.
        advice: How to continue the run; printed when the process ends.
    """

    def on_first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, on_second)
        signal.signal(signal.SIGTERM, on_second)
        console.print("Finishing the rows in progress. Press Ctrl-C again to stop at once.")
        raise KeyboardInterrupt

    def on_second(number: int, frame: FrameType | None) -> None:
        # Written directly to stderr, because another thread may hold the lock of the console.
        show_cursor = "\x1b[?25h" if console.is_terminal else ""
        os.write(2, f"{show_cursor}\nStopped at once. {advice}\n".encode())
        os._exit(INTERRUPTED)

    with handled_by(on_first, signal.SIGINT, signal.SIGTERM):
        yield
