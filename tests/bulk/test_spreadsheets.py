"""Cells of CSV files that a spreadsheet program would execute as formulas are marked."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from haut_ext import Haut
from haut_ext.bulk import bulk_upload, read_manifest
from haut_ext.csv_cells import marked, unmarked
from haut_ext.sandbox import Sandbox

BLANKS = "\t\r\n \v\f\x00\x1b\xa0\u3000\u200b\ufeff\u202e"
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe62", "\ufe63")


@given(st.text(max_size=5) | st.text((*"'ab", *BLANKS, *FORMULA), max_size=5))
@example("'=1")
@example(" =1")
@example("\xa0\uff1d1")
def test_marks_are_reversible_and_leave_no_formula(text: str) -> None:
    row = {"name": text, "count": -1, "none": None}
    cell = str(marked(row)["name"])
    assert not cell.startswith(("\t", "\r", "\n"))
    assert not cell.lstrip(BLANKS).startswith(FORMULA)
    assert marked(row)["count"] == -1
    assert unmarked(marked(row)) == row


@pytest.mark.parametrize("name", ["=1+1", "+49", "-x", "@x", "'=1", "'quoted'", "a\n=1", "\uff1d1"])
def test_list_of_problems_has_no_formula_and_can_be_used_as_a_manifest(
    tmp_path: Path, haut: Haut, sandbox: Sandbox, photo: Path, name: str
) -> None:
    manifest = [{"row": name, "subject": name, "front": "missing.jpg"}]
    report = bulk_upload(haut, manifest, journal=tmp_path / "j")
    assert report.problems is not None
    with report.problems.open(newline="") as file:
        [cells] = csv.DictReader(file)
    assert not any(cell.startswith(FORMULA) for cell in cells.values())
    repaired = report.problems.rename(tmp_path / "repaired.csv")
    [row] = read_manifest(repaired)
    assert isinstance(row, dict)
    assert (row["row"], row["subject"]) == (name, name)
    repaired.write_text(repaired.read_text().replace("missing.jpg", str(photo)))
    assert bulk_upload(haut, repaired, journal=tmp_path / "j").done == 1
    assert [subject["name"] for subject in sandbox.snapshot()["subjects"]] == [name]


def test_manifest_that_a_person_wrote_is_read_unchanged(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("subject,front\n'=a,'b.jpg\n")
    [row] = read_manifest(tmp_path / "m.csv")
    assert row == {"subject": "'=a", "front": str(tmp_path / "'b.jpg")}
