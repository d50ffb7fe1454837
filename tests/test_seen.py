"""The ids that a reader of a list keeps: told apart exactly, and small."""

from __future__ import annotations

import random
import tracemalloc
from uuid import UUID

import pytest

from haut_ext.seen import Seen


def test_it_answers_as_a_set_does() -> None:
    chance = random.Random(1)
    seen, expected = Seen(), set[int]()
    for _ in range(20_000):
        # Small and negative numbers too: an id may be of any type.
        identity = chance.choice((hash(UUID(int=chance.getrandbits(128))), chance.randint(-99, 99)))
        assert (identity in seen) == (identity in expected)
        assert seen.add(identity) == (identity not in expected)
        expected.add(identity)
        assert identity in seen


@pytest.mark.slow
def test_ninety_thousand_more_ids_take_less_than_a_mebibyte() -> None:
    seen = Seen()
    for _ in range(10_000):
        seen.add(random.getrandbits(61))
    tracemalloc.start()
    try:
        for _ in range(90_000):
            seen.add(random.getrandbits(61))
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 2**20
