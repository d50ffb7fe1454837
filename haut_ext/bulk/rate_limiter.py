"""Limits the concurrent rows and the request rate of a bulk run, and pauses it after failures.

The limit of concurrent rows is halved when the service is unreachable or rejects requests (429, or
503 with Retry-After). It increases again as rows succeed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from haut_ext import ConfigError, Haut, parse_retry_after
from haut_ext._httpx import httpx
from haut_ext.argument_checks import check_wait
from haut_ext.backoff import backoff
from haut_ext.bulk.report import BulkStopped

_MAX_ROWS = 1000
_MIN_RATE = 0.001
_INITIAL_PAUSE = 0.5
_MAX_PAUSE = 60.0
"""Upper bounds of random pauses, in seconds. The bound doubles with each consecutive failure, from
`_INITIAL_PAUSE` to `_MAX_PAUSE`."""

_MAX_RETRY_AFTER = 8.0
"""Longest Retry-After, in seconds, for which a row waits in its thread. With a longer one, the row
is postponed, so that an interrupted run ends soon."""


class RateLimiter:
    """Rate limiter for rows and requests, shared by all threads of a bulk run.

    Args:
        max_rows: Maximum number of rows processed concurrently.
        requests_per_second: Maximum rate of requests to the API; None means no limit.
        outage_timeout: Time, in seconds, after which the run stops if the service is unreachable or
            rejects all requests.

    Raises:
        ConfigError: If a limit is out of range.
    """

    def __init__(
        self, max_rows: int, requests_per_second: float | None, outage_timeout: float
    ) -> None:
        if not 1 <= max_rows <= _MAX_ROWS:
            raise ConfigError(f"max_in_flight must be 1 to {_MAX_ROWS}")
        if requests_per_second is not None and not requests_per_second >= _MIN_RATE:
            raise ConfigError(f"requests_per_second must be {_MIN_RATE} or more")
        check_wait(outage_timeout=outage_timeout)
        self.max_rows = max_rows
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._outage_timeout = outage_timeout
        self._changed = threading.Condition()
        self._row_limit = float(max_rows)
        self._rows = 0
        self._stopped = False
        self._next_request = self._paused_until = 0.0
        self._failures = 0
        self._first_failure = 0.0

    def start_row(self) -> bool:
        """Wait until another row may start. Return False if the run has stopped."""
        with self._changed:
            while not self._stopped and self._rows >= int(self._row_limit):
                self._changed.wait()
            if self._stopped:
                return False
            self._rows += 1
            return True

    def end_row(self) -> None:
        """Mark a row as finished, so that another thread can start one."""
        with self._changed:
            self._rows -= 1
            self._changed.notify_all()

    def record_success(self) -> None:
        """Raise the row limit by 1/limit, so that it grows by one after `limit` successful rows."""
        with self._changed:
            self._failures = 0
            self._row_limit = min(float(self.max_rows), self._row_limit + 1 / self._row_limit)

    def wait_for_request(self, *, to_api: bool) -> None:
        """Wait until a request may be sent.

        Args:
            to_api: Whether the request goes to the API and counts toward the request rate.
                Transfers to the storage do not count, but also wait while the run is paused.

        Raises:
            BulkStopped: If the run stops during a pause.
        """
        with self._changed:
            while True:
                now = time.monotonic()
                if self._stopped and self._paused_until > now:
                    raise BulkStopped("the run stopped during a pause that the service requested")
                until = max(self._paused_until, self._next_request if to_api else 0.0)
                if until <= now:
                    break
                self._changed.wait(until - now)
            if to_api:
                self._next_request = now + self._interval

    def back_off(self, retry_after: float | None) -> bool:
        """Pause all requests, and halve the limit of concurrent rows.

        The duration of the pause is random, with a growing upper bound, and at least `retry_after`.
        All failures during one pause count as a single failure, because an outage affects several
        threads at once.

        Args:
            retry_after: Delay that the service requested, in seconds, if any.

        Returns:
            Whether the pause ends before the outage timeout is exceeded.
        """
        with self._changed:
            now = time.monotonic()
            if not self._failures:
                self._first_failure = now
            if now >= self._paused_until:
                self._failures += 1
                self._row_limit = max(1.0, self._row_limit / 2)
            pause = backoff(self._failures, retry_after, initial=_INITIAL_PAUSE, maximum=_MAX_PAUSE)
            self._paused_until = max(self._paused_until, now + pause)
            return self._paused_until - self._first_failure <= self._outage_timeout

    def check_running(self) -> None:
        """Raise BulkStopped if the run has stopped."""
        with self._changed:
            if self._stopped:
                raise BulkStopped("the run has stopped")

    def stop(self) -> None:
        """Start no further rows, and raise BulkStopped in threads that wait during a pause."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


def with_rate_limit(haut: Haut, limiter: RateLimiter, *, only_reads: bool = False) -> Haut:
    """Return a copy of the client that waits for the rate limiter before every attempt.

    Args:
        haut: The client.
        limiter: The rate limiter.
        only_reads: Whether the run changes nothing on the service. After it has stopped, its rows
            then send no more requests. Otherwise they are completed.
    """
    api = httpx.URL(haut.scope.base_url)

    def before_request(request: httpx.Request) -> None:
        url = request.url
        if only_reads:
            limiter.check_running()
        limiter.wait_for_request(to_api=(url.host, url.port) == (api.host, api.port))

    def after_response(response: httpx.Response) -> None:
        retry_after = parse_retry_after(response.headers.get("retry-after"))
        if response.status_code == 429 or (response.status_code == 503 and retry_after is not None):
            limiter.back_off(retry_after)

    max_retry_after = min(haut.options.max_retry_after or _MAX_RETRY_AFTER, _MAX_RETRY_AFTER)
    hooks: dict[str, list[Callable[[Any], None]]] = {
        "request": [before_request],
        "response": [after_response],
    }
    return haut.with_options(max_retry_after=max_retry_after, event_hooks=hooks)
