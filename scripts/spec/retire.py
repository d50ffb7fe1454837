"""Retire the transcription of public documents in favor of the service's document (`make retire`).

Afterwards, the sandbox, the cassettes and the tests are checked against openapi/haut.yaml.
"""

from __future__ import annotations

from scripts.spec.contract import TRANSCRIPTION
from scripts.spec.document import ROOT, command
from scripts.spec.pull import retire

LEFT_TO_DO = """\
1. Update the handlers of the sandbox (haut_ext/sandbox/handlers/) until `make test` passes.
2. Remove tests/test_spec_against_documents.py, which compares the transcription.
3. Record the cassettes: `make record`, or `python -m scripts.record --live`."""


def main() -> None:
    print(f"{retire()} operations were removed from {TRANSCRIPTION.relative_to(ROOT)}. Left to do:")
    print(LEFT_TO_DO)


if __name__ == "__main__":
    command("retire", main, when_failed=". No file was changed.")
