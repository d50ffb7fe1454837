"""Tests of what reaches the terminal: escaped text, whole tables, and the names of options."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haut_ext.cli import output
from haut_ext.sandbox import faults
from haut_ext.text import escape
from tests.cli.conftest import Shell

HOSTILE = "a\x1b[2J\x9b1m\u202eb\r\nforged\u2028row\x07"


class Terminal(io.StringIO):
    """Stands for a terminal as standard output."""

    def isatty(self) -> bool:
        return True


def add_subject(shell: Shell, name: str) -> str:
    with shell.sandbox.database.lock:
        return str(shell.sandbox.database.create_subject(name).id)


def assert_harmless(text: str) -> None:
    assert all(character.isprintable() or character == "\n" for character in text), text


# Control characters


def test_control_characters_of_a_name_are_escaped(shell: Shell) -> None:
    subject_id = add_subject(shell, HOSTILE)
    listed, _ = shell.run("subjects", "list")
    assert len(listed.splitlines()) == 2
    assert r"a\x1b[2J\x9b1m\u202eb\r\nforged\u2028row\x07" in listed
    as_json, _ = shell.run("subjects", "list", "--json")
    assert json.loads(as_json)["name"] == HOSTILE
    found, _ = shell.run("subjects", "find", HOSTILE)
    assert subject_id in found
    for text in (listed, as_json, found):
        assert_harmless(text)


def test_control_characters_of_a_path_or_an_error_are_escaped(shell: Shell) -> None:
    _, err = shell.run("upload", "a", "--front", f"{HOSTILE}.jpg", code=2)
    assert_harmless(err)
    _, err = shell.run("upload", "a", "--resume", f"{HOSTILE}.json", code=2)
    assert_harmless(err)
    body = json.dumps({"errors": [{"code": "x", "detail": HOSTILE, "attr": None}]}).encode()
    shell.sandbox.faults.add(
        "list_subjects", faults.status(400, body, content_type="application/json")
    )
    _, err = shell.run("subjects", "list", code=1)
    assert_harmless(err)
    assert len(err.splitlines()) == 1


def test_name_of_a_file_forges_no_line(shell: Shell) -> None:
    [subject] = shell.sandbox.add_subjects(1)
    receipt = f"{HOSTILE}.json".replace("/", "")
    erased, _ = shell.run("erase", subject.id, "--yes", "--receipt", receipt)
    (shell.folder / "m.csv").write_text("subject,front\na,missing.jpg\n")
    listed, _ = shell.run("bulk", "upload", "m.csv", "--journal", f"{HOSTILE}.journal", code=3)
    shell.sandbox.faults.add("upload_image", faults.status(403))
    shell.run("upload", "a", "--front", "front.jpg", code=4)
    [state] = shell.folder.glob("haut-upload-*")
    state.rename(shell.folder / f"{HOSTILE}.state")
    shell.sandbox.faults.add("upload_image", faults.status(403))
    arguments = ("upload", "a", "--front", "front.jpg", "--resume", f"{HOSTILE}.state")
    _, resumed = shell.run(*arguments, code=4)
    for text in (erased, listed, resumed):
        assert_harmless(text)
        assert r"\nforged" in text
        assert not [line for line in text.splitlines() if line.startswith("forged")]


def test_names_in_any_script_are_not_escaped() -> None:
    for name in ("José", "名前\u3000花子", "\u0639\u200c\u0644\u06cc", "👩\u200d👩\u200d👧"):
        assert escape(name) == name


# Encodings


def test_output_that_is_not_unicode_is_escaped(shell: Shell) -> None:
    add_subject(shell, "José 名前 \U0001f600")
    for arguments, expected in (
        (["list"], rb"Jos\xe9 \u540d\u524d \U0001f600"),
        (["list", "--json"], rb"Jos\u00e9 \u540d\u524d \ud83d\ude00"),
    ):
        written = io.BytesIO()
        stdout = io.TextIOWrapper(written, "ascii")
        with patch.object(contextlib, "redirect_stdout", lambda _, s=stdout: _redirected(s)):
            shell.run("subjects", *arguments)
        stdout.flush()
        assert expected in written.getvalue()


@contextlib.contextmanager
def _redirected(stdout: io.TextIOWrapper) -> Iterator[None]:
    with patch.object(sys, "stdout", stdout):
        yield


# Tables


def printed(columns: Sequence[str], rows: Sequence[Sequence[object]], width: int) -> str:
    with (
        contextlib.redirect_stdout(Terminal()) as terminal,
        patch.dict(os.environ, {"COLUMNS": str(width)}),
    ):
        output.print_table(columns, rows)
    return terminal.getvalue()


def test_table_that_fits_is_aligned() -> None:
    rows = [("1", "名前"), ("22", None)]
    assert printed(("id", "name"), rows, 8) == "id  name\n1   名前\n22\n"


def test_table_that_is_too_wide_lists_the_cells() -> None:
    rows = [("1", "a long name"), ("22", "b")]
    expected = "id    1\nname  a long name\n\nid    22\nname  b\n\n"
    assert printed(("id", "name"), rows, 14) == expected


def test_table_that_is_too_wide_wraps_its_cells_but_no_ids() -> None:
    rows = [(str(UUID(int=0)), "a name of several words"), (str(UUID(int=1)), "b" * 20)]
    assert [line.rstrip() for line in printed(("id", "name"), rows, 52).splitlines()] == [
        "id                                    name",
        "00000000-0000-0000-0000-000000000000  a name of",
        "                                      several words",
        "00000000-0000-0000-0000-000000000001  bbbbbbbbbbbbbb",
        "                                      bbbbbb",
    ]


def test_column_of_words_is_wrapped_to_less_than_the_width_of_an_id() -> None:
    lines = printed(("a", "b"), [("a" * 40, "b")], 30).splitlines()
    assert [line.split() for line in lines] == [["a", "b"], ["a" * 27, "b"], ["a" * 13]]


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), min_size=1), st.integers(1, 60))
def test_every_cell_is_printed_completely(rows: list[tuple[str, str, str]], width: int) -> None:
    text = printed(("a", "bb", "ccc"), rows, width)
    for row in rows:
        for cell in row:
            assert not Counter("".join(escape(cell).split())) - Counter(text)


def test_reason_of_a_problem_is_printed_completely(shell: Shell) -> None:
    long = "x" * 400
    (shell.folder / "m.csv").write_text(f"subject,front,{long}\na,front.jpg,1\n")
    out, _ = shell.run("bulk", "upload", "m.csv", "--journal", "j", code=3)
    assert long in out


# Messages


def test_messages_name_options_and_variables(shell: Shell) -> None:
    (shell.folder / "m.csv").write_text("subject,front\na,front.jpg\n")
    upload = ("bulk", "upload", "m.csv", "--journal", "j")
    _, err = shell.run(*upload, "--requests-per-second", "nan", code=2)
    assert err == "haut: --requests-per-second must be float | None, not NaN\n"
    _, err = shell.run(*upload, "--max-in-flight", "1000000", code=2)
    assert err.startswith("haut: --max-in-flight must be")
    _, err = shell.run("subjects", "list", code=2, HAUT_TOKEN="")
    assert "HAUT_TOKEN" in err
    assert "token=" not in err
    out, _ = shell.run("doctor", code=1, HAUT_DATASET_ID="")
    assert "set HAUT_DATASET_ID" in out
    assert "dataset_id=" not in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("bulk", "erase", "missing", "--journal", "j", "--receipts", "r", "--yes"),
        ("bulk", "upload", "missing.csv", "--journal", "j"),
        ("upload", "a", "--resume", "missing.json", "--front", "front.jpg"),
        ("upload", "a", "--front", "missing.jpg"),
    ],
)
def test_missing_input_file_is_invalid_input(shell: Shell, arguments: tuple[str, ...]) -> None:
    shell.run(*arguments, code=2)
    assert shell.sandbox.requests == []


# CSV files


def test_list_of_problems_with_an_oversized_cell_is_printed(shell: Shell) -> None:
    row = {"row": "=1+1", "subject": "a", "front": "missing.jpg", "meta": "x" * 200_000}
    (shell.folder / "m.jsonl").write_text(json.dumps(row))
    out, _ = shell.run("bulk", "upload", "m.jsonl", "--journal", "j", code=3)
    assert out.startswith("1 bad; ")
