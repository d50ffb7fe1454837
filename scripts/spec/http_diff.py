"""Compare the HTTP APIs of two OpenAPI documents, and rate each change as breaking or compatible.

redocly compares the documents and rates the changes. This module normalizes both documents first (see
`document.comparable`), overrides redocly's rating where it is too low (`_is_underrated`), and
describes each change by the operation, parameter or field that it affects.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import frozen

from scripts.spec.document import (
    METHODS,
    NAMES,
    ROOT,
    Json,
    Operation,
    SpecError,
    comparable,
    escaped,
    look_up,
    operations,
    pointer,
    references,
    resolve,
    without,
)

_REDOCLY = ROOT / "openapi" / "node_modules" / ".bin" / "redocly"
_CONFIG = ROOT / "openapi" / "redocly-diff.yaml"
_TEXTS = {"description", "summary", "title", "termsOfService", "externalDocs", "contact", "license"}
_OR_NULL = " or null"


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
        text_changes: Number of changes in descriptions, summaries and titles, except descriptions of
            parameters.
        operations: The operations of both documents, by `Operation.key`.
    """

    changes: list[Change]
    text_changes: int
    operations: dict[str, Operation]


def compare(base: Json, revision: Json) -> Comparison:
    """Compare two OpenAPI documents.

    Raises:
        SpecError: If redocly fails, or if its report has an unknown format.
    """
    old, new = _Document.of(_normalized(base)), _Document.of(_normalized(revision))
    changes: list[Change] = []
    text_changes = 0
    for reported in _run_redocly(old.content, new.content):
        path = reported["path"]
        if reported.get("property") in _TEXTS or path.startswith(("#/info", "#/tags")):
            text_changes += 1
        elif not (reported["typeName"] == "Schema" and path.endswith(_OR_NULL)):
            changes += _RedoclyChange(old, new, reported).changes()
    order = list(Group)
    ordered = sorted(_merged(changes), key=lambda row: (order.index(row.group), not row.breaking))
    return Comparison(ordered, text_changes, old.operations | new.operations)


def _merged(changes: list[Change]) -> list[Change]:
    """Merge changes with the same subject, and drop changes that another change implies.

    For example, redocly reports a new required field both as an added field and as a field that became
    required.
    """
    by_subject: dict[tuple[Group, str], list[Change]] = defaultdict(list)
    for change in changes:
        by_subject[change.group, change.subject].append(change)
    rows = []
    for (group, subject), found in by_subject.items():
        texts = list(dict.fromkeys(change.text for change in found))
        if group is Group.FIELDS and {"added", "required"} <= set(texts):
            others = [text for text in texts if text not in ("added", "required")]
            texts = ["added, required", *others]
        if group is Group.FIELDS and {"removed", "no longer required"} <= set(texts):
            texts.remove("no longer required")
        for text in texts:
            same = [change for change in found if change.text in (text, *text.split(", "))]
            users = frozenset[str]().union(*(change.operations for change in same))
            breaking = any(change.breaking for change in same)
            rows.append(Change(group, subject, text, breaking, users))
    # If a schema is no longer an object, do not report the changes of its fields.
    replaced = tuple(
        row.subject
        for row in rows
        if row.breaking and re.match("type: object → (?!object)", row.text)
    )
    return [
        row
        for row in rows
        if not (row.subject in replaced and row.text.startswith("schema properties"))
        and not row.subject.startswith(tuple(f"{subject}." for subject in replaced))
    ]


def _normalized(document: Json) -> Json:
    """Return the document in a form that redocly compares completely and without false positives.

    Extensions and examples are removed. References to parameters are replaced by the parameters without
    their descriptions, because redocly considers a parameter with a very different description as
    another parameter. Default values are replaced by their JSON text, because redocly does not compare
    default values that are objects. Each nullable reference to a component is moved to a component of
    its own, because redocly would otherwise not relate it to the component.
    """
    nullable: dict[str, str] = {}

    def cleaned(node: Any, *, names: bool) -> Any:
        if isinstance(node, list):
            return [cleaned(item, names=False) for item in node]
        if not isinstance(node, dict):
            return node
        if not names:
            match node.get("oneOf"):
                case [{"$ref": str(reference)}, {"type": "null"}]:
                    nullable[reference + _OR_NULL] = reference
                    return {"$ref": reference + _OR_NULL}
        kept = {}
        for key, value in node.items():
            if names:
                kept[key] = cleaned(value, names=False)
            elif key == "default":
                kept[key] = json.dumps(value)
            elif not key.startswith("x-") and key not in ("example", "examples"):
                table = key in NAMES and isinstance(value, dict)
                kept[key] = cleaned(value, names=table)
        return kept

    document = comparable(document)
    for item in document["paths"].values():
        for owner in (item, *(item[method] for method in METHODS if method in item)):
            if "parameters" in owner:
                resolved = [resolve(document, one) for one in owner["parameters"]]
                owner["parameters"] = [without(one, "description") for one in resolved]
    document.get("components", {}).pop("parameters", None)
    result: Json = cleaned(document, names=False)
    for name, reference in nullable.items():
        component = look_up(result, reference)
        kind = component.get("type", "object")
        kinds = kind if isinstance(kind, list) else [kind]
        result["components"]["schemas"][pointer(name)[-1]] = {
            **component,
            "type": list(dict.fromkeys([*kinds, "null"])),
        }
    return result


def _run_redocly(base: Json, revision: Json) -> list[Json]:
    if not _REDOCLY.exists():
        raise SpecError("redocly is not installed; run `make check` to install it")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("base.json", "revision.json")]
        for file, document in zip(files, (base, revision), strict=True):
            file.write_text(json.dumps(document), "utf-8")
        output = Path(folder) / "report.json"
        # Use the Node.js executable installed in the virtual environment.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        options = [f"--config={_CONFIG}", "--format=json", f"--output={output}", "--fail-on=none"]
        done = subprocess.run(
            [str(_REDOCLY), "diff", *map(str, files), *options],
            env={
                **os.environ,
                "PATH": path,
                "REDOCLY_TELEMETRY": "off",
                "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not output.exists():
            raise SpecError(f"redocly cannot compare the documents: {done.stderr.strip()[-2000:]}")
        report = json.loads(output.read_text("utf-8"))
    if report.get("reportVersion") != "1":
        raise SpecError(f"unknown version of redocly's report: {report.get('reportVersion')}")
    changes: list[Json] = report["changes"]
    return changes


@frozen
class _Document:
    """One of the two OpenAPI documents that are compared.

    Attributes:
        content: The normalized document.
        operations: The operations by their key.
        users: The operations that use each component, each with the directions of that use: "request",
            "response" or both.
    """

    content: Json
    operations: dict[str, Operation]
    users: dict[str, dict[str, set[str]]]

    @classmethod
    def of(cls, content: Json) -> _Document:
        found = {operation.key: operation for operation in operations(content)}
        users: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for key, operation in found.items():
            definition = operation.definition
            responses = {"responses": definition.get("responses", {})}
            request = {name: part for name, part in definition.items() if name != "responses"}
            for direction, part in (("request", request), ("response", responses)):
                for component in _referenced_components(content, part):
                    users[component][key].add(direction)
            inherited: list[Json] = content.get("security", [])
            for option in definition.get("security", inherited):
                for scheme in option:
                    users[f"#/components/securitySchemes/{scheme}"][key].add("request")
        return cls(content, found, users)

    def users_of(self, place: str) -> dict[str, set[str]]:
        """Return the operations that use the object at a JSON pointer, and the directions of use."""
        steps = pointer(place)
        if steps[:1] == ["components"] and len(steps) > 2:
            return dict(self.users.get(_joined(steps[:3]), {}))
        direction = "response" if "responses" in steps else "request"
        return {
            key: {direction}
            for key, operation in self.operations.items()
            if steps[:1] == ["servers"]
            or (steps[:2] == ["paths", operation.path] and steps[2:3] in ([], [operation.method]))
        }


def _joined(steps: list[str]) -> str:
    return "#/" + "/".join(map(escaped, steps))


def _referenced_components(document: Json, part: Json) -> set[str]:
    """Return the components referenced, directly or indirectly, by a part of the document."""
    todo: list[Any] = [part]
    found: set[str] = set()
    while todo:
        for _, reference in references(todo.pop()):
            component = "/".join(reference.split("/")[:4])
            if component not in found:
                found.add(component)
                todo.append(look_up(document, component))
    return found


class _RedoclyChange:
    """Converts one entry in redocly's report to `Change` objects."""

    def __init__(self, old: _Document, new: _Document, entry: Json) -> None:
        self.old, self.new, self.entry = old, new, entry
        self.property: str | None = entry.get("property")
        self.kind: str = entry["kind"]
        self.type: str = entry["typeName"]
        self.path = pointer(entry["path"])
        self.before: str | None = entry["base"]["pointer"] if "base" in entry else None
        self.after: str | None = entry["revision"]["pointer"] if "revision" in entry else None
        self.users = self._users()

    def _users(self) -> dict[str, set[str]]:
        """Return the operations that the change affects, each with "request", "response" or both."""
        before = self.old.users_of(self.before) if self.before else {}
        after = self.new.users_of(self.after) if self.after else {}
        if self.before and self.after and (both := before.keys() & after.keys()):
            return {key: after[key] for key in both}
        return after or before

    def changes(self) -> Iterator[Change]:
        """Yield the changes for the report."""
        breaking = self.entry["impact"] == "major" or self._is_underrated()
        group = self._group()

        def row(subject: str, text: str) -> Change:
            return Change(group, subject, text, breaking, frozenset(self.users))

        if self.type == "PathItem" and self.kind != "modified":
            for key in self.users:
                yield Change(group, key, self.kind, breaking, frozenset([key]))
        elif self.property == "required" and group is Group.FIELDS:
            before, after = self._value("base") or [], self._value("revision") or []
            for name in [name for name in before if name not in after]:
                yield row(f"{self._field()}.{name}", "no longer required")
            for name in [name for name in after if name not in before]:
                yield row(f"{self._field()}.{name}", "required")
        else:
            yield row(self._subject(group), self._text(group))

    def _is_underrated(self) -> bool:
        """Return whether the change is breaking although redocly rates it as compatible."""
        request = any("request" in directions for directions in self.users.values())
        if self.kind == "added" and self.type == "RequestBody":
            # A new required body breaks existing callers, because they do not send it.
            body = look_up(self.new.content, str(self.after))
            return bool(resolve(self.new.content, body).get("required"))
        if self.kind == "added" and self.type == "Response":
            # A new success status breaks existing callers, because they treat it as an error.
            return self.path[-1].startswith("2")
        if self.kind == "removed" and self.type == "Schema" and self.path[-2] == "properties":
            # A removed request field breaks callers that send it: the service rejects or ignores
            # it.
            return request
        if self.property == "default":
            # A changed default value changes the result for callers that omit the value.
            return request
        return self.property in ("readOnly", "writeOnly")

    # --- subject

    def _group(self) -> Group:
        if self._parameter() is not None:
            return Group.PARAMETERS
        if "schema" in self.path or self.path[:2] == ["components", "schemas"]:
            return Group.FIELDS
        return Group.OPERATIONS if self.path[0] == "paths" else Group.OTHER

    def _subject(self, group: Group) -> str:
        match group:
            case Group.PARAMETERS:
                return str(self._parameter())
            case Group.FIELDS:
                return self._field()
            case Group.OPERATIONS:
                return next(iter(self.users)) if len(self.users) == 1 else self.path[1]
        match self.path:
            case ["components", section, name, *_]:
                return f"{_spaced(section[:1].upper() + section[1:])[:-1]} {name}"
        return self.path[0]

    def _parameter(self) -> str | None:
        for document, place in ((self.old, self.before), (self.new, self.after)):
            steps = pointer(place or "")
            for end in range(len(steps), 2, -1):
                node = look_up(document.content, _joined(steps[:end]))
                if steps[end - 2] == "parameters" and isinstance(node, dict):
                    found = resolve(document.content, node)
                    return f"{found['name']} ({found['in']})"
        return None

    def _field(self) -> str:
        """Return a field's name relative to a schema in both documents, such as `Subject.name`.

        The method follows the pointer through both documents in parallel. As soon as they refer to
        different components, it keeps the last schema name that they had in common.
        """
        nodes: list[Any] = [self.old.content, self.new.content]
        documents = (self.old.content, self.new.content)
        label, in_schema, diverged = "", False, False
        previous = ""
        for step in self.path:
            nodes = [_child(node, step) for node in nodes]
            if in_schema:
                label += _field_step(previous, step)
            elif step == "schema" and not label:
                in_schema = True
                method, path = self.path[2].upper(), self.path[1]
                part = f"response {self.path[4]}" if self.path[3] == "responses" else "body"
                label = f"{part} of {method} {path}"
            elif previous == "schemas":
                label, in_schema = step, True
            previous = "" if previous in _PROPERTY_TABLES else step
            targets = {node.get("$ref") for node in nodes if isinstance(node, dict)}
            diverged = diverged or len(targets) > 1
            nodes = [
                resolve(document, node) if isinstance(node, dict) else node
                for document, node in zip(documents, nodes, strict=True)
            ]
            target = next(iter(targets), None)
            if not diverged and target is not None and pointer(target)[1] == "schemas":
                label, in_schema = pointer(target)[2], True
        return label.replace(_OR_NULL, "")

    # --- text

    def _text(self, group: Group) -> str:
        prefix = ""
        match self.path:
            case ["paths", _, _, "responses", status, *rest] if group is Group.OPERATIONS and rest:
                prefix = f"response {status}: "
        if self.property == "key":
            before, after = pointer(str(self.before))[-1], pointer(str(self.after))[-1]
            return f"{prefix}{_spaced(self.type)} {before} → {after}"
        if self.property == "required":
            subject = "" if self.type == "Parameter" else f"{_spaced(self.type)} "
            return subject + ("required" if self._value("revision") else "no longer required")
        if self.property:
            values = f"{self._shown_value('base')} → {self._shown_value('revision')}"
            return f"{prefix}{self.property}: {values}"
        match self.type:
            case "Parameter" | "Operation":
                subject = ""
            case "Schema" if self.path[-2] in ("oneOf", "anyOf", "allOf"):
                subject = f"option of {self.path[-2]} "
            case "Schema" if self.path[-2] == "properties":
                subject = ""
            case "Response" | "MediaType" | "Header":
                subject = f"{_spaced(self.type)} {self.path[-1]} "
            case _:
                subject = f"{_spaced(self.type)} "
        rules = {verdict["ruleId"] for verdict in self.entry["verdicts"]}
        required = ", required" if "parameter-became-required" in rules else ""
        return f"{prefix}{subject}{self.kind}{required}"

    def _value(self, version: str) -> Any:
        return self.entry.get(version, {}).get("value")

    def _shown_value(self, version: str) -> str:
        value = self._value(version)
        if value is None:
            return "none"
        if self.property == "default":
            value = json.loads(value)
        if self.property == "type" and isinstance(value, list):
            return " or ".join(map(str, value))
        return value if isinstance(value, str) else json.dumps(value)


def _child(node: Any, step: str) -> Any:
    if isinstance(node, dict):
        return node.get(step)
    if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
        return node[int(step)]
    return None


_PROPERTY_TABLES = ("properties", "patternProperties")


def _field_step(previous: str, step: str) -> str:
    """Return a pointer step's part of a field name, such as `.name` or `[]` in `.results[].name`."""
    if previous in _PROPERTY_TABLES:
        return f".{step}"
    return {"items": "[]", "additionalProperties": ".*"}.get(step, "")


def _spaced(name: str) -> str:
    """Convert a camel-case name to words: `RequestBody` becomes `request body`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
