"""Check whether the generated client equals a Swagger document (`make spec-check`).

No file is changed. haut_ext.spec_check does the same for an installed client.
"""

from __future__ import annotations

import sys

from haut_ext.spec_check import check_document
from scripts.spec.document import command, parse
from scripts.spec.pull import fetch, shown_source, source_argument, token_for


def _check(source: str) -> None:
    document = parse(fetch(source, token_for(source)), shown_source(source))
    found = check_document(document)
    print("\n".join(found.lines()))
    if not found.equal:
        sys.exit("spec-check: the client differs from the document")


if __name__ == "__main__":
    source = source_argument(__doc__)
    command("spec-check", lambda: _check(source))
