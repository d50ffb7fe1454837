"""Where the time of one small call goes: a thousand looks a second at what is running. Goal 7.

A look belongs to the innermost layer on the stack; the standard library's work belongs to who called
it. The operating system's sending, and the wait for the sandbox's answer, are layers of their own.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import haut_api
import haut_ext
from benchmarks.report import Result
from benchmarks.service import service
from haut_ext import Haut

_INTERVAL = 0.001
_WRITTEN = Path(haut_ext.__file__).parent
_GENERATED = Path(haut_api.__file__).parent
_LIBRARIES = ("httpx", "httpcore", "h11")

WAITING, SENDING = "socket: waiting for the answer", "socket: sending"


def _layer(frame: FrameType | None) -> str:
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.parts[-3:] == ("httpcore", "_backends", "sync.py"):
            return WAITING
        if path == _WRITTEN / "wire" / "waiting.py" and frame.f_code.co_name == "write":
            return SENDING
        if path.is_relative_to(_WRITTEN):
            return f"haut_ext: {path.relative_to(_WRITTEN).with_suffix('').as_posix()}"
        if path.is_relative_to(_GENERATED):
            name = "dates" if path.name == "types.py" else path.relative_to(_GENERATED).parts[0]
            return f"haut_api: {name}"
        for library in _LIBRARIES:
            if library in path.parts:
                return library
        frame = frame.f_back
    return "the benchmark"


def looks(call: Callable[[], object], seconds: float) -> dict[str, float]:
    """Return each layer's share of the time of a call, repeated for so many seconds."""
    found: Counter[str] = Counter()

    def look(number: int, frame: FrameType | None) -> None:
        found[_layer(frame)] += 1

    call()
    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _INTERVAL, _INTERVAL)
    try:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return {layer: count / found.total() for layer, count in found.most_common()}


def profile(rounds: int) -> list[Result]:
    results: list[Result] = []
    with service(subjects=1000) as running, ExitStack() as stack:
        haut = stack.enter_context(Haut(**running.credentials))
        calls: dict[str, Callable[[], object]] = {
            "one image": lambda: haut.images.get(running.image_id),
            "a page of 100 subjects": lambda: haut.subjects.list(page_size=100),
        }
        for what, call in calls.items():
            for layer, share in looks(call, rounds).items():
                if share >= 0.01:
                    ours = layer.startswith("haut_ext")
                    wanted = "at most 20" if ours else ""
                    met = share <= 0.2 if ours else None
                    row = Result(
                        f"{what}: % of the time", layer, "", share * 100, None, wanted, met
                    )
                    results.append(row)
    return results
