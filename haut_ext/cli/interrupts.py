"""Handles Ctrl-C during a bulk run."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from haut_ext.cli.exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def finish_on_first_interrupt(console: Console, advice: str) -> Generator[None]:
    """Stop after the rows in progress on the first Ctrl-C, and at once on the second.

    Args:
        console: Console for the messages.
        advice: How to continue the run; printed when the process ends.
    """

    def on_first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, on_second)
        console.print("Finishing the rows in progress. Press Ctrl-C again to stop at once.")
        raise KeyboardInterrupt

    def on_second(number: int, frame: FrameType | None) -> None:
        # Written directly to stderr, because another thread may hold the lock of the console.
        show_cursor = "\x1b[?25h" if console.is_terminal else ""
        os.write(2, f"{show_cursor}\nStopped at once. {advice}\n".encode())
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, on_first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
