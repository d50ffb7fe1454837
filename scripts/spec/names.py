"""Keep operation and schema names in haut_api stable, by means of openapi/names.yaml.

The Swagger may use different names and may change them. Operations are therefore identified by method
and path, and schemas by the operations that use them. `make spec-pull` adds an entry for each
operation and schema that it can identify, and prints questions about the others.
"""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from attrs import define, field

from scripts.spec.document import (
    ROOT,
    Json,
    Operation,
    SpecError,
    dump,
    operations,
    pointer,
    reference_keys,
    resolve,
    to_openapi_31,
    unused_name,
    walk,
)

NAMES = ROOT / "openapi" / "names.yaml"
_HEADER = """\
# Names of operations and schemas in haut_api, independent of their names in the OpenAPI document: for
# each method and path, the name and section of the operation; for each schema, the name of its class.
# `make spec-pull` adds new entries and never changes an existing one.
"""


@define
class Names:
    """Content of names.yaml.

    Attributes:
        operations: Name and section of each operation, by method and path.
        schemas: Class name of each schema, by the schema's name in the Swagger.
    """

    operations: dict[str, list[str]] = field(factory=dict)
    schemas: dict[str, str] = field(factory=dict)

    @classmethod
    def read(cls, path: Path) -> Names:
        """Read a names file.

        Raises:
            SpecError: If the entry for an operation is not a list of a name and a section.
        """
        content = yaml.safe_load(path.read_text("utf-8")) or {}
        names = cls(content.get("operations") or {}, content.get("schemas") or {})
        for key, value in names.operations.items():
            if not (isinstance(value, list) and len(value) == 2):
                raise SpecError(f"{path.name}: {key} must be a list of a name and a section")
        return names

    def write(self, path: Path) -> None:
        path.write_text(
            _HEADER + dump({"operations": self.operations, "schemas": self.schemas}), "utf-8"
        )

    def applied(self, document: Json) -> Json:
        """Return a copy of a document, with operations and schemas renamed according to names.yaml.

        Raises:
            SpecError: If two schemas would have the same name.
        """
        named = copy.deepcopy(document)
        for operation in operations(named):
            if operation.key in self.operations:
                found = named["paths"][operation.path][operation.method]
                found["operationId"], section = self.operations[operation.key]
                found["tags"] = [section]
        schemas = named.get("components", {}).get("schemas", {})
        renamed = {old: new for old, new in self.schemas.items() if old in schemas and old != new}
        if not renamed:
            return named
        if clashes := (set(renamed.values()) & set(schemas)) - set(renamed):
            raise SpecError(
                f"{NAMES.name}: {', '.join(sorted(clashes))} is already the name of another schema"
            )
        named["components"]["schemas"] = {
            renamed.get(name, name): schema for name, schema in schemas.items()
        }
        for _, node in walk(named):
            for mapping, key in reference_keys(node):
                steps = pointer(mapping[key])
                if steps[:2] == ["components", "schemas"] and steps[2] in renamed:
                    rest = [renamed[steps[2]], *steps[3:]]
                    mapping[key] = "/".join(["#/components/schemas", *rest])
                elif mapping[key] in renamed:  # a schema's name instead of a reference
                    mapping[key] = renamed[mapping[key]]
        return named


def propose(current: Json, pulled: Json, names: Names) -> tuple[Names, list[str]]:
    """Add an entry for each new operation and schema in a downloaded OpenAPI document.

    Args:
        current: The current contract, with the names defined in names.yaml.
        pulled: The downloaded document, with the names used in the Swagger.
        names: The existing entries in names.yaml.

    Returns:
        The extended names, and questions about operations and schemas that could not be identified.
    """
    proposed = Names(dict(names.operations), dict(names.schemas))
    current, pulled = to_openapi_31(current), to_openapi_31(pulled)
    pairs, questions = _matching_operations(current, pulled)
    for known, operation in pairs:
        proposed.operations.setdefault(operation.key, [known.id, _section(known)])
    taken = {tuple(value) for value in proposed.operations.values()}
    for operation in operations(pulled):
        if operation.key not in proposed.operations:
            section = _section(operation)
            used = {name for name, other_section in taken if other_section == section}
            name = unused_name(_short_name(operation), used.__contains__)
            taken.add((name, section))
            proposed.operations[operation.key] = [name, section]
    candidates: dict[str, list[str]] = defaultdict(list)
    visited: set[tuple[str, str]] = set()
    for known, operation in pairs:
        for old, new in _corresponding_schemas(
            current, known.definition, pulled, operation.definition, visited
        ):
            candidates[new].append(old)
    return proposed, questions + _name_schemas(proposed, candidates, names, pulled)


def _section(operation: Operation) -> str:
    return str(operation.definition.get("tags", ["default"])[0])


def _matching_operations(
    current: Json, pulled: Json
) -> tuple[list[tuple[Operation, Operation]], list[str]]:
    """Pair the operations of two documents; return the pairs and the open questions.

    Operations match if their methods and paths are equal, apart from the names of path parameters.
    """
    old = {operation.key: operation for operation in operations(current)}
    new = {operation.key: operation for operation in operations(pulled)}
    removed = [operation for key, operation in old.items() if key not in new]
    pairs, questions = [], []
    for key, operation in new.items():
        moved = [other for other in removed if _path_shape(other) == _path_shape(operation)]
        if key in old:
            pairs.append((old[key], operation))
        elif len(moved) == 1:
            pairs.append((moved[0], operation))
        elif moved:
            keys = " or ".join(other.key for other in moved)
            questions.append(
                f"{key} may be the new path of {keys}: change the key of the matching entry in "
                f"{NAMES.name} to the new path"
            )
    return pairs, questions


def _name_schemas(
    proposed: Names, candidates: dict[str, list[str]], names: Names, pulled: Json
) -> list[str]:
    """Add an entry for each schema with one candidate name; return questions about the others."""
    questions = []
    schemas = pulled.get("components", {}).get("schemas", {})
    for name, found in candidates.items():
        possible = sorted(set(found))
        if name in names.schemas or name in possible:
            continue
        if len(possible) > 1:
            questions.append(
                f"the schema {name} may correspond to {' or '.join(possible)} in the current contract: "
                f"add an entry for {name} to {NAMES.name}"
            )
        elif possible[0] not in schemas:
            proposed.schemas[name] = possible[0]
    by_class: dict[str, list[str]] = defaultdict(list)
    for name, class_name in proposed.schemas.items():
        by_class[class_name].append(name)
    for class_name, found in by_class.items():
        added = [name for name in found if name not in names.schemas]
        if len(found) > 1 and added:
            questions.append(
                f"{' and '.join(added)} may correspond to the schema {class_name} in the current "
                f"contract: add an entry for the matching one to {NAMES.name}"
            )
            for name in added:
                del proposed.schemas[name]
    return questions


def _path_shape(operation: Operation) -> tuple[str, str]:
    return operation.method, re.sub(r"{[^}]*}", "{}", operation.path).rstrip("/")


def _short_name(operation: Operation) -> str:
    """Return the operationId as a new operation's name, unless a framework derived it from the path."""
    own = str(operation.definition.get("operationId") or "")
    words = [word for word in re.split(r"[/\W]+", re.sub(r"{[^}]*}", "", operation.path)) if word]
    derived = "_".join(words[:3]).lower()
    if own and not (derived and own.lower().replace("-", "_").startswith(derived)):
        return own
    verbs = {"post": "create", "put": "replace", "patch": "update"}
    verb = verbs.get(operation.method, operation.method)
    return f"{verb}_{'_'.join(words[-2:]) or 'root'}".lower()


def _corresponding_schemas(
    old: Json, left: Any, new: Json, right: Any, visited: set[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """Yield pairs of schema names that two documents reference at the same location."""
    if isinstance(left, dict) and isinstance(right, dict):
        names = [
            pointer(node["$ref"])[2]
            if str(node.get("$ref")).startswith("#/components/schemas/")
            else ""
            for node in (left, right)
        ]
        if all(names):
            if (names[0], names[1]) in visited:
                return
            visited.add((names[0], names[1]))
            yield names[0], names[1]
        left, right = resolve(old, left), resolve(new, right)
        for key in left.keys() & right.keys():
            if key not in ("example", "examples", "enum", "default"):
                yield from _corresponding_schemas(old, left[key], new, right[key], visited)
    elif isinstance(left, list) and isinstance(right, list):
        for one, other in zip(left, right, strict=False):
            yield from _corresponding_schemas(old, one, new, other, visited)
