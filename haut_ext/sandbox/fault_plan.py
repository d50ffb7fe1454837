"""Plans simulated faults, and assigns them to requests as they arrive."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .faults import Fault


@dataclass(slots=True)
class _PlannedFault:
    operation: str
    fault: Fault
    times: int | None
    skip: int
    fired: int = 0

    @property
    def pending(self) -> bool:
        return self.fired < (self.times or 1)

    @property
    def exhausted(self) -> bool:
        return self.times is not None and self.fired >= self.times


class FaultPlan:
    """Planned faults, in order.

    A request triggers the first planned fault that applies to its operation and has not yet fired
    as often as planned.
    """

    def __init__(self, operations: Iterable[str]) -> None:
        self._known_operations = {*operations, "unknown", "*"}
        self._lock = threading.Lock()
        self._planned: list[_PlannedFault] = []

    def add(self, operation: str, fault: Fault, *, times: int | None = 1, skip: int = 0) -> None:
        """Plan a fault.

        Args:
            operation: Operation id, "upload_image", "download_image", or "*" for every operation.
            fault: Fault to simulate.
            times: Number of requests that trigger the fault; None means all.
            skip: Number of initial requests that do not trigger the fault.

        Raises:
            ValueError: If the operation id is unknown, because the fault would never be triggered.
        """
        if operation not in self._known_operations:
            valid = ", ".join(sorted(self._known_operations))
            raise ValueError(f"unknown operation {operation!r}; valid operations are {valid}")
        with self._lock:
            self._planned.append(_PlannedFault(operation, fault, times, skip))

    def take(self, operation: str) -> Fault | None:
        """Return the planned fault for an arriving request, and count the fault as fired."""
        with self._lock:
            for planned in self._planned:
                if planned.operation in (operation, "*") and not planned.exhausted:
                    if planned.skip:
                        planned.skip -= 1
                        return None
                    planned.fired += 1
                    return planned.fault
        return None

    @property
    def pending(self) -> list[tuple[str, str]]:
        """Operation id and fault name of each fault that has not fired as often as planned.

        A fault planned for all requests (`times=None`) is pending until it has fired once.
        """
        with self._lock:
            return [
                (planned.operation, planned.fault.name)
                for planned in self._planned
                if planned.pending
            ]

    @property
    def fired(self) -> dict[tuple[str, str], int]:
        """Number of times each fault has fired, by operation id and fault name."""
        with self._lock:
            counts: Counter[tuple[str, str]] = Counter()
            for planned in self._planned:
                counts[planned.operation, planned.fault.name] += planned.fired
            return dict(+counts)

    def clear(self) -> None:
        """Remove all planned faults."""
        with self._lock:
            self._planned.clear()
