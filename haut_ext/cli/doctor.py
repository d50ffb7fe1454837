"""What may be wrong between here and the service, checked one after the other, each with what to do."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import httpx
from attrs import frozen

from haut_api.api.subjects import list_subjects
from haut_ext import ApiError, ConfigError, HautError, Unauthorized, __version__
from haut_ext._http.retry_policy import parse_http_date
from haut_ext.cli.credentials import client

_CLOCKS_APART = 60.0
"""Seconds. Signed addresses live for minutes, and a lost record is looked for by its time."""


@frozen
class Check:
    """One thing that was looked at: what was found and, if it is wrong, what to do."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def examine() -> Iterator[Check]:
    """Yield the checks; none after the first that makes the following pointless."""
    python = platform.python_version()
    versions = f"haut-ext {__version__}, httpx {httpx.__version__}, Python {python}"
    yield Check("versions", True, versions)
    try:
        haut = client()
        company, dataset = haut.scope.company_id, haut.scope.dataset()
    except ConfigError as error:
        yield Check("configuration", False, str(error), "Set HAUT_... in the environment as said.")
        return
    yield Check("configuration", True, f"{haut.scope.base_url}, token and ids are set")
    problem: ApiError | None = None
    with haut:
        api = haut.with_options(max_retries=0, deadline=30.0).api
        try:
            answer = list_subjects.sync_detailed(company, dataset, client=api, page_size=1)
            headers = answer.headers
        except ApiError as error:
            problem, headers = error, error.headers
        except HautError as error:
            advice = "Check HAUT_BASE_URL, the network and the proxy."
            yield Check("reachability", False, str(error), advice)
            return
    yield Check("reachability", True, "the service answers")
    yield _clock(headers)
    if isinstance(problem, Unauthorized):
        yield Check("token", False, str(problem), "Get a new token from the SaaS portal.")
        return
    yield Check("token", True, "accepted")
    if problem is None:
        yield Check("dataset", True, "can be read")
    else:
        advice = "Check HAUT_COMPANY_ID and HAUT_DATASET_ID."
        yield Check("dataset", False, str(problem), advice)


def _clock(headers: Mapping[str, str]) -> Check:
    theirs = parse_http_date(httpx.Headers(headers).get("date"))
    if theirs is None:
        return Check("clock", True, "the service does not tell its time")
    apart = abs((datetime.now(UTC) - theirs).total_seconds())
    if apart <= _CLOCKS_APART:
        return Check("clock", True, "agrees with the service's")
    return Check(
        "clock", False, f"{apart:,.0f} s off the service's", "Set this machine's clock (NTP)."
    )
