"""What was measured, as rows of a table: docs/benchmarks.json and the tables in docs/benchmarks.md."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from benchmarks.measuring import Figure, ratios

DOCS = Path(__file__).resolve().parent.parent / "docs"


@frozen
class Result:
    """One comparison.

    Attributes:
        what: What was done.
        ours: Our figure.
        peer: The peer's, if there is one.
        value: The ratio, or the figure itself.
        spread: Half the distance between the quartiles of the rounds' values.
        wanted: What it should be; empty where nothing was asked for.
        met: Whether it is; None where nothing was asked for.
    """

    what: str
    ours: str
    peer: str
    value: float
    spread: float | None = None
    wanted: str = ""
    met: bool | None = None

    @property
    def row(self) -> str:
        spread = "" if self.spread is None else f" ± {self.spread:.2f}"
        met = {True: "yes", False: "**no**", None: ""}[self.met]
        cells = (self.what, self.ours, self.peer, f"{self.value:,.2f}{spread}", self.wanted, met)
        return "| " + " | ".join(cells) + " |"


def against(
    what: str, figures: Mapping[str, Figure], ours: str, peer: str, at_most: float | None = None
) -> Result:
    """Return the ratio of two contenders of the same rounds."""
    ratio, spread = ratios(figures[ours], figures[peer])
    result = (what, f"{ours}: {figures[ours]}", f"{peer}: {figures[peer]}", ratio, spread)
    if at_most is None:
        return Result(*result)
    return Result(*result, wanted=f"at most {at_most:.3g}", met=ratio <= at_most)


HEAD = ["| what | ours | peer | ratio or figure | wanted | met |", "|---|---|---|---|---|---|"]


def machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "httpx": version("httpx"),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def write(measured: Mapping[str, Sequence[Result]]) -> None:
    """Write docs/benchmarks.json, and its figures into docs/benchmarks.md."""
    content = {
        "machine": machine(),
        "measured": {
            name: [asdict(result) for result in found] for name, found in measured.items()
        },
    }
    (DOCS / "benchmarks.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    page = DOCS / "benchmarks.md"
    page.write_text(filled(page.read_text("utf-8"), content), "utf-8")


def filled(page: str, content: Mapping[str, Any]) -> str:
    """Return the page with the figures of docs/benchmarks.json in their places."""
    known = content["machine"]
    about = (
        f"Python {known['python']}, httpx {known['httpx']}, {known['processors']} processors "
        f"({known['processor']}), {known['system']}."
    )
    page = _between(page, "machine", [about])
    for name, found in content["measured"].items():
        page = _between(page, name, [*HEAD, *(Result(**result).row for result in found)])
    return page


def _between(text: str, name: str, lines: Sequence[str]) -> str:
    before, _, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->\n")
    assert end, f"the page has no place for {name}"
    return f"{before}<!-- {name} -->\n" + "".join(f"{line}\n" for line in lines) + end + after
