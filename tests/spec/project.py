"""Copies this project into a new git repository, for tests of commands that change files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from attrs import frozen

from scripts.spec.document import ROOT

_COPIED = ("scripts", "generated", "haut_ext", "openapi", "tests/cassettes", "changelog.d")
_FILES = ("Makefile", "pyproject.toml", "requirements.lock")
_LINKED = (".venv", "openapi/node_modules")


@frozen
class Project:
    """A copy of the project that tests can change."""

    root: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder of the copied project."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HAUT_", "MAKE", "PYTEST_", "COVERAGE_"))
        }
        path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
        # The copied project must take precedence over the installed package.
        packages = f"{self.root}{os.pathsep}{self.root / 'generated'}"
        # Prevent make from reinstalling tools: the copied project only links to those of the original.
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
        """Return the paths of all files that differ from the last commit."""
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
    """Copy the files that the project's commands need into an empty folder, and commit them there."""
    ignored = shutil.ignore_patterns("node_modules", "__pycache__")
    for name in _COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in _FILES:
        shutil.copyfile(ROOT / name, root / name)
    for name in _LINKED:
        (root / name).symlink_to(ROOT / name)
    project = Project(root)
    # The copied project has at most one test, so run it in one process and without a slow plugin. Most
    # checks need files that are not copied.
    one_process = "pytest -n 0 -p no:schemathesis"
    makefile = re.sub(r"pytest -n \d", one_process, project.read("Makefile"))
    check = "check:\n\t@$(BIN)/python -m scripts.generate --check\n"
    project.write("Makefile", re.sub(r"^check:.*\n(\t.*\n)+", check, makefile, flags=re.MULTILINE))
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
