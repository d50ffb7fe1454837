"""Parse OpenAPI documents from untrusted files: bounded in size, and without following references."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from haut_ext.errors import ConfigError
from haut_ext.spec_check.document import Json, is_array, is_object, printable, shown

MAX_BYTES = 32 * 2**20
MAX_VALUES = 1_000_000
"""Limit on the values of a document. In YAML, each alias counts as a copy of its target."""
MAX_DEPTH = 100
"""Limit on nested objects and arrays; the functions that traverse documents are recursive."""


class SpecError(ConfigError):
    """An OpenAPI document cannot be read, is invalid, or is not supported."""


class DuplicateKey(Exception):
    """Raised for an object with a duplicate key, because parsers differ in which value they keep."""

    def __init__(self, key: str, line: int | None = None) -> None:
        super().__init__(key)
        self.key = key
        self.line = line


class TooLarge(Exception):
    """Raised for a document that exceeds a limit; the message says which one."""


def read(path: Path) -> Json:
    """Read an OpenAPI 3.0 or 3.1 document in JSON or YAML from a file.

    Raises:
        SpecError: If the file cannot be read, or is anything else.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise SpecError(f"{printable(str(path))} cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise SpecError(f"{printable(str(path))} is larger than {MAX_BYTES >> 20} MiB")
    return parse(text, path.name)


def parse(text: str, name: str) -> Json:
    """Parse an OpenAPI 3.0 or 3.1 document in JSON or YAML.

    Args:
        text: The document's text.
        name: The document's file name or URL, for error messages.

    Raises:
        SpecError: If the text is anything else, such as a web page or a Swagger 2.0 document.
    """
    name = printable(name)
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("<"):
        raise SpecError(
            f"{name} is a web page, not an OpenAPI document. If it is a login page, set HAUT_TOKEN; if "
            "it is the Swagger UI, give the URL of the OpenAPI document that this page loads"
        )
    try:
        found = _load(text, name)
        _check_limits(found)
    except DuplicateKey as error:
        line = "" if error.line is None else f" (line {error.line})"
        raise SpecError(
            f"{name} has the key {shown(error.key)} twice{line}; parsers keep only one of them"
        ) from None
    except TooLarge as error:
        raise SpecError(f"{name} {error}") from None
    if not is_object(found):
        raise SpecError(f"{name} is not an OpenAPI document: its content is not an object")
    if "swagger" in found:
        raise SpecError(
            f"{name} is Swagger {printable(str(found['swagger']))}; OpenAPI 3.0 or 3.1 is required. "
            f"Convert it with `npx --yes swagger2openapi@7.0.8 --outfile openapi.json {name}`, and use "
            "openapi.json"
        )
    if not re.fullmatch(r"3\.[01]\.\d+", str(found.get("openapi"))):
        raise SpecError(
            f"{name} is not an OpenAPI 3.0 or 3.1 document: `openapi` is {shown(found.get('openapi'))}"
        )
    if not is_object(found.get("paths")):
        raise SpecError(f"{name} has no `paths`")
    return found


def _load(text: str, name: str) -> Any:
    duplicate: DuplicateKey | None = None
    try:
        return json.loads(text, object_pairs_hook=_unique_pairs)
    except RecursionError:
        raise TooLarge(_TOO_DEEP) from None
    except DuplicateKey as error:
        duplicate = error
    except ValueError:
        pass
    try:
        # Import PyYAML here, because it is an optional dependency.
        from haut_ext.spec_check import yaml_loader
    except ModuleNotFoundError:
        if duplicate:
            raise duplicate from None
        raise SpecError(
            f"{name} is not JSON. To read YAML, install the extra: pip install 'haut-ext[yaml]'"
        ) from None
    # JSON is valid YAML, and only the YAML loader reports the line of a duplicate key.
    return yaml_loader.load(text, name)


def _unique_pairs(pairs: list[tuple[str, Any]]) -> Json:
    keys: set[str] = set()
    for key, _ in pairs:
        if key in keys:
            raise DuplicateKey(key)
        keys.add(key)
    return dict(pairs)


_TOO_DEEP = f"has more than {MAX_DEPTH} nested objects and arrays"


def _check_limits(found: Any) -> None:
    todo = [(found, 0)]
    count = 0
    while todo:
        node, depth = todo.pop()
        check_limits(count, depth)
        if is_object(node) or is_array(node):
            inner = list(node.values()) if is_object(node) else list(node)
            count += len(inner)
            todo += [(value, depth + 1) for value in inner]


def check_limits(values: int, depth: int) -> None:
    """Raise TooLarge if a document with this many values and levels of nesting is too large."""
    if depth > MAX_DEPTH:
        raise TooLarge(_TOO_DEEP)
    if values > MAX_VALUES:
        raise TooLarge(f"has more than {MAX_VALUES:,} values")
