"""Summarize the changes of a refresh on one page: build/refresh.md.

The page folds what repeats itself: names, texts, error responses and confirmed inferences take a line
each, and changes with the same description share a line. build/refresh-details.md lists each change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from attrs import evolve

from scripts.spec.api_diff import Difference
from scripts.spec.diff import Report, Severity
from scripts.spec.evidence import Label, Verdict
from scripts.spec.http_diff import Change
from scripts.spec.markdown import code

_ERROR_RESPONSE = re.compile(r"response ([45]\d\d|default) (added|removed|→ [45])")

Row = tuple[str, str]
"""Description of a change, and the name of what changed."""


def render(report: Report, labels: Iterable[Label], transcribed: list[str], details: str) -> str:
    """Return the page as Markdown.

    Args:
        report: The changes of both APIs.
        labels: The labels of the earlier contract, checked against the current one.
        transcribed: Names of the operations that the service's document lacks.
        details: Path of the file that lists each change.
    """
    labels = list(labels)
    title = "No change of an API."
    if report.severity is not Severity.NONE:
        severity = report.severity.name.capitalize()
        title = f"{severity}: the next version after {report.version} is at least {report.next_version}."
    errors, changes = _split(report)
    contradicted = [label for label in labels if label.verdict is Verdict.CONTRADICTED]
    lines = [f"# Changes since {report.base}", "", f"{title} Each change: `{details}`.", ""]
    lines += _folded(report, errors, labels, transcribed)
    known = {label.subject for label in contradicted}
    sections = {
        "Contradicts what was inferred": _contradictions(contradicted),
        "Breaks callers": _breaking(report, changes, known),
        "New": _new(report, changes),
    }
    for heading, rows in sections.items():
        lines += ["", f"## {heading}", "", *(_grouped(rows) or ["Nothing."])]
    return "\n".join(lines) + "\n"


def entries(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the kind and text of each changelog entry; changes with the same description share one."""
    # Other changes of the Python API result from changes of the HTTP API, which are listed.
    removed = [
        found for found in report.python if found.text in ("module removed", "class removed")
    ]
    report = evolve(report, python=removed)
    errors, changes = _split(report)
    for kind, rows in (
        ("breaking", _breaking(report, changes, set())),
        ("added", _new(report, changes)),
    ):
        yield from ((kind, f"Swagger: {line[2:]}.") for line in _grouped(rows))
    if errors:
        yield "changed", f"Swagger: {_error_responses(errors)[2:]}"


def _split(report: Report) -> tuple[list[Change], list[Change]]:
    """Return the changes of error responses, and all other changes of the HTTP API."""
    errors = [change for change in report.http.changes if _ERROR_RESPONSE.match(change.text)]
    return errors, [change for change in report.http.changes if change not in errors]


def _breaking(report: Report, changes: list[Change], known: set[str]) -> Iterator[Row]:
    """Yield the breaking changes, except those of subjects that contradictions already name."""
    broken = (change for change in changes if change.breaking and change.subject not in known)
    yield from _http((change for change in broken if not _states_status(change, known)), report)
    yield from _python(difference for difference in report.python if difference.breaking)


def _new(report: Report, changes: list[Change]) -> Iterator[Row]:
    added = (
        change
        for change in changes
        if not change.breaking and change.text.startswith(("added", "response"))
    )
    yield from _http(added, report)
    yield from _python(found for found in report.python if found.text.endswith(" added"))


def _folded(
    report: Report, errors: list[Change], labels: list[Label], transcribed: list[str]
) -> Iterator[str]:
    verdicts = [label.verdict for label in labels]
    if report.http.text_changes:
        yield f"- Texts: {report.http.text_changes} descriptions, summaries and titles changed."
    if errors:
        yield _error_responses(errors)
    if transcribed:
        names = _listed(transcribed, 3)
        yield f"- Not in the Swagger, therefore kept from the transcription: {names}."
    if Verdict.CONFIRMED in verdicts:
        yield f"- Confirmed: {verdicts.count(Verdict.CONFIRMED)} inferences are documented now."
    if Verdict.NOT_STATED in verdicts:
        yield f"- Still inferred: the Swagger does not state {verdicts.count(Verdict.NOT_STATED)} parts."


def _error_responses(errors: list[Change]) -> str:
    statuses = {match for change in errors for match in re.findall(r"\d\d\d", change.text)}
    listed, count = ", ".join(sorted(statuses)), len({change.subject for change in errors})
    return f"- Error responses: {listed} were added or removed in {count} operations."


def _states_status(change: Change, contradicted: set[str]) -> bool:
    """Return whether a contradiction already states the new success status."""
    return (
        change.text.startswith("response 2")
        and " → " in change.text
        and any(re.match(r"2\d\d of ", subject) for subject in contradicted)
    )


def _contradictions(labels: Iterable[Label]) -> Iterator[Row]:
    for label in labels:
        found = [text for text, verdict in label.findings.items() if verdict is label.verdict]
        yield re.sub(r"^(fields|required): (?!True|False).*", r"other \1", found[0]), label.subject


def _http(changes: Iterable[Change], report: Report) -> Iterator[Row]:
    for change in changes:
        key = re.sub(r"^body of ", "", change.subject)
        operation = report.http.operations.get(key.partition("/.")[0].rstrip("/") + "/")
        yield (
            change.text,
            change.subject.replace(operation.key, operation.id) if operation else change.subject,
        )


def _python(differences: Iterable[Difference]) -> Iterator[Row]:
    for difference in differences:
        name = difference.name.removeprefix("haut_api.")
        if name.endswith(" → result"):
            yield "type of the result changed", name.removesuffix(" → result")
            continue
        before, arrow, after = difference.text.partition(" → ")
        gained = set(after.split(" | ")) - set(before.split(" | "))
        lost = set(before.split(" | ")) - set(after.split(" | "))
        if arrow and not lost and gained <= {"None", "Unset"}:
            what = " or ".join(
                {"None": "null", "Unset": "missing"}[kind] for kind in sorted(gained)
            )
            yield f"may be {what}", name
        else:
            yield difference.text, name


def _grouped(rows: Iterable[Row]) -> list[str]:
    """Return a line for each description, with the names to which it applies."""
    groups: dict[str, list[str]] = {}
    for text, name in rows:
        groups.setdefault(text, []).append(name)
    return [f"- {text}: {_listed(list(dict.fromkeys(names)), 8)}" for text, names in groups.items()]


def _listed(names: list[str], limit: int) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(map(code, names[:limit])) + more
