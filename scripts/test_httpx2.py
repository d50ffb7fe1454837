"""Runs tests of the clients in a copy of the project that uses httpx2, for `make test-httpx2`.

httpx2 is the successor of httpx. In the copy, haut_ext/_httpx.py, the generated client, the tests and
the benchmarks import httpx2 under the name httpx. Tools made for httpx, such as respx, do not
intercept httpx2, so their tests fail; pytest's summary lists them. Arguments are passed to pytest; by
default, the tests of both clients run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ["tests/http", "tests/_async", "tests/_sync", "-m", "not slow", "-n", "2"]
REPLACEMENTS = [
    (r"(?m)^( *)import httpx( as httpx)?$", r"\1import httpx2 as httpx"),
    (r"(?m)^( *)from httpx(\.\w+)* import", r"\1from httpx2\2 import"),
]


def copy_project(target: Path) -> None:
    """Copy all tracked files to a folder, and replace httpx by httpx2 in the imports."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.rstrip("\0").split("\0"):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith(".py"):
            shutil.copy(ROOT / name, target / name)
            continue
        code = (ROOT / name).read_text("utf-8")
        for pattern, replacement in REPLACEMENTS:
            code = re.sub(pattern, replacement, code)
        (target / name).write_text(code, "utf-8")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy_project(Path(folder))
        # These folders precede those of the editable installation.
        paths = os.pathsep.join([folder, f"{folder}/generated"])
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", *(sys.argv[1:] or TESTS)]
        tests = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": paths})
    sys.exit(tests.returncode)


if __name__ == "__main__":
    main()
