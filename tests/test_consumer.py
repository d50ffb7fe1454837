"""Tests that another SDK can build on the wheel, with the lowest and highest dependency versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import consumer

pytestmark = pytest.mark.release


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return consumer.build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.mark.parametrize("resolution", consumer.RESOLUTIONS)
def test_another_sdk_passes_its_tests_and_type_checks(
    resolution: str, wheel: Path, tmp_path: Path
) -> None:
    consumer.check_consumer(wheel, resolution, tmp_path)
