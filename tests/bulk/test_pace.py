"""A run goes no faster than is welcome: so many requests a second, none while it is asked to wait."""

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
from haut_ext._http import retry
from haut_ext.bulk import BulkStopped, bulk_erase, bulk_upload
from haut_ext.bulk.running import Gate
from haut_ext.sandbox import Request, Sandbox, faults
from haut_ext.sandbox.messages import Answer


def to_api(sandbox: Sandbox) -> int:
    return sum(arrival.operation != "upload_image" for arrival in sandbox.arrivals)


@pytest.mark.slow
def test_so_many_requests_a_second(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox
) -> None:
    rows = [{"subject": f"person {number}", "front": photo} for number in range(5)]
    began = time.monotonic()
    bulk_upload(haut, rows, journal=tmp_path / "journal", per_second=40)
    requests = to_api(sandbox)
    assert requests == 4 * len(rows)
    assert time.monotonic() - began >= (requests - 1) / 40
    ids = [subject["id"] for subject in sandbox.snapshot()["subjects"]]
    began = time.monotonic()
    bulk_erase(haut, ids, journal=tmp_path / "e", receipts=tmp_path / "r", per_second=100)
    requests = to_api(sandbox) - requests
    assert time.monotonic() - began >= (requests - 1) / 100


class Heard(logging.Handler):
    """Tells when the client has heard of a 429."""

    def __init__(self) -> None:
        super().__init__()
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "429" in record.getMessage():
            self.event.set()


@pytest.fixture
def heard() -> Iterator[Heard]:
    logger = logging.getLogger("haut_ext")
    handler = Heard()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.parametrize("who", ["rows under way", "rows to come"])
def test_nobody_sends_before_the_retry_after_is_over(
    who: str, tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox, heard: Heard
) -> None:
    """One row is turned away while another sends its photo, which goes on when that has been heard."""
    turned_away: list[float] = []
    afterwards: list[float] = []
    sending = threading.Event()

    def answer(given: Answer) -> Answer:
        sending.wait()
        turned_away.append(time.monotonic())
        return fault.change(given)

    def on_request(request: Request) -> None:
        if request.operation == "upload_image" and not turned_away:
            sandbox.faults.add("list_subjects", replace(fault, change=answer))
            sending.set()
            heard.event.wait()
        elif turned_away:
            afterwards.append(time.monotonic())

    fault = faults.status(429, retry_after=1)
    sandbox.before_request = on_request
    [known] = sandbox.add_subjects(1)

    def rows() -> Iterator[dict[str, Any]]:
        yield {"subject_id": known.id, "front": photo}
        sending.wait()
        yield {"subject": "turned away", "front": photo}
        if who == "rows to come":
            heard.event.wait()
            yield {"subject": "another", "front": photo}

    report = bulk_upload(haut, rows(), journal=tmp_path / "journal", in_flight=3)
    assert report.complete
    assert len(turned_away) == 1
    assert min(afterwards) - turned_away[0] >= 1


@pytest.mark.slow
def test_everybody_slows_down_when_asked_to(
    tmp_path: Path, photo: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "MAX_BACKOFF", 0.05)
    sandbox.faults.add("create_signed_upload_url", faults.status(429, retry_after=0), times=20)
    rows = [{"subject": f"person {number}", "front": photo} for number in range(20)]
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        report = bulk_upload(haut, rows, journal=tmp_path / "journal")
    assert (report.done, sandbox.faults.pending) == (20, [])


def test_the_gate_halves_at_a_trouble_and_grows_with_successes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: low)
    gate = Gate(8, None, patience=60)
    assert gate.slow_down(0)
    assert gate.limit == 4
    assert gate.slow_down(30)
    assert gate.slow_down(30)  # the same news from another thread
    assert gate.limit == 2
    for _ in range(30):
        gate.succeed()
    assert 7 < gate.limit <= 8
    assert not Gate(8, None, patience=10).slow_down(30)


def test_a_retry_after_of_0_makes_no_hot_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    gate = Gate(8, None, patience=60)
    for longest in (0.5, 1.0, 2.0, 4.0, 8.0, 8.0):
        gate.slow_down(0)
        pause = gate._paused_until - time.monotonic()
        assert longest - 0.4 < pause <= longest
        gate._paused_until = 0.0


def test_the_gate_keeps_out_who_is_one_too_many() -> None:
    gate = Gate(2, None, patience=60)
    assert gate.slow_down(0)
    assert gate.enter()
    entered: list[bool] = []
    other = threading.Thread(target=lambda: entered.append(gate.enter()))
    other.start()
    other.join(0.1)  # ends at once if it is let in
    gate.stop()
    other.join()
    assert entered == [False]


def test_a_run_that_stops_does_not_wait_for_the_end_of_a_pause(
    tmp_path: Path, photo: Path, haut: Haut, sandbox: Sandbox, heard: Heard
) -> None:
    """The row that is told to come back in an hour ends the run; the other is left as it is."""
    [known] = sandbox.add_subjects(1)

    def on_request(request: Request) -> None:
        if request.operation == "upload_image":
            sandbox.faults.add("list_subjects", faults.status(429, retry_after=3600))
            sending.set()
            heard.event.wait()

    sending = threading.Event()
    sandbox.before_request = on_request

    def rows() -> Iterator[dict[str, Any]]:
        yield {"subject_id": known.id, "front": photo}
        sending.wait()
        yield {"subject": "turned away", "front": photo}

    with pytest.raises(BulkStopped, match="3600 s"):
        bulk_upload(haut, rows(), journal=tmp_path / "journal", patience=60)
    sandbox.before_request = None
    assert sandbox.arrived("compute_batch") == 0
    assert bulk_upload(haut, rows(), journal=tmp_path / "journal").done == 2
    assert sandbox.arrived("compute_batch") == 2
    assert sandbox.arrived("upload_image") == 2
    assert len(sandbox.world.objects) == 2
