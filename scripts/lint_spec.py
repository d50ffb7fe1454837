"""Validate the OpenAPI contract that is passed to the code generator, and lint it with redocly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts.generate import OVERLAY, load_contract
from scripts.spec.document import ROOT, command, dump

OPENAPI = ROOT / "openapi"
CONTRACT = ROOT / "build" / "contract.yaml"


def main() -> int:
    command("lint", _write_contract)
    redocly = OPENAPI / "node_modules" / ".bin" / "redocly"
    if not redocly.exists():
        sys.exit("redocly is not installed; run `make check` once")
    node = Path(sys.executable).parent  # use the pinned version of node
    # The linter runs packages of other authors: it gets no credentials.
    inherited = {name: it for name, it in os.environ.items() if not name.startswith("HAUT_")}
    environment = {
        **inherited,
        "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}",
        "REDOCLY_TELEMETRY": "off",
        "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
    }
    lint = [str(redocly), "lint", str(CONTRACT), "--config", str(OPENAPI / "redocly.yaml")]
    return subprocess.run(lint, cwd=ROOT, env=environment, check=False).returncode


def _write_contract() -> None:
    CONTRACT.parent.mkdir(exist_ok=True)
    CONTRACT.write_text(dump(load_contract(OVERLAY)), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
