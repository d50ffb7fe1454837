# Derived from haut_ext/_async/resources/private_tokens.py by `make sync`; change that file instead.
"""Private tokens: credentials that a user creates for a program."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Unpack

from haut_api.api.private_tokens import (
    create_private_token,
    delete_private_token,
    list_private_tokens,
)
from haut_api.models import CreatedPrivateToken, PrivateToken, PrivateTokenRequest
from haut_ext._sync.operations import Resource
from haut_ext._sync.pagination import iterate, read_page
from haut_ext.argument_checks import check_time_zone
from haut_ext.argument_types import validate_arguments
from haut_ext.errors import ConfigError
from haut_ext.keyword_arguments import ListOptions
from haut_ext.types import Page


@validate_arguments()
class PrivateTokens(Resource):
    """Private tokens of the client's user, available as `haut.private_tokens`.

    A private token gives access to every company of the user (api-facts 1.2, 3).
    """

    def create(self, name: str, expiration_time: datetime.datetime) -> CreatedPrivateToken:
        """Create a private token.

        The request is not repeated if it may have reached the service.

        Args:
            name: Purpose of the token, at least 1 character. Names need not be unique.
            expiration_time: Time in the future, with a time zone, at which the token expires.

        Returns:
            The created token. Its `data` is the secret: no other response contains it, and it is
            not part of the repr.

        Raises:
            ConfigError: If an argument is invalid.
            ApiError, TransportError: If `maybe_carried_out` is true, the token may exist, but its
                secret is lost. Find the token with `list`, and revoke it.
        """
        check_time_zone(expiration_time=expiration_time)
        if not name:
            raise ConfigError("name must not be empty")
        if expiration_time <= datetime.datetime.now(datetime.UTC):
            raise ConfigError("expiration_time is in the past, so the token would never be valid")
        body = PrivateTokenRequest(name=name, expiration_time=expiration_time)
        return self._operations.call(create_private_token, CreatedPrivateToken, body=body)

    def iterate(
        self, q: str | None = None, **options: Unpack[ListOptions]
    ) -> Iterator[PrivateToken]:
        """Iterate over all private tokens, without their secrets, requesting pages when needed.

        Args:
            q: Search term.
            options: See `ListOptions`.
        """
        return iterate(self._operations, list_private_tokens, q=q, **options)

    def list(
        self, q: str | None = None, page: int = 1, **options: Unpack[ListOptions]
    ) -> Page[PrivateToken]:
        """Return one page of private tokens, without their secrets.

        Args:
            q: Search term.
            page: Page number, starting at 1.
            options: See `ListOptions`.

        Raises:
            NotFound: If the page does not exist.
        """
        return read_page(self._operations, list_private_tokens, page, q=q, **options)

    def revoke(self, token_id: int) -> None:
        """Revoke a private token. It stops working immediately.

        Args:
            token_id: The token's `id`, from `create` or `list`; not its secret.

        Raises:
            ConfigError: If `token_id` is not a number.
            NotFound: If the token does not exist.
        """
        # The message omits the invalid value, because it may be the secret passed by mistake.
        if type(token_id) is not int or token_id < 0:
            raise ConfigError("token_id must be the `id` of a private token, which is a number")
        self._operations.run(delete_private_token, id=token_id)
