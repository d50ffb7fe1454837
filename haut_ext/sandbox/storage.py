"""The stand-in for Google Cloud Storage: V4 signed URLs, verified as Google does; XML errors.

Canonical request and string to sign follow Google's description of V4 signing; so does the HMAC key
derivation. The label GOOG4-RSA-SHA256 is taken too, with a signature by this same key, so that
google-cloud-storage's own signer, given `sign_bytes`, can judge the verifier.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote

from .messages import Answer, Request
from .state import StoredObject, World

BUCKET = "haut-sandbox"
MAX_EXPIRES = 604_800
"""Longest life of a V4 signed URL, in seconds: 7 days."""
_HMAC = "GOOG4-HMAC-SHA256"
_ALGORITHMS = (_HMAC, "GOOG4-RSA-SHA256")
_ACCESS_ID = "sandbox@haut-sandbox.iam.gserviceaccount.com"
OPERATIONS = {"PUT": "upload_image", "GET": "download_image"}


def canonical_request(
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    signed_headers: str,
) -> str:
    """Google's canonical form of a request, whose hash is signed.

    Args:
        method: The method.
        path: Percent-encoded.
        query: Decoded names and values, without the signature.
        headers: By names in lower case.
        signed_headers: Names in lower case, sorted, joined with semicolons.
    """
    encoded = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in query)
    names = signed_headers.split(";")
    return "\n".join(
        [
            method,
            path,
            "&".join(f"{name}={value}" for name, value in encoded),
            *(f"{name}:{' '.join(headers[name].split())}" for name in names),
            "",
            signed_headers,
            headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD"),
        ]
    )


def string_to_sign(algorithm: str, date: str, scope: str, canonical: str) -> str:
    """What is signed for a canonical request."""
    return "\n".join([algorithm, date, scope, hashlib.sha256(canonical.encode()).hexdigest()])


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str, **extra: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra

    def answer(self) -> Answer:
        parts = {"Code": self.code, "Message": self.message, **self.extra}
        inner = "".join(f"<{tag}>{html.escape(text)}</{tag}>" for tag, text in parts.items())
        body = f"<?xml version='1.0' encoding='UTF-8'?><Error>{inner}</Error>"
        return Answer(
            self.status, (("Content-Type", "application/xml; charset=UTF-8"),), body.encode()
        )


class Storage:
    """The service behind the storage's origin.

    Args:
        world: The state; its clock decides expiry.
    """

    def __init__(self, world: World) -> None:
        self.origin = ""  # known once the sockets are open
        self._world = world

    signer_email = _ACCESS_ID

    def sign_bytes(self, message: bytes) -> bytes:
        """The sandbox key's signature of a string to sign."""
        date, *rest = message.decode().split("\n")[2].split("/")
        key = f"GOOG4{self._world.signing_secret}".encode()
        for part in (date, *rest):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, message, "sha256")

    def sign(
        self, method: str, key: str, expires: int, headers: Mapping[str, str] | None = None
    ) -> str:
        """A signed URL.

        Args:
            method: The only method it will serve.
            key: The object's name.
            expires: Its life in seconds.
            headers: What must be sent with it, to the letter.
        """
        path = f"/{BUCKET}/{quote(key)}"
        now = self._world.clock.now()
        date = f"{now:%Y%m%dT%H%M%SZ}"
        scope = f"{now:%Y%m%d}/auto/storage/goog4_request"
        signed = {"host": self.origin.partition("//")[2]}
        signed.update((name.lower(), value) for name, value in (headers or {}).items())
        query = {
            "X-Goog-Algorithm": _HMAC,
            "X-Goog-Credential": f"{_ACCESS_ID}/{scope}",
            "X-Goog-Date": date,
            "X-Goog-Expires": str(expires),
            "X-Goog-SignedHeaders": ";".join(sorted(signed)),
        }
        canonical = canonical_request(
            method, path, query.items(), signed, query["X-Goog-SignedHeaders"]
        )
        message = string_to_sign(_HMAC, date, scope, canonical)
        query["X-Goog-Signature"] = self.sign_bytes(message.encode()).hex()
        encoded = "&".join(f"{name}={quote(value, safe='~')}" for name, value in query.items())
        return f"{self.origin}{path}?{encoded}"

    def identify(self, request: Request) -> None:
        """Names the request's operation."""
        request.operation = OPERATIONS.get(request.method, "unknown")

    def refuse(self, status: int, code: str, detail: str) -> Answer:
        """An error that is found before a request is complete."""
        return _Refused(status, "".join(map(str.capitalize, code.split("_"))), detail).answer()

    def dispatch(self, request: Request) -> Answer:
        """Carries the request out, or says why not."""
        try:
            self._verify(request)
            key = unquote(request.path).removeprefix(f"/{BUCKET}/")
            if request.method == "PUT":
                return self._put(request, key)
            if request.method == "GET":
                return self._get(key)
            message = "The specified method is not allowed against this resource."
            raise _Refused(405, "MethodNotAllowed", message)
        except _Refused as refused:
            return refused.answer()

    def _put(self, request: Request, key: str) -> Answer:
        length = len(request.body)
        low, _, high = request.headers.get("x-goog-content-length-range", "").partition(",")
        if low.isdecimal() and high.isdecimal():
            if length < int(low):
                message = "Your proposed upload is smaller than the minimum allowed object size."
                raise _Refused(400, "EntityTooSmall", message)
            if length > int(high):
                message = "Your proposed upload is larger than the maximum allowed object size."
                raise _Refused(400, "EntityTooLarge", message)
        content_type = request.headers.get("content-type", "application/octet-stream")
        stored = StoredObject(request.body, content_type, request.md5)
        with self._world.lock:
            self._world.clock.tick()
            self._world.store(key, stored)
        return Answer(200, (("Content-Type", "text/html; charset=UTF-8"), *_digests(stored)))

    def _get(self, key: str) -> Answer:
        stored = self._world.objects.get(key)
        if stored is None:
            message = "The specified key does not exist."
            raise _Refused(404, "NoSuchKey", message, Details=f"No such object: {BUCKET}/{key}")
        return Answer(200, (("Content-Type", stored.content_type), *_digests(stored)), stored.data)

    def _verify(self, request: Request) -> None:
        if "authorization" in request.headers:
            message = "Only one authentication mechanism is allowed."
            raise _Refused(400, "InvalidArgument", message)
        pairs = parse_qsl(request.query, keep_blank_values=True)
        query = {name.lower(): value for name, value in pairs}  # signers spell them either way
        if "x-goog-signature" not in query:
            details = "Anonymous caller does not have access to the Google Cloud Storage object."
            raise _Refused(403, "AccessDenied", "Access denied.", Details=details)
        algorithm = query.get("x-goog-algorithm", "")
        if algorithm not in _ALGORITHMS:
            raise _malformed("X-Goog-Algorithm", "Algorithm is not supported.")
        date = query.get("x-goog-date", "")
        try:
            signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise _malformed("X-Goog-Date", "Date is not in ISO 8601 basic format.") from None
        scope = query.get("x-goog-credential", "").partition("/")[2]
        if scope != f"{date[:8]}/auto/storage/goog4_request":
            raise _malformed("X-Goog-Credential", "Credential scope does not fit the request.")
        life = query.get("x-goog-expires", "")
        if not (life.isdecimal() and 0 < int(life) <= MAX_EXPIRES):
            raise _malformed("X-Goog-Expires", f"Life must be 1 to {MAX_EXPIRES} seconds.")
        signed_headers = query.get("x-goog-signedheaders", "")
        names = signed_headers.split(";")
        for name in names:
            if name not in request.headers:
                details = "Header was included in signedheaders, but not in the request."
                raise _malformed(name, details)
        for name in request.headers:
            if (name == "host" or name.startswith("x-goog-")) and name not in names:
                details = "Header was included in the request, but not in signedheaders."
                raise _malformed(name, details)
        unsigned = [(name, value) for name, value in pairs if name.lower() != "x-goog-signature"]
        canonical = canonical_request(
            request.method, request.path, unsigned, request.headers, signed_headers
        )
        message = string_to_sign(algorithm, date, scope, canonical)
        expected = self.sign_bytes(message.encode()).hex()
        if not hmac.compare_digest(expected.encode(), query["x-goog-signature"].encode()):
            raise _Refused(
                403,
                "SignatureDoesNotMatch",
                "Access denied.",
                Details="The request signature we calculated does not match the signature you "
                "provided. Check your Google secret key and signing method.",
                StringToSign=message,
                CanonicalRequest=canonical,
            )
        now = self._world.clock.now()
        expired_at = signed_at + timedelta(seconds=int(life))
        if now > expired_at:
            details = f"The provided token has expired. Request signature expired at: {expired_at}"
            raise _Refused(400, "ExpiredToken", "Invalid argument.", Details=details)
        if signed_at > now + timedelta(minutes=15):
            message = "The difference between the request time and the server's time is too large."
            raise _Refused(403, "RequestTimeTooSkewed", message)


def _malformed(parameter: str, details: str) -> _Refused:
    """The refusal of a signed address, or a header signed with it, that cannot be right."""
    message = "Your request has a malformed header."
    return _Refused(
        400, "MalformedSecurityHeader", message, Details=details, ParameterName=parameter
    )


def _digests(stored: StoredObject) -> tuple[tuple[str, str], ...]:
    return (
        ("ETag", f'"{stored.md5.hex()}"'),
        ("x-goog-hash", f"md5={base64.b64encode(stored.md5).decode()}"),
    )
