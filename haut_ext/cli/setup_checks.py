"""Checks for `haut doctor`: versions, configuration, proxy, connection, clock, token and dataset."""

from __future__ import annotations

import platform
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from attrs import frozen

from haut_ext import (
    ApiError,
    ConfigError,
    HautError,
    Unauthorized,
    __version__,
    capture_responses,
)
from haut_ext._httpx import httpx
from haut_ext.cli import profiles
from haut_ext.cli.client import client
from haut_ext.cli.error_messages import error_message, name_settings

_MAX_CLOCK_DIFFERENCE = 60.0
"""Maximum clock difference in seconds. Expiry of signed URLs and creation times of records are
compared with the local clock."""

_UNKNOWN_AUTHORITY = (
    "If a proxy or firewall inspects encrypted connections, it replaces the certificate: set "
    "SSL_CERT_FILE to the file of its certificate authority."
)
_CERTIFICATE_ADVICE = {
    9: "The certificate is not valid yet. Check the clock of this machine, which shows {now}.",
    10: "The certificate has expired. Check the clock of this machine, which shows {now}. If it is "
    "right, the operator of the server must renew the certificate.",
    62: "The server is not the one in HAUT_BASE_URL. Check the address, and whether a proxy or a "
    "login page of the network answers instead of the service.",
}
"""Advice for OpenSSL's codes of verification errors (X509_V_ERR_...)."""


@frozen
class Check:
    """Result of one check of the setup.

    Attributes:
        name: What was checked.
        ok: Whether the check succeeded.
        finding: Description of what the check found.
        advice: How to fix the problem, if the check failed.
    """

    name: str
    ok: bool
    finding: str
    advice: str = ""


def check_setup() -> Iterator[Check]:
    """Run the checks and yield their results. Stop if a problem prevents further checks."""
    python = platform.python_version()
    versions = f"haut-ext {__version__}, httpx {httpx.__version__}, Python {python}"
    yield Check("versions", True, versions)
    try:
        source = profiles.source()
        haut = client()
        haut.scope.dataset()
    except ConfigError as error:
        advice = "Correct this setting. To set up a profile, run haut login."
        yield Check("configuration", False, error_message(error), advice)
        return
    yield Check("configuration", True, f"{haut.scope.base_url}, token and ids from {source}")
    proxy = _proxy(haut.scope.base_url)
    yield Check("proxy", True, proxy or "none")
    problem: ApiError | None = None
    with haut, capture_responses() as responses:
        try:
            haut.with_options(max_retries=0, deadline=30.0).subjects.list(page_size=1)
            headers = responses[-1].headers
        except ApiError as error:
            problem, headers = error, httpx.Headers(error.headers)
        except HautError as error:
            name, advice = _connection_advice(error, proxy)
            yield Check(name, False, error_message(error), name_settings(advice))
            return
    yield Check("connection", True, "the service responds")
    yield _check_clock(headers)
    if isinstance(problem, Unauthorized):
        yield Check(
            "token",
            False,
            error_message(problem),
            "Get a new token from the SaaS portal, and run haut login or set HAUT_TOKEN.",
        )
        return
    yield Check("token", True, "valid")
    if problem is None:
        yield Check("dataset", True, "readable")
    else:
        advice = name_settings("Check HAUT_COMPANY_ID and HAUT_DATASET_ID.")
        yield Check("dataset", False, error_message(problem), advice)


def _proxy(base_url: str) -> str | None:
    """Return the proxy that the environment defines for a URL, without its user and password."""
    url = urlsplit(base_url)
    host = url.hostname or ""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    # The client uses http for loopback addresses only, and connects to them without a proxy.
    if url.scheme == "http" or not proxy or urllib.request.proxy_bypass(host):
        return None
    address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}"


def _connection_advice(error: HautError, proxy: str | None) -> tuple[str, str]:
    """Return the name of the check that a failed request belongs to, and what to do."""
    if isinstance(error, ConfigError):
        return "connection", "Correct this setting."
    if isinstance(error.__cause__, httpx.ProxyError):
        return "proxy", (
            f"The proxy {proxy} rejects connections to the service. If it requires a password, set "
            "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT; otherwise ask its administrator, or unset "
            "HTTPS_PROXY."
        )
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return "certificate", _CERTIFICATE_ADVICE.get(cause.verify_code, _UNKNOWN_AUTHORITY).format(
            now=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        )
    if proxy:
        return "connection", f"Check that the proxy {proxy} (HTTPS_PROXY) is reachable."
    return "connection", "Check HAUT_BASE_URL, the network, and whether a proxy is required."


def _check_clock(headers: Mapping[str, str]) -> Check:
    try:
        date = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return Check("clock", True, "not checked, because the response has no valid date")
    difference = abs((datetime.now(UTC) - date.replace(tzinfo=UTC)).total_seconds())
    if difference <= _MAX_CLOCK_DIFFERENCE:
        return Check("clock", True, "agrees with the clock of the service")
    finding = f"differs from the clock of the service by {difference:,.0f} s"
    return Check("clock", False, finding, "Set the clock of this machine, for example with NTP.")
