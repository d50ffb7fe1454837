"""One token for all the calls of a client, asked for once however many are waiting.

Each asking ends one generation and begins the next. A call remembers the generation it was given;
when its token is refused it asks for the next one, and so does everybody else who was given the same:
the first of them does, and all get what came of it, a token or the provider's error.

A token whose life is known is renewed before it ends, in two windows. In the first, one caller renews
and the others go on with it; should that fail, nobody is told, and it is tried again a while later.
In the second, shortly before the end, all wait for the next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from math import inf
from threading import Lock

from attrs import evolve

from haut_ext.wire.logs import logger
from haut_ext.wire.tokens import AsyncToken, Held, ask_async, check

_EARLY = 1 / 4
_LATE = 1 / 30
"""How much of a token's life is left when each window opens: of an hour, 15 minutes and 2."""
_PAUSE = 60.0
"""Seconds between two tries in the first window."""


class AsyncTokenSource:
    """Holds the token in use; asks the provider at the first call, and again after a 401.

    Args:
        provider: The token, or who gives one.
        life: Seconds from asking to the token's end, if that is known.
        clock: Gives the present, in seconds.
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
        self._held = Held(None if callable(provider) else check(provider))
        self._asking = asyncio.Lock()
        self._early = Lock()

    async def current(self) -> Held:
        """Return the token in use. Raises what the provider raises, or ConfigError."""
        held = self._held
        now = self.clock()
        if held.token is None or now >= held.late:
            return await self._next(held.generation)
        if now >= held.early and self._early.acquire(blocking=False):
            try:
                return await self._next(held.generation, early=True)
            finally:
                self._early.release()
        return held

    async def renew(self, refused: Held) -> bool:
        """Ask for another token than the refused one; return whether there is one now.

        A string token has no other. Raises what the provider raises, or ConfigError.
        """
        if not callable(self.provider):
            return False
        return (await self._next(refused.generation)).token != refused.token

    async def _next(self, generation: int, *, early: bool = False) -> Held:
        async with self._asking:
            if self._held.generation == generation:
                self._held = await self._ask(early=early)
            held = self._held
        if held.failure is not None:
            raise held.failure
        return held

    async def _ask(self, *, early: bool) -> Held:
        assert callable(self.provider)  # a string is held from the beginning
        generation = self._held.generation + 1
        asked = self.clock()
        try:
            token = await ask_async(self.provider)
        except Exception as error:
            if early:
                logger.warning("the token could not be renewed yet: %s", type(error).__name__)
                return evolve(self._held, early=self.clock() + _PAUSE, failure=None)
            return evolve(self._held, generation=generation, failure=error)
        windows = (asked + self._life * (1 - left) for left in (_EARLY, _LATE))
        return Held(token, generation, None, *windows)
