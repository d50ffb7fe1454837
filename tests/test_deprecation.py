"""Tests that deprecation warnings report the caller's line, and that type checkers report them too."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haut_ext.deprecation import deprecated, warn_deprecated

MESSAGE = "since 2.0; use new()"


@deprecated(MESSAGE)
def old(value: int) -> int:
    """Return the value."""
    return value


@deprecated(MESSAGE)
async def old_async(value: int) -> int:
    return value


class Owner:
    @deprecated(MESSAGE)
    def method(self, value: int) -> int:
        return value

    @property
    @deprecated(MESSAGE)
    def name(self) -> int:
        return 7


def with_old_argument(value: int, old_value: int | None = None) -> int:
    if old_value is not None:
        warn_deprecated(MESSAGE)
    return value if old_value is None else old_value


def line() -> int:
    """Return the line number of the call."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


CALLS: dict[str, Callable[[], tuple[Any, int]]] = {
    "function": lambda: (old(7), line()),
    "coroutine function": lambda: (asyncio.run(old_async(7)), line()),
    "method": lambda: (Owner().method(7), line()),
    "property": lambda: (Owner().name, line()),
    "argument": lambda: (with_old_argument(1, old_value=7), line()),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_warning_points_at_the_line_of_the_caller(call: Callable[[], tuple[Any, int]]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result, number = call()
    assert result == 7
    [warning] = caught
    assert (warning.category, str(warning.message)) == (DeprecationWarning, MESSAGE)
    assert (warning.filename, warning.lineno) == (__file__, number)


def test_new_argument_does_not_warn() -> None:
    assert with_old_argument(7) == 7


def test_name_signature_and_docstring_are_kept() -> None:
    assert (old.__name__, old.__doc__) == ("old", "Return the value.")
    assert list(inspect.signature(old).parameters) == ["value"]


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_show_the_deprecation(checker: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "from haut_ext.deprecation import deprecated\n"
        "@deprecated('use new()')\n"
        "def old() -> int:\n"
        "    return 7\n"
        "value: int = old()\n"
    )
    (tmp_path / "pyrightconfig.json").write_text('{"reportDeprecated": "error"}')
    options = {
        "mypy": ["--no-incremental", "--enable-error-code", "deprecated"],
        "pyright": ["--pythonpath", sys.executable],
    }
    finished = subprocess.run(
        [sys.executable, "-m", checker, *options[checker], "program.py"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
    )
    errors = [line for line in finished.stdout.splitlines() if "error" in line and ":5:" in line]
    assert len(errors) == 1, finished.stdout + finished.stderr
    assert "deprecated" in errors[0]
    assert "use new()" in finished.stdout
