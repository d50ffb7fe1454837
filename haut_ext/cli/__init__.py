"""The command line `haut`, which needs the extra `cli`.

    app             registers the commands; runs them and maps errors to exit codes
    subjects, images, upload, results, erase, bulk, doctor, sandbox
                    the commands, each a few lines around a public method of the client
    options         arguments and options that several commands share
    client          the client from environment variables; subjects by name or id
    exit_codes      exit codes, and which error ends in which
    output          tables and JSON on stdout, messages on stderr, questions before a deletion
    progress_bars   progress bars on stderr
    interrupts      Ctrl-C during a bulk run
    setup_checks    the checks of `haut doctor`

The modules import the client, httpx and rich in functions, because `haut --help` and shell completion
need none of them and would take several times as long.
"""

import sys


def main() -> None:
    """Run `haut` with the arguments of the process, and exit."""
    try:
        from haut_ext.cli.app import run
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit("haut: the command line is an extra: pip install 'haut-ext[cli]'")
    run()
