"""Update openapi/haut.yaml with selected sections of the service's Swagger (`make spec-pull`).

The new haut.yaml contains the operations that openapi/sections.yaml selects, and the components that
these operations refer to. Their content is not edited; corrections belong in openapi/overlay.yaml.
The first pull moves the transcription of public documents to openapi/transcribed.yaml (see `contract`).
Existing entries keep the order that they have in the committed haut.yaml, and new entries are appended.
Therefore a reordered but otherwise unchanged Swagger causes no diff, and the generated functions keep
the order of their positional arguments. If a pull fails, no file is changed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml
from attrs import frozen

from haut_ext import ConfigError
from haut_ext.spec_check import comparison
from haut_ext.spec_check.parsing import MAX_BYTES
from haut_ext.urls import PRODUCTION, parse_base_url
from scripts.generate import OVERLAY, load_contract
from scripts.spec.contract import (
    TRANSCRIPTION,
    TRANSCRIPTION_HEADER,
    complete,
    contract,
    definitions,
    lacking,
    only,
    published,
    reduced,
    target_of,
    transcription,
)
from scripts.spec.document import (
    METHODS,
    ROOT,
    SPEC,
    Json,
    Operation,
    SpecError,
    command,
    dump,
    operations,
    parse,
)
from scripts.spec.evidence import with_confirmed_labels
from scripts.spec.names import NAMES, Names, propose

SECTIONS = ROOT / "openapi" / "sections.yaml"

_HEADER = """\
# The sections of the service's OpenAPI document that sections.yaml selects, written by `make spec-pull`.
# Do not edit; corrections belong in overlay.yaml.
"""
_TOP = ("openapi", "info", "jsonSchemaDialect", "externalDocs", "servers", "security", "tags")
_TIMEOUT = 30.0  # seconds
_MAX_SECONDS = 300.0


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
            with Path(source).open("rb") as file:
                return _text(file.read(MAX_BYTES + 1), source)
        except (OSError, UnicodeError) as error:
            raise SpecError(f"{source} cannot be read: {error}") from None
    shown = shown_source(source)
    headers = {"Accept": "application/json, application/yaml;q=0.9, */*;q=0.1"}
    headers["Accept-Encoding"] = "identity"  # so that the size of the document is known
    if token:
        # If a redirect changes the origin, httpx drops the Authorization header.
        headers["Authorization"] = f"Bearer {token}"
    # Plain http uses no proxy of the environment: the proxy could read the token.
    direct = {"http://": httpx.HTTPTransport()}
    hooks = {"request": [_check_scheme]}
    try:
        with (
            httpx.Client(timeout=_TIMEOUT, event_hooks=hooks, mounts=direct) as client,
            client.stream("GET", source, headers=headers, follow_redirects=True) as response,
        ):
            status, content = response.status_code, _read(response, shown)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SpecError(f"{shown} cannot be reached: {type(error).__name__}") from None
    if status in (401, 403):
        needed = "a token is required: set HAUT_TOKEN, and HAUT_BASE_URL to the document's origin"
        reason = "HAUT_TOKEN was rejected" if token else needed
        raise SpecError(f"{shown} returned status {status}: {reason}")
    if status != httpx.codes.OK:
        raise SpecError(f"{shown} returned status {status}")
    try:
        return _text(content, shown)
    except UnicodeError:
        raise SpecError(f"{shown} is not text in UTF-8") from None


def token_for(source: str) -> str | None:
    """Return HAUT_TOKEN if a document is at the origin of the service, otherwise None."""
    if "://" not in source:
        return None
    service = parse_base_url(os.environ.get("HAUT_BASE_URL") or PRODUCTION)
    try:
        url, own = httpx.URL(source), httpx.URL(service)
    except httpx.InvalidURL:
        return None
    same = (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)
    return os.environ.get("HAUT_TOKEN") if same else None


def _read(response: httpx.Response, shown: str) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise SpecError(f"{shown} is compressed, although this was not requested")
    content = bytearray()
    end = time.monotonic() + _MAX_SECONDS
    for chunk in response.iter_raw():
        content += chunk
        if len(content) > MAX_BYTES:
            break
        if time.monotonic() > end:
            raise SpecError(f"{shown} was not received within {_MAX_SECONDS:.0f} s")
    return bytes(content)


def _text(content: bytes, shown: str) -> str:
    if len(content) > MAX_BYTES:
        raise SpecError(f"{shown} is larger than {MAX_BYTES >> 20} MiB")
    return content.decode()


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


def select(
    document: Json,
    sections: Sections,
    names: Names | None = None,
    transcribed: Json | None = None,
) -> Json:
    """Return a document reduced to the selected operations and the components that they refer to.

    Args:
        document: The service's document.
        sections: The selection.
        names: Names of known operations, which are also selected by their own section and path.
        transcribed: A transcription. A section that it contains may be missing from the document.

    Raises:
        SpecError: If a selected section does not exist, or if the target of a reference does not
            exist.
    """
    paths = _selected_paths(document, sections, names or Names(), transcribed)
    kept = reduced(document, paths)
    if all("security" in found for found in definitions(paths)):
        kept.pop("security", None)  # no operation inherits it
    return {key: kept[key] for key in (*_TOP, "paths", "components") if key in kept}


def _selected_paths(
    document: Json, sections: Sections, names: Names, transcribed: Json | None
) -> Json:
    selectors = list(sections.selectors())
    if not selectors:
        raise SpecError(f"{SECTIONS.name} selects no section")
    missing = set(selectors)
    paths: Json = {}
    for path, item in document["paths"].items():
        if isinstance(item.get("$ref"), str):
            item = {**target_of(document, item["$ref"], path), **item}
            del item["$ref"]
        kept = {}
        for key, value in item.items():
            if key not in METHODS:
                kept[key] = value
                continue
            operation = Operation(path, key, value)
            matching = {found for found in selectors if _matches(*found, operation, names)}
            missing -= matching
            if matching:
                kept[key] = value
        if kept.keys() & set(METHODS):
            paths[path] = kept
    if transcribed is not None and paths:
        known = list(operations(transcribed))
        missing = {
            found for found in missing if not any(_matches(*found, one, names) for one in known)
        }
    if missing:
        shown = ", ".join(f"{kind} {value}" for kind, value in sorted(missing))
        tags = {tag for found in definitions(document["paths"]) for tag in found.get("tags", [])}
        raise SpecError(
            f"{SECTIONS.name} selects {shown}, but the document does not contain this. The document's "
            f"tags are: {', '.join(sorted(tags)) or 'none'}"
        )
    return paths


def _matches(kind: str, value: str, operation: Operation, names: Names) -> bool:
    definition = operation.definition
    key = names.key(operation)
    if kind == "tag" and key and names.operations[key][1].casefold() == value.casefold():
        return True
    path, value = (
        (comparison.path_shape(operation.path), comparison.path_shape(value))
        if kind == "path"
        else ("", value)
    )
    return comparison.matches(kind, value, path, definition)


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


@frozen
class Pulled:
    """A downloaded document, and what follows from it for the other files of openapi/.

    Attributes:
        document: The new content of haut.yaml.
        names: The new content of names.yaml.
        transcription: The new content of transcribed.yaml.
        notes: New names, and questions, for review.
    """

    document: Json
    names: Names
    transcription: Json
    notes: list[str]

    def contract(self) -> Json:
        """Return the new contract, without the overlay applied."""
        return complete(self.names.applied(self.document), self.transcription)


def pull(source: str, token: str | None) -> Pulled:
    """Download a document and compare it with the current contract. No file is written.

    Raises:
        SpecError: If the document cannot be fetched or is unsuitable.
    """
    sections, names = Sections.read(SECTIONS), Names.read(NAMES)
    current = parse(SPEC.read_text("utf-8"), SPEC.name)
    transcribed = transcription()
    swagger = parse(fetch(source, token), shown_source(source))
    selected = select(swagger, sections, names, transcribed or current)
    document: Json = arrange(selected, current)
    if transcribed is None:
        transcribed = current
    else:
        # Do not replace operations that the service has removed.
        removed = {comparison.path_shape(operation.key) for operation in lacking(document, current)}
        kept = [
            one for one in operations(transcribed) if comparison.path_shape(one.key) not in removed
        ]
        transcribed = only(transcribed, kept) if removed else transcribed
    proposed, questions = propose(contract(), document, names)
    notes = [f"to decide: {question}" for question in [*_other_tags(document, names), *questions]]
    for kind in ("operations", "schemas"):
        for key, value in getattr(proposed, kind).items():
            if key not in getattr(names, kind):
                shown = " in ".join(value) if isinstance(value, list) else value
                notes.append(f"{NAMES.relative_to(ROOT)}: {key} is named {shown}")
    confirmed = with_confirmed_labels(transcribed, proposed.applied(document))
    return Pulled(document, proposed, confirmed, notes)


def _other_tags(document: Json, names: Names) -> Iterator[str]:
    """Yield a question for each section of known operations whose tag has another name."""
    tags: dict[str, set[str]] = {}
    for operation in operations(document):
        if key := names.key(operation):
            tags.setdefault(names.operations[key][1], set()).update(
                operation.definition.get("tags", [])
            )
    selected = {tag.casefold() for tag in Sections.read(SECTIONS).tags}
    for section, found in tags.items():
        if section.casefold() in selected and not {tag.casefold() for tag in found} & selected:
            yield (
                f"the operations of the section {section} have the tag {' or '.join(sorted(found))}: "
                f"to select new operations with this tag, add it to {SECTIONS.name}"
            )


def write(pulled: Pulled) -> bool:
    """Write the changed files of openapi/ and print the notes. Each file is replaced atomically.

    Returns:
        True if haut.yaml changed.
    """
    changed = pulled.document != parse(SPEC.read_text("utf-8"), SPEC.name)
    if not changed:
        return False
    for note in pulled.notes:
        print(note)
    if pulled.names != Names.read(NAMES):
        pulled.names.write(NAMES)
    if pulled.transcription != transcription():
        _replace(TRANSCRIPTION, TRANSCRIPTION_HEADER + dump(pulled.transcription))
    _replace(SPEC, _HEADER + dump(pulled.document))
    return True


def retire() -> int:
    """Remove from transcribed.yaml what haut.yaml contains; return the number of removed operations."""
    transcribed = transcription()
    if transcribed is None:
        raise SpecError(f"{SPEC.name} is still the transcription; run `make spec-pull` first")
    kept = lacking(published(), transcribed)
    _replace(TRANSCRIPTION, TRANSCRIPTION_HEADER + dump(only(transcribed, kept)))
    return len(list(operations(transcribed))) - len(kept)


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".pulled")
    new.write_text(text, "utf-8")
    new.replace(path)


def source_argument(description: str | None) -> str:
    """Parse the command-line arguments and return the path or URL of the OpenAPI document."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("source", help="path or URL of an OpenAPI 3.0 or 3.1 document")
    return str(parser.parse_args().source)


def main() -> None:
    source = source_argument(__doc__)
    command("spec-pull", lambda: _pull(source), when_failed=". No file was changed.")


def _pull(source: str) -> None:
    pulled = pull(source, token_for(source))
    load_contract(OVERLAY, pulled.contract())  # raises SpecError if the document is invalid
    changed = write(pulled)
    print(f"{SPEC.relative_to(ROOT)} {'was replaced' if changed else 'is up to date'}")


if __name__ == "__main__":
    main()
