"""Keep operation and schema names in haut_api stable, by means of openapi/names.yaml.

The Swagger may use different names and may change them. Operations are therefore identified by method
and path, path parameters by their position, and schemas by where the operations use them. `make
spec-pull` adds an entry for each operation and schema that it can identify, and prints questions about
the others.
"""

from __future__ import annotations

import copy
import re
from pathlib import Path

import yaml
from attrs import define, field

from haut_ext.spec_check.comparison import compare_operations, path_shape
from scripts.spec.document import (
    METHODS,
    ROOT,
    Json,
    Operation,
    SpecError,
    component_name,
    dump,
    operations,
    pointer,
    reference_keys,
    resolve,
    unused_name,
    walk,
)

NAMES = ROOT / "openapi" / "names.yaml"
_HEADER = """\
# Names of operations and schemas in haut_api, independent of their names in the OpenAPI document: for
# each method and path, the name and section of the operation; for each schema, the name of its class.
# `make spec-pull` adds new entries and never changes an existing one. `make refresh` adds aliases: for
# each earlier name, the current name and the version that removes the deprecated alias.
"""


@define
class Names:
    """Content of names.yaml.

    Attributes:
        operations: Name and section of each operation, by method and path.
        schemas: Class name of each schema, by the schema's name in the Swagger.
        aliases: For each earlier name, the current name and the version that removes the alias.
    """

    operations: dict[str, list[str]] = field(factory=dict)
    schemas: dict[str, str] = field(factory=dict)
    aliases: dict[str, list[str]] = field(factory=dict)

    @classmethod
    def read(cls, path: Path) -> Names:
        """Read a names file; see `parse`."""
        return cls.parse(path.read_text("utf-8"), path.name)

    @classmethod
    def parse(cls, text: str, file: str) -> Names:
        """Return the names in the text of a names file.

        Raises:
            SpecError: If the entry for an operation is not a list of a name and a section.
        """
        content = yaml.safe_load(text) or {}
        names = cls(*(content.get(key) or {} for key in ("operations", "schemas", "aliases")))
        for key, value in names.operations.items():
            if not (isinstance(value, list) and len(value) == 2):
                raise SpecError(f"{file}: {key} must be a list of a name and a section")
        return names

    def write(self, path: Path) -> None:
        content = {"operations": self.operations, "schemas": self.schemas}
        if self.aliases:
            content |= {"aliases": self.aliases}
        path.write_text(_HEADER + dump(content), "utf-8")

    def key(self, operation: Operation) -> str | None:
        """Return the key in names.yaml of an operation; None if there is none.

        Names of path parameters and a slash at the end of a path are ignored.
        """
        wanted = path_shape(operation.key)
        return next((key for key in self.operations if path_shape(key) == wanted), None)

    def applied(self, document: Json) -> Json:
        """Return a copy of a document, with the names that names.yaml defines.

        Operations, schemas and path parameters are renamed. Names of path parameters are those in the
        keys of names.yaml.

        Raises:
            SpecError: If two schemas would have the same name.
        """
        named = copy.deepcopy(document)
        named["paths"] = {}
        for path, item in copy.deepcopy(document["paths"]).items():
            parameters: dict[str, str] = {}
            for method in METHODS & item.keys():
                operation = Operation(path, method, item[method])
                if key := self.key(operation):
                    operation.definition["operationId"], section = self.operations[key]
                    operation.definition["tags"] = [section]
                    parameters |= zip(
                        _PARAMETER.findall(path), _PARAMETER.findall(key), strict=True
                    )
            renamed = {old: new for old, new in parameters.items() if old != new}
            named["paths"][_rename_parameters(document, path, item, renamed)] = item
        self._rename_schemas(named)
        return named

    def _rename_schemas(self, named: Json) -> None:
        schemas = named.get("components", {}).get("schemas", {})
        renamed = {old: new for old, new in self.schemas.items() if old in schemas and old != new}
        if not renamed:
            return
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


def _rename_parameters(document: Json, path: str, item: Json, names: dict[str, str]) -> str:
    """Rename the path parameters of a path item; return the path with the new names."""
    for owner in (item, *(item[method] for method in METHODS & item.keys())):
        for index, parameter in enumerate(owner.get("parameters", [])):
            found = resolve(document, parameter)
            if found.get("in") == "path" and found["name"] in names:
                owner["parameters"][index] = {**found, "name": names[found["name"]]}
    return _PARAMETER.sub(lambda found: f"{{{names.get(found[1], found[1])}}}", path)


def propose(current: Json, pulled: Json, names: Names) -> tuple[Names, list[str]]:
    """Add an entry for each new operation and schema in a downloaded OpenAPI document.

    Args:
        current: The current contract, with the names defined in names.yaml.
        pulled: The downloaded document, with the names used in the Swagger.
        names: The existing entries in names.yaml.

    Returns:
        The extended names, and questions about schemas that could not be identified.
    """
    proposed = Names(dict(names.operations), dict(names.schemas), dict(names.aliases))
    known = {path_shape(operation.key): operation for operation in operations(current)}
    for operation in operations(pulled):
        if proposed.key(operation) is not None:
            continue
        if other := known.get(path_shape(operation.key)):
            proposed.operations[operation.key] = [other.id, other.section]
            continue
        section = operation.section
        used = {name for name, found in proposed.operations.values() if found == section}
        name = unused_name(_short_name(operation), used.__contains__)
        proposed.operations[operation.key] = [name, section]
    return proposed, _name_schemas(proposed, matched_schemas(current, pulled), current, pulled)


def matched_schemas(old: Json, new: Json) -> list[tuple[str, str]]:
    """Return the names of the schemas that two documents use at the same location of an operation."""
    visits = (visit for pair in compare_operations(old, new, visits=True) for visit in pair.visits)
    names = [tuple(map(component_name, visit.references)) for visit in visits]
    return [(before, after) for before, after in dict.fromkeys(names) if before and after]


def _name_schemas(
    proposed: Names, pairs: list[tuple[str, str]], current: Json, pulled: Json
) -> list[str]:
    """Add an entry for each schema that has another name in the contract; return questions.

    Args:
        proposed: The names to extend.
        pairs: Names of corresponding schemas in the contract and in the downloaded document.
        current: The current contract.
        pulled: The downloaded document.
    """
    ours, theirs = (
        document.get("components", {}).get("schemas", {}) for document in (current, pulled)
    )
    settled = {old for old, new in pairs if old == new}
    pairs = [(old, new) for old, new in pairs if new not in {*settled, *proposed.schemas}]
    questions = []
    for name in dict.fromkeys(new for _, new in pairs):
        candidates = sorted({old for old, new in pairs if new == name})
        rivals = sorted({new for old, new in pairs if old in candidates})
        if settled.issuperset(candidates):
            continue
        if len(candidates) == len(rivals) == 1:
            proposed.schemas[name] = candidates[0]
            continue
        question = (
            f"{' and '.join(rivals)} may correspond to {' or '.join(candidates)} in the current "
            f"contract: to choose, add an entry to {NAMES.name}"
        )
        questions += [] if question in questions else [question]
    # The name of another schema of the contract cannot be used for a new schema.
    for name in dict.fromkeys(new for _, new in pairs):
        if name in ours and name not in proposed.schemas:
            taken = {*ours, *theirs, *proposed.schemas.values()}
            proposed.schemas[name] = unused_name(name, taken.__contains__, separator="")
    return questions


_PARAMETER = re.compile(r"{([^{}]*)}")


def _short_name(operation: Operation) -> str:
    """Return the operationId as a new operation's name, unless a framework derived it from the path."""
    own = str(operation.definition.get("operationId") or "")
    words = [word for word in re.split(r"[/\W]+", re.sub(r"{[^{}]*}", "", operation.path)) if word]
    derived = "_".join(words[:3]).lower()
    if own and not (derived and own.lower().replace("-", "_").startswith(derived)):
        return own
    verbs = {"post": "create", "put": "replace", "patch": "update"}
    verb = verbs.get(operation.method, operation.method)
    return f"{verb}_{'_'.join(words[-2:]) or 'root'}".lower()
