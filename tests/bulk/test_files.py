"""Tests of the files of a bulk run: odd, missing, damaged and full ones."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from haut_ext import ConfigError, Haut
from haut_ext.bulk import BulkReport, BulkStopped, bulk_erase, bulk_upload, read_manifest
from haut_ext.bulk.journal import Journal
from haut_ext.bulk.manifest import read_subject_ids
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


def test_pipe_or_missing_file_is_no_manifest(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe.csv")
    with pytest.raises(ConfigError, match="must be a regular file"):
        read_manifest(pipe)
    with pytest.raises(ConfigError, match="does not exist"):
        read_manifest(tmp_path / "missing.csv")


def test_ids_are_read_from_a_pipe() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"\xef\xbb\xbfa\n\n b \n")
    os.close(writer)
    try:
        assert list(read_subject_ids(f"/dev/fd/{reader}")) == ["a", "b"]
    finally:
        os.close(reader)


def test_file_that_contains_no_ids_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("a\nb\n", "utf-16")
    with pytest.raises(ConfigError, match="must be encoded in UTF-8"):
        list(read_subject_ids(tmp_path / "ids"))
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ConfigError, match="the file of subject ids cannot be read"):
            list(read_subject_ids(path))


def test_list_of_ids_with_an_oversized_cell_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("subject_id\n" + "x" * 200_000)
    with pytest.raises(ConfigError, match="the file of subject ids cannot be read: field larger"):
        list(read_subject_ids(tmp_path / "ids.csv"))


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


@pytest.mark.parametrize("name", ["ids", "ids.csv"])
def test_long_line_of_a_list_of_ids_is_refused(tmp_path: Path, name: str) -> None:
    for length, refused in ((LIMIT, False), (LIMIT + 1, True)):
        cell = "a," * (length // 2) + "a" * (length % 2)
        (tmp_path / name).write_text(f"subject_id\n{cell}\n")
        with pytest.raises(ConfigError, match="1,000,000") if refused else nullcontext():
            assert list(read_subject_ids(tmp_path / name))


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
    with pytest.raises(ConfigError, match="list of problems would overwrite"):
        bulk_erase(haut, [], journal=journal, receipts=tmp_path / "receipts", problems=problems)
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
