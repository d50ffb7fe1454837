"""Command `python -m haut_ext.sandbox`: runs the sandbox until Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import math
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

from . import faults
from .faults import Fault
from .http_server import HOST
from .sandbox import Sandbox

_FAULTS: dict[str, Callable[[], Fault]] = {
    "reset": faults.reset,
    "close": faults.close,
    "stall": faults.stall,
    "garbage": faults.garbage,
    "truncated": faults.truncated,
    "login_page": faults.login_page,
}
_STATUSES: dict[int, Callable[[], Fault]] = {401: faults.unauthorized, 429: faults.rejected}
"""Statuses whose simulated responses have a body."""
_NOT_STARTED = """\
unset HAUT_TOKEN HAUT_COMPANY_ID HAUT_DATASET_ID HAUT_BASE_URL HAUT_PROFILE HAUT_SANDBOX_PID
export HAUT_TOKEN_FILE='/dev/null/the sandbox did not start'
false
"""
"""Shell commands that let clients and `haut` fail, because no file can have this path."""


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port number from 0 to 65535")


def _host(text: str) -> str:
    if text:
        return text
    raise argparse.ArgumentTypeError("a host name or an IPv4 address is missing")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if 0 <= seconds < math.inf:
        return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")


def _planned_fault(text: str) -> tuple[str, Fault, int | None]:
    """Return the operation, the fault and the number of requests of `create_subject=429:2`."""
    operation, _, planned = text.partition("=")
    name, limited, times = planned.partition(":")
    if limited and not (times.isdecimal() and int(times)):
        raise argparse.ArgumentTypeError(f"{times!r} in {text!r} is not a number of requests")
    if name in _FAULTS:
        fault = _FAULTS[name]()
    elif name.isdecimal() and 400 <= int(name) <= 599:
        code = int(name)
        fault = _STATUSES[code]() if code in _STATUSES else faults.status(code)
    else:
        valid = ", ".join(_FAULTS)
        raise argparse.ArgumentTypeError(
            f"{text!r} must be OPERATION=FAULT or OPERATION=FAULT:TIMES, where FAULT is a status "
            f"from 400 to 599 or one of {valid}"
        )
    return operation, fault, int(times) if times else None


def _argument_parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=command,
        usage="%(prog)s [OPTIONS]",
        allow_abbrev=False,
        description="Run a local server with the behavior of the Haut.AI API, in memory and, by "
        "default, on loopback only. It prints one line when it is ready. Ctrl-C stops it.",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8080,
        help="port of the API; 0 selects a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--storage-port", type=_port, default=0, help="port of the storage (default: a free one)"
    )
    parser.add_argument(
        "--host",
        type=_host,
        default=HOST,
        help="host name or IPv4 address to listen on, such as 0.0.0.0 in a container whose ports are "
        "published; other machines can then connect (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, help="make ids, tokens and times reproducible")
    parser.add_argument(
        "--env",
        action="store_true",
        help="print shell commands that set the HAUT_* variables, and close standard output; if the "
        "sandbox does not start, the commands let programs that use the variables fail",
    )
    _add_fault_options(parser)
    return parser


def _add_fault_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--latency", type=_seconds, default=0.0, help="delay of every request, in seconds"
    )
    parser.add_argument(
        "--analysis-seconds", type=_seconds, help="duration of an analysis; not with --seed"
    )
    parser.add_argument("--no-face", action="store_true", help="find no face in any photo")
    parser.add_argument(
        "--fail-algorithm",
        action="append",
        default=[],
        metavar="NAME",
        help="make an algorithm fail on every photo; can be repeated",
    )
    parser.add_argument(
        "--fault",
        type=_planned_fault,
        action="append",
        default=[],
        metavar="OPERATION=FAULT[:TIMES]",
        help="respond to an operation, or to all (*), with a status from 400 to 599 or another fault "
        f"({', '.join(_FAULTS)}), TIMES times or always; can be repeated",
    )


def _simulate_faults(sandbox: Sandbox, options: argparse.Namespace) -> None:
    """Apply the options that simulate faults.

    Raises:
        ValueError: If an operation or an algorithm is unknown.
    """
    sandbox.latency = options.latency
    sandbox.detects_faces = not options.no_face
    for name in options.fail_algorithm:
        sandbox.fail_algorithm(name, "Simulated failure")
    for operation, fault, times in options.fault:
        sandbox.faults.add(operation, fault, times=times)


def _announce(sandbox: Sandbox, *, environment: bool) -> None:
    """Print one line with the credentials, or shell commands that configure clients."""
    credentials, user = sandbox.credentials, sandbox.login_credentials
    if not environment:
        sys.stdout.write(
            f"sandbox ready url={credentials['base_url']} token={credentials['token']} "
            f"company={credentials['company_id']} dataset={credentials['dataset_id']} "
            f"username={user['username']} password={user['password']}\n"
        )
        sys.stdout.flush()
        return
    variables = {f"HAUT_{name.upper()}": str(value) for name, value in credentials.items()}
    variables["HAUT_SANDBOX_PID"] = str(os.getpid())
    sys.stdout.write("unset HAUT_TOKEN_FILE HAUT_PROFILE\n")
    for name, value in variables.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    sys.stdout.flush()
    with open(os.devnull, "wb") as discarded:  # a shell reads until the output is closed
        os.dup2(discarded.fileno(), sys.stdout.fileno())


def _unavailable(options: argparse.Namespace, error: OSError) -> str:
    """Return the message for a host or a port that cannot be listened on."""
    ports = " or ".join(str(port) for port in (options.port, options.storage_port) if port)
    where = f"Port {ports} on {options.host}" if ports else f"Host {options.host}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use; choose another with --port.\n"
    # socket.create_server appends the address to the reason.
    reason = (error.strerror or "").partition(" (while attempting")[0]
    return f"{where} is not available: {reason}.\n"


@contextmanager
def unset_variables_on_failure() -> Generator[None]:
    """With --env, if the sandbox does not start, print commands that let clients fail.

    If a shell got no commands, the variables that it has could connect clients to the real service.
    """
    try:
        yield
    except BaseException as error:
        if "--env" in sys.argv and not (isinstance(error, SystemExit) and not error.code):
            sys.stdout.write(_NOT_STARTED)
        raise


def main(arguments: list[str] | None = None, command: str = "python -m haut_ext.sandbox") -> int:
    """Run the sandbox and return the exit code. Messages name the command as `command`."""
    parser = _argument_parser(command)
    options = parser.parse_args(arguments)
    if options.seed is not None and options.analysis_seconds is not None:
        parser.error("--analysis-seconds needs the system's clock, which --seed replaces")
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    # Install signal handlers explicitly, because shells start background jobs with SIGINT ignored. With
    # --env, such a job belongs to an interactive shell, whose Ctrl-C is meant for other programs.
    ignored = options.env and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    for number in [signal.SIGTERM] if ignored else [signal.SIGINT, signal.SIGTERM]:
        signal.signal(number, on_signal)
    try:
        sandbox = Sandbox(
            seed=options.seed,
            port=options.port,
            storage_port=options.storage_port,
            host=options.host,
            analysis_seconds=options.analysis_seconds,
        )
    except OSError as error:
        sys.stderr.write(_unavailable(options, error))
        return 1
    if options.host not in (HOST, "localhost"):
        sys.stderr.write(
            f"Warning: the sandbox listens on {options.host}, so other machines can connect to it. "
            "It is only for tests: do not store real photos in it.\n"
        )
    with sandbox:
        try:
            _simulate_faults(sandbox, options)
        except ValueError as error:
            parser.error(str(error))
        _announce(sandbox, environment=options.env)
        while not stop.wait(1.0):  # on Windows, signals interrupt only waits that have a timeout
            pass  # pragma: no cover - tests stop it earlier
    return 0


if __name__ == "__main__":
    with unset_variables_on_failure():
        sys.exit(main())
