"""Replace openapi/haut.yaml by the wanted sections of the service's Swagger, or change nothing.

What is written is upstream's word for word: corrections belong in openapi/overlay.yaml. Kept are the
operations that openapi/sections.yaml names and what they refer to. The order is that of the
checked-in document, with what is new after it: a pull without a change upstream leaves no diff, even
from a server that lists things in another order each time, and nobody's positional arguments move.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml
from attrs import field, frozen
from attrs.validators import deep_iterable, instance_of

from haut_ext import ConfigError
from haut_ext.settings import parse_base_url
from scripts.spec.document import (
    METHODS,
    ROOT,
    SPEC,
    Json,
    SpecError,
    command,
    dump,
    escaped,
    look_up,
    parse,
    pointer,
    references,
)
from scripts.spec.names import NAMES, Names, propose

SECTIONS = ROOT / "openapi" / "sections.yaml"

_HEADER = """\
# The service's own OpenAPI document, as `make spec-pull` got it: the sections that sections.yaml names.
# Never edited; corrections belong in overlay.yaml.
"""
_TOP = ("openapi", "info", "jsonSchemaDialect", "externalDocs", "servers", "security", "tags")
_TIMEOUT = 30.0  # seconds for each step of the download; the largest documents take two
_TEXTS = deep_iterable(instance_of(str), instance_of(list))


@frozen
class Sections:
    """What of a document is wanted; see openapi/sections.yaml."""

    tags: list[str] = field(factory=list, validator=_TEXTS)
    paths: list[str] = field(factory=list, validator=_TEXTS)
    operations: list[str] = field(factory=list, validator=_TEXTS)
    own: list[str] = field(factory=list, validator=_TEXTS)

    @classmethod
    def read(cls, path: Path) -> Sections:
        try:
            return cls(**(yaml.safe_load(path.read_text("utf-8")) or {}))
        except (TypeError, yaml.YAMLError) as error:
            raise SpecError(f"{path.name}: {error}") from None


# --- the source


def fetch(source: str, token: str | None) -> str:
    """Return the text of a document.

    Args:
        source: A path, or an address: https, or plain http to loopback.
        token: Sent to the address's own origin, and to no other that it redirects to.

    Raises:
        SpecError: If it cannot be had. Names neither the token nor the query of the address.
    """
    if "://" not in source:
        try:
            return Path(source).read_text("utf-8")
        except (OSError, UnicodeError) as error:
            raise SpecError(f"{source} cannot be read: {error}") from None
    shown = _shown(source)
    headers = {"Accept": "application/json, application/yaml;q=0.9, */*;q=0.1"}
    if token:
        headers["Authorization"] = f"Bearer {token}"  # httpx drops it when the origin changes
    try:
        with httpx.Client(
            timeout=_TIMEOUT, event_hooks={"request": [_refuse_plain_http]}
        ) as client:
            answer = client.get(source, headers=headers, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SpecError(f"{shown} cannot be reached: {type(error).__name__}") from None
    if answer.status_code in (401, 403):
        known = "does not accept HAUT_TOKEN" if token else "wants a token: set HAUT_TOKEN"
        raise SpecError(f"{shown} answers {answer.status_code}: it {known}")
    if answer.status_code != httpx.codes.OK:
        raise SpecError(f"{shown} answers {answer.status_code}")
    return answer.text


def _shown(source: str) -> str:
    """The source without user, password and query, which may be secret."""
    if "://" not in source:
        return Path(source).name
    parts = urlsplit(source)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _refuse_plain_http(request: httpx.Request) -> None:
    origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
    try:
        parse_base_url(origin)
    except ConfigError:
        raise SpecError(f"{origin} is refused: plain http is accepted for loopback only") from None


# --- the selection


def select(document: Json, sections: Sections) -> Json:
    """Return the part of a document that is wanted, complete in itself.

    Raises:
        SpecError: If a section does not exist, or a reference points to nothing.
    """
    paths = _wanted(document, sections)
    kept: Json = {"paths": paths, **_reached(document, paths)}
    for key in _TOP:
        if key in document:
            kept[key] = document[key]
    if "tags" in kept:
        kept["tags"] = [tag for tag in kept["tags"] if tag.get("name") in _tags(paths)]
    if "security" in kept and not _inherits_security(paths):
        kept.pop("security")
    return {key: kept[key] for key in (*_TOP, "paths", "components") if key in kept}


def _wanted(document: Json, sections: Sections) -> Json:
    selectors = [
        *(("the tag", tag) for tag in sections.tags),
        *(("the path", start) for start in sections.paths),
        *(("the operation", name) for name in sections.operations),
    ]
    if not selectors:
        raise SpecError(f"{SECTIONS.name} names no section")
    missing = set(selectors)
    paths: Json = {}
    for path, item in document["paths"].items():
        if isinstance(item.get("$ref"), str):
            item = {**_target(document, item["$ref"], path), **item}
            del item["$ref"]
        kept = {}
        for key, value in item.items():
            if key not in METHODS:
                kept[key] = value
                continue
            naming = {selector for selector in selectors if _names(*selector, path, value)}
            missing -= naming
            if naming:
                kept[key] = value
        if kept.keys() & set(METHODS):
            paths[path] = kept
    if missing:
        raise SpecError(
            f"nothing in the document has {', '.join(map(' '.join, sorted(missing)))} "
            f"({SECTIONS.name}). Its tags are: {', '.join(sorted(_tags(document['paths']))) or 'none'}"
        )
    return paths


def _names(kind: str, value: str, path: str, operation: Json) -> bool:
    match kind:
        case "the tag":
            return value.casefold() in {tag.casefold() for tag in operation.get("tags", [])}
        case "the path":
            return f"{path}/".startswith(f"{value.rstrip('/')}/")
        case _:
            return operation.get("operationId") == value


def _definitions(paths: Json) -> Iterator[Json]:
    for item in paths.values():
        yield from (item[method] for method in METHODS if method in item)


def _tags(paths: Json) -> set[str]:
    return {tag for found in _definitions(paths) for tag in found.get("tags", [])}


def _inherits_security(paths: Json) -> bool:
    return any("security" not in found for found in _definitions(paths))


def _reached(document: Json, paths: Json) -> Json:
    """The components that some paths refer to, and those that these refer to."""
    names: set[tuple[str, str]] = set()
    todo: list[tuple[str, Any, bool]] = [("#/paths", paths, True)]
    inherited: list[Json] = document.get("security", [])
    requirements: list[Json] = [
        option for found in _definitions(paths) for option in found.get("security", inherited)
    ]
    for scheme in {scheme for option in requirements for scheme in option}:
        reference = f"#/components/securitySchemes/{scheme}"
        names.add(("securitySchemes", scheme))
        todo.append((reference, _target(document, reference, "#/paths"), False))
    subclasses = _subclasses(document)
    while todo:
        start, node, table = todo.pop()
        for place, schema, _ in subclasses.pop(start, []):
            names.add(("schemas", pointer(place)[2]))
            todo.append((place, schema, False))
        for place, reference in references(node, start, names=table):
            _target(document, reference, place)
            steps = pointer(reference)
            if steps[:1] != ["components"] or len(steps) < 3:
                raise SpecError(
                    f"{place} refers to {reference}, which is neither a component nor wanted by "
                    "itself; `redocly bundle --dereferenced` writes the document without it"
                )
            section, name = steps[1:3]
            if (section, name) not in names:
                names.add((section, name))
                todo.append(
                    (f"#/components/{section}/{name}", document["components"][section][name], False)
                )
    components = {
        section: kept
        for section, found in document.get("components", {}).items()
        if isinstance(found, dict)
        and (kept := {name: found[name] for name in found if (section, name) in names})
    }
    return {"components": components} if components else {}


def _subclasses(document: Json) -> dict[str, list[tuple[str, Any, bool]]]:
    """What is all of a schema with a discriminator: an answer of the one may be any of the others.

    No reference leads to them.
    """
    schemas = document.get("components", {}).get("schemas", {})
    found: dict[str, list[tuple[str, Any, bool]]] = {}
    for name, schema in schemas.items():
        for part in schema.get("allOf", []) if isinstance(schema, dict) else []:
            base = schemas.get(str(part.get("$ref")).rpartition("/")[2])
            if isinstance(base, dict) and "discriminator" in base:
                place = f"#/components/schemas/{escaped(name)}"
                found.setdefault(part["$ref"], []).append((place, schema, False))
    return found


def _target(document: Json, reference: str, place: str) -> Any:
    if not reference.startswith("#/"):
        raise SpecError(
            f"{place} refers to {reference}, outside of the document; `redocly bundle` brings it in"
        )
    try:
        return look_up(document, reference)
    except KeyError:
        raise SpecError(
            f"{place} refers to {reference}, which the document does not have"
        ) from None


def keep_own(pulled: Json, current: Json, own: list[str]) -> Json:
    """Return the pulled document with the paths of the current one that are ours.

    Raises:
        SpecError: If one of them is missing, or clashes with what was pulled.
    """
    merged: Json = {**pulled, "paths": dict(pulled["paths"])}
    for path in own:
        if path not in current["paths"]:
            raise SpecError(f"{SECTIONS.name}: our own path {path} is not in {SPEC.name}")
        ours = {"paths": {path: current["paths"][path]}}
        ours |= _reached(current, ours["paths"])
        for section, key, value in _entries(ours):
            theirs = merged
            for step in section:
                theirs[step] = dict(theirs.get(step, {}))
                theirs = theirs[step]
            if theirs.setdefault(key, value) != value:
                raise SpecError(
                    f"{'.'.join(section)}.{key} is ours ({SECTIONS.name}, own), and upstream has "
                    "another one: decide which of the two it shall be"
                )
    return merged


def _entries(document: Json) -> Iterator[tuple[list[str], str, Any]]:
    for path, item in document["paths"].items():
        yield ["paths"], path, item
    for section, found in document.get("components", {}).items():
        for name, value in found.items():
            yield ["components", section], name, value


# --- the order


def arrange(new: Any, old: Any) -> Any:
    """Return `new` in the order of `old`, where order has no meaning; what is new comes last."""
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        keys = [key for key in before if key in new] + [key for key in new if key not in before]
        return {
            key: _arrange_list(new[key], before.get(key))
            if key in ("parameters", "required") and isinstance(new[key], list)
            else arrange(new[key], before.get(key))
            for key in keys
        }
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return [arrange(item, known) for item, known in zip(new, old, strict=True)]
    return new


def _arrange_list(new: list[Any], old: Any) -> list[Any]:
    known = {_identity(item): item for item in (old if isinstance(old, list) else [])}
    rank = {identity: position for position, identity in enumerate(known)}
    ordered = sorted(new, key=lambda item: rank.get(_identity(item), len(rank)))
    return [arrange(item, known.get(_identity(item))) for item in ordered]


def _identity(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    return str(item.get("$ref") or (item.get("in"), item.get("name")))


# --- the whole


def pull(source: str, token: str | None) -> Json:
    """Return what haut.yaml shall be: the wanted part of a document, and what is ours; writes nothing.

    Raises:
        SpecError: If it cannot be used.
    """
    sections = Sections.read(SECTIONS)
    current = parse(SPEC.read_text("utf-8"), SPEC.name)
    pulled = select(parse(fetch(source, token), _shown(source)), sections)
    arranged: Json = arrange(keep_own(pulled, current, sections.own), current)
    return arranged


def write(document: Json) -> bool:
    """Put a pulled document in the place of haut.yaml, as a whole; return whether that changed it.

    Names of what is new are added to names.yaml and printed for review.
    """
    current = parse(SPEC.read_text("utf-8"), SPEC.name)
    if document == current:
        return False
    names = Names.read(NAMES)
    proposed, questions = propose(names.applied(current), document, names)
    for kind in ("operations", "schemas"):
        for key, value in getattr(proposed, kind).items():
            if key not in getattr(names, kind):
                shown = " in ".join(value) if isinstance(value, list) else value
                print(f"{NAMES.relative_to(ROOT)}: {key} is called {shown}")
    for question in questions:
        print(f"to decide: {question}")
    if proposed != names:
        proposed.write(NAMES)
    fresh = SPEC.with_suffix(".pulled")
    fresh.write_text(_HEADER + dump(document), "utf-8")
    fresh.replace(SPEC)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source", help="path or address of an OpenAPI 3.0 or 3.1 document")
    source = parser.parse_args().source
    command("spec-pull", lambda: _pull(source), when_failed=". Nothing was changed.")


def _pull(source: str) -> None:
    changed = write(pull(source, os.environ.get("HAUT_TOKEN")))
    what = "is now what was pulled" if changed else "is as it was: no change upstream"
    print(f"{SPEC.relative_to(ROOT)} {what}")


if __name__ == "__main__":
    main()
