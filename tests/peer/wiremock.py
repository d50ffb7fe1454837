"""Checks parts of the conformance table against WireMock 3.13.2 instead of the sandbox.

This shows that haut_ext does not rely on the way in which the sandbox produces errors. The checks count
the requests that WireMock receives; they cannot tell if a request was carried out. `make ready` installs
WireMock and runs this file, which requires Java.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

import haut_ext
from haut_api.api.images import compute_batch, get_image
from haut_api.models import ComputeRequest
from haut_ext import AsyncHaut, Haut, HautError, Timeout
from haut_ext._http import retry_policy
from tests.support.conformance import CELLS, Cell

JARS = Path(__file__).parents[2] / ".venv/wiremock/node_modules/wiremock/build"
ANY_ID = UUID("123e4567-e89b-12d3-a456-426614174000")
OPERATIONS = {"get_image": ("GET", "/images/"), "compute_batch": ("POST", "/compute/")}
IMAGE: dict[str, Any] = {
    "id": str(ANY_ID),
    "name": "text",
    "side": "text",
    "quality_score": None,
    "problems": None,
    "created_at": "2025-10-08 20:00:55",
    "signed_url": None,
    "image_batch_id": str(ANY_ID),
    "meta": None,
    "aux_images": [],
}
SUCCESS: dict[str, Any] = {"get_image": IMAGE, "compute_batch": {"ok": True}}
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}
# Error body in the format of the API. A 429 or 503 must have it so that the client retries a POST.
ERROR = {"type": "client_error", "errors": [{"code": "throttled", "detail": "text", "attr": None}]}

# Maps each error of the conformance table to the WireMock response that simulates it.
FAULTS: dict[str, dict[str, Any]] = {
    "RST, carried out": {"fault": "CONNECTION_RESET_BY_PEER"},
    "RST, always": {"fault": "CONNECTION_RESET_BY_PEER"},
    "FIN, carried out": {"fault": "EMPTY_RESPONSE"},
    "chunks truncated": {"fault": "MALFORMED_RESPONSE_CHUNK"},
    "garbage": {"fault": "RANDOM_DATA_THEN_CLOSE"},
    "stall past read timeout": {"status": 200, "jsonBody": IMAGE, "fixedDelayMilliseconds": 2000},
    "dribble past deadline": {
        "status": 200,
        "headers": JSON,
        "jsonBody": IMAGE,
        "chunkedDribbleDelay": {"numberOfChunks": 40, "totalDuration": 4000},
    },
    "408": {"status": 408},
    "429, seconds": {"status": 429, "headers": {**JSON, "Retry-After": "0"}, "jsonBody": ERROR},
    "429, long Retry-After": {
        "status": 429,
        "headers": {**JSON, "Retry-After": "3600"},
        "jsonBody": ERROR,
    },
    "429, always": {"status": 429, "headers": JSON, "jsonBody": ERROR},
    "429, from a proxy": {"status": 429},
    "500": {"status": 500},
    "502 with a web page": {"status": 502, "headers": HTML, "body": "<html>nginx</html>"},
    "503": {"status": 503},
    "503, Retry-After": {"status": 503, "headers": {**JSON, "Retry-After": "0"}, "jsonBody": ERROR},
    "503, from a proxy": {"status": 503, "headers": {"Retry-After": "0"}},
    "504": {"status": 504},
    "520": {"status": 520},
    "200, empty": {"status": 200, "headers": JSON},
    "200, a login page": {"status": 200, "headers": HTML, "body": "<title>Log in</title>"},
    "401, token as a string": {"status": 401},
    "401, token as a callable": {"status": 401},
    "redirect to another host": {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}},
}
CELLS_TO_RUN = [
    cell
    for parameter in CELLS
    if isinstance(cell := parameter.values[0], Cell)
    and cell.fault in FAULTS
    and cell.operation in OPERATIONS
]


@pytest.fixture(scope="session")
def wiremock() -> Iterator[httpx.Client]:
    """Yield an HTTP client for WireMock's admin API."""
    java = shutil.which("java")
    jars = sorted(JARS.glob("wiremock-standalone-*.jar"))
    assert java, "WireMock requires Java 11 or later; `java` was not found"
    assert jars, "WireMock is not installed; `make ready` installs it"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [java, "-jar", str(jars[0]), "--bind-address", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen([*command, "--disable-banner"], stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            latest = time.monotonic() + 60
            while True:
                try:
                    client.get("/__admin/mappings").raise_for_status()
                    break
                except httpx.TransportError:
                    assert process.poll() is None, "WireMock exited"
                    assert time.monotonic() < latest, "WireMock did not start within 60 s"
                    time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        process.wait(30)


def configure(wiremock: httpx.Client, cell: Cell) -> None:
    """Configure WireMock to fail the first request or every request, and otherwise return success."""
    wiremock.post("/__admin/reset").raise_for_status()
    method, path = OPERATIONS[cell.operation]
    request = {"method": method, "urlPathPattern": f".*{path}.*"}
    success = {"status": 200, "headers": JSON, "jsonBody": SUCCESS[cell.operation]}
    steps = [("Started", FAULTS[cell.fault], "later"), ("later", success, "later")]
    if cell.always:
        steps = [("Started", FAULTS[cell.fault], "Started")]
    for state, response, next_state in steps:
        mapping = {
            "scenarioName": "cell",
            "requiredScenarioState": state,
            "newScenarioState": next_state,
            "request": request,
            "response": response,
        }
        wiremock.post("/__admin/mappings", json=mapping).raise_for_status()


def client_options(wiremock: httpx.Client, cell: Cell) -> dict[str, Any]:
    """Return constructor arguments with which `Haut` or `AsyncHaut` calls WireMock."""
    tokens = (f"token-{number}" for number in count())
    is_slow = cell.fault.startswith("dribble")
    return {
        "token": (lambda: next(tokens)) if cell.fault == "401, token as a callable" else "token",
        "company_id": ANY_ID,
        "base_url": str(wiremock.base_url),
        "timeout": Timeout(read=0.5 if cell.fault.startswith("stall") else 10),
        "deadline": 0.5 if is_slow else 20,
        "max_retries": 1,
        "max_retry_after": 5,
    }


def call(client: str, wiremock: httpx.Client, cell: Cell) -> None:
    """Call the operation of a conformance table cell with the synchronous or the asynchronous client."""
    parameters: dict[str, Any] = {"company_id": ANY_ID}
    module: Any = get_image
    if cell.operation == "get_image":
        parameters["image_id"] = ANY_ID
    else:
        module = compute_batch
        parameters |= {"batch_id": ANY_ID, "body": ComputeRequest()}
    options = client_options(wiremock, cell)
    if client == "sync":
        with Haut(**options) as haut:
            module.sync_detailed(client=haut.api, **parameters)
        return

    async def main() -> None:
        async with AsyncHaut(**options) as haut:
            await module.asyncio_detailed(client=haut.api, **parameters)

    asyncio.run(main())


@pytest.mark.parametrize("client", ["sync", "async"])
@pytest.mark.parametrize("cell", CELLS_TO_RUN, ids=lambda cell: f"{cell.fault}-{cell.operation}")
def test_error_and_number_of_requests(
    cell: Cell, client: str, wiremock: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_policy, "INITIAL_BACKOFF", 0.01)
    configure(wiremock, cell)
    if cell.outcome == "ok":
        call(client, wiremock, cell)
    else:
        with pytest.raises(HautError) as caught:
            call(client, wiremock, cell)
        error = caught.value
        assert type(error) is getattr(haut_ext, cell.outcome), repr(error)
        maybe = getattr(error, "maybe_carried_out", getattr(error, "maybe_delivered", False))
        assert maybe == cell.maybe_carried_out
    count_response = wiremock.post("/__admin/requests/count", json={"urlPattern": ".*"})
    assert count_response.json()["count"] == cell.arrived
