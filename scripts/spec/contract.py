"""The contract: openapi/haut.yaml with the names of openapi/names.yaml, and operations that it lacks.

Before `make spec-pull` runs for the first time, haut.yaml is a transcription of public documents. The
first pull moves the transcription to openapi/transcribed.yaml. From then on, haut.yaml contains what the
service publishes, and transcribed.yaml supplies the operations that the service's document lacks. The
sandbox follows the transcription, until `make retire` removes from it what haut.yaml contains.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

from haut_ext.spec_check.comparison import path_shape
from scripts.spec.document import (
    METHODS,
    ROOT,
    SPEC,
    Json,
    Operation,
    SpecError,
    escaped,
    look_up,
    operations,
    parse,
    pointer,
    references,
    to_openapi_31,
    without,
)
from scripts.spec.names import NAMES, Names
from scripts.spec.prepare import discriminators

TRANSCRIPTION = ROOT / "openapi" / "transcribed.yaml"
TRANSCRIPTION_HEADER = """\
# Operations transcribed from public documents. haut_api has those that haut.yaml lacks. The sandbox
# follows this file. Written by `make spec-pull`; `make retire` removes what haut.yaml contains.
"""


def contract(revision: str | None = None) -> Json:
    """Return the contract in the working tree, or at a git revision, without the overlay applied.

    Raises:
        SpecError: If the revision does not exist, or a file cannot be read.
    """
    return complete(published(revision), transcription(revision))


def published(revision: str | None = None) -> Json:
    """Return haut.yaml with the names of names.yaml; see `contract`."""
    names = Names.parse(_read("names.yaml", revision) or "", NAMES.name)
    place = f" at {revision}" if revision else ""
    return names.applied(parse(_read("haut.yaml", revision) or "", f"{SPEC.name}{place}"))


def transcription(revision: str | None = None) -> Json | None:
    """Return transcribed.yaml in the working tree, or at a git revision; None if it does not exist."""
    text = _read(TRANSCRIPTION.name, revision)
    return None if text is None else parse(text, TRANSCRIPTION.name)


def sandbox_contract() -> Json:
    """Return the document that the sandbox follows: the transcription, if there is one."""
    transcribed = transcription()
    return contract() if transcribed is None else complete(transcribed, contract())


def _read(name: str, revision: str | None) -> str | None:
    if revision is None:
        path = SPEC.with_name(name)
        return path.read_text("utf-8") if path.exists() else None
    git("rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}")
    found = git("ls-tree", "--name-only", revision, f"openapi/{name}")
    return git("show", f"{revision}:openapi/{name}").decode() if found else None


def git(*arguments: str) -> bytes:
    """Run git and return its output.

    Raises:
        SpecError: If git fails, for example because a revision does not exist.
    """
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        message = done.stderr.decode().strip() or f"{arguments[-1]} does not exist"
        raise SpecError(f"git: {message}")
    return done.stdout


def lacking(document: Json, other: Json) -> list[Operation]:
    """Return the operations of another document that a document lacks."""
    present = {path_shape(operation.key) for operation in operations(document)}
    return [found for found in operations(other) if path_shape(found.key) not in present]


def complete(document: Json, other: Json | None) -> Json:
    """Return a document with the operations of another document that it lacks, and their components.

    If both documents define a schema, the schema of the first one is used for all operations.

    Raises:
        SpecError: If both define another component, such as a parameter, differently.
    """
    if other is None or not lacking(document, other):
        return document
    if document["openapi"][:3] != other["openapi"][:3]:
        document, other = to_openapi_31(document), to_openapi_31(other)
    added = only(other, lacking(document, other))
    merged: Json = {**document, "paths": {**document["paths"]}}
    for path, item in added["paths"].items():
        merged["paths"][path] = {**merged["paths"].get(path, {}), **item}
    components = merged["components"] = {**document.get("components", {})}
    for section, found in added.get("components", {}).items():
        known = components.setdefault(section, {})
        if section != "schemas" and (
            differing := [name for name in found if known.get(name, found[name]) != found[name]]
        ):
            raise SpecError(
                f"components.{section}.{differing[0]} differs between {SPEC.name} and "
                f"{TRANSCRIPTION.name}; rename it in {TRANSCRIPTION.name}"
            )
        components[section] = {**found, **known}
    tags = document.get("tags", [])
    known_tags = {tag["name"] for tag in tags}
    tags = [*tags, *(tag for tag in added.get("tags", []) if tag["name"] not in known_tags)]
    return merged | ({"tags": tags} if tags else {})


def only(document: Json, kept: list[Operation]) -> Json:
    """Return a document reduced to some of its operations and the components that they refer to."""
    paths: Json = {}
    for operation in kept:
        definition = {"security": document.get("security", []), **operation.definition}
        if not definition["parameters"]:
            definition = without(definition, "parameters")
        paths.setdefault(operation.path, {})[operation.method] = definition
    return reduced(document, paths)


def reduced(document: Json, paths: Json) -> Json:
    """Return a document with other paths, and with the tags and components that these use."""
    tags = {tag for found in definitions(paths) for tag in found.get("tags", [])}
    kept = {**without(document, "components"), "paths": paths, **referenced(document, paths)}
    if "tags" in document:
        kept["tags"] = [tag for tag in document["tags"] if tag.get("name") in tags]
    return kept


def definitions(paths: Json) -> Iterator[Json]:
    """Yield the definitions of the operations of a path table."""
    for item in paths.values():
        yield from (item[method] for method in METHODS if method in item)


def referenced(document: Json, paths: Json) -> Json:
    """Return the components referenced, directly or indirectly, by paths, as `{"components": ...}`."""
    names: set[tuple[str, str]] = set()
    todo: list[tuple[str, Any, bool]] = [("#/paths", paths, True)]
    inherited: list[Json] = document.get("security", [])
    requirements: list[Json] = [
        option for found in definitions(paths) for option in found.get("security", inherited)
    ]
    for scheme in {scheme for option in requirements for scheme in option}:
        reference = f"#/components/securitySchemes/{scheme}"
        names.add(("securitySchemes", scheme))
        todo.append((reference, target_of(document, reference, "#/paths"), False))
    _, subclasses = discriminators(document, document.get("components", {}).get("schemas", {}))
    while todo:
        start, node, table = todo.pop()
        # A base schema does not refer to its subclasses, so follow them as if it did.
        children = subclasses.pop(start.removeprefix("#/components/schemas/"), [])
        found = [(start, f"#/components/schemas/{escaped(name)}") for name in children]
        for place, reference in [*references(node, start, names=table), *found]:
            target_of(document, reference, place)
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


def target_of(document: Json, reference: str, place: str) -> Any:
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
