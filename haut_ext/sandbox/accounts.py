"""Who may enter: one user, and the tokens that stand for that user (api-facts 1.2, 2, 3).

Every token that the header takes is one record with its end: the sandbox's own, which has none, the
access tokens of a login or a refresh, and private tokens. Refresh tokens have no end here; the real
one is unknown.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .clock import Clock

USER_ID = 1001
USERNAME = "user@example.com"

_PAST = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True, eq=False)
class PrivateToken:
    id: int
    name: str
    ends: datetime
    data: str


class Accounts:
    """The user, and every token.

    Args:
        seed: Makes password and tokens reproducible.
        clock: Decides when a token ends.
        token_seconds: Life of an access token.
    """

    def __init__(self, *, seed: int, clock: Clock, token_seconds: float) -> None:
        self._random = random.Random(seed)
        self._clock = clock
        self._token_seconds = token_seconds
        self._ends: dict[str, datetime | None] = {}
        self.password = f"sandbox-{self._random.getrandbits(64):016x}"
        self.mfa_enabled = False
        self.refresh_tokens: set[str] = set()
        self.private_tokens: dict[str, PrivateToken] = {}  # by the id in a path
        self._created = 0
        self.token = self.issue()

    def issue(self) -> str:
        """A new token without an end; those before it stay valid."""
        self.token = self._new_token(None)
        return self.token

    def expire(self) -> None:
        """No token issued so far is accepted in the header any more."""
        self._ends = dict.fromkeys(self._ends, _PAST)

    def valid(self, token: str) -> bool | None:
        """Whether a token is accepted; None if it was never issued, or was revoked."""
        if token not in self._ends:
            return None
        ends = self._ends[token]
        return ends is None or self._clock.now() < ends

    def access_token(self) -> str:
        """A new access token, which ends by itself."""
        return self._new_token(self._clock.now() + timedelta(seconds=self._token_seconds))

    def refresh_token(self) -> str:
        """A new refresh token, which the header does not take."""
        token = self._secret()
        self.refresh_tokens.add(token)
        return token

    def create_private_token(self, name: str, ends: datetime) -> PrivateToken:
        self._created += 1
        created = PrivateToken(self._created, name, ends, self._new_token(ends))
        self.private_tokens[str(created.id)] = created
        return created

    def delete_private_token(self, token: PrivateToken) -> None:
        """The record, and what it let in."""
        del self.private_tokens[str(token.id)]
        del self._ends[token.data]

    def _new_token(self, ends: datetime | None) -> str:
        token = self._secret()
        self._ends[token] = ends
        return token

    def _secret(self) -> str:
        return f"sandbox-token-{self._random.getrandbits(128):032x}"
