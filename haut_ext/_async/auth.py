"""Cached token: one for all the calls of a client, requested once however many calls wait for it.

Each request of the provider ends one generation and begins the next. A call remembers the
generation it was given; when its token is rejected it requests the next one, as do all calls of the
same generation: the first of them calls the provider, and all get its result, a token or the
provider's exception.

A token whose lifetime is known is renewed before it ends, in two windows. In the advisory window
one caller renews it while the others go on; a failure is logged, and renewal is tried again later.
In the mandatory window, shortly before the end, all callers wait for the new token.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from math import inf
from threading import Lock

from attrs import evolve

from haut_ext._http.tokens import AsyncToken, CachedToken, call_provider_async, check_token

logger = logging.getLogger("haut_ext")

_ADVISORY = 1 / 4
_MANDATORY = 1 / 30
"""Part of a token's lifetime that is left when each window opens: of an hour, 15 minutes and 2."""
_PAUSE = 60.0
"""Seconds between two tries in the advisory window."""


class AsyncTokenSource:
    """Holds the token in use; calls the provider for the first request, and again after a 401.

    Args:
        provider: The token, or a callable that returns one.
        life: Lifetime of a token in seconds, if it is known.
        clock: Returns the present, in seconds.
    """

    def __init__(
        self,
        provider: AsyncToken,
        *,
        life: float = inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.provider = provider
        self.clock = clock
        self._life = life
        self._cached = CachedToken(None if callable(provider) else check_token(provider))
        # A lock belongs to one event loop, or to one process: a fork may copy it while it is held.
        self._locks: dict[object, asyncio.Lock] = {}
        self._early = Lock()

    async def current(self) -> CachedToken:
        """Return the token in use; raises what the provider raises, or ConfigError."""
        cached = self._cached
        now = self.clock()
        if cached.token is None or now >= cached.mandatory:
            generation = cached.generation
            del cached  # the traceback of a failure would keep the failure before it alive
            return await self._next(generation)
        if now >= cached.advisory and self._early.acquire(blocking=False):
            try:
                return await self._next(cached.generation, early=True)
            finally:
                self._early.release()
        return cached

    async def renew(self, rejected: CachedToken) -> bool:
        """Request another token than the rejected one; return whether there is one now.

        A string has no other. Raises what the provider raises, or ConfigError.
        """
        if not callable(self.provider):
            return False
        return (await self._next(rejected.generation)).token != rejected.token

    async def _next(self, generation: int, *, early: bool = False) -> CachedToken:
        async with self._lock():
            if self._cached.generation == generation:
                self._cached = await self._ask(early=early)
            cached = self._cached
        if cached.failure is not None:
            raise cached.failure
        return cached

    def _lock(self) -> asyncio.Lock:
        owner = asyncio.get_running_loop()
        if owner not in self._locks:
            for other in list(self._locks):  # event loops that are closed; processes are not
                if getattr(other, "is_closed", bool)():
                    self._locks.pop(other, None)
            self._locks.setdefault(owner, asyncio.Lock())
        return self._locks[owner]

    async def _ask(self, *, early: bool) -> CachedToken:
        assert callable(self.provider)  # a string is never renewed
        generation = self._cached.generation + 1
        called = self.clock()
        try:
            token = await call_provider_async(self.provider)
        except Exception as error:
            if early:
                logger.warning("the token could not be renewed yet: %s", type(error).__name__)
                return evolve(self._cached, advisory=self.clock() + _PAUSE, failure=None)
            return evolve(self._cached, generation=generation, failure=error)
        windows = (called + self._life * (1 - left) for left in (_ADVISORY, _MANDATORY))
        return CachedToken(token, generation, None, *windows)
