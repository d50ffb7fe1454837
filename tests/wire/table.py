"""Render the conformance table of tests/conformance.py for docs/reliability.md.

`python -m tests.wire.table` writes it into the page.
"""

from __future__ import annotations

from pathlib import Path

from tests.conformance import COLUMNS, TABLE

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- conformance table -->\n", "<!-- end of the table -->\n"


def render_table() -> str:
    """Return the operations of each column, then the table, in Markdown."""
    header, *rows = [
        [cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()
    ]
    lines = [header, ["---"] * len(header), *rows]
    columns = [
        f"- {column}: {', '.join(f'`{name}`' for name in operations)}\n"
        for column, operations in COLUMNS.items()
    ]
    table = ["| " + " | ".join(cells) + " |\n" for cells in lines]
    return "".join([*columns, "\n", *table])


def split_page() -> tuple[str, str, str]:
    """Return the text before the table, the table, and the text after it."""
    before, begin, rest = PAGE.read_text("utf-8").partition(BEGIN)
    table, end, after = rest.partition(END)
    assert begin, f"{PAGE.name} has no line {BEGIN.strip()}"
    assert end, f"{PAGE.name} has no line {END.strip()}"
    return before + begin, table, end + after


if __name__ == "__main__":
    before, _, after = split_page()
    PAGE.write_text(before + render_table() + after, "utf-8")
