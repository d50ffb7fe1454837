"""Tests that a network failure during a bulk run loses no row and starts no analysis twice."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from haut_ext import Haut
from haut_ext._http import retry_policy
from haut_ext.bulk import BulkStopped, bulk_erase, bulk_upload, rate_limiter
from haut_ext.sandbox import Request, Sandbox
from tests.bulk.conftest import PHOTO
from tests.bulk.service_state import delete_leftovers, service_state

ROWS = 40


class FailedConnections(logging.Handler):
    """Log handler that sets an event after a given number of failed connections."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.event = threading.Event()
        self._left = itertools.count(times, -1)

    def emit(self, record: logging.LogRecord) -> None:
        if "TransportError" in record.getMessage() and next(self._left) == 0:
            self.event.set()


@pytest.fixture
def failed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[FailedConnections]:
    monkeypatch.setattr(retry_policy, "INITIAL_BACKOFF", 0.01)
    monkeypatch.setattr(rate_limiter, "_MAX_PAUSE", 0.05)
    logger = logging.getLogger("haut_ext")
    handler = FailedConnections(100)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


class Service:
    """Sandbox that can stop listening and later listen again at the same address with the same data."""

    def __init__(self) -> None:
        self.now = Sandbox(analysis_reads=1)
        self.computed = 0

    def cut_off(self) -> None:
        self.now.close()
        self.computed += self.now.carried_out("compute_batch")

    def come_back(self) -> None:
        ports = [int(url.rpartition(":")[2]) for url in (self.now.base_url, self.now.storage_url)]
        with patch("haut_ext.sandbox.sandbox.State", lambda **_: self.now.state):
            self.now = Sandbox(port=ports[0], storage_port=ports[1])


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.now.close()


def cut_off_at(service: Service, arrivals: int) -> threading.Event:
    """Return an event that is set when the given number of requests has arrived."""
    reached = threading.Event()
    number = itertools.count(1)

    def on_request(request: Request) -> None:
        if next(number) == arrivals:
            reached.set()

    service.now.before_request = on_request
    return reached


@pytest.mark.slow
@pytest.mark.parametrize("arrivals", [30, 61, 101])
def test_run_waits_until_the_service_is_reachable_again(
    arrivals: int,
    tmp_path: Path,
    photo: Path,
    service: Service,
    failed_connections: FailedConnections,
) -> None:
    reached = cut_off_at(service, arrivals)

    def outage() -> None:
        reached.wait()
        service.cut_off()
        failed_connections.event.wait()
        service.come_back()

    thread = threading.Thread(target=outage)
    thread.start()
    rows = [{"subject": f"person {number}", "front": photo} for number in range(ROWS)]
    with Haut(**service.now.credentials) as haut:
        report = bulk_upload(haut, rows, journal=tmp_path / "journal")
        thread.join()
        assert (report.done + report.unknown, report.failed) == (ROWS, 0)
        again = bulk_upload(haut, rows, journal=tmp_path / "journal", compute_again=True)
        delete_leftovers(haut, tmp_path / "journal")
    assert again.complete
    assert service.computed + service.now.carried_out("compute_batch") == ROWS
    batches = [subject["batches"] for subject in service_state(service.now)]
    assert [len(found) for found in batches] == [1] * ROWS
    assert {(batch["computes"], len(batch["images"])) for [batch] in batches} == {(1, 1)}


@pytest.mark.slow
def test_run_stops_after_the_outage_timeout_and_the_next_run_continues(
    tmp_path: Path, service: Service, failed_connections: FailedConnections
) -> None:
    subjects = service.now.add_subjects(20)
    for subject in subjects:
        service.now.add_images(subject, 2, PHOTO)
    run: dict[str, Any] = {"journal": tmp_path / "journal", "receipts": tmp_path / "receipts"}
    ids = [subject.id for subject in subjects]
    reached = cut_off_at(service, 60)

    def outage() -> None:
        reached.wait()
        service.cut_off()

    thread = threading.Thread(target=outage)
    thread.start()
    with Haut(**service.now.credentials) as haut:
        with pytest.raises(BulkStopped, match="Run again later with the same journal"):
            bulk_erase(haut, ids, **run, outage_timeout=0.2)
        thread.join()
        service.come_back()
        report = bulk_erase(haut, ids, **run)
    assert (report.done + report.skipped, report.complete) == (20, True)
    assert service.now.snapshot()["subjects"] == []
    assert len(list((tmp_path / "receipts").glob("*.json"))) == 20
