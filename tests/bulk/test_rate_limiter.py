"""Tests of the rate limiter of bulk runs: requests per second, concurrent rows, and Retry-After."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from haut_ext import Haut
from haut_ext.bulk import BulkStopped, bulk_erase, bulk_upload, rate_limiter
from haut_ext.bulk.rate_limiter import RateLimiter
from haut_ext.sandbox import Request, Sandbox, faults
from haut_ext.sandbox.http_messages import Response


def api_requests(sandbox: Sandbox) -> int:
    return sum(arrival.operation != "upload_image" for arrival in sandbox.requests)


@pytest.mark.slow
def test_requests_per_second_are_limited(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    rows = [{"subject": f"person {number}", "front": photo} for number in range(5)]
    began = time.monotonic()
    bulk_upload(haut, rows, journal=tmp_path / "journal", requests_per_second=40)
    requests = api_requests(sandbox)
    assert requests == 4 * len(rows)
    assert time.monotonic() - began >= (requests - 1) / 40
    ids = [subject["id"] for subject in sandbox.snapshot()["subjects"]]
    began = time.monotonic()
    bulk_erase(haut, ids, journal=tmp_path / "e", receipts=tmp_path / "r", requests_per_second=100)
    requests = api_requests(sandbox) - requests
    assert time.monotonic() - began >= (requests - 1) / 100


class Rejections(logging.Handler):
    """Log handler that sets an event when the client has received a 429."""

    def __init__(self) -> None:
        super().__init__()
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "429" in record.getMessage():
            self.event.set()


@pytest.fixture
def rejections() -> Iterator[Rejections]:
    logger = logging.getLogger("haut_ext")
    handler = Rejections()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.parametrize("rows_affected", ["started", "not started"])
def test_no_row_sends_a_request_before_retry_after_has_passed(
    rows_affected: str,
    tmp_path: Path,
    photo: Path,
    haut: Haut,
    sandbox: Sandbox,
    rejections: Rejections,
) -> None:
    """One row receives a 429 while another row waits for the response to its photo upload."""
    rejected: list[float] = []
    afterwards: list[float] = []
    sending = threading.Event()

    def answer(given: Response) -> Response:
        sending.wait()
        rejected.append(time.monotonic())
        return fault.change(given)

    def on_request(request: Request) -> None:
        if request.operation == "upload_image" and not rejected:
            sandbox.faults.add("list_subjects", replace(fault, change=answer))
            sending.set()
            rejections.event.wait()
        elif rejected:
            afterwards.append(time.monotonic())

    fault = faults.status(429, retry_after=1)
    sandbox.before_request = on_request
    [known] = sandbox.add_subjects(1)

    def rows() -> Iterator[dict[str, Any]]:
        yield {"subject_id": known.id, "front": photo}
        sending.wait()
        yield {"subject": "rejected", "front": photo}
        if rows_affected == "not started":
            rejections.event.wait()
            yield {"subject": "another", "front": photo}

    report = bulk_upload(haut, rows(), journal=tmp_path / "journal", max_in_flight=3)
    assert report.complete
    assert len(rejected) == 1
    assert min(afterwards) - rejected[0] >= 1


@pytest.mark.slow
def test_run_completes_after_repeated_rejections(
    tmp_path: Path, photo: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limiter, "_MAX_PAUSE", 0.05)
    sandbox.faults.add("create_signed_upload_url", faults.status(429, retry_after=0), times=20)
    rows = [{"subject": f"person {number}", "front": photo} for number in range(20)]
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        report = bulk_upload(haut, rows, journal=tmp_path / "journal")
    assert (report.done, sandbox.faults.pending) == (20, [])


def test_limit_of_rows_is_halved_on_failure_and_increases_on_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: low)
    limiter = RateLimiter(8, None, outage_timeout=60)
    assert limiter.back_off(0)
    assert limiter._row_limit == 4
    assert limiter.back_off(30)
    assert limiter.back_off(30)  # a second thread reports a 429 during the pause
    assert limiter._row_limit == 2
    for _ in range(30):
        limiter.record_success()
    assert 7 < limiter._row_limit <= 8
    assert not RateLimiter(8, None, outage_timeout=10).back_off(30)


def test_retry_after_of_0_does_not_cause_a_busy_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    limiter = RateLimiter(8, None, outage_timeout=60)
    for longest in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0):
        limiter.back_off(0)
        assert limiter._paused_until - time.monotonic() == longest
        limiter._paused_until = 0.0


def test_row_above_the_limit_waits_until_the_run_stops() -> None:
    limiter = RateLimiter(2, None, outage_timeout=60)
    assert limiter.back_off(0)
    assert limiter.start_row()
    started: list[bool] = []
    other = threading.Thread(target=lambda: started.append(limiter.start_row()))
    other.start()
    other.join(0.1)  # join() returns at once if the limiter lets the row start
    limiter.stop()
    other.join()
    assert started == [False]


def test_run_that_stops_does_not_wait_for_the_end_of_a_pause(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox, rejections: Rejections
) -> None:
    """If one row receives a Retry-After of one hour, the run stops, and the other row stays as it is."""
    [known] = sandbox.add_subjects(1)

    def on_request(request: Request) -> None:
        if request.operation == "upload_image":
            sandbox.faults.add("list_subjects", faults.status(429, retry_after=3600))
            sending.set()
            rejections.event.wait()

    sending = threading.Event()
    sandbox.before_request = on_request

    def rows() -> Iterator[dict[str, Any]]:
        yield {"subject_id": known.id, "front": photo}
        sending.wait()
        yield {"subject": "rejected", "front": photo}

    with pytest.raises(BulkStopped, match="3600 s"):
        bulk_upload(haut, rows(), journal=tmp_path / "journal", outage_timeout=60)
    sandbox.before_request = None
    assert sandbox.received("compute_batch") == 0
    assert bulk_upload(haut, rows(), journal=tmp_path / "journal").done == 2
    assert sandbox.received("compute_batch") == 2
    assert sandbox.received("upload_image") == 2
    assert len(sandbox.database.objects) == 2
