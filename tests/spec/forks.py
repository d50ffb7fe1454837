"""Runs Python commands in forks of a process that has already imported the slow modules.

The completeness check and the programs that use a generated package spend most of their time on
imports. A fork starts with these modules already imported, but is a separate process, so each fork can
import a different package of the same name.

`python -m tests.spec.forks` starts the parent process, which reads one command per line of its standard
input.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from functools import cache
from pathlib import Path
from typing import Any

PIPE, STDOUT = (
    subprocess.PIPE,
    subprocess.STDOUT,
)  # used in place of those in subprocess
ROOT = Path(__file__).parent.parent.parent


def run(
    command: list[str],
    *,
    cwd: str | Path = ROOT,
    env: dict[str, str] | None = None,
    input: str = "",
    stderr: int | None = None,
    **_: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a command as `subprocess.run` does, and capture its output as text.

    Args:
        command: `sys.executable` with `-c` or `-m`, or a Python script; followed by arguments.
        cwd: The folder to run in.
        env: Environment variables; by default, those of the calling process.
        input: Text for the standard input.
        stderr: `STDOUT` to capture standard error together with standard output.
    """
    with tempfile.TemporaryDirectory() as work:
        given, out, err = (Path(work) / name for name in ("in", "out", "err"))
        given.write_text(input, "utf-8")
        request = {
            "argv": command[1:] if command[0] == sys.executable else command,
            "cwd": str(cwd),
            "env": dict(os.environ if env is None else env),
            "in": str(given),
            "out": str(out),
            "err": str(out if stderr == STDOUT else err),
        }
        parent = _parent()
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(json.dumps(request) + "\n")
        parent.stdin.flush()
        status = int(parent.stdout.readline())
        texts = [path.read_text("utf-8") if path.exists() else "" for path in (out, err)]
    return subprocess.CompletedProcess(command, status, *texts)


@cache
def _parent() -> subprocess.Popen[str]:
    parent = subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(parent.communicate)  # closes the standard input of the process, which then ends
    return parent


def _serve() -> None:
    """Import the slow modules, then run each command read from standard input in a fork."""
    import scripts.spec.completeness  # noqa: F401

    del sys.modules["scripts.spec.completeness"]  # so that child processes can run it as `__main__`
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_command(json.loads(line)))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.__stdout__.write(f"{status}\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]


def _command(request: dict[str, Any]) -> int:
    """Run a command in the current, forked process and return its exit status."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(request[name], flags), number)
    os.dup2(os.open(request["in"], os.O_RDONLY), 0)
    # Replace sys.stdin, because its buffer can contain further commands that the parent read.
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    option, *arguments = request["argv"]
    added = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [request["cwd"], *(path for path in added if path)]
    try:
        match option:
            case "-c":
                sys.argv = ["-c", *arguments[1:]]
                exec(compile(arguments[0], "<string>", "exec"), {"__name__": "__main__"})
            case "-m":
                sys.argv = arguments
                runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
            case script:
                sys.argv = [script, *arguments]
                runpy.run_path(script, run_name="__main__")
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            status = ended.code or 0
        else:
            sys.stderr.write(f"{ended.code}\n")
            status = 1
    except BaseException:
        traceback.print_exc()
        status = 1
    else:
        status = 0
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    _serve()
