"""What a change does to the Python that people write against: two generations of haut_api compared.

griffe reads both packages without importing them. Of an operation's module `sync_detailed` stands for
its four functions, which differ in how they are awaited only; what is private is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import griffe
from attrs import frozen

PACKAGE = "haut_api"
_MODELS = f"{PACKAGE}.models"
_SPEAKER = "sync_detailed"
_FUNCTIONS = ("sync", "sync_detailed", "asyncio", "asyncio_detailed")
_MAPPING = {"additional_properties", "to_dict", "from_dict", "additional_keys"}  # every model's


@frozen
class Name:
    """Something that other code can refer to.

    `order` is its place among what is passed by position, `sent` and `received` say whether values
    of it go to the service and come from it.
    """

    kind: str
    type: str = ""
    default: str | None = None
    order: int | None = None
    sent: bool = False
    received: bool = False


@frozen
class Difference:
    """One change of the surface, as one row of a report."""

    name: str
    text: str
    breaking: bool


def compare(base: Path, revision: Path) -> list[Difference]:
    """Return what changed between two folders that hold the package, the breaking first."""
    old, new = names(base), names(revision)
    found = [*_removed(old, new), *_added(old, new), *_changed(old, new), *_moved(old, new)]
    return sorted(found, key=lambda difference: (not difference.breaking, difference.name))


def names(folder: Path) -> dict[str, Name]:
    """Return every public name of the package in a folder."""
    package = griffe.load(PACKAGE, search_paths=[folder], resolve_aliases=True)
    assert isinstance(package, griffe.Module)
    found = dict(_names(package))
    bodies = {name.type for name in found.values() if name.kind == "argument" and name.sent}
    answers = {name.type for name in found.values() if name.kind == "answer"}
    models = {
        name: {entry.type for key, entry in found.items() if key.startswith(f"{name}.")}
        for name, entry in found.items()
        if entry.kind == "class"
    }
    sent, received = _reached(bodies, models), _reached(answers, models)
    return {
        key: Name(
            entry.kind,
            entry.type,
            entry.default,
            entry.order,
            sent=entry.sent or _owner(key) in sent,
            received=entry.kind == "answer" or _owner(key) in received,
        )
        for key, entry in found.items()
    }


def _owner(key: str) -> str:
    return key.rpartition(".")[0]


def _reached(types: set[str], models: dict[str, set[str]]) -> set[str]:
    """The models that some annotations name, and those that these name."""
    by_name = {model.rpartition(".")[2]: model for model in models}
    reached: set[str] = set()
    while types:
        words = {word for text in types for word in _words(text)}
        fresh = {by_name[word] for word in words & by_name.keys()} - reached
        reached |= fresh
        types = {text for model in fresh for text in models[model]}
    return reached


def _words(annotation: str) -> set[str]:
    text = annotation
    for mark in "[]|,.'\"":
        text = text.replace(mark, " ")
    return set(text.split())


def _names(module: griffe.Module) -> Iterator[tuple[str, Name]]:
    for name, member in module.members.items():
        if member.is_alias or (name.startswith("_") and name != "__init__"):
            continue
        if isinstance(member, griffe.Module):
            if module.path != _MODELS:
                yield member.path, Name("module")
            yield from _names(member)
        elif isinstance(member, griffe.Class):
            # A model is imported from the package: which of its files holds it is nobody's affair.
            model = module.parent is not None and module.parent.path == _MODELS
            path = f"{_MODELS}.{name}" if model else member.path
            yield path, Name("class")
            yield from _attributes(member, path)
        elif isinstance(member, griffe.Function):
            if _SPEAKER not in module.members:
                yield from _function(member, member.path)
            elif name == _SPEAKER:
                yield from _function(member, module.path)
            if name in _FUNCTIONS:
                yield member.path, Name("function")
        elif isinstance(member, griffe.Attribute) and name != "T":  # a model's own type variable
            yield member.path, Name("attribute", str(member.annotation or ""))


def _function(function: griffe.Function, path: str) -> Iterator[tuple[str, Name]]:
    if function.path != f"{path}.{_SPEAKER}":
        yield path, Name("function")
    position = 0
    for parameter in function.parameters:
        order = None
        if parameter.kind is griffe.ParameterKind.positional_or_keyword:
            order, position = position, position + 1
        default = None if parameter.default is None else str(parameter.default)
        if parameter.name != "self":
            yield (
                f"{path}({parameter.name})",
                Name("argument", str(parameter.annotation or ""), default, order, sent=True),
            )
    yield f"{path} → result", Name("answer", str(function.returns or ""))


def _attributes(found: griffe.Class, path: str) -> Iterator[tuple[str, Name]]:
    order = 0
    for name, member in found.members.items():
        if name.startswith("_") or name in _MAPPING:
            continue
        if isinstance(member, griffe.Attribute):
            default = None if member.value is None else str(member.value)
            yield f"{path}.{name}", Name("field", str(member.annotation or ""), default, order)
            order += 1
        elif isinstance(member, griffe.Function):
            yield f"{path}.{name}", Name("method", str(member.returns or ""))


# --- the comparison


def _removed(old: dict[str, Name], new: dict[str, Name]) -> Iterator[Difference]:
    gone = old.keys() - new.keys()
    for key in gone:
        if not _inside(key, gone):
            yield Difference(key, f"{old[key].kind} removed", breaking=True)


def _added(old: dict[str, Name], new: dict[str, Name]) -> Iterator[Difference]:
    fresh = new.keys() - old.keys()
    for key in fresh:
        if _inside(key, fresh):
            continue
        name = new[key]
        needed = name.kind in ("argument", "field") and name.default is None
        # What only comes from the service is made by from_dict, not by a caller.
        breaking = needed and name.sent
        required = ", required" if breaking else ""
        yield Difference(key, f"{name.kind} added: {name.type}{required}".rstrip(": "), breaking)


def _inside(key: str, others: set[str]) -> bool:
    """Whether a name goes without saying, since that of which it is a part is in `others` too."""
    return any(
        key != other and key.startswith((f"{other}.", f"{other}(", f"{other} ")) for other in others
    )


def _changed(old: dict[str, Name], new: dict[str, Name]) -> Iterator[Difference]:
    for key in old.keys() & new.keys():
        before, after = old[key], new[key]
        if before.kind != after.kind:
            yield Difference(key, f"{before.kind} → {after.kind}", breaking=True)
        if before.type != after.type:
            # A caller that only sends is not disturbed by more choice, one that only reads not by less.
            was, now = _choices(before.type), _choices(after.type)
            harmless = (after.sent and not after.received and was <= now) or (
                after.received and not after.sent and now <= was
            )
            yield Difference(key, f"{before.type} → {after.type}", breaking=not harmless)
        if before.default != after.default:
            was_default, now_default = (
                "no default" if default is None else f"default {default}"
                for default in (before.default, after.default)
            )
            breaking = after.sent and before.default is not None
            yield Difference(key, f"{was_default} → {now_default}", breaking)


def _choices(annotation: str) -> set[str]:
    """The members of a union, that of a Response looked into."""
    text = annotation.removeprefix("Response[")
    text = text.removesuffix("]") if text != annotation else text
    return {choice.strip() for choice in text.split(" | ")}


def _moved(old: dict[str, Name], new: dict[str, Name]) -> Iterator[Difference]:
    """Arguments by position that stand elsewhere now, once for each function or class."""
    places: dict[str, list[str]] = {}
    for key in old.keys() & new.keys():
        before, after = old[key].order, new[key].order
        if before is not None and after is not None and before != after:
            owner = key.partition("(")[0] if key.endswith(")") else _owner(key)
            places.setdefault(owner, []).append(key)
    for owner, keys in places.items():
        sent = any(new[key].sent for key in keys)
        count = f"{len(keys)} argument{'s' if len(keys) > 1 else ''}"
        yield Difference(owner, f"{count} at another position", breaking=sent)
