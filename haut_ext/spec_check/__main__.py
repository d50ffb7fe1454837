"""Run the check as `python -m haut_ext.spec_check SWAGGER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from haut_ext.spec_check import SpecError, check_spec
from haut_ext.text import escape


def main() -> int:
    """Run the check with the arguments of the process, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m haut_ext.spec_check",
        description="Check whether the installed client equals the service's Swagger. "
        "Exit status: 0 if it does, 1 if it differs, 2 if the document cannot be compared.",
    )
    parser.add_argument("swagger", type=Path, help="OpenAPI 3.0 or 3.1 document in JSON or YAML")
    try:
        found = check_spec(parser.parse_args().swagger)
    except SpecError as error:
        print(f"spec check: {escape(str(error))}", file=sys.stderr)  # noqa: T201 - a command
        return 2
    for line in found.lines():
        print(escape(line))  # noqa: T201 - a command
    return 0 if found.equal else 1


if __name__ == "__main__":
    sys.exit(main())
