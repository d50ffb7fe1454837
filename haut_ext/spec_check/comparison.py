"""Compare the operations of two OpenAPI documents, without external tools.

Operations are matched by method and path, and schemas by where the operations use them. Texts,
examples, extensions and the names of operations, tags and schemas do not affect requests and
responses, so they are not compared.
"""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Generator, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

from attrs import evolve, field, frozen

from haut_ext.spec_check.document import (
    DATA,
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
MAPS = {
    "parameters", "requestBody", "responses", "content", "headers", "encoding", "properties",
    "patternProperties", "$defs",
}  # fmt: skip
_SETS = {"required", "enum", "type"}
_OPTIONS = {"oneOf", "anyOf", "allOf"}
_ACCESS = ("readOnly", "writeOnly")
_RENAMED = {"responses": "response", "content": "media type"}

_Nodes = tuple[bool | str | int, ...]
"""Whether in a response, and the references to two objects, or their addresses."""
_Visited = MutableMapping[_Nodes, "Visit | None"]


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
class Place:
    """A place in an operation.

    Attributes:
        text: Description of the place, such as `response 200 (application/json).results[]`.
        part: The part of the operation, as keyword and name: `("responses", "200")`.
        schema: Name of the innermost schema around the place to which both documents refer by the same
            name; empty in other schemas, and None outside of schemas.
        field: The place in that schema, such as `.results[].name`.
    """

    text: str = ""
    part: tuple[str, str] = ("", "")
    schema: str | None = None
    field: str = ""

    @property
    def in_response(self) -> bool:
        return self.part[0] == "responses"

    def child(self, keyword: str, name: str = "") -> Place:
        """Return the place of a keyword's value, or of one of the named values in it."""
        match keyword:
            case "parameters" | "responses" | "requestBody":
                kind = {"parameters": "parameter", "responses": "response"}.get(keyword)
                return Place(f"{kind or 'request body'} {name}".strip(), (keyword, name))
            case "schema":
                return evolve(self, schema="")
            case "content":
                return evolve(self, text=f"{self.text} ({name})")
            case "properties":
                return evolve(self, text=f"{self.text}.{name}", field=f"{self.field}.{name}")
            case "items":
                return evolve(self, text=f"{self.text}[]", field=f"{self.field}[]")
            case _:
                fields = {"patternProperties": f".{name}", "additionalProperties": ".*"}
                text = f"{self.text} {keyword} {name}".strip()
                return evolve(self, text=text, field=self.field + fields.get(keyword, ""))

    def in_component(self, before: str, after: str) -> Place:
        """Return the place in the schema component to which both documents refer by the same name."""
        if before == after and before.startswith("#/components/schemas/"):
            return evolve(self, schema=pointer(before)[2], field="")
        return self


@frozen
class Difference:
    """A difference between two operations.

    Attributes:
        place: The place of the difference.
        keyword: The keyword whose value differs. For a named value that only one document has, this is
            the keyword that contains it, such as "properties".
        before: The value in the first document; None if it has none.
        after: The value in the second document; None if it has none.
        others: Names that the second document has, if it has no value with this name.
    """

    place: Place
    keyword: str
    before: Any
    after: Any
    others: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield a description of the difference between the client's document and another one."""
        place = f"{self.place.text} {self.keyword}".strip()
        if self.keyword in MAPS:
            side = "document" if self.after is None else "client"
            yield f"{self.place.text}: not in the {side}"
        elif self.keyword in _SETS and is_array(self.before) and is_array(self.after):
            before, after = set(map(_canonical, self.before)), set(map(_canonical, self.after))
            for one in sorted(before ^ after):
                yield f"{place}: {_cut(one)} is not in the {'document' if one in before else 'client'}"
        else:
            yield f"{place}: {shown_value(self.before)} -> {shown_value(self.after)}"


@frozen
class Visit:
    """Two objects of an operation that were compared.

    Attributes:
        place: The place of the objects in the operation.
        references: The references to the objects; empty for inline objects.
        before: The object in the first document, and its target if it is a reference.
        after: The object in the second document, and its target if it is a reference.
    """

    place: Place
    references: tuple[str, str]
    before: tuple[Json, Json]
    after: tuple[Json, Json]


@frozen
class Pair:
    """An operation of one document, and the corresponding operation of the other document."""

    before: Operation | None
    after: Operation | None
    differences: tuple[Difference, ...] = ()
    visits: tuple[Visit, ...] = ()


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
    with _malformed_documents_refused():
        pairs = compare_operations(client, document)
        new = [pair.after for pair in pairs if pair.after and not pair.before]
        used = [one for one in new if sections.select(one.path, one.definition)]
        results = [_result(pair.before, pair) for pair in pairs if pair.before]
        results += [OperationResult(operation.key, NEW) for operation in used]
        differences = _document_differences(client, document, sections)
        return Comparison(tuple(results), tuple(differences), len(new) - len(used))


def _result(operation: Operation, pair: Pair) -> OperationResult:
    if pair.after is None:
        return OperationResult(operation.key, MISSING)
    texts = tuple(line for difference in pair.differences for line in difference.lines())
    return OperationResult(operation.key, DIFFERENT if texts else EQUAL, texts)


def compare_operations(before: Json, after: Json, *, visits: bool = False) -> list[Pair]:
    """Match the operations of two OpenAPI documents, and compare them.

    Args:
        before: The first document.
        after: The second document.
        visits: Whether to return all objects that were compared. This takes much memory.

    Raises:
        SpecError: If a document is malformed, refers to other documents, or is too complex.
    """
    with _malformed_documents_refused():
        return list(_pairs(to_openapi_31(before), to_openapi_31(after), visits=visits))


@contextmanager
def _malformed_documents_refused() -> Generator[None, None, None]:
    try:
        yield
    except SpecError:
        raise
    except KeyError as error:
        reference = shown(error.args[0])
        raise SpecError(f"the document has no valid target for {reference}") from None
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        # The document is not validated before, because this needs a validator.
        raise SpecError(f"the document is not valid OpenAPI: {printable(str(error))}") from None


def _pairs(before: Json, after: Json, *, visits: bool) -> Iterator[Pair]:
    comparer = _Comparer(before, after, visits=visits)
    old, new = ({one.key: one for one in operations(document)} for document in (before, after))
    shapes: dict[str, list[str]] = {}
    for key in new.keys() - old.keys():
        shapes.setdefault(path_shape(key), []).append(key)
    for key, operation in old.items():
        renamed = shapes.get(path_shape(key), [])
        other = new.pop(key if key in new or len(renamed) != 1 else renamed[0], None)
        visited: _Visited = {}
        found = comparer.operation(operation, other, visited) if other else ()
        yield Pair(operation, other, tuple(found), tuple(filter(None, visited.values())))
    yield from (Pair(None, operation) for operation in new.values())


def path_shape(key: str) -> str:
    """Return method and path without the names of the path parameters and the slash at the end."""
    parts = [part.partition("}") for part in key.split("{")]
    return "{}".join([parts[0][0], *(rest for _, _, rest in parts[1:])]).rstrip("/")


def _document_differences(client: Json, document: Json, sections: Sections) -> Iterator[str]:
    before, after = servers(client), servers(document)
    if before and after and before != after:
        yield f"servers: {shown_value(sorted(before))} -> {shown_value(sorted(after))}"
    found = list(operations(document))
    for kind, value in sections.selectors():
        if not any(matches(kind, value, one.path, one.definition) for one in found):
            yield f"no operation has the {kind} {shown(value)}, which the client's sections select"


def servers(node: Json) -> set[str]:
    """Return the absolute URLs of a document's servers; relative URLs depend on its own address."""
    found = {str(server.get("url", "")).rstrip("/") for server in array_in(node, "servers")}
    return {url for url in found if "://" in url}


class _Comparer:
    """Compares operations of two normalized documents."""

    def __init__(self, client: Json, document: Json, *, visits: bool) -> None:
        self.client, self.document, self.visits = client, document, visits
        self.steps = 0

    def operation(
        self, ours: Operation, theirs: Operation, visited: _Visited
    ) -> Iterator[Difference]:
        """Yield the differences between two operations."""
        if ours.path != theirs.path:
            yield Difference(Place(), "path", ours.path, theirs.path)
        names = dict(zip(_path_names(theirs.path), _path_names(ours.path), strict=True))
        before = self._parts(ours, self.client, {})
        after = self._parts(theirs, self.document, names)
        yield from self._node(before, after, Place(), visited)

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
        kept: Json = {
            key: definition[key] for key in ("responses", "deprecated") if key in definition
        }
        if "requestBody" in definition:
            kept["requestBody"] = {"": definition["requestBody"]}  # named parts, as in `responses`
        inherits = definition.get("security") is None
        security: list[Json] = array_in(document if inherits else definition, "security")
        return {
            "parameters": parameters,
            "security": sorted({_authentication(document, option) for option in security or [{}]}),
            "servers": sorted(servers(definition)),
            **kept,
        }

    def _node(
        self, ours: Any, theirs: Any, where: Place, visited: _Visited
    ) -> Iterator[Difference]:
        """Yield the differences between two objects at the same place of both documents."""
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise SpecError("the document is too complex to be compared")
        if not (is_object(ours) and is_object(theirs)):
            if _canonical(ours) != _canonical(theirs):
                yield Difference(where, "", ours, theirs)
            return
        objects = ours, theirs
        ours, theirs = _unwrapped(ours), _unwrapped(theirs)
        names = _reference(ours), _reference(theirs)
        # An inline object is identified by its address: it exists as long as its `Visit`.
        nodes = where.in_response, names[0] or id(ours), names[1] or id(theirs)
        nullable = _is_nullable_reference(ours) or _is_nullable_reference(theirs)
        ours, theirs = _resolved(self.client, ours), _resolved(self.document, theirs)
        if nullable:
            # Whether a reference may be null does not concern the schema that it refers to.
            types = ours.pop("type", "any"), theirs.pop("type", "any")
            yield from self._keyword("type", *types, where, visited)
        seen = any(names) and nodes in visited
        where = where.in_component(*names) if any(names) else where
        if self.visits:
            visit = Visit(where, names, (objects[0], ours), (objects[1], theirs))
            visited[(*nodes, where.text) if seen else nodes] = visit
        elif any(names):
            visited[nodes] = None
        if seen:
            # A difference in a schema is reported where the operation first uses the schema.
            return
        ours, theirs = _significant(ours, where), _significant(theirs, where)
        kinds = [_comparable("type", node.get("type", [])) - {'"null"'} for node in (ours, theirs)]
        if all(kinds) and not kinds[0] & kinds[1] and '"object"' in kinds[0] | kinds[1]:
            # The type implies the differences of the fields.
            yield Difference(where, "type", ours["type"], theirs["type"])
            return
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            yield from self._keyword(key, ours.get(key), theirs.get(key), where, visited)

    def _keyword(
        self, key: str, ours: Any, theirs: Any, where: Place, visited: _Visited
    ) -> Iterator[Difference]:
        if key in MAPS and is_object(ours or {}):
            yield from self._map(key, ours or {}, theirs or {}, where, visited)
        elif key in _OPTIONS and is_array(ours) and is_array(theirs):
            yield from self._options(key, ours, theirs, where, visited)
        elif key == "discriminator" and is_object(ours) and is_object(theirs):
            yield from self._discriminator(ours, theirs, where.child(key))
        elif key not in DATA and is_object(ours) and is_object(theirs):
            yield from self._node(ours, theirs, where.child(key), visited)
        elif _comparable(key, ours) != _comparable(key, theirs):
            yield Difference(where, key, ours, theirs)

    def _map(
        self, key: str, before: Json, after: Json, where: Place, visited: _Visited
    ) -> Iterator[Difference]:
        """Compare the values with the same name."""
        renamed = _renamed(key, before, after)
        for name, value in before.items():
            other = renamed.get(name, name)
            if other != name:
                yield Difference(where, _RENAMED[key], name, other)
            inner = where.child(key, other)
            if other in after:
                yield from self._node(value, after[other], inner, visited)
            else:
                yield Difference(inner, key, value, None, tuple(after))
        for name, value in after.items():
            if name not in before and name not in renamed.values():
                yield Difference(where.child(key, name), key, None, value)

    def _options(
        self, key: str, ours: list[Any], theirs: list[Any], where: Place, visited: _Visited
    ) -> Iterator[Difference]:
        """Compare alternatives independently of their order."""
        left = list(theirs)
        unmatched: list[Any] = []
        inner = where.child(key)
        for option in ours:
            for other in left:
                inside: ChainMap[_Nodes, Visit | None] = ChainMap({}, visited)
                if not any(self._node(option, other, inner, inside)):
                    left.remove(other)
                    visited.update(inside.maps[0])
                    break
            else:
                unmatched.append(option)
        for option, other in zip(unmatched, left, strict=False):
            yield from self._node(option, other, inner, visited)
        if len(ours) != len(theirs):
            yield Difference(where, f"{key} options", len(ours), len(theirs))

    def _discriminator(self, ours: Json, theirs: Json, where: Place) -> Iterator[Difference]:
        before, after = ours.get("propertyName"), theirs.get("propertyName")
        if before != after:
            yield Difference(where, "propertyName", before, after)
        names = sorted(object_in(ours, "mapping")), sorted(object_in(theirs, "mapping"))
        if names[0] != names[1]:
            yield Difference(where, "mapping", *names)


def _renamed(keyword: str, before: Json, after: Json) -> dict[str, str]:
    """Return the new name of the only success status or media type that has another name."""
    if keyword not in _RENAMED:
        return {}
    prefix = "2" if keyword == "responses" else ""
    lost = [name for name in before if name not in after and name.startswith(prefix)]
    added = [name for name in after if name not in before and name.startswith(prefix)]
    return dict(zip(lost, added, strict=True)) if len(lost) == len(added) == 1 else {}


def _comparable(keyword: str, value: Any) -> Any:
    if keyword in _SETS and not isinstance(value, bool):
        return {_canonical(one) for one in (value if is_array(value) else [value])}
    return _canonical(value)


def _is_nullable_reference(node: Json) -> bool:
    """Return whether a schema is a reference or null."""
    match node.get("oneOf"):
        case [{"$ref": str()} as option, {"type": "null"}]:
            return _keywords(node) <= {"oneOf", *_ACCESS} and _keywords(option) == {"$ref"}
        case _:
            return False


def _unwrapped(node: Json) -> Json:
    """Return a reference without the `allOf` in which frameworks wrap it to add keywords."""
    match node.get("allOf"):
        case [{"$ref": str(reference)}] if _keywords(node) <= {"allOf", *_ACCESS}:
            return {"$ref": reference, **_access(node)}
        case _:
            return node


def _access(node: Json) -> Json:
    return {key: node[key] for key in _ACCESS if key in node}


def _reference(node: Json) -> str:
    return str((node["oneOf"][0] if _is_nullable_reference(node) else node).get("$ref", ""))


def _resolved(document: Json, node: Json) -> Json:
    reference = _reference(node)
    if not reference:
        return dict(node)
    if not reference.startswith("#/"):
        raise SpecError(
            f"the document refers to {shown(reference)}, which is outside the document; "
            "run `redocly bundle` to include the target"
        )
    target = resolve(document, {"$ref": reference})
    if _is_nullable_reference(node):
        types = target.get("type", "any")
        types = types if is_array(types) else [types]
        return {**target, **_access(node), "type": [*types, "null"]}
    return {**target, **{key: value for key, value in node.items() if key != "$ref"}}


def _significant(node: Json, where: Place) -> Json:
    """Return an object without texts, extensions, and keywords without effect."""
    keywords = _keywords(node)
    kept = {
        key: value
        for key, value in node.items()
        if key in keywords and value not in _DEFAULTS.get(key, [])
    }
    # Fields that are not sent back may be read-only, and fields that are not received write-only.
    kept.pop("readOnly" if where.in_response else "writeOnly", None)
    if "number" in (kept.get("type"), *array_in(kept, "type")):
        kept.pop("format", None)  # the precision
    for keyword in ("oneOf", "anyOf"):
        if any(is_object(one) and not _keywords(one) for one in array_in(kept, keyword)):
            kept.pop(keyword)  # one of the options allows any value
    return kept


def _keywords(node: Json) -> set[str]:
    """Return the keys of an object without texts and extensions."""
    return {key for key in node if key not in _TEXTS and not key.startswith("x-")}


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


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def shown_value(value: Any) -> str:
    if value is None:
        return "none"
    if is_object(value) and len(pointer(str(value.get("$ref", "")))) == 3:
        return pointer(value["$ref"])[2]
    return _cut(value if isinstance(value, str) else _canonical(value))


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
