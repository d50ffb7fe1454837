"""Tests that pagination neither skips nor repeats items while other clients change the list."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haut_api.api.images import list_images
from haut_api.api.subjects import create_subject, list_subjects
from haut_ext import AsyncHaut, ConfigError, ListChanging, NotFound, UnexpectedResponse
from haut_ext._async import pagination
from haut_ext.sandbox import Request, Sandbox, faults
from tests.support.both_clients import run_async, running_async

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared: Sandbox) -> Sandbox:
    shared.reset()
    return shared


Change = tuple[str, int]
CHANGES = st.lists(
    st.tuples(st.sampled_from(["create", "delete", "rename"]), st.integers(0, 10_000)), max_size=6
)


class OtherClients:
    """Simulates other clients: applies the planned changes to the list before each request."""

    def __init__(self, sandbox: Sandbox, plan: list[list[Change]]) -> None:
        self.sandbox = sandbox
        self.plan = list(plan)
        self.pause = 0.0
        self.deleted: set[str] = set()
        sandbox.before_request = self.act

    def act(self, request: Request) -> None:
        database = self.sandbox.database
        self.sandbox.clock.advance(self.pause)
        with database.lock:
            for action, which in self.plan.pop(0) if self.plan else []:
                # Give new items a later creation time than the items of the first page.
                self.sandbox.clock.advance(2)
                subjects = list(database.subjects.values())
                if action == "create":
                    database.create_subject(f"new {which}")
                elif subjects and action == "delete":
                    database.delete_subject(subjects[which % len(subjects)])
                    self.deleted.add(subjects[which % len(subjects)].id)
                elif subjects:
                    subjects[which % len(subjects)].name = f"renamed {which}"


@pytest.mark.slow
@given(
    size=st.integers(0, 400),
    page_size=st.sampled_from([1, 2, 3, 7, 10, 20, 50]),
    plan=st.lists(CHANGES, max_size=30),
)
@settings(max_examples=60, deadline=None)
def test_every_item_that_is_not_deleted_is_yielded_once(
    shared: Sandbox, size: int, page_size: int, plan: list[list[Change]]
) -> None:
    async def check() -> None:
        shared.reset()
        count = min(size, 30 * page_size)
        before = {UUID(subject.id) for subject in shared.add_subjects(count)}
        shared.clock.advance(2)
        others = OtherClients(shared, plan)
        # The sandbox clock advances by one second per request, so the client need not sleep.
        others.pause = 1.0
        async with AsyncHaut(**shared.credentials) as haut:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(pagination, "_TIME_RESOLUTION", 0.0)
                items = haut.paginate_all(
                    list_subjects, dataset_id=haut.scope.dataset(), page_size=page_size
                )
                found = [subject.id async for subject in items]
        remaining = before - {UUID(value) for value in others.deleted}
        assert remaining <= set(found), f"skipped {len(remaining - set(found))} of {len(remaining)}"
        assert len(found) == len(set(found))
        if not any(plan):
            assert shared.received("list_subjects") == max(1, -(-count // page_size))

    run_async(check)


async def collect(sandbox: Sandbox, changes: dict[int, list[Change]]) -> tuple[int, int]:
    """List 100 subjects in pages of 10, and change the list before certain requests.

    Returns:
        The number of yielded subjects and the number of requests.
    """
    sandbox.add_subjects(100)
    sandbox.clock.advance(2)
    OtherClients(sandbox, [changes.get(number, []) for number in range(40)])
    async with AsyncHaut(**sandbox.credentials) as haut:
        found = [subject.id async for subject in haut.subjects.iterate()]
    assert len(found) == len(set(found))
    return len(found), sandbox.received("list_subjects")


@pytest.mark.parametrize(
    ("changes", "found", "requests"),
    [
        pytest.param({}, 100, 10, id="nothing changes"),
        pytest.param({3: [("create", 0)]}, 101, 11, id="one created: one page more"),
        pytest.param({3: [("delete", 0)]}, 100, 12, id="one deleted: two pages again"),
        pytest.param({3: [("delete", 0)] * 15}, 100, 13, id="more deleted than a page holds"),
        pytest.param(
            {3: [("delete", 0), ("create", 0)]},
            101,
            20,
            id="one deleted and one created: a second pass",
        ),
        pytest.param({9: [("delete", 0)] * 10}, 100, 13, id="the last page disappears"),
    ],
)
async def test_number_of_requests(
    sandbox: Sandbox, changes: dict[int, list[Change]], found: int, requests: int
) -> None:
    assert await collect(sandbox, changes) == (found, requests)


async def test_items_created_in_the_second_of_the_first_request_are_found_without_a_delay(
    sandbox: Sandbox,
) -> None:
    """Creation times are rounded to seconds. The second pass does not compare them."""
    sandbox.add_subjects(20)
    expected = set(sandbox.database.subjects)
    deleted: list[str] = []

    def replace(request: Request) -> None:
        if "page=2" in request.query.split("&") and not deleted:
            oldest, *_ = sandbox.database.subjects.values()
            sandbox.database.delete_subject(oldest)
            deleted.append(oldest.id)
            sandbox.add_subjects(1)

    sandbox.before_request = replace
    started = time.monotonic()
    async with AsyncHaut(**sandbox.credentials) as haut:
        found = {str(subject.id) async for subject in haut.subjects.iterate()}
    assert time.monotonic() - started < pagination._TIME_RESOLUTION
    assert found == expected | set(sandbox.database.subjects)
    assert sandbox.received("list_subjects") == 4


async def test_hidden_deletion_is_found_although_the_new_item_is_deleted_unread(
    sandbox: Sandbox,
) -> None:
    """The total stays the same, and later decreases as if only the new item had been deleted."""
    found, requests = await collect(
        sandbox, {3: [("delete", 0), ("create", 0)], 5: [("delete", -1)]}
    )
    assert (found, requests) == (100, 22)


async def test_item_deleted_before_it_was_read_costs_another_pass(sandbox: Sandbox) -> None:
    assert await collect(sandbox, {3: [("delete", -1)]}) == (99, 22)


async def test_list_ordered_by_creation_time_is_complete_after_a_second_pass(
    sandbox: Sandbox,
) -> None:
    """The second pass reads the pages from the last to the first, which no deletion can disturb."""
    sandbox.add_subjects(20)
    sandbox.clock.advance(2)
    before = set(sandbox.database.subjects)
    others = OtherClients(sandbox, [[("create", 0), ("delete", 0)]] * 1000)
    async with AsyncHaut(**sandbox.credentials) as haut:
        found = [str(subject.id) async for subject in haut.subjects.iterate()]
    assert len(found) == len(set(found))
    assert before - others.deleted <= set(found)
    assert sandbox.received("list_subjects") <= 6


async def test_list_that_changes_during_every_pass_raises_an_error(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pagination yields no item twice, and then raises an error, because items may be missing."""
    [subject] = sandbox.add_subjects(1)
    for _ in range(20):
        sandbox.add_images(subject, 1)
        sandbox.clock.advance(1)
    monkeypatch.setattr(pagination, "_TIME_RESOLUTION", 0.0)

    def replace_the_oldest(request: Request) -> None:
        sandbox.clock.advance(2)
        with sandbox.database.lock:
            sandbox.database.delete_image(next(iter(subject.images.values())))
            sandbox.add_images(subject, 1)

    sandbox.before_request = replace_the_oldest
    found: list[UUID] = []
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(ListChanging, match=r"list_images: .*10 passes"):
            async for image in haut.images.iterate(subject.id, ordering="-created_at"):
                found.append(image.id)
    assert len(found) == len(set(found)) >= 20
    assert sandbox.received("list_images") < 100


async def test_deletion_of_the_subject_of_the_images_is_reported(sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    sandbox.add_images(subject, 30)
    sandbox.clock.advance(2)
    async with AsyncHaut(**sandbox.credentials) as haut:
        images = haut.images.iterate(subject.id)
        found = 0
        with pytest.raises(NotFound):
            async for _ in images:
                found += 1
                if found == 1:
                    with sandbox.database.lock:
                        sandbox.database.delete_subject(subject)
    assert found >= 10


async def test_number_of_requests_for_many_missing_pages_is_logarithmic(sandbox: Sandbox) -> None:
    sandbox.add_subjects(100)
    sandbox.clock.advance(2)
    found: set[UUID] = set()
    async with AsyncHaut(**sandbox.credentials) as haut:
        operation = haut.paginate_all(list_subjects, dataset_id=haut.scope.dataset(), page_size=1)
        async for subject in operation:
            found.add(subject.id)
            if len(found) == 80:
                with sandbox.database.lock:
                    for deleted in list(sandbox.database.subjects.values())[3:]:
                        sandbox.database.delete_subject(deleted)
    assert {UUID(subject_id) for subject_id in sandbox.database.subjects} <= found
    assert sandbox.received("list_subjects") <= 81 + 7 + 5


async def test_at_most_one_page_is_prefetched(sandbox: Sandbox) -> None:
    sandbox.add_subjects(100)
    async with AsyncHaut(**sandbox.credentials) as haut:
        subjects: Any = haut.subjects.iterate()
        # No request is sent until the first item is requested.
        assert sandbox.received("list_subjects") == 0
        await subjects.__anext__()
        await subjects.aclose()
    assert sandbox.received("list_subjects") <= 2


async def test_iteration_that_ends_early_leaves_no_task_or_thread(sandbox: Sandbox) -> None:
    sandbox.add_subjects(100)
    async with AsyncHaut(**sandbox.credentials) as haut:
        before = running_async()
        subjects: Any = haut.subjects.iterate()
        await subjects.__anext__()
        assert running_async() == before
        await subjects.aclose()
        assert running_async() == before
    assert sandbox.received("list_subjects") == 1


async def test_error_of_a_later_page_is_raised(sandbox: Sandbox) -> None:
    sandbox.add_subjects(100)
    sandbox.faults.add("list_subjects", faults.status(403), skip=2)
    found = 0
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(Exception, match="403"):
            async for _ in haut.subjects.iterate():
                found += 1
    assert found == 20


async def test_undocumented_success_status_is_not_accepted_as_a_page(sandbox: Sandbox) -> None:
    page = b'{"count": 1, "next": null, "previous": null, "results": []}'
    sandbox.faults.add("list_subjects", faults.status(202, page, content_type="application/json"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(
            UnexpectedResponse, match=r"^GET .*/subjects/ .*returned 202, .*not documented"
        ):
            await haut.subjects.list()


async def test_images_of_an_unknown_subject_are_not_found(sandbox: Sandbox) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(NotFound):
            async for _ in haut.paginate_all(
                list_images, subject_id=UUID("00000000-0000-4000-8000-000000000000")
            ):
                pass


async def test_operation_that_returns_no_list_is_rejected_before_any_request(
    sandbox: Sandbox,
) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        not_a_list: Any = create_subject
        with pytest.raises(ConfigError, match="create_subject is not a list"):
            haut.paginate_all(not_a_list, dataset_id=haut.scope.dataset())
    assert sandbox.requests == []


async def test_single_pages(sandbox: Sandbox) -> None:
    sandbox.add_subjects(25)
    numbers: list[int | None] = []
    async with AsyncHaut(**sandbox.credentials) as haut:
        page = await haut.subjects.list(page_size=10)
        assert (len(page), page.total, page.number) == (10, 25, 1)
        while page.next_page is not None:
            numbers.append(page.next_page)
            page = await haut.subjects.list(page=page.next_page, page_size=10)
        assert (len(page), page.has_next, numbers) == (5, False, [2, 3])
        with pytest.raises(NotFound):
            await haut.subjects.list(page=4, page_size=10)


def subjects_path(haut: AsyncHaut) -> str:
    scope = haut.scope
    return f"/api/v1/companies/{scope.company_id}/datasets/{scope.dataset_id}/subjects/"


def missing_second_page(number: int, page: dict[str, Any]) -> httpx.Response:
    if number == 1:
        return httpx.Response(200, json=page)
    return httpx.Response(404, json={"errors": [{"code": "not_found", "detail": "-"}]})


def changing_total(number: int, page: dict[str, Any]) -> httpx.Response:
    page["count"] -= number % 2
    return httpx.Response(200, json=page)


def same_page_again(number: int, page: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={**page, "next": "x"})


def empty_pages(number: int, page: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={**page, "next": "x", "results": []})


@pytest.mark.parametrize(
    "change", [missing_second_page, changing_total, same_page_again, empty_pages]
)
async def test_iteration_over_contradicting_pages_ends_with_an_error(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[int, dict[str, Any]], httpx.Response],
) -> None:
    monkeypatch.setattr(pagination, "_STALL_DELAYS", (0.0,))
    sandbox.add_subjects(20)
    async with AsyncHaut(**sandbox.credentials) as haut:
        first_page = (await haut.request("GET", subjects_path(haut))).json()
    numbers: list[int] = []

    def handle(request: httpx.Request) -> httpx.Response:
        numbers.append(int(request.url.params["page"]))
        assert len(numbers) < 100, "the iteration does not end"
        return change(numbers[-1], json.loads(json.dumps(first_page)))

    transport = httpx.MockTransport(handle)
    async with AsyncHaut(**sandbox.credentials, transport=transport) as haut:
        with pytest.raises(ListChanging, match="no new item"):
            async for _ in haut.subjects.iterate():
                pass
