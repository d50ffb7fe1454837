"""Registers and runs the commands of `haut`, and exits with the documented exit codes."""

from __future__ import annotations

import io
import signal
import sys
from typing import Annotated, NoReturn

import typer

from haut_ext import HautError, __version__
from haut_ext.cli import (
    bulk,
    doctor,
    erase,
    exit_codes,
    export,
    images,
    login,
    output,
    profiles,
    results,
    sandbox,
    spec,
    subjects,
    upload,
)
from haut_ext.cli.error_messages import error_message
from haut_ext.cli.interrupts import handled_by

app = typer.Typer(
    name="haut",
    help="Command line of the Haut.AI skin-analysis API. Configured by `haut login` or by the "
    "environment variables HAUT_TOKEN or HAUT_TOKEN_FILE, HAUT_COMPANY_ID, HAUT_DATASET_ID and "
    "HAUT_BASE_URL.",
    epilog=exit_codes.HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 100},
)
app.add_typer(subjects.app, name="subjects")
app.add_typer(images.app, name="images")
app.command(short_help="Upload photos of a subject.", epilog=upload.EXAMPLES)(upload.upload)
app.command(short_help="Print the results of a subject.", epilog=results.EXAMPLES)(results.results)
app.command(short_help="Erase the data of a person.", epilog=erase.EXAMPLES)(erase.erase)
app.command(short_help="Export the data of a person.", epilog=export.EXAMPLES)(export.export)
app.add_typer(bulk.app, name="bulk", short_help="Work on many subjects.")
app.add_typer(spec.app, name="spec", short_help="Compare with a Swagger.")
app.command(short_help="Store a token in a profile.", epilog=login.LOGIN_EXAMPLES)(login.login)
app.command(short_help="Delete a profile.", epilog=login.LOGOUT_EXAMPLES)(login.logout)
app.command(short_help="Check the setup.", epilog=doctor.EXAMPLES)(doctor.doctor)
app.command(short_help="Run a local server for tests.", epilog=sandbox.EXAMPLES)(sandbox.sandbox)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"haut-ext {__version__}")
        raise typer.Exit


@app.callback()
def _haut(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Use a profile stored by haut login; like HAUT_PROFILE."),
    ] = None,
) -> None:
    if profile is not None:
        profiles.select(profile)


def run() -> NoReturn:
    """Run the command given by the process's arguments, and exit with its exit code."""
    output.write_unencodable_characters_escaped()
    if sys.stdin is None:  # it is closed, and questions would fail
        sys.stdin = io.StringIO()
    code: str | int | None = exit_codes.FAILURE
    try:
        with handled_by(signal.default_int_handler, signal.SIGTERM):
            app(prog_name="haut")
    except SystemExit as ended:
        code = ended.code
    except (HautError, OSError) as error:
        output.err().print(f"haut: {error_message(error)}")
        code = exit_codes.exit_code(error)
    if not output.flush():
        code = code or exit_codes.FAILURE
    sys.exit(code)
