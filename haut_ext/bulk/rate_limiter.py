"""Limits of a bulk run: concurrent rows, requests per second, and pauses that the service requests.

The number of concurrent rows adapts to the service: it is halved when the service rejects requests
(429, or 503 with Retry-After) or cannot be reached, and increases with every row that succeeds.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from haut_ext import ConfigError, Haut, parse_retry_after
from haut_ext.bulk.report import BulkStopped

_INITIAL_PAUSE = 0.5
_MAX_PAUSE = 60.0
"""Seconds. The upper bound of a random pause doubles from the first value to the second."""

_MAX_RETRY_AFTER = 8.0
"""Seconds. After a longer Retry-After, the row is processed later instead of waiting in its thread, so
that an interrupted run ends soon."""


class RateLimiter:
    """Limits on rows and requests, shared by all threads of a run.

    Args:
        max_rows: Maximum number of rows processed concurrently.
        requests_per_second: Maximum rate of requests to the API; None means no limit.
        outage_timeout: Seconds for which the service may reject everything or be unreachable.

    Raises:
        ConfigError: If a limit is not positive.
    """

    def __init__(
        self, max_rows: int, requests_per_second: float | None, outage_timeout: float
    ) -> None:
        if max_rows < 1 or (requests_per_second is not None and requests_per_second <= 0):
            raise ConfigError("max_in_flight and requests_per_second must be positive")
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
        """Wait until another row may be processed. Return False if the run has stopped."""
        with self._changed:
            while not self._stopped and self._rows >= int(self._row_limit):
                self._changed.wait()
            if self._stopped:
                return False
            self._rows += 1
            return True

    def end_row(self) -> None:
        """Let another thread process a row."""
        with self._changed:
            self._rows -= 1
            self._changed.notify_all()

    def record_success(self) -> None:
        """Raise the limit of rows: by one for as many successes as the limit allows rows."""
        with self._changed:
            self._failures = 0
            self._row_limit = min(float(self.max_rows), self._row_limit + 1 / self._row_limit)

    def wait_for_request(self, *, to_api: bool) -> None:
        """Wait until a request may be sent.

        Args:
            to_api: Whether the request counts toward the requests per second. Transfers of photos to
                the storage do not, but they also wait for the end of a pause.

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
        """Pause all requests and halve the limit of rows.

        The pause is random with a growing upper bound, and not shorter than Retry-After. Failures that
        are reported during a pause count as one, because one event affects several threads.

        Args:
            retry_after: Seconds that the service requested to wait, if any.

        Returns:
            Whether the pause ends before the outage timeout.
        """
        with self._changed:
            now = time.monotonic()
            if not self._failures:
                self._first_failure = now
            if now >= self._paused_until:
                self._failures += 1
                self._row_limit = max(1.0, self._row_limit / 2)
            # The exponent is limited, so that many failures cannot overflow a float.
            bound = min(_MAX_PAUSE, _INITIAL_PAUSE * 2 ** min(self._failures - 1, 16))
            pause = max(random.uniform(0, bound), retry_after or 0.0)  # noqa: S311 - not a secret
            self._paused_until = max(self._paused_until, now + pause)
            return self._paused_until - self._first_failure <= self._outage_timeout

    def stop(self) -> None:
        """Start no further rows. Requests that wait for the end of a pause raise BulkStopped."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


def with_rate_limit(haut: Haut, limiter: RateLimiter) -> Haut:
    """Return a copy of the client whose requests obey the limiter, each retry included."""
    api = httpx.URL(haut.scope.base_url)

    def before_request(request: httpx.Request) -> None:
        url = request.url
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
