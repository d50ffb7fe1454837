"""Compare the operations of two OpenAPI documents, without external tools.

Operations are matched by method and path, and schemas by where the operations use them. Texts,
examples, extensions and the names of operations, tags and schemas do not affect requests and
responses, so they are not compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

from haut_ext.spec_check.document import (
    Json,
    Operation,
    array_in,
    is_array,
    is_object,
    object_in,
    operations,
    pointer,
    printable,
    resolve,
    shown,
    to_openapi_31,
)
from haut_ext.spec_check.parsing import SpecError

EQUAL, DIFFERENT, MISSING, NEW = "equal", "different", "missing", "new"

IGNORED_HEADERS = ("accept", "content-type", "authorization")
"""Header parameters with these names have no effect in OpenAPI."""

_MAX_STEPS = 1_000_000
_TEXTS = {
    "title", "description", "summary", "example", "examples", "externalDocs", "xml", "$comment",
    "tags", "operationId", "callbacks", "links",
}  # fmt: skip
_DEFAULTS: Json = {
    "required": [[], False],
    "deprecated": [False],
    "readOnly": [False],
    "writeOnly": [False],
    "additionalProperties": [True, {}],
    "uniqueItems": [False],
    "allowReserved": [False],
    "allowEmptyValue": [False],
    "properties": [{}],
    "minLength": [0],
    "minItems": [0],
}
# Keywords whose value maps names to objects, and keywords whose list has no significant order.
_MAPS = {"properties", "patternProperties", "content", "headers", "encoding", "responses", "$defs"}
_SETS = {"required", "enum", "type"}
_OPTIONS = {"oneOf", "anyOf", "allOf"}
_OBJECTS = {"schema", "items", "additionalProperties", "not", "requestBody", "contains"}


@frozen
class Sections:
    """Which operations of a Swagger document belong to the client.

    Attributes:
        tags: Tags whose operations are selected, compared case-insensitively.
        paths: Path prefixes, ending at a slash, whose operations are selected.
        operations: Ids of further operations to select.
        own: Paths that this project added to the selected part of the Swagger.
    """

    tags: list[str] = field(factory=list[str])
    paths: list[str] = field(factory=list[str])
    operations: list[str] = field(factory=list[str])
    own: list[str] = field(factory=list[str])

    def selectors(self) -> Iterator[tuple[str, str]]:
        """Yield each selector as its kind and value."""
        yield from (("tag", tag) for tag in self.tags)
        yield from (("path", prefix) for prefix in self.paths)
        yield from (("operation", name) for name in self.operations)

    def select(self, path: str, operation: Json) -> bool:
        """Return whether an operation of the Swagger belongs to the client."""
        return path not in self.own and any(
            matches(*selector, path, operation) for selector in self.selectors()
        )


def matches(kind: str, value: str, path: str, operation: Json) -> bool:
    """Return whether a selector matches an operation."""
    match kind:
        case "tag":
            return value.casefold() in {str(tag).casefold() for tag in operation.get("tags", [])}
        case "path":
            return f"{path}/".startswith(f"{value.rstrip('/')}/")
        case _:
            return operation.get("operationId") == value


@frozen
class OperationResult:
    """The result of the comparison for one operation.

    Attributes:
        key: Method and path, such as `GET /api/v1/dicts/lights/`.
        status: "equal", "different", "missing" (from the document) or "new" (not in the client).
        differences: Description of each difference.
    """

    key: str
    status: str
    differences: tuple[str, ...] = ()


@frozen
class Comparison:
    """The result of comparing a client with an OpenAPI document.

    Attributes:
        operations: The result for each operation of the client, and for each new operation in one of
            the client's sections.
        differences: Differences that concern the whole document.
        ignored: Number of operations in the document that belong to no section of the client.
    """

    operations: tuple[OperationResult, ...]
    differences: tuple[str, ...]
    ignored: int

    @property
    def equal(self) -> bool:
        """Whether the client implements the document's current version of its sections."""
        return not self.differences and all(one.status == EQUAL for one in self.operations)

    def lines(self) -> Iterator[str]:
        """Yield the report: each operation that is not equal, and a summary.

        Control characters and characters outside ASCII are escaped.
        """
        yield from map(printable, self._lines())

    def _lines(self) -> Iterator[str]:
        yield from (f"document: {difference}" for difference in self.differences)
        for one in self.operations:
            if one.status != EQUAL:
                yield f"{one.status}: {one.key}"
            yield from (f"  {difference}" for difference in one.differences)
        found = [one.status for one in self.operations]
        counts = [f"{found.count(status)} {status}" for status in (EQUAL, DIFFERENT, MISSING, NEW)]
        yield f"operations: {', '.join(counts)}; {self.ignored} in other sections not compared"


def compare(client: Json, document: Json, sections: Sections) -> Comparison:
    """Compare the operations of two OpenAPI documents.

    Args:
        client: The document from which the client was generated.
        document: The document to compare it with.
        sections: The sections of `document` that belong to the client.

    Raises:
        SpecError: If `document` is malformed, refers to other documents, or is too complex.
    """
    try:
        return _compare(to_openapi_31(client), to_openapi_31(document), sections)
    except KeyError as error:
        reference = shown(error.args[0])
        raise SpecError(f"the document has no valid target for {reference}") from None
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        # The document is not validated before, because this needs a validator.
        raise SpecError(f"the document is not valid OpenAPI: {printable(str(error))}") from None


def _compare(client: Json, document: Json, sections: Sections) -> Comparison:
    comparer = _Comparer(client, document)
    ours, theirs = dict(_by_key(client)), dict(_by_key(document))
    shapes: dict[str, list[str]] = {}
    for key in theirs.keys() - ours.keys():
        shapes.setdefault(_shape(key), []).append(key)
    results: list[OperationResult] = []
    matched: set[str] = set()
    for key, operation in ours.items():
        renamed = shapes.get(_shape(key), [])
        other = key if key in theirs else renamed[0] if len(renamed) == 1 else None
        if other is None:
            results.append(OperationResult(key, MISSING))
            continue
        matched.add(other)
        found = tuple(comparer.operation(operation, theirs[other]))
        results.append(OperationResult(key, DIFFERENT if found else EQUAL, found))
    others = [operation for key, operation in theirs.items() if key not in matched]
    used = [one for one in others if sections.select(one.path, one.definition)]
    results += [OperationResult(operation.key, NEW) for operation in used]
    return Comparison(
        tuple(results),
        tuple(_document_differences(client, document, sections)),
        len(others) - len(used),
    )


def _by_key(document: Json) -> Iterator[tuple[str, Operation]]:
    for operation in operations(document):
        yield operation.key, operation


def _shape(key: str) -> str:
    """Return method and path without the names of the path parameters."""
    parts = [part.partition("}") for part in key.split("{")]
    return "{}".join([parts[0][0], *(rest for _, _, rest in parts[1:])])


def _document_differences(client: Json, document: Json, sections: Sections) -> Iterator[str]:
    before, after = _servers(client), _servers(document)
    if before and after and before != after:
        yield f"servers: {_shown(sorted(before))} -> {_shown(sorted(after))}"
    found = list(operations(document))
    for kind, value in sections.selectors():
        if not any(matches(kind, value, one.path, one.definition) for one in found):
            yield f"no operation has the {kind} {shown(value)}, which the client's sections select"


def _servers(node: Json) -> set[str]:
    """Return the absolute URLs of a document's servers; relative URLs depend on its own address."""
    found = {str(server.get("url", "")).rstrip("/") for server in array_in(node, "servers")}
    return {url for url in found if "://" in url}


class _Comparer:
    """Compares operations of two normalized documents."""

    def __init__(self, client: Json, document: Json) -> None:
        self.client, self.document = client, document
        self.steps = 0

    def operation(self, ours: Operation, theirs: Operation) -> Iterator[str]:
        """Yield the differences between two operations."""
        if ours.path != theirs.path:
            yield f"path: {ours.path} -> {theirs.path}"
        names = dict(zip(_path_names(theirs.path), _path_names(ours.path), strict=True))
        before = self._parts(ours, self.client, {})
        after = self._parts(theirs, self.document, names)
        yield from self._node(before, after, "", set())

    def _parts(self, operation: Operation, document: Json, names: Mapping[str, str]) -> Json:
        """Return the parts of an operation that are compared."""
        definition = operation.definition
        parameters: Json = {}
        for given in definition["parameters"]:
            found = _resolved(document, given)
            place, name = str(found.get("in")), str(found.get("name"))
            if place == "path":
                name = names.get(name, name)
            if place == "header":
                name = name.lower()  # because header names are case-insensitive
            if place != "header" or name not in IGNORED_HEADERS:
                parameters[f"{name} ({place})"] = _with_style(found)
        kept = {
            key: value
            for key, value in definition.items()
            if key in ("requestBody", "responses", "deprecated")
        }
        inherits = definition.get("security") is None
        security: list[Json] = array_in(document if inherits else definition, "security")
        return {
            "parameters": parameters,
            "security": sorted(_authentication(document, option) for option in security),
            "servers": sorted(_servers(definition)),
            **kept,
        }

    def _node(
        self, ours: Any, theirs: Any, where: str, visited: set[tuple[str, str]]
    ) -> Iterator[str]:
        """Yield the differences between two objects at the same place of both documents."""
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise SpecError("the document is too complex to be compared")
        if not (is_object(ours) and is_object(theirs)):
            if _canonical(ours) != _canonical(theirs):
                yield f"{where}: {_shown(ours)} -> {_shown(theirs)}"
            return
        pair = (str(ours.get("$ref", "")), str(theirs.get("$ref", "")))
        if any(pair):
            if pair in visited:
                return
            # A difference in a schema is reported where the operation first uses the schema.
            visited.add(pair)
            ours, theirs = _resolved(self.client, ours), _resolved(self.document, theirs)
        ours, theirs = _significant(ours), _significant(theirs)
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            yield from self._keyword(key, ours.get(key), theirs.get(key), where, visited)

    def _keyword(
        self, key: str, ours: Any, theirs: Any, where: str, visited: set[tuple[str, str]]
    ) -> Iterator[str]:
        place = f"{where} {key}".strip()
        if key in (*_MAPS, "parameters") and is_object(ours or {}):
            before: Json = ours or {}
            after: Json = theirs or {}
            for name in [*before, *(name for name in after if name not in before)]:
                inner = _name(where, key, name)
                if name not in after:
                    yield f"{inner}: not in the document"
                elif name not in before:
                    yield f"{inner}: not in the client"
                else:
                    yield from self._node(before[name], after[name], inner, visited)
        elif ours is None or theirs is None:
            yield f"{place}: {_shown(ours)} -> {_shown(theirs)}"
        elif key in _OBJECTS:
            places = {"schema": where, "items": f"{where}[]", "requestBody": "request body"}
            yield from self._node(ours, theirs, places.get(key, place), visited)
        elif key in _OPTIONS and is_array(ours) and is_array(theirs):
            yield from self._options(ours, theirs, place, visited)
        elif key in _SETS and is_array(ours) and is_array(theirs):
            values = set(map(_canonical, ours))
            for one in sorted(values ^ set(map(_canonical, theirs))):
                side = "document" if one in values else "client"
                yield f"{place}: {_cut(one)} is not in the {side}"
        elif key == "discriminator":
            yield from self._discriminator(ours, theirs, place, visited)
        else:
            yield from self._node(ours, theirs, place, visited)

    def _options(
        self, ours: list[Any], theirs: list[Any], where: str, visited: set[tuple[str, str]]
    ) -> Iterator[str]:
        """Compare alternatives independently of their order."""
        left = list(theirs)
        unmatched: list[Any] = []
        for option in ours:
            equal = (one for one in left if not any(self._node(option, one, where, {*visited})))
            found = next(equal, None)
            if found is None:
                unmatched.append(option)
            else:
                left.remove(found)
        for option, other in zip(unmatched, left, strict=False):
            yield from self._node(option, other, where, visited)
        if len(ours) != len(theirs):
            yield f"{where}: {len(ours)} schemas -> {len(theirs)}"

    def _discriminator(
        self, ours: Any, theirs: Any, where: str, visited: set[tuple[str, str]]
    ) -> Iterator[str]:
        yield from self._node(
            ours.get("propertyName"), theirs.get("propertyName"), f"{where} propertyName", visited
        )
        before, after = object_in(ours, "mapping"), object_in(theirs, "mapping")
        if before.keys() != after.keys():
            yield f"{where} mapping: {_shown(sorted(before))} -> {_shown(sorted(after))}"


def _resolved(document: Json, node: Json) -> Json:
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return node
    if not reference.startswith("#/"):
        raise SpecError(
            f"the document refers to {shown(reference)}, which is outside the document; "
            "run `redocly bundle` to include the target"
        )
    siblings = {key: value for key, value in node.items() if key != "$ref"}
    return {**resolve(document, node), **siblings}


def _significant(node: Json) -> Json:
    """Return an object without texts, extensions and keywords that have their default value."""
    return {
        key: value
        for key, value in node.items()
        if key not in _TEXTS and not key.startswith("x-") and value not in _DEFAULTS.get(key, [])
    }


def _with_style(parameter: Json) -> Json:
    """Return a parameter with explicit `style` and `explode`, without its name and location."""
    place = parameter.get("in")
    style = parameter.get("style") or ("form" if place in ("query", "cookie") else "simple")
    kept = {key: value for key, value in parameter.items() if key not in ("in", "name")}
    return {**kept, "style": style, "explode": kept.get("explode", style == "form")}


def _authentication(document: Json, option: Json) -> str:
    """Describe a security requirement by the definitions of its schemes instead of their names."""
    schemes = object_in(object_in(document, "components"), "securitySchemes")
    found: list[str] = []
    for name, scopes in option.items():
        scheme = _resolved(document, schemes[name])
        words = [scheme.get(key) for key in ("type", "scheme", "in", "name")]
        found.append(" ".join(str(word) for word in [*words, *scopes] if word))
    return " and ".join(sorted(found)) or "none"


def _path_names(path: str) -> list[str]:
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def _name(where: str, keyword: str, name: str) -> str:
    match keyword:
        case "properties":
            return f"{where}.{name}"
        case "parameters":
            return f"parameter {name}"
        case "responses":
            return f"response {name}"
        case "content":
            return f"{where} ({name})"
        case _:
            return f"{where} {keyword} {name}".strip()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if is_object(value) and len(pointer(str(value.get("$ref", "")))) == 3:
        return pointer(value["$ref"])[2]
    return _cut(value if isinstance(value, str) else _canonical(value))


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
