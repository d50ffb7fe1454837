"""Tests of `haut login`, `haut logout` and `--profile`."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import pytest
from attrs import evolve

from haut_ext import Haut
from haut_ext.cli import profiles
from haut_ext.sandbox import faults
from tests.cli.conftest import Shell


@pytest.fixture
def user(shell: Shell) -> Shell:
    """A shell without HAUT_ variables and with an empty home folder."""
    home = shell.folder / "home"
    home.mkdir()
    return evolve(shell, environment={"PATH": os.environ["PATH"], "HOME": str(home)})


def login_arguments(user: Shell, profile: str = "") -> list[str]:
    arguments = ["--profile", profile, "login"] if profile else ["login"]
    for name in ("company_id", "dataset_id", "base_url"):
        arguments += ["--" + name.replace("_", "-"), str(user.sandbox.credentials[name])]
    return arguments


def login(user: Shell, *options: str, code: int = 0, token: str = "", profile: str = "") -> str:
    typed = (token or user.sandbox.credentials["token"]) + "\n"
    return user.run(*login_arguments(user, profile), *options, code=code, typed=typed)[1]


def profiles_file(user: Shell) -> Path:
    [path] = user.folder.glob("home/**/profiles.ini")
    return path


def test_commands_use_the_profile_that_a_login_stored(user: Shell) -> None:
    assert "no configuration. Run haut login" in user.run("subjects", "list", code=2)[1]
    err = login(user)
    assert str(profiles_file(user)) in err
    with Haut(**user.sandbox.credentials) as haut:
        haut.subjects.create("Ada")
    assert "Ada" in user.run("subjects", "list")[0]
    assert "ok" in user.run("doctor")[0]


def test_only_the_owner_can_read_the_profiles(user: Shell) -> None:
    old = os.umask(0)
    try:
        login(user)
    finally:
        os.umask(old)
    path = profiles_file(user)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def _replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _replace_by_link(path: Path) -> None:
    moved = path.rename(path.with_suffix(".moved"))
    path.symlink_to(moved)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda path: path.chmod(0o640), "can be read by other users; run chmod 600"),
        (lambda path: path.write_text("[a]\ntoken\nsecret-token"), "is not a valid INI file"),
        (lambda path: path.write_text("[default]\n[default]\n"), "is not a valid INI file"),
        (lambda path: path.write_bytes(b"[\xff]"), "it is not text"),
        (lambda path: path.write_bytes(b"#" * 2_000_000), "is too large"),
        (_replace_by_pipe, "not a regular file"),
        (_replace_by_link, "cannot be read"),
        (lambda path: path.write_text("[other]\ntoken = a\n"), "no configuration. Run haut login"),
    ],
)
def test_an_unusable_file_is_refused_without_printing_its_content(
    user: Shell, change: Callable[[Path], object], problem: str
) -> None:
    login(user)
    change(profiles_file(user))
    out, err = user.run("subjects", "list", code=2)
    assert problem in err
    assert "secret-token" not in err + out


@pytest.mark.parametrize("key", ["token", "company_id", "dataset_id"])
def test_a_message_names_the_key_that_the_profile_lacks(user: Shell, key: str) -> None:
    """With the environment variable alone, the command would not use the profile at all."""
    login(user)
    path = profiles_file(user)
    path.write_text(path.read_text().replace(f"{key} =", "other ="))
    for command, code in (("subjects", "list"), 2), (("doctor",), 1):
        printed = "".join(user.run(*command, code=code))
        assert f"{key} in the profile 'default'" in printed
        assert f"HAUT_{key.upper()}" not in printed


def test_profiles_written_by_windows_editors_are_read(user: Shell) -> None:
    login(user)
    path = profiles_file(user)
    path.write_text(path.read_text(), encoding="utf-8-sig", newline="\r\n")
    user.run("subjects", "list")


def test_simultaneous_logins_keep_the_profiles_of_each_other(user: Shell) -> None:
    first = user.start(*login_arguments(user, "first"))
    assert first.stderr
    assert "Service: " in first.stderr.readline()  # it has read the profiles
    login(user, profile="second")
    assert first.communicate(user.sandbox.credentials["token"])[0] == ""
    expected = {"first", "second", *map(str, range(20))}
    with patch.dict(os.environ, user.environment, clear=True), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: profiles.store(str(number), {}), range(20)))
        assert profiles.load().keys() == expected
        profiles.store("first", None)
        assert profiles.load().keys() == expected - {"first"}


def test_profiles_are_selected_by_name(user: Shell) -> None:
    login(user, profile="clinic")
    assert "no configuration" in user.run("subjects", "list", code=2)[1]
    user.run("--profile", "clinic", "subjects", "list")
    user.run("subjects", "list", HAUT_PROFILE="clinic")
    assert "no profile 'clinc'" in user.run("--profile", "clinc", "subjects", "list", code=2)[1]
    assert "can contain" in user.run("--profile", "a]\n[b", "subjects", "list", code=2)[1]
    login(user)
    user.run("--profile", "clinic", "logout", "--yes")
    user.run("subjects", "list")
    user.run("--profile", "clinic", "subjects", "list", code=2)
    assert user.sandbox.credentials["token"] in profiles_file(user).read_text()
    user.run("logout", "--yes")
    assert user.sandbox.credentials["token"] not in profiles_file(user).read_text()


@pytest.mark.parametrize("variable", ["HAUT_TOKEN", "HAUT_TOKEN_FILE", "HAUT_DATASET_ID"])
def test_a_profile_is_never_mixed_with_variables(user: Shell, variable: str) -> None:
    login(user)
    set_variable = {variable: "f7a4d4f7-6e0a-4f5c-a44f-29a1e67cbb41"}
    _, err = user.run("--profile", "default", "subjects", "list", code=2, **set_variable)
    assert f"cannot be combined with {variable}" in err
    user.run("subjects", "list", code=2, **set_variable)  # the variables are not completed


def test_a_token_that_the_service_rejects_is_not_stored(user: Shell) -> None:
    assert "401" in login(user, code=1, token="wrong-token")
    assert not list(user.folder.glob("home/**/profiles.ini"))
    assert "no token" in user.run("login", "--company-id", "a", code=2, typed="\n")[1]


def test_a_token_with_a_byte_order_mark_is_read_and_one_in_utf_16_is_refused(user: Shell) -> None:
    token = user.sandbox.credentials["token"]
    login(user, token=f"\ufeff{token}\r")
    for errors in "strict", "surrogateescape":  # Python chooses one of these by the locale
        stdin = io.TextIOWrapper(io.BytesIO(token.encode("utf-16")), "utf-8", errors)
        _, err = user.run(*login_arguments(user, "other"), code=2, typed=stdin)
        assert "the token must be ASCII text" in err


def test_commands_that_ask_end_without_a_traceback_if_stdin_is_closed(user: Shell) -> None:
    assert "no token" in user.run(*login_arguments(user), code=2, typed=None)[1]
    login(user)
    user.run("logout", code=1, typed=None)
    [subject] = user.sandbox.add_subjects(1)
    user.run("erase", str(subject.id), code=1, typed=None)


def test_a_profile_is_replaced_only_with_consent(user: Shell) -> None:
    login(user)
    before = profiles_file(user).read_text()
    assert "pass --yes to replace it" in login(user, code=2)
    assert profiles_file(user).read_text() == before
    login(user, "--yes")


def test_the_command_that_continues_an_upload_names_the_profile(user: Shell) -> None:
    login(user, profile="clinic")
    user.sandbox.faults.add("upload_image", faults.status(403))
    _, err = user.run("--profile", "clinic", "upload", "Ada", "--front", "front.jpg", code=4)
    assert "Continue with: haut --profile clinic upload " in err
