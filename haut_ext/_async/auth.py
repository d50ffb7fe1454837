"""Caches the API token, and renews it once on behalf of all waiting calls.

Each call of the token provider starts a new token generation. A caller whose token is rejected
requests the next generation. The first caller to request a generation calls the provider; all
callers that request this generation get the same result, either a token or the provider's
exception.

A token with a known lifetime is renewed before it expires, in two windows. In the advisory window,
one caller renews the token while the others keep using it. If the renewal fails, the failure is
logged and the renewal is retried later. In the mandatory window, shortly before expiry, all callers
wait for the new token.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from math import inf
from threading import Lock

from attrs import evolve

from haut_ext._http.tokens import AsyncToken, CachedToken, check_token
from haut_ext.concurrency import maybe_await

logger = logging.getLogger("haut_ext")

_ADVISORY_WINDOW = 1 / 4
_MANDATORY_WINDOW = 1 / 30
"""Renewal windows as fractions of a token's lifetime: the last 15 and 2 minutes of an hour."""
_ADVISORY_RETRY_INTERVAL = 60.0
"""Seconds between attempts to renew a token that is still valid."""
_MAX_EARLIER = 10
"""Number of replaced tokens that are removed from responses that echo them."""


class AsyncTokenSource:
    """Caches the API token; calls the token provider before the first request and after a 401.

    Args:
        provider: The token, or a callable that returns one.
        lifetime: Lifetime of a token in seconds; `math.inf` if unknown.

    Attributes:
        clock: Returns the current time in seconds.
    """

    def __init__(self, provider: AsyncToken, *, lifetime: float = inf) -> None:
        self.provider = provider if callable(provider) else check_token(provider)
        self.clock: Callable[[], float] = time.monotonic
        self._lifetime = lifetime
        self._cached = CachedToken(None if callable(self.provider) else self.provider)
        # Each event loop or process has its own lock, because a fork may copy a lock that is held.
        self._locks: dict[object, asyncio.Lock] = {}
        self._advisory_lock = Lock()

    async def current(self) -> CachedToken:
        """Return the current token.

        Raises:
            ConfigError: If the provider's token is invalid.
            Exception: Any exception that the provider raises.
        """
        cached = self._cached
        now = self.clock()
        if cached.value is None or now >= cached.mandatory_refresh:
            generation = cached.generation
            del cached  # otherwise each error's traceback would keep the previous error alive
            return await self._next(generation)
        if now >= cached.advisory_refresh and self._advisory_lock.acquire(blocking=False):
            try:
                return await self._next(cached.generation, advisory=True)
            finally:
                self._advisory_lock.release()
        return cached

    async def renew(self, rejected: CachedToken) -> bool:
        """Renew a rejected token; return True if the current token differs from the rejected one.

        A token that is a string cannot be renewed.

        Raises:
            ConfigError: If the provider's token is invalid.
            Exception: Any exception that the provider raises.
        """
        if not callable(self.provider):
            return False
        return (await self._next(rejected.generation)).value != rejected.value

    async def _next(self, generation: int, *, advisory: bool = False) -> CachedToken:
        """Return the token after the given generation, from the cache or the provider."""
        async with self._lock():
            if self._cached.generation == generation:
                self._cached = await self._call_provider(advisory=advisory)
            cached = self._cached
        if cached.error is not None:
            raise cached.error
        return cached

    def _lock(self) -> asyncio.Lock:
        owner = asyncio.get_running_loop()
        if owner not in self._locks:
            for other in list(self._locks):
                if getattr(other, "is_closed", bool)():  # remove locks of closed event loops
                    self._locks.pop(other, None)
            self._locks.setdefault(owner, asyncio.Lock())
        return self._locks[owner]

    async def _call_provider(self, *, advisory: bool) -> CachedToken:
        assert callable(self.provider)  # a token given as a string is never renewed
        generation = self._cached.generation + 1
        started = self.clock()
        try:
            token = check_token(await maybe_await(self.provider()))
        except Exception as error:
            if advisory:
                logger.warning("the token could not be renewed yet: %s", type(error).__name__)
                retry_at = self.clock() + _ADVISORY_RETRY_INTERVAL
                return evolve(self._cached, advisory_refresh=retry_at, error=None)
            return evolve(self._cached, generation=generation, error=error)
        advisory_refresh = started + self._lifetime * (1 - _ADVISORY_WINDOW)
        mandatory_refresh = started + self._lifetime * (1 - _MANDATORY_WINDOW)
        replaced = self._cached
        earlier = (*replaced.earlier, *([replaced.value] if replaced.value else []))[-_MAX_EARLIER:]
        return CachedToken(token, generation, None, advisory_refresh, mandatory_refresh, earlier)
