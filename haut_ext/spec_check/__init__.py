"""Check whether the installed client still equals the service's Swagger.

    document      traverses and normalizes OpenAPI documents
    parsing       reads documents from untrusted files
    yaml_loader   loads YAML; requires the optional extra `yaml`
    comparison    compares the operations of two documents

The check needs neither network access nor this project's repository: the package haut_api contains
the document from which it was generated. To run the check without the command line's extra:

    python -m haut_ext.spec_check swagger.json
"""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path

from haut_ext.spec_check.comparison import Comparison, OperationResult, Sections, compare
from haut_ext.spec_check.document import Json
from haut_ext.spec_check.parsing import SpecError, read

__all__ = ["Comparison", "OperationResult", "SpecError", "check_document", "check_spec"]


def check_spec(path: str | os.PathLike[str]) -> Comparison:
    """Compare the installed client with an OpenAPI document in a file.

    Args:
        path: An OpenAPI 3.0 or 3.1 document in JSON, or in YAML if the extra `yaml` is installed.
            References to other files or URLs are not followed.

    Raises:
        SpecError: If the document cannot be read or compared.
    """
    return check_document(read(Path(path)))


def swagger_text() -> str:
    """Return the document from which haut_api was generated, with the selection of sections."""
    return files("haut_api").joinpath("swagger.json").read_text("utf-8")


def check_document(document: Json) -> Comparison:
    """Compare the installed client with a parsed OpenAPI document.

    The document is compared with the one from which haut_api was generated, before the overlay of
    this project was applied to it.

    Raises:
        SpecError: If the document cannot be compared.
    """
    swagger = json.loads(swagger_text())
    return compare(swagger["document"], document, Sections(**swagger["sections"]))
