"""Tests of the command `python -m haut_ext.sandbox` and of the sandbox's pytest plugin."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from haut_ext import Haut
from haut_ext.sandbox import Sandbox
from haut_ext.sandbox.__main__ import main

COMMAND = [sys.executable, "-m", "haut_ext.sandbox"]
READY = re.compile(
    r"sandbox ready url=(\S+) token=(\S+) company=(\S+) dataset=(\S+) "
    r"username=(\S+) password=(\S+)\n"
)


@pytest.fixture
def running() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--seed", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_prints_one_line_and_exits_cleanly_on_a_signal(
    running: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert running.stdout
    ready = READY.fullmatch(running.stdout.readline())
    assert ready
    url, token, company, dataset, username, password = ready.groups()
    with Sandbox(seed=5) as same:
        expected = {**same.credentials, "base_url": url}
        user = same.login_credentials
    assert expected == {
        "token": token,
        "company_id": company,
        "dataset_id": dataset,
        "base_url": url,
    }
    assert user == {"username": username, "password": password}
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        path = f"{url}/api/v1/companies/{company}/datasets/{dataset}/subjects/"
        assert client.get(path).status_code == 200
        running.send_signal(number)  # the signal arrives while a connection is open
        assert running.communicate(timeout=60) == ("", "")
    assert running.returncode == 0


def test_port_in_use_is_reported_in_one_line(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.base_url).port
    done = subprocess.run(
        [*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Port {port} on 127.0.0.1 is in use; choose another with --port.\n"


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("192.0.2.1", "0", "Host 192.0.2.1 is not available: Cannot assign requested address.\n"),
        ("192.0.2.1", "8080", "Port 8080 on 192.0.2.1 is not available: Cannot assign"),
        ("::1", "0", "Host ::1 is not available: Address family for hostname not supported.\n"),
    ],
)
def test_unavailable_host_is_reported(
    host: str, port: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert main(["--port", port, "--host", host]) == 1
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert capsys.readouterr().err.startswith(message)


def test_empty_host_is_rejected() -> None:
    with pytest.raises(ValueError, match="host must be a host name or an IPv4 address"):
        Sandbox(host="")


def test_listening_on_all_addresses_is_warned_of() -> None:
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--host", "0.0.0.0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        ready = READY.fullmatch(process.stdout.readline())
        assert ready
        assert ready[1].startswith("http://127.0.0.1:")
        process.terminate()
        _, warning = process.communicate(timeout=60)
    assert "listens on 0.0.0.0, so other machines can connect" in warning


def test_shell_gets_the_variables_of_a_sandbox_with_faults() -> None:
    sandbox = f"{shlex.join(COMMAND)} --port 0 --env --fault create_subject=429:1 --fault '*=reset'"
    options = "--fail-algorithm selfie_v2.acne --no-face --latency 0.01 --analysis-seconds 3"
    script = f"""
        export HAUT_TOKEN_FILE=other HAUT_PROFILE=other
        eval "$({sandbox} {options} &)"
        echo "profile: ${{HAUT_PROFILE-none}}"
        trap 'kill "$HAUT_SANDBOX_PID"' EXIT
        {shlex.quote(sys.executable)} -c '
from haut_ext import Haut, RateLimited, TransportError
with Haut(max_retries=0) as haut:
    for error in (RateLimited, TransportError):
        try:
            haut.subjects.create("customer-4711")
        except error as raised:
            print(type(raised).__name__)
'
    """
    done = subprocess.run(
        ["bash", "-euc", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["profile: none", "RateLimited", "TransportError"]


HAUT = str(Path(sys.executable).parent / "haut")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([*COMMAND, "--port", "{port}"], "is in use"),
        ([HAUT, "sandbox", "--port", "{port}"], "is in use"),
        ([HAUT, "sandbox", "--port", "0", "--fault", "*=reset:"], "'' in '*=reset:' is not"),
        ([HAUT, "sandbox", "--faults", "*=reset"], "No such option: --faults"),
        ([HAUT, "sandboxes"], "No such command 'sandboxes'"),
    ],
)
def test_shell_does_not_keep_its_variables_if_no_sandbox_starts(
    command: list[str], message: str, sandbox: Sandbox
) -> None:
    port = str(urlsplit(sandbox.base_url).port)
    failing = shlex.join([*command, "--env"]).replace("{port}", port)
    script = f"""
        eval "$({failing} &)" && kill "$HAUT_SANDBOX_PID" && exit 9
        unset PATH
        set -u
        export -p
        {shlex.quote(sys.executable)} -c 'from haut_ext import Haut; Haut()'
    """
    variables = {f"HAUT_{name.upper()}": str(it) for name, it in sandbox.credentials.items()}
    variables |= {"HAUT_SANDBOX_PID": "1", "HAUT_PROFILE": "clinic"}
    done = subprocess.run(
        ["bash", "-c", script], env=variables, capture_output=True, text=True, timeout=60
    )
    assert message in done.stderr
    assert re.findall(r"HAUT_\w+", done.stdout) == ["HAUT_TOKEN_FILE"]
    assert done.stderr.splitlines()[-1].endswith(
        "the token file '/dev/null/the sandbox did not start' (HAUT_TOKEN_FILE) cannot be read: "
        "Not a directory"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fault", "*=200"], "must be OPERATION=FAULT or OPERATION=FAULT:TIMES"),
        (["--fault", "create_subject"], "must be OPERATION=FAULT or OPERATION=FAULT:TIMES"),
        (["--fault", "*=429:0"], "'0' in '*=429:0' is not a number of requests"),
        (["--fault", "subjects=429"], "unknown operation 'subjects'; valid operations are"),
        (["--fail-algorithm", "acne"], "unknown algorithm 'acne'; valid algorithms are"),
        (["--latency", "nan"], "'nan' is not a number of seconds"),
        (["--host", ""], "a host name or an IPv4 address is missing"),
        (["--seed", "1", "--analysis-seconds", "3"], "needs the system's clock"),
    ],
)
def test_invalid_options_are_rejected(
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as exit_info:
        main(["--port", "0", *options], command="haut sandbox")
    assert exit_info.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: haut sandbox [OPTIONS]\nhaut sandbox: error: ")
    assert message in error


@pytest.mark.slow
def test_help_lists_the_options_and_an_invalid_port_is_rejected() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
    assert all(option in done.stdout for option in ("--port", "--storage-port", "--host", "--seed"))
    wrong = subprocess.run(
        [*COMMAND, "--port", "65536"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "'65536' is not a port number from 0 to 65535" in wrong.stderr


def test_plugin_imports_the_sandbox_only_when_a_fixture_is_used() -> None:
    code = "import sys, haut_ext.pytest_plugin; print('haut_ext.sandbox' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_fixture_provides_an_empty_sandbox(haut_sandbox: Sandbox) -> None:
    assert haut_sandbox.snapshot()["subjects"] == []
    haut_sandbox.add_subjects(1)


def test_fixture_provides_a_sandbox_to_clients_without_arguments(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for name in ("TOKEN_FILE", "TOKEN", "COMPANY_ID", "DATASET_ID", "BASE_URL"):
        monkeypatch.setenv(f"HAUT_{name}", "of a developer")
    sandbox: Sandbox = request.getfixturevalue("haut_env")
    with Haut() as haut:
        haut.subjects.create("someone")
    assert sandbox.carried_out("create_subject") == 1


def test_fixture_provides_a_new_sandbox_for_each_test(haut_sandbox: Sandbox) -> None:
    assert haut_sandbox.snapshot()["subjects"] == []
