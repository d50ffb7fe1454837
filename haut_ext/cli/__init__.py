"""The `haut` command line, which requires the optional extra `cli`.

    app             registers and runs the commands, and maps errors to exit codes
    subjects, images, upload, results, erase, bulk, spec, doctor, sandbox
                    the commands, each of which calls a public method of the client
    options         arguments and options shared by several commands
    client          creates the API client; looks up subjects by name or id
    exit_codes      maps errors to exit codes
    error_messages  replaces names of arguments in error messages by those of options
    output          prints tables, JSON and messages; asks for confirmation before a deletion
    progress_bars   shows progress bars on stderr
    interrupts      handles Ctrl-C and SIGTERM
    setup_checks    runs the checks of `haut doctor`

The modules import the client, httpx and rich inside functions, because these imports would slow
down `haut --help` and shell completion, which do not need them.
"""

import sys


def main() -> None:
    """Run the `haut` command line with the arguments of the process, and exit."""
    if "--env" in sys.argv:  # an option of haut sandbox
        from haut_ext.sandbox.__main__ import unset_variables_on_failure

        with unset_variables_on_failure():
            _run()
    else:
        _run()


def _run() -> None:
    try:
        from haut_ext.cli.app import run
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(
            "haut: the extra for the command line is not installed: pip install 'haut-ext[cli]'"
        )
    run()
