"""Packages of other people's documents, compared with their documents: `python -m scripts.spec.foreign`.

The documents come out of packages of PyPI and npm at run time and are never committed. Every operation
of the named sections is called once with a sample of everything (scripts/spec/completeness.py), and mypy
checks the package. The result is the table in docs/foreign-documents.md.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from scripts.generate import losses, write_package
from scripts.spec.document import ROOT, Json, SpecError, operations, parse
from scripts.spec.pull import Sections, select

BIN = ROOT / ".venv" / "bin"
PAGE = ROOT / "docs" / "foreign-documents.md"
_HEAD = """\
# Documents of other services

`python -m scripts.spec.foreign` generates a package from each of these documents, calls every
operation with a sample of every argument, gives it every documented response, and compares both with
the document. It writes this table.

| Document | OpenAPI | Operations | Losses | mypy --strict |
|---|---|---|---|---|
"""


@frozen
class Source:
    """A package of a registry, and which of its files are documents."""

    registry: str
    name: str
    version: str
    files: str  # a regular expression
    tags: tuple[str, ...] = ()  # all, if none are given


AIRFLOW = r"airflow/api_fastapi/(core_api|auth/managers/simple)/openapi/[\w-]+\.yaml"
SOURCES = [
    # By hand, with tools: JSON, OpenAPI 3.0 (GitHub), and YAML, OpenAPI 3.1 (Figma).
    Source(
        "npm", "@octokit/openapi", "23.0.2", r"generated/api\.github\.com\.json", ("users", "gists")
    ),
    Source("npm", "@octokit/openapi", "23.0.2", r"generated/ghec\.json", ("issues", "pulls")),
    Source(
        "npm", "@octokit/openapi", "23.0.2", r"generated/ghes-3\.19\.json", ("actions", "checks")
    ),
    Source("npm", "@figma/rest-api-spec", "0.43.0", r"openapi/openapi\.yaml"),
    # FastAPI.
    Source("wheel", "apache-airflow-core", "3.3.2", AIRFLOW),
    # What drf-spectacular must write for its own test projects, 3.0 and 3.1: the service's framework.
    # One of them refers to a schema that it lacks.
    Source(
        "sdist", "drf-spectacular", "0.30.0", r"tests/(contrib/)?test_(?!extend_schema\.)\w+\.yml"
    ),
]


def fetch(source: Source, folder: Path) -> Path:
    """Fetch a package with its registry's own client; return its archive."""
    pip = ["pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    form = "--no-binary" if source.registry == "sdist" else "--only-binary"
    commands = {
        "npm": ["npm", "pack", "--silent", f"{source.name}@{source.version}"],
        "pip": [*pip, form, source.name, f"{source.name}=={source.version}"],
    }
    run(commands["npm" if source.registry == "npm" else "pip"], folder)
    [archive] = folder.iterdir()
    return archive


def run(command: list[str], folder: Path, *, fail: bool = True) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
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
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for path in wheel.namelist():
                if re.fullmatch(source.files, path):
                    yield f"{source.name} {path}", wheel.read(path).decode()
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, path = member.name.partition("/")
            content = tar.extractfile(member) if re.fullmatch(source.files, path) else None
            if content is not None:
                yield f"{source.name} {path}", content.read().decode()


def row(name: str, document: Json, tags: tuple[str, ...], folder: Path) -> tuple[str, bool]:
    """Generate and compare one document; return its row of the table, and whether all is well."""
    found = list(operations(document))
    known = Counter(tag for operation in found for tag in operation.definition.get("tags", [])[:1])
    wanted = list(tags or known)
    sections = Sections(tags=wanted) if wanted else Sections(paths=[one.path for one in found])
    head = f"| {name} | {document['openapi']} |"
    try:
        pulled = select(document, sections)
        missing = losses(pulled, write_package(pulled, folder / "haut_api"), folder)
    except SpecError as error:
        return f"{head} | refused: {error} | |", False
    cache = folder.parent / "mypy"
    types = run(["mypy", "--strict", f"--cache-dir={cache}", "haut_api"], folder, fail=False)
    clean = "Success" in types
    for problem in [*missing, *([] if clean else types.splitlines())]:
        print(f"  {problem}", flush=True)
    count = len(list(operations(pulled)))
    return (
        f"{head} {count} of {len(found)} | {len(missing)} | {'passes' if clean else 'fails'} |",
        not missing and clean,
    )


def main() -> None:
    rows, failed = [], 0
    with tempfile.TemporaryDirectory() as work:
        for number, source in enumerate(SOURCES):
            folder = Path(work) / f"package-{number}"
            folder.mkdir()
            for index, (name, text) in enumerate(documents(source, fetch(source, folder))):
                document = parse(text, name)
                if not list(operations(document)):
                    continue  # webhooks only
                place = Path(work) / f"client-{number}-{index}"
                place.mkdir()
                line, good = row(name, document, source.tags, place)
                print(line, flush=True)
                rows.append(line)
                failed += not good
    PAGE.write_text(_HEAD + "\n".join(rows) + "\n", "utf-8")
    print(f"{failed} of {len(rows)} failed; see {PAGE.relative_to(ROOT)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
