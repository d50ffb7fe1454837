"""Each limit of docs/limits.md: what is at the limit is accepted, and what is above it is refused."""

from __future__ import annotations

import base64
import gzip
import inspect
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from haut_ext import (
    ConfigError,
    Haut,
    HautError,
    ServerError,
    TransportError,
    UnexpectedResponse,
    private_files,
)
from haut_ext._http.inner_clients import DEFAULT_MAX_IN_FLIGHT
from haut_ext._http.poll_schedule import POLL_INTERVAL, SHARED_REQUESTS
from haut_ext._http.response_shapes import storage_code
from haut_ext._sync import pagination
from haut_ext._sync.workflows import erase, export
from haut_ext.bulk import bulk_results, manifest, result_tables, results
from haut_ext.cli import profiles
from haut_ext.environment import TokenFile
from haut_ext.sandbox.http_messages import Request
from haut_ext.sandbox.http_parser import Limits
from haut_ext.sandbox.request_log import RequestLog
from haut_ext.settings import Options
from haut_ext.spec_check.parsing import SpecError, check_limits
from scripts.spec import pull
from tests.support.client_runner import COMPANY, DATASET
from tests.support.operation_examples import example_response
from tests.support.servers import ScriptedServer, response

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/limits.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| What is limited")
]
"""The cells of each row: what is limited, the limit, and further ones."""
KIB, MIB = 1024, 1024 * 1024

Case = Callable[[int, Path], None]
"""Checks a limit; what it limits exceeds the limit by a number, which is 0 or 1."""


def raises(error: type[Exception], text: str, excess: int) -> AbstractContextManager[Any]:
    return pytest.raises(error, match=text) if excess else nullcontext()


def client(respond: Callable[[httpx.Request], httpx.Response]) -> Haut:
    scope: dict[str, Any] = {"token": "token", "company_id": COMPANY, "dataset_id": DATASET}
    transport = httpx.MockTransport(respond)
    return Haut(**scope, base_url="https://haut.example", transport=transport)


def get(status: int, content: bytes, **headers: str) -> httpx.Response:
    """Return the response to a request whose response has the given content."""
    with client(lambda _: httpx.Response(status, content=iter([content]), headers=headers)) as haut:
        return haut.with_options(max_retries=0).request("GET", "/x/")


def error_of(status: int, content: bytes, **headers: str) -> Any:
    with pytest.raises(HautError) as caught:
        get(status, content, **headers)
    return caught.value


def success(excess: int, _: Path) -> None:
    content = b'"%b"' % (b"x" * (16 * MIB - 2 + excess))
    with raises(UnexpectedResponse, "larger than 16 MiB", excess):
        assert get(200, content).content == content


def failure(excess: int, _: Path) -> None:
    error = error_of(500, b"x" * (MIB + excess))
    assert isinstance(error, ServerError)
    assert error.body == ("" if excess else "x" * 1000)


def download(excess: int, folder: Path) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.host == "storage.example":
            zeros = iter([bytes(MIB)] * 64 + [bytes(excess)])
            return httpx.Response(200, content=zeros)
        address = {"signed_url": "https://storage.example/a"}
        return httpx.Response(200, json={**example_response("get_image"), **address})

    image = example_response("get_image")["id"]
    with client(respond) as haut, raises(UnexpectedResponse, "larger than 64 MiB", excess):
        haut.images.download(image, folder / "photo")
    assert (folder / "photo").exists() == (not excess)


def compression(excess: int, _: Path) -> None:
    encoding = "gzip, gzip" if excess else "gzip"
    compressed = response("200 OK", gzip.compress(b"{}"), Content_Encoding=encoding)
    with (
        ScriptedServer(compressed) as server,
        Haut(token="a", company_id=COMPANY, base_url=server.origin) as haut,
        raises(UnexpectedResponse, "Content-Encoding", excess),
    ):
        haut.request("GET", "/x/")


def json_values(excess: int, _: Path) -> None:
    with raises(UnexpectedResponse, "more than 1,000,000 values", excess):
        get(200, b"[" + b"1," * (999_999 + excess) + b"1]")


def json_nesting(excess: int, _: Path) -> None:
    with raises(UnexpectedResponse, "nested", excess):
        get(200, b"[" * (100 + excess) + b"]" * (100 + excess))


def json_numbers(excess: int, _: Path) -> None:
    with raises(UnexpectedResponse, "too large", excess):
        get(200, b"1e%d" % (308 + excess))


def head(excess: int, _: Path) -> None:
    size = 170 * KIB if excess else 99 * KIB
    with (
        ScriptedServer(response("200 OK", b"{}", X_A="x" * size)) as server,
        Haut(token="a", company_id=COMPANY, base_url=server.origin, max_retries=0) as haut,
        raises(TransportError, "lost its connection", excess),
    ):
        haut.request("GET", "/x/")


def texts(excess: int, _: Path) -> None:
    text = "x" * (999 + excess) + "z"
    item = {"code": text, "detail": text, "attr": text}
    listed = error_of(400, json.dumps({"errors": [item]}).encode()).errors[0]
    error = error_of(400, text.encode(), a=text)
    for shown in (error.body, error.headers["a"], listed.code, listed.detail, listed.attr):
        assert shown == text[:1000]
        assert shown.endswith("z") == (not excess)


def items(excess: int, _: Path) -> None:
    entries = [{"code": str(number), "detail": ""} for number in range(20 + excess)]
    error = error_of(400, json.dumps({"errors": entries}).encode())
    assert [it.code for it in error.errors] == [str(number) for number in range(20)]


def storage_error(excess: int, _: Path) -> None:
    document = b"<Error><Code>A</Code></Error>"
    padded = document[:7] + b" " * (100_000 - len(document) + excess) + document[7:]
    assert storage_code(padded) == (None if excess else "A")


def attempts(excess: int, _: Path) -> None:
    responses: Iterator[int] = iter([503] * (4 + excess) + [200])
    with (
        client(lambda _: httpx.Response(next(responses), json={})) as haut,
        raises(ServerError, "Sent 5 times", excess),
    ):
        haut.request("GET", "/x/")


def token_file(excess: int, folder: Path) -> None:
    path = folder / "token"
    path.touch(0o600)
    path.write_text("a" * (64 * KIB + excess))
    with raises(ConfigError, "too large for a token", excess):
        assert len(TokenFile(str(path))()) == 64 * KIB
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        profiles.path().parent.mkdir(parents=True, exist_ok=True)
        profiles.path().touch(0o600)
        profiles.path().write_text("#" * (MIB + excess))
        with raises(ConfigError, "too large", excess):
            assert profiles.load() == {}


def private_file(excess: int, folder: Path) -> None:
    with (folder / "receipt.json").open("wb") as file:
        file.truncate(64 * MIB + excess)
    with raises(ValueError, "larger than 64 MiB", excess):
        assert len(private_files.read(folder / "receipt.json")) == 64 * MIB


def recorded_results(excess: int, _: Path) -> None:
    content = b" " * (MIB - 7 + excess) + b"[[],[]]"
    text = base64.b85encode(zlib.compress(content)).decode()
    assert vars(results)["_MAX_SIZE"] == 64 * MIB
    with pytest.MonkeyPatch.context() as patch, raises(ConfigError, "damaged", excess):
        patch.setattr(results, "_MAX_SIZE", MIB)
        vars(results)["_Found"].decode(text)


def cell(excess: int, folder: Path) -> None:
    path = folder / "manifest.csv"
    path.write_text(f"subject,front\n{'x' * (131_072 + excess)},a.jpg\n")
    [row] = manifest.read_manifest(path)
    assert isinstance(row, str) == bool(excess)


def document_size(excess: int, folder: Path) -> None:
    with (folder / "swagger.json").open("wb") as file:
        file.truncate(32 * MIB + excess)
    with raises(SpecError, "larger than 32 MiB", excess):
        assert len(pull.fetch(str(folder / "swagger.json"), None)) == 32 * MIB


def document_values(excess: int, _: Path) -> None:
    with raises(Exception, "more than 1,000,000 values", excess):
        check_limits(1_000_000 + excess, 100)


def document_nesting(excess: int, _: Path) -> None:
    with raises(Exception, "more than 100 nested", excess):
        check_limits(1_000_000, 100 + excess)


def requests_in_the_log(excess: int, _: Path) -> None:
    log = RequestLog()
    for number in range(100_000 + excess):
        log.add(Request("GET", f"/{number}", "", {}))
    assert len(log.requests) == 100_000
    assert log.requests[0].path == f"/{excess}"


CASES: dict[str, Case] = {
    "body of a successful response, after decompression": success,
    "body of an error response, after decompression": failure,
    "download of a photo": download,
    "compression": compression,
    "values in JSON, counted as commas and opening brackets": json_values,
    "nested objects and arrays in JSON": json_nesting,
    "numbers in JSON": json_numbers,
    "head of a response (status line and headers)": head,
    "`body`, and each header and text of an error": texts,
    "entries of `errors` of an error": items,
    "error document of the storage (XML)": storage_error,
    "attempts after the first one": attempts,
    "token file; profiles of `haut login`": token_file,
    "receipt or state file of a bulk run or command; manifest of an export": private_file,
    "results of a subject in a journal, after decompression": recorded_results,
    "cell of a CSV file": cell,
    "size": document_size,
    "values, where each YAML alias counts as a copy": document_values,
    "nested objects and arrays": document_nesting,
    "requests in the log": requests_in_the_log,
}
"""Limits that are tested here, on both sides."""

TIMEOUT, LIMITS = Options().timeout, Limits()
ELSEWHERE: dict[str, tuple[str, list[float], list[float | None]]] = {
    "connecting; receiving or sending one chunk; waiting for a free connection": (
        "http.test_timeouts.test_pool_timeout_of_the_sync_client",
        [10, 30, 30],
        [TIMEOUT.connect, TIMEOUT.read, TIMEOUT.write and TIMEOUT.pool],
    ),
    "an API call with all its attempts; the transfer of one photo": (
        "http.test_deadline_stages.test_deadline_includes_attempts_that_time_out",
        [120, 900],
        [Options().deadline_for(to_api=True), Options().deadline_for(to_api=False)],
    ),
    "Retry-After that the client waits for": (
        "_sync.test_responses.test_retry_after_above_max_retry_after_is_not_waited_for",
        [60],
        [Options().max_retry_after],
    ),
    "concurrent requests of a client": (
        "http.test_timeouts.test_requests_in_flight_are_limited",
        [64],
        [DEFAULT_MAX_IN_FLIGHT],
    ),
    "waiting for results": (
        "_sync.test_results.test_timeout_error_contains_partial_results",
        [120],
        [inspect.signature(Haut.wait_for_results).parameters["wait_timeout"].default],
    ),
    "waiting for results in a bulk run, from its start": (
        "bulk.test_results.test_batches_that_were_never_analyzed_delay_the_run_once",
        [120],
        [inspect.signature(bulk_results).parameters["wait_timeout"].default],
    ),
    "requests of all waits of a client, after the first of each": (
        "http.test_waits.test_many_waits_share_their_requests",
        [50, 5],
        [SHARED_REQUESTS, POLL_INTERVAL],
    ),
    "pages that one pass over a list reads": (
        "http.test_hostile_lists.test_endless_list_is_a_typed_error",
        [100_000],
        [vars(pagination)["_MAX_PAGES"]],
    ),
    "passes over a list that changes; pages without a new item": (
        "http.test_hostile_lists.test_endless_list_is_a_typed_error",
        [10, 10],
        [vars(pagination)["_MAX_PASSES"], vars(pagination)["_MAX_STALLS"]],
    ),
    "times that an erasure lists images or batches again": (
        "http.test_hostile_lists.test_images_that_appear_after_each_delete_do_not_block_an_erasure",
        [10],
        [vars(erase)["_MAX_PASSES"]],
    ),
    "passes of an export over the data": (
        "_sync.test_exporting.test_data_that_never_stops_changing",
        [10],
        [vars(export)["_MAX_PASSES"]],
    ),
    "photo": ("test_photo.test_photos_above_the_maximum_size_are_rejected", [], []),
    "header of a photo from a stream that cannot seek": (
        "test_photo.test_header_of_a_stream_is_limited",
        [],
        [],
    ),
    "rows of a Parquet table that are in memory together": (
        "bulk.test_memory.test_memory_does_not_grow_with_the_number_of_results",
        [20_000],
        [vars(result_tables)["_ROW_GROUP"]],
    ),
    "rows of a manifest, ids of a list": (
        "bulk.test_memory.test_memory_does_not_grow_with_the_number_of_rows",
        [],
        [],
    ),
    "row of a manifest; line of a list of subject ids": (
        "bulk.test_files.test_long_row_is_a_problem_and_the_next_row_is_processed",
        [1_000_000],
        [vars(manifest)["_MAX_LINE"]],
    ),
    "time of a download": (
        "spec.test_hostile_documents.test_endless_or_compressed_document_is_rejected",
        [30, 300],
        [vars(pull)["_TIMEOUT"], vars(pull)["_MAX_SECONDS"]],
    ),
    "open connections": (
        "sandbox.test_http_limits.test_number_of_open_connections_is_limited",
        [256],
        [LIMITS.connections],
    ),
    "request target": (
        "sandbox.test_server.test_request_target_of_8_kib_is_accepted",
        [8],
        [LIMITS.target / KIB],
    ),
    "request line and headers": (
        "sandbox.test_http_limits.test_invalid_request_is_rejected_and_the_connection_closed",
        [64],
        [LIMITS.head / KIB],
    ),
    "request body": (
        "sandbox.test_http_limits.test_request_within_the_limits_is_served",
        [64],
        [LIMITS.body / MIB],
    ),
    "waiting for the end of a head; receiving a body; sending a response": (
        "sandbox.test_http_limits.test_arriving_bytes_do_not_extend_the_time_limit",
        [60, 300, 300],
        [LIMITS.head_seconds, LIMITS.body_seconds, LIMITS.response_seconds],
    ),
}
"""The test of each other limit, and the documented and the actual values."""


@pytest.mark.parametrize("excess", [0, 1])
@pytest.mark.parametrize("limited", CASES)
@pytest.mark.usefixtures("short_backoff")
def test_limit(limited: str, excess: int, tmp_path: Path) -> None:
    CASES[limited](excess, tmp_path)


def test_every_limit_is_tested() -> None:
    assert [row[0] for row in ROWS if row[0] not in CASES and row[0] not in ELSEWHERE] == []
    assert (CASES.keys() | ELSEWHERE.keys()) == {row[0] for row in ROWS}


@pytest.mark.parametrize("limited", ELSEWHERE)
def test_documented_limit_is_the_actual_one(limited: str) -> None:
    name, documented, actual = ELSEWHERE[limited]
    module, _, function = name.rpartition(".")
    assert hasattr(import_module(f"tests.{module}"), function), name
    assert documented == actual
    [text] = [row[1] for row in ROWS if row[0] == limited]
    numbers = [float(it.replace(",", "")) for it in re.findall(r"\d[\d,]*", text)]
    assert numbers[: len(documented)] == documented
