"""Timing of several contenders in interleaved rounds, and the rows of the result table."""

from __future__ import annotations

import statistics
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
) -> dict[str, list[float]]:
    """Run every contender once in each round and return the seconds per unit of work.

    Rounds are interleaved, and every second round runs in reverse order, so that a change in the load
    of the machine affects all contenders alike.

    Args:
        contenders: Functions to time, by name. Each receives the result of `prepare`.
        rounds: Number of rounds, at least 2.
        prepare: Called before each run. Its time is not counted.
        units: Number of units of work in a run, for all contenders or by name.
        warm_up: Whether to run each contender once before the first round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for round_number in range(-int(warm_up), rounds):
        for name in names if round_number % 2 else reversed(names):
            prepared = prepare()
            start = time.perf_counter()
            contenders[name](prepared)
            elapsed = time.perf_counter() - start
            if round_number >= 0:
                count = units if isinstance(units, int) else units[name]
                seconds[name].append(elapsed / count)
    return seconds


def duration_row(task: str, seconds: Mapping[str, list[float]], ours: str, theirs: str) -> Row:
    """Return a row with the duration of one unit of work."""
    return Row(
        task,
        f"{ours}: {_milliseconds(seconds[ours])}",
        f"{theirs}: {_milliseconds(seconds[theirs])}",
        _ratio(seconds[ours], seconds[theirs]),
    )


def rate_row(task: str, seconds: Mapping[str, list[float]], ours: str, theirs: str) -> Row:
    """Return a row with the number of units per second."""
    return Row(
        task,
        f"{ours}: {_rate(seconds[ours])}",
        f"{theirs}: {_rate(seconds[theirs])}",
        _ratio(seconds[theirs], seconds[ours]),
    )


def _milliseconds(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.3g} ms"


def _rate(seconds: list[float]) -> str:
    return f"{1 / statistics.median(seconds):,.0f} per second"


def _ratio(numerators: list[float], denominators: list[float]) -> str:
    """Return the median of the ratios of all rounds, with half their interquartile range."""
    ratios = [top / bottom for top, bottom in zip(numerators, denominators, strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{median:.2f} ± {(high - low) / 2:.2f}"
