"""Tests of the page that summarizes a refresh."""

from __future__ import annotations

from scripts.spec.api_diff import Difference
from scripts.spec.diff import Report
from scripts.spec.document import operations
from scripts.spec.evidence import Kind, Label, Verdict
from scripts.spec.http_diff import Change, Comparison, Group
from scripts.spec.page import render
from tests.spec.edits import DOCUMENT

OPERATIONS = {operation.key: operation for operation in operations(DOCUMENT)}


def change(subject: str, text: str, *, breaking: bool, group: Group = Group.FIELDS) -> Change:
    return Change(group, subject, text, breaking, frozenset())


def label(subject: str, finding: str, verdict: Verdict) -> Label:
    return Label(Kind.FIELD, subject, "inferred", "by its name", findings={finding: verdict})


def test_repetitions_are_folded_and_contradictions_come_first() -> None:
    changes = [
        *(
            change(key, f"response {status} removed", breaking=True, group=Group.OPERATIONS)
            for key in OPERATIONS
            for status in (400, 404)
        ),
        change("Subject.name", "type: string → string or null", breaking=True),
        change("Subject.size", "no longer required", breaking=True),
        change("Subject.color", "added", breaking=False),
    ]
    python = [
        Difference("haut_api.models.Subject.size", "int → Unset | int", True),
        *(Difference(f"haut_api.models.Old{number}", "class removed", True) for number in range(9)),
    ]
    labels = [
        label("Subject.name", "type: string → string or null", Verdict.CONTRADICTED),
        label("Subject.id", "identical", Verdict.CONFIRMED),
        label("ErrorItem.code", "no counterpart", Verdict.NOT_STATED),
    ]
    report = Report("HEAD", "0.1.0", Comparison(changes, 70, OPERATIONS), python)
    text = render(report, labels, ["login", "logout", "list_batches", "get_batch"], "details.md")
    folded, contradicted, breaking, new = text.split("\n## ")
    assert "the next version after 0.1.0 is at least 0.2.0" in folded
    assert "70 descriptions" in folded
    assert f"400, 404 were added or removed in {len(OPERATIONS)} operations" in folded
    assert "`login`, `logout`, `list_batches` and 1 more" in folded
    assert "Confirmed: 1 inferences" in folded
    assert "does not state 1 parts" in folded
    assert "- type: string → string or null: `Subject.name`" in contradicted
    assert "Subject.name" not in breaking
    assert "- may be missing: `models.Subject.size`" in breaking
    assert "`models.Old7` and 1 more" in breaking
    assert "- added: `Subject.color`" in new
