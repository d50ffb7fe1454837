"""Report differences between the contract and a Swagger document (`make spec-check`).

No file is changed.
"""

from __future__ import annotations

import os
import sys

from scripts.generate import OVERLAY, load_contract
from scripts.spec.document import SPEC, Json, command, parse
from scripts.spec.http_diff import Change, compare
from scripts.spec.names import NAMES, Names, propose
from scripts.spec.pull import pull, source_argument


def differences(pulled: Json) -> list[Change]:
    """Return the differences between the contract and a downloaded OpenAPI document.

    Operations are matched by method and path, and schemas by where the operations use them. A renamed
    operation or schema is therefore not reported.

    Raises:
        SpecError: If the documents cannot be compared.
    """
    names = Names.read(NAMES)
    current = parse(SPEC.read_text("utf-8"), SPEC.name)
    proposed, _ = propose(names.applied(current), pulled, names)
    return compare(load_contract(OVERLAY), load_contract(OVERLAY, proposed.applied(pulled))).changes


def _check(source: str) -> None:
    changes = differences(pull(source, os.environ.get("HAUT_TOKEN")))
    for change in changes:
        rating = "breaking" if change.breaking else "compatible"
        users = ", ".join(sorted(change.operations - {change.subject}))
        print(f"{rating}: {change.subject}: {change.text}" + (f" ({users})" if users else ""))
    if changes:
        sys.exit(f"spec-check: {len(changes)} differences")
    print("the contract equals the document")


if __name__ == "__main__":
    source = source_argument(__doc__)
    command("spec-check", lambda: _check(source))
