"""Simulated refreshes from OpenAPI documents that frameworks write, and the workflows on these services.

They take minutes, so that only `make test-all` runs them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scripts.spec.document import ROOT
from tests.release.services import SERVICES
from tests.release.serving import serve_service
from tests.spec.project import Project, copy_project

MAX_LINES = 60
"""Lines of a page."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Copy the complete project. Its tests are the workflows on a simulated service."""
    copied = copy_project(tmp_path / "project")
    ignored = shutil.ignore_patterns("__pycache__", "cassettes")
    for name in (".github", "tests", "examples", "benchmarks", "docs"):
        shutil.copytree(ROOT / name, copied.root / name, ignore=ignored, dirs_exist_ok=True)
    shutil.copyfile(ROOT / "README.md", copied.root / "README.md")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    tests = 'pytest -n 4 -m "not release"'
    assert tests in makefile
    copied.write("Makefile", makefile.replace(tests, "pytest -q -n 0 tests/release/workflows.py"))
    return copied


@pytest.mark.release
@pytest.mark.parametrize("name", SERVICES)
def test_a_refresh_passes_all_checks_and_the_workflows_run_on_the_service(
    project: Project, name: str
) -> None:
    service = SERVICES[name]()
    project.write("swagger.json", json.dumps(service.document))
    with serve_service(service.application, service.store) as url:
        environment = f"SIMULATED_SERVICE={url}"
        done = project.run("env", environment, "make", "refresh", "SPEC=swagger.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "check: passed\ntests: passed\n" in done.stdout
    assert "Left to do" in done.stdout
    assert len(project.read("build/refresh.md").splitlines()) <= MAX_LINES
    assert any(path.startswith("changelog.d/+swagger-") for path in project.changed())
    # Without the transcribed operations that the service publishes too, haut_api stays the same.
    retired = project.run("make", "retire")
    assert retired.returncode == 0, retired.stderr
    generated = project.run("python", "-m", "scripts.generate", "--check")
    assert generated.returncode == 0, generated.stderr
