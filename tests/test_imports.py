"""Tests that modules are imported only when they are needed, so that programs start quickly."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLIENT = (
    "from haut_ext import Haut; Haut(token='t', company_id='00000000-0000-4000-8000-000000000000')"
)
HELP = "import sys; sys.argv = ['haut', '--help']; from haut_ext.cli import main; main()"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "unneeded"),
    [
        pytest.param("import haut_ext", {"httpx", "haut_api"}, id="package"),
        pytest.param(
            CLIENT,
            {"asyncio", "dateutil", "haut_api.models", "haut_ext._async"},
            id="synchronous client",
        ),
        pytest.param(HELP, {"httpx", "rich", "haut_ext.bulk"}, id="command line help"),
    ],
)
def test_module_is_not_imported(code: str, unneeded: set[str]) -> None:
    # Print the imported modules at exit, because main() raises SystemExit.
    print_modules = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{print_modules}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stderr.split())
    assert "haut_ext" in loaded
    assert not unneeded & loaded
