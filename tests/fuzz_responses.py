"""Feeds generated responses to every operation of both clients; `make fuzz-responses` runs it.

Half of the responses are built from the schemas of the contract, with some values replaced by others,
and then cut, changed or compressed. The other half are raw bytes, sent over a socket: a valid HTTP
response with cut, changed and repeated parts. For each response these properties are checked:

- The call returns, or raises a documented error.
- It takes limited processor time, ends before its deadline, and the process takes limited memory.

    python -m tests.fuzz_responses [MINUTES]
"""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import socket
import sys
import time
from collections import Counter
from typing import Any

import httpx
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haut_api.errors import DecodeError
from haut_ext import AsyncHaut, Haut, HautError
from tests.support.client_runner import COMPANY, DATASET
from tests.support.operation_examples import (
    EXAMPLE_ID,
    OPERATIONS,
    example_call,
    resolve,
    success_response,
)
from tests.support.servers import Server, read_body, read_head
from tests.test_any_response import BODIES, HEADERS, STATUSES, TLS, VALUES

MAX_SECONDS = 5.0
MAX_WAIT = 60.0
MAX_MEMORY = 600 * 2**20
JSON_VALUES = [value for value in VALUES if type(value) is not object]
CALLED = [operation for operation in OPERATIONS if operation != "upload_image"]
"""All operations of the generated client."""
TEXTS = {
    "uuid": st.just(str(EXAMPLE_ID)),
    "date-time": st.sampled_from(["2025-02-27 03:40:28", "2025-02-27T03:40:28.5Z", "9999-12-31"]),
}


def values(schema: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Return a strategy for JSON values of a schema; about one in ten has another type."""
    schema = resolve(schema)
    other = st.sampled_from(JSON_VALUES)
    parts = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
    if depth > 8:
        return st.none()
    if parts:
        valid = st.one_of([values(part, depth + 1) for part in parts])
    elif "enum" in schema:
        valid = st.sampled_from(schema["enum"])
    else:
        valid = typed_values(schema, depth)
    return st.integers(0, 9).flatmap(lambda number: valid if number else other)


def typed_values(schema: Any, depth: int) -> st.SearchStrategy[Any]:
    kind = schema.get("type", "object" if "properties" in schema else None)
    match kind if isinstance(kind, str) else (kind or [None])[0]:
        case "object":
            properties = schema.get("properties", {})
            fields = {name: values(part, depth + 1) for name, part in properties.items()}
            known: st.SearchStrategy[Any] = st.fixed_dictionaries(fields)
            extra = st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
            return st.builds(lambda one, two: {**two, **one}, known, extra)
        case "array":
            return st.lists(values(schema.get("items", {}), depth + 1), max_size=3)
        case "string":
            return TEXTS.get(schema.get("format"), st.text(max_size=20))
        case "integer":
            return st.integers()
        case "number":
            return st.floats()
        case "boolean":
            return st.booleans()
    return st.sampled_from(JSON_VALUES)


@st.composite
def changed_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut, overwrite or repeat parts of bytes, or leave them unchanged."""
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 50)))
        insert = draw(st.one_of(st.binary(max_size=8), st.just(content[start:end] * 50)))
        content = content[:start] + insert + content[end:]
    return content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content


@st.composite
def bodies(draw: st.DrawFn, operation: str) -> tuple[int, bytes]:
    """Generate a status and a body of an operation."""
    status, schema = success_response(operation)
    if draw(st.integers(0, 3)) == 0:
        status = draw(st.sampled_from(STATUSES))
        schema = {"$ref": "#/components/schemas/ErrorResponse"}
    if schema is None or draw(st.integers(0, 9)) == 0:
        return status, draw(st.one_of(st.sampled_from(BODIES), st.binary()))
    key = str(schema)
    if key not in SCHEMAS:
        SCHEMAS[key] = values(schema)
    document = draw(SCHEMAS[key])
    content = json.dumps(document).encode("utf-8", "surrogatepass")
    return status, draw(changed_bytes(content))


SCHEMAS: dict[str, st.SearchStrategy[Any]] = {}


@define
class Fuzzer:
    """Calls operations with generated responses, and counts the outcomes."""

    outcomes: Counter[str] = field(factory=Counter[str])
    slowest: float = 0.0
    raw: bytes = b""

    def respond(self, client: socket.socket) -> None:
        if head := read_head(client):
            read_body(client, head)
            client.sendall(self.raw)

    def call(self, operation: str, asynchronous: bool, **arguments: Any) -> None:
        """Call an operation, and record its outcome."""
        began, started = time.process_time(), time.monotonic()
        scope: dict[str, Any] = {"token": "token", "company_id": COMPANY, "dataset_id": DATASET}
        options: dict[str, Any] = {**scope, "max_retries": 0, "deadline": 3, **arguments}
        module, call_arguments = example_call(operation)
        if "company_id" in module.sync_detailed.__annotations__:
            call_arguments["company_id"] = EXAMPLE_ID
        try:
            if asynchronous:
                asyncio.run(self.call_async(module, call_arguments, options))
            else:
                with Haut(**options) as haut:
                    module.sync_detailed(client=haut.api, **call_arguments)
            outcome = "success"
        except (HautError, DecodeError) as error:
            outcome = type(error).__name__
            str(error).encode()
        self.outcomes[outcome] += 1
        # Other programs may take the processor, so a single time would depend on them.
        self.slowest = max(self.slowest, time.process_time() - began)
        assert self.slowest < MAX_SECONDS, f"{operation} took {self.slowest:.1f} s"
        assert time.monotonic() - started < MAX_WAIT, f"{operation} did not end"

    async def call_async(self, module: Any, arguments: Any, options: dict[str, Any]) -> None:
        async with AsyncHaut(**options) as haut:
            await module.asyncio_detailed(client=haut.api, **arguments)

    def structured(self, data: st.DataObject, operation: str, asynchronous: bool) -> None:
        """Call an operation with a response that a transport returns."""
        status, content = data.draw(bodies(operation))
        headers = {"content-type": "application/json", **data.draw(st.sampled_from([{}, *HEADERS]))}
        headers.pop("content-encoding", None)  # httpx itself would decode the body of a mock
        answer = httpx.Response(status, headers=headers, content=content)
        transport = httpx.MockTransport(lambda _: answer)
        self.call(operation, asynchronous, base_url="https://haut.example", transport=transport)

    def raw_bytes(
        self, data: st.DataObject, operation: str, asynchronous: bool, server: Server
    ) -> None:
        """Call an operation with a response of raw bytes."""
        status, content = data.draw(bodies(operation))
        encoding = ""
        if data.draw(st.booleans()):
            content, encoding = gzip.compress(content), "Content-Encoding: gzip\r\n"
        framing = data.draw(
            st.sampled_from(["", f"Content-Length: {len(content)}", "Transfer-Encoding: chunked"])
        )
        if "chunked" in framing:
            content = f"{len(content):x}\r\n".encode() + content + b"\r\n0\r\n\r\n"
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n{encoding}{framing}"
        self.raw = data.draw(changed_bytes(f"{head}\r\n\r\n".encode() + content))
        self.call(operation, asynchronous, base_url=server.origin, verify=TLS)


def main(minutes: float) -> None:
    fuzzer = Fuzzer()
    end = time.monotonic() + minutes * 60
    options = settings(
        max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    with Server(fuzzer.respond) as server:

        @options
        @given(st.data(), st.sampled_from(CALLED), st.booleans(), st.booleans())
        def run(data: st.DataObject, operation: str, asynchronous: bool, raw: bool) -> None:
            if raw:
                fuzzer.raw_bytes(data, operation, asynchronous, server)
            else:
                fuzzer.structured(data, operation, asynchronous)

        while time.monotonic() < end:
            run()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{fuzzer.outcomes.total():,} responses for {len(CALLED)} operations")
    for outcome, count in fuzzer.outcomes.most_common():
        print(f"  {outcome}: {count:,}")
    print(f"slowest call: {fuzzer.slowest:.2f} s of processor time; memory: {memory >> 20} MiB")
    if memory > MAX_MEMORY:
        sys.exit(f"the process used more than {MAX_MEMORY >> 20} MiB")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30)
