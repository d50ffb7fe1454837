"""Tests of `haut doctor`."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme

from haut_ext.sandbox import faults
from tests.cli.conftest import Shell
from tests.support.servers import ConnectProxy, ScriptedServer, response


def _checks(shell: Shell, **changes: str) -> list[dict[str, Any]]:
    """Run `haut doctor`, which must find a problem, and return its checks."""
    out, _ = shell.run("doctor", "--json", code=1, **changes)
    return [json.loads(line) for line in out.splitlines()]


def test_doctor_reports_problems_with_advice(shell: Shell) -> None:
    out, _ = shell.run("doctor")
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["ok", name]
        for name in (
            "versions",
            "configuration",
            "proxy",
            "connection",
            "clock",
            "token",
            "dataset",
        )
    ]
    for changes, name in (
        ({"HAUT_TOKEN": ""}, "configuration"),
        ({"HAUT_DATASET_ID": ""}, "configuration"),
        ({"HAUT_BASE_URL": shell.sandbox.unreachable_url}, "connection"),
        ({"HAUT_TOKEN": "wrong"}, "token"),
        ({"HAUT_DATASET_ID": "00000000-0000-4000-8000-000000000000"}, "dataset"),
        ({"HAUT_COMPANY_ID": "00000000-0000-4000-8000-000000000000"}, "dataset"),
    ):
        checks = _checks(shell, **changes)
        assert [check["name"] for check in checks if not check["ok"]] == [name]
        assert checks[-1]["advice"]
    shell.sandbox.clock.advance(3600)
    out, _ = shell.run("doctor", code=1)
    assert "differs from the clock of the service" in out
    shell.sandbox.faults.add("list_subjects", faults.login_page())
    assert "PROBLEM  connection" in shell.run("doctor", code=1)[0]


@pytest.mark.parametrize(
    ("host", "days", "trusted", "advice"),
    [
        ("localhost", (-1, 1), False, "set SSL_CERT_FILE to the file of its certificate authority"),
        ("other.example", (-1, 1), True, "The server is not the one in HAUT_BASE_URL"),
        ("localhost", (-2, -1), True, "has expired. Check the clock"),
        ("localhost", (1, 2), True, "not valid yet. Check the clock"),
    ],
)
def test_problem_of_a_certificate_is_named(
    shell: Shell, host: str, days: tuple[int, int], trusted: bool, advice: str
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    start, end = (datetime.now(UTC) + timedelta(days=number) for number in days)
    authority.issue_cert(host, not_before=start, not_after=end).configure_cert(context)
    changes: dict[str, str] = {}
    if trusted:
        authority.cert_pem.write_to_path(str(shell.folder / "ca.pem"))
        changes["SSL_CERT_FILE"] = str(shell.folder / "ca.pem")
    with ScriptedServer(context=context) as server:
        last = _checks(shell, HAUT_BASE_URL=server.origin, **changes)[-1]
    assert last["name"] == "certificate"
    assert advice in last["advice"]


def test_problem_of_a_proxy_is_named_without_its_password(shell: Shell) -> None:
    changes = {"HAUT_BASE_URL": "https://service.example"}
    with ConnectProxy(credentials="user:right") as proxy:
        changes["HTTPS_PROXY"] = proxy.url("user:geheim")
        checks = _checks(shell, **changes)
        url = proxy.origin
    assert {"name": "proxy", "ok": True, "finding": url, "advice": ""} in checks
    assert (checks[-1]["name"], checks[-1]["ok"]) == ("proxy", False)
    assert "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT" in checks[-1]["advice"]
    assert "geheim" not in json.dumps(checks)
    with ScriptedServer(response("403 Forbidden")) as rejecting:
        last = _checks(shell, **{**changes, "HTTPS_PROXY": rejecting.origin})[-1]
    assert (last["name"], last["ok"]) == ("proxy", False)
    last = _checks(shell, **changes)[-1]  # the first proxy no longer runs
    assert last["name"] == "connection"
    assert f"the proxy {url} (HTTPS_PROXY) is reachable" in last["advice"]
    none = _checks(shell, **changes, NO_PROXY="service.example")
    assert next(check for check in none if check["name"] == "proxy")["finding"] == "none"
