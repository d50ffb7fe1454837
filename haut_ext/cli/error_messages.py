"""Replaces the names of Python arguments in error messages by those of the command line's options."""

from __future__ import annotations

import re

from haut_ext.cli import profiles

_ARGUMENT = re.compile(
    r"\b(max_in_flight|requests_per_second|wait_timeout|compute_again|keep_subject|all_with_this_name)\b(?:=True)?"
    r"|\b(front|right|left|to|receipts?|batch|journal)="
)
_REWORDED = {
    "; or pass token=": "",
    "; or pass company_id=": "",
    "pass dataset_id= to the call or to the client, or set": "set",
    " (token= or HAUT_TOKEN)": "",
    "; pass the token as token=": "",
    "not set in the environment: ": "not set: ",
    "pass its file as verify= or set SSL_CERT_FILE": "set SSL_CERT_FILE to its file",
    "HTTPS_PROXY, ALL_PROXY or proxy=": "HTTPS_PROXY or ALL_PROXY",
    " Raise timeout= if the service is slow.": "",
    " To complete it, call resume_upload(error.state, ...).": "",
    " To complete it, call erase_subject with receipt=error.receipt.": "",
    " Call verify_erasure again with receipt=error.receipt.": "",
    " To continue it, call export_subject with the same arguments.": "",
}


def name_settings(message: str) -> str:
    """Name keys of the profile instead of environment variables, if a profile is in use.

    Setting one of the variables would not help: commands would then ignore the profile.
    """
    if name := profiles.in_use():
        for key, variable in profiles.VARIABLES.items():
            message = message.replace(variable, f"{key} in the profile {name!r}")
    return message


def error_message(error: Exception | str) -> str:
    """Return the message of an error, in the terms of the command line."""
    message = str(error)
    for text, replacement in _REWORDED.items():
        message = message.replace(text, replacement)
    message = name_settings(message)
    return _ARGUMENT.sub(lambda match: "--" + (match[1] or match[2]).replace("_", "-"), message)
