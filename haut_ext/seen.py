"""Which ids have been met, in nine bytes for each of many: Python's set takes ninety.

A leaf. An id is known by its hash, which keeps 61 bits of a UUID, and stands in one of two thousand
arrays, each short enough to be looked through.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from functools import partial

_ARRAYS = 2048


class Seen:
    """The ids that have been met, each known by its hash."""

    def __init__(self) -> None:
        self._arrays = defaultdict[int, "array[int]"](partial(array, "q"))

    def __contains__(self, identity: int) -> bool:
        return identity in self._arrays[identity % _ARRAYS]

    def add(self, identity: int) -> bool:
        """Note an id; return whether it is new."""
        same = self._arrays[identity % _ARRAYS]
        if identity in same:
            return False
        same.append(identity)
        return True
