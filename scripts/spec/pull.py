"""Update openapi/haut.yaml with selected sections of the service's Swagger (`make spec-pull`).

The new haut.yaml contains the operations that openapi/sections.yaml selects, and the components that
these operations refer to. Their content is not edited; corrections belong in openapi/overlay.yaml.
Existing entries keep the order that they have in the committed haut.yaml, and new entries are appended.
Therefore a reordered but otherwise unchanged Swagger causes no diff, and the generated functions keep
the order of their positional arguments. If a pull fails, no file is changed.
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
from attrs import frozen

from haut_ext import ConfigError
from haut_ext.spec_check import comparison
from haut_ext.urls import parse_base_url
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
# The sections of the service's OpenAPI document that sections.yaml selects, written by `make spec-pull`.
# Do not edit; corrections belong in overlay.yaml.
"""
_TOP = ("openapi", "info", "jsonSchemaDialect", "externalDocs", "servers", "security", "tags")
_TIMEOUT = 30.0  # seconds


@frozen
class Sections(comparison.Sections):
    """The content of openapi/sections.yaml."""

    @classmethod
    def read(cls, path: Path) -> Sections:
        try:
            content = yaml.safe_load(path.read_text("utf-8")) or {}
            for key, value in content.items():
                if not (isinstance(value, list) and all(isinstance(text, str) for text in value)):
                    raise SpecError(f"{path.name}: '{key}' must be a list of texts")
            return cls(**content)
        except (AttributeError, TypeError, yaml.YAMLError) as error:
            raise SpecError(f"{path.name}: {error}") from None


# --- source


def fetch(source: str, token: str | None) -> str:
    """Return the text of an OpenAPI document from a file or a URL.

    Args:
        source: A path, an https URL, or an http URL of a loopback address.
        token: The API token. It is sent only to the origin of the URL, not to the target of a redirect
            to another origin.

    Raises:
        SpecError: If the document cannot be read or fetched. The message does not contain the token,
            or the credentials or query of the URL.
    """
    if "://" not in source:
        try:
            return Path(source).read_text("utf-8")
        except (OSError, UnicodeError) as error:
            raise SpecError(f"{source} cannot be read: {error}") from None
    shown = shown_source(source)
    headers = {"Accept": "application/json, application/yaml;q=0.9, */*;q=0.1"}
    if token:
        # If a redirect changes the origin, httpx drops the Authorization header.
        headers["Authorization"] = f"Bearer {token}"
    try:
        with httpx.Client(timeout=_TIMEOUT, event_hooks={"request": [_check_scheme]}) as client:
            response = client.get(source, headers=headers, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SpecError(f"{shown} cannot be reached: {type(error).__name__}") from None
    if response.status_code in (401, 403):
        reason = "HAUT_TOKEN was rejected" if token else "a token is required, set HAUT_TOKEN"
        raise SpecError(f"{shown} returned status {response.status_code}: {reason}")
    if response.status_code != httpx.codes.OK:
        raise SpecError(f"{shown} returned status {response.status_code}")
    return response.text


def shown_source(source: str) -> str:
    """Return a URL without its credentials and query, or a file name without its folder."""
    if "://" not in source:
        return Path(source).name
    parts = urlsplit(source)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _check_scheme(request: httpx.Request) -> None:
    origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
    try:
        parse_base_url(origin)
    except ConfigError:
        raise SpecError(
            f"{origin} is not allowed: use https; http is allowed for loopback addresses only"
        ) from None


# --- selection


def select(document: Json, sections: Sections) -> Json:
    """Return a document reduced to the selected operations and the components that they refer to.

    Raises:
        SpecError: If a selected section does not exist, or if the target of a reference does not
            exist.
    """
    paths = _selected_paths(document, sections)
    kept: Json = {"paths": paths, **_referenced(document, paths)}
    for key in _TOP:
        if key in document:
            kept[key] = document[key]
    if "tags" in kept:
        kept["tags"] = [tag for tag in kept["tags"] if tag.get("name") in _tags(paths)]
    if "security" in kept and not _inherits_security(paths):
        kept.pop("security")
    return {key: kept[key] for key in (*_TOP, "paths", "components") if key in kept}


def _selected_paths(document: Json, sections: Sections) -> Json:
    selectors = list(sections.selectors())
    if not selectors:
        raise SpecError(f"{SECTIONS.name} selects no section")
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
            matching = {
                selector for selector in selectors if comparison.matches(*selector, path, value)
            }
            missing -= matching
            if matching:
                kept[key] = value
        if kept.keys() & set(METHODS):
            paths[path] = kept
    if missing:
        shown = ", ".join(f"{kind} {value}" for kind, value in sorted(missing))
        raise SpecError(
            f"{SECTIONS.name} selects {shown}, but the document does not contain this. The document's "
            f"tags are: {', '.join(sorted(_tags(document['paths']))) or 'none'}"
        )
    return paths


def _definitions(paths: Json) -> Iterator[Json]:
    for item in paths.values():
        yield from (item[method] for method in METHODS if method in item)


def _tags(paths: Json) -> set[str]:
    return {tag for found in _definitions(paths) for tag in found.get("tags", [])}


def _inherits_security(paths: Json) -> bool:
    return any("security" not in found for found in _definitions(paths))


def _referenced(document: Json, paths: Json) -> Json:
    """Return the components referenced, directly or indirectly, by paths, as `{"components": ...}`."""
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
        # A base schema does not refer to its subclasses, so follow them as if it did.
        found = [(start, place) for place in subclasses.pop(start, [])]
        for place, reference in [*references(node, start, names=table), *found]:
            _target(document, reference, place)
            steps = pointer(reference)
            if steps[:1] != ["components"] or len(steps) < 3:
                raise SpecError(
                    f"{place} refers to {reference}, which is neither a component nor a selected "
                    "operation; run `redocly bundle --dereferenced` to replace references with "
                    "their targets"
                )
            section, name = steps[1:3]
            if (section, name) not in names:
                names.add((section, name))
                target = f"#/components/{section}/{escaped(name)}"
                todo.append((target, document["components"][section][name], False))
    components = {
        section: kept
        for section, found in document.get("components", {}).items()
        if isinstance(found, dict)
        and (kept := {name: found[name] for name in found if (section, name) in names})
    }
    return {"components": components} if components else {}


def _subclasses(document: Json) -> dict[str, list[str]]:
    """Map each schema with a discriminator to its subclasses; schemas are given as references.

    The subclasses must be searched for: a subclass refers to its base schema in `allOf`, but the base
    schema does not refer to its subclasses.
    """
    schemas = document.get("components", {}).get("schemas", {})
    found: dict[str, list[str]] = {}
    for name, schema in schemas.items():
        for part in schema.get("allOf", []) if isinstance(schema, dict) else []:
            base = schemas.get(str(part.get("$ref")).rpartition("/")[2])
            if isinstance(base, dict) and "discriminator" in base:
                found.setdefault(part["$ref"], []).append(f"#/components/schemas/{escaped(name)}")
    return found


def _target(document: Json, reference: str, place: str) -> Any:
    if not reference.startswith("#/"):
        raise SpecError(
            f"{place} refers to {reference}, which is outside the document; "
            "run `redocly bundle` to include the target"
        )
    try:
        return look_up(document, reference)
    except KeyError:
        raise SpecError(
            f"{place} refers to {reference}, which does not exist in the document"
        ) from None


def add_own_paths(pulled: Json, current: Json, own: list[str]) -> Json:
    """Return a copy of the pulled document, with the paths listed in `own` added from the current one.

    Raises:
        SpecError: If a path in `own` is missing from the current document, or differs in the pulled
            one.
    """
    merged: Json = {**pulled, "paths": dict(pulled["paths"])}
    for path in own:
        if path not in current["paths"]:
            raise SpecError(f"{SECTIONS.name}: the path {path} under `own` is not in {SPEC.name}")
        own_part = {"paths": {path: current["paths"][path]}}
        own_part |= _referenced(current, own_part["paths"])
        for section, key, value in _entries(own_part):
            target = merged
            for step in section:
                target[step] = dict(target.get(step, {}))
                target = target[step]
            if target.setdefault(key, value) != value:
                raise SpecError(
                    f"{'.'.join(section)}.{key} differs between {SPEC.name} and the pulled document; "
                    "to use the pulled version, remove the path that needs it from `own` in "
                    f"{SECTIONS.name}"
                )
    return merged


def _entries(document: Json) -> Iterator[tuple[list[str], str, Any]]:
    for path, item in document["paths"].items():
        yield ["paths"], path, item
    for section, found in document.get("components", {}).items():
        for name, value in found.items():
            yield ["components", section], name, value


# --- order


def arrange(new: Any, old: Any) -> Any:
    """Return `new` with its entries ordered as in `old`, followed by the entries that `old` lacks.

    Lists whose order is significant are not reordered.
    """
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


# --- command


def pull(source: str, token: str | None) -> Json:
    """Return the new content of haut.yaml without writing the file.

    Raises:
        SpecError: If the document cannot be fetched or is unsuitable.
    """
    sections = Sections.read(SECTIONS)
    current = parse(SPEC.read_text("utf-8"), SPEC.name)
    pulled = select(parse(fetch(source, token), shown_source(source)), sections)
    arranged: Json = arrange(add_own_paths(pulled, current, sections.own), current)
    return arranged


def write(document: Json) -> bool:
    """Write a pulled document to haut.yaml, and the names of new operations and schemas to names.yaml.

    New names, and questions about schemas that cannot be identified, are printed for review. haut.yaml
    is replaced atomically.

    Returns:
        True if haut.yaml changed.
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
                print(f"{NAMES.relative_to(ROOT)}: {key} is named {shown}")
    for question in questions:
        print(f"to decide: {question}")
    if proposed != names:
        proposed.write(NAMES)
    pulled = SPEC.with_suffix(".pulled")
    pulled.write_text(_HEADER + dump(document), "utf-8")
    pulled.replace(SPEC)
    return True


def source_argument(description: str | None) -> str:
    """Parse the command-line arguments and return the path or URL of the OpenAPI document."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("source", help="path or URL of an OpenAPI 3.0 or 3.1 document")
    return str(parser.parse_args().source)


def main() -> None:
    source = source_argument(__doc__)
    command("spec-pull", lambda: _pull(source), when_failed=". No file was changed.")


def _pull(source: str) -> None:
    changed = write(pull(source, os.environ.get("HAUT_TOKEN")))
    print(f"{SPEC.relative_to(ROOT)} {'was replaced' if changed else 'is up to date'}")


if __name__ == "__main__":
    main()
