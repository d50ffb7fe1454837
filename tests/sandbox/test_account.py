"""Tests of login, token refresh and private tokens: which tokens are valid, and when they expire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.http_client import SandboxClient, errors

LOGIN_KEYS = [
    "id",
    "email",
    "username",
    "company_id",
    "token_access",
    "access_token",
    "refresh_token",
    "is_verified",
    "profile",
]
AUTH = "/api/v1/auth/"
PRIVATE = f"{AUTH}private_tokens/"


def login(client: SandboxClient, **changes: Any) -> httpx.Response:
    """Send a login request without an Authorization header."""
    body = {**client.sandbox.login_credentials, **changes}
    return client.http.post(f"{AUTH}login/", json=body, headers={"Authorization": ""})


def refresh(client: SandboxClient, token: str) -> httpx.Response:
    """Send a token refresh request without an Authorization header."""
    body = {"refresh_token": token}
    return client.http.post(f"{AUTH}refresh/", json=body, headers={"Authorization": ""})


def status_of_read(client: SandboxClient, token: str) -> int:
    """Return the HTTP status of a list request that is authenticated with the given token."""
    headers = {"Authorization": f"Bearer {token}"}
    return client.http.get(client.subjects, headers=headers).status_code


def create_private_token(
    client: SandboxClient, name: str = "backend", seconds: float = 60
) -> dict[str, Any]:
    expires = client.sandbox.clock.now() + timedelta(seconds=seconds)
    body = {"name": name, "expiration_time": expires.isoformat()}
    response = client.http.post(PRIVATE, json=body)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


def test_login_returns_the_documented_keys_in_order(client: SandboxClient) -> None:
    response = login(client)
    assert response.status_code == 200
    user = response.json()
    assert list(user) == LOGIN_KEYS
    assert user["access_token"] == user["token_access"]
    assert user["company_id"] == client.sandbox.credentials["company_id"]
    assert user["email"] == user["username"] == client.sandbox.login_credentials["username"]
    assert status_of_read(client, user["access_token"]) == 200


def test_login_with_wrong_credentials_returns_401(client: SandboxClient) -> None:
    for changed in ({"password": "wrong"}, {"username": "other@example.com"}):
        response = login(client, **changed)
        assert (response.status_code, errors(response)) == (401, [("authentication_failed", None)])


def test_login_with_mfa_fails_after_the_password_check(client: SandboxClient) -> None:
    client.sandbox.mfa_enabled = True
    response = login(client)
    assert (response.status_code, errors(response)) == (400, [("mfa_enabled", "non_field_errors")])
    assert login(client, password="wrong").status_code == 401
    client.sandbox.reset()
    assert login(client).status_code == 200


@pytest.mark.parametrize(
    ("changed", "code", "attr"),
    [
        ({"username": "no-email-address"}, "invalid", "username"),
        ({"username": ""}, "blank", "username"),
        ({"password": None}, "null", "password"),
        ({"password": ""}, "blank", "password"),
    ],
)
def test_malformed_login_returns_400(
    client: SandboxClient, changed: dict[str, Any], code: str, attr: str
) -> None:
    response = login(client, **changed)
    assert (response.status_code, errors(response)) == (400, [(code, attr)])


def test_access_tokens_expire_and_refresh_tokens_do_not() -> None:
    with Sandbox(seed=1, token_seconds=60) as sandbox:
        client = SandboxClient(sandbox)
        user = login(client).json()
        sandbox.clock.advance(59)
        assert status_of_read(client, user["access_token"]) == 200
        sandbox.clock.advance(1)
        assert status_of_read(client, user["access_token"]) == 401
        response = refresh(client, user["refresh_token"])
        assert response.status_code == 200
        renewed = response.json()
        assert list(renewed) == ["access_token", "token_access", "refresh_token"]
        assert renewed["access_token"] not in user.values()
        assert status_of_read(client, renewed["access_token"]) == 200
        assert (
            status_of_read(client, sandbox.credentials["token"]) == 200
        )  # the sandbox's own token never expires
        sandbox.clock.advance(60)
        assert status_of_read(client, renewed["access_token"]) == 401
        assert refresh(client, renewed["refresh_token"]).status_code == 200
        client.close()


def test_refresh_tokens_are_valid_for_refreshing_only(client: SandboxClient) -> None:
    user = login(client).json()
    assert status_of_read(client, user["refresh_token"]) == 401
    for token in (user["access_token"], "unknown"):
        assert refresh(client, token).status_code == 401
    client.sandbox.expire_tokens()
    assert status_of_read(client, user["access_token"]) == 401
    assert refresh(client, user["refresh_token"]).status_code == 200


def test_wrong_method_on_a_public_path_needs_no_token(client: SandboxClient) -> None:
    response = httpx.get(f"{client.sandbox.base_url}{AUTH}login/")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_private_token_is_valid_until_it_expires_and_is_returned_once(
    client: SandboxClient,
) -> None:
    created = create_private_token(client)
    assert list(created) == ["id", "name", "expiration_time", "data"]
    assert status_of_read(client, created["data"]) == 200
    [listed] = client.http.get(PRIVATE).json()["results"]
    assert listed == {key: created[key] for key in ("id", "name", "expiration_time")}
    client.sandbox.clock.advance(60)
    assert status_of_read(client, created["data"]) == 401


def test_deleted_private_token_is_invalid(client: SandboxClient) -> None:
    created, other = create_private_token(client), create_private_token(client)
    path = f"{PRIVATE}{created['id']}/"
    assert client.http.delete(path).status_code == 204
    assert (status_of_read(client, created["data"]), status_of_read(client, other["data"])) == (
        401,
        200,
    )
    assert client.http.delete(path).status_code == 404
    assert [token["id"] for token in client.http.get(PRIVATE).json()["results"]] == [other["id"]]


def test_private_tokens_can_be_sorted_and_searched(client: SandboxClient) -> None:
    for name, seconds in (("beta", 30), ("alpha", 20), ("gamma", 10)):
        create_private_token(client, name, seconds)

    def names(**query: Any) -> list[str]:
        page = client.http.get(PRIVATE, params=query).json()
        return [token["name"] for token in page["results"]]

    assert names() == ["beta", "alpha", "gamma"]
    assert names(ordering="name") == ["alpha", "beta", "gamma"]
    assert names(ordering="expiration_time") == ["gamma", "alpha", "beta"]
    assert names(q="AMM") == ["gamma"]
    assert names(page=2, page_size=2) == ["gamma"]


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({"name": "", "expiration_time": "2030-01-01T00:00:00Z"}, "blank", "name"),
        ({"name": "backend", "expiration_time": "tomorrow"}, "invalid", "expiration_time"),
        ({"name": "backend"}, "required", "expiration_time"),
    ],
)
def test_invalid_private_token_returns_400(
    client: SandboxClient, body: dict[str, Any], code: str, attr: str
) -> None:
    response = client.http.post(PRIVATE, json=body)
    assert (response.status_code, errors(response)) == (400, [(code, attr)])


def test_private_token_operations_need_a_token(client: SandboxClient) -> None:
    for method, path in (("GET", PRIVATE), ("POST", PRIVATE), ("DELETE", f"{PRIVATE}1/")):
        response = httpx.request(method, f"{client.sandbox.base_url}{path}")
        assert (response.status_code, errors(response)) == (401, [("not_authenticated", None)])
