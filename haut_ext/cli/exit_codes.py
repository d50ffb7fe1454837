"""Defines the exit codes of the `haut` command line."""

from __future__ import annotations

from haut_ext import (
    ConfigError,
    ErasureIncomplete,
    ExportIncomplete,
    HautError,
    ImageRejected,
    UploadIncomplete,
    VerificationIncomplete,
)

FAILURE = 1
INVALID_INPUT = 2
ROWS_WITH_PROBLEMS = 3
INCOMPLETE = 4
DATA_FOUND = 5
INTERRUPTED = 130

HELP = """\b
Exit codes:
  0    success
  1    failure, or the question was declined
  2    invalid input or configuration; nothing was changed
  3    success, except for rows with a problem
  4    stopped before the end; the message says how to continue
  5    the service still has data of an erased person
  130  interrupted by Ctrl-C or SIGTERM"""


def exit_code(error: HautError | OSError) -> int:
    """Return the exit code for an error that caused a command to fail."""
    from haut_ext.bulk import BulkStopped

    stopped = (UploadIncomplete, ErasureIncomplete, ExportIncomplete, BulkStopped)
    if isinstance(error, (*stopped, VerificationIncomplete)):
        return INCOMPLETE
    return INVALID_INPUT if isinstance(error, ConfigError | ImageRejected) else FAILURE
