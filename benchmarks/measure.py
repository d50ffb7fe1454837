"""Measures the compared clients in interleaved rounds, and formats the result table."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from attrs import frozen

T = TypeVar("T")

HEADER = ["| Task | haut_ext | Compared with | Ratio |", "|---|---|---|---|"]


@frozen
class Row:
    """One row of the result table."""

    task: str
    ours: str
    theirs: str
    ratio: str

    def __str__(self) -> str:
        return f"| {self.task} | {self.ours} | {self.theirs} | {self.ratio} |"


def compare(
    contenders: Mapping[str, Callable[[T], object]],
    rounds: int,
    *,
    prepare: Callable[[], T],
    units: Mapping[str, int] | int = 1,
    warm_up: bool = True,
) -> dict[str, float]:
    """Run each contender once per round, and return the seconds per unit of work in its fastest round.

    Other programs can only slow a round down, so the fastest round is the most accurate. Contenders
    alternate, and every second round runs in reverse order, so that no contender benefits from its
    position.

    Args:
        contenders: Functions to measure, by name. The return value of `prepare` is passed to each.
        rounds: Number of rounds.
        prepare: Function that is called before each run. Its running time is not counted.
        units: Number of units of work in a run, for all contenders or by name.
        warm_up: Whether to run each contender once before the first round.
    """
    fastest = dict.fromkeys(contenders, math.inf)
    names = list(contenders)
    for round_number in range(-int(warm_up), rounds):
        for name in names if round_number % 2 else reversed(names):
            prepared = prepare()
            start = time.perf_counter()
            contenders[name](prepared)
            elapsed = time.perf_counter() - start
            if round_number >= 0:
                count = units if isinstance(units, int) else units[name]
                fastest[name] = min(fastest[name], elapsed / count)
    return fastest


def duration_row(task: str, seconds: Mapping[str, float], ours: str, theirs: str) -> Row:
    """Return a table row with the duration of one unit of work for each contender."""
    return Row(
        task,
        f"{ours}: {_milliseconds(seconds[ours])}",
        f"{theirs}: {_milliseconds(seconds[theirs])}",
        f"{seconds[ours] / seconds[theirs]:.2f}",
    )


def rate_row(task: str, seconds: Mapping[str, float], ours: str, theirs: str) -> Row:
    """Return a table row with the number of work units per second for each contender."""
    return Row(
        task,
        f"{ours}: {1 / seconds[ours]:,.0f} per second",
        f"{theirs}: {1 / seconds[theirs]:,.0f} per second",
        f"{seconds[theirs] / seconds[ours]:.2f}",
    )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds >= 0.1 else f"{seconds * 1000:.3g} ms"
