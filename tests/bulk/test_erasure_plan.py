"""Tests of the lookup of a list before its erasure: a run erases exactly what its plan contains."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from haut_ext import ConfigError, ErasureReceipt, Haut
from haut_ext.argument_checks import comparable_name
from haut_ext.bulk import (
    BulkReport,
    BulkStopped,
    ErasurePlan,
    bulk_erase,
    plan_erasure,
    rate_limiter,
)
from haut_ext.bulk.receipt_files import read_summary
from haut_ext.bulk.subject_list import SubjectRow
from haut_ext.sandbox import Request, Sandbox, faults

UNKNOWN = UUID(int=7)
NAMES = ["a", "A", " a", "ab", "\u00e9", "e\u0301", "47", "=a", str(UNKNOWN)]


def create(sandbox: Sandbox, *names: str) -> list[str]:
    """Create subjects without sending requests, and return their ids."""
    with sandbox.database.lock:
        return [sandbox.database.create_subject(name).id for name in names]


def left(sandbox: Sandbox) -> set[str]:
    return set(sandbox.database.subjects)


def lines(report: BulkReport) -> list[dict[str, str]]:
    assert report.summary is not None
    return list(read_summary(report.summary))


def statuses(plan: ErasurePlan) -> list[tuple[int, str]]:
    return [(entry.row, entry.status) for entry in plan.entries]


@pytest.fixture
def run(tmp_path: Path) -> dict[str, Any]:
    return {"journal": tmp_path / "journal", "receipts": tmp_path / "receipts"}


@pytest.fixture
def plan(tmp_path: Path) -> dict[str, Any]:
    return {"journal": tmp_path / "journal"}


Rows = list[str | int | dict[str, str]]
"""Names, positions of existing subjects, or mappings."""

rows = st.lists(
    st.sampled_from(NAMES)
    | st.integers(0, 4)
    | st.fixed_dictionaries({"name": st.sampled_from(NAMES)}),
    max_size=5,
)


def named(row: SubjectRow, subjects: dict[str, str], all_with_this_name: bool) -> set[str]:
    """Return which subjects a row names, according to the documentation."""
    text = str(row["name"] if isinstance(row, dict) else row)
    if not isinstance(row, dict):
        try:
            return {str(UUID(text))} & subjects.keys()
        except ValueError:
            pass
    found = {it for it, name in subjects.items() if comparable_name(name) == comparable_name(text)}
    return found if len(found) == 1 or all_with_this_name else set()


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(st.sampled_from(NAMES), max_size=5),
    first=rows,
    second=rows,
    all_with_this_name=st.booleans(),
)
@example(["a", "a", "ab"], [0], ["a", "ab", 2, {"name": "ab"}, 0], False)
@example(["a", "a", "A"], ["a"], ["a", 1, "A", "a"], True)
@example([str(UNKNOWN)], [str(UNKNOWN)], [{"name": str(UNKNOWN)}, str(UNKNOWN)], False)
def test_run_erases_exactly_what_the_plan_contains(
    sandbox: Sandbox,
    haut: Haut,
    names: list[str],
    first: Rows,
    second: Rows,
    all_with_this_name: bool,
) -> None:
    sandbox.reset()
    ids = create(sandbox, *names)
    subjects = dict(zip(ids, names, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        where: Any = {"journal": Path(folder) / "j"}
        for chosen in (first, second):
            given_rows: list[SubjectRow] = [
                ids[row % len(ids)] if isinstance(row, int) else row
                for row in chosen
                if ids or not isinstance(row, int)
            ]
            before = left(sandbox)
            options: Any = {**where, "all_with_this_name": all_with_this_name}
            plan = plan_erasure(haut, given_rows, **options)
            assert left(sandbox) == before
            report = bulk_erase(haut, given_rows, receipts=Path(folder) / "r", **options)
            assert {*map(str, plan.subject_ids)} == before - left(sandbox)
            assert len(plan.subject_ids) == report.done
            assert plan.complete == report.complete
            if chosen is first:
                found = [named(it, subjects, all_with_this_name) for it in given_rows]
                assert before - left(sandbox) == set().union(*found)
            summary = lines(report)
            assert [line["input"] for line in summary] == [it.input for it in plan.entries]
            for line, entry in zip(summary, plan.entries, strict=True):
                assert (line["verified"] == "no") == entry.is_problem
                path = Path(folder) / "r" / line["receipt_file"]
                if not entry.is_problem:
                    receipt = ErasureReceipt.from_json(path.read_text())
                    assert (receipt.verified, str(receipt.subject_id)) == (True, line["subject_id"])
            again = plan_erasure(haut, given_rows, **options)
            assert again.subject_ids == ()


PAGE = faults.status(404, b"<html>no such host</html>", content_type="text/html")
LOOKUP_FAULTS = {
    "404 of a proxy, id": ("update_subject", PAGE, "unknown"),
    "404 of a proxy, name": ("list_subjects", PAGE, "unknown"),
    "404 without a body": ("update_subject", faults.status(404), "unknown"),
    "403": ("list_subjects", faults.status(403), "unknown"),
    "429": ("list_subjects", faults.rejected(429, retry_after=0), "to erase"),
    "reset": ("update_subject", faults.reset("before"), "to erase"),
}


@pytest.mark.parametrize(
    ("operation", "fault", "status"), LOOKUP_FAULTS.values(), ids=LOOKUP_FAULTS
)
def test_failed_lookup_is_unknown_and_no_absence(
    sandbox: Sandbox,
    haut: Haut,
    run: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    fault: Any,
    status: str,
) -> None:
    monkeypatch.setattr(rate_limiter, "_INITIAL_PAUSE", 0.001)
    [subject_id] = create(sandbox, "a")
    rows: list[SubjectRow] = ["a" if operation == "list_subjects" else subject_id]
    sandbox.faults.add(operation, fault)
    plan = plan_erasure(haut, rows, journal=run["journal"])
    assert statuses(plan) == [(1, status)]
    assert not run["journal"].exists()
    sandbox.faults.add(operation, fault)
    report = bulk_erase(haut, rows, **run)
    assert (report.failed, report.done) == ((1, 0) if status == "unknown" else (0, 1))
    assert lines(report)[0]["verified"] == ("no" if status == "unknown" else "yes")
    assert bulk_erase(haut, rows, **run).done == (status == "unknown")


def test_name_stands_for_the_subjects_that_were_recorded_first(
    sandbox: Sandbox, haut: Haut, run: dict[str, Any]
) -> None:
    first, other = create(sandbox, "a", "b")
    sandbox.faults.add("delete_subject", faults.status(403))
    assert bulk_erase(haut, ["a", "b"], **run, max_in_flight=1).failed == 1
    assert left(sandbox) == {first}
    sandbox.database.subjects[first].name = "renamed"
    second, third = create(sandbox, "a", "b")
    for outcome in ("to erase", "already erased"):
        plan = plan_erasure(haut, ["a", "b"], journal=run["journal"])
        assert [(str(it.subject_id), it.status) for it in plan.entries] == [
            (first, outcome),
            (second, "changed"),
            (other, "already erased"),
            (third, "changed"),
        ]
        report = bulk_erase(haut, plan, **run)
        assert (report.changed, report.complete) == (2, False)
        assert left(sandbox) == {second, third}
    report = bulk_erase(haut, ["a", second, "b"], **run)
    assert [line["remark"] for line in lines(report)[:3]] == [
        "",
        "row 2 names the same subject",
        "",
    ]
    assert left(sandbox) == {third}


@pytest.mark.parametrize("order", [slice(0, 1), slice(None), slice(None, None, -1)])
def test_erased_subject_that_the_service_lists_again_is_a_problem(
    sandbox: Sandbox, haut: Haut, run: dict[str, Any], order: slice
) -> None:
    [subject_id] = create(sandbox, "a")
    subject = sandbox.database.subjects[subject_id]
    rows = ["a", subject_id][order]
    assert bulk_erase(haut, rows, **run).complete
    for subjects in (sandbox.database.subjects, subject.dataset.subjects):
        subjects[subject_id] = subject
    report = bulk_erase(haut, rows, **run)
    assert (report.changed, report.complete) == (1, False)
    [line] = [line for line in lines(report) if line["input"] == "a"]
    assert "lists it again" in line["remark"]
    assert (line["verified"], line["receipt_file"]) == ("no", f"{subject_id}.json")


def test_ambiguous_name_stays_ambiguous_when_one_of_its_subjects_is_erased(
    sandbox: Sandbox, haut: Haut, run: dict[str, Any]
) -> None:
    one, two = create(sandbox, "a", "a")
    for _ in range(2):
        report = bulk_erase(haut, ["a", one], **run)
        assert [(it["subject_id"], it["verified"]) for it in lines(report)] == [
            (one, "yes"),
            (two, "no"),
            (one, "yes"),
        ]
        assert "one of 2 subjects that have, or had, this name" in lines(report)[1]["remark"]
    assert left(sandbox) == {two}
    assert bulk_erase(haut, ["a"], **run, all_with_this_name=True).complete
    assert left(sandbox) == set()
    assert bulk_erase(haut, ["a"], **run).complete


@pytest.mark.parametrize("of_plan", [False, True])
def test_subject_deleted_by_another_program_after_its_lookup_has_no_receipt(
    sandbox: Sandbox, haut: Haut, run: dict[str, Any], of_plan: bool
) -> None:
    [subject_id, other] = create(sandbox, "a", "b")

    def delete() -> None:
        with sandbox.database.lock:
            sandbox.database.delete_subject(sandbox.database.subjects[subject_id])

    def before_request(request: Request) -> None:
        if request.operation == "update_subject":
            sandbox.before_request = None
            delete()

    rows: Any = ["a", "b"]
    if of_plan:
        rows = plan_erasure(haut, rows, journal=run["journal"])
        delete()
    else:
        sandbox.before_request = before_request
    report = bulk_erase(haut, rows, **run, max_in_flight=1)
    assert (report.bad, report.done) == (1, 1)
    assert "another program has deleted the subject" in lines(report)[0]["remark"]
    assert [path.stem for path in run["receipts"].glob("*.json")] == [other]


def test_plan_is_refused_when_another_run_has_recorded_other_subjects(
    sandbox: Sandbox, haut: Haut, run: dict[str, Any]
) -> None:
    [one] = create(sandbox, "a")
    plan = plan_erasure(haut, ["a"], journal=run["journal"])
    with sandbox.database.lock:
        sandbox.database.delete_subject(sandbox.database.subjects[one])
    [two] = create(sandbox, "a")
    sandbox.faults.add("delete_subject", faults.status(403))
    bulk_erase(haut, ["a"], **run)
    with pytest.raises(ConfigError, match="Make a new plan"):
        bulk_erase(haut, plan, **run)
    assert left(sandbox) == {two}


def test_row_that_a_run_would_refuse_is_refused_in_the_plan(
    sandbox: Sandbox, haut: Haut, run: dict[str, Any]
) -> None:
    [subject_id] = create(sandbox, "a")
    sandbox.faults.add("delete_subject", faults.status(403))
    bulk_erase(haut, ["a"], **run, reference="case 1")
    for reference, status in ((None, "to erase"), ("case 1", "to erase"), ("case 2", "invalid")):
        plan = plan_erasure(haut, ["a"], journal=run["journal"], reference=reference)
        assert statuses(plan) == [(1, status)]
    assert bulk_erase(haut, ["a"], **run, reference="case 2").bad == 1
    assert left(sandbox) == {subject_id}


def test_summary_is_complete_after_a_run_that_stopped(
    sandbox: Sandbox, haut: Haut, run: dict[str, Any]
) -> None:
    names = ["=a", "b", "b ", "c\u2028d"]
    ids = create(sandbox, "=a", "b", "c")
    sandbox.database.subjects[ids[2]].name = names[3]
    sandbox.faults.add("delete_subject", faults.unauthorized(), skip=1)
    with pytest.raises(BulkStopped):
        bulk_erase(haut, names, **run, max_in_flight=1)
    path = run["receipts"] / "summary.csv"
    stopped = list(read_summary(path))
    assert [(it["input"], it["verified"]) for it in stopped] == [
        *zip(names, ["yes", "no", "no", "no"], strict=True)
    ]
    assert "the run stopped before" in stopped[3]["remark"]
    report = bulk_erase(haut, names, **run)
    assert (report.summary, report.complete) == (path, True)
    assert [it["verified"] for it in lines(report)] == ["yes"] * 4
    assert [it["subject_id"] for it in lines(report)] == [ids[0], ids[1], ids[1], ids[2]]
    assert "\n'=a," in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["other list", "text", "link", "folder", "journal"])
def test_summary_never_replaces_another_file(
    sandbox: Sandbox, haut: Haut, run: dict[str, Any], kind: str
) -> None:
    create(sandbox, "a")
    run["receipts"].mkdir()
    path = run["receipts"] / "summary.csv"
    if kind == "other list":
        bulk_erase(haut, ["b"], **run)
    elif kind == "text":
        path.write_text("input,subject_id\n")
    elif kind == "link":
        path.symlink_to("elsewhere")
    elif kind == "folder":
        path.mkdir()
    else:
        run["journal"] = path
    before = path.read_bytes() if kind in ("other list", "text") else None
    for _ in range(2):
        report = bulk_erase(haut, ["a"], **run)
        assert report.summary == run["receipts"] / "summary-2.csv"
        assert report.complete
    assert before is None or path.read_bytes() == before
    assert not (run["receipts"] / "elsewhere").exists()
