"""Compare the public Python APIs of two haut_api versions; rate changes as breaking or compatible.

griffe reads both packages without importing them. Each operation's module has four functions with the
same arguments, so only `sync_detailed` is compared. Private names are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import griffe
from attrs import evolve, frozen

PACKAGE = "haut_api"
_MODELS = f"{PACKAGE}.models"
_COMPARED_FUNCTION = "sync_detailed"
_FUNCTIONS = ("sync", "sync_detailed", "asyncio", "asyncio_detailed")
# Members of every generated model class.
_COMMON_MEMBERS = {"additional_properties", "to_dict", "from_dict", "additional_keys"}


@frozen
class Name:
    """A public name in the haut_api package.

    Attributes:
        kind: "module", "class", "function", "argument", "result", "field", "method" or "attribute".
        type: The type annotation.
        default: The default value; None if there is none.
        position: Index among the positional arguments; None for a keyword-only argument.
        sent: Whether the client sends such values to the service.
        received: Whether the client receives such values from the service.
    """

    kind: str
    type: str = ""
    default: str | None = None
    position: int | None = None
    sent: bool = False
    received: bool = False


@frozen
class Difference:
    """A change of the Python API, shown as one row in the report."""

    name: str
    text: str
    breaking: bool


def compare(base: Path, revision: Path) -> list[Difference]:
    """Compare two folders that contain haut_api; return the differences, breaking ones first."""
    old, new = names(base), names(revision)
    found = [*_removed(old, new), *_added(old, new), *_changed(old, new), *_moved(old, new)]
    return sorted(found, key=lambda difference: (not difference.breaking, difference.name))


def names(folder: Path) -> dict[str, Name]:
    """Return every public name of the haut_api package in a folder."""
    package = griffe.load(PACKAGE, search_paths=[folder], resolve_aliases=True)
    assert isinstance(package, griffe.Module)
    found = dict(_names(package))
    bodies = {name.type for name in found.values() if name.kind == "argument" and name.sent}
    results = {name.type for name in found.values() if name.kind == "result"}
    models = {
        name: {entry.type for key, entry in found.items() if key.startswith(f"{name}.")}
        for name, entry in found.items()
        if entry.kind == "class"
    }
    sent, received = _referenced_models(bodies, models), _referenced_models(results, models)
    return {
        key: evolve(
            entry,
            sent=entry.sent or _owner(key) in sent,
            received=entry.kind == "result" or _owner(key) in received,
        )
        for key, entry in found.items()
    }


def _owner(key: str) -> str:
    return key.rpartition(".")[0]


def _referenced_models(types: set[str], models: dict[str, set[str]]) -> set[str]:
    """Return the models named in type annotations, and the models that their fields refer to."""
    by_name = {model.rpartition(".")[2]: model for model in models}
    found: set[str] = set()
    while types:
        words = {word for text in types for word in re.findall(r"\w+", text)}
        added = {by_name[word] for word in words & by_name.keys()} - found
        found |= added
        types = {text for model in added for text in models[model]}
    return found


def _names(module: griffe.Module) -> Iterator[tuple[str, Name]]:
    for name, member in module.members.items():
        if member.is_alias or (name.startswith("_") and name != "__init__"):
            continue
        if isinstance(member, griffe.Module):
            if module.path != _MODELS:
                yield member.path, Name("module")
            yield from _names(member)
        elif isinstance(member, griffe.Class):
            # Users import models from `haut_api.models`, so the module that defines a model is
            # private.
            model = module.parent is not None and module.parent.path == _MODELS
            path = f"{_MODELS}.{name}" if model else member.path
            yield path, Name("class")
            yield from _attributes(member, path)
        elif isinstance(member, griffe.Function):
            if _COMPARED_FUNCTION not in module.members:
                yield from _function(member, member.path)
            elif name == _COMPARED_FUNCTION:
                yield from _function(member, module.path)
            if name in _FUNCTIONS:
                yield member.path, Name("function")
        elif (
            isinstance(member, griffe.Attribute) and name != "T"
        ):  # skip the TypeVar `T` in each model's module
            yield member.path, Name("attribute", str(member.annotation or ""))


def _function(function: griffe.Function, path: str) -> Iterator[tuple[str, Name]]:
    if function.path != f"{path}.{_COMPARED_FUNCTION}":
        yield path, Name("function")
    positional = 0
    for parameter in function.parameters:
        position = None
        if parameter.kind is griffe.ParameterKind.positional_or_keyword:
            position, positional = positional, positional + 1
        default = None if parameter.default is None else str(parameter.default)
        if parameter.name != "self":
            yield (
                f"{path}({parameter.name})",
                Name("argument", str(parameter.annotation or ""), default, position, sent=True),
            )
    yield f"{path} → result", Name("result", str(function.returns or ""))


def _attributes(found: griffe.Class, path: str) -> Iterator[tuple[str, Name]]:
    position = 0
    for name, member in found.members.items():
        if name.startswith("_") or name in _COMMON_MEMBERS:
            continue
        if isinstance(member, griffe.Attribute):
            default = None if member.value is None else str(member.value)
            yield f"{path}.{name}", Name("field", str(member.annotation or ""), default, position)
            position += 1
        elif isinstance(member, griffe.Function):
            yield f"{path}.{name}", Name("method", str(member.returns or ""))


# --- comparison


def _removed(old: dict[str, Name], new: dict[str, Name]) -> Iterator[Difference]:
    removed = old.keys() - new.keys()
    for key in removed:
        if not _has_parent(key, removed):
            yield Difference(key, f"{old[key].kind} removed", breaking=True)


def _added(old: dict[str, Name], new: dict[str, Name]) -> Iterator[Difference]:
    added = new.keys() - old.keys()
    for key in added:
        if _has_parent(key, added):
            continue
        name = new[key]
        needed = name.kind in ("argument", "field") and name.default is None
        # Callers do not construct models that occur only in responses, so a new required field does
        # not break them.
        breaking = needed and name.sent
        required = ", required" if breaking else ""
        yield Difference(key, f"{name.kind} added: {name.type}{required}".rstrip(": "), breaking)


def _has_parent(key: str, others: set[str]) -> bool:
    """Return whether `others` contains the parent (module, class or function) of a name."""
    return any(
        key != other and key.startswith((f"{other}.", f"{other}(", f"{other} ")) for other in others
    )


def _changed(old: dict[str, Name], new: dict[str, Name]) -> Iterator[Difference]:
    for key in old.keys() & new.keys():
        before, after = old[key], new[key]
        if before.kind != after.kind:
            yield Difference(key, f"{before.kind} → {after.kind}", breaking=True)
        if before.type != after.type:
            # Accepting more types does not break callers that send the value. Returning fewer types
            # does not break callers that receive it.
            options_before, options_after = _union_members(before.type), _union_members(after.type)
            compatible = (
                after.sent and not after.received and options_before <= options_after
            ) or (after.received and not after.sent and options_after <= options_before)
            yield Difference(key, f"{before.type} → {after.type}", breaking=not compatible)
        if before.default != after.default:
            defaults = [
                "no default" if name.default is None else f"default {name.default}"
                for name in (before, after)
            ]
            breaking = after.sent and before.default is not None
            yield Difference(key, " → ".join(defaults), breaking)


def _union_members(annotation: str) -> set[str]:
    """Split a union annotation into its members; `Response[...]` is unwrapped first."""
    if match := re.fullmatch(r"Response\[(.*)\]", annotation, re.DOTALL):
        annotation = match[1]
    return {member.strip() for member in annotation.split(" | ")}


def _moved(old: dict[str, Name], new: dict[str, Name]) -> Iterator[Difference]:
    """Yield a difference for each function or class with reordered positional arguments."""
    moved: dict[str, list[str]] = {}
    for key in old.keys() & new.keys():
        before, after = old[key].position, new[key].position
        if before is not None and after is not None and before != after:
            owner = key.partition("(")[0] if key.endswith(")") else _owner(key)
            moved.setdefault(owner, []).append(key)
    for owner, keys in moved.items():
        sent = any(new[key].sent for key in keys)
        count = f"{len(keys)} argument{'s' if len(keys) > 1 else ''}"
        yield Difference(owner, f"{count} at another position", breaking=sent)
