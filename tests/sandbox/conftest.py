"""A running sandbox and a caller of it, fresh for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.caller import Caller


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7) as running:
        yield running


@pytest.fixture
def caller(sandbox: Sandbox) -> Iterator[Caller]:
    calling = Caller(sandbox)
    yield calling
    calling.close()
