"""Deleting many subjects, and one subject for each name, under trouble."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from haut_ext import (
    AsyncHaut,
    DeletionIncomplete,
    ServerError,
    TransportError,
)
from haut_ext.sandbox import Request, Sandbox, faults
from tests.faces import gather_async

pytestmark = pytest.mark.anyio


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.slow
async def test_delete_many_thousands_in_urls_below_4_kb(sandbox: Sandbox) -> None:
    there = [UUID(subject.id) for subject in sandbox.add_subjects(9_990)]
    absent = [uuid4() for _ in range(10)]
    longest = 0

    def measure(request: Request) -> None:
        nonlocal longest
        longest = max(longest, len(request.path) + len(request.query))

    sandbox.before_request = measure
    async with AsyncHaut(**sandbox.credentials) as haut:
        outcome = await haut.subjects.delete_many([*there, *absent, *there[:5]])
    assert set(outcome.deleted) == set(there)
    assert set(outcome.not_deleted) == set(absent)
    assert outcome.unknown == ()
    assert sandbox.snapshot()["subjects"] == []
    assert 3_000 < longest < 4_000


async def test_partial_failure_carries_what_is_done(sandbox: Sandbox) -> None:
    there = [UUID(subject.id) for subject in sandbox.add_subjects(200)]
    sandbox.faults.add("delete_subjects", faults.status(500), skip=1, times=None)
    async with AsyncHaut(**sandbox.credentials, max_retries=1) as haut:
        with pytest.raises(DeletionIncomplete) as caught:
            await haut.subjects.delete_many(there)
        error = pickle.loads(pickle.dumps(caught.value))
        assert isinstance(error.cause, ServerError)
        done = len(error.outcome.deleted)
        assert 0 < done < 200
        assert (error.outcome.not_deleted, len(error.outcome.unknown)) == ((), 200 - done)
        sandbox.faults.clear()
        rest = await haut.subjects.delete_many(error.outcome.unknown)
    assert len(rest.deleted) == 200 - done


async def test_what_a_repeated_request_does_not_name_is_unknown(sandbox: Sandbox) -> None:
    there = [UUID(subject.id) for subject in sandbox.add_subjects(3)]
    sandbox.faults.add("delete_subjects", faults.reset("after"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        outcome = await haut.subjects.delete_many(there)
    assert outcome.unknown == tuple(there)
    assert sandbox.snapshot()["subjects"] == []


async def test_nothing_to_delete_asks_nothing(sandbox: Sandbox) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        assert (await haut.subjects.delete_many([])).deleted == ()
    assert sandbox.requests == []


@pytest.mark.slow
async def test_get_or_create_compares_exactly_on_all_pages(sandbox: Sandbox) -> None:
    sandbox.add_subjects(30, prefix="anna")  # "anna 00001" and so on: all contain the name
    async with AsyncHaut(**sandbox.credentials) as haut:
        created = await haut.subjects.get_or_create("anna")
        assert created.name == "anna"
        assert (await haut.subjects.get_or_create("anna")).id == created.id
        assert (await haut.subjects.get_or_create("anna 00029")).name == "anna 00029"
    assert sandbox.carried_out("create_subject") == 1


async def test_concurrent_creators_agree_on_the_oldest(sandbox: Sandbox) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        outcomes = await gather_async([lambda: haut.subjects.get_or_create("same")] * 8)
        found = await haut.subjects.get_or_create("same")
    ids = {getattr(outcome, "id", outcome) for outcome in outcomes}
    assert ids == {found.id}
    assert all(subject["name"] == "same" for subject in sandbox.snapshot()["subjects"])


async def test_a_creation_whose_answer_was_lost_is_found(sandbox: Sandbox) -> None:
    sandbox.faults.add("create_subject", faults.reset("after"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        subject = await haut.subjects.get_or_create("someone")
    assert [str(subject.id)] == [held["id"] for held in sandbox.snapshot()["subjects"]]


async def test_a_creation_that_was_lost_on_the_way_is_not_found(sandbox: Sandbox) -> None:
    sandbox.faults.add("create_subject", faults.reset())
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(TransportError) as caught:
            await haut.subjects.get_or_create("someone")
    assert caught.value.maybe_delivered
    assert sandbox.received("create_subject") == 1
