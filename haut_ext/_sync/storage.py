# Derived from haut_ext/_async/storage.py by `make sync`; change that file instead.
"""Uploads photos to signed storage URLs and downloads photos from them, without the API token."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Self

from attrs import asdict

from haut_ext._http.attempts import body_failure, connection_failure
from haut_ext._http.body_limits import BodyLimit, RejectedBody, without_body
from haut_ext._http.call import Call
from haut_ext._http.checksum import Checksum
from haut_ext._http.download_sink import DownloadSink
from haut_ext._http.redaction import STORAGE
from haut_ext._http.response_errors import unexpected_response
from haut_ext._http.response_shapes import is_web_page
from haut_ext._httpx import httpx
from haut_ext._sync.connections import ResponseBody
from haut_ext._sync.http import HTTPClient
from haut_ext.errors import CallerError, ConfigError, StorageError
from haut_ext.keyword_arguments import Progress
from haut_ext.photos.checks import Photo
from haut_ext.secret import Secret, hide_frames
from haut_ext.settings import check_headers
from haut_ext.urls import check_signed_address

Headers = Mapping[str, str]

_FORBIDDEN_HEADERS = {
    *("authorization", "cookie", "content-length", "transfer-encoding", "connection", "keep-alive"),
    *("te", "trailer", "upgrade", "expect"),
}


class PhotoBody(httpx.SyncByteStream):
    """Request body that streams a photo and reports progress.

    It is an iterator instead of a generator, because a suspended generator would keep the file open
    after a failed attempt. `close` closes the file.

    Args:
        photo: The photo, already validated.
        progress: Called with the number of bytes sent and the total. A retry reports nothing until
            it has sent more bytes than all earlier attempts, so the numbers never decrease.
    """

    def __init__(self, photo: Photo, progress: Progress | None = None) -> None:
        self._photo = photo
        self._progress = progress
        self._chunks: Generator[bytes, None, None] | None = None
        self._sent = 0
        self._reported = 0
        self.checksum = Checksum()

    @property
    def size(self) -> int | None:
        return self._photo.size

    @property
    def repeatable(self) -> bool:
        """Whether the photo can be sent again, from its beginning, in another attempt."""
        return self._photo.replayable or self._chunks is None

    def __iter__(self) -> Self:
        if self._chunks is not None:
            self._chunks.close()
        self._chunks = self._photo.chunks()
        self._sent = 0
        self.checksum = Checksum()
        return self

    def __next__(self) -> bytes:
        assert self._chunks is not None
        try:
            # httpx requests the next chunk after it has sent the previous one.
            if self._progress is not None and self._sent > self._reported:
                self._reported = self._sent
                self._progress(self._sent, self._photo.size)
            chunk = next(self._chunks, None)
        except Exception as error:
            raise CallerError(error) from None
        if chunk is None:
            self.checksum.complete = True
            raise StopIteration
        self._sent += len(chunk)
        self.checksum.add(chunk)
        return chunk

    def close(self) -> None:
        if self._chunks is not None:
            self._chunks.close()


def upload(http: HTTPClient, method: str, url: Secret, headers: Headers, body: PhotoBody) -> None:
    """Send a photo to a signed URL, with exactly the signed method and headers.

    Raises:
        StorageError: If the storage rejects the photo. Before any request, if method, URL or headers
            are invalid, or if the URL is plain http, unless API and storage are both on loopback.
    """
    if method not in ("PUT", "POST"):
        raise invalid_address("an invalid HTTP method")
    request = _signed_request(http, method, url, headers, body)
    request.stream = body  # httpx wraps the body in a stream without a `repeatable` attribute
    with closing(body):
        http.exchange(request)


def download(http: HTTPClient, url: Secret, sink: DownloadSink) -> None:
    """Download the photo at a signed URL to `sink`; each attempt starts from the beginning.

    Raises:
        StorageError: If the response is not a complete photo. Before any request, if the URL is
            invalid, or is plain http, unless API and storage are both on loopback.
    """
    # The Content-Length that httpx checks is the photo's own length only without compression.
    request = _signed_request(http, "GET", url, {"Accept-Encoding": "identity"})
    response = http.exchange(request, sink=sink)
    _check_complete(response, sink.written)


@contextmanager
def stream(http: HTTPClient, url: Secret, progress: Progress | None) -> Generator[Iterator[bytes]]:
    """Open the download of a photo; yield an iterator over its bytes. See `Images.stream`."""
    request = _signed_request(http, "GET", url, {"Accept-Encoding": "identity"})
    call = Call(request, http.connections.origin, http.call_options, None)
    response = http.exchange(request, stream=True)
    assert isinstance(response.stream, ResponseBody)
    response.stream.limit = BodyLimit(response, download=True)
    with closing(response):
        yield _checked_chunks(response, call, progress)


def _checked_chunks(
    response: httpx.Response, call: Call, progress: Progress | None
) -> Iterator[bytes]:
    """Yield the bytes of a photo, and check its length and checksum at the end."""
    call.attempts = 1  # for the messages of errors
    checksum = Checksum()
    length = response.headers.get("content-length", "")
    total = int(length) if length.isdecimal() else None
    problem = "the body is a web page" if is_web_page(response) else None
    if problem is None:
        try:
            for chunk in response.iter_bytes():
                checksum.add(chunk)
                if progress is not None:
                    progress(checksum.size, total)
                yield chunk
        except RejectedBody as error:
            raise body_failure(call, error).error from None
        except httpx.RequestError as error:
            raise connection_failure(call, error).error from error
        problem = checksum.problem(response, upload=False)
    if problem is not None:
        empty = without_body(response.status_code, response.headers)
        raise unexpected_response(empty, call, problem)
    _check_complete(response, checksum.size)


def _check_complete(response: httpx.Response, size: int) -> None:
    if response.status_code != 200 or not size:
        raise StorageError(
            f"GET (storage) returned {response.status_code} with {size} bytes, which is not a "
            "complete photo",
            operation="GET (storage)",
            status=response.status_code,
            code=None,
        )


def invalid_address(problem: str, method: str = "PUT") -> StorageError:
    """Return the error for a signed URL, or its method or headers, that must not be used."""
    return StorageError(
        f"the service returned {problem} for the photo",
        operation=f"{method} (storage)",
        status=None,
        code=None,
    )


class _SignedRequest(httpx.Request):
    """Request whose repr, which tracebacks show, does not contain the signed URL."""

    def __repr__(self) -> str:
        return f"<Request({self.method!r}, {STORAGE!r})>"


def _is_forbidden(name: str, value: object, url: httpx.URL) -> bool:
    """Return whether the service must not specify a header for the upload of a photo.

    Such a header would change the meaning or the destination of the request, or send credentials.
    """
    lower = name.lower()
    if lower == "host":
        return value not in (url.netloc.decode(), f"{url.host}:443")
    return lower in _FORBIDDEN_HEADERS or lower.startswith("proxy-")


@hide_frames
def _signed_request(
    http: HTTPClient,
    method: str,
    signed: Secret,
    headers: Headers,
    body: PhotoBody | None = None,
) -> httpx.Request:
    allow_http = http.connections.origin[0] == "http"
    try:
        url = check_signed_address(signed.reveal(), allow_http=allow_http)
        parsed = httpx.URL(url)
        parsed.host  # noqa: B018 - raises UnicodeError if the host is invalid
    except (ConfigError, httpx.InvalidURL, UnicodeError):
        raise invalid_address("an invalid or insecure URL, which must be https,", method) from None
    if any(_is_forbidden(name, value, parsed) for name, value in headers.items()):
        raise invalid_address("a forbidden header", method)
    try:
        check_headers({name: it for name, it in headers.items() if name.lower() != "host"})
    except ConfigError:
        raise invalid_address("invalid headers", method) from None
    if body is not None and body.size is not None:
        headers = {**headers, "Content-Length": str(body.size)}
    extensions: dict[str, object] = {"timeout": asdict(http.call_options.timeout)}
    target = "/" + url.split("#")[0].split("://", 1)[1].partition("/")[2]
    if target.encode() != parsed.raw_path and target.isascii() and target.isprintable():
        extensions["target"] = target.encode()  # httpx.URL removes "." and ".." path segments
    return _SignedRequest(method, parsed, headers=headers, content=body, extensions=extensions)
