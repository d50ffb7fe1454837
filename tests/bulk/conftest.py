"""Fixtures for bulk runs: a client, a small photo, and a sandbox that analyzes photos at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haut_ext.sandbox import Sandbox
from tests.photo_files import jpeg

PHOTO = jpeg((256, 256), quality=10)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(analysis_reads=1) as sandbox:
        yield sandbox


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)
    return path
