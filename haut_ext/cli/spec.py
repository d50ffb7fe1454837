"""Defines the command `haut spec check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haut_ext.cli import output
from haut_ext.cli.exit_codes import FAILURE
from haut_ext.cli.options import examples, group
from haut_ext.text import escape

app = group("Compare the installed client with the service's Swagger.")

EXAMPLES = examples("haut spec check swagger.json")


@app.command(epilog=EXAMPLES)
def check(
    swagger: Annotated[
        Path, typer.Argument(metavar="SWAGGER", help="OpenAPI document in JSON or YAML.")
    ],
) -> None:
    """Check whether the installed client equals a Swagger, operation by operation.

    Prints each operation that differs, and exits with 1 if there is one. No request is sent.
    """
    from haut_ext.spec_check import check_spec

    found = check_spec(swagger)
    for line in found.lines():
        output.out().print(escape(line))
    if not found.equal:
        raise typer.Exit(FAILURE)
