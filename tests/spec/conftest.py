"""Fixtures for tests that change a copy of the project or type-check generated packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spec.project import Project, copy_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache of mypy for the packages that every generated client imports."""
    return tmp_path_factory.mktemp("mypy")
