"""Rewrite an OpenAPI document so that openapi-python-client supports all of it.

The generator, openapi-python-client, silently drops constructs that it does not support. The `prepare`
function returns a document without such constructs, plus metadata that the generator's own data model
cannot represent: how each parameter is sent, the JSON names of fields, and notes for docstrings. The
templates read the metadata (see `Prepared.variables`). If a construct can be expressed neither in the
document nor in the metadata, SpecError is raised with its location.

A docstring that begins with "Rewrite:" describes a change of the document and the reason for it.
scripts/spec/completeness.py compares the generated package with the original document.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from attrs import define, field, frozen
from openapi_python_client.strings import ClassName, PythonIdentifier, pascal_case

from haut_ext.spec_check.comparison import IGNORED_HEADERS
from scripts.spec.document import (
    Json,
    SpecError,
    component_name,
    look_up,
    operations,
    pointer,
    resolve,
    to_openapi_31,
    unused_name,
    walk,
    without,
)
from scripts.spec.enum_names import member_names

# Class names that are already imported or defined in the modules of generated models.
RESERVED_CLASSES = {
    "Any", "AuthenticatedClient", "BinaryIO", "BytesIO", "Client", "Enum", "File", "FileTypes",
    "Generator", "HTTPStatus", "IntEnum", "Literal", "Mapping", "RequestFiles", "Response", "StrEnum",
    "T", "TextIO", "TypeVar", "UNSET", "UUID", "Unset",
}  # fmt: skip
# Names of the methods of generated models, and of local variables in from_dict and to_dict.
RESERVED_FIELDS = {
    "additional_keys", "additional_properties", "cast", "cls", "from_dict", "src_dict", "to_dict",
    "to_multipart",
}  # fmt: skip
RESERVED_PARAMETERS = {"body", "cast", "client", "url"}
# Suffixes that the property templates append to field names to create local variable names.
_DERIVED_SUFFIXES = (
    "_item", "_item_data", "_item_type_0", "_type_0", "_type_1", "_type_2", "_type_3",
)  # fmt: skip

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
# OpenAPI keywords that the client can ignore: they are documentation, or the service validates
# them.
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
    """The HTTP header that carries the API token, and the prefix before the token in its value."""

    header: str = "Authorization"
    prefix: str = "Bearer"


@define
class Prepared:
    """Input of the code generator.

    Attributes:
        document: An OpenAPI 3.1 document that uses only constructs supported by the generator.
        operations: Method, path, deprecation, parameters and response contents, by `tag.name`.
        fields: Original JSON names of the fields that `document` renames, by class and field.
        notes: Sentences about deprecation and default values, for docstrings, by class and field.
        content_types: Unsupported media types, each with the supported media type to treat it as.
        authorization: How the API token is sent.
        bodies: Classes of response bodies, by "success" and "error".
        unmodeled: Locations of the OpenAPI keywords that the client ignores, by keyword.
    """

    document: Json
    operations: dict[str, Json] = field(factory=dict)
    fields: dict[str, dict[str, str]] = field(factory=dict)
    notes: dict[str, dict[str, str]] = field(factory=dict)
    content_types: dict[str, str] = field(factory=dict)
    authorization: Authorization = field(factory=Authorization)
    bodies: dict[str, set[str]] = field(factory=lambda: {"success": set(), "error": set()})
    unmodeled: dict[str, list[str]] = field(factory=dict)

    def variables(self, sha256: str) -> Json:
        """Return the metadata as variables of the templates.

        Args:
            sha256: SHA-256 digest of the original document.
        """
        return {
            "SPEC": {"version": self.document["info"]["version"], "sha256": sha256},
            "OPERATIONS": self.operations,
            "FIELDS": self.fields,
            "NOTES": self.notes,
            "ERRORS": self.bodies["error"] - self.bodies["success"],
            "AUTHORIZATION": self.authorization,
        }


def prepare(document: Json) -> Prepared:
    """Convert an OpenAPI document to input for the generator.

    Raises:
        SpecError: If the document contains a construct that the generated client cannot support.
    """
    try:
        return _prepare(document)
    except RecursionError:
        raise SpecError(
            "a schema refers to itself directly, not through an object's property"
        ) from None


def _prepare(document: Json) -> Prepared:
    original, document = document, to_openapi_31(document)
    found = list(_operations(document))
    authorization = _authorization(document, found)
    prepared = Prepared({}, authorization=authorization, unmodeled=_unmodeled(original))
    classes = Classes(document, prepared)
    _name_operations(found)
    paths: Json = {}
    errors = []
    for operation in found:
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
    """An OpenAPI operation that is being rewritten for the generator."""

    path: str
    method: str
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
        """Names of the package and the module that are generated for the operation."""
        return PythonIdentifier(self.tag, "tag"), PythonIdentifier(self.name, "field_")


def _at(document: Json, reference: str) -> Any:
    try:
        return look_up(document, reference)
    except KeyError:
        raise SpecError(f"{reference} does not exist in the document") from None


def _operations(document: Json) -> Iterator[_Operation]:
    """Rewrite: replace references to shared parameters, bodies and responses by their definitions.

    Reason: the generator follows only some of these references, and later rewrites change the
    definitions for each operation separately.
    """

    def resolved(node: Json) -> Json:
        try:
            return resolve(document, node)
        except KeyError as error:
            raise SpecError(f"{error.args[0]} does not exist, or refers to itself") from None

    for found in operations(document):
        parameters = map(resolved, found.definition["parameters"])
        responses = found.definition.get("responses", {})
        definition = {
            **found.definition,
            "parameters": [
                *{(str(one.get("in")), str(one.get("name"))): one for one in parameters}.values()
            ],
            "responses": {str(status): resolved(one) for status, one in responses.items()},
        }
        if "requestBody" in definition:
            definition["requestBody"] = resolved(definition["requestBody"])
        yield _Operation(found.path, found.method, definition)


def _name_operations(operations: list[_Operation]) -> None:
    """Rewrite: give every operation a unique name.

    Reason: the generator writes operations with the same name to the same module, so the last one
    overwrites the others. An operation without an id, or with an id shared by another operation, is
    named after its method and path. Its name therefore does not depend on the order of operations in
    the document.
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
    words = re.sub(r"{([^{}]*)}", mark, operation.path)
    return f"{operation.method}_{words.strip('/').replace('/', '_')}"


def _require_default_server(document: Json, operation: _Operation) -> None:
    """Raise SpecError if an operation has a server other than the document's server.

    The client has one base URL, and its token must not be sent to another server.
    """
    known = {_server(server) for server in document.get("servers", [{"url": "/"}])}
    for server in operation.definition.get("servers", []):
        if _server(server) not in known:
            raise SpecError(
                f"{operation.key} is served by {server.get('url')}, not by the document's server; the "
                "client has only one base URL and one token. In the overlay, remove the operation. If "
                "the document's server serves it too, remove only its `servers`"
            )


def _server(server: Json) -> tuple[str, str]:
    url = str(server.get("url", "/"))
    for name, variable in server.get("variables", {}).items():
        url = url.replace(f"{{{name}}}", str(variable.get("default")))
    parts = urlsplit(urljoin("https://relative.invalid/", url))
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


def _authorization(document: Json, operations: list[_Operation]) -> Authorization:
    """Rewrite: state in every operation whether it requires the API token; return how it is sent.

    Reason: the generator ignores the document's top-level `security`, and treats an optional token as
    required.

    Raises:
        SpecError: If the operations cannot all be authorized by one token in one header.
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
    """Return the ways of sending a token that an operation's `security` accepts."""
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
        """Return the operation's path and its definition, rewritten for the generator."""
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
        """Rewrite: declare header and cookie parameters as query parameters, and drop default values.

        Reason: the generator supports only few types of header and cookie parameters. The template
        still sends each parameter in its documented location. With a default value, the client would
        send that value with every call, so a later change of the default by the service would have no
        effect.
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
        """Return a parameter's schema, `style` and `explode`."""
        if "content" in entry:
            [(media, content)] = entry["content"].items()
            if not is_json(media):
                raise SpecError(
                    f"{where}: a parameter with `content` of type {media} is not supported; "
                    "use `schema` instead"
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
        if location == "path" and "oneOf" in simple:  # null cannot be represented in a URL path
            options = [option for option in simple["oneOf"] if option != _NULL]
            return options[0] if len(options) == 1 else {**simple, "oneOf": options}
        return simple

    def _require_serializable(self, simple: Json, location: str, style: str, where: str) -> None:
        """Raise SpecError if a parameter's values are too nested to be sent outside a request body."""
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
        """Rewrite: keep one media type for each request body: JSON, else multipart, else URL-encoded.

        Reason: the generator selects a body's media type by the class of the value, but that class is
        the same for all media types. The service accepts each documented media type. A body with files
        is always multipart.
        """
        contents = {media_type(name): content for name, content in found.get("content", {}).items()}
        if not contents:
            raise SpecError(f"{self.key}: the request body has no content")
        schemas = {media: content.get("schema", {}) for media, content in contents.items()}
        json_media = next((media for media in contents if is_json(media)), None)
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
        """Rewrite: move each additional media type of a response to a response with an unused status.

        Reason: the generator reads only the first media type of a response. Servers never send the
        added statuses, which count down from 199. The template groups the responses by their original
        status, and selects one by the Content-Type header that was received.
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
        """Return a response body's simplified schema, and a media type that the generator supports."""
        schema = content.get("schema", {})
        if is_json(media) and not (media == "*/*" and schema.get("format") == "binary"):
            name = f"{self.class_name}Response{status}"
            where = f"{self.key}, response {status}"
            simple = self.classes.simplify(schema, name, "response", where)
            self.prepared.bodies["success" if status.startswith("2") else "error"] |= {
                pointer(option["$ref"])[-1]
                for option in [simple, *simple.get("oneOf", [])]
                if self.classes.is_model(option)
            }
            return simple, "application/json"
        if is_text(media):
            # The media type is invented, so that it cannot equal that of a request body.
            return {"type": "string"}, "text/x-response"
        return {"type": "string", "format": "binary"}, BYTES


def media_type(name: str) -> str:
    """Return a media type in lower case and without parameters."""
    return name.partition(";")[0].strip().lower()


def is_text(media: str) -> bool:
    return (
        media.startswith("text/") or media in _TEXT_MEDIA_TYPES or media.endswith(("+xml", "+yaml"))
    )


def is_json(media: str) -> bool:
    media = media_type(media)
    return media in ("application/json", "*/*", "application/*") or media.endswith("+json")


def _described(schema: Json, description: Any) -> Json:
    if isinstance(description, str) and description and "$ref" not in schema:
        return {**schema, "description": description}
    return schema


def _note(schema: Json) -> str:
    """Return the sentences on deprecation and default value for a schema's docstring."""
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

    A simplified schema is a scalar, a reference to a class (for an object or an enumeration), an
    array, or a union of these. Method arguments called `use` are "request", "response" or "multipart".
    A schema can have a separate class for each use, because requests omit readOnly fields and
    responses omit writeOnly fields.
    """

    def __init__(self, document: Json, prepared: Prepared) -> None:
        self.document, self.prepared = document, prepared
        self.components: dict[str, Json] = {}
        self.names = _class_names(self.schemas)
        self.discriminator_values, self.subclasses = discriminators(document, self.schemas)
        self._by_use: dict[tuple[str, str], str] = {}
        # The use ("request", "response" or "multipart") for which a schema's class has no name
        # suffix.
        self._main_use = dict.fromkeys(self._used_in_responses(), "response")
        self._inline: dict[tuple[str, str, str], str] = {}
        self._resolving: list[str] = []

    @property
    def schemas(self) -> Json:
        schemas: Json = self.document.get("components", {}).get("schemas", {})
        return schemas

    # --- differences between requests and responses

    def _reachable(self, schema: Any, visited: set[str]) -> Iterator[Json]:
        """Yield a schema and, recursively, every schema that it contains or refers to."""
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
        """Rewrite: give a schema with readOnly or writeOnly fields a separate class for each use.

        Reason: the generator ignores both keywords. Without separate classes, callers would have to
        send required readOnly fields, and responses without a required writeOnly field could not be
        parsed.
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
        """Add classes for schemas that are not used by any operation."""
        for name in self.schemas:
            if not any(used == name for used, _ in self._by_use):
                self._component(name, "response", f"schema {name}", with_subclasses=False)

    def simplify(self, schema: Any, name: str, use: str, where: str) -> Json:
        """Return the simplified form of a schema (see `Classes`).

        Args:
            schema: The schema to simplify.
            name: Name of the class that is created if an inline schema needs one.
            use: "request", "response" or "multipart".
            where: Location of the schema, for error messages.
        """
        if schema is True or schema == {}:
            return {}
        if not isinstance(schema, dict):
            problem = "is null" if schema is None else "allows no value"
            raise SpecError(f"{where}: the schema {problem}")
        if isinstance(schema.get("$ref"), str) and not (schema.keys() & _CONSTRAINTS):
            component = component_name(schema["$ref"])
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
            # A response that is documented as a base class may contain any of its subclasses.
            options = [self._component(child, use, where) for child in children]
            return {"oneOf": [*options, self._component(name, use, where, with_subclasses=False)]}
        where = f"schema {name}"
        schema = self.merge(self.schemas[name], where)
        if "$ref" in schema or _options(schema) is not None or not _is_class(schema):
            # Rewrite: inline a component that does not become a class, such as a nullable one.
            # Reason: the generator drops nullable components, and names the classes in them
            # differently at each reference.
            if name in self._resolving:
                raise SpecError(
                    f"{where} refers to itself directly, not through an object's property"
                )
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
        """Rewrite: merge an allOf into a single schema, or into a reference if that is its only part.

        Reason: the generator merges only some combinations, and drops the keywords next to a `$ref`.
        """
        siblings = without(schema, "allOf", "$ref")
        parts = list(schema.get("allOf", []))
        if "$ref" in schema:
            parts.insert(0, {"$ref": schema["$ref"]})
        if not parts:
            return schema
        if len(parts) == 1 and not self._own_constraints(parts[0], siblings, where):
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

    def _own_constraints(self, part: Json, siblings: Json, where: str) -> Json:
        """Return the constraints of an allOf's siblings, except a type that its only part has, too.

        A schema that repeats the type of its `$ref` would otherwise not become the referenced class.
        """
        found = {key: siblings[key] for key in siblings.keys() & _CONSTRAINTS}
        if found.keys() == {"type"} and isinstance(part.get("$ref"), str):
            target = self.merge(_at(self.document, part["$ref"]), where)
            if target.get("type") == found["type"]:
                return {}
        return found

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
            # The generated code cannot distinguish several list types in a union, so they are
            # merged into one list type whose items can have any of the item types.
            items = _unique([item for one in lists for item in one.get("oneOf", [one])])
            union = {} if {} in items else {"oneOf": sorted(items, key=self._generality)}
            merged = {"type": "array", "items": items[0] if len(items) == 1 else union}
            simple = [merged, *(option for option in simple if option.get("type") != "array")]
        simple = _unique(simple)
        if {} in simple:
            return {}
        if len(simple) == 1:
            return simple[0]
        # The generated code parses a value as the first option that fits, so the most specific
        # options come first.
        union = {"oneOf": sorted(simple, key=self._generality)}
        return _described(union, schema.get("description"))

    def _generality(self, simple: Json) -> tuple[int, int]:
        """Return a sort key that orders a union's options from specific to general."""
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
        if isinstance(schema.get("const"), str | int):
            return {**simple, "const": schema["const"]}
        if kind in _TYPES:
            simple["type"] = kind
        binary_text = schema.get("format") == "binary" and use != "multipart"
        if kind == "string" and "format" in schema and not binary_text:
            simple["format"] = str(schema["format"])
        return simple

    # --- classes

    def _inline_class(self, schema: Json, name: str, use: str, where: str) -> str:
        """Return the class name for an inline schema, after adding the class if it is new."""
        by_use = self._depends_on_use(schema) or (use == "multipart" and self.has_files(schema))
        key = name, use if by_use else "", json.dumps(schema, sort_keys=True)
        if key not in self._inline:
            # In a nullable component, the class of the object is named after the component.
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
        """Return the `properties`, `required` and `additionalProperties` of a class's schema."""
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
    """Return whether a schema, or an inline schema in its allOf, sets a keyword to true."""
    parts = [part for part in definition.get("allOf", []) if "$ref" not in part]
    return definition.get(keyword) is True or any(_has_keyword(part, keyword) for part in parts)


def _reference(class_name: str) -> Json:
    return {"$ref": f"#/components/schemas/{class_name}"}


def _unique(schemas: list[Json]) -> list[Json]:
    return [schema for number, schema in enumerate(schemas) if schema not in schemas[:number]]


def _is_class(schema: Json) -> bool:
    if "enum" in schema:
        return _options(schema) is None and bool(_enum_types(schema["enum"]))
    return schema.get("type") == "object" or (
        "type" not in schema and bool(schema.keys() & {"properties", "additionalProperties"})
    )


def _enum_types(values: list[Any]) -> set[type]:
    """Return the types of enumeration values, or an empty set unless all are strings or integers."""
    types = {type(value) for value in values if value is not None}
    return types if types <= {str, int} else set()


def _options(schema: Json) -> list[Any] | None:
    """Return the options of a union schema, or None for any other schema.

    Rewrite: treat a schema with several types as a union, and likewise an enumeration that contains
    null or values of several types. Reason: the generator creates one enumeration class for each value
    type, and if null is allowed, it names the class after its position in the union.
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
        # Only strings and integers get an enumeration class. For other enumeration values, only the
        # types are kept.
        plain = without(schema, "enum", "type")
        if len(values) == 1 and isinstance(values[0], bool):
            return [{**plain, "const": values[0]}, *nulls]
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
    """Return the intersection of two schemas: a schema for the values that both of them allow."""
    for union, other in ((left, right), (right, left)):
        options = _options(union)
        if options is not None and other.keys() & _CONSTRAINTS:
            return {"oneOf": [{"allOf": [one, other]} for one in options if one != _NULL]}
    merged = {**left, **right}
    if left.get("type", right.get("type")) != right.get("type", left.get("type")):
        raise SpecError(
            f"{where}: allOf combines the types {left['type']} and {right['type']}, so no value is valid"
        )
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
    """Combine two definitions of a field; drop the first one if it contains only annotations."""
    if not isinstance(left, dict) or not isinstance(right, dict):
        return right
    return {"allOf": [left, right]} if left.keys() & (_CONSTRAINTS | {"$ref"}) else right


def _class_name(name: str) -> str:
    return str(ClassName(name, "field_"))


def _unused_class(name: str, taken: set[str]) -> str:
    """Return a class name whose module name does not collide with that of a taken class name."""
    modules = {PythonIdentifier(entry, "field_") for entry in taken}
    base = f"{name}Model" if name in RESERVED_CLASSES else name
    return unused_name(base, lambda one: PythonIdentifier(one, "field_") in modules, separator="")


def _class_names(schemas: Json) -> dict[str, str]:
    """Rewrite: give every schema a unique class name and a unique module name.

    Reason: the generator rejects two schemas with the same class name, and writes two schemas with the
    same module name to the same file. A schema named `Client` or `File` would shadow the generated
    client's own class of that name.
    """
    names: dict[str, str] = {}
    for name in sorted(schemas, key=lambda name: (_class_name(name) != name, name)):
        names[name] = _unused_class(_class_name(name), set(names.values()))
    return names


def _field_names(fields: list[str]) -> dict[str, str]:
    """Rewrite: give every field a unique Python name that the templates do not use.

    Reason: a field named `to_dict` would shadow the `to_dict` method, and the generator gives two
    fields named `+1` and `-1` the same Python name. The JSON names do not change.
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
    """Return each schema's discriminator field and values, and each base schema's subclasses.

    Rewrite: turn the discriminator field into a constant. Reason: the generator ignores discriminators
    and parses a value as the first schema that fits.
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
        base = component_name(location)
        if not options and base:
            mapped = [name for name in values if name in schemas and name != base]
            options = list(dict.fromkeys([*_descendants(base, schemas), *mapped]))
            subclasses[base] = options
        for option in options:
            if option in schemas and option != base:
                identified[option] = (field_name, values.get(option) or [option])
    return identified, {base: children for base, children in subclasses.items() if children}


def _descendants(base: str, schemas: Json) -> list[str]:
    """Return the schemas that extend a base schema with allOf, the most derived schemas first."""
    found: list[str] = []
    for name, schema in schemas.items():
        parts = schema.get("allOf", []) if isinstance(schema, dict) else []
        if any(component_name(str(part.get("$ref", ""))) == base for part in parts):
            found += [one for one in (*_descendants(name, schemas), name) if one not in found]
    return found
