"""Login, refresh and private tokens: who is let in, and until when (api-facts 1.2, 2, 3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.caller import Caller, errors

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


def login(caller: Caller, **changed: Any) -> httpx.Response:
    """Log in without a token."""
    body = {**caller.sandbox.login_credentials, **changed}
    return caller.http.post(f"{AUTH}login/", json=body, headers={"Authorization": ""})


def refresh(caller: Caller, token: str) -> httpx.Response:
    """Refresh without a token in the header."""
    body = {"refresh_token": token}
    return caller.http.post(f"{AUTH}refresh/", json=body, headers={"Authorization": ""})


def reads(caller: Caller, token: str) -> int:
    """Return the status of a read with a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return caller.http.get(caller.subjects, headers=headers).status_code


def create_private(caller: Caller, name: str = "backend", seconds: float = 60) -> dict[str, Any]:
    ends = caller.sandbox.clock.now() + timedelta(seconds=seconds)
    body = {"name": name, "expiration_time": ends.isoformat()}
    answer = caller.http.post(PRIVATE, json=body)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def test_a_login_has_the_documented_keys_in_order(caller: Caller) -> None:
    answer = login(caller)
    assert answer.status_code == 200
    user = answer.json()
    assert list(user) == LOGIN_KEYS
    assert user["access_token"] == user["token_access"]
    assert user["company_id"] == caller.sandbox.credentials["company_id"]
    assert user["email"] == user["username"] == caller.sandbox.login_credentials["username"]
    assert reads(caller, user["access_token"]) == 200


def test_bad_credentials_are_401(caller: Caller) -> None:
    for changed in ({"password": "wrong"}, {"username": "other@example.com"}):
        answer = login(caller, **changed)
        assert (answer.status_code, errors(answer)) == (401, [("authentication_failed", None)])


def test_a_user_with_mfa_is_refused_only_after_the_password(caller: Caller) -> None:
    caller.sandbox.mfa_enabled = True
    answer = login(caller)
    assert (answer.status_code, errors(answer)) == (400, [("mfa_enabled", "non_field_errors")])
    assert login(caller, password="wrong").status_code == 401
    caller.sandbox.reset()
    assert login(caller).status_code == 200


@pytest.mark.parametrize(
    ("changed", "code", "attr"),
    [
        ({"username": "nobody"}, "invalid", "username"),
        ({"username": ""}, "blank", "username"),
        ({"password": None}, "null", "password"),
        ({"password": ""}, "blank", "password"),
    ],
)
def test_a_malformed_login_is_400(
    caller: Caller, changed: dict[str, Any], code: str, attr: str
) -> None:
    answer = login(caller, **changed)
    assert (answer.status_code, errors(answer)) == (400, [(code, attr)])


def test_access_tokens_end_and_refresh_tokens_do_not() -> None:
    with Sandbox(seed=1, token_seconds=60) as sandbox:
        caller = Caller(sandbox)
        user = login(caller).json()
        sandbox.clock.advance(59)
        assert reads(caller, user["access_token"]) == 200
        sandbox.clock.advance(1)
        assert reads(caller, user["access_token"]) == 401
        answer = refresh(caller, user["refresh_token"])
        assert answer.status_code == 200
        renewed = answer.json()
        assert list(renewed) == ["access_token", "token_access", "refresh_token"]
        assert renewed["access_token"] not in user.values()
        assert reads(caller, renewed["access_token"]) == 200
        assert reads(caller, sandbox.credentials["token"]) == 200  # that one has no end
        sandbox.clock.advance(60)
        assert reads(caller, renewed["access_token"]) == 401
        assert refresh(caller, renewed["refresh_token"]).status_code == 200
        caller.close()


def test_only_a_refresh_token_refreshes_and_it_opens_nothing_else(caller: Caller) -> None:
    user = login(caller).json()
    assert reads(caller, user["refresh_token"]) == 401
    for token in (user["access_token"], "unknown"):
        assert refresh(caller, token).status_code == 401
    caller.sandbox.expire_token()
    assert reads(caller, user["access_token"]) == 401
    assert refresh(caller, user["refresh_token"]).status_code == 200


def test_a_wrong_method_needs_no_token_where_the_right_one_needs_none(caller: Caller) -> None:
    answer = httpx.get(f"{caller.sandbox.base_url}{AUTH}login/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_private_token_opens_until_its_end_and_is_shown_once(caller: Caller) -> None:
    created = create_private(caller)
    assert list(created) == ["id", "name", "expiration_time", "data"]
    assert reads(caller, created["data"]) == 200
    [listed] = caller.http.get(PRIVATE).json()["results"]
    assert listed == {key: created[key] for key in ("id", "name", "expiration_time")}
    caller.sandbox.clock.advance(60)
    assert reads(caller, created["data"]) == 401


def test_a_deleted_private_token_is_let_in_no_more(caller: Caller) -> None:
    created, other = create_private(caller), create_private(caller)
    path = f"{PRIVATE}{created['id']}/"
    assert caller.http.delete(path).status_code == 204
    assert (reads(caller, created["data"]), reads(caller, other["data"])) == (401, 200)
    assert caller.http.delete(path).status_code == 404
    assert [token["id"] for token in caller.http.get(PRIVATE).json()["results"]] == [other["id"]]


def test_private_tokens_are_listed_in_order_and_searched(caller: Caller) -> None:
    for name, seconds in (("beta", 30), ("alpha", 20), ("gamma", 10)):
        create_private(caller, name, seconds)

    def names(**query: Any) -> list[str]:
        page = caller.http.get(PRIVATE, params=query).json()
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
def test_a_private_token_is_refused(
    caller: Caller, body: dict[str, Any], code: str, attr: str
) -> None:
    answer = caller.http.post(PRIVATE, json=body)
    assert (answer.status_code, errors(answer)) == (400, [(code, attr)])


def test_private_tokens_need_a_token(caller: Caller) -> None:
    for method, path in (("GET", PRIVATE), ("POST", PRIVATE), ("DELETE", f"{PRIVATE}1/")):
        answer = httpx.request(method, f"{caller.sandbox.base_url}{path}")
        assert (answer.status_code, errors(answer)) == (401, [("not_authenticated", None)])
