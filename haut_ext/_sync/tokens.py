# Derived from haut_ext/_async/tokens.py by `make sync`; change that file instead.
"""One token for all the calls of a client, asked for once however many are waiting.

Each asking ends one generation and begins the next. A call remembers the generation it was given;
when its token is refused it asks for the next one, and so does everybody else who was given the same:
the first of them does, and all get what came of it, a token or the provider's error.
"""

from __future__ import annotations

import threading

from haut_ext.wire.tokens import Held, SyncToken, ask, check


class TokenSource:
    """Holds the token in use; asks the provider at the first call, and again after a 401."""

    def __init__(self, provider: SyncToken) -> None:
        self.provider = provider
        self._held = Held(None if callable(provider) else check(provider))
        self._asking = threading.Lock()

    def current(self) -> Held:
        """Return the token in use. Raises what the provider raises, or ConfigError."""
        held = self._held
        return held if held.token is not None else self._next(held.generation)

    def renew(self, refused: Held) -> bool:
        """Ask for another token than the refused one; return whether there is one now.

        A string token has no other. Raises what the provider raises, or ConfigError.
        """
        if not callable(self.provider):
            return False
        return (self._next(refused.generation)).token != refused.token

    def _next(self, generation: int) -> Held:
        with self._asking:
            if self._held.generation == generation:
                self._held = self._ask()
            held = self._held
        if held.failure is not None:
            raise held.failure
        return held

    def _ask(self) -> Held:
        assert callable(self.provider)  # a string is held from the beginning
        generation = self._held.generation + 1
        try:
            return Held(ask(self.provider), generation)
        except Exception as error:
            return Held(self._held.token, generation, error)
