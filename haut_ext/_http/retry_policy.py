"""Retry policy: which requests are repeated, and after how long.

    | request                     | rejected: certainly not carried out | ambiguous |
    |-----------------------------|-------------------------------------|-----------|
    | GET, PATCH, DELETE, PUT     | repeat                              | repeat    |
    | POST (creates, costs money) | repeat                              | never     |
    | POST that logs in           | never                               | never     |

The service blocks frequent logins, so a login is sent once. A body that cannot be sent again from
its start rules out any repetition.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

INITIAL_BACKOFF = 0.5
MAX_BACKOFF = 8.0
"""Seconds. The upper bound of the random delay doubles from the first to the second."""

_TRANSIENT_STATUSES = frozenset({408, 500, 502, 503, 504})


class Disposition(Enum):
    """What a failed attempt means for the request."""

    REJECTED = "not carried out; repeating it may succeed"
    AMBIGUOUS = "may have been carried out; repeating it may succeed"
    FAILED = "may have been carried out; repeating it would fail again"
    PERMANENT = "not carried out; repeating it would fail again"

    @property
    def maybe_carried_out(self) -> bool:
        return self in (Disposition.AMBIGUOUS, Disposition.FAILED)


def status_disposition(
    method: str, status: int, retry_after: float | None, *, in_envelope: bool
) -> Disposition:
    """Judge a status that is not a success.

    Args:
        method: The request's method.
        status: The response's status.
        retry_after: Seconds that the response asks to wait, if it does.
        in_envelope: Whether the body is the service's own error envelope. Without it, a proxy may
            have written the 429 or 503 after the service had carried out a POST.
    """
    if status == 429 or (status == 503 and retry_after is not None):
        trusted = method != "POST" or in_envelope
        return Disposition.REJECTED if trusted else Disposition.AMBIGUOUS
    if status in _TRANSIENT_STATUSES:
        return Disposition.AMBIGUOUS
    redirected = 300 <= status < 400  # the usual response to a POST that was carried out
    return Disposition.FAILED if status >= 500 or redirected else Disposition.PERMANENT


def may_retry(method: str, disposition: Disposition, *, replayable: bool) -> bool:
    """Return whether a request may be sent again, by the table above."""
    if disposition is Disposition.REJECTED:
        return replayable
    return disposition is Disposition.AMBIGUOUS and replayable and method != "POST"


def retry_delay(retry: int, retry_after: float | None) -> float:
    """Return the seconds to wait before a retry: random, and never shorter than Retry-After.

    Args:
        retry: The number of the retry, from 1.
        retry_after: Seconds that the last response asked to wait, if it did.
    """
    # The exponent is limited, so that a large number of retries cannot overflow a float.
    bound = min(MAX_BACKOFF, INITIAL_BACKOFF * 2 ** min(retry - 1, 16))
    return max(random.uniform(0, bound), retry_after or 0.0)  # noqa: S311 - not a secret


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header (seconds or HTTP date), or None if it is invalid."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    moment = parse_http_date(text)
    return None if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


def parse_http_date(value: str | None) -> datetime | None:
    """Return an HTTP date with its time zone (UTC if it names none), or None if it is invalid."""
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
