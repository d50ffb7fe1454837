"""Rewrite an OpenAPI document into input that openapi-python-client handles exactly.

The generator silently drops constructs that it does not support. The result of `prepare` is a document
that uses only supported ones, plus metadata that the generator's model cannot carry: how each parameter
is sent, the JSON names of fields, and notes for docstrings. The templates read the metadata (see
`Prepared.templates`). A construct that neither can express raises SpecError with its location.

A docstring that begins with "Rewrite:" describes a change of the document and its reason.
scripts/spec/completeness.py compares the generated package with the original document.
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

from scripts.spec.document import (
    METHODS,
    Json,
    SpecError,
    look_up,
    pointer,
    to_openapi_31,
    unused_name,
    walk,
    without,
)
from scripts.spec.enum_names import member_names

# Class names that the modules of generated models import or define already.
RESERVED_CLASSES = {
    "Any", "AuthenticatedClient", "BinaryIO", "BytesIO", "Client", "Enum", "File", "FileTypes",
    "Generator", "HTTPStatus", "IntEnum", "Literal", "Mapping", "RequestFiles", "Response", "StrEnum",
    "T", "TextIO", "TypeVar", "UNSET", "UUID", "Unset",
}  # fmt: skip
# Names of methods of every model, and of local variables in from_dict and to_dict.
RESERVED_FIELDS = {
    "additional_keys", "additional_properties", "cast", "cls", "from_dict", "src_dict", "to_dict",
    "to_multipart",
}  # fmt: skip
RESERVED_PARAMETERS = {"body", "cast", "client", "url"}
# Suffixes that the property templates append to a field name to name local variables.
_DERIVED_SUFFIXES = (
    "_item", "_item_data", "_item_type_0", "_type_0", "_type_1", "_type_2", "_type_3",
)  # fmt: skip
# OpenAPI ignores header parameters with these names.
IGNORED_HEADERS = ("accept", "content-type", "authorization")

FORM, MULTIPART, BYTES = (
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/octet-stream",
)
_TEXT_MEDIA_TYPES = {
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/x-ndjson",
    "application/javascript",
}
_LOCATIONS = ("path", "query", "header", "cookie")
_STYLES = {"path": ("simple",), "header": ("simple",), "cookie": ("form",)}
_QUERY_STYLES = ("form", "pipeDelimited", "spaceDelimited", "deepObject")
# Keywords that the client does not need: the service validates them, or they are documentation.
_UNMODELED = {
    "callbacks", "links", "webhooks", "not", "if", "patternProperties", "prefixItems",
    "propertyNames", "dependentSchemas", "unevaluatedProperties", "contains", "contentEncoding",
    "contentMediaType", "xml", "allowReserved",
}  # fmt: skip
_TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}
_ANNOTATIONS = {
    "title", "description", "example", "examples", "default", "deprecated", "readOnly", "writeOnly",
    "externalDocs", "xml", "nullable",
}  # fmt: skip
_CONSTRAINTS = {
    "type", "properties", "required", "items", "enum", "const", "format", "oneOf", "anyOf", "allOf",
    "additionalProperties", "patternProperties",
}  # fmt: skip
_NULL = {"type": "null"}


@frozen
class Authorization:
    """Name of the header that carries the token, and prefix of its value."""

    header: str = "Authorization"
    prefix: str = "Bearer"


@define
class Prepared:
    """Input of the generator.

    Attributes:
        document: An OpenAPI 3.1 document of supported constructs.
        operations: Method, path, deprecation, parameters and response contents, by `tag.name`.
        fields: JSON names of the fields that are renamed in `document`, by class and field.
        notes: Sentences on deprecation and default for docstrings, by class and field.
        content_types: Media types that the generator must treat as another, supported one.
        authorization: How the token is sent.
        unmodeled: Keywords that the client does not model, each with its locations.
    """

    document: Json
    operations: dict[str, Json] = field(factory=dict)
    fields: dict[str, dict[str, str]] = field(factory=dict)
    notes: dict[str, dict[str, str]] = field(factory=dict)
    content_types: dict[str, str] = field(factory=dict)
    authorization: Authorization = field(factory=Authorization)
    unmodeled: dict[str, list[str]] = field(factory=dict)

    def templates(self, sha256: str) -> str:
        """Return a Jinja template that passes the metadata to the other templates.

        Args:
            sha256: Digest of the original document.
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
        # The repr of strings, None, booleans, lists and dictionaries is a valid Jinja literal.
        return "".join(f"{{% set {name} = {value!r} %}}\n" for name, value in values.items())


def prepare(document: Json) -> Prepared:
    """Return the generator's input for a document.

    Raises:
        SpecError: If the generated client could not support a construct of the document.
    """
    try:
        return _prepare(document)
    except RecursionError:
        raise SpecError("a schema contains itself without an object in between") from None


def _prepare(document: Json) -> Prepared:
    original, document = document, to_openapi_31(_inline_shared_definitions(document))
    operations = list(_operations(document))
    authorization = _authorization(document, operations)
    prepared = Prepared({}, authorization=authorization, unmodeled=_unmodeled(original))
    classes = Classes(document, prepared)
    _name_operations(operations)
    paths: Json = {}
    errors = []
    for operation in operations:
        try:
            _require_default_server(document, operation)
            path, definition = _OperationRewriter(document, classes, prepared, operation).rewrite()
        except SpecError as error:
            errors.append(str(error))
            continue
        if operation.method in paths.get(path, {}):
            errors.append(f"{operation.key} has the same method and path as another operation")
        paths.setdefault(path, {})[operation.method] = definition
    if errors:
        raise SpecError("\n  ".join(errors))
    classes.add_unused()
    info = document.get("info", {})
    prepared.document = {
        "openapi": "3.1.0",
        "info": {"title": str(info.get("title", "")), "version": str(info.get("version", ""))},
        "paths": paths,
        "components": {"schemas": classes.components},
    }
    return prepared


# --- operations


@define
class _Operation:
    """An operation that is being rewritten."""

    path: str
    method: str
    item: Json
    definition: Json
    name: str = ""

    @property
    def key(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def tag(self) -> str:
        return str((self.definition.get("tags") or ["default"])[0])

    @property
    def module(self) -> tuple[str, str]:
        """Names of the generated package and module."""
        return PythonIdentifier(self.tag, "tag"), PythonIdentifier(self.name, "field_")


def _inline_shared_definitions(document: Json) -> Json:
    """Rewrite: every operation contains its parameters, body and responses instead of references.

    Reason: the generator follows such references only in part, and the later rewrites change them for
    each operation separately.
    """

    def resolved(node: Any) -> Any:
        steps = 0
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            node, steps = _at(document, node["$ref"]), steps + 1
            if steps > 50:
                raise SpecError(f"{node['$ref']} refers to itself")
        return copy.deepcopy(node)

    paths: Json = {}
    for path, found in document["paths"].items():
        item = {**resolved(found), **without(found, "$ref")}
        for method in METHODS:
            if not isinstance(item.get(method), dict):
                continue
            definition = dict(item[method])
            shared, own = item.get("parameters", []), definition.get("parameters", [])
            parameters = [resolved(entry) for entry in (*shared, *own)]
            definition["parameters"] = list(
                {(str(one.get("in")), str(one.get("name"))): one for one in parameters}.values()
            )
            if "requestBody" in definition:
                definition["requestBody"] = resolved(definition["requestBody"])
            definition["responses"] = {
                str(status): resolved(response)
                for status, response in definition.get("responses", {}).items()
            }
            item[method] = definition
        paths[path] = item
    return {**document, "paths": paths}


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
    """Rewrite: every operation has a unique name.

    Reason: the generator writes two operations of the same name to the same module, so that the second
    one overwrites the first. An operation without an id, or with an id that another operation has too,
    is named after its method and path, so that its name does not depend on the order of the document.
    """
    by_module: dict[tuple[str, str], list[_Operation]] = defaultdict(list)
    for operation in operations:
        own = operation.definition.get("operationId")
        operation.name = str(own) if own else _path_name(operation, with_parameters=False)
        by_module[operation.module].append(operation)
    for group in by_module.values():
        if len(group) > 1:
            for operation in group:
                operation.name = _path_name(operation, with_parameters=True)
    modules = [operation.module for operation in operations]
    for operation in operations:
        if modules.count(operation.module) > 1:
            raise SpecError(
                f"{operation.key}: another operation with the tag {operation.tag} is also named "
                f"{operation.module[1]}; give it an operationId in the overlay"
            )


def _path_name(operation: _Operation, *, with_parameters: bool) -> str:
    mark = r"by_\1" if with_parameters else r"\1"
    words = re.sub(r"{([^}]*)}", mark, operation.path)
    return f"{operation.method}_{words.strip('/').replace('/', '_')}"


def _require_default_server(document: Json, operation: _Operation) -> None:
    """Raise SpecError if an operation is served by another server than the document's.

    The client has one base URL, and its token must not be sent to another server.
    """
    known = {_server(server) for server in document.get("servers", [{"url": "/"}])}
    for server in operation.definition.get("servers") or operation.item.get("servers") or []:
        if _server(server) not in known:
            raise SpecError(
                f"{operation.key} is served by {server.get('url')}, not by the server of the document; "
                "the client has one base URL and one token. In the overlay, remove the operation, or "
                "only its `servers` if the server of the document serves it too"
            )


def _server(server: Json) -> tuple[str, str]:
    url = str(server.get("url", "/"))
    for name, variable in server.get("variables", {}).items():
        url = url.replace(f"{{{name}}}", str(variable.get("default")))
    parts = urlsplit(urljoin("https://relative.invalid/", url))
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


def _authorization(document: Json, operations: list[_Operation]) -> Authorization:
    """Rewrite: every operation states whether it requires the token. Return how the token is sent.

    Reason: the generator ignores the security of the document, and treats an optional token as a
    required one.

    Raises:
        SpecError: If one token in one header cannot satisfy all operations.
    """
    supported: list[tuple[_Operation, list[Authorization]]] = []
    for operation in operations:
        options = operation.definition.pop("security", document.get("security", []))
        if not options or {} in options:
            operation.definition["security"] = None if options else []
            continue
        operation.definition["security"] = [{"token": []}]
        supported.append((operation, _supported_authorizations(document, operation, options)))
    for candidate in (Authorization(), *(one for _, ways in supported for one in ways)):
        if all(candidate in ways for _, ways in supported):
            return candidate
    first, ways = supported[0]
    incompatible = (entry for entry in supported if not set(ways) & set(entry[1]))
    operation, other_ways = next(incompatible, supported[-1])
    raise SpecError(
        f"{operation.key} requires the token as {_header(other_ways[0])}, but {first.key} requires it "
        f"as {_header(ways[0])}; the client sends one token in one header. Change `security` of one "
        "of the operations in the overlay"
    )


def _header(way: Authorization) -> str:
    return f"`{way.header}: {way.prefix} <token>`".replace(":  ", ": ")


def _supported_authorizations(
    document: Json, operation: _Operation, options: list[Json]
) -> list[Authorization]:
    """Return the ways to send a token that satisfy the security of an operation."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    names = [name for option in options for name in option]
    for name in names:
        if name not in schemes:
            raise SpecError(f"{operation.key}: the security scheme {name} is not defined")
    single = [schemes[name] for option in options if len(option) == 1 for name in option]
    if supported := [way for way in map(_scheme_authorization, single) if way]:
        return supported
    kinds = ", ".join(
        f"{name} ({schemes[name].get('type')} {schemes[name].get('scheme', '')}".strip() + ")"
        for name in names
    )
    raise SpecError(
        f"{operation.key}: the client cannot satisfy its security: {kinds}. The client sends one "
        "token in one header; change `security` of the operation in the overlay"
    )


def _scheme_authorization(scheme: Json) -> Authorization | None:
    match scheme.get("type"), str(scheme.get("scheme", "")).lower(), scheme.get("in"):
        case ("http", "bearer", _) | ("oauth2" | "openIdConnect", _, _):
            return Authorization()
        case "http", "basic", _:
            return Authorization(prefix="Basic")
        case "apiKey", _, "header":
            prefix = re.search(r"prefix\W+(\w+)", str(scheme.get("description", "")))
            return Authorization(str(scheme["name"]), prefix[1] if prefix else "")
    return None


class _OperationRewriter:
    """Rewrites one operation for the generator."""

    def __init__(
        self, document: Json, classes: Classes, prepared: Prepared, operation: _Operation
    ) -> None:
        self.document, self.classes, self.prepared = document, classes, prepared
        self.operation, self.key = operation, operation.key
        self.class_name = pascal_case(operation.module[1])
        self.metadata: Json = {
            "method": operation.method.upper(),
            "path": operation.path,
            "deprecated": operation.definition.get("deprecated") is True,
            "parameters": {},
            "contents": {},
        }
        prepared.operations[".".join(operation.module)] = self.metadata

    def rewrite(self) -> tuple[str, Json]:
        """Return the path and the definition of the operation for the generator."""
        definition = self.operation.definition
        rewritten: Json = {"operationId": self.operation.name, "tags": [self.operation.tag]}
        for key in ("summary", "description"):
            if isinstance(definition.get(key), str):
                rewritten[key] = definition[key]
        if definition["security"] is not None:
            rewritten["security"] = definition["security"]
        path, rewritten["parameters"] = self.parameters()
        if "requestBody" in definition:
            rewritten["requestBody"] = self.body(definition["requestBody"])
        rewritten["responses"] = self.responses(definition["responses"])
        return path, rewritten

    def parameters(self) -> tuple[str, list[Json]]:
        """Rewrite: header and cookie parameters become query parameters; defaults are dropped.

        Reason: the generator supports few types of header and cookie parameters; the template sends each
        parameter in its documented place. A default would be sent with every call, so that the service
        could not change it.
        """
        found = self.operation.definition["parameters"]
        for entry in found:
            if entry.get("in") not in _LOCATIONS:
                raise SpecError(f"{self.key}: a parameter in {entry.get('in')} is not supported")
        path, parameters, taken = self.operation.path, [], set(RESERVED_PARAMETERS)
        for entry in sorted(found, key=lambda entry: _LOCATIONS.index(entry["in"])):
            location, name = entry["in"], str(entry["name"])
            if location == "header" and name.lower() in IGNORED_HEADERS:
                continue
            where = f"{self.key}, parameter {name} ({location})"
            python_name: str = PythonIdentifier(name, "field_")
            if python_name in taken:
                python_name = unused_name(f"{python_name}_{location}", taken.__contains__)
            taken.add(python_name)
            schema, style, explode = self._serialization(entry, where)
            simple = self._parameter_schema(schema, name, location, style, where)
            if location == "path":
                path = path.replace(f"{{{name}}}", f"{{{python_name}}}")
            parameters.append(
                {
                    "name": python_name,
                    "in": "path" if location == "path" else "query",
                    "required": location == "path" or entry.get("required") is True,
                    "schema": _described(simple, entry.get("description")),
                }
            )
            self.metadata["parameters"][python_name] = {
                "in": location,
                "name": name,
                "style": style,
                "explode": explode,
                "note": _note({**schema, **entry}),
            }
        return path, parameters

    def _serialization(self, entry: Json, where: str) -> tuple[Json, str, bool]:
        """Return the schema, the style and the explode flag of a parameter."""
        if "content" in entry:
            [(media, content)] = entry["content"].items()
            if not _is_json(media):
                raise SpecError(
                    f"{where}: a parameter of the media type {media} is not supported; describe it "
                    "by a schema"
                )
            return content.get("schema", {}), "json", False
        location = entry["in"]
        style = entry.get("style", "form" if location in ("query", "cookie") else "simple")
        if style not in _STYLES.get(location, _QUERY_STYLES):
            raise SpecError(f"{where}: the style {style} is not supported")
        return entry.get("schema", {}), style, bool(entry.get("explode", style == "form"))

    def _parameter_schema(
        self, schema: Json, name: str, location: str, style: str, where: str
    ) -> Json:
        class_name = f"{self.class_name}{pascal_case(name)}"
        simple = self.classes.simplify(schema, class_name, "request", where)
        if style != "json":
            self._require_serializable(simple, location, style, where)
        if location == "path" and "oneOf" in simple:  # a path has no representation of null
            options = [option for option in simple["oneOf"] if option != _NULL]
            return options[0] if len(options) == 1 else {**simple, "oneOf": options}
        return simple

    def _require_serializable(self, simple: Json, location: str, style: str, where: str) -> None:
        """Raise SpecError for a value that OpenAPI cannot represent outside a body."""
        parts = [simple, *simple.get("oneOf", [])]
        models = [part for part in parts if self.classes.is_model(part)]
        lists = [part for part in parts if part.get("type") == "array"]
        inner = [part["items"] for part in lists]
        for model in models:
            fields = self.classes.components[pointer(model["$ref"])[-1]].get("properties", {})
            inner += [part for one in fields.values() for part in [one, *one.get("oneOf", [])]]
        unsupported = ""
        if any(self.classes.is_model(part) for part in inner):
            unsupported = "an object inside an array or object"
        elif models and (location != "query" or style in ("pipeDelimited", "spaceDelimited")):
            unsupported = "an object"
        elif location == "path" and lists:
            unsupported = "an array"
        if unsupported:
            raise SpecError(f"{where}: {unsupported} in the {location} is not supported")

    def body(self, found: Json) -> Json:
        """Rewrite: a body has one media type, preferably JSON, then multipart, then URL-encoded.

        Reason: the generator selects the media type of a body by the class of its value, which is the
        same for all media types. The service accepts each of them. A body with files is multipart.
        """
        contents = {media_type(name): content for name, content in found.get("content", {}).items()}
        if not contents:
            raise SpecError(f"{self.key}: the request body has no content")
        schemas = {media: content.get("schema", {}) for media, content in contents.items()}
        json_media = next((media for media in contents if _is_json(media)), None)
        if MULTIPART in contents and self.classes.has_files(schemas[MULTIPART]):
            media = MULTIPART
        else:
            forms = [media for media in (MULTIPART, FORM) if media in contents]
            media = json_media or next(iter([*forms, *contents]))
        where = f"{self.key}, request body"
        if media in (json_media, MULTIPART, FORM):
            use = "multipart" if media == MULTIPART else "request"
            simple = self.classes.simplify(schemas[media], f"{self.class_name}Body", use, where)
            if media in (MULTIPART, FORM) and not self.classes.is_model(simple):
                raise SpecError(f"{where}: the schema of {media} must be an object")
            media = "application/json" if media == "*/*" else media
        else:
            simple = {"type": "string", "format": "binary"}
            self.prepared.content_types[media] = BYTES
        required = found.get("required") is True or "oneOf" in simple
        return {"required": required, "content": {media: {"schema": simple}}}

    def responses(self, found: Json) -> Json:
        """Rewrite: each further media type of a response becomes a response with an unused status.

        Reason: the generator reads only the first media type. The added statuses (199 downwards) are
        never sent by a server. The template groups the responses by their original status and selects
        one by the content type that was received.
        """
        rewritten: Json = {}
        unused_statuses = iter(range(199, 101, -1))
        for status, response in found.items():
            status = status.upper() if re.fullmatch(r"\dxx", status) else status
            media_types: dict[str, list[str]] = {}
            contents: dict[str, Json] = {}
            for name, content in response.get("content", {}).items():
                media = media_type(name)
                simple, supported = self._content(media, content, status)
                key = json.dumps(simple, sort_keys=True) + supported
                media_types.setdefault(key, []).append(media)
                contents[key] = {supported: {"schema": simple}}
            described = {"description": str(response.get("description", ""))}
            if not contents:
                rewritten[status] = described
            for number, (key, medias) in enumerate(media_types.items()):
                code = str(next(unused_statuses)) if number else status
                rewritten[code] = {**described, "content": contents[key]}
                self.metadata["contents"][code] = {"status": status, "media": medias}
        if not rewritten:
            raise SpecError(f"{self.key}: no response is documented")
        return rewritten

    def _content(self, media: str, content: Json, status: str) -> tuple[Json, str]:
        """Return the schema of a response content and a media type that the generator supports."""
        schema = content.get("schema", {})
        if _is_json(media) and not (media == "*/*" and schema.get("format") == "binary"):
            name = f"{self.class_name}Response{status}"
            where = f"{self.key}, response {status}"
            return self.classes.simplify(schema, name, "response", where), "application/json"
        if is_text(media):
            return {"type": "string"}, "text/x-response"  # no request body has this media type
        return {"type": "string", "format": "binary"}, BYTES


def media_type(name: str) -> str:
    """Return a media type in lower case and without parameters."""
    return name.partition(";")[0].strip().lower()


def is_text(media: str) -> bool:
    return (
        media.startswith("text/") or media in _TEXT_MEDIA_TYPES or media.endswith(("+xml", "+yaml"))
    )


def _is_json(media: str) -> bool:
    media = media_type(media)
    return media in ("application/json", "*/*", "application/*") or media.endswith("+json")


def _described(schema: Json, description: Any) -> Json:
    if isinstance(description, str) and description and "$ref" not in schema:
        return {**schema, "description": description}
    return schema


def _note(schema: Json) -> str:
    """Return sentences about deprecation and default for a docstring."""
    notes = ["Deprecated."] if schema.get("deprecated") is True else []
    if "default" in schema:
        default = json.dumps(schema["default"], ensure_ascii=False)
        notes.append(f"If left out, the service uses {default}.")
    return " ".join(notes)


def _unmodeled(document: Json) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    if document.get("webhooks"):
        found["webhooks"].append("#")
    for location, node in walk(document):
        for keyword in _UNMODELED & node.keys():
            found[keyword].append(location)
        if "/responses/" in location and "headers" in node:
            found["response headers"].append(location)
        if "/requestBody/" in location and "encoding" in node:
            found["encoding of a form"].append(location)
    return dict(found)


# --- schemas


class Classes:
    """Converts schemas to simplified schemas, and collects the classes that these refer to.

    A simplified schema is a reference to a class (object or enumeration), an array, a union of these, or
    a scalar. `use` is "request", "response" or "multipart"; a schema can have one class for each, as a
    request has no readOnly fields and a response no writeOnly ones.
    """

    def __init__(self, document: Json, prepared: Prepared) -> None:
        self.document, self.prepared = document, prepared
        self.components: dict[str, Json] = {}
        self.names = _class_names(self.schemas)
        self.discriminator_values, self.subclasses = discriminators(document, self.schemas)
        self._by_use: dict[tuple[str, str], str] = {}
        # The use for which the class has the name of the schema without a suffix.
        self._main_use = dict.fromkeys(self._used_in_responses(), "response")
        self._inline: dict[tuple[str, str, str], str] = {}
        self._resolving: list[str] = []

    @property
    def schemas(self) -> Json:
        schemas: Json = self.document.get("components", {}).get("schemas", {})
        return schemas

    # --- differences between requests and responses

    def _reachable(self, schema: Any, visited: set[str]) -> Iterator[Json]:
        """Yield a schema and every schema that it contains or refers to."""
        if isinstance(schema, list):
            for item in schema:
                yield from self._reachable(item, visited)
        elif isinstance(schema, dict):
            yield schema
            reference = schema.get("$ref")
            if isinstance(reference, str) and reference not in visited:
                visited.add(reference)
                yield from self._reachable(_at(self.document, reference), visited)
                for child in self.subclasses.get(pointer(reference)[-1], []):
                    yield from self._reachable({"$ref": f"#/components/schemas/{child}"}, visited)
            for key, value in schema.items():
                if key == "properties" and isinstance(value, dict):
                    yield from self._reachable(list(value.values()), visited)
                elif key in ("items", "allOf", "anyOf", "oneOf", "additionalProperties"):
                    yield from self._reachable(value, visited)

    def has_files(self, schema: Json) -> bool:
        return any(part.get("format") == "binary" for part in self._reachable(schema, set()))

    def _depends_on_use(self, schema: Json) -> bool:
        return any(
            part.get("readOnly") is True or part.get("writeOnly") is True
            for part in self._reachable(schema, set())
        )

    def _used_in_responses(self) -> set[str]:
        used: set[str] = set()
        for operation in _operations(self.document):
            for response in operation.definition.get("responses", {}).values():
                for content in response.get("content", {}).values():
                    for _ in self._reachable(content.get("schema", {}), used):
                        pass
        return {pointer(reference)[-1] for reference in used}

    def _class_for(self, name: str, use: str) -> str:
        """Rewrite: a schema with readOnly or writeOnly fields has one class for each use.

        Reason: the generator ignores both keywords, so that a required readOnly field would have to be
        sent, and a response without a required writeOnly field could not be parsed.
        """
        schema, own = self.schemas[name], self.names[name]
        if use == "multipart" and not self.has_files(schema):
            use = "request"
        if use == "response" or (use == "request" and not self._depends_on_use(schema)):
            return own
        if self._main_use.setdefault(name, use) == use:
            return own
        if (name, use) not in self._by_use:
            taken = {*self.names.values(), *self.components}
            self._by_use[name, use] = _unused_class(f"{own}{use.capitalize()}", taken)
        return self._by_use[name, use]

    # --- simplified schemas

    def is_model(self, simple: Json) -> bool:
        reference = simple.get("$ref")
        return isinstance(reference, str) and "enum" not in self.components[pointer(reference)[-1]]

    def add_unused(self) -> None:
        """Add classes for the schemas that no operation uses."""
        for name in self.schemas:
            if not any(used == name for used, _ in self._by_use):
                self._component(name, "response", f"schema {name}", with_subclasses=False)

    def simplify(self, schema: Any, name: str, use: str, where: str) -> Json:
        """Return the simplified form of a schema.

        Args:
            schema: The schema.
            name: Name of the class, if an inline schema requires one.
            use: "request", "response" or "multipart".
            where: Location for error messages.
        """
        if schema is True or schema == {}:
            return {}
        if not isinstance(schema, dict):
            raise SpecError(f"{where}: the schema allows no value")
        if isinstance(schema.get("$ref"), str) and not (schema.keys() & _CONSTRAINTS):
            component = _component_name(schema["$ref"])
            if not component:
                return self.simplify(_at(self.document, schema["$ref"]), name, use, where)
            if component not in self.schemas:
                raise SpecError(f"{where}: {schema['$ref']} does not exist in the document")
            return self._component(component, use, where)
        schema = self.merge(schema, where)
        if isinstance(schema.get("$ref"), str):
            return self.simplify(schema, name, use, where)
        options = _options(schema)
        if options is not None:
            return self._union(schema, options, name, use, where)
        return self._single(schema, name, use, where)

    def _component(self, name: str, use: str, where: str, *, with_subclasses: bool = True) -> Json:
        children = self.subclasses.get(name, []) if with_subclasses else []
        if children:
            # Where a response has the type of a base class, the service sends a subclass.
            options = [self._component(child, use, where) for child in children]
            return {"oneOf": [*options, self._component(name, use, where, with_subclasses=False)]}
        where = f"schema {name}"
        schema = self.merge(self.schemas[name], where)
        if "$ref" in schema or _options(schema) is not None or not _is_class(schema):
            # Rewrite: a component that is not a class is inlined. Reason: the generator drops a nullable
            # component, and gives the classes in it another name for each use.
            if name in self._resolving:
                raise SpecError(f"{where} contains itself without an object in between")
            self._by_use.setdefault((name, use), "")
            outer, self._resolving = self._resolving, [*self._resolving, name]
            try:
                return self.simplify(schema, self.names[name], use, where)
            finally:
                self._resolving = outer
        class_name = self._class_for(name, use)
        self._by_use[name, use] = class_name
        if class_name not in self.components:
            self._add_class(class_name, schema, use, where, self.discriminator_values.get(name))
        return _reference(class_name)

    def merge(self, schema: Json, where: str) -> Json:
        """Rewrite: allOf becomes a single schema, or the only reference in it.

        Reason: the generator merges only some combinations, and drops keywords beside a reference.
        """
        siblings = without(schema, "allOf", "$ref")
        parts = list(schema.get("allOf", []))
        if "$ref" in schema:
            parts.insert(0, {"$ref": schema["$ref"]})
        if not parts:
            return schema
        if len(parts) == 1 and not siblings.keys() & _CONSTRAINTS:
            if "$ref" in parts[0]:
                return dict(parts[0])
            annotations = {key: siblings[key] for key in siblings.keys() & _ANNOTATIONS}
            return self.merge({**parts[0], **annotations}, where)
        merged: Json = {}
        for part in [*parts, siblings]:
            while isinstance(part.get("$ref"), str):
                part = _at(self.document, part["$ref"])
            part = self.merge(part, where)
            while isinstance(part.get("$ref"), str):
                part = self.merge(_at(self.document, part["$ref"]), where)
            merged = _intersection(merged, part, where)
        return merged

    def _union(self, schema: Json, options: list[Any], name: str, use: str, where: str) -> Json:
        simple: list[Json] = []
        not_null = [option for option in options if option != _NULL]
        for number, option in enumerate(not_null):
            option_name = name if len(not_null) == 1 else f"{name}Type{number}"
            one = self.simplify(option, option_name, use, where)
            simple += one.get("oneOf", [one])
        if len(not_null) < len(options):
            simple.append(_NULL)
        lists = [option["items"] for option in simple if option.get("type") == "array"]
        if len(lists) > 1:
            # The generated code cannot distinguish lists, so they become one list of any of their items.
            items = _unique([item for one in lists for item in one.get("oneOf", [one])])
            union = {} if {} in items else {"oneOf": sorted(items, key=self._generality)}
            merged = {"type": "array", "items": items[0] if len(items) == 1 else union}
            simple = [merged, *(option for option in simple if option.get("type") != "array")]
        simple = _unique(simple)
        if {} in simple:
            return {}
        if len(simple) == 1:
            return simple[0]
        # The generated code takes the first option that fits, so the most specific ones come first.
        union = {"oneOf": sorted(simple, key=self._generality)}
        return _described(union, schema.get("description"))

    def _generality(self, simple: Json) -> tuple[int, int]:
        """Return a sort key that orders options from specific to general."""
        if "$ref" in simple:
            component = self.components.get(pointer(simple["$ref"])[-1], {})
            return (0, 0) if "enum" in component else (1, -len(component.get("required", [])))
        if "const" in simple:
            return (0, 0)
        kind, formats = simple.get("type", ""), ("date-time", "date", "uuid")
        if kind == "string" and simple.get("format") in formats:
            return (3, formats.index(simple["format"]))
        order = {"null": 9, "string": 7, "array": 0, "integer": 3, "number": 4, "boolean": 5}
        return (order.get(kind, 6), 0)

    def _single(self, schema: Json, name: str, use: str, where: str) -> Json:
        """Simplify a schema that is neither a reference nor a union."""
        if _is_class(schema):
            return _reference(self._inline_class(schema, name, use, where))
        kind, simple = schema.get("type"), _described({}, schema.get("description"))
        if kind == "array":
            items = self.simplify(schema.get("items", {}), f"{name}Item", use, where)
            return {**simple, "type": "array", "items": items}
        if isinstance(schema.get("const"), str | int) and not isinstance(schema["const"], bool):
            return {**simple, "const": schema["const"]}
        if kind in _TYPES:
            simple["type"] = kind
        binary_text = schema.get("format") == "binary" and use != "multipart"
        if kind == "string" and "format" in schema and not binary_text:
            simple["format"] = str(schema["format"])
        return simple

    # --- classes

    def _inline_class(self, schema: Json, name: str, use: str, where: str) -> str:
        """Return the class name of an inline schema, and add the class if it is new."""
        by_use = self._depends_on_use(schema) or (use == "multipart" and self.has_files(schema))
        key = name, use if by_use else "", json.dumps(schema, sort_keys=True)
        if key not in self._inline:
            # The object in a nullable component takes the name of the component.
            own = {self.names[self._resolving[-1]]} if self._resolving else set[str]()
            taken = set(self.components) | (set(self.names.values()) - own)
            self._inline[key] = _unused_class(_class_name(name), taken)
            self._add_class(self._inline[key], schema, use, where)
        return self._inline[key]

    def _add_class(
        self,
        class_name: str,
        schema: Json,
        use: str,
        where: str,
        discriminator: tuple[str, list[str]] | None = None,
    ) -> None:
        described = _described({}, schema.get("description"))
        if "enum" in schema:
            values = list(dict.fromkeys(value for value in schema["enum"] if value is not None))
            given = schema.get("x-enum-varnames") or schema.get("x-enumNames")
            self.components[class_name] = {
                **described,
                "type": "string" if isinstance(values[0], str) else "integer",
                "enum": values,
                "x-enum-varnames": member_names(values, given),
            }
            return
        component = self.components[class_name] = {"type": "object", **described}
        outer, self._resolving = self._resolving, []
        try:
            component |= self._fields(class_name, schema, use, where, discriminator)
        finally:
            self._resolving = outer

    def _fields(
        self,
        class_name: str,
        schema: Json,
        use: str,
        where: str,
        discriminator: tuple[str, list[str]] | None,
    ) -> Json:
        """Return the `properties`, `required` and `additionalProperties` of a class."""
        required = dict.fromkeys(schema.get("required", []))
        properties: Json = {**schema.get("properties", {})}
        for name in required:
            properties.setdefault(name, {})
        if discriminator is not None:
            name, values = discriminator
            one_of_several = {"type": "string", "enum": values}
            properties[name] = one_of_several if len(values) > 1 else {"const": values[0]}
            required.setdefault(name)
        keyword = "writeOnly" if use == "response" else "readOnly"
        properties = {
            name: definition
            for name, definition in properties.items()
            if not (isinstance(definition, dict) and _has_keyword(definition, keyword))
        }
        names = _field_names(list(properties))
        fields = {}
        for name, definition in properties.items():
            own, field_class = names[name], f"{class_name}{pascal_case(name)}"
            fields[own] = self.simplify(definition, field_class, use, f"{where}, field {name}")
            if own != name:
                self.prepared.fields.setdefault(class_name, {})[own] = name
            if isinstance(definition, dict) and (note := _note(definition)):
                self.prepared.notes.setdefault(class_name, {})[own] = note
        result: Json = {"properties": fields}
        if required_fields := [names[name] for name in required if name in properties]:
            result["required"] = required_fields
        others = schema.get("additionalProperties", True)
        if others is False and "patternProperties" not in schema:
            result["additionalProperties"] = False
        elif isinstance(others, dict) and others:
            result["additionalProperties"] = self.simplify(
                others, f"{class_name}AdditionalProperty", use, f"{where}, additional properties"
            )
        return result


def _has_keyword(definition: Json, keyword: str) -> bool:
    """Return whether a keyword is true in a schema or in an inline part of its allOf."""
    parts = [part for part in definition.get("allOf", []) if "$ref" not in part]
    return definition.get(keyword) is True or any(_has_keyword(part, keyword) for part in parts)


def _reference(class_name: str) -> Json:
    return {"$ref": f"#/components/schemas/{class_name}"}


def _component_name(reference: str) -> str:
    """Return the name of the schema component that a reference points to, or an empty string."""
    steps = pointer(reference)
    return steps[2] if steps[:2] == ["components", "schemas"] and len(steps) == 3 else ""


def _unique(schemas: list[Json]) -> list[Json]:
    return [schema for number, schema in enumerate(schemas) if schema not in schemas[:number]]


def _is_class(schema: Json) -> bool:
    if "enum" in schema:
        return _options(schema) is None and bool(_enum_types(schema["enum"]))
    return schema.get("type") == "object" or (
        "type" not in schema and bool(schema.keys() & {"properties", "additionalProperties"})
    )


def _enum_types(values: list[Any]) -> set[type]:
    """Return the types of enumeration values if all are strings or integers, or an empty set."""
    types = {type(value) for value in values if value is not None}
    return types if types <= {str, int} else set()


def _options(schema: Json) -> list[Any] | None:
    """Return the options of a union, or None for any other schema.

    Rewrite: a schema with several types, and an enumeration with null or with values of several types,
    are unions. Reason: the generator makes one class for each type of value, and names the class of an
    enumeration with null after its position in the union.
    """
    for keyword in ("oneOf", "anyOf"):
        options = schema.get(keyword)
        if isinstance(options, list):
            siblings = {key: schema[key] for key in schema if key in _CONSTRAINTS - {keyword}}
            if siblings and all(isinstance(option, dict) for option in options):
                return [
                    option if option == _NULL else {"allOf": [siblings, option]}
                    for option in options
                ]
            return list(options)
    types, enum = schema.get("type"), schema.get("enum")
    if isinstance(types, list):
        if len(types) == 1:
            return [{**schema, "type": types[0]}]
        if not isinstance(enum, list):
            return [_NULL if kind == "null" else {**schema, "type": kind} for kind in types]
        values = [value for value in enum if value is not None]
        nulls = [_NULL] if "null" in types else []
        return [*([{**without(schema, "type"), "enum": values}] if values else []), *nulls]
    return _enum_options(schema, enum) if isinstance(enum, list) else None


def _enum_options(schema: Json, enum: list[Any]) -> list[Any] | None:
    values = [value for value in enum if value is not None]
    types = _enum_types(values)
    nulls = [_NULL] if len(values) < len(enum) else []
    if values and not types:
        # Only strings and integers have an enumeration class; of other values only the types are kept.
        plain = without(schema, "enum", "type")
        kinds = dict.fromkeys(map(_json_type, values))
        return [*({**plain, "type": kind} for kind in kinds), *nulls]
    if len(types) > 1 or nulls:
        untyped = without(schema, "type")
        by_type = [[value for value in values if type(value) is kind] for kind in (str, int)]
        return [*({**untyped, "enum": found} for found in by_type if found), *nulls]
    return None


def _json_type(value: Any) -> str:
    types: dict[type, str] = {
        bool: "boolean", int: "integer", float: "number", str: "string", list: "array",
    }  # fmt: skip
    return types.get(type(value), "object")


def _intersection(left: Json, right: Json, where: str) -> Json:
    """Return a schema that allows the values that both schemas allow."""
    for union, other in ((left, right), (right, left)):
        options = _options(union)
        if options is not None and other.keys() & _CONSTRAINTS:
            return {"oneOf": [{"allOf": [one, other]} for one in options if one != _NULL]}
    merged = {**left, **right}
    if left.get("type", right.get("type")) != right.get("type", left.get("type")):
        raise SpecError(f"{where}: no value fits an allOf of {left['type']} and {right['type']}")
    if "properties" in left or "properties" in right:
        merged["properties"] = dict(left.get("properties", {}))
        for name, definition in right.get("properties", {}).items():
            known = merged["properties"].get(name)
            same = known is None or known == definition
            merged["properties"][name] = definition if same else _both(known, definition)
    if "required" in left or "required" in right:
        names = dict.fromkeys([*left.get("required", []), *right.get("required", [])])
        merged["required"] = list(names)
    if "enum" in left and "enum" in right:
        merged["enum"] = [value for value in left["enum"] if value in right["enum"]]
    merged.pop("title", None)
    return merged


def _both(left: Any, right: Any) -> Any:
    """Combine two definitions of a field; the first is dropped if it only has annotations."""
    if not isinstance(left, dict) or not isinstance(right, dict):
        return right
    return {"allOf": [left, right]} if left.keys() & (_CONSTRAINTS | {"$ref"}) else right


def _class_name(name: str) -> str:
    return str(ClassName(name, "field_"))


def _unused_class(name: str, taken: set[str]) -> str:
    """Return a class name whose module name differs from those of the taken names."""
    modules = {PythonIdentifier(entry, "field_") for entry in taken}
    base = f"{name}Model" if name in RESERVED_CLASSES else name
    return unused_name(base, lambda one: PythonIdentifier(one, "field_") in modules, separator="")


def _class_names(schemas: Json) -> dict[str, str]:
    """Rewrite: every schema has a unique class name and a unique module name.

    Reason: the generator rejects two schemas with the same class name, writes two with the same module
    name to one file, and lets a schema named `Client` or `File` shadow its own class.
    """
    names: dict[str, str] = {}
    for name in sorted(schemas, key=lambda name: (_class_name(name) != name, name)):
        names[name] = _unused_class(_class_name(name), set(names.values()))
    return names


def _field_names(fields: list[str]) -> dict[str, str]:
    """Rewrite: every field has a unique Python name that the templates do not use.

    Reason: a field named `to_dict` would shadow the method, and the generator gives two fields `+1` and
    `-1` the same name. The JSON names stay the same.
    """
    names: dict[str, str] = {}
    identifiers: dict[str, str] = {name: PythonIdentifier(name, "field_") for name in fields}
    derived = {f"{name}{suffix}" for name in identifiers.values() for suffix in _DERIVED_SUFFIXES}
    taken: set[str] = set()
    for name in sorted(fields, key=lambda name: (identifiers[name] != name, name)):
        identifier, names[name] = identifiers[name], name
        if identifier in taken | RESERVED_FIELDS | derived:
            unavailable = {*taken, *RESERVED_FIELDS, *derived, *identifiers.values()}
            identifier = unused_name(f"{identifier.strip('_')}_field", unavailable.__contains__)
            names[name] = identifier
        taken.add(identifier)
    return names


def discriminators(
    document: Json, schemas: Json
) -> tuple[dict[str, tuple[str, list[str]]], dict[str, list[str]]]:
    """Return the discriminator field and values of each schema, and the subclasses of each base schema.

    Rewrite: the discriminator field becomes a constant. Reason: the generator ignores discriminators
    and parses the first schema that fits.
    """
    identified: dict[str, tuple[str, list[str]]] = {}
    subclasses: dict[str, list[str]] = {}
    for location, node in walk(document):
        discriminator = node.get("discriminator")
        if not isinstance(discriminator, dict):
            continue
        field_name = discriminator.get("propertyName")
        if not isinstance(field_name, str):
            continue
        values: dict[str, list[str]] = defaultdict(list)
        for value, target in discriminator.get("mapping", {}).items():
            values[pointer(target)[-1] if "/" in target else target].append(str(value))
        options = [
            pointer(option["$ref"])[-1]
            for option in [*node.get("oneOf", []), *node.get("anyOf", [])]
            if isinstance(option, dict) and isinstance(option.get("$ref"), str)
        ]
        base = _component_name(location)
        if not options and base:
            mapped = [name for name in values if name in schemas and name != base]
            options = list(dict.fromkeys([*_descendants(base, schemas), *mapped]))
            subclasses[base] = options
        for option in options:
            if option in schemas and option != base:
                identified[option] = (field_name, values.get(option) or [option])
    return identified, {base: children for base, children in subclasses.items() if children}


def _descendants(base: str, schemas: Json) -> list[str]:
    """Return the schemas that inherit from a schema by allOf, the most derived ones first."""
    found: list[str] = []
    for name, schema in schemas.items():
        parts = schema.get("allOf", []) if isinstance(schema, dict) else []
        if any(_component_name(str(part.get("$ref", ""))) == base for part in parts):
            found += [one for one in (*_descendants(name, schemas), name) if one not in found]
    return found
