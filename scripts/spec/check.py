"""Whether the contract equals a Swagger, operation by operation; changes nothing: `make spec-check`."""

from __future__ import annotations

import argparse
import os
import sys

from scripts.generate import OVERLAY, overlaid
from scripts.spec.document import SPEC, Json, command, parse
from scripts.spec.names import NAMES, Names, propose
from scripts.spec.pull import pull
from scripts.spec.wire import Change, compare


def differences(pulled: Json) -> list[Change]:
    """Return what a pulled document has that the generated package has not, and the reverse.

    Operations are compared by method and path and schemas by where they stand, not by their names.

    Raises:
        SpecError: If the documents cannot be compared.
    """
    names = Names.read(NAMES)
    current = parse(SPEC.read_text("utf-8"), SPEC.name)
    proposed, _ = propose(names.applied(current), pulled, names)
    return compare(overlaid(OVERLAY), overlaid(OVERLAY, proposed.applied(pulled))).changes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source", help="path or address of an OpenAPI 3.0 or 3.1 document")
    source = parser.parse_args().source
    command("spec-check", lambda: _check(source))


def _check(source: str) -> None:
    changes = differences(pull(source, os.environ.get("HAUT_TOKEN")))
    for change in changes:
        rating = "breaking" if change.breaking else "compatible"
        users = ", ".join(sorted(change.operations - {change.subject}))
        print(f"{rating}: {change.subject}: {change.text}" + (f" ({users})" if users else ""))
    if changes:
        sys.exit(f"spec-check: {len(changes)} differences")
    print("the package equals the document")


if __name__ == "__main__":
    main()
