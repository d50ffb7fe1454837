"""Test the generator with the OpenAPI documents of other services.

The documents are downloaded from PyPI, npm and GitHub at run time and are not committed. A package is
generated from each document, compared with the document by scripts/spec/completeness.py, and
type-checked by mypy. The results are written to docs/external-specs.md.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import yaml
from attrs import field, frozen

from scripts.generate import check_completeness, write_package
from scripts.spec.document import ROOT, Json, SpecError, command, operations, parse
from scripts.spec.markdown import table
from scripts.spec.pull import Sections, select

BIN = ROOT / ".venv" / "bin"
SOURCES = ROOT / "openapi" / "external-specs.yaml"
PAGE = ROOT / "docs" / "external-specs.md"
_HEAD = """\
# OpenAPI documents of other services

To check that the generator's pipeline works with more than the document of Haut.AI, run it on public
OpenAPI documents:

```sh
make test-foreign
```

For each document in this table, the command generates a package, calls every operation with a sample of
each argument, reads every documented response, and compares the results with the document. "Losses" is
the number of differences. mypy then checks the package. Sections with operations that the generator
rejects, such as those of another server or with an array in the path, are left out. The command needs
network access and npm, and rewrites this page. To use copies of the documents on GitHub that are already
in a folder, run
`.venv/bin/python -m scripts.spec.external_specs --downloads FOLDER`.

"""


@frozen
class Source:
    """An entry of openapi/external-specs.yaml, which describes the fields."""

    registry: str
    name: str
    version: str
    files: str
    tags: list[str] = field(factory=list)
    rejected: list[str] = field(factory=list)


def fetch(source: Source, folder: Path) -> Path:
    """Download the files of a package or the document of a repository; return their folder."""
    if source.registry == "github":
        root = folder / source.name / source.version
        target = root / source.files
        if not target.exists():
            url = f"https://raw.githubusercontent.com/{source.name}/{source.version}/{source.files}"
            try:
                response = httpx.get(url, timeout=60, follow_redirects=True).raise_for_status()
            except httpx.HTTPError as error:
                raise SpecError(
                    f"{url} cannot be fetched ({type(error).__name__}). If you have a copy, pass the "
                    f"folder that contains {target.relative_to(folder)} as --downloads"
                ) from None
            target.parent.mkdir(parents=True)
            target.write_bytes(response.content)
        return root
    if source.registry == "npm":
        download = ["npm", "pack", "--silent", f"{source.name}@{source.version}"]
    else:
        form = "--no-binary" if source.registry == "sdist" else "--only-binary"
        download = ["pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        download += [form, source.name, f"{source.name}=={source.version}"]
    run(download, folder)
    [archive] = folder.iterdir()
    content = folder / "content"
    shutil.unpack_archive(archive, content, "zip" if archive.suffix == ".whl" else "gztar")
    return content if archive.suffix == ".whl" else next(content.iterdir())


def run(arguments: list[str], folder: Path, *, fail: bool = True) -> str:
    done = subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if fail and done.returncode:
        raise SpecError(f"{arguments[0]} failed:\n{done.stdout[-6000:]}")
    return done.stdout


def documents(source: Source, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each OpenAPI document of a source in a folder."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if re.fullmatch(source.files, name):
            yield f"{source.name} {name}", path.read_text("utf-8")


def row(name: str, document: Json, source: Source, folder: Path) -> tuple[list[str], bool]:
    """Generate a package from a document and check it; return its table row, and True if it passed."""
    found = list(operations(document))
    known = Counter(tag for operation in found for tag in operation.definition.get("tags", [])[:1])
    wanted = [tag for tag in source.tags or known if tag not in source.rejected]
    selected = source.tags or source.rejected
    sections = Sections(tags=wanted) if selected else Sections(paths=["/"])
    version = str(document["openapi"])
    try:
        pulled = select(document, sections)
        missing = check_completeness(pulled, write_package(pulled, folder / "haut_api"), folder)
    except SpecError as error:
        return [name, version, f"rejected: {error}", "", ""], False
    cache = folder.parent / "mypy"
    types = run(["mypy", "--strict", f"--cache-dir={cache}", "haut_api"], folder, fail=False)
    clean = "Success" in types
    for problem in [*missing, *([] if clean else types.splitlines())]:
        print(f"  {problem}", flush=True)
    count = f"{len(list(operations(pulled)))} of {len(found)}"
    cells = [name, version, count, str(len(missing)), "passes" if clean else "fails"]
    return cells, not missing and clean


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--downloads", type=Path, help="folder with documents from GitHub")
    downloads = parser.parse_args().downloads
    command("test-foreign", lambda: _test(downloads))


def _test(downloads: Path | None) -> None:
    sources = [Source(**entry) for entry in yaml.safe_load(SOURCES.read_text("utf-8"))]
    rows, failed = [], 0
    with tempfile.TemporaryDirectory() as work:
        for number, source in enumerate(sources):
            folder = Path(work) / f"package-{number}"
            folder.mkdir()
            if source.registry == "github" and downloads:
                folder = downloads
            for index, (name, text) in enumerate(documents(source, fetch(source, folder))):
                document = parse(text, name)
                if not list(operations(document)):
                    continue  # The document defines only webhooks and no paths.
                target = Path(work) / f"client-{number}-{index}"
                target.mkdir()
                cells, passed = row(name, document, source, target)
                print(" | ".join(cells), flush=True)
                rows.append(cells)
                failed += not passed
    head = ("Document", "OpenAPI", "Operations", "Losses", "mypy --strict")
    PAGE.write_text(_HEAD + "\n".join(table(head, rows)) + "\n", "utf-8")
    print(f"{failed} of {len(rows)} documents failed; see {PAGE.relative_to(ROOT)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
