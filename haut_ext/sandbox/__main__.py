"""`python -m haut_ext.sandbox`: the sandbox as a server of its own, until Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import threading
from types import FrameType

from . import Sandbox
from .server import HOST


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")


def main(arguments: list[str] | None = None) -> int:
    """Runs the sandbox; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m haut_ext.sandbox",
        description="A local stand-in for the Haut.AI API: in memory, on loopback only. "
        "Prints one line when it is ready; Ctrl-C stops it.",
    )
    parser.add_argument(
        "--port", type=_port, default=8080, help="port of the API; 0 for any free one (%(default)s)"
    )
    parser.add_argument(
        "--storage-port", type=_port, default=0, help="port of the storage (any free one)"
    )
    parser.add_argument("--seed", type=int, help="make ids, tokens, scores and times reproducible")
    options = parser.parse_args(arguments)

    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    # Set, not left to Python: a shell starts background jobs with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    try:
        sandbox = Sandbox(seed=options.seed, port=options.port, storage_port=options.storage_port)
    except OSError as error:
        ports = " or ".join(str(port) for port in (options.port, options.storage_port) if port)
        reason = (
            "is in use; choose another with --port"
            if error.errno == errno.EADDRINUSE
            else f"cannot be had: {error.strerror}"
        )
        sys.stderr.write(f"Port {ports} on {HOST} {reason}.\n")
        return 1
    with sandbox:
        credentials, user = sandbox.credentials, sandbox.login_credentials
        sys.stdout.write(
            f"sandbox ready url={credentials['base_url']} token={credentials['token']} "
            f"company={credentials['company_id']} dataset={credentials['dataset_id']} "
            f"username={user['username']} password={user['password']}\n"
        )
        sys.stdout.flush()
        while not stop.wait(1.0):  # Windows does not interrupt an endless wait
            pass  # pragma: no cover - no test waits so long
    return 0


if __name__ == "__main__":
    sys.exit(main())
