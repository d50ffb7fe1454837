"""Fixtures for the tests of both clients."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from haut_ext import AsyncHaut
from haut_ext.sandbox import Sandbox


@pytest.fixture
async def haut(sandbox: Sandbox) -> AsyncIterator[AsyncHaut]:
    async with AsyncHaut(**sandbox.credentials) as client:
        yield client
