"""Prism says no to what breaks the contract, in each operation and direction; run by `make test-prism`.

Without this nobody would know that it looks at all: where it cannot read a schema, it is silent.
"""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import pytest

from haut_ext.sandbox import Sandbox, faults
from haut_ext.sandbox.api import OPERATIONS
from tests.prism.proxy import Proxies
from tests.support.invalid_bodies import invalid_bodies
from tests.support.operation_examples import BODIES, SPEC

SOMETHING = "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2"
CALLS: dict[str, tuple[str, str]] = {
    call["operationId"]: (method, path)
    for path, calls in SPEC["paths"].items()
    for method, call in calls.items()
    if call["operationId"] in OPERATIONS
}
GOOD: dict[str, dict[str, Any]] = {
    **{operation: {"json": body.to_dict()} for operation, body in BODIES.items()},
    "compute_batch_v3": {"json": {}},
    "delete_subjects": {"params": {"subjects_ids": SOMETHING}},
    "delete_private_token": {"id": 1},
}
WRONG: dict[str, dict[str, Any]] = {
    "create_subject": {"json": {}},
    "update_subject": {"json": {"name": ["x"]}},
    "create_signed_upload_url": {"json": {"batch_id": "x"}},
    "compute_batch": {"json": []},
    "delete_subjects": {},
    "login": {"json": {"username": "user@example.com"}},
    "refresh_access_token": {"json": {}},
    "create_private_token": {"json": {"name": "x"}},
    "delete_private_token": {"id": "x"},
    "create_dataset": {"json": {}},
    "create_batch": {"json": []},
    "create_upload_urls_v3": {"json": {"front": ""}},
    "compute_batch_v3": {"json": []},
}
REFUSABLE = [name for name in CALLS if name in WRONG or "{company_id}" in CALLS[name][1]]
"""The others take page numbers at most, and Prism lets a text pass for a number in a query."""
INVALID_BODIES = [invalid for invalid in invalid_bodies() if invalid.must_fail]


@pytest.fixture
def true_answers() -> None:
    """Here faults are planned, to see them refused."""


def ask(sandbox: Sandbox, operation: str, **changes: Any) -> int:
    """Call an operation and return the status of the answer."""
    ids: dict[str, Any] = {**sandbox.credentials, **changes}
    method, path = CALLS[operation]
    path = re.sub(r"{(\w+)}", lambda name: str(ids.get(name[1], SOMETHING)), path)
    headers = {"Authorization": f"Bearer {ids['token']}"}
    content = {name: ids[name] for name in ("json", "params") if name in ids}
    with httpx.Client(base_url=sandbox.base_url, verify=False) as client:  # it is loopback
        return client.request(method, path, headers=headers, **content).status_code


def check_refused(prism: Proxies, reason: str, count: int) -> None:
    """See that so many refusals are in the log, which Prism writes after it has answered."""
    found: list[str] = []
    ends = time.monotonic() + 10
    while len(found) < count:
        assert time.monotonic() < ends, f"{len(found)} of {count} were refused"
        found += prism.refusals()
    assert len([line for line in found if reason in line]) == len(found) == count


@pytest.mark.parametrize("operation", REFUSABLE)
def test_a_request_that_breaks_the_contract(
    haut_sandbox: Sandbox, prism: Proxies, operation: str
) -> None:
    wrong: list[dict[str, Any]] = []
    if "{company_id}" in CALLS[operation][1]:
        wrong.append({**GOOD.get(operation, {}), "company_id": "no-id"})
    if operation in WRONG:
        wrong.append(WRONG[operation])
    assert {ask(haut_sandbox, operation, **each) for each in wrong} == {422}
    assert haut_sandbox.arrivals == []
    check_refused(prism, "UNPROCESSABLE_ENTITY", len(wrong))


@pytest.mark.parametrize("operation", sorted({invalid.operation for invalid in INVALID_BODIES}))
def test_an_answer_that_breaks_the_contract(
    haut_sandbox: Sandbox, prism: Proxies, operation: str
) -> None:
    wrong = [invalid for invalid in INVALID_BODIES if invalid.operation == operation]
    for invalid in wrong:
        answer = faults.status(invalid.status, invalid.body, content_type="application/json")
        haut_sandbox.faults.add(operation, answer)
        assert ask(haut_sandbox, operation, **GOOD.get(operation, {})) == 500, invalid
    check_refused(prism, "VIOLATIONS", len(wrong))
