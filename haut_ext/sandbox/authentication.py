"""Manages the sandbox's only user and all tokens issued to that user.

The sandbox accepts three kinds of tokens in the Authorization header: its own permanent token,
access tokens from a login or a refresh, and private tokens. Refresh tokens never expire, because
their lifetime in the real service is undocumented.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .clock import Clock

USER_ID = 1001
USERNAME = "user@example.com"

_PAST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class PrivateToken:
    """Private token; `data` is the secret that clients send in the Authorization header."""

    id: int
    name: str
    expires: datetime
    data: str


class Authentication:
    """Password and tokens of the user.

    Args:
        clock: Clock that determines when a token expires.
        token_seconds: Lifetime of an access token.
        seed: Makes the password and the tokens reproducible.
    """

    def __init__(self, clock: Clock, token_seconds: float, seed: int) -> None:
        self._clock = clock
        self._token_seconds = token_seconds
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Revoke all tokens, and issue the sandbox's first permanent token again."""
        self._random = random.Random(seed)
        self._expirations: dict[str, datetime | None] = {}
        self.password = f"sandbox-{self._random.getrandbits(64):016x}"
        self.mfa_enabled = False
        self.refresh_tokens: set[str] = set()
        self.private_tokens: dict[str, PrivateToken] = {}  # by token id
        self._private_token_count = 0
        self.token = self.issue()

    def issue(self) -> str:
        """Return a new token that does not expire. Tokens issued earlier stay valid."""
        self.token = self._new_token(None)
        return self.token

    def expire_all(self) -> None:
        """Expire every token issued so far, except refresh tokens."""
        self._expirations = dict.fromkeys(self._expirations, _PAST)

    def is_valid(self, token: str) -> bool | None:
        """Return True for a valid token, False if it expired, None if it is unknown or revoked."""
        if token not in self._expirations:
            return None
        expires = self._expirations[token]
        return expires is None or self._clock.now() < expires

    def issued_secrets(self) -> set[str]:
        """Return every token issued so far and not revoked, refresh tokens included."""
        return {*self._expirations, *self.refresh_tokens}

    def create_access_token(self) -> str:
        """Return a new access token."""
        return self._new_token(self._clock.now() + timedelta(seconds=self._token_seconds))

    def create_refresh_token(self) -> str:
        """Return a new refresh token. The Authorization header does not accept it."""
        token = self._new_secret()
        self.refresh_tokens.add(token)
        return token

    def create_private_token(self, name: str, expires: datetime) -> PrivateToken:
        """Return a new private token."""
        self._private_token_count += 1
        data = self._new_token(expires)
        token = PrivateToken(self._private_token_count, name, expires, data)
        self.private_tokens[str(token.id)] = token
        return token

    def delete_private_token(self, token: PrivateToken) -> None:
        """Delete a private token and revoke it."""
        del self.private_tokens[str(token.id)]
        del self._expirations[token.data]

    def _new_token(self, expires: datetime | None) -> str:
        token = self._new_secret()
        self._expirations[token] = expires
        return token

    def _new_secret(self) -> str:
        return f"sandbox-token-{self._random.getrandbits(128):032x}"
