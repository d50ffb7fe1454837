"""Write the tables of docs/results.md from haut_ext.algorithm_families.

With --check, only compare, as part of `make check`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from haut_ext.algorithm_families import (
    FAMILIES,
    PARAMETER_BANDS,
    PARAMETERS,
    SCORE_BANDS,
    AlgorithmFamily,
    KnownAreas,
    KnownMetric,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "results.md"
BEGIN, END = "<!-- tables: make results-tables -->\n", "<!-- end of the tables -->"
EXAMINES = {"skin": "skin", "photo": "quality of the photo", "face": "position of the face"}


def main() -> int:
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    expected = f"{before}{BEGIN}\n{tables()}\n{END}{after}"
    if "--check" not in sys.argv:
        PAGE.write_text(expected, "utf-8")
    elif page != expected:
        print("docs/results.md is outdated. Run: make results-tables")
        return 1
    return 0


def tables() -> str:
    parts = [
        "### Families of Face Metrics 2.0",
        _table(
            ("Family", "Examines", "Kinds of masks", "Formats", "Evidence", "Remarks"),
            map(_family_row, FAMILIES),
        ),
        "### Metrics of Face Metrics 2.0",
        _table(
            ("Family", "Areas", "Metric", "Submetric of", "Value", "Unit", "Evidence"),
            [
                row
                for family in FAMILIES
                for group in family.areas
                for row in _metric_rows(family, group)
            ],
        ),
        "### Parameters of Face Metrics 3.0",
        _table(
            ("Parameter", "Fields", "Areas", "Fields of an area", "Unit"),
            [
                (
                    _code(known.name),
                    _codes(known.fields),
                    _codes(known.areas),
                    _codes(known.area_fields),
                    known.unit or "",
                )
                for known in PARAMETERS
            ],
        ),
        "### Bands of scores",
        _table(
            ("Score of Face Metrics 2.0", "Band"),
            [(f"above {low}" if low else "0 to 30", band) for low, band in SCORE_BANDS],
        ),
        _table(
            ("Score of Face Metrics 3.0", "`grade`", "`tag`"),
            [(f"at least {low}", str(grade), tag) for low, grade, tag in PARAMETER_BANDS],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _family_row(family: AlgorithmFamily) -> tuple[str, ...]:
    return (
        _code(family.name),
        EXAMINES[family.examines],
        _codes(sorted({mask.kind for mask in family.masks})),
        ", ".join(family.eras),
        family.evidence,
        family.note,
    )


def _metric_rows(family: AlgorithmFamily, group: KnownAreas) -> Iterable[tuple[str, ...]]:
    eras = "" if len(group.eras) == 2 else f" ({', '.join(group.eras) or 'not seen'})"
    for metric in (group.main, *(group.sub_metrics or ())):
        yield (
            _code(family.short_name),
            _codes(group.areas) + eras,
            _code(metric.tech_name),
            "" if metric is group.main else _code(group.main.tech_name),
            _value(metric),
            metric.unit or "",
            metric.evidence
            if metric.evidence == group.evidence
            else f"areas {group.evidence}, metric {metric.evidence}",
        )


def _value(metric: KnownMetric) -> str:
    if metric.widget_type == "category":
        return "text, such as " + _codes(map(str, metric.values))
    return "score, 0 to 100" if metric.is_score else "number"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _code(name: str) -> str:
    return f"`{name}`"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(map(_code, names))


if __name__ == "__main__":
    sys.exit(main())
