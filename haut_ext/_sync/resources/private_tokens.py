# Derived from haut_ext/_async/resources/private_tokens.py by `make sync`; change that file instead.
"""The private tokens of a user: made for a program, living as long as they are told to."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from haut_api.api.private_tokens import (
    create_private_token,
    delete_private_token,
    list_private_tokens,
)
from haut_api.models import CreatedPrivateToken, PrivateToken, PrivateTokenRequest
from haut_api.types import UNSET
from haut_ext._sync.operations import Operations
from haut_ext._sync.pagination import iterate, read_page
from haut_ext.errors import ConfigError
from haut_ext.types import Page


class PrivateTokens:
    """The private tokens of the user whose token the client has (api-facts 3).

    Such a token stands for the user in every company that the user is in (api-facts 1.2). Reached
    as `haut.private_tokens`.
    """

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def create(self, name: str, expiration_time: datetime.datetime) -> CreatedPrivateToken:
        """Create a token. Never sent again once it may have arrived: names need not be unique.

        Args:
            name: What it is for, at least 1 character.
            expiration_time: When it ends: in the future, with its zone.

        Returns:
            The token itself as `data`, which no other answer holds and no repr shows.

        Raises:
            ConfigError: If the name is empty, or the time has no zone or is past.
            ApiError, TransportError: With `maybe_carried_out` or `maybe_delivered` set when the
            token
                may exist all the same: nobody can know it, so find it with `list` and revoke it.
        """
        if not name:
            raise ConfigError("a private token needs a name")
        if expiration_time.utcoffset() is None:
            raise ConfigError(
                "expiration_time has no time zone: say which one, for example tzinfo=UTC"
            )
        if expiration_time <= datetime.datetime.now(datetime.UTC):
            raise ConfigError("expiration_time is past: the token would never work")
        return self._operations.call(
            create_private_token,
            CreatedPrivateToken,
            body=PrivateTokenRequest(name=name, expiration_time=expiration_time),
        )

    def iterate(
        self, q: str | None = None, *, ordering: str | None = None
    ) -> Iterator[PrivateToken]:
        """Iterate over all tokens, lazily, a page at a time, without the tokens themselves.

        Args:
            q: The service's search term.
            ordering: The field to sort by; which ones there are is not documented.
        """
        return iterate(
            self._operations, list_private_tokens, q=q or UNSET, ordering=ordering or UNSET
        )

    def list(
        self,
        q: str | None = None,
        page: int = 1,
        page_size: int | None = None,
        *,
        ordering: str | None = None,
    ) -> Page[PrivateToken]:
        """Return one page of tokens, without the tokens themselves.

        Args:
            q: The service's search term.
            page: From 1.
            page_size: Tokens a page; the service's own default unless given.
            ordering: The field to sort by; which ones there are is not documented.

        Raises:
            NotFound: If there is no such page.
        """
        return read_page(
            self._operations,
            list_private_tokens,
            page,
            q=q or UNSET,
            ordering=ordering or UNSET,
            page_size=page_size or UNSET,
        )

    def revoke(self, token_id: int) -> None:
        """Delete a token: nobody gets in with it any more.

        Args:
            token_id: Its number, from `create` or `list`; not the token itself.

        Raises:
            ConfigError: If that is no such number.
            NotFound: If there is no such token.
        """
        # Not shown: in the place of the number may stand the token.
        if type(token_id) is not int or token_id < 0:
            raise ConfigError("token_id is the number of a private token, its `id`")
        self._operations.call_without_content(delete_private_token, id=token_id)
