"""State machine of erasures that are disturbed, stopped, continued and verified again."""

from __future__ import annotations

import asyncio
import re
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from haut_ext import ErasureIncomplete, ErasureReceipt, Haut, NotFound, VerificationIncomplete
from haut_ext.sandbox import faults
from haut_ext.sandbox.records import Image, Subject
from tests.machines.harness import Action, Plan, SandboxMachine, plans, run_machine

# After an interruption, the client leaves its open connections to the garbage collector.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]

PHOTO = b"a photo"
MAX_REQUESTS = 1000
REMAINING_RESULTS = faults.status(
    200, b'{"face_skin_metrics_3": {}}', content_type="application/json"
)


def add_batch(machine: ErasureMachine) -> None:
    if machine.target.id in machine.sandbox.database.subjects:
        for image in machine.sandbox.add_images(machine.target, 2, photo=PHOTO):
            machine.added[image.id] = machine.added[image.batch.id] = machine.arrived


def set_meta(machine: ErasureMachine) -> None:
    with machine.sandbox.database.lock:
        machine.target.meta = {"skin": "dry"}
    machine.added["meta"] = machine.arrived


def rename(machine: ErasureMachine) -> None:
    with machine.sandbox.database.lock:
        machine.target.name += "x"


def delete_image(machine: ErasureMachine) -> None:
    database = machine.sandbox.database
    with database.lock:
        for image in list(machine.target.images.values())[:1]:
            database.delete_image(image)


def delete_batch(machine: ErasureMachine) -> None:
    database = machine.sandbox.database
    with database.lock:
        for batch in list(machine.target.batches.values())[:1]:
            database.delete_batch(batch)


def delete_subject(machine: ErasureMachine) -> None:
    database = machine.sandbox.database
    with database.lock:
        if machine.target.id in database.subjects:
            database.delete_subject(machine.target)


CHANGES: dict[str, Action] = {
    "add a batch": add_batch,
    "set meta": set_meta,
    "rename": rename,
    "delete an image": delete_image,
    "delete a batch": delete_batch,
    "delete the subject": delete_subject,
}


class ErasureMachine(SandboxMachine):
    """Erases one subject again and again, with and without the stored receipt.

    Attributes:
        target: The subject to erase.
        stored: JSON of the receipt that is on disk. None if it was lost, or does not exist.
        added: Index of the request before which another client has added an item, by its id.
    """

    actions: ClassVar[dict[str, Action]] = CHANGES
    target: Subject
    others: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self.stored: str | None = None
        self.was_created_again = False
        self.added: dict[str, int] = {}

    @initialize(images=st.integers(0, 3))
    def create(self, images: int) -> None:
        self.target, other = self.sandbox.add_subjects(2)
        with self.sandbox.database.lock:
            elsewhere = self.sandbox.database.create_dataset("elsewhere")
            self.foreign = self.sandbox.database.create_subject("foreign", dataset=elsewhere)
            self.target.meta = {"skin": "dry"}
        for subject in (self.target, other, self.foreign):
            self.sandbox.add_images(subject, images, photo=PHOTO)
        self.others = self.all_but_the_target()

    @property
    def arrived(self) -> int:
        """Number of requests that the sandbox has received."""
        return len(self.sandbox.requests)

    def all_but_the_target(self) -> dict[str, Any]:
        snapshot = self.sandbox.snapshot()
        subjects = [it for it in snapshot["subjects"] if it["id"] != self.target.id]
        return {**snapshot, "subjects": subjects}

    @rule(change=st.sampled_from(list(CHANGES)))
    def change(self, change: str) -> None:
        CHANGES[change](self)

    @rule()
    def lose_the_receipt(self) -> None:
        self.stored = None

    @rule()
    def create_again(self) -> None:
        """Create the subject again, with the same id."""
        with self.sandbox.database.lock:
            self.sandbox.database.subjects.setdefault(self.target.id, self.target)
            self.target.dataset.subjects.setdefault(self.target.id, self.target)
        self.added["meta"] = self.arrived
        self.was_created_again = True

    @rule(
        plan=plans(list(CHANGES)),
        keep=st.booleans(),
        results=st.booleans(),
        asynchronous=st.booleans(),
    )
    def erase(self, plan: Plan, keep: bool, results: bool, asynchronous: bool) -> None:
        earlier = self.stored and ErasureReceipt.from_json(self.stored)
        first = self.arrived
        existed = self.target.id in self.sandbox.database.subjects
        with self.disturbed(plan) as haut:
            if results:
                self.sandbox.faults.add("get_batch_results_v3", REMAINING_RESULTS)
            receipt = self.erase_with(
                haut, keep=keep, earlier=earlier or None, asynchronous=asynchronous
            )
        changed = [r for r in self.sandbox.requests[first:] if r.method == "DELETE"]
        assert self.arrived - first < MAX_REQUESTS
        if receipt is None:
            assert changed == [], "something was deleted before the subject was observed"
            return
        if not receipt.observed:
            assert changed == []
        if receipt.observed and not (earlier and earlier.observed):
            assert existed
        self.check_receipt(receipt, first)

    @precondition(lambda self: self.stored is not None)
    @rule(
        plan=plans(list(CHANGES)),
        undisturbed=st.booleans(),
        results=st.booleans(),
        asynchronous=st.booleans(),
    )
    def verify(self, plan: Plan, undisturbed: bool, results: bool, asynchronous: bool) -> None:
        """Verify the erasure again with the stored receipt."""
        earlier = ErasureReceipt.from_json(self.stored or "")
        first = self.arrived
        with self.disturbed(Plan() if undisturbed else plan) as haut:
            if results:
                self.sandbox.faults.add("get_batch_results_v3", REMAINING_RESULTS)
            receipt = self.verify_with(haut, earlier, asynchronous=asynchronous)
        assert {request.method for request in self.sandbox.requests[first:]} <= {"PATCH", "GET"}
        assert len(receipt.verifications) == len(earlier.verifications) + 1
        assert [step.name for step in receipt.steps[: len(earlier.steps) + 1]] == [
            *(step.name for step in earlier.steps),
            "verification",
        ]
        answers = {
            step.name: step.status for step in receipt.verifications[-1] if step.is_conclusive
        }
        for check in receipt.checks:
            found = answers.get(check, "found" if check in earlier.findings else "done") == "found"
            assert (check in receipt.findings) == found, f"the {check} was forgotten"
        if not earlier.verified and receipt.verified:
            assert answers or earlier.checks != receipt.checks
        if undisturbed:
            self.check_answers(answers, receipt, results=results)
        if len(answers) == 4:
            self.check_receipt(receipt, first)

    def check_answers(
        self, answers: dict[Any, Any], receipt: ErasureReceipt, *, results: bool
    ) -> None:
        """Without faults, the checks find what the service has."""
        database = self.sandbox.database
        present = self.target.id in database.subjects
        remaining = self.target.meta is not None if receipt.keep_subject else True
        expected = {
            receipt.checks[0]: present and remaining,
            "images check": present and bool(self.target.images),
            "batches check": present and bool(self.target.batches),
        }
        for check, found in expected.items():
            assert answers[check] == ("found" if found else "done"), check
        if results and receipt.batches:
            assert answers["results check"] == "found"

    def verify_with(
        self, haut: Haut, earlier: ErasureReceipt, *, asynchronous: bool
    ) -> ErasureReceipt:
        """Verify the erasure, and return the receipt that was stored last."""
        saved: list[ErasureReceipt] = []

        def save(receipt: ErasureReceipt) -> None:
            assert receipt.continues(saved[-1] if saved else earlier)
            saved.append(receipt)
            self.stored = receipt.to_json()

        try:
            if asynchronous:
                returned = self.call_async(
                    haut, lambda client: client.verify_erasure(earlier, on_step=save)
                )
            else:
                returned = haut.verify_erasure(earlier, on_step=save)
            assert returned == saved[-1]
            assert len(returned.verifications[-1]) == 5
        except VerificationIncomplete as error:
            stopped = error.receipt
            assert stopped == saved[-1]
            assert any(not it.is_conclusive for it in stopped.verifications[-1][1:])
        except (KeyboardInterrupt, asyncio.CancelledError):
            pass
        return saved[-1]

    def erase_with(
        self, haut: Haut, *, keep: bool, earlier: ErasureReceipt | None, asynchronous: bool
    ) -> ErasureReceipt | None:
        """Erase the subject, and return the receipt that was stored last, if the call stored one."""
        saved: list[ErasureReceipt] = []

        def save(receipt: ErasureReceipt) -> None:
            assert receipt.continues(saved[-1] if saved else earlier or receipt)
            saved.append(receipt)
            self.stored = receipt.to_json()

        try:
            returned = self.call_erase(
                haut,
                self.target.id,
                asynchronous=asynchronous,
                keep_subject=keep,
                receipt=earlier,
                on_step=save,
            )
            assert returned == saved[-1]
        except ErasureIncomplete as error:
            stopped = error.receipt
            assert stopped == saved[-1]
            assert not stopped.verified
        except NotFound as error:
            self.check_not_found(error)
            assert saved == []
            assert self.target.id not in self.sandbox.database.subjects
        except (KeyboardInterrupt, asyncio.CancelledError):
            pass
        return saved[-1] if saved else None

    def call_erase(
        self, haut: Haut, subject_id: UUID | str, *, asynchronous: bool, **arguments: Any
    ) -> ErasureReceipt:
        if not asynchronous:
            return haut.erase_subject(subject_id, **arguments)
        return self.call_async(haut, lambda client: client.erase_subject(subject_id, **arguments))

    def check_not_found(self, error: NotFound) -> None:
        assert error.confirmed

    def check_receipt(self, receipt: ErasureReceipt, first: int) -> None:
        assert ErasureReceipt.from_json(receipt.to_json()) == receipt
        known = {str(image) for batch in receipt.batches for image in batch.image_ids}
        requests = self.sandbox.requests
        for request in requests[first:]:
            if request.operation == "delete_image":
                [image_id] = re.findall(r"/images/([0-9a-f-]{36})/", request.path)
                assert image_id in known, "an image was deleted before the receipt was stored"
        text = str(receipt)
        if receipt.verified:
            results = {step.name: step.status for step in receipt.steps if step.is_conclusive}
            for check in receipt.checks:
                assert results[check] == "done", f"the {check} was forgotten"
            assert self.remaining(receipt) == []
            assert "yes, every check was made" in text
        else:
            assert "yes, every check" not in text
        gone = "already gone" in [step.status for step in receipt.steps]
        if gone and not self.was_created_again:
            assert self.target.id not in self.sandbox.database.subjects

    def remaining(self, receipt: ErasureReceipt) -> list[str]:
        """Return what is left of the subject, except for what was added after the last check."""

        requests = self.sandbox.requests

        def last(operation: str) -> int:
            matching = (n for n, request in enumerate(requests) if request.operation == operation)
            return max(matching, default=-1)

        database = self.sandbox.database
        with database.lock:
            subject = database.subjects.get(self.target.id)
            own = list(subject.images.values()) if subject else []
            orphans = [image for image in database.images.values() if image.subject is self.target]
            left = [image.id for image in {*own, *orphans} if not self.late(image, last)]
            left += [key for key in database.objects if self.is_left(key, last)]
            if subject is None:
                return left
            if not receipt.keep_subject:
                return [*left, subject.id]
            if subject.meta is not None and self.added.get("meta", -1) <= last("update_subject"):
                left.append("meta")
            for batch in subject.batches.values():
                if self.added.get(batch.id, -1) <= last("list_batches"):
                    left.append(batch.id)
        return left

    def late(self, image: Image, last: Any) -> bool:
        return self.added.get(image.id, -1) > int(last("list_images"))

    def is_left(self, key: str, last: Any) -> bool:
        if self.target.id not in key:
            return False
        image_id = key.rpartition("/")[2]
        return self.added.get(image_id, -1) <= int(last("list_images"))

    @rule(plan=plans(), foreign=st.booleans(), asynchronous=st.booleans())
    def erase_what_is_not_there(self, plan: Plan, foreign: bool, asynchronous: bool) -> None:
        """Erase an unknown subject, or one of another dataset, and complete the erasure."""
        subject_id = self.foreign.id if foreign else uuid4()
        receipt: ErasureReceipt | None = None
        first = self.arrived
        for _ in range(2):
            with self.disturbed(plan) as haut:
                try:
                    receipt = self.call_erase(
                        haut, subject_id, asynchronous=asynchronous, receipt=receipt
                    )
                    raise AssertionError("an erasure of nothing was completed")
                except ErasureIncomplete as error:
                    receipt = error.receipt
                except NotFound as error:
                    self.check_not_found(error)
                except (KeyboardInterrupt, asyncio.CancelledError):
                    pass
            assert receipt is None or not receipt.observed
        assert {request.method for request in self.sandbox.requests[first:]} <= {"PATCH", "GET"}

    def check_others(self) -> None:
        assert self.all_but_the_target() == self.others

    def teardown(self) -> None:
        """Without faults, the erasure can be completed."""
        if not hasattr(self, "others"):
            return
        with self.disturbed(Plan()) as haut:
            receipt = self.stored and ErasureReceipt.from_json(self.stored)
            present = self.target.id in self.sandbox.database.subjects
            try:
                receipt = haut.erase_subject(self.target.id, receipt=receipt or None)
            except NotFound:
                assert not present
                assert not (receipt and receipt.observed)
            else:
                assert receipt.verified, str(receipt)
        assert UUID(self.target.id) not in map(UUID, self.sandbox.database.subjects)
        assert [key for key in self.sandbox.database.objects if self.target.id in key] == []
        self.check_others()


def test_erasure_machine() -> None:
    run_machine(ErasureMachine, examples=20, steps=8)
