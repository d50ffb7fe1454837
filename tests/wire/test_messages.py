"""What an error says: what failed, on what, what the other side said, what to do. Word for word."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from haut_ext.errors import (
    ApiError,
    HautError,
    StorageError,
    TransportError,
    TransportTimeout,
    UnexpectedResponse,
)
from haut_ext.wire.answers import Answer, breakage, refusal, request_id

LOOK = "It may have been carried out all the same: look before you send it again."
ONCE = "Its body was a stream that can be read only once"


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = Answer(status, headers=named, content=body)
    answer.request = httpx.Request("GET", "https://saas.haut.ai/")
    answer.secrets = ("the-token",)
    return answer


def items(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"type": "client_error", "errors": entries}).encode()


def refused(received: Answer, operation: str = "GET /x/{id}/", **more: Any) -> HautError:
    known: dict[str, Any] = {
        "retry_after": None,
        "maybe_carried_out": False,
        "once": None,
        "attempts": 1,
    }
    return refusal(received, operation=operation, **{**known, **more})


BLANK = {"code": "blank", "detail": "This field may not be blank.", "attr": "name"}
WHOLE = {"code": "invalid", "detail": "Not valid, the-token.", "attr": None}

REFUSALS: dict[str, tuple[Answer, dict[str, Any]]] = {
    "GET /x/{id}/ answered 400 Bad Request: name: This field may not be blank. (blank); "
    "Not valid, [redacted]. (invalid).": (answer(400, items(BLANK, WHOLE)), {}),
    "GET /x/{id}/ answered 401 Unauthorized. Check the token (token= or HAUT_TOKEN); access tokens "
    "from login live for one hour.": (answer(401), {}),
    "GET /x/{id}/ answered 403 Forbidden. The token is valid, but its user may not do this in this "
    "company or dataset.": (answer(403), {}),
    "GET /x/{id}/ answered 404 Not Found. Check the ids, and that they belong to this company and "
    "dataset.": (answer(404), {}),
    "GET /x/{id}/ answered 408 Request Timeout. Sent 3 times. Try again later.": (
        answer(408),
        {"attempts": 3},
    ),
    "GET /x/{id}/ answered 429 Too Many Requests. Sent 2 times. It asks to wait 90 s. Too many "
    "requests: slow down, or raise max_retries or max_retry_after.": (
        answer(429),
        {"attempts": 2, "retry_after": 89.6},
    ),
    "GET /x/{id}/ answered 302 Found: a redirect. It is not followed, since the token must not "
    "leave the API's origin.": (answer(302, b"moved"), {}),
    "GET /x/{id}/ answered 399: a redirect. It is not followed, since the token must not leave the "
    "API's origin.": (answer(399), {}),
    "GET /x/{id}/ answered 502 Bad Gateway, and not in the service's own form (text/html). Try "
    "again later.": (answer(502, b"<html>", content_type="text/html"), {}),
    "GET /x/{id}/ answered 418 I'm a Teapot, and not in the service's own form (no type).": (
        answer(418, b"tea"),
        {},
    ),
    "GET /x/{id}/ answered 520. Try again later. Request id: request-1.": (
        answer(520, x_request_id="request-1"),
        {},
    ),
    "GET /x/{id}/ answered 500 Internal Server Error. Try again later.": (answer(500), {}),
    f"POST /x/ answered 500 Internal Server Error. {LOOK} Request id: request-2.": (
        answer(500, x_correlation_id="request-2"),
        {"operation": "POST /x/", "maybe_carried_out": True},
    ),
    f"PUT (storage) answered 503 Service Unavailable. {ONCE}, so it cannot be repeated.": (
        answer(503, b"<Error>"),
        {"operation": "PUT (storage)", "once": ONCE},
    ),
    "PUT (storage) answered 400 Bad Request: EntityTooLarge. A photo must have 1 to 31,457,280 "
    "bytes.": (
        answer(400, b"<Error><Code>EntityTooLarge</Code></Error>"),
        {"operation": "PUT (storage)"},
    ),
    "PUT (storage) answered 400 Bad Request: EntityTooSmall. A photo must have 1 to 31,457,280 "
    "bytes. Sent 2 times. It asks to wait 1 s.": (
        answer(400, b"<Error><Code>EntityTooSmall</Code></Error>"),
        {"operation": "PUT (storage)", "attempts": 2, "retry_after": 1.0},
    ),
    "PUT (storage) answered 400 Bad Request: ExpiredToken. The signed address has expired or does "
    "not fit the request: ask for a new one.": (
        answer(400, b"<Error><Code>ExpiredToken</Code></Error>"),
        {"operation": "PUT (storage)"},
    ),
    "PUT (storage) answered 403 Forbidden: SignatureDoesNotMatch. The signed address has expired "
    "or does not fit the request: ask for a new one.": (
        answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"),
        {"operation": "PUT (storage)"},
    ),
    "GET (storage) answered 404 Not Found: NoSuchKey.": (
        answer(404, b"<Error><Code>NoSuchKey</Code></Error>"),
        {"operation": "GET (storage)"},
    ),
}


@pytest.mark.parametrize("text", REFUSALS)
def test_what_was_refused(text: str) -> None:
    received, more = REFUSALS[text]
    error = refused(received, **more)
    assert str(error) == text
    assert isinstance(error, ApiError | StorageError)
    assert error.operation == more.get("operation", "GET /x/{id}/")
    assert error.status == received.status_code
    assert error.retry_after == more.get("retry_after")
    assert error.attempts == more.get("attempts", 1)
    assert error.headers == dict(received.headers)
    assert error.body == received.text.replace("the-token", "[redacted]")
    if isinstance(error, ApiError):
        assert error.maybe_carried_out is more.get("maybe_carried_out", False)


@pytest.mark.parametrize(
    "name", ["X-Request-Id", "X-Correlation-Id", "X-GUploader-UploadID", "CF-Ray"]
)
def test_the_request_id_is_found_and_holds_no_token(name: str) -> None:
    assert request_id(Answer(500, headers={name: "request-1"})) == "request-1"
    echoing = Answer(500, headers={name: "for the-token"})
    echoing.secrets = ("the-token",)
    assert request_id(echoing) == "for [redacted]"
    assert request_id(Answer(500, headers={"X-Other": "request-1"})) is None


@pytest.mark.parametrize(
    "body",
    [b'{"errors": 7}', b'{"errors": [7]}', b'{"errors": [{"code": "c"}]}', b"[" * 100_000, b"\xff"],
)
def test_another_envelope_than_the_documented_one_gives_no_items(body: bytes) -> None:
    error = refused(answer(400, body, content_type="application/json"))
    assert isinstance(error, ApiError)
    assert error.errors == ()
    assert error.body == body.decode("utf-8", "replace")[:1000]
    assert "not in the service's own form (application/json)" in str(error)


AGAIN = "It may have been carried out: look before you send it again."

BREAKAGES: dict[str, tuple[httpx.TransportError, dict[str, Any]]] = {
    "GET /x/ did not end within its deadline of 60 s (ReadTimeout; 2 attempts in 60.0 s). Raise "
    "deadline= or, for photos, transfer_deadline= if the network is slow.": (
        httpx.ReadTimeout(""),
        {"deadline": 60, "attempts": 2, "elapsed": 60.04},
    ),
    "GET /x/ did not end within its deadline of 0.5 s (ConnectError; 1 attempts in 0.5 s). Raise "
    "deadline= or, for photos, transfer_deadline= if the network is slow.": (
        httpx.ConnectError(""),
        {"deadline": 0.5, "elapsed": 0.5},
    ),
    "POST /x/ could not be sent: no connection was made (ConnectError; 3 attempts in 1.5 s). Check "
    "base_url, the network, and HTTPS_PROXY if it is set.": (
        httpx.ConnectError(""),
        {"operation": "POST /x/", "method": "POST", "attempts": 3, "maybe_delivered": False},
    ),
    "GET /x/ could not be sent: no connection was made (ConnectTimeout; 1 attempts in 1.5 s). Check "
    "base_url, the network, and HTTPS_PROXY if it is set.": (
        httpx.ConnectTimeout(""),
        {"maybe_delivered": False},
    ),
    "GET /x/ could not be sent: no connection became free (PoolTimeout; 1 attempts in 1.5 s). Make "
    "fewer calls at once, or raise timeout.pool.": (
        httpx.PoolTimeout(""),
        {"maybe_delivered": False},
    ),
    "GET /x/ got no answer in time (ReadTimeout; 1 attempts in 1.5 s). Raise timeout= if the "
    "service is slow.": (httpx.ReadTimeout(""), {}),
    "GET /x/ was cut off before the whole answer had arrived (ReadError; 1 attempts in 1.5 s). Try "
    "again.": (httpx.ReadError(""), {}),
    f"POST /x/ was cut off before the whole answer had arrived (ReadError; 1 attempts in 1.5 s). "
    f"{AGAIN}": (httpx.ReadError(""), {"operation": "POST /x/", "method": "POST"}),
    "PUT (storage) was cut off before the whole answer had arrived (WriteError; 1 attempts in 1.5 "
    f"s). {ONCE}, so it cannot be repeated. Try again.": (
        httpx.WriteError(""),
        {"operation": "PUT (storage)", "method": "PUT", "once": ONCE},
    ),
}


@pytest.mark.parametrize("text", BREAKAGES)
def test_what_broke(text: str) -> None:
    raised, more = BREAKAGES[text]
    known: dict[str, Any] = {
        "operation": "GET /x/",
        "method": "GET",
        "maybe_delivered": True,
        "once": None,
        "attempts": 1,
        "elapsed": 1.5,
        "deadline": None,
        **more,
    }
    error = breakage(raised, **known)
    assert str(error) == text
    late = "deadline" in more or isinstance(raised, httpx.TimeoutException)
    assert type(error) is (TransportTimeout if late else TransportError)
    for name in ("operation", "maybe_delivered", "attempts", "elapsed"):
        assert getattr(error, name) == known[name]


INSTEAD = (
    "Either something between here and the service answered in its place, or the service has "
    "changed: compare its Swagger with the spec of this release."
)
NO_SUCCESSES: dict[str, Answer] = {
    f"GET /x/ answered 200, but the body is empty. {INSTEAD}": answer(200),
    f"GET /x/ answered 299, but nobody knows that status. {INSTEAD}": answer(299, b"{}"),
    f"GET /x/ answered 200, but the body is not JSON (no content type). {INSTEAD}": answer(
        200, b"photo"
    ),
    f"GET /x/ answered 200, but the body is not JSON (text/plain). {INSTEAD}": answer(
        200, b"{", content_type="text/plain"
    ),
    f"GET /x/ answered 200, but with a web page (Text/HTML; charset=x) that is not the service's. "
    f"{INSTEAD}": answer(200, b"{}", content_type="Text/HTML; charset=x"),
}


@pytest.mark.parametrize("text", NO_SUCCESSES)
def test_what_is_no_success_of_the_service(text: str) -> None:
    received = NO_SUCCESSES[text]
    received.operation = "GET /x/"
    with pytest.raises(UnexpectedResponse) as caught:
        received.check(to_api=True)
    assert str(caught.value) == text
    assert (caught.value.field, caught.value.status) == ("(body)", received.status_code)
