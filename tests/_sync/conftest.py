# Derived from tests/_async/conftest.py by `make sync`; change that file instead.
"""Fixtures for the tests of both clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from haut_ext import Haut
from haut_ext.sandbox import Sandbox


@pytest.fixture
def haut(sandbox: Sandbox) -> Iterator[Haut]:
    with Haut(**sandbox.credentials) as client:
        yield client
