"""The conformance table states the required result of each operation for each injected fault.

A cell contains the result of the call, the number of requests that arrived and the number of
requests that the service carried out. A `?` after an error means that the error must report that
the call may have been carried out. The columns:

    READ    every GET
    PATCH   update_subject
    DELETE  deletion of a single resource (204; a repeated deletion gets 404)
    CLEAR   delete_subjects, clear_subject_storage, clear_subject_metadata (200; idempotent)
    POST    operations that create a resource or cost money
    REFRESH refresh_access_token, a POST without a token
    LOGIN   login, which is never retried because the service blocks frequent logins
    PUT     upload_image, sent to the storage

The client may retry once and has a max_retry_after of 5 s. Each fault happens once, unless its
name contains "always".
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from attrs import frozen

from haut_ext.sandbox import Fault, faults

TABLE = """
fault                    | READ                   | PATCH                  | DELETE                 | CLEAR                  | POST                   | REFRESH                | LOGIN                  | PUT
connection refused       | TransportError 0/0     | TransportError 0/0     | TransportError 0/0     | TransportError 0/0     | TransportError 0/0     | TransportError 0/0     | TransportError 0/0     | TransportError 0/0
RST, unread              | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | TransportError? 1/0    | TransportError? 1/0    | TransportError? 1/0    | ok 2/1
RST, carried out         | ok 2/2                 | ok 2/2                 | ok 2/1                 | ok 2/2                 | TransportError? 1/1    | TransportError? 1/1    | TransportError? 1/1    | ok 2/2
RST, always              | TransportError? 2/2    | TransportError? 2/2    | TransportError? 2/1    | TransportError? 2/2    | TransportError? 1/1    | TransportError? 1/1    | TransportError? 1/1    | TransportError? 2/2
FIN, not carried out     | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | TransportError? 1/0    | TransportError? 1/0    | TransportError? 1/0    | ok 2/1
FIN, carried out         | ok 2/2                 | ok 2/2                 | ok 2/1                 | ok 2/2                 | TransportError? 1/1    | TransportError? 1/1    | TransportError? 1/1    | ok 2/2
body truncated           | ok 2/2                 | ok 2/2                 | ok 2/1                 | ok 2/2                 | TransportError? 1/1    | TransportError? 1/1    | TransportError? 1/1    | ok 2/2
chunks truncated         | ok 2/2                 | ok 2/2                 | ok 2/1                 | ok 2/2                 | TransportError? 1/1    | TransportError? 1/1    | TransportError? 1/1    | ok 2/2
garbage                  | ok 2/2                 | ok 2/2                 | ok 2/1                 | ok 2/2                 | TransportError? 1/1    | TransportError? 1/1    | TransportError? 1/1    | ok 2/2
stall past read timeout  | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | TransportTimeout? 1/0  | TransportTimeout? 1/0  | TransportTimeout? 1/0  | ok 2/1
dribble past deadline | TransportTimeout? 1/1 | TransportTimeout? 1/1 | ok 1/1 | TransportTimeout? 1/1 | TransportTimeout? 1/1 | TransportTimeout? 1/1 | TransportTimeout? 1/1 | ok 1/1
408                      | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ApiError? 1/0          | ApiError? 1/0          | ApiError? 1/0          | ok 2/1
429, seconds             | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | RateLimited 1/0        | ok 2/1
429, date                | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | RateLimited 1/0        | ok 2/1
429, long Retry-After    | RateLimited 1/0        | RateLimited 1/0        | RateLimited 1/0        | RateLimited 1/0        | RateLimited 1/0        | RateLimited 1/0        | RateLimited 1/0        | StorageError 1/0
429, always              | RateLimited 2/0        | RateLimited 2/0        | RateLimited 2/0        | RateLimited 2/0        | RateLimited 2/0        | RateLimited 2/0        | RateLimited 1/0        | StorageError 2/0
429, from a proxy        | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | RateLimited? 1/0       | RateLimited? 1/0       | RateLimited? 1/0       | ok 2/1
500                      | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ServerError? 1/0       | ServerError? 1/0       | ServerError? 1/0       | ok 2/1
500, carried out         | ok 2/2                 | ok 2/2                 | ok 2/1                 | ok 2/2                 | ServerError? 1/1       | ServerError? 1/1       | ServerError? 1/1       | ok 2/2
502 with a web page      | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ServerError? 1/0       | ServerError? 1/0       | ServerError? 1/0       | ok 2/1
503                      | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ServerError? 1/0       | ServerError? 1/0       | ServerError? 1/0       | ok 2/1
503, Retry-After         | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ServerError 1/0        | ok 2/1
503, from a proxy        | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ServerError? 1/0       | ServerError? 1/0       | ServerError? 1/0       | ok 2/1
504                      | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ServerError? 1/0       | ServerError? 1/0       | ServerError? 1/0       | ok 2/1
520                      | ServerError 1/0        | ServerError? 1/0       | ServerError? 1/0       | ServerError? 1/0       | ServerError? 1/0       | ServerError? 1/0       | ServerError? 1/0       | StorageError 1/0
200, empty               | UnexpectedResponse 1/1 | UnexpectedResponse? 1/1 | ok 1/1                 | DecodeError 1/1        | UnexpectedResponse? 1/1 | UnexpectedResponse? 1/1 | UnexpectedResponse? 1/1 | ok 1/1
200, JSON truncated      | UnexpectedResponse 1/1 | UnexpectedResponse? 1/1 | UnexpectedResponse? 1/1 | UnexpectedResponse? 1/1 | UnexpectedResponse? 1/1 | UnexpectedResponse? 1/1 | UnexpectedResponse? 1/1 | UnexpectedResponse? 1/1
200, a login page        | UnexpectedResponse 1/0 | UnexpectedResponse? 1/0 | UnexpectedResponse? 1/0 | UnexpectedResponse? 1/0 | UnexpectedResponse? 1/0 | UnexpectedResponse? 1/0 | UnexpectedResponse? 1/0 | UnexpectedResponse? 1/0
404                      | NotFound 1/0           | NotFound 1/0           | NotFound 1/0           | NotFound 1/0           | NotFound 1/0           | NotFound 1/0           | NotFound 1/0           | StorageError 1/0
404, from a proxy        | NotFound 1/0           | NotFound? 1/0          | NotFound? 1/0          | NotFound? 1/0          | NotFound? 1/0          | NotFound? 1/0          | NotFound? 1/0          | StorageError 1/0
404, carried out         | NotFound 1/1           | NotFound? 1/1          | NotFound? 1/1          | NotFound? 1/1          | NotFound? 1/1          | NotFound? 1/1          | NotFound? 1/1          | StorageError 1/1
401, token as a string   | Unauthorized 1/0       | Unauthorized 1/0       | Unauthorized 1/0       | Unauthorized 1/0       | Unauthorized 1/0       | Unauthorized 1/0       | Unauthorized 1/0       | StorageError 1/0
401, token as a callable | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | ok 2/1                 | Unauthorized 1/0       | Unauthorized 1/0       | StorageError 1/0
redirect to another host | ApiError 1/0            | ApiError? 1/0          | ApiError? 1/0          | ApiError? 1/0          | ApiError? 1/0          | ApiError? 1/0          | ApiError? 1/0          | StorageError 1/0
"""  # noqa: E501

COLUMNS = {
    "READ": (
        "list_subjects",
        "list_images",
        "get_image",
        "list_private_tokens",
        "list_datasets",
        "list_datasets_short",
        "get_dataset",
        "list_image_types",
        "list_algorithms",
        "list_batches",
        "list_batch_images",
        "list_image_results",
        "list_smoothed_results",
        "list_aux_images",
        "get_aux_image_url",
        "get_batch_results_v3",
    ),
    "PATCH": ("update_subject",),
    "DELETE": ("delete_subject", "delete_image", "delete_batch", "delete_private_token"),
    "CLEAR": ("delete_subjects", "clear_subject_storage", "clear_subject_metadata"),
    "POST": (
        "create_subject",
        "create_signed_upload_url",
        "compute_batch",
        "create_private_token",
        "create_dataset",
        "create_batch",
        "create_batch_image",
        "create_subject_image",
        "create_upload_urls_v3",
        "compute_batch_v3",
    ),
    "REFRESH": ("refresh_access_token",),
    "LOGIN": ("login",),
    "PUT": ("upload_image",),
}

OTHER_URL = "http://127.0.0.1:9/other"  # tests replace it with the URL of a listening socket

FAULTS: dict[str, Callable[[str], Fault | None]] = {
    "connection refused": lambda _: None,  # not injected: no request reaches the sandbox
    "RST, unread": lambda _: faults.reset("unread"),
    "RST, carried out": lambda _: faults.reset("after"),
    "RST, always": lambda _: faults.reset("after"),
    "FIN, not carried out": lambda _: faults.close("before"),
    "FIN, carried out": lambda _: faults.close("after"),
    "body truncated": lambda _: faults.truncated(),
    "chunks truncated": lambda _: faults.truncated_chunks(),
    "garbage": lambda _: faults.garbage(),
    "stall past read timeout": lambda _: faults.stall(),
    "dribble past deadline": lambda _: faults.dribble(0.2, head=False),
    "408": lambda _: faults.status(408),
    "429, seconds": lambda _: faults.rejected(retry_after=0),
    # The current date, so that the client retries without a delay.
    "429, date": lambda _: faults.rejected(retry_after_date=0),
    "429, long Retry-After": lambda _: faults.rejected(retry_after=3600),
    "429, always": lambda _: faults.rejected(),
    "429, from a proxy": lambda _: faults.status(429),
    "500": lambda _: faults.status(500),
    "500, carried out": lambda _: faults.status(500, when="after"),
    "502 with a web page": lambda _: faults.bad_gateway(),
    "503": lambda _: faults.status(503),
    "503, Retry-After": lambda _: faults.rejected(503, retry_after=0),
    "503, from a proxy": lambda _: faults.status(503, retry_after=0),
    "504": lambda _: faults.status(504),
    "520": lambda _: faults.status(520),
    "200, empty": lambda _: faults.empty(),
    "200, JSON truncated": lambda _: faults.truncated_json(),
    "200, a login page": lambda _: faults.login_page(),
    "404": lambda _: faults.status(
        404, b'{"detail": "Not found."}', content_type="application/json"
    ),
    "404, from a proxy": lambda _: faults.bad_gateway(404),
    "404, carried out": lambda _: faults.bad_gateway(404, "after"),
    "401, token as a string": lambda _: faults.unauthorized(),
    "401, token as a callable": lambda _: faults.unauthorized(),
    "redirect to another host": lambda other_url: faults.redirect(other_url),
}


@frozen
class Cell:
    """The required result of one operation for one injected fault."""

    fault: str
    operation: str
    outcome: str
    maybe_carried_out: bool
    arrived: int
    carried_out: int

    @property
    def always(self) -> bool:
        return self.fault.endswith("always")


def _read(table: str) -> list[Cell]:
    header, *rows = [
        [cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()
    ]
    cells: list[Cell] = []
    for fault, *row in rows:
        for column, text in zip(header[1:], row, strict=True):
            match = re.fullmatch(r"(\w+)(\??) (\d)/(\d)", text)
            assert match, f"{fault}, {column}: {text!r}"
            outcome, maybe, arrived, carried_out = match.groups()
            cells += [
                Cell(fault, operation, outcome, bool(maybe), int(arrived), int(carried_out))
                for operation in COLUMNS[column]
            ]
    return cells


_WAITING = ("stall past read timeout", "dribble past deadline")


def _is_slow(cell: Cell) -> bool:
    """Return whether a cell waits for a timeout, or is not for the first operation of its column."""
    first = {operations[0] for operations in COLUMNS.values()}
    return cell.fault in _WAITING or cell.operation not in first


CELLS = [
    pytest.param(
        cell,
        id=f"{cell.fault}-{cell.operation}",
        marks=[pytest.mark.slow] if _is_slow(cell) else [],
    )
    for cell in _read(TABLE)
]
