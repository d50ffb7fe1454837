"""Compare the HTTP APIs of two OpenAPI documents, and rate each change as breaking or compatible.

haut_ext.spec_check finds the differences of each operation. This module rates them, describes each by
the operation, parameter or field that it affects, and merges those that affect several operations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from attrs import frozen

from haut_ext.spec_check.comparison import (
    MAPS,
    Difference,
    Pair,
    Place,
    compare_operations,
    servers,
    shown_value,
)
from scripts.spec.document import Json, Operation, operations, walk

_TEXTS = ("title", "summary", "description")


class Group(StrEnum):
    """Sections of the report on HTTP API changes, in the order in which they appear."""

    OPERATIONS = "Operations"
    PARAMETERS = "Parameters"
    FIELDS = "Fields"
    OTHER = "Other changes"


@frozen
class Change:
    """A change of the HTTP API, shown as one row in the report.

    Attributes:
        group: The section of the report.
        subject: The operation, parameter or field that changed.
        text: Description of the change.
        breaking: Whether a client written for the old document can fail with the new one.
        operations: Keys of the affected operations.
    """

    group: Group
    subject: str
    text: str
    breaking: bool
    operations: frozenset[str]


@frozen
class Comparison:
    """The result of comparing two HTTP APIs.

    Attributes:
        changes: All changes of the HTTP API, sorted by group; breaking changes first.
        text_changes: Number of changes in descriptions, summaries and titles.
        operations: The operations of both documents, by `Operation.key`.
    """

    changes: list[Change]
    text_changes: int
    operations: dict[str, Operation]


def compare(base: Json, revision: Json) -> Comparison:
    """Compare two OpenAPI documents.

    Raises:
        SpecError: If a document cannot be compared.
    """
    found = [change for pair in compare_operations(base, revision) for change in _changes(pair)]
    known = {operation.key: operation for one in (base, revision) for operation in operations(one)}
    before, after = servers(base), servers(revision)
    if before and after and before != after:
        moved = Difference(Place(), "servers", sorted(before), sorted(after))
        found += [_change(moved, operation.key) for operation in operations(revision)]
    order = list(Group)
    ordered = sorted(_merged(found), key=lambda row: (order.index(row.group), not row.breaking))
    return Comparison(ordered, _text_changes(base, revision), known)


def _text_changes(base: Json, revision: Json) -> int:
    """Return the number of objects that both documents have, but with different texts."""
    before, after = (
        {location: [node.get(name) for name in _TEXTS] for location, node in walk(document)}
        for document in (base, revision)
    )
    return sum(before[location] != after[location] for location in before.keys() & after.keys())


def _changes(pair: Pair) -> Iterator[Change]:
    before, after = pair.before, pair.after
    if before is None or after is None:
        [operation] = [one for one in (before, after) if one]
        text = "added" if before is None else "removed"
        yield Change(
            Group.OPERATIONS, operation.key, text, after is None, frozenset([operation.key])
        )
        return
    if before.id != after.id and (before.path, before.method) == (after.path, after.method):
        yield _change(Difference(Place(), "operationId", before.id, after.id), after.key)
    for difference in pair.differences:
        yield from (_change(one, after.key) for one in by_field(difference))


def by_field(difference: Difference) -> Iterator[Difference]:
    """Split a difference of the list `required` into differences of the fields."""
    place, before, after = difference.place, difference.before or [], difference.after or []
    if difference.keyword != "required" or place.schema is None:
        yield difference
        return
    for name in sorted({*before} ^ {*after}):
        values = name in before or None, name in after or None
        yield Difference(place.child("properties", name), "required", *values)


def _change(difference: Difference, operation: str) -> Change:
    group, subject = _subject(difference, operation)
    text = _text(difference, group)
    return Change(group, subject, text, is_breaking(difference), frozenset([operation]))


def _merged(changes: list[Change]) -> Iterator[Change]:
    """Merge the changes with the same description, and drop those that another change implies."""
    subjects: dict[tuple[Group, str], dict[str, list[Change]]] = {}
    for change in changes:
        texts = subjects.setdefault((change.group, change.subject), {})
        texts.setdefault(change.text, []).append(change)
    for (group, subject), texts in subjects.items():
        if "added" in texts and "required" in texts:
            texts["added, required"] = texts.pop("added") + texts.pop("required")
        if "removed" in texts:
            texts.pop("no longer required", None)
        for text, same in texts.items():
            breaking = any(change.breaking for change in same)
            users = frozenset[str]().union(*(change.operations for change in same))
            yield Change(group, subject, text, breaking, users)


# --- rating


def is_breaking(difference: Difference) -> bool:
    """Return whether a client written for the old document can fail with the new one.

    A request breaks if the service accepts less than before, and a response breaks if the service may
    return more than before.
    """
    place, before, after = difference.place, difference.before, difference.after
    match difference.keyword:
        case "operationId" | "deprecated":
            return False
        case "readOnly" | "writeOnly":
            return True
        case "default":
            # A changed default value changes the result for callers that omit the value.
            return not place.in_response
        case "responses" if before is None:
            # Callers treat a new success status as an error.
            return place.part[1].startswith("2")
        case "parameters" | "requestBody" if before is None:
            return bool(after.get("required"))
        case "parameters" | "requestBody" | "responses" | "content" | "headers" | "properties":
            return after is None
    if place.in_response:
        return not _allows(difference.keyword, before, after)
    return not _allows(difference.keyword, after, before)


def _allows(keyword: str, wide: Any, narrow: Any) -> bool:
    """Return whether one value of a keyword allows everything that another value allows.

    A missing keyword (None) allows anything. Two values that cannot be compared allow different things.
    """
    if wide is None or narrow is None:
        return wide is None
    match keyword:
        case "type":
            types = _as_set(wide)
            return _as_set(narrow) <= (types | {"integer"} if "number" in types else types)
        case "enum":
            return all(value in wide for value in narrow)
        case "security":
            return "none" in wide or _as_set(narrow) <= _as_set(wide)
        case "additionalProperties":
            return narrow is False
        case "oneOf options" | "anyOf options":
            return bool(wide >= narrow)
        case _ if "max" in keyword.lower():
            return bool(wide >= narrow)
        case _ if "min" in keyword.lower():
            return bool(wide <= narrow)
    return False


def _as_set(value: Any) -> set[str]:
    return set(value) if isinstance(value, list) else {value}


# --- description


def _subject(difference: Difference, operation: str) -> tuple[Group, str]:
    place = difference.place
    part, name = place.part
    if part == "parameters":
        return Group.PARAMETERS, f"{name}{place.field}"
    if place.schema is not None:
        inline = f"response {name} of" if place.in_response else "body of"
        return Group.FIELDS, f"{place.schema or f'{inline} {operation}'}{place.field}"
    if difference.keyword in ("security", "servers"):
        return Group.OTHER, difference.keyword
    return Group.OPERATIONS, operation


def _text(difference: Difference, group: Group) -> str:
    keyword, before, after = difference.keyword, difference.before, difference.after
    place = f"{difference.place.text} " if group is Group.OPERATIONS else ""
    values = f"{_shown(keyword, before)} → {_shown(keyword, after)}"
    match keyword:
        case "response":
            return f"response {values}"
        case "required":
            return place + ("required" if after else "no longer required")
        case "parameters" if after is not None and after.get("required") is True:
            return "added, required"
        case _ if keyword in MAPS:
            return f"{place}{'removed' if after is None else 'added'}"
    return f"{place}{keyword}: {values}".lstrip(": ")


def _shown(keyword: str, value: Any) -> str:
    if isinstance(value, list):
        joined = keyword in ("type", "security", "servers")
        return " or ".join(map(str, value)) if joined else json.dumps(value)
    return shown_value(value)
