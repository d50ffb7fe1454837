"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

Flag = typer.Option  # With an explicit name, typer adds no --no-... option.

Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="Id or exact name of a subject.")]
Image = Annotated[UUID, typer.Argument(metavar="IMAGE", help="Id of an image.")]
Json = Annotated[bool, Flag("--json", help="Print JSON instead of text.")]
Yes = Annotated[bool, Flag("--yes", help="Do not ask for confirmation.")]
DryRun = Annotated[bool, Flag("--dry-run", help="Show what would be deleted, and stop.")]
ComputeAgain = Annotated[
    bool,
    Flag(
        "--compute-again",
        help="Start an analysis although it may have been started, and billed, before.",
    ),
]
WaitTimeout = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="Maximum time to wait, with --wait.")
]


def group(help_text: str) -> typer.Typer:
    """Return an empty group of commands."""
    return typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode=None)


def examples(*lines: str) -> str:
    """Return the epilog of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
