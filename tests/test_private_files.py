"""Private files are never written over another file, also without hard links."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from haut_ext import private_files


@pytest.mark.parametrize("hard_links", [True, False])
@pytest.mark.parametrize("existing", ["file", "link", "dangling link", "nothing"])
def test_existing_file_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: str, hard_links: bool
) -> None:
    def no_link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if not hard_links:
        monkeypatch.setattr(os, "link", no_link)
    path, other = tmp_path / "receipt.json", tmp_path / "other"
    if existing != "dangling link":
        other.write_text("other")
    if existing == "file":
        path.write_text("other")
    elif existing != "nothing":
        path.symlink_to(other)
    before = sorted(tmp_path.iterdir())
    if existing == "nothing":
        private_files.create(path, "mine")
        assert (path.read_text(), path.lstat().st_mode & 0o777) == ("mine", 0o600)
        return
    with pytest.raises(FileExistsError):
        private_files.create(path, "mine")
    assert sorted(tmp_path.iterdir()) == before
    assert existing == "dangling link" or path.read_text() == other.read_text() == "other"


def test_file_is_not_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("other")
    (link := tmp_path / "link").symlink_to("other")
    with pytest.raises(OSError, match="symbolic link"):
        private_files.read(link)


def test_two_writers_of_a_file_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    with private_files.replacing(path) as first:
        first.write("first")
        private_files.replace(path, "second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
