"""Defines the command `haut doctor`, which checks the setup."""

from __future__ import annotations

import typer
from attrs import asdict

from haut_ext.cli import output
from haut_ext.cli.exit_codes import FAILURE
from haut_ext.cli.options import Json, examples

EXAMPLES = examples("haut doctor", "haut doctor --json")


def doctor(json: Json = False) -> None:
    """Check the setup, and print how to fix problems.

    Checks versions, configuration, connection, clock, token and dataset.
    """
    from haut_ext.cli.setup_checks import check_setup

    ok = True
    lines: list[tuple[str, str, str]] = []
    for check in check_setup():
        ok = ok and check.ok
        if json:
            output.print_json(asdict(check))
        lines.append(("ok" if check.ok else "PROBLEM", check.name, check.finding))
        if check.advice:
            lines.append(("", "", f"What to do: {check.advice}"))
    if not json:
        output.print_paragraphs(lines)
    if not ok:
        raise typer.Exit(FAILURE)
