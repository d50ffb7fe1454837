# Derived from haut_ext/_async/storage.py by `make sync`; change that file instead.
"""Transfers of photos to and from signed addresses of the storage, without the token."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

import httpx
from attrs import asdict

from haut_ext._http.download_sink import DownloadSink
from haut_ext._sync.body import PhotoBody
from haut_ext._sync.http import HTTPClient
from haut_ext.errors import ConfigError, StorageError
from haut_ext.settings import check_signed_address


def upload(
    http: HTTPClient,
    method: str,
    address: str,
    headers: Mapping[str, str],
    body: PhotoBody,
) -> None:
    """Send a photo with exactly the method, address and headers that were signed.

    Raises:
        ConfigError: If method, address or headers are invalid, or it is plain http to another machine.
    """
    signed = _signed_request(http, "PUT", address, {})
    if not method.isascii() or not method.isalpha():
        raise ConfigError("the service returned an invalid method for the photo")
    try:
        request = httpx.Request(
            method, signed.url, headers=headers, content=body, extensions=signed.extensions
        )
    except (TypeError, ValueError, AttributeError):
        raise ConfigError("the service returned invalid headers for the photo") from None
    request.stream = body  # httpx has wrapped it, which would hide that it can be replayed
    with closing(body):
        http.exchange(request)


def download(http: HTTPClient, address: str, sink: DownloadSink) -> None:
    """Write the photo behind a signed address to a sink, from its start with each attempt.

    Raises:
        ConfigError: If the address is invalid, or plain http to another machine.
        StorageError: If the response is not a complete photo.
    """
    # Without compression, the length of the response is that of the photo.
    request = _signed_request(http, "GET", address, {"Accept-Encoding": "identity"})
    response = http.exchange(request, sink=sink)
    if response.status_code != 200 or not sink.written:
        raise StorageError(
            f"GET (storage) returned {response.status_code} with {sink.written} bytes, which is not a "
            "complete photo",
            operation="GET (storage)",
            status=response.status_code,
            code=None,
        )


def _signed_request(
    http: HTTPClient, method: str, address: str, headers: Mapping[str, str]
) -> httpx.Request:
    try:
        url = httpx.URL(check_signed_address(address))
        url.host  # noqa: B018 - raises UnicodeError for an invalid one
    except (httpx.InvalidURL, UnicodeError):
        raise ConfigError("the service returned an invalid URL for the photo") from None
    extensions: dict[str, object] = {"timeout": asdict(http.call_options.timeout)}
    target = "/" + address.split("#")[0].split("://", 1)[1].partition("/")[2]
    if target.encode() != url.raw_path and target.isascii() and target.isprintable():
        extensions["target"] = target.encode()  # httpx would remove dot segments
    return httpx.Request(method, url, headers=headers, extensions=extensions)
