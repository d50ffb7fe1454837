# Derived from haut_ext/_async/tokens.py by `make sync`; change that file instead.
"""One token for all the calls of a client, asked for once however many are waiting."""

from __future__ import annotations

import threading

from haut_ext.wire.tokens import SyncToken, ask, check


class TokenSource:
    """Holds the token in use; asks the provider at the first call, and again after a 401."""

    def __init__(self, provider: SyncToken) -> None:
        self.provider = provider
        self._token = None if callable(provider) else check(provider)
        self._asking = threading.Lock()

    def current(self) -> str:
        """Return the token in use."""
        return self._token or self._ask(instead_of=None)

    def renew(self, refused: str) -> bool:
        """Ask for another token than the refused one; return whether there is one now.

        A string token has no other. Of many calls refused at once, one asks; the rest find that
        the refused token is no longer the one in use.
        """
        if not callable(self.provider):
            return False
        return self._ask(instead_of=refused) != refused

    def _ask(self, instead_of: str | None) -> str:
        with self._asking:
            if self._token is None or self._token == instead_of:
                self._token = ask(self.provider)
            return self._token
