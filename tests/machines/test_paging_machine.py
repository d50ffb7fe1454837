"""State machine of iterations over lists that other clients change between requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from haut_api.api.images import list_images
from haut_api.api.subjects import list_subjects
from haut_ext import AsyncHaut, Haut, HautError, ListChanging
from haut_ext.sandbox import Request
from haut_ext.sandbox.records import Image, Subject
from tests.machines.harness import Action, Plan, SandboxMachine, plans, run_machine

# After an interruption, the client leaves its open connections to the garbage collector.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]

NEWEST_FIRST = "images, newest first"
LISTS = ["subjects", "images", NEWEST_FIRST]
MAX_PASSES = 10


def create(machine: PagingMachine) -> None:
    machine.create(1)


def delete_first(machine: PagingMachine) -> None:
    machine.delete(0)


def delete_in_the_middle(machine: PagingMachine) -> None:
    machine.delete(len(machine.items()) // 2)


def delete_last(machine: PagingMachine) -> None:
    machine.delete(-1)


def replace_first(machine: PagingMachine) -> None:
    machine.delete(0)
    machine.create(1)


def replace_first_for_a_while(machine: PagingMachine) -> None:
    """Replace the first item by one that is deleted before the next request."""
    replace_first(machine)
    machine.temporary = True


CHANGES: dict[str, Action] = {
    "create": create,
    "delete the first": delete_first,
    "delete one in the middle": delete_in_the_middle,
    "delete the last": delete_last,
    "replace the first": replace_first,
    "replace the first for a while": replace_first_for_a_while,
}


class PagingMachine(SandboxMachine):
    """Iterates over the subjects of a dataset and the images of a subject.

    Attributes:
        list_name: The list of the current iteration, which the other client changes.
        deleted: Ids of all deleted items.
        changes: Number of items that were created and deleted.
        temporary: Whether the last item will be deleted before the next request.
    """

    actions: ClassVar[dict[str, Action]] = CHANGES

    def __init__(self) -> None:
        super().__init__()
        self.list_name = LISTS[0]
        self.deleted: set[str] = set()
        self.changes = 0
        self.temporary = False

    @initialize()
    def create_the_subject_of_the_images(self) -> None:
        [self.subject] = self.sandbox.add_subjects(1)

    def items(self) -> list[Subject | Image]:
        """Return the items of the current list, except for the subject of the images."""
        database = self.sandbox.database
        if self.list_name != "subjects":
            return list(database.images.values())
        return [it for it in database.subjects.values() if it is not self.subject]

    def create(self, count: int) -> None:
        for _ in range(count):
            self.changes += 1
            if self.list_name == "subjects":
                self.sandbox.add_subjects(1)
            else:
                self.sandbox.add_images(self.subject, 1)

    def delete(self, index: int) -> None:
        database = self.sandbox.database
        with database.lock:
            for item in self.items()[index:][:1]:
                if isinstance(item, Image):
                    database.delete_image(item)
                else:
                    database.delete_subject(item)
                self.changes += 1
                self.deleted.add(item.id)

    @rule(
        list_name=st.sampled_from(LISTS),
        size=st.integers(4, 10),
        page_size=st.integers(1, 3),
        changes=st.lists(
            st.tuples(st.integers(0, 14), st.sampled_from(list(CHANGES))), max_size=12
        ),
        asynchronous=st.booleans(),
    )
    def iterate(
        self,
        list_name: str,
        size: int,
        page_size: int,
        changes: list[tuple[int, str]],
        asynchronous: bool,
    ) -> None:
        self.fill(list_name, size)
        self.check(Plan(actions=tuple(changes)), page_size, asynchronous=asynchronous)

    @rule(
        list_name=st.sampled_from(LISTS),
        size=st.integers(0, 10),
        page_size=st.integers(1, 3),
        plan=plans(list(CHANGES), requests=12, max_faults=2, max_actions=4),
        asynchronous=st.booleans(),
    )
    def iterate_with_faults(
        self, list_name: str, size: int, page_size: int, plan: Plan, asynchronous: bool
    ) -> None:
        self.fill(list_name, size)
        self.check(plan, page_size, asynchronous=asynchronous)

    def fill(self, list_name: str, size: int) -> None:
        self.list_name = list_name
        self.create(size - len(self.items()))
        self.sandbox.clock.advance(1)

    def check(self, plan: Plan, page_size: int, *, asynchronous: bool) -> None:
        before = {item.id for item in self.items()}
        first, changes_before = len(self.sandbox.requests), self.changes
        found: list[str] = []
        completed = False
        with self.disturbed(plan) as haut:
            self.advance_the_clock_with_each_request()
            try:
                if asynchronous:
                    self.call_async(haut, lambda client: self.read_async(client, page_size, found))
                else:
                    for item in self.open(haut, page_size):
                        found.append(str(item.id))
                completed = True
            except ListChanging:
                assert self.list_name == NEWEST_FIRST, "the list can be read completely"
                assert self.changes - changes_before >= MAX_PASSES
            except (HautError, KeyboardInterrupt, asyncio.CancelledError):
                assert plan.faults or plan.interrupt, "nothing has disturbed the iteration"
        requests = len(self.sandbox.requests) - first
        changes = self.changes - changes_before
        assert len(found) == len(set(found)), "an item was yielded twice"
        pages = (len(before) + changes) // page_size + 2
        passes = MAX_PASSES if self.list_name == NEWEST_FIRST else 2
        assert requests <= (1 + plan.retries) * (passes * pages + 3 * changes + 2)
        if completed:
            missed = before - self.deleted - set(found)
            assert not missed, f"{len(missed)} items were missed"
            if not (changes or plan.faults):
                total = len(before) + (self.list_name == "subjects")
                assert requests == max(1, -(-total // page_size))

    def advance_the_clock_with_each_request(self) -> None:
        """Advance the service's clock, so that changes between two requests have different times."""
        change = self.sandbox.before_request
        assert change is not None

        def advance(request: Request) -> None:
            self.sandbox.clock.advance(1)
            if self.temporary:
                self.temporary = False
                self.delete(-1)
            change(request)

        self.sandbox.before_request = advance

    def open(self, client: Haut | AsyncHaut, page_size: int) -> Any:
        """Return an iterator over the current list."""
        paginate: Callable[..., Iterator[Any] | AsyncIterator[Any]] = client.paginate_all
        if self.list_name == "subjects":
            dataset_id = client.scope.dataset()
            return paginate(list_subjects, dataset_id=dataset_id, page_size=page_size)
        ordering = {"ordering": "-created_at"} if self.list_name == NEWEST_FIRST else {}
        return paginate(list_images, subject_id=self.subject.id, page_size=page_size, **ordering)

    async def read_async(self, client: AsyncHaut, page_size: int, found: list[str]) -> None:
        async for item in self.open(client, page_size):
            found.append(str(item.id))


@pytest.fixture
def delays_advance_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Advance the clock of the service instead of waiting for the client's delays."""
    sleep, sleep_async = time.sleep, asyncio.sleep

    def advance(seconds: float) -> None:
        PagingMachine.sandbox.clock.advance(seconds)

    def advance_sync(seconds: float) -> None:
        advance(seconds)
        sleep(0)

    async def advance_async(seconds: float) -> None:
        advance(seconds)
        await sleep_async(0)

    monkeypatch.setattr(time, "sleep", advance_sync)
    monkeypatch.setattr(asyncio, "sleep", advance_async)


@pytest.mark.usefixtures("delays_advance_the_clock")
def test_paging_machine() -> None:
    run_machine(PagingMachine, examples=50, steps=5)
