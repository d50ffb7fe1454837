"""What the change of an OpenAPI document changes on the wire, and whether it can break a caller.

redocly compares and rates; it looks at requests and answers apart. This module feeds it both documents
in one form (see `document.modern`), adds the few breaks that it rates as harmless (`_also_breaks`), and
says each change in terms of operations, parameters and fields.
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
    NAMES,
    ROOT,
    Json,
    Operation,
    SpecError,
    escaped,
    look_up,
    modern,
    operations,
    pointer,
    references,
    resolve,
)

_REDOCLY = ROOT / "openapi" / "node_modules" / ".bin" / "redocly"
_CONFIG = ROOT / "openapi" / "redocly-diff.yaml"
_WORDS = {"description", "summary", "title", "termsOfService", "externalDocs", "contact", "license"}


class Group(StrEnum):
    """What a change is a change of; in the order of a report."""

    OPERATIONS = "Operations"
    PARAMETERS = "Parameters"
    FIELDS = "Fields"
    OTHER = "Elsewhere"


@frozen
class Change:
    """One change, as one row of a report."""

    group: Group
    subject: str
    text: str
    breaking: bool
    operations: frozenset[str]


@frozen
class Comparison:
    """All changes between two documents, and the operations of both by their key."""

    changes: list[Change]
    wordings: int
    operations: dict[str, Operation]


def compare(base: Json, revision: Json) -> Comparison:
    """Return what changed from one document to the other, by group, the breaking first.

    Raises:
        SpecError: If redocly does not give a report that can be trusted.
    """
    old, new = _Side.of(_comparable(base)), _Side.of(_comparable(revision))
    changes: list[Change] = []
    wordings = 0
    for found in _redocly(old.document, new.document):
        if found.get("property") in _WORDS or found["path"].startswith(("#/info", "#/tags")):
            wordings += 1
        elif not (found["typeName"] == "Schema" and found["path"].endswith(OR_NULL)):
            changes += _Reader(old, new, found).changes()
    order = list(Group)
    ordered = sorted(_together(changes), key=lambda row: (order.index(row.group), not row.breaking))
    return Comparison(ordered, wordings, old.operations | new.operations)


def _together(changes: list[Change]) -> list[Change]:
    """One row for what redocly says in two: a field added, and the same field required."""
    by_subject: dict[tuple[Group, str], list[Change]] = defaultdict(list)
    for change in changes:
        by_subject[change.group, change.subject].append(change)
    rows = []
    for (group, subject), found in by_subject.items():
        texts = list(dict.fromkeys(change.text for change in found))
        if group is Group.FIELDS and {"added", "required"} <= set(texts):
            texts = [
                "added, required",
                *(text for text in texts if text not in ("added", "required")),
            ]
        if group is Group.FIELDS and {"removed", "no longer required"} <= set(texts):
            texts.remove("no longer required")
        for text in texts:
            said = [change for change in found if change.text in (text, *text.split(", "))]
            users = frozenset[str]().union(*(change.operations for change in said))
            breaking = any(change.breaking for change in said)
            rows.append(Change(group, subject, text, breaking, users))
    # That a field is something else now says all of what was in it.
    other = tuple(
        row.subject
        for row in rows
        if row.breaking
        and row.text.startswith("type: object → ")
        and not row.text.startswith("type: object → object")
    )
    return [
        row
        for row in rows
        if not (row.subject in other and row.text.startswith("schema properties"))
        and not row.subject.startswith(tuple(f"{subject}." for subject in other))
    ]


OR_NULL = " or null"


def _comparable(document: Json) -> Json:
    """The document in the form in which redocly sees everything that counts, and nothing else.

    Without extensions and examples; with default values as texts, since it does not look into them;
    and with a component of its own for each "this component or null", since it would otherwise take
    the two for unrelated.
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
                    nullable[reference + OR_NULL] = reference
                    return {"$ref": reference + OR_NULL}
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

    result: Json = cleaned(modern(document), names=False)
    for name, reference in nullable.items():
        component = look_up(result, reference)
        kind = component.get("type", "object")
        kinds = kind if isinstance(kind, list) else [kind]
        result["components"]["schemas"][pointer(name)[-1]] = {
            **component,
            "type": list(dict.fromkeys([*kinds, "null"])),
        }
    return result


def _redocly(base: Json, revision: Json) -> list[Json]:
    if not _REDOCLY.exists():
        raise SpecError("redocly is not installed; run `make check` once")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("base.json", "revision.json")]
        for file, document in zip(files, (base, revision), strict=True):
            file.write_text(json.dumps(document), "utf-8")
        report = Path(folder) / "report.json"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        options = [f"--config={_CONFIG}", "--format=json", f"--output={report}", "--fail-on=none"]
        done = subprocess.run(
            [str(_REDOCLY), "diff", *map(str, files), *options],
            env={
                **os.environ,
                "PATH": path,  # the pinned node
                "REDOCLY_TELEMETRY": "off",
                "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not report.exists():
            raise SpecError(f"redocly cannot compare the documents: {done.stderr.strip()[-2000:]}")
        answer = json.loads(report.read_text("utf-8"))
    if answer.get("reportVersion") != "1":
        raise SpecError("redocly's report has another form than the one this is written for")
    changes: list[Json] = answer["changes"]
    return changes


@frozen
class _Side:
    """One of the two documents, and who uses which of its components in which direction."""

    document: Json
    operations: dict[str, Operation]
    users: dict[str, dict[str, set[str]]]  # component -> operation -> {"request", "answer"}

    @classmethod
    def of(cls, document: Json) -> _Side:
        found = {operation.key: operation for operation in operations(document)}
        users: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for key, operation in found.items():
            definition = operation.definition
            answers = {"responses": definition.get("responses", {})}
            request = {name: part for name, part in definition.items() if name != "responses"}
            for direction, part in (("request", request), ("answer", answers)):
                for component in _closure(document, part):
                    users[component][key].add(direction)
            inherited: list[Json] = document.get("security", [])
            for option in definition.get("security", inherited):
                for scheme in option:
                    users[f"#/components/securitySchemes/{scheme}"][key].add("request")
        return cls(document, found, users)

    def users_of(self, place: str) -> dict[str, set[str]]:
        steps = pointer(place)
        if steps[:1] == ["components"] and len(steps) > 2:
            component = "#/" + "/".join(map(escaped, steps[:3]))
            return dict(self.users.get(component, {}))
        direction = "answer" if "responses" in steps else "request"
        return {
            key: {direction}
            for key, operation in self.operations.items()
            if steps[:1] == ["servers"]
            or (steps[:2] == ["paths", operation.path] and steps[2:3] in ([], [operation.method]))
        }


def _closure(document: Json, part: Json) -> set[str]:
    todo: list[Any] = [part]
    seen: set[str] = set()
    while todo:
        for _, reference in references(todo.pop()):
            component = "/".join(reference.split("/")[:4])
            if component not in seen:
                seen.add(component)
                todo.append(look_up(document, component))
    return seen


class _Reader:
    """Says one of redocly's changes in our terms."""

    def __init__(self, old: _Side, new: _Side, found: Json) -> None:
        self.old, self.new, self.found = old, new, found
        self.property: str | None = found.get("property")
        self.kind: str = found["kind"]
        self.type: str = found["typeName"]
        self.path = pointer(found["path"])
        self.before: str | None = found["base"]["pointer"] if "base" in found else None
        self.after: str | None = found["revision"]["pointer"] if "revision" in found else None
        self.users = self._users()

    def _users(self) -> dict[str, set[str]]:
        """The operations that the change reaches, each with the directions in which it does."""
        before = self.old.users_of(self.before) if self.before else {}
        after = self.new.users_of(self.after) if self.after else {}
        if self.before and self.after and (both := before.keys() & after.keys()):
            return {key: after[key] for key in both}
        return after or before

    def changes(self) -> Iterator[Change]:
        breaking = self.found["impact"] == "major" or self._also_breaks()
        group = self._group()
        if self.type == "PathItem" and self.kind != "modified":
            for key in self.users:
                yield self._change(group, key, self.kind, breaking, [key])
        elif self.property == "required" and group is Group.FIELDS:
            before, after = self._value("base") or [], self._value("revision") or []
            for name in [name for name in before if name not in after]:
                yield self._change(group, f"{self._field()}.{name}", "no longer required", breaking)
            for name in [name for name in after if name not in before]:
                yield self._change(group, f"{self._field()}.{name}", "required", breaking)
        else:
            yield self._change(group, self._subject(group), self._text(group), breaking)

    def _change(
        self, group: Group, subject: str, text: str, breaking: bool, keys: list[str] | None = None
    ) -> Change:
        shown = self.users if keys is None else keys
        return Change(group, subject, text, breaking, frozenset(shown))

    # --- what redocly rates as harmless

    def _also_breaks(self) -> bool:
        request = any("request" in directions for directions in self.users.values())
        if self.kind == "added" and self.type == "RequestBody":
            # A body that must be there now.
            body = look_up(self.new.document, str(self.after))
            return bool(resolve(self.new.document, body).get("required"))
        if self.kind == "added" and self.type == "Response":
            # A success that callers do not read as one, whatever it holds.
            return self.path[-1].startswith("2")
        if self.kind == "removed" and self.type == "Schema" and self.path[-2] == "properties":
            # What is still sent there is refused, or ignored without a word.
            return request
        if self.property == "default":
            # Whoever leaves it out gets something else.
            return request
        return self.property in ("readOnly", "writeOnly")

    # --- what it is a change of

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
                return f"{_words(section[:1].upper() + section[1:])[:-1]} {name}"
        return self.path[0]

    def _parameter(self) -> str | None:
        for side, place in ((self.old, self.before), (self.new, self.after)):
            steps = pointer(place or "")
            for end in range(len(steps), 2, -1):
                node = look_up(side.document, "#/" + "/".join(map(escaped, steps[:end])))
                if steps[end - 2] == "parameters" and isinstance(node, dict):
                    found = resolve(side.document, node)
                    return f"{found['name']} ({found['in']})"
        return None

    def _field(self) -> str:
        """The field by the schema that both documents find it in: `Subject.company.name`.

        Follows the place through both documents at once; where they go different ways, it keeps to
        the last name that they share.
        """
        nodes: list[Any] = [self.old.document, self.new.document]
        sides = (self.old.document, self.new.document)
        label, inside, apart = "", False, False
        steps = iter(self.path)
        previous = ""
        for step in steps:
            nodes = [_below(node, step) for node in nodes]
            if inside:
                label += _shown_step(previous, step)
            elif step == "schema" and not label:
                inside = True
                method, path = self.path[2].upper(), self.path[1]
                answer = f"answer {self.path[4]}" if self.path[3] == "responses" else "body"
                label = f"{answer} of {method} {path}"
            elif previous == "schemas":
                label, inside = step, True
            previous = "" if previous in _FIELD_TABLES else step
            targets = {node.get("$ref") for node in nodes if isinstance(node, dict)}
            apart = apart or len(targets) > 1
            while any(isinstance(node, dict) and "$ref" in node for node in nodes):
                nodes = [
                    look_up(side, node["$ref"])
                    if isinstance(node, dict) and "$ref" in node
                    else node
                    for side, node in zip(sides, nodes, strict=True)
                ]
            [target, *_] = [*targets, None]
            if not apart and isinstance(target, str) and (name := pointer(target))[1] == "schemas":
                label, inside = name[2], True
        return label.replace(OR_NULL, "")

    # --- how it is said

    def _text(self, group: Group) -> str:
        detail = ""
        match self.path:
            case ["paths", _, _, "responses", status, *rest] if group is Group.OPERATIONS and rest:
                detail = f"answer {status}: "
        if self.property == "key":
            before, after = pointer(str(self.before))[-1], pointer(str(self.after))[-1]
            return f"{detail}{_words(self.type)} {before} → {after}"
        if self.property == "required":
            subject = "" if self.type == "Parameter" else f"{_words(self.type)} "
            return subject + ("required" if self._value("revision") else "no longer required")
        if self.property:
            return f"{detail}{self.property}: {self._shown('base')} → {self._shown('revision')}"
        match self.type:
            case "Parameter" | "Operation":
                what = ""
            case "Schema" if self.path[-2] in ("oneOf", "anyOf", "allOf"):
                what = f"option of {self.path[-2]} "
            case "Schema" if self.path[-2] == "properties":
                what = ""
            case "Response" | "MediaType" | "Header":
                what = f"{_words(self.type)} {self.path[-1]} "
            case _:
                what = f"{_words(self.type)} "
        rules = {verdict["ruleId"] for verdict in self.found["verdicts"]}
        required = ", required" if rules & {"parameter-became-required"} else ""
        return f"{detail}{what}{self.kind}{required}"

    def _value(self, side: str) -> Any:
        return self.found.get(side, {}).get("value")

    def _shown(self, side: str) -> str:
        value = self._value(side)
        if value is None:
            return "none"
        if self.property == "default":
            value = json.loads(value)
        if self.property == "type" and isinstance(value, list):
            return " or ".join(map(str, value))
        return value if isinstance(value, str) else json.dumps(value)


def _below(node: Any, step: str) -> Any:
    if isinstance(node, dict):
        return node.get(step)
    if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
        return node[int(step)]
    return None


_FIELD_TABLES = ("properties", "patternProperties")


def _shown_step(previous: str, step: str) -> str:
    """A step inside of a schema as a person would write it: `.results[].name`."""
    if previous in _FIELD_TABLES:
        return f".{step}"
    return {"items": "[]", "additionalProperties": ".*"}.get(step, "")


def _words(name: str) -> str:
    """`RequestBody` as `request body`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
