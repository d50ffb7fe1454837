"""The conformance table as the page on reliability shows it; run as a module, it puts it there.

python -m tests.wire.table
"""

from __future__ import annotations

from pathlib import Path

from tests.conformance import COLUMNS, TABLE

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- conformance table -->\n", "<!-- end of the table -->\n"


def rendered() -> str:
    """Return the tests' own table in Markdown, after the operations of each column."""
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


def shown() -> tuple[str, str, str]:
    """Return the page before, in and after its table."""
    before, begin, rest = PAGE.read_text("utf-8").partition(BEGIN)
    table, end, after = rest.partition(END)
    assert begin, "the page has no table"
    assert end, "the page's table does not end"
    return before + begin, table, end + after


if __name__ == "__main__":
    before, _, after = shown()
    PAGE.write_text(before + rendered() + after, "utf-8")
