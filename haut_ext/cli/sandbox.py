"""Defines the command `haut sandbox`, which runs a local stand-in for the service."""

from __future__ import annotations

from typing import Annotated

import typer

from haut_ext.cli.options import examples

EXAMPLES = examples("haut sandbox", "haut sandbox --port 8080 --seed 1")

_Port = Annotated[
    int,
    typer.Option(min=0, max=65535, metavar="N", help="Port to listen on; 0 selects a free port."),
]


def sandbox(
    port: _Port = 8080,
    storage_port: _Port = 0,
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST",
            help="Host name or IPv4 address to listen on. Use 0.0.0.0 in a container whose ports are "
            "published. Other machines can then connect.",
        ),
    ] = "127.0.0.1",
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Make ids and times reproducible.")
    ] = None,
) -> None:
    """Run the sandbox, a local stand-in for the service.

    The sandbox listens on the loopback interface by default, and keeps its data in memory. Press
    Ctrl-C to stop it.
    """
    from haut_ext.sandbox.__main__ import main as run_sandbox

    arguments = ["--port", str(port), "--storage-port", str(storage_port), "--host", host]
    if seed is not None:
        arguments += ["--seed", str(seed)]
    raise typer.Exit(run_sandbox(arguments))
