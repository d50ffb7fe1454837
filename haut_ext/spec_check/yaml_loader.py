"""Load YAML 1.2 documents with PyYAML, which is installed by the extra `yaml`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import yaml

from haut_ext.spec_check.document import Json, is_array, is_object
from haut_ext.spec_check.parsing import DuplicateKey, SpecError, check_limits

if TYPE_CHECKING:
    from yaml import SafeLoader as _Base
else:
    # A build of PyYAML without C has no CSafeLoader. It is ten times slower.
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """Loads YAML 1.2 with its JSON schema, in which `no`, `2020-01-01` and `12:30` are strings."""


# PyYAML has no complete type information: treat its functions as untyped.
_parse: Any = vars(yaml)["parse"]
_untyped: Any = _Loader
_untyped.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    (
        "float",
        r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)",
        list("-0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _untyped.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first
    )


def _mapping(loader: Any, node: yaml.MappingNode) -> Json:
    loader.flatten_mapping(node)
    keys: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem_mark=key.start_mark)
        if key.value in keys:
            raise DuplicateKey(key.value, key.start_mark.line + 1)
        keys.add(key.value)
    mapping: Json = loader.construct_mapping(node, deep=True)
    return mapping


_untyped.add_constructor("tag:yaml.org,2002:map", _mapping)


def load(text: str, name: str) -> Any:
    """Load a document with string keys.

    Raises:
        SpecError: If the text is not YAML, or if an alias refers to a node that contains it.
        DuplicateKey: If an object has a duplicate key.
        TooLarge: If the document is too large.
    """
    try:
        _check_limits(text)
        return _with_string_keys(yaml.load(text, _Loader))  # noqa: S506  (a SafeLoader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: an integer with too many digits
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise SpecError(f"{name} is neither JSON nor YAML{line}") from None


def _check_limits(text: str) -> None:
    """Check the size of a document, including copies by aliases, before it is loaded.

    Loading recursively nested arrays can exhaust the stack of PyYAML's C code, and nested aliases or
    merged mappings can exhaust the memory.
    """
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    count = 0
    for event in _parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            count += sizes.get(event.anchor or "", 0) or 1
            if any(anchor == event.anchor for anchor, _ in open_nodes):
                # The types of PyYAML do not accept the marks of its C parser.
                raise yaml.MarkedYAMLError(problem_mark=cast(Any, event.start_mark))
        elif isinstance(event, yaml.CollectionStartEvent):
            count += 1
            open_nodes.append((event.anchor, count))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, start = open_nodes.pop()
            if anchor is not None:
                sizes[anchor] = count - start + 1
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        check_limits(count, len(open_nodes))


def _with_string_keys(node: Any) -> Any:
    """Convert every key to a string, because YAML reads an HTTP status such as 200 as a number."""
    if is_object(node):
        return {str(key): _with_string_keys(value) for key, value in node.items()}
    return [_with_string_keys(item) for item in node] if is_array(node) else node
