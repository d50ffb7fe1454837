"""Checks for `haut doctor`: versions, configuration, connection, clock, token and dataset."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

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
from haut_ext.cli.client import client
from haut_ext.cli.error_messages import error_message

_MAX_CLOCK_DIFFERENCE = 60.0
"""Maximum clock difference in seconds. Expiry of signed URLs and creation times of records are
compared with the local clock."""


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
        haut = client()
        haut.scope.dataset()
    except ConfigError as error:
        yield Check(
            "configuration", False, error_message(error), "Set the HAUT_... environment variables."
        )
        return
    yield Check("configuration", True, f"{haut.scope.base_url}, token and ids are set")
    problem: ApiError | None = None
    with haut, capture_responses() as responses:
        try:
            haut.with_options(max_retries=0, deadline=30.0).subjects.list(page_size=1)
            headers = responses[-1].headers
        except ApiError as error:
            problem, headers = error, httpx.Headers(error.headers)
        except HautError as error:
            advice = "Check HAUT_BASE_URL, the network and the proxy."
            yield Check("connection", False, error_message(error), advice)
            return
    yield Check("connection", True, "the service responds")
    yield _check_clock(headers)
    if isinstance(problem, Unauthorized):
        yield Check("token", False, error_message(problem), "Get a new token from the SaaS portal.")
        return
    yield Check("token", True, "valid")
    if problem is None:
        yield Check("dataset", True, "readable")
    else:
        advice = "Check HAUT_COMPANY_ID and HAUT_DATASET_ID."
        yield Check("dataset", False, error_message(problem), advice)


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
