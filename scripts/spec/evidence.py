"""List the inferred parts of the contract, and check them against the service's OpenAPI document.

A confidence label (`x-evidence`) marks an object in haut.yaml, or in the `update` of an overlay
action. The service's document has no labels. Therefore each object that has a label at an earlier
revision is compared with the corresponding object in the current document. Corresponding objects are
found by operation and by their location in the operation, because component names can differ between
the documents.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import yaml
from attrs import define, field
from oas_patch.overlay import apply_overlay

from haut_ext.spec_check.comparison import (
    MAPS,
    Difference,
    Pair,
    Place,
    Visit,
    compare_operations,
    shown_value,
)
from scripts.generate import OVERLAY
from scripts.spec.contract import contract
from scripts.spec.diff import revision_argument
from scripts.spec.document import Json, SpecError, look_up, pointer, resolve, walk
from scripts.spec.http_diff import by_field
from scripts.spec.markdown import code, table


class Kind(StrEnum):
    """Kind of a labeled object, and the consequence of a wrong inference; most serious kind first."""

    OPERATION = "Operations: if wrong, every call fails"
    REQUIRED = "Required parameters: if wrong, the call fails"
    BODY = "Request bodies and their fields: if wrong, the service rejects or ignores the value"
    SUCCESS = "Success statuses: if wrong, a successful response is reported as an error"
    QUERY = "Optional parameters: if the name is wrong, the service ignores the parameter"
    FIELD = "Response fields: if the type or nullability is wrong, the response cannot be parsed"
    ERROR = "Error responses: if wrong, the raised error has the HTTP status but no details"


class Verdict(StrEnum):
    """Result of checking a labeled object against another document, in order of precedence."""

    CONTRADICTED = "contradicted"
    NOT_STATED = "not stated"
    CONFIRMED = "confirmed"


@define
class Label:
    """An object with a confidence label (`x-evidence`).

    Attributes:
        kind: The kind of the object.
        subject: The object's name in the report.
        level: "inferred" or "observed".
        reason: The reason for the label.
        operations: Ids of the operations that use the object.
        findings: Verdicts by comparison result, such as "missing".
    """

    kind: Kind
    subject: str
    level: str
    reason: str
    operations: set[str] = field(factory=set)
    findings: dict[str, Verdict] = field(factory=dict)

    @property
    def verdict(self) -> Verdict | None:
        """Verdict with the highest precedence among the findings; None if there are no findings."""
        return next((verdict for verdict in Verdict if verdict in self.findings.values()), None)


Labels = dict[str, Label]
"""Confidence labels, by the JSON pointer of the labeled object."""


# Mark of a labeled object: its JSON pointer.
_PLACE = "x-evidence-place"
# Keywords that are compared. Other constraints are not inferred.
_FACTS = {
    "type", "format", "enum", "required", "style", "explode", "oneOf", "anyOf", "oneOf options",
    "anyOf options", "response",
}  # fmt: skip


def labels(document: Json, other: Json | None = None) -> Labels:
    """Return a document's confidence labels, checked against `other` if it is given."""
    marked = copy.deepcopy(document)
    for place, node in walk(marked):
        if node.get("x-evidence") in ("inferred", "observed"):
            node[_PLACE] = place
    found: Labels = {}
    # The comparison of a document with itself visits all objects of each operation.
    for pair in compare_operations(marked, marked, visits=True):
        if pair.before is not None:
            name = pair.before.id
            _add(found, pair.before.definition, Kind.OPERATION, name, name)
            for visit in pair.visits:
                for node in visit.before:
                    subject = _subject(visit.place, node.get(_PLACE, ""), name)
                    _add(found, node, _kind(visit.place, node), subject, name)
    for pair in compare_operations(marked, other, visits=True) if other is not None else ():
        if pair.before is not None:
            _check(found, marked, pair)
    return found


def _add(found: Labels, node: Json, kind: Kind, subject: str, operation: str) -> None:
    if _PLACE in node:
        new = Label(kind, subject, node["x-evidence"], node["x-evidence-reason"])
        label = found.setdefault(node[_PLACE], new)
        # If an object is used in several places, its most serious kind applies.
        label.kind = min(label.kind, kind, key=list(Kind).index)
        label.operations.add(operation)


def _kind(place: Place, node: Json) -> Kind:
    part, name = place.part
    if part == "parameters":
        return Kind.REQUIRED if node.get("required") is True else Kind.QUERY
    if part == "requestBody":
        return Kind.BODY
    if not name.startswith("2"):
        return Kind.ERROR
    return Kind.SUCCESS if place.schema is None else Kind.FIELD


def _subject(place: Place, label: str, operation: str) -> str:
    """Return the name of a labeled object; it belongs to a component, or to an operation."""
    part, name = place.part
    steps = pointer(label)
    fields = "".join(f".{one}" for one in re.findall(r"/properties/([^/]+)", label))
    if steps[:2] == ["components", "schemas"]:
        return f"{steps[2]}{fields}"
    if part == "parameters":
        return name
    if part == "requestBody":
        return f"body of {operation}{fields}"
    shared = steps[:1] == ["components"]
    return (f"{steps[2]} ({name})" if shared else f"{name} of {operation}") + fields


# --- comparison


def _check(found: Labels, document: Json, pair: Pair) -> None:
    """Add the findings of one operation to the labels of its objects."""
    assert pair.before is not None
    findings: dict[str, dict[str, Verdict]] = {
        place: {} for place, label in found.items() if pair.before.id in label.operations
    }
    seen: set[str] = set()

    def add(node: Json, text: str, verdict: Verdict) -> None:
        if (place := node.get(_PLACE)) in findings:
            findings[place][text] = verdict
            seen.add(place)

    own = pair.before.definition
    if pair.after is None:
        add(own, "missing", Verdict.CONTRADICTED)
    elif "x-evidence" in pair.after.definition:
        seen.add(own.get(_PLACE, ""))
    else:
        add(own, "exists", Verdict.CONFIRMED)
    for difference in pair.differences:
        if difference.after is None and difference.keyword in MAPS:
            add(difference.before, *_missing(difference))
            if difference.keyword != "properties":
                add(resolve(document, difference.before), *_missing(difference))
    for visit in pair.visits:
        for node, counterpart in zip(visit.before, visit.after, strict=True):
            place = node.get(_PLACE)
            if place not in findings:
                continue
            if "x-evidence" in counterpart:
                seen.add(place)
            elif changes := dict.fromkeys(_contradictions(visit, place, pair.differences)):
                add(node, "; ".join(changes), Verdict.CONTRADICTED)
            else:
                part, name = visit.place.part
                is_status = part == "responses" and visit.place.schema is None
                text = f"{name} is documented" if is_status else "identical"
                add(node, text, Verdict.CONFIRMED)
    absent = "no counterpart" if pair.after else "the operation is missing"
    for place, texts in findings.items():
        found[place].findings |= texts if place in seen else {absent: Verdict.NOT_STATED}


def _missing(difference: Difference) -> tuple[str, Verdict]:
    part, name = difference.place.part
    if difference.keyword == "requestBody":
        return "the operation has no body", Verdict.CONTRADICTED
    if difference.keyword == "responses":
        success = [status for status in difference.others if status.startswith("2")]
        if name.startswith("2") and success:
            return f"the success status is {', '.join(success)}", Verdict.CONTRADICTED
        # Few documents list every error response, so a missing error status is not a contradiction.
        return f"{name} is not documented", Verdict.NOT_STATED
    names = [one.partition(" ")[::2] for one in difference.others]
    kind = name.partition(" ")[2] if difference.keyword == part else ""
    documented = ", ".join(one for one, place in names if place == kind)
    return f"missing; documented: {documented or 'none'}", Verdict.CONTRADICTED


def _contradictions(visit: Visit, label: str, differences: tuple[Difference, ...]) -> Iterator[str]:
    """Yield the differences of a labeled object itself, without those of its fields."""
    place, steps = visit.place, pointer(label)
    is_object = steps[-2:-1] != ["properties"] and place.schema is not None
    fields = {place.child("properties", name).text for name in _fields(visit)}
    for difference in differences:
        if difference.keyword == "response":
            if place.text == f"response {difference.after}":
                yield f"the success status is {difference.after}"
        elif is_object:
            if difference.keyword == "properties" and difference.place.text in fields:
                change = "removed" if difference.after is None else "added"
                yield f"fields: {difference.place.text.rpartition('.')[2]} {change}"
            elif (difference.place.text, difference.keyword) == (place.text, "required"):
                yield _described(difference)
        elif difference.keyword in _FACTS:
            yield from (
                _described(one)
                for one in by_field(difference)
                if one.place.text in (place.text, f"{place.text}[]")
            )


def _fields(visit: Visit) -> set[str]:
    return {name for one in (visit.before, visit.after) for name in one[1].get("properties", {})}


def _described(difference: Difference) -> str:
    keyword, values = difference.keyword, [difference.before, difference.after]
    if keyword == "required" and True in values:
        values = [value is True for value in values]
    return f"{keyword}: {' → '.join(_shown(keyword, value) for value in values)}"


def _shown(keyword: str, value: Any) -> str:
    if keyword == "type" and value is None:
        return "any"
    if isinstance(value, list) and not keyword.endswith("Of"):
        return " or ".join(map(str, value))
    return str(value) if isinstance(value, bool) else shown_value(value)


# --- report


def current(revision: str | None = None) -> Json:
    """Return the contract with the updates of the overlay applied, which add confidence labels."""
    overlay = yaml.safe_load(OVERLAY.read_text("utf-8"))
    updates = [action for action in overlay["actions"] if "update" in action]
    corrected: Json = apply_overlay(copy.deepcopy(contract(revision)), {"actions": updates})
    return corrected


def with_confirmed_labels(document: Json, other: Json) -> Json:
    """Return a document in which what another document confirms has the label `documented`."""
    result = copy.deepcopy(document)
    for place, label in labels(document, other).items():
        if label.verdict is Verdict.CONFIRMED:
            node = look_up(result, place)
            node["x-evidence"] = "documented"
            node["x-evidence-reason"] = "the service's OpenAPI document states the same"
    return result


def render(base: str) -> str:
    """Render a Markdown report of inferred objects, and of those checked since a git revision.

    Raises:
        SpecError: If the revision does not exist.
    """
    inferred, verdicts = _inferred(labels(current())), _verdicts(checked_labels(base), base)
    return "\n".join([*inferred, *verdicts]) + "\n"


def checked_labels(base: str) -> list[Label]:
    """Return the labels at a git revision that the current contract confirms, contradicts or omits."""
    found = labels(contract(base), current()).values()
    return [label for label in found if label.verdict is not None]


def _inferred(found: Labels) -> Iterator[str]:
    inferred = [label for label in found.values() if label.level == "inferred"]
    yield "# Inferred parts of the API"
    yield ""
    yield (
        f"{len(inferred)} parts of the contract are inferred. {len(found) - len(inferred)} others are "
        "not documented, but were observed in responses of the real service."
    )
    for kind in Kind:
        rows = [
            (code(label.subject), _users(label), label.reason)
            for label in sorted(inferred, key=lambda label: -len(label.operations))
            if label.kind is kind
        ]
        if rows:
            title, _, consequence = kind.partition(": ")
            yield from ("", f"## {title}", "", f"{consequence[:1].upper()}{consequence[1:]}.", "")
            yield from table(("Part", "Operations", "Reason"), rows)


def _verdicts(checked: list[Label], base: str) -> Iterator[str]:
    if not checked:
        return
    yield from ("", f"# Parts that were inferred at {base}, compared with haut.yaml", "")
    counts = [
        f"{sum(label.verdict is verdict for label in checked)} {verdict}" for verdict in Verdict
    ]
    yield f"{', '.join(counts)}."
    order = ([*Verdict], [*Kind])
    ordered = sorted(
        checked,
        key=lambda label: (
            order[0].index(label.verdict or Verdict.NOT_STATED),
            order[1].index(label.kind),
        ),
    )
    rows = []
    for label in ordered:
        contradicted = label.verdict is Verdict.CONTRADICTED
        findings = [
            text
            for text, verdict in label.findings.items()
            if not contradicted or verdict is label.verdict
        ]
        verdict = f"**{label.verdict}**" if contradicted else str(label.verdict)
        rows.append((verdict, code(label.subject), "; ".join(findings), label.reason))
    yield from ("", *table(("Verdict", "Part", "haut.yaml now", "Reason"), rows))


def _users(label: Label) -> str:
    names = sorted(label.operations)
    if len(names) > _MANY:
        return f"{len(names)} operations"
    return ", ".join(map(code, names))


_MANY = 3


def main() -> None:
    base = revision_argument(__doc__)
    try:
        print(render(base), end="")
    except SpecError as error:
        sys.exit(f"spec-evidence: {error}")


if __name__ == "__main__":
    main()
