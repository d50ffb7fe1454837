# Derived from tests/_async/test_wire_pace.py by `make sync`; change that file instead.
"""Calls of several tasks go no faster than a common pace lets them, and tell it who was turned away."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from haut_ext import Haut, RateLimited
from haut_ext.sandbox import Sandbox, faults
from haut_ext.wire import retry
from tests.photo_files import jpeg


class Steps:
    """A pace that counts, and takes its time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.asked: list[bool] = []
        self.heard: list[float | None] = []

    def wait(self, *, to_api: bool) -> None:
        self.asked.append(to_api)
        time.sleep(self.seconds)

    def slow_down(self, seconds: float | None) -> None:
        self.heard.append(seconds)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    with Sandbox() as sandbox:
        yield sandbox


def test_each_attempt_asks_and_who_is_turned_away_tells(sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    pace = Steps()
    sandbox.faults.add("create_signed_upload_url", faults.status(503))
    sandbox.faults.add("create_signed_upload_url", faults.status(429))
    sandbox.faults.add("create_signed_upload_url", faults.status(503, retry_after=0))
    sandbox.faults.add("upload_image", faults.status(500))
    with Haut(**sandbox.credentials) as haut:
        paced = haut.with_pace(pace)
        with pytest.raises(Exception, match="503"):
            paced.images.request_upload(subject.id)
        assert (pace.asked, pace.heard) == ([True], [])
        paced.with_options(max_retries=2).images.upload(subject.id, jpeg((256, 256)))
        assert pace.asked == [True] * 4 + [False] * 2
        assert pace.heard == [None, 0.0]
        sandbox.faults.add("list_subjects", faults.status(429, retry_after=600))
        with pytest.raises(RateLimited):
            paced.subjects.list()
        assert pace.heard == [None, 0.0, 600.0]
        haut.subjects.list()  # the original has no pace
        assert len(pace.asked) == 7


def test_no_deadline_counts_the_wait_for_the_pace(sandbox: Sandbox) -> None:
    pace = Steps(0.6)
    sandbox.faults.add("list_subjects", faults.status(503))
    with Haut(**sandbox.credentials, deadline=0.5) as haut:
        haut.with_pace(pace).subjects.list()
    assert pace.asked == [True, True]
