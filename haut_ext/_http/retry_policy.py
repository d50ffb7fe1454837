"""Retry policy: which requests are sent again, and after which delay.

    | method                                | outcome is "rejected" | outcome is "ambiguous" |
    |---------------------------------------|-----------------------|------------------------|
    | GET, PATCH, DELETE, PUT               | retry                 | retry                  |
    | POST (may create records, cost money) | retry                 | do not retry           |

"Rejected" means that the service did not carry out the request. "Ambiguous" means that it may have
carried out the request. A login is never retried, because the service blocks frequent logins. A
request is not retried either if its body cannot be read again from the start.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

from haut_ext.backoff import backoff

INITIAL_BACKOFF = 0.5
MAX_BACKOFF = 8.0
"""Upper bounds of the random delay before a retry, in seconds. The bound starts at
`INITIAL_BACKOFF` and doubles with each retry up to `MAX_BACKOFF`.
"""

_TRANSIENT_STATUSES = frozenset({408, 500, 502, 503, 504})


class Disposition(Enum):
    """Whether a failed request may have been carried out, and whether a retry may succeed."""

    REJECTED = "not carried out; a retry may succeed"
    AMBIGUOUS = "may have been carried out; a retry may succeed"
    FAILED = "may have been carried out; a retry would fail again"
    PERMANENT = "not carried out; a retry would fail again"

    @property
    def maybe_carried_out(self) -> bool:
        return self in (Disposition.AMBIGUOUS, Disposition.FAILED)


def status_disposition(
    method: str, status: int, retry_after: float | None, *, in_envelope: bool
) -> Disposition:
    """Return the disposition of an attempt that got an error status.

    Args:
        method: HTTP method of the request.
        status: HTTP status of the response.
        retry_after: Value of the Retry-After header in seconds, if the response has one.
        in_envelope: Whether the body has the service's error format. Otherwise, the 429 or 503 may
            come from a proxy, although the service has carried out the POST.
    """
    if status == 429 or (status == 503 and retry_after is not None):
        trusted = method != "POST" or in_envelope
        return Disposition.REJECTED if trusted else Disposition.AMBIGUOUS
    if status in _TRANSIENT_STATUSES:
        return Disposition.AMBIGUOUS
    redirected = 300 <= status < 400  # servers often redirect after they have carried out a POST
    return Disposition.FAILED if status >= 500 or redirected else Disposition.PERMANENT


def may_retry(method: str, disposition: Disposition, *, repeatable: bool) -> bool:
    """Return whether the retry policy allows sending a request again."""
    if disposition is Disposition.REJECTED:
        return repeatable
    return disposition is Disposition.AMBIGUOUS and repeatable and method != "POST"


def retry_delay(retry: int, retry_after: float | None) -> float:
    """Return the delay before a retry, in seconds, using exponential backoff with full jitter.

    The delay is never shorter than Retry-After.

    Args:
        retry: Number of the retry, starting at 1.
        retry_after: Value of the Retry-After header in seconds, if there is one.
    """
    return backoff(retry, retry_after, initial=INITIAL_BACKOFF, maximum=MAX_BACKOFF)


def parse_retry_after(value: str | None) -> float | None:
    """Parse a Retry-After header, and return the delay in seconds, or None if it is invalid."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    date = parse_http_date(text)
    return None if date is None else max(0.0, (date - datetime.now(UTC)).total_seconds())


def parse_http_date(value: str | None) -> datetime | None:
    """Parse an HTTP date; return a datetime with a time zone, or None for an invalid date."""
    try:
        date = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
