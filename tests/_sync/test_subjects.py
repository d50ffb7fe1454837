# Derived from tests/_async/test_subjects.py by `make sync`; change that file instead.
"""Tests of bulk deletion and get_or_create with failing and concurrent requests."""

from __future__ import annotations

import pickle
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from haut_ext import (
    ConfigError,
    DeletionIncomplete,
    Haut,
    ServerError,
    TransportError,
)
from haut_ext.sandbox import Request, Sandbox, faults
from tests.support.both_clients import gather

pytestmark = pytest.mark.anyio


@pytest.mark.slow
def test_delete_many_splits_ids_into_urls_below_4_kb(sandbox: Sandbox) -> None:
    existing = [UUID(subject.id) for subject in sandbox.add_subjects(9_990)]
    absent = [uuid4() for _ in range(10)]
    longest = 0

    def measure(request: Request) -> None:
        nonlocal longest
        longest = max(longest, len(request.path) + len(request.query))

    sandbox.before_request = measure
    with Haut(**sandbox.credentials) as haut:
        outcome = haut.subjects.delete_many([*existing, *absent, *existing[:5]])
    assert set(outcome.deleted) == set(existing)
    assert set(outcome.not_deleted) == set(absent)
    assert outcome.unknown == ()
    assert sandbox.snapshot()["subjects"] == []
    assert 3_000 < longest < 4_000


def test_error_of_delete_many_reports_completed_deletions(sandbox: Sandbox) -> None:
    existing = [UUID(subject.id) for subject in sandbox.add_subjects(200)]
    sandbox.faults.add("delete_subjects", faults.status(500), skip=1, times=None)
    with Haut(**sandbox.credentials, max_retries=1) as haut:
        with pytest.raises(DeletionIncomplete) as caught:
            haut.subjects.delete_many(existing)
        error = pickle.loads(pickle.dumps(caught.value))
        assert isinstance(error.cause, ServerError)
        done = len(error.outcome.deleted)
        assert 0 < done < 200
        assert (error.outcome.not_deleted, len(error.outcome.unknown)) == ((), 200 - done)
        sandbox.faults.clear()
        rest = haut.subjects.delete_many(error.outcome.unknown)
    assert len(rest.deleted) == 200 - done


def test_outcome_of_a_repeated_deletion_is_unknown(sandbox: Sandbox) -> None:
    existing = [UUID(subject.id) for subject in sandbox.add_subjects(3)]
    sandbox.faults.add("delete_subjects", faults.reset("after"))
    with Haut(**sandbox.credentials) as haut:
        outcome = haut.subjects.delete_many(existing)
    assert outcome.unknown == tuple(existing)
    assert sandbox.snapshot()["subjects"] == []


def test_delete_many_without_ids_sends_no_request(sandbox: Sandbox) -> None:
    with Haut(**sandbox.credentials) as haut:
        assert (haut.subjects.delete_many([])).deleted == ()
    assert sandbox.requests == []


@pytest.mark.slow
def test_get_or_create_matches_the_exact_name_on_all_pages(sandbox: Sandbox) -> None:
    sandbox.add_subjects(30, prefix="anna")  # named "anna 00001" etc.; none is exactly "anna"
    with Haut(**sandbox.credentials) as haut:
        created = haut.subjects.get_or_create("anna")
        assert created.name == "anna"
        assert (haut.subjects.get_or_create("anna")).id == created.id
        assert (haut.subjects.get_or_create("anna 00029")).name == "anna 00029"
    assert sandbox.carried_out("create_subject") == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("anna", " anna\t"),
        ("\u00a0Zo\u00eb", "Zoe\u0308 "),
        ("Zoe\u0308", "Zo\u00eb"),
        ("\uac01", "\u1100\u1161\u11a8"),
        ("\u1e69", "s\u0307\u0323"),
    ],
)
def test_same_name_in_another_spelling_is_the_same_subject(
    sandbox: Sandbox, first: str, second: str
) -> None:
    with Haut(**sandbox.credentials) as haut:
        created = haut.subjects.get_or_create(first)
        for name in (first, second, first + " ", second):
            assert haut.subjects.get_or_create(name) == created
            assert haut.subjects.find(name) == (created,)
        assert haut.subjects.find(first.upper() + "x") == ()
    assert sandbox.carried_out("create_subject") == 1


def test_all_subjects_of_one_name_are_found_and_the_oldest_is_used(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    with Haut(**sandbox.credentials) as haut:
        created = [haut.subjects.create(name) for name in ("anna", "anna ", "anna b", "anna")]
        with sandbox.database.lock:
            sandbox.database.subjects[str(created[3].id)].created -= timedelta(hours=1)
        found = haut.subjects.find("anna")
        assert [subject.id for subject in found] == [created[number].id for number in (3, 0, 1)]
        assert (haut.subjects.get_or_create("anna")).id == created[3].id
    assert "2 other subjects have the same name" in caplog.text
    assert str(created[0].id) in caplog.text
    assert "anna" not in caplog.text


def test_blank_name_is_rejected(sandbox: Sandbox) -> None:
    with Haut(**sandbox.credentials) as haut:
        for call in (haut.subjects.find, haut.subjects.get_or_create, haut.subjects.create):
            with pytest.raises(ConfigError, match="must not be blank"):
                call(" \t")
    assert sandbox.requests == []


def test_concurrent_get_or_create_calls_return_the_same_subject(sandbox: Sandbox) -> None:
    with Haut(**sandbox.credentials) as haut:
        outcomes = gather([lambda: haut.subjects.get_or_create("same")] * 8)
        found = haut.subjects.get_or_create("same")
    ids = {getattr(outcome, "id", outcome) for outcome in outcomes}
    assert ids == {found.id}
    assert all(subject["name"] == "same" for subject in sandbox.snapshot()["subjects"])


def test_subject_is_found_if_the_response_to_its_creation_was_lost(sandbox: Sandbox) -> None:
    sandbox.faults.add("create_subject", faults.reset("after"))
    with Haut(**sandbox.credentials) as haut:
        subject = haut.subjects.get_or_create("someone")
    assert [str(subject.id)] == [stored["id"] for stored in sandbox.snapshot()["subjects"]]


def test_error_is_raised_if_the_creation_request_was_lost(sandbox: Sandbox) -> None:
    sandbox.faults.add("create_subject", faults.reset())
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(TransportError) as caught:
            haut.subjects.get_or_create("someone")
    assert caught.value.maybe_delivered
    assert sandbox.received("create_subject") == 1
