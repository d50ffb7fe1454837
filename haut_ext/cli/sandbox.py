"""Defines the command `haut sandbox`, which runs a local stand-in for the service."""

from __future__ import annotations

from typing import Annotated

import typer

from haut_ext.cli.options import Flag, examples

EXAMPLES = examples(
    "haut sandbox",
    "haut sandbox --port 8080 --seed 1",
    "haut sandbox --fault create_subject=429:2 --fail-algorithm selfie_v2.acne",
    'eval "$(haut sandbox --port 0 --env &)"',
)

_Port = Annotated[
    int,
    typer.Option(min=0, max=65535, metavar="N", help="Port to listen on; 0 selects a free port."),
]
_Host = Annotated[
    str,
    typer.Option(
        "--host",  # from the metavar, typer would name the option --HOST
        metavar="HOST",
        help="Host name or IPv4 address to listen on. Use 0.0.0.0 in a container whose ports are "
        "published. Other machines can then connect.",
    ),
]
_Seed = Annotated[int | None, typer.Option(metavar="N", help="Make ids and times reproducible.")]
_Env = Annotated[
    bool,
    Flag(
        "--env",
        help="Print shell commands that set the HAUT_* variables, and close stdout. If the sandbox "
        "does not start, the commands let programs that use the variables fail.",
    ),
]
_Latency = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Delay of every request.")]
_AnalysisSeconds = Annotated[
    float | None,
    typer.Option(min=0, metavar="SECONDS", help="Duration of an analysis; not with --seed."),
]
_NoFace = Annotated[bool, Flag("--no-face", help="Find no face in any photo.")]
_FailAlgorithm = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Make an algorithm, such as selfie_v2.acne, fail on every photo. Can be repeated.",
    ),
]
_Fault = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OPERATION=FAULT[:TIMES]",
        help="Respond to an operation, or to all (*), with a status from 400 to 599 or another "
        "fault, such as reset, TIMES times or always. Can be repeated.",
    ),
]


def sandbox(
    port: _Port = 8080,
    storage_port: _Port = 0,
    host: _Host = "127.0.0.1",
    seed: _Seed = None,
    env: _Env = False,
    latency: _Latency = 0,
    analysis_seconds: _AnalysisSeconds = None,
    no_face: _NoFace = False,
    fail_algorithm: _FailAlgorithm = None,
    fault: _Fault = None,
) -> None:
    """Run the sandbox, a local stand-in for the service.

    The sandbox listens on the loopback interface by default, and keeps its data in memory. Press
    Ctrl-C to stop it.
    """
    from haut_ext.sandbox.__main__ import main as run_sandbox

    arguments = ["--port", str(port), "--storage-port", str(storage_port), "--host", host]
    arguments += ["--latency", str(latency)]
    if seed is not None:
        arguments += ["--seed", str(seed)]
    if analysis_seconds is not None:
        arguments += ["--analysis-seconds", str(analysis_seconds)]
    arguments += ["--env"] * env + ["--no-face"] * no_face
    arguments += [f"--fail-algorithm={name}" for name in fail_algorithm or ()]
    arguments += [f"--fault={planned}" for planned in fault or ()]
    raise typer.Exit(run_sandbox(arguments, command="haut sandbox"))
