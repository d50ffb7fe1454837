"""List the inferred parts of the contract, and check them against the service's OpenAPI document.

A confidence label (`x-evidence`) marks an object in haut.yaml, or in the `update` of an overlay
action. The service's document has no labels. Therefore each object that has a label at an earlier
revision is compared with the corresponding object in the current document. Corresponding objects are
found by operation and by their location in the operation, because component names can differ between
the documents.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import StrEnum

import yaml
from attrs import define, field, frozen
from oas_patch.overlay import apply_overlay

from scripts.generate import OVERLAY
from scripts.spec.contract import contract
from scripts.spec.diff import revision_argument
from scripts.spec.document import (
    Json,
    Operation,
    SpecError,
    escaped,
    look_up,
    operations,
    pointer,
    resolve,
    to_openapi_31,
    without,
)
from scripts.spec.markdown import code, table
from scripts.spec.names import only_option, path_shape


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


@frozen
class _Pair:
    """An object in the labeled document, and the corresponding object in the other document."""

    labeled: Json
    counterpart: Json | None


# --- collecting


def labels(document: Json, other: Json | None = None) -> Labels:
    """Return a document's confidence labels, checked against `other` if it is given."""
    document, other = to_openapi_31(document), to_openapi_31(other) if other else None
    found: Labels = {}
    counterparts = {} if other is None else {path_shape(one.key): one for one in operations(other)}
    for operation in operations(document):
        collector = _Collector(document, other, operation, found)
        collector.collect(counterparts.get(path_shape(operation.key)))
    return found


class _Collector:
    """Collects the confidence labels of one operation and of the components that it uses."""

    def __init__(
        self, document: Json, other: Json | None, operation: Operation, found: Labels
    ) -> None:
        self.document, self.other, self.operation, self.found = document, other, operation, found

    def collect(self, other: Operation | None) -> None:
        labeled = self.operation.definition
        counterpart = other.definition if other else None
        place = f"#/paths/{escaped(self.operation.path)}/{self.operation.method}"
        exists = {"exists": Verdict.CONFIRMED} if counterpart else {"missing": Verdict.CONTRADICTED}
        self._add(place, _Pair(labeled, counterpart), Kind.OPERATION, self.operation.id, exists)
        self._parameters(place, labeled, counterpart)
        if "requestBody" in labeled:
            self._body(f"{place}/requestBody", labeled["requestBody"], counterpart)
        for status, response in labeled.get("responses", {}).items():
            self._response(f"{place}/responses/{status}", status, response, counterpart)

    def _add(
        self, place: str, pair: _Pair, kind: Kind, subject: str, findings: dict[str, Verdict]
    ) -> None:
        if pair.labeled.get("x-evidence") not in ("inferred", "observed"):
            return
        level, reason = pair.labeled["x-evidence"], pair.labeled["x-evidence-reason"]
        label = self.found.setdefault(place, Label(kind, subject, level, reason))
        # If an object is used in several places, its most serious kind applies.
        label.kind = min(label.kind, kind, key=list(Kind).index)
        label.operations.add(self.operation.id)
        if self.other is not None and (
            pair.counterpart is None or "x-evidence" not in pair.counterpart
        ):
            label.findings.update(findings)

    def _resolved(self, place: str, pair: _Pair) -> tuple[str, _Pair]:
        """Resolve the references in both objects of a pair; also return a pointer to the labeled one."""
        labeled, counterpart = pair.labeled, pair.counterpart
        while isinstance(labeled.get("$ref"), str):
            place = labeled["$ref"]
            labeled = resolve(self.document, {"$ref": place})
        if counterpart is not None and self.other is not None:
            if "oneOf" not in labeled:
                counterpart = only_option(counterpart)
            counterpart = resolve(self.other, counterpart)
        return place, _Pair(labeled, counterpart)

    # --- parts of an operation

    def _parameters(self, place: str, labeled: Json, counterpart: Json | None) -> None:
        others = [
            resolve(self.other or {}, item) for item in (counterpart or {}).get("parameters", [])
        ]
        in_path = [item for item in others if item["in"] == "path"]
        position = 0
        for index, parameter in enumerate(labeled.get("parameters", [])):
            where, pair = self._resolved(f"{place}/parameters/{index}", _Pair(parameter, None))
            known = pair.labeled
            if known["in"] == "path":
                # Path parameters are matched by position, because their names are not sent.
                found = in_path[position] if position < len(in_path) else None
                position += 1
            else:
                same = (known["in"], known["name"])
                found = next((item for item in others if (item["in"], item["name"]) == same), None)
            if counterpart is None:
                findings = _NO_OPERATION
            elif found is None:
                findings = _missing(item["name"] for item in others if item["in"] == known["in"])
            else:
                findings = _compared(_parameter_facts(known), _parameter_facts(found))
            kind = Kind.REQUIRED if known.get("required") else Kind.QUERY
            subject = f"{known['name']} ({known['in']})"
            self._add(where, _Pair(known, found), kind, subject, findings)

    def _body(self, place: str, body: Json, counterpart: Json | None) -> None:
        where, pair = self._resolved(place, _Pair(body, (counterpart or {}).get("requestBody")))
        if counterpart is None:
            findings = _NO_OPERATION
        elif pair.counterpart is None:
            findings = {"the operation has no body": Verdict.CONTRADICTED}
        else:
            required = [
                {"required": part.get("required", False)}
                for part in (pair.labeled, pair.counterpart)
            ]
            findings = _compared(*required)
        subject = f"body of {self.operation.id}"
        self._add(where, pair, Kind.BODY, subject, findings)
        self._content(where, pair, Kind.BODY, subject)

    def _response(self, place: str, status: str, response: Json, counterpart: Json | None) -> None:
        responses = (counterpart or {}).get("responses", {})
        where, pair = self._resolved(place, _Pair(response, responses.get(status)))
        success = status.startswith("2")
        others = [known for known in responses if known.startswith("2")]
        if counterpart is None:
            findings = _NO_OPERATION
        elif pair.counterpart is not None:
            findings = {f"{status} is documented": Verdict.CONFIRMED}
        elif success and others:
            findings = {f"the success status is {', '.join(others)}": Verdict.CONTRADICTED}
        else:
            # Few documents list every error response, so a missing error status is not a
            # contradiction.
            findings = {f"{status} is not documented": Verdict.NOT_STATED}
        shared = where.startswith("#/components")
        subject = (
            f"{pointer(where)[-1]} ({status})" if shared else f"{status} of {self.operation.id}"
        )
        kind = Kind.SUCCESS if success else Kind.ERROR
        self._add(where, pair, kind, subject, findings)
        field_kind = Kind.FIELD if success else Kind.ERROR
        self._content(where, pair, field_kind, subject)

    def _content(self, place: str, pair: _Pair, kind: Kind, subject: str) -> None:
        others = (pair.counterpart or {}).get("content", {})
        for media, content in pair.labeled.get("content", {}).items():
            if "schema" in content:
                schemas = _Pair(content["schema"], others.get(media, {}).get("schema"))
                self._schema(f"{place}/{media}", schemas, kind, subject, frozenset())

    def _schema(
        self, place: str, pair: _Pair, kind: Kind, subject: str, above: frozenset[str]
    ) -> None:
        node = pair.labeled
        where, pair = self._resolved(place, pair)
        if where in above:
            return
        if "$ref" in node and where.startswith("#/components/schemas/"):
            subject = pointer(where)[-1]
        above |= {where}
        findings = _compared(_object_facts(pair.labeled), _object_facts(pair.counterpart))
        self._add(where, pair, kind, subject, findings)
        for option in pair.labeled.get("oneOf", []):
            options = _Pair(option, self._matching_option(option, pair.counterpart))
            self._schema(f"{where}/oneOf", options, kind, subject, above)
        if isinstance(pair.labeled.get("items"), dict):
            items = _Pair(pair.labeled["items"], (pair.counterpart or {}).get("items"))
            self._schema(f"{where}/items", items, kind, subject, above)
        for name, known in pair.labeled.get("properties", {}).items():
            field = (
                None
                if pair.counterpart is None
                else pair.counterpart.get("properties", {}).get(name)
            )
            label = f"{subject}.{name}"
            inner = f"{where}/properties/{name}"
            if pair.counterpart is None:
                findings = _NO_COUNTERPART
            elif field is None:
                findings = _missing(pair.counterpart.get("properties", {}))
            else:
                findings = _compared(
                    _field_facts(self.document, pair.labeled, name),
                    _field_facts(self.other or {}, pair.counterpart, name),
                )
            self._add(inner, _Pair(known, field), kind, label, findings)
            unlabeled = {key: value for key, value in known.items() if key != "x-evidence"}
            self._schema(inner, _Pair(unlabeled, field), kind, label, above)

    def _matching_option(self, option: Json, counterpart: Json | None) -> Json | None:
        """Return the option in `counterpart` with the same type as `option`, or the first option."""
        if counterpart is None:
            return None
        wanted = _type_facts(self.document, option)["type"]
        options: list[Json] = counterpart.get("oneOf") or counterpart.get("anyOf") or [counterpart]
        same = (
            found for found in options if _type_facts(self.other or {}, found)["type"] == wanted
        )
        return next(same, options[0])


_NO_OPERATION = {"the operation is missing": Verdict.NOT_STATED}
_NO_COUNTERPART = {"no counterpart": Verdict.NOT_STATED}


def _missing(others: Iterable[str]) -> dict[str, Verdict]:
    return {f"missing; documented: {', '.join(others) or 'none'}": Verdict.CONTRADICTED}


# --- comparison


def _field_facts(document: Json, parent: Json, name: str) -> Json:
    return {
        **_type_facts(document, parent["properties"][name]),
        "required": name in parent.get("required", []),
    }


def _type_facts(document: Json, schema: Json) -> Json:
    """Return a schema's comparable facts: types (including null), format, enum values and item type."""
    schema = resolve(document, schema)
    types = schema.get("type", [])
    kinds = set(types if isinstance(types, list) else [types])
    facts: Json = {key: schema[key] for key in ("format", "enum") if key in schema}
    if "number" in kinds:
        facts.pop("format", None)  # the precision
    options: list[Json] = schema.get("oneOf") or schema.get("anyOf") or []
    if any(not without(option, "title", "description") for option in options):
        options = []  # one of the options allows any value
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


def _compared(labeled: Json | None, counterpart: Json | None) -> dict[str, Verdict]:
    if labeled is None or counterpart is None:
        return _NO_COUNTERPART
    # OpenAPI's default values for the keywords `style` and `explode`.
    defaults = {"style": "form", "explode": True}
    different = [
        f"{key}: {labeled.get(key, defaults.get(key, 'none'))} → "
        f"{counterpart.get(key, defaults.get(key, 'none'))}"
        for key in dict.fromkeys([*labeled, *counterpart])
        if labeled.get(key, defaults.get(key)) != counterpart.get(key, defaults.get(key))
    ]
    if different:
        return {"; ".join(different): Verdict.CONTRADICTED}
    return {"identical": Verdict.CONFIRMED}


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
            with suppress(KeyError):  # a label inside of a response's content stays
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
