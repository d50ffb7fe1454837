"""The command line `haut`; needs the extra `cli`.

commands     what there is to do
doctor       what may be wrong, and what to do about it
credentials  token and ids: from the environment or a file of the owner's, never from arguments
screen       tables for people, JSON for machines, Ctrl-C
bars         progress
"""

import sys


def main() -> None:
    """Run `haut`."""
    try:
        from haut_ext.cli.commands import run
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit("haut: the command line is an extra: pip install 'haut-ext[cli]'")
    run()
