"""Shared fixtures: the event loop, cassettes, and a contract check of all sandbox responses.

A test marked `vcr` is replayed from `tests/cassettes/sandbox/`, or from the folder given by
`--cassettes`, with the network blocked. Every recorded request must be sent. `--record-mode=rewrite`
records instead of replaying: see scripts/record.py.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings

from haut_ext import Haut
from haut_ext._http import retry_policy
from haut_ext.sandbox import Credentials, Fault, LoginCredentials, ManualClock, Sandbox
from haut_ext.sandbox.api_service import ApiService
from haut_ext.sandbox.http_messages import Request, Response
from haut_ext.urls import PRODUCTION
from tests import contract, recording

# tests/consumer is a separate project. Its tests are run by scripts/consumer.py.
collect_ignore = ["consumer"]


def pytest_configure(config: pytest.Config) -> None:
    # Enable Ctrl-C: shells start background jobs that ignore it, and child processes inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Containers often set PYTHONDONTWRITEBYTECODE. Without cached bytecode, each worker and each child
    # process compiles all modules again, which takes seconds.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Property tests must not fail because the machine is busy. They use the same examples in each run,
    # unless the option --hypothesis-profile=random is given, as in `make ready`.
    for name, derandomize in (("deterministic", True), ("random", False)):
        settings.register_profile(
            name,
            derandomize=derandomize,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("deterministic")


def pytest_collection_finish() -> None:
    # Exclude collected tests and imported modules from garbage collection, because they live until the
    # end. Garbage collection then takes milliseconds instead of half a second.
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cassettes",
        type=Path,
        default=Path(__file__).parent / "cassettes" / "sandbox",
        help="folder of cassettes, named after the recorded service: sandbox or live",
    )


def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    vcr.register_serializer("yaml", recording.LabelledYaml(config.getoption("cassettes").name))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cassette" in metafunc.fixturenames:
        found = sorted(metafunc.config.getoption("cassettes").parent.glob("*/*.yaml"))
        ids = [f"{path.parent.name}/{path.stem}" for path in found]
        metafunc.parametrize("cassette", found, ids=ids)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def shared_tls_contexts() -> Iterator[None]:
    """Share one TLS context between clients that trust the same certificates, to save time."""
    create = httpx.create_ssl_context
    made: dict[tuple[str | None, ...], ssl.SSLContext] = {}

    def shared(verify: Any = True, **more: Any) -> ssl.SSLContext:
        if verify is not True:
            return create(verify, **more)
        trusted = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
        if trusted not in made:
            made[trusted] = create()
        return made[trusted]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "create_ssl_context", shared)
        yield


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def haut(sandbox: Sandbox) -> Iterator[Haut]:
    with Haut(**sandbox.credentials) as haut:
        yield haut


@pytest.fixture
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the delays before retries to some milliseconds."""
    monkeypatch.setattr(retry_policy, "INITIAL_BACKOFF", 0.01)


@pytest.fixture(scope="module")
def vcr_cassette_dir(pytestconfig: pytest.Config) -> str:
    # The tests of Haut and AsyncHaut share the cassettes, because both must send the same requests.
    return str(pytestconfig.getoption("cassettes"))


@pytest.fixture
def service(pytestconfig: pytest.Config, record_mode: str) -> Iterator[recording.Service]:
    """The service called by the test: a replayed cassette, or a running service to record."""
    origin = pytestconfig.getoption("cassettes").name
    if record_mode == "none":
        yield recording.replayed(origin)
    elif origin == "live":
        username, password = (os.environ.get(f"HAUT_{it}") for it in ("USERNAME", "PASSWORD"))
        yield recording.recorded_live(
            Credentials(
                token=os.environ["HAUT_TOKEN"],
                company_id=os.environ["HAUT_COMPANY_ID"],
                dataset_id=os.environ["HAUT_DATASET_ID"],
                base_url=os.environ.get("HAUT_BASE_URL") or PRODUCTION,
            ),
            LoginCredentials(username=username, password=password)
            if username and password
            else None,
        )
    else:
        # A small page size gives lists several pages. An analysis of two seconds takes several polls.
        with Sandbox(seed=1, clock=ManualClock(), page_size=3, analysis_seconds=2) as sandbox:
            yield recording.recorded_from_sandbox(sandbox)
            assert sandbox.faults.pending == [], "planned faults that did not happen"


@pytest.fixture
def vcr_config(service: recording.Service) -> dict[str, Any]:
    return recording.vcr_options(service)


@pytest.fixture
def fail(service: recording.Service, pytestconfig: pytest.Config) -> Callable[..., None]:
    """Plan a fault in the recorded sandbox, with the arguments of `FaultPlan.add`.

    During a replay this does nothing, because the cassette contains the faulty responses.
    """
    if pytestconfig.getoption("cassettes").name == "live":
        pytest.skip("needs a fault, which the real service cannot produce")
    plan = service.faults

    def add(operation: str, fault: Fault, *, times: int = 1, skip: int = 0) -> None:
        if plan is not None:
            plan.add(operation, fault, times=times, skip=skip)

    return add


@pytest.fixture(autouse=True)
def cassette_time(
    request: pytest.FixtureRequest, record_mode: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Simulate the clock in tests that use cassettes, and record their requests one at a time."""
    if request.node.get_closest_marker("vcr") is None:
        yield
        return
    service: recording.Service = request.getfixturevalue("service")
    recorded = record_mode != "none"
    recording.drive_time(monkeypatch, service.clock, really=recorded and service.clock is None)
    if not recorded:
        yield
        return
    request.getfixturevalue("vcr")
    with pytest.MonkeyPatch.context() as until_the_cassette_is_closed:
        recording.record_one_at_a_time(until_the_cassette_is_closed)
        yield


@pytest.fixture(autouse=True)
def replay(request: pytest.FixtureRequest, record_mode: str) -> Iterator[None]:
    """Check that a replayed test opens no network connection and sends every recorded request."""
    if record_mode != "none" or request.node.get_closest_marker("vcr") is None:
        yield
        return
    request.getfixturevalue("block_network")
    with socket.socket() as probe, pytest.raises(RuntimeError, match="Network is disabled"):
        probe.connect(("127.0.0.1", 9))
    cassette = request.getfixturevalue("vcr")
    yield
    unplayed = [
        f"{played.method} {played.uri}"
        for index, played in enumerate(cassette.requests)
        if not cassette.play_counts[index]
    ]
    assert not unplayed, f"the test did not send these recorded requests: {unplayed}"


_VALID_SHAPES: set[tuple[object, ...]] = set()
"""Shapes of responses that passed the contract check, so that each shape is checked only once."""


@pytest.fixture(autouse=True)
def validated_responses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[contract.Exchange]]:
    """Check every response sent by a sandbox during a test against the contract.

    Responses to requests that the contract does not define are skipped: unknown routes, unknown methods
    and unsupported content types.
    """
    answers: list[contract.Exchange] = []
    dispatch = ApiService.handle

    def recorded(api: ApiService, request: Request) -> Response:
        answer = dispatch(api, request)
        if request.operation != "unknown" and answer.status != 415:
            kind = dict(answer.headers).get("Content-Type", "")
            target = f"{request.path}?{request.query}"
            answers.append(
                contract.Exchange(request.method, target, answer.status, bytes(answer.body), kind)
            )
        return answer

    monkeypatch.setattr(ApiService, "handle", recorded)
    yield answers
    for exchange in answers:
        if exchange.shape not in _VALID_SHAPES:
            assert contract.response_violations(exchange) == []
            _VALID_SHAPES.add(exchange.shape)
