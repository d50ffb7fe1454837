"""The chain on other people's documents: pulled, generated, imported, type-checked. `make test-foreign`.

The documents come out of packages of PyPI and npm, at run time, and are never committed. Of each, two
sections are pulled. The generator may warn only of what `EXPLAINED` explains.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from scripts.generate import losses, write_package
from scripts.spec.document import ROOT, Json, SpecError, dump, operations, parse, resolve, walk
from scripts.spec.pull import Sections, arrange, select

BIN = ROOT / ".venv" / "bin"


@frozen
class Source:
    """A package of a registry, and which of its files are documents."""

    registry: str
    name: str
    version: str
    files: str  # a regular expression
    tags: tuple[str, ...] = ()  # the two largest, if none are given


SOURCES = [
    # GitHub's: OpenAPI 3.0, more than a thousand operations. Not its two largest sections: the
    # generator drops a component that may itself be null and has objects inside, and yet imports it.
    Source(
        "npm",
        "@octokit/openapi",
        "23.0.2",
        r"generated/api\.github\.com\.json",
        ("users", "gists"),
    ),
    # Figma's: OpenAPI 3.1.
    Source("npm", "@figma/rest-api-spec", "0.43.0", r"openapi/openapi\.yaml"),
    # What drf-spectacular must write for each of its own test projects: the service's framework.
    Source("pypi", "drf-spectacular", "0.30.0", r"tests/(contrib/)?test_\w+\.yml"),
]

# What the generator (0.29.1) may warn of, or write wrongly typed, and why that is no fault of the chain.
EXPLAINED = {
    r"Unsupported content.type": "it reads JSON, texts and bytes; a PDF is left out",
    r"duplicate models with name": "a title that two schemas have; an overlay would rename one",
    r"the same python_name": "GitHub's reactions `+1` and `-1` are both `_1`",
    r"Invalid property in union": "a member of the union was left out for one of these reasons",
    r"Could not find reference in parsed models": "what was left out is used elsewhere",
    r"can't combine enum of type <class 'int'>": "Figma's status of errors is both enum and number",
}
EXPLAINED_TYPES = {
    r"models/geometry\.py": "its own variable for the model has the name of the field `geometry`",
}


def fetch(source: Source, folder: Path) -> Path:
    """Fetch a package with its registry's own client; return its archive."""
    wanted = f"{source.name}=={source.version}"
    commands = {
        "npm": ["npm", "pack", "--silent", f"{source.name}@{source.version}"],
        "pypi": [
            "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--no-binary", source.name, wanted,
        ],
    }  # fmt: skip
    run(commands[source.registry], folder)
    [archive] = folder.iterdir()
    return archive


def run(command: list[str], folder: Path, *, fail: bool = True, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if fail and done.returncode:
        raise SpecError(f"{command[0]} fails:\n{done.stdout[-6000:]}")
    return done.stdout


def documents(source: Source, archive: Path) -> Iterator[tuple[str, str]]:
    """Yield name and text of each document in a package."""
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, path = member.name.partition("/")
            content = tar.extractfile(member) if re.fullmatch(source.files, path) else None
            if content is not None:
                yield f"{source.name} {path}", content.read().decode()


def two_sections(document: Json, tags: tuple[str, ...]) -> Sections:
    """The sections to pull: by tag where the document has tags and by path where not."""
    if tags:
        return Sections(tags=list(tags))
    largest = Counter(
        tag for found in operations(document) for tag in found.definition.get("tags", [])[:1]
    )
    if largest:
        return Sections(tags=[tag for tag, _ in largest.most_common(2)])
    return Sections(paths=[found.path for found in operations(document)][:2])


def corrected(document: Json) -> Json:
    """The document as our overlay would correct it (docs/when-the-swagger-changes.md).

    Of a body in several forms the generator writes a module that cannot be imported, of a body that
    is a union and may be left out one that does not type-check, and of two schemas with one title one.
    """
    changed = copy.deepcopy(document)
    for place, node in walk(changed):
        if "/schemas/" in place or "/schema" in place:
            node.pop("title", None)
        body = node.get("requestBody", {})
        if "application/json" in body.get("content", {}):
            content = body["content"]["application/json"]
            body["content"] = {"application/json": content}
            if "oneOf" in resolve(changed, content.get("schema", {})):
                body["required"] = True
    return changed


def try_document(name: str, text: str, tags: tuple[str, ...], folder: Path) -> str:
    """Pull two sections, generate, import and type-check; return what there is to say of it.

    Raises:
        SpecError: If one of these fails.
    """
    document = parse(text, name)
    sections = two_sections(document, tags)
    pulled = select(document, sections)
    again = select(parse(dump(pulled), name), sections)
    if dump(arrange(again, pulled)) != dump(pulled):
        raise SpecError("a second pull differs from the first")
    warnings = generate(corrected(pulled), folder / "haut_api")
    count = len(list(operations(pulled)))
    modules = [
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in (folder / "haut_api").rglob("*.py")
    ]
    imports = f"import importlib; [importlib.import_module(m) for m in {sorted(modules)!r}]"
    run([sys.executable, "-W", "error", "-c", imports], folder, PYTHONPATH=str(folder))
    # One cache for what every client uses, without what the last one was.
    cache = folder.parent / "mypy"
    for known in cache.glob("*/haut_api"):
        shutil.rmtree(known)
    options = ["--strict", "--no-error-summary", "--no-sqlite-cache", f"--cache-dir={cache}"]
    types = run(["mypy", *options, "haut_api"], folder, fail=False)
    unexplained = [
        line
        for line in types.splitlines()
        if not any(re.search(pattern, line) for pattern in EXPLAINED_TYPES)
    ]
    if unexplained:
        raise SpecError("mypy fails:\n" + "\n".join(unexplained[:50]))
    warnings += len(types.splitlines())
    total = len(list(operations(document)))
    return f"{count} of {total} operations, {len(modules)} modules, {warnings} warnings explained"


def generate(document: Json, target: Path) -> int:
    """Generate a document's package and compare it with the document; return how many losses there are.

    Raises:
        SpecError: If the document is refused.
    """
    found = losses(document, write_package(document, target), target.parent)
    print("\n".join(f"  {loss}" for loss in found))
    return len(found)


def main() -> None:
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        for number, source in enumerate(SOURCES):
            folder = Path(work) / f"package-{number}"
            folder.mkdir()
            archive = fetch(source, folder)
            for index, (name, text) in enumerate(documents(source, archive)):
                if not list(operations(parse(text, name))):
                    continue  # webhooks only
                place = Path(work) / f"client-{number}-{index}"
                place.mkdir()
                try:
                    print(f"{name}: {try_document(name, text, source.tags, place)}", flush=True)
                except SpecError as error:
                    failed += 1
                    print(f"{name}: FAILED\n{error}", flush=True)
    print(f"{failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
