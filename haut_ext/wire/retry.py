"""Which calls may be sent again, and when. The question is always: was the last one carried out?

    | call                          | certainly not carried out | unknown           |
    |-------------------------------|---------------------------|-------------------|
    | GET, PATCH, DELETE, PUT       | again                     | again             |
    | POST (creates, costs money)   | again                     | never: say so     |
    | POST that logs in             | never                     | never             |

The service blocks frequent logins, so that one is sent once, whatever comes of it. A body that cannot
be sent again from its beginning rules out any repetition.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0
"""Seconds. The bounds of the random wait double from the first to the longest."""

_PASSING_TROUBLES = frozenset({408, 500, 502, 503, 504})


class Fate(Enum):
    """What became of a request that did not succeed."""

    NOT_CARRIED_OUT = "turned away, or never sent"
    UNKNOWN = "a passing trouble; may have been carried out"
    FAILED = "a lasting trouble; may have been carried out"
    REFUSED = "not carried out, and would be refused again"

    @property
    def maybe_carried_out(self) -> bool:
        return self in (Fate.UNKNOWN, Fate.FAILED)


def fate_of_answer(status: int, retry_after: float | None) -> Fate:
    """Judge an answer by its status; a 503 that names a time to come back turned the call away."""
    if status == 429 or (status == 503 and retry_after is not None):
        return Fate.NOT_CARRIED_OUT
    if status in _PASSING_TROUBLES:
        return Fate.UNKNOWN
    return Fate.FAILED if status >= 500 else Fate.REFUSED


def may_repeat(method: str, fate: Fate, *, replayable: bool) -> bool:
    """Return whether a request may be sent again, by the table above."""
    if fate is Fate.NOT_CARRIED_OUT:
        return replayable
    return fate is Fate.UNKNOWN and replayable and method != "POST"


def backoff(retry: int) -> float:
    """Return a random wait in seconds before the given retry (from 1): full jitter.

    The bound stops doubling long before the number can overflow.
    """
    bound = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(retry - 1, 16))
    return random.uniform(0, bound)  # noqa: S311 - spreads load; nothing secret depends on it


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header (seconds or HTTP date) asks for, if it is valid."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for a zone of absurd length
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
