"""Compares the arguments of public methods with the methods' annotations.

The annotations are the only description of the arguments' types, so a method itself checks only
what they cannot express, such as the length of a name.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from functools import cache, wraps
from importlib import import_module
from io import IOBase
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    BinaryIO,
    Literal,
    TypeAlias,
    TypeVar,
    Union,
    Unpack,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)
from uuid import UUID

from attrs import fields, has, resolve_types

from haut_ext.argument_checks import check_names, check_text, is_number, parse_id
from haut_ext.errors import ConfigError
from haut_ext.secret import hide_frames

Class = TypeVar("Class", bound=type)
Function = TypeVar("Function", bound=Callable[..., Any])
Types = Mapping[str, Any]
"""Types of arguments, by the arguments' names."""

_TEXT = (str, bytes, bytearray, memoryview)


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return True


JsonValue: TypeAlias = Annotated[Any, _is_json]
"""A value that can be encoded as JSON. NaN and infinity cannot."""


def validate_arguments(*, except_for: Collection[str] = ()) -> Callable[[Class], Class]:
    """Return a class decorator that validates the arguments of the class's public methods.

    A call with an unknown, missing or wrongly typed argument raises ConfigError.

    Args:
        except_for: Names of methods that validate their arguments themselves.
    """

    def decorate(decorated: Class) -> Class:
        for name, member in list(vars(decorated).items()):
            if inspect.isfunction(member) and name[0] != "_" and name not in except_for:
                setattr(decorated, name, validated(member))
        return decorated

    return decorate


def validated(function: Function) -> Function:
    """Decorate a function, so that it validates its arguments first."""
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            try:
                _check_call(function, args, kwargs)
                return await function(*args, **kwargs)
            finally:
                del args, kwargs  # tracebacks show variables

        return cast(Function, call_async)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            _check_call(function, args, kwargs)
            return function(*args, **kwargs)
        finally:
            del args, kwargs  # tracebacks show variables

    return cast(Function, call)


@hide_frames
def _check_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    signature, types, options = _argument_types(function)
    try:
        arguments = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise ConfigError(f"{function.__name__}: {error}") from None
    for name, option_types in options.items():
        given = arguments.pop(name, {})
        check_names(given, option_types)
        check_types(given, option_types)
    check_types(arguments, types)


class _PublicNames(dict[str, Any]):
    """Names of the package, for annotations whose names are imported for type checkers only."""

    def __missing__(self, name: str) -> Any:
        try:
            return getattr(import_module("haut_ext"), name)
        except AttributeError:
            raise KeyError(name) from None


@cache
def _argument_types(
    function: Callable[..., Any],
) -> tuple[inspect.Signature, Types, Mapping[str, Types]]:
    """Return a function's signature, the types of its arguments and those in its `**options`."""
    types = get_type_hints(function, localns=_PublicNames(), include_extras=True)
    options = {
        name: get_type_hints(get_args(kind)[0], localns=_PublicNames(), include_extras=True)
        for name, kind in types.items()
        if get_origin(kind) is Unpack
    }
    return inspect.signature(function), types, options


def check_types(arguments: Mapping[str, Any], types: Types) -> None:
    """Raise ConfigError if an argument does not match its type.

    Arguments without a type are not checked. The message contains no value, which may be a token or
    a person's name passed by mistake.
    """
    for name, value in arguments.items():
        if name not in types or _matches(value, types[name]):
            continue
        kind = types[name]
        origin: Any = get_origin(kind)
        if origin is Collection and _is_collection(value):
            name, kind = f"an item of {name}", get_args(kind)[0]
            value = next(item for item in value if not _matches(item, kind))
        if isinstance(value, str):
            check_text(**{name: value})
        raise ConfigError(f"{name} must be {_name_of(kind)}, not {_describe(value)}")


def _matches(value: Any, kind: Any) -> bool:
    """Return whether a value matches a type.

    Any value matches a binary file, because only an attempt to use it can tell whether it is one.
    """
    origin: Any = get_origin(kind)
    arguments = get_args(kind)
    items: Any = value  # `isinstance` would narrow it to a collection of unknown items
    if origin in (Union, UnionType):
        return any(_matches(value, option) for option in arguments)
    if origin is Annotated:
        return _matches(value, arguments[0]) and all(check(value) for check in arguments[1:])
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if origin is Callable:
        return callable(value) and _accepts(value, *arguments)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            _matches(key, arguments[0]) and _matches(item, arguments[1])
            for key, item in items.items()
        )
    if origin is Iterable:
        # The items are checked when they are used, because an iterator can be read only once.
        return isinstance(value, Iterable) and not isinstance(value, (*_TEXT, Mapping, IOBase))
    if origin is Collection:
        return _is_collection(items) and all(_matches(item, arguments[0]) for item in items)
    if origin is os.PathLike:
        return isinstance(value, os.PathLike) and isinstance(os.fspath(items), str)
    if kind in _SCALARS:
        return _SCALARS[kind](value)
    if kind in (Any, BinaryIO) or origin is not None or not isinstance(kind, type):
        return True  # including type variables and protocols
    return isinstance(value, kind) and _attributes_match(items, kind)


def _attributes_match(value: object, kind: Any) -> bool:
    """Return whether the attributes of an instance of a class of this package match their types."""
    if not has(kind) or not kind.__module__.startswith("haut_ext."):
        return True
    return all(
        _matches(getattr(value, item.name), item.type) for item in fields(resolve_types(kind))
    )


def _is_collection(value: object) -> bool:
    return isinstance(value, Collection) and not isinstance(value, _TEXT)


def _accepts(function: Callable[..., Any], arguments: list[Any], result: Any) -> bool:
    """Return whether a function can be called with as many arguments, and its result is used.

    Nothing awaits the result of an asynchronous function that should return None.
    """
    with suppress(ValueError):  # a function that is written in C may have no signature
        try:
            inspect.signature(function).bind(*arguments)
        except TypeError:
            return False
    return result not in (None, NoneType) or not _is_async(function)


def _is_async(value: object) -> bool:
    return inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(type(value).__call__)


def _is_float(value: object) -> bool:
    try:
        return is_number(value) and not math.isnan(float(value))
    except OverflowError:
        return False


def _passes(check: Callable[[Any], object]) -> Callable[[Any], bool]:
    def passes(value: object) -> bool:
        with suppress(ConfigError):
            check(value)
            return True
        return False

    return passes


_SCALARS: dict[Any, Callable[[Any], bool]] = {
    str: _passes(lambda value: check_text(value=value)),
    # A larger integer cannot be represented by most JSON parsers.
    int: lambda value: (
        type(value) is not bool and isinstance(value, int) and value >> 63 in (0, -1)
    ),
    float: _is_float,
    date: lambda value: isinstance(value, date) and not isinstance(value, datetime),
    UUID: _passes(lambda value: parse_id(value, "")),
}


def _name_of(kind: Any) -> str:
    """Return the name of a type as it is written in an annotation."""
    name = (
        kind.__name__
        if isinstance(kind, type)
        else str(kind).replace(str(JsonValue), "a JSON value")
    )
    name = re.sub(r" \| Unset\b|\bUnset \| |, Unset\b", "", re.sub(r"\b[a-z_]\w*\.", "", name))
    return re.sub(r"^Union\[(.*)\]$", r"\1", name).replace("NoneType", "None")


def _describe(value: object) -> str:
    name = type(value).__name__
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if _is_async(value):
        return "an asynchronous function"
    return f"{name} with invalid content" if _is_collection(value) or has(type(value)) else name
