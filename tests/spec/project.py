"""A small copy of this project with a history of its own, for what the maintainer's commands change."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from attrs import frozen

from scripts.spec.document import ROOT

_COPIED = ("scripts", "generated", "haut_ext", "openapi", "tests/cassettes")
_FILES = ("Makefile", "CHANGELOG.md", "pyproject.toml", "requirements.lock")
_LINKED = (".venv", "openapi/node_modules")


@frozen
class Project:
    """A copy of the project; what is done to it is done to nothing else."""

    root: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a maintainer in the copy's folder would."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HAUT_", "MAKE", "PYTEST_", "COVERAGE_"))
        }
        path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
        # Before the installed package, which is this tree's.
        packages = f"{self.root}{os.pathsep}{self.root / 'generated'}"
        # The tools are links to this tree's: nothing may be installed, let alone removed, through them.
        make = "SETUP= LINTER="
        return subprocess.run(
            command,
            cwd=self.root,
            env={**inherited, "PATH": path, "PYTHONPATH": packages, "MAKEFLAGS": make},
            capture_output=True,
            text=True,
            check=False,
        )

    def changed(self) -> set[str]:
        """Return the files that differ from the last commit."""
        lines = self.run(
            "git", "status", "--porcelain", "--untracked-files=all"
        ).stdout.splitlines()
        return {line[3:] for line in lines}

    def read(self, path: str) -> str:
        return (self.root / path).read_text("utf-8")

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


def copy_project(root: Path) -> Project:
    """Copy what the commands need into an empty folder, and commit it there."""
    ignored = shutil.ignore_patterns("node_modules", "__pycache__")
    for name in _COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in _FILES:
        shutil.copyfile(ROOT / name, root / name)
    for name in _LINKED:
        (root / name).symlink_to(ROOT / name)
    project = Project(root)
    # There is a test or none in the copy: one process, and no plugin that takes longer than that.
    makefile = project.read("Makefile")
    project.write("Makefile", makefile.replace("pytest -n 2", "pytest -n 0 -p no:schemathesis"))
    project.write(".gitignore", "\n".join(("__pycache__", "/build/", *_LINKED)))
    for command in (
        ("init", "--quiet"),
        ("add", "--all"),
        (
            "-c",
            "user.name=Test",
            "-c",
            "user.email=test@example.com",
            "commit",
            "--quiet",
            "-m",
            ".",
        ),
    ):
        done = project.run("git", *command)
        assert done.returncode == 0, done.stderr
    return project
