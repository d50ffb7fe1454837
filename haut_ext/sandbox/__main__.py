"""Command `python -m haut_ext.sandbox`: runs the sandbox until Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import threading
from types import FrameType

from .http_server import HOST
from .sandbox import Sandbox


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port number from 0 to 65535")


def _argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m haut_ext.sandbox",
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
        default=HOST,
        help="host name or IPv4 address to listen on, such as 0.0.0.0 in a container whose ports are "
        "published; other machines can then connect (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, help="make ids, tokens and times reproducible")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox and return the exit code."""
    options = _argument_parser().parse_args(arguments)

    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    # Install signal handlers explicitly, because shells start background jobs with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    try:
        sandbox = Sandbox(
            seed=options.seed,
            port=options.port,
            storage_port=options.storage_port,
            host=options.host,
        )
    except OSError as error:
        ports = " or ".join(str(port) for port in (options.port, options.storage_port) if port)
        reason = (
            "is in use; choose another with --port"
            if error.errno == errno.EADDRINUSE
            else f"is not available: {error.strerror}"
        )
        sys.stderr.write(f"Port {ports} on {options.host} {reason}.\n")
        return 1
    if options.host not in (HOST, "localhost"):
        sys.stderr.write(
            f"Warning: the sandbox listens on {options.host}, so other machines can connect to it. "
            "It is only for tests: do not store real photos in it.\n"
        )
    with sandbox:
        credentials, user = sandbox.credentials, sandbox.login_credentials
        sys.stdout.write(
            f"sandbox ready url={credentials['base_url']} token={credentials['token']} "
            f"company={credentials['company_id']} dataset={credentials['dataset_id']} "
            f"username={user['username']} password={user['password']}\n"
        )
        sys.stdout.flush()
        while not stop.wait(1.0):  # on Windows, signals interrupt only waits that have a timeout
            pass  # pragma: no cover - tests stop it earlier
    return 0


if __name__ == "__main__":
    sys.exit(main())
