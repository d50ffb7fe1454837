"""State machines of waits for results, and of tables with the results of many subjects."""

from __future__ import annotations

import asyncio
import csv
import json
from collections import Counter
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from haut_ext import (
    AnalysisTimeout,
    AsyncHaut,
    BatchResults,
    ConfigError,
    Haut,
    HautError,
    NotFound,
    ResultsTimeout,
    UploadedBatch,
    UploadedImage,
)
from haut_ext.algorithm_families import FAMILIES, PARAMETERS
from haut_ext.analysis_results import Api
from haut_ext.analysis_results.rows import Row
from haut_ext.bulk import BulkReport, bulk_results, bulk_upload, rate_limiter
from haut_ext.csv_cells import unmarked
from haut_ext.sandbox.algorithms import FACE_SKIN_METRICS_2, FACE_SKIN_METRICS_3
from haut_ext.sandbox.records import Image
from tests.machines.bulk_process import results
from tests.machines.harness import (
    ANALYSIS_SECONDS,
    Action,
    Plan,
    SandboxMachine,
    complete_analyses,
    plans,
    run_machine,
)
from tests.machines.test_bulk_machine import DELETIONS, PHOTO, BulkMachine, disturbed_runs

# After an interruption, the client leaves its open connections to the garbage collector.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]

ACNE = "selfie_v2.acne"
APPLICATIONS = {"v1": FACE_SKIN_METRICS_2, "v3": FACE_SKIN_METRICS_3}
WITH_METRICS = {family.name for family in FAMILIES if family.areas} | {
    parameter.name for parameter in PARAMETERS
}
"""Families and parameters that have rows in a table."""


def outcomes(image: Image) -> dict[str, str | None]:
    """Return the error of each algorithm that has finished on an image."""
    runs = list(image.analysis.runs.values())
    return {name: outcome.error for run in runs for name, outcome in run.outcomes.items()}


def full_names(families: tuple[str, ...]) -> set[str]:
    return {f"selfie_v2.{name.lower().replace('-', '_')}" for name in families}


def is_complete(image: Image) -> bool:
    runs = list(image.analysis.runs.values())
    return bool(runs) and all(run.complete for run in runs)


def start_analysis(machine: SandboxMachine, images: list[Image], api: str = "v1") -> None:
    with machine.sandbox.database.lock:
        for image in images:
            machine.sandbox.state.analyses.start_image(image, APPLICATIONS[api])


def advance(machine: SandboxMachine) -> None:
    """Let some results of all analyses appear."""
    machine.sandbox.clock.advance(0.7 * ANALYSIS_SECONDS)


def fail_acne(machine: SandboxMachine) -> None:
    machine.sandbox.fail_algorithm(ACNE, "=Not full face")


def delete_file(machine: Any) -> None:
    with machine.sandbox.database.lock:
        for subject in machine.subjects()[1:2]:
            machine.sandbox.database.clear_storage(subject)


def capturing(action: Action) -> Action:
    """Let a machine record the finished algorithms before the change deletes them."""

    def act(machine: Any) -> None:
        machine.capture()
        action(machine)

    return act


CHANGES: dict[str, Action] = {
    "complete the analyses": complete_analyses,
    "advance the analyses": advance,
    "fail an algorithm": fail_acne,
    "delete the file": delete_file,
    **{name: capturing(action) for name, action in DELETIONS.items()},
}


class ResultsMixin(SandboxMachine):
    """Records what the sandbox ever returned as results.

    Attributes:
        seen: Error of each algorithm that has finished on an image, by their ids and names.
    """

    sandbox_options: ClassVar[dict[str, Any]] = {"analysis_seconds": ANALYSIS_SECONDS}

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[tuple[str, str], str | None] = {}
        self.foreign: set[str] = set()

    def capture(self) -> None:
        with self.sandbox.database.lock:
            for image in self.sandbox.database.images.values():
                for name, error in outcomes(image).items():
                    self.seen[image.id, name] = error


def add_photo(machine: BulkResultsMachine) -> None:
    for subject in machine.subjects()[:1]:
        images = machine.sandbox.add_images(subject, 1, PHOTO)
        start_analysis(machine, images)
        machine.late.update(image.id for image in images)


class BulkResultsMachine(ResultsMixin, BulkMachine):
    """Writes the results of the same subjects to a table, again and again.

    The items are the arguments that name the subjects. The last subject was never analyzed.

    Attributes:
        late: Ids of the images that were added after the first run of the current journal, or that
            do not belong to the upload whose results are written.
    """

    actions: ClassVar[dict[str, Action]] = {**CHANGES, "add a photo": add_photo}
    critical = "list_image_results"
    work = staticmethod(results)
    run_disturbed = disturbed_runs(actions)(BulkMachine.run)

    @initialize(
        suffix=st.sampled_from([".csv", ".jsonl"]),
        source=st.sampled_from(["subjects", "dataset_id", "journal"]),
    )
    def create(self, suffix: str, source: str) -> None:
        self.table = self.folder / f"table{suffix}"
        self.journal = self.folder / f"table{suffix}.journal"
        self.late: set[str] = set()
        if source == "journal":
            (self.folder / "photo.jpg").write_bytes(PHOTO)
            photo = str(self.folder / "photo.jpg")
            rows = [{"subject": name, "front": photo} for name in ("one", "two", "two", "three")]
            with Haut(**self.sandbox.credentials) as haut:
                bulk_upload(haut, rows, journal=self.folder / "uploads")
            self.items = {"journal": self.folder / "uploads"}
            return
        subjects = self.sandbox.add_subjects(4)
        for number, subject in enumerate(subjects):
            images = self.sandbox.add_images(subject, 1 + number % 2, PHOTO)
            if number < 3:
                start_analysis(self, images)
        ids = [subject.id for subject in subjects]
        dataset = self.sandbox.database.dataset_id
        self.items = {"subjects": ids} if source == "subjects" else {"dataset_id": dataset}

    @rule(change=st.sampled_from(list(actions)))
    def change(self, change: str) -> None:
        self.actions[change](self)

    @rule(number=st.integers(1, 6))
    def kill_before_a_file_changes(self, number: int) -> None:
        """Kill the process of a run before it links, renames or deletes a file."""
        type(self).calls += 1
        before = self.start(again=False)
        options = {"kill": number, **self.options(again=False)}
        self.start_process(options)
        self.check(before)

    def start(self, again: bool) -> set[str]:
        """Move the table of the last run. While it exists, no run begins."""
        if self.table.exists():
            with Haut(**self.sandbox.credentials) as haut:
                number = len(self.sandbox.requests)
                with pytest.raises(ConfigError, match="exists already"):
                    bulk_results(haut, to=self.table, **self.items)
                assert len(self.sandbox.requests) == number
            self.table.unlink()
        if not self.journal.exists() and "journal" not in self.items:
            self.late.clear()
        return set()

    def options(self, again: bool) -> dict[str, Any]:
        return {"wait_timeout": 0, "settled_after": 1000}

    def call(self, haut: Haut, options: dict[str, Any]) -> BulkReport:
        return bulk_results(haut, to=self.table, **self.items, **options)

    def check_report(self, report: BulkReport, before: set[str]) -> None:
        assert self.journal.exists() == bool(report.bad or report.failed)
        lines = self.read_problems(report)
        missing = any(not line["family"] for line in lines)
        assert bool(report.bad or report.failed) == missing, "the report contradicts the list"
        self.check_table(lines)

    def read_problems(self, report: BulkReport) -> list[dict[str, str]]:
        lines = [] if report.problems is None else csv.DictReader(report.problems.open())
        return [unmarked(line) for line in lines]

    def check_table(self, lines: list[dict[str, str]], *, certain: bool = False) -> None:
        """Check that each result is either in the table or in the list of problems.

        If it is certain that nothing disturbed the run, no existing result may be missing.
        """
        self.capture()
        pairs = {(str(row["image"]), str(row["family"])) for row in self.read_table()}
        failed = {(line["image_id"], line["family"]) for line in lines if line["family"]}
        with self.sandbox.database.lock:
            images = list(self.sandbox.database.images.values())
        for image in images:
            listed = any(
                not line["family"]
                and line["subject_id"] == image.subject.id
                and line["batch_id"] in ("", image.batch.id)
                for line in lines
            )
            siblings = image.batch.images.values()
            if certain and all(map(is_complete, siblings)):
                assert not listed, "existing results are listed as missing"
            if listed or image.id in self.late:
                continue
            assert is_complete(image), "results are missing, but not listed as missing"
            for name, error in outcomes(image).items():
                if error is not None:
                    assert (image.id, name) in failed, "a failed algorithm is not listed"
                elif name in WITH_METRICS:
                    assert (image.id, name) in pairs, "a result is lost"

    def check(self, before: set[str]) -> None:
        self.capture()
        if not self.table.exists():
            return
        rows = self.read_table()
        keys = Counter((row["image"], row["family"], row["area"], row["metric"]) for row in rows)
        assert not keys or max(keys.values()) == 1, "a row is doubled"
        for row in rows:
            key = str(row["image"]), str(row["family"])
            assert self.seen.get(key, "") is None, f"the service never returned {key}"
            assert row["number"] or row["category"] or row["number"] == 0

    def read_table(self) -> list[Row]:
        text = self.table.read_text()
        if self.table.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines()]
        return [unmarked(row) for row in csv.DictReader(text.splitlines())]

    def finish(self) -> None:
        """Without faults, the table contains each result that exists, once."""
        complete_analyses(self)
        self.start(again=False)
        with Haut(**self.sandbox.credentials) as haut:
            report = self.call(haut, self.options(again=False))
        self.check(set())
        self.check_table(self.read_problems(report), certain=True)


class WaitMachine(ResultsMixin):
    """Waits for the results of three batches, two of v1 and one of v3."""

    actions: ClassVar[dict[str, Action]] = CHANGES

    @initialize(ages=st.tuples(*[st.sampled_from([None, 0, 6, 20])] * 4))
    def create(self, ages: tuple[int | None, ...]) -> None:
        """Create the batches.

        Args:
            ages: Seconds since the start of the analysis of each image; None if it never started.
        """
        self.batches: list[UploadedBatch] = []
        of_images = iter(ages)
        for number, subject in enumerate(self.sandbox.add_subjects(3)):
            api: Api = "v3" if number == 2 else "v1"
            images = self.sandbox.add_images(subject, 1 + number % 2, PHOTO)
            subject_id, batch_id = UUID(subject.id), UUID(images[0].batch.id)
            uploaded = [
                UploadedImage(UUID(it.id), batch_id, it.side_name, subject_id) for it in images
            ]
            self.batches.append(UploadedBatch(subject_id, batch_id, tuple(uploaded), api=api))
            for image in images:
                if (age := next(of_images)) is not None:
                    start_analysis(self, [image], api)
                    for run in image.analysis.runs.values():
                        run.started -= timedelta(seconds=age)

    def subjects(self) -> list[Any]:
        return list(self.sandbox.database.subjects.values())

    def images_of(self, batch: UploadedBatch) -> list[Image]:
        with self.sandbox.database.lock:
            images = self.sandbox.database.images.values()
            return [image for image in images if image.batch.id == str(batch.batch_id)]

    @rule(change=st.sampled_from(list(CHANGES)))
    def change(self, change: str) -> None:
        CHANGES[change](self)

    @rule(number=st.integers(0, 1))
    def start_an_analysis(self, number: int) -> None:
        start_analysis(self, self.images_of(self.batches[1])[number : number + 1])

    @rule()
    def wait_for_each_batch(self) -> None:
        """Check each batch once without a disturbance, with each kind of completeness."""
        self.capture()
        with self.disturbed(Plan()) as haut:
            for batch in self.batches:
                for wait_for, settled_after in (((), 0.0), ((), 1000.0), (("acne", "age"), 0.0)):
                    options: dict[str, Any] = {
                        "wait_timeout": 0,
                        "settled_after": settled_after,
                        "wait_for": () if batch.api == "v3" else wait_for,
                    }
                    found: Any
                    try:
                        found = haut.wait_for_results(batch, **options)
                    except HautError as error:
                        found = error
                    self.check_wait(batch, found, options, certain=True)

    @rule(number=st.integers(0, 2), at=st.integers(1, 3))
    def wait_while_results_appear(self, number: int, at: int) -> None:
        batch = self.batches[number]
        images = self.images_of(batch)
        if len(images) < len(batch.images) or not all(image.analysis.runs for image in images):
            return
        actions = ((at, "advance the analyses"), (at + 2, "complete the analyses"))
        self.wait(Plan(actions=actions), number, False, False, 0.5, (), 1000.0)

    @rule(
        plan=plans(list(CHANGES), requests=16),
        number=st.sampled_from([0, 1, 1, 2]),
        listed=st.booleans(),
        asynchronous=st.booleans(),
        timeout=st.sampled_from([0.0, 0.0, 0.0, 0.3]),
        wait_for=st.sampled_from([(), (), ("acne",), ("acne", "Eye-Bags")]),
        settled_after=st.sampled_from([0.0, 1000.0]),
    )
    def wait(
        self,
        plan: Plan,
        number: int,
        listed: bool,
        asynchronous: bool,
        timeout: float,
        wait_for: tuple[str, ...],
        settled_after: float,
    ) -> None:
        batch = self.batches[number]
        given = evolve(batch, images=()) if listed else batch
        options: dict[str, Any] = {
            "wait_timeout": timeout,
            "poll_interval": 0.05,
            "settled_after": settled_after,
            "wait_for": () if batch.api == "v3" else wait_for,
        }
        certain = not plan.faults and not plan.actions and plan.interrupt is None
        self.capture()
        with self.disturbed(plan) as haut:
            found: Any
            try:
                if asynchronous:
                    found = self.call_async(haut, lambda it: it.wait_for_results(given, **options))
                else:
                    found = haut.wait_for_results(given, **options)
            except (KeyboardInterrupt, asyncio.CancelledError):
                return
            except HautError as error:
                found = error
        self.check_wait(batch, found, options, certain=certain)

    def check_wait(
        self, batch: UploadedBatch, found: Any, options: dict[str, Any], *, certain: bool
    ) -> None:
        images = self.images_of(batch)
        if isinstance(found, BatchResults):
            self.check_complete(batch, found, options["wait_for"])
        elif isinstance(found, ResultsTimeout):
            self.check_results(batch, found.results)
            assert not found.results.complete
            unfinished = [image for image in images if not is_complete(image)]
            assert not certain or unfinished or not images, "complete results, but a timeout"
            families = full_names(options["wait_for"])
            lacking = {name for name in families for image in images if name not in outcomes(image)}
            assert lacking <= set(found.missing), "a missing family is not named"
            assert not certain or not images or lacking == set(found.missing)
        elif isinstance(found, NotFound):
            gone = len(images) < len(batch.images)
            assert gone or not found.confirmed, "an existing batch was reported as missing"
        else:
            assert not certain, f"{found!r} without a fault"

    def check_complete(
        self, batch: UploadedBatch, found: BatchResults, wait_for: tuple[str, ...]
    ) -> None:
        self.check_results(batch, found)
        assert found.complete
        by_image: dict[str, set[str]] = {}
        for result in found:
            by_image.setdefault(str(result.image_id), set()).add(result.family)
        if batch.api == "v3":
            assert found.completeness == "reported"
        for image in self.images_of(batch):
            if batch.api == "v3" or found.completeness == "reported":
                assert is_complete(image), "incomplete results were reported as complete"
            if batch.api == "v1" and wait_for:
                assert found.completeness == "wait_for"
                expected = full_names(wait_for)
                found_families = by_image.get(image.id, set())
                assert expected <= found_families, "a family is missing in complete results"
            elif batch.api == "v1":
                assert image.id in by_image, "an image without results was reported as complete"

    def check_results(self, batch: UploadedBatch, found: BatchResults) -> None:
        """Check that each result is one that the service returned, and that none is doubled."""
        self.capture()
        keys = Counter((str(result.image_id), result.family) for result in found)
        assert not keys or max(keys.values()) == 1, "a result is doubled"
        for result in found:
            if batch.api == "v3":
                ids = [str(image.image_id) for image in batch.images]
                assert all((image, result.family) in self.seen for image in ids)
                continue
            error = self.seen[str(result.image_id), result.family]
            assert (result.is_ok, result.error) == (error is None, error)

    @rule(plan=plans(list(CHANGES), requests=16), timeout=st.sampled_from([0.0, 0.0, 0.3]))
    def wait_for_all_batches_at_once(self, plan: Plan, timeout: float) -> None:
        options: dict[str, Any] = {
            "wait_timeout": timeout,
            "poll_interval": 0.05,
            "settled_after": 1000.0,
        }

        async def call(haut: AsyncHaut) -> list[Any]:
            waits = [haut.wait_for_results(batch, **options) for batch in self.batches]
            return await asyncio.gather(*waits, return_exceptions=True)

        with self.disturbed(plan) as haut:
            try:
                found = self.call_async(haut, call)
            except (KeyboardInterrupt, asyncio.CancelledError):
                return
        certain = not plan.faults and not plan.actions and plan.interrupt is None
        for batch, each in zip(self.batches, found, strict=True):
            if not isinstance(each, asyncio.CancelledError):
                self.check_wait(batch, each, {"wait_for": ()}, certain=certain)

    @rule(plan=plans(list(CHANGES), requests=16), number=st.integers(0, 2))
    def wait_for_analysis(self, plan: Plan, number: int) -> None:
        batch = self.batches[number]
        with self.disturbed(plan) as haut:
            try:
                images = haut.wait_for_analysis(batch, wait_timeout=0)
            except AnalysisTimeout:
                return
            except (KeyboardInterrupt, HautError) as error:
                gone = len(self.images_of(batch)) < len(batch.images)
                if isinstance(error, NotFound) and error.confirmed and not gone:
                    raise
                return
        assert {str(image.id) for image in images} == {str(it.image_id) for it in batch.images}
        assert all(outcomes(image) for image in self.images_of(batch))

    def teardown(self) -> None:
        """Without faults, a wait for a started analysis ends with all results."""
        if not hasattr(self, "batches"):
            return
        complete_analyses(self)
        with self.disturbed(Plan()) as haut:
            for batch in self.batches:
                images = self.images_of(batch)
                started = all(image.analysis.runs for image in images)
                files = all(image.key in self.sandbox.database.objects for image in images)
                if len(images) == len(batch.images) and started and files:
                    found = haut.wait_for_results(batch, 0, settled_after=1000)
                    self.check_complete(batch, found, ())
                    assert found.completeness == "reported"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_INITIAL_PAUSE", "_MAX_PAUSE"):
        monkeypatch.setattr(rate_limiter, name, 0.001)


def test_bulk_results_machine() -> None:
    run_machine(BulkResultsMachine, examples=10, steps=4)


def test_wait_machine() -> None:
    run_machine(WaitMachine, examples=20, steps=6)
