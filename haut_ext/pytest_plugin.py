"""Pytest plugin that provides sandbox fixtures to projects that use this package.

The sandbox is imported only when a test uses a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from haut_ext.sandbox import Sandbox


@pytest.fixture
def haut_sandbox() -> Iterator[Sandbox]:
    """A new sandbox for each test. Its generated ids and times are the same in every test run.

    Connect a client with `Haut(**haut_sandbox.credentials)`.
    """
    from haut_ext.sandbox import Sandbox

    with Sandbox(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def haut_env(haut_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A new sandbox to which `Haut()` connects, because the HAUT_* environment variables name it."""
    for name in ("HAUT_TOKEN_FILE", "HAUT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in haut_sandbox.credentials.items():
        monkeypatch.setenv(f"HAUT_{name.upper()}", str(value))
    return haut_sandbox
