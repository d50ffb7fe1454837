"""The page on speed shows the very figures of the run that docs/benchmarks.json keeps."""

from __future__ import annotations

import json

from benchmarks.report import DOCS, filled


def test_figures_are_the_runs_figures() -> None:
    content = json.loads((DOCS / "benchmarks.json").read_text("utf-8"))
    page = (DOCS / "benchmarks.md").read_text("utf-8")
    assert filled(page, content) == page
    places = [line for line in page.splitlines() if line.startswith("<!-- end of ")]
    assert len(places) == 1 + len(content["measured"])
