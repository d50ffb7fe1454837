"""`python -m haut_ext.sandbox`: the ready line, Ctrl-C, a used port, --help; and the pytest plugin."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from haut_ext.sandbox import Sandbox

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
def test_one_ready_line_and_a_clean_end(
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
        running.send_signal(number)  # with a connection open
        assert running.communicate(timeout=10) == ("", "")
    assert running.returncode == 0


def test_a_used_port_is_said_in_one_sentence(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.base_url).port
    done = subprocess.run(
        [*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Port {port} on 127.0.0.1 is in use; choose another with --port.\n"


@pytest.mark.slow
def test_help_and_wrong_usage() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
    assert all(option in done.stdout for option in ("--port", "--storage-port", "--seed"))
    wrong = subprocess.run(
        [*COMMAND, "--port", "65536"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "a port is a number from 0 to 65535" in wrong.stderr


def test_the_plugin_imports_the_sandbox_only_when_used() -> None:
    code = "import sys, haut_ext.pytest_plugin; print('haut_ext.sandbox' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_fixture_is_a_fresh_sandbox(haut_sandbox: Sandbox) -> None:
    assert haut_sandbox.snapshot()["subjects"] == []
    haut_sandbox.add_subjects(1)


def test_the_fixture_is_fresh_again(haut_sandbox: Sandbox) -> None:
    assert haut_sandbox.snapshot()["subjects"] == []
