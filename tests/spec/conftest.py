"""A copy of the project for each test that changes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spec.project import Project, copy_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project(tmp_path / "project")
