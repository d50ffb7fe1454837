"""Replaces the names of Python arguments in error messages by those of the command line's options."""

from __future__ import annotations

import re

_ARGUMENT = re.compile(
    r"\b(max_in_flight|requests_per_second|wait_timeout|compute_again|keep_subject|all_with_this_name)\b(?:=True)?"
    r"|\b(front|right|left|to|receipts?|batch|journal)="
)
_REWORDED = {
    "; or pass token=": "",
    "; or pass company_id=": "",
    "pass dataset_id= to the call or to the client, or set": "set",
    "(token= or HAUT_TOKEN)": "(HAUT_TOKEN)",
    "pass its file as verify= or set SSL_CERT_FILE": "set SSL_CERT_FILE to its file",
    "HTTPS_PROXY, ALL_PROXY or proxy=": "HTTPS_PROXY or ALL_PROXY",
    " Raise timeout= if the service is slow.": "",
    " To complete it, call resume_upload(error.state, ...).": "",
    " To complete it, call erase_subject with receipt=error.receipt.": "",
    " Call verify_erasure again with receipt=error.receipt.": "",
    " To continue it, call export_subject with the same arguments.": "",
}


def error_message(error: Exception | str) -> str:
    """Return the message of an error, in the terms of the command line."""
    message = str(error)
    for text, replacement in _REWORDED.items():
        message = message.replace(text, replacement)
    return _ARGUMENT.sub(lambda match: "--" + (match[1] or match[2]).replace("_", "-"), message)
