"""Prove the wheel from outside: another project's SDK is built on it, tested and type-checked.

tests/consumer is copied away, so that nothing of this repository is in reach, and installed beside the
wheel into an environment with the lowest allowed versions of the wheel's own dependencies, and into
one with the highest. In each it runs its tests with every warning an error, and mypy and pyright at
their strictest. Needs the package index.
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
    """Run a command, and end with its words if it fails."""
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


def build(folder: Path) -> Path:
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, ".", cwd=ROOT)
    [wheel] = folder.glob("*.whl")
    return wheel


def prove(wheel: Path, resolution: str, folder: Path) -> None:
    """Install and judge the consumer with one end of the allowed versions."""
    consumer = folder / "consumer"
    shutil.copytree(ROOT / "tests" / "consumer", consumer)
    options = f"--extra cli --no-annotate --no-header --quiet --resolution {resolution}"
    pyproject = ROOT / "pyproject.toml"
    versions = folder / "versions.txt"
    run(TOOLS / "uv", "pip", "compile", *options.split(), "-o", versions, pyproject, cwd=folder)
    print(f"{resolution}: {', '.join(versions.read_text().split())}", flush=True)

    python = folder / "environment" / "bin" / "python"
    run(TOOLS / "uv", "venv", "--quiet", "--python", sys.executable, "environment", cwd=folder)
    what = [f"haut-ext[cli] @ {wheel.as_uri()}", str(consumer), "pytest"]
    run(TOOLS / "uv", "pip", "install", "--python", python, "-c", versions, *what, cwd=folder)
    run(python.with_name("haut"), "--help", cwd=consumer)
    run(python, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=consumer)
    run(TOOLS / "mypy", "--strict", "--python-executable", python, cwd=consumer)
    run(TOOLS / "pyright", "--pythonpath", python, cwd=consumer)


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        wheel = build(Path(work) / "dist")
        for resolution in RESOLUTIONS:
            folder = Path(work) / resolution
            folder.mkdir()
            prove(wheel, resolution, folder)


if __name__ == "__main__":
    main()
