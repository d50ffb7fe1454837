"""Interleaved rounds: every contender once a round, so that the machine's moods meet all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

from attrs import frozen


@frozen
class Figure:
    """What the rounds of one contender came to.

    Attributes:
        seconds: Median of the wall time of a run.
        spread: Half the distance between the quartiles, as a share of the median.
        cpu: Median of the processor time of this process in a run, in seconds.
    """

    seconds: float
    spread: float
    cpu: float


def compare(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Figure]:
    """Run each contender once to warm up and then once in each round."""
    walls: dict[str, list[float]] = {name: [] for name in contenders}
    cpus: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run()
    for round_ in range(rounds):
        names = list(contenders)
        for name in names if round_ % 2 else reversed(names):
            wall, cpu = time.perf_counter(), time.process_time()
            contenders[name]()
            cpus[name].append(time.process_time() - cpu)
            walls[name].append(time.perf_counter() - wall)
    return {name: _figure(walls[name], cpus[name]) for name in contenders}


def _figure(walls: list[float], cpus: list[float]) -> Figure:
    median = statistics.median(walls)
    low, _, high = statistics.quantiles(walls, n=4) if len(walls) > 1 else (median, 0, median)
    return Figure(median, (high - low) / 2 / median, statistics.median(cpus))
