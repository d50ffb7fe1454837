"""Login, refresh and private tokens (api-facts 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from haut_ext.sandbox.accounts import USER_ID, USERNAME, PrivateToken
from haut_ext.sandbox.messages import Answer, Request, json_answer
from haut_ext.sandbox.validation import (
    Field,
    email,
    invalid,
    iso_datetime,
    json_object,
    text,
    validated,
)

from .routing import Routes
from .section import Section, found, ordered, parameters, searched, unauthorized, wire_time

_LOGIN_FIELDS = {
    "username": Field(email, required=True),
    "password": Field(text(), required=True),
}
_REFRESH_FIELDS = {"refresh_token": Field(text(), required=True)}
_PRIVATE_TOKEN_FIELDS = {
    "name": Field(text(), required=True),
    "expiration_time": Field(iso_datetime, required=True),
}
_ORDER_KEYS: dict[str, Callable[[PrivateToken], Any]] = {
    "name": lambda token: token.name,
    "expiration_time": lambda token: token.ends,
}


class Account(Section):
    ROUTES: ClassVar[Routes] = {
        "/api/v1/auth/login/": {"POST": "login"},
        "/api/v1/auth/refresh/": {"POST": "refresh_access_token"},
        "/api/v1/auth/private_tokens/": {
            "GET": "list_private_tokens",
            "POST": "create_private_token",
        },
        "/api/v1/auth/private_tokens/{id:integer}/": {"DELETE": "delete_private_token"},
    }
    PUBLIC = frozenset({"login", "refresh_access_token"})

    def login(self, request: Request) -> Answer:
        values = validated(json_object(request), _LOGIN_FIELDS)
        accounts = self._world.accounts
        if (values["username"], values["password"]) != (USERNAME, accounts.password):
            raise unauthorized("authentication_failed", "Incorrect authentication credentials.")
        if accounts.mfa_enabled:
            # The status alone is documented (api-facts 1.4).
            raise invalid("non_field_errors", "mfa_enabled", "MFA is enabled for this user.")
        token = accounts.access_token()
        return json_answer(
            200,
            {
                "id": USER_ID,
                "email": USERNAME,
                "username": USERNAME,
                "company_id": self._world.company_id,
                "token_access": token,
                "access_token": token,
                "refresh_token": accounts.refresh_token(),
                "is_verified": True,
                "profile": {
                    "metadata": None,
                    "full_name": "Sandbox user",
                    "kyc_enabled": False,
                    "terms_payment_accepted_at": None,
                    "terms_and_policy_accepted_at": True,
                    "feature_flags": {},
                },
            },
        )

    def refresh_access_token(self, request: Request) -> Answer:
        values = validated(json_object(request), _REFRESH_FIELDS)
        accounts = self._world.accounts
        if values["refresh_token"] not in accounts.refresh_tokens:
            raise unauthorized("authentication_failed", "Token is invalid or expired.")
        token = accounts.access_token()
        return json_answer(
            200,
            {
                "access_token": token,
                "token_access": token,
                "refresh_token": values["refresh_token"],
            },
        )

    def create_private_token(self, request: Request) -> Answer:
        values = validated(json_object(request), _PRIVATE_TOKEN_FIELDS)
        created = self._world.accounts.create_private_token(
            values["name"], values["expiration_time"]
        )
        return json_answer(201, {**_private_token_data(created), "data": created.data})

    def list_private_tokens(self, request: Request) -> Answer:
        query = parameters(request)
        tokens = searched(self._world.accounts.private_tokens.values(), query)
        return self._page(request, ordered(tokens, query, _ORDER_KEYS), _private_token_data)

    def delete_private_token(self, request: Request) -> Answer:
        accounts = self._world.accounts
        accounts.delete_private_token(found(accounts.private_tokens, request.ids["id"]))
        return Answer(204)


def _private_token_data(token: PrivateToken) -> dict[str, Any]:
    return {"id": token.id, "name": token.name, "expiration_time": wire_time(token.ends)}
