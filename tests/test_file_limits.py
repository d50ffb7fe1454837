"""Files at the limits of docs/limits.md are read, and larger ones are refused."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from haut_ext import ConfigError, private_files
from haut_ext.environment import TokenFile

KIB = 1024
MIB = 1024 * 1024


def raises(error: type[Exception], text: str, *, refused: bool) -> AbstractContextManager[Any]:
    return pytest.raises(error, match=text) if refused else nullcontext()


@pytest.mark.parametrize("excess", [0, 1])
def test_size_of_a_token_file_is_limited(tmp_path: Path, excess: int) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text("a" * (64 * KIB + excess))
    with raises(ConfigError, "too large for a token", refused=excess > 0):
        assert len(TokenFile(str(path))()) == 64 * KIB


@pytest.mark.parametrize("excess", [0, 1])
def test_size_of_a_receipt_or_state_is_limited(tmp_path: Path, excess: int) -> None:
    path = tmp_path / "receipt.json"
    with path.open("wb") as file:
        file.truncate(64 * MIB + excess)
    with raises(ValueError, "larger than 64 MiB", refused=excess > 0):
        assert len(private_files.read(path)) == 64 * MIB
