"""State machine of uploads that are disturbed, stopped and resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from attrs import define, field
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from haut_ext import Api, Haut, Side, UploadedBatch, UploadIncomplete, UploadState
from haut_ext.sandbox.records import Image, Subject
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

PHOTO = jpeg()
SIDES: list[Side] = ["front", "right", "left"]
# After a timeout, the sandbox may carry out a request during a later call, which makes it impossible
# to tell which upload has created a record.
NAMES = [name for name in FAULTS if not name.startswith("stall")]
OPERATIONS = ["*", "*", "compute_batch", "compute_batch_v3", "upload_image"]
LIES = ("false 204", "false 200", "login page")
"""Faults that claim success for a request that was not carried out."""


def add_slot(machine: UploadMachine) -> None:
    machine.act(lambda: machine.sandbox.add_images(machine.subject, 1))


def add_photo(machine: UploadMachine) -> None:
    machine.act(lambda: machine.sandbox.add_images(machine.subject, 1, PHOTO))


def clear_storage(machine: UploadMachine) -> None:
    machine.act(lambda: machine.sandbox.database.clear_storage(machine.subject))


def delete_image(machine: UploadMachine) -> None:
    images = list(machine.subject.images.values())
    if images:
        machine.act(lambda: machine.sandbox.database.delete_image(images[-1]))


CHANGES: dict[str, Action] = {
    "add a slot": add_slot,
    "add a photo": add_photo,
    "clear the storage": clear_storage,
    "delete an image": delete_image,
    "complete the analyses": complete_analyses,
}


@define
class Upload:
    """An upload and what its caller knows about it.

    Attributes:
        sides: Sides of the photos.
        api: API version.
        saved: JSON of the last state that was passed to `on_state`.
        created: Ids of the image records that its calls have created.
        computations: Number of compute requests that the service has carried out.
        allowed: Number of compute requests that the caller has asked for.
        batch: The result, once the upload is complete.
    """

    sides: list[Side]
    api: Api
    saved: str | None = None
    created: set[str] = field(factory=set[str])
    computations: int = 0
    allowed: int = 1
    batch: UploadedBatch | None = None

    @property
    def state(self) -> UploadState:
        """The saved state."""
        assert self.saved is not None
        return UploadState.from_json(self.saved)

    @property
    def reported(self) -> set[str]:
        """Ids of the image records that the caller can find in the state or the result."""
        if self.saved is None:
            return set()
        state = self.state
        ids = {side.image_id for side in state.sides} | set(state.possible_leftovers)
        return {str(image_id) for image_id in ids if image_id is not None}


class UploadMachine(SandboxMachine):
    """Uploads photos of one subject, while another client changes the subject.

    Attributes:
        subject: The subject.
        uploads: All uploads.
        foreign: Ids of the image records that the other client has created.
        deleted: Ids of the image records that the other client has deleted.
        lied: Whether a response has claimed success for a request that was not carried out.
    """

    sandbox_options: ClassVar[dict[str, Any]] = {"analysis_seconds": ANALYSIS_SECONDS}
    actions: ClassVar[dict[str, Action]] = CHANGES
    subject: Subject

    def __init__(self) -> None:
        super().__init__()
        self.uploads: list[Upload] = []
        self.foreign: set[str] = set()
        self.deleted: set[str] = set()
        self.lied = False

    @initialize(earlier=st.integers(0, 2))
    def create(self, earlier: int) -> None:
        [self.subject] = self.sandbox.add_subjects(1)
        for _ in range(earlier):
            add_photo(self)

    def images(self) -> dict[str, Image]:
        with self.sandbox.database.lock:
            return dict(self.sandbox.database.images)

    def act(self, change: Callable[[], object]) -> None:
        """Carry out a change of the other client."""
        with self.sandbox.database.lock:
            before = set(self.images())
            change()
            after = set(self.images())
            for image_id in after - before:
                self.sandbox.database.images[image_id].side = 1
        self.foreign |= after - before
        self.deleted |= before - after

    @rule(change=st.sampled_from(list(CHANGES)))
    def change(self, change: str) -> None:
        CHANGES[change](self)

    @rule(
        plan=plans(list(CHANGES), names=NAMES, operations=OPERATIONS, requests=12),
        api=st.sampled_from(["v1", "v3"]),
        sides=st.lists(st.sampled_from(SIDES), min_size=1, max_size=3, unique=True),
        asynchronous=st.booleans(),
    )
    def upload(self, plan: Plan, api: Api, sides: list[Side], asynchronous: bool) -> None:
        upload = Upload(sides, api)
        self.uploads.append(upload)
        self.call(upload, plan, asynchronous=asynchronous)

    @rule(
        plan=plans(list(CHANGES), names=NAMES, operations=OPERATIONS, requests=12),
        number=st.integers(0, 5),
        again=st.booleans(),
        asynchronous=st.booleans(),
    )
    def resume(self, plan: Plan, number: int, again: bool, asynchronous: bool) -> None:
        saved = [upload for upload in self.uploads if upload.saved is not None]
        if saved:
            upload = saved[number % len(saved)]
            self.call(upload, plan, again=again, asynchronous=asynchronous)

    @rule(
        number=st.integers(0, 5),
        name=st.sampled_from(["reset", "429", "403"]),
        asynchronous=st.booleans(),
    )
    def resume_with_failed_computation(self, number: int, name: str, asynchronous: bool) -> None:
        """Ask for another computation, whose request is lost or rejected."""
        saved = [upload for upload in self.uploads if upload.saved is not None]
        if saved:
            upload = saved[number % len(saved)]
            operation = "compute_batch" if upload.api == "v1" else "compute_batch_v3"
            plan = Plan(faults=((0, name),), operation=operation, retries=0)
            self.call(upload, plan, again=True, asynchronous=asynchronous)

    def call(
        self, upload: Upload, plan: Plan, *, again: bool = False, asynchronous: bool = False
    ) -> None:
        before, carried_out = self.images(), self.carried_out()
        was_unknown = upload.saved is not None and upload.state.compute == "unknown"
        upload.allowed += again and upload.saved is not None
        raised, same = False, True
        try:
            with self.disturbed(plan) as haut:
                try:
                    self.run(upload, haut, again=again, asynchronous=asynchronous)
                finally:
                    fired = {name for _, name in self.sandbox.faults.fired}
                    self.lied |= bool(fired & {FAULTS[name].name for name in LIES})
        except UploadIncomplete as error:
            raised = True
            same = upload.saved is None or error.state == upload.state
            upload.saved = error.state.to_json()
        except (KeyboardInterrupt, asyncio.CancelledError):
            raised = True
        assert same, "the state of the error differs from the state passed to on_state"
        after = self.images()
        upload.computations += self.carried_out() - carried_out
        upload.created |= set(after) - set(before) - self.foreign
        vanished = set(before) - set(after) - self.deleted
        assert vanished <= upload.created, "a record of somebody else was deleted"
        assert raised or upload.batch is not None
        self.check(upload, was_unknown=was_unknown)

    def run(self, upload: Upload, haut: Haut, *, again: bool, asynchronous: bool) -> None:
        def save(state: UploadState) -> None:
            upload.saved = state.to_json()

        if upload.saved is None:
            method: str = "upload_and_compute"
            target: Any = self.subject.id
            arguments: dict[str, Any] = {**dict.fromkeys(upload.sides, PHOTO), "api": upload.api}
        else:
            method, target = "resume_upload", upload.state
            arguments = {**dict.fromkeys(target.missing, PHOTO), "compute_again": again}
        arguments["on_state"] = save
        if asynchronous:
            upload.batch = self.call_async(
                haut, lambda client: getattr(client, method)(target, **arguments)
            )
        else:
            upload.batch = getattr(haut, method)(target, **arguments)

    def carried_out(self) -> int:
        return sum(map(self.sandbox.carried_out, ("compute_batch", "compute_batch_v3")))

    def check(self, upload: Upload, *, was_unknown: bool) -> None:
        assert upload.computations <= upload.allowed, "the analysis was started more than once"
        if upload.saved is None:
            assert not upload.created & set(self.images())
            return
        state = upload.state
        assert not was_unknown or state.compute != "not sent"
        if state.compute == "not sent":
            assert upload.computations == 0
        if self.lied:
            return
        images = self.images()
        unresolved = any(side.status == "unknown" for side in state.sides)
        in_batch = {
            image_id for image_id, it in images.items() if it.batch.id == str(state.batch_id)
        }
        unknown = upload.created & set(images) - upload.reported - in_batch
        assert unresolved or not unknown, "a record was left that no state or report contains"
        if not state.missing:  # otherwise, a v3 upload has possibly begun to delete its batch
            assert upload.reported - self.deleted <= {*images, *self.leftovers(state)}
        if state.compute == "started":
            assert upload.computations >= 1

    def leftovers(self, state: UploadState) -> set[str]:
        return set(map(str, state.possible_leftovers))

    def teardown(self) -> None:
        """Without faults, each upload whose images still exist can be completed."""
        for upload in self.uploads:
            if upload.saved is None:
                continue
            for again in (False, True):
                self.call(upload, Plan(), again=again and upload.state.compute == "unknown")
                if upload.state.compute == "started":
                    break
            assert upload.batch is not None
            assert upload.state.compute == "started"
            if not self.lied:
                left = upload.created & set(self.images())
                assert left <= upload.reported, "a record was left that no state or report contains"


def test_upload_machine() -> None:
    run_machine(UploadMachine, examples=50, steps=8)
