"""The pytest plugin: the sandbox for other projects' tests; costs nothing where it is not used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from haut_ext.sandbox import Sandbox


@pytest.fixture
def haut_sandbox() -> Iterator[Sandbox]:
    """A fresh sandbox for each test, seeded, so that its ids and times never change.

    Use it as `Haut(**haut_sandbox.credentials)`.
    """
    from haut_ext.sandbox import Sandbox

    with Sandbox(seed=1) as sandbox:
        yield sandbox
