"""List what is only inferred about the API, and what a pulled document says to it.

A mark (`x-evidence`) stands in haut.yaml, or in the update of an overlay action, on the object that it
speaks of. A pulled document has none; so the marks of an earlier revision are followed, operation by
operation, to the same place in the document of today, and compared with what stands there. Names of
components play no part in that: another author has other names.
"""

from __future__ import annotations

import argparse
import copy
import re
import sys
from collections.abc import Iterator
from enum import StrEnum

import yaml
from attrs import define, field, frozen
from oas_patch.overlay import apply_overlay

from scripts.generate import OVERLAY
from scripts.spec.diff import at_revision
from scripts.spec.document import (
    SPEC,
    Json,
    Operation,
    SpecError,
    modern,
    operations,
    parse,
    pointer,
    resolve,
)


class Kind(StrEnum):
    """What a mark stands on, the most consequential first."""

    OPERATION = "Operations: a wrong one fails whatever is sent"
    REQUIRED = "Required parameters: a wrong one fails the call"
    BODY = "Request bodies and their fields: a wrong one is refused, or ignored without a word"
    SUCCESS = "Statuses of success: a wrong one makes a success look like a failure"
    QUERY = "Optional parameters: a wrong name is ignored without a word"
    FIELD = "Fields of answers: a wrong type or null fails the reading"
    ERROR = "Errors: a wrong one is told by its status alone"


class Verdict(StrEnum):
    """What another document says to a mark; of several uses the first of these counts."""

    CONTRADICTED = "contradicted"
    NOT_SAID = "not said"
    CONFIRMED = "confirmed"


@define
class Mark:
    """Something that is not documented, wherever it is used."""

    kind: Kind
    subject: str
    level: str
    reason: str
    operations: set[str] = field(factory=set)
    findings: dict[str, Verdict] = field(factory=dict)  # in words -> what it amounts to

    @property
    def verdict(self) -> Verdict | None:
        """What counts of the findings; none where the mark still stands."""
        return next((verdict for verdict in Verdict if verdict in self.findings.values()), None)


Marks = dict[str, Mark]
"""By place."""


@frozen
class _Pair:
    """The same thing in two documents: the marked one, and what another has in its place."""

    ours: Json
    theirs: Json | None


# --- collecting


def marks(document: Json, other: Json | None = None) -> Marks:
    """Return the marks of a document, each with what another document says to it, if one is given."""
    document, theirs = modern(document), modern(other) if other else None
    found: Marks = {}
    counterparts = {} if theirs is None else {_route(item): item for item in operations(theirs)}
    for operation in operations(document):
        collector = _Collector(document, theirs, operation, found)
        collector.collect(counterparts.get(_route(operation)))
    return found


def _route(operation: Operation) -> tuple[str, str]:
    """What makes two operations the same: not what their path parameters are called."""
    return operation.method, re.sub(r"{[^}]*}", "{}", operation.path)


class _Collector:
    """Collects the marks that one operation reaches."""

    def __init__(
        self, document: Json, other: Json | None, operation: Operation, found: Marks
    ) -> None:
        self.document, self.other, self.operation, self.found = document, other, operation, found

    def collect(self, counterpart: Operation | None) -> None:
        ours = self.operation.definition
        theirs = counterpart.definition if counterpart else None
        place = f"#/paths/{self.operation.key}"
        absent = {"is not there": Verdict.CONTRADICTED}
        self._mark(
            place,
            ours,
            Kind.OPERATION,
            self.operation.id,
            theirs,
            {"is there": Verdict.CONFIRMED} if theirs else absent,
        )
        self._parameters(place, ours, theirs)
        if "requestBody" in ours:
            self._body(f"{place}/requestBody", ours["requestBody"], theirs)
        for status, response in ours.get("responses", {}).items():
            self._response(f"{place}/responses/{status}", status, response, theirs)

    def _mark(
        self,
        place: str,
        node: Json,
        kind: Kind,
        subject: str,
        theirs: Json | None,
        findings: dict[str, Verdict],
    ) -> None:
        if "x-evidence" not in node:
            return
        mark = self.found.setdefault(
            place, Mark(kind, subject, node["x-evidence"], node["x-evidence-reason"])
        )
        # A thing is as consequential as its gravest use.
        mark.kind = min(mark.kind, kind, key=list(Kind).index)
        mark.operations.add(self.operation.id)
        if self.other is not None and (theirs is None or "x-evidence" not in theirs):
            mark.findings.update(findings)

    def _resolved(self, place: str, pair: _Pair) -> tuple[str, _Pair]:
        """A pair with its references followed, and the place where our side of it stands."""
        ours, theirs = pair.ours, pair.theirs
        while isinstance(ours.get("$ref"), str):
            place = ours["$ref"]
            ours = resolve(self.document, {"$ref": place})
        if theirs is not None and self.other is not None:
            theirs = resolve(self.other, theirs)
        return place, _Pair(ours, theirs)

    # --- the parts of an operation

    def _parameters(self, place: str, ours: Json, theirs: Json | None) -> None:
        there = [resolve(self.other or {}, item) for item in (theirs or {}).get("parameters", [])]
        in_path = [item for item in there if item["in"] == "path"]
        position = 0
        for index, parameter in enumerate(ours.get("parameters", [])):
            where, pair = self._resolved(f"{place}/parameters/{index}", _Pair(parameter, None))
            known = pair.ours
            if known["in"] == "path":
                # By place: another name in the path is the same on the wire.
                found = in_path[position] if position < len(in_path) else None
                position += 1
            else:
                same = (known["in"], known["name"])
                found = next((item for item in there if (item["in"], item["name"]) == same), None)
            if theirs is None:
                findings = _NO_OPERATION
            elif found is None:
                names = [item["name"] for item in there if item["in"] == known["in"]]
                words = f"not there, but {', '.join(names) or 'none'}"
                findings = {words: Verdict.CONTRADICTED}
            else:
                findings = _compared(_parameter_facts(known), _parameter_facts(found))
            kind = Kind.REQUIRED if known.get("required") else Kind.QUERY
            subject = f"{known['name']} ({known['in']})"
            self._mark(where, known, kind, subject, found, findings)

    def _body(self, place: str, body: Json, theirs: Json | None) -> None:
        where, pair = self._resolved(place, _Pair(body, (theirs or {}).get("requestBody")))
        if theirs is None:
            findings = _NO_OPERATION
        elif pair.theirs is None:
            findings = {"there is no body": Verdict.CONTRADICTED}
        else:
            required = [
                {"required": part.get("required", False)} for part in (pair.ours, pair.theirs)
            ]
            findings = _compared(*required)
        subject = f"body of {self.operation.id}"
        self._mark(where, pair.ours, Kind.BODY, subject, pair.theirs, findings)
        self._content(where, pair, Kind.BODY, subject)

    def _response(self, place: str, status: str, response: Json, theirs: Json | None) -> None:
        answers = (theirs or {}).get("responses", {})
        where, pair = self._resolved(place, _Pair(response, answers.get(status)))
        success = status.startswith("2")
        others = [known for known in answers if known.startswith("2")]
        if theirs is None:
            findings = _NO_OPERATION
        elif pair.theirs is not None:
            findings = {f"{status} is there": Verdict.CONFIRMED}
        elif success and others:
            findings = {f"succeeds with {', '.join(others)}": Verdict.CONTRADICTED}
        else:
            # Few documents list their errors; what they leave out may come all the same.
            findings = {f"has no {status}": Verdict.NOT_SAID}
        shared = where.startswith("#/components")
        subject = (
            f"{pointer(where)[-1]} ({status})" if shared else f"{status} of {self.operation.id}"
        )
        kind = Kind.SUCCESS if success else Kind.ERROR
        self._mark(where, pair.ours, kind, subject, pair.theirs, findings)
        field_kind = Kind.FIELD if success else Kind.ERROR
        self._content(where, pair, field_kind, subject)

    def _content(self, place: str, pair: _Pair, kind: Kind, subject: str) -> None:
        there = (pair.theirs or {}).get("content", {})
        for media, content in pair.ours.get("content", {}).items():
            if "schema" in content:
                # An answer that another status gives is still the same answer's fields.
                schemas = _Pair(content["schema"], there.get(media, {}).get("schema"))
                self._schema(f"{place}/{media}", schemas, kind, subject, frozenset())

    def _schema(
        self, place: str, pair: _Pair, kind: Kind, subject: str, above: frozenset[str]
    ) -> None:
        node = pair.ours
        where, pair = self._resolved(place, pair)
        if where in above:
            return
        if "$ref" in node and where.startswith("#/components/schemas/"):
            subject = pointer(where)[-1]
        above |= {where}
        findings = _compared(_object_facts(pair.ours), _object_facts(pair.theirs))
        self._mark(where, pair.ours, kind, subject, pair.theirs, findings)
        for option in pair.ours.get("oneOf", []):
            there = self._option_like(option, pair.theirs)
            self._schema(f"{where}/oneOf", _Pair(option, there), kind, subject, above)
        if isinstance(pair.ours.get("items"), dict):
            items = _Pair(pair.ours["items"], (pair.theirs or {}).get("items"))
            self._schema(f"{where}/items", items, kind, subject, above)
        for name, known in pair.ours.get("properties", {}).items():
            there = None if pair.theirs is None else pair.theirs.get("properties", {}).get(name)
            label = f"{subject}.{name}"
            inner = f"{where}/properties/{name}"
            if pair.theirs is None:
                findings = {"nothing to compare with": Verdict.NOT_SAID}
            elif there is None:
                names = ", ".join(pair.theirs.get("properties", {})) or "none"
                findings = {f"not there, but {names}": Verdict.CONTRADICTED}
            else:
                findings = _compared(
                    self._field_facts(self.document, pair.ours, name),
                    self._field_facts(self.other or {}, pair.theirs, name),
                )
            self._mark(inner, known, kind, label, there, findings)
            bare = {key: value for key, value in known.items() if key != "x-evidence"}
            self._schema(inner, _Pair(bare, there), kind, label, above)

    def _option_like(self, option: Json, theirs: Json | None) -> Json | None:
        """What another document has for one option of ours: the one of its type, or else the first."""
        if theirs is None:
            return None
        wanted = _type_facts(self.document, option)["type"]
        options: list[Json] = theirs.get("oneOf") or theirs.get("anyOf") or [theirs]
        same = (found for found in options if self._type_there(found) == wanted)
        return next(same, options[0])

    def _type_there(self, schema: Json) -> str:
        return str(_type_facts(self.other or {}, schema)["type"])

    def _field_facts(self, document: Json, parent: Json, name: str) -> Json:
        return {
            **_type_facts(document, parent["properties"][name]),
            "required": name in parent.get("required", []),
        }


_NO_OPERATION = {"the operation is not there": Verdict.NOT_SAID}


# --- comparing


def _type_facts(document: Json, schema: Json) -> Json:
    """What a value must be: types, null among them, and their format."""
    schema = resolve(document, schema)
    types = schema.get("type", [])
    kinds = set(types if isinstance(types, list) else [types])
    facts: Json = {key: schema[key] for key in ("format", "enum") if key in schema}
    options: list[Json] = schema.get("oneOf") or schema.get("anyOf") or []
    for option in options:
        inner = _type_facts(document, option)
        kinds |= set(inner.pop("type").split(" or "))
        facts |= inner
    if isinstance(schema.get("items"), dict):
        inner = _type_facts(document, schema["items"])
        facts["items"] = inner["type"] + (f" ({inner['format']})" if "format" in inner else "")
    return {
        "type": " or ".join(sorted(kinds, key=lambda kind: (kind == "null", kind))) or "any",
        **facts,
    }


def _parameter_facts(parameter: Json) -> Json:
    schema = parameter.get("schema", {})
    kinds: Json = _type_facts({}, schema) if "$ref" not in schema else {}
    style: Json = {key: parameter[key] for key in ("style", "explode") if key in parameter}
    return {**kinds, "required": parameter.get("required", False), **style}


def _object_facts(schema: Json | None) -> Json | None:
    if schema is None:
        return None
    return {
        "fields": ", ".join(sorted(schema.get("properties", {}))) or "none",
        "required": ", ".join(sorted(schema.get("required", []))) or "none",
    }


def _compared(ours: Json | None, theirs: Json | None) -> dict[str, Verdict]:
    if ours is None or theirs is None:
        return {"nothing to compare with": Verdict.NOT_SAID}
    # What follows from OpenAPI when it is left out.
    defaults = {"style": "form", "explode": True}
    different = [
        f"{key}: {ours.get(key, defaults.get(key, 'none'))}, there "
        f"{theirs.get(key, defaults.get(key, 'none'))}"
        for key in dict.fromkeys([*ours, *theirs])
        if ours.get(key, defaults.get(key)) != theirs.get(key, defaults.get(key))
    ]
    if different:
        return {"; ".join(different): Verdict.CONTRADICTED}
    return {"the same there": Verdict.CONFIRMED}


# --- the report


def current() -> Json:
    """Return haut.yaml with the marks that the overlay's updates add."""
    document = parse(SPEC.read_text("utf-8"), SPEC.name)
    overlay = yaml.safe_load(OVERLAY.read_text("utf-8"))
    updates = [action for action in overlay["actions"] if "update" in action]
    corrected: Json = apply_overlay(copy.deepcopy(document), {"actions": updates})
    return corrected


def render(base: str) -> str:
    """Return the list in Markdown, with what has become of the marks since a git revision.

    Raises:
        SpecError: If the revision does not exist.
    """
    now = current()
    found = marks(now)
    before = marks(parse(at_revision(base, "openapi/haut.yaml"), f"{SPEC.name} at {base}"), now)
    judged = [mark for mark in before.values() if mark.verdict is not None]
    return "\n".join([*_listed(found), *_judged(judged, base)]) + "\n"


def _listed(found: Marks) -> Iterator[str]:
    inferred = [mark for mark in found.values() if mark.level == "inferred"]
    observed = len(found) - len(inferred)
    yield "# What is only inferred about the API"
    yield ""
    yield (
        f"{len(inferred)} things are inferred. {observed} more stand in no document, but were "
        "observed in real answers."
    )
    for kind in Kind:
        rows = [mark for mark in inferred if mark.kind is kind]
        if rows:
            title, _, consequence = kind.partition(": ")
            yield from ("", f"## {title}", "", f"{consequence[:1].upper()}{consequence[1:]}.", "")
            yield from ("| What | In | Inferred because |", "|---|---|---|")
        for mark in sorted(rows, key=lambda mark: -len(mark.operations)):
            yield f"| `{mark.subject}` | {_users(mark)} | {mark.reason} |"


def _judged(judged: list[Mark], base: str) -> Iterator[str]:
    if not judged:
        return
    yield from ("", f"# What haut.yaml says now to what was inferred at {base}", "")
    counts = [f"{sum(mark.verdict is verdict for mark in judged)} {verdict}" for verdict in Verdict]
    yield f"{', '.join(counts)}."
    order = [*Verdict]
    kinds = [*Kind]
    yield from ("", "| | What | haut.yaml now | Inferred because |", "|---|---|---|---|")
    for mark in sorted(
        judged,
        key=lambda mark: (order.index(mark.verdict or Verdict.NOT_SAID), kinds.index(mark.kind)),
    ):
        contradicted = mark.verdict is Verdict.CONTRADICTED
        words = "; ".join(
            text
            for text, verdict in mark.findings.items()
            if not contradicted or verdict is mark.verdict
        )
        shown = f"**{mark.verdict}**" if contradicted else str(mark.verdict)
        yield f"| {shown} | `{mark.subject}` | {words} | {mark.reason} |"


def _users(mark: Mark) -> str:
    names = sorted(mark.operations)
    if len(names) > _MANY:
        return f"{len(names)} operations"
    return ", ".join(f"`{name}`" for name in names)


_MANY = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("base", nargs="?", default="HEAD", help="git revision; HEAD if not given")
    try:
        print(render(parser.parse_args().base), end="")
    except SpecError as error:
        sys.exit(f"spec-evidence: {error}")


if __name__ == "__main__":
    main()
