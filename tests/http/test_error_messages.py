"""Tests of the exact text of error messages."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from haut_ext._http.call import Call, origin_of
from haut_ext._http.response_capture import request_id
from haut_ext._http.response_errors import connection_error, status_error, unexpected_response
from haut_ext._http.response_shapes import success_problem
from haut_ext._http.tokens import CachedToken
from haut_ext.errors import (
    ApiError,
    HautError,
    StorageError,
    TransportError,
    TransportTimeout,
    UnexpectedResponse,
)
from haut_ext.secret import Secret
from haut_ext.settings import Options

CHECK = "The request may have been carried out: check before you send it again."
ONCE = " The request was not sent again, because its body is a stream that can be read only once."
ID = "2fea742a-62ec-4a81-9729-9e0283f9c40c"


def answer(status: int, body: bytes = b"", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    # Pass a stream, because httpx would add a Content-Length header for a body given as bytes.
    response = httpx.Response(status, headers=named, stream=httpx.ByteStream(body))
    response.request = httpx.Request("GET", "https://saas.haut.ai/")
    response.read()
    return response


def call(operation: str = "GET /x/{id}/", **known: Any) -> Call:
    method, path = operation.split()
    origin = httpx.URL("https://saas.haut.ai")
    url = origin.join(path.replace("{id}", ID))
    if path == "(storage)":
        url = httpx.URL("https://storage.example/photo")
    content = iter([b""]) if known.pop("unrepeatable", False) else b""
    options = Options(deadline=known.pop("deadline", None))
    made = Call(httpx.Request(method, url, content=content), origin_of(origin), options, None)
    made.attempts = 1
    made.token = CachedToken(Secret("the-token"))
    made.secrets.add(Secret("the-token"))
    made.deadline.started -= known.pop("elapsed", 0.0)
    for name, value in known.items():
        setattr(made, name, value)
    return made


def items(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"type": "client_error", "errors": entries}).encode()


def make_status_error(
    received: httpx.Response, operation: str = "GET /x/{id}/", **more: Any
) -> HautError:
    retry_after = more.pop("retry_after", None)
    return status_error(received, call(operation, **more), retry_after, retryable=True)


BLANK = {"code": "blank", "detail": "This field may not be blank.", "attr": "name"}
WITHOUT_FIELD = {"code": "invalid", "detail": "Not valid, the-token.", "attr": None}

STATUS_ERRORS: dict[str, tuple[httpx.Response, dict[str, Any]]] = {
    f"GET /x/{{id}}/ [{ID}] returned 400 Bad Request: name: This field may not be blank. (blank); "
    "Not valid, [redacted]. (invalid).": (answer(400, items(BLANK, WITHOUT_FIELD)), {}),
    f"GET /x/{{id}}/ [{ID}] returned 401 Unauthorized. Check the token (token= or HAUT_TOKEN); access "
    "tokens from login expire after one hour.": (answer(401), {}),
    f"GET /x/{{id}}/ [{ID}] returned 403 Forbidden. The token is valid, but its user lacks the "
    "permission for this company or dataset.": (answer(403), {}),
    f"GET /x/{{id}}/ [{ID}] returned 404 Not Found. Check that the ids are correct and belong to this "
    "company and dataset.": (answer(404), {}),
    f"GET /x/{{id}}/ [{ID}] returned 408 Request Timeout. Sent 3 times. Try again later.": (
        answer(408),
        {"attempts": 3},
    ),
    f"GET /x/{{id}}/ [{ID}] returned 429 Too Many Requests. Sent 2 times. The server asks to wait 90 s. "
    "Too many requests: send fewer, or raise max_retries.": (
        answer(429),
        {"attempts": 2, "retry_after": 89.6},
    ),
    f"GET /x/{{id}}/ [{ID}] returned 302 Found: a redirect, which is not followed because the token "
    "must not leave the API's origin.": (answer(302, b"moved"), {}),
    f"GET /x/{{id}}/ [{ID}] returned 399: a redirect, which is not followed because the token must not "
    "leave the API's origin.": (answer(399), {}),
    f"GET /x/{{id}}/ [{ID}] returned 502 Bad Gateway, and the body is not in the service's error "
    "format (text/html). Try again later.": (answer(502, b"<html>", content_type="text/html"), {}),
    f"GET /x/{{id}}/ [{ID}] returned 418 I'm a teapot, and the body is not in the service's error "
    "format (no content type).": (
        answer(418, b"tea"),
        {},
    ),
    f"GET /x/{{id}}/ [{ID}] returned 520. Try again later. Request id: request-1.": (
        answer(520, x_request_id="request-1"),
        {},
    ),
    f"GET /x/{{id}}/ [{ID}] returned 500 Internal Server Error. Try again later.": (
        answer(500),
        {},
    ),
    f"POST /x/ returned 500 Internal Server Error. {CHECK} Request id: request-2.": (
        answer(500, x_correlation_id="request-2"),
        {"operation": "POST /x/", "maybe_carried_out": True},
    ),
    f"PUT (storage) returned 503 Service Unavailable.{ONCE}": (
        answer(503, b"<Error>"),
        {"operation": "PUT (storage)", "unrepeatable": True},
    ),
    "PUT (storage) returned 400 Bad Request: EntityTooLarge. A photo must have 1 to 31,457,280 "
    "bytes.": (
        answer(400, b"<Error><Code>EntityTooLarge</Code></Error>"),
        {"operation": "PUT (storage)"},
    ),
    "PUT (storage) returned 400 Bad Request: EntityTooSmall. Sent 2 times. The server asks to "
    "wait 1 s. A photo must have 1 to 31,457,280 bytes.": (
        answer(400, b"<Error><Code>EntityTooSmall</Code></Error>"),
        {"operation": "PUT (storage)", "attempts": 2, "retry_after": 1.0},
    ),
    "PUT (storage) returned 400 Bad Request: ExpiredToken. The signed URL has expired or does "
    "not match the request: request a new one.": (
        answer(400, b"<Error><Code>ExpiredToken</Code></Error>"),
        {"operation": "PUT (storage)"},
    ),
    "PUT (storage) returned 403 Forbidden: SignatureDoesNotMatch. The signed URL has expired "
    "or does not match the request: request a new one.": (
        answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"),
        {"operation": "PUT (storage)"},
    ),
    "GET (storage) returned 404 Not Found: NoSuchKey.": (
        answer(404, b"<Error><Code>NoSuchKey</Code></Error>"),
        {"operation": "GET (storage)"},
    ),
}


@pytest.mark.parametrize("text", STATUS_ERRORS)
def test_message_of_a_status_error(text: str) -> None:
    received, more = STATUS_ERRORS[text]
    error = make_status_error(received, **more)
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
def test_request_id_is_read_from_the_headers_and_redacted(name: str) -> None:
    assert request_id(answer(500, b"", **{name: "request-1"}).headers) == "request-1"
    echoing = make_status_error(answer(500, b"", **{name: "for the-token"}))
    assert isinstance(echoing, ApiError)
    assert echoing.request_id == "for [redacted]"
    assert request_id(answer(500, x_other="request-1").headers) is None


@pytest.mark.parametrize(
    "body",
    [b'{"errors": 7}', b'{"errors": [7]}', b'{"errors": [{"code": "c"}]}', b"[" * 100_000, b"\xff"],
)
def test_undocumented_error_body_has_no_error_items(body: bytes) -> None:
    error = make_status_error(answer(400, body, content_type="application/json"))
    assert isinstance(error, ApiError)
    assert error.errors == ()
    assert error.body == body.decode("utf-8", "replace")[:1000]
    assert "not in the service's error format (application/json)" in str(error)


CONNECTION_ERRORS: dict[str, tuple[httpx.TransportError, dict[str, Any]]] = {
    "GET /x/ exceeded its deadline of 60 s (ReadTimeout; 2 attempts in 60.0 s). Raise "
    "deadline= if the network is slow.": (
        httpx.ReadTimeout(""),
        {"deadline": 60, "attempts": 2, "elapsed": 60.04},
    ),
    "GET /x/ exceeded its deadline of 0.5 s (ConnectError; 1 attempt in 0.5 s). Raise "
    "deadline= if the network is slow.": (
        httpx.ConnectError(""),
        {"deadline": 0.5, "elapsed": 0.5},
    ),
    "POST /x/ could not be sent: no connection was established (ConnectError; 3 attempts in 1.5 s). "
    "Check base_url, the network, and HTTPS_PROXY if it is set.": (
        httpx.ConnectError(""),
        {"operation": "POST /x/", "attempts": 3, "maybe_delivered": False},
    ),
    "GET /x/ could not be sent: no connection was established (ConnectTimeout; 1 attempt in 1.5 s). "
    "Check base_url, the network, and HTTPS_PROXY if it is set.": (
        httpx.ConnectTimeout(""),
        {"maybe_delivered": False},
    ),
    "GET /x/ could not be sent: no connection became free within timeout.pool (PoolTimeout; "
    "1 attempt in 1.5 s). Make fewer concurrent calls, or raise max_in_flight or timeout.pool.": (
        httpx.PoolTimeout(""),
        {"maybe_delivered": False},
    ),
    "GET /x/ received no response in time (ReadTimeout; 1 attempt in 1.5 s). Raise timeout= if the "
    "service is slow.": (httpx.ReadTimeout(""), {}),
    "GET /x/ lost its connection before the response was complete (ReadError; 1 attempt in 1.5 s). Try "
    "again.": (httpx.ReadError(""), {}),
    f"POST /x/ lost its connection before the response was complete (ReadError; 1 attempt in 1.5 s). "
    f"{CHECK}": (httpx.ReadError(""), {"operation": "POST /x/"}),
    "PUT (storage) lost its connection before the response was complete (WriteError; 1 attempt in 1.5 "
    f"s).{ONCE} Try again.": (
        httpx.WriteError(""),
        {"operation": "PUT (storage)", "unrepeatable": True},
    ),
}


@pytest.mark.parametrize("text", CONNECTION_ERRORS)
def test_message_of_a_connection_error(text: str) -> None:
    raised, more = CONNECTION_ERRORS[text]
    known: dict[str, Any] = {
        "operation": "GET /x/",
        "maybe_delivered": True,
        "attempts": 1,
        "elapsed": 1.5,
        **more,
    }
    failed = call(**{name: value for name, value in known.items() if name != "maybe_delivered"})
    error = connection_error(raised, failed, delivered=known["maybe_delivered"], permanent=None)
    assert str(error) == text
    late = "deadline" in more or isinstance(raised, httpx.TimeoutException)
    assert type(error) is (TransportTimeout if late else TransportError)
    for name in ("operation", "maybe_delivered", "attempts"):
        assert getattr(error, name) == known[name]
    assert error.elapsed == pytest.approx(known["elapsed"], abs=0.04)


EXPLANATION = (
    "Either a proxy responded instead of the service, or the API has changed: compare its OpenAPI "
    "document with this release's spec."
)
UNEXPECTED_RESPONSES: dict[str, httpx.Response] = {
    f"GET /x/ returned 200, but the body is empty. {EXPLANATION}": answer(200),
    f"GET /x/ returned 299, but the status is unknown. {EXPLANATION}": answer(299, b"{}"),
    f"GET /x/ returned 200, but the body is not JSON (no content type). {EXPLANATION}": answer(
        200, b"photo"
    ),
    f"GET /x/ returned 200, but the body is not JSON (text/plain). {EXPLANATION}": answer(
        200, b"{", content_type="text/plain"
    ),
    f"GET /x/ returned 200, but the body is a web page. {EXPLANATION}": answer(
        200, b"{}", content_type="Text/HTML; charset=x"
    ),
}


@pytest.mark.parametrize("text", UNEXPECTED_RESPONSES)
def test_message_of_an_unexpected_response(text: str) -> None:
    received = UNEXPECTED_RESPONSES[text]
    problem = success_problem(received, to_api=True)
    assert problem is not None
    error = unexpected_response(received, call("GET /x/"), problem)
    assert isinstance(error, UnexpectedResponse)
    assert str(error) == text
    assert (error.field, error.status) == ("(body)", received.status_code)
