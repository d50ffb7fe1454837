"""Defines the fixture `shell`, which runs `haut` commands in a temporary folder against a sandbox."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TextIO
from unittest.mock import patch

import pytest
from attrs import define

from haut_ext.cli import main
from haut_ext.sandbox import Sandbox
from tests.bulk.conftest import PHOTO

HAUT = str(Path(sys.executable).parent / "haut")


class Process(subprocess.Popen[str]):
    """Process that a failed `with` block kills, because leaving the block waits for its end."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, error, trace)


@define
class Shell:
    """Runs `haut` commands with a given working folder and environment."""

    sandbox: Sandbox
    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str, **changes: str) -> subprocess.Popen[str]:
        """Start `haut` in a separate process; `changes` are added to its environment variables."""
        return Process(
            [HAUT, *arguments],
            cwd=self.folder,
            env={**self.environment, **changes},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: str, code: int = 0, typed: str | TextIO | None = "", **changes: str
    ) -> tuple[str, str]:
        """Run `haut`, check its exit code, and return its output on stdout and stderr.

        The command runs in the test process, because starting another one takes almost a second.
        `typed` is a text or a stream for stdin. If it is None, stdin is closed.
        """
        stdout, stderr = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, {**self.environment, **changes}, clear=True),
            patch.object(sys, "argv", ["haut", *arguments]),
            patch.object(sys, "stdin", io.StringIO(typed) if isinstance(typed, str) else typed),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
            pytest.raises(SystemExit) as exit_info,
        ):
            main()
        out, err = stdout.getvalue(), stderr.getvalue()
        assert (exit_info.value.code or 0) == code, (out, err)
        assert self.sandbox.credentials["token"] not in out + err
        return out, err


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    (tmp_path / "front.jpg").write_bytes(PHOTO)
    with Sandbox(analysis_reads=1) as sandbox:
        named = {f"HAUT_{name.upper()}": str(value) for name, value in sandbox.credentials.items()}
        yield Shell(sandbox, tmp_path, {"PATH": os.environ["PATH"], **named})
