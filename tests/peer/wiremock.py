"""Cells of the conformance table, tested against WireMock 3.13.2 instead of the sandbox.

This verifies the faults of the sandbox with an independent server. WireMock counts the requests
that arrive, but not those that are carried out. `make test-peer` installs WireMock and runs this
module, which is not part of the test suite and needs Java.
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

JAR = Path(__file__).parents[2] / ".venv/peer/node_modules/wiremock/build"
SOME_ID = UUID("123e4567-e89b-12d3-a456-426614174000")
OPERATIONS = {"get_image": ("GET", "/images/"), "compute_batch": ("POST", "/compute/")}
IMAGE: dict[str, Any] = {
    "id": str(SOME_ID),
    "name": "text",
    "side": "text",
    "quality_score": None,
    "problems": None,
    "created_at": "2025-10-08 20:00:55",
    "signed_url": None,
    "image_batch_id": str(SOME_ID),
    "meta": None,
    "aux_images": [],
}
SUCCESS: dict[str, Any] = {"get_image": IMAGE, "compute_batch": {"ok": True}}
JSON = {"Content-Type": "application/json"}
PAGE = {"Content-Type": "text/html"}

# WireMock's response for each fault of the table.
FAULTS: dict[str, dict[str, Any]] = {
    "RST, carried out": {"fault": "CONNECTION_RESET_BY_PEER"},
    "RST, always": {"fault": "CONNECTION_RESET_BY_PEER"},
    "FIN, carried out": {"fault": "EMPTY_RESPONSE"},
    "chunks cut": {"fault": "MALFORMED_RESPONSE_CHUNK"},
    "garbage": {"fault": "RANDOM_DATA_THEN_CLOSE"},
    "stall past read timeout": {"status": 200, "jsonBody": IMAGE, "fixedDelayMilliseconds": 2000},
    "dribble past deadline": {
        "status": 200,
        "headers": JSON,
        "jsonBody": IMAGE,
        "chunkedDribbleDelay": {"numberOfChunks": 40, "totalDuration": 4000},
    },
    "408": {"status": 408},
    "429, seconds": {"status": 429, "headers": {"Retry-After": "0"}},
    "429, past the cap": {"status": 429, "headers": {"Retry-After": "3600"}},
    "429, always": {"status": 429},
    "500": {"status": 500},
    "502 with a web page": {"status": 502, "headers": PAGE, "body": "<html>nginx</html>"},
    "503": {"status": 503},
    "503, Retry-After": {"status": 503, "headers": {"Retry-After": "0"}},
    "504": {"status": 504},
    "520": {"status": 520},
    "200, empty": {"status": 200, "headers": JSON},
    "200, a login page": {"status": 200, "headers": PAGE, "body": "<title>Log in</title>"},
    "401, token as a string": {"status": 401},
    "401, token as a callable": {"status": 401},
    "redirect to another host": {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}},
}
REPEATED = [
    cell
    for parameter in CELLS
    if isinstance(cell := parameter.values[0], Cell)
    and cell.fault in FAULTS
    and cell.operation in OPERATIONS
]


@pytest.fixture(scope="session")
def wiremock() -> Iterator[httpx.Client]:
    """A client of the administration API of a running WireMock."""
    java = shutil.which("java")
    jars = sorted(JAR.glob("wiremock-standalone-*.jar"))
    assert java, "make test-peer needs Java 11 or later, and `java` was not found"
    assert jars, "WireMock is not installed: run `make test-peer`"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [java, "-jar", str(jars[0]), "--bind-address", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen([*command, "--disable-banner"], stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            ends = time.monotonic() + 60
            while True:
                try:
                    client.get("/__admin/mappings").raise_for_status()
                    break
                except httpx.TransportError:
                    assert process.poll() is None, "WireMock did not start"
                    assert time.monotonic() < ends
                    time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        process.wait(30)


def plan(wiremock: httpx.Client, cell: Cell) -> None:
    """Configure the fault of a cell, once or always, and success for all other requests."""
    wiremock.post("/__admin/reset").raise_for_status()
    method, path = OPERATIONS[cell.operation]
    request = {"method": method, "urlPathPattern": f".*{path}.*"}
    good = {"status": 200, "headers": JSON, "jsonBody": SUCCESS[cell.operation]}
    steps = [("Started", FAULTS[cell.fault], "later"), ("later", good, "later")]
    if cell.always:
        steps = [("Started", FAULTS[cell.fault], "Started")]
    for state, response, following in steps:
        mapping = {
            "scenarioName": "cell",
            "requiredScenarioState": state,
            "newScenarioState": following,
            "request": request,
            "response": response,
        }
        wiremock.post("/__admin/mappings", json=mapping).raise_for_status()


def arguments(wiremock: httpx.Client, cell: Cell) -> dict[str, Any]:
    fresh = (f"token-{number}" for number in count())
    dribbles = cell.fault.startswith("dribble")
    return {
        "token": (lambda: next(fresh)) if cell.fault == "401, token as a callable" else "token",
        "company_id": SOME_ID,
        "base_url": str(wiremock.base_url),
        "timeout": Timeout(read=0.5 if cell.fault.startswith("stall") else 10),
        "deadline": 0.5 if dribbles else 20,
        "max_retries": 1,
        "max_retry_after": 5,
    }


def call(kind: str, wiremock: httpx.Client, cell: Cell) -> None:
    parameters: dict[str, Any] = {"company_id": SOME_ID}
    module: Any = get_image
    if cell.operation == "get_image":
        parameters["image_id"] = SOME_ID
    else:
        module = compute_batch
        parameters |= {"batch_id": SOME_ID, "body": ComputeRequest()}
    options = arguments(wiremock, cell)
    if kind == "sync":
        with Haut(**options) as haut:
            module.sync_detailed(client=haut.api, **parameters)
        return

    async def main() -> None:
        async with AsyncHaut(**options) as haut:
            await module.asyncio_detailed(client=haut.api, **parameters)

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("cell", REPEATED, ids=lambda cell: f"{cell.fault}-{cell.operation}")
def test_cell(
    cell: Cell, kind: str, wiremock: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_policy, "INITIAL_BACKOFF", 0.01)
    plan(wiremock, cell)
    if cell.outcome == "ok":
        call(kind, wiremock, cell)
    else:
        with pytest.raises(HautError) as caught:
            call(kind, wiremock, cell)
        error = caught.value
        assert type(error) is getattr(haut_ext, cell.outcome), repr(error)
        maybe = getattr(error, "maybe_carried_out", getattr(error, "maybe_delivered", False))
        assert maybe == cell.maybe_carried_out
    found = wiremock.post("/__admin/requests/count", json={"urlPattern": ".*"})
    assert found.json()["count"] == cell.arrived
