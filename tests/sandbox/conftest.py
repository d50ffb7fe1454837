"""Fixtures that give each test a new sandbox and a client for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.http_client import SandboxClient


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[SandboxClient]:
    client = SandboxClient(sandbox)
    yield client
    client.close()
