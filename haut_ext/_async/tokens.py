"""One token for all the calls of a client, asked for once however many are waiting."""

from __future__ import annotations

import asyncio

from haut_ext.wire.tokens import AsyncToken, ask_async, check


class AsyncTokenSource:
    """Holds the token in use; asks the provider at the first call, and again after a 401."""

    def __init__(self, provider: AsyncToken) -> None:
        self.provider = provider
        self._token = None if callable(provider) else check(provider)
        self._asking = asyncio.Lock()

    async def current(self) -> str:
        """Return the token in use."""
        return self._token or await self._ask(instead_of=None)

    async def renew(self, refused: str) -> bool:
        """Ask for another token than the refused one; return whether there is one now.

        A string token has no other. Of many calls refused at once, one asks; the rest find that
        the refused token is no longer the one in use.
        """
        if not callable(self.provider):
            return False
        return await self._ask(instead_of=refused) != refused

    async def _ask(self, instead_of: str | None) -> str:
        async with self._asking:
            if self._token is None or self._token == instead_of:
                self._token = await ask_async(self.provider)
            return self._token
