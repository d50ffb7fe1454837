"""Tests of the files of a bulk run: odd, missing, damaged and full ones."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from haut_ext import ConfigError, Haut
from haut_ext.bulk import BulkReport, BulkStopped, bulk_erase, bulk_upload, read_manifest
from haut_ext.bulk.journal import Journal
from haut_ext.bulk.subject_list import read_subject_list
from haut_ext.sandbox import Sandbox

ROWS = "subject,front\na,front.jpg\n"


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let writes fail that extend a file beyond a size, as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def untyped(function: Any) -> Any:
    return function


# Manifests and lists of ids


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_byte_order_mark_is_ignored(tmp_path: Path, name: str, encoding: str) -> None:
    text = ROWS if name == "m.csv" else '{"subject": "a", "front": "front.jpg"}\n'
    (tmp_path / name).write_text(text, encoding)
    [row] = read_manifest(tmp_path / name)
    assert row == {"subject": "a", "front": str(tmp_path / "front.jpg")}


UNREADABLE = {
    "UTF-16": (ROWS.encode("utf-16"), "must be encoded in UTF-8"),
    "UTF-16 without a byte order mark": (ROWS.encode("utf-16-le"), "must be encoded in UTF-8"),
    "semicolons": (ROWS.replace(",", ";").encode(), "must be separated by commas"),
    "tabs": (ROWS.replace(",", "\t").encode(), "must be separated by commas"),
}


@pytest.mark.parametrize(("content", "message"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_manifest_in_another_format_is_one_clear_error(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_manifest(tmp_path / "m.csv")


@contextmanager
def pipe_with_a_manifest(path: Path) -> Iterator[None]:
    """Create a pipe. A program that reads it gets a manifest, and does not wait for a writer."""
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.write(descriptor, b"subject,front\na,b.jpg\n")
        yield
    finally:
        os.close(descriptor)


def test_pipe_or_missing_file_is_no_manifest(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    with pipe_with_a_manifest(pipe), pytest.raises(ConfigError, match="must be a regular file"):
        read_manifest(pipe)
    with pytest.raises(ConfigError, match="does not exist"):
        read_manifest(tmp_path / "missing.csv")


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_manifest_that_becomes_a_pipe_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("subject,front\n")
    rows = read_manifest(tmp_path / name)
    (path := tmp_path / name).unlink()
    with pipe_with_a_manifest(path), pytest.raises(ConfigError, match="must be a regular file"):
        next(rows)


ID = "2fea742a-62ec-4a81-9729-9e0283f9c40c"
LISTS: dict[str, tuple[str, list[Any]]] = {
    "list.txt": (f"a name\n\n {ID} \nDoe, Jane\n", ["a name", ID, "Doe, Jane"]),
    "list": (f"{{{ID}}}\n", [f"{{{ID}}}"]),
    "header.txt": (f"n,id\n1,{ID}\n", [{"id": ID}]),
    "objects": ('{"name": "a", "n": 1}\n', [{"name": "a"}]),
    "list.csv": ('name,n\n"Doe, Jane",1\n,\n=b,2\n', [{"name": "Doe, Jane"}, {"name": "=b"}]),
    "both.csv": (f"name,subject_id\na,{ID}\n", [{"subject_id": ID}]),
    "list.jsonl": (f'\n{{"name": "a", "id": "{ID}"}}\n', [{"id": ID, "name": "a"}]),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("name", LISTS)
def test_list_of_subjects_is_read(tmp_path: Path, name: str, encoding: str) -> None:
    text, rows = LISTS[name]
    (tmp_path / name).write_text(text.replace("\n", "\r\n"), encoding, newline="")
    assert read_subject_list(tmp_path / name) == rows
    reader, writer = os.pipe()
    os.write(writer, text.encode(encoding))
    os.close(writer)
    assert read_subject_list(f"/dev/fd/{reader}") == rows
    os.close(reader)


INVALID_LISTS: dict[str, tuple[str, bytes, str]] = {
    "no column": ("l.csv", b"subject,n\na,1\n", "has no column subject_id, id or name"),
    "no header": ("l.csv", ID.encode(), "has no column"),
    "two columns": ("l.csv", b"id,id\na,b\n", "several columns id"),
    "semicolons": ("l.csv", b"id;n\n1;2\n", "must be separated by commas"),
    "semicolons without suffix": ("l", b"id;n\n1;2\n", "must be separated by commas"),
    "comma in a name": ("l.csv", b"name\na\nDoe, Jane\n", "row 2 of the list has 2 cells"),
    "missing cell": ("l.csv", b"name,n\na\n", "row 1 of the list has 1 cells"),
    "open quotation mark": ("l.csv", b'name\n"a\nb\n', "cannot be read: unexpected end"),
    "empty cell": ("l.csv", b"name,n\na,1\n,2\n", "row 2: name must have"),
    "no id": ("l.csv", b"id,name\n17,a\n", "row 1: id must be a UUID"),
    "text in JSON Lines": ("l.jsonl", b'{"id": 1}\na\n', "row 2 of the list: .* no"),
    "number as a name": ("l.jsonl", b'{"name": 4711}\n', "row 1: name must be a string, not int"),
    "no key": ("l.jsonl", b'{"subject": "a"}\n', "row 1: a row needs one of the keys"),
    "row of a CSV file": ("l.txt", f"a\n{ID},b\n".encode(), "row 2 .* more than an id or a name"),
    "JSON in text": ("l.txt", b'a\n{"name": "b"}\n', "row 2 .* more than an id or a name"),
    "Latin-1": ("l.txt", b"a\nm\xfcller\n", "row 2 of the list is not encoded in UTF-8"),
    "UTF-16": ("l", "a\nb\n".encode("utf-16"), "must be encoded in UTF-8"),
    "empty": ("l.txt", b"\n \n", "is empty"),
    "only a header": ("l.csv", b"name\n", "is empty"),
    "no bytes": ("l.csv", b"", "is empty|has no column"),
    "long name": ("l.txt", b"x" * 513, "row 1: name must have 1 to 512 characters"),
    "large cell": ("l.csv", b"name\n" + b"x" * 200_000, "cannot be read: field larger"),
    "long line": ("l", b"a" * 1_000_001, "cannot be read: .* 1,000,000"),
    "lone surrogate": ("l.jsonl", b'{"name": "\\ud800"}\n', "not encoded in UTF-8"),
}


@pytest.mark.parametrize(("name", "content", "message"), INVALID_LISTS.values(), ids=INVALID_LISTS)
def test_invalid_list_of_subjects_is_one_error_before_anything(
    tmp_path: Path, haut: Haut, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    run: dict[str, Any] = {"journal": tmp_path / "j", "receipts": tmp_path / "r"}
    with pytest.raises(ConfigError, match=message) as caught:
        bulk_erase(haut, read_subject_list(tmp_path / name), **run)
    assert "Jane" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("row", [{"id": 10**5000}, {"name": 10**5000}, {}, 3, b"a", "\ud800", " "])
def test_invalid_row_of_an_iterable_is_refused(tmp_path: Path, haut: Haut, row: Any) -> None:
    with pytest.raises(ConfigError, match="the list of subjects has invalid rows: row 2: "):
        bulk_erase(haut, ["a", row], journal=tmp_path / "j", receipts=tmp_path / "r")
    assert list(tmp_path.iterdir()) == []


def test_list_of_subjects_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", "nul\0"):
        with pytest.raises(ConfigError, match="the list of subjects cannot be read"):
            read_subject_list(path)


LIMIT = 1_000_000
LONG_ROWS = {
    "m.jsonl": '{{"subject":"a","front":"{photo}"{spaces}}}\n',
    "m.csv": "a,{photo}{spaces}\n",
    "several lines.csv": '"a\n",{photo}{spaces}\n',
}


@pytest.mark.parametrize(("name", "row"), LONG_ROWS.items(), ids=LONG_ROWS)
def test_long_row_is_a_problem_and_the_next_row_is_processed(
    haut: Haut, photo: Path, tmp_path: Path, name: str, row: str
) -> None:
    blank = " " if name.endswith("jsonl") else ","
    header = "" if name.endswith("jsonl") else "subject,front\n"
    short = row.format(photo=photo.name, spaces="")
    length = len(short.replace("\n", ""))
    for number, spaces in enumerate((LIMIT - length, LIMIT + 1 - length, 5 * LIMIT)):
        rows = short + row.format(photo=photo.name, spaces=blank * spaces) + short
        (tmp_path / name).write_text(header + rows)
        first, second, third = read_manifest(tmp_path / name)
        assert (type(first), type(third)) == (dict, dict)
        assert isinstance(second, str) == bool(number)
        assert not number or "more than 1,000,000 characters" in str(second)


# Rows


def test_rows_numbered_from_0_are_different_rows(haut: Haut, photo: Path, tmp_path: Path) -> None:
    """A data frame numbers its rows from 0."""
    rows = [{"row": number, "subject": f"p {number}", "front": photo} for number in range(3)]
    assert bulk_upload(haut, rows, journal=tmp_path / "j").done == 3
    assert bulk_upload(haut, rows, journal=tmp_path / "j").skipped == 3


@pytest.mark.parametrize("row", [None, 7, b"a", ["front"], object()])
def test_row_that_is_no_mapping_is_a_problem(haut: Haut, tmp_path: Path, row: Any) -> None:
    assert untyped(bulk_upload)(haut, [row], journal=tmp_path / "j").bad == 1


# Journals


@pytest.fixture
def requests(sandbox: Sandbox) -> Iterator[None]:
    """Fail the test if the sandbox receives a request."""
    before = len(sandbox.requests)
    yield
    assert len(sandbox.requests) == before


@pytest.mark.usefixtures("requests")
def test_path_that_cannot_be_a_journal_is_refused(haut: Haut, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing/j", "j\0", "x" * 300, "", "pipe"):
        with pytest.raises(ConfigError, match="the journal"):
            bulk_upload(haut, [{}], journal=f"{tmp_path}/{name}")


@pytest.mark.usefixtures("requests")
def test_journal_without_space_is_refused(haut: Haut, tmp_path: Path) -> None:
    with (
        file_size_limit(100),
        pytest.raises(ConfigError, match="the journal cannot be written: "),
    ):
        bulk_upload(haut, [{}], journal=tmp_path / "j")


@pytest.mark.usefixtures("requests")
def test_old_sqlite_is_refused(haut: Haut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 32, 3))
    with pytest.raises(ConfigError, match=r"need SQLite 3\.33 or later"):
        bulk_upload(haut, [{}], journal=tmp_path / "j")


def test_journal_named_memory_is_a_file(
    haut: Haut, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"subject": "a", "front": photo}]
    assert bulk_upload(haut, rows, journal=":memory:").done == 1
    assert bulk_upload(haut, rows, journal=":memory:").skipped == 1


def test_run_stops_if_the_disk_becomes_full(haut: Haut, photo: Path, tmp_path: Path) -> None:
    rows = [{"subject": f"p {number}", "front": photo} for number in range(4)]
    limits: list[Any] = []

    def fill_disk(_: BulkReport) -> None:
        if not limits:
            limits.append(file_size_limit(1000))
            limits[0].__enter__()

    try:
        with pytest.raises(BulkStopped, match="is the disk full"):
            bulk_upload(haut, rows, journal=tmp_path / "j", max_in_flight=1, progress=fill_disk)
    finally:
        limits[0].__exit__(None, None, None)
    report = bulk_upload(haut, rows, journal=tmp_path / "j", compute_again=True)
    assert report.done + report.skipped == 4


@pytest.mark.parametrize("column", ["state", "files"])
def test_damaged_entry_is_a_problem_of_its_row(
    haut: Haut, photo: Path, tmp_path: Path, column: str
) -> None:
    rows = [{"subject": "a", "front": photo}]
    bulk_upload(haut, rows, journal=tmp_path / "j")
    with sqlite3.connect(tmp_path / "j") as database:
        database.execute(f"UPDATE rows SET {column} = '[', done = 0")
    database.close()
    report = bulk_upload(haut, rows, journal=tmp_path / "j")
    assert (report.bad, report.problems is not None) == (1, True)
    assert "damaged" in (tmp_path / "j.problems.csv").read_text()


@pytest.mark.parametrize("content", ["NULL", "'['", "'[]'", "x'ff'", "1"])
def test_list_of_problems_is_written_although_the_content_of_a_row_is_damaged(
    haut: Haut, tmp_path: Path, content: str
) -> None:
    bulk_upload(haut, [{"subject": "a"}], journal=tmp_path / "j")
    with sqlite3.connect(tmp_path / "j") as database:
        database.execute(f"UPDATE rows SET content = {content}")
    database.close()
    report = bulk_upload(haut, [], journal=tmp_path / "j")
    assert report.problems is not None
    assert "no photo" in report.problems.read_text()


HOLD = """
import sys
from uuid import UUID
from haut_ext import ConfigError, Scope
from haut_ext.bulk.journal import Journal
scope = Scope(base_url=sys.argv[2], company_id=UUID(sys.argv[3]), dataset_id=UUID(sys.argv[4]))
try:
    Journal(sys.argv[1], "upload", scope)
except ConfigError as error:
    print(error)
"""


def test_journal_stays_locked_after_this_process_has_tried_to_open_it_again(
    haut: Haut, tmp_path: Path
) -> None:
    """When a process closes a file, POSIX releases all locks that the process holds on the file."""
    scope = haut.scope
    arguments = (tmp_path / "j", scope.base_url, scope.company_id, scope.dataset())
    with Journal(tmp_path / "j", "upload", scope):
        with pytest.raises(ConfigError, match="in use"):
            Journal(tmp_path / "j", "upload", scope)
        other = subprocess.run(
            [sys.executable, "-c", HOLD, *map(str, arguments)], capture_output=True, text=True
        )
    assert (other.stdout, other.stderr) == ("the journal is in use by another process\n", "")


# Lists of problems


@pytest.mark.usefixtures("requests")
@pytest.mark.parametrize("existing", ["j", "new", "m.csv", "link", "photo.jpg"])
def test_list_of_problems_never_replaces_another_file(
    haut: Haut, photo: Path, tmp_path: Path, existing: str
) -> None:
    (tmp_path / "m.csv").write_text(ROWS)
    (tmp_path / "link").symlink_to(tmp_path / "m.csv")
    journal = tmp_path / ("new" if existing == "new" else "j")
    bulk_upload(haut, [], journal=tmp_path / "j")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    problems = tmp_path / ".." / tmp_path.name / existing
    with pytest.raises(ConfigError, match="list of problems would overwrite"):
        bulk_upload(haut, [], journal=journal, problems=problems)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_list_of_problems_is_not_its_own_manifest_under_another_spelling(
    haut: Haut, tmp_path: Path
) -> None:
    problems = bulk_upload(haut, [{"subject": "a"}], journal=tmp_path / "j").problems
    assert problems is not None
    (tmp_path / "link.csv").symlink_to(problems)
    for manifest in (f"{tmp_path}/../{tmp_path.name}/{problems.name}", tmp_path / "link.csv"):
        with pytest.raises(ConfigError, match="save it under another name"):
            bulk_upload(haut, manifest, journal=tmp_path / "j")


# Other arguments


@pytest.mark.usefixtures("requests")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"requests_per_second": float("nan")}, "requests_per_second must be .*, not NaN"),
        ({"requests_per_second": 1e-320}, "requests_per_second must be 0.001 or more"),
        ({"requests_per_second": 0}, "requests_per_second must be"),
        ({"max_in_flight": 0}, "max_in_flight must be 1 to"),
        ({"max_in_flight": 10**6}, "max_in_flight must be 1 to"),
        ({"outage_timeout": -1}, "outage_timeout must be"),
        ({"problems": "missing/problems.csv"}, "problems= must be"),
        ({"problems": "a\0b"}, "problems= must be"),
        ({"problems": "."}, "problems= must be"),
        ({"progress": print, "compute_again": 1}, "compute_again must be bool, not int"),
        ({"haut": None}, "haut must be Haut, not NoneType"),
    ],
)
def test_invalid_argument_is_refused(
    haut: Haut, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        untyped(bulk_upload)(
            **{"haut": haut, "manifest": [], "journal": tmp_path / "j", **arguments}
        )


@pytest.mark.usefixtures("requests")
def test_receipts_must_be_a_folder(haut: Haut, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for receipts in (tmp_path / "file", f"{tmp_path}/a\0b"):
        with pytest.raises(ConfigError, match="receipts="):
            bulk_erase(haut, [], journal=tmp_path / "j", receipts=receipts)


def test_error_of_the_token_callable_is_not_an_error_of_the_disk(
    sandbox: Sandbox, photo: Path, tmp_path: Path
) -> None:
    def token() -> str:
        raise OSError("no network to the vault")

    credentials: dict[str, Any] = {**sandbox.credentials, "token": token}
    with Haut(**credentials) as haut, pytest.raises(OSError, match="vault"):
        bulk_upload(haut, [{"subject": "a", "front": photo}], journal=tmp_path / "j")
