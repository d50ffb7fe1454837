"""Serves the storage origin: imitates Google Cloud Storage's XML API.

It accepts only signed URLs, verifies them as Google does, and returns errors in XML.
"""

from __future__ import annotations

import base64
import hmac
import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote

from .http_messages import Request, Response
from .records import StoredObject
from .signed_urls import (
    ALGORITHMS,
    HMAC_ALGORITHM,
    MAX_EXPIRATION_SECONDS,
    canonical_request,
    sign_string,
    string_to_sign,
)
from .state import State

BUCKET = "haut-sandbox"
OPERATIONS = {"PUT": "upload_image", "GET": "download_image"}
"""Operation id of each HTTP method."""
_ACCESS_ID = "sandbox@haut-sandbox.iam.gserviceaccount.com"
_MAX_CLOCK_SKEW = timedelta(minutes=15)


class _StorageError(Exception):
    """Exception that is converted to an XML error response."""

    def __init__(self, status: int, code: str, message: str, **extra: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra

    def to_response(self) -> Response:
        parts = {"Code": self.code, "Message": self.message, **self.extra}
        inner = "".join(f"<{tag}>{html.escape(text)}</{tag}>" for tag, text in parts.items())
        body = f"<?xml version='1.0' encoding='UTF-8'?><Error>{inner}</Error>"
        return Response(
            self.status, (("Content-Type", "application/xml; charset=UTF-8"),), body.encode()
        )


@dataclass(frozen=True, slots=True)
class _SignedQuery:
    """Signature parameters of a signed URL, parsed and validated by `_read_signed_query`."""

    algorithm: str
    date: str
    signed_at: datetime
    scope: str
    lifetime: timedelta
    signed_headers: str
    signature: str


class StorageService:
    """Storage service: handles requests to the storage, and signs URLs for API responses.

    Args:
        state: State of the sandbox: stored files, signing secret, and the clock for checking
            expiry.
    """

    signer_email = _ACCESS_ID

    def __init__(self, state: State) -> None:
        self.origin = ""  # set when the port is known
        self._state = state

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the signature of a string to sign."""
        return sign_string(self._state.signing_secret, message)

    def sign(
        self, method: str, key: str, expires: int, headers: Mapping[str, str] | None = None
    ) -> str:
        """Return a signed URL.

        Args:
            method: HTTP method that the URL allows.
            key: Name of the stored object.
            expires: Lifetime in seconds.
            headers: Headers that clients must send unchanged with the request.
        """
        path = f"/{BUCKET}/{quote(key)}"
        now = self._state.clock.now()
        date = f"{now:%Y%m%dT%H%M%SZ}"
        scope = f"{now:%Y%m%d}/auto/storage/goog4_request"
        signed = {"host": self.origin.partition("//")[2]}
        signed.update((name.lower(), value) for name, value in (headers or {}).items())
        query = {
            "X-Goog-Algorithm": HMAC_ALGORITHM,
            "X-Goog-Credential": f"{_ACCESS_ID}/{scope}",
            "X-Goog-Date": date,
            "X-Goog-Expires": str(expires),
            "X-Goog-SignedHeaders": ";".join(sorted(signed)),
        }
        canonical = canonical_request(
            method, path, query.items(), signed, query["X-Goog-SignedHeaders"]
        )
        message = string_to_sign(HMAC_ALGORITHM, date, scope, canonical)
        query["X-Goog-Signature"] = self.sign_bytes(message.encode()).hex()
        encoded = "&".join(f"{name}={quote(value, safe='~')}" for name, value in query.items())
        return f"{self.origin}{path}?{encoded}"

    def identify(self, request: Request) -> None:
        """Set a request's operation id, which depends only on the HTTP method."""
        request.operation = OPERATIONS.get(request.method, "unknown")

    def error_response(self, status: int, code: str, detail: str) -> Response:
        """Return an error response, for invalid HTTP or an internal error."""
        code = "".join(map(str.capitalize, code.split("_")))
        return _StorageError(status, code, detail).to_response()

    def handle(self, request: Request) -> Response:
        """Process a request and return the response, which may be an error response."""
        try:
            self._verify(request)
            key = unquote(request.path).removeprefix(f"/{BUCKET}/")
            if request.method == "PUT":
                return self._put(request, key)
            if request.method == "GET":
                return self._get(key)
            message = "The specified method is not allowed against this resource."
            raise _StorageError(405, "MethodNotAllowed", message)
        except _StorageError as error:
            return error.to_response()

    def _put(self, request: Request, key: str) -> Response:
        length = len(request.body)
        low, _, high = request.headers.get("x-goog-content-length-range", "").partition(",")
        if low.isdecimal() and high.isdecimal():
            if length < int(low):
                message = "Your proposed upload is smaller than the minimum allowed object size."
                raise _StorageError(400, "EntityTooSmall", message)
            if length > int(high):
                message = "Your proposed upload is larger than the maximum allowed object size."
                raise _StorageError(400, "EntityTooLarge", message)
        content_type = request.headers.get("content-type", "application/octet-stream")
        stored = StoredObject(request.body, content_type, request.md5)
        with self._state.database.lock:
            self._state.clock.tick()
            self._state.database.store(key, stored)
        headers = (("Content-Type", "text/html; charset=UTF-8"), *_checksum_headers(stored))
        return Response(200, headers)

    def _get(self, key: str) -> Response:
        stored = self._state.database.objects.get(key)
        if stored is None:
            message = "The specified key does not exist."
            details = f"No such object: {BUCKET}/{key}"
            raise _StorageError(404, "NoSuchKey", message, Details=details)
        headers = (("Content-Type", stored.content_type), *_checksum_headers(stored))
        return Response(200, headers, stored.data)

    def _verify(self, request: Request) -> None:
        if "authorization" in request.headers:
            message = "Only one authentication mechanism is allowed."
            raise _StorageError(400, "InvalidArgument", message)
        pairs = parse_qsl(request.query, keep_blank_values=True)
        signed = _read_signed_query(pairs)
        _check_signed_headers(request.headers, signed.signed_headers.split(";"))
        self._check_signature(request, pairs, signed)
        now = self._state.clock.now()
        expired_at = signed.signed_at + signed.lifetime
        if now > expired_at:
            details = f"The provided token has expired. Request signature expired at: {expired_at}"
            raise _StorageError(400, "ExpiredToken", "Invalid argument.", Details=details)
        if signed.signed_at > now + _MAX_CLOCK_SKEW:
            message = "The difference between the request time and the server's time is too large."
            raise _StorageError(403, "RequestTimeTooSkewed", message)

    def _check_signature(
        self, request: Request, pairs: list[tuple[str, str]], signed: _SignedQuery
    ) -> None:
        unsigned = [(name, value) for name, value in pairs if name.lower() != "x-goog-signature"]
        canonical = canonical_request(
            request.method, request.path, unsigned, request.headers, signed.signed_headers
        )
        message = string_to_sign(signed.algorithm, signed.date, signed.scope, canonical)
        expected = self.sign_bytes(message.encode()).hex()
        if not hmac.compare_digest(expected.encode(), signed.signature.encode()):
            raise _StorageError(
                403,
                "SignatureDoesNotMatch",
                "Access denied.",
                Details="The request signature we calculated does not match the signature you "
                "provided. Check your Google secret key and signing method.",
                StringToSign=message,
                CanonicalRequest=canonical,
            )


def _read_signed_query(pairs: list[tuple[str, str]]) -> _SignedQuery:
    # Some signing libraries write the parameter names in lower case.
    query = {name.lower(): value for name, value in pairs}
    if "x-goog-signature" not in query:
        details = "Anonymous caller does not have access to the Google Cloud Storage object."
        raise _StorageError(403, "AccessDenied", "Access denied.", Details=details)
    algorithm = query.get("x-goog-algorithm", "")
    if algorithm not in ALGORITHMS:
        raise _malformed("X-Goog-Algorithm", "Algorithm is not supported.")
    date = query.get("x-goog-date", "")
    try:
        signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _malformed("X-Goog-Date", "Date is not in ISO 8601 basic format.") from None
    scope = query.get("x-goog-credential", "").partition("/")[2]
    if scope != f"{date[:8]}/auto/storage/goog4_request":
        raise _malformed("X-Goog-Credential", "Credential scope does not fit the request.")
    expires = query.get("x-goog-expires", "")
    if not (expires.isdecimal() and 0 < int(expires) <= MAX_EXPIRATION_SECONDS):
        details = f"Expiration must be between 1 and {MAX_EXPIRATION_SECONDS} seconds."
        raise _malformed("X-Goog-Expires", details)
    return _SignedQuery(
        algorithm,
        date,
        signed_at,
        scope,
        timedelta(seconds=int(expires)),
        query.get("x-goog-signedheaders", ""),
        query["x-goog-signature"],
    )


def _check_signed_headers(headers: Mapping[str, str], signed: list[str]) -> None:
    for name in signed:
        if name not in headers:
            details = "Header was included in signedheaders, but not in the request."
            raise _malformed(name, details)
    for name in headers:
        if (name == "host" or name.startswith("x-goog-")) and name not in signed:
            details = "Header was included in the request, but not in signedheaders."
            raise _malformed(name, details)


def _malformed(parameter: str, details: str) -> _StorageError:
    """Return the error for an invalid signature parameter or signed header."""
    message = "Your request has a malformed header."
    return _StorageError(
        400, "MalformedSecurityHeader", message, Details=details, ParameterName=parameter
    )


def _checksum_headers(stored: StoredObject) -> tuple[tuple[str, str], ...]:
    return (
        ("ETag", f'"{stored.md5.hex()}"'),
        ("x-goog-hash", f"md5={base64.b64encode(stored.md5).decode()}"),
    )
