"""Rewrites of an OpenAPI document for openapi-python-client, which drops what it cannot express.

The result is a document of a few constructs that the generator handles exactly, plus what its data model
has no place for: how each parameter is sent, how names are spelled on the wire, notes for docstrings.
The templates read the second part (see `Prepared.templates`). A construct that neither can express is
refused with its place. scripts/spec/completeness.py compares the result with the original document.
"""

from __future__ import annotations

import copy
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from attrs import define, field, frozen
from openapi_python_client.strings import ClassName, PythonIdentifier, pascal_case

from scripts.spec.document import METHODS, Json, SpecError, look_up, modern, pointer
from scripts.spec.enum_names import member_names

# Names that client, types and the property templates of the generator use in the modules of models.
TAKEN_CLASSES = {
    "Any", "AuthenticatedClient", "BinaryIO", "BytesIO", "Client", "Enum", "File", "FileTypes",
    "Generator", "HTTPStatus", "IntEnum", "Literal", "Mapping", "RequestFiles", "Response", "StrEnum",
    "T", "TextIO", "TypeVar", "UNSET", "UUID", "Unset",
}  # fmt: skip
# Methods of every model, and variables of the code that reads and writes it.
TAKEN_FIELDS = {
    "additional_keys", "additional_properties", "cast", "cls", "from_dict", "src_dict", "to_dict",
    "to_multipart",
}  # fmt: skip
TAKEN_PARAMETERS = {"body", "cast", "client", "url"}

FORM, MULTIPART, BYTES = (
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/octet-stream",
)
_ORDER = ("path", "query", "header", "cookie")
_STYLES = {"path": ("simple",), "header": ("simple",), "cookie": ("form",)}
_QUERY_STYLES = ("form", "pipeDelimited", "spaceDelimited", "deepObject")
# Without meaning for what is sent: checked by the service, or read by people.
_UNMODELLED = {
    "callbacks", "links", "webhooks", "not", "if", "patternProperties", "prefixItems",
    "propertyNames", "dependentSchemas", "unevaluatedProperties", "contains", "contentEncoding",
    "contentMediaType", "xml", "allowReserved",
}  # fmt: skip


@frozen
class Authorization:
    """How the one client of a document sends its token."""

    header: str = "Authorization"
    prefix: str = "Bearer"


@define
class Prepared:
    """What the generator is given.

    Attributes:
        document: OpenAPI 3.1 of few constructs.
        operations: By `tag.name`: method and path, deprecation, parameters and contents.
        fields: By class: the name of a field on the wire, where that differs, by its name in `document`.
        notes: By class: deprecation and default of a field, for its docstring.
        content_types: What the generator must take each media type for.
        authorization: How the token is sent.
        unmodelled: Constructs that the client does not model, each with its places.
    """

    document: Json
    operations: dict[str, Json] = field(factory=dict)
    fields: dict[str, dict[str, str]] = field(factory=dict)
    notes: dict[str, dict[str, str]] = field(factory=dict)
    content_types: dict[str, str] = field(factory=dict)
    authorization: Authorization = field(factory=Authorization)
    unmodelled: dict[str, list[str]] = field(factory=dict)

    def templates(self, sha256: str) -> str:
        """Return a Jinja template that hands the second part to the other templates.

        Args:
            sha256: Digest of the whole document.
        """
        values = {
            "SPEC": {"version": self.document["info"]["version"], "sha256": sha256},
            "OPERATIONS": self.operations,
            "FIELDS": self.fields,
            "NOTES": self.notes,
            "AUTHORIZATION": {
                "header": self.authorization.header,
                "prefix": self.authorization.prefix,
            },
        }
        return "".join(f"{{% set {name} = {_jinja(value)} %}}\n" for name, value in values.items())


def _jinja(value: Any) -> str:
    """A value as Jinja writes it: JSON, but for the escapes of a string and the three constants."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{_jinja(key)}: {_jinja(item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_jinja, value)) + "]"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value)


def prepare(document: Json) -> Prepared:
    """Return what the generator is given for a document.

    Raises:
        SpecError: If the document has a construct that the generated client could not honour.
    """
    try:
        return _prepare(document)
    except RecursionError:
        raise SpecError("a schema refers to itself without an object between") from None


def _prepare(document: Json) -> Prepared:
    modernised = modern(_with_operations_of_their_own(document))
    operations = list(_operations(modernised))
    authorization = _authorization(modernised, operations)
    classes = Classes(modernised)
    prepared = Prepared({}, authorization=authorization, unmodelled=_unmodelled(document))
    _name_operations(operations)
    paths: Json = {}
    refusals = []
    for operation in operations:
        tag, name = (
            PythonIdentifier(operation.tag, "tag"),
            PythonIdentifier(operation.name, "field_"),
        )
        try:
            _refuse_other_servers(modernised, operation)
            rewriter = _Rewriter(modernised, classes, prepared, operation, f"{tag}.{name}")
            path, definition = rewriter.rewritten()
        except SpecError as error:
            refusals.append(str(error))
            continue
        if operation.method in paths.get(path, {}):
            refusals.append(f"{operation.place} has the same address as another operation")
        paths.setdefault(path, {})[operation.method] = definition
    if refusals:
        raise SpecError("\n  ".join(refusals))
    classes.add_unused()
    prepared.fields, prepared.notes = classes.wire_names, classes.notes
    info = modernised.get("info", {})
    prepared.document = {
        "openapi": "3.1.0",
        "info": {"title": str(info.get("title", "")), "version": str(info.get("version", ""))},
        "paths": paths,
        "components": {"schemas": classes.made},
    }
    return prepared


# --- operations


@define
class _Operation:
    """An operation on its way to the generator."""

    path: str
    method: str
    item: Json
    definition: Json
    name: str = ""

    @property
    def place(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def tag(self) -> str:
        return str((self.definition.get("tags") or ["default"])[0])


def _with_operations_of_their_own(document: Json) -> Json:
    """Rewrite: what operations share by reference (parameters, bodies, answers) stands in each of them.

    Reason: the generator follows such references in part only, and every later rewrite needs one place.
    """

    def whole(node: Any) -> Any:
        seen = 0
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            node, seen = _at(document, node["$ref"]), seen + 1
            if seen > 50:
                raise SpecError(f"{node['$ref']} refers to itself")
        return copy.deepcopy(node)

    paths: Json = {}
    for path, found in document["paths"].items():
        item = {**whole(found), **{key: value for key, value in found.items() if key != "$ref"}}
        for method in METHODS:
            if not isinstance(item.get(method), dict):
                continue
            definition = dict(item[method])
            shared = {_identity(entry): entry for entry in map(whole, item.get("parameters", []))}
            own = [whole(entry) for entry in definition.get("parameters", [])]
            for entry in own:
                shared[_identity(entry)] = entry
            definition["parameters"] = list(shared.values())
            if "requestBody" in definition:
                definition["requestBody"] = whole(definition["requestBody"])
            definition["responses"] = {
                str(status): whole(answer)
                for status, answer in definition.get("responses", {}).items()
            }
            item[method] = definition
        paths[path] = item
    return {**document, "paths": paths}


def _identity(parameter: Json) -> tuple[str, str]:
    return str(parameter.get("in")), str(parameter.get("name"))


def _at(document: Json, reference: str) -> Any:
    try:
        return look_up(document, reference)
    except KeyError:
        raise SpecError(f"{reference} does not exist in the document") from None


def _operations(document: Json) -> Iterator[_Operation]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if isinstance(item.get(method), dict):
                yield _Operation(path, method, item, item[method])


def _name_operations(operations: list[_Operation]) -> None:
    """Rewrite: every operation has a name of its own.

    Reason: the generator writes two operations of one name into one module, the second over the first.
    The name of an operation without an id, or with an id that another one has too, is made of method
    and path, so that it does not depend on the order of the document.
    """
    wanted: dict[tuple[str, str], list[_Operation]] = defaultdict(list)
    for operation in operations:
        own = operation.definition.get("operationId")
        operation.name = str(own) if own else _path_words(operation, with_parameters=False)
        name = PythonIdentifier(operation.name, "field_")
        wanted[PythonIdentifier(operation.tag, "tag"), name].append(operation)
    for group in wanted.values():
        if len(group) > 1:
            for operation in group:
                operation.name = _path_words(operation, with_parameters=True)
    names = [
        (PythonIdentifier(operation.tag, "tag"), PythonIdentifier(operation.name, "field_"))
        for operation in operations
    ]
    for operation, key in zip(operations, names, strict=True):
        if names.count(key) > 1:
            raise SpecError(
                f"{operation.place}: another operation of the tag {operation.tag} has the name "
                f"{key[1]} too; give it an operationId in the overlay"
            )


def _path_words(operation: _Operation, *, with_parameters: bool) -> str:
    mark = r"by_\1" if with_parameters else r"\1"
    words = re.sub(r"{([^}]*)}", mark, operation.path)
    return f"{operation.method}_{words.strip('/').replace('/', '_')}"


def _refuse_other_servers(document: Json, operation: _Operation) -> None:
    """Refuse an operation of a server that is not the document's.

    Reason: the client has one base URL, and its token must not go to another server.
    """
    known = {_server(server) for server in document.get("servers", [{"url": "/"}])}
    for server in operation.definition.get("servers") or operation.item.get("servers") or []:
        if _server(server) not in known:
            raise SpecError(
                f"{operation.place} is served by {server.get('url')} and not by the server of "
                "the document; the client has one base URL and one token. Remove the operation in the "
                "overlay, or its `servers` if the server of the document answers it too"
            )


def _server(server: Json) -> tuple[str, str]:
    url = str(server.get("url", "/"))
    for name, variable in server.get("variables", {}).items():
        url = url.replace(f"{{{name}}}", str(variable.get("default")))
    parts = urlsplit(urljoin("https://relative.invalid/", url))
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


def _authorization(document: Json, operations: list[_Operation]) -> Authorization:
    """Rewrite: each operation says itself whether it needs the token.

    Reason: the generator ignores the security of the document and takes an optional token for a
    required one. Refused is a scheme that the one token of a client cannot satisfy.
    """
    schemes = document.get("components", {}).get("securitySchemes", {})
    possible: list[tuple[_Operation, list[Authorization]]] = []
    for operation in operations:
        options = operation.definition.pop("security", document.get("security", []))
        if not options or {} in options:
            operation.definition["security"] = None if options else []
            continue
        operation.definition["security"] = [{"token": []}]
        ways = []
        for option in options:
            for name in option:
                if name not in schemes:
                    raise SpecError(f"{operation.place}: the security scheme {name} is not defined")
            if len(option) == 1:
                ways += _ways(schemes[next(iter(option))])
        if not ways:
            kinds = ", ".join(
                f"{name} ({schemes[name].get('type')} {schemes[name].get('scheme', '')}".strip()
                + ")"
                for option in options
                for name in option
            )
            raise SpecError(
                f"{operation.place}: the client cannot satisfy its security: {kinds}. It sends one "
                "token in one header; change `security` of the operation in the overlay"
            )
        possible.append((operation, ways))
    common = [Authorization()] + [way for _, ways in possible for way in ways]
    for way in dict.fromkeys(common):
        if all(way in ways for _, ways in possible):
            return way
    first, ways = possible[0]
    operation, other = (
        next((operation, other) for operation, other in possible if not set(ways) & set(other))
        if any(not set(ways) & set(other) for _, other in possible)
        else possible[-1]
    )
    raise SpecError(
        f"{operation.place} sends the token as {_way(other[0])}, and {first.place} as "
        f"{_way(ways[0])}; the client sends one token in one header. Change `security` of one "
        "of the operations in the overlay"
    )


def _way(way: Authorization) -> str:
    return f"`{way.header}: {way.prefix} <token>`".replace(":  ", ": ")


def _ways(scheme: Json) -> list[Authorization]:
    match scheme.get("type"), str(scheme.get("scheme", "")).lower(), scheme.get("in"):
        case ("http", "bearer", _) | ("oauth2" | "openIdConnect", _, _):
            return [Authorization()]
        case "http", "basic", _:
            return [Authorization(prefix="Basic")]
        case "apiKey", _, "header":
            prefix = re.search(r"prefix\W+(\w+)", str(scheme.get("description", "")))
            return [Authorization(str(scheme["name"]), prefix[1] if prefix else "")]
    return []


class _Rewriter:
    """Rewrites one operation."""

    def __init__(
        self, document: Json, classes: Classes, prepared: Prepared, operation: _Operation, key: str
    ) -> None:
        self.document, self.classes, self.prepared = document, classes, prepared
        self.operation, self.place = operation, operation.place
        self.class_name = pascal_case(PythonIdentifier(operation.name, "field_"))
        self.wire: Json = {
            "method": operation.method.upper(),
            "path": operation.path,
            "deprecated": operation.definition.get("deprecated") is True,
            "parameters": {},
            "contents": {},
        }
        prepared.operations[key] = self.wire

    def rewritten(self) -> tuple[str, Json]:
        """Return path and definition of the operation as the generator is given it."""
        found = self.operation.definition
        made: Json = {
            "operationId": self.operation.name,
            "tags": [self.operation.tag],
            **{
                key: found[key]
                for key in ("summary", "description")
                if isinstance(found.get(key), str)
            },
        }
        if found["security"] is not None:
            made["security"] = found["security"]
        path, made["parameters"] = self.parameters()
        if "requestBody" in found:
            made["requestBody"] = self.body(found["requestBody"])
        made["responses"] = self.answers(found["responses"])
        return path, made

    def parameters(self) -> tuple[str, list[Json]]:
        """Rewrite: each parameter has a name that Python and the template leave free, and no default.

        Reason: a default would be sent with every call, so that the service could not change its own.
        Header and cookie parameters stand among the query's, since the generator takes few types in
        them; the template sends each where it belongs.
        """
        found = self.operation.definition["parameters"]
        if unknown := [entry for entry in found if entry.get("in") not in _ORDER]:
            raise SpecError(f"{self.place}: a parameter in {unknown[0].get('in')} is not supported")
        found = sorted(found, key=lambda entry: _ORDER.index(entry["in"]))
        path, made, taken = self.operation.path, [], set(TAKEN_PARAMETERS)
        for entry in found:
            kind, name = entry["in"], str(entry["name"])
            where = f"{self.place}, parameter {name} ({kind})"
            if kind == "header" and name.lower() in ("accept", "content-type", "authorization"):
                continue  # OpenAPI: such a parameter is ignored
            schema, style, explode = self._sent(entry, where)
            python: str = PythonIdentifier(name, "field_")
            if python in taken:
                python = _free(f"{python}_{kind}", taken)
            taken.add(python)
            shape = self.classes.shape(
                schema, f"{self.class_name}{pascal_case(name)}", "request", where
            )
            self._refuse_objects(shape, kind, style, where)
            if kind == "path" and "oneOf" in shape:  # a path has no null
                options = [option for option in shape["oneOf"] if option != {"type": "null"}]
                shape = options[0] if len(options) == 1 else {**shape, "oneOf": options}
            if kind == "path":
                path = path.replace(f"{{{name}}}", f"{{{python}}}")
            made.append(
                {
                    "name": python,
                    "in": "path" if kind == "path" else "query",
                    "required": kind == "path" or entry.get("required") is True,
                    "schema": _described(shape, entry.get("description")),
                }
            )
            self.wire["parameters"][python] = {
                "in": kind,
                "name": name,
                "style": style,
                "explode": explode,
                "note": _note({**schema, **entry}),
            }
        return path, made

    def _sent(self, entry: Json, where: str) -> tuple[Json, str, bool]:
        if "content" in entry:
            [(media, content)] = entry["content"].items()
            if not _is_json(media):
                raise SpecError(
                    f"{where}: a value of {media} cannot be sent; describe it by a schema"
                )
            return content.get("schema", {}), "json", False
        kind = entry["in"]
        default = "form" if kind in ("query", "cookie") else "simple"
        style = entry.get("style", default)
        if style not in _STYLES.get(kind, _QUERY_STYLES):
            raise SpecError(f"{where}: the style {style} is not supported")
        return entry.get("schema", {}), style, bool(entry.get("explode", style == "form"))

    def _refuse_objects(self, shape: Json, kind: str, style: str, where: str) -> None:
        """Refuse a value for which OpenAPI has no form outside of a body."""
        if style == "json":
            return
        parts = [shape, *shape.get("oneOf", [])]
        models = [part for part in parts if self.classes.is_model(part)]
        lists = [part for part in parts if part.get("type") == "array"]
        inner = [part["items"] for part in lists]
        for model in models:
            fields = self.classes.made[pointer(model["$ref"])[-1]].get("properties", {})
            inner += [part for one in fields.values() for part in [one, *one.get("oneOf", [])]]
        what = ""
        if any(self.classes.is_model(part) for part in inner):
            what = "an object inside of an array or object"
        elif models and (kind != "query" or style in ("pipeDelimited", "spaceDelimited")):
            what = "an object"
        elif kind == "path" and lists:
            what = "an array"
        if what:
            raise SpecError(f"{where}: {what} in the {kind} is not supported")

    def body(self, found: Json) -> Json:
        """Rewrite: a body has one form, JSON before multipart before URL-encoded.

        Reason: the generator tells the forms of a body apart by the class of its value, which is the
        same for all. The service takes any of them. Multipart wins where the body has files.
        """
        contents = {_media(media): content for media, content in found.get("content", {}).items()}
        if not contents:
            raise SpecError(f"{self.place}: the request body has no content")
        forms = [media for media in contents if media in (MULTIPART, FORM)]
        json_like = next((media for media in contents if _is_json(media)), None)
        with_files = MULTIPART in contents and self.classes.has_files(
            contents[MULTIPART].get("schema", {})
        )
        media = (
            MULTIPART
            if with_files
            else json_like or next(iter(sorted(forms, reverse=True)), next(iter(contents)))
        )
        schema = contents[media].get("schema", {})
        where = f"{self.place}, request body"
        if media == json_like or media in forms:
            mode = "multipart" if media == MULTIPART else "request"
            shape = self.classes.shape(schema, f"{self.class_name}Body", mode, where)
            if media in forms and not self.classes.is_model(shape):
                raise SpecError(f"{where}: {media} needs an object")
            if media == json_like:
                media = "application/json" if media == "*/*" else media
        else:
            shape = {"type": "string", "format": "binary"}
            self.prepared.content_types[media] = BYTES
        required = found.get("required") is True or "oneOf" in shape
        return {"required": required, "content": {media: {"schema": shape}}}

    def answers(self, found: Json) -> Json:
        """Rewrite: each media type of an answer is an answer of its own, with a status of its own.

        Reason: the generator reads the first media type only. No server sends the
        statuses. The template puts them together again and
        chooses by the content type that came.
        """
        made: Json = {}
        spare = iter(range(199, 101, -1))
        for status, answer in found.items():
            status = status.upper() if re.fullmatch(r"\dxx", status) else status
            options: dict[str, list[str]] = {}
            shapes: dict[str, Json] = {}
            for name, content in answer.get("content", {}).items():
                media = _media(name)
                shape, taken_for = self._content(media, content, status)
                text = json.dumps(shape, sort_keys=True) + taken_for
                options.setdefault(text, []).append(media)
                shapes[text] = {taken_for: {"schema": shape}}
            described = {"description": str(answer.get("description", ""))}
            if not options:
                made[status] = described
            for number, (text, medias) in enumerate(options.items()):
                code = str(next(spare)) if number else status
                made[code] = {**described, "content": shapes[text]}
                self.wire["contents"][code] = {"status": status, "media": medias}
        if not made:
            raise SpecError(f"{self.place}: no response is documented")
        return made

    def _content(self, media: str, content: Json, status: str) -> tuple[Json, str]:
        schema = content.get("schema", {})
        if _is_json(media) and not (media == "*/*" and schema.get("format") == "binary"):
            name = f"{self.class_name}Response{status}"
            where = f"{self.place}, answer {status}"
            return self.classes.shape(schema, name, "response", where), "application/json"
        if media.startswith("text/") or media in _TEXTS or media.endswith(("+xml", "+yaml")):
            return {"type": "string"}, "text/x-answer"  # a name that no body has
        return {"type": "string", "format": "binary"}, BYTES


_TEXTS = {
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/x-ndjson",
    "application/javascript",
}


def _media(media: str) -> str:
    return media.partition(";")[0].strip().lower()


def _is_json(media: str) -> bool:
    media = _media(media)
    return media in ("application/json", "*/*", "application/*") or media.endswith("+json")


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _described(shape: Json, description: Any) -> Json:
    if isinstance(description, str) and description and "$ref" not in shape:
        return {**shape, "description": description}
    return shape


def _note(schema: Json) -> str:
    """What a docstring must say beside the description."""
    notes = ["Deprecated."] if schema.get("deprecated") is True else []
    if "default" in schema:
        notes.append(
            f"If left out, the service uses {json.dumps(schema['default'], ensure_ascii=False)}."
        )
    return " ".join(notes)


def _unmodelled(document: Json) -> dict[str, list[str]]:
    from scripts.spec.document import walk

    found: dict[str, list[str]] = defaultdict(list)
    if document.get("webhooks"):
        found["webhooks"].append("#")
    for place, node in walk(document):
        for keyword in _UNMODELLED & node.keys():
            found[keyword].append(place)
        if "/responses/" in place and "headers" in node:
            found["headers of an answer"].append(place)
        if "/requestBody/" in place and "encoding" in node:
            found["encoding of a form"].append(place)
    return dict(found)


# --- schemas


class Classes:
    """The classes of a document: objects and enumerations, each a component of its own.

    Every schema becomes one of: a reference to a class, an array, a union of these, or a plain value.
    A schema may become two classes: a request has no readOnly fields, an answer no writeOnly ones.
    """

    def __init__(self, document: Json) -> None:
        self.document = document
        self.schemas: Json = document.get("components", {}).get("schemas", {})
        self.made: dict[str, Json] = {}
        self.wire_names: dict[str, dict[str, str]] = {}
        self.notes: dict[str, dict[str, str]] = {}
        self.names = _class_names(self.schemas)
        self.tags, self.subclasses = discriminators(document, self.schemas)
        self._by_use: dict[tuple[str, str], str] = {}
        self._claimed: dict[str, str] = {}
        self._nameless: dict[tuple[str, str, str], str] = {}
        self._open: list[str] = []
        self._answered = self._used_in_answers()

    # --- what differs between requests and answers

    def _closure(self, schema: Any, seen: set[str]) -> Iterator[Json]:
        if isinstance(schema, list):
            for item in schema:
                yield from self._closure(item, seen)
        elif isinstance(schema, dict):
            yield schema
            reference = schema.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                yield from self._closure(_at(self.document, reference), seen)
                for child in self.subclasses.get(pointer(reference)[-1], []):
                    yield from self._closure({"$ref": f"#/components/schemas/{child}"}, seen)
            for key, value in schema.items():
                if key == "properties" and isinstance(value, dict):
                    for definition in value.values():
                        yield from self._closure(definition, seen)
                elif key in ("items", "allOf", "anyOf", "oneOf", "additionalProperties"):
                    yield from self._closure(value, seen)

    def has_files(self, schema: Json) -> bool:
        return any(part.get("format") == "binary" for part in self._closure(schema, set()))

    def _differs(self, schema: Json) -> bool:
        return any(
            part.get("readOnly") is True or part.get("writeOnly") is True
            for part in self._closure(schema, set())
        )

    def _used_in_answers(self) -> set[str]:
        used: set[str] = set()
        for item in self.document["paths"].values():
            for method in METHODS:
                for answer in item.get(method, {}).get("responses", {}).values():
                    for content in answer.get("content", {}).values():
                        list(self._closure(content.get("schema", {}), used))
        return {pointer(reference)[-1] for reference in used}

    def _class_for(self, name: str, use: str) -> str:
        """Rewrite: a schema with readOnly or writeOnly fields has a class for each direction.

        Reason: the generator knows neither; a required readOnly field would have to be sent, and an
        answer without a writeOnly field could not be read.
        """
        schema, own = self.schemas[name], self.names[name]
        if use == "multipart" and not self.has_files(schema):
            use = "request"
        different = use == "multipart" or (use == "request" and self._differs(schema))
        if not different:
            return own
        if name not in self._answered and self._claimed.setdefault(name, use) == use:
            return own
        if (name, use) not in self._by_use:
            suffix = "Multipart" if use == "multipart" else "Request"
            taken = {*self.names.values(), *self.made}
            self._by_use[name, use] = _free_class(f"{own}{suffix}", taken)
        return self._by_use[name, use]

    # --- shapes

    def is_model(self, shape: Json) -> bool:
        reference = shape.get("$ref")
        return isinstance(reference, str) and "enum" not in self.made[pointer(reference)[-1]]

    def add_unused(self) -> None:
        for name in self.schemas:
            if not any(made == name for made, _ in self._by_use):
                self._component(name, "response", f"schema {name}", union=False)

    def shape(self, schema: Any, name: str, use: str, where: str) -> Json:
        """Return a schema as the generator is given it; `name` is that of a class that it needs."""
        if schema is True or schema == {}:
            return {}
        if not isinstance(schema, dict):
            raise SpecError(f"{where}: a schema that allows nothing")
        if isinstance(schema.get("$ref"), str) and not (schema.keys() & _CONSTRAINING):
            steps = pointer(schema["$ref"])
            if steps[:2] == ["components", "schemas"] and len(steps) == 3:
                if steps[2] not in self.schemas:
                    raise SpecError(f"{where}: {schema['$ref']} does not exist in the document")
                return self._component(steps[2], use, where)
            return self.shape(_at(self.document, schema["$ref"]), name, use, where)
        schema = self.merged(schema, where)
        if isinstance(schema.get("$ref"), str):
            return self.shape(schema, name, use, where)
        options = _options(schema)
        if options is not None:
            return self._union(schema, options, name, use, where)
        return self._plain(schema, name, use, where)

    def _component(self, name: str, use: str, where: str, *, union: bool = True) -> Json:
        children = self.subclasses.get(name, []) if union else []
        if children:
            # An answer that is announced as the base is one of its subclasses.
            options = [self._component(child, use, where) for child in children]
            return {"oneOf": [*options, self._component(name, use, where, union=False)]}
        schema = self.merged(self.schemas[name], f"schema {name}")
        if (
            isinstance(schema.get("$ref"), str)
            or _options(schema) is not None
            or not _makes_class(schema)
        ):
            # Rewrite: a component that is no class stands where it is used. Reason: the generator drops
            # a component that may be null, and names the classes inside of it after each use.
            if name in self._open:
                raise SpecError(f"schema {name} refers to itself without an object between")
            self._by_use.setdefault((name, use), "")
            outside, self._open = self._open, [*self._open, name]
            try:
                return self.shape(schema, self.names[name], use, f"schema {name}")
            finally:
                self._open = outside
        class_name = self._class_for(name, use)
        self._by_use[name, use] = class_name
        if class_name not in self.made:
            self._make(class_name, schema, use, f"schema {name}", tag=self.tags.get(name))
        return _reference(class_name)

    def merged(self, schema: Json, where: str) -> Json:
        """Rewrite: allOf is one schema, or the one reference that it holds.

        Reason: the generator merges some combinations only, and drops what stands beside a reference.
        """
        beside = {key: value for key, value in schema.items() if key not in ("allOf", "$ref")}
        parts = list(schema.get("allOf", []))
        if "$ref" in schema:
            parts.insert(0, {"$ref": schema["$ref"]})
        if not parts:
            return schema
        if len(parts) == 1 and not beside.keys() & _CONSTRAINING:
            return (
                dict(parts[0])
                if "$ref" in parts[0]
                else self.merged({**parts[0], **_words(beside)}, where)
            )
        whole: Json = {}
        for part in [*parts, beside]:
            while isinstance(part.get("$ref"), str):
                part = _at(self.document, part["$ref"])
            part = self.merged(part, where)
            while isinstance(part.get("$ref"), str):
                part = self.merged(_at(self.document, part["$ref"]), where)
            whole = _both(whole, part, where)
        return whole

    def _union(self, schema: Json, options: list[Any], name: str, use: str, where: str) -> Json:
        shapes: list[Json] = []
        real = [option for option in options if option != {"type": "null"}]
        for number, option in enumerate(real):
            inner = name if len(real) == 1 else f"{name}Type{number}"
            shape = self.shape(option, inner, use, where)
            shapes += shape.get("oneOf", [shape])
        if len(real) < len(options):
            shapes.append({"type": "null"})
        lists = [shape["items"] for shape in shapes if shape.get("type") == "array"]
        if len(lists) > 1:
            # Python tells lists apart by their items only: one list of either.
            items = [item for shape in lists for item in shape.get("oneOf", [shape])]
            kept = [item for number, item in enumerate(items) if item not in items[:number]]
            item = {} if {} in kept else {"oneOf": sorted(kept, key=self._breadth)}
            merged = {"type": "array", "items": kept[0] if len(kept) == 1 else item}
            shapes = [merged, *(shape for shape in shapes if shape.get("type") != "array")]
        unique = [shape for number, shape in enumerate(shapes) if shape not in shapes[:number]]
        if {} in unique:
            return {}  # one of the options is anything
        if len(unique) == 1:
            return unique[0]
        # The code that reads a union takes the first option that fits: the narrow ones come first.
        return _described({"oneOf": sorted(unique, key=self._breadth)}, schema.get("description"))

    def _breadth(self, shape: Json) -> tuple[int, int]:
        if "$ref" in shape:
            made = self.made.get(pointer(shape["$ref"])[-1], {})
            return (0, 0) if "enum" in made else (1, -len(made.get("required", [])))
        formats = ("date-time", "date", "uuid")
        kinds = {"null": 9, "string": 7, "array": 0, "integer": 3, "number": 4, "boolean": 5}
        kind = shape.get("type", "")
        if "const" in shape:
            return (0, 0)
        if kind == "string" and shape.get("format") in formats:
            return (3, formats.index(shape["format"]))
        return (kinds.get(kind, 6), 0)

    def _plain(self, schema: Json, name: str, use: str, where: str) -> Json:
        kind = schema.get("type")
        words = {key: schema[key] for key in ("description",) if isinstance(schema.get(key), str)}
        if _makes_class(schema):
            return _reference(self._nameless_class(schema, name, use, where))
        if kind == "array":
            return {
                **words,
                "type": "array",
                "items": self.shape(schema.get("items", {}), f"{name}Item", use, where),
            }
        if isinstance(schema.get("const"), str | int) and not isinstance(schema["const"], bool):
            return {**words, "const": schema["const"]}
        if kind == "string":
            binary = schema.get("format") == "binary" and use != "multipart"
            shown = {} if binary or "format" not in schema else {"format": str(schema["format"])}
            return {**words, "type": "string", **shown}
        return {**words, "type": kind} if kind in _TYPES else words

    # --- classes

    def _nameless_class(self, schema: Json, name: str, use: str, where: str) -> str:
        different = self._differs(schema) or (use == "multipart" and self.has_files(schema))
        key = name, use if different else "", json.dumps(schema, sort_keys=True)
        if key not in self._nameless:
            # What may be null is named after the component that it is all of.
            own = {self.names[self._open[-1]]} if self._open else set[str]()
            taken = set(self.made) | (set(self.names.values()) - own)
            self._nameless[key] = _free_class(_class_name(name), taken)
            self._make(self._nameless[key], schema, use, where)
        return self._nameless[key]

    def _make(
        self,
        class_name: str,
        schema: Json,
        use: str,
        where: str,
        tag: tuple[str, list[str]] | None = None,
    ) -> None:
        words = {key: schema[key] for key in ("description",) if isinstance(schema.get(key), str)}
        if "enum" in schema:
            values = list(dict.fromkeys(value for value in schema["enum"] if value is not None))
            kind = "string" if isinstance(values[0], str) else "integer"
            given = schema.get("x-enum-varnames") or schema.get("x-enumNames")
            self.made[class_name] = {
                **words, "type": kind, "enum": values, "x-enum-varnames": member_names(values, given),
            }  # fmt: skip
            return
        made = self.made[class_name] = {"type": "object", **words}
        outside, self._open = self._open, []
        try:
            self._fill(made, class_name, schema, use, where, tag)
        finally:
            self._open = outside

    def _fill(
        self,
        made: Json,
        class_name: str,
        schema: Json,
        use: str,
        where: str,
        tag: tuple[str, list[str]] | None,
    ) -> None:
        properties: Json = dict(schema.get("properties", {}))
        required = list(dict.fromkeys(schema.get("required", [])))
        for missing in required:
            properties.setdefault(missing, {})
        if tag is not None:
            values = tag[1]
            properties[tag[0]] = (
                {"type": "string", "enum": values} if len(values) > 1 else {"const": values[0]}
            )
            required = [*required, *([tag[0]] if tag[0] not in required else [])]
        unsent = "readOnly" if use != "response" else "writeOnly"
        kept = {
            field: definition
            for field, definition in properties.items()
            if not (isinstance(definition, dict) and self._says(definition, unsent))
        }
        names = _field_names(list(kept))
        fields = {}
        for field_name, definition in kept.items():
            own = names[field_name]
            fields[own] = self.shape(
                definition,
                f"{class_name}{pascal_case(field_name)}",
                use,
                f"{where}, field {field_name}",
            )
            if own != field_name:
                self.wire_names.setdefault(class_name, {})[own] = field_name
            if isinstance(definition, dict) and (note := _note(definition)):
                self.notes.setdefault(class_name, {})[own] = note
        made["properties"] = fields
        if kept_required := [names[name] for name in required if name in kept]:
            made["required"] = kept_required
        others = schema.get("additionalProperties", True)
        if others is False and "patternProperties" not in schema:
            made["additionalProperties"] = False
        elif isinstance(others, dict) and others:
            made["additionalProperties"] = self.shape(
                others, f"{class_name}AdditionalProperty", use, f"{where}, additional properties"
            )

    def _says(self, definition: Json, keyword: str) -> bool:
        if definition.get(keyword) is True:
            return True
        return any(
            self._says(part, keyword) for part in definition.get("allOf", []) if "$ref" not in part
        )


_TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}
_ANNOTATIONS = {
    "title", "description", "example", "examples", "default", "deprecated", "readOnly", "writeOnly",
    "externalDocs", "xml", "nullable",
}  # fmt: skip
_CONSTRAINING = {
    "type", "properties", "required", "items", "enum", "const", "format", "oneOf", "anyOf", "allOf",
    "additionalProperties", "patternProperties",
}  # fmt: skip


def _words(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key in _ANNOTATIONS}


def _reference(class_name: str) -> Json:
    return {"$ref": f"#/components/schemas/{class_name}"}


def _makes_class(schema: Json) -> bool:
    if "enum" in schema:
        return _options(schema) is None and bool(_enum_types(schema))
    return schema.get("type") == "object" or (
        "type" not in schema and bool(schema.keys() & {"properties", "additionalProperties"})
    )


def _enum_types(schema: Json) -> set[type]:
    types = {type(value) for value in schema["enum"] if value is not None}
    return types if types <= {str, int} else set()


def _options(schema: Json) -> list[Any] | None:
    """Return the schemas of which a value fits one, or None if there is one schema only.

    Rewrites: null among the values of an enumeration, several types, and values of several types are
    unions. Reason: the generator makes one class for each value type, and calls a class with null in it
    after the position in the union.
    """
    for keyword in ("oneOf", "anyOf"):
        if isinstance(schema.get(keyword), list):
            beside = {
                key: value for key, value in schema.items() if key in _CONSTRAINING - {keyword}
            }
            options = schema[keyword]
            if beside and all(isinstance(option, dict) for option in options):
                return [
                    option if option == {"type": "null"} else {"allOf": [beside, option]}
                    for option in options
                ]
            return list(options)
    kind = schema.get("type")
    enum = schema.get("enum")
    if isinstance(kind, list):
        if len(kind) == 1:
            return [{**schema, "type": kind[0]}]
        if isinstance(enum, list):
            values = [value for value in enum if value is not None]
            rest = [
                {key: value for key, value in schema.items() if key != "type"} | {"enum": values}
            ]
            return [*(rest if values else []), *([{"type": "null"}] if "null" in kind else [])]
        return [{"type": "null"} if one == "null" else {**schema, "type": one} for one in kind]
    if isinstance(enum, list):
        values = [value for value in enum if value is not None]
        types = _enum_types({"enum": values})
        nulls = [{"type": "null"}] if len(values) < len(enum) else []
        if values and not types:
            # Neither texts nor whole numbers: what the values are is left to their type.
            plain = {key: value for key, value in schema.items() if key not in ("enum", "type")}
            kinds = dict.fromkeys(_json_type(value) for value in values)
            return [*({**plain, "type": one} for one in kinds), *nulls]
        if len(types) > 1 or nulls:
            by_type = [
                {**{key: value for key, value in schema.items() if key != "type"},
                 "enum": [value for value in values if type(value) is one]}
                for one in (str, int) if one in types
            ]  # fmt: skip
            return [*by_type, *nulls]
    return None


def _json_type(value: Any) -> str:
    kinds: dict[type, str] = {
        bool: "boolean",
        int: "integer",
        float: "number",
        str: "string",
        list: "array",
    }
    return kinds.get(type(value), "object")


def _both(left: Json, right: Json, where: str) -> Json:
    """Return the schema that means both."""
    for one, other in ((left, right), (right, left)):
        options = _options(one)
        if options is not None and other.keys() & _CONSTRAINING:
            return {
                "oneOf": [
                    {"allOf": [option, other]} for option in options if option != {"type": "null"}
                ]
            }
    whole = {**left, **right}
    if left.get("type", right.get("type")) != right.get("type", left.get("type")):
        raise SpecError(
            f"{where}: allOf of {left['type']} and {right['type']}, which nothing can be"
        )
    if "properties" in left or "properties" in right:
        whole["properties"] = dict(left.get("properties", {}))
        for name, definition in right.get("properties", {}).items():
            known = whole["properties"].get(name)
            same = known is None or known == definition
            whole["properties"][name] = definition if same else _narrower(known, definition)
    if "required" in left or "required" in right:
        whole["required"] = list(
            dict.fromkeys([*left.get("required", []), *right.get("required", [])])
        )
    if "enum" in left and "enum" in right:
        whole["enum"] = [value for value in left["enum"] if value in right["enum"]]
    whole.pop("title", None)
    return whole


def _narrower(left: Any, right: Any) -> Any:
    """Of two definitions of a field: both, unless one of them only adds words to the other."""
    if not isinstance(left, dict) or not isinstance(right, dict):
        return right
    return {"allOf": [left, right]} if left.keys() & (_CONSTRAINING | {"$ref"}) else right


def _class_name(name: str) -> str:
    return str(ClassName(name, "field_"))


def _free_class(name: str, taken: set[str]) -> str:
    modules = {PythonIdentifier(entry, "field_") for entry in taken}
    base = f"{name}Model" if name in TAKEN_CLASSES else name
    free, number = base, 1
    while PythonIdentifier(free, "field_") in modules:
        number += 1
        free = f"{base}{number}"
    return free


def _class_names(schemas: Json) -> dict[str, str]:
    """Rewrite: every schema has a class name, and a module, of its own.

    Reason: the generator refuses two schemas of one class name, writes two of one module name into one
    file, and lets a schema called `Client` or `File` hide its own class of that name.
    """
    names: dict[str, str] = {}
    for name in sorted(schemas, key=lambda name: (_class_name(name) != name, name)):
        names[name] = _free_class(_class_name(name), set(names.values()))
    return names


def _field_names(fields: list[str]) -> dict[str, str]:
    """Rewrite: every field has a Python name of its own, which the templates do not use.

    Reason: a field called `d` or `to_dict` hides the variable or method of that name, and of two fields
    `+1` and `-1` the generator makes one name. The field keeps its name on the wire.
    """
    names: dict[str, str] = {}
    taken: dict[str, str] = {}
    derived = {
        f"{PythonIdentifier(field, 'field_')}{suffix}"
        for field in fields
        for suffix in (
            "_item",
            "_item_data",
            "_item_type_0",
            "_type_0",
            "_type_1",
            "_type_2",
            "_type_3",
        )
    }
    for field_name in sorted(
        fields, key=lambda name: (PythonIdentifier(name, "field_") != name, name)
    ):
        python: str = PythonIdentifier(field_name, "field_")
        if python in TAKEN_FIELDS or python in taken or python in derived:
            used = {
                *taken,
                *TAKEN_FIELDS,
                *derived,
                *(PythonIdentifier(name, "field_") for name in fields),
            }
            names[field_name] = python = _free(f"{python.strip('_')}_field", used)
        else:
            names[field_name] = field_name
        taken[python] = field_name
    return names


def discriminators(
    document: Json, schemas: Json
) -> tuple[dict[str, tuple[str, list[str]]], dict[str, list[str]]]:
    """Return the tag of each schema that a discriminator tells apart, and the subclasses of each base.

    Rewrite: the tag is a constant of the schema. Reason: the generator ignores discriminators and reads
    the first schema that happens to fit.
    """
    tags: dict[str, tuple[str, list[str]]] = {}
    subclasses: dict[str, list[str]] = {}
    parents: dict[str, list[str]] = defaultdict(list)
    for name, schema in schemas.items():
        for part in schema.get("allOf", []) if isinstance(schema, dict) else []:
            steps = pointer(str(part.get("$ref", "")))
            if steps[:2] == ["components", "schemas"] and len(steps) == 3:
                parents[steps[2]].append(name)

    def below(base: str) -> list[str]:
        found: list[str] = []
        for child in parents.get(base, []):
            found += [name for name in (*below(child), child) if name not in found]
        return found

    from scripts.spec.document import walk

    for place, node in walk(document):
        discriminator = node.get("discriminator")
        if not isinstance(discriminator, dict) or not isinstance(
            discriminator.get("propertyName"), str
        ):
            continue
        values: dict[str, list[str]] = defaultdict(list)
        for value, target in discriminator.get("mapping", {}).items():
            values[pointer(target)[-1] if "/" in target else target].append(str(value))
        options = [
            pointer(option["$ref"])[-1]
            for option in [*node.get("oneOf", []), *node.get("anyOf", [])]
            if isinstance(option, dict) and isinstance(option.get("$ref"), str)
        ]
        steps = pointer(place)
        base = steps[2] if steps[:2] == ["components", "schemas"] and len(steps) == 3 else ""
        if not options and base:
            mapped = [name for name in values if name in schemas and name != base]
            subclasses[base] = list(dict.fromkeys([*below(base), *mapped]))
            options = subclasses[base]
        for option in options:
            if option in schemas and option != base:
                tags[option] = (discriminator["propertyName"], values.get(option) or [option])
    return tags, {base: children for base, children in subclasses.items() if children}
