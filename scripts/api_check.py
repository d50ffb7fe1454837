"""Check that only a version that permits it breaks the public Python API, as part of `make check`.

The public names of haut_ext and haut_api in the working tree are compared with those of the last
release, which is the last git tag of the form v1.2.3 before HEAD. A change that can break callers
requires a new major version, or a new minor version before 1.0.0 (docs/versioning.md). `make refresh`
sets NEXT_VERSION to the version that it proposes, which is checked instead of the current one.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import griffe

from scripts.spec import api_diff

ROOT = Path(__file__).resolve().parent.parent
# Modules with public names, and which of their names are public; None for all names in `__all__`.
PUBLIC = {"": None, "bulk": None, "spec_check": None, "sandbox": ["Sandbox"]}
_VERSION = Path("haut_ext") / "_version.py"


def breaking_changes(base: Path, revision: Path) -> list[str]:
    """Return the changes between two copies of the project that can break callers."""
    generated = api_diff.compare(base / "generated", revision / "generated")
    found = [f"{change.name}: {change.text}" for change in generated if change.breaking]
    for change in griffe.find_breaking_changes(_public(base), _public(revision)):
        values = [change.old_value, change.new_value]
        names = [str(getattr(value, "name", value)) for value in values if value is not None]
        found.append(f"{change.obj.path}: {change.kind.value} ({' -> '.join(names)})")
    return found


def _public(folder: Path) -> griffe.Module:
    """Return a module with the public names of haut_ext; griffe considers all modules as public."""
    loader = griffe.GriffeLoader(
        search_paths=[folder, folder / "generated"], allow_inspection=False
    )
    loader.load("haut_api", try_relative_path=False)
    package = loader.load("haut_ext", try_relative_path=False)
    loader.resolve_aliases()
    public = griffe.Module("haut_ext")
    for path, listed in PUBLIC.items():
        module = package[path] if path else package
        for name in listed or map(str, module.exports or ()):
            if name != "__version__" and not module[name].canonical_path.startswith("haut_api."):
                target = module[name].final_target if module[name].is_alias else module[name]
                full_name = f"{path}.{name}".strip(".")
                public.members[full_name] = griffe.Alias(full_name, target, parent=public)
    return public


def last_release() -> str | None:
    """Return the tag of the last release before HEAD, or None if nothing was released yet."""
    pattern = "v[0-9]*.[0-9]*.[0-9]*"
    done = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", f"--match={pattern}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


def extract(tag: str, folder: Path) -> None:
    """Write both packages of a release to a folder."""
    command = ["git", "archive", "--format=tar", tag, "haut_ext", "generated"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def permits_breaking_changes(old: str, new: str) -> bool:
    """Return whether the version `new` may break callers of the version `old`."""
    before, after = ([int(part) for part in text.split(".")] for text in (old, new))
    return after[:1] > before[:1] if before[0] else after[:2] > before[:2]


def _version(folder: Path) -> str:
    found = re.search(r'__version__ = "(\d+\.\d+\.\d+)', (folder / _VERSION).read_text("utf-8"))
    if found is None:
        sys.exit(f"{_VERSION} does not define __version__")
    return found[1]


def main() -> int:
    tag = last_release()
    if tag is None:
        print("api-check: no release is tagged yet, so there is no Python API to compare with")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        extract(tag, Path(folder))
        found = breaking_changes(Path(folder), ROOT)
        old, new = _version(Path(folder)), os.environ.get("NEXT_VERSION") or _version(ROOT)
    if found and not permits_breaking_changes(old, new):
        print("\n".join(found))
        print(
            f"api-check: {len(found)} changes since {tag} can break callers, which version {new} must "
            f"not. Keep the old names with a deprecation, or raise the version in {_VERSION}."
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
