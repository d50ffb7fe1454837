"""Names that people import: openapi/names.yaml says what operations and schemas are called here.

Upstream may name them otherwise, and may rename them: an operation is known by method and path, a schema
by the operations that use it. `make spec-pull` adds an entry for what it can match, and prints the rest.
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
    modern,
    operations,
    pointer,
    resolve,
    walk,
)

NAMES = ROOT / "openapi" / "names.yaml"
_HEAD = """\
# What operations and schemas are called in haut_api, whatever the Swagger calls them: by method and path
# the operation's name and section, by the Swagger's name the class. `make spec-pull` adds what is new
# and never changes an entry.
"""


@define
class Names:
    """The content of names.yaml."""

    operations: dict[str, list[str]] = field(factory=dict)  # name and section
    schemas: dict[str, str] = field(factory=dict)

    @classmethod
    def read(cls, path: Path) -> Names:
        """Return what a file says.

        Raises:
            SpecError: If an entry has another form.
        """
        content = yaml.safe_load(path.read_text("utf-8")) or {}
        names = cls(content.get("operations") or {}, content.get("schemas") or {})
        for key, value in names.operations.items():
            if not (isinstance(value, list) and len(value) == 2):
                raise SpecError(f"{path.name}: {key} needs a name and a section")
        return names

    def write(self, path: Path) -> None:
        path.write_text(
            _HEAD + dump({"operations": self.operations, "schemas": self.schemas}), "utf-8"
        )

    def applied(self, document: Json) -> Json:
        """Return the document with our names in it.

        Raises:
            SpecError: If two schemas would have one name.
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
                f"{NAMES.name}: {', '.join(sorted(clashes))} is the name of another schema"
            )
        named["components"]["schemas"] = {
            renamed.get(name, name): schema for name, schema in schemas.items()
        }
        for _, node in walk(named):
            for holder, key in _references(node):
                steps = pointer(holder[key])
                if steps[:2] == ["components", "schemas"] and steps[2] in renamed:
                    rest = [renamed[steps[2]], *steps[3:]]
                    holder[key] = "/".join(["#/components/schemas", *rest])
                elif holder[key] in renamed:  # a discriminator may name a schema bare
                    holder[key] = renamed[holder[key]]
        return named


def _references(node: Json) -> Iterator[tuple[Json, str]]:
    if isinstance(node.get("$ref"), str):
        yield node, "$ref"
    mapping = node.get("mapping")
    if isinstance(mapping, dict) and isinstance(node.get("propertyName"), str):
        yield from ((mapping, key) for key, target in mapping.items() if isinstance(target, str))


def propose(current: Json, pulled: Json, names: Names) -> tuple[Names, list[str]]:
    """Return the names with an entry for everything that is new in a pulled document, and questions.

    Args:
        current: The contract until now, with our names in it.
        pulled: The new document, in upstream's words.
        names: The entries until now.
    """
    made = Names(dict(names.operations), dict(names.schemas))
    questions: list[str] = []
    old = {operation.key: operation for operation in operations(modern(current))}
    new = {operation.key: operation for operation in operations(modern(pulled))}
    pairs: list[tuple[Operation, Operation]] = []
    for key, operation in new.items():
        known = old.get(key)
        gone = [other for other_key, other in old.items() if other_key not in new]
        moved = [other for other in gone if _shape(other) == _shape(operation)]
        if known is None and len(moved) > 1:
            keys = " or ".join(other.key for other in moved)
            questions.append(
                f"{key} may be {keys}: move the entry of the right one in {NAMES.name}"
            )
        elif known is None and moved:
            known = moved[0]
        if known is not None:
            pairs.append((known, operation))
            section = str(known.definition.get("tags", ["default"])[0])
            made.operations.setdefault(key, [known.id, section])
    taken = {tuple(value) for value in made.operations.values()}
    for key, operation in new.items():
        if key not in made.operations:
            section = str(operation.definition.get("tags", ["default"])[0])
            name = _free(_short(operation), section, taken)
            taken.add((name, section))
            made.operations[key] = [name, section]
    candidates: dict[str, list[str]] = defaultdict(list)
    before, after = modern(current), modern(pulled)
    seen: set[tuple[str, str]] = set()
    for known, operation in pairs:
        for one, other in _parallel(before, known.definition, after, operation.definition, seen):
            if one not in candidates[other]:
                candidates[other].append(one)
    schemas = after.get("components", {}).get("schemas", {})
    for name, possible in candidates.items():
        ours = sorted(possible)
        if name in names.schemas:
            continue
        free = [one for one in ours if one not in schemas or one == name]
        if len(ours) > 1 and name not in ours:
            questions.append(
                f"the schema {name} is {' and '.join(ours)} of today: name it in {NAMES.name}"
            )
        elif free and name not in ours:
            made.schemas[name] = free[0]
    by_class: dict[str, list[str]] = defaultdict(list)
    for name, one in made.schemas.items():
        by_class[one].append(name)
    for one, theirs in by_class.items():
        fresh = [name for name in theirs if name not in names.schemas]
        if len(theirs) > 1 and fresh:
            questions.append(
                f"{' and '.join(fresh)} may be {one} of today: name one in {NAMES.name}"
            )
            for name in fresh:
                del made.schemas[name]
    return made, questions


def _shape(operation: Operation) -> tuple[str, str]:
    return operation.method, re.sub(r"{[^}]*}", "{}", operation.path).rstrip("/")


def _short(operation: Operation) -> str:
    """A name for a new operation: the service's own, if a person wrote it."""
    own = str(operation.definition.get("operationId") or "")
    words = [word for word in re.split(r"[/\W]+", re.sub(r"{[^}]*}", "", operation.path)) if word]
    made_up = "_".join(words[:3]).lower()
    if own and not (made_up and own.lower().replace("-", "_").startswith(made_up)):
        return own
    verbs = {"post": "create", "put": "replace", "patch": "update"}
    return (
        f"{verbs.get(operation.method, operation.method)}_{'_'.join(words[-2:]) or 'root'}".lower()
    )


def _free(name: str, section: str, taken: set[Any]) -> str:
    free, number = name, 1
    while (free, section) in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _parallel(
    old: Json, one: Any, new: Json, other: Any, seen: set[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """Yield names of schemas that stand at the same place of two documents."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = [
            pointer(node["$ref"])[2]
            if str(node.get("$ref")).startswith("#/components/schemas/")
            else ""
            for node in (one, other)
        ]
        if all(names):
            if (names[0], names[1]) in seen:
                return
            seen.add((names[0], names[1]))
            yield names[0], names[1]
        one, other = resolve(old, one), resolve(new, other)
        for key in one.keys() & other.keys():
            if key not in ("example", "examples", "enum", "default"):
                yield from _parallel(old, one[key], new, other[key], seen)
    elif isinstance(one, list) and isinstance(other, list):
        for left, right in zip(one, other, strict=False):
            yield from _parallel(old, left, new, right, seen)
