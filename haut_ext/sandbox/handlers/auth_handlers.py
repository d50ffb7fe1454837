"""Handles requests for login, token refresh and private tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from haut_ext.sandbox.authentication import USER_ID, USERNAME, PrivateToken
from haut_ext.sandbox.http_messages import Request, Response, json_response
from haut_ext.sandbox.request_validation import (
    Field,
    email,
    invalid,
    iso_datetime,
    json_object,
    text,
    validate,
)
from haut_ext.sandbox.router import Routes

from .handler_base import (
    Handler,
    find_record,
    format_time,
    query_parameters,
    search,
    sort,
    unauthorized,
)

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
    "expiration_time": lambda token: token.expires,
}


class AuthHandler(Handler):
    """Handles login, token refresh and private tokens."""

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

    def login(self, request: Request) -> Response:
        values = validate(json_object(request), _LOGIN_FIELDS)
        auth = self._authentication
        if (values["username"], values["password"]) != (USERNAME, auth.password):
            raise unauthorized("authentication_failed", "Incorrect authentication credentials.")
        if auth.mfa_enabled:
            # The API documentation specifies only the status of the response for users with MFA.
            raise invalid("non_field_errors", "mfa_enabled", "MFA is enabled for this user.")
        token = auth.create_access_token()
        return json_response(
            200,
            {
                "id": USER_ID,
                "email": USERNAME,
                "username": USERNAME,
                "company_id": self._database.company_id,
                "token_access": token,
                "access_token": token,
                "refresh_token": auth.create_refresh_token(),
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

    def refresh_access_token(self, request: Request) -> Response:
        values = validate(json_object(request), _REFRESH_FIELDS)
        auth = self._authentication
        if values["refresh_token"] not in auth.refresh_tokens:
            raise unauthorized("authentication_failed", "Token is invalid or expired.")
        token = auth.create_access_token()
        return json_response(
            200,
            {
                "access_token": token,
                "token_access": token,
                "refresh_token": values["refresh_token"],
            },
        )

    def create_private_token(self, request: Request) -> Response:
        values = validate(json_object(request), _PRIVATE_TOKEN_FIELDS)
        created = self._authentication.create_private_token(
            values["name"], values["expiration_time"]
        )
        return json_response(201, {**_private_token_data(created), "data": created.data})

    def list_private_tokens(self, request: Request) -> Response:
        query = query_parameters(request)
        tokens = search(self._authentication.private_tokens.values(), query)
        return self._page(request, sort(tokens, query, _ORDER_KEYS), _private_token_data)

    def delete_private_token(self, request: Request) -> Response:
        auth = self._authentication
        auth.delete_private_token(find_record(auth.private_tokens, request.ids["id"]))
        return Response(204)


def _private_token_data(token: PrivateToken) -> dict[str, Any]:
    return {"id": token.id, "name": token.name, "expiration_time": format_time(token.expires)}
