"""Arguments and options shared by several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import typer

Flag = typer.Option  # The explicit name prevents typer from adding a --no-... option.

Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="Id or exact name of the subject.")]
SubjectsOrReceipts = Annotated[
    list[str],
    typer.Argument(
        metavar="SUBJECT...|FILE...",
        help="Ids or exact names of subjects; with --show or --verify, files of receipts.",
    ),
]
Image = Annotated[UUID, typer.Argument(metavar="IMAGE", help="Id of an image.")]
Json = Annotated[bool, Flag("--json", help="Print JSON instead of text.")]
Yes = Annotated[bool, Flag("--yes", help="Do not ask for confirmation.")]
DryRun = Annotated[bool, Flag("--dry-run", help="Show what would be deleted, without deleting it.")]
ApiVersion = Annotated[
    Literal["v1", "v3"], typer.Option(help="API version; v3 for Face Metrics 3.0.")
]
Reference = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Reference of the case, such as a file number."),
]
AllWithThisName = Annotated[
    bool,
    Flag("--all-with-this-name", help="Erase all subjects of a name that several of them have."),
]
Receipt = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Path of the receipt, or folder for several.  [default: erasure-<id>.json]",
    ),
]
KeepSubject = Annotated[
    bool,
    Flag("--keep-subject", help="Keep the subject record and its name, and clear the rest."),
]
ComputeAgain = Annotated[
    bool,
    Flag(
        "--compute-again",
        help="Start the analysis again even if it may already have been started and billed.",
    ),
]
WaitTimeout = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="Maximum time to wait if --wait is given.")
]
WaitFor = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FAMILY",
        help="Wait until every image has a result of this family, such as acne. Can be repeated.",
    ),
]
SettledAfter = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Without --wait-for: results are complete if none was added for this time.",
    ),
]
PollInterval = Annotated[
    float,
    typer.Option(
        min=0.01,
        metavar="SECONDS",
        help="Longest time between two requests for an image's results.",
    ),
]


def group(help_text: str) -> typer.Typer:
    """Return a new command group without commands."""
    return typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode=None)


def examples(*lines: str) -> str:
    """Return the text shown at the end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
