"""Test the wheel of haut-ext in tests/consumer, a small SDK that builds on haut_ext.

A copy of tests/consumer is installed together with the wheel into two new environments, one with the
lowest allowed versions of the dependencies and one with the highest. In each environment, the tests of
this SDK run with warnings as errors, and mypy and pyright check it in strict mode. Requires access to
the package index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
RESOLUTIONS = ("lowest-direct", "highest")


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command. If it fails, exit with its output."""
    environment = {
        **os.environ,
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        "PYTHONPATH": "",
        "PATH": f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def build_wheel(folder: Path) -> Path:
    """Build the wheel of haut-ext in a folder and return its path."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, ".", cwd=ROOT)
    [wheel] = folder.glob("*.whl")
    return wheel


def check_consumer(wheel: Path, resolution: str, folder: Path) -> None:
    """Install and test tests/consumer with the lowest or highest allowed dependency versions."""
    consumer = folder / "consumer"
    shutil.copytree(ROOT / "tests" / "consumer", consumer)
    options = f"--extra cli --no-annotate --no-header --quiet --resolution {resolution}"
    pyproject = ROOT / "pyproject.toml"
    versions = folder / "versions.txt"
    run(TOOLS / "uv", "pip", "compile", *options.split(), "-o", versions, pyproject, cwd=folder)
    print(f"{resolution}: {', '.join(versions.read_text().split())}", flush=True)

    python = folder / "environment" / "bin" / "python"
    run(TOOLS / "uv", "venv", "--quiet", "--python", sys.executable, "environment", cwd=folder)
    packages = [f"haut-ext[cli] @ {wheel.as_uri()}", str(consumer), "pytest"]
    run(TOOLS / "uv", "pip", "install", "--python", python, "-c", versions, *packages, cwd=folder)
    run(python.with_name("haut"), "--help", cwd=consumer)
    run(python, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=consumer)
    run(TOOLS / "mypy", "--strict", "--python-executable", python, cwd=consumer)
    run(TOOLS / "pyright", "--pythonpath", python, cwd=consumer)


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        wheel = build_wheel(Path(work) / "dist")
        for resolution in RESOLUTIONS:
            folder = Path(work) / resolution
            folder.mkdir()
            check_consumer(wheel, resolution, folder)


if __name__ == "__main__":
    main()
