"""Tests of the deprecated aliases of renamed operations and models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import generate
from scripts.spec.aliases import renamed, write_aliases
from scripts.spec.document import Json
from scripts.spec.names import Names
from tests.spec.edits import COMPUTE, DOCUMENT, edited, without_labels

NAMES = Names(
    {f"POST {COMPUTE}": ["start_analysis", "Analyses"]}, {"Subject": "Person", "Image": "Image"}
)
ALIASES = {"images.compute_batch": "analyses.start_analysis", "Subject": "Person"}


def test_changed_names_of_operations_and_models_are_found() -> None:
    assert renamed(DOCUMENT, NAMES.applied(DOCUMENT)) == ALIASES
    assert renamed(DOCUMENT, edited()) == {}


USER = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from haut_api.api.images import compute_batch
    from haut_api.models import Person, Subject
from haut_api.api.analyses import start_analysis
assert compute_batch.sync is start_analysis.sync
assert compute_batch._get_kwargs is start_analysis._get_kwargs
assert Subject is Person
print(*sorted({str(warning.message) for warning in caught}), sep="\\n")
"""


@pytest.mark.slow
def test_an_alias_can_be_imported_until_a_version_removes_it(tmp_path: Path) -> None:
    document: Json = without_labels(NAMES.applied(DOCUMENT))
    del document["paths"]["/{bucket}/{object_name}"]
    package = tmp_path / "haut_api"
    generate.write_package(document, package)
    before = {path: path.read_text("utf-8") for path in package.rglob("*.py")}
    entries = {old: [new, "0.3.0"] for old, new in ALIASES.items()}
    write_aliases(package, entries, "0.3.0")
    assert {path: path.read_text("utf-8") for path in package.rglob("*.py")} == before
    write_aliases(package, entries, "0.2.9")
    (tmp_path / "user.py").write_text(USER, "utf-8")
    run = subprocess.run(
        [sys.executable, "user.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.stdout.splitlines() == [
        f"{old} is deprecated and will be removed in version 0.3.0; use {new}"
        for old, new in sorted(ALIASES.items())
    ], run.stderr
    mypy = [sys.executable, "-m", "mypy", "--strict", "user.py"]
    typed = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert typed.returncode == 0, typed.stdout
