"""Tests that the layers shown in CONTRIBUTING.md match the import-linter configuration."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- layers -->\n", "<!-- end of the layers -->"


def layers() -> str:
    """Return the layers configured in pyproject.toml, formatted as in CONTRIBUTING.md."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lines = []
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            lines += ["", f"    {' and '.join(contract['containers'])}"]
            lines += [f"      {layer}" for layer in contract["layers"]]
    return "\n".join(lines) + "\n\n"


def test_contributing_shows_the_layers() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    shown = page.partition(BEGIN)[2].partition(END)[0]
    assert shown == layers()
