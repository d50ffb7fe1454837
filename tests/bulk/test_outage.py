"""The network goes in the middle of a run and comes back: nothing is lost, nothing is paid for twice."""

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
from haut_ext._http import retry
from haut_ext.bulk import BulkStopped, bulk_erase, bulk_upload, running
from haut_ext.sandbox import Request, Sandbox
from tests.bulk.conftest import PHOTO
from tests.bulk.holdings import holdings

ROWS = 40


class Unreachable(logging.Handler):
    """Tells when the client has been refused so many connections."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.event = threading.Event()
        self._left = itertools.count(times, -1)

    def emit(self, record: logging.LogRecord) -> None:
        if "TransportError" in record.getMessage() and next(self._left) == 0:
            self.event.set()


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[Unreachable]:
    monkeypatch.setattr(retry, "INITIAL_BACKOFF", 0.01)
    monkeypatch.setattr(running, "_LONGEST_PAUSE", 0.05)
    logger = logging.getLogger("haut_ext")
    handler = Unreachable(100)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


class Service:
    """A service that can be cut off, and come back at the same address as it was."""

    def __init__(self) -> None:
        self.now = Sandbox(analysis_reads=1)
        self.computed = 0

    def cut_off(self) -> None:
        self.now.close()
        self.computed += self.now.carried_out("compute_batch")

    def come_back(self) -> None:
        ports = [int(url.rpartition(":")[2]) for url in (self.now.base_url, self.now.storage_url)]
        with patch("haut_ext.sandbox.World", lambda **_: self.now.world):
            self.now = Sandbox(port=ports[0], storage_port=ports[1])


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.now.close()


def cut_off_at(service: Service, arrivals: int) -> threading.Event:
    """Return what is set when so many requests have come, which then get no answer."""
    reached = threading.Event()
    number = itertools.count(1)

    def on_request(request: Request) -> None:
        if next(number) == arrivals:
            reached.set()

    service.now.before_request = on_request
    return reached


@pytest.mark.slow
@pytest.mark.parametrize("arrivals", [30, 61, 101])
def test_a_run_waits_for_the_network(
    arrivals: int, tmp_path: Path, photo: Path, service: Service, unreachable: Unreachable
) -> None:
    reached = cut_off_at(service, arrivals)

    def outage() -> None:
        reached.wait()
        service.cut_off()
        unreachable.event.wait()
        service.come_back()

    thread = threading.Thread(target=outage)
    thread.start()
    rows = [{"subject": f"person {number}", "front": photo} for number in range(ROWS)]
    with Haut(**service.now.credentials) as haut:
        report = bulk_upload(haut, rows, journal=tmp_path / "journal")
        thread.join()
        assert (report.done + report.unknown, report.failed) == (ROWS, 0)
        again = bulk_upload(haut, rows, journal=tmp_path / "journal", compute_again=True)
    assert again.complete
    assert service.computed + service.now.carried_out("compute_batch") == ROWS
    batches = [subject["batches"] for subject in holdings(service.now)]
    assert [len(found) for found in batches] == [1] * ROWS
    assert {(batch["computes"], len(batch["images"])) for [batch] in batches} == {(1, 1)}


@pytest.mark.slow
def test_a_run_that_has_waited_long_enough_says_how_to_go_on(
    tmp_path: Path, service: Service, unreachable: Unreachable
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
        with pytest.raises(BulkStopped, match="call again later with the same journal"):
            bulk_erase(haut, ids, **run, patience=0.2)
        thread.join()
        service.come_back()
        report = bulk_erase(haut, ids, **run)
    assert (report.done + report.skipped, report.complete) == (20, True)
    assert service.now.snapshot()["subjects"] == []
    assert len(list((tmp_path / "receipts").glob("*.json"))) == 20
