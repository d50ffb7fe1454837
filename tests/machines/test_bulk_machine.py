"""State machines of bulk runs that are disturbed, interrupted, killed and continued."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from haut_ext import Haut
from haut_ext.bulk import BulkReport, BulkStopped, bulk_upload, plan_erasure, rate_limiter
from haut_ext.bulk.receipt_files import read_summary
from haut_ext.sandbox import Request, faults
from haut_ext.sandbox.records import Subject
from tests.machines.bulk_process import (
    SSL_CONTEXT,
    STOPPED,
    erase,
    erase_with,
    processes,
    run_in_process,
    upload,
)
from tests.machines.harness import (
    ANALYSIS_SECONDS,
    FAULTS,
    Action,
    Plan,
    SandboxMachine,
    complete_analyses,
    plans,
    run_machine,
)
from tests.photo_files import jpeg

# After an interruption, the client leaves its open connections to the garbage collector.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]

PHOTO = jpeg((256, 256), quality=1)
NAMES = [
    name
    for name in FAULTS
    # After a timeout, a request may be carried out during a later run. The other faults claim success
    # for a request that was not carried out, or delay the run.
    if not name.startswith(("stall", "false", "login page", "429", "503,"))
]
CRITICAL = "the critical operation"
"""Stands for the operation of a machine that half of the disturbances are directed at."""
OUTAGE = faults.rejected(503, retry_after=0)


def add_photo(machine: BulkMachine) -> None:
    for subject in machine.subjects()[:1]:
        for image in machine.sandbox.add_images(subject, 1, PHOTO):
            machine.foreign.add(image.id)


def set_meta(machine: BulkMachine) -> None:
    for subject in machine.subjects()[-1:]:
        subject.meta = {"skin": "dry"}


CHANGES: dict[str, Action] = {
    "add a photo": add_photo,
    "set meta": set_meta,
    "complete the analyses": complete_analyses,
}


def disturbed_runs(actions: Iterable[str]) -> Callable[..., Any]:
    """Return the decorator of the rule that disturbs a run, among others by the given changes."""
    return rule(
        plan=plans(
            list(actions), names=NAMES, operations=["*", CRITICAL], requests=20, max_faults=3
        ),
        outage=st.sampled_from([0, 0, 0, 4]),
        rows=st.sampled_from([1, 3]),
        again=st.sampled_from([False] * 3 + [True]),
    )


class BulkMachine(SandboxMachine):
    """Runs a bulk run with one journal again and again.

    Attributes:
        folder: Folder of the journal and the photos.
        critical: Operation that half of the disturbances are directed at.
        items: What the run processes.
        foreign: Ids of the image records that the other client has created.
    """

    sandbox_options: ClassVar[dict[str, Any]] = {"analysis_seconds": ANALYSIS_SECONDS}
    actions: ClassVar[dict[str, Action]] = CHANGES
    critical: ClassVar[str]
    work: ClassVar[Callable[..., BulkReport]]
    items: Any

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="haut-ext-machine-"))
        self.journal = self.folder / "journal"
        self.foreign: set[str] = set()

    def subjects(self) -> list[Subject]:
        return list(self.sandbox.database.subjects.values())

    def recorded(self) -> dict[str, tuple[bool, str | None]]:
        """Return whether each row in the journal is done, and its problem."""
        if not self.journal.exists():
            return {}
        with closing(sqlite3.connect(self.journal)) as database:
            try:
                found = database.execute("SELECT key, done, problem FROM rows").fetchall()
            except sqlite3.OperationalError:  # killed before the tables were created
                return {}
        return {key: (bool(done), problem) for key, done, problem in found}

    def done(self) -> set[str]:
        return {key for key, (done, _) in self.recorded().items() if done}

    def recorded_states(self) -> dict[str, Any]:
        """Return the state or receipt of each row in the journal that has been started."""
        if not self.recorded():
            return {}
        with closing(sqlite3.connect(self.journal)) as database:
            found = database.execute("SELECT key, state FROM rows WHERE state IS NOT NULL")
            return {key: json.loads(state) for key, state in found}

    def run(self, plan: Plan, outage: int, rows: int, again: bool) -> None:
        before = self.start(again)
        options = {"max_in_flight": rows, "outage_timeout": 60.0 if outage < 4 else 0.0}
        if plan.operation == CRITICAL:
            plan = evolve(plan, operation=self.critical)
        with self.disturbed(plan) as haut:
            if outage:
                self.sandbox.faults.add("*", OUTAGE, times=outage, skip=3)
            try:
                report = self.call(haut, {**options, **self.options(again)})
            except (BulkStopped, KeyboardInterrupt):
                pass
            else:
                self.check_report(report, before)
        self.check(before)

    @rule(
        critical=st.booleans(),
        number=st.integers(1, 20),
        again=st.sampled_from([False] * 5 + [True]),
    )
    def kill(self, critical: bool, number: int, again: bool) -> None:
        """Kill the process of a run when a request arrives."""
        if critical:
            number = 1 + number % 3
        type(self).calls += 1
        before = self.start(again)
        operation = self.critical if critical else "*"
        self.start_process({"max_in_flight": 2, **self.options(again)}, number, operation)
        self.check(before)

    def start_process(self, options: dict[str, Any], number: int = 0, operation: str = "*") -> None:
        """Run in another process, and kill it when a request with this number arrives."""
        credentials = dict(self.sandbox.credentials)
        arguments = (type(self).work, credentials, self.items, self.journal, options)
        process = processes.Process(target=run_in_process, args=arguments)
        arrived, lock = 0, threading.Lock()

        def count(request: Request) -> None:
            nonlocal arrived
            with lock:
                arrived += operation in ("*", request.operation)
                if arrived == number and process.pid is not None:
                    with suppress(ProcessLookupError):  # the request is of an earlier run
                        os.kill(process.pid, signal.SIGKILL)

        self.sandbox.before_request = count
        process.start()
        process.join()
        self.sandbox.before_request = None
        assert process.exitcode in (0, STOPPED, -signal.SIGKILL)

    def start(self, again: bool) -> set[str]:
        return self.done()

    def options(self, again: bool) -> dict[str, Any]:
        return {}

    def call(self, haut: Haut, options: dict[str, Any]) -> BulkReport:
        raise NotImplementedError

    def check_report(self, report: BulkReport, before: set[str]) -> None:
        problems = {key for key, (_, problem) in self.recorded().items() if problem}
        listed = report.problems and list(csv.DictReader(report.problems.open()))
        assert len(listed or []) == len(problems)
        assert report.complete == (not problems)
        assert report.skipped == len(before)
        assert report.done == len(self.done() - before)
        bad = report.bad + report.changed + report.failed + report.unknown
        assert report.done + report.skipped + bad == len(self.items)
        assert bad == len(problems)

    def check(self, before: set[str]) -> None:
        assert before <= self.done(), "a completed row is no longer recorded as done"

    def teardown(self) -> None:
        try:
            if hasattr(self, "items"):
                self.finish()
        finally:
            shutil.rmtree(self.folder)

    def finish(self) -> None:
        raise NotImplementedError


class BulkUploadMachine(BulkMachine):
    """Uploads the photos of four rows, two of which have the same subject.

    Attributes:
        allowed: Number of analyses of each row that the caller has requested, by row.
    """

    critical = "compute_batch"
    work = staticmethod(upload)
    run_disturbed = disturbed_runs(CHANGES)(BulkMachine.run)

    @initialize(sides=st.integers(1, 2))
    def write_photos(self, sides: int) -> None:
        self.allowed = dict.fromkeys("abcd", 1)
        for name in ("front.jpg", "right.jpg"):
            (self.folder / name).write_bytes(PHOTO)
        self.items = [
            {"subject": subject, "row": row, "front": str(self.folder / "front.jpg")}
            for row, subject in zip("abcd", ["one", "two", "two", "three"], strict=True)
        ]
        if sides == 2:
            self.items[1]["right"] = str(self.folder / "right.jpg")
        for item in self.items:
            item["meta"] = json.dumps({"row": item["row"]})

    def options(self, again: bool) -> dict[str, Any]:
        return {"compute_again": again}

    def start(self, again: bool) -> set[str]:
        for row, state in self.recorded_states().items():
            self.allowed[row] += again and state["compute"] == "unknown"
        return self.done()

    def call(self, haut: Haut, options: dict[str, Any]) -> BulkReport:
        return bulk_upload(haut, self.items, journal=self.journal, **options)

    def computations(self) -> dict[str, int]:
        """Return the number of analyses that the service has started, by row."""
        counts = dict.fromkeys("abcd", 0)
        database = self.sandbox.database
        with database.lock:
            for subject in database.subjects.values():
                for batch in subject.batches.values():
                    rows = {it.meta["row"] for it in batch.images.values() if it.meta}
                    assert len(rows) <= 1, "photos of several rows are in one batch"
                    for row in rows:
                        counts[row] += batch.computes
        return counts

    def check(self, before: set[str]) -> None:
        super().check(before)
        counts = self.computations()
        for row, count in counts.items():
            assert count <= self.allowed[row], "an analysis was started more than once"
        states = self.recorded_states()
        for row, count in counts.items():
            state = states.get(row, {"compute": "not sent"})
            assert (count >= 1) <= (state["compute"] != "not sent"), "an analysis was forgotten"
            assert (state["compute"] == "started") <= (count >= 1), "no analysis was started"
        for row in self.done():
            assert counts[row] >= 1, "a row is done without an analysis"

    def finish(self) -> None:
        """Without faults, each row can be completed, and each photo is stored once."""
        for again in (False, True):
            self.start(again)
            report = upload(
                self.sandbox.credentials, self.items, self.journal, {"compute_again": again}
            )
            assert report.bad == report.changed == report.failed == 0, str(report)
            assert again or report.unknown + report.done + report.skipped == len(self.items)
            self.check(self.done())
        assert report.complete, str(report)
        names = sorted(subject.name for subject in self.subjects())
        assert names == ["one", "three", "two"], "a subject was created twice, or is missing"
        images = [
            image
            for image in self.sandbox.database.images.values()
            if image.id not in self.foreign and image.key in self.sandbox.database.objects
        ]
        expected = sorted(
            (item["row"], side)
            for item in self.items
            for side in ("front", "right")
            if side in item
        )
        stored = sorted((it.meta["row"], {1: "front", 2: "right"}.get(it.side)) for it in images)
        assert [row for row, _ in stored] == [row for row, _ in expected], "a photo is missing"


def delete_image(machine: BulkMachine) -> None:
    database = machine.sandbox.database
    with database.lock:
        for subject in machine.subjects()[:1]:
            for image in list(subject.images.values())[:1]:
                database.delete_image(image)


def delete_batch(machine: BulkMachine) -> None:
    database = machine.sandbox.database
    with database.lock:
        for subject in machine.subjects()[-1:]:
            for batch in list(subject.batches.values())[:1]:
                database.delete_batch(batch)


def delete_subject(machine: BulkMachine) -> None:
    database = machine.sandbox.database
    with database.lock:
        for subject in machine.subjects()[:1]:
            database.delete_subject(subject)
            machine.foreign.add(subject.id)


DELETIONS: dict[str, Action] = {
    "delete an image": delete_image,
    "delete a batch": delete_batch,
    "delete a subject": delete_subject,
}


def create_namesake(machine: BulkMachine) -> None:
    with machine.sandbox.database.lock:
        machine.sandbox.database.create_subject(machine.items[1])


def rename(machine: BulkMachine) -> None:
    for subject in list(machine.sandbox.database.subjects.values()):
        if subject.name == machine.items[1]:
            subject.name = "renamed"
            break


NAME_CHANGES: dict[str, Action] = {"create a namesake": create_namesake, "rename": rename}


class BulkErasureMachine(BulkMachine):
    """Erases three of four subjects, which are named by their ids, their names or both.

    The list also contains an id and a name that do not exist, and a name that two subjects have.

    Attributes:
        targets: Ids of the three subjects.
        foreign: Ids of the subjects that the other client has deleted.
        unseen: Ids of those that no run had requested before.
        recorded_names: Subjects of the names that runs have erased, or were to erase, by key.
    """

    actions: ClassVar[dict[str, Action]] = {**CHANGES, **DELETIONS, **NAME_CHANGES}

    critical = "delete_subject"
    work = staticmethod(erase)
    run_disturbed = disturbed_runs(actions)(BulkMachine.run)

    @initialize(images=st.integers(0, 2))
    def create(self, images: int) -> None:
        subjects = self.sandbox.add_subjects(4)
        for subject in subjects:
            self.sandbox.add_images(subject, images, PHOTO)
        with self.sandbox.database.lock:
            for _ in range(2):
                self.sandbox.database.create_subject("twin")
        one, two, three, _ = subjects
        self.unknown = str(self.sandbox.database.new_id())
        self.items = [one.id, two.name, three.name, three.id, self.unknown, "nobody", "twin"]
        self.targets = [one.id, two.id, three.id]
        self.initial = set(self.sandbox.database.subjects)
        self.unseen: set[str] = set()
        self.recorded_names: dict[str, list[str]] = {}
        self.others = self.all_but_the_targets()

    def all_but_the_targets(self) -> list[Any]:
        kept = self.initial - {*self.targets}
        return [it for it in self.sandbox.snapshot()["subjects"] if it["id"] in kept]

    @rule(change=st.sampled_from([*DELETIONS, *NAME_CHANGES]))
    def change(self, change: str) -> None:
        before = self.foreign.copy()
        self.actions[change](self)
        requested = [request.path for request in self.sandbox.requests]
        for subject_id in self.foreign - before:
            if not any(subject_id in path for path in requested):
                self.unseen.add(subject_id)

    def options(self, again: bool) -> dict[str, Any]:
        return {"plan_first": again}

    def call(self, haut: Haut, options: dict[str, Any]) -> BulkReport:
        return erase_with(haut, self.items, self.journal, options)

    def subjects(self) -> list[Subject]:
        return [it for it in super().subjects() if it.id in self.targets]

    def summary(self) -> list[dict[str, str]]:
        path = self.folder / "receipts" / "summary.csv"
        return list(read_summary(path)) if path.exists() else []

    def check_report(self, report: BulkReport, before: set[str]) -> None:
        lines = self.summary()
        assert list(dict.fromkeys(line["input"] for line in lines)) == self.items
        counted = report.done + report.skipped + report.bad + report.changed + report.failed
        assert counted == len(lines)
        assert report.done == len(self.done() - before)
        assert not report.complete
        for line in lines:
            erased = line["subject_id"] in self.done()
            assert (line["verified"] == "yes") == erased, "the summary differs from the journal"

    def check(self, before: set[str]) -> None:
        super().check(before)
        existing = set(self.sandbox.database.subjects)
        done = self.done()
        assert not done & existing, "a subject is recorded as erased, but exists"
        never_observed = {self.unknown, *self.unseen}
        assert not done & never_observed, "a subject is recorded as erased, but was never observed"
        assert self.all_but_the_targets() == self.others, "data of another subject was deleted"
        states = self.recorded_states()
        for key, state in states.items():
            if key.startswith("name ") and state["erase"]:
                named = self.recorded_names.setdefault(key, state["subject_ids"])
                assert named == state["subject_ids"], "a name stands for another subject"
                assert len(named) == 1, "one of several subjects of a name was erased"
        chosen = {self.items[0], self.items[3], *chain(*self.recorded_names.values())}
        deleted = set(self.targets) - existing - self.foreign
        assert deleted | done <= chosen, "a subject was erased that no row names"
        assert deleted <= set(states), "a subject was deleted, but the journal has no receipt"
        assert all(states[key]["observed"] for key in deleted)
        for path in (self.folder / "receipts").glob("*.json"):
            receipt = json.loads(path.read_text())
            subject_id = receipt["subject_id"]
            assert not (receipt["verified"] and subject_id in existing | never_observed)
            assert receipt["verified"] <= (subject_id in done), "the journal forgot an erasure"
        for line in self.summary():
            assert line["verified"] == "no" or line["subject_id"] in done

    def finish(self) -> None:
        """Without faults, each named subject is erased, and the summary has all rows."""
        with Haut(**self.sandbox.credentials, verify=SSL_CONTEXT) as haut:
            plan = plan_erasure(haut, self.items, journal=self.journal)
        before = self.done()
        report = erase(self.sandbox.credentials, self.items, self.journal, {})
        assert report.failed == 0, str(report)
        assert {*map(str, plan.subject_ids)} == self.done() - before
        self.check(self.done())
        self.check_report(report, before)
        renamed = {it.id for it in self.subjects() if it.name == "renamed"}
        ambiguous = {it["subject_id"] for it in self.summary() if "one of " in it["remark"]}
        assert {it.id for it in self.subjects()} <= {self.targets[1]} & (renamed | ambiguous)
        receipts = [
            json.loads(path.read_text()) for path in (self.folder / "receipts").glob("*.json")
        ]
        assert sorted(it["subject_id"] for it in receipts) == sorted(self.done())
        assert all(receipt["verified"] for receipt in receipts)
        if not any(it["input"] == self.items[1] and it["subject_id"] for it in self.summary()):
            return  # no subject had the name
        create_namesake(self)
        existing = set(self.sandbox.database.subjects)
        repeated = erase(self.sandbox.credentials, self.items, self.journal, {})
        self.check(self.done())
        assert (repeated.done, repeated.failed) == (0, 0), str(repeated)
        assert set(self.sandbox.database.subjects) == existing, "a namesake was erased"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_INITIAL_PAUSE", "_MAX_PAUSE"):
        monkeypatch.setattr(rate_limiter, name, 0.001)


def test_bulk_upload_machine() -> None:
    run_machine(BulkUploadMachine, examples=20, steps=4)


def test_bulk_erasure_machine() -> None:
    run_machine(BulkErasureMachine, examples=8, steps=4)
