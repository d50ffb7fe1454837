"""Validate, traverse and write OpenAPI documents as plain data.

The other modules in scripts/spec build on this one. It also exports the functions of
haut_ext.spec_check, which is part of the wheel, for reading and normalizing documents.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from openapi_schema_validator import OAS30Validator, OAS31Validator
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from haut_ext.spec_check.document import METHODS as METHODS
from haut_ext.spec_check.document import NAMES as NAMES
from haut_ext.spec_check.document import Json as Json
from haut_ext.spec_check.document import Operation as Operation
from haut_ext.spec_check.document import children as children
from haut_ext.spec_check.document import look_up as look_up
from haut_ext.spec_check.document import operations as operations
from haut_ext.spec_check.document import pointer as pointer
from haut_ext.spec_check.document import printable as printable
from haut_ext.spec_check.document import resolve as resolve
from haut_ext.spec_check.document import to_openapi_31 as to_openapi_31
from haut_ext.spec_check.parsing import SpecError as SpecError
from haut_ext.spec_check.parsing import parse as parse

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "openapi" / "haut.yaml"


def command(name: str, run: Callable[[], None], *, when_failed: str = "") -> None:
    """Run a make target's command; on an error, exit with a message instead of a traceback.

    Args:
        name: Name of the make target; the error message starts with it.
        run: Function that executes the command.
        when_failed: Text to append to the error message.
    """
    try:
        run()
    except SpecError as error:
        sys.exit(f"{name}: {error}{when_failed}")
    except Exception as error:
        # A malformed document can raise any exception.
        problem = without_addresses(f"{type(error).__name__}: {error}")
        sys.exit(f"{name}: the document cannot be processed ({problem}){when_failed}")


# --- writing


class _Dumper(yaml.SafeDumper):
    """Quotes every string that a YAML 1.1 or 1.2 parser would read as another type."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # These characters are line breaks in YAML 1.1 but not in YAML 1.2.
    ambiguous = any(character in text for character in "\x85\u2028\u2029")
    style = '"' if ambiguous else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"(?:[-+]?[0-9.]+[eE][-+]?[0-9]+|0o[0-7]+)\Z"),
    list("-+.0123456789"),
)


def dump(document: Json) -> str:
    """Serialize a document as YAML, preserving the order of keys."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


# --- validation


def validation_errors(document: Json) -> list[str]:
    """Validate a document against the OpenAPI specification; return each error with its location."""
    # The validator and the linter would fetch URLs and read files, even in examples.
    if external := list(_external_references(document)):
        return external
    old = str(document["openapi"]).startswith("3.0")
    validator = OpenAPIV30SpecValidator if old else OpenAPIV31SpecValidator
    try:
        errors = list(validator(document).iter_errors())
    except RecursionError:
        return ["#: circular references"]
    except Exception as error:
        # The validator raises an exception for a reference whose target is missing.
        return [f"#: {without_addresses(str(error))}"]
    found = []
    for fault in errors:
        path = "/".join(map(str, fault.absolute_path))
        # If a default value violates its schema, the validator reports the error without a
        # location.
        locations = [path] if path else _invalid_defaults(document, old=old) or ["#"]
        found += [f"{location}: {without_addresses(fault.message)}" for location in locations]
    return list(dict.fromkeys(found))


def _external_references(node: Any, where: str = "#") -> Iterator[str]:
    """Yield an error for each `$ref`, also in data such as examples, that leaves the document."""
    if isinstance(node, dict):
        for keyword in ("$ref", "$dynamicRef"):
            target = node.get(keyword, "#")
            if isinstance(target, str) and not target.startswith("#"):
                yield f"{where}: {keyword} refers to {printable(target[:200])}, outside the document"
    items: Any = node.items() if isinstance(node, dict) else ()
    for key, value in enumerate(node) if isinstance(node, list) else items:
        yield from _external_references(value, f"{where}/{escaped(str(key))}")


def _invalid_defaults(document: Json, *, old: bool) -> list[str]:
    validator = OAS30Validator if old else OAS31Validator
    return [
        location.removeprefix("#/") + "/default"
        for location, node in walk(document)
        if "default" in node and "$ref" not in json.dumps(node)
        if not validator(node).is_valid(node["default"])
    ]


def without_addresses(text: str) -> str:
    """Shorten an error message, and remove memory addresses such as `at 0x7f...`."""
    return re.sub(r"<[^<>]* at 0x[0-9a-f]+>", "(object)", text)[:500]


# --- traversal


def walk(node: Any, where: str = "#", *, names: bool = False) -> Iterator[tuple[str, Json]]:
    """Yield a node and every object nested in it, each with its location.

    Data (such as examples) and objects that map names to definitions are omitted.
    """
    if isinstance(node, dict) and not names:
        yield where, node
    for key, value, keys_are_names in children(node, names=names):
        yield from walk(value, f"{where}/{escaped(key)}", names=keys_are_names)


def reference_keys(node: Json) -> Iterator[tuple[Json, str]]:
    """Yield each reference in an object as (mapping, key), where `mapping[key]` is the reference."""
    for keyword in ("$ref", "$dynamicRef"):
        if isinstance(node.get(keyword), str):
            yield node, keyword
    mapping = node.get("mapping")
    if isinstance(mapping, dict) and isinstance(node.get("propertyName"), str):
        yield from ((mapping, key) for key, target in mapping.items() if isinstance(target, str))


def references(node: Any, where: str = "#", *, names: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the location and the target of every reference in a node."""
    for location, found in walk(node, where, names=names):
        for mapping, key in reference_keys(found):
            target = mapping[key]
            yield location, target if "/" in target else f"#/components/schemas/{target}"


def escaped(step: str) -> str:
    """Escape `~` and `/` in a key for use in a JSON pointer."""
    return step.replace("~", "~0").replace("/", "~1")


def component_name(reference: str) -> str:
    """Return the name of the schema component that a reference points to, or "" for other targets."""
    steps = pointer(reference)
    return steps[2] if steps[:2] == ["components", "schemas"] and len(steps) == 3 else ""


def without(node: Json, *keys: str) -> Json:
    """Return a copy of a dictionary without the given keys."""
    return {key: value for key, value in node.items() if key not in keys}


def unused_name(name: str, is_taken: Callable[[str], bool], *, separator: str = "_") -> str:
    """Return a name that is not taken, by appending 2, 3 and so on if necessary."""
    numbered = (f"{name}{separator}{number}" for number in itertools.count(2))
    return next(
        candidate for candidate in itertools.chain([name], numbered) if not is_taken(candidate)
    )
