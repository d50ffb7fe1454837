"""Fixtures for tests that change a copy of the project, and for tests that type-check packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spec.project import Project, copy_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project(tmp_path / "project")
