"""Tests of the lookup of a list before its erasure: a run erases exactly what its plan contains."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from haut_ext import ErasureReceipt, Haut
from haut_ext.argument_checks import comparable_name
from haut_ext.bulk import (
    BulkReport,
    ErasurePlan,
    bulk_erase,
    plan_erasure,
)
from haut_ext.bulk.receipt_files import read_summary
from haut_ext.bulk.subject_list import SubjectRow
from haut_ext.sandbox import Sandbox

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
