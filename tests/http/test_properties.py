"""Property-based tests of retry delays, redaction and validation of settings."""

from __future__ import annotations

import ipaddress
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from haut_ext._http.redaction import redact_text
from haut_ext._http.retry_policy import INITIAL_BACKOFF, MAX_BACKOFF, parse_retry_after, retry_delay
from haut_ext.argument_checks import parse_id
from haut_ext.errors import ConfigError
from haut_ext.urls import _is_loopback, check_signed_address, parse_base_url

# Retry-After


PIECES = ["Mon,", "21", "Oct", "Oct-", "2015", "07:28:00", "7.28", "+0000", "-99999", "GMT", "EST"]
ODD_DATES = st.lists(
    st.sampled_from([*PIECES, ":", "-", ",", "(", ")", "9" * 20, "1e5", "-1"]), max_size=9
).map(" ".join)
NUMBERS = st.from_regex(r"\s*[-+]?[0-9.e]{1,400}\s*", fullmatch=True)


@given(st.one_of(st.text(), NUMBERS, ODD_DATES))
@example("9" * 5000)
@example("-1")
@example("1e999")
@example("nan")
@example("٣")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Fri, 31 Dec 99999 23:59:59 GMT")
@example("Wed, 21 Oct 2015 07:28:00 +9999")
@example("Wed, 21 Oct 2015 07:28:00 -0000")
@example("Wed, 21 Oct 2015 25:61:61 GMT")
@example("Wed, 21 Oct 2015 07:28:00 " + "9" * 400)
@example("," * 1000)
@example("(" * 1000)
def test_retry_after_never_raises(text: str) -> None:
    seconds = parse_retry_after(text)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@given(st.integers(min_value=0, max_value=10**11))
def test_retry_after_in_seconds(seconds: int) -> None:
    assert parse_retry_after(f" {seconds} ") == seconds


@given(
    st.integers(min_value=-(10**6), max_value=10**6),
    st.integers(min_value=-23 * 60, max_value=23 * 60),
)
def test_retry_after_as_a_date(ahead: int, offset: int) -> None:
    moment = datetime.now(timezone(timedelta(minutes=offset))) + timedelta(seconds=ahead)
    seconds = parse_retry_after(format_datetime(moment))
    assert seconds is not None
    assert abs(seconds - max(0, ahead)) < 2
    in_utc = moment.astimezone(UTC).replace(tzinfo=None)  # a date without a time zone is in UTC
    again = parse_retry_after(format_datetime(in_utc))
    assert again is not None
    assert abs(again - seconds) < 2


@given(st.integers(min_value=1, max_value=10**9))
def test_backoff_is_bounded(retry: int) -> None:
    bound = min(MAX_BACKOFF, INITIAL_BACKOFF * 2 ** min(retry - 1, 60))
    assert all(0 <= retry_delay(retry, None) <= bound for _ in range(20))


@given(st.integers(min_value=1, max_value=10**9), st.floats(min_value=0, max_value=1e11))
def test_retry_after_is_a_lower_bound_of_the_delay(retry: int, seconds: float) -> None:
    assert retry_delay(retry, seconds) >= seconds


@pytest.mark.parametrize("seconds", [None, 0.0])
def test_retry_after_of_0_does_not_shorten_the_backoff(seconds: float | None) -> None:
    assert max(retry_delay(5, seconds) for _ in range(500)) > MAX_BACKOFF * 0.9


def test_backoff_grows_and_is_spread() -> None:
    for retry, bound in enumerate((0.5, 1, 2, 4, 8, 8), start=1):
        waits = [retry_delay(retry, None) for _ in range(500)]
        assert max(waits) > bound * 0.9
        assert min(waits) < bound * 0.1


# Redaction

SECRET = st.text(alphabet=[chr(code) for code in range(ord("!"), ord("~") + 1)], min_size=8)
# Characters that can follow a value in a query string, JSON, XML or a list.
ENDS = st.sampled_from(["", "&", '"', "'", " ", "\n", "<", ">"])
SIGNED = st.sampled_from(
    ["X-Goog-Signature=", "x-goog-credential=", "X-Amz-Signature=", "Signature=", "X-Goog-Date%3D"]
)


@given(st.text(), SECRET, ENDS, st.text())
def test_tokens_are_scrubbed(before: str, token: str, end: str, after: str) -> None:
    assume(token not in before + end + after and token not in "[redacted]")
    shown = redact_text(f"{before} {token}{end}{after}", (token,))
    assert token not in shown
    plain = "".join(character for character in token if character not in "\"'<>,;")
    assume(len(plain) >= 8)
    assert plain not in redact_text(f"Authorization: Bearer {plain}{end}")


@given(st.text(), SIGNED, SECRET, ENDS)
def test_signed_queries_are_scrubbed(before: str, name: str, value: str, end: str) -> None:
    plain = "".join(character for character in value if character not in "&\"'<>")
    assume(len(plain) >= 8 and not any(plain in it for it in (before, name, "[redacted]")))
    assert plain not in redact_text(f"{before}?{name}{plain}{end}")


def test_redaction_keeps_the_text_around_secrets() -> None:
    text = "the-token; Authorization: bearer abc, PUT /b/k?x=1&X-Goog-Signature=0f0f&y=2"
    assert redact_text(text, ("the-token",)) == (
        "[redacted]; Authorization: bearer [redacted], PUT /b/k?x=1&X-Goog-Signature=[redacted]&y=2"
    )


@given(st.text(alphabet=st.characters(blacklist_characters="=%")))
def test_text_without_secrets_is_not_changed(text: str) -> None:
    assume("bearer" not in text.casefold())
    assert redact_text(text) == text


# Settings

HOSTS = st.sampled_from(
    [
        "localhost",
        "127.0.0.1",
        "127.9.9.9",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "127.0.0.1.example.com",
        "localhost.example.com",
        "2130706433",
        "0x7f.1",
        "10.0.0.1",
        "saas.haut.ai",
        "[::2]",
        "",
        "127.1",
        "LOCALHOST",
        "localhost.",
    ]
)


@given(
    st.sampled_from(["http", "https", "HTTP", "ftp", "", "file"]),
    st.sampled_from(["", "user@", "user:pw@", "127.0.0.1@", "localhost:80@"]),
    HOSTS,
    st.sampled_from(["", ":80", ":0", ":99999", ":-1", ":x", ":"]),
    st.sampled_from(["", "/", "/api", "?q=1", "#x", "/../", "\\@evil.example", " ", "\t"]),
)
def test_base_url_is_an_origin_or_rejected(
    scheme: str, user: str, host: str, port: str, rest: str
) -> None:
    """A valid base URL has no user, path or query, and uses https or a loopback host."""
    try:
        origin = parse_base_url(f"{scheme}://{user}{host}{port}{rest}")
    except ConfigError:
        return
    parts = urlsplit(origin)
    assert parts.scheme in ("http", "https")
    assert (parts.path, parts.query, parts.fragment, parts.username) == ("", "", "", None)
    assert parts.scheme == "https" or is_loopback(parts.hostname)
    assert parse_base_url(origin) == origin
    assert parse_base_url(origin + "/") == origin


def is_loopback(host: str | None) -> bool:
    assert host is not None
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


@given(st.text())
@example("http://[")
@example("https://[v1.x]/")
@example("http://127.0.0.1:99999999")
def test_any_text_is_a_url_or_rejected(text: str) -> None:
    for parse in (parse_base_url, check_signed_address):
        with suppress(ConfigError):
            assert urlsplit(parse(text)).scheme in ("http", "https")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_hosts(host: str) -> None:
    assert _is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "127.1", "2130706433", "localhost.example.com", "127.0.0.1.org"]
)
def test_hosts_that_are_not_loopback(host: str) -> None:
    assert not _is_loopback(host)


@given(st.uuids())
def test_ids_are_accepted_in_any_format(value: UUID) -> None:
    for spelling in (value, str(value), str(value).upper(), value.hex, f"{{{value}}}", value.urn):
        assert parse_id(spelling, "id") == value


@given(st.text() | st.integers() | st.none() | st.binary())
@example("..")
@example("")
@example("../../2fea742a-62ec-4a81-9729-9e0283f9c40c")
@example("2fea742a-62ec-4a81-9729-9e0283f9c40c/")
def test_any_value_is_an_id_or_rejected(value: object) -> None:
    try:
        found = parse_id(value, "id")
    except ConfigError as error:
        if isinstance(value, str) and len(value) > 8:
            assert value not in str(error)  # noqa: PT017 - some values are valid
    else:
        assert len(str(found)) == 36
