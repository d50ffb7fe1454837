"""Starting takes as long as what is imported; so nothing is that is not needed yet."""

from __future__ import annotations

import subprocess
import sys

import pytest

HAUT = (
    "from haut_ext import Haut; Haut(token='t', company_id='00000000-0000-4000-8000-000000000000')"
)
HELP = "import sys; sys.argv = ['haut', '--help']; from haut_ext.cli import main; main()"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "unneeded"),
    [
        pytest.param("import haut_ext", {"httpx", "haut_api"}, id="the package"),
        pytest.param(HAUT, {"asyncio", "dateutil", "haut_ext._async"}, id="the synchronous face"),
        pytest.param(HELP, {"httpx", "rich", "haut_ext.bulk"}, id="the command line's help"),
    ],
)
def test_not_imported(code: str, unneeded: set[str]) -> None:
    # At its end, as main() leaves by SystemExit.
    last = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    done = subprocess.run(
        [sys.executable, "-c", f"{last}\n{code}"], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "haut_ext" in loaded
    assert not unneeded & loaded
