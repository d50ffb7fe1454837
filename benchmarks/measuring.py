"""Interleaved rounds: every contender once a round, so that the machine's moods meet all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen
class Figure:
    """What the rounds of one contender came to, for each unit of its work.

    Attributes:
        walls: Wall time of each round, in seconds.
        cpus: Processor time of this process in each round, in seconds.
    """

    walls: list[float]
    cpus: list[float]

    def __str__(self) -> str:
        return f"{_ms(self.walls)} ms, CPU {_ms(self.cpus)} ms"


def _ms(seconds: list[float]) -> str:
    milliseconds = statistics.median(seconds) * 1000
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"


def ratios(ours: Figure, theirs: Figure) -> tuple[float, float]:
    """Return the median of the rounds' ratios, and half the distance between their quartiles."""
    found = [mine / other for mine, other in zip(ours.walls, theirs.walls, strict=True)]
    return middle(found)


def middle(values: list[float]) -> tuple[float, float]:
    """Return the median, and half the distance between the quartiles."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return median, (high - low) / 2


def compare(
    contenders: Mapping[str, Callable[[T], object]],
    rounds: int,
    *,
    prepare: Callable[[], T],
    units: Mapping[str, int] | int = 1,
    warm: bool = True,
) -> dict[str, Figure]:
    """Run each contender once in each round, in an order that turns from round to round.

    Args:
        contenders: What is run, by name, each with what was prepared for it.
        rounds: How many, 2 or more.
        prepare: Called before each run; its time does not count.
        units: How much work a run is, for all or each by its name.
        warm: Whether each runs once before the rounds.
    """
    figures = {name: Figure([], []) for name in contenders}
    names = list(contenders)
    for round_ in range(-int(warm), rounds):
        for name in names if round_ % 2 else reversed(names):
            prepared = prepare()
            wall, cpu = time.perf_counter(), time.process_time()
            contenders[name](prepared)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if round_ >= 0:
                many = units if isinstance(units, int) else units[name]
                figures[name].cpus.append(cpu / many)
                figures[name].walls.append(wall / many)
    return figures
